package vectors

import (
	"errors"
	"math/big"
	"slices"
)

// persons counts the positions that have a value in any group.
func (v *Vectors) persons() (n int) {
	seen := make([]uint64, (v.Positions+63)/64)
	for _, at := range v.at {
		if bit := uint64(1) << (at % 64); seen[at/64]&bit == 0 {
			seen[at/64] |= bit
			n++
		}
	}
	return n
}

// Groups is how many groups the vectors are in, Moments how many there are in each.
func (v *Vectors) Groups() int  { return len(v.groups) - 1 }
func (v *Vectors) Moments() int { return len(v.values) }

// Fill writes the values at the positions from first on, 0 where nobody has a row.
func (v *Vectors) Fill(out []int64, group, moment int, first uint32) {
	clear(out)
	at, values := v.of(group, moment)
	from, _ := slices.BinarySearch(at, first)
	for i := from; i < len(at) && uint64(at[i]) < uint64(first)+uint64(len(out)); i++ {
		out[at[i]-first] = values[i]
	}
}

// of are the positions of a group, and a moment's values there.
func (v *Vectors) of(group, moment int) ([]uint32, []int64) {
	from, to := v.groups[group], v.groups[group+1]
	return v.at[from:to], v.values[moment][from:to]
}

// Pool adds up the vectors of several departments for one plan.
func Pool(all ...*Vectors) (*Vectors, error) {
	if len(all) == 0 {
		return nil, errors.New("datasets: no vectors")
	}
	first := all[0]
	b := &builder{values: make([][]int64, first.Moments()), largest: make([]bool, first.Moments()),
		beyond: func(int) error { return errors.New("datasets: vectors add up to more than 64 bits") }}
	for _, v := range all {
		if v.Positions != first.Positions || v.Groups() != first.Groups() || v.Moments() != first.Moments() {
			return nil, errors.New("datasets: vectors of other plans or spines")
		}
		for g := range v.Groups() {
			for i := v.groups[g]; i < v.groups[g+1]; i++ {
				b.places = append(b.places, uint64(g)<<32|uint64(v.at[i]))
			}
		}
		for m, values := range v.values {
			b.values[m] = append(b.values[m], values...)
		}
	}
	if err := b.settle(); err != nil {
		return nil, err
	}
	return b.vectors(first.Positions, first.Groups()), nil
}

// Inner is the sum over all positions of the products of two vectors.
func Inner(a *Vectors, groupA, momentA int, b *Vectors, groupB, momentB int) *big.Int {
	const small = 1 << 30 // products of such are below 2^60
	sum, part, x := new(big.Int), int64(0), new(big.Int)
	atA, valuesA := a.of(groupA, momentA)
	atB, valuesB := b.of(groupB, momentB)
	for i, j := 0, 0; i < len(atA) && j < len(atB); {
		switch {
		case atA[i] < atB[j]:
			i++
			continue
		case atA[i] > atB[j]:
			j++
			continue
		}
		if v, w := valuesA[i], valuesB[j]; -small < v && v < small && -small < w && w < small {
			part += v * w
		} else {
			sum.Add(sum, x.Mul(big.NewInt(v), big.NewInt(w)))
		}
		if part > 1<<62 || part < -1<<62 {
			sum.Add(sum, x.SetInt64(part))
			part = 0
		}
		i, j = i+1, j+1
	}
	return sum.Add(sum, x.SetInt64(part))
}
