package protocols

import (
	"slices"
	"strings"
	"testing"

	"parley/engine"
	"parley/engine/policy"
)

// below is department b's policy for the departments below it.
func (c *court) below(class engine.Class, version uint64) *Publish {
	return c.publication(policy.Document{Department: "b", Version: version, Below: class})
}

// TestCeilings: what a unit above says holds for the tables of departments that name it, from then on,
// and stands beside the question that was asked under it; whom nobody names it says nothing to.
func TestCeilings(t *testing.T) {
	for _, place := range [][]string{nil, {"Jiangsu", "b"}} {
		c := peopledCourt(t)
		r := courtTable("a", 2)
		r.About.Place = place
		c.must(c.keys[0], &Register{Registration: r})
		about := func(nonce byte) *Ask {
			a := c.question(nonce)
			a.Registrations[0] = RegistrationDigest(r)
			return a
		}
		waiting := c.asked(about(1))
		c.must(stewardOf("b"), c.below(engine.ClassNone, 1))
		tight := place != nil
		if q := c.state.Query(waiting.ID); tight != (q.Phase == PhaseFailed) || tight && !strings.Contains(q.Fault.Detail, "the departments below it") {
			t.Errorf("%v: the question is %s, %v", place, q.Phase, q.Fault)
		}
		if class := c.state.Classes("a", "heart").Rows(); (class == engine.ClassNone) != tight {
			t.Errorf("%v: the table is shared as %s", place, class)
		}
		f := policy.Facts{Table: "heart", Question: "SELECT count(*) FROM heart", Contributors: []policy.Contributor{{Department: "a", Version: 2}},
			Uses: []policy.Use{{Role: policy.Aggregate, Functions: []string{"count"}}}, Functions: []string{"count"}}
		d := c.state.Consider(KeyOf(c.analyst), c.now(), &f, Ask{Purpose: "statistics"})
		if d.Allowed == tight || tight && d.Missing[0].Reason != policy.NotShared {
			t.Errorf("%v: %s", place, d.Text(policy.English))
		}
		q := c.asked(about(2))
		ceiling := func(r Record) bool { return r.Number == c.state.rights.policy("b", "").record.Number }
		if slices.ContainsFunc(c.state.recordsOf(q), ceiling) != tight {
			t.Errorf("%v: the certificate's records have the ceiling: %v", place, !tight)
		}
		c.reparsed()
		c.must(stewardOf("b"), c.below(engine.ClassUnconditional, 2)) // opens nothing that a closes
		if class := c.state.Classes("a", "heart").Rows(); class != engine.ClassUnconditional {
			t.Errorf("%v: the table is shared as %s", place, class)
		}
	}
}

// TestCeilingForgeries: nobody sets a ceiling for another unit, and a ceiling is nothing else.
func TestCeilingForgeries(t *testing.T) {
	c := peopledCourt(t)
	c.code(stewardOf("a"), &Publish{Document: c.below(engine.ClassNone, 1).Document, Under: c.under("a")}, "not-owner")
	c.code(c.analyst, c.below(engine.ClassNone, 1), string(policy.NotInRole))
	for what, change := range map[string]func(d *policy.Document){
		"no class":      func(d *policy.Document) { d.Below = engine.ClassUnsaid },
		"another class": func(d *policy.Document) { d.Below = 9 },
		"of a table":    func(d *policy.Document) { d.Table = "heart" },
		"with rules":    func(d *policy.Document) { d.Rules = c.version("b", 1).Document.Rules },
	} {
		p := c.below(engine.ClassNone, 1)
		change(&p.Document)
		if err := p.check(); err == nil {
			t.Errorf("%s: it is taken", what)
		}
	}
	q := c.below(engine.ClassNone, 2)
	c.code(stewardOf("b"), q, "too-early")
	c.must(stewardOf("b"), c.below(engine.ClassNone, 1))
	c.code(stewardOf("b"), c.below(engine.ClassUnconditional, 1), "duplicate")
}
