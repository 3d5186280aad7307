package catalog

import (
	"fmt"
	"strconv"
	"strings"

	pg "github.com/pganalyze/pg_query_go/v6"
)

// expr writes an expression.
func (b *binder) expr(node *pg.Node, s *scope) (expr, error) {
	if err := b.enter(); err != nil {
		return expr{}, err
	}
	defer b.leave()
	switch n := node.GetNode().(type) {
	case *pg.Node_ColumnRef:
		return b.column(s, n.ColumnRef)
	case *pg.Node_AConst:
		return b.constant(n.AConst)
	case *pg.Node_ParamRef:
		return b.parameter(n.ParamRef)
	case *pg.Node_TypeCast:
		return b.typeCast(n.TypeCast, s)
	case *pg.Node_AExpr:
		return b.operator(n.AExpr, s)
	case *pg.Node_BoolExpr:
		return b.boolean(n.BoolExpr, s)
	case *pg.Node_NullTest:
		return b.nullTest(n.NullTest, s)
	case *pg.Node_BooleanTest:
		return b.booleanTest(n.BooleanTest, s)
	case *pg.Node_CaseExpr:
		return b.caseExpr(n.CaseExpr, s)
	case *pg.Node_CoalesceExpr:
		e, args, err := b.matched(n.CoalesceExpr.Args, s, "COALESCE")
		e.sql = "coalesce(" + args + ")"
		return e, err
	case *pg.Node_MinMaxExpr:
		word := "greatest"
		if n.MinMaxExpr.Op == pg.MinMaxOp_IS_LEAST {
			word = "least"
		}
		e, args, err := b.matched(n.MinMaxExpr.Args, s, strings.ToUpper(word))
		e.sql = word + "(" + args + ")"
		return e, err
	case *pg.Node_FuncCall:
		return b.call(n.FuncCall, s)
	case *pg.Node_SubLink:
		return b.subLink(n.SubLink, s)
	case *pg.Node_AArrayExpr:
		return b.arrayExpr(n.AArrayExpr, s)
	case *pg.Node_AIndirection:
		return b.indirection(n.AIndirection, s)
	case *pg.Node_CollateClause:
		return b.collate(n.CollateClause, s)
	case *pg.Node_SqlvalueFunction:
		return b.sessionValue(n.SqlvalueFunction)
	}
	return expr{}, b.unsupported(location(node), "this expression")
}

func (b *binder) constant(c *pg.A_Const) (expr, error) {
	if c.Isnull {
		return expr{oid: oidUnknown, mod: -1, null: true, sql: "CAST(NULL AS VARCHAR)"}, nil
	}
	switch v := c.Val.(type) {
	case *pg.A_Const_Ival:
		text := strconv.Itoa(int(v.Ival.GetIval()))
		return expr{sql: "CAST(" + text + " AS INTEGER)", oid: oidInt4, mod: -1, literal: &text}, nil
	case *pg.A_Const_Fval:
		text := v.Fval.GetFval()
		if n, err := strconv.ParseInt(text, 10, 64); err == nil {
			return expr{sql: fmt.Sprintf("CAST(%d AS BIGINT)", n), oid: oidInt8, mod: -1, literal: &text}, nil
		}
		out, err := b.literal(text, oidNumeric, c.Location)
		return out, err
	case *pg.A_Const_Boolval:
		text := strconv.FormatBool(v.Boolval.GetBoolval())
		return expr{sql: text, oid: oidBool, mod: -1, literal: &text}, nil
	case *pg.A_Const_Sval:
		text := v.Sval.GetSval()
		if len(text) > maxConstant {
			return b.literal(text, oidText, c.Location)
		}
		return expr{sql: quote(text), oid: oidUnknown, mod: -1, literal: &text, at: c.Location + 1}, nil
	}
	return expr{}, b.unsupported(c.Location, "this constant")
}

// parameter writes $n. Of one whose type nothing says yet, what is done with it says it.
func (b *binder) parameter(p *pg.ParamRef) (expr, error) {
	n := int(p.Number)
	if n < 1 || n > maxParameters {
		return expr{}, b.fail("42P02", p.Location, "there is no parameter $%d", n)
	}
	for len(b.types) < n {
		b.types = append(b.types, 0)
	}
	e := expr{oid: oidUnknown, mod: -1, parameter: n, sql: "CAST(NULL AS VARCHAR)"}
	if b.types[n-1] != 0 && b.types[n-1] != oidUnknown {
		return b.coerce(e, b.types[n-1], p.Location)
	}
	return e, nil
}

