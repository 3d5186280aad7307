package engine

import (
	"math/big"
	"slices"
)

// atoms are what the conditions of several aggregates are made of. Which of them a row meets decides which aggregates
// count it: where sums and differences of all these make a set of rows that is too small, they tell it, as of a, b
// and a OR b what is in both. README section 18.2.
type atoms struct {
	sets    []int      // supports: the rows that meet some of the atoms and not the others
	rows    []int      // supports: the rows of the aggregates
	vectors [][]uint64 // of each, whether a set is in it
}

// maxAtoms, maxMinterms and maxTogether are of how many conditions, sets of rows and aggregates that is looked at.
const (
	maxAtoms    = 12
	maxMinterms = 64
	maxTogether = 9
)

// atomsOf adds the atoms that a condition is made of: it is true where a function of which of them are true says so.
func (s *supports) atomsOf(e *Expr, all []*Expr) []*Expr {
	switch {
	case e.Op == OpAnd || e.Op == OpOr:
		for _, a := range e.Args {
			all = s.atomsOf(a, all)
		}
		return all
	case e.Op == OpIsTrue, e.Op == OpNot && !e.Args[0].Nullable:
		return s.atomsOf(e.Args[0], all)
	}
	if !slices.ContainsFunc(all, e.equal) {
		all = append(all, e)
	}
	return all
}

// holdsFor is that function.
func holdsFor(e *Expr, all []*Expr, set int) bool {
	switch {
	case e.Op == OpAnd:
		return !slices.ContainsFunc(e.Args, func(a *Expr) bool { return !holdsFor(a, all, set) })
	case e.Op == OpOr:
		return slices.ContainsFunc(e.Args, func(a *Expr) bool { return holdsFor(a, all, set) })
	case e.Op == OpIsTrue:
		return holdsFor(e.Args[0], all, set)
	case e.Op == OpNot && !e.Args[0].Nullable:
		return !holdsFor(e.Args[0], all, set)
	}
	return set>>slices.IndexFunc(all, e.equal)&1 == 1
}

// divide finds the atoms of aggregates whose conditions stand beside the same others and read columns in common. Two of
// them are a pair.
func (s *supports) divide(all []filtered) {
	for len(all) > 0 {
		together := all[:1:1]
		all = slices.Clone(all[1:])
		for i := 0; i < len(together); i++ {
			all = slices.DeleteFunc(all, func(f filtered) bool {
				join := f.key == together[0].key && sharing(f.chosen(), together[i].chosen())
				if join {
					together = append(together, f)
				}
				return join
			})
		}
		if len(together) > 1 && len(together) <= maxTogether && entangled(together) {
			s.divideBy(together)
		}
	}
}

func (s *supports) divideBy(together []filtered) {
	var list []*Expr
	for _, f := range together {
		for _, c := range f.chosen() {
			list = s.atomsOf(c, list)
		}
	}
	if len(list) > maxAtoms {
		return
	}
	var sets []int
	possible := s.possible(list)
	for set := range 1 << len(list) {
		if possible(set) {
			sets = append(sets, set)
		}
	}
	if len(sets) > maxMinterms {
		return
	}
	out := atoms{vectors: make([][]uint64, len(together))}
	for _, f := range together {
		out.rows = append(out.rows, f.at)
	}
	for _, set := range sets {
		conditions := slices.Clone(together[0].kept)
		for i, c := range list {
			if set>>i&1 == 0 {
				c = negated(&Expr{Op: OpIsTrue, Args: []*Expr{c}, Kind: Boolean})
			}
			conditions = append(conditions, c)
		}
		out.sets = append(out.sets, s.add(conditions))
		for i, f := range together {
			in := !slices.ContainsFunc(f.chosen(), func(c *Expr) bool { return !holdsFor(c, list, set) })
			out.vectors[i] = append(out.vectors[i], uint64(truthNumber(in)))
		}
	}
	s.atoms = append(s.atoms, out)
}

// possible tells whether a row can meet the atoms of a set and no others, as far as the values of single columns say.
func (s *supports) possible(list []*Expr) func(set int) bool {
	masks, patterns := map[int]int{}, map[int]map[int]bool{}
	for i, c := range list {
		if column := only(c); column >= 0 {
			masks[column] |= 1 << i
		}
	}
	for column, mask := range masks {
		values, ok := s.listed(column, nil)
		if !ok {
			continue
		}
		patterns[column] = map[int]bool{}
		for _, x := range append(slices.Clip(values), Datum{}) {
			pattern := 0
			for i, c := range list {
				if mask>>i&1 == 1 {
					if v, err := c.Eval(func(int) Datum { return x }); err == nil && v.Kind == Boolean && v.Bool {
						pattern |= 1 << i
					}
				}
			}
			patterns[column][pattern] = true
		}
	}
	return func(set int) bool {
		for column, can := range patterns {
			if !can[set&masks[column]] {
				return false
			}
		}
		var met []*Expr
		for i, c := range list {
			if set>>i&1 == 1 {
				met = append(met, c)
			}
		}
		return !apart(met, met)
	}
}

