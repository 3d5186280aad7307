package engine

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// conversation are questions of one person's, each compared with those answered before.
type conversation struct {
	table   *refTable
	rules   Disclosure
	earlier []Earlier
}

// ask asks a question, all its rounds, and says what becomes of it; departments are written before it in brackets, and "[later]" that all
// tables have new versions since.
func (c *conversation) ask(t *testing.T, sql string) (said string, refused bool) {
	t.Helper()
	cat, departments := c.table.keyed()
	table := c.table
	if rest, ok := strings.CutPrefix(sql, "[later] "); ok {
		for i := range c.earlier {
			c.earlier[i].Former = true
		}
		sql = rest
	}
	if rest, ok := strings.CutPrefix(sql, "["); ok {
		var names string
		names, sql, _ = strings.Cut(rest, "] ")
		part := *c.table
		part.parts, part.mixed, part.void = nil, nil, nil
		for _, name := range strings.Fields(names) {
			d := slices.Index(departments, name)
			part.parts, part.mixed, part.void = append(part.parts, c.table.parts[d]), append(part.mixed, c.table.mixed[d]), append(part.void, c.table.void[d])
		}
		table, departments = &part, strings.Fields(names)
	}
	s, err := NewSession(sql, cat, departments, testPackings[1])
	if err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	several := s.procedure != nil
	for p := s.Plan(); p != nil; p = s.Plan() {
		verdict, answer, err := c.screen(t, table, p)
		if err != nil {
			return "refused: " + err.Error(), code(err) == CodeHistory
		}
		if j, earlier := EarlierOf(verdict); earlier {
			return fmt.Sprintf("refused: with question %d", j+1), true
		}
		text, err := Remembered(p.SQL)
		if err != nil {
			t.Fatalf("%s: %v", p.SQL, err)
		}
		if several {
			verdict = nil
		}
		c.remember(Earlier{SQL: text, Departments: departments, Verdict: verdict})
		round, err := answer.Finish(table.pooled(t, answer))
		if err == nil {
			err = s.Step(round)
		}
		if err != nil {
			return err.Error(), false
		}
	}
	return fmt.Sprintf("%s, %d withheld", Plural(len(s.Result().Rows), "row"), len(s.Result().Withheld)), false
}

func (c *conversation) remember(e Earlier) {
	same := func(o Earlier) bool { return o.SQL == e.SQL && slices.Equal(o.Departments, e.Departments) }
	if !slices.ContainsFunc(c.earlier, same) {
		c.earlier = append(c.earlier, e)
	}
}

// screen gives the verdict over a plan, and the plan of the answer unless it is refused.
func (c *conversation) screen(t *testing.T, table *refTable, p *Plan) (verdict []byte, answer *Plan, err error) {
	t.Helper()
	earlier := slices.Clone(c.earlier)
	for i := range earlier {
		earlier[i].Former = earlier[i].Former || !slices.Equal(earlier[i].Departments, p.Departments)
	}
	screening, err := p.Screening(c.rules, earlier...)
	if err != nil {
		return nil, nil, err
	}
	if again, err := p.Screening(c.rules, earlier...); err != nil || again.Digest() != screening.Digest() {
		t.Fatalf("%s: the screening is not the same twice: %v", p.SQL, err)
	}
	if len(earlier) > 0 {
		if less, err := p.Screening(c.rules, earlier[1:]...); err == nil && less.Digest() == screening.Digest() {
			t.Fatalf("%s: the digest does not cover what is compared with", p.SQL)
		}
	}
	if verdict, err = screening.Screened(table.pooled(t, screening)); err != nil {
		return nil, nil, err
	}
	answer, err = p.Withhold(c.rules, verdict, 0)
	if _, refused := EarlierOf(verdict); refused {
		if code(err) != CodeHistory {
			t.Fatalf("%s: an answer that is refused has a plan: %v", p.SQL, err)
		}
		return verdict, nil, nil
	}
	return verdict, answer, err
}

// TestHistoryAttacks: of the questions of each case all but the last are answered, and the last is refused if it is an
// attack, and answered too if it is honest.
func TestHistoryAttacks(t *testing.T) {
	table := staff()
	runCases(t, "history.txt", func(t *testing.T, c dataCase) string {
		fields := strings.Fields(c.verb)
		d := staffRules(t, fields[1:])
		d.History = 365
		talk := &conversation{table: table, rules: d}
		questions := strings.Split(strings.TrimSpace(c.input), "\n")
		var out []string
		for i, sql := range questions {
			said, refused := talk.ask(t, sql)
			if want := fields[0] == "attack" && i == len(questions)-1; refused != want {
				t.Errorf("%s\n%s\n%s", c.verb, sql, said)
			}
			out = append(out, said)
		}
		return strings.Join(out, "\n")
	})
}

