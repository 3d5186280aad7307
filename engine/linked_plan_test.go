package engine

import (
	"errors"
	"fmt"
	"math/big"
	"regexp"
	"strings"
	"testing"
)

// crossCatalogue are tables of persons on the spine population of civil: benefits at north and welfare, income at north and tax, and
// population itself. Others lack something: jobs is placed on another spine by north, visits names persons by another column,
// plain by none, and homes are joined at home. No person is in the wards of two departments.
func crossCatalogue() (out Catalogue) {
	number := func(name string, hi int64) Column {
		return Column{Name: name, Kind: Integer, Nullable: true, Min: big.NewInt(-5), Max: big.NewInt(hi)}
	}
	coded := func(name string, values ...string) Column {
		return Column{Name: name, Kind: Text, HasDictionary: true, Dictionary: values, Nullable: true}
	}
	id := func(name string) Column { return Column{Name: name, Kind: Text, Nullable: true} }
	spine := Linkage{Key: "pid", Spine: "population", Department: "civil"}
	table := func(department, name string, rows int64, q Quality, l Linkage, columns ...Column) {
		if l.Declared() {
			q.Key = []string{l.Key}
		}
		out = append(out, Registration{Department: department, Table: name, Version: 2, Rows: rows, Digest: Hash("test", []byte(name+department)),
			Columns: columns, Quality: q, Linkage: l})
	}
	for _, d := range []string{"north", "welfare"} {
		table(d, "benefits", 200, Quality{Duplicates: 30}, spine, id("pid"), coded("kind", "child", "rent"), number("amount", 900))
	}
	home := id("home")
	home.Colocated = "home"
	table("north", "homes", 10, Quality{}, spine, home, id("pid"), number("size", 9))
	table("north", "houses", 10, Quality{}, spine, home, id("pid"), number("floors", 9))
	for _, d := range []string{"north", "tax"} {
		table(d, "income", 1000, Quality{Duplicates: 900, RowsPerPerson: 3}, spine, id("pid"), number("wage", 1<<20), coded("sector", "a", "b", "c"), Column{Name: "private", Kind: Integer})
	}
	table("north", "jobs", 50, Quality{}, Linkage{Key: "pid", Spine: "register", Department: "civil"}, id("pid"), number("hours", 60))
	table("tax", "jobs", 50, Quality{}, spine, id("pid"), number("hours", 60))
	table("tax", "plain", 50, Quality{}, Linkage{}, id("pid"), number("hours", 60))
	table("civil", "population", 5000, Quality{}, Linkage{Key: "person_id", Spine: "population", Department: "civil"}, id("person_id"), coded("sex", "f", "m"), number("age", 120))
	table("tax", "visits", 50, Quality{}, Linkage{Key: "visitor", Spine: "population", Department: "civil"}, id("pid"), id("visitor"))
	ward := id("pid")
	ward.Colocated = "patient"
	for _, d := range []string{"north", "tax"} {
		table(d, "wards", 70, Quality{}, spine, ward, number("days", 60))
	}
	table("tax", "wide", 1<<38, Quality{Duplicates: 1 << 38}, spine, id("pid"), number("n", 9))
	return out
}

// TestLinked holds what joins across departments are made of, and what is refused of them.
func TestLinked(t *testing.T) {
	runCases(t, "linked.txt", func(t *testing.T, c dataCase) string {
		verb := strings.Fields(c.verb)
		p, err := NewLinkedPlan(c.input, crossCatalogue(), verb[1:], testPackings[0])
		_, asked := NewPlan(c.input, crossCatalogue(), verb[1:], testPackings[0])
		if err != nil {
			e := err.(*Error)
			if asked == nil || asked.Error() != err.Error() {
				t.Errorf("%s: NewPlan says %v", c.input, asked)
			}
			return fmt.Sprintf("%s at %d: %s\nhint: %s", e.Code, e.Position, e.Message, e.Hint)
		}
		if p.Linked() == nil {
			return "joined at home"
		}
		if code(asked) != CodeUnanswered {
			t.Errorf("%s: NewPlan says %v", c.input, asked)
		}
		if verb[0] == "explain" {
			if said := p.ExplainIn(Chinese).String(); regexp.MustCompile(`[A-Za-z]+ (is|are|the|each|that|which|by|from)\b`).MatchString(said) {
				t.Errorf("in Chinese:\n%s", said)
			}
			return p.Explain().String()
		}
		var lines []string
		p.explainLinked().write(English, func(format string, args ...any) { lines = append(lines, fmt.Sprintf(format, args...)) })
		return strings.Join(lines, "\n")
	})
}

