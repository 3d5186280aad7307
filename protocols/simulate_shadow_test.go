package protocols_test

import (
	"fmt"
	"slices"
	"testing"
	"testing/cryptotest"

	"parley/engine"
	"parley/protocols"
)

// witnessShadow holds what shadow mode promises, at every step of every machine: of a query that asks for the
// department's rows it wants nothing sent or served that could hold anything of them.
func (w *world) witnessShadow(p *party, id engine.Digest, r protocols.Ready) {
	q := p.state.Query(id)
	if !p.department.Shadow || q == nil || !slices.ContainsFunc(q.Contributors, func(m protocols.Member) bool { return m.Key == p.id }) {
		return
	}
	for _, e := range r.Send {
		if e.Kind != protocols.KindRefuse {
			w.t.Errorf("%s sends %s in shadow mode", p.name, e.Kind)
		}
	}
	sizes := protocols.SizesOf(w.params)
	for _, blob := range r.Publish {
		if len(blob) == sizes.Contribution || len(blob) == sizes.Share {
			w.t.Errorf("%s serves a blob of %d bytes in shadow mode", p.name, len(blob))
		}
	}
	for _, job := range r.Work {
		if job.Name != "verifying" {
			w.t.Errorf("%s has work in shadow mode: %s", p.name, job.Name)
		}
	}
}

// restart has parties begin a new life in which they are in shadow mode, or not.
func (w *world) restart(shadow bool, parties ...*party) {
	for _, p := range parties {
		p.shadow = shadow
		p.crashNow()
	}
	w.run()
}

// TestShadow: departments in shadow mode admit and contribute nothing. Each has its operator told what it would have
// sent, of the cells that it would have contributed, though another one refuses first; and what others contribute
// they help to decrypt. In earnest again they answer.
func TestShadow(t *testing.T) {
	cryptotest.SetGlobalRandom(t, 61)
	w := newWorld(t, 61, 3)
	w.run()
	shadows, third := w.departments()[:2], w.departments()[2]
	w.restart(true, shadows...)
	w.askFor(byAge)
	w.settle()
	if o := w.answer(); o.Status != protocols.Refused || o.Code != protocols.CodeShadow {
		t.Fatalf("%+v", o)
	}
	sizes := protocols.SizesOf(w.params)
	for _, p := range shadows {
		if len(p.withheld) != 1 {
			t.Fatalf("%s is told %d times", p.name, len(p.withheld))
		}
		h := p.withheld[0]
		if fmt.Sprint(h.Cells) != fmt.Sprint(aggregate(t, h.Plan, p.rows)) || h.Plan.SQL != byAge.sql {
			t.Errorf("%s would have sent %v", p.name, h.Cells)
		}
		if n := int64(h.Ciphertexts); n < 2 || n != int64(h.Plan.Ciphertexts()) || h.Contribution != n*int64(sizes.Contribution) || h.Shares != n*int64(sizes.Share) {
			t.Errorf("%+v", h)
		}
	}
	for _, p := range w.departments() {
		if n := w.entriesOf(p, protocols.KindContribute) + w.entriesOf(p, protocols.KindShare); n != 0 {
			t.Errorf("%s made %d contributions and shares", p.name, n)
		}
	}
	w.askFor(byAge, third.name)
	w.settle()
	w.checkAnswer(byAge, third.name)
	if w.entriesOf(shadows[0], protocols.KindShare) != 1 || w.entriesOf(shadows[0], protocols.KindContribute) != 0 || len(third.withheld) != 0 {
		t.Error("a member that is not asked for rows shares, and contributes nothing")
	}
	w.restart(false, shadows...)
	w.askFor(byAge)
	w.settle()
	w.checkAnswer(byAge)
	w.checkAgreement()
}

// TestShadowChecks: what a department would have refused it refuses for that, in shadow mode too, and works nothing out.
func TestShadowChecks(t *testing.T) {
	cryptotest.SetGlobalRandom(t, 62)
	w := newWorld(t, 62, 2)
	w.run()
	victim := w.departments()[0]
	w.restart(true, victim)
	lyingAnalyst(w, func(a *protocols.Ask) { a.Plan[0] ^= 1 })
	w.askFor(bySex)
	w.settle()
	for _, id := range w.ledger.state.Ended() {
		if q := w.ledger.state.Query(id); q.Phase != protocols.PhaseRefused || q.Refusal.Code != protocols.CodePlanMismatch {
			t.Errorf("the query is %s: %+v", q.Phase, q.Refusal)
		}
	}
	if len(w.ledger.state.Ended()) != 1 || len(victim.withheld) != 0 {
		t.Errorf("%d queries; told %d times", len(w.ledger.state.Ended()), len(victim.withheld))
	}
}

// TestShadowSchedules: a department is killed at any point of a question, or when it has just journaled a contribution or
// a share, under loss, and is in shadow mode from then on: witnessShadow holds at each step after that, in which it is
// killed again now and then. Without its share there is no answer; no question stays open, and all have one state.
func TestShadowSchedules(t *testing.T) {
	cryptotest.SetGlobalRandom(t, 63)
	bases := []*world{formed(t, 63, 2), formed(t, 64, 3)}
	var points []map[string]int
	for _, base := range bases {
		points = append(points, calmPoints(t, base))
	}
	ends, journaled := map[string]int{}, map[protocols.JournalKind]int{}
	for seed := range uint64(amount(8, 12, 400)) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			cryptotest.SetGlobalRandom(t, seed)
			w := bases[seed%2].fork(t, seed)
			w.loss = int(seed % 3 * 5)
			victim := w.departments()[0]
			at := 1 + w.rng.IntN(points[seed%2][victim.name])
			last := []protocols.JournalKind{0, protocols.JournalContribute, 0, protocols.JournalShare}[seed/2%4]
			w.crash = func(p *party) bool {
				switch n := len(p.journal); {
				case p != victim:
					return false
				case p.shadow:
					return w.rng.IntN(20) == 0 && p.life < 6
				case last == 0 && w.points[p] != at, last != 0 && (n == 0 || p.journal[n-1].Kind != last):
					return false
				}
				victim.shadow = true
				for _, r := range p.journal {
					journaled[r.Kind]++
				}
				return true
			}
			w.askFor(byAge)
			w.settle()
			if w.crash = func(*party) bool { return false }; len(w.ledger.state.Open()) > 0 { // killed as it said that the deadline had passed
				w.settle()
			}
			o := w.answer()
			ends[o.Status.String()+" "+o.Code]++
			if o.Status == protocols.Answered {
				if w.entriesOf(victim, protocols.KindShare) != 1 {
					t.Error("there is an answer without the department's share")
				}
				w.checkAnswer(byAge)
			}
			if open := w.ledger.state.Open(); len(open) > 0 {
				t.Errorf("%v is open", open)
			}
			w.checkAgreement()
			w.checkTransitions()
			w.checkShares()
		})
	}
	t.Log(ends, journaled)
	if ends["refused shadow"] == 0 || journaled[protocols.JournalContribute] == 0 || journaled[protocols.JournalShare] == 0 {
		t.Errorf("the ends: %v, journaled by then: %v", ends, journaled)
	}
}
