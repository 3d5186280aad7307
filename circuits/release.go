package circuits

import (
	"math/big"

	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
)

// Release is the statement of a decryption share of chosen coefficients, for the analyst's key
// (PKA0, PKA1), by the secret s of the department's key share p = −a·s + e (README section 11):
// for every slot k, which names a ciphertext's second part and a coefficient j_k of it,
//
//	h0_k = (C1_k·s) at j_k + (PKA0·v) at k·Stride + f0_k,  H1 = PKA1·v + f1 at all coefficients,
//	p = −a·s + e at the coefficients of class 0, which is enough to pin s
//
// s and v ternary, e and f1 within ±ErrorBound, f0 in [−B, B). h0_k is coefficient k·Stride of H0,
// a multiple of 2^DroppedBits; the limbs' coefficients of slots that are not used are zero. There are
// 1 to Params.Limbs() slots.
type Release struct {
	A, P, PKA0, PKA1 Poly
	Sums             []Poly // the second parts that slots name
	Slots            []Slot
	H0, H1           Poly
}

// Slot names one coefficient of a ciphertext: Sum is an index into Release.Sums. Two slots may name the same one:
// whoever multiplies can make two targets the same, and must not keep all others from sharing. Each has a flooding
// of its own, and counts by itself (Params.Joint).
type Slot struct{ Sum, Coefficient int }

// ReleaseSecret is its witness: N coefficients of S, V and F1, a flooding in F0 for each slot, and E
// at the coefficients at which p is stated (BindingErrors).
type ReleaseSecret struct {
	S, E, V, F1 []int64
	F0          []*big.Int
}

func (Release) statement() Statement { return StatementRelease }

func (x Release) encode(p Params) []byte {
	var b []byte
	for _, poly := range []Poly{x.A, x.P, x.PKA0, x.PKA1, x.H1} {
		b = p.AppendPoly(b, poly)
	}
	b = appendInt64(b, int64(len(x.Sums)))
	for _, poly := range x.Sums {
		b = p.AppendPoly(b, poly)
	}
	b = appendInt64(b, int64(len(x.Slots)))
	for _, s := range x.Slots {
		b = appendInt64(appendInt64(b, int64(s.Sum)), int64(s.Coefficient))
	}
	return p.AppendLimbs(b, x.H0) // low bits, too: a statement is not what is sent of it
}

// valid reports slots that name coefficients, and nothing beyond them in H0.
func (x Release) valid(p Params) bool {
	if len(x.Slots) < 1 || len(x.Slots) > p.Limbs() {
		return false
	}
	for _, s := range x.Slots {
		if s.Sum < 0 || s.Sum >= len(x.Sums) || s.Coefficient < 0 || s.Coefficient >= p.N() {
			return false
		}
	}
	for j := len(x.Slots) * p.Stride(); j < p.N(); j += p.Stride() {
		for i := range p.lit.Primes {
			if x.H0.Coeffs[i][j] != 0 {
				return false
			}
		}
	}
	return true
}

// The rows of a release's public polynomials.
const (
	rowA = iota
	rowP
	rowPKA0
	rowPKA1
	rowH0
	rowH1
	rowSums // as many as there are
)

// publics are −a, p, pkA0, pkA1, h0 of each slot, h1 and the sums.
func (x Release) publics(p Params) publics {
	out := publics{rows: [][]fr.Element{
		negateField(p.field(x.A)), p.fieldEvery(x.P, p.Classes()), p.field(x.PKA0), p.field(x.PKA1),
		p.fieldEvery(x.H0, p.Stride()), p.field(x.H1),
	}}
	for _, sum := range x.Sums {
		out.rows = append(out.rows, p.field(sum))
	}
	for k, s := range x.Slots {
		out.slots = append(out.slots, []place{{rowSums + s.Sum, s.Coefficient}, {rowPKA0, k * p.Stride()}})
	}
	return out
}

// shorts are s, e, v, f1 and f0, which is zero where no slot is used.
func (w ReleaseSecret) shorts(p Params, _ Instance) [][]fr.Element {
	flood := make([]fr.Element, max(p.Limbs(), len(w.F0)))
	for i, f := range w.F0 {
		flood[i].SetBigInt(f)
	}
	return [][]fr.Element{fieldSmall(w.S), fieldSmall(w.E), fieldSmall(w.V), fieldSmall(w.F1), flood}
}

func releaseShape(p Params, digit int) *shape {
	s := &shape{statement: StatementRelease, params: p, publics: rowSums}
	n, bound := p.N(), p.perClass()
	s.shorts = []short{
		ternaryShort("s", n), noiseShort("e", bound), ternaryShort("v", n), noiseShort("f1", n),
		rangeShort("f0", p.Limbs(), new(big.Int).Neg(p.Flooding()), p.lit.FloodingBits+1, digit),
	}
	kp, k1, k0 := s.addQuotient("kp", bound, digit, digit), s.addQuotient("k1", n, digit, digit), s.addQuotient("k0", p.Limbs(), digit, digit)
	s.relations = []relation{
		{value: rowP, step: p.Classes(), products: []product{{rowA, 0}}, modular: true, terms: []term{{1, one}, kp}},
		{value: rowH1, step: 1, products: []product{{rowPKA1, 2}}, modular: true, terms: []term{{3, one}, k1}},
	}
	s.slots = &slotted{count: p.Limbs(), relation: relation{
		value: rowH0, products: []product{{short: 0}, {short: 2}}, modular: true, terms: []term{{4, one}, k0},
	}}
	s.prove(1, 0)
	return s
}
