package datasets_test

import (
	"context"
	"encoding/csv"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"parley/datasets"
	"parley/datasets/rehearsal"
	"parley/engine"
)

// A question of questions.tsv: whether it is to be answered, the table, what it is about, the text.
type question struct{ want, table, what, sql string }

func questions(t testing.TB) (list []question) {
	t.Helper()
	f, err := os.Open(rehearsal.CaseFile(t, "questions.tsv"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	lines := csv.NewReader(f)
	lines.Comma, lines.LazyQuotes, lines.FieldsPerRecord = '\t', true, 4
	rows, err := lines.ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range rows[1:] {
		list = append(list, question{row[0], row[1], row[2], row[3]})
	}
	return list
}

// departments opens a folder of shared/cases, a department for each of its files, with each row twice:
// of the few that they have, some columns would be nearly unique and have no dictionary.
func departments(t testing.TB, name string) (tables map[string]*datasets.Table, files map[string]string) {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(rehearsal.CaseFile(t, name), "*.csv"))
	if err != nil || len(paths) < 2 {
		t.Fatalf("the departments' files are %v, %v", paths, err)
	}
	tables, files = map[string]*datasets.Table{}, map[string]string{}
	for _, path := range paths {
		department := strings.TrimSuffix(filepath.Base(path), ".csv")
		path := rehearsal.Twice(t, path)
		tables[department], files[department] = rehearsal.Open(t, func() (*datasets.Table, error) {
			return datasets.Open(context.Background(), name, []string{path}, datasets.Options{})
		}), path
	}
	return tables, files
}

// BenchmarkPlanCases plans the questions that are to be answered, over the real registrations, and
// tells the 99th percentile of the time that one takes.
func BenchmarkPlanCases(b *testing.B) {
	cat := map[string]engine.Catalogue{}
	for _, name := range []string{"stays", "tax"} {
		tables, _ := departments(b, name)
		for _, department := range slices.Sorted(maps.Keys(tables)) {
			cat[name] = append(cat[name], tables[department].Registration(department, 1))
		}
	}
	wanted := slices.DeleteFunc(questions(b), func(q question) bool { return q.want != "yes" })
	var took []time.Duration
	for i := 0; b.Loop(); i++ {
		q := wanted[i%len(wanted)]
		var asked []string
		for _, r := range cat[q.table] {
			asked = append(asked, r.Department)
		}
		began := time.Now()
		if s, err := engine.NewSession(q.sql, cat[q.table], asked, rehearsal.Packing); err == nil && s.Plan() == nil {
			b.Fatalf("%s has no plan", q.sql)
		}
		took = append(took, time.Since(began))
	}
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)*99/100].Microseconds())/1000, "ms/p99")
}
