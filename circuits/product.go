package circuits

import (
	"math"
	"math/big"

	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
)

// WeightBits is the width of a weighted product's entries: each is in [Lo, Lo+2^WeightBits).
const WeightBits = 20

// Product is the statement of a department's product of public ciphertexts with its own indicator
// of positions (README section 10): with ι_j(X) = Σ_i ι_(j,i)·X^(τ−i·Stride), τ = Params.Target(),
//
//	C0 = Σ_j B0_j·ι_j + PK0·u + e0 at coefficient τ, and C1 = Σ_j B1_j·ι_j + PK1·u + e1 at all,
//
// every ι_(j,i) 0 or 1, u ternary, e0 and e1 within ±ErrorBound. So C0 carries at τ the sum of those
// entries of the chunks at which ι is 1. Of C0 nothing but coefficient τ is looked at, of B0 nothing
// but the limbs' coefficients. There are at most Params.ProductChunks() chunks; those that are absent
// are as if zero.
type Product struct {
	PK0, PK1 Poly
	B0, B1   []Poly // the chunks, one ciphertext each
	C0, C1   Poly
	Pin      *Pin // nil: ι is not compared with another's
}

// Pin is another product of the same author, whose indicator this one's must be: with the same ι_j,
// C1 = Σ_j B1_j·ι_j + PK1·u' + e' at the pin's classes, which are enough (README section 10).
type Pin struct {
	B1 []Poly // the chunks that it multiplied, in the order of this one's
	C1 Poly
}

// ProductSecret is a product's witness: Limbs entries of I for each of Params.ProductChunks() chunks,
// by position, N coefficients of U and E1, and those of the pin's ciphertext where there is one.
type ProductSecret struct {
	I, U, E1    []int64
	E0          int64
	PinU, PinE1 []int64
}

// WeightedProduct is a product with α in the place of ι: every α_(j,i) in [Lo, Lo+2^WeightBits), and
// 0 where ι_(j,i) is; ι is compared with the pin's, which there must be. −2^WeightBits < Lo ≤ 0.
type WeightedProduct struct {
	Product
	Lo int64
}

// WeightedProductSecret is its witness: A as many entries as I.
type WeightedProductSecret struct {
	ProductSecret
	A []int64
}

func (Product) statement() Statement         { return StatementProduct }
func (WeightedProduct) statement() Statement { return StatementWeightedProduct }

func (x Product) encode(p Params) []byte {
	b := p.AppendPoly(p.AppendPoly(nil, x.PK0), x.PK1)
	b = append(b, byte(len(x.B0)))
	for j := range x.B0 {
		b = p.AppendPoly(p.AppendLimbs(b, x.B0[j]), x.B1[j])
	}
	b = p.AppendPoly(p.AppendTarget(b, x.C0), x.C1)
	if x.Pin == nil {
		return append(b, 0)
	}
	b = append(b, 1, byte(len(x.Pin.B1)))
	for _, poly := range x.Pin.B1 {
		b = p.AppendPoly(b, poly)
	}
	return p.AppendPoly(b, x.Pin.C1)
}

func (x WeightedProduct) encode(p Params) []byte { return appendInt64(x.Product.encode(p), x.Lo) }

// valid reports chunks that can be stated, and no more of a pin's than of the product's.
func (x Product) valid(p Params) bool {
	return len(x.B0) >= 1 && len(x.B0) <= p.ProductChunks() && len(x.B1) == len(x.B0) &&
		(x.Pin == nil || len(x.Pin.B1) == len(x.B0))
}

func (x WeightedProduct) valid(p Params) bool {
	return x.Product.valid(p) && x.Pin != nil && x.Lo <= 0 && x.Lo > -(1<<WeightBits)
}

// The rows of a product's public polynomials.
const (
	rowPK0 = iota
	rowPK1
	rowC0 // one coefficient
	rowC1
	rowPinC1
	rowChunks // for each chunk: B0, B1, the pin's B1
)

func rowB0(j int) int    { return rowChunks + 3*j }
func rowB1(j int) int    { return rowChunks + 3*j + 1 }
func rowPinB1(j int) int { return rowChunks + 3*j + 2 }

// publics are pk0, pk1, c0 at τ, c1, the pin's c1 at its classes, and the chunks; what is absent is
// zero.
func (x Product) publics(p Params) publics {
	zero := make([]fr.Element, p.N())
	rows := [][]fr.Element{p.field(x.PK0), p.field(x.PK1), make([]fr.Element, 1), p.field(x.C1), zero[:p.N()/p.pinStep()]}
	p.garner.lift(&rows[rowC0][0], x.C0, p.Target())
	if x.Pin != nil {
		rows[rowPinC1] = p.fieldEvery(x.Pin.C1, p.pinStep())
	}
	target := make([]place, 0, p.ProductChunks()+1)
	for j := range p.ProductChunks() {
		chunk := [][]fr.Element{zero, zero, zero}
		if j < len(x.B0) {
			chunk[0], chunk[1] = p.field(x.B0[j]), p.field(x.B1[j])
			if x.Pin != nil {
				chunk[2] = p.field(x.Pin.B1[j])
			}
		}
		rows = append(rows, chunk...)
		target = append(target, place{rowB0(j), p.Target()})
	}
	return publics{rows: rows, slots: [][]place{append(target, place{rowPK0, p.Target()})}}
}

func (x WeightedProduct) publics(p Params) publics {
	out := x.Product.publics(p)
	out.lo.SetInt64(x.Lo)
	return out
}

