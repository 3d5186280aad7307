package protocols

import (
	"bytes"
	"crypto/ed25519"
	"slices"
	"testing"

	"parley/engine"
)

// screening is an Ask of a screening of question's question.
func (c *court) screening(nonce byte, grants ...*Grant) *Ask {
	a := c.question(nonce).under(grants...)
	a.Screening, a.AnalystKey = true, engine.Digest{}
	return a
}

// resting is the answer's Ask.
func (c *court) resting(nonce byte, on *QueryState, grants ...*Grant) *Ask {
	a := c.question(nonce).under(grants...)
	a.Screen = on.ID
	return a
}

func (c *court) keyOf(k Key) ed25519.PrivateKey {
	return c.keys[slices.IndexFunc(c.keys, func(key ed25519.PrivateKey) bool { return KeyOf(key) == k })]
}

// gateAdmission is what a member says to admit a screening.
func (q *QueryState) gateAdmission(k ed25519.PrivateKey) *Admit {
	b := q.admission()
	if q.receives(KeyOf(k)) {
		b.Key, b.Opening = digestOf("gate key", q.ID[0]), digestOf("opening", q.ID[0])
	}
	return b
}

var courtVerdict = []byte{0, 7, 1, 1}

// shared takes a screening to the phase in which its contributors open it.
func (c *court) shared(a *Ask) *QueryState {
	c.t.Helper()
	q := c.asked(a)
	for _, k := range c.keys {
		c.must(k, q.gateAdmission(k))
	}
	c.must(c.keys[0], q.contribution(0))
	c.must(c.keys[1], q.contribution(1))
	for _, k := range c.validators() {
		if q.Phase == PhaseAttesting {
			c.must(k, &Attest{Query: q.ID, Contributions: q.Contributions})
		}
	}
	for i, k := range c.keys {
		c.must(k, q.shares(i))
	}
	return q
}

// screened takes a screening to its end.
func (c *court) screened(a *Ask) *QueryState {
	c.t.Helper()
	q := c.shared(a)
	for _, m := range q.Contributors {
		c.must(c.keyOf(m.Key), newScreen(q, m.Key, courtVerdict))
	}
	if q.Phase != PhaseDone || !bytes.Equal(q.Verdict(), []byte{0, 0, 0, 0, 0, 0, 0, 1}) {
		c.t.Fatalf("%s, %v", q.Phase, q.Verdict())
	}
	return q
}

// TestScreenings: who may say what of a screening, and when.
func TestScreenings(t *testing.T) {
	c := seatedCourt(t)
	c.form()
	withKey := c.screening(1)
	withKey.AnalystKey = digestOf("key")
	c.code(c.analyst, withKey, "malformed")
	q := c.asked(c.screening(2))
	other := c.keys[0]
	if q.receives(KeyOf(other)) {
		other = c.keys[1]
	}
	c.code(other, newScreen(q, KeyOf(other), courtVerdict), "too-early")
	c.must(c.analyst, &Withdraw{Query: q.ID})

	q = c.shared(c.screening(3))
	recipient := c.keyOf(q.recipient())
	other = c.keys[0]
	if q.receives(KeyOf(other)) {
		other = c.keys[1]
	}
	c.code(c.keys[2], &Screen{Query: q.ID, Verdict: verdictDigest(courtVerdict)}, "stranger") // a member that contributes nothing
	c.code(c.analyst, newScreen(q, KeyOf(other), courtVerdict), "stranger")
	c.code(c.auditor, newScreen(q, KeyOf(other), courtVerdict), "stranger")
	c.code(c.analyst, &Done{Query: q.ID, Transcript: q.Transcript}, "stranger")
	c.code(c.analyst, &Withdraw{Query: q.ID}, "too-late")
	c.code(other, &Refuse{Query: q.ID, Code: "x"}, "too-late")
	c.code(c.analyst, c.resting(4, q), "too-early")
	c.must(other, newScreen(q, KeyOf(other), courtVerdict))
	c.code(other, newScreen(q, KeyOf(other), courtVerdict), "duplicate")
	c.code(c.analyst, c.resting(4, q), "too-early")
	for _, packed := range [][]byte{{1}, {0, 0}, {0, 3, 0, 4}, {0, 0x87, 0}, bytes.Repeat([]byte{0, 1, 1, 1}, MaxVerdictBytes), {0, 0xff, 0xff, 0xff, 0x7f}} {
		c.code(recipient, &Screen{Query: q.ID, Verdict: verdictDigest(packed), Packed: packed}, "malformed")
	}
	c.code(recipient, &Screen{Query: q.ID, Verdict: verdictDigest(courtVerdict), Packed: []byte{0, 8}}, "malformed")
	c.must(recipient, newScreen(q, KeyOf(recipient), courtVerdict))
	if q.Phase != PhaseDone {
		t.Fatalf("%s", q.Phase)
	}
	c.code(recipient, newScreen(q, KeyOf(recipient), courtVerdict), "ended")
}

