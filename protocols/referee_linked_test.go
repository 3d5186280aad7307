package protocols

import (
	"crypto/ed25519"
	"errors"
	"reflect"
	"slices"
	"testing"

	"parley/engine"
	"parley/engine/policy"
	"parley/engine/policy/open"
)

// placedTable is a table whose keys are placed on the spine of a's register.
func placedTable(department, table string) engine.Registration {
	return engine.Registration{Department: department, Table: table, Version: 1, Rows: 2, About: engine.About{Class: engine.ClassUnconditional},
		Columns: []engine.Column{{Name: "id", Kind: engine.Text}}, Quality: engine.Quality{Key: []string{"id"}},
		Linkage: engine.Linkage{Key: "id", Spine: "register", Department: "a"}}
}

// joinedCourt is a court with a spine of a's register, on which the keys of the benefits of b and c are placed, and those of c's
// register.
func joinedCourt(t testing.TB) *court {
	c := newCourt(t)
	for i := range byte(joinStatements) {
		c.network.ProvingKeys = append(c.network.ProvingKeys, engine.Digest{4 + i})
	}
	c.id, c.state = c.network.ID(), NewState(c.network, c.sizes)
	c.join()
	c.register()
	c.must(c.keys[0], c.state.NextLinkage())
	c.linkKeys()
	c.form()
	for i, k := range c.keys {
		name := string(rune('a' + i))
		c.allows(name, 1, policy.Draw{Department: "a", IDs: 100})
		for _, table := range []string{"register", "benefits"} {
			if name+table == "abenefits" || name+table == "bregister" {
				continue
			}
			c.must(k, &Register{Registration: placedTable(name, table)})
			d := open.Policy(name, table)
			if name == "a" {
				d.Membership = []string{"b", "c"}
			}
			c.must(stewardOf(name), c.publication(d))
		}
	}
	c.must(c.keys[0], c.drawing(0, 1, 20))
	c.must(c.keys[0], c.spine(1, 9))
	return c
}

func (c *court) spine(version uint64, count uint32) *Spine {
	return &Spine{Linkage: c.state.Linkage().ID, Table: "register", Registration: RegistrationDigest(placedTable("a", "register")), Version: version,
		Blocks: []SpineBlock{{Blob: digestOf("block"), Count: count}}}
}

// linkedQuestion joins the benefits of b and c with the registers of a and c: these multiply.
func (c *court) linkedQuestion(nonce byte) *Ask {
	a := c.question(nonce)
	a.SQL, a.Departments, a.Registrations = "SELECT count(*) FROM benefits JOIN register USING (id)", []string{"a", "b", "c"}, nil
	for _, r := range []engine.Registration{placedTable("b", "benefits"), placedTable("c", "benefits"), placedTable("a", "register"), placedTable("c", "register")} {
		a.Registrations = append(a.Registrations, RegistrationDigest(r))
	}
	a.Ciphertexts = 2
	a.Linked = &Linked{Spine: SpineDigest(KeyOf(c.keys[0]), c.spine(1, 9)), Department: "a", Table: "register", Version: 1, Positions: 9,
		Encrypted: "benefits", Vectors: 3, Products: 4, Targets: 5}
	return a
}

func blobsOf(what string, who, n int) (out []engine.Digest) {
	for i := range n {
		out = append(out, digestOf(what, who, i))
	}
	return out
}

func (q *QueryState) vectors(i int) *Contribute {
	return &Contribute{Query: q.ID, Epoch: q.Ask.Epoch, Blobs: blobsOf("vector", i, int(q.Ask.Linked.Vectors))}
}

func (q *QueryState) products(i int) *Multiply {
	return &Multiply{Query: q.ID, Epoch: q.Ask.Epoch, Blobs: blobsOf("product", i, int(q.Ask.Linked.Products))}
}

// linkedTo takes a linked question to a phase, and its state through a snapshot at each step.
func (c *court) linkedTo(q *QueryState, phase Phase) {
	c.t.Helper()
	by := func(i int, k ed25519.PrivateKey) Body {
		switch q.Phase {
		case PhaseAdmitting:
			return q.gateAdmission(k)
		case PhaseContributing:
			return q.vectors(i)
		case PhaseMultiplying:
			return q.products(i)
		case PhaseAttesting:
			return &Attest{Query: q.ID, Contributions: q.Contributions}
		case PhaseSharing:
			return q.shares(i)
		}
		return newScreen(q, KeyOf(k), courtVerdict)
	}
	for at := q.Phase; at < phase; at = q.Phase {
		for i, k := range c.validators() {
			if at == PhaseContributing && i == 0 || at == PhaseMultiplying && i == 1 || q.Phase != at || i == 3 && at != PhaseAttesting {
				continue // a sends no vectors, and b multiplies nothing
			}
			c.must(k, by(i, k))
			c.reparsed()
		}
	}
}

