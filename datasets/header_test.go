package datasets

import (
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"

	"parley/datasets/files"
)

// firstRows are files without a header whose first row a reader could take for one.
// What comes after the first row is of the same kind or, with a slash, as given.
var firstRows = map[string]string{
	"days of d/m/y":        "28/02/2008,abc\n29/02/2008,def\n01/03/2008,ghi\n",
	"days of m/d/y":        "2/28/2008,abc\n2/29/2008,def\n",
	"dates with points":    "28.02.2008,abc\n29.02.2008,def\n",
	"unpadded dates":       "2020-1-5,abc\n2020-1-6,def\n",
	"named months":         "5-Jan-2020,abc\n6-Jan-2020,def\n",
	"Chinese dates":        "2020年1月5日,甲\n2020年1月6日,乙\n",
	"times":                "10:00,abc\n9:30,def\n",
	"times of 12 hours":    "9:30 PM,abc\n10:00 AM,def\n",
	"instants":             "2020-01-05 10:00:00,abc\n2020-01-06 10:00:00,def\n",
	"instants with T":      "2020-01-05T10:00:00Z,abc\n2020-01-06T10:00:00Z,def\n",
	"percentages":          "12.5%,abc\n13%,def\n",
	"thousands":            "\"1,234\",abc\n\"5,678\",def\n",
	"thousands of points":  "1.234.567,abc\n2.345.678,def\n",
	"decimal commas":       "\"3,14\",abc\n\"2,72\",def\n",
	"money":                "$12.50,abc\n$3,def\n",
	"money in euros":       "12 €,abc\n13 €,def\n",
	"booleans":             "true,abc\nfalse,def\n",
	"booleans in capitals": "abc,FALSE\ndef,TRUE\n",
	"not a number":         "NaN,abc\n1.5,def\n",
	"infinity":             "-inf,abc\n1.5,def\n",
	"codes with zeros":     "007,abc\n008,def\n",
	"mail addresses":       "a@example.org,abc\nb@example.org,def\n",
	"web addresses":        "https://a.example/,abc\nhttps://b.example/,def\n",
	"codes of one form":    "A001,abc\nB207,def\n",
	"hyphenated codes":     "ab-12,x\ncd-34,y\n",
	"recurring words":      "female,yes\nmale,no\nfemale,yes\n",
	"one recurring column": "smith,red\njones,blue\nmiller,red\n",
	"a missing value":      "NA,abc\nred,def\n",
	"a question mark":      "?,abc\nred,def\n",
	"a NULL token":         "missing,abc\nred,def\n",
	"nothing, over counts": ",abc\n3,def\n4,ghi\n",
	"years that rise":      "abc,1999,2000,2001\ndef,2003,2004,2005\n",
	"two years":            "abc,1999,2000\ndef,17,18\n",
	"years that fall":      "abc,2001,2000,1999\ndef,1,2,3\n",
	"quoted as below":      "\"1\",abc\n\"2\",def\n",
	"quoted over nothing":  "\"abc\",\"x\"\nNA,\"abc\"\nNA,\"x\"\n",
	"rand":                 "R 100,abc\nR 200,def\n",
}

// TestNoHeader: a file without header is refused by itself, naming the option, or
// taken with it, whole.
func TestNoHeader(t *testing.T) {
	if testing.Short() {
		t.Skip("takes a second")
	}
	for name, text := range firstRows {
		t.Run(name, func(t *testing.T) {
			file := write(t, "h.csv", text)
			rows := int64(strings.Count(text, "\n"))
			e := refusal(t, Options{Null: []string{"missing"}}, file)
			if !strings.Contains(e.Error(), "--header no") || !strings.Contains(e.Error(), "h.csv:1") && e.Line == 0 {
				t.Errorf("refused without the option's name: %v", e)
			}
			table := open(t, Options{Header: files.HeaderNo}, file)
			if table.Rows() != rows || table.columns[0].name != "c1" || table.columns[1].name != "c2" {
				t.Errorf("%s of %d rows", table, rows)
			}
			if named := open(t, Options{Header: files.HeaderYes}, file); named.Rows() != rows-1 {
				t.Errorf("as a header: %s", named)
			}
		})
	}
}

