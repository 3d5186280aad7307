package catalog

import (
	"fmt"
	"strings"

	pg "github.com/pganalyze/pg_query_go/v6"
)

// add brings the entries of a FROM clause into sight, each under a name of its own.
func (b *binder) add(s *scope, sources []*source, node *pg.Node) error {
	for _, made := range sources {
		for _, there := range s.sources {
			if made.name != "" && made.name == there.name {
				return b.fail("42712", location(node), "table name \"%s\" specified more than once", made.name)
			}
		}
		s.sources = append(s.sources, made)
	}
	return nil
}

// from writes an entry of a FROM clause. before holds the entries before it, which what is LATERAL may name.
func (b *binder) from(node *pg.Node, before *scope) (string, []*source, error) {
	if err := b.enter(); err != nil {
		return "", nil, err
	}
	defer b.leave()
	if b.sources++; b.sources > maxSources {
		return "", nil, b.fail("54001", location(node), "the statement reads more than %d relations", maxSources)
	}
	switch {
	case node.GetRangeVar() != nil:
		return b.reference(node.GetRangeVar())
	case node.GetRangeSubselect() != nil:
		return b.subselect(node.GetRangeSubselect(), before)
	case node.GetJoinExpr() != nil:
		return b.join(node.GetJoinExpr(), before)
	case node.GetRangeFunction() != nil:
		return b.functionRows(node.GetRangeFunction(), before)
	}
	return "", nil, b.unsupported(location(node), "this entry of a FROM clause")
}

// aliased makes a source of columns that are called c1, c2 … in the private database.
func (b *binder) aliased(name, alias string, fields []field, a *pg.Alias) (*source, error) {
	if a != nil {
		name = a.Aliasname
		var err error
		if fields, err = b.named(fields, words(a.Colnames), -1); err != nil {
			return nil, err
		}
	}
	made := &source{name: name}
	for i, f := range fields {
		f.sql = fmt.Sprintf("%s.c%d", alias, i+1)
		made.fields = append(made.fields, f)
	}
	return made, nil
}

// reference writes a relation or a query of a WITH clause.
func (b *binder) reference(v *pg.RangeVar) (string, []*source, error) {
	alias := b.fresh("r")
	if v.Schemaname == "" {
		for i := len(b.with) - 1; i >= 0; i-- {
			if b.with[i].name == v.Relname {
				made, err := b.aliased(v.Relname, alias, b.with[i].fields, v.Alias)
				return b.with[i].alias + " AS " + alias, []*source{made}, err
			}
		}
	}
	t, err := b.relation(v)
	if err != nil {
		return "", nil, err
	}
	made, err := b.aliased(v.Relname, alias, t.fields, v.Alias)
	if err != nil {
		return "", nil, err
	}
	made.class = t.class
	if t.own {
		b.own[t.private] = t
	}
	return t.private + " AS " + alias, []*source{made}, nil
}

func (b *binder) subselect(r *pg.RangeSubselect, before *scope) (string, []*source, error) {
	outer, word := before.outer, ""
	if r.Lateral {
		outer, word = before, "LATERAL "
	}
	st := r.GetSubquery().GetSelectStmt()
	if st == nil {
		return "", nil, b.unsupported(-1, "this subquery")
	}
	q, err := b.query(st, outer)
	if err != nil {
		return "", nil, err
	}
	q.settle()
	alias := b.fresh("r")
	made, err := b.aliased("", alias, q.fields, r.Alias)
	if err != nil {
		return "", nil, err
	}
	text, err := b.write(word, "(", q.sql, ") AS ", alias)
	return text, []*source{made}, err
}

func (b *binder) join(j *pg.JoinExpr, before *scope) (string, []*source, error) {
	if j.Alias != nil || j.JoinUsingAlias != nil {
		return "", nil, b.unsupported(-1, "an alias of a join")
	}
	left, ls, err := b.from(j.Larg, before)
	if err != nil {
		return "", nil, err
	}
	inner := &scope{outer: before.outer, sources: append([]*source(nil), before.sources...)}
	if err := b.add(inner, ls, j.Larg); err != nil {
		return "", nil, err
	}
	right, rs, err := b.from(j.Rarg, inner)
	if err != nil {
		return "", nil, err
	}
	own := &scope{outer: before.outer}
	if err := b.add(own, ls, j.Larg); err != nil {
		return "", nil, err
	}
	if err := b.add(own, rs, j.Rarg); err != nil {
		return "", nil, err
	}
	word := map[pg.JoinType]string{pg.JoinType_JOIN_INNER: " JOIN ", pg.JoinType_JOIN_LEFT: " LEFT JOIN ",
		pg.JoinType_JOIN_RIGHT: " RIGHT JOIN ", pg.JoinType_JOIN_FULL: " FULL JOIN "}[j.Jointype]
	on := ""
	switch {
	case word == "":
		return "", nil, b.unsupported(-1, "this join")
	case j.IsNatural || len(j.UsingClause) > 0:
		if on, err = b.using(j, ls, rs); err != nil {
			return "", nil, err
		}
	case j.Quals != nil:
		if on, err = b.condition(j.Quals, own, "JOIN/ON"); err != nil {
			return "", nil, err
		}
	}
	switch {
	case on != "":
		on = " ON (" + on + ")"
	case j.Jointype == pg.JoinType_JOIN_INNER:
		word = " CROSS JOIN "
	default:
		on = " ON (true)"
	}
	text, err := b.write("(", left, word, right, on, ")")
	return text, append(append([]*source(nil), ls...), rs...), err
}

