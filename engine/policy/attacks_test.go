package policy

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"parley/engine"
)

// attack is one way to an answer that a department did not allow.
type attack struct {
	name string
	want Reason // that some department's refusal gives
	// asks changes what was granted and allowed, with the facts of what is asked then.
	asks func(a *attempt)
}

// attempt is a question that all departments allowed: each has a policy and granted exactly it.
type attempt struct {
	t       *testing.T
	context Context
	facts   Facts
}

// askedPolicy is what every department has in the attacks.
const askedPolicy = `table = "claims"

[[allow]]
name = "yearly cost"
who = "department:civil"
filter = ["year"]
group = ["county"]
aggregate = ["cost"]
functions = ["count", "sum", "avg", "linreg", "histogram", "median", "buckets"]
purposes = ["poverty relapse"]
hours = "08:00-18:00"
zone = "+08:00"
until = 2027-06-30
uses = 3
`

const askedSQL = `SELECT county, sum(cost) FROM claims WHERE year = 2025 GROUP BY county`

// asking is the attempt before anything is changed.
func asking(t *testing.T) *attempt {
	a := &attempt{t: t, facts: ask(t, askedSQL, departments),
		context: Context{Time: now, Asker: analyst(), Purpose: "poverty relapse"}}
	for _, d := range departments {
		a.context.Documents = append(a.context.Documents, document(t, d, 1, askedPolicy))
		a.context.Classes = append(a.context.Classes, TableClasses{d, "claims", Classes{Table: engine.ClassOnCondition}})
		a.context.Grants = append(a.context.Grants, grantOf(t, &a.facts, []string{d}))
	}
	return a
}

// instead asks another question under the grants of the first; all of them are made to allow its
// columns and functions, since only a steward's rule stands against it.
func instead(sql string) func(a *attempt) {
	return func(a *attempt) {
		a.facts = ask(a.t, sql, departments)
		for i := range a.context.Grants {
			g := &a.context.Grants[i].Grant
			g.Subject = Subject{}
			g.Terms.Filter, g.Terms.Group, g.Terms.Aggregate, g.Terms.Functions = []string{Any}, []string{Any}, []string{Any}, []string{Any}
		}
	}
}

