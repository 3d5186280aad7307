package protocols_test

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/cryptotest"

	"parley/engine"
	"parley/engine/policy"
	"parley/engine/policy/open"
	"parley/protocols"
	"parley/protocols/liar"
	"parley/protocols/mhe/tiny"
)

// ruled has departments publish the open policy with these rules.
func ruled(t testing.TB, seed uint64, departments int, rules engine.Disclosure) *world {
	w := newWorld(t, seed, departments)
	w.policy = func(department string) policy.Document {
		d := open.Policy(department, "heart")
		d.Disclosure = rules
		return d
	}
	return w
}

// shownOf is what is left of byAgeAlone where a group of fewer than count rows is withheld, or one to which a department
// contributes fewer than floor. Who pads its counts says that it has enough.
func (w *world) shownOf(count, floor int, departments ...string) (shown string, withheld []string) {
	var rows []person
	own, padded := map[int64]bool{}, false // below the floor somewhere
	for _, p := range w.departments() {
		if len(departments) > 0 && !slices.Contains(departments, p.name) {
			continue
		}
		n := map[int64]int{}
		for _, r := range p.rows {
			n[r.age]++
		}
		for age := range n {
			own[age] = own[age] || n[age] < floor && p.lie != liar.PaddedCounts
		}
		padded = padded || p.lie == liar.PaddedCounts
		rows = append(rows, p.rows...)
	}
	var kept []person
	for age := int64(40); age < 48; age++ {
		of := slices.DeleteFunc(slices.Clone(rows), func(p person) bool { return p.age != age })
		switch {
		case len(of) == 0:
		case len(of) < count && !padded || own[age]:
			withheld = append(withheld, fmt.Sprint(age))
		default:
			kept = append(kept, of...)
		}
	}
	return printedPlain(byAgeAlone.plain(kept)), withheld
}

// byAgeAlone counts rows and nothing else.
var byAgeAlone = question{
	sql: "SELECT age, count(*) FROM heart GROUP BY age ORDER BY age",
	plain: func(rows []person) [][]string {
		full := byAge.plain(rows)
		for i := range full {
			full[i] = full[i][:2]
		}
		return full
	},
}

func (w *world) checkScreened(count, floor int, departments ...string) *protocols.Outcome {
	w.t.Helper()
	o := w.answer()
	if o.Status != protocols.Answered || o.Result == nil {
		w.t.Fatalf("%s: %s %s %v", o.Status, o.Code, o.Sentence, o.Fault)
	}
	shown, withheld := w.shownOf(count, floor, departments...)
	var named []string
	for _, h := range o.Result.Withheld {
		named = append(named, *h.Group[0].Text)
	}
	if got := printed(o.Result); got != shown || !slices.Equal(named, withheld) {
		w.t.Fatalf("shown\n%swant\n%swithheld %v, want %v", got, shown, named, withheld)
	}
	return o
}

