package mhe

import (
	"errors"
	"fmt"
	"math/big"
	"slices"

	"parley/circuits"
)

// Slot is one number to be released: one coefficient of one ciphertext.
type Slot struct {
	Ciphertext  Ciphertext
	Coefficient int
}

// Targets are the slots of sums of products: of each the target's coefficient, the only one that is known of it.
func Targets(p circuits.Params, sums []Ciphertext) []Slot {
	out := make([]Slot, len(sums))
	for k, sum := range sums {
		out[k] = Slot{sum, p.Target()}
	}
	return out
}

func checkSlots(p circuits.Params, slots []Slot) error {
	if len(slots) == 0 || len(slots) > p.Limbs() {
		return fmt.Errorf("release: %d slots, allowed 1 to %d", len(slots), p.Limbs())
	}
	for _, slot := range slots {
		if slot.Coefficient < 0 || slot.Coefficient >= p.N() {
			return fmt.Errorf("release: coefficient %d of %d", slot.Coefficient, p.N())
		}
	}
	return nil
}

// Release is a department's part of the re-encryption of slots to the analyst's key. Coefficient k·Stride of H0 is
// slot k's, without its low bits. Of other coefficients of the slots' ciphertexts nothing is in it.
type Release struct{ H0, H1 circuits.Poly }

// ReleaseSize is the length of a release blob in bytes: a word a slot, H1 and the proof.
func ReleaseSize(p circuits.Params, slots int) int {
	return p.SlotsSize(slots) + p.PolySize() + circuits.ProofSize
}

// DraftRelease makes the share of 1 to Params.Limbs() slots for the analyst's key. What DraftDecryptionShare says of once holds of all
// slots together. Slots that name one coefficient each have a flooding of their own, and are counted one by one (circuits/README.md, section 11).
func DraftRelease(p circuits.Params, b circuits.Binding, sk SecretKey, own PublicKey, slots []Slot, analyst PublicKey) (*Draft, error) {
	if len(sk.s) != p.N() {
		return nil, errors.New("release: the secret is of another parameter set")
	}
	if err := checkSlots(p, slots); err != nil {
		return nil, err
	}
	drawn, err := drawShare(p, sk, own, len(slots))
	if err != nil {
		return nil, err
	}
	w := circuits.ReleaseSecret(drawn)
	out := release(p, slots, analyst, &w)
	return &Draft{
		what: "release", binding: b, secret: w, instance: releaseStatement(own, slots, analyst, out),
		body: p.AppendPoly(p.AppendSlots(make([]byte, 0, ReleaseSize(p, len(slots))), out.H0, len(slots)), out.H1),
	}, nil
}

// NewRelease is DraftRelease with its proof.
func NewRelease(k *circuits.Keys, b circuits.Binding, sk SecretKey, own PublicKey, slots []Slot, analyst PublicKey) ([]byte, error) {
	draft, err := DraftRelease(k.Params(), b, sk, own, slots, analyst)
	if err != nil {
		return nil, err
	}
	return draft.Prove(k)
}

// VerifyRelease checks a blob: own is the author's key share of the epoch, the slots' ciphertexts are the verifier's
// own sums of what it verified.
func VerifyRelease(vk *circuits.VerifyingKeys, b circuits.Binding, own PublicKey, slots []Slot, analyst PublicKey, blob []byte) (Release, error) {
	polys, proof, err := splitBlob(blob, words(vk.Params(), len(slots)), whole(vk.Params()))
	if err != nil {
		return Release{}, fmt.Errorf("release: %w", err)
	}
	out := Release{H0: polys[0], H1: polys[1]}
	if err := vk.Verify(b, releaseStatement(own, slots, analyst, out), proof); err != nil {
		return Release{}, fmt.Errorf("release: %w", err)
	}
	return out, nil
}

