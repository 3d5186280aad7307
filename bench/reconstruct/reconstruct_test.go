package reconstruct

import (
	"math/rand/v2"
	"testing"
)

// people are rows of few values, so that many counts are small.
func people(r *rand.Rand, sizes []int, n int) [][]uint16 {
	out := make([][]uint16, n)
	for i := range out {
		for _, size := range sizes {
			out[i] = append(out[i], uint16(r.IntN(1+r.IntN(size))))
		}
	}
	return out
}

// hidden are tables of which every total is told, and every cell of two columns within bounds, or exactly.
func hidden(r *rand.Rand, truth *Truth, sizes []int, rows int) *Tables {
	t := New(sizes, rows)
	for a, n := range sizes {
		for i := range n {
			if r.IntN(4) > 0 {
				v := truth.one[a][i]
				t.NarrowOne(a, i, Interval{v, v})
			}
		}
		for b := a + 1; b < len(sizes); b++ {
			for i := range n {
				for j := range sizes[b] {
					switch v := int32(truth.Two(a, i, b, j)); {
					case r.IntN(2) == 0:
						t.NarrowTwo(a, i, b, j, Interval{v, v})
					case v < 3:
						t.NarrowTwo(a, i, b, j, Interval{min(v, int32(r.IntN(2))), 2})
					}
				}
			}
		}
	}
	return t
}

// TestSolveFindsWhatIsTold compares a pair's table with all tables that meet its equations and bounds, listed one by
// one: exactly those cells are known that are the same in all.
func TestSolveFindsWhatIsTold(t *testing.T) {
	told, open := 0, 0
	for seed := range 3000 {
		r := rand.New(rand.NewPCG(uint64(seed), 31))
		sizes := []int{2 + r.IntN(2), 2 + r.IntN(2)}
		n := 1 + r.IntN(8)
		truth := Count(sizes, people(r, sizes, n))
		tables := hidden(r, truth, sizes, n)
		least, most := solutions(tables, n)
		if err := tables.Solve(truth); err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		for i := range sizes[0] {
			for j := range sizes[1] {
				k, at := tables.Two(0, i, 1, j), i*sizes[1]+j
				switch {
				case k.Lo > least[at] || k.Hi < most[at]:
					t.Fatalf("seed %d: cell %d, %d is between %d and %d, taken to be between %d and %d", seed, i, j, least[at], most[at], k.Lo, k.Hi)
				case k.Exact() != (least[at] == most[at]):
					t.Fatalf("seed %d: cell %d, %d is between %d and %d, and told to be between %d and %d", seed, i, j, least[at], most[at], k.Lo, k.Hi)
				case k.Exact():
					told++
				default:
					open++
				}
			}
		}
	}
	if told < 1000 || open < 300 {
		t.Fatalf("%d cells are told and %d not", told, open)
	}
}

// solutions are the least and the most that each cell of a pair's table can be.
func solutions(t *Tables, rows int) (least, most []int32) {
	cells, columns := t.two[t.pairAt(0, 1)], t.sizes[1]
	value := make([]int32, len(cells))
	least, most = make([]int32, len(cells)), make([]int32, len(cells))
	for i := range least {
		least[i] = int32(rows)
	}
	within := func(known Interval, first, step, n int) bool {
		sum := int32(0)
		for k := range n {
			sum += value[first+k*step]
		}
		return sum >= known.Lo && sum <= known.Hi
	}
	var fill func(at, left int)
	fill = func(at, left int) {
		if at == len(cells) {
			ok := left == 0
			for i := range t.sizes[0] {
				ok = ok && within(t.one[0][i], i*columns, 1, columns)
			}
			for j := range columns {
				ok = ok && within(t.one[1][j], j, columns, t.sizes[0])
			}
			for i, v := range value {
				if ok {
					least[i], most[i] = min(least[i], v), max(most[i], v)
				}
			}
			return
		}
		for v := cells[at].Lo; v <= min(cells[at].Hi, int32(left)); v++ {
			value[at] = v
			fill(at+1, left-int(v))
		}
	}
	fill(0, rows)
	return least, most
}

// TestSolveHolds: with more columns than two, what is taken to follow does, of two and of three of them.
func TestSolveHolds(t *testing.T) {
	found, three := 0, 0
	for seed := range 300 {
		r := rand.New(rand.NewPCG(uint64(seed), 32))
		sizes := []int{2 + r.IntN(4), 2 + r.IntN(4), 2 + r.IntN(4), 2}
		rows := people(r, sizes, 1+r.IntN(40))
		truth := Count(sizes, rows)
		tables := hidden(r, truth, sizes, len(rows))
		before := exact(tables)
		if err := tables.Solve(truth); err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		found += exact(tables) - before
		tables.Three(0, 1, 3, func(i, j, k int, known Interval) {
			n := int32(0)
			for _, row := range rows {
				if int(row[0]) == i && int(row[1]) == j && int(row[3]) == k {
					n++
				}
			}
			if n < known.Lo || n > known.Hi {
				t.Fatalf("seed %d: %d rows of three columns, taken to be between %d and %d", seed, n, known.Lo, known.Hi)
			}
			if known.Exact() {
				three++
			}
		})
	}
	if found < 100 || three < 100 {
		t.Fatalf("%d cells of two columns and %d of three are found", found, three)
	}
}

func exact(t *Tables) (n int) {
	for _, cells := range t.two {
		for _, k := range cells {
			if k.Exact() {
				n++
			}
		}
	}
	return n
}

// TestSolveByThreeColumns: what two columns that say the same hide in one of them, a third's table with the other
// tells.
func TestSolveByThreeColumns(t *testing.T) {
	rows := [][]uint16{{0, 0, 0}, {1, 1, 0}, {1, 1, 0}, {1, 1, 1}, {2, 2, 1}, {2, 2, 1}}
	sizes := []int{3, 3, 2}
	truth := Count(sizes, rows)
	tables := New(sizes, len(rows))
	for i := range 3 {
		for j := range 3 {
			v := int32(truth.Two(0, i, 1, j))
			tables.NarrowTwo(0, i, 1, j, Interval{v, v})
		}
		for j := range 2 { // of the first column nothing is told beside the third, of the second all
			v := int32(truth.Two(1, i, 2, j))
			tables.NarrowTwo(1, i, 2, j, Interval{v, v})
		}
	}
	if err := tables.Solve(truth); err != nil {
		t.Fatal(err)
	}
	if k := tables.Two(0, 0, 2, 0); k != (Interval{1, 1}) {
		t.Errorf("the first column's value beside the third's has between %d and %d rows, and it is told that it has one", k.Lo, k.Hi)
	}
}

// TestSolveRefusesWhatCannotBe: bounds that contradict each other, or the truth.
func TestSolveRefusesWhatCannotBe(t *testing.T) {
	rows := [][]uint16{{0, 0}, {1, 1}, {1, 0}}
	sizes := []int{2, 2}
	truth := Count(sizes, rows)
	contradicted := New(sizes, 3)
	contradicted.NarrowOne(0, 0, Interval{2, 3})
	contradicted.NarrowOne(0, 1, Interval{2, 3})
	if contradicted.Solve(truth) == nil {
		t.Error("four of three rows")
	}
	wrong := New(sizes, 3)
	wrong.NarrowTwo(0, 0, 1, 0, Interval{0, 0})
	if wrong.Solve(truth) == nil {
		t.Error("a count that is another")
	}
}
