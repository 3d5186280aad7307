// Package summary learns about a column as its values are loaded: its bounds, distinct values and digest.
//
// ../README.md is its specification; section numbers in comments refer to it.
package summary

import (
	"cmp"
	"math/big"
	"slices"
	"strings"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/bitutil"
	"github.com/apache/arrow/go/v17/arrow/decimal128"

	"parley/datasets/content"
	"parley/datasets/published"
	"parley/datasets/remarks"
	"parley/engine"
)

// Column is what loading learns about one column: bounds, distinct values,
// and the digest of its values in row order (README, sections 4 and 5). It takes the
// column's values batch by batch, as they are stored.
type Column struct {
	Values int64 // that are not NULL
	nulls  int64

	min, max   int64          // of narrow values
	wmin, wmax decimal128.Num // of wide values

	narrow content.Numbers
	wide   map[decimal128.Num]int // their places
	text   content.TextSet
	counts []int64 // of each distinct value, by its place
	full   bool    // more distinct values than a dictionary holds, or one too long

	hash content.Hash
}

// New is of a column of which nothing is loaded yet.
func New() *Column {
	return &Column{wide: map[decimal128.Num]int{}, hash: content.NewHash()}
}

// Add takes the next batch of the column; of texts also what they look like. at gives the place of a row.
func (s *Column) Add(a arrow.Array, like *remarks.Resemblance, at func(row int) remarks.At) {
	s.nulls += int64(a.NullN())
	switch a := a.(type) {
	case *array.Int64:
		addNumbers(s, a.Int64Values(), a)
	case *array.Date32:
		addNumbers(s, a.Date32Values(), a)
	case *array.Boolean:
		s.addTruths(a)
	case *array.Decimal128:
		s.addWide(a)
	case *array.String:
		s.addTexts(a, like, at)
	}
	s.hash.Add(a)
}

// addTruths takes booleans, of which there are only two to count.
func (s *Column) addTruths(a *array.Boolean) {
	truths, first := content.Truths(a)
	var counts [2]int64 // of false and true
	for from, to := range content.Present(a) {
		set := bitutil.CountSetBits(truths, first+from, to-from)
		counts[0], counts[1] = counts[0]+int64(to-from-set), counts[1]+int64(set)
	}
	for v, n := range counts {
		if n > 0 {
			place, isNew := s.narrow.Add(int64(v))
			s.count(place, isNew, n)
			s.Values += n
		}
	}
}

// addNumbers takes numbers or dates.
func addNumbers[T int64 | arrow.Date32](s *Column, values []T, a arrow.Array) {
	for from, to := range content.Present(a) {
		if s.Values == 0 {
			s.min, s.max = int64(values[from]), int64(values[from])
		}
		low, high := T(s.min), T(s.max)
		for _, v := range values[from:to] {
			low, high = min(low, v), max(high, v)
		}
		s.min, s.max = int64(low), int64(high)
		for _, v := range values[from:to] {
			if s.full {
				break
			}
			place, isNew := s.narrow.Add(int64(v))
			s.count(place, isNew, 1)
			s.full = s.narrow.Len() > engine.MaxDictionary
		}
		s.Values += int64(to - from)
	}
}

// addWide takes numbers of a column whose values need 128 bits.
func (s *Column) addWide(a *array.Decimal128) {
	for i, v := range a.Values() {
		if a.IsNull(i) {
			continue
		}
		if s.Values == 0 {
			s.wmin, s.wmax = v, v
		}
		if v.Less(s.wmin) {
			s.wmin = v
		}
		if s.wmax.Less(v) {
			s.wmax = v
		}
		s.Values++
		if !s.full {
			place, known := s.wide[v]
			if !known {
				place = len(s.wide)
				s.wide[v] = place
			}
			s.count(place, !known, 1)
			s.full = len(s.wide) > engine.MaxDictionary
		}
	}
}

func (s *Column) addTexts(a *array.String, like *remarks.Resemblance, at func(row int) remarks.At) {
	data, offsets := content.Texts(a)
	nulls := a.NullN() > 0
	for i := range a.Len() {
		if nulls && a.IsNull(i) {
			continue
		}
		v := data[offsets[i]:offsets[i+1]]
		s.Values++
		if s.full {
			like.Add(v, at(i))
			continue
		}
		index, isNew := s.text.Add(v)
		s.count(index, isNew, 1)
		if isNew {
			s.full = s.text.Len() > engine.MaxDictionary || len(v) > engine.MaxDictionaryText
			s.text.Likeness = append(s.text.Likeness, like.Add(v, at(i)))
			continue
		}
		like.Again(s.text.Likeness[index])
	}
}

// count notes a value, so many times, at its place among the distinct ones.
func (s *Column) count(place int, isNew bool, times int64) {
	if isNew {
		s.counts = append(s.counts, 0)
	}
	s.counts[place] += times
}

// Sum is the digest of the values.
func (s *Column) Sum() []byte { return s.hash.Sum() }

// Bounds are the least and the greatest value of numbers, dates and moments, 0 where there is none. wide: they may need 128 bits.
func (s *Column) Bounds(wide bool) (low, high *big.Int) {
	if wide {
		return s.wmin.BigInt(), s.wmax.BigInt()
	}
	return big.NewInt(s.min), big.NewInt(s.max)
}

// Describe gives what the rows say of a column of a name, kind and scale.
func (s *Column) Describe(c engine.Column, wide bool) published.Found {
	out := published.Found{Values: s.Values, Column: engine.Column{Name: c.Name, Kind: c.Kind, Scale: c.Scale, Nullable: s.nulls > 0, HasDictionary: !s.full}}
	if s.Values > 0 && c.Kind != engine.Text && c.Kind != engine.Boolean && c.Kind != engine.Null {
		out.Min, out.Max = s.Bounds(wide)
	}
	if !s.full {
		out.Dictionary, out.Rows = s.dictionary(c, wide)
		for _, n := range out.Rows {
			if n == 1 {
				out.Alone++
			}
		}
	}
	return out
}

// dictionary lists the distinct values as canonical text in the kind's order, and in how many rows each stands.
func (s *Column) dictionary(c engine.Column, wide bool) (values []string, rows []int64) {
	switch {
	case c.Kind == engine.Text:
		return ordered(s.text.Values, s.counts, strings.Compare, func(v string) string { return v })
	case wide:
		places := make([]decimal128.Num, len(s.wide))
		for v, place := range s.wide {
			places[place] = v
		}
		return ordered(places, s.counts, decimal128.Num.Cmp, func(v decimal128.Num) string { return Datum(c.Kind, c.Scale, v.BigInt()).String() })
	}
	return ordered(s.narrow.Values, s.counts, cmp.Compare[int64], func(v int64) string { return Datum(c.Kind, c.Scale, big.NewInt(v)).String() })
}

// ordered are the texts of distinct values and their counts, by the order of the values.
func ordered[T any](values []T, counts []int64, compare func(a, b T) int, text func(T) string) (texts []string, rows []int64) {
	places := make([]int, len(values))
	for i := range places {
		places[i] = i
	}
	slices.SortFunc(places, func(a, b int) int { return compare(values[a], values[b]) })
	for _, i := range places {
		texts, rows = append(texts, text(values[i])), append(rows, counts[i])
	}
	return texts, rows
}

// Datum is a stored number of a column of a kind and scale as the engine's value.
func Datum(kind engine.Kind, scale int, v *big.Int) engine.Datum {
	if kind == engine.Boolean {
		return engine.NewBoolean(v.Sign() != 0)
	}
	return engine.Datum{Kind: kind, Number: v, Scale: scale}
}
