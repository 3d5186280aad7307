package datasets

import (
	"context"
	"errors"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"parley/datasets/files"
	"parley/datasets/rehearsal"
	"parley/engine"
)

// What answers a question over tables, as a network would.
var (
	plan     = rehearsal.Plan[*Table]
	ask      = rehearsal.Ask[*Table]
	converse = rehearsal.Converse[*Table]
)

// write makes a file in a temporary folder.
func write(t testing.TB, name, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// open opens files as one table of which everything is declared, and which the test closes. Tables of tests are
// small, and most of their values stand in one row alone: here they have the dictionaries that these would not get.
func open(t testing.TB, o Options, files ...string) *Table {
	t.Helper()
	table := rehearsal.Open(t, func() (*Table, error) { return Open(context.Background(), "t", files, o) })
	for i, found := range table.found {
		if c := &table.described[i]; found.HasDictionary && !c.HasDictionary {
			c.HasDictionary, c.Dictionary, c.Nullable = true, found.Dictionary, found.Nullable
		}
	}
	return table
}

// openText opens CSV texts, each a file.
func openText(t testing.TB, texts ...string) *Table {
	t.Helper()
	var files []string
	for _, text := range texts {
		files = append(files, write(t, "t.csv", text))
	}
	return open(t, Options{}, files...)
}

// refusal opens files that must be refused and gives the error.
func refusal(t testing.TB, o Options, paths ...string) *files.Error {
	t.Helper()
	table, err := Open(context.Background(), "t", paths, o)
	if err == nil {
		table.Close()
		t.Fatalf("%v was read as %v", paths, table)
	}
	var e *files.Error
	if !errors.As(err, &e) {
		t.Fatalf("an error of type %T: %v", err, err)
	}
	return e
}

// exact gives the rows of an answer as text, NULL as "NULL".
func exact(r *engine.Result) []string {
	var out []string
	for _, row := range r.Rows {
		var parts []string
		for _, v := range row {
			if v.Exact == nil {
				parts = append(parts, "NULL")
			} else {
				parts = append(parts, *v.Exact)
			}
		}
		out = append(out, strings.Join(parts, "|"))
	}
	return out
}

func wantRows(t testing.TB, r *engine.Result, want ...string) {
	t.Helper()
	if got := exact(r); strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func bigInt(s string) *big.Int {
	n, ok := new(big.Int).SetString(s, 10)
	if !ok {
		panic(s)
	}
	return n
}