// TestLinkedLife: a question that joins tables by persons, from its Ask to its end: who sends what, when, and what is too early, too
// late or doubled.
func TestLinkedLife(t *testing.T) {
	c := joinedCourt(t)
	a, b, d := c.keys[0], c.keys[1], c.keys[2]
	q := c.asked(c.linkedQuestion(1))
	if q.Table() != "benefits JOIN register" || !slices.Equal(q.encrypts, []bool{false, true, true}) || !slices.Equal(q.multiplies, []bool{true, false, true}) {
		t.Fatalf("%s: %v encrypt, %v multiply", q.Table(), q.encrypts, q.multiplies)
	}
	missing := func(want ...string) {
		t.Helper()
		if got := c.state.missing(q.ID); !slices.Equal(got, want) {
			t.Errorf("%s waits for %v, want %v", q.Phase, got, want)
		}
	}
	missing("a", "b", "c")
	c.linkedTo(q, PhaseContributing)
	missing("b", "c")
	c.code(a, q.vectors(0), "stranger")
	c.code(d, q.products(2), "too-early")
	c.must(b, q.vectors(1))
	c.code(b, q.vectors(1), "duplicate")
	c.code(a, &Accuse{Query: q.ID, Department: KeyOf(b), Fault: FaultBadProof, Subject: SubjectContribution, Blob: q.vectors(1).Blobs[0]}, "too-early")
	c.must(d, q.vectors(2))
	missing("a", "c")
	if q.Phase != PhaseMultiplying || q.Contributions != (engine.Digest{}) {
		t.Fatal(q.Phase)
	}
	c.code(b, q.products(1), "stranger")
	c.code(a, &Attest{Query: q.ID}, "too-early")
	c.must(a, q.products(0))
	c.code(a, q.products(0), "duplicate")
	c.code(c.analyst, &Accuse{Query: q.ID, Department: KeyOf(a), Fault: FaultBadProof, Subject: SubjectProduct, Blob: q.products(0).Blobs[0]}, "too-early")
	missing("c")
	c.must(d, q.products(2))
	if want := contributionsDigest(q.ID, [][]engine.Digest{nil, q.vectors(1).Blobs, q.vectors(2).Blobs}, [][]engine.Digest{q.products(0).Blobs, nil, q.products(2).Blobs}); q.Phase != PhaseAttesting || q.Contributions != want {
		t.Fatal(q.Phase)
	}
	c.code(d, q.products(2), "duplicate")
	c.linkedTo(q, PhaseSharing)
	c.code(c.analyst, &Withdraw{Query: q.ID}, "too-late")
	c.linkedTo(q, PhaseShared)
	c.must(c.analyst, &Done{Query: q.ID, Transcript: q.Transcript})
	if again := c.reparsed().Query(q.ID); again.Phase != PhaseDone || !slices.EqualFunc(again.Multiplied, q.Multiplied, slices.Equal[[]engine.Digest]) || again.Contributions != q.Contributions {
		t.Error("a snapshot has another end")
	}
	ordinary := c.reach(PhaseAttesting, 2)
	c.code(a, &Multiply{Query: ordinary.ID, Epoch: ordinary.Ask.Epoch, Blobs: q.products(0).Blobs}, "stranger")
}

