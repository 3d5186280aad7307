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
