//go:build postgres

package served_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	"parley/datasets/served"
)

// TestServedSelectLimit: a server's own limit of rows cuts off no answer.
func TestServedSelectLimit(t *testing.T) {
	s := mariaServer(t)
	run(t, s.db, "CREATE TABLE t (k INT)", "INSERT INTO t VALUES (1), (2), (3)", "SET GLOBAL sql_select_limit = 2")
	defer run(t, s.db, "SET GLOBAL sql_select_limit = 18446744073709551615")
	err := s.mustOpen(t, served.Options{Table: "t"}).Snapshot(context.Background(), func(query func(context.Context, string) ([][]any, error)) error {
		rows, err := query(context.Background(), "SELECT k, count(*) FROM t GROUP BY 1")
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
