package circuits

import (
	"errors"
	"maps"
	"math/big"
	"slices"
	"testing"

	bn254 "github.com/consensys/gnark-crypto/ecc/bn254"
	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
	"github.com/consensys/gnark-crypto/ecc/bn254/fr/pedersen"
	groth16 "github.com/consensys/gnark/backend/groth16/bn254"
	"github.com/consensys/gnark/constraint"
)

// TestWeightsAreApart: in every identity the parts cannot make up for each other, whatever digits
// are chosen, and the weighted sum does not wrap; no two riders are stated at one place.
func TestWeightsAreApart(t *testing.T) {
	for _, p := range manySets(t) {
		name := p.Name()
		for _, s := range allStatements {
			sh := shapeOf(p, s)
			stated := map[int]bool{}
			for _, l := range sh.lines() {
				sum, one := new(big.Int), l.parts[0]
				for i, part := range l.parts {
					stated[part.relation] = true
					bound := sh.bound(&sh.relations[part.relation])
					if i == 0 && len(l.parts) > 1 && (one.weight.Cmp(big.NewInt(1)) != 0 || bound.Cmp(l.parts[1].weight) >= 0) {
						t.Errorf("%s, %v: a part reaches the weight of another", name, s)
					}
					sum.Add(sum, bound.Mul(bound, part.weight))
				}
				if len(l.parts) > 2 || sum.Cmp(halfField) >= 0 {
					t.Errorf("%s, %v, class %d: %d parts, a sum of %d bits", name, s, l.class, len(l.parts), sum.BitLen())
				}
			}
			if len(stated) != len(sh.relations) {
				t.Errorf("%s, %v: %d relations of %d are stated", name, s, len(stated), len(sh.relations))
			}
		}
	}
}

// assigned is an honest assignment of a statement.
func assigned(t *testing.T, sys *system, h honest) (publics, *assignment) {
	t.Helper()
	publics := h.instance.publics(sys.shape.params)
	q, err := sys.solveQuotients(publics, h.secret.shorts(sys.shape.params, h.instance))
	if err != nil {
		t.Fatal(err)
	}
	a, err := sys.newAssignment(q)
	if err != nil {
		t.Fatal(err)
	}
	return publics, a
}

// TestGuessedChallenges carries out what each challenge prevents: with it known beforehand a false
// statement passes; at another it fails.
func TestGuessedChallenges(t *testing.T) {
	p := tiny(t)
	cases := honestCases(t, p)
	t.Run("β: two lines that make up for each other", func(t *testing.T) {
		sys := keysFor(t, p).entries[StatementKeyShare].system
		publics, a := assigned(t, sys, cases[StatementKeyShare])
		c := randomChallenges(t)
		// Class 3 off by 1 and class 0 by −β³: Σ β^class·error is zero.
		var off fr.Element
		one := fr.One()
		off.Exp(c.beta, big.NewInt(3))
		publics.rows[1][3].Add(&publics.rows[1][3], &one)
		publics.rows[1][0].Sub(&publics.rows[1][0], &off)
		if err := solveAt(t, sys, publics, a, c); err != nil {
			t.Fatalf("not even with β known: %v", err)
		}
		if err := solve(t, sys, publics, a); err == nil {
			t.Fatal("accepted at another β")
		}
	})
	t.Run("ζ: four coefficients that make a tuple of others", func(t *testing.T) {
		sys := keysFor(t, p).entries[StatementKeyShare].system
		publics, a := assigned(t, sys, cases[StatementKeyShare])
		c := randomChallenges(t)
		// s_0 becomes s_0 + x and s_16 less by x/ζ: the value at ζ is the same, so all that is
		// evaluated is.
		var x, y fr.Element
		if _, err := x.SetRandom(); err != nil {
			t.Fatal(err)
		}
		a.digits[0][0][0].Add(&a.digits[0][0][0], &x)
		a.digits[0][16][0].Sub(&a.digits[0][16][0], y.Div(&x, &c.zeta))
		if err := solveAt(t, sys, publics, a, c); err != nil {
			t.Fatalf("not even with ζ known: %v", err)
		}
		if err := solve(t, sys, publics, a); err == nil {
			t.Fatal("accepted at another ζ")
		}
	})
	t.Run("γ: the one of another proof", func(t *testing.T) {
		sys := keysFor(t, p).entries[StatementKeyShare].system
		h := forgeKeyShare(func(w *KeyShareSecret) { w.S[0] = 6 })(newLattigo(t, p), cases)
		publics, a := assigned(t, sys, h)
		c := randomChallenges(t)
		var value, num, den fr.Element
		one := fr.One()
		for i := fours - 1; i >= 0; i-- {
			var v fr.Element
			v.Sub(&a.digits[0][16*i][0], &one)
			value.Mul(&value, &c.zeta).Add(&value, &v)
		}
		a.tuples[0][40].Add(&a.tuples[0][40], num.Div(&c.gamma, den.Sub(&c.gamma, &value)))
		if err := solveAt(t, sys, publics, a, c); err != nil {
			t.Fatalf("not even with γ known: %v", err)
		}
		other := c
		other.gamma = randomChallenges(t).gamma
		if err := solveAt(t, sys, publics, a, other); err == nil {
			t.Fatal("accepted at another γ")
		}
	})
}

