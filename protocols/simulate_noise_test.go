package protocols_test

import (
	"crypto/rand"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"strings"
	"testing"
	"testing/cryptotest"

	"parley/engine"
	"parley/engine/policy"
	"parley/engine/policy/open"
	"parley/protocols"
)

// privateRules are ε = 4 a question and 8 in all, for δ = 10^-6: three questions.
var privateRules = engine.Disclosure{Epsilon: 4_000_000, Budget: 8_000_000, Delta: 1_000_000}

// noisily aggregates as a department does whose node adds noise.
func (w *world) noisily(plan *engine.Plan, p *party) protocols.Cells {
	if plan.Noise != nil && plan.Noise.Kind == engine.NoiseCellKey {
		return perturbed(w.t, plan, p.name, p.rows)
	}
	source := plan.GaussianNoise(rand.Reader)
	if w.noise != nil && w.noise(p) != nil {
		source = w.noise(p)
	}
	cells, err := plan.AddNoise(slices.Index(plan.Departments, p.name), aggregate(w.t, plan, p.rows), source)
	return protocols.Cells{Cells: cells, Err: err}
}

// privateWorld has departments of which these publish rules of differential privacy, for two purposes.
func privateWorld(t testing.TB, seed uint64, departments int, ruling ...string) *world {
	w := newWorld(t, seed, departments)
	w.policy = func(department string) policy.Document {
		d := open.Policy(department, "heart")
		if slices.Contains(ruling, department) {
			d.Disclosure = privateRules
			d.Rules[0].Terms.Purposes = []string{"poverty relapse", "teaching"}
		}
		return d
	}
	return w
}

// checkNoisy holds an answer of byAgeAlone to the truth: each number as near as its standard error says, not all of them true, and
// none without an error.
func (w *world) checkNoisy() *protocols.Outcome {
	w.t.Helper()
	o := w.answer()
	if o.Status != protocols.Answered || o.Result == nil {
		w.t.Fatalf("%s: %s %s %v", o.Status, o.Code, o.Sentence, o.Fault)
	}
	w.checkNoisyResult(o)
	return o
}

// checkNoisyResult is checkNoisy of an answer that its analyst may have ended otherwise.
func (w *world) checkNoisyResult(o *protocols.Outcome) {
	w.t.Helper()
	var rows []person
	for _, p := range w.departments() {
		rows = append(rows, p.rows...)
	}
	truth := map[string]int64{}
	for _, p := range rows {
		truth[fmt.Sprint(p.age)]++
	}
	off := false
	for _, row := range o.Result.Rows {
		got, _ := new(big.Rat).SetString(*row[1].Exact)
		if row[1].Error == nil || row[0].Error != nil {
			w.t.Fatal("a count without a standard error, or a key with one")
		}
		sigma, _ := new(big.Rat).SetString(*row[1].Error)
		gap := got.Sub(got, big.NewRat(truth[*row[0].Text], 1))
		off = off || gap.Sign() != 0
		if gap.Abs(gap).Cmp(sigma.Mul(sigma, big.NewRat(6, 1))) > 0 {
			w.t.Errorf("%s is off by %s, six times its error is %s", *row[0].Text, gap.FloatString(0), sigma.FloatString(2))
		}
	}
	if !off || len(o.Result.Noise) != 1 || o.Result.Noise[0].Column != "count" || o.Result.Noise[0].Departments != len(w.departments()) {
		w.t.Fatalf("no noise is told, or none is there: %+v", o.Result.Noise)
	}
}

// spentWith is what the analyst spent of a department's budget.
func (w *world) spentWith(department string) (rho int64) {
	for _, b := range w.ledger.state.Budgets() {
		if b.Department == department {
			rho += b.Rho
		}
	}
	return rho
}

