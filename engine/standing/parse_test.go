package standing

import (
	"flag"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	"parley/engine"
	"parley/engine/policy"
)

var update = flag.Bool("update", false, "write what testdata/files.txtar expects")

// TestFiles holds what is said of files: of each in testdata/files.txtar, all that is wrong, or what was read.
func TestFiles(t *testing.T) {
	const path = "testdata/files.txtar"
	archive, err := txtar.ParseFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i+1 < len(archive.Files); i += 2 {
		f, want := archive.Files[i], &archive.Files[i+1]
		got := read(f.Name, f.Data)
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

// read is what Parse makes of a file, in words.
func read(name string, text []byte) string {
	q, err := Parse(name, text)
	if err != nil {
		return err.Error() + "\n"
	}
	out := fmt.Sprintf("%s: %s\n%s\n%q %q of %q in %s\n", q.Name, &q.Schedule, q.SQL, q.Purpose, q.Basis, q.Departments, q.Deadline)
	for i := range q.Alerts {
		a := &q.Alerts[i]
		out += fmt.Sprintf("%s: %s, by %q, %s\n", a.Name, a.Rule(), a.Group, a.Limit)
	}
	return out
}

// FuzzParse: no file makes the parser panic, each complaint has a line of the file, and what is accepted
// asks a question of its form, for a purpose, and raises alerts that the ledger takes.
func FuzzParse(f *testing.F) {
	archive, err := txtar.ParseFile("testdata/files.txtar")
	if err != nil {
		f.Fatal(err)
	}
	for _, file := range archive.Files {
		f.Add(file.Data)
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		q, err := Parse("standing.toml", text)
		if err != nil {
			for _, e := range err.(interface{ Unwrap() []error }).Unwrap() {
				if c, ok := e.(*policy.Complaint); !ok || c.Line < 1 || c.Line > strings.Count(string(text), "\n")+2 || c.Message == "" {
					t.Fatalf("%q: %v", text, e)
				}
			}
			return
		}
		if values, ok := engine.Parameters(q.Form, q.SQL); !ok || !slices.Equal(values, q.Values) {
			t.Fatalf("%q is no question of %q", q.SQL, q.Form)
		}
		if err := policy.CheckPurpose(q.Purpose, q.Basis); err != nil {
			t.Fatal(err)
		}
		for i := range q.Alerts {
			a := &q.Alerts[i]
			if engine.LineFault(a.Name, MaxNameBytes)+engine.LineFault(a.Rule(), MaxTextBytes) != "" || a.Name == "" || a.Limit == nil {
				t.Fatalf("%q: %q", a.Name, a.Rule())
			}
		}
		checkSlots(t, &q.Schedule, 1_700_000_000)
	})
}

// TestReadme: the file that the README shows is one, and its tables list the settings that there are.
func TestReadme(t *testing.T) {
	raw, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	text := string(raw)
	_, example, _ := strings.Cut(text, "```toml\n")
	example, _, _ = strings.Cut(example, "```")
	if _, err := Parse("README.md", []byte(example)); err != nil {
		t.Error(err)
	}
	tables := strings.Split(text, "| setting |")
	if len(tables) != 3 {
		t.Fatalf("%d tables of settings", len(tables)-1)
	}
	for i, want := range [][]string{settings, alertSettings} {
		rows, _, _ := strings.Cut(tables[i+1], "\n\n")
		var names []string
		for _, row := range strings.Split(rows, "\n")[2:] {
			for _, found := range regexp.MustCompile("`([a-z]+)`").FindAllStringSubmatch(strings.Split(row, "|")[1], -1) {
				names = append(names, found[1])
			}
		}
		slices.Sort(names)
		if sorted := slices.Sorted(slices.Values(want)); !slices.Equal(names, sorted) {
			t.Errorf("the table has %s, want %s", names, sorted)
		}
	}
}
