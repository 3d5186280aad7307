package engine

import (
	"maps"
	"math/big"
	"slices"
	"strings"
)

// support is a set of a group's rows that a cell rests on: those that meet all conditions, or of another
// support's rows, of which they are a part, the others. README section 18.2.
type support struct {
	conditions []*Expr // none: all rows of the group
	within     int     // the support whose other rows are meant; −1: the rows themselves
}

// supports are those of a plan, each once; the first is the group's rows.
type supports struct {
	plan  *Plan
	list  []support
	rows  map[string]int   // by the conditions' keys
	rest  map[[2]int]int   // by within and the rows left out
	keys  map[*Expr]string // of conditions
	ands  map[string]*Expr // the conditions that stand for equal ones
	of    [][]int          // by moment, what it rests on, the group's rows first
	read  []map[int]bool   // by moment, the columns that it reads
	pairs []pair
	open  [][]chosenRows // by moment: what its complements are taken of
}

// chosenRows is a support: the rows that are counted or add something at all, and the conditions that choose
// among them, so that a total without some of them tells the others.
type chosenRows struct {
	support      int
	kept, chosen []*Expr
}

// maxOpen is of how many conditions all parts are looked for among the other supports.
const maxOpen = 6

// maxClasses is into how many classes the few values of a product's factors divide the rows.
const maxClasses = 64

// supportsOf finds what the plan's moments rest on.
func (p *Plan) supportsOf() (*supports, error) {
	s := &supports{plan: p, rows: map[string]int{}, rest: map[[2]int]int{}, keys: map[*Expr]string{}, ands: map[string]*Expr{}}
	s.add(nil)
	for m := range p.Moments {
		s.of, s.read, s.open = append(s.of, []int{0}), append(s.read, map[int]bool{}), append(s.open, nil)
		s.moment(m)
	}
	s.leftOver()
	for m := range p.Moments {
		for _, o := range s.open[m] {
			s.complements(m, o)
		}
	}
	return s, s.pairUp()
}

// add gives the index of the rows that meet the conditions.
func (s *supports) add(conditions []*Expr) int {
	conditions = s.flat(conditions)
	key := s.key(conditions)
	at, known := s.rows[key]
	if !known {
		at = len(s.list)
		s.rows[key] = at
		s.list = append(s.list, support{conditions: conditions, within: -1})
	}
	return at
}

// parts are the moments that are withheld together where totals over the groups would give one of them away: all of a
// group, and then those that read columns in common.
func (s *supports) parts() [][]int {
	all := []int{}
	var parts [][]int
	var read []map[int]bool
	for m := range s.of {
		all = append(all, m)
		if len(s.read[m]) == 0 {
			continue
		}
		part, columns := []int{m}, maps.Clone(s.read[m])
		for i := len(parts) - 1; i >= 0; i-- {
			if overlap(columns, read[i]) {
				part = append(part, parts[i]...)
				maps.Copy(columns, read[i])
				parts, read = slices.Delete(parts, i, i+1), slices.Delete(read, i, i+1)
			}
		}
		slices.Sort(part)
		parts, read = append(parts, part), append(read, columns)
	}
	return append([][]int{all}, parts...)
}

func overlap(a, b map[int]bool) bool {
	for column := range a {
		if b[column] {
			return true
		}
	}
	return false
}

// flat takes conditions apart at AND; equal ones are one.
func (s *supports) flat(conditions []*Expr) (out []*Expr) {
	for _, c := range conditions {
		if c.Op == OpAnd {
			for _, part := range s.flat(c.Args) {
				if !slices.Contains(out, part) {
					out = append(out, part)
				}
			}
			continue
		}
		key := s.keyOf(c)
		if s.ands[key] == nil {
			s.ands[key] = c
		}
		if c = s.ands[key]; !slices.Contains(out, c) {
			out = append(out, c)
		}
	}
	return out
}

func (s *supports) keyOf(c *Expr) string {
	if s.keys[c] == "" {
		s.keys[c] = string(Marshal(c))
	}
	return s.keys[c]
}

// key is that of a set of conditions.
func (s *supports) key(conditions []*Expr) string {
	keys := make([]string, len(conditions))
	for i, c := range conditions {
		keys[i] = s.keyOf(c)
	}
	slices.Sort(keys)
	return strings.Join(keys, "")
}

// rely lets a moment rest on the rows that meet all conditions.
func (s *supports) rely(m int, kept, chosen []*Expr) {
	kept = s.flat(kept)
	chosen = slices.DeleteFunc(s.flat(chosen), func(c *Expr) bool { return slices.Contains(kept, c) })
	at := s.add(slices.Concat(kept, chosen))
	if s.restOn(m, at); len(chosen) > 0 {
		s.open[m] = append(s.open[m], chosenRows{at, kept, chosen})
	}
}

// restOn lets a moment rest on a support.
func (s *supports) restOn(m, at int) {
	if !slices.Contains(s.of[m], at) {
		s.of[m] = append(s.of[m], at)
	}
}