// TestLinkedAsk: what the ledger refuses of such a question.
func TestLinkedAsk(t *testing.T) {
	c := joinedCourt(t)
	change := func(f func(*Ask, *Linked)) *Ask { a := c.linkedQuestion(9); f(a, a.Linked); return a }
	other := digestOf("other")
	for what, a := range map[string]*Ask{
		"another version of the spine":        change(func(_ *Ask, l *Linked) { l.Spine = SpineDigest(KeyOf(c.keys[0]), c.spine(2, 9)); l.Version = 2 }),
		"another digest":                      change(func(_ *Ask, l *Linked) { l.Spine = other }),
		"a version that the digest is not of": change(func(_ *Ask, l *Linked) { l.Version = 2 }),
		"more positions":                      change(func(_ *Ask, l *Linked) { l.Positions++ }),
		"fewer positions":                     change(func(_ *Ask, l *Linked) { l.Positions-- }),
		"another department's spine":          change(func(_ *Ask, l *Linked) { l.Department = "c" }),
		"another spine":                       change(func(_ *Ask, l *Linked) { l.Table = "benefits" }),
	} {
		t.Log(what)
		c.code(c.analyst, a, "stale-spine")
	}
	for what, a := range map[string]*Ask{
		"the tables descend": change(func(a *Ask, _ *Linked) { a.Registrations = slices.Concat(a.Registrations[2:], a.Registrations[:2]) }),
		"departments are swapped": change(func(a *Ask, _ *Linked) {
			a.Registrations[0], a.Registrations[1] = a.Registrations[1], a.Registrations[0]
		}),
		"a contributor without a table": change(func(a *Ask, _ *Linked) { a.Registrations = a.Registrations[1:] }),
		"a table twice":                 change(func(a *Ask, _ *Linked) { a.Registrations[1] = a.Registrations[0] }),
		"a table of no contributor":     change(func(a *Ask, _ *Linked) { a.Departments = a.Departments[:2] }),
		"a registration of no table":    change(func(a *Ask, _ *Linked) { a.Registrations[2] = other }),
		"three tables": change(func(a *Ask, _ *Linked) {
			a.Registrations = append(a.Registrations, RegistrationDigest(courtTable("a", 1)))
		}),
		"one table": change(func(a *Ask, _ *Linked) {
			a.Departments, a.Registrations = a.Departments[1:], a.Registrations[:2]
		}),
		"vectors of neither table": change(func(_ *Ask, l *Linked) { l.Encrypted = "heart" }),
	} {
		t.Log(what)
		c.code(c.analyst, a, "stale-catalogue")
	}
	for what, a := range map[string]*Ask{
		"no spine's name":          change(func(_ *Ask, l *Linked) { l.Table = "" }),
		"no department":            change(func(_ *Ask, l *Linked) { l.Department = "" }),
		"version 0":                change(func(_ *Ask, l *Linked) { l.Version = 0 }),
		"no positions":             change(func(_ *Ask, l *Linked) { l.Positions = 0 }),
		"too many positions":       change(func(_ *Ask, l *Linked) { l.Positions = 1 << 31 }),
		"no encrypted table":       change(func(_ *Ask, l *Linked) { l.Encrypted = "" }),
		"no vectors":               change(func(_ *Ask, l *Linked) { l.Vectors = 0 }),
		"too many vectors":         change(func(_ *Ask, l *Linked) { l.Vectors = MaxLinkedBlobs + 1 }),
		"no products":              change(func(_ *Ask, l *Linked) { l.Products = 0 }),
		"too many products":        change(func(_ *Ask, l *Linked) { l.Products = MaxLinkedBlobs + 1 }),
		"no targets":               change(func(_ *Ask, l *Linked) { l.Targets = 0 }),
		"too many targets":         change(func(_ *Ask, l *Linked) { l.Targets = MaxTargets + 1 }),
		"a share without a number": change(func(a *Ask, l *Linked) { l.Targets = a.Ciphertexts - 1 }),
		"a share more than needed": change(func(a *Ask, _ *Linked) { a.Ciphertexts++ }),
		"a share less":             change(func(_ *Ask, l *Linked) { l.Targets = 7 }),
		"a round": change(func(a *Ask, _ *Linked) {
			a.Question, a.Round = "SELECT median(x) FROM heart", 1
			a.SQL = engine.RoundMark(a.Question) + a.SQL
		}),
		"too few tables":  change(func(a *Ask, _ *Linked) { a.Registrations = a.Registrations[:2] }),
		"too many tables": change(func(a *Ask, _ *Linked) { a.Registrations = slices.Repeat(a.Registrations, 2) }),
	} {
		t.Log(what)
		c.code(c.analyst, a, "malformed")
	}
	c.code(c.analyst, change(func(a *Ask, _ *Linked) { a.Departments[0] = "0" }), "unknown-department")
	most := change(func(a *Ask, l *Linked) { l.Vectors, l.Products, a.Ciphertexts, l.Targets = 512, 512, 1, 1 })
	tables, refused := c.state.tablesOf(most, c.state.Epoch())
	if refused != nil {
		t.Fatal(refused)
	}
	for _, members := range []int{1024, 1025} { // 14·512 ciphertexts, 14·512 products, and a share of each member
		most.Ciphertexts = 1
		r := c.state.checkLinked(most, &EpochState{Members: make([]Member, members)}, slices.Repeat(tables, 7))
		if (r == nil) != (members == 1024) || r != nil && r.Code != "too-many" {
			t.Errorf("with %d shares: %v", members, r)
		}
	}
	unlinked := c.linkedQuestion(10)
	unlinked.Linked = nil
	c.code(c.analyst, unlinked, "malformed")
	// The same over a spine that has gone on, of departments that may see it no more, and in a network that joins nothing.
	open := c.asked(c.linkedQuestion(11))
	c.must(c.keys[0], c.spine(2, 9))
	c.code(c.analyst, c.linkedQuestion(12), "stale-spine")
	c.linkedTo(open, PhaseAttesting) // which was asked before
	newer := func(nonce byte) *Ask {
		a := c.linkedQuestion(nonce)
		a.Linked.Version, a.Linked.Spine = 2, SpineDigest(KeyOf(c.keys[0]), c.spine(2, 9))
		return a
	}
	c.must(c.analyst, newer(13))
	d := open2("a", "register", 2)
	d.Membership = []string{"c"}
	c.must(stewardOf("a"), c.publication(d))
	c.code(c.analyst, newer(14), "stranger")
	c.state.network.ProvingKeys = c.state.network.ProvingKeys[:3]
	c.code(c.analyst, newer(15), "no-join")
}

