package protocols_test

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"strings"
	"testing"
	"testing/cryptotest"

	"parley/engine"
	"parley/engine/cellkey"
	"parley/engine/policy"
	"parley/engine/policy/open"
	"parley/protocols"
)

// perturbedRules are those of the preset abs.
var perturbedRules, _ = engine.Preset("abs")

// perturbed aggregates as a department does under a rule of cell-key noise: its noise key follows from its name, and the
// record key of a row from its place.
func perturbed(t testing.TB, p *engine.Plan, own string, rows []person) protocols.Cells {
	secret := sha256.Sum256([]byte(own))
	key, err := cellkey.New(secret[:])
	if err != nil {
		t.Fatal(err)
	}
	of, tally, dep := key.Recorder("heart", []string{"id"}), cellkey.NewTally(p), slices.Index(p.Departments, own)
	all := aggregateWith(t, tally.Plan, rows, func(row, limb int) engine.Datum {
		return engine.NewInteger(int64(of.Record([]engine.Datum{engine.NewInteger(int64(row))})[limb]))
	})
	cells, noise := tally.Split(key, dep, p.Noise.Rules.Perturbed, all)
	cells, err = p.AddNoise(dep, cells, func(group, moment int, _ *big.Int) (*big.Int, error) {
		return noise[group*len(p.Moments)+moment], nil
	})
	return protocols.Cells{Cells: cells, Err: err}
}

// perturbedWorld has departments with declared keys, of which city2 has these rules.
func perturbedWorld(t testing.TB, seed uint64, rules engine.Disclosure) *world {
	w := newWorld(t, seed, 3)
	w.keyed = true
	w.policy = func(department string) policy.Document {
		d := open.Policy(department, "heart")
		if department == "city2" {
			d.Disclosure = rules
		}
		return d
	}
	return w
}

// noisyAges are the counts by age that all departments answer together.
func (w *world) noisyAges() string {
	w.t.Helper()
	plan, err := engine.NewPlan(byAgeAlone.sql, w.ledger.state.Catalogue(), everybody, protocols.Packing(w.params))
	if err == nil {
		plan, err = plan.Noisy(engine.Disclosure{Perturbed: perturbedRules.Perturbed})
	}
	if err != nil {
		w.t.Fatal(err)
	}
	total := make([]int64, plan.CellCount())
	exact := make([]int64, plan.CellCount())
	for _, p := range w.departments() {
		for i, cell := range aggregate(w.t, plan, p.rows) {
			exact[i] += cell.Int64()
		}
		for i, cell := range perturbed(w.t, plan, p.name, p.rows).Cells {
			total[i] += cell.Int64()
		}
	}
	var out strings.Builder
	for i, n := range total {
		if exact[i] >= perturbedRules.Count && n > 0 {
			fmt.Fprintf(&out, "%s %d \n", plan.Groups[0].Values[i/len(plan.Moments)], n)
		}
	}
	return out.String()
}

// askPerturbed asks, and gives what is shown, which verifies.
func (w *world) askPerturbed(sql string) string {
	w.t.Helper()
	w.askFor(question{sql: sql})
	w.settle()
	o := w.answer()
	if o.Status != protocols.Answered {
		w.t.Fatalf("%s: %s %s %s", sql, o.Status, o.Code, o.Sentence)
	}
	verifyAnswer(w, o)
	if len(o.Result.Noise) != 1 || o.Result.Noise[0].Kind != engine.NoiseCellKey {
		w.t.Fatalf("%s: noise %+v", sql, o.Result.Noise)
	}
	return printed(o.Result)
}

// TestPerturbedQuestion: by one department's rules all add the noise of their keys and rows, also after a screening; the
// certificate verifies; asked again, the answer is the same; what noise leaves nothing of, questions of several rounds, and
// tables without a declared key are refused.
func TestPerturbedQuestion(t *testing.T) {
	cryptotest.SetGlobalRandom(t, 111)
	w := perturbedWorld(t, 111, perturbedRules)
	w.run()
	want := w.noisyAges()
	if want == byAgeAloneOf(w) {
		t.Fatal("a test of no noise")
	}
	for range 2 {
		if got := w.askPerturbed(byAgeAlone.sql); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
	w.checkAgreement()
	w.checkTransitions()
	w.checkShares()
	w.checkContributions()
	refused := func(w *world, sql string, round int, says string) {
		t.Helper()
		plan, err := engine.NewPlan(sql, w.ledger.state.Catalogue(), everybody, protocols.Packing(w.params))
		if err != nil {
			t.Fatal(err)
		}
		_, err = protocols.NewAnalyst(protocols.AnalystConfig{Key: w.analyst().key, Keys: w.keys, Verifying: w.keys.Verifying(), State: w.ledger.state, Receipts: checkReceipt,
			Plan: plan, Question: strings.Repeat(sql, min(round, 1)), Round: round, Purpose: "poverty relapse", Rules: engine.Disclosure{Perturbed: 5}, DeadlineSeconds: 60}, nil)
		var e *engine.Error
		if !errors.As(err, &e) || e.Code != protocols.CodePolicy || !strings.Contains(e.Message, says) {
			t.Errorf("%s: %v", sql, err)
		}
	}
	refused(w, "SELECT count(DISTINCT age) FROM heart", 0, "count(DISTINCT ...) is not answered")
	refused(w, byAgeAlone.sql, 1, "several rounds")
	w = perturbedWorld(t, 112, perturbedRules)
	w.keyed = false
	w.run()
	refused(w, byAgeAlone.sql, 0, "declares no key by which its rows are told apart")
}

func byAgeAloneOf(w *world) string {
	shown, _ := w.shownOf(int(perturbedRules.Count), 0)
	return shown
}
