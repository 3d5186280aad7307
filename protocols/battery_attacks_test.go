package protocols_test

import (
	"bytes"
	"crypto/ed25519"
	"errors"
	"fmt"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/cryptotest"

	"parley/engine"
	"parley/engine/policy"
	"parley/engine/policy/open"
	"parley/protocols"
)

// Who refuses an attack.
const (
	byReferee = "the referee" // of every honest node: the question never stands on its ledger
	byMachine = "city3's machine"
	byEnd     = "the referee, which ends it" // the question stood on the ledger and waited
)

// attack is one way to an answer that city3 did not allow. City3 and the auditor are honest; the analyst, city1, city2
// and their stewards act together, and whoever orders the ledger lets nobody hear of what the honest refuse.
type attack struct {
	what   string
	with   string // who else takes a part of its own in it
	by     string
	code   string
	says   string // in the sentence
	ask    func(f *front) protocols.Entry
	then   func(f *front)              // what happens while the question waits
	hides  func(b protocols.Body) bool // what the certificate leaves out, though it stands on the ledger
	proof  string                      // why the certificate is refused, if not by the same sentence
	silent bool                        // it is of what an answer shows: the policies' decision lets it pass
	joins  func(t *testing.T) sight    // of a question that joins by persons, instead of all this
	first  bool                        // the question is the first one: there is no other certificate of it than its own
}

// front is a network under attack. Its first question was asked with all permissions, and is answered.
type front struct {
	w         *world
	honest    *party
	key       ed25519.PrivateKey     // who asks
	grant     engine.Digest          // the last of city3's
	c         *protocols.Certificate // of the first question: its blobs are known to all
	said      map[string][]protocols.Entry
	served    map[engine.Digest]bool // what city3 had published before
	journaled map[string]int         // records of the honest journals then
	since     int                    // records of then
	nonce     byte
	made      map[string][][]byte // the colluders' own contributions
	told      []string            // what the referee refused on the way
}

// guarded is city3's policy: sums, counts, least values of cholesterol by sex, of those of an age.
func guarded(department string) policy.Document {
	if department != "city3" {
		return open.Policy(department, "heart")
	}
	return policy.Document{Department: department, Table: "heart", Version: 1, Rules: []policy.Rule{{Name: "cholesterol", Who: []string{"department:city1"},
		Terms: policy.Terms{Filter: []string{"age"}, Group: []string{"chol", "sex"}, Aggregate: []string{"chol"},
			Functions: []string{"avg", "buckets", "count", "histogram", "linreg", "median", "min", "sum"}, Purposes: []string{purpose},
			Hours: []policy.Hours{{From: 20 * 60, To: 23*60 + 30}}, Until: 1_704_067_200}}}}
}

// peace is the network before any attack.
func peace(t *testing.T) (*world, *protocols.Certificate) {
	cryptotest.SetGlobalRandom(t, 91)
	w := newWorld(t, 91, 3)
	w.class, w.freely, w.policy = engine.ClassOnCondition, []string{"city1", "city2"}, guarded
	w.run()
	first := question{sql: "SELECT sex, count(*) FROM heart GROUP BY sex"}
	w.requests(first)
	w.askFor(first)
	w.run()
	if o := w.answer(); o.Status != protocols.Answered {
		t.Fatalf("%+v", o)
	}
	return w, w.answer().Certificate
}

func besieged(t *testing.T, base *world, c *protocols.Certificate) *front {
	f := &front{w: base.fork(t, 92), c: c, said: map[string][]protocols.Entry{}}
	f.w.run()
	f.honest, f.key = f.w.party("city3"), f.w.analyst().key
	f.served, f.since = maps.Clone(f.honest.published), len(f.w.ledger.records)
	f.journaled = map[string]int{"city3": len(f.honest.journal), "auditor": len(f.w.auditor().journal)}
	f.w.party("city1").deviates, f.w.party("city2").deviates = true, true
	f.w.says = func(p *party, e protocols.Entry) []protocols.Entry {
		f.said[p.name] = append(f.said[p.name], e)
		return nil
	}
	return f
}

// sight is what was seen of an attack.
type sight struct{ refused, also, verdict string }

