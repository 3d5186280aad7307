package engine

import (
	"math"
	"math/big"
	"strconv"
)

// figureFunctions are the functions of a group's figures: OpFigure, by the name in Value. Each
// works twice, as compute does: on what PostgreSQL would hold, and on exact numbers. README
// section 16.
var figureFunctions = map[string]func(kind Kind, args []value) value{
	"abs": func(_ Kind, args []value) value {
		out := args[0]
		out.Number, out.exact = new(big.Int).Abs(out.Number), new(big.Rat).Abs(out.exact)
		if out.infinite < 0 {
			out.infinite = 1
		}
		return out
	},
	"sign": func(kind Kind, args []value) value {
		return exactly(kind, big.NewInt(int64(args[0].exact.Sign())), 0)
	},
	roundHalf:  func(kind Kind, args []value) value { return rounded(kind, args, roundHalf) },
	roundTrunc: func(kind Kind, args []value) value { return rounded(kind, args, roundTrunc) },
	roundFloor: func(kind Kind, args []value) value { return rounded(kind, args, roundFloor) },
	roundCeil:  func(kind Kind, args []value) value { return rounded(kind, args, roundCeil) },
	"sqrt":     squareRoot,
	"ln":       func(kind Kind, args []value) value { return logarithmOf(kind, args[0]) },
	"exp":      exponentialFigure,
	"power":    power,
	"double":   func(_ Kind, args []value) value { return asDouble(args[0]) },
	"numeric":  func(_ Kind, args []value) value { return asNumeric(args[0]) },
	"integer":  func(_ Kind, args []value) value { return asInteger(args[0]) },
	"fits": func(_ Kind, args []value) value {
		n, limit := args[0].Number, args[1].Number
		if n.Cmp(limit) >= 0 || n.Cmp(new(big.Int).Neg(limit)) < 0 {
			return undefined("it is out of the range of the integer type that it is cast to")
		}
		return args[0]
	},
	"within": func(_ Kind, args []value) value {
		if args[0].Number.CmpAbs(rescaled(args[1].Datum, args[0].Scale)) > 0 {
			return undefined("it has more digits than its numeric(p, s) holds")
		}
		return args[0]
	},
	"text": func(_ Kind, args []value) value { return word(*args[0].print(false).Text) },
}

// exactly is a number that is the same exactly and as PostgreSQL holds it.
func exactly(kind Kind, n *big.Int, scale int) value {
	exact := new(big.Rat).SetFrac(n, pow10(scale))
	if kind == Float {
		return double(exact)
	}
	return value{Datum: Datum{Kind: kind, Number: n, Scale: scale}, exact: exact}
}

// asDouble is a figure as a double precision.
func asDouble(v value) value {
	out := v
	out.Datum = Datum{Kind: Float, Number: v.exact.Num()}
	return out
}

// asNumeric is a figure as a numeric: of a double precision the 15 digits that are sure.
func asNumeric(v value) value {
	if v.Kind != Float {
		out := v
		out.Kind = Decimal
		return out
	}
	if v.infinite != 0 {
		return undefined("infinity is no numeric")
	}
	if v.exact.Sign() == 0 {
		return exactly(Decimal, new(big.Int), 0)
	}
	const sure = 15
	nearest, _ := v.exact.Float64() // what PostgreSQL holds
	n, scale, err := parseNumber(strconv.FormatFloat(nearest, 'e', sure-1, 64))
	for err == nil && scale > 0 && new(big.Int).Rem(n, big.NewInt(10)).Sign() == 0 { // it is written without zeros behind
		n, scale = new(big.Int).Quo(n, big.NewInt(10)), scale-1
	}
	if err != nil {
		return undefined("it has too many digits for a numeric")
	}
	return value{Datum: NewDecimal(n, scale), exact: v.exact, digits: v.digits}
}

// asInteger rounds a numeric half away from zero and a double precision half to even.
func asInteger(v value) value {
	if v.infinite != 0 {
		return undefined("infinity is no integer")
	}
	if v.Kind != Float {
		return exactly(Integer, reduce(v.Number, v.Scale, roundHalf), 0)
	}
	n := quotient(v.exact.Num(), v.exact.Denom())
	if rest := new(big.Rat).Sub(v.exact, new(big.Rat).SetInt(n)); rest.Abs(rest).Cmp(big.NewRat(1, 2)) == 0 && n.Bit(0) == 1 {
		n.Sub(n, big.NewInt(int64(v.exact.Sign())))
	}
	return exactly(Integer, n, 0)
}

// rounded is round, trunc, floor or ceil: to args[1] places if there are, else to a whole number.
func rounded(kind Kind, args []value, how string) value {
	v := args[0]
	switch {
	case v.infinite != 0:
		return v
	case kind == Float && how == roundHalf: // half to even
		return asDouble(asInteger(asDouble(v)))
	case kind == Float:
		n := new(big.Int).Quo(v.exact.Num(), v.exact.Denom())
		if away := int64(v.exact.Sign()); !v.exact.IsInt() && (how == roundFloor && away < 0 || how == roundCeil && away > 0) {
			n.Add(n, big.NewInt(away))
		}
		return exactly(Float, n, 0)
	}
	places := 0
	if len(args) == 2 {
		places = int(args[1].Number.Int64()) // a literal within MaxScale
	}
	n := reduce(v.Number, v.Scale-places, how)
	if places < 0 {
		return exactly(kind, rescale(n, -places), 0)
	}
	return exactly(kind, n, places)
}

