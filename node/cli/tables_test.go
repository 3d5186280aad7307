package cli

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"parley/circuits"
	"parley/engine"
	"parley/node/config"
	"parley/node/failure"
	"parley/node/nodetest"
	"parley/node/render"
)

func TestTablesMatchDepartmentsByPosition(t *testing.T) {
	dir := nodetest.WriteFiles(t, map[string]string{"b.csv": "", "a.csv": "", "tax-1.parquet": "", "tax-2.parquet": "", "we ird!.csv": ""})
	t.Chdir(dir)
	sources, err := parseTables([]string{"heart=b.csv, a.csv", "tax=tax-*.parquet"}, config.Table{Null: []string{"NA"}, Encoding: "gb18030", Header: "no"})
	if err != nil {
		t.Fatal(err)
	}
	if len(sources) != 2 || sources[0].Name != "b" || sources[1].Name != "a" {
		t.Fatalf("got %+v", sources)
	}
	second := sources[1].Tables
	if second[0].Name != "heart" || second[0].Files[0] != filepath.Join(dir, "a.csv") || second[0].Null[0] != "NA" || second[0].Header != "no" ||
		second[1].Name != "tax" || second[1].Files[0] != filepath.Join(dir, "tax-2.parquet") || second[1].Encoding != "gb18030" {
		t.Errorf("the second department holds %+v", second)
	}
	if sources, err = parseTables([]string{"t=we ird!.csv"}, config.Table{}); err != nil || sources[0].Name != "we-ird" {
		t.Errorf("got %+v, %v", sources, err)
	}
}

func TestTablesThatAreWrong(t *testing.T) {
	dir := nodetest.WriteFiles(t, map[string]string{"a.csv": "", "b.csv": ""})
	t.Chdir(dir)
	for says, values := range map[string][]string{
		"no table":                nil,
		"names no table":          {"a.csv"},
		`"=a.csv" names no table`: {"=a.csv"},
		"zero departments":        {"t= ,"},
		"no file x.csv":           {"t=x.csv"},
		"no file x*.csv":          {"t=a.csv,x*.csv"},
		"t is given twice":        {"t=a.csv", "t=b.csv"},
		"a.csv is given twice":    {"t=a.csv,*.csv"},
		"has 2 files and table":   {"t=*.csv", "u=a.csv"},
		"not a pattern":           {"t=[a.csv"},
	} {
		_, err := parseTables(values, config.Table{})
		if err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%q: %v, want %q", values, err, says)
		} else if failure.Of(err).Status != failure.StatusUsage {
			t.Errorf("%q has status %d", values, failure.Of(err).Status)
		}
	}
}

