package protocols_test

import (
	"slices"
	"strings"
	"testing"
	"testing/cryptotest"

	"parley/engine"
	"parley/engine/policy"
	"parley/engine/policy/open"
	"parley/protocols"
	"parley/protocols/mhe/tiny"
)

// decree puts an entry of a department's steward on the ledger.
func (w *world) decree(department string, body protocols.Body) {
	w.t.Helper()
	w.order(protocols.Sign(w.network.ID(), w.steward(department), body))
}

// requests has the analyst request what a question lacks, and the departments grant it as it stands.
func (w *world) requests(q question, departments ...string) policy.Decision {
	w.t.Helper()
	a := w.analyst()
	session, err := protocols.NewQuestion(q.sql, w.ledger.state.Catalogue(), departments, protocols.Packing(w.params))
	if err != nil {
		w.t.Fatal(err)
	}
	f, err := policy.FactsOfQuestion(session, q.sql)
	if err != nil {
		w.t.Fatal(err)
	}
	d := w.ledger.state.Consider(a.id, w.ledger.at.Time/1000, &f, protocols.Ask{SQL: q.sql, Purpose: purpose})
	if d.Allowed || d.Request == nil {
		w.t.Fatalf("nothing is to be granted: %s", d.Text(policy.English))
	}
	w.order(protocols.Sign(w.network.ID(), a.key, &protocols.Request{Request: *d.Request}))
	first := policy.Key(w.ledger.state.Person(a.id).First)
	for _, department := range d.Request.Departments {
		w.decree(department, &protocols.Grant{Grant: d.Request.Grant(department, 1, first), Under: w.under(department)})
	}
	w.run()
	return d
}

// conditional is a formed world whose tables need grants.
func conditional(t testing.TB, seed uint64, departments int) *world {
	w := newWorld(t, seed, departments)
	w.class = engine.ClassOnCondition
	w.run()
	return w
}

// TestGrantedQuestion: what a question lacks is requested and granted, then it is answered, once, and its
// certificate verifies with the policies and grants, and with nothing of them left out.
func TestGrantedQuestion(t *testing.T) {
	cryptotest.SetGlobalRandom(t, 81)
	w := conditional(t, 81, 3)
	w.askFor(bySex, "city1", "city3")
	w.settle()
	if o := w.answer(); o.Status != protocols.Refused || o.Code != protocols.CodePolicy || !strings.Contains(o.Sentence, "grant") {
		t.Fatalf("%+v", o)
	}
	denied := w.ledger.state.Ended()[0]
	w.requests(bySex, "city1", "city3")
	w.askFor(bySex, "city1", "city3")
	w.run()
	for id, r := range w.recheck(nil) { // a question that was refused is no deviation
		if id == denied && len(r.Verified) > 0 || len(r.False)+len(r.Refuted) > 0 {
			t.Errorf("%+v", r)
		}
	}
	o := w.checkAnswer(bySex, "city1", "city3")
	verifyAnswer(w, o)
	kinds := map[protocols.EntryKind]int{}
	for _, r := range o.Certificate.Records {
		kinds[r.Entry.Kind]++
	}
	if kinds[protocols.KindPublish] != 2 || kinds[protocols.KindGrant] != 2 || kinds[protocols.KindRequest] != 0 || kinds[protocols.KindVouch] != 3 {
		t.Errorf("the certificate holds %v", kinds)
	}
	for _, g := range w.ledger.state.Grants() {
		if g.Used != 1 {
			t.Errorf("%d uses of %s's grant are taken", g.Used, g.Grant.Department)
		}
	}
	w.askFor(bySex, "city1", "city3")
	w.settle()
	if o := w.answer(); o.Status != protocols.Refused || o.Code != protocols.CodePolicy {
		t.Errorf("%+v", o)
	}
	w.checkAgreement()
}

// TestGrantedRounds: a grant of one question, of one use, lets all rounds of it pass, each once.
func TestGrantedRounds(t *testing.T) {
	cryptotest.SetGlobalRandom(t, 82)
	w := conditional(t, 82, 2)
	const sql = "SELECT sex, min(chol) FROM heart GROUP BY sex"
	w.requests(question{sql: sql})
	sequence, _ := w.asked(sql)
	if len(sequence.Certificates) < 2 {
		t.Fatalf("%d rounds", len(sequence.Certificates))
	}
	for _, g := range w.ledger.state.Grants() {
		if g.Used != 1 {
			t.Errorf("%d uses of %s's grant are taken", g.Used, g.Grant.Department)
		}
	}
	verifier := protocols.Verifier{Receipts: checkReceipt, Parameters: tiny.Named, Pinned: pinned(w)}
	if v, err := verifier.Verify(sequence.Marshal()); err != nil || !v.Verified {
		t.Errorf("%+v %v", v, err)
	}
}

