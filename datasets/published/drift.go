package published

import (
	"cmp"
	"math/big"
	"slices"

	"parley/engine"
)

// Distribution is in how many rows each value of a column stands. It stays in the department: others learn at most what
// Publish takes of two.
type Distribution struct {
	Column string   `json:"column"`
	Values []string `json:"values"` // canonical texts, each once
	Rows   []int64  `json:"rows"`   // of each value, none of 0
	Told   bool     `json:"-"`      // the department declares that its drift is published
}

// Valid reports whether a distribution is one: of a file, which anybody may have written.
func (d Distribution) Valid() bool {
	if len(d.Values) != len(d.Rows) || len(d.Values) > engine.MaxDictionary {
		return false
	}
	seen := map[string]bool{}
	for i, v := range d.Values {
		if seen[v] || d.Rows[i] <= 0 || d.Rows[i] > engine.MaxRows {
			return false
		}
		seen[v] = true
	}
	return d.total() <= engine.MaxRows
}

// total is how many rows have a value.
func (d Distribution) total() (n int64) {
	for _, rows := range d.Rows {
		n += rows
	}
	return n
}

// Comparison is how the shares of a column's values, among the rows that have one, moved from one version to another.
type Comparison struct {
	Column string `json:"column"`
	// Distance is half of the sum of what the shares moved by, the total variation distance, in parts of 1000, rounded:
	// 0 where they are alike, 1000 where no value is in both.
	Distance     int64  `json:"perMille"`
	ValuesBefore int64  `json:"valuesBefore"` // rows with a value
	Values       int64  `json:"values"`
	Moves        []Move `json:"moves"` // of the values whose shares moved, the farthest first
}

// Move is how many rows of each version have a value. 0 before: it has appeared; 0 now: it has vanished.
type Move struct {
	Value  string `json:"value"`
	Before int64  `json:"before"`
	Now    int64  `json:"now"`
}

// Compare compares two versions of a column; false where one of them has no value.
func Compare(before, now Distribution) (c Comparison, comparable bool) {
	c = Comparison{Column: now.Column, ValuesBefore: before.total(), Values: now.total(), Moves: []Move{}}
	if c.ValuesBefore == 0 || c.Values == 0 {
		return c, false
	}
	had := map[string]int64{}
	for i, v := range before.Values {
		had[v] = before.Rows[i]
	}
	var moves []Move
	for i, v := range now.Values {
		moves = append(moves, Move{v, had[v], now.Rows[i]})
		delete(had, v)
	}
	for _, v := range before.Values {
		if rows, gone := had[v]; gone {
			moves = append(moves, Move{v, rows, 0})
		}
	}
	sum, by := new(big.Int), map[string]*big.Int{}
	for _, m := range moves {
		moved := m.by(c.ValuesBefore, c.Values)
		if sum.Add(sum, moved); moved.Sign() > 0 {
			by[m.Value] = moved
			c.Moves = append(c.Moves, m)
		}
	}
	slices.SortStableFunc(c.Moves, func(a, b Move) int { return cmp.Or(by[b.Value].Cmp(by[a.Value]), cmp.Compare(a.Value, b.Value)) })
	c.Distance = parts(sum, c.ValuesBefore, c.Values, 1000)
	return c, true
}

// by is |now/n − before/m|, times m·n.
func (m Move) by(before, now int64) *big.Int {
	moved := new(big.Int).Mul(big.NewInt(m.Now), big.NewInt(before))
	return moved.Abs(moved.Sub(moved, new(big.Int).Mul(big.NewInt(m.Before), big.NewInt(now))))
}

// parts is sum/(2·before·now), in so many parts of one, rounded to the nearest.
func parts(sum *big.Int, before, now, of int64) int64 {
	whole := new(big.Int).Mul(big.NewInt(before), big.NewInt(now)) // half of the denominator
	n := new(big.Int).Mul(sum, big.NewInt(of))
	n.Add(n, whole)
	return n.Quo(n, whole.Lsh(whole, 1)).Int64()
}

// CompareAll compares the columns that both versions have, in the order of the later one.
func CompareAll(before, now []Distribution) (out []Comparison) {
	for _, d := range now {
		if at := slices.IndexFunc(before, func(b Distribution) bool { return b.Column == d.Column }); at >= 0 {
			if c, comparable := Compare(before[at], d); comparable {
				out = append(out, c)
			}
		}
	}
	return out
}

// Publish puts into a registration how far the shares of values moved since the version before, of the columns of which
// the department declares that this is told: one number for each, in whole percent, and none where either version has
// fewer than engine.MinDriftValues values, among which a row is too much of it.
func Publish(r *engine.Registration, before, now []Distribution) {
	told := map[string]uint8{}
	for _, c := range CompareAll(before, slices.DeleteFunc(slices.Clone(now), func(d Distribution) bool { return !d.Told })) {
		if min(c.ValuesBefore, c.Values) >= engine.MinDriftValues {
			told[c.Column] = uint8((c.Distance + 5) / 10)
		}
	}
	r.Quality.Columns = slices.Clone(r.Quality.Columns)
	for i := range r.Quality.Columns {
		q := &r.Quality.Columns[i]
		if percent, ok := told[q.Name]; ok {
			q.Drift = &percent
		}
	}
}
