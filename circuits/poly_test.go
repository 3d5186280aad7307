package circuits

import (
	"bytes"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"math/big"
	"slices"
	"testing"

	"github.com/tuneinsight/lattigo/v5/ring"
	"github.com/tuneinsight/lattigo/v5/utils/sampling"
)

func randomPoly(t testing.TB, p Params) Poly {
	t.Helper()
	prng, err := sampling.NewPRNG()
	if err != nil {
		t.Fatal(err)
	}
	return ring.NewUniformSampler(prng, p.Ring()).ReadNew()
}

func TestPolyEncoding(t *testing.T) {
	for _, name := range []string{"light", "default", "joined", "test"} {
		p, err := Named(name)
		if err != nil {
			t.Fatal(err)
		}
		x := randomPoly(t, p)
		b := p.AppendPoly(nil, x)
		if len(b) != p.PolySize() {
			t.Fatalf("%s: %d bytes, want %d", name, len(b), p.PolySize())
		}
		y, err := p.DecodePoly(b)
		if err != nil || !y.Equal(&x) {
			t.Fatalf("%s: round trip: %v", name, err)
		}
		for _, bad := range [][]byte{nil, b[:len(b)-1], append(slices.Clone(b), 0)} {
			if _, err := p.DecodePoly(bad); err == nil {
				t.Errorf("%s: %d bytes accepted", name, len(bad))
			}
		}
	}
}

// TestLimbEncodings: the limbs' coefficients alone, whole and without their low bits, have one
// encoding each and nothing else.
func TestLimbEncodings(t *testing.T) {
	for _, name := range []string{"light", "default", "joined", "test"} {
		p, err := Named(name)
		if err != nil {
			t.Fatal(err)
		}
		x := randomPoly(t, p)
		limbs := p.OnlyLimbs(x)
		words, off := p.RoundWords(x)
		for j := range p.N() {
			switch l := j / p.Stride(); {
			case j%p.Stride() != 0:
				if p.Centered(limbs, j).Sign() != 0 || p.Centered(words, j).Sign() != 0 {
					t.Fatalf("%s: coefficient %d is kept", name, j)
				}
			case p.Centered(limbs, j).Cmp(p.Centered(x, j)) != 0:
				t.Fatalf("%s: limb %d is changed", name, l)
			default:
				d := new(big.Int).Sub(p.Centered(x, j), p.Centered(words, j))
				if d.Mod(d, p.Q()).Cmp(off[l]) != 0 || off[l].BitLen() > p.DroppedBits() || off[l].Sign() < 0 {
					t.Fatalf("%s: limb %d was rounded by %v, said %v", name, l, d, off[l])
				}
			}
		}
		for what, c := range map[string]struct {
			size   int
			append func([]byte, Poly) []byte
			decode func([]byte) (Poly, error)
			x      Poly
		}{
			"limbs": {p.LimbsSize(), p.AppendLimbs, p.DecodeLimbs, limbs},
			"words": {p.WordsSize(), p.AppendWords, p.DecodeWords, words},
		} {
			b := c.append(nil, c.x)
			y, err := c.decode(b)
			if len(b) != c.size || err != nil || !y.Equal(&c.x) {
				t.Fatalf("%s: %s of %d bytes: round trip: %v", name, what, len(b), err)
			}
			high := bytes.Repeat([]byte{0xff}, c.size)
			for _, bad := range [][]byte{nil, b[:len(b)-1], append(slices.Clone(b), 0), high} {
				if _, err := c.decode(bad); err == nil {
					t.Errorf("%s: %s: %d bytes accepted", name, what, len(bad))
				}
			}
		}
	}
}