// TestScreenedQuestion: what departments' rules withhold is withheld from everybody, the rest is exact, and the certificate holds the
// contributors' verdicts.
func TestScreenedQuestion(t *testing.T) {
	cryptotest.SetGlobalRandom(t, 91)
	w := ruled(t, 91, 3, engine.Disclosure{Count: 4})
	w.askFor(byAgeAlone)
	w.run()
	o := w.checkScreened(4, 0)
	if len(o.Result.Withheld) == 0 || len(o.Result.Rows) == 0 {
		t.Fatalf("a test that shows nothing: %+v", o.Result)
	}
	verifyAnswer(w, o)
	kinds := map[protocols.EntryKind]int{}
	for _, r := range o.Certificate.Records {
		kinds[r.Entry.Kind]++
	}
	if kinds[protocols.KindScreen] != 3 || kinds[protocols.KindAsk] != 2 || kinds[protocols.KindShare] != 6 {
		t.Errorf("the certificate holds %v", kinds)
	}
	if n := w.ledger.state.Ended(); len(n) != 2 {
		t.Errorf("%d queries", len(n))
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

// TestScreenedRules: floors hold by departments, some of which contribute only; a question whose rules need no counts is asked once.
func TestScreenedRules(t *testing.T) {
	cryptotest.SetGlobalRandom(t, 92)
	w := ruled(t, 92, 3, engine.Disclosure{Floor: 2})
	w.askFor(byAgeAlone, "city1", "city3")
	w.run()
	verifyAnswer(w, w.checkScreened(0, 2, "city1", "city3"))
	w = ruled(t, 93, 2, engine.Disclosure{Levels: 40})
	w.askFor(byAgeAlone)
	w.run()
	verifyAnswer(w, w.checkAnswer(byAgeAlone))
	if n := len(w.ledger.state.Ended()); n != 1 {
		t.Errorf("%d queries", n)
	}
}

// TestScreeningIsConfidential: shares and key of a screening go to contributors alone.
func TestScreeningIsConfidential(t *testing.T) {
	cryptotest.SetGlobalRandom(t, 94)
	w := ruled(t, 94, 3, engine.Disclosure{Count: 4})
	secrets := map[engine.Digest]bool{}
	w.before = func(e protocols.Entry) {
		for _, p := range w.departments() {
			for digest := range p.confided {
				secrets[digest] = true
			}
		}
		for _, p := range w.departments() {
			for digest := range secrets {
				for _, to := range []*party{w.analyst(), w.auditor(), w.party("city2")} {
					if blob, _ := p.serve(digest, to); blob != nil {
						t.Errorf("%s serves a blob of the screening to %s", p.name, to.name)
					}
				}
			}
		}
	}
	w.askFor(byAgeAlone, "city1", "city3")
	w.run()
	w.checkScreened(4, 0, "city1", "city3")
	if len(secrets) < 4 { // three shares and a key
		t.Errorf("%d blobs were confided", len(secrets))
	}
	for _, p := range []*party{w.analyst(), w.auditor(), w.party("city2")} {
		for digest := range p.store {
			if secrets[digest] && !slices.ContainsFunc(p.journal, func(r protocols.JournalRecord) bool {
				return slices.ContainsFunc(r.Blobs, func(b []byte) bool { return protocols.BlobDigest(b) == digest })
			}) {
				t.Errorf("%s holds a blob of the screening", p.name)
			}
		}
	}
}

// TestUnscreenedAnswer: an answer that is asked for without its screening is refused by every department, and by the auditor.
func TestUnscreenedAnswer(t *testing.T) {
	cryptotest.SetGlobalRandom(t, 95)
	w := ruled(t, 95, 2, engine.Disclosure{Count: 4})
	w.unscreened = true
	w.askFor(byAgeAlone)
	w.settle()
	if o := w.answer(); o.Status != protocols.Refused || o.Code != protocols.CodePolicy || !strings.Contains(o.Sentence, "screen") {
		t.Errorf("%+v", o)
	}
	for _, e := range w.entriesOn(protocols.KindContribute) {
		t.Errorf("%s contributed", e.Author)
	}
}

// TestVerdictsDiffer: a contributor that signs another verdict ends the screening, no answer follows, and honest
// contributors know who it was.
func TestVerdictsDiffer(t *testing.T) {
	cryptotest.SetGlobalRandom(t, 96)
	w := ruled(t, 96, 3, engine.Disclosure{Count: 4})
	liar := w.party("city2")
	liar.deviates = true
	w.replace = func(e protocols.Entry) protocols.Entry {
		body, err := e.Open()
		if s, ok := body.(*protocols.Screen); ok && err == nil && e.Author == liar.id {
			s.Verdict[0] ^= 1
			if len(s.Packed) > 0 { // all cells are shown
				s.Packed = []byte{0, 8}
				s.Verdict = engine.Hash("parley verdict 1", s.Packed)
			}
			return protocols.Sign(w.network.ID(), liar.key, s)
		}
		return e
	}
	w.askFor(byAgeAlone)
	w.settle()
	o := w.answer()
	if o.Status != protocols.Failed || o.Code != string(protocols.FaultVerdicts) || len(o.Departments) != 2 {
		t.Fatalf("%+v", o)
	}
	id := w.ledger.state.Ended()[0]
	for _, name := range []string{"city1", "city3"} {
		if o := w.party(name).outcomes[id]; o == nil || o.Fault == nil || o.Fault.Department != "city2" && bytes.Contains([]byte(o.Sentence), []byte(name)) {
			t.Errorf("%s: %+v", name, o)
		}
	}
}

// TestScreenedRounds: each round of a question is screened by itself, what one withholds is marked in the answer of all, and the
// sequence of their certificates verifies; one with a round of which something else is withheld does not.
func TestScreenedRounds(t *testing.T) {
	cryptotest.SetGlobalRandom(t, 97)
	w := ruled(t, 97, 2, engine.Disclosure{Count: 4})
	w.run()
	const sql = "SELECT age, count(*) FROM heart GROUP BY age UNION ALL SELECT age, count(*) FROM heart WHERE age >= 43 GROUP BY age"
	sequence, result := w.asked(sql)
	if len(sequence.Certificates) != 2 || len(result.Withheld) == 0 || len(result.Rows) == 0 {
		t.Fatalf("%d rounds, %d rows, %d withheld", len(sequence.Certificates), len(result.Rows), len(result.Withheld))
	}
	verifier := protocols.Verifier{Receipts: checkReceipt, Parameters: tiny.Named, Pinned: pinned(w)}
	v, err := verifier.Verify(sequence.Marshal())
	if err != nil || !v.Verified || printed(v.Result) != printed(result) {
		t.Errorf("%+v %v", v, err)
	}
	swapped := protocols.NewSequence(sql, [][]byte{sequence.Certificates[1], sequence.Certificates[0]})
	if v, err := verifier.Verify(swapped.Marshal()); err == nil && v.SelfConsistent {
		t.Errorf("rounds in another order: %+v", v)
	}
}
