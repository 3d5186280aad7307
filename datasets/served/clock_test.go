//go:build postgres

package served_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"parley/datasets"
	"parley/datasets/served"
)

// TestServedClocks compares timestamps, moments and times of day in each engine with those of files: the
// description, and every cell of questions about them.
func TestServedClocks(t *testing.T) {
	for _, s := range append(servers(t), clickHouseServer(t)) {
		t.Run(s.name, func(t *testing.T) {
			random := rand.New(rand.NewPCG(7, 12))
			stamp := func(from, to int, suffix string) string {
				seconds := time.Date(from, 1, 1, 0, 0, 0, 0, time.UTC).Unix()
				span := time.Date(to, 1, 1, 0, 0, 0, 0, time.UTC).Unix() - seconds
				at := time.Unix(seconds+random.Int64N(span), 1000*random.Int64N(1e6)).UTC()
				return at.Format("2006-01-02 15:04:05.000000") + suffix
			}
			var rows strings.Builder
			columns := []string{"tz", "at", "clock"}
			if s.name == "ClickHouse" { // which has neither of the others
				columns = columns[:1]
			}
			rows.WriteString("k," + strings.Join(columns, ",") + "\n")
			for i := range 200 {
				values := []string{stamp(1971, 2037, "Z"), stamp(1000, 9999, ""), time.Unix(random.Int64N(86400), 1000*random.Int64N(1e6)).UTC().Format("15:04:05.000000")}
				if i%9 == 0 {
					values = []string{"", "", ""}
				}
				fmt.Fprintf(&rows, "%d,%s\n", i%3, strings.Join(values[:len(columns)], ","))
			}
			here, there := s.both(t, "clocks", rows.String())
			defer here.Close()
			defer there.Close()
			beyond := map[string]int{}
			for _, c := range columns {
				for _, question := range []string{
					"SELECT count(%[1]s), min(%[1]s), max(%[1]s) FROM t",
					"SELECT %[1]s, count(*) FROM t GROUP BY %[1]s",
					"SELECT extract(hour FROM %[1]s), count(*) FROM t GROUP BY 1",
					"SELECT sum(extract(second FROM %[1]s)), sum(extract(minute FROM %[1]s) * k), avg(extract(epoch FROM %[1]s)) FROM t WHERE k < 2",
					"SELECT k, count(*) FILTER (WHERE %[1]s IS NULL), count(DISTINCT k) FROM t GROUP BY k",
				} {
					if !s.compare(t, fmt.Sprintf(question, c), map[string]*datasets.Table{"north": here}, map[string]*datasets.Table{"north": there}, beyond) {
						t.Errorf("not asked there: "+question, c)
					}
				}
			}
			for _, c := range columns[:min(2, len(columns))] {
				for _, question := range []string{
					"SELECT date_trunc('year', %[1]s), count(*) FROM t WHERE %[1]s >= '2000-01-01' AND %[1]s < '2030-06-01 12:30:00.5' GROUP BY 1",
					"SELECT extract(year FROM %[1]s), sum(extract(doy FROM %[1]s)), count(*) FROM t GROUP BY 1",
					"SELECT sum(CAST(%[1]s AS date) - DATE '2000-01-01') FROM t WHERE CAST(%[1]s AS date) > DATE '1999-12-31'",
				} {
					if !s.compare(t, fmt.Sprintf(question, c), map[string]*datasets.Table{"north": here}, map[string]*datasets.Table{"north": there}, beyond) {
						t.Logf("not asked there: "+question, c)
					}
				}
			}
		})
	}
}

// TestServedNoClock: what is no time of the engine's is set aside, and a change to it is one.
func TestServedNoClock(t *testing.T) {
	for i, s := range servers(t) {
		run(t, s.db, []string{"CREATE TABLE t (k int, at timestamp, tz timestamptz, clock time, whole time)", "CREATE TABLE t (k int, clock time, whole time)"}[i],
			[]string{"INSERT INTO t VALUES (1, 'infinity', '-infinity', '24:00:00', '23:59:59.999999')", "INSERT INTO t VALUES (1, '30:00:00', '23:59:59')"}[i])
		table := s.mustOpen(t, served.Options{Table: "t"})
		var aside []string
		for _, e := range table.Aside() {
			aside = append(aside, e.Field)
		}
		if got := strings.Join(aside, " "); got != []string{"at tz clock", "clock"}[i] {
			t.Errorf("%s sets aside %s", s.name, got)
		}
	}
}

// TestServedPlaces: numbers of 38 decimal places have in each engine the cells that they have in files.
func TestServedPlaces(t *testing.T) {
	for _, s := range append(servers(t), clickHouseServer(t)) {
		here, there := s.both(t, "places", "x,k\n0.12345678901234567890123456789012345678,1\n-0.00000000000000000000000000000000000001,2\n,3\n"+
			"0.99999999999999999999999999999999999999,4\n-0.5,5\n")
		defer here.Close()
		defer there.Close()
		for _, question := range []string{"SELECT sum(x), count(x), avg(x) FROM t", "SELECT x, count(*) FROM t GROUP BY x", "SELECT sum(k) FROM t WHERE x > 0.1"} {
			beyond := map[string]int{}
			if !s.compare(t, question, map[string]*datasets.Table{"north": here}, map[string]*datasets.Table{"north": there}, beyond) {
				t.Errorf("%s: not asked there: %s: %v", s.name, question, beyond)
			}
		}
	}
}
