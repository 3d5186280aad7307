package protocols

import (
	"bytes"
	"crypto/ed25519"
	"fmt"
	"slices"
	"strings"
	"testing"

	"parley/engine"
)

func named(b *Vouch, name string) *Vouch { b.Name = name; return b }

// replacing is for the first key of a person.
func replacing(b *Vouch, old ed25519.PrivateKey) *Vouch {
	b.Replaces, b.First = KeyOf(old), KeyOf(old)
	return b
}

// first is of a person who had other keys before.
func first(b *Vouch, k ed25519.PrivateKey) *Vouch { b.First = KeyOf(k); return b }

func turned(b *Vouch, turn uint64) *Vouch { b.Turn = turn; return b }

func between(b *Vouch, from, until int64) *Vouch { b.From, b.Until = from, until; return b }

// peopledCourt is a court with an epoch, in which department a vouches for the analyst alone.
func peopledCourt(t testing.TB) *court {
	c := newCourt(t)
	c.join()
	c.register()
	c.form()
	return c
}

// now is the time of the next entry's block, in seconds.
func (c *court) now() int64 { return int64(len(c.heard)) + 1 }

// TestVouchForgeries: what no department may say of a person. None of it changes the state, which
// order holds.
func TestVouchForgeries(t *testing.T) {
	wu, lin := courtKey("wu"), courtKey("lin")
	a, b := courtKey("a"), courtKey("b")
	revoke := func(k ed25519.PrivateKey, turn uint64) *Revoke {
		return &Revoke{Person: KeyOf(k), Reason: "left", Turn: turn}
	}
	for _, f := range []struct {
		what  string
		setup func(c *court)
		by    ed25519.PrivateKey
		body  Body
		code  string
	}{
		{"by an auditor", nil, courtKey("auditor"), named(vouching(wu, PersonAnalyst), "Wu"), "stranger"},
		{"by an analyst", nil, courtKey("analyst"), named(vouching(wu, PersonAnalyst), "Wu"), "stranger"},
		{"by nobody", nil, courtKey("nobody"), named(vouching(wu, PersonAnalyst), "Wu"), "stranger"},
		{"for another department's person", nil, b, turned(vouching(courtKey("analyst"), PersonSteward), 1), "not-owner"},
		{"for a department's key", nil, a, named(vouching(b, PersonAnalyst), "B"), "duplicate"},
		{"for its own key", nil, a, named(vouching(a, PersonAnalyst), "A"), "duplicate"},
		{"for an auditor's key", nil, a, named(vouching(courtKey("auditor"), PersonAnalyst), "C"), "duplicate"},
		{"for the key of a member that left", func(c *court) {
			c.vote(3, Change{Version: 1, Action: ActionRemove, Role: RoleDepartment, Key: KeyOf(courtKey("c"))})
		}, a, named(vouching(courtKey("c"), PersonAnalyst), "C"), "retired"},
		{"the same again", nil, a, vouching(courtKey("analyst"), PersonAnalyst), "duplicate"},
		{"an old one again", func(c *court) { c.must(a, turned(vouching(courtKey("analyst"), PersonObserver), 1)) },
			a, vouching(courtKey("analyst"), PersonAnalyst), "duplicate"},
		{"a revoked key comes back", func(c *court) { c.must(a, revoke(courtKey("analyst"), 1)) },
			a, turned(vouching(courtKey("analyst"), PersonAnalyst), 9), "retired"},
		{"a revoked key comes back at another department", func(c *court) { c.must(a, revoke(courtKey("analyst"), 1)) },
			b, turned(vouching(courtKey("analyst"), PersonAnalyst), 9), "retired"},
		{"a replaced key comes back", func(c *court) { c.must(a, replacing(vouching(wu, PersonAnalyst), courtKey("analyst"))) },
			a, turned(vouching(courtKey("analyst"), PersonAnalyst), 9), "retired"},
		{"a replacement by another department", nil, b, replacing(vouching(wu, PersonAnalyst), courtKey("analyst")), "not-owner"},
		{"a replacement of nobody", nil, a, replacing(named(vouching(wu, PersonAnalyst), "Wu"), lin), "unknown-person"},
		{"a replacement of a revoked key", func(c *court) { c.must(a, revoke(courtKey("analyst"), 1)) },
			a, replacing(vouching(wu, PersonAnalyst), courtKey("analyst")), "retired"},
		{"a replacement by a person's key", func(c *court) { c.must(a, named(vouching(wu, PersonSteward), "Wu")) },
			a, replacing(turned(named(vouching(wu, PersonSteward), "Wu"), 1), courtKey("analyst")), "duplicate"},
		{"a replacement by a department's key", nil, a, replacing(vouching(b, PersonAnalyst), courtKey("analyst")), "duplicate"},
		{"another's name", nil, a, vouching(wu, PersonAnalyst), "name-taken"},
		{"over before it begins", nil, a, between(named(vouching(wu, PersonAnalyst), "Wu"), 0, 5), "too-late"},
		{"revoked by another", nil, b, revoke(courtKey("analyst"), 1), "not-owner"},
		{"revoked by an auditor", nil, courtKey("auditor"), revoke(courtKey("analyst"), 1), "not-owner"},
		{"revoked by itself", nil, courtKey("analyst"), revoke(courtKey("analyst"), 1), "stranger"},
		{"an old revocation", func(c *court) { c.must(a, turned(vouching(courtKey("analyst"), PersonAnalyst), 1)) },
			a, revoke(courtKey("analyst"), 1), "duplicate"},
		{"revoked twice", func(c *court) { c.must(a, revoke(courtKey("analyst"), 1)) }, a, revoke(courtKey("analyst"), 2), "duplicate"},
		{"revoked without a vouch", nil, a, revoke(wu, 1), "unknown-person"},
		{"a vote for a person's key", nil, b, &Vote{Change: Change{Version: 1, Action: ActionAdd, Role: RoleAuditor, Key: KeyOf(courtKey("analyst"))}}, "duplicate"},
		{"a vote for a former person's key", func(c *court) { c.must(a, revoke(courtKey("analyst"), 1)) },
			b, &Vote{Change: Change{Version: 1, Action: ActionRotate, Role: RoleDepartment, Key: KeyOf(b), NewKey: KeyOf(courtKey("analyst"))}}, "duplicate"},
	} {
		t.Run(f.what, func(t *testing.T) {
			c := peopledCourt(t)
			if f.setup != nil {
				f.setup(c)
			}
			c.code(f.by, f.body, f.code)
			if s := c.reparsed(); s.Apply(Place{Block: 99, Time: 1000 * c.now()}, Sign(c.id, f.by, f.body)) == nil {
				t.Error("a snapshot's referee takes it")
			}
		})
	}
}