func (a *attack) run(t *testing.T, base *world, c *protocols.Certificate) (s sight) {
	if a.joins != nil {
		return a.joins(t)
	}
	cryptotest.SetGlobalRandom(t, 93)
	f := besieged(t, base, c)
	e := a.ask(f)
	f.w.run()
	ask := &protocols.Ask{}
	if err := engine.Unmarshal(e.Body, ask); err != nil {
		t.Fatal(err)
	}
	id := protocols.QueryID(f.w.network.ID(), e.Author, ask)
	code, sentence := "", ""
	if err := f.w.ledger.order(e); (err != nil) != (a.by == byReferee) {
		t.Fatalf("the referee says %v", err)
	} else if err != nil {
		code, sentence = f.refusal(e, err)
		if !a.silent {
			s.also = f.decision(e.Author, ask)
		}
	}
	f.w.run()
	switch a.by {
	case byMachine:
		code, sentence = f.stopped(id)
		s.also = f.overrun(a, id, code, sentence)
	case byEnd:
		a.then(f)
		f.w.run()
		q := f.w.ledger.state.Query(id)
		if q.Phase != protocols.PhaseFailed {
			t.Fatalf("the question is %s", q.Phase)
		}
		code, sentence = string(q.Fault.Kind), q.Fault.Detail
	}
	if a.by != byMachine {
		f.refusedAll(id, ask)
	}
	if code != a.code || !strings.Contains(sentence, a.says) {
		t.Errorf("refused with %s: %s", code, sentence)
	}
	f.checkSilent(id, a.then != nil)
	f.w.checkAgreement()
	s.refused = said(append(f.told, fmt.Sprintf("`%s`: %s", code, sentence))...)
	if a.first {
		s.verdict = "that of the answer that was allowed"
		return s
	}
	if ask.Screening { // of which no certificate is made
		return s
	}
	cert := f.missing(a, e, ask, id)
	v := f.w.verdict(cert)
	want, whose := a.says, ""
	if a.proof != "" {
		want, whose = a.proof, "city3"
	}
	if v.Verified || v.SelfConsistent || v.Result != nil || !strings.Contains(v.Reason, want) || v.Department != whose {
		t.Errorf("the verifier: verified %t, %q", v.Verified, v.Reason)
	}
	if s.verdict = said(recordNumber.ReplaceAllString(v.Reason, "")); same(v.Reason, sentence) || same(v.Reason, code+": "+sentence) {
		s.verdict = "the same"
	}
	return s
}

// missing is what the others make of a question. Where nothing in the records tells, city3's part is missing alone.
func (f *front) missing(a *attack, e protocols.Entry, ask *protocols.Ask, id engine.Digest) *protocols.Certificate {
	cert := f.certificate(a, e, ask, id)
	if a.proof == "" {
		return cert
	}
	f.made = map[string][][]byte{}
	for i, name := range ask.Departments[:2] {
		blobs, err := protocols.Contribution(cert, f.w.keys, i)
		if err != nil {
			f.w.t.Fatal(err)
		}
		f.made[name] = blobs
	}
	return f.certificate(a, e, ask, id)
}

// same reports whether two texts say the same, one of all departments and one by the department.
func same(said, sentence string) bool {
	said = strings.TrimPrefix(recordNumber.ReplaceAllString(said, ""), "the departments' policies do not allow the question: ")
	return strings.ReplaceAll(said, "city3: ", "") == sentence
}

var (
	recordNumber = regexp.MustCompile(`^record [0-9]+: `)
	alike        = regexp.MustCompile(`(a grant is missing for|not shared \(class none\):)([^;]*)(; (a grant is missing for|not shared \(class none\):)[^;]*)+`)
	longHex      = regexp.MustCompile(`[0-9a-f]{12,}`)
)

// said is what was said, in a cell of a table: without names of grants and persons, and of all that is missing in
// one way the first.
func said(lines ...string) string {
	for i, line := range lines {
		lines[i] = alike.ReplaceAllString(line, "${1}$2, …")
	}
	text := longHex.ReplaceAllString(strings.Join(lines, "<br>"), "…")
	return strings.ReplaceAll(text, "|", "\\|")
}

// refusal is what the referee says, of which the honest department's own says the same.
func (f *front) refusal(e protocols.Entry, err error) (code, sentence string) {
	f.w.t.Helper()
	var r, own *protocols.Refusal
	if !errors.As(err, &r) {
		f.w.t.Fatalf("%s: %v", e.Kind, err)
	}
	if err := f.honest.state.Clone().Apply(f.w.ledger.at, e); !errors.As(err, &own) || *own != *r {
		f.w.t.Errorf("city3's referee says %v, another %v", err, r)
	}
	return r.Code, r.Sentence
}

