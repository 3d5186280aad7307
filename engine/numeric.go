package engine

import (
	"math/big"
	"strings"
)

// Division as PostgreSQL's numeric does it (src/backend/utils/adt/numeric.c,
// select_div_scale and div_var). README section 6.
const (
	minSignificantDigits = 16   // NUMERIC_MIN_SIG_DIGITS
	maxDivisionScale     = 1000 // NUMERIC_MAX_DISPLAY_SCALE
	baseDigits           = 4    // DEC_DIGITS: numeric counts in base 10^4
)

// leading returns the weight and the value of a number's first digit in base 10^4:
// it is about first·10^(4·weight). Zero has weight 0 and first digit 0.
func leading(unscaled *big.Int, scale int) (weight, first int) {
	if unscaled.Sign() == 0 {
		return 0, 0
	}
	whole, fraction, _ := strings.Cut(strings.TrimPrefix(fixedDecimal(unscaled, scale), "-"), ".")
	if whole != "0" {
		weight = (len(whole) - 1) / baseDigits
		return weight, decimalValue(whole[:len(whole)-weight*baseDigits])
	}
	zeros := len(fraction) - len(strings.TrimLeft(fraction, "0"))
	group := zeros / baseDigits
	fraction += strings.Repeat("0", baseDigits)
	return -group - 1, decimalValue(fraction[group*baseDigits : (group+1)*baseDigits])
}

func decimalValue(digits string) int {
	n := 0
	for _, r := range digits {
		n = 10*n + int(r-'0')
	}
	return n
}

// divisionScale is PostgreSQL's number of decimal places of a/b: enough for 16
// significant digits, and no less than either operand has.
func divisionScale(a, b Datum) int {
	weightA, firstA := leading(a.Number, a.Scale)
	weightB, firstB := leading(b.Number, b.Scale)
	weight := weightA - weightB
	if firstA <= firstB {
		weight--
	}
	return min(max(minSignificantDigits-weight*baseDigits, a.Scale, b.Scale, 0), maxDivisionScale)
}

// divide returns a/b rounded half away from zero as PostgreSQL prints it.
func divide(a, b Datum) Datum {
	scale := divisionScale(a, b)
	numerator, denominator := a.Number, b.Number
	if shift := scale + b.Scale - a.Scale; shift >= 0 {
		numerator = rescale(numerator, shift)
	} else {
		denominator = rescale(denominator, -shift)
	}
	return NewDecimal(quotient(numerator, denominator), scale)
}

// quotient is a/b rounded half away from zero.
func quotient(a, b *big.Int) *big.Int {
	q, r := new(big.Int).QuoRem(a, b, new(big.Int))
	if r.Abs(r).Lsh(r, 1).CmpAbs(b) >= 0 {
		q.Add(q, big.NewInt(int64(a.Sign()*b.Sign())))
	}
	return q
}

// common returns both numbers in units of the finer scale.
func common(a, b Datum) (x, y *big.Int, scale int) {
	scale = max(a.Scale, b.Scale)
	return rescaled(a, scale), rescaled(b, scale), scale
}

// rational returns a number exactly.
func rational(d Datum) *big.Rat {
	return new(big.Rat).SetFrac(d.Number, pow10(d.Scale))
}

// truncated returns x without its fraction.
func truncated(x *big.Rat) *big.Rat {
	return new(big.Rat).SetInt(new(big.Int).Quo(x.Num(), x.Denom()))
}

// compute is arithmetic over cells, twice: on what PostgreSQL would hold, rounded at
// each division, and on exact rationals. Division by zero of either gives false.
func compute(e *Expr, a, b value) (value, bool) {
	if e.Op == OpDivide || e.Op == OpModulo {
		if b.Number.Sign() == 0 || b.exact.Sign() == 0 {
			return value{}, false
		}
	}
	if e.Kind == Float {
		return computeFloat(e, a, b), true
	}
	x, y, scale := common(a.Datum, b.Datum)
	out := value{Datum: Datum{Kind: e.Kind, Number: new(big.Int), Scale: scale}, exact: new(big.Rat), digits: fewer(a, b)}
	switch e.Op {
	case OpNegate:
		out.Number.Neg(a.Number)
		out.exact.Neg(a.exact)
	case OpRescale:
		out.Number, out.exact = a.Number, a.exact
	case OpAdd:
		out.Number.Add(x, y)
		out.exact.Add(a.exact, b.exact)
	case OpSubtract:
		out.Number.Sub(x, y)
		out.exact.Sub(a.exact, b.exact)
	case OpMultiply:
		out.Number.Mul(a.Number, b.Number)
		out.Scale = a.Scale + b.Scale
		if excess := out.Scale - MaxFiniteScale; excess > 0 {
			out.Number, out.Scale = quotient(out.Number, pow10(excess)), MaxFiniteScale
		}
		out.exact.Mul(a.exact, b.exact)
	case OpModulo:
		out.Number.Rem(x, y)
		ratio := new(big.Rat).Quo(a.exact, b.exact)
		out.exact.Sub(a.exact, ratio.Mul(truncated(ratio), b.exact))
	case OpDivide:
		if e.Kind == Integer {
			out.Number.Quo(a.Number, b.Number)
			out.exact.SetInt(out.Number)
			break
		}
		out.Datum = divide(a.Datum, b.Datum)
		out.exact.Quo(a.exact, b.exact)
	}
	return out, true
}

// computeFloat is arithmetic over cells with a double precision: on exact rationals
// alone, rounded when it is printed.
func computeFloat(e *Expr, a, b value) value {
	out := new(big.Rat)
	switch e.Op {
	case OpNegate:
		out.Neg(a.exact)
	case OpAdd:
		out.Add(a.exact, b.exact)
	case OpSubtract:
		out.Sub(a.exact, b.exact)
	case OpMultiply:
		out.Mul(a.exact, b.exact)
	case OpDivide:
		out.Quo(a.exact, b.exact)
	default:
		out.Set(a.exact)
	}
	v := double(out)
	v.digits = fewer(a, b)
	return v
}