// attacks of which each is decided from the ledger alone. Analyst, coordinator and two of the three
// departments act together: what is changed of the third's is only what it changed itself.
var attacks = []attack{
	{"no question", NoQuestion, func(a *attempt) { a.facts = Facts{} }},
	{"a question of no department", NoQuestion, func(a *attempt) { a.facts.Contributors = nil }},
	{"a question that uses nothing", NoQuestion, func(a *attempt) { a.facts.Uses = nil }},
	{"no purpose", NoPurpose, func(a *attempt) { a.context.Purpose = "" }},
	{"a purpose that is a space", BadPurpose, func(a *attempt) { a.context.Purpose = " " }},
	{"a purpose that looks like the granted one", OtherPurpose, func(a *attempt) { a.context.Purpose = "poverty  relapse" }},
	{"an expired grant", Over, func(a *attempt) { a.context.Time = a.context.Grants[0].Grant.Terms.Until }},
	{"a revoked grant", GrantRevoked, func(a *attempt) { a.context.Grants[1].Revoked = true }},
	{"a used-up grant", UsedUp, func(a *attempt) { a.context.Grants[2].Used = 1 }},
	{"a grant with more uses than the policy allows", UsedUp, func(a *attempt) {
		a.context.Grants[0].Grant.Terms.Uses, a.context.Grants[0].Used = 1000, 3
	}},
	{"an approval replayed on another question", OtherQuestion, func(a *attempt) {
		a.facts = ask(a.t, strings.Replace(askedSQL, "2025", "2024", 1), departments)
	}},
	{"the same question with one more condition", OtherQuestion, func(a *attempt) {
		a.facts = ask(a.t, strings.Replace(askedSQL, "2025", "2025 AND county = 'Gulou'", 1), departments)
	}},
	{"the plan changed under an approval: fewer contributors", OtherQuestion, func(a *attempt) {
		a.facts = ask(a.t, askedSQL, []string{"civil", "health"})
	}},
	{"the plan changed under an approval: another department's table", OtherQuestion, func(a *attempt) {
		a.facts = ask(a.t, askedSQL, departments, func(r *engine.Registration) {
			if r.Department == "civil" {
				r.Rows = 499
				r.Digest[5]++
			}
		})
	}},
	{"the table swapped after approval", OtherVersion, func(a *attempt) {
		a.facts = ask(a.t, askedSQL, departments, func(r *engine.Registration) { r.Version = 2 })
	}},
	{"a standing grant for another version of the table", OtherVersion, func(a *attempt) {
		for i := range a.context.Grants {
			a.context.Grants[i].Grant.Subject = Subject{}
		}
		a.facts = ask(a.t, askedSQL, departments, func(r *engine.Registration) { r.Version = 2 })
	}},
	{"a standing grant with another value", OtherValue, func(a *attempt) {
		a.context.Grants[1].Grant.Subject = Subject{Form: strings.Replace(askedSQL, "2025", "$1", 1), Parameters: []Parameter{{Range: true, Low: 2020, High: 2024}}}
	}},
	{"a standing grant with a column for a value", OtherForm, func(a *attempt) {
		a.context.Grants[1].Grant.Subject = Subject{Form: strings.Replace(askedSQL, "2025", "$1", 1), Parameters: []Parameter{{Range: true, High: 3000}}}
		a.facts = ask(a.t, strings.Replace(askedSQL, "2025", "year", 1), departments)
	}},
	{"a standing grant with more behind the form", OtherForm, func(a *attempt) {
		a.context.Grants[1].Grant.Subject = Subject{Form: strings.Replace(askedSQL, "2025", "$1", 1), Parameters: []Parameter{{Range: true, High: 3000}}}
		a.facts = ask(a.t, askedSQL+" HAVING sum(cost) > 3", departments)
	}},
	{"a standing grant with one department less", OtherContributors, func(a *attempt) {
		a.context.Grants[0].Grant.Subject = Subject{Contributors: departments}
		a.facts = ask(a.t, askedSQL, []string{"civil", "health"})
	}},
	{"another person's grant", NoGrant, func(a *attempt) { a.context.Asker.Key = Key{7} }},
	{"another table's grant", NoGrant, func(a *attempt) { a.context.Grants[0].Grant.Table = "births" }},
	{"another department's grant", NoGrant, func(a *attempt) { a.context.Grants[0].Grant.Department = "health" }},
	{"a forbidden column in WHERE", ColumnNotAllowed, instead(`SELECT sum(cost) FROM claims WHERE age > 60`)},
	{"a forbidden column in a subquery's WHERE", ColumnNotAllowed, instead(`SELECT sum(cost) FROM (SELECT cost FROM claims WHERE age > 60) q`)},
	{"a forbidden column in WITH", ColumnNotAllowed, instead(`WITH q AS (SELECT cost * paid AS x FROM claims) SELECT sum(x) FROM q`)},
	{"a forbidden column in a scalar subquery", ColumnNotAllowed, instead(`SELECT count(*) FROM claims WHERE cost > (SELECT avg(paid) FROM claims)`)},
	{"a forbidden column in GROUP BY", ColumnNotAllowed, instead(`SELECT sex, sum(cost) FROM claims GROUP BY sex`)},
	{"a forbidden column in an expression of GROUP BY", ColumnNotAllowed, instead(`SELECT sum(cost) FROM claims GROUP BY CASE WHEN age > 60 THEN 1 ELSE 0 END`)},
	{"a forbidden column in ROLLUP", ColumnNotAllowed, instead(`SELECT sum(cost) FROM claims GROUP BY ROLLUP (county, sex)`)},
	{"a forbidden column in SELECT DISTINCT", ColumnNotAllowed, instead(`SELECT DISTINCT sex FROM claims`)},
	{"a forbidden column in FILTER", ColumnNotAllowed, instead(`SELECT sum(cost) FILTER (WHERE sex = 'f') FROM claims`)},
	{"a column for WHERE in FILTER", ColumnNotAllowed, instead(`SELECT sum(cost) FILTER (WHERE year = 2025) FROM claims`)},
	{"a forbidden column in HAVING", ColumnNotAllowed, instead(`SELECT county, count(*) FROM claims GROUP BY county HAVING avg(paid) > 3`)},
	{"a forbidden column in ORDER BY", ColumnNotAllowed, instead(`SELECT county, count(*) FROM claims GROUP BY county ORDER BY sum(paid)`)},
	{"a forbidden column in a window", ColumnNotAllowed, instead(`SELECT county, rank() OVER (ORDER BY sum(paid)) FROM claims GROUP BY county`)},
	{"a forbidden column in CASE", ColumnNotAllowed, instead(`SELECT sum(CASE WHEN sex = 'f' THEN cost ELSE 0 END) FROM claims`)},
	{"the indicator of a value by absolute values", ColumnNotAllowed, instead(`SELECT sum(abs(cost - 36) + abs(cost - 38) - 2 * abs(cost - 37)) FROM claims`)},
	{"the indicator of a value by divisions", ColumnNotAllowed, instead(`SELECT sum(cost / 37 - (cost - 1) / 37) FROM claims`)},
	{"a regression's dummies", ColumnNotAllowed, instead(`SELECT linreg(cost, sex) FROM claims`)},
	{"a histogram's edges", ColumnNotAllowed, instead(`SELECT histogram(cost, ARRAY[36, 37, 38]) FROM claims`)},
	{"a search's first round", ColumnNotAllowed, instead(`SELECT median(cost) FROM claims`)},
	{"a search's round by itself", ColumnNotAllowed, instead(`SELECT buckets(cost, 36, 1, 2) FROM claims`)},
	{"a function that is not allowed", FunctionNotAllowed, instead(`SELECT stddev(cost) FROM claims`)},
	{"a function that is not allowed, in HAVING", FunctionNotAllowed, instead(`SELECT county FROM claims GROUP BY county HAVING corr(cost, cost) > 0`)},
	{"products under the name of a sum", FunctionNotAllowed, instead(`SELECT sum(cost * cost * cost) FROM claims`)},
	{"products within an allowed statistic", FunctionNotAllowed, instead(`SELECT linreg(cost * cost, cost) FROM claims`)},
	{"wrong hours", WrongHours, func(a *attempt) { a.context.Time += 9 * 3600 }},
	{"the minute before the hours begin", WrongHours, func(a *attempt) { a.context.Time -= 2*3600 + 1 }},
	{"after the policy's end", Over, func(a *attempt) { a.context.Time, a.context.Asker.Until = 1<<34, 1<<35 }},
	{"old policy after a new one", NoPolicy, func(a *attempt) {
		a.context.Documents = append([]Document{{Department: "health", Table: "claims", Version: 2}}, a.context.Documents...)
	}},
	{"a policy of another table", NoPolicy, func(a *attempt) { a.context.Documents[0].Table = "births" }},
	{"a person who was revoked", PersonRevoked, func(a *attempt) { a.context.Asker.Revoked = true }},
	{"a person whose time is over", PersonOver, func(a *attempt) { a.context.Asker.Until = a.context.Time }},
	{"a person for whom nobody vouches", NotVouched, func(a *attempt) { a.context.Asker = Asker{Key: Key{1}, Roles: []string{"analyst"}} }},
	{"a steward who asks", NotInRole, func(a *attempt) { a.context.Asker.Roles = []string{"steward", "operator"} }},
	{"a person of another department", NotForYou, func(a *attempt) { a.context.Asker.Department = "tax" }},
	{"a class tightened while the question waits", NotShared, func(a *attempt) { a.context.Classes[2].Classes.Table = engine.ClassNone }},
	{"a column's class tightened while the question waits", NotShared, func(a *attempt) {
		a.context.Classes[0].Classes.Columns = []ColumnClass{{Column: "cost", Class: engine.ClassNone}}
	}},
	{"a class tightened by a unit above", NotShared, func(a *attempt) {
		a.context.Classes[0].Classes.Ceilings = []Ceiling{{Unit: "Jiangsu", Class: engine.ClassNone}}
	}},
	{"a class of which nothing is known", NotShared, func(a *attempt) { a.context.Classes = a.context.Classes[1:] }},
	{"a class of a later version", NotShared, func(a *attempt) { a.context.Classes[0].Classes.Table = 9 }},
	{"a sum where counts are rounded", SumUndoesRound, ruling(engine.Disclosure{Count: 10, Base: 5})},
	{"a count as a sum of ones, where counts are rounded", SumUndoesRound, rounding(`SELECT county, sum(CASE WHEN cost > 0 THEN 1 ELSE 0 END) FROM claims GROUP BY county`)},
	{"an average where counts are rounded", SumUndoesRound, rounding(`SELECT county, avg(cost) FROM claims GROUP BY county`)},
	{"a regression where counts are rounded", SumUndoesRound, rounding(`SELECT linreg(cost, year) FROM claims`)},
	{"a search where counts are rounded", RoundsUndoRound, rounding(`SELECT median(cost) FROM claims`)},
	{"two counts in two rounds, where counts are rounded", RoundsUndoRound, rounding(`SELECT count(*) FROM claims UNION ALL SELECT count(*) FROM claims WHERE year = 2025`)},
	{"fewer departments than a cell needs", TooFew, ruling(engine.Disclosure{Departments: 4})},
	{"bases that exclude each other", RulesConflict, func(a *attempt) {
		a.context.Documents[0].Disclosure.Base, a.context.Documents[2].Disclosure.Base = 3, 10
	}},
	{"a budget that other questions spent", BudgetSpent, func(a *attempt) {
		a.context.Documents[1].Disclosure = private
		a.context.Spent = []Spent{{Department: "health", Rho: private.BudgetRho() - private.Rho() + 1}}
	}},
	{"a budget that is spent by finer noise than the question's", BudgetSpent, func(a *attempt) {
		a.context.Documents[1].Disclosure, a.context.Documents[2].Disclosure = private, private
		a.context.Documents[2].Disclosure.Epsilon /= 2
		a.context.Spent = []Spent{{Department: "health", Rho: private.BudgetRho()}}
	}},
	{"epsilon beside a count of another department", RulesConflict, func(a *attempt) {
		a.context.Documents[0].Disclosure, a.context.Documents[2].Disclosure = private, engine.Disclosure{Count: 5}
	}},
	{"epsilon beside a grant's cohort", RulesConflict, func(a *attempt) {
		a.context.Documents[0].Disclosure, a.context.Grants[0].Grant.Terms.Cohort = private, 5
	}},
	{"more values than a column may have", TooManyLevels, ruling(engine.Disclosure{Levels: 1})},
	{"more values than the rows of a table allow", TooManyLevels, ruling(engine.Disclosure{Levels: 40, LevelsPerMille: 3})},
	{"more values than the rows of another's table allow", TooManyLevels, func(a *attempt) {
		a.context.Documents[0].Disclosure.LevelsPerMille, a.facts.Contributors[2].Rows = 330, 6
	}},
}