// TestProversOwnTupleChallenge: with a γ of the prover's choice a false key share is provable, and
// the proof verifies for whoever takes γ from the prover. The verifier derives it.
func TestProversOwnTupleChallenge(t *testing.T) {
	p := tiny(t)
	k := keysFor(t, p)
	entry, err := k.load(StatementKeyShare)
	if err != nil {
		t.Fatal(err)
	}
	sys := entry.system
	h := forgeKeyShare(func(w *KeyShareSecret) { // a tuple of 6, 0, 0, 0, whose value is 6 whatever ζ is
		w.S[0] = 6
		for i := 1; i < fours; i++ {
			w.S[16*i] = 0
		}
	})(newLattigo(t, p), honestCases(t, p))
	publics, a := assigned(t, sys, h)
	gamma, six := fr.NewElement(99), fr.NewElement(6)
	var num, den fr.Element
	a.tuples[0][40].Add(&a.tuples[0][40], num.Div(&gamma, den.Sub(&gamma, &six)))

	halves := digestHalves(statementDigest(p, k.verifying.digests[StatementKeyShare], testBinding(), h.instance))
	secrets := a.first()
	first, err := entry.proving.CommitmentKeys[0].Commit(secrets)
	if err != nil {
		t.Fatal(err)
	}
	c := challenges{beta: challenge(&first, halves[:]...)}
	quotient := sys.second(a, &c.beta)
	second, err := entry.proving.CommitmentKeys[1].Commit(quotient)
	if err != nil {
		t.Fatal(err)
	}
	c.finish(sys.shape, &second, halves)
	c.gamma = gamma
	inputs := c.inputs(sys.shape, halves, publics)
	full, err := fullWitness(inputs, append(secrets, quotient...))
	if err != nil {
		t.Fatal(err)
	}
	proof, err := groth16.Prove(sys.r1cs, entry.proving, full)
	if err != nil {
		t.Fatalf("not even with the prover's γ: %v", err)
	}
	if err := groth16.Verify(proof, k.verifying.keys[StatementKeyShare], inputs); err != nil {
		t.Fatalf("with the prover's γ: %v", err)
	}
	if err := k.Verifying().Verify(testBinding(), h.instance, encodeProof(proof)); !errors.Is(err, ErrProof) {
		t.Fatalf("the verifier took the prover's γ: %v", err)
	}
}

// TestCommitmentsAreApart: what the first commitment holds cannot be put off to the second, which
// is made when β is known. Their sum is all that the pairing equation sees; the proof of knowledge,
// under a σ for each, tells them apart.
func TestCommitmentsAreApart(t *testing.T) {
	p := tiny(t)
	k := keysFor(t, p)
	entry, err := k.load(StatementKeyShare)
	if err != nil {
		t.Fatal(err)
	}
	keys := entry.proving.CommitmentKeys
	vk := k.verifying.keys[StatementKeyShare].CommitmentKeys
	values := [][]fr.Element{make([]fr.Element, len(keys[0].Basis)), make([]fr.Element, len(keys[1].Basis))}
	for _, row := range values {
		for i := range row {
			if _, err := row[i].SetRandom(); err != nil {
				t.Fatal(err)
			}
		}
	}
	var commitments, poks [2]bn254.G1Affine
	for i := range keys {
		if commitments[i], err = keys[i].Commit(values[i]); err != nil {
			t.Fatal(err)
		}
		if poks[i], err = keys[i].ProveKnowledge(values[i]); err != nil {
			t.Fatal(err)
		}
	}
	check := func() error {
		r := randomChallenges(t).alpha
		return pedersen.BatchVerifyMultiVk(vk, commitments[:], poks[:], r)
	}
	if err := check(); err != nil {
		t.Fatal(err)
	}
	// The first wire moves: taken out of one commitment and its proof of knowledge, put into the other.
	base, second := keys[0].Basis[0], keys[0].BasisExpSigma[0]
	commitments[0].Sub(&commitments[0], &base)
	poks[0].Sub(&poks[0], &second)
	commitments[1].Add(&commitments[1], &base)
	poks[1].Add(&poks[1], &second)
	if check() == nil {
		t.Fatal("a wire of the first commitment is known in the second")
	}
}

