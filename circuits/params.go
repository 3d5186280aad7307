package circuits

import (
	"errors"
	"fmt"
	"math"
	"math/big"
	"math/bits"

	"github.com/tuneinsight/lattigo/v5/ring"
)

// ErrorBound is the largest absolute value of an error coefficient: six standard
// deviations of 3.2, the truncation that Lattigo applies (README section 1).
const ErrorBound = 19

// MaxDegree, MaxPrimes and MaxLimbBits bound what a Literal may ask for, so that no derived
// figure overflows the field of the proofs.
const (
	MinDegree   = 16
	MaxDegree   = 1 << 14
	MaxPrimes   = 4
	MaxLimbBits = 44
)

// securityLimit is the largest log2 Q at 128-bit security for a ternary secret, by ring
// degree (Homomorphic Encryption Security Guidelines 2024, eprint 2024/463, table 4.2).
var securityLimit = map[int]int{1 << 10: 26, 1 << 11: 53, 1 << 12: 106, 1 << 13: 214, 1 << 14: 430}

// Literal is what a person writes to define a parameter set; NewParams turns it into Params.
type Literal struct {
	Name         string
	N            int      // ring degree, a power of two
	Primes       []uint64 // Q is their product; each is 1 modulo 2N
	LogT         int      // plaintext modulus t = 2^LogT
	FloodingBits int      // flooding noise is uniform in [-B, B), B = 2^FloodingBits
	Limbs        int      // plaintext limbs a ciphertext carries: N/2, N/4, N/8 or N/16
	LimbBits     int      // width of one department's limb
	Departments  int      // largest committee n
	Insecure     bool     // waives the 128-bit limit; no node starts with such a set
}

// Params is a validated, immutable parameter set. The zero value is not usable.
type Params struct {
	lit      Literal
	q        *big.Int
	delta    *big.Int // floor(Q/t)
	bct      *big.Int // noise of a sum of n fresh ciphertexts
	noise    *big.Int // largest noise after decryption for n departments
	lambda   int
	dropped  int // low bits of a share's first part that are not sent
	ring     *ring.Ring
	garner   garner
	residueB int // bytes of one residue
}

// Named returns one of the sets that a network may name: "default", "light", "joined" or "test".
// "default" and "joined" are for private data, "light" is not; "test" is insecure and no node starts with it.
func Named(name string) (Params, error) {
	for _, lit := range namedSets {
		if lit.Name == name {
			return NewParams(lit)
		}
	}
	return Params{}, fmt.Errorf("parameters %q are unknown: use default, light or joined", name)
}

// NamedDepartments is the largest committee of a named set; false if there is no such set. It
// costs nothing, where Named derives the whole set.
func NamedDepartments(name string) (int, bool) {
	for _, lit := range namedSets {
		if lit.Name == name {
			return lit.Departments, true
		}
	}
	return 0, false
}

var namedSets = []Literal{
	{
		Name: "default", N: 1 << 13,
		Primes: []uint64{0x7ffffffffb4001, 0x7fffffffeac001, 0x7fffffffe90001},
		LogT:   44, FloodingBits: 111, Limbs: 4096, LimbBits: 38, Departments: 64,
	},
	{
		Name: "light", N: 1 << 12,
		Primes: []uint64{0x1ffffffffb4001, 0x1ffffffffa4001},
		LogT:   24, FloodingBits: 77, Limbs: 2048, LimbBits: 20, Departments: 15,
	},
	{
		Name: "joined", N: 1 << 13,
		Primes: []uint64{0x1ffffffffb4001, 0x1ffffffffa4001, 0x1ffffffff9c001, 0x1ffffffff38001},
		LogT:   62, FloodingBits: 141, Limbs: 4096, LimbBits: 44, Departments: 64,
	},
	{
		Name: "test", N: 1 << 10,
		Primes: []uint64{0x1ffffffffb4001, 0x1ffffffffa4001},
		LogT:   26, FloodingBits: 72, Limbs: 512, LimbBits: 20, Departments: 64, Insecure: true,
	},
}

