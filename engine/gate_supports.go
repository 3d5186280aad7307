package engine

import (
	"maps"
	"slices"
	"strings"
)

// support is a set of a group's rows that a cell rests on: those that meet all conditions, or of another
// support's rows, of which they are a part, the others. README section 18.2.
type support struct {
	conditions []*Expr // none: all rows of the group
	within     int     // the support whose other rows are meant; −1: the rows themselves
	partial    bool    // in some groups there can be none
	outside    bool    // the conditions are all there are: of these rows, WHERE need not hold
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
	atoms []atoms
	open  [][]chosenRows // by moment: what its complements are taken of
	count []int          // by moment, the support whose rows it counts; −1 of a sum

	domains map[string]*domainOf // what columns can be where conditions hold

	outside map[string]int // by the conditions' keys, supports of rows for which WHERE need not hold
	past    past
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
	s := newSupports(p)
	for m := range p.Moments {
		s.of, s.read, s.open = append(s.of, []int{0}), append(s.read, map[int]bool{}), append(s.open, nil)
		s.count = append(s.count, s.moment(m))
	}
	s.leftOver()
	for m := range p.Moments {
		for _, o := range s.open[m] {
			s.complements(m, o)
		}
	}
	return s, s.pairUp()
}

func newSupports(p *Plan) *supports {
	s := &supports{plan: p, rows: map[string]int{}, rest: map[[2]int]int{}, keys: map[*Expr]string{}, ands: map[string]*Expr{}, domains: map[string]*domainOf{},
		outside: map[string]int{}}
	s.add(nil)
	return s
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
	for m := range s.of {
		all = append(all, m)
	}
	return append([][]int{all}, inCommon(s.read)...)
}

// inCommon are lists of those that have something in common, one with another; without those that have nothing.
func inCommon[K comparable](of []map[K]bool) (parts [][]int) {
	var united []map[K]bool
	for m := range of {
		if len(of[m]) == 0 {
			continue
		}
		part, things := []int{m}, maps.Clone(of[m])
		for i := len(parts) - 1; i >= 0; i-- {
			if overlap(things, united[i]) {
				part = append(part, parts[i]...)
				maps.Copy(things, united[i])
				parts, united = slices.Delete(parts, i, i+1), slices.Delete(united, i, i+1)
			}
		}
		slices.Sort(part)
		parts, united = append(parts, part), append(united, things)
	}
	return parts
}

