//go:build postgres

package served_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"parley/datasets"
)

// TestServedQuotients: a quotient of two columns is computed where they are, and has the digits that files give, however
// long its operands are, also where it is halfway between two of its last place.
func TestServedQuotients(t *testing.T) {
	for _, s := range servers(t) {
		t.Run(s.name, func(t *testing.T) { quotients(t, s) })
	}
	t.Run("ClickHouse", func(t *testing.T) { quotients(t, clickHouseServer(t)) })
}

func quotients(t *testing.T, s server) {
	r := rand.New(rand.NewPCG(12, 2))
	number := func(digits, scale int) string {
		n := fmt.Sprint(1 + r.IntN(9))
		for range r.IntN(digits) {
			n += fmt.Sprint(r.IntN(10))
		}
		if r.IntN(4) == 0 { // the last of a group, and few others
			n = strings.Repeat("9", len(n))
		} else if r.IntN(4) == 0 {
			n = "1" + strings.Repeat("0", len(n)-1)
		}
		n = strings.Repeat("0", max(0, scale+1-len(n))) + n
		if n = n[:len(n)-scale] + "." + n[len(n)-scale:]; r.IntN(3) == 0 {
			n = "-" + n
		}
		return strings.TrimSuffix(n, ".")
	}
	for i, shape := range []struct{ digits, scale, otherDigits, otherScale int }{
		{1, 0, 5, 2}, {9, 2, 3, 0}, {3, 5, 9, 1}, {4, 3, 4, 7}, {12, 1, 6, 6}, {18, 2, 2, 1},
	} {
		var text strings.Builder
		text.WriteString("k,x,y,z\n")
		for k := range 150 {
			fmt.Fprintf(&text, "%d,%s,%s,%s\n", k%40, number(shape.digits, shape.scale), number(shape.otherDigits, shape.otherScale), []string{"0", "", "8", "-16", "0.5"}[k%5])
		}
		here, there := s.both(t, fmt.Sprintf("q%d", i), text.String())
		beyond := map[string]int{}
		for _, question := range []string{
			"SELECT k, sum(x / NULLIF(y, 0)), count(x / NULLIF(y, 0)) FROM t GROUP BY k",
			"SELECT k, sum((x + 1) / NULLIF(z, 0)), sum(1.0 / NULLIF(y, 0)) FROM t WHERE x / NULLIF(z, 0) > 0.75 GROUP BY k",
			"SELECT sum(CASE WHEN y / NULLIF(x, 0) < 1 THEN z END), sum(round(x / NULLIF(y, 0), 3)), sum(abs(z) / 3) FROM t",
		} {
			if !s.compare(t, question, map[string]*datasets.Table{"a": here}, map[string]*datasets.Table{"a": there}, beyond) {
				t.Errorf("%s: %+v: %s: %v", s.name, shape, question, beyond)
			}
		}
		here.Close()
		there.Close()
	}
}
