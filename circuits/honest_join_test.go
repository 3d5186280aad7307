package circuits

import (
	"crypto/rand"
	"errors"
	"math/big"
	"slices"
	"testing"
)

// testChunks are fewer than a product may have, so that some are absent.
const testChunks = 3

// chunks are sums of two departments' ciphertexts each, as a product multiplies them.
func (l lattigo) chunks(key KeyShare) (b0, b1 []Poly) {
	for range testChunks {
		x, _ := l.contribution(key)
		y, _ := l.contribution(key)
		b0, b1 = append(b0, l.add(x.C0, y.C0)), append(b1, l.add(x.C1, y.C1))
	}
	return b0, b1
}

// indicator has ones at about half of the positions of the chunks that there are.
func (l lattigo) indicator() []int64 {
	out := make([]int64, l.p.Limbs()*l.p.ProductChunks())
	coins := make([]byte, l.p.Limbs()*testChunks)
	rand.Read(coins)
	for i, c := range coins {
		out[i] = int64(c & 1)
	}
	out[0], out[1] = 1, 0
	return out
}

// product multiplies the chunks by the indicator i, and states that it is the pin's.
func (l lattigo) product(key KeyShare, i []int64) (Product, ProductSecret) {
	x := Product{PK0: key.P, PK1: key.A}
	x.B0, x.B1 = l.chunks(key)
	w := ProductSecret{I: i, U: l.sample(l.params.Xs()), E1: l.sample(l.params.Xe()), E0: l.sample(l.params.Xe())[0]}
	l.multiply(&x, w, i)
	return x, w
}

// multiply makes C0 and C1 of the chunks times the entries a, by position.
func (l lattigo) multiply(x *Product, w ProductSecret, a []int64) {
	u := l.p.FromSmall(w.U)
	target := make([]int64, l.p.N())
	target[l.p.Target()] = w.E0
	c0 := l.add(l.mul(x.PK0, u), l.p.FromSmall(target))
	c1 := l.add(l.mul(x.PK1, u), l.p.FromSmall(w.E1))
	for j := range x.B0 {
		factor := l.p.FromSmall(l.exponents(a, j))
		c0, c1 = l.add(c0, l.mul(x.B0[j], factor)), l.add(c1, l.mul(x.B1[j], factor))
	}
	x.C0, x.C1 = l.ring.NewPoly(), c1
	for i := range x.C0.Coeffs {
		x.C0.Coeffs[i][l.p.Target()] = c0.Coeffs[i][l.p.Target()]
	}
}

// exponents are the coefficients that chunk j is multiplied by.
func (l lattigo) exponents(a []int64, j int) []int64 {
	out := make([]int64, l.p.N())
	for i := range l.p.Limbs() {
		out[l.p.N()-l.p.Stride()*(1+i)] = a[j*l.p.Limbs()+i]
	}
	return out
}

// pinned is a product with the indicator of another, its pin.
func (l lattigo) pinned(key KeyShare, i []int64) (Product, ProductSecret) {
	x, w := l.product(key, i)
	other, ow := l.product(key, i)
	x.Pin, w.PinU, w.PinE1 = &Pin{B1: other.B1, C1: other.C1}, ow.U, ow.E1
	return x, w
}

func (l lattigo) weighted(key KeyShare) (WeightedProduct, WeightedProductSecret) {
	i := l.indicator()
	x, w := l.pinned(key, i)
	y := WeightedProduct{Product: x, Lo: -3}
	a := make([]int64, len(i))
	for k := range a {
		v, err := rand.Int(rand.Reader, big.NewInt(1<<WeightBits))
		if err != nil {
			panic(err)
		}
		a[k] = i[k] * (y.Lo + v.Int64())
	}
	ones := slices.Index(i[2:], 1) + 2
	a[0], a[ones] = y.Lo, y.Lo+1<<WeightBits-1
	l.multiply(&y.Product, w, a)
	return y, WeightedProductSecret{w, a}
}

