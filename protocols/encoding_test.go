package protocols

import (
	"bytes"
	"encoding/hex"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"math/big"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"parley/engine"
	"parley/engine/policy"
	"parley/protocols/linkage"
	"parley/protocols/mhe"
	"parley/protocols/mhe/tiny"
)

var update = flag.Bool("update", false, "write the golden files that are missing, and BATTERY.md and ATTACKS.md anew")

const goldenQuestion = "SELECT median(age)\n\tFROM heart"

// goldenEntries are one entry of each kind with fixed content.
func goldenEntries() []Entry {
	d := func(b byte) (out engine.Digest) {
		for i := range out {
			out[i] = b
		}
		return
	}
	k := func(b byte) Key { return Key(d(b)) }
	registration := engine.Registration{Department: "Köln", Table: "heart", Version: 3, Rows: 12, Digest: d(9), Columns: []engine.Column{
		{Name: "age", Kind: engine.Integer, Min: big.NewInt(-3), Max: big.NewInt(90)},
		{Name: "sex", Kind: engine.Text, Nullable: true, HasDictionary: true, Dictionary: []string{"F", "M"}},
	}}
	terms := policy.Terms{Filter: []string{"age"}, Group: []string{"*"}, Aggregate: []string{"cost"}, Functions: []string{"count", "sum"},
		Purposes: []string{"poverty relapse"}, Bases: []string{"*"}, Cohort: 10, Contributors: 3, Uses: 12,
		Hours: []policy.Hours{{From: 480, To: 720}}, Zone: 480, Until: 20820*86400 - 8*3600}
	granted := terms
	granted.Uses, granted.Until = 3, 1800000000
	const form = "SELECT count(*) FROM heart WHERE age > $1"
	bodies := []Body{
		&Join{Name: "Köln", Nonce: d(1)},
		&Register{Registration: registration, Nonce: d(2)},
		&EpochOpen{Number: 4, ID: d(3), Members: []Key{k(4), k(5)}, Beacon: d(6)},
		&KeyCommit{Epoch: d(3), Blob: d(7)},
		&KeyAttest{Epoch: d(3), Digest: d(8)},
		&EpochAbort{Epoch: d(3), Culprit: k(5), Fault: FaultBadProof, Blob: d(7), Sentence: "no"},
		&Ask{SQL: engine.RoundMark(goldenQuestion) + "SELECT buckets(age, 0, 1, 90) FROM heart", Question: goldenQuestion, Round: 2, Epoch: d(8), Departments: []string{"Köln"}, Registrations: []engine.Digest{d(9)},
			Plan: d(10), Ciphertexts: 1, AnalystKey: d(11), Nonce: d(12), DeadlineSeconds: 60, Purpose: "poverty relapse", Basis: "Statistics Law 9", Grants: []engine.Digest{d(23)}},
		&Admit{Query: d(13), Epoch: d(8), Key: d(27), Opening: d(28)},
		&Refuse{Query: d(13), Code: CodePolicy, Sentence: "not you"},
		&Contribute{Query: d(13), Epoch: d(8), Blobs: []engine.Digest{d(14)}},
		&Attest{Query: d(13), Contributions: d(15)},
		&Accuse{Query: d(13), Department: k(5), Fault: FaultUnavailable, Subject: SubjectShare, Index: 2, Blob: d(14), Sentence: "gone"},
		&ShareCommit{Query: d(13), Epoch: d(8), Blobs: []engine.Digest{d(16), d(17)}},
		&Done{Query: d(13), Certificate: d(18), Transcript: d(19)},
		&Expire{Query: d(13)},
		&Vote{Change: Change{Version: 2, Action: ActionRotate, Role: RoleAuditor, Key: k(4), NewKey: k(5)}, Withdraw: true, Turn: 1},
		&Judge{Case: d(13), Blob: d(14), Guilty: true},
		&Withdraw{Query: d(13)},
		&Vouch{Person: k(21), Name: "Mei", Roles: []PersonRole{PersonAnalyst, PersonSteward}, From: 1700000000, Until: 1800000000, Replaces: k(22), First: k(24), Place: "Jiangsu/Nanjing", Turn: 2},
		&Revoke{Person: k(21), Reason: "left", Turn: 3},
		&Act{Node: k(4), What: "vote remove department 12D3KooW", Turn: 4},
		&Publish{Under: 17, Document: policy.Document{Department: "Köln", Table: "heart", Version: 2, Membership: []string{"Bonn"}, Disclosure: engine.Disclosure{Count: 10, ZeroIsSmall: true, Floor: 3}, Rules: []policy.Rule{{Name: "cost by county",
			Who: []string{"department:Köln", "under:Jiangsu"}, Terms: terms, When: "weekday <= 5"}}}},
		&Request{Request: policy.Request{Departments: []string{"Bonn", "Köln"}, Table: "heart", Question: form, Due: 1750000000,
			Subject: policy.Subject{Form: form, Parameters: []policy.Parameter{{Range: true, Low: 1, High: 9}}, Contributors: []string{"Bonn", "Köln"}}, Terms: granted}},
		&Grant{Under: 17, Grant: policy.Grant{Department: "Köln", Table: "heart", Version: 3, Person: policy.Key(k(21)), Request: d(25), Turn: 6,
			Subject: policy.Subject{Asked: d(26)}, Terms: granted}},
		&Decline{Request: d(25), Reason: "another purpose", Under: 17},
		&Rescind{Grant: d(23), Reason: "misused", Under: 17},
		&Alert{Query: d(13), Name: "relapse", Rule: "households above 120", Found: "county Lishui: 131"},
		&Screen{Query: d(13), Verdict: verdictDigest([]byte{0, 200, 1, 1, 6}), Packed: []byte{0, 200, 1, 1, 6}},
		&LinkageOpen{Number: 4, ID: d(29), Members: []Key{k(4), k(5)}},
		&LinkageCommit{Linkage: d(29), Commitment: d(30)},
		&LinkageReveal{Linkage: d(29), Reveal: linkage.Reveal{Public: d(31), Nonce: d(32), Proof: [linkage.ProofSize]byte{33}}},
		&LinkageClose{Linkage: d(29), Sentence: "the share is lost"},
		&Draw{Linkage: d(29), Number: 3, Count: 65535, Most: 1 << 20, Points: d(34)},
		&Spine{Linkage: d(29), Table: "register", Registration: d(9), Version: 2, Blocks: []SpineBlock{{Blob: d(35), Count: 1 << 20}, {Blob: d(36), Count: 7}}},
		&Multiply{Query: d(13), Epoch: d(8), Blobs: []engine.Digest{d(37), d(38)}},
	}
	var entries []Entry
	for _, b := range bodies {
		entries = append(entries, Sign(d(20), courtKey("golden"), b))
	}
	return entries
}

