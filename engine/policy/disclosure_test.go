package policy

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"parley/engine"
)

// TestLevels: how many values columns have that rows are told apart by, read off the plan.
func TestLevels(t *testing.T) {
	more := func(r *engine.Registration) {
		if r.Department == "health" {
			r.Columns[0].Dictionary = []string{"Gaochun", "Gulou", "Lishui"}
			r.Columns[0].Nullable = true
		}
	}
	for sql, want := range map[string]map[string]int{
		`SELECT count(*) FROM claims`:                                                                                 {},
		`SELECT county, count(*) FROM claims GROUP BY county`:                                                         {"county": 4},
		`SELECT left(county, 1), count(*) FROM claims GROUP BY 1`:                                                     {"county": 3},
		`SELECT county, sex, sum(cost) FROM claims GROUP BY ROLLUP (county, sex)`:                                     {"county": 4, "sex": 2},
		`SELECT crosstab(county, sex) FROM claims`:                                                                    {"county": 4, "sex": 2},
		`SELECT count(*) FILTER (WHERE county = 'Gulou') FROM claims`:                                                 {},
		`SELECT median(cost) FROM claims WHERE county = 'Gulou'`:                                                      {},
		`SELECT sex, count(*) FROM claims GROUP BY sex UNION ALL SELECT county, count(*) FROM claims GROUP BY county`: {"county": 4, "sex": 2},
	} {
		f, got := ask(t, sql, departments, more), map[string]int{}
		for _, u := range f.Uses {
			if u.Levels > 0 {
				got[u.Column] = u.Levels
			}
			if u.Levels > 0 && u.Role != Group {
				t.Errorf("%s: %s has levels as %s", sql, u.Column, u.Role)
			}
		}
		if !maps.Equal(got, want) {
			t.Errorf("%s: %v, not %v", sql, got, want)
		}
	}
}

// TestRulesText: each rule has words in both languages that hold its numbers.
func TestRulesText(t *testing.T) {
	d := engine.Disclosure{Count: 17, ZeroIsSmall: true, Floor: 18, Departments: 19, Freedom: 20, ParametersPerMille: 210, Levels: 22, LevelsPerMille: 230,
		Complement: true, DominanceCount: 24, DominancePerMille: 250, RatioPerMille: 260, Base: 100, Perturbed: true}
	for _, lang := range []string{English, Chinese} {
		said := RulesText(d, lang)
		if len(said) != len(engine.RuleNames()) {
			t.Fatal(said)
		}
		for i, r := range d.Rules() {
			if said[i] == "" || strings.Contains(said[i], "$") || r.Name != engine.RuleNames()[i] {
				t.Errorf("%s: %q", r.Name, said[i])
			}
			for _, v := range strings.FieldsFunc(r.Written(), func(c rune) bool { return strings.ContainsRune("[], ", c) }) {
				if v != "true" && !strings.Contains(said[i], v) {
					t.Errorf("%s: %q does not say %s", r.Name, said[i], v)
				}
			}
		}
	}
	if got := RulesText(engine.Disclosure{}, Chinese); got != nil {
		t.Error(got)
	}
}

// TestRulesDoNotDependOnOrder: whichever way policies and grants stand, the same rules hold.
func TestRulesDoNotDependOnOrder(t *testing.T) {
	a := asking(t)
	a.context.Documents[0].Disclosure = engine.Disclosure{Count: 5, Levels: 30}
	a.context.Documents[1].Disclosure = engine.Disclosure{Floor: 7, Levels: 20, Complement: true}
	a.context.Grants[2].Grant.Terms.Cohort = 9
	want := engine.Disclosure{Count: 9, Floor: 7, Levels: 20, Complement: true}
	for range 2 {
		if got := Decide(&a.facts, &a.context); !got.Allowed || got.Rules != want {
			t.Errorf("%v, %+v", got.Allowed, got.Rules)
		}
		slices.Reverse(a.context.Documents)
		slices.Reverse(a.context.Grants)
	}
}

// TestNoRules: a policy without [disclosure] has none, and no question under it is screened.
func TestNoRules(t *testing.T) {
	a := asking(t)
	if got := Decide(&a.facts, &a.context); !got.Allowed || got.Rules != (engine.Disclosure{}) || got.Rules.Screens() {
		t.Errorf("%+v", got.Rules)
	}
}
