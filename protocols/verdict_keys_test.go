package protocols_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/cryptotest"

	"parley/protocols"
	"parley/protocols/mhe/tiny"
)

// change has these validators vote, and returns the block of the change.
func (w *world) change(c protocols.Change, voters ...*party) uint64 {
	w.t.Helper()
	c.Version = w.ledger.state.Membership().Version
	for _, p := range voters {
		if w.ledger.state.Membership().Version == c.Version {
			_ = w.ledger.order(protocols.Sign(w.network.ID(), p.key, &protocols.Vote{Change: c}))
		}
	}
	if w.ledger.state.Membership().Version == c.Version {
		w.t.Fatalf("the votes do not make the change: %+v", c)
	}
	return w.ledger.state.Membership().Block
}

// succeed has another key go on under a party's name.
func (w *world) succeed(old *party, tag string) *party {
	p := w.addParty(tag, old.role)
	p.name, p.rows = old.name, old.rows
	old.up, old.role = false, "removed"
	p.start()
	return p
}

func (w *world) others(p *party) []*party {
	return slices.DeleteFunc(w.validators(), func(o *party) bool { return o == p })
}

// putIn puts another key in a department's place.
func (w *world) putIn(action protocols.Action, old *party, tag string) uint64 {
	voters := w.others(old)
	if action == protocols.ActionRotate {
		voters = append([]*party{old}, voters...)
	}
	role := old.role
	p := w.succeed(old, tag)
	return w.change(protocols.Change{Action: action, Role: role, Key: old.id, NewKey: p.id}, voters...)
}

// removeAndAdd does the same in two votes, under a name.
func (w *world) removeAndAdd(old *party, tag, name string) uint64 {
	voters, role := w.others(old), old.role
	p := w.succeed(old, tag)
	w.change(protocols.Change{Action: protocols.ActionRemove, Role: role, Key: old.id}, voters...)
	return w.change(protocols.Change{Action: protocols.ActionAdd, Role: role, Name: name, Key: p.id}, voters...)
}

func (w *world) addOne(role protocols.Role, name string) (*party, uint64) {
	voters := w.validators()
	p := w.addParty(name, role)
	if role == protocols.RoleDepartment {
		p.rows = randomRows(w.rng, 6)
	}
	p.start()
	return p, w.change(protocols.Change{Action: protocols.ActionAdd, Role: role, Name: name, Key: p.id}, voters...)
}

type takeover struct {
	name string
	who  string // that the verdict names; empty: nobody
	how  protocols.Standing
	does func(w *world) uint64 // returns the block to be named
}

func takeovers() []takeover {
	second := func(w *world) *party { return w.departments()[1] }
	return []takeover{
		{"nothing", "", "", func(*world) uint64 { return 0 }},
		{"seized by all others", "city2", protocols.Seized, func(w *world) uint64 {
			return w.putIn(protocols.ActionSeize, second(w), "thief")
		}},
		{"handed over", "city2", protocols.Rotated, func(w *world) uint64 {
			return w.putIn(protocols.ActionRotate, second(w), "heir")
		}},
		{"removed, and added under the same name", "city2", protocols.Replaced, func(w *world) uint64 {
			return w.removeAndAdd(second(w), "double", "city2")
		}},
		{"handed over twice", "city2", protocols.Rotated, func(w *world) uint64 {
			at := w.putIn(protocols.ActionRotate, second(w), "heir")
			w.run()
			w.putIn(protocols.ActionRotate, w.byName("city2"), "heir2")
			return at
		}},
		{"seized, then handed over", "city2", protocols.Seized, func(w *world) uint64 {
			at := w.putIn(protocols.ActionSeize, second(w), "thief")
			w.run()
			w.putIn(protocols.ActionRotate, w.byName("city2"), "heir")
			return at
		}},
		{"the first department seized", "city1", protocols.Seized, func(w *world) uint64 {
			return w.putIn(protocols.ActionSeize, w.departments()[0], "thief")
		}},
		{"a department added", "city4", protocols.Added, func(w *world) uint64 {
			_, at := w.addOne(protocols.RoleDepartment, "city4")
			return at
		}},
		{"an auditor added", "second", protocols.Added, func(w *world) uint64 {
			_, at := w.addOne(protocols.RoleAuditor, "second")
			return at
		}},
		{"the auditor seized", "auditor", protocols.Seized, func(w *world) uint64 {
			return w.putIn(protocols.ActionSeize, w.auditor(), "thief")
		}},
		{"the auditor removed, and added under its name", "auditor", protocols.Replaced, func(w *world) uint64 {
			return w.removeAndAdd(w.auditor(), "double", "auditor")
		}},
		{"an auditor added and removed again", "", "", func(w *world) uint64 {
			p, _ := w.addOne(protocols.RoleAuditor, "second")
			w.run()
			w.change(protocols.Change{Action: protocols.ActionRemove, Role: protocols.RoleAuditor, Key: p.id}, w.others(p)...)
			p.up, p.role = false, "removed"
			return 0
		}},
	}
}

