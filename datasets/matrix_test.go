package datasets

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/apache/arrow/go/v17/arrow"

	"parley/datasets/published"
)

// matrixFormats write the same two rows in each format of files; place is how a fault of row 2 is told.
var matrixFormats = map[string]struct {
	write func(t *testing.T) string
	place func(column string) string
}{
	"CSV": {func(t *testing.T) string {
		return write(t, "t.csv", "id,sex,x,born,remark\n12,1,2.5,31/1/2020,a\n13,2,-1,1/2/2021,0.12345678901234567890123456789012345678901\n")
	}, func(column string) string {
		return fmt.Sprintf("t.csv:3:%d: column %q: ", map[string]int{"id": 1, "sex": 4, "x": 6, "born": 9}[column], column)
	}},
	"Excel": {func(t *testing.T) string {
		return book(t, [][]any{{"id", "sex", "x", "born", "remark"}, {12, 1, 2.5, "31/1/2020", "a"}, {13, 2, -1, "1/2/2021", "0.12345678901234567890123456789012345678901"}}, nil)
	}, func(column string) string {
		return fmt.Sprintf("b.xlsx:%c3: column %q: ", 'A'+slices.Index([]string{"id", "sex", "x", "born", "remark"}, column), column)
	}},
	"Parquet": {func(t *testing.T) string { return writeMatrix(t, "plain.parquet") }, func(column string) string { return fmt.Sprintf("plain.parquet: row 2: column %q: ", column) }},
	"Arrow":   {func(t *testing.T) string { return writeMatrix(t, "file.arrow") }, func(column string) string { return fmt.Sprintf("file.arrow: row 2: column %q: ", column) }},
}

// writeMatrix writes the rows with a type for each column.
func writeMatrix(t *testing.T, name string) string {
	t.Helper()
	b, err := encodings[name](record(t, map[string]arrow.DataType{"id": arrow.PrimitiveTypes.Int32, "sex": arrow.PrimitiveTypes.Int8, "x": arrow.PrimitiveTypes.Float64,
		"born": arrow.BinaryTypes.String, "remark": arrow.BinaryTypes.String}, []string{"id", "sex", "x", "born", "remark"},
		`[{"id":12,"sex":1,"x":2.5,"born":"31/1/2020","remark":"a"},{"id":13,"sex":2,"x":-1,"born":"1/2/2021","remark":"b"}]`))
	if err != nil {
		t.Fatal(err)
	}
	return write(t, name, string(b))
}

// TestMatrix: what can be declared of columns, in each format of files: the rows of the table of section 12 that cite
// this test. want is what is registered of column at, or after "!" the refusal.
func TestMatrix(t *testing.T) {
	for feature, c := range map[string]struct {
		at   int
		d    Declaration
		want string
	}{
		"rename":                     {0, Declaration{Name: "id", As: "person"}, "person integer 12..13 12 13"},
		"declared type":              {0, Declaration{Name: "id", Type: "text"}, "id text 12 13"},
		"declared type, refused":     {3, Declaration{Name: "born", Type: "date"}, `!"31/1/2020" is not a date`},
		"declared scale":             {2, Declaration{Name: "x", Type: "decimal", Scale: places(3)}, "x decimal(3) -1..2.5 -1 2.5"},
		"declared format":            {3, Declaration{Name: "born", Type: "date", Format: "d/m/y"}, "born date 2020-01-31..2021-02-01 2020-01-31 2021-02-01"},
		"declared local times":       {3, Declaration{Name: "born", Type: "timestamptz", Format: "d/m/y", Zone: "Asia/Shanghai"}, "born timestamptz 2020-01-30 16:00:00+00..2021-01-31 16:00:00+00 2020-01-30 16:00:00+00 2021-01-31 16:00:00+00"},
		"declared booleans":          {1, Declaration{Name: "sex", Type: "boolean", True: []string{"1"}, False: []string{"2"}}, "sex boolean false true"},
		"NULL tokens of a column":    {2, Declaration{Name: "x", Null: []string{"-1"}}, "x decimal(1) nullable 2.5..2.5 2.5"},
		"bounds":                     {2, Declaration{Name: "x", Min: "-5", Max: "5"}, "x decimal(1) -5..5 -1 2.5"},
		"bounds, refused":            {2, Declaration{Name: "x", Min: "0", Max: "9"}, `!"-1" is below the declared min 0`},
		"codes":                      {1, Declaration{Name: "sex", Codes: []Code{{"9", ""}, {"1", "male"}, {"2", "female"}}}, "sex integer 1..9 1=male 2=female 9="},
		"codes, refused":             {1, Declaration{Name: "sex", Codes: []Code{{"1", "male"}}}, `!"2" is none of the declared codes`},
		"unit":                       {2, Declaration{Name: "x", Terms: published.Terms{Unit: "kg"}}, "x decimal(1) in kg -1..2.5 -1 2.5"},
		"a column that is not there": {2, Declaration{Name: "xx"}, `!is declared and not there`},
	} {
		for format, f := range matrixFormats {
			t.Run(feature+"/"+format, func(t *testing.T) {
				path, o := f.write(t), Options{Declared: []Declaration{c.d}}
				refused, ok := strings.CutPrefix(c.want, "!")
				if !ok {
					table := open(t, o, path)
					column := table.Registration("d", 1).Columns[c.at]
					if got := shownColumn(column); got != c.want {
						t.Errorf("%s\nwant %s", got, c.want)
					}
					var want []string // what is aggregated is what was declared
					for _, row := range strings.Split(dumpTable(table), "\n") {
						want = append(want, strings.ReplaceAll(strings.Split(row, "|")[c.at], "∅", "NULL")+"|1")
					}
					got := exact(ask(t, fmt.Sprintf("SELECT %q, count(*) FROM t GROUP BY 1", column.Name), map[string]*Table{"d": table}))
					slices.Sort(got)
					slices.Sort(want)
					if !slices.Equal(got, want) {
						t.Errorf("%q\nwant %q", got, want)
					}
					return
				}
				e := refusal(t, o, path).Error()
				if place := f.place(c.d.Name); !strings.Contains(e, refused) || c.d.Name != "xx" && c.d.Name != "born" && !strings.Contains(e, place) {
					t.Errorf("%s\nwant %s%s", e, place, refused)
				}
			})
		}
	}
}
