//go:build postgres

package served_test

import (
	"context"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"parley/datasets"
	"parley/datasets/rehearsal"
	"parley/datasets/served"
)

// BenchmarkServed compares questions over a table in PostgreSQL, 10^7 rows unless PARLEY_SERVED_ROWS says otherwise,
// with the same SQL written by hand, by turns: the medians of the seconds of each, and of how many times as long the
// question takes, its look at the version included. Each is asked behind a transaction, but for those of a column that
// are asked while nothing is written in the server.
func BenchmarkServed(b *testing.B) {
	s := postgresServer(b)
	rows := 10_000_000
	if n, err := strconv.Atoi(os.Getenv("PARLEY_SERVED_ROWS")); err == nil {
		rows = n
	}
	run(b, s.db, `CREATE UNLOGGED TABLE t AS SELECT i AS id, (i * 7919) % 50 AS k, CAST((i * 31) % 1000000 AS numeric(12,2)) / 100 AS raw, 'name ' || i % 1000 AS s,
		date '2000-01-01' + CAST(i % 8000 AS integer) AS day, i % 7 = 0 AS b FROM generate_series(CAST(1 AS bigint), `+strconv.Itoa(rows)+`) i`,
		"ALTER TABLE t ALTER COLUMN raw TYPE numeric(12,2)", "CREATE INDEX ON t (id)")
	if _, err := s.db.Exec("VACUUM ANALYZE t"); err != nil {
		b.Fatal(err)
	}
	run(b, s.db, raising(b, s)...)
	const written = "CREATE TABLE IF NOT EXISTS others AS SELECT 1 AS other; INSERT INTO others VALUES (1)"
	for _, version := range []struct {
		name  string
		o     served.Options
		write string // before each question
	}{
		{"raised", served.Options{VersionQuery: "SELECT v FROM t_version"}, written},
		{"greatest", served.Options{VersionQuery: "SELECT max(id) FROM t"}, written},
		{"column_still", served.Options{Version: "id"}, ""},
		{"column", served.Options{Version: "id"}, written},
	} {
		o := version.o
		o.Source, o.Table = s.source, "t"
		table := rehearsal.Open(b, func() (*datasets.Table, error) {
			return datasets.Connect(context.Background(), "t", o)
		})
		for name, q := range map[string][2]string{
			"sums": {"SELECT k, count(*), sum(raw), avg(id) FROM t GROUP BY k",
				"SELECT k, count(*), sum(raw), count(raw), sum(id), count(id) FROM t GROUP BY k"},
			"filter": {"SELECT b, sum(raw) FROM t WHERE s LIKE 'name 1%' AND day >= date '2010-01-01' GROUP BY b",
				"SELECT b, count(*), sum(raw), count(raw) FROM t WHERE s LIKE 'name 1%' AND day >= date '2010-01-01' GROUP BY b"},
			"quotient": {"SELECT k, sum(raw / id) FROM t GROUP BY k", "SELECT k, count(*), sum(raw / id), count(raw / id) FROM t GROUP BY k"},
			"expression": {"SELECT k, sum(CASE WHEN b THEN raw * 2 ELSE raw END) FROM t GROUP BY k",
				"SELECT k, count(*), sum(CASE WHEN b THEN raw * 2 ELSE raw END), count(CASE WHEN b THEN raw * 2 ELSE raw END) FROM t GROUP BY k"},
		} {
			b.Run(version.name+"/"+name, func(b *testing.B) {
				plan, err := rehearsal.Plan(b, q[0], map[string]*datasets.Table{"north": table})
				if err != nil {
					b.Fatal(err)
				}
				var ours, byHand, times []float64
				for range b.N {
					if version.write != "" {
						run(b, s.db, strings.Split(version.write, "; ")...)
					}
					ours = append(ours, seconds(b, func() {
						if _, err := table.Aggregate(context.Background(), plan, "north"); err != nil {
							b.Fatal(err)
						}
					}))
					byHand = append(byHand, seconds(b, func() {
						rows, err := s.db.Query(q[1])
						if err != nil {
							b.Fatal(err)
						}
						for rows.Next() {
						}
						if err := rows.Err(); err != nil {
							b.Fatal(err)
						}
					}))
					times = append(times, ours[len(ours)-1]/byHand[len(byHand)-1])
				}
				b.ReportMetric(0, "ns/op")
				b.ReportMetric(median(ours), "s/question")
				b.ReportMetric(median(byHand), "s/by-hand")
				b.ReportMetric(median(times), "times")
			})
		}
	}
}

// median is that of an odd number of values, or the upper of two.
func median(values []float64) float64 {
	slices.Sort(values)
	return values[len(values)/2]
}

func seconds(b testing.TB, f func()) float64 {
	b.Helper()
	began := time.Now()
	f()
	return time.Since(began).Seconds()
}
