package mhe

import (
	"crypto/rand"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"strings"
	"testing"

	"github.com/tuneinsight/lattigo/v5/core/rlwe"
	lattigo "github.com/tuneinsight/lattigo/v5/mhe"
	"github.com/tuneinsight/lattigo/v5/ring"

	"parley/circuits"
	"parley/protocols/mhe/tiny"
)

// committee is n departments' keys, an analyst's key, and what they are bound to.
type committee struct {
	p       circuits.Params
	keys    *circuits.Keys // nil where nothing is proven
	crs     circuits.Poly
	secrets []SecretKey
	owns    []PublicKey
	key     PublicKey

	analystSecret SecretKey
	analyst       PublicKey
}

func testBinding(i int) circuits.Binding {
	return circuits.Binding{Network: [32]byte{1}, Epoch: [32]byte{2}, Query: [32]byte{3}, Department: [32]byte{byte(i)}}
}

func newCommittee(t testing.TB, n int) *committee {
	t.Helper()
	return committeeOf(t, tiny.Keys(), n)
}

func committeeOf(t testing.TB, k *circuits.Keys, n int) *committee {
	t.Helper()
	p := k.Params()
	c := &committee{p: p, keys: k, crs: p.CRS([]byte("epoch"))}
	var shares []circuits.Poly
	for i := range n {
		sk, blob, err := NewKeyShare(k, testBinding(i), c.crs)
		if err != nil {
			t.Fatal(err)
		}
		share, err := VerifyKeyShare(k.Verifying(), testBinding(i), c.crs, blob)
		if err != nil {
			t.Fatal(err)
		}
		shares = append(shares, share)
		c.secrets = append(c.secrets, sk)
		c.owns = append(c.owns, PublicKey{A: c.crs, P: share})
	}
	var err error
	if c.key, err = CombineKeyShares(p, c.crs, shares); err != nil {
		t.Fatal(err)
	}
	crs := p.CRS([]byte("analyst"))
	sk, blob, err := NewKeyShare(k, testBinding(99), crs)
	if err != nil {
		t.Fatal(err)
	}
	share, err := VerifyKeyShare(k.Verifying(), testBinding(99), crs, blob)
	if err != nil {
		t.Fatal(err)
	}
	c.analystSecret, c.analyst = sk, PublicKey{A: crs, P: share}
	return c
}

// contribute returns n verified contributions of random limbs and the limbs' sums.
func (c *committee) contribute(t testing.TB, n int) ([]Ciphertext, []int64) {
	t.Helper()
	k, p := tiny.Keys(), c.p
	sums := make([]int64, p.Limbs())
	var cts []Ciphertext
	for i := range n {
		limbs, lo, hi := make([]int64, p.Limbs()), make([]int64, p.Limbs()), make([]int64, p.Limbs())
		for j := range p.Limbs() - 2 {
			hi[j] = 1<<p.LimbBits() - 1
			limbs[j] = hi[j] // the extreme
			if j > 3 {
				v, err := rand.Int(rand.Reader, big.NewInt(hi[j]+1))
				if err != nil {
					t.Fatal(err)
				}
				limbs[j] = v.Int64()
			}
			sums[j] += limbs[j]
		}
		blob, err := NewContribution(k, testBinding(i), c.key, limbs, lo, hi)
		if err != nil {
			t.Fatal(err)
		}
		if len(blob) != ContributionSize(p) {
			t.Fatalf("blob of %d bytes", len(blob))
		}
		ct, err := VerifyContribution(k.Verifying(), testBinding(i), c.key, lo, hi, blob)
		if err != nil {
			t.Fatal(err)
		}
		cts = append(cts, ct)
	}
	return cts, sums
}

func (c *committee) share(t testing.TB, i int, sum Ciphertext) Share {
	t.Helper()
	k := tiny.Keys()
	blob, err := NewDecryptionShare(k, testBinding(i), c.secrets[i], c.owns[i], sum, c.analyst)
	if err != nil {
		t.Fatal(err)
	}
	share, err := VerifyDecryptionShare(k.Verifying(), testBinding(i), c.owns[i], sum, c.analyst, blob)
	if err != nil {
		t.Fatal(err)
	}
	return share
}

