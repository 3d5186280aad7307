package engine

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math"
	"math/big"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"
)

// chances are those of a count's noise from −rows to rows: a triangular number between these, rounded. TestFit of cellkey counts draws.
func chances(rows int64) (out []float64) {
	unit := float64(8 * rows * rows)
	for z := -rows; z <= rows; z++ {
		weight := 8 * (rows - max(z, -z))
		switch {
		case z == 0:
			weight -= 2
		case z == rows || z == -rows:
			weight = 1
		}
		out = append(out, float64(weight)/unit)
	}
	return out
}

// spread is the distribution of the sum of two numbers of 0 and more.
func spread(a, b []float64) []float64 {
	out := make([]float64, len(a)+len(b)-1)
	for i, x := range a {
		for j, y := range b {
			out[i+j] += x * y
		}
	}
	return out
}

// beyond is the chance of a number above one.
func beyond(of []float64, n int64) (sum float64) {
	for i, p := range of {
		if int64(i) > n {
			sum += p
		}
	}
	return sum
}

// TestChances: they add up to 1, around 0, with the variance that is told. Averaged over rules of more and more rows, each with noise of its own, it is what
// the README says.
func TestChances(t *testing.T) {
	for _, rows := range []int64{1, 2, 5, 100} {
		sum, mean, variance := 0.0, 0.0, 0.0
		for i, p := range chances(rows) {
			z := float64(int64(i) - rows)
			sum, mean, variance = sum+p, mean+p*z, variance+p*z*z
		}
		want := near(CellKeyVariance(big.NewInt(rows)))
		if math.Abs(sum-1) > 1e-9 || math.Abs(mean) > 1e-9 || math.Abs(variance-want) > 1e-9*want {
			t.Errorf("%d: sum %v, mean %v, variance %v, want %v", rows, sum, mean, variance, want)
		}
	}
	weight := 0.0
	for rows := int64(5); rows <= MaxPerturbed; rows++ {
		weight += 1 / near(CellKeyVariance(big.NewInt(rows)))
		if want, told := map[int64]string{5: "2.06", 14: "1.05", MaxPerturbed: "0.87"}[rows], fmt.Sprintf("%.2f", 1/math.Sqrt(weight)); want != "" && told != want {
			t.Errorf("rules of 5 to %d rows: %s, not %s", rows, told, want)
		}
	}
}

// TestExcess: figures say more than their rows by more than what the rule allows for once in 1,600 at most, by enumeration of the noise; with
// noise of five rows once in 4,000. Three standard deviations of the noise itself would not be enough, since it is never below 0 rows.
func TestExcess(t *testing.T) {
	worst := func(rows int64, figures int) (worst float64) {
		var one []float64 // what a figure of one row says beyond it
		for i, p := range chances(rows) {
			if z := int64(i) - rows; z <= 0 {
				one = append(one[:0], p+beyond(one, -1))
			} else {
				one = append(one, p)
			}
		}
		of := []float64{1}
		for n := range int64(figures) {
			of = spread(of, one)
			if n == 62 && rows == 5 {
				if simple := beyond(of, int64(math.Ceil(3*math.Sqrt(63*near(CellKeyVariance(big.NewInt(5))))))); simple < 0.5 {
					t.Errorf("of 63 figures, three standard deviations are passed with %v", simple)
				}
			}
			worst = max(worst, beyond(of, excess(n+1, rows)))
		}
		return worst
	}
	for _, c := range []struct {
		rows    int64
		figures int
		once    float64
	}{{1, 200, 4000}, {2, 200, 4000}, {5, 200, 4000}, {10, 64, 3000}, {50, 20, 1900}, {MaxPerturbed, 3, 1600}} {
		if got := worst(c.rows, c.figures); got > 1/c.once || got == 0 {
			t.Errorf("noise of %d rows, up to %d figures: once in %.0f", c.rows, c.figures, 1/got)
		}
	}
	if excess(0, 5) != 0 || excess(1, 5) != 5 || excess(2, 5) != 9 || excess(MaxRuleRows, MaxPerturbed) <= 0 {
		t.Error(excess(0, 5), excess(1, 5), excess(2, 5), excess(MaxRuleRows, MaxPerturbed))
	}
}

// splits are the ways in which rows can lie in so many departments.
func splits(rows, departments, most int) (out [][]int) {
	if rows == 0 {
		return [][]int{nil}
	}
	if departments == 0 {
		return nil
	}
	for n := min(rows, most); n > 0; n-- {
		for _, rest := range splits(rows-n, departments-1, n) {
			out = append(out, append([]int{n}, rest...))
		}
	}
	return out
}

