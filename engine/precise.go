package engine

import (
	"math"
	"math/big"
	"strconv"
	"strings"
)

// How many significant digits of a figure that is not rational are printed, and how
// many are carried until then. README section 6.
const (
	irrationalDigits   = 34
	carriedDigits      = 60
	distributionDigits = 12 // of the tails of distributions, which are computed in float64
)

// tailDigits is how many digits are right of a tail with df degrees of freedom: gonum's
// incomplete beta function loses one with each power of ten of its arguments (measured
// against closed forms up to 10^8).
func tailDigits(df *big.Rat) int {
	digits := distributionDigits
	for f := near(df); f > 100 && digits > leastTailDigits; f /= 10 {
		digits--
	}
	return digits
}

const (
	leastTailDigits = 4
	leastTail       = 1e-300 // below, a float64 runs out of digits: printed as 0
)

// The decimal exponents between which PostgreSQL prints a double precision without
// an exponent (src/common/d2s.c).
const (
	minPlainExponent = -4
	maxPlainExponent = 15
)

// double makes a double precision of an exact value.
func double(x *big.Rat) value {
	return value{Datum: Datum{Kind: Float, Number: x.Num()}, exact: x}
}

// whole makes an integer.
func whole(n *big.Int) value {
	d := Datum{Kind: Integer, Number: n}
	return value{Datum: d, exact: rational(d)}
}

// less is x − k.
func less(x *big.Rat, k int64) *big.Rat { return new(big.Rat).Sub(x, big.NewRat(k, 1)) }

// wholeOf makes an integer of a rational that is one.
func wholeOf(x *big.Rat) value { return whole(new(big.Int).Quo(x.Num(), x.Denom())) }

// undefined is NULL with the reason that the answer's notes give.
func undefined(reason string) value { return value{reason: reason} }

// infinite is a double precision beyond all bounds: the quotient of x and zero.
func infinite(sign int) value {
	return value{Datum: Datum{Kind: Float, Number: big.NewInt(int64(sign))}, infinite: sign}
}

// word makes a text.
func word(text string) value { return value{Datum: NewText(text)} }

// tail makes a double precision of a probability or a quantile, which is right to so
// many digits.
func tail(x float64, digits int) value {
	if math.IsNaN(x) || math.IsInf(x, 0) {
		return undefined("the distribution function is out of its range")
	}
	if x < leastTail {
		return double(new(big.Rat))
	}
	exact, _ := new(big.Rat).SetString(strconv.FormatFloat(x, 'e', digits-1, 64))
	v := double(exact)
	if exact.Sign() != 0 {
		v.digits = digits
	}
	return v
}

// contradiction is the reason where cells cannot be those of any rows: before the
// assurance level "bound" nothing proves that a department's cells agree.
const contradiction = "the departments' cells contradict each other"

// root is the square root of x: exact where it is rational, else carried to
// carriedDigits and printed to irrationalDigits. What is not negative for any rows may
// be for cells that contradict each other; then it is not defined.
func root(x *big.Rat) value {
	if x.Sign() < 0 {
		return undefined(contradiction)
	}
	num, numExact := integerRoot(x.Num())
	denom, denomExact := integerRoot(x.Denom())
	if numExact && denomExact {
		return double(new(big.Rat).SetFrac(num, denom))
	}
	// √(p/q) = √(p·q·10^2k) / (q·10^k), with k so that the numerator has the digits.
	product := new(big.Int).Mul(x.Num(), x.Denom())
	places := max(0, carriedDigits-len(product.String())/2)
	scaled, _ := integerRoot(rescale(product, 2*places))
	v := double(new(big.Rat).SetFrac(scaled, rescale(x.Denom(), places)))
	v.digits = irrationalDigits
	return v
}

// integerRoot is the whole part of √n and whether it is the root itself.
func integerRoot(n *big.Int) (*big.Int, bool) {
	r := new(big.Int).Sqrt(n)
	return r, new(big.Int).Mul(r, r).Cmp(n) == 0
}

