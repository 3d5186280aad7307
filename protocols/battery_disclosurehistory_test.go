package protocols_test

import (
	"bytes"
	"crypto/ed25519"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/cryptotest"

	"parley/engine"
	"parley/engine/policy"
	"parley/engine/policy/open"
	"parley/protocols"
	"parley/protocols/liar"
)

// allSQL was answered in the network of the rows about histories.
const allSQL = "SELECT count(*), sum(chol) FROM heart"

// mindful is city3's policy: everything, of four rows, with what was answered in a year before.
func mindful(department string) policy.Document {
	d := open.Policy(department, "heart")
	if department == "city3" {
		d.Disclosure = engine.Disclosure{Count: ruledCount, History: 365}
	}
	return d
}

// memory is the network before any attack on histories. One question was answered, of which the certificate is.
func memory(t *testing.T) (*world, *protocols.Certificate) {
	cryptotest.SetGlobalRandom(t, 99)
	w := newWorld(t, 99, 3)
	w.policy = mindful
	w.askFor(question{sql: allSQL})
	w.run()
	return w, w.answer().Certificate
}

// single is a row of city3's whose chol no other has, in the middle of them.
func (w *world) single() person {
	n := map[int64]int{}
	for _, p := range w.departments() {
		for _, r := range p.rows {
			if r.chol != nil {
				n[*r.chol]++
			}
		}
	}
	own := slices.DeleteFunc(slices.Clone(w.party("city3").rows), func(r person) bool { return r.chol == nil || n[*r.chol] > 1 })
	slices.SortFunc(own, func(a, b person) int { return int(*a.chol - *b.chol) })
	return own[len(own)/2]
}

// about is a text about that row: $CHOL and $SEX are its, and $REST are all others.
func (w *world) about(text string) string {
	one := w.single()
	return strings.NewReplacer("$CHOL", fmt.Sprint(*one.chol), "$SEX", "'"+one.sex+"'", "$REST", fmt.Sprintf("(chol <> %d OR chol IS NULL)", *one.chol)).Replace(text)
}

// talks asks a question, round by round, until one is not answered.
func (w *world) talks(sql string, departments ...string) *protocols.Outcome {
	w.t.Helper()
	session, err := protocols.NewQuestion(sql, w.ledger.state.Catalogue(), departments, protocols.Packing(w.params))
	if err != nil {
		w.t.Fatal(err)
	}
	for round := 1; ; round++ {
		q := question{sql: session.Plan().SQL}
		if q.sql != sql {
			q.of, q.round = sql, round
		}
		w.askFor(q, departments...)
		w.settle()
		o := w.answer()
		if o.Status != protocols.Answered {
			return o
		}
		if err := session.Step(o.Result); err != nil {
			w.t.Fatal(err)
		}
		if session.Plan() == nil {
			return o
		}
	}
}

// conversation is some questions, one after the other, all but the last answered; before them the network may be changed.
type conversation struct {
	what, against string
	with          string // the question with whose answer the last one would tell; empty: it is answered, and why follows
	why           string
	prepare       func(f *front)
	questions     []string
	departments   []string // of the last one
}

func (c *conversation) run(t *testing.T, base *world, first *protocols.Certificate) (string, sight) {
	cryptotest.SetGlobalRandom(t, 93)
	f := besieged(t, base, first)
	f.w.says = nil
	if c.prepare != nil {
		c.prepare(f)
	}
	last := len(c.questions) - 1
	for _, sql := range c.questions[:last] {
		if o := f.w.talks(f.w.about(sql)); o.Status != protocols.Answered {
			t.Fatalf("%s: %s, %s: %s", f.w.about(sql), o.Status, o.Code, o.Sentence)
		}
	}
	o := f.w.talks(f.w.about(c.questions[last]), c.departments...)
	f.w.checkAgreement()
	if c.with == "" {
		if o.Status != protocols.Answered {
			t.Fatalf("it is %s, %s: %s", o.Status, o.Code, o.Sentence)
		}
		return againstNobody, sight{refused: c.why}
	}
	q := f.last()
	if o.Status != protocols.Refused || o.Code != engine.CodeHistory || !q.Ask.Screening || q.Phase != protocols.PhaseDone || q.RefusedByHistory() != o.Sentence {
		t.Fatalf("it is %s, %s: %s; the last query is %s", o.Status, o.Code, o.Sentence, q.Phase)
	}
	_, with, _ := strings.Cut(o.Sentence, "too few rows: ")
	if with != f.w.about(c.with) {
		t.Errorf("it is refused for the sake of %q", with)
	}
	e := f.asks(q.Ask.SQL, q.Ask.Departments, func(a *protocols.Ask) { // the answer is asked for all the same
		a.Screen, a.Question, a.Round = q.ID, q.Ask.Question, q.Ask.Round
	})
	if code, _ := f.refusal(e, f.w.ledger.order(e)); code != engine.CodeHistory {
		t.Errorf("its answer is refused with %s", code)
	}
	return "the screening's verdict, which city3 signs", sight{refused: "`history`: with the answer to " + with, also: "the referee"}
}

