package protocols

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"parley/engine"
	"parley/engine/policy"
)

// used is how many uses of a grant are taken.
func (c *court) used(g *Grant) int64 {
	c.t.Helper()
	for _, held := range c.state.Grants() {
		if held.ID == g.Grant.ID() {
			return held.Used
		}
	}
	c.t.Fatal("there is no such grant")
	return 0
}

// advance takes a question that is open to a phase.
func (c *court) advance(q *QueryState, phase Phase) {
	c.t.Helper()
	if q.Phase == PhaseAdmitting && phase > PhaseAdmitting {
		for _, k := range c.keys {
			c.must(k, q.admission())
		}
	}
	if q.Phase == PhaseContributing && phase > PhaseContributing {
		for i, m := range q.Contributors {
			for _, k := range c.keys {
				if KeyOf(k) == m.Key {
					c.must(k, q.contribution(i))
				}
			}
		}
	}
	if q.Phase == PhaseAttesting && phase > PhaseAttesting {
		for _, k := range c.keys {
			c.must(k, &Attest{Query: q.ID, Contributions: q.Contributions})
		}
	}
	if q.Phase == PhaseSharing && phase > PhaseSharing {
		for i, k := range c.keys {
			c.must(k, q.shares(i))
		}
	}
	if q.Phase == PhaseShared && phase > PhaseShared {
		c.must(c.analyst, &Done{Query: q.ID, Transcript: q.Transcript})
	}
}

// TestFiftyQuestions: fifty questions race for ten uses. Ten are answered, whatever is taken back on the way.
func TestFiftyQuestions(t *testing.T) {
	for seed := range uint64(3) {
		c := peopledCourt(t)
		c.quiet = seed > 0
		g, rng, answered := c.granted("a", 10), rand.New(rand.NewPCG(seed, 1)), 0
		var open []*QueryState
		for n := byte(0); n < 50 || len(open) > 0; n++ {
			if n < 50 {
				a := c.question(n).under(g)
				if before := c.used(g); before < 10 && len(open) < MaxPendingPerAnalyst {
					open = append(open, c.asked(a))
					if c.used(g) != before+1 {
						t.Fatalf("%d uses before a question, %d after", before, c.used(g))
					}
				} else if err := c.put(c.analyst, a); err == nil {
					t.Fatalf("question %d is taken, with %d uses and %d open", n, before, len(open))
				}
			}
			if len(open) == 0 || rng.IntN(3) == 0 && n < 50 {
				continue
			}
			i := rng.IntN(len(open))
			q := open[i]
			open = append(open[:i:i], open[i+1:]...)
			if rng.IntN(3) == 0 {
				before := c.used(g)
				c.must(c.analyst, &Withdraw{Query: q.ID})
				if c.used(g) != before-1 {
					t.Fatal("a use is not given back")
				}
				continue
			}
			c.advance(q, PhaseDone)
			answered++
		}
		if answered > 10 || c.used(g) != int64(answered) {
			t.Errorf("%d are answered, %d uses are taken of ten", answered, c.used(g))
		}
		for n := byte(100); c.used(g) < 10; n++ {
			c.advance(c.asked(c.question(n).under(g)), PhaseDone)
		}
		if r := c.code(c.analyst, c.question(99).under(g), "used-up"); !strings.Contains(r.Sentence, "it allows 10") {
			t.Errorf("%q", r.Sentence)
		}
		c.reparsed()
	}
}

