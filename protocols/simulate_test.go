package protocols_test

import (
	"fmt"
	"slices"
	"testing"
	"testing/cryptotest"

	"parley/engine"
	"parley/protocols"
	"parley/protocols/liar"
	"parley/protocols/mhe/tiny"
)

// verifyAnswer holds that the analyst's certificate verifies against the pinned network and
// shows the same answer.
func verifyAnswer(w *world, o *protocols.Outcome) {
	w.t.Helper()
	verifier := protocols.Verifier{Receipts: checkReceipt, Parameters: tiny.Named, Pinned: pinned(w)}
	verdict, err := verifier.Verify(o.Certificate.Marshal())
	if err != nil || !verdict.Verified || !verdict.ValueShown || printed(verdict.Result) != printed(o.Result) {
		w.t.Fatalf("verdict %+v, %v", verdict, err)
	}
}

func TestOneQuery(t *testing.T) {
	cryptotest.SetGlobalRandom(t, 1)
	for _, q := range []question{bySex, byAge} {
		w := newWorld(t, 1, 3)
		w.askFor(q)
		w.run()
		verifyAnswer(w, w.checkAnswer(q))
	}
}

// TestSchedules runs whole networks of one to seven departments under loss, repetition, any
// order and crashes at any point, and compares every answer with the plain computation.
func TestSchedules(t *testing.T) {
	for seed := range uint64(amount(3, 6, 70)) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			cryptotest.SetGlobalRandom(t, seed)
			w := newWorld(t, seed, 1+int(seed%7))
			w.loss = 15
			w.crash = func(*party) bool { return w.rng.IntN(150) == 0 }
			q := bySex
			if seed%3 == 0 {
				q = byAge
			}
			w.askFor(q)
			w.run()
			verifyAnswer(w, w.checkAnswer(q))
			// A second question in the same epoch, of some of the departments only.
			var some []string
			for _, p := range w.departments() {
				if len(some) == 0 || w.rng.IntN(2) == 0 {
					some = append(some, p.name)
				}
			}
			w.askFor(bySex, some...)
			w.run()
			verifyAnswer(w, w.checkAnswer(bySex, some...))
		})
	}
}

// liarCase is what a lie must lead to.
type liarCase struct {
	kind  liar.Kind
	fault protocols.FaultKind
}

func TestLiarsAreNamed(t *testing.T) {
	if testing.Short() {
		t.Skip("whole networks, many times over")
	}
	cases := []liarCase{
		{liar.BadProof, protocols.FaultBadProof},
		{liar.WrongShare, protocols.FaultWrongShare},
		{liar.SecondContribution, protocols.FaultSecond},
		{liar.StaleEpoch, protocols.FaultStaleEpoch},
		{liar.WrongDigest, protocols.FaultWrongDigest},
		{liar.Garbage, protocols.FaultGarbage},
		{liar.FalseAccusation, protocols.FaultFalseAccusation},
		{liar.Equivocation, protocols.FaultEquivocation},
		{liar.Oversized, protocols.FaultOversized},
	}
	seeds, departments := uint64(amount(1, 1, 10)), 3
	for _, c := range cases {
		for seed := range seeds {
			t.Run(fmt.Sprintf("%s/%d", c.kind, seed), func(t *testing.T) {
				cryptotest.SetGlobalRandom(t, seed)
				w := newWorld(t, seed, departments)
				w.loss = int(seed * 5)
				culprit := w.departments()[1+int(seed)%(departments-1)]
				culprit.lie = c.kind
				w.askFor(bySex)
				w.settle()
				w.checkNamed(culprit, c.fault)
				// Nobody re-encrypts anything of a query in which a contribution is in doubt.
				for _, r := range w.ledger.records {
					if r.Entry.Kind == protocols.KindShare && c.kind != liar.WrongShare {
						t.Error("a share was made")
					}
				}
				if testing.Short() || seed > 0 {
					return
				}
				// The others go on: once it tells the truth, the next question is answered.
				culprit.lie, culprit.repents = "", true
				culprit.crashNow()
				w.askFor(bySex)
				w.run()
				verifyAnswer(w, w.checkAnswer(bySex))
			})
		}
	}
}

