package protocols_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/cryptotest"

	"parley/engine"
	"parley/protocols"
)

// rekey gives the analyst another key, and has everybody start anew with it.
func (w *world) rekey(name string, vouch func(b *protocols.Vouch)) {
	a, p := w.analyst(), w.departments()[0]
	b := personOf(testKey(name), name, protocols.PersonAnalyst)
	if vouch != nil {
		vouch(b)
	}
	p.submit(protocols.Sign(w.network.ID(), p.key, b))
	w.run()
	a.key, a.id = testKey(name), b.Person
	for _, p := range w.parties {
		p.crashNow()
	}
	w.run()
}

// TestRotatedAnalyst: the certificate of who asks with another key than at first verifies without the
// vouch for the first, which is bound by the one that replaces it.
func TestRotatedAnalyst(t *testing.T) {
	cryptotest.SetGlobalRandom(t, 41)
	w, first := certified(t, 41, bySex)
	old := w.analyst().id
	w.rekey("second", func(b *protocols.Vouch) { b.Replaces, b.First = old, old })
	w.askFor(bySex, "city1", "city3")
	w.run()
	o := w.checkAnswer(bySex, "city1", "city3")
	verifyAnswer(w, o)
	if v := w.verdict(o.Certificate); v.Analyst == old || v.Analyst != w.analyst().id {
		t.Errorf("asked by %s", v.Analyst)
	}
	if v := w.verdict(first); !v.Verified {
		t.Errorf("the certificate from before: %s", v.Reason)
	}
	if p := w.ledger.state.Person(w.analyst().id); p == nil || p.First != old {
		t.Errorf("%+v", p)
	}
}

// TestRevokedInTime: the analyst is revoked at any point of its question, under loss and while anybody
// is killed. Its question ends for everybody, and nobody made a share of it, or there is the answer.
// All have one state, nobody is convicted; it asks no more, and whoever comes in its place does.
func TestRevokedInTime(t *testing.T) {
	if testing.Short() {
		t.Skip("whole networks, many times over")
	}
	cryptotest.SetGlobalRandom(t, 95)
	base := formed(t, 95, 3)
	points := calmPoints(t, base)
	ends := map[protocols.Status]int{}
	for seed := range uint64(amount(4, 6, 200)) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			cryptotest.SetGlobalRandom(t, seed)
			ends[revokeSchedule(base.fork(t, seed), points, seed)]++
		})
	}
	t.Log(ends)
	if ends[protocols.Failed] == 0 || ends[protocols.Answered] == 0 {
		t.Errorf("the ends: %v", ends)
	}
}

func revokeSchedule(w *world, points map[string]int, seed uint64) protocols.Status {
	w.loss = int(seed % 3 * 5)
	all, plan := 0, map[kill]bool{}
	for _, n := range points {
		all += n
	}
	for range w.rng.IntN(3) {
		victim := w.parties[w.rng.IntN(len(w.parties))]
		plan[kill{victim.name, 1 + w.rng.IntN(points[victim.name])}] = true
	}
	a, city1, at, passed := w.analyst(), w.party("city1"), w.rng.IntN(all), 0
	revocation := protocols.Sign(w.network.ID(), city1.key, &protocols.Revoke{Person: a.id, Reason: "left", Turn: 1})
	w.crash = func(p *party) bool {
		if passed++; passed == at {
			w.tasks = append(w.tasks, task{p: a, life: -1, run: func() { w.order(revocation) }})
		}
		return plan[kill{p.name, w.points[p]}]
	}
	w.askFor(bySex)
	w.run()
	w.crash, w.loss = func(*party) bool { return false }, 0
	if w.ledger.state.Person(a.id) != nil { // the question was answered before
		w.order(revocation)
		w.run()
	}
	o := w.answer()
	switch {
	case o.Status == protocols.Answered:
		w.checkAnswer(bySex)
	case o.Code != protocols.CodeNotVouched && (o.Fault == nil || o.Fault.Kind != protocols.FaultRevoked):
		w.t.Errorf("%s %s: %s", o.Status, o.Code, o.Sentence)
	}
	for _, id := range slices.Concat(w.ledger.state.Open(), w.ledger.state.Ended()) {
		w.checkEnded(id, protocols.FaultRevoked)
	}
	w.checkAgreement()
	w.checkTransitions()
	w.checkShares()
	w.askFor(byAge)
	w.run()
	if again := w.answer(); again.Code != protocols.CodeNotVouched || !strings.Contains(again.Sentence, "revoked the analyst: left") {
		w.t.Errorf("a revoked analyst asks: %s %s: %s", again.Status, again.Code, again.Sentence)
	}
	w.rekey("another", nil)
	w.askFor(byAge)
	w.run()
	verifyAnswer(w, w.checkAnswer(byAge))
	return o.Status
}

// order puts an entry on the ledger that the referee takes.
func (w *world) order(e protocols.Entry) {
	if err := w.ledger.order(e); err != nil {
		w.t.Errorf("%s: %v", e.Kind, err)
	}
}

// checkEnded holds that a query which a revocation or a decision ended has ended for all, and that nobody
// shared.
func (w *world) checkEnded(id engine.Digest, kind protocols.FaultKind) {
	w.t.Helper()
	q := w.ledger.state.Query(id)
	if q.Phase != protocols.PhaseFailed {
		return
	}
	for _, p := range w.validators() {
		if end := p.outcomes[id]; p.queries[id] != nil && (end == nil || end.Status != protocols.Failed || end.Fault.Kind != kind) {
			w.t.Errorf("%s goes on with a query that ended as %s: %+v", p.name, kind, end)
		}
		if slices.ContainsFunc(p.journal, func(r protocols.JournalRecord) bool { return r.Query == id && r.Kind == protocols.JournalShare }) {
			w.t.Errorf("%s made a share of a query that ended as %s", p.name, kind)
		}
	}
}
