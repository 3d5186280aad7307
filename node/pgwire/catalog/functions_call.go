package catalog

import (
	"fmt"
	"slices"
	"strings"

	pg "github.com/pganalyze/pg_query_go/v6"
)

// call writes a call of a function.
func (b *binder) call(f *pg.FuncCall, s *scope) (expr, error) {
	names := words(f.Funcname)
	if len(names) == 0 {
		return expr{}, b.unsupported(f.Location, "this call")
	}
	name := names[len(names)-1]
	if len(names) > 2 || len(names) == 2 && names[0] != "pg_catalog" && !(names[0] == "information_schema" && name == "_pg_expandarray") {
		return expr{}, b.fail("42883", f.Location, "function %s does not exist", strings.Join(names, "."))
	}
	switch {
	case f.FuncVariadic:
		return expr{}, b.unsupported(f.Location, "VARIADIC")
	case f.AggWithinGroup:
		return expr{}, b.unsupported(f.Location, "WITHIN GROUP")
	case f.AggStar && name != "count":
		return expr{}, b.fail("42883", f.Location, "function %s(*) does not exist", name)
	}
	var args []expr
	for _, node := range f.Args {
		if node.GetNamedArgExpr() != nil {
			return expr{}, b.unsupported(f.Location, "an argument by name")
		}
		e, err := b.expr(node, s)
		if err != nil {
			return expr{}, err
		}
		args = append(args, e)
	}
	plainCall := len(f.AggOrder) == 0 && f.AggFilter == nil && f.Over == nil && !f.AggStar && !f.AggDistinct
	if special := b.specials()[name]; special != nil && plainCall {
		return special(f, args)
	}
	if f.AggStar {
		args = []expr{}
		return b.aggregate(f, &function{name: "count", result: oidInt8, aggregate: true, text: "$call"}, args, s)
	}
	fn := chosen(name, args)
	if fn == nil || fn.window && f.Over == nil {
		return expr{}, b.noFunction(f, name, args)
	}
	if !fn.aggregate && !fn.window && !plainCall {
		return expr{}, b.fail("42809", f.Location, "%s is not an aggregate or window function", name)
	}
	args, element, err := b.take(f, fn, args)
	if err != nil {
		return expr{}, err
	}
	if fn.aggregate || fn.window {
		e, err := b.aggregate(f, fn, args, s)
		if err == nil {
			e.oid = resultOf(fn, element, e.oid)
		}
		return e, err
	}
	sql, err := b.fill(fn, args, "")
	return expr{sql: sql, oid: resultOf(fn, element, fn.result), mod: -1, many: fn.set}, err
}

func resultOf(fn *function, element, otherwise uint32) uint32 {
	switch fn.result {
	case oidAnyelement:
		return element
	case oidAnyarray:
		return arrays[element]
	}
	return otherwise
}

// take brings arguments to the types that a function takes. element is what its anyelement and anyarray are.
func (b *binder) take(f *pg.FuncCall, fn *function, args []expr) ([]expr, uint32, error) {
	element := uint32(0)
	for i, want := range fn.arguments {
		if want == oidAnyarray && args[i].oid != oidUnknown {
			element = elements[args[i].oid]
		}
		if want == oidAnyelement && element == 0 && args[i].oid != oidUnknown {
			element = args[i].oid
		}
	}
	if element == 0 {
		element = oidText
	}
	out := slices.Clone(args)
	for i, want := range fn.arguments {
		switch want {
		case oidAny:
			want = args[i].oid
		case oidAnyelement:
			want = element
		case oidAnyarray:
			if want = arrays[element]; args[i].oid != oidUnknown {
				want = args[i].oid
			}
		}
		var err error
		if out[i], err = b.coerce(args[i], want, f.Location); err != nil {
			return nil, 0, err
		}
	}
	if (fn.result == oidAnyarray) && arrays[element] == 0 {
		return nil, 0, b.unsupported(f.Location, "an array of "+typeText(element))
	}
	return out, element, nil
}

func (b *binder) noFunction(f *pg.FuncCall, name string, args []expr) error {
	var types []string
	for _, a := range args {
		types = append(types, typeText(a.oid))
	}
	if slices.Contains(refused, name) {
		return b.fail("42501", f.Location, "permission denied for function %s", name)
	}
	e := b.fail("42883", f.Location, "function %s(%s) does not exist", name, strings.Join(types, ", "))
	e.Hint = "No function matches the given name and argument types, of those that statements about the catalogue may call."
	return e
}