// release names most coefficients of one sum and a few of another.
func (l lattigo) release(key KeyShare, secret KeyShareSecret, sums []Poly, analyst KeyShare) (Release, ReleaseSecret) {
	p := l.p
	x := Release{A: key.A, P: key.P, PKA0: analyst.P, PKA1: analyst.A, Sums: sums}
	for j := range max(2, p.Limbs()-4) {
		x.Slots = append(x.Slots, Slot{Sum: 0, Coefficient: (3*j + 1) % p.N()})
	}
	x.Slots[1] = Slot{Sum: 1, Coefficient: p.Target()}
	if p.Limbs() > 2 {
		x.Slots = append(x.Slots, Slot{Sum: 1, Coefficient: 0})
	}
	w := ReleaseSecret{S: secret.S, E: p.BindingErrors(secret.E), V: l.sample(l.params.Xs()), F1: l.sample(l.params.Xe()), F0: make([]*big.Int, len(x.Slots))}
	for k := range w.F0 {
		v, err := rand.Int(rand.Reader, new(big.Int).Lsh(p.Flooding(), 1))
		if err != nil {
			panic(err)
		}
		w.F0[k] = v.Sub(v, p.Flooding())
	}
	w.F0[0].Neg(p.Flooding())
	w.F0[1].Sub(p.Flooding(), one)
	l.releaseOf(&x, w)
	return x, w
}

func (l lattigo) releaseOf(x *Release, w ReleaseSecret) {
	p := l.p
	s, v := p.FromSmall(w.S), l.mul(x.PKA0, p.FromSmall(w.V))
	var shares []Poly
	for _, sum := range x.Sums {
		shares = append(shares, l.mul(sum, s))
	}
	h0 := make([]*big.Int, 0, len(x.Slots))
	for k, slot := range x.Slots {
		h := new(big.Int).Add(p.Centered(shares[slot.Sum], slot.Coefficient), p.Centered(v, k*p.Stride()))
		h0 = append(h0, h.Add(h, w.F0[k]))
	}
	x.H0 = p.FromLimbsBig(h0)
	x.H1 = l.add(l.mul(x.PKA1, p.FromSmall(w.V)), p.FromSmall(w.F1))
}

// allStatements are those of a network that joins.
var allStatements = slices.Concat(Statements, JoinStatements)

// TestTrivialPin: a product without a pin is proven, and is another statement than one with a pin.
func TestTrivialPin(t *testing.T) {
	p := tiny(t)
	l, k := newLattigo(t, p), keysFor(t, p)
	key, _ := l.keyShare()
	x, w := l.product(key, l.indicator())
	proof, err := k.Prove(testBinding(), x, w)
	if err != nil {
		t.Fatal(err)
	}
	if err := k.Verifying().Verify(testBinding(), x, proof); err != nil {
		t.Fatal(err)
	}
	none := Pin{C1: p.NewPoly()}
	for range x.B1 {
		none.B1 = append(none.B1, p.NewPoly())
	}
	x.Pin = &none
	if err := k.Verifying().Verify(testBinding(), x, proof); err == nil {
		t.Fatal("the proof without a pin is one with a pin of zeros")
	}
}

// TestProductsSumEntries: what the target's coefficient of a product decrypts to is Σ α·β over the
// positions of all chunks.
func TestProductsSumEntries(t *testing.T) {
	p := tiny(t)
	l := newLattigo(t, p)
	key, secret := l.keyShare()
	a := make([]int64, p.Limbs()*p.ProductChunks())
	x := Product{PK0: key.P, PK1: key.A}
	var want int64
	for range testChunks {
		c, cw := l.contribution(key)
		for i, m := range cw.M {
			cw.M[i] = m % 5
			at := len(x.B0)*p.Limbs() + i
			a[at] = int64(at % 7)
			want += cw.M[i] * a[at]
		}
		l.encrypt(&c, cw)
		x.B0, x.B1 = append(x.B0, c.C0), append(x.B1, c.C1)
	}
	l.multiply(&x, ProductSecret{U: l.sample(l.params.Xs()), E1: l.sample(l.params.Xe())}, a)
	plain := p.Centered(l.add(x.C0, l.mul(x.C1, p.FromSmall(secret.S))), p.Target())
	half := new(big.Int).Rsh(p.Delta(), 1)
	if got := plain.Div(plain.Add(plain, half), p.Delta()).Int64(); got != want {
		t.Errorf("decrypts to %d, want %d", got, want)
	}
}

