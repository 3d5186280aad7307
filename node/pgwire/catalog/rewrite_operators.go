package catalog

import (
	"slices"
	"strings"

	pg "github.com/pganalyze/pg_query_go/v6"
)

// operator writes an operator, or one of the constructs that PostgreSQL's parser holds for one.
func (b *binder) operator(a *pg.A_Expr, s *scope) (expr, error) {
	names := words(a.Name)
	if len(names) == 0 || len(names) > 2 || len(names) == 2 && names[0] != "pg_catalog" {
		return expr{}, b.fail("42883", a.Location, "operator does not exist: %s", strings.Join(names, "."))
	}
	op := names[len(names)-1]
	if op == "!=" {
		op = "<>"
	}
	switch a.Kind {
	case pg.A_Expr_Kind_AEXPR_OP, pg.A_Expr_Kind_AEXPR_LIKE, pg.A_Expr_Kind_AEXPR_ILIKE:
		if a.Lexpr.GetRowExpr() != nil && a.Rexpr.GetRowExpr() != nil {
			return b.rowsEqual(a, op, s)
		}
		return b.simple(a, op, s)
	case pg.A_Expr_Kind_AEXPR_IN:
		return b.in(a, op, s)
	case pg.A_Expr_Kind_AEXPR_OP_ANY, pg.A_Expr_Kind_AEXPR_OP_ALL:
		return b.anyOf(a, op, s)
	case pg.A_Expr_Kind_AEXPR_DISTINCT, pg.A_Expr_Kind_AEXPR_NOT_DISTINCT, pg.A_Expr_Kind_AEXPR_NULLIF:
		l, err := b.expr(a.Lexpr, s)
		if err != nil {
			return expr{}, err
		}
		r, err := b.expr(a.Rexpr, s)
		if err != nil {
			return expr{}, err
		}
		l, r, err = b.unify("=", l, r, a.Location)
		if err != nil {
			return expr{}, err
		}
		out := expr{oid: oidBool, mod: -1}
		switch a.Kind {
		case pg.A_Expr_Kind_AEXPR_DISTINCT:
			out.sql, err = b.write("(", l.sql, " IS DISTINCT FROM ", r.sql, ")")
		case pg.A_Expr_Kind_AEXPR_NOT_DISTINCT:
			out.sql, err = b.write("(", l.sql, " IS NOT DISTINCT FROM ", r.sql, ")")
		default:
			out.oid = l.oid
			out.sql, err = b.write("nullif(", l.sql, ", ", r.sql, ")")
		}
		return out, err
	case pg.A_Expr_Kind_AEXPR_BETWEEN, pg.A_Expr_Kind_AEXPR_NOT_BETWEEN:
		bounds := a.Rexpr.GetList().GetItems()
		if len(bounds) != 2 {
			break
		}
		var parts []string
		for i, word := range []string{">=", "<="} {
			l, err := b.expr(a.Lexpr, s)
			if err != nil {
				return expr{}, err
			}
			r, err := b.expr(bounds[i], s)
			if err != nil {
				return expr{}, err
			}
			e, err := b.compare(word, l, r, a.Location)
			if err != nil {
				return expr{}, err
			}
			parts = append(parts, e.sql)
		}
		word := "("
		if a.Kind == pg.A_Expr_Kind_AEXPR_NOT_BETWEEN {
			word = "(NOT "
		}
		sql, err := b.write(word, "(", parts[0], " AND ", parts[1], "))")
		return expr{sql: sql, oid: oidBool, mod: -1}, err
	}
	return expr{}, b.unsupported(a.Location, "this operator")
}

