package engine

import (
	"math"
	"math/big"
	"slices"
)

// LeastPersons is the smallest count of persons that holds of a join across departments where a contributor's policy says no other, and
// FewestPersons what no policy takes it below. README section 20.4.
const (
	LeastPersons  = 10
	FewestPersons = 2
)

// persons are what the numbers of a join across departments rest on: sets of persons, each counted by a target of the screening.
type persons struct {
	linked *Linked
	of     [][]int // by target and term of the answer, the set that it is of; 0 is that of all rows that match
	beyond [][]int // by set, those that together are the rest of the first
	named  []int   // of NOT IN, by set: those with a row in the subquery, whom it leaves out; nil of all else

	vectors [2]map[string]int // by side, by canonical encoding
	sets    map[[2]int]int    // by their vectors
}

// persons are the sets of a plan's numbers.
func (p *Plan) persons() *persons {
	from := p.Linked()
	l := &Linked{Spine: from.Spine, Multiplier: from.Multiplier, Semi: from.Semi}
	for side, of := range from.Sides {
		l.Sides[side] = Side{Departments: of.Departments, Key: of.Key, Groups: of.Groups}
	}
	s := &persons{linked: l, vectors: [2]map[string]int{{}, {}}, sets: map[[2]int]int{}}
	first := from.Targets[from.Moments[0]].Terms[0] // rows that match
	var where [2][]*Expr
	for side, v := range first.Vectors {
		where[side] = conjuncts(from.Sides[side].Vectors[v].Filter)
	}
	s.set(p, where, false)
	for _, t := range from.Targets {
		var sets []int
		for _, term := range t.Terms {
			var when [2][]*Expr
			for side, v := range term.Vectors {
				when[side] = from.Sides[side].Vectors[v].rows()
			}
			at := s.set(p, when, false)
			if sets = append(sets, at); s.beyond[at] == nil && at > 0 {
				var rest []int
				for side := range when {
					extra := slices.DeleteFunc(slices.Clone(when[side]), func(e *Expr) bool {
						return slices.ContainsFunc(where[side], e.equal)
					})
					if len(extra) == 0 {
						continue
					}
					other := where
					other[side] = append(slices.Clone(where[side]), notTrue(conjunction(nil, extra)))
					rest = append(rest, s.set(p, other, false))
				}
				s.beyond[at] = rest
			}
		}
		s.of = append(s.of, sets)
	}
	s.nameThose(p)
	return s
}

// nameThose adds, of NOT IN, to each set that of the persons whom it leaves out: by two subqueries, of which one names nobody, their number is had as a
// difference, however few they are.
func (s *persons) nameThose(p *Plan) {
	if s.linked.Semi == nil || !s.linked.Semi.Not {
		return
	}
	for _, t := range slices.Clone(s.linked.Targets) {
		var when [2][]*Expr
		for side, v := range t.Terms[0].Vectors {
			when[side] = conjuncts(s.linked.Sides[side].Vectors[v].Filter)
		}
		s.named = append(s.named, s.set(p, when, true))
	}
}

// rows are the conditions that a row meets that adds to a vector.
func (v *Vector) rows() []*Expr {
	out := conjuncts(v.Filter)
	if v.Expr != nil {
		for _, e := range needs(v.Expr) {
			out = append(out, hasValue(e))
		}
	}
	return out
}

func notTrue(e *Expr) *Expr {
	return &Expr{Op: OpNot, Kind: Boolean, Args: []*Expr{{Op: OpIsTrue, Kind: Boolean, Args: []*Expr{e}}}}
}

// set finds or adds the persons of whom both sides have rows under conditions; or, of NOT IN, whom the subquery does not name, but if named is set.
func (s *persons) set(p *Plan, when [2][]*Expr, named bool) int {
	term := Term{Factor: big.NewInt(1)}
	rows := [2]*big.Int{new(big.Int), new(big.Int)}
	for side := range when {
		of := &s.linked.Sides[side]
		v := Vector{Op: Present, Filter: conjunction(nil, inOrder(when[side]))}
		if !named {
			v.Op = s.linked.asked(side, Present)
		}
		for _, r := range p.Join.of(side) {
			v.Bounds = append(v.Bounds, momentBound(&Moment{Op: v.Op}, r, p.Schema))
			rows[side].Add(rows[side], big.NewInt(r.Rows))
		}
		if v.Op == Absent { // whoever is of the other side
			rows[side].SetInt64(math.MaxInt64)
		}
		key := string(Marshal(v))
		at, known := s.vectors[side][key]
		if !known {
			at, of.Vectors = len(of.Vectors), append(of.Vectors, v)
			s.vectors[side][key] = at
		}
		term.Vectors[side] = at
	}
	if at, known := s.sets[term.Vectors]; known {
		return at
	}
	s.sets[term.Vectors] = len(s.linked.Targets)
	for side := range rows { // each person of one side is counted by every department of the other
		rows[side].Mul(rows[side], big.NewInt(int64(len(s.linked.Sides[1-side].Departments))))
	}
	s.linked.Moments = append(s.linked.Moments, len(s.linked.Targets))
	s.linked.Targets = append(s.linked.Targets, Target{Terms: []Term{term}, Range: Bound{Lo: new(big.Int), Hi: minimum(rows[0], rows[1])}})
	s.beyond = append(s.beyond, nil)
	return len(s.linked.Targets) - 1
}