func TestSumDecrypts(t *testing.T) {
	if testing.Short() {
		t.Skip("Lattigo beside")
	}
	for _, n := range []int{1, 2, 3, 7} {
		c := newCommittee(t, n)
		cts, want := c.contribute(t, n)
		sum := CombineContributions(c.p, cts)
		var shares []Share
		for i := range n {
			shares = append(shares, c.share(t, i, sum))
		}
		got, err := Decrypt(c.p, c.analystSecret, sum, shares)
		if err != nil || !slices.Equal(got, want) {
			t.Fatalf("%d departments: %v\n got %v\nwant %v", n, err, got, want)
		}
		if _, err := Decrypt(c.p, c.analystSecret, sum, shares[1:]); n > 1 && !errors.Is(err, ErrNoise) {
			t.Errorf("a share fewer: %v", err)
		}
		if _, err := Decrypt(c.p, c.secrets[0], sum, shares); !errors.Is(err, ErrNoise) {
			t.Errorf("another secret: %v", err)
		}
	}
}

// lattigoOf gives Lattigo's view of the same ring and of a secret.
func lattigoOf(t testing.TB, p circuits.Params) rlwe.Parameters {
	t.Helper()
	logN := 0
	for 1<<logN < p.N() {
		logN++
	}
	params, err := rlwe.NewParametersFromLiteral(rlwe.ParametersLiteral{LogN: logN, Q: p.Primes(), NTTFlag: false})
	if err != nil {
		t.Fatal(err)
	}
	return params
}

func lattigoSecret(params rlwe.Parameters, p circuits.Params, keys ...SecretKey) *rlwe.SecretKey {
	sk := rlwe.NewSecretKey(params)
	for _, k := range keys {
		x := p.FromSmall(k.s)
		params.RingQ().NTT(x, x)
		params.RingQ().MForm(x, x)
		params.RingQ().Add(sk.Value.Q, x, sk.Value.Q)
	}
	return sk
}

func lattigoCiphertext(params rlwe.Parameters, c0, c1 circuits.Poly) *rlwe.Ciphertext {
	ct := rlwe.NewCiphertext(params, 1, params.MaxLevel())
	ct.IsNTT = false
	ct.Value[0].Copy(c0)
	ct.Value[1].Copy(c1)
	return ct
}

// decode reads limbs off Lattigo's plaintext: the nearest multiple of ⌊Q/t⌋.
func decode(t testing.TB, p circuits.Params, pt *rlwe.Plaintext) []int64 {
	t.Helper()
	out := make([]int64, p.Limbs())
	half := new(big.Int).Rsh(p.Delta(), 1)
	for j := range out {
		x := p.Centered(pt.Value, j*p.Stride())
		x.Add(x, half).Mod(x, p.Q())
		out[j] = x.Div(x, p.Delta()).Int64()
	}
	return out
}

// TestLattigoDecrypts holds the encryption and the shares against Lattigo: its decryptor opens
// a sum with the summed secrets, and its key switch aggregates our shares.
func TestLattigoDecrypts(t *testing.T) {
	const n = 3
	c := newCommittee(t, n)
	cts, want := c.contribute(t, n)
	sum := CombineContributions(c.p, cts)
	params := lattigoOf(t, c.p)

	ct := lattigoCiphertext(params, sum.C0, sum.C1)
	joint := rlwe.NewDecryptor(params, lattigoSecret(params, c.p, c.secrets...))
	if got := decode(t, c.p, joint.DecryptNew(ct)); !slices.Equal(got, want) {
		t.Fatalf("Lattigo's decryptor: got %v, want %v", got, want)
	}

	switching, err := lattigo.NewPublicKeySwitchProtocol(params, ring.DiscreteGaussian{Sigma: 3.2, Bound: 19})
	if err != nil {
		t.Fatal(err)
	}
	combined := switching.AllocateShare(params.MaxLevel())
	for i := range n {
		share := c.share(t, i, sum)
		element := switching.AllocateShare(params.MaxLevel())
		element.Value[0].Copy(share.H0)
		element.Value[1].Copy(share.H1)
		if err := switching.AggregateShares(combined, element, &combined); err != nil {
			t.Fatal(err)
		}
	}
	out := rlwe.NewCiphertext(params, 1, params.MaxLevel())
	switching.KeySwitch(ct, combined, out)
	analyst := rlwe.NewDecryptor(params, lattigoSecret(params, c.p, c.analystSecret))
	if got := decode(t, c.p, analyst.DecryptNew(out)); !slices.Equal(got, want) {
		t.Fatalf("Lattigo's key switch: got %v, want %v", got, want)
	}
}

