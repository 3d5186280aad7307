package engine

import (
	"cmp"
	"fmt"
	"math/big"
	"slices"
)

// The search for a mode. Whether any value occurs twice is set disjointness, which no
// exchange much shorter than the values themselves decides (Kalyanasundaram and
// Schnitger 1992), so a search in few rounds must be able to give up.
const (
	modeRounds       = 16  // at most
	modeRadix        = 64  // into how many ranges the later rounds split a range, at most
	leastModeBuckets = 128 // of one round, for a mode to be searched for at all
)

// modeFinder looks for the most frequent value, of several the least, by branch and
// bound: ranges are split in the order of their counts, and what holds fewer values than
// the most frequent value known so far is not looked into. README section 12.
type modeFinder struct {
	search *search
	widths []*big.Int // of the buckets at each level, down to 1
	bins   []int      // of a split into each level
	splits int        // ranges that one round splits in each group, after the first
	round  int
	groups []modeGroup
	ranges []bucketRange
	levels []int         // of the ranges' buckets
	chosen [][]*modeNode // by range and group; nil repeats another range
}

// modeGroup is what is known of one group.
type modeGroup struct {
	open   []*modeNode
	best   *big.Int // the least of the most frequent values found; nil for none
	count  *big.Int // how often it occurs
	gaveUp string   // why the search ended without the mode
}

// modeNode is a range that holds count values and is not split yet.
type modeNode struct {
	lo, count *big.Int
	level     int // its width is widths[level], greater than 1
}

// newModeFinder chooses the widths: one wide split, then as few levels as modeRadix
// allows.
func newModeFinder(s *search, buckets, ranges int) *modeFinder {
	f := &modeFinder{search: s, groups: make([]modeGroup, s.count)}
	span := s.span()
	first := min(searchRadix, buckets)
	width := ceilQuotient(span, big.NewInt(int64(first)))
	levels, radix := leastRadix(width, modeRadix)
	if width.Cmp(big.NewInt(1)) <= 0 {
		levels, radix = 0, big.NewInt(1)
	}
	for level := levels; level >= 0; level-- {
		f.widths = append(f.widths, new(big.Int).Exp(radix, big.NewInt(int64(level)), nil))
		f.bins = append(f.bins, int(radix.Int64()))
	}
	f.bins[0] = partsOf(span, f.widths[0])
	f.splits = max(1, min(ranges, buckets/int(radix.Int64())))
	return f
}

// bound is how often some value occurs at least: the best one known, or one of a range
// with more values than places for them.
func (g *modeGroup) bound(widths []*big.Int) *big.Int {
	least := new(big.Int)
	if g.count != nil {
		least = g.count
	}
	for _, n := range g.open {
		if c := ceilQuotient(n.count, widths[n.level]); c.Cmp(least) > 0 {
			least = c
		}
	}
	return least
}

// contenders are the ranges that may hold the mode, in the order in which they are
// split: those that may hold a value more frequent than the best, or a lesser one as frequent.
func (g *modeGroup) contenders(widths []*big.Int) []*modeNode {
	if g.gaveUp != "" {
		return nil
	}
	least := g.bound(widths)
	var out []*modeNode
	for _, n := range g.open {
		order := n.count.Cmp(least)
		tied := order == 0 && g.best != nil && g.count.Cmp(least) == 0
		if order > 0 || order == 0 && !(tied && n.lo.Cmp(g.best) > 0) {
			out = append(out, n)
		}
	}
	return interleaved(out)
}

// interleaved takes the fullest range and the fullest of the narrowest in turn: the former
// must be split whatever the mode is, the latter soon tell how frequent it is at least.
func interleaved(nodes []*modeNode) []*modeNode {
	fullest := func(a, b *modeNode) int { return cmp.Or(b.count.Cmp(a.count), a.lo.Cmp(b.lo)) }
	deepest := slices.SortedFunc(slices.Values(nodes), func(a, b *modeNode) int { return cmp.Or(b.level-a.level, fullest(a, b)) })
	slices.SortFunc(nodes, fullest)
	seen := map[*modeNode]bool{}
	var out []*modeNode
	for i := range nodes {
		for _, n := range []*modeNode{nodes[i], deepest[i]} {
			if !seen[n] {
				out, seen[n] = append(out, n), true
			}
		}
	}
	return out
}

// ask gives the whole range first; then the first contenders of each group. Ranges of
// one width share a range across groups, so a group may get fewer than others need.
func (f *modeFinder) ask() []bucketRange {
	f.ranges, f.levels, f.chosen = nil, nil, nil
	if f.round == 0 {
		f.ranges, f.levels = []bucketRange{f.search.everywhere(f.widths[0], f.bins[0])}, []int{0}
		return f.ranges
	}
	contenders := make([][]*modeNode, len(f.groups))
	for g := range f.groups {
		contenders[g] = f.groups[g].contenders(f.widths)
	}
	places := f.places(contenders)
	for level, k := range places {
		for i := range k {
			one := f.search.everywhere(f.widths[level+1], f.bins[level+1])
			chosen := make([]*modeNode, len(f.groups))
			for g := range contenders {
				own := ofLevel(contenders[g], level)
				switch {
				case i < len(own):
					chosen[g], one.starts[g] = own[i], own[i].lo
				case len(own) > 0:
					one.starts[g] = own[0].lo
				}
			}
			f.ranges, f.levels, f.chosen = append(f.ranges, one), append(f.levels, level+1), append(f.chosen, chosen)
		}
	}
	return f.ranges
}

