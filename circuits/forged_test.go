package circuits

import (
	"bytes"
	"errors"
	"maps"
	"math/big"
	"slices"
	"testing"

	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
	groth16 "github.com/consensys/gnark/backend/groth16/bn254"
	"github.com/consensys/gnark/backend/witness"
	"github.com/consensys/gnark/constraint"
	"github.com/consensys/gnark/constraint/solver"
	fcs "github.com/consensys/gnark/frontend/cs"
)

// solve asks the constraint system alone, at random challenges, whether it accepts.
func solve(t *testing.T, sys *system, publics publics, a *assignment) error {
	t.Helper()
	c := randomChallenges(t)
	c.derive(sys.shape.params.Classes())
	return solveAt(t, sys, publics, a, c)
}

func randomChallenges(t *testing.T) challenges {
	t.Helper()
	var c challenges
	for _, z := range []*fr.Element{&c.alpha, &c.beta} {
		if _, err := z.SetRandom(); err != nil {
			t.Fatal(err)
		}
	}
	c.derive(16)
	return c
}

func solveAt(t *testing.T, sys *system, publics publics, a *assignment, c challenges) error {
	t.Helper()
	secrets := append(a.first(), sys.second(a, &c.beta)...)
	w, err := fullWitness(c.inputs(sys.shape, [digestInputs]fr.Element{}, publics), secrets)
	if err != nil {
		t.Fatal(err)
	}
	return solveWith(sys, w, c)
}

// solveWith solves with the challenges given in place of those of the commitments.
func solveWith(sys *system, w witness.Witness, c challenges) error {
	id := solver.GetHintID(fcs.Bsb22CommitmentComputePlaceholder)
	_, err := sys.r1cs.Solve(w, solver.OverrideHint(id, func(_ *big.Int, in, out []*big.Int) error {
		[]*fr.Element{&c.beta, &c.alpha}[in[0].Int64()].BigInt(out[0])
		return nil
	}))
	return err
}

// forgery makes a false statement with a witness that is consistent in all but one point.
// The circuit must refuse it; weaken, where there is one, removes the check that refuses it,
// and then it must pass: so the test is known to test that check.
type forgery struct {
	name   string
	forge  func(l lattigo, h map[Statement]honest) honest
	of     Statement
	weaken func(*shape)
}

func widen(name string, by int64) func(*shape) {
	return func(s *shape) {
		for i := range s.shorts {
			if s.shorts[i].name == name {
				sh := &s.shorts[i]
				sh.tables = slices.Clone(sh.tables)
				last := len(sh.tables) - 1
				sh.tables[last] += table(2 * by)
				sh.offset = new(big.Int).Sub(sh.offset, new(big.Int).Lsh(big.NewInt(by), uint(sh.shifts[last])))
			}
		}
	}
}

func forgeKeyShare(change func(*KeyShareSecret)) func(lattigo, map[Statement]honest) honest {
	return func(l lattigo, h map[Statement]honest) honest {
		x, w := h[StatementKeyShare].instance.(KeyShare), h[StatementKeyShare].secret.(KeyShareSecret)
		w.S, w.E = slices.Clone(w.S), slices.Clone(w.E)
		change(&w)
		x.P = l.ring.NewPoly()
		l.ring.Sub(l.p.FromSmall(w.E), l.mul(x.A, l.p.FromSmall(w.S)), x.P)
		return honest{x, w}
	}
}

func forgeContribution(change func(*Contribution, *ContributionSecret)) func(lattigo, map[Statement]honest) honest {
	return func(l lattigo, h map[Statement]honest) honest {
		x, w := h[StatementContribution].instance.(Contribution), h[StatementContribution].secret.(ContributionSecret)
		w.U, w.E0, w.E1, w.M = slices.Clone(w.U), slices.Clone(w.E0), slices.Clone(w.E1), slices.Clone(w.M)
		change(&x, &w)
		l.encrypt(&x, w)
		return honest{x, w}
	}
}

