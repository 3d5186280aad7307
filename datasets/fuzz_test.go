package datasets

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"parley/engine"
)

// fuzzColumnar opens any bytes as a file of a format.
func fuzzColumnar(f *testing.F, names ...string) {
	rows := record(f, everyType, everyName, everyJSON)
	for _, name := range names {
		b, err := encodings[name](rows)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	folder := f.TempDir()
	f.Fuzz(func(t *testing.T, data []byte) {
		path := filepath.Join(folder, "x"+filepath.Ext(names[0]))
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		tryOpen(t, path)
	})
}

func FuzzArrow(f *testing.F)   { fuzzColumnar(f, "file.arrow", "stream.ipc") }
func FuzzParquet(f *testing.F) { fuzzColumnar(f, "plain.parquet", "dictionary.parquet") }

// FuzzTable opens any bytes as a CSV table.
func FuzzTable(f *testing.F) {
	f.Add([]byte(everyCSV))
	f.Add([]byte("a,b\n1,2.5\n,\n\"\",x\n"))
	path := filepath.Join(f.TempDir(), "x.csv")
	f.Fuzz(func(t *testing.T, data []byte) {
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		tryOpen(t, path)
	})
}

// FuzzDeclared opens any bytes as a CSV table with a declared column: what is registered is valid, within what
// is declared.
func FuzzDeclared(f *testing.F) {
	for kind := range uint8(len(Types)) {
		f.Add([]byte("c\n1\n-0.50\n007\n\nNA\n"), kind, "y-m-d", "0", "9")
		f.Add([]byte("c,d\n2020-03-29 02:30:00,1\n2020-01-31T10:00:00Z,2\n"), kind, "y-m-d H:M:S", "", "")
	}
	path := filepath.Join(f.TempDir(), "x.csv")
	f.Fuzz(func(t *testing.T, data []byte, kind uint8, format, low, high string) {
		d := Declaration{Name: "c", As: "d", Type: Types[int(kind)%len(Types)], Null: []string{"NA"}, Min: low, Max: high, Codes: []Code{{low, "low"}, {high, "high"}}}
		switch {
		case d.Type == "timestamptz":
			d.Zone = "Europe/Berlin"
		case kind%3 == 0:
			d.Format = format
		}
		if kind%2 == 0 {
			d.Codes = nil
		}
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		table, err := Describe(context.Background(), "t", []string{path}, Options{Declared: []Declaration{d}})
		if err != nil {
			return
		}
		r := table.Registration("d", 1)
		if err := r.Validate(); err != nil {
			t.Errorf("%+v: %v", d, err)
		}
		c := r.Columns[table.find("d")]
		if want := kindsOf[d.Type]; c.Kind != want && c.Kind != engine.Null {
			t.Errorf("%+v is a %s", d, c.Kind)
		}
	})
}

// TestLocked: the store of a table runs only what is in it.
func TestLocked(t *testing.T) {
	table := openText(t, "a\n1\n")
	secret := write(t, "secret.csv", "a\n1\n")
	for _, statement := range []string{
		"SELECT * FROM read_csv('" + secret + "')", "SELECT * FROM '" + secret + "'", "SELECT * FROM read_text('" + secret + "')",
		"SELECT * FROM glob('/*')", "COPY rows TO '" + secret + "'", "ATTACH '" + secret + ".db'", "INSTALL httpfs", "LOAD httpfs",
		"SET enable_external_access = true", "SET threads = 64", "SET lock_configuration = false", "EXPORT DATABASE '" + filepath.Dir(secret) + "/x'",
	} {
		if rows, err := table.store.query(context.Background(), statement); err == nil {
			t.Errorf("%s gave %v", statement, rows)
		}
	}
}