// golden compares a named value with its file of this Version, byte for byte. A file is written
// once: -update writes those that are missing, and no flag changes one. Whoever changes an encoding
// changes Version with it, and so begins a folder.
func golden(t *testing.T, name string, raw []byte) {
	t.Helper()
	path := filepath.Join(goldenFolder(), name+".hex")
	text := hex.EncodeToString(raw) + "\n"
	want, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) && *update {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		want, err = []byte(text), os.WriteFile(path, []byte(text), 0o644)
	}
	if err != nil {
		t.Fatal(err)
	}
	if text != string(want) {
		t.Errorf("%s is encoded differently, which needs another Version than %d:\n%s%s", name, Version, text, want)
	}
}

func goldenFolder() string { return filepath.Join("testdata", "golden", fmt.Sprint(Version)) }

func TestGoldenEncodings(t *testing.T) {
	seen := map[EntryKind]bool{}
	for _, e := range goldenEntries() {
		raw := e.Marshal()
		golden(t, "entry-"+e.Kind.String(), raw)
		seen[e.Kind] = true
		back, err := ParseEntry(raw)
		if err != nil {
			t.Fatalf("%s: %v", e.Kind, err)
		}
		body, err := back.Open()
		if err != nil {
			t.Fatalf("%s: %v", e.Kind, err)
		}
		if body.Kind() != e.Kind || !bytes.Equal(engine.Marshal(body), e.Body) {
			t.Errorf("%s does not survive its encoding", e.Kind)
		}
	}
	if len(seen) != int(lastKind) {
		t.Errorf("%d of %d kinds have a golden encoding", len(seen), lastKind)
	}
	entry := goldenEntries()[3]
	record := Record{Number: 6, Block: 4, Time: 1700000000123, Entry: entry}
	golden(t, "record", record.Marshal())
	journal := JournalRecord{Kind: JournalShare, Epoch: digestOf(2), Number: 9, Query: digestOf(3), Contributions: digestOf(4),
		Blobs: [][]byte{{1, 2}, {3}}, Entry: entry.Marshal()}
	golden(t, "journal", journal.Marshal())
	served := SignServed(digestOf(5), courtKey("golden"), digestOf(6), []byte{1})
	golden(t, "served", served.Marshal())
	n := &Network{Version: Version, Name: "demo", Nonce: digestOf(9), Parameters: "light", Departments: []Member{{Name: "Köln", Key: Key(digestOf(7))}},
		Auditors: []Member{{Key: Key(digestOf(8))}}, Development: true, VerifyingKeys: []byte{1, 2, 3}, ProvingKeys: []engine.Digest{digestOf(1), digestOf(2), digestOf(3)}}
	certificate := Certificate{Version: Version, Network: *n, Records: []Record{record}, KeyShares: [][]byte{{1}}, AnalystKey: []byte{2},
		Contributions: [][][]byte{{{3}}}, Shares: [][][]byte{{{4}, {5}}}, Opening: []byte{6},
		Anchor: Anchor{Block: 7, Entry: goldenEntries()[13], Receipt: []byte{8}}}
	golden(t, "certificate", certificate.Marshal())
	digest := certificate.Digest()
	golden(t, "certificate-digest", digest[:])
	c := session(t)
	golden(t, "state", c.state.Marshal())
	digest = c.state.Digest()
	golden(t, "state-digest", digest[:])
	id := n.ID()
	golden(t, "network-id", id[:])
	golden(t, "network-json", n.JSON())
	n.Later = &Membership{Version: 2, Block: 41, Departments: []Member{{Name: "Köln", Key: Key(digestOf(17))}}}
	golden(t, "network-later-json", n.JSON())
	goldenNames(t, c)
}

