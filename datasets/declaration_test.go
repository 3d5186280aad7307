package datasets

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/apache/arrow/go/v17/arrow"

	"parley/datasets/files"
	"parley/datasets/published"
	"parley/engine"
)

func places(n int) *int { return &n }

// shownColumn is what is registered of a column, in one line.
func shownColumn(c engine.Column) string {
	text := fmt.Sprintf("%s %s", c.Name, c.Kind)
	if c.Kind == engine.Decimal {
		text += fmt.Sprintf("(%d)", c.Scale)
	}
	if c.Unit != "" {
		text += " in " + c.Unit
	}
	if c.Nullable {
		text += " nullable"
	}
	if c.Min != nil {
		text += fmt.Sprintf(" %s..%s", engine.Datum{Kind: c.Kind, Number: c.Min, Scale: c.Scale}, engine.Datum{Kind: c.Kind, Number: c.Max, Scale: c.Scale})
	}
	for i, v := range c.Dictionary {
		text += " " + v
		if c.Labels != nil {
			text += "=" + c.Labels[i]
		}
	}
	return text
}

// TestDeclared: what a declaration makes of the values of a column c, or why it refuses them, with the
// place. README, section 11.
func TestDeclared(t *testing.T) {
	for name, c := range map[string]struct {
		values string
		d      Declaration
		want   string // registered, then the values; or the refusal
	}{
		"rename":                   {"1\n2", Declaration{As: "n"}, "n integer 1..2 1 2: 1 2"},
		"codes that are text":      {"007\n8", Declaration{Type: "text"}, "c text 007 8: 007 8"},
		"numbers that are text":    {"1.0\n1", Declaration{Type: "text"}, "c text 1 1.0: 1.0 1"},
		"padded integers":          {"007\n-08\n+9", Declaration{Type: "integer"}, "c integer -8..9 -8 7 9: 7 -8 9"},
		"whole numbers":            {"1.0\n2e3", Declaration{Type: "integer"}, "c integer 1..2000 1 2000: 1 2000"},
		"no integer":               {"1\n1.5", Declaration{Type: "integer"}, `t.csv:3:1: column "c": "1.5" is not an integer`},
		"a wide integer":           {"9223372036854775808", Declaration{Type: "integer"}, `"9223372036854775808" is not an integer`},
		"text for an integer":      {"1\nNA", Declaration{Type: "integer"}, `t.csv:3:1: column "c": "NA" is not an integer (null`},
		"its own NULL":             {"1\n NA\n-9", Declaration{Null: []string{"NA", "-9"}}, "c integer nullable 1..1 1: 1 ∅ ∅"},
		"quoted NULL":              {"1\n\"NA\"", Declaration{Null: []string{"NA"}}, "c integer nullable 1..1 1: 1 ∅"},
		"decimal":                  {"1\n2.50", Declaration{Type: "decimal"}, "c decimal(2) 1..2.5 1 2.5: 1 2.5"},
		"padded decimal":           {"00.5\n-01.25", Declaration{Type: "decimal"}, "c decimal(2) -1.25..0.5 -1.25 0.5: 0.5 -1.25"},
		"scale":                    {"1\n2.50", Declaration{Type: "decimal", Scale: places(4)}, "c decimal(4) 1..2.5 1 2.5: 1 2.5"},
		"scale of whole numbers":   {"1.00\n2", Declaration{Type: "decimal", Scale: places(0)}, "c decimal(0) 1..2 1 2: 1 2"},
		"too small a scale":        {"1\n2.55", Declaration{Type: "decimal", Scale: places(1)}, `t.csv:3:1: column "c": "2.55" does not fit a decimal of 1 place`},
		"too many digits":          {"12345678901234567890123456789012345678.9", Declaration{Type: "decimal"}, "a number with more than 38 digits"},
		"too many for the scale":   {"12345678901234567890123456789012345678", Declaration{Type: "decimal", Scale: places(1)}, "does not fit a decimal of 1 place"},
		"booleans of PostgreSQL":   {"1\nno\n T ", Declaration{Type: "boolean"}, "c boolean false true: true false true"},
		"other booleans":           {"ja\nnein", Declaration{Type: "boolean", True: []string{"ja"}, False: []string{"nein"}}, "c boolean false true: true false"},
		"booleans in characters":   {"是\n否", Declaration{Type: "boolean", True: []string{"是"}, False: []string{"否"}}, "c boolean false true: true false"},
		"only the declared ones":   {"ja\ntrue", Declaration{Type: "boolean", True: []string{"ja"}, False: []string{"nein"}}, `"true" is not a boolean`},
		"date":                     {"2020-01-31", Declaration{Type: "date"}, "c date 2020-01-31..2020-01-31 2020-01-31: 2020-01-31"},
		"no date":                  {"2020-01-31\n2020-02-30", Declaration{Type: "date"}, `t.csv:3:1: column "c": "2020-02-30" is not a date`},
		"format":                   {"31/1/2020\n01/02/2020", Declaration{Type: "date", Format: "d/m/y"}, "c date 2020-01-31..2020-02-01 2020-01-31 2020-02-01: 2020-01-31 2020-02-01"},
		"format in characters":     {"2020年1月5日", Declaration{Type: "date", Format: "y年m月d日"}, "c date 2020-01-05..2020-01-05 2020-01-05: 2020-01-05"},
		"another format":           {"1/31/2020", Declaration{Type: "date", Format: "d/m/y"}, `"1/31/2020" is not a date in the format "d/m/y"`},
		"timestamp":                {"2020-01-31 10:00:00.5\n2020-02-01", Declaration{Type: "timestamp"}, "c timestamp 2020-01-31 10:00:00.5..2020-02-01 00:00:00 2020-01-31 10:00:00.5 2020-02-01 00:00:00: 2020-01-31 10:00:00.5 2020-02-01 00:00:00"},
		"timestamp in a format":    {"31.1.2020 9:05", Declaration{Type: "timestamp", Format: "d.m.y H:MM"}, "2020-01-31 09:05:00: 2020-01-31 09:05:00"},
		"timestamp with a zone":    {"2020-01-31T10:00:00+02:00", Declaration{Type: "timestamptz"}, "2020-01-31 08:00:00+00: 2020-01-31 08:00:00+00"},
		"zone where none is":       {"2020-01-31 10:00:00Z", Declaration{Type: "timestamp"}, `t.csv:2:1: column "c": "2020-01-31 10:00:00Z" has a time zone (declare type = "timestamptz")`},
		"local time of no zone":    {"2020-01-31 10:00:00", Declaration{Type: "timestamptz"}, `"2020-01-31 10:00:00" has no time zone (zone = `},
		"local times":              {"2020-01-31 10:00:00\n2020-07-01 10:00:00\n2020-07-01T10:00:00Z", Declaration{Type: "timestamptz", Zone: "Europe/Berlin"}, ": 2020-01-31 09:00:00+00 2020-07-01 08:00:00+00 2020-07-01 10:00:00+00"},
		"a local time twice":       {"2020-01-31 10:00:00\n2020-10-25 02:30:00", Declaration{Type: "timestamptz", Zone: "Europe/Berlin"}, `t.csv:3:1: column "c": the local time "2020-10-25 02:30:00" comes twice in Europe/Berlin`},
		"a local time that is not": {"29/3/2020 2:30", Declaration{Type: "timestamptz", Zone: "Europe/Berlin", Format: "d/m/y H:MM"}, `the local time "29/3/2020 2:30" is skipped in Europe/Berlin`},
		"time of day":              {"9:05 pm", Declaration{Type: "time", Format: "h:MM am"}, ": 21:05:00"},
		"no time of day":           {"24:00", Declaration{Type: "time"}, `"24:00" is not a time`},
		"bounds of timestamps":     {"2020-01-31 10:00:00", Declaration{Type: "timestamp", Min: "2020-01-01 00:00:00", Max: "2020-01-31 09:59:59"}, `is above the declared max 2020-01-31 09:59:59`},
		"timestamps of numbers":    {"20200131093000", Declaration{Type: "timestamp", Format: "yyyymmddHHMMSS"}, ": 2020-01-31 09:30:00"},
		"unit":                     {"1", Declaration{Terms: published.Terms{Unit: "mg/dl"}}, "c integer in mg/dl 1..1 1: 1"},
		"bounds":                   {"5\n7", Declaration{Min: "0", Max: "120"}, "c integer 0..120 5 7: 5 7"},
		"one bound":                {"5\n7", Declaration{Max: "120"}, "c integer 5..120 5 7: 5 7"},
		"bounds of places":         {"5\n7", Declaration{Type: "decimal", Min: "0.25"}, "c decimal(2) 0.25..7 5 7: 5 7"},
		"bounds of dates":          {"2020-01-31", Declaration{Min: "2020-01-01", Max: "2020-12-31"}, "c date 2020-01-01..2020-12-31 2020-01-31: 2020-01-31"},
		"above":                    {"5\n\n121", Declaration{Max: "120"}, `t.csv:4:1: column "c": "121" is above the declared max 120 (nothing is clamped`},
		"below":                    {"5\n-1", Declaration{Min: "0"}, `t.csv:3:1: column "c": "-1" is below the declared min 0`},
		"a day too late":           {"2021-01-01", Declaration{Max: "2020-12-31"}, `"2021-01-01" is above the declared max 2020-12-31`},
		"no bounds without values": {"NA", Declaration{Type: "integer", Null: []string{"NA"}, Min: "0", Terms: published.Terms{Unit: "m"}}, "c null in m nullable: ∅"},
		"bounds of text":           {"x", Declaration{Min: "1"}, `column "c": min is of numbers and dates, and the column is text`},
		"bounds that do not fit":   {"1", Declaration{Min: "0.5"}, `column "c": min: "0.5" is not an integer`},
		"codes":                    {"2\n2", Declaration{Codes: []Code{{"10", ""}, {"2", "female"}, {"1", "male"}}}, "c integer 1..10 1=male 2=female 10=: 2 2"},
		"codes of text":            {"f", Declaration{Codes: []Code{{"m", "male"}, {"f", ""}}}, "c text f= m=male: f"},
		"codes with zeros":         {"01", Declaration{Type: "text", Codes: []Code{{"01", "north"}, {"02", "south"}}}, "c text 01=north 02=south: 01"},
		"codes within bounds":      {"2", Declaration{Codes: []Code{{"2", "b"}, {"1", "a"}}, Min: "0", Max: "9"}, "c integer 0..9 1=a 2=b: 2"},
		"outside of the codes":     {"1\n3", Declaration{Codes: []Code{{"1", "male"}, {"2", "female"}}}, `t.csv:3:1: column "c": "3" is none of the declared codes (they are "1", "2")`},
		"codes of another type":    {"1", Declaration{Codes: []Code{{"x", ""}}}, `column "c": codes: "x" is not an integer`},
		"codes do not resemble":    {"1/2", Declaration{Codes: []Code{{"1/2", "half"}}}, "c text 1/2=half: 1/2"},
	} {
		t.Run(name, func(t *testing.T) {
			if c.d.Name = "c"; (c.d.Min == "") != (c.d.Max == "") {
				c.d.Bounds = published.Measured
			}
			path, o := write(t, "t.csv", "c\n"+c.values+"\n"), Options{Declared: []Declaration{c.d}}
			if _, err := Describe(t.Context(), "t", []string{path}, o); err != nil {
				if e := refusal(t, o, path); !strings.Contains(e.Error(), c.want) {
					t.Errorf("%v\nwant %s", e, c.want)
				}
				return
			}
			table := open(t, o, path)
			r := table.Registration("d", 1)
			if err := r.Validate(); err != nil {
				t.Error(err)
			}
			got := shownColumn(r.Columns[0]) + ": " + strings.ReplaceAll(dumpTable(table), "\n", " ")
			if !strings.HasSuffix(got, c.want) {
				t.Errorf("%s\nwant %s", got, c.want)
			}
		})
	}
}

