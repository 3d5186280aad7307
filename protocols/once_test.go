package protocols_test

import (
	"testing"
	"testing/cryptotest"

	"parley/circuits"
	"parley/engine"
	"parley/protocols"
	"parley/protocols/mhe/tiny"
)

// tally counts what a party plans and verifies.
func (p *party) tally(f func()) {
	plans, proofs := engine.Planned.Load(), circuits.Verified.Load()
	f()
	p.plans += engine.Planned.Load() - plans
	p.proofs += circuits.Verified.Load() - proofs
}

// TestPlannedOnce holds how often a question is planned and its proofs are verified: each party
// plans it once and verifies each proof that it needs once, and the proofs that it makes itself
// once more, as it makes them; and so does whoever verifies the certificate.
func TestPlannedOnce(t *testing.T) {
	if testing.Short() {
		t.Skip("whole networks, many times over")
	}
	cryptotest.SetGlobalRandom(t, 1)
	w := newWorld(t, 1, 3)
	w.askFor(bySex) // forms the epoch
	w.run()
	for _, p := range w.parties {
		p.plans, p.proofs = 0, 0
	}
	w.askFor(bySex)
	w.run()
	const n = 3 // departments, each with one ciphertext
	analyst := w.analyst()
	for _, p := range w.parties {
		want := int64(1 + n + 2) // the analyst's key, the contributions; its own contribution and share
		switch {
		case p == analyst:
			want = n + 2 + n + n // the key shares, its own key made and looked at, the contributions, the shares
		case p.rows == nil:
			want = n // the contributions
		}
		if p.plans != 1 || p.proofs != want {
			t.Errorf("%s: %d plans and %d proofs verified, want 1 and %d", p.name, p.plans, p.proofs, want)
		}
	}
	certificate := w.answer().Certificate.Marshal()
	analyst.plans, analyst.proofs = 0, 0
	analyst.tally(func() {
		v := protocols.Verifier{Receipts: checkReceipt, Parameters: tiny.Named, Pinned: pinned(w)}
		if verdict, err := v.Verify(certificate); err != nil || !verdict.Verified {
			t.Errorf("%+v %v", verdict, err)
		}
	})
	if analyst.plans != 1 || analyst.proofs != n+1+n+n {
		t.Errorf("a verifier: %d plans and %d proofs verified, want 1 and %d", analyst.plans, analyst.proofs, n+1+n+n)
	}
}