func releaseStatement(own PublicKey, slots []Slot, analyst PublicKey, r Release) circuits.Release {
	x := circuits.Release{A: own.A, P: own.P, PKA0: analyst.P, PKA1: analyst.A, H0: r.H0, H1: r.H1}
	for _, slot := range slots {
		c1 := slot.Ciphertext.C1
		sum := slices.IndexFunc(x.Sums, func(y circuits.Poly) bool { return y.Equal(&c1) })
		if sum < 0 {
			sum, x.Sums = len(x.Sums), append(x.Sums, c1)
		}
		x.Slots = append(x.Slots, circuits.Slot{Sum: sum, Coefficient: slot.Coefficient})
	}
	return x
}

// release is, for slot k of ciphertext c and coefficient j, h0_k = (c1·s)_j + (pkA0·v)_(k·Stride) + f0_k; and
// h1 = pkA1·v + f1. It takes the low bits off h0, which is sent without them, and off f0.
func release(p circuits.Params, slots []Slot, analyst PublicKey, w *circuits.ReleaseSecret) Release {
	v := p.FromSmall(w.V)
	mask, sum := multiply(p, analyst.P, v), p.NewPoly()
	for k, slot := range slots {
		for i, c := range coefficient(p, slot.Ciphertext.C1, w.S, slot.Coefficient) {
			sum.Coeffs[i][k*p.Stride()] = (c + mask.Coeffs[i][k*p.Stride()]) % p.Ring().SubRings[i].Modulus
		}
	}
	h0, off := p.RoundWords(add(p, sum, p.FromLimbsBig(w.F0)))
	for k := range w.F0 {
		w.F0[k].Sub(w.F0[k], off[k])
	}
	return Release{H0: h0, H1: add(p, multiply(p, analyst.A, v), p.FromSmall(w.F1))}
}

// DecryptRelease opens the slots with the analyst's secret and the verified shares of all members, and returns their
// integers, within ±t/2. noise is that of the plan's targets before flooding (circuits.Fit.Noise): a slot that has more, with
// what so many shares add, is ErrNoise.
func DecryptRelease(p circuits.Params, sk SecretKey, slots []Slot, shares []Release, noise *big.Int) ([]int64, error) {
	if len(sk.s) != p.N() {
		return nil, errors.New("decryption: the secret is of another parameter set")
	}
	if err := checkSlots(p, slots); err != nil {
		return nil, err
	}
	bound := big.NewInt(2 * circuits.ErrorBound * int64(p.N()))
	bound.Add(bound, p.Flooding()).Mul(bound, big.NewInt(int64(len(shares)))).Add(bound, noise)
	c0, h1 := p.NewPoly(), p.NewPoly()
	for k, slot := range slots {
		for i, row := range slot.Ciphertext.C0.Coeffs {
			c0.Coeffs[i][k*p.Stride()] = row[slot.Coefficient]
		}
	}
	for _, share := range shares {
		p.Ring().Add(c0, share.H0, c0)
		p.Ring().Add(h1, share.H1, h1)
	}
	plain := add(p, c0, multiply(p, h1, p.FromSmall(sk.s)))
	out, half := make([]int64, len(slots)), new(big.Int).Rsh(p.T(), 1)
	for k := range out {
		m, rest := nearest(p, p.Centered(plain, k*p.Stride()))
		if rest.CmpAbs(bound) > 0 {
			return nil, ErrNoise
		}
		if m.CmpAbs(half) >= 0 {
			return nil, fmt.Errorf("decryption: target %d is not within ±t/2", k)
		}
		out[k] = m.Int64()
	}
	return out, nil
}

// nearest is the multiple of ⌊Q/t⌋ that is nearest to x, as a factor, and what is left.
func nearest(p circuits.Params, x *big.Int) (m, rest *big.Int) {
	delta := p.Delta()
	m = new(big.Int).Rsh(delta, 1)
	m.Div(m.Add(m, x), delta)
	return m, new(big.Int).Sub(x, new(big.Int).Mul(m, delta))
}