// TestScreeningsThatConvict: what no honest contributor signs of a screening, and verdicts that differ.
func TestScreeningsThatConvict(t *testing.T) {
	for _, lie := range []struct {
		what string
		kind FaultKind
		tell func(c *court) (ed25519.PrivateKey, Body)
	}{
		{"the recipient admits without a key", FaultGarbage, func(c *court) (ed25519.PrivateKey, Body) {
			q := c.asked(c.screening(1))
			return c.keyOf(q.recipient()), q.admission()
		}},
		{"without an opening", FaultGarbage, func(c *court) (ed25519.PrivateKey, Body) {
			q := c.asked(c.screening(1))
			k := c.keyOf(q.recipient())
			b := q.gateAdmission(k)
			b.Opening = engine.Digest{}
			return k, b
		}},
		{"another gives a key", FaultGarbage, func(c *court) (ed25519.PrivateKey, Body) {
			q := c.asked(c.screening(1))
			b := q.admission()
			b.Key, b.Opening = digestOf("k"), digestOf("o")
			return c.keys[2], b
		}},
		{"a key for an answer", FaultGarbage, func(c *court) (ed25519.PrivateKey, Body) {
			q := c.ask(1)
			b := q.admission()
			b.Key, b.Opening = digestOf("k"), digestOf("o")
			return c.keys[0], b
		}},
		{"the recipient writes nothing out", FaultGarbage, func(c *court) (ed25519.PrivateKey, Body) {
			q := c.shared(c.screening(1))
			return c.keyOf(q.recipient()), &Screen{Query: q.ID, Verdict: verdictDigest(courtVerdict)}
		}},
		{"a second verdict", FaultSecond, func(c *court) (ed25519.PrivateKey, Body) {
			q := c.shared(c.screening(1))
			k := c.keyOf(q.recipient())
			c.must(k, newScreen(q, KeyOf(k), courtVerdict))
			return k, newScreen(q, KeyOf(k), []byte{0, 8})
		}},
	} {
		c := seatedCourt(t)
		c.form()
		k, body := lie.tell(c)
		if r := c.code(k, body, string(lie.kind)); r == nil || r.Fault == nil || r.Fault.Key != KeyOf(k) {
			t.Errorf("%s: %+v", lie.what, r)
		}
	}
	c := seatedCourt(t)
	c.form()
	q := c.shared(c.screening(1))
	c.must(c.keys[0], newScreen(q, KeyOf(c.keys[0]), courtVerdict))
	c.must(c.keys[1], newScreen(q, KeyOf(c.keys[1]), []byte{0, 8}))
	if q.Phase != PhaseFailed || q.Fault.Kind != FaultVerdicts || q.Fault.Department != "b" || q.Fault.Reporter != "a" || len(c.state.Evidence()) != 0 {
		t.Errorf("%s, %+v", q.Phase, q.Fault)
	}
	c.code(c.analyst, c.resting(2, q), "too-early")
}

