package protocols

import (
	"bytes"
	"crypto/ed25519"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"parley/engine"
)

// TestHandover: a rotation is the old key's own word, in this network, at this membership, for
// this new key; without it the votes of all others make nothing but what is called a seizure.
func TestHandover(t *testing.T) {
	fresh := KeyOf(courtKey("fresh"))
	setup := func() (*court, ed25519.PrivateKey, Change) {
		c := seatedCourt(t)
		change := Change{Version: 1, Action: ActionRotate, Role: RoleDepartment, Key: KeyOf(c.keys[1]), NewKey: fresh}
		for _, k := range []ed25519.PrivateKey{c.keys[0], c.keys[2], c.auditor} {
			c.must(k, &Vote{Change: change})
		}
		if c.state.Membership().Version != 1 {
			t.Fatal("three of four votes without the old key's make a rotation")
		}
		return c, c.keys[1], change
	}
	for name, tc := range map[string]struct {
		word func(c *court, old ed25519.PrivateKey, change Change) Entry
		code string // of the refusal; empty: it is taken
	}{
		"signed by another": {func(c *court, _ ed25519.PrivateKey, change Change) Entry {
			e := Sign(c.id, c.keys[0], &Vote{Change: change})
			e.Author = change.Key
			return e
		}, "bad-signature"},
		"another's signature under it": {func(c *court, old ed25519.PrivateKey, change Change) Entry {
			e := Sign(c.id, old, &Vote{Change: change})
			e.Signature = Sign(c.id, c.keys[0], &Vote{Change: change}).Signature
			return e
		}, "bad-signature"},
		"by the new key": {func(c *court, _ ed25519.PrivateKey, change Change) Entry {
			return Sign(c.id, courtKey("fresh"), &Vote{Change: change})
		}, "stranger"},
		"in another network": {func(c *court, old ed25519.PrivateKey, change Change) Entry {
			return Sign(digestOf("another"), old, &Vote{Change: change})
		}, "bad-signature"},
		"in the network's first life": {func(c *court, old ed25519.PrivateKey, change Change) Entry {
			first := *c.network
			first.Nonce = digestOf("first life")
			return Sign(first.ID(), old, &Vote{Change: change})
		}, "bad-signature"},
		"of another membership": {func(c *court, old ed25519.PrivateKey, change Change) Entry {
			change.Version = 2
			return Sign(c.id, old, &Vote{Change: change})
		}, "stale-membership"},
		"for another new key": {func(c *court, old ed25519.PrivateKey, change Change) Entry {
			change.NewKey = KeyOf(courtKey("else"))
			return Sign(c.id, old, &Vote{Change: change})
		}, ""},
		"for another member": {func(c *court, old ed25519.PrivateKey, change Change) Entry {
			change.Key = KeyOf(c.keys[2])
			return Sign(c.id, old, &Vote{Change: change})
		}, ""},
		"for another role": {func(c *court, old ed25519.PrivateKey, change Change) Entry {
			change.Role = RoleAuditor
			return Sign(c.id, old, &Vote{Change: change})
		}, "unknown-member"},
		"to be removed": {func(c *court, old ed25519.PrivateKey, change Change) Entry {
			change.Action, change.NewKey = ActionRemove, Key{}
			return Sign(c.id, old, &Vote{Change: change})
		}, ""},
		"to be seized": {func(c *court, old ed25519.PrivateKey, change Change) Entry {
			change.Action = ActionSeize
			return Sign(c.id, old, &Vote{Change: change})
		}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			c, old, change := setup()
			err := c.order(tc.word(c, old, change))
			if r, _ := err.(*Refusal); (r == nil) != (tc.code == "") || r != nil && r.Code != tc.code {
				t.Errorf("%v, want %q", err, tc.code)
			}
			if c.state.Membership().Version != 1 || c.state.IsValidator(fresh) {
				t.Fatal("it makes the rotation")
			}
			c.must(old, &Vote{Change: change})
			if how, _ := c.seatOf(fresh).Standing(); how != Rotated {
				t.Errorf("the old key's word makes a seat that is %s", how)
			}
		})
	}
}

