package protocols

import (
	"testing"

	"parley/engine"
)

// lived is what a department once journaled: an epoch by its id and, once formed, by its digest,
// and the queries under it.
type lived struct {
	id, digest engine.Digest
	number     uint64
	queries    []engine.Digest
}

// longCourt hears so much that the state forgets: more epochs than are kept, ended in every way,
// more queries than are kept, and one of each that is open at the end.
func longCourt(t testing.TB) (*court, []*lived) {
	c := seatedCourt(t)
	c.quiet = true
	var past []*lived
	nonce := byte(0)
	for i := range KeepEpochs + 6 {
		e := c.form()
		l := &lived{id: e.ID, digest: e.Digest, number: e.Number}
		past = append(past, l)
		asked := 2
		if i == KeepEpochs { // enough that the first epochs' are forgotten
			asked = KeepEnded + 3
		}
		for k := range asked {
			nonce++
			q := c.reach(courtPhases[k%5], nonce)
			l.queries = append(l.queries, q.ID)
			if i%3 != 0 || k > 0 {
				for _, v := range c.validators() {
					_ = c.put(v, &Expire{Query: q.ID})
				}
			}
		}
		switch i % 3 {
		case 0, 1: // a member leaves it, open queries and all
			c.must(c.keys[1], &EpochAbort{Epoch: e.ID, Culprit: KeyOf(c.keys[1]), Fault: FaultUnavailable, Sentence: "lost"})
		case 2: // used up, and superseded by the next
			q := c.ask(250)
			l.queries = append(l.queries, q.ID)
			c.must(c.keys[0], &Refuse{Query: q.ID, Code: CodeEpochExhausted, Sentence: "used up"})
		}
		if i%4 == 3 { // a formation in between that is aborted
			c.must(c.keys[0], c.state.NextEpoch())
			f := c.state.Forming()
			past = append(past, &lived{id: f.ID, number: f.Number})
			c.must(c.keys[2], &EpochAbort{Epoch: f.ID, Culprit: KeyOf(c.keys[2]), Fault: FaultUnavailable, Sentence: "lost"})
		}
	}
	e := c.form()
	past = append(past, &lived{id: e.ID, digest: e.Digest, number: e.Number, queries: []engine.Digest{c.reach(PhaseSharing, 1).ID}})
	return c, past
}

// TestOverIsSeen: at every point of a ledger's replay, and with its snapshot, nothing is over that
// may still go on; what is over stays over; and what has ended is known to have, also when no state
// remembers it.
func TestOverIsSeen(t *testing.T) {
	c, past := longCourt(t)
	s := NewState(c.network, c.sizes)
	over := map[engine.Digest]bool{}
	check := func(step int) {
		for _, l := range past {
			for _, ref := range []engine.Digest{l.id, l.digest} {
				if ref == (engine.Digest{}) {
					continue
				}
				is := s.EpochOver(ref, l.number)
				if l.number > s.opened && is {
					t.Fatalf("step %d: epoch %d is over before it was opened", step, l.number)
				}
				if is && (s.present == l.id || s.Forming() != nil && s.Forming().ID == l.id) {
					t.Fatalf("step %d: epoch %d is over, and in use", step, l.number)
				}
				if over[ref] && !is {
					t.Fatalf("step %d: epoch %d was over", step, l.number)
				}
				over[ref] = is
			}
			for _, id := range l.queries {
				is := s.QueryOver(id, l.digest, l.number)
				if q := s.queries[id]; is && q != nil && !q.Phase.Ended() {
					t.Fatalf("step %d: an open query is over", step)
				}
				if over[id] && !is {
					t.Fatalf("step %d: a query was over", step)
				}
				over[id] = is
			}
		}
	}
	check(0)
	for id, is := range over {
		if is {
			t.Fatalf("an empty ledger knows that %s is over", id)
		}
	}
	for i, h := range c.heard {
		_ = s.Apply(h.at, h.entry)
		if i%7 == 0 || i == len(c.heard)-1 {
			check(i + 1)
		}
	}
	if s.EpochByID(past[0].id) != nil || s.Query(past[0].queries[0]) != nil {
		t.Fatal("nothing was forgotten: this is no test")
	}
	for name, s := range map[string]*State{"the whole ledger": s, "a snapshot": c.reparsed()} {
		for i, l := range past {
			last := i == len(past)-1
			if s.EpochOver(l.id, l.number) == last || l.digest != (engine.Digest{}) && s.EpochOver(l.digest, l.number) == last {
				t.Errorf("%s: epoch %d, %d of %d: over %v", name, l.number, i, len(past), s.EpochOver(l.id, l.number))
			}
			for _, id := range l.queries {
				if s.QueryOver(id, l.digest, l.number) == last {
					t.Errorf("%s: a query of epoch %d: over %v", name, l.number, !last)
				}
			}
		}
	}
}

// TestOverOfTheUnknown: an id that no state knows is over by its number alone, and only by one that
// the ledger has gone past and forgotten.
func TestOverOfTheUnknown(t *testing.T) {
	c, past := longCourt(t)
	opened := past[len(past)-1].number
	none := digestOf("none")
	for _, test := range []struct {
		number uint64
		over   bool
	}{
		{0, false},              // not journaled
		{1, true},               // forgotten long ago
		{opened - 1, false},     // kept, under another id: not this ledger's
		{opened, false},         // the present one
		{opened + 1, false},     // to come
		{1<<64 - 1, false},      // never
		{past[0].number, true},  // the first
		{past[10].number, true}, // forgotten, or kept and ended
	} {
		ref := none
		if test.number == past[10].number {
			ref = past[10].id
		}
		if got := c.state.EpochOver(ref, test.number); got != test.over {
			t.Errorf("epoch number %d of %d: over %v", test.number, opened, got)
		}
		if got := c.state.QueryOver(none, ref, test.number); got != test.over {
			t.Errorf("a query of epoch number %d of %d: over %v", test.number, opened, got)
		}
	}
	// A query of the present epoch that the state has forgotten is over, though its epoch is not.
	e := c.state.Epoch()
	var first engine.Digest
	for i := range KeepEnded + 2 {
		q := c.ask(byte(100 + i))
		if i == 0 {
			first = q.ID
		}
		for _, v := range c.validators() {
			_ = c.put(v, &Expire{Query: q.ID})
		}
	}
	if c.state.Query(first) != nil || !c.state.QueryOver(first, e.Digest, e.Number) || c.state.EpochOver(e.Digest, e.Number) {
		t.Errorf("kept %v, over %v, its epoch %v", c.state.Query(first) != nil, c.state.QueryOver(first, e.Digest, e.Number), c.state.EpochOver(e.Digest, e.Number))
	}
	if c.state.HasLeft(KeyOf(c.keys[2])) || c.state.HasLeft(KeyOf(courtKey("nobody"))) {
		t.Error("somebody left who did not")
	}
	c.vote(4, Change{Version: 1, Action: ActionRemove, Role: RoleDepartment, Key: KeyOf(c.keys[2])})
	if !c.state.HasLeft(KeyOf(c.keys[2])) || !c.state.EpochOver(e.Digest, e.Number) {
		t.Error("the removed one has not left")
	}
}
