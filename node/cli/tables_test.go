package cli

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"parley/node/config"
	"parley/node/failure"
	"parley/node/nodetest"
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