// passing is the chance that the figures of rows that lie so in departments add up to enough.
func passing(split []int, enough, noise int64) float64 {
	of := []float64{1}
	for _, n := range split {
		one := make([]float64, enough+1)
		for i, chance := range chances(noise) {
			one[min(max(int64(n+i)-noise, 1), enough)] += chance
		}
		of = spread(of, one)
	}
	return beyond(of, enough-1)
}

// showing is how often the group of these rows is shown, in all combinations of what the departments' noise can be.
func showing(t *testing.T, split []int, d Disclosure) (seen float64) {
	table := &refTable{columns: []refColumn{{name: "id", sql: "id", kind: Integer}}}
	for _, counted := range split {
		var part []row
		for n := range 40 { // rows that are not counted, too
			part = append(part, row{rat(int64(n) + 1000*truthNumber(n >= counted))})
		}
		table.parts, table.mixed, table.void = append(table.parts, part), append(table.mixed, false), append(table.void, false)
	}
	cat, names := table.keyed()
	p, err := NewPlan("SELECT count(*) FROM things WHERE id < 500", cat, names, testPackings[1])
	if err != nil {
		t.Fatal(err)
	}
	screening, err := p.Screening(d)
	if err != nil {
		t.Fatal(err)
	}
	odds := chances(d.Perturbed)
	said := make([][][]*big.Int, len(names)) // by department and noise
	for dep := range names {
		counts := table.contribute(t, screening, dep)
		for z := range odds {
			figures, err := screening.AddNoise(dep, counts, func(int, int, *big.Int) (*big.Int, error) { return big.NewInt(int64(z) - d.Perturbed), nil })
			if err != nil {
				t.Fatal(err)
			}
			said[dep] = append(said[dep], figures)
		}
	}
	var combine func(weight float64, made [][]*big.Int)
	combine = func(weight float64, made [][]*big.Int) {
		if dep := len(made); dep < len(names) {
			for z, chance := range odds {
				combine(weight*chance, append(slices.Clip(made), said[dep][z]))
			}
			return
		}
		cells, err := screening.Pool(made)
		if err != nil {
			t.Fatal(err)
		}
		verdict, err := screening.Screened(cells)
		if err != nil {
			t.Fatal(err)
		}
		if verdict[0] == 0 {
			seen += weight
		}
	}
	combine(1, nil)
	return seen
}

// TestVeiledChances writes the README's table of what noise of five rows lets pass, and compares it: of the split that passes most often, of
// which screenings are made where there are up to three departments.
func TestVeiledChances(t *testing.T) {
	var lines []string
	for _, count := range []int64{3, 10} {
		for _, departments := range []int{1, 2, 3, 15} {
			d := Disclosure{Count: count, Perturbed: 5, Veiled: true}
			enough := (&Screening{Rules: d, answer: &Plan{Departments: make([]string, departments)}}).enough(count, 1)
			worst, at := -1.0, []int(nil)
			for _, split := range splits(int(count)-1, departments, int(count)) {
				if chance := passing(split, enough, d.Perturbed); chance > worst {
					worst, at = chance, split
				}
			}
			if len(at) == departments && departments <= 3 {
				if seen := showing(t, at, d); math.Abs(seen-worst) > 1e-12 {
					t.Errorf("%v: screenings show it with %v, not %v", at, seen, worst)
				}
			}
			if one := passing([]int{1}, enough, d.Perturbed); one != 0 || worst > 1.0/4000 {
				t.Errorf("count %d, %d departments: %v passes with %v, one row with %v", count, departments, at, worst, one)
			}
			said := "never"
			if worst > 0 {
				once := int(math.Round(1 / worst))
				said = fmt.Sprintf("once in %d,%03d", once/1000, once%1000)
			}
			from := func(chance float64) (rows int) { // spread evenly
				for even := make([]int, departments); passing(even[:min(rows, departments)], enough, d.Perturbed) < chance; rows++ {
					even[rows%departments]++
				}
				return rows
			}
			lines = append(lines, fmt.Sprintf("| %d | %d | %d | %s | never | %d | %d |", count, departments, enough, said, from(0.5), from(0.99)))
		}
	}
	inReadme(t, strings.Join(lines, "\n"))
}

// inReadme holds that the specification has some lines.
func inReadme(t *testing.T, lines string) {
	t.Helper()
	if text, err := os.ReadFile("README.md"); err != nil || !strings.Contains(string(text), "\n"+lines+"\n") {
		t.Errorf("the README does not have (%v)\n%s", err, lines)
	}
}

