package engine

import (
	"fmt"
	"math"
	"math/big"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"
)

// statTable is a table for statistics: y and x numbers that may be NULL, k small
// integers, g a text, e a boolean, by department.
func statTable(parts ...[]row) *refTable {
	t := &refTable{columns: []refColumn{
		{name: "y", kind: Integer, nullable: true, grouped: true},
		{name: "x", kind: Decimal, scale: 2, nullable: true, grouped: true},
		{name: "k", kind: Integer, grouped: true},
		{name: "g", kind: Text, nullable: true, grouped: true},
		{name: "z", kind: Integer},
		{name: "e", kind: Boolean, nullable: true, grouped: true},
	}, parts: parts}
	t.mixed, t.void = make([]bool, len(parts)), make([]bool, len(parts))
	return t
}

// randomStats makes such a table of three departments.
func randomStats(r *rand.Rand, rows int) *refTable {
	parts := make([][]row, 3)
	for i := range rows {
		one := row{rat(r.Int64N(50) - 20), big.NewRat(r.Int64N(4000)-1000, 100), rat(r.Int64N(5)), []string{"a", "b", "c"}[r.IntN(3)],
			rat(r.Int64N(1000)), r.IntN(2) == 0}
		for _, c := range []int{0, 1, 3, 5} {
			if r.IntN(8) == 0 {
				one[c] = nil
			}
		}
		parts[i%3] = append(parts[i%3], one)
	}
	return statTable(parts...)
}

// answer runs a query the long way round.
func (t *refTable) answer(tb testing.TB, sql string) (*Result, error) {
	tb.Helper()
	cat, departments := t.catalogue()
	p, err := NewPlan(sql, cat, departments, testPackings[0])
	if err != nil {
		return nil, err
	}
	return t.sealed(tb, p)
}

func (t *refTable) mustAnswer(tb testing.TB, sql string) *Result {
	tb.Helper()
	r, err := t.answer(tb, sql)
	if err != nil {
		tb.Fatalf("%s: %v", sql, err)
	}
	return r
}

// number reads a value as a float64, NaN for NULL.
func number(tb testing.TB, v Value) float64 {
	tb.Helper()
	if v.Text == nil {
		return math.NaN()
	}
	f, err := strconv.ParseFloat(*v.Text, 64)
	if err != nil {
		tb.Fatal(err)
	}
	return f
}

func closeTo(a, b, tolerance float64) bool {
	if math.IsNaN(a) || math.IsNaN(b) {
		return math.IsNaN(a) && math.IsNaN(b)
	}
	return a == b || math.Abs(a-b) <= tolerance*math.Max(math.Abs(a), math.Abs(b)) || math.Abs(a-b) < 1e-12
}

// complete gives the rows of a table where the columns have values, as floats.
func (t *refTable) complete(columns ...int) (out [][]float64) {
	for _, part := range t.parts {
	rows:
		for _, r := range part {
			line := make([]float64, len(columns))
			for i, c := range columns {
				if r[c] == nil {
					continue rows
				}
				line[i], _ = r[c].(*big.Rat).Float64()
			}
			out = append(out, line)
		}
	}
	return out
}

// central is the mean of (a−ā)^i·(b−b̄)^j over rows.
func central(rows [][]float64, i, j float64) float64 {
	var a, b, sum float64
	for _, r := range rows {
		a, b = a+r[0]/float64(len(rows)), b+r[1]/float64(len(rows))
	}
	for _, r := range rows {
		sum += math.Pow(r[0]-a, i) * math.Pow(r[1]-b, j)
	}
	return sum / float64(len(rows))
}

