package datasets

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/apache/arrow/go/v17/arrow"
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

// TestTypedGuess: doubles and unsigned integers whose first batch is not as their rows together are read as without
// a guess, as are columns beside them that cannot be read.
func TestTypedGuess(t *testing.T) {
	types := map[string]arrow.DataType{"k": arrow.PrimitiveTypes.Int64, "x": arrow.PrimitiveTypes.Float64, "u": arrow.PrimitiveTypes.Uint64,
		"bad": arrow.PrimitiveTypes.Float64, "pair": arrow.StructOf(arrow.Field{Name: "a", Type: arrow.PrimitiveTypes.Int32})}
	order := []string{"k", "x", "u", "bad", "pair"}
	for name, c := range map[string]struct{ first, middle, then, want string }{
		"as it began": {`"x":1.5,"u":1`, `"x":2.5`, `"u":7`, "k integer, x decimal(1), u integer, bad decimal(0)"},
		"more places": {`"x":1.5,"u":1`, `"x":2.5`, `"x":0.125`, "k integer, x decimal(3), u integer, bad decimal(0)"},
		"longer":      {`"x":1.5,"u":1`, `"x":123456789012.5`, `"x":0.000001`, "k integer, x decimal(6), u integer, bad decimal(0)"},
		"many digits": {`"x":0.1234567890123456,"u":1`, `"x":2.5`, `"x":1`, "k integer, x decimal(16), u integer, bad decimal(0)"},
		"large":       {`"u":1`, `"u":2`, `"u":18446744073709551615`, "k integer, x null, u decimal(0), bad decimal(0)"},
		"nothing":     {`"k":1`, `"k":2`, `"x":1`, "k integer, x decimal(0), u null, bad decimal(0)"},
		"a bad value": {`"x":1.5`, `"x":1.5,"bad":1e-40`, `"x":1.5`, "k integer, x decimal(1), u null"},
		"a bad first": {`"x":1.5,"bad":1e-40`, `"x":1.5`, `"x":1.5`, "k integer, x decimal(1), u null"},
		"bad at last": {`"x":1.5`, `"x":1.5`, `"x":1.5,"bad":1e-40`, "k integer, x decimal(1), u null"},
	} {
		var json strings.Builder
		for i := range 20_001 {
			json.WriteString([]string{",", "["}[b2i(i == 0)])
			fields := []string{c.first, c.middle, c.then}[i/10_000]
			if !strings.Contains(fields, `"k"`) {
				fields += fmt.Sprintf(`,"k":%d`, i%10)
			}
			if i%10 == 1 && !strings.Contains(fields, `"bad"`) {
				fields += fmt.Sprintf(`,"bad":%d`, i)
			}
			fmt.Fprintf(&json, "{%s}", fields)
		}
		rows := record(t, types, order, json.String()+"]")
		for format, encode := range encodings {
			b, err := encode(rows)
			if err != nil {
				t.Fatal(err)
			}
			path := write(t, format, string(b))
			one, two := open(t, Options{}, path), open(t, Options{unguessed: true}, path)
			if want := "t (20001 rows: " + c.want + ")"; one.String() != want || two.String() != want || one.digest != two.digest || dumpTable(one) != dumpTable(two) ||
				strings.Join(one.Notes(), "") != strings.Join(two.Notes(), "") || (one.lying == nil) != (two.lying == nil) {
				t.Errorf("%s, %s: %s, without a guess %s", name, format, one, two)
			}
			if described, err := Describe(context.Background(), "t", []string{path}, Options{}); err != nil || described.digest != one.digest {
				t.Errorf("%s, %s: described otherwise, %v", name, format, err)
			}
		}
	}
}