// refused are functions that PostgreSQL has and nobody is allowed to call here.
var refused = []string{"pg_terminate_backend", "pg_cancel_backend", "set_config", "pg_read_file", "pg_read_binary_file", "pg_ls_dir", "lo_import", "lo_export", "pg_reload_conf"}

// aggregate writes a call with DISTINCT, ORDER BY, FILTER and OVER.
func (b *binder) aggregate(f *pg.FuncCall, fn *function, args []expr, s *scope) (expr, error) {
	var list []string
	for i, a := range args {
		if i == 0 && (fn.name == "array_agg" || fn.name == "string_agg") {
			var err error
			if a, err = b.counted(a); err != nil {
				return expr{}, err
			}
		}
		list = append(list, a.sql)
	}
	text := fn.name
	if text == "every" {
		text = "bool_and"
	}
	text += "("
	if f.AggDistinct {
		text += "DISTINCT "
	}
	if f.AggStar {
		list = []string{"*"}
	}
	text += strings.Join(list, ", ")
	order, err := b.order(f.AggOrder, func(node *pg.Node) (string, error) {
		e, err := b.settled(node, s)
		return e.sql, err
	})
	if err != nil {
		return expr{}, err
	}
	text += order + ")"
	if f.AggFilter != nil {
		where, err := b.condition(f.AggFilter, s, "FILTER")
		if err != nil {
			return expr{}, err
		}
		text += " FILTER (WHERE " + where + ")"
	}
	if f.Over != nil {
		over, err := b.over(f.Over, s)
		if err != nil {
			return expr{}, err
		}
		text += over
	}
	sql, err := b.fill(fn, args, text)
	return expr{sql: sql, oid: fn.result, mod: -1}, err
}

// counted writes a value that becomes part of an array or of a longer text, with what it takes.
func (b *binder) counted(e expr) (expr, error) {
	cost := "CAST(32 AS BIGINT)"
	if stored(e.oid) == "VARCHAR" {
		cost = "CAST(strlen(" + e.sql + ") + 32 AS BIGINT)"
	}
	var err error
	e.sql, err = b.write("CASE WHEN cat_spend(", cost, ") THEN ", e.sql, " END")
	return e, err
}

// defaultFrame is the parser's word for a window without a frame of its own.
const defaultFrame = 0x422

func (b *binder) over(w *pg.WindowDef, s *scope) (string, error) {
	if w.Name != "" || w.Refname != "" || w.StartOffset != nil || w.EndOffset != nil || w.FrameOptions != defaultFrame {
		return "", b.unsupported(w.Location, "a window with a name or a frame")
	}
	var keys []string
	for _, node := range w.PartitionClause {
		e, err := b.settled(node, s)
		if err != nil {
			return "", err
		}
		keys = append(keys, e.sql)
	}
	order, err := b.order(w.OrderClause, func(node *pg.Node) (string, error) {
		e, err := b.settled(node, s)
		return e.sql, err
	})
	if err != nil {
		return "", err
	}
	text := " OVER ("
	if len(keys) > 0 {
		text += "PARTITION BY " + strings.Join(keys, ", ")
	}
	return text + order + ")", nil
}

// special writes a call that the table of functions cannot say.
type special func(f *pg.FuncCall, args []expr) (expr, error)

// specials are those that follow from the session, or take arguments of any number and type.
func (b *binder) specials() map[string]special {
	constant := func(text string, oid uint32) special {
		return func(f *pg.FuncCall, args []expr) (expr, error) {
			if len(args) != 0 {
				name, _ := figure(&pg.Node{Node: &pg.Node_FuncCall{FuncCall: f}})
				return expr{}, b.noFunction(f, name, args)
			}
			return b.literal(text, oid, f.Location)
		}
	}
	now := func(f *pg.FuncCall, args []expr) (expr, error) {
		if len(args) != 0 {
			return expr{}, b.noFunction(f, "now", args)
		}
		return b.nowExpr(oidTimestamptz), nil
	}
	return map[string]special{
		"version":               constant(Version, oidText),
		"current_database":      constant(b.c.database, oidName),
		"pg_backend_pid":        constant(fmt.Sprint(int32(b.session.Process)), oidInt4),
		"now":                   now,
		"transaction_timestamp": now,
		"statement_timestamp":   now,
		"clock_timestamp":       now,
		"current_schema":        b.currentSchemaCall,
		"current_schemas":       b.currentSchemas,
		"current_setting":       b.currentSetting,
		"concat":                b.concat,
		"format":                b.format,
		"json_build_object":     b.jsonObject,
		"_pg_expandarray":       b.expandArray,
		"pg_typeof":             b.typeOf,
		"pg_sleep":              b.sleep,
	}
}

