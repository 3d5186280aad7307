package cli

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"parley/engine"
	"parley/node/config"
	"parley/node/failure"
	"parley/node/nodetest"
	"parley/node/render"
)

// TestColumnsOfExplain: columns that cannot be read are set aside, at every department, with a note; a question about
// one says why; --columns chooses.
func TestColumnsOfExplain(t *testing.T) {
	dir := t.TempDir()
	put := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	good := put("north.csv", "id,x,long\n1,2.5,0.5\n2,3.5,0.25\n")
	bad := put("south.csv", "id,x,long\n3,4.5,0.123456789012345678901234567890123456789\n")
	only := put("worst.csv", "long\n0.123456789012345678901234567890123456789\n")
	both := "t=" + good + "," + bad
	for name, c := range map[string]struct {
		args []string
		exit int
		want []string // in what is printed
		not  string
	}{
		"a question about another column": {[]string{"--table", both, "SELECT sum(x) FROM t"}, 0,
			[]string{`south.csv:2:7: column "long": a number with more than 38 decimal places`, "is set aside"}, "long  "},
		"count": {[]string{"--table", both, "SELECT count(*) FROM t"}, 0, []string{"is set aside"}, ""},
		"about the column": {[]string{"--table", both, "SELECT sum(long) FROM t"}, 1,
			[]string{`table "t" has no column "long", since it is set aside: `, `south.csv:2:7: column "long": a number with more than 38`}, ""},
		"about a column that never was":   {[]string{"--table", both, "SELECT sum(wrong) FROM t"}, 1, []string{`has no column "wrong"`}, "has no column \"wrong\", since"},
		"only others":                     {[]string{"--table", both, "--columns", "id, x", "SELECT sum(x) FROM t"}, 0, nil, "set aside"},
		"with the table's name":           {[]string{"--table", both, "--columns", "t=x", "SELECT sum(x) FROM t"}, 0, nil, "set aside"},
		"one that was not asked for":      {[]string{"--table", both, "--columns", "x", "SELECT sum(id) FROM t"}, 1, []string{`table "t" has no column "id": --columns leaves it out`, "name it in --columns as well"}, "set aside"},
		"it is asked for":                 {[]string{"--table", both, "--columns", "x,long", "SELECT sum(x) FROM t"}, 1, []string{`a number with more than 38 decimal places`, "south"}, "set aside"},
		"one that is not there":           {[]string{"--table", both, "--columns", "x,y", "SELECT sum(x) FROM t"}, 1, []string{"is asked for and not there", `"id", "x", "long"`}, ""},
		"no name":                         {[]string{"--table", both, "--columns", ",", "SELECT sum(x) FROM t"}, 2, []string{"names no column"}, ""},
		"another table":                   {[]string{"--table", both, "--columns", "u=x", "SELECT sum(x) FROM t"}, 2, []string{`no --table has the name "u"`}, ""},
		"twice":                           {[]string{"--table", both, "--columns", "x", "--columns", "t=id", "SELECT sum(x) FROM t"}, 2, []string{"is given twice"}, ""},
		"several tables, without a name":  {[]string{"--table", both, "--table", "u=" + good + "," + good + "x", "--columns", "x", "SELECT sum(x) FROM t"}, 2, nil, ""},
		"renamed, and another set aside":  {[]string{"--table", both, "--column", "x: as=y unit=kg", "SELECT sum(y) FROM t"}, 0, []string{"in kg", "is set aside"}, ""},
		"a declared one is not set aside": {[]string{"--table", both, "--column", "long: type=decimal", "SELECT sum(x) FROM t"}, 1, []string{`south.csv:2: row 1: column "long": a number with more than 38`}, "set aside"},
		"nothing is left":                 {[]string{"--table", "t=" + only, "SELECT count(*) FROM t"}, 1, []string{"a number with more than 38 decimal places"}, ""},
		"one department has nothing else": {[]string{"--table", "t=" + put("fine.csv", "long\n0.5\n") + "," + only, "SELECT count(*) FROM t"}, 1, []string{"a number with more than 38 decimal places"}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			var out, errs bytes.Buffer
			exit := Main(append([]string{"explain"}, c.args...), strings.NewReader(""), &out, &errs)
			text := out.String() + errs.String()
			if exit != c.exit {
				t.Errorf("exit %d, want %d\n%s", exit, c.exit, text)
			}
			for _, want := range c.want {
				if !strings.Contains(text, want) {
					t.Errorf("%q is missing in\n%s", want, text)
				}
			}
			if c.not != "" && strings.Contains(text, c.not) {
				t.Errorf("%q is in\n%s", c.not, text)
			}
		})
	}
}

