package datasets

import (
	"cmp"
	"math/big"
	"slices"

	"parley/datasets/files"
	"parley/engine"
)

// ranges is counts of rows where one expression lies in ranges that do not overlap, as
// histograms and searches ask for: one SELECT counts each value of the expression, and
// the values are dealt to the ranges here. A FILTER each would take DuckDB minutes to
// plan (README, section 6.2).
type ranges struct {
	x     *engine.Expr
	start *engine.Expr // what the bins are counted from in each group; nil for zero
	rest  *engine.Expr // what else FILTER asks; nil for nothing
	bins  []bin        // ascending
}

// bin is from lo to hi, hi itself only if closed, counted by a moment.
type bin struct {
	lo, hi *big.Int
	closed bool
	moment int
}

// rangesOf takes from the moments those that ranges compute.
func (a *aggregation) rangesOf(moments []int) (others []int, batches []*ranges) {
	byKey := map[string]*ranges{}
	for _, i := range moments {
		x, b, rest, ok := rangeOf(a.moments[i])
		if !ok {
			others = append(others, i)
			continue
		}
		b.moment = i
		key := string(engine.Marshal(x)) + string(engine.Marshal(rest))
		if byKey[key] == nil {
			byKey[key] = &ranges{x: x, rest: rest}
			if x.Op == engine.OpSubtract && x.Args[1].Op == engine.OpStart {
				byKey[key].x, byKey[key].start = x.Args[0], x.Args[1]
			}
			batches = append(batches, byKey[key])
		}
		byKey[key].bins = append(byKey[key].bins, b)
	}
	var kept []*ranges
	for _, r := range batches {
		if r.start != nil || len(r.bins) >= tallyMoments {
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
func (r *ranges) layers() []*ranges {
	slices.SortFunc(r.bins, func(a, b bin) int { return cmp.Or(a.lo.Cmp(b.lo), a.hi.Cmp(b.hi)) })
	var out []*ranges
next:
	for _, b := range r.bins {
		for _, layer := range out {
			last := layer.bins[len(layer.bins)-1]
			if order := last.hi.Cmp(b.lo); order < 0 || order == 0 && !last.closed {
				layer.bins = append(layer.bins, b)
				continue next
			}
		}
		out = append(out, &ranges{x: r.x, start: r.start, rest: r.rest, bins: []bin{b}})
	}
	return out
}

// find is the moment that counts a value; −1 for none.
func (r *ranges) find(v *big.Int) int {
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

// rangesStep is the SELECT of the group columns, the expression and its count, whose rows are added to
// the cells.
func (a *aggregation) rangesStep(r *ranges) (step, error) {
	w := a.writer()
	value, err := w.Expression(r.x)
	if err != nil {
		return step{}, err
	}
	statement, err := a.selection(w, []string{value}, []string{"count(*)"}, r.rest, value+" IS NOT NULL")
	return step{statement, 2, false, func(cells []*big.Int, group int, values []any) error {
		v, err := a.cell(values[0], 0)
		if err != nil {
			return err
		}
		n, err := a.cell(values[1], 0)
		if err != nil {
			return err
		}
		if r.start != nil {
			v = new(big.Int).Sub(v, a.startOf(r.start, group))
		}
		if m := r.find(v); m >= 0 {
			cell := cells[group*len(a.moments)+m]
			cell.Add(cell, n)
		}
		return nil
	}}, err
}

// startOf is the value of OpStart in a group, in units of the expression's scale.
func (a *aggregation) startOf(e *engine.Expr, group int) *big.Int {
	d := a.plan.Start(e.Column, group)
	if d.Number == nil {
		return new(big.Int)
	}
	return new(big.Int).Mul(d.Number, files.PowerOfTen(e.Scale-d.Scale))
}
