#!/usr/bin/env bash
# DuckDB 1.5.6 (module github.com/duckdb/duckdb-go/v2 v2.10506.0), Linux: allowed_paths takes a link for what it leads to at
# that time, and looks again when the file is opened, so an open file that is renamed cannot be read any more by the path that
# was allowed.
#
# A good guess: a path in allowed_paths may be opened by that path as long as the instance lives; with /proc/self/fd/N, which
# stays the same file whatever becomes of its name, a held file can be read for ever. Here it is "Permission Error" as soon
# as the name has changed. An instance that is opened after the change may read it.
#
# Seen on 2026-11-29 with Go 1.26.8:
#
#   as it was allowed: 5 rows
#   renamed, the same instance: refused
#   renamed, an instance opened after it: 5 rows
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
cat >main.go <<'GO'
package main

import (
	"database/sql"
	"fmt"
	"os"

	_ "github.com/duckdb/duckdb-go/v2"
)

func check(err error) {
	if err != nil {
		panic(err)
	}
}

// reader is an instance that may open one path.
func reader(path string) *sql.DB {
	db, err := sql.Open("duckdb", "")
	check(err)
	db.SetMaxOpenConns(1)
	for _, setting := range []string{"SET allowed_paths = ['" + path + "']", "SET enable_external_access = false"} {
		_, err := db.Exec(setting)
		check(err)
	}
	return db
}

func rows(db *sql.DB, path string) string {
	var n int
	if err := db.QueryRow("SELECT count(*) FROM read_parquet('" + path + "')").Scan(&n); err != nil {
		return "refused"
	}
	return fmt.Sprint(n, " rows")
}

func main() {
	writer, err := sql.Open("duckdb", "")
	check(err)
	_, err = writer.Exec("COPY (SELECT * FROM range(5)) TO 'a.parquet'")
	check(err)
	held, err := os.Open("a.parquet")
	check(err)
	path := fmt.Sprintf("/proc/self/fd/%d", held.Fd())
	first := reader(path)
	fmt.Println("as it was allowed:", rows(first, path))
	check(os.Rename("a.parquet", "b.parquet"))
	fmt.Println("renamed, the same instance:", rows(first, path))
	fmt.Println("renamed, an instance opened after it:", rows(reader(path), path))
}
GO
cat >go.mod <<'MOD'
module finding

go 1.26

require github.com/duckdb/duckdb-go/v2 v2.10506.0
MOD
GOFLAGS=-mod=mod go run . >seen
cat seen
diff - seen <<'WANT' || { echo "the behaviour has changed"; exit 1; }
as it was allowed: 5 rows
renamed, the same instance: refused
renamed, an instance opened after it: 5 rows
WANT