// TestStatistics compares every statistic of moments with its definition, by two
// passes over the pooled rows.
func TestStatistics(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 11))
	for seed := range 20 {
		table := randomStats(r, 6+seed*3)
		rows, single := table.complete(0, 1), table.complete(0, 0)
		n, n1 := float64(len(rows)), float64(len(single))
		s := func(i, j float64) float64 { return central(rows, i, j) }
		m := func(k float64) float64 { return central(single, k, 0) }
		g1, g2 := m(3)/math.Pow(m(2), 1.5), m(4)/(m(2)*m(2))-3
		var avgY, avgX float64
		for _, row := range rows {
			avgY, avgX = avgY+row[0]/n, avgX+row[1]/n
		}
		slope := s(1, 1) / s(0, 2)
		for call, want := range map[string]float64{
			"var_pop(y)": m(2), "var_samp(y)": m(2) * n1 / (n1 - 1), "variance(y)": m(2) * n1 / (n1 - 1),
			"stddev_pop(y)": math.Sqrt(m(2)), "stddev(y)": math.Sqrt(m(2) * n1 / (n1 - 1)), "stddev_samp(y)": math.Sqrt(m(2) * n1 / (n1 - 1)),
			"skewness_pop(y)": g1, "skewness(y)": g1 * math.Sqrt(n1*(n1-1)) / (n1 - 2), "kurtosis_pop(y)": g2,
			"kurtosis(y)":     (n1 - 1) / ((n1 - 2) * (n1 - 3)) * ((n1+1)*g2 + 6),
			"covar_pop(y, x)": s(1, 1), "covar_samp(y, x)": s(1, 1) * n / (n - 1), "corr(y, x)": s(1, 1) / math.Sqrt(s(2, 0)*s(0, 2)),
			"regr_count(y, x)": n, "regr_avgx(y, x)": avgX, "regr_avgy(y, x)": avgY, "regr_sxx(y, x)": n * s(0, 2), "regr_syy(y, x)": n * s(2, 0),
			"regr_sxy(y, x)": n * s(1, 1), "regr_slope(y, x)": slope, "regr_intercept(y, x)": avgY - slope*avgX,
			"regr_r2(y, x)": s(1, 1) * s(1, 1) / (s(2, 0) * s(0, 2)), "corr(y, x) * 2 + 1": 2*s(1, 1)/math.Sqrt(s(2, 0)*s(0, 2)) + 1,
		} {
			got := number(t, table.mustAnswer(t, "SELECT "+call+" FROM things").Rows[0][0])
			if !closeTo(got, want, 1e-9) {
				t.Errorf("seed %d: %s is %v, want %v", seed, call, got, want)
			}
		}
	}
}

// TestUndefined: NULL with its reason, never an error.
func TestUndefined(t *testing.T) {
	table := statTable([]row{{rat(3), big.NewRat(1, 2), rat(1), "a", rat(1), true}}, []row{{nil, big.NewRat(1, 2), rat(1), "a", rat(1), nil}})
	for _, c := range []struct{ call, value, reason string }{
		{"var_pop(y)", "0", ""}, {"var_samp(y)", "", oneRow}, {"var_pop(y) FILTER (WHERE k = 2)", "", noRows}, {"stddev_pop(x)", "0", ""},
		{"corr(y, x)", "", noTwist}, {"regr_slope(x, k)", "", noTwist}, {"regr_r2(y, x)", "", noTwist}, {"covar_samp(y, x)", "", oneRow},
		{"regr_count(y, x)", "1", ""}, {"median(y)", "3", ""}, {"median(y) FILTER (WHERE k = 0)", "", noRows}, {"count(DISTINCT e)", "1", ""},
		{"count(DISTINCT y) FILTER (WHERE k = 0)", "0", ""}, {"max(g)", "a", ""}, {"skewness(x)", "", "it takes at least three rows with values"},
		{"skewness_pop(x)", "", noTwist}, {"kurtosis(x)", "", "it takes at least four rows with values"},
	} {
		r := table.mustAnswer(t, "SELECT "+c.call+" FROM things")
		got, reason := "", ""
		if r.Rows[0][0].Exact != nil {
			got = *r.Rows[0][0].Exact
		}
		if len(r.Notes) > 0 {
			reason = r.Notes[0].Reason
		}
		if got != c.value || reason != c.reason {
			t.Errorf("%s is %q because %q, want %q because %q", c.call, got, reason, c.value, c.reason)
		}
	}
}