// TestColumnsOfConfig: the key `columns`.
func TestColumnsOfConfig(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"a.csv", "node.toml"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("a,b\n1,2\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for text, want := range map[string]string{
		`columns = ["a", "b"]`: "",
		`columns = []`:         "columns names no column",
		`columns = "a"`:        "Columns of type",
		`columns = [1]`:        "Columns of type",
		`column = ["a"]`:       "Declared of type",
	} {
		path := filepath.Join(dir, "node.toml")
		if err := os.WriteFile(path, []byte("name = \"n\"\ndir = \"d\"\nlisten = \"/ip4/127.0.0.1/tcp/0\"\nparameters = \"light\"\npeers = []\nanalysts = []\n"+
			"[[table]]\nname = \"t\"\nfiles = [\"a.csv\"]\n"+text+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		cfg, err := config.Load(path)
		switch {
		case want == "" && (err != nil || strings.Join(cfg.Tables[0].Reading().Columns, ",") != "a,b"):
			t.Errorf("%s: %v %v", text, cfg.Tables, err)
		case want != "" && err == nil:
			t.Errorf("%s was taken", text)
		case want != "" && !strings.Contains(failure.Of(err).Message+failure.Of(err).Hint, want):
			t.Errorf("%s: %v (%s), want %s", text, err, failure.Of(err).Hint, want)
		}
	}
}

// TestDeclaredAlike: what --column says registers the same as [[table.column]] in a node.toml, to the last byte; and what
// is wrong is said with the place, of the flag or of the file.
func TestDeclaredAlike(t *testing.T) {
	const rows = "sex,income,born,long\n1,12.5,31/1/2020,x\n2,-,1/2/2021,y\n"
	dir := nodetest.WriteFiles(t, map[string]string{"north.csv": rows, "south.csv": rows, "node.toml": `name = "n"
dir = "d"
listen = "/ip4/127.0.0.1/tcp/0"
parameters = "light"
peers = []
analysts = []
[[table]]
name = "t"
files = ["north.csv"]
[[table.column]]
name = "sex"
codes = { 1 = "male", 2 = "female" }
[[table.column]]
name = "income"
null = ["-"]
unit = "EUR"
min = 0
bounds = "measured"
[[table.column]]
name = "born"
type = "date"
format = "d/m/y"
as = "birth date"
`})
	t.Chdir(dir)
	flags := tableFlags{tables: []string{"t=north.csv,south.csv"}, readingFlags: readingFlags{header: "auto"}}
	flags.declared = []string{"sex: codes=1=male codes=2=female",
		"t.income: null=- unit=EUR min=0 bounds=measured", `born: type=date format=d/m/y as="birth date"`}
	sources, _, err := flags.sources()
	nodetest.Check(t, err)
	cfg, err := config.Load("node.toml")
	nodetest.Check(t, err)
	var registered [][]byte
	for _, table := range []config.Table{cfg.Tables[0], sources[0].Tables[0], sources[1].Tables[0]} {
		d, err := describeTable(t.Context(), "n", table, false)
		nodetest.Check(t, err)
		registered = append(registered, engine.Marshal(d.registration))
		if names := d.registration.Columns; names[2].Name != "birth date" || names[1].Unit != "EUR" || names[0].Labels[1] != "female" {
			t.Errorf("%+v", names)
		}
	}
	if !bytes.Equal(registered[0], registered[1]) || !bytes.Equal(registered[0], registered[2]) {
		t.Error("the flag and node.toml register differently")
	}
	flags.declared[1] = strings.Replace(flags.declared[1], "bounds=measured", "max=12", 1)
	sources, _, err = flags.sources()
	nodetest.Check(t, err)
	_, err = describeTable(t.Context(), "n", sources[0].Tables[0], false)
	if f := failure.Of(err); f.File != filepath.Join(dir, "north.csv") || f.Line != 2 || !strings.Contains(f.Message, "above the declared max 12") {
		t.Errorf("%+v", f)
	}
	for want, declared := range map[string][]string{
		"--column is given twice for column \"sex\"": {"sex: unit=x", "t.sex: null=9"},
		`type = "txt" is not known`:                  {"sex: type=txt"},
		"does not begin with a column's name":        {"sex type=text"},
	} {
		flags.declared = declared
		if _, _, err := flags.sources(); err == nil || !strings.Contains(failure.Of(err).Message, want) || failure.Of(err).Status != failure.StatusUsage {
			t.Errorf("%v: %v", declared, err)
		}
	}
}

// TestDescribeTOML: the [[table]] that describe prints registers just what it shows, to the last byte, also of what is set
// aside, left out and renamed, of several files, and whatever characters stand in it.
func TestDescribeTOML(t *testing.T) {
	dir := nodetest.WriteFiles(t, map[string]string{"north 'a'.csv": "\"a \"\"b\"\"\",sex,x,long\n1,m,NA,0.123456789012345678901234567890123456789\n", "east.txt.csv": "# by hand\na;b\n1,5;x\n", "south.csv": "\"a \"\"b\"\"\",sex,x,long\n2,f,2.5,1\n"})
	t.Chdir(dir)
	for _, args := range [][]string{
		{"south.csv"},
		{"--null", "NA", "north 'a'.csv", "south.csv"},
		{"--null", "NA", "--columns", "sex,x", "--header", "yes", "--name", "t", "[ns]*.csv"},
		{"--delimiter", ";", "--decimal", ",", "--comment", "#", "--column", "a: min=0 bounds=measured unit=kg class=none title=A", "east.txt.csv"},
		{"--column", `"a \"b\"": type=decimal scale=3 min=0.5 max=100`, "--column", `x: null=NA as="y \\ \"z\"" unit="'m'"`, "--column", "sex: codes=f=female codes=m=\"\" codes=\" \"=none", "[ns]*.csv"},
	} {
		run := func(more ...string) string {
			var out, errs bytes.Buffer
			if exit := Main(append(append([]string{"describe"}, more...), args...), strings.NewReader(""), &out, &errs); exit != 0 {
				t.Fatalf("%v: %s", args, errs.String())
			}
			return out.String()
		}
		head := "name = \"n\"\ndir = \"d\"\nlisten = \"/ip4/127.0.0.1/tcp/0\"\nparameters = \"light\"\npeers = []\nanalysts = []\n"
		nodetest.Check(t, os.WriteFile("node.toml", []byte(head+run("--toml")), 0o600))
		cfg, err := config.Load("node.toml")
		nodetest.Check(t, err)
		read, err := describeTable(t.Context(), "n", cfg.Tables[0], false)
		nodetest.Check(t, err)
		text, err := render.JSON(describe(cfg.Tables[0], read))
		nodetest.Check(t, err)
		if shown := run("--json"); shown != text {
			t.Errorf("%v:\n%s\nwant\n%s", args, text, shown)
		}
	}
}
