package datasets

import (
	"context"
	"errors"
	"math/big"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"testing"

	"parley/engine"
)

// packing is wide enough for any test.
var packing = engine.Packing{LimbBits: 38, LimbsPerCiphertext: 4096, MaxCiphertexts: 1 << 10, MaxDepartments: 64}

// write makes a file in a temporary folder.
func write(t testing.TB, name, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// open opens files as one table that the test closes.
func open(t testing.TB, o Options, files ...string) *Table {
	t.Helper()
	table, err := Open(context.Background(), "t", files, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { table.Close() })
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
func refusal(t testing.TB, o Options, files ...string) *Error {
	t.Helper()
	table, err := Open(context.Background(), "t", files, o)
	if err == nil {
		table.Close()
		t.Fatalf("%v was read as %v", files, table)
	}
	var e *Error
	if !errors.As(err, &e) {
		t.Fatalf("an error of type %T: %v", err, err)
	}
	return e
}

// plan makes the plan of a query over departments' tables of one name.
func plan(t testing.TB, sql string, tables map[string]*Table) (*engine.Plan, error) {
	t.Helper()
	var names []string
	for name := range tables {
		names = append(names, name)
	}
	sort.Strings(names)
	var catalogue engine.Catalogue
	for _, name := range names {
		catalogue = append(catalogue, tables[name].Registration(name, 7))
	}
	return engine.NewPlan(sql, catalogue, names, packing)
}

// ask answers a query as a network would, without its cryptography: cells,
// limbs, their sum, the answer.
func ask(t testing.TB, sql string, tables map[string]*Table) *engine.Result {
	t.Helper()
	p, err := plan(t, sql, tables)
	if err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	result, err := p.Finish(contribute(t, p, tables))
	if err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	return result
}

// contribute makes the cells of a plan, summed over the departments by their limbs.
func contribute(t testing.TB, p *engine.Plan, tables map[string]*Table) []*big.Int {
	t.Helper()
	var sum [][]int64
	for i, name := range p.Departments {
		cells, err := tables[name].Aggregate(context.Background(), p, name)
		if err != nil {
			t.Fatalf("%s at %s: %v", p.SQL, name, err)
		}
		limbs, err := p.Limbs(i, cells)
		if err != nil {
			t.Fatalf("%s at %s: %v", p.SQL, name, err)
		}
		if sum == nil {
			sum = limbs
			continue
		}
		for c := range limbs {
			for s := range limbs[c] {
				sum[c][s] += limbs[c][s]
			}
		}
	}
	cells, err := p.Cells(sum)
	if err != nil {
		t.Fatalf("%s: %v", p.SQL, err)
	}
	return cells
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
