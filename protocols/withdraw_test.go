package protocols

import (
	"errors"
	"testing"
)

// TestWithdraw: an analyst takes its own question back until all have attested, and nobody else
// does, at no time, with no entry that was said before or elsewhere; a snapshot tells the same.
func TestWithdraw(t *testing.T) {
	for _, phase := range append(courtPhases, PhaseDone) {
		t.Run(phase.String(), func(t *testing.T) {
			c := seatedCourt(t)
			c.form()
			earlier := c.ask(9)
			said := Sign(c.id, c.analyst, &Withdraw{Query: earlier.ID})
			if err := c.order(said); err != nil || earlier.Phase != PhaseWithdrawn {
				t.Fatalf("%v, %s", err, earlier.Phase)
			}
			q := c.reach(phase, 1)
			taken := &Withdraw{Query: q.ID}
			forger, late := "stranger", ""
			switch {
			case phase == PhaseDone:
				forger, late = "ended", "ended"
			case phase >= PhaseSharing:
				late = "too-late"
			}
			for _, other := range append(c.validators(), courtKey("another analyst")) {
				c.code(other, taken, forger)
			}
			c.code(c.analyst, &Withdraw{Query: digestOf("none")}, "unknown-query")
			c.code(c.analyst, &Withdraw{}, "unknown-query")
			c.refuses(said, "ended")
			c.refuses(Sign(digestOf("another network"), c.analyst, taken), "bad-signature")
			stolen := Sign(c.id, courtKey("another analyst"), taken)
			stolen.Author = KeyOf(c.analyst)
			c.refuses(stolen, "bad-signature")
			if q.Phase != phase {
				t.Fatalf("%s after forgeries", q.Phase)
			}
			if late != "" {
				c.code(c.analyst, taken, late)
				return
			}
			c.must(c.analyst, taken)
			c.code(c.analyst, taken, "ended")
			c.code(c.keys[0], q.admission(), "ended")
			c.code(c.keys[0], q.contribution(0), "ended")
			c.code(c.keys[0], q.shares(0), "ended")
			c.code(c.keys[0], &Expire{Query: q.ID}, "ended")
			again, err := ParseState(c.network, c.sizes, c.state.Marshal())
			if err != nil {
				t.Fatal(err)
			}
			for _, s := range []*State{c.state, again} {
				if q := s.Query(q.ID); q.Phase != PhaseWithdrawn || q.Reached != phase || q.Released() || len(s.Open()) != 0 {
					t.Errorf("%s, reached %s, %d open", q.Phase, q.Reached, len(s.Open()))
				}
			}
			if len(c.state.Evidence()) != 0 {
				t.Errorf("evidence: %v", c.state.Evidence())
			}
		})
	}
}

// refuses puts an entry before the referee and demands a refusal with this code.
func (c *court) refuses(e Entry, code string) {
	c.t.Helper()
	var r *Refusal
	if err := c.order(e); !errors.As(err, &r) || r.Code != code {
		c.t.Errorf("%s: %v, want %s", e.Kind, err, code)
	}
}

// TestForgedWithdrawalInSnapshot: no snapshot says that a query was withdrawn which could not be,
// or by another than its analyst.
func TestForgedWithdrawalInSnapshot(t *testing.T) {
	forge := func(phase Phase, by func(c *court) Entry) error {
		c := seatedCourt(t)
		c.form()
		q := c.reach(phase, 1)
		e := by(c)
		q.ending = &Record{Number: c.state.Applied(), Block: 99, Entry: e}
		c.state.end(q, PhaseWithdrawn)
		_, err := ParseState(c.network, c.sizes, c.state.Marshal())
		return err
	}
	of := func(key string) func(c *court) Entry {
		return func(c *court) Entry {
			return Sign(c.id, courtKey(key), &Withdraw{Query: c.state.Open()[0]})
		}
	}
	if err := forge(PhaseAttesting, of("analyst")); err != nil {
		t.Fatal(err)
	}
	for i, err := range []error{
		forge(PhaseSharing, of("analyst")), forge(PhaseShared, of("analyst")), forge(PhaseAttesting, of("a")),
		forge(PhaseAttesting, func(c *court) Entry { return Sign(c.id, c.analyst, &Withdraw{Query: digestOf("none")}) }),
		forge(PhaseAttesting, func(c *court) Entry { return Sign(c.id, c.analyst, &Expire{Query: c.state.Open()[0]}) }),
	} {
		if err == nil {
			t.Errorf("forgery %d is taken", i)
		}
	}
}
