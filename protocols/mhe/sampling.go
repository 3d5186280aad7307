package mhe

import (
	"crypto/rand"
	"fmt"
	"io"
	"math/big"

	"github.com/tuneinsight/lattigo/v5/ring"
	"github.com/tuneinsight/lattigo/v5/utils/sampling"

	"parley/circuits"
)

// errorSigma is the standard deviation of RLWE errors, truncated at circuits.ErrorBound.
const errorSigma = 3.2

// randomTernary draws n coefficients uniformly from {-1, 0, 1} from the operating system's
// generator.
func randomTernary(n int) ([]int64, error) {
	out, err := ternaryFrom(rand.Reader, n)
	if err != nil {
		return nil, fmt.Errorf("random source: %w", err)
	}
	return out, nil
}

// ternaryFrom draws n coefficients from a stream of random bytes: two bits each, the fourth pattern rejected.
func ternaryFrom(stream io.Reader, n int) ([]int64, error) {
	out := make([]int64, 0, n)
	buf := make([]byte, (n+2)/3+16)
	for len(out) < n {
		if _, err := io.ReadFull(stream, buf); err != nil {
			return nil, err
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
// serves for errors of this width only; it cannot flood (protocols/README.md, section 2).
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

// randomFlooding draws n coefficients uniformly from [-B + 2^DroppedBits, B), B a power of two, so
// that what rounding takes off leaves them above -B.
func randomFlooding(p circuits.Params, n int) ([]*big.Int, error) {
	out, err := floodingFrom(p, rand.Reader, n)
	if err != nil {
		return nil, fmt.Errorf("random source: %w", err)
	}
	return out, nil
}

// floodingFrom is randomFlooding from a stream of random bytes.
func floodingFrom(p circuits.Params, stream io.Reader, n int) ([]*big.Int, error) {
	bound := p.Flooding()
	lowest := new(big.Int).Sub(new(big.Int).Lsh(big.NewInt(1), uint(p.DroppedBits())), bound)
	width := bound.BitLen() // bits of 2B − 1
	buf := make([]byte, (width+7)/8)
	mask := byte(0xff >> (8*len(buf) - width))
	out := make([]*big.Int, n)
	for i := 0; i < n; {
		if _, err := io.ReadFull(stream, buf); err != nil {
			return nil, err
		}
		buf[0] &= mask
		out[i] = new(big.Int).SetBytes(buf)
		if out[i].Sub(out[i], bound); out[i].Cmp(lowest) >= 0 {
			i++
		}
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
