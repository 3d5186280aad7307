package privacy

import (
	"errors"
	"io"
	"math/big"
)

// maxTries bounds the candidates that one draw looks at. Each is taken with a probability above a tenth, so that no
// randomness that deserves the name runs out of them.
const maxTries = 1 << 16

var errRandom = errors.New("the source of randomness gives nothing that a number is made of")

// Gaussian draws an integer x with a probability proportional to exp(−x²/(2σ²)), exactly, with σ² = variance above 0:
// algorithm 3 of Canonne, Kamath and Steinke (arXiv 2004.00010). No float is used, and how long it takes does not
// depend on what it draws but for how often a candidate is thrown away. README section 3.
func Gaussian(random io.Reader, variance *big.Rat) (*big.Int, error) {
	if variance.Sign() <= 0 {
		return nil, errors.New("a variance is above 0")
	}
	s := sampler{random: random}
	// t is the whole part of σ, and 1.
	t := new(big.Int).Sqrt(new(big.Int).Quo(variance.Num(), variance.Denom()))
	t.Add(t, big.NewInt(1))
	// A candidate x is taken with probability exp(−(|x| − σ²/t)²/(2σ²)).
	num, denom := variance.Num(), variance.Denom()
	for range maxTries {
		x := s.laplace(t)
		if s.err != nil {
			return nil, s.err
		}
		// |x| − σ²/t = (|x|·t·denom − num)/(t·denom), and that squared over 2·num/denom.
		gap := new(big.Int).Abs(x)
		gap.Mul(gap, t).Mul(gap, denom).Sub(gap, num)
		gap.Mul(gap, gap)
		under := new(big.Int).Mul(t, t)
		under.Mul(under, denom).Mul(under, num).Lsh(under, 1)
		if taken := s.exponential(gap, under); s.err != nil {
			return nil, s.err
		} else if taken {
			return x, nil
		}
	}
	return nil, errRandom
}

// sampler draws from randomness; after an error it gives nothing of use.
type sampler struct {
	random io.Reader
	err    error
}

// below draws evenly from 0 to n − 1; n is above 0.
func (s *sampler) below(n *big.Int) *big.Int {
	most := new(big.Int).Sub(n, big.NewInt(1))
	raw := make([]byte, (most.BitLen()+7)/8)
	for range maxTries {
		if _, err := io.ReadFull(s.random, raw); err != nil {
			s.err = err
			return new(big.Int)
		}
		x := new(big.Int).SetBytes(raw)
		if over := len(raw)*8 - most.BitLen(); over > 0 {
			x.Rsh(x, uint(over))
		}
		if x.Cmp(n) < 0 {
			return x
		}
	}
	s.err = errRandom
	return new(big.Int)
}

// bernoulli is true with probability p/q, at most 1.
func (s *sampler) bernoulli(p, q *big.Int) bool { return s.below(q).Cmp(p) < 0 }

// exponential is true with probability exp(−p/q); p is not negative, q above 0. Algorithm 1.
func (s *sampler) exponential(p, q *big.Int) bool {
	whole, rest := new(big.Int).QuoRem(p, q, new(big.Int))
	one := big.NewInt(1)
	// exp(−1) once for each whole; the first that fails decides, so that a large one does not take long.
	for i := new(big.Int); i.Cmp(whole) < 0; i.Add(i, one) {
		if !s.fraction(one, one) {
			return false
		}
	}
	return s.fraction(rest, q)
}

// fraction is exponential of p/q between 0 and 1.
func (s *sampler) fraction(p, q *big.Int) bool {
	under := new(big.Int).Set(q)
	for k := 1; k < maxTries; k++ {
		if !s.bernoulli(p, under) || s.err != nil { // with probability p/(q·k)
			return s.err == nil && k%2 == 1
		}
		under.Add(under, q)
	}
	s.err = errRandom
	return false
}

// laplace draws x with a probability proportional to exp(−|x|/t). Algorithm 2.
func (s *sampler) laplace(t *big.Int) *big.Int {
	one := big.NewInt(1)
	for range maxTries {
		u := s.below(t)
		if !s.exponential(u, t) {
			if s.err != nil {
				return nil
			}
			continue
		}
		v := int64(0)
		for s.fraction(one, one) {
			if v++; v > maxTries {
				s.err = errRandom
			}
		}
		x := new(big.Int).Mul(t, big.NewInt(v))
		x.Add(x, u)
		negative := s.below(big.NewInt(2)).Sign() > 0
		switch {
		case s.err != nil:
			return nil
		case negative && x.Sign() == 0: // 0 would come twice as often
			continue
		case negative:
			x.Neg(x)
		}
		return x
	}
	s.err = errRandom
	return nil
}
