package protocols_test

import (
	"fmt"
	"testing"
	"testing/cryptotest"

	"parley/protocols"
)

// TestJoinedCrashes kills parties anywhere in a question that joins tables by persons: twice where they keep vectors, products, releases and
// entries, all of them twice between screening and answer, at points of each party, and one to five times in schedules, under loss. The answer is
// right, nothing is made twice, and all have one state.
func TestJoinedCrashes(t *testing.T) {
	if testing.Short() {
		t.Skip("whole networks")
	}
	cryptotest.SetGlobalRandom(t, 9)
	base := joinedBase(t)
	calm := base.fork(t, 9)
	ask := func(w *world, verified bool) {
		o := w.askJoined(joinedCount)
		if verified {
			verifyAnswer(w, o)
		}
		w.checkAgreement()
		w.checkTransitions()
		w.checkShares()
		w.checkOneGate()
		w.checkMadeOnce()
	}
	var kept []keeping
	calm.crash = calm.keeps(&kept)
	ask(calm, true)
	killedKeeping(t, base, kept, amount(0, len(kept)/3, 3), func(w *world) { ask(w, false) })
	killedBetween(t, base, func(w *world) { ask(w, false) })
	stride, n := amount(0, 0, 101), amount(0, 1, 60)
	if *schedules > 0 && *everything {
		stride, n = max(51, 100_000 / *schedules), max(1, *schedules/10)
	}
	if stride > 0 {
		killedAnywhere(t, base, calm, 9, stride, func(_ *testing.T, w *world) { ask(w, false) })
	}
	killedBySchedules(t, base, calm, n, ask)
}

// keeping is a point of a party that has just stored a record; the point before is where it had not.
type keeping struct {
	kill
	what string
}

// keeps notes where parties store something, in place of killing any.
func (w *world) keeps(out *[]keeping) func(*party) bool {
	had := map[*party]int{}
	for _, p := range w.parties {
		had[p] = len(p.journal)
	}
	return func(p *party) bool {
		if n := len(p.journal); n > had[p] {
			r := p.journal[n-1]
			what := fmt.Sprint("record ", r.Kind)
			if e, err := protocols.ParseEntry(r.Entry); err == nil {
				what = e.Kind.String()
			}
			*out = append(*out, keeping{kill{p.name, w.points[p]}, what})
		}
		had[p] = len(p.journal)
		return false
	}
}

// killedKeeping kills a party where it keeps something, before and after in turn, and again two points later.
func killedKeeping(t *testing.T, base *world, kept []keeping, stride int, ask func(w *world)) {
	for i := 0; i < len(kept); i += stride {
		k := kept[i]
		k.point -= i / stride % 2
		t.Run(fmt.Sprintf("%s keeps %s/%d", k.party, k.what, k.point), func(t *testing.T) {
			cryptotest.SetGlobalRandom(t, 9)
			w, kills := base.fork(t, 9), 0
			w.crash = func(p *party) bool {
				killed := p.name == k.party && (w.points[p] == k.point || w.points[p] == k.point+2)
				if killed {
					kills++
				}
				return killed
			}
			if ask(w); kills != 2 {
				t.Errorf("killed %d times", kills)
			}
		})
	}
}

// killedBetween kills everybody twice once the screening has ended, before its answer is asked for.
func killedBetween(t *testing.T, base *world, ask func(w *world)) {
	t.Run("between screening and answer", func(t *testing.T) {
		cryptotest.SetGlobalRandom(t, 9)
		w, killed := base.fork(t, 9), map[string]int{}
		before := len(w.ledger.state.Ended())
		w.crash = func(p *party) bool {
			if len(w.ledger.state.Open()) > 0 || len(w.ledger.state.Ended()) != before+1 || killed[p.name] == 2 {
				return false
			}
			killed[p.name]++
			return true
		}
		if ask(w); len(killed) != len(w.parties) {
			t.Errorf("killed were %v", killed)
		}
	})
}

// checkMadeOnce holds that a department journaled each ciphertext of a vector, and each product, once.
func (w *world) checkMadeOnce() {
	w.t.Helper()
	for _, p := range w.departments() {
		made := map[string]bool{}
		for _, r := range p.journal {
			if r.Kind != protocols.JournalVector && r.Kind != protocols.JournalProduct {
				continue
			}
			name := fmt.Sprint(r.Kind, r.Query, r.Index)
			if made[name] {
				w.t.Errorf("%s made %s twice", p.name, name)
			}
			made[name] = true
		}
	}
}