// TestDeclarationsAreChecked: what a declaration contradicts itself in, and at which key.
func TestDeclarationsAreChecked(t *testing.T) {
	many := make([]Code, engine.MaxDictionary+1)
	tokens := make([]string, maxTokens+1)
	for i := range tokens {
		tokens[i] = fmt.Sprint("x", i)
	}
	for want, d := range map[string]Declaration{
		"name: it is empty":                      {},
		"as: has a control":                      {Name: "c", As: "a\nb"},
		`type: "int" is not known`:               {Name: "c", Type: "int"},
		`type: did you mean "decimal"`:           {Name: "c", Type: "decimel"},
		"type: the types are":                    {Name: "c", Type: "null"},
		"scale: of a decimal":                    {Name: "c", Scale: places(1), Type: "integer"},
		"scale: 0 to":                            {Name: "c", Scale: places(files.MaxScale + 1), Type: "decimal"},
		"format: of dates":                       {Name: "c", Format: "d/m/y"},
		"format: letter":                         {Name: "c", Type: "date", Format: "q"},
		"format: spells no date":                 {Name: "c", Type: "date", Format: "H:M"},
		"true: of a boolean":                     {Name: "c", True: []string{"1"}},
		"true: together":                         {Name: "c", Type: "boolean", True: []string{"1"}},
		"false: together":                        {Name: "c", Type: "boolean", False: []string{"1"}},
		"false: two meanings":                    {Name: "c", Type: "boolean", True: []string{"1"}, False: []string{"1"}},
		"true: two meanings":                     {Name: "c", Type: "boolean", Null: []string{"1"}, True: []string{"1"}, False: []string{"0"}},
		"null: stands there twice":               {Name: "c", Null: []string{"1", "1"}},
		"null: is empty":                         {Name: "c", Null: []string{""}},
		"null: spaces around":                    {Name: "c", Null: []string{" NA"}},
		"null: the limit is 256":                 {Name: "c", Null: tokens},
		"unit: longer than 64":                   {Name: "c", Terms: published.Terms{Unit: strings.Repeat("x", engine.MaxUnitBytes+1)}},
		"unit: control character":                {Name: "c", Terms: published.Terms{Unit: "a\x1b"}},
		"unit: UTF-8":                            {Name: "c", Terms: published.Terms{Unit: "\xff"}},
		"min: is not an integer":                 {Name: "c", Type: "integer", Min: "1.5"},
		`min: "x" is not a decimal`:              {Name: "c", Type: "decimal", Min: "x"},
		`max: is not a decimal of 1 place`:       {Name: "c", Type: "decimal", Scale: places(1), Max: "1.55"},
		"max: it is written as 2020-01-31":       {Name: "c", Type: "date", Max: "31/1/2020"},
		"min: is above max":                      {Name: "c", Type: "integer", Min: "2", Max: "1"},
		"min: of numbers and dates":              {Name: "c", Type: "boolean", Min: "1"},
		"codes: the limit is 4096":               {Name: "c", Codes: many},
		"codes: longer than 256":                 {Name: "c", Codes: []Code{{"1", strings.Repeat("x", engine.MaxLabelBytes+1)}}},
		"codes: longer than 1024":                {Name: "c", Codes: []Code{{strings.Repeat("x", engine.MaxDictionaryText+1), ""}}},
		"codes: stands there twice":              {Name: "c", Codes: []Code{{"1", ""}, {"01", ""}}, Type: "integer"},
		"codes: beyond min or max":               {Name: "c", Codes: []Code{{"1", ""}}, Min: "2", Type: "integer"},
		`codes: "yes" is not a boolean`:          {Name: "c", Codes: []Code{{"yes", ""}}, Type: "boolean"},
		"scale: write type = \"decimal\" beside": {Name: "c", Scale: places(1)},
	} {
		fault := d.Check()
		key, says, _ := strings.Cut(want, ": ")
		if fault == nil || fault.Key != key || !strings.Contains(fault.Message+fault.Hint, says) {
			t.Errorf("%+v: %+v, want %s", d, fault, want)
		}
	}
}