// TestLongStories: the analyst and the stewards had other keys, and were vouched for anew, between what the
// certificate rests on: it verifies without what stands in the gaps.
func TestLongStories(t *testing.T) {
	cryptotest.SetGlobalRandom(t, 83)
	w := conditional(t, 83, 2)
	first, city1 := w.analyst().id, w.party("city1")
	again := func(name string, turn uint64) { // the department says something newer of its steward
		b := personOf(w.steward(name), "steward", protocols.PersonSteward)
		b.Turn = turn
		w.order(protocols.Sign(w.network.ID(), w.party(name).key, b))
	}
	w.rekey("second", func(b *protocols.Vouch) { b.Replaces, b.First = first, first })
	second := w.analyst().id
	again("city1", 1)
	again("city1", 2)
	w.requests(bySex)
	again("city1", 3)
	again("city2", 1)
	w.rekey("third", func(b *protocols.Vouch) { b.Replaces, b.First, b.Name = second, first, "second" })
	b := personOf(w.analyst().key, "second", protocols.PersonAnalyst)
	b.First, b.Turn = first, 4
	w.order(protocols.Sign(w.network.ID(), city1.key, b))
	w.run()
	w.askFor(bySex)
	w.run()
	o := w.checkAnswer(bySex)
	verifyAnswer(w, o)
	if v := w.verdict(o.Certificate); v.Analyst != w.analyst().id {
		t.Errorf("asked by %s", v.Analyst)
	}
	w.checkAgreement()
}

// closed is a policy that allows counting alone.
func closed(department string) policy.Document {
	d := open.Policy(department, "heart")
	d.Rules[0].Name, d.Rules[0].Terms.Functions = "counts", []string{"count"}
	return d
}

// TestDeniedByEach: each department, the auditor and the analyst find by themselves that the policies do
// not allow a question, though the referee takes it and everybody else lets it pass: it is not admitted,
// attested or ended.
func TestDeniedByEach(t *testing.T) {
	for _, tc := range []struct {
		what, says string
		prepare    func(w *world)
	}{
		{"a function", "sum", func(w *world) { w.policy = closed }},
		{"another purpose", "purpose", func(w *world) {
			w.policy = func(department string) policy.Document {
				d := open.Policy(department, "heart")
				d.Rules[0].Terms.Purposes = []string{"teaching"}
				return d
			}
		}},
		{"a grant that is missing", "grant", func(w *world) { w.class = engine.ClassOnCondition }},
		{"a table that is not shared", "not shared", func(w *world) { w.class = engine.ClassNone }},
		{"a grant that is not needed", "the question names 1 grants", func(w *world) {
			w.run()
			g := w.contract("city1", 5)
			w.decree("city1", &protocols.Grant{Grant: g, Under: w.under("city1")})
			w.spare = []engine.Digest{g.ID()}
		}},
	} {
		t.Run(tc.what, func(t *testing.T) {
			cryptotest.SetGlobalRandom(t, 84)
			w := newWorld(t, 84, 3)
			tc.prepare(w)
			w.run()
			refused := map[string]int{}
			w.says = func(p *party, e protocols.Entry) []protocols.Entry {
				switch body, err := e.Open(); b := body.(type) {
				case *protocols.Ask:
					return []protocols.Entry{e}
				case *protocols.Refuse: // nobody hears of it
					if refused[p.name]++; b.Code != protocols.CodePolicy || !strings.Contains(b.Sentence, tc.says) {
						t.Errorf("%s refuses with %s: %s", p.name, b.Code, b.Sentence)
					}
				default:
					t.Errorf("%s says %s %v", p.name, e.Kind, err)
				}
				return nil
			}
			w.askFor(bySex)
			w.run()
			if len(refused) != 3 {
				t.Fatalf("refused by %v", refused)
			}
			q := openQuery(w)
			w.passes(q)
			if o := w.auditor().outcomes[q.ID]; o == nil || o.Status != protocols.Refused || o.Code != protocols.CodePolicy || !strings.Contains(o.Sentence, tc.says) {
				t.Errorf("the auditor: %+v", o)
			}
			if o := w.answer(); o.Status != protocols.Refused || o.Certificate != nil || !strings.Contains(o.Sentence, tc.says) {
				t.Errorf("the analyst: %+v", o)
			}
			if q := w.ledger.state.Query(q.ID); q.Phase != protocols.PhaseShared {
				t.Errorf("it is %s", q.Phase)
			}
			w.says = nil
			w.settle() // the query expires
			if r := w.recheck(nil)[q.ID]; len(r.False) != 1 || !strings.Contains(r.False[0].Detail, tc.says) {
				t.Errorf("who checks the ledger again finds %+v", r)
			}
		})
	}
}