// open2 is an open policy of a later version.
func open2(department, table string, version uint64) policy.Document {
	d := open.Policy(department, table)
	d.Version = version
	return d
}

// TestLinkedFaults: what an author's own signature convicts it of in a question that joins tables by persons.
func TestLinkedFaults(t *testing.T) {
	other := digestOf("other")
	served := func(c *court, key ed25519.PrivateKey, blob engine.Digest, size int) []byte {
		s := SignServed(c.id, key, blob, make([]byte, size))
		return s.Marshal()
	}
	accuse := func(q *QueryState, of Key, s Subject, kind FaultKind, blob engine.Digest) *Accuse {
		a := &Accuse{Query: q.ID, Department: of, Fault: kind, Subject: s, Blob: blob}
		if s == SubjectShare { // the last one, which is shorter
			a.Index = 1
		}
		return a
	}
	for what, tc := range map[string]struct {
		phase Phase
		by    int
		body  func(c *court, q *QueryState) Body
		kind  FaultKind
		of    string
	}{
		"too few vectors": {PhaseContributing, 1, func(_ *court, q *QueryState) Body {
			return &Contribute{Query: q.ID, Epoch: q.Ask.Epoch, Blobs: q.vectors(1).Blobs[1:]}
		}, FaultGarbage, "b"},
		"as many as it has shares": {PhaseContributing, 1, func(_ *court, q *QueryState) Body { return q.contribution(1) }, FaultGarbage, "b"},
		"other vectors":            {PhaseMultiplying, 1, func(_ *court, q *QueryState) Body { return q.vectors(5) }, FaultSecond, "b"},
		"too few products": {PhaseMultiplying, 0, func(_ *court, q *QueryState) Body {
			return &Multiply{Query: q.ID, Epoch: q.Ask.Epoch, Blobs: q.products(0).Blobs[1:]}
		}, FaultGarbage, "a"},
		"of another epoch": {PhaseMultiplying, 0, func(_ *court, q *QueryState) Body {
			return &Multiply{Query: q.ID, Epoch: other, Blobs: q.products(0).Blobs}
		}, FaultStaleEpoch, "a"},
		"other products":             {PhaseAttesting, 0, func(_ *court, q *QueryState) Body { return q.products(5) }, FaultSecond, "a"},
		"other products, much later": {PhaseShared, 2, func(_ *court, q *QueryState) Body { return q.products(5) }, FaultSecond, "c"},
		"attests the vectors alone": {PhaseAttesting, 2, func(_ *court, q *QueryState) Body {
			return &Attest{Query: q.ID, Contributions: contributionsDigest(q.ID, q.Contributed, make([][]engine.Digest, 3))}
		}, FaultWrongDigest, "c"},
		"accuses over no product": {PhaseAttesting, 1, func(c *court, q *QueryState) Body {
			return accuse(q, KeyOf(c.keys[0]), SubjectProduct, FaultBadProof, other)
		}, FaultFalseAccusation, "b"},
		"accuses over a vector as a product": {PhaseAttesting, 1, func(c *court, q *QueryState) Body {
			return accuse(q, KeyOf(c.keys[2]), SubjectProduct, FaultBadProof, q.vectors(2).Blobs[0])
		}, FaultFalseAccusation, "b"},
		"shows a vector's length for a product's": {PhaseAttesting, 1, func(c *court, q *QueryState) Body {
			a := accuse(q, KeyOf(c.keys[0]), SubjectProduct, FaultOversized, q.products(0).Blobs[0])
			a.Served = served(c, c.keys[0], a.Blob, c.sizes.Product)
			return a
		}, FaultFalseAccusation, "b"},
	} {
		t.Run(what, func(t *testing.T) {
			c := joinedCourt(t)
			q := c.asked(c.linkedQuestion(1))
			c.linkedTo(q, tc.phase)
			r := c.code(c.keys[tc.by], tc.body(c, q), string(tc.kind))
			if q.Phase != PhaseFailed || q.Fault == nil || q.Fault.Kind != tc.kind || q.Fault.Department != tc.of || r.Fault != q.Fault {
				t.Errorf("%s %v", q.Phase, q.Fault)
			}
			c.proven(tc.of, tc.kind, q.ID)
		})
	}
	for what, tc := range map[string]struct {
		phase   Phase
		subject Subject
		blob    func(q *QueryState) engine.Digest
		size    func(s Sizes) int
	}{
		"a vector":  {PhaseMultiplying, SubjectContribution, func(q *QueryState) engine.Digest { return q.vectors(2).Blobs[0] }, func(s Sizes) int { return s.Contribution }},
		"a product": {PhaseAttesting, SubjectProduct, func(q *QueryState) engine.Digest { return q.products(2).Blobs[0] }, func(s Sizes) int { return s.Product }},
		"a share":   {PhaseShared, SubjectShare, func(q *QueryState) engine.Digest { return q.shares(2).Blobs[1] }, func(s Sizes) int { return s.Release + 2*s.Slot }},
	} {
		t.Run(what+" of another length", func(t *testing.T) {
			c := joinedCourt(t)
			q := c.asked(c.linkedQuestion(1))
			c.linkedTo(q, tc.phase)
			for k, fault := range map[int]FaultKind{1: FaultOversized, 0: FaultEquivocation} {
				a := accuse(q, KeyOf(c.keys[2]), tc.subject, fault, tc.blob(q))
				a.Served = served(c, c.keys[2], a.Blob, tc.size(c.sizes)+k)
				court := *c
				court.state = c.state.Clone()
				court.must(c.keys[0], a)
				court.proven("c", fault, q.ID)
			}
			c.must(c.keys[0], accuse(q, KeyOf(c.keys[2]), tc.subject, FaultBadProof, tc.blob(q)))
			if again := c.reparsed().Query(q.ID); again.Phase != PhaseAccused || again.Accusation.Subject != tc.subject {
				t.Error("a snapshot has no accusation")
			}
			for _, k := range []ed25519.PrivateKey{c.keys[0], c.keys[1], c.auditor} {
				c.must(k, &Judge{Case: q.ID, Blob: tc.blob(q), Guilty: true})
			}
			if e := c.reparsed().Evidence(); len(e) != 1 || e[0].Department != "c" || e[0].Kind != FaultBadProof {
				t.Errorf("%+v", e)
			}
		})
	}
}

