package protocols_test

import (
	"fmt"
	"slices"
	"testing"
	"testing/cryptotest"

	"parley/protocols"
)

// TestTwoOfFourDown takes two of four validators down at any point of a query: nothing is ordered
// any more, and when both are back the query is answered.
func TestTwoOfFourDown(t *testing.T) {
	if testing.Short() {
		t.Skip("whole networks, many times over")
	}
	cryptotest.SetGlobalRandom(t, 61)
	base := formed(t, 61, 3)
	points := calmPoints(t, base)
	for seed := range uint64(amount(2, 4, 100)) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			cryptotest.SetGlobalRandom(t, seed)
			w := base.fork(t, seed)
			w.halts, w.keepDown = true, true
			victims := w.validators()
			w.rng.Shuffle(len(victims), func(i, j int) { victims[i], victims[j] = victims[j], victims[i] })
			at, halted := 1+w.rng.IntN(points[victims[0].name]), -1
			w.crash = func(p *party) bool {
				if p != victims[0] || w.points[p] != at {
					return false
				}
				victims[1].crashNow()
				halted = len(w.ledger.records)
				return true
			}
			w.askFor(bySex)
			w.run()
			if halted < 0 { // a short question: it was answered before
				w.checkAnswer(bySex)
				return
			}
			if len(w.ledger.records) != halted {
				t.Errorf("%d entries were ordered by two of four", len(w.ledger.records)-halted)
			}
			for _, p := range victims[:2] {
				p.start()
			}
			w.run()
			verifyAnswer(w, w.checkAnswer(bySex))
			w.checkAgreement()
			w.checkTransitions()
			w.checkShares()
		})
	}
}

// TestPartition cuts one or two of four validators off at any point of a query. Who is cut off
// sees nothing new; two stop the ledger; one does not, and the query goes on as far as it needs no
// word of it. When the partition heals, all catch up, the query is answered and all agree.
func TestPartition(t *testing.T) {
	if testing.Short() {
		t.Skip("whole networks, many times over")
	}
	cryptotest.SetGlobalRandom(t, 62)
	base := formed(t, 62, 3)
	points := calmPoints(t, base)
	answered := 0
	for seed := range uint64(amount(4, 12, 160)) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			cryptotest.SetGlobalRandom(t, seed)
			w := base.fork(t, seed)
			w.halts = true
			side := w.validators()
			w.rng.Shuffle(len(side), func(i, j int) { side[i], side[j] = side[j], side[i] })
			if side = side[:1+seed%2]; seed%4 == 0 {
				side = []*party{w.auditor()}
			}
			at, halted := 1+w.rng.IntN(points[side[0].name]/2), 0
			w.crash = func(p *party) bool {
				if p == side[0] && w.points[p] == at {
					halted = len(w.ledger.records)
					w.cut = map[*party]bool{}
					for _, q := range side {
						w.cut[q] = true
					}
				}
				return false
			}
			w.askFor(bySex)
			w.run()
			if w.cut == nil {
				t.Fatal("it was answered before the partition")
			}
			if n := len(w.ledger.records) - halted; n != 0 && len(side) == 2 {
				t.Errorf("%d entries were ordered by two of four", n)
			}
			for _, p := range side {
				if p.state.Applied() > uint64(halted) {
					t.Errorf("%s saw record %d of the other side", p.name, p.state.Applied())
				}
			}
			if answers := w.analyst().answers; len(answers) > 0 {
				answered++
				if !slices.Contains(side, w.auditor()) || side[0].state.Applied() == w.ledger.state.Applied() {
					t.Error("a query was answered without a member of its epoch")
				}
			}
			w.heal()
			w.run()
			verifyAnswer(w, w.checkAnswer(bySex))
			w.checkAgreement()
			w.checkTransitions()
			w.checkShares()
		})
	}
	if answered == 0 {
		t.Error("no query was answered while the auditor was cut off")
	}
}

// TestMinorityOrdersNothing: what is said to a minority stays with it.
func TestMinorityOrdersNothing(t *testing.T) {
	cryptotest.SetGlobalRandom(t, 63)
	w := formed(t, 63, 3)
	w.halts, w.cut = true, map[*party]bool{w.analyst(): true, w.departments()[0]: true}
	before := w.ledger.state.Digest()
	w.askFor(bySex)
	w.run()
	if w.ledger.state.Digest() != before || len(w.analyst().answers) > 0 {
		t.Error("a question to a minority was ordered")
	}
	w.heal()
	w.run()
	verifyAnswer(w, w.checkAnswer(bySex))
	if n := w.entriesOf(w.analyst(), protocols.KindAsk); n != 1 {
		t.Errorf("asked %d times", n)
	}
}
