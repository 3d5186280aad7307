package protocols_test

import (
	"crypto/ed25519"
	"slices"

	"parley/engine"
	"parley/engine/policy"
	"parley/engine/policy/open"
	"parley/protocols"
)

// ruling: the analyst requests, city2's steward grants, declines, grants and takes back, and puts another
// policy in force; then the analyst asks.
var ruling = &scene{play: rule, want: answered}

var rulingKinds = []protocols.EntryKind{protocols.KindPublish, protocols.KindGrant, protocols.KindDecline, protocols.KindRescind}

// voice is the key with which a party says entries of a kind: a department's steward decides.
func (w *world) voice(p *party, kind protocols.EntryKind) ed25519.PrivateKey {
	if slices.Contains(rulingKinds, kind) && p.role == protocols.RoleDepartment {
		return w.steward(p.name)
	}
	return p.key
}

// under is the number of the present vouch for a department's steward.
func (w *world) under(department string) uint64 {
	return w.ledger.state.Person(protocols.KeyOf(w.steward(department))).Number
}

// contract is what a department may grant the analyst: so many questions of any kind.
func (w *world) contract(department string, uses int64) policy.Grant {
	all := []string{policy.Any}
	return policy.Grant{Department: department, Table: "heart", Person: policy.Key(w.analyst().id), Terms: policy.Terms{Filter: all, Group: all,
		Aggregate: all, Functions: all, Purposes: []string{purpose}, Uses: uses, Until: 1_700_000_000 + 365*86400}}
}

// wish is what the analyst requests: other texts are other requests.
func wish(text string, departments ...string) *protocols.Request {
	all := []string{policy.Any}
	return &protocols.Request{Request: policy.Request{Departments: departments, Table: "heart", Question: text, Terms: policy.Terms{Filter: all, Group: all,
		Aggregate: all, Functions: all, Purposes: []string{purpose}, Uses: 1, Until: 1_700_000_000 + 365*86400}}}
}

func rule(w *world) {
	p, a := w.party("city2"), w.analyst()
	first := policy.Key(a.id)
	say := func(by *party, body protocols.Body) {
		by.enqueue(protocols.Sign(w.network.ID(), w.voice(by, body.Kind()), body))
		w.run()
	}
	w.run()
	under := w.under("city2")
	say(a, wish("SELECT 1", "city2", "city3"))
	say(a, wish("SELECT 2", "city2"))
	wished := wish("SELECT 1", "city2", "city3").Request
	answer := w.contract("city2", 3)
	answer.Request = wished.ID(first)
	say(p, &protocols.Grant{Grant: answer, Under: under})
	wished = wish("SELECT 2", "city2").Request
	say(p, &protocols.Decline{Request: wished.ID(first), Reason: "too many", Under: under})
	other := w.contract("city2", 1)
	say(p, &protocols.Grant{Grant: other, Under: under})
	say(p, &protocols.Rescind{Grant: other.ID(), Reason: "misused", Under: under})
	second := open.Policy("city2", "heart")
	second.Version = 2
	say(p, &protocols.Publish{Document: second, Under: under})
	ask(w)
}

