//go:build postgres

package served_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"parley/datasets"
	"parley/datasets/published"
	"parley/datasets/rehearsal"
	"parley/datasets/served"
	"parley/datasets/vectors"
	"parley/engine"
)

// TestServedVectors: what each person's rows add up to is the same of a table in a database and of a file with its rows, and so is
// how many rows of one person are registered.
func TestServedVectors(t *testing.T) {
	r := rand.New(rand.NewPCG(16, 7))
	persons := rehearsal.Persons(r, 12)
	positions, length := rehearsal.OnSpine(persons, 4)
	spine := vectors.Spine{Positions: length, Canonical: rehearsal.Spelled(persons), Position: func(id string) (uint32, bool) { at, ok := positions[id]; return at, ok }}
	rows := rehearsal.PersonRows(r, persons, []int{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10}, 60, false, func() []string {
		out := []string{[]string{"child", "rent"}[r.IntN(2)], fmt.Sprintf("%d.%02d", r.IntN(90)-20, r.IntN(100)), strconv.Itoa(r.IntN(40))}
		if r.IntN(5) == 0 {
			out[1+r.IntN(2)] = ""
		}
		return out
	})
	path := filepath.Join(t.TempDir(), "benefits.csv")
	if err := os.WriteFile(path, []byte(rehearsal.PersonsCSV([]string{"pid", "kind", "amount", "months"}, rows)), 0o600); err != nil {
		t.Fatal(err)
	}
	link := func(table *datasets.Table) engine.Registration {
		t.Helper()
		if err := table.Link(t.Context(), engine.Linkage{Key: "pid", Spine: "population", Department: "civil"}, published.Limit{}, spine.Canonical); err != nil {
			t.Fatal(err)
		}
		return table.Registration("a", 1)
	}
	const sql = "SELECT kind, count(*), sum(amount), sum(amount * months), count(*) FILTER (WHERE months > 9), bool_or(amount > 0) FROM benefits GROUP BY kind"
	made := func(name string, table *datasets.Table) (*vectors.Vectors, string) {
		t.Helper()
		p, err := engine.NewPlan(sql, engine.Catalogue{table.Registration("a", 1)}, []string{"a"}, rehearsal.Packing)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		v, report, err := vectors.Of(t.Context(), table, p, "a", "pid", spine)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		return v, report.String()
	}
	file := rehearsal.Open(t, func() (*datasets.Table, error) {
		return datasets.Open(t.Context(), "benefits", []string{path}, datasets.Options{})
	})
	registered := link(file)
	want, report := made("the file", file)
	for _, s := range servers(t) {
		run(t, s.db, "CREATE TABLE benefits (pid varchar(99), kind varchar(9), amount decimal(12,2), months bigint)")
		for _, row := range rows {
			values := make([]string, len(row.Fields))
			for i, v := range row.Fields {
				if values[i] = "NULL"; v != "" {
					values[i] = "'" + v + "'"
				}
			}
			run(t, s.db, "INSERT INTO benefits VALUES ("+strings.Join(values, ", ")+")")
		}
		table := rehearsal.Open(t, func() (*datasets.Table, error) {
			return datasets.Connect(t.Context(), "benefits", served.Options{Source: s.source, Table: "benefits"})
		})
		if q := link(table).Quality; q.Duplicates != registered.Quality.Duplicates || q.Duplicates == 0 {
			t.Errorf("%s: %d rows of persons with several, in the file %d", s.name, q.Duplicates, registered.Quality.Duplicates)
		}
		got, said := made(s.name, table)
		if said != report {
			t.Errorf("%s: %s; of the file %s", s.name, said, report)
		}
		for g := range want.Groups() {
			for m := range want.Moments() {
				a, b := make([]int64, length), make([]int64, length)
				want.Fill(a, g, m, 0)
				got.Fill(b, g, m, 0)
				if !slices.Equal(a, b) {
					t.Errorf("%s: group %d, vector %d: %v, of the file %v", s.name, g, m, b, a)
				}
			}
		}
	}
}
