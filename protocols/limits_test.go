package protocols

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"parley/circuits"
	"parley/engine"
	"parley/engine/policy"
	"parley/engine/policy/open"
	"parley/protocols/linkage"
)

// boundedCourt is a seated court of three departments at parameters that allow so many.
func boundedCourt(t *testing.T, most int) *court {
	c := newCourt(t)
	c.sizes.Departments = most
	c.state = NewState(c.network, c.sizes)
	c.join()
	return c
}

// TestCommittee: no vote makes the committee larger than the parameters allow: it would never
// form an epoch again.
func TestCommittee(t *testing.T) {
	version := func(c Change, v uint64) Change { c.Version = v; return c }
	fourth, fifth := adding(RoleDepartment, "fourth"), adding(RoleDepartment, "fifth")
	rotate := Change{Version: 1, Action: ActionRotate, Role: RoleDepartment, Key: KeyOf(courtKey("a")), NewKey: KeyOf(courtKey("a2"))}
	remove := Change{Version: 1, Action: ActionRemove, Role: RoleDepartment, Key: KeyOf(courtKey("c"))}
	for _, step := range []struct {
		what    string
		most    int
		changes []Change
		refused bool // the last one
	}{
		{"full", 3, []Change{fourth}, true},
		{"over its limit already", 2, []Change{fourth}, true},
		{"no parameters", 0, []Change{fourth}, true},
		{"negative", -1, []Change{fourth}, true},
		{"room for one", 4, []Change{fourth}, false},
		{"room for one, two come", 4, []Change{fourth, version(fifth, 2)}, true},
		{"room for two", 5, []Change{fourth, version(fifth, 2)}, false},
		{"named, full", 3, []Change{{Version: 1, Action: ActionAdd, Role: RoleDepartment, Name: "d", Key: KeyOf(courtKey("d"))}}, true},
		{"an auditor", 3, []Change{adding(RoleAuditor, "another")}, false},
		{"an auditor, then a department", 3, []Change{adding(RoleAuditor, "another"), version(fourth, 2)}, true},
		{"another key", 3, []Change{rotate}, false},
		{"another key, then a department", 3, []Change{rotate, version(fourth, 2)}, true},
		{"one leaves", 3, []Change{remove, version(fourth, 2)}, false},
		{"one leaves, two come", 3, []Change{remove, version(fourth, 2), version(fifth, 3)}, true},
	} {
		t.Run(step.what, func(t *testing.T) {
			c := boundedCourt(t, step.most)
			for i, change := range step.changes {
				if i == len(step.changes)-1 && step.refused {
					if r := c.code(c.auditor, &Vote{Change: change}, "too-many"); !strings.Contains(r.Sentence, "parameters allow") {
						t.Errorf("%q", r.Sentence)
					}
					return
				}
				for _, k := range c.validators() {
					if c.state.Membership().Version == change.Version && c.state.IsValidator(KeyOf(k)) {
						c.must(k, &Vote{Change: change})
					}
				}
				if c.state.Membership().Version != change.Version+1 {
					t.Fatalf("change %d has no effect", i)
				}
			}
			s, err := ParseState(c.network, c.sizes, c.state.Marshal())
			if err != nil || s.Digest() != c.state.Digest() {
				t.Errorf("the snapshot: %v", err)
			}
		})
	}
}

// TestFoundingCommittee: no network is founded that could form no epoch.
func TestFoundingCommittee(t *testing.T) {
	for _, c := range []struct {
		parameters  string
		departments int
		ok          bool
	}{
		{"light", 0, false}, {"light", 1, true}, {"light", 15, true}, {"light", 16, false}, {"light", 17, false}, {"light", 64, false},
		{"default", 16, true}, {"default", 64, true}, {"default", 65, false}, {"test", 64, true}, {"test", 65, false}, {"other", 64, true}, {"other", 65, false},
	} {
		size, known := circuits.NamedVerifyingSize(c.parameters, false)
		if known != (c.parameters != "other") {
			t.Errorf("the keys of %s take %d bytes, %v", c.parameters, size, known)
		}
		n := &Network{Version: Version, Name: "court", Nonce: digestOf("founding"), Parameters: c.parameters, Development: true, VerifyingKeys: make([]byte, max(1, size)), ProvingKeys: []engine.Digest{{1}, {2}, {3}}}
		for i := range c.departments {
			n.Departments = append(n.Departments, Member{Name: fmt.Sprint("d", i), Key: KeyOf(courtKey(fmt.Sprint(i)))})
		}
		n.Normalize()
		if err := n.Validate(true); (err == nil) != c.ok {
			t.Errorf("%d departments at %s: %v", c.departments, c.parameters, err)
		}
	}
	for _, name := range []string{"default", "light", "test"} {
		p, err := circuits.Named(name)
		if most, ok := circuits.NamedDepartments(name); err != nil || !ok || most != p.MaxDepartments() || SizesOf(p).Departments != most {
			t.Errorf("%s: %d, %v", name, most, err)
		}
	}
}

