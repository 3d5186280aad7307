package protocols

import (
	"slices"

	"parley/engine"
)

// Phase is where a query stands on the log.
type Phase uint8

// The phases, in order; from PhaseDone on the query has ended.
const (
	PhaseAdmitting Phase = iota + 1
	PhaseContributing
	PhaseAttesting
	PhaseSharing
	PhaseShared // all shares are committed to; the analyst works
	PhaseDone
	PhaseRefused // Refuser, Refusal
	PhaseAccused // Accuser, Accusation: each machine finds out who lied
	PhaseFailed  // Fault: the log itself shows who lied
	PhaseExpired // Missing
)

var phaseNames = [...]string{"", "admitting", "contributing", "attesting", "sharing", "shared", "done", "refused", "accused", "failed", "expired"}

func (p Phase) String() string { return phaseNames[p] }

// Ended tells whether nothing more can happen to the query.
func (p Phase) Ended() bool { return p >= PhaseDone }

// QueryState is a query as the log tells it. Read only.
type QueryState struct {
	ID            engine.Digest
	Author        Key
	Ask           Ask
	Height        uint64 // of the Ask
	Epoch         *EpochState
	Contributors  []Member              // in the order of Ask.Departments
	Registrations []engine.Registration // theirs, as of the Ask
	Phase         Phase

	Contributed   [][]engine.Digest // blobs by contributor and ciphertext index; nil until committed to
	Contributions engine.Digest     // ContributionsDigest, from PhaseAttesting on
	Shared        [][]engine.Digest // blobs by member and ciphertext index; nil until committed to
	Certificate   engine.Digest     // when PhaseDone

	Refuser    Key
	Refusal    *Refuse
	Accuser    Key
	Accusation *Accuse
	Fault      *Fault
	Missing    []string // when PhaseExpired: names, ascending

	registered                             []uint64 // heights
	admitted, contributed, attested, share []uint64 // by member or contributor; 0 is not yet
	complaints                             []complaint
}

// complaint is an accusation that nobody can check: a department did not serve.
type complaint struct{ by, about Key }

// contributor is the index of a contributor, or -1.
func (q *QueryState) contributor(k Key) int {
	return slices.IndexFunc(q.Contributors, func(m Member) bool { return m.Key == k })
}

// QueryID names a question with everything that it depends on.
func QueryID(network engine.Digest, author Key, a *Ask) engine.Digest {
	return engine.Hash("parley query 1", network[:], a.Epoch[:], a.Plan[:], author[:], a.AnalystKey[:], a.Nonce[:],
		engine.Marshal(a.Departments), engine.Marshal(a.Registrations))
}

// ContributionsDigest names all contributions of a query.
func ContributionsDigest(query engine.Digest, blobs [][]engine.Digest) engine.Digest {
	return engine.Hash("parley contributions 1", query[:], engine.Marshal(blobs))
}

// Query is a query by id, or nil.
func (s *State) Query(id engine.Digest) *QueryState { return s.queries[id] }

// Open lists the queries that have not ended, in the order of their Ask entries.
func (s *State) Open() []engine.Digest { return slices.Clone(s.open) }

func (s *State) ask(height uint64, e *Entry, b *Ask) *Refusal {
	ep := s.Epoch()
	if ep == nil || b.Epoch != ep.Digest || ep.Exhausted {
		return refuse("stale-epoch", "the question names an epoch that does not take questions")
	}
	id := QueryID(s.id, e.Author, b)
	if s.queries[id] != nil {
		return refuse("duplicate", "the question was asked before")
	}
	own := 0
	for _, other := range s.open {
		if s.queries[other].Author == e.Author {
			own++
		}
	}
	if own >= MaxPendingPerAnalyst || len(s.open) >= MaxPending {
		return refuse("too-many", "too many questions are open: %d of this analyst, %d in all", own, len(s.open))
	}
	q := &QueryState{ID: id, Author: e.Author, Ask: *b, Height: height, Epoch: ep, Phase: PhaseAdmitting,
		admitted: make([]uint64, len(ep.Members)), attested: make([]uint64, len(ep.Members)), share: make([]uint64, len(ep.Members)),
		contributed: make([]uint64, len(b.Departments)), Contributed: make([][]engine.Digest, len(b.Departments)),
		Shared: make([][]engine.Digest, len(ep.Members))}
	for i, name := range b.Departments {
		k := slices.IndexFunc(ep.Members, func(m Member) bool { return m.Name == name })
		if k < 0 {
			return refuse("unknown-department", "%q is not a member of the epoch", name)
		}
		t := s.tableByDigest(name, b.Registrations[i])
		if t == nil {
			return refuse("stale-catalogue", "department %q has not registered this version of the table, or has replaced it", name)
		}
		if i > 0 && t.registration.Table != q.Registrations[0].Table {
			return refuse("stale-catalogue", "the registrations are of different tables")
		}
		q.Contributors = append(q.Contributors, ep.Members[k])
		q.Registrations = append(q.Registrations, t.registration)
		q.registered = append(q.registered, t.height)
	}
	s.queries[id] = q
	s.open = append(s.open, id)
	return nil
}

