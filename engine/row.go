package engine

import (
	"fmt"
	"math/big"
	"slices"
)

// The functions and forms over rows. All but OpCase, OpCoalesce, OpGreatest and OpLeast give NULL when an argument is NULL.
// Arguments after the first are constants unless it says otherwise. README section 15.
const (
	OpCase      Op = iota + 128 // Args: a condition and its value, again and again, then the value otherwise; all values have one Kind and Scale
	OpCoalesce                  // the first of Args that is not NULL; all have one Kind and Scale
	OpRetype                    // Args[0] with Kind: between Date, Timestamp and TimestampTZ, and the Time of one of the last two
	OpString                    // Args[0] as text, as PostgreSQL casts it
	OpConcat                    // the texts Args[0] and Args[1], one after the other; both may vary
	OpPart                      // field Args[1] of Args[0], as a Decimal: a period of a Date, a Clock of another kind
	OpTruncate                  // the beginning of the period Args[1] that holds Args[0]: of days of a Date, a Timestamp or TimestampTZ; of a Clock of another kind, which stays
	OpFormat                    // the date, timestamp or time Args[0] written after the pattern Args[1]
	OpUpper                     // Args[0] in capitals, by the table of this package
	OpLower                     // Args[0] in small letters, by the table of this package
	OpSubstring                 // characters of Args[0] from the Args[1]th, counted from 1, at most Args[2] of them
	OpLength                    // how many characters Args[0] has
	OpReduce                    // the number Args[0] at the smaller Scale of the result, rounded as Args[1] says
	OpAbs                       // Args[0] without its sign
	OpWidth                     // in which of Args[3] equal bins from Args[1] to Args[2] the number Args[0] lies; 0 below, Args[3]+1 above
	OpQuotient                  // Args[0] / Args[1] as PostgreSQL's numeric division rounds it; both may vary, and Args[1] is not 0
	OpLn                        // the natural logarithm of the number Args[0], above 0, with 18 decimal places
	OpExp                       // e to the power of the number Args[0], with 18 decimal places
	OpSqrt                      // the square root of the number Args[0], not below 0, with 18 decimal places
	OpShift                     // Args[0] so many months, Args[1], days, Args[2], and microseconds, Args[3], later: of a Date a Timestamp, else its kind
	OpTrim                      // Args[0] without the characters of Args[2] at its start, end or both ends, as Args[1] says
	OpMatch                     // whether the regular expression Args[1], of RE2, matches somewhere in Args[0]
	OpGreatest                  // the greatest of Args, NULLs left out; NULL if all are; all have one Kind and Scale
	OpLeast                     // the least of them
)

// The roundings of OpReduce, as Args[1] names them.
const (
	roundHalf  = "round" // half away from zero
	roundFloor = "floor"
	roundCeil  = "ceil"
	roundTrunc = "trunc" // toward zero
)

// isRow reports whether an operation is one of those above.
func (op Op) isRow() bool { return op >= OpCase && op <= OpLeast }

// strict reports whether the result of an operation is NULL exactly where an argument is.
func (op Op) strict() bool {
	switch op {
	case OpCase, OpCoalesce, OpGreatest, OpLeast, OpIn, OpAnd, OpOr, OpIsNull, OpIsTrue, OpIsFalse:
		return false
	}
	return true
}

