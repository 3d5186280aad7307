package render

import (
	"fmt"
	"strings"
	"testing"

	"parley/engine"
	"parley/engine/policy"
	"parley/node/client"
	"parley/node/nodetest"
	"parley/protocols"
)

// withheldAnswer is one of a question by a column with a hostile value, of which rules withhold a row, a value, and many rows.
func withheldAnswer(t *testing.T) *client.Answer {
	t.Helper()
	dictionary := []string{"a", "b\u202e\n"}
	for i := range 20 {
		dictionary = append(dictionary, fmt.Sprintf("d%02d", i))
	}
	r := engine.Registration{Department: "north", Table: "people", Rows: 300, Columns: []engine.Column{{Name: "area", Kind: engine.Text, HasDictionary: true, Dictionary: dictionary}}}
	plan, err := engine.NewPlan("SELECT area, count(*) AS n, count(*) FILTER (WHERE area > 'b') AS late FROM people GROUP BY area", engine.Catalogue{r}, []string{"north"},
		engine.Packing{LimbBits: 20, LimbsPerCiphertext: 2048, MaxCiphertexts: 1, MaxDepartments: 15})
	nodetest.Check(t, err)
	plan.Rules = engine.Disclosure{Count: 10, Floor: 3}
	a := sampleAnswer()
	group := func(text string) []engine.Value { return []engine.Value{{Text: &text, Exact: &text}} }
	a.Plan, a.Verdict.Plan, a.Verdict.Screening = plan, plan, engine.Digest{9}
	a.Result.Withheld = []engine.Withheld{{Group: group("b\u202e\n"), Rule: "count"}, {Group: group("a"), Columns: []string{"late"}, Rule: "floor"}, {Group: []engine.Value{{}}, Rule: "complement"}}
	for _, d := range dictionary[2:] {
		a.Result.Withheld = append(a.Result.Withheld, engine.Withheld{Group: group(d), Rule: "count"})
	}
	return a
}

// TestWithheldIsShown: beneath an answer stands what is withheld, by which rule, which rows and values; of many rows the first; and
// what that rests on. Nothing that a value holds moves the terminal's cursor.
func TestWithheldIsShown(t *testing.T) {
	a := withheldAnswer(t)
	var b strings.Builder
	nodetest.Check(t, WriteAnswer(&b, a, "", ""))
	text := strings.Join(strings.Fields(b.String()), " ")
	for _, part := range []string{
		`withheld: 21 rows, by the rule count (a cell that is shown rests on at least 10 rows): area b\u202e\n; area d00;`, "area d10; and 9 more, which --json has",
		"withheld: late, by the rule floor (each department has at least 3 rows of its own in a cell that it has rows in): area a",
		"withheld: 1 row, by the rule complement: area NULL",
		"screening what is shown rests on the contributors' signed verdicts (screening 090000000000); that their counts were true it does not show",
	} {
		if !strings.Contains(text, part) {
			t.Errorf("it does not say %q:\n%s", part, b.String())
		}
	}
	if strings.Contains(b.String(), "\u202e") {
		t.Error("a value moves the cursor")
	}
	if notes := CSVNotes(a, "", ""); !strings.HasPrefix(notes, "withheld: 21 rows") || !strings.Contains(notes, "screening") {
		t.Error(notes)
	}
	said := strings.Join(strings.Fields(notesText(a.Result, a.Plan, policy.Chinese)), "")
	for _, part := range []string{"不予显示：21行，依规则count（", "；另有9项，见--json", "不予显示：late，依规则floor（", "不予显示：1行，依规则complement：areaNULL"} {
		if !strings.Contains(said, part) {
			t.Errorf("it does not say %q:\n%s", part, said)
		}
	}
	if out := AnswerOf("", a, ""); len(out.Withheld) != 23 || out.Withheld[1].Columns[0] != "late" || out.Withheld[2].Group[0] != nil || out.Screening != a.Verdict.Screening.String() {
		t.Errorf("%+v", out)
	}
	v := a.Verdict
	v.Result = a.Result
	if text := VerdictText(v, false); !strings.Contains(text, "withheld: late") || !strings.Contains(text, "signed verdicts") {
		t.Error(text)
	}
	whole := sampleAnswer()
	b.Reset()
	nodetest.Check(t, WriteAnswer(&b, whole, "", ""))
	if strings.Contains(b.String(), "withheld") || strings.Contains(b.String(), "screening") {
		t.Error("a whole answer speaks of what is withheld")
	}
}

