package engine

import (
	"fmt"
	"math"
	"math/big"
	"math/rand/v2"
	"strings"
	"testing"
)

// TestSketchError draws values and salts: over many of them the estimates' mean and
// spread agree with the standard error stated, and the intervals cover the truth.
func TestSketchError(t *testing.T) {
	if testing.Short() {
		t.Skip("a thousand sketches")
	}
	for _, c := range []struct {
		values, departments, copies int // copies: in how many departments each value is
	}{{60, 3, 1}, {400, 3, 2}, {3000, 2, 1}, {20000, 3, 1}, {20000, 10, 10}} {
		buckets, oneIn := sketchSize(int64(c.values * c.copies))
		const trials = 200
		var sum, squares float64
		covered := 0
		for trial := range trials {
			e := &Expr{Op: OpBucket, Kind: Integer, Args: []*Expr{{Op: OpColumn, Kind: Integer},
				{Value: NewText(Hash("test", []byte{byte(trial)}, []byte(fmt.Sprint(c))).String())},
				constantExpr(NewInteger(oneIn)), constantExpr(NewInteger(buckets))}}
			taken := map[int64]bool{} // a value in several departments has one bucket
			for v := range c.values {
				d, err := e.score(NewInteger(int64(v) + int64(trial)*1e9))
				if err != nil {
					t.Fatal(err)
				}
				if !d.IsNull() {
					taken[d.Number.Int64()] = true
				}
			}
			s := sketch{buckets: float64(buckets), empty: float64(buckets) - float64(len(taken)), oneIn: float64(oneIn)}
			z := (near(s.estimate().exact) - float64(c.values)) / near(s.deviation().exact)
			sum, squares = sum+z, squares+z*z
			if lo, hi := s.interval(); near(lo.exact) <= float64(c.values) && float64(c.values) <= near(hi.exact) {
				covered++
			}
		}
		mean, spread := sum/trials, math.Sqrt(squares/trials)
		t.Logf("%d values, %d buckets, one in %d: errors in standard errors have mean %.2f, "+
			"spread %.2f; %d of %d intervals cover", c.values, buckets, oneIn, mean, spread, covered, trials)
		if math.Abs(mean) > 0.3 || spread < 0.85 || spread > 1.2 || covered < trials*90/100 {
			t.Errorf("%+v: mean %.2f, spread %.2f, %d of %d covered", c, mean, spread, covered, trials)
		}
	}
}

// TestSketchEdges: nothing sampled, all buckets taken, one value.
func TestSketchEdges(t *testing.T) {
	none := sketch{buckets: 2048, empty: 2048, oneIn: 10}
	if lo, hi := none.interval(); none.estimate().exact.Sign() != 0 || lo.exact.Sign() != 0 || hi.exact.Cmp(big.NewRat(37, 1)) != 0 {
		t.Errorf("an empty sketch is %v to %v", lo, hi)
	}
	full := sketch{buckets: 32, oneIn: 1}
	if lo, _ := full.interval(); !full.count().IsNull() || full.deviation().reason != saturated || !lo.IsNull() {
		t.Error("a full sketch has an estimate")
	}
	if one := (sketch{buckets: 32, empty: 31, oneIn: 1}); one.count().Number.Int64() != 1 {
		t.Errorf("one bucket is %v", one.count())
	}
	for rows, want := range map[int64][2]int64{0: {32, 1}, 16: {32, 1}, 17: {64, 1}, 1024: {2048, 1},
		4096: {2048, 1}, 4097: {2048, 2}, 1e7: {2048, 2442}} {
		if buckets, oneIn := sketchSize(rows); buckets != want[0] || oneIn != want[1] {
			t.Errorf("%d rows: %d buckets, one in %d", rows, buckets, oneIn)
		}
	}
}

// TestCountDistinctEstimate asks through a plan: what departments share counts once,
// NULLs do not count.
func TestCountDistinctEstimate(t *testing.T) {
	if testing.Short() {
		t.Skip("takes a second")
	}
	random := rand.New(rand.NewPCG(15, 3))
	var parts [3][]row
	for i := range 120 {
		for d := range parts {
			if one := (row{rat(int64(i)), big.NewRat(int64(i), 100), rat(int64(i % 3)),
				[]string{"a", "b"}[i%2], rat(int64(i)), nil}); d == i%3 || random.IntN(2) == 0 {
				if i >= 80 {
					one[0] = nil
				}
				parts[d] = append(parts[d], one)
			}
		}
	}
	table := statTable(parts[:]...)
	for i := range table.columns {
		table.columns[i].grouped = i == 3
	}
	r := table.mustAnswer(t, "SELECT count(DISTINCT z) AS all, count(DISTINCT y) AS most, "+
		"count(DISTINCT x) FILTER (WHERE z < 40) AS few, count(*) FROM things")
	for name, want := range map[string]float64{"all": 120, "most": 80, "few": 40} {
		estimate, deviation := number(t, figureOf(t, r, name+".estimate")), number(t, figureOf(t, r, name+".std_error"))
		if math.Abs(estimate-want) > 4*deviation || deviation > want/8 {
			t.Errorf("%s: %v ± %v, want %v", name, estimate, deviation, want)
		}
	}
	if rounded := math.Round(number(t, figureOf(t, r, "all.estimate"))); number(t, r.Rows[0][0]) != rounded || r.Kinds[0] != Integer {
		t.Errorf("the answer is %v, the estimate rounds to %v", *r.Rows[0][0].Text, rounded)
	}
	r = table.mustAnswer(t, "SELECT count(DISTINCT z), count(DISTINCT y), count(*) FROM things")
	if len(r.Model) != 12 || r.Model[6].Name != "count_2.estimate" {
		t.Errorf("two estimates of one name have figures %v", r.Model)
	}
	grouped := table.mustAnswer(t, "SELECT g, count(DISTINCT z) AS n FROM things GROUP BY g HAVING count(DISTINCT z) > 10")
	if len(grouped.Rows) != 2 || len(grouped.Model) != 12 || *grouped.Model[6].Group[0].Text != "b" ||
		math.Abs(number(t, grouped.Rows[0][1])-60) > 20 {
		t.Errorf("by group: %v", grouped)
	}
	cat, departments := table.catalogue()
	p, err := NewPlan("SELECT count(DISTINCT z) FROM things", cat, departments, testPackings[0])
	if err != nil {
		t.Fatal(err)
	}
	if text := p.Explain().String(); !strings.Contains(text,
		"which is an estimate, in how many departments each of 512 buckets is taken") ||
		strings.Count(text, "\n") > 130 {
		t.Errorf("explained as\n%s", text)
	}
	tight := testPackings[0]
	tight.MaxCiphertexts, tight.LimbsPerCiphertext = 1, 1000
	if _, err := NewPlan("SELECT g, count(DISTINCT z) FROM things GROUP BY g", cat, departments, tight); code(err) != CodeLimit {
		t.Errorf("groups that do not fit: %v", err)
	}
}
