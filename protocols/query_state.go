package protocols

import (
	"slices"
	"strings"

	"parley/engine"
	"parley/engine/policy"
)

// Phase is where a query stands on the ledger.
type Phase uint8

// The phases, in order; from PhaseDone on the query has ended.
const (
	PhaseAdmitting Phase = iota + 1
	PhaseContributing
	PhaseMultiplying // of what is Linked: all vectors are committed to
	PhaseAttesting
	PhaseSharing
	PhaseShared // all shares are committed to; the analyst works
	PhaseDone
	PhaseRefused   // Refuser, Refusal
	PhaseAccused   // Accuser, Accusation: each machine finds out who lied
	PhaseFailed    // Fault: the ledger itself shows who lied, or who left
	PhaseExpired   // Missing
	PhaseWithdrawn // by its analyst, before any department may have shared
)

var phaseNames = [...]string{"", "admitting", "contributing", "multiplying", "attesting", "sharing", "shared", "done", "refused", "accused", "failed", "expired", "withdrawn"}

func (p Phase) String() string { return phaseNames[p] }

// Ended reports whether nothing more can happen to the query.
func (p Phase) Ended() bool { return p >= PhaseDone }

// QueryState is a query as the ledger tells it. Read only.
type QueryState struct {
	ID            engine.Digest
	Author        Key
	Ask           Ask
	Number        uint64 // of the Ask's record
	Epoch         *EpochState
	Contributors  []Member         // in the order of Ask.Departments
	Registrations engine.Catalogue // theirs, as of the Ask: of each table in the order of Ask.Departments
	Phase         Phase
	Reached       Phase // the last phase before the end: PhaseShared at most

	Contributed   [][]engine.Digest // blobs by contributor and ciphertext index; nil until committed to, and of who sends no vectors
	Multiplied    [][]engine.Digest // products by contributor, in the plan's order; nil until committed to
	Contributions engine.Digest     // digest of all contributions and products, from PhaseAttesting on
	Shared        [][]engine.Digest // blobs by member and ciphertext index; nil until committed to
	Certificate   engine.Digest     // when PhaseDone, but of a screening
	Done          *Record           // when PhaseDone; of a screening the last verdict

	GateKey, Opening engine.Digest   // of a screening: its recipient's blobs, from its Admit on
	Verdicts         []engine.Digest // of a screening, by contributor; zero until signed

	Refuser    Key
	Refusal    *Refuse
	Accuser    Key
	Accusation *Accuse
	Fault      *Fault
	Missing    []string // when PhaseExpired: names, ascending

	// Transcript runs over the query's records from the Ask to the last share, and over the
	// votes that took effect meanwhile.
	Transcript engine.Digest

	records                      []Record
	sum                          engine.Digest // runs over records only
	tables                       []*tableState
	vouch                        *person // its analyst's, as of the Ask
	ruling                       ruling  // what it is asked under
	asker                        policy.Asker
	screen                       *QueryState // that it rests on; nil for none
	admitted, contributed, share []uint64    // numbers, by member or contributor; 0 is not yet
	multiplied                   []uint64    // by contributor
	encrypts, multiplies         []bool      // by contributor: whose entry is waited for
	screened                     []uint64    // by contributor
	packed                       []byte      // a screening's verdict, as its recipient wrote it
	attested                     []uint64    // by member
	attestors                    []Key       // members and other validators, in their order
	complaints                   []complaint
	expirers                     []Key // who said that the deadline has passed
	ending                       *Record
	verdicts                     verdicts
}

// complaint is an accusation that nobody can check: a department did not serve.
type complaint struct {
	_     struct{} `cbor:",toarray"`
	By    Key
	About Key
}

// newQueryState is a query with its Ask; nil if its contributors are not members of the epoch.
func newQueryState(id engine.Digest, r *Record, b *Ask, ep *EpochState, tables []*tableState) *QueryState {
	n, c := len(ep.Members), len(b.Departments)
	q := &QueryState{ID: id, Author: r.Entry.Author, Ask: *b, Number: r.Number, Epoch: ep, Phase: PhaseAdmitting, Reached: PhaseAdmitting,
		tables: tables, admitted: make([]uint64, n), attested: make([]uint64, n), share: make([]uint64, n), contributed: make([]uint64, c),
		screened: make([]uint64, c), multiplied: make([]uint64, c), Verdicts: make([]engine.Digest, c),
		Contributed: make([][]engine.Digest, c), Multiplied: make([][]engine.Digest, c), Shared: make([][]engine.Digest, n)}
	for _, name := range b.Departments {
		k := slices.IndexFunc(ep.Members, func(m Member) bool { return m.Name == name })
		if k < 0 {
			return nil
		}
		q.Contributors = append(q.Contributors, ep.Members[k])
	}
	for _, t := range tables {
		q.Registrations = append(q.Registrations, t.registration)
	}
	q.encrypts, q.multiplies = q.side(true), q.side(false)
	return q
}