// places is how many ranges each level gets: rank by rank the groups' contenders are
// taken, until there are as many ranges as a round may have.
func (f *modeFinder) places(contenders [][]*modeNode) []int {
	places, total := make([]int, len(f.widths)), 0
	taken := make([][]int, len(contenders))
	for g := range taken {
		taken[g] = make([]int, len(f.widths))
	}
	for rank, more := 0, true; more; rank++ {
		more = false
		for g, own := range contenders {
			if rank >= len(own) {
				continue
			}
			more = true
			level := own[rank].level
			if taken[g][level]++; taken[g][level] <= places[level] {
				continue
			}
			if total == f.splits {
				return places
			}
			places[level]++
			total++
		}
	}
	return places
}

func ofLevel(nodes []*modeNode, level int) []*modeNode {
	var out []*modeNode
	for _, n := range nodes {
		if n.level == level {
			out = append(out, n)
		}
	}
	return out
}

// take replaces the ranges that were split by their parts, and keeps the most frequent
// values.
func (f *modeFinder) take(n []*big.Int, counts [][][]*big.Int) error {
	for k, one := range f.ranges {
		for g := range f.groups {
			var node *modeNode
			whole := n[g]
			if f.round > 0 {
				if node = f.chosen[k][g]; node == nil {
					continue
				}
				whole = node.count
			} else if whole == nil || whole.Sign() <= 0 {
				continue
			}
			if err := f.split(g, node, whole, one.starts[g], f.levels[k], counts[k][g]); err != nil {
				return err
			}
		}
	}
	f.round++
	for g := range f.groups {
		f.giveUp(&f.groups[g])
	}
	return nil
}

// split takes the counts of a range's parts; node is nil for the whole range.
func (f *modeFinder) split(g int, node *modeNode, whole, lo *big.Int, level int, counts []*big.Int) error {
	group, sum, width := &f.groups[g], new(big.Int), f.widths[level]
	group.open = slices.DeleteFunc(group.open, func(n *modeNode) bool { return n == node })
	for i, count := range counts {
		if count.Sign() < 0 {
			return refuse(CodeCells, 0, "round %d: a range holds fewer values than none", f.round+1)
		}
		if sum.Add(sum, count); count.Sign() == 0 {
			continue
		}
		at := new(big.Int).Add(lo, new(big.Int).Mul(width, big.NewInt(int64(i))))
		if level < len(f.widths)-1 {
			group.open = append(group.open, &modeNode{at, count, level})
			continue
		}
		order := 1
		if group.best != nil {
			order = count.Cmp(group.count)
		}
		if order > 0 || order == 0 && at.Cmp(group.best) < 0 {
			group.best, group.count = at, count
		}
	}
	if sum.Cmp(whole) != 0 {
		return refuse(CodeCells, 0, "round %d: the parts of a range hold %s values, the range %s", f.round+1, sum, whole)
	}
	return nil
}

// giveUp ends a group's search after the last round, and before it when there is little
// hope: when a value is known, and yet the rounds that are left cannot split a part of the
// contenders once. Each value that is found may still rule out many.
func (f *modeFinder) giveUp(g *modeGroup) {
	const part = 4
	left, rounds := len(g.contenders(f.widths)), f.most()-f.round
	if left == 0 || rounds > 0 && (g.best == nil || left <= part*rounds*f.splits) {
		return
	}
	g.gaveUp = fmt.Sprintf("the mode cannot be found in %d rounds: after %d, %s of values may still hold one that occurs as often as %s times",
		f.most(), f.round, Plural(left, "range"), g.bound(f.widths))
}

// most is how many rounds there are at most: one when the first counts each value.
func (f *modeFinder) most() int {
	if len(f.widths) == 1 {
		return 1
	}
	return max(modeRounds, 2*len(f.widths))
}

func (f *modeFinder) expect(round int) (buckets int, learns string) {
	s := f.search
	if round == 0 {
		return f.bins[0], fmt.Sprintf("how many values of %s%s lie in each range of width %s", s.column.Name, s.each(), s.wide(f.widths[0]))
	}
	buckets = f.splits * f.bins[1]
	return buckets, fmt.Sprintf("how many values of %s%s lie in each of %s at least %s wide, within "+
		"up to %s of the rounds before that may hold the most frequent one, whose place the "+
		"departments learn from the question",
		s.column.Name, s.each(), Plural(buckets, "range"), s.wide(f.widths[min(round, len(f.widths)-1)]), Plural(f.splits, "range"))
}

// value is the mode, or without GROUP BY the refusal of a search that was given up; a
// group's is NULL with that reason.
func (f *modeFinder) value(_ searchOutput, group int) (value, error) {
	g := f.groups[group]
	switch {
	case g.gaveUp == "":
		return f.search.found(g.best), nil
	case len(f.search.groups.Groups) == 0:
		return value{}, hinted(refuse(CodeLimit, 0, "%s", g.gaveUp),
			"a histogram, or the mode of rounded values or of fewer rows, takes fewer rounds")
	}
	return undefined(g.gaveUp), nil
}
