package engine

import (
	"bytes"
	"fmt"
	"math/big"
	"slices"
	"strings"
	"testing"
)

// screened has a screening's figures be the same in each group, by set.
func screened(t *testing.T, s *Plan, figures ...int64) []byte {
	t.Helper()
	var cells []*big.Int
	for range s.CellCount() / len(figures) {
		for _, n := range figures {
			cells = append(cells, big.NewInt(n))
		}
	}
	verdict, err := s.Screened(cells)
	if err != nil {
		t.Fatal(err)
	}
	return verdict
}

// TestLinkedScreening: of a join across departments the persons are counted that each number rests on, and those that it leaves out; where a side has
// several departments each may count a person, and the smallest count is as often as large.
func TestLinkedScreening(t *testing.T) {
	p := crossPlan(t, "select kind, count(*), sum(wage), count(*) filter (where wage > 5 and amount > 1) from benefits join income using (pid) group by kind", "welfare", "tax")
	s, err := p.Screening(Disclosure{Count: 10})
	if err != nil {
		t.Fatal(err)
	}
	l := s.Linked()
	if l.Multiplier != p.Linked().Multiplier || s.Digest() == p.Digest() || s.notLimbs() == nil {
		t.Error("it is no screening of the plan")
	}
	for side := range l.Sides {
		for _, v := range l.Sides[side].Vectors {
			if v.Op != Present || slices.ContainsFunc(v.Bounds, func(b Bound) bool { return b.Lo.Sign() != 0 || b.Hi.Cmp(big.NewInt(1)) != 0 }) {
				t.Errorf("it asks for more of a person than whether there is a row: %+v", v)
			}
		}
	}
	if x, err := p.ExplainScreening(Disclosure{Count: 10}); err != nil || x.Figures != 6 || x.Persons != 10 || x.Groups != s.groupCount() || len(x.Learns) != 2 ||
		!strings.Contains(x.String(), "6 sets of persons") || !strings.Contains(x.Learns[0].What, "exactly") {
		t.Errorf("it is explained as %+v, %v", x, err)
	}
	// All; those with a wage, and the rest; those of the FILTER, and the rest of either side.
	if len(l.Targets) != 6 {
		t.Fatalf("%d sets of persons", len(l.Targets))
	}
	moments := len(p.Moments)
	for _, c := range []struct {
		figures []int64
		hidden  []int // moments by their targets' first sets
	}{
		{[]int64{50, 50, 0, 50, 0, 0}, nil},
		{[]int64{10, 10, 0, 10, 0, 0}, nil},
		{[]int64{9, 9, 0, 9, 0, 0}, []int{0, 1, 3}}, // too few in all
		{[]int64{50, 9, 41, 50, 0, 0}, []int{1}},    // with a wage
		{[]int64{50, 45, 9, 50, 0, 0}, []int{1}},    // without one
		{[]int64{50, 50, 0, 3, 49, 49}, []int{3}},   // of the FILTER
		{[]int64{50, 50, 0, 49, 3, 0}, []int{3}},    // but not of it
		{[]int64{50, 50, 0, 49, 3, 30}, nil},        // of which there are enough on the other side
		{[]int64{0, 0, 0, 0, 0, 0}, nil},            // nobody
		{[]int64{50, 0, 50, 0, 50, 50}, nil},
	} {
		verdict := screened(t, s, c.figures...)
		if len(verdict) != p.CellCount() {
			t.Fatalf("a verdict over %d cells", len(verdict))
		}
		for g := 0; g < len(verdict); g += moments {
			for m := range moments {
				first := s.Screen.persons.of[p.Linked().Moments[m]][0]
				if want := slices.Contains(c.hidden, first); want != (verdict[g+m] == ReasonCount) {
					t.Errorf("%v: cell %d of set %d has %d", c.figures, g+m, first, verdict[g+m])
				}
			}
		}
		shown, err := p.Withhold(Disclosure{Count: 10}, verdict, 0)
		if err != nil {
			t.Fatal(err)
		}
		for m, target := range p.Linked().Moments {
			if shown.Opened(0, target) != (verdict[m] == 0) {
				t.Errorf("%v: target %d is opened though it is withheld, or the other way round", c.figures, target)
			}
		}
	}
	if _, err := s.Screened([]*big.Int{big.NewInt(1)}); err == nil {
		t.Error("other figures are taken")
	}
	many := make([]*big.Int, s.CellCount())
	for i := range many {
		many[i] = big.NewInt(1 << 40)
	}
	if _, err := s.Screened(many); code(err) != CodeOverflow {
		t.Errorf("more persons than there are: %v", err)
	}
	zero, err := p.Screening(Disclosure{Count: 10, ZeroIsSmall: true})
	if err != nil || bytes.Contains(screened(t, zero, 0, 0, 0, 0, 0, 0), []byte{0}) {
		t.Errorf("nobody is shown where zero is small: %v", err)
	}
}