// TestWhoMayAsk: a question needs a person whose vouch holds in its block, as an analyst.
func TestWhoMayAsk(t *testing.T) {
	a, analyst := courtKey("a"), courtKey("analyst")
	says := func(b *Vouch) func(c *court) {
		return func(c *court) { c.must(a, turned(b, 1)) }
	}
	for _, f := range []struct {
		what, says string // empty: may ask
		by         ed25519.PrivateKey
		setup      func(c *court)
	}{
		{"vouched for", "", analyst, func(*court) {}},
		{"nobody", "no department vouches", courtKey("nobody"), func(*court) {}},
		{"a department itself", "no department vouches", a, func(*court) {}},
		{"a steward", "not as an analyst", analyst, says(vouching(analyst, PersonAuditor, PersonObserver, PersonOperator, PersonSteward))},
		{"a steward who asks, too", "", analyst, says(vouching(analyst, PersonAnalyst, PersonSteward))},
		{"not yet", "from 1970-01-01 01:00:00 UTC on", analyst, says(between(vouching(analyst, PersonAnalyst), 3600, 7200))},
		{"revoked", "department a revoked the analyst: left", analyst, func(c *court) {
			c.must(a, &Revoke{Person: KeyOf(analyst), Reason: "left", Turn: 1})
		}},
		{"replaced", "another key took the place", analyst, func(c *court) {
			c.must(a, replacing(vouching(courtKey("wu"), PersonAnalyst), analyst))
		}},
		{"the new key", "", courtKey("wu"), func(c *court) {
			c.must(a, replacing(vouching(courtKey("wu"), PersonAnalyst), analyst))
		}},
		{"of a department that left", "no department vouches", courtKey("lin"), func(c *court) {
			c.must(c.keys[2], named(vouching(courtKey("lin"), PersonAnalyst), "Lin"))
			c.vote(3, Change{Version: 1, Action: ActionRemove, Role: RoleDepartment, Key: KeyOf(c.keys[2])})
			c.keys = c.keys[:2]
			c.form()
		}},
		{"of a department that left, and another since", "", courtKey("lin"), func(c *court) {
			c.must(c.keys[2], named(vouching(courtKey("lin"), PersonAnalyst), "Lin"))
			c.vote(3, Change{Version: 1, Action: ActionRemove, Role: RoleDepartment, Key: KeyOf(c.keys[2])})
			c.keys = c.keys[:2]
			c.form()
			c.must(a, named(vouching(courtKey("lin"), PersonAnalyst), "Lin"))
		}},
	} {
		t.Run(f.what, func(t *testing.T) {
			c := peopledCourt(t)
			f.setup(c)
			if f.says == "" {
				c.must(f.by, c.question(1))
			} else if r := c.code(f.by, c.question(1), CodeNotVouched); !strings.Contains(r.Sentence, f.says) {
				t.Errorf("%q", r.Sentence)
			}
			c.reparsed()
		})
	}
}

