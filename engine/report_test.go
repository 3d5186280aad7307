package engine

import (
	"maps"
	"math"
	"math/big"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// deal makes a table of three departments: rows of (y, k, g, e), dealt in turn.
func deal(rows ...[4]any) *refTable {
	parts := make([][]row, 3)
	for i, r := range rows {
		one := row{nil, nil, rat(0), nil, rat(1), nil}
		if y, ok := r[0].(string); ok {
			one[1], _ = new(big.Rat).SetString(y)
		} else if r[0] != nil {
			one[0] = rat(int64(r[0].(int)))
			one[1] = rat(int64(r[0].(int)))
		}
		if r[1] != nil {
			one[2] = rat(int64(r[1].(int)))
		}
		if r[2] != nil {
			one[3] = r[2].(string)
		}
		if r[3] != nil {
			one[5] = r[3].(bool)
		}
		parts[i%3] = append(parts[i%3], one)
	}
	return statTable(parts...)
}

// example compares a rounded answer, spaces apart.
func example(t *testing.T, table *refTable, sql string, digits int, want string) {
	t.Helper()
	squeeze := func(s string) string { return strings.Join(strings.Fields(s), " ") }
	got := rowsText(t, table.mustAnswer(t, sql), digits)
	if squeeze(got) != squeeze(want) {
		t.Errorf("%s gives\n%s\nwant\n%s", sql, got, want)
	}
}

// TestTTest is Student's own example (Cushny and Peebles 1905), as R's t.test has it.
func TestTTest(t *testing.T) {
	var rows [][4]any
	for _, y := range strings.Fields("0.7 -1.6 -0.2 -1.2 -0.1 3.4 3.7 0.8 0.0 2.0") {
		rows = append(rows, [4]any{y, 0, "1", nil})
	}
	for _, y := range strings.Fields("1.9 0.8 1.1 0.1 -0.1 4.4 5.5 1.6 4.6 3.4") {
		rows = append(rows, [4]any{y, 0, "2", nil})
	}
	table := deal(rows...)
	example(t, table, "SELECT ttest(x, g) FROM things", 6, `
		welch -1.58 0.849091 -1.86081 17.7765 0.0793941 -3.36548 0.205483
		pooled -1.58 0.849091 -1.86081 18 0.0791867 -3.36387 0.203874
		n=20 left_out=0 n 1=10 mean 1=0.75 sd 1=1.78901 n 2=10 mean 2=2.33 sd 2=2.00225`)
	example(t, table, "SELECT ttest(x, g) FROM things WHERE g = '1'", 6, `
		welch - - - - - - - pooled - - - - - - - n=10 left_out=0 n 1=10 mean 1=0.75 sd 1=1.78901`)
	// The difference of two means is a regression on a dummy.
	example(t, table, "SELECT linreg(x, g) FROM things", 6, `
		(Intercept) 0.75 0.600398 1.24917 0.227604
		g=2 1.58 0.849091 1.86081 0.0791867
		n=20 left_out=0 df=18 r2=0.161333 adj_r2=0.11474 f=3.46263 f_p=0.0791867 residual_sd=1.89863 reg_ss=12.482 res_ss=64.886
		reg_df=1 t_crit=2.10092 ci_lo (Intercept)=-0.511389 ci_hi (Intercept)=2.01139 ci_lo g=2=-0.203874 ci_hi g=2=3.36387`)
	example(t, table, "SELECT anova(x, g) FROM things", 6, `
		between 12.482 1 12.482 within 64.886 18 3.60478
		n=20 left_out=0 groups=2 f=3.46263 p=0.0791867 r2=0.161333 residual_sd=1.89863`)
}

// TestMannWhitney is the example of scipy.stats.mannwhitneyu.
func TestMannWhitney(t *testing.T) {
	var rows [][4]any
	for _, y := range []int{19, 22, 16, 29, 24} {
		rows = append(rows, [4]any{y, 0, "men", nil})
	}
	for _, y := range []int{20, 11, 17, 12} {
		rows = append(rows, [4]any{y, 0, "women", nil})
	}
	example(t, deal(rows...), "SELECT mannwhitney(y, g) FROM things", 8, `
		men 5 32 6.4 17 women 4 13 3.25 3
		n=9 left_out=0 z=1.5921683 p=0.11134689 auc=0.85`)
}

// TestSurvival is the trial of 6-mercaptopurine (Freireich et al. 1963), as in every
// textbook: the curve, and χ² = 16.8 with 19.3 and 10.7 events expected.
func TestSurvival(t *testing.T) {
	var rows [][4]any
	for _, s := range strings.Fields("6 6 6 6+ 7 9+ 10 10+ 11+ 13 16 17+ 19+ 20+ 22 23 25+ 32+ 32+ 34+ 35+") {
		time, censored := strings.CutSuffix(s, "+")
		rows = append(rows, [4]any{nil, decimalValue(time), "6-MP", !censored})
	}
	for _, s := range strings.Fields("1 1 2 2 3 4 4 5 5 8 8 8 8 11 11 12 12 15 17 22 23") {
		rows = append(rows, [4]any{nil, decimalValue(s), "placebo", true})
	}
	table := deal(rows...)
	example(t, table, "SELECT logrank(k, e, g) FROM things", 4, `
		6-MP 21 9 19.25 placebo 21 21 10.75 n=42 left_out=0 chi2=16.79 df=1 p=4.169e-05`)
	example(t, table, "SELECT survival(k, e) FROM things WHERE g = '6-MP' AND k <= 10", 3, `
		6 8 3 1 0.625 0.171 0.29 0.96 7 4 1 0 0.469 0.187 0.103 0.834 9 3 0 1 0.469 0.187 0.103 0.834 10 2 1 1 0.234 0.19 0 0.607
		n=8 left_out=0 n=8 events=5 median=7`)
	r := table.mustAnswer(t, "SELECT survival(k, e, g) FROM things")
	curve := map[string]float64{}
	for _, row := range r.Rows {
		if *row[0].Text == "6-MP" {
			curve[*row[1].Text] = number(t, row[5])
		}
	}
	for time, want := range map[string]float64{"6": 0.857, "7": 0.807, "10": 0.753, "13": 0.690,
		"16": 0.627, "22": 0.538, "23": 0.448, "35": 0.448} {
		if math.Abs(curve[time]-want) > 0.0005 {
			t.Errorf("survival at %s is %v, want %v", time, curve[time], want)
		}
	}
}

// TestDistributions: bins, tables, shares, rates and ratios small enough to check by
// hand.
func TestDistributions(t *testing.T) {
	table := deal([4]any{1, 0, "a", true}, [4]any{1, 1, "a", true}, [4]any{2, 1, "a", false}, [4]any{4, 0, "b", false},
		[4]any{6, 1, "b", true}, [4]any{10, 0, "b", nil}, [4]any{nil, 2, nil, true})
	for sql, want := range map[string]string{
		"SELECT histogram(y, 1, 10, 3) FROM things":             "1 4 3 4 7 2 7 10 1 n=6 left_out=1 outside=0",
		"SELECT histogram(y, 1, 6, 3) FROM things":              "1 2.67 3 2.67 4.33 1 4.33 6 1 n=6 left_out=1 outside=1",
		"SELECT histogram(y, ARRAY[-1, 1, 4.5, 6]) FROM things": "-1 1 0 1 4.5 4 4.5 6 1 n=6 left_out=1 outside=1",
		"SELECT crosstab(g, e) FROM things": "a false 1 1.2 -0.183 a true 2 1.8 " +
			"0.149 b false 1 0.8 0.224 b true 1 1.2 -0.183 n=5 left_out=2 chi2=0.139 df=1 p=0.709 cramers_v=0.167",
		"SELECT lorenz(y, g) FROM things":    "a 3 4 1.33 0.5 0.167 b 3 20 6.67 1 1 n=6 left_out=1 gini=0.333",
		"SELECT lorenz(y, g, z) FROM things": "a 3 4 1.33 0.5 0.167 b 3 20 6.67 1 1 n=6 left_out=1 gini=0.333",
		"SELECT rates(k, y, g, ARRAY[3, 1]) FROM things": "a 2 4 0.5 3 b 1 20 0.05 1 n=6 " +
			"left_out=1 crude_rate=0.125 standardised_rate=0.388 std_error=0.265 ci_lo=-0.133 ci_hi=0.908",
		"SELECT ratio(k, y) FROM things": "0.125 0.0819 -0.0355 0.285 n=6 left_out=1 numerator=3 denominator=24",
		"SELECT describe(y) FROM things": "6 4 1.44 0.305 7.7 3.52 1.11 0.533 n=6 left_out=1",
		"SELECT g, anova(y, e), g FROM things GROUP BY g HAVING count(*) > 1 ORDER BY g DESC": "b between 2 1 2 b b within 0 0 - b a between 0.667 1 0.667 a a within 0 1 0 a " +
			"n=2 left_out=1 groups=2 f=- p=- r2=1 residual_sd=- n=3 left_out=0 groups=2 f=+Inf p=0 r2=1 residual_sd=0",
	} {
		example(t, table, sql, 3, want)
	}
}

// TestSingular: the terms at fault are named, when planning or when finishing; with
// GROUP BY the other groups keep their figures.
func TestSingular(t *testing.T) {
	table := deal([4]any{1, 1, "a", true}, [4]any{2, 2, "a", true}, [4]any{4, 3, "a", true}, [4]any{9, 3, "b", true}, [4]any{3, 3, "b", true})
	for sql, want := range map[string]string{
		"SELECT linreg(y, k, k) FROM things":                  "the terms k and k are the same",
		"SELECT linreg(y, k, z) FROM things":                  "the design is singular: z = (Intercept) in every row",
		"SELECT linreg(k, y, x) FROM things":                  "the design is singular: x = y in every row",
		"SELECT linreg0(k, y, y + 2*z, z) FROM things":        "the design is singular: z = -1/2·y + 1/2·(y + (2 * z)) in every row",
		"SELECT linreg(y, 0*k) FROM things":                   "the design is singular: 0*k is 0 in every row",
		"SELECT linreg(y, 2*k, k) FROM things":                "the design is singular: k = 1/2·2*k in every row",
		"SELECT linreg(y, k, k^2, k^3, k^4, k^5) FROM things": "5 complete rows cannot determine 6 terms",
		"SELECT linreg(y, e) FROM things":                     `column "e" has a single value: it explains nothing`,
	} {
		_, err := table.answer(t, sql)
		if code(err) != CodeSingular || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%s: %v, want %s", sql, err, want)
		}
	}
	example(t, table, "SELECT g, linreg(y, k) FROM things GROUP BY g", 3, `
		a (Intercept) -0.667 0.624 -1.07 0.479 a k 1.5 0.289 5.2 0.121 b (Intercept) - - - - b k - - - -
		n=3 left_out=0 df=1 r2=0.964 adj_r2=0.929 f=27 f_p=0.121 residual_sd=0.408 reg_ss=4.5 res_ss=0.167 reg_df=1 t_crit=12.7
		ci_lo (Intercept)=-8.59 ci_hi (Intercept)=7.26 ci_lo k=-2.17 ci_hi k=5.17
		n=2 left_out=0 df=- r2=- adj_r2=- f=- f_p=- residual_sd=- reg_ss=- res_ss=- reg_df=- t_crit=-
		ci_lo (Intercept)=- ci_hi (Intercept)=- ci_lo k=- ci_hi k=-`)
}

