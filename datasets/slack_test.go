package datasets

import (
	"fmt"
	"math/big"
	"strings"
	"testing"

	"parley/engine"
)

// slacksOf are a table's slacks in a plan that is screened by rules about the largest rows, which SQL and Go agree about, by what they are of.
func slacksOf(t *testing.T, table *Table, sql string, d engine.Disclosure) map[string]string {
	t.Helper()
	p, err := plan(t, sql, map[string]*Table{"a": table})
	if err != nil {
		t.Fatal(err)
	}
	screening, err := p.Screening(d)
	if err != nil {
		t.Fatal(err)
	}
	if computed, _ := pathsAgree(t, screening, map[string]*Table{"a": table}); computed != 1 {
		t.Errorf("%s: not computed in SQL", sql)
	}
	cells, err := table.Aggregate(t.Context(), screening, "a")
	if err != nil {
		t.Fatal(err)
	}
	out, width := map[string]string{}, len(screening.Moments)
	for m, moment := range screening.Moments {
		if moment.Op != engine.Weigh {
			continue
		}
		var of []string
		for i := m; i < len(cells); i += width {
			of = append(of, cells[i].String())
		}
		key := fmt.Sprintf("%d/%d/%d", moment.Slack.Total, moment.Slack.First, moment.Slack.Rows)
		out[key] = strings.Join(of, " ")
	}
	return out
}

// TestSlacks: of a table's numbers what is not among the largest outweighs these by as much as one counts by hand, whatever their sign, scale and size, in
// groups with and without rows.
func TestSlacks(t *testing.T) {
	table := openText(t, "k,x,d,big\na,5,1.5,9223372036854775807\na,-7,-2.25,-9223372036854775807\na,1,,3\nb,-4,0.01,9223372036854775807\nc,,4,1\n")
	d := engine.Disclosure{DominanceCount: 2, DominancePerMille: 900, RatioPerMille: 100}
	for sql, want := range map[string]map[string]string{
		// 13·900 − 12·1000 and 13·1000 − 12·1000 − 7·100; 4 alone; nothing
		"SELECT k, sum(x) FROM t GROUP BY k":        {"900/0/2": "-300 -400 0", "1000/100/2": "300 -400 0"},
		"SELECT k, sum(d) FROM t GROUP BY k":        {"900/0/2": "-37500 -100 -40000", "1000/100/2": "-22500 -100 -40000"},
		"SELECT sum(x) FILTER (WHERE x < 0) FROM t": {"900/0/2": "-1100", "1000/100/2": "-700"},
	} {
		if got := slacksOf(t, table, sql, d); fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("%s: %v, want %v", sql, got, want)
		}
	}
	most := new(big.Int).SetInt64(9223372036854775807)
	sum := new(big.Int).Add(new(big.Int).Mul(most, big.NewInt(2)), big.NewInt(3))
	want := new(big.Int).Sub(new(big.Int).Mul(sum, big.NewInt(900)), new(big.Int).Mul(new(big.Int).Mul(most, big.NewInt(2)), big.NewInt(1000)))
	if got := slacksOf(t, table, "SELECT sum(big) FROM t WHERE k = 'a'", d)["900/0/2"]; got != want.String() {
		t.Errorf("of wide numbers %s, want %s", got, want)
	}
}
