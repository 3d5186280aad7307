package protocols

import (
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"math/big"

	"github.com/tuneinsight/lattigo/v5/ring"
	"github.com/tuneinsight/lattigo/v5/utils/sampling"

	"parley/circuits"
)

// errorSigma is the standard deviation of RLWE errors, truncated at circuits.ErrorBound.
const errorSigma = 3.2

// randomTernary draws n coefficients uniformly from {-1, 0, 1} from the operating system's
// generator: two bits each, the fourth pattern rejected.
func randomTernary(n int) ([]int64, error) {
	out := make([]int64, 0, n)
	buf := make([]byte, (n+2)/3+16)
	for len(out) < n {
		if _, err := rand.Read(buf); err != nil {
			return nil, fmt.Errorf("random source: %w", err)
		}
		for _, b := range buf {
			for shift := 0; shift < 8 && len(out) < n; shift += 2 {
				if v := b >> shift & 3; v < 3 {
					out = append(out, int64(v)-1)
				}
			}
		}
	}
	clear(buf)
	return out, nil
}

// randomErrors draws n coefficients from Lattigo's truncated discrete Gaussian. That sampler
// serves for errors of this width only; it cannot flood (README section 2).
func randomErrors(p circuits.Params, n int) ([]int64, error) {
	prng, err := sampling.NewPRNG()
	if err != nil {
		return nil, fmt.Errorf("random source: %w", err)
	}
	r := p.Ring().AtLevel(0)
	x := ring.NewGaussianSampler(prng, r, ring.DiscreteGaussian{Sigma: errorSigma, Bound: circuits.ErrorBound}, false).ReadNew()
	prime := r.ModuliChain()[0]
	out := make([]int64, n)
	for i, v := range x.Coeffs[0][:n] {
		out[i] = int64(v)
		if v > prime/2 {
			out[i] = -int64(prime - v)
		}
	}
	return out, nil
}

// randomFlooding draws n coefficients uniformly from [-B, B), B a power of two.
func randomFlooding(p circuits.Params, n int) ([]*big.Int, error) {
	bound := p.Flooding()
	width := bound.BitLen() // bits of 2B − 1
	buf := make([]byte, (width+7)/8)
	mask := byte(0xff >> (8*len(buf) - width))
	out := make([]*big.Int, n)
	for i := range out {
		if _, err := rand.Read(buf); err != nil {
			return nil, fmt.Errorf("random source: %w", err)
		}
		buf[0] &= mask
		out[i] = new(big.Int).SetBytes(buf)
		out[i].Sub(out[i], bound)
	}
	clear(buf)
	return out, nil
}

// multiply returns a·b in the ring, both and the result in the coefficient domain.
func multiply(p circuits.Params, a, b circuits.Poly) circuits.Poly {
	r := p.Ring()
	x, y := p.NewPoly(), p.NewPoly()
	r.NTT(a, x)
	r.NTT(b, y)
	r.MulCoeffsBarrett(x, y, x)
	r.INTT(x, x)
	return x
}

// add returns the sum of ring elements.
func add(p circuits.Params, first circuits.Poly, rest ...circuits.Poly) circuits.Poly {
	sum := *first.CopyNew()
	for _, x := range rest {
		p.Ring().Add(sum, x, sum)
	}
	return sum
}

// SecretKey is a ternary secret: a department's share of the collective key, or an analyst's
// key for one query.
type SecretKey struct{ s []int64 }

// String never shows the secret.
func (SecretKey) String() string { return "secret key (redacted)" }

// GoString never shows the secret.
func (SecretKey) GoString() string { return "secret key (redacted)" }

// MarshalBinary packs four coefficients a byte, for the journal or for an opening.
func (k SecretKey) MarshalBinary() ([]byte, error) {
	out := make([]byte, len(k.s)/4)
	for i, v := range k.s {
		out[i/4] |= byte(v+1) << (2 * (i % 4))
	}
	return out, nil
}

// ParseSecretKey reads exactly one packed secret for the parameter set. The fourth bit
// pattern is refused, so the encoding is the only one and the secret is ternary.
func ParseSecretKey(p circuits.Params, b []byte) (SecretKey, error) {
	if len(b) != p.N()/4 {
		return SecretKey{}, fmt.Errorf("secret key of %d bytes, want %d", len(b), p.N()/4)
	}
	k := SecretKey{s: make([]int64, p.N())}
	for i := range k.s {
		v := b[i/4] >> (2 * (i % 4)) & 3
		if v == 3 {
			return SecretKey{}, fmt.Errorf("secret key: coefficient %d is not ternary", i)
		}
		k.s[i] = int64(v) - 1
	}
	return k, nil
}

// Erase overwrites the secret.
func (k SecretKey) Erase() { clear(k.s) }

// keySeed is the seed of a public random element: a tag and what it belongs to.
func keySeed(tag string, parts ...[]byte) []byte {
	seed := []byte(tag)
	for _, part := range parts {
		seed = binary.BigEndian.AppendUint32(seed, uint32(len(part)))
		seed = append(seed, part...)
	}
	return seed
}