func (b *binder) sleep(f *pg.FuncCall, _ []expr) (expr, error) {
	return expr{}, b.unsupported(f.Location, "pg_sleep among other expressions")
}

func (b *binder) nowExpr(oid uint32) expr {
	return expr{sql: "CAST(" + quote(b.now.Format("2006-01-02 15:04:05.999999")) + " AS TIMESTAMP)", oid: oid, mod: -1}
}

func (b *binder) currentSchema() (expr, error) {
	for _, s := range b.session.SearchPath {
		if b.c.facts.byName["pg_namespace"]["."+s] != 0 {
			return b.literal(s, oidName, -1)
		}
	}
	return b.null(oidName, -1)
}

func (b *binder) currentSchemaCall(f *pg.FuncCall, args []expr) (expr, error) {
	if len(args) != 0 {
		return expr{}, b.noFunction(f, "current_schema", args)
	}
	return b.currentSchema()
}

func (b *binder) currentSchemas(f *pg.FuncCall, args []expr) (expr, error) {
	if len(args) != 1 || args[0].oid != oidBool && args[0].oid != oidUnknown {
		return expr{}, b.noFunction(f, "current_schemas", args)
	}
	arg, err := b.coerce(args[0], oidBool, f.Location)
	if err != nil {
		return expr{}, err
	}
	list := func(path []string) string {
		var parts []string
		for _, s := range path {
			if b.c.facts.byName["pg_namespace"]["."+s] != 0 {
				parts = append(parts, quote(s))
			}
		}
		return "CAST([" + strings.Join(parts, ", ") + "] AS VARCHAR[])"
	}
	sql, err := b.write("CASE WHEN ", arg.sql, " THEN ", list(effective(b.session.SearchPath)), " ELSE ", list(b.session.SearchPath), " END")
	return expr{sql: sql, oid: oidNameArray, mod: -1}, err
}

// currentSetting takes a constant: settings are the session's, and the private database does not know them.
func (b *binder) currentSetting(f *pg.FuncCall, args []expr) (expr, error) {
	if len(args) < 1 || len(args) > 2 {
		return expr{}, b.noFunction(f, "current_setting", args)
	}
	name, err := b.cast(args[0], oidText, f.Location)
	if err != nil {
		return expr{}, err
	}
	if !b.running && args[0].parameter > 0 {
		return b.null(oidText, f.Location)
	}
	if name.literal == nil {
		return expr{}, b.unsupported(f.Location, "current_setting of a name that is no constant")
	}
	missing := false
	if len(args) == 2 {
		allowed, err := b.coerce(args[1], oidBool, f.Location)
		if err != nil {
			return expr{}, err
		}
		missing = allowed.sql == "true"
	}
	value, ok := "", false
	if b.session.Setting != nil {
		value, ok = b.session.Setting(*name.literal)
	}
	switch {
	case ok:
		return b.literal(value, oidText, f.Location)
	case missing:
		return b.null(oidText, f.Location)
	}
	return expr{}, b.fail("42704", -1, "unrecognized configuration parameter \"%.100s\"", *name.literal)
}

// joined concatenates texts, two by two, so that it is not as deep as they are many.
func (b *binder) joined(parts []string) (expr, error) {
	for len(parts) > 1 {
		var next []string
		for i := 0; i+1 < len(parts); i += 2 {
			sql, err := b.write("cat_concat(", parts[i], ", ", parts[i+1], ")")
			if err != nil {
				return expr{}, err
			}
			next = append(next, sql)
		}
		if len(parts)%2 == 1 {
			next = append(next, parts[len(parts)-1])
		}
		parts = next
	}
	return expr{sql: parts[0], oid: oidText, mod: -1}, nil
}

// maxArguments bounds the arguments of functions that take any number: each is a level of the statement that is written.
const maxArguments = 50

func (b *binder) many(f *pg.FuncCall, args []expr) error {
	if len(args) > maxArguments {
		return b.fail("54023", f.Location, "cannot pass more than %d arguments to a function", maxArguments)
	}
	return nil
}

