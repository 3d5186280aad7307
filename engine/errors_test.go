package engine

import (
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"math/big"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// internal are words that only the program's own reader knows.
var internal = regexp.MustCompile(`README|[Ss]ection \d|pg_|_step\b|AEXPR|\bOp[A-Z]|[a-z]_[a-z]+_clause|[a-z][A-Z]|\bA_[A-Z]|count distinct`)

// TestRefusalsAreSentences: whatever the code, a refusal is one line in the analyst's words, and
// one of something unsupported says what to write instead. Every code is met.
func TestRefusalsAreSentences(t *testing.T) {
	met := map[string]bool{}
	check := func(what string, err error) {
		var e *Error
		if !errors.As(err, &e) {
			t.Errorf("%s: %v is no refusal", what, err)
			return
		}
		met[e.Code] = true
		own := strings.NewReplacer("PostgreSQL", "").Replace(e.Message + "\n" + e.Hint)
		for _, name := range strings.FieldsFunc(what, func(r rune) bool { return strings.ContainsRune(" (),*=", r) }) {
			own = strings.ReplaceAll(own, name, "") // names that the analyst wrote are not ours
		}
		instead := e.Hint != "" || strings.Contains(e.Message, ": ")
		switch {
		case e.Message == "" || strings.ContainsAny(e.Message+e.Hint, "\n\t\r"):
			t.Errorf("%s: %q, hint %q: not one line", what, e.Message, e.Hint)
		case len(e.Message) > 300 || strings.HasSuffix(e.Message, "."):
			t.Errorf("%s: %q: not a short sentence without its point", what, e.Message)
		case internal.MatchString(own):
			t.Errorf("%s: %q, hint %q: an internal name, %q", what, e.Message, e.Hint, internal.FindString(own))
		case e.Code == CodeUnsupported && strings.HasSuffix(e.Message, "supported") && !instead:
			t.Errorf("%s: %q does not say what to write instead", what, e.Message)
		case (e.Code == CodeTable || e.Code == CodeColumn) && strings.Contains(e.Message, " no ") && e.Hint == "":
			t.Errorf("%s: %q does not say which there are", what, e.Message)
		}
	}
	for _, c := range readCases(t, "refusals.txt") {
		if _, err := planCase(c); err != nil {
			check(c.input, err)
		}
	}
	p, err := NewPlan("SELECT sum(k) FROM things", fixtureCatalogue(), []string{"d0", "d1"}, testPackings[0])
	if err != nil {
		t.Fatal(err)
	}
	_, err = p.Finish(nil)
	check("no cells", err)
	_, err = p.Cells(nil)
	check("no limbs", err)
	_, err = p.Limbs(0, []*big.Int{big.NewInt(9), big.NewInt(9), big.NewInt(9)})
	check("beyond the bound", err)
	check("another department", p.Current(Registration{Department: "d9"}))
	_, err = NewPlan(p.SQL, Catalogue{{Department: "d0"}}, []string{"d0"}, testPackings[0])
	check("a malformed catalogue", err)
	_, err = NewPlan(p.SQL, fixtureCatalogue(), nil, testPackings[0])
	check("nobody", err)
	_, err = NewPlan("SELECT linreg(k, i, i) FROM things", fixtureCatalogue(), []string{"d0"}, testPackings[0])
	check("the same term twice", err)
	_, err = (&fit{}).step(&Result{Withheld: []Withheld{{Rule: ReasonName(ReasonCount)}}})
	check("a fit whose sums are withheld", err)
	rules := Disclosure{Count: 10, History: 1}
	_, err = p.Screening(rules, Earlier{SQL: p.SQL, Departments: []string{"d0"}})
	check("other departments", err)
	_, err = p.Screening(rules, Earlier{SQL: "SELECT sum(gone) FROM things", Departments: p.Departments})
	check("a column that is there no more", err)
	_, err = p.Screening(rules, Earlier{SQL: p.SQL, Departments: p.Departments, Verdict: []byte{0}})
	check("a verdict of fewer cells", err)
	_, err = p.Screening(rules, slices.Repeat([]Earlier{{SQL: p.SQL, Departments: p.Departments}}, MaxEarlier+1)...)
	check("too many", err)
	_, err = p.Screening(Disclosure{Count: 10}, Earlier{SQL: p.SQL, Departments: p.Departments})
	check("no history", err)
	_, err = p.Withhold(rules, []byte{ReasonEarlier, ReasonEarlier, ReasonEarlier}, 0)
	check("a verdict that refuses", err)
	for _, c := range readCases(t, "linked.txt") {
		if _, err := NewPlan(c.input, crossCatalogue(), strings.Fields(c.verb)[1:], testPackings[0]); err != nil {
			check(c.input, err)
		}
	}
	for _, code := range codes(t) {
		if !met[code] {
			t.Errorf("no case has the code %q", code)
		}
	}
}

// codes reads the list of codes.
func codes(t *testing.T) (list []string) {
	f, err := parser.ParseFile(token.NewFileSet(), "errors.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	ast.Inspect(f, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok || !strings.HasPrefix(spec.Names[0].Name, "Code") {
			return true
		}
		code, err := strconv.Unquote(spec.Values[0].(*ast.BasicLit).Value)
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, code)
		return true
	})
	if len(list) < 14 {
		t.Fatalf("%d codes", len(list))
	}
	return list
}