// TestLinkedFewest: a person can be counted by each department of a side, but where its key is declared never to stand at two.
func TestLinkedFewest(t *testing.T) {
	for _, c := range []struct {
		departments []string
		home        bool
		want        int64
	}{{[]string{"welfare", "tax"}, false, 7}, {[]string{"north", "welfare", "tax"}, false, 28}} {
		p := crossPlan(t, "select count(*) from benefits join income using (pid)", c.departments...)
		if n := p.FewestPersons(); n != 0 {
			t.Errorf("%v, without rules: %d", c.departments, n)
		}
		p.Rules.Count = 7
		if got := p.persons().fewest(p, 7); got.Cmp(big.NewInt(c.want)) != 0 || p.FewestPersons() != c.want {
			t.Errorf("%v: %s, %d", c.departments, got, p.FewestPersons())
		}
		for side := range p.Linked().Sides {
			p.Schema.Columns[p.Linked().Sides[side].Key].Colocated = "home"
		}
		if got := p.persons().fewest(p, 7); got.Cmp(big.NewInt(7)) != 0 {
			t.Errorf("%v, colocated: %s", c.departments, got)
		}
	}
}

// TestLinkedRules: under any rule but a smallest count of persons nothing is screened, nor with a history.
func TestLinkedRules(t *testing.T) {
	p := crossPlan(t, "select count(*) from benefits join income using (pid)", "welfare", "tax")
	for i, d := range []Disclosure{{Count: 5, Floor: 3}, {Count: 5, Departments: 2}, {Count: 5, Freedom: 3}, {Count: 5, ParametersPerMille: 100}, {Count: 5, Complement: true},
		{Count: 5, DominanceCount: 1, DominancePerMille: 600}, {Count: 5, RatioPerMille: 100}, {Count: 5, Base: 5}, {Count: 5, Veiled: true}, {Count: 5, History: 30}, {Count: 5, Perturbed: 3}} {
		if _, err := p.Screening(d); code(err) != CodePolicy {
			t.Errorf("%d: %v", i, err)
		}
	}
	if _, err := p.Screening(Disclosure{Count: 5, History: 3}, Earlier{}); err == nil {
		t.Error("it is compared with an earlier answer")
	}
	for _, sql := range []string{"select count(distinct pid) from benefits join income using (pid)", "select sum(wage), sum(wage * amount) from benefits join income using (pid) where kind = 'rent'"} {
		q := crossPlan(t, sql, "welfare", "tax")
		if pins := q.Pins(); len(pins) != len(q.Linked().Targets) || fmt.Sprint(q.persons().beyond[0]) != "[]" {
			t.Errorf("%s: %v", sql, pins)
		}
	}
}

// TestLinkedNotIn: whom NOT IN leaves out are counted too. A subquery that names a few persons, beside one that names nobody, would else have
// their number as a difference, which IN withholds.
func TestLinkedNotIn(t *testing.T) {
	sql := "select count(*), count(*) filter (where amount > 1) from benefits where pid %s (select pid from income where wage > 5)"
	p := crossPlan(t, fmt.Sprintf(sql, "not in"), "welfare", "tax")
	s, err := p.Screening(Disclosure{Count: 10})
	if err != nil {
		t.Fatal(err)
	}
	// All who are not among them, those of the FILTER, and the rest; then of each set those who are.
	if len(s.Linked().Targets) != 6 {
		t.Fatalf("%d sets of persons", len(s.Linked().Targets))
	}
	all, some := p.Linked().Moments[0], p.Linked().Moments[1]
	for _, c := range []struct {
		figures []int64
		hidden  []int
	}{
		{[]int64{50, 30, 20, 40, 20, 20}, nil},
		{[]int64{50, 30, 20, 0, 0, 0}, nil},
		{[]int64{50, 30, 20, 10, 10, 0}, nil},
		{[]int64{50, 30, 20, 1, 1, 0}, []int{all, some}},
		{[]int64{50, 30, 20, 1, 0, 1}, []int{all, some}},
		{[]int64{50, 30, 20, 40, 9, 31}, []int{some}},
		{[]int64{50, 30, 20, 40, 31, 9}, []int{some}},
	} {
		for m, code := range screened(t, s, c.figures...) {
			if target := p.Linked().Moments[m]; slices.Contains(c.hidden, target) != (code == ReasonCount) {
				t.Errorf("%v: cell %d has %d", c.figures, m, code)
			}
		}
	}
	for i, of := range s.Linked().Targets {
		if v := s.Linked().Sides[1].Vectors[of.Terms[0].Vectors[1]]; (v.Op == Absent) != (i < 3) || (v.Op == Present) != (i >= 3) {
			t.Errorf("set %d has %+v", i, v)
		}
	}
	in, err := crossPlan(t, fmt.Sprintf(sql, "in"), "welfare", "tax").Screening(Disclosure{Count: 10})
	if err != nil || len(in.Linked().Targets) != 3 {
		t.Errorf("IN counts other sets: %v", err)
	}
}
