package circuits

import (
	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
)

// KeyShare is the statement p = −a·s + e with s ternary and e within ±ErrorBound: a share of
// the collective key, or an analyst's key (README section 4).
type KeyShare struct{ A, P Poly }

// KeyShareSecret is its witness: N coefficients each.
type KeyShareSecret struct{ S, E []int64 }

func (KeyShare) statement() Statement { return StatementKeyShare }

func (KeyShare) valid(Params) bool { return true }

func (x KeyShare) encode(p Params) []byte { return p.AppendPoly(p.AppendPoly(nil, x.A), x.P) }

// publics are −a and p.
func (x KeyShare) publics(p Params) publics {
	return publics{rows: [][]fr.Element{negateField(p.field(x.A)), p.field(x.P)}}
}

func (w KeyShareSecret) shorts(Params, Instance) [][]fr.Element {
	return [][]fr.Element{fieldSmall(w.S), fieldSmall(w.E)}
}

func keyShareShape(p Params, digit int) *shape {
	s := &shape{statement: StatementKeyShare, params: p, publics: 2}
	s.shorts = []short{ternaryShort("s", p.N()), noiseShort("e", p.N())}
	s.relations = []relation{{
		value: 1, step: 1, products: []product{{0, 0}}, modular: true,
		terms: []term{{1, one}, s.addQuotient("k", p.N(), digit, digit)},
	}}
	s.prove(0)
	return s
}

func negateField(x []fr.Element) []fr.Element {
	for i := range x {
		x[i].Neg(&x[i])
	}
	return x
}