// shownRows are, for each cell that an answer shows, the rows that it counts, over all departments; and for each moment those of all its shown
// cells together.
func (t *refTable) shownRows(tb testing.TB, answer *Plan) (sets [][]int8) {
	tb.Helper()
	width := len(answer.Moments)
	cells := make([][]int8, answer.CellCount())
	total := 0
	for _, part := range t.parts {
		total += len(part)
	}
	for c := range cells {
		cells[c] = make([]int8, total)
	}
	n := 0
	for d := range t.parts {
		for i := range t.parts[d] {
			one := *t
			one.parts = make([][]row, len(t.parts))
			one.parts[d] = t.parts[d][i : i+1]
			for c, v := range one.contribute(tb, answer, d) {
				cells[c][n] = int8(v.Sign())
			}
			n++
		}
	}
	for m := range width {
		all := make([]int8, total)
		for g := range answer.groupCount() {
			if answer.withheld(g, m) != 0 {
				continue
			}
			for i, x := range cells[g*width+m] {
				all[i] += x
			}
			sets = append(sets, cells[g*width+m])
		}
		sets = append(sets, all)
	}
	return sets
}

// isolated is how many rows a sum of sets with factors has, if it is a set of rows; 0 if it is none.
func isolated(sets [][]int8, factors []int8) (n int64) {
	for i := range sets[0] {
		x := int8(0)
		for k, set := range sets {
			x += factors[k] * set[i]
		}
		switch x {
		case 0:
		case 1:
			n++
		default:
			return 0
		}
	}
	return n
}

// TestHistoryDoesNotFollow: of random questions that are answered one after the other no two cells, nor two answers' totals, tell of
// too few rows by their difference; nor do three answers without groups by their sums.
func TestHistoryDoesNotFollow(t *testing.T) {
	table := staff()
	conditions := []string{"region = 'north'", "region <> 'south'", "region IN ('north', 'east')", "age >= 36", "age >= 40", "age < 25", "age < 70", "NOT ill",
		"wage <> 1007", "wage > 2054", "wage < 5000", "sex = 'f'", "children = 1", "children < 5", "bonus > 1", "id > 0"}
	keys := []string{"region", "sex", "age / 20", "children"}
	answered, refused, threes := 0, 0, 0
	seeds := 60
	if testing.Short() {
		seeds = 12
	}
	for seed := range uint64(seeds) {
		r := rand.New(rand.NewPCG(seed, 77))
		condition := func() string {
			c := conditions[r.IntN(len(conditions))]
			switch r.IntN(4) {
			case 0:
				return c + " AND " + conditions[r.IntN(len(conditions))]
			case 1:
				return "(" + c + " OR " + conditions[r.IntN(len(conditions))] + ")"
			}
			return c
		}
		d := Disclosure{Count: 3 + r.Int64N(8), Complement: r.IntN(2) == 0, History: 1}
		talk := &conversation{table: table, rules: d}
		var before [][][]int8
		var alone [][]int8 // answers without groups
		for range 5 {
			sql, grouped := "SELECT count(*)", r.IntN(2) == 0
			if !grouped && r.IntN(3) == 0 {
				sql += ", count(*) FILTER (WHERE " + condition() + ")"
			}
			sql += " FROM things"
			if r.IntN(4) > 0 {
				sql += " WHERE " + condition()
			}
			if grouped {
				sql += " GROUP BY " + keys[r.IntN(len(keys))]
			}
			cat, departments := table.catalogue()
			p, err := NewPlan(sql, cat, departments, testPackings[1])
			if err != nil {
				t.Fatal(err)
			}
			verdict, answer, err := talk.screen(t, table, p)
			if err != nil && code(err) != CodeHistory {
				t.Fatalf("%s: %v", sql, err)
			}
			if answer == nil {
				refused++
				continue
			}
			answered++
			sets := table.shownRows(t, answer)
			for j, old := range before {
				for _, a := range sets {
					for _, b := range old {
						for _, f := range [][]int8{{1, -1}, {-1, 1}} {
							if n := isolated([][]int8{a, b}, f); n > 0 && n < d.Count {
								t.Fatalf("seed %d: with question %d of\n%v\n%s\ntells of %d rows", seed, j+1, talk.texts(), sql, n)
							}
						}
					}
				}
			}
			talk.remember(Earlier{SQL: sql, Departments: departments, Verdict: verdict})
			before = append(before, sets)
			if !grouped && answer.Withheld == nil {
				for _, a := range sets {
					for i, b := range alone {
						for _, c := range alone[:i] {
							for _, f := range [][]int8{{1, 1, -1}, {1, -1, 1}, {-1, 1, 1}, {1, -1, -1}, {-1, 1, -1}, {-1, -1, 1}} {
								if n := isolated([][]int8{a, b, c}, f); n > 0 && n < d.Count {
									threes++
									t.Errorf("seed %d: with others of\n%v\n%s\ntells of %d rows", seed, talk.texts(), sql, n)
								}
							}
						}
					}
				}
				alone = append(alone, sets...)
			}
		}
	}
	t.Logf("%d answered, %d refused", answered, refused)
	if answered < 2*seeds || refused < seeds/2 {
		t.Errorf("%d answered, %d refused: it tests too little", answered, refused)
	}
}

