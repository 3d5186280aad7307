package protocols

import (
	"crypto/ed25519"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"parley/engine"
	"parley/engine/policy"
	"parley/engine/policy/open"
)

// court is a state with the keys of everybody, to put entries before the referee. Blobs are
// digests of nothing: the referee never sees any.
type court struct {
	t       testing.TB
	network *Network
	id      engine.Digest
	keys    []ed25519.PrivateKey // of departments a, b, c
	auditor ed25519.PrivateKey
	analyst ed25519.PrivateKey
	state   *State
	sizes   Sizes
	heard   []hearing // everything that was put before the referee
	quiet   bool      // measured: the state is not digested at each entry
}

// hearing is an entry in the place that it was put in, ordered or not.
type hearing struct {
	at    Place
	entry Entry
}

func courtKey(name string) ed25519.PrivateKey {
	seed := sha256.Sum256([]byte("referee test " + name))
	return ed25519.NewKeyFromSeed(seed[:])
}

func newCourt(t testing.TB) *court {
	c := &court{t: t, analyst: courtKey("analyst"), auditor: courtKey("auditor"), sizes: Sizes{KeyShare: 10, Contribution: 20, Share: 30, Departments: MaxDepartments, Product: 40, Release: 50, Slot: 7, Slots: 3}}
	c.network = &Network{Version: Version, Name: "court", Nonce: digestOf("founding"), Parameters: "tiny", Development: true, VerifyingKeys: []byte{1}, ProvingKeys: []engine.Digest{{1}, {2}, {3}}}
	for _, name := range []string{"a", "b", "c"} {
		k := courtKey(name)
		c.keys = append(c.keys, k)
		c.network.Departments = append(c.network.Departments, Member{Key: KeyOf(k)})
	}
	c.network.Auditors = []Member{{Key: KeyOf(c.auditor)}}
	c.network.Normalize()
	c.id = c.network.ID()
	c.state = NewState(c.network, c.sizes)
	return c
}

// put signs a body, puts it into a block of its own and returns what the referee says.
func (c *court) put(key ed25519.PrivateKey, body Body) error {
	c.t.Helper()
	return c.order(Sign(c.id, key, body))
}

func (c *court) order(e Entry) error {
	c.t.Helper()
	n := uint64(len(c.heard)) + 1
	c.heard = append(c.heard, hearing{Place{Block: n, Time: int64(1000 * n)}, e})
	if c.quiet {
		return c.state.Apply(c.heard[n-1].at, e)
	}
	before, number := c.state.Digest(), c.state.Applied()
	err := c.state.Apply(c.heard[n-1].at, e)
	var r *Refusal
	if err != nil && !errors.As(err, &r) {
		c.t.Fatalf("%v is no refusal", err)
	}
	if ordered := r == nil || r.Fault != nil; ordered != (c.state.Applied() == number+1) || !ordered && before != c.state.Digest() {
		c.t.Fatalf("%s: %v: the state went from %d to %d", e.Kind, err, number, c.state.Applied())
	}
	return err
}

// validators are everybody's keys who votes.
func (c *court) validators() []ed25519.PrivateKey { return append(slices.Clone(c.keys), c.auditor) }

// say has so many validators put the same body, all of which are taken.
func (c *court) say(n int, body Body) {
	c.t.Helper()
	for _, k := range c.validators()[:n] {
		c.must(k, body)
	}
}

func (c *court) must(key ed25519.PrivateKey, body Body) {
	c.t.Helper()
	if err := c.put(key, body); err != nil {
		c.t.Fatalf("%s: %v", body.Kind(), err)
	}
}

// code puts an entry and demands a refusal with this code.
func (c *court) code(key ed25519.PrivateKey, body Body, want string) *Refusal {
	c.t.Helper()
	var r *Refusal
	if err := c.put(key, body); !errors.As(err, &r) || r.Code != want {
		c.t.Errorf("%s: %v, want %s", body.Kind(), err, want)
		return &Refusal{}
	}
	return r
}

