package engine

import (
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
