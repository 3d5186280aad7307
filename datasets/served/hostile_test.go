//go:build postgres

package served_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"parley/datasets/served"
)

// TestServedSelectLimit: a server's own limit of rows cuts off no answer.
func TestServedSelectLimit(t *testing.T) {
	s := mariaServer(t)
	run(t, s.db, "CREATE TABLE t (k INT)", "INSERT INTO t VALUES (1), (2), (3)", "SET GLOBAL sql_select_limit = 2")
	defer run(t, s.db, "SET GLOBAL sql_select_limit = 18446744073709551615")
	err := s.mustOpen(t, served.Options{Table: "t"}).Snapshot(context.Background(), false, func(asking *served.Asking) error {
		rows, err := asking.Rows(context.Background(), "SELECT k, count(*) FROM t GROUP BY 1")
		if len(rows) != 3 {
			t.Errorf("%v", rows)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

// TestServedEncoding: text of a database that does not know its characters is set aside.
func TestServedEncoding(t *testing.T) {
	s := postgresServer(t)
	name := fmt.Sprintf("parley_ascii_%d", os.Getpid())
	run(t, s.db, "CREATE DATABASE "+name+" ENCODING 'SQL_ASCII' TEMPLATE template0 LC_COLLATE 'C' LC_CTYPE 'C'")
	defer run(t, s.db, "DROP DATABASE "+name+" WITH (FORCE)")
	db := opened(t, "pgx", os.Getenv("PARLEY_POSTGRES_DSN")+" dbname="+name)
	run(t, db, "CREATE TABLE t (k int, x text)", "INSERT INTO t VALUES (1, 'a')")
	s.source = strings.Replace(s.source, own(t), name, 1)
	aside := s.mustOpen(t, served.Options{Table: "t"}).Aside()
	if len(aside) != 1 || aside[0].Field != "x" || !strings.Contains(aside[0].Error(), "encoding is not UTF8") {
		t.Errorf("%v", aside)
	}
}

// TestServedMeasured: bounds and digest are of the same rows, or nothing is registered, whatever a version says.
func TestServedMeasured(t *testing.T) {
	s := postgresServer(t)
	run(t, s.db, "CREATE VIEW t AS SELECT CAST(extract(epoch FROM clock_timestamp()) * 1000000 AS bigint) AS x")
	if _, err := s.open(t, served.Options{Table: "t", VersionQuery: "SELECT 1"}); !errors.Is(err, served.ErrChanged) {
		t.Error(err)
	}
}

// TestServedHeirs: a table of PostgreSQL whose rows may be those of a foreign table, as an heir's or a partition's
// are, has no snapshot, and a change behind the check is noticed.
func TestServedHeirs(t *testing.T) {
	s := postgresServer(t)
	folder := t.TempDir()
	for _, f := range []string{folder, filepath.Dir(folder)} { // which the server's user reads
		if err := os.Chmod(f, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	run(t, s.db, "CREATE EXTENSION file_fdw", "CREATE SERVER files FOREIGN DATA WRAPPER file_fdw")
	for name, statements := range map[string][]string{
		"parent":      {"CREATE TABLE parent (k int)", "CREATE FOREIGN TABLE heir () INHERITS (parent) SERVER files OPTIONS (filename '%s')"},
		"partitioned": {"CREATE TABLE partitioned (k int) PARTITION BY LIST (k)", "CREATE FOREIGN TABLE part PARTITION OF partitioned DEFAULT SERVER files OPTIONS (filename '%s')"},
	} {
		path := filepath.Join(folder, name)
		write := func(rows string) {
			if err := os.WriteFile(path, []byte(rows), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		write("1\n2\n")
		run(t, s.db, statements[0], fmt.Sprintf(statements[1], path))
		table := s.mustOpen(t, served.Options{Table: name})
		if r := table.Registration("north", 1); r.Rows != 2 {
			t.Errorf("%s: %d rows", name, r.Rows)
		}
		err := table.Snapshot(context.Background(), false, func(*served.Asking) error { write("1\n3\n"); return nil })
		if !errors.Is(err, served.ErrChanged) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
