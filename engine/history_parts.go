package engine

import (
	"math/big"
	"slices"
	"strings"
)

// portion is a set of a whole's rows by what it says beyond the whole's conditions: the rows that meet it, or the others, which the
// difference from the whole tells.
type portion struct {
	set  asked
	rest []*Expr
	not  bool
}

// cover is a whole and parts of it of which no two have a row in common: together they tell the rows that are in none.
type cover struct {
	whole   asked
	own     []asked // the question's parts, each with its rows as support
	rest    int     // support: the rows in no part
	within  int     // support: those in parts; −1: of an earlier whole
	earlier int     // the latest of the earlier questions
	keys    []int
}

// maxCovers bounds the wholes with parts that are looked at.
const maxCovers = 1024

// cover finds wholes and parts that exclude each other, among the question's sets and the earlier ones': each set's conditions are
// the whole's and more.
func (s *supports) cover(all []asked) error {
	known := map[string]bool{}
	for i, whole := range all {
		var parts []portion
		var order, wide []int
		for j, x := range all {
			if i == j || len(x.conditions) == len(whole.conditions) || !subsumes(whole.conditions, x.conditions) {
				continue
			}
			rest := slices.DeleteFunc(slices.Clone(x.conditions), func(c *Expr) bool { return slices.Contains(whole.conditions, c) })
			order = append(order, len(parts), len(parts)+1)
			parts = append(parts, portion{x, rest, false}, portion{x, rest, true})
		}
		wide = slices.Clone(order)
		slices.SortStableFunc(wide, func(a, b int) int { return len(parts[a].rest) - len(parts[b].rest) })
		apart := pairwise(len(parts), func(a, b int) bool { return s.past.apart.excludes(parts[a], parts[b]) })
		for first := range parts {
			for _, order := range [][]int{order, wide} { // a part of a part stands in the way of a wider one, if it comes first
				together, chosen := []int{first}, []portion{parts[first]}
				for _, x := range order {
					if !slices.ContainsFunc(together, func(y int) bool { return !apart[x][y] }) {
						together, chosen = append(together, x), append(chosen, parts[x])
					}
				}
				if err := s.coverBy(whole, chosen, known); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// excludes reports whether no row is in both parts.
func (x *exclusion) excludes(a, b portion) bool {
	var met []*Expr
	var nots [][]*Expr
	for _, p := range []portion{a, b} {
		if p.not {
			nots = append(nots, p.rest)
		} else {
			met = append(met, p.rest...)
		}
	}
	return x.none(met, nots...)
}

// coverBy lets a whole and its parts be looked at, if some are the question's, and some earlier ones'; twos are pairs.
func (s *supports) coverBy(whole asked, parts []portion, known map[string]bool) error {
	c := cover{whole: whole, within: -1, earlier: whole.earlier, keys: slices.Clone(whole.keys)}
	rest, own, names := slices.Clone(whole.conditions), whole.earlier < 0, []string{s.key(whole.conditions) + string(rune('0'+truthNumber(whole.earlier < 0)))}
	for _, p := range parts {
		inside := conjunction(nil, p.rest)
		if p.not {
			inside, rest = negated(isTrue(inside)), append(rest, p.rest...)
		} else {
			rest = append(rest, negated(isTrue(inside)))
		}
		c.earlier = max(c.earlier, p.set.earlier)
		if p.set.earlier < 0 {
			own = true
			p.set.at = s.free(append(slices.Clone(whole.conditions), inside))
			c.own = append(c.own, p.set)
		}
		c.keys = slices.DeleteFunc(c.keys, func(k int) bool { return !slices.Contains(p.set.keys, k) })
		names = append(names, s.key(p.set.conditions)+string(rune('0'+truthNumber(p.not)+2*truthNumber(p.set.earlier < 0))))
	}
	slices.Sort(names[1:])
	name := strings.Join(names, "\x00")
	if len(parts) < 2 || !own || c.earlier < 0 || known[name] {
		return nil
	}
	if known[name] = true; len(s.past.covers) == maxCovers {
		return hinted(refuse(CodeHistory, 0, "with earlier answers more than %d wholes and parts may tell of each other's rows", maxCovers),
			"ask for fewer aggregates with conditions at once")
	}
	c.rest = s.free(rest)
	if whole.earlier < 0 {
		beyond := slices.DeleteFunc(s.flat(rest), func(e *Expr) bool { return slices.Contains(whole.conditions, e) })
		c.within = s.free(append(slices.Clone(whole.conditions), negated(isTrue(conjunction(nil, beyond)))))
	}
	s.past.covers = append(s.past.covers, c)
	return nil
}

// square lets four sets be looked at together: a whole, two parts of it, and what is in both, which tell what is in neither.
func (s *supports) square(all []asked) error {
	by := map[string][]asked{}
	for _, x := range all {
		by[s.key(x.conditions)] = append(by[s.key(x.conditions)], x)
	}
	for i, a := range all {
		for _, b := range all[:i] {
			if subsumes(a.conditions, b.conditions) || subsumes(b.conditions, a.conditions) {
				continue
			}
			common := slices.DeleteFunc(slices.Clone(a.conditions), func(c *Expr) bool { return !slices.Contains(b.conditions, c) })
			for _, both := range by[s.key(s.flat(slices.Concat(a.conditions, b.conditions)))] {
				for _, whole := range by[s.key(common)] {
					if err := s.family([]asked{whole, a, b, both}); err != nil {
						return err
					}
				}
			}
		}
	}
	return nil
}

// linkedKey is a key of the new plan's that is made of a column of which an earlier key is made, too: by its values, what both tell apart, as
// of single years and of decades the decades.
type linkedKey struct {
	key   int
	parts map[string]string
}

func nameOf(v Datum) string { return quote(v.String()) + string(rune('0'+v.Kind)) }

// linkedKeys are those of an earlier question's plan, of columns whose values are known.
func (s *supports) linkedKeys(q *Plan, common []int) (out []linkedKey) {
	for i, g := range s.plan.Groups {
		column := only(g.Expr)
		values, ok := []Datum(nil), false
		if column >= 0 && !slices.Contains(common, i) {
			values, ok = s.everyValue(column)
		}
		for _, k := range q.Groups {
			if ok && only(k.Expr) == column {
				out = append(out, linkedKey{i, linkedParts(values, g.Expr, k.Expr)})
			}
		}
	}
	return out
}

// linkedParts joins the values that two keys have for the same values of a column, by the first key's.
func linkedParts(values []Datum, a, b *Expr) map[string]string {
	parts, of := map[string]string{}, map[string]string{} // by the second key's
	for _, x := range values {
		get := func(int) Datum { return x }
		u, err := a.Eval(get)
		v, wrong := b.Eval(get)
		if err != nil || wrong != nil {
			continue
		}
		mine, theirs := parts[nameOf(u)], of[nameOf(v)]
		if mine == "" {
			mine = nameOf(u)
		}
		if parts[nameOf(u)], of[nameOf(v)] = mine, mine; theirs == "" || theirs == mine {
			continue
		}
		for _, all := range []map[string]string{parts, of} {
			for name, part := range all {
				if part == theirs {
					all[name] = mine
				}
			}
		}
	}
	return parts
}

// maxReported is of how many cells of a call that returns rows each is a set; of more the whole is.
const maxReported = 16

// reported are the sets of rows that a call which returns rows tells: those within a histogram's edges, and each of few cells.
func (s *supports) reported() (out []asked) {
	r := s.plan.Report
	if r == nil || len(r.Cells) < 2 || r.startsByGroup() {
		return nil
	}
	cells := slices.DeleteFunc(slices.Clone(r.Cells[1:]), func(m int) bool { return m < 0 })
	if r.Function == "histogram" && len(r.Cells) > 2 {
		cells = r.Cells[2:]
		first, last := s.conditionsOf(cells[0]), s.conditionsOf(cells[len(cells)-1])
		edges := append(slices.Clone(first[:len(first)-1]), last[len(last)-1])
		out = append(out, asked{moments: cells, conditions: edges})
	}
	if len(cells) > maxReported {
		return out
	}
	for _, m := range cells {
		if c := s.conditionsOf(m); len(c) > 0 && s.plan.Moments[m].Op != Sum {
			out = append(out, asked{moments: []int{m}, conditions: c})
		}
	}
	return out
}

// leaves reports whether a whole without its parts is a set of too few rows, over groups that all tell together.
func (p *Plan) leaves(c *cover, groups []int, cells []*big.Int, verdict []byte) bool {
	s, width := p.Screen, len(p.Screen.answer.Moments)
	var all []inGroup
	for _, g := range groups {
		if c.whole.earlier < 0 && !shows(verdict[g*width:], c.whole.moments) {
			if s.rowsAtLeast(c.within, p.ofGroup(cells, g)) > 0 {
				return false // of this group the whole is not known, and parts are
			}
			continue
		}
		all = append(all, inGroup{g, c.rest})
		for _, x := range c.own {
			if !shows(verdict[g*width:], x.moments) {
				all = append(all, inGroup{g, x.at})
			}
		}
	}
	return p.fewAmong(all, cells)
}