// TestNumbersOfKeys: a network with as many verifying keys as proving ones is described, and no other: it would answer joins without a key to verify
// them by, or verify what it does not answer.
func TestNumbersOfKeys(t *testing.T) {
	three, _ := circuits.NamedVerifyingSize("joined", false)
	six, _ := circuits.NamedVerifyingSize("joined", true)
	digests := []engine.Digest{{1}, {2}, {3}, {4}, {5}, {6}}
	for _, c := range []struct {
		proving, verifying int
		says               string
	}{{3, three, ""}, {6, six, ""}, {6, three, "names 6 proving keys"}, {3, six, "names 3 proving keys"}, {3, three - 1, "verifying keys take"}, {6, six + 1, "verifying keys take"}, {5, six, "digests"}} {
		n := &Network{Version: Version, Name: "court", Nonce: digestOf("founding"), Parameters: "joined", Development: true, VerifyingKeys: make([]byte, c.verifying), ProvingKeys: digests[:c.proving],
			Departments: []Member{{Name: "a", Key: KeyOf(courtKey("a"))}}}
		if err := n.Validate(true); (err == nil) != (c.says == "") || err != nil && !strings.Contains(err.Error(), c.says) {
			t.Errorf("%d and %d bytes: %v", c.proving, c.verifying, err)
		}
	}
}

func namedTable(department, table string, version uint64) engine.Registration {
	r := courtTable(department, version)
	r.Table = table
	return r
}

// TestTablesOfDepartment: one department does not fill the catalogue of all. Versions of a
// table are one table.
func TestTablesOfDepartment(t *testing.T) {
	if MaxTables*MaxDepartments > engine.MaxRegistrations || MaxTables < 1 {
		t.Fatalf("%d tables of %d departments", MaxTables, MaxDepartments)
	}
	c := boundedCourt(t, 3)
	c.quiet = true
	for i := range MaxTables {
		for v := range uint64(1 + i%3) {
			c.must(c.keys[0], &Register{Registration: namedTable("a", fmt.Sprint("t", i), v+1)})
		}
	}
	for _, name := range []string{"t64", "heart", "T0", "t0 ", "another"} {
		if r := c.code(c.keys[0], &Register{Registration: namedTable("a", name, 1)}, "too-many"); !strings.Contains(r.Sentence, "64 tables") {
			t.Errorf("%q", r.Sentence)
		}
	}
	for v := range uint64(5) {
		c.must(c.keys[0], &Register{Registration: namedTable("a", "t0", 10+v)})
		c.must(c.keys[0], &Register{Registration: namedTable("a", "t63", 10+v)})
	}
	c.code(c.keys[0], &Register{Registration: namedTable("a", "t63", 3)}, "duplicate")
	for i := range MaxTables {
		c.must(c.keys[1], &Register{Registration: namedTable("b", fmt.Sprint("t", i), 1)})
	}
	c.code(c.keys[1], &Register{Registration: namedTable("b", "more", 1)}, "too-many")
	c.must(c.keys[2], &Register{Registration: namedTable("c", "t0", 1)})
	s, err := ParseState(c.network, c.sizes, c.state.Marshal())
	if err != nil || s.Digest() != c.state.Digest() || len(s.Catalogue()) != 2*MaxTables+1 {
		t.Fatal(err)
	}
	if err := s.Apply(Place{Block: 900, Time: 900000}, Sign(c.id, c.keys[0], &Register{Registration: namedTable("a", "more", 1)})); err == nil {
		t.Error("the snapshot forgot how many tables there are")
	}
}

// wideTable is a registration of nearly so many bytes.
func wideTable(department, table string, version uint64, bytes int) engine.Registration {
	r := namedTable(department, table, version)
	r.Rows, r.Columns = engine.MaxDictionary, nil
	for left := bytes; left > 0; {
		c := engine.Column{Name: fmt.Sprint("c", len(r.Columns)), Kind: engine.Text, HasDictionary: true}
		for i := 0; i < engine.MaxDictionary && left > 0; i++ {
			text := fmt.Sprintf("%04d", i) + strings.Repeat("x", min(left, engine.MaxDictionaryText-4))
			c.Dictionary = append(c.Dictionary, text)
			left -= len(text) + 3
		}
		r.Columns = append(r.Columns, c)
	}
	return r
}