// decreed has city3 put other rules in force.
func decreed(d engine.Disclosure) func(f *front) {
	return func(f *front) {
		document := mindful("city3")
		document.Version, document.Disclosure = 2, d
		f.w.decree("city3", &protocols.Publish{Document: document, Under: f.w.under("city3")})
		f.w.run()
	}
}

// together is city3's policy where it counts all persons of a department as one.
var together = decreed(engine.Disclosure{Count: ruledCount, History: 365, Together: engine.TogetherDepartment})

// colleague is another analyst of city1's.
func colleague(f *front) ed25519.PrivateKey {
	return f.vouched("city1", "clerk", nil, protocols.PersonAnalyst)
}

// becomes has the analyst's client ask for another person from now on.
func (f *front) becomes(key ed25519.PrivateKey) {
	a := f.w.analyst()
	a.key, a.id, f.key = key, protocols.KeyOf(key), key
	a.ask, a.asking, a.journal, a.screen = nil, nil, nil, engine.Digest{}
}

func padding(f *front) {
	for _, name := range []string{"city1", "city2"} {
		f.w.party(name).lie = liar.PaddedCounts
	}
}

func conversations() []conversation {
	refused := func(what, with string, questions ...string) conversation {
		return conversation{what: what, against: againstAnalysts, with: with, questions: questions}
	}
	allButOne := allSQL + " WHERE $REST"
	colleagues := refused("all rows but one, by a colleague, where city3's policy counts both as one (`together`)", allSQL, allButOne)
	colleagues.prepare = func(f *front) { together(f); f.becomes(colleague(f)) }
	strangers := conversation{what: "the same, without `together`", against: againstNobody, questions: []string{allButOne},
		why: "it is answered: it is compared with no answer to another person", prepare: func(f *front) { f.becomes(colleague(f)) }}
	padded := conversation{what: "all rows but one, where city1 and city2 pad what they count for the screening", against: againstNobody, questions: []string{allButOne},
		why: "it is answered: the one row of city3's seems to be many", prepare: padding}
	floored := refused("the same, where city3's policy has a `floor` too", allSQL, allButOne)
	floored.against = againstAll
	floored.prepare = func(f *front) {
		decreed(engine.Disclosure{Count: ruledCount, Floor: ruledFloor, History: 365})(f)
		padding(f)
	}
	others := conversation{what: "the same of city1 and city2, whose policies have no history, after that of all three", against: againstNobody, questions: []string{allSQL},
		departments: []string{"city1", "city2"}, why: "it is answered: nothing of it is asked of city3, whose rows the two answers tell in all"}
	return []conversation{
		refused("all rows, and then all but one", allSQL, allButOne),
		refused("a total, and all its parts but one row", "SELECT count(*) FROM heart WHERE chol < $CHOL", "SELECT count(*) FROM heart WHERE chol < $CHOL", "SELECT count(*) FROM heart WHERE chol IS NULL", "SELECT count(*) FROM heart WHERE chol > $CHOL"),
		refused("ranges of which one holds the other", "SELECT sum(age) FROM heart WHERE chol < $CHOL", "SELECT sum(age) FROM heart WHERE chol < $CHOL", "SELECT sum(age) FROM heart WHERE chol <= $CHOL"),
		refused("the same rows but one by groups", allSQL, "SELECT sex, count(*) FROM heart WHERE $REST GROUP BY sex"),
		refused("the same rows but one by grouping sets", allSQL, "SELECT sex, count(*) FROM heart WHERE $REST GROUP BY ROLLUP (sex)"),
		refused("all rows but one, behind two other questions", allSQL, "SELECT sex, count(*) FROM heart GROUP BY sex", "SELECT sum(age) FROM heart WHERE age < 45", "SELECT count(*) FROM heart WHERE $REST"),
		refused("two rounds of one question", "SELECT count(*) FROM heart WHERE sex = $SEX",
			"SELECT count(*) FROM heart WHERE sex = $SEX UNION ALL SELECT count(*) FROM heart WHERE sex = $SEX AND $REST"),
		colleagues, strangers, padded, floored, others,
	}
}

// planOf is what a question means.
func (f *front) planOf(sql string, departments []string) *engine.Plan {
	p, err := engine.NewPlan(sql, f.w.ledger.state.Catalogue(), departments, protocols.Packing(f.w.params))
	if err != nil {
		f.w.t.Fatal(err)
	}
	return p
}

