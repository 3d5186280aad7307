package engine

import "slices"

// pair are the conditions of two aggregates of which neither has the other's among its own. Where no row meets
// those of one and not those of the other, the difference of the two tells how many meet the other's alone, as
// of age >= 36 and age >= 37. README section 18.2.
type pair struct {
	rows [2]int // the two supports
	rest [2]int // of each its rows that are not in the other
}

// MaxPairs bounds the pairs of conditions in a question whose cells are screened.
const MaxPairs = 2048

// filtered is a support with conditions that the question itself writes.
type filtered struct {
	moment, at int
	kept       []*Expr
	key        string // of kept
	conditions []*Expr
}

// filters are the supports of the question's own aggregates, each once. Those of one call that counts values or
// ranges, or of one that returns rows, exclude each other or are looked at with their totals.
func (s *supports) filters() (out []filtered) {
	for _, m := range s.plan.plain() {
		for _, o := range s.open[m] {
			key := s.key(o.kept)
			if !slices.ContainsFunc(out, func(x filtered) bool { return x.at == o.support && x.key == key }) {
				out = append(out, filtered{m, o.support, o.kept, key, s.list[o.support].conditions})
			}
		}
	}
	return out
}

// pairUp finds the pairs among the conditions that the question itself writes, and lets those that exclude each
// other rest on the rows that meet none of them.
func (s *supports) pairUp() error {
	all := s.filters()
	var clusters [][]filtered
	for i, a := range all {
		for _, b := range all[:i] {
			if a.key != b.key || a.at == b.at || subsumes(a.conditions, b.conditions) || subsumes(b.conditions, a.conditions) ||
				!sharing(a.conditions, b.conditions) || apart(a.conditions, b.conditions) {
				continue
			}
			if len(s.pairs) == MaxPairs {
				return hinted(refuse(CodeLimit, 0, "more than %d pairs of conditions of aggregates may tell of each other's rows", MaxPairs),
					"ask for fewer aggregates with conditions at once")
			}
			both := s.add(slices.Concat(a.conditions, b.conditions))
			s.pairs = append(s.pairs, pair{[2]int{a.at, b.at}, [2]int{s.others(a.at, both), s.others(b.at, both)}})
		}
		at := slices.IndexFunc(clusters, func(c []filtered) bool {
			return !slices.ContainsFunc(c, func(b filtered) bool { return a.key != b.key || !apart(a.conditions, b.conditions) })
		})
		if at < 0 {
			at, clusters = len(clusters), append(clusters, nil)
		}
		clusters[at] = append(clusters[at], a)
	}
	for _, c := range clusters {
		if len(c) < 2 {
			continue
		}
		none := slices.Clone(c[0].kept)
		for _, a := range c {
			none = append(none, negated(&Expr{Op: OpIsTrue, Args: []*Expr{conjunction(nil, a.chosen())}, Kind: Boolean}))
		}
		known := len(s.list)
		at := s.add(none)
		s.list[at].partial = at == known || s.list[at].partial // what is left of a total
		for _, a := range c {
			s.restOn(a.moment, at)
		}
	}
	return nil
}

// chosen are the conditions without those that are kept.
func (f filtered) chosen() []*Expr {
	return slices.DeleteFunc(slices.Clone(f.conditions), func(c *Expr) bool { return slices.Contains(f.kept, c) })
}

// leftOver lets calls that make a cell of each value or range rest on the rows that are in none of them, which
// what they count together tells.
func (s *supports) leftOver() {
	for _, e := range s.plan.overCells() {
		eachFunction(e, func(call *Expr) {
			if functions[call.Value.Text].order == nil {
				return
			}
			for _, a := range call.Args {
				if a.Op == OpMoment {
					s.any(a.Column, 1)
					return
				}
			}
		})
	}
	r := s.plan.Report
	switch {
	case r == nil || len(r.Cells) < 2:
	case r.Function == "histogram":
		first, last := s.conditionsOf(r.Cells[2]), s.conditionsOf(r.Cells[len(r.Cells)-1])
		inside := conjunction(nil, []*Expr{first[len(first)-2], last[len(last)-1]})
		s.rely(r.Cells[2], nil, append(first[:len(first)-2], negated(inside)))
	case len(r.Keys) > 0:
		for _, m := range r.Cells[1:] {
			if m >= 0 && s.any(m, len(r.Keys)) {
				return
			}
		}
	}
}

