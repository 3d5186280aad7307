package engine

import (
	"fmt"
	"math/big"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// gated answers a question as the contributors do: screening, verdict, answer. It holds on the way what every
// department and verifier leans on.
func (t *refTable) gated(tb testing.TB, p *Plan, d Disclosure) (*Plan, []*big.Int, error) {
	tb.Helper()
	screening, err := p.Screening(d)
	if err != nil {
		return nil, nil, err
	}
	again, err := p.Screening(d)
	if err != nil || again.Digest() != screening.Digest() || again.Digest() == p.Digest() {
		tb.Fatalf("%s: the screening is not the same twice, or is the question: %v", p.SQL, err)
	}
	counts := t.pooled(tb, screening)
	verdict, err := screening.Screened(counts)
	if err != nil {
		return nil, nil, err
	}
	answer, err := p.Withhold(d, verdict, len(p.Departments)-1)
	if err != nil {
		tb.Fatalf("%s: %v", p.SQL, err)
	}
	if !answer.Rounds() {
		return answer, t.pooled(tb, answer), nil
	}
	rounded, err := screening.Rounded(counts, verdict)
	if err != nil {
		tb.Fatalf("%s: %v", p.SQL, err)
	}
	var made [][]*big.Int
	for dep := range p.Departments {
		made = append(made, answer.Contributed(dep, rounded))
	}
	cells, err := answer.Pool(made)
	if err != nil {
		tb.Fatalf("%s: %v", p.SQL, err)
	}
	return answer, cells, nil
}

// pooled are the cells of a plan over all departments, by their limbs, which keep their bounds.
func (t *refTable) pooled(tb testing.TB, p *Plan) []*big.Int {
	tb.Helper()
	var made [][]*big.Int
	for d := range p.Departments {
		cells := t.contribute(tb, p, d)
		var err error
		if p.Screen != nil && p.Noise != nil {
			if cells, err = p.AddNoise(d, cells, t.ofRows(tb, p, d)); err != nil {
				tb.Fatalf("%s: %v", p.SQL, err)
			}
		}
		limbs, err := p.Limbs(d, cells)
		if err != nil {
			tb.Fatalf("%s: %v", p.SQL, err)
		}
		lo, hi := p.Bounds(d)
		for c := range limbs {
			for s, v := range limbs[c] {
				if v < lo[c][s] || v > hi[c][s] {
					tb.Fatalf("%s: limb %d of ciphertext %d is %d, outside %d to %d", p.SQL, s, c, v, lo[c][s], hi[c][s])
				}
			}
		}
		made = append(made, cells)
	}
	cells, err := p.Pool(made)
	if err != nil {
		tb.Fatalf("%s: %v", p.SQL, err)
	}
	return cells
}

// converse answers a question without rules.
func (t *refTable) converse(tb testing.TB, sql string) *Result {
	tb.Helper()
	cat, departments := t.catalogue()
	s, err := NewSession(sql, cat, departments, testPackings[1])
	if err != nil {
		tb.Fatal(err)
	}
	for p := s.Plan(); p != nil; p = s.Plan() {
		round, err := p.Finish(t.pooled(tb, p))
		if err == nil {
			err = s.Step(round)
		}
		if err != nil {
			tb.Fatalf("%s: %v", sql, err)
		}
	}
	return s.Result()
}

// staff is a table of persons in three departments: region, age, wage, sex, a decimal, whether somebody is ill,
// children. south has two persons; one of the north is ill; only the first department has persons in the east.
func staff() *refTable {
	t := &refTable{columns: []refColumn{
		{name: "region", sql: "region", kind: Text, grouped: true},
		{name: "age", sql: "age", kind: Integer, grouped: true},
		{name: "wage", sql: "wage", kind: Integer},
		{name: "sex", sql: "sex", kind: Text, grouped: true},
		{name: "bonus", sql: "bonus", kind: Decimal, scale: 3, nullable: true},
		{name: "ill", sql: "ill", kind: Boolean, grouped: true},
		{name: "children", sql: "children", kind: Integer, nullable: true, grouped: true},
		{name: "id", sql: "id", kind: Integer},
		{name: "grade", sql: "grade", kind: Integer},
	}}
	id := int64(0)
	person := func(d int, region string, age, wage int64, sex string, bonus cell, ill bool, children cell) {
		id++
		t.parts[d] = append(t.parts[d], row{region, rat(age), rat(wage), sex, bonus, ill, children, rat(id * 1000003 % 99991), rat(age / 40 * 1000000)})
	}
	t.parts, t.mixed, t.void = make([][]row, 3), make([]bool, 3), make([]bool, 3)
	for i := range int64(60) {
		d := int(i % 3)
		person(d, "north", 20+10*(i%5), 1000+i, []string{"f", "m"}[i/3%2], big.NewRat(i%4*1000, 1000), i == 7, rat(i%2))
		person(d, "west", 20+10*(i%5), 2000+i, []string{"f", "m"}[i/3%2], big.NewRat(5, 1), i%2 == 0, rat(i%2))
		if i < 12 {
			person(0, "east", 30, 3000+i, []string{"f", "m"}[i%2], big.NewRat(7, 1), false, nil)
		}
	}
	person(1, "south", 40, 9999, "f", nil, true, rat(1))
	person(2, "south", 77, 9000, "m", nil, true, rat(9))
	return t
}

// staffRules reads the rules of a case.
func staffRules(t *testing.T, names []string) (d Disclosure) {
	for _, name := range names {
		key, number, _ := strings.Cut(name, "=")
		n := int64(0)
		if number != "" {
			if _, err := fmt.Sscan(number, &n); err != nil {
				t.Fatal(err)
			}
		}
		switch key {
		case "count":
			d.Count = n
		case "zero":
			d.ZeroIsSmall = true
		case "floor":
			d.Floor = n
		case "departments":
			d.Departments = n
		case "freedom":
			d.Freedom = n
		case "parameters":
			d.ParametersPerMille = n
		case "complement":
			d.Complement = true
		case "round":
			d.Base = n
		case "dominance": // of two rows
			d.DominanceCount, d.DominancePerMille = 2, n
		case "ratio":
			d.RatioPerMille = n
		case "veiled":
			d.Perturbed, d.Veiled = n, true
		default:
			t.Fatalf("no rule %s", key)
		}
	}
	return d
}

// shownAnswer writes an answer and what is withheld of it.
func shownAnswer(r *Result) string {
	text := func(values []Value) string {
		var line []string
		for _, v := range values {
			if v.Text == nil {
				line = append(line, "<null>")
			} else {
				line = append(line, *v.Text)
			}
		}
		return strings.Join(line, " | ")
	}
	lines := []string{strings.Join(r.Columns, " | ")}
	for _, row := range r.Rows {
		lines = append(lines, text(row))
	}
	for _, w := range r.Withheld {
		what := "the row"
		if len(w.Columns) > 0 {
			what = strings.Join(w.Columns, ", ")
		}
		lines = append(lines, fmt.Sprintf("withheld of (%s): %s by %s", text(w.Group), what, w.Rule))
	}
	return strings.Join(lines, "\n")
}

// TestDisclosureAttacks: what each question of the file is after ends withheld, round by round. The verb says
// whether it is an attack, which must end with something withheld, or honest, which must not, and is answered as
// without rules.
func TestDisclosureAttacks(t *testing.T) {
	table := staff()
	cat, departments := table.keyed()
	runCases(t, "withheld.txt", func(t *testing.T, c dataCase) string {
		fields := strings.Fields(c.verb)
		d := staffRules(t, fields[1:])
		s, err := NewSession(c.input, cat, departments, testPackings[1])
		if err != nil {
			t.Fatalf("%s: %v", c.input, err)
		}
		for p := s.Plan(); p != nil; p = s.Plan() {
			answer, cells, err := table.gated(t, p, d)
			if err != nil {
				return err.Error()
			}
			round, err := answer.Finish(cells)
			if err != nil {
				return err.Error()
			}
			if err := s.Step(round); err != nil {
				if code(err) != CodeWithheld || fields[0] != "attack" {
					t.Errorf("%s: %v", c.input, err)
				}
				return err.Error()
			}
		}
		if fields[0] == "honest" {
			if plain := shownAnswer(table.converse(t, c.input)); plain != shownAnswer(s.Result()) {
				t.Errorf("%s: without rules the answer is\n%s", c.input, plain)
			}
		}
		if withheld := len(s.Result().Withheld) > 0; withheld != (fields[0] == "attack") {
			t.Errorf("%s %s\nwithheld: %v", c.verb, c.input, withheld)
		}
		return shownAnswer(s.Result())
	})
}

// TestExplainScreening holds what the gate is said to show to whom, and that without rules that look at counts
// nothing is said.
func TestExplainScreening(t *testing.T) {
	cat, departments := staff().catalogue()
	p, err := NewPlan("SELECT region, count(*) FILTER (WHERE ill) FROM things GROUP BY region", cat, departments, testPackings[0])
	if err != nil {
		t.Fatal(err)
	}
	if x, err := p.ExplainScreening(Disclosure{Levels: 100}); x != nil || err != nil {
		t.Errorf("without counts: %v, %v", x, err)
	}
	d := Disclosure{Count: 10, Floor: 3, Departments: 2}
	x, err := p.ExplainScreening(d)
	if err != nil {
		t.Fatal(err)
	}
	s, err := p.Screening(d)
	if err != nil || x.Plan != s.Digest() || x.Figures != len(s.Moments) {
		t.Errorf("it explains another screening: %v", err)
	}
	want := `Before the answer the contributors look at counts, by the rules
  ` + strings.Join(d.Sentences(), "\n  ") + `
Each department contributes 9 figures of each of 4 groups in 1 ciphertext, beside the answer.
Learns: each contributor (d0, d1, d2), and nobody else: for 3 sets of each of 4 groups, how many rows there are that cells rest on or that a total tells beside them, summed over the departments, each of which counts up to 10 at most, and none where it has fewer than 3; in how many departments there are some, but fewer than that; in how many departments there are any.
Learns: the analyst, every department, and whoever has the certificate: which cells of the answer are withheld, and by which rule.
`
	if got := x.String(); got != want {
		t.Errorf("it says\n%s\nnot\n%s", got, want)
	}
	answer, err := p.Withhold(d, []byte{0, 0, 0, 1, 1, 1, 0, 0}, 0)
	if err != nil {
		t.Fatal(err)
	}
	if text := answer.Explain().String(); !strings.Contains(text, "every cell that is not withheld (5 of 8)") {
		t.Errorf("of the answer it says\n%s", text)
	}
	if text := s.Explain().String(); !strings.Contains(text, "and nobody else") || strings.Contains(text, "Learns: the analyst, and whoever is shown") {
		t.Errorf("of the screening it says\n%s", text)
	}
}

// TestReportsAreWhole: a call that returns rows is shown in a group as without rules, with all its figures, or not
// at all, and then it is listed.
func TestReportsAreWhole(t *testing.T) {
	calls := []string{"linreg(y, x, g)", "linreg0(y, x)", "anova(y, g)", "histogram(k, 0, 4, 4)", "crosstab(k, g)", "ttest(y, e)", "mannwhitney(k, g)",
		"survival(k, e)", "logrank(k, e, g)", "lorenz(z, g)", "rates(z, k, e, ARRAY[1, 2])", "ratio(y, x)", "describe(y)"}
	shown, withheld := 0, 0
	for seed := range uint64(3) {
		table := randomStats(rand.New(rand.NewPCG(seed, 21)), 600)
		cat, departments := table.catalogue()
		for _, call := range calls {
			for _, group := range []string{"", "e"} {
				sql := "SELECT " + call + " FROM things"
				if group != "" {
					sql = "SELECT e, " + call + " FROM things GROUP BY e"
				}
				p, err := NewPlan(sql, cat, departments, testPackings[1])
				if err != nil {
					t.Fatalf("%s: %v", sql, err)
				}
				want, wantErr := p.Finish(table.pooled(t, p))
				answer, cells, err := table.gated(t, p, Disclosure{Count: 5 * int64(1+seed), Freedom: 20})
				if err != nil {
					t.Fatalf("%s: %v", sql, err)
				}
				got, err := answer.Finish(cells)
				if wantErr != nil || err != nil {
					if wantErr == nil {
						t.Errorf("%s: %v", sql, err)
					}
					continue
				}
				for _, w := range got.Withheld {
					withheld++
					whole := func(f Figure) bool { return groupKey(f.Group) == groupKey(w.Group) }
					if slices.ContainsFunc(got.Model, whole) {
						t.Errorf("%s: of %q there are figures, though it is withheld", sql, groupKey(w.Group))
					}
					want.Model = slices.DeleteFunc(want.Model, whole)
					want.Rows = slices.DeleteFunc(want.Rows, func(row []Value) bool {
						return group == "" || groupKey(row[:1]) == groupKey(w.Group)
					})
				}
				shown += len(got.Rows)
				if string(Marshal(got.Rows)) != string(Marshal(want.Rows)) || !slices.EqualFunc(got.Model, want.Model, sameFigure) {
					t.Errorf("%s\n%s\nwithout rules, but for what is withheld,\n%s", sql, shownAnswer(got), shownAnswer(want))
				}
			}
		}
	}
	t.Logf("%d rows shown, %d calls withheld", shown, withheld)
	if shown < 200 || withheld < 20 {
		t.Fatalf("%d rows shown, %d calls withheld: it tests too little", shown, withheld)
	}
}

func sameFigure(a, b Figure) bool {
	return a.Name == b.Name && groupKey(a.Group) == groupKey(b.Group) && groupKey([]Value{a.Value}) == groupKey([]Value{b.Value})
}
