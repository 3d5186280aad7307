package engine

import (
	"math/big"
	"math/rand/v2"
	"testing"
)

// exactScores are logistic, slope and softplus of x to some 60 digits, by series that
// share nothing with score.go.
func exactScores(x *big.Rat) (mu, w, loss *big.Float) {
	f := func() *big.Float { return new(big.Float).SetPrec(300) }
	e := bigExp(f().SetRat(new(big.Rat).Neg(new(big.Rat).Abs(x))))
	whole := f().Add(f().SetInt64(1), e)
	q := f().Quo(e, whole)
	p := f().Quo(f().SetInt64(1), whole)
	mu = q
	if x.Sign() >= 0 {
		mu = p
	}
	loss = bigLog(whole)
	if x.Sign() > 0 {
		loss.Add(loss, f().SetRat(x))
	}
	return mu, f().Mul(p, q), loss
}

// bigExp is e^x: halved until it is small, a Taylor series, squared back.
func bigExp(x *big.Float) *big.Float {
	if x.Cmp(big.NewFloat(-200)) < 0 {
		return new(big.Float)
	}
	const halvings = 20
	small := new(big.Float).SetPrec(300).SetMantExp(x, -halvings)
	sum, term := new(big.Float).SetPrec(300).SetInt64(1), new(big.Float).SetPrec(300).SetInt64(1)
	for k := int64(1); k < 40; k++ {
		term.Mul(term, small).Quo(term, new(big.Float).SetInt64(k))
		sum.Add(sum, term)
	}
	for range halvings {
		sum.Mul(sum, sum)
	}
	return sum
}

// bigLog is ln x for x from 1 to 2, by Newton's method on bigExp.
func bigLog(x *big.Float) *big.Float {
	at, _ := x.Float64()
	y := new(big.Float).SetPrec(300).SetFloat64(at - 1)
	for range 12 { // y ← y + x·e^−y − 1
		step := bigExp(new(big.Float).SetPrec(300).Neg(y))
		step.Mul(step, x).Sub(step, new(big.Float).SetInt64(1))
		y.Add(y, step)
	}
	return y
}

// TestScores holds the three functions to their error bound, and what section 13 says
// of them exactly.
func TestScores(t *testing.T) {
	if testing.Short() {
		t.Skip("takes a second")
	}
	r := rand.New(rand.NewPCG(14, 1))
	worst := [3]float64{}
	check := func(n *big.Int, scale int) {
		x := new(big.Rat).SetFrac(n, pow10(scale))
		mu, w, loss := exactScores(x)
		got := []*big.Int{new(big.Int).SetUint64(logistic(n, scale)), new(big.Int).SetUint64(slope(n, scale)), softplus(n, scale)}
		for i, want := range []*big.Float{mu, w, loss} {
			difference := new(big.Float).SetPrec(300).SetInt(got[i])
			difference.Quo(difference, new(big.Float).SetInt64(scoreUnit)).Sub(difference, want)
			units, _ := difference.Mul(difference.Abs(difference), new(big.Float).SetInt64(scoreUnit)).Float64()
			if worst[i] = max(worst[i], units); units > scoreError {
				t.Errorf("function %d of %s is %s, off by %g units", i, x.FloatString(30), got[i], units)
			}
		}
		if q := logistic(new(big.Int).Neg(n), scale); n.Sign() != 0 && q+logistic(n, scale) != scoreUnit {
			t.Errorf("logistic of ±%s does not add up to 1", x.FloatString(30))
		}
	}
	for range 4000 {
		scale := r.IntN(40)
		n := new(big.Int).Mul(big.NewInt(r.Int64N(2e15)-1e15), pow10(scale))
		n.Quo(n, pow10(1+r.IntN(18))).Add(n, big.NewInt(r.Int64N(1000)))
		check(n, scale)
	}
	for k := range int64(70) { // around the multiples of ln 2, where the reduction turns
		edge := new(big.Int).Mul(big.NewInt(k), new(big.Int).SetUint64(ln2))
		edge.Mul(edge, pow10(25)).Rsh(edge, 64)
		for d := int64(-2); d <= 2; d++ {
			check(new(big.Int).Add(edge, big.NewInt(d)), 25)
			check(big.NewInt(k*10+d), 1)
		}
	}
	t.Logf("worst errors in units of 10^-18: %.2f", worst)
	zero := new(big.Int)
	if logistic(zero, 7) != scoreUnit/2 || slope(zero, 0) != scoreUnit/4 {
		t.Error("at 0 the logistic function is not exactly 1/2, or its slope not exactly 1/4")
	}
}
