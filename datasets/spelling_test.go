package datasets

import (
	"fmt"
	"strings"
	"testing"

	"parley/engine"
)

// TestSpellings: codes that are one number are told of.
func TestSpellings(t *testing.T) {
	for values, want := range map[string]string{
		"4.1 4.2 4.10": `line 2 has "4.1", line 4 has "4.10"`,
		"1E5 10E4":     `line 2 has "1E5", line 3 has "10E4"`,
		"1e5 1E5":      `"1e5"`,
		"100000 1E5":   `"1E5"`,
		"+5 5":         `line 2 has "+5", line 3 has "5"`,
		"1.0 2 1":      `line 2 has "1.0", line 4 has "1"`,
		"0 -0":         `"-0"`,
		".5 0.5":       `".5"`,
		"5. 5":         `"5."`,
		"1.50 1.5":     `"1.50"`,
		"-1.0 -1":      `"-1.0"`,
		"12345678901234567890.10 12345678901234567890.1": `"12345678901234567890.1"`,
		"1 2 3 3 2 1":                   "",
		"1.10 1.20 1.10":                "",
		"1.1 11 110":                    "",
		"1E5 1E6":                       "",
		"2020-01-01 2020-01-01":         "",
		"9223372036854775807 +1 2 3":    "",
		"12345678901234567890.10 12345": "",
	} {
		notes := strings.Join(openText(t, column1(values)).Notes(), "\n")
		if want == "" && notes != "" || !strings.Contains(notes, want) || want != "" && !strings.Contains(notes, `column "x" has one number in two spellings`) {
			t.Errorf("%s: %q, want %q", values, notes, want)
		}
	}
	spaced := openText(t, "x,v\n 5 ,1\n5,1\n\"5\",1\n")
	if len(spaced.Notes()) > 0 {
		t.Errorf("spaces and quotation marks are no spelling: %q", spaced.Notes())
	}
	split := openText(t, "x,v\n4.1,1\n", "x,v\n4.10,1\n")
	if len(split.Notes()) != 1 || !strings.Contains(split.Notes()[0], `line 2 has "4.10" of b.csv`) && !strings.Contains(split.Notes()[0], "4.10") {
		t.Errorf("over two files: %q", split.Notes())
	}
}

// TestManyNumbersAreNoCodes: beyond a dictionary nothing is remembered.
func TestManyNumbersAreNoCodes(t *testing.T) {
	var b strings.Builder
	b.WriteString("x\n")
	for i := range engine.MaxDictionary + 1 {
		fmt.Fprintf(&b, "%d.1\n", i)
	}
	b.WriteString("5.10\n")
	if notes := openText(t, b.String()).Notes(); len(notes) > 0 {
		t.Errorf("%q", notes)
	}
}
