//go:build postgres

package served_test

import (
	"context"
	"database/sql"
	"errors"
	"math/big"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"parley/datasets/served"
)

// raising gives the statements of the README by which every change of the rows of t raises a version.
func raising(t testing.TB, s server) []string {
	t.Helper()
	readme, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, block, _ := strings.Cut(string(readme), "```sql\n-- "+s.name+"\n")
	block, _, ok := strings.Cut(block, ";\n```\n")
	if !ok {
		t.Fatalf("the README has no statements for %s", s.name)
	}
	return strings.Split(block, ";\n")
}

// TestServedVersionRaised: a version that is raised as the README says shows every change of the rows that is committed,
// deletions too, and nothing else.
func TestServedVersionRaised(t *testing.T) {
	for _, s := range servers(t) {
		run(t, s.db, "CREATE TABLE parents (k int PRIMARY KEY)", "INSERT INTO parents VALUES (1), (2), (3)",
			"CREATE TABLE t (k int REFERENCES parents (k) ON DELETE CASCADE, v int)", "INSERT INTO t VALUES (1, 1), (2, 2), (3, 3)", "CREATE TABLE other (k int)")
		run(t, s.db, raising(t, s)...)
		changes := []string{"INSERT INTO t VALUES (1, 4)", "UPDATE t SET v = 7 WHERE v = 4", "DELETE FROM t WHERE v = 7", "DELETE FROM t WHERE v = 3", "INSERT INTO t SELECT k, k FROM parents"}
		unseen := []string{"INSERT INTO other VALUES (1)"}
		if s.name == "PostgreSQL" {
			changes = append(changes, "DELETE FROM parents WHERE k = 3", "SET LOCAL session_replication_role = replica; DELETE FROM t WHERE k = 2", "TRUNCATE t")
		} else { // of which its triggers do not tell, as the README says
			unseen = append(unseen, "DELETE FROM parents WHERE k = 3", "TRUNCATE t")
		}
		for _, change := range append(changes, unseen...) {
			table := s.mustOpen(t, served.Options{Table: "t", VersionQuery: "SELECT v FROM t_version"})
			for _, commit := range []bool{false, true} {
				is := func(changed bool, when string) {
					t.Helper()
					if err := table.Changed(context.Background()); changed && !errors.Is(err, served.ErrChanged) || !changed && err != nil {
						t.Errorf("%s: %s, %s: %v", s.name, change, when, err)
					}
				}
				tx, err := s.db.Begin()
				if err == nil {
					for _, statement := range strings.Split(change, "; ") {
						if _, failed := tx.Exec(statement); failed != nil {
							err = failed
						}
					}
				}
				if err != nil {
					t.Fatalf("%s: %s: %v", s.name, change, err)
				}
				if change != "TRUNCATE t" { // for whose end a look waits
					is(false, "not yet committed")
				} else if s.name != "PostgreSQL" {
					commit = true // which it does by itself
				}
				if !commit {
					if err := tx.Rollback(); err != nil {
						t.Fatal(err)
					}
					is(false, "rolled back")
					continue
				}
				if err := tx.Commit(); err != nil {
					t.Fatal(err)
				}
				is(slices.Contains(changes, change), "committed")
			}
		}
	}
}