// Table is what the question is asked of, for people: one table, or those that it joins.
func (q *QueryState) Table() string { return tableText(namesOf(q.tables)) }

// namesOf are the names of tables, ascending.
func namesOf(tables []*tableState) (out []string) {
	for _, t := range tables {
		out = append(out, t.registration.Table)
	}
	return slices.Compact(out)
}

// tableText is what joined tables are called together, no longer than a table's name may be.
func tableText(names []string) string {
	const join, more = " JOIN ", " JOIN ..."
	text := strings.Join(names, join)
	if len(text) <= engine.MaxNameBytes {
		return text
	}
	return strings.ToValidUTF8(text[:engine.MaxNameBytes-len(more)], "") + more
}

func (q *QueryState) clone(ep *EpochState) *QueryState {
	c := *q
	c.Epoch = ep
	c.Contributed, c.Shared = slices.Clone(q.Contributed), slices.Clone(q.Shared)
	c.admitted, c.contributed = slices.Clone(q.admitted), slices.Clone(q.contributed)
	c.attested, c.share = slices.Clone(q.attested), slices.Clone(q.share)
	c.screened, c.Verdicts = slices.Clone(q.screened), slices.Clone(q.Verdicts)
	c.multiplied, c.Multiplied = slices.Clone(q.multiplied), slices.Clone(q.Multiplied)
	c.records, c.attestors, c.complaints = share(q.records), share(q.attestors), share(q.complaints)
	c.expirers, c.verdicts = share(q.expirers), q.verdicts.clone()
	return &c
}

// note adds a record to what the certificate will hold, and remembers what it says.
func (q *QueryState) note(r *Record, body Body) {
	q.records = append(q.records, *r)
	q.Transcript, q.sum = extend(q.Transcript, r), extend(q.sum, r)
	q.remember(r, body)
}

func (q *QueryState) remember(r *Record, body Body) {
	member := q.Epoch.member(r.Entry.Author)
	switch b := body.(type) {
	case *Admit:
		q.admitted[member] = r.Number
		if b.Key != (engine.Digest{}) {
			q.GateKey, q.Opening = b.Key, b.Opening
		}
	case *Contribute:
		i := q.contributor(r.Entry.Author)
		q.contributed[i], q.Contributed[i] = r.Number, b.Blobs
	case *Multiply:
		i := q.contributor(r.Entry.Author)
		q.multiplied[i], q.Multiplied[i] = r.Number, b.Blobs
	case *Attest:
		q.attestors = append(q.attestors, r.Entry.Author)
		if member >= 0 {
			q.attested[member] = r.Number
		}
	case *ShareCommit:
		q.share[member], q.Shared[member] = r.Number, b.Blobs
	case *Screen:
		i := q.contributor(r.Entry.Author)
		q.screened[i], q.Verdicts[i] = r.Number, b.Verdict
		if len(b.Packed) > 0 {
			q.packed = b.Packed
		}
	}
}

// Records are the query's records that a certificate holds, ascending: from the Ask to the last
// share.
func (q *QueryState) Records() []Record { return slices.Clone(q.records) }

// hasAttested reports whether a validator has attested the contributions.
func (q *QueryState) hasAttested(k Key) bool { return slices.Contains(q.attestors, k) }

// Released reports whether a decryption share is on the ledger, and so served: from then on no end
// of the query, whatever it is called, takes back what was shared. Nobody can refuse any more.
func (q *QueryState) Released() bool {
	return slices.ContainsFunc(q.share, func(n uint64) bool { return n != 0 })
}

// judged reports whether a validator has said what it found about the accused blob.
func (q *QueryState) judged(k Key) bool { return q.verdicts.by(k) }

