package engine

import (
	"fmt"
	"math/big"
	"slices"
)

// listed are the values that a column can have where conditions hold, ascending, NULL left out; false where it is not
// known or there are too many.
func (s *supports) listed(column int, hold []*Expr) ([]Datum, bool) {
	own := slices.DeleteFunc(slices.Clone(hold), func(c *Expr) bool { return only(c) != column })
	key := fmt.Sprint(column, " ") + s.key(own)
	if s.domains[key] != nil {
		return s.domains[key].values, s.domains[key].ok
	}
	d := &domainOf{}
	s.domains[key] = d
	c := s.plan.Schema.Columns[column]
	switch {
	case c.HasDictionary:
		d.values, d.ok = c.values(), true
	case c.Min != nil:
		reach := c.span()
		for _, condition := range own {
			reach = reach.meet(reachOf(condition, c, false))
		}
		d.values, d.ok = c.between(reach)
		for i := 0; i < len(own) && !d.ok; i++ {
			d.values, d.ok = pointsOf(own[i], c)
		}
	}
	for i, v := range d.values {
		if v.Number != nil {
			d.values[i] = Datum{Kind: c.Kind, Number: rescaled(v, c.Scale), Scale: c.Scale}
		}
	}
	d.values = slices.DeleteFunc(d.values, func(x Datum) bool {
		return slices.ContainsFunc(own, func(c *Expr) bool {
			v, err := c.Eval(func(int) Datum { return x })
			return err == nil && (v.Kind != Boolean || !v.Bool)
		})
	})
	return d.values, d.ok
}

type domainOf struct {
	values []Datum
	ok     bool
}

// between lists a column's values in a range.
func (c Column) between(reach span) (out []Datum, ok bool) {
	if n := new(big.Int).Sub(reach.hi, reach.lo); n.Cmp(big.NewInt(maxDomain)) >= 0 {
		return nil, false
	}
	for v := reach.lo; v.Cmp(reach.hi) <= 0; v = new(big.Int).Add(v, big.NewInt(1)) {
		out = append(out, Datum{Kind: c.Kind, Number: v, Scale: c.Scale})
	}
	return out, true
}

// meet is what is in both ranges.
func (s span) meet(o span) span {
	return span{hull(s.lo, o.lo).hi, hull(s.hi, o.hi).lo}
}

// opposite comparisons hold where the others do not.
var opposite = map[Op]Op{OpEqual: OpNotEqual, OpNotEqual: OpEqual, OpLess: OpGreaterEq, OpGreaterEq: OpLess, OpGreater: OpLessEqual, OpLessEqual: OpGreater}

// reachOf is a range that holds all values of a column for which a condition, or its opposite, holds.
func reachOf(e *Expr, c Column, not bool) span {
	whole := c.span()
	op := e.Op
	if not && opposite[op] != 0 {
		op = opposite[op]
	}
	switch {
	case e.Op == OpNot:
		return reachOf(e.Args[0], c, !not)
	case e.Op == OpIsTrue && !not:
		return reachOf(e.Args[0], c, not)
	case e.Op == OpAnd || e.Op == OpOr:
		out := reachOf(e.Args[0], c, not)
		for _, a := range e.Args[1:] {
			if o := reachOf(a, c, not); (e.Op == OpAnd) != not {
				out = out.meet(o)
			} else {
				out = hull(out.lo, out.hi, o.lo, o.hi)
			}
		}
		return out
	case len(e.Args) != 2 || e.Args[0].Op != OpColumn && e.Args[0].Op != OpRescale || e.Args[1].Op != OpConstant || e.Args[1].Value.Number == nil:
		return whole
	case e.Args[0].Op == OpRescale && e.Args[0].Args[0].Op != OpColumn:
		return whole
	}
	x := reduce(e.Args[1].Value.Number, e.Args[1].Value.Scale-c.Scale, roundFloor)
	switch op {
	case OpEqual:
		return whole.meet(span{x, x})
	case OpLess, OpLessEqual:
		return whole.meet(span{whole.lo, x})
	case OpGreater, OpGreaterEq:
		return whole.meet(span{x, whole.hi})
	}
	return whole
}

