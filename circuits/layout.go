package circuits

import (
	bn254 "github.com/consensys/gnark-crypto/ecc/bn254"
	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
	"github.com/consensys/gnark-crypto/ecc/bn254/fr/fft"
	groth16 "github.com/consensys/gnark/backend/groth16/bn254"
	"github.com/consensys/gnark/constraint"
)

// powers let the holder of a key check it against the constraint system. n is the size of the
// domain.
type powers struct {
	tau   []bn254.G1Affine // [τ^i]₁, i ≤ 2n−2
	alpha []bn254.G1Affine // [ατ^i]₁, i < n
	beta  []bn254.G1Affine // [βτ^i]₁, i < n
	tauG2 bn254.G2Affine   // [τ]₂
}

// provingHalf is what a prover holds of one statement.
type provingHalf struct {
	key    groth16.ProvingKey
	powers powers
}

// layout is what of a key follows from its constraint system: how many points of each kind, and
// which wires have none. It is never read from a key.
//
// Wires are ordered: 1 and the public inputs, the secret inputs of the first and of the second
// commitment, the two challenges, the solver's. K of the public ones and of the challenges is the
// verifier's, over γ; that of the committed ones is a base of their commitment, over γ; the rest is
// the prover's, over δ.
type layout struct {
	circuit   [32]byte
	domain    *fft.Domain
	publics   int    // with the wire 1
	committed [2]int // how many wires each commitment holds
	wires     int
	infinityA []bool // wires that stand on no constraint's left
	infinityB []bool // on no constraint's right
	a, b      int    // how many do
}

func (sys *system) layout() *layout {
	internal, secret, public := sys.r1cs.GetNbVariables()
	commitments := sys.r1cs.GetCommitments().(constraint.Groth16Commitments)
	l := &layout{circuit: sys.digest(), domain: fft.NewDomain(uint64(sys.r1cs.GetNbConstraints())),
		publics: public, wires: internal + secret + public}
	for i := range l.committed {
		l.committed[i] = len(commitments[i].PrivateCommitted)
	}
	l.infinityA, l.infinityB = sys.absent()
	for wire := range l.wires {
		if !l.infinityA[wire] {
			l.a++
		}
		if !l.infinityB[wire] {
			l.b++
		}
	}
	return l
}

// n is the size of the domain.
func (l *layout) n() int { return int(l.domain.Cardinality) }

// mask is the index of a mask among the wires of its commitment: the last one.
func (l *layout) mask(commitment int) int { return l.committed[commitment] - 1 }

// challenge is the wire of the first challenge; the second follows.
func (l *layout) challenge() int { return l.publics + l.committed[0] + l.committed[1] }

// privates is how many points of K the prover has.
func (l *layout) privates() int { return l.wires - l.challenge() - 2 }

// The kinds of wires, by whose K is whose.
const (
	firstWire  = iota // held by the first commitment
	secondWire        // by the second
	privateWire
	verifierWire
)

func (l *layout) kind(wire int) int {
	switch challenge := l.challenge(); {
	case wire < l.publics || wire == challenge || wire == challenge+1:
		return verifierWire
	case wire < l.publics+l.committed[0]:
		return firstWire
	case wire < challenge:
		return secondWire
	}
	return privateWire
}

// absent finds the wires whose polynomial on the left, or on the right, is zero.
func (sys *system) absent() (left, right []bool) {
	internal, secret, public := sys.r1cs.GetNbVariables()
	wires := internal + secret + public
	left, right = make([]bool, wires), make([]bool, wires)
	for wire := range wires {
		left[wire], right[wire] = true, true
	}
	sums := make([]fr.Element, wires) // of one side of one constraint
	note := func(side constraint.LinearExpression, absent []bool) {
		for _, t := range side {
			sums[t.WireID()].Add(&sums[t.WireID()], &sys.r1cs.Coefficients[t.CoeffID()])
		}
		for _, t := range side {
			if !sums[t.WireID()].IsZero() {
				absent[t.WireID()] = false
			}
		}
		for _, t := range side {
			sums[t.WireID()].SetZero()
		}
	}
	iterator := sys.r1cs.GetR1CIterator()
	for c := iterator.Next(); c != nil; c = iterator.Next() {
		note(c.L, left)
		note(c.R, right)
	}
	return left, right
}

// side is one kind of points in G1, with their number.
type side struct {
	name   string
	points *[]bn254.G1Affine
	length int
}

// sides lists the points in G1 in the order of the file.
func (l *layout) sides(h *provingHalf) []side {
	if len(h.key.CommitmentKeys) != 2 {
		h.key.CommitmentKeys = make([]pedersenKey, 2)
	}
	first, second := &h.key.CommitmentKeys[0], &h.key.CommitmentKeys[1]
	return []side{
		{"powers of τ", &h.powers.tau, 2*l.n() - 1},
		{"powers of τ times α", &h.powers.alpha, l.n()},
		{"powers of τ times β", &h.powers.beta, l.n()},
		{"A", &h.key.G1.A, l.a},
		{"B", &h.key.G1.B, l.b},
		{"Z", &h.key.G1.Z, l.n() - 1},
		{"K", &h.key.G1.K, l.privates()},
		{"the first commitment's bases", &first.Basis, l.committed[0]},
		{"the second commitment's bases", &second.Basis, l.committed[1]},
		{"the first commitment's bases times its σ", &first.BasisExpSigma, l.committed[0]},
		{"the second commitment's bases times its σ", &second.BasisExpSigma, l.committed[1]},
	}
}

// complete sets what of gnark's key is not in the file.
func (l *layout) complete(h *provingHalf, vk *groth16.VerifyingKey) {
	pk := &h.key
	pk.Domain = *l.domain
	pk.InfinityA, pk.NbInfinityA = l.infinityA, uint64(l.wires-l.a)
	pk.InfinityB, pk.NbInfinityB = l.infinityB, uint64(l.wires-l.b)
	pk.G1.Alpha, pk.G1.Beta = h.powers.alpha[0], h.powers.beta[0]
	pk.G2.Beta, pk.G2.Delta = vk.G2.Beta, vk.G2.Delta
}