// TestDeclaredColumnsAreFound: declarations of a table find their columns, and their names are told apart.
func TestDeclaredColumnsAreFound(t *testing.T) {
	path := write(t, "t.csv", "age,chol\n1,2\n")
	for want, o := range map[string]Options{
		`column "chl": is declared and not there (the nearest of its columns is "chol")`:            {Declared: []Declaration{{Name: "chl"}}},
		`column "weight": is declared and not there (its columns are "age", "chol")`:                {Declared: []Declaration{{Name: "weight"}}},
		`column "age": is declared and not read`:                                                    {Declared: []Declaration{{Name: "age"}}, Columns: []string{"chol"}},
		`column "age": is declared twice`:                                                           {Declared: []Declaration{{Name: "age"}, {Name: "age"}}},
		`column "chol": is called "age" in the table, as column "age" is`:                           {Declared: []Declaration{{Name: "chol", As: "age"}}},
		`column "age": type = "years" is not known`:                                                 {Declared: []Declaration{{Name: "age", Type: "years"}}},
		`column "age": is declared and not there (its columns are "c1", "c2")`:                      {Declared: []Declaration{{Name: "age"}}, Header: files.HeaderNo},
		`t.csv:2:3: column "chol": "2" is above the declared max 1`:                                 {Declared: []Declaration{{Name: "chol", As: "cholesterol", Min: "0", Max: "1"}}},
		`t.csv:2:1: column "age": "1" is none of the declared codes (they are "2", "3", "4", "5", `: {Declared: []Declaration{{Name: "age", Codes: codes(2, 20)}}},
	} {
		if e := refusal(t, o, path); !strings.Contains(e.Error(), want) {
			t.Errorf("%v\nwant %s", e, want)
		}
	}
	table := open(t, Options{Declared: []Declaration{{Name: "age", As: "chol"}, {Name: "chol", As: "age"}}}, path)
	if got := table.String(); got != "t (1 rows: chol integer, age integer)" {
		t.Error(got)
	}
	// Where the first line alone would not tell, a declared name shows that it is a header.
	if got := open(t, Options{Declared: []Declaration{{Name: "2019", As: "year"}}}, write(t, "t.csv", "2019,2020\n1,2\n")).String(); got != "t (1 rows: year integer, 2020 integer)" {
		t.Error(got)
	}
}

