package protocols_test

import (
	"slices"
	"testing"

	"parley/engine"
	"parley/protocols"
	"parley/protocols/mhe/tiny"
)

// here orders an entry in the present block.
func (l *ledger) here(e protocols.Entry) {
	l.w.t.Helper()
	if err := l.state.Apply(l.at, e); err != nil {
		l.w.t.Fatal(err)
	}
	l.records = append(l.records, protocols.Record{Number: l.state.Applied(), Block: l.at.Block, Time: l.at.Time, Entry: e})
	for _, p := range l.w.parties {
		l.w.after(p, p.follow)
	}
}

// dismissed has ten auditors voted in, asks, and has them voted out again in the block in which
// all shares are in; it returns the answer's certificate.
func dismissed(t *testing.T, seed uint64) (w *world, added []*party, c *protocols.Certificate, removed uint64) {
	w = newWorld(t, seed, 3)
	w.run()
	for i := range 10 {
		p, _ := w.addOne(protocols.RoleAuditor, "x"+string(rune('a'+i)))
		w.run()
		added = append(added, p)
	}
	w.askFor(bySex)
	for len(w.tasks) > 0 {
		if o := w.ledger.state.Open(); len(o) == 1 && w.ledger.state.Query(o[0]).Phase == protocols.PhaseShared {
			break
		}
		w.runOne()
	}
	w.ledger.at.Block += 3
	for _, p := range added {
		version := w.ledger.state.Membership().Version
		c := protocols.Change{Action: protocols.ActionRemove, Role: protocols.RoleAuditor, Key: p.id, Version: version}
		for _, v := range w.validators() {
			if w.ledger.state.Membership().Version == version {
				w.ledger.here(protocols.Sign(w.network.ID(), v.key, &protocols.Vote{Change: c}))
			}
		}
		p.up, p.role = false, "removed"
	}
	removed = w.ledger.at.Block
	w.run()
	return w, added, w.checkAnswer(bySex).Certificate, removed
}

// TestReceiptByKeysThatLeft: whom votes removed signs two blocks more. A receipt that rests on keys
// which were never pinned is not one by the pinned keys, even if they have all left by the Done.
func TestReceiptByKeysThatLeft(t *testing.T) {
	if testing.Short() {
		t.Skip("whole networks, many times over")
	}
	for seed := uint64(1); seed < 12; seed++ {
		w, added, c, removed := dismissed(t, seed)
		if c.Anchor.Block > removed+1 {
			continue // the Done came when their votes did not count any more
		}
		founding := pinned(w)
		var r receipt
		if err := engine.Unmarshal(c.Anchor.Receipt, &r); err != nil {
			t.Fatal(err)
		}
		for i, k := range w.ledger.state.ValidatorsAt(c.Anchor.Block) {
			if slices.Contains(founding.Present(), k) {
				r.Signatures[i] = [64]byte{}
			}
		}
		c.Anchor.Receipt = engine.Marshal(&r)
		v, err := (&protocols.Verifier{Receipts: checkReceipt, Parameters: tiny.Named, Pinned: founding}).Verify(c.Marshal())
		if err != nil {
			t.Fatal(err)
		}
		if v.Verified || v.Pinned || !v.OtherKeys || !v.SelfConsistent {
			t.Errorf("verified %t, pinned %t, other keys %t, reason %q, though no pinned key signed the block (%d of its %d validators are not pinned)",
				v.Verified, v.Pinned, v.OtherKeys, v.Reason, len(added), len(w.ledger.state.ValidatorsAt(c.Anchor.Block)))
		}
		return
	}
	t.Fatal("no seed fits")
}

// TestRemovedFounderIsPinned: a founder that votes removed is still the one whose key is pinned.
func TestRemovedFounderIsPinned(t *testing.T) {
	w := newWorld(t, 5, 3)
	w.run()
	founding := pinned(w)
	gone := w.departments()[2]
	w.change(protocols.Change{Action: protocols.ActionRemove, Role: protocols.RoleDepartment, Key: gone.id}, w.others(gone)...)
	gone.up, gone.role = false, "removed"
	w.run()
	w.askFor(bySex)
	w.run()
	v, err := (&protocols.Verifier{Receipts: checkReceipt, Parameters: tiny.Named, Pinned: founding}).Verify(w.checkAnswer(bySex).Certificate.Marshal())
	if err != nil {
		t.Fatal(err)
	}
	if len(v.Gone) != 1 || !v.Gone[0].Pinned || v.Gone[0].Left == 0 || !v.Verified {
		t.Errorf("verified %t, gone %v", v.Verified, v.Gone)
	}
}