// argument is the value of a parameter as a constant of a type.
func (b *binder) argument(n int, oid uint32, location int32) (expr, error) {
	if declared := b.types[n-1]; declared == 0 || declared == oidUnknown {
		b.types[n-1] = oid
	}
	if !b.running {
		e, err := b.null(oid, location)
		e.null = false
		return e, err
	}
	if n > len(b.values) {
		return expr{}, b.fail("08P01", location, "there is no value for parameter $%d", n)
	}
	if b.values[n-1] == nil {
		return b.null(oid, location)
	}
	return b.literal(string(b.values[n-1]), oid, location)
}

func (b *binder) null(oid uint32, location int32) (expr, error) {
	return expr{sql: "CAST(NULL AS " + stored(oid) + ")", oid: oid, mod: -1, null: true}, nil
}

func (b *binder) boolean(e *pg.BoolExpr, s *scope) (expr, error) {
	var parts []string
	for _, arg := range e.Args {
		text, err := b.condition(arg, s, map[pg.BoolExprType]string{pg.BoolExprType_AND_EXPR: "AND", pg.BoolExprType_OR_EXPR: "OR"}[e.Boolop])
		if err != nil {
			return expr{}, err
		}
		parts = append(parts, text)
	}
	var sql string
	var err error
	switch e.Boolop {
	case pg.BoolExprType_NOT_EXPR:
		sql, err = b.write("(NOT ", parts[0], ")")
	case pg.BoolExprType_AND_EXPR:
		sql, err = b.write("(", strings.Join(parts, " AND "), ")")
	default:
		sql, err = b.write("(", strings.Join(parts, " OR "), ")")
	}
	return expr{sql: sql, oid: oidBool, mod: -1}, err
}

func (b *binder) nullTest(t *pg.NullTest, s *scope) (expr, error) {
	e, err := b.settled(t.Arg, s)
	if err != nil {
		return expr{}, err
	}
	word := " IS NULL)"
	if t.Nulltesttype == pg.NullTestType_IS_NOT_NULL {
		word = " IS NOT NULL)"
	}
	sql, err := b.write("(", e.sql, word)
	return expr{sql: sql, oid: oidBool, mod: -1}, err
}

func (b *binder) booleanTest(t *pg.BooleanTest, s *scope) (expr, error) {
	text, err := b.condition(t.Arg, s, "IS TRUE")
	if err != nil {
		return expr{}, err
	}
	word, ok := map[pg.BoolTestType]string{pg.BoolTestType_IS_TRUE: " IS NOT DISTINCT FROM true)", pg.BoolTestType_IS_NOT_TRUE: " IS DISTINCT FROM true)",
		pg.BoolTestType_IS_FALSE: " IS NOT DISTINCT FROM false)", pg.BoolTestType_IS_NOT_FALSE: " IS DISTINCT FROM false)",
		pg.BoolTestType_IS_UNKNOWN: " IS NULL)", pg.BoolTestType_IS_NOT_UNKNOWN: " IS NOT NULL)"}[t.Booltesttype]
	if !ok {
		return expr{}, b.unsupported(t.Location, "this test")
	}
	sql, err := b.write("(", text, word)
	return expr{sql: sql, oid: oidBool, mod: -1}, err
}

// settled is an expression whose type is text where nothing says another.
func (b *binder) settled(node *pg.Node, s *scope) (expr, error) {
	e, err := b.expr(node, s)
	if err == nil && e.oid == oidUnknown {
		return b.coerce(e, oidText, location(node))
	}
	return e, err
}

// matched writes expressions that are brought to one type.
func (b *binder) matched(nodes []*pg.Node, s *scope, what string) (expr, string, error) {
	var exprs []expr
	oid := uint32(oidUnknown)
	for _, node := range nodes {
		e, err := b.expr(node, s)
		if err != nil {
			return expr{}, "", err
		}
		next, ok := merged(oid, e.oid)
		if !ok {
			return expr{}, "", b.fail("42804", location(node), "%s types %s and %s cannot be matched", what, typeText(oid), typeText(e.oid))
		}
		oid = next
		exprs = append(exprs, e)
	}
	if oid == oidUnknown {
		oid = oidText
	}
	if isString(oid) && (what == "GREATEST" || what == "LEAST") {
		return expr{}, "", b.unsupported(location(nodes[0]), what+" of texts") // it would copy them uncounted
	}
	var parts []string
	for i, e := range exprs {
		e, err := b.coerce(e, oid, location(nodes[i]))
		if err == nil && what == "ARRAY" && e.literal == nil {
			e, err = b.counted(e)
		}
		if err != nil {
			return expr{}, "", err
		}
		parts = append(parts, e.sql)
	}
	text, err := b.write(strings.Join(parts, ", "))
	return expr{oid: oid, mod: -1}, text, err
}

