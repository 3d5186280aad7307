package circuits

import (
	"bytes"
	"math/big"
	"slices"
	"strings"
	"testing"

	bn254 "github.com/consensys/gnark-crypto/ecc/bn254"
	groth16 "github.com/consensys/gnark/backend/groth16/bn254"
)

// testKey is a fresh key of a tiny statement, with the randomness that made it.
type testKey struct {
	sys *system
	l   *layout
	h   *provingHalf
	vk  *groth16.VerifyingKey
	w   toxic
}

func newTestKey(t testing.TB, s Statement) *testKey {
	t.Helper()
	sys, err := compile(shapeOf(tiny(t), s))
	if err != nil {
		t.Fatal(err)
	}
	k := &testKey{sys: sys, l: sys.layout()}
	if err := k.w.draw(k.l.n()); err != nil {
		t.Fatal(err)
	}
	k.remake(t)
	return k
}

func (k *testKey) remake(t testing.TB) {
	t.Helper()
	var err error
	if k.h, k.vk, err = k.sys.setupWith(k.l, &k.w); err != nil {
		t.Fatal(err)
	}
}

// copy is deep: it goes through the file.
func (k *testKey) copy(t testing.TB) *testKey {
	t.Helper()
	c := *k
	var err error
	if c.vk, err = decodeVerifyingKey(encodeVerifyingKey(k.vk), k.sys.shape.inputs()); err != nil {
		t.Fatal(err)
	}
	if c.h, err = k.l.readProving(bytes.NewReader(k.file(t)), c.vk); err != nil {
		t.Fatal(err)
	}
	c.h.key.InfinityA = append([]bool{}, k.l.infinityA...)
	c.h.key.InfinityB = append([]bool{}, k.l.infinityB...)
	return &c
}

func (k *testKey) file(t testing.TB) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := k.l.writeProving(&b, k.h); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// pointOf is where a wire's point stands among those of the wires that have one.
func pointOf(wire int, absent []bool) int {
	at := 0
	for i := range wire {
		if !absent[i] {
			at++
		}
	}
	return at
}

// digit is the wire of the error's first digit, which stands on the right of its lookup.
func (k *testKey) digit() int { return k.sys.digitWires[1][0][0] }

func shift[A any, P interface {
	*A
	Add(a, b *A) P
}](to *A, by A) {
	P(to).Add(to, &by)
}

func twice(p *bn254.G1Affine) { p.Double(p) }

// inDomain sets the key up with the τ of one constraint: every other one has no weight.
func (k *testKey) inDomain(t testing.TB, row int) {
	k.w.tau.Exp(k.l.domain.Generator, big.NewInt(int64(row)))
	k.remake(t)
}

func TestHonestKeysPass(t *testing.T) {
	if testing.Short() {
		t.Skip("takes a second")
	}
	for _, s := range allStatements {
		k := newTestKey(t, s)
		if err := k.sys.check(k.l, k.h, k.vk); err != nil {
			t.Errorf("%v: fresh: %v", s, err)
		}
		c := k.copy(t)
		if err := c.sys.check(c.l, c.h, c.vk); err != nil {
			t.Errorf("%v: read back: %v", s, err)
		}
		if got := int64(len(k.file(t))); got != k.l.provingSize() {
			t.Errorf("%v: file of %d bytes, want %d", s, got, k.l.provingSize())
		}
	}
}

// TestLayoutIsTheLibrarys compares what is recomputed from the system with what gnark's own setup
// of it gives.
func TestLayoutIsTheLibrarys(t *testing.T) {
	if testing.Short() {
		t.Skip("takes a second")
	}
	for _, s := range allStatements {
		k := newTestKey(t, s)
		var pk groth16.ProvingKey
		var vk groth16.VerifyingKey
		if err := groth16.Setup(k.sys.r1cs, &pk, &vk); err != nil {
			t.Fatal(err)
		}
		h := provingHalf{key: pk, powers: k.h.powers}
		for _, side := range k.l.sides(&h) {
			if len(*side.points) != side.length {
				t.Errorf("%v, %s: %d points, the library makes %d", s, side.name, side.length, len(*side.points))
			}
		}
		if !slices.Equal(pk.InfinityA, k.l.infinityA) || !slices.Equal(pk.InfinityB, k.l.infinityB) ||
			pk.NbInfinityA != k.h.key.NbInfinityA || pk.NbInfinityB != k.h.key.NbInfinityB || len(pk.G2.B) != k.l.b || len(vk.G1.K) != k.l.publics+2 {
			t.Errorf("%v: other wires have points than in the library's key", s)
		}
	}
}