// TestCatalogueShare: the registrations of one department do not fill the state, not with many
// tables and not with versions that queries use; with less it may always go on.
func TestCatalogueShare(t *testing.T) {
	if testing.Short() {
		t.Skip("tens of megabytes of registrations")
	}
	const wide = MaxEntryBytes - 1<<16
	c := boundedCourt(t, 3)
	c.quiet = true
	fit := MaxCatalogueBytes / 3 / wide
	for i := range fit {
		c.must(c.keys[0], &Register{Registration: wideTable("a", fmt.Sprint("t", i), 1, wide)})
	}
	if r := c.code(c.keys[0], &Register{Registration: wideTable("a", "heart", 1, wide)}, "too-many"); !strings.Contains(r.Sentence, "its share is") {
		t.Errorf("%q", r.Sentence)
	}
	c.must(c.keys[0], &Register{Registration: wideTable("a", "t0", 2, wide)}) // in its place
	c.must(c.keys[0], &Register{Registration: courtTable("a", 1)})
	c.must(c.keys[1], &Register{Registration: wideTable("b", "heart", 1, wide)})
	c.must(c.keys[2], &Register{Registration: courtTable("c", 1)})
	c.must(c.keys[1], &Register{Registration: courtTable("b", 2)})
	c.form()
	// A version that a query uses is kept, and counts.
	c.steward(c.keys[0], "a")
	t0 := open.Policy("a", "t0")
	c.must(stewardOf("a"), c.publication(t0))
	ask := c.question(1)
	ask.Departments, ask.Registrations = []string{"a"}, []engine.Digest{RegistrationDigest(wideTable("a", "t0", 2, wide))}
	c.must(c.analyst, ask)
	c.code(c.keys[0], &Register{Registration: wideTable("a", "t0", 3, wide)}, "too-many")
	c.must(c.keys[0], &Register{Registration: namedTable("a", "t1", 2)})
	c.must(c.keys[0], &Register{Registration: wideTable("a", "t0", 3, wide)})
	if _, err := ParseState(c.network, c.sizes, c.state.Marshal()); err != nil {
		t.Error(err)
	}
}

// TestLessIsTaken: who has more than its share, since members came, may register less.
func TestLessIsTaken(t *testing.T) {
	if testing.Short() {
		t.Skip("whole networks, many times over")
	}
	c := boundedCourt(t, MaxDepartments)
	c.quiet = true
	size := MaxCatalogueBytes/4/8 + 1<<12
	for i := range 8 { // within a third, over a quarter
		c.must(c.keys[0], &Register{Registration: wideTable("a", fmt.Sprint("t", i), 1, size)})
	}
	for _, k := range c.validators() {
		if c.state.Membership().Version == 1 {
			c.must(k, &Vote{Change: adding(RoleDepartment, "fourth")})
		}
	}
	c.code(c.keys[0], &Register{Registration: wideTable("a", "t0", 2, size+100)}, "too-many")
	c.must(c.keys[0], &Register{Registration: wideTable("a", "t0", 2, size-100)})
	c.must(c.keys[0], &Register{Registration: wideTable("a", "t0", 3, size-200)})
	c.code(c.keys[0], &Register{Registration: courtTable("a", 1)}, "too-many")
}

