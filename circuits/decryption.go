package circuits

import (
	"math/big"

	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
)

// DecryptionShare is the statement of a share of the re-encryption to the analyst's key
// (pkA0, pkA1), by the secret s of the department's key share p = −a·s + e (README section 6):
//
//	h0 = c1·s + pkA0·v + f0 at the limbs' coefficients,  h1 = pkA1·v + f1 at all,
//	p = −a·s + e at the coefficients of class 0, which is enough to pin s
//
// s and v ternary, e and f1 within ±ErrorBound, f0 in [−B, B): the flooding.
type DecryptionShare struct{ A, P, C1, PKA0, PKA1, H0, H1 Poly }

// DecryptionShareSecret is its witness: N coefficients of S, V and F1, F0 at the limbs, and E at
// the coefficients at which p is stated (BindingErrors).
type DecryptionShareSecret struct {
	S, E, V, F1 []int64
	F0          []*big.Int
}

// BindingErrors picks, of a key share's N errors, those that a decryption share's witness needs.
func (p Params) BindingErrors(e []int64) []int64 { return p.every(e, p.Classes()) }

func (DecryptionShare) statement() Statement { return StatementDecryptionShare }

func (DecryptionShare) valid(Params) bool { return true }

func (x DecryptionShare) encode(p Params) []byte {
	var b []byte
	for _, poly := range []Poly{x.A, x.P, x.C1, x.PKA0, x.PKA1, x.H1} {
		b = p.AppendPoly(b, poly)
	}
	return p.AppendLimbs(b, x.H0)
}

// publics are −a, p, c1, pkA0, pkA1, h0 and h1.
func (x DecryptionShare) publics(p Params) publics {
	return publics{rows: [][]fr.Element{
		negateField(p.field(x.A)), p.fieldEvery(x.P, p.Classes()), p.field(x.C1), p.field(x.PKA0), p.field(x.PKA1),
		p.fieldEvery(x.H0, p.Stride()), p.field(x.H1),
	}}
}

func (w DecryptionShareSecret) shorts(Params, Instance) [][]fr.Element {
	flood := make([]fr.Element, len(w.F0))
	for i, f := range w.F0 {
		flood[i].SetBigInt(f)
	}
	return [][]fr.Element{fieldSmall(w.S), fieldSmall(w.E), fieldSmall(w.V), fieldSmall(w.F1), flood}
}

func decryptionShareShape(p Params, digit int) *shape {
	s := &shape{statement: StatementDecryptionShare, params: p, publics: 7}
	n, limbs, bound := p.N(), p.Limbs(), p.perClass()
	s.shorts = []short{
		ternaryShort("s", n), noiseShort("e", bound), ternaryShort("v", n), noiseShort("f1", n),
		rangeShort("f0", limbs, new(big.Int).Neg(p.Flooding()), p.lit.FloodingBits+1, digit),
	}
	kp, k0, k1 := s.addQuotient("kp", bound, digit, digit), s.addQuotient("k0", limbs, digit, digit), s.addQuotient("k1", n, digit, digit)
	s.relations = []relation{
		{value: 1, step: p.Classes(), products: []product{{0, 0}}, modular: true, terms: []term{{1, one}, kp}},
		{value: 5, step: p.Stride(), products: []product{{2, 0}, {3, 2}}, modular: true, terms: []term{{4, one}, k0}},
		{value: 6, step: 1, products: []product{{4, 2}}, modular: true, terms: []term{{3, one}, k1}},
	}
	s.prove(2, 1)
	s.prove(0)
	return s
}