func (c *court) seatOf(k Key) *Seat {
	present, gone := c.state.Seats()
	for _, s := range append(present, gone...) {
		if s.Key == k {
			return &s
		}
	}
	return &Seat{}
}

// change has all validators that are in keys vote.
func (c *court) change(change Change, voters ...ed25519.PrivateKey) (block uint64) {
	c.t.Helper()
	change.Version = c.state.Membership().Version
	for _, k := range voters {
		if c.state.Membership().Version == change.Version {
			c.must(k, &Vote{Change: change})
		}
	}
	if c.state.Membership().Version == change.Version {
		c.t.Fatal("the votes do not make the change")
	}
	return c.heard[len(c.heard)-1].at.Block
}

// TestSeats: how each member came to its seat, whatever came after.
func TestSeats(t *testing.T) {
	c := seatedCourt(t)
	key := func(name string) Key { return KeyOf(courtKey(name)) }
	a, b, d := c.keys[0], c.keys[1], c.keys[2]
	department := func(action Action, old, fresh Key) Change {
		return Change{Action: action, Role: RoleDepartment, Key: old, NewKey: fresh}
	}
	blocks := []uint64{
		c.change(department(ActionRotate, KeyOf(b), key("b2")), a, b, d),               // 0
		c.change(department(ActionSeize, key("b2"), key("b3")), a, d, c.auditor),       // 1
		c.change(department(ActionRotate, key("b3"), key("b4")), a, courtKey("b3"), d), // 2: by whoever seized it
		c.change(department(ActionRemove, KeyOf(d), Key{}), a, d, c.auditor),           // 3
		c.change(Change{Action: ActionAdd, Role: RoleDepartment, Name: "c", Key: key("c2")}, a, courtKey("b4"), c.auditor),
		c.change(Change{Action: ActionAdd, Role: RoleAuditor, Key: key("second")}, a, courtKey("b4"), c.auditor),
		c.change(Change{Action: ActionSeize, Role: RoleAuditor, Key: KeyOf(c.auditor), NewKey: key("third")}, a, courtKey("b4"), courtKey("c2"), courtKey("second")),
		c.change(Change{Action: ActionAdd, Role: RoleDepartment, Name: "new", Key: key("new")}, a, courtKey("b4"), courtKey("c2"), courtKey("second")),
		c.change(department(ActionRotate, key("c2"), key("c3")), a, courtKey("b4"), courtKey("c2"), courtKey("new"), courtKey("second")),
	}
	want := map[Key]struct {
		name  string
		how   Standing
		block uint64
		steps int
		left  uint64
	}{
		KeyOf(a):      {"a", Founder, 0, 0, 0},
		key("b4"):     {"b", Seized, blocks[1], 3, 0}, // handed on by whoever seized it
		KeyOf(d):      {"c", Founder, 0, 0, blocks[3]},
		key("c3"):     {"c", Replaced, blocks[4], 2, 0},
		key("second"): {"", Added, blocks[5], 1, 0},
		key("third"):  {"", Seized, blocks[6], 1, 0},
		key("new"):    {"new", Added, blocks[7], 1, 0},
	}
	present, gone := c.state.Seats()
	if len(present) != 6 || len(gone) != 1 {
		t.Fatal(present, gone)
	}
	if p, g := c.state.SeatsAt(math.MaxUint64); fmt.Sprint(p, g) != fmt.Sprint(present, gone) {
		t.Error("a replay gives other seats")
	}
	if p, g := c.reparsed().Seats(); fmt.Sprint(p, g) != fmt.Sprint(present, gone) {
		t.Error("a snapshot has other seats")
	}
	for _, s := range append(present, gone...) {
		how, block := s.Standing()
		if w := want[s.Key]; s.Name != w.name || how != w.how || block != w.block || len(s.Steps) != w.steps || s.Left != w.left {
			t.Errorf("%+v, want %+v", s, w)
		}
	}
	if steps := c.seatOf(key("c3")).Steps; steps[0].Before != KeyOf(d) || steps[1].Before != key("c2") {
		t.Errorf("%+v", steps)
	}
	// What a snapshot knows, and what was at each block.
	for block := range uint64(len(c.heard)) + 2 {
		p, g := c.state.SeatsAt(block)
		if q, h := c.reparsed().SeatsAt(block); fmt.Sprint(p, g) != fmt.Sprint(q, h) {
			t.Fatal("a snapshot has other seats")
		}
		departments := 3
		if block >= blocks[3] && block < blocks[4] {
			departments--
		}
		if block >= blocks[7] {
			departments++
		}
		n := 0
		for _, s := range p {
			if s.Role == RoleDepartment {
				n++
			}
		}
		if n != departments {
			t.Errorf("block %d: %v", block, p)
		}
	}
	for name, change := range map[string]Change{
		"back to the first key":  department(ActionRotate, key("b4"), KeyOf(b)),
		"back to the second key": department(ActionSeize, key("b4"), key("b2")),
		"who was removed":        department(ActionSeize, key("b4"), KeyOf(d)),
	} {
		change.Version = c.state.Membership().Version
		if r := c.code(a, &Vote{Change: change}, "retired"); r == nil {
			t.Error(name)
		}
	}
}

