package engine

import (
	"cmp"
	"slices"
	"strings"

	pg "github.com/pganalyze/pg_query_go/v6"
)

// joinForm is what a join is.
const joinForm = "tables are joined by a JOIN b USING (column), or a JOIN b ON a.column = b.column"

// bindSides takes the tables on both sides of a join, and refuses what is no inner join by columns.
func (b *binder) bindSides(j *pg.JoinExpr) error {
	if err := b.bindSide(j.Larg); err != nil {
		return err
	}
	first := len(b.from)
	if err := b.bindSide(j.Rarg); err != nil {
		return err
	}
	position := b.from[first].position
	refused := ""
	switch {
	case j.IsNatural:
		refused = "NATURAL JOIN is not supported: it joins by whichever columns have one name"
	case j.Jointype != pg.JoinType_JOIN_INNER:
		refused = "outer joins are not supported: rows without a match are not counted"
	case len(j.UsingClause) == 0 && j.Quals == nil:
		refused = "CROSS JOIN is not supported: each row would be joined with each"
	case j.Alias != nil || j.JoinUsingAlias != nil:
		refused = "a join has no alias of its own: each table may have one"
	}
	if refused != "" {
		return hinted(refuse(CodeUnsupported, position, "%s", refused), joinForm)
	}
	return b.only(j, "jointype", "larg", "rarg", "using_clause", "quals")
}

// equality is two columns of the schema that a join's condition has equal.
type equality struct{ left, right, position int }

// scope are tables of FROM, and their columns that may be named by themselves.
type scope struct{ tables, visible []int }

// bindJoin makes the joined table of the tables that bindTables found: by each contributor at home, or across them.
func (b *binder) bindJoin(node *pg.JoinExpr) error {
	b.plan.Join = &Join{}
	own, missing, err := b.joinTables()
	if err != nil {
		return err
	}
	var equal []equality
	next := 0
	all, err := b.joinScope(node, &next, &equal)
	if err != nil {
		return err
	}
	if b.in = all; len(equal) > MaxJoinConditions {
		return refuse(CodeLimit, b.from[0].position, "a join has at most %d conditions", MaxJoinConditions)
	}
	b.joinKeys(equal)
	refused := b.colocated(equal)
	across := refused != nil || missing != nil
	if err := b.comparable(equal, across); err != nil {
		return err
	}
	if across {
		return b.acrossDepartments(equal, refused, missing)
	}
	for _, of := range own {
		r, err := b.plan.Join.registration(of, b.plan.Table, b.plan.Schema.Columns)
		if err != nil {
			return err
		}
		b.plan.Registrations = append(b.plan.Registrations, r)
	}
	return nil
}

// acrossDepartments links a join that departments do not have each by itself, because of what is refused or missing. What is promised
// of a column goes before what it is placed on.
func (b *binder) acrossDepartments(equal []equality, refused, missing error) error {
	declared := slices.ContainsFunc(b.plan.Join.Catalogue, func(r Registration) bool { return r.Linkage.Declared() })
	switch {
	case refused != nil && declared:
		return b.link(equal, nil)
	case missing != nil:
		return missing
	}
	return refused
}