// TestVouchEnds: the last second of a vouch is the one before Until, by the block's time.
func TestVouchEnds(t *testing.T) {
	c := peopledCourt(t)
	until := c.now() + 3
	c.must(c.keys[0], turned(between(vouching(c.analyst, PersonAnalyst), 0, until), 1))
	last := c.question(1)
	for c.now() < until-1 {
		_ = c.put(c.auditor, &Expire{})
	}
	c.must(c.analyst, last)
	if c.state.PersonAt(KeyOf(c.analyst), until-1) == nil || c.state.PersonAt(KeyOf(c.analyst), until) != nil || c.state.Person(KeyOf(c.analyst)) == nil {
		t.Error("the person is not valid until then")
	}
	if r := c.code(c.analyst, c.question(2), CodeNotVouched); !strings.Contains(r.Sentence, "which has passed") {
		t.Errorf("%q", r.Sentence)
	}
}

// TestRevocationEndsQuestions: those of a person who ended, where no department may have shared, and
// no others.
func TestRevocationEndsQuestions(t *testing.T) {
	ends := map[string]func(c *court){
		"revoked":  func(c *court) { c.must(c.keys[0], &Revoke{Person: KeyOf(c.analyst), Reason: "left", Turn: 1}) },
		"replaced": func(c *court) { c.must(c.keys[0], replacing(vouching(courtKey("wu"), PersonAnalyst), c.analyst)) },
	}
	for what, end := range ends {
		t.Run(what, func(t *testing.T) {
			c := peopledCourt(t)
			other := courtKey("other")
			c.must(c.keys[1], vouching(other, PersonAnalyst))
			foreign := c.question(77)
			c.must(other, foreign)
			var open []*QueryState
			for _, phase := range courtPhases {
				open = append(open, c.reach(phase, byte(phase)))
			}
			end(c)
			for _, q := range open {
				switch {
				case q.Reached < PhaseSharing && (q.Phase != PhaseFailed || q.Fault.Kind != FaultRevoked || q.Fault.Department != "a" || q.Fault.Key != q.Author):
					t.Errorf("%s: %s %v", q.Reached, q.Phase, q.Fault)
				case q.Reached >= PhaseSharing && q.Phase != q.Reached:
					t.Errorf("%s: %s, though departments may have shared", q.Reached, q.Phase)
				}
			}
			if o := outcomeOf(c.state, open[0]); o.Status != Failed || o.Code != "revoked" || !strings.Contains(o.Sentence, "department a no longer vouches for the analyst") {
				t.Errorf("%+v", o)
			}
			if q := c.state.Query(QueryID(c.id, KeyOf(other), foreign)); q.Phase != PhaseAdmitting {
				t.Errorf("another analyst's question is %s", q.Phase)
			}
			if len(c.state.Evidence()) > 0 {
				t.Error("somebody is convicted")
			}
			c.must(c.analyst, &Done{Query: open[4].ID, Transcript: open[4].Transcript})
			c.reparsed()
		})
	}
}

