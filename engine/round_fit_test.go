package engine

import (
	"math"
	"math/big"
	"math/rand/v2"
	"strings"
	"testing"
)

// newtonReference fits a logistic regression in floats of 300 bits, from the pooled
// rows: estimates, standard errors and −ln of the likelihood.
func newtonReference(design [][]*big.Rat, y []bool) (estimates, errors []*big.Float, loss *big.Float) {
	f := func() *big.Float { return new(big.Float).SetPrec(300) }
	p := len(design[0])
	estimates = make([]*big.Float, p)
	for i := range estimates {
		estimates[i] = f()
	}
	var inverse [][]*big.Float
	for range 40 {
		matrix := make([][]*big.Float, p)
		for i := range matrix {
			matrix[i] = make([]*big.Float, p+1)
			for j := range matrix[i] {
				matrix[i][j] = f()
			}
		}
		loss = f()
		for r, x := range design {
			eta := f()
			for i := range x {
				eta.Add(eta, f().Mul(f().SetRat(x[i]), estimates[i]))
			}
			exact, _ := eta.Rat(nil)
			mu, w, plus := exactScores(exact)
			residual := f().Neg(mu)
			if loss.Add(loss, plus); y[r] {
				residual.Add(residual, big.NewFloat(1))
				loss.Sub(loss, eta)
			}
			for i := range x {
				xi := f().SetRat(x[i])
				matrix[i][p].Add(matrix[i][p], f().Mul(xi, residual))
				for j := range x {
					matrix[i][j].Add(matrix[i][j], f().Mul(f().Mul(xi, f().SetRat(x[j])), w))
				}
			}
		}
		var step []*big.Float
		step, inverse = solveFloats(matrix)
		size := f()
		for i := range step {
			estimates[i].Add(estimates[i], step[i])
			size.Add(size, f().Abs(step[i]))
		}
		if size.Cmp(big.NewFloat(1e-60)) < 0 {
			break
		}
	}
	for i := range p {
		errors = append(errors, f().Sqrt(inverse[i][i]))
	}
	return estimates, errors, loss
}

// solveFloats eliminates [A | b] and gives A⁻¹b and A⁻¹.
func solveFloats(rows [][]*big.Float) (x []*big.Float, inverse [][]*big.Float) {
	p := len(rows)
	for i := range rows {
		for j := range p {
			one := new(big.Float).SetPrec(300)
			if i == j {
				one.SetInt64(1)
			}
			rows[i] = append(rows[i], one)
		}
	}
	for k := range p {
		pivot := new(big.Float).Copy(rows[k][k])
		for j := range rows[k] {
			rows[k][j].Quo(rows[k][j], pivot)
		}
		for i := range rows {
			if i == k {
				continue
			}
			factor := new(big.Float).Copy(rows[i][k])
			for j := range rows[i] {
				rows[i][j].Sub(rows[i][j], new(big.Float).SetPrec(300).Mul(factor, rows[k][j]))
			}
		}
	}
	for i := range p {
		x, inverse = append(x, rows[i][p]), append(inverse, rows[i][p+1:])
	}
	return x, inverse
}

// fitWithin reports whether a printed figure lies as near to x as it may.
func fitWithin(tb testing.TB, what string, v Value, x *big.Float, most *big.Float) {
	tb.Helper()
	if v.Exact == nil {
		tb.Errorf("%s is NULL", what)
		return
	}
	got, _, err := big.ParseFloat(*v.Exact, 10, 300, big.ToNearestEven)
	if err != nil {
		tb.Fatal(err)
	}
	off := new(big.Float).Sub(got, x)
	if off.Abs(off).Cmp(most) > 0 {
		tb.Errorf("%s is %s, want %s: off by %s, more than %s", what, *v.Exact, x.Text('g', 25), off.Text('g', 3), most.Text('g', 3))
	}
}

func figureOf(tb testing.TB, r *Result, name string) Value {
	tb.Helper()
	for _, f := range r.Model {
		if f.Name == name {
			return f.Value
		}
	}
	tb.Fatalf("there is no figure %s", name)
	return Value{}
}