// TestTablesThatAreOneFile: a file under two names is not two departments, nor counted twice in one.
func TestTablesThatAreOneFile(t *testing.T) {
	dir := nodetest.WriteFiles(t, map[string]string{"a.csv": "x\n1\n", "b.csv": "x\n2\n"})
	if err := os.Symlink("a.csv", filepath.Join(dir, "current.csv")); err != nil {
		t.Skip(err)
	}
	one, other := filepath.Join(dir, "a.csv"), filepath.Join(dir, "current.csv")
	_, err := parseTables([]string{"t=" + filepath.Join(dir, "*.csv")}, config.Table{})
	if f := failure.Of(err); err == nil || f.Message != "--table t: "+one+" and "+other+" are one file" || !strings.Contains(f.Hint, "leave out one") {
		t.Errorf("two departments: %v", err)
	}
	_, err = describeTable(t.Context(), "north", config.Table{Name: "t", Files: []string{one, other}}, false)
	if f := failure.Of(err); err == nil || f.Error() != other+": is the same file as "+one {
		t.Errorf("one department: %v", err)
	}
	text := "name = \"n\"\ndir = \"d\"\nlisten = \"/ip4/127.0.0.1/tcp/0\"\nparameters = \"light\"\npeers = []\nanalysts = []\n" +
		"[[table]]\nname = \"t\"\nfiles = [\"*.csv\"]\n"
	path := filepath.Join(dir, "node.toml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err = config.Load(path)
	if f := failure.Of(err); err == nil || !strings.HasSuffix(f.Message, one+" and "+other+" are one file") || f.Line != 9 {
		t.Errorf("node.toml: %v, line %d", err, failure.Of(err).Line)
	}
}

func TestDepartmentNames(t *testing.T) {
	for _, c := range []struct{ files, want []string }{
		{[]string{"/x/cleveland.csv", "/x/hungary.csv"}, []string{"cleveland", "hungary"}},
		{[]string{"/x/north/t.csv", "/x/south/t.csv"}, []string{"north-t", "south-t"}},
		{[]string{"/a/n/t.csv", "/b/n/t.csv"}, []string{"n-t", "n-t-2"}},
		{[]string{"/x/t.csv", "/x/t.parquet"}, []string{"x-t", "x-t-2"}},
		{[]string{"/x/.csv", "/x/南京 市.csv"}, []string{"department", "南京-市"}},
		{[]string{"/x/..csv", "/x/a\x00b.tar.csv"}, []string{"department", "a-b.tar"}},
	} {
		if got := departmentNames(c.files); !slices.Equal(got, c.want) {
			t.Errorf("departmentNames(%q) = %q, want %q", c.files, got, c.want)
		}
	}
	if n := len([]rune(plainName(strings.Repeat("é", 500)))); n != maxDepartmentName {
		t.Errorf("a long name has %d characters", n)
	}
}

// TestOwnedFiles: a file may have its department's name before it; tables need not have the same departments, and several files of one
// are one table.
func TestOwnedFiles(t *testing.T) {
	t.Chdir(t.TempDir())
	for _, name := range []string{"a.csv", "b.csv", "c.csv", "odd:name.csv"} {
		if err := os.WriteFile(name, []byte("x\n1\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	held := func(values ...string) string {
		sources, err := parseTables(values, config.Table{})
		if err != nil {
			return failure.Of(err).Message
		}
		var out []string
		for _, s := range sources {
			for _, table := range s.Tables {
				line := s.Name + "." + table.Name
				for _, file := range table.Files {
					line += " " + filepath.Base(file)
				}
				out = append(out, line)
			}
		}
		return strings.Join(out, "; ")
	}
	for _, c := range []struct {
		want   string
		values []string
	}{
		{"police.r a.csv; tax.r b.csv; tax.t c.csv", []string{"r=police:a.csv,tax:b.csv", "t=tax:c.csv"}},
		{"police.r a.csv b.csv", []string{"r=police:a.csv,police:b.csv"}},
		{"a.r a.csv; a.t c.csv; b.r b.csv", []string{"r=a.csv,b.csv", "t=a:c.csv"}},
		{"odd-name.r odd:name.csv", []string{"r=odd:name.csv"}},
		{`table "r" has 2 files and table "t" has 1: each department needs one of each`, []string{"r=a.csv,b.csv", "t=c.csv"}},
	} {
		if got := held(c.values...); got != c.want {
			t.Errorf("%v gives %s, want %s", c.values, got, c.want)
		}
	}
}

// TestKeysAndSpine: --key is of all tables that have the column, or of one, and --spine of a table that one department holds.
func TestKeysAndSpine(t *testing.T) {
	t.Chdir(t.TempDir())
	for _, name := range []string{"a.csv", "b.csv", "c.csv"} {
		if err := os.WriteFile(name, []byte("x\n1\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	two := []string{"register=police:a.csv", "tax=north:b.csv,south:c.csv"}
	for _, c := range []struct {
		want      string // in the refusal
		tables    []string
		key       []string
		colocated bool
		spine     string
	}{
		{"", two, []string{"id"}, false, "register"},
		{"", two, []string{"id", "tax=payer"}, false, "register"},
		{"", two, []string{"id"}, true, ""},
		{"", two, nil, false, ""},
		{"--key names none", two, nil, false, "register"},
		{"--key names none", two, nil, true, ""},
		{"names no column", two, []string{"tax="}, false, "register"},
		{"given twice", two, []string{"id", "person"}, false, "register"},
		{"given twice", two, []string{"tax=id", "tax=person"}, false, "register"},
		{"no --table has that name", two, []string{"id"}, false, "population"},
		{"north, south hold the table", two, []string{"id"}, false, "tax"},
		{"that they do", two, []string{"id"}, true, "register"},
		{"all files are police's", []string{"register=police:a.csv", "tax=police:b.csv"}, []string{"id"}, false, "register"},
	} {
		sources, err := parseTables(c.tables, config.Table{})
		nodetest.Check(t, err)
		k, err := parseKeys(c.key, c.colocated, c.spine, sources)
		switch {
		case c.want == "" && (err != nil || k.spine.Table != c.spine || c.spine != "" && k.spine.Department != "police"):
			t.Errorf("%v, spine %q: %+v, %v", c.key, c.spine, k, err)
		case c.want != "" && (err == nil || !strings.Contains(failure.Of(err).Message, c.want)):
			t.Errorf("%v, spine %q: %v, want %s", c.key, c.spine, err, c.want)
		}
	}
}

// TestLinkedTables: what --spine says of tables is registered: whose persons the keys name, how many rows one has, and no key in a dictionary; each table's
// own key may have another name. What cannot be is refused in words.
func TestLinkedTables(t *testing.T) {
	dir := nodetest.WriteFiles(t, map[string]string{
		"register.csv": "person_id,sex\n" + rows(30, func(i int) string { return fmt.Sprintf("P%03d,%s", i, []string{"f", "m"}[i%2]) }),
		"tax.csv":      "taxpayer,year,paid\n" + rows(40, func(i int) string { return fmt.Sprintf("p%03d,%d,%d", i/2, 2019+i%2, i) }),
		"gaps.csv":     "taxpayer,year,paid\n,2019,1\n" + rows(40, func(i int) string { return fmt.Sprintf("p%03d,%d,%d", i/2, 2019+i%2, i) }),
		"none.csv":     "person_id,sex\n,f\n,m\n,f\n,m\n",
		"day.csv":      "taxpayer,year,paid\n2020-01-01,2019,1\n2020-01-02,2019,1\n",
	})
	t.Chdir(dir)
	register := func(spine string, tables ...string) (engine.Catalogue, []source, error) {
		f := tableFlags{tables: tables, key: []string{"person_id", "tax=taxpayer"}, spine: spine, readingFlags: readingFlags{header: "auto"}}
		sources, keys, err := f.sources()
		nodetest.Check(t, err)
		p, err := circuits.Named("light")
		nodetest.Check(t, err)
		var out bytes.Buffer
		c := &command{out: &out, errs: &out, progress: render.NewProgress(&out)}
		catalogue, err := c.register(t.Context(), sources, keys, p)
		if err == nil && c.persons != 30 {
			t.Errorf("the spine has %d persons", c.persons)
		}
		return catalogue, sources, err
	}
	for _, taxes := range []string{"tax.csv", "gaps.csv"} {
		catalogue, sources, err := register("register", "register=police:register.csv", "tax=taxoffice:"+taxes)
		nodetest.Check(t, err)
		on := engine.Linkage{Spine: "register", Department: "police"}
		for i, key := range []string{"person_id", "taxpayer"} {
			r, t0 := catalogue[i], sources[i].Tables[0]
			on.Key = key
			if r.Linkage != on || r.Columns[0].HasDictionary || slices.ContainsFunc(t0.Declared, func(c config.FileColumn) bool { return c.Name == key }) {
				t.Errorf("%s: %+v of %+v", r.Table, r.Linkage, r.Columns[0])
			}
			if read, err := describeTable(t.Context(), sources[i].Name, t0, false); err != nil || engine.Hash("r", engine.Marshal(read.registration)) != engine.Hash("r", engine.Marshal(r)) {
				t.Errorf("a node registers %s otherwise: %v", r.Table, err)
			}
		}
		if of := catalogue[1].Quality; of.RowsPerPerson != map[string]int64{"tax.csv": 2}[taxes] || of.RowsPerKey != map[string]int64{"gaps.csv": 2}[taxes] || of.Duplicates != 40 || sources[1].Persons != 20 || sources[0].Persons != 30 {
			t.Errorf("%s: %+v, %+v", taxes, of, sources)
		}
	}
	for want, tables := range map[string][]string{
		"neither text nor whole numbers": {"register=police:register.csv", "tax=taxoffice:day.csv"},
		`has no column "person_id"`:      {"register=police:tax.csv", "tax=taxoffice:gaps.csv"},
		"no such column at department":   {"register=police:register.csv", "tax=taxoffice:none.csv"},
	} {
		if _, _, err := register("register", tables...); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v: %v, want %s", tables, err, want)
		}
	}
}

// rows are lines of a file.
func rows(n int, line func(i int) string) string {
	var b strings.Builder
	for i := range n {
		b.WriteString(line(i) + "\n")
	}
	return b.String()
}
