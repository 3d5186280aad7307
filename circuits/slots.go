package circuits

import (
	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
)

// Slots are single coefficients of products of public polynomials with secret ones, all of them in
// one identity: with P_i = Σ_k β^k·X^(−at_(k,i))·(the public polynomial that slot k names in its i-th
// product), coefficient 0 of Σ_i P_i·short_i is Σ_k β^k·(what slot k says) (README section 11).

// slotParts is what a prover makes the rest of the slots of.
type slotParts struct {
	publics publics
	shorts  [][]fr.Element // those of the products, all N coefficients, in their order
}

// rotatedAtMost is how many places in one public polynomial are taken one by one, at the cost of N
// multiplications each; more of them by one product of polynomials.
const rotatedAtMost = 24

// places lists, of one product of the slots, which slots name which public polynomial.
func (x *publics) places(product int) (rows []int, slots map[int][]int) {
	slots = map[int][]int{}
	for k := range x.slots {
		row := x.slots[k][product].row
		if slots[row] == nil {
			rows = append(rows, row)
		}
		slots[row] = append(slots[row], k)
	}
	return rows, slots
}

// combined is P_i modulo X^N+1.
func (s *shape) combined(x publics, product int, beta *fr.Element) []fr.Element {
	n, unit := s.params.N(), fr.One()
	out := make([]fr.Element, n)
	powers := geometric(&unit, beta, max(1, len(x.slots)))
	rows, slots := x.places(product)
	multiply := newMultiplier(n)
	for _, row := range rows {
		polynomial := x.rows[row]
		if len(slots[row]) <= rotatedAtMost {
			for _, k := range slots[row] {
				addRotated(out, polynomial, x.slots[k][product].at, &powers[k])
			}
			continue
		}
		weights := make([]fr.Element, n)
		for _, k := range slots[row] {
			addRotated(weights, []fr.Element{unit}, x.slots[k][product].at, &powers[k])
		}
		for j, v := range multiply.modulo(weights, polynomial) {
			out[j].Add(&out[j], &v)
		}
	}
	return out
}

// addRotated adds weight·X^(−at)·a modulo X^n+1, n the length of sum.
func addRotated(sum, a []fr.Element, at int, weight *fr.Element) {
	var t fr.Element
	for c := range a {
		t.Mul(&a[c], weight)
		if c >= at {
			sum[c-at].Add(&sum[c-at], &t)
		} else {
			to := &sum[c-at+len(sum)]
			to.Sub(to, &t)
		}
	}
}

// evaluateSlots gives the slots' public inputs: Σ_k β^k·value_k, and the factors at ζ.
func (s *shape) evaluateSlots(x publics, beta, zeta *fr.Element) []fr.Element {
	if s.slots == nil {
		return nil
	}
	out := []fr.Element{every(x.rows[s.slots.value], 0, 1, beta)}
	for i, p := range s.slots.products {
		classes := classesAt(s.combined(x, i, beta), s.params.Classes(), zeta)
		for _, f := range s.classesOf([]int{p.short}) {
			out = append(out, beside(classes, 0, f.class, zeta))
		}
	}
	return out
}

// rest is class 0 of Σ_i P_i·short_i, not reduced modulo Z^M+1, from its second coefficient.
func (s *shape) rest(parts slotParts, beta *fr.Element) []fr.Element {
	if s.slots == nil {
		return nil
	}
	n := s.params.N()
	multiply, sum := newMultiplier(n), make([]fr.Element, 2*n)
	for i := range s.slots.products {
		multiply.add(sum, multiply.transform(s.combined(parts.publics, i, beta)), multiply.transform(parts.shorts[i]))
	}
	multiply.back(sum)
	out := make([]fr.Element, 2*s.params.perClass()-1)
	for m := range out {
		out[m] = sum[s.params.Classes()*(m+1)]
	}
	return out
}

// slotSums are, for each slot, its coefficients of all products, summed; zero where no slot is used.
func (s *shape) slotSums(parts slotParts) []fr.Element {
	out := make([]fr.Element, s.slots.count)
	multiply := newMultiplier(s.params.N())
	for i := range s.slots.products {
		rows, slots := parts.publics.places(i)
		for _, row := range rows {
			var whole []fr.Element
			if len(slots[row]) > rotatedAtMost {
				whole = multiply.modulo(parts.publics.rows[row], parts.shorts[i])
			}
			for _, k := range slots[row] {
				at := parts.publics.slots[k][i].at
				var v fr.Element
				if whole != nil {
					v = whole[at]
				} else {
					v = coefficientOf(parts.publics.rows[row], parts.shorts[i], at)
				}
				out[k].Add(&out[k], &v)
			}
		}
	}
	return out
}

// coefficientOf is one coefficient of a·b modulo X^n+1.
func coefficientOf(a, b []fr.Element, at int) (sum fr.Element) {
	var t fr.Element
	for c := range b {
		if b[c].IsZero() {
			continue
		}
		if c <= at {
			sum.Add(&sum, t.Mul(&a[at-c], &b[c]))
		} else {
			sum.Sub(&sum, t.Mul(&a[at-c+len(a)], &b[c]))
		}
	}
	return sum
}
