package protocols

import (
	"math/rand/v2"
	"strings"
	"testing"

	"parley/engine"
	"parley/engine/policy/open"
	"parley/engine/privacy"
)

// courtEpsilon is ε = 0.5 a question and 2 in all, for δ = 10^-6: ρ = 0.004447101 a question. Of 0.067621 in all that is 15 questions.
var courtEpsilon = engine.Disclosure{Epsilon: 500_000, Budget: 2_000_000, Delta: 1_000_000}

// budgeted has a department publish a policy with a budget.
func (c *court) budgeted(department string, version uint64, d engine.Disclosure) *Publish {
	doc := open.Policy(department, "heart")
	doc.Version, doc.Disclosure = version, d
	doc.Rules[0].Terms.Purposes = []string{"statistics", "teaching"}
	return c.publication(doc)
}

// spent is what stands on the analyst's account with a department.
func (c *court) spent(department, purpose string) (rho int64) {
	for _, b := range c.state.Budgets() {
		if b.Department == department && b.Purpose == purpose {
			rho += b.Rho
		}
	}
	return rho
}

// TestFiftyQuestionsOfABudget: fifty questions race for a budget of fifteen. Fifteen are answered, whatever is taken back on the way,
// and no snapshot between forgets what is spent.
func TestFiftyQuestionsOfABudget(t *testing.T) {
	price, all := courtEpsilon.Rho(), courtEpsilon.BudgetRho()
	if all/price != 15 || privacy.Epsilon(15*price, courtEpsilon.Delta) > courtEpsilon.Budget || privacy.Epsilon(16*price, courtEpsilon.Delta) <= courtEpsilon.Budget {
		t.Fatal(price, all)
	}
	for seed := range uint64(3) {
		c := peopledCourt(t)
		c.quiet = seed > 0
		c.must(stewardOf("a"), c.budgeted("a", 2, courtEpsilon))
		rng, answered := rand.New(rand.NewPCG(seed, 7)), int64(0)
		var open []*QueryState
		for n := byte(0); n < 50 || len(open) > 0; n++ {
			if n < 50 {
				a, before := c.question(n), c.spent("a", "statistics")
				if before+price <= all && len(open) < MaxPendingPerAnalyst {
					open = append(open, c.asked(a))
					if c.spent("a", "statistics") != before+price {
						t.Fatalf("%d before a question of %d, %d after", before, price, c.spent("a", "statistics"))
					}
				} else if err := c.put(c.analyst, a); err == nil {
					t.Fatalf("question %d is taken, with %d spent and %d open", n, before, len(open))
				}
			}
			if len(open) == 0 || rng.IntN(3) == 0 && n < 50 {
				continue
			}
			i := rng.IntN(len(open))
			q := open[i]
			open = append(open[:i:i], open[i+1:]...)
			if before := c.spent("a", "statistics"); rng.IntN(3) == 0 {
				c.must(c.analyst, &Withdraw{Query: q.ID})
				if c.spent("a", "statistics") != before-price {
					t.Fatal("what was not shown is not given back")
				}
				continue
			}
			c.advance(q, PhaseDone)
			answered++
		}
		if c.spent("a", "statistics") != answered*price || c.spent("b", "statistics") != 0 {
			t.Errorf("%d are answered at %d, and %d is spent", answered, price, c.spent("a", "statistics"))
		}
		for n := byte(100); answered < 15; n++ {
			c.advance(c.asked(c.question(n)), PhaseDone)
			answered++
		}
		if r := c.code(c.analyst, c.question(99), "budget-spent"); !strings.Contains(r.Sentence, "at most 2.0") {
			t.Errorf("%q", r.Sentence)
		}
		c.reparsed()
	}
}

