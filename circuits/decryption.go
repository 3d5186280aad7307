package circuits

import (
	"math/big"

	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
)

// DecryptionShare is the statement of a share of the re-encryption to the analyst's key
// (pkA0, pkA1), with the department's key share p = −a·s + e proven again so that s is the
// one that the epoch knows (README section 6):
//
//	h0 = c1·s + pkA0·v + f0,  h1 = pkA1·v + f1
//
// v ternary, e and f1 within ±ErrorBound, f0 in [−B, B): the flooding.
type DecryptionShare struct{ A, P, C1, PKA0, PKA1, H0, H1 Poly }

// DecryptionShareSecret is its witness: N coefficients each.
type DecryptionShareSecret struct {
	S, E, V, F1 []int64
	F0          []*big.Int
}

func (DecryptionShare) statement() Statement { return StatementDecryptionShare }

func (x DecryptionShare) encode(p Params) []byte {
	var b []byte
	for _, poly := range []Poly{x.A, x.P, x.C1, x.PKA0, x.PKA1, x.H0, x.H1} {
		b = p.AppendPoly(b, poly)
	}
	return b
}

// publics are −a, p, c1, pkA0, pkA1, h0 and h1.
func (x DecryptionShare) publics(p Params) [][]fr.Element {
	return [][]fr.Element{
		negateField(p.field(x.A)), p.field(x.P), p.field(x.C1), p.field(x.PKA0), p.field(x.PKA1),
		p.field(x.H0), p.field(x.H1),
	}
}

func (w DecryptionShareSecret) shorts(Instance) [][]fr.Element {
	flood := make([]fr.Element, len(w.F0))
	for i, f := range w.F0 {
		flood[i].SetBigInt(f)
	}
	return [][]fr.Element{fieldSmall(w.S), fieldSmall(w.E), fieldSmall(w.V), fieldSmall(w.F1), flood}
}

func decryptionShareShape(p Params, digit int) *shape {
	s := &shape{statement: StatementDecryptionShare, params: p, publics: 7}
	n := p.N()
	s.shorts = []short{
		ternaryShort("s", n), noiseShort("e", n), ternaryShort("v", n), noiseShort("f1", n),
		rangeShort("f0", n, new(big.Int).Neg(p.Flooding()), p.lit.FloodingBits+1, digit),
	}
	kp, k0, k1 := s.addQuotient("kp", digit), s.addQuotient("k0", digit), s.addQuotient("k1", digit)
	s.relations = []relation{
		{value: 1, products: []product{{0, 0}}, modular: true, terms: []term{{1, one}, kp}},
		{value: 5, products: []product{{2, 0}, {3, 2}}, modular: true, terms: []term{{4, one}, k0}},
		{value: 6, products: []product{{4, 2}}, modular: true, terms: []term{{3, one}, k1}},
	}
	return s
}