// TestSharedCells: equal products take one cell, and Filip's regression 33.
func TestSharedCells(t *testing.T) {
	table := randomStats(rand.New(rand.NewPCG(2, 2)), 30)
	cat, departments := table.catalogue()
	for sql, moments := range map[string]int{
		"SELECT sum(k*z), sum(z*k), corr(k, z), covar_pop(z, k), var_pop(k), sum(k), avg(z), count(*) FROM things": 6,
		"SELECT linreg(z, k, k^2, k^3, k^4, k^5, k^6, k^7, k^8, k^9, k^10) FROM things":                            33,
		"SELECT linreg(z, k, g, e) FROM things":                                                                    18,
		"SELECT min(g), max(g), count(DISTINCT g), median(k), mode() WITHIN GROUP (ORDER BY k) FROM things":        9,
	} {
		p, err := NewPlan(sql, cat, departments, testPackings[0])
		if err != nil {
			t.Fatalf("%s: %v", sql, err)
		}
		if len(p.Moments) != moments {
			t.Errorf("%s: %d moments, want %d:\n%s", sql, len(p.Moments), moments, p.Explain())
		}
	}
}

// TestTails holds the tails of distributions to closed forms, to the digits printed.
func TestTails(t *testing.T) {
	r := func(text string) *big.Rat { x, _ := new(big.Rat).SetString(text); return x }
	check := func(what string, v value, want float64) {
		t.Helper()
		if got := near(v.exact); math.Abs(got-want) > 6*math.Pow10(-v.digits)*want {
			t.Errorf("%s is %.15g, want %.15g", what, got, want)
		}
	}
	for _, text := range []string{"0.001", "0.5", "1", "2.5", "17", "400"} {
		x := r(text)
		f := near(x)
		check("t, 1 degree, "+text, studentTail(double(x), r("1")), 2*math.Atan(1/f)/math.Pi)
		check("t, 2 degrees, "+text, studentTail(double(x), r("2")), 2/((math.Sqrt(f*f+2)+f)*math.Sqrt(f*f+2)))
		for _, d2 := range []string{"1", "7", "71", "48836", "10000000"} {
			d := near(r(d2))
			check("F, 2 and "+d2+" degrees, "+text, fisherTail(double(x), r("2"), r(d2)), math.Exp(-d/2*math.Log1p(2*f/d)))
		}
		check("χ², 2 degrees, "+text, chiSquaredTail(double(x), 2), math.Exp(-f/2))
		check("χ², 4 degrees, "+text, chiSquaredTail(double(x), 4), math.Exp(-f/2)*(1+f/2))
	}
	check("the quantile of t, 1 degree", studentQuantile(r("1")), math.Tan(math.Pi*0.475))
	check("the quantile of t, 2 degrees", studentQuantile(r("2")), 0.95*math.Sqrt(2/(1-0.95*0.95)))
	check("the quantile of the normal", normalQuantile(), 1.959963984540054)
	check("the normal tail", normalTail(double(r("1.96"))), 0.04999579029644087)
}

// TestRoots: 34 digits, and exact where the root is.
func TestRoots(t *testing.T) {
	for text, want := range map[string]string{
		"2": "1.414213562373095048801688724209698", "1/4": "1/2", "0": "0", "144": "12", "2/9": "0.4714045207910316829338962414032327",
		"1/1000000000000000000000000000000000000000000": "1/1000000000000000000000", "3/1000": "0.05477225575051661134569697828008021",
	} {
		x, _ := new(big.Rat).SetString(text)
		if got := *root(x).printFloat().Exact; got != want {
			t.Errorf("√%s is %s, want %s", text, got, want)
		}
	}
	for x, want := range map[float64]string{0.1: "0.1", 1e15: "1e+15",
		123456789012345: "123456789012345", 1e-4: "0.0001", 1e-5: "1e-05", -2.5e20: "-2.5e+20"} {
		if got := floatText(new(big.Rat).SetFloat64(x)); got != want {
			t.Errorf("%g prints %s, want %s", x, got, want)
		}
	}
}

// rowsText is an answer with rounded numbers, for worked examples.
func rowsText(tb testing.TB, r *Result, digits int) string {
	show := func(v Value, kind Kind) string {
		switch {
		case v.Text == nil:
			return "-"
		case kind == Float:
			return strconv.FormatFloat(number(tb, v), 'g', digits, 64)
		}
		return *v.Text
	}
	var out strings.Builder
	for _, row := range r.Rows {
		for i, v := range row {
			fmt.Fprintf(&out, "%s ", show(v, r.Kinds[i]))
		}
		out.WriteString("\n")
	}
	for _, f := range r.Model {
		fmt.Fprintf(&out, "%s=%s ", f.Name, show(f.Value, Float))
	}
	return out.String()
}
