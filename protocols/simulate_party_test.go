package protocols_test

import (
	"crypto/ed25519"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"

	"parley/circuits"
	"parley/engine"
	"parley/engine/policy"
	"parley/engine/policy/open"
	"parley/protocols"
	"parley/protocols/liar"
)

// sync does what a node does after each record: it registers, opens epochs, and starts the
// machines that the ledger asks for.
func (p *party) sync() {
	w := p.w
	if p.lie == liar.Hang && len(p.state.Open()) > 0 {
		return
	}
	if p.role != "" && p.state.IsValidator(p.id) && !p.state.HasJoined(p.id) {
		p.once(&protocols.Join{Name: p.name, Nonce: [32]byte(p.id)})
	}
	if p.rows != nil && p.state.HasJoined(p.id) {
		if next := p.state.NextEpoch(); next != nil {
			p.once(next)
		}
		if w.town != nil {
			p.syncTown()
		} else if !p.registered() {
			p.once(&protocols.Register{Registration: w.registration(p), Nonce: [32]byte{7}})
		}
		if w.town == nil {
			p.decide()
		}
		if w.links && p.registered() {
			p.link()
		}
		if p == w.departments()[0] && p.state.Person(w.analyst().id) == nil {
			p.once(vouching(w.analyst()))
		}
	}
	if p.role != "" {
		if p.state.IsValidator(p.id) {
			p.syncMachines()
		}
		return
	}
	if p.ask != nil && p.asking == nil && p.state.Epoch() != nil && (p.state.Person(p.id) != nil || len(p.state.Formers()) > 0) && p.answersWait() {
		p.startAsking()
	}
}

// answersWait reports whether those whom the analyst asks have a table, and a policy for it.
func (p *party) answersWait() bool {
	names := p.contrib
	if len(names) == 0 {
		for _, d := range p.w.departments() {
			names = append(names, d.name)
		}
	}
	for _, name := range names {
		if p.w.town != nil {
			break // startJoining sees to it
		}
		if p.state.Policy(name, "heart") == nil || !slices.ContainsFunc(p.state.Catalogue(), func(r engine.Registration) bool { return r.Department == name }) {
			return false
		}
	}
	return true
}

// vouching is a department's word for an analyst, from the ledger's beginning on.
func vouching(analyst *party) *protocols.Vouch {
	return personOf(analyst.key, "analyst", protocols.PersonAnalyst)
}

// personOf is a department's word for a person.
func personOf(key ed25519.PrivateKey, name string, roles ...protocols.PersonRole) *protocols.Vouch {
	const from = 1_700_000_000
	k := protocols.KeyOf(key)
	return &protocols.Vouch{Person: k, First: k, Name: name, Roles: roles, From: from, Until: from + 24*3600}
}

// registration is what a department says of its table first.
func (w *world) registration(p *party) engine.Registration {
	r := registration(p.name, "heart", 1, p.rows)
	if w.class != engine.ClassUnsaid && !slices.Contains(w.freely, p.name) {
		r.About.Class = w.class
	}
	if w.keyed {
		r.Quality.Key = []string{"sex"}
	}
	return r
}

// decide has a department vouch for its steward, and that put a policy in force.
func (p *party) decide() {
	w := p.w
	key := w.steward(p.name)
	steward := p.state.Person(protocols.KeyOf(key))
	switch {
	case steward == nil:
		p.once(personOf(key, "steward", protocols.PersonSteward))
	case p.registered() && p.state.Policy(p.name, "heart") == nil:
		d := open.Policy(p.name, "heart")
		if w.policy != nil {
			d = w.policy(p.name)
		}
		p.onceBy(key, &protocols.Publish{Document: d, Under: steward.Number})
	}
}

func (p *party) registered() bool {
	return slices.ContainsFunc(p.state.Catalogue(), func(r engine.Registration) bool { return r.Department == p.name })
}

// once sends an entry that no machine makes, once in one life.
func (p *party) once(body protocols.Body) { p.onceBy(p.key, body) }