// moment finds what a moment of the plan rests on, but for complements.
func (s *supports) moment(m int) {
	moment := &s.plan.Moments[m]
	columnsOf(moment.Filter, func(column int) { s.read[m][column] = true })
	columnsOf(moment.Expr, func(column int) { s.read[m][column] = true })
	var chosen []*Expr
	if moment.Filter != nil {
		chosen = []*Expr{moment.Filter}
	}
	switch moment.Op {
	case Sum:
		s.rely(m, nil, chosen)
		s.sum(m, moment.Expr, chosen)
	case CountNonNull:
		s.rely(m, nil, append(slices.Clone(chosen), valued(moment.Expr, nil)...))
	default:
		s.rely(m, nil, chosen)
	}
}

// sum finds what a sum of an expression over the chosen rows rests on: the rows that add something to it,
// the classes of those that few-valued factors tell apart, and what conditions inside of it choose.
func (s *supports) sum(m int, e *Expr, chosen []*Expr) {
	terms := termsOf(e)
	if len(terms) > 1 {
		s.rely(m, append(valued(e, nil), nonzero(e)...), chosen)
	}
	for _, t := range terms {
		s.term(m, e, t, chosen)
	}
	for _, b := range outermost(e) {
		s.rely(m, nil, append(slices.Clone(chosen), b))
		s.rely(m, nil, append(slices.Clone(chosen), negated(b)))
	}
}

// term finds what one summand rests on.
func (s *supports) term(m int, e, term *Expr, chosen []*Expr) {
	var many, few []*Expr
	var values [][]Datum
	classes := 1
	for f, k := range distinctFactors(term) {
		v, ok := s.few(f, k+1)
		if ok && classes*max(1, len(v)) <= maxClasses {
			few, values = append(few, f), append(values, v)
			classes *= max(1, len(v))
			continue
		}
		many = append(many, f)
		for _, part := range termsOf(f) { // a few-valued part of a factor that is a sum
			for g := range distinctFactors(part) {
				if v, ok := s.few(g, 2); ok && g != f && len(v) > 1 {
					for _, x := range v {
						s.rely(m, append(valued(e, []*Expr{g}), equals(g, x)), chosen)
					}
				}
			}
		}
	}
	var adding []*Expr
	for _, f := range many {
		adding = append(adding, nonzero(f)...)
	}
	for n := range classes {
		kept, compared := slices.Clone(adding), []*Expr(nil)
		for _, f := range many {
			if len(nonzero(f)) > 0 {
				compared = append(compared, f)
			}
		}
		for i, f := range few {
			v := values[i]
			if len(v) == 0 { // it is NULL throughout: nothing is added up
				return
			}
			if x := v[n%len(v)]; len(v) > 1 {
				kept, compared = append(kept, equals(f, x)), append(compared, f)
			}
			n /= len(v)
		}
		s.rely(m, append(valued(e, compared), kept...), chosen)
	}
}

// complements lets a moment rest, for each total of which its rows are a part, on the others of that.
func (s *supports) complements(m int, o chosenRows) {
	open := o.chosen
	look := func(left []*Expr) {
		within, known := s.rows[s.key(slices.Concat(o.kept, left))]
		if !known || within == o.support {
			return
		}
		s.restOn(m, s.others(within, o.support))
	}
	if len(open) <= maxOpen {
		for n := range 1<<len(open) - 1 {
			var left []*Expr
			for i, c := range open {
				if n>>i&1 == 1 {
					left = append(left, c)
				}
			}
			look(left)
		}
		return
	}
	look(nil)
	for i := range open {
		look(slices.Delete(slices.Clone(open), i, i+1))
	}
}

// others are the rows of one support that are not in another one, which is a part of it.
func (s *supports) others(whole, part int) int {
	key := [2]int{whole, part}
	at, known := s.rest[key]
	if !known {
		at = len(s.list)
		s.rest[key] = at
		s.list = append(s.list, support{conditions: s.list[part].conditions, within: whole})
	}
	return at
}

// valued are the conditions that an expression has a value, but for what has one where the covered
// expressions are compared.
func valued(e *Expr, covered []*Expr) (out []*Expr) {
	var have []*Expr
	for _, c := range covered {
		have = append(have, requirements(c)...)
	}
	for _, r := range requirements(e) {
		same := func(o *Expr) bool { return compareRequirements(r, o) == 0 }
		if !r.Nullable || slices.ContainsFunc(have, same) {
			continue
		}
		have = append(have, r)
		missing := &Expr{Op: OpIsNull, Args: []*Expr{r}, Kind: Boolean}
		out = append(out, negated(missing))
	}
	return out
}

// negated is the rows where a condition does not hold.
func negated(b *Expr) *Expr {
	return &Expr{Op: OpNot, Args: []*Expr{b}, Kind: Boolean, Nullable: b.Nullable}
}