// TestAnswersRestOnTheirScreening: an answer names a screening of its own question, of its analyst, under the decisions that hold.
func TestAnswersRestOnTheirScreening(t *testing.T) {
	c := seatedCourt(t)
	c.form()
	q := c.screened(c.screening(1))
	nothing := c.question(2)
	nothing.Screen = digestOf("nothing")
	c.code(c.analyst, nothing, "unknown-screening")
	answer := c.ask(3)
	c.code(c.analyst, c.resting(4, answer), "unknown-screening")
	other := c.resting(5, q)
	other.SQL += " WHERE x > 1"
	c.code(c.analyst, other, "not-owner")
	fewer := c.resting(6, q)
	fewer.Departments, fewer.Registrations = fewer.Departments[:1], fewer.Registrations[:1]
	c.code(c.analyst, fewer, "not-owner")
	second := courtKey("second analyst")
	c.must(c.keys[0], named(vouching(second, PersonAnalyst), "second"))
	c.code(second, c.resting(7, q), "not-owner")
	both := c.resting(8, q)
	both.Screening, both.AnalystKey = true, engine.Digest{}
	c.code(c.analyst, both, "malformed")
	a := c.asked(c.resting(9, q))
	if a.screen != q {
		t.Error("the answer does not rest on its screening")
	}
	c.must(stewardOf("b"), c.version("b", 2))
	c.code(c.analyst, c.resting(10, q), "stale-screening")
	if c.reparsed().Query(a.ID).screen == nil {
		t.Error("a snapshot loses what an answer rests on")
	}
}

// TestScreeningsAreKept: a screening is kept while an answer that rests on it is, however many questions end meanwhile.
func TestScreeningsAreKept(t *testing.T) {
	c := seatedCourt(t)
	c.form()
	q := c.screened(c.screening(1))
	a := c.asked(c.resting(2, q))
	for i := range KeepEnded + 5 {
		c.must(c.analyst, &Withdraw{Query: c.ask(byte(10 + i)).ID})
	}
	if c.state.Query(q.ID) == nil || len(c.state.ended) > KeepEnded {
		t.Errorf("%d ended queries are kept", len(c.state.ended))
	}
	c.reparsed()
	c.must(c.analyst, &Withdraw{Query: a.ID})
	for i := range KeepEnded + 5 {
		c.must(c.analyst, &Withdraw{Query: c.ask(byte(100 + i)).ID})
	}
	if c.state.Query(q.ID) != nil || c.state.Query(a.ID) != nil {
		t.Error("they are kept for ever")
	}
	c.reparsed()
}

// TestScreeningsTakeOneUse: a screening and its answer take one use of a grant, and give none back once counts were shared.
func TestScreeningsTakeOneUse(t *testing.T) {
	c := seatedCourt(t)
	c.form()
	g := c.granted("a", 3)
	q := c.screened(c.screening(1, g))
	c.asked(c.resting(2, q, g))
	if n := c.used(g); n != 1 {
		t.Errorf("%d uses of a screening and its answer", n)
	}
	c.must(c.analyst, &Withdraw{Query: c.state.Open()[0]})
	if n := c.used(g); n != 1 {
		t.Errorf("%d uses once the answer was withdrawn: the counts were shared", n)
	}
	again := c.asked(c.resting(3, q, g)) // goes on with the same use
	if n := c.used(g); n != 1 {
		t.Errorf("%d uses", n)
	}
	c.asked(c.resting(4, q, g)) // another answer takes another
	if n := c.used(g); n != 2 {
		t.Errorf("%d uses of two answers", n)
	}
	c.must(c.analyst, &Withdraw{Query: again.ID})
	c.must(c.analyst, &Withdraw{Query: c.asked(c.screening(5, g)).ID})
	if n := c.used(g); n > 2 {
		t.Errorf("%d uses: a screening that nobody shared gives its own back", n)
	}
}