// compares is the Ask of a question's screening, compared with these answers, as a patched client signs it.
func (f *front) compares(sql string, departments []string, past []protocols.Past) protocols.Entry {
	return f.asks(sql, departments, func(a *protocols.Ask) {
		p, err := f.planOf(sql, departments).Screening(engine.Disclosure{Count: ruledCount, History: 365})
		if err != nil {
			f.w.t.Fatal(err)
		}
		a.Screening, a.Past, a.Plan, a.Ciphertexts = true, past, p.Digest(), uint32(p.Ciphertexts())
	})
}

// historyAttacks are on histories: to tell one row by several answers, none of which tells of few.
func historyAttacks(base *world, c *protocols.Certificate) (out []disclosure) {
	add := func(what, against string, run func(t *testing.T) (string, sight)) {
		out = append(out, disclosure{what + " (history)", against, func(t *testing.T, _ *world, _ *protocols.Certificate) (string, sight) { return run(t) }})
	}
	for _, talk := range conversations() {
		add(talk.what, talk.against, func(t *testing.T) (string, sight) { return talk.run(t, base, c) })
	}
	patched := func(a attack) {
		a.silent = true
		add(a.what, againstAll, func(t *testing.T) (string, sight) { return a.by, a.run(t, base, c) })
	}
	const other = "SELECT count(*) FROM heart WHERE sex = 'F'"
	patched(referee("a screening that a patched client compares with nothing", protocols.CodeStaleHistory, "was not compared with", func(f *front) protocols.Entry {
		return f.compares(other, everybody, nil)
	}))
	patched(referee("the same by a colleague, under `together`", protocols.CodeStaleHistory, "was not compared with", func(f *front) protocols.Entry {
		together(f)
		f.key = colleague(f)
		return f.compares(other, everybody, nil)
	}))
	alone := machine("the same rows of one department alone, of city3", "would tell of single departments", func(f *front) protocols.Entry {
		e := f.compares(allSQL, []string{"city3"}, nil)
		ask := &protocols.Ask{}
		if err := engine.Unmarshal(e.Body, ask); err != nil {
			f.w.t.Fatal(err)
		}
		st := f.w.ledger.state
		past, err := st.Compared(protocols.KeyOf(f.key), f.w.ledger.at.Time/1000, ask, []string{"heart"}, engine.Disclosure{Count: ruledCount, History: 365})
		if err != nil {
			f.w.t.Fatal(err)
		}
		return f.compares(allSQL, []string{"city3"}, past)
	})
	alone.code = engine.CodeHistory
	patched(alone)
	add("two analysts at once, under `together`, each compared with what was answered before both", againstAll, func(t *testing.T) (string, sight) {
		return raced(besieged(t, base, c))
	})
	add("a certificate whose screening was compared with nothing", "all others together, for whoever verifies", func(t *testing.T) (string, sight) {
		return forgetful(besieged(t, base, c))
	})
	return out
}

// raced has two analysts' screenings end before either asks for its answer.
func raced(f *front) (string, sight) {
	cryptotest.SetGlobalRandom(f.w.t.(*testing.T), 93)
	together(f)
	first, other := f.key, colleague(f)
	var answers []protocols.Entry
	f.w.says = func(p *party, e protocols.Entry) []protocols.Entry {
		f.said[p.name] = append(f.said[p.name], e)
		ask := &protocols.Ask{}
		if e.Kind == protocols.KindAsk && engine.Unmarshal(e.Body, ask) == nil && !ask.Screening {
			answers = append(answers, e)
			return nil
		}
		return []protocols.Entry{e}
	}
	for i, sql := range []string{"SELECT sum(age) FROM heart WHERE chol < $CHOL", "SELECT sum(age) FROM heart WHERE chol <= $CHOL"} {
		if i > 0 {
			f.becomes(other)
		}
		f.w.askFor(question{sql: f.w.about(sql)})
		f.w.run()
	}
	if len(answers) != 2 || answers[0].Author == answers[1].Author {
		f.w.t.Fatalf("%d answers are asked for", len(answers))
	}
	f.becomes(first) // whose key the departments fetch
	if err := f.w.ledger.order(answers[0]); err != nil {
		f.w.t.Fatal(err)
	}
	err := f.w.ledger.order(answers[1])
	f.w.run()
	code, sentence := f.refusal(answers[1], err)
	late := &protocols.Ask{}
	if err := engine.Unmarshal(answers[1].Body, late); err != nil || code != protocols.CodeStaleHistory {
		f.w.t.Errorf("the second is refused with %s: %v", code, err)
	}
	if open := f.w.ledger.state.Open(); len(open) != 1 || f.w.ledger.state.Query(open[0]).Phase < protocols.PhaseSharing {
		f.w.t.Error("the first does not go on")
	}
	id := protocols.QueryID(f.w.network.ID(), answers[1].Author, late)
	f.heldBack(id)
	f.key = other
	v := f.w.verdict(f.missing(&attack{by: byReferee, proof: "bad-proof"}, answers[1], late, id))
	if v.Verified || v.SelfConsistent || v.Result != nil || v.Department != "city3" || !strings.Contains(v.Reason, "bad-proof") {
		f.w.t.Errorf("the verifier: verified %t, %q", v.Verified, v.Reason)
	}
	return byReferee, sight{refused: said(fmt.Sprintf("`%s`: %s", code, sentence)), verdict: said(recordNumber.ReplaceAllString(v.Reason, ""))}
}

