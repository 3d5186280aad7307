package circuits

import (
	"math/big"

	bn254 "github.com/consensys/gnark-crypto/ecc/bn254"
	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
	"github.com/consensys/gnark-crypto/ecc/bn254/fr/pedersen"
	"github.com/consensys/gnark-crypto/utils"
	groth16 "github.com/consensys/gnark/backend/groth16/bn254"
	"github.com/consensys/gnark/constraint"
)

type pedersenKey = pedersen.ProvingKey

// toxic is what nobody may know who is not trusted with everything that is proven: with it one
// can forge, and with keys made of a bad one, read.
type toxic struct {
	tau, alpha, beta, gamma, delta, base fr.Element
	sigma                                [2]fr.Element
}

func (w *toxic) all() []*fr.Element {
	return []*fr.Element{&w.tau, &w.alpha, &w.beta, &w.gamma, &w.delta, &w.base, &w.sigma[0], &w.sigma[1]}
}

// draw takes each from crypto/rand, none zero, and τ outside the domain of n.
func (w *toxic) draw(n int) error {
	for _, e := range w.all() {
		for e.IsZero() {
			if _, err := e.SetRandom(); err != nil {
				return err
			}
		}
	}
	var vanishing fr.Element
	if vanishing.Exp(w.tau, big.NewInt(int64(n))); vanishing.IsOne() {
		w.tau.SetZero()
		return w.draw(n)
	}
	return nil
}

func (w *toxic) erase() {
	for _, e := range w.all() {
		e.SetZero()
	}
}

// setup makes a key of its own randomness, which it erases. gnark's own setup makes no powers.
// About 0.1 ms of processor time a constraint.
func (sys *system) setup(l *layout) (*provingHalf, *groth16.VerifyingKey, error) {
	var w toxic
	if err := w.draw(l.n()); err != nil {
		return nil, nil, err
	}
	defer w.erase()
	return sys.setupWith(l, &w)
}

func (sys *system) setupWith(l *layout, w *toxic) (*provingHalf, *groth16.VerifyingKey, error) {
	_, _, g1, g2 := bn254.Generators()
	a, b, c := sys.columns(l, &w.tau)
	h, vk := &provingHalf{}, &groth16.VerifyingKey{}
	sides := l.sides(h)
	scalars, verifier := l.scalars(w, a, b, c)
	count := 0
	for i := range sides {
		count += len(scalars[i])
	}
	// One batch shares the table of the generator's multiples.
	all := make([]fr.Element, 0, count+len(verifier))
	for i := range sides {
		all = append(all, scalars[i]...)
	}
	all = append(all, verifier...)
	points := multiplesG1(g1, all)
	clear(all)
	for i := range sides {
		*sides[i].points, points = points[:len(scalars[i]):len(scalars[i])], points[len(scalars[i]):]
		clear(scalars[i])
	}
	vk.G1.K, h.key.G1.Delta = points[:l.publics+2:l.publics+2], points[l.publics+2]

	second := append(present(b, l.infinityB), w.beta, w.gamma, w.delta, w.tau, w.base)
	for i := range w.sigma {
		var sigma fr.Element
		second = append(second, *sigma.Mul(&w.sigma[i], &w.base).Neg(&sigma))
	}
	points2 := multiplesG2(g2, second)
	clear(second)
	h.key.G2.B, points2 = points2[:l.b:l.b], points2[l.b:]
	vk.G2.Beta, vk.G2.Gamma, vk.G2.Delta, h.powers.tauG2 = points2[0], points2[1], points2[2], points2[3]
	vk.CommitmentKeys = []pedersen.VerifyingKey{{G: points2[4], GSigmaNeg: points2[5]}, {G: points2[4], GSigmaNeg: points2[6]}}
	vk.G1.Alpha = h.powers.alpha[0]
	l.complete(h, vk)
	return h, vk, nil
}