func digestOf(parts ...any) engine.Digest {
	return engine.Hash("referee test", fmt.Append(nil, parts...))
}

func (c *court) join() {
	for i, k := range c.keys {
		c.must(k, &Join{Name: string(rune('a' + i)), Nonce: [32]byte{byte(i)}})
	}
	c.must(c.keys[0], vouching(c.analyst, PersonAnalyst))
}

// vouching is a department's word for a person, for five years from the beginning.
func vouching(person ed25519.PrivateKey, roles ...PersonRole) *Vouch {
	return &Vouch{Person: KeyOf(person), Name: "Mei", Roles: roles, Until: MaxVouchSeconds, First: KeyOf(person)}
}

// stewardOf is the key of the steward that a department of the court vouches for.
func stewardOf(department string) ed25519.PrivateKey { return courtKey("steward of " + department) }

// steward has a department vouch for its steward, and that publish an open policy.
func (c *court) steward(department ed25519.PrivateKey, name string) {
	c.t.Helper()
	c.must(department, named(vouching(stewardOf(name), PersonSteward), "steward"))
	c.must(stewardOf(name), c.publication(open.Policy(name, "heart")))
}

// under is the number of the present vouch for a department's steward.
func (c *court) under(department string) uint64 {
	if p := c.state.Person(KeyOf(stewardOf(department))); p != nil {
		return p.Number
	}
	return 1 << 40
}

func (c *court) publication(d policy.Document) *Publish {
	return &Publish{Document: d, Under: c.under(d.Department)}
}

func courtTable(department string, version uint64) engine.Registration {
	return engine.Registration{Department: department, Table: "heart", Version: version, Rows: 2, About: engine.About{Class: engine.ClassUnconditional},
		Columns: []engine.Column{{Name: "x", Kind: engine.Boolean, HasDictionary: true, Dictionary: []string{"false", "true"}}}}
}

func (c *court) register() {
	for i, k := range c.keys {
		c.must(k, &Register{Registration: courtTable(string(rune('a'+i)), 1)})
		c.steward(k, string(rune('a'+i)))
	}
}

// form opens and forms the next epoch.
func (c *court) form() *EpochState {
	c.must(c.keys[0], c.state.NextEpoch())
	e := c.state.Forming()
	for i, k := range c.keys {
		c.must(k, &KeyCommit{Epoch: e.ID, Blob: digestOf("share", i)})
	}
	for _, k := range c.keys {
		c.must(k, &KeyAttest{Epoch: e.ID, Digest: e.Digest})
	}
	return e
}

// question is an Ask of a and b.
func (c *court) question(nonce byte) *Ask {
	return &Ask{SQL: "SELECT count(*) FROM heart", Epoch: c.state.Epoch().Digest, Departments: []string{"a", "b"},
		Registrations: []engine.Digest{RegistrationDigest(courtTable("a", 1)), RegistrationDigest(courtTable("b", 1))},
		Plan:          digestOf("plan"), Ciphertexts: 2, AnalystKey: digestOf("key"), Nonce: [32]byte{nonce}, DeadlineSeconds: 60, Purpose: "statistics"}
}

func (c *court) ask(nonce byte) *QueryState {
	c.t.Helper()
	a := c.question(nonce)
	c.must(c.analyst, a)
	return c.state.Query(QueryID(c.id, KeyOf(c.analyst), a))
}

func (q *QueryState) admission() *Admit { return &Admit{Query: q.ID, Epoch: q.Ask.Epoch} }

func (q *QueryState) contribution(i int) *Contribute {
	return &Contribute{Query: q.ID, Epoch: q.Ask.Epoch, Blobs: []engine.Digest{digestOf("c", i, 0), digestOf("c", i, 1)}}
}

func (q *QueryState) shares(i int) *ShareCommit {
	return &ShareCommit{Query: q.ID, Epoch: q.Ask.Epoch, Blobs: []engine.Digest{digestOf("s", i, 0), digestOf("s", i, 1)}}
}

