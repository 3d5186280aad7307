package engine

import (
	"fmt"
	"math/big"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// String is one line of uses.txt.
func (u ColumnUse) String() string {
	var roles []string
	for _, r := range []struct {
		name string
		used bool
	}{{"filter", u.Filter}, {"group", u.Group}, {"aggregate", u.Aggregate}} {
		if r.used {
			roles = append(roles, r.name)
		}
	}
	name := u.Column
	if name == "" {
		name = "(rows)"
	}
	return strings.TrimSpace(fmt.Sprintf("%s: %s; %s", name, strings.Join(roles, " "), strings.Join(u.Functions, ", ")))
}

// TestUses holds what plans do with each column, for every form of the grammar.
func TestUses(t *testing.T) {
	runCases(t, "uses.txt", func(t *testing.T, c dataCase) string {
		s, err := NewSession(c.input, fixtureCatalogue(), []string{"d0", "d1", "d2"}, testPackings[0])
		if err != nil {
			return err.Error()
		}
		var lines []string
		uses, err := s.Uses()
		if err != nil {
			t.Fatal(err)
		}
		for _, u := range uses {
			lines = append(lines, u.String())
		}
		return strings.Join(lines, "\n")
	})
}

// TestUsesSeeEveryPlace puts a column that nothing else reads in the place of each column that a
// plan's groups, filters and moments read, one after the other: each time Uses must name it.
func TestUsesSeeEveryPlace(t *testing.T) {
	places := 0
	eachRound(t, func(c dataCase, round *Plan) {
		var p Plan
		if err := Unmarshal(Marshal(round), &p); err != nil { // no expression is shared
			t.Fatal(err)
		}
		p.Schema.Columns = append(p.Schema.Columns, Column{Name: "spy", Kind: Integer})
		spy := len(p.Schema.Columns) - 1
		check := func(column *int) {
			was := *column
			*column = spy
			if !slices.ContainsFunc(p.Uses(), func(u ColumnUse) bool { return u.Column == "spy" && (u.Filter || u.Group || u.Aggregate) }) {
				t.Errorf("%s: a column is not seen", c.input)
			}
			*column = was
			places++
		}
		// By reflection, so that a field which a later version adds is found too.
		// Of thousands of alike moments some are looked at.
		for _, root := range []any{&p.Filter, &p.Groups, &p.Moments, &p.Having, &p.Order, &p.Outputs, &p.Windows, p.Report} {
			n := 0
			eachColumn(reflect.ValueOf(root), func(column *int) {
				if n++; n <= 12 || n%499 == 0 {
					check(column)
				}
			})
		}
	})
	if places < 300 {
		t.Errorf("only %d places were looked at", places)
	}
}

// eachRound plans the questions of uses.txt, and of those with several rounds, answered over the
// fixture, each.
func eachRound(t *testing.T, visit func(c dataCase, p *Plan)) {
	t.Helper()
	later := 0
	for _, c := range readCases(t, "uses.txt") {
		s, err := NewSession(c.input, fixtureCatalogue(), []string{"d0", "d1", "d2"}, testPackings[0])
		for n := 0; err == nil && s.Plan() != nil && n < 3; n++ {
			visit(c, s.Plan())
			if n > 0 {
				later++
			}
			var answer *Result
			if answer, err = fixture().sealed(t, s.Plan()); err == nil {
				err = s.Step(answer)
			}
		}
	}
	if later < 4 {
		t.Errorf("only %d later rounds were looked at", later)
	}
}

// eachColumn visits the index of every column below a value: of expressions over rows and of the
// keys of reports.
func eachColumn(v reflect.Value, visit func(*int)) {
	switch v.Kind() {
	case reflect.Pointer:
		if v.IsNil() || v.Type() == reflect.TypeFor[*big.Int]() {
			return
		}
		if e, ok := v.Interface().(*Expr); ok && e.Op == OpColumn {
			visit(&e.Column)
		}
		if k, ok := v.Interface().(*KeyColumn); ok {
			visit(&k.Column)
			return
		}
		eachColumn(v.Elem(), visit)
	case reflect.Slice:
		for i := range v.Len() {
			if e := v.Index(i); e.Kind() == reflect.Struct {
				eachColumn(e.Addr(), visit)
			} else {
				eachColumn(e, visit)
			}
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() {
				eachColumn(v.Field(i), visit)
			}
		}
	}
}

// TestUsesSeeEveryCell changes the rows of one column after the other: where a cell of some
// department changes, Uses must name the column.
func TestUsesSeeEveryCell(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 14))
	changed := 0
	table := fixture()
	eachRound(t, func(c dataCase, p *Plan) {
		if p.CellCount() > 600 {
			return // of a search, which TestUsesSeeEveryPlace looks at
		}
		uses := p.Uses()
		for d := range p.Departments {
			before := table.contribute(t, p, d)
			for column, about := range table.columns {
				for range 3 {
					after := table.shuffled(r, d, column).contribute(t, p, d)
					if slices.EqualFunc(before, after, func(a, b *big.Int) bool { return a.Cmp(b) == 0 }) {
						continue
					}
					changed++
					if !slices.ContainsFunc(uses, func(u ColumnUse) bool { return u.Column == about.name }) {
						t.Errorf("%s: a cell follows from column %s, which is not named", c.input, about.name)
					}
					break
				}
			}
		}
	})
	if changed < 60 {
		t.Errorf("only %d columns changed a cell", changed)
	}
}

