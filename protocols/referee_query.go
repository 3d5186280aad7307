package protocols

import (
	"slices"

	"parley/engine"
)

func (s *State) ask(r *Record, b *Ask) *Refusal {
	vouch, refusal := s.mayAsk(r)
	if refusal != nil {
		return refusal
	}
	ep := s.Epoch()
	if ep == nil || b.Epoch != ep.Digest || !s.takesQuestions(ep) {
		return refuse("stale-epoch", "the question names an epoch that does not take questions")
	}
	author := r.Entry.Author
	id := QueryID(s.id, author, b)
	if _, forgotten := slices.BinarySearchFunc(s.forgotten, id, engine.Digest.Compare); forgotten || s.queries[id] != nil {
		return refuse("duplicate", "the question was asked before")
	}
	own := 0
	for _, other := range s.open {
		if s.queries[other].Author == author {
			own++
		}
	}
	if own >= MaxPendingPerAnalyst || len(s.open) >= MaxPending {
		return refuse("too-many", "too many questions are open: %d of this analyst, %d in all", own, len(s.open))
	}
	tables, refusal := s.tablesOf(b, ep)
	if refusal == nil && b.Linked != nil {
		refusal = s.checkLinked(b, ep, tables)
	}
	if refusal != nil {
		return refusal
	}
	ruling, refusal := s.rule(r, b, vouch, tables)
	if refusal != nil {
		return refusal
	}
	if rule := ruling.disclosure().AgainstJoins(); rule != "" && b.joins(tables) {
		return refuse(CodePolicy, "by the departments' rule %s, which is about the rows of one table, a question that joins tables is not answered", rule)
	}
	if b.Linked != nil && ruling.disclosure().History > 0 {
		return refuse(CodePolicy, "by the departments' rule history a question that joins their tables by persons is not answered: past answers are not compared with it")
	}
	screen, refusal := s.screenOf(r, b, &ruling)
	if refusal != nil {
		return refusal
	}
	if !s.gaps {
		if refusal := s.recalls(r, b, vouch, &ruling, tables, screen); refusal != nil {
			return refusal
		}
	}
	q := newQueryState(id, r, b, ep, tables)
	q.vouch, q.asker, q.ruling, q.screen = vouch, vouch.asker(s), ruling, screen
	q.Transcript = queryTranscript(ep.Transcript, s.members.transcript, vouch, tables, &ruling, screen)
	q.note(r, b)
	s.queries[id] = q
	s.open = append(s.open, id)
	s.take(q)
	return nil
}

// tablesOf are those that a question is asked of, as its registrations name them (Ask.fits).
func (s *State) tablesOf(b *Ask, ep *EpochState) (tables []*tableState, _ *Refusal) {
	for _, name := range b.Departments {
		if !slices.ContainsFunc(ep.Members, func(m Member) bool { return m.Name == name }) {
			return nil, refuse("unknown-department", "%q is not a member of the epoch", name)
		}
	}
	for i, digest := range b.Registrations {
		names := b.Departments
		if n := len(names); b.Linked == nil {
			names = names[i%n : i%n+1]
		}
		t := s.tableByDigest(names, digest)
		if t == nil {
			return nil, refuse("stale-catalogue", "department %s has not registered this version of the table, or has replaced it", quotedNames(names))
		}
		tables = append(tables, t)
	}
	if !b.fits(tables) {
		return nil, refuse("stale-catalogue", "the registrations are of different tables, or of tables that are not ascending and distinct, or not all contributors'")
	}
	return tables, nil
}

// inOrder reports whether tables are those of n departments: of each table all, the tables ascending.
func inOrder(tables []*tableState, n int) bool {
	for i := 1; i < len(tables); i++ {
		before, table := tables[i-1].registration.Table, tables[i].registration.Table
		if i%n > 0 && table != before || i%n == 0 && table <= before {
			return false
		}
	}
	return true
}

func queryOf(body Body) engine.Digest {
	switch b := body.(type) {
	case *Admit:
		return b.Query
	case *Refuse:
		return b.Query
	case *Contribute:
		return b.Query
	case *Multiply:
		return b.Query
	case *Attest:
		return b.Query
	case *Accuse:
		return b.Query
	case *ShareCommit:
		return b.Query
	case *Done:
		return b.Query
	case *Expire:
		return b.Query
	case *Withdraw:
		return b.Query
	case *Screen:
		return b.Query
	}
	return engine.Digest{}
}

