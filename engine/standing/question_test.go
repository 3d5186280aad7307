package standing

import (
	"fmt"
	"math/big"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"parley/engine"
)

// answer is a result of text: the first line names columns with their kinds, NULL is NULL.
func answer(t *testing.T, lines ...string) *engine.Result {
	t.Helper()
	r := &engine.Result{}
	for _, column := range strings.Fields(lines[0]) {
		name, kind, _ := strings.Cut(column, ":")
		kinds := map[string]engine.Kind{"": engine.Text, "int": engine.Integer, "dec": engine.Decimal, "float": engine.Float, "date": engine.Date}
		r.Columns, r.Kinds = append(r.Columns, name), append(r.Kinds, kinds[kind])
	}
	for _, line := range lines[1:] {
		var row []engine.Value
		for _, text := range strings.Split(line, "|") {
			shown, exact, both := strings.Cut(text, "=")
			if !both {
				exact = shown
			}
			v := engine.Value{Text: &shown, Exact: &exact}
			if text == "NULL" {
				v = engine.Value{}
			}
			row = append(row, v)
		}
		r.Rows = append(r.Rows, row)
	}
	return r
}

func thresholds(t *testing.T, lines string) *Question {
	t.Helper()
	q, err := Parse("test.toml", []byte("name = \"x\"\nsql = \"SELECT 1\"\npurpose = \"p\"\nevery = \"24h\"\n"+lines))
	if err != nil {
		t.Fatal(err)
	}
	return q
}

// TestEvaluate holds which alerts an answer gives rise to, and what they say.
func TestEvaluate(t *testing.T) {
	counties := []string{"county households:int", "Gaochun|120", "Lishui|131", "Pukou|NULL"}
	for name, c := range map[string]struct {
		alert  string
		rows   []string
		before []string // of the run before; nil: none
		found  string   // empty: none
		wrong  string
	}{
		"above":          {"above = 120", counties, nil, "county Lishui: 131", ""},
		"above both":     {"above = 119.99", counties, nil, "county Gaochun: 120; county Lishui: 131", ""},
		"equal":          {"above = 131", counties, nil, "", ""},
		"below":          {"below = 121", counties, nil, "county Gaochun: 120", ""},
		"below equal":    {"below = 120", counties, nil, "", ""},
		"where":          {"above = 1\nwhere = { county = \"Gaochun\" }", counties, nil, "county Gaochun: 120", ""},
		"where nobody":   {"above = 1\nwhere = { county = \"gaochun\" }", counties, nil, "", ""},
		"no such where":  {"above = 1\nwhere = { city = \"x\" }", counties, nil, "", `the answer has no column "city"`},
		"rises first":    {"rises = 1", counties, nil, "", ""},
		"rises":          {"rises = 10", counties, []string{"county households:int", "Lishui|120", "Gaochun|110"}, "county Lishui: 131, was 120", ""},
		"rises anew":     {"rises = 0", counties, []string{"county households:int", "Lishui|131"}, "", ""},
		"falls":          {"rises = 0", counties, []string{"county households:int", "Lishui|200"}, "", ""},
		"rises of NULL":  {"rises = 0", []string{"county households:int", "Pukou|5"}, []string{"county households:int", "Pukou|NULL"}, "", ""},
		"a third":        {"above = 0.33333333333333333333", []string{"households:dec", "0.3333333333333333=1/3"}, nil, "0.3333333333333333", ""},
		"not a third":    {"above = 0.33333333333333333334", []string{"households:dec", "0.3333333333333333=1/3"}, nil, "", ""},
		"large":          {"above = 9007199254740992", []string{"households:int", "9007199254740993"}, nil, "9007199254740993", ""},
		"float":          {"below = 0.0000000001", []string{"households:float", "1e-11"}, nil, "1e-11", ""},
		"infinite":       {"above = 1", []string{"households:float", "Infinity"}, nil, "", `"Infinity" is no number`},
		"huge exponent":  {"above = 1", []string{"households:float", "1e999999999"}, nil, "", "is no number"},
		"no column":      {"above = 1", []string{"county n:int", "a|1"}, nil, "", `the answer has no column "households": it has county, n`},
		"column twice":   {"above = 1", []string{"households:int households:int", "1|1"}, nil, "", "two columns of the answer are called"},
		"one group":      {"above = 1", []string{"year:int households:int", "2024|5", "2025|6"}, nil, "", "two rows of the answer are of one group"},
		"named group":    {"above = 5\ngroup = [\"year\"]", []string{"year:int households:int", "2024|5", "2025|6"}, nil, "year 2025: 6", ""},
		"two columns":    {"above = 5", []string{"county day:date households:int", "a|2026-01-01|5", "a|2026-01-02|6"}, nil, "county a, day 2026-01-02: 6", ""},
		"NULL group":     {"above = 5", []string{"county households:int", "NULL|6"}, nil, "county NULL: 6", ""},
		"hostile text":   {"above = 5", []string{"county households:int", "a\n\x1b[31m\xff|6"}, nil, "county a\ufffd\ufffd[31m\ufffd: 6", ""},
		"text as figure": {"above = 5", []string{"households", "many"}, nil, "", `"many" is no number`},
		"no rows":        {"above = 5", []string{"households:int"}, nil, "", ""},
	} {
		q := thresholds(t, "[[alert]]\ncolumn = \"households\"\n"+c.alert)
		var before Figures
		if c.before != nil {
			_, before, _ = q.Evaluate(answer(t, c.before...), nil)
		}
		raised, _, wrong := q.Evaluate(answer(t, c.rows...), before)
		found, said := "", fmt.Sprint(wrong)
		if len(raised) == 1 {
			found = raised[0].Found
		}
		if found != c.found || len(raised) > 1 {
			t.Errorf("%s: found %q, want %q", name, found, c.found)
		}
		if (wrong != nil) != (c.wrong != "") || !strings.Contains(said, c.wrong) {
			t.Errorf("%s: %s, want %q", name, said, c.wrong)
		}
	}
}

