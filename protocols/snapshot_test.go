package protocols

import (
	"bytes"
	"crypto/ed25519"
	"fmt"
	"reflect"
	"testing"

	"parley/engine"
	"parley/engine/policy/open"
)

// reparsed holds that the court's state survives its encoding.
func (c *court) reparsed() *State {
	c.t.Helper()
	raw := c.state.Marshal()
	s, err := ParseState(c.network, c.sizes, raw)
	if err != nil {
		c.t.Fatal(err)
	}
	if !bytes.Equal(s.Marshal(), raw) || s.Digest() != c.state.Digest() {
		c.t.Fatal("a snapshot gives another state")
	}
	for id, q := range c.state.queries { // what is not in the encoding, since it follows
		if again := s.queries[id]; !reflect.DeepEqual(q.asker, again.asker) || !reflect.DeepEqual(q.context(), again.context()) {
			c.t.Fatalf("a snapshot decides about a query by something else: %+v %+v", q.context(), again.context())
		}
	}
	if c.state.gaps || s.gaps {
		c.t.Fatal("a ledger's state has gaps")
	}
	return s
}

// session is a court that has heard about everything: queries of every end, open ones of every
// phase, aborted formations, votes, a removed and a rotated department, evidence.
func session(t testing.TB) *court {
	c := newCourt(t)
	c.join()
	c.register()
	c.must(c.auditor, &Join{Name: "auditor"})
	c.form()
	answer := c.decisions()
	for i := range 6 {
		q := c.reach(courtPhases[i%5], byte(i))
		_ = c.put(c.keys[i%3], q.shares(i))
		_ = c.put(c.keys[(i+1)%3], q.contribution(i))
		_ = c.put(c.keys[0], &Expire{Query: q.ID})
		_ = c.put(c.auditor, &Expire{Query: q.ID})
	}
	alarmed := c.reach(PhaseDone, 23)
	c.must(c.analyst, alarmed.alarm("relapse"))
	_ = c.put(c.analyst, alarmed.alarm("relapse"))
	_ = c.put(c.keys[0], alarmed.alarm("another"))
	screened := c.screened(c.screening(24, answer)) // an answer rests on it; one is open, and one ended in two verdicts
	c.asked(c.resting(25, screened, answer))
	_ = c.put(c.analyst, c.resting(26, c.state.Query(c.state.Open()[0])))
	c.must(c.keys[0], newScreen(c.shared(c.screening(27)), KeyOf(c.keys[0]), courtVerdict))
	differ := c.shared(c.screening(28))
	c.must(c.keys[0], newScreen(differ, KeyOf(c.keys[0]), courtVerdict))
	c.must(c.keys[1], newScreen(differ, KeyOf(c.keys[1]), []byte{0, 8}))
	accused := c.reach(PhaseAttesting, 20)
	c.must(c.keys[0], &Attest{Query: accused.ID, Contributions: accused.Contributions})
	c.must(c.keys[2], &Accuse{Query: accused.ID, Department: KeyOf(c.keys[1]), Fault: FaultBadProof, Subject: SubjectContribution, Blob: accused.Contributed[1][0]})
	c.say(2, &Judge{Case: accused.ID, Blob: accused.Contributed[1][0], Guilty: true})
	c.must(c.auditor, &Judge{Case: accused.ID, Blob: accused.Contributed[1][0], Guilty: true})
	c.must(c.analyst, &Withdraw{Query: c.reach(PhaseContributing, 22).ID})
	refused := c.reach(PhaseContributing, 21)
	c.must(c.keys[1], &Refuse{Query: refused.ID, Code: CodeEpochExhausted, Sentence: "used up"})
	expired := c.state.Open()[0]
	for _, k := range c.validators() {
		_ = c.put(k, &Expire{Query: expired})
	}
	// A formation that is aborted, and judged.
	c.must(c.keys[1], c.state.NextEpoch())
	e := c.state.Forming()
	for i, k := range c.keys {
		c.must(k, &KeyCommit{Epoch: e.ID, Blob: digestOf("again", i)})
	}
	c.must(c.keys[0], c.accuse(e, 2))
	c.say(2, &Judge{Case: e.ID, Blob: e.Commits[2], Guilty: false})
	c.form()
	c.must(c.keys[0], &Register{Registration: courtTable("a", 2)})
	_ = c.put(c.analyst, c.question(30))
	last := c.question(31).under(answer)
	last.Registrations[0] = RegistrationDigest(courtTable("a", 2))
	c.asked(last) // stays open
	last.Nonce[1], last.Departments, last.Registrations = 1, last.Departments[:1], last.Registrations[:1]
	c.asked(last)
	c.must(c.keys[2], named(vouching(courtKey("lin"), PersonObserver), "Lin"))
	// An auditor more while a query is open, a department less, another's new key.
	c.vote(4, Change{Version: 1, Action: ActionAdd, Role: RoleAuditor, Name: "second", Key: KeyOf(courtKey("second"))})
	c.must(courtKey("second"), &Join{Name: "second"})
	c.vote(4, Change{Version: 2, Action: ActionRemove, Role: RoleDepartment, Key: KeyOf(c.keys[2])})
	_ = c.put(c.keys[2], &Vote{Change: Change{Version: 3, Action: ActionRemove, Role: RoleDepartment, Key: KeyOf(c.keys[0])}})
	c.must(c.keys[0], &Vote{Change: Change{Version: 3, Action: ActionRotate, Role: RoleDepartment, Key: KeyOf(c.keys[1]), NewKey: KeyOf(courtKey("b2"))}})
	dropped := Change{Version: 3, Action: ActionAdd, Role: RoleAuditor, Key: KeyOf(courtKey("dropped"))}
	c.must(c.keys[0], &Vote{Change: dropped})
	c.must(c.keys[0], &Vote{Change: dropped, Withdraw: true, Turn: 1})
	c.must(c.keys[0], c.state.NextEpoch())
	// A person whom the department that left vouched for, one who is renewed and decides, one who is renewed, one who is revoked, and
	// the analyst's new key.
	lin := named(vouching(courtKey("lin"), PersonSteward), "Lin")
	c.must(c.keys[1], lin)
	lin.Turn, lin.Roles = 1, []PersonRole{PersonAuditor, PersonSteward}
	c.must(c.keys[1], lin)
	c.must(c.keys[0], named(vouching(courtKey("wu"), PersonOperator), "Wu"))
	c.must(c.keys[0], &Revoke{Person: KeyOf(courtKey("wu")), Reason: "left", Turn: 1})
	c.must(c.keys[0], replacing(vouching(courtKey("mei 2"), PersonAnalyst), c.analyst))
	c.must(c.keys[0], turned(named(vouching(stewardOf("a"), PersonSteward), "steward"), 1))
	c.must(stewardOf("a"), c.version("a", 2))
	c.must(courtKey("mei 2"), c.requesting("a"))
	c.must(c.keys[0], named(vouching(courtKey("operator"), PersonOperator), "Zhao"))
	c.must(courtKey("operator"), &Act{Node: KeyOf(c.keys[0]), What: "reload"})
	c.must(c.auditor, &Act{Node: KeyOf(c.auditor), What: "vote withdraw 12D3KooW", Turn: 7})
	return c
}

