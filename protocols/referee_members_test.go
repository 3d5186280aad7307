package protocols

import (
	"crypto/ed25519"
	"errors"
	"fmt"
	"slices"
	"testing"

	"parley/engine"
)

func adding(role Role, name string) Change {
	return Change{Version: 1, Action: ActionAdd, Role: role, Key: KeyOf(courtKey(name))}
}

// TestVoteThresholds: exactly two thirds are not enough, one vote more is.
func TestVoteThresholds(t *testing.T) {
	for n, needed := range map[int]int{1: 1, 2: 2, 3: 3, 4: 3, 5: 4, 6: 5, 7: 5, 9: 7} {
		c := &court{t: t, network: &Network{Version: Version, Name: "court", Nonce: digestOf("founding"), Parameters: "tiny", Development: true, VerifyingKeys: []byte{1}, ProvingKeys: []engine.Digest{{1}, {2}, {3}}}}
		for i := range n {
			k := courtKey(fmt.Sprint("member", i))
			c.keys = append(c.keys, k)
			c.network.Departments = append(c.network.Departments, Member{Key: KeyOf(k)})
		}
		c.network.Normalize()
		c.id, c.state = c.network.ID(), NewState(c.network, Sizes{})
		change := adding(RoleAuditor, "new")
		for i, k := range c.keys[:needed] {
			if c.state.Membership().Version != 1 {
				t.Errorf("%d of %d votes are enough", i, n)
			}
			c.must(k, &Vote{Change: change})
		}
		if m := c.state.Membership(); m.Version != 2 || len(m.Auditors) != 1 || m.Auditors[0].Key != change.Key {
			t.Errorf("%d of %d votes: %+v", needed, n, m)
		}
	}
}

func TestVotes(t *testing.T) {
	c := seatedCourt(t)
	a, b := c.keys[0], c.keys[1]
	second := adding(RoleAuditor, "second")
	third := adding(RoleDepartment, "third")
	c.code(c.analyst, &Vote{Change: second}, "stranger")
	c.must(a, &Vote{Change: second})
	c.code(a, &Vote{Change: second}, "duplicate")
	c.must(a, &Vote{Change: third})
	c.must(b, &Vote{Change: third})
	for name, change := range map[string]Change{
		"duplicate":        {Version: 1, Action: ActionAdd, Role: RoleAuditor, Key: KeyOf(a)},
		"stale-membership": {Version: 2, Action: ActionAdd, Role: RoleAuditor, Key: KeyOf(courtKey("x"))},
		"unknown-member":   {Version: 1, Action: ActionRemove, Role: RoleAuditor, Key: KeyOf(a)},
		"name-taken":       {Version: 1, Action: ActionAdd, Role: RoleAuditor, Name: "b", Key: KeyOf(courtKey("x"))},
	} {
		c.code(b, &Vote{Change: change}, name)
	}
	for i := range MaxVotes - 1 {
		c.must(b, &Vote{Change: adding(RoleAuditor, fmt.Sprint("many", i))})
	}
	c.code(b, &Vote{Change: adding(RoleAuditor, "one too many")}, "too-many")
}

