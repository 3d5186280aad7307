package engine

import (
	"math/big"
	"slices"
)

// divided is a set of rows and others that exclude each other: together they can leave little of it, as regions that are asked
// for one by one leave of all rows. One of them is the new question's.
type divided struct {
	own     asked
	part    int // that is the new question's; −1: the whole is
	earlier int // the latest of the others
	keys    []int
	rest    int     // support: rows of the whole in no part
	parts   []faced // of each, its rows in the whole, and those outside
}

// maxDividing bounds the earlier sets: that they exclude each other, and divide others, takes its square of steps.
const maxDividing = 1 << 10

// divideUp finds the sets that divide others.
func (s *supports) divideUp(own, others []asked) error {
	all := slices.Concat(own, others)
	apart := s.past.apart.among(all)
	var old []int
	for i := range others {
		old = append(old, len(own)+i)
	}
	wide := slices.Clone(old)
	slices.SortStableFunc(wide, func(a, b int) int { return len(all[a].conditions) - len(all[b].conditions) })
	excluding := func(first int, order []int) []int { // a set with all others that exclude each other and it, as they come
		out := []int{first}
		for _, i := range order {
			if !slices.ContainsFunc(out, func(j int) bool { return !apart[i][j] }) {
				out = append(out, i)
			}
		}
		slices.SortStableFunc(out, func(a, b int) int { return all[a].earlier - all[b].earlier })
		return out
	}
	var families [][]int
	steps := 0
	for _, i := range old {
		families = append(families, excluding(i, old), excluding(i, wide))
		steps += len(families[len(families)-1]) + len(families[len(families)-2])
	}
	if steps*len(own) > maxDividing*maxDividing {
		return tooManyFacings()
	}
	within := func(whole int, family []int) (parts []asked) {
		for _, i := range family {
			if !apart[whole][i] {
				parts = append(parts, all[i])
			}
		}
		return parts
	}
	for i, o := range own {
		known := map[string]bool{}
		for _, family := range families {
			parts := within(i, family)
			key := ""
			for _, x := range parts {
				key += quote(s.key(x.conditions))
			}
			if len(parts) > 1 && !known[key] {
				known[key] = true
				if err := s.divided(o, o, -1, parts); err != nil {
					return err
				}
			}
		}
		family := excluding(i, old)
		if len(family)*len(others)*len(own) > maxDividing*maxDividing {
			return tooManyFacings()
		}
		for _, whole := range old {
			if parts := within(whole, family); !apart[whole][i] && len(parts) > 1 {
				if err := s.divided(o, all[whole], 0, parts); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// meets reports whether a column's value meets the conditions of it alone.
func (s *supports) meets(x Datum, column int, conditions []*Expr) bool {
	return !slices.ContainsFunc(conditions, func(c *Expr) bool {
		if only(c) != column {
			return false
		}
		v, err := c.Eval(func(int) Datum { return x })
		return err == nil && (v.Kind != Boolean || !v.Bool)
	})
}

// divided lets a whole be compared with its parts; one of the sets, at part, or the whole, is the new question's.
func (s *supports) divided(own, whole asked, part int, parts []asked) error {
	d := divided{own: own, part: part, earlier: whole.earlier, keys: slices.Clone(whole.keys)}
	conditions := slices.Clone(whole.conditions)
	for _, x := range parts {
		d.earlier = max(d.earlier, x.earlier)
		d.keys = slices.DeleteFunc(d.keys, func(k int) bool { return !slices.Contains(x.keys, k) })
		out, some := s.without(whole.conditions, x.conditions)
		if !some {
			return nil // the whole is a part of it
		}
		conditions = append(conditions, out[len(whole.conditions):]...)
		f := faced{both: s.free(append(slices.Clone(whole.conditions), x.conditions...)), less: -1}
		if less, others := s.without(x.conditions, whole.conditions); others {
			f.less = s.free(less)
		}
		d.parts = append(d.parts, f)
	}
	d.rest = s.free(conditions)
	if s.past.facings += len(parts); s.past.facings > maxFacings {
		return tooManyFacings()
	}
	s.past.divided = append(s.past.divided, d)
	return nil
}

// divides reports whether, over groups that all sets tell together, a whole without the parts that are within it is a set of too
// few rows, or the parts without the whole that they cover.
func (p *Plan) divides(d *divided, groups []int, cells []*big.Int, verdict []byte) bool {
	width := len(p.Screen.answer.Moments)
	of := func(g, support int) weight { return p.weightOf(g, support, cells) }
	var rest, beyond weight
	inside, outside := make([]weight, len(d.parts)), make([]weight, len(d.parts))
	for _, g := range groups {
		shown := shows(verdict[g*width:], d.own.moments)
		if d.part >= 0 || shown {
			rest = rest.add(of(g, d.rest))
		}
		for i, part := range d.parts {
			both, less := of(g, part.both), of(g, part.less)
			switch {
			case shown || d.part >= 0 && i != d.part:
				inside[i], outside[i] = inside[i].add(both), outside[i].add(less)
			case i == d.part: // not shown, and so no part
				rest = rest.add(both)
			default:
				outside[i] = outside[i].add(both).add(less)
			}
		}
	}
	left, held := rest, d.part < 0
	for i := range d.parts {
		switch {
		case inside[i].rows == 0:
			continue
		case outside[i].rows > 0:
			left = left.add(inside[i])
		case i == d.part:
			held = true
		}
		beyond = beyond.add(outside[i])
	}
	few := func(x weight) bool { return x.rows > 0 && p.fewAmong(x.at, cells) }
	return held && few(left) || rest.rows == 0 && few(beyond)
}

func tooManyFacings() error {
	return hinted(refuse(CodeHistory, 0, "with earlier answers more than %d pairs of sets may tell of each other's rows", maxFacings),
		"ask for fewer aggregates with conditions, or fewer groups, at once")
}

// products are conditions that keys have one of their values each.
func products(keys []keyValues) [][]*Expr {
	out := [][]*Expr{nil}
	for _, k := range keys {
		var next [][]*Expr
		for _, conditions := range out {
			for _, v := range k.values {
				next = append(next, append(slices.Clip(conditions), oneOf(k.expr, []Datum{v})))
			}
		}
		out = next
	}
	return out
}
