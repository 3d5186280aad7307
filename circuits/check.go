package circuits

import (
	"crypto/rand"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/consensys/gnark-crypto/ecc"
	bn254 "github.com/consensys/gnark-crypto/ecc/bn254"
	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
	"github.com/consensys/gnark-crypto/ecc/bn254/fr/fft"
	"github.com/consensys/gnark-crypto/utils"
	groth16 "github.com/consensys/gnark/backend/groth16/bn254"
	"github.com/consensys/gnark/constraint"
)

// weightBytes is the length of a random weight of the check: 128 bits.
const weightBytes = 16

// check reports whether a key is the one of this constraint system for some τ, α, β, γ, δ and σ,
// whoever made it (README section 7). Under such a key, whose mask has a base, a proof shows
// nothing but that the statement is true, and an honest witness always gives a proof that
// verifies: neither the proof nor its absence tells anything about the witness. It says nothing
// about who knows τ. A wrong key passes with probability at most 2^-128. About 0.1 ms of
// processor time a constraint.
func (sys *system) check(l *layout, h *provingHalf, vk *groth16.VerifyingKey) error {
	if err := l.checkShape(h, vk); err != nil {
		return err
	}
	if err := l.checkPoints(h, vk); err != nil {
		return err
	}
	return sys.checkEquations(l, h, vk)
}

// checkShape compares numbers of points, flags and what is held twice.
func (l *layout) checkShape(h *provingHalf, vk *groth16.VerifyingKey) error {
	pk := &h.key
	if len(pk.CommitmentKeys) != 2 || len(vk.CommitmentKeys) != 2 {
		return errors.New("the key has not two commitments")
	}
	for _, s := range l.sides(h) {
		if len(*s.points) != s.length {
			return fmt.Errorf("%s: %d points, want %d", s.name, len(*s.points), s.length)
		}
	}
	_, _, g1, _ := bn254.Generators()
	domain := fft.NewDomain(l.domain.Cardinality)
	switch {
	case len(pk.G2.B) != l.b || len(vk.G1.K) != l.publics+2:
		return errors.New("side B in G2 or the verifier's K has a wrong number of points")
	case pk.Domain.Cardinality != domain.Cardinality || pk.Domain.CardinalityInv != domain.CardinalityInv ||
		pk.Domain.Generator != domain.Generator || pk.Domain.GeneratorInv != domain.GeneratorInv ||
		pk.Domain.FrMultiplicativeGen != domain.FrMultiplicativeGen || pk.Domain.FrMultiplicativeGenInv != domain.FrMultiplicativeGenInv:
		return errors.New("the key's domain is not the circuit's")
	case !slices.Equal(pk.InfinityA, l.infinityA) || pk.NbInfinityA != uint64(l.wires-l.a) ||
		!slices.Equal(pk.InfinityB, l.infinityB) || pk.NbInfinityB != uint64(l.wires-l.b):
		return errors.New("the key's absent wires are not the circuit's")
	case h.powers.tau[0] != g1:
		return errors.New("the first power of τ is not the generator")
	case pk.G1.Alpha != h.powers.alpha[0] || vk.G1.Alpha != h.powers.alpha[0]:
		return errors.New("α is not one")
	case pk.G1.Beta != h.powers.beta[0] || pk.G2.Beta != vk.G2.Beta:
		return errors.New("β is not one")
	case pk.G2.Delta != vk.G2.Delta:
		return errors.New("δ is not one")
	case vk.CommitmentKeys[0].G != vk.CommitmentKeys[1].G:
		return errors.New("the commitments' base is not one")
	case vk.CommitmentKeys[0].GSigmaNeg == vk.CommitmentKeys[1].GSigmaNeg:
		return errOneSigma
	}
	return nil
}

