package protocols_test

import (
	"bytes"
	"slices"
	"testing"
	"testing/cryptotest"

	"parley/protocols"
)

// vote puts the votes of all validators for a change on the ledger, as far as it takes them.
func (w *world) vote(change protocols.Change) {
	w.t.Helper()
	change.Version = w.ledger.state.Membership().Version
	for _, p := range w.validators() {
		if w.ledger.state.Membership().Version == change.Version {
			_ = w.ledger.order(protocols.Sign(w.network.ID(), p.key, &protocols.Vote{Change: change}))
		}
	}
	if w.ledger.state.Membership().Version == change.Version {
		w.t.Fatal("the votes do not make the change")
	}
}

// TestReplayOfARun: the ledger of a whole run, taken through a snapshot after each entry, is the
// one that a replay in one go gives, byte for byte, and twice so.
func TestReplayOfARun(t *testing.T) {
	cryptotest.SetGlobalRandom(t, 51)
	w := newWorld(t, 51, 3)
	w.snapshots, w.loss = true, 10
	w.askFor(bySex)
	w.run()
	w.checkAnswer(bySex)
	culprit := w.departments()[1]
	culprit.lie = "bad-proof"
	w.askFor(bySex, "city1", "city2")
	w.settle()
	var replays []*protocols.State
	for range 2 {
		s := protocols.NewState(w.network, protocols.SizesOf(w.params))
		for _, r := range w.ledger.records {
			if _, err := s.Order(r); err != nil {
				t.Fatal(err)
			}
		}
		replays = append(replays, s)
	}
	for _, s := range replays {
		if s.Digest() != w.ledger.state.Digest() || !bytes.Equal(s.Marshal(), w.ledger.state.Marshal()) {
			t.Error("a replay gives another state")
		}
	}
	again := w.ledger.records[3]
	if _, err := replays[0].Order(again); err == nil {
		t.Error("a record is ordered twice")
	}
	gap := w.ledger.records[len(w.ledger.records)-1]
	gap.Number += 2
	if _, err := replays[0].Order(gap); err == nil {
		t.Error("a record is left out")
	}
}

// TestVoteBeforeDone: a change that takes effect between the analyst's word and its place on the
// ledger belongs into the certificate: the word is given again.
func TestVoteBeforeDone(t *testing.T) {
	if testing.Short() {
		t.Skip("whole networks, many times over")
	}
	cryptotest.SetGlobalRandom(t, 52)
	w := newWorld(t, 52, 3)
	w.before = func(e protocols.Entry) {
		if e.Kind == protocols.KindDone {
			w.before = nil
			second := w.addParty("second", protocols.RoleAuditor)
			second.start()
			w.vote(protocols.Change{Action: protocols.ActionAdd, Role: protocols.RoleAuditor, Name: "second", Key: second.id})
		}
	}
	w.askFor(bySex)
	w.run()
	o := w.checkAnswer(bySex)
	verifyAnswer(w, o)
	votes := slices.ContainsFunc(o.Certificate.Records, func(r protocols.Record) bool { return r.Entry.Kind == protocols.KindVote })
	if !votes || w.entriesOf(w.analyst(), protocols.KindDone) != 1 {
		t.Errorf("votes in the certificate: %t, %d dones", votes, w.entriesOf(w.analyst(), protocols.KindDone))
	}
	// Five validators now, of which four have to attest, so that the new one has a part.
	w.askFor(byAge)
	w.run()
	verifyAnswer(w, w.checkAnswer(byAge))
}

