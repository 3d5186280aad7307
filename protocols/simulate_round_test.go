package protocols_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/cryptotest"

	"parley/engine"
	"parley/engine/policy"
	"parley/protocols"
	"parley/protocols/liar"
)

// roundedTo is what byAgeAlone's groups are rounded to.
const roundedTo = 3

// roundedWorld is ruledWorld whose counts are rounded as well. The rows are dealt so that counts of 4 to 7 are shown.
func roundedWorld(t testing.TB, seed uint64, rules engine.Disclosure) *world {
	w := ruled(t, seed, 3, rules)
	w.recipient = "city2"
	for _, p := range w.departments() {
		p.rows = nil
		for i, n := range ruledRows[p.name] {
			p.rows = append(p.rows, slices.Repeat([]person{{sex: "F", age: 40 + int64(i)}}, n)...)
		}
	}
	return w
}

// checkRounded holds that the last answer is byAgeAlone over the pooled rows, rounded, without the groups of fewer than count rows.
func (w *world) checkRounded(count int) *protocols.Outcome {
	w.t.Helper()
	o := w.answer()
	if o.Status != protocols.Answered || o.Result == nil {
		w.t.Fatalf("%s: %s %s %v", o.Status, o.Code, o.Sentence, o.Fault)
	}
	w.checkRoundedResult(o, count)
	return o
}

// checkRoundedResult is checkRounded of an answer that its analyst may have ended otherwise.
func (w *world) checkRoundedResult(o *protocols.Outcome, count int) {
	w.t.Helper()
	pooled := map[int64]int{}
	for _, p := range w.departments() {
		for _, r := range p.rows {
			pooled[r.age]++
		}
	}
	want, exact := "", 0
	for age := int64(40); age < 48; age++ {
		n := pooled[age]
		near := (n + roundedTo/2) / roundedTo * roundedTo
		if n >= count && near > 0 {
			want += fmt.Sprintf("%d %d \n", age, near)
		}
		if n >= count && n == near {
			exact++
		}
	}
	if got := printed(o.Result); got != want || o.Result.Rounded != roundedTo || exact == len(o.Result.Rows) {
		w.t.Fatalf("shown\n%swant\n%srounded to %d, %d exact", got, want, o.Result.Rounded, exact)
	}
}

// TestRoundedQuestion: what is released are the rounded counts. The recipient alone contributes them, the certificate verifies, and no
// journal but the contributors' has what they opened.
func TestRoundedQuestion(t *testing.T) {
	for name, rules := range map[string]engine.Disclosure{"rounded": {Base: roundedTo}, "and small": {Count: 4, Base: roundedTo}} {
		t.Run(name, func(t *testing.T) {
			cryptotest.SetGlobalRandom(t, 191)
			w := roundedWorld(t, 191, rules)
			w.askFor(byAgeAlone)
			w.run()
			o := w.checkRounded(int(rules.Count))
			verifyAnswer(w, o)
			w.checkAgreement()
			w.checkTransitions()
			w.checkShares()
			w.checkOneGate()
			answer := w.ledger.state.Query(w.ledger.state.Ended()[1])
			for _, p := range w.departments() {
				opened := 0
				for _, r := range p.journal {
					if strings.Contains(fmt.Sprintf("%v %+v %#v", r, r, r), "Cells") {
						t.Errorf("a journal record shows what it holds: %v", r)
					}
					e, err := protocols.ParseEntry(r.Entry)
					if err == nil && e.Kind == protocols.KindScreen && len(r.Secret) > 0 && r.Query == answer.Ask.Screen {
						opened++
					}
				}
				if opened != 1 {
					t.Errorf("%s has journaled %d times what it opened", p.name, opened)
				}
			}
			for _, r := range w.recheck(nil) {
				if len(r.False)+len(r.Refuted) > 0 {
					t.Errorf("%+v", r)
				}
			}
		})
	}
}

// TestRoundedAmongFewer: members that contribute nothing open nothing, and help to decrypt; a single contributor rounds its own counts.
func TestRoundedAmongFewer(t *testing.T) {
	for _, departments := range [][]string{{"city2"}, {"city1", "city3"}} {
		cryptotest.SetGlobalRandom(t, 192)
		w := roundedWorld(t, 192, engine.Disclosure{Base: roundedTo})
		w.recipient = departments[0]
		for _, p := range w.departments() {
			if !slices.Contains(departments, p.name) {
				p.rows = p.rows[:1]
			}
		}
		w.askFor(byAgeAlone, departments...)
		w.run()
		o := w.answer()
		if o.Result == nil || o.Result.Rounded != roundedTo || len(o.Result.Rows) == 0 {
			t.Fatalf("%v: %+v", departments, o)
		}
		verifyAnswer(w, o)
	}
}

