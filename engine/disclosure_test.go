package engine

import (
	"errors"
	"math/rand/v2"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// randomRules are valid rules of one department.
func randomRules(r *rand.Rand) Disclosure {
	one := func(most int64) int64 {
		if r.IntN(2) == 0 {
			return 0
		}
		return 1 + r.Int64N(most)
	}
	d := Disclosure{Count: one(20), Floor: one(20), Departments: one(5), Freedom: one(20), ParametersPerMille: one(PerMille),
		Levels: one(50), LevelsPerMille: one(PerMille), RatioPerMille: one(PerMille), Perturbed: one(20)}
	d.ZeroIsSmall = d.Count > 0 && r.IntN(2) == 0
	d.Complement = d.withholds() && r.IntN(2) == 0
	if d.withholds() {
		if d.History = one(400); d.History > 0 {
			d.Together = Together(r.IntN(3))
		}
	}
	if d.DominanceCount = one(5); d.DominanceCount > 0 {
		d.DominancePerMille = 1 + r.Int64N(PerMille-1)
	}
	if d.Veiled = d.Count > 0 && d.Perturbed > 0 && r.IntN(2) == 0; d.Veiled {
		d.DominanceCount, d.DominancePerMille, d.RatioPerMille = 0, 0, 0
	}
	if r.IntN(2) == 0 {
		d.Base, d.Perturbed, d.Veiled = Bases[r.IntN(len(Bases))], 0, false
	}
	if r.IntN(4) == 0 { // nearly all other rules exclude it
		d = Disclosure{Levels: one(50), Epsilon: MinEpsilon + r.Int64N(1000), Delta: 1 + r.Int64N(1000)}
		d.Budget = d.Epsilon + r.Int64N(1000)
		if d.Honest = one(20); d.Honest == 1 {
			d.Honest = 0
		}
	}
	return d
}

// looser names a rule of a that b does not keep; "" where b is at least as strict.
func looser(b, a Disclosure) string {
	atLeast := func(b, a int64) bool { return b >= a }
	atMost := func(b, a int64) bool { return a == 0 || b != 0 && b <= a }
	holds := func(b, a bool) bool { return b || !a }
	for name, ok := range map[string]bool{
		"count": atLeast(b.Count, a.Count), "zero": holds(b.ZeroIsSmall, a.ZeroIsSmall), "floor": atLeast(b.Floor, a.Floor),
		"departments": atLeast(b.Departments, a.Departments), "freedom": atLeast(b.Freedom, a.Freedom),
		"parameters": atMost(b.ParametersPerMille, a.ParametersPerMille), "levels": atMost(b.Levels, a.Levels),
		"level-density": atMost(b.LevelsPerMille, a.LevelsPerMille), "complement": holds(b.Complement, a.Complement),
		"dominance": atLeast(b.DominanceCount, a.DominanceCount) && atMost(b.DominancePerMille, a.DominancePerMille),
		"p-ratio":   atLeast(b.RatioPerMille, a.RatioPerMille), "perturbed": atLeast(b.Perturbed, a.Perturbed), "veiled": holds(b.Veiled, a.Veiled),
		"epsilon": atMost(b.Epsilon, a.Epsilon), "budget": atMost(b.Budget, a.Budget), "delta": atMost(b.Delta, a.Delta),
		"honest":  a.Epsilon == 0 || b.Epsilon > 0 && b.Honest <= a.Honest,
		"history": atLeast(b.History, a.History), "together": b.Together >= a.Together,
		"round": a.Base == 0 || b.Base != 0 && b.Base%a.Base == 0,
	} {
		if !ok {
			return name
		}
	}
	return ""
}

// TestUnite: the union does not depend on order or repetition, is never looser than its parts, nor
// stricter than the strictest of them, and is valid where nothing conflicts.
func TestUnite(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	conflicts := 0
	for range 5000 {
		a, b, c := randomRules(r), randomRules(r), randomRules(r)
		for _, d := range []Disclosure{a, b, c} {
			if err := d.Validate(); err != nil || d.Conflict() != nil || d.Unite(d) != d || d.Unite(Disclosure{}) != d {
				t.Fatalf("%+v: %v", d, err)
			}
		}
		u := a.Unite(b)
		if u != b.Unite(a) || u.Unite(c) != a.Unite(b.Unite(c)) {
			t.Fatalf("the order counts for %+v, %+v, %+v", a, b, c)
		}
		if name := looser(u, a) + looser(u, b); name != "" {
			t.Fatalf("%s of %+v is looser than of %+v and %+v", name, u, a, b)
		}
		if s := reflect.ValueOf(u); s.FieldByName("Count").Int() != max(a.Count, b.Count) || u.Levels != a.Levels && u.Levels != b.Levels {
			t.Fatalf("%+v is neither of %+v and %+v", u, a, b)
		}
		private := u.Epsilon > 0 && u != Disclosure{Levels: u.Levels, LevelsPerMille: u.LevelsPerMille, Epsilon: u.Epsilon, Budget: u.Budget, Delta: u.Delta, Honest: u.Honest}
		excluded := private || u.Veiled && u.largest() || u.Base != 0 && u.Perturbed != 0 || a.Base != 0 && b.Base != 0 && a.Base%b.Base != 0 && b.Base%a.Base != 0
		if err := u.Conflict(); (err != nil) != excluded {
			t.Fatalf("%+v and %+v: %v", a, b, err)
		} else if err == nil && u.Validate() != nil {
			t.Fatalf("%+v: %v", u, u.Validate())
		} else if err != nil {
			conflicts++
		}
	}
	if conflicts == 0 {
		t.Error("no rules excluded each other")
	}
}

// TestUniteHasAllFields: each field that a Disclosure has takes part in the union and in the list of rules.
func TestUniteHasAllFields(t *testing.T) {
	for i := range reflect.TypeFor[Disclosure]().NumField() {
		field := reflect.TypeFor[Disclosure]().Field(i)
		if field.Name == "_" {
			continue
		}
		var d Disclosure
		if v := reflect.ValueOf(&d).Elem().Field(i); v.Kind() == reflect.Bool {
			v.SetBool(true)
		} else {
			v.SetInt(5)
		}
		if d.Unite(Disclosure{}) != d || (Disclosure{}).Unite(d) != d {
			t.Errorf("%s is lost in the union", field.Name)
		}
		if len(d.Rules()) != 1 {
			t.Errorf("%s is not among the rules", field.Name)
		}
	}
}

// TestDisclosureIsRefused: what rules must be, each broken once.
func TestDisclosureIsRefused(t *testing.T) {
	for want, d := range map[string]Disclosure{
		"count is -1":                    {Count: -1},
		"count is 1000000001":            {Count: MaxRuleRows + 1},
		"floor is -9":                    {Floor: -9},
		"departments is 4097":            {Departments: MaxRegistrations + 1},
		"freedom is 10000000000":         {Freedom: 10 * MaxRuleRows},
		"parameters is 1001":             {ParametersPerMille: PerMille + 1},
		"levels is 4097":                 {Levels: MaxDictionary + 1},
		"level-density is -1":            {LevelsPerMille: -1},
		"dominance is 101":               {DominanceCount: MaxDominanceRows + 1, DominancePerMille: 1},
		"dominance is 1000":              {DominanceCount: 1, DominancePerMille: PerMille},
		"dominance is a number of rows":  {DominanceCount: 2},
		"p-ratio is 1001":                {RatioPerMille: PerMille + 1},
		"round is 7":                     {Base: 7},
		"round is -5":                    {Base: -5},
		"round is 1:":                    {Base: 1},
		"round is 15":                    {Base: 15}, // only a union of 3 and 5 has it
		"zero needs count":               {ZeroIsSmall: true, Floor: 3},
		"complement needs a rule":        {Complement: true, Freedom: 10},
		"epsilon is 100000001":           {Epsilon: 100_000_001, Budget: 1, Delta: 1},
		"budget is -1":                   {Budget: -1},
		"perturbed is 1001":              {Perturbed: 1001},
		"veiled needs perturbed":         {Veiled: true, Count: 10},
		"veiled = true and dominance":    {Veiled: true, Perturbed: 5, Count: 3, DominanceCount: 2, DominancePerMille: 900},
		"veiled = true and p-ratio":      {Veiled: true, Perturbed: 5, Count: 3, RatioPerMille: 100},
		"veiled needs perturbed and":     {Veiled: true, Perturbed: 5, Floor: 3},
		"delta is 1000000001":            {Delta: 1_000_000_001},
		"epsilon needs budget":           {Epsilon: 1_000_000, Delta: 1},
		"epsilon needs budget and":       {Epsilon: 1_000_000, Budget: 1_000_000},
		"epsilon needs budget and delta": {Budget: 1_000_000, Delta: 1},
		"epsilon is 0.000999":            {Epsilon: 999, Budget: 1_000_000, Delta: 1},
		"epsilon is more than budget":    {Epsilon: 1_000_000, Budget: 999_999, Delta: 1},
		"epsilon = 1.0 and count = 1 ":   {Count: 1, Epsilon: 1_000_000, Budget: 1_000_000, Delta: 1},
		"epsilon = 1.0 and round = 5 ":   {Base: 5, Epsilon: 1_000_000, Budget: 1_000_000, Delta: 1},
		"epsilon = 1.0 and perturbed":    {Perturbed: 5, Epsilon: 1_000_000, Budget: 1_000_000, Delta: 1},
		"honest needs epsilon":           {Honest: 2},
		"honest is 1,":                   {Honest: 1, Epsilon: 1_000_000, Budget: 1_000_000, Delta: 1},
		"honest is 4097":                 {Honest: MaxRegistrations + 1, Epsilon: 1_000_000, Budget: 1_000_000, Delta: 1},
		"history needs a rule":           {History: 1, Freedom: 10},
		"history is 3651":                {History: 3651, Count: 10},
		"together needs history":         {Together: TogetherAll, Count: 10},
		"together needs history:":        {Together: 3, Count: 10, History: 1},
	} {
		if err := d.Validate(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: %v, not %q", d, err, want)
		}
	}
	var c *Conflict
	if err := (Disclosure{Base: 3}).Unite(Disclosure{Base: 100}).Unite(Disclosure{Base: 10}).Conflict(); !errors.As(err, &c) || *c != (Conflict{"round = 3", "round = 100"}) {
		t.Error(err)
	}
}

// TestPresets: each preset is valid, its name and rules stand in the README.
func TestPresets(t *testing.T) {
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(Presets(), []string{"abs", "acro", "datashield-3", "nhs-hes", "ons-10-5", "ukllc-10"}) {
		t.Fatal(Presets())
	}
	for _, name := range Presets() {
		d, ok := Preset(name)
		if !ok || d.Validate() != nil || !d.Screens() {
			t.Errorf("%s: %v", name, d.Validate())
		}
		if !d.ZeroIsSmall {
			t.Errorf("%s shows cells without rows, so that those that are withheld have some", name)
		}
		var settings []string
		for _, r := range d.Rules() {
			if strings.ContainsAny(r.Sentence(), "$%") || r.Sentence() == "" {
				t.Errorf("%s says %q", name, r.Sentence())
			}
			settings = append(settings, r.Name+" = "+r.Written())
		}
		if row := "| `" + name + "` | `" + strings.Join(settings, "`, `") + "` |"; !strings.Contains(string(readme), row) {
			t.Errorf("the README has no row %s", row)
		}
	}
	for _, name := range RuleNames() {
		if !strings.Contains(string(readme), "\n| `"+name+"` | ") {
			t.Errorf("the README does not say what %s means", name)
		}
	}
	if _, ok := Preset("ONS-10-5"); ok {
		t.Error("a preset has two names")
	}
}

// TestScreens: which rules look at counts.
func TestScreens(t *testing.T) {
	for _, d := range []Disclosure{{Count: 2}, {Count: 1, ZeroIsSmall: true}, {Floor: 2}, {Departments: 2}, {Freedom: 1}, {ParametersPerMille: 1}, {Base: 5},
		{DominanceCount: 1, DominancePerMille: 1}, {RatioPerMille: 1}} {
		if !d.Screens() {
			t.Errorf("%+v", d)
		}
	}
	for _, d := range []Disclosure{{}, {Count: 1}, {Floor: 1, Departments: 1}, {Levels: 40, LevelsPerMille: 330}, {Perturbed: 1}} {
		if d.Screens() {
			t.Errorf("%+v", d)
		}
	}
	names := RuleNames()
	full := Disclosure{Count: 1, ZeroIsSmall: true, Floor: 1, Departments: 1, Freedom: 1, ParametersPerMille: 1, Levels: 1, LevelsPerMille: 1,
		Complement: true, DominanceCount: 1, DominancePerMille: 1, RatioPerMille: 1, Base: 3, Perturbed: 1, Veiled: true, Epsilon: 1, Budget: 1, Delta: 1, Honest: 2,
		History: 1, Together: TogetherAll}
	for i, r := range full.Rules() {
		if r.Name != names[i] {
			t.Errorf("rule %d is %s, not %s", i, r.Name, names[i])
		}
	}
	if len(full.Rules()) != len(names) || len(full.Sentences()) != len(names) {
		t.Error(full.Sentences())
	}
}