// courtPhases are those of a question before its end that joins nothing by persons.
var courtPhases = []Phase{PhaseAdmitting, PhaseContributing, PhaseAttesting, PhaseSharing, PhaseShared}

// reach takes a fresh question to a phase.
func (c *court) reach(phase Phase, nonce byte) *QueryState {
	c.t.Helper()
	q := c.ask(nonce)
	steps := []func(){
		func() {
			for _, k := range c.keys {
				c.must(k, q.admission())
			}
		},
		func() { c.must(c.keys[0], q.contribution(0)); c.must(c.keys[1], q.contribution(1)) },
		nil, // nobody multiplies
		func() {
			for _, k := range c.keys {
				c.must(k, &Attest{Query: q.ID, Contributions: q.Contributions})
			}
			if q.Phase == PhaseAttesting { // the departments are not two thirds
				c.must(c.auditor, &Attest{Query: q.ID, Contributions: q.Contributions})
			}
		},
		func() {
			for i, k := range c.keys {
				c.must(k, q.shares(i))
			}
		},
		func() { c.must(c.analyst, &Done{Query: q.ID, Transcript: q.Transcript}) },
	}
	for q.Phase < phase {
		steps[q.Phase-PhaseAdmitting]()
	}
	return q
}

// TestRefereeLife: the order of a network's life, and what is too early, late or doubled
// (README section 4).
func TestRefereeLife(t *testing.T) {
	c := newCourt(t)
	a, b := c.keys[0], c.keys[1]
	stranger := courtKey("stranger")
	c.code(stranger, &Join{Name: "d"}, "stranger")
	c.must(a, &Join{Name: "a"})
	c.code(a, &Join{Name: "a2"}, "duplicate")
	c.code(b, &Join{Name: "a"}, "name-taken")
	c.code(b, &Register{Registration: courtTable("b", 1)}, "stranger")
	c.code(a, &Register{Registration: courtTable("b", 1)}, "not-owner")
	if c.state.NextEpoch() != nil || c.state.NeedsEpoch() {
		t.Error("an epoch may be opened before all have joined")
	}
	c.must(b, &Join{Name: "b"})
	c.must(c.keys[2], &Join{Name: "c"})
	c.register()
	c.code(a, &Register{Registration: courtTable("a", 1)}, "duplicate")

	next := c.state.NextEpoch()
	c.code(c.auditor, next, "stranger")
	wrong := *next
	wrong.Beacon = digestOf("mine")
	c.code(a, &wrong, "wrong-epoch")
	wrong = *next
	wrong.Number = 2
	c.code(a, &wrong, "wrong-epoch")
	c.must(b, next)
	c.code(a, next, "duplicate")
	wrong.ID = epochID(c.id, wrong.Beacon, 2)
	c.code(a, &wrong, "too-early")
	e := c.state.Forming()
	c.code(b, &KeyAttest{Epoch: e.ID}, "too-early")
	c.code(b, &KeyCommit{Epoch: digestOf("no"), Blob: digestOf(1)}, "unknown-epoch")
	c.code(c.analyst, &KeyCommit{Epoch: e.ID, Blob: digestOf(1)}, "stranger")
	for i, k := range c.keys {
		c.must(k, &KeyCommit{Epoch: e.ID, Blob: digestOf("share", i)})
	}
	c.code(b, &KeyCommit{Epoch: e.ID, Blob: digestOf("share", 1)}, "duplicate")
	for _, k := range c.keys {
		c.must(k, &KeyAttest{Epoch: e.ID, Digest: e.Digest})
	}
	c.code(b, &KeyAttest{Epoch: e.ID, Digest: e.Digest}, "duplicate")
	if c.state.Epoch() != e || e.Phase != EpochFormed {
		t.Fatal("the epoch is not formed")
	}
	wrong.ID = epochID(c.id, wrong.Beacon, 2)
	c.code(a, &wrong, "too-early") // none is needed
}