func (b *binder) caseExpr(c *pg.CaseExpr, s *scope) (expr, error) {
	var results []*pg.Node
	var conditions []string
	for _, node := range c.Args {
		when := node.GetCaseWhen()
		var text string
		var err error
		if c.Arg != nil {
			var left, right, e expr
			if left, err = b.expr(c.Arg, s); err != nil {
				return expr{}, err
			}
			if right, err = b.expr(when.Expr, s); err != nil {
				return expr{}, err
			}
			e, err = b.compare("=", left, right, when.Location)
			text = e.sql
		} else {
			text, err = b.condition(when.Expr, s, "CASE/WHEN")
		}
		if err != nil {
			return expr{}, err
		}
		conditions = append(conditions, text)
		results = append(results, when.Result)
	}
	if c.Defresult != nil {
		results = append(results, c.Defresult)
	}
	exprs := make([]expr, len(results))
	oid := uint32(oidUnknown)
	for i, node := range results {
		e, err := b.expr(node, s)
		if err != nil {
			return expr{}, err
		}
		next, ok := merged(oid, e.oid)
		if !ok {
			return expr{}, b.fail("42804", location(node), "CASE types %s and %s cannot be matched", typeText(oid), typeText(e.oid))
		}
		oid, exprs[i] = next, e
	}
	if oid == oidUnknown {
		oid = oidText
	}
	text := []string{"(CASE"}
	for i, e := range exprs {
		e, err := b.coerce(e, oid, location(results[i]))
		if err != nil {
			return expr{}, err
		}
		if i < len(conditions) {
			text = append(text, " WHEN ", conditions[i], " THEN ", e.sql)
		} else {
			text = append(text, " ELSE ", e.sql)
		}
	}
	sql, err := b.write(append(text, " END)")...)
	return expr{sql: sql, oid: oid, mod: -1}, err
}

func (b *binder) arrayExpr(a *pg.A_ArrayExpr, s *scope) (expr, error) {
	if len(a.Elements) == 0 {
		empty := "{}"
		return expr{sql: "CAST([] AS VARCHAR[])", oid: oidUnknown, mod: -1, literal: &empty}, nil
	}
	if len(a.Elements) > maxSeries {
		return expr{}, b.fail("54000", a.Location, "the array is too long")
	}
	e, parts, err := b.matched(a.Elements, s, "ARRAY")
	if err != nil {
		return expr{}, err
	}
	array := arrays[e.oid]
	if array == 0 {
		return expr{}, b.unsupported(a.Location, "an array of "+typeText(e.oid))
	}
	sql, err := b.write("CAST([", parts, "] AS ", stored(array), ")")
	return expr{sql: sql, oid: array, mod: -1}, err
}

func (b *binder) subLink(l *pg.SubLink, s *scope) (expr, error) {
	st := l.GetSubselect().GetSelectStmt()
	if st == nil {
		return expr{}, b.unsupported(l.Location, "this subquery")
	}
	if l.SubLinkType == pg.SubLinkType_EXISTS_SUBLINK {
		q, err := b.query(st, s)
		if err != nil {
			return expr{}, err
		}
		sql, err := b.write("EXISTS (", q.sql, ")")
		return expr{sql: sql, oid: oidBool, mod: -1}, err
	}
	q, err := b.query(st, s)
	if err != nil {
		return expr{}, err
	}
	q.settle()
	if len(q.fields) != 1 {
		return expr{}, b.fail("42601", l.Location, "subquery must return only one column")
	}
	got := q.fields[0]
	switch l.SubLinkType {
	case pg.SubLinkType_EXPR_SUBLINK:
		sql, err := b.write("(", q.sql, ")")
		return expr{sql: sql, oid: got.oid, mod: got.mod, element: got.element}, err
	case pg.SubLinkType_ARRAY_SUBLINK:
		if arrays[got.oid] == 0 {
			return expr{}, b.unsupported(l.Location, "an array of "+typeText(got.oid))
		}
		one, err := b.counted(expr{sql: "c1", oid: got.oid})
		if err != nil {
			return expr{}, err
		}
		sql, err := b.write("ARRAY (SELECT ", one.sql, " FROM (", q.sql, ") AS ", b.fresh("r"), ")")
		return expr{sql: sql, oid: arrays[got.oid], mod: -1}, err
	case pg.SubLinkType_ANY_SUBLINK:
		if name := words(l.OperName); len(name) > 0 && name[len(name)-1] != "=" {
			return expr{}, b.unsupported(l.Location, "an operator other than = before ANY (subquery)")
		}
		e, err := b.expr(l.Testexpr, s)
		if err != nil {
			return expr{}, err
		}
		oid, ok := common(e.oid, got.oid)
		if !ok {
			return expr{}, b.fail("42883", l.Location, "operator does not exist: %s = %s", typeText(e.oid), typeText(got.oid))
		}
		if e, err = b.coerce(e, oid, l.Location); err != nil {
			return expr{}, err
		}
		sql, err := b.write("(", e.sql, " IN (", b.arm(q, []field{{oid: oid}}), "))")
		return expr{sql: sql, oid: oidBool, mod: -1}, err
	}
	return expr{}, b.unsupported(l.Location, "this form of subquery")
}

