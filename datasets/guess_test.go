package datasets

import (
	"context"
	"fmt"
	"strings"
	"testing"
)

// TestGuess: a column whose first batch is of another type than its rows together is read as if it had been looked
// at before; and one that is not, too.
func TestGuess(t *testing.T) {
	const rows = 9000 // more than a batch
	for name, c := range map[string]struct{ first, middle, then, want string }{
		"as it began":   {"1", "1", "2", "t (18001 rows: k integer, x integer)"},
		"places":        {"1.5", "1.5", "2.25", "t (18001 rows: k integer, x decimal(2))"},
		"a decimal":     {"1", "1", "2.5", "t (18001 rows: k integer, x decimal(1))"},
		"text":          {"1", "1", "n/a", "t (18001 rows: k integer, x text)"},
		"another text":  {"a", "a", "1", "t (18001 rows: k integer, x text)"},
		"nothing first": {"", "", "7", "t (18001 rows: k integer, x integer)"},
		"nothing then":  {"7", "7", "", "t (18001 rows: k integer, x integer)"},
		"a wide number": {"1", "1", "123456789012345678901234567890", "t (18001 rows: k integer, x decimal(0))"},
		"a date":        {"2020-01-01", "2020-01-01", "2020-02-30", "t (18001 rows: k integer, x text)"},
		"a boolean":     {"true", "true", "maybe", "t (18001 rows: k integer, x text)"},
		"a point":       {"1", "1", "2.", "t (18001 rows: k integer, x decimal(0))"},
		"an exponent":   {"1", "7", "1e2", "t (18001 rows: k integer, x decimal(0))"},
		"longer, whole": {"1", "1234567890", "1.123456789", "t (18001 rows: k integer, x decimal(9))"},
		"longer, below": {"1.5", "-1234567890.5", "1.123456789", "t (18001 rows: k integer, x decimal(9))"},
		"longer, wide":  {"1234567890123456789012", "-1234567890123456789012345", "1.1234567890123", "t (18001 rows: k integer, x decimal(13))"},
		"late nothing":  {"true", "", "false", "t (18001 rows: k integer, x boolean)"},
		"late text":     {"2020-01-01", "2021-01-01", "2021-02-29", "t (18001 rows: k integer, x text)"},
		"a clock":       {"10:00", "11:00", "24:00", "t (18001 rows: k integer, x text)"},
		"too long":      {"1", "1", strings.Repeat("9", 40), "t (18001 rows: k integer)"},
	} {
		var text, head strings.Builder
		head.WriteString("k,x\n")
		for i := range rows {
			fmt.Fprintf(&text, "%d,%s\n", i%10, c.first)
		}
		for i := range rows {
			fmt.Fprintf(&text, "%d,%s\n", i%10, c.middle)
		}
		last := "11," + c.then + "\n"
		one := openText(t, head.String()+text.String()+last)
		two := open(t, Options{unguessed: true}, write(t, "t.csv", head.String()+text.String()+last))
		if one.String() != c.want || one.digest != two.digest || one.String() != two.String() || strings.Join(one.Notes(), "") == "" && strings.Join(two.Notes(), "") != "" || dumpTable(one) != dumpTable(two) {
			t.Errorf("%s: %s, after a look %s", name, one, two)
		}
		folder := t.TempDir()
		spilled := open(t, Options{Spill: folder}, write(t, "t.csv", head.String()+text.String()+last))
		if left := filesIn(t, folder); len(left) != 1 {
			t.Errorf("%s: %d folders", name, len(left))
		}
		if err := spilled.Close(); err != nil || len(filesIn(t, folder)) != 0 {
			t.Errorf("%s: %v", name, err)
		}
		if described, err := Describe(context.Background(), "t", []string{write(t, "t.csv", head.String()+text.String()+last)}, Options{}); err != nil || described.digest != one.digest {
			t.Errorf("%s: described otherwise, %v", name, err)
		}
	}
	folder := t.TempDir() // a file that is refused at its end leaves nothing behind
	if _, err := Open(context.Background(), "t", []string{write(t, "t.csv", "k,x\n"+strings.Repeat("1,2\n", rows)+"3\n")}, Options{Spill: folder}); err == nil || len(filesIn(t, folder)) != 0 {
		t.Error(err, filesIn(t, folder))
	}
}