// TestServedVersionQuery: what is not one row of one value is refused when it is registered, and when it is asked.
func TestServedVersionQuery(t *testing.T) {
	for _, s := range append(servers(t), clickHouseServer(t)) {
		engine, null := "", "NULL"
		if s.name == "ClickHouse" {
			engine, null = " ENGINE = MergeTree ORDER BY tuple()", "CAST(NULL AS Nullable(Int32))"
		}
		run(t, s.db, "CREATE TABLE t (k int)"+engine, "INSERT INTO t VALUES (1), (2)", "CREATE TABLE versions (v int)"+engine, "INSERT INTO versions VALUES (1)",
			"CREATE TABLE none (v int)"+engine)
		for query, refused := range map[string]string{
			"SELECT v FROM versions":              "",
			"SELECT v FROM none":                  "the version has no value",
			"SELECT " + null + " FROM versions":   "the version has no value",
			"SELECT k FROM t":                     "the engine cannot", // two rows
			"SELECT v, v AS w FROM versions":      "version_query has 2 columns",
			"DELETE FROM t":                       "does not begin with SELECT or WITH",
			"SELECT v FROM versions; SELECT 2":    "more than one statement",
			"SELECT 1) AS x, (SELECT 2":           "closes a parenthesis",
			"SELECT v FROM gone":                  "no such table",
			"SELECT gone FROM versions AS parley": "no such column",
		} {
			_, err := s.open(t, served.Options{Table: "t", VersionQuery: query})
			if refused == "" && err != nil || refused != "" && (err == nil || !strings.Contains(err.Error(), refused)) {
				t.Errorf("%s: %s: %v", s.name, query, err)
			}
		}
		table := s.mustOpen(t, served.Options{Table: "t", VersionQuery: "SELECT v FROM versions"})
		for _, statement := range []string{"TRUNCATE TABLE versions", "INSERT INTO versions VALUES (1), (1)"} {
			run(t, s.db, statement)
			err := table.Snapshot(context.Background(), false, func(*served.Asking) error { t.Errorf("%s: asked behind %s", s.name, statement); return nil })
			if err == nil {
				t.Errorf("%s: no error behind %s", s.name, statement)
			}
		}
	}
}

// waitsFor waits until a session waits for a lock of t.
func waitsFor(t *testing.T, db *sql.DB) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(time.Millisecond) {
		if err := db.QueryRow("SELECT FROM pg_locks WHERE relation = 't'::regclass AND NOT granted").Scan(); err == nil {
			return
		} else if !errors.Is(err, sql.ErrNoRows) || time.Now().After(deadline) {
			t.Fatal("nobody waits for the lock: ", err)
		}
	}
}

// TestServedVersionEmptied: a TRUNCATE that ends while the question waits for it, behind the question's snapshot, empties
// the table under that snapshot's version, and is noticed.
func TestServedVersionEmptied(t *testing.T) {
	s := postgresServer(t)
	run(t, s.db, "CREATE TABLE t (k int)", "INSERT INTO t VALUES (1), (2), (3)", "CREATE VIEW seen AS SELECT * FROM t",
		"CREATE TABLE versions (v int)", "INSERT INTO versions VALUES (1)")
	for _, o := range []served.Options{{Table: "t"}, {Table: "seen"}, {Query: "SELECT * FROM t"}} {
		o.VersionQuery = "SELECT v FROM versions"
		table := s.mustOpen(t, o)
		emptying, err := s.db.Begin()
		if err != nil {
			t.Fatal(err)
		}
		defer emptying.Rollback()
		if _, err := emptying.Exec("TRUNCATE t; UPDATE versions SET v = v + 1"); err != nil {
			t.Fatal(err)
		}
		asked := make(chan error, 1)
		var counted []any
		go func() {
			asked <- table.Snapshot(context.Background(), false, func(a *served.Asking) error {
				rows, err := a.Rows(context.Background(), "SELECT count(*) FROM "+table.From())
				counted = rows[0]
				return err
			})
		}()
		waitsFor(t, s.db)
		if err := emptying.Commit(); err != nil {
			t.Fatal(err)
		}
		if err := <-asked; err == nil || !strings.Contains(err.Error(), "emptied or rewritten just now") {
			t.Errorf("%+v: %v, %v rows", o, err, counted)
		}
		if err := table.Changed(context.Background()); !errors.Is(err, served.ErrChanged) {
			t.Errorf("%+v: %v", o, err)
		}
		run(t, s.db, "INSERT INTO t VALUES (1), (2), (3)", "UPDATE versions SET v = 1", "VACUUM FULL t")
		err = table.Snapshot(context.Background(), false, func(a *served.Asking) error {
			rows, err := a.Rows(context.Background(), "SELECT count(*) FROM "+table.From())
			if err == nil && rows[0][0].(*big.Int).Int64() != 3 {
				t.Errorf("%+v: %v", o, rows)
			}
			return err
		})
		if err != nil {
			t.Errorf("%+v: %v, and it is as it was", o, err)
		}
	}
}