// NewParams validates a literal: NTT-friendly distinct primes, the 128-bit limit unless the
// set is marked insecure, and the decryption condition of README section 1 with the flooding
// bound as the circuit enforces it and n the largest committee:
//
//	B_ct = 19·n·(2·N·n + 1),  n·B + B_ct + 38·n·N + n·t < ⌊Q/t⌋/2
func NewParams(lit Literal) (Params, error) {
	if err := lit.check(); err != nil {
		return Params{}, fmt.Errorf("parameters %q: %w", lit.Name, err)
	}
	p := Params{lit: lit, q: big.NewInt(1)}
	p.lit.Primes = append([]uint64(nil), lit.Primes...)
	for _, prime := range lit.Primes {
		p.q.Mul(p.q, new(big.Int).SetUint64(prime))
		p.residueB = max(p.residueB, (bits.Len64(prime)+7)/8)
	}
	if !lit.Insecure && p.q.BitLen() > securityLimit[lit.N] {
		return Params{}, fmt.Errorf("parameters %q: log2 Q = %d exceeds %d, the 128-bit limit at N = %d",
			lit.Name, p.q.BitLen(), securityLimit[lit.N], lit.N)
	}
	p.delta = new(big.Int).Rsh(p.q, uint(lit.LogT))
	if err := p.deriveNoise(); err != nil {
		return Params{}, fmt.Errorf("parameters %q: %w", lit.Name, err)
	}
	r, err := ring.NewRing(lit.N, p.lit.Primes)
	if err != nil {
		return Params{}, fmt.Errorf("parameters %q: %w", lit.Name, err)
	}
	p.ring = r
	p.garner = newGarner(p.lit.Primes, p.q)
	return p, nil
}

func (lit Literal) check() error {
	switch {
	case lit.N < MinDegree || lit.N > MaxDegree || lit.N&(lit.N-1) != 0:
		return fmt.Errorf("ring degree %d is not a power of two in [%d, %d]", lit.N, MinDegree, MaxDegree)
	case len(lit.Primes) < 1 || len(lit.Primes) > MaxPrimes:
		return fmt.Errorf("%d primes, allowed 1 to %d", len(lit.Primes), MaxPrimes)
	case lit.Limbs < lit.N/classesOf(lit.N) || lit.Limbs > lit.N/2 || lit.Limbs&(lit.Limbs-1) != 0:
		return fmt.Errorf("%d limbs, allowed %d/2, /4, … to /%d", lit.Limbs, lit.N, classesOf(lit.N))
	case lit.LimbBits < 1 || lit.LimbBits > MaxLimbBits:
		return fmt.Errorf("limb of %d bits, allowed 1 to %d", lit.LimbBits, MaxLimbBits)
	case lit.Departments < 1:
		return errors.New("no departments")
	case lit.LogT <= lit.LimbBits || lit.LogT > 62 || lit.Departments > 1<<(lit.LogT-lit.LimbBits):
		return fmt.Errorf("%d departments' limbs of %d bits wrap modulo t = 2^%d", lit.Departments, lit.LimbBits, lit.LogT)
	case lit.FloodingBits < 8 || lit.FloodingBits > 160:
		return fmt.Errorf("flooding of %d bits, allowed 8 to 160", lit.FloodingBits)
	}
	seen := map[uint64]bool{}
	for _, prime := range lit.Primes {
		ok := prime>>20 != 0 && prime>>60 == 0 && prime%uint64(2*lit.N) == 1 && !seen[prime]
		if !ok || !new(big.Int).SetUint64(prime).ProbablyPrime(0) {
			return fmt.Errorf("%#x is not a fresh prime of 21 to 60 bits that is 1 modulo 2N", prime)
		}
		seen[prime] = true
	}
	return nil
}

// deriveNoise computes B_ct, the decryption bound, λ = ⌊log2 B − log2(limbs·B_ct) − 1⌋ and how many
// bits of a share are dropped, and checks the decryption condition and that no relation wraps in
// the proofs' field.
func (p *Params) deriveNoise() error {
	n, N := big.NewInt(int64(p.lit.Departments)), big.NewInt(int64(p.lit.N))
	mul := func(xs ...*big.Int) *big.Int {
		z := big.NewInt(1)
		for _, x := range xs {
			z.Mul(z, x)
		}
		return z
	}
	inner := mul(big.NewInt(2), N, n)
	p.bct = mul(big.NewInt(ErrorBound), n, inner.Add(inner, big.NewInt(1)))
	p.noise = mul(n, p.Flooding())
	p.noise.Add(p.noise, p.bct).Add(p.noise, mul(big.NewInt(2*ErrorBound), n, N))
	need := new(big.Int).Add(p.noise, mul(n, p.T()))
	if need.Lsh(need, 1).Cmp(p.delta) >= 0 {
		return errors.New("noise could reach half of ⌊Q/t⌋: a sum might not decrypt")
	}
	// The largest term of a relation is N·Q/2, twice for the switched share; four more bits
	// cover the quotient and the rest.
	if p.q.BitLen()+bits.Len(uint(p.lit.N))+4 > 252 {
		return errors.New("a relation could wrap in the field of the proofs")
	}
	f, _ := new(big.Float).SetInt(mul(big.NewInt(int64(p.lit.Limbs)), p.bct)).Float64()
	p.lambda = int(math.Floor(float64(p.lit.FloodingBits) - math.Log2(f) - 1))
	p.dropped = max(0, p.q.BitLen()-8*p.wordSize())
	return nil
}

