package engine

import (
	"maps"
	"math/big"
	"slices"
	"strings"
)

// rowClasses are the rows that the values of a factor tell apart. README section 18.2.
type rowClasses struct {
	of         *Expr   // what the conditions compare, so that it has a value where one holds
	conditions []*Expr // one for each class; nil where all rows are in it
	partial    bool    // in some groups no row can be in a class
}

// maxDomain is how many values of a column are gone through.
const maxDomain = MaxDictionary

// only is the one column that an expression reads; −1 where it reads none or several, or is no function of it alone.
func only(e *Expr) int {
	at := -1
	var pure func(e *Expr) bool
	pure = func(e *Expr) bool {
		switch {
		case e.Op == OpStart || e.Op.isScore():
			return false
		case e.Op != OpColumn:
		case at < 0:
			at = e.Column
		case at != e.Column:
			return false
		}
		return !slices.ContainsFunc(e.Args, func(a *Expr) bool { return !pure(a) })
	}
	if !pure(e) {
		return -1
	}
	return at
}

func sameColumn(a, b *Expr) bool {
	column := only(a)
	return a.equal(b) || column >= 0 && column == only(b)
}

// multiplicands are the factors of a product, as often as they stand there, constants left out.
func multiplicands(e *Expr) []*Expr {
	switch e.Op {
	case OpMultiply:
		return append(multiplicands(e.Args[0]), multiplicands(e.Args[1])...)
	case OpQuotient: // by the divisor's inverse
		return append(multiplicands(e.Args[0]), multiplicands(e.Args[1])...)
	case OpNegate, OpRescale:
		return multiplicands(e.Args[0])
	case OpConstant:
		return nil
	}
	return []*Expr{e}
}

// gather sorts things into lists of like ones, in their order.
func gather[E any](all []E, like func(a, b E) bool) (out [][]E) {
	for _, e := range all {
		at := slices.IndexFunc(out, func(list []E) bool { return like(list[0], e) })
		if at < 0 {
			at, out = len(out), append(out, nil)
		}
		out[at] = append(out[at], e)
	}
	return out
}

// branches are the results that an expression takes, each with conditions that hold where it does.
func (e *Expr) branches() func(yield func(*Expr, []*Expr) bool) {
	return func(yield func(*Expr, []*Expr) bool) {
		var before []*Expr
		for i, r := range e.results() {
			conditions := slices.Clone(before)
			if e.Op == OpCase && 2*i+1 < len(e.Args) {
				condition := e.Args[2*i]
				conditions = append(conditions, condition)
				before = append(before, negated(&Expr{Op: OpIsTrue, Args: []*Expr{condition}, Kind: Boolean}))
			}
			if !yield(r, conditions) {
				return
			}
		}
	}
}

// implied are conditions that hold where a factor is not 0.
func (e *Expr) implied() (out []*Expr) {
	switch e.Op {
	case OpTruth:
		return e.Args
	case OpCase:
		found := 0
		for r, conditions := range e.branches() {
			if r.Op != OpConstant || !r.Value.IsNull() && r.Value.Number.Sign() != 0 {
				found, out = found+1, conditions
			}
		}
		if found != 1 {
			return nil
		}
	}
	return out
}

// classesOf finds the classes of rows by factors of one product, which are equal or read one column alone, if they
// take so few values other than 0 as there are factors, and one more: sums of such powers tell them apart. hold are
// conditions that the rows meet.
func (s *supports) classesOf(factors, hold []*Expr) (rowClasses, bool) {
	f, most := factors[0], len(factors)+1
	same := !slices.ContainsFunc(factors, func(g *Expr) bool { return !g.equal(f) })
	if column := only(f); column >= 0 {
		if c, ok := s.classesOfColumn(column, factors, same, hold); ok {
			return c, true
		}
	}
	if !same {
		return rowClasses{}, false
	}
	values, ok := s.few(f, most, hold)
	return byValue(f, values), ok
}

// byValue are the classes of the rows by the values of a number.
func byValue(f *Expr, values []Datum) rowClasses {
	c := rowClasses{of: f}
	for _, v := range values {
		c.conditions = append(c.conditions, equals(f, v))
	}
	if len(values) == 1 {
		c.conditions[0] = nil
	}
	return c
}