// TestRefereeQuery: the same for a query.
func TestRefereeQuery(t *testing.T) {
	c := seatedCourt(t)
	c.form()
	a, b := c.keys[0], c.keys[1]
	q := c.ask(1)
	c.code(c.analyst, c.question(1), "duplicate")
	c.code(b, q.contribution(1), "too-early")
	c.code(b, &Attest{Query: q.ID}, "too-early")
	c.code(b, q.shares(1), "too-early")
	c.code(c.analyst, &Done{Query: q.ID}, "too-early")
	c.code(c.analyst, q.admission(), "stranger")
	c.must(b, q.admission())
	c.code(b, q.admission(), "duplicate")
	c.must(a, q.admission())
	c.must(c.keys[2], q.admission())
	c.code(c.keys[2], q.contribution(2), "stranger")
	c.must(b, q.contribution(1))
	c.code(b, q.contribution(1), "duplicate")
	c.must(a, q.contribution(0))
	for _, k := range c.keys {
		c.must(k, &Attest{Query: q.ID, Contributions: q.Contributions})
	}
	c.code(b, &Attest{Query: q.ID, Contributions: q.Contributions}, "duplicate")
	for i, k := range c.keys {
		c.must(k, q.shares(i))
	}
	c.code(b, q.shares(1), "duplicate")
	c.code(c.auditor, &Attest{Query: q.ID, Contributions: q.Contributions}, "too-late")
	c.code(c.analyst, &Expire{Query: q.ID}, "stranger")
	c.code(b, &Done{Query: q.ID}, "stranger")
	c.code(c.analyst, &Done{Query: q.ID, Transcript: digestOf("mine")}, "wrong-transcript")
	c.must(c.analyst, &Done{Query: q.ID, Certificate: digestOf("cert"), Transcript: q.Transcript})
	c.code(a, &Expire{Query: q.ID}, "ended")
	c.code(a, &Refuse{Query: digestOf("none"), Code: "x"}, "unknown-query")
	if q.Phase != PhaseDone || len(c.state.Open()) != 0 {
		t.Error(q.Phase)
	}
}

func TestRefereeAsk(t *testing.T) {
	c := newCourt(t)
	c.join()
	c.register()
	early := &Ask{SQL: "x", Departments: []string{"a"}, Registrations: []engine.Digest{{}}, Ciphertexts: 1, DeadlineSeconds: 1, Purpose: "x"}
	c.code(c.analyst, early, "stale-epoch")
	c.form()
	change := func(f func(*Ask)) *Ask { a := c.question(9); f(a); return a }
	c.code(c.analyst, change(func(a *Ask) { a.Epoch = digestOf("old") }), "stale-epoch")
	c.code(c.analyst, change(func(a *Ask) { a.Departments = []string{"a", "d"} }), "unknown-department")
	c.code(c.analyst, change(func(a *Ask) { a.Registrations[1] = digestOf("old") }), "stale-catalogue")
	c.code(c.analyst, change(func(a *Ask) { a.Departments = []string{"b", "a"} }), "malformed")
	c.code(c.analyst, change(func(a *Ask) { a.Ciphertexts = MaxCiphertexts + 1 }), "malformed")
	c.code(c.analyst, change(func(a *Ask) { a.DeadlineSeconds = 0 }), "malformed")
	c.code(c.analyst, change(func(a *Ask) { a.SQL = string(make([]byte, engine.MaxSQLBytes+1)) }), "malformed")
	const of = "SELECT median(x) FROM heart"
	round := func(question string, round uint32, mark string) *Ask {
		return change(func(a *Ask) { a.SQL, a.Question, a.Round = mark+a.SQL, question, round })
	}
	for _, forged := range []*Ask{
		round(of, 0, ""), round("", 1, ""), round(of, 1, ""), round("", 0, engine.RoundMark(of)), round("", 1, engine.RoundMark("")),
		round(of+" ", 1, engine.RoundMark(of)), round(of, MaxSequenceRounds+1, engine.RoundMark(of)),
		round(of+"\x1b", 1, engine.RoundMark(of+"\x1b")), round(of+"\x85", 1, engine.RoundMark(of+"\x85")),
		round(of+"\u2028", 1, engine.RoundMark(of+"\u2028")),
	} {
		c.code(c.analyst, forged, "malformed")
	}
	c.code(c.analyst, round(strings.Repeat("x", engine.MaxSQLBytes+1), 1, engine.RoundMark(strings.Repeat("x", engine.MaxSQLBytes+1))), "malformed")
	c.must(c.analyst, round(of, 2, engine.RoundMark(of)))
	c.say(3, &Expire{Query: c.state.Open()[0]})
	for i := range MaxPendingPerAnalyst {
		c.ask(byte(i))
	}
	c.code(c.analyst, c.question(200), "too-many")
	// A replaced registration makes later questions stale, not the open ones.
	c.must(c.keys[0], &Register{Registration: courtTable("a", 2)})
	first := c.state.Open()[0]
	if c.state.Query(first).Registrations[0].Version != 1 {
		t.Error("an open question follows the new registration")
	}
	c.say(3, &Expire{Query: first})
	c.code(c.analyst, c.question(200), "stale-catalogue")
}

