package vectors

import (
	"context"
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"syscall"
	"testing"

	"parley/datasets"
	"parley/datasets/rehearsal"
	"parley/engine"
)

// BenchmarkVectors makes vectors of persons with one row each, by keys of 18 characters in a Parquet file, most of them on the spine: a count and a
// sum, and ten vectors in five groups. Run one size alone: the memory is the process's greatest.
func BenchmarkVectors(b *testing.B) {
	for _, rows := range []int{100_000, 1_000_000} {
		path := filepath.Join(b.TempDir(), "t.parquet")
		db, err := sql.Open("duckdb", "")
		if err != nil {
			b.Fatal(err)
		}
		if _, err := db.Exec(fmt.Sprintf(`COPY (SELECT printf('110105%%011dX', (i * 7919) %% 10000000000) AS pid, 'kind ' || i %% 5 AS kind, (i * 31 %% 100000)::DECIMAL(12,2) / 4 AS amount, i %% 40 AS months
			FROM range(%d) AS r(i)) TO '%s'`, rows, path)); err != nil {
			b.Fatal(err)
		}
		db.Close()
		table := rehearsal.Open(b, func() (*datasets.Table, error) {
			return datasets.Open(context.Background(), "t", []string{path}, datasets.Options{})
		})
		keys, _, err := table.Keys(b.Context(), "pid")
		if err != nil {
			b.Fatal(err)
		}
		positions := make(map[string]uint32, len(keys))
		for i, key := range keys {
			if i%20 > 0 {
				positions[key] = uint32(i)
			}
		}
		spine := Spine{Positions: rows, Canonical: func(key string) (string, bool) { return key, key != "" },
			Position: func(id string) (uint32, bool) { at, ok := positions[id]; return at, ok }}
		for _, c := range []struct{ name, sql string }{
			{"two", "SELECT count(*), sum(amount) FROM t"},
			{"ten in five groups", "SELECT kind, count(*), sum(amount), sum(months), var_samp(amount), covar_samp(amount, months), sum(amount) FILTER (WHERE months > 9), count(*) FILTER (WHERE amount > 500), sum(months * months) FROM t GROUP BY kind"},
		} {
			p, err := engine.NewPlan(c.sql, engine.Catalogue{table.Registration("a", 1)}, []string{"a"}, rehearsal.Packing)
			if err != nil {
				b.Fatal(err)
			}
			b.Run(fmt.Sprintf("%d rows/%s", rows, c.name), func(b *testing.B) {
				before := processors(b)
				for b.Loop() {
					v, report, err := Of(b.Context(), table, p, "a", "pid", spine)
					if err != nil || report.UnplacedKeys != rows/20 || v.Moments() != len(p.Moments) {
						b.Fatal(report, err)
					}
				}
				b.ReportMetric((processors(b)-before)/float64(b.N), "cpu-s/op")
				b.ReportMetric(peak(b), "peak-MB")
				b.ReportMetric(float64(len(p.Moments)), "moments")
			})
		}
	}
}

// processors are the seconds that the process has used of them.
func processors(b *testing.B) float64 {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return float64(u.Utime.Nano()+u.Stime.Nano()) / 1e9
}

// peak is the most memory that the process has had, in MB.
func peak(b *testing.B) float64 {
	text, err := os.ReadFile("/proc/self/status")
	found := regexp.MustCompile(`VmHWM:\s+(\d+)`).FindSubmatch(text)
	if err != nil || found == nil {
		b.Fatal(err)
	}
	n, _ := strconv.Atoi(string(found[1]))
	return float64(n) / 1000
}