// vote has the first validators vote for a change until it takes effect.
func (c *court) vote(n int, change Change) {
	c.t.Helper()
	for _, k := range c.validators()[:n] {
		if c.state.Membership().Version == change.Version {
			c.must(k, &Vote{Change: change})
		}
	}
	if c.state.Membership().Version == change.Version {
		c.t.Fatalf("%d votes do not make the change", n)
	}
}

// TestStateSurvivesEverything: whoever replays the ledger in one go, or from a copy or a snapshot
// at any point, has the same state and gives the same answers, byte for byte.
func TestStateSurvivesEverything(t *testing.T) {
	c := session(t)
	straight, again := NewState(c.network, c.sizes), NewState(c.network, c.sizes)
	cloned, parsed := NewState(c.network, c.sizes), NewState(c.network, c.sizes)
	var past []*State // clones, which what comes after must not change
	var digests []engine.Digest
	for i, h := range c.heard {
		want := fmt.Sprint(straight.Apply(h.at, h.entry))
		cloned = cloned.Clone()
		snapshot, err := ParseState(c.network, c.sizes, parsed.Marshal())
		if err != nil {
			t.Fatalf("entry %d (%s): %v", i, h.entry.Kind, err)
		}
		parsed = snapshot
		for name, s := range map[string]*State{"another replay": again, "a copy": cloned, "a snapshot": parsed} {
			if got := fmt.Sprint(s.Apply(h.at, h.entry)); got != want {
				t.Fatalf("entry %d (%s): %s says %q, not %q", i, h.entry.Kind, name, got, want)
			}
			if s.Digest() != straight.Digest() || !bytes.Equal(s.Marshal(), straight.Marshal()) {
				t.Fatalf("entry %d (%s): %s has another state", i, h.entry.Kind, name)
			}
		}
		past, digests = append(past, straight.Clone()), append(digests, straight.Digest())
	}
	if straight.Digest() != c.state.Digest() || len(straight.Evidence()) < 3 || len(straight.Ended()) < 6 {
		t.Errorf("%d evidences, %d ended queries", len(straight.Evidence()), len(straight.Ended()))
	}
	for i, s := range past {
		if s.Digest() != digests[i] {
			t.Fatalf("the copy after entry %d has changed since", i)
		}
	}
}

