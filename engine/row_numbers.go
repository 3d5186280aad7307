package engine

import (
	"fmt"
	"math/big"
)

// The functions of a number of a row whose values are rounded: ln, exp and sqrt to functionPlaces
// decimal places, at most one unit of the last place from the true value; a quotient as
// PostgreSQL's numeric division rounds it. README section 15.
const (
	functionPlaces = 18
	functionBits   = 320 // of the numbers that they are computed with
	mostExponent   = 80  // exp is at most e^80
	logTerms       = 64  // of the series of atanh z, z² < 1/33: beyond 2^−320
	expTerms       = 72  // of the series of e^r, |r| < 0.35
)

func bigFloat(x float64) *big.Float { return new(big.Float).SetPrec(functionBits).SetFloat64(x) }

// wideRatio is n·10^−scale with functionBits.
func wideRatio(n *big.Int, scale int) *big.Float {
	return bigFloat(0).SetRat(new(big.Rat).SetFrac(n, pow10(scale)))
}

// atanh2 is 2·atanh(z).
func atanh2(z *big.Float) *big.Float {
	square := bigFloat(0).Mul(z, z)
	power, sum := bigFloat(0).Set(z), bigFloat(0)
	for k := range logTerms {
		sum.Add(sum, bigFloat(0).Quo(power, bigFloat(float64(2*k+1))))
		power.Mul(power, square)
	}
	return sum.Mul(sum, bigFloat(2))
}

// lnTwo is ln 2 = 2·atanh(1/3).
var lnTwo = atanh2(bigFloat(0).Quo(bigFloat(1), bigFloat(3)))

// naturalLog of a positive number: x = m·2^k with m near 1, ln x = k·ln 2 + 2·atanh((m−1)/(m+1)).
func naturalLog(x *big.Float) *big.Float {
	m := bigFloat(0)
	k := x.MantExp(m) // m from ½ to 1
	if m.Cmp(bigFloat(0.7)) < 0 {
		m.Mul(m, bigFloat(2))
		k--
	}
	z := bigFloat(0).Quo(bigFloat(0).Sub(m, bigFloat(1)), bigFloat(0).Add(m, bigFloat(1)))
	return atanh2(z).Add(atanh2(z), bigFloat(0).Mul(lnTwo, bigFloat(float64(k))))
}

// exponentialOf is e^x for |x| up to some hundreds: x = k·ln 2 + r.
func exponentialOf(x *big.Float) *big.Float {
	half, _ := bigFloat(0).Quo(x, lnTwo).Float64()
	k := int(half)
	r := bigFloat(0).Sub(x, bigFloat(0).Mul(lnTwo, bigFloat(float64(k))))
	term, sum := bigFloat(1), bigFloat(1)
	for i := 1; i < expTerms; i++ {
		term.Mul(term, r).Quo(term, bigFloat(float64(i)))
		sum.Add(sum, term)
	}
	return sum.SetMantExp(sum, k)
}

// inPlaces is x in units of 10^−functionPlaces, rounded half away from zero.
func inPlaces(x *big.Float) *big.Int {
	exact, _ := x.Rat(nil)
	return decimalPlaces(exact, functionPlaces)
}

// transcendental is OpLn, OpExp or OpSqrt of n·10^−scale.
func transcendental(op Op, n *big.Int, scale int) (*big.Int, error) {
	switch {
	case op == OpSqrt && n.Sign() >= 0:
		square := rescale(n, 2*functionPlaces) // of units, but for the scale
		return nearestRoot(square.Quo(square, pow10(scale))), nil
	case op == OpLn && n.Sign() > 0:
		return inPlaces(naturalLog(wideRatio(n, scale))), nil
	case op == OpExp && n.Cmp(rescale(big.NewInt(-mostExponent), scale)) < 0: // below half a unit
		return new(big.Int), nil
	case op == OpExp && n.Cmp(rescale(big.NewInt(mostExponent), scale)) <= 0:
		return inPlaces(exponentialOf(wideRatio(n, scale))), nil
	}
	return nil, fmt.Errorf("operation %d of a number for which it is not defined", op)
}

// numberSpan is the range of a function that grows with its argument.
func (e *Expr) numberSpan(x span) span {
	if e.Op == OpLn && x.lo.Sign() <= 0 { // what is not 0 is at least a unit
		x.lo = big.NewInt(1)
	}
	lo, err := transcendental(e.Op, x.lo, e.Args[0].Scale)
	hi, err2 := transcendental(e.Op, x.hi, e.Args[0].Scale)
	if err != nil || err2 != nil {
		return span{}
	}
	return span{lo, hi}
}

// quotientOf is a/b at a scale: PostgreSQL's digits, and zeros.
func quotientOf(a, b Datum, scale int) (Datum, error) {
	if b.Number.Sign() == 0 {
		return Datum{}, fmt.Errorf("division by zero")
	}
	q := divide(a, b)
	if q.Scale > scale {
		return Datum{}, fmt.Errorf("a quotient with %d decimal places, where at most %d can arise", q.Scale, scale)
	}
	return NewDecimal(rescale(q.Number, scale-q.Scale), scale), nil
}

// quotientScale is the most decimal places that a quotient of two numbers can have, given their
// scales and the greatest divisor: those of the least dividend by it.
func quotientScale(scaleA, scaleB int, most *big.Int) int {
	weightA, _ := leading(big.NewInt(1), scaleA)
	weightB, _ := leading(most, scaleB)
	return min(max(minSignificantDigits-(min(weightA, 0)-max(weightB, 0)-1)*baseDigits, scaleA, scaleB), maxDivisionScale)
}

// quotientSpan bounds a quotient: no further from zero than the greatest dividend by the least
// divisor, rounded up.
func (e *Expr) quotientSpan(a, b span) span {
	if a.none() || b.none() {
		return span{}
	}
	dividend := hull(new(big.Int).Abs(a.lo), new(big.Int).Abs(a.hi)).hi
	divisor := big.NewInt(1) // one unit: what is divided by is never 0
	if b.lo.Sign() == b.hi.Sign() && b.lo.Sign() != 0 {
		divisor = hull(new(big.Int).Abs(b.lo), new(big.Int).Abs(b.hi)).lo
	}
	most := rescale(dividend, e.Scale+e.Args[1].Scale)
	most = new(big.Int).Quo(most, rescale(divisor, e.Args[0].Scale))
	// It is rounded to 16 significant digits or more.
	most.Add(most, new(big.Int).Quo(most, pow10(minSignificantDigits-1))).Add(most, big.NewInt(1))
	out := span{new(big.Int).Neg(most), most}
	if a.lo.Sign() >= 0 && b.lo.Sign() >= 0 {
		out.lo = new(big.Int)
	}
	return out
}

// nonZero reports whether a number of a row is never 0: by its bounds, or as NULLIF(x, 0).
func nonZero(e *Expr) bool {
	switch e.Op {
	case OpCase:
		if len(e.Args) == 3 && e.Args[0].Op == OpEqual && e.Args[1].Op == OpConstant && e.Args[1].Value.IsNull() {
			x, zero := e.Args[0].Args[0], e.Args[0].Args[1]
			return zero.Op == OpConstant && zero.Value.Number != nil && zero.Value.Number.Sign() == 0 && x.equal(e.Args[2])
		}
	case OpNegate, OpRescale, OpAbs:
		return nonZero(e.Args[0])
	case OpMultiply:
		return nonZero(e.Args[0]) && nonZero(e.Args[1])
	}
	return e.Min != nil && e.Min.Sign()*e.Max.Sign() > 0
}
