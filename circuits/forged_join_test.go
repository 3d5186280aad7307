package circuits

import (
	"errors"
	"math/big"
	"slices"
	"testing"
)

func forgeProduct(change func(lattigo, *Product, *ProductSecret)) func(lattigo, map[Statement]honest) honest {
	return func(l lattigo, h map[Statement]honest) honest {
		x, w := h[StatementProduct].instance.(Product), h[StatementProduct].secret.(ProductSecret)
		w.I, w.U, w.E1 = slices.Clone(w.I), slices.Clone(w.U), slices.Clone(w.E1)
		w.PinU, w.PinE1 = slices.Clone(w.PinU), slices.Clone(w.PinE1)
		change(l, &x, &w)
		l.multiply(&x, w, w.I)
		return honest{x, w}
	}
}

func forgeWeighted(change func(l lattigo, x *WeightedProduct, w *WeightedProductSecret)) func(lattigo, map[Statement]honest) honest {
	return func(l lattigo, h map[Statement]honest) honest {
		x, w := h[StatementWeightedProduct].instance.(WeightedProduct), h[StatementWeightedProduct].secret.(WeightedProductSecret)
		w.I, w.A = slices.Clone(w.I), slices.Clone(w.A)
		change(l, &x, &w)
		l.multiply(&x.Product, w.ProductSecret, w.A)
		return honest{x, w}
	}
}

func forgeRelease(change func(lattigo, *Release, *ReleaseSecret)) func(lattigo, map[Statement]honest) honest {
	return func(l lattigo, h map[Statement]honest) honest {
		x, w := h[StatementRelease].instance.(Release), h[StatementRelease].secret.(ReleaseSecret)
		w.S, w.E, w.V, w.F1, w.F0 = slices.Clone(w.S), slices.Clone(w.E), slices.Clone(w.V), slices.Clone(w.F1), slices.Clone(w.F0)
		change(l, &x, &w)
		l.releaseOf(&x, w)
		return honest{x, w}
	}
}

// repin makes the pin's ciphertext of the indicator that the product states, or of another one.
func repin(l lattigo, x *Product, w *ProductSecret, i []int64) {
	pin := Product{PK0: x.PK0, PK1: x.PK1, B0: x.Pin.B1, B1: x.Pin.B1}
	l.multiply(&pin, ProductSecret{U: w.PinU, E1: w.PinE1}, i)
	x.Pin = &Pin{B1: x.Pin.B1, C1: pin.C1}
}

// unstated takes a relation out of a shape.
func unstated(relation int) func(*shape) {
	return func(s *shape) {
		s.relations[relation].modular = false
		for i := range s.identities {
			s.identities[i] = slices.DeleteFunc(s.identities[i], func(p part) bool { return p.relation == relation })
		}
	}
}

func unmasked(s *shape) { s.masked = nil }

func joinForgeries() []forgery {
	return slices.Concat(productForgeries(), weightedForgeries(), releaseForgeries())
}

func productForgeries() []forgery {
	pr := StatementProduct
	indicator := func(value int64) func(l lattigo, x *Product, w *ProductSecret) {
		return func(l lattigo, x *Product, w *ProductSecret) {
			w.I[3] = value
			repin(l, x, w, w.I)
		}
	}
	return []forgery{
		{name: "product: ι of 2", of: pr, weaken: widen("ι", 1), forge: forgeProduct(indicator(2))},
		{name: "product: ι of −1", of: pr, weaken: widen("ι", 1), forge: forgeProduct(indicator(-1))},
		{name: "product: huge ι", of: pr, forge: forgeProduct(indicator(1 << 40))},
		{name: "product: one more position than the pin", of: pr, weaken: unstated(1),
			forge: forgeProduct(func(_ lattigo, _ *Product, w *ProductSecret) { w.I[1] = 1 })},
		{name: "product: one position fewer than the pin", of: pr, weaken: unstated(1),
			forge: forgeProduct(func(_ lattigo, _ *Product, w *ProductSecret) { w.I[0] = 0 })},
		{name: "product: everybody", of: pr, weaken: unstated(1),
			forge: forgeProduct(func(_ lattigo, _ *Product, w *ProductSecret) {
				for i := range w.I {
					w.I[i] = 1
				}
			})},
		{name: "product: chunks that are absent from the pin", of: pr, weaken: nil,
			forge: forgeProduct(func(l lattigo, x *Product, w *ProductSecret) {
				x.Pin = &Pin{B1: slices.Repeat([]Poly{l.p.NewPoly()}, testChunks), C1: x.Pin.C1}
			})},
		{name: "product: randomness of 2", of: pr, weaken: widen("u", 1),
			forge: forgeProduct(func(_ lattigo, _ *Product, w *ProductSecret) { w.U[0] = 2 })},
		{name: "product: noise of the target", of: pr, weaken: widen("e0", 1),
			forge: forgeProduct(func(_ lattigo, _ *Product, w *ProductSecret) { w.E0 = ErrorBound + 1 })},
		{name: "product: noise of c1", of: pr, weaken: widen("e1", 1),
			forge: forgeProduct(func(_ lattigo, _ *Product, w *ProductSecret) { w.E1[63] = -ErrorBound - 1 })},
		{name: "product: randomness of the pin", of: pr, weaken: widen("pin u", 1),
			forge: forgeProduct(func(l lattigo, x *Product, w *ProductSecret) { w.PinU[5] = -2; repin(l, x, w, w.I) })},
		{name: "product: noise of the pin", of: pr, weaken: widen("pin e1", 1),
			forge: forgeProduct(func(l lattigo, x *Product, w *ProductSecret) { w.PinE1[0] = ErrorBound + 1; repin(l, x, w, w.I) })},
	}
}