// checkFit compares an answer with the reference: within the stated bounds, and to at
// least nine digits of what is printed.
func checkFit(tb testing.TB, what string, r *Result, design [][]*big.Rat, y []bool) {
	tb.Helper()
	estimates, errors, loss := newtonReference(design, y)
	if len(r.Rows) != len(estimates) {
		tb.Fatalf("%s: %d rows for %d terms", what, len(r.Rows), len(estimates))
	}
	bound, _, _ := big.ParseFloat(*figureOf(tb, r, "error_bound").Exact, 10, 300, big.ToNearestEven)
	relative, _, _ := big.ParseFloat(*figureOf(tb, r, "std_error_bound").Exact, 10, 300, big.ToNearestEven)
	if bound.Cmp(big.NewFloat(1e-9)) > 0 || relative.Cmp(big.NewFloat(2e-9)) > 0 {
		tb.Errorf("%s: the bounds are %s and %s", what, bound.Text('g', 3), relative.Text('g', 3))
	}
	for i := range estimates {
		name := what + ", " + *r.Rows[i][0].Text
		most := new(big.Float).Mul(bound, errors[i])
		fitWithin(tb, name+" estimate", r.Rows[i][1], estimates[i], most)
		most = new(big.Float).Mul(relative, errors[i])
		fitWithin(tb, name+" std_error", r.Rows[i][2], errors[i], most)
		z := new(big.Float).Quo(estimates[i], errors[i])
		if got := number(tb, r.Rows[i][3]); !closeTo(got, near(mustRat(z)), 1e-8) {
			tb.Errorf("%s: z is %v, want %v", name, got, z)
		}
		if want, got := math.Erfc(math.Abs(near(mustRat(z)))/math.Sqrt2), number(tb, r.Rows[i][4]); !closeTo(got, want, 1e-7) {
			tb.Errorf("%s: p is %v, want %v", name, got, want)
		}
	}
	most := new(big.Float).Mul(loss, big.NewFloat(1e-15))
	fitWithin(tb, what+": the log likelihood", figureOf(tb, r, "log_likelihood"), new(big.Float).Neg(loss), most)
	deviance := new(big.Float).Add(loss, loss)
	fitWithin(tb, what+": the deviance", figureOf(tb, r, "deviance"), deviance, most.Add(most, most))
	aic := new(big.Float).Add(deviance, big.NewFloat(float64(2*len(estimates))))
	fitWithin(tb, what+": aic", figureOf(tb, r, "aic"), aic, most)
}

func mustRat(x *big.Float) *big.Rat {
	r, _ := x.Rat(nil)
	return r
}

// designOf makes the rows of y and the terms, nil for NULL, into a design.
func (t *refTable) designOf(y func(row) cell, terms ...func(row) cell) (design [][]*big.Rat, outcome []bool) {
	for _, part := range t.parts {
	rows:
		for _, r := range part {
			v := y(r)
			line := make([]*big.Rat, len(terms))
			for i, term := range terms {
				x := term(r)
				if x == nil {
					continue rows
				}
				line[i] = x.(*big.Rat)
			}
			if v != nil {
				design, outcome = append(design, line), append(outcome, v.(bool))
			}
		}
	}
	return design, outcome
}

func columnTerm(i int) func(row) cell { return func(r row) cell { return r[i] } }

func dummyTerm(i int, value string) func(row) cell {
	return func(r row) cell {
		if r[i] == nil {
			return nil
		}
		return rat(truthNumber(r[i] == value))
	}
}