// TestHostileKeys tampers with a key in every way that its maker could; each is refused.
func TestHostileKeys(t *testing.T) {
	if testing.Short() {
		t.Skip("takes a second")
	}
	_, _, g1, g2 := bn254.Generators()
	const circuit, infinity = "do not belong to this circuit", "at infinity"
	cases := []struct {
		name   string
		tamper func(k *testKey)
		want   string
	}{
		// The two attacks.
		{"degenerate: only the digit's lookup has weight", func(k *testKey) { k.inDomain(t, 2) }, "the mask of a commitment has no base"},
		{"degenerate: only a mask's constraint has weight", func(k *testKey) { k.inDomain(t, 0) }, "the mask of a commitment has no base"},
		{"degenerate: τ at the domain's unused end", func(k *testKey) { k.inDomain(t, k.l.n()-1) }, "the mask of a commitment has no base"},
		{"planted: a point on the digit's B in G2", func(k *testKey) {
			shift(&k.h.key.G2.B[pointOf(k.digit(), k.l.infinityB)], g2)
		}, circuit},
		{"planted: the same, and taken off β for a digit of 1", func(k *testKey) {
			shift(&k.h.key.G2.B[pointOf(k.digit(), k.l.infinityB)], g2)
			k.h.key.G2.Beta.Sub(&k.h.key.G2.Beta, &g2)
		}, "β is not one"},
		{"planted: the same, with β of the verifying half", func(k *testKey) {
			shift(&k.h.key.G2.B[pointOf(k.digit(), k.l.infinityB)], g2)
			k.h.key.G2.Beta.Sub(&k.h.key.G2.Beta, &g2)
			k.vk.G2.Beta = k.h.key.G2.Beta
		}, circuit},
		// Other oracles of the same kind.
		{"planted on B in both groups", func(k *testKey) {
			at := pointOf(k.digit(), k.l.infinityB)
			shift(&k.h.key.G2.B[at], g2)
			shift(&k.h.key.G1.B[at], g1)
		}, circuit},
		{"planted on B in G1", func(k *testKey) { shift(&k.h.key.G1.B[pointOf(k.digit(), k.l.infinityB)], g1) }, circuit},
		{"planted on A", func(k *testKey) { shift(&k.h.key.G1.A[len(k.h.key.G1.A)/2], g1) }, circuit},
		{"planted on K", func(k *testKey) { shift(&k.h.key.G1.K[3], g1) }, circuit},
		{"planted on Z", func(k *testKey) { shift(&k.h.key.G1.Z[0], g1) }, circuit},
		{"planted on the last of Z", func(k *testKey) { shift(&k.h.key.G1.Z[len(k.h.key.G1.Z)-1], g1) }, circuit},
		{"a base of the commitment and its second one scaled", func(k *testKey) {
			twice(&k.h.key.CommitmentKeys[0].Basis[0])
			twice(&k.h.key.CommitmentKeys[0].BasisExpSigma[0])
		}, circuit},
		{"a second base of the commitment scaled", func(k *testKey) { twice(&k.h.key.CommitmentKeys[0].BasisExpSigma[5]) }, circuit},
		{"all second bases scaled", func(k *testKey) {
			for i := range k.h.key.CommitmentKeys[0].BasisExpSigma {
				twice(&k.h.key.CommitmentKeys[0].BasisExpSigma[i])
			}
		}, circuit},
		{"another σ in the verifying half", func(k *testKey) { shift(&k.vk.CommitmentKeys[0].GSigmaNeg, g2) }, circuit},
		{"the mask without a base", func(k *testKey) {
			k.h.key.CommitmentKeys[0].Basis[k.l.mask(0)] = bn254.G1Affine{}
			k.h.key.CommitmentKeys[0].BasisExpSigma[k.l.mask(0)] = bn254.G1Affine{}
		}, "the mask of a commitment has no base"},
		{"the second mask without a base", func(k *testKey) {
			k.h.key.CommitmentKeys[1].Basis[k.l.mask(1)] = bn254.G1Affine{}
			k.h.key.CommitmentKeys[1].BasisExpSigma[k.l.mask(1)] = bn254.G1Affine{}
		}, "the mask of a commitment has no base"},
		{"one σ for both commitments", func(k *testKey) {
			k.w.sigma[1] = k.w.sigma[0]
			k.remake(t)
		}, "σ is the same"},
		{"another base for the second commitment", func(k *testKey) { shift(&k.vk.CommitmentKeys[1].G, g2) }, "base is not one"},
		{"the commitments' σ exchanged", func(k *testKey) {
			c := k.vk.CommitmentKeys
			c[0], c[1] = c[1], c[0]
		}, circuit},
		{"a base of the second commitment and its second one scaled", func(k *testKey) {
			twice(&k.h.key.CommitmentKeys[1].Basis[0])
			twice(&k.h.key.CommitmentKeys[1].BasisExpSigma[0])
		}, circuit},
		{"a base moved from the second commitment to the first", func(k *testKey) {
			shift(&k.h.key.CommitmentKeys[1].Basis[0], g1)
			k.h.key.CommitmentKeys[0].Basis[0].Sub(&k.h.key.CommitmentKeys[0].Basis[0], &g1)
		}, circuit},
		{"a digit without a base", func(k *testKey) {
			k.h.key.CommitmentKeys[0].Basis[0] = bn254.G1Affine{}
			k.h.key.CommitmentKeys[0].BasisExpSigma[0] = bn254.G1Affine{}
		}, infinity},
		{"δ in G1 at infinity", func(k *testKey) { k.h.key.G1.Delta = bn254.G1Affine{} }, infinity},
		{"δ in G2 at infinity", func(k *testKey) { k.h.key.G2.Delta, k.vk.G2.Delta = bn254.G2Affine{}, bn254.G2Affine{} }, infinity},
		{"σ zero", func(k *testKey) { k.vk.CommitmentKeys[0].GSigmaNeg = bn254.G2Affine{} }, infinity},
		{"δ in G1 scaled", func(k *testKey) { twice(&k.h.key.G1.Delta) }, circuit},
		{"δ in G2 scaled, in both halves", func(k *testKey) {
			k.h.key.G2.Delta.Double(&k.h.key.G2.Delta)
			k.vk.G2.Delta = k.h.key.G2.Delta
		}, circuit},
		{"δ in G2 scaled, in the proving half", func(k *testKey) { k.h.key.G2.Delta.Double(&k.h.key.G2.Delta) }, "δ is not one"},
		{"γ scaled", func(k *testKey) { k.vk.G2.Gamma.Double(&k.vk.G2.Gamma) }, circuit},
		{"β in G1 scaled with its powers", func(k *testKey) {
			for i := range k.h.powers.beta {
				twice(&k.h.powers.beta[i])
			}
			k.h.key.G1.Beta = k.h.powers.beta[0]
		}, circuit},
		{"α scaled with its powers", func(k *testKey) {
			for i := range k.h.powers.alpha {
				twice(&k.h.powers.alpha[i])
			}
			k.h.key.G1.Alpha = k.h.powers.alpha[0]
			k.vk.G1.Alpha = k.h.powers.alpha[0]
		}, circuit},
		{"α of the verifying half", func(k *testKey) { twice(&k.vk.G1.Alpha) }, "α is not one"},
		// What stands in the wrong place.
		{"two of A swapped", func(k *testKey) { a := k.h.key.G1.A; a[1], a[2] = a[2], a[1] }, circuit},
		{"two of B swapped, in both groups", func(k *testKey) {
			b, b2 := k.h.key.G1.B, k.h.key.G2.B
			b[1], b[2], b2[1], b2[2] = b[2], b[1], b2[2], b2[1]
		}, circuit},
		{"two of Z swapped", func(k *testKey) { z := k.h.key.G1.Z; z[1], z[2] = z[2], z[1] }, circuit},
		{"K moved between two wires", func(k *testKey) {
			shift(&k.h.key.G1.K[0], g1)
			k.h.key.G1.K[1].Sub(&k.h.key.G1.K[1], &g1)
		}, circuit},
		{"the verifier's K moved between two inputs", func(k *testKey) {
			shift(&k.vk.G1.K[3], g1)
			k.vk.G1.K[4].Sub(&k.vk.G1.K[4], &g1)
		}, circuit},
		{"K moved from a public input to a committed one", func(k *testKey) {
			shift(&k.vk.G1.K[3], g1)
			k.h.key.CommitmentKeys[0].Basis[0].Sub(&k.h.key.CommitmentKeys[0].Basis[0], &g1)
		}, circuit},
		{"a point on the digest's K", func(k *testKey) { k.vk.G1.K[1] = g1 }, circuit},
		// The powers themselves.
		{"a power of τ", func(k *testKey) { shift(&k.h.powers.tau[5], g1) }, circuit},
		{"the last power of τ", func(k *testKey) { shift(&k.h.powers.tau[2*k.l.n()-2], g1) }, circuit},
		{"the last power of τ times α", func(k *testKey) { shift(&k.h.powers.alpha[k.l.n()-1], g1) }, circuit},
		{"a power of τ times β", func(k *testKey) { shift(&k.h.powers.beta[1], g1) }, circuit},
		{"τ in G2", func(k *testKey) { shift(&k.h.powers.tauG2, g2) }, circuit},
		{"powers of another generator", func(k *testKey) {
			for i := range k.h.powers.tau {
				twice(&k.h.powers.tau[i])
			}
		}, "not the generator"},
		{"powers of another key", func(k *testKey) {
			other := newTestKey(t, StatementKeyShare).h.powers
			k.h.powers.tau, k.h.powers.tauG2 = other.tau, other.tauG2
		}, circuit},
		// What is no member of its group.
		{"B in G2 outside the subgroup", func(k *testKey) { k.h.key.G2.B[2] = outsideG2(t) }, "not in the subgroup"},
		{"B in G2 with a part outside the subgroup", func(k *testKey) {
			shift(&k.h.key.G2.B[2], outsideG2(t))
		}, "not in the subgroup"},
		{"γ outside the subgroup", func(k *testKey) { k.vk.G2.Gamma = outsideG2(t) }, "not in the subgroup"},
		{"A off the curve", func(k *testKey) { k.h.key.G1.A[0].X.SetOne() }, "not on the curve"},
		{"A at infinity", func(k *testKey) { k.h.key.G1.A[0] = bn254.G1Affine{} }, infinity},
		// What is not read from the file, and the wrong shape.
		{"a wire said to stand on no left", func(k *testKey) { k.h.key.InfinityA[k.digit()] = !k.h.key.InfinityA[k.digit()] }, "absent wires"},
		{"two absent wires exchanged on the right", func(k *testKey) {
			f := k.h.key.InfinityB
			mask := k.l.publics + k.l.mask(0)
			f[mask], f[k.digit()] = f[k.digit()], f[mask]
		}, "absent wires"},
		{"another domain's generator", func(k *testKey) { k.h.key.Domain.Generator.SetOne() }, "domain"},
		{"another coset", func(k *testKey) { k.h.key.Domain.FrMultiplicativeGen.SetUint64(7) }, "domain"},
		{"one point too few", func(k *testKey) { k.h.key.G1.K = k.h.key.G1.K[1:] }, "K: "},
		{"no commitment in the verifying half", func(k *testKey) { k.vk.CommitmentKeys = nil }, "commitment"},
	}
	key := newTestKey(t, StatementKeyShare)
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			k := key.copy(t)
			c.tamper(k)
			if err := k.sys.check(k.l, k.h, k.vk); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("the check says %v, want %q", err, c.want)
			}
		})
	}
}

