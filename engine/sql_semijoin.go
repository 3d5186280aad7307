package engine

import (
	"slices"

	pg "github.com/pganalyze/pg_query_go/v6"
)

// SemiJoin is a condition that a column of one side is, or is not, among the keys of the other side's rows: column [NOT] IN
// (SELECT ...). README section 20.6.
type SemiJoin struct {
	_      struct{} `cbor:",toarray"`
	Side   int      // whose keys are looked among
	Not    bool
	Filter *Expr // which of its rows; nil: all
}

// about reports whether it looks among the keys of a side.
func (s *SemiJoin) about(side int) bool { return s != nil && s.Side == side }

// asked is what a side gives for no factor, where op is what a join's sides give.
func (l *Linked) asked(side int, op MomentOp) MomentOp {
	switch {
	case !l.Semi.about(side):
		return op
	case l.Semi.Not:
		return Absent
	}
	return Present
}

// person is the column whose values are counted where persons are.
func (l *Linked) person() int {
	if l.Semi.about(0) {
		return l.Sides[1].Key
	}
	return l.Sides[0].Key
}

// wheres are the conditions that choose rows: of the question, and of a subquery.
func (p *Plan) wheres() []*Expr {
	out := []*Expr{p.Filter}
	if l := p.Linked(); l != nil && l.Semi != nil {
		out = append(out, l.Semi.Filter)
	}
	return slices.DeleteFunc(out, func(e *Expr) bool { return e == nil })
}

// describeRows says which rows are counted; "" if all are.
func (p *Plan) describeRows() (out string) {
	if p.Filter != nil {
		out = p.describe(p.Filter)
	}
	l := p.Linked()
	if l == nil || l.Semi == nil {
		return out
	}
	if out != "" {
		out = "(" + out + ") AND "
	}
	side := l.Semi.Side
	out += p.Schema.Columns[l.Sides[1-side].Key].Name
	if l.Semi.Not {
		out += " NOT"
	}
	out += " IN (SELECT " + p.Schema.Columns[l.Sides[side].Key].Name + " FROM " + p.Join.Tables[side].Name
	if l.Semi.Filter != nil {
		out += " WHERE " + p.describe(l.Semi.Filter)
	}
	return out + ")"
}

// noteMissing says of whom NOT IN is not true though no row of the subquery names them.
func (p *Plan) noteMissing(l Language) (out []string) {
	of := p.Linked()
	if of == nil || of.Semi == nil || !of.Semi.Not {
		return nil
	}
	outer, inner := p.Schema.Columns[of.Sides[1-of.Semi.Side].Key], p.Schema.Columns[of.Sides[of.Semi.Side].Key]
	out = append(out, l.say("rows whose %s is NULL or not on the spine are counted by neither IN nor NOT IN", quote(outer.Name)))
	if inner.Nullable {
		out = append(out, l.say("where a row of the subquery has NULL for %s, NOT IN counts nothing, as in SQL; the subquery can leave such rows out by %s IS NOT NULL", quote(inner.Name), p.identifier(inner)))
	}
	return out
}

// membership is a condition column [NOT] IN (SELECT ...) as it is written.
type membership struct {
	column   *pg.ColumnRef
	not      bool
	table    *pg.Node // of the subquery
	selected *pg.ColumnRef
	where    *pg.Node // of the subquery; nil: all rows
	rest     *pg.Node // of the question's WHERE; nil: nothing else
	position int
}

// semiJoinForm is what a semi-join is.
const semiJoinForm = "in WHERE, by itself or between ANDs: column [NOT] IN (SELECT column FROM table WHERE ...), of columns that name persons"

// membershipIn takes the semi-join out of a WHERE; nil if there is none.
func (t text) membershipIn(where *pg.Node) (m *membership, err error) {
	var rest []*pg.Node
	for _, part := range conjunctNodes(where) {
		link, not := memberOf(part)
		switch {
		case link == nil:
			rest = append(rest, part)
		case m != nil:
			return nil, hinted(refuse(CodeUnsupported, t.at(link.Location), "a question has one IN (SELECT ...): two tables are asked, not more"), "ask for each by itself")
		default:
			if m, err = t.readMembership(link, not); err != nil {
				return nil, err
			}
		}
	}
	switch {
	case m == nil || len(rest) == 0:
	case len(rest) == 1:
		m.rest = rest[0]
	default:
		m.rest = &pg.Node{Node: &pg.Node_BoolExpr{BoolExpr: &pg.BoolExpr{Boolop: pg.BoolExprType_AND_EXPR, Args: rest}}}
	}
	return m, nil
}

// memberOf is the IN that a condition is, or with NOT before it; nil if it is another condition.
func memberOf(node *pg.Node) (link *pg.SubLink, not bool) {
	for node.GetBoolExpr() != nil && node.GetBoolExpr().Boolop == pg.BoolExprType_NOT_EXPR {
		node, not = node.GetBoolExpr().Args[0], !not
	}
	if link = node.GetSubLink(); link != nil && link.SubLinkType == pg.SubLinkType_ANY_SUBLINK {
		return link, not
	}
	return nil, false
}