// goldenNames are the hashes that other encodings and statements are bound to.
func goldenNames(t *testing.T, c *court) {
	for i, e := range c.state.Evidence() {
		golden(t, fmt.Sprintf("evidence-%d", i), engine.Marshal(&e))
	}
	c = seatedCourt(t)
	epoch := c.form()
	ask := *c.question(77)
	q := c.reach(PhaseSharing, 1)
	for name, digest := range map[string]engine.Digest{
		"query-id":             QueryID(c.id, KeyOf(c.analyst), &ask),
		"epoch-id":             epochID(c.id, digestOf("beacon"), 5),
		"epoch-digest":         epochDigest(c.id, epoch),
		"contributions-digest": contributionsDigest(digestOf("query"), [][]engine.Digest{{digestOf(1)}, {digestOf(2), digestOf(3)}}, [][]engine.Digest{{digestOf(4)}}),
		"registration-digest":  RegistrationDigest(courtTable("a", 3)),
		"blob-digest":          BlobDigest([]byte{1, 2, 3}),
		"membership":           c.state.members.transcript,
		"epoch-transcript":     epoch.Transcript,
		"query-transcript":     q.Transcript,
	} {
		golden(t, "digest-"+name, digest[:])
	}
}

// TestGoldenFilesAreAllCompared: a file of this Version that no test names has lost its meaning.
func TestGoldenFilesAreAllCompared(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(goldenFolder(), "*.hex"))
	if err != nil {
		t.Fatal(err)
	}
	source, err := os.ReadFile("encoding_test.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range files {
		name := strings.TrimSuffix(filepath.Base(path), ".hex")
		for _, prefix := range []string{"entry-", "evidence-", "digest-"} {
			name = strings.TrimPrefix(name, prefix)
		}
		kind := slices.Contains(kindNames[1:], name)
		_, err := strconv.Atoi(name)
		if !kind && err != nil && !strings.Contains(string(source), `"`+name+`"`) {
			t.Errorf("%s is compared with nothing", path)
		}
	}
	if len(files) < int(lastKind)+18 {
		t.Errorf("only %d golden files", len(files))
	}
}