// onceBy is the same by a person of the party's.
func (p *party) onceBy(key ed25519.PrivateKey, body protocols.Body) {
	e := protocols.Sign(p.w.network.ID(), key, body)
	if _, sent := p.outbox[e.Digest()]; !sent {
		p.enqueue(e)
	}
}

func (p *party) syncMachines() {
	for _, ep := range []*protocols.EpochState{p.state.Forming(), p.state.Epoch()} {
		if ep == nil || p.formations[ep.ID] != nil {
			continue
		}
		f, err := protocols.NewFormation(p.department, ep.ID, p.journal)
		if err != nil {
			p.w.t.Fatalf("%s: formation: %v", p.name, err)
		}
		p.forming[ep.ID], p.formations[ep.ID] = f, p.wrap(f)
		p.started = append(p.started, ep.ID)
		p.stepFormation(ep.ID, protocols.Started{})
	}
	for _, id := range p.state.Open() {
		epoch := p.epochs[p.state.Query(id).Ask.Epoch]
		if epoch == nil || p.queries[id] != nil {
			continue
		}
		q, err := p.part(epoch, id)
		if err != nil {
			p.w.t.Fatalf("%s: query: %v", p.name, err)
		}
		p.queries[id] = p.wrap(q)
		p.started = append(p.started, id)
		p.step(p.queries[id], protocols.Started{}, id)
	}
}

// part is the machine of a query: a member's, or another validator's.
func (p *party) part(epoch *protocols.Epoch, id engine.Digest) (protocols.Machine, error) {
	if p.state.Query(id).Epoch.IsMember(p.id) {
		return protocols.NewQuery(p.department, epoch, id, p.journal)
	}
	return protocols.NewAudit(p.department, epoch, id, p.journal)
}

func (p *party) wrap(m protocols.Machine) protocols.Machine {
	if p.lie == "" {
		return m
	}
	return liar.Wrap(m, p.department, p.lie)
}

// consider is what the departments would decide about the analyst's question now.
func (p *party) consider(plan *engine.Plan, screening bool) policy.Decision {
	f, err := policy.FactsOf(plan, p.ask.of)
	if err != nil {
		p.w.t.Fatal(err)
	}
	return p.state.Consider(p.id, p.w.ledger.at.Time/1000, &f, protocols.Ask{SQL: p.ask.sql, Question: p.ask.of, Round: uint32(p.ask.round),
		Purpose: purpose, Screening: screening, Screen: p.screen})
}

// purpose is what all questions of the tests are for.
const purpose = "poverty relapse"

func (p *party) startAsking() {
	if p.w.town != nil {
		p.startJoining()
		return
	}
	var session *engine.Session
	var err error
	p.tally(func() {
		session, err = protocols.NewQuestion(p.ask.sql, p.state.Catalogue(), p.contrib, protocols.Packing(p.w.params))
	})
	if err != nil {
		p.w.t.Fatalf("question: %v", err)
	}
	config := protocols.AnalystConfig{Key: p.key, Keys: p.keys, Verifying: p.w.keys.Verifying(), State: p.state, Receipts: checkReceipt,
		Plan: session.Plan(), Question: p.ask.of, Round: p.ask.round, Purpose: purpose, DeadlineSeconds: 60}
	config.Rules, config.Screen = p.consider(session.Plan(), false).Rules, p.screen
	config.Screening = config.Rules.Screens() && p.screen == engine.Digest{} && !p.w.unscreened
	for _, c := range p.consider(session.Plan(), config.Screening).Charges {
		config.Grants = append(config.Grants, c.Grant)
	}
	config.Grants = append(config.Grants, p.w.spare...)
	p.asks(config)
	p.takeBack()
}