func (s *State) applyToQuery(r *Record, body Body) *Refusal {
	q := s.queries[queryOf(body)]
	if q == nil {
		return refuse("unknown-query", "no such question was asked")
	}
	if q.Phase.Ended() {
		return refuse("ended", "the query has ended: %s", q.Phase)
	}
	member := q.Epoch.member(r.Entry.Author)
	switch b := body.(type) {
	case *Done:
		return s.done(q, r, b)
	case *Withdraw:
		return s.withdraw(q, r)
	case *Expire:
		return s.expire(q, r)
	case *Accuse:
		return s.accuse(q, r, b)
	case *Contribute:
		return s.contribute(q, r, b)
	case *Multiply:
		return s.multiply(q, r, b)
	case *Attest:
		return s.attest(q, r, b)
	}
	if member < 0 {
		return refuse("stranger", "the author is not a member of the epoch")
	}
	switch b := body.(type) {
	case *Admit:
		return s.admit(q, r, b, member)
	case *Refuse:
		if q.Released() { // what is shared cannot be taken back
			return refuse("too-late", "a decryption share is committed to")
		}
		q.Refuser, q.Refusal, q.ending = r.Entry.Author, b, r
		q.Epoch.Exhausted = q.Epoch.Exhausted || b.Code == CodeEpochExhausted
		s.end(q, PhaseRefused)
		return nil
	case *ShareCommit:
		return s.shareCommit(q, r, b, member)
	case *Screen:
		return s.judgeCells(q, r, b)
	}
	return refuse("malformed", "entry out of place")
}

func (s *State) admit(q *QueryState, r *Record, b *Admit, member int) *Refusal {
	switch {
	case b.Epoch != q.Ask.Epoch:
		return s.failBy(q, r, FaultStaleEpoch, "admits under another epoch than the query's", q.records[0])
	case q.admitted[member] != 0:
		return refuse("duplicate", "the member has admitted the query")
	case (b.Key != engine.Digest{}) != q.receives(r.Entry.Author) || (b.Opening != engine.Digest{}) != q.receives(r.Entry.Author):
		return s.failBy(q, r, FaultGarbage, "admits with a key where it has none to give, or without one", q.records[0])
	}
	q.note(r, b)
	s.progress(q)
	return nil
}

// advance goes on to a phase. What somebody could not get in the one before, it or another one got since.
func (q *QueryState) advance(p Phase) { q.Phase, q.Reached, q.complaints = p, p, nil }

func (s *State) contribute(q *QueryState, r *Record, b *Contribute) *Refusal {
	i := q.giver(r.Entry.Author, q.encrypts)
	if i < 0 {
		return refuse("stranger", "the author is not a contributor of the query, or sends no vectors to it")
	}
	return s.commit(q, r, b, commitment{kind: KindContribute, subject: SubjectContribution, phase: PhaseContributing,
		epoch: b.Epoch, blobs: b.Blobs, number: q.contributed[i], before: q.Contributed[i],
		does: "contributes", held: "the contribution is", again: "to a second contribution", other: "number of ciphertexts than the query's"})
}

// commitment is what a member says of its blobs, once in a query.
type commitment struct {
	kind                     EntryKind
	subject                  Subject
	phase                    Phase // in which it is said
	epoch                    engine.Digest
	blobs                    []engine.Digest
	number                   uint64 // of what it said before; 0: nothing
	before                   []engine.Digest
	does, held, again, other string // its words
}

// commit takes a commitment, or convicts its author of one that no honest member makes.
func (s *State) commit(q *QueryState, r *Record, b Body, c commitment) *Refusal {
	switch {
	case c.epoch != q.Ask.Epoch:
		return s.failBy(q, r, FaultStaleEpoch, c.does+" under another epoch than the query's", q.records[0])
	case c.number != 0 && slices.Equal(c.before, c.blobs):
		return refuse("duplicate", "%s committed to", c.held)
	case c.number != 0:
		return s.failBy(q, r, FaultSecond, "commits "+c.again, q.recordsOf(c.kind, r.Entry.Author)...)
	case q.Phase != c.phase:
		return refuse("too-early", "the query is %s", q.Phase)
	case len(c.blobs) != q.ciphertexts(c.subject):
		return s.failBy(q, r, FaultGarbage, "commits to another "+c.other, q.records[0])
	}
	q.note(r, b)
	s.progress(q)
	return nil
}

func (q *QueryState) recordsOf(kind EntryKind, authors ...Key) []Record {
	return recordsOf(q.records, kind, authors)
}

func (s *State) attest(q *QueryState, r *Record, b *Attest) *Refusal {
	switch {
	case q.Phase < PhaseAttesting:
		return refuse("too-early", "the query is %s", q.Phase)
	case b.Contributions != q.Contributions:
		return s.failBy(q, r, FaultWrongDigest, "attests other contributions than the ledger's", append(q.recordsOf(KindContribute), q.recordsOf(KindMultiply)...)...)
	case q.hasAttested(r.Entry.Author):
		return refuse("duplicate", "the contributions are attested")
	case q.Phase > PhaseAttesting:
		return refuse("too-late", "the query is %s", q.Phase)
	}
	q.note(r, b)
	s.progress(q)
	return nil
}