// outsideG2 is a point of the curve in G2 that is not of the subgroup.
func outsideG2(t testing.TB) bn254.G2Affine {
	t.Helper()
	var p bn254.G2Affine
	p.X.MustSetRandom()
	p = bn254.MapToCurve2(&p.X)
	if !p.IsOnCurve() || p.IsInSubGroup() {
		t.Fatal("not such a point")
	}
	return p
}

// TestKeysOfOneCircuitForAnother: a genuine key, of another constraint system of the same shape.
func TestKeysOfOneCircuitForAnother(t *testing.T) {
	k := newTestKey(t, StatementKeyShare)
	other, err := compile(func() *shape {
		s := shapeOf(tiny(t), StatementKeyShare)
		widen("s", 0)(s)
		s.relations[0].terms = append([]term(nil), s.relations[0].terms...)
		s.relations[0].terms[0].factor = big.NewInt(3)
		return s
	}())
	if err != nil {
		t.Fatal(err)
	}
	l := other.layout()
	if l.provingSize() != k.l.provingSize() || l.circuit == k.l.circuit {
		t.Fatal("the other circuit is no such one")
	}
	if err := other.check(l, k.h, k.vk); err == nil || !strings.Contains(err.Error(), "do not belong") {
		t.Errorf("a key of another circuit: %v", err)
	}
	if _, err := l.readProving(bytes.NewReader(k.file(t)), k.vk); err == nil || !strings.Contains(err.Error(), "another circuit") {
		t.Errorf("the file of another circuit's key: %v", err)
	}
}