// using writes the condition of JOIN USING and of NATURAL JOIN, and hides one of each two columns.
func (b *binder) using(j *pg.JoinExpr, ls, rs []*source) (string, error) {
	if j.Jointype == pg.JoinType_JOIN_FULL {
		return "", b.unsupported(-1, "FULL JOIN with USING")
	}
	names := words(j.UsingClause)
	if j.IsNatural {
		for _, from := range ls {
			for _, f := range from.fields {
				if _, ok := visible(rs, f.name); ok && !from.merged[f.name] {
					names = append(names, f.name)
				}
			}
		}
	}
	var conditions []string
	for _, name := range names {
		l, okl := visible(ls, name)
		r, okr := visible(rs, name)
		if !okl || !okr {
			return "", b.fail("42703", -1, "column \"%s\" specified in USING clause does not exist in both tables, or more than once", name)
		}
		e, err := b.compare("=", expr{sql: l.sql, oid: l.oid}, expr{sql: r.sql, oid: r.oid}, -1)
		if err != nil {
			return "", err
		}
		conditions = append(conditions, e.sql)
		hidden := rs
		if j.Jointype == pg.JoinType_JOIN_RIGHT {
			hidden = ls
		}
		for _, from := range hidden {
			for _, f := range from.fields {
				if f.name == name {
					if from.merged == nil {
						from.merged = map[string]bool{}
					}
					from.merged[name] = true
				}
			}
		}
	}
	return strings.Join(conditions, " AND "), nil
}

// visible is the one column of a name among sources.
func visible(sources []*source, name string) (field, bool) {
	var found []field
	for _, from := range sources {
		for _, f := range from.fields {
			if f.name == name && !from.merged[name] {
				found = append(found, f)
			}
		}
	}
	if len(found) != 1 {
		return field{}, false
	}
	return found[0], true
}

// functionRows writes a function in a FROM clause: as a subquery that gives its rows, and what stands before it may be named in it.
func (b *binder) functionRows(r *pg.RangeFunction, before *scope) (string, []*source, error) {
	if len(r.Functions) != 1 || len(r.Coldeflist) > 0 {
		return "", nil, b.unsupported(-1, "ROWS FROM, or a list of columns after a function")
	}
	items := r.Functions[0].GetList().GetItems()
	if len(items) == 0 {
		return "", nil, b.unsupported(-1, "this function in FROM")
	}
	node := items[0]
	call := node.GetFuncCall()
	name, _ := figure(node)
	if call != nil {
		if t := b.c.tables[name+"()"]; t != nil && len(call.Args) == 0 && !r.Ordinality {
			alias := b.fresh("r")
			made, err := b.aliased(name, alias, t.fields, r.Alias)
			return t.private + " AS " + alias, []*source{made}, err
		}
	}
	e, err := b.expr(node, before)
	if err != nil {
		return "", nil, err
	}
	if e, err = b.coerce(e, e.oid, location(node)); err != nil {
		return "", nil, err
	}
	var columns []string
	var fields []field
	title := name
	if r.Alias != nil {
		title = r.Alias.Aliasname
	}
	inner := b.fresh("r")
	switch {
	case e.element != 0:
		columns = append(columns, "struct_extract("+inner+".v, 'x') AS c1", "struct_extract("+inner+".v, 'n') AS c2")
		fields = []field{{name: "x", oid: e.element, mod: -1}, {name: "n", oid: oidInt4, mod: -1}}
	default:
		columns = append(columns, inner+".v AS c1")
		fields = []field{{name: title, oid: e.oid, mod: -1}}
	}
	rows := "SELECT " + e.sql + " AS v"
	if r.Ordinality {
		if !e.many {
			return "", nil, b.unsupported(location(node), "WITH ORDINALITY of a function that gives one row")
		}
		rows += ", unnest(range(1, len" + strings.TrimPrefix(e.sql, "unnest") + " + 1)) AS o"
		columns = append(columns, fmt.Sprintf("CAST(%s.o AS BIGINT) AS c%d", inner, len(columns)+1))
		fields = append(fields, field{name: "ordinality", oid: oidInt8, mod: -1})
	}
	alias := b.fresh("r")
	made, err := b.aliased(name, alias, fields, r.Alias)
	if err != nil {
		return "", nil, err
	}
	text, err := b.write("LATERAL (SELECT ", strings.Join(columns, ", "), " FROM (", rows, ") AS ", inner, ") AS ", alias)
	return text, []*source{made}, err
}

