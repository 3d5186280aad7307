package engine

import (
	"fmt"
	"math/big"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// dominated says which rule the numbers of all departments' rows break together; "" for none. It is what the rules say, of the pooled rows.
func (d Disclosure) dominated(numbers []*big.Int) string {
	numbers = slices.Clone(numbers)
	total := new(big.Int)
	for i, x := range numbers {
		numbers[i] = new(big.Int).Abs(x)
		total.Add(total, numbers[i])
	}
	slices.SortFunc(numbers, func(a, b *big.Int) int { return b.Cmp(a) })
	largest := func(n int64) *big.Int {
		sum := new(big.Int)
		for _, x := range numbers[:min(n, int64(len(numbers)))] {
			sum.Add(sum, x)
		}
		return sum
	}
	times := func(a int64, b *big.Int) *big.Int { return new(big.Int).Mul(big.NewInt(a), b) }
	if d.DominanceCount > 0 && times(PerMille, largest(d.DominanceCount)).Cmp(times(d.DominancePerMille, total)) > 0 {
		return ruleDominance
	}
	rest := new(big.Int).Sub(total, largest(2))
	if d.RatioPerMille > 0 && times(PerMille, rest).Cmp(times(d.RatioPerMille, largest(1))) < 0 {
		return ruleRatio
	}
	return ""
}

// numbersOf are the numbers that the rows of all departments add to each cell of a sum, but 0.
func (t *refTable) numbersOf(tb testing.TB, p *Plan, m int) map[int][]*big.Int {
	one, out := *p, map[int][]*big.Int{}
	one.Moments = p.Moments[m : m+1]
	for d := range t.parts {
		for i := range t.parts[d] {
			alone := &refTable{columns: t.columns, parts: make([][]row, len(t.parts)), mixed: t.mixed, void: t.void}
			alone.parts[d] = t.parts[d][i : i+1]
			for g, x := range alone.contribute(tb, &one, d) {
				if x.Sign() != 0 {
					out[g] = append(out[g], x)
				}
			}
		}
	}
	return out
}

// largestRules are random rules about the largest rows, sometimes beside others.
func largestRules(r *rand.Rand) (d Disclosure) {
	if r.IntN(2) == 0 {
		d = smallRules(r)
	}
	if r.IntN(3) > 0 {
		d.DominanceCount, d.DominancePerMille = 1+r.Int64N(3), 500+r.Int64N(480)
	}
	if d.DominanceCount == 0 || r.IntN(2) == 0 {
		d.RatioPerMille = 1 + r.Int64N(400)
	}
	return d
}

// skewed has rows again, of which some are the same, so that some sums are of many and some of few.
func skewed(r *rand.Rand) *refTable {
	table := newTable(r)
	table.repeat(r, 25)
	return table
}

// TestSumsKeepDominance: over random tables and questions, the rows behind each sum that is shown keep the rules about the largest of all departments
// together, though nobody has seen these; a sum that is withheld is nowhere.
func TestSumsKeepDominance(t *testing.T) {
	rounds, shown, withheld, broken := 200, 0, 0, 0
	if testing.Short() {
		rounds = 60
	}
	for seed := range rounds {
		r := rand.New(rand.NewPCG(uint64(seed), 31))
		table := skewed(r)
		cat, departments := table.catalogue()
		p, err := NewPlan(generator{r, table}.query().sql, cat, departments, testPackings[seed%len(testPackings)])
		if err != nil || p.CellCount() > 300 {
			continue
		}
		d := largestRules(r)
		answer, cells, err := table.gated(t, p, d)
		if err != nil {
			t.Fatalf("seed %d: %s\n%v", seed, p.SQL, err)
		}
		for m := range p.Moments {
			reads := false
			columnsOf(p.Moments[m].Expr, func(int) { reads = true })
			if p.Moments[m].Op != Sum || p.Moments[m].Expr.counts() || !reads {
				continue // rows weigh alike
			}
			for g, numbers := range table.numbersOf(t, p, m) {
				problem, code := d.dominated(numbers), answer.withheld(g, m)
				switch {
				case code == 0 && problem != "":
					t.Fatalf("seed %d: %s\n%+v\n%s of group %d is shown: %s of %v", seed, p.SQL, d, p.describeMoment(m), g, problem, numbers)
				case code != 0 && cells[g*len(p.Moments)+m].Sign() != 0:
					t.Fatalf("seed %d: %s: a sum is withheld and there", seed, p.SQL)
				case code == 0:
					shown++
				case problem != "":
					broken++
				case code == ReasonDominance || code == ReasonRatio:
					withheld++
				}
			}
		}
	}
	t.Logf("%d sums that keep the rules shown, %d withheld; %d that break them withheld", shown, withheld, broken)
	if shown < rounds/2 || broken < rounds/8 {
		t.Fatal("the questions test too little")
	}
}

// TestDominatedSumsDoNotFollow: over random sums of one column, shifted, scaled and masked and under conditions that nest and overlap, no sum of the column
// that breaks the rules is one that is shown, the difference of two, or that of a total and two parts.
func TestDominatedSumsDoNotFollow(t *testing.T) {
	numbers := []string{"%s", "%s + 1000000", "3 * %s", "abs(%s + 5)", "7 - %s", "greatest(%s + 900000, 3)", "(%s + 100000) * 2 - 1", "CASE WHEN grade >= 0 THEN %s + 500000 END", "coalesce(%s + 1000, 3)"}
	conditions := []string{"true", "region = 'north'", "region <> 'north'", "region = 'west'", "sex = 'f'", "sex = 'm'", "region = 'north' AND sex = 'f'", "age >= 40", "age > 40", "age >= 30", "age < 60"}
	rounds, hidden, shown := 150, 0, 0
	if testing.Short() {
		rounds = 60
	}
	for seed := range rounds {
		r := rand.New(rand.NewPCG(uint64(seed), 32))
		table := staff()
		for d := range table.parts { // wages of which some are most of all
			for _, row := range table.parts[d] {
				if row[2] = rat(20 + r.Int64N(30)); r.IntN(48) == 0 {
					row[2] = rat(400)
				}
			}
		}
		cat, departments := table.catalogue()
		var list, of []string
		for range 2 + r.IntN(2) {
			of = append(of, conditions[r.IntN(len(conditions))])
			switch condition := of[len(of)-1]; r.IntN(5) {
			case 0:
				list = append(list, fmt.Sprintf("sum(wage * (%s)::int)", condition))
			case 1:
				list = append(list, fmt.Sprintf("sum(greatest(wage, 1000 * (NOT (%s))::int))", condition))
			default:
				list = append(list, fmt.Sprintf("sum("+numbers[r.IntN(len(numbers))]+") FILTER (WHERE %s)", "wage", condition))
			}
		}
		p, err := NewPlan("SELECT "+strings.Join(list, ", ")+" FROM things", cat, departments, testPackings[0])
		if err != nil {
			t.Fatal(err)
		}
		d := Disclosure{DominanceCount: 2, DominancePerMille: 200 + r.Int64N(600), RatioPerMille: r.Int64N(200)}
		answer, _, err := table.gated(t, p, d)
		if err != nil {
			t.Fatal(err)
		}
		var rows []map[[2]int]bool // of the sums that are shown
		for i := range list {
			if answer.withheld(0, p.Outputs[i].Expr.Column) != 0 {
				hidden++
				continue
			}
			shown++
			rows = append(rows, table.chosen(t, cat, departments, of[i]))
		}
		told := func(signs map[int]int) {
			in := map[[2]int]int{}
			for i, sign := range signs {
				for at := range rows[i] {
					in[at] += sign
				}
			}
			var numbers []*big.Int
			for at, n := range in {
				if n < 0 || n > 1 {
					return
				}
				if n == 1 {
					numbers = append(numbers, table.parts[at[0]][at[1]][2].(*big.Rat).Num())
				}
			}
			if problem := d.dominated(numbers); problem != "" {
				t.Fatalf("seed %d: %s\n%+v: sums %v that are shown tell one of %d rows that breaks %s", seed, p.SQL, d, signs, len(numbers), problem)
			}
		}
		for i := range rows {
			told(map[int]int{i: 1})
			for j := range rows {
				if j != i {
					told(map[int]int{i: 1, j: -1})
					for k := range j {
						if k != i {
							told(map[int]int{i: 1, j: -1, k: -1})
						}
					}
				}
			}
		}
	}
	t.Logf("%d sums withheld, %d shown", hidden, shown)
	if hidden < rounds/4 || shown < rounds/4 {
		t.Fatal("the questions test too little")
	}
}

// chosen are the rows that meet a condition, by department and place.
func (t *refTable) chosen(tb testing.TB, cat Catalogue, departments []string, condition string) map[[2]int]bool {
	p, err := NewPlan("SELECT count(*) FROM things WHERE "+condition, cat, departments, testPackings[0])
	if err != nil {
		tb.Fatal(err)
	}
	out := map[[2]int]bool{}
	for d := range t.parts {
		for i, r := range t.parts[d] {
			v, err := p.Filter.Eval(func(c int) Datum { return t.datum(d, c, r[c]) })
			if err != nil {
				tb.Fatal(err)
			}
			if v.Bool {
				out[[2]int{d, i}] = true
			}
		}
	}
	return out
}

// TestSlackIsSufficient: whatever is spread over however many departments, where their figures add up to enough the rule holds of all rows together;
// and a figure is never beyond its bounds.
func TestSlackIsSufficient(t *testing.T) {
	r := rand.New(rand.NewPCG(33, 1))
	passed, failed, lost := 0, 0, 0
	for range 20000 {
		d := Disclosure{RatioPerMille: 1 + r.Int64N(PerMille)}
		s, most := ratioSlack(d.RatioPerMille), big.NewInt(1+r.Int64N(2000))
		if r.IntN(2) == 0 {
			d = Disclosure{DominanceCount: 1 + r.Int64N(4), DominancePerMille: 1 + r.Int64N(PerMille-1)}
			s = dominanceSlack(d.DominanceCount, d.DominancePerMille)
		}
		departments := 1 + r.IntN(5)
		p := &Plan{Moments: []Moment{{Op: Weigh, Slack: s, unit: slackUnit(s, most)}}}
		var all []*big.Int
		sum := int64(-slackSteps * departments)
		for range departments {
			w, cell := NewWeights(p), []*big.Int{new(big.Int)}
			for range r.IntN(6) {
				x := big.NewInt(r.Int64N(most.Int64() + 1))
				if r.IntN(3) == 0 {
					x.Set(most)
				}
				all = append(all, x)
				w.Add(0, new(big.Int).Neg(x))
			}
			w.Finish(cell)
			figure := p.Moments[0].slackFigure(cell[0], departments)
			if figure.Sign() < 0 || figure.Cmp(big.NewInt(slackMost(departments))) > 0 {
				t.Fatalf("a figure of %s, of %v under %+v", figure, all, d)
			}
			sum += figure.Int64()
		}
		switch problem := d.dominated(all); {
		case sum >= 0 && problem != "":
			t.Fatalf("%v in %d departments pass %+v", all, departments, d)
		case sum >= 0:
			passed++
		case problem != "":
			failed++
		default:
			lost++
		}
	}
	t.Logf("%d pass, %d break the rule, %d that keep it are taken for ones that do not", passed, failed, lost)
	if passed < 1000 || failed < 1000 {
		t.Fatal("the numbers test too little")
	}
}

// TestExplainLargest: who asks is told what contributors learn of sums, and which rules hold.
func TestExplainLargest(t *testing.T) {
	cat, departments := staff().catalogue()
	p, err := NewPlan("SELECT region, sum(wage) FROM things GROUP BY region", cat, departments, testPackings[0])
	if err != nil {
		t.Fatal(err)
	}
	x, err := p.ExplainScreening(Disclosure{DominanceCount: 2, DominancePerMille: 900, RatioPerMille: 100})
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"the 2 largest rows are at most 0.9 of a sum that is shown", "of 2 slacks of what sums add up", "in sixteenths of the worst that its bounds allow"} {
		if !strings.Contains(x.String(), want) {
			t.Errorf("it does not say %q:\n%s", want, x)
		}
	}
	// Sixteenths of (1 − 0.9)·2·9999 and of 0.1·9999, rounded up to thousandths.
	if want := []ExplainedSlack{{"wage", "dominance", "9999", "124.988"}, {"wage", "p-ratio", "9999", "62.494"}}; !slices.Equal(x.Sums, want) || x.Departments != 3 {
		t.Errorf("it weighs %+v", x.Sums)
	}
	if counts, err := p.ExplainScreening(Disclosure{Count: 10}); err != nil || strings.Contains(counts.String(), "slack") {
		t.Errorf("without these rules it says\n%s%v", counts, err)
	}
	s, err := p.Screening(Disclosure{DominanceCount: 2, DominancePerMille: 900})
	if err != nil {
		t.Fatal(err)
	}
	if got := s.describeMoment(len(s.Moments) - 1); got != "what of sum(wage) its largest rows leave" {
		t.Error(got)
	}
	other, err := p.Screening(Disclosure{DominanceCount: 2, DominancePerMille: 800})
	if err != nil || other.Digest() == s.Digest() {
		t.Errorf("another share is the same screening: %v", err)
	}
}

