package engine

import (
	"fmt"
	"math/big"
	"slices"
)

// free gives the index of the rows that meet conditions, whether WHERE holds for them or not.
func (s *supports) free(conditions []*Expr) int {
	conditions = s.flat(conditions)
	key := s.key(conditions)
	at, known := s.outside[key]
	if !known {
		at = len(s.list)
		s.outside[key] = at
		s.list = append(s.list, support{conditions: conditions, within: -1, outside: true})
	}
	return at
}

// without are the conditions that rows of one set are not in another one; false where the first is a part of it.
func (s *supports) without(a, b []*Expr) ([]*Expr, bool) {
	rest := slices.DeleteFunc(slices.Clone(b), func(c *Expr) bool { return slices.Contains(a, c) })
	if len(rest) == 0 {
		return nil, false
	}
	return append(slices.Clone(a), negated(isTrue(conjunction(nil, rest)))), true
}

// face lets a set of the question's be compared with one of an earlier question's.
func (s *supports) face(own, other asked, q *Plan, differ bool) error {
	keys, possible := s.beside(own, other, q)
	if !possible {
		return nil
	}
	other.conditions = s.held(other, keys)
	if apart(own.conditions, other.conditions) {
		return nil
	}
	o := facing{own: own, other: other, more: -1, alone: differ}
	more, some := s.without(own.conditions, other.conditions)
	if _, others := s.without(other.conditions, own.conditions); !some && !others && len(other.keys) == len(own.keys) {
		return nil // the same rows, told apart as far
	}
	if some {
		o.more = s.free(more)
	}
	number := s.plan.groupCount()
	for _, k := range keys {
		if number *= len(k.values); number > maxFaced {
			break
		}
	}
	parts := [][]*Expr{nil}
	if number <= maxFaced {
		parts = products(keys)
	}
	for _, part := range parts {
		conditions := s.flat(append(slices.Clone(other.conditions), part...))
		f := faced{both: s.free(append(slices.Clone(own.conditions), conditions...)), less: -1}
		if less, others := s.without(conditions, own.conditions); others {
			f.less = s.free(less)
		}
		o.parts = append(o.parts, f)
	}
	if s.past.facings += len(o.parts); s.past.facings > maxFacings {
		return tooManyFacings()
	}
	steps := int64(s.plan.groupCount())
	if len(other.keys) < len(s.plan.Groups) { // groups are weighed against each other
		steps *= steps
	}
	if s.past.weighings += steps * int64(len(o.parts)); s.past.weighings > maxWeighings {
		return hinted(refuse(CodeHistory, 0, "the groups of the question are too many to be compared with earlier answers"),
			"ask for fewer groups, or group as the earlier questions did")
	}
	s.past.pairs = append(s.past.pairs, o)
	return nil
}

// each visits the supports that are inGroup for comparisons.
func (p *past) each(visit func(support int)) {
	for _, o := range p.pairs {
		for _, part := range append(slices.Clip(o.parts), faced{o.own.at, o.more}) {
			for _, i := range []int{part.both, part.less} {
				if i >= 0 {
					visit(i)
				}
			}
		}
	}
	for _, d := range p.divided {
		visit(d.rest)
		for _, part := range d.parts {
			visit(part.both)
			if part.less >= 0 {
				visit(part.less)
			}
		}
	}
	for _, f := range p.families {
		for _, r := range f.regions {
			visit(r.at)
		}
	}
	for _, c := range p.covers {
		visit(c.rest)
		if c.within >= 0 {
			visit(c.within)
		}
		for _, x := range c.own {
			visit(x.at)
		}
	}
}

// inGroup is a support in one group.
type inGroup struct{ group, support int }

// tellsWith is the first earlier question with whose answer this one's would tell of too few rows; false where there is none.
// README section 18.9.
func (p *Plan) tellsWith(cells []*big.Int, verdict []byte) (earlier int, tells bool) {
	s := p.Screen
	first, known := -1, map[string][][]int{}
	alike := func(keys []int) [][]int { // of few keys, for many pairs
		name := fmt.Sprint(keys)
		if known[name] == nil {
			known[name] = p.alike(keys)
		}
		return known[name]
	}
	note := func(j int) {
		if first < 0 || j < first {
			first = j
		}
	}
	for i := range s.supports.past.pairs {
		o := &s.supports.past.pairs[i]
		if first >= 0 && first <= o.other.earlier {
			continue
		}
		together := alike(o.other.keys)
		if len(o.other.linked) > 0 {
			together = p.alike(o.other.keys, o.other.linked...)
		}
		for _, groups := range together {
			if p.overlaps(o, groups, cells, verdict) {
				note(o.other.earlier)
				break
			}
		}
	}
	for i := range s.supports.past.divided {
		d := &s.supports.past.divided[i]
		for _, groups := range alike(d.keys) {
			if p.divides(d, groups, cells, verdict) {
				note(d.earlier)
			}
		}
	}
	for i := range s.supports.past.families {
		f := &s.supports.past.families[i]
		for _, groups := range alike(f.keys) {
			if j, few := p.combines(f, groups, cells, verdict); few {
				note(j)
			}
		}
	}
	for i := range s.supports.past.covers {
		c := &s.supports.past.covers[i]
		if slices.ContainsFunc(alike(c.keys), func(groups []int) bool { return p.leaves(c, groups, cells, verdict) }) {
			note(c.earlier)
		}
	}
	return first, first >= 0
}