// TestLogreg compares fits with Newton's method in floats of 300 bits: with dummies,
// interactions, powers, conditions as outcomes, without intercept, with NULLs and WHERE.
func TestLogreg(t *testing.T) {
	if testing.Short() {
		t.Skip("fits against a reference of 300 bits")
	}
	random := rand.New(rand.NewPCG(40, 1))
	one := func(row) cell { return rat(1) }
	x, k, e := columnTerm(1), columnTerm(2), columnTerm(5)
	big1 := func(r row) cell {
		if r[1] == nil {
			return nil
		}
		return r[1].(*big.Rat).Cmp(big.NewRat(7, 2)) > 0
	}
	product := func(a, b func(row) cell) func(row) cell {
		return func(r row) cell {
			x, y := a(r), b(r)
			if x == nil || y == nil {
				return nil
			}
			return new(big.Rat).Mul(x.(*big.Rat), y.(*big.Rat))
		}
	}
	scaled := func(a func(row) cell, num, denom int64) func(row) cell {
		return product(a, func(row) cell { return big.NewRat(num, denom) })
	}
	for seed := range 3 {
		table := randomStats(random, 60+20*seed)
		for _, c := range []struct {
			sql   string
			y     func(row) cell
			terms []func(row) cell
		}{
			{"SELECT logreg(e, x, k) FROM things", e, []func(row) cell{one, x, k}},
			{"SELECT logreg /* ( */ (e, k, g) FILTER (WHERE true) FROM things t ;", e,
				[]func(row) cell{one, k, dummyTerm(3, "b"), dummyTerm(3, "c")}},
			{"SELECT LogReg0(e, k, k^2) FROM things", e, []func(row) cell{k, product(k, k)}},
			{"SELECT logreg(e, 0.001*x, -2*factor(g)) FROM things", e,
				[]func(row) cell{one, scaled(x, 1, 1000), scaled(dummyTerm(3, "b"), -2, 1),
					scaled(dummyTerm(3, "c"), -2, 1)}},
			{"SELECT logreg(x > 3.5, k, z, k*g) FROM things", big1,
				[]func(row) cell{one, k, columnTerm(4), product(k, dummyTerm(3, "b")), product(k, dummyTerm(3, "c"))}},
		} {
			design, y := table.designOf(c.y, c.terms...)
			got, rounds := play(t, table, c.sql)
			checkFit(t, c.sql, got, design, y)
			if n := number(t, figureOf(t, got, "n")); int(n) != len(y) || int(number(t, figureOf(t, got, "iterations"))) != rounds || rounds > 10 {
				t.Errorf("%s: n %v, %d rounds", c.sql, n, rounds)
			}
		}
	}
}

// outcomeTable has y as given, and one term z.
func outcomeTable(y []bool, z []int64) *refTable {
	parts := make([][]row, 2)
	for i := range y {
		parts[i%2] = append(parts[i%2], row{rat(truthNumber(y[i])), big.NewRat(z[i], 1), rat(7), []string{"a", "b"}[i%2], rat(z[i]), y[i]})
	}
	return statTable(parts...)
}