// TestPrivateQuestion: by one department's rules all add noise; the certificate verifies; asked again the answer is another one, and is
// paid again, until the budget is spent, which the client is told before it asks, and the departments' machines if it asks nevertheless.
func TestPrivateQuestion(t *testing.T) {
	cryptotest.SetGlobalRandom(t, 101)
	w := privateWorld(t, 101, 3, "city2")
	var answers []string
	for i := int64(1); i <= 3; i++ {
		w.askFor(byAgeAlone)
		w.run()
		o := w.checkNoisy()
		verifyAnswer(w, o)
		if got := w.spentWith("city2"); got != i*privateRules.Rho() {
			t.Fatalf("%d is spent after question %d of %d", got, i, privateRules.Rho())
		}
		if slices.Contains(answers, printed(o.Result)) {
			t.Error("two answers are the same")
		}
		answers = append(answers, printed(o.Result))
	}
	if w.spentWith("city1") != 0 {
		t.Error("a department without a budget counts one")
	}
	w.checkAgreement()
	w.checkTransitions()
	w.checkShares()
	w.checkContributions()
	w.askFor(byAgeAlone)
	w.settle()
	if o := w.answer(); o.Status == protocols.Answered || !strings.Contains(o.Sentence, "budget") {
		t.Errorf("a fourth question: %+v", o)
	}
	if got := w.spentWith("city2"); got != 3*privateRules.Rho() {
		t.Errorf("%d is spent", got)
	}
}

// checkContributions holds that each department contributed once to each query that went so far, by what its journal has.
func (w *world) checkContributions() {
	w.t.Helper()
	for _, p := range w.departments() {
		made := map[engine.Digest]bool{}
		for _, r := range p.journal {
			if r.Kind != protocols.JournalContribute {
				continue
			}
			if made[r.Query] {
				w.t.Errorf("%s made two contributions to query %s", p.name, r.Query)
			}
			made[r.Query] = true
			q := w.ledger.state.Query(r.Query)
			for i, digests := range q.Contributed {
				if q.Contributors[i].Key != p.id || len(digests) == 0 {
					continue
				}
				for k, digest := range digests {
					if protocols.BlobDigest(r.Blobs[k]) != digest {
						w.t.Errorf("%s's contribution on the ledger is not the one in its journal", p.name)
					}
				}
			}
		}
	}
}

// TestPrivateCrashes kills parties anywhere in a question with noise. Noise is drawn once: what a department's journal holds is what
// is on the ledger, however often it is sent; and the question is paid once.
func TestPrivateCrashes(t *testing.T) {
	cryptotest.SetGlobalRandom(t, 18)
	base := privateWorld(t, 18, 3, "city1", "city2", "city3")
	base.run()
	calm := base.fork(t, 18)
	ask := func(w *world) {
		w.askFor(byAgeAlone)
		w.run()
		w.checkNoisy()
		w.checkAgreement()
		w.checkTransitions()
		w.checkShares()
		w.checkContributions()
		for _, p := range w.departments() {
			if got := w.spentWith(p.name); got != privateRules.Rho() {
				w.t.Errorf("%d is spent with %s", got, p.name)
			}
		}
	}
	ask(calm)
	kills := killedAnywhere(t, base, calm, 18, amount(200, 160, 5), func(_ *testing.T, w *world) { ask(w) })
	if kills < 3 {
		t.Errorf("only %d kills", kills)
	}
}

// TestPrivateRefusals: what noise leaves nothing of, questions of several rounds, and rules by exact counts beside it are refused, and
// cost nothing.
func TestPrivateRefusals(t *testing.T) {
	cryptotest.SetGlobalRandom(t, 102)
	w := privateWorld(t, 102, 2, "city1")
	w.run()
	plan := func(sql string) *engine.Plan {
		p, err := engine.NewPlan(sql, w.ledger.state.Catalogue(), []string{"city1", "city2"}, protocols.Packing(w.params))
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	for _, c := range []struct {
		sql, question string
		round         int
		says          string
	}{
		{"SELECT median(age) FROM heart", "", 0, "median is not answered"},
		{"SELECT min(age) FROM heart", "", 0, "is not answered"},
		{byAgeAlone.sql, "SELECT age FROM heart", 1, "several rounds"},
	} {
		_, err := protocols.NewAnalyst(protocols.AnalystConfig{Key: w.analyst().key, Keys: w.keys, Verifying: w.keys.Verifying(), State: w.ledger.state, Receipts: checkReceipt,
			Plan: plan(c.sql), Question: c.question, Round: c.round, Purpose: "poverty relapse", Rules: privateRules, DeadlineSeconds: 60}, nil)
		var refused *engine.Error
		if !errors.As(err, &refused) || refused.Code != protocols.CodePolicy || !strings.Contains(refused.Message, c.says) {
			t.Errorf("%s: %v", c.sql, err)
		}
	}
	if w.spentWith("city1") != 0 {
		t.Error("a question that was refused has cost something")
	}
}
