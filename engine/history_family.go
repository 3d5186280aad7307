package engine

import (
	"math/bits"
	"slices"
)

// family are sets whose sums and differences are looked at together.
type family struct {
	sets    []asked
	keys    []int
	regions []region
}

// region are the rows that are in some sets of a family and no others.
type region struct{ in, at int }

// Limits on what is looked at together.
const (
	// maxFamilies bounds the sets of three and more conditions of which sums are looked at.
	maxFamilies = 2048
	// maxFamily is of how many conditions all sums are looked at; of more by threes.
	maxFamily = 6
	// maxThrees bounds the threes of which it is looked whether they can tell anything.
	maxThrees = 1 << 17
)

// relate finds the sets of which sums and differences are looked at: where three and more have columns in common.
func (s *supports) relate(own, others []asked) error {
	all := append(slices.Clone(own), others...)
	near := pairwise(len(all), func(i, j int) bool {
		a, b := all[i].conditions, all[j].conditions
		return !subsumes(a, b) && !subsumes(b, a) && sharing(a, b) && !apart(a, b)
	})
	var left []int
	for i := range all {
		left = append(left, i)
	}
	for len(left) > 0 {
		together := left[:1:1]
		left = slices.Clone(left[1:])
		for i := 0; i < len(together); i++ {
			left = slices.DeleteFunc(left, func(x int) bool {
				join := near[x][together[i]]
				if join {
					together = append(together, x)
				}
				return join
			})
		}
		if err := s.together(all, together, near); err != nil {
			return err
		}
	}
	return nil
}

// together looks at sums of sets that are near each other: all, or by threes those that can tell anything.
func (s *supports) together(all []asked, together []int, near [][]bool) error {
	if len(together) <= maxFamily {
		var sets []asked
		for _, i := range together {
			sets = append(sets, all[i])
		}
		return s.family(sets)
	}
	known := threes{}
	looked := 0
	if !slices.ContainsFunc(together, func(i int) bool { return all[i].earlier < 0 }) { // they tell nothing that is not told without the question
		return nil
	}
	for i, a := range together {
		for j, b := range together[:i] {
			for _, c := range together[:j] {
				x, y, z := near[a][b], near[a][c], near[b][c]
				if own := all[a].earlier < 0; !(x && (y || z) || y && z) || own == (all[b].earlier < 0) && own == (all[c].earlier < 0) {
					continue
				}
				sets := []asked{all[c], all[b], all[a]}
				if looked++; looked > maxThrees {
					return tooManyFamilies()
				}
				if regions, own := s.regionsOf(sets); !known.tell(regions, own) {
					continue
				}
				if err := s.family(sets); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

func tooManyFamilies() error {
	return hinted(refuse(CodeHistory, 0, "with earlier answers more than %d combinations of conditions may tell of each other's rows", maxFamilies),
		"ask for fewer aggregates with conditions at once")
}

// mixed reports whether some sets are the question's, and some earlier ones'.
func mixed(sets []asked) bool {
	return slices.ContainsFunc(sets, func(x asked) bool { return x.earlier >= 0 }) && slices.ContainsFunc(sets, func(x asked) bool { return x.earlier < 0 })
}

// family lets sums and differences of sets be looked at, if some are the question's, and some earlier ones'.
func (s *supports) family(sets []asked) error {
	if len(sets) < 3 || !mixed(sets) {
		return nil
	}
	if len(s.past.families) == maxFamilies {
		return tooManyFamilies()
	}
	f := family{sets: sets, keys: slices.Clone(sets[0].keys)}
	for _, x := range sets {
		f.keys = slices.DeleteFunc(f.keys, func(k int) bool { return !slices.Contains(x.keys, k) })
	}
	for in := 1; in < 1<<len(sets); in++ {
		if !s.canBe(sets, in) {
			continue
		}
		var conditions []*Expr
		for i, x := range sets {
			if in>>i&1 == 1 {
				conditions = append(conditions, x.conditions...)
			}
		}
		conditions = s.flat(conditions)
		met := conditions
		for i, x := range sets {
			if in>>i&1 == 0 {
				if out, some := s.without(met, x.conditions); some {
					conditions = append(conditions, out[len(met):]...)
				}
			}
		}
		f.regions = append(f.regions, region{in, s.free(conditions)})
	}
	s.past.families = append(s.past.families, f)
	return nil
}

// canBe reports whether rows can be in some of the sets, a bit for each, and no others.
func (s *supports) canBe(sets []asked, in int) bool {
	var met []*Expr
	var nots [][]*Expr
	for i, x := range sets {
		if in>>i&1 == 1 {
			met = append(met, x.conditions...)
		} else {
			nots = append(nots, x.conditions)
		}
	}
	return !s.past.apart.none(met, nots...)
}

// regionsOf are the regions of three sets that rows can be in, a bit for each, and which sets are the question's. In groups that its answer
// does not show the question's tell nothing, so that a row counts as one that is not in them.
func (s *supports) regionsOf(sets []asked) (regions, own int) {
	for i, x := range sets {
		if x.earlier < 0 {
			own |= 1 << i
		}
	}
	for in := 1; in < 1<<len(sets); in++ {
		if !s.canBe(sets, in) {
			continue
		}
		for hidden := in & own; ; hidden = (hidden - 1) & in & own {
			if regions |= 1 << (in &^ hidden); hidden == 0 {
				break
			}
		}
	}
	return regions &^ 1, own
}

// threes tells which three sets are to be looked at together, by the regions that rows can be in and the sets that are the question's: those of
// which a sum can be fewer rows than what is looked at anyway, or was told before.
type threes map[[2]int]bool

// tell reports whether three sets can tell so, if rows are in some of these regions.
func (t threes) tell(regions, own int) bool {
	key := [2]int{regions, own}
	if known, ok := t[key]; ok {
		return known
	}
	can := tellMore(regions, own)
	for in := 1; in < 8 && !can; in++ {
		can = regions>>in&1 == 1 && t.tell(regions&^(1<<in), own)
	}
	t[key] = can
	return can
}

// tellMore reports whether, where each of these regions has rows and no other, a sum of three sets is some of the regions, and neither the
// question's set, nor its difference from an earlier one, nor what earlier ones tell is all or a part of them. The factors are halves: of three
// sets no others lead to sums of 0 and 1.
func tellMore(regions, own int) bool {
	var sums, told []int
	for n := range 9 * 9 * 9 {
		factors := [3]int{n%9 - 4, n/9%9 - 4, n/81 - 4}
		used := 0
		for i, f := range factors {
			if f != 0 {
				used |= 1 << i
			}
		}
		sum, ok := 0, true
		for in := 1; in < 8 && ok; in++ {
			if regions>>in&1 == 0 {
				continue
			}
			x := 0
			for i, f := range factors {
				x += f * (in >> i & 1)
			}
			if ok = x == 0 || x == 2; x == 2 {
				sum |= 1 << in
			}
		}
		if !ok || sum == 0 {
			continue
		}
		sums = append(sums, sum)
		if used&own == 0 || used&(used-1) == 0 || bits.OnesCount(uint(used)) == 2 && bits.OnesCount(uint(used&own)) == 1 {
			told = append(told, sum)
		}
	}
	return slices.ContainsFunc(sums, func(sum int) bool {
		return !slices.ContainsFunc(told, func(part int) bool { return part&^sum == 0 })
	})
}
