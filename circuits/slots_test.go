package circuits

import (
	"errors"
	"fmt"
	"math"
	"math/big"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
)

// TestSlotsAreCoefficients: what the slots combine is, for any public and secret polynomials, the
// coefficients that a schoolbook product has at the places named, each with its power of β: few of one
// polynomial, which are rotated, and many, which are multiplied.
func TestSlotsAreCoefficients(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	for _, p := range smallSets(t) {
		s := shapeOf(p, StatementRelease)
		c := drawCase(rng, s, false)
		for range 2 {
			c.publics = append(c.publics, c.publics[rowPKA0], c.publics[rowH1]) // sums
		}
		x := publics{rows: fieldRows(c.publics)}
		used := 1 + rng.IntN(p.Limbs())
		for k := range used {
			x.slots = append(x.slots, []place{{rowSums + rng.IntN(1+k%2), rng.IntN(p.N())}, {rowPKA0, k * p.Stride()}})
		}
		parts := slotParts{publics: x}
		for _, product := range s.slots.products {
			parts.shorts = append(parts.shorts, fieldRows(c.shorts)[product.short])
		}
		want := make([]*big.Int, p.Limbs())
		for k := range want {
			want[k] = new(big.Int)
			for i, product := range s.slots.products {
				if k < used {
					at := x.slots[k][i]
					want[k].Add(want[k], refMul(c.publics[at.row], c.shorts[product.short])[at.at])
				}
			}
		}
		expected := fieldRows([][]*big.Int{want})[0]
		for k, got := range s.slotSums(parts) {
			if !got.Equal(&expected[k]) {
				t.Fatalf("%s: slot %d of %d", p.Name(), k, used)
			}
		}
		// Σ_i P_i·short_i is the rest whose first coefficient is Σ β^k·slot_k and the one in the middle.
		ch := randomChallenges(t)
		inputs := s.evaluateSlots(x, &ch.beta, &ch.zeta)
		var left fr.Element
		for i, f := range s.slotFactors() {
			v := every(fieldRows(c.shorts)[f.short], f.class, p.Classes(), &ch.zeta)
			left.Add(&left, v.Mul(&v, &inputs[1+i]))
		}
		rest := s.rest(parts, &ch.beta)
		first := every(expected, 0, 1, &ch.beta)
		first.Add(&first, &rest[p.perClass()-1])
		right := every(rest, 0, 1, &ch.zeta)
		if right.Mul(&right, &ch.zeta).Add(&right, &first); !left.Equal(&right) {
			t.Errorf("%s: what is evaluated is not what the slots say", p.Name())
		}
	}
}

// TestGuessedSlots carries out what the challenges prevent: two slots that make up for each other with β
// known, and a rest chosen with ζ known. At other challenges both fail.
func TestGuessedSlots(t *testing.T) {
	p := tiny(t)
	h := honestCases(t, p)[StatementRelease]
	sys := keysFor(t, p).entries[StatementRelease].system
	honestly := func() (publics, *assignment) { return assigned(t, sys, h) }
	one := fr.One()

	x, a := honestly()
	c := randomChallenges(t)
	x.rows[rowH0][1].Add(&x.rows[rowH0][1], &one)
	x.rows[rowH0][0].Sub(&x.rows[rowH0][0], &c.beta)
	if err := solveAt(t, sys, x, a, c); err != nil {
		t.Fatalf("not even with β known: %v", err)
	}
	if err := solve(t, sys, x, a); err == nil {
		t.Fatal("accepted at another β")
	}

	x, a = honestly()
	x.rows[rowH0][0].Add(&x.rows[rowH0][0], &one)
	secrets := append(a.first(), sys.second(a, &c.beta)...)
	rest := secrets[len(secrets)-1-len(sys.restWires):]
	var less fr.Element
	rest[0].Sub(&rest[0], less.Inverse(&c.zeta))
	for at, accepted := range map[*challenges]bool{&c: true, {alpha: one, beta: c.beta}: false} {
		at.derive(p.Classes())
		w, err := fullWitness(at.inputs(sys.shape, [digestInputs]fr.Element{}, x), secrets)
		if err != nil {
			t.Fatal(err)
		}
		if err := solveWith(sys, w, *at); (err == nil) != accepted {
			t.Errorf("a rest made for one ζ: %v, want accepted %t", err, accepted)
		}
	}
}

