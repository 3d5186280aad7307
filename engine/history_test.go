package engine

import (
	"fmt"
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
	cat, departments := c.table.catalogue()
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