// classesOfColumn goes through the values that a column can have. Where a key of the groups is made of it, or
// conditions of it stand beside others, they can be few in some groups, or where the others leave them: then these are
// classes, and all other rows.
func (s *supports) classesOfColumn(column int, factors []*Expr, same bool, hold []*Expr) (rowClasses, bool) {
	domain, ok := s.listed(column, hold)
	if !ok {
		return rowClasses{}, false
	}
	product := func(x Datum) (*big.Int, bool) {
		out := big.NewInt(1)
		for _, f := range factors {
			v, err := f.Eval(func(int) Datum { return x })
			if err != nil || v.Number == nil {
				return nil, false
			}
			if out.Mul(out, v.Number); same {
				break
			}
		}
		return out, true
	}
	all, most := newValues(domain, product), len(factors)+1
	switch {
	case all.few(most) && same:
		var values []Datum
		for _, n := range all.numbers {
			values = append(values, Datum{Kind: factors[0].Kind, Number: n, Scale: factors[0].Scale})
		}
		return byValue(factors[0], values), true
	case all.few(most):
		return s.among(column, all.of, false), true
	}
	var sets [][]Datum
	placed := map[string]bool{}
	for _, part := range s.narrowed(column, hold, domain) {
		if v := newValues(part, product); v.few(most) && len(v.of) > 1 {
			for _, of := range v.of {
				of = slices.DeleteFunc(slices.Clone(of), func(x Datum) bool { return placed[x.String()] })
				for _, x := range of {
					placed[x.String()] = true
				}
				if len(of) > 0 {
					sets = append(sets, of)
				}
			}
		}
	}
	first := len(sets)
	for _, part := range s.byKeys(column, domain) {
		if v := newValues(part, product); v.few(most) && len(v.of) > 1 {
			for k, of := range v.of {
				if first+k == len(sets) {
					sets = append(sets, nil)
				}
				sets[first+k] = append(sets[first+k], slices.DeleteFunc(of, func(x Datum) bool { return placed[x.String()] })...)
			}
		}
	}
	if sets = slices.DeleteFunc(sets, func(of []Datum) bool { return len(of) == 0 }); len(sets) == 0 {
		return rowClasses{}, false
	}
	out := s.among(column, sets, true)
	others := []*Expr{negated(s.in(out.of, slices.Concat(sets...)))}
	for _, f := range factors {
		others = append(others, nonzero(f)...)
	}
	out.conditions = append(out.conditions, conjunction(nil, others))
	return out, true
}

// among are the classes of the rows by sets of a column's values.
func (s *supports) among(column int, sets [][]Datum, partial bool) rowClasses {
	c := s.plan.Schema.Columns[column]
	e := &Expr{Op: OpColumn, Column: column, Kind: c.Kind, Scale: c.Scale, Nullable: c.Nullable, Min: c.span().lo, Max: c.span().hi}
	out := rowClasses{of: e, partial: partial}
	for _, of := range sets {
		out.conditions = append(out.conditions, s.in(e, of))
	}
	if len(sets) == 1 && !partial {
		out.conditions[0] = nil
	}
	return out
}

// in is the condition that a column has one of some values.
func (s *supports) in(e *Expr, values []Datum) *Expr {
	if len(values) == 1 {
		return equals(e, values[0])
	}
	args := []*Expr{e}
	for _, v := range values {
		args = append(args, constantOf(e, v))
	}
	return &Expr{Op: OpIn, Args: args, Kind: Boolean, Nullable: e.Nullable}
}

// valuesOf are the numbers that a product is for values of a column, and for which of them.
type valuesOf struct {
	numbers []*big.Int
	of      [][]Datum
}

func newValues(domain []Datum, product func(Datum) (*big.Int, bool)) (v valuesOf) {
	at := map[string]int{}
	for _, x := range domain {
		n, ok := product(x)
		if !ok { // NULL, or no row has this value
			continue
		}
		k, known := at[n.String()]
		if !known {
			k, v.numbers, v.of = len(v.of), append(v.numbers, n), append(v.of, nil)
			at[n.String()] = k
		}
		v.of[k] = append(v.of[k], x)
	}
	return v
}

func (v valuesOf) few(most int) bool {
	if slices.ContainsFunc(v.numbers, func(n *big.Int) bool { return n.Sign() == 0 }) {
		most++
	}
	return len(v.numbers) <= most
}

// byKeys sorts a column's values by the groups' keys that are made of it alone; nothing where none is.
func (s *supports) byKeys(column int, domain []Datum) [][]Datum {
	parts := map[string][]Datum{}
	for _, x := range domain {
		var key []string
		for _, g := range s.plan.Groups {
			if only(g.Expr) == column {
				v, err := g.Expr.Eval(func(int) Datum { return x })
				if err != nil {
					return nil
				}
				key = append(key, quote(v.String()))
			}
		}
		if key == nil {
			return nil
		}
		parts[strings.Join(key, " ")] = append(parts[strings.Join(key, " ")], x)
	}
	var out [][]Datum
	for _, key := range slices.Sorted(maps.Keys(parts)) {
		out = append(out, parts[key])
	}
	return out
}

// narrowed are the values for which conditions of a column hold, and those for which they do not, that stand with
// other columns in a condition or a key: how these decide is not known.
func (s *supports) narrowed(column int, hold []*Expr, domain []Datum) (out [][]Datum) {
	split := func(c *Expr) {
		var parts [2][]Datum
		for _, x := range domain {
			if v, err := c.Eval(func(int) Datum { return x }); err == nil && v.Kind == Boolean {
				parts[truthNumber(v.Bool)] = append(parts[truthNumber(v.Bool)], x)
			}
		}
		out = append(out, parts[0], parts[1])
	}
	var walk func(e *Expr)
	walk = func(e *Expr) {
		switch at := only(e); {
		case at == column && e.Kind == Boolean:
			split(e)
		case at < 0:
			for _, a := range e.Args {
				walk(a)
			}
		}
	}
	for _, c := range hold {
		if only(c) < 0 {
			walk(c)
		}
	}
	for _, g := range s.plan.Groups {
		if only(g.Expr) < 0 {
			walk(g.Expr)
		}
	}
	return out
}
