package circuits

import (
	"bytes"
	"errors"
	"math/big"
	"os"
	"strings"
	"testing"
	"time"

	bn254 "github.com/consensys/gnark-crypto/ecc/bn254"
	"github.com/consensys/gnark-crypto/ecc/bn254/fp"
	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
	groth16 "github.com/consensys/gnark/backend/groth16/bn254"
	"golang.org/x/sys/unix"
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
	if c.vk, err = decodeVerifyingKey(encodeVerifyingKey(k.vk), k.sys.shape.publics); err != nil {
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

// digit is the wire of the secret's first digit, which stands on the right of its lookup.
func (k *testKey) digit() int { return k.sys.digitWires[0][0][0] }

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
	for _, s := range Statements {
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
	for _, s := range Statements {
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
		if !sameFlags(pk.InfinityA, k.l.infinityA) || !sameFlags(pk.InfinityB, k.l.infinityB) ||
			pk.NbInfinityA != k.h.key.NbInfinityA || pk.NbInfinityB != k.h.key.NbInfinityB || len(pk.G2.B) != k.l.b || len(vk.G1.K) != k.l.publics+1 {
			t.Errorf("%v: other wires have points than in the library's key", s)
		}
	}
}

// TestHostileKeys tampers with a key in every way that its maker could; each is refused.
func TestHostileKeys(t *testing.T) {
	_, _, g1, g2 := bn254.Generators()
	const circuit, infinity = "do not belong to this circuit", "at infinity"
	cases := []struct {
		name   string
		tamper func(k *testKey)
		want   string
	}{
		// The two attacks.
		{"degenerate: only the digit's lookup has weight", func(k *testKey) { k.inDomain(t, 1) }, "the mask of the commitment has no base"},
		{"degenerate: only the mask's constraint has weight", func(k *testKey) { k.inDomain(t, 0) }, infinity},
		{"degenerate: τ at the domain's unused end", func(k *testKey) { k.inDomain(t, k.l.n()-1) }, "the mask of the commitment has no base"},
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
			k.h.key.CommitmentKeys[0].Basis[k.l.mask()] = bn254.G1Affine{}
			k.h.key.CommitmentKeys[0].BasisExpSigma[k.l.mask()] = bn254.G1Affine{}
		}, "the mask of the commitment has no base"},
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
			mask := k.l.publics + k.l.mask()
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

// TestProvingFileIsStrict takes one encoding of one length.
func TestProvingFileIsStrict(t *testing.T) {
	k := newTestKey(t, StatementKeyShare)
	good := k.file(t)
	head := len(provingTitle) + 32
	wide := func(b []byte, at int) { // x + p, the same coordinate
		var x fp.Element
		x.SetBytes(b[at : at+32])
		x.BigInt(new(big.Int)).FillBytes(b[at : at+32])
		sum := new(big.Int).Add(x.BigInt(new(big.Int)), fp.Modulus())
		sum.FillBytes(b[at : at+32])
	}
	cases := []struct {
		name   string
		change func(b []byte) []byte
		want   string
	}{
		{"empty", func([]byte) []byte { return nil }, "too short"},
		{"title alone", func(b []byte) []byte { return b[:head] }, "too short"},
		{"a byte too short", func(b []byte) []byte { return b[:len(b)-1] }, "too short"},
		{"a byte too long", func(b []byte) []byte { return append(b, 0) }, "too long"},
		{"twice", func(b []byte) []byte { return append(b, b...) }, "too long"},
		{"another version", func(b []byte) []byte { b[len(provingTitle)-1]++; return b }, "not a proving key"},
		{"another circuit", func(b []byte) []byte { b[head-1]++; return b }, "another circuit"},
		{"a coordinate in G1 plus p", func(b []byte) []byte { wide(b, head); return b }, "not canonically"},
		{"a coordinate in G2 plus p", func(b []byte) []byte { wide(b, len(b)-32); return b }, "not canonically"},
		{"a coordinate of all ones", func(b []byte) []byte { copy(b[head:], bytes.Repeat([]byte{0xff}, 32)); return b }, "not canonically"},
		{"the library's own dump", func([]byte) []byte {
			var dump bytes.Buffer
			if err := k.h.key.WriteDump(&dump); err != nil {
				t.Fatal(err)
			}
			return dump.Bytes()
		}, "not a proving key"},
	}
	for _, c := range cases {
		b := c.change(bytes.Clone(good))
		if _, err := k.l.readProving(bytes.NewReader(b), k.vk); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", c.name, err, c.want)
		}
	}
	if h, err := k.l.readProving(bytes.NewReader(good), k.vk); err != nil {
		t.Error(err)
	} else if again := (&testKey{sys: k.sys, l: k.l, h: h}).file(t); !bytes.Equal(again, good) {
		t.Error("written again it is another file")
	}
}

// plant puts hostile keys in a folder, as a network's founder could serve them: their digests are
// what the description says. It returns them as a member loads them.
func plant(t testing.TB, tamper func(k *testKey)) *Keys {
	t.Helper()
	dir, vks, digests := t.TempDir(), &VerifyingKeys{params: tiny(t)}, [][32]byte{}
	for _, s := range Statements {
		k := newTestKey(t, s)
		if s == StatementKeyShare {
			tamper(k)
		}
		path := keyFile(dir, k.l, "proving")
		if err := os.WriteFile(path, k.file(t), 0o600); err != nil {
			t.Fatal(err)
		}
		digest, err := digestFile(path)
		if err != nil {
			t.Fatal(err)
		}
		vks.set(s, k.vk)
		digests = append(digests, digest)
	}
	parsed, err := ParseVerifyingKeys(tiny(t), vks.MarshalBinary())
	if err != nil {
		t.Fatal(err)
	}
	keys, err := Load(tiny(t), dir, parsed, digests)
	if err != nil {
		t.Fatal(err)
	}
	return keys
}

func plantedOnDigit(k *testKey) {
	_, _, _, g2 := bn254.Generators()
	shift(&k.h.key.G2.B[pointOf(k.digit(), k.l.infinityB)], g2)
}

// TestNoProofUnderAHostileKey: nothing is proven under any of the keys once one is hostile.
func TestNoProofUnderAHostileKey(t *testing.T) {
	cases := honestCases(t, tiny(t))
	if err := plant(t, func(*testKey) {}).Preload(StatementKeyShare); err != nil {
		t.Fatalf("an honest key: %v", err)
	}
	for name, tamper := range map[string]func(*testKey){
		"planted":    plantedOnDigit,
		"degenerate": func(k *testKey) { k.inDomain(t, 1) },
		"other halves": func(k *testKey) {
			k.h = newTestKey(t, StatementKeyShare).h
			k.h.powers.alpha[0] = k.vk.G1.Alpha
		},
	} {
		keys := plant(t, tamper)
		for range 2 {
			for _, s := range []Statement{StatementKeyShare, StatementContribution} {
				if _, err := keys.Prove(testBinding(), cases[s].instance, cases[s].secret); !errors.Is(err, ErrBrokenKey) {
					t.Errorf("%s, %v: %v, want ErrBrokenKey", name, s, err)
				}
			}
		}
	}
}

// TestOwnProofThatFails: should a hostile key ever pass the check, the first proof that does not
// verify is the last that is made, so that one bit is all that it tells. The planted key is an
// oracle: the proof verifies if and only if the digit is zero.
func TestOwnProofThatFails(t *testing.T) {
	keys := plant(t, plantedOnDigit)
	entry := keys.entries[StatementKeyShare]
	if err := keys.mark(StatementKeyShare, entry); err != nil { // as if it had passed
		t.Fatal(err)
	}
	saw := map[bool]bool{}
	for range 200 {
		h := honestCases(t, tiny(t))[StatementKeyShare]
		row := make([]fr.Element, len(entry.system.shape.shorts[0].tables))
		entry.system.shape.shorts[0].digits(centeredField(&h.secret.shorts(h.instance)[0][0]), row)
		a := row[0]
		if saw[a.IsZero()] {
			continue
		}
		saw[a.IsZero()] = true
		_, err := keys.Prove(testBinding(), h.instance, h.secret)
		switch {
		case a.IsZero() && err != nil:
			t.Fatalf("digit 0: %v", err)
		case !a.IsZero() && !errors.Is(err, ErrBrokenKey):
			t.Fatalf("digit not 0: %v, want ErrBrokenKey", err)
		case !a.IsZero():
			for s, c := range honestCases(t, tiny(t)) {
				if _, again := keys.Prove(testBinding(), c.instance, c.secret); !errors.Is(again, ErrBrokenKey) || again.Error() != err.Error() {
					t.Fatalf("%v after a failed proof: %v, want the same sentence", s, again)
				}
			}
			return
		}
	}
	t.Fatal("no digit that is not 0")
}

// TestKeysAreKnownByTheirDigests: a file that is not the pinned one is not loaded, and one that
// changes after it was found is not used.
func TestKeysAreKnownByTheirDigests(t *testing.T) {
	keys := plant(t, func(*testKey) {})
	digests := keys.Proving()
	for i := range digests {
		wrong := append([][32]byte{}, digests...)
		wrong[i][31] ^= 1
		if _, err := Load(tiny(t), keys.dir, keys.verifying, wrong); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("digest %d wrong: %v", i, err)
		}
	}
	for _, few := range [][][32]byte{nil, digests[:2], append(append([][32]byte{}, digests...), digests[0])} {
		if _, err := Load(tiny(t), keys.dir, keys.verifying, few); err == nil {
			t.Errorf("%d digests are taken", len(few))
		}
	}
	entry := keys.entries[StatementContribution]
	path := keyFile(keys.dir, entry.layout, "proving")
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	b[len(b)-40] ^= 1
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := keys.Preload(StatementContribution); !errors.Is(err, ErrBrokenKey) {
		t.Errorf("a file that was changed: %v", err)
	}
}

