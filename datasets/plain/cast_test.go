package plain

import (
	"testing"

	"parley/datasets"
)

// TestPlainCasts: plain SQL types casts as the engine does.
func TestPlainCasts(t *testing.T) {
	table := openText(t, "x\n14\n5\n47\n")
	for sql, want := range map[string]string{
		"sum(x::int)/7": "9", "sum(x)/7": "9.4285714285714286", "sum(x::smallint*2)/7": "18", "sum(x::int8)/7": "9.4285714285714286",
		"sum(x::int + x)/7": "18.8571428571428571", "sum(-(x::int))/7": "-9", "avg(x::int)/7": "3.1428571428571429",
		"sum(x::int) % 7": "3", "sum(5::bigint)/7": "2.1428571428571429", "sum(x::int * 1.0)/7": "9.4285714285714286",
	} {
		answer, err := Answer(t.Context(), []*datasets.Table{table}, "SELECT "+sql+" FROM t")
		if err != nil || *answer.Rows[0][0].Text != want {
			t.Errorf("%s: %v %v, want %s", sql, answer, err, want)
		}
	}
}
