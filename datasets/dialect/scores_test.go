package dialect

import (
	"errors"
	"math/big"
	"strings"
	"testing"

	"parley/engine"
)

// scoreOf is a score of a number of so many bits.
func scoreOf(op engine.Op, bits uint) *engine.Expr {
	most := new(big.Int).Lsh(one, bits)
	x := &engine.Expr{Op: engine.OpColumn, Kind: engine.Decimal, Scale: 2, Min: new(big.Int).Neg(most), Max: most}
	return &engine.Expr{Op: op, Kind: engine.Decimal, Scale: 18, Args: []*engine.Expr{x}, Min: new(big.Int), Max: big.NewInt(scoreUnit)}
}

// TestScores: scores of one argument share its steps, and what a database's integers do not hold, or it has no steps for,
// is beyond it.
func TestScores(t *testing.T) {
	columns := []Column{{SQL: `"x"`, Kind: engine.Decimal, Scale: 2}}
	for _, d := range []*Dialect{PostgreSQL, MySQL, ClickHouse, Trino, DuckDB} {
		known := d != Trino && d != DuckDB
		scores := []*engine.Expr{scoreOf(engine.OpLogistic, 40), scoreOf(engine.OpSlope, 40), scoreOf(engine.OpSoftplus, 40)}
		out, err := NewWriter(d, columns).Scores("t", scores)
		if !known {
			if !errors.Is(err, ErrBeyond) {
				t.Errorf("%s: %v", d.Name, err)
			}
			continue
		}
		if err != nil {
			t.Fatalf("%s: %v", d.Name, err)
		}
		for column, times := range map[string]int{scoreColumn("e", 0): 1, scoreColumn("s", 0): 1, scoreColumn("x", 1): 0, ScoreName(0): 1, ScoreName(2): 1, ScoreName(3): 0} {
			if n := strings.Count(out, " AS "+column); n != times {
				t.Errorf("%s: %s is computed %d times", d.Name, column, n)
			}
		}
		if len(out) > maxLookup {
			t.Errorf("%s: %d bytes", d.Name, len(out))
		}
		for bits, fits := range map[uint]bool{120: true, 150: d != MySQL, 230: d == PostgreSQL} {
			_, err := NewWriter(d, columns).Scores("t", []*engine.Expr{scoreOf(engine.OpSlope, bits)})
			if fits && err != nil || !fits && !errors.Is(err, ErrBeyond) {
				t.Errorf("%s, %d bits: %v", d.Name, bits, err)
			}
		}
		if _, err := NewWriter(d, columns).Scores("t", []*engine.Expr{scoreOf(engine.OpBucket, 8)}); !errors.Is(err, ErrBeyond) {
			t.Errorf("%s: %v", d.Name, err)
		}
	}
}