// entangled reports whether two of the aggregates have conditions that may hold together, and of which neither has the
// other's: all else is looked at as complements and pairs.
func entangled(all []filtered) bool {
	for i, a := range all {
		for _, b := range all[:i] {
			if !subsumes(a.conditions, b.conditions) && !subsumes(b.conditions, a.conditions) && !apart(a.conditions, b.conditions) {
				return true
			}
		}
	}
	return false
}

// tells withholds the aggregates of which a combination is the number of rows that are too few: of three and more, the
// group's rows among them; others are complements and pairs.
func (s *Screening) tells(a atoms, cells []*big.Int, fail func(i int, code byte)) {
	var there []int
	for k, i := range a.sets {
		if s.rowsAtLeast(i, cells) > 0 {
			there = append(there, k)
		}
	}
	// Each row is a known number: by sets, and then which aggregates it is made of. The first is the group's.
	rows := make([][]uint64, 1+len(a.vectors))
	for n := range rows {
		rows[n] = make([]uint64, len(there)+len(rows))
		for at, k := range there {
			if n == 0 || a.vectors[n-1][k] == 1 {
				rows[n][at] = 1
			}
		}
		rows[n][len(there)+n] = 1
	}
	rows = reduced(rows, len(there))
	for n := 1; n < 1<<len(rows); n++ { // a set has 0 or 1 at the pivots
		sum := addedUp(rows, n, len(there))
		if sum == nil {
			continue
		}
		var sets, parts []int
		for at, x := range sum {
			switch {
			case x != 0 && at >= len(there):
				parts = append(parts, at-len(there))
			case x != 0:
				sets = append(sets, a.sets[there[at]])
			}
		}
		if code := s.fewIn(sets, cells); code != 0 && len(parts) > 2 {
			for _, n := range parts {
				if n > 0 {
					fail(a.rows[n-1], code)
				}
			}
		}
	}
}

// fewIn is why sets have too few rows together, as far as their figures say.
func (s *Screening) fewIn(sets []int, cells []*big.Int) byte {
	if len(sets) == 1 {
		return s.failure(sets[0], cells)
	}
	count, below := int64(0), 0
	for _, i := range sets {
		count = s.together(count, s.rowsAtLeast(i, cells))
		if s.failure(i, cells) == ReasonFloor {
			below++
		}
	}
	switch {
	case len(sets) > 0 && below == len(sets):
		return ReasonFloor
	case count < s.enough(s.Rules.Count, int64(len(sets))):
		return ReasonCount
	}
	return 0
}

// together is how many rows two sets of rows have together that exclude each other, at least. Of keys, the more of the two: a key can have
// rows in both.
func (s *Screening) together(a, b int64) int64 {
	if s.answer != nil && s.answer.Join != nil {
		return max(a, b)
	}
	return a + b
}

// rowsAtLeast is how many rows a support has, or as many as matter.
func (s *Screening) rowsAtLeast(i int, cells []*big.Int) int64 {
	f := s.figures[i]
	n := cells[f.count].Int64()
	if f.floor >= 0 {
		n += cells[f.floor].Int64() // departments with rows that the count leaves out
	}
	return n
}

// addedUp adds up some rows; nil if that is not 0 or 1 in each of the first places.
func addedUp(rows [][]uint64, which, width int) []uint64 {
	out := make([]uint64, len(rows[0]))
	for at := range out {
		for i, row := range rows {
			if which>>i&1 == 1 {
				out[at] = (out[at] + row[at]) % prime
			}
		}
		if at < width && out[at] > 1 {
			return nil
		}
	}
	return out
}

// reduced is the reduced echelon form in the first places, rows of 0 there left out.
func reduced(rows [][]uint64, width int) [][]uint64 {
	rank := 0
	for column := range width {
		at := slices.IndexFunc(rows[rank:], func(row []uint64) bool { return row[column] != 0 })
		if at < 0 {
			continue
		}
		rows[rank], rows[rank+at] = rows[rank+at], rows[rank]
		inverse := powerMod(rows[rank][column], prime-2)
		for k := range rows[rank] {
			rows[rank][k] = productMod(rows[rank][k], inverse)
		}
		for i, row := range rows {
			if by := row[column]; i != rank && by != 0 {
				for k := range row {
					row[k] = (row[k] + prime - productMod(by, rows[rank][k])) % prime
				}
			}
		}
		if rank++; rank == len(rows) {
			break
		}
	}
	return rows[:rank]
}