func forgeShare(change func(lattigo, *DecryptionShare, *DecryptionShareSecret)) func(lattigo, map[Statement]honest) honest {
	return func(l lattigo, h map[Statement]honest) honest {
		x, w := h[StatementDecryptionShare].instance.(DecryptionShare), h[StatementDecryptionShare].secret.(DecryptionShareSecret)
		w.S, w.E, w.V, w.F1, w.F0 = slices.Clone(w.S), slices.Clone(w.E), slices.Clone(w.V), slices.Clone(w.F1), slices.Clone(w.F0)
		change(l, &x, &w)
		l.shareOf(&x, w)
		return honest{x, w}
	}
}

func forgeries() []forgery {
	ks, co, ds := StatementKeyShare, StatementContribution, StatementDecryptionShare
	return []forgery{
		{name: "key share: secret of 2", of: ks, weaken: widen("s", 1),
			forge: forgeKeyShare(func(w *KeyShareSecret) { w.S[3] = 2 })},
		{name: "key share: huge secret", of: ks,
			forge: forgeKeyShare(func(w *KeyShareSecret) { w.S[3] = 12345678901 })},
		{name: "key share: secret that vanishes modulo one prime", of: ks,
			forge: forgeKeyShare(func(w *KeyShareSecret) { w.S[0] = 0x1ffffffffb4001 })},
		{name: "key share: shifted noise", of: ks, weaken: widen("e", 1),
			forge: forgeKeyShare(func(w *KeyShareSecret) { w.E[5] = ErrorBound + 1 })},
		{name: "key share: noise below", of: ks, weaken: widen("e", 1),
			forge: forgeKeyShare(func(w *KeyShareSecret) { w.E[5] = -ErrorBound - 1 })},
		{name: "contribution: randomness of -2", of: co, weaken: widen("u", 1),
			forge: forgeContribution(func(_ *Contribution, w *ContributionSecret) { w.U[0] = -2 })},
		{name: "contribution: noise of c0", of: co, weaken: widen("e0", 1),
			forge: forgeContribution(func(_ *Contribution, w *ContributionSecret) { w.E0[0] = ErrorBound + 1 })},
		{name: "contribution: noise of c1", of: co, weaken: widen("e1", 1),
			forge: forgeContribution(func(_ *Contribution, w *ContributionSecret) { w.E1[1] = -ErrorBound - 1 })},
		{name: "contribution: limb above its bound", of: co, weaken: widen("hi-m", 1),
			forge: forgeContribution(func(x *Contribution, w *ContributionSecret) { w.M[4] = x.Hi[4] + 1 })},
		{name: "contribution: limb below its bound", of: co, weaken: widen("m-lo", 1),
			forge: forgeContribution(func(x *Contribution, w *ContributionSecret) { w.M[4] = x.Lo[4] - 1 })},
		{name: "contribution: unused limb", of: co, weaken: widen("hi-m", 1),
			forge: forgeContribution(func(_ *Contribution, w *ContributionSecret) { w.M[len(w.M)-1] = 1 })},
		{name: "decryption share: flooding of B", of: ds, weaken: widen("f0", 1),
			forge: forgeShare(func(l lattigo, _ *DecryptionShare, w *DecryptionShareSecret) { w.F0[2] = l.p.Flooding() })},
		{name: "decryption share: flooding below −B", of: ds, weaken: widen("f0", 1),
			forge: forgeShare(func(l lattigo, _ *DecryptionShare, w *DecryptionShareSecret) {
				w.F0[2] = new(big.Int).Neg(new(big.Int).Add(l.p.Flooding(), one))
			})},
		{name: "decryption share: noise of h1", of: ds, weaken: widen("f1", 1),
			forge: forgeShare(func(_ lattigo, _ *DecryptionShare, w *DecryptionShareSecret) { w.F1[0] = ErrorBound + 1 })},
		{name: "decryption share: randomness of 2", of: ds, weaken: widen("v", 1),
			forge: forgeShare(func(_ lattigo, _ *DecryptionShare, w *DecryptionShareSecret) { w.V[0] = 2 })},
		{name: "decryption share: another secret than the key share's", of: ds,
			weaken: unstated(0),
			forge: forgeShare(func(l lattigo, _ *DecryptionShare, w *DecryptionShareSecret) {
				w.S = l.sample(l.params.Xs())
			})},
		{name: "decryption share: a secret that differs where the key share is not stated", of: ds, weaken: unstated(0),
			forge: forgeShare(func(_ lattigo, _ *DecryptionShare, w *DecryptionShareSecret) { w.S[5] = (w.S[5]+2)%3 - 1 })},
		{name: "decryption share: noise of h1 beside the limbs", of: ds, weaken: widen("f1", 1),
			forge: forgeShare(func(_ lattigo, _ *DecryptionShare, w *DecryptionShareSecret) { w.F1[63] = -ErrorBound - 1 })},
	}
}