// joinTables puts the columns of all tables, ascending by name, into one schema. It gives each contributor's registrations of them, and
// the refusal of the first that one does not hold: each is held by one of them.
func (b *binder) joinTables() (own [][]Registration, missing, err error) {
	j := b.plan.Join
	own = make([][]Registration, len(b.plan.Departments))
	b.plan.Schema.Table = b.plan.Table
	for at, name := range b.tables() {
		t := &b.from[slices.IndexFunc(b.from, func(t fromTable) bool { return t.name == name })]
		j.Tables = append(j.Tables, JoinedTable{Name: name, Alias: t.alias})
		var regs []Registration
		for d, department := range b.plan.Departments {
			r := b.catalogue.find(name, department)
			if r < 0 {
				missing = cmp.Or(missing, error(notHeld(department, *t)))
				continue
			}
			regs, own[d] = append(regs, b.catalogue[r]), append(own[d], b.catalogue[r])
		}
		if len(regs) == 0 {
			return nil, nil, missing
		}
		merged, err := Merge(regs)
		if err != nil {
			return nil, nil, err
		}
		j.Catalogue = append(j.Catalogue, regs...)
		for _, c := range merged.Columns {
			t.columns = append(t.columns, len(j.Columns))
			j.Columns, b.names = append(j.Columns, JoinedColumn{Table: at, Name: c.Name}), append(b.names, c.Name)
			if c.Name = name + "." + c.Name; columnByName(b.plan.Schema.Columns, c.Name) >= 0 {
				return nil, nil, refuse(CodeUnsupported, t.position, "two columns of the joined tables are both called %s", quote(c.Name))
			}
			b.plan.Schema.Columns = append(b.plan.Schema.Columns, c)
		}
	}
	if n := len(j.Columns); n > MaxColumns {
		return nil, nil, refuse(CodeLimit, b.from[0].position, "the joined tables have %d columns; at most %d are allowed", n, MaxColumns)
	}
	return own, missing, b.eachHolds(own)
}

// eachHolds refuses a contributor that holds none of the joined tables.
func (b *binder) eachHolds(own [][]Registration) error {
	for d, of := range own {
		if len(of) == 0 {
			return notHeld(b.plan.Departments[d], b.from[0])
		}
	}
	return nil
}

// joinScope resolves the conditions of a side of FROM, whose tables are those from next on.
func (b *binder) joinScope(j *pg.JoinExpr, next *int, equal *[]equality) (out scope, err error) {
	var sides [2]scope
	for i, node := range []*pg.Node{j.Larg, j.Rarg} {
		if inner := node.GetJoinExpr(); inner != nil {
			if sides[i], err = b.joinScope(inner, next, equal); err != nil {
				return out, err
			}
			continue
		}
		sides[i] = b.scopeOf(*next)
		*next++
	}
	out = scope{tables: slices.Concat(sides[0].tables, sides[1].tables), visible: slices.Concat(sides[0].visible, sides[1].visible)}
	if j.Quals != nil {
		return out, b.joinOn(j.Quals, sides, out, equal)
	}
	position := b.from[sides[1].tables[0]].position
	for _, node := range j.UsingClause {
		name := node.GetString_().GetSval()
		left, err := b.columnAmong(name, sides[0], position)
		if err != nil {
			return out, err
		}
		right, err := b.columnAmong(name, sides[1], position)
		if err != nil {
			return out, err
		}
		*equal = append(*equal, equality{left, right, position})
		out.visible = slices.DeleteFunc(out.visible, func(c int) bool { return c == right }) // both are one column
	}
	return out, nil
}

// joinOn reads ON: equalities of a column of one side with one of the other.
func (b *binder) joinOn(node *pg.Node, sides [2]scope, all scope, equal *[]equality) error {
	if e := node.GetBoolExpr(); e != nil && e.Boolop == pg.BoolExprType_AND_EXPR {
		for _, part := range e.Args {
			if err := b.joinOn(part, sides, all, equal); err != nil {
				return err
			}
		}
		return nil
	}
	offset, _ := locateIn(node.ProtoReflect(), 0)
	refused := hinted(refuse(CodeUnsupported, b.at(offset), "ON takes equalities of a column of one side and one of the other, with AND between them"), "other conditions stand in WHERE")
	e := node.GetAExpr()
	if e == nil || e.Kind != pg.A_Expr_Kind_AEXPR_OP || len(e.Name) != 1 || e.Name[0].GetString_().GetSval() != "=" || e.Lexpr.GetColumnRef() == nil || e.Rexpr.GetColumnRef() == nil {
		return refused
	}
	var columns [2]int
	for i, ref := range []*pg.ColumnRef{e.Lexpr.GetColumnRef(), e.Rexpr.GetColumnRef()} {
		var err error
		if columns[i], err = b.columnOf(ref, all); err != nil {
			return err
		}
	}
	if b.sideOf(columns[0], sides[0]) {
		*equal = append(*equal, equality{columns[0], columns[1], b.at(e.Location)})
	} else {
		*equal = append(*equal, equality{columns[1], columns[0], b.at(e.Location)})
	}
	if last := (*equal)[len(*equal)-1]; !b.sideOf(last.left, sides[0]) || !b.sideOf(last.right, sides[1]) {
		return refused
	}
	return nil
}