// TestLinkedMissing: whom a query waits for while departments multiply: who has said nothing, and whose vectors cannot be had.
func TestLinkedMissing(t *testing.T) {
	complain := func(q *QueryState, of ed25519.PrivateKey) *Accuse {
		return &Accuse{Query: q.ID, Department: KeyOf(of), Fault: FaultUnavailable, Subject: SubjectContribution, Blob: q.vectors(1).Blobs[0]}
	}
	for _, tc := range []struct {
		what      string
		posts     bool // c multiplies
		complains bool // a complains of b
		want      []string
	}{
		{"nobody", false, false, []string{"a", "c"}},
		{"c", true, false, []string{"a"}},
		{"a complains", false, true, []string{"b", "c"}},
		{"c has them, and a complains", true, true, []string{"a", "b"}},
	} {
		c := joinedCourt(t)
		q := c.asked(c.linkedQuestion(1))
		c.linkedTo(q, PhaseMultiplying)
		if tc.posts {
			c.must(c.keys[2], q.products(2))
		}
		if tc.complains {
			c.must(c.keys[0], complain(q, c.keys[1]))
			c.code(c.keys[0], complain(q, c.keys[1]), "duplicate")
		}
		for _, k := range c.validators()[:3] {
			c.must(k, &Expire{Query: q.ID})
		}
		if again := c.reparsed().Query(q.ID); again.Phase != PhaseExpired || !slices.Equal(again.Missing, tc.want) {
			t.Errorf("%s: missing are %v, want %v", tc.what, again.Missing, tc.want)
		}
	}
	c := joinedCourt(t) // and it can be refused, and taken back
	q := c.asked(c.linkedQuestion(1))
	c.linkedTo(q, PhaseMultiplying)
	c.must(c.keys[1], &Refuse{Query: q.ID, Code: "x"})
	q = c.asked(c.linkedQuestion(2))
	c.linkedTo(q, PhaseMultiplying)
	c.must(c.analyst, &Withdraw{Query: q.ID})
	c.reparsed()
}