// TestVoteWithdrawn: a validator takes its own vote back, until the change is in force, and votes
// again if it likes. Nobody else does either for it, not even with what it signed before.
func TestVoteWithdrawn(t *testing.T) {
	c := seatedCourt(t)
	a, b := c.keys[0], c.keys[1]
	change := adding(RoleAuditor, "new")
	back := &Vote{Change: change, Withdraw: true, Turn: 1}
	stand := func(want ...ed25519.PrivateKey) {
		t.Helper()
		var keys []Key
		for _, s := range []*State{c.state, c.reparsed()} {
			keys = nil
			for _, p := range s.Pending() {
				if p.Change != change || p.Need != 3 {
					t.Errorf("%+v", p)
				}
				for _, r := range p.Votes {
					keys = append(keys, r.Entry.Author)
				}
			}
			if !slices.EqualFunc(keys, want, func(k Key, w ed25519.PrivateKey) bool { return k == KeyOf(w) }) {
				t.Errorf("%d votes stand, want %d", len(keys), len(want))
			}
		}
	}
	c.code(a, back, "unknown-vote") // never cast
	c.must(a, &Vote{Change: change})
	c.code(b, back, "unknown-vote")
	c.code(c.analyst, back, "stranger")
	forged := Sign(c.id, b, back)
	forged.Author = KeyOf(a)
	var r *Refusal
	if err := c.order(forged); !errors.As(err, &r) || r.Code != "bad-signature" {
		t.Error("a vote is withdrawn in another's name:", err)
	}
	other := adding(RoleAuditor, "other")
	c.code(a, &Vote{Change: other, Withdraw: true, Turn: 1}, "unknown-vote")
	c.code(a, &Vote{Change: change, Withdraw: true}, "duplicate") // not later than the vote
	c.must(b, &Vote{Change: change})
	stand(a, b)
	c.must(a, back)
	stand(b)
	c.code(a, back, "duplicate")
	c.code(a, &Vote{Change: change}, "duplicate") // what it signed before
	c.code(a, &Vote{Change: change, Withdraw: true, Turn: 2}, "unknown-vote")
	c.must(c.keys[2], &Vote{Change: change})
	if c.state.Membership().Version != 1 {
		t.Fatal("a vote that was withdrawn counts")
	}
	again := c.state.NextVote(KeyOf(a), change, false)
	if again.Turn != 2 {
		t.Fatalf("%+v", again)
	}
	c.reparsed()
	c.code(a, back, "duplicate")
	c.must(a, again)
	if m := c.state.Membership(); m.Version != 2 || len(m.Auditors) != 2 || len(c.state.Pending()) != 0 {
		t.Fatalf("%+v", m)
	}
	c.reparsed()
	c.code(a, &Vote{Change: change, Withdraw: true, Turn: 3}, "stale-membership") // it is in force
	change.Version = 2
	c.code(a, &Vote{Change: change, Withdraw: true, Turn: 3}, "unknown-vote")
}

// TestWithdrawnVotesAreBounded: taking votes back gives no room for more of them.
func TestWithdrawnVotesAreBounded(t *testing.T) {
	c := seatedCourt(t)
	a := c.keys[0]
	for i := range MaxVotes {
		change := adding(RoleAuditor, fmt.Sprint("many", i))
		for turn := range uint64(5) {
			c.must(a, &Vote{Change: change, Withdraw: turn%2 == 1, Turn: turn})
		}
		c.must(a, &Vote{Change: change, Withdraw: true, Turn: 1 << 63})
	}
	c.code(a, &Vote{Change: adding(RoleAuditor, "one too many")}, "too-many")
	if n := len(c.state.members.pending); n != MaxVotes {
		t.Errorf("%d votes are kept", n)
	}
	c.reparsed()
	for _, k := range c.validators()[1:] {
		c.must(k, &Vote{Change: Change{Version: 1, Action: ActionRemove, Role: RoleAuditor, Key: KeyOf(c.auditor)}})
	}
	if len(c.state.members.pending) != 0 {
		t.Error("withdrawn votes outlive their membership")
	}
}

// TestVoteForATakenName: an open vote whose name a member has taken since is kept, in a snapshot
// too, and puts nothing in force.
func TestVoteForATakenName(t *testing.T) {
	c := newCourt(t)
	change := adding(RoleAuditor, "new")
	change.Name = "a"
	c.must(c.keys[1], &Vote{Change: change})
	c.must(c.keys[0], &Join{Name: "a"})
	c.reparsed()
	c.code(c.keys[2], &Vote{Change: change}, "name-taken")
	c.must(c.keys[1], &Vote{Change: change, Withdraw: true, Turn: 1})
	c.reparsed()
}

// TestVotesOfAnOldVersion: a vote counts for the membership that it was cast under.
func TestVotesOfAnOldVersion(t *testing.T) {
	c := seatedCourt(t)
	one, two := adding(RoleAuditor, "one"), adding(RoleAuditor, "two")
	c.must(c.keys[0], &Vote{Change: one})
	c.must(c.keys[1], &Vote{Change: one})
	c.vote(3, two)
	if len(c.state.Pending()) != 0 {
		t.Error("votes for another change are still open")
	}
	c.code(c.keys[2], &Vote{Change: one}, "stale-membership")
	one.Version = 2 // five validators now: four votes
	c.vote(4, one)
	if m := c.state.Membership(); m.Version != 3 || len(m.Auditors) != 3 {
		t.Errorf("%+v", m)
	}
}

