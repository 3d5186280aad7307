package render

import (
	"strings"
	"testing"

	"parley/engine"
	"parley/engine/policy"
	"parley/node/nodetest"
	"parley/protocols"
)

// TestNoiseIsShown: a number with noise stands with its standard error, in text, JSON and CSV, and of an answer without noise nothing is said.
func TestNoiseIsShown(t *testing.T) {
	a := sampleAnswer()
	whole := CSV(a.Result)
	wide := "13.1"
	column := a.Result.Columns[1]
	a.Result.Rows[0][1].Error = &wide
	a.Result.Noise = []engine.NoisyColumn{{Column: column, Kind: engine.NoiseGaussian, Departments: 3}}
	a.Result.Privacy = &engine.Privacy{Unit: engine.UnitRow, RowsPerPerson: 4, ByRow: []string{"b\n"}, Honest: 2, Departments: 3}
	a.Plan = &engine.Plan{Noise: &engine.Noise{Kind: engine.NoiseGaussian, Rules: engine.Disclosure{Epsilon: 500_000, Budget: 4_000_000, Delta: 1_000_000}}}
	a.Verdict.Plan = a.Plan
	var b strings.Builder
	nodetest.Check(t, WriteAnswer(&b, a, "", ""))
	value := *a.Result.Rows[0][1].Text
	for _, part := range []string{value + " ± 13.1", "noise: " + column + ": discrete gaussian noise of each of 3 departments; behind ± is the standard error",
		`noise: it protects all rows of a person in a department together, up to 4, and at b\n, where no limit of rows is declared, what one row holds, as long as 2 of the 3 departments add theirs`,
		"cost: the question takes ε = 0.5, for δ = 0.000001, of each budget"} {
		if !strings.Contains(strings.Join(strings.Fields(b.String()), " "), part) {
			t.Errorf("it does not say %q:\n%s", part, b.String())
		}
	}
	out := AnswerOf("", a, "")
	if out.Noise == nil || out.Noise.Privacy.Honest != 2 || out.Noise.Epsilon != "0.5" || out.Noise.Delta != "0.000001" || *out.Noise.Errors[0][1] != wide || out.Noise.Errors[0][0] != nil || *out.Rows[0][1] != value {
		t.Errorf("%+v", out.Noise)
	}
	head, rest, _ := strings.Cut(CSV(a.Result), "\r\n")
	if !strings.Contains(head, column+" (standard error)") || !strings.Contains(rest, value+",13.1") {
		t.Error(head, rest)
	}
	v := a.Verdict
	v.Result = a.Result
	if text := VerdictText(v, false); !strings.Contains(text, "± 13.1") || !strings.Contains(text, "ε = 0.5") || VerdictOf(v).Noise.Epsilon != "0.5" {
		t.Error(text)
	}
	if text := notesText(a.Result, a.Plan, ""); strings.Contains(text, "is left out") {
		t.Error(text)
	}
	a.Plan.Groups = make([]engine.GroupColumn, 1)
	for language, part := range map[string]string{"": "a group whose number of rows, with its noise, is not above 0 is left out", policy.Chinese: "分组不列出"} {
		if text := strings.Join(strings.Fields(notesText(a.Result, a.Plan, language)), " "); !strings.Contains(text, part) {
			t.Errorf("it does not say %q:\n%s", part, text)
		}
	}
	columns := a.Result.Noise
	a.Result.Noise, a.Result.Privacy = nil, nil // the number of all rows, which is public
	if n := AnswerOf("", a, "").Noise; n == nil || n.Epsilon != "0.5" || n.Columns == nil {
		t.Errorf("what an exact number costs is not said: %+v", n)
	}
	if text := notesText(a.Result, a.Plan, ""); !strings.Contains(text, "ε = 0.5") || strings.Contains(text, "noise") {
		t.Error(text)
	}
	a.Result.Noise = columns
	a.Result.Noise[0] = engine.NoisyColumn{Column: column, Kind: engine.NoiseCellKey, Departments: 3, Rows: 5}
	a.Result.Privacy = &engine.Privacy{Unit: engine.UnitPerson, RowsPerPerson: 4, Honest: 2, Departments: 3}
	if text := strings.Join(strings.Fields(notesText(a.Result, a.Plan, policy.Chinese)), ""); !strings.Contains(text, "噪声：以人为单位：保护一人在一个部门的全部行（至多4行），只要3个部门中有2个加入其噪声") {
		t.Error(text)
	}
	a.Result.Privacy = nil
	a.Plan.Noise.Rules = engine.Disclosure{Perturbed: 5}
	if text := notesText(a.Result, a.Plan, policy.Chinese); !strings.Contains(text, "噪声："+column+"：3个部门各自的单元密钥噪声（至多±5行）") || strings.Contains(text, "ε") {
		t.Error(text)
	}
	if text := notesText(a.Result, a.Plan, ""); !strings.Contains(text, "cell key noise of up to ±5 rows of each of 3 departments") {
		t.Error(text)
	}
	plain := sampleAnswer()
	b.Reset()
	nodetest.Check(t, WriteAnswer(&b, plain, "", ""))
	if strings.Contains(b.String(), "±") || strings.Contains(b.String(), "noise") || AnswerOf("", plain, "").Noise != nil || CSV(plain.Result) != whole {
		t.Error("an answer without noise speaks of it")
	}
}

// TestBudgetsAreShown: what is spent, of how much, and what is left; where no policy has a budget any more, what was spent.
func TestBudgetsAreShown(t *testing.T) {
	s := protocols.NewState(&protocols.Network{}, protocols.Sizes{})
	one := protocols.Budget{Department: "north\n", Table: "people", Purpose: "statistics", Rho: 17_600_000, Epsilon: 1_003_000, Most: 4_000_000, Delta: 1_000_000, Left: 11}
	two := one
	two.Most, two.Delta, two.Left = 0, 0, 0
	text := strings.Join(strings.Fields(Budgets([]Budget{BudgetOf(s, one), BudgetOf(s, two)})), " ")
	for _, part := range []string{"ε = 1.003 of 4.0, for δ = 0.000001 (ρ = 0.0176)", "11 questions at the price", "ρ = 0.0176; the policy in force has no budget", "(2 accounts)", `north\n's budget`} {
		if !strings.Contains(text, part) {
			t.Errorf("it does not say %q: %s", part, text)
		}
	}
}