// TestBudgetsAreApart: each purpose, person and department has its own; a new version of a policy is no new budget, a smaller one holds at
// once, and a revoked or replaced key does not leave what it spent.
func TestBudgetsAreApart(t *testing.T) {
	c := peopledCourt(t)
	one := courtEpsilon
	one.Budget = one.Epsilon // one question
	c.must(stewardOf("a"), c.budgeted("a", 2, one))
	c.advance(c.asked(c.question(1)), PhaseDone)
	c.code(c.analyst, c.question(2), "budget-spent")
	teaching := c.question(3)
	teaching.Purpose = "teaching"
	c.advance(c.asked(teaching), PhaseDone)
	again := c.question(4)
	again.Purpose = "teaching"
	c.code(c.analyst, again, "budget-spent")
	// Of the other departments' rows alone it costs nothing.
	alone := c.question(5)
	alone.Departments, alone.Registrations = alone.Departments[1:], alone.Registrations[1:]
	c.advance(c.asked(alone), PhaseDone)
	// The same rules again, as another version, and rules without a budget between.
	c.must(stewardOf("a"), c.budgeted("a", 3, engine.Disclosure{}))
	c.advance(c.asked(c.question(6)), PhaseDone)
	c.must(stewardOf("a"), c.budgeted("a", 4, one))
	c.code(c.analyst, c.question(7), "budget-spent")
	// Three times as much: room for more than one, since ρ goes with the square.
	three := one
	three.Budget *= 2
	c.must(stewardOf("a"), c.budgeted("a", 5, three))
	c.advance(c.asked(c.question(8)), PhaseDone)
	// Stricter rules of another contributor make it cheaper for all.
	finer := courtEpsilon
	finer.Epsilon = 10_000
	c.must(stewardOf("b"), c.budgeted("b", 2, finer))
	before := c.spent("a", "statistics")
	c.advance(c.asked(c.question(9)), PhaseDone)
	if got := c.spent("a", "statistics") - before; got != finer.Rho() || c.spent("b", "statistics") != got {
		t.Errorf("it costs %d, not %d", got, finer.Rho())
	}
	// Another key of the same person is the same person.
	spent := c.spent("a", "statistics")
	wu := courtKey("wu")
	c.must(courtKey("a"), replacing(vouching(wu, PersonAnalyst), c.analyst))
	c.must(wu, c.question(10))
	if got := c.spent("a", "statistics"); got != spent+finer.Rho() || len(c.state.Budgets()) != 3 {
		t.Errorf("with another key %d is spent on %d accounts", got, len(c.state.Budgets()))
	}
	c.reparsed()
}

// TestBudgetGivenBack: what ended before anybody could share costs nothing, and everything else what it cost.
func TestBudgetGivenBack(t *testing.T) {
	ends := map[string]func(c *court, q *QueryState){
		"withdrawn": func(c *court, q *QueryState) { c.must(c.analyst, &Withdraw{Query: q.ID}) },
		"refused":   func(c *court, q *QueryState) { c.must(c.keys[1], &Refuse{Query: q.ID, Code: "mood", Sentence: "no"}) },
		"expired":   func(c *court, q *QueryState) { c.say(3, &Expire{Query: q.ID}) },
		"a policy":  func(c *court, _ *QueryState) { c.must(stewardOf("a"), c.budgeted("a", 3, courtEpsilon)) },
		"answered":  func(c *court, q *QueryState) { c.advance(q, PhaseDone) },
	}
	for what, end := range ends {
		for _, phase := range courtPhases {
			t.Run(what+"/"+phase.String(), func(t *testing.T) {
				if what == "refused" && phase > PhaseSharing || what == "withdrawn" && phase >= PhaseSharing {
					return // not possible
				}
				c := peopledCourt(t)
				c.must(stewardOf("a"), c.budgeted("a", 2, courtEpsilon))
				c.advance(c.asked(c.question(9)), PhaseDone) // what stands there before stays
				q := c.asked(c.question(1))
				c.advance(q, phase)
				end(c, q)
				want := 2 * courtEpsilon.Rho()
				if phase < PhaseSharing && what != "answered" {
					want = courtEpsilon.Rho()
				}
				if got := c.spent("a", "statistics"); got != want {
					t.Errorf("%d is spent, not %d", got, want)
				}
				c.reparsed()
			})
		}
	}
}