// asks starts the analyst's machine, with a nonce by which the screening's recipient is the world's, if it has one.
func (p *party) asks(config protocols.AnalystConfig) {
	a, err := protocols.NewAnalyst(config, p.journal)
	for err == nil && a.Recipient() != "" && p.w.recipient != "" && a.Recipient() != p.w.recipient && a.Query() == (engine.Digest{}) {
		a, err = protocols.NewAnalyst(config, p.journal)
	}
	if refusal := (*engine.Error)(nil); errors.As(err, &refusal) && config.Screen != (engine.Digest{}) && refusal.Code == engine.CodePolicy {
		p.ask, p.screen = nil, engine.Digest{} // nothing is shown of it
		p.answers = append(p.answers, &protocols.Outcome{Status: protocols.Refused, Code: refusal.Code, Sentence: refusal.Message})
		return
	}
	if err != nil {
		p.w.t.Fatalf("analyst: %v", err)
	}
	p.asking = a
	p.stepAnalyst(protocols.Started{})
}

func (p *party) stepAll(e protocols.Event) {
	for _, id := range slices.Clone(p.started) {
		if p.formations[id] != nil {
			p.stepFormation(id, e)
		} else {
			p.step(p.queries[id], e, id)
		}
	}
	if p.asking != nil {
		p.stepAnalyst(e)
	}
}

func (p *party) stepFormation(id engine.Digest, e protocols.Event) {
	p.step(p.formations[id], e, id)
	if epoch := p.forming[id].Epoch(); epoch != nil && p.epochs[epoch.Digest] == nil {
		p.epochs[epoch.Digest] = epoch
		p.sync()
	}
}

func (p *party) stepAnalyst(e protocols.Event) {
	m := p.asking
	o := p.step(m, e, engine.Digest{})
	if o == nil {
		return
	}
	p.asking, p.journal = nil, nil // one question, one journal
	if o.Verdict != nil && p.ask != nil {
		p.screen = o.Screening
		p.w.after(p, p.sync)
		return
	}
	p.ask, p.cancels, p.screen = nil, false, engine.Digest{}
	p.answers = append(p.answers, o)
}

// step steps a machine and does what it wants, with a place to crash between any two effects.
func (p *party) step(m protocols.Machine, e protocols.Event, id engine.Digest) *protocols.Outcome {
	w := p.w
	p.point()
	var r protocols.Ready
	var err error
	p.tally(func() { r, err = m.Step(e) })
	if errors.Is(err, protocols.ErrJournal) && p.repents && p.formations[id] != nil {
		// What it said when it lied is not in its journal: it leaves the epoch.
		p.enqueue(protocols.Sign(w.network.ID(), p.key, &protocols.EpochAbort{Epoch: id, Culprit: p.id,
			Fault: protocols.FaultUnavailable, Sentence: "lost its journal"}))
		return nil
	}
	if errors.Is(err, protocols.ErrJournal) && p.deviates {
		return nil // the ledger holds what was made of its word
	}
	if errors.Is(err, circuits.ErrBrokenKey) && p.keys != w.keys {
		p.up, p.broken = false, err
		p.life++
		return nil
	}
	if err != nil {
		w.t.Fatalf("%s: %v", p.name, err)
	}
	if w.account != nil {
		w.account.stepped(p, m, e, r)
	}
	if r.Withheld != nil {
		p.withheld = append(p.withheld, r.Withheld)
	}
	w.witnessShadow(p, id, r)
	for _, record := range r.Persist {
		p.point()
		parsed, err := protocols.ParseJournalRecord(record.Marshal())
		if err != nil {
			w.t.Fatalf("%s: %v", p.name, err)
		}
		p.journal = append(p.journal, parsed)
		p.point()
	}
	for _, blob := range r.Publish {
		p.point()
		w.witnessBlob(p, blob)
		p.store[protocols.BlobDigest(blob)] = blob
		p.published[protocols.BlobDigest(blob)] = true
		w.unpark()
	}
	for _, c := range r.Confide {
		p.point()
		p.confided[protocols.BlobDigest(c.Blob)] = c
		w.unpark()
	}
	for _, entry := range r.Send {
		p.point()
		w.witness(p, entry)
		p.enqueue(entry)
		p.point()
	}
	for _, want := range r.Fetch {
		w.after(p, func() { p.fetch(m, want, id, 0) })
	}
	if r.Aggregate != nil {
		w.after(p, func() {
			p.dispatch(m, w.noisily(r.Aggregate, p), id)
		})
	}
	for _, persons := range r.Persons {
		w.after(p, func() { p.dispatch(m, w.town.entries(w.t, p.name, persons), id) })
	}
	for _, job := range r.Work {
		w.after(p, func() {
			var done protocols.Event
			p.tally(func() { done = job.Run() })
			p.dispatch(m, done, id)
		})
	}
	if r.Receipt != (engine.Digest{}) {
		w.after(p, func() { p.fetchReceipt(m, r.Receipt, id) })
	}
	if r.Outcome != nil {
		p.outcomes[id] = r.Outcome
	}
	return r.Outcome
}