// equals is the condition that a number has a value.
func equals(f *Expr, x Datum) *Expr {
	if f.Op == OpTruth {
		if x.Number.Sign() != 0 {
			return f.Args[0]
		}
		return negated(f.Args[0])
	}
	constant := &Expr{Op: OpConstant, Value: x, Kind: f.Kind, Scale: f.Scale, Min: x.Number, Max: x.Number}
	return &Expr{Op: OpEqual, Args: []*Expr{f, constant}, Kind: Boolean, Nullable: f.Nullable}
}

// nonzero is the condition that a number is not 0; none where it cannot be, or where it is a row's score,
// which is not 0 but at its ends.
func nonzero(f *Expr) []*Expr {
	if f.Min != nil && (f.Min.Sign() > 0 || f.Max.Sign() < 0) || scored(f) {
		return nil
	}
	zero := Datum{Kind: f.Kind, Number: new(big.Int), Scale: f.Scale}
	constant := &Expr{Op: OpConstant, Value: zero, Kind: f.Kind, Scale: f.Scale, Min: zero.Number, Max: zero.Number}
	return []*Expr{{Op: OpNotEqual, Args: []*Expr{f, constant}, Kind: Boolean, Nullable: f.Nullable}}
}

func scored(e *Expr) bool { return e.Op.isScore() || slices.ContainsFunc(e.Args, scored) }

// termsOf takes a sum apart: what its sum over rows is made of, but for constant factors.
func termsOf(e *Expr) []*Expr {
	switch e.Op {
	case OpAdd, OpSubtract:
		return append(termsOf(e.Args[0]), termsOf(e.Args[1])...)
	case OpNegate, OpRescale:
		return termsOf(e.Args[0])
	case OpMultiply:
		for i, a := range e.Args {
			if a.Op == OpConstant {
				return termsOf(e.Args[1-i])
			}
		}
	}
	return []*Expr{e}
}

// distinctFactors gives the factors of a product in their order, each with how often it stands there.
func distinctFactors(e *Expr) func(yield func(*Expr, int) bool) {
	var factors []*Expr
	var times []int
	var walk func(e *Expr)
	walk = func(e *Expr) {
		switch e.Op {
		case OpMultiply:
			walk(e.Args[0])
			walk(e.Args[1])
		case OpNegate, OpRescale:
			walk(e.Args[0])
		default:
			if at := slices.IndexFunc(factors, e.equal); at >= 0 {
				times[at]++
			} else if e.Op != OpConstant {
				factors, times = append(factors, e), append(times, 1)
			}
		}
	}
	walk(e)
	return func(yield func(*Expr, int) bool) {
		for i, f := range factors {
			if !yield(f, times[i]) {
				return
			}
		}
	}
}

// outermost are the conditions inside an expression that stand in no other condition.
func outermost(e *Expr) (out []*Expr) {
	if e.Kind == Boolean && e.Op != OpConstant {
		return []*Expr{e}
	}
	for _, a := range e.Args {
		out = append(out, outermost(a)...)
	}
	return out
}

// few lists the values of a number over rows if it is known that there are at most so many.
func (s *supports) few(e *Expr, most int) ([]Datum, bool) {
	values, ok := s.fewOf(e, most)
	return values, ok && len(values) <= most
}

func (s *supports) fewOf(e *Expr, most int) ([]Datum, bool) {
	switch {
	case !e.Kind.numeric():
		return nil, false
	case e.Op == OpConstant:
		return slices.DeleteFunc([]Datum{e.Value}, Datum.IsNull), true
	case e.Op == OpColumn && s.plan.Schema.Columns[e.Column].HasDictionary:
		values := s.plan.Schema.Columns[e.Column].values()
		for i := range values {
			values[i] = Datum{Kind: e.Kind, Number: rescaled(values[i], e.Scale), Scale: e.Scale}
		}
		return values, true
	case e.results() != nil:
		var out []Datum
		for _, r := range e.results() {
			values, ok := s.few(r, most)
			if !ok {
				return s.between(e, most)
			}
			out = append(out, values...)
		}
		return slices.DeleteFunc(ascending(out, false), Datum.IsNull), true
	case e.Op == OpTruth:
		return []Datum{NewInteger(0), NewInteger(1)}, true
	case e.Op == OpNegate || e.Op == OpRescale || e.Op == OpAdd || e.Op == OpSubtract || e.Op == OpMultiply:
		if values, ok := s.computed(e, most); ok {
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
	values, ok := e.counted(int64(most))
	return slices.DeleteFunc(values, Datum.IsNull), ok
}

// computed lists what an operation gives for all values of its arguments.
func (s *supports) computed(e *Expr, most int) ([]Datum, bool) {
	args, combinations := make([][]Datum, len(e.Args)), 1
	for i, a := range e.Args {
		var ok bool
		if args[i], ok = s.few(a, most); !ok || combinations*len(args[i]) > maxClasses {
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
