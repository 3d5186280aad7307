package dialect

import (
	"cmp"
	"math/big"
	"slices"

	"parley/engine"
)

// tallyMoments is from how many moments on, that differ only in the values that some
// columns must have, one GROUP BY over those columns is asked instead of a FILTER each.
const tallyMoments = 4

// Tally is moments that one SELECT computes, grouped by columns: those whose FILTER is
// the same condition and that the columns have certain values (README, section 6.2).
type Tally struct {
	Columns []int        // of the plan's schema
	Rest    *engine.Expr // what else FILTER asks; nil for nothing
	Parts   []engine.Moment
	// places finds by the columns' values, as canonical texts, and the number of the
	// part the moment.
	places map[string]int
	size   int
}

// Tallies takes apart the moments, whose Twins are known: those for one statement with FILTERs, and the rest
// by tallies, in a fixed order.
func Tallies(moments []engine.Moment, twins []int) (single []int, batches []*Tally) {
	byKey := map[string]*Tally{}
	member := make([]*Tally, len(moments))
	for i, m := range moments {
		columns, values, rest := Indicators(m.Filter)
		if len(columns) == 0 || twins[i] != i {
			continue
		}
		key := string(engine.Marshal(columns)) + string(engine.Marshal(rest))
		b := byKey[key]
		if b == nil {
			b = &Tally{Columns: columns, Rest: rest, places: map[string]int{}}
			byKey[key] = b
			batches = append(batches, b)
		}
		part := slices.IndexFunc(b.Parts, func(p engine.Moment) bool {
			return p.Op == m.Op && p.Slack == m.Slack && slices.Equal(engine.Marshal(p.Expr), engine.Marshal(m.Expr))
		})
		if part < 0 {
			part = len(b.Parts)
			b.Parts = append(b.Parts, engine.Moment{Op: m.Op, Expr: m.Expr, Slack: m.Slack})
		}
		b.places[spot(part, values)] = i
		b.size++
		member[i] = b
	}
	for i := range moments {
		if twins[i] == i && (member[i] == nil || member[i].size < tallyMoments) {
			single = append(single, i)
		}
	}
	return single, slices.DeleteFunc(batches, func(b *Tally) bool { return b.size < tallyMoments })
}

// Find is the moment that a part is of where the columns have certain values, as canonical texts.
func (b *Tally) Find(part int, values []string) (moment int, ok bool) {
	moment, ok = b.places[spot(part, values)]
	return moment, ok
}

// spot is the key of a moment in a tally.
func spot(part int, values []string) string {
	return string(engine.Marshal(part)) + string(engine.Marshal(values))
}

// Ranges is counts of rows where one expression lies in ranges that do not overlap, as
// histograms and searches ask for: one SELECT counts each value of the expression, and
// the values are dealt to the ranges here. A FILTER each would take DuckDB minutes to
// plan (README, section 6.2).
type Ranges struct {
	X     *engine.Expr
	Start *engine.Expr // what the bins are counted from in each group; nil for zero
	Rest  *engine.Expr // what else FILTER asks; nil for nothing
	bins  []bin        // ascending
}

// bin is from lo to hi, hi itself only if closed, counted by a moment.
type bin struct {
	lo, hi *big.Int
	closed bool
	moment int
}

// RangesOf takes from some of the moments those that ranges compute.
func RangesOf(moments []engine.Moment, some []int) (others []int, batches []*Ranges) {
	byKey := map[string]*Ranges{}
	for _, i := range some {
		x, b, rest, ok := rangeOf(moments[i])
		if !ok {
			others = append(others, i)
			continue
		}
		b.moment = i
		key := string(engine.Marshal(x)) + string(engine.Marshal(rest))
		if byKey[key] == nil {
			byKey[key] = &Ranges{X: x, Rest: rest}
			if x.Op == engine.OpSubtract && x.Args[1].Op == engine.OpStart {
				byKey[key].X, byKey[key].Start = x.Args[0], x.Args[1]
			}
			batches = append(batches, byKey[key])
		}
		byKey[key].bins = append(byKey[key].bins, b)
	}
	var kept []*Ranges
	for _, r := range batches {
		if r.Start != nil || len(r.bins) >= tallyMoments {
			kept = append(kept, r.layers()...)
			continue
		}
		for _, b := range r.bins {
			others = append(others, b.moment)
		}
	}
	slices.Sort(others)
	return others, kept
}

// rangeOf reads a count with FILTER (... AND x >= lo AND x < hi).
func rangeOf(m engine.Moment) (x *engine.Expr, b bin, rest *engine.Expr, ok bool) {
	if m.Op != engine.CountRows || m.Filter == nil || m.Filter.Op != engine.OpAnd || len(m.Filter.Args) < 2 {
		return nil, b, nil, false
	}
	args := m.Filter.Args
	low, high := args[len(args)-2], args[len(args)-1]
	closed := high.Op == engine.OpLessEqual
	if low.Op != engine.OpGreaterEq || high.Op != engine.OpLess && !closed {
		return nil, b, nil, false
	}
	lo, hi := low.Args[1].Value.Number, high.Args[1].Value.Number
	if low.Args[1].Op != engine.OpConstant || high.Args[1].Op != engine.OpConstant || lo == nil || hi == nil ||
		!slices.Equal(engine.Marshal(low.Args[0]), engine.Marshal(high.Args[0])) {
		return nil, b, nil, false
	}
	switch others := args[:len(args)-2]; len(others) {
	case 0:
	case 1:
		rest = others[0]
	default:
		both := *m.Filter
		both.Args = others
		rest = &both
	}
	return low.Args[0], bin{lo: lo, hi: hi, closed: closed}, rest, true
}

// layers deals the bins, sorted, to as few ranges as have none that overlap: a search for
// several things asks for some of them twice.
func (r *Ranges) layers() []*Ranges {
	slices.SortFunc(r.bins, func(a, b bin) int { return cmp.Or(a.lo.Cmp(b.lo), a.hi.Cmp(b.hi)) })
	var out []*Ranges
next:
	for _, b := range r.bins {
		for _, layer := range out {
			last := layer.bins[len(layer.bins)-1]
			if order := last.hi.Cmp(b.lo); order < 0 || order == 0 && !last.closed {
				layer.bins = append(layer.bins, b)
				continue next
			}
		}
		out = append(out, &Ranges{X: r.X, Start: r.Start, Rest: r.Rest, bins: []bin{b}})
	}
	return out
}

// Find is the moment that counts a value; −1 for none.
func (r *Ranges) Find(v *big.Int) int {
	above, _ := slices.BinarySearchFunc(r.bins, v, func(b bin, v *big.Int) int {
		if b.lo.Cmp(v) > 0 {
			return 1
		}
		return -1
	})
	if above == 0 {
		return -1
	}
	last := r.bins[above-1] // of those that begin at v or below it
	order := v.Cmp(last.hi)
	if order > 0 || order == 0 && !last.closed {
		return -1
	}
	return last.moment
}