// checkPoints finds points that are not on their curve or not in their subgroup, and those at
// infinity. An honest key has none but K of a wire that stands in no constraint. Without a base
// for the mask the commitment would not hide; without δ neither A nor B would. A τ in the domain
// makes a constraint system of one constraint.
func (l *layout) checkPoints(h *provingHalf, vk *groth16.VerifyingKey) error {
	for i := range h.key.CommitmentKeys {
		if h.key.CommitmentKeys[i].Basis[l.mask(i)].IsInfinity() {
			return errors.New("the mask of a commitment has no base: the commitment would show what it hides")
		}
	}
	for _, s := range l.sides(h) {
		if bad := outside(*s.points, true); bad >= 0 {
			return fmt.Errorf("%s, point %d: at infinity or not on the curve", s.name, bad)
		}
	}
	if outside(vk.G1.K, false) >= 0 || outside([]bn254.G1Affine{h.key.G1.Delta}, true) >= 0 {
		return errors.New("δ or the verifier's K is not on the curve or at infinity")
	}
	if bad := outside(h.key.G2.B, true); bad >= 0 {
		return fmt.Errorf("side B in G2, point %d: at infinity, not on the curve or not in the subgroup", bad)
	}
	single := []bn254.G2Affine{h.powers.tauG2}
	for _, p := range pointsG2(vk) {
		single = append(single, *p)
	}
	if bad := outside(single, true); bad >= 0 {
		return fmt.Errorf("%s in G2: at infinity, not on the curve or not in the subgroup",
			[]string{"τ", "β", "γ", "δ", "the commitments' base", "the base times the first σ", "the base times the second σ"}[bad])
	}
	if h.powers.tau[l.n()] == h.powers.tau[0] {
		return errors.New("τ is in the domain: all constraints but one would have no weight")
	}
	return nil
}

// outside is the index of a point that is not one of its group's, or is at infinity where none
// may be; -1 if there is none.
func outside[T any, P interface {
	*T
	IsInfinity() bool
	IsOnCurve() bool
	IsInSubGroup() bool
}](points []T, finite bool) int {
	var bad atomic.Int64
	bad.Store(-1)
	split(len(points), func(from, to int) {
		for i := from; i < to && bad.Load() < 0; i++ {
			p := P(&points[i])
			if p.IsInfinity() {
				if finite {
					bad.Store(int64(i))
				}
			} else if !p.IsOnCurve() || !p.IsInSubGroup() {
				bad.Store(int64(i))
			}
		}
	})
	return int(bad.Load())
}

// split runs f over [0, n) in parts, one a processor.
func split(n int, f func(from, to int)) {
	parts := min(runtime.GOMAXPROCS(0), n)
	var wait sync.WaitGroup
	for part := range parts {
		wait.Go(func() { f(n*part/parts, n*(part+1)/parts) })
	}
	wait.Wait()
}

// equation is the sides of the one equation that checkEquations builds, by what each is paired
// with.
type equation struct {
	one, tau, delta, gamma, base bn254.G1Jac    // paired with [1]₂, [τ]₂, [δ]₂, [γ]₂, G
	sigma                        [2]bn254.G1Jac // with −σG of each commitment
	first                        bn254.G2Jac    // with [1]₁
	failed                       error
}

func (e *equation) add(to *bn254.G1Jac, points []bn254.G1Affine, weights []fr.Element) {
	var sum bn254.G1Jac
	if len(points) == 0 || e.failed != nil {
		return
	}
	if _, err := sum.MultiExp(points, weights, ecc.MultiExpConfig{}); err != nil {
		e.failed = err
		return
	}
	to.AddAssign(&sum)
}

// checkEquations checks all that must hold between the points as one equation of pairings. Each
// point's own equation is linear over the pairing; each is taken with a random weight of its own.
func (sys *system) checkEquations(l *layout, h *provingHalf, vk *groth16.VerifyingKey) error {
	var e equation
	pk, n := &h.key, l.n()

	// A, B and K of every wire against the powers. By constraint, the weights of the wires in it
	// make the values of three polynomials on the domain.
	weightA, weightB, weightK := weights(l.wires), weights(l.wires), weights(l.wires)
	e.add(&e.one, pk.G1.A, present(weightA, l.infinityA))
	e.add(&e.one, pk.G1.B, present(weightB, l.infinityB))
	var byKind [verifierWire + 1][]fr.Element
	for wire := range l.wires {
		kind := l.kind(wire)
		byKind[kind] = append(byKind[kind], weightK[wire])
	}
	e.add(&e.gamma, vk.G1.K, byKind[verifierWire])
	e.add(&e.delta, pk.G1.K, byKind[privateWire])
	for i := range pk.CommitmentKeys {
		e.add(&e.gamma, pk.CommitmentKeys[i].Basis, byKind[i])
	}
	onTau, onAlpha, onBeta := sys.rows(l, weightA, weightB, weightK)
	onTau = append(onTau, make([]fr.Element, n-1)...) // to 2n − 1

	// Z: δ·Z_i = τ^i·(τ^n − 1), in the order of bits reversed.
	w := append(weights(n-1), fr.Element{})
	e.add(&e.delta, pk.G1.Z, w[:n-1])
	utils.BitReverse(w)
	for i := range n - 1 {
		onTau[i].Add(&onTau[i], &w[i])
		onTau[n+i].Sub(&onTau[n+i], &w[i])
	}

	// The powers are powers: each is τ times the one before.
	e.chain(h.powers.tau, onTau)
	e.chain(h.powers.alpha, onAlpha)
	e.chain(h.powers.beta, onBeta)

	// A commitment's second bases are its σ times the first.
	for i := range pk.CommitmentKeys {
		w = weights(l.committed[i])
		e.add(&e.base, pk.CommitmentKeys[i].BasisExpSigma, w)
		e.add(&e.sigma[i], pk.CommitmentKeys[i].Basis, w)
	}

	// B, β and δ are the same in both groups.
	w = weights(l.b + 2)
	if _, err := e.first.MultiExp(append(append([]bn254.G2Affine{}, pk.G2.B...), pk.G2.Beta, pk.G2.Delta), w, ecc.MultiExpConfig{}); err != nil {
		return err
	}
	for i := range w {
		w[i].Neg(&w[i])
	}
	e.add(&e.one, append(append([]bn254.G1Affine{}, pk.G1.B...), pk.G1.Beta, pk.G1.Delta), w)
	return e.holds(h, vk)
}