func TestForgeriesAreRefused(t *testing.T) {
	p := tiny(t)
	l, cases, keys := newLattigo(t, p), honestCases(t, p), keysFor(t, p)
	for _, f := range slices.Concat(forgeries(), joinForgeries()) {
		t.Run(f.name, func(t *testing.T) {
			h := f.forge(l, cases)
			if _, err := keys.Prove(testBinding(), h.instance, h.secret); !errors.Is(err, ErrWitness) {
				t.Fatalf("proved a false statement: %v", err)
			}
			if f.weaken == nil {
				return
			}
			s := shapeOf(p, f.of)
			f.weaken(s)
			sys, err := compile(s)
			if err != nil {
				t.Fatal(err)
			}
			publics := h.instance.publics(p)
			q, err := sys.solveQuotients(publics, h.secret.shorts(p, h.instance))
			if err != nil {
				t.Fatalf("the weakened circuit has no witness either: %v", err)
			}
			for i := range q.values {
				if q.values[i] == nil { // of a relation that was taken out
					q.values[i] = slices.Repeat([]*big.Int{new(big.Int)}, s.shorts[i].length)
				}
			}
			a, err := sys.newAssignment(q)
			if err != nil {
				t.Fatal(err)
			}
			if err := solve(t, sys, publics, a); err != nil {
				t.Fatalf("the forgery fails for another reason than the check it tests: %v", err)
			}
		})
	}
}

// TestOnlyLimbsAreProven: of c0 and h0 the limbs' coefficients are proven, and are all that a
// statement holds; of c1 and h1 every coefficient is.
func TestOnlyLimbsAreProven(t *testing.T) {
	p := tiny(t)
	cases, k := honestCases(t, p), keysFor(t, p)
	for j := range p.N() {
		limb := j%p.Stride() == 0
		c := cases[StatementContribution].instance.(Contribution)
		d := cases[StatementDecryptionShare].instance.(DecryptionShare)
		for _, poly := range []*Poly{&c.C0, &c.C1, &d.H0, &d.H1} {
			*poly = *poly.CopyNew()
			poly.Coeffs[0][j] = (poly.Coeffs[0][j] + 1) % p.Primes()[0]
			free := !limb && (poly == &c.C0 || poly == &d.H0)
			x, s := Instance(c), StatementContribution
			if poly == &d.H0 || poly == &d.H1 {
				x, s = d, StatementDecryptionShare
			}
			if same := bytes.Equal(x.encode(p), cases[s].instance.encode(p)); same != free {
				t.Fatalf("%v, coefficient %d: in the statement %t, want %t", s, j, !same, !free)
			}
			if j < 4 && !free { // the witness is that of another statement
				if _, err := k.Prove(testBinding(), x, cases[s].secret); !errors.Is(err, ErrWitness) {
					t.Errorf("%v, coefficient %d: err = %v", s, j, err)
				}
			}
			c = cases[StatementContribution].instance.(Contribution)
			d = cases[StatementDecryptionShare].instance.(DecryptionShare)
		}
	}
}