func (b *binder) concat(f *pg.FuncCall, args []expr) (expr, error) {
	if err := b.many(f, args); err != nil {
		return expr{}, err
	}
	parts := []string{"''"}
	for _, a := range args {
		e, err := b.cast(a, oidText, f.Location)
		if err != nil {
			return expr{}, err
		}
		if a.oid == oidBool {
			e.sql = "substr(" + e.sql + ", 1, 1)"
		}
		parts = append(parts, "coalesce("+e.sql+", '')")
	}
	return b.joined(parts)
}

// format writes format(): its first argument is a constant.
func (b *binder) format(f *pg.FuncCall, args []expr) (expr, error) {
	if len(args) == 0 || args[0].literal == nil {
		return expr{}, b.unsupported(f.Location, "format with a form that is no constant")
	}
	if err := b.many(f, args); err != nil {
		return expr{}, err
	}
	form, next := *args[0].literal, 1
	parts := []string{"''"}
	for form != "" {
		at := strings.IndexByte(form, '%')
		if at < 0 {
			parts = append(parts, quote(form))
			break
		}
		if at > 0 {
			parts = append(parts, quote(form[:at]))
		}
		if at+1 >= len(form) {
			return expr{}, b.fail("22023", f.Location, "unterminated format() type specifier")
		}
		letter := form[at+1]
		form = form[at+2:]
		if letter == '%' {
			parts = append(parts, "'%'")
			continue
		}
		if !strings.ContainsRune("sIL", rune(letter)) {
			return expr{}, b.unsupported(f.Location, "this specifier of format()")
		}
		if next >= len(args) {
			return expr{}, b.fail("22023", f.Location, "too few arguments for format()")
		}
		e, err := b.cast(args[next], oidText, f.Location)
		if err != nil {
			return expr{}, err
		}
		next++
		switch letter {
		case 's':
			parts = append(parts, "coalesce("+e.sql+", '')")
		case 'I':
			parts = append(parts, "cat_quote_ident("+e.sql+")")
		case 'L':
			parts = append(parts, "coalesce(cat_quote_literal("+e.sql+"), 'NULL')")
		}
	}
	if len(parts) > maxArguments {
		return expr{}, b.fail("54023", f.Location, "the form has more than %d parts", maxArguments)
	}
	return b.joined(parts)
}

func (b *binder) jsonObject(f *pg.FuncCall, args []expr) (expr, error) {
	if len(args)%2 != 0 {
		return expr{}, b.fail("22023", f.Location, "argument list must have even number of elements")
	}
	if err := b.many(f, args); err != nil {
		return expr{}, err
	}
	parts := []string{"'{'"}
	for i, a := range args {
		e, err := b.cast(a, oidText, f.Location)
		if err != nil {
			return expr{}, err
		}
		if i%2 == 0 {
			before := ""
			if i > 0 {
				before = ", "
			}
			parts = append(parts, quote(before), "cat_json("+e.sql+")", "' : '")
			continue
		}
		text := e.sql
		if rank(a.oid) == 0 && a.oid != oidBool && a.oid != oidJSON {
			text = "cat_json(" + text + ")"
		}
		parts = append(parts, "coalesce("+text+", 'null')")
	}
	e, err := b.joined(append(parts, "'}'"))
	e.oid = oidJSON
	return e, err
}

// expandArray writes information_schema._pg_expandarray: the elements of an array with their numbers, from 1.
func (b *binder) expandArray(f *pg.FuncCall, args []expr) (expr, error) {
	if len(args) != 1 || elements[args[0].oid] == 0 {
		return expr{}, b.noFunction(f, "_pg_expandarray", args)
	}
	v, i := b.fresh("v"), b.fresh("v")
	sql, err := b.write("unnest(list_transform(CASE WHEN cat_spend(len(", args[0].sql, ") * 64) THEN ", args[0].sql, " END", ", lambda ", v, ", ", i, ": {'x': ", v, ", 'n': CAST(", i, " AS INTEGER)}))")
	return expr{sql: sql, oid: oidRecord, mod: -1, element: elements[args[0].oid], many: true}, err
}

func (b *binder) typeOf(f *pg.FuncCall, args []expr) (expr, error) {
	if len(args) != 1 {
		return expr{}, b.noFunction(f, "pg_typeof", args)
	}
	return expr{sql: fmt.Sprintf("CAST(%d AS BIGINT)", args[0].oid), oid: oidRegtype, mod: -1}, nil
}