// TestUsesGivenBack: what ended before anybody could share gives its use back, and nothing else does.
func TestUsesGivenBack(t *testing.T) {
	ends := map[string]func(c *court, q *QueryState){
		"withdrawn": func(c *court, q *QueryState) { c.must(c.analyst, &Withdraw{Query: q.ID}) },
		"refused":   func(c *court, q *QueryState) { c.must(c.keys[1], &Refuse{Query: q.ID, Code: "mood", Sentence: "no"}) },
		"expired":   func(c *court, q *QueryState) { c.say(3, &Expire{Query: q.ID}) },
		"a policy":  func(c *court, _ *QueryState) { c.must(stewardOf("b"), c.version("b", 2)) },
		"a revoked analyst": func(c *court, _ *QueryState) {
			c.must(c.keys[0], &Revoke{Person: KeyOf(c.analyst), Reason: "left", Turn: 1})
		},
		"a deviation": func(c *court, q *QueryState) {
			c.code(c.keys[1], &Admit{Query: q.ID, Epoch: digestOf("other")}, string(FaultStaleEpoch))
		},
		"a department that left": func(c *court, _ *QueryState) {
			c.vote(3, Change{Version: 1, Action: ActionRemove, Role: RoleDepartment, Key: KeyOf(c.keys[2])})
		},
		"answered": func(c *court, q *QueryState) { c.advance(q, PhaseDone) },
	}
	for what, end := range ends {
		for _, phase := range courtPhases {
			t.Run(what+"/"+phase.String(), func(t *testing.T) {
				c := peopledCourt(t)
				g := c.granted("a", 3)
				q := c.asked(c.question(1).under(g))
				c.advance(q, phase)
				if (what == "withdrawn" || what == "refused") && phase > PhaseSharing || what == "withdrawn" && phase == PhaseSharing {
					return // not possible
				}
				end(c, q)
				want := int64(1)
				if phase < PhaseSharing && what != "answered" {
					want = 0
				}
				if q = c.state.Query(q.ID); c.used(g) != want || want == 0 && !q.Phase.Ended() {
					t.Errorf("%s: %d uses are taken", q.Phase, c.used(g))
				}
				c.reparsed()
			})
		}
	}
}

// TestRoundsGoOn: the rounds of a question take one use together, each of them once, and what is given
// back is never what a later round has gone on with.
func TestRoundsGoOn(t *testing.T) {
	type step struct {
		round    uint32
		withdraw int // the question of this step, from 1, is taken back instead; 0: a round is asked
		used     int64
	}
	for what, steps := range map[string][]step{
		"one after the other":                          {{1, 0, 1}, {2, 0, 1}, {3, 0, 1}},
		"a round twice":                                {{1, 0, 1}, {2, 0, 1}, {2, 0, 2}, {3, 0, 2}},
		"the first twice":                              {{1, 0, 1}, {1, 0, 2}, {2, 0, 2}, {2, 0, 3}},
		"a later one first":                            {{2, 0, 1}, {3, 0, 1}, {1, 0, 2}},
		"one is left out":                              {{1, 0, 1}, {3, 0, 2}},
		"the first is withdrawn":                       {{1, 0, 1}, {0, 1, 0}, {2, 0, 1}},
		"the second is withdrawn, and asked again":     {{1, 0, 1}, {2, 0, 1}, {0, 2, 1}, {2, 0, 1}, {3, 0, 1}},
		"the first is withdrawn while the second goes": {{1, 0, 1}, {2, 0, 1}, {0, 1, 1}, {3, 0, 1}},
		"both are withdrawn, the first first":          {{1, 0, 1}, {2, 0, 1}, {0, 1, 1}, {0, 2, 1}, {2, 0, 1}},
		"both are withdrawn, the second first":         {{1, 0, 1}, {2, 0, 1}, {0, 2, 1}, {0, 1, 0}},
		"the first twice, and both withdrawn":          {{1, 0, 1}, {1, 0, 2}, {0, 1, 1}, {0, 2, 1}},
	} {
		t.Run(what, func(t *testing.T) {
			c := peopledCourt(t)
			g := c.granted("a", 9)
			var asked []*QueryState
			for i, s := range steps {
				if s.withdraw > 0 {
					c.must(c.analyst, &Withdraw{Query: asked[s.withdraw-1].ID})
				} else {
					asked = append(asked, c.asked(c.roundOf(byte(i), s.round, g)))
				}
				if c.used(g) != s.used {
					t.Fatalf("after step %d %d uses are taken, want %d", i+1, c.used(g), s.used)
				}
				c.reparsed()
			}
		})
	}
	t.Run("of another question", func(t *testing.T) {
		c := peopledCourt(t)
		g := c.granted("a", 9)
		c.asked(c.roundOf(1, 1, g))
		for i, change := range []func(a *Ask){
			func(a *Ask) { a.Question += " "; a.SQL = engine.RoundMark(a.Question) + "SELECT count(*) FROM heart" },
			func(a *Ask) { a.Departments, a.Registrations = a.Departments[:1], a.Registrations[:1] },
		} {
			a := c.roundOf(byte(2+i), 2, g)
			change(a)
			c.asked(a)
			if c.used(g) != int64(2+i) {
				t.Errorf("%d uses are taken", c.used(g))
			}
		}
	})
	t.Run("in the last use", func(t *testing.T) {
		c := peopledCourt(t)
		g := c.granted("a", 1)
		c.asked(c.roundOf(1, 1, g))
		c.code(c.analyst, c.roundOf(2, 1, g), "used-up")
		c.asked(c.roundOf(2, 2, g))
		c.code(c.analyst, c.roundOf(3, 2, g), "used-up")
		c.code(c.analyst, c.question(4).under(g), "used-up")
	})
	t.Run("more than can go on", func(t *testing.T) {
		c := peopledCourt(t)
		g := c.granted("a", 99)
		of := func(n int, round uint32) *Ask {
			a := c.roundOf(byte(n)+100*byte(round), round, g)
			a.Question = fmt.Sprint(a.Question, n)
			a.SQL = engine.RoundMark(a.Question) + "SELECT count(*) FROM heart"
			return a
		}
		for n := range MaxRunning + 1 {
			c.advance(c.asked(of(n, 1)), PhaseDone)
		}
		c.advance(c.asked(of(1, 2)), PhaseDone)
		if c.used(g) != MaxRunning+1 {
			t.Errorf("%d uses are taken", c.used(g))
		}
		if c.asked(of(0, 2)); c.used(g) != MaxRunning+2 { // the oldest is forgotten
			t.Errorf("%d uses are taken", c.used(g))
		}
		c.reparsed()
	})
}