func queryOf(body Body) engine.Digest {
	switch b := body.(type) {
	case *Admit:
		return b.Query
	case *Refuse:
		return b.Query
	case *Contribute:
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
	}
	return engine.Digest{}
}

func (s *State) applyToQuery(height uint64, e *Entry, body Body) *Refusal {
	q := s.queries[queryOf(body)]
	if q == nil {
		return refuse("unknown-query", "no such question was asked")
	}
	if q.Phase.Ended() {
		return refuse("ended", "the query has ended: %s", q.Phase)
	}
	member := q.Epoch.member(e.Author)
	switch b := body.(type) {
	case *Done:
		return s.done(q, e, b)
	case *Expire:
		return s.expire(q, e)
	case *Accuse:
		return s.accuse(q, e, b, member)
	case *Contribute:
		return s.contribute(q, height, e, b)
	}
	if member < 0 {
		return refuse("stranger", "the author is not a member of the epoch")
	}
	switch b := body.(type) {
	case *Admit:
		return s.admit(q, height, e, b, member)
	case *Refuse:
		q.Refuser, q.Refusal = e.Author, b
		q.Epoch.Exhausted = q.Epoch.Exhausted || b.Code == CodeEpochExhausted
		s.end(q, PhaseRefused)
		return nil
	case *Attest:
		return s.attest(q, height, e, b, member)
	case *ShareCommit:
		return s.shareCommit(q, height, e, b, member)
	}
	return refuse("malformed", "entry out of place")
}

func (s *State) admit(q *QueryState, height uint64, e *Entry, b *Admit, member int) *Refusal {
	switch {
	case b.Epoch != q.Ask.Epoch:
		return s.failBy(q, e, FaultStaleEpoch, "admits under another epoch than the query's")
	case q.admitted[member] != 0:
		return refuse("duplicate", "the member has admitted the query")
	}
	q.admitted[member] = height
	if !slices.Contains(q.admitted, 0) {
		q.Phase = PhaseContributing
	}
	return nil
}

func (s *State) contribute(q *QueryState, height uint64, e *Entry, b *Contribute) *Refusal {
	i := q.contributor(e.Author)
	switch {
	case i < 0:
		return refuse("stranger", "the author is not a contributor of the query")
	case b.Epoch != q.Ask.Epoch:
		return s.failBy(q, e, FaultStaleEpoch, "contributes under another epoch than the query's")
	case q.contributed[i] != 0 && slices.Equal(q.Contributed[i], b.Blobs):
		return refuse("duplicate", "the contribution is committed to")
	case q.contributed[i] != 0:
		return s.failBy(q, e, FaultSecond, "commits to a second contribution")
	case q.Phase != PhaseContributing:
		return refuse("too-early", "the query is %s", q.Phase)
	case len(b.Blobs) != int(q.Ask.Ciphertexts):
		return s.failBy(q, e, FaultGarbage, "commits to another number of ciphertexts than the query's")
	}
	q.contributed[i], q.Contributed[i] = height, b.Blobs
	if !slices.Contains(q.contributed, 0) {
		q.Phase = PhaseAttesting
		q.Contributions = ContributionsDigest(q.ID, q.Contributed)
	}
	return nil
}

func (s *State) attest(q *QueryState, height uint64, e *Entry, b *Attest, member int) *Refusal {
	switch {
	case q.Phase < PhaseAttesting:
		return refuse("too-early", "the query is %s", q.Phase)
	case b.Contributions != q.Contributions:
		return s.failBy(q, e, FaultWrongDigest, "attests other contributions than the log's")
	case q.attested[member] != 0:
		return refuse("duplicate", "the contributions are attested")
	}
	q.attested[member] = height
	if !slices.Contains(q.attested, 0) {
		q.Phase = PhaseSharing
	}
	return nil
}

func (s *State) shareCommit(q *QueryState, height uint64, e *Entry, b *ShareCommit, member int) *Refusal {
	switch {
	case b.Epoch != q.Ask.Epoch:
		return s.failBy(q, e, FaultStaleEpoch, "shares under another epoch than the query's")
	case q.share[member] != 0 && slices.Equal(q.Shared[member], b.Blobs):
		return refuse("duplicate", "the share is committed to")
	case q.share[member] != 0:
		return s.failBy(q, e, FaultSecond, "commits to a second share")
	case q.Phase != PhaseSharing:
		return refuse("too-early", "the query is %s", q.Phase)
	case len(b.Blobs) != int(q.Ask.Ciphertexts):
		return s.failBy(q, e, FaultGarbage, "commits to another number of shares than the query's ciphertexts")
	}
	q.share[member], q.Shared[member] = height, b.Blobs
	if !slices.Contains(q.share, 0) {
		q.Phase = PhaseShared
	}
	return nil
}

