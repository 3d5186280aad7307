package datasets

import (
	"bytes"
	"compress/gzip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"

	"parley/datasets/files"
	"parley/datasets/published"
)

// zipped writes a compressed text file.
func zipped(t *testing.T, name, text string) string {
	t.Helper()
	var b bytes.Buffer
	if strings.HasSuffix(name, ".gz") {
		w := gzip.NewWriter(&b)
		w.Write([]byte(text))
		w.Close()
	} else {
		w, _ := zstd.NewWriter(&b)
		w.Write([]byte(text))
		w.Close()
	}
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestFormats: each way to lay out one table gives the same rows.
func TestFormats(t *testing.T) {
	const plain = "name,x,y\na,1.5,1234\nb,-2,\nc,1234567.25,7\n"
	want := dumpTable(open(t, Options{}, write(t, "t.csv", plain)))
	semicolons := strings.ReplaceAll(plain, ",", ";")
	for name, c := range map[string]struct {
		file string
		o    files.Format
	}{
		"semicolon":           {write(t, "t.csv", semicolons), files.Format{Delimiter: ";"}},
		"tab by name":         {write(t, "t.tsv", strings.ReplaceAll(plain, ",", "\t")), files.Format{}},
		"tab by option":       {write(t, "t.csv", strings.ReplaceAll(plain, ",", "\t")), files.Format{Delimiter: "tab"}},
		"commas in .tsv":      {write(t, "t.tsv", plain), files.Format{Delimiter: ","}},
		"bar":                 {write(t, "t.csv", strings.ReplaceAll(plain, ",", "|")), files.Format{Delimiter: "|"}},
		"a long character":    {write(t, "t.csv", strings.ReplaceAll(plain, ",", "，")), files.Format{Delimiter: "，"}},
		"decimal comma":       {write(t, "t.csv", strings.ReplaceAll(semicolons, ".", ",")), files.Format{Delimiter: ";", Decimal: ","}},
		"thousands of points": {write(t, "t.csv", "name;x;y\na;1,5;1.234\nb;-2;\nc;1.234.567,25;7\n"), files.Format{Delimiter: ";", Decimal: ",", Thousands: "."}},
		"thousands of commas": {write(t, "t.csv", "name,x,y\na,1.5,\"1,234\"\nb,-2,\nc,\"1,234,567.25\",7\n"), files.Format{Thousands: ","}},
		"thousands of spaces": {write(t, "t.csv", "name,x,y\na,1.5,1 234\nb,-2,\nc,1\u202f234\u00a0567.25,7\n"), files.Format{Thousands: " "}},
		"thousands of quotes": {write(t, "t.csv", "name,x,y\na,1.5,1'234\nb,-2,\nc,1’234’567.25,7\n"), files.Format{Thousands: "'"}},
		"comments":            {write(t, "t.csv", "# a \"title\nname,x,y\n#\na,1.5,1234\nb,-2,\n# x,y\nc,1234567.25,7\n#"), files.Format{Comment: "#"}},
		"long comments":       {write(t, "t.csv", "//\n"+plain), files.Format{Comment: "//"}},
		"preamble":            {write(t, "t.csv", "\xEF\xBB\xBFA title, \"of a\nbyte \xff\n\n"+plain), files.Format{Skip: 3}},
		"gzip":                {zipped(t, "t.csv.gz", plain), files.Format{}},
		"zstd":                {zipped(t, "t.CSV.zst", plain), files.Format{}},
		"tabs in gzip":        {zipped(t, "t.tsv.gz", strings.ReplaceAll(plain, ",", "\t")), files.Format{}},
	} {
		t.Run(name, func(t *testing.T) {
			if got := dumpTable(open(t, Options{Format: c.o}, c.file)); got != want {
				t.Errorf("%q, want %q", got, want)
			}
		})
	}
	// What is declared of a column is read in the spelling of the file.
	two := 2
	declared := Options{Format: files.Format{Delimiter: ";", Decimal: ",", Thousands: "."}, Declared: []Declaration{{Name: "x", Type: "decimal", Scale: &two},
		{Name: "y", Terms: published.Terms{Unit: "EUR"}}, {Name: "z", Type: "integer"}, {Name: "n", Type: "text"}}}
	if got := dumpTable(open(t, declared, write(t, "d.csv", "n;x;y;z\n1,5;1.234,5;2,5;1.000\n2;3;4;5\n"))); got != "1,5|1234.5|2.5|1000\n2|3|4|5" {
		t.Errorf("%q", got)
	}
	declared.Columns = []string{"n", "x", "y", "z"}
	if e := refusal(t, declared, write(t, "d.csv", "n;x;y;z\n1,5;1.2;2,5;1.000\n")); !strings.Contains(e.Error(), `"1.2" is not a decimal`) {
		t.Error(e)
	}
	quoted := write(t, "q.csv", "a,b\n\"x,\"y\" z\n")
	if got := dumpTable(open(t, Options{Header: files.HeaderYes, Format: files.Format{Quote: "none"}}, quoted)); got != `"x|"y" z` {
		t.Errorf("%q", got)
	}
	// Without the spelling, and what is a number in no spelling, stays text as it is.
	for text, want := range map[string]string{"3.14": "3.14", "1.23.456": "1.23.456", "1234.567": "1234.567", "1,5,6": "1,5,6", ".5": ".5", "": "∅",
		"-1.234,50": "-1234.5", "+,5": "0.5", "1234567": "1234567", "1.234": "1234", "001.234": "001.234", " 7,5 ": "7.5", "1e3": "1000"} {
		file := write(t, "n.csv", "v;w\n"+text+";\n")
		if got := dumpTable(open(t, Options{Header: files.HeaderYes, Format: files.Format{Delimiter: ";", Decimal: ",", Thousands: "."}}, file)); got != want+"|∅" {
			t.Errorf("%q is %q, want %q", text, got, want)
		}
	}
}

// TestFormatRefusals: what is wrong says so, with what to do, at its place in the file.
func TestFormatRefusals(t *testing.T) {
	bomb := strings.Repeat(strings.Repeat("0", 60_000)+"\n", 600)
	for name, c := range map[string]struct {
		file string
		o    files.Format
		want string
	}{
		"semicolons":            {write(t, "a.csv", "a;b\n1;2\n"), files.Format{}, `one column; the lines have ";" (say --delimiter ";", in node.toml delimiter = ";", or --delimiter "," if it is one column)`},
		"semicolons and commas": {write(t, "a.csv", "a;b\n1,5;2\n"), files.Format{}, `one column; the lines have ";"`},
		"tabs":                  {write(t, "a.csv", "a\tb\n1\t2\n"), files.Format{}, `say --delimiter "tab"`},
		"commas in .tsv":        {write(t, "a.tsv", "a,b\n1,2\n"), files.Format{}, `the lines have ","`},
		"commas in the header":  {write(t, "a.csv", "a, b;c\n1;2\n3;4\n"), files.Format{}, `all lines have ";": say --delimiter ";"`},
		"a place":               {write(t, "a.csv", "title\n# a\na;b\n# b\n1;2;3\n"), files.Format{Delimiter: ";", Comment: "#", Skip: 1}, ":5:5: 3 fields"},
		"a place after gzip":    {zipped(t, "a.csv.gz", "a,b\n1,\"2\"3\n"), files.Format{}, "a.csv.gz:2:6: text after a closing"},
		"quotes":                {write(t, "a.csv", "a,b\n1,2\"\n"), files.Format{}, "--quote none"},
		"skipped all":           {write(t, "a.csv", "a,b\n1,2\n"), files.Format{Skip: 2}, ":3: no header"},
		"no delimiter":          {write(t, "a.csv", "a,b\n"), files.Format{Delimiter: "ab"}, `delimiter = "ab": it is "tab" or one character`},
		"a digit":               {write(t, "a.csv", "a,b\n"), files.Format{Delimiter: "1"}, `delimiter = "1"`},
		"quote":                 {write(t, "a.csv", "a,b\n"), files.Format{Quote: "'"}, `quote = "'"`},
		"decimal":               {write(t, "a.csv", "a,b\n"), files.Format{Decimal: ";"}, `decimal = ";"`},
		"thousands":             {write(t, "a.csv", "a,b\n"), files.Format{Thousands: "_"}, `thousands = "_"`},
		"both":                  {write(t, "a.csv", "a,b\n"), files.Format{Thousands: "."}, "are both"},
		"comment":               {write(t, "a.csv", "a,b\n"), files.Format{Comment: ",x"}, `comment = ",x"`},
		"skip":                  {write(t, "a.csv", "a,b\n"), files.Format{Skip: -1}, "skip = -1"},
		"no gzip":               {write(t, "a.csv.gz", "a,b\n1,2\n3,4\n5,6\n"), files.Format{}, "is not valid gzip"},
		"no zstd":               {write(t, "a.csv.zst", "a,b\n1,2\n"), files.Format{}, "is not valid zstd"},
		"cut gzip":              {write(t, "a.csv.gz", cut(t, zipped(t, "x.csv.gz", "a,b\n1,2\n"))), files.Format{}, "is truncated gzip"},
		"cut zstd":              {write(t, "a.csv.zst", cut(t, zipped(t, "x.csv.zst", "a,b\n1,2\n"))), files.Format{}, "is truncated zstd"},
		"Parquet in gzip":       {zipped(t, "a.parquet.gz", "x"), files.Format{}, "only text files may be"},
		"a bomb":                {zipped(t, "a.csv.gz", "a\n"+bomb), files.Format{}, "expands to more than 33554432 bytes, the limit"},
		"a bomb of zstd":        {zipped(t, "a.csv.zst", "a\n"+bomb), files.Format{}, "expands to more than 33554432 bytes, the limit"},
	} {
		t.Run(name, func(t *testing.T) {
			if strings.Contains(name, "bomb") && testing.Short() {
				t.Skip("takes seconds")
			}
			if e := refusal(t, Options{Format: c.o}, c.file); !strings.Contains(e.Error(), c.want) {
				t.Errorf("%v, want %s", e, c.want)
			}
		})
	}
}

// cut gives a file without its last three bytes.
func cut(t *testing.T, file string) string {
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(data[:len(data)-3])
}