func weightedForgeries() []forgery {
	wp := StatementWeightedProduct
	return []forgery{
		{name: "weighted product: α where ι is 0", of: wp, weaken: unmasked,
			forge: forgeWeighted(func(_ lattigo, _ *WeightedProduct, w *WeightedProductSecret) { w.A[1] = 1 })},
		{name: "weighted product: negative α where ι is 0", of: wp, weaken: unmasked,
			forge: forgeWeighted(func(_ lattigo, _ *WeightedProduct, w *WeightedProductSecret) { w.A[1] = -1 })},
		{name: "weighted product: α in an absent chunk", of: wp, weaken: unmasked,
			forge: forgeWeighted(func(_ lattigo, _ *WeightedProduct, w *WeightedProductSecret) { w.A[len(w.A)-1] = 1 })},
		{name: "weighted product: α of 2^20 above lo", of: wp, weaken: widen("α", 1),
			forge: forgeWeighted(func(_ lattigo, x *WeightedProduct, w *WeightedProductSecret) { w.A[0] = x.Lo + 1<<WeightBits })},
		{name: "weighted product: α of lo − 1", of: wp, weaken: widen("α", 1),
			forge: forgeWeighted(func(_ lattigo, x *WeightedProduct, w *WeightedProductSecret) { w.A[0] = x.Lo - 1 })},
		{name: "weighted product: another lo", of: wp,
			forge: forgeWeighted(func(_ lattigo, x *WeightedProduct, w *WeightedProductSecret) { x.Lo++; w.A[0] = x.Lo - 1 })},
		{name: "weighted product: ι that is not the pin's", of: wp, weaken: unstated(1),
			forge: forgeWeighted(func(_ lattigo, _ *WeightedProduct, w *WeightedProductSecret) { w.I[1], w.A[1] = 1, 7 })},
		{name: "weighted product: ι of 2 for twice the weight", of: wp,
			forge: forgeWeighted(func(_ lattigo, _ *WeightedProduct, w *WeightedProductSecret) { w.I[0] = 2 })},
	}
}

func releaseForgeries() []forgery {
	re := StatementRelease
	return []forgery{
		{name: "release: flooding of B", of: re, weaken: widen("f0", 1),
			forge: forgeRelease(func(l lattigo, _ *Release, w *ReleaseSecret) { w.F0[2] = l.p.Flooding() })},
		{name: "release: flooding below −B", of: re, weaken: widen("f0", 1),
			forge: forgeRelease(func(l lattigo, _ *Release, w *ReleaseSecret) {
				w.F0[2] = new(big.Int).Neg(new(big.Int).Add(l.p.Flooding(), one))
			})},
		{name: "release: noise of h1", of: re, weaken: widen("f1", 1),
			forge: forgeRelease(func(_ lattigo, _ *Release, w *ReleaseSecret) { w.F1[63] = ErrorBound + 1 })},
		{name: "release: randomness of 2", of: re, weaken: widen("v", 1),
			forge: forgeRelease(func(_ lattigo, _ *Release, w *ReleaseSecret) { w.V[0] = 2 })},
		{name: "release: another secret than the key share's", of: re, weaken: unstated(0),
			forge: forgeRelease(func(l lattigo, _ *Release, w *ReleaseSecret) { w.S = l.sample(l.params.Xs()) })},
		{name: "release: a secret that differs where the key share is not stated", of: re, weaken: unstated(0),
			forge: forgeRelease(func(_ lattigo, _ *Release, w *ReleaseSecret) { w.S[5] = (w.S[5]+2)%3 - 1 })},
	}
}

