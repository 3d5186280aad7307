package engine

import (
	"math/big"
	"slices"
)

// weighed are the rows of a facing by groups, and by parts of the earlier set: how many, and where they are counted. Of groups that
// are not shown all rows are beyond the answer.
type weighed struct {
	plan       *Plan
	cells      []*big.Int
	shown      []int // groups, by their places
	both, less [][]weight
	more       []weight
	below      bool // a department has rows that one set alone has, but fewer than its floor
}

// weight are rows in some groups.
type weight struct {
	rows int64
	at   []inGroup
}

// add may write behind w's places, so what has been added to is not added to again.
func (w weight) add(o weight) weight {
	return weight{w.rows + o.rows, append(w.at, o.at...)}
}

// weightOf are the rows of a support in a group; none of −1.
func (p *Plan) weightOf(g, support int, cells []*big.Int) weight {
	if support < 0 {
		return weight{}
	}
	if rows := p.Screen.rowsAtLeast(support, p.ofGroup(cells, g)); rows > 0 {
		return weight{rows, []inGroup{{g, support}}}
	}
	return weight{}
}

func (p *Plan) weigh(o *facing, groups []int, cells []*big.Int, verdict []byte) *weighed {
	w, width := &weighed{plan: p, cells: cells}, len(p.Screen.answer.Moments)
	of := func(g, support int) weight { return p.weightOf(g, support, cells) }
	for i, g := range groups {
		shown := shows(verdict[g*width:], o.own.moments)
		both, less := make([]weight, len(o.parts)), make([]weight, len(o.parts))
		for c, part := range o.parts {
			both[c], less[c] = of(g, part.both), of(g, part.less)
			w.below = w.below || shown && p.below(g, part.less, cells)
			if !shown {
				both[c], less[c] = weight{}, less[c].add(both[c])
			}
		}
		more := weight{}
		if shown {
			w.shown, more = append(w.shown, i), of(g, o.more)
			w.below = w.below || p.below(g, o.more, cells)
		}
		w.both, w.less, w.more = append(w.both, both), append(w.less, less), append(w.more, more)
	}
	return w
}

func (w *weighed) few(x weight) bool { return x.rows > 0 && w.plan.fewAmong(x.at, w.cells) }

// around looks at some of the answer's groups together: without the parts of the earlier set that they hold, and within those
// that hold them.
func (w *weighed) around(own []int) bool {
	var more, rest, beyond weight
	held := false
	for _, i := range own {
		more = more.add(w.more[i])
	}
	rest = more
	for c := range w.both[0] {
		var inside, outside weight
		for i := range w.both {
			if outside = outside.add(w.less[i][c]); slices.Contains(own, i) {
				inside = inside.add(w.both[i][c])
			} else {
				outside = outside.add(w.both[i][c])
			}
		}
		switch {
		case inside.rows == 0:
			continue
		case outside.rows == 0:
			held = true
		default:
			rest = rest.add(inside)
		}
		beyond = beyond.add(outside)
	}
	return held && w.few(rest) || more.rows == 0 && w.few(beyond)
}

// about looks at some parts of the earlier set together: without the groups of the answer that they hold, and within those that
// hold them.
func (w *weighed) about(parts []int) bool {
	var rest, missed, beyond weight
	held := false
	for i := range w.both {
		within, out, left := weight{}, w.more[i], weight{}
		for c := range w.both[i] {
			if !slices.Contains(parts, c) {
				out = out.add(w.both[i][c])
				continue
			}
			within, left = within.add(w.both[i][c]), left.add(w.less[i][c])
		}
		if rest, missed = rest.add(left), missed.add(left); within.rows == 0 {
			continue
		}
		if beyond = beyond.add(out); out.rows == 0 {
			held = true
		} else {
			rest = rest.add(within)
		}
	}
	return held && w.few(rest) || missed.rows == 0 && w.few(beyond)
}