// Name is the name under which the set is announced.
func (p Params) Name() string { return p.lit.Name }

// N is the ring degree.
func (p Params) N() int { return p.lit.N }

// Primes lists the factors of Q, in the order of the encoding.
func (p Params) Primes() []uint64 { return append([]uint64(nil), p.lit.Primes...) }

// Q is the ciphertext modulus.
func (p Params) Q() *big.Int { return new(big.Int).Set(p.q) }

// T is the plaintext modulus 2^LogT.
func (p Params) T() *big.Int { return new(big.Int).Lsh(big.NewInt(1), uint(p.lit.LogT)) }

// Delta is ⌊Q/t⌋, the factor that carries a plaintext.
func (p Params) Delta() *big.Int { return new(big.Int).Set(p.delta) }

// Flooding is B: flooding noise is uniform in [-B, B).
func (p Params) Flooding() *big.Int {
	return new(big.Int).Lsh(big.NewInt(1), uint(p.lit.FloodingBits))
}

// NoiseBound is the largest absolute noise of a decrypted sum of at most n departments.
func (p Params) NoiseBound() *big.Int { return new(big.Int).Set(p.noise) }

// Limbs is how many plaintext limbs one ciphertext carries. Nothing is said, sent or decrypted of
// what C0 and H0 hold at coefficients without a limb.
func (p Params) Limbs() int { return p.lit.Limbs }

// Stride is the distance between two limbs: limb l is coefficient l·Stride() (README section 2).
func (p Params) Stride() int { return p.lit.N / p.lit.Limbs }

// Target is the coefficient at which a product's sum stands, that of the last limb (README section 10).
func (p Params) Target() int { return p.lit.N - p.Stride() }

// ProductChunks is how many ciphertexts one product is of at most: Limbs() positions each.
func (p Params) ProductChunks() int { return productChunks }

const productChunks = 8

// every picks coefficients 0, step, 2·step, ….
func (p Params) every(values []int64, step int) []int64 {
	out := make([]int64, 0, len(values)/step+1)
	for j := 0; j < len(values); j += step {
		out = append(out, values[j])
	}
	return out
}

// Classes is into how many polynomials in Z = X^Classes a polynomial in X is split: class r holds
// the coefficients r, r+Classes, … (README section 3).
func (p Params) Classes() int { return classesOf(p.lit.N) }

func classesOf(n int) int { return min(16, n/fours) }

// perClass is how many coefficients a class has.
func (p Params) perClass() int { return p.lit.N / p.Classes() }

// DroppedBits is how many low bits of each coefficient of a decryption share's first part are
// zero and not sent. They are below the flooding by 10 bits at least (README section 6).
func (p Params) DroppedBits() int { return p.dropped }

// wordSize is the bytes of a coefficient of a share's first part, without the bits dropped.
func (p Params) wordSize() int {
	return (p.q.BitLen() - max(0, p.lit.FloodingBits-10) + 7) / 8
}

// LimbBits is the width of one department's limb.
func (p Params) LimbBits() int { return p.lit.LimbBits }

// MaxDepartments is the largest committee for which the noise condition was checked.
func (p Params) MaxDepartments() int { return p.lit.Departments }

// Insecure tells that the set is for tests only.
func (p Params) Insecure() bool { return p.lit.Insecure }

// ForPrivateData reports whether the set may carry real people's data: it is secure and hides
// the noise by at least 64 bits. The light set is for demonstrations.
func (p Params) ForPrivateData() bool { return !p.lit.Insecure && p.lambda >= 64 }

// CiphertextLimit is how many ciphertexts an epoch may decrypt, 2^(λ+2−40), by each node's
// own count; 0 means no limit, for sets that are not for private data.
func (p Params) CiphertextLimit() uint64 {
	if !p.ForPrivateData() {
		return 0
	}
	return uint64(1) << min(p.lambda+2-40, 62)
}

// Ring is Lattigo's ring Z_Q[X]/(X^N+1) for this set.
func (p Params) Ring() *ring.Ring { return p.ring }

// describe is the canonical text of the set that statements are bound to.
func (p Params) describe() []byte {
	l := p.lit
	return fmt.Appendf(nil, "name=%s N=%d primes=%x logT=%d flooding=%d limbs=%d limbBits=%d departments=%d insecure=%t",
		l.Name, l.N, l.Primes, l.LogT, l.FloodingBits, l.Limbs, l.LimbBits, l.Departments, l.Insecure)
}