func (s *State) done(q *QueryState, e *Entry, b *Done) *Refusal {
	switch {
	case e.Author != q.Author:
		return refuse("stranger", "only its analyst ends a query")
	case q.Phase != PhaseShared:
		return refuse("too-early", "the query is %s", q.Phase)
	}
	q.Certificate = b.Certificate
	s.end(q, PhaseDone)
	return nil
}

func (s *State) expire(q *QueryState, e *Entry) *Refusal {
	if e.Author != s.network.Keeper {
		return refuse("not-keeper", "only the log's keeper lets a query expire")
	}
	q.Missing = s.Missing(q.ID)
	s.end(q, PhaseExpired)
	return nil
}

func (s *State) accuse(q *QueryState, e *Entry, b *Accuse, member int) *Refusal {
	if member < 0 && e.Author != q.Author {
		return refuse("stranger", "the author is neither a member of the epoch nor the analyst")
	}
	if b.Department == e.Author {
		return refuse("self", "nobody accuses itself")
	}
	committed, size, ok := q.committed(b.Subject, b.Department, b.Index, s.sizes)
	switch {
	case !ok:
		return refuse("too-early", "the accused has committed to no such blob")
	case b.Blob != committed:
		return s.failBy(q, e, FaultFalseAccusation, "accuses over another blob than the log's")
	case len(b.Served) > 0:
		if f := s.judgeServed(b.Served, b.Department, b.Blob, b.Fault, size); f != nil {
			s.fail(q, f)
			return nil
		}
		return s.failBy(q, e, FaultFalseAccusation, "its evidence shows nothing")
	case b.Fault == FaultUnavailable:
		if slices.ContainsFunc(q.complaints, func(c complaint) bool { return c.by == e.Author }) {
			return refuse("duplicate", "one complaint is enough")
		}
		q.complaints = append(q.complaints, complaint{by: e.Author, about: b.Department})
		return nil
	}
	q.Accuser, q.Accusation = e.Author, b
	s.end(q, PhaseAccused)
	return nil
}

// committed is the digest that a department committed to, and the blob's only size. Blobs of
// one kind can be accused once all have committed and they are served.
func (q *QueryState) committed(subject Subject, k Key, index uint32, sizes Sizes) (engine.Digest, int, bool) {
	var blobs []engine.Digest
	size := sizes.Share
	if subject == SubjectContribution {
		size = sizes.Contribution
		if i := q.contributor(k); i >= 0 && q.Phase >= PhaseAttesting {
			blobs = q.Contributed[i]
		}
	} else if i := q.Epoch.member(k); i >= 0 {
		blobs = q.Shared[i]
	}
	if int64(index) >= int64(len(blobs)) {
		return engine.Digest{}, 0, false
	}
	return blobs[index], size, true
}

// Missing are the names of those that an open query waits for, ascending: who has not posted
// the entry of the present phase. Who waits for blobs and complained is excused, and whom it
// complained about is missing; but if a third member attested, the blobs could be had, and
// both are named (README section 7).
func (s *State) Missing(id engine.Digest) []string {
	q := s.queries[id]
	if q == nil {
		return nil
	}
	members, posted := q.Epoch.Members, q.admitted
	switch q.Phase {
	case PhaseContributing:
		members, posted = q.Contributors, q.contributed
	case PhaseAttesting:
		posted = q.attested
	case PhaseSharing:
		posted = q.share
	case PhaseShared:
		members, posted = nil, nil
	}
	var names []string
	for i, m := range members {
		if posted[i] == 0 && !q.excused(m.Key) {
			names = append(names, m.Name)
		}
	}
	if q.Phase == PhaseAttesting || q.Phase == PhaseShared {
		for _, c := range q.complaints {
			names = append(names, s.NameOf(c.about))
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

func (q *QueryState) excused(k Key) bool {
	i := slices.IndexFunc(q.complaints, func(c complaint) bool { return c.by == k })
	if i < 0 || q.Phase != PhaseAttesting {
		return false
	}
	for j, m := range q.Epoch.Members {
		if m.Key != k && m.Key != q.complaints[i].about && q.attested[j] != 0 {
			return false
		}
	}
	return true
}

// failBy ends a query in which the entry's author signed what no honest one signs.
func (s *State) failBy(q *QueryState, e *Entry, kind FaultKind, detail string) *Refusal {
	f := s.fault(e.Author, kind, detail, e.Digest())
	s.fail(q, f)
	return &Refusal{Code: string(kind), Sentence: f.Error(), Fault: f}
}

func (s *State) fail(q *QueryState, f *Fault) {
	q.Fault = f
	s.end(q, PhaseFailed)
}

func (s *State) end(q *QueryState, p Phase) {
	q.Phase = p
	s.open = slices.DeleteFunc(s.open, func(id engine.Digest) bool { return id == q.ID })
}
