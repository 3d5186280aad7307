package mhe

import (
	"errors"
	"fmt"

	"parley/circuits"
)

// Vector says what a vector's ciphertexts must be: integers over the positions of a spine, all within [Lo, Hi].
// Position p is limb p mod Params.Limbs() of chunk p div Params.Limbs(), and each chunk is an ordinary contribution
// (protocols/README.md, section 2.5). A position that no row has is 0, so Lo ≤ 0 ≤ Hi.
type Vector struct {
	Positions int
	Lo, Hi    int64
}

// MaxPositions is the longest vector: as many persons as a spine may have.
const MaxPositions = circuits.MaxPositions

func (v Vector) check() error {
	if v.Positions < 1 || v.Positions > MaxPositions || v.Lo > 0 || v.Hi < 0 {
		return errors.New("vector: no positions, too many, or bounds without 0")
	}
	return nil
}

// bounds are those of a chunk's limbs: limbs past the last position are zero.
func (v Vector) bounds(p circuits.Params, chunk int) (lo, hi []int64, err error) {
	if err := v.check(); err != nil {
		return nil, nil, err
	}
	if chunk < 0 || chunk >= p.Chunks(v.Positions) {
		return nil, nil, fmt.Errorf("vector: chunk %d of %d", chunk, p.Chunks(v.Positions))
	}
	lo, hi = make([]int64, p.Limbs()), make([]int64, p.Limbs())
	for i := range min(p.Limbs(), v.Positions-chunk*p.Limbs()) {
		lo[i], hi[i] = v.Lo, v.Hi
	}
	return lo, hi, nil
}

// chunkOf is a chunk's limbs.
func chunkOf(p circuits.Params, entries []int64, chunk int) []int64 {
	limbs := make([]int64, p.Limbs())
	copy(limbs, entries[chunk*p.Limbs():])
	return limbs
}

// DraftVector encrypts a chunk of a vector under the collective key. A ciphertext is made once an epoch, for as many
// questions as use the vector.
func DraftVector(p circuits.Params, b circuits.Binding, pk PublicKey, v Vector, entries []int64, chunk int) (*Draft, error) {
	lo, hi, err := v.bounds(p, chunk)
	if err != nil {
		return nil, err
	}
	if len(entries) != v.Positions {
		return nil, fmt.Errorf("vector: %d entries for %d positions", len(entries), v.Positions)
	}
	return DraftContribution(p, b, pk, chunkOf(p, entries, chunk), lo, hi)
}

// NewVector is DraftVector with its proof.
func NewVector(k *circuits.Keys, b circuits.Binding, pk PublicKey, v Vector, entries []int64, chunk int) ([]byte, error) {
	draft, err := DraftVector(k.Params(), b, pk, v, entries, chunk)
	if err != nil {
		return nil, err
	}
	return draft.Prove(k)
}

// VerifyVector checks the blob of a chunk, ContributionSize bytes.
func VerifyVector(vk *circuits.VerifyingKeys, b circuits.Binding, pk PublicKey, v Vector, chunk int, blob []byte) (Ciphertext, error) {
	lo, hi, err := v.bounds(vk.Params(), chunk)
	if err != nil {
		return Ciphertext{}, err
	}
	return VerifyContribution(vk, b, pk, lo, hi, blob)
}

// CombineVectors sums the verified vectors of a side's departments, chunk by chunk. All must have as many chunks.
func CombineVectors(p circuits.Params, vectors [][]Ciphertext) ([]Ciphertext, error) {
	if len(vectors) == 0 {
		return nil, errors.New("vectors: none")
	}
	sums := make([]Ciphertext, len(vectors[0]))
	for chunk := range sums {
		var cts []Ciphertext
		for _, v := range vectors {
			if len(v) != len(sums) {
				return nil, errors.New("vectors: of different lengths")
			}
			cts = append(cts, v[chunk])
		}
		sums[chunk] = CombineContributions(p, cts)
	}
	return sums, nil
}
