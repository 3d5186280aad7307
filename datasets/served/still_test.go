//go:build postgres

package served_test

import (
	"context"
	"errors"
	"testing"

	"parley/datasets/served"
)

// TestServedStill: a table of PostgreSQL is not looked at again while no transaction has ended, and is once one has; what
// may change without one is looked at each time. Others work in the same server, so that it takes some attempts.
func TestServedStill(t *testing.T) {
	s := postgresServer(t)
	run(t, s.db, "CREATE TABLE t (v int, x int)", "INSERT INTO t SELECT i, i FROM generate_series(1, 1000) i",
		"CREATE VIEW seen AS SELECT * FROM t", "CREATE TABLE heirs (LIKE t)", "CREATE TABLE heir () INHERITS (heirs)",
		"CREATE TABLE guarded (LIKE t)", "ALTER TABLE guarded ENABLE ROW LEVEL SECURITY", "CREATE TABLE other (i int)")
	ctx := context.Background()
	unlooked := func(table *served.Table) error {
		defer table.Unlooked()()
		return table.Changed(ctx)
	}
	for _, c := range []struct {
		options served.Options
		still   bool
	}{
		{served.Options{Table: "t", Version: "v"}, true},
		{served.Options{Table: "t"}, true},
		{served.Options{Table: "t", VersionQuery: "SELECT count(*) FROM t"}, false},
		{served.Options{Query: "SELECT * FROM t", Version: "v"}, false},
		{served.Options{Table: "seen", Version: "v"}, false},
		{served.Options{Table: "heirs", Version: "v"}, false},
		{served.Options{Table: "guarded", Version: "v"}, false},
	} {
		table := s.mustOpen(t, c.options)
		still := false
		for range 30 {
			if err := table.Changed(ctx); err != nil {
				t.Fatalf("%+v: %v", c.options, err)
			}
			if still = unlooked(table) == nil; still || !c.still {
				break
			}
		}
		if still != c.still {
			t.Errorf("%+v: not looked at again: %v", c.options, still)
		}
		run(t, s.db, "INSERT INTO other VALUES (1)")
		if unlooked(table) == nil {
			t.Errorf("%+v: not looked at behind a transaction", c.options)
		}
		if err := table.Changed(ctx); err != nil {
			t.Errorf("%+v: %v behind a transaction of another table", c.options, err)
		}
		if c.options.Table == "t" {
			run(t, s.db, "UPDATE t SET v = v + 1 WHERE v = 1000", "DELETE FROM t WHERE v = 1")
			if err := table.Changed(ctx); !errors.Is(err, served.ErrChanged) {
				t.Errorf("%+v: %v", c.options, err)
			}
			run(t, s.db, "UPDATE t SET v = v - 1 WHERE v = 1001", "INSERT INTO t VALUES (1, 1)")
			if err := table.Changed(ctx); err != nil {
				t.Errorf("%+v: %v, and it is as it was", c.options, err)
			}
		}
	}
}

// TestServedStillEmptied: TRUNCATE, which snapshots taken before it see too, is noticed even if its transaction had begun
// before the table was registered, and ends while the question waits for it.
func TestServedStillEmptied(t *testing.T) {
	s := postgresServer(t)
	run(t, s.db, "CREATE TABLE t (v int)", "INSERT INTO t VALUES (1), (2)")
	emptying, err := s.db.Begin()
	if err != nil {
		t.Fatal(err)
	}
	defer emptying.Rollback()
	var id int64
	if err := emptying.QueryRow("SELECT txid_current()").Scan(&id); err != nil {
		t.Fatal(err)
	}
	table := s.mustOpen(t, served.Options{Table: "t", Version: "v"})
	if _, err := emptying.Exec("TRUNCATE t"); err != nil {
		t.Fatal(err)
	}
	noticed := make(chan error, 1)
	go func() { noticed <- table.Changed(context.Background()) }()
	waitsFor(t, s.db)
	if err := emptying.Commit(); err != nil {
		t.Fatal(err)
	}
	if err := <-noticed; !errors.Is(err, served.ErrChanged) {
		t.Errorf("%v", err)
	}
}