// TestActs: a node's operators, and the node itself, say what it does; nobody else does, and nobody says it
// again.
func TestActs(t *testing.T) {
	a, b, operator, other := courtKey("a"), courtKey("b"), courtKey("operator"), courtKey("other")
	act := func(node ed25519.PrivateKey, turn uint64) *Act {
		return &Act{Node: KeyOf(node), What: "reload", Turn: turn}
	}
	for _, f := range []struct {
		what string
		by   ed25519.PrivateKey
		body *Act
		code string // empty: taken
	}{
		{"the node's operator", operator, act(a, 1), ""},
		{"the node's second operator", other, act(a, 1), ""},
		{"the node itself", a, act(a, 0), ""},
		{"an auditor's node", courtKey("auditor"), act(courtKey("auditor"), 5), ""},
		{"another node's operator", operator, act(b, 9), "stranger"},
		{"another node", b, act(a, 9), "stranger"},
		{"nobody", courtKey("nobody"), act(a, 9), "stranger"},
		{"an analyst", courtKey("analyst"), act(a, 9), CodeNotVouched},
		{"an operator whose vouch is over", courtKey("late"), act(a, 9), CodeNotVouched},
		{"an operator who was revoked", courtKey("revoked"), act(a, 9), "stranger"},
		{"of no member", operator, act(courtKey("nobody"), 9), "unknown-member"},
		{"said again", operator, act(a, 0), "duplicate"},
	} {
		t.Run(f.what, func(t *testing.T) {
			c := peopledCourt(t)
			for i, k := range []ed25519.PrivateKey{operator, other, courtKey("revoked"), courtKey("late")} {
				c.must(a, named(vouching(k, PersonOperator), fmt.Sprint("operator ", i)))
			}
			c.must(courtKey("revoked"), act(a, 0))
			c.must(a, &Revoke{Person: KeyOf(courtKey("revoked")), Reason: "left", Turn: 1})
			c.must(a, turned(between(named(vouching(courtKey("late"), PersonOperator), "operator 3"), 0, c.now()+1), 1))
			c.must(operator, act(a, 0))
			if f.code != "" {
				c.code(f.by, f.body, f.code)
				return
			}
			c.must(f.by, f.body)
			c.code(f.by, f.body, "duplicate")
			if s := c.reparsed(); s.NextAct(KeyOf(f.by)) != f.body.Turn+1 || len(s.Operators(KeyOf(a), c.now())) != 2 || len(s.Operators(KeyOf(b), c.now())) != 0 {
				t.Errorf("the next act is %d, of %d operators", s.NextAct(KeyOf(f.by)), len(s.Operators(KeyOf(a), c.now())))
			}
		})
	}
}

// TestRotationKeepsThePerson: through any number of keys the first one names the person.
func TestRotationKeepsThePerson(t *testing.T) {
	c := peopledCourt(t)
	last := c.analyst
	for i := range 3 {
		next := courtKey(fmt.Sprint("key", i))
		c.must(c.keys[0], first(replacing(vouching(next, PersonAnalyst), last), c.analyst))
		c.code(c.keys[0], turned(vouching(next, PersonAnalyst, PersonSteward), 1), "not-owner")
		c.must(c.keys[0], first(turned(vouching(next, PersonAnalyst, PersonSteward), 1), c.analyst))
		last = next
	}
	p := c.reparsed().Person(KeyOf(last))
	if p == nil || p.First != KeyOf(c.analyst) || p.Department != "a" || p.Name != "Mei" || !p.Is(PersonSteward) || p.Is(PersonOperator) {
		t.Fatalf("%+v", p)
	}
	formers := c.state.Formers()
	if len(formers) != 3 || formers[0].Key != KeyOf(c.analyst) || formers[2].Successor != KeyOf(last) || formers[2].First != p.First {
		t.Errorf("%+v", formers)
	}
	all := slices.DeleteFunc(c.state.People(), func(p Person) bool { return p.Is(PersonSteward) && p.Key != KeyOf(last) })
	if len(all) != 1 || all[0].Key != p.Key || c.state.NextTurn(p.Key) != 2 || c.state.NextTurn(KeyOf(c.analyst)) != 0 {
		t.Errorf("%+v", all)
	}
}