// TestEvaluateAll: one alert that cannot be decided keeps no other from it, nor its own figures for the next run.
func TestEvaluateAll(t *testing.T) {
	q := thresholds(t, "[[alert]]\ncolumn = \"n\"\nrises = 1\n[[alert]]\nname = \"high\"\ncolumn = \"m\"\nabove = 3\n")
	_, first, _ := q.Evaluate(answer(t, "county n:int m:int", "a|1|1"), nil)
	raised, second, wrong := q.Evaluate(answer(t, "county m:int", "a|9"), first)
	if len(raised) != 1 || raised[0] != (Raised{"high", "m above 3", "county a: 9"}) || len(wrong) != 1 {
		t.Errorf("%v, %v", raised, wrong)
	}
	raised, _, _ = q.Evaluate(answer(t, "county n:int m:int", "a|3|1"), second)
	if len(raised) != 1 || raised[0] != (Raised{"x", "n rises by more than 1", "county a: 3, was 1"}) {
		t.Errorf("%v", raised)
	}
}

// TestFoundFits: however many groups pass, and whatever they are called, what is found is one line that the
// ledger takes, and says how many are not named.
func TestFoundFits(t *testing.T) {
	for _, length := range []int{1, 40, 600} {
		for _, groups := range []int{1, 2, 1000} {
			rows := []string{"county n:int"}
			for i := range groups {
				rows = append(rows, fmt.Sprintf("%s%d|%d", strings.Repeat("溧", length), i, 5+i))
			}
			q := thresholds(t, "[[alert]]\ncolumn = \"n\"\nabove = 3\n")
			raised, _, _ := q.Evaluate(answer(t, rows...), nil)
			if len(raised) != 1 || engine.LineFault(raised[0].Found, MaxTextBytes) != "" || raised[0].Found == "" || !utf8.ValidString(raised[0].Found) {
				t.Fatalf("%d groups of %d: %v", groups, length, raised)
			}
			named := strings.Count(raised[0].Found, "county")
			if more := fmt.Sprintf("; and %d more", groups-named); groups > named && !strings.HasSuffix(raised[0].Found, more) || groups == 1 && strings.Contains(raised[0].Found, "more") {
				t.Errorf("%d groups: %s", groups, raised[0].Found)
			}
		}
	}
}

// TestExact: figures are compared as fractions, whatever their size.
func TestExact(t *testing.T) {
	a := Alert{Kind: Above, Limit: new(big.Rat).Sub(big.NewRat(1, 3), new(big.Rat).SetFrac(big.NewInt(1), new(big.Int).Exp(big.NewInt(10), big.NewInt(80), nil)))}
	third, err := rational("1/3")
	if err != nil || !slices.Equal(a.found([]figure{{value: third, text: "x"}}, nil), []string{"x"}) {
		t.Error("a third is not above what is a little less")
	}
	for _, bad := range []string{"", "NaN", "-Infinity", "1e401", "1e-401", "1ee1", "0x", "1/0"} {
		if v, err := rational(bad); err == nil {
			t.Errorf("%q is read as %s", bad, v)
		}
	}
}
