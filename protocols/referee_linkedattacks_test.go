package protocols

import (
	"crypto/ed25519"
	"slices"
	"testing"

	"parley/engine"
)

// TestComplaintsEndWithTheirPhase: who complains of vectors and then multiplies had them. What it said names nobody afterwards, and keeps
// it from no complaint of a product.
func TestComplaintsEndWithTheirPhase(t *testing.T) {
	c := joinedCourt(t)
	a, b, d := c.keys[0], c.keys[1], c.keys[2]
	complain := func(q *QueryState, of ed25519.PrivateKey, s Subject, blob engine.Digest) *Accuse {
		return &Accuse{Query: q.ID, Department: KeyOf(of), Fault: FaultUnavailable, Subject: s, Blob: blob}
	}
	for nonce, about := range []string{"", "c"} {
		q := c.asked(c.linkedQuestion(byte(nonce)))
		c.linkedTo(q, PhaseMultiplying)
		c.must(a, complain(q, b, SubjectContribution, q.vectors(1).Blobs[0]))
		c.linkedTo(q, PhaseAttesting)
		for _, k := range []ed25519.PrivateKey{b, c.auditor} {
			c.must(k, &Attest{Query: q.ID, Contributions: q.Contributions})
		}
		want := []string{"a", "c"}
		if about != "" {
			c.must(a, complain(q, d, SubjectProduct, q.products(2).Blobs[0]))
		} else {
			c.must(a, &Attest{Query: q.ID, Contributions: q.Contributions})
			want = want[1:]
		}
		c.say(3, &Expire{Query: q.ID})
		if again := c.reparsed().Query(q.ID); again.Phase != PhaseExpired || !slices.Equal(again.Missing, want) {
			t.Errorf("after a complaint of b's vector, and one of %q: %s, missing are %v, want %v", about, again.Phase, again.Missing, want)
		}
	}
}

// TestMostBlobsConvict: who gives as many vectors or products as a department may, and others a second time, is convicted by the records
// of both.
func TestMostBlobsConvict(t *testing.T) {
	for _, multiplies := range []bool{false, true} {
		c := joinedCourt(t)
		a := c.linkedQuestion(1)
		a.Linked.Vectors, a.Linked.Products = MaxLinkedBlobs, MaxLinkedBlobs
		q := c.asked(a)
		by, name, phase := c.keys[1], "b", PhaseMultiplying
		body := func(i int) Body { return q.vectors(i) }
		if multiplies {
			by, name, phase = c.keys[0], "a", PhaseAttesting
			body = func(i int) Body { return q.products(i) }
		}
		c.linkedTo(q, phase)
		c.code(by, body(9), string(FaultSecond))
		if e := c.proven(name, FaultSecond, q.ID); len(e.Records) != 2 || len(e.Entries) != 2 {
			t.Errorf("%d records of %d entries convict %s", len(e.Records), len(e.Entries), name)
		}
	}
}

// TestWhoIsCountedIsKept: a screening that joins by persons is not over before its answer: departments keep whom they counted.
func TestWhoIsCountedIsKept(t *testing.T) {
	c := joinedCourt(t)
	a := c.linkedQuestion(1)
	a.Screening, a.AnalystKey, a.Ciphertexts, a.Linked.Targets = true, engine.Digest{}, 1, 1
	q := c.asked(a)
	c.linkedTo(q, PhaseSharing)
	for _, k := range c.keys {
		c.must(k, &ShareCommit{Query: q.ID, Epoch: q.Ask.Epoch, Blobs: blobsOf("s", 0, 1)})
	}
	for _, k := range c.keys {
		c.must(k, newScreen(q, KeyOf(k), courtVerdict))
	}
	over := func(want bool) {
		t.Helper()
		if got := c.state.QueryOver(q.ID, q.Ask.Epoch, q.Epoch.Number); got != want || q.Phase != PhaseDone {
			t.Errorf("%s: over %v, want %v", q.Phase, got, want)
		}
	}
	over(false)
	a = c.linkedQuestion(2)
	a.Screen = q.ID
	answer := c.asked(a)
	over(false)
	c.linkedTo(answer, PhaseMultiplying)
	over(false)
	c.must(c.keys[0], &Refuse{Query: answer.ID, Code: "x"})
	over(true)
}

// TestSpineOfNoTable: a table that its department registers as no spine any more is none to be joined over, nor served.
func TestSpineOfNoTable(t *testing.T) {
	c := joinedCourt(t)
	benefits := func(nonce byte) *Ask { // of c alone, and c's register: a's own is not among them
		q := c.linkedQuestion(nonce)
		q.Departments, q.Registrations = []string{"b", "c"}, slices.Delete(q.Registrations, 2, 3)
		return q
	}
	c.must(c.analyst, benefits(1))
	spine := c.state.Linkage().Spine("a", "register")
	again := placedTable("a", "register")
	again.Version = 2
	c.must(c.keys[0], &Register{Registration: again})
	c.must(c.analyst, benefits(2))
	again.Version, again.Linkage = 3, engine.Linkage{}
	c.must(c.keys[0], &Register{Registration: again})
	c.code(c.analyst, benefits(3), "stranger")
	for i, k := range c.keys {
		if c.state.Admitted(spine, KeyOf(k)) {
			t.Errorf("%d is served", i)
		}
	}
}

// TestWhoMaySeeTheSpine: another policy of a spine's table ends the questions over it that wait, though they do not ask that table's rows.
func TestWhoMaySeeTheSpine(t *testing.T) {
	c := joinedCourt(t)
	ask := func(nonce byte) *QueryState {
		a := c.linkedQuestion(nonce)
		a.Departments, a.Registrations = []string{"b", "c"}, slices.Delete(a.Registrations, 2, 3)
		return c.asked(a)
	}
	waiting, shared := ask(1), ask(2)
	by := func(q *QueryState, body func(i int) Body, of ...int) {
		for _, i := range of {
			c.must(c.validators()[i], body(i))
		}
		if q.Phase.Ended() {
			t.Fatal(q.Phase)
		}
	}
	by(shared, func(int) Body { return shared.admission() }, 0, 1, 2)
	by(shared, func(i int) Body { return shared.vectors(i) }, 1, 2)
	by(shared, func(i int) Body { return shared.products(i) }, 2)
	by(shared, func(int) Body { return &Attest{Query: shared.ID, Contributions: shared.Contributions} }, 0, 1, 2)
	d := open2("a", "register", 2)
	c.must(stewardOf("a"), c.publication(d))
	if waiting.Phase != PhaseFailed || waiting.Fault.Kind != FaultDecided || waiting.Fault.Department != "a" || shared.Phase != PhaseSharing {
		t.Errorf("%s %v, and %s", waiting.Phase, waiting.Fault, shared.Phase)
	}
	c.reparsed()
}

// TestForgedShares: a snapshot has no question whose numbers are released in other shares than they take.
func TestForgedShares(t *testing.T) {
	c := joinedCourt(t)
	q := c.asked(c.linkedQuestion(1))
	whole := c.state.Marshal()
	for _, slots := range []int{1, c.sizes.Slots, 100} {
		sizes := c.sizes
		sizes.Slots = slots
		if _, err := ParseState(c.network, sizes, whole); (err == nil) != (slots == c.sizes.Slots) {
			t.Errorf("%d numbers in %d shares of %d slots: %v", q.Ask.Linked.Targets, q.Ask.Ciphertexts, slots, err)
		}
	}
}