// TestWordsAtTheEdges: what rounding makes of the smallest and largest integers below Q is sent and
// read; the first word that is none is refused.
func TestWordsAtTheEdges(t *testing.T) {
	for _, name := range []string{"light", "default", "joined", "test"} {
		p, err := Named(name)
		if err != nil {
			t.Fatal(err)
		}
		unit := new(big.Int).Lsh(one, uint(p.DroppedBits()))
		last := new(big.Int).Sub(p.Q(), one)
		values := make([]*big.Int, p.Limbs())
		for i := range values {
			values[i] = []*big.Int{new(big.Int), one, new(big.Int).Sub(unit, one), unit, new(big.Int).Rsh(last, 1), last}[i%6]
		}
		x, off := p.RoundWords(p.FromLimbsBig(values))
		for i, v := range values {
			if want := new(big.Int).Mod(v, unit); off[i].Cmp(want) != 0 {
				t.Fatalf("%s: %v is taken down by %v, want %v", name, v, off[i], want)
			}
		}
		b := p.AppendWords(nil, x)
		if y, err := p.DecodeWords(b); err != nil || !y.Equal(&x) {
			t.Fatalf("%s: round trip: %v", name, err)
		}
		word := new(big.Int).Rsh(last, uint(p.DroppedBits()))
		for _, more := range []int64{0, 1} {
			raw := word.Add(word, big.NewInt(more)).FillBytes(make([]byte, p.wordSize()))
			slices.Reverse(raw)
			copy(b[5*len(raw):], raw)
			if _, err := p.DecodeWords(b); (err == nil) != (more == 0) {
				t.Errorf("%s: the last word below Q and %d: %v", name, more, err)
			}
		}
	}
}

// TestTargetAndSlots: what of an element is sent comes back alone, in its one length, below its moduli.
func TestTargetAndSlots(t *testing.T) {
	p := tiny(t)
	x := randomPoly(t, p)
	b := p.AppendTarget(nil, x)
	y, err := p.DecodeTarget(b)
	if err != nil || p.Centered(y, p.Target()).Cmp(p.Centered(x, p.Target())) != 0 || len(b) != p.TargetSize() {
		t.Fatalf("target: %v", err)
	}
	copy(b, bytes.Repeat([]byte{0xff}, p.residueB))
	for _, bad := range [][]byte{nil, b, b[1:], append(p.AppendTarget(nil, x), 0)} {
		if _, err := p.DecodeTarget(bad); err == nil {
			t.Errorf("target of %d bytes taken", len(bad))
		}
	}
	x, _ = p.RoundWords(x)
	for slots := range p.Limbs() + 1 {
		b := p.AppendSlots(nil, x, slots)
		y, err := p.DecodeSlots(b, slots)
		if err != nil || len(b) != p.SlotsSize(slots) {
			t.Fatalf("%d slots: %v", slots, err)
		}
		for j := range p.N() {
			if same := y.Coeffs[0][j] == x.Coeffs[0][j]; j < slots*p.Stride() && !same || j >= slots*p.Stride() && y.Coeffs[0][j] != 0 {
				t.Fatalf("%d slots: coefficient %d", slots, j)
			}
		}
		for _, other := range []int{-1, slots - 1, slots + 1, p.Limbs() + 1} {
			if _, err := p.DecodeSlots(b, other); err == nil {
				t.Errorf("%d slots read as %d", slots, other)
			}
		}
	}
}

// TestNonCanonicalResidue: a residue of its prime or above names the same element, and two of
// them overflow the ring's addition; no such blob may pass.
func TestNonCanonicalResidue(t *testing.T) {
	p := tiny(t)
	for i, prime := range p.Primes() {
		for _, v := range []uint64{prime, prime + 1, 1<<56 - 1} {
			b := p.AppendPoly(nil, p.NewPoly())
			var word [8]byte
			binary.LittleEndian.PutUint64(word[:], v)
			copy(b[(i*p.N()+5)*p.residueB:], word[:p.residueB])
			if _, err := p.DecodePoly(b); err == nil {
				t.Errorf("residue %d modulo prime %d accepted", v, i)
			}
		}
	}
}

func TestLift(t *testing.T) {
	for _, name := range []string{"light", "default", "joined"} {
		p, err := Named(name)
		if err != nil {
			t.Fatal(err)
		}
		values := []*big.Int{}
		half := new(big.Int).Rsh(p.Q(), 1)
		for _, d := range []int64{0, 1, -1, 2} {
			values = append(values, big.NewInt(d), new(big.Int).Sub(half, big.NewInt(max(d, 0))),
				new(big.Int).Sub(big.NewInt(max(d, 0)), half))
		}
		for range 1000 {
			v, err := rand.Int(rand.Reader, p.Q())
			if err != nil {
				t.Fatal(err)
			}
			values = append(values, v.Sub(v, half))
		}
		x := p.FromBig(values)
		for j, want := range values {
			if got := p.Centered(x, j); got.Cmp(want) != 0 {
				t.Fatalf("%s: coefficient %d is %v, want %v", name, j, got, want)
			}
		}
	}
}