// unify brings two sides to one type.
func (b *binder) unify(op string, l, r expr, location int32) (expr, expr, error) {
	oid, ok := common(l.oid, r.oid)
	if oid == oidUnknown {
		oid = oidText
	}
	if !ok || l.element != 0 || r.element != 0 {
		e := b.fail("42883", location, "operator does not exist: %s %s %s", typeText(l.oid), op, typeText(r.oid))
		e.Hint = "No operator matches the given name and argument types. You might need to add explicit type casts."
		return l, r, e
	}
	l, err := b.coerce(l, oid, location)
	if err != nil {
		return l, r, err
	}
	r, err = b.coerce(r, oid, location)
	return l, r, err
}

func (b *binder) compare(op string, l, r expr, location int32) (expr, error) {
	l, r, err := b.unify(op, l, r, location)
	if err != nil {
		return expr{}, err
	}
	sql, err := b.write("(", l.sql, " ", op, " ", r.sql, ")")
	return expr{sql: sql, oid: oidBool, mod: -1}, err
}

// rowsEqual writes (a, b) = (c, d).
func (b *binder) rowsEqual(a *pg.A_Expr, op string, s *scope) (expr, error) {
	ls, rs := a.Lexpr.GetRowExpr().Args, a.Rexpr.GetRowExpr().Args
	if op != "=" || len(ls) != len(rs) || len(ls) == 0 {
		return expr{}, b.unsupported(a.Location, "this comparison of rows")
	}
	var parts []string
	for i := range ls {
		l, err := b.expr(ls[i], s)
		if err != nil {
			return expr{}, err
		}
		r, err := b.expr(rs[i], s)
		if err != nil {
			return expr{}, err
		}
		e, err := b.compare(op, l, r, a.Location)
		if err != nil {
			return expr{}, err
		}
		parts = append(parts, e.sql)
	}
	sql, err := b.write("(", strings.Join(parts, " AND "), ")")
	return expr{sql: sql, oid: oidBool, mod: -1}, err
}

// matches are the operators that compare a text with a pattern, as they are written: of what stands before ! is the negation.
var matches = map[string][2]string{
	"~": {"regexp_matches(", ")"}, "~*": {"regexp_matches(", ", 'i')"}, "!~": {"NOT regexp_matches(", ")"}, "!~*": {"NOT regexp_matches(", ", 'i')"},
	"~~": {" LIKE ", ""}, "!~~": {" NOT LIKE ", ""}, "~~*": {" ILIKE ", ""}, "!~~*": {" NOT ILIKE ", ""},
}