// TestWithheldByNoise: where contributors see numbers of rows with noise, it stands beneath the answer how many it takes by these.
func TestWithheldByNoise(t *testing.T) {
	a := withheldAnswer(t)
	plan := *a.Plan
	plan.Rules = engine.Disclosure{Count: 3, Floor: 2, Perturbed: 5, Veiled: true, Freedom: 10}
	if plan.Enough() != 3+5 || a.Plan.Enough() != 0 || (*engine.Plan)(nil).Enough() != 0 { // by the table of engine/README.md, section 18.12
		t.Fatalf("it takes %d", plan.Enough())
	}
	a.Result.Withheld[1].Rule, a.Result.Withheld[2].Rule = "floor", "freedom"
	a.Result.Withheld[2].Sums = []string{"sum(x * x)"}
	for language, parts := range map[string][]string{
		"": {"rests on at least 3 rows; contributors see rows with noise, so their numbers have to add up to 8, and a cell of some more than 3 rows may not be shown)",
			"that it has rows in; contributors see rows with noise, so its number has to be 7)", "parameters; contributors see rows with noise, so it takes more of them), which sum(x * x) may break: area NULL"},
		policy.Chinese: {"故其数之和须达8，略多于3行的单元也可能不予显示）", "故该数须达7）", "故须有更多的行），因sum(x*x)可能不符：areaNULL"},
	} {
		said := strings.Join(strings.Fields(notesText(a.Result, &plan, language)), " ")
		if language != "" {
			said = strings.ReplaceAll(said, " ", "")
		}
		for _, part := range parts {
			if !strings.Contains(said, part) {
				t.Errorf("it does not say %q:\n%s", part, said)
			}
		}
	}
	if said := notesText(a.Result, a.Plan, ""); strings.Contains(said, "contributors see rows with noise") {
		t.Errorf("of exact counts: %s", said)
	}
}

// TestRoundingIsShown: beneath an answer of rounded counts stands what they are rounded to, and on whose word that rests.
func TestRoundingIsShown(t *testing.T) {
	a := withheldAnswer(t)
	rules := engine.Disclosure{Count: 10, Base: 5}
	plan := *a.Plan
	plan.Rules = engine.Disclosure{}
	rounded, err := plan.Withhold(rules, make([]byte, plan.CellCount()), 0)
	nodetest.Check(t, err)
	a.Plan, a.Verdict.Plan, a.Result.Rounded = rounded, rounded, 5
	v := a.Verdict
	v.Result = a.Result
	var b strings.Builder
	nodetest.Check(t, WriteAnswer(&b, a, "", ""))
	for what, text := range map[string]string{"the answer": b.String(), "the notes beside CSV": CSVNotes(a, "", ""), "verify": VerdictText(v, false)} {
		text = strings.Join(strings.Fields(text), " ")
		if what == "verify" && (!strings.Contains(text, "the counts of all together, rounded to 5, the contributors signed")) || !strings.Contains(text, "rounded: counts are rounded to 5, each by itself;") {
			t.Errorf("%s does not say it: %s", what, text)
		}
	}
	if AnswerOf("", a, "").Rounded != 5 || VerdictOf(v).Rounded != 5 || AnswerOf("", withheldAnswer(t), "").Rounded != 0 {
		t.Error("JSON does not say what counts are rounded to")
	}
	if text := CSVNotes(withheldAnswer(t), "", ""); strings.Contains(text, "round") {
		t.Errorf("an answer of exact counts says %s", text)
	}
}

// TestScreeningsOfRounds: an answer of several rounds names the screening of each.
func TestScreeningsOfRounds(t *testing.T) {
	v := protocols.Verdict{Rounds: []protocols.Verdict{{Screening: engine.Digest{1}}, {}, {Screening: engine.Digest{2}}}}
	if got := screeningLine(screeningsOf(v)); !strings.Contains(got, "010000000000, 020000000000") {
		t.Error(got)
	}
	if got := screeningLine(screeningsOf(protocols.Verdict{})); got != "" {
		t.Error(got)
	}
}

