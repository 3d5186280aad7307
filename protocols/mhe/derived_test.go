package mhe

import (
	"bytes"
	"crypto/sha256"
	"crypto/sha3"
	"encoding/hex"
	"io"
	"math"
	"math/big"
	"testing"

	"parley/circuits"
	"parley/protocols/mhe/tiny"
)

// TestDerivedContribution: whoever has the seed makes the very ciphertext, which decrypts and whose proof verifies, twice with
// different proofs; another seed or another limb makes another one.
func TestDerivedContribution(t *testing.T) {
	c := newCommittee(t, 2)
	k, p := tiny.Keys(), c.p
	limbs, lo, hi := make([]int64, p.Limbs()), make([]int64, p.Limbs()), make([]int64, p.Limbs())
	for j := range limbs {
		limbs[j], hi[j] = int64(j%5*5), 20
	}
	seed := [32]byte{9}
	var blobs [][]byte
	for range 2 {
		draft, err := DeriveContribution(p, testBinding(0), c.key, limbs, lo, hi, seed)
		if err != nil {
			t.Fatal(err)
		}
		blob, err := draft.Prove(k)
		if err != nil {
			t.Fatal(err)
		}
		blobs = append(blobs, blob)
	}
	body := DerivedBody(p, c.key, limbs, seed)
	if !bytes.HasPrefix(blobs[0], body) || !bytes.HasPrefix(blobs[1], body) || len(body)+circuits.ProofSize != ContributionSize(p) {
		t.Error("the same seed gives other ciphertexts")
	}
	if bytes.Equal(blobs[0], blobs[1]) {
		t.Error("the proof's randomness is derived as well")
	}
	ct, err := VerifyContribution(k.Verifying(), testBinding(0), c.key, lo, hi, blobs[0])
	if err != nil {
		t.Fatal(err)
	}
	fresh, err := NewContribution(k, testBinding(1), c.key, make([]int64, p.Limbs()), lo, lo)
	if err != nil {
		t.Fatal(err)
	}
	zero, err := VerifyContribution(k.Verifying(), testBinding(1), c.key, lo, lo, fresh)
	if err != nil {
		t.Fatal(err)
	}
	sum := CombineContributions(p, []Ciphertext{ct, zero})
	var shares []Share
	for i, sk := range c.secrets {
		blob, err := NewDecryptionShare(k, testBinding(i), sk, c.owns[i], sum, c.analyst)
		if err != nil {
			t.Fatal(err)
		}
		share, err := VerifyDecryptionShare(k.Verifying(), testBinding(i), c.owns[i], sum, c.analyst, blob)
		if err != nil {
			t.Fatal(err)
		}
		shares = append(shares, share)
	}
	got, err := Decrypt(p, c.analystSecret, sum, shares)
	if err != nil {
		t.Fatal(err)
	}
	for j := range limbs {
		if got[j] != limbs[j] {
			t.Fatalf("limb %d is %d, not %d", j, got[j], limbs[j])
		}
	}
	if limbs[0]++; bytes.Equal(DerivedBody(p, c.key, limbs, seed), body) {
		t.Error("another limb gives the same ciphertext")
	}
	if limbs[0]--; bytes.Equal(DerivedBody(p, c.key, limbs, [32]byte{8}), body) {
		t.Error("another seed gives the same ciphertext")
	}
}

// TestDerivedRandomness: what follows from a seed is the same on all machines, in its ranges, and distributed as it is said.
func TestDerivedRandomness(t *testing.T) {
	p := tiny.Keys().Params()
	w := derived(p, nil, [32]byte{1, 2, 3})
	if len(w.U) != p.N() || len(w.E0) != p.Limbs() || len(w.E1) != p.N() {
		t.Fatalf("%d, %d and %d coefficients", len(w.U), len(w.E0), len(w.E1))
	}
	sum := sha256.New()
	for _, part := range [][]int64{w.U, w.E0, w.E1} {
		for _, x := range part {
			sum.Write([]byte{byte(x)})
		}
	}
	const golden = "b144cfedd603905e"
	if got := hex.EncodeToString(sum.Sum(nil)[:8]); got != golden {
		t.Errorf("the derived randomness is %s, not %s", got, golden)
	}
	const n = 300_000
	ternary, errors := map[int64]float64{}, map[int64]float64{}
	for _, x := range derivedTernary(seeded(1), n) {
		ternary[x]++
	}
	for _, x := range derivedErrors(seeded(2), n) {
		errors[x]++
	}
	far := func(count, probability float64) bool { // more than six standard deviations, of a stream that is fixed
		return math.Abs(count-n*probability) > 6*math.Sqrt(n*probability)+1
	}
	for x := int64(-1); x <= 1; x++ {
		if far(ternary[x], 1.0/3) {
			t.Errorf("%d comes %.0f times of %d", x, ternary[x], n)
		}
	}
	last := 0.0
	for k := range int64(circuits.ErrorBound) {
		probability := float64(tailBelow[k])/(1<<63) - last
		last += probability
		if k > 0 {
			probability /= 2
		}
		if far(errors[k], probability) || far(errors[-k], probability) {
			t.Errorf("%d comes %.0f times, and %d %.0f times, of %d, expected %.0f", k, errors[k], -k, errors[-k], n, n*probability)
		}
	}
	if len(ternary) != 3 || len(errors) > 2*circuits.ErrorBound+1 {
		t.Errorf("%d and %d values", len(ternary), len(errors))
	}
}

func seeded(b byte) io.Reader {
	xof := sha3.NewSHAKE256()
	xof.Write([]byte{b})
	return xof
}

// TestDerivedErrors: the table is the discrete Gaussian's, computed to 200 bits.
func TestDerivedErrors(t *testing.T) {
	weight := func(k int64) *big.Float { // e^(−k²/(2·3.2²)), by its series
		x := new(big.Float).SetPrec(400).Quo(big.NewFloat(0).SetPrec(400).SetInt64(k*k*100), big.NewFloat(0).SetPrec(400).SetInt64(2*32*32))
		sum, term := big.NewFloat(1).SetPrec(400), big.NewFloat(1).SetPrec(400)
		for i := int64(1); i < 400; i++ {
			term.Mul(term, x)
			term.Quo(term, new(big.Float).SetInt64(i))
			sum.Add(sum, term)
		}
		return new(big.Float).SetPrec(400).Quo(big.NewFloat(1).SetPrec(400), sum)
	}
	all := new(big.Float).SetPrec(400)
	var below []*big.Float
	for k := int64(0); k <= circuits.ErrorBound; k++ {
		w := weight(k)
		if all.Add(all, w); k > 0 {
			all.Add(all, w)
		}
		below = append(below, new(big.Float).Copy(all))
	}
	for k, got := range tailBelow {
		scaled := new(big.Float).SetPrec(400).Mul(below[k], new(big.Float).SetMantExp(big.NewFloat(1), 63))
		want, _ := scaled.Quo(scaled, all).Uint64()
		if got != want {
			t.Errorf("P(|x| <= %d) is %d, not %d", k, got, want)
		}
	}
}