// decision is what every machine would decide of a question that the referee refuses, if it had taken it: what is
// missing. City3's machine would besides find that its table is another one now.
func (f *front) decision(author protocols.Key, ask *protocols.Ask) string {
	f.w.t.Helper()
	st := f.w.ledger.state
	plan, err := engine.NewPlan(ask.SQL, st.Catalogue(), ask.Departments, protocols.Packing(f.w.params))
	if err != nil {
		f.w.t.Fatal(err)
	}
	facts, err := policy.FactsOf(plan, ask.Question)
	if err != nil {
		return said("the decision: " + err.Error())
	}
	d := st.Consider(author, f.w.ledger.at.Time/1000, &facts, *ask)
	named := slices.EqualFunc(d.Charges, ask.Grants, func(c policy.Charge, id engine.Digest) bool { return c.Grant == id })
	switch {
	case d.Allowed && named && !slices.Contains(ask.Registrations, protocols.RegistrationDigest(plan.Registrations[len(plan.Registrations)-1])):
		return "–"
	case d.Allowed && named:
		f.w.t.Error("machines would allow it")
	case d.Allowed:
		return "the decision: other grants"
	}
	var reasons []string
	for _, m := range d.Missing {
		reasons = append(reasons, "`"+string(m.Reason)+"`")
	}
	slices.Sort(reasons)
	return "the decision: " + strings.Join(slices.Compact(reasons), ", ")
}

// refused has the referee refuse something with a code, on the way to the question.
func (f *front) refused(e protocols.Entry, code string) {
	f.w.t.Helper()
	f.w.run()
	err := f.w.ledger.order(e)
	if err == nil {
		f.w.t.Fatalf("the referee takes %s", e.Kind)
	}
	got, sentence := f.refusal(e, err)
	if got != code {
		f.w.t.Errorf("%s is refused with %s: %s", e.Kind, got, sentence)
	}
	f.told = append(f.told, fmt.Sprintf("%s `%s`: %s", e.Kind, got, sentence))
}

// stopped is city3's refusal of a question that stands on the ledger. The others admit it; without city3 they
// come no further.
func (f *front) stopped(id engine.Digest) (code, sentence string) {
	for _, e := range f.said["city3"] {
		if body, err := e.Open(); err == nil && queryOf(body) == id && e.Kind == protocols.KindRefuse {
			code, sentence = body.(*protocols.Refuse).Code, body.(*protocols.Refuse).Sentence
		}
	}
	bodies := f.bodies(id, &f.w.ledger.state.Query(id).Ask)
	for _, p := range f.w.departments() {
		if p == f.honest {
			continue
		}
		f.w.order(protocols.Sign(f.w.network.ID(), p.key, bodies(protocols.KindAdmit, p)))
		if body := bodies(protocols.KindContribute, p); body != nil {
			err := f.w.ledger.order(protocols.Sign(f.w.network.ID(), p.key, body))
			if r := (*protocols.Refusal)(nil); !errors.As(err, &r) || r.Code != "too-early" {
				f.w.t.Errorf("without city3's admission %s's contribution is taken: %v", p.name, err)
			}
		}
		f.w.run()
	}
	if q := f.w.ledger.state.Query(id); q.Phase != protocols.PhaseAdmitting {
		f.w.t.Errorf("without city3 the question is %s", q.Phase)
	}
	return code, sentence
}

// overrun has the others go on with city3's key, as if it were theirs: the auditor finds by itself that it has nothing to
// attest.
func (f *front) overrun(a *attack, id engine.Digest, code, sentence string) string {
	f.honest.deviates = true // its journal knows nothing of it
	bodies := f.bodies(id, &f.w.ledger.state.Query(id).Ask)
	f.w.order(protocols.Sign(f.w.network.ID(), f.honest.key, bodies(protocols.KindAdmit, f.honest)))
	for _, kind := range []protocols.EntryKind{protocols.KindContribute, protocols.KindAttest, protocols.KindShare} {
		for _, p := range f.w.departments() {
			if body := bodies(kind, p); body != nil {
				f.w.order(protocols.Sign(f.w.network.ID(), p.key, body))
			}
		}
		f.w.run()
	}
	if q := f.w.ledger.state.Query(id); q.Phase != protocols.PhaseShared {
		f.w.t.Fatalf("the question is %s", q.Phase)
	}
	o := f.w.auditor().outcomes[id]
	if o == nil || o.Status != protocols.Refused || !strings.Contains(o.Sentence, a.says) {
		f.w.t.Fatalf("the auditor: %+v", o)
	}
	if o.Code == code && same(o.Sentence, sentence) {
		return "the auditor"
	}
	return said(fmt.Sprintf("the auditor, `%s`: %s", o.Code, o.Sentence))
}

// refusedAll holds that nothing more is taken of a question, whoever signs it.
func (f *front) refusedAll(id engine.Digest, ask *protocols.Ask) {
	bodies := f.bodies(id, ask)
	for _, kind := range []protocols.EntryKind{protocols.KindAdmit, protocols.KindContribute, protocols.KindAttest, protocols.KindShare} {
		for _, p := range f.w.departments() {
			body := bodies(kind, p)
			if body == nil {
				continue
			}
			err := f.w.ledger.order(protocols.Sign(f.w.network.ID(), p.key, body))
			if r := (*protocols.Refusal)(nil); !errors.As(err, &r) || r.Code != "unknown-query" && r.Code != "ended" && r.Code != "duplicate" {
				f.w.t.Errorf("%s of %s: %v", kind, p.name, err)
			}
		}
	}
	f.w.run()
}

