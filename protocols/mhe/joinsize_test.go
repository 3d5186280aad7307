package mhe

import (
	"flag"
	"fmt"
	"math"
	"math/big"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/tuneinsight/lattigo/v5/core/rlwe"
	lattigo "github.com/tuneinsight/lattigo/v5/mhe"
	"github.com/tuneinsight/lattigo/v5/ring"

	"parley/circuits"
	"parley/protocols/mhe/tiny"
)

var everything = flag.Bool("everything", false, "join over 1,000,000 positions as well as over 100,000")

// unproven is a committee of a set that has no keys here: its messages are made and opened without proofs.
func unproven(t testing.TB, p circuits.Params, n int) *committee {
	t.Helper()
	key := func(crs circuits.Poly) (SecretKey, PublicKey) {
		s, err := randomTernary(p.N())
		if err != nil {
			t.Fatal(err)
		}
		e, err := randomErrors(p, p.N())
		if err != nil {
			t.Fatal(err)
		}
		return SecretKey{s}, PublicKey{A: crs, P: keyShare(p, crs, s, e)}
	}
	c := &committee{p: p, crs: p.CRS([]byte("epoch"))}
	var shares []circuits.Poly
	for range n {
		sk, own := key(c.crs)
		c.secrets, c.owns, shares = append(c.secrets, sk), append(c.owns, own), append(shares, own.P)
	}
	var err error
	if c.key, err = CombineKeyShares(p, c.crs, shares); err != nil {
		t.Fatal(err)
	}
	c.analystSecret, c.analyst = key(p.CRS([]byte("analyst")))
	return c
}

// noise is the largest of the targets' before any flooding, in bits.
func (c *committee) noise(sums []Ciphertext, plain []*big.Int) float64 {
	secret := make([]int64, c.p.N())
	for _, sk := range c.secrets {
		for j, v := range sk.s {
			secret[j] += v
		}
	}
	largest := 0.0
	for k, sum := range sums {
		x := c.p.NewPoly()
		for i, v := range coefficient(c.p, sum.C1, secret, c.p.Target()) {
			x.Coeffs[i][0] = (v + sum.C0.Coeffs[i][c.p.Target()]) % c.p.Primes()[i]
		}
		rest := new(big.Int).Sub(c.p.Centered(x, 0), new(big.Int).Mul(plain[k], c.p.Delta()))
		f, _ := new(big.Float).SetInt(rest).Float64()
		largest = max(largest, math.Log2(math.Abs(f)))
	}
	return largest
}

// TestLattigoDecryptsTargets holds products and releases against Lattigo: its decryptor opens a target with the summed secrets, and
// a share by its own key switch, turned so that the target stands at the slot, decrypts beside ours.
func TestLattigoDecryptsTargets(t *testing.T) {
	c := unproven(t, tiny.Joined(), 2)
	x := randomCrossing(rand.New(rand.NewPCG(7, 8)), 40, []int{0, 1}, []int{0, 1}, 0.7)
	x.targets = [][]summand{{{1, 2, 1}}}
	sums, want := x.sums(t, c), x.expected()[0].Int64()
	params, slots := lattigoOf(t, c.p), Targets(c.p, sums)
	ct := lattigoCiphertext(params, sums[0].C0, sums[0].C1)
	plain := rlwe.NewDecryptor(params, lattigoSecret(params, c.p, c.secrets...)).DecryptNew(ct)
	if m, _ := nearest(c.p, c.p.Centered(plain.Value, c.p.Target())); m.Int64() != want {
		t.Errorf("Lattigo's decryptor: %v, want %d", m, want)
	}
	switching, err := lattigo.NewPublicKeySwitchProtocol(params, ring.DiscreteGaussian{Sigma: 1 << 20, Bound: 1 << 23})
	if err != nil {
		t.Fatal(err)
	}
	pk := rlwe.NewPublicKey(params)
	for i, x := range []circuits.Poly{c.analyst.P, c.analyst.A} {
		params.RingQ().NTT(x, pk.Value[i].Q)
		params.RingQ().MForm(pk.Value[i].Q, pk.Value[i].Q)
	}
	theirs := switching.AllocateShare(params.MaxLevel())
	switching.GenShare(lattigoSecret(params, c.p, c.secrets[0]), pk, ct, &theirs)
	back := make([]int64, c.p.N())
	back[c.p.Stride()] = -1 // X^-Target
	turned := func(i int) circuits.Poly { return multiply(c.p, theirs.Value[i], c.p.FromSmall(back)) }
	ours := c.release(t, slots)[1]
	got, err := DecryptRelease(c.p, c.analystSecret, slots, []Release{{H0: turned(0), H1: turned(1)}, ours}, x.noise(t, c))
	if err != nil || got[0] != want {
		t.Errorf("Lattigo's share: %v, %v, want %d", err, got, want)
	}
}

// TestJoinOfManyPersons is exact in the rings that networks use, without proofs: among five departments of which two encrypt and
// two multiply, persons, and rows of those who have up to three.
func TestJoinOfManyPersons(t *testing.T) {
	if testing.Short() {
		t.Skip("large")
	}
	joinOf(t, "default", 100_000)
	if *everything {
		joinOf(t, "default", 1_000_000)
		joinOf(t, "joined", 1_000_000)
	}
}

func joinOf(t *testing.T, set string, positions int) {
	t.Helper()
	p, err := circuits.Named(set)
	if err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	c := unproven(t, p, 5)
	x := randomCrossing(rand.New(rand.NewPCG(3, uint64(positions))), positions, []int{2, 3}, []int{0, 1}, 0.5)
	x.vectors, x.targets = x.vectors[:1], [][]summand{{{1, 0, 0}}, {{1, 1, 0}}}
	sums, want := x.sums(t, c), x.expected()
	slots := Targets(p, sums)
	got, err := DecryptRelease(p, c.analystSecret, slots, c.release(t, slots), x.noise(t, c))
	if err != nil {
		t.Fatal(err)
	}
	for k := range want {
		if want[k].Cmp(big.NewInt(got[k])) != 0 {
			t.Errorf("target %d is %d, not %d", k, got[k], want[k])
		}
	}
	t.Logf("%s, %d positions: targets %v, noise 2^%.1f of at most 2^%d, %v", set, positions, got, c.noise(sums, want), x.noise(t, c).BitLen(), time.Since(began).Round(time.Millisecond))
}

// BenchmarkJoin is what a department does at default for each question but its proofs: one product over as many chunks as fit one proof,
// and a share of 1 and of 320 targets.
func BenchmarkJoin(b *testing.B) {
	p, err := circuits.Named("default")
	if err != nil {
		b.Fatal(err)
	}
	c := unproven(b, p, 1)
	vector := make([]Ciphertext, p.ProductChunks())
	for i := range vector {
		vector[i] = Ciphertext{c.key.P, c.key.A}
	}
	indicator := make([]int64, len(vector)*p.Limbs())
	b.Run("product", func(b *testing.B) {
		for b.Loop() {
			if _, _, err := DraftProduct(p, testBinding(0), c.key, vector, indicator); err != nil {
				b.Fatal(err)
			}
		}
	})
	for _, n := range []int{1, 320} {
		slots := make([]Slot, n)
		for k := range slots {
			slots[k] = Slot{vector[0], k}
		}
		b.Run(fmt.Sprintf("release of %d", n), func(b *testing.B) {
			for b.Loop() {
				if _, err := DraftRelease(p, testBinding(0), c.secrets[0], c.owns[0], slots, c.analyst); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
