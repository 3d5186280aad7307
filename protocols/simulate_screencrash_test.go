package protocols_test

import (
	"fmt"
	"testing"
	"testing/cryptotest"

	"parley/engine"
	"parley/protocols"
)

// askScreened asks the question of the rules' scene and holds what must hold of it, whoever was killed on the way: the right
// answer, of which nothing was made twice.
func (w *world) askScreened(verified bool) {
	w.t.Helper()
	w.askFor(byAgeAlone)
	w.run()
	o := w.checkScreened(ruledCount, ruledFloor)
	if verified {
		verifyAnswer(w, o)
	}
	w.checkAgreement()
	w.checkTransitions()
	w.checkShares()
	w.checkOneGate()
}

// checkOneGate holds that of each screening there is one key, which its recipient journaled with its secret, and that every
// contributor signed one verdict; and that each department shared once in each query.
func (w *world) checkOneGate() {
	w.t.Helper()
	queries := w.ledger.state.Ended()
	made := map[engine.Digest]int{}
	for _, p := range w.departments() {
		verdicts := 0
		for _, r := range p.journal {
			e, err := protocols.ParseEntry(r.Entry)
			if err == nil && e.Kind == protocols.KindAdmit && len(r.Secret) > 0 {
				made[r.Query]++
				if q := w.ledger.state.Query(r.Query); q == nil || q.GateKey != protocols.BlobDigest(r.Blobs[0]) || q.Opening != protocols.BlobDigest(r.Secret) {
					w.t.Errorf("%s's key of a screening is not the one in its journal", p.name)
				}
			}
			if err == nil && e.Kind == protocols.KindScreen {
				verdicts++
			}
		}
		if on := w.entriesOf(p, protocols.KindScreen); verdicts != on || w.entriesOf(p, protocols.KindShare) != len(queries) {
			w.t.Errorf("%s journaled %d verdicts, %d are on the ledger, and %d shares of %d queries", p.name, verdicts, on, w.entriesOf(p, protocols.KindShare), len(queries))
		}
	}
	for _, id := range queries {
		if q := w.ledger.state.Query(id); q.Ask.Screening != (made[id] == 1) || made[id] > 1 {
			w.t.Errorf("%d keys were made of a screening", made[id])
		}
	}
}

// TestScreenedCrashes kills parties anywhere in a screening and its answer: at each point of each party once, and one to five
// times in schedules, under loss.
func TestScreenedCrashes(t *testing.T) {
	cryptotest.SetGlobalRandom(t, 8)
	base := ruledWorld(t, 8)
	base.run()
	calm := base.fork(t, 8)
	calm.askScreened(true)
	stride, n := amount(300, 300, 1), amount(2, 2, 400)
	if *schedules > 0 && *everything {
		stride, n = max(1, 2000 / *schedules), max(1, *schedules/5)
	}
	killedAnywhere(t, base, calm, 8, stride, func(_ *testing.T, w *world) { w.askScreened(false) })
	killedBySchedules(t, base, calm, n, (*world).askScreened)
}

// TestScreenedSchedules runs networks of one to seven departments under rules, loss, repetition and crashes at any point.
func TestScreenedSchedules(t *testing.T) {
	for seed := range uint64(amount(1, 2, 20)) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			cryptotest.SetGlobalRandom(t, seed)
			count, floor := int(2+seed%5), int(seed%3)
			w := ruled(t, seed, 1+int((5*seed+2)%7), engine.Disclosure{Count: int64(count), Floor: int64(floor)})
			w.loss = 15
			w.crash = func(*party) bool { return w.rng.IntN(150) == 0 }
			w.askFor(byAgeAlone)
			w.run()
			verifyAnswer(w, w.checkScreened(count, floor))
			w.checkAgreement()
			w.checkOneGate()
		})
	}
}