// TestLattigoShareIsAccepted: a share by Lattigo's own protocol, which floods with its
// Gaussian, decrypts here beside ours, so the two speak of the same scheme.
func TestLattigoShareIsAccepted(t *testing.T) {
	c := newCommittee(t, 2)
	cts, want := c.contribute(t, 2)
	sum := CombineContributions(c.p, cts)
	params := lattigoOf(t, c.p)
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
	switching.GenShare(lattigoSecret(params, c.p, c.secrets[0]), pk, lattigoCiphertext(params, sum.C0, sum.C1), &theirs)
	got, err := Decrypt(c.p, c.analystSecret, sum, []Share{{H0: theirs.Value[0], H1: theirs.Value[1]}, c.share(t, 1, sum)})
	if err != nil || !slices.Equal(got, want) {
		t.Fatalf("%v: got %v, want %v", err, got, want)
	}
}

// TestNothingBesideTheLimbs: what a share gives to others holds no coefficient without a limb of
// the first part, and of the limbs' coefficients no bit below the flooding's upper ten.
func TestNothingBesideTheLimbs(t *testing.T) {
	c := newCommittee(t, 1)
	cts, _ := c.contribute(t, 1)
	sum := CombineContributions(c.p, cts)
	share := c.share(t, 0, sum)
	low := new(big.Int).Sub(new(big.Int).Lsh(big.NewInt(1), uint(c.p.DroppedBits())), big.NewInt(1))
	if c.p.DroppedBits() < 8 {
		t.Fatal("the set drops nothing")
	}
	for j := range c.p.N() {
		h := c.p.Centered(share.H0, j)
		if h.Sign() < 0 {
			h.Add(h, c.p.Q())
		}
		limb := j%c.p.Stride() == 0
		if !limb && (h.Sign() != 0 || c.p.Centered(sum.C0, j).Sign() != 0) || new(big.Int).And(h, low).Sign() != 0 {
			t.Errorf("coefficient %d is %v", j, h)
		}
	}
}

// TestRoundedFloodingIsInRange: whatever rounding takes off, the flooding stays in the range that is
// proven, from the lowest that is drawn to the highest.
func TestRoundedFloodingIsInRange(t *testing.T) {
	c := newCommittee(t, 1)
	p, bound := c.p, c.p.Flooding()
	unit := new(big.Int).Lsh(big.NewInt(1), uint(p.DroppedBits()))
	lowest, highest := new(big.Int).Sub(unit, bound), new(big.Int).Sub(bound, big.NewInt(1))
	for _, drawn := range []*big.Int{lowest, new(big.Int), big.NewInt(-1), highest} {
		w := circuits.DecryptionShareSecret{S: c.secrets[0].s, V: make([]int64, p.N()), F1: make([]int64, p.N())}
		for range p.Limbs() {
			w.F0 = append(w.F0, new(big.Int).Set(drawn))
		}
		// c1 and v are zero, so that h0 is f0 alone.
		share := switchShare(p, Ciphertext{C1: p.NewPoly()}, c.analyst, &w)
		for i, f := range w.F0 {
			off := new(big.Int).Sub(drawn, f)
			if f.Cmp(bound) >= 0 || f.Cmp(new(big.Int).Neg(bound)) < 0 || off.Sign() < 0 || off.Cmp(unit) >= 0 {
				t.Errorf("flooding of %v becomes %v", drawn, f)
			}
			if h := new(big.Int).Mod(f, p.Q()); h.Cmp(new(big.Int).Mod(p.Centered(share.H0, i*p.Stride()), p.Q())) != 0 {
				t.Errorf("the first part is not the flooding that is proven")
			}
		}
	}
}

func TestFloodingIsUniform(t *testing.T) {
	p := tiny.Params()
	const n = 4096
	values, err := randomFlooding(p, n)
	if err != nil {
		t.Fatal(err)
	}
	bound := p.Flooding()
	lowest := new(big.Int).Sub(new(big.Int).Lsh(big.NewInt(1), uint(p.DroppedBits())), bound)
	ones := make([]int, bound.BitLen())
	for _, f := range values {
		if f.Cmp(bound) >= 0 || f.Cmp(lowest) < 0 {
			t.Fatal("flooding out of range")
		}
		u := new(big.Int).Add(f, bound)
		for b := range ones {
			ones[b] += int(u.Bit(b))
		}
	}
	for b, count := range ones { // every bit is fair within six deviations: 6·√n/2
		if count < n/2-192 || count > n/2+192 {
			t.Errorf("bit %d is set %d times of %d", b, count, n)
		}
	}
}