// TestAddedDepartment: it joins under the name that it was voted in with, and is in the next
// epoch; until that is formed, the present one goes on.
func TestAddedDepartment(t *testing.T) {
	c := seatedCourt(t)
	old := c.form()
	d := courtKey("d")
	c.code(d, &Join{Name: "d"}, "stranger")
	change := adding(RoleDepartment, "d")
	change.Name = "d"
	q := c.ask(1)
	before := q.Transcript
	c.vote(4, change)
	if q.Transcript == before {
		t.Error("a vote that took effect is not in the open query's transcript")
	}
	if c.state.NeedsEpoch() {
		t.Error("an epoch is needed before the department has joined")
	}
	c.code(d, &Join{Name: "e"}, "wrong-name")
	c.code(c.auditor, &Join{Name: "d"}, "name-taken")
	c.must(d, &Join{Name: "d"})
	if c.state.Epoch() != old || !c.state.NeedsEpoch() || len(c.state.NextEpoch().Members) != 4 {
		t.Error("the old epoch ended, or the new one is not needed")
	}
	for _, k := range c.keys {
		c.must(k, q.admission())
	}
	c.keys = append(c.keys, d)
	next := c.form()
	if len(next.Members) != 4 || c.state.Epoch() != next || q.Phase != PhaseContributing {
		t.Error("the new epoch is without the department, or ended the open query")
	}
	c.must(c.keys[0], q.contribution(0))
	c.must(c.keys[1], q.contribution(1))
	// Four of the five validators attest, and all members of the query's epoch: a, b, c.
	for _, k := range c.keys[:3] {
		c.must(k, &Attest{Query: q.ID, Contributions: q.Contributions})
	}
	if q.Phase != PhaseAttesting {
		t.Error("three of five validators are enough")
	}
	c.must(d, &Attest{Query: q.ID, Contributions: q.Contributions})
	if q.Phase != PhaseSharing {
		t.Error("four of five validators are not enough")
	}
}

// TestRemovedDepartment: it is a stranger, its tables are gone, its epoch and the open queries
// end with its name, and another epoch is needed.
func TestRemovedDepartment(t *testing.T) {
	remove := Change{Version: 1, Action: ActionRemove, Role: RoleDepartment}
	t.Run("with an epoch", func(t *testing.T) {
		c := seatedCourt(t)
		e := c.form()
		q := c.reach(PhaseSharing, 1)
		remove := remove
		remove.Key = KeyOf(c.keys[2])
		removed := c.keys[2]
		c.vote(4, remove)
		if q.Phase != PhaseFailed || q.Fault.Kind != FaultRemoved || q.Fault.Department != "c" || e.Phase != EpochAborted || c.state.Epoch() != nil {
			t.Error(q.Phase, q.Fault, e.Phase)
		}
		if len(c.state.Evidence()) != 0 {
			t.Error("a vote is no evidence")
		}
		for _, b := range []Body{q.shares(2), &Join{Name: "c"}, &Register{Registration: courtTable("c", 2)}, &Vote{Change: remove}, &Ask{SQL: "x", Epoch: e.Digest, Departments: []string{"a"}, Registrations: make([]engine.Digest, 1), Ciphertexts: 1, DeadlineSeconds: 1, Purpose: "x"}} {
			c.code(removed, b, "stranger")
		}
		if len(c.state.Catalogue()) != 2 || c.state.IsValidator(KeyOf(removed)) || c.state.NameOf(KeyOf(removed)) != "c" {
			t.Error("the department is still there")
		}
		again := Change{Version: 2, Action: ActionAdd, Role: RoleAuditor, Key: KeyOf(removed)}
		c.code(c.keys[0], &Vote{Change: again}, "retired")
		c.keys = c.keys[:2]
		if next := c.form(); len(next.Members) != 2 {
			t.Error(next.Members)
		}
		if q := c.reach(PhaseDone, 2); q.Phase != PhaseDone {
			t.Error(q.Phase)
		}
		// A name that was in use is only given by a vote.
		c.vote(3, Change{Version: 2, Action: ActionAdd, Role: RoleDepartment, Key: KeyOf(courtKey("new"))})
		c.code(courtKey("new"), &Join{Name: "c"}, "name-taken")
	})
	t.Run("in a formation", func(t *testing.T) {
		c, e := committedCourt(t)
		remove := remove
		remove.Key = KeyOf(c.keys[2])
		c.vote(4, remove)
		if e.Phase != EpochAborted || e.Fault == nil || e.Fault.Kind != FaultRemoved || !c.state.NeedsEpoch() {
			t.Error(e.Phase, e.Fault)
		}
	})
	t.Run("the last one", func(t *testing.T) {
		c := newCourt(t)
		for i, k := range c.keys[:2] {
			remove := remove
			remove.Version, remove.Key = uint64(i+1), KeyOf(k)
			for _, v := range c.validators()[i:] {
				if c.state.Membership().Version == remove.Version {
					c.must(v, &Vote{Change: remove})
				}
			}
		}
		c.code(c.auditor, &Vote{Change: Change{Version: 3, Action: ActionRemove, Role: RoleDepartment, Key: KeyOf(c.keys[2])}}, "last-department")
	})
}