// TestHeaders: what has always been a header stays one.
func TestHeaders(t *testing.T) {
	if testing.Short() {
		t.Skip("takes a second")
	}
	for name, c := range map[string]struct {
		text, columns string
		note          bool
	}{
		"a number below":               {"id,name\n1,abc\n2,def\n", "id integer, name text", false},
		"sodium":                       {"ID,NA,K\n1,140,4.1\n2,141,4.0\n", "ID integer, NA integer, K decimal(1)", false},
		"dates below":                  {"day,who\n2020-01-01,x\n", "day date, who text", false},
		"dates of another form below":  {"day,who\n28/02/2008,x\n29/02/2008,y\n", "day text, who text", false},
		"percentages below":            {"share,who\n5%,x\n6%,y\n", "share text, who text", false},
		"a name with a digit":          {"q1,q2\n1,yes\n2,no\n", "q1 integer, q2 text", false},
		"names with digits over words": {"q1,q2\nyes,no\nno,no\n", "q1 text, q2 text", true},
		"only text":                    {"name,city\nabc,def\nghi,jkl\n", "name text, city text", true},
		"a label repeated, but an id":  {"id,Apple\n1,Apple\n2,\n", "id integer, Apple text", false},
		"no rows":                      {"name,city\n", "name null, city null", true},
		"questions":                    {"How old are you?,\"Where, if anywhere?\"\n5,x\n", "How old are you? integer, Where, if anywhere? text", false},
		"Chinese":                      {"省,市\n北京,北京市\n河北,石家庄\n", "省 text, 市 text", true},
		"empty columns":                {"a,b\n,\n,\n", "a null, b null", true},
		"row names":                    {"\"\",\"x\"\n\"1\",\"a\"\n\"2\",\"b\"\n", "c1 integer, x text", false},
		"an index":                     {",x\n0,a\n1,b\n2,c\n", "c1 integer, x text", false},
		"chosen row names":             {"\"\",\"x\"\n\"3\",\"a\"\n\"7\",\"b\"\n", "c1 integer, x text", true},
		"words without a name":         {",colour\nabc,red\ndef,blue\n", "c1 text, colour text", true},
		"a name between":               {"a,,c\n1,2,3\n", "a integer, c2 integer, c integer", false},
		"quoted over unquoted":         {"\"a\",\"b\"\nx,y\nz,w\n", "a text, b text", false},
		"a quoted number over numbers": {"\"a\",\"1850\",\"7\"\n\"x\",3,4\n", "a text, 1850 integer, 7 integer", false},
		"years over counts":            {"land,1999,2000,2001\nx,745,80488,1\ny,1,2,3\n", "land text, 1999 integer, 2000 integer, 2001 integer", true},
		"two years and a name":         {"land,pop,1999,2000\nx,3,745,80488\n", "land text, pop integer, 1999 integer, 2000 integer", true},
		"inflation":                    {"year,inf\n1999,2.5\n", "year integer, inf decimal(1)", false},
		"letters and digits":           {"R1,S1\n0.5,1\n", "R1 decimal(1), S1 integer", false},
		"a line break in a name":       {"\"net\r\nincome\",b\n1,2\n", "net income integer, b integer", false},
		"a month":                      {"May,June\nabc,def\n", "May text, June text", true},
		"a unit":                       {"weight (kg),5 year survival\n70,yes\n", "weight (kg) integer, 5 year survival text", false},
	} {
		t.Run(name, func(t *testing.T) {
			table := openText(t, c.text)
			if !strings.HasSuffix(table.String(), " rows: "+c.columns+")") {
				t.Errorf("%s, want %s", table, c.columns)
			}
			said := regexp.MustCompile("was taken for the header|were taken for names").MatchString(strings.Join(table.Notes(), "\n"))
			if said != c.note {
				t.Errorf("notes %q", table.Notes())
			}
			if notes := open(t, Options{Header: files.HeaderYes}, write(t, "t.csv", c.text)).Notes(); strings.Contains(fmt.Sprint(notes), "taken for") {
				t.Errorf("notes of a header that was asked for: %q", notes)
			}
		})
	}
}

