package protocols

import (
	"crypto/ed25519"
	"strings"
	"testing"

	"parley/engine"
	"parley/engine/policy"
)

// decision is an entry of the court's in which one thing may be wrong.
type decision struct {
	what  string
	setup func(c *court)
	by    ed25519.PrivateKey
	body  func(c *court, r *Request, g *Grant) Body // r is the analyst's to a and b, g what a granted it
	code  string                                    // empty: taken
}

func (d *decision) run(t *testing.T) {
	c := peopledCourt(t)
	r := c.requesting("a", "b")
	c.must(c.analyst, r)
	g := c.granted("a", 2)
	if d.setup != nil {
		d.setup(c)
	}
	body := d.body(c, r, g)
	told := c.state.CheckDecision(KeyOf(d.by), body, c.now())
	if (told == nil) != (d.code == "") {
		t.Errorf("told before it is signed: %v", told)
	}
	if d.code == "" {
		entry := Sign(c.id, d.by, body)
		if err := c.order(entry); err != nil {
			t.Fatal(err)
		}
		if err := c.order(entry); err == nil {
			t.Error("it is taken twice")
		}
		c.reparsed()
		return
	}
	c.code(d.by, body, d.code)
	if s := c.reparsed(); s.Apply(Place{Block: 99, Time: 1000 * c.now()}, Sign(c.id, d.by, body)) == nil {
		t.Error("a snapshot's referee takes it")
	}
}

// revouched has a department say something newer of its steward.
func revouched(change func(c *court, b *Vouch)) func(c *court) {
	return func(c *court) {
		b := turned(named(vouching(stewardOf("a"), PersonSteward), "steward"), 1)
		change(c, b)
		c.must(c.keys[0], b)
	}
}