// crossPlan plans a question over crossCatalogue.
func crossPlan(t *testing.T, sql string, departments ...string) *Plan {
	t.Helper()
	p, err := NewLinkedPlan(sql, crossCatalogue(), departments, testPackings[0])
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// TestLinkedIsNotAnswered: a plan of a join across departments has no cells of departments, which is how others are answered.
func TestLinkedIsNotAnswered(t *testing.T) {
	const sql = "select count(*) from benefits join income using (pid)"
	p := crossPlan(t, sql, "welfare", "tax")
	zero := []*big.Int{new(big.Int)}
	for what, ask := range map[string]func() error{
		"a plan":    func() error { _, err := NewPlan(sql, crossCatalogue(), p.Departments, testPackings[0]); return err },
		"a session": func() error { _, err := NewSession(sql, crossCatalogue(), p.Departments, testPackings[0]); return err },
		"a union": func() error {
			_, err := NewSession(sql+" union all "+sql, crossCatalogue(), p.Departments, testPackings[0])
			return err
		},
		"a search": func() error {
			_, err := NewSession("select percentile_disc(0.5) within group (order by wage) from benefits join income using (pid)", crossCatalogue(), p.Departments, testPackings[0])
			return err
		},
		"itself":       p.notLimbs,
		"limbs":        func() error { _, err := p.Limbs(0, zero); return err },
		"cells":        func() error { _, err := p.Cells(nil); return err },
		"pooled cells": func() error { _, err := p.Pool([][]*big.Int{zero, zero}); return err },
		"noise": func() error {
			_, err := p.Noisy(Disclosure{Epsilon: 500_000, Budget: 4_000_000, Delta: 1_000_000})
			return err
		},
	} {
		if err := ask(); code(err) != CodeUnanswered {
			t.Errorf("%s: %v", what, err)
		}
	}
	if lo, hi := p.Bounds(0); lo != nil || hi != nil {
		t.Errorf("limbs within %v to %v", lo, hi)
	}
}

// TestLinkedSession: where the network answers joins across departments, a question that is one takes one round; a part or a round of another
// question is none.
func TestLinkedSession(t *testing.T) {
	const sql = "select count(*) from benefits join income using (pid)"
	s, err := NewLinkedSession(sql, crossCatalogue(), []string{"welfare", "tax"}, testPackings[0])
	if err != nil {
		t.Fatal(err)
	}
	p := s.Plan()
	if p.Linked() == nil || p.Digest() != crossPlan(t, sql, "welfare", "tax").Digest() || len(s.Explain().Rounds) != 1 {
		t.Fatalf("%+v", s.Explain())
	}
	if uses, err := s.Uses(); err != nil || len(uses) != 3 {
		t.Errorf("%+v, %v", uses, err)
	}
	if err := s.Step(&Result{}); err != nil || s.Plan() != nil || s.Result() == nil {
		t.Errorf("after its round: %v", err)
	}
	for _, several := range []string{sql + " union all " + sql, "select percentile_disc(0.5) within group (order by wage) from benefits join income using (pid)",
		"select count(*) from benefits where pid < (" + sql + ")"} {
		if _, err := NewLinkedSession(several, crossCatalogue(), []string{"welfare", "tax"}, testPackings[0]); code(err) != CodeUnsupported || err.(*Error).Position == 0 {
			t.Errorf("%s: %v", several, err)
		}
	}
}

// TestLinkedWork: what answering takes, as whoever knows the spine has worked it out, and why nobody would answer, are told in both languages.
func TestLinkedWork(t *testing.T) {
	p := crossPlan(t, "select count(*) from benefits join income using (pid)", "welfare", "tax")
	said := map[Language]string{}
	for _, language := range []Language{English, Chinese} {
		x := p.ExplainIn(language)
		x.Linked.Work = &ExplainedWork{Positions: 1_000_000, Ciphertexts: 490, Products: 62, Released: 1, Shares: 2, Encrypting: 833, Multiplying: 174, Sharing: 0.3, Seconds: 7200, Together: 14400}
		x.NotNow(errors.New("..."))
		said[language] = x.String()
	}
	for _, want := range []string{"1000000 positions", "490 ciphertexts", "62 products", "2 shares", "1 number.", "14 min", "3 min", "share 1 s", "2.0 h", "4.0 h", "Note: nobody would answer this now: ..."} {
		if !strings.Contains(said[English], want) {
			t.Errorf("%q is not in\n%s", want, said[English])
		}
	}
	if regexp.MustCompile(`[A-Za-z]+ (is|are|the|each|that|which|by|from)\b`).MatchString(said[Chinese]) || !strings.Contains(said[Chinese], "2.0小时") {
		t.Errorf("in Chinese:\n%s", said[Chinese])
	}
}

// TestLinkedCells: a number outside of its target's range is refused, and the ends of the range are not.
func TestLinkedCells(t *testing.T) {
	p := crossPlan(t, "select count(*), count(amount), sum(amount), sum(wage - amount) from benefits join income using (pid)", "welfare", "tax")
	l := p.Linked()
	for at := range l.Targets {
		opened := make([]*big.Int, len(l.Targets))
		for i := range opened {
			opened[i] = new(big.Int)
		}
		one := big.NewInt(1)
		for _, c := range []struct {
			value *big.Int
			fits  bool
		}{{l.Targets[at].Range.Lo, true}, {l.Targets[at].Range.Hi, true}, {new(big.Int).Sub(l.Targets[at].Range.Lo, one), false},
			{new(big.Int).Add(l.Targets[at].Range.Hi, one), false}, {nil, false}} {
			opened[at] = c.value
			cells, err := l.Cells(p, opened)
			if (err == nil) != c.fits || !c.fits && code(err) != CodeOverflow {
				t.Errorf("target %d of %s: %v", at, c.value, err)
			}
			for m, of := range l.Moments {
				if c.fits && cells[m].Cmp(opened[of]) != 0 {
					t.Errorf("cell %d is %s and not target %d", m, cells[m], of)
				}
			}
		}
	}
	if _, err := l.Cells(p, make([]*big.Int, len(l.Targets)+1)); code(err) != CodeCells {
		t.Error(err)
	}
}

// TestLinkedIsInTheDigest: a plan does not depend on how the question is written, on the order of departments or on who else has tables,
// and it is another one with another spine, bound or contributor.
func TestLinkedIsInTheDigest(t *testing.T) {
	const sql = "select kind, sum(wage * amount) from benefits join income using (pid) group by kind"
	same := func(sql string, departments ...string) Digest { // but for the text
		p := crossPlan(t, sql, departments...)
		p.SQL = ""
		for i := range p.Join.Tables {
			p.Join.Tables[i].Alias = ""
		}
		return p.Digest()
	}
	first := same(sql, "welfare", "tax")
	for _, other := range []string{sql, "select kind, sum(wage * amount) from income i join benefits b on i.pid = b.pid group by b.kind"} {
		if same(other, "tax", "welfare") != first {
			t.Errorf("%s is another plan", other)
		}
	}
	seen := map[Digest]string{first: "the same"}
	for what, change := range map[string]func(Catalogue){
		"spine": func(c Catalogue) {
			for i := range c {
				if c[i].Linkage.Spine == "population" {
					c[i].Linkage.Spine = "register"
				}
			}
		},
		"owner of the spine": func(c Catalogue) {
			for i := range c {
				if c[i].Linkage.Department == "civil" {
					c[i].Linkage.Department = "health"
				}
			}
		},
		"number of rows of a person": func(c Catalogue) { c[c.find("income", "tax")].Quality.RowsPerPerson = 4 },
		"version":                    func(c Catalogue) { c[c.find("benefits", "welfare")].Version++ },
	} {
		cat := crossCatalogue()
		change(cat)
		p, err := NewLinkedPlan(sql, cat, []string{"welfare", "tax"}, testPackings[0])
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		p.SQL = ""
		for i := range p.Join.Tables {
			p.Join.Tables[i].Alias = ""
		}
		if other, known := seen[p.Digest()]; known {
			t.Errorf("with another %s the plan is as with %s", what, other)
		}
		seen[p.Digest()] = what
	}
	if same(sql, "welfare", "tax", "north") == first {
		t.Error("with another contributor the plan is the same")
	}
}