// forgetful is the certificate of a second answer, in which its screening's Ask leaves the first one out; all is signed anew, with all keys,
// and of the contributions city3's alone is not made anew.
func forgetful(f *front) (string, sight) {
	f.w.says = nil
	o := f.w.talks("SELECT sex, count(*) FROM heart GROUP BY sex")
	if o.Status != protocols.Answered {
		f.w.t.Fatalf("%s, %s: %s", o.Status, o.Code, o.Sentence)
	}
	if v := f.w.verdict(o.Certificate); !v.Verified || len(v.Compared) != 1 {
		f.w.t.Fatalf("unchanged: verified %t, %s", v.Verified, v.Reason)
	}
	ended := f.w.ledger.state.Ended()
	r := &rewritten{f: f, screening: f.w.ledger.state.Query(ended[len(ended)-2]), answer: f.last()}
	r.screened, r.answered, r.contributed = r.screening.Ask, r.answer.Ask, slices.Clone(r.answer.Contributed)
	p, err := f.planOf(r.screened.SQL, everybody).Screening(engine.Disclosure{Count: ruledCount, History: 365})
	if err != nil {
		f.w.t.Fatal(err)
	}
	r.screened.Past, r.screened.Plan, r.screened.Ciphertexts = nil, p.Digest(), uint32(p.Ciphertexts())
	for protocols.RecipientOf(r.id(&r.screened), everybody) != protocols.RecipientOf(r.screening.ID, everybody) { // whose admission has the key
		r.screened.Nonce[0]++
	}
	r.answered.Screen = r.id(&r.screened)
	made := *o.Certificate
	made.Contributions = slices.Clone(made.Contributions)
	for i := range 2 { // city1 and city2 prove theirs again
		if made.Contributions[i], err = protocols.Contribution(f.w.reforge(o.Certificate, r.body), f.w.keys, i); err != nil {
			f.w.t.Fatal(err)
		}
	}
	for i, blobs := range made.Contributions[:2] {
		r.contributed[i] = nil
		for _, b := range blobs {
			r.contributed[i] = append(r.contributed[i], protocols.BlobDigest(b))
		}
	}
	v := f.w.verdict(f.w.reforge(&made, r.body))
	if v.Verified || v.SelfConsistent || v.Result != nil || v.Department != "city3" || !strings.Contains(v.Reason, "bad-proof") {
		f.w.t.Errorf("verified %t, %q", v.Verified, v.Reason)
	}
	return "the verifier", sight{verdict: said(recordNumber.ReplaceAllString(v.Reason, ""))}
}

// rewritten are an answer and its screening under other Asks.
type rewritten struct {
	f                  *front
	screening, answer  *protocols.QueryState
	screened, answered protocols.Ask
	contributed        [][]engine.Digest // to the answer
}

func (r *rewritten) id(a *protocols.Ask) engine.Digest {
	return protocols.QueryID(r.f.w.network.ID(), r.f.w.analyst().id, a)
}

// body is what is said of the one and the other in place of what was said.
func (r *rewritten) body(b protocols.Body) protocols.Body {
	of, name, contributed := queryOf(b), r.id(&r.answered), r.contributed
	if of == r.screening.ID {
		name, contributed = r.id(&r.screened), r.screening.Contributed
	}
	switch b := b.(type) {
	case *protocols.Ask:
		if b.Screening {
			return &r.screened
		}
		return &r.answered
	case *protocols.Attest:
		return &protocols.Attest{Query: name, Contributions: protocols.ContributionsDigest(name, contributed)}
	case *protocols.Contribute:
		if i := slices.IndexFunc(r.answer.Contributed, func(of []engine.Digest) bool { return slices.Equal(of, b.Blobs) }); i >= 0 {
			b.Blobs = r.contributed[i]
		}
	}
	if of != (engine.Digest{}) {
		if err := engine.Unmarshal(bytes.ReplaceAll(engine.Marshal(b), of[:], name[:]), b); err != nil {
			r.f.w.t.Fatal(err)
		}
	}
	return b
}
