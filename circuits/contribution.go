package circuits

import (
	"math/big"

	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
)

var one = big.NewInt(1)

// Contribution is the statement c0 = pk0·u + e0 + ⌊Q/t⌋·m at the limbs' coefficients and
// c1 = pk1·u + e1 at all, with u ternary, e0 and e1 within ±ErrorBound, and Lo ≤ m ≤ Hi for every
// limb. Of C0 nothing else is looked at. Lo and Hi have Params.Limbs() entries (README section 5).
type Contribution struct {
	PK0, PK1, C0, C1 Poly
	Lo, Hi           []int64
}

// ContributionSecret is its witness: N coefficients of U and E1, E0 and M at the limbs.
type ContributionSecret struct{ U, E0, E1, M []int64 }

func (Contribution) statement() Statement { return StatementContribution }

func (x Contribution) encode(p Params) []byte {
	var b []byte
	for _, poly := range []Poly{x.PK0, x.PK1, x.C1} {
		b = p.AppendPoly(b, poly)
	}
	b = p.AppendLimbs(b, x.C0)
	for i := range x.Lo {
		b = appendInt64(appendInt64(b, x.Lo[i]), x.Hi[i])
	}
	return b
}

// publics are pk0, pk1, c0 − ⌊Q/t⌋·lo, c1 and hi − lo: what is range-checked is m − lo and
// hi − m, whose sum is public.
func (x Contribution) publics(p Params) publics {
	delta := fieldBig(p.delta)
	c0, span := p.fieldEvery(x.C0, p.Stride()), make([]fr.Element, len(x.Lo))
	for i := range x.Lo {
		var lo, shift fr.Element
		lo.SetInt64(x.Lo[i])
		span[i].SetInt64(x.Hi[i])
		span[i].Sub(&span[i], &lo)
		c0[i].Sub(&c0[i], shift.Mul(&delta, &lo))
	}
	return publics{rows: [][]fr.Element{p.field(x.PK0), p.field(x.PK1), c0, p.field(x.C1), span}}
}

// valid reports bounds that can be stated: as many as there are limbs, ordered, and spanning
// no more than one department's limb holds.
func (x Contribution) valid(p Params) bool {
	if len(x.Lo) != p.Limbs() || len(x.Hi) != p.Limbs() {
		return false
	}
	limit := int64(1) << p.LimbBits()
	for i := range x.Lo {
		if x.Lo[i] <= -limit || x.Hi[i] >= limit || x.Lo[i] > x.Hi[i] || x.Hi[i]-x.Lo[i] >= limit {
			return false
		}
	}
	return true
}

// shorts are u, e0, e1, m − lo and hi − m.
func (w ContributionSecret) shorts(_ Params, x Instance) [][]fr.Element {
	c := x.(Contribution)
	above, below := make([]fr.Element, len(w.M)), make([]fr.Element, len(w.M))
	for i := range min(len(w.M), len(c.Lo)) {
		above[i].SetInt64(w.M[i] - c.Lo[i])
		below[i].SetInt64(c.Hi[i] - w.M[i])
	}
	return [][]fr.Element{fieldSmall(w.U), fieldSmall(w.E0), fieldSmall(w.E1), above, below}
}

// contributionShape: the limbs' digits may hold a little more than a limb, since m − lo and
// hi − m are both nonnegative and their sum is pinned. That sum is stated beside the limbs, where
// c1 is and c0 is not.
func contributionShape(p Params, digit int) *shape {
	s := &shape{statement: StatementContribution, params: p, publics: 5}
	n, limbs, width := p.N(), p.Limbs(), (p.LimbBits()+digit-1)/digit*digit
	s.shorts = []short{
		ternaryShort("u", n), noiseShort("e0", limbs), noiseShort("e1", n),
		rangeShort("m-lo", limbs, new(big.Int), width, digit),
		rangeShort("hi-m", limbs, new(big.Int), width, digit),
	}
	k0, k1 := s.addQuotient("k0", limbs, digit, digit), s.addQuotient("k1", n, digit, digit)
	s.relations = []relation{
		{value: 2, step: p.Stride(), products: []product{{0, 0}}, modular: true, terms: []term{{1, one}, {3, p.delta}, k0}},
		{value: 3, step: 1, products: []product{{1, 0}}, modular: true, terms: []term{{2, one}, k1}},
		{value: 4, start: 1, step: p.Stride(), terms: []term{{3, one}, {4, one}}},
	}
	s.prove(1, 0, 2)
	return s
}

func appendInt64(b []byte, v int64) []byte {
	u := uint64(v)
	return append(b, byte(u), byte(u>>8), byte(u>>16), byte(u>>24), byte(u>>32), byte(u>>40), byte(u>>48), byte(u>>56))
}