// TestRoundsAtRandom: under any order of rounds, of ends before and after departments could share, and of
// other questions, no round of a question is answered, or may yet be, more often than uses were taken.
func TestRoundsAtRandom(t *testing.T) {
	for seed := range uint64(12) {
		rng := rand.New(rand.NewPCG(seed, 2))
		c := peopledCourt(t)
		c.quiet = true
		const most = 6
		g := c.granted("a", most)
		var open []*QueryState
		alive := map[uint32]int64{} // rounds that are open or shared
		for n := range 250 {
			switch i := rng.IntN(5); {
			case i < 2 && len(open) < MaxPendingPerAnalyst:
				a := c.roundOf(byte(n), 1+uint32(rng.IntN(4)), g)
				a.Nonce[1] = byte(n >> 8)
				if c.put(c.analyst, a) == nil {
					open = append(open, c.state.Query(QueryID(c.id, KeyOf(c.analyst), a)))
					alive[a.Round]++
				}
			case len(open) > 0:
				k := rng.IntN(len(open))
				q := c.state.Query(open[k].ID)
				open = append(open[:k:k], open[k+1:]...)
				if i == 4 {
					c.advance(q, PhaseSharing)
					c.say(3, &Expire{Query: q.ID})
				} else {
					c.must(c.analyst, &Withdraw{Query: q.ID})
					alive[q.Ask.Round]--
				}
			}
			if n%50 == 0 {
				c.state = c.reparsed()
			}
			for round, alive := range alive {
				if used := c.used(g); alive > used || used < 0 || used > most {
					t.Fatalf("seed %d, step %d: round %d is there %d times, with %d uses", seed, n, round, alive, used)
				}
			}
		}
	}
}

