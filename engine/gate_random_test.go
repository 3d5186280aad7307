package engine

import (
	"errors"
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
		for d := range table.parts { // some rows often, so that some groups are large
			for n := len(table.parts[d]); n > 0 && len(table.parts[d]) < 30; {
				table.parts[d] = append(table.parts[d], slices.Clone(table.parts[d][r.IntN(n)]))
			}
		}
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
		answer, err := p.Withhold(Disclosure{Count: 2}, verdict)
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

// TestVerdictsAreStrict: a verdict of another length, with another code or with a shown cell of a group whose rows
// are withheld is refused, and so are figures that no departments can have.
func TestVerdictsAreStrict(t *testing.T) {
	table := staff()
	cat, departments := table.catalogue()
	p, err := NewPlan("SELECT region, count(*), sum(wage) FROM things GROUP BY region", cat, departments, testPackings[0])
	if err != nil {
		t.Fatal(err)
	}
	d := Disclosure{Count: 10}
	screening, err := p.Screening(d)
	if err != nil {
		t.Fatal(err)
	}
	cells := table.pooled(t, screening)
	verdict, err := screening.Screened(cells)
	if err != nil {
		t.Fatal(err)
	}
	at := slices.IndexFunc(verdict, func(code byte) bool { return code != 0 })
	change := func(i int, code byte) []byte {
		out := slices.Clone(verdict)
		out[i] = code
		return out
	}
	for name, forged := range map[string][]byte{"short": verdict[1:], "long": append(slices.Clone(verdict), 0),
		"unknown code": change(at, byte(len(reasonNames))), "part of a withheld group": change(at+1, 0)} {
		if _, err := p.Withhold(d, forged); code(err) != CodeCells {
			t.Errorf("%s: %v", name, err)
		}
	}
	answer, err := p.Withhold(d, verdict)
	if err != nil {
		t.Fatal(err)
	}
	other, err := p.Withhold(d, change(len(verdict)-1, ReasonComplement))
	if err != nil || other.Digest() == answer.Digest() || answer.Digest() == p.Digest() {
		t.Errorf("another verdict is the same plan: %v", err)
	}
	none, err := p.Withhold(d, make([]byte, len(verdict)))
	if err != nil || none.Withheld != nil || none.Digest() == p.Digest() || none.Digest() == answer.Digest() {
		t.Errorf("an answer of which nothing is withheld: %v", err)
	}
	stricter, err := p.Screening(Disclosure{Count: 11})
	if err != nil || stricter.Digest() == screening.Digest() {
		t.Errorf("other rules are the same screening: %v", err)
	}
	beyond := slices.Clone(cells)
	beyond[0] = new(big.Int).Add(big.NewInt(10*int64(len(departments))), big.NewInt(1))
	for name, forged := range map[string][]*big.Int{"few": cells[1:], "negative": append([]*big.Int{big.NewInt(-1)}, cells[1:]...),
		"missing": append([]*big.Int{nil}, cells[1:]...), "beyond": beyond} {
		if _, err := screening.Screened(forged); code(err) != CodeCells {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, err := range map[string]error{
		"screening of a screening": second(screening.Screening(d)), "screening of an answer": second(answer.Screening(d)),
		"no rules": second(p.Screening(Disclosure{Levels: 5})), "withheld twice": second(answer.Withhold(d, verdict)),
		"withheld without rules": second(p.Withhold(Disclosure{}, verdict))} {
		if code(err) != CodePolicy {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := p.Screened(cells); code(err) != CodeCells {
		t.Errorf("a question's own plan screens: %v", err)
	}
}

func second(_ *Plan, err error) error { return err }

// TestFiguresAreClipped: what a department contributes to a screening tells no count above what the rules ask for,
// and a count beyond the table's rows is refused.
func TestFiguresAreClipped(t *testing.T) {
	table := staff()
	cat, departments := table.catalogue()
	p, err := NewPlan("SELECT count(*) FILTER (WHERE region = 'south') FROM things", cat, departments, testPackings[0])
	if err != nil {
		t.Fatal(err)
	}
	screening, err := p.Screening(Disclosure{Count: 10, Floor: 3, Departments: 2})
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for m := range screening.Moments {
		names = append(names, screening.describeMoment(m))
	}
	cells := table.pooled(t, screening)
	got := fmt.Sprint(cells) + "\n" + strings.Join(names, "\n")
	want := `[30 0 3 0 2 0 30 0 3]
count(*), at most 10, none below 3
whether count(*) is above 0 and below 3
count(*), at most 1, none below 3
count(*) FILTER (WHERE region = 'south'), at most 10, none below 3
whether count(*) FILTER (WHERE region = 'south') is above 0 and below 3
count(*) FILTER (WHERE region = 'south'), at most 1, none below 3
the other rows of count(*) than those of count(*) FILTER (WHERE region = 'south'), at most 10, none below 3
whether the other rows of count(*) than those of count(*) FILTER (WHERE region = 'south') is above 0 and below 3
the other rows of count(*) than those of count(*) FILTER (WHERE region = 'south'), at most 1, none below 3`
	if got != want {
		t.Errorf("the figures are\n%s\nnot\n%s", got, want)
	}
	own := table.contribute(t, screening, 0)
	for _, n := range []*big.Int{big.NewInt(-1), nil} {
		forged := slices.Clone(own)
		forged[0] = n
		if _, err := screening.Limbs(0, forged); code(err) != CodeOverflow {
			t.Errorf("a count of %v: %v", n, err)
		}
	}
	forged := slices.Clone(own)
	forged[6] = new(big.Int).Add(own[0], big.NewInt(1)) // more of a part than of the whole
	var refused *Error
	if _, err := screening.Limbs(0, forged); !errors.As(err, &refused) || refused.Code != CodeOverflow {
		t.Errorf("a part larger than the whole: %v", err)
	}
}

// TestBelowFloorIsNotCounted: however few rows below its floor a department has, its figures are the same; and they are not
// those of none.
func TestBelowFloorIsNotCounted(t *testing.T) {
	cat, departments := staff().catalogue()
	p, err := NewPlan("SELECT region, count(*) FROM things GROUP BY region", cat, departments, testPackings[0])
	if err != nil {
		t.Fatal(err)
	}
	d := Disclosure{Count: 10, Floor: 4, Departments: 2}
	s, err := p.Screening(d)
	if err != nil {
		t.Fatal(err)
	}
	figures := func(n int64) string {
		counts := make([]*big.Int, len(s.Moments))
		for m := range counts {
			counts[m] = big.NewInt(n)
		}
		out := ""
		for m := range counts {
			out += fmt.Sprint(s.figure(counts, m), " ")
		}
		return out
	}
	for n, want := range map[int64]string{0: "0 0 0 ", 1: "0 1 0 ", 2: "0 1 0 ", 3: "0 1 0 ", 4: "4 0 1 ", 11: "10 0 1 "} {
		if got := figures(n); got != want {
			t.Errorf("of %d rows the figures are %s", n, got)
		}
	}
}

// TestWithheldDoesNotFollow: over random conditions on two columns, no count that is withheld since its rows are too
// few is a combination of the counts that are shown, and the rows that a combination of two of these tells are not too
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
		for i := range known {
			for k := range known {
				less, within := new(big.Int).Sub(counts[of[i]], counts[of[k]]), true
				for a := range known[i] {
					within = within && known[i][a].Cmp(known[k][a]) >= 0
				}
				if within && less.Sign() > 0 && less.Cmp(big.NewInt(d.Count)) < 0 {
					t.Fatalf("seed %d: %s\n%d less %d tells %s rows", seed, p.SQL, of[i], of[k], less)
				}
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