// TestHeaderOption: the option holds for all files of a table, and years are names.
func TestHeaderOption(t *testing.T) {
	a, b := write(t, "a.csv", "x,1\ny,2\n"), write(t, "b.csv", "z,3\n")
	if table := open(t, Options{Header: files.HeaderNo}, a, b); table.Rows() != 3 || dumpTable(table) != "x|1\ny|2\nz|3" {
		t.Errorf("%s: %q", table, dumpTable(table))
	}
	if e := refusal(t, Options{Header: "maybe"}, a); !strings.Contains(e.Error(), `header "maybe" is not known (auto, yes or no)`) {
		t.Error(e)
	}
	if e := refusal(t, Options{Header: files.HeaderNo}, a, write(t, "c.csv", "x,y,z\n")); !strings.Contains(e.Error(), `"c3"`) {
		t.Error(e)
	}
	if e := refusal(t, Options{Header: files.HeaderNo}, write(t, "d.csv", "x,y\nz\n")); !strings.Contains(e.Error(), "1 fields, but the first line has 2") {
		t.Error(e)
	}
	if e := refusal(t, Options{Header: files.HeaderNo}, write(t, "e.csv", "\nx,y\n")); !strings.Contains(e.Error(), "blank") {
		t.Error(e)
	}
	if table := open(t, Options{Header: files.HeaderNo}, write(t, "f.csv", "\xEF\xBB\xBF5\r\n\r\n6\r\n")); dumpTable(table) != "5\n∅\n6" {
		t.Errorf("%q", dumpTable(table))
	}
	years := write(t, "years.csv", "country,2019,2020,12.5,2020-01-01\nx,1,2,3,4\ny,5,6,7,8\n")
	if e := refusal(t, Options{}, years); !strings.Contains(e.Error(), "--header yes") {
		t.Error(e)
	}
	table := open(t, Options{Header: files.HeaderYes}, years)
	for sql, want := range map[string]string{`SELECT sum("2019") FROM t`: "6", `SELECT sum("2020") FROM t WHERE "2019" > 1`: "6",
		`SELECT max("12.5") FROM t`: "7", `SELECT sum(t."2020-01-01") FROM t`: "12"} {
		if answer := converse(t, sql, map[string]*Table{"d": table}); *answer.Rows[0][0].Text != want {
			t.Errorf("%s: %v", sql, answer)
		}
	}
}

// TestHeaderNames: with --header yes every first line names the columns, and notes say where the
// name is not the one in the file.
func TestHeaderNames(t *testing.T) {
	long := strings.Repeat("n", files.MaxNameBytes+1)
	table := open(t, Options{Header: files.HeaderYes}, write(t, "h.csv", "a, a,,c5,"+long+",1,a_2\n1,2,3,4,5,6,7\n"))
	if want := "a integer, a_3 integer, c3 integer, c5 integer, c6 integer, 1 integer, a_2 integer)"; !strings.HasSuffix(table.String(), want) {
		t.Errorf("%s, want %s", table, want)
	}
	if notes := table.Notes(); len(notes) != 3 || !strings.Contains(notes[1], `column 3, with the name "" in the file, is called "c3"`) {
		t.Errorf("%q", notes)
	}
	for _, first := range []string{"a,a", "a," + long} {
		if e := refusal(t, Options{}, write(t, "h.csv", first+"\n1,2\n")); !strings.Contains(e.Error(), "--header yes") {
			t.Error(e)
		}
	}
}

// TestHeaderCase reads the shared file whose first row was lost.
func TestHeaderCase(t *testing.T) {
	const file = "../../shared/cases/h.csv"
	if _, err := os.Stat(file); err != nil {
		t.Skip("no ../shared/cases")
	}
	if e := refusal(t, Options{}, file); e.Line != 1 || !strings.Contains(e.Error(), "28/02/2008") {
		t.Error(e)
	}
	if table := open(t, Options{Header: files.HeaderNo}, file); table.Rows() != 3 {
		t.Error(table)
	}
}
