package datasets

import (
	"context"
	"errors"
	"fmt"
	"math/big"
	"os"
	"strconv"
	"testing"

	"parley/datasets/dialect"
	"parley/datasets/rehearsal"
	"parley/engine"
)

// TestTwoPaths compares DuckDB's SQL with the engine's evaluation row by row:
// every cell of every department. PARLEY_TWO_PATHS says how many times as many tables, each with twice as many questions.
func TestTwoPaths(t *testing.T) {
	if testing.Short() {
		t.Skip("takes seconds")
	}
	times, queries := uint64(1), 30
	if n, err := strconv.ParseUint(os.Getenv("PARLEY_TWO_PATHS"), 10, 16); err == nil {
		times, queries = n, 60
	}
	t.Run("columns", func(t *testing.T) { twoPaths(t, 2*times, queries, false, false) })
	t.Run("expressions", func(t *testing.T) { twoPaths(t, times, queries, true, false) })
	t.Run("clocks", func(t *testing.T) { twoPaths(t, times, queries, true, true) })
}

func twoPaths(t *testing.T, seeds uint64, queries int, overRows, clocks bool) {
	inDuckDB, inGo, refused, compared := 0, 0, 0, 0
	for seed := range seeds {
		s := rehearsal.NewSample(seed)
		s.Statistics, s.Rows, s.Clocks = true, overRows, clocks
		tables := map[string]*Table{}
		for style := range 3 {
			tables[fmt.Sprintf("d%d", style)] = openText(t, s.Table(style, s.IntN(120)))
		}
		for range queries {
			sql := s.Question()
			p, err := plan(t, sql, tables)
			var refusal *engine.Error
			if errors.As(err, &refusal) && (overRows || refusal.Code == engine.CodeOverflow) {
				refused++
				continue
			} else if err != nil {
				t.Fatalf("%s: %v", sql, err)
			}
			plans := []*engine.Plan{p}
			if s.IntN(4) == 0 { // what is screened before the answer
				screening, err := p.Screening(engine.Disclosure{Count: 5, Floor: 2, Departments: 2, DominanceCount: 3, DominancePerMille: 800, RatioPerMille: 100})
				if err == nil {
					plans = append(plans, screening)
				} else if !errors.As(err, &refusal) || refusal.Code != engine.CodeLimit {
					t.Fatalf("%s: %v", sql, err)
				}
			}
			if s.IntN(20) == 0 { // what is compared with an earlier answer counts rows for which WHERE does not hold
				earlier := engine.Earlier{SQL: `SELECT count(*) FILTER (WHERE k = 1) FROM t WHERE k > 0`, Departments: p.Departments}
				screening, err := p.Screening(engine.Disclosure{Count: 5, History: 1}, earlier)
				if err == nil && len(screening.Moments) < 300 {
					plans, compared = append(plans, screening), compared+1
				}
			}
			for _, p := range plans {
				computed, beyond := pathsAgree(t, p, tables)
				inDuckDB, inGo = inDuckDB+computed, inGo+beyond
			}
		}
	}
	t.Logf("%d in DuckDB, %d in Go, %d refused", inDuckDB, inGo, refused)
	if n := int(seeds) * queries; inDuckDB < n*5/6 || inGo < max(1, n/20) || refused > inDuckDB/10 || compared < n/60 {
		t.Error("one of the two paths was hardly taken")
	}
}

// pathsAgree requires that DuckDB and Go give each table the same cells of a plan, as far as DuckDB computes them.
func pathsAgree(t *testing.T, p *engine.Plan, tables map[string]*Table) (inDuckDB, inGo int) {
	t.Helper()
	for name, table := range tables {
		a, err := table.aggregation(p, name, nil)
		if err != nil {
			t.Fatal(err)
		}
		want, err := a.stream(context.Background())
		if err != nil {
			t.Fatalf("%s: %v", p.SQL, err)
		}
		got, err := a.compute(context.Background())
		if errors.Is(err, dialect.ErrBeyond) {
			inGo++
			continue
		}
		if err != nil {
			t.Fatalf("%s: %v", p.SQL, err)
		}
		inDuckDB++
		compareCells(t, p.SQL, got, want)
	}
	return inDuckDB, inGo
}

// bothWays requires that DuckDB and Go give each table the same cells of a question.
func bothWays(t *testing.T, sql string, tables map[string]*Table) {
	t.Helper()
	p, err := plan(t, sql, tables)
	if err != nil {
		t.Fatal(err)
	}
	for name, table := range tables {
		a, err := table.aggregation(p, name, nil)
		if err != nil {
			t.Fatal(err)
		}
		got, err := a.compute(context.Background())
		want, failed := a.stream(context.Background())
		if err != nil || failed != nil {
			t.Fatalf("%s at %s: %v, %v", sql, name, err, failed)
		}
		compareCells(t, sql+" at "+name, got, want)
	}
}

func compareCells(t *testing.T, what string, got, want []*big.Int) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%s: %d cells, want %d", what, len(got), len(want))
	}
	for i := range got {
		if got[i].Cmp(want[i]) != 0 {
			t.Fatalf("%s: cell %d is %s, want %s", what, i, got[i], want[i])
		}
	}
}
