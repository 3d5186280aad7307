package engine

import (
	"math/big"
	"math/rand/v2"
	"slices"
	"testing"
)

// TestComplementHidesGroups: in random tables of up to three keys, no group that is withheld follows from the
// totals of all lines, by rational algebra that shares no code with the engine, unless there is nothing left to
// withhold beside it; and each line that hides something hides enough.
func TestComplementHidesGroups(t *testing.T) {
	added, checked := 0, 0
	for seed := range 1500 {
		r := rand.New(rand.NewPCG(uint64(seed), 19))
		p := &Plan{Screen: &Screening{Rules: Disclosure{Count: 2 + r.Int64N(11), Complement: true}}}
		count := 1
		for range 1 + r.IntN(3) {
			n := 1 + r.IntN(4)
			p.Groups = append(p.Groups, GroupColumn{Values: make([]Datum, n)})
			count *= n
		}
		rows, withheld := make([]int64, count), make([]bool, count)
		for g := range rows {
			if rows[g] = r.Int64N(40); r.IntN(4) == 0 {
				rows[g] = r.Int64N(3)
			}
			withheld[g] = rows[g] > 0 && rows[g] < p.Screen.Rules.Count
		}
		before := slices.Clone(withheld)
		if err := p.protect(rows, withheld, nil); err != nil {
			t.Fatal(err)
		}
		for g := range rows {
			switch {
			case before[g] && !withheld[g]:
				t.Fatalf("seed %d: group %d is shown again", seed, g)
			case withheld[g] && !before[g]:
				if added++; rows[g] == 0 {
					t.Fatalf("seed %d: a group without rows hides others", seed)
				}
			}
		}
		checked += checkHidden(t, seed, p, rows, withheld)
	}
	t.Logf("%d groups added, %d checked", added, checked)
	if added < 500 || checked < 2000 {
		t.Fatalf("%d groups added, %d checked: the tables test too little", added, checked)
	}
}

// checkHidden solves the totals of a table for the groups that are withheld.
func checkHidden(t *testing.T, seed int, p *Plan, rows []int64, withheld []bool) (checked int) {
	var unknown []int
	for g := range rows {
		if withheld[g] && rows[g] > 0 {
			unknown = append(unknown, g)
		}
	}
	var equations [][]*big.Rat
	open := map[int]bool{} // groups with a shown one with rows in a line of theirs
	stride := len(rows)
	for _, column := range p.Groups {
		n := len(column.Values)
		if stride /= n; n == 1 {
			continue
		}
		for g := range rows {
			if g/stride%n != 0 {
				continue
			}
			equation, shown, groups, hidden := make([]*big.Rat, len(unknown)), false, 0, int64(0)
			for i := range equation {
				equation[i] = new(big.Rat)
			}
			for k := range n {
				at := g + k*stride
				if i := slices.Index(unknown, at); i >= 0 {
					equation[i].SetInt64(1)
					groups++
					hidden += rows[at]
				} else if rows[at] > 0 {
					shown = true
				}
			}
			for k := range n {
				open[g+k*stride] = open[g+k*stride] || shown
			}
			if groups > 0 && shown && (groups < 2 || hidden < p.Screen.Rules.Count) {
				t.Fatalf("seed %d: a line hides %d groups of %d rows", seed, groups, hidden)
			}
			equations = append(equations, equation)
		}
	}
	for _, at := range determinedBy(equations, len(unknown)) {
		if open[unknown[at]] {
			t.Fatalf("seed %d: group %d follows from the totals of %v withheld %v", seed, unknown[at], rows, withheld)
		}
	}
	return len(unknown)
}

// determinedBy are the unknowns that equations determine: those that a row of their reduced echelon form has alone.
func determinedBy(equations [][]*big.Rat, unknowns int) (out []int) {
	rank := 0
	for column := range unknowns {
		at := slices.IndexFunc(equations[rank:], func(e []*big.Rat) bool { return e[column].Sign() != 0 })
		if at < 0 {
			continue
		}
		equations[rank], equations[rank+at] = equations[rank+at], equations[rank]
		inverse := new(big.Rat).Inv(equations[rank][column])
		for _, x := range equations[rank] {
			x.Mul(x, inverse)
		}
		for i, e := range equations {
			if factor := new(big.Rat).Set(e[column]); i != rank && factor.Sign() != 0 {
				for k, x := range e {
					x.Sub(x, new(big.Rat).Mul(factor, equations[rank][k]))
				}
			}
		}
		rank++
	}
	for _, e := range equations[:rank] {
		var alone []int
		for i, x := range e {
			if x.Sign() != 0 {
				alone = append(alone, i)
			}
		}
		if len(alone) == 1 {
			out = append(out, alone[0])
		}
	}
	return out
}