// progress goes on to the next phase when nothing is waited for any more: of attestations those of two thirds of the validators,
// or of fewer since there are fewer.
func (s *State) progress(q *QueryState) {
	for q.Phase < PhaseShared && !q.waits(q.Phase) && (q.Phase != PhaseAttesting || s.members.majority(q.attestors)) {
		switch q.advance(q.Phase + 1); q.Phase {
		case PhaseAttesting:
			q.Contributions = contributionsDigest(q.ID, q.Contributed, q.Multiplied)
		case PhaseSharing:
			s.settle(q)
		}
	}
	if !q.Phase.Ended() && s.members.majority(q.expirers) {
		q.Missing = s.missing(q.ID)
		s.end(q, PhaseExpired)
	}
}

func (s *State) shareCommit(q *QueryState, r *Record, b *ShareCommit, member int) *Refusal {
	return s.commit(q, r, b, commitment{kind: KindShare, subject: SubjectShare, phase: PhaseSharing,
		epoch: b.Epoch, blobs: b.Blobs, number: q.share[member], before: q.Shared[member],
		does: "shares", held: "the share is", again: "to a second share", other: "number of shares than the query's ciphertexts"})
}

func (s *State) done(q *QueryState, r *Record, b *Done) *Refusal {
	switch {
	case r.Entry.Author != q.Author || q.Ask.Screening:
		return refuse("stranger", "only its analyst ends a query, and its contributors a screening")
	case q.Phase != PhaseShared:
		return refuse("too-early", "the query is %s", q.Phase)
	case b.Transcript != q.Transcript:
		return refuse("wrong-transcript", "the analyst's transcript of the query is not the ledger's")
	}
	q.Certificate, q.Done = b.Certificate, r
	s.end(q, PhaseDone)
	return nil
}

// withdraw ends a query by its analyst's word. From PhaseSharing on a department may have served a
// share that the ledger does not name yet: what ended then would look like nothing was released.
func (s *State) withdraw(q *QueryState, r *Record) *Refusal {
	switch {
	case r.Entry.Author != q.Author:
		return refuse("stranger", "only its analyst withdraws a query")
	case q.Phase >= PhaseSharing:
		return refuse("too-late", "the query is %s: the departments may have shared", q.Phase)
	}
	q.ending = r
	s.end(q, PhaseWithdrawn)
	return nil
}

func (s *State) expire(q *QueryState, r *Record) *Refusal {
	if slices.Contains(q.expirers, r.Entry.Author) {
		return refuse("duplicate", "the validator has said so")
	}
	q.expirers = append(q.expirers, r.Entry.Author)
	s.progress(q)
	return nil
}

func (s *State) accuse(q *QueryState, r *Record, b *Accuse) *Refusal {
	author := r.Entry.Author
	if !s.IsValidator(author) && author != q.Author {
		return refuse("stranger", "the author is neither a member of the network nor the analyst")
	}
	if b.Department == author {
		return refuse("self", "nobody accuses itself")
	}
	committed, size, ok := q.committed(b.Subject, b.Department, b.Index, s.sizes)
	kind := [...]EntryKind{SubjectContribution: KindContribute, SubjectShare: KindShare, SubjectProduct: KindMultiply}[b.Subject]
	switch {
	case !ok:
		return refuse("too-early", "the accused has committed to no such blob")
	case b.Blob != committed:
		return s.failBy(q, r, FaultFalseAccusation, "accuses over another blob than the ledger's", q.recordsOf(kind, b.Department)...)
	case len(b.Served) > 0:
		f := s.judgeServed(b.Served, b.Department, b.Blob, b.Fault, size)
		if f == nil {
			return s.failBy(q, r, FaultFalseAccusation, "accuses with evidence that shows nothing")
		}
		s.fail(q, f)
		s.convict(r, f, trialOf{query: q.ID}, *r)
		return nil
	case b.Fault == FaultUnavailable:
		if slices.ContainsFunc(q.complaints, func(c complaint) bool { return c.By == author }) {
			return refuse("duplicate", "one complaint is enough")
		}
		q.complaints = append(q.complaints, complaint{By: author, About: b.Department})
		return nil
	}
	q.Accuser, q.Accusation, q.ending = author, b, r
	s.end(q, PhaseAccused)
	return nil
}

// failBy ends a query in which the entry's author signed what no honest one signs, which r and
// the records before it show.
func (s *State) failBy(q *QueryState, r *Record, kind FaultKind, detail string, before ...Record) *Refusal {
	f := s.fault(r.Entry.Author, kind, detail, r.Entry.Digest())
	s.fail(q, f)
	s.convict(r, f, trialOf{query: q.ID}, append(before, *r)...)
	return &Refusal{Code: string(kind), Sentence: f.Error(), Fault: f}
}

func (s *State) fail(q *QueryState, f *Fault) {
	q.Fault = f
	s.end(q, PhaseFailed)
}

func (s *State) end(q *QueryState, p Phase) {
	q.Phase = p
	s.giveBack(q)
	s.open = slices.DeleteFunc(s.open, func(id engine.Digest) bool { return id == q.ID })
	s.ended = append(s.ended, q.ID)
}