// dispatch steps a machine with the answer to something that it asked for.
func (p *party) dispatch(m protocols.Machine, e protocols.Event, id engine.Digest) {
	a, analyst := m.(*protocols.Analyst)
	switch {
	case analyst && a == p.asking:
		p.stepAnalyst(e)
	case analyst: // it has ended
	case p.formations[id] != nil:
		p.stepFormation(id, e)
	default:
		p.step(m, e, id)
	}
}

// fetch asks one source after the other; a want that nobody can serve waits.
func (p *party) fetch(m protocols.Machine, want protocols.Want, id engine.Digest, from int) {
	w := p.w
	if blob := p.store[want.Digest]; blob != nil && p.lie == "" {
		p.dispatch(m, protocols.Blob{Digest: want.Digest, Bytes: blob}, id)
		return
	}
	for i := from; i < len(want.Sources); i++ {
		source := w.byKey(want.Sources[i])
		if source == nil || !source.up || w.cut[source] != w.cut[p] {
			continue
		}
		blob, header := source.serve(want.Digest, p)
		if header == nil {
			continue
		}
		served, err := protocols.ParseServed(header.Marshal())
		if err != nil || served.Server != source.id || served.Requested != want.Digest || served.Verify(w.network.ID()) != nil {
			if source.deviates {
				continue
			}
			w.t.Fatalf("header of %s: %v", source.name, err)
		}
		if served.Fault(want.Size) != "" {
			w.after(p, func() { p.fetch(m, want, id, i+1) })
			p.dispatch(m, protocols.Blob{Digest: want.Digest, Lie: &served}, id)
			return
		}
		p.store[want.Digest] = blob
		w.arrive(p, want.Digest, func() { p.dispatch(m, protocols.Blob{Digest: want.Digest, Bytes: blob}, id) })
		return
	}
	w.park(p, func() { p.fetch(m, want, id, 0) })
}

func (p *party) serve(digest engine.Digest, to *party) ([]byte, *protocols.Served) {
	w := p.w
	if c, ok := p.confided[digest]; ok && slices.Contains(c.To, to.id) {
		if w.serves != nil {
			return w.serves(p, to, digest, c.Blob)
		}
		return p.signed(digest, c.Blob)
	}
	if !p.published[digest] || p.lie == liar.Hang && len(p.state.Open()) > 0 {
		return nil, nil
	}
	blob := p.store[digest]
	contribution := false
	for _, id := range p.state.Open() {
		for _, digests := range slices.Concat(p.state.Query(id).Contributed, p.state.Query(id).Multiplied) {
			contribution = contribution || slices.Contains(digests, digest)
		}
	}
	switch {
	case p.lie == liar.Equivocation && contribution && to != w.analyst():
		if p.served++; p.served > 1 {
			blob = slices.Clone(blob)
			blob[len(blob)-1] ^= 1
		}
	case p.lie == liar.Oversized && contribution:
		blob = append(slices.Clone(blob), 0)
	}
	if w.serves != nil {
		return w.serves(p, to, digest, blob)
	}
	return p.signed(digest, blob)
}

func (p *party) signed(digest engine.Digest, blob []byte) ([]byte, *protocols.Served) {
	header := protocols.SignServed(p.w.network.ID(), p.key, digest, blob)
	return blob, &header
}

