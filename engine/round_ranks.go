package engine

import (
	"fmt"
	"math/big"
	"slices"
)

// rankFinder looks for the values with certain ranks: the range that holds a rank is
// split until it holds one value.
type rankFinder struct {
	search  *search
	ranks   int // at most, in a group
	rounds  int
	round   int
	radix   *big.Int
	span    *big.Int   // width of the ranges that are split in this round
	width   *big.Int   // of this round's buckets
	targets [][]target // by group, ascending by rank; none before the first round
	ranges  []bucketRange
}

// target is a rank that is looked for: below values lie under lo, and the value lies in
// [lo, lo + span).
type target struct{ rank, lo, below *big.Int }

// newRankFinder chooses how many rounds there are, and the least radix for them.
func newRankFinder(s *search, most int) *rankFinder {
	f := &rankFinder{search: s, ranks: s.ranks(), span: s.span(), targets: make([][]target, s.count)}
	f.rounds, f.radix = leastRadix(f.span, most)
	return f
}

// leastRadix is the least number of rounds in which ranges of at most so many parts make
// span, at least one, and the least number of parts for them.
func leastRadix(span *big.Int, most int) (rounds int, radix *big.Int) {
	reach := big.NewInt(1)
	for rounds = 0; reach.Cmp(span) < 0 || rounds == 0; rounds++ {
		reach.Mul(reach, big.NewInt(int64(most)))
	}
	low, high := int64(1), int64(most)
	for low < high {
		middle := (low + high) / 2
		if new(big.Int).Exp(big.NewInt(middle), big.NewInt(int64(rounds)), nil).Cmp(span) < 0 {
			low = middle + 1
		} else {
			high = middle
		}
	}
	return rounds, big.NewInt(low)
}

// bucketWidth is the width of a round's buckets.
func (f *rankFinder) bucketWidth(round int) *big.Int {
	return new(big.Int).Exp(f.radix, big.NewInt(int64(f.rounds-round-1)), nil)
}

// partsOf is how many ranges of a width it takes to cover a span.
func partsOf(span, width *big.Int) int { return int(ceilQuotient(span, width).Int64()) }

// ceilQuotient is ⌈a/b⌉ of positive numbers.
func ceilQuotient(a, b *big.Int) *big.Int {
	n := new(big.Int).Add(a, b)
	n.Sub(n, big.NewInt(1))
	return n.Quo(n, b)
}

// ask gives the whole range first, then in each group the ranges that hold its ranks;
// a group with fewer than others repeats one.
func (f *rankFinder) ask() []bucketRange {
	f.ranges = nil
	if f.round == f.rounds {
		return nil
	}
	f.width = f.bucketWidth(f.round)
	bins := partsOf(f.span, f.width)
	if f.round == 0 {
		f.ranges = []bucketRange{f.search.everywhere(f.width, bins)}
		return f.ranges
	}
	for g, targets := range f.targets {
		k := 0
		for i, t := range targets {
			if i > 0 && t.lo.Cmp(targets[i-1].lo) == 0 {
				continue
			}
			if k == len(f.ranges) {
				f.ranges = append(f.ranges, f.search.everywhere(f.width, bins))
				copy(f.ranges[k].starts, f.ranges[0].starts)
			}
			f.ranges[k].starts[g] = t.lo
			k++
		}
		for ; k > 0 && k < len(f.ranges); k++ {
			f.ranges[k].starts[g] = f.ranges[0].starts[g]
		}
	}
	return f.ranges
}

