package datasets

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	"golang.org/x/text/encoding/simplifiedchinese"

	"parley/datasets/files"
	"parley/engine"
)

// cells dumps a table: rows of canonical texts, NULL as ∅.
func dumpTable(t *Table) string {
	var rows []string
	err := t.Each(context.Background(), func(row []any) error {
		var parts []string
		for i, c := range t.columns {
			d := sourceOf{index: i, own: c, kind: c.kind, scale: c.scale}.datum(row[i])
			if d.IsNull() {
				parts = append(parts, "∅")
			} else {
				parts = append(parts, d.String())
			}
		}
		rows = append(rows, strings.Join(parts, "|"))
		return nil
	})
	if err != nil {
		return err.Error()
	}
	return strings.Join(rows, "\n")
}

func TestCSVValues(t *testing.T) {
	for name, c := range map[string]struct {
		text, columns, rows string
		o                   Options
	}{
		"plain":              {text: "a,b\n1,x\n2,y\n", columns: "a integer, b text", rows: "1|x\n2|y"},
		"no last line end":   {text: "a,b\n1,x", columns: "a integer, b text", rows: "1|x"},
		"CR LF and a mark":   {text: "\xEF\xBB\xBFa,b\r\n1,x\r\n", columns: "a integer, b text", rows: "1|x"},
		"null or empty":      {text: "a,b\n,\"\"\n\"\",x\n", columns: "a text, b text", rows: "∅|\n|x"},
		"tokens":             {text: "a,b\nNA,\"NA\"\n?,\"\"\n", o: Options{Null: []string{"NA", "?", `""`}}, columns: "a null, b text", rows: "∅|NA\n∅|∅"},
		"quoting":            {text: "a,b\n\"x,\"\"y\"\"\",\"two\nlines\"\n", columns: "a text, b text", rows: "x,\"y\"|two\nlines"},
		"quoted numbers":     {text: "a,\"b\"\n\"1\",\"2.50\"\n", columns: "a integer, b decimal(2)", rows: "1|2.5"},
		"one column":         {text: "a\n1\n\n3\n", columns: "a integer", rows: "1\n∅\n3"},
		"blank end":          {text: "a,b\n1,2\n\n\n", columns: "a integer, b integer", rows: "1|2"},
		"only a header":      {text: "a,b\n", columns: "a null, b null", rows: ""},
		"spaces":             {text: " a , b\n 1 , x \n", columns: "a integer, b text", rows: "1| x "},
		"leading zeros":      {text: "a,b\n007,0\n010,0.5\n", columns: "a text, b decimal(1)", rows: "007|0\n010|0.5"},
		"zero and one":       {text: "a,b\n0,true\n1,FALSE\n", columns: "a integer, b boolean", rows: "0|true\n1|false"},
		"dates":              {text: "a,b\n2020-02-29,2020-02-30\n0001-01-01,9999-12-31\n", columns: "a date, b text", rows: "2020-02-29|2020-02-30\n0001-01-01|9999-12-31"},
		"signs":              {text: "a,b\n+1,-0\n-2,.5\n", columns: "a integer, b decimal(1)", rows: "1|0\n-2|0.5"},
		"exponents":          {text: "a\n1e3\n2.5E-2\n-1.20e1\n", columns: "a decimal(3)", rows: "1000\n0.025\n-12"},
		"64 bits":            {text: "a,b\n9223372036854775807,9223372036854775808\n-9223372036854775808,1\n", columns: "a integer, b decimal(0)", rows: "9223372036854775807|9223372036854775808\n-9223372036854775808|1"},
		"38 digits":          {text: "a\n99999999999999999999999999999999999999\n-99999999999999999999999999999999999999\n", columns: "a decimal(0)", rows: "99999999999999999999999999999999999999\n-99999999999999999999999999999999999999"},
		"wide decimals":      {text: "a\n12345678901234567890.000000000000000001\n-0.5\n", columns: "a decimal(18)", rows: "12345678901234567890.000000000000000001\n-0.5"},
		"mixed text":         {text: "a,b\n1,true\nx,1\n", columns: "a text, b text", rows: "1|true\nx|1"},
		"not numbers":        {text: "a,b,c\n1_000,0x10,NaN\n", columns: "a text, b text, c text", rows: "1_000|0x10|NaN"},
		"Chinese":            {text: "省,人口数\n北京市,21893095\n", columns: "省 text, 人口数 integer", rows: "北京市|21893095"},
		"names by case":      {text: "a,A\n1,2\n", columns: "a integer, A integer", rows: "1|2"},
		"spaces are no null": {text: "a,b\n ,1\n", columns: "a text, b integer", rows: " |1"},
	} {
		t.Run(name, func(t *testing.T) {
			table := open(t, c.o, write(t, "t.csv", c.text))
			if got := table.String(); !strings.HasSuffix(got, " rows: "+c.columns+")") {
				t.Errorf("columns %s, want %s", got, c.columns)
			}
			if got := dumpTable(table); got != c.rows {
				t.Errorf("rows %q, want %q", got, c.rows)
			}
			if err := table.Registration("d", 1).Validate(); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestCSVRefusals: what is wrong with a file is said with its line, character
// and column.
func TestCSVRefusals(t *testing.T) {
	for name, c := range map[string]struct {
		text, want string
		o          Options
	}{
		"empty":            {text: "", want: ": is empty"},
		"blank header":     {text: "\n1,2\n", want: ":1: no header"},
		"only a mark":      {text: "\xEF\xBB\xBF", want: ":1: no header"},
		"header of values": {text: "39,State-gov,77516\n", want: `:1:1: no header: the first line holds the value "39"`},
		"header of dates":  {text: "a,2020-01-01\n", want: `:1:3: no header: the first line holds the value "2020-01-01"`},
		"unnamed column":   {text: "a,,c\nx,y,z\n", want: `:1: it cannot be told whether the first line is a header or a row: "" may be a name or a missing value`},
		"duplicate header": {text: "a,b, a\n1,2,3\n", want: `:1:5: column "a": two columns have this name`},
		"short row":        {text: "a,b,c\n1,2,3\n4,5\n", want: `:3: column "c": 2 fields, but the header names 3 columns`},
		"long row":         {text: "a,b\n1,2\n3,4,5\n", want: ":3:5: 3 fields, but the header names 2 columns"},
		"blank line":       {text: "a,b\n1,2\n\n3,4\n", want: ":3: a blank line between rows"},
		"not UTF-8":        {text: "a,b\n1,ä\xff\n", want: ":2:4: not valid UTF-8 (byte 0xFF)"},
		"header not UTF-8": {text: "a,\xb1\xb1\n", want: ":1:3: not valid UTF-8"},
		"UTF-16":           {text: "\xFF\xFEa\x00", want: ":1:1: is UTF-16"},
		"NUL":              {text: "a,b\nx\x00,2\n", want: ":2:2: a NUL byte"},
		"bare quote":       {text: "a,b\nx\"y,2\n", want: ":2:2: a quotation mark inside an unquoted field"},
		"after quote":      {text: "a,b\n\"x\"y,2\n", want: ":2:4: text after a closing quotation mark"},
		"open quote":       {text: "a,b\n1,\"x\n\n", want: ":2:3: a quoted field is never closed"},
		"bare CR":          {text: "a,b\n1,2\r3,4\n", want: ":2:5: a carriage return without a line feed"},
		"39 digits":        {text: "a\n1\n100000000000000000000000000000000000000\n", want: `:3:1: column "a": a number with more than 38 digits`},
		"39 places": {text: "a,b\n1,0.123456789012345678901234567890123456789\n", want: `:2:3: column "b": a number with more than 38 decimal places`,
			o: Options{Columns: []string{"a", "b"}}},
		"huge exponent":   {text: "a\n1e1000\n", want: `:2:1: column "a": a number with an exponent beyond ±99`},
		"scaled too long": {text: "a\n0.000000000000000001\n123456789012345678901\n", want: `:3:1: column "a": a number with too many digits for the column's decimal places`},
		"long field":      {text: "a\n" + strings.Repeat("x", files.MaxFieldBytes+1) + "\n", want: ":2:1: a field is longer than"},
		"control in name": {text: "a\tb,c\n1,2\n", want: "a column's name has a control character"},
		"encoding":        {text: "a\n1\n", want: `the encoding "ebcdic" is not known`, o: Options{Encoding: "ebcdic"}},
		"not GB18030":     {text: "a,b\n1,\x81\x20\n", want: ":2:3: not valid in the encoding", o: Options{Encoding: "gb18030"}},
		"many columns":    {text: strings.Repeat("a,", files.MaxColumns) + "a\n", want: "more than 1024 fields in one row"},
	} {
		t.Run(name, func(t *testing.T) {
			file := write(t, "data.csv", c.text)
			e := refusal(t, c.o, file)
			if got := strings.TrimPrefix(e.Error(), file); !strings.HasPrefix(got, c.want) && !strings.Contains(got, c.want) {
				t.Errorf("got %q, want %q", got, c.want)
			}
			if e.File != file {
				t.Errorf("the error is about file %q", e.File)
			}
		})
	}
}

func TestOpenRefusals(t *testing.T) {
	if e := refusal(t, Options{}, write(t, "a.ods", "x")); !strings.Contains(e.Error(), "format") {
		t.Error(e)
	}
	if e := refusal(t, Options{}, t.TempDir()+"/missing.csv"); !errors.Is(e, os.ErrNotExist) {
		t.Error(e)
	}
	if e := refusal(t, Options{}, t.TempDir()); !strings.Contains(e.Error(), "folder") {
		t.Error(e)
	}
	if e := refusal(t, Options{}); !strings.Contains(e.Error(), "no files") {
		t.Error(e)
	}
}

func TestGB18030(t *testing.T) {
	text := "省,市,人口数\n江苏省,南京市,9314685\n四川省,成都市,20937757\n西藏自治区,\"拉萨\n市\",867891\n"
	encoded, err := simplifiedchinese.GB18030.NewEncoder().String(text)
	if err != nil {
		t.Fatal(err)
	}
	a := openText(t, text)
	b := open(t, Options{Encoding: "GB18030"}, write(t, "t.csv", encoded))
	if a.digest != b.digest || dumpTable(a) != dumpTable(b) {
		t.Errorf("%s\n%s", dumpTable(a), dumpTable(b))
	}
	if e := refusal(t, Options{}, write(t, "t.csv", encoded)); !strings.Contains(e.Hint, "gb18030") {
		t.Errorf("no hint at the encoding: %v", e)
	}
}

// TestFilesUnify: the files of one table unify as departments do.
func TestFilesUnify(t *testing.T) {
	a := openText(t, "x,y,z\n1,,2020-01-01\n", "z,y,x\n,true,2.50\n,,3\n")
	if want := "t (3 rows: x decimal(2), y boolean, z date)"; a.String() != want {
		t.Errorf("%s, want %s", a, want)
	}
	if want := "1|∅|2020-01-01\n2.5|true|∅\n3|∅|∅"; dumpTable(a) != want {
		t.Errorf("%q, want %q", dumpTable(a), want)
	}
	for _, c := range [][3]string{
		{"x\n1\n", "x\nabc\n", `column "x": is text (line 2 has "abc") in `},
		{"x\n2020-01-01\n", "x\n5\n", `column "x": is integer in b.csv, but date in a.csv`},
		{"x,y\n1,2\n", "x\n1\n", `column "y": this column of a.csv is missing`},
		{"x\n1\n", "x,y\n1,2\n", `column "y": a.csv has no such column`},
	} {
		e := refusal(t, Options{}, write(t, "a.csv", c[0]), write(t, "b.csv", c[1]))
		if !strings.Contains(e.Error(), c[2]) || !strings.Contains(e.File, "b.csv") {
			t.Errorf("%v, want %s", e, c[2])
		}
	}
}

// TestNotes: a column that became text because of one token is explained.
func TestNotes(t *testing.T) {
	table := openText(t, "a,b\n1,x\n2,y\n?,z\n")
	if len(table.Notes()) != 1 || !strings.Contains(table.Notes()[0], `column "a" is text, not a number, because line 4 has "?"`) {
		t.Errorf("notes: %q", table.Notes())
	}
}

func TestRegistration(t *testing.T) {
	table := openText(t, "n,d,s,b,day,e\n3,1.50,b,true,2020-01-02,\n-12,-0.25,,true,1969-12-31,\n3,2.00,a,,2020-01-02,\n")
	r := table.Registration("city", 4)
	if r.Department != "city" || r.Table != "t" || r.Version != 4 || r.Rows != 3 {
		t.Errorf("%+v", r)
	}
	for i, want := range []string{
		"n integer 0 false -12 3 [-12 3] true",
		"d decimal 2 false -25 200 [-0.25 1.5 2] true",
		"s text 0 true <nil> <nil> [a b] true",
		"b boolean 0 true <nil> <nil> [true] true",
		"day date 0 false -1 18263 [1969-12-31 2020-01-02] true",
		"e null 0 true <nil> <nil> [] true",
	} {
		c := r.Columns[i]
		if got := fmt.Sprint(c.Name, " ", c.Kind, " ", c.Scale, c.Nullable, c.Min, c.Max, c.Dictionary, c.HasDictionary); !sameWords(got, want) {
			t.Errorf("got %s, want %s", got, want)
		}
	}
	if err := r.Validate(); err != nil {
		t.Error(err)
	}
}

func sameWords(a, b string) bool {
	return strings.Join(strings.Fields(a), " ") == strings.Join(strings.Fields(b), " ")
}

func TestDictionaryLimit(t *testing.T) {
	var b strings.Builder
	b.WriteString("a,b,c\n")
	for i := range engine.MaxDictionary + 1 {
		fmt.Fprintf(&b, "%d,%d,x\n", i, min(i, engine.MaxDictionary-1))
	}
	b.WriteString("1,1," + strings.Repeat("y", engine.MaxDictionaryText+1) + "\n")
	r := openText(t, b.String()).Registration("d", 1)
	if r.Columns[0].HasDictionary || !r.Columns[1].HasDictionary || r.Columns[2].HasDictionary {
		t.Errorf("dictionaries: %v %v %v", r.Columns[0].HasDictionary, r.Columns[1].HasDictionary, r.Columns[2].HasDictionary)
	}
	if len(r.Columns[1].Dictionary) != engine.MaxDictionary || r.Columns[0].Dictionary != nil {
		t.Errorf("%d values", len(r.Columns[1].Dictionary))
	}
}

// TestDigest: the digest depends on the columns and the rows in their order, on
// the salt, and on nothing else.
func TestDigest(t *testing.T) {
	base := openText(t, "a,b\n1,x\n2,\n3,\"\"\n").digest
	for name, same := range map[string][]string{
		"split":   {"a,b\n1,x\n", "a,b\n2,\n3,\"\"\n"},
		"order":   {"a,b\n1,x\n", "b,a\n,2\n\"\",3\n"},
		"quoting": {"\"a\",b\r\n\"1\",\"x\"\r\n+2,\r\n 3,\"\"\r\n"},
	} {
		if got := openText(t, same...).digest; got != base {
			t.Errorf("%s changes the digest", name)
		}
	}
	seen := map[engine.Digest]string{base: "base"}
	for _, other := range []string{
		"a,b\n2,\n1,x\n3,\"\"\n", "a,c\n1,x\n2,\n3,\"\"\n", "a,b\n1,x\n2,\"\"\n3,\n", "b,a\nx,1\n,2\n\"\",3\n",
		"a,b\n1,x\n2,\n3,\"\"\n3,\"\"\n", "a,b\n1.0,x\n2,\n3,\"\"\n", "a,b\n1,x\n2,\n4,\"\"\n",
	} {
		d := openText(t, other).digest
		if seen[d] != "" {
			t.Errorf("%q has the digest of %q", other, seen[d])
		}
		seen[d] = other
	}
	file := write(t, "t.csv", "a,b\n1,x\n2,\n3,\"\"\n")
	salted := open(t, Options{Salt: []byte("salt")}, file).digest
	if salted == base || salted != open(t, Options{Salt: []byte("salt")}, file).digest {
		t.Error("the salt does not decide the digest")
	}
}
