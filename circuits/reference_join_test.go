package circuits

import (
	"fmt"
	"math/big"
)

// joinReference is the plain reference of the statements of joins.
func joinReference(p Params, x Instance, secret Secret) bool {
	switch x := x.(type) {
	case Product:
		w := secret.(ProductSecret)
		return refIndicator(p, x, w) && refProduct(p, x, w, w.I)
	case WeightedProduct:
		w := secret.(WeightedProductSecret)
		for i, a := range w.A {
			if a < x.Lo || a >= x.Lo+1<<WeightBits || a != a*w.I[i] {
				return false
			}
		}
		return refIndicator(p, x.Product, w.ProductSecret) && refProduct(p, x.Product, w.ProductSecret, w.A)
	case Release:
		return refRelease(p, x, secret.(ReleaseSecret))
	}
	panic(fmt.Sprintf("no reference for %T", x))
}

// refIndicator is what is said of ι: bits, and those of the pin.
func refIndicator(p Params, x Product, w ProductSecret) bool {
	for _, i := range w.I {
		if i != 0 && i != 1 {
			return false
		}
	}
	if x.Pin == nil {
		return true
	}
	c1 := refAdd(refMul(refPoly(p, x.PK1), refSmall(p, w.PinU)), refSmall(p, w.PinE1))
	for j := range x.Pin.B1 {
		c1 = refAdd(c1, refMul(refPoly(p, x.Pin.B1[j]), refEntries(p, w.I, j)))
	}
	var noise []int64
	for j := 0; j < p.N(); j += p.pinStep() {
		noise = append(noise, w.PinE1[j])
	}
	return refBound(w.PinU, 1) && refBound(noise, ErrorBound) && refEqual(p, refPoly(p, x.Pin.C1), c1, p.pinStep())
}

// refEntries is a chunk's entries at their exponents.
func refEntries(p Params, a []int64, j int) []*big.Int {
	out := refSmall(p, nil)
	for i := range p.Limbs() {
		out[p.N()-p.Stride()-i*p.Stride()].SetInt64(a[j*p.Limbs()+i])
	}
	return out
}

func refProduct(p Params, x Product, w ProductSecret, a []int64) bool {
	u := refSmall(p, w.U)
	c0, c1 := refMul(refPoly(p, x.PK0), u), refAdd(refMul(refPoly(p, x.PK1), u), refSmall(p, w.E1))
	for j := range x.B0 {
		entries := refEntries(p, a, j)
		c0, c1 = refAdd(c0, refMul(refPoly(p, x.B0[j]), entries)), refAdd(c1, refMul(refPoly(p, x.B1[j]), entries))
	}
	tau := p.N() - p.Stride()
	difference := new(big.Int).Sub(refPoly(p, x.C0)[tau], c0[tau])
	difference.Sub(difference, big.NewInt(w.E0))
	return refBound(w.U, 1) && refBound(w.E1, ErrorBound) && refBound([]int64{w.E0}, ErrorBound) &&
		difference.Mod(difference, p.Q()).Sign() == 0 && refEqual(p, refPoly(p, x.C1), c1, 1)
}

func refRelease(p Params, x Release, w ReleaseSecret) bool {
	h0, v := refPoly(p, x.H0), refMul(refPoly(p, x.PKA0), refSmall(p, w.V))
	for k := range p.Limbs() {
		want := new(big.Int)
		if k < len(x.Slots) {
			of := x.Slots[k]
			want.Add(refMul(refPoly(p, x.Sums[of.Sum]), refSmall(p, w.S))[of.Coefficient], v[k*p.Stride()])
			want.Add(want, w.F0[k])
			if w.F0[k].Cmp(p.Flooding()) >= 0 || w.F0[k].CmpAbs(p.Flooding()) > 0 {
				return false
			}
		}
		if want.Sub(want, h0[k*p.Stride()]); want.Mod(want, p.Q()).Sign() != 0 {
			return false
		}
	}
	h1 := refAdd(refMul(refPoly(p, x.PKA1), refSmall(p, w.V)), refSmall(p, w.F1))
	return refBound(w.V, 1) && refBound(w.F1, ErrorBound) && refEqual(p, refPoly(p, x.H1), h1, 1) &&
		refKeyShare(p, x.A, x.P, w.S, w.E, p.Classes())
}