// Pins are, by target of a join across departments and term, the target of its screening that counts the term's persons, in the same
// group: what a department multiplies for the term is 0 of everybody whom it did not count there.
func (p *Plan) Pins() [][]int { return p.persons().of }

// screenLinked is Screening of a join across departments: it counts the persons that each number rests on, and those that it leaves out.
func (p *Plan) screenLinked(d Disclosure) (*Plan, error) {
	if rest := (Disclosure{Count: d.Count, ZeroIsSmall: d.ZeroIsSmall, Levels: d.Levels, LevelsPerMille: d.LevelsPerMille}); rest != d {
		return nil, hinted(refuse(CodePolicy, 0, "the departments have rules beside a smallest count, and under these a join across departments is not answered"),
			"of policies for tables that are joined across departments [disclosure] has count and zero_is_small alone")
	}
	s := p.persons()
	join := *p.Join
	join.Linked = s.linked
	out := &Plan{SQL: p.SQL, Table: p.Table, Departments: p.Departments, Schema: p.Schema, Join: &join, Filter: p.Filter, Groups: p.Groups,
		Layout: p.Layout, Screen: &Screening{Answer: p.Digest(), Rules: d, answer: p, persons: s}}
	at := s.linked.person()
	c := p.Schema.Columns[at]
	for range s.linked.Targets {
		out.Moments = append(out.Moments, Moment{Op: CountKeys,
			Expr: &Expr{Op: OpColumn, Column: at, Kind: c.Kind, Scale: c.Scale, Nullable: c.Nullable, Min: c.Min, Max: c.Max}})
	}
	for side := range s.linked.Sides {
		if n := len(s.linked.Sides[side].Vectors) * s.linked.Groups(out, side); n > MaxVectors {
			return nil, hinted(refuse(CodeLimit, 0, "the rules look at %d sets of persons of a table; at most %d are allowed", n, MaxVectors), "ask for fewer aggregates at once")
		}
	}
	return out, nil
}

// fewest is the smallest count as a screening's targets have it: who can stand at several departments of a side is counted by each.
func (s *persons) fewest(p *Plan, count int64) *big.Int {
	out := big.NewInt(count)
	for _, side := range s.linked.Sides {
		if p.Schema.Columns[side.Key].Colocated == "" {
			out.Mul(out, big.NewInt(int64(len(side.Departments))))
		}
	}
	return out
}

// FewestPersons is how many persons have to be counted of what a cell of a join across departments rests on, by the plan's rules; 0 of other plans. It is
// above the policies' smallest count where a side has several departments: each counts by itself whom several know.
func (p *Plan) FewestPersons() int64 {
	if p.Linked() == nil {
		return 0
	}
	s := &persons{linked: p.Linked()}
	return s.fewest(p, p.Rules.Count).Int64()
}

// screenedLinked is Screened of a join across departments: of a number too few persons are counted, or left out.
func (p *Plan) screenedLinked(cells []*big.Int) ([]byte, error) {
	s := p.Screen.persons
	if _, err := s.linked.Cells(p, cells); err != nil {
		return nil, err
	}
	fewest := s.fewest(p, p.Screen.Rules.Count)
	few := func(group, set int, none bool) bool {
		n := cells[group*len(s.linked.Targets)+set]
		return n.Cmp(fewest) < 0 && (n.Sign() > 0 || none)
	}
	var verdict []byte
	for g := range p.groupCount() {
		first := len(verdict)
		for m, t := range p.Screen.answer.Linked().Moments {
			code := byte(0)
			for _, set := range s.of[t] {
				rest := slices.ContainsFunc(s.beyond[set], func(b int) bool { return few(g, b, false) }) &&
					!slices.ContainsFunc(s.beyond[set], func(b int) bool { return cells[g*len(s.linked.Targets)+b].Cmp(fewest) >= 0 })
				named := s.named != nil && slices.ContainsFunc(append([]int{set}, s.beyond[set]...), func(of int) bool { return few(g, s.named[of], false) })
				if few(g, set, p.Screen.Rules.ZeroIsSmall) || rest || named {
					code = ReasonCount
				}
			}
			if m > 0 && verdict[first] != 0 {
				code = verdict[first]
			}
			verdict = append(verdict, code)
		}
	}
	return verdict, nil
}

// Opened reports whether a target of a join across departments is opened in a group: not all of its cells are withheld.
func (p *Plan) Opened(group, target int) bool {
	for m, t := range p.Linked().Moments {
		if t == target && p.withheld(group, m) == 0 {
			return true
		}
	}
	return false
}
