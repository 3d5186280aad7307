package datasets

import (
	"fmt"
	"math/big"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"parley/datasets/dialect"
)

// TestPatterns: many counts under conditions of their own, which one statement computes by which of them hold, are those that the rows give in Go;
// with NULLs, groups without rows, conditions that stand twice, and few of them.
func TestPatterns(t *testing.T) {
	var text strings.Builder
	text.WriteString("id,g,x,y\n")
	r := rand.New(rand.NewPCG(5, 6))
	for id := range 150 {
		y := fmt.Sprint(r.IntN(50))
		if r.IntN(5) == 0 {
			y = ""
		}
		fmt.Fprintf(&text, "%d,%d,%d,%s\n", id, r.IntN(3)*r.IntN(4), r.IntN(200)-100, y)
	}
	table := keyed(t, text.String(), "id")
	for _, many := range []int{20, 200} {
		var list []string
		for i := range many {
			list = append(list, fmt.Sprintf("count(*) FILTER (WHERE x > %d OR y < %d)", i-90, i%50))
		}
		list = append(list, "count(*) FILTER (WHERE x > -90 OR y < 0)", "count(y) FILTER (WHERE x > 3)", "sum(y) FILTER (WHERE x > 3)", "sum(x + y)")
		for _, groups := range []string{"", " GROUP BY g", " WHERE y IS NOT NULL GROUP BY g, y < 20"} {
			p, err := plan(t, "SELECT "+strings.Join(list, ", ")+" FROM t"+groups, map[string]*Table{"a": table})
			if err != nil {
				t.Fatal(err)
			}
			a, err := table.aggregation(p, "a", nil)
			if err != nil {
				t.Fatal(err)
			}
			single, _ := dialect.Tallies(a.moments, a.twins)
			if _, batch := dialect.PatternsOf(a.moments, single); (batch != nil) != (many > 100) {
				t.Fatalf("%d counts are computed so: %v", many, batch)
			}
			cells, err := table.Aggregate(t.Context(), p, "a")
			if err != nil {
				t.Fatal(err)
			}
			rows, err := a.stream(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			for i := range cells {
				if cells[i].Cmp(rows[i]) != 0 {
					t.Fatalf("%d counts%s: cell %d is %s in SQL, %s in Go", many, groups, i, cells[i], rows[i])
				}
			}
			if slices.IndexFunc(cells, func(n *big.Int) bool { return n.Sign() > 0 }) < 0 {
				t.Error("no rows at all")
			}
		}
	}
}