// over divides two figures, carrying how many digits are right. Zero over zero is
// not defined; anything else over zero is infinite.
func over(a, b value) value {
	switch {
	case a.IsNull():
		return a
	case b.IsNull():
		return b
	case b.exact.Sign() == 0 && a.exact.Sign() == 0:
		return undefined("it is zero divided by zero")
	case b.exact.Sign() == 0:
		return infinite(a.exact.Sign())
	}
	v := double(new(big.Rat).Quo(a.exact, b.exact))
	v.digits = fewer(a, b)
	return v
}

// multiplied multiplies two figures.
func multiplied(a, b value) value { return combined(a, b, (*big.Rat).Mul) }

// added adds two figures.
func added(a, b value) value { return combined(a, b, (*big.Rat).Add) }

// combined is an operation on two figures; the first that is not defined is the result.
func combined(a, b value, operation func(z, x, y *big.Rat) *big.Rat) value {
	if a.IsNull() {
		return a
	}
	if b.IsNull() {
		return b
	}
	v := double(operation(new(big.Rat), a.exact, b.exact))
	v.digits = fewer(a, b)
	return v
}

// negative is −a.
func negative(a value) value { return multiplied(a, double(big.NewRat(-1, 1))) }

// fewer is how many digits are right of what is made of two figures; 0 means all.
func fewer(a, b value) int {
	if a.digits == 0 || b.digits == 0 {
		return max(a.digits, b.digits)
	}
	return min(a.digits, b.digits)
}

// significant writes x, which is not zero, with at most so many significant digits,
// rounded half away from zero, without trailing zeros.
func significant(x *big.Rat, digits int) string {
	size := new(big.Float).SetPrec(64).SetRat(x)
	exponent := size.MantExp(nil) * 30103 / 100000 // of ten, up to one off
	places := digits - exponent + 1
	scaled := decimalPlaces(x, places)
	if excess := len(new(big.Int).Abs(scaled).String()) - digits; excess > 0 {
		places -= excess
		scaled = decimalPlaces(x, places)
	}
	if places < 0 {
		return rescale(scaled, -places).String()
	}
	return shortDecimal(scaled, places)
}

// decimalPlaces is x·10^places rounded half away from zero.
func decimalPlaces(x *big.Rat, places int) *big.Int {
	if places < 0 {
		return quotient(x.Num(), rescale(x.Denom(), -places))
	}
	return quotient(rescale(x.Num(), places), x.Denom())
}

// floatText writes the double precision that is nearest to x as PostgreSQL does:
// the fewest digits that read back as the same.
func floatText(x *big.Rat) string {
	f, _ := x.Float64()
	if math.IsInf(f, 0) {
		return new(big.Float).SetPrec(64).SetRat(x).Text('e', 16)
	}
	text := strconv.FormatFloat(f, 'e', -1, 64)
	_, exponent, _ := strings.Cut(text, "e")
	if e, err := strconv.Atoi(exponent); err == nil && e >= minPlainExponent && e < maxPlainExponent {
		return strconv.FormatFloat(f, 'f', -1, 64)
	}
	return text
}

// printFloat writes a double precision.
func (v value) printFloat() Value {
	var text, exact string
	switch {
	case v.infinite > 0:
		text, exact = "Infinity", "Infinity"
	case v.infinite < 0:
		text, exact = "-Infinity", "-Infinity"
	case v.exact.IsInt() && v.digits == 0:
		text, exact = floatText(v.exact), v.exact.Num().String()
	case v.digits == 0:
		text, exact = floatText(v.exact), v.exact.String()
	case v.exact.Sign() == 0:
		text, exact = "0", "0"
	default:
		text, exact = floatText(v.exact), significant(v.exact, v.digits)
	}
	return Value{Text: &text, Exact: &exact}
}