// TestWhoDecides: a department's present stewards and nobody else, of each of the four entries, and
// nobody on a request of their own. None that is refused changes the state, which court.order holds.
func TestWhoDecides(t *testing.T) {
	stewardA, another, older := stewardOf("a"), courtKey("another steward"), uint64(0)
	bodies := map[EntryKind]func(c *court, r *Request, g *Grant) Body{
		KindPublish: func(c *court, _ *Request, _ *Grant) Body { return c.version("a", 2) },
		KindGrant:   func(c *court, _ *Request, _ *Grant) Body { return c.granting("a", 7) },
		KindDecline: func(c *court, r *Request, _ *Grant) Body { return c.declining("a", r) },
		KindRescind: func(c *court, _ *Request, g *Grant) Body { return c.rescinding(g) },
	}
	for kind, body := range bodies {
		under := func(number func(c *court) uint64) func(c *court, r *Request, g *Grant) Body {
			return func(c *court, r *Request, g *Grant) Body {
				b := body(c, r, g)
				switch b := b.(type) {
				case *Publish:
					b.Under = number(c)
				case *Grant:
					b.Under = number(c)
				case *Decline:
					b.Under = number(c)
				case *Rescind:
					b.Under = number(c)
				}
				return b
			}
		}
		own := func(k ed25519.PrivateKey) func(c *court) uint64 {
			return func(c *court) uint64 { return c.state.Person(KeyOf(k)).Number }
		}
		steward := func(of int, k ed25519.PrivateKey) func(c *court) {
			return func(c *court) { c.must(c.keys[of], named(vouching(k, PersonSteward), "another steward")) }
		}
		for _, d := range []decision{
			{"its steward", nil, stewardA, body, ""},
			{"its other steward", steward(0, another), another, under(own(another)), ""},
			{"its steward, vouched for anew", revouched(func(*court, *Vouch) {}), stewardA, body, ""},
			{"its steward under another key", revouched(func(c *court, b *Vouch) {
				b.Person, b.Replaces, b.First, b.Turn = KeyOf(another), b.Person, b.Person, 0
			}), another, under(own(another)), ""},
			{"its steward under the key before", revouched(func(c *court, b *Vouch) {
				b.Person, b.Replaces, b.First, b.Turn = KeyOf(another), b.Person, b.Person, 0
			}), stewardA, under(own(another)), "person-revoked"},
			{"nobody", nil, courtKey("nobody"), body, "not-vouched"},
			{"the department itself", nil, courtKey("a"), body, "not-vouched"},
			{"the auditor", nil, courtKey("auditor"), body, "not-vouched"},
			{"an analyst", nil, courtKey("analyst"), body, "not-in-role"},
			{"who is a steward no more", revouched(func(_ *court, b *Vouch) {
				b.Roles = []PersonRole{PersonAnalyst, PersonAuditor, PersonObserver, PersonOperator}
			}),
				stewardA, body, "not-in-role"},
			{"whose time is over", revouched(func(c *court, b *Vouch) { b.Until = c.now() + 1 }), stewardA, body, "person-over"},
			{"whose time is to come", revouched(func(c *court, b *Vouch) { b.From = b.Until - 5 }), stewardA, body, "person-not-yet"},
			{"who was revoked", func(c *court) { c.must(c.keys[0], &Revoke{Person: KeyOf(stewardA), Reason: "left", Turn: 1}) },
				stewardA, body, "person-revoked"},
			{"under the vouch before", revouched(func(c *court, _ *Vouch) { older = c.under("a") }), stewardA, under(func(*court) uint64 { return older }), "too-late"},
			{"under another's vouch", nil, stewardA, under(own(stewardOf("b"))), "too-late"},
			{"under a vouch to come", nil, stewardA, under(func(*court) uint64 { return 1 << 50 }), "too-late"},
			{"under no vouch", nil, stewardA, under(func(*court) uint64 { return 0 }), "malformed"},
		} {
			t.Run(kind.String()+"/"+d.what, d.run)
		}
		code := "not-owner"
		if kind == KindDecline {
			code = "stranger"
		}
		for i, name := range []string{"b", "c"} {
			k := stewardOf(name)
			d := decision{"another's steward", steward(1+i, courtKey("x")), k, under(own(k)), code}
			if kind == KindDecline && name == "b" {
				d.code = "" // which was asked, too
			}
			t.Run(kind.String()+"/steward of "+name, d.run)
		}
	}
}

// TestNobodyDecidesForItself: who is an analyst and a steward decides on no request or grant of its own,
// under no key.
func TestNobodyDecidesForItself(t *testing.T) {
	both, next := courtKey("both"), courtKey("both 2")
	vouch := func(c *court) {
		c.must(c.keys[0], named(vouching(both, PersonAnalyst, PersonSteward), "both"))
	}
	rotate := func(c *court) {
		vouch(c)
		c.must(both, c.requesting("a"))
		c.must(c.keys[0], replacing(named(vouching(next, PersonAnalyst, PersonSteward), "both"), both))
	}
	own := func(k ed25519.PrivateKey) func(c *court, _ *Request, _ *Grant) Body {
		return func(c *court, _ *Request, _ *Grant) Body {
			g := c.granting("a", 3)
			g.Grant.Person, g.Under = policy.Key(KeyOf(both)), c.state.Person(KeyOf(k)).Number
			return g
		}
	}
	for _, d := range []decision{
		{"a grant", vouch, both, own(both), "own-request"},
		{"a grant, under another key", rotate, next, own(next), "own-request"},
		{"a refusal", rotate, next, func(c *court, r *Request, _ *Grant) Body {
			return &Decline{Request: c.requesting("a").id(both), Reason: "no", Under: c.state.Person(KeyOf(next)).Number}
		}, "own-request"},
		{"a grant to another", vouch, both, func(c *court, _ *Request, _ *Grant) Body {
			g := c.granting("a", 3)
			g.Under = c.state.Person(KeyOf(both)).Number
			return g
		}, ""},
		{"another's grant", vouch, stewardOf("a"), func(c *court, _ *Request, _ *Grant) Body {
			g := c.granting("a", 3)
			g.Grant.Person = policy.Key(KeyOf(both))
			return g
		}, ""},
	} {
		t.Run(d.what, d.run)
	}
}