// ofRows is noise as cell keys give it: it follows from which of a department's rows a figure is of.
func (t *refTable) ofRows(tb testing.TB, p *Plan, dep int) NoiseSource {
	rows := make([]string, p.CellCount())
	for i := range t.parts[dep] {
		one := *t
		one.parts = slices.Clone(t.parts)
		one.parts[dep] = t.parts[dep][i : i+1]
		for c, n := range one.contribute(tb, p, dep) {
			rows[c] += strings.Repeat(fmt.Sprintf("%d ", i), int(n.Int64()))
		}
	}
	odds := chances(p.Noise.Rules.Perturbed)
	return func(group, m int, cell *big.Int) (*big.Int, error) {
		of := rows[group*len(p.Moments)+m]
		if within := p.Moments[m].Within; within > 0 {
			left := strings.Fields(rows[group*len(p.Moments)+within-1])
			part := strings.Fields(of)
			of = ""
			for _, r := range left {
				if !slices.Contains(part, r) {
					of += r + " "
				}
			}
		}
		if of == "" {
			return new(big.Int), nil
		}
		sum := sha256.Sum256([]byte(fmt.Sprintf("%s: %s", p.Departments[dep], of)))
		at := float64(binary.BigEndian.Uint64(sum[:])>>11) / (1 << 53)
		z := 0
		for z < len(odds)-1 && at >= odds[z] {
			at -= odds[z]
			z++
		}
		return big.NewInt(int64(z) - p.Noise.Rules.Perturbed), nil
	}
}

// TestVeiledFigures: a figure is the number of rows and their noise, from one row or the floor to its cap; none is none; what tells whether
// there are rows is exact. Of equal rows figures are equal, in whatever question, and what is left of a total has the noise of its own rows.
func TestVeiledFigures(t *testing.T) {
	table := staff()
	cat, departments := table.keyed()
	known, below, apart := map[string]int64{}, 0, 0
	for _, d := range []Disclosure{{Count: 12, Perturbed: 5, Veiled: true}, {Count: 12, Floor: 3, Departments: 2, Perturbed: 5, Veiled: true, Complement: true}} {
		for _, sql := range []string{"SELECT count(*), count(*) FILTER (WHERE ill), count(*) FILTER (WHERE NOT ill) FROM things", "SELECT count(*) FROM things WHERE ill",
			"SELECT region, count(*), sum(wage) FILTER (WHERE ill), count(*) FILTER (WHERE sex = 'f') FROM things GROUP BY region"} {
			p, err := NewPlan(sql, cat, departments, testPackings[1])
			if err != nil {
				t.Fatal(err)
			}
			screening, err := p.Screening(d)
			if err != nil {
				t.Fatal(err)
			}
			for dep, name := range departments {
				counts := table.contribute(t, screening, dep)
				source := table.ofRows(t, screening, dep)
				figures, err := screening.AddNoise(dep, counts, source)
				if err != nil {
					t.Fatal(err)
				}
				if _, err := screening.Limbs(dep, figures); err != nil {
					t.Fatal(err)
				}
				for i, got := range figures {
					g, m := i/len(screening.Moments), i%len(screening.Moments)
					moment, n := &screening.Moments[m], screening.counted(screening.ofGroup(counts, g), m).Int64()
					z, _ := source(g, m, nil)
					want, few := min(max(n+z.Int64(), 1), moment.Most), n > 0 && d.Floor > 0 && n+z.Int64() < d.Floor+d.Perturbed
					switch {
					case moment.Below > 0:
						want = truthNumber(few)
					case n == 0 || few:
						want = 0
					case moment.Most == 1:
						want = 1
					}
					if got.Int64() != want || got.Cmp(moment.Bounds[dep].Hi) > 0 {
						t.Fatalf("%s, %s: %s of %s is %s, want %d", sql, name, screening.describeMoment(m), p.describeKeys(g), got, want)
					}
					if moment.Most > 1 && want > 0 {
						below += int(truthNumber(got.Int64() < n))
						apart += int(truthNumber(got.Int64() != n))
					}
					if moment.Most > 1 && moment.Within == 0 && g == 0 && len(p.Groups) == 0 {
						key := fmt.Sprint(d.Floor, name, " ", n, " ", strings.Contains(screening.describeMoment(m)+screening.SQL, "NOT ill"))
						if before, again := known[key]; again && n == 30 && before != got.Int64() {
							t.Errorf("%s: of the same rows %d and %s", key, before, got)
						}
						known[key] = got.Int64()
					}
				}
			}
		}
	}
	if below == 0 || apart < 20 {
		t.Errorf("%d figures are not the number, %d below it: a test of no noise", apart, below)
	}
}