// snapshotsOfCourt are snapshots of a session, some on its way and the last.
func snapshotsOfCourt(t testing.TB) (*court, [][]byte) {
	c := session(t)
	var out [][]byte
	s := NewState(c.network, c.sizes)
	for i, h := range c.heard {
		_ = s.Apply(h.at, h.entry)
		if i%17 == 0 || i == len(c.heard)-1 {
			out = append(out, s.Marshal())
		}
	}
	return c, out
}

// exercise reads everything of a state, and has it refuse or take some entries.
func (s *State) exercise(c *court, entries []Entry) {
	_, _, _, _ = s.Membership(), s.Evidence(), s.Catalogue(), s.NextEpoch()
	_ = s.Pending()
	_, _ = s.Network()
	_ = s.ValidatorsAt(3)
	for id, q := range s.queries {
		_, _, _ = s.missing(id), s.recordsOf(q), q.Verdict()
		if q.Phase.Ended() && q.Phase != PhaseAccused {
			_ = outcomeOf(s, q)
		}
	}
	s = s.Clone()
	for id, q := range s.queries {
		for _, k := range c.validators() {
			for _, b := range []Body{q.admission(), q.gateAdmission(c.keys[0]), newScreen(q, KeyOf(k), courtVerdict), q.contribution(0), q.shares(1), &Attest{Query: id, Contributions: q.Contributions},
				&Judge{Case: id, Guilty: true}, &Expire{Query: id}, &EpochAbort{Epoch: q.Epoch.ID, Culprit: KeyOf(c.keys[0]), Fault: FaultBadProof}} {
				_ = s.Apply(Place{}, Sign(c.id, k, b))
			}
		}
	}
	for _, e := range entries {
		for _, k := range c.validators() {
			e.Author = KeyOf(k)
			e.Signature = signature(k, e.message(c.id))
			_ = s.Apply(Place{}, e)
		}
	}
	_ = s.Digest()
}

// TestSnapshotsAreStrict: a changed byte of a snapshot is refused, or is another state by its
// digest; and what is taken makes nothing panic.
func TestSnapshotsAreStrict(t *testing.T) {
	c, snapshots := snapshotsOfCourt(t)
	raw, want := snapshots[len(snapshots)-1], c.state.Digest()
	entries := goldenEntries()
	taken, stride := 0, 47
	if testing.Short() {
		stride = 211
	}
	for i := 0; i < len(raw); i += stride {
		bad := bytes.Clone(raw)
		bad[i] ^= 1 << (i % 8)
		s, err := ParseState(c.network, c.sizes, bad)
		if err != nil {
			continue
		}
		if taken++; taken%5 == 0 {
			s.Clone().exercise(c, entries)
		}
		if s.Digest() == want {
			t.Fatalf("byte %d of %d can be changed", i, len(raw))
		}
	}
	for _, bad := range [][]byte{raw[:len(raw)-1], append(bytes.Clone(raw), 0), nil} {
		if _, err := ParseState(c.network, c.sizes, bad); err == nil {
			t.Error("a cut or extended snapshot is taken")
		}
	}
	other := *c.network
	other.Name = "other"
	if _, err := ParseState(&other, c.sizes, raw); err == nil {
		t.Error("another network's snapshot is taken")
	}
}

