package policy

import (
	"bytes"
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
		Complement: true, DominanceCount: 24, DominancePerMille: 250, RatioPerMille: 260, Base: 100, Perturbed: 27, Veiled: true,
		Epsilon: 271_000, Budget: 2_800_001, Delta: 29, Honest: 295, History: 30, Together: engine.TogetherDepartment}
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
				if v != "true" && r.Word == "" && !strings.Contains(said[i], v) {
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

// TestDocumentEncoding: a document has one encoding. One without rules of results, with more of them, or with
// a number written in more bytes than it needs is refused.
func TestDocumentEncoding(t *testing.T) {
	d := document(t, "health", 1, strings.Replace(open, "[[allow]]", "[disclosure]\ncount = 10\nlevels = 9\n[[allow]]", 1))
	raw, rules := engine.Marshal(d), engine.Marshal(d.Disclosure)
	var back Document
	if err := engine.Unmarshal(raw, &back); err != nil || back.Digest() != d.Digest() || back.Disclosure != d.Disclosure {
		t.Fatalf("%v: %+v", err, back.Disclosure)
	}
	if !bytes.HasSuffix(raw, rules) || rules[1] != 10 {
		t.Fatalf("%x does not end with %x", raw, rules)
	}
	head := raw[:len(raw)-len(rules)]
	for what, forged := range map[string][]byte{
		"none":                {},
		"null":                {0xf6},
		"no rules":            {0x80},
		"one fewer":           append([]byte{rules[0] - 1}, rules[1:len(rules)-1]...),
		"one more":            append(append([]byte{rules[0] + 1}, rules[1:]...), 0),
		"a long number":       slices.Concat(rules[:1], []byte{0x18, 10}, rules[2:]),
		"a float":             slices.Concat(rules[:1], []byte{0xf9, 0x49, 0x00}, rules[2:]), // 10.0
		"not a number":        slices.Concat(rules[:1], []byte{0xf9, 0x7e, 0x00}, rules[2:]),
		"a text":              slices.Concat(rules[:1], []byte{0x62, '1', '0'}, rules[2:]),
		"beyond 64 bits":      slices.Concat(rules[:1], []byte{0x1b, 255, 255, 255, 255, 255, 255, 255, 255}, rules[2:]),
		"a number for a yes":  slices.Concat(rules[:2], []byte{1}, rules[3:]),
		"something behind it": append(slices.Clone(rules), 0),
	} {
		var got Document
		if engine.Unmarshal(slices.Concat(head, forged), &got) == nil {
			t.Errorf("%s is read as %+v", what, got.Disclosure)
		}
	}
}

// TestLeastPersons: of a join across departments ten persons are the smallest count, unless the policies of all contributors, for each of the tables, have
// one; and two where these ask for fewer.
func TestLeastPersons(t *testing.T) {
	f := &Facts{Linked: true, Joined: []Facts{
		{Table: "benefits", Contributors: []Contributor{{Department: "a"}, {Department: "b"}}}, {Table: "tax", Contributors: []Contributor{{Department: "b"}}}}}
	for _, c := range []struct {
		counts [3]int64 // a's and b's for benefits, b's for tax
		want   int64
	}{
		{[3]int64{0, 0, 0}, engine.LeastPersons}, {[3]int64{3, 0, 3}, engine.LeastPersons}, {[3]int64{3, 3, 0}, engine.LeastPersons},
		{[3]int64{3, 4, 5}, engine.FewestPersons}, {[3]int64{1, 1, 1}, engine.FewestPersons},
	} {
		var documents []Document
		for i, of := range [][2]string{{"a", "benefits"}, {"b", "benefits"}, {"b", "tax"}} {
			documents = append(documents, Document{Department: of[0], Table: of[1], Version: 1, Disclosure: engine.Disclosure{Count: c.counts[i]},
				Rules: []Rule{{Name: "open", Who: []string{"anyone"}, Terms: Terms{Functions: []string{Any}}}}})
		}
		if got := leastPersons(f, &Context{Documents: documents}); got != c.want {
			t.Errorf("%v: %d, want %d", c.counts, got, c.want)
		}
		if got := leastPersons(f, &Context{Documents: documents[:2]}); got != engine.LeastPersons {
			t.Errorf("%v, one without a policy: %d", c.counts, got)
		}
		d := Decide(f, &Context{Documents: documents})
		if want := max(c.want, c.counts[0], c.counts[1], c.counts[2]); d.Rules.Count != want {
			t.Errorf("%v: decided by %d, want %d", c.counts, d.Rules.Count, want)
		}
	}
}
