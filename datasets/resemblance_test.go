package datasets

import (
	"os"
	"strings"
	"testing"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/ipc"
	"github.com/apache/arrow/go/v17/arrow/memory"

	"parley/datasets/rehearsal"
	"parley/engine"
)

// lookalikes are columns that are text although a person reads dates or numbers,
// a question whose comparison of text misleads, and what is said of the column.
var lookalikes = map[string]struct{ values, where, note string }{
	"one date that is not ISO": {"2020-1-5 2020-12-05 2020-11-05 2020-10-05", "x >= '2020-02-01'", `looks like dates but is text: line 2 has "2020-1-5", which is not ISO`},
	"d/m/y":                    {"28/02/2008 01/03/2008", "x < '2009-01-01'", `looks like dates but is text: line 2 has "28/02/2008"`},
	"m/d/y once":               {"2020-01-01 2020-02-01 2020-03-01 5/2/2020", "x BETWEEN '2020-01-01' AND '2020-12-31'", `line 5 has "5/2/2020", which is not ISO`},
	"points":                   {"5.1.2020 6.1.2020", "x = '2020-01-05'", "looks like dates"},
	"slashes":                  {"2020/01/05 2020/01/06", "x > '2020-01-05'", "looks like dates"},
	"names of months":          {"5-Jan-2020 6-Feb-2020", "x > '2020-01-05'", "looks like dates"},
	"no such day":              {"2020-02-30 2020-02-01", "x > '2020-02-15'", `line 2 has "2020-02-30"`},
	"Chinese":                  {"2020年1月5日 2020年12月6日", "x >= '2020-02-01'", "looks like dates"},
	"a token among dates":      {"2020-01-05 unknown 2020-03-05", "x >= '2020-02-01'", `is text, not a date, because line 3 has "unknown"`},
	"instants":                 {"2020-01-05T9:00:00 2020-02-01T0:00:00", "x <= '2020-02-01'", "looks like dates with a time of day but is text"},
	"times":                    {"9:30 10:00", "x < '10:00'", "looks like times of day but is text"},
	"few dates in many words":  {"a b c d e f g 28/02/2008 h", "x > '2020-01-01'", "looks like dates"},
	"percentages":              {"5% 12.5% 100%", "x > '10'", `looks like percentages but is text: line 2 has "5%", which has a percent sign; write plain numbers`},
	"thousands":                {"1,234 900 12,000", "x >= '1000'", "thousands separators"},
	"points for thousands":     {"1.234,56 900,5", "x = '900.5'", "looks like numbers with"},
	"decimal commas":           {"3,14 12,7", "x > '5'", "decimal comma"},
	"dollars":                  {"$5 $12.50", "x < '10'", "looks like amounts of money but is text"},
	"euros":                    {"5€ 12€", "x IN ('5', '12')", "looks like amounts of money but is text"},
	"yuan":                     {"5元 12元", "x >= '5'", "looks like amounts of money but is text"},
	"a token among numbers":    {"1 2 ? 10", "x >= '2'", `is text, not a number, because line 4 has "?"`},
	"the order of a note":      {"9 10 n/a", "x <> '9.0'", `is text, not a number, because line 4 has "n/a"`},
}

func column1(values string) string {
	return "x,v\n\"" + strings.Join(strings.Fields(values), "\",1\n\"") + "\",1\n"
}

// TestLookalikes: a comparison that would compare bytes is refused, and the note
// names the value.
func TestLookalikes(t *testing.T) {
	if testing.Short() {
		t.Skip("takes a second")
	}
	for name, c := range lookalikes {
		t.Run(name, func(t *testing.T) {
			table := openText(t, column1(c.values))
			if notes := strings.Join(table.Notes(), "\n"); !strings.Contains(notes, c.note) {
				t.Errorf("notes %q, want %q", notes, c.note)
			}
			sql := "SELECT count(*) FROM t WHERE " + c.where
			if _, err := engine.NewPlan(sql, engine.Catalogue{table.Registration("d", 1)}, []string{"d"}, rehearsal.Packing); err == nil {
				t.Errorf("%s compares text", sql)
			}
		})
	}
}

