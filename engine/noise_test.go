package engine

import (
	"errors"
	"math"
	"math/big"
	"math/rand/v2"
	"strings"
	"testing"
)

// testEpsilon are rules of differential privacy: ε = 1 a question, δ = 10^-6.
var testEpsilon = Disclosure{Epsilon: 1_000_000, Budget: 3_000_000, Delta: 1_000_000}

// noisy contributes and pools the cells of a plan with noise from a source by department; nil draws.
func (t *refTable) noisy(tb testing.TB, p *Plan, random *rand.ChaCha8, source NoiseSource) []*big.Int {
	tb.Helper()
	if source == nil {
		source = p.GaussianNoise(random)
	}
	var made [][]*big.Int
	for d := range p.Departments {
		cells, err := p.AddNoise(d, t.contribute(tb, p, d), source)
		if err != nil {
			tb.Fatalf("%s: %v", p.SQL, err)
		}
		made = append(made, cells)
	}
	cells, err := p.Pool(made) // which checks ranges
	if err != nil {
		tb.Fatalf("%s: %v", p.SQL, err)
	}
	return cells
}

func plannedNoise(t *testing.T, table *refTable, sql string, d Disclosure) (plain, noisy *Plan) {
	t.Helper()
	cat, departments := table.catalogue()
	plain, err := NewPlan(sql, cat, departments, testPackings[1])
	if err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	if noisy, err = plain.Noisy(d); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	return plain, noisy
}

// TestNoisyPlan: the plan with noise is another one, with ranges that are wider by each moment's width on either side, and
// the plan without a rule of noise is itself.
func TestNoisyPlan(t *testing.T) {
	plain, noisy := plannedNoise(t, staff(), "SELECT region, count(*) FILTER (WHERE ill), sum(wage), sum(age - 40), avg(bonus) FROM things GROUP BY region", testEpsilon)
	if same, err := plain.Noisy(Disclosure{Count: 10}); err != nil || same != plain {
		t.Error("a plan without a rule of noise is another one")
	}
	weaker := testEpsilon
	weaker.Epsilon++
	_, other := plannedNoise(t, staff(), plain.SQL, weaker)
	if noisy.Digest() == plain.Digest() || other.Digest() == noisy.Digest() {
		t.Error("the digest does not say how much noise there is")
	}
	if plain.Noise != nil || len(noisy.Noise.Moments) != len(plain.Moments) {
		t.Fatal(noisy.Noise)
	}
	// Δ² of one row that has other values, which may be in another group: 2 of counts; of sums twice the square of the
	// largest, or the square of the range.
	squares := map[string]int64{"count": 2}
	for m := range plain.Moments {
		width := noisy.Noise.Moments[m].Width
		for d := range plain.Departments {
			exact := momentBound(&plain.Moments[m], plain.Registrations[d], plain.Schema)
			got := noisy.Moments[m].Bounds[d]
			if got.Lo.Cmp(new(big.Int).Sub(exact.Lo, width)) != 0 || got.Hi.Cmp(new(big.Int).Add(exact.Hi, width)) < 0 {
				t.Errorf("moment %d of %d: %s to %s is not %s to %s wider by %s", m, d, got.Lo, got.Hi, exact.Lo, exact.Hi, width)
			}
		}
		if plain.Moments[m].Op != Sum {
			want := new(big.Rat).SetFrac(big.NewInt(squares["count"]*int64(len(plain.Moments))*1_000_000_000), big.NewInt(2*testEpsilon.Rho()))
			if noisy.Noise.Moments[m].Variance().Cmp(want) != 0 {
				t.Errorf("moment %d has variance %s, not %s", m, noisy.Noise.Moments[m].Variance(), want)
			}
		}
		deviation := math.Sqrt(near(noisy.Noise.Moments[m].Variance()))
		if w := near(new(big.Rat).SetInt(width)); w < deviations*deviation || w > deviations*(deviation+1) {
			t.Errorf("moment %d: width %v of deviation %v", m, w, deviation)
		}
	}
	x := noisy.Explain()
	if x.Outputs[1].Error == "" || x.Outputs[1].Error != x.Moments[1].Error || x.Outputs[4].Error != "" || !strings.Contains(x.String(), "± "+x.Outputs[1].Error) ||
		!strings.Contains(x.Learns[0].What, "noise that every department adds") {
		t.Errorf("it does not explain its noise: %s", x)
	}
	if text := plain.Explain().String(); strings.Contains(text, "noise") || strings.Contains(text, "±") {
		t.Error(text)
	}
	for _, again := range []func() (*Plan, error){
		func() (*Plan, error) { return noisy.Noisy(testEpsilon) },
		func() (*Plan, error) { return noisy.Screening(Disclosure{Count: 3}) },
	} {
		if _, err := again(); code(err) != CodePolicy {
			t.Error(err)
		}
	}
}