func (c *conversation) texts() string {
	var out []string
	for _, e := range c.earlier {
		out = append(out, e.SQL)
	}
	return strings.Join(out, "\n")
}

// TestHistoryOfOtherGroups: a table has more groups than when some of an earlier answer's were withheld, so it is not known
// which these are.
func TestHistoryOfOtherGroups(t *testing.T) {
	cat, departments := staff().catalogue()
	p, err := NewPlan("SELECT count(*) FROM things", cat, departments, testPackings[1])
	if err != nil {
		t.Fatal(err)
	}
	earlier := Earlier{SQL: "SELECT region, count(*) FROM things GROUP BY region", Departments: p.Departments, Verdict: []byte{0, 0, ReasonCount}, Former: true}
	if _, err := p.Screening(Disclosure{Count: 10, History: 1}, earlier); code(err) != CodeHistory {
		t.Errorf("it says %v", err)
	}
	earlier.Verdict = []byte{0, 0, 0}
	if _, err := p.Screening(Disclosure{Count: 10, History: 1}, earlier); err != nil {
		t.Errorf("where nothing was withheld it says %v", err)
	}
}

// TestThreesThatTell: threes that are left out tell, whatever rows are in their regions and whatever the factors, of no fewer rows than the
// question's own set, its difference from an earlier one, or what earlier ones tell; those that are attacks are not left out.
func TestThreesThatTell(t *testing.T) {
	const own, a, b = 1, 2, 4
	known := threes{}
	regions := func(all ...int) (bits int) {
		for _, in := range all {
			bits |= 1 << in
		}
		return bits
	}
	for _, test := range []struct {
		name    string
		regions int
		want    bool
	}{
		{"a, b and a OR b", regions(own|a, own|b, own|a|b), true},
		{"a, b and what is in one of them", regions(own|a, own|b, a|b), true},
		{"b within a, and what is in a alone with few more", regions(own|a, a|b, own), true},
		{"b within a within the question's", regions(own, own|a, own|a|b), false},
		{"the question's between them", regions(a, own|a, own|a|b), false},
	} {
		if got := known.tell(test.regions, own); got != test.want {
			t.Errorf("%s: %v", test.name, got)
		}
	}
	r := rand.New(rand.NewPCG(3, 3))
	left := 0
	for regions := 2; regions < 256; regions += 2 {
		if known.tell(regions, own) {
			continue
		}
		left++
		for range 20 {
			var rows [8]int // of a region
			for in := range rows {
				rows[in] = (regions >> in & 1) * r.IntN(7)
			}
			fewest := func(may func(used int) bool) int {
				least := 1 << 20
				for n := range 17 * 17 * 17 { // quarters
					f := [3]int{n%17 - 8, n/17%17 - 8, n/289 - 8}
					used, sum := 0, 0
					for i := range f {
						if f[i] != 0 {
							used |= 1 << i
						}
					}
					if !may(used) {
						continue
					}
					for in := 1; in < 8; in++ {
						x := 0
						for i := range f {
							x += f[i] * (in >> i & 1)
						}
						if rows[in] == 0 || x == 0 {
							continue
						}
						if sum += rows[in]; x != 4 {
							sum = -1 << 20
						}
					}
					if sum > 0 {
						least = min(least, sum)
					}
				}
				return least
			}
			anyway := fewest(func(used int) bool { return used&own == 0 || used == own || used == own|a || used == own|b })
			if all := fewest(func(int) bool { return true }); all < anyway {
				t.Fatalf("regions %08b, rows %v: three tell of %d rows, less of %d", regions, rows, all, anyway)
			}
		}
	}
	t.Logf("%d of 127 are left out", left)
	if left < 20 {
		t.Error("hardly any are left out")
	}
}