// TestEncodingsAreStrict: no byte of an entry can be added, dropped or changed without being
// refused or giving an entry that its author did not sign.
func TestEncodingsAreStrict(t *testing.T) {
	network := engine.Digest(bytes.Repeat([]byte{20}, 32))
	for _, e := range goldenEntries() {
		raw := e.Marshal()
		if err := e.Verify(network); err != nil {
			t.Fatal(err)
		}
		for i := range raw {
			bad := bytes.Clone(raw)
			bad[i] ^= 1 << (i % 8)
			if back, err := ParseEntry(bad); err == nil && back.Verify(network) == nil {
				t.Fatalf("%s: byte %d can be changed", e.Kind, i)
			}
		}
		for _, bad := range [][]byte{raw[:len(raw)-1], append(bytes.Clone(raw), 0), nil} {
			if _, err := ParseEntry(bad); err == nil {
				t.Errorf("%s: %d of %d bytes are taken", e.Kind, len(bad), len(raw))
			}
		}
	}
}

func TestLimits(t *testing.T) {
	asks := []PersonRole{PersonAnalyst}
	long := strings.Repeat("x", MaxSentence+1)
	for name, b := range map[string]Body{
		"name":       &Join{Name: strings.Repeat("x", MaxNameBytes+1)},
		"empty name": &Join{},
		"newline":    &Join{Name: "a\nb"},
		"space":      &Join{Name: " a"},
		"sentence":   &Refuse{Code: "x", Sentence: long},
		"code":       &Refuse{Code: strings.Repeat("x", MaxCode+1)},
		"no code":    &Refuse{},
		"members":    &EpochOpen{Members: make([]Key, MaxDepartments+1)},
		"digests":    &Contribute{Blobs: make([]engine.Digest, MaxLinkedBlobs+1)},
		"products":   &Multiply{Blobs: make([]engine.Digest, MaxLinkedBlobs+1)},
		"no product": &Multiply{},
		"shares":     &ShareCommit{Blobs: make([]engine.Digest, MaxCiphertexts+1)},
		"no digests": &ShareCommit{},
		"fault":      &Accuse{Subject: SubjectShare, Fault: FaultSecond},
		"subject":    &Accuse{Fault: FaultBadProof},
		"evidence":   &Accuse{Subject: SubjectShare, Fault: FaultBadProof, Served: []byte{1}},
		"no proof":   &Accuse{Subject: SubjectShare, Fault: FaultEquivocation},
		"role":       &Vote{Change: Change{Action: ActionAdd, Role: "king", Key: Key{1}}},
		"action":     &Vote{Change: Change{Action: "praise", Role: RoleAuditor, Key: Key{1}}},
		"no new key": &Vote{Change: Change{Action: ActionRotate, Role: RoleAuditor, Key: Key{1}}},
		"same key":   &Vote{Change: Change{Action: ActionRotate, Role: RoleAuditor, Key: Key{1}, NewKey: Key{1}}},
		"a new key":  &Vote{Change: Change{Action: ActionRemove, Role: RoleAuditor, Key: Key{1}, NewKey: Key{2}}},
		"a name":     &Vote{Change: Change{Action: ActionRemove, Role: RoleAuditor, Key: Key{1}, Name: "x"}},
		"nobody":     &Vouch{Person: Key{1}, First: Key{1}, Roles: asks, Until: 1},
		"no role":    &Vouch{Person: Key{1}, First: Key{1}, Name: "x", Until: 1},
		"any role":   &Vouch{Person: Key{1}, First: Key{1}, Name: "x", Roles: []PersonRole{"king"}, Until: 1},
		"role twice": &Vouch{Person: Key{1}, First: Key{1}, Name: "x", Roles: []PersonRole{PersonAnalyst, PersonAnalyst}, Until: 1},
		"role order": &Vouch{Person: Key{1}, First: Key{1}, Name: "x", Roles: []PersonRole{PersonSteward, PersonAnalyst}, Until: 1},
		"no time":    &Vouch{Person: Key{1}, First: Key{1}, Name: "x", Roles: asks, From: 5, Until: 5},
		"before":     &Vouch{Person: Key{1}, First: Key{1}, Name: "x", Roles: asks, From: -1, Until: 5},
		"for ever":   &Vouch{Person: Key{1}, First: Key{1}, Name: "x", Roles: asks, From: 5, Until: 6 + MaxVouchSeconds},
		"overflow":   &Vouch{Person: Key{1}, First: Key{1}, Name: "x", Roles: asks, Until: 1<<63 - 1},
		"no key":     &Vouch{Name: "x", Roles: asks, Until: 1},
		"itself":     &Vouch{Person: Key{1}, First: Key{2}, Replaces: Key{1}, Name: "x", Roles: asks, Until: 1},
		"no first":   &Vouch{Person: Key{1}, Name: "x", Roles: asks, Until: 1},
		"its first":  &Vouch{Person: Key{1}, First: Key{1}, Replaces: Key{2}, Name: "x", Roles: asks, Until: 1},
		"a place":    &Vouch{Person: Key{1}, First: Key{1}, Place: "a//b", Name: "x", Roles: asks, Until: 1},
		"no act":     &Act{Node: Key{1}},
		"long act":   &Act{Node: Key{1}, What: strings.Repeat("x", MaxActText+1)},
		"act's line": &Act{Node: Key{1}, What: "a\nb"},
		"no reason":  &Revoke{Person: Key{1}},
		"a line":     &Revoke{Person: Key{1}, Reason: "a\nb"},
		"reason":     &Revoke{Person: Key{1}, Reason: strings.Repeat("x", MaxReason+1)},
		"unnamed":    &Alert{Rule: "x", Found: "x"},
		"no rule":    &Alert{Name: "x", Found: "x"},
		"no figure":  &Alert{Name: "x", Rule: "x"},
		"long name":  &Alert{Name: strings.Repeat("x", MaxNameBytes+1), Rule: "x", Found: "x"},
		"long rule":  &Alert{Name: "x", Rule: strings.Repeat("x", MaxAlertText+1), Found: "x"},
		"long found": &Alert{Name: "x", Rule: "x", Found: strings.Repeat("x", MaxAlertText+1)},
		"two lines":  &Alert{Name: "x", Rule: "x", Found: "a\nb"},
		"escapes":    &Alert{Name: "x", Rule: "x", Found: "a\x1b[31m"},
		"new name":   &Vote{Change: Change{Action: ActionAdd, Role: RoleAuditor, Key: Key{1}, Name: " x"}},
	} {
		e := Sign(digestOf(1), courtKey("x"), b)
		if _, err := e.Open(); err == nil {
			t.Errorf("%s: taken", name)
		}
	}
	big := Sign(digestOf(1), courtKey("x"), &Refuse{Code: "x"})
	big.Body = make([]byte, MaxSmallBody+1)
	if _, err := ParseEntry(big.Marshal()); err == nil {
		t.Error("a body over MaxSmallBody is taken")
	}
	if _, err := ParseEntry(make([]byte, MaxEntryBytes+1)); err == nil || !strings.Contains(err.Error(), "limit") {
		t.Error(err)
	}
	if _, err := ParseRecord(make([]byte, MaxRecordBytes+1)); err == nil || !strings.Contains(err.Error(), "limit") {
		t.Error(err)
	}
}