// TestSensitivity holds the squared sensitivity of moments to what one row can do, by hand: ages are from 20 to 77, of children there are 9 at most.
func TestSensitivity(t *testing.T) {
	table := staff()
	for sql, want := range map[string]int64{
		"SELECT count(*) FROM things":                                    0, // it is public
		"SELECT count(*) FROM things WHERE ill":                          1,
		"SELECT region, count(*) FROM things GROUP BY region":            2,
		"SELECT sum(age) FROM things":                                    77 * 77,
		"SELECT sum(age - 40) FROM things":                               57 * 57,
		"SELECT region, sum(age - 40) FROM things GROUP BY region":       57 * 57,
		"SELECT region, sum(age) FROM things GROUP BY region":            2 * 77 * 77,
		"SELECT sum(age) FROM things WHERE age < 0":                      77 * 77, // bounds are of columns
		"SELECT region, sum(children * age) FROM things GROUP BY region": 2 * 693 * 693,
	} {
		plain, _ := plannedNoise(t, table, sql, testEpsilon)
		m := 0
		for i := range plain.Moments {
			if plain.Moments[i].Op == Sum {
				m = i
			}
		}
		if got := plain.squaredSensitivity(m); got.Cmp(big.NewInt(want)) != 0 {
			t.Errorf("%s: %s, not %d", sql, got, want)
		}
	}
}

// TestNoisyAnswer: answers over many draws lie around the pooled one as their standard errors say, and say which columns carry noise.
func TestNoisyAnswer(t *testing.T) {
	table := staff()
	sql := "SELECT region, count(*) AS n, sum(wage) AS s, 2 * count(*) + 1 AS twice, avg(age) AS a, region AS again FROM things GROUP BY ROLLUP (region)"
	plain, noisy := plannedNoise(t, table, sql, testEpsilon)
	exact, err := plain.Finish(table.pooled(t, plain))
	if err != nil {
		t.Fatal(err)
	}
	var key [32]byte
	random := rand.NewChaCha8(key)
	values := map[string]*big.Rat{}
	number := func(v Value) *big.Rat {
		x, _ := new(big.Rat).SetString(*v.Exact)
		return x
	}
	name := func(row []Value, column string) string {
		if row[0].Text == nil {
			return "all " + column
		}
		return *row[0].Text + " " + column
	}
	for _, row := range exact.Rows {
		for c := 1; c < 5; c++ {
			values[name(row, exact.Columns[c])] = number(row[c])
			if row[c].Error != nil {
				t.Error("an exact value has an error")
			}
		}
	}
	squares, seen := map[string]float64{}, map[string]int{}
	for range 300 {
		got, err := noisy.Finish(table.noisy(t, noisy, random, nil))
		if err != nil {
			t.Fatal(err)
		}
		if len(got.Noise) != 4 || got.Noise[0] != (NoisyColumn{"n", NoiseGaussian, 3, 0}) {
			t.Fatal(got.Noise)
		}
		for _, row := range got.Rows {
			if row[0].Error != nil || row[5].Error != nil {
				t.Fatal("a key has an error")
			}
			for c := 1; c < 5; c++ {
				at := name(row, got.Columns[c])
				if row[c].Text == nil {
					continue
				}
				gap := near(new(big.Rat).Sub(number(row[c]), values[at]))
				deviation, _ := new(big.Rat).SetString(*row[c].Error)
				gap /= near(deviation)
				if c < 4 { // an average over few rows is no number of noise that is small
					squares[got.Columns[c]] += gap * gap
					seen[got.Columns[c]]++
				}
			}
		}
	}
	for column, sum := range squares {
		if n := seen[column]; n < 900 || sum/float64(n) < 0.8 || sum/float64(n) > 1.2 {
			t.Errorf("%s: in %d values the square of the distance is %.2f times that of the standard error", column, n, sum/float64(n))
		}
	}
}

// TestNoiseIsClamped: what would leave the range is brought to its end, a cell that the registration does not allow is
// refused however the noise lies, and nothing is contributed without noise.
func TestNoiseIsClamped(t *testing.T) {
	table := staff()
	_, p := plannedNoise(t, table, "SELECT region, count(*) FROM things GROUP BY region", testEpsilon)
	for _, sign := range []int64{1, -1} {
		far := new(big.Int).Mul(big.NewInt(sign), pow10(40))
		cells, err := p.AddNoise(1, table.contribute(t, p, 1), func(int, int, *big.Int) (*big.Int, error) { return far, nil })
		if err != nil {
			t.Fatal(err)
		}
		bound := p.Moments[0].Bounds[1]
		for _, c := range cells {
			if end := map[int64]*big.Int{1: bound.Hi, -1: bound.Lo}[sign]; c.Cmp(end) != 0 {
				t.Errorf("%s, not %s", c, end)
			}
		}
		if _, err := p.Limbs(1, cells); err != nil {
			t.Error(err)
		}
	}
	good := func(int, int, *big.Int) (*big.Int, error) { return new(big.Int), nil }
	cells := table.contribute(t, p, 0)
	beyond := append([]*big.Int{big.NewInt(p.Registrations[0].Rows + 1)}, cells[1:]...)
	for what, c := range map[string]struct {
		dep    int
		cells  []*big.Int
		source NoiseSource
		code   string
	}{
		"more rows than the table has": {0, beyond, good, CodeOverflow},
		"fewer than none":              {0, append([]*big.Int{big.NewInt(-1)}, cells[1:]...), good, CodeOverflow},
		"no cell":                      {0, append([]*big.Int{nil}, cells[1:]...), good, CodeOverflow},
		"too few cells":                {0, cells[1:], good, CodeCells},
		"no source":                    {0, cells, nil, CodePolicy},
		"no noise":                     {0, cells, func(int, int, *big.Int) (*big.Int, error) { return nil, nil }, CodePolicy},
		"another department":           {3, cells, good, CodeDepartments},
		"none":                         {-1, cells, good, CodeDepartments},
	} {
		if _, err := p.AddNoise(c.dep, c.cells, c.source); code(err) != c.code {
			t.Errorf("%s: %v", what, err)
		}
	}
	broken := errors.New("no randomness")
	if _, err := p.AddNoise(0, cells, func(int, int, *big.Int) (*big.Int, error) { return nil, broken }); !errors.Is(err, broken) {
		t.Error(err)
	}
}