// TestPeopleLimits: no department vouches for more persons, or for more keys over time, than it may;
// it can always revoke.
func TestPeopleLimits(t *testing.T) {
	if testing.Short() {
		t.Skip("a thousand vouches")
	}
	c := peopledCourt(t)
	c.quiet = true
	key := func(i int) ed25519.PrivateKey { return courtKey(fmt.Sprint("person", i)) }
	vouch := func(i int) *Vouch { return named(vouching(key(i), PersonObserver), fmt.Sprint("p", i)) }
	a := c.keys[0]
	for i := 1; i < MaxPeople-1; i++ { // the analyst and the steward are two
		c.must(a, vouch(i))
	}
	c.code(a, vouch(MaxPeople), "too-many")
	c.must(c.keys[1], vouch(MaxPeople))
	c.must(a, turned(vouch(1), 1)) // in its place
	next, last := MaxPeople+1, key(1)
	for ; next <= MaxPersonKeys; next++ {
		c.must(a, first(replacing(named(vouching(key(next), PersonObserver), "p1"), last), key(1)))
		last = key(next)
	}
	if r := c.code(a, first(replacing(named(vouching(key(next), PersonObserver), "p1"), last), key(1)), "too-many"); !strings.Contains(r.Sentence, "1024 keys") {
		t.Errorf("%q", r.Sentence)
	}
	c.must(a, &Revoke{Person: KeyOf(key(2)), Reason: "left", Turn: 1})
	c.code(a, vouch(next), "too-many")
	c.reparsed()
}

// TestForgedPeople: snapshots whose persons no entries lead to are refused, or have another digest.
func TestForgedPeople(t *testing.T) {
	c := session(t)
	c.must(c.keys[0], named(vouching(courtKey("wu 2"), PersonAnalyst), "Wu"))
	honest := c.state.Digest()
	wire := func() *stateWire {
		var w stateWire
		if err := engine.Unmarshal(c.state.Marshal(), &w); err != nil {
			t.Fatal(err)
		}
		return &w
	}
	for what, forge := range map[string]func(w *stateWire){
		"a person more": func(w *stateWire) { w.People = append(w.People, 1<<40) },
		"a person less": func(w *stateWire) { w.People = w.People[1:] },
		"a person twice": func(w *stateWire) {
			w.People = append(w.People[:1:1], w.People...)
		},
		"another order":       func(w *stateWire) { slices.Reverse(w.People) },
		"a vouch more":        func(w *stateWire) { w.Vouches = append(w.Vouches, w.Vouches[0]) },
		"a vouch less":        func(w *stateWire) { w.Vouches = w.Vouches[1:] },
		"a vouch that is one": func(w *stateWire) { w.Vouches[0].Entry = w.History[0].Entry },
		"longer roles": func(w *stateWire) {
			body, _ := w.Vouches[0].Entry.Open()
			b := body.(*Vouch)
			b.Roles = PersonRoles()
			w.Vouches[0].Entry.Body = engine.Marshal(b)
		},
		"an act less":           func(w *stateWire) { w.Acts = w.Acts[1:] },
		"an act of a former":    func(w *stateWire) { w.Acts[0].By = w.Former[0].Key },
		"an act's turn":         func(w *stateWire) { w.Acts[0].Turn-- },
		"another order of acts": func(w *stateWire) { slices.Reverse(w.Acts) },
		"a former less":         func(w *stateWire) { w.Former = w.Former[1:] },
		"another reason":        func(w *stateWire) { w.Former[0].Reason += "!" },
		"another time":          func(w *stateWire) { w.Former[0].Time++ },
		"a former in force": func(w *stateWire) {
			for _, r := range w.Vouches {
				if r.Number == w.People[0] {
					body, _ := r.Entry.Open()
					w.Former[0].Key = body.(*Vouch).Person
				}
			}
			slices.SortFunc(w.Former, compareFormers)
		},
		"a question under another's vouch": func(w *stateWire) { w.Queries[0].Vouch = w.Vouches[len(w.Vouches)-1].Number },
		"a question under no vouch":        func(w *stateWire) { w.Queries[0].Vouch = 0 },
	} {
		w := wire()
		forge(w)
		raw := engine.Marshal(w)
		if bytes.Equal(raw, c.state.Marshal()) {
			t.Fatalf("%s forges nothing", what)
		}
		if s, err := ParseState(c.network, c.sizes, raw); err == nil && s.Digest() == honest {
			t.Errorf("%s: taken, with the honest digest", what)
		}
	}
}