// TestMarkIsOfOneKey: what was checked once is not checked again, and another key is.
func TestMarkIsOfOneKey(t *testing.T) {
	good := plant(t, func(*testKey) {})
	if err := good.Preload(StatementKeyShare); err != nil {
		t.Fatal(err)
	}
	entry := good.entries[StatementKeyShare]
	if !good.checked(StatementKeyShare, entry) || good.checked(StatementContribution, good.entries[StatementContribution]) {
		t.Fatal("the marks are not those of what was checked")
	}
	bad := plant(t, plantedOnDigit)
	mark, err := os.ReadFile(keyFile(good.dir, entry.layout, "checked"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(keyFile(bad.dir, entry.layout, "checked"), mark, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := bad.Preload(StatementKeyShare); !errors.Is(err, ErrBrokenKey) {
		t.Errorf("under another key's mark: %v", err)
	}
	if info, err := os.Stat(keyFile(good.dir, entry.layout, "checked")); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mark: %v, %v", info.Mode(), err)
	}
}

// cpuSeconds is the processor time that this process has used.
func cpuSeconds(b *testing.B) float64 {
	var usage unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &usage); err != nil {
		b.Fatal(err)
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano()).Seconds()
}

// BenchmarkKeys measures making and checking the keys of a set, in processor time.
func BenchmarkKeys(b *testing.B) {
	for _, name := range []string{"test", "light"} {
		p, err := Named(name)
		if err != nil {
			b.Fatal(err)
		}
		for _, s := range Statements {
			sys, err := compile(shapeOf(p, s))
			if err != nil {
				b.Fatal(err)
			}
			l := sys.layout()
			var h *provingHalf
			var vk *groth16.VerifyingKey
			b.Run(name+"/setup/"+s.String(), func(b *testing.B) {
				before := cpuSeconds(b)
				for b.Loop() {
					if h, vk, err = sys.setup(l); err != nil {
						b.Fatal(err)
					}
				}
				b.ReportMetric((cpuSeconds(b)-before)/float64(b.N), "cpu-s/op")
				b.ReportMetric(float64(l.provingSize()), "bytes")
			})
			b.Run(name+"/check/"+s.String(), func(b *testing.B) {
				before := cpuSeconds(b)
				for b.Loop() {
					if err := sys.check(l, h, vk); err != nil {
						b.Fatal(err)
					}
				}
				b.ReportMetric((cpuSeconds(b)-before)/float64(b.N), "cpu-s/op")
			})
		}
	}
}