// TestStateFits: by its limits no state is longer than a snapshot may be. The figures are of the
// longest bodies that the referee takes, all of them at once.
func TestStateFits(t *testing.T) {
	key := courtKey("a")
	size := func(b Body) int {
		return len(engine.Marshal(Record{Number: 1 << 62, Block: 1 << 62, Time: 1 << 62, Entry: Sign(digestOf(), key, b)}))
	}
	name, digests, served := strings.Repeat("n", MaxNameBytes), make([]engine.Digest, MaxCiphertexts), make([]byte, MaxServedBytes)
	sentence := strings.Repeat("s", MaxSentence)
	names := make([]string, MaxDepartments)
	for i := range names {
		names[i] = name
	}
	const validators, digest, member = MaxDepartments + MaxAuditors, 34, 34 + MaxNameBytes + 3
	fault := 2*MaxSentence + 4*digest + 4*member
	judgments := validators * size(&Judge{})
	purpose := strings.Repeat("p", policy.MaxTextBytes)
	ask := size(&Ask{SQL: strings.Repeat("s", engine.MaxSQLBytes), Departments: names, Registrations: make([]engine.Digest, MaxAskTables), Ciphertexts: 1 << 31,
		Purpose: purpose, Basis: purpose, Grants: make([]engine.Digest, MaxDepartments)})
	ask += MaxDepartments * (9 + len(engine.Marshal(charge{Grant: 1 << 62, Used: 1 << 62})))
	blobs := size(&Contribute{Blobs: digests})
	linkedAsk := len(engine.Marshal(&Linked{Department: name, Table: strings.Repeat("t", engine.MaxNameBytes), Encrypted: strings.Repeat("t", engine.MaxNameBytes), Version: 1 << 62,
		Positions: 1 << 31, Vectors: 1 << 31, Products: 1 << 31, Targets: 1 << 31}))
	joined := linkedAsk + 3*MaxDepartments*size(&Multiply{}) + MaxQuestionBlobs*digest
	query := ask + max(2*MaxDepartments*blobs, joined) + MaxDepartments*size(&Admit{}) + validators*size(&Attest{}) + size(&Done{}) +
		size(&Accuse{Sentence: sentence, Served: served}) + fault + validators*(member+3*digest) + judgments + MaxDepartments*9 + 1024 +
		MaxDepartments*(size(&Screen{})+9) + MaxVerdictBytes
	epoch := size(&EpochOpen{Members: make([]Key, MaxDepartments)}) + MaxDepartments*(size(&KeyCommit{})+size(&KeyAttest{})+member) +
		size(&EpochAbort{Sentence: sentence, Served: served}) + fault + judgments + 1024
	evidence := fault + max((validators+2)*min(blobs, MaxEvidenceRecord), MaxQuestionBlobs*digest+2*MaxDepartments*size(&Multiply{})) + 2*MaxEvidenceRecord + 1024
	tables := engine.MaxRegistrations + (KeepEnded+MaxPending)*MaxAskTables
	place := strings.Repeat("p", MaxPlaceBytes)
	person := size(&Vouch{Name: name, Place: place, Roles: PersonRoles(), From: 1 << 62, Until: 1 << 62, Turn: 1 << 62}) + 9
	roomOfDecisions(t, size)
	former := len(engine.Marshal(&Former{Name: name, Reason: sentence[:MaxReason], Number: 1 << 62, Time: 1 << 62}))
	sum := 0
	for _, part := range []struct {
		what  string
		bytes int
	}{
		{"history and votes", MaxHistory * size(&Vote{Change: Change{Role: RoleDepartment, Action: ActionRotate, Name: name, Version: 1 << 62}})},
		{"queries", (KeepEnded + MaxPending) * query},
		{"epochs", (KeepEpochs + 1 + KeepEnded + MaxPending) * epoch},
		{"forgotten", (MaxAsked + KeepEnded) * digest},
		{"evidence", MaxEvidence * evidence},
		{"persons", MaxDepartments*MaxPeople*person + (KeepEnded+MaxPending)*(person+9)},
		{"their former keys", MaxDepartments * MaxPersonKeys * former},
		{"acts", (MaxDepartments*MaxPeople + validators) * (digest + 10)},
		{"rights", MaxRightsBytes},
		{"alerts", KeepAlerts * (size(&Alert{Name: name, Rule: sentence[:MaxAlertText], Found: sentence[:MaxAlertText]}) +
			len(engine.Marshal(alertOf{Table: strings.Repeat("t", engine.MaxNameBytes), Purpose: purpose, Name: name, Department: name})) + 9)},
		{"linkage", MaxDepartments*(size(&LinkageReveal{})+size(&LinkageCommit{})+member+2*digest+24+KeepDraws*(digest+16)) + MaxDepartments*(size(&Spine{Table: strings.Repeat("t", engine.MaxNameBytes),
			Version: 1 << 62, Blocks: slices.Repeat([]SpineBlock{{Count: linkage.MaxBlock}}, linkage.MaxBlocks)})+
			(MaxSpines-1)*size(&Spine{Table: strings.Repeat("t", engine.MaxNameBytes), Version: 1 << 62})) +
			size(&LinkageOpen{Members: make([]Key, MaxDepartments)}) + size(&LinkageClose{Sentence: sentence}) + 1024},
		{"catalogue", MaxCatalogueBytes},
		{"its records", tables * (size(&Done{}) + 9)},
	} {
		t.Logf("%-18s %9d", part.what, part.bytes)
		sum += part.bytes
	}
	if sum > MaxStateBytes {
		t.Errorf("a state may take %d bytes, and a snapshot %d", sum, MaxStateBytes)
	}
}