// TestLinkedScreening: an answer rests on a screening of the same question over the same spine, in which the same departments multiply; and
// under rules that are not worked out for such questions there is none.
func TestLinkedScreening(t *testing.T) {
	c := joinedCourt(t)
	a := c.linkedQuestion(1)
	a.Screening, a.AnalystKey = true, engine.Digest{}
	a.Linked.Vectors, a.Linked.Products, a.Linked.Targets, a.Ciphertexts = 1, 1, 1, 1
	q := c.asked(a)
	c.linkedTo(q, PhaseSharing)
	for _, k := range c.keys {
		c.must(k, &ShareCommit{Query: q.ID, Epoch: q.Ask.Epoch, Blobs: blobsOf("s", 0, 1)})
	}
	for _, k := range c.keys {
		c.must(k, newScreen(q, KeyOf(k), courtVerdict))
	}
	answer := func(nonce byte, f func(*Linked)) *Ask {
		a := c.linkedQuestion(nonce)
		a.Screen = q.ID
		f(a.Linked)
		return a
	}
	c.code(c.analyst, answer(2, func(l *Linked) { l.Encrypted = "register" }), "not-owner")
	ordinary := c.question(3)
	ordinary.Screen = q.ID
	c.code(c.analyst, ordinary, "not-owner")
	resting := c.asked(answer(4, func(*Linked) {}))
	c.linkedTo(resting, PhaseShared)
	c.must(c.analyst, &Done{Query: resting.ID, Transcript: resting.Transcript})
	for version, rules := range []engine.Disclosure{{Count: 5, History: 30}, {Count: 5, DominanceCount: 1, DominancePerMille: 600}, {Count: 5, Perturbed: 3}} {
		d := open2("b", "benefits", uint64(version)+2)
		d.Disclosure = rules
		c.must(stewardOf("b"), c.publication(d))
		c.code(c.analyst, c.linkedQuestion(byte(10+version)), CodePolicy)
	}
}

// TestLinkedIsNamed: a query's id covers everything that it joins by, and no department plans such a question yet.
func TestLinkedIsNamed(t *testing.T) {
	c := joinedCourt(t)
	a := c.linkedQuestion(1)
	id := QueryID(c.id, KeyOf(c.analyst), a)
	of := reflect.TypeFor[Linked]()
	for i := 1; i < of.NumField(); i++ {
		changed := *a.Linked
		switch f := reflect.ValueOf(&changed).Elem().Field(i); f.Kind() {
		case reflect.String:
			f.SetString(f.String() + "x")
		case reflect.Array:
			f.Index(0).SetUint(f.Index(0).Uint() + 1)
		default:
			f.SetUint(f.Uint() + 1)
		}
		other := *a
		other.Linked = &changed
		if QueryID(c.id, KeyOf(c.analyst), &other) == id {
			t.Errorf("the id does not cover %s", of.Field(i).Name)
		}
	}
	if _, err := c.asked(a).planned(&engine.Plan{}, nil); err == nil {
		t.Error("it is planned")
	}
}

