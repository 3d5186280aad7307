package protocols

import (
	"slices"
	"testing"

	"parley/engine"
	"parley/engine/policy"
)

// lungs registers a second table of all departments, with a policy.
func (c *court) lungs() {
	c.t.Helper()
	for i, k := range c.keys {
		name := string(rune('a' + i))
		r := namedTable(name, "lung", 1)
		r.About.Class = engine.ClassUnconditional
		c.must(k, &Register{Registration: r})
		d := policy.Document{Department: name, Table: "lung", Version: 1, Rules: []policy.Rule{{Name: "open", Who: []string{"anyone"},
			Terms: policy.Terms{Functions: []string{policy.Any}}}}}
		c.must(stewardOf(name), c.publication(d))
	}
}

// joining is a question of both tables of a and b.
func (c *court) joining(nonce byte) *Ask {
	a := c.question(nonce)
	for _, name := range a.Departments {
		r := namedTable(name, "lung", 1)
		r.About.Class = engine.ClassUnconditional
		a.Registrations = append(a.Registrations, RegistrationDigest(r))
	}
	return a
}

// TestRefereeJoins: a question of several tables names each contributor's registration of each, in one order; policies of all of them
// stand behind it, also in a snapshot; and under a rule about the rows of one table it is refused.
func TestRefereeJoins(t *testing.T) {
	c := peopledCourt(t)
	c.lungs()
	change := func(f func(*Ask)) *Ask { a := c.joining(9); f(a); return a }
	for what, a := range map[string]*Ask{
		"tables descend":             change(func(a *Ask) { a.Registrations = slices.Concat(a.Registrations[2:], a.Registrations[:2]) }),
		"a table twice":              change(func(a *Ask) { a.Registrations = slices.Concat(a.Registrations[:2], a.Registrations[:2]) }),
		"departments are swapped":    change(func(a *Ask) { a.Registrations[2], a.Registrations[3] = a.Registrations[3], a.Registrations[2] }),
		"of one another table":       change(func(a *Ask) { a.Registrations[1], a.Registrations[3] = a.Registrations[3], a.Registrations[1] }),
		"a registration of no table": change(func(a *Ask) { a.Registrations[3] = digestOf("old") }),
	} {
		t.Log(what)
		c.code(c.analyst, a, "stale-catalogue")
	}
	for what, a := range map[string]*Ask{
		"one is missing": change(func(a *Ask) { a.Registrations = a.Registrations[:3] }), "there is none": change(func(a *Ask) { a.Registrations = nil }),
		"too many tables": change(func(a *Ask) {
			a.Registrations = slices.Repeat(a.Registrations[:2], engine.MaxJoined+1)
		}),
		"too many grants": change(func(a *Ask) { a.Grants = make([]engine.Digest, 5) }),
	} {
		t.Log(what)
		c.code(c.analyst, a, "malformed")
	}
	a := c.joining(1)
	c.must(c.analyst, a)
	q := c.state.Query(QueryID(c.id, KeyOf(c.analyst), a))
	if q.Table() != "heart JOIN lung" || len(q.Registrations) != 4 || len(q.ruling.policies) != 4 || len(c.state.recordsOf(q)) == 0 {
		t.Errorf("it is asked of %s: %d tables, %d policies", q.Table(), len(q.Registrations), len(q.ruling.policies))
	}
	again := c.reparsed().Query(q.ID)
	if again == nil || again.Table() != q.Table() || again.Transcript != q.Transcript {
		t.Error("a snapshot has another question")
	}
	if _, err := q.planned(&engine.Plan{Registrations: q.Registrations[:2]}, nil); err == nil {
		t.Error("a plan of one table is taken for one of both")
	}
	d := policy.Document{Department: "b", Table: "lung", Version: 2, Disclosure: engine.Disclosure{Count: 5, Perturbed: 3},
		Rules: []policy.Rule{{Name: "open", Who: []string{"anyone"}, Terms: policy.Terms{Functions: []string{policy.Any}}}}}
	c.must(stewardOf("b"), c.publication(d))
	c.code(c.analyst, c.joining(2), CodePolicy)
}

// TestHistoryApart: under history nothing is answered of a table that an earlier answer joined with another, nor of a join with a table that an
// earlier one was of, whoever writes the Ask: with all rows, and those that have a match, one row is told. Again is answered what was.
func TestHistoryApart(t *testing.T) {
	rules := engine.Disclosure{Count: 10, History: 30}
	joins := func(c *court, nonce byte) *Ask {
		a := c.joining(nonce)
		a.Screening, a.AnalystKey = true, engine.Digest{}
		return a
	}
	for _, first := range []string{"a table", "a join"} {
		c := recalling(t, engine.TogetherPerson)
		c.lungs()
		asks := map[string]func(byte) *Ask{"a table": func(n byte) *Ask { return c.compared(c.analyst, 1, n) }, "a join": func(n byte) *Ask { return joins(c, n) }}
		a := asks[first](1)
		other := map[string]*Ask{"a table": joins(c, 2), "a join": c.compared(c.analyst, 1, 2)}[first]
		c.screenedBy(c.analyst, a)
		beside := c.screenedBy(c.analyst, other) // at once: no answer stands on the ledger yet
		screening := c.state.ended[0]
		rests := func(nonce byte, on *QueryState) *Ask {
			answer := c.resting(nonce, on)
			answer.SQL, answer.Registrations = on.Ask.SQL, on.Ask.Registrations
			return answer
		}
		c.must(c.analyst, rests(3, c.state.Query(screening)))
		c.code(c.analyst, rests(4, beside), engine.CodeHistory)
		other.Nonce[0] = 5
		c.code(c.analyst, other, engine.CodeHistory)
		tables := namesOf(beside.tables)
		if _, err := c.state.Compared(KeyOf(c.analyst), c.now(), other, tables, rules); err == nil {
			t.Errorf("after %s of it a client asks of %v", first, tables)
		}
		a.Nonce[0] = 6
		c.must(c.analyst, a)
		c.reparsed()
	}
}

// TestFootprintTables: a snapshot's footprints are each of one table or more, ascending.
func TestFootprintTables(t *testing.T) {
	for what, tables := range map[string][]string{"none": nil, "twice": {"a", "a"}, "descending": {"b", "a"}, "no name": {""}, "too many": make([]string, engine.MaxJoined+1)} {
		f := footprint{Number: 1, Tables: tables, Past: Past{SQL: "x", Departments: []string{"a"}}}
		if newHistory([]footprint{f}).check() == nil {
			t.Error(what)
		}
	}
	f := footprint{Number: 1, Tables: []string{"a", "b"}, Past: Past{SQL: "x", Departments: []string{"a"}}}
	if err := newHistory([]footprint{f}).check(); err != nil {
		t.Error(err)
	}
}