// TestDecidedMeanwhile: another policy, a grant that is taken back and another class end the questions
// that wait for them, and no others; from PhaseSharing on a question goes on.
func TestDecidedMeanwhile(t *testing.T) {
	reclassed := func(class engine.Class, column bool) func(c *court, _ *Grant) {
		return func(c *court, _ *Grant) {
			r := courtTable("a", 2)
			if r.About.Class = class; column {
				r.Columns[0].Class = engine.ClassOnCondition
			}
			c.must(c.keys[0], &Register{Registration: r})
		}
	}
	for _, d := range []struct {
		what string
		do   func(c *court, g *Grant) // by a, but for what it says
		says string                   // empty: nothing ends
	}{
		{"a policy", func(c *court, _ *Grant) { c.must(stewardOf("a"), c.version("a", 2)) }, "department a decided otherwise while the question waited: it has another policy for table heart now"},
		{"a policy that answers nobody", func(c *court, _ *Grant) {
			p := c.version("a", 2)
			p.Document.Rules = nil
			c.must(stewardOf("a"), p)
		}, "another policy"},
		{"another department's", func(c *court, _ *Grant) { c.must(stewardOf("c"), c.version("c", 2)) }, ""},
		{"another table's", func(c *court, _ *Grant) {
			p := c.version("a", 1)
			p.Document.Table = "lung"
			c.must(stewardOf("a"), p)
		}, ""},
		{"the grant", func(c *court, g *Grant) { c.must(stewardOf("a"), c.rescinding(g)) }, "it took the grant back: misused"},
		{"another grant", func(c *court, _ *Grant) { c.must(stewardOf("a"), c.rescinding(c.granted("a", 77))) }, ""},
		{"another grant given", func(c *court, _ *Grant) { c.granted("b", 1) }, ""},
		{"another class", reclassed(engine.ClassOnCondition, false), "it shares table heart otherwise now"},
		{"another class of a column", reclassed(engine.ClassUnconditional, true), "it shares table heart otherwise now"},
		{"other rows", reclassed(engine.ClassUnconditional, false), ""},
		{"a steward who is revoked", func(c *court, _ *Grant) {
			c.must(c.keys[0], &Revoke{Person: KeyOf(stewardOf("a")), Reason: "left", Turn: 1})
		}, ""},
	} {
		t.Run(d.what, func(t *testing.T) {
			c := peopledCourt(t)
			g := c.granted("a", 9)
			var open []*QueryState
			for _, phase := range courtPhases {
				q := c.asked(c.question(byte(phase)).under(g))
				c.advance(q, phase)
				open = append(open, q)
			}
			d.do(c, g)
			waiting := 0
			for _, q := range open {
				q = c.state.Query(q.ID)
				switch ends := q.Reached < PhaseSharing && d.says != ""; {
				case ends && (q.Phase != PhaseFailed || q.Fault.Kind != FaultDecided || q.Fault.Department != "a" || q.Fault.Key != KeyOf(c.keys[0])):
					t.Errorf("%s: %s %v", q.Reached, q.Phase, q.Fault)
				case ends:
					waiting++
					if o := outcomeOf(c.state, q); o.Status != Failed || o.Code != "decided" || !strings.Contains(o.Sentence, d.says) {
						t.Errorf("%+v", o)
					}
				case q.Phase != q.Reached:
					t.Errorf("%s: %s %v", q.Reached, q.Phase, q.Fault)
				}
			}
			if len(c.state.Evidence()) > 0 {
				t.Error("somebody is convicted")
			}
			if want := int64(len(open) - waiting); c.used(g) != want {
				t.Errorf("%d uses are taken, want %d", c.used(g), want)
			}
			c.must(c.analyst, &Done{Query: open[4].ID, Transcript: open[4].Transcript})
			c.reparsed()
		})
	}
}