// computeRow is the value of an operation over rows whose arguments are not NULL.
func (e *Expr) computeRow(args []Datum) (Datum, error) {
	x := args[0]
	switch e.Op {
	case OpRetype:
		if !inKind(x.Kind, x.Number) {
			return Datum{}, fmt.Errorf("operation %d of a %s", e.Op, x.Kind)
		}
		return retyped(x, e.Kind), nil
	case OpString:
		return NewText(castText(x)), nil
	case OpConcat:
		return NewText(x.Text + args[1].Text), nil
	case OpPart, OpTruncate, OpFormat, OpShift:
		if !x.Kind.temporal() || !inKind(x.Kind, x.Number) {
			return Datum{}, fmt.Errorf("operation %d of a %s", e.Op, x.Kind)
		}
		if e.Op == OpShift {
			return Datum{Kind: e.Kind, Number: lapseOf(args).after(x)}, nil
		}
		return e.ofTemporal(x, args[1].Text)
	case OpUpper:
		return NewText(upperCase(x.Text)), nil
	case OpLower:
		return NewText(lowerCase(x.Text)), nil
	case OpSubstring:
		return NewText(substring(x.Text, args[1].Number, args[2].Number)), nil
	case OpLength:
		return NewInteger(int64(len([]rune(x.Text)))), nil
	case OpReduce:
		return Datum{Kind: e.Kind, Number: reduce(x.Number, x.Scale-e.Scale, args[1].Text), Scale: e.Scale}, nil
	case OpAbs:
		return Datum{Kind: e.Kind, Number: new(big.Int).Abs(x.Number), Scale: e.Scale}, nil
	case OpQuotient:
		return quotientOf(x, args[1], e.Scale)
	case OpLn, OpExp, OpSqrt:
		n, err := transcendental(e.Op, x.Number, x.Scale)
		return Datum{Kind: e.Kind, Number: n, Scale: e.Scale}, err
	case OpTrim:
		return NewText(trim(x.Text, args[1].Text, args[2].Text)), nil
	case OpMatch:
		re, err := compiled(args[1].Text)
		if err != nil {
			return Datum{}, err
		}
		return NewBoolean(re.MatchString(x.Text)), nil
	case OpWidth:
		return Datum{Kind: Integer, Number: bin(x.Number, args[1].Number, args[2].Number, args[3].Number)}, nil
	}
	return Datum{}, fmt.Errorf("operation %d is not one over rows", e.Op)
}

// rowValue evaluates an operation over rows, or over the cells of a group, which then are its
// values.
func rowValue(e *Expr, d domain, args []value) (value, error) {
	data := make([]Datum, len(args))
	for i, a := range args {
		data[i] = a.Datum
	}
	out, err := e.computeRow(data)
	_, overRows := d.(rows)
	switch {
	case overRows || err != nil:
		return value{Datum: out}, err
	case out.Kind.temporal():
		return dated(out)
	}
	return valueOf(out), nil
}

// evaluateCase evaluates no value but that of the first condition that is true.
func evaluateCase(e *Expr, d domain) (value, error) {
	last := len(e.Args) - 1
	for i := 0; i+1 <= last; i += 2 {
		condition, err := evaluate(e.Args[i], d)
		if err != nil {
			return value{}, err
		}
		if condition.Kind == Boolean && condition.Bool {
			return evaluate(e.Args[i+1], d)
		}
	}
	return evaluate(e.Args[last], d)
}

// evaluateBest is OpGreatest or OpLeast.
func evaluateBest(e *Expr, d domain) (best value, err error) {
	sign := 1
	if e.Op == OpLeast {
		sign = -1
	}
	for _, a := range e.Args {
		v, err := evaluate(a, d)
		if err != nil {
			return value{}, err
		}
		if !v.IsNull() && (best.IsNull() || v.compare(best) == sign) {
			best = v
		}
	}
	return best, nil
}

func evaluateCoalesce(e *Expr, d domain) (value, error) {
	for _, a := range e.Args {
		if v, err := evaluate(a, d); err != nil || !v.IsNull() {
			return v, err
		}
	}
	return value{}, nil
}

// results are the arguments whose values an expression takes: those of a CASE without its
// conditions, of a COALESCE all; nil for other operations.
func (e *Expr) results() []*Expr {
	switch e.Op {
	case OpCoalesce, OpGreatest, OpLeast:
		return e.Args
	case OpCase:
		var out []*Expr
		for i := 1; i < len(e.Args); i += 2 {
			out = append(out, e.Args[i])
		}
		return append(out, e.Args[len(e.Args)-1])
	}
	return nil
}