// chain adds powers with the weights given, and that each is τ times the one before it.
func (e *equation) chain(points []bn254.G1Affine, given []fr.Element) {
	last := len(points) - 1
	w := weights(last)
	for i := range w {
		given[i+1].Add(&given[i+1], &w[i])
		w[i].Neg(&w[i])
	}
	e.add(&e.one, points, given)
	e.add(&e.tau, points[:last], w)
}

func (e *equation) holds(h *provingHalf, vk *groth16.VerifyingKey) error {
	if e.failed != nil {
		return e.failed
	}
	_, _, g1, g2 := bn254.Generators()
	left := bn254.BatchJacobianToAffineG1([]bn254.G1Jac{e.one, e.tau, e.delta, e.gamma, e.base, e.sigma[0], e.sigma[1]})
	var first bn254.G2Affine
	first.FromJacobian(&e.first)
	ok, err := bn254.PairingCheck(append(left, g1),
		[]bn254.G2Affine{g2, h.powers.tauG2, vk.G2.Delta, vk.G2.Gamma, vk.CommitmentKeys[0].G,
			vk.CommitmentKeys[0].GSigmaNeg, vk.CommitmentKeys[1].GSigmaNeg, first})
	if err != nil {
		return err
	}
	if !ok {
		return errors.New("the points of the key do not belong to this circuit")
	}
	return nil
}

// rows gives the coefficients of Σ over constraints of (weights · row)·L_c on the powers of τ, ατ
// and βτ, negated: what A, B and K must be equal to.
func (sys *system) rows(l *layout, weightA, weightB, weightK []fr.Element) (onTau, onAlpha, onBeta []fr.Element) {
	n := l.n()
	onTau, onAlpha, onBeta = make([]fr.Element, n, 2*n-1), make([]fr.Element, n), make([]fr.Element, n)
	add := func(to *fr.Element, e constraint.LinearExpression, weights []fr.Element) {
		for _, t := range e {
			var v fr.Element
			v.Mul(&sys.r1cs.Coefficients[t.CoeffID()], &weights[t.WireID()])
			to.Sub(to, &v)
		}
	}
	iterator := sys.r1cs.GetR1CIterator()
	row := 0
	for r := iterator.Next(); r != nil; r = iterator.Next() {
		add(&onTau[row], r.L, weightA)
		add(&onTau[row], r.R, weightB)
		add(&onTau[row], r.O, weightK)
		add(&onBeta[row], r.L, weightK)
		add(&onAlpha[row], r.R, weightK)
		row++
	}
	for _, values := range [][]fr.Element{onTau, onAlpha, onBeta} {
		l.domain.FFTInverse(values, fft.DIF)
		utils.BitReverse(values)
	}
	return onTau, onAlpha, onBeta
}

// weights are fresh for each use, of crypto/rand, unknown to whoever made the key.
func weights(count int) []fr.Element {
	out := make([]fr.Element, count)
	raw := make([]byte, weightBytes*count)
	rand.Read(raw) // never fails (crypto/rand)
	for i := range out {
		out[i].SetBytes(raw[weightBytes*i : weightBytes*(i+1)])
	}
	return out
}
