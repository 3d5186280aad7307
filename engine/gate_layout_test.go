package engine

import (
	"math/rand/v2"
	"testing"
)

// TestFiguresShareLimbs: figures of a screening that share a limb come out of the departments' sum as they went in, also where
// all are as large as they can be; and whatever a department writes into its limbs within their bounds, no figure is beyond what it
// can be, nor are those of other limbs changed.
func TestFiguresShareLimbs(t *testing.T) {
	table := staff()
	cat, departments := table.catalogue()
	r := rand.New(rand.NewPCG(3, 1))
	for _, packing := range testPackings {
		p, err := NewPlan("SELECT region, count(*), sum(wage), sum(wage) FILTER (WHERE wage > 20) FROM things GROUP BY region", cat, departments, packing)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range []Disclosure{{Count: 3}, {Count: 10, Floor: 3}, {Count: 7, Floor: 2, Departments: 2}, {Count: 1 << 15, Floor: 3}} {
			s, err := p.Screening(d)
			if err != nil {
				t.Fatal(err)
			}
			if s.Layout.SlotsPerGroup >= len(s.Moments) && packing.LimbBits >= 20 && d.Count < 100 {
				t.Errorf("%d figures take %d limbs of %d bits", len(s.Moments), s.Layout.SlotsPerGroup, packing.LimbBits)
			}
			sum := s.empty()
			for dep := range departments {
				_, hi := s.Bounds(dep)
				for c := range hi {
					for l := range hi[c] {
						sum[c][l] += hi[c][l]
					}
				}
			}
			full, err := s.Cells(sum)
			if err != nil {
				t.Fatal(err)
			}
			for i, cell := range full {
				if want := s.most(i % len(s.Moments)); cell.Cmp(want) != 0 {
					t.Fatalf("%+v, limbs of %d bits: figure %d is %s, want %s", d, packing.LimbBits, i, cell, want)
				}
			}
			for c := range sum {
				for l := range sum[c] {
					sum[c][l] = r.Int64N(sum[c][l] + 1)
				}
			}
			lied, err := s.Cells(sum)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := s.Screened(lied); err != nil {
				t.Errorf("figures within their limbs' bounds are refused: %v", err)
			}
		}
	}
}