// indirection writes a subscript, or a field of the pairs that _pg_expandarray gives.
func (b *binder) indirection(in *pg.A_Indirection, s *scope) (expr, error) {
	e, err := b.expr(in.Arg, s)
	if err != nil {
		return expr{}, err
	}
	for _, node := range in.Indirection {
		if name := node.GetString_(); name != nil {
			oid := map[string]uint32{"x": e.element, "n": oidInt4}[name.Sval]
			if e.element == 0 || oid == 0 {
				return expr{}, b.fail("42703", location(in.Arg), "column notation .%s applied to type %s, which is not a composite type", name.Sval, typeText(e.oid))
			}
			sql, err := b.write("struct_extract(", e.sql, ", ", quote(name.Sval), ")")
			if err != nil {
				return expr{}, err
			}
			e = expr{sql: sql, oid: oid, mod: -1, many: e.many}
			continue
		}
		at := node.GetAIndices()
		if at == nil || at.IsSlice || at.Uidx == nil {
			return expr{}, b.unsupported(location(in.Arg), "a slice of an array")
		}
		element := elements[e.oid]
		if element == 0 {
			return expr{}, b.fail("42804", location(in.Arg), "cannot subscript type %s because it does not support subscripting", typeText(e.oid))
		}
		index, err := b.expr(at.Uidx, s)
		if err != nil {
			return expr{}, err
		}
		if index, err = b.coerce(index, oidInt4, location(at.Uidx)); err != nil {
			return expr{}, err
		}
		first := "" // vectors count from 0
		if e.oid == oidInt2vector || e.oid == oidOidvector {
			first = " + 1"
		}
		sql, err := b.write("list_extract(", e.sql, ", greatest(CAST(", index.sql, " AS BIGINT)", first, ", 0))")
		if err != nil {
			return expr{}, err
		}
		e = expr{sql: sql, oid: element, mod: -1}
	}
	return e, nil
}

func (b *binder) collate(c *pg.CollateClause, s *scope) (expr, error) {
	names := words(c.Collname)
	switch names[len(names)-1] {
	case "default", "C", "POSIX", "ucs_basic":
	default:
		return expr{}, b.fail("42704", c.Location, "collation \"%s\" for encoding \"UTF8\" does not exist", names[len(names)-1])
	}
	return b.expr(c.Arg, s)
}

func (b *binder) sessionValue(f *pg.SQLValueFunction) (expr, error) {
	switch f.Op {
	case pg.SQLValueFunctionOp_SVFOP_CURRENT_USER, pg.SQLValueFunctionOp_SVFOP_USER, pg.SQLValueFunctionOp_SVFOP_SESSION_USER,
		pg.SQLValueFunctionOp_SVFOP_CURRENT_ROLE:
		return b.literal(b.c.user, oidName, f.Location)
	case pg.SQLValueFunctionOp_SVFOP_CURRENT_CATALOG:
		return b.literal(b.c.database, oidName, f.Location)
	case pg.SQLValueFunctionOp_SVFOP_CURRENT_SCHEMA:
		return b.currentSchema()
	case pg.SQLValueFunctionOp_SVFOP_CURRENT_DATE:
		return expr{sql: "DATE " + quote(b.now.Format("2006-01-02")), oid: oidDate, mod: -1}, nil
	case pg.SQLValueFunctionOp_SVFOP_CURRENT_TIMESTAMP:
		return b.nowExpr(oidTimestamptz), nil
	case pg.SQLValueFunctionOp_SVFOP_LOCALTIMESTAMP:
		return b.nowExpr(oidTimestamp), nil
	}
	return expr{}, b.unsupported(f.Location, "this value")
}