// TestRotatedKey: the new key takes the name, and nothing else of the old one.
func TestRotatedKey(t *testing.T) {
	c := seatedCourt(t)
	e := c.form()
	q := c.ask(1)
	fresh := courtKey("fresh")
	c.vote(4, Change{Version: 1, Action: ActionSeize, Role: RoleDepartment, Key: KeyOf(c.keys[1]), NewKey: KeyOf(fresh)})
	if e.Phase != EpochAborted || q.Phase != PhaseFailed || len(c.state.Catalogue()) != 2 {
		t.Error(e.Phase, q.Phase)
	}
	c.code(c.keys[1], q.admission(), "stranger")
	c.code(fresh, &Join{Name: "fresh"}, "wrong-name")
	c.code(fresh, &Register{Registration: courtTable("b", 1)}, "stranger")
	c.must(fresh, &Join{Name: "b"})
	c.must(fresh, &Register{Registration: courtTable("b", 1)})
	c.keys[1] = fresh
	c.form()
	c.code(c.analyst, c.question(2), CodePolicy) // what the old key's stewards decided has ended
	c.steward(fresh, "b")
	c.reach(PhaseDone, 2)
	if n, ok := c.state.Network(); !ok || n.Departments[1].Name != "b" || n.Departments[1].Key == KeyOf(fresh) {
		t.Error("the founding description follows the rotation")
	}
}

// TestValidatorsAt: a change that is decided in a block is in force two blocks later.
func TestValidatorsAt(t *testing.T) {
	c := seatedCourt(t)
	before := c.state.Validators()
	c.vote(4, adding(RoleAuditor, "one"))
	decided := c.heard[len(c.heard)-1].at.Block
	one := c.state.Validators()
	c.vote(4, Change{Version: 2, Action: ActionRemove, Role: RoleAuditor, Key: KeyOf(c.auditor)})
	later := c.heard[len(c.heard)-1].at.Block
	two := c.state.Validators()
	if len(before) != 4 || len(one) != 5 || len(two) != 4 || !slices.IsSortedFunc(two, compareKeys) {
		t.Fatal(len(before), len(one), len(two))
	}
	for block, want := range map[uint64][]Key{0: before, decided: before, decided + 1: before, decided + 2: one,
		later + 1: one, later + 2: two, later + 99: two} {
		if got := c.state.ValidatorsAt(block); !slices.Equal(got, want) {
			t.Errorf("block %d: %d validators, want %d", block, len(got), len(want))
		}
		if got := c.reparsed().ValidatorsAt(block); !slices.Equal(got, want) {
			t.Errorf("block %d: another set after a snapshot", block)
		}
	}
	// Two changes in one block: only the last set is ever in force.
	at := Place{Block: later + 10}
	for i, change := range []Change{{Version: 3, Action: ActionAdd, Role: RoleAuditor, Key: Key{1}}, {Version: 4, Action: ActionAdd, Role: RoleAuditor, Key: Key{2}}} {
		for _, k := range append(slices.Clone(c.keys), courtKey("one")) {
			var r *Refusal
			if err := c.state.Apply(at, Sign(c.id, k, &Vote{Change: change})); errors.As(err, &r) && r.Code != "stale-membership" {
				t.Fatalf("change %d: %v", i, err)
			}
		}
	}
	if got := c.state.ValidatorsAt(at.Block + 1); !slices.Equal(got, two) {
		t.Error("in force too early")
	}
	if got := c.state.ValidatorsAt(at.Block + 2); len(got) != 6 {
		t.Errorf("%d validators after two changes in one block", len(got))
	}
	c.reparsed()
}

