package engine

import (
	"math"
	"math/big"
	"slices"
)

// span is the range of an expression's non-NULL values; nil ends mean that it has
// none, or that its kind has no range.
type span struct{ lo, hi *big.Int }

func (s span) none() bool { return s.lo == nil }

// span is the range of the column's values over all departments: where one has declared none, whatever the
// kind allows, at the column's scale or at a smaller one.
func (c Column) span() span {
	if !c.Undeclared() {
		return span{c.Min, c.Max}
	}
	switch c.Kind {
	case Integer:
		return span{big.NewInt(math.MinInt64), big.NewInt(math.MaxInt64)}
	case Date:
		return span{big.NewInt(MinDate), big.NewInt(MaxDate)}
	case Timestamp, TimestampTZ:
		return span{big.NewInt(MinTimestamp), big.NewInt(MaxTimestamp)}
	case Time:
		return span{new(big.Int), big.NewInt(MicrosPerDay - 1)}
	}
	limit := pow10(MaxDecimalDigits + c.Scale)
	return span{new(big.Int).Neg(limit), limit}
}

// hull is the smallest span that holds the values.
func hull(values ...*big.Int) span {
	s := span{values[0], values[0]}
	for _, v := range values[1:] {
		if v.Cmp(s.lo) < 0 {
			s.lo = v
		}
		if v.Cmp(s.hi) > 0 {
			s.hi = v
		}
	}
	return s
}

// spanOf derives the range of an expression over rows from the ranges of its
// columns. README section 4.
func spanOf(e *Expr, column func(*Expr) span) span {
	if e.Op == OpColumn {
		return column(e)
	}
	args := make([]span, len(e.Args))
	for i, a := range e.Args {
		args[i] = spanOf(a, column)
	}
	return e.combine(args)
}

// combine derives the range of an expression other than a column from the ranges
// of its arguments.
func (e *Expr) combine(args []span) span {
	if s, ok := e.scoreSpan(args); ok {
		return s
	}
	if s, ok := e.rowSpan(args); ok {
		return s
	}
	if slices.ContainsFunc(args, span.none) {
		return span{}
	}
	switch e.Op {
	case OpConstant:
		if e.Value.Kind.bounded() {
			return hull(e.Value.Number)
		}
	case OpNegate:
		return span{new(big.Int).Neg(args[0].hi), new(big.Int).Neg(args[0].lo)}
	case OpRescale:
		places := e.Scale - e.Args[0].Scale
		return span{rescale(args[0].lo, places), rescale(args[0].hi, places)}
	case OpAdd:
		return span{new(big.Int).Add(args[0].lo, args[1].lo), new(big.Int).Add(args[0].hi, args[1].hi)}
	case OpSubtract:
		return span{new(big.Int).Sub(args[0].lo, args[1].hi), new(big.Int).Sub(args[0].hi, args[1].lo)}
	case OpMultiply:
		if e.Args[0].equal(e.Args[1]) {
			return square(args[0])
		}
		return product(args[0], args[1])
	case OpDivide, OpModulo:
		if d := args[1]; d.lo.Cmp(d.hi) != 0 || d.lo.Sign() == 0 { // no further from zero than the dividend
			return hullWithZero(args[0].lo, args[0].hi, new(big.Int).Neg(args[0].lo), new(big.Int).Neg(args[0].hi))
		}
		if e.Op == OpModulo {
			return remainder(args[0], args[1].lo)
		}
		return hull(new(big.Int).Quo(args[0].lo, args[1].lo), new(big.Int).Quo(args[0].hi, args[1].lo))
	}
	return span{}
}

func product(a, b span) span {
	return hull(new(big.Int).Mul(a.lo, b.lo), new(big.Int).Mul(a.lo, b.hi),
		new(big.Int).Mul(a.hi, b.lo), new(big.Int).Mul(a.hi, b.hi))
}

// square is the range of x·x for x in s.
func square(s span) span {
	ends := hull(new(big.Int).Mul(s.lo, s.lo), new(big.Int).Mul(s.hi, s.hi))
	if s.lo.Sign() <= 0 && s.hi.Sign() >= 0 {
		ends.lo = new(big.Int)
	}
	return ends
}

// remainder holds x % divisor for x in s: the sign of x, no further from zero than
// x and |divisor|−1.
func remainder(s span, divisor *big.Int) span {
	most := new(big.Int).Abs(divisor)
	most.Sub(most, big.NewInt(1))
	out := span{new(big.Int), new(big.Int)}
	if s.lo.Sign() < 0 {
		out.lo = hull(new(big.Int).Neg(most), s.lo).hi
	}
	if s.hi.Sign() > 0 {
		out.hi = hull(most, s.hi).lo
	}
	return out
}

// equal compares two expressions by structure.
func (e *Expr) equal(o *Expr) bool {
	return e.Op == o.Op && e.Column == o.Column && e.Count == o.Count && e.Kind == o.Kind && e.Scale == o.Scale &&
		e.Value.Kind == o.Value.Kind && e.Value.Scale == o.Value.Scale && e.Value.Compare(o.Value) == 0 &&
		slices.EqualFunc(e.Args, o.Args, (*Expr).equal)
}

// maxSize bounds an expression with all that its operations were made of.
const maxSize = 4 * MaxNodes

// measured sets an expression's size, and refuses one that is too large.
func (e *Expr) measured(position int) error {
	e.size = 1
	for _, a := range e.Args {
		if a.size == 0 {
			if err := a.measured(position); err != nil {
				return err
			}
		}
		if e.size += a.size; e.size > maxSize {
			return refuse(CodeLimit, position, "an expression has more than %d operands and operators", maxSize)
		}
	}
	return nil
}

// derive sets an expression's range and nullability over rows from its arguments,
// and refuses a range that is too wide.
func (e *Expr) derive(columns []Column, position int) (*Expr, error) {
	if err := e.measured(position); err != nil {
		return nil, err
	}
	args := make([]span, len(e.Args))
	for i, a := range e.Args {
		args[i] = span{a.Min, a.Max}
		e.Nullable = e.Nullable || a.Nullable
	}
	s := e.combine(args)
	switch e.Op {
	case OpConstant:
		e.Nullable = e.Value.IsNull()
	case OpColumn:
		s = columns[e.Column].span()
		e.Nullable = columns[e.Column].Nullable
	case OpIsNull, OpIsTrue, OpIsFalse:
		e.Nullable = false
	case OpCase:
		e.Nullable = slices.ContainsFunc(e.results(), func(r *Expr) bool { return r.Nullable })
	case OpCoalesce, OpGreatest, OpLeast:
		e.Nullable = !slices.ContainsFunc(e.Args, func(r *Expr) bool { return !r.Nullable })
	}
	e.Min, e.Max = s.lo, s.hi
	if !s.none() && max(s.lo.BitLen(), s.hi.BitLen()) > MaxExprBits {
		return nil, refuse(CodeOverflow, position, "values of %d bits can arise here; at most %d are allowed",
			max(s.lo.BitLen(), s.hi.BitLen()), MaxExprBits)
	}
	return e, nil
}

// columnsOf calls visit for every column that an expression over rows reads.
func columnsOf(e *Expr, visit func(column int)) {
	if e == nil {
		return
	}
	if e.Op == OpColumn {
		visit(e.Column)
	}
	for _, a := range e.Args {
		columnsOf(a, visit)
	}
}