// TestForgedLinked: a snapshot with what no entries lead to.
func TestForgedLinked(t *testing.T) {
	c := joinedCourt(t)
	q := c.asked(c.linkedQuestion(1))
	c.linkedTo(q, PhaseMultiplying)
	c.must(c.keys[0], q.products(0))
	ordinary := c.reach(PhaseContributing, 2)
	for what, forge := range map[string]func(w *queryWire){
		"by who sends no vectors":   func(w *queryWire) { resign(c, w, 0, q.vectors(0)) },
		"by who multiplies nothing": func(w *queryWire) { resign(c, w, 1, q.products(1)) },
		"fewer products": func(w *queryWire) {
			resign(c, w, 0, &Multiply{Query: q.ID, Epoch: q.Ask.Epoch, Blobs: blobsOf("p", 0, 3)})
		},
		"as many vectors as shares":  func(w *queryWire) { resign(c, w, 1, q.contribution(1)) },
		"without a vector":           func(w *queryWire) { w.Records = slices.Delete(w.Records, 4, 5) },
		"attested without a product": func(w *queryWire) { w.Phase, w.Reached = PhaseAttesting, PhaseAttesting },
	} {
		forgedQuery(c, t, q.ID, what, forge)
	}
	forgedQuery(c, t, ordinary.ID, "one that joins nothing and multiplies", func(w *queryWire) { w.Phase, w.Reached = PhaseMultiplying, PhaseMultiplying })
}

// resign puts another last record into a query, which one of the court signed.
func resign(c *court, w *queryWire, by int, b Body) {
	r := w.Records[len(w.Records)-1]
	r.Entry = Sign(c.id, c.keys[by], b)
	w.Records = append(slices.Clone(w.Records[:len(w.Records)-1]), r)
}

// forgedQuery holds that a snapshot with a changed query is refused.
func forgedQuery(c *court, t *testing.T, id engine.Digest, what string, forge func(w *queryWire)) {
	t.Helper()
	var w stateWire
	if err := engine.Unmarshal(c.state.Marshal(), &w); err != nil {
		t.Fatal(err)
	}
	for i := range w.Queries {
		q := &w.Queries[i]
		body, err := q.Records[0].Entry.Open()
		if err != nil || QueryID(c.id, q.Records[0].Entry.Author, body.(*Ask)) != id {
			continue
		}
		forge(q)
		q.Sum = engine.Digest{}
		for j := range q.Records {
			q.Sum = extend(q.Sum, &q.Records[j])
		}
	}
	if _, err := ParseState(c.network, c.sizes, engine.Marshal(&w)); err == nil {
		t.Errorf("a snapshot is taken of a query %s", what)
	}
}

// TestSpineOf: before it is asked, a question that joins by persons is refused in words where it would be by the ledger, and by the same state.
func TestSpineOf(t *testing.T) {
	c := joinedCourt(t)
	plan, err := engine.NewLinkedPlan("SELECT count(*) FROM benefits JOIN register USING (id)", c.state.Catalogue(), []string{"a", "b", "c"},
		engine.Packing{LimbBits: 20, LimbsPerCiphertext: 64, MaxCiphertexts: 4, MaxDepartments: 4})
	if err != nil {
		t.Fatal(err)
	}
	refused := func(code string) {
		t.Helper()
		spine, err := c.state.SpineOf(plan)
		var e *engine.Error
		if code == "" && (err != nil || spine.Version != 1 || spine.Positions() != 9) || code != "" && (!errors.As(err, &e) || e.Code != code || e.Message == "") {
			t.Errorf("want %q: %+v, %v", code, spine, err)
		}
	}
	refused("")
	d := open2("a", "register", 2)
	d.Membership = []string{"c"}
	c.must(stewardOf("a"), c.publication(d))
	refused(CodePolicy)
	plan.Join.Linked.Spine.Table = "population"
	refused(engine.CodeUnanswered)
	linkage := c.state.linkage
	c.state.linkage = nil
	refused(engine.CodeUnanswered)
	c.state.linkage = linkage
	c.state.network.ProvingKeys = c.state.network.ProvingKeys[:3]
	refused(engine.CodeUnanswered)
}