// TestNoisyCellsAreFinished: whatever noise makes of cells, an answer is finished, and what is not defined is NULL with a note.
func TestNoisyCellsAreFinished(t *testing.T) {
	table := randomStats(rand.New(rand.NewPCG(3, 4)), 300)
	r := rand.New(rand.NewPCG(5, 6))
	notes, rows := map[string]int{}, 0
	for _, sql := range []string{
		"SELECT g, count(*), sum(x), avg(x), 100 * count(*) / count(y), sum(x) / sum(y) FROM things GROUP BY g HAVING count(*) > -100",
		"SELECT var_pop(x), var_samp(x), stddev(y), stddev_pop(x), skewness(x), skewness_pop(y), kurtosis(x), kurtosis_pop(y) FROM things",
		"SELECT g, covar_pop(y, x), covar_samp(y, x), corr(y, x), regr_count(y, x), regr_avgx(y, x), regr_avgy(y, x), regr_sxx(y, x), regr_syy(y, x), " +
			"regr_sxy(y, x), regr_slope(y, x), regr_intercept(y, x), regr_r2(y, x) FROM things GROUP BY CUBE (g, e)",
		"SELECT g, sqrt(count(*)), ln(count(*)), date '2024-01-01' + count(*) * 100000, sum(count(*)) OVER (ORDER BY g), rank() OVER (ORDER BY avg(x)) FROM things GROUP BY g ORDER BY avg(x)",
	} {
		_, p := plannedNoise(t, table, sql, testEpsilon)
		for range 200 {
			cells := make([]*big.Int, p.CellCount())
			for i := range cells {
				bound := p.Moments[i%len(p.Moments)].Bounds[0]
				width := new(big.Int).Sub(bound.Hi, bound.Lo)
				cells[i] = new(big.Int).Mul(width, big.NewInt(r.Int64N(1001)))
				cells[i].Quo(cells[i], big.NewInt(1000)).Add(cells[i], bound.Lo)
				if r.IntN(4) == 0 {
					cells[i].SetInt64(r.Int64N(5) - 2)
				}
			}
			got, err := p.Finish(cells)
			if err != nil {
				t.Fatalf("%s: %v", sql, err)
			}
			rows += len(got.Rows)
			for _, n := range got.Notes {
				notes[n.Reason]++
			}
		}
	}
	if rows < 1000 {
		t.Errorf("%d rows", rows)
	}
	for _, want := range []string{noiseRows, noiseNegative, noiseDivisor, noiseDate} {
		if notes[want] == 0 {
			t.Errorf("never said: %s, of %v", want, notes)
		}
	}
	if notes[contradiction] > 0 {
		t.Error("noise is called a contradiction")
	}
}

// TestNoNoise: what noise would leave nothing of is refused by name.
func TestNoNoise(t *testing.T) {
	cat, departments := staff().catalogue()
	for sql, want := range map[string]string{
		"SELECT count(DISTINCT region) FROM things":                                     "count(DISTINCT",
		"SELECT min(age) FROM things":                                                   "min",
		"SELECT bool_or(ill) FROM things":                                               "whether there are rows",
		"SELECT median(age) FROM things":                                                "median",
		"SELECT region FROM things GROUP BY region HAVING median(age) > 4":              "median",
		"SELECT region, count(*) FROM things GROUP BY region ORDER BY median(age)":      "median",
		"SELECT rank() OVER (ORDER BY median(age)), region FROM things GROUP BY region": "median",
		"SELECT histogram(age, 0, 100, 10) FROM things":                                 "histogram",
		"SELECT linreg(wage, age) FROM things":                                          "linreg",
	} {
		p, err := NewPlan(sql, cat, departments, testPackings[1])
		if err != nil {
			t.Fatalf("%s: %v", sql, err)
		}
		if _, err = p.Noisy(testEpsilon); code(err) != CodePolicy || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", sql, err)
		}
	}
}