// bestSpan narrows the range of the greatest or the least of values: it is not below, or not above,
// any that is never NULL.
func (e *Expr) bestSpan(s span, args []span) span {
	for i, a := range args {
		switch {
		case e.Args[i].Nullable || a.none():
		case e.Op == OpGreatest:
			s.lo = hull(s.lo, a.lo).hi
		case e.Op == OpLeast:
			s.hi = hull(s.hi, a.hi).lo
		}
	}
	return s
}

// rowSpan is the range of an operation over rows; false for other operations.
func (e *Expr) rowSpan(args []span) (span, bool) {
	if !e.Op.isRow() {
		return span{}, false
	}
	if e.results() != nil {
		var ends []*big.Int
		for i, a := range e.Args {
			if slices.Contains(e.results(), a) && !args[i].none() {
				ends = append(ends, args[i].lo, args[i].hi)
			}
		}
		if len(ends) == 0 {
			return span{}, true
		}
		return e.bestSpan(hull(ends...), args), true
	}
	switch e.Op {
	case OpLength:
		return span{new(big.Int), big.NewInt(maxTextLength)}, true
	case OpWidth:
		return span{new(big.Int), new(big.Int).Add(e.Args[3].Value.Number, big.NewInt(1))}, true
	}
	if args[0].none() {
		return span{}, true
	}
	switch e.Op {
	case OpQuotient:
		return e.quotientSpan(args[0], args[1]), true
	case OpLn, OpExp, OpSqrt:
		return e.numberSpan(args[0]), true
	case OpShift:
		return e.shiftSpan(args[0]), true
	case OpRetype:
		return e.retypedSpan(args[0]), true
	case OpAbs:
		lo, hi := new(big.Int).Abs(args[0].lo), new(big.Int).Abs(args[0].hi)
		if args[0].lo.Sign() <= 0 && args[0].hi.Sign() >= 0 {
			return hull(lo, hi, new(big.Int)), true
		}
		return hull(lo, hi), true
	case OpReduce:
		places, how := e.Args[0].Scale-e.Scale, e.Args[1].Value.Text
		return span{reduce(args[0].lo, places, how), reduce(args[0].hi, places, how)}, true
	case OpTruncate, OpPart:
		if e.Args[0].Kind.clocked() {
			return e.clockSpan(args[0]), true
		}
		return e.daySpan(args[0]), true
	}
	return span{}, true
}

// maxTextLength is how many characters a text may have: a value of a table has at most so many
// bytes, and what is made of one is not longer than a few of them.
const maxTextLength = 1 << 20

// reduce is n without its last places, which may be fewer than none.
func reduce(n *big.Int, places int, how string) *big.Int {
	if places <= 0 {
		return rescale(n, -places)
	}
	unit := pow10(places)
	out, rest := new(big.Int).QuoRem(n, unit, new(big.Int)) // toward zero
	away := int64(rest.Sign())
	switch how {
	case roundHalf:
		if rest.Abs(rest).Lsh(rest, 1).Cmp(unit) < 0 {
			away = 0
		}
	case roundFloor:
		away = min(away, 0)
	case roundCeil:
		away = max(away, 0)
	default:
		away = 0
	}
	return out.Add(out, big.NewInt(away))
}

// bin is the number, from 1, of the bin that holds x: PostgreSQL's width_bucket. The bins go
// down where lo is above hi.
func bin(x, lo, hi, bins *big.Int) *big.Int {
	if lo.Cmp(hi) > 0 {
		x, lo, hi = new(big.Int).Neg(x), new(big.Int).Neg(lo), new(big.Int).Neg(hi)
	}
	switch {
	case x.Cmp(lo) < 0:
		return new(big.Int)
	case x.Cmp(hi) >= 0:
		return new(big.Int).Add(bins, big.NewInt(1))
	}
	n := new(big.Int).Sub(x, lo)
	n.Mul(n, bins).Quo(n, new(big.Int).Sub(hi, lo))
	return n.Add(n, big.NewInt(1))
}

// castText writes a value as PostgreSQL's cast to text does: a decimal with all its places.
func castText(d Datum) string {
	if d.Kind == Decimal {
		return fixedDecimal(d.Number, d.Scale)
	}
	return d.String()
}