// TestRefereeFaults: what an author's own signature convicts it of ends the query, by name.
func TestRefereeFaults(t *testing.T) {
	other := digestOf("other")
	cases := []struct {
		name  string
		phase Phase
		by    int
		body  func(q *QueryState) Body
		kind  FaultKind
		fault string
	}{
		{"admit stale", PhaseAdmitting, 1, func(q *QueryState) Body { return &Admit{Query: q.ID, Epoch: other} }, FaultStaleEpoch, "b"},
		{"contribute stale", PhaseContributing, 1, func(q *QueryState) Body {
			b := q.contribution(1)
			b.Epoch = other
			return b
		}, FaultStaleEpoch, "b"},
		{"second contribution", PhaseAttesting, 0, func(q *QueryState) Body { return q.contribution(5) }, FaultSecond, "a"},
		{"too few ciphertexts", PhaseContributing, 0, func(q *QueryState) Body {
			b := q.contribution(0)
			b.Blobs = b.Blobs[:1]
			return b
		}, FaultGarbage, "a"},
		{"attests other contributions", PhaseAttesting, 2, func(q *QueryState) Body { return &Attest{Query: q.ID, Contributions: other} }, FaultWrongDigest, "c"},
		{"attests twice differently", PhaseSharing, 2, func(q *QueryState) Body { return &Attest{Query: q.ID, Contributions: other} }, FaultWrongDigest, "c"},
		{"share stale", PhaseSharing, 2, func(q *QueryState) Body {
			b := q.shares(2)
			b.Epoch = other
			return b
		}, FaultStaleEpoch, "c"},
		{"second share", PhaseShared, 2, func(q *QueryState) Body { return q.shares(7) }, FaultSecond, "c"},
		{"accuses over another blob", PhaseAttesting, 2, func(q *QueryState) Body {
			return &Accuse{Query: q.ID, Department: q.Contributors[0].Key, Fault: FaultBadProof, Subject: SubjectContribution, Blob: other}
		}, FaultFalseAccusation, "c"},
	}
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			c := newCourt(t)
			c.join()
			c.register()
			c.form()
			q := c.reach(tc.phase, 1)
			r := c.code(c.keys[tc.by], tc.body(q), string(tc.kind))
			if q.Phase != PhaseFailed || q.Fault == nil || q.Fault.Kind != tc.kind || q.Fault.Department != tc.fault || r.Fault != q.Fault {
				t.Errorf("%s %v", q.Phase, q.Fault)
			}
			c.proven(tc.fault, tc.kind, q.ID)
			if q := c.reach(PhaseDone, 2); q.Phase != PhaseDone {
				t.Error("the next query does not go on")
			}
		})
	}
}

