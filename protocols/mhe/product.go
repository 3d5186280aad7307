package mhe

import (
	"errors"
	"fmt"
	"math/big"
	"math/bits"
	"slices"

	"github.com/tuneinsight/lattigo/v5/ring"

	"parley/circuits"
)

// ProductSize is the length of a product's blob in bytes, weighted or not: one coefficient of C0, C1 and the proof.
func ProductSize(p circuits.Params) int {
	return p.TargetSize() + p.PolySize() + circuits.ProofSize
}

// Part is the chunks that the i-th of circuits.Params.Products multiplies.
func Part(p circuits.Params, vector []Ciphertext, i int) []Ciphertext {
	first := i * p.ProductChunks()
	return vector[first:min(first+p.ProductChunks(), len(vector))]
}

// Pin is the product of persons by whose positions another product of its author goes: the chunks that it
// multiplied, in the same order, and the product itself.
type Pin struct {
	Vector  []Ciphertext
	Product Ciphertext
}

// DraftProduct multiplies the chunks of a vector by an indicator of positions, 0 or 1 for each: a product of
// persons, which is pinned to no other. The caller keeps the indicator for the products that go by it.
func DraftProduct(p circuits.Params, b circuits.Binding, pk PublicKey, vector []Ciphertext, indicator []int64) (*Draft, Indicator, error) {
	padded, err := pad(p, vector, indicator)
	if err != nil {
		return nil, Indicator{}, err
	}
	if slices.ContainsFunc(padded, func(v int64) bool { return v != 0 && v != 1 }) {
		return nil, Indicator{}, errors.New("product: an indicator that is neither 0 nor 1")
	}
	w, err := randomProduct(p)
	if err != nil {
		return nil, Indicator{}, err
	}
	w.I = padded
	ct := product(p, pk, vector, w.I, w)
	return draftProduct(p, b, statedProduct(pk, vector, nil, ct), ct, w),
		Indicator{bits: slices.Clone(w.I), u: slices.Clone(w.U), e1: slices.Clone(w.E1)}, nil
}

// DraftPinnedProduct multiplies the chunks of another vector by the indicator of a product of persons.
func DraftPinnedProduct(p circuits.Params, b circuits.Binding, pk PublicKey, vector []Ciphertext, pin Pin, kept Indicator) (*Draft, error) {
	w, err := pinnedProduct(p, vector, pin, kept)
	if err != nil {
		return nil, err
	}
	ct := product(p, pk, vector, w.I, w)
	return draftProduct(p, b, statedProduct(pk, vector, &pin, ct), ct, w), nil
}

// DraftWeightedProduct multiplies the chunks of a vector by weights: integers in [lo, lo + 2^circuits.WeightBits), lo
// at most 0, and 0 at every position that the product of persons did not count.
func DraftWeightedProduct(p circuits.Params, b circuits.Binding, pk PublicKey, vector []Ciphertext, weights []int64, lo int64, pin Pin, kept Indicator) (*Draft, error) {
	padded, err := pad(p, vector, weights)
	if err != nil {
		return nil, err
	}
	w, err := pinnedProduct(p, vector, pin, kept)
	if err != nil {
		return nil, err
	}
	ct := product(p, pk, vector, padded, w)
	x := circuits.WeightedProduct{Product: statedProduct(pk, vector, &pin, ct), Lo: lo}
	return draftProduct(p, b, x, ct, circuits.WeightedProductSecret{ProductSecret: w, A: padded}), nil
}

func draftProduct(p circuits.Params, b circuits.Binding, x circuits.Instance, ct Ciphertext, w circuits.Secret) *Draft {
	return &Draft{
		what: "product", binding: b, instance: x, secret: w,
		body: p.AppendPoly(p.AppendTarget(make([]byte, 0, ProductSize(p)), ct.C0), ct.C1),
	}
}

// VerifyProduct checks a blob: vector is the chunks, each the verifier's own sum of verified ciphertexts; pin is nil
// of a product of persons, and of others the verified product of persons of the same author.
func VerifyProduct(vk *circuits.VerifyingKeys, b circuits.Binding, pk PublicKey, vector []Ciphertext, pin *Pin, blob []byte) (Ciphertext, error) {
	return verifyProduct(vk, b, blob, func(ct Ciphertext) circuits.Instance { return statedProduct(pk, vector, pin, ct) })
}

// VerifyWeightedProduct is VerifyProduct of a product with weights from lo.
func VerifyWeightedProduct(vk *circuits.VerifyingKeys, b circuits.Binding, pk PublicKey, vector []Ciphertext, lo int64, pin Pin, blob []byte) (Ciphertext, error) {
	return verifyProduct(vk, b, blob, func(ct Ciphertext) circuits.Instance {
		return circuits.WeightedProduct{Product: statedProduct(pk, vector, &pin, ct), Lo: lo}
	})
}

func verifyProduct(vk *circuits.VerifyingKeys, b circuits.Binding, blob []byte, stated func(Ciphertext) circuits.Instance) (Ciphertext, error) {
	polys, proof, err := splitBlob(blob, target(vk.Params()), whole(vk.Params()))
	if err != nil {
		return Ciphertext{}, fmt.Errorf("product: %w", err)
	}
	ct := Ciphertext{C0: polys[0], C1: polys[1]}
	if err := vk.Verify(b, stated(ct), proof); err != nil {
		return Ciphertext{}, fmt.Errorf("product: %w", err)
	}
	return ct, nil
}