// joinFields are honest instances with one public part exchanged: none has a witness any more.
func joinFields(x Instance, other map[Statement]honest) map[string]Instance {
	out := map[string]Instance{}
	switch x := x.(type) {
	case Product:
		for name, y := range productFields(x, other[StatementProduct].instance.(Product)) {
			out[name] = y
		}
	case WeightedProduct:
		for name, y := range productFields(x.Product, other[StatementProduct].instance.(Product)) {
			out[name] = WeightedProduct{y, x.Lo}
		}
		out["another lo"] = WeightedProduct{x.Product, x.Lo - 1}
	case Release:
		o := other[StatementRelease].instance.(Release)
		for name, change := range map[string]func(*Release){
			"another coefficient":     func(y *Release) { y.Slots[2].Coefficient++ },
			"a neighbour of its slot": func(y *Release) { y.Slots[1].Coefficient-- },
			"another ciphertext":      func(y *Release) { y.Slots[2].Sum = 1 },
			"two slots exchanged":     func(y *Release) { y.Slots[0], y.Slots[2] = y.Slots[2], y.Slots[0] },
			"two h0 exchanged":        func(y *Release) { swapLimbs(y.H0, 0, 4) },
			"h0 by a bit that is not sent": func(y *Release) {
				for i := range y.H0.Coeffs {
					y.H0.Coeffs[i][0]++ // h0 of the first slot is not Q − 1
				}
			},
			"a slot fewer":             func(y *Release) { y.Slots = y.Slots[:len(y.Slots)-1] },
			"the sums exchanged":       func(y *Release) { y.Sums[0], y.Sums[1] = y.Sums[1], y.Sums[0] },
			"another sum":              func(y *Release) { y.Sums[0] = o.Sums[0] },
			"a slot twice":             func(y *Release) { y.Slots[2] = y.Slots[0] },
			"a sum twice":              func(y *Release) { y.Sums[1] = y.Sums[0] },
			"a sum that is not there":  func(y *Release) { y.Slots[2].Sum = 2 },
			"a negative sum":           func(y *Release) { y.Slots[2].Sum = -1 },
			"a coefficient past N":     func(y *Release) { y.Slots[2].Coefficient = len(y.H1.Coeffs[0]) },
			"no slots":                 func(y *Release) { y.Slots = nil },
			"another key share":        func(y *Release) { y.P = o.P },
			"another CRS":              func(y *Release) { y.A = o.A },
			"another analyst":          func(y *Release) { y.PKA0 = o.PKA0 },
			"another analyst's CRS":    func(y *Release) { y.PKA1 = o.PKA1 },
			"another h1":               func(y *Release) { y.H1 = o.H1 },
			"another h0":               func(y *Release) { y.H0 = o.H0 },
			"h0 of an unused slot":     func(y *Release) { y.H0.Coeffs[0][62], y.H0.Coeffs[1][62] = 1, 1 },
			"an unused slot is a slot": func(y *Release) { y.Slots = append(y.Slots, Slot{1, 1}) },
		} {
			y := x
			y.Slots, y.Sums, y.H0 = slices.Clone(x.Slots), slices.Clone(x.Sums), *x.H0.CopyNew()
			change(&y)
			out[name] = y
		}
	}
	return out
}

func swapLimbs(x Poly, i, j int) {
	for _, row := range x.Coeffs {
		row[i], row[j] = row[j], row[i]
	}
}

