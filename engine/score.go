package engine

import (
	"fmt"
	"math/big"
	"math/bits"
)

// The operations over rows that a fit and a sketch need beside those of Op: functions of one
// value that integer arithmetic computes, the same everywhere, called the row's scores. The
// bucket of a value is one of them (stat_distinct.go). README section 13. All give NULL for NULL.
const (
	OpTruth    Op = iota + 32 // 1 where the boolean Args[0] is true, 0 where it is false
	OpLogistic                // 1/(1+e^−x) of the number Args[0]
	OpSlope                   // the derivative of OpLogistic
	OpSoftplus                // ln(1+e^x) of the number Args[0]
	OpBucket                  // a hash of Args[0]: Args[1] salt, Args[2] one in how many values is kept, the others NULL, Args[3] buckets
)

// scorePlaces is the scale of OpLogistic, OpSlope and OpSoftplus: units of 10^−18.
const scorePlaces = 18

// scoreError bounds the distance of OpLogistic, OpSlope and OpSoftplus from the
// functions they are named after, in units of 10^−18. README section 13 derives it,
// TestScores holds it.
const scoreError = 2

const (
	scoreUnit = 1_000_000_000_000_000_000 // 10^scorePlaces
	// saturation is the |x| from which e^−|x| is nothing in units of 10^−18.
	saturation = 45
	// ln2 is ln 2 in units of 2^−64, rounded.
	ln2          = 0xB17217F7D1CF79AC
	one63        = uint64(1) << 63 // 1 in units of 2^−63
	one62        = uint64(1) << 62 // 1 in units of 2^−62
	exponential  = 22              // terms of the series of e^−x, x < ln 2
	logarithm    = 41              // the last odd power of the series of atanh, up to 1/3
	slopeMost    = scoreUnit / 4
	softplusMore = scoreUnit * 7 / 10 // above ln 2
)

// isScore reports whether an operation is computed by score alone: nothing else knows it.
func (op Op) isScore() bool { return op >= OpLogistic && op <= OpBucket }

// IsScore reports whether e is an operation that no other language has, so that whoever
// evaluates expressions otherwise than with Eval asks Eval for it.
func (e *Expr) IsScore() bool { return e.Op.isScore() && len(e.Args) > 0 }

// score is the value of e, for which IsScore holds, where that of e.Args[0] is x. It
// costs about a microsecond. The error means that x has not the kind of e.Args[0].
func (e *Expr) score(x Datum) (Datum, error) {
	if x.IsNull() {
		return Datum{}, nil
	}
	if e.Op == OpBucket {
		return e.bucket(x)
	}
	if x.Number == nil || x.Scale < 0 {
		return Datum{}, fmt.Errorf("a score of a %s", x.Kind)
	}
	var out *big.Int
	switch e.Op {
	case OpLogistic:
		out = new(big.Int).SetUint64(logistic(x.Number, x.Scale))
	case OpSlope:
		out = new(big.Int).SetUint64(slope(x.Number, x.Scale))
	case OpSoftplus:
		out = softplus(x.Number, x.Scale)
	default:
		return Datum{}, fmt.Errorf("operation %d is not a score", e.Op)
	}
	return Datum{Kind: e.Kind, Number: out, Scale: e.Scale}, nil
}

// decay is e^−|x| in units of 2^−62 for x = n·10^−scale; 0 from saturation on.
func decay(n *big.Int, scale int) uint64 {
	unit := pow10(scale)
	magnitude := new(big.Int).Abs(n)
	if magnitude.Cmp(new(big.Int).Mul(unit, big.NewInt(saturation))) >= 0 {
		return 0
	}
	// |x| in units of 2^−64, rounded half up.
	magnitude.Lsh(magnitude, 65).Add(magnitude, unit).Quo(magnitude, unit.Lsh(unit, 1))
	low := new(big.Int).And(magnitude, new(big.Int).SetUint64(1<<64-1)).Uint64()
	high := magnitude.Rsh(magnitude, 64).Uint64()
	halvings, rest := bits.Div64(high, low, ln2)
	rest >>= 1
	t := one63
	for k := uint64(exponential); k > 0; k-- {
		t = one63 - times63(rest, t)/k
	}
	return t >> (halvings + 1)
}

// times63 is a·b of numbers in units of 2^−63, rounded down.
func times63(a, b uint64) uint64 {
	high, low := bits.Mul64(a, b)
	return high<<1 | low>>63
}

// minority is 1/(1+e^|x|), at most a half, in units of 10^−18, rounded half up.
func minority(n *big.Int, scale int) uint64 {
	e := decay(n, scale)
	whole := one62 + e
	high, low := bits.Mul64(e, scoreUnit)
	low, carry := bits.Add64(low, whole/2, 0)
	out, _ := bits.Div64(high+carry, low, whole)
	return out
}

func logistic(n *big.Int, scale int) uint64 {
	q := minority(n, scale)
	if n.Sign() < 0 {
		return q
	}
	return scoreUnit - q
}

// slope is q·(1−q), rounded half up.
func slope(n *big.Int, scale int) uint64 {
	q := minority(n, scale)
	high, low := bits.Mul64(q, scoreUnit-q)
	low, carry := bits.Add64(low, scoreUnit/2, 0)
	out, _ := bits.Div64(high+carry, low, scoreUnit)
	return out
}

// softplus is max(x, 0) rounded half up, and ln(1+e^−|x|) = 2·atanh(e/(2+e)).
func softplus(n *big.Int, scale int) *big.Int {
	e := decay(n, scale)
	high, low := bits.Mul64(e, one63)
	s, _ := bits.Div64(high, low, 2*one62+e) // at most a third
	square, t := times63(s, s), uint64(0)
	for k := uint64(logarithm); k > 1; k -= 2 {
		t = times63(t, square) + one63/k
	}
	t = times63(t, square) + one63
	high, low = bits.Mul64(2*times63(s, t), scoreUnit)
	low, carry := bits.Add64(low, one62, 0)
	high += carry
	out := new(big.Int).SetUint64(high<<1 | low>>63)
	if n.Sign() > 0 {
		out.Add(out, decimalPlaces(new(big.Rat).SetFrac(n, pow10(scale)), scorePlaces))
	}
	return out
}

// scoreSpan is the range of a score, given its argument's; false for other operations.
func (e *Expr) scoreSpan(args []span) (span, bool) {
	switch e.Op {
	case OpTruth:
		return span{new(big.Int), big.NewInt(1)}, true
	case OpBucket:
		return span{new(big.Int), new(big.Int).Sub(e.Args[3].Value.Number, big.NewInt(1))}, true
	case OpLogistic, OpSlope, OpSoftplus:
	default:
		return span{}, false
	}
	if args[0].none() {
		return span{}, true
	}
	out := span{new(big.Int), big.NewInt(scoreUnit)}
	switch e.Op {
	case OpSlope:
		out.hi = big.NewInt(slopeMost)
	case OpSoftplus:
		out.hi = big.NewInt(softplusMore)
		if args[0].hi.Sign() > 0 {
			most := decimalPlaces(new(big.Rat).SetFrac(args[0].hi, pow10(e.Args[0].Scale)), scorePlaces)
			out.hi.Add(out.hi, most)
		}
	}
	return out, true
}

// scored makes a score of a number.
func (b *binder) scored(op Op, x *Expr, position int) (*Expr, error) {
	out := &Expr{Op: op, Args: []*Expr{x}, Kind: Decimal, Scale: scorePlaces}
	return out.derive(b.plan.Schema.Columns, position)
}
