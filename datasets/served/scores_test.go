//go:build postgres

package served_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"parley/datasets"
)

// TestServedScores: a round of a fit is computed where the rows are, and each of its cells is the one that files give:
// scores near 0, at the turns of the series, saturated, and of NULL.
func TestServedScores(t *testing.T) {
	for _, s := range servers(t) {
		t.Run(s.name, func(t *testing.T) { scores(t, s) })
	}
	t.Run("ClickHouse", func(t *testing.T) { scores(t, clickHouseServer(t)) })
}

func scores(t *testing.T, s server) {
	r := rand.New(rand.NewPCG(13, 13))
	var text strings.Builder
	text.WriteString("y,x,v,far\n")
	for i := range 300 {
		x := fmt.Sprintf("%.4f", r.NormFloat64()*3)
		if i%50 == 0 {
			x = []string{"0", "0.6931", "-1.3863", "45", "-45.0001", ""}[i/50]
		}
		fmt.Fprintf(&text, "%s,%s,%d,%d\n", []string{"true", "false", "true", ""}[r.IntN(4)], x, r.IntN(100)-50, r.IntN(2000)-1000)
	}
	here, there := s.both(t, "fits", text.String())
	for _, question := range []string{
		"SELECT logreg_step(ARRAY[0, 0, 0], y, x, v) FROM t",
		"SELECT logreg_step(ARRAY[0.5, 1, -0.03125], y, x, v) FROM t",
		"SELECT logreg_step(ARRAY[-1.25, 0.000123456789012, 0.7, 0.9], y, x, v, far) FROM t WHERE v <> 3",
		"SELECT logreg0_step(ARRAY[1.000000000001, -2], y, x, far) FILTER (WHERE x > -2) FROM t",
		"SELECT logreg_step(ARRAY[0.25, 0.1, 0.2], v > 0, x, x * v) FROM t",
	} {
		beyond := map[string]int{}
		if !s.compare(t, question, map[string]*datasets.Table{"a": here}, map[string]*datasets.Table{"a": there}, beyond) {
			t.Errorf("%s: %s: %v", s.name, question, beyond)
		}
	}
	here.Close()
	there.Close()
}
