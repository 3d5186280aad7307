package engine

import (
	"errors"
	"slices"
	"testing"
	"unicode"
)

// TestSameName: names are folded as PostgreSQL folds them, A to Z alone, so that what a
// plan means does not follow from a compiler's tables of Unicode.
func TestSameName(t *testing.T) {
	for _, c := range []struct {
		a, b string
		same bool
	}{
		{"", "", true}, {"age", "AGE", true}, {"Straße", "STRAßE", true}, {"Ärzte", "ÄRZTE", true}, {"a\xff", "A\xff", true},
		{"k", "\u212a", false}, {"s", "\u017f", false}, {"å", "\u212b", false}, {"É", "é", false}, {"σ", "ς", false}, {"Σ", "σ", false},
		{"µ", "μ", false}, {"Ж", "ж", false}, {"Ǆ", "ǅ", false}, {"ß", "ẞ", false}, {"θ", "ϑ", false}, {"Ａ", "ａ", false}, {"ꭰ", "Ꭰ", false},
		{"a", "b", false}, {"a", "aa", false}, {"@", "`", false}, {"[", "{", false}, {"a\xff", "a\xfe", false},
	} {
		if SameName(c.a, c.b) != c.same || SameName(c.b, c.a) != c.same {
			t.Errorf("SameName(%+q, %+q) is not %v", c.a, c.b, c.same)
		}
		if c.same {
			continue
		}
		if i := lookup(c.a, []string{c.b}); i >= 0 {
			t.Errorf("%+q finds the column %+q", c.a, c.b)
		}
	}
	if i := lookup("AGE", []string{"Age", "\u212a"}); i != 0 {
		t.Errorf("found %d", i)
	}
}

// TestIsControl: the list is the one that all tables agree on, and stays when they change.
func TestIsControl(t *testing.T) {
	for r := rune(-1); r <= unicode.MaxRune; r++ {
		if want := unicode.Is(unicode.Cc, r) || r == 0x2028 || r == 0x2029; IsControl(r) != (want || r < 0) {
			t.Errorf("%U: %v", r, IsControl(r))
		}
	}
	for _, name := range []string{"a\x00", "a\x1f", "a\x7f", "\u0080", "\u009f", "a\u2028b", "a\u2029b"} {
		if nameProblem(name) == "" {
			t.Errorf("%+q is a name", name)
		}
	}
	names := []string{"é", "زمان\u200c", "a b", "\ue000", "\U0001fae9"}
	if slices.ContainsFunc(names, func(n string) bool { return nameProblem(n) != "" }) {
		t.Error("a column's name is refused")
	}
}

// TestBooleanLiterals: letters that only a table of Unicode folds spell no value.
func TestBooleanLiterals(t *testing.T) {
	for text, ok := range map[string]bool{"true": true, "TRUE": true, "f": true, "fal\u017fe": false, "T": true, "ｔ": false, "": false} {
		if _, err := readLiteral(Boolean, text); (err == nil) != ok {
			t.Errorf("%+q: %v", text, err)
		}
	}
	for _, text := range []string{"1e2", "1E2"} {
		if n, scale, err := parseNumber(text); err != nil || n.Int64() != 100 || scale != 0 {
			t.Errorf("%s: %v %d %v", text, n, scale, err)
		}
	}
}

// TestNearNames: a hint names what a typing error may have made of a name, and nothing
// far-fetched; beyond that, what else goes by the name.
func TestNearNames(t *testing.T) {
	known := []string{"age", "id", "sex", "wage", "ward", "region", "department", "age group", "occupation_code", "人口数_合计", "count", "sum"}
	for name, want := range map[string]string{
		"wgae": "wage", "wages": "wage", "WAGE": "wage", "wadr": "ward", "regoin": "region", "reigon": "region", "departmnet": "department",
		"age_group": "age group", "ocupation_cod": "occupation_code", "人口数合计": "人口数_合计", "sxe": "sex", "sun": "sum", "Departement": "department",
		"round": "", "income": "", "weight": "", "x": "", "ag": "", "ix": "", "sexes": "", "temperature": "", "dept": "", "人口": "", "": "",
		"occupation": "", "registration_number": "", "medians": "", "abcdefghijklmnop": "",
	} {
		if got := Nearest(name, known); got != want {
			t.Errorf("Nearest(%q) = %q, want %q", name, got, want)
		}
	}
	for sql, want := range map[string]string{
		"sum(bgi) FROM things":                        `did you mean "big"?`,
		"sum(zz) FROM things":                         `there are "k", "i", "big", "Dec", "mixed", "t", "flag", "day", "void", "人口数_合计"`,
		"sum(huge) FROM things":                       `table "Odd" has such a column, and is not named in FROM`,
		"median FROM things":                          `median is a function: write its arguments in parentheses`,
		`count(*) FROM things WHERE t = "湖南"`:         `if it is a value of "t", write it in single quotes: '湖南'`,
		"count(*) FROM huge":                          `it is a column of table "Odd": write FROM "Odd"`,
		"count(*) FROM tings":                         `did you mean "things"?`,
		"count(*) FROM people":                        `there are "Odd", "disagree", "missing", "things"`,
		"medain(k) FROM things":                       `did you mean "median"?`,
		"stddev_smap(k) FROM things":                  `did you mean "stddev_samp"?`,
		"average(k) FROM things":                      `did you mean "avg"?`,
		"flag(k) FROM things":                         `"flag" is a column: write it without parentheses`,
		"lower(t) FROM things":                        `add it to GROUP BY, or write an aggregate, such as count(*), sum(column) or avg(column)`,
		"count(*) FROM things WHERE things2.k = 1":    `did you mean "things"?`,
		"count(*) FROM things x GROUP BY x.falg":      `did you mean "flag"?`,
		"count(*) FILTER (WHERE sxe = 1) FROM things": `there are "k", "i", "big", "Dec", "mixed", "t", "flag", "day", "void", "人口数_合计"`,
	} {
		_, err := NewPlan("SELECT "+sql, fixtureCatalogue(), []string{"d0", "d1", "d2"}, testPackings[0])
		var e *Error
		if !errors.As(err, &e) || e.Hint != want {
			t.Errorf("%s: %v, want the hint %s", sql, err, want)
		}
	}
	_, err := NewPlan("SELECT count(*) FROM people", nil, []string{"d0"}, testPackings[0])
	var e *Error
	if !errors.As(err, &e) || e.Hint != "no department has registered a table" {
		t.Errorf("no table at all: %v", err)
	}
	for instead := range meant {
		if _, found := callable(instead); found {
			t.Errorf("%s is a function, and its hint is never given", instead)
		}
	}
}
