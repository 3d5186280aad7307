package engine

import (
	"math/big"
	"slices"
	"strings"

	pg "github.com/pganalyze/pg_query_go/v6"
)

// link has a join of two tables be one across departments, if all contributors place the columns that join them on one spine. semi is
// nil of an inner join.
func (b *binder) link(equal []equality, semi *SemiJoin) error {
	j, position := b.plan.Join, equal[0].position
	switch {
	case len(j.Tables) != 2:
		return refuse(CodeUnsupported, position, "a join across departments is of two tables, and this one of %d", len(j.Tables))
	case len(j.Keys) != 1 || len(j.Keys[0]) != 2:
		return hinted(refuse(CodeUnsupported, position, "a join across departments has one condition, that the columns are equal that name persons"),
			"conditions on one table stand in WHERE")
	}
	l := &Linked{Semi: semi}
	for side := range l.Sides {
		column := j.Keys[0][side] // the tables' columns follow each other
		l.Sides[side].Key = column
		for _, r := range j.of(side) {
			l.Sides[side].Departments = append(l.Sides[side].Departments, r.Department)
			spine := Spine{Table: r.Linkage.Spine, Department: r.Linkage.Department}
			switch {
			case r.Linkage.Key != j.Columns[column].Name:
				return b.notLinked(column, position)
			case l.Spine == (Spine{}):
				l.Spine = spine
			case l.Spine != spine:
				return hinted(refuse(CodeUnsupported, position, "%s of %s is placed on the spine %s of %s, and others on %s of %s: they do not name the same persons alike",
					quote(r.Table), r.Department, quote(spine.Table), spine.Department, quote(l.Spine.Table), l.Spine.Department),
					"ask only departments whose keys are placed on one spine")
			}
		}
	}
	j.Linked = l
	if rows := b.plan.mostJoined(); rows.Cmp(big.NewInt(MaxRows)) > 0 {
		return hinted(refuse(CodeOverflow, position, "%s rows can match by what is registered; at most %d are allowed", rows, int64(MaxRows)),
			"rows_per_person in node.toml, or rows_per_key where rows without a key are there, says how many rows a person has at most")
	}
	return nil
}

// bindPersons types count(DISTINCT key) of a join across departments: persons who have rows on both sides.
func (b *binder) bindPersons(call *pg.FuncCall, in place, position int) (*Expr, error) {
	for side, of := range b.plan.Linked().Sides {
		if n := len(of.Departments); n > 1 && b.plan.Schema.Columns[of.Key].Colocated == "" && !b.plan.Linked().Semi.about(side) {
			return nil, hinted(refuse(CodeUnsupported, position, "count(DISTINCT ...) of the persons that match takes each table at one department, and %s is at %d: a person at several would count more than once",
				quote(b.plan.Join.Tables[side].Name), n), "count(*) counts rows that match")
		}
	}
	if b.plan.Sets != nil {
		return nil, refuse(CodeUnsupported, position, "count(DISTINCT ...) of the persons that match does not stand beside ROLLUP, CUBE or GROUPING SETS: persons of several groups would count more than once")
	}
	filter, err := b.bindFilter(call.AggFilter, "FILTER", in)
	if err != nil {
		return nil, err
	}
	key, err := b.columnExpr(b.plan.Linked().person())
	if err != nil {
		return nil, err
	}
	return b.aggregate(&Expr{Op: OpCount, Kind: Integer}, Moment{Op: CountKeys, Expr: key, Filter: filter}, position)
}

// notLinked says who does not declare what of a column.
func (b *binder) notLinked(column, position int) error {
	j := b.plan.Join
	c := j.Columns[column]
	var without, kept []string
	for _, r := range j.of(c.Table) {
		switch l := r.Linkage; {
		case !l.Declared():
			without = append(without, r.Department)
		case l.Key != c.Name:
			kept = append(kept, quote(l.Key)+" of "+r.Department)
		}
	}
	name := quote(b.plan.Schema.Columns[column].Name)
	if len(kept) > 0 {
		return hinted(refuse(CodeUnsupported, position, "%s does not name persons: those of table %s are named by %s", name, quote(j.Tables[c.Table].Name), strings.Join(kept, ", ")),
			"join tables by the columns that name persons")
	}
	return hinted(refuse(CodeUnsupported, position, "%s is not placed on a spine by %s, so nobody can tell which persons of other departments it names", name, strings.Join(without, ", ")),
		"%s", linkageWanted(j.Tables[c.Table].Name, c.Name))
}

// linkageWanted are the lines that a department would write.
func linkageWanted(table, column string) string {
	return `in node.toml, below [[table]] name = "` + table + `": key = ["` + column + `"], of = "..." and of_department = "..." (a spine and whose it is), or spine = true`
}

// of are the registrations of one of the tables.
func (j *Join) of(table int) (out []Registration) {
	for _, r := range j.Catalogue {
		if r.Table == j.Tables[table].Name {
			out = append(out, r)
		}
	}
	return out
}

// side are the registrations of one of the tables, with columns as the joined schema has them.
func (j *Join) side(table int, columns []Column) []Registration {
	out := j.of(table)
	for i := range out {
		out[i].Columns = slices.Clone(out[i].Columns)
		for at, c := range j.Columns {
			if own := columnByName(out[i].Columns, c.Name); c.Table == table && own >= 0 {
				out[i].Columns[own].Name = columns[at].Name
			}
		}
	}
	return out
}

// mostOfPerson is how many rows of a table with a linkage name one person at most.
func mostOfPerson(r *Registration) int64 {
	return mostEqual(r, []string{r.Linkage.Key})
}

// mostRows is how many rows a question is about at most, over all departments.
func (p *Plan) mostRows() *big.Int {
	if p.Linked() != nil {
		return p.mostJoined()
	}
	rows := new(big.Int)
	for _, r := range p.Registrations {
		rows.Add(rows, big.NewInt(r.Rows))
	}
	return rows
}

// mostJoined is how many rows can match at most, over all departments: each row of a table with as many of the other as one person has at
// each of its departments.
func (p *Plan) mostJoined() *big.Int {
	var rows, persons [2]big.Int
	for side := range rows {
		for _, r := range p.Join.of(side) {
			rows[side].Add(&rows[side], big.NewInt(r.Rows))
			persons[side].Add(&persons[side], big.NewInt(mostOfPerson(&r)))
		}
	}
	if semi := p.Linked().Semi; semi != nil { // each row once, or not at all
		return &rows[1-semi.Side]
	}
	return minimum(new(big.Int).Mul(&rows[0], &persons[1]), new(big.Int).Mul(&rows[1], &persons[0]))
}