func codes(from, to int) (all []Code) {
	for i := from; i <= to; i++ {
		all = append(all, Code{Value: fmt.Sprint(i)})
	}
	return all
}

// TestDeclaredInEveryFormat: declared columns are registered alike, digest included, whatever format and
// types the files have: where types are inferred, where they are the file's own, and over two files.
func TestDeclaredInEveryFormat(t *testing.T) {
	o := Options{Declared: []Declaration{
		{Name: "id", Type: "text", As: "person"}, {Name: "sex", Codes: []Code{{"1", "male"}, {"2", "female"}, {"9", ""}}},
		{Name: "income", Type: "decimal", Scale: places(3), Terms: published.Terms{Unit: "EUR"}, Null: []string{"-1"}, Min: "0", Max: "1000"},
		{Name: "member", Type: "boolean", True: []string{"1"}, False: []string{"0"}}, {Name: "born", Type: "date", Format: "yyyymmdd"},
		{Name: "visits", Type: "integer"}, {Name: "score", Type: "decimal"},
	}}
	order := []string{"id", "sex", "income", "member", "born", "visits", "score"}
	types := map[string]arrow.DataType{"id": arrow.PrimitiveTypes.Int32, "sex": arrow.PrimitiveTypes.Int8, "income": arrow.PrimitiveTypes.Float64,
		"member": arrow.PrimitiveTypes.Uint8, "born": arrow.PrimitiveTypes.Int64, "visits": &arrow.Decimal128Type{Precision: 12, Scale: 2}, "score": arrow.BinaryTypes.String}
	const json = `[{"id":12,"sex":2,"income":-1,"member":1,"born":20200131,"visits":"3.00","score":"1.50"},
		{"id":13,"sex":1,"income":12.5,"member":0,"born":19991231,"visits":null,"score":"-2"}]`
	want := open(t, o, write(t, "t.csv", strings.Join(order, ",")+"\n12,2,-1,1,20200131,3,1.50\n13,1,12.5,0,19991231,,-2\n"))
	texts := []string{"person text 12 13", "sex integer 1..9 1=male 2=female 9=", "income decimal(3) in EUR nullable 0..1000 12.5", "member boolean false true",
		"born date 1999-12-31..2020-01-31 1999-12-31 2020-01-31", "visits integer nullable 3..3 3", "score decimal(2) -2..1.5 -2 1.5"}
	for i, c := range want.Registration("d", 1).Columns {
		if shownColumn(c) != texts[i] {
			t.Errorf("%s\nwant %s", shownColumn(c), texts[i])
		}
	}
	same := func(name string, got *Table) {
		t.Helper()
		if a, b := got.Registration("d", 1), want.Registration("d", 1); !bytes.Equal(engine.Marshal(a), engine.Marshal(b)) {
			t.Errorf("%s:\n%+v\nwant\n%+v\n%s", name, a, b, dumpTable(got))
		}
	}
	for name, encode := range encodings {
		b, err := encode(record(t, types, order, json))
		if err != nil {
			t.Fatal(err)
		}
		same(name, open(t, o, write(t, name, string(b))))
	}
	same("two files", open(t, o, write(t, "t.csv", strings.Join(order, ",")+"\n12,2,-1,1,20200131,3.0,1.50\n"),
		write(t, "t.csv", "visits,id,sex,member,income,born,score\n,13,1,0,12.5,19991231,-02.0\n")))
	wantRows(t, ask(t, "SELECT sex, count(*), sum(income) FROM t GROUP BY sex ORDER BY sex", map[string]*Table{"d": want}), "1|1|12.5", "2|1|NULL")
	if slices.ContainsFunc(want.Notes(), func(note string) bool { return strings.Contains(note, "set aside") }) {
		t.Error(want.Notes())
	}
}