// proven holds that the state has one evidence, which is this deviation, and that it is about
// what the last entry says.
func (c *court) proven(department string, kind FaultKind, in engine.Digest) *Evidence {
	c.t.Helper()
	all := c.reparsed().Evidence()
	if len(all) != 1 {
		c.t.Fatalf("%d evidences", len(all))
	}
	e := &all[0]
	if e.Department != department || e.Kind != kind || e.Query != in && e.Epoch != in || e.Sentence == "" ||
		len(e.Records) == 0 || e.Records[len(e.Records)-1].Number != e.Number || e.Number != c.state.Applied() {
		c.t.Errorf("%+v", e)
	}
	if err := e.Check(c.id); err != nil {
		c.t.Error(err)
	}
	if e.Check(digestOf("another network")) == nil {
		c.t.Error("the evidence is another network's, too")
	}
	return e
}

// TestRefereeServed: a server's own signature convicts it; evidence that shows nothing
// convicts who brings it.
func TestRefereeServed(t *testing.T) {
	setup := func(t *testing.T) (*court, *QueryState, func(key ed25519.PrivateKey, requested engine.Digest, size int, kind FaultKind) *Accuse) {
		c := newCourt(t)
		c.join()
		c.register()
		c.form()
		q := c.reach(PhaseAttesting, 1)
		return c, q, func(key ed25519.PrivateKey, requested engine.Digest, size int, kind FaultKind) *Accuse {
			served := SignServed(c.id, key, requested, make([]byte, size))
			return &Accuse{Query: q.ID, Department: KeyOf(c.keys[1]), Fault: kind, Subject: SubjectContribution, Index: 1,
				Blob: q.Contributed[1][1], Served: served.Marshal()}
		}
	}
	t.Run("equivocation", func(t *testing.T) {
		c, q, accuse := setup(t)
		c.must(c.keys[0], accuse(c.keys[1], q.Contributed[1][1], c.sizes.Contribution, FaultEquivocation))
		if q.Phase != PhaseFailed || q.Fault.Department != "b" || q.Fault.Kind != FaultEquivocation {
			t.Error(q.Phase, q.Fault)
		}
		c.proven("b", FaultEquivocation, q.ID)
	})
	t.Run("oversized", func(t *testing.T) {
		c, q, accuse := setup(t)
		c.must(c.keys[0], accuse(c.keys[1], q.Contributed[1][1], c.sizes.Contribution+1, FaultOversized))
		if q.Phase != PhaseFailed || q.Fault.Department != "b" || q.Fault.Kind != FaultOversized {
			t.Error(q.Phase, q.Fault)
		}
		c.proven("b", FaultOversized, q.ID)
	})
	for name, bad := range map[string]func(c *court, q *QueryState, accuse func(ed25519.PrivateKey, engine.Digest, int, FaultKind) *Accuse) *Accuse{
		"signed by another": func(c *court, q *QueryState, accuse func(ed25519.PrivateKey, engine.Digest, int, FaultKind) *Accuse) *Accuse {
			return accuse(c.keys[2], q.Contributed[1][1], 20, FaultEquivocation)
		},
		"about another blob": func(c *court, q *QueryState, accuse func(ed25519.PrivateKey, engine.Digest, int, FaultKind) *Accuse) *Accuse {
			return accuse(c.keys[1], digestOf("x"), 20, FaultEquivocation)
		},
		"of another kind": func(c *court, q *QueryState, accuse func(ed25519.PrivateKey, engine.Digest, int, FaultKind) *Accuse) *Accuse {
			return accuse(c.keys[1], q.Contributed[1][1], 20, FaultOversized)
		},
	} {
		t.Run(name, func(t *testing.T) {
			c, q, accuse := setup(t)
			c.code(c.keys[0], bad(c, q, accuse), string(FaultFalseAccusation))
			if q.Phase != PhaseFailed || q.Fault.Department != "a" {
				t.Error(q.Phase, q.Fault)
			}
			c.proven("a", FaultFalseAccusation, q.ID)
		})
	}
}