func (w *world) byName(name string) *party {
	for _, p := range w.validators() {
		if p.name == name {
			return p
		}
	}
	w.t.Fatal("nobody is called " + name)
	return nil
}

// TestVerdictsAreAboutKeys: more than two thirds of the validators put another key under a pinned
// name. Everything about the certificate is right, and it is not verified, but for whoever pinned
// the later membership.
func TestVerdictsAreAboutKeys(t *testing.T) {
	if testing.Short() {
		t.Skip("whole networks, many times over")
	}
	for _, tc := range takeovers() {
		t.Run(tc.name, func(t *testing.T) {
			cryptotest.SetGlobalRandom(t, 71)
			w := newWorld(t, 71, 3)
			w.run() // all join
			founding := pinned(w)
			if founding.Later != nil {
				t.Fatal("a founding description with a later membership")
			}
			block := tc.does(w)
			w.run()
			w.askFor(bySex)
			w.run()
			c := w.checkAnswer(bySex).Certificate
			under := func(pin *protocols.Network) protocols.Verdict {
				v, err := (&protocols.Verifier{Receipts: checkReceipt, Parameters: tiny.Named, Pinned: pin}).Verify(c.Marshal())
				if err != nil {
					t.Fatal(err)
				}
				return v
			}
			v := under(founding)
			if tc.who == "" {
				if !v.Verified || !v.Pinned || v.OtherKeys {
					t.Errorf("%+v", v)
				}
				return
			}
			where := fmt.Sprintf("%s (%s in block %d)", tc.who, tc.how, block)
			if v.Verified || v.Pinned || !v.OtherKeys || !v.SelfConsistent || v.Reason != protocols.ReasonOtherKeys+": "+where {
				t.Errorf("verified %t, pinned %t, %q, want %q", v.Verified, v.Pinned, v.Reason, where)
			}
			for _, seat := range v.Seats {
				if how, at := seat.Standing(); (seat.Name == tc.who) == seat.Pinned || seat.Name == tc.who && (how != tc.how || at != block) {
					t.Errorf("%+v", seat)
				}
			}
			// Whoever pins the membership that made it, verifies it; who pins any other, does not.
			later := pinned(w)
			if v := under(later); !v.Verified || !v.Pinned || v.OtherKeys {
				t.Errorf("under the later membership: %+v", v)
			}
			for name, pin := range otherPins(w, founding, later, tc.who) {
				if v := under(pin); v.Verified || v.Pinned || !v.OtherKeys {
					t.Errorf("under %s: %+v", name, v.Reason)
				}
			}
			if v := under(nil); v.Verified || v.Pinned || v.OtherKeys || v.Reason != protocols.ReasonUnknownSigners {
				t.Errorf("%+v", v)
			}
			w.stripped(c, under, founding)
		})
	}
}