// pointsOf are the values that a condition names, where it holds for no others.
func pointsOf(e *Expr, c Column) (out []Datum, ok bool) {
	switch e.Op {
	case OpIsTrue:
		return pointsOf(e.Args[0], c)
	case OpAnd:
		for _, a := range e.Args {
			if out, ok = pointsOf(a, c); ok {
				return out, true
			}
		}
	case OpOr:
		for _, a := range e.Args {
			points, ok := pointsOf(a, c)
			if !ok {
				return nil, false
			}
			out = append(out, points...)
		}
		return ascending(out, false), true
	case OpEqual, OpIn:
		if e.Args[0].Op != OpColumn {
			return nil, false
		}
		for _, a := range e.Args[1:] {
			if a.Op != OpConstant {
				return nil, false
			}
			out = append(out, a.Value)
		}
		return slices.DeleteFunc(ascending(out, false), Datum.IsNull), true
	}
	return nil, false
}

// few lists the values of a number over rows if it is known that there are at most so many other than 0.
func (s *supports) few(e *Expr, most int, hold []*Expr) ([]Datum, bool) {
	values, ok := s.fewOf(e, most, hold)
	others := 0
	for _, v := range values {
		if v.Number.Sign() != 0 {
			others++
		}
	}
	return values, ok && others <= most
}

func (s *supports) fewOf(e *Expr, most int, hold []*Expr) ([]Datum, bool) {
	switch {
	case !e.Kind.numeric():
		return nil, false
	case e.Op == OpConstant:
		return slices.DeleteFunc([]Datum{e.Value}, Datum.IsNull), true
	case e.Op == OpColumn:
		values, ok := s.listed(e.Column, hold)
		out := make([]Datum, len(values))
		for i := range values {
			out[i] = Datum{Kind: e.Kind, Number: rescaled(values[i], e.Scale), Scale: e.Scale}
		}
		return out, ok
	case e.results() != nil:
		var out []Datum
		for r, conditions := range e.branches() {
			values, ok := s.few(r, most, append(slices.Clip(hold), s.flat(conditions)...))
			if !ok {
				return s.between(e, most)
			}
			out = append(out, values...)
		}
		return slices.DeleteFunc(ascending(out, false), Datum.IsNull), true
	case e.Op == OpTruth:
		return []Datum{NewInteger(0), NewInteger(1)}, true
	case e.Op == OpNegate || e.Op == OpRescale || e.Op == OpAdd || e.Op == OpSubtract || e.Op == OpMultiply:
		if values, ok := s.computed(e, hold); ok {
			return values, true
		}
	}
	return s.between(e, most)
}

// between lists the numbers within an expression's bounds.
func (s *supports) between(e *Expr, most int) ([]Datum, bool) {
	if e.Min == nil {
		return nil, false
	}
	if e.Op == OpWidth {
		e = binsOf(e)
	}
	values, ok := e.counted(int64(most) + 1)
	return slices.DeleteFunc(values, Datum.IsNull), ok
}

// computed lists what an operation gives for all values of its arguments.
func (s *supports) computed(e *Expr, hold []*Expr) ([]Datum, bool) {
	args, combinations := make([][]Datum, len(e.Args)), 1
	for i, a := range e.Args {
		var ok bool
		if args[i], ok = s.few(a, maxClasses, hold); !ok || combinations*len(args[i]) > maxClasses {
			return nil, false
		}
		combinations *= len(args[i])
	}
	one := *e
	one.Args = make([]*Expr, len(e.Args))
	var out []Datum
	for n := range combinations {
		for i, a := range e.Args {
			one.Args[i] = &Expr{Op: OpConstant, Value: args[i][n%len(args[i])], Kind: a.Kind, Scale: a.Scale}
			n /= len(args[i])
		}
		v, err := one.Eval(nil)
		if err != nil {
			return nil, false
		}
		out = append(out, v)
	}
	return slices.DeleteFunc(ascending(out, false), Datum.IsNull), true
}