// TestTerms: constants are factors, sums stand in parentheses, and a multiple of a term
// has the inverse multiple of its coefficient, its interval too.
func TestTerms(t *testing.T) {
	table := deal([4]any{1, 1, "a", true}, [4]any{2, 2, "a", false}, [4]any{4, 3, "a", true},
		[4]any{9, 1, "b", true}, [4]any{3, 4, "b", false})
	names := []string{"(Intercept)", "0.5*k", "(k + 1)*k", "z*(1 - k)*(-k)*e=true", "(k - 3)^2*g=b"}
	r := table.mustAnswer(t, "SELECT linreg(y, 0.5*k, (k+1)*k, z*(1 - k)*(-k)*e, (k - 3)^2*g) FROM things")
	for i, name := range names {
		if *r.Rows[i][0].Text != name {
			t.Errorf("term %d is called %s, want %s", i, *r.Rows[i][0].Text, name)
		}
	}
	whole, half := table.mustAnswer(t, "SELECT linreg(y, k) FROM things"), table.mustAnswer(t, "SELECT linreg(y, 0.5*k) FROM things")
	interval := func(r *Result, name string) (lo, hi float64) {
		for _, f := range r.Model {
			switch f.Name {
			case "ci_lo " + name:
				lo = number(t, f.Value)
			case "ci_hi " + name:
				hi = number(t, f.Value)
			}
		}
		return lo, hi
	}
	lo, hi := interval(whole, "k")
	twiceLo, twiceHi := interval(half, "0.5*k")
	estimate, se := number(t, whole.Rows[1][1]), number(t, whole.Rows[1][2])
	const critical = 3.182446305284263 // of Student's t with 3 degrees of freedom, as tables have it
	if !closeTo(2*estimate, number(t, half.Rows[1][1]), 1e-12) || !closeTo(2*lo, twiceLo, 1e-11) || !closeTo(2*hi, twiceHi, 1e-11) ||
		!closeTo(lo, estimate-critical*se, 1e-11) || !closeTo(hi, estimate+critical*se, 1e-11) {
		t.Errorf("k from %v to %v, 0.5*k from %v to %v", lo, hi, twiceLo, twiceHi)
	}
}

