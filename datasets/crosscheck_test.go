package datasets

import (
	"context"
	"errors"
	"fmt"
	"math/big"
	"testing"

	"parley/datasets/dialect"
	"parley/datasets/rehearsal"
	"parley/engine"
)

// TestTwoPaths compares DuckDB's SQL with the engine's evaluation row by row:
// every cell of every department.
func TestTwoPaths(t *testing.T) {
	if testing.Short() {
		t.Skip("takes seconds")
	}
	t.Run("columns", func(t *testing.T) { twoPaths(t, 12, false, false) })
	t.Run("expressions", func(t *testing.T) { twoPaths(t, 5, true, false) })
	t.Run("clocks", func(t *testing.T) { twoPaths(t, 3, true, true) })
}

func twoPaths(t *testing.T, seeds uint64, overRows, clocks bool) {
	const queries = 60
	inDuckDB, inGo, refused := 0, 0, 0
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
			for name, table := range tables {
				a, err := table.aggregation(p, name)
				if err != nil {
					t.Fatal(err)
				}
				want, err := a.stream(context.Background())
				if err != nil {
					t.Fatalf("%s: %v", sql, err)
				}
				got, err := a.compute(context.Background())
				if errors.Is(err, dialect.ErrBeyond) {
					inGo++
					continue
				}
				if err != nil {
					t.Fatalf("%s: %v", sql, err)
				}
				inDuckDB++
				compareCells(t, sql, got, want)
			}
		}
	}
	t.Logf("%d in DuckDB, %d in Go, %d refused", inDuckDB, inGo, refused)
	if inDuckDB < 100 || inGo < 10 || refused > inDuckDB/10 {
		t.Error("one of the two paths was hardly taken")
	}
}

// bothWays requires that DuckDB and Go give each table the same cells of a question.
func bothWays(t *testing.T, sql string, tables map[string]*Table) {
	t.Helper()
	p, err := plan(t, sql, tables)
	if err != nil {
		t.Fatal(err)
	}
	for name, table := range tables {
		a, err := table.aggregation(p, name)
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