// checkSilent holds that of a question nothing left the honest: no contribution, no share, no attestation, no blob.
func (f *front) checkSilent(id engine.Digest, waited bool) {
	for _, name := range []string{"city3", "auditor"} {
		for _, e := range f.said[name] {
			body, err := e.Open()
			if err != nil || queryOf(body) != id || e.Kind == protocols.KindRefuse || e.Kind == protocols.KindAdmit && waited {
				continue
			}
			f.w.t.Errorf("%s says %s", name, e.Kind)
		}
		for _, r := range f.w.party(name).journal[f.journaled[name]:] {
			if r.Query == id && (r.Kind == protocols.JournalContribute || r.Kind == protocols.JournalShare) {
				f.w.t.Errorf("%s made a blob", name)
			}
		}
	}
	for digest := range f.honest.published {
		if !f.served[digest] && !f.w.analyst().published[digest] { // keys of questions that were admitted are
			f.w.t.Errorf("city3 publishes %s", digest)
		}
	}
}

// TestPermissionAttacks runs every attack; what became of each is in ATTACKS.md.
func TestPermissionAttacks(t *testing.T) {
	base, c := peace(t)
	var lines []string
	for i, a := range attacks() {
		if !*protocols.Update && i%amount(8, 8, 1) != 0 {
			continue
		}
		t.Run(a.what, func(t *testing.T) {
			s := a.run(t, base, c)
			if s.also == "" {
				s.also = "–"
			}
			for _, cell := range []*string{&a.with, &s.verdict} {
				if *cell == "" {
					*cell = "–"
				}
			}
			lines = append(lines, fmt.Sprintf("| %d | %s | %s | %s | %s | %s | %s |", i+1, a.what, a.with, a.by, s.refused, s.also, s.verdict))
		})
	}
	if len(lines) < len(attacks()) || t.Failed() { // only some were asked for
		return
	}
	page := []byte(attacksPage(lines))
	if *protocols.Update {
		if err := os.WriteFile("ATTACKS.md", page, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if want, err := os.ReadFile("ATTACKS.md"); err != nil || !bytes.Equal(want, page) {
		t.Errorf("ATTACKS.md is not what this run gives: go test ./protocols -run Attacks -update (%v)", err)
	}
}

func attacksPage(lines []string) string {
	return fmt.Sprintf(`# Attacks on permissions

%d attacks, written by `+"`go test ./protocols -run Attacks -update`"+` and compared in every run of all of them. Three departments,
an auditor and an analyst, with real machines. City3 and the auditor are honest; the analyst, city1, city2 and their stewards act
together in all of them, and whoever orders the ledger keeps what the honest refuse from everybody ("with" is who takes a
part of its own besides). City3 answers questions of city1's persons about cholesterol: by sex, of an age, for one purpose, at its hours,
until a day, under a grant. One question was asked so, and its blobs are known to all.

"Refused by" is who of the honest ends it first, before anything of city3 leaves: *the referee*, of each honest node, so that the
question never stands on its ledger, and nothing that departments say of it does, whoever signs it; *city3's machine*, where the
referee takes the question: the others admit it, and come no further; *the referee, which ends it*, where the question waits.
In each city3 and the auditor say nothing of the question but a refusal (of one that waited, city3's admission from before), make no
contribution and no share, publish no blob, and attest nothing.

"Also by" is who would refuse it if that were not there. Where city3's machine refuses, the others go on with city3's key, as if they had
it: *the auditor* finds the same by itself. Where the referee refuses, *the decision*, which every machine makes over the same
state, with the reasons of what is missing.

"The certificate" is what the others make of it, signed with the keys of all, the validators' receipt too, without the records that
tell against it, and with proofs of their own: `+"`bad-proof`"+` of city3 means that city3's part alone is missing, which nobody else can make.

The last %d are on questions that join departments' tables by persons, in a network of five departments: city1's register is the spine, and its policy admits
city2, city3 and city4; city2 has a register too, and it, city3 and city4 have benefits. Here the policies allow everything, but for what a row changes. What is asked for is the
screening, of which no certificate is made.

| | attack | with | refused by | code and sentence | also by | the certificate |
|---|---|---|---|---|---|---|
%s
`, len(lines), len(joinedAttacks()), strings.Join(lines, "\n"))
}