// shuffled is a table in which the values of a column of one department have changed places.
func (t *refTable) shuffled(r *rand.Rand, d, c int) *refTable {
	out := *t
	out.parts = slices.Clone(t.parts)
	out.parts[d] = slices.Clone(t.parts[d])
	order := r.Perm(len(t.parts[d]))
	for i, from := range order {
		row := slices.Clone(t.parts[d][i])
		row[c] = t.parts[d][from][c]
		out.parts[d][i] = row
	}
	return &out
}

// TestParameters holds which questions are of a form.
func TestParameters(t *testing.T) {
	const form = `SELECT k, sum(i) FROM things WHERE t = $1 AND k BETWEEN $2 AND $3 AND day > DATE $4 GROUP BY k`
	for question, want := range map[string]string{
		`SELECT k, sum(i) FROM things WHERE t = 'a' AND k BETWEEN 1 AND 2 AND day > DATE '2020-01-01' GROUP BY k`:                 "'a' 1 2 '2020-01-01'",
		`SELECT "K", sum(i) FROM things WHERE t = 'a' AND k BETWEEN 1 AND 2 AND day > DATE '2020-01-01' GROUP BY k`:               "",
		"select K,sum(i)\nfrom things where t='a' /* why */ and k between 1 and 2 and day>date '2020-01-01' group by k -- so":     "'a' 1 2 '2020-01-01'",
		`SELECT k, sum(i) FROM things WHERE t = 'a' OR k BETWEEN 1 AND 2 AND day > DATE '2020-01-01' GROUP BY k`:                  "",
		`SELECT k, sum(i) FROM things WHERE t = i AND k BETWEEN 1 AND 2 AND day > DATE '2020-01-01' GROUP BY k`:                   "",
		`SELECT k, sum(i) FROM things WHERE t = ('a') AND k BETWEEN 1 AND 2 AND day > DATE '2020-01-01' GROUP BY k`:               "",
		`SELECT k, sum(i) FROM things WHERE t = 'a' AND k BETWEEN -1 AND 2 AND day > DATE '2020-01-01' GROUP BY k`:                "",
		`SELECT k, sum(i) FROM things WHERE t = 'a' AND k BETWEEN 1 AND 2 AND day > DATE '2020-01-01' GROUP BY k HAVING sum(i)>1`: "",
		`SELECT k, sum(k) FROM things WHERE t = 'a' AND k BETWEEN 1 AND 2 AND day > DATE '2020-01-01' GROUP BY k`:                 "",
		"\x00": "", "SELECT 'open": "",
	} {
		values, ok := Parameters(form, question)
		if got := strings.Join(values, " "); ok != (want != "") || ok && got != want {
			t.Errorf("%s: %s, %t", question, got, ok)
		}
	}
	for _, c := range []struct {
		form, question string
		ok             bool
	}{
		{"SELECT count(*) FROM t WHERE a = $1 OR b = $1", "SELECT count(*) FROM t WHERE a = 1 OR b = 1", true},
		{"SELECT count(*) FROM t WHERE a = $1 OR b = $1", "SELECT count(*) FROM t WHERE a = 1 OR b = 2", false},
		{"SELECT count(*) FROM t WHERE a = $2", "SELECT count(*) FROM t WHERE a = 1", false}, // $1 is missing
		{"SELECT count(*) FROM t WHERE a = $17", "SELECT count(*) FROM t WHERE a = 1", false},
		{"SELECT count(*) FROM t WHERE a = $1", "SELECT count(*) FROM t WHERE a = $1", false},
		{"SELECT count(*) FROM t", "SELECT count(*) FROM t", true},
	} {
		if _, ok := Parameters(c.form, c.question); ok != c.ok {
			t.Errorf("%s of the form %s: %t", c.question, c.form, ok)
		}
	}
}

// TestQuestionOfRounds: a round names its question, and nothing else passes for a name.
func TestQuestionOfRounds(t *testing.T) {
	for sql, want := range map[string]string{"SELECT 1": "SELECT 1", RoundMark("x") + "SELECT 1": "x"} {
		if d, err := (&Plan{SQL: sql}).Question(); err != nil || d != QuestionDigest(want) {
			t.Errorf("%s: %s, %v", sql, d, err)
		}
	}
	for _, sql := range []string{roundMark, roundMark + "0123 */ SELECT 1", roundMark + strings.Repeat("A", 64) + " */"} {
		if _, err := (&Plan{SQL: sql}).Question(); err == nil {
			t.Errorf("%s names a question", sql)
		}
	}
}