// TestDescribed: one description for all blocks between two changes, in one form, and what it
// names is what it pins.
func TestDescribed(t *testing.T) {
	c := seatedCourt(t)
	founding, err := c.state.Described(math.MaxUint64)
	if err != nil || founding.Later != nil {
		t.Fatal(founding, err)
	}
	b2, second := KeyOf(courtKey("b2")), KeyOf(courtKey("second"))
	one := c.change(Change{Action: ActionRotate, Role: RoleDepartment, Key: KeyOf(c.keys[1]), NewKey: b2}, c.keys...)
	c.must(c.keys[0], &Register{Registration: courtTable("a", 2)})
	c.keys[1] = courtKey("b2")
	two := c.change(Change{Action: ActionAdd, Role: RoleAuditor, Key: second}, c.keys...)
	c.must(courtKey("second"), &Join{Name: "second"})
	texts := map[string][]uint64{}
	for block := range two + 3 {
		n, err := c.state.Described(block)
		if err != nil {
			t.Fatal(err)
		}
		if again, err := ParseNetwork(n.JSON()); err != nil || !bytes.Equal(again.JSON(), n.JSON()) || n.ID() != c.id {
			t.Fatalf("block %d: %v", block, err)
		}
		if _, err := ParseGenesis(n.JSON()); (err == nil) != (n.Later == nil) {
			t.Error("a genesis with a later membership is taken")
		}
		texts[string(n.JSON())] = append(texts[string(n.JSON())], block)
		for m, want := range map[Member]bool{
			{Name: "b", Key: KeyOf(courtKey("b"))}: block < one,
			{Name: "b", Key: b2}:                   block >= one,
			{Name: "a", Key: b2}:                   false,
			{Name: "", Key: b2}:                    false,
			{Name: "a", Key: KeyOf(c.keys[0])}:     true,
		} {
			if n.pins(RoleDepartment, m) != want || n.pins(RoleAuditor, m) {
				t.Errorf("block %d pins %v: %t", block, m, !want)
			}
		}
		if n.pins(RoleAuditor, Member{Name: "any", Key: second}) != (block >= two) {
			t.Errorf("block %d: the second auditor", block)
		}
	}
	if len(texts) != 3 || string(founding.JSON()) != string(mustDescribe(t, c.state, 0).JSON()) {
		t.Error(texts)
	}
	later := mustDescribe(t, c.state, two)
	good := string(later.JSON())
	for name, change := range map[string]func(string) string{
		"version 1": func(s string) string {
			return strings.Replace(s, `"version": 3,`+"\n    \"block\"", `"version": 1,`+"\n    \"block\"", 1)
		},
		"block 0":       func(s string) string { return strings.Replace(s, fmt.Sprintf(`"block": %d`, two), `"block": 0`, 1) },
		"no block":      func(s string) string { return strings.Replace(s, fmt.Sprintf(`"block": %d,`, two), ``, 1) },
		"unknown field": func(s string) string { return strings.Replace(s, `"block"`, `"x": 1, "block"`, 1) },
		"repeated membership": func(s string) string {
			return strings.Replace(s, `"membership"`, `"membership": null, "membership"`, 1)
		},
		"other case": func(s string) string { return strings.Replace(s, `"membership"`, `"Membership"`, 1) },
		"null":       func(s string) string { return s[:strings.Index(s, `"membership"`)] + `"membership": null}` },
		"key twice":  func(s string) string { return strings.Replace(s, second.String(), b2.String(), 1) },
		"name twice": func(s string) string {
			i := strings.Index(s, `"membership"`)
			return s[:i] + strings.Replace(s[i:], `"name": "b"`, `"name": "a"`, 1)
		},
		"without a name": func(s string) string {
			i := strings.Index(s, `"membership"`)
			return s[:i] + strings.Replace(s[i:], `"name": "a"`, `"name": ""`, 1)
		},
		"upper-case key": func(s string) string { return strings.Replace(s, b2.String(), strings.ToUpper(b2.String()), 1) },
	} {
		text := change(good)
		if text == good {
			t.Fatalf("%s changes nothing", name)
		}
		if _, err := ParseNetwork([]byte(text)); err == nil {
			t.Errorf("%s is taken", name)
		}
	}
	// Neither the id nor a certificate's encoding has the later membership.
	if later.ID() != c.id || !bytes.Equal(engine.Marshal(founding), engine.Marshal(later)) {
		t.Error("the later membership is encoded")
	}
	if s := NewState(later, c.sizes); s.network.Later != nil || s.Digest() != NewState(c.network, c.sizes).Digest() {
		t.Error("a state takes the later membership over")
	}
	// A department that anybody may name has no description before it joins.
	three := c.change(Change{Action: ActionAdd, Role: RoleDepartment, Key: Key{9}}, append(slices.Clone(c.keys), courtKey("second"))...)
	if _, err := c.state.Described(three); err == nil || !strings.Contains(err.Error(), "has not joined") {
		t.Error(err)
	}
}