// alike are the groups that some keys do not tell apart.
func (p *Plan) alike(keys []int, linked ...linkedKey) [][]int {
	groups := make([]int, p.groupCount())
	for g := range groups {
		groups[g] = g
	}
	return gatherBy(groups, func(g int) string {
		name := ""
		for i, v := range p.groupValues(g) {
			if slices.Contains(keys, i) {
				name += nameOf(v)
			}
			for _, l := range linked {
				if l.key == i {
					name += l.parts[nameOf(v)] + " "
				}
			}
		}
		return name
	})
}

// overlaps reports whether, over groups that both questions tell together, the difference of rows that the answer shows and rows
// that an earlier one shows is a set of too few: where one has all rows of the other, whatever groups and parts they are made of.
func (p *Plan) overlaps(o *facing, groups []int, cells []*big.Int, verdict []byte) bool {
	w := p.weigh(o, groups, cells, verdict)
	if o.alone && w.below {
		return true
	}
	every := func(n int) (all []int) {
		for i := range n {
			all = append(all, i)
		}
		return all
	}
	for _, own := range subsets(w.shown) {
		if w.around(own) {
			return true
		}
	}
	for _, parts := range subsets(every(len(o.parts))) {
		if w.about(parts) {
			return true
		}
	}
	return false
}

// subsets are a whole list, and each of it by itself.
func subsets(all []int) [][]int {
	out := [][]int{all}
	if len(all) > 1 {
		for _, i := range all {
			out = append(out, []int{i})
		}
	}
	return out
}

// below reports whether a department has rows of a support in a group, but fewer than its floor.
func (p *Plan) below(g, support int, cells []*big.Int) bool {
	if support < 0 {
		return false
	}
	at := p.Screen.figures[support].floor
	return at >= 0 && p.ofGroup(cells, g)[at].Sign() > 0
}

// fewAmong reports whether supports of several groups have rows together, but too few.
func (p *Plan) fewAmong(all []inGroup, cells []*big.Int) bool {
	s := p.Screen
	rows, departments, some, below := int64(0), int64(0), int64(0), int64(0)
	for _, c := range all {
		if c.support < 0 {
			continue
		}
		group := p.ofGroup(cells, c.group)
		n := s.rowsAtLeast(c.support, group)
		if n == 0 {
			continue
		}
		rows, some = s.together(rows, n), some+1
		if s.failure(c.support, group) == ReasonFloor {
			below++
		}
		if at := s.figures[c.support].departments; at >= 0 {
			departments = max(departments, group[at].Int64())
		}
	}
	return some > 0 && (below == some || rows < s.enough(s.Rules.Count, some) || departments < s.Rules.Departments)
}

// combines reports whether a sum of sets, of the answer's and of earlier answers', with any factors, is a set of too few
// rows, and of which earlier question's it is.
func (p *Plan) combines(f *family, groups []int, cells []*big.Int, verdict []byte) (earlier int, few bool) {
	s, width := p.Screen, len(p.Screen.answer.Moments)
	type column struct{ in, hidden int }
	var there []column
	of := map[column][]inGroup{}
	for _, g := range groups {
		hidden := 0
		for i, x := range f.sets {
			if x.earlier < 0 && !shows(verdict[g*width:], x.moments) {
				hidden |= 1 << i
			}
		}
		for _, r := range f.regions {
			if s.rowsAtLeast(r.at, p.ofGroup(cells, g)) == 0 {
				continue
			}
			c := column{r.in, hidden & r.in}
			if of[c] == nil {
				there = append(there, c)
			}
			of[c] = append(of[c], inGroup{g, r.at})
		}
	}
	rows := make([][]uint64, len(f.sets))
	for i := range rows {
		rows[i] = make([]uint64, len(there)+len(rows))
		for at, c := range there {
			rows[i][at] = uint64((c.in &^ c.hidden) >> i & 1)
		}
		rows[i][len(there)+i] = 1
	}
	rows = reduced(rows, len(there))
	for n := 1; n < 1<<len(rows); n++ { // a set has 0 or 1 at the pivots
		sum := addedUp(rows, n, len(there))
		if sum == nil {
			continue
		}
		var all []inGroup
		own, latest := false, -1
		for at, x := range sum {
			switch {
			case x == 0:
			case at < len(there):
				all = append(all, of[there[at]]...)
			default:
				j := f.sets[at-len(there)].earlier
				own, latest = own || j < 0, max(latest, j)
			}
		}
		if own && latest >= 0 && p.fewAmong(all, cells) {
			return latest, true
		}
	}
	return 0, false
}