// scalars are the discrete logarithms of the points in G1: those of the file, side by side, and
// those of the verifier's K with δ.
func (l *layout) scalars(w *toxic, a, b, c []fr.Element) (sides [][]fr.Element, verifier []fr.Element) {
	n := l.n()
	one := fr.One()
	tau := geometric(&one, &w.tau, 2*n-1)
	var gamma, delta fr.Element
	gamma.Inverse(&w.gamma)
	delta.Inverse(&w.delta)
	z := make([]fr.Element, n)
	vanishing := vanishingAt(l, &w.tau)
	vanishing.Mul(&vanishing, &delta)
	for i := range z {
		z[i].Mul(&tau[i], &vanishing)
	}
	utils.BitReverse(z) // the order in which the prover's inverse transform leaves the quotient
	var private []fr.Element
	var bases, second [2][]fr.Element
	for wire := range l.wires {
		var k, t fr.Element
		k.Mul(&w.beta, &a[wire]).Add(&k, t.Mul(&w.alpha, &b[wire])).Add(&k, &c[wire])
		switch kind := l.kind(wire); kind {
		case verifierWire:
			verifier = append(verifier, *k.Mul(&k, &gamma))
		case privateWire:
			private = append(private, *k.Mul(&k, &delta))
		default:
			k.Mul(&k, &gamma)
			bases[kind] = append(bases[kind], k)
			second[kind] = append(second[kind], *t.Mul(&k, &w.sigma[kind]))
		}
	}
	return [][]fr.Element{tau, geometric(&w.alpha, &w.tau, n), geometric(&w.beta, &w.tau, n),
		present(a, l.infinityA), present(b, l.infinityB), z[:n-1], private,
		bases[0], bases[1], second[0], second[1]}, append(verifier, w.delta)
}

// geometric is first, first·ratio, first·ratio², …
func geometric(first, ratio *fr.Element, length int) []fr.Element {
	out := make([]fr.Element, length)
	out[0] = *first
	for i := 1; i < length; i++ {
		out[i].Mul(&out[i-1], ratio)
	}
	return out
}

// present leaves out what is absent.
func present[T any](all []T, absent []bool) []T {
	var out []T
	for i := range all {
		if !absent[i] {
			out = append(out, all[i])
		}
	}
	return out
}

func vanishingAt(l *layout, tau *fr.Element) (v fr.Element) {
	one := fr.One()
	v.Exp(*tau, new(big.Int).SetUint64(l.domain.Cardinality))
	return *v.Sub(&v, &one)
}

// lagrange evaluates the domain's Lagrange polynomials at τ, one a constraint. Where τ is in the
// domain one is 1 and the others are 0.
func (l *layout) lagrange(tau *fr.Element, constraints int) []fr.Element {
	one := fr.One()
	points := geometric(&one, &l.domain.Generator, constraints)
	below := make([]fr.Element, constraints)
	for i := range below {
		below[i].Sub(tau, &points[i])
		if below[i].IsZero() {
			out := make([]fr.Element, constraints)
			out[i].SetOne()
			return out
		}
	}
	below = fr.BatchInvert(below)
	factor := vanishingAt(l, tau)
	factor.Mul(&factor, &l.domain.CardinalityInv)
	for i := range below {
		below[i].Mul(&below[i], &points[i]).Mul(&below[i], &factor)
	}
	return below
}

// columns evaluates at τ every wire's polynomial on the left, on the right and on the other side.
func (sys *system) columns(l *layout, tau *fr.Element) (a, b, c []fr.Element) {
	a, b, c = make([]fr.Element, l.wires), make([]fr.Element, l.wires), make([]fr.Element, l.wires)
	lagrange := l.lagrange(tau, sys.r1cs.GetNbConstraints())
	add := func(column []fr.Element, e constraint.LinearExpression, at *fr.Element) {
		for _, t := range e {
			var v fr.Element
			v.Mul(&sys.r1cs.Coefficients[t.CoeffID()], at)
			column[t.WireID()].Add(&column[t.WireID()], &v)
		}
	}
	iterator := sys.r1cs.GetR1CIterator()
	row := 0
	for r := iterator.Next(); r != nil; r = iterator.Next() {
		add(a, r.L, &lagrange[row])
		add(b, r.R, &lagrange[row])
		add(c, r.O, &lagrange[row])
		row++
	}
	return a, b, c
}