func (b *binder) simple(a *pg.A_Expr, op string, s *scope) (expr, error) {
	if a.Lexpr == nil {
		return b.sign(a, op, s)
	}
	escape := `\`
	right := a.Rexpr
	if call := right.GetFuncCall(); call != nil && strings.HasSuffix(strings.Join(words(call.Funcname), "."), "pg_catalog.like_escape") && len(call.Args) == 2 {
		c := call.Args[1].GetAConst().GetSval()
		if c == nil || len(c.Sval) > 1 {
			return expr{}, b.unsupported(a.Location, "this ESCAPE")
		}
		escape, right = c.Sval, call.Args[0]
	}
	l, err := b.expr(a.Lexpr, s)
	if err != nil {
		return expr{}, err
	}
	r, err := b.expr(right, s)
	if err != nil {
		return expr{}, err
	}
	if slices.Contains([]string{"=", "<>", "<", ">", "<=", ">="}, op) {
		return b.compare(op, l, r, a.Location)
	}
	missing := b.fail("42883", a.Location, "operator does not exist: %s %s %s", typeText(l.oid), op, typeText(r.oid))
	if form, ok := matches[op]; ok {
		if !(isString(l.oid) || l.oid == oidUnknown) || !(isString(r.oid) || r.oid == oidUnknown) {
			return expr{}, missing
		}
		if l, err = b.cast(l, oidText, a.Location); err != nil {
			return expr{}, err
		}
		if r, err = b.cast(r, oidText, a.Location); err != nil {
			return expr{}, err
		}
		out := expr{oid: oidBool, mod: -1}
		if strings.Contains(op, "~~") {
			out.sql, err = b.write("(", l.sql, form[0], r.sql, " ESCAPE ", quote(escape), ")")
		} else {
			out.sql, err = b.write("(", form[0], l.sql, ", ", r.sql, form[1], ")")
		}
		return out, err
	}
	switch {
	case op == "||":
		return b.concatenate(l, r, a.Location, missing)
	case slices.Contains([]string{"+", "-", "*", "/", "%", "&", "|"}, op):
		return b.arithmetic(op, l, r, a.Location, missing)
	}
	return expr{}, missing
}

func (b *binder) concatenate(l, r expr, location int32, missing error) (expr, error) {
	if elements[l.oid] != 0 && elements[r.oid] != 0 {
		return b.concatenateArrays(l, r, location, missing)
	}
	text := func(e expr) bool { return isString(e.oid) || e.oid == oidUnknown }
	if elements[l.oid] != 0 && l.oid == r.oid {
		sql, err := b.write("list_concat(", l.sql, ", ", r.sql, ")")
		return expr{sql: sql, oid: l.oid, mod: -1}, err
	}
	if !text(l) && !text(r) || elements[l.oid] != 0 || elements[r.oid] != 0 {
		return expr{}, missing
	}
	l, err := b.cast(l, oidText, location)
	if err != nil {
		return expr{}, err
	}
	if r, err = b.cast(r, oidText, location); err != nil {
		return expr{}, err
	}
	sql, err := b.write("cat_concat(", l.sql, ", ", r.sql, ")")
	return expr{sql: sql, oid: oidText, mod: -1}, err
}

func (b *binder) concatenateArrays(l, r expr, location int32, missing error) (expr, error) {
	oid, ok := common(l.oid, r.oid)
	if !ok || stored(l.oid) != stored(oid) || stored(r.oid) != stored(oid) {
		return expr{}, missing
	}
	sql, err := b.write("CASE WHEN cat_spend((coalesce(len(", l.sql, "), 0) + coalesce(len(", r.sql, "), 0)) * 32) THEN list_concat(", l.sql, ", ", r.sql, ") END")
	return expr{sql: sql, oid: oid, mod: -1}, err
}

func (b *binder) arithmetic(op string, l, r expr, location int32, missing error) (expr, error) {
	oid, ok := common(l.oid, r.oid)
	if ok && oid == oidUnknown {
		oid = oidInt4
	}
	if isAlias(oid) {
		oid = oidInt8
	}
	if !ok || rank(oid) == 0 || (op == "&" || op == "|") && !isInteger(oid) {
		return expr{}, missing
	}
	l, err := b.cast(l, oid, location)
	if err != nil {
		return expr{}, err
	}
	if r, err = b.cast(r, oid, location); err != nil {
		return expr{}, err
	}
	out := expr{oid: oid, mod: -1}
	switch {
	case (op == "/" || op == "%") && !isInteger(oid):
		return expr{}, b.unsupported(location, "a division of numbers that are not integers")
	case op == "/":
		out.sql, err = b.write("CAST(cat_quotient(CAST(", l.sql, " AS BIGINT), CAST(", r.sql, " AS BIGINT)) AS ", stored(oid), ")")
	case op == "%":
		out.sql, err = b.write("CAST(cat_remainder(CAST(", l.sql, " AS BIGINT), CAST(", r.sql, " AS BIGINT)) AS ", stored(oid), ")")
	default:
		out.sql, err = b.write("(", l.sql, " ", op, " ", r.sql, ")")
	}
	return out, err
}

func (b *binder) sign(a *pg.A_Expr, op string, s *scope) (expr, error) {
	if c := a.Rexpr.GetAConst(); op == "-" && c.GetIval() != nil && !c.Isnull {
		return b.constant(&pg.A_Const{Val: &pg.A_Const_Ival{Ival: &pg.Integer{Ival: -c.GetIval().Ival}}, Location: c.Location})
	}
	e, err := b.expr(a.Rexpr, s)
	if err != nil {
		return expr{}, err
	}
	if (op != "-" && op != "+") || rank(e.oid) == 0 {
		return expr{}, b.fail("42883", a.Location, "operator does not exist: %s %s", op, typeText(e.oid))
	}
	sql, err := b.write("(", op, " ", e.sql, ")")
	return expr{sql: sql, oid: e.oid, mod: -1}, err
}

func (b *binder) in(a *pg.A_Expr, op string, s *scope) (expr, error) {
	items := a.Rexpr.GetList().GetItems()
	if a.Lexpr.GetRowExpr() != nil {
		return expr{}, b.unsupported(a.Location, "IN of rows")
	}
	e, err := b.expr(a.Lexpr, s)
	if err != nil {
		return expr{}, err
	}
	var members []expr
	oid := e.oid
	for _, item := range items {
		m, err := b.expr(item, s)
		if err != nil {
			return expr{}, err
		}
		next, ok := common(oid, m.oid)
		if !ok {
			return expr{}, b.fail("42883", a.Location, "operator does not exist: %s %s %s", typeText(e.oid), op, typeText(m.oid))
		}
		oid = next
		members = append(members, m)
	}
	if e, err = b.coerce(e, oid, location(a.Lexpr)); err != nil {
		return expr{}, err
	}
	parts := make([]string, len(members))
	for i, m := range members {
		if m, err = b.coerce(m, e.oid, location(items[i])); err != nil {
			return expr{}, err
		}
		parts[i] = m.sql
	}
	word := " IN ("
	if op == "<>" {
		word = " NOT IN ("
	}
	sql, err := b.write("(", e.sql, word, strings.Join(parts, ", "), "))")
	return expr{sql: sql, oid: oidBool, mod: -1}, err
}

// anyOf writes x = ANY (array) and x <> ALL (array), without a subquery: the private database takes none in the condition of an outer join.
func (b *binder) anyOf(a *pg.A_Expr, op string, s *scope) (expr, error) {
	all := a.Kind == pg.A_Expr_Kind_AEXPR_OP_ALL
	if !(op == "=" && !all || op == "<>" && all) {
		return expr{}, b.unsupported(a.Location, "an operator other than = ANY and <> ALL before an array")
	}
	e, err := b.expr(a.Lexpr, s)
	if err != nil {
		return expr{}, err
	}
	list, err := b.expr(a.Rexpr, s)
	if err != nil {
		return expr{}, err
	}
	member := elements[list.oid]
	if list.oid == oidUnknown {
		if member = e.oid; member == oidUnknown {
			member = oidText
		}
	}
	if member == 0 {
		return expr{}, b.fail("42809", a.Location, "op ANY/ALL (array) requires array on right side")
	}
	oid, ok := common(e.oid, member)
	if !ok || arrays[oid] == 0 {
		return expr{}, b.fail("42883", a.Location, "operator does not exist: %s %s %s", typeText(e.oid), op, typeText(member))
	}
	if e, err = b.coerce(e, oid, location(a.Lexpr)); err != nil {
		return expr{}, err
	}
	if list.oid == oidUnknown {
		if list, err = b.coerce(list, arrays[oid], location(a.Rexpr)); err != nil {
			return expr{}, err
		}
	} else if stored(list.oid) != stored(arrays[oid]) {
		if list.sql, err = b.write("CASE WHEN cat_spend(len(", list.sql, ") * 32) THEN CAST(", list.sql, " AS ", stored(arrays[oid]), ") END"); err != nil {
			return expr{}, err
		}
	}
	word := "list_contains("
	if all {
		word = "NOT list_contains("
	}
	// Without the CASE a NULL on the left would be found nowhere, where PostgreSQL answers NULL.
	sql, err := b.write("(CASE WHEN ", e.sql, " IS NOT NULL THEN ", word, list.sql, ", ", e.sql, ") END)")
	return expr{sql: sql, oid: oidBool, mod: -1}, err
}
