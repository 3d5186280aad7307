package circuits

import (
	"context"
	"crypto/rand"
	"fmt"
	"math/big"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/tuneinsight/lattigo/v5/core/rlwe"
	"github.com/tuneinsight/lattigo/v5/ring"
	"github.com/tuneinsight/lattigo/v5/utils/sampling"
)

// tiny is an insecure set on which a proof takes some milliseconds.
func tiny(t testing.TB) Params {
	t.Helper()
	p, err := NewParams(Literal{
		Name: "tiny", N: 64, Primes: []uint64{0x1ffffffffb4001, 0x1ffffffffa4001},
		LogT: 26, FloodingBits: 72, Limbs: 32, LimbBits: 20, Departments: 64, Insecure: true,
	})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

var (
	keysMu   sync.Mutex
	keysMade = map[string]*Keys{}
)

// keysFor makes a set's keys once a test run; PARLEY_TEST_KEYS keeps those of large sets.
func keysFor(t testing.TB, p Params) *Keys {
	t.Helper()
	keysMu.Lock()
	defer keysMu.Unlock()
	if k := keysMade[p.Name()]; k != nil {
		return k
	}
	dir := os.Getenv("PARLEY_TEST_KEYS")
	if dir == "" {
		var err error
		if dir, err = os.MkdirTemp("", "parley-keys-"); err != nil {
			t.Fatal(err)
		}
	}
	k, err := DevelopJoined(context.Background(), p, filepath.Join(dir, p.Name()), nil)
	if err != nil {
		t.Fatal(err)
	}
	keysMade[p.Name()] = k
	return k
}

func TestMain(m *testing.M) {
	code := m.Run()
	for _, k := range keysMade {
		if os.Getenv("PARLEY_TEST_KEYS") == "" {
			_ = os.RemoveAll(filepath.Dir(k.dir))
		}
	}
	os.Exit(code)
}

// lattigo holds real Lattigo objects of the same ring: the honest statements are made of
// them, not of this package's own arithmetic.
type lattigo struct {
	p      Params
	params rlwe.Parameters
	ring   *ring.Ring
}

func newLattigo(t testing.TB, p Params) lattigo {
	t.Helper()
	logN := 0
	for 1<<logN < p.N() {
		logN++
	}
	params, err := rlwe.NewParametersFromLiteral(rlwe.ParametersLiteral{
		LogN: logN, Q: p.Primes(), NTTFlag: false, Xs: ring.Ternary{P: 2.0 / 3},
		Xe: ring.DiscreteGaussian{Sigma: 3.2, Bound: ErrorBound},
	})
	if err != nil {
		t.Fatal(err)
	}
	return lattigo{p, params, params.RingQ()}
}

// plain takes a polynomial from Lattigo's NTT and Montgomery form to coefficients.
func (l lattigo) plain(x ring.Poly, montgomery bool) Poly {
	y := *x.CopyNew()
	if montgomery {
		l.ring.IMForm(y, y)
	}
	l.ring.INTT(y, y)
	return y
}

func (l lattigo) small(x Poly) []int64 {
	out := make([]int64, l.p.N())
	for j := range out {
		v := l.p.Centered(x, j)
		if !v.IsInt64() {
			panic("not small")
		}
		out[j] = v.Int64()
	}
	return out
}

func (l lattigo) sample(x ring.DistributionParameters) []int64 {
	prng, err := sampling.NewPRNG()
	if err != nil {
		panic(err)
	}
	s, err := ring.NewSampler(prng, l.ring, x, false)
	if err != nil {
		panic(err)
	}
	return l.small(s.ReadNew())
}

func (l lattigo) mul(a, b Poly) Poly {
	x, y := l.ring.NewPoly(), l.ring.NewPoly()
	l.ring.NTT(a, x)
	l.ring.NTT(b, y)
	l.ring.MulCoeffsBarrett(x, y, x)
	l.ring.INTT(x, x)
	return x
}

func (l lattigo) add(polys ...Poly) Poly {
	z := l.ring.NewPoly()
	for _, x := range polys {
		l.ring.Add(z, x, z)
	}
	return z
}

// keyShare is a key pair of Lattigo's generator, with its error recovered.
func (l lattigo) keyShare() (KeyShare, KeyShareSecret) {
	gen := rlwe.NewKeyGenerator(l.params)
	sk, pk := gen.GenKeyPairNew()
	x := KeyShare{A: l.plain(pk.Value[1].Q, true), P: l.plain(pk.Value[0].Q, true)}
	s := l.plain(sk.Value.Q, true)
	return x, KeyShareSecret{S: l.small(s), E: l.small(l.add(x.P, l.mul(x.A, s)))}
}

func (l lattigo) contribution(key KeyShare) (Contribution, ContributionSecret) {
	p := l.p
	x := Contribution{PK0: key.P, PK1: key.A, Lo: make([]int64, p.Limbs()), Hi: make([]int64, p.Limbs())}
	w := ContributionSecret{
		U: l.sample(l.params.Xs()), E0: l.sample(l.params.Xe())[:p.Limbs()], E1: l.sample(l.params.Xe()), M: make([]int64, p.Limbs()),
	}
	for i := range p.Limbs() / 2 {
		span := int64(1)<<p.LimbBits() - 1
		x.Lo[i], x.Hi[i] = -int64(i), span-int64(i)
		v, err := rand.Int(rand.Reader, big.NewInt(span+1))
		if err != nil {
			panic(err)
		}
		w.M[i] = x.Lo[i] + v.Int64()
	}
	w.M[0], w.M[1] = x.Lo[0], x.Hi[1]
	l.encrypt(&x, w)
	return x, w
}

func (l lattigo) encrypt(x *Contribution, w ContributionSecret) {
	m := l.p.FromLimbs(w.M)
	l.ring.MulScalarBigint(m, l.p.Delta(), m)
	u := l.p.FromSmall(w.U)
	x.C0 = l.p.OnlyLimbs(l.add(l.mul(x.PK0, u), l.p.FromLimbs(w.E0), m))
	x.C1 = l.add(l.mul(x.PK1, u), l.p.FromSmall(w.E1))
}

func (l lattigo) share(key KeyShare, secret KeyShareSecret, c1 Poly, analyst KeyShare) (DecryptionShare, DecryptionShareSecret) {
	w := DecryptionShareSecret{
		S: secret.S, E: l.p.BindingErrors(secret.E), V: l.sample(l.params.Xs()), F1: l.sample(l.params.Xe()),
		F0: make([]*big.Int, l.p.Limbs()),
	}
	for j := range w.F0 {
		v, err := rand.Int(rand.Reader, new(big.Int).Lsh(l.p.Flooding(), 1))
		if err != nil {
			panic(err)
		}
		w.F0[j] = v.Sub(v, l.p.Flooding())
	}
	w.F0[0].Neg(l.p.Flooding())
	w.F0[1].Sub(l.p.Flooding(), big.NewInt(1))
	x := DecryptionShare{A: key.A, P: key.P, C1: c1, PKA0: analyst.P, PKA1: analyst.A}
	l.shareOf(&x, w)
	return x, w
}

func (l lattigo) shareOf(x *DecryptionShare, w DecryptionShareSecret) {
	v := l.p.FromSmall(w.V)
	x.H0 = l.p.OnlyLimbs(l.add(l.mul(x.C1, l.p.FromSmall(w.S)), l.mul(x.PKA0, v), l.p.FromLimbsBig(w.F0)))
	x.H1 = l.add(l.mul(x.PKA1, v), l.p.FromSmall(w.F1))
}

func testBinding() Binding {
	b := Binding{Network: [32]byte{1}, Epoch: [32]byte{2}, Query: [32]byte{3}, Index: 4, Department: [32]byte{5}}
	b.Contributions = [][32]byte{{6}, {7}}
	return b
}

// honest is one case a statement.
type honest struct {
	instance Instance
	secret   Secret
}

func honestCases(t testing.TB, p Params) map[Statement]honest {
	l := newLattigo(t, p)
	key, secret := l.keyShare()
	analyst, _ := l.keyShare()
	contribution, cw := l.contribution(key)
	share, sw := l.share(key, secret, contribution.C1, analyst)
	product, pw := l.pinned(key, l.indicator())
	weighted, ww := l.weighted(key)
	release, rw := l.release(key, secret, []Poly{contribution.C1, product.C1}, analyst)
	return map[Statement]honest{
		StatementKeyShare:        {key, secret},
		StatementContribution:    {contribution, cw},
		StatementDecryptionShare: {share, sw},
		StatementProduct:         {product, pw},
		StatementWeightedProduct: {weighted, ww},
		StatementRelease:         {release, rw},
	}
}

func TestHonest(t *testing.T) {
	p := tiny(t)
	k := keysFor(t, p)
	for range 3 {
		for s, c := range honestCases(t, p) {
			proof, err := k.Prove(testBinding(), c.instance, c.secret)
			if err != nil {
				t.Fatalf("%v: %v", s, err)
			}
			if err := k.Verifying().Verify(testBinding(), c.instance, proof); err != nil {
				t.Fatalf("%v: %v", s, err)
			}
		}
	}
}

// BenchmarkProve and BenchmarkVerify take the parameter sets by name, and report processor time; keys are made first.
func BenchmarkProve(b *testing.B) {
	for _, name := range []string{"light", "default", "joined"} {
		p, err := Named(name)
		if err != nil {
			b.Fatal(err)
		}
		k := keysFor(b, p)
		cases := honestCases(b, p)
		for _, s := range allStatements {
			b.Run(fmt.Sprintf("%s/%s", name, s), func(b *testing.B) {
				before := cpuSeconds(b)
				for b.Loop() {
					if _, err := k.Prove(testBinding(), cases[s].instance, cases[s].secret); err != nil {
						b.Fatal(err)
					}
				}
				b.ReportMetric((cpuSeconds(b)-before)/float64(b.N), "cpu-s/op")
			})
		}
	}
}

// BenchmarkVerify times one verification.
func BenchmarkVerify(b *testing.B) {
	for _, name := range []string{"light", "default", "joined"} {
		p, err := Named(name)
		if err != nil {
			b.Fatal(err)
		}
		k := keysFor(b, p)
		cases := honestCases(b, p)
		for _, s := range allStatements {
			proof, err := k.Prove(testBinding(), cases[s].instance, cases[s].secret)
			if err != nil {
				b.Fatal(err)
			}
			b.Run(fmt.Sprintf("%s/%s", name, s), func(b *testing.B) {
				before := cpuSeconds(b)
				for b.Loop() {
					if err := k.Verifying().Verify(testBinding(), cases[s].instance, proof); err != nil {
						b.Fatal(err)
					}
				}
				b.ReportMetric((cpuSeconds(b)-before)/float64(b.N), "cpu-s/op")
			})
		}
	}
}