// TestNewDepartmentTakesPart: it is voted in, joins, registers, and the next questions are asked
// of it too, in an epoch of its own key share.
func TestNewDepartmentTakesPart(t *testing.T) {
	if testing.Short() {
		t.Skip("whole networks, many times over")
	}
	cryptotest.SetGlobalRandom(t, 53)
	w := newWorld(t, 53, 2)
	w.askFor(bySex)
	w.run()
	w.checkAnswer(bySex)
	fresh := w.addParty("city3", protocols.RoleDepartment)
	fresh.rows = randomRows(w.rng, 8)
	fresh.start()
	w.vote(protocols.Change{Action: protocols.ActionAdd, Role: protocols.RoleDepartment, Name: "city3", Key: fresh.id})
	w.run()
	if e := w.ledger.state.Epoch(); len(e.Members) != 3 {
		t.Fatalf("an epoch of %d members", len(e.Members))
	}
	w.askFor(byAge)
	w.run()
	verifyAnswer(w, w.checkAnswer(byAge))
}

// TestRemovedInAQuery: the query ends with the name of the department that a vote removed, and
// the others go on without it.
func TestRemovedInAQuery(t *testing.T) {
	if testing.Short() {
		t.Skip("whole networks, many times over")
	}
	cryptotest.SetGlobalRandom(t, 54)
	w := newWorld(t, 54, 3)
	victim := w.departments()[1]
	w.before = func(e protocols.Entry) {
		if e.Kind == protocols.KindShare {
			w.before = nil
			w.vote(protocols.Change{Action: protocols.ActionRemove, Role: protocols.RoleDepartment, Key: victim.id})
		}
	}
	w.askFor(bySex)
	w.settle()
	if o := w.answer(); o.Status != protocols.Failed || o.Fault == nil || o.Fault.Kind != protocols.FaultRemoved || o.Fault.Department != victim.name {
		t.Errorf("%+v", o)
	}
	if len(w.ledger.state.Evidence()) != 0 {
		t.Error("a vote is no evidence")
	}
	victim.up = false
	victim.role = "removed"
	w.askFor(bySex, "city1", "city3")
	w.run()
	verifyAnswer(w, w.checkAnswer(bySex, "city1", "city3"))
}

// TestAuditorIsNeeded: with two departments an auditor is the third validator, without whose word
// nothing is re-encrypted.
func TestAuditorIsNeeded(t *testing.T) {
	cryptotest.SetGlobalRandom(t, 55)
	w := newWorld(t, 55, 2)
	w.askFor(bySex)
	w.run()
	verifyAnswer(w, w.checkAnswer(bySex))
	if n := w.entriesOf(w.auditor(), protocols.KindAttest); n != 1 {
		t.Fatalf("the auditor attested %d times", n)
	}
	w.keepDown = true
	w.auditor().crashNow()
	w.askFor(bySex)
	w.settle()
	o := w.answer()
	if o.Status != protocols.Expired || !slices.Equal(o.Departments, []string{"auditor"}) {
		t.Errorf("%s %q %v", o.Status, o.Sentence, o.Departments)
	}
	if n := w.entriesOf(w.departments()[0], protocols.KindShare); n != 1 {
		t.Errorf("a department shared %d times", n)
	}
}

// TestNoReceipt: an answer that no receipt comes for is the analyst's own, and not verified.
func TestNoReceipt(t *testing.T) {
	cryptotest.SetGlobalRandom(t, 56)
	w := newWorld(t, 56, 2)
	w.before = func(e protocols.Entry) {
		if e.Kind == protocols.KindDone {
			w.before = nil
			query := w.ledger.state.Open()[0]
			for _, p := range w.validators() {
				_ = w.ledger.order(protocols.Sign(w.network.ID(), p.key, &protocols.Expire{Query: query}))
			}
		}
	}
	w.askFor(bySex)
	w.settle()
	o := w.answer()
	if o.Status != protocols.Expired || printed(o.Result) != w.expected(bySex) || o.Certificate == nil {
		t.Fatalf("%+v", o)
	}
	if v := w.verdict(o.Certificate); v.Verified || v.Anchored || !v.SelfConsistent || v.Reason != protocols.ReasonNotAnchored {
		t.Errorf("%+v", v)
	}
}