// TestSubringPinsTheSecret searches a toy ring exhaustively for two secrets that agree with one
// key share at the coefficients that a decryption share states: with as many bits as the named
// sets have to spare there are none, with few there are.
func TestSubringPinsTheSecret(t *testing.T) {
	const n, step = 8, 2
	differences := func(q int64, bound int64) int {
		a := make([]int64, n)
		state := uint64(0x9e3779b97f4a7c15)
		for i := range a {
			state = state*6364136223846793005 + 1442695040888963407
			a[i] = int64(state>>20) % q
		}
		found := 0
		d := make([]int64, n)
		for code := range 390625 { // 5^8 differences of ternary secrets, none in the middle
			rest := code
			if code == 390625/2 {
				continue
			}
			for i := range d {
				d[i] = int64(rest%5) - 2
				rest /= 5
			}
			close := true
			for j := 0; j < n && close; j += step {
				var sum int64
				for i := range d {
					if k := j - i; k >= 0 {
						sum += d[i] * a[k]
					} else {
						sum -= d[i] * a[k+n]
					}
				}
				if sum %= q; sum > q/2 {
					sum -= q
				} else if sum < -q/2 {
					sum += q
				}
				close = sum <= bound && sum >= -bound
			}
			if close {
				found++
			}
		}
		return found
	}
	if n := differences(97, 2*ErrorBound); n == 0 {
		t.Error("no two secrets agree even where there must be some: the search finds nothing")
	}
	// 4·40 bits of the statement against 8·log2 5 + 4·log2 77 = 44 of differences.
	if n := differences(1<<40-87, 2*ErrorBound); n != 0 {
		t.Errorf("%d differences of secrets agree at the stated coefficients", n)
	}
}

// TestPublicInputsAreApart: no other public inputs than those of its statement can be made up for by another
// commitment (README section 9.4). The points that a key has for public inputs, for the challenges and for the wires
// of a commitment are combinations of those of a side in a constraint. A wire that is the only one left in some of
// these has no part in a combination that is zero; taken one after the other, that is every wire.
func TestPublicInputsAreApart(t *testing.T) {
	p := tiny(t)
	for _, s := range allStatements {
		c, err := compiledOnce(p, s)
		if err != nil {
			t.Fatal(err)
		}
		for which := range c.layout.committed {
			counted := func(wire int) bool {
				kind := c.layout.kind(wire)
				return kind == verifierWire && wire > digestInputs || kind == firstWire+which
			}
			if left := dependent(c.system, counted); len(left) > 0 {
				t.Errorf("%v, commitment %d: wires %v could make up for each other", s, which, left)
			}
		}
		if left := dependent(c.system, func(wire int) bool { return wire == 1 }); len(left) != 1 {
			t.Errorf("%v: the digest, which stands in no constraint, is taken as well", s)
		}
	}
}

// dependent are the wires that are left when, of those that are counted, every one is taken that is alone in a side
// of a constraint.
func dependent(sys *system, counted func(int) bool) []int {
	internal, secret, public := sys.r1cs.GetNbVariables()
	left, sides, at := map[int]bool{}, [][]int{}, map[int][]int{}
	for wire := 1; wire < internal+secret+public; wire++ {
		if counted(wire) {
			left[wire] = true
		}
	}
	it := sys.r1cs.GetR1CIterator()
	for c := it.Next(); c != nil; c = it.Next() {
		for _, side := range []constraint.LinearExpression{c.L, c.R, c.O} {
			sums := map[int]fr.Element{}
			for _, term := range side {
				v := sums[term.WireID()]
				v.Add(&v, &sys.r1cs.Coefficients[term.CoeffID()])
				sums[term.WireID()] = v
			}
			var wires []int
			for wire, v := range sums {
				if left[wire] && !v.IsZero() {
					wires = append(wires, wire)
					at[wire] = append(at[wire], len(sides))
				}
			}
			sides = append(sides, wires)
		}
	}
	queue := []int{}
	for i := range sides {
		queue = append(queue, i)
	}
	for ; len(queue) > 0; queue = queue[1:] {
		var alone []int
		for _, wire := range sides[queue[0]] {
			if left[wire] {
				alone = append(alone, wire)
			}
		}
		if len(alone) == 1 {
			delete(left, alone[0])
			queue = append(queue, at[alone[0]]...)
		}
	}
	return slices.Sorted(maps.Keys(left))
}