// shorts are ι of each chunk, u, e0, e1 and the pin's u and e1.
func (w ProductSecret) shorts(p Params, x Instance) [][]fr.Element {
	pinU, pinE := make([]int64, p.N()), make([]int64, p.N())
	if pinOf(x) != nil {
		pinU, pinE = w.PinU, w.PinE1
	}
	out := p.byExponent(w.I)
	return append(out, fieldSmall(w.U), fieldSmall([]int64{w.E0}), fieldSmall(w.E1), fieldSmall(pinU), fieldSmall(p.every(pinE, p.pinStep())))
}

// shorts are those of a product and α − lo of each chunk.
func (w WeightedProductSecret) shorts(p Params, x Instance) [][]fr.Element {
	lo := x.(WeightedProduct).Lo
	above := make([]int64, len(w.I))
	for i := range min(len(w.A), len(w.I)) {
		above[i] = w.A[i] - lo
	}
	return append(w.ProductSecret.shorts(p, x), p.byExponent(above)...)
}

func pinOf(x Instance) *Pin {
	if y, ok := x.(WeightedProduct); ok {
		return y.Pin
	}
	return x.(Product).Pin
}

// byExponent splits entries by position into chunks, each with its last position first: position i
// stands at exponent τ − i·Stride.
func (p Params) byExponent(entries []int64) [][]fr.Element {
	var out [][]fr.Element
	for first := 0; first < len(entries); first += p.Limbs() {
		chunk := entries[first:min(first+p.Limbs(), len(entries))]
		row := make([]fr.Element, len(chunk))
		for i, v := range chunk {
			row[len(row)-1-i].SetInt64(v)
		}
		out = append(out, row)
	}
	return out
}

// pinMargin is by how many bits a pin's equations outnumber all that could satisfy them by chance.
const pinMargin = 256

// pinBits are the bits of all differences of two witnesses of a pin, beside its noise, and those that
// its equations have at so many classes (README section 10).
func (p Params) pinBits(classes int) (differences, equations float64) {
	differences = float64(p.ProductChunks()*p.Limbs())*math.Log2(3) + float64(p.N())*math.Log2(5)
	m := float64(classes * p.perClass())
	return differences, m * (float64(p.q.BitLen()-1) - math.Log2(4*ErrorBound+1) - math.Log2(m)/2)
}

// pinStep is the distance of the coefficients at which a pin is stated: at as few classes as say that
// no other indicator satisfies them. At all of a ring that is too small for that, which no named set's is.
func (p Params) pinStep() int {
	classes := 1
	for ; classes < p.Classes(); classes *= 2 {
		if differences, equations := p.pinBits(classes); equations >= differences+pinMargin {
			break
		}
	}
	return p.Classes() / classes
}

// productQuotient is the width that holds every quotient by Q of a product, whatever the chunks are, with
// |α| up to 2^bits. Nothing less will do: entries are data, not chance, and whoever sent the vectors may have
// chosen their randomness. Were there entries that cannot be proven over chunks like that, a product that is
// not made would tell something of them (README section 10).
func (p Params) productQuotient(bits int) int {
	sum := int64(p.ProductChunks()*p.Limbs())<<bits + int64(p.N()) // of the absolute values of α and u
	return wholeQuotient(sum)
}

func productShape(p Params, digit int) *shape { return productShapeOf(p, digit, false) }

func weightedShape(p Params, digit int) *shape { return productShapeOf(p, digit, true) }

// productShapeOf has the shorts in the order of ProductSecret and WeightedProductSecret.
func productShapeOf(p Params, digit int, weighted bool) *shape {
	s := &shape{statement: StatementProduct, params: p, publics: rowB0(p.ProductChunks())}
	chunks, n, pinned := p.ProductChunks(), p.N(), p.N()/p.pinStep()
	for range chunks {
		s.shorts = append(s.shorts, bitShort("ι", p.Limbs(), p.Stride()))
	}
	u, e0, e1, pinU, pinE := chunks, chunks+1, chunks+2, chunks+3, chunks+4
	s.shorts = append(s.shorts, ternaryShort("u", n), noiseShort("e0", 1), noiseShort("e1", n),
		ternaryShort("pin u", n), noiseShort("pin e1", pinned))
	multiplier, width, pinWidth := 0, p.productQuotient(0), p.productQuotient(0)
	if weighted {
		s.statement, multiplier, width = StatementWeightedProduct, len(s.shorts), p.productQuotient(WeightBits)
		for j := range chunks {
			alpha := rangeShort("α", p.Limbs(), new(big.Int), WeightBits, digit)
			alpha.step, alpha.aboveLo = p.Stride(), true
			s.shorts = append(s.shorts, alpha)
			s.masked = append(s.masked, masked{multiplier + j, j})
		}
	}
	k0, k1, kp := s.addQuotient("k0", 1, width, digit), s.addQuotient("k1", n, width, digit), s.addQuotient("pin k", pinned, pinWidth, digit)
	c1 := relation{value: rowC1, step: 1, modular: true, terms: []term{{e1, one}, k1}}
	pin := relation{value: rowPinC1, step: p.pinStep(), modular: true, terms: []term{{pinE, one}, kp}}
	s.slots = &slotted{relation: relation{value: rowC0, modular: true, terms: []term{{e0, one}, k0}}, count: 1}
	for j := range chunks {
		s.slots.products = append(s.slots.products, product{short: multiplier + j})
		c1.products = append(c1.products, product{rowB1(j), multiplier + j})
		pin.products = append(pin.products, product{rowPinB1(j), j})
	}
	s.slots.products = append(s.slots.products, product{short: u})
	c1.products = append(c1.products, product{rowPK1, u})
	pin.products = append(pin.products, product{rowPK1, pinU})
	s.relations = []relation{c1, pin}
	s.prove(0, 1)
	return s
}
