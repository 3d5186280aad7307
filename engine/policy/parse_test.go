package policy

import (
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/txtar"

	"parley/engine"
)

// TestFiles holds what is said of policy files: of each in testdata/files.txtar, parsed and then
// checked against the table of the tests, in the file wrong or behind it.
func TestFiles(t *testing.T) {
	const path = "testdata/files.txtar"
	archive, err := txtar.ParseFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i+1 < len(archive.Files); i += 2 {
		f, want := archive.Files[i], &archive.Files[i+1]
		got := complaints(f.Name, f.Data)
		if *update {
			want.Data = []byte(got)
		} else if got != string(want.Data) {
			t.Errorf("%s gives\n%snot\n%s", f.Name, got, want.Data)
		}
	}
	if *update {
		if err := os.WriteFile(path, txtar.Format(archive), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// complaints parses and checks a file, and gives a line for each complaint, or what Text writes.
func complaints(name string, text []byte) string {
	f, err := Parse(name, text)
	if err == nil {
		classes := Classes{Table: engine.ClassOnCondition, Columns: []ColumnClass{{Column: "poor", Class: engine.ClassNone}}}
		if strings.HasPrefix(name, "open") {
			classes = Classes{Table: engine.ClassUnconditional}
		}
		if f.Document.Table != "" {
			err = f.Check(claims("health"), classes)
		}
	}
	if err != nil {
		return err.Error() + "\n"
	}
	return f.Document.Text()
}

// TestTextIsRead: what Text writes, Parse reads as the same document.
func TestTextIsRead(t *testing.T) {
	paths, err := filepath.Glob("testdata/decisions/*.txt")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range paths {
		archive, err := txtar.ParseFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range archive.Files {
			if strings.HasSuffix(f.Name, ".toml") {
				checkRoundTrip(t, f.Data)
			}
		}
	}
}

// checkRoundTrip parses a file; what it is written as must be read as the same document.
func checkRoundTrip(t *testing.T, text []byte) {
	t.Helper()
	f, err := Parse("policy.toml", text)
	if err != nil {
		return
	}
	d := f.Document
	d.Department, d.Version = "health", 1
	if err := d.Validate(); err != nil {
		t.Fatalf("%s is parsed and then refused: %v", text, err)
	}
	again, err := Parse("again.toml", []byte(d.Text()))
	if err != nil {
		t.Fatalf("%s is not read: %v", d.Text(), err)
	}
	again.Document.Department, again.Document.Version = "health", 1
	if again.Document.Digest() != d.Digest() {
		t.Fatalf("%s is written as\n%s", text, d.Text())
	}
}

// FuzzParse: no file makes the parser panic, each complaint has a line of the file, and what is
// accepted is written and read as the same.
func FuzzParse(f *testing.F) {
	archive, err := txtar.ParseFile("testdata/files.txtar")
	if err != nil {
		f.Fatal(err)
	}
	for _, file := range archive.Files {
		f.Add(file.Data)
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		_, err := Parse("policy.toml", text)
		if err == nil {
			checkRoundTrip(t, text)
			return
		}
		for _, e := range err.(interface{ Unwrap() []error }).Unwrap() {
			if c, ok := e.(*Complaint); !ok || c.Line < 1 || c.Line > strings.Count(string(text), "\n")+2 || c.Message == "" {
				t.Fatalf("%q: %v", text, e)
			}
		}
	})
}

// FuzzWhen: no condition makes cel-go panic or take longer than its limit; what is accepted gives
// the same each time, and holds no operation that is not on the list.
func FuzzWhen(f *testing.F) {
	for _, text := range []string{`department == "civil" && hour < 12`, `groups.exists(c, c == "x")`, `rows / 0 > 1 || true`,
		`1.5 == 1.5`, `-(-9223372036854775807 - 1) > 0`, `contributors.all(c, c in ["a", "b"]) ? year % 2 == 0 : false`} {
		f.Add(text)
	}
	variables := someVariables()
	f.Fuzz(func(t *testing.T, text string) {
		if _, err := compileNew(text); err != nil {
			return
		}
		if strings.Contains(text, "matches") && !strings.ContainsAny(text, `"'`) {
			t.Fatalf("%s is accepted", text)
		}
		first := met(text, variables)
		for range 3 {
			if met(text, variables) != first {
				t.Fatalf("%s gives two answers", text)
			}
		}
	})
}

// FuzzEntries decodes what the ledger would: no bytes make a decoder or a check panic, and what
// passes is told in words.
func FuzzEntries(f *testing.F) {
	rule := Rule{Name: "r", Who: []string{"anyone"}, Terms: Terms{Group: []string{"county"}, Functions: []string{"count"},
		Hours: []Hours{{From: 480, To: 1080}}, Zone: 480}, When: "hour < 12"}
	f.Add(engine.Marshal(Document{Department: "health", Table: "claims", Version: 1, Rules: []Rule{rule}}))
	acro, _ := engine.Preset("acro")
	for _, rules := range []engine.Disclosure{acro, {Count: 10, Complement: true, Floor: 5, Departments: 2}, {Levels: 40, LevelsPerMille: 330, Perturbed: 5}} {
		f.Add(engine.Marshal(Document{Department: "health", Table: "claims", Version: 1, Rules: []Rule{rule}, Disclosure: rules}))
		f.Add(engine.Marshal(Decision{Allowed: true, Rules: rules}))
	}
	terms := Terms{Functions: []string{"*"}, Purposes: []string{"x"}, Uses: 1, Until: now + 1}
	f.Add(engine.Marshal(Grant{Department: "health", Table: "claims", Subject: Subject{Form: "SELECT $1",
		Parameters: []Parameter{{Range: true, High: 3}}}, Terms: terms}))
	f.Add(engine.Marshal(Request{Departments: []string{"health"}, Table: "claims", Question: "SELECT 1", Terms: terms}))
	f.Add(engine.Marshal(Decision{Missing: []Missing{{Reason: NoPurpose}, {Department: "health", Column: "x", Role: Group, Reason: NoGrant}}}))
	f.Add(engine.Marshal(Facts{Table: "claims", Uses: []Use{{Role: Aggregate}}, Contributors: []Contributor{{Department: "health"}}}))
	f.Fuzz(func(t *testing.T, raw []byte) {
		var d Document
		if engine.Unmarshal(raw, &d) == nil && d.Validate() == nil {
			checkRoundTrip(t, []byte(d.Text()))
			d.Check(claims("health"), Classes{Table: engine.ClassOnCondition})
			facts := Facts{Table: d.Table, Contributors: []Contributor{{Department: d.Department}}, Uses: []Use{{Role: Aggregate, Functions: []string{"count"}}}}
			got := Decide(&facts, &Context{Time: now, Asker: analyst(), Purpose: "x", Documents: []Document{d}})
			checkDecision(t, &got)
		}
		var g Grant
		if engine.Unmarshal(raw, &g) == nil && g.Validate(now) == nil {
			(&Facts{Question: g.Subject.Form}).values(g.Subject.Form)
		}
		var r Request
		if engine.Unmarshal(raw, &r) == nil && r.Validate(now) == nil {
			if g := r.Grant(r.Departments[0], 1, Key{1}); g.Validate(now) != nil && r.Terms.Until-now <= MaxGrantSeconds {
				t.Errorf("a request that may be made cannot be granted: %v", g.Validate(now))
			}
		}
		var decision Decision
		if engine.Unmarshal(raw, &decision) == nil {
			decision.Text(English)
			decision.Text(Chinese)
			decision.Refusing()
		}
		var facts Facts
		if engine.Unmarshal(raw, &facts) == nil {
			Decide(&facts, &Context{Time: now, Asker: analyst(), Purpose: "x"})
		}
	})
}

// TestReadme: the policy that the README shows is one, and its tables list the settings, the
// variables and the operations that there are.
func TestReadme(t *testing.T) {
	raw, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	text := string(raw)
	_, example, _ := strings.Cut(text, "```toml\n")
	example, _, _ = strings.Cut(example, "```")
	f, err := Parse("README.md", []byte(example))
	if err == nil {
		err = f.Check(claims("health"), Classes{Table: engine.ClassOnCondition})
	}
	if err != nil {
		t.Error(err)
	}
	quoted := regexp.MustCompile("`([a-z_-]+)`")
	first := func(heading string) (names []string) {
		_, table, _ := strings.Cut(text, heading)
		table, _, _ = strings.Cut(table, "\n\n")
		for _, row := range strings.Split(table, "\n")[2:] {
			for _, found := range quoted.FindAllStringSubmatch(strings.Split(row, "|")[1], -1) {
				names = append(names, found[1])
			}
		}
		slices.Sort(names)
		return names
	}
	if want := slices.Sorted(slices.Values(ruleSettings)); !slices.Equal(first("| setting |"), want) {
		t.Errorf("the table of settings has %s", first("| setting |"))
	}
	if want := slices.Sorted(slices.Values(append(engine.RuleNames(), "preset"))); !slices.Equal(first("| rule |"), want) {
		t.Errorf("the table of rules has %s", first("| rule |"))
	}
	if want := slices.Sorted(maps.Keys(whenVariables)); !slices.Equal(first("| variable |"), want) {
		t.Errorf("the table of variables has %s", first("| variable |"))
	}
	_, operations, _ := strings.Cut(text, "\nOperations: ")
	operations, _, _ = strings.Cut(operations, "\n\n")
	for name := range whenFunctions {
		word := strings.Trim(name, "_@")
		if word = strings.ReplaceAll(word, "_", ""); name != "@not_strictly_false" && !strings.Contains(operations, word) {
			t.Errorf("the operations do not name %s", name)
		}
	}
	for _, m := range whenMacros {
		if !strings.Contains(operations, "`"+m+"`") {
			t.Errorf("the operations do not name %s", m)
		}
	}
}

// TestFunctionsAreKnown: a policy can name each function of the engine.
func TestFunctionsAreKnown(t *testing.T) {
	names := engine.FunctionNames()
	if !slices.IsSorted(names) || len(names) < 40 || len(names) > maxFunctions {
		t.Fatalf("%d functions", len(names))
	}
	terms := Terms{Functions: names}
	if err := terms.Validate(); err != nil {
		t.Error(err)
	}
	for _, n := range names {
		if n == "logreg_step" || strings.HasSuffix(n, " array") || strings.HasSuffix(n, "estimate") {
			t.Errorf("%s is no function that is asked", n)
		}
	}
}

// TestEnded: a rule whose last day is over is told with its line, at the moment that it ends and not before.
func TestEnded(t *testing.T) {
	f, err := Parse("p.toml", []byte("table = \"t\"\n[[allow]]\nname = \"a\"\nwho = \"anyone\"\nfunctions = \"count\"\n[[allow]]\nname = \"b\"\nwho = \"anyone\"\nfunctions = \"count\"\nzone = \"+08:00\"\nuntil = 2027-12-31\n"))
	if err != nil {
		t.Fatal(err)
	}
	end := time.Date(2027, 12, 31, 16, 0, 0, 0, time.UTC)
	if err := f.Ended(end.Add(-time.Second)); err != nil {
		t.Error(err)
	}
	if err := f.Ended(end); err == nil || err.Error() != "p.toml:11: until is over: it ended at 2027-12-31 16:00 UTC" {
		t.Error(err)
	}
}
