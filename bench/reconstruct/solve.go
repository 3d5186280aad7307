package reconstruct

import "fmt"

// Solve works out what follows from what is known until nothing more does, by
//
//   - totals: the counts of a column's values add up to all rows, those of a line of a pair's table to a value's;
//   - three columns: the counts of three columns' values, of which nothing is known, add up to those of each two
//     (the shuttle algorithm of Buzzigoli and Giusti, 1999);
//   - flows: within one pair's table, which cells are the same in every solution of its equations and bounds.
//
// It fails where bounds contradict each other, and where they exclude the truth: then a bound was not one.
func (t *Tables) Solve(truth *Truth) error {
	seen := map[[3]int]int{}
	for t.wrong == nil {
		before := t.changes()
		t.totals()
		if t.changes() == before { // what costs more, when nothing simple is left
			t.threes(seen)
		}
		if t.changes() == before {
			t.flows(truth)
		}
		if t.changes() == before {
			break
		}
	}
	if t.wrong != nil {
		return t.wrong
	}
	return t.holds(truth)
}

func (t *Tables) changes() (n int) {
	for _, m := range t.moved {
		n += m
	}
	return n
}

// holds fails unless the true counts are within what is known.
func (t *Tables) holds(truth *Truth) error {
	for a, n := range t.sizes {
		for i := range n {
			if k, v := t.one[a][i], truth.one[a][i]; v < k.Lo || v > k.Hi {
				return fmt.Errorf("value %d of column %d has %d rows, taken to be between %d and %d", i, a, v, k.Lo, k.Hi)
			}
		}
	}
	for at, cells := range t.two {
		for i, k := range cells {
			if v := truth.two[at][i]; v < k.Lo || v > k.Hi {
				return fmt.Errorf("cell %d of columns %d and %d has %d rows, taken to be between %d and %d",
					i, at/len(t.sizes), at%len(t.sizes), v, k.Lo, k.Hi)
			}
		}
	}
	return nil
}

// totals narrows lines by their totals and totals by their lines, once.
func (t *Tables) totals() {
	for a, n := range t.sizes {
		t.line(t.rows, n, func(i int) Interval { return t.one[a][i] }, func(i int, by Interval) { t.NarrowOne(a, i, by) }, nil)
		for b := range t.sizes {
			if b == a {
				continue
			}
			for i := range n {
				two := func(j int) Interval { return t.Two(a, i, b, j) }
				narrow := func(j int, by Interval) { t.NarrowTwo(a, i, b, j, by) }
				if b < a {
					two = func(j int) Interval { return t.Two(b, j, a, i) }
					narrow = func(j int, by Interval) { t.NarrowTwo(b, j, a, i, by) }
				}
				t.line(t.one[a][i], t.sizes[b], two, narrow, func(by Interval) { t.NarrowOne(a, i, by) })
			}
		}
	}
}

// line narrows the n parts of a total, and the total.
func (t *Tables) line(total Interval, n int, part func(int) Interval, narrow func(int, Interval), narrowTotal func(Interval)) {
	var lo, hi int64
	open := !total.Exact()
	for i := range n {
		p := part(i)
		lo, hi, open = lo+int64(p.Lo), hi+int64(p.Hi), open || !p.Exact()
	}
	if !open && lo == int64(total.Lo) {
		return
	}
	if narrowTotal != nil {
		narrowTotal(interval(lo, hi))
	}
	for i := range n {
		p := part(i)
		narrow(i, interval(int64(total.Lo)-(hi-int64(p.Hi)), int64(total.Hi)-(lo-int64(p.Lo))))
	}
}

// interval is one of counts: what is below 0 is 0, and what is above any number of rows the largest.
func interval(lo, hi int64) Interval {
	const most = 1<<31 - 1
	return Interval{int32(min(max(lo, 0), most)), int32(max(min(hi, most), -1))}
}