// TestInteractions: products distribute over dummies, and an interaction fits each
// group as its own regression does.
func TestInteractions(t *testing.T) {
	table := deal([4]any{1, 1, "a", true}, [4]any{2, 2, "a", false}, [4]any{4, 3, "a", true},
		[4]any{9, 1, "b", true}, [4]any{3, 4, "b", false}, [4]any{5, 2, "b", false})
	whole := table.mustAnswer(t, "SELECT linreg(y, k, g, k*g) FROM things")
	own := table.mustAnswer(t, "SELECT g, linreg(y, k) FROM things GROUP BY g")
	estimate := func(r *Result, i, column int) *big.Rat {
		x, _ := new(big.Rat).SetString(*r.Rows[i][column].Exact)
		return x
	}
	if name := *whole.Rows[3][0].Text; name != "k*g=b" {
		t.Errorf("the interaction is called %s", name)
	}
	for i := range 2 {
		sum := new(big.Rat).Add(estimate(whole, i, 1), estimate(whole, 2+i, 1))
		if estimate(whole, i, 1).Cmp(estimate(own, i, 2)) != 0 || sum.Cmp(estimate(own, 2+i, 2)) != 0 {
			t.Errorf("coefficient %d: %s and %s together, %s and %s apart", i, estimate(whole, i, 1),
				sum, estimate(own, i, 2), estimate(own, 2+i, 2))
		}
	}
}

