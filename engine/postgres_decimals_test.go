//go:build postgres

package engine

import (
	"math/big"
	"math/rand/v2"
	"strings"
	"testing"
)

// TestPostgresWideDecimals compares sums, means and spreads of decimals of 38 places, whose cells take
// several limbs, with PostgreSQL's numeric(38, 38).
func TestPostgresWideDecimals(t *testing.T) {
	conn := dial(t)
	r := rand.New(rand.NewPCG(38, 38))
	unit := new(big.Rat).SetInt(pow10(MaxScale))
	table := &refTable{columns: []refColumn{{name: "k", sql: "k", kind: Integer, grouped: true},
		{name: "w", sql: "w", kind: Decimal, scale: MaxScale, nullable: true}}, parts: make([][]row, 3), mixed: make([]bool, 3), void: make([]bool, 3)}
	for i := range 60 {
		digits := new(big.Int).Sub(pow10(MaxScale), big.NewInt(1)) // the largest there is
		for range r.IntN(5) {
			digits.Mul(digits, big.NewInt(r.Int64()))
			digits.Mod(digits, pow10(MaxScale))
		}
		if r.IntN(3) == 0 {
			digits.Neg(digits)
		}
		x := row{rat(int64(i % 4)), new(big.Rat).Quo(new(big.Rat).SetInt(digits), unit)}
		if i%9 == 8 {
			x[1] = nil
		}
		table.parts[i%3] = append(table.parts[i%3], x)
	}
	table.fill(t, conn)
	for _, sql := range []string{
		"SELECT k, count(w), sum(w), avg(w) FROM things GROUP BY k ORDER BY k",
		"SELECT sum(w * w), sum(w * 100), sum(w - 0.5), avg(w * w * w) FROM things",
		"SELECT var_samp(w), var_pop(w), stddev_pop(w) FROM things",
		"SELECT count(*), sum(w) FROM things WHERE w > 0.33333333333333333333333333333333333333",
		"SELECT sum(abs(w)), sum(round(w, 37)), sum(CASE WHEN w < 0 THEN -w ELSE w END), sum(w) / count(w) FROM things",
	} {
		for _, packing := range testPackings {
			got, want, err, wantErr := both(t, conn, table, sql, packing)
			if err != nil || wantErr != nil {
				t.Fatalf("%s: %v, PostgreSQL %v", sql, err, wantErr)
			}
			if a, b := strings.Join(printed(got), "\n"), strings.Join(want, "\n"); a != b {
				t.Errorf("%s\nengine\n%s\nPostgreSQL\n%s", sql, a, b)
			}
		}
	}
}