// TestScreeningIsExplained: what the departments look at is told in both languages, in lines that fit, and not where no rule asks for it.
func TestScreeningIsExplained(t *testing.T) {
	x := &engine.ExplainedScreening{Figures: 2, Groups: 3, Ciphertexts: 1, Learns: []engine.ExplainedDisclosure{{Who: "each contributor (a), and nobody else", What: "how many rows there are"}}}
	for language, parts := range map[string][]string{"en": {"2 figures of each of 3 groups, in 1 ciphertext", "and nobody else"}, "zh": {"3个分组", "其他任何人都看不到"}} {
		d := Decision{Allowed: true, Text: "Allowed.\n", Screening: x}
		text := d.In(language)
		for _, part := range parts {
			if !strings.Contains(strings.Join(strings.Fields(text), " "), part) {
				t.Errorf("%s does not say %q:\n%s", language, part, text)
			}
		}
		loose := *x
		loose.Departments = 3
		for range mostSlacks + 2 {
			loose.Sums = append(loose.Sums, engine.ExplainedSlack{Of: "cost\u202e", Rule: "dominance", Most: "100000", Step: "2500"})
		}
		d.Screening = &loose
		said := strings.Join(strings.Fields(d.In(language)), " ")
		for _, part := range map[string][]string{"en": {`cost\u202e, by the rule dominance: by the bounds that are declared up to 100000 in a row, and so told in steps of 2500`, "and 2 more", "Each of 3 departments", "min and max of"},
			"zh": {`每行至多100000，故以2500为一级告知`, "另有2项", "3个部门各自"}}[language] {
			if !strings.Contains(said, part) {
				t.Errorf("%s does not say %q:\n%s", language, part, said)
			}
		}
		d.Screening = nil
		if got := d.In(language); got != "Allowed.\n" {
			t.Errorf("%q", got)
		}
	}
}

// TestWithheldOfJoins: beneath the answer to a joined question stands that rules count what joins the tables, and not joined rows.
func TestWithheldOfJoins(t *testing.T) {
	a := withheldAnswer(t)
	if text := notesText(a.Result, a.Plan, ""); strings.Contains(text, "joined rows") {
		t.Error(text)
	}
	of := func(table string) engine.Registration {
		return engine.Registration{Department: "north", Table: table, Rows: 300, Columns: []engine.Column{{Name: "person", Kind: engine.Text, Colocated: "person"}}}
	}
	plan, err := engine.NewPlan("SELECT count(*) AS n FROM people JOIN visits USING (person)", engine.Catalogue{of("people"), of("visits")}, []string{"north"},
		engine.Packing{LimbBits: 20, LimbsPerCiphertext: 2048, MaxCiphertexts: 1, MaxDepartments: 15})
	nodetest.Check(t, err)
	for language, part := range map[string]string{"": "joined rows with the same people.person count as one row", policy.Chinese: "people.person相同的连接行只计一行"} {
		if text := strings.Join(strings.Fields(notesText(a.Result, plan, language)), " "); !strings.Contains(text, part) {
			t.Errorf("it does not say %q:\n%s", part, text)
		}
	}
	a.Result.Withheld = nil
	if text := notesText(a.Result, plan, ""); text != "" {
		t.Errorf("nothing is withheld: %s", text)
	}
}

// TestWithheldOfPersons: a join across departments withholds by how many persons are counted, of whom each department of a side counts its own.
func TestWithheldOfPersons(t *testing.T) {
	register := func(department, table string) engine.Registration {
		return engine.Registration{Department: department, Table: table, Rows: 300, Linkage: engine.Linkage{Key: "pid", Spine: "people", Department: "police"},
			Quality: engine.Quality{Key: []string{"pid"}}, Columns: []engine.Column{{Name: "pid", Kind: engine.Text}}}
	}
	plan, err := engine.NewLinkedPlan("SELECT count(*) AS n FROM people JOIN tax USING (pid)",
		engine.Catalogue{register("police", "people"), register("north", "tax"), register("south", "tax")}, []string{"north", "police", "south"},
		engine.Packing{LimbBits: 20, LimbsPerCiphertext: 2048, MaxCiphertexts: 1, MaxDepartments: 15})
	nodetest.Check(t, err)
	plan.Rules = engine.Disclosure{Count: 10}
	for language, part := range map[string]string{"": "at least 20 persons", policy.Chinese: "至少依据20人"} {
		if said := ruleText("count", plan, notesIn(language)); !strings.Contains(said, part) {
			t.Errorf("it does not say %q: %s", part, said)
		}
	}
	if said := ruleText("floor", plan, 0); said != "" {
		t.Error(said)
	}
}