// TestRoundedRefusals: sums and questions of several rounds are refused where counts are rounded, and say what to ask for instead.
func TestRoundedRefusals(t *testing.T) {
	for sql, says := range map[string]string{
		"SELECT sex, sum(age) FROM heart GROUP BY sex":                            "a sum would undo it",
		"SELECT count(*) FROM heart UNION ALL SELECT count(*) FROM heart":         "in several rounds",
		"SELECT sum(CASE WHEN age > 45 THEN 1 ELSE 0 END) FROM heart":             "a sum would undo it",
		"SELECT avg(age) FROM heart":                                              "a sum would undo it",
		"SELECT count(*) FROM heart WHERE age > (SELECT count(*) / 9 FROM heart)": "in several rounds",
	} {
		w := roundedWorld(t, 193, engine.Disclosure{Base: roundedTo})
		w.run()
		session, err := protocols.NewQuestion(sql, w.ledger.state.Catalogue(), nil, protocols.Packing(w.params))
		if err != nil {
			t.Fatal(err)
		}
		f, err := policy.FactsOfQuestion(session, sql)
		if err != nil {
			t.Fatal(err)
		}
		d := w.ledger.state.Consider(w.analyst().id, w.ledger.at.Time/1000, &f, protocols.Ask{SQL: session.Plan().SQL, Purpose: purpose})
		if d.Allowed || !strings.Contains(d.Text("en"), says) || !strings.Contains(d.Text("zh"), "取整") {
			t.Errorf("%s: %s", sql, d.Text("en"))
		}
	}
}

// roundedLie asks byAgeAlone while city2, the recipient, or city1 lies, and gives how the answer's query ended.
func roundedLie(t *testing.T, by string, kind liar.Kind) (*world, *protocols.QueryState) {
	cryptotest.SetGlobalRandom(t, 194)
	w := roundedWorld(t, 194, engine.Disclosure{Base: roundedTo})
	w.party(by).lie = kind
	w.askFor(byAgeAlone)
	w.settle()
	ended := w.ledger.state.Ended()
	if len(ended) != 2 {
		t.Fatalf("%d queries ended", len(ended))
	}
	return w, w.ledger.state.Query(ended[1])
}

// TestRoundedOtherwise: a recipient that contributes another count, or the right ones with randomness of its own, is found out by every
// other contributor before it attests, and no share is made.
func TestRoundedOtherwise(t *testing.T) {
	for _, kind := range []liar.Kind{liar.UnroundedCount, liar.OtherRounded, liar.OwnRandomness} {
		t.Run(string(kind), func(t *testing.T) {
			w, q := roundedLie(t, "city2", kind)
			if q.Phase != protocols.PhaseRefused || q.Refusal.Code != protocols.CodeRounding || !strings.HasPrefix(q.Refusal.Sentence, "city2 contributed something else") {
				t.Fatalf("%s: %+v", q.Phase, q.Refusal)
			}
			if o := w.answer(); o.Status != protocols.Refused || o.Result != nil {
				t.Errorf("%+v", o)
			}
			for _, p := range w.departments() {
				for _, r := range p.journal {
					e, err := protocols.ParseEntry(r.Entry)
					if err != nil || r.Query != q.ID {
						continue
					}
					if e.Kind == protocols.KindShare || p.name != "city2" && e.Kind == protocols.KindAttest {
						t.Errorf("%s made a %s entry", p.name, e.Kind)
					}
				}
			}
		})
	}
}

// TestAddedToRounded: who is not the recipient has room for nothing.
func TestAddedToRounded(t *testing.T) {
	_, q := roundedLie(t, "city1", liar.AddedCount)
	if q.Phase != protocols.PhaseAccused && q.Phase != protocols.PhaseFailed || q.Accusation == nil || q.Accusation.Fault != protocols.FaultBadProof {
		t.Errorf("%s: %+v", q.Phase, q.Accusation)
	}
}

// TestRoundedWithoutOpened: a contributor whose journal has lost what it opened contributes nothing and attests nothing.
func TestRoundedWithoutOpened(t *testing.T) {
	for _, forgets := range []string{"city1", "city2"} {
		cryptotest.SetGlobalRandom(t, 195)
		w := roundedWorld(t, 195, engine.Disclosure{Base: roundedTo})
		w.before = func(e protocols.Entry) {
			if body, err := e.Open(); err == nil {
				if ask, ok := body.(*protocols.Ask); ok && ask.Screen != (engine.Digest{}) {
					p := w.party(forgets)
					for i := range p.journal {
						if r, err := protocols.ParseEntry(p.journal[i].Entry); err == nil && r.Kind == protocols.KindScreen {
							p.journal[i].Secret = nil
						}
					}
				}
			}
		}
		w.askFor(byAgeAlone)
		w.settle()
		if o := w.answer(); o.Status != protocols.Refused || o.Code != protocols.CodeRounding || !strings.Contains(o.Sentence, forgets+" refuses: ") {
			t.Errorf("%+v", o)
		}
	}
}

// TestRoundedCrashes kills parties anywhere in a screening and its answer: what they contribute and release stays the same.
func TestRoundedCrashes(t *testing.T) {
	cryptotest.SetGlobalRandom(t, 196)
	base := roundedWorld(t, 196, engine.Disclosure{Count: 4, Base: roundedTo})
	base.run()
	ask := func(w *world, verified bool) {
		w.askFor(byAgeAlone)
		w.run()
		o := w.checkRounded(4)
		if verified {
			verifyAnswer(w, o)
		}
		w.checkAgreement()
		w.checkTransitions()
		w.checkShares()
		w.checkOneGate()
	}
	calm := base.fork(t, 196)
	ask(calm, true)
	stride, n := amount(300, 300, 1), amount(2, 2, 400)
	if *schedules > 0 && *everything {
		stride, n = max(1, 2000 / *schedules), max(1, *schedules/5)
	}
	killedAnywhere(t, base, calm, 196, stride, func(_ *testing.T, w *world) { ask(w, false) })
	killedBySchedules(t, base, calm, n, ask)
}