// conditionsOf are those of a moment's FILTER.
func (s *supports) conditionsOf(m int) []*Expr {
	if f := s.plan.Moments[m].Filter; f != nil {
		return s.flat([]*Expr{f})
	}
	return nil
}

// any lets a moment rest on the rows that have any value where it asks for one, of so many expressions; false if
// it does not ask for that.
func (s *supports) any(m, most int) bool {
	conditions, valid := s.conditionsOf(m), []*Expr(nil)
	if s.plan.Moments[m].Op == Sum {
		valid = valued(s.plan.Moments[m].Expr, nil)
	}
	found := 0
	for i := len(conditions) - 1; i >= 0 && found < most; i-- {
		if c := conditions[i]; c.Op == OpEqual && c.Args[1].Op == OpConstant {
			valid, conditions = append(valid, valued(c.Args[0], nil)...), slices.Delete(conditions, i, i+1)
			found++
		}
	}
	if found > 0 {
		s.rely(m, nil, append(conditions, valid...))
	}
	return found > 0
}

// plain are the moments that stand in the question's own aggregates, ascending: not those of calls that make a cell
// of each value or range.
func (p *Plan) plain() (out []int) {
	var walk func(e *Expr)
	add := func(m int) {
		if !slices.Contains(out, m) {
			out = append(out, m)
		}
	}
	walk = func(e *Expr) {
		switch e.Op {
		case OpCount, OpMoment:
			add(e.Column)
		case OpSum, OpAverage:
			add(e.Column)
			add(e.Count)
		case OpFunction:
			if functions[e.Value.Text].order != nil || e.Value.Text == sketchFunction {
				return
			}
		}
		for _, a := range e.Args {
			walk(a)
		}
	}
	for _, e := range p.overCells() {
		walk(e)
	}
	slices.Sort(out)
	return out
}

// subsumes reports whether all of the conditions are among others.
func subsumes(a, b []*Expr) bool {
	return !slices.ContainsFunc(a, func(c *Expr) bool { return !slices.Contains(b, c) })
}

// sharing reports whether conditions that differ read a column in common: others choose independently.
func sharing(a, b []*Expr) bool {
	read := map[int]bool{}
	for _, c := range a {
		if !slices.Contains(b, c) {
			columnsOf(c, func(column int) { read[column] = true })
		}
	}
	shared := false
	for _, c := range b {
		if !slices.Contains(a, c) {
			columnsOf(c, func(column int) { shared = shared || read[column] })
		}
	}
	return shared
}

// apart reports whether it shows that no row meets both: one condition is another one's opposite, or both
// compare an expression with constants that lie apart.
func apart(a, b []*Expr) bool {
	for _, c := range a {
		for _, d := range b {
			if c.Op == OpNot && c.Args[0].equal(d) || d.Op == OpNot && d.Args[0].equal(c) || under(c, d) || under(d, c) {
				return true
			}
		}
	}
	return false
}

// under reports whether what one condition lets an expression be is below what another one does.
func under(c, d *Expr) bool {
	upper := c.Op == OpEqual || c.Op == OpLess || c.Op == OpLessEqual
	lower := d.Op == OpEqual || d.Op == OpGreater || d.Op == OpGreaterEq
	if !upper || !lower || c.Args[1].Op != OpConstant || d.Args[1].Op != OpConstant || !c.Args[0].equal(d.Args[0]) {
		return false
	}
	most, least := c.Args[1].Value, d.Args[1].Value
	if most.IsNull() || least.IsNull() || most.Kind != least.Kind || most.Scale != least.Scale {
		return false
	}
	order := most.Compare(least)
	return order < 0 || order == 0 && (c.Op == OpLess || d.Op == OpGreater)
}