func (t text) readMembership(link *pg.SubLink, not bool) (*membership, error) {
	m := &membership{not: not, column: link.Testexpr.GetColumnRef(), position: t.at(link.Location)}
	refused := func(format string, args ...any) (*membership, error) {
		return nil, hinted(refuse(CodeUnsupported, m.position, format, args...), semiJoinForm)
	}
	if len(link.OperName) > 0 || m.column == nil {
		return refused("a subquery is looked among by a column and IN")
	}
	query := link.Subselect.GetSelectStmt()
	if query == nil || t.only(query, "target_list", "distinct_clause", "from_clause", "where_clause", "limit_option", "op") != nil ||
		len(query.DistinctClause) > 0 && query.DistinctClause[0].GetNode() != nil || len(query.TargetList) != 1 || len(query.FromClause) != 1 ||
		query.FromClause[0].GetRangeVar() == nil {
		return refused("the subquery of IN chooses a column of rows of one table, and nothing else")
	}
	m.table, m.where = query.FromClause[0], query.WhereClause
	if m.selected = query.TargetList[0].GetResTarget().GetVal().GetColumnRef(); m.selected == nil {
		return refused("the subquery of IN chooses a column")
	}
	return m, nil
}

// subquery refuses a subquery where it stands.
func (t text) subquery(node *pg.Node) error {
	position := t.at(node.GetSubLink().Location)
	switch node.GetSubLink().SubLinkType {
	case pg.SubLinkType_EXISTS_SUBLINK:
		return hinted(refuse(CodeUnsupported, position, "EXISTS is not supported, but IN is"), semiJoinForm)
	case pg.SubLinkType_ANY_SUBLINK, pg.SubLinkType_ALL_SUBLINK:
		return hinted(refuse(CodeUnsupported, position, "a comparison with the rows of a subquery is not supported here"), semiJoinForm)
	}
	return t.unsupported(node)
}

// bindSelected takes the table of the subquery.
func (b *binder) bindSelected() error {
	if len(b.from) > 1 {
		return refuse(CodeUnsupported, b.semi.position, "IN (SELECT ...) is asked of the rows of one table, and FROM joins %d", len(b.from))
	}
	if own := b.from[0].name; SameName(b.semi.table.GetRangeVar().GetRelname(), own) {
		return hinted(refuse(CodeUnsupported, b.semi.position, "table %s is asked for rows of persons who have other rows in it, which is not supported", quote(own)), "IN looks among the keys of another table")
	}
	return b.bindSide(b.semi.table)
}

// bindSemiJoin makes the two tables one, of whose first the rows are counted.
func (b *binder) bindSemiJoin() error {
	j := &Join{}
	b.plan.Join = j
	if _, _, err := b.joinTables(); err != nil {
		return err
	}
	b.in, b.beside = b.scopeOf(0), b.scopeOf(1)
	left, err := b.keyNamed(b.semi.column)
	if err != nil {
		return err
	}
	b.in, b.beside = b.beside, b.in
	right, err := b.keyNamed(b.semi.selected)
	if err != nil {
		return err
	}
	equal := []equality{{left, right, b.semi.position}}
	if err := b.comparable(equal, true); err != nil {
		return err
	}
	b.joinKeys(equal)
	semi := &SemiJoin{Side: j.Columns[right].Table, Not: b.semi.not}
	if err := b.link(equal, semi); err != nil {
		return err
	}
	if err := b.addsUp(semi, right); err != nil {
		return err
	}
	if semi.Filter, err = b.bindFilter(b.semi.where, "WHERE", place{}); err != nil {
		return err
	}
	b.in, b.beside = b.beside, b.in
	return nil
}

// addsUp refuses to look among the keys of several departments, of which more than one may have a person's, or none.
func (b *binder) addsUp(semi *SemiJoin, key int) error {
	n, table := len(b.plan.Linked().Sides[semi.Side].Departments), quote(b.plan.Join.Tables[semi.Side].Name)
	switch {
	case n == 1:
	case semi.Not:
		return hinted(refuse(CodeUnsupported, b.semi.position, "NOT IN (SELECT ...) is of a table at one department, and %s is at %d: whether nobody has a row of a person does not add up", table, n),
			"ask only one of them")
	case b.plan.Schema.Columns[key].Colocated == "":
		return hinted(refuse(CodeUnsupported, b.semi.position, "IN (SELECT ...) is of a table at one department, and %s is at %d: whether a person has a row does not add up", table, n),
			"ask only one of them, or join the tables, which counts each row that matches; where no person is at two of them, they can declare %s", `colocated = "..."`)
	}
	return nil
}

// keyNamed is a column that may be of different kinds at the departments.
func (b *binder) keyNamed(ref *pg.ColumnRef) (int, error) {
	column, err := b.columnOf(ref, b.in)
	if err != nil {
		return 0, b.besides(ref, err)
	}
	return column, nil
}

// besides is why a column is not found: it may be of the other side.
func (b *binder) besides(ref *pg.ColumnRef, err error) error {
	if len(b.beside.tables) == 0 {
		return err
	}
	column, other := b.columnOf(ref, b.beside)
	if other != nil {
		return err
	}
	return hinted(refuse(CodeUnsupported, b.at(ref.Location), "%s stands on the other side of IN: outside of the subquery columns of its own table are named, and inside of it those of the other",
		quote(b.plan.Schema.Columns[column].Name)), "to ask for columns of both tables, join them")
}