// TestVeiledFloors: whoever contributes can set a floor and a count, and so ask for others' figures by many. Whatever these are, of rows that are
// there a figure tells nothing but their number with its noise; and rows below the floor are never counted, whatever their noise.
func TestVeiledFloors(t *testing.T) {
	cat, departments := staff().keyed()
	p, err := NewPlan("SELECT count(*), count(*) FILTER (WHERE ill) FROM things", cat, departments, testPackings[1])
	if err != nil {
		t.Fatal(err)
	}
	const most = 5
	told := map[string]bool{}
	for _, count := range []int64{2, 10, 1000} {
		for floor := range int64(30) {
			screening, err := p.Screening(Disclosure{Count: count, Floor: floor, Departments: 2, Perturbed: most, Veiled: true})
			if err != nil {
				t.Fatal(err)
			}
			for m, moment := range screening.Moments {
				of := map[int64]*big.Int{} // by the number with its noise
				for n := int64(1); n < 40; n++ {
					for z := int64(-most); z <= most; z++ {
						if screening.veils(m) == 0 && z != 0 {
							continue
						}
						got := screening.made(m, big.NewInt(n), big.NewInt(z))
						if before := of[n+z]; before != nil && before.Cmp(got) != 0 {
							t.Fatalf("count %d, floor %d: %s tells %d rows from others with the same sum", count, floor, screening.describeMoment(m), n)
						}
						if of[n+z] = got; screening.veils(m) == 0 && got.Int64() != truthNumber(moment.Below == 0) {
							t.Fatalf("count %d, floor %d: %s is %s of %d rows, without noise", count, floor, screening.describeMoment(m), got, n)
						}
						if few := got.Sign() > 0 == (moment.Below > 0); n < floor && !few || n >= floor+2*most && few {
							t.Fatalf("count %d, floor %d: %s is %s of %d rows with %d", count, floor, screening.describeMoment(m), got, n, z)
						}
						told[fmt.Sprint(moment.Below > 0, got)] = true
					}
				}
			}
		}
	}
	if len(told) < 40 {
		t.Errorf("%d figures: a test of nothing", len(told))
	}
}

// describeKeys are a group's values, for messages.
func (p *Plan) describeKeys(g int) (out string) {
	for _, v := range p.groupValues(g) {
		out += v.String() + " "
	}
	return out
}

// TestVeiledGate: over random tables and questions, no cell is shown of too few rows, but for what the README says of noise; sets with many rows
// are shown; asked again the screening has the same figures; and what is shown is what it is without rules.
func TestVeiledGate(t *testing.T) {
	rounds, asked, shown, hidden, wrong, large := 250, 0, 0, 0, 0, 0
	if testing.Short() {
		rounds = 80
	}
	for seed := range rounds {
		r := rand.New(rand.NewPCG(uint64(seed), 27))
		table := newTable(r)
		table.repeat(r, 30)
		q := generator{r, table}.query()
		cat, departments := table.keyed()
		p, err := NewPlan(q.sql, cat, departments, testPackings[seed%len(testPackings)])
		if err != nil || p.CellCount() > 300 {
			continue
		}
		d := smallRules(r)
		if d.Count == 0 {
			d.Count = 2
		}
		d.Perturbed, d.Veiled = 1+r.Int64N(3), true
		if _, err := p.Noisy(d); err != nil {
			if _, screened := p.Screening(d); code(screened) != code(err) {
				t.Fatalf("%s: not answered, %v, and screened: %v", q.sql, err, screened)
			}
			continue
		}
		asked++
		answer, cells, err := table.gated(t, p, d)
		if err != nil {
			t.Fatalf("seed %d: %s\n%v", seed, q.sql, err)
		}
		again, _, err := table.gated(t, p, d)
		if err != nil || !slices.Equal(again.Withheld, answer.Withheld) {
			t.Fatalf("seed %d: %s\nanother verdict: %v", seed, q.sql, err)
		}
		plain := table.pooled(t, p)
		problem, own, gone := table.kept(t, p, answer, d, plain, cells)
		if problem != "" {
			wrong++
			t.Logf("seed %d: %s\n%+v\n%s", seed, q.sql, d, problem)
		}
		shown, hidden = shown+own, hidden+gone
		bare := d
		bare.Perturbed, bare.Veiled = 0, false
		exact, _, err := table.gated(t, p, bare)
		if err != nil {
			t.Fatal(err)
		}
		for i := range cells {
			if exact.withheld(i/len(p.Moments), i%len(p.Moments)) == 0 && answer.withheld(i/len(p.Moments), i%len(p.Moments)) != 0 {
				large++
			}
		}
	}
	t.Logf("%d questions, %d cells shown, %d withheld, %d of them for the noise, %d answers wrong", asked, shown, hidden, large, wrong)
	if wrong > 1 || asked < rounds/4 || shown < rounds || hidden < rounds || large == 0 {
		t.Errorf("%d questions, %d cells shown, %d withheld, %d of them for the noise, %d answers with a set of too few rows", asked, shown, hidden, large, wrong)
	}
}

