package vectors

import (
	"errors"
	"math"
	"math/big"
	"math/rand/v2"
	"testing"

	"parley/engine"
)

// built makes vectors of groups from parts that come in any order.
func built(t *testing.T, r *rand.Rand, positions, groups, moments, parts int, value func() int64) (v *Vectors, dense [][][]*big.Int) {
	t.Helper()
	b := &builder{most: parts, values: make([][]int64, moments), largest: make([]bool, moments), beyond: func(int) error { return errors.New("beyond") }}
	for range groups {
		of := make([][]*big.Int, moments)
		for m := range of {
			for range positions {
				of[m] = append(of[m], new(big.Int))
			}
		}
		dense = append(dense, of)
	}
	for range parts {
		g, at, values := r.IntN(groups), r.IntN(positions), make([]int64, moments)
		for m := range values {
			values[m] = value()
			dense[g][m][at].Add(dense[g][m][at], big.NewInt(values[m]))
		}
		b.add(uint64(g)<<32|uint64(at), values)
	}
	if err := b.settle(); err != nil {
		t.Fatal(err)
	}
	return b.vectors(positions, groups), dense
}

// TestInner: inner products, sums of vectors and parts of them are those of the integers one by one, however large.
func TestInner(t *testing.T) {
	r := rand.New(rand.NewPCG(16, 5))
	for _, value := range []func() int64{
		func() int64 { return r.Int64N(9) - 4 },
		func() int64 { return r.Int64N(1<<30+1) - 1<<29 },
		func() int64 { return (r.Int64() - r.Int64()) / 64 },
		func() int64 { return 1<<30 - 1 },
	} {
		const positions, groups, moments, parts = 40, 3, 2, 90
		a, denseA := built(t, r, positions, groups, moments, parts, value)
		b, denseB := built(t, r, positions, groups, moments, parts, value)
		both, err := Pool(a, b)
		if err != nil {
			t.Fatal(err)
		}
		for g := range groups {
			for m := range moments {
				want := new(big.Int)
				for i := range positions {
					want.Add(want, new(big.Int).Mul(denseA[g][m][i], denseB[groups-1-g][1-m][i]))
					var got [4]int64
					both.Fill(got[:], g, m, uint32(i))
					for k := range got {
						sum := new(big.Int)
						if i+k < positions {
							sum.Add(denseA[g][m][i+k], denseB[g][m][i+k])
						}
						if sum.Cmp(big.NewInt(got[k])) != 0 {
							t.Fatalf("group %d, vector %d, position %d: %d, want %s", g, m, i+k, got[k], sum)
						}
					}
				}
				if got := Inner(a, g, m, b, groups-1-g, 1-m); got.Cmp(want) != 0 {
					t.Errorf("group %d, vector %d: %s, want %s", g, m, got, want)
				}
			}
		}
	}
	one, _ := built(t, r, 9, 1, 1, 20, func() int64 { return 1 })
	for name, of := range map[string][3]int{"another spine": {8, 1, 1}, "other groups": {9, 2, 1}, "other vectors": {9, 1, 2}} {
		other, _ := built(t, r, of[0], of[1], of[2], 20, func() int64 { return 1 })
		if _, err := Pool(one, other); err == nil {
			t.Errorf("%s: they are added", name)
		}
	}
	if _, err := Pool(); err == nil {
		t.Error("nothing is added up")
	}
}

// TestRoom: parts that come one by one are put together when there is no more room, sums that pass 64 bits are refused, and so are
// more persons than there is room for.
func TestRoom(t *testing.T) {
	fill := func(persons, parts int, value int64) (*builder, error) {
		b := &builder{most: 100, values: make([][]int64, 2), largest: []bool{false, true}, beyond: func(m int) error { return errors.New("beyond") }}
		for i := range parts {
			if err := b.room(); err != nil {
				return b, err
			}
			b.add(uint64(i%persons), []int64{value, value})
		}
		return b, b.settle()
	}
	b, err := fill(7, 7000, -3)
	if err != nil || len(b.places) != 7 || b.values[0][3] != -3000 || b.values[1][3] != -3 {
		t.Errorf("%+v, %v", b, err)
	}
	if _, err := fill(7, 7000, math.MaxInt64/999); err == nil {
		t.Error("a sum beyond 64 bits is taken")
	}
	var e *engine.Error
	if _, err := fill(80, 7000, 1); !errors.As(err, &e) || e.Code != engine.CodeLimit {
		t.Errorf("too many persons: %v", err)
	}
}