func productFields(x, o Product) map[string]Product {
	out := map[string]Product{}
	for name, change := range map[string]func(*Product){
		"another key":              func(y *Product) { y.PK0 = o.PK0 },
		"another CRS":              func(y *Product) { y.PK1 = o.PK1 },
		"another chunk":            func(y *Product) { y.B0[1], y.B1[1] = o.B0[1], o.B1[1] },
		"chunks in another order":  func(y *Product) { y.B0[0], y.B0[1], y.B1[0], y.B1[1] = y.B0[1], y.B0[0], y.B1[1], y.B1[0] },
		"half a chunk exchanged":   func(y *Product) { y.B0[0], y.B0[1] = y.B0[1], y.B0[0] },
		"a chunk fewer":            func(y *Product) { y.B0, y.B1, y.Pin.B1 = y.B0[:2], y.B1[:2], y.Pin.B1[:2] },
		"another target":           func(y *Product) { y.C0 = o.C0 },
		"another c1":               func(y *Product) { y.C1 = o.C1 },
		"another pin":              func(y *Product) { y.Pin.C1 = o.Pin.C1 },
		"a pin of other chunks":    func(y *Product) { y.Pin.B1[0] = o.Pin.B1[0] },
		"a pin in another order":   func(y *Product) { y.Pin.B1[0], y.Pin.B1[1] = y.Pin.B1[1], y.Pin.B1[0] },
		"no pin":                   func(y *Product) { y.Pin = nil },
		"no chunks":                func(y *Product) { y.B0, y.B1, y.Pin.B1 = nil, nil, nil },
		"halves of other numbers":  func(y *Product) { y.B1 = y.B1[:2] },
		"a pin of fewer":           func(y *Product) { y.Pin.B1 = y.Pin.B1[:2] },
		"more chunks than allowed": func(y *Product) { y.B0, y.B1, y.Pin = slices.Repeat(y.B0, 3), slices.Repeat(y.B1, 3), nil },
	} {
		y := x
		y.B0, y.B1 = slices.Clone(x.B0), slices.Clone(x.B1)
		y.Pin = &Pin{B1: slices.Clone(x.Pin.B1), C1: x.Pin.C1}
		change(&y)
		out[name] = y
	}
	return out
}

// TestExchangedParts: with one public part of an honest statement exchanged for another there is no
// proof from its witness, for whoever tries to make one.
func TestExchangedParts(t *testing.T) {
	p := tiny(t)
	k, cases, other := keysFor(t, p), honestCases(t, p), honestCases(t, p)
	for _, s := range JoinStatements {
		for name, x := range joinFields(cases[s].instance, other) {
			_, err := k.Prove(testBinding(), x, cases[s].secret)
			if without := s == StatementProduct && name == "no pin"; without != (err == nil) || err != nil && !errors.Is(err, ErrWitness) {
				t.Errorf("%v with %s: %v", s, name, err)
			}
		}
	}
}

// TestNoCoefficientIsFree: every coefficient of c1 and h1 is stated, the target's alone of c0, and of h0
// the limbs'; a change of any other is no other statement.
func TestNoCoefficientIsFree(t *testing.T) {
	p := tiny(t)
	k := keysFor(t, p)
	for s, h := range honestCases(t, p) {
		var stated map[string]func(j int) bool
		var polys func(Instance) (Instance, map[string]*Poly)
		switch h.instance.(type) {
		case Product:
			stated = map[string]func(int) bool{"c0": func(j int) bool { return j == p.Target() }, "c1": func(int) bool { return true }}
			polys = func(x Instance) (Instance, map[string]*Poly) {
				y := x.(Product)
				return &y, map[string]*Poly{"c0": &y.C0, "c1": &y.C1}
			}
		case WeightedProduct:
			stated = map[string]func(int) bool{"c0": func(j int) bool { return j == p.Target() }, "c1": func(int) bool { return true }}
			polys = func(x Instance) (Instance, map[string]*Poly) {
				y := x.(WeightedProduct)
				return &y, map[string]*Poly{"c0": &y.C0, "c1": &y.C1}
			}
		case Release:
			stated = map[string]func(int) bool{"h0": func(j int) bool { return j%p.Stride() == 0 }, "h1": func(int) bool { return true }}
			polys = func(x Instance) (Instance, map[string]*Poly) {
				y := x.(Release)
				return &y, map[string]*Poly{"h0": &y.H0, "h1": &y.H1}
			}
		default:
			continue
		}
		for name, is := range stated {
			for j := range p.N() {
				x, of := polys(h.instance)
				poly := of[name]
				*poly = *poly.CopyNew()
				poly.Coeffs[0][j] = (poly.Coeffs[0][j] + 1) % p.Primes()[0]
				if same := slices.Equal(x.encode(p), h.instance.encode(p)); same == is(j) {
					t.Fatalf("%v: coefficient %d of %s: in the statement %t, want %t", s, j, name, !same, is(j))
				}
				if !is(j) {
					continue
				}
				if name == "h0" && j >= len(h.instance.(Release).Slots)*p.Stride() {
					if x.valid(p) {
						t.Fatalf("coefficient %d of h0, of no slot, can be stated", j)
					}
					continue
				}
				sys := k.entries[s].system
				if _, err := sys.solveQuotients(x.publics(p), h.secret.shorts(p, h.instance)); !errors.Is(err, ErrWitness) {
					t.Fatalf("%v: coefficient %d of %s is free: %v", s, j, name, err)
				}
			}
		}
	}
}
