package datasets

import (
	"context"
	"os"
	"path/filepath"
	"testing"
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