func TestSampledSecrets(t *testing.T) {
	p := tiny.Params()
	s, err := randomTernary(30000)
	if err != nil {
		t.Fatal(err)
	}
	counts := map[int64]int{}
	for _, v := range s {
		counts[v]++
	}
	for v := int64(-1); v <= 1; v++ {
		if counts[v] < 9500 || counts[v] > 10500 {
			t.Errorf("%d drawn %d times of 30000", v, counts[v])
		}
	}
	var square float64
	for range 1000 {
		e, err := randomErrors(p, p.N())
		if err != nil {
			t.Fatal(err)
		}
		for _, v := range e {
			if v > circuits.ErrorBound || v < -circuits.ErrorBound {
				t.Fatal("error out of range")
			}
			square += float64(v * v)
		}
	}
	if variance := square / float64(1000*p.N()); variance < 9.5 || variance > 11 {
		t.Errorf("variance %f, want about 10.24", variance)
	}
}

func TestSecretKeyEncoding(t *testing.T) {
	c := newCommittee(t, 1)
	sk := c.secrets[0]
	b, err := sk.MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	again, err := ParseSecretKey(c.p, b)
	if err != nil || !slices.Equal(again.s, sk.s) {
		t.Fatal("round trip", err)
	}
	for i := range b {
		bad := slices.Clone(b)
		bad[i] |= 3
		if _, err := ParseSecretKey(c.p, bad); err == nil {
			t.Fatal("a pattern that is no coefficient was accepted")
		}
	}
	if _, err := ParseSecretKey(c.p, b[1:]); err == nil {
		t.Fatal("short secret accepted")
	}
	for _, text := range []string{fmt.Sprint(sk), fmt.Sprintf("%v", sk), fmt.Sprintf("%+v", sk), fmt.Sprintf("%#v", sk)} {
		if !strings.Contains(text, "redacted") || strings.Contains(text, "-1") {
			t.Errorf("a secret prints as %q", text)
		}
	}
}

func TestOpening(t *testing.T) {
	c := newCommittee(t, 1)
	if err := CheckOpening(c.p, c.analystSecret, c.analyst); err != nil {
		t.Fatal(err)
	}
	for _, sk := range []SecretKey{c.secrets[0], {}} {
		if err := CheckOpening(c.p, sk, c.analyst); err == nil {
			t.Error("another secret opens the key")
		}
	}
	for j := range c.analystSecret.s {
		bad := SecretKey{slices.Clone(c.analystSecret.s)}
		bad.s[j] = (bad.s[j]+2)%3 - 1 // another of the three values
		if err := CheckOpening(c.p, bad, c.analyst); err == nil {
			t.Errorf("coefficient %d changed and still opens", j)
		}
	}
}

// TestBlobsAreStrict: every blob has one length and canonical residues.
func TestBlobsAreStrict(t *testing.T) {
	c := newCommittee(t, 1)
	vk := tiny.Keys().Verifying()
	_, blob, err := NewKeyShare(tiny.Keys(), testBinding(0), c.crs)
	if err != nil {
		t.Fatal(err)
	}
	nonCanonical := slices.Clone(blob)
	copy(nonCanonical, []byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff})
	for name, bad := range map[string][]byte{
		"empty": nil, "short": blob[1:], "long": append(slices.Clone(blob), 0), "residue": nonCanonical,
	} {
		if _, err := VerifyKeyShare(vk, testBinding(0), c.crs, bad); err == nil {
			t.Errorf("%s blob accepted", name)
		}
	}
	cts, _ := c.contribute(t, 1)
	sum := CombineContributions(c.p, cts)
	share, err := NewDecryptionShare(tiny.Keys(), testBinding(0), c.secrets[0], c.owns[0], sum, c.analyst)
	if err != nil {
		t.Fatal(err)
	}
	high := slices.Clone(share)
	copy(high, []byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}) // a word that is not below Q
	for name, bad := range map[string][]byte{
		"empty": nil, "short": share[1:], "long": append(slices.Clone(share), 0), "word": high,
		"both parts whole": make([]byte, 2*c.p.PolySize()+circuits.ProofSize),
	} {
		if _, err := VerifyDecryptionShare(vk, testBinding(0), c.owns[0], sum, c.analyst, bad); !errors.Is(err, ErrMalformed) {
			t.Errorf("%s share: %v", name, err)
		}
	}
	if _, err := VerifyKeyShare(vk, testBinding(1), c.crs, blob); !errors.Is(err, circuits.ErrProof) {
		t.Error("a key share replayed under another department")
	}
}
