package protocols_test

import (
	"errors"
	"slices"
	"testing"
	"testing/cryptotest"

	"parley/engine"
	"parley/protocols"
)

// entriesOf are a party's entries of a kind on the ledger.
func (w *world) entriesOf(p *party, kind protocols.EntryKind) int {
	n := 0
	for _, r := range w.ledger.records {
		if r.Entry.Author == p.id && r.Entry.Kind == kind {
			n++
		}
	}
	return n
}

// TestJournalOfAnotherTime: a department whose journal was rolled back behind what the ledger
// holds does not go on, and makes nothing a second time (README section 5).
func TestJournalOfAnotherTime(t *testing.T) {
	if testing.Short() {
		t.Skip("whole networks, many times over")
	}
	for _, kind := range []protocols.JournalKind{protocols.JournalKeyShare, protocols.JournalContribute, protocols.JournalShare} {
		cryptotest.SetGlobalRandom(t, 31)
		w := newWorld(t, 31, 2)
		victim := w.departments()[1]
		var q engine.Digest
		restored := false
		w.crash = func(p *party) bool {
			// At the first step after the entry is on the ledger and before the query has ended.
			if p != victim || restored || len(w.ledger.state.Open()) == 0 || w.ledger.state.Applied() != victim.state.Applied() {
				return false
			}
			want := map[protocols.JournalKind]protocols.EntryKind{protocols.JournalKeyShare: protocols.KindKeyCommit,
				protocols.JournalContribute: protocols.KindContribute, protocols.JournalShare: protocols.KindShare}[kind]
			if w.entriesOf(victim, want) == 0 {
				return false
			}
			q, restored = w.ledger.state.Open()[0], true
			return true
		}
		w.keepDown = true
		w.askFor(bySex)
		w.run()
		if !restored {
			t.Fatalf("record %d was never journaled", kind)
		}
		victim.journal = slices.DeleteFunc(victim.journal, func(r protocols.JournalRecord) bool { return r.Kind == kind })
		state := w.ledger.snapshot()
		d := &protocols.Department{Key: victim.key, Params: w.params, Keys: w.keys, Verifying: w.keys.Verifying(), State: state}
		if kind == protocols.JournalKeyShare {
			f, err := protocols.NewFormation(d, state.Epoch().ID, victim.journal)
			if err == nil {
				_, err = f.Step(protocols.Started{})
			}
			if !errors.Is(err, protocols.ErrJournal) {
				t.Errorf("the key share's record is gone: %v", err)
			}
			continue
		}
		m, err := protocols.NewQuery(d, victim.epochs[state.Query(q).Ask.Epoch], q, victim.journal)
		if err == nil {
			var r protocols.Ready
			r, err = m.Step(protocols.Started{})
			if len(r.Send)+len(r.Work)+len(r.Publish) > 0 || r.Aggregate != nil {
				t.Errorf("record %d is gone and the machine works on", kind)
			}
		}
		if !errors.Is(err, protocols.ErrJournal) {
			t.Errorf("record %d is gone: %v", kind, err)
		}
	}
}

// TestNoShareForOtherContributions: a share that is journaled for one set of contributions is
// never sent for another, whatever the ledger says by now.
func TestNoShareForOtherContributions(t *testing.T) {
	cryptotest.SetGlobalRandom(t, 32)
	w := newWorld(t, 32, 3)
	victim := w.departments()[1]
	crashed := false
	w.crash = func(p *party) bool {
		last := len(p.journal) - 1
		if p != victim || crashed || last < 0 || p.journal[last].Kind != protocols.JournalShare {
			return false
		}
		crashed = true
		p.journal[last].Contributions[0] ^= 1
		return true
	}
	w.askFor(bySex)
	w.settle()
	if !crashed {
		t.Fatal("no share was journaled")
	}
	if n := w.entriesOf(victim, protocols.KindShare); n != 0 {
		t.Errorf("%d shares were sent", n)
	}
	for id := range victim.queries {
		o := victim.outcomes[id]
		if o == nil || o.Status != protocols.Refused || o.Code != protocols.CodeForked {
			t.Errorf("%+v", o)
		}
	}
	if o := w.answer(); o.Status == protocols.Answered {
		t.Error("there is an answer")
	}
}

// lyingAnalyst replaces the analyst's question before it is ordered.
func lyingAnalyst(w *world, change func(*protocols.Ask)) {
	a := w.analyst()
	w.replace = func(e protocols.Entry) protocols.Entry {
		body, err := e.Open()
		if ask, ok := body.(*protocols.Ask); err == nil && ok {
			change(ask)
			return protocols.Sign(w.network.ID(), a.key, ask)
		}
		return e
	}
}

// TestDepartmentsCheckThemselves: each department refuses by itself what its input privacy
// rests on, though the referee lets it pass.
func TestDepartmentsCheckThemselves(t *testing.T) {
	if testing.Short() {
		t.Skip("whole networks, many times over")
	}
	cases := []struct {
		name, code string
		prepare    func(w *world)
	}{
		{"another plan", protocols.CodePlanMismatch, func(w *world) {
			lyingAnalyst(w, func(a *protocols.Ask) { a.Plan[0] ^= 1 })
		}},
		{"another number of ciphertexts", protocols.CodePlanMismatch, func(w *world) {
			lyingAnalyst(w, func(a *protocols.Ask) { a.Ciphertexts++ })
		}},
		{"SQL that does not parse", engine.CodeSyntax, func(w *world) {
			lyingAnalyst(w, func(a *protocols.Ask) { a.SQL = "SELECT FROM" })
		}},
		{"a key that is not proven for this question", protocols.CodeAnalystKey, func(w *world) {
			lyingAnalyst(w, func(a *protocols.Ask) { a.Nonce[0] ^= 1 })
		}},
		{"a key that nobody serves", protocols.CodeAnalystUnavailable, func(w *world) {
			lyingAnalyst(w, func(a *protocols.Ask) { a.AnalystKey[0] ^= 1 })
		}},
	}
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			cryptotest.SetGlobalRandom(t, 33)
			w := newWorld(t, 33, 3)
			w.run()
			tc.prepare(w)
			w.askFor(bySex)
			w.settle()
			refused := 0
			for _, r := range w.ledger.records {
				body, err := r.Entry.Open()
				if err != nil {
					t.Fatal(err)
				}
				switch b := body.(type) {
				case *protocols.Refuse:
					refused++
					if b.Code != tc.code {
						t.Errorf("refused with %s: %s, want %s", b.Code, b.Sentence, tc.code)
					}
				case *protocols.Admit, *protocols.Contribute, *protocols.ShareCommit:
					t.Errorf("a department posts %s", r.Entry.Kind)
				}
			}
			if refused == 0 {
				t.Error("no department refused")
			}
		})
	}
}

// TestRefusedQuestion: the analyst learns why the ledger gave its question no effect.
func TestRefusedQuestion(t *testing.T) {
	cryptotest.SetGlobalRandom(t, 34)
	w := newWorld(t, 34, 2)
	w.run()
	p := w.departments()[0]
	w.before = func(e protocols.Entry) {
		if e.Kind == protocols.KindAsk {
			w.before = nil // a new version of the table is registered just before the question
			_ = w.ledger.order(protocols.Sign(w.network.ID(), p.key,
				&protocols.Register{Registration: registration(p.name, "heart", 2, p.rows)}))
		}
	}
	w.askFor(bySex)
	w.run()
	if o := w.answer(); o.Status != protocols.Refused || o.Code != "stale-catalogue" {
		t.Errorf("%+v", o)
	}
	w.askFor(bySex)
	w.run()
	w.checkAnswer(bySex)
}
