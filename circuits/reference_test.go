package circuits

import (
	"errors"
	"math/big"
	"slices"
	"testing"
)

// The plain reference of the relations: schoolbook products of big integers modulo
// X^N+1 and Q, and bounds by comparison. It shares nothing with the circuit.

func refPoly(p Params, x Poly) []*big.Int {
	out := make([]*big.Int, p.N())
	m := make([]*big.Int, len(p.Primes()))
	for i, q := range p.Primes() {
		prime := new(big.Int).SetUint64(q)
		rest := new(big.Int).Div(p.Q(), prime)
		m[i] = rest.Mul(rest, new(big.Int).ModInverse(rest, prime))
	}
	for j := range out {
		out[j] = new(big.Int)
		for i := range m {
			out[j].Add(out[j], new(big.Int).Mul(m[i], new(big.Int).SetUint64(x.Coeffs[i][j])))
		}
		out[j].Mod(out[j], p.Q())
	}
	return out
}

func refSmall(p Params, v []int64) []*big.Int {
	out := make([]*big.Int, p.N())
	for j := range out {
		out[j] = new(big.Int)
		if j < len(v) {
			out[j].SetInt64(v[j])
		}
	}
	return out
}

func refSpread(p Params, v []int64, step int) []*big.Int {
	out := refSmall(p, nil)
	for i := range v {
		out[i*step].SetInt64(v[i])
	}
	return out
}

func refMul(a, b []*big.Int) []*big.Int {
	n := len(a)
	out := refSmall(Params{lit: Literal{N: n}}, nil)
	for i := range a {
		for j := range b {
			t := new(big.Int).Mul(a[i], b[j])
			if i+j < n {
				out[i+j].Add(out[i+j], t)
			} else {
				out[i+j-n].Sub(out[i+j-n], t)
			}
		}
	}
	return out
}

func refAdd(polys ...[]*big.Int) []*big.Int {
	out := refSmall(Params{lit: Literal{N: len(polys[0])}}, nil)
	for _, x := range polys {
		for j := range x {
			out[j].Add(out[j], x[j])
		}
	}
	return out
}

// refEqual compares every step-th coefficient modulo Q.
func refEqual(p Params, a, b []*big.Int, step int) bool {
	for j := 0; j < len(a); j += step {
		d := new(big.Int).Sub(a[j], b[j])
		if d.Mod(d, p.Q()).Sign() != 0 {
			return false
		}
	}
	return true
}

func refScale(c *big.Int, a []*big.Int) []*big.Int {
	out := make([]*big.Int, len(a))
	for j := range a {
		out[j] = new(big.Int).Mul(c, a[j])
	}
	return out
}

func refBound(v []int64, bound int64) bool {
	for _, x := range v {
		if x > bound || x < -bound {
			return false
		}
	}
	return true
}

func refKeyShare(p Params, a, pk Poly, s, e []int64, step int) bool {
	as := refMul(refPoly(p, a), refSmall(p, s))
	return refBound(s, 1) && refBound(e, ErrorBound) &&
		refEqual(p, refPoly(p, pk), refAdd(refScale(big.NewInt(-1), as), refSpread(p, e, step)), step)
}

func reference(p Params, x Instance, secret Secret) bool {
	keyShare := func(a, pk Poly, s, e []int64, step int) bool { return refKeyShare(p, a, pk, s, e, step) }
	switch x := x.(type) {
	case KeyShare:
		w := secret.(KeyShareSecret)
		return keyShare(x.A, x.P, w.S, w.E, 1)
	case Contribution:
		w := secret.(ContributionSecret)
		for i := range w.M {
			if w.M[i] < x.Lo[i] || w.M[i] > x.Hi[i] {
				return false
			}
		}
		u := refSmall(p, w.U)
		c0 := refAdd(refMul(refPoly(p, x.PK0), u), refSpread(p, w.E0, p.Stride()), refScale(p.Delta(), refSpread(p, w.M, p.Stride())))
		c1 := refAdd(refMul(refPoly(p, x.PK1), u), refSmall(p, w.E1))
		return refBound(w.U, 1) && refBound(w.E0, ErrorBound) && refBound(w.E1, ErrorBound) &&
			refEqual(p, refPoly(p, x.C0), c0, p.Stride()) && refEqual(p, refPoly(p, x.C1), c1, 1)
	case DecryptionShare:
		w := secret.(DecryptionShareSecret)
		for _, f := range w.F0 {
			if f.Cmp(p.Flooding()) >= 0 || f.CmpAbs(p.Flooding()) > 0 {
				return false
			}
		}
		v := refSmall(p, w.V)
		f0 := refSmall(p, nil)
		for l, f := range w.F0 {
			f0[l*p.Stride()] = f
		}
		h0 := refAdd(refMul(refPoly(p, x.C1), refSmall(p, w.S)), refMul(refPoly(p, x.PKA0), v), f0)
		h1 := refAdd(refMul(refPoly(p, x.PKA1), v), refSmall(p, w.F1))
		return keyShare(x.A, x.P, w.S, w.E, p.Classes()) && refBound(w.V, 1) && refBound(w.F1, ErrorBound) &&
			refEqual(p, refPoly(p, x.H0), h0, p.Stride()) && refEqual(p, refPoly(p, x.H1), h1, 1)
	}
	return joinReference(p, x, secret)
}

// TestReferenceAgrees: the circuit accepts exactly what the plain relation accepts, over the
// honest cases and every forgery.
func TestReferenceAgrees(t *testing.T) {
	p := tiny(t)
	l, k, cases := newLattigo(t, p), keysFor(t, p), honestCases(t, p)
	all := map[string]honest{}
	for s, h := range cases {
		all[s.String()] = h
	}
	for _, f := range slices.Concat(forgeries(), joinForgeries()) {
		all[f.name] = f.forge(l, cases)
	}
	for name, h := range all {
		_, err := k.Prove(testBinding(), h.instance, h.secret)
		if err != nil && !errors.Is(err, ErrWitness) {
			t.Fatalf("%s: %v", name, err)
		}
		if want := reference(p, h.instance, h.secret); want != (err == nil) {
			t.Errorf("%s: reference %t, circuit: %v", name, want, err)
		}
	}
}
