package engine

import (
	"fmt"
	"math/big"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// semiQuestion makes a random question over one table of linkedTables about whose persons are, or are not, among those of some rows of the other.
func (q linkedQuestion) semi() (sql string, side int) {
	side = q.IntN(2)
	tables, keys := [2]string{"benefits", "people"}, [2]string{"pid", "person_id"}
	conditions := [2][]string{{"kind = 'rent'", "amount > 1.5", "kind in ('rent', 'child') or amount < 0", "months = 1", "amount is null", "pid <> 'p1'", "pid is not null", "true", "null"},
		{"sex <> 'f'", "age between 20 and 21", "not (sex is not null)", "income % 2 = 0", "person_id like 'p%'", "person_id is not null", "false"}}
	var list, groups, where []string
	for _, g := range [2][]string{{"kind", "months + 1", "case when amount > 3 then 1 else 2 end"}, {"sex", "age", "sex is null"}}[side] {
		if q.IntN(4) == 0 {
			groups = append(groups, g)
		}
	}
	list = slices.Clone(groups)
	for range 1 + q.IntN(3) {
		x, y := q.number(side, 1), q.number(side, 2)
		a := q.one("count(*)", "count("+x+")", "sum("+y+")", "avg("+x+")", "covar_pop("+x+", "+y+")", "regr_count("+x+", "+y+")", "var_samp("+x+")", "sum(2)")
		if q.IntN(3) == 0 {
			a += " filter (where " + q.one(conditions[side]...) + ")"
		}
		list = append(list, a)
	}
	for range q.IntN(3) {
		where = append(where, "("+q.one(conditions[side]...)+")")
	}
	in := keys[side] + q.one("", " not") + " in (select " + keys[1-side] + " from " + tables[1-side]
	if q.IntN(3) > 0 {
		in += " where " + q.one(conditions[1-side]...)
	}
	where = slices.Insert(where, q.IntN(len(where)+1), in+")")
	sql = "select " + strings.Join(list, ", ") + " from " + tables[side] + " where " + strings.Join(where, " and ")
	if len(groups) > 0 {
		sql += " group by " + strings.Join(groups, ", ")
	}
	return sql, side
}

// naiveSemi are the plan's cells over the pooled rows of one side that are of persons on the spine, by SQL's rules for IN.
func naiveSemi(t *testing.T, p *Plan, tables [2]*linkedTable, spine map[string]int) []*big.Int {
	semi := p.Linked().Semi
	cells := make([]*big.Int, p.CellCount())
	for i := range cells {
		cells[i] = new(big.Int)
	}
	all := make([]int, len(p.Groups))
	for g := range all {
		all[g] = g
	}
	sideRow := func(side int, own []Datum) func(int) Datum {
		var rows [2][]Datum
		rows[side] = own
		return rowOf(p, rows)
	}
	among, unknown := map[string]bool{}, false
	for _, b := range slices.Concat(slices.Collect(mapsValues(tables[semi.Side].parts))...) {
		if passesIn(t, semi.Filter, sideRow(semi.Side, b)) {
			among[b[0].Text] = true
			unknown = unknown || b[0].IsNull()
		}
	}
	persons := map[string]bool{}
	for _, a := range slices.Concat(slices.Collect(mapsValues(tables[1-semi.Side].parts))...) {
		row := sideRow(1-semi.Side, a)
		if _, placed := spine[a[0].Text]; a[0].IsNull() || !placed || !passesIn(t, p.Filter, row) {
			continue
		}
		if in := among[a[0].Text]; in == semi.Not || semi.Not && unknown {
			continue
		}
		group := groupIn(t, p, all, row)
		for m, moment := range p.Moments {
			cell := cells[group*len(p.Moments)+m]
			if !passesIn(t, moment.Filter, row) {
				continue
			}
			switch key := fmt.Sprint(group, m, a[0].Text); {
			case moment.Op == Sum:
				cell.Add(cell, addend(evalIn(t, moment.Expr, row)))
			case moment.Op == CountNonNull && evalIn(t, moment.Expr, row).IsNull(), moment.Op == CountKeys && persons[key]:
			case moment.Op == CountRows, moment.Op == CountNonNull, moment.Op == CountKeys:
				cell.Add(cell, big.NewInt(1))
				persons[key] = true
			default:
				t.Fatalf("%s: moment %d", p.SQL, moment.Op)
			}
		}
	}
	return cells
}

// TestSemiJoins: the cells of a question about whose persons are, or are not, among those of another table's rows, by what each department has of each
// person, are those over the pooled rows by SQL's rules: also where keys are NULL. What is opened lies in its range, and the screening counts the persons of each cell.
func TestSemiJoins(t *testing.T) {
	r := rand.New(rand.NewPCG(16, 21))
	planned, refused, some := 0, 0, map[bool]int{}
	for range 150 {
		tables := linkedTables(r)
		sql, side := linkedQuestion{r}.semi()
		inner := tables[1-side]
		for d := range inner.parts {
			if len(inner.parts) > 1 && r.IntN(4) > 0 {
				delete(inner.parts, d)
			}
		}
		if len(tables[side].parts) == 1 {
			sql = strings.Replace(sql, "select ", "select count(distinct "+tables[side].columns[0].Name+"), ", 1)
		}
		cat, departments := linkedCatalogue(tables)
		p, err := NewLinkedPlan(sql, cat, departments, testPackings[0])
		if err != nil {
			several := len(inner.parts) > 1
			if code(err) != CodeType && several != strings.Contains(err.Error(), "does not add up") { // such as a decimal column without a value
				t.Errorf("%s: %v", sql, err)
			}
			if several {
				refused++
			}
			continue
		}
		planned++
		semi := p.Linked().Semi
		if len(inner.parts) > 1 || semi == nil || p.Join.Tables[semi.Side].Name != inner.name {
			t.Fatalf("%s: %+v", sql, semi)
		}
		spine := map[string]int{}
		for i := range 9 {
			if r.IntN(8) > 0 {
				spine[fmt.Sprintf("p%d", i)] = len(spine)
			}
		}
		cells, err := p.Linked().Cells(p, released(t, p, tables, spine))
		if err != nil {
			t.Fatalf("%s: %v", sql, err)
		}
		want := naiveSemi(t, p, tables, spine)
		for i := range want {
			if cells[i].Cmp(want[i]) != 0 {
				t.Errorf("%s: %s in group %d is %s, and over the rows %s", sql, p.describeMoment(i%len(p.Moments)), i/len(p.Moments), cells[i], want[i])
			}
			if want[i].Sign() > 0 {
				some[semi.Not]++
			}
		}
		s, err := p.Screening(Disclosure{Count: 10})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.Linked().Cells(s, released(t, s, tables, spine)); err != nil {
			t.Errorf("%s: what is screened: %v", sql, err)
		}
	}
	if planned < 90 || refused < 10 || some[true] < 50 || some[false] < 50 {
		t.Errorf("%d were planned and %d refused; cells %v", planned, refused, some)
	}
}