// TestStrangersCompileNothing: a policy is read only if its author is a steward: who is none learns that, and
// not what is wrong with its conditions.
func TestStrangersCompileNothing(t *testing.T) {
	c := peopledCourt(t)
	p := c.version("a", 2)
	p.Document.Rules[0].When = "1.5 > 1.0"
	c.code(stewardOf("a"), p, "malformed")
	c.code(courtKey("nobody"), p, "not-vouched")
	c.code(c.analyst, p, "not-in-role")
}

// TestDecisionForgeries: what a steward, or who requests, may not say.
func TestDecisionForgeries(t *testing.T) {
	a, b, analyst := stewardOf("a"), stewardOf("b"), courtKey("analyst")
	grant := func(change func(c *court, r *Request, b *policy.Grant)) func(*court, *Request, *Grant) Body {
		return func(c *court, r *Request, _ *Grant) Body {
			b := c.granting("a", 7)
			change(c, r, &b.Grant)
			return b
		}
	}
	request := func(change func(c *court, r *policy.Request)) func(*court, *Request, *Grant) Body {
		return func(c *court, _ *Request, _ *Grant) Body {
			r := c.requesting("a")
			change(c, &r.Request)
			return r
		}
	}
	version := func(v uint64) func(*court, *Request, *Grant) Body {
		return func(c *court, _ *Request, _ *Grant) Body { return c.version("a", v) }
	}
	publish := func(change func(d *policy.Document)) func(*court, *Request, *Grant) Body {
		return func(c *court, _ *Request, _ *Grant) Body {
			p := c.version("a", 2)
			change(&p.Document)
			return p
		}
	}
	answer := func(_ *court, r *Request, g *policy.Grant) { g.Request = r.id(courtKey("analyst")) }
	answered := func(c *court) {
		g := c.granting("a", 9)
		g.Grant.Request = c.requesting("a", "b").id(c.analyst)
		c.must(a, g)
	}
	declined := func(c *court) { c.must(a, c.declining("a", c.requesting("a", "b"))) }
	decline := func(department string) func(*court, *Request, *Grant) Body {
		return func(c *court, r *Request, _ *Grant) Body { return c.declining(department, r) }
	}
	rescind := func(c *court, _ *Request, g *Grant) Body { return c.rescinding(g) }
	for _, d := range []decision{
		{"the version in force again", nil, a, version(1), "duplicate"},
		{"a version before", func(c *court) { c.must(a, c.version("a", 2)) }, a, version(1), "duplicate"},
		{"a version left out", nil, a, version(3), "too-early"},
		{"another's table", nil, a, publish(func(d *policy.Document) { d.Department = "b" }), "not-owner"},
		{"a table's first policy as version 2", nil, a, publish(func(d *policy.Document) { d.Table = "lung" }), "too-early"},
		{"a rule for nobody", nil, a, publish(func(d *policy.Document) { d.Rules[0].Who = nil }), "malformed"},
		{"a condition that is none", nil, a, publish(func(d *policy.Document) { d.Rules[0].When = "1.5 > 1.0" }), "malformed"},
		{"no rules, which answers nobody", nil, a, publish(func(d *policy.Document) { d.Rules = nil }), ""},
		{"a table without a registration yet", nil, a, publish(func(d *policy.Document) { d.Table, d.Version = "lung", 1 }), ""},

		{"a request", nil, analyst, request(func(*court, *policy.Request) {}), ""},
		{"a request of nobody", nil, courtKey("nobody"), request(func(*court, *policy.Request) {}), CodeNotVouched},
		{"a request of a steward", nil, b, request(func(*court, *policy.Request) {}), CodeNotVouched},
		{"the same request", nil, analyst, func(_ *court, r *Request, _ *Grant) Body { return r }, "duplicate"},
		{"a request that is over", nil, analyst, request(func(c *court, r *policy.Request) { r.Terms.Until = c.now() }), "malformed"},
		{"a request without end", nil, analyst, request(func(c *court, r *policy.Request) { r.Terms.Until = 0 }), "malformed"},
		{"a request of more than five years", nil, analyst, request(func(c *court, r *policy.Request) { r.Terms.Until = c.now() + policy.MaxGrantSeconds + 100 }), "malformed"},
		{"a request for five years", nil, analyst, request(func(c *court, r *policy.Request) { r.Terms.Until = c.now() + policy.MaxGrantSeconds }), ""},
		{"a request for yesterday", nil, analyst, request(func(c *court, r *policy.Request) { r.Due = c.now() }), "malformed"},
		{"a request without a purpose", nil, analyst, request(func(c *court, r *policy.Request) { r.Terms.Purposes = nil }), "malformed"},
		{"a request to nobody", nil, analyst, request(func(c *court, r *policy.Request) { r.Departments = nil }), "malformed"},
		{"a request to a stranger", nil, analyst, request(func(c *court, r *policy.Request) { r.Departments = []string{"a", "z"} }), "unknown-department"},
		{"a request to two in another order", nil, analyst, request(func(c *court, r *policy.Request) { r.Departments = []string{"b", "a"} }), "malformed"},
		{"a request for a table that nobody has", nil, analyst, request(func(c *court, r *policy.Request) { r.Table = "lung" }), "unknown-department"},

		{"a grant", nil, a, grant(func(*court, *Request, *policy.Grant) {}), ""},
		{"an answer", nil, a, grant(answer), ""},
		{"the same grant", nil, a, func(_ *court, _ *Request, g *Grant) Body { return g }, "duplicate"},
		{"the same grant, taken back", func(c *court) { c.must(a, c.rescinding(c.granting("a", 2))) }, a, func(_ *court, _ *Request, g *Grant) Body { return g }, "duplicate"},
		{"another's rows", nil, a, grant(func(_ *court, _ *Request, g *policy.Grant) { g.Department = "b" }), "not-owner"},
		{"a grant without end", nil, a, grant(func(_ *court, _ *Request, g *policy.Grant) { g.Terms.Until = 0 }), "malformed"},
		{"a grant that is over", nil, a, grant(func(c *court, _ *Request, g *policy.Grant) { g.Terms.Until = c.now() }), "malformed"},
		{"a grant for ever", nil, a, grant(func(c *court, _ *Request, g *policy.Grant) { g.Terms.Until = c.now() + policy.MaxGrantSeconds + 100 }), "malformed"},
		{"a grant of no question", nil, a, grant(func(_ *court, _ *Request, g *policy.Grant) { g.Terms.Uses = 0 }), "malformed"},
		{"a grant for every purpose", nil, a, grant(func(_ *court, _ *Request, g *policy.Grant) { g.Terms.Purposes = nil }), "malformed"},
		{"an answer to nothing", nil, a, grant(func(_ *court, _ *Request, g *policy.Grant) { g.Request = digestOf("none") }), "unknown-request"},
		{"an answer to another person", nil, a, grant(func(c *court, r *Request, g *policy.Grant) {
			answer(c, r, g)
			g.Person[0] ^= 1
		}), "unknown-request"},
		{"an answer about another table", nil, a, grant(func(c *court, r *Request, g *policy.Grant) {
			answer(c, r, g)
			g.Table = "lung"
		}), "unknown-request"},
		{"an answer of who was not asked", nil, stewardOf("c"), func(c *court, r *Request, _ *Grant) Body {
			g := c.granting("c", 1)
			g.Grant.Request = r.id(c.analyst)
			return g
		}, "stranger"},
		{"a second answer", answered, a, grant(answer), "duplicate"},
		{"an answer after a refusal", declined, a, grant(answer), "duplicate"},
		{"an answer to who was revoked", func(c *court) { c.must(c.keys[0], &Revoke{Person: KeyOf(c.analyst), Reason: "left", Turn: 1}) },
			a, grant(answer), "unknown-request"},

		{"a refusal", nil, a, decline("a"), ""},
		{"a refusal of nothing", nil, a, func(c *court, _ *Request, _ *Grant) Body {
			return &Decline{Request: digestOf("none"), Reason: "no", Under: c.under("a")}
		}, "unknown-request"},
		{"a refusal without a reason", nil, a, func(c *court, r *Request, _ *Grant) Body {
			return &Decline{Request: r.id(c.analyst), Under: c.under("a")}
		}, "malformed"},
		{"a second refusal", declined, a, func(c *court, r *Request, _ *Grant) Body {
			d := c.declining("a", r)
			d.Reason = "no"
			return d
		}, "duplicate"},
		{"a refusal after an answer", answered, a, decline("a"), "duplicate"},
		{"a refusal of who was not asked", nil, stewardOf("c"), decline("c"), "stranger"},

		{"taken back", nil, a, rescind, ""},
		{"nothing taken back", nil, a, func(c *court, _ *Request, _ *Grant) Body {
			return &Rescind{Grant: digestOf("none"), Reason: "no", Under: c.under("a")}
		}, "unknown-grant"},
		{"taken back without a reason", nil, a, func(c *court, _ *Request, g *Grant) Body {
			r := c.rescinding(g)
			r.Reason = ""
			return r
		}, "malformed"},
		{"taken back twice", func(c *court) { c.must(a, c.rescinding(c.granting("a", 2))) }, a, func(c *court, _ *Request, g *Grant) Body {
			r := c.rescinding(g)
			r.Reason = "again"
			return r
		}, "duplicate"},
	} {
		t.Run(d.what, d.run)
	}
}