func TestNetworkDescription(t *testing.T) {
	n := newCourt(t).network
	for i := range n.Departments {
		n.Departments[i].Name = fmt.Sprintf("city%d", i)
	}
	n.Development = true
	good := n.JSON()
	back, err := ParseNetwork(good)
	if err != nil || !bytes.Equal(back.JSON(), good) || back.ID() != n.ID() {
		t.Fatal(err)
	}
	for name, change := range map[string]func(string) string{
		"unknown field":  func(s string) string { return strings.Replace(s, "{", `{"x": 1,`, 1) },
		"repeated field": func(s string) string { return strings.Replace(s, "{", `{"version": 4,`, 1) },
		"other case":     func(s string) string { return strings.Replace(s, `"name"`, `"Name"`, 1) },
		"version":        func(s string) string { return strings.Replace(s, `"version": 4`, `"version": 2`, 1) },
		"no nonce":       func(s string) string { return strings.Replace(s, n.Nonce.String(), strings.Repeat("0", 64), 1) },
		"without nonce": func(s string) string {
			return strings.Replace(s, `"nonce": "`+n.Nonce.String()+`",`, "", 1)
		},
		"short nonce": func(s string) string { return strings.Replace(s, n.Nonce.String(), n.Nonce.String()[2:], 1) },
		"order":       func(s string) string { return strings.Replace(s, "city0", "city9", 1) },
		"same name":   func(s string) string { return strings.Replace(s, "city0", "city1", 1) },
		"no name":     func(s string) string { return strings.Replace(s, "city0", "", 1) },
		"auditor twice": func(s string) string {
			return strings.Replace(s, n.Auditors[0].Key.String(), n.Departments[0].Key.String(), 1)
		},
		"auditor's name": func(s string) string { return strings.Replace(s, `"name": "",`, `"name": "city1",`, 1) },
		"no auditors":    func(s string) string { return noAuditors.ReplaceAllString(s, `"auditors": null,`) },
		"trailing":       func(s string) string { return s + "{}" },
		// Keys of a ceremony, without its transcript.
		"no development keys": func(s string) string {
			return strings.Replace(s, `"developmentKeys": true`, `"developmentKeys": false`, 1)
		},
		"development keys left out": func(s string) string { return strings.Replace(s, `"developmentKeys": true,`, "", 1) },
		"development keys null": func(s string) string {
			return strings.Replace(s, `"developmentKeys": true`, `"developmentKeys": null`, 1)
		},
		"a proving key less": func(s string) string {
			return strings.Replace(s, `"`+n.ProvingKeys[0].String()+`",`, "", 1)
		},
		"a proving key more": func(s string) string {
			return strings.Replace(s, `"provingKeys": [`, `"provingKeys": ["`+n.ProvingKeys[0].String()+`",`, 1)
		},
		"a proving key of zeros": func(s string) string {
			return strings.Replace(s, n.ProvingKeys[1].String(), strings.Repeat("0", 64), 1)
		},
		"a proving key in capitals": func(s string) string {
			return strings.Replace(s, n.ProvingKeys[2].String(), strings.Repeat("A", 64), 1)
		},
		"no proving keys":   func(s string) string { return provingKeys.ReplaceAllString(s, `"provingKeys": []`) },
		"proving keys null": func(s string) string { return provingKeys.ReplaceAllString(s, `"provingKeys": null`) },
	} {
		text := change(string(good))
		if text == string(good) {
			t.Fatalf("%s changes nothing", name)
		}
		if _, err := ParseNetwork([]byte(text)); err == nil {
			t.Errorf("%s is taken", name)
		}
	}
	// The id covers everything but the names.
	id := n.ID()
	for name, change := range map[string]func(*Network){
		"name":       func(n *Network) { n.Name = "x" },
		"nonce":      func(n *Network) { n.Nonce[31] ^= 1 },
		"parameters": func(n *Network) { n.Parameters = "light" },
		"auditor":    func(n *Network) { n.Auditors = nil },
		"roles":      func(n *Network) { n.Departments, n.Auditors = n.Auditors, n.Departments },
		"dev":        func(n *Network) { n.Development = false },
		"keys":       func(n *Network) { n.VerifyingKeys = []byte{2} },
		"proving":    func(n *Network) { n.ProvingKeys = []engine.Digest{{1}, {2}, {4}} },
		"member":     func(n *Network) { n.Departments[1].Key[0] ^= 1 },
	} {
		other := *n
		other.Departments = append([]Member(nil), n.Departments...)
		change(&other)
		if other.ID() == id {
			t.Errorf("the id does not cover the %s", name)
		}
	}
	n.Departments[0].Name = "zzz"
	if n.Normalize(); n.ID() != id {
		t.Error("the id covers names, which are not known beforehand")
	}
}

var provingKeys = regexp.MustCompile(`(?s)"provingKeys": \[.*?\]`)

var noAuditors = regexp.MustCompile(`(?s)"auditors": \[.*?\],`)

// TestSecretsAreRedacted: nothing that holds a secret prints it.
func TestSecretsAreRedacted(t *testing.T) {
	secret := []byte("SECRETSECRET")
	key, err := mhe.ParseSecretKey(tiny.Params(), make([]byte, tiny.Params().N()/4)) // of −1 throughout
	if err != nil {
		t.Fatal(err)
	}
	r := JournalRecord{Kind: JournalKeyShare, Secret: secret}
	c := Certificate{Opening: secret}
	for _, v := range []any{r, &r, []JournalRecord{r}, &c, []*Certificate{&c}, &Epoch{secret: key}} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s"} {
			if text := fmt.Sprintf(verb, v); strings.Contains(text, "SECRET") || strings.Contains(text, "83, 69") || strings.Contains(text, "0x53") || strings.Contains(text, "-1") {
				t.Errorf("%T prints its secret with %s: %s", v, verb, text)
			}
		}
	}
}