// checkNamed holds that the query ended without an answer and that the analyst and every
// honest department name the culprit.
func (w *world) checkNamed(culprit *party, kind protocols.FaultKind) {
	w.t.Helper()
	o := w.answer()
	if o.Status != protocols.Failed || o.Fault == nil || o.Fault.Department != culprit.name || o.Fault.Kind != kind {
		w.t.Errorf("analyst: %s %q %v, want %s of %s", o.Status, o.Sentence, o.Fault, kind, culprit.name)
	}
	if o.Result != nil || o.Certificate != nil {
		w.t.Error("there is an answer")
	}
	named := false
	for _, e := range w.ledger.state.Evidence() {
		named = named || e.Key == culprit.id && e.Kind == kind && e.Department == culprit.name
		if e.Key != culprit.id {
			w.t.Errorf("the ledger convicts %s of %s", e.Department, e.Kind)
		}
	}
	if !named {
		w.t.Errorf("the ledger holds no evidence of %s by %s", kind, culprit.name)
	}
	for _, p := range w.validators() {
		for id := range p.queries {
			o := p.outcomes[id]
			switch {
			case p == culprit:
			case o == nil:
				w.t.Errorf("%s has no outcome", p.name)
			case o.Fault == nil || o.Fault.Department != culprit.name || o.Fault.Kind != kind || o.Fault.Reporter != "":
				w.t.Errorf("%s: %s %q %v, want %s of %s", p.name, o.Status, o.Sentence, o.Fault, kind, culprit.name)
			}
		}
	}
}

func TestBadKeyShareIsNamed(t *testing.T) {
	if testing.Short() {
		t.Skip("whole networks, many times over")
	}
	cryptotest.SetGlobalRandom(t, 3)
	w := newWorld(t, 3, 3)
	culprit := w.departments()[2]
	culprit.lie = liar.BadKeyShare
	for range 2 { // a new formation is opened after each
		w.attemptFormation()
	}
	if w.ledger.state.Epoch() != nil {
		t.Fatal("an epoch was formed with a key share that does not verify")
	}
	for _, p := range w.departments()[:2] {
		named := 0
		for _, o := range p.outcomes {
			if o.Status != protocols.Failed || o.Fault.Department != culprit.name || o.Fault.Kind != protocols.FaultBadProof {
				t.Errorf("%s: %s %v", p.name, o.Status, o.Fault)
			}
			named++
		}
		if named == 0 {
			t.Errorf("%s has no outcome", p.name)
		}
	}
	culprit.lie, culprit.repents = "", true
	culprit.crashNow()
	w.askFor(bySex)
	w.run()
	verifyAnswer(w, w.checkAnswer(bySex))
}

// attemptFormation runs a bounded number of tasks: while a member lies, formations fail and
// are opened anew without end.
func (w *world) attemptFormation() {
	for range 400 {
		if len(w.tasks) > 0 {
			w.runOne()
		}
	}
}

// TestHangingDepartment stops a department at every point of a query: the query ends at its
// deadline, by name, and the next one is answered once the department is back.
func TestHangingDepartment(t *testing.T) {
	if testing.Short() {
		t.Skip("whole networks, many times over")
	}
	run := func(t *testing.T, at int) (*world, *party) {
		cryptotest.SetGlobalRandom(t, 11)
		w := newWorld(t, 11, 3)
		w.run() // the epoch is formed
		victim := w.departments()[2]
		w.points[victim] = 0
		w.keepDown = true
		w.crash = func(p *party) bool { return p == victim && w.points[victim] == at }
		w.askFor(bySex)
		w.settle()
		return w, victim
	}
	calm, victim := run(t, 0)
	calm.checkAnswer(bySex)
	stride := amount(40, 18, 1)
	total := calm.points[victim]
	for at := 1; at <= total; at += stride {
		t.Run(fmt.Sprint(at), func(t *testing.T) {
			w, victim := run(t, at)
			if o := w.answer(); o.Status != protocols.Answered {
				if o.Status != protocols.Expired || !slices.Equal(o.Departments, []string{victim.name}) {
					t.Fatalf("%s %q %v", o.Status, o.Sentence, o.Departments)
				}
				for _, p := range w.departments()[:2] {
					for id := range p.queries {
						o := p.outcomes[id]
						// Of a share that only the analyst wants, only the analyst knows.
						shared := o != nil && w.ledger.state.Query(id).Contributions != engine.Digest{} && len(o.Departments) == 0
						if o == nil || o.Status == protocols.Expired && !shared && !slices.Equal(o.Departments, []string{victim.name}) {
							t.Errorf("%s: %+v", p.name, o)
						}
					}
				}
			}
			w.crash, w.keepDown = func(*party) bool { return false }, false
			victim.start()
			w.askFor(byAge)
			w.run()
			verifyAnswer(w, w.checkAnswer(byAge))
		})
	}
}