// passes has all departments, and then the auditor, sign what a question needs, whatever their machines
// would say.
func (w *world) passes(q *protocols.QueryState) {
	blobs := slices.Repeat([]engine.Digest{{1}}, int(q.Ask.Ciphertexts))
	sign := func(by []*party, body func(q *protocols.QueryState) protocols.Body) {
		for _, p := range by {
			p.deviates = true // its journal knows nothing of it
			w.order(protocols.Sign(w.network.ID(), p.key, body(w.ledger.state.Query(q.ID))))
		}
		w.run()
	}
	sign(w.departments(), func(q *protocols.QueryState) protocols.Body { return &protocols.Admit{Query: q.ID, Epoch: q.Ask.Epoch} })
	sign(w.departments(), func(q *protocols.QueryState) protocols.Body {
		return &protocols.Contribute{Query: q.ID, Epoch: q.Ask.Epoch, Blobs: blobs}
	})
	sign(w.departments(), func(q *protocols.QueryState) protocols.Body {
		return &protocols.Attest{Query: q.ID, Contributions: q.Contributions}
	})
	sign(w.departments(), func(q *protocols.QueryState) protocols.Body {
		return &protocols.ShareCommit{Query: q.ID, Epoch: q.Ask.Epoch, Blobs: blobs}
	})
}