// BenchmarkState measures what the ledger does with the state at each block: fifty departments
// and an auditor, as many queries kept as are at most, five hundred policies and ten thousand grants.
func BenchmarkState(b *testing.B) {
	c := newCourt(b)
	c.network.Departments = nil
	c.keys = nil
	for i := range 50 {
		c.keys = append(c.keys, courtKey(fmt.Sprint("department", i)))
		c.network.Departments = append(c.network.Departments, Member{Key: KeyOf(c.keys[i])})
	}
	c.network.Normalize()
	c.id, c.state = c.network.ID(), NewState(c.network, c.sizes)
	name := func(i int) string { return string(rune('a'+i%25)) + string(rune('a'+i/25)) }
	for i, k := range c.keys {
		if i < 2 {
			c.must(k, &Join{Name: string(rune('a' + i))})
			c.must(k, &Register{Registration: courtTable(string(rune('a'+i)), 1)})
		} else {
			c.must(k, &Join{Name: name(i)})
		}
	}
	c.quiet = true
	c.must(c.keys[0], vouching(c.analyst, PersonAnalyst))
	last := c.manyRights(b, 50, 10, 200)
	c.form()
	for i := range KeepEnded {
		c.reach(PhaseDone, byte(i))
	}
	for i := range MaxPendingPerAnalyst - 1 {
		c.reach(PhaseShared, byte(100+i))
	}
	use := c.question(200).under(last)
	for _, apply := range []struct {
		what string
		body Body
		by   ed25519.PrivateKey
	}{{"Ask", use, c.analyst}, {"Publish", c.version("a", 2), stewardOf("a")}, {"Rescind", c.rescinding(last), stewardOf("a")}, {"Grant", c.granting("b", 99), stewardOf("b")}} {
		e := Sign(c.id, apply.by, apply.body)
		b.Run(apply.what, func(b *testing.B) {
			for b.Loop() {
				b.StopTimer()
				s := c.state.Clone()
				b.StartTimer()
				if err := s.Apply(Place{Block: 1, Time: 1000 * c.now()}, e); err != nil {
					b.Fatal(err)
				}
				s.Digest()
			}
		})
	}
	b.Run("Digest", func(b *testing.B) {
		for b.Loop() {
			c.state.Digest()
		}
	})
	b.Run("Clone", func(b *testing.B) {
		for b.Loop() {
			c.state.Clone()
		}
	})
	raw := c.state.Marshal()
	b.Run("Marshal", func(b *testing.B) {
		for b.Loop() {
			c.state.Marshal()
		}
		b.ReportMetric(float64(len(raw)), "bytes")
	})
	b.Run("Parse", func(b *testing.B) {
		for b.Loop() {
			if _, err := ParseState(c.network, c.sizes, raw); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// manyRights has each of so many departments publish policies for tables, and grant persons questions. The
// grant that it returns is the analyst's, of the first department.
func (c *court) manyRights(t testing.TB, departments, tables, grants int) *Grant {
	var last *Grant
	for i, k := range c.keys[:departments] {
		department := c.state.NameOf(KeyOf(k))
		c.steward(k, department)
		for table := range tables - 1 {
			d := open.Policy(department, fmt.Sprint("table ", table))
			c.must(stewardOf(department), c.publication(d))
		}
		for n := range grants {
			g := c.granting(department, 1000)
			if n > 0 || i > 0 {
				g.Grant.Person[0], g.Grant.Turn = g.Grant.Person[0]^byte(1+n/4), uint64(n)
			} else {
				last = g
			}
			c.must(stewardOf(department), g)
		}
	}
	if len(c.state.Policies()) != departments*tables || len(c.state.Grants()) != departments*grants {
		t.Fatalf("%d policies, %d grants", len(c.state.Policies()), len(c.state.Grants()))
	}
	return last
}