// TestAskForgeries: which grants a question may not name, and what it says of its purpose. Whether it
// needs them the machines find out.
func TestAskForgeries(t *testing.T) {
	until := int64(0)
	for _, f := range []struct {
		what  string
		setup func(c *court, g *Grant)
		ask   func(c *court, g *Grant) *Ask // g is a's grant of two questions, h b's
		code  string
	}{
		{"one of each", nil, func(c *court, g *Grant) *Ask { return c.question(1).under(g, c.granted("b", 1)) }, ""},
		{"of the second alone", nil, func(c *court, _ *Grant) *Ask { return c.question(1).under(c.granted("b", 1)) }, ""},
		{"in another order", nil, func(c *court, g *Grant) *Ask { return c.question(1).under(c.granted("b", 1), g) }, "malformed"},
		{"one twice", nil, func(c *court, g *Grant) *Ask { return c.question(1).under(g, g) }, "malformed"},
		{"two of one department", nil, func(c *court, g *Grant) *Ask { return c.question(1).under(g, c.granted("a", 1)) }, "malformed"},
		{"of a department that is not asked", nil, func(c *court, g *Grant) *Ask { return c.question(1).under(c.granted("c", 1)) }, "malformed"},
		{"more than departments", nil, func(c *court, g *Grant) *Ask { return c.question(1).under(g, g, g) }, "malformed"},
		{"of nothing", nil, func(c *court, g *Grant) *Ask { return c.question(1).under(c.granting("a", 77)) }, "unknown-grant"},
		{"of another person", nil, func(c *court, _ *Grant) *Ask {
			g := c.granting("a", 1)
			g.Grant.Person[0] ^= 1
			c.must(stewardOf("a"), g)
			return c.question(1).under(g)
		}, "not-owner"},
		{"for another table", nil, func(c *court, _ *Grant) *Ask {
			g := c.granting("a", 1)
			g.Grant.Table = "lung"
			c.must(stewardOf("a"), g)
			return c.question(1).under(g)
		}, "not-owner"},
		{"taken back", func(c *court, g *Grant) { c.must(stewardOf("a"), c.rescinding(g)) }, func(c *court, g *Grant) *Ask { return c.question(1).under(g) }, "ended"},
		{"over", nil, func(c *court, _ *Grant) *Ask {
			g := c.granting("a", 1)
			g.Grant.Terms.Until = c.now() + 1
			c.must(stewardOf("a"), g)
			return c.question(1).under(g)
		}, "too-late"},
		{"in its last second", nil, func(c *court, _ *Grant) *Ask {
			g := c.granting("a", 1)
			g.Grant.Terms.Until = c.now() + 2
			until = g.Grant.Terms.Until
			c.must(stewardOf("a"), g)
			return c.question(1).under(g)
		}, ""},
		{"used up", func(c *court, g *Grant) {
			c.asked(c.question(7).under(g))
			c.asked(c.question(8).under(g))
		}, func(c *court, g *Grant) *Ask { return c.question(1).under(g) }, "used-up"},
		{"of a department that left", func(c *court, g *Grant) {
			c.vote(4, Change{Version: 1, Action: ActionRotate, Role: RoleDepartment, Key: KeyOf(c.keys[0]), NewKey: KeyOf(courtKey("a2"))})
			c.keys[0] = courtKey("a2")
			c.must(c.keys[0], &Join{Name: "a"})
			c.must(c.keys[0], &Register{Registration: courtTable("a", 1)})
			c.steward(c.keys[0], "a")
			c.must(c.keys[0], vouching(c.analyst, PersonAnalyst))
			c.form()
		}, func(c *court, g *Grant) *Ask { return c.question(1).under(g) }, "unknown-grant"},
		{"no purpose", nil, func(c *court, g *Grant) *Ask { a := c.question(1); a.Purpose = ""; return a }, "malformed"},
		{"a purpose of two lines", nil, func(c *court, g *Grant) *Ask { a := c.question(1); a.Purpose = "a\nb"; return a }, "malformed"},
		{"too long a basis", nil, func(c *court, g *Grant) *Ask {
			a := c.question(1)
			a.Basis = strings.Repeat("b", policy.MaxTextBytes+1)
			return a
		}, "malformed"},
		{"without a policy", func(c *court, _ *Grant) {
			p := c.version("b", 2)
			p.Document.Rules = nil
			c.must(stewardOf("b"), p)
		}, func(c *court, g *Grant) *Ask { return c.question(1) }, CodePolicy},
		{"of a table without one", func(c *court, _ *Grant) {
			for i, k := range c.keys {
				c.must(k, &Register{Registration: namedTable(string(rune('a'+i)), "lung", 1)})
			}
		}, func(c *court, g *Grant) *Ask {
			a := c.question(1)
			a.Registrations = []engine.Digest{RegistrationDigest(namedTable("a", "lung", 1)), RegistrationDigest(namedTable("b", "lung", 1))}
			return a
		}, CodePolicy},
	} {
		t.Run(f.what, func(t *testing.T) {
			c := peopledCourt(t)
			g := c.granted("a", 2)
			if f.setup != nil {
				f.setup(c, g)
			}
			a := f.ask(c, g)
			used := c.state.Grants()
			if f.code == "" {
				c.asked(a)
				if now := c.state.Grants(); len(now) > 0 && until > 0 && c.now() <= until && now[0].Used+now[len(now)-1].Used == 0 {
					t.Error("no use is taken")
				}
			} else {
				c.code(c.analyst, a, f.code)
				for i, g := range c.state.Grants() {
					if g.Used != used[i].Used {
						t.Error("a use is taken")
					}
				}
			}
			c.reparsed()
		})
	}
}
