package protocols_test

import (
	"slices"
	"testing"
	"testing/cryptotest"

	"parley/circuits"
	"parley/protocols"
)

// TestRefusesAloneAfterAShare: a department that would refuse when another has shared says nothing
// that the ledger does not take: its own part is over, and the operator is told why.
func TestRefusesAloneAfterAShare(t *testing.T) {
	cryptotest.SetGlobalRandom(t, 34)
	w := newWorld(t, 34, 2)
	victim := w.departments()[1]
	w.keepDown = true
	w.crash = func(p *party) bool {
		last := len(p.journal) - 1 // not sent yet
		return p == victim && last >= 0 && p.journal[last].Kind == protocols.JournalShare
	}
	w.askFor(bySex)
	w.run()
	open := w.ledger.state.Open()
	if victim.up || len(open) != 1 || !w.ledger.state.Query(open[0]).Released() {
		t.Fatalf("up: %v, %d open", victim.up, len(open))
	}
	victim.journal = slices.DeleteFunc(victim.journal, func(r protocols.JournalRecord) bool { return r.Kind == protocols.JournalShare })
	state := w.ledger.snapshot()
	d := &protocols.Department{Key: victim.key, Params: w.params, Keys: w.keys, Verifying: otherKeys(w), State: state}
	m, err := protocols.NewQuery(d, victim.epochs[state.Query(open[0]).Ask.Epoch], open[0], victim.journal)
	if err != nil {
		t.Fatal(err)
	}
	r, err := m.Step(protocols.Started{})
	for err == nil && r.Outcome == nil && len(r.Work)+len(r.Fetch) > 0 { // the analyst's key, which does not verify
		if len(r.Fetch) > 0 {
			digest := r.Fetch[0].Digest
			r, err = m.Step(protocols.Blob{Digest: digest, Bytes: w.analyst().store[digest]})
		} else {
			r, err = m.Step(r.Work[0].Run())
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Send) > 0 || r.Outcome == nil || r.Outcome.Status != protocols.Refused || r.Outcome.Code != protocols.CodeAnalystKey ||
		!slices.Equal(r.Outcome.Departments, []string{victim.name}) {
		t.Errorf("%d entries, %+v", len(r.Send), r.Outcome)
	}
}

// otherKeys are the network's verifying keys with a point negated: under them nothing verifies.
func otherKeys(w *world) *circuits.VerifyingKeys {
	raw := w.keys.Verifying().MarshalBinary()
	for i := range raw {
		bad := slices.Clone(raw)
		bad[i] ^= 0x40 // the sign of a compressed point
		if keys, err := circuits.ParseVerifyingKeys(w.params, bad); err == nil {
			return keys
		}
	}
	w.t.Fatal("no point of the keys can be negated")
	return nil
}