// private is ε = 0.5 a question and 2 in all, for δ = 10^-6.
var private = engine.Disclosure{Epsilon: 500_000, Budget: 2_000_000, Delta: 1_000_000}

// rounding asks something else where another department's policy rounds counts.
func rounding(sql string) func(a *attempt) {
	return func(a *attempt) {
		instead(sql)(a)
		a.context.Documents[1].Disclosure = engine.Disclosure{Base: 5}
	}
}

// ruling gives a department's policy rules of results.
func ruling(d engine.Disclosure) func(a *attempt) {
	return func(a *attempt) { a.context.Documents[1].Disclosure = d }
}

// TestAttacks: each is refused, with its reason, in words of both languages; before the change the
// same question is allowed.
func TestAttacks(t *testing.T) {
	for _, one := range attacks {
		t.Run(one.name, func(t *testing.T) {
			a := asking(t)
			if before := Decide(&a.facts, &a.context); !before.Allowed {
				t.Fatalf("the question is refused before the attack: %s", before.Text(English))
			}
			one.asks(a)
			got := Decide(&a.facts, &a.context)
			checkDecision(t, &got)
			if got.Allowed || !slices.ContainsFunc(got.Missing, func(m Missing) bool { return m.Reason == one.want }) {
				t.Errorf("the decision is\n%s", got.Text(English))
			}
		})
	}
}

