package engine

import (
	"math/big"
	"slices"
)

// exclusion tells which conditions no row can meet together, as far as the values of single columns say.
type exclusion struct {
	values map[int]int    // of how many values of a column it is known which conditions they meet
	held   map[*Expr]held // conditions on one such column
}

// held is for which of a column's values a condition holds, a bit for each.
type held struct {
	column int
	of     []uint64
}

// newExclusion is that of the conditions of some sets. A column's values are those that it can have, NULL among them, or else some between
// which conditions that compare it with constants do not change.
func newExclusion(s *supports, all []asked) *exclusion {
	x := &exclusion{map[int]int{}, map[*Expr]held{}}
	by := map[int][]*Expr{}
	for _, set := range all {
		for _, c := range set.conditions {
			if column := only(c); column >= 0 && !slices.Contains(by[column], c) {
				by[column] = append(by[column], c)
			}
		}
	}
	for column, conditions := range by {
		values, known := s.everyValue(column)
		if !known {
			values = []Datum{s.plan.Schema.Columns[column].some()}
			conditions = slices.DeleteFunc(conditions, func(c *Expr) bool {
				between, ok := probes(c)
				values = append(values, between...)
				return !ok
			})
			if s.plan.Schema.Columns[column].Nullable {
				values = append(values, Datum{})
			}
		}
		x.values[column] = len(values)
		for _, c := range conditions {
			if of, ok := metBy(c, values); ok {
				x.held[c] = held{column, of}
			}
		}
	}
	return x
}

// some is a value of a column that is not NULL: conditions that compare it with nothing, as IS NOT NULL, hold for it or for none.
func (c Column) some() Datum {
	if c.Kind == Text || c.Kind == Boolean {
		return Datum{Kind: c.Kind}
	}
	return Datum{Kind: c.Kind, Number: new(big.Int), Scale: c.Scale}
}

// metBy is for which values of its column a condition holds; false where it has no value for one.
func metBy(c *Expr, values []Datum) ([]uint64, bool) {
	of := make([]uint64, (len(values)+63)/64)
	for i, v := range values {
		truth, err := c.Eval(func(int) Datum { return v })
		if err != nil {
			return nil, false
		}
		if truth.Kind == Boolean && truth.Bool {
			of[i/64] |= 1 << (i % 64)
		}
	}
	return of, true
}

// everyValue is what a column can be, NULL too; false where that is not known.
func (s *supports) everyValue(column int) ([]Datum, bool) {
	values, ok := s.listed(column, nil)
	if ok && s.plan.Schema.Columns[column].Nullable {
		values = append(slices.Clip(values), Datum{})
	}
	return values, ok
}

// probes are values of a column between which a condition on it does not change, if all that it does is compare it with constants.
func probes(c *Expr) (out []Datum, ok bool) {
	one := big.NewInt(1)
	var walk func(e *Expr) bool
	walk = func(e *Expr) bool {
		switch e.Op {
		case OpAnd, OpOr, OpNot, OpIsTrue, OpIsFalse:
			return !slices.ContainsFunc(e.Args, func(a *Expr) bool { return !walk(a) })
		case OpIsNull:
			return e.Args[0].Op == OpColumn
		case OpEqual, OpNotEqual, OpLess, OpLessEqual, OpGreater, OpGreaterEq, OpIn:
		default:
			return false
		}
		column := e.Args[0]
		if column.Op != OpColumn {
			return false
		}
		for _, a := range e.Args[1:] {
			if a.Op != OpConstant {
				return false
			}
			v := a.Value
			switch {
			case v.IsNull():
			case v.Number == nil || v.Kind != column.Kind || v.Scale != column.Scale:
				return false
			default:
				below, above := v, v
				below.Number, above.Number = new(big.Int).Sub(v.Number, one), new(big.Int).Add(v.Number, one)
				out = append(out, below, v, above)
			}
		}
		return true
	}
	return out, walk(c)
}

// none reports whether it shows that no row meets all of some conditions, and of each of some lists not all.
func (x *exclusion) none(met []*Expr, nots ...[]*Expr) bool {
	if apart(met, met) {
		return true
	}
	left := make([][]*Expr, len(nots))
	for i, not := range nots {
		for _, c := range not {
			if !slices.Contains(met, c) {
				left[i] = append(left[i], c)
			}
		}
		if len(left[i]) == 0 {
			return true
		}
	}
	var looked []int
	for _, list := range append(left, met) {
		for _, c := range list {
			h, known := x.held[c]
			if !known || slices.Contains(looked, h.column) {
				continue
			}
			if looked = append(looked, h.column); !x.admits(h.column, met, left) {
				return true
			}
		}
	}
	return false
}

// admits reports whether some value of a column lets it be.
func (x *exclusion) admits(column int, met []*Expr, nots [][]*Expr) bool {
	n := x.values[column]
	for w := range (n + 63) / 64 {
		can := ^uint64(0)
		if rest := n - 64*w; rest < 64 {
			can = 1<<rest - 1
		}
		for _, c := range met {
			if h, known := x.held[c]; known && h.column == column {
				can &= h.of[w]
			}
		}
		for _, not := range nots {
			all := can
			for _, c := range not {
				h, known := x.held[c]
				if !known || h.column != column { // by another column it may not hold
					all = 0
					break
				}
				all &= h.of[w]
			}
			can &^= all
		}
		if can != 0 {
			return true
		}
	}
	return false
}

// among are which of some sets can have no row in common.
func (x *exclusion) among(sets []asked) [][]bool {
	return pairwise(len(sets), func(i, j int) bool { return x.none(slices.Concat(sets[i].conditions, sets[j].conditions)) })
}

// pairwise is what holds of each two of n, whichever is first.
func pairwise(n int, of func(i, j int) bool) [][]bool {
	out := make([][]bool, n)
	for i := range out {
		out[i] = make([]bool, n)
		for j := range i {
			out[i][j] = of(i, j)
			out[j][i] = out[i][j]
		}
	}
	return out
}