// TestDeniedCertificates: a certificate under whose policies and grants its question was not to be answered
// is refused, though the whole network signed it.
func TestDeniedCertificates(t *testing.T) {
	cryptotest.SetGlobalRandom(t, 85)
	w := conditional(t, 85, 3)
	w.requests(bySex, "city1", "city3")
	w.askFor(bySex, "city1", "city3")
	w.run()
	c := w.checkAnswer(bySex, "city1", "city3").Certificate
	if v := w.verdict(w.reforge(c, nil)); !v.Verified {
		t.Fatalf("%+v: an honest certificate that is signed again", v)
	}
	var granted *protocols.Grant // city1's
	edit := func(change func(b protocols.Body) bool) func() *protocols.Certificate {
		return func() *protocols.Certificate {
			var query engine.Digest
			return w.reforge(c, func(b protocols.Body) protocols.Body {
				if !change(b) {
					return nil
				}
				if a, ok := b.(*protocols.Ask); ok {
					query = protocols.QueryID(w.network.ID(), w.analyst().id, a)
				}
				w.requery(b, query, c)
				return b
			})
		}
	}
	published := func(change func(d *policy.Document) bool) func() *protocols.Certificate {
		return edit(func(b protocols.Body) bool {
			p, ok := b.(*protocols.Publish)
			return !ok || p.Document.Department != "city1" || change(&p.Document)
		})
	}
	regranted := func(change func(g *policy.Grant)) func() *protocols.Certificate { // and the question names it
		return edit(func(b protocols.Body) bool {
			switch b := b.(type) {
			case *protocols.Grant:
				if b.Grant.Department == "city1" {
					change(&b.Grant)
					granted = b
				}
			case *protocols.Ask:
				b.Grants[0] = granted.Grant.ID()
			}
			return true
		})
	}
	steward := func(change func(b *protocols.Vouch) bool) func() *protocols.Certificate {
		k := protocols.KeyOf(w.steward("city1"))
		return edit(func(b protocols.Body) bool {
			v, ok := b.(*protocols.Vouch)
			return !ok || v.Person != k || change(v)
		})
	}
	asked := func(change func(a *protocols.Ask)) func() *protocols.Certificate {
		return edit(func(b protocols.Body) bool {
			if a, ok := b.(*protocols.Ask); ok {
				change(a)
			}
			return true
		})
	}
	without := func(departments ...string) func() *protocols.Certificate {
		return edit(func(b protocols.Body) bool {
			switch b := b.(type) {
			case *protocols.Grant:
				return !slices.Contains(departments, b.Grant.Department)
			case *protocols.Ask:
				b.Grants = b.Grants[len(departments):]
			}
			return true
		})
	}
	grantedAt := c.Records[slices.IndexFunc(c.Records, func(r protocols.Record) bool { return r.Entry.Kind == protocols.KindGrant })].Time / 1000
	signedBy := func(kind protocols.EntryKind, key string) func() *protocols.Certificate {
		return func() *protocols.Certificate {
			out := *c
			out.Records = slices.Clone(c.Records)
			i := slices.IndexFunc(out.Records, func(r protocols.Record) bool { return r.Entry.Kind == kind })
			e := out.Records[i].Entry
			out.Records[i].Entry = protocols.SignBytes(w.network.ID(), w.sender(key), e.Kind, e.Body)
			return w.anchored(&out)
		}
	}
	for _, f := range []forgery{
		{"a policy that allows no sums", "", "sum", published(func(d *policy.Document) bool { *d = closed("city1"); return true })},
		{"a policy for others", "", "for other people", published(func(d *policy.Document) bool { d.Rules[0].Who = []string{"role:auditor"}; return true })},
		{"a policy that answers nobody", "", "no policy", published(func(d *policy.Document) bool { d.Rules = nil; return true })},
		{"a policy for another table", "", "no policy", published(func(d *policy.Document) bool { d.Table = "lung"; return true })},
		{"another department's policy", "", "by a steward of", published(func(d *policy.Document) bool { d.Department = "city3"; return true })},
		{"no policy", "", "no policy", published(func(*policy.Document) bool { return false })},
		{"a policy by the department", "", "not-vouched", signedBy(protocols.KindPublish, "city1")},
		{"a policy by another's steward", "", "not-vouched", signedBy(protocols.KindPublish, "city2's steward")},
		{"a policy by nobody", "", "not-vouched", signedBy(protocols.KindPublish, "stranger")},
		{"a grant by the analyst", "", "", signedBy(protocols.KindGrant, "analyst")},
		{"a grant by nobody", "", "not-vouched", signedBy(protocols.KindGrant, "stranger")},
		{"a steward's vouch left out", "", "not-vouched", steward(func(*protocols.Vouch) bool { return false })},
		{"a vouch for no steward", "", "not-in-role", steward(func(b *protocols.Vouch) bool { b.Roles = []protocols.PersonRole{protocols.PersonAuditor}; return true })},
		{"a vouch that was over", "", "person-over", steward(func(b *protocols.Vouch) bool { b.Until = grantedAt; return true })},
		{"a vouch to come", "", "person-not-yet", steward(func(b *protocols.Vouch) bool { b.From = b.Until - 1; return true })},
		{"a grant left out", "", "unknown-grant", edit(func(b protocols.Body) bool {
			g, ok := b.(*protocols.Grant)
			return !ok || g.Grant.Department != "city1"
		})},
		{"a grant that is not named", "", "grant", without("city1")},
		{"no grants named", "", "grant", without("city1", "city3")},
		{"one named twice", "", "malformed", asked(func(a *protocols.Ask) { a.Grants[1] = a.Grants[0] })},
		{"a grant to another", "", "not-owner", regranted(func(g *policy.Grant) { g.Person[0] ^= 1 })},
		{"a grant for another table", "", "not-owner", regranted(func(g *policy.Grant) { g.Table = "lung" })},
		{"a grant of another question", "", "another question", regranted(func(g *policy.Grant) { g.Subject.Asked[0] ^= 1 })},
		{"a grant for another purpose", "", "purpose", regranted(func(g *policy.Grant) { g.Terms.Purposes = []string{"teaching"} })},
		{"a grant without sums", "", "sum", regranted(func(g *policy.Grant) { g.Terms.Functions = []string{"count"} })},
		{"a grant for another version", "", "version", regranted(func(g *policy.Grant) { g.Version = 9 })},
		{"a grant that was over", "", "malformed", regranted(func(g *policy.Grant) { g.Terms.Until = 1_700_000_000 })},
		{"another purpose", "", "purpose", asked(func(a *protocols.Ask) { a.Purpose = "teaching" })},
		{"no purpose", "", "malformed", asked(func(a *protocols.Ask) { a.Purpose = "" })},
	} {
		t.Run(f.name, func(t *testing.T) {
			v := w.verdict(f.forge())
			if v.Verified || v.SelfConsistent || v.Department != f.department || !strings.Contains(v.Reason, f.reason) || v.Result != nil {
				t.Errorf("verified %t, reason %q, department %q", v.Verified, v.Reason, v.Department)
			}
		})
	}
}