// witness holds the promises about what leaves an honest party: it is journaled; for one
// subject there are only ever the same bytes; no blob of a contribution leaves before all are
// committed to.
func (w *world) witness(p *party, e protocols.Entry) {
	if p.lie != "" {
		return
	}
	raw := e.Marshal()
	if !slices.ContainsFunc(p.journal, func(r protocols.JournalRecord) bool { return string(r.Entry) == string(raw) }) {
		w.t.Errorf("%s sends a %s entry that is not in its journal", p.name, e.Kind)
	}
	body, err := e.Open()
	if err != nil {
		w.t.Fatalf("%s sends an entry that does not decode: %v", p.name, err)
	}
	subject := fmt.Sprintf("%s %x", e.Kind, sha256.Sum256([]byte(subjectOf(body))))
	if old := w.entries[p][subject]; old != nil && string(old) != string(raw) {
		w.t.Errorf("%s sends a second, different %s entry", p.name, e.Kind)
	}
	w.entries[p][subject] = raw
}

// witnessBlob holds that what an honest party serves is journaled or was had from others.
func (w *world) witnessBlob(p *party, blob []byte) {
	digest := protocols.BlobDigest(blob)
	journaled := slices.ContainsFunc(p.journal, func(r protocols.JournalRecord) bool {
		return slices.ContainsFunc(r.Blobs, func(b []byte) bool { return protocols.BlobDigest(b) == digest })
	})
	if p.lie == "" && !journaled && p.store[digest] == nil {
		w.t.Errorf("%s serves a blob of its own that is not in its journal", p.name)
	}
}

func subjectOf(body protocols.Body) string {
	switch b := body.(type) {
	case *protocols.KeyCommit:
		return b.Epoch.String()
	case *protocols.KeyAttest:
		return b.Epoch.String()
	case *protocols.EpochAbort:
		return b.Epoch.String()
	case *protocols.Admit:
		return b.Query.String()
	case *protocols.Refuse:
		return b.Query.String()
	case *protocols.Contribute:
		return b.Query.String()
	case *protocols.Attest:
		return b.Query.String()
	case *protocols.Accuse:
		return b.Query.String()
	case *protocols.ShareCommit:
		return b.Query.String()
	case *protocols.Done:
		return b.Query.String() + b.Transcript.String()
	case *protocols.Judge:
		return b.Case.String()
	case *protocols.Screen:
		return b.Query.String()
	case *protocols.Multiply:
		return b.Query.String()
	}
	return string(engine.Marshal(body))
}

// takeBack has the analyst withdraw its question, if it wants to.
func (p *party) takeBack() {
	if p.cancels && p.asking != nil {
		p.stepAnalyst(protocols.Cancel{})
	}
}

// askFor lets the analyst ask a question, of all departments or of those named.
func (w *world) askFor(q question, departments ...string) {
	a := w.analyst()
	a.ask, a.contrib = &q, departments
	w.after(a, a.sync)
}

// answer is the analyst's last outcome.
func (w *world) answer() *protocols.Outcome {
	answers := w.analyst().answers
	if len(answers) == 0 {
		w.t.Fatal("the analyst has no outcome")
	}
	return answers[len(answers)-1]
}

// expected is the plain computation over the pooled rows.
func (w *world) expected(q question, departments ...string) string {
	var rows []person
	for _, p := range w.departments() {
		if len(departments) == 0 || slices.Contains(departments, p.name) {
			rows = append(rows, p.rows...)
		}
	}
	return printedPlain(q.plain(rows))
}

func (w *world) checkAnswer(q question, departments ...string) *protocols.Outcome {
	w.t.Helper()
	o := w.answer()
	if o.Status != protocols.Answered {
		w.t.Fatalf("%s: %s %s %v", o.Status, o.Code, o.Sentence, o.Fault)
	}
	if got, want := printed(o.Result), w.expected(q, departments...); got != want {
		w.t.Fatalf("got\n%swant\n%s", got, want)
	}
	return o
}