// TestTextThatIsText: codes and words compare as ever, without a note.
func TestTextThatIsText(t *testing.T) {
	for name, c := range map[string]struct{ values, where string }{
		"codes with zeros":   {"007 010 100", "x >= '010' AND x <> '100'"},
		"postal codes":       {"02134 90210 10001", "x = '90210'"},
		"words":              {"a b c", "x > 'a'"},
		"versions":           {"1.2.3 1.10.0", "x = '1.2.3'"},
		"addresses":          {"10.0.0.1 10.0.0.2", "x = '10.0.0.1'"},
		"diagnoses":          {"I21 E11 J18", "x BETWEEN 'E00' AND 'E99'"},
		"school years":       {"2019-20 2020-21", "x >= '2020-21'"},
		"one date in twenty": {"a b c d e f g h i j k l m n o p q r s 2020-1-5", "x >= 'a'"},
	} {
		table := openText(t, column1(c.values))
		if table.columns[0].kind != engine.Text {
			t.Errorf("%s: %s", name, table)
		}
		sql := "SELECT count(*) FROM t WHERE " + c.where
		if _, err := engine.NewPlan(sql, engine.Catalogue{table.Registration("d", 1)}, []string{"d"}, rehearsal.Packing); err != nil {
			t.Errorf("%s: %v", sql, err)
		}
	}
}

// TestDeclaredText: text of a typed file is meant as text, unless its values are
// dates in another spelling.
func TestDeclaredText(t *testing.T) {
	for values, want := range map[string]engine.Kind{
		"1 2 10": engine.Null, "2020-01-05 2020-02-01": engine.Null, "007 8": engine.Null, "true 1": engine.Null,
		"5/2/2020 2020-02-01": engine.Date, "2020-01-05 unknown": engine.Date, "5% 10%": engine.Decimal, "1,234 5": engine.Decimal,
	} {
		b := array.NewStringBuilder(memory.DefaultAllocator)
		b.AppendValues(strings.Fields(values), nil)
		column := b.NewArray()
		schema := arrow.NewSchema([]arrow.Field{{Name: "x", Type: arrow.BinaryTypes.String}}, nil)
		path := t.TempDir() + "/x.arrow"
		f, err := os.Create(path)
		if err != nil {
			t.Fatal(err)
		}
		w, err := ipc.NewFileWriter(f, ipc.WithSchema(schema))
		if err != nil {
			t.Fatal(err)
		}
		if err := w.Write(array.NewRecord(schema, []arrow.Array{column}, int64(column.Len()))); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		table := open(t, Options{}, path)
		if got := table.Registration("d", 1).Columns[0].Resembles; got != want {
			t.Errorf("%s: resembles %s, want %s", values, got, want)
		}
		if (len(table.Notes()) > 0) != (want != engine.Null) {
			t.Errorf("%s: notes %q", values, table.Notes())
		}
	}
}

// TestDateCase asks the shared file whose answer was 4 where 3 is right.
func TestDateCase(t *testing.T) {
	const file = "../../shared/cases/d.csv"
	if _, err := os.Stat(file); err != nil {
		t.Skip("no ../shared/cases")
	}
	table := open(t, Options{}, file)
	_, err := engine.NewPlan("SELECT count(*) FROM t WHERE d >= '2020-02-01'", engine.Catalogue{table.Registration("d", 1)}, []string{"d"}, rehearsal.Packing)
	if err == nil || !strings.Contains(err.Error(), `column "d" is text whose values look like dates or times`) {
		t.Error(err)
	}
	if len(table.Notes()) != 1 || !strings.Contains(table.Notes()[0], `column "d" looks like dates but is text: line 2 has "2020-1-5", which is not ISO (YYYY-MM-DD)`) {
		t.Errorf("%q", table.Notes())
	}
}
