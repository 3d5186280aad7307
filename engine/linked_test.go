package engine

import (
	"fmt"
	"math/big"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// linkedTable is a table of the reference for joins across departments: its first column names persons.
type linkedTable struct {
	name    string
	columns []Column
	parts   map[string][][]Datum // rows by department
}

// register is a department's registration: what its rows show, and that its persons are on the spine.
func (t *linkedTable) register(department string) Registration {
	rows := t.parts[department]
	r := Registration{Department: department, Table: t.name, Version: 1, Rows: int64(len(rows)), Digest: Hash("test", []byte(t.name+department)),
		Linkage: Linkage{Key: t.columns[0].Name, Spine: "register", Department: "civil"}, Quality: Quality{Key: []string{t.columns[0].Name}}}
	persons := map[string]int64{}
	for i, c := range t.columns {
		var values []Datum
		for _, row := range rows {
			switch v := row[i]; {
			case v.IsNull():
				c.Nullable = true
			default:
				if values = append(values, v); i == 0 {
					persons[v.String()]++
				}
			}
		}
		slices.SortFunc(values, Datum.Compare)
		switch {
		case len(values) == 0:
			c.Kind, c.Scale = Null, 0
		case c.Kind.bounded():
			c.Min, c.Max = values[0].Number, values[len(values)-1].Number
		}
		for _, v := range values {
			if c.HasDictionary {
				c.Dictionary = append(c.Dictionary, v.String())
			}
		}
		c.Dictionary = slices.Compact(c.Dictionary)
		r.Columns = append(r.Columns, c)
	}
	for _, n := range persons {
		if n > 1 {
			r.Quality.Duplicates += n
		}
	}
	return r
}

// linkedTables are random tables of some departments, with persons in both, in one, at several departments, often, or not at all.
func linkedTables(r *rand.Rand) [2]*linkedTable {
	benefits := &linkedTable{name: "benefits", columns: []Column{{Name: "pid", Kind: Text}, {Name: "kind", Kind: Text, HasDictionary: true},
		{Name: "amount", Kind: Decimal, Scale: 2}, {Name: "months", Kind: Integer, HasDictionary: true}}, parts: map[string][][]Datum{}}
	people := &linkedTable{name: "people", columns: []Column{{Name: "person_id", Kind: Text}, {Name: "sex", Kind: Text, HasDictionary: true},
		{Name: "age", Kind: Integer, HasDictionary: true}, {Name: "income", Kind: Integer}}, parts: map[string][][]Datum{}}
	some := func(d Datum) Datum {
		if r.IntN(6) == 0 {
			return Datum{}
		}
		return d
	}
	persons := 1 + r.IntN(7)
	for side, t := range []*linkedTable{benefits, people} {
		departments := []string{"d0", "d1", "d2", "d3"}[side : side+1+r.IntN(3)]
		for _, d := range departments {
			t.parts[d] = nil
			for range r.IntN(8) {
				row := []Datum{some(NewText(fmt.Sprintf("p%d", r.IntN(persons)))), some(NewText([]string{"rent", "child", "f"}[r.IntN(3)]))}
				if side == 0 {
					row = append(row, some(NewDecimal(big.NewInt(r.Int64N(2000)-700), 2)), NewInteger(r.Int64N(4)-1))
				} else {
					row = append(row, some(NewInteger(r.Int64N(3)+20)), NewInteger(r.Int64N(90)))
				}
				t.parts[d] = append(t.parts[d], row)
			}
		}
	}
	return [2]*linkedTable{benefits, people}
}

func linkedCatalogue(tables [2]*linkedTable) (cat Catalogue, departments []string) {
	for _, t := range tables {
		for d := range t.parts {
			cat, departments = append(cat, t.register(d)), append(departments, d)
		}
	}
	slices.SortFunc(cat, compareRegistrations)
	slices.Sort(departments)
	return cat, slices.Compact(departments)
}

// rowOf reads columns of the joined schema from rows of both tables; one may be nil.
func rowOf(p *Plan, rows [2][]Datum) func(int) Datum {
	return func(c int) Datum {
		of := p.Join.Columns[c]
		names := []string{"pid", "kind", "amount", "months"}
		if of.Table == 1 {
			names = []string{"person_id", "sex", "age", "income"}
		}
		return rows[of.Table][slices.Index(names, of.Name)]
	}
}

func evalIn(t *testing.T, e *Expr, row func(int) Datum) Datum {
	t.Helper()
	v, err := e.Eval(row)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func passesIn(t *testing.T, e *Expr, row func(int) Datum) bool {
	if e == nil {
		return true
	}
	v := evalIn(t, e, row)
	return !v.IsNull() && v.Bool
}

// groupIn is the place of a row among the values of some of a plan's groups.
func groupIn(t *testing.T, p *Plan, groups []int, row func(int) Datum) (at int) {
	for _, g := range groups {
		key := evalIn(t, p.Groups[g].Expr, row)
		i := slices.IndexFunc(p.Groups[g].Values, func(v Datum) bool { return v.Compare(key) == 0 })
		if i < 0 {
			t.Fatalf("%s: no group %s", p.SQL, key)
		}
		at = at*len(p.Groups[g].Values) + i
	}
	return at
}

// addend is what an expression is in the units of a moment that sums it.
func addend(v Datum) *big.Int {
	if v.IsNull() {
		return new(big.Int)
	}
	return v.Number
}

// naive are the plan's cells over every pair of the departments' pooled rows whose keys are equal and on the spine.
func naive(t *testing.T, p *Plan, tables [2]*linkedTable, spine map[string]int) []*big.Int {
	cells := make([]*big.Int, p.CellCount())
	persons := map[string]bool{}
	for i := range cells {
		cells[i] = new(big.Int)
	}
	all := make([]int, len(p.Groups))
	for g := range all {
		all[g] = g
	}
	for _, a := range slices.Concat(slices.Collect(mapsValues(tables[0].parts))...) {
		for _, b := range slices.Concat(slices.Collect(mapsValues(tables[1].parts))...) {
			if _, placed := spine[a[0].Text]; a[0].IsNull() || b[0].IsNull() || a[0].Text != b[0].Text || !placed {
				continue
			}
			row := rowOf(p, [2][]Datum{a, b})
			if !passesIn(t, p.Filter, row) {
				continue
			}
			group := groupIn(t, p, all, row)
			for m, moment := range p.Moments {
				cell := cells[group*len(p.Moments)+m]
				if !passesIn(t, moment.Filter, row) {
					continue
				}
				switch key := fmt.Sprint(group, m, a[0].Text); moment.Op {
				case CountRows:
					cell.Add(cell, big.NewInt(1))
				case CountNonNull:
					if !evalIn(t, moment.Expr, row).IsNull() {
						cell.Add(cell, big.NewInt(1))
					}
				case Sum:
					cell.Add(cell, addend(evalIn(t, moment.Expr, row)))
				case CountKeys:
					if !persons[key] {
						cell.Add(cell, big.NewInt(1))
					}
					persons[key] = true
				default:
					t.Fatalf("%s: moment %d", p.SQL, moment.Op)
				}
			}
		}
	}
	return cells
}

func mapsValues[V any](m map[string]V) func(func(V) bool) {
	return func(yield func(V) bool) {
		for _, k := range []string{"d0", "d1", "d2", "d3"} {
			if v, there := m[k]; there && !yield(v) {
				return
			}
		}
	}
}

// numbersOf are a department's numbers of each person on the spine: of a vector, in a group of the side.
func numbersOf(t *testing.T, p *Plan, side, department int, table *linkedTable, v Vector, group int, spine map[string]int) []*big.Int {
	out := make([]*big.Int, len(spine))
	for i := range out {
		out[i] = new(big.Int)
		if v.Op == Absent {
			out[i].SetInt64(1)
		}
	}
	of := p.Linked().Sides[side]
	for _, own := range table.parts[of.Departments[department]] {
		var rows [2][]Datum
		rows[side] = own
		row := rowOf(p, rows)
		at, placed := spine[own[0].Text]
		if v.Op == Absent && own[0].IsNull() && passesIn(t, v.Filter, row) {
			for i := range out {
				out[i].SetInt64(0)
			}
		}
		if own[0].IsNull() || !placed || !passesIn(t, v.Filter, row) || groupIn(t, p, of.Groups, row) != group {
			continue
		}
		switch v.Op {
		case CountRows:
			out[at].Add(out[at], big.NewInt(1))
		case Present:
			out[at].SetInt64(1)
		case Absent:
			out[at].SetInt64(0)
		case Sum:
			out[at].Add(out[at], addend(evalIn(t, v.Expr, row)))
		default:
			t.Fatalf("%s: a vector of %d", p.SQL, v.Op)
		}
	}
	for _, n := range out {
		if b := v.Bounds[department]; n.Cmp(b.Lo) < 0 || n.Cmp(b.Hi) > 0 {
			t.Errorf("%s: %s of a person at %s, which has %s to %s", p.SQL, n, of.Departments[department], b.Lo, b.Hi)
		}
	}
	return out
}

// released are a plan's targets, from what each department has of each person.
func released(t *testing.T, p *Plan, tables [2]*linkedTable, spine map[string]int) []*big.Int {
	l := p.Linked()
	known := map[string][]*big.Int{} // sums over the departments of a side
	summed := func(side, vector, group int) []*big.Int {
		key := fmt.Sprint(side, vector, group)
		for d := range l.Sides[side].Departments {
			of := numbersOf(t, p, side, d, tables[side], l.Sides[side].Vectors[vector], group, spine)
			if d == 0 {
				known[key] = of
				continue
			}
			for i := range of {
				known[key][i].Add(known[key][i], of[i])
			}
		}
		return known[key]
	}
	var out []*big.Int
	for group := range p.groupCount() {
		for _, target := range l.Targets {
			sum := new(big.Int)
			for _, term := range target.Terms {
				left, right := summed(0, term.Vectors[0], l.Group(p, 0, group)), summed(1, term.Vectors[1], l.Group(p, 1, group))
				for i := range left {
					x := new(big.Int).Mul(left[i], right[i])
					sum.Add(sum, x.Mul(x, term.Factor))
				}
			}
			out = append(out, sum)
		}
	}
	return out
}

// linkedQuestion makes random questions over benefits and people.
type linkedQuestion struct{ *rand.Rand }

func (q linkedQuestion) one(of ...string) string { return of[q.IntN(len(of))] }

// number is an expression of a side, 2 for both.
func (q linkedQuestion) number(side, depth int) string {
	leaf := [][]string{{"amount", "months", "coalesce(amount, 0)", "case when kind = 'rent' then months end", "abs(amount)"},
		{"age", "income", "coalesce(age, income)", "case when sex is null then 1 else income end", "nullif(income, 3)"}}
	if depth == 0 || q.IntN(4) == 0 {
		if side == 2 {
			side = q.IntN(2)
		}
		if q.IntN(8) == 0 {
			return q.one("2", "-1.5", "0")
		}
		return q.one(leaf[side]...)
	}
	if q.IntN(8) == 0 {
		return "-(" + q.number(side, depth-1) + ")"
	}
	return "(" + q.number(side, depth-1) + q.one(" + ", " - ", " * ", " * ") + q.number(side, depth-1) + ")"
}

func (q linkedQuestion) condition() string {
	side := q.IntN(2)
	one := func() string {
		return [][]string{{"kind = 'rent'", "amount > 1.5", "kind in ('rent', 'child')", "not (months = 1)", "amount is null", "pid <> 'p1'", "true"},
			{"sex <> 'f'", "age between 20 and 21", "sex is not null", "income % 2 = 0", "person_id like 'p%'", "null"}}[side][q.IntN(6)]
	}
	switch q.IntN(4) {
	case 0:
		return "(" + one() + " or " + one() + ")"
	case 1:
		return "(" + one() + " and " + q.condition() + ")"
	case 2:
		return "not (" + one() + " and " + one() + ")"
	}
	return one()
}

func (q linkedQuestion) aggregate() (out string) {
	two := func() string { return q.number(q.IntN(2), 1) }
	switch q.IntN(7) {
	case 0:
		out = "count(*)"
	case 1:
		out = "count(" + q.one("kind", "age", q.number(2, 2)) + ")"
	case 2:
		out = q.one("covar_pop", "corr", "regr_slope", "regr_r2", "regr_count", "regr_intercept") + "(" + two() + ", " + two() + ")"
	case 3:
		out = q.one("var_samp", "var_pop", "stddev_pop", "avg", "skewness") + "(" + q.number(2, 1) + ")"
	case 4:
		return "median(months)"
	default:
		out = "sum(" + q.number(2, 2+q.IntN(2)) + ")"
	}
	if q.IntN(4) == 0 {
		out += " filter (where " + q.condition() + ")"
	}
	return out
}

func (q linkedQuestion) sql() string {
	from := q.one("benefits join people on pid = person_id", "people p join benefits b on b.pid = p.person_id")
	var groups []string
	for _, g := range []string{"kind", "sex", "months", "age + 1", "case when amount > 3 then 1 else 2 end", "sex is null"} {
		if q.IntN(5) == 0 {
			groups = append(groups, g)
		}
	}
	list := slices.Clone(groups)
	for range 1 + q.IntN(3) {
		list = append(list, q.aggregate())
	}
	sql := "select " + strings.Join(list, ", ") + " from " + from
	if q.IntN(2) == 0 {
		sql += " where " + q.condition()
	}
	if len(groups) > 0 {
		sql += " group by " + strings.Join(groups, ", ")
	}
	return sql + q.one("", "", " order by 1 desc limit 3", " having count(*) > 1")
}

var linkedReports = []string{
	"select crosstab(kind, sex) from benefits join people on pid = person_id",
	"select histogram(income, 0, 90, 5) from benefits join people on pid = person_id where kind = 'rent'",
	"select ttest(income, kind) from benefits join people on pid = person_id",
	"select anova(amount, sex) from benefits join people on pid = person_id",
	"select linreg(amount, income, months) from benefits join people on pid = person_id",
	"select linreg(amount, sex, income) from benefits join people on pid = person_id",
	"select kind, sex, count(*), sum(amount) from benefits join people on pid = person_id group by rollup (kind, sex)",
}

// TestLinkedIsPooledJoin: the cells of a join across departments, by what each has of each person, are those over the rows of the
// pooled tables' join: NULL keys, keys that are not on the spine, persons with many rows and at several departments. What departments have lies
// in its bounds, and so do the cells.
func TestLinkedIsPooledJoin(t *testing.T) {
	r := rand.New(rand.NewPCG(16, 3))
	planned := 0
	for round := range 400 {
		tables := linkedTables(r)
		cat, departments := linkedCatalogue(tables)
		sql := linkedQuestion{r}.sql()
		switch {
		case round%5 == 4 && len(tables[0].parts) == 1 && len(tables[1].parts) == 1:
			sql = strings.Replace(sql, "select ", "select count(distinct pid), count(distinct person_id) filter (where amount > 1), ", 1)
			sql = strings.ReplaceAll(sql, "order by 1 ", "order by 2 ")
		case round < 3*len(linkedReports):
			sql = linkedReports[round%len(linkedReports)]
		}
		p, err := NewLinkedPlan(sql, cat, departments, testPackings[0])
		if err != nil {
			e := err.(*Error) // such as a decimal column without a value at all departments
			if e.Code == CodeUnsupported || e.Code == CodeUnanswered {
				t.Errorf("%s: %v", sql, err)
			}
			continue
		}
		planned++
		if p.Linked() == nil {
			t.Fatalf("%s is no join across departments", sql)
		}
		if _, err := NewPlan(sql, cat, departments, testPackings[0]); code(err) != CodeUnanswered {
			t.Errorf("%s: as a plan that departments answer: %v", sql, err)
		}
		spine := map[string]int{}
		for i := range 9 {
			if r.IntN(8) > 0 {
				spine[fmt.Sprintf("p%d", i)] = len(spine)
			}
		}
		numbers := released(t, p, tables, spine)
		cells, err := p.Linked().Cells(p, numbers)
		if err != nil {
			t.Errorf("%s: %v", sql, err)
			continue
		}
		want := naive(t, p, tables, spine)
		for i := range want {
			if cells[i].Cmp(want[i]) != 0 {
				t.Errorf("%s: %s in group %d is %s, and over the joined rows %s", sql, p.describeMoment(i%len(p.Moments)), i/len(p.Moments), cells[i], want[i])
			}
		}
		if _, err := p.Finish(cells); err != nil && code(err) != CodeDivision && code(err) != CodeSingular {
			t.Errorf("%s: %v", sql, err)
		}
	}
	if planned < 250 {
		t.Errorf("only %d of the questions were planned", planned)
	}
}