// requery has an entry be about another query.
func (w *world) requery(b protocols.Body, query engine.Digest, c *protocols.Certificate) {
	switch b := b.(type) {
	case *protocols.Admit:
		b.Query = query
	case *protocols.Contribute:
		b.Query = query
	case *protocols.Attest:
		var digests [][]engine.Digest
		for _, row := range c.Contributions {
			digests = append(digests, nil)
			for _, blob := range row {
				digests[len(digests)-1] = append(digests[len(digests)-1], protocols.BlobDigest(blob))
			}
		}
		b.Query, b.Contributions = query, protocols.ContributionsDigest(query, digests)
	case *protocols.ShareCommit:
		b.Query = query
	}
}

// TestDecisionsAreBound: what a question was asked under is bound by its transcript. Another policy, grant
// or vouch of a steward, though it is on the ledger and would allow the question, is not what it was.
func TestDecisionsAreBound(t *testing.T) {
	cryptotest.SetGlobalRandom(t, 86)
	w := conditional(t, 86, 2)
	city1, k := w.party("city1"), w.steward("city1")
	second := open.Policy("city1", "heart")
	second.Version = 2
	w.decree("city1", &protocols.Publish{Document: second, Under: w.under("city1")})
	newer := personOf(k, "steward", protocols.PersonSteward)
	newer.Turn = 1
	w.order(protocols.Sign(w.network.ID(), city1.key, newer))
	w.requests(bySex)
	other := w.contract("city1", 7)
	w.decree("city1", &protocols.Grant{Grant: other, Under: w.under("city1")})
	w.run()
	w.askFor(bySex)
	w.run()
	c := w.checkAnswer(bySex).Certificate
	verifyAnswer(w, w.answer())
	at := func(match func(b protocols.Body) bool) protocols.Record {
		for _, r := range w.ledger.records {
			if body, err := r.Entry.Open(); err == nil && match(body) {
				return r
			}
		}
		t.Fatal("there is no such record")
		return protocols.Record{}
	}
	version := func(v uint64) protocols.Record {
		return at(func(b protocols.Body) bool {
			p, ok := b.(*protocols.Publish)
			return ok && p.Document.Department == "city1" && p.Document.Version == v
		})
	}
	vouch := func(turn uint64) protocols.Record {
		return at(func(b protocols.Body) bool {
			v, ok := b.(*protocols.Vouch)
			return ok && v.Person == protocols.KeyOf(k) && v.Turn == turn
		})
	}
	grant := func(id engine.Digest) protocols.Record {
		return at(func(b protocols.Body) bool { g, ok := b.(*protocols.Grant); return ok && g.Grant.ID() == id })
	}
	exchange := func(old protocols.Record, with ...protocols.Record) []protocols.Record {
		records := slices.DeleteFunc(slices.Clone(c.Records), func(r protocols.Record) bool { return r.Number == old.Number })
		if len(records) != len(c.Records)-1 {
			t.Fatalf("record %d is not in the certificate", old.Number)
		}
		records = append(records, with...)
		slices.SortFunc(records, func(a, b protocols.Record) int { return int(a.Number) - int(b.Number) })
		return slices.CompactFunc(records, func(a, b protocols.Record) bool { return a.Number == b.Number })
	}
	moved := func(r protocols.Record) []protocols.Record {
		r.Time++
		return exchange(version(2), r)
	}
	for what, f := range map[string]struct {
		says    string
		records []protocols.Record
	}{
		"the policy before":               {"transcript", exchange(version(2), version(1))},
		"the policy before, too":          {"not of this query", exchange(version(2), version(2), version(1))},
		"at another time":                 {"transcript", moved(version(2))},
		"another grant":                   {"unknown-grant", exchange(grant(w.ledger.state.Query(w.ledger.state.Ended()[0]).Ask.Grants[0]), grant(other.ID()))},
		"the steward's newer vouch alone": {"", exchange(vouch(0), vouch(1))},
		"the steward's first vouch alone": {"", exchange(vouch(1), vouch(0))},
	} {
		t.Run(what, func(t *testing.T) {
			forged := *c
			forged.Records = f.records
			if v := w.verdict(&forged); v.Verified || v.SelfConsistent || !strings.Contains(v.Reason, f.says) {
				t.Errorf("verified %t: %q", v.Verified, v.Reason)
			}
			if f.says != "transcript" {
				return
			}
			said := w.anchored(&forged) // an analyst that says so has no receipt for it
			said.Anchor.Receipt = c.Anchor.Receipt
			if v := w.verdict(said); v.Verified || v.SelfConsistent || !strings.Contains(v.Reason, "receipt") {
				t.Errorf("verified %t: %q", v.Verified, v.Reason)
			}
		})
	}
}