// take finds for each rank the bucket that holds it.
func (f *rankFinder) take(n []*big.Int, counts [][][]*big.Int) error {
	if f.round == 0 {
		f.rank(n)
	}
	for g, targets := range f.targets {
		for i := range targets {
			t := &targets[i]
			at := slices.IndexFunc(f.ranges, func(s bucketRange) bool { return s.starts[g].Cmp(t.lo) == 0 })
			k := 0
			for _, count := range counts[at][g] {
				next := new(big.Int).Add(t.below, count)
				if t.rank.Cmp(next) < 0 {
					break
				}
				t.below = next
				k++
			}
			if k == len(counts[at][g]) {
				return refuse(CodeCells, 0, "round %d: the value of rank %s is in none of the ranges where the rounds before put it", f.round+1, t.rank)
			}
			t.lo = new(big.Int).Add(t.lo, new(big.Int).Mul(f.width, big.NewInt(int64(k))))
		}
	}
	f.span = f.width
	f.round++
	if !slices.ContainsFunc(f.targets, func(t []target) bool { return len(t) > 0 }) {
		f.round = f.rounds // there is no value
	}
	return nil
}

// rank sets the ranks that the outputs need, from the numbers of values.
func (f *rankFinder) rank(n []*big.Int) {
	for g := range n {
		if n[g] == nil || n[g].Sign() <= 0 {
			continue
		}
		var ranks []*big.Int
		last := new(big.Int).Sub(n[g], big.NewInt(1))
		for _, o := range f.search.outputs {
			if o.function == "" || o.function == "mode" {
				continue
			}
			low, high := o.ranks(n[g])
			ranks = append(ranks, low)
			if high.Cmp(last) <= 0 {
				ranks = append(ranks, high)
			}
		}
		slices.SortFunc(ranks, (*big.Int).Cmp)
		ranks = slices.CompactFunc(ranks, func(a, b *big.Int) bool { return a.Cmp(b) == 0 })
		for _, r := range ranks {
			f.targets[g] = append(f.targets[g], target{rank: r, lo: f.search.column.Min, below: new(big.Int)})
		}
	}
}

// ranks are the ranks, from 0, of the one or two values of n that an output is made of.
func (o searchOutput) ranks(n *big.Int) (low, high *big.Int) {
	last := new(big.Int).Sub(n, big.NewInt(1))
	switch o.function {
	case "min":
		return new(big.Int), new(big.Int)
	case "max":
		return last, last
	case "percentile_disc":
		low = discreteRank(o.fraction, n)
		return low, low
	}
	rank := new(big.Rat).Mul(o.fraction, new(big.Rat).SetInt(last))
	low = new(big.Int).Quo(rank.Num(), rank.Denom())
	if rank.IsInt() {
		return low, low
	}
	return low, new(big.Int).Add(low, big.NewInt(1))
}

func (f *rankFinder) most() int { return f.rounds }

func (f *rankFinder) expect(round int) (buckets int, learns string) {
	s := f.search
	learns = fmt.Sprintf("how many values of %s%s lie in each range of width %s", s.column.Name, s.each(), s.wide(f.bucketWidth(round)))
	if round == 0 {
		return partsOf(s.span(), f.bucketWidth(0)), learns
	}
	return f.ranks * int(f.radix.Int64()), learns +
		", within the ranges of the round before that hold what is asked for, whose place the departments learn from the question"
}

// value is one output's.
func (f *rankFinder) value(o searchOutput, group int) (value, error) {
	at := func(rank *big.Int) value {
		i := slices.IndexFunc(f.targets[group], func(t target) bool { return t.rank.Cmp(rank) == 0 })
		return f.search.found(f.targets[group][i].lo)
	}
	n := f.search.n[group]
	low, high := o.ranks(n)
	if o.kind != Float {
		return at(low), nil
	}
	x := new(big.Rat).Set(at(low).exact)
	if low.Cmp(high) != 0 {
		rank := new(big.Rat).Mul(o.fraction, new(big.Rat).SetInt(new(big.Int).Sub(n, big.NewInt(1))))
		rank.Sub(rank, new(big.Rat).SetInt(low))
		gap := new(big.Rat).Sub(at(high).exact, x)
		x.Add(x, rank.Mul(rank, gap))
	}
	return double(x), nil
}
