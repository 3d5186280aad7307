package protocols_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/cryptotest"

	"parley/engine"
	"parley/engine/policy"
	"parley/engine/policy/open"
	"parley/protocols"
)

// crossing is an attack on a question that joins departments' tables by persons. City3, which has benefits, and the auditor are honest; city1, whose
// register is the spine, city2, city4 and city5 act together with the analyst.
type crossing struct {
	what, with string
	by         string
	code, says string
	sql        string
	of         []string // departments; nil: all that have one of the tables
	prepare    func(f *front)
	change     func(f *front, a *protocols.Ask)
}

// crossed is the network before them. Nothing was asked yet, and every policy allows everything, to two persons at least.
func crossed(t *testing.T) *front {
	cryptotest.SetGlobalRandom(t, 95)
	f := besieged(t, joinedBase(t), nil)
	f.w.party("city4").deviates, f.w.party("city5").deviates = true, true
	return f
}

// screensJoined is the Ask of a question's screening, which the analyst signs before anything has changed.
func (f *front) screensJoined(sql string, departments ...string) *protocols.Ask {
	f.w.analyst().asking, f.w.analyst().journal = nil, nil
	f.w.askFor(question{sql: sql}, departments...)
	f.w.run()
	said := f.said["analyst"]
	if len(said) == 0 {
		f.w.t.Fatal("the analyst asks nothing")
	}
	body, err := said[len(said)-1].Open()
	if err != nil {
		f.w.t.Fatal(err)
	}
	ask := *body.(*protocols.Ask)
	linked := *ask.Linked
	ask.Linked = &linked
	return &ask
}

// shows puts a new version of city3's policy for its benefits in force.
func (f *front) shows(change func(d *policy.Document)) {
	d := open.Policy("city3", "benefits")
	d.Version, d.Disclosure.Count = 2, f.w.town.count
	change(&d)
	f.w.decree("city3", &protocols.Publish{Document: d, Under: f.w.under("city3")})
	f.w.run()
}

func (c *crossing) run(t *testing.T) (s sight) {
	f := crossed(t)
	sql := c.sql
	if sql == "" {
		sql = "SELECT count(*), sum(amount) FROM benefits JOIN register USING (id)"
	}
	ask := f.screensJoined(sql, c.of...)
	if c.prepare != nil {
		c.prepare(f)
	}
	if c.change != nil {
		c.change(f, ask)
	}
	e := f.signed(f.key, ask)
	id := protocols.QueryID(f.w.network.ID(), e.Author, ask)
	err := f.w.ledger.order(e)
	if (err != nil) != (c.by == byReferee) {
		t.Fatalf("the referee says %v", err)
	}
	code, sentence := "", ""
	if err != nil {
		code, sentence = f.refusal(e, err)
	} else {
		f.w.run()
		code, sentence = f.refusedBy("city3", id)
		f.admitted(id)
		s.also = "–"
		if o := f.w.auditor().outcomes[id]; o != nil && o.Status == protocols.Refused {
			t.Errorf("the auditor has an end: %+v", o)
		}
	}
	if code != c.code || !strings.Contains(sentence, c.says) {
		t.Errorf("refused with %s: %s", code, sentence)
	}
	f.checkSilent(id, false)
	f.w.checkAgreement()
	s.refused = said(fmt.Sprintf("`%s`: %s", code, sentence))
	return s
}

// refusedBy is what a department refuses a question with.
func (f *front) refusedBy(name string, id engine.Digest) (code, sentence string) {
	for _, e := range f.said[name] {
		if body, err := e.Open(); err == nil && queryOf(body) == id && e.Kind == protocols.KindRefuse {
			code, sentence = body.(*protocols.Refuse).Code, body.(*protocols.Refuse).Sentence
		}
	}
	return code, sentence
}