// TestPinOfZeros shows what a pin does not say: where all that it multiplied is zero, as it is only if
// none of the departments whose vectors were summed is honest, it holds for every indicator (README
// section 10). With one honest ciphertext in one chunk it does not.
func TestPinOfZeros(t *testing.T) {
	p := tiny(t)
	l, k := newLattigo(t, p), keysFor(t, p)
	key, _ := l.keyShare()
	x, w := l.product(key, l.indicator())
	w.PinU, w.PinE1 = l.sample(l.params.Xs()), l.sample(l.params.Xe())
	x.Pin = &Pin{B1: slices.Repeat([]Poly{p.NewPoly()}, testChunks)}
	repin(l, &x, &w, make([]int64, len(w.I))) // of nobody
	if _, err := k.Prove(testBinding(), x, w); err != nil {
		t.Fatalf("a pin of zeros holds an indicator: %v", err)
	}
	x.Pin.B1[0] = x.B1[0]
	if _, err := k.Prove(testBinding(), x, w); !errors.Is(err, ErrWitness) {
		t.Fatalf("a pin of one honest chunk holds none: %v", err)
	}
}

// TestProductsOfAnyChunks: a product can be proven whatever the chunks are, and whatever the entries: no
// quotient by Q leaves its range. Whoever sends vectors chooses their randomness and may know some entries.
func TestProductsOfAnyChunks(t *testing.T) {
	joined, err := Named("joined")
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range append(manySets(t), joined) {
		for _, s := range []Statement{StatementProduct, StatementWeightedProduct} {
			sh := shapeOf(p, s)
			for i, r := range append(slices.Clone(sh.relations), sh.slots.relation) {
				sum := big.NewInt(1) // of the value, which is within ±Q/2 as well
				for _, of := range r.products {
					short := &sh.shorts[of.short]
					sum.Add(sum, new(big.Int).Mul(short.largest(), big.NewInt(int64(short.length))))
				}
				least := sh.shorts[r.terms[len(r.terms)-1].short].offset // to −least − 1
				if most := new(big.Int).Not(least); most.Lsh(most, 1).Cmp(sum) < 0 {
					t.Errorf("%s, %v, relation %d: a quotient of up to %v/2, and its range ends at %v/2", p.Name(), s, i, sum, most)
				}
			}
		}
	}
	p := tiny(t)
	l, k := newLattigo(t, p), keysFor(t, p)
	half := new(big.Int).Rsh(p.Q(), 1)
	for _, sign := range []int64{1, -1} {
		all := p.FromBig(slices.Repeat([]*big.Int{new(big.Int).Mul(half, big.NewInt(sign))}, p.N()))
		ones := slices.Repeat([]int64{1}, p.Limbs()*p.ProductChunks())
		w := ProductSecret{I: ones, U: make([]int64, p.N()), E1: make([]int64, p.N()), PinE1: make([]int64, p.N())}
		for e := range w.U {
			w.U[e] = 1
			if e > p.Target() {
				w.U[e] = -1 // X^N is −1
			}
		}
		w.PinU = w.U
		chunks := slices.Repeat([]Poly{all}, p.ProductChunks())
		x := Product{PK0: all, PK1: all, B0: chunks, B1: chunks}
		l.multiply(&x, w, ones)
		x.Pin = &Pin{B1: chunks, C1: x.C1}
		if _, err := k.Prove(testBinding(), x, w); err != nil {
			t.Errorf("chunks of %d·Q/2: %v", sign, err)
		}
		y := WeightedProduct{Product: x}
		most := slices.Repeat([]int64{1<<WeightBits - 1}, len(ones))
		l.multiply(&y.Product, w, most)
		if _, err := k.Prove(testBinding(), y, WeightedProductSecret{w, most}); err != nil {
			t.Errorf("chunks of %d·Q/2, with weights: %v", sign, err)
		}
	}
}