// TestFewerValidators: what waits for two thirds goes on when a vote leaves fewer.
func TestFewerValidators(t *testing.T) {
	c := seatedCourt(t)
	for i, name := range []string{"second", "third"} {
		change := adding(RoleAuditor, name)
		change.Version = uint64(i + 1)
		for _, k := range append(c.validators(), courtKey("second")) {
			if c.state.Membership().Version == change.Version {
				c.must(k, &Vote{Change: change})
			}
		}
	}
	c.form()
	attesting, asked := c.reach(PhaseAttesting, 1), c.ask(2)
	for _, k := range c.keys {
		c.must(k, &Attest{Query: attesting.ID, Contributions: attesting.Contributions})
		c.must(k, &Expire{Query: asked.ID})
	}
	if attesting.Phase != PhaseAttesting || asked.Phase.Ended() {
		t.Fatal("three of six are enough")
	}
	remove := func(k ed25519.PrivateKey) {
		version := c.state.Membership().Version
		for _, by := range append(c.validators(), courtKey("second")) {
			if c.state.Membership().Version == version {
				c.must(by, &Vote{Change: Change{Version: version, Action: ActionRemove, Role: RoleAuditor, Key: KeyOf(k)}})
			}
		}
	}
	remove(courtKey("third"))
	remove(courtKey("second"))
	if attesting.Phase != PhaseSharing || asked.Phase != PhaseExpired {
		t.Error("three of four are not enough:", attesting.Phase, asked.Phase)
	}
	if asked.Missing != nil && len(asked.Missing) != 3 {
		t.Error(asked.Missing)
	}
}

// TestForgetting: of ended queries and epochs the last are kept; what is forgotten cannot be
// asked again while its epoch lasts.
func TestForgetting(t *testing.T) {
	c := seatedCourt(t)
	c.form()
	first := c.question(0)
	for i := range KeepEnded + 3 {
		q := c.ask(byte(i))
		c.must(c.keys[0], &Refuse{Query: q.ID, Code: "x"})
	}
	if len(c.state.Ended()) != KeepEnded || len(c.state.queries) != KeepEnded || len(c.state.forgotten) != 3 {
		t.Error(len(c.state.Ended()), len(c.state.queries), len(c.state.forgotten))
	}
	if c.state.Query(QueryID(c.id, KeyOf(c.analyst), first)) != nil {
		t.Error("the first query is still kept")
	}
	c.code(c.analyst, first, "duplicate")
	c.code(c.keys[0], &Judge{Case: QueryID(c.id, KeyOf(c.analyst), first)}, "unknown-case")
	c.reparsed()

	old := c.state.Epoch()
	leave := func() {
		e := c.state.Epoch()
		c.must(c.keys[1], &EpochAbort{Epoch: e.ID, Culprit: KeyOf(c.keys[1]), Fault: FaultUnavailable})
	}
	leave()
	if c.state.forgotten != nil {
		t.Error("an epoch that has ended still remembers its questions")
	}
	for range KeepEpochs + 2 {
		c.form()
		leave()
	}
	if len(c.state.epochs) != KeepEpochs+1 || c.state.EpochByID(old.ID) == nil {
		t.Errorf("%d epochs are kept, the one with the kept queries: %t", len(c.state.epochs), c.state.EpochByID(old.ID) != nil)
	}
	c.reparsed()
	c.form()
	for i := range KeepEnded {
		c.must(c.keys[0], &Refuse{Query: c.ask(byte(i)).ID, Code: "x"})
	}
	if c.state.EpochByID(old.ID) != nil || c.state.epochByDigest(old.Digest) != nil || len(c.state.epochs) != KeepEpochs {
		t.Error("an epoch is kept that nothing needs")
	}
	c.code(c.keys[0], &EpochAbort{Epoch: old.ID, Culprit: KeyOf(c.keys[0]), Fault: FaultUnavailable}, "unknown-epoch")
	c.reparsed()
}