// TestLaterRounds: each round of a search is decided by itself, also the later ones, whose text
// names another question's digest or none.
func TestLaterRounds(t *testing.T) {
	question := "SELECT median(cost) FROM claims"
	plan := func(sql string) *engine.Plan {
		p, err := engine.NewPlan(sql, catalogue(), departments, packing)
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	first, err := FactsOf(plan(engine.RoundMark(question)+"SELECT buckets(cost, 0, 1000, 100) FROM claims"), question)
	if err != nil {
		t.Fatal(err)
	}
	later, err := FactsOf(plan(engine.RoundMark(question)+"SELECT buckets(cost, 36, 1, 2) FROM claims"), question)
	if err != nil || later.Asked != first.Asked {
		t.Errorf("rounds of one question are of two, %v", err)
	}
	if _, err := FactsOf(plan(engine.RoundMark(question)+"SELECT buckets(cost, 36, 1, 2) FROM claims"), "SELECT median(paid) FROM claims"); err == nil {
		t.Error("a round passes for one of another question")
	}
	if _, err := FactsOf(plan(question2), question); err == nil {
		t.Error("a question passes for another")
	}
	a := asking(t)
	a.facts = later
	if got := Decide(&a.facts, &a.context); got.Allowed || !strings.Contains(got.Text(English), `"cost" to be used as group`) {
		t.Errorf("a later round is decided %s", got.Text(English))
	}
}

const question2 = "SELECT sum(cost) FROM claims"

// TestRacingUses: of fifty questions that race for three uses, in whatever order, three are admitted.
func TestRacingUses(t *testing.T) {
	a := asking(t)
	for i := range a.context.Grants {
		a.context.Grants[i].Grant.Terms.Uses = 3
	}
	admitted := 0
	for range 50 {
		if got := Decide(&a.facts, &a.context); got.Allowed {
			admitted++
			for _, c := range got.Charges {
				for i := range a.context.Grants {
					if h := &a.context.Grants[i]; h.Grant.ID() == c.Grant {
						h.Used++
					}
				}
			}
		}
	}
	if admitted != 3 {
		t.Errorf("%d questions are admitted", admitted)
	}
}

// TestMayDecide: stewards decide for their own department, and on nothing of their own.
func TestMayDecide(t *testing.T) {
	steward := func(change func(*Asker)) *Asker {
		a := Asker{Key: Key{5}, First: Key{4}, Vouched: true, Department: "health", Roles: []string{"analyst", "steward"}, From: now - 10, Until: now + 10}
		change(&a)
		return &a
	}
	for _, c := range []struct {
		name       string
		who        *Asker
		department string
		requester  Key
		want       Reason
	}{
		{"a steward", steward(func(*Asker) {}), "health", Key{1}, ""},
		{"a steward, of a policy", steward(func(*Asker) {}), "health", Key{}, ""},
		{"for another department", steward(func(*Asker) {}), "civil", Key{1}, NotYourDepartment},
		{"for themselves", steward(func(a *Asker) { a.First = Key{} }), "health", Key{5}, OwnRequest},
		{"for themselves, with another key than before", steward(func(*Asker) {}), "health", Key{4}, OwnRequest},
		{"no steward", steward(func(a *Asker) { a.Roles = []string{"analyst", "operator"} }), "health", Key{1}, NotInRole},
		{"revoked", steward(func(a *Asker) { a.Revoked = true }), "health", Key{1}, PersonRevoked},
		{"over", steward(func(a *Asker) { a.Until = now }), "health", Key{1}, PersonOver},
		{"not yet", steward(func(a *Asker) { a.From = now + 1 }), "health", Key{1}, PersonNotYet},
		{"unknown", &Asker{}, "health", Key{1}, NotVouched},
	} {
		got := MayDecide(c.who, c.department, c.requester, now)
		if got == nil != (c.want == "") || got != nil && (got.Reason != c.want || got.Sentence(Chinese) == got.Sentence(English)) {
			t.Errorf("%s: %+v", c.name, got)
		}
	}
	d := Document{Department: "health", Table: "claims", Version: 2}
	for _, old := range []Document{{Department: "health", Table: "claims", Version: 2}, {Department: "health", Table: "claims", Version: 3},
		{Department: "civil", Table: "claims", Version: 1}, {Department: "health", Table: "births", Version: 1}} {
		if d.Replaces(&old) {
			t.Errorf("version 2 replaces %+v", old)
		}
	}
	if !d.Replaces(&Document{Department: "health", Table: "claims", Version: 1}) || d.Replaces(nil) {
		t.Error("version 2 follows version 1 alone")
	}
}

// shuffle brings all lists of a context to another order.
func shuffle(r *rand.Rand, c Context) Context {
	c.Documents, c.Grants, c.Classes = slices.Clone(c.Documents), slices.Clone(c.Grants), slices.Clone(c.Classes)
	c.Asker.Roles = slices.Clone(c.Asker.Roles)
	r.Shuffle(len(c.Documents), func(i, j int) { c.Documents[i], c.Documents[j] = c.Documents[j], c.Documents[i] })
	r.Shuffle(len(c.Grants), func(i, j int) { c.Grants[i], c.Grants[j] = c.Grants[j], c.Grants[i] })
	r.Shuffle(len(c.Classes), func(i, j int) { c.Classes[i], c.Classes[j] = c.Classes[j], c.Classes[i] })
	r.Shuffle(len(c.Asker.Roles), func(i, j int) { c.Asker.Roles[i], c.Asker.Roles[j] = c.Asker.Roles[j], c.Asker.Roles[i] })
	return c
}

// FuzzOrder: a decision does not depend on the order of what it is given, nor on what is known of
// other tables; and nothing that is taken away, or tightened, allows what was refused. The bytes
// choose what the ledger holds.
func FuzzOrder(f *testing.F) {
	f.Add(uint64(1), []byte{1, 2, 3, 4, 5, 6, 7, 8})
	f.Add(uint64(2), []byte("what the ledger holds is chosen by these bytes"))
	whens := []string{"", `roles[0] == "analyst"`, `roles.exists(r, r == "steward")`, `contributors.size() > 2`, `rows / 0 == 1`, `hour < 12`}
	whens = slices.DeleteFunc(whens, func(w string) bool { _, err := compile(w); return w != "" && err != nil })
	facts := ask(f, askedSQL, departments)
	f.Fuzz(func(t *testing.T, seed uint64, choice []byte) {
		next := func(n int) int {
			if len(choice) == 0 {
				return 0
			}
			b := choice[0]
			choice = choice[1:]
			return int(b) % n
		}
		c := Context{Time: now + int64(next(3))*9*3600, Asker: analyst(), Purpose: []string{"poverty relapse", "rent", ""}[next(3)]}
		c.Asker.Roles, c.Asker.First = []string{"analyst", "steward", "auditor"}, Key{byte(next(3))}
		for len(choice) > 0 {
			department, table := departments[next(3)], []string{"claims", "claims", "births"}[next(3)]
			terms := Terms{Filter: []string{Any}, Group: [][]string{{"county"}, {Any}, nil}[next(3)], Aggregate: []string{"cost"}, Functions: []string{Any},
				Uses: int64(1 + next(3)), Cohort: int64(next(2)), Until: now + int64(next(4))*8*3600}
			switch next(3) {
			case 0:
				d := Document{Department: department, Table: table, Version: uint64(1 + next(2))}
				for i := range next(3) {
					terms := terms
					terms.Until = 0
					d.Rules = append(d.Rules, Rule{Name: fmt.Sprint(i), Who: []string{"anyone"}, Terms: terms, When: whens[next(len(whens))]})
				}
				c.Documents = append(c.Documents, d)
			case 1:
				g := Grant{Department: department, Table: table, Version: uint64(next(3)), Person: Key{byte(1 + next(3))}, Terms: terms, Turn: uint64(next(2))}
				if next(2) == 0 {
					g.Subject.Asked = facts.Asked
				}
				c.Grants = append(c.Grants, Held{Grant: g, Used: int64(next(3)), Revoked: next(4) == 0})
			case 2:
				k := Classes{Table: engine.Class(next(4)), Department: engine.Class(next(4))}
				for range next(3) {
					k.Ceilings = append(k.Ceilings, Ceiling{Class: engine.Class(next(4))})
				}
				c.Classes = append(c.Classes, TableClasses{department, table, k})
			}
		}
		first := Decide(&facts, &c)
		checkDecision(t, &first)
		r := rand.New(rand.NewPCG(seed, 1))
		for range 4 {
			other := shuffle(r, c)
			other.Grants = append(other.Grants, Held{Grant: Grant{Table: "deaths", Department: "civil", Person: Key{1}}})
			other.Documents = append(other.Documents, Document{Table: "deaths", Department: "civil", Version: 9})
			again := Decide(&facts, &other)
			if string(engine.Marshal(again)) != string(engine.Marshal(first)) || again.Text(English) != first.Text(English) || again.Text(Chinese) != first.Text(Chinese) {
				t.Fatalf("another order gives\n%s\nnot\n%s", again.Text(English), first.Text(English))
			}
		}
		if first.Allowed {
			return
		}
		less := shuffle(r, c)
		less.Grants = less.Grants[:len(less.Grants)/2]
		for i := range less.Grants {
			less.Grants[i].Used += int64(i % 2)
		}
		for i := range less.Classes {
			k := &less.Classes[i].Classes
			k.Ceilings = append(slices.Clone(k.Ceilings), Ceiling{Class: engine.Class(r.IntN(4))})
		}
		if again := Decide(&facts, &less); again.Allowed {
			t.Fatalf("less is allowed where this was missing:\n%s", first.Text(English))
		}
	})
}

// TestOrder runs FuzzOrder's comparison over many random ledgers.
func TestOrder(t *testing.T) {
	// The seeds of FuzzOrder run with every test; here every case of the data files is shuffled.
	r := rand.New(rand.NewPCG(14, 5))
	for _, one := range attacks {
		a := asking(t)
		one.asks(a)
		first := Decide(&a.facts, &a.context)
		for range 3 {
			other := shuffle(r, a.context)
			if again := Decide(&a.facts, &other); again.Text(Chinese) != first.Text(Chinese) {
				t.Errorf("%s: another order gives\n%s", one.name, again.Text(English))
			}
		}
	}
}
