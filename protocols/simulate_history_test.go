package protocols_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/cryptotest"

	"parley/engine"
	"parley/protocols"
	"parley/protocols/mhe/tiny"
)

// loner is a WHERE that leaves out one row of the world's tables.
func (w *world) loner() string {
	n := map[int64]int{}
	for _, p := range w.departments() {
		for _, r := range p.rows {
			if r.chol != nil {
				n[*r.chol]++
			}
		}
	}
	for chol := int64(0); chol < 1000; chol++ {
		if n[chol] == 1 {
			return fmt.Sprintf("(chol <> %d OR chol IS NULL)", chol)
		}
	}
	w.t.Fatal("no row is alone")
	return ""
}

// TestHistory: a question that with an earlier answer tells of one person is refused, naming that, after its screening and without
// an answer's Ask; the same again, and one that tells nothing, are answered, and their certificates say what they were compared with.
func TestHistory(t *testing.T) {
	cryptotest.SetGlobalRandom(t, 121)
	w := ruled(t, 121, 3, engine.Disclosure{Count: 4, History: 365})
	ask := func(sql string) *protocols.Outcome {
		w.askFor(question{sql: sql})
		w.run()
		return w.answer()
	}
	const total = "SELECT count(*), sum(chol) FROM heart"
	first := ask(total)
	if first.Status != protocols.Answered || len(w.ledger.state.Ended()) != 2 {
		t.Fatalf("%+v", first)
	}
	id := w.ledger.state.Ended()[1]
	o := ask(total + " WHERE " + w.loner())
	if o.Status != protocols.Refused || o.Code != engine.CodeHistory || !strings.Contains(o.Sentence, id.String()) || !strings.Contains(o.Sentence, total) {
		t.Fatalf("%+v", o)
	}
	if ended := w.ledger.state.Ended(); len(ended) != 3 || !w.ledger.state.Query(ended[2]).Ask.Screening {
		t.Errorf("%d queries", len(ended))
	}
	again := ask(total)
	if again.Status != protocols.Answered || printed(again.Result) != printed(first.Result) {
		t.Fatalf("%+v", again)
	}
	last := w.ledger.state.Ended()[4]
	other := ask("SELECT sex, count(*) FROM heart WHERE age >= 44 GROUP BY sex")
	if other.Status != protocols.Answered {
		t.Fatalf("%+v", other)
	}
	verifier := protocols.Verifier{Receipts: checkReceipt, Parameters: tiny.Named, Pinned: pinned(w)}
	v, err := verifier.Verify(other.Certificate.Marshal())
	if err != nil || !v.Verified || len(v.Compared) != 1 || v.Compared[0].Query != last || v.Compared[0].SQL != total {
		t.Errorf("%+v %v", v, err)
	}
	if v, err := verifier.Verify(again.Certificate.Marshal()); err != nil || !v.Verified || len(v.Compared) != 0 {
		t.Errorf("%+v %v", v, err)
	}
	for what, change := range map[string]func(a *protocols.Ask){
		"left out": func(a *protocols.Ask) { a.Past = nil },
		"changed":  func(a *protocols.Ask) { a.Past[0].SQL = "SELECT count(*) FROM heart" },
		"renamed":  func(a *protocols.Ask) { a.Past[0].Query[0] ^= 1 },
	} {
		c := *other.Certificate
		c.Records = slices.Clone(c.Records)
		for i, r := range c.Records {
			if body, err := r.Entry.Open(); err == nil {
				if a, ok := body.(*protocols.Ask); ok && a.Screening {
					change(a)
					c.Records[i].Entry = protocols.Sign(w.network.ID(), w.analyst().key, a)
				}
			}
		}
		if v, err := verifier.Verify(c.Marshal()); err == nil && v.SelfConsistent {
			t.Errorf("%s: %+v", what, v)
		}
	}
	for _, r := range w.recheck(nil) {
		if len(r.False)+len(r.Refuted) > 0 {
			t.Errorf("%+v", r)
		}
	}
	w.checkAgreement()
	w.checkTransitions()
	w.checkShares()
}

// TestHistoryOfRounds: the SELECTs of a question are compared with each other, and a search's rounds, which count the same rows,
// go on.
func TestHistoryOfRounds(t *testing.T) {
	if testing.Short() {
		t.Skip("many rounds, each with its proofs")
	}
	cryptotest.SetGlobalRandom(t, 122)
	w := ruled(t, 122, 2, engine.Disclosure{Count: 2, History: 365})
	w.run()
	sequence, _ := w.asked("SELECT count(*) FROM heart UNION ALL SELECT count(*) FROM heart WHERE age < 100")
	verifier := protocols.Verifier{Receipts: checkReceipt, Parameters: tiny.Named, Pinned: pinned(w)}
	v, err := verifier.Verify(sequence.Marshal())
	if err != nil || !v.Verified || len(v.Rounds) != 2 || len(v.Rounds[1].Compared) != 1 {
		t.Errorf("%+v %v", v, err)
	}
	const sql = "SELECT sum(chol) FROM heart UNION ALL SELECT sum(chol) FROM heart WHERE "
	where := w.loner()
	session, err := protocols.NewQuestion(sql+where, w.analyst().state.Catalogue(), nil, protocols.Packing(w.params))
	if err != nil {
		t.Fatal(err)
	}
	w.askFor(question{sql: session.Plan().SQL, of: sql + where, round: 1})
	w.run()
	o := w.answer()
	if o.Status != protocols.Answered {
		t.Fatalf("%+v", o)
	}
	if err := session.Step(o.Result); err != nil {
		t.Fatal(err)
	}
	w.askFor(question{sql: session.Plan().SQL, of: sql + where, round: 2})
	w.run()
	if o := w.answer(); o.Code != engine.CodeHistory {
		t.Errorf("%+v", o)
	}
}
