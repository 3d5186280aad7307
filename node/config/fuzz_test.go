package config

import (
	"os"
	"path/filepath"
	"testing"
)

// FuzzConfig: no node.toml makes a node panic.
func FuzzConfig(f *testing.F) {
	f.Add([]byte("name = \"n\"\ndir = \"d\"\n[[table]]\nname = \"t\"\nfiles = [\"*.csv\"]\n"))
	f.Add([]byte("nmae = 1"))
	f.Add([]byte("name = \"n\"\ndir = \"d\"\nlisten = \"l\"\nparameters = \"light\"\n[[table]]\nname = \"t\"\nsource = \"postgres://a@b/c?sslmode=disable\"\nquery = \"SELECT (1)\"\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		path := filepath.Join(t.TempDir(), "node.toml")
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
		_, _ = Load(path)
	})
}

// FuzzColumn: a declaration of one line never panics, and what is taken is one that node.toml may hold.
func FuzzColumn(f *testing.F) {
	f.Add(`t.a: type=decimal scale=2 unit=EUR null=- null="n a" codes=1=x codes="2 "="y z"`)
	f.Add(`"a.b\"c": min=0 max=9`)
	f.Fuzz(func(t *testing.T, text string) {
		table, c, problem := ParseColumn(text, []string{"t"})
		if problem != nil {
			return
		}
		if problem := (FileTable{Declared: []FileColumn{c}}).checkColumns("table[0]"); problem != nil || table != "t" {
			t.Errorf("%q: %q %+v %v", text, table, c, problem)
		}
	})
}
