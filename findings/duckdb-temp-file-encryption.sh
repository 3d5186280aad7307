#!/usr/bin/env bash
# DuckDB 1.5.6 (module github.com/duckdb/duckdb-go/v2 v2.10506.0): without the extension httpfs
# `SET temp_file_encryption = true` is accepted, and every statement that then has to spill fails.
#
# A good guess: a setting that cannot be honoured is refused when it is set, or encrypts with what the library brings.
# Nothing fails as long as all fits into memory_limit; the first larger table does, and the error speaks of a crypto
# module, not of spilling. Where extensions may not be installed (a locked-down instance), spilled rows stay in clear.
#
# Seen on 2026-11-28 with Go 1.26.8 (some ten seconds):
#
#   DuckDB v1.5.6
#   temp_file_encryption = false: set, error <nil>
#     sorting more than fits: 5999999 rows
#   temp_file_encryption = true: set, error <nil>
#     sorting more than fits: Invalid Configuration Error
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
	"strings"

	_ "github.com/duckdb/duckdb-go/v2"
)

func spill(encrypted bool) {
	folder, err := os.MkdirTemp("", "")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(folder)
	db, err := sql.Open("duckdb", "")
	if err != nil {
		panic(err)
	}
	defer db.Close()
	db.SetMaxOpenConns(1)
	set := func(statement string) error { _, err := db.Exec(statement); return err }
	fmt.Printf("temp_file_encryption = %v: set, error %v\n", encrypted, set(fmt.Sprintf("SET temp_file_encryption = %v", encrypted)))
	for _, s := range []string{"SET memory_limit = '60MB'", "SET threads = 1", "SET temp_directory = '" + folder + "'",
		"SET autoinstall_known_extensions = false", "SET autoload_known_extensions = false"} {
		if err := set(s); err != nil {
			panic(err)
		}
	}
	var n int64
	err = db.QueryRow("SELECT count(*) FROM (SELECT i, hash(i) AS h FROM range(6000000) t(i) ORDER BY h OFFSET 1)").Scan(&n)
	if err != nil {
		fmt.Printf("  sorting more than fits: %s\n", strings.SplitN(err.Error(), ":", 2)[0])
		return
	}
	fmt.Printf("  sorting more than fits: %d rows\n", n)
}

func main() {
	db, _ := sql.Open("duckdb", "")
	var v string
	_ = db.QueryRow("SELECT version()").Scan(&v)
	fmt.Println("DuckDB", v)
	spill(false)
	spill(true)
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
DuckDB v1.5.6
temp_file_encryption = false: set, error <nil>
  sorting more than fits: 5999999 rows
temp_file_encryption = true: set, error <nil>
  sorting more than fits: Invalid Configuration Error
WANT