// TestLogregRefusals: no maximum of the likelihood, singular designs, arguments.
func TestLogregRefusals(t *testing.T) {
	separate := outcomeTable([]bool{false, false, false, true, true, true}, []int64{1, 2, 3, 4, 5, 6})
	quasi := outcomeTable([]bool{false, false, false, true, true, true, true, false}, []int64{1, 2, 3, 3, 4, 5, 6, 3})
	same := outcomeTable([]bool{true, true, true}, []int64{1, 2, 4})
	dummy := outcomeTable([]bool{true, false, false, false, true, false}, []int64{1, 2, 4, 3, 3, 3}) // g = b has none
	mixed := outcomeTable([]bool{true, false, true, false, true, true, false, true}, []int64{1, 2, 4, 3, 3, 3, 5, 6})
	for _, c := range []struct {
		table     *refTable
		sql, want string
	}{
		{separate, "SELECT logreg(e, z) FROM things", "separate the rows perfectly"},
		{quasi, "SELECT logreg(e, z) FROM things", "did not converge in 25 rounds"},
		{same, "SELECT logreg(e, z) FROM things", "y is the same in all rows,"},
		{dummy, "SELECT logreg(e, g) FROM things", "y is the same in all rows where g=b"},
		{dummy, "SELECT logreg(NOT e, factor(g), z) FROM things", "where g=b"},
		{mixed, "SELECT logreg(e, k) FROM things", "k = 7·(Intercept) in every row"},
		{mixed, "SELECT logreg(e, z, x) FROM things", "x = z in every row"},
		{mixed, "SELECT logreg(e, z) FROM things WHERE z > 100", "0 complete rows cannot determine 2 terms"},
		{mixed, "SELECT logreg(z, k) FROM things", "must be a boolean, or an integer that is 0 or 1"},
		{mixed, "SELECT logreg(true, k) FROM things", "must be a boolean"},
		{mixed, "SELECT logreg(e) FROM things", "logreg is written"},
		{mixed, "SELECT logreg(e, 3) FROM things", "logreg has an intercept, logreg0 has none"},
		{mixed, "SELECT logreg0(e, z, 2*3) FROM things", "logreg has an intercept, logreg0 has none"},
		{mixed, "SELECT logreg(e, 2*z, z) FROM things", "z = 1/2·2*z in every row"},
		{mixed, "SELECT g, logreg(e, z) FROM things GROUP BY g", "ask for each group with WHERE"},
		{mixed, "SELECT logreg(e, nothing) FROM things", "no column"},
		{mixed, "SELECT logreg(sum(z) > 3, z) FROM things", "an aggregate cannot stand in logreg"},
		{mixed, "SELECT logreg_step(ARRAY[1], e, z) FROM things", "1 coefficients for 2 terms"},
	} {
		cat, departments := c.table.catalogue()
		s, err := NewSession(c.sql, cat, departments, testPackings[0])
		for rounds := 0; err == nil && s.Result() == nil && rounds < 30; rounds++ {
			var round *Result
			if round, err = c.table.sealed(t, s.Plan()); err == nil {
				err = s.Step(round)
			}
		}
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", c.sql, err, c.want)
		}
	}
	cat, departments := mixed.catalogue()
	_, err := NewPlan("SELECT logreg(e, z) FROM things", cat, departments, testPackings[0])
	if err == nil || !strings.Contains(err.Error(), severalRounds) {
		t.Errorf("a fit as one plan: %v", err)
	}
}

// TestLogregSession: the steps' SQL carries the coefficients, a changed answer is
// refused, and the explanation names the rounds and what they reveal.
func TestLogregSession(t *testing.T) {
	table := randomStats(rand.New(rand.NewPCG(41, 1)), 60)
	cat, departments := table.catalogue()
	const sql = `SELECT "logreg"(e, k) FROM things WHERE k < 4`
	s, err := NewSession(sql, cat, departments, testPackings[0])
	if err != nil {
		t.Fatal(err)
	}
	text := s.Explain().String()
	for _, want := range []string{"up to 25 rounds", "Round 1, at most 8 cells in 1 ciphertext:",
		"Rounds 2 to 25, each at most 8 cells in 1 ciphertext:",
		"the coefficients, which are in the question", "which the departments learn from the question"} {
		if !strings.Contains(text, want) {
			t.Errorf("the explanation lacks %q:\n%s", want, text)
		}
	}
	want := "/* of question " + Hash("parley question 1", []byte(sql)).String() +
		" */ SELECT logreg_step(ARRAY[0.000000000000, 0.0000000000000], e, k) FROM things WHERE k < 4"
	if s.Plan().SQL != want {
		t.Errorf("the first step asks %s", s.Plan().SQL)
	}
	round, err := table.sealed(t, s.Plan())
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Step(&Result{Rows: round.Rows}); code(err) != CodeCells || s.Plan() != nil {
		t.Errorf("an answer without its model: %v, and the session goes on: %t", err, s.Plan() != nil)
	}
	if s, err = NewSession(sql, cat, departments, testPackings[0]); err != nil {
		t.Fatal(err)
	}
	if err := s.Step(round); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(s.Plan().SQL, "logreg_step(ARRAY[") || strings.Contains(s.Plan().SQL, "[0.0000") {
		t.Errorf("the second step asks %s", s.Plan().SQL)
	}
}