// TestDominatedCallNamesSum: of a call that returns rows it is told which of its sums may break a rule about largest rows, and of another rule none.
func TestDominatedCallNamesSum(t *testing.T) {
	cat, departments := staff().catalogue()
	for _, c := range []struct {
		code byte
		want []string
	}{{ReasonDominance, []string{"sum(wage * wage)"}}, {ReasonRatio, []string{"sum(wage * wage)"}}, {ReasonComplement, nil}} {
		p, err := NewPlan("SELECT linreg(wage, age) FROM things", cat, departments, testPackings[0])
		if err != nil {
			t.Fatal(err)
		}
		verdict := make([]byte, p.CellCount())
		at := slices.IndexFunc(p.Moments, func(m Moment) bool { return m.Op == Sum && p.describe(m.Expr) == "wage * wage" })
		if at < 0 {
			t.Fatal("no sum of squares")
		}
		verdict[at] = c.code
		answer, err := p.Withhold(Disclosure{DominanceCount: 2, DominancePerMille: 800, RatioPerMille: 100, Complement: true, Count: 3}, verdict, -1)
		if err != nil {
			t.Fatal(err)
		}
		cells := staff().pooled(t, p)
		cells[at] = new(big.Int)
		got, err := answer.Finish(cells)
		if err != nil || len(got.Rows) != 0 || len(got.Withheld) != 1 || !slices.Equal(got.Withheld[0].Sums, c.want) || got.Withheld[0].Rule != ReasonName(c.code) {
			t.Errorf("%d: %v, %+v", c.code, err, got)
		}
	}
}

// TestTooManyVariables: what is more than is looked at is refused, and not passed.
func TestTooManyVariables(t *testing.T) {
	cat, departments := staff().catalogue()
	sum := "wage"
	for i := range 7 {
		sum = fmt.Sprintf("(%s) * (wage + %d * age + id + grade)", sum, i+1)
	}
	product := "1"
	for i := range 9 {
		product += fmt.Sprintf(" * (CASE WHEN id > %d THEN age WHEN id > %d THEN grade ELSE id END)", 7*i+90, 7*i)
	}
	for _, sql := range []string{sum, product} {
		p, err := NewPlan("SELECT sum("+sql+") FROM things", cat, departments, testPackings[1])
		if err != nil {
			t.Fatalf("%s: %v", sql, err)
		}
		if _, err := p.Screening(Disclosure{RatioPerMille: 100}); code(err) != CodeLimit {
			t.Errorf("%s: %v", sql, err)
		}
	}
}