func TestCRS(t *testing.T) {
	p, err := Named("light")
	if err != nil {
		t.Fatal(err)
	}
	a, again, b := p.CRS([]byte("seed")), p.CRS([]byte("seed")), p.CRS([]byte("seee"))
	if !a.Equal(&again) || a.Equal(&b) {
		t.Fatal("the random element is not a function of its seed")
	}
	if _, err := p.DecodePoly(p.AppendPoly(nil, a)); err != nil {
		t.Fatal(err)
	}
	// The mean of N uniform residues is within six deviations of the middle.
	for i, prime := range p.Primes() {
		sum := new(big.Float)
		for _, r := range a.Coeffs[i] {
			sum.Add(sum, new(big.Float).SetUint64(r))
		}
		mean, _ := sum.Quo(sum, big.NewFloat(float64(p.N())*float64(prime))).Float64()
		if mean < 0.473 || mean > 0.527 {
			t.Errorf("prime %d: mean %f", i, mean)
		}
	}
}

func TestParamsAreRefused(t *testing.T) {
	good := namedSets[1]
	for name, change := range map[string]func(*Literal){
		"degree":          func(l *Literal) { l.N = 3000 },
		"no primes":       func(l *Literal) { l.Primes = nil },
		"same prime":      func(l *Literal) { l.Primes = []uint64{l.Primes[0], l.Primes[0]} },
		"composite":       func(l *Literal) { l.Primes = []uint64{l.Primes[0], 1<<53 - 8192*2 + 1} },
		"not friendly":    func(l *Literal) { l.Primes = []uint64{l.Primes[0], 0x1fffffffffffe1} },
		"security":        func(l *Literal) { l.N = 2048; l.Limbs = 1024; l.Departments = 1 },
		"noise":           func(l *Literal) { l.FloodingBits = 79 },
		"all limbs":       func(l *Literal) { l.Limbs = 4096 },
		"few limbs":       func(l *Literal) { l.Limbs = 128 },
		"odd limbs":       func(l *Literal) { l.Limbs = 1536 },
		"limb bits":       func(l *Literal) { l.LimbBits = 21 },
		"limbs of t":      func(l *Literal) { l.LimbBits, l.Departments = 24, 1 },
		"limbs beyond t":  func(l *Literal) { l.LimbBits, l.Departments = 40, 1 },
		"departments":     func(l *Literal) { l.Departments = 17 },
		"no departments":  func(l *Literal) { l.Departments = 0 },
		"noise with more": func(l *Literal) { l.Departments = 16 },
	} {
		bad := good
		bad.Primes = slices.Clone(good.Primes)
		change(&bad)
		if _, err := NewParams(bad); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	if _, err := Named("toy"); err == nil {
		t.Error("unknown name accepted")
	}
}

// TestDerivedFigures holds the figures of README section 1.
func TestDerivedFigures(t *testing.T) {
	for name, want := range map[string]struct{ logQ, lambda, departments int }{
		"default": {165, 67, 64}, "light": {106, 39, 15}, "joined": {212, 97, 64},
	} {
		p, err := Named(name)
		if err != nil {
			t.Fatal(err)
		}
		if p.Q().BitLen() != want.logQ || p.lambda != want.lambda || p.MaxDepartments() != want.departments {
			t.Errorf("%s: log Q %d, λ %d, n %d", name, p.Q().BitLen(), p.lambda, p.MaxDepartments())
		}
	}
	p, _ := Named("default")
	light, _ := Named("light")
	if p.CiphertextLimit() != 1<<29 || light.CiphertextLimit() != 0 || light.ForPrivateData() {
		t.Error("epoch limits")
	}
}

func TestVerifyingKeysEncoding(t *testing.T) {
	if testing.Short() {
		t.Skip("bytes of three keys")
	}
	p := tiny(t)
	all := keysFor(t, p).Verifying()
	both := all.MarshalBinary()
	again, err := ParseVerifyingKeys(p, both)
	if err != nil || !bytes.Equal(again.MarshalBinary(), both) {
		t.Fatalf("round trip: %v", err)
	}
	var b []byte // of a network that does not join
	for _, s := range Statements {
		b = append(b, all.raw[s]...)
	}
	few, err := ParseVerifyingKeys(p, b)
	if err != nil || !bytes.Equal(few.MarshalBinary(), b) {
		t.Fatalf("round trip without the statements of joins: %v", err)
	}
	for s, h := range honestCases(t, p) {
		proof, err := keysFor(t, p).Prove(testBinding(), h.instance, h.secret)
		if err != nil {
			t.Fatal(err)
		}
		if err := again.Verify(testBinding(), h.instance, proof); err != nil {
			t.Fatal(err)
		}
		if err := few.Verify(testBinding(), h.instance, proof); (err == nil) != slices.Contains(Statements, s) || err != nil && !errors.Is(err, ErrProof) {
			t.Errorf("%v, with keys of three statements: %v", s, err)
		}
	}
	accepted, changed := 0, 0
	for i := 0; i < len(b); i += 7 { // every byte of a point comes, in one point or another
		changed++
		bad := slices.Clone(b)
		bad[i] ^= 4
		other, err := ParseVerifyingKeys(p, bad)
		if err != nil {
			continue
		}
		accepted++
		if bytes.Equal(other.MarshalBinary(), b) {
			t.Fatalf("byte %d changed unnoticed", i)
		}
	}
	if accepted == changed {
		t.Error("no changed key was refused for not being a curve point")
	}
	one := slices.Clone(b) // both σ of the last key the same
	copy(one[len(b)-64:], one[len(b)-128:len(b)-64])
	four := both[:len(b)+len(all.raw[StatementProduct])]
	for _, bad := range [][]byte{nil, b[:len(b)-1], append(slices.Clone(b), 0), one, four, both[:len(both)-1], append(slices.Clone(both), 0)} {
		if _, err := ParseVerifyingKeys(p, bad); err == nil {
			t.Errorf("%d bytes accepted", len(bad))
		}
	}
}

func FuzzDecodePoly(f *testing.F) {
	p := tiny(f)
	f.Add(p.AppendPoly(nil, p.CRS(nil)))
	f.Add(bytes.Repeat([]byte{0xff}, p.PolySize()))
	f.Fuzz(func(t *testing.T, b []byte) {
		x, err := p.DecodePoly(b)
		if err == nil && !bytes.Equal(p.AppendPoly(nil, x), b) {
			t.Fatal("two encodings of one element")
		}
	})
}

// FuzzDecodeLimbs takes all encodings of the limbs' coefficients.
func FuzzDecodeLimbs(f *testing.F) {
	p := tiny(f)
	x, _ := p.RoundWords(p.CRS(nil))
	f.Add(p.AppendLimbs(nil, x))
	f.Add(p.AppendWords(nil, x))
	f.Add(p.AppendSlots(nil, x, 3))
	f.Add(p.AppendTarget(nil, x))
	f.Add(bytes.Repeat([]byte{0xff}, p.WordsSize()))
	f.Fuzz(func(t *testing.T, b []byte) {
		if x, err := p.DecodeLimbs(b); err == nil && !bytes.Equal(p.AppendLimbs(nil, x), b) {
			t.Fatal("two encodings of one element's limbs")
		}
		if x, err := p.DecodeWords(b); err == nil && !bytes.Equal(p.AppendWords(nil, x), b) {
			t.Fatal("two encodings of one element's words")
		}
		if x, err := p.DecodeTarget(b); err == nil && !bytes.Equal(p.AppendTarget(nil, x), b) {
			t.Fatal("two encodings of one target")
		}
		slots := len(b) / p.wordSize()
		if x, err := p.DecodeSlots(b, slots); err == nil && !bytes.Equal(p.AppendSlots(nil, x, slots), b) {
			t.Fatal("two encodings of one element's slots")
		}
	})
}

func FuzzDecodeProof(f *testing.F) {
	f.Add(make([]byte, ProofSize))
	f.Fuzz(func(t *testing.T, b []byte) {
		proof, err := decodeProof(b)
		if err == nil && !bytes.Equal(encodeProof(proof), b) {
			t.Fatal("two encodings of one proof")
		}
	})
}

func FuzzParseVerifyingKeys(f *testing.F) {
	p := tiny(f)
	keys := keysFor(f, p).Verifying()
	f.Add(keys.MarshalBinary())
	f.Add(slices.Concat(keys.raw[StatementKeyShare], keys.raw[StatementContribution], keys.raw[StatementDecryptionShare]))
	f.Fuzz(func(t *testing.T, b []byte) {
		vk, err := ParseVerifyingKeys(p, b)
		if err == nil && !bytes.Equal(vk.MarshalBinary(), b) {
			t.Fatal("two encodings of the same keys")
		}
	})
}