// admitted has all others admit a question, and holds that they come no further without city3.
func (f *front) admitted(id engine.Digest) {
	q := f.w.ledger.state.Query(id)
	for _, p := range f.w.departments() {
		if p == f.honest {
			continue
		}
		b := &protocols.Admit{Query: id, Epoch: q.Ask.Epoch}
		if q.Ask.Screening && protocols.RecipientOf(id, q.Ask.Departments) == p.name {
			b.Key, b.Opening = engine.Digest{1}, engine.Digest{2}
		}
		f.w.order(f.signed(p.key, b))
	}
	f.w.run()
	for _, body := range []protocols.Body{
		&protocols.Contribute{Query: id, Epoch: q.Ask.Epoch, Blobs: make([]engine.Digest, q.Ask.Linked.Vectors)},
		&protocols.Multiply{Query: id, Epoch: q.Ask.Epoch, Blobs: make([]engine.Digest, q.Ask.Linked.Products)},
	} {
		if err := f.w.ledger.order(f.signed(f.w.party("city2").key, body)); err == nil {
			f.w.t.Errorf("without city3's admission %s is taken", body.Kind())
		}
	}
	if q := f.w.ledger.state.Query(id); q.Phase != protocols.PhaseAdmitting {
		f.w.t.Errorf("without city3 the question is %s", q.Phase)
	}
}

// attack is it as one of the table's.
func (c crossing) attack() attack {
	return attack{what: c.what, with: c.with, by: c.by, joins: c.run}
}

// joinedAttacks are on permissions.
func joinedAttacks() (out []attack) {
	allows := func(change func(t *policy.Terms)) func(f *front) {
		return func(f *front) { f.shows(func(d *policy.Document) { change(&d.Rules[0].Terms) }) }
	}
	for _, c := range []crossing{
		{what: "a department joins by persons that the spine's policy does not admit any more", with: "city4", by: byReferee, code: "stranger", says: "not admitted to the spine", prepare: func(f *front) {
			d := open.Policy("city1", "register")
			d.Version, d.Disclosure.Count, d.Membership = 2, 1, []string{"city2", "city3"}
			f.w.decree("city1", &protocols.Publish{Document: d, Under: f.w.under("city1")})
			f.w.run()
		}},
		{what: "a join by persons over the spine of a linkage that a department has closed", with: "city5", by: byReferee, code: "stale-spine", says: "or there is none", prepare: func(f *front) {
			p := f.w.party("city5")
			f.puts(p.key, &protocols.LinkageClose{Linkage: f.w.ledger.state.Linkage().ID, Sentence: "goes on without"})
		}},
		{what: "a join by persons over the spine of before", with: "city1", by: byReferee, code: "stale-spine", says: "another one now", prepare: func(f *front) { f.w.respine(); f.w.run() }},
		{what: "a join by persons over the spine of a table that is registered as none any more", with: "city1", by: byReferee, code: "stale-catalogue", says: "has replaced it", prepare: func(f *front) {
			r := f.w.town.registrations("city1")[0]
			r.Version, r.Linkage = 2, engine.Linkage{}
			f.puts(f.w.party("city1").key, &protocols.Register{Registration: r, Nonce: [32]byte{8}})
		}},
		{what: "a join by persons over another department's spine of the same name", with: "city2", by: byReferee, code: "stale-spine", says: "", change: func(_ *front, a *protocols.Ask) { a.Linked.Department = "city2" }},
		{what: "a join by a key that city3's policy does not allow to join by", by: byMachine, code: "policy", says: `column "id" to be used as join`, prepare: allows(func(t *policy.Terms) { t.Join = nil })},
		{what: "a sum of the other side's column that city3's policy does not allow, by persons", by: byMachine, code: "policy", says: `column "amount" to be used as aggregate`, prepare: allows(func(t *policy.Terms) { t.Aggregate = []string{"id"} })},
		{what: "a condition on a column that city3's policy does not allow, by persons", by: byMachine, code: "policy", says: `column "amount" to be used as filter`,
			sql: joinedCount.sql + " WHERE amount > 0", prepare: allows(func(t *policy.Terms) { t.Filter = []string{"id"} })},
		{what: "persons joined by whom no rule is for", by: byMachine, code: "policy", says: "for other people", prepare: func(f *front) {
			f.shows(func(d *policy.Document) { d.Rules[0].Who = []string{"department:city2"} })
		}},
		{what: "fewer departments than are demanded, by persons: city3 is alone on its side", by: byMachine, code: "policy", says: "at least 4 departments", of: []string{"city1", "city3"},
			prepare: allows(func(t *policy.Terms) { t.Contributors = 4 })},
		{what: "the plan of all departments, asked of fewer, by persons", by: byMachine, code: "plan-mismatch", says: "not the one that its SQL and tables give", change: func(f *front, a *protocols.Ask) {
			fewer := *f.screensJoined(a.SQL, "city1", "city3")
			a.Departments, a.Registrations = fewer.Departments, fewer.Registrations
		}},
		{what: "a contributor of whom no table is named, by persons", by: byReferee, code: "stale-catalogue", says: "not all contributors'", change: func(_ *front, a *protocols.Ask) { a.Registrations = slices.Delete(a.Registrations, 2, 3) }},
		{what: "a table less of a contributor that has both, by persons", by: byMachine, code: "plan-mismatch", says: "not the one that its SQL and tables give", change: func(_ *front, a *protocols.Ask) { a.Registrations = a.Registrations[1:] }},
		{what: "a smallest count of two persons, which all policies but city3's have", by: byMachine, code: "plan-mismatch", says: "not the one that its SQL and tables give", prepare: func(f *front) {
			f.shows(func(d *policy.Document) { d.Disclosure.Count = 0 })
		}},
		{what: "an answer by persons without its screening", by: byMachine, code: "policy", says: "no screening is named", sql: joinedCount.sql, change: unscreenedJoin},
	} {
		out = append(out, c.attack())
	}
	return out
}

