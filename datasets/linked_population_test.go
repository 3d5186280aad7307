package datasets_test

import (
	"database/sql"
	"fmt"
	"math/big"
	"slices"
	"strings"
	"testing"

	"parley/datasets"
	"parley/datasets/population"
	"parley/datasets/published"
	"parley/datasets/rehearsal"
	"parley/engine"
)

// TestLinkedPopulation: questions over tables of the synthetic population, each of which other departments hold, have the answers that DuckDB
// gives over the files.
func TestLinkedPopulation(t *testing.T) {
	made, err := population.Write(t.Context(), t.TempDir(), population.Spec{Seed: 16, Persons: 600, Cities: []string{"north", "south"}})
	if err != nil {
		t.Fatal(err)
	}
	db, err := sql.Open("duckdb", "")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	w := &linkedWorld{heads: map[string][]string{}, tables: map[string]map[string]*datasets.Table{}, positions: map[string]uint32{}}
	for _, city := range made {
		for name, path := range city.Files {
			table := rehearsal.Open(t, func() (*datasets.Table, error) {
				return datasets.Open(t.Context(), name, []string{path}, datasets.Options{})
			})
			if err := table.Link(t.Context(), engine.Linkage{Key: "person_id", Spine: "register", Department: "north register"}, published.Limit{}, func(key string) (string, bool) { return key, true }); err != nil {
				t.Fatal(err)
			}
			w.tables[city.City+" "+name] = map[string]*datasets.Table{name: table}
			keys, _, err := table.Keys(t.Context(), "person_id")
			if err != nil {
				t.Fatal(err)
			}
			for _, key := range keys {
				if _, known := w.positions[key]; known {
					continue
				}
				w.positions[key] = uint32(len(w.positions))
				w.persons = append(w.persons, rehearsal.Person{ID: key, Spellings: []string{key}})
			}
		}
	}
	w.length = len(w.persons)
	for _, q := range []struct{ tables, sql string }{
		{"register tax", "SELECT r.sex, r.hukou, count(*), sum(x.taxable_income), count(x.tax_paid) FROM register r JOIN tax x USING (person_id) WHERE x.year = 2020 GROUP BY 1, 2 ORDER BY 1, 2"},
		{"health education", "SELECT e.level, count(*), sum(h.visits), sum(h.expense * e.years) FROM health h JOIN education e ON h.person_id = e.person_id WHERE h.chronic OR h.visits > 2 GROUP BY 1 ORDER BY 1"},
		{"insurance register", "SELECT i.scheme, r.migrant, count(*) FILTER (WHERE r.age >= 60 AND i.contribution_months > 0), sum(r.age - i.contribution_months) FROM insurance i JOIN register r ON i.person_id = r.person_id GROUP BY 1, 2 ORDER BY 1, 2"},
	} {
		got, err := w.answerBy(t, q.sql, func(table string) bool { return slices.Contains(strings.Fields(q.tables), table) })
		if err != nil {
			t.Fatalf("%s: %v", q.sql, err)
		}
		for _, name := range strings.Fields(q.tables) {
			files := fmt.Sprintf("['%s', '%s']", made[0].Files[name], made[1].Files[name])
			if _, err := db.Exec(fmt.Sprintf("CREATE OR REPLACE VIEW %s AS SELECT * FROM read_csv(%s, auto_type_candidates = ['BOOLEAN', 'BIGINT', 'DATE', 'VARCHAR'])", name, files)); err != nil {
				t.Fatal(err)
			}
		}
		statement := q.sql
		for _, money := range []string{"x.taxable_income", "h.expense"} {
			statement = strings.ReplaceAll(statement, money, "CAST("+money+" AS DECIMAL(18, 2))")
		}
		want, err := db.Query("SELECT CAST(COLUMNS(*) AS VARCHAR) FROM (" + statement + ")")
		if err != nil {
			t.Fatal(err)
		}
		columns, _ := want.Columns()
		at := 0
		for ; want.Next(); at++ {
			texts, into := make([]sql.NullString, len(columns)), make([]any, len(columns))
			for i := range texts {
				into[i] = &texts[i]
			}
			if err := want.Scan(into...); err != nil {
				t.Fatal(err)
			}
			for i, text := range texts {
				if at >= len(got.Rows) || !alike(got.Rows[at][i].Text, text) {
					t.Fatalf("%s: row %d is %v, DuckDB has %v", q.sql, at, linkedTerms(got), texts)
				}
			}
		}
		if at != len(got.Rows) || at < 2 {
			t.Errorf("%s: %d rows, DuckDB has %d", q.sql, len(got.Rows), at)
		}
	}
}

// alike compares texts, of numbers their values.
func alike(got *string, want sql.NullString) bool {
	if got == nil || !want.Valid {
		return got == nil && !want.Valid
	}
	a, isNumber := new(big.Rat).SetString(*got)
	b, too := new(big.Rat).SetString(want.String)
	return *got == want.String || isNumber && too && a.Cmp(b) == 0
}