func (v *verdicts) by(k Key) bool {
	return slices.Contains(v.Guilty, k) || slices.Contains(v.Innocent, k)
}

// contributor is the index of a contributor, or -1.
func (q *QueryState) contributor(k Key) int {
	return slices.IndexFunc(q.Contributors, func(m Member) bool { return m.Key == k })
}

// QueryID names a question with everything that it depends on.
func QueryID(network engine.Digest, author Key, a *Ask) engine.Digest {
	return engine.Hash("parley query 1", network[:], a.Epoch[:], a.Plan[:], author[:], a.AnalystKey[:], a.Nonce[:],
		engine.Marshal(a.Departments), engine.Marshal(a.Registrations), []byte(a.Purpose), []byte(a.Basis), engine.Marshal(a.Grants),
		engine.Marshal(a.Screening), a.Screen[:], engine.Marshal(a.Past), engine.Marshal(a.Linked))
}

// contributionsDigest names all contributions of a query, and all products.
func contributionsDigest(query engine.Digest, blobs, products [][]engine.Digest) engine.Digest {
	return engine.Hash("parley contributions 1", query[:], engine.Marshal(blobs), engine.Marshal(products))
}

// Query is a query that is kept, by id, or nil.
func (s *State) Query(id engine.Digest) *QueryState { return s.queries[id] }

// Open lists the queries that have not ended, in the order of their Ask entries.
func (s *State) Open() []engine.Digest { return slices.Clone(s.open) }

// committed is the digest that a department committed to, and the blob's only size. Blobs of
// one kind can be accused once all have committed and they are served.
func (q *QueryState) committed(subject Subject, k Key, index uint32, sizes Sizes) (engine.Digest, int, bool) {
	var blobs []engine.Digest
	size, i := sizes.Contribution, q.contributor(k)
	switch {
	case subject == SubjectShare:
		if size = sizes.Share; q.Ask.Linked != nil {
			size = sizes.Released(q.Ask.Linked.Targets, index)
		}
		if i = q.Epoch.member(k); i >= 0 {
			blobs = q.Shared[i]
		}
	case subject == SubjectContribution && i >= 0 && q.Reached > PhaseContributing:
		blobs = q.Contributed[i]
	case subject == SubjectProduct && i >= 0 && q.Reached > PhaseMultiplying:
		size, blobs = sizes.Product, q.Multiplied[i]
	}
	if int64(index) >= int64(len(blobs)) {
		return engine.Digest{}, 0, false
	}
	return blobs[index], size, true
}

// missing are the names of those that an open query waits for, ascending: who has not posted
// the entry of the present phase. Who waits for blobs and complained is excused, and whom it
// complained about is missing; but if a third one posted what it needs the blobs for, they could be had, and
// both are named (README section 7).
func (s *State) missing(id engine.Digest) []string {
	q := s.queries[id]
	if q == nil {
		return nil
	}
	members, posted := q.due(q.Phase)
	var names []string
	for i, m := range members {
		if posted[i] == 0 && !q.excused(m.Key) {
			names = append(names, m.Name)
		}
	}
	if q.Phase == PhaseAttesting && !s.members.majority(q.attestors) {
		for _, seat := range s.members.seats {
			if q.Epoch.member(seat.key) < 0 && !q.hasAttested(seat.key) && !q.excused(seat.key) {
				names = append(names, s.NameOf(seat.key))
			}
		}
	}
	if q.fetches() {
		for _, c := range q.complaints {
			names = append(names, s.NameOf(c.About))
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// waits reports whether a phase waits for somebody's entry.
func (q *QueryState) waits(p Phase) bool {
	_, posted := q.due(p)
	return slices.Contains(posted, 0)
}

// fetches reports whether parties need each other's blobs for what they have to post in the present phase.
func (q *QueryState) fetches() bool {
	return q.Phase == PhaseMultiplying || q.Phase == PhaseAttesting || q.Phase == PhaseShared
}

func (q *QueryState) excused(k Key) bool {
	i := slices.IndexFunc(q.complaints, func(c complaint) bool { return c.By == k })
	if i < 0 || !q.fetches() {
		return false
	}
	holders, posted := q.due(q.Phase) // from whom the blobs are fetched
	for j, m := range holders {
		if posted[j] != 0 && m.Key != k && m.Key != q.complaints[i].About {
			return false
		}
	}
	return true
}
