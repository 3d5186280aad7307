package engine

import (
	"errors"
	"fmt"
	"math/big"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// play runs a session to its answer and returns it with the number of rounds.
func play(tb testing.TB, table *refTable, sql string) (*Result, int) {
	tb.Helper()
	cat, departments := table.catalogue()
	s, err := NewSession(sql, cat, departments, testPackings[0])
	if err != nil {
		tb.Fatalf("%s: %v", sql, err)
	}
	fresh, err := NewSession(sql, cat, departments, testPackings[0])
	if err != nil {
		tb.Fatal(err)
	}
	for rounds := 1; ; rounds++ {
		p := s.Plan()
		if rounds > 1 && !fresh.Leads(p.SQL) {
			tb.Errorf("%s, round %d: %q is said to follow from no answers", sql, rounds, p.SQL)
		}
		again, err := NewPlan(p.SQL, cat, departments, testPackings[0])
		if err != nil || again.Digest() != p.Digest() {
			tb.Fatalf("%s, round %d: %q does not plan again: %v", sql, rounds, p.SQL, err)
		}
		cells := make([]*big.Int, p.CellCount())
		for i := range cells {
			cells[i] = new(big.Int)
		}
		for d := range p.Departments {
			for i, c := range table.contribute(tb, p, d) {
				cells[i].Add(cells[i], c)
			}
		}
		round, err := p.Finish(cells)
		if err != nil {
			tb.Fatal(err)
		}
		if err := s.Step(round); err != nil {
			tb.Fatalf("%s, round %d: %v", sql, rounds, err)
		}
		if s.Result() != nil {
			if x := fresh.Explain(); !slices.Equal(x.Columns, s.Result().Columns) || !slices.Equal(x.Kinds, s.Result().Kinds) {
				tb.Errorf("%s: the columns %v %v were explained as %v %v", sql, s.Result().Columns, s.Result().Kinds, x.Columns, x.Kinds)
			}
			if s.Plan() != nil || s.Step(round) == nil {
				tb.Errorf("%s: the session goes on after its answer", sql)
			}
			return s.Result(), rounds
		}
	}
}

// wideTable has 32-bit integers z and decimals x without dictionaries.
func wideTable(r *rand.Rand, rows int) *refTable {
	table := randomStats(r, rows)
	table.columns[0].grouped, table.columns[1].grouped = false, false
	for _, part := range table.parts {
		for _, one := range part {
			one[4] = rat(int64(int32(r.Uint32())))
		}
	}
	one := table.parts[0]
	one[0][4], one[1][4] = rat(-1<<31), rat(1<<31-1)
	return table
}

// TestSearch compares searches with the sorted values, over a seed's tables; 32-bit
// integers take three rounds.
func TestSearch(t *testing.T) {
	if testing.Short() {
		t.Skip("searches of several rounds")
	}
	r := rand.New(rand.NewPCG(5, 5))
	for seed := range 3 {
		table := wideTable(r, 9+seed*8)
		for _, c := range []struct {
			column, index, rounds int
			name, where           string
		}{{4, 4, 3, "z", ""}, {1, 1, 2, "x", ""}, {4, 4, 3, "z", " WHERE k < 2"}} {
			var values []*big.Rat
			for _, part := range table.parts {
				for _, one := range part {
					if one[c.index] != nil && (c.where == "" || one[2].(*big.Rat).Cmp(rat(2)) < 0) {
						values = append(values, one[c.index].(*big.Rat))
					}
				}
			}
			slices.SortFunc(values, (*big.Rat).Cmp)
			quantile := func(f *big.Rat) *big.Rat {
				rank := new(big.Rat).Mul(f, rat(int64(len(values)-1)))
				low := new(big.Int).Quo(rank.Num(), rank.Denom()).Int64()
				rest := rank.Sub(rank, rat(low))
				if rest.Sign() == 0 {
					return values[low]
				}
				gap := new(big.Rat).Sub(values[low+1], values[low])
				return gap.Add(gap.Mul(gap, rest), values[low])
			}
			want := []*big.Rat{quantile(big.NewRat(1, 2)), quantile(big.NewRat(9, 10)), values[(len(values)-1)/4], values[0], values[len(values)-1]}
			want[2] = values[(len(values)+3)/4-1]
			sql := fmt.Sprintf(`SELECT median(%[1]s), percentile_cont(0.9) WITHIN GROUP (ORDER BY %[1]s) AS p90,
				percentile_disc(0.25) WITHIN GROUP (ORDER BY %[1]s), min(%[1]s), max(%[1]s) FROM things t%[2]s`, c.name, c.where)
			got, _ := play(t, table, sql)
			for i, v := range got.Rows[0] {
				if x, ok := new(big.Rat).SetString(*v.Exact); !ok || x.Cmp(want[i]) != 0 {
					t.Errorf("seed %d, %s, %s: %s, want %s", seed, c.name+c.where, got.Columns[i], *v.Exact, want[i])
				}
			}
			if _, rounds := play(t, table, "SELECT median("+c.name+") FROM things"+c.where); rounds > c.rounds {
				t.Errorf("the median of %s takes %d rounds, not %d", c.name, rounds, c.rounds)
			}
		}
	}
}

// TestSearchEdges: no values, one round where a dictionary is, refusals as NewPlan's,
// and cells that contradict the rounds before.
func TestSearchEdges(t *testing.T) {
	table := wideTable(rand.New(rand.NewPCG(6, 6)), 12)
	if r, rounds := play(t, table, "SELECT median(z), max(z) FROM things WHERE k > 100"); rounds != 1 ||
		r.Rows[0][0].Exact != nil || r.Notes[0].Reason != noRows {
		t.Errorf("no rows give %v in %d rounds", r, rounds)
	}
	if _, rounds := play(t, table, "SELECT median(k), sum(z) FROM things"); rounds != 1 {
		t.Errorf("a column with a dictionary takes %d rounds", rounds)
	}
	cat, departments := table.catalogue()
	for _, sql := range []string{"SELECT median(z), count(*) FROM things",
		"SELECT median(z), median(x) FROM things", "SELECT z, median(z) FROM things GROUP BY z",
		"SELECT k, median(z) FROM things GROUP BY k HAVING count(*) > 1",
		"SELECT median(z) FILTER (WHERE k = 1) FROM things", "SELECT median(z) FROM things LIMIT -1",
		"SELECT k, median(z) FROM things GROUP BY k ORDER BY y",
		"SELECT k, median(z) FROM things GROUP BY k ORDER BY 3", "SELECT median(z) FROM things WHERE q = 1",
		"SELECT k, median(z) AS k FROM things GROUP BY k ORDER BY k",
		"SELECT percentile_cont(2) WITHIN GROUP (ORDER BY z) FROM things", "SELECT median(z) FROM nowhere"} {
		if _, err := NewSession(sql, cat, departments, testPackings[0]); code(err) == "" {
			t.Errorf("%s: %v", sql, err)
		}
	}
	s, err := NewSession("SELECT median(z) FROM things", cat, departments, testPackings[0])
	if err != nil {
		t.Fatal(err)
	}
	if text := s.Explain().Rounds[1].Learns; !strings.Contains(text, "range of width 16") {
		t.Errorf("the second round is explained as %q", text)
	}
	if s.Step(&Result{}) == nil || s.Plan() != nil {
		t.Error("another question's answer is taken, or the session goes on after it")
	}
	if s, err = NewSession("SELECT median(z) FROM things", cat, departments, testPackings[0]); err != nil {
		t.Fatal(err)
	}
	for round, n := range []int64{5, 0} { // five values, none of which the second round finds
		p := s.Plan()
		cells := make([]*big.Int, p.CellCount())
		for i := range cells {
			cells[i] = new(big.Int)
		}
		cells[p.Report.Cells[1]], cells[p.Report.Cells[2]] = big.NewInt(n), big.NewInt(n)
		result, err := p.Finish(cells)
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Step(result); (code(err) == CodeCells) != (round == 1) {
			t.Errorf("round %d: %v", round, err)
		}
	}
}

// TestPlannedOnceARound holds how often a question is planned: once for each round, and once more
// where its own text has to be read to know that it takes several.
func TestPlannedOnceARound(t *testing.T) {
	stepped := 0
	for sql, want := range map[string]int64{
		"SELECT count(*) FROM things":                               1,
		"SELECT k, median(k), sum(i) FROM things GROUP BY k":        1,
		"SELECT median(big) FROM things":                            2,
		"SELECT logreg(flag, k) FROM things":                        2,
		"SELECT logreg(flag, k, factor(t)) FROM things WHERE i > 0": 2,
	} {
		before := Planned.Load()
		s, err := NewSession(sql, fixtureCatalogue(), []string{"d0", "d1", "d2"}, testPackings[0])
		if err != nil {
			t.Fatalf("%s: %v", sql, err)
		}
		if got := Planned.Load() - before; got != want {
			t.Errorf("%s: planned %d times, want %d", sql, got, want)
		}
		if rounds := len(s.Explain().Rounds); (rounds > 1) != (want > 1) {
			t.Errorf("%s: %d rounds", sql, rounds)
		}
		before = Planned.Load()
		answer, err := fixture().sealed(t, s.Plan())
		if err != nil || s.Step(answer) != nil || s.Plan() == nil {
			continue // too few rows, or one round was all
		}
		if stepped++; Planned.Load()-before != 1 {
			t.Errorf("%s: the second round is planned %d times", sql, Planned.Load()-before)
		}
	}
	if stepped == 0 {
		t.Error("no question came to a second round")
	}
	// What the first round is refused for is told at the call, in the question's own text.
	_, err := NewSession("SELECT logreg(flag, big*big*big*big*big*big*big*big, big) FROM things", fixtureCatalogue(), []string{"d0", "d1"}, testPackings[0])
	_, alone := NewPlan("SELECT logreg(flag, big*big*big*big*big*big*big*big, big) FROM things", fixtureCatalogue(), []string{"d0", "d1"}, testPackings[0])
	var e *Error
	if !errors.As(err, &e) || e.Position != 8 || alone == nil || err.Error() != alone.Error() {
		t.Errorf("%v at %+v, NewPlan %v", err, e, alone)
	}
}