func mustDescribe(t *testing.T, s *State, block uint64) *Network {
	t.Helper()
	n, err := s.Described(block)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// TestRoundsByOtherKeys: one round by a key that is not pinned is enough for the whole question
// not to be verified, and a round that is worse is not covered up by it.
func TestRoundsByOtherKeys(t *testing.T) {
	right := Verdict{Verified: true, SelfConsistent: true, Pinned: true, Anchored: true}
	seized := Verdict{SelfConsistent: true, Anchored: true, OtherKeys: true, Reason: ReasonOtherKeys + ": b (seized in block 4)"}
	bare := Verdict{SelfConsistent: true, Pinned: true, Reason: ReasonNotAnchored}
	foreign := Verdict{SelfConsistent: true, Anchored: true, Reason: "made in network 1, pinned is 2"}
	for name, tc := range map[string]struct {
		rounds           []Verdict
		verified, others bool
		reason           string
	}{
		"all right":               {[]Verdict{right, right}, true, false, ""},
		"all seized":              {[]Verdict{seized, seized}, false, true, seized.Reason},
		"seized before the last":  {[]Verdict{right, seized}, false, true, seized.Reason},
		"seized and handed back":  {[]Verdict{seized, right}, false, true, seized.Reason},
		"seized, and no receipt":  {[]Verdict{bare, seized}, false, false, "round 1: " + ReasonNotAnchored},
		"another network":         {[]Verdict{foreign, foreign}, false, false, foreign.Reason},
		"another network, seized": {[]Verdict{foreign, seized}, false, false, foreign.Reason},
	} {
		v := Verdict{Rounds: tc.rounds}
		v.judge()
		if v.Verified != tc.verified || v.OtherKeys != tc.others || v.Reason != tc.reason || v.Pinned && !tc.verified {
			t.Errorf("%s: %+v", name, v)
		}
	}
	seat := func(k byte, pinned bool) Seat { return Seat{Key: Key{k}, Pinned: pinned} }
	all := seatsOf([]Verdict{{Seats: []Seat{seat(1, true), seat(2, false)}}, {Seats: []Seat{seat(1, true), seat(3, true)}}})
	if i := slices.IndexFunc(all, func(s Seat) bool { return !s.Pinned }); len(all) != 3 || i < 0 || all[i].Key != (Key{2}) {
		t.Error("who had a part in an earlier round is left out: ", all)
	}
}