// unscreenedJoin has the answer asked for in place of its screening.
func unscreenedJoin(f *front, a *protocols.Ask) {
	plan, err := engine.NewLinkedPlan(a.SQL, f.w.ledger.state.Catalogue(), a.Departments, protocols.Packing(f.w.params))
	if err != nil {
		f.w.t.Fatal(err)
	}
	a.Screening, a.Plan = false, plan.Digest()
	blob, err := protocols.AnalystKey(f.w.keys, f.w.network.ID(), f.key, a)
	if err != nil {
		f.w.t.Fatal(err)
	}
	f.w.analyst().gives(blob)
}

// joinedDisclosures are on what such answers show.
func joinedDisclosures() (out []disclosure) {
	for _, name := range engine.Presets() {
		c := crossing{what: "a join where city3's policy is `" + name + "`, as if it had no rules", by: byReferee, code: "policy", says: "by the departments' rule", prepare: func(f *front) {
			f.shows(func(d *policy.Document) { d.Disclosure, _ = engine.Preset(name) })
		}}
		out = append(out, disclosure{c.what + ofPersons, againstAll, func(t *testing.T, _ *world, _ *protocols.Certificate) (string, sight) { return c.by, c.run(t) }})
	}
	shown := func(what, sql string, count func(f *front) int64, want func(f *front) string) {
		out = append(out, disclosure{what + ofPersons, againstAnalysts, func(t *testing.T, _ *world, _ *protocols.Certificate) (string, sight) {
			f := crossed(t)
			n := count(f)
			f.shows(func(d *policy.Document) { d.Disclosure.Count = n })
			return "the contributors", f.shownOf(sql, want(f))
		}})
	}
	more := func(meant func(of) bool) func(f *front) int64 {
		return func(f *front) int64 { return int64(f.w.town.persons(meant)) + 1 }
	}
	shown("one person less than the smallest count", joinedCount.sql, more(nil), nothingShown)
	shown("one person less, by how many different ones they are", "SELECT count(DISTINCT id) FROM benefits JOIN register USING (id)", more(nil), nothingShown)
	shown("fewer than ten persons, where city1's policy has a smallest count of 1 and city3's none", joinedCount.sql+" WHERE amount > 1", func(f *front) int64 {
		if n := f.w.town.persons(func(o of) bool { return o.paid() && *o.amount > 1 }); n < engine.FewestPersons || n >= engine.LeastPersons {
			f.w.t.Fatalf("there are %d persons", n)
		}
		return 0
	}, nothingShown)
	shown("the few persons that a condition leaves out, by the difference", "SELECT count(*), sum(amount) FILTER (WHERE amount >= 0) FROM benefits JOIN register USING (id) WHERE amount < 4",
		more(func(o of) bool { return o.paid() && *o.amount < 0 }), func(f *front) string {
			return fmt.Sprintf("%d NULL \n", f.w.town.matches([]string{"city1"}, []string{"city3"}, of.paid))
		})
	return append(out, disclosure{"one person of city3's, by city1, which multiplies by nine others whom it knows and by that one" + ofPersons, "nobody", oneOfTen})
}