func (b *binder) sideOf(column int, s scope) bool {
	return slices.ContainsFunc(s.tables, func(t int) bool { return slices.Contains(b.from[t].columns, column) })
}

// comparable refuses equalities of columns of different kinds. Across departments columns that name persons are compared by
// canonical ids, whatever kinds they are of.
func (b *binder) comparable(equal []equality, across bool) error {
	columns := b.plan.Schema.Columns
	for _, e := range equal {
		l, r := columns[e.left], columns[e.right]
		switch {
		case across && b.ofPersons(e.left) && b.ofPersons(e.right):
		case l.Mixed || r.Mixed:
			return cmp.Or(b.oneKind(e.left, e.position), b.oneKind(e.right, e.position))
		case l.Kind != r.Kind && l.Kind != Null && r.Kind != Null:
			return hinted(refuse(CodeType, e.position, "%s is %s and %s is %s: they cannot be equal", quote(l.Name), l.Kind.article(), quote(r.Name), r.Kind.article()),
				"the departments can declare one type for both in node.toml")
		}
	}
	return nil
}

// joinKeys makes sets of equal columns of equalities.
func (b *binder) joinKeys(equal []equality) {
	j := b.plan.Join
	set := make([]int, len(j.Columns)) // by column, the lowest that is equal to it
	for i := range set {
		set[i] = i
	}
	for _, e := range equal {
		low, high := min(set[e.left], set[e.right]), max(set[e.left], set[e.right])
		for i := range set {
			if set[i] == high {
				set[i] = low
			}
		}
	}
	for first := range set {
		var key []int
		for c := range set {
			if set[c] == first {
				key = append(key, c)
			}
		}
		if len(key) > 1 {
			j.Keys = append(j.Keys, key)
		}
	}
}

// colocated refuses a join in which rows of two departments could match: from every table one comes to every other by columns of
// one family that join them.
func (b *binder) colocated(equal []equality) error {
	j, columns := b.plan.Join, b.plan.Schema.Columns
	group := make([]int, len(j.Tables)) // by table, the lowest that is tied to it
	for t := range group {
		group[t] = t
	}
	tie := func(s, t int) {
		low, high := min(group[s], group[t]), max(group[s], group[t])
		for i := range group {
			if group[i] == high {
				group[i] = low
			}
		}
	}
	for _, key := range j.Keys {
		for _, c := range key {
			for _, d := range key {
				if f := columns[c].Colocated; f != "" && f == columns[d].Colocated {
					tie(j.Columns[c].Table, j.Columns[d].Table)
				}
			}
		}
	}
	for _, e := range equal {
		if group[j.Columns[e.left].Table] != group[j.Columns[e.right].Table] {
			return b.notColocated(e)
		}
	}
	return nil
}

// notColocated says what is not declared of two columns.
func (b *binder) notColocated(e equality) error {
	l, r := b.plan.Schema.Columns[e.left], b.plan.Schema.Columns[e.right]
	if l.Colocated != "" && r.Colocated != "" {
		return hinted(refuse(CodeUnsupported, e.position, "%s is declared colocated as %s and %s as %s: nobody promises that equal values of both stand at one department",
			quote(l.Name), quote(l.Colocated), quote(r.Name), quote(r.Colocated)), "what is of one kind in both tables is declared by one name")
	}
	var hints []string
	for _, c := range []int{e.left, e.right} {
		if b.plan.Schema.Columns[c].Colocated == "" {
			hints = append(hints, b.wanted(c, `colocated = "..." (a name for what the values are of, the same in all tables)`, func(own Column) bool {
				return own.Colocated == "" || own.Colocated != cmp.Or(l.Colocated, r.Colocated, own.Colocated)
			}))
		}
	}
	return hinted(refuse(CodeUnsupported, e.position, "%s and %s are not declared colocated by all departments: rows of two departments could match, and such a join is not supported",
		quote(l.Name), quote(r.Name)), "%s", strings.Join(hints, "; "))
}