// TestTamperedAssignments changes what the prover computes rather than what it states.
func TestTamperedAssignments(t *testing.T) {
	p := tiny(t)
	for s, h := range honestCases(t, p) {
		sys := keysFor(t, p).entries[s].system
		publics := h.instance.publics(p)
		fresh := func() *assignment {
			q, err := sys.solveQuotients(publics, h.secret.shorts(p, h.instance))
			if err != nil {
				t.Fatal(err)
			}
			a, err := sys.newAssignment(q)
			if err != nil {
				t.Fatal(err)
			}
			return a
		}
		if err := solve(t, sys, publics, fresh()); err != nil {
			t.Fatalf("%v: honest: %v", s, err)
		}
		increment := func(z *fr.Element) { one := fr.One(); z.Add(z, &one) }
		quotient := len(sys.shape.shorts) - 1
		for name, tamper := range map[string]func(*assignment){
			"quotient by Q":       func(a *assignment) { increment(&a.digits[quotient][1][0]) },
			"quotient by X^N+1":   func(a *assignment) { increment(&a.high[0][16]) },
			"count of an entry":   func(a *assignment) { increment(&a.counts[0][0]) },
			"counts of all zero":  func(a *assignment) { clear(a.counts[0]) },
			"count of a tuple":    func(a *assignment) { increment(&a.tuples[0][len(a.tuples[0])-1]) },
			"tuples of all zero":  func(a *assignment) { clear(a.tuples[0]) },
			"one secret's digit":  func(a *assignment) { increment(&a.digits[0][0][0]) },
			"last digit of a row": func(a *assignment) { r := a.digits[2][3]; increment(&r[len(r)-1]) },
		} {
			if name == "last digit of a row" && s == StatementKeyShare {
				continue // its third short is the quotient, tampered with above
			}
			a := fresh()
			tamper(a)
			if err := solve(t, sys, publics, a); err == nil {
				t.Errorf("%v: %s changed and still accepted", s, name)
			}
		}
	}
}

// TestFreeMultiplicities carries out the forgery that uncommitted counts would allow: choose
// them after the challenge so that a secret coefficient of 2 balances. At the challenge it
// was made for it passes, which is why the counts are committed; the commitment that holds
// it gives another challenge, and there it fails.
func TestFreeMultiplicities(t *testing.T) {
	p := tiny(t)
	l, cases := newLattigo(t, p), honestCases(t, p)
	h := forgeKeyShare(func(w *KeyShareSecret) { w.S[3] = 2 })(l, cases)
	entry, err := keysFor(t, p).load(StatementKeyShare)
	if err != nil {
		t.Fatal(err)
	}
	sys, x, w := entry.system, h.instance.(KeyShare), h.secret.(KeyShareSecret)
	publics := x.publics(p)
	q, err := sys.solveQuotients(publics, w.shorts(p, x))
	if err != nil {
		t.Fatal(err)
	}
	a, err := sys.newAssignment(q)
	if err != nil {
		t.Fatal(err)
	}
	// The tuples balance at these ζ and γ once a count takes on 1/(γ − the false tuple), scaled.
	c := randomChallenges(t)
	var bad, num, den fr.Element
	for i := fours - 1; i >= 0; i-- {
		var v fr.Element
		bad.Mul(&bad, &c.zeta).Add(&bad, v.SetInt64(w.S[3+16*i]))
	}
	a.tuples[0][40].Add(&a.tuples[0][40], num.Div(&c.gamma, den.Sub(&c.gamma, &bad))) // of zeros
	if err := solveAt(t, sys, publics, a, c); err != nil {
		t.Fatalf("the forgery does not even work with free counts: %v", err)
	}
	if err := solve(t, sys, publics, a); err == nil {
		t.Fatal("accepted at another challenge")
	}
	if _, err := entry.prove([32]byte{}, publics, a); !errors.Is(err, ErrWitness) {
		t.Fatalf("proved with counts chosen after a challenge: %v", err)
	}
}

