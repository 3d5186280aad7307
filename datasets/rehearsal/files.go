package rehearsal

import (
	"encoding/csv"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// RealFile gives a file of shared/data, a folder of real tables with exact answers beside the
// repository, or skips where that is absent.
func RealFile(t testing.TB, name ...string) string {
	t.Helper()
	return shared(t, "data", name)
}

// CaseFile gives a file of shared/cases, small inputs with known right behaviour beside the
// repository, or skips where that is absent.
func CaseFile(t testing.TB, name ...string) string {
	t.Helper()
	return shared(t, "cases", name)
}

// shared finds a file of a folder of shared.
func shared(t testing.TB, folder string, name []string) string {
	t.Helper()
	root, err := filepath.Abs(".")
	if err != nil {
		t.Fatal(err)
	}
	for {
		if _, err := os.Stat(filepath.Join(root, "go.mod")); err == nil {
			break
		}
		if root == filepath.Dir(root) {
			t.Fatal("this is not the repository")
		}
		root = filepath.Dir(root)
	}
	path := filepath.Join(append([]string{root, "..", "shared", folder}, name...)...)
	if _, err := os.Stat(path); err != nil {
		t.Skipf("the files beside the repository are not here: %v", err)
	}
	return path
}

// ReadCSV reads a file whole; the first row is its header.
func ReadCSV(t testing.TB, path string) [][]string {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	rows, err := csv.NewReader(f).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	return rows
}

// EachRow visits the rows of a file by their columns' names.
func EachRow(t testing.TB, path string, visit func(row map[string]string)) {
	t.Helper()
	rows := ReadCSV(t, path)
	for _, row := range rows[1:] {
		visit(named(rows[0], row))
	}
}

func named(header, row []string) map[string]string {
	out := map[string]string{}
	for i, name := range header {
		out[name] = row[i]
	}
	return out
}

// Split writes a file's rows to one file for each value of a key, and gives their paths by it.
func Split(t testing.TB, path string, key func(row map[string]string) string) map[string]string {
	t.Helper()
	rows := ReadCSV(t, path)
	parts := map[string][][]string{}
	for _, row := range rows[1:] {
		k := key(named(rows[0], row))
		parts[k] = append(parts[k], row)
	}
	return writeParts(t, rows[0], parts)
}

// Scatter deals a file's rows at random to departments d0, d1, …, each of which has one at least.
func Scatter(t testing.TB, path string, departments int, seed uint64) map[string]string {
	t.Helper()
	rows := ReadCSV(t, path)
	random := rand.New(rand.NewPCG(seed, 4))
	parts := map[string][][]string{}
	for i, row := range rows[1:] {
		d := random.IntN(departments)
		if i < departments {
			d = i
		}
		name := fmt.Sprintf("d%d", d)
		parts[name] = append(parts[name], row)
	}
	return writeParts(t, rows[0], parts)
}

func writeParts(t testing.TB, header []string, parts map[string][][]string) map[string]string {
	t.Helper()
	folder, files := t.TempDir(), map[string]string{}
	for name, part := range parts {
		files[name] = filepath.Join(folder, name+".csv")
		WriteCSV(t, files[name], append([][]string{header}, part...))
	}
	return files
}

// WriteCSV writes a file for its owner only.
func WriteCSV(t testing.TB, path string, rows [][]string) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := csv.NewWriter(f).WriteAll(rows); err != nil {
		t.Fatal(err)
	}
}

// Twice writes a CSV file's rows twice into another, of the same name, and gives its path.
func Twice(t testing.TB, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	header, rows, _ := strings.Cut(string(text), "\n")
	if rows != "" && !strings.HasSuffix(rows, "\n") {
		rows += "\n"
	}
	twice := filepath.Join(t.TempDir(), filepath.Base(path))
	if err := os.WriteFile(twice, []byte(header+"\n"+rows+rows), 0o600); err != nil {
		t.Fatal(err)
	}
	return twice
}