// TestGrantsArePersons: a grant is a person's, whatever key it has now, and no other's.
func TestGrantsArePersons(t *testing.T) {
	c := peopledCourt(t)
	g, second, third := c.granted("a", 9), courtKey("mei 2"), courtKey("mei 3")
	c.asked(c.question(1).under(g))
	c.must(c.keys[0], replacing(vouching(second, PersonAnalyst), c.analyst))
	if c.used(g) != 0 { // the key's question ended with it
		t.Errorf("%d uses are taken", c.used(g))
	}
	c.code(c.analyst, c.question(2).under(g), CodeNotVouched)
	c.must(second, c.question(2).under(g))
	c.must(c.keys[0], first(replacing(vouching(third, PersonAnalyst), second), c.analyst))
	c.must(third, c.roundOf(3, 1, g))
	c.must(c.keys[0], first(turned(vouching(third, PersonAnalyst, PersonSteward), 1), c.analyst))
	c.must(third, c.roundOf(4, 2, g)) // vouched for anew, the same question goes on
	if c.used(g) != 1 {
		t.Errorf("%d uses are taken", c.used(g))
	}
	// Its colleague has none, nor has the same key at another department.
	c.must(c.keys[0], named(vouching(courtKey("wu"), PersonAnalyst), "Wu"))
	c.code(courtKey("wu"), c.question(5).under(g), "not-owner")
	c.code(c.keys[1], turned(vouching(third, PersonAnalyst), 9), "not-owner")
	// No vouch claims a first key that is another's.
	c.code(c.keys[1], first(named(vouching(courtKey("lin"), PersonAnalyst), "Lin"), c.analyst), "not-owner")
	c.code(c.keys[0], first(named(vouching(courtKey("lin"), PersonAnalyst), "Lin"), c.analyst), "not-owner")
	c.code(c.keys[0], first(replacing(named(vouching(courtKey("lin"), PersonAnalyst), "Wu"), courtKey("wu")), c.analyst), "not-owner")
	c.reparsed()
}

// TestWhoLeaves: a department's decisions go with it, and a person's requests with the person.
func TestWhoLeaves(t *testing.T) {
	c := peopledCourt(t)
	c.must(c.keys[2], named(vouching(courtKey("lin"), PersonAnalyst), "Lin"))
	lin := c.granting("a", 3)
	lin.Grant.Person = policy.Key(KeyOf(courtKey("lin")))
	c.must(stewardOf("a"), lin)
	c.must(courtKey("lin"), c.requesting("a"))
	c.granted("c", 1)
	c.must(c.analyst, c.requesting("a", "c"))
	c.must(stewardOf("c"), c.declining("c", c.requesting("a", "c")))
	c.vote(4, Change{Version: 1, Action: ActionRemove, Role: RoleDepartment, Key: KeyOf(c.keys[2])})
	if len(c.state.Policies()) != 2 || len(c.state.Grants()) != 1 || c.state.Grants()[0].ID != lin.Grant.ID() || len(c.state.Requests()) != 1 {
		t.Errorf("%d policies, %d grants, %d requests", len(c.state.Policies()), len(c.state.Grants()), len(c.state.Requests()))
	}
	if open := c.state.Requests()[0].Open(); len(open) != 1 || open[0] != "a" {
		t.Errorf("open: %v", open)
	}
	c.reparsed()
	c.must(c.keys[0], &Revoke{Person: KeyOf(c.analyst), Reason: "left", Turn: 1})
	if len(c.state.Requests()) != 0 {
		t.Error("a person's request outlives the person")
	}
	c.reparsed()
}

// TestAskerAsItWas: a question that departments may have shared goes on when its analyst's department
// leaves, and is decided by who asked it then, also from a snapshot.
func TestAskerAsItWas(t *testing.T) {
	c := peopledCourt(t)
	d, lin := courtKey("d"), courtKey("lin")
	c.vote(4, Change{Version: 1, Action: ActionAdd, Role: RoleDepartment, Name: "d", Key: KeyOf(d)})
	c.must(d, &Join{Name: "d"})
	b := named(vouching(lin, PersonAnalyst), "Lin")
	b.Place = "Jiangsu/Nanjing"
	c.must(d, b)
	a := c.question(1)
	c.must(lin, a)
	q := c.state.Query(QueryID(c.id, KeyOf(lin), a))
	for _, k := range c.keys {
		c.must(k, q.admission())
	}
	for i := range 2 {
		c.must(c.keys[i], q.contribution(i))
	}
	for _, k := range append(c.validators(), d) {
		_ = c.put(k, &Attest{Query: q.ID, Contributions: q.Contributions})
	}
	c.vote(4, Change{Version: 2, Action: ActionRemove, Role: RoleDepartment, Key: KeyOf(d)})
	if q = c.state.Query(q.ID); q.Phase != PhaseSharing || q.asker.Department != "d" || q.asker.Place != "Jiangsu/Nanjing" {
		t.Fatalf("%s, asked by %+v", q.Phase, q.asker)
	}
	c.reparsed()
}
