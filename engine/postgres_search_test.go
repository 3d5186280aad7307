//go:build postgres

package engine

import (
	"errors"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"
)

// TestPostgresSearch compares searches of several rounds with PostgreSQL: extremes,
// percentiles and modes of wide columns, whole and by group, ordered and cut.
func TestPostgresSearch(t *testing.T) {
	conn := dial(t)
	rounds := roundsOr(300)
	compared, values := 0, 0
	for seed := range max(1, rounds/15) {
		r := rand.New(rand.NewPCG(uint64(seed), 13))
		table := newTable(r)
		for _, c := range []int{colI, colDec, colDay, colPeople} {
			table.columns[c].grouped = false
		}
		table.fill(t, conn)
		cat, departments := table.catalogue()
		for range 3 {
			column := []string{"i", `"Dec"`, "day", "人口数_合计"}[r.IntN(4)]
			var list []string
			key := []string{"", "k", "flag", "t"}[r.IntN(4)]
			if key != "" {
				list = append(list, key)
			}
			calls := []string{"min(" + column + ")", "max(" + column + ")"}
			for _, call := range []string{"mode()", "percentile_disc(0.5)", "percentile_disc(0)",
				"percentile_disc(0.875)", "percentile_cont(0.5)", "percentile_cont(0.125)"} {
				if column != "day" || !strings.HasPrefix(call, "percentile_cont") {
					calls = append(calls, call+" WITHIN GROUP (ORDER BY "+column+")")
				}
			}
			for range 1 + r.IntN(3) {
				list = append(list, calls[r.IntN(len(calls))])
			}
			sql := "SELECT " + strings.Join(list, ", ") + " FROM things"
			if r.IntN(2) == 0 {
				sql += " WHERE " + generator{r, table}.condition(1).sql
			}
			if key != "" {
				sql += " GROUP BY 1 ORDER BY " + []string{"1", "2 DESC, " + key, key + " DESC NULLS LAST"}[r.IntN(3)]
				if r.IntN(3) == 0 {
					sql += " LIMIT 2 OFFSET 1"
				}
			}
			if _, err := NewSession(sql, cat, departments, testPackings[0]); err != nil {
				if column == "i" || code(err) == CodeOverflow || code(err) == CodeLimit || code(err) == CodeType { // no value at all
					continue
				}
				t.Fatalf("%s: %v", sql, err)
			}
			got, _ := play(t, table, sql)
			want, err := ask(conn, sql, got.Kinds)
			if pgErr := (*pgconn.PgError)(nil); errors.As(err, &pgErr) && pgErr.Code == numericOutOfRange { // never here
				continue
			}
			if err != nil || len(want) != len(got.Rows) {
				t.Fatalf("%s: %d rows here, %d there, %v", sql, len(got.Rows), len(want), err)
			}
			compared++
			for i, line := range want {
				for j, text := range strings.Split(line, " | ") {
					values++
					if v := got.Rows[i][j]; !sameAsPostgres(v, got.Kinds[j], "", text) {
						t.Errorf("seed %d: %s\nrow %d, %s: %v, PostgreSQL %s", seed, sql, i, got.Columns[j], printed(&Result{Rows: [][]Value{{v}}}), text)
					}
				}
			}
			if t.Failed() {
				return
			}
		}
	}
	t.Logf("%d questions with %d values agree", compared, values)
	if compared == 0 {
		t.Error("nothing was compared")
	}
}

// TestPostgresCompound compares questions of several SELECTs.
func TestPostgresCompound(t *testing.T) {
	conn := dial(t)
	for seed := range uint64(20) {
		table := newTable(rand.New(rand.NewPCG(seed, 21)))
		table.fill(t, conn)
		for _, sql := range several {
			got, _ := play(t, table, sql)
			want, err := ask(conn, sql, got.Kinds)
			if err != nil {
				t.Fatal(sql, err)
			}
			if a := printed(got); !alike(a, want, got.Kinds) {
				t.Errorf("seed %d: %s\nengine\n%s\nPostgreSQL\n%s", seed, sql, strings.Join(a, "\n"), strings.Join(want, "\n"))
			}
		}
	}
}
