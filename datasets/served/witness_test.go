//go:build postgres

package served_test

import (
	"context"
	"errors"
	"testing"

	"parley/datasets"
	"parley/datasets/published"
	"parley/datasets/rehearsal"
	"parley/datasets/served"
)

// TestServedWitness: a version's column that is looked at in the statement of the cells shows what it shows by itself,
// its greatest value and the number of its values in the whole table, whatever a question asks of it.
func TestServedWitness(t *testing.T) {
	for _, s := range servers(t) {
		run(t, s.db, "CREATE TABLE t (k int, v int, x int)", "INSERT INTO t VALUES (1, 1, 5), (1, 2, 6), (2, 3, 7), (2, NULL, 8)")
		table, err := datasets.Connect(context.Background(), "t", served.Options{Source: s.source, Table: "t", Version: "v"},
			datasets.Declaration{Name: "k", Terms: published.Terms{Dictionary: true}},
			datasets.Declaration{Name: "x", Codes: []datasets.Code{{Value: "5"}, {Value: "6"}, {Value: "7"}, {Value: "8"}}})
		if err != nil {
			t.Fatal(err)
		}
		defer table.Close()
		cellsOf := func(question string) error {
			t.Helper()
			plan, err := rehearsal.Plan(t, question, map[string]*datasets.Table{"north": table})
			if err != nil {
				t.Fatal(err)
			}
			_, err = table.Aggregate(context.Background(), plan, "north")
			return err
		}
		questions := []string{"SELECT sum(x) FROM t", "SELECT k, sum(x), count(*) FROM t GROUP BY k", "SELECT sum(x) FROM t WHERE k = 1", "SELECT k, histogram(x, 0, 10, 5) FROM t GROUP BY k",
			"SELECT crosstab(k, x) FROM t", "SELECT k, sum(x) FROM t WHERE x > 100 GROUP BY k"}
		is := func(changed bool, after string) {
			t.Helper()
			for _, question := range questions {
				err := cellsOf(question)
				if changed && !errors.Is(err, datasets.ErrRegistration) || !changed && err != nil {
					t.Errorf("%s, %s: %s: %v", s.name, after, question, err)
				}
				if (table.Drift() != "") != changed {
					t.Errorf("%s, %s: %s: drift %q", s.name, after, question, table.Drift())
				}
			}
		}
		is(false, "as registered")
		for _, c := range []struct {
			statement string
			changed   bool
		}{
			{"UPDATE t SET v = 4 WHERE v = 3", true}, // the greatest
			{"UPDATE t SET v = 3 WHERE v = 4", false},
			{"DELETE FROM t WHERE v = 1", true}, // a row less
			{"INSERT INTO t VALUES (1, 1, 5)", false},
			{"UPDATE t SET v = 1 WHERE v IS NULL", true}, // a value more
			{"UPDATE t SET v = NULL WHERE x = 8", false},
			{"INSERT INTO t VALUES (77, 9, 5)", true}, // a group more
			{"DELETE FROM t WHERE k = 77", false},
			{"DELETE FROM t", true},
			{"INSERT INTO t VALUES (1, 1, 5), (1, 2, 6), (2, 3, 7), (2, NULL, 8)", false},
			{"ALTER TABLE t DROP COLUMN x", true},
		} {
			run(t, s.db, c.statement)
			is(c.changed, c.statement)
		}
	}
}

// TestServedNoWitness: who says that the version comes with a statement, and asks none, is told of a change all the
// same; so is a view, which has no witness.
func TestServedNoWitness(t *testing.T) {
	s := postgresServer(t)
	run(t, s.db, "CREATE TABLE t (v int)", "INSERT INTO t VALUES (1)", "CREATE VIEW seen AS SELECT * FROM t")
	for name, witness := range map[string]int{"t": 2, "seen": 0} {
		table := s.mustOpen(t, served.Options{Table: name, Version: "v"})
		if got := table.Witness(); len(got) != witness {
			t.Errorf("%s: %v", name, got)
		}
		run(t, s.db, "UPDATE t SET v = v + 1")
		if err := table.Snapshot(context.Background(), true, func(*served.Asking) error { return nil }); !errors.Is(err, served.ErrChanged) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
