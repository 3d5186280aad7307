package cli

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"

	"parley/engine"
	"parley/node/audit"
	"parley/node/failure"
	"parley/node/nodetest"
	"parley/node/render"
)

// privacyPolicy is ε = 1 a question and 1.6 in all: two questions. Two departments' noise makes it up.
const privacyPolicy = `table = "stays"

[disclosure]
epsilon = 1.0
budget = 1.6
delta = 0.000001
honest = 2

[[allow]]
name = "by region"
who = ["anyone"]
group = ["region", "days"]
aggregate = ["days"]
functions = ["count", "sum", "median", "buckets"]
purposes = ["a study"]
`

// TestPrivacyStory: under differential privacy explain says what a question costs and how far off its answer is to be expected, the answer
// shows its errors, budgets what is spent, and once that is all the question is refused; the ledger's export checks.
func TestPrivacyStory(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("a network of four nodes, and many commands")
	}
	s := newDisclosureStory(t, 4)
	s.refuses("a", failure.StatusRefused, []string{"purposes are missing"}, "policy", "check", s.file("wrong.toml", strings.Replace(privacyPolicy, `purposes = ["a study"]`, "", 1)))
	s.publish(privacyPolicy)
	const sql = "SELECT count(*) FILTER (WHERE days > 1) AS n, sum(days) AS days FROM stays"
	out := strings.Join(strings.Fields(s.does("analyst", "explain", "--purpose", "a study", sql)), " ")
	for _, part := range []string{"(integer), ± ", "carries noise of each department", `Of "a"'s budget, ε = 1.0 is spent`, "room for such questions, with this one: 2",
		"Noise: per person: it protects all rows of a person in a department together, up to 4, as long as 2 of the 3 departments add theirs", "Accuracy: the error is 4 times what one row would take",
		"noise that every department adds"} {
		if !strings.Contains(out, part) {
			t.Errorf("explain does not say %q:\n%s", part, out)
		}
	}
	if out := s.does("analyst", "budgets"); out != "(0 accounts)\n" {
		t.Error(out)
	}
	for _, command := range []string{"explain", "query"} {
		s.refuses("analyst", failure.StatusRefused, []string{"cells carry noise"}, command, "--purpose", "a study", "SELECT median(days) FROM stays")
	}
	if out := s.does("analyst", "query", "--purpose", "a study", sql); !strings.Contains(out, " ± ") || !strings.Contains(out, "noise: n, days: discrete gaussian") || !strings.Contains(strings.Join(strings.Fields(out), " "), "noise: per person: it protects all rows of a person in a department together, up to 4") ||
		!strings.Contains(strings.Join(strings.Fields(out), " "), "cost: the question takes ε = 1.0, for δ = 0.000001, of each budget; parley budgets lists") {
		t.Error(out)
	}
	var answer render.Answer
	s.json(&answer, "analyst", "query", "--purpose", "a study", sql)
	if answer.Noise == nil || len(answer.Noise.Columns) != 2 || answer.Noise.Errors[0][0] == nil || answer.Noise.Privacy.Unit != engine.UnitPerson || answer.Noise.Privacy.Honest != 2 || answer.Noise.Epsilon != "1.0" || answer.Noise.Delta != "0.000001" {
		t.Errorf("%+v", answer)
	}
	for _, language := range []string{"en", "zh"} {
		said := map[string]string{"en": "has no room for the question", "zh": "隐私预算不足"}[language]
		s.refuses("analyst", failure.StatusRefused, []string{said, "parley budgets"}, "query", "--purpose", "a study", "--lang", language, sql)
	}
	s.refusedInExplanation(sql)
	var trail render.Trail
	s.json(&trail, "analyst", "trail")
	released := 0
	for _, line := range trail.Lines {
		if line.Kind == audit.LineRelease && line.Epsilon == "1.0" && line.Delta == "0.000001" {
			released++
		}
	}
	if released != 2*3 {
		t.Errorf("the trail has %d releases with what they cost", released)
	}
	if out := strings.Join(strings.Fields(s.does("analyst", "trail")), " "); !strings.Contains(out, "of each budget ε = 1.0, for δ = 0.000001") {
		t.Error(out)
	}
	s.refuses("analyst", failure.StatusRefused, []string{"is not for the purpose"}, "query", "--purpose", "another study", sql)
	var listed struct{ Budgets []render.Budget }
	s.json(&listed, "analyst", "budgets", "--of", "b")
	if b := listed.Budgets; len(b) != 1 || b[0].Department != "b" || b[0].Most != "1.6" || b[0].Left != 0 || b[0].Purpose != "a study" || !strings.HasPrefix(b[0].Epsilon, "1.4") {
		t.Errorf("%+v", b)
	}
	if out := s.does("analyst", "budgets"); !strings.Contains(out, "of 1.6, for δ = 0.000001") || !strings.HasSuffix(out, "(3 accounts)\n") {
		t.Error(out)
	}
	if out := s.does("analyst", "query", "--rehearse", "--purpose", "a study", sql); !strings.Contains(out, " ± ") {
		t.Error(out)
	}
	file := filepath.Join(s.dir, "export")
	s.does("analyst", "ledger", "export", file)
	var checked audit.Checked
	status, text, errs := s.offline("ledger", "check", "--json", "--complete", "--genesis", s.n.ID().String(), file)
	nodetest.Check(t, json.Unmarshal([]byte(text), &checked))
	if status != failure.StatusAnswered || !checked.Verified || checked.Answered != 2 || checked.Queries != 2 || len(checked.Missing)+len(checked.Unchecked)+len(checked.Deviations) > 0 {
		t.Errorf("status %d\n%s%s", status, text, errs)
	}
}

// refusedInExplanation: explain begins with why a question whose budget is spent is refused, and shows the noise that it would have.
func (s *rightsStory) refusedInExplanation(sql string) {
	s.Helper()
	out := s.does("analyst", "explain", "--purpose", "a study", sql)
	if !strings.HasPrefix(out, "Not allowed. What is missing:\n") {
		s.Errorf("explain does not begin with the refusal:\n%s", out)
	}
	for _, part := range []string{"has no room for the question", "if it were allowed: Plan", "Noise: per person", "each with noise that every department adds"} {
		if !strings.Contains(strings.Join(strings.Fields(out), " "), part) {
			s.Errorf("explain of a question without budget does not say %q:\n%s", part, out)
		}
	}
	if out := s.does("analyst", "explain", "--purpose", "another study", "--lang", "zh", "SELECT median(days) FROM stays"); !strings.HasPrefix(out, "不允许") || !strings.Contains(out, "注意：此处未计入各部门规则") {
		s.Error(out)
	}
}
