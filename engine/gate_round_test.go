package engine

import (
	"fmt"
	"math/big"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// nearestTo is what a count is rounded to, found by looking.
func nearestTo(n, base int64) int64 {
	for up := int64(0); ; up++ { // of two that are as near the larger
		if (n+up)%base == 0 {
			return n + up
		}
		if n >= up && (n-up)%base == 0 && (n+up)%base != 0 {
			return n - up
		}
	}
}

// countsOf is a random question of counts: the generator's, or one with many kinds of counts at once.
func countsOf(r *rand.Rand, table *refTable) string {
	g := generator{r, table}
	if r.IntN(4) == 0 {
		return g.query().sql
	}
	where := ""
	if r.IntN(2) == 0 {
		where = " WHERE k <> 3"
	}
	return fmt.Sprintf("SELECT k, count(*), count(I), count(\"Dec\") FILTER (WHERE flag), count(DISTINCT t), min(k), count(*) FILTER (WHERE %s) FROM things%s GROUP BY %s",
		[]string{"I > 0", "I >= 1 OR flag", "t = 'a'", "day IS NULL"}[r.IntN(4)], where, []string{"k", "ROLLUP (k)", "ROLLUP (k)"}[r.IntN(3)])
}

// TestRoundedCounts: over random tables and questions of counts, each cell that is shown is the nearest multiple of the base to
// what the plan without rules gives, by a look at the pooled rows, and a presence is whether that is above 0; the rest is 0.
func TestRoundedCounts(t *testing.T) {
	rounds, shown, withheld, presences, refused := 600, 0, 0, 0, 0
	if testing.Short() {
		rounds = 250
	}
	for seed := range rounds {
		r := rand.New(rand.NewPCG(uint64(seed), 25))
		table := newTable(r)
		for d := range table.parts {
			for n := len(table.parts[d]); n > 0 && len(table.parts[d]) < 30; {
				table.parts[d] = append(table.parts[d], slices.Clone(table.parts[d][r.IntN(n)]))
			}
		}
		sql := countsOf(r, table)
		cat, departments := table.catalogue()
		p, err := NewPlan(sql, cat, departments, testPackings[seed%len(testPackings)])
		if err != nil || p.CellCount() > 1000 {
			continue
		}
		d := Disclosure{Base: Bases[r.IntN(4)]}
		if r.IntN(3) > 0 {
			d = d.Unite(smallRules(r))
		}
		answer, cells, err := table.gated(t, p, d)
		if p.Adds() {
			if refused++; code(err) != CodePolicy {
				t.Fatalf("seed %d: %s adds something up: %v", seed, sql, err)
			}
			continue
		}
		if err != nil {
			t.Fatalf("seed %d: %s\n%v", seed, sql, err)
		}
		counting, counts := p.counting(), make([]*big.Int, p.CellCount())
		for dep := range departments {
			for i, c := range table.contribute(t, counting, dep) {
				if counts[i] == nil {
					counts[i] = new(big.Int)
				}
				counts[i].Add(counts[i], c)
			}
		}
		for i, exact := range counts {
			m, want := i%len(p.Moments), nearestTo(exact.Int64(), d.Base)
			switch {
			case answer.withheld(i/len(p.Moments), m) != 0:
				want = 0
				withheld++
			case p.Moments[m].Op == Present:
				want = min(want, 1)
				presences++
			default:
				shown++
			}
			if !cells[i].IsInt64() || cells[i].Int64() != want {
				t.Fatalf("seed %d: %s\n%+v\ncell %d, %s, is %s of %s, not %d", seed, sql, d, i, p.describeMoment(m), cells[i], exact, want)
			}
		}
		got, err := answer.Finish(cells)
		if err != nil && code(err) != CodeDivision || err == nil && got.Rounded != d.Base {
			t.Fatalf("seed %d: %s\n%v, rounded to %d", seed, sql, err, got.Rounded)
		}
	}
	t.Logf("%d counts shown, %d withheld, %d presences, %d questions with sums", shown, withheld, presences, refused)
	if shown < rounds || withheld < rounds || presences < rounds || refused < rounds/20 {
		t.Fatal("the questions test too little")
	}
}

// TestRoundingIsNotUndone: what would tell a count of the staff that is rounded is refused, or tells it to the base.
func TestRoundingIsNotUndone(t *testing.T) {
	table := staff()
	cat, departments := table.catalogue()
	for what, c := range map[string]struct {
		rules, sql, want string
		refused          string
	}{
		"a sum of ones":              {"round=5", "SELECT sum(CASE WHEN ill THEN 1 ELSE 0 END) FROM things", "", CodePolicy},
		"a sum less a sum":           {"round=5", "SELECT sum(wage + 1) - sum(wage) FROM things", "", CodePolicy},
		"an average of a condition":  {"round=5", "SELECT avg(CASE WHEN ill THEN 100 ELSE 0 END) FROM things", "", CodePolicy},
		"a weighted condition":       {"round=5", "SELECT region, count(*), sum(children) FROM things GROUP BY region", "", CodePolicy},
		"a regression on a constant": {"round=5", "SELECT linreg(wage, age) FROM things", "", CodePolicy},
		"groups of staff":            {"round=5", "SELECT region, count(*) FROM things GROUP BY region ORDER BY region", "east | 10; north | 60; west | 60", ""}, // south has 2, which is 0
		"counts that are small too":  {"round=5 count=10", "SELECT region, count(*) FROM things GROUP BY region ORDER BY region", "east | 10; north | 60; west | 60; withheld south by count", ""},
		"the total beside its parts": {"round=50", "SELECT region, count(*) FROM things GROUP BY ROLLUP (region) ORDER BY region", "north | 50; west | 50; <null> | 100", ""},
		"the total by itself":        {"round=50", "SELECT count(*) FROM things", "150", ""},
		"a difference of FILTERs":    {"round=10", "SELECT count(*) FILTER (WHERE age >= 30) - count(*) FILTER (WHERE age >= 40) AS x FROM things", "40", ""}, // 110 and 75 of 134; 36
		"a difference, times a lot":  {"round=10", "SELECT 1000 * (count(*) FILTER (WHERE age >= 30) - count(*) FILTER (WHERE age >= 40)) AS x FROM things", "40000", ""},
		"by HAVING":                  {"round=50", "SELECT region FROM things GROUP BY region HAVING count(*) > 50", "", ""},
		"by the average of counts":   {"round=10", "SELECT count(*) FILTER (WHERE sex = 'f') * 100 / count(*) AS x FROM things", "53", ""}, // 70 of 130
		"different values":           {"round=5", "SELECT count(DISTINCT age), max(age) FROM things", "5 | 60", ""},                        // 77 is one person's
	} {
		p, err := NewPlan(c.sql, cat, departments, testPackings[1])
		if err != nil {
			t.Fatalf("%s: %v", c.sql, err)
		}
		answer, cells, err := table.gated(t, p, staffRules(t, strings.Fields(c.rules)))
		if c.refused != "" {
			if code(err) != c.refused {
				t.Errorf("%s: %v", what, err)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", what, err)
			continue
		}
		result, err := answer.Finish(cells)
		if err != nil {
			t.Errorf("%s: %v", what, err)
			continue
		}
		got := strings.Split(shownAnswer(result), "\n")[1:]
		for i := range got {
			got[i] = strings.NewReplacer("withheld of (", "withheld ", "): the row", "").Replace(got[i])
		}
		if text := strings.Join(got, "; "); text != c.want {
			t.Errorf("%s: %s, not %s", what, text, c.want)
		}
	}
	s, err := NewSession("SELECT median(wage) FROM things", cat, departments, testPackings[1])
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := table.gated(t, s.Plan(), Disclosure{Base: 5}); code(err) != CodePolicy {
		t.Errorf("a search is asked: %v", err)
	}
}

// TestRoundedIsStrict: another recipient or base is another plan; who is not the recipient has no room for anything; cells that are
// not rounded are no answer's, and figures that are none are refused.
func TestRoundedIsStrict(t *testing.T) {
	table := staff()
	cat, departments := table.catalogue()
	p, err := NewPlan("SELECT region, count(*), count(bonus), count(DISTINCT sex) FROM things GROUP BY region", cat, departments, testPackings[1])
	if err != nil {
		t.Fatal(err)
	}
	d := Disclosure{Count: 10, Base: 5}
	screening, err := p.Screening(d)
	if err != nil {
		t.Fatal(err)
	}
	counts := table.pooled(t, screening)
	verdict, err := screening.Screened(counts)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := p.Withhold(d, verdict, 0)
	if err != nil {
		t.Fatal(err)
	}
	plans := map[Digest]string{p.Digest(): "the question", screening.Digest(): "its screening", answer.Digest(): "its answer"}
	for what, other := range map[string]*Plan{"another recipient": p.mustWithhold(t, d, verdict, 1), "another base": p.mustWithhold(t, Disclosure{Count: 10, Base: 10}, verdict, 0),
		"no base": p.mustWithhold(t, Disclosure{Count: 10}, verdict, 0)} {
		if plans[other.Digest()] != "" {
			t.Errorf("%s is %s", what, plans[other.Digest()])
		}
		plans[other.Digest()] = what
	}
	for dep := range departments {
		_, hi := answer.Bounds(dep)
		room := slices.ContainsFunc(slices.Concat(hi...), func(top int64) bool { return top != 0 })
		if room != (dep == 0) {
			t.Errorf("department %d may contribute something: %v", dep, room)
		}
	}
	rounded, err := screening.Rounded(counts, verdict)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := answer.Limbs(1, rounded); code(err) != CodeOverflow {
		t.Errorf("who is not the recipient contributes: %v", err)
	}
	shown := slices.Index(verdict, 0)
	present := slices.IndexFunc(p.Moments, func(m Moment) bool { return m.Op == Present })
	for what, change := range map[string]struct {
		cell int
		by   int64
	}{"one more": {shown, 1}, "one less": {shown, -1}, "the exact count": {shown + 1, 2}, "a presence of two": {shown + present, 2}} {
		cells := slices.Clone(rounded)
		cells[change.cell] = new(big.Int).Add(cells[change.cell], big.NewInt(change.by))
		if _, err := answer.Finish(cells); code(err) != CodeCells {
			t.Errorf("%s: %v", what, err)
		}
	}
	if _, err := answer.Finish(rounded); err != nil {
		t.Error(err)
	}
	plain, err := p.Screening(Disclosure{Count: 10})
	if err != nil {
		t.Fatal(err)
	}
	for what, err := range map[string]error{
		"no rule that rounds": second(plain.Rounded(table.pooled(t, plain), verdict)), "a short verdict": second(screening.Rounded(counts, verdict[1:])),
		"few figures": second(screening.Rounded(counts[1:], verdict)), "an answer": second(answer.Rounded(counts, verdict)),
		"no such recipient": second(p.Withhold(d, verdict, len(departments))), "a recipient below 0": second(p.Withhold(d, verdict, -1))} {
		if err == nil {
			t.Errorf("%s: no error", what)
		}
	}
}

func (p *Plan) mustWithhold(t *testing.T, d Disclosure, verdict []byte, recipient int) *Plan {
	t.Helper()
	out, err := p.Withhold(d, verdict, recipient)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// TestFloorIsNotCountedExactly: where counts are rounded, contributors learn the counts of departments that have as many rows as the
// floor asks for, and nothing of the others'.
func TestFloorIsNotCountedExactly(t *testing.T) {
	table := staff()
	cat, departments := table.catalogue()
	p, err := NewPlan("SELECT region, count(*) FROM things GROUP BY region", cat, departments, testPackings[1])
	if err != nil {
		t.Fatal(err)
	}
	for floor, want := range map[int64][]string{0: {"12", "60", "2", "60"}, 3: {"12", "60", "0", "60"}, 13: {"0", "60", "0", "60"}} {
		s, err := p.Screening(Disclosure{Floor: floor, Base: 5})
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		cells := table.pooled(t, s)
		for g := range 4 {
			got = append(got, s.ofGroup(cells, g)[s.Screen.figures[0].count].String())
		}
		if !slices.Equal(got, want) {
			t.Errorf("floor %d: contributors see %v, not %v", floor, got, want)
		}
	}
}

// TestRoundedIsExplained: of an answer whose counts are rounded the explanation says who proves what, and who sees the exact counts.
func TestRoundedIsExplained(t *testing.T) {
	table := newTable(rand.New(rand.NewPCG(1, 25)))
	cat, departments := table.catalogue()
	p, err := NewPlan("SELECT k, count(*) FROM things GROUP BY k", cat, departments, testPackings[0])
	if err != nil {
		t.Fatal(err)
	}
	plain := p.Explain()
	if plain.Rounded != 0 || strings.Contains(plain.String(), "round") || len(plain.Moments[0].Bounds) != len(departments) {
		t.Errorf("without rules:\n%s", plain)
	}
	rows := int64(0)
	for _, r := range p.Registrations {
		rows += r.Rows
	}
	for recipient := range departments { // which one it is, is not known when a question is explained
		rounded, err := p.Withhold(Disclosure{Count: 3, Base: 5}, make([]byte, p.CellCount()), recipient)
		if err != nil {
			t.Fatal(err)
		}
		text := rounded.Explain().String()
		for _, part := range []string{"round them to 5; one of them contributes what is rounded, the others 0: ",
			fmt.Sprintf("    whichever contributes for all proves 0 to %d\n", nearestTo(rows, 5)), "    each other department proves 0 to 0\n",
			"summed over the departments and rounded to 5", "no cell, but those that contribute see each count before it is rounded"} {
			if strings.Count(text, part) != 1 {
				t.Errorf("%q is not said once:\n%s", part, text)
			}
		}
	}
}