// TestAnotherTarget: a product whose sent coefficient is another one than τ passes where the slot names
// that one, and a release's h0 where the slot does; each fails where it names what it must.
func TestAnotherTarget(t *testing.T) {
	p := tiny(t)
	l, k, cases := newLattigo(t, p), keysFor(t, p), honestCases(t, p)
	x, w := cases[StatementProduct].instance.(Product), cases[StatementProduct].secret.(ProductSecret)
	all := l.mul(x.PK0, l.p.FromSmall(w.U))
	for j := range x.B0 {
		all = l.add(all, l.mul(x.B0[j], p.FromSmall(l.exponents(w.I, j))))
	}
	const neighbour = 4
	x.C0 = p.NewPoly()
	for i, prime := range p.Primes() {
		x.C0.Coeffs[i][p.Target()] = (all.Coeffs[i][neighbour] + uint64(w.E0+int64(prime))) % prime
	}
	if _, err := k.Prove(testBinding(), x, w); !errors.Is(err, ErrWitness) {
		t.Fatalf("proved another coefficient: %v", err)
	}
	of := x.publics(p)
	for i := range of.slots[0] {
		of.slots[0][i].at = neighbour
	}
	sys := k.entries[StatementProduct].system
	q, err := sys.solveQuotients(of, w.shorts(p, x))
	if err != nil {
		t.Fatalf("not even where the slot names it: %v", err)
	}
	a, err := sys.newAssignment(q)
	if err != nil {
		t.Fatal(err)
	}
	if err := solve(t, sys, of, a); err != nil {
		t.Fatalf("not even where the slot names it: %v", err)
	}
	if err := solve(t, sys, x.publics(p), a); err == nil {
		t.Fatal("its witness is accepted at the target")
	}
}

// TestUnusedSlots: a slot that is not used says that its h0 is its flooding, so with h0 of zero, which is
// all that an instance may have there, nothing else is.
func TestUnusedSlots(t *testing.T) {
	p := tiny(t)
	h := honestCases(t, p)[StatementRelease]
	sys := keysFor(t, p).entries[StatementRelease].system
	x := h.instance.(Release)
	w := h.secret.(ReleaseSecret)
	w.F0 = append(w.F0[:len(w.F0):len(w.F0)], big.NewInt(7))
	if _, err := sys.solveQuotients(x.publics(p), w.shorts(p, x)); !errors.Is(err, ErrWitness) {
		t.Errorf("flooding of a slot that is not used: %v", err)
	}
	x.H0 = *x.H0.CopyNew()
	for i := range x.H0.Coeffs {
		x.H0.Coeffs[i][len(x.Slots)*p.Stride()] = 7
	}
	if x.valid(p) {
		t.Error("h0 of a slot that is not used can be stated")
	}
	q, err := sys.solveQuotients(x.publics(p), w.shorts(p, x)) // as if it could
	if err != nil {
		t.Fatal(err)
	}
	a, err := sys.newAssignment(q)
	if err != nil {
		t.Fatal(err)
	}
	if err := solve(t, sys, x.publics(p), a); err != nil {
		t.Errorf("the circuit knows more of it than is said here: %v", err)
	}
}

// TestSameSlots: whoever multiplies can make two targets the same ciphertext, of zeros, say. All others share it
// twice, each time with a flooding of its own; the slots do not stand for each other.
func TestSameSlots(t *testing.T) {
	p := tiny(t)
	l, k := newLattigo(t, p), keysFor(t, p)
	key, secret := l.keyShare()
	analyst, _ := l.keyShare()
	for name, sums := range map[string][]Poly{"one sum": {p.CRS([]byte("sum")), p.CRS([]byte("other"))}, "two sums": slices.Repeat([]Poly{p.NewPoly()}, 2)} {
		x, w := l.release(key, secret, sums, analyst)
		x.Slots[2] = x.Slots[0]
		if name == "two sums" {
			x.Slots[2].Sum = 1
		}
		l.releaseOf(&x, w)
		proof, err := k.Prove(testBinding(), x, w)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if err := k.Verifying().Verify(testBinding(), x, proof); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		swapLimbs(x.H0, 0, 2*p.Stride())
		if _, err := k.Prove(testBinding(), x, w); !errors.Is(err, ErrWitness) {
			t.Errorf("%s, h0 exchanged: %v", name, err)
		}
	}
}

// TestPinBits: a named set's pin has more equations than two witnesses have differences, by the margin,
// at as few classes as that.
func TestPinBits(t *testing.T) {
	want := map[string]int{"default": 1, "joined": 1, "light": 2, "test": 2}
	for name, classes := range want {
		p, err := Named(name)
		if err != nil {
			t.Fatal(err)
		}
		got := p.Classes() / p.pinStep()
		differences, equations := p.pinBits(got)
		if got != classes || equations < differences+pinMargin {
			t.Errorf("%s: %d classes, of %.0f bits, want %d; %.0f bits of differences", name, got, equations, classes, differences)
		}
		if row := fmt.Sprintf("| 2^%s | 2^%s | %d |", thousands(int(math.Round(differences))), thousands(int(equations)), got); name != "test" && !strings.Contains(readme(t), row) {
			t.Errorf("README.md has no row of %s with %s", name, row)
		}
	}
}
