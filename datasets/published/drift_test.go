package published

import (
	"math/big"
	"math/rand/v2"
	"slices"
	"testing"

	"parley/engine"
)

// TestCompare: the distance between two versions, and which values moved, farthest first.
func TestCompare(t *testing.T) {
	const most = engine.MaxRows
	for name, c := range map[string]struct {
		before, now   Distribution
		distance      int64
		moves         []Move
		notComparable bool
	}{
		"alike":                   {of("a", 1, "b", 3), of("b", 6, "a", 2), 0, []Move{}, false},
		"one appeared, one went":  {of("a", 1, "b", 1), of("a", 1, "c", 1), 500, []Move{{"b", 1, 0}, {"c", 0, 1}}, false},
		"nothing in common":       {of("a", 9), of("b", 5), 1000, []Move{{"a", 9, 0}, {"b", 0, 5}}, false},
		"the farthest first":      {of("a", 10, "b", 10, "c", 80), of("a", 11, "b", 15, "c", 74), 60, []Move{{"c", 80, 74}, {"b", 10, 15}, {"a", 10, 11}}, false},
		"a fraction":              {of("a", 1, "b", 2), of("a", 2, "b", 1), 333, []Move{{"a", 1, 2}, {"b", 2, 1}}, false},
		"rounded to the nearest":  {of("a", 2000), of("a", 1999, "b", 1), 1, []Move{{"a", 2000, 1999}, {"b", 0, 1}}, false},
		"too little to be told":   {of("a", 2001), of("a", 2000, "b", 1), 0, []Move{{"a", 2001, 2000}, {"b", 0, 1}}, false},
		"the most rows there are": {of("a", most), of("a", 1, "b", most-1), 1000, []Move{{"a", most, 1}, {"b", 0, most - 1}}, false},
		"none before":             {of(), of("a", 1), 0, nil, true},
		"none now":                {of("a", 1), of(), 0, nil, true},
	} {
		got, comparable := Compare(c.before, c.now)
		if comparable == c.notComparable || comparable && (got.Distance != c.distance || !slices.Equal(got.Moves, c.moves)) {
			t.Errorf("%s: %v %+v", name, comparable, got)
		}
	}
}

// of is a distribution: values and counts by turns.
func of(pairs ...any) Distribution {
	d := Distribution{Column: "x"}
	for i := 0; i < len(pairs); i += 2 {
		d.Values = append(d.Values, pairs[i].(string))
		switch n := pairs[i+1].(type) {
		case int:
			d.Rows = append(d.Rows, int64(n))
		case int64:
			d.Rows = append(d.Rows, n)
		}
	}
	return d
}

// TestDistance: the distance is the definition's, computed in rationals, whichever way it is asked.
func TestDistance(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	draw := func() (d Distribution, share func(v string) *big.Rat) {
		rows := map[string]int64{}
		var total int64
		for _, v := range []string{"a", "b", "c", "d", "e"} {
			if n := r.Int64N(1 << r.IntN(40)); n > 0 {
				d.Values, d.Rows = append(d.Values, v), append(d.Rows, n)
				rows[v], total = n, total+n
			}
		}
		return d, func(v string) *big.Rat { return big.NewRat(rows[v], max(total, 1)) }
	}
	for range 500 {
		before, p := draw()
		now, q := draw()
		c, comparable := Compare(before, now)
		again, _ := Compare(now, before)
		if !comparable {
			continue
		}
		sum := new(big.Rat)
		for _, v := range []string{"a", "b", "c", "d", "e"} {
			moved := new(big.Rat).Sub(q(v), p(v))
			sum.Add(sum, moved.Abs(moved))
		}
		// |distance − 500·sum| is at most a half
		off := sum.Sub(sum.Mul(sum, big.NewRat(500, 1)), big.NewRat(c.Distance, 1))
		if off.Abs(off).Cmp(big.NewRat(1, 2)) > 0 || again.Distance != c.Distance || c.Distance < 0 || c.Distance > 1000 {
			t.Fatalf("%+v, %+v: %d, %d", before, now, c.Distance, again.Distance)
		}
	}
}

// TestPublish: nothing of a drift is in a registration but of a column that is declared so, and of enough values, and then
// one number.
func TestPublish(t *testing.T) {
	const enough = engine.MinDriftValues
	half := func(values int64) Distribution { return of("a", values-values/2, "b", values/2) }
	told := func(d Distribution) Distribution { d.Told = true; return d }
	percent := func(p uint8) *uint8 { return &p }
	for name, c := range map[string]struct {
		before, now []Distribution
		want        *uint8
	}{
		"declared":            {[]Distribution{of("a", enough)}, []Distribution{told(half(enough))}, percent(50)},
		"rounded":             {[]Distribution{of("a", enough)}, []Distribution{told(of("a", enough-15, "b", 15))}, percent(2)},
		"one row":             {[]Distribution{of("a", enough)}, []Distribution{told(of("a", enough-1, "b", 1))}, percent(0)},
		"not declared":        {[]Distribution{of("a", enough)}, []Distribution{half(enough)}, nil},
		"declared before":     {[]Distribution{told(of("a", enough))}, []Distribution{half(enough)}, nil},
		"too few before":      {[]Distribution{of("a", enough-1)}, []Distribution{told(half(enough))}, nil},
		"too few now":         {[]Distribution{of("a", enough)}, []Distribution{told(half(enough - 1))}, nil},
		"nothing before":      {nil, []Distribution{told(half(enough))}, nil},
		"of another column":   {[]Distribution{{Column: "y", Values: []string{"a"}, Rows: []int64{enough}}}, []Distribution{told(half(enough))}, nil},
		"nothing in it, then": {[]Distribution{of()}, []Distribution{told(half(enough))}, nil},
	} {
		quality := []engine.ColumnQuality{{Name: "w"}, {Name: "x", Missing: 3}}
		r := engine.Registration{Quality: engine.Quality{Columns: quality}}
		Publish(&r, c.before, c.now)
		got := r.Quality.Columns[1]
		if r.Quality.Columns[0] != quality[0] || got.Missing != 3 || (got.Drift == nil) != (c.want == nil) || got.Drift != nil && *got.Drift != *c.want {
			t.Errorf("%s: %+v", name, r.Quality.Columns)
		}
		if quality[1].Drift != nil {
			t.Error("the table's own quality was changed")
		}
	}
}

// TestValid: what is no distribution is none.
func TestValid(t *testing.T) {
	for name, d := range map[string]Distribution{
		"a value twice":   of("a", 1, "a", 1),
		"no row":          of("a", 0),
		"fewer than one":  of("a", -1),
		"too many":        of("a", engine.MaxRows, "b", 1),
		"counts missing":  {Values: []string{"a"}},
		"values missing":  {Rows: []int64{1}},
		"too many values": {Values: make([]string, engine.MaxDictionary+1), Rows: make([]int64, engine.MaxDictionary+1)},
	} {
		if d.Valid() {
			t.Errorf("%s is taken", name)
		}
	}
	if !of("a", 1, "b", engine.MaxRows-1).Valid() || !of().Valid() {
		t.Error("a distribution is refused")
	}
}
