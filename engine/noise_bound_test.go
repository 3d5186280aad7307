package engine

import (
	"math/big"
	"math/rand/v2"
	"slices"
	"testing"
)

// TestSensitivityBoundsAnyRow: over random tables and questions, a row of one department that has other values, of any of its
// rows by column, changes the cells of a moment by no more than the sensitivity says.
func TestSensitivityBoundsAnyRow(t *testing.T) {
	rounds, moments, reached := 800, 0, 0
	if testing.Short() {
		rounds = 150
	}
	for seed := range rounds {
		r := rand.New(rand.NewPCG(uint64(seed), 15))
		table := newTable(r)
		cat, departments := table.catalogue()
		g := generator{r, table}
		p, err := NewPlan(g.query().sql, cat, departments, testPackings[1])
		if err != nil || p.CellCount() > 2000 {
			continue
		}
		d := r.IntN(len(departments))
		rows := table.parts[d]
		if len(rows) == 0 {
			continue
		}
		before := table.contribute(t, p, d)
		for range 8 {
			other := *table
			other.parts = slices.Clone(table.parts)
			other.parts[d] = slices.Clone(rows)
			at := r.IntN(len(rows))
			changed := slices.Clone(rows[at])
			for c := range changed {
				if r.IntN(2) == 0 {
					changed[c] = rows[r.IntN(len(rows))][c]
				}
			}
			other.parts[d][at] = changed
			after := other.contribute(t, p, d)
			for m := range p.Moments {
				sum := new(big.Int)
				for i := m; i < len(before); i += len(p.Moments) {
					difference := new(big.Int).Sub(after[i], before[i])
					sum.Add(sum, difference.Mul(difference, difference))
				}
				most := p.squaredSensitivity(m)
				if moments++; sum.Sign() > 0 && sum.Cmp(most) == 0 {
					reached++
				}
				if p.Moments[m].Op != Present && sum.Cmp(most) > 0 {
					t.Fatalf("seed %d: %s\n%s changes by %s in squares, its sensitivity is %s", seed, p.SQL, p.describeMoment(m), sum, most)
				}
			}
		}
	}
	t.Logf("%d moments, %d at the bound", moments, reached)
	if moments < rounds || reached < rounds/20 {
		t.Fatal("the changes test too little")
	}
}
