package engine

import (
	"errors"
	"flag"
	"fmt"
	"math/big"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "rewrite testdata with what the engine gives")

// A data file is a list of cases:
//
//	# comment
//	verb argument argument
//	input
//	----
//	output
//
// with an empty line after each.
type dataCase struct {
	comment, verb, input, output string
}

func readCases(t testing.TB, name string) []dataCase {
	raw, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	var cases []dataCase
	for block := range strings.SplitSeq(strings.TrimSpace(string(raw))+"\n", "\n\n") {
		var c dataCase
		for strings.HasPrefix(block, "#") {
			line, rest, _ := strings.Cut(block, "\n")
			c.comment, block = c.comment+line+"\n", rest
		}
		head, output, ok := strings.Cut(block, "\n----\n")
		if !ok {
			t.Fatalf("%s: no ---- in %q", name, block)
		}
		c.verb, c.input, _ = strings.Cut(head, "\n")
		c.output = strings.TrimSpace(output)
		cases = append(cases, c)
	}
	return cases
}

// runCases compares each case's output with what run gives.
func runCases(t *testing.T, name string, run func(t *testing.T, c dataCase) string) {
	var out strings.Builder
	for i, c := range readCases(t, name) {
		got := strings.TrimSpace(run(t, c))
		if got != c.output && !*update {
			t.Errorf("%s, case %d: %s\n%s\ngives\n%s\nnot\n%s", name, i+1, c.verb, c.input, got, c.output)
		}
		if i > 0 {
			out.WriteString("\n")
		}
		fmt.Fprintf(&out, "%s%s\n%s\n----\n%s\n", c.comment, c.verb, c.input, got)
	}
	if *update {
		if err := os.WriteFile(filepath.Join("testdata", name), []byte(out.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// fixture is a small table of three departments, the last without rows that pass
// most filters.
func fixture() *refTable {
	t := &refTable{columns: []refColumn{
		{name: "k", sql: "k", kind: Integer, grouped: true},
		{name: "i", sql: "I", kind: Integer, nullable: true, grouped: true},
		{name: "big", sql: "big", kind: Integer, nullable: true},
		{name: "Dec", sql: `"Dec"`, kind: Decimal, scale: 2, nullable: true, grouped: true},
		{name: "mixed", sql: "mixed", kind: Decimal, scale: 3, nullable: true, grouped: true},
		{name: "t", sql: "t", kind: Text, nullable: true, grouped: true},
		{name: "flag", sql: "flag", kind: Boolean, nullable: true, grouped: true},
		{name: "day", sql: "day", kind: Date, nullable: true, grouped: true},
		{name: "void", sql: "void", kind: Null, nullable: true, grouped: true},
		{name: "人口数_合计", sql: "人口数_合计", kind: Integer},
	}}
	d := func(text string) cell { r, _ := new(big.Rat).SetString(text); return r }
	i := func(v int64) cell { return rat(v) }
	t.parts = [][]row{
		{
			{i(0), i(1), i(1 << 62), d("1.50"), d("2"), "湖北", true, day(18567), nil, i(57752557)},
			{i(1), i(-2), i(1 << 62), d("-0.25"), nil, "it's", false, day(0), nil, i(66444864)},
			{i(1), nil, nil, nil, d("3"), nil, nil, nil, nil, i(101527453)},
		},
		{
			{i(0), i(3), i(-(1 << 62)), d("10.00"), d("0.125"), "a%b", true, day(18567), nil, i(7)},
			{i(2), i(3), i(1), d("0.05"), d("-1.375"), "湖南", false, day(18568), nil, i(0)},
		},
		{
			{i(2), nil, nil, nil, nil, nil, nil, nil, nil, i(1)},
		},
	}
	t.mixed, t.void = []bool{true, false, true}, []bool{true, true, true}
	return t
}

// fixtureCatalogue adds tables that exist to be refused.
func fixtureCatalogue() Catalogue {
	cat, _ := fixture().catalogue()
	long := strings.Repeat("人口", 15)
	odd := Registration{Department: "d0", Table: "Odd", Version: 3, Rows: 10, Columns: []Column{
		{Name: "Age", Kind: Integer, Min: big.NewInt(0), Max: big.NewInt(99)},
		{Name: "age group", Kind: Text},
		{Name: "Sex", Kind: Integer, Min: big.NewInt(0), Max: big.NewInt(1)},
		{Name: "SEX", Kind: Integer, Min: big.NewInt(0), Max: big.NewInt(1)},
		{Name: long, Kind: Integer, Min: big.NewInt(0), Max: big.NewInt(1)},
		{Name: "huge", Kind: Decimal, Scale: 6, Min: new(big.Int).Sub(big.NewInt(1), decimalLimit),
			Max: new(big.Int).Sub(decimalLimit, big.NewInt(1))},
	}}
	for i := range 300 {
		odd.Columns[1].Dictionary = append(odd.Columns[1].Dictionary, fmt.Sprintf("%04d", i))
	}
	odd.Rows, odd.Columns[1].HasDictionary = 300, true
	for range 2 {
		c := odd.Columns[1]
		c.Name += string(rune('a' + len(odd.Columns)))
		odd.Columns = append(odd.Columns, c)
	}
	disagree := Registration{Department: "d0", Table: "disagree", Rows: 1, Columns: []Column{
		{Name: "x", Kind: Text}, {Name: "y", Kind: Text}}}
	other := disagree
	other.Department, other.Columns = "d1", []Column{{Name: "x", Kind: Date, Nullable: true}, {Name: "y", Kind: Text}}
	missing, more := disagree, other
	missing.Table, more.Table = "missing", "missing"
	more.Columns = []Column{{Name: "x", Kind: Text}, {Name: "z", Kind: Text}}
	cat = append(cat, odd, disagree, other, missing, more)
	slices.SortFunc(cat, compareRegistrations)
	return cat
}

// planCase plans a case's input for the departments that its verb names.
func planCase(c dataCase) (*Plan, error) {
	fields := strings.Fields(c.verb)
	departments := fields[1:]
	if len(departments) == 0 {
		departments = []string{"d0", "d1", "d2"}
	}
	return NewPlan(c.input, fixtureCatalogue(), departments, testPackings[0])
}

// checkTablesOf holds that TablesOf refuses what it reads as NewPlan does (refused), and finds the
// tables of everything else.
func checkTablesOf(t *testing.T, sql string, refused error) {
	t.Helper()
	tables, err := TablesOf(sql, fixtureCatalogue())
	switch {
	case err != nil && (refused == nil || err.Error() != refused.Error()):
		t.Errorf("TablesOf refuses with %v, NewPlan with %v", err, refused)
	case err == nil && len(tables) == 0:
		t.Error("TablesOf finds neither tables nor a reason")
	}
}

// TestRefusals holds the code, the position, the sentence and the hint of every
// refusal.
func TestRefusals(t *testing.T) {
	runCases(t, "refusals.txt", func(t *testing.T, c dataCase) string {
		p, err := planCase(c)
		checkTablesOf(t, c.input, err)
		var e *Error
		switch {
		case err == nil:
			return "accepted: " + p.describe(p.Outputs[0].Expr)
		case !errors.As(err, &e):
			t.Fatalf("%T is not an *Error", err)
		}
		out := fmt.Sprintf("%s at %d: %s", e.Code, e.Position, e.Message)
		if e.Hint != "" {
			out += "\nhint: " + e.Hint
		}
		return out
	})
}

// TestExplanations holds what a plan computes and reveals, and its digest.
func TestExplanations(t *testing.T) {
	runCases(t, "explanations.txt", func(t *testing.T, c dataCase) string {
		p, err := planCase(c)
		if err != nil {
			t.Fatal(err)
		}
		return p.Explain().String()
	})
}

// TestAnswers holds what is printed, and exactly.
func TestAnswers(t *testing.T) {
	runCases(t, "answers.txt", func(t *testing.T, c dataCase) string {
		p, err := planCase(c)
		if err != nil {
			t.Fatal(err)
		}
		r, err := fixture().sealed(t, p)
		if err != nil {
			return err.Error()
		}
		lines := []string{strings.Join(r.Columns, " | ")}
		for _, row := range r.Rows {
			var line []string
			for _, v := range row {
				switch {
				case v.Text == nil:
					line = append(line, "<null>")
				case *v.Text != *v.Exact:
					line = append(line, *v.Text+" {"+*v.Exact+"}")
				default:
					line = append(line, *v.Text)
				}
			}
			lines = append(lines, strings.Join(line, " | "))
		}
		return strings.Join(lines, "\n")
	})
}

// TestDecisions holds what is said of plans over other registrations than a department's own.
// The verb names the department that decides and how its table differs from the plan's.
func TestDecisions(t *testing.T) {
	runCases(t, "decisions.txt", func(t *testing.T, c dataCase) string {
		p, err := NewPlan(c.input, fixtureCatalogue(), []string{"d0", "d1"}, testPackings[0])
		if err != nil {
			t.Fatal(err)
		}
		fields := strings.Fields(c.verb)
		cat := fixtureCatalogue()
		own := cat[cat.find("things", fields[1])]
		switch fields[2] {
		case "newer":
			own.Version++
		case "changed":
			own.Digest[31]++
		case "other":
			own.Table = "other"
		}
		if err := p.Current(own); err != nil {
			return err.Error()
		}
		return "admitted"
	})
}