// TestEverythingIsCommitted holds the rule that makes the challenge sound: every secret
// input and the digest are committed, and every public input stands in the commitment or in
// a constraint.
func TestEverythingIsCommitted(t *testing.T) {
	p := tiny(t)
	for _, s := range allStatements {
		sys, err := compile(shapeOf(p, s))
		if err != nil {
			t.Fatal(err)
		}
		info := sys.r1cs.CommitmentInfo.(constraint.Groth16Commitments)
		if len(info) != 2 {
			t.Fatalf("%v: %d commitments", s, len(info))
		}
		if !slices.Equal(info[0].PublicAndCommitmentCommitted, []int{1, 2}) ||
			!slices.Equal(info[1].PublicAndCommitmentCommitted, []int{1, 2, info[0].CommitmentIndex}) {
			t.Errorf("%v: the challenges are bound to the public wires %v and %v", s,
				info[0].PublicAndCommitmentCommitted, info[1].PublicAndCommitmentCommitted)
		}
		committed := map[int]bool{}
		for i := range info {
			for _, w := range append(info[i].PrivateCommitted, info[i].PublicAndCommitmentCommitted...) {
				committed[w] = true
			}
		}
		after := append(slices.Concat(sys.quotientWires, sys.restWires), sys.maskWires[1])
		if !slices.Equal(info[1].PrivateCommitted, after) {
			t.Errorf("%v: more than the quotient, the rest of the slots and a mask can be chosen after β", s)
		}
		_, secret, public := sys.r1cs.GetNbVariables()
		for w := public; w < public+secret; w++ {
			if !committed[w] {
				t.Errorf("%v: secret wire %d is not committed", s, w)
			}
		}
		used := map[int]bool{}
		it := sys.r1cs.GetR1CIterator()
		for c := it.Next(); c != nil; c = it.Next() {
			for _, e := range []constraint.LinearExpression{c.L, c.R, c.O} {
				for _, term := range e {
					used[term.WireID()] = true
				}
			}
		}
		for w := 1; w < public; w++ {
			if !committed[w] && !used[w] {
				t.Errorf("%v: public input %d could be changed at will", s, w)
			}
		}
		for w := public; w < public+secret; w++ {
			if !used[w] {
				t.Errorf("%v: secret wire %d is in no constraint, so the commitment has no base for it", s, w)
			}
		}
	}
}

// TestBinding replays honest proofs under everything that they are bound to, before keys that
// remember the honest ones: what they remember opens the door to nothing else.
func TestBinding(t *testing.T) {
	p := tiny(t)
	k := keysFor(t, p)
	cases, other := honestCases(t, p), honestCases(t, p)
	bindings := map[string]func(*Binding){
		"another network":             func(b *Binding) { b.Network[31] ^= 1 },
		"another epoch":               func(b *Binding) { b.Epoch[0] ^= 1 },
		"another query":               func(b *Binding) { b.Query[0] ^= 1 },
		"another index":               func(b *Binding) { b.Index++ },
		"another department":          func(b *Binding) { b.Department[0] ^= 1 },
		"contributions reordered":     func(b *Binding) { slices.Reverse(b.Contributions) },
		"a contribution fewer":        func(b *Binding) { b.Contributions = b.Contributions[:1] },
		"a contribution of others":    func(b *Binding) { b.Contributions[1][0] ^= 1 },
		"a contribution more, zeroed": func(b *Binding) { b.Contributions = append(b.Contributions, [32]byte{}) },
	}
	for s, h := range cases {
		proof, err := k.Prove(testBinding(), h.instance, h.secret)
		if err != nil {
			t.Fatal(err)
		}
		vk := k.Verifying().Remembering(new(Seen))
		for _, once := range []int64{1, 0} {
			before := Verified.Load()
			if err := vk.Verify(testBinding(), h.instance, proof); err != nil || Verified.Load() != before+once {
				t.Errorf("%v: %v, verified %d times, want %d", s, err, Verified.Load()-before, once)
			}
		}
		for name, change := range bindings {
			b := testBinding()
			change(&b)
			if err := vk.Verify(b, h.instance, proof); !errors.Is(err, ErrProof) {
				t.Errorf("%v under %s: %v", s, name, err)
			}
		}
		others := otherInstances(h.instance, other)
		maps.Copy(others, joinFields(h.instance, other))
		for name, x := range others {
			if err := vk.Verify(testBinding(), x, proof); !errors.Is(err, ErrProof) {
				t.Errorf("%v with %s: %v", s, name, err)
			}
		}
		for i := range proof {
			bad := slices.Clone(proof)
			bad[i] ^= 1 << (i % 8)
			if err := vk.Verify(testBinding(), h.instance, bad); !errors.Is(err, ErrProof) {
				t.Errorf("%v: byte %d changed: %v", s, i, err)
			}
		}
		for _, bad := range [][]byte{nil, proof[:ProofSize-1], append(slices.Clone(proof), 0), make([]byte, ProofSize)} {
			if err := vk.Verify(testBinding(), h.instance, bad); !errors.Is(err, ErrProof) {
				t.Errorf("%v: proof of %d bytes: %v", s, len(bad), err)
			}
		}
	}
}