// roomOfDecisions holds that what a decision counts with bounds what it takes in the state, whatever
// comes to it.
func roomOfDecisions(t *testing.T, size func(Body) int) {
	by := &person{body: Vouch{Name: strings.Repeat("n", MaxNameBytes)}}
	by.record.Entry = Sign(digestOf(), courtKey("a"), &by.body)
	reason, name := strings.Repeat("r", MaxReason), strings.Repeat("n", MaxNameBytes)
	var departments []string
	var answers []Answer
	for i := range MaxDepartments {
		departments = append(departments, fmt.Sprintf("%064d", i))
		answers = append(answers, Answer{Department: name, Reason: reason, Number: 1 << 62, Time: 1 << 62})
	}
	grant := &Grant{Grant: policy.Grant{Department: name, Table: name}, Under: 1 << 62}
	for _, c := range []struct {
		body Body
		wire any
	}{
		{&Publish{Document: policy.Document{Department: name, Table: name}}, uint64(1 << 62)},
		{grant, grantWire{Number: 1 << 62, Used: 1 << 62, Ending: &Ending{Number: 1 << 62, Time: 1 << 62, Reason: reason},
			Running: slices.Repeat([]running{{Stage: 1 << 31}}, MaxRunning)}},
		{&Request{Request: policy.Request{Departments: departments}}, requestWire{Number: 1 << 62, Under: 1 << 62, Answers: answers}},
	} {
		d := newDecided(&Record{Number: 1 << 62, Block: 1 << 62, Time: 1 << 62, Entry: Sign(digestOf(), courtKey("a"), c.body)}, by, c.body)
		if takes := size(c.body) + size(&by.body) + len(engine.Marshal(c.wire)); takes > d.bytes {
			t.Errorf("a %s takes %d bytes, and counts with %d", c.body.Kind(), takes, d.bytes)
		}
	}
}

// TestCheckTables: what the referee will refuse of a department's tables is told before a node
// starts, with the same limits.
func TestCheckTables(t *testing.T) {
	many := func(n int) (out []engine.Registration) {
		for i := range n {
			out = append(out, namedTable("a", fmt.Sprint("t", i), 1))
		}
		return out
	}
	edit := func(change func(*engine.Registration)) []engine.Registration {
		r := courtTable("a", 1)
		change(&r)
		return []engine.Registration{r}
	}
	const wide = MaxEntryBytes - 1<<16
	for _, c := range []struct {
		what, department string
		tables           []engine.Registration
		departments      int
		says             string
	}{
		{"none", "a", nil, 3, ""},
		{"one", "a", many(1), 3, ""},
		{"as many as may be", "a", many(MaxTables), 64, ""},
		{"one too many", "a", many(MaxTables + 1), 1, "it may have 64"},
		{"a long entry", "a", []engine.Registration{wideTable("a", "t", 1, wide)}, 3, ""},
		{"too long an entry", "a", []engine.Registration{wideTable("a", "t", 1, MaxEntryBytes)}, 3, "over the limit of 4193792"},
		{"far too long an entry", "a", []engine.Registration{wideTable("a", "t", 1, 3*MaxEntryBytes)}, 1, "over the limit of 4193792"},
		{"over the share", "a", []engine.Registration{wideTable("a", "t", 1, wide/2)}, 64, "its share among 64 departments"},
		{"together over the share", "a", []engine.Registration{wideTable("a", "t", 1, wide), wideTable("a", "u", 1, wide)}, 15, "its share among 15 departments"},
		{"within it among fewer", "a", []engine.Registration{wideTable("a", "t", 1, wide), wideTable("a", "u", 1, wide)}, 3, ""},
		{"no name", "", many(1), 3, "a name is 1 to 64 bytes"},
		{"too long a name", strings.Repeat("a", 65), many(1), 3, "a name is 1 to 64 bytes"},
		{"a name with a line", "a\nb", many(1), 3, "U+000A"},
		{"a table with a line", "a", edit(func(r *engine.Registration) { r.Table = "t\n" }), 3, "control characters"},
		{"a table without a name", "a", edit(func(r *engine.Registration) { r.Table = "" }), 3, "is empty"},
		{"no columns", "a", edit(func(r *engine.Registration) { r.Columns = nil }), 3, "0 columns"},
		{"too many columns", "a", edit(func(r *engine.Registration) { r.Columns = make([]engine.Column, engine.MaxColumns+1) }), 3, "1025 columns"},
		{"too many rows", "a", edit(func(r *engine.Registration) { r.Rows = engine.MaxRows + 1 }), 3, "rows"},
	} {
		t.Run(c.what, func(t *testing.T) {
			err := CheckTables(c.department, c.tables, c.departments)
			if c.says == "" && err != nil || c.says != "" && (err == nil || !strings.Contains(err.Error(), c.says)) {
				t.Errorf("%v", err)
			}
		})
	}
}
