package engine

import (
	"fmt"
	"math/big"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// smallRules are random rules that random tables of a few dozen rows sometimes keep.
func smallRules(r *rand.Rand) Disclosure {
	d := Disclosure{Count: 2 + r.Int64N(4), ZeroIsSmall: r.IntN(8) == 0, Complement: r.IntN(2) == 0}
	if r.IntN(3) == 0 {
		d.Floor = 2
	}
	if r.IntN(3) == 0 {
		d.Departments = 2 + r.Int64N(2)
	}
	if r.IntN(4) == 0 {
		d.Count, d.ZeroIsSmall = 0, false
		d.Floor = max(d.Floor, 2+r.Int64N(2))
	}
	return d
}

// counting is the plan with the number of rows that add something to each cell in its place.
func (p *Plan) counting() *Plan {
	out := *p
	out.Moments = slices.Clone(p.Moments)
	for m := range out.Moments {
		moment := &out.Moments[m]
		if moment.Op == Sum {
			zero := Datum{Kind: moment.Expr.Kind, Number: new(big.Int), Scale: moment.Expr.Scale}
			differs := &Expr{Op: OpNotEqual, Kind: Boolean, Args: []*Expr{moment.Expr, {Op: OpConstant, Value: zero, Kind: zero.Kind, Scale: zero.Scale}}}
			moment.Filter, moment.Expr = conjunction(moment.Filter, []*Expr{differs}), nil
		}
		if moment.Op != CountNonNull {
			moment.Op = CountRows
		}
	}
	return &out
}

// tooFew says which rule the numbers of rows of the departments break; "" for none. Where it is of what is left
// of a total, nobody left is no rows too few.
func (d Disclosure) tooFew(counts []int64, rest bool) string {
	n, departments := int64(0), int64(0)
	for _, c := range counts {
		if n += c; c > 0 {
			departments++
		}
		if c > 0 && c < d.Floor {
			return "floor"
		}
	}
	switch {
	case n < d.Count && (n > 0 || d.ZeroIsSmall && !rest):
		return "count"
	case departments > 0 && departments < d.Departments:
		return "departments"
	}
	return ""
}

// TestGateKeepsRules: over random tables and questions, what is shown is what the plan without rules shows, what
// is withheld is nowhere, and the rows behind each cell that is shown keep the rules, as do the group's others.
func TestGateKeepsRules(t *testing.T) {
	rounds, shown, withheld, partly := 400, 0, 0, 0
	if testing.Short() {
		rounds = 250
	}
	for seed := range rounds {
		r := rand.New(rand.NewPCG(uint64(seed), 18))
		table := newTable(r)
		table.repeat(r, 30)
		q := generator{r, table}.query()
		cat, departments := table.catalogue()
		p, err := NewPlan(q.sql, cat, departments, testPackings[seed%len(testPackings)])
		if err != nil || p.CellCount() > 1000 {
			continue
		}
		d := smallRules(r)
		answer, cells, err := table.gated(t, p, d)
		if err != nil {
			t.Fatalf("seed %d: %s\n%v", seed, q.sql, err)
		}
		plain := table.pooled(t, p)
		problem, own, hidden := table.kept(t, p, answer, d, plain, cells)
		if problem != "" {
			t.Fatalf("seed %d: %s\n%+v\n%s", seed, q.sql, d, problem)
		}
		shown, withheld = shown+own, withheld+hidden
		want, wantErr := p.Finish(plain)
		got, err := answer.Finish(cells)
		if wantErr != nil || err != nil {
			if wantErr == nil {
				t.Fatalf("seed %d: %s\n%v, without rules no error", seed, q.sql, err)
			}
			continue
		}
		if problem := marked(q, p, want, got); problem != "" {
			t.Fatalf("seed %d: %s\n%+v\n%s\n%s", seed, q.sql, d, problem, shownAnswer(got))
		}
		if len(got.Withheld) > 0 && len(got.Rows) > 0 {
			partly++
		}
	}
	t.Logf("%d cells shown, %d withheld, %d answers shown in part", shown, withheld, partly)
	if shown < rounds || withheld < rounds || partly < rounds/20 {
		t.Fatalf("%d cells shown, %d withheld, %d answers shown in part: the questions test too little", shown, withheld, partly)
	}
}

// TestAnyVerdictIsMarked: whatever the contributors withhold, what is shown is what it is without rules, and what is not
// is marked.
func TestAnyVerdictIsMarked(t *testing.T) {
	rounds, partly := 500, 0
	if testing.Short() {
		rounds = 150
	}
	for seed := range rounds {
		r := rand.New(rand.NewPCG(uint64(seed), 22))
		table := newTable(r)
		q := generator{r, table}.query()
		cat, departments := table.catalogue()
		p, err := NewPlan(q.sql, cat, departments, testPackings[seed%len(testPackings)])
		if err != nil || p.CellCount() > 5000 {
			continue
		}
		verdict := make([]byte, p.CellCount())
		for i := range verdict {
			if first := i - i%len(p.Moments); verdict[first] != 0 || r.IntN(6) == 0 {
				verdict[i] = byte(1 + r.IntN(len(reasonNames)-1))
			}
		}
		answer, err := p.Withhold(Disclosure{Count: 2}, verdict, 0)
		if err != nil {
			t.Fatal(err)
		}
		want, wantErr := p.Finish(table.pooled(t, p))
		got, err := answer.Finish(table.pooled(t, answer))
		if wantErr != nil || err != nil {
			if wantErr == nil {
				t.Fatalf("seed %d: %s\n%v, without rules no error", seed, q.sql, err)
			}
			continue
		}
		if problem := marked(q, p, want, got); problem != "" {
			t.Fatalf("seed %d: %s\n%s\n%s", seed, q.sql, problem, shownAnswer(got))
		}
		if len(got.Withheld) > 0 && len(got.Rows) > 0 {
			partly++
		}
	}
	if t.Logf("%d answers shown in part", partly); partly < rounds/10 {
		t.Fatalf("%d answers shown in part: the questions test too little", partly)
	}
}

// kept holds, cell by cell, that what is shown is what the plan shows and rests on enough rows; it counts the cells.
func (t *refTable) kept(tb testing.TB, p, answer *Plan, d Disclosure, plain, cells []*big.Int) (problem string, shown, withheld int) {
	counting := p.counting()
	var counts [][]*big.Int
	for dep := range p.Departments {
		counts = append(counts, t.contribute(tb, counting, dep))
	}
	of := func(cell int) (out []int64) {
		for _, c := range counts {
			out = append(out, c[cell].Int64())
		}
		return out
	}
	for i := range cells {
		m := i % len(p.Moments)
		if code := answer.withheld(i/len(p.Moments), m); code != 0 {
			if withheld++; cells[i].Sign() != 0 {
				return fmt.Sprintf("cell %d is withheld and %s", i, cells[i]), 0, 0
			}
			continue
		}
		if shown++; cells[i].Cmp(plain[i]) != 0 {
			return fmt.Sprintf("cell %d is %s, without rules %s", i, cells[i], plain[i]), 0, 0
		}
		sum := p.Moments[m].Op == Sum
		problem := d.tooFew(of(i), m > 0 && sum)
		if !sum && problem == "" && m > 0 {
			rest, own := of(i-m), of(i)
			for k := range rest {
				rest[k] -= own[k]
			}
			problem = d.tooFew(rest, true)
		}
		if problem != "" {
			return fmt.Sprintf("cell %d, %s, is shown: %s of %v", i, p.describeMoment(m), problem, of(i)), 0, 0
		}
	}
	return "", shown, withheld
}

// marked compares an answer with the one without rules: each row that is shown is among that one's, a value that
// differs is marked, and a row that is missing is.
func marked(q *query, p *Plan, want, got *Result) string {
	keys := len(q.groups)
	key := func(row []Value) string { return groupKey(row[:keys]) }
	there := map[string][]Value{}
	for _, row := range want.Rows {
		there[key(row)] = row
	}
	gone, columns := map[string]bool{}, map[string][]string{}
	for _, w := range got.Withheld {
		if len(w.Columns) == 0 {
			gone[groupKey(w.Group)] = true
		}
		columns[groupKey(w.Group)] = append(columns[groupKey(w.Group)], w.Columns...)
	}
	cut := p.Limit != nil || p.Offset > 0 // other rows may come to be shown
	for _, row := range got.Rows {
		full, known := there[key(row)]
		delete(there, key(row))
		if !known && !cut || gone[key(row)] {
			return fmt.Sprintf("row %q is shown", key(row))
		}
		for i, v := range row {
			hidden := slices.Contains(columns[key(row)], got.Columns[i])
			switch {
			case hidden && v.Text != nil:
				return fmt.Sprintf("row %q, column %d is withheld and shown", key(row), i)
			case known && !hidden && string(Marshal(v)) != string(Marshal(full[i])):
				return fmt.Sprintf("row %q, column %d is not what it is without rules", key(row), i)
			}
		}
	}
	for k := range there {
		if !gone[k] && !cut {
			return fmt.Sprintf("row %q is missing and not marked", k)
		}
	}
	return ""
}

// TestWithheldDoesNotFollow: over random conditions on two columns, no count that is withheld since its rows are too
// few is a combination of the counts that are shown, and the rows that a sum and difference of these tells are not too
// few. It is linear algebra over the kinds of rows that there can be.
func TestWithheldDoesNotFollow(t *testing.T) {
	conditions := []string{"region = 'north'", "region = 'west'", "region = 'east'", "region = 'south'", "region <> 'south'", "ill", "NOT ill",
		"sex = 'f'", "sex = 'm'", "sex = 'f' AND ill", "sex = 'm' AND ill", "NOT (sex = 'f' AND ill)", "region IN ('north', 'south')",
		"region IN ('west', 'east')", "sex = 'f' OR ill", "region = 'north' AND sex = 'f'", "region < 'n'", "region >= 'n'", "region >= 'o'"}
	table := staff()
	cat, departments := table.catalogue()
	rounds, small, shown := 300, 0, 0
	if testing.Short() {
		rounds = 200
	}
	for seed := range rounds {
		r := rand.New(rand.NewPCG(uint64(seed), 20))
		var list []string
		for _, i := range r.Perm(len(conditions))[:2+r.IntN(6)] {
			list = append(list, fmt.Sprintf("count(*) FILTER (WHERE %s)", conditions[i]))
		}
		p, err := NewPlan("SELECT count(*), "+strings.Join(list, ", ")+" FROM things", cat, departments, testPackings[0])
		if err != nil {
			t.Fatal(err)
		}
		d := Disclosure{Count: 5 + r.Int64N(30)}
		answer, _, err := table.gated(t, p, d)
		if err != nil {
			t.Fatal(err)
		}
		counts := table.pooled(t, p)
		indicators := p.indicators(t)
		var known [][]*big.Rat
		var of []int
		for m := range p.Moments {
			if answer.withheld(0, m) == 0 {
				known, of = append(known, indicators[m]), append(of, m)
				shown++
			}
		}
		for m := range p.Moments {
			if counts[m].Sign() > 0 && counts[m].Cmp(big.NewInt(d.Count)) < 0 {
				if small++; spans(known, indicators[m]) {
					t.Fatalf("seed %d: %s\nshown %v tell %s of %d", seed, p.SQL, of, p.describeMoment(m), counts[m])
				}
			}
		}
		signs, total := make([]int64, len(known)), 1
		for range known {
			total *= 3
		}
		for n := range total { // sums and differences of shown counts
			for i := range signs {
				signs[i] = int64(n%3) - 1
				n /= 3
			}
			count, set := int64(0), true
			for i, m := range of {
				count += signs[i] * counts[m].Int64()
			}
			for a := range indicators[0] {
				in := int64(0)
				for i := range known {
					in += signs[i] * known[i][a].Num().Int64()
				}
				set = set && (in == 0 || in == 1)
			}
			if set && count > 0 && count < d.Count {
				t.Fatalf("seed %d: %s\n%v of %v tell %d rows", seed, p.SQL, signs, of, count)
			}
		}
	}
	t.Logf("%d counts too small, %d shown", small, shown)
	if small < rounds/2 || shown < rounds {
		t.Fatalf("%d counts too small, %d shown: the questions test too little", small, shown)
	}
}

// indicators say by moment, for each kind of row by region, sex and illness, whether it is counted.
func (p *Plan) indicators(t *testing.T) (out [][]*big.Rat) {
	at := func(name string) int { return columnByName(p.Schema.Columns, name) }
	for m := range p.Moments {
		var row []*big.Rat
		for _, region := range []string{"east", "north", "south", "west"} {
			for _, sex := range []string{"f", "m"} {
				for _, ill := range []bool{false, true} {
					pass := true
					if f := p.Moments[m].Filter; f != nil {
						v, err := f.Eval(func(c int) Datum {
							return map[int]Datum{at("region"): NewText(region), at("sex"): NewText(sex), at("ill"): NewBoolean(ill)}[c]
						})
						if err != nil {
							t.Fatal(err)
						}
						pass = v.Bool
					}
					row = append(row, rat(truthNumber(pass)))
				}
			}
		}
		out = append(out, row)
	}
	return out
}

// spans reports whether a vector is a combination of others.
func spans(others [][]*big.Rat, v []*big.Rat) bool {
	rank := func(rows [][]*big.Rat) (rank int) {
		var m [][]*big.Rat
		for _, r := range rows {
			var c []*big.Rat
			for _, x := range r {
				c = append(c, new(big.Rat).Set(x))
			}
			m = append(m, c)
		}
		for column := range v {
			at := slices.IndexFunc(m[rank:], func(r []*big.Rat) bool { return r[column].Sign() != 0 })
			if at < 0 {
				continue
			}
			m[rank], m[rank+at] = m[rank+at], m[rank]
			for _, r := range m[rank+1:] {
				factor := new(big.Rat).Quo(r[column], m[rank][column])
				for k := range r {
					r[k].Sub(r[k], new(big.Rat).Mul(factor, m[rank][k]))
				}
			}
			rank++
		}
		return rank
	}
	return rank(append(slices.Clone(others), v)) == rank(others)
}
