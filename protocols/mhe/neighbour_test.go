package mhe

import (
	"math/big"
	"slices"
	"testing"

	"parley/circuits"
	"parley/protocols/mhe/tiny"
)

// TestNothingButTheTarget: department 1 multiplies by one person and leaves the encryption of zero out, so that its product is the vector
// itself, turned so that the person stands at the target. It acts together with department 2 and the analyst against department 0,
// and asks for every neighbour: what it knows of a neighbour's coefficient is C0, all secrets but department 0's, and the two numbers that
// department 0 releases. With or without them, the figure that this decrypts to differs from the true one by a number whose sixteenths
// are equally frequent, whatever the true one is. The target itself decrypts; and with shares of whole ciphertexts, which
// releases are instead of, every neighbour would.
func TestNothingButTheTarget(t *testing.T) {
	p := tiny.Params()
	guesses := tally{}
	for seed := range 120 {
		s := newSampler(p, "neighbours", seed)
		in := s.entries()
		person := seed % 16
		in.indicator = make([]int64, 16)
		in.indicator[person] = 1
		x := s.scene(all, in, in.answer(), unmaskedProduct).as(without(0))
		if got, err := DecryptRelease(p, SecretKey{x.opener}, Targets(p, x.products[:]), x.releases[:], noiseOf(t, p)); err != nil || !slices.Equal(got, x.answer[:]) {
			t.Fatalf("%v: %v, not %v", err, got, x.answer)
		}
		for v := range x.products {
			released := x.p.Centered(x.releases[0].H0, v*p.Stride())
			released.Add(released, x.at(x.releases[0].H1, x.opener, v*p.Stride()))
			for i, truth := range in.vectors[v] {
				if i == person {
					continue
				}
				known := p.Centered(x.vectors[v].C0, i*p.Stride())
				for _, secret := range x.secrets[1:] {
					known.Add(known, x.at(x.vectors[v].C1, secret, i*p.Stride()))
				}
				for name, share := range map[string]*big.Int{"": new(big.Int), " with what is released": released} {
					off := new(big.Int).Sub(new(big.Int).Add(known, share), new(big.Int).Mul(p.Delta(), big.NewInt(truth)))
					name += map[bool]string{true: ", of zero", false: ", of more"}[truth == 0]
					guesses.add(name, off, p.Q())
				}
			}
		}
		wholeShares(t, x, in, person)
	}
	for name, bins := range guesses {
		all, chi := 0.0, 0.0
		for _, n := range bins {
			all += float64(n)
		}
		for _, n := range bins {
			chi += (float64(n) - all/16) * (float64(n) - all/16) / (all / 16)
		}
		if t.Logf("neighbours%s: χ² %.1f over %.0f", name, chi, all); chi > beyond {
			t.Errorf("neighbours%s show: %v", name, bins)
		}
	}
}

// wholeShares shows what a decryption share of all coefficients of such a product would be: the whole vector.
func wholeShares(t *testing.T, x *scene, in entries, person int) {
	t.Helper()
	p := x.p
	monomial := p.FromSmall(placed(p, in.indicator))
	turned := Ciphertext{p.OnlyLimbs(multiply(p, x.vectors[1].C0, monomial)), x.products[1].C1}
	var shares []Share
	for i := range x.secrets {
		w := circuits.DecryptionShareSecret{S: x.secrets[i], V: x.drawn[i].V, F1: x.drawn[i].F1}
		for range p.Limbs() {
			w.F0 = append(w.F0, new(big.Int).Set(x.drawn[i].F0[0]))
		}
		shares = append(shares, switchShare(p, turned, x.analyst, &w))
	}
	got, err := Decrypt(p, SecretKey{x.opener}, turned, shares)
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range in.vectors[1] {
		at := i + p.Limbs() - 1 - person
		if at >= p.Limbs() { // X^N is −1
			at, want = at-p.Limbs(), -want
		}
		if want = (want + p.T().Int64()) % p.T().Int64(); got[at] != want {
			t.Fatalf("entry %d decrypts to %d, not %d", i, got[at], want)
		}
	}
}