// otherPins are later memberships that are not the one of the answer.
func otherPins(w *world, founding, later *protocols.Network, who string) map[string]*protocols.Network {
	with := func(change func(l *protocols.Membership)) *protocols.Network {
		out, l := *later, *later.Later
		l.Departments, l.Auditors = slices.Clone(l.Departments), slices.Clone(l.Auditors)
		change(&l)
		out.Later = &l
		return &out
	}
	pins := map[string]*protocols.Network{
		"swapped keys": with(func(l *protocols.Membership) {
			l.Departments[0].Key, l.Departments[1].Key = l.Departments[1].Key, l.Departments[0].Key
		}),
		"another key": with(func(l *protocols.Membership) { l.Departments[0].Key[0] ^= 1 }),
		"another auditor": with(func(l *protocols.Membership) {
			l.Auditors = []protocols.Member{{Key: protocols.Key{1}}}
		}),
		"the founders, as of later": with(func(l *protocols.Membership) {
			l.Departments, l.Auditors = founding.Departments, founding.Auditors
		}),
		"one department fewer": with(func(l *protocols.Membership) { l.Departments = l.Departments[:2] }),
	}
	for block := range later.Later.Block {
		if before, err := w.ledger.state.Described(block); err == nil && before.Later != nil {
			pins[fmt.Sprint("the membership before, of block ", before.Later.Block)] = before
		}
	}
	return pins
}

// stripped leaves the votes out of a certificate, or names the new key as a founder's: that is
// not consistent any more.
func (w *world) stripped(c *protocols.Certificate, under func(*protocols.Network) protocols.Verdict, founding *protocols.Network) {
	forged := *c
	forged.Records = slices.DeleteFunc(slices.Clone(c.Records), func(r protocols.Record) bool { return r.Entry.Kind == protocols.KindVote })
	founded := *c
	founded.Network.Departments = slices.Clone(c.Network.Departments)
	present, _ := w.ledger.state.Seats()
	for _, seat := range present {
		for i, d := range founded.Network.Departments {
			if d.Name == seat.Name {
				founded.Network.Departments[i].Key = seat.Key
			}
		}
	}
	forgeries := []*protocols.Certificate{&forged}
	if !slices.Equal(founded.Network.Departments, c.Network.Departments) {
		forgeries = append(forgeries, &founded)
	}
	for i, f := range forgeries {
		v, err := (&protocols.Verifier{Receipts: checkReceipt, Parameters: tiny.Named, Pinned: founding}).Verify(f.Marshal())
		if err != nil || v.Verified || v.SelfConsistent || v.OtherKeys {
			w.t.Errorf("forgery %d: %+v %v", i, v, err)
		}
	}
}

// TestEarlierCertificate: what the first key signed is not by the key that is pinned later.
func TestEarlierCertificate(t *testing.T) {
	cryptotest.SetGlobalRandom(t, 72)
	w, c := certified(t, 72, bySex)
	founding := pinned(w)
	w.putIn(protocols.ActionRotate, w.departments()[1], "heir")
	w.run()
	for name, tc := range map[string]struct {
		pin      *protocols.Network
		verified bool
	}{"founding": {founding, true}, "later": {pinned(w), false}} {
		v, err := (&protocols.Verifier{Receipts: checkReceipt, Parameters: tiny.Named, Pinned: tc.pin}).Verify(c.Marshal())
		if err != nil || v.Verified != tc.verified || v.OtherKeys == tc.verified || !tc.verified && !strings.HasSuffix(v.Reason, ": city2") {
			t.Errorf("%s: %+v %v", name, v, err)
		}
	}
	// A pin whose founders have other names is another pin, not a later one.
	other := *founding
	other.Departments = slices.Clone(founding.Departments)
	other.Departments[0].Key, other.Departments[1].Key = other.Departments[1].Key, other.Departments[0].Key
	v, err := (&protocols.Verifier{Receipts: checkReceipt, Parameters: tiny.Named, Pinned: &other}).Verify(c.Marshal())
	if err != nil || v.Verified || v.Pinned || v.OtherKeys || !strings.Contains(v.Reason, `"city2" joined as "city1"`) {
		t.Errorf("%+v %v", v, err)
	}
}