// rulingLies are what a steward, and an analyst who requests, may say otherwise.
func rulingLies() []sortie {
	id := func(w *world, text string, departments ...string) engine.Digest {
		r := wish(text, departments...).Request
		return r.ID(policy.Key(w.analyst().id))
	}
	also := func(kind protocols.EntryKind, deviation, how string, other func(w *world) protocols.Body) sortie {
		c := sortie{message: kind.String(), deviation: deviation, how: how, scene: asking, by: "city2", want: anyway}
		c.prepare = besides(protocols.KindAdmit, "city2", func(w *world, by *party, _ protocols.Entry) protocols.Entry {
			return protocols.Sign(w.network.ID(), w.voice(by, kind), other(w))
		})
		return c
	}
	lie := func(kind protocols.EntryKind, deviation, how string, change func(w *world, b protocols.Body) []protocols.Body) sortie {
		return lies(kind, deviation, how, ruling, anyway, "", func(w *world, _ *party, b protocols.Body) []protocols.Body { return change(w, b) })
	}
	publication := func(w *world, department string, version uint64, rules bool) *protocols.Publish {
		d := open.Policy(department, "heart")
		if d.Version = version; !rules {
			d.Rules = nil
		}
		return &protocols.Publish{Document: d, Under: w.under("city2")}
	}
	return []sortie{
		lie(protocols.KindPublish, "equivocated", "two policies as version 2", func(w *world, b protocols.Body) []protocols.Body {
			return []protocols.Body{b, publication(w, "city2", 2, false)}
		}),
		also(protocols.KindPublish, "stale", "version 1 again, which answers nobody", func(w *world) protocols.Body {
			return publication(w, "city2", 1, false)
		}),
		also(protocols.KindPublish, "stale", "version 3 before version 2", func(w *world) protocols.Body { return publication(w, "city2", 3, false) }),
		also(protocols.KindPublish, "forged", "for city1's table", func(w *world) protocols.Body { return publication(w, "city1", 2, false) }),
		also(protocols.KindPublish, "forged", "under another's vouch", func(w *world) protocols.Body {
			b := publication(w, "city2", 2, false)
			b.Under = w.under("city1")
			return b
		}),
		lie(protocols.KindRequest, "equivocated", "two at once", func(_ *world, b protocols.Body) []protocols.Body {
			other := *b.(*protocols.Request)
			other.Request.Question += " "
			return []protocols.Body{b, &other}
		}),
		lie(protocols.KindRequest, "stale", "of what is over", func(_ *world, b protocols.Body) []protocols.Body {
			other := *b.(*protocols.Request)
			other.Request.Terms.Until = 1_699_999_999
			return []protocols.Body{&other, b}
		}),
		lie(protocols.KindGrant, "equivocated", "two answers to one request", func(_ *world, b protocols.Body) []protocols.Body {
			other := *b.(*protocols.Grant)
			other.Grant.Terms.Uses = 900
			return []protocols.Body{b, &other}
		}),
		lie(protocols.KindGrant, "stale", "under an older vouch", func(_ *world, b protocols.Body) []protocols.Body {
			other := *b.(*protocols.Grant)
			other.Under--
			return []protocols.Body{&other, b}
		}),
		also(protocols.KindGrant, "forged", "for city1's rows", func(w *world) protocols.Body {
			return &protocols.Grant{Grant: w.contract("city1", 9), Under: w.under("city2")}
		}),
		also(protocols.KindGrant, "forged", "to the steward itself", func(w *world) protocols.Body {
			g := w.contract("city2", 9)
			g.Person = policy.Key(protocols.KeyOf(w.steward("city2")))
			return &protocols.Grant{Grant: g, Under: w.under("city2")}
		}),
		lie(protocols.KindDecline, "equivocated", "for two reasons", func(_ *world, b protocols.Body) []protocols.Body {
			other := *b.(*protocols.Decline)
			other.Reason = "another"
			return []protocols.Body{b, &other}
		}),
		lie(protocols.KindDecline, "stale", "of what was granted", func(w *world, b protocols.Body) []protocols.Body {
			other := *b.(*protocols.Decline)
			other.Request = id(w, "SELECT 1", "city2", "city3")
			return []protocols.Body{&other, b}
		}),
		lie(protocols.KindRescind, "equivocated", "for two reasons", func(_ *world, b protocols.Body) []protocols.Body {
			other := *b.(*protocols.Rescind)
			other.Reason = "another"
			return []protocols.Body{b, &other}
		}),
		lie(protocols.KindRescind, "stale", "under an older vouch", func(_ *world, b protocols.Body) []protocols.Body {
			other := *b.(*protocols.Rescind)
			other.Under--
			return []protocols.Body{&other, b}
		}),
	}
}
