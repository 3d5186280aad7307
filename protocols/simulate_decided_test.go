package protocols_test

import (
	"fmt"
	"slices"
	"testing"
	"testing/cryptotest"

	"parley/engine"
	"parley/engine/policy/open"
	"parley/protocols"
)

// TestDecidedInTime: a department publishes another policy, takes its grant back or shares its table
// otherwise at any point of a question, under loss and while anybody is killed. The question ends for
// everybody, nobody made a share of it, and its use is given back; or there is the answer, and its use is
// taken. All have one state, nobody is convicted, and the next question is decided by what holds then.
func TestDecidedInTime(t *testing.T) {
	cryptotest.SetGlobalRandom(t, 96)
	base := conditional(t, 96, 3)
	points := calmPoints(t, formed(t, 96, 3))
	ends := map[string]int{}
	for seed := range uint64(amount(3, 9, 200)) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			cryptotest.SetGlobalRandom(t, seed)
			ends[decideSchedule(base.fork(t, seed), points, seed)]++
		})
	}
	t.Log(ends)
	if !testing.Short() && (ends["failed"] == 0 || ends["answered"] == 0) {
		t.Errorf("the ends: %v", ends)
	}
}

func decideSchedule(w *world, points map[string]int, seed uint64) string {
	w.run()
	w.requests(bySex)
	w.loss = int(seed % 3 * 5)
	all, plan := 0, map[kill]bool{}
	for _, n := range points {
		all += n
	}
	for range w.rng.IntN(3) {
		victim := w.parties[w.rng.IntN(len(w.parties))]
		plan[kill{victim.name, 1 + w.rng.IntN(points[victim.name])}] = true
	}
	for _, p := range w.parties {
		w.points[p] = 0
	}
	a, city2, at, passed, decided := w.analyst(), w.party("city2"), 1+w.rng.IntN(all), 0, false
	decide := func() {
		decided = true
		switch seed % 3 {
		case 0:
			d := open.Policy("city2", "heart")
			d.Version = 2
			w.decree("city2", &protocols.Publish{Document: d, Under: w.under("city2")})
		case 1:
			for _, g := range w.ledger.state.Grants() {
				if g.Grant.Department == "city2" {
					w.decree("city2", &protocols.Rescind{Grant: g.ID, Reason: "misused", Under: w.under("city2")})
				}
			}
		case 2:
			r := registration("city2", "heart", 2, city2.rows)
			r.About.Class = engine.ClassUnconditional
			w.order(protocols.Sign(w.network.ID(), city2.key, &protocols.Register{Registration: r}))
		}
	}
	w.crash = func(p *party) bool {
		if passed++; passed == at {
			w.tasks = append(w.tasks, task{p: a, life: -1, run: decide})
		}
		return plan[kill{p.name, w.points[p]}]
	}
	w.askFor(bySex)
	w.run()
	w.crash, w.loss = func(*party) bool { return false }, 0
	o, used := w.answer(), int64(0)
	switch {
	case o.Status == protocols.Answered:
		w.checkAnswer(bySex)
		verifyAnswer(w, o)
		used = 1
	case o.Code != protocols.CodePolicy && o.Code != "stale-catalogue" && o.Code != "ended" && (o.Fault == nil || o.Fault.Kind != protocols.FaultDecided):
		w.t.Errorf("%s %s: %s", o.Status, o.Code, o.Sentence)
	}
	for _, g := range w.ledger.state.Grants() {
		if g.Used != used {
			w.t.Errorf("%s: %d uses of %s's grant are taken", o.Status, g.Used, g.Grant.Department)
		}
	}
	if !decided { // the question was answered before
		decide()
	}
	w.run()
	for _, id := range slices.Concat(w.ledger.state.Open(), w.ledger.state.Ended()) {
		w.checkEnded(id, protocols.FaultDecided)
	}
	w.checkAgreement()
	w.checkTransitions()
	w.checkShares()
	if len(w.ledger.state.Evidence()) > 0 {
		w.t.Error("somebody is convicted")
	}
	w.askFor(bySex)
	w.settle()
	if again := w.answer(); again.Status == protocols.Answered != (used == 0 && seed%3 == 0) {
		w.t.Errorf("%d uses were taken, and then: %s %s: %s", used, again.Status, again.Code, again.Sentence)
	}
	if o.Status == protocols.Answered {
		return "answered"
	}
	return "failed"
}