// TestVeiledIsRefused: there are no figures without noise, of rows that are not registered, or of a part that is larger than its whole; nor is a
// question screened that is not answered.
func TestVeiledIsRefused(t *testing.T) {
	table, rules := staff(), Disclosure{Count: 3, Perturbed: 5, Veiled: true}
	cat, departments := table.keyed()
	screening := func(sql string, cat Catalogue) (*Plan, error) {
		p, err := NewPlan(sql, cat, departments, testPackings[1])
		if err != nil {
			t.Fatal(err)
		}
		return p.Screening(rules)
	}
	p, err := screening("SELECT count(*), count(*) FILTER (WHERE ill) FROM things", cat)
	if err != nil {
		t.Fatal(err)
	}
	keyless, _ := table.catalogue()
	for says, sql := range map[string]string{"declares no key": "SELECT count(*) FROM things", "count(DISTINCT ...)": "SELECT count(DISTINCT age) FROM things", "median": "SELECT median(age) FROM things"} {
		from := cat
		if says == "declares no key" {
			from = keyless
		}
		if _, err := screening(sql, from); code(err) != CodePolicy || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v", sql, err)
		}
	}
	none := func(int, int, *big.Int) (*big.Int, error) { return nil, nil }
	zero := func(int, int, *big.Int) (*big.Int, error) { return new(big.Int), nil }
	changed := func(m int, n int64) []*big.Int {
		counts := table.contribute(t, p, 0)
		counts[m] = big.NewInt(n)
		return counts
	}
	for what, err := range map[string]error{
		"no source":       second(p.AddNoise(0, changed(0, 52), nil)),
		"no noise":        second(p.AddNoise(0, changed(0, 52), none)),
		"a cell less":     second(p.AddNoise(0, changed(0, 52)[1:], zero)),
		"another's place": second(p.AddNoise(3, changed(0, 52), zero)),
	} {
		if err == nil {
			t.Errorf("%s: figures are made", what)
		}
	}
	for what, counts := range map[string][]*big.Int{"more rows than there are": changed(0, 1000), "less than none": changed(1, -1), "a part that is larger": changed(1, 60), "nothing": append([]*big.Int{nil}, changed(0, 52)[1:]...)} {
		if _, err := p.AddNoise(0, counts, zero); code(err) != CodeOverflow {
			t.Errorf("%s: %v", what, err)
		}
	}
	if bare, err := screening("SELECT count(*), count(*) FILTER (WHERE ill) FROM things", cat); err != nil || bare.Digest() != p.Digest() {
		t.Error("the screening is not the same twice")
	}
	rules.Veiled = false
	if bare, err := screening("SELECT count(*), count(*) FILTER (WHERE ill) FROM things", cat); err != nil || bare.Digest() == p.Digest() || bare.Noise != nil {
		t.Error("without the rule it is the same screening")
	}
}

// TestVeiledIsExplained: explain says what contributors see, and how many rows pass.
func TestVeiledIsExplained(t *testing.T) {
	cat, departments := staff().keyed()
	p, err := NewPlan("SELECT region, count(*) FROM things GROUP BY region", cat, departments, testPackings[0])
	if err != nil {
		t.Fatal(err)
	}
	x, err := p.ExplainScreening(Disclosure{Count: 10, Perturbed: 5, Veiled: true})
	if err != nil {
		t.Fatal(err)
	}
	for _, says := range []string{"each of which counts up to 21 at most; each number of rows with noise of each department that has some, up to 5 rows",
		"only whether there are any is exact", "add up to 21: fewer than 10 do once in 1,600 times at most"} {
		if !strings.Contains(x.String(), says) {
			t.Errorf("it does not say %q:\n%s", says, x)
		}
	}
	if x.Enough != 21 || x.Least != 10 {
		t.Error(x.Enough, x.Least)
	}
	if x, err = p.ExplainScreening(Disclosure{Count: 10, Perturbed: 5}); err != nil || strings.Contains(x.String(), "noise of each department that") || x.Enough != 0 {
		t.Errorf("without the rule it says %v %s", err, x)
	}
}
