package protocols_test

import (
	"slices"
	"strings"
	"testing"
	"testing/cryptotest"

	"parley/engine"
	"parley/engine/policy"
	"parley/engine/policy/open"
	"parley/protocols"
)

// largestRules are about the largest rows of sums, and nothing else.
var largestRules = engine.Disclosure{DominanceCount: 2, DominancePerMille: 900}

// largestWorld is a network in which city3's policy has these rules. Of age 41 one row of city1 is nearly all of a sum, of age 42 one of city1 and one of
// city2 are; of age 44 city1 has a single row, which is nothing beside city3's.
func largestWorld(t testing.TB, seed uint64) *world {
	w := newWorld(t, seed, 3)
	w.recipient = "city1"
	w.policy = func(department string) policy.Document {
		d := open.Policy(department, "heart")
		if department == "city3" {
			d.Disclosure = largestRules
		}
		return d
	}
	for _, p := range w.departments() {
		p.rows = nil
		add := func(age, chol int64, n int) {
			p.rows = append(p.rows, slices.Repeat([]person{{sex: "F", age: age, chol: &chol}}, n)...)
		}
		for age := int64(40); age <= 43; age++ {
			add(age, 100, 3)
		}
		switch p.name {
		case "city1":
			add(41, 10000, 1)
			add(42, 5000, 1)
			add(44, 300, 1)
		case "city2":
			add(42, 5000, 1)
		case "city3":
			add(44, 300, 20)
		}
	}
	return w
}

// askLargest asks, and gives the outcome, which verifies.
func (w *world) askLargest(sql string) *protocols.Outcome {
	w.t.Helper()
	w.askFor(question{sql: sql})
	w.run()
	o := w.answer()
	if o.Status != protocols.Answered || o.Result == nil {
		w.t.Fatalf("%s: %s %s %s", sql, o.Status, o.Code, o.Sentence)
	}
	verifyAnswer(w, o)
	return o
}

// withheldOf says what is withheld of an answer: columns, groups, rule.
func withheldOf(r *engine.Result) string {
	var out []string
	for _, h := range r.Withheld {
		group := "all rows"
		if len(h.Group) > 0 {
			group = "age " + *h.Group[0].Text
		}
		out = append(out, strings.Join(h.Columns, " and ")+" of "+group+" by `"+h.Rule+"`")
	}
	return strings.Join(out, ", ")
}

// TestDominatedSums: sums of which two rows of all departments together are more than the rule allows are withheld, though no department knows them, and counts
// are not; the certificate shows it.
func TestDominatedSums(t *testing.T) {
	cryptotest.SetGlobalRandom(t, 211)
	w := largestWorld(t, 211)
	o := w.askLargest("SELECT age, count(*), sum(chol) FROM heart GROUP BY age ORDER BY age")
	if got, want := printed(o.Result), "40 9 900 \n41 10 NULL \n42 11 NULL \n43 9 900 \n44 21 6300 \n"; got != want {
		t.Errorf("shown %q, want %q", got, want)
	}
	if got, want := withheldOf(o.Result), "sum of age 41 by `dominance`, sum of age 42 by `dominance`"; got != want {
		t.Errorf("withheld %q, want %q", got, want)
	}
	w.checkAgreement()
	w.checkTransitions()
	w.checkShares()
	w.checkContributions()
}
