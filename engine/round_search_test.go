package engine

import (
	"fmt"
	"math/big"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// valuesOf are the values of a column in the rows that a condition keeps, ascending.
func (t *refTable) valuesOf(column int, keep func(row) bool) (out []*big.Rat) {
	for _, part := range t.parts {
		for _, one := range part {
			if x, ok := one[column].(*big.Rat); ok && keep(one) {
				out = append(out, x)
			}
		}
	}
	slices.SortFunc(out, (*big.Rat).Cmp)
	return out
}

// modeOf is the most frequent of ascending values, of several the least.
func modeOf(values []*big.Rat) (best *big.Rat, most int) {
	for i := 0; i < len(values); {
		j := i
		for j < len(values) && values[j].Cmp(values[i]) == 0 {
			j++
		}
		if j-i > most {
			best, most = values[i], j-i
		}
		i = j
	}
	return best, most
}

func medianOf(values []*big.Rat) *big.Rat {
	n := len(values)
	sum := new(big.Rat).Add(values[(n-1)/2], values[n/2])
	return sum.Quo(sum, rat(2))
}

// TestSearchByGroup: every group's figures in the rounds of one, as PostgreSQL gives them:
// groups without rows do not appear, those without values have NULL and the reason.
func TestSearchByGroup(t *testing.T) {
	if testing.Short() {
		t.Skip("searches by group")
	}
	for seed := range uint64(2) {
		table := wideTable(rand.New(rand.NewPCG(seed, 9)), 24)
		for _, part := range table.parts {
			for _, one := range part {
				if one[3] == "b" {
					one[1] = nil // group b has no value of x
				}
			}
		}
		for _, c := range []struct {
			name  string
			index int
		}{{"z", 4}, {"x", 1}} {
			sql := fmt.Sprintf(`SELECT median(%[1]s), g AS letter, max(%[1]s) m, mode() WITHIN GROUP (ORDER BY %[1]s), min(%[1]s) FROM things
				WHERE k < 4 -- GROUP
				GROUP BY letter ORDER BY m DESC NULLS LAST, g`, c.name)
			got, rounds := play(t, table, sql)
			if rounds > 8 {
				t.Errorf("seed %d, %s: %d rounds", seed, c.name, rounds)
			}
			var last *big.Rat
			seen := 0
			for _, line := range got.Rows {
				keep := func(one row) bool {
					letter, ok := one[3].(string)
					return one[2].(*big.Rat).Cmp(rat(4)) < 0 && (line[1].Text == nil && !ok || line[1].Text != nil && ok && letter == *line[1].Text)
				}
				values := table.valuesOf(c.index, keep)
				seen++
				if len(values) == 0 {
					if line[0].Exact != nil || line[2].Exact != nil || line[3].Exact != nil || len(got.Notes) != 4 || got.Notes[0].Reason != noRows {
						t.Errorf("seed %d: a group without values: %v, %v", seed, line, got.Notes)
					}
					continue
				}
				mode, _ := modeOf(values)
				for i, want := range []*big.Rat{medianOf(values), nil, values[len(values)-1], mode, values[0]} {
					if want == nil {
						continue
					}
					if x, ok := new(big.Rat).SetString(*line[i].Exact); !ok || x.Cmp(want) != 0 {
						t.Errorf("seed %d, %s, %s: %s, want %s", seed, c.name, got.Columns[i], *line[i].Exact, want)
					}
				}
				if last != nil && last.Cmp(values[len(values)-1]) < 0 {
					t.Errorf("seed %d: rows are not ordered by the maximum", seed)
				}
				last = values[len(values)-1]
			}
			if strings.Join(got.Columns, " ") != "median letter m mode min" || seen != 4 {
				t.Errorf("seed %d: %v, %d groups", seed, got.Columns, seen)
			}
		}
		if _, rounds := play(t, table, "SELECT g, k, median(z) FROM things GROUP BY g, k LIMIT 3"); rounds > 3 {
			t.Errorf("the medians of 32-bit integers in 20 groups take %d rounds", rounds)
		}
	}
	got, _ := play(t, wideTable(rand.New(rand.NewPCG(1, 9)), 12), "SELECT g, median(z) FROM things WHERE k > 9 GROUP BY g")
	if len(got.Rows) != 0 {
		t.Errorf("no rows give %v", got.Rows)
	}
}

// TestSearchLimits: what one round holds bounds the groups, and the radix before that.
func TestSearchLimits(t *testing.T) {
	table := wideTable(rand.New(rand.NewPCG(2, 9)), 30)
	cat, departments := table.catalogue()
	small := Packing{LimbBits: 20, LimbsPerCiphertext: 3072, MaxCiphertexts: 1, MaxDepartments: 15}
	s, err := NewSession("SELECT g, k, median(z) FROM things GROUP BY g, k", cat, departments, small)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range s.Explain().Rounds {
		if r.Ciphertexts > 1 || r.Cells > 3072 {
			t.Errorf("a round takes %d cells in %d ciphertexts", r.Cells, r.Ciphertexts)
		}
	}
	if n := len(s.Explain().Rounds); n != 6 { // 76 parts of a range: 32 bits take 6 rounds
		t.Errorf("%d rounds", n)
	}
	small.LimbsPerCiphertext = 100
	if _, err := NewSession("SELECT g, k, median(z) FROM things GROUP BY g, k", cat, departments, small); code(err) != CodeLimit {
		t.Errorf("20 groups in 100 limbs: %v", err)
	}
}

// counted is a session whose rounds are answered from a list of values.
func counted(t *testing.T, s *Session, values []int64) (*Result, int, error) {
	t.Helper()
	for rounds := 1; ; rounds++ {
		p := s.Plan()
		cells := make([]*big.Int, p.CellCount())
		for i := range cells {
			cells[i] = new(big.Int)
		}
		cells[p.Report.Cells[0]] = big.NewInt(int64(len(values)))
		cells[p.Report.Cells[1]] = big.NewInt(int64(len(values)))
		at := 2
		for r, edges := range p.Report.bucketEdges() {
			lo, width := p.Report.start(r, 0).Number.Int64(), edges[1].Num().Int64()
			for _, v := range values {
				if k := (v - lo) / width; v >= lo && k < int64(len(edges)-1) {
					cell := cells[p.Report.Cells[at+int(k)]]
					cell.Add(cell, big.NewInt(1))
				}
			}
			at += len(edges) - 1
		}
		round, err := p.Finish(cells)
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Step(round); err != nil {
			return nil, rounds, err
		}
		if s.Result() != nil {
			return s.Result(), rounds, nil
		}
	}
}

// TestMode: the mode of wide columns is exact, of several the least; where many values
// are nearly as frequent the search gives up with a sentence, never with a wrong value.
func TestMode(t *testing.T) {
	if testing.Short() {
		t.Skip("searches of up to sixteen rounds")
	}
	r := rand.New(rand.NewPCG(8, 8))
	cat, departments := wideTable(r, 12).catalogue() // z from −2^31 to 2^31 − 1
	draw := func(n int, each func(i int) int64) (out []int64) {
		for i := range n {
			out = append(out, each(i))
		}
		return out
	}
	uniform := func(int) int64 { return int64(int32(r.Uint32())) }
	wage := func(int) int64 { // rounded to hundreds, mostly
		x := int64(r.ExpFloat64() * 300000)
		if r.IntN(4) > 0 {
			x -= x % 10000
		}
		return x
	}
	for name, c := range map[string]struct {
		values []int64
		gives  bool
		rounds int
	}{
		"one value":           {[]int64{-1 << 31}, true, 5},
		"both ends, tied":     {[]int64{-1 << 31, 1<<31 - 1}, true, 6},
		"a tie far apart":     {[]int64{7, 1 << 30, 7, 1 << 30, -5, 1000000}, true, 6},
		"a tie of neighbours": {[]int64{8, 7, 8, 7, 6}, true, 5},
		"fifty, all once":     {draw(50, uniform), true, 6},
		"wages":               {draw(5000, wage), true, 7},
		"one value twice":     {append(draw(150, uniform), 77, 77), true, 7},
		"many, all once":      {draw(20000, uniform), false, 16},
		"too many, all once":  {draw(200000, uniform), false, 6},
		"ages in days":        {draw(30000, func(int) int64 { return 100 + int64(r.IntN(15000)) }), true, 16},
	} {
		s, err := NewSession("SELECT mode() WITHIN GROUP (ORDER BY z) FROM things", cat, departments, testPackings[0])
		if err != nil {
			t.Fatal(err)
		}
		got, rounds, err := counted(t, s, c.values)
		var exact []*big.Rat
		for _, v := range c.values {
			exact = append(exact, rat(v))
		}
		slices.SortFunc(exact, (*big.Rat).Cmp)
		want, times := modeOf(exact)
		t.Logf("%s: %d rounds, the mode occurs %d times, %v", name, rounds, times, err)
		switch {
		case rounds > c.rounds:
			t.Errorf("%s: %d rounds", name, rounds)
		case !c.gives:
			if code(err) != CodeLimit || !strings.Contains(err.Error(), "cannot be found in 16 rounds") {
				t.Errorf("%s: %v", name, err)
			}
		case err != nil:
			t.Errorf("%s: %v", name, err)
		case *got.Rows[0][0].Exact != want.RatString():
			t.Errorf("%s: %s, want %s", name, *got.Rows[0][0].Exact, want)
		}
	}
}

// TestSearchOfDictionary: a column whose departments' dictionaries together have more
// values than one round counts is searched; one that fits takes one round.
func TestSearchOfDictionary(t *testing.T) {
	var cat Catalogue
	var departments []string
	for d := range int64(3) {
		c := Column{Name: "z", Kind: Integer, Min: big.NewInt(d), Max: big.NewInt(d + 3*4095), HasDictionary: true}
		for i := range int64(4096) {
			c.Dictionary = append(c.Dictionary, fmt.Sprint(3*i+d))
		}
		departments = append(departments, fmt.Sprintf("d%d", d))
		cat = append(cat, Registration{Department: departments[d], Table: "things", Rows: 5000, Columns: []Column{c}})
	}
	sql := "SELECT median(z), mode() WITHIN GROUP (ORDER BY z) FROM things"
	if _, err := NewPlan(sql, cat, departments, testPackings[0]); code(err) != CodeLimit {
		t.Errorf("12288 values in one round: %v", err)
	}
	if s, err := NewSession(sql, cat, departments, testPackings[0]); err != nil || len(s.Explain().Rounds) < 2 {
		t.Errorf("a search: %v", err)
	}
	if s, err := NewSession(sql, cat, departments[:1], testPackings[0]); err != nil || len(s.Explain().Rounds) != 1 {
		t.Errorf("4096 values: %v", err)
	}
}
