package engine

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math/big"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

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