// irrational makes a figure of what is known to more digits than are printed.
func irrational(kind Kind, exact, held *big.Float, scale int) value {
	x, _ := exact.Rat(nil)
	out := double(x)
	if out.digits = irrationalDigits; x.Sign() == 0 {
		out.digits = 0
	}
	if kind == Float {
		return out
	}
	h, _ := held.Rat(nil)
	out.Datum = NewDecimal(decimalPlaces(h, scale), scale)
	return out
}

// carriedScale is the most decimal places that functionBits hold.
const carriedScale = 80

// sure is a scale within what PostgreSQL has and what is carried here.
func sure(scale int) int { return min(max(scale, 0), carriedScale) }

// squareRoot is PostgreSQL's sqrt: 16 significant digits or more, and no fewer places than the
// argument has.
func squareRoot(kind Kind, args []value) value {
	v := args[0]
	if v.exact.Sign() < 0 || v.Number.Sign() < 0 {
		return undefined("it is the square root of a number below 0")
	}
	exact := root(v.exact)
	if kind == Float || exact.IsNull() {
		return exact
	}
	weight, _ := leading(v.Number, v.Scale)
	scale := sure(max(minSignificantDigits-squareWeight(weight), v.Scale))
	held := root(rational(v.Datum))
	exact.Datum = NewDecimal(decimalPlaces(held.exact, scale), scale)
	return exact
}

// squareWeight is about the power of ten of the root of a number whose weight in base 10^4 is
// given.
func squareWeight(weight int) int { return (weight+1)*baseDigits/2 - 1 }

// logarithmOf is PostgreSQL's ln: 16 significant digits or more.
func logarithmOf(kind Kind, v value) value {
	if v.exact.Sign() <= 0 || v.Number.Sign() <= 0 {
		return undefined("it is the logarithm of a number that is not above 0")
	}
	exact := naturalLog(bigFloat(0).SetRat(v.exact))
	held := exact
	scale := 0
	if kind != Float {
		held = naturalLog(bigFloat(0).SetRat(rational(v.Datum)))
		scale = sure(max(minSignificantDigits-logWeight(v.Datum), v.Scale))
	}
	return irrational(kind, exact, held, scale)
}

// logWeight estimates the power of ten of a logarithm, as PostgreSQL does.
func logWeight(d Datum) int {
	x := rational(d)
	if x.Cmp(big.NewRat(9, 10)) >= 0 && x.Cmp(big.NewRat(11, 10)) <= 0 { // it is about x − 1
		rest := new(big.Int).Sub(d.Number, pow10(d.Scale))
		if rest.Sign() == 0 {
			return 0
		}
		weight, first := leading(rest, d.Scale)
		return weight*baseDigits + len(strconv.Itoa(first)) - 1
	}
	l := naturalLog(bigFloat(0).SetRat(x))
	if l.Abs(l); l.Cmp(bigFloat(0).SetRat(big.NewRat(1, 10))) < 0 {
		return -1
	}
	weight := 0
	for limit := bigFloat(10); l.Cmp(limit) >= 0; limit.Mul(limit, bigFloat(10)) {
		weight++
	}
	return weight
}

// exponentialFigure is PostgreSQL's exp.
func exponentialFigure(kind Kind, args []value) value {
	v := args[0]
	x, _ := v.exact.Float64()
	if math.Abs(x) > mostExponent {
		return undefined("the power is beyond what is printed")
	}
	exact := exponentialOf(bigFloat(0).SetRat(v.exact))
	held := exact
	if kind != Float {
		held = exponentialOf(bigFloat(0).SetRat(rational(v.Datum)))
	}
	return irrational(kind, exact, held, sure(max(minSignificantDigits-int(x*math.Log10E), v.Scale)))
}

// mostPower bounds the whole exponents of power.
const mostPower = 64

// mostPowerBits bounds the digits of a power.
const mostPowerBits = 1 << 14

// power is x to a whole power, or e^(y·ln x) for x above 0.
func power(kind Kind, args []value) value {
	x, y := args[0], args[1]
	if y.exact.IsInt() && y.exact.Num().IsInt64() && abs64(y.exact.Num().Int64()) <= mostPower {
		n := y.exact.Num().Int64()
		if bits := x.exact.Num().BitLen() + x.exact.Denom().BitLen(); int64(bits)*abs64(n) > mostPowerBits {
			return undefined("the power has too many digits")
		}
		if n < 0 && (x.exact.Sign() == 0 || x.Number.Sign() == 0) {
			return undefined("it is zero to a power below 0")
		}
		out := double(raised(x.exact, n))
		if out.digits = x.digits; kind != Float {
			held := raised(rational(x.Datum), n)
			scale := sure(max(minSignificantDigits, x.Scale))
			out.Datum = NewDecimal(decimalPlaces(held, scale), scale)
		}
		return out
	}
	l := logarithmOf(Float, x)
	if l.IsNull() {
		return undefined("it is a number that is not above 0 to a power that is not whole")
	}
	exponent := new(big.Rat).Mul(l.exact, y.exact)
	return exponentialFigure(Float, []value{double(exponent)})
}

func abs64(n int64) int64 { return max(n, -n) }

// raised is x^n.
func raised(x *big.Rat, n int64) *big.Rat {
	e := big.NewInt(abs64(n))
	num, denom := new(big.Int).Exp(x.Num(), e, nil), new(big.Int).Exp(x.Denom(), e, nil)
	if n < 0 {
		return new(big.Rat).SetFrac(denom, num)
	}
	return new(big.Rat).SetFrac(num, denom)
}