// ofPersons ends the names of these rows.
const ofPersons = " (persons)"

// oneOfTen: city1 counts ten persons and no others, which no proof keeps it from.
func oneOfTen(t *testing.T, _ *world, _ *protocols.Certificate) (string, sight) {
	f := crossed(t)
	f.shows(func(d *policy.Document) { d.Disclosure.Count = 0 })
	var ten []string
	for _, row := range f.w.town.rows["city3"]["benefits"] {
		if _, placed := f.w.town.positions[row.id]; placed && row.paid() && len(ten) < engine.LeastPersons && !slices.Contains(ten, row.id) {
			ten = append(ten, row.id)
		}
	}
	if len(ten) != engine.LeastPersons {
		t.Fatalf("there are %d", len(ten))
	}
	var total int64
	for _, row := range f.w.town.rows["city3"]["benefits"] {
		if row.paid() && slices.Contains(ten, row.id) {
			total += *row.amount
		}
	}
	f.w.town = f.w.town.changed(func(department, table string, row of) of {
		if table == "register" && department == "city1" && !slices.Contains(ten, row.id) {
			row.id = "away " + row.id
		}
		return row
	})
	o := f.joined("SELECT sum(amount) FROM benefits JOIN register USING (id) WHERE amount < 4")
	if printed(o.Result) != fmt.Sprintf("%d \n", total) {
		t.Errorf("%s %s %s: %s, want %d", o.Status, o.Code, o.Sentence, printed(o.Result), total)
	}
	return "nobody: it is not seen", sight{refused: "it is answered: the sum, less what nine of them have, is what one has"}
}

func nothingShown(*front) string { return "" }

// persons is how many of city3's persons with a row that is meant stand in city1's register.
func (tn *town) persons(meant func(of) bool) int {
	out := map[string]bool{}
	for _, b := range tn.rows["city3"]["benefits"] {
		if _, placed := tn.positions[b.id]; placed && (meant == nil || meant(b)) {
			out[b.id] = true
		}
	}
	return len(out)
}

// joined asks city1 and city3 to the end, with everybody's machines.
func (f *front) joined(sql string) *protocols.Outcome {
	f.w.says = nil
	f.w.askFor(question{sql: sql}, "city1", "city3")
	f.w.run()
	return f.w.answer()
}

// shownOf asks, and holds that this is shown of it, something being withheld.
func (f *front) shownOf(sql, want string) sight {
	o := f.joined(sql)
	if want == "" {
		if o.Status == protocols.Answered || o.Code != protocols.CodePolicy || o.Result != nil {
			f.w.t.Errorf("%s %s %s: %s", o.Status, o.Code, o.Sentence, printed(o.Result))
		}
		for _, e := range f.w.entriesOn(protocols.KindMultiply) {
			if body, err := e.Open(); err != nil || !f.w.ledger.state.Query(queryOf(body)).Ask.Screening {
				f.w.t.Error("of an answer something is multiplied")
			}
		}
		return sight{refused: "`" + o.Code + "`: " + o.Sentence}
	}
	if o.Status != protocols.Answered || printed(o.Result) != want || len(o.Result.Withheld) == 0 {
		f.w.t.Fatalf("%s %s %s: %s, want %s", o.Status, o.Code, o.Sentence, printed(o.Result), want)
	}
	h := o.Result.Withheld[0]
	return sight{refused: "withheld: " + strings.Join(h.Columns, " and ") + " of all rows by `" + h.Rule + "`"}
}

// respine has city1 publish its spine anew.
func (w *world) respine() {
	p, l := w.party("city1"), w.ledger.state.Linkage()
	next := l.Spine("city1", "register").Spine
	next.Version++
	w.order(protocols.Sign(w.network.ID(), p.key, &next))
}

// gives has a party serve a blob.
func (p *party) gives(blob []byte) engine.Digest {
	d := protocols.BlobDigest(blob)
	p.store[d], p.published[d] = blob, true
	return d
}