// TestContradictions: cells that no rows have, as a department may send them, give
// figures or reasons but no panic.
func TestContradictions(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 3))
	table := randomStats(r, 20)
	cat, departments := table.catalogue()
	calls := []string{"linreg(y, x, g, e*k)", "linreg0(y, k, x)", "anova(y, g)",
		"histogram(y, 0, 9, 4)", "crosstab(g, e)", "ttest(x, e)", "ttest(x, g)",
		"mannwhitney(k, e)", "mannwhitney(k, g)", "survival(k, e)", "survival(k, e, g)", "logrank(k, e, g)", "lorenz(y, g)", "lorenz(y, g, k)",
		"rates(y, k, e, ARRAY[1, 2])", "ratio(y, x)", "describe(y)", "median(k), mode() WITHIN GROUP (ORDER BY g), count(DISTINCT k)"}
	var all []string
	for _, name := range slices.Sorted(maps.Keys(functions)) {
		if s := functions[name].sums; s != nil {
			all = append(all, name+"("+strings.Repeat("y, ", s.arguments-1)+"x)")
		}
	}
	calls = append(calls, strings.Join(all, ", "))
	for _, call := range calls {
		p, err := NewPlan("SELECT "+call+" FROM things", cat, departments, testPackings[0])
		if err != nil {
			t.Fatalf("%s: %v", call, err)
		}
		for range 300 {
			cells := make([]*big.Int, p.CellCount())
			for i := range cells {
				cells[i] = big.NewInt(r.Int64N(8) - 2)
			}
			if _, err := p.Finish(cells); err != nil && code(err) != CodeSingular {
				t.Fatalf("%s: %v", call, err)
			}
		}
	}
}
