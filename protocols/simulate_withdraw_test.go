package protocols_test

import (
	"fmt"
	"slices"
	"testing"
	"testing/cryptotest"

	"parley/engine"
	"parley/protocols"
)

// TestWithdrawSchedules: the analyst takes its question back at any point of it, under loss, and
// while anybody is killed and restarts. Either the question is withdrawn for everybody, and nobody
// made a share of it, or it is too late, and the analyst is told; or there is the answer. All have
// one state, nobody is convicted, and the next question is answered.
func TestWithdrawSchedules(t *testing.T) {
	if testing.Short() {
		t.Skip("whole networks, many times over")
	}
	cryptotest.SetGlobalRandom(t, 91)
	bases := []*world{formed(t, 91, 2), formed(t, 92, 3)}
	var points []map[string]int
	for _, base := range bases {
		points = append(points, calmPoints(t, base))
	}
	ends := map[protocols.Status]int{}
	for seed := range uint64(amount(4, 10, 300)) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			cryptotest.SetGlobalRandom(t, seed)
			which := int(seed % 2)
			ends[withdrawSchedule(bases[which].fork(t, seed), points[which], seed)]++
		})
	}
	t.Log(ends)
	if ends[protocols.Withdrawn] == 0 || !testing.Short() && ends[protocols.Refused] == 0 {
		t.Errorf("the ends: %v", ends)
	}
}

func withdrawSchedule(w *world, points map[string]int, seed uint64) protocols.Status {
	w.loss = int(seed % 3 * 5)
	all := 0
	for _, n := range points {
		all += n
	}
	plan := map[kill]bool{}
	for range w.rng.IntN(3) {
		victim := w.parties[w.rng.IntN(len(w.parties))]
		plan[kill{victim.name, 1 + w.rng.IntN(points[victim.name])}] = true
	}
	a, at, passed := w.analyst(), w.rng.IntN(all), 0
	w.crash = func(p *party) bool {
		if passed++; passed == at && len(a.answers) == 0 {
			a.cancels = true
			w.after(a, a.takeBack)
		}
		return plan[kill{p.name, w.points[p]}]
	}
	w.askFor(bySex)
	w.run()
	o := w.answer()
	for _, id := range slices.Concat(w.ledger.state.Open(), w.ledger.state.Ended()) {
		w.checkWithdrawn(id, o)
	}
	if o.Status == protocols.Answered {
		w.checkAnswer(bySex)
	}
	w.checkAgreement()
	w.checkTransitions()
	w.checkShares()
	w.crash, w.loss = func(*party) bool { return false }, 0
	w.askFor(byAge)
	w.run()
	verifyAnswer(w, w.checkAnswer(byAge))
	return o.Status
}

// checkWithdrawn holds the analyst's outcome against what the ledger and the departments have of
// the query.
func (w *world) checkWithdrawn(id engine.Digest, o *protocols.Outcome) {
	w.t.Helper()
	q := w.ledger.state.Query(id)
	withdrawn := q.Phase == protocols.PhaseWithdrawn
	switch o.Status {
	case protocols.Withdrawn:
		if !withdrawn {
			w.t.Errorf("the analyst believes that it is withdrawn, and it is %s", q.Phase)
		}
	case protocols.Answered:
	default:
		if o.Status != protocols.Refused || o.Code != "too-late" || q.Phase < protocols.PhaseSharing {
			w.t.Errorf("%s %s, and the query is %s", o.Status, o.Code, q.Phase)
		}
	}
	for _, p := range w.validators() {
		if end := p.outcomes[id]; withdrawn && p.queries[id] != nil && (end == nil || end.Status != protocols.Withdrawn) {
			w.t.Errorf("%s goes on with a query that is withdrawn: %+v", p.name, end)
		}
		shared := slices.ContainsFunc(p.journal, func(r protocols.JournalRecord) bool {
			return r.Query == id && r.Kind == protocols.JournalShare
		})
		if shared && withdrawn {
			w.t.Errorf("%s made a share of a query that is withdrawn", p.name)
		}
	}
}

// TestFirstRoundIsTheQuestions: departments plan the first round of a question themselves, and
// refuse one that only says that it is of it.
func TestFirstRoundIsTheQuestions(t *testing.T) {
	cryptotest.SetGlobalRandom(t, 93)
	w := formed(t, 93, 2)
	const of = "SELECT sex, min(chol) FROM heart GROUP BY sex"
	for _, c := range []struct {
		of    string
		round int
	}{{of, 1}, {"SELECT sex, min(chol) FROM kidney GROUP BY sex", 1}} {
		w.askFor(question{sql: engine.RoundMark(c.of) + bySex.sql, of: c.of, round: c.round})
		w.settle()
		ended := w.ledger.state.Ended()
		q := w.ledger.state.Query(ended[len(ended)-1])
		if q.Phase != protocols.PhaseRefused || w.answer().Status == protocols.Answered || q.Ask.Question != c.of {
			t.Errorf("a round of %q is %s", c.of, q.Phase)
		}
	}
}