// TestForgedAccounts: a snapshot whose accounts or prices are no state's is refused.
func TestForgedAccounts(t *testing.T) {
	c := peopledCourt(t)
	c.must(stewardOf("a"), c.budgeted("a", 2, courtEpsilon))
	teaching := c.question(3)
	teaching.Purpose = "teaching"
	c.advance(c.asked(teaching), PhaseDone)
	c.advance(c.asked(c.question(1)), PhaseAdmitting)
	for what, forge := range map[string]func(w *stateWire){
		"nothing spent":       func(w *stateWire) { w.Rights.Accounts[0].Rho = 0 },
		"less than nothing":   func(w *stateWire) { w.Rights.Accounts[0].Rho = -1 },
		"beyond all budgets":  func(w *stateWire) { w.Rights.Accounts[0].Rho = maxSpent + 1 },
		"no department":       func(w *stateWire) { w.Rights.Accounts[0].Department = "" },
		"a table of lines":    func(w *stateWire) { w.Rights.Accounts[1].Table += "\n" },
		"a purpose of lines":  func(w *stateWire) { w.Rights.Accounts[0].Purpose = "a\nb" },
		"no purpose":          func(w *stateWire) { w.Rights.Accounts[0].Purpose = "" },
		"an account twice":    func(w *stateWire) { w.Rights.Accounts = append(w.Rights.Accounts, w.Rights.Accounts[1]) },
		"another order":       func(w *stateWire) { a := w.Rights.Accounts; a[0], a[1] = a[1], a[0] },
		"null":                func(w *stateWire) { w.Rights.Accounts[0] = nil },
		"a price of nothing":  func(w *stateWire) { w.Queries[1].Spending[0].Price = 0 },
		"another price":       func(w *stateWire) { w.Queries[1].Spending[0].Price++ },
		"a price of a friend": func(w *stateWire) { w.Queries[1].Spending[1].Price = 1 },
		"spent below 0":       func(w *stateWire) { w.Queries[1].Spending[0].Spent = -1 },
		"no prices":           func(w *stateWire) { w.Queries[1].Spending = nil },
	} {
		w := c.reparsed().wire(false)
		forge(w)
		if _, err := ParseState(c.network, c.sizes, engine.Marshal(w)); err == nil {
			t.Errorf("%s is read", what)
		}
	}
	// What is forged within these limits is another state, whose digest nobody signed.
	w := c.reparsed().wire(false)
	w.Rights.Accounts[0].Rho--
	s, err := ParseState(c.network, c.sizes, engine.Marshal(w))
	if err != nil || s.Digest() == c.state.Digest() {
		t.Errorf("an account with less on it has the same digest: %v", err)
	}
}

// TestBudgetsStay: what is spent with a department stays when it leaves or its key is replaced: the rows may be the same.
func TestBudgetsStay(t *testing.T) {
	for _, action := range []Action{ActionRemove, ActionSeize} {
		c := peopledCourt(t)
		c.must(stewardOf("b"), c.budgeted("b", 2, courtEpsilon))
		open := c.question(1)
		c.advance(c.asked(c.question(2)), PhaseDone)
		c.must(c.analyst, open) // is given back when it ends with the epoch
		change := Change{Version: 1, Action: action, Role: RoleDepartment, Key: KeyOf(courtKey("b"))}
		if action == ActionSeize {
			change.NewKey = KeyOf(courtKey("b's other key"))
		}
		c.vote(3, change)
		if got := c.spent("b", "statistics"); got != courtEpsilon.Rho() {
			t.Errorf("%s: %d is spent, not %d", action, got, courtEpsilon.Rho())
		}
		c.reparsed()
	}
}
