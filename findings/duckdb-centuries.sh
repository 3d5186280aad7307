#!/usr/bin/env bash
# DuckDB 1.5.6 (module github.com/duckdb/duckdb-go/v2 v2.10506.0): date_trunc and date_part disagree about centuries
# and millennia, and GROUP BY ALL over constants makes a row out of none.
#
# A good guess: date_trunc('century', d) is the first day of the century that date_part('century', d) names, as in
# PostgreSQL, where both begin with 2001. Here date_part says 20 for the year 2000, and date_trunc puts it with 2001. And
# a query that groups has no row where there are none: GROUP BY ALL drops constants from the keys, until none is left. make_date, and GROUP BY 1, say what is meant.
#
# Seen on 2026-11-29 with Go 1.26.8 (some ten seconds):
#
#   DuckDB v1.5.6
#   2000-12-31: century 20 begins 2000-01-01, millennium 2 begins 2000-01-01
#   2001-01-01: century 21 begins 2000-01-01, millennium 3 begins 2000-01-01
#   GROUP BY ALL of a constant over no rows: 1 row
#   GROUP BY 1 of a constant over no rows: 0 rows
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
cat >main.go <<'GO'
package main

import (
	"database/sql"
	"fmt"

	_ "github.com/duckdb/duckdb-go/v2"
)

func main() {
	db, err := sql.Open("duckdb", "")
	if err != nil {
		panic(err)
	}
	defer db.Close()
	var version string
	one := func(query string, into ...any) {
		if err := db.QueryRow(query).Scan(into...); err != nil {
			panic(err)
		}
	}
	one("SELECT version()", &version)
	fmt.Println("DuckDB", version)
	for _, day := range []string{"2000-12-31", "2001-01-01"} {
		var century, millennium int
		var begins, other string
		one("SELECT date_part('century', d), strftime(date_trunc('century', d), '%Y-%m-%d'), date_part('millennium', d), "+
			"strftime(date_trunc('millennium', d), '%Y-%m-%d') FROM (SELECT DATE '"+day+"' AS d)", &century, &begins, &millennium, &other)
		fmt.Printf("%s: century %d begins %s, millennium %d begins %s\n", day, century, begins, millennium, other)
	}
	for _, keys := range []string{"ALL", "1"} {
		var n int
		one("SELECT count(*) FROM (SELECT 'x' AS k, count(*) FROM range(0) GROUP BY "+keys+")", &n)
		fmt.Printf("GROUP BY %s of a constant over no rows: %d row%s\n", keys, n, map[bool]string{true: "", false: "s"}[n == 1])
	}
}
GO
cat >go.mod <<'MOD'
module finding

go 1.26

require github.com/duckdb/duckdb-go/v2 v2.10506.0
MOD
GOFLAGS=-mod=mod go run . >seen
cat seen
diff - seen <<'SEEN' || { echo "the behaviour has changed"; exit 1; }
DuckDB v1.5.6
2000-12-31: century 20 begins 2000-01-01, millennium 2 begins 2000-01-01
2001-01-01: century 21 begins 2000-01-01, millennium 3 begins 2000-01-01
GROUP BY ALL of a constant over no rows: 1 row
GROUP BY 1 of a constant over no rows: 0 rows
SEEN
