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
	sensitivityBounds(t, 800, func(*rand.Rand) int64 { return 0 })
}

// TestSensitivityBoundsAnyPerson: so it is of all rows of a person in one department, of as many as the table declares at most, in whatever
// groups they were and come to.
func TestSensitivityBoundsAnyPerson(t *testing.T) {
	sensitivityBounds(t, 400, func(r *rand.Rand) int64 { return 1 + r.Int64N(5) })
}

// sensitivityBounds changes the rows of a person, of whom tables have at most so many; one of a table that has 0.
func sensitivityBounds(t *testing.T, rounds int, limit func(*rand.Rand) int64) {
	if testing.Short() {
		rounds /= 5
	}
	moments, reached := 0, 0
	for seed := range rounds {
		r := rand.New(rand.NewPCG(uint64(seed), 15))
		table := newTable(r)
		g := generator{r, table}
		most := limit(r)
		d := r.IntN(len(table.parts))
		rows := slices.Clone(table.parts[d])
		if len(rows) == 0 {
			continue
		}
		person := r.Perm(len(rows))[:min(len(rows), max(1, r.IntN(int(most)+1)))]
		if r.IntN(2) == 0 { // alike, as the worst are
			person = person[:0]
			for range max(1, most) {
				person = append(person, len(rows))
				rows = append(rows, rows[0])
			}
		}
		table.parts[d] = rows
		cat, departments := table.catalogue()
		cat[d].Quality = Quality{Key: []string{cat[d].Columns[0].Name}, RowsPerPerson: most}
		p, err := NewPlan(g.query().sql, cat, departments, testPackings[1])
		if err != nil || p.CellCount() > 2000 {
			continue
		}
		before := table.contribute(t, p, d)
		for range 8 {
			other := *table
			other.parts = slices.Clone(table.parts)
			other.parts[d] = slices.Clone(rows)
			alike := r.IntN(2) == 0
			for i, at := range person {
				changed := slices.Clone(rows[at])
				for c := range changed {
					if r.IntN(2) == 0 {
						changed[c] = rows[r.IntN(len(rows))][c]
					}
				}
				if other.parts[d][at] = changed; alike && i > 0 {
					other.parts[d][at] = other.parts[d][person[0]]
				}
			}
			after := other.contribute(t, p, d)
			for m := range p.Moments {
				sum, cells := new(big.Int), int64(0)
				for i := m; i < len(before); i += len(p.Moments) {
					difference := new(big.Int).Sub(after[i], before[i])
					if difference.Sign() != 0 {
						cells++
					}
					sum.Add(sum, difference.Mul(difference, difference))
				}
				square := p.squaredSensitivity(m)
				if moments++; sum.Sign() > 0 && sum.Cmp(square) == 0 {
					reached++
				}
				if p.Moments[m].Op != Present && (sum.Cmp(square) > 0 || cells > p.changedCells()) {
					t.Fatalf("seed %d: %s\n%s changes by %s in squares, in %d cells; its sensitivity is %s, in %d", seed, p.SQL, p.describeMoment(m), sum, cells, square, p.changedCells())
				}
			}
		}
	}
	t.Logf("%d moments, %d at the bound", moments, reached)
	if moments < rounds || reached < rounds/20 {
		t.Fatal("the changes test too little")
	}
}