// CombineProducts is Σ factor·product over verified products: a target's, whose terms have public factors.
func CombineProducts(p circuits.Params, products []Ciphertext, factors []int64) (Ciphertext, error) {
	if len(products) == 0 || len(products) != len(factors) {
		return Ciphertext{}, fmt.Errorf("%d products with %d factors", len(products), len(factors))
	}
	sum := Ciphertext{C0: p.NewPoly(), C1: p.NewPoly()}
	for i, ct := range products {
		c := big.NewInt(factors[i])
		for _, part := range []struct{ from, to circuits.Poly }{{ct.C0, sum.C0}, {ct.C1, sum.C1}} {
			x := p.NewPoly()
			p.Ring().MulScalarBigint(part.from, c, x)
			p.Ring().Add(part.to, x, part.to)
		}
	}
	return sum, nil
}

func statedProduct(pk PublicKey, vector []Ciphertext, pin *Pin, ct Ciphertext) circuits.Product {
	x := circuits.Product{PK0: pk.P, PK1: pk.A, C0: ct.C0, C1: ct.C1}
	for _, b := range vector {
		x.B0, x.B1 = append(x.B0, b.C0), append(x.B1, b.C1)
	}
	if pin != nil {
		x.Pin = &circuits.Pin{C1: pin.Product.C1}
		for _, b := range pin.Vector {
			x.Pin.B1 = append(x.Pin.B1, b.C1)
		}
	}
	return x
}

// pad has entries by position, one for each of the chunks' limbs at most, for as many chunks as a product may have.
func pad(p circuits.Params, vector []Ciphertext, entries []int64) ([]int64, error) {
	if len(vector) == 0 || len(vector) > p.ProductChunks() || len(entries) > len(vector)*p.Limbs() {
		return nil, fmt.Errorf("product: %d entries over %d chunks", len(entries), len(vector))
	}
	out := make([]int64, p.ProductChunks()*p.Limbs())
	copy(out, entries)
	return out, nil
}

// pinnedProduct is a witness with the positions of a product of persons, and fresh randomness of its own.
func pinnedProduct(p circuits.Params, vector []Ciphertext, pin Pin, kept Indicator) (circuits.ProductSecret, error) {
	if len(pin.Vector) != len(vector) || len(kept.bits) != p.ProductChunks()*p.Limbs() {
		return circuits.ProductSecret{}, errors.New("product: the product of persons is of other positions")
	}
	w, err := randomProduct(p)
	// The draft's own, so that it can be proven whenever kept is erased.
	w.I, w.PinU, w.PinE1 = slices.Clone(kept.bits), slices.Clone(kept.u), slices.Clone(kept.e1)
	return w, err
}

// randomProduct is a fresh encryption of zero.
func randomProduct(p circuits.Params) (w circuits.ProductSecret, err error) {
	if w.U, err = randomTernary(p.N()); err != nil {
		return w, err
	}
	if w.E1, err = randomErrors(p, p.N()); err != nil {
		return w, err
	}
	e0, err := randomErrors(p, 1)
	if err != nil {
		return w, err
	}
	w.E0 = e0[0]
	return w, nil
}

// product is Σ α_j·B_j + pk·u + e over the chunks j of a vector, α_j as placed of chunk j's entries. Of C0 there is
// the target's coefficient alone. It takes two transforms a chunk.
func product(p circuits.Params, pk PublicKey, vector []Ciphertext, entries []int64, w circuits.ProductSecret) Ciphertext {
	r := p.Ring()
	out := Ciphertext{C0: p.NewPoly(), C1: p.NewPoly()}
	x, y := p.NewPoly(), p.NewPoly()
	accumulate := func(b0, b1 circuits.Poly, small []int64) {
		r.NTT(p.FromSmall(small), x)
		r.NTT(b1, y)
		r.MulCoeffsBarrettThenAdd(x, y, out.C1)
		for i, v := range coefficient(p, b0, small, p.Target()) {
			c := &out.C0.Coeffs[i][p.Target()]
			*c = ring.CRed(*c+v, r.SubRings[i].Modulus)
		}
	}
	for j, b := range vector {
		accumulate(b.C0, b.C1, placed(p, entries[j*p.Limbs():(j+1)*p.Limbs()]))
	}
	accumulate(pk.P, pk.A, w.U)
	r.INTT(out.C1, out.C1)
	e0 := make([]int64, p.N())
	e0[p.Target()] = w.E0
	return Ciphertext{C0: add(p, out.C0, p.FromSmall(e0)), C1: add(p, out.C1, p.FromSmall(w.E1))}
}

// placed has the entry of position i at exponent Target − i·Stride, where it meets coefficient i·Stride of a
// ciphertext at coefficient Target.
func placed(p circuits.Params, entries []int64) []int64 {
	out := make([]int64, p.N())
	for i, v := range entries {
		out[p.Target()-i*p.Stride()] = v
	}
	return out
}

// coefficient is the j-th of x·s modulo each prime, for s of N coefficients below 2^50 or so: sums of 128 bits.
func coefficient(p circuits.Params, x circuits.Poly, s []int64, j int) []uint64 {
	out := make([]uint64, len(x.Coeffs))
	for i, row := range x.Coeffs {
		prime := p.Ring().SubRings[i].Modulus
		var high, low uint64
		for k, v := range s {
			m, minus := j-k, v < 0
			if m < 0 { // X^N is −1
				m, minus = m+p.N(), !minus
			}
			c := row[m]
			if minus {
				c = prime - c
			}
			h, l := bits.Mul64(c, uint64(max(v, -v)))
			var carry uint64
			low, carry = bits.Add64(low, l, 0)
			high += h + carry
		}
		_, out[i] = bits.Div64(high%prime, low, prime)
	}
	return out
}
