package engine

import (
	"errors"
	"slices"
	"strings"
	"unicode/utf8"

	pg "github.com/pganalyze/pg_query_go/v6"
	"github.com/pganalyze/pg_query_go/v6/parser"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// text is a SQL text, to turn the parser's byte offsets into positions.
type text string

// at returns the 1-based character position of a byte offset, 0 for none.
func (t text) at(offset int32) int {
	if offset < 0 || int(offset) > len(t) {
		return 0
	}
	return utf8.RuneCountInString(string(t[:offset])) + 1
}

// parse returns the one SELECT of a text. The lexer, which does not recurse, counts
// the tokens first: that bounds the recursion of the parser and of its output.
func parse(sql string) (*pg.SelectStmt, error) {
	switch {
	case len(sql) > MaxSQLBytes:
		return nil, refuse(CodeLimit, 0, "the SQL text has %d bytes; at most %d are allowed", len(sql), MaxSQLBytes)
	case !utf8.ValidString(sql):
		return nil, refuse(CodeSyntax, 0, "the SQL text is not UTF-8")
	case strings.ContainsRune(sql, 0):
		return nil, refuse(CodeSyntax, text(sql).at(int32(strings.IndexByte(sql, 0))), "the SQL text has a NUL character")
	}
	scan, err := pg.Scan(sql)
	if err != nil {
		return nil, syntaxError(err)
	}
	if len(scan.Tokens) > MaxTokens {
		return nil, refuse(CodeLimit, text(sql).at(scan.Tokens[MaxTokens].Start),
			"the SQL text has %d words and signs; at most %d are allowed", len(scan.Tokens), MaxTokens)
	}
	tree, err := pg.Parse(sql)
	if err != nil {
		return nil, syntaxError(err)
	}
	switch len(tree.Stmts) {
	case 0:
		return nil, refuse(CodeSyntax, 0, "the SQL text is empty")
	case 1:
	default:
		return nil, hinted(refuse(CodeUnsupported, text(sql).at(tree.Stmts[1].StmtLocation), "only one statement can be asked at a time"),
			"ask each by itself")
	}
	stmt := tree.Stmts[0].GetStmt().GetSelectStmt()
	if stmt == nil {
		return nil, hinted(refuse(CodeUnsupported, 1, "only SELECT can be asked"), "rows are never read or changed, only counted and summed")
	}
	return stmt, nil
}

// parseQuestion returns a question's SELECT over a table; rewritten reports whether its text has
// another form, with queries in FROM or WITH.
func parseQuestion(sql string) (stmt *pg.SelectStmt, rewritten bool, err error) {
	if stmt, err = parse(sql); err != nil {
		return nil, false, err
	}
	return text(sql).inlined(stmt)
}

// syntaxError passes on the parser's message and position.
func syntaxError(err error) error {
	var e *parser.Error
	if errors.As(err, &e) {
		return hinted(refuse(CodeSyntax, e.Cursorpos, "%s", e.Message), questionForm)
	}
	return refuse(CodeSyntax, 0, "%s", err)
}

// fieldReasons says in words what a field outside the whitelist stands for.
var fieldReasons = map[protoreflect.Name]string{
	"into_clause":      "SELECT INTO is not supported: the answer is printed",
	"group_distinct":   "GROUP BY DISTINCT is not supported: leave out DISTINCT",
	"window_clause":    "WINDOW is not supported: write the window after OVER",
	"values_lists":     "VALUES is not supported: ask one SELECT over tables",
	"locking_clause":   "FOR UPDATE and its like are not supported: nothing is locked or changed",
	"with_clause":      "WITH is not supported: ask one SELECT over tables",
	"larg":             "UNION ALL takes several rounds, which cannot stand in one",
	"rarg":             "UNION ALL takes several rounds, which cannot stand in one",
	"all":              "the SELECTs of a UNION ALL are asked one after the other",
	"agg_order":        "ORDER BY inside an aggregate is not supported: the order of rows does not count",
	"agg_within_group": "WITHIN GROUP is not supported here: it belongs to percentile_cont, percentile_disc and mode",
	"agg_distinct":     "DISTINCT is supported inside count, sum and avg alone",
	"func_variadic":    "VARIADIC is not supported: write the arguments",
	"catalogname":      "a table is named without database and schema",
	"schemaname":       "a table is named without database and schema",
	"colnames":         "an alias with column names is not supported: leave out the list of names",
	"indirection":      "a field or element of a value is not supported: columns hold single values",
	"typmods":          "a type with a length or precision is not supported: leave out what is in parentheses",
	"array_bounds":     "arrays are not supported: columns hold single values",
	"use_op":           "ORDER BY USING is not supported: write ASC or DESC",
}

// fieldKeywords are the words that bring in fields without a position of their own.
var fieldKeywords = map[protoreflect.Name][]pg.Token{
	"group_distinct": {pg.Token_DISTINCT},
	"agg_distinct":   {pg.Token_DISTINCT},
	"locking_clause": {pg.Token_FOR},
	"with_clause":    {pg.Token_WITH},
	"values_lists":   {pg.Token_VALUES},
	"all":            {pg.Token_UNION, pg.Token_INTERSECT, pg.Token_EXCEPT},
	"larg":           {pg.Token_UNION, pg.Token_INTERSECT, pg.Token_EXCEPT},
}

// keyword returns the position of the first of the words, 0 if there is none.
func (t text) keyword(words []pg.Token) int {
	if len(words) == 0 {
		return 0
	}
	scan, err := pg.Scan(string(t))
	if err != nil {
		return 0
	}
	for _, token := range scan.Tokens {
		if slices.Contains(words, token.Token) {
			return t.at(token.Start)
		}
	}
	return 0
}

// only refuses a node with a field outside those allowed, so that nothing the
// parser says is ever ignored. This is the whitelist's second half: the first are
// the switches on node types. README section 2.
func (t text) only(m proto.Message, allowed ...protoreflect.Name) error {
	var refused protoreflect.FieldDescriptor
	reflected := m.ProtoReflect()
	reflected.Range(func(field protoreflect.FieldDescriptor, _ protoreflect.Value) bool {
		// Range has no order: of several refused fields the first by number counts.
		if !slices.Contains(allowed, field.Name()) && (refused == nil || field.Number() < refused.Number()) {
			refused = field
		}
		return true
	})
	if refused == nil {
		return nil
	}
	position := t.keyword(fieldKeywords[refused.Name()])
	if found, ok := locate(reflected.Get(refused), refused, 0); ok && position == 0 {
		position = t.at(found)
	}
	if found, ok := locateIn(reflected, 0); ok && position == 0 {
		position = t.at(found)
	}
	reason, ok := fieldReasons[refused.Name()]
	if !ok {
		return hinted(refuse(CodeUnsupported, position, "this form is not supported"), questionForm)
	}
	return reasoned(position, reason)
}

// reasoned refuses for a reason; what stands behind its colon says what to do instead.
func reasoned(position int, reason string) error {
	message, instead, _ := strings.Cut(reason, ": ")
	if instead == "" {
		instead = questionForm
	}
	return hinted(refuse(CodeUnsupported, position, "%s", message), "%s", instead)
}

// maxLocateDepth bounds the search for a position in a refused node.
const maxLocateDepth = 16

// locateIn finds the smallest byte offset that a node or its children name.
func locateIn(m protoreflect.Message, depth int) (offset int32, ok bool) {
	if depth > maxLocateDepth {
		return 0, false
	}
	fields := m.Descriptor().Fields()
	if location := fields.ByName("location"); location != nil {
		offset, ok = int32(m.Get(location).Int()), true
		if offset >= 0 {
			return offset, true
		}
	}
	ok = false
	for i := range fields.Len() {
		field := fields.Get(i)
		if !m.Has(field) {
			continue
		}
		if found, has := locate(m.Get(field), field, depth+1); has && (!ok || found < offset) {
			offset, ok = found, true
		}
	}
	return offset, ok
}

func locate(v protoreflect.Value, field protoreflect.FieldDescriptor, depth int) (int32, bool) {
	switch {
	case field.Kind() != protoreflect.MessageKind:
		return 0, false
	case field.IsList():
		for i := range v.List().Len() {
			if offset, ok := locateIn(v.List().Get(i).Message(), depth+1); ok {
				return offset, true
			}
		}
		return 0, false
	}
	return locateIn(v.Message(), depth)
}

// nodeReasons says in words what a node outside the whitelist stands for.
var nodeReasons = map[protoreflect.Name]string{
	"SubLink":          "a subquery is not supported: ask it first, and write its answer here",
	"ParamRef":         "a parameter is not supported: write the value",
	"SQLValueFunction": "a value that depends on the time or the user is not supported: write the value",
	"A_ArrayExpr":      "an array is not supported here: write the values, as in IN (1, 2)",
	"A_Indirection":    "a field or element of a value is not supported: columns hold single values",
	"RowExpr":          "a row of values is not supported: compare each column by itself",
	"CollateClause":    "COLLATE is not supported: text compares by bytes",
	"RangeSubselect":   "a subquery is not supported: ask one SELECT over tables",
	"RangeFunction":    "a function in FROM is not supported: ask one SELECT over tables",
	"RangeTableSample": "TABLESAMPLE is not supported: all rows are counted",
	"A_Star":           "* is not supported: rows are never shown, only counted and summed",
	"List":             "a list of values is only supported after IN",
	"SetToDefault":     "DEFAULT is not supported: write the value",
}

// unsupported refuses a node by its type.
func (t text) unsupported(node *pg.Node) error {
	if node == nil || node.Node == nil {
		return hinted(refuse(CodeUnsupported, 0, "this form is not supported"), questionForm)
	}
	reflected := node.ProtoReflect()
	field := reflected.WhichOneof(reflected.Descriptor().Oneofs().ByName("node"))
	position := 0
	if offset, ok := locate(reflected.Get(field), field, 0); ok {
		position = t.at(offset)
	}
	reason, ok := nodeReasons[field.Message().Name()]
	if !ok {
		return hinted(refuse(CodeUnsupported, position, "this form is not supported"), questionForm)
	}
	return reasoned(position, reason)
}
