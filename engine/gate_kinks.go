package engine

import (
	"slices"
)

// maxSteps is of how many factors an operation that makes few numbers of many counts as the power: each of at most
// one more values than that is a support.
const maxSteps = 3

// kinks lets a sum rest on what the operations inside of it that are no polynomials tell apart: on which side of a
// kink a row is, on which step. README section 18.2.
func (s *supports) kinks(m int, e *Expr, chosen, hold []*Expr) {
	if e.Kind == Boolean {
		return
	}
	for _, a := range e.Args {
		s.kinks(m, a, chosen, hold)
	}
	switch e.Op {
	case OpAbs:
		s.sides(m, e.Args[0], zeroOf(e), chosen)
	case OpGreatest, OpLeast:
		for i, a := range e.Args {
			for _, b := range e.Args[:i] {
				s.sides(m, b, a, chosen)
				s.both(m, b, a, chosen, hold)
			}
		}
	case OpModulo: // what is taken off are multiples of the quotient
		q := *e
		if q.Op = OpDivide; e.Min != nil {
			if d, err := q.derive(s.plan.Schema.Columns, 0); err == nil {
				s.steps(m, d, chosen, hold)
				s.relyIf(m, nil, append(slices.Clone(chosen), nonzero(d)...), true)
			}
		}
	case OpDivide, OpWidth, OpReduce:
		s.steps(m, e, chosen, hold)
	}
}

// sides are the rows where one number is below another one, and above it, unless their bounds decide that.
func (s *supports) sides(m int, a, b *Expr, chosen []*Expr) {
	if a.Min != nil && b.Min != nil && (a.Max.Cmp(b.Min) <= 0 || a.Min.Cmp(b.Max) >= 0) {
		return
	}
	for _, op := range []Op{OpLess, OpGreater} {
		side := &Expr{Op: op, Args: []*Expr{a, b}, Kind: Boolean, Nullable: a.Nullable || b.Nullable}
		s.relyIf(m, nil, append(slices.Clone(chosen), side), true)
	}
}

// both are the rows by the values of two numbers that have few: the greatest of two is a polynomial of them.
func (s *supports) both(m int, a, b *Expr, chosen, hold []*Expr) {
	first, ok := s.few(a, 2, hold)
	second, okToo := s.few(b, 2, hold)
	if !ok || !okToo || len(first) < 2 || len(second) < 2 {
		return
	}
	for _, x := range first {
		for _, y := range second {
			s.relyIf(m, []*Expr{equals(a, x), equals(b, y)}, chosen, true)
		}
	}
}

// steps are the rows by the values of a number that has few.
func (s *supports) steps(m int, e *Expr, chosen, hold []*Expr) {
	if c, ok := s.classesOf(slices.Repeat([]*Expr{e}, maxSteps), hold); ok && len(c.conditions) > 1 {
		for _, condition := range c.conditions {
			s.relyIf(m, []*Expr{condition}, chosen, true)
		}
	}
}

// binsOf are the bins that a number can lie in: its bounds are narrower than all bins there are.
func binsOf(e *Expr) *Expr {
	x := e.Args[0]
	if x.Min == nil {
		return e
	}
	out := *e
	ends := hull(bin(x.Min, e.Args[1].Value.Number, e.Args[2].Value.Number, e.Args[3].Value.Number),
		bin(x.Max, e.Args[1].Value.Number, e.Args[2].Value.Number, e.Args[3].Value.Number))
	out.Min, out.Max = ends.lo, ends.hi
	return &out
}