func overlap[K comparable](a, b map[K]bool) bool {
	for k := range a {
		if b[k] {
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

// rely lets a moment rest on the rows that meet all conditions, and gives that support.
func (s *supports) rely(m int, kept, chosen []*Expr) int { return s.relyIf(m, kept, chosen, false) }

// relyIf is rely; partial: there may be groups that can have no such rows.
func (s *supports) relyIf(m int, kept, chosen []*Expr, partial bool) int {
	kept = s.flat(kept)
	chosen = slices.DeleteFunc(s.flat(chosen), func(c *Expr) bool { return slices.Contains(kept, c) })
	known := len(s.list)
	at := s.add(slices.Concat(kept, chosen))
	s.list[at].partial = partial && (at == known || s.list[at].partial)
	if s.restOn(m, at); len(chosen) > 0 {
		s.open[m] = append(s.open[m], chosenRows{at, kept, chosen})
	}
	return at
}

// restOn lets a moment rest on a support.
func (s *supports) restOn(m, at int) {
	if !slices.Contains(s.of[m], at) {
		s.of[m] = append(s.of[m], at)
	}
}

// moment finds what a moment of the plan rests on, but for complements. It gives the support whose rows it counts, or −1.
func (s *supports) moment(m int) int {
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
		return -1
	case CountNonNull:
		return s.rely(m, nil, append(slices.Clone(chosen), valued(moment.Expr, nil)...))
	}
	return s.rely(m, nil, chosen)
}

// sum finds what a sum of an expression over the chosen rows rests on: the rows that add something to it,
// the classes of those that few-valued factors tell apart, and what conditions inside of it choose.
func (s *supports) sum(m int, e *Expr, chosen []*Expr) {
	hold := slices.Clone(chosen)
	if s.plan.Filter != nil {
		hold = append(hold, s.plan.Filter)
	}
	hold = s.flat(hold)
	terms := termsOf(e)
	if len(terms) > 1 {
		s.rely(m, append(valued(e, nil), nonzero(e)...), chosen)
	}
	for _, t := range terms {
		s.term(m, e, t, chosen, hold)
	}
	s.kinks(m, e, chosen, hold)
	for _, b := range outermost(e) {
		s.rely(m, nil, append(slices.Clone(chosen), b))
		s.rely(m, nil, append(slices.Clone(chosen), negated(b)))
	}
}

// term finds what one summand rests on. hold are conditions that all chosen rows meet.
func (s *supports) term(m int, e, term *Expr, chosen, hold []*Expr) {
	var few []rowClasses
	var many []*Expr
	number := 1
	keep := func(c rowClasses, ok bool) bool {
		n := max(1, len(c.conditions))
		if ok = ok && number*n <= maxClasses; ok {
			few, number = append(few, c), number*n
		}
		return ok
	}
	factors := multiplicands(term)
	for _, together := range gather(factors, sameColumn) {
		where := hold
		for _, f := range factors {
			if !slices.Contains(together, f) {
				where = append(slices.Clip(where), s.flat(f.implied())...)
			}
		}
		if keep(s.classesOf(together, where)) {
			continue
		}
		for _, same := range gather(together, (*Expr).equal) {
			if len(same) < len(together) && keep(s.classesOf(same, where)) {
				continue
			}
			many = append(many, same[0])
			s.within(m, e, same, chosen, where)
			if same[0].Op == OpCase && len(factors) == 1 {
				for r, conditions := range same[0].branches() {
					if s.tells(r, append(slices.Clip(where), s.flat(conditions)...)) {
						s.sum(m, r, slices.Concat(chosen, conditions))
					}
				}
			}
		}
	}
	s.combine(m, e, few, many, number, chosen)
}

// tells reports whether a factor of an expression takes few values.
func (s *supports) tells(e *Expr, hold []*Expr) bool {
	for _, t := range termsOf(e) {
		for _, together := range gather(multiplicands(t), sameColumn) {
			if c, ok := s.classesOf(together, hold); ok && len(c.conditions) > 1 {
				return true
			}
		}
	}
	return false
}

// combine lets a moment rest on each combination of the classes of few-valued factors, of the rows where the others
// are not 0.
func (s *supports) combine(m int, e *Expr, few []rowClasses, many []*Expr, number int, chosen []*Expr) {
	var adding, covered []*Expr
	for _, f := range many {
		if n := nonzero(f); len(n) > 0 {
			adding, covered = append(adding, n...), append(covered, f)
		}
	}
	for n := range number {
		kept, compared, partial := slices.Clone(adding), slices.Clone(covered), false
		for _, c := range few {
			if len(c.conditions) == 0 { // it is NULL throughout: nothing is added up
				return
			}
			if condition := c.conditions[n%len(c.conditions)]; condition != nil {
				kept, compared = append(kept, condition), append(compared, c.of)
			}
			partial = partial || c.partial
			n /= len(c.conditions)
		}
		s.relyIf(m, append(valued(e, compared), kept...), chosen, partial)
	}
}

// within lets a moment rest on the values of few-valued parts of a factor that is a sum.
func (s *supports) within(m int, e *Expr, factor, chosen, hold []*Expr) {
	for _, part := range termsOf(factor[0]) {
		for _, same := range gather(multiplicands(part), sameColumn) {
			if same[0] == factor[0] {
				continue
			}
			for range factor[1:] {
				same = append(same, same[0])
			}
			if c, ok := s.classesOf(same, hold); ok && len(c.conditions) > 1 {
				for _, condition := range c.conditions {
					s.relyIf(m, append(valued(e, []*Expr{c.of}), condition), chosen, c.partial)
				}
			}
		}
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
	return &Expr{Op: OpEqual, Args: []*Expr{f, constantOf(f, x)}, Kind: Boolean, Nullable: f.Nullable}
}

// nonzero is the condition that a number is not 0; none where it cannot be, or where it is a row's score,
// which is not 0 but at its ends.
func nonzero(f *Expr) []*Expr {
	if f.Min != nil && (f.Min.Sign() > 0 || f.Max.Sign() < 0) || scored(f) {
		return nil
	}
	return []*Expr{{Op: OpNotEqual, Args: []*Expr{f, zeroOf(f)}, Kind: Boolean, Nullable: f.Nullable}}
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
