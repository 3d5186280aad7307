// Package reconstruct is an attacker who knows tables of counts by one and by two columns, some cells of them
// exactly, others within bounds, and works out what follows for the rest. bench/README.md section 4.3.
package reconstruct

import (
	"fmt"
	"slices"
)

// Interval is what is known of a count: it lies between Lo and Hi, both included.
type Interval struct{ Lo, Hi int32 }

// Exact says whether the count is known.
func (i Interval) Exact() bool { return i.Lo == i.Hi }

// Tables are what is known of how many rows have each value of each column, and each pair of values of each two.
// Columns and values are numbers from 0 on.
type Tables struct {
	sizes []int
	rows  Interval
	one   [][]Interval
	two   [][]Interval // by pairAt: the second column's values count fastest
	moved []int        // by pairAt: how often something of the pair, or of its columns, became narrower
	wrong error        // the first contradiction
}

// New knows how many rows there are, and nothing of their values: sizes are the columns' numbers of values.
func New(sizes []int, rows int) *Tables {
	t := &Tables{sizes: sizes, rows: Interval{int32(rows), int32(rows)}, moved: make([]int, len(sizes)*len(sizes))}
	open := Interval{0, int32(rows)}
	for _, n := range sizes {
		t.one = append(t.one, slices.Repeat([]Interval{open}, n))
	}
	t.two = make([][]Interval, len(sizes)*len(sizes))
	for a := range sizes {
		for b := a + 1; b < len(sizes); b++ {
			t.two[t.pairAt(a, b)] = slices.Repeat([]Interval{open}, sizes[a]*sizes[b])
		}
	}
	return t
}

// pairAt is the place of two columns, the smaller first.
func (t *Tables) pairAt(a, b int) int { return a*len(t.sizes) + b }

// One is what is known of a column's value.
func (t *Tables) One(a, i int) Interval { return t.one[a][i] }

// Two is what is known of two columns' values; a is below b.
func (t *Tables) Two(a, i, b, j int) Interval { return t.two[t.pairAt(a, b)][i*t.sizes[b]+j] }

// NarrowOne adds what is known of a column's value.
func (t *Tables) NarrowOne(a, i int, by Interval) {
	if t.narrow(&t.one[a][i], by) {
		for b := range t.sizes {
			t.moved[t.pairAt(min(a, b), max(a, b))]++
		}
	}
}

// NarrowTwo adds what is known of two columns' values; a is below b.
func (t *Tables) NarrowTwo(a, i, b, j int, by Interval) {
	at := t.pairAt(a, b)
	if t.narrow(&t.two[at][i*t.sizes[b]+j], by) {
		t.moved[at]++
	}
}

// narrow reports whether it changed the interval.
func (t *Tables) narrow(have *Interval, by Interval) bool {
	to := Interval{max(have.Lo, by.Lo), min(have.Hi, by.Hi)}
	if to.Lo > to.Hi {
		if t.wrong == nil {
			t.wrong = fmt.Errorf("a count between %d and %d lies between %d and %d", have.Lo, have.Hi, by.Lo, by.Hi)
		}
		return false
	}
	changed := to != *have
	*have = to
	return changed
}

// Truth are the true counts, by column and value, and by pair of columns as Tables has them. The attacker does not
// know them; where his bounds leave several solutions of a table's equations, any of them tells which cells are
// the same in all, and this is one.
type Truth struct {
	sizes []int
	one   [][]int32
	two   [][]int32
}

// Count counts rows, each a value of each column.
func Count(sizes []int, rows [][]uint16) *Truth {
	t := &Truth{sizes: sizes, two: make([][]int32, len(sizes)*len(sizes))}
	for a, n := range sizes {
		t.one = append(t.one, make([]int32, n))
		for b := a + 1; b < len(sizes); b++ {
			counts := make([]int32, n*sizes[b])
			for _, r := range rows {
				counts[int(r[a])*sizes[b]+int(r[b])]++
			}
			t.two[a*len(sizes)+b] = counts
		}
		for _, r := range rows {
			t.one[a][r[a]]++
		}
	}
	return t
}

// One is a column's value's count.
func (t *Truth) One(a, i int) int { return int(t.one[a][i]) }

// Two is the count of two columns' values; a is below b.
func (t *Truth) Two(a, i, b, j int) int {
	return int(t.two[a*len(t.sizes)+b][i*t.sizes[b]+j])
}