// otherInstances are h with one public polynomial exchanged for an honest one of elsewhere.
func otherInstances(x Instance, other map[Statement]honest) map[string]Instance {
	key := other[StatementKeyShare].instance.(KeyShare)
	out := map[string]Instance{}
	switch x := x.(type) {
	case KeyShare:
		out["another CRS"] = KeyShare{A: key.A, P: x.P}
		out["another share"] = KeyShare{A: x.A, P: key.P}
	case Contribution:
		o := other[StatementContribution].instance.(Contribution)
		y := x
		y.PK0 = key.P
		out["another key"] = y
		y = x
		y.PK1 = key.A
		out["another CRS"] = y
		y = x
		y.C0, y.C1 = o.C0, o.C1
		out["another ciphertext"] = y
		y = x
		y.Hi = slices.Clone(x.Hi)
		y.Hi[2]--
		out["a tighter bound"] = y
		y = x
		y.Lo, y.Hi = slices.Clone(x.Lo), slices.Clone(x.Hi)
		y.Lo[2], y.Hi[2] = y.Lo[2]-1, y.Hi[2]-1
		out["shifted bounds"] = y
		y = x
		y.Lo = x.Lo[:len(x.Lo)-1]
		out["bounds for fewer limbs"] = y
	case DecryptionShare:
		o := other[StatementDecryptionShare].instance.(DecryptionShare)
		for name, change := range map[string]func(*DecryptionShare){
			"another sum":          func(y *DecryptionShare) { y.C1 = o.C1 },
			"another key share":    func(y *DecryptionShare) { y.P = o.P },
			"another analyst":      func(y *DecryptionShare) { y.PKA0 = o.PKA0 },
			"another analyst CRS":  func(y *DecryptionShare) { y.PKA1 = o.PKA1 },
			"another share":        func(y *DecryptionShare) { y.H0, y.H1 = o.H0, o.H1 },
			"its parts exchanged":  func(y *DecryptionShare) { y.H0, y.H1 = y.H1, y.H0 },
			"another first part":   func(y *DecryptionShare) { y.H0 = o.H0 },
			"another second part":  func(y *DecryptionShare) { y.H1 = o.H1 },
			"another CRS":          func(y *DecryptionShare) { y.A = o.A },
			"sum and key exchange": func(y *DecryptionShare) { y.C1, y.PKA0 = y.PKA0, y.C1 },
		} {
			y := x
			change(&y)
			out[name] = y
		}
	}
	return out
}

// TestPublicInputsAreFixed: no public input of a proof can be changed by whoever carries it.
func TestPublicInputsAreFixed(t *testing.T) {
	p := tiny(t)
	k := keysFor(t, p)
	for s, h := range honestCases(t, p) {
		raw, err := k.Prove(testBinding(), h.instance, h.secret)
		if err != nil {
			t.Fatal(err)
		}
		vk := k.Verifying()
		proof, err := decodeProof(raw)
		if err != nil {
			t.Fatal(err)
		}
		halves := digestHalves(statementDigest(p, vk.digests[s], testBinding(), h.instance))
		c := challenges{beta: challenge(&proof.Commitments[0], halves[:]...)}
		c.finish(shapeOf(p, s), &proof.Commitments[1], halves)
		inputs := c.inputs(shapeOf(p, s), halves, h.instance.publics(p))
		if err := groth16.Verify(proof, vk.keys[s], slices.Clone(inputs)); err != nil {
			t.Fatal(err)
		}
		for i := range inputs {
			bad := slices.Clone(inputs)
			bad[i].SetUint64(uint64(i) + 99)
			if groth16.Verify(proof, vk.keys[s], bad) == nil {
				t.Errorf("%v: public input %d changed at will", s, i)
			}
		}
	}
}