// figure is the name of a column that has none of its own, as PostgreSQL's FigureColname finds it, with how
// sure that name is: 2 of a name that the expression has, 1 of that of its type, 0 of none.
func figure(node *pg.Node) (string, int) {
	switch n := node.GetNode().(type) {
	case *pg.Node_ColumnRef:
		if names := words(n.ColumnRef.Fields); len(names) > 0 {
			return names[len(names)-1], 2
		}
	case *pg.Node_AIndirection:
		if names := words(n.AIndirection.Indirection); len(names) > 0 {
			return names[len(names)-1], 2
		}
		return figure(n.AIndirection.Arg)
	case *pg.Node_FuncCall:
		if names := words(n.FuncCall.Funcname); len(names) > 0 {
			return names[len(names)-1], 2
		}
	case *pg.Node_AExpr:
		if n.AExpr.Kind == pg.A_Expr_Kind_AEXPR_NULLIF {
			return "nullif", 2
		}
	case *pg.Node_TypeCast:
		if name, sure := figure(n.TypeCast.Arg); sure > 1 {
			return name, sure
		}
		if names := words(n.TypeCast.GetTypeName().GetNames()); len(names) > 0 {
			return names[len(names)-1], 1
		}
	case *pg.Node_CollateClause:
		return figure(n.CollateClause.Arg)
	case *pg.Node_CaseExpr:
		if name, sure := figure(n.CaseExpr.Defresult); sure > 1 {
			return name, sure
		}
		return "case", 1
	case *pg.Node_AArrayExpr:
		return "array", 2
	case *pg.Node_RowExpr:
		return "row", 2
	case *pg.Node_CoalesceExpr:
		return "coalesce", 2
	case *pg.Node_MinMaxExpr:
		if n.MinMaxExpr.Op == pg.MinMaxOp_IS_LEAST {
			return "least", 2
		}
		return "greatest", 2
	case *pg.Node_SubLink:
		return figureSubLink(n.SubLink)
	case *pg.Node_SqlvalueFunction:
		return valueNames[n.SqlvalueFunction.Op], 2
	}
	return "", 0
}

func figureSubLink(l *pg.SubLink) (string, int) {
	switch l.SubLinkType {
	case pg.SubLinkType_EXISTS_SUBLINK:
		return "exists", 2
	case pg.SubLinkType_ARRAY_SUBLINK:
		return "array", 2
	case pg.SubLinkType_EXPR_SUBLINK:
		if targets := l.GetSubselect().GetSelectStmt().GetTargetList(); len(targets) > 0 {
			target := targets[0].GetResTarget()
			if target.GetName() != "" {
				return target.Name, 2
			}
			return figure(target.GetVal())
		}
	}
	return "", 0
}

var valueNames = map[pg.SQLValueFunctionOp]string{
	pg.SQLValueFunctionOp_SVFOP_CURRENT_USER: "current_user", pg.SQLValueFunctionOp_SVFOP_USER: "user",
	pg.SQLValueFunctionOp_SVFOP_SESSION_USER: "session_user", pg.SQLValueFunctionOp_SVFOP_CURRENT_ROLE: "current_role",
	pg.SQLValueFunctionOp_SVFOP_CURRENT_CATALOG: "current_catalog", pg.SQLValueFunctionOp_SVFOP_CURRENT_SCHEMA: "current_schema",
	pg.SQLValueFunctionOp_SVFOP_CURRENT_DATE: "current_date", pg.SQLValueFunctionOp_SVFOP_CURRENT_TIMESTAMP: "current_timestamp",
	pg.SQLValueFunctionOp_SVFOP_LOCALTIMESTAMP: "localtimestamp",
}

// location is where an expression stands, in bytes; −1 where the parser does not say.
func location(node *pg.Node) int32 {
	switch n := node.GetNode().(type) {
	case *pg.Node_ColumnRef:
		return n.ColumnRef.Location
	case *pg.Node_AConst:
		return n.AConst.Location
	case *pg.Node_ParamRef:
		return n.ParamRef.Location
	case *pg.Node_TypeCast:
		return n.TypeCast.Location
	case *pg.Node_FuncCall:
		return n.FuncCall.Location
	case *pg.Node_AExpr:
		return n.AExpr.Location
	case *pg.Node_CaseExpr:
		return n.CaseExpr.Location
	case *pg.Node_SubLink:
		return n.SubLink.Location
	case *pg.Node_AArrayExpr:
		return n.AArrayExpr.Location
	case *pg.Node_CoalesceExpr:
		return n.CoalesceExpr.Location
	case *pg.Node_RowExpr:
		return n.RowExpr.Location
	case *pg.Node_BoolExpr:
		return n.BoolExpr.Location
	case *pg.Node_SqlvalueFunction:
		return n.SqlvalueFunction.Location
	case *pg.Node_XmlExpr:
		return n.XmlExpr.Location
	}
	return -1
}
