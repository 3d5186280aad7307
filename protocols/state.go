package protocols

import (
	"bytes"
	"errors"
	"fmt"
	"slices"

	"parley/engine"
	"parley/engine/policy"
)

// State is the referee: what follows from the ordered entries and their places alone (README
// section 4). It is deterministic, without clock, randomness, I/O or map order: all validators
// that apply the same entries agree on it, byte for byte (Digest), and on every refusal. Proofs
// about blobs are not its business; the machines check those. Not safe for concurrent use.
type State struct {
	id      engine.Digest
	sizes   Sizes
	network Network // as founded, without names
	number  uint64

	members   membership
	people    *people
	rights    *rights
	history   *history
	gaps      bool          // between the records, which are a certificate's: what only a gap can hold is not asked for
	tables    []*tableState // in force, ascending by (table, department)
	epochs    []*EpochState // those that are kept, in the order of opening
	present   engine.Digest // id of the epoch to ask under, or zero
	opened    uint64        // number of the last epoch
	queries   map[engine.Digest]*QueryState
	open      []engine.Digest // queries that have not ended, in the order of their Ask entries
	ended     []engine.Digest // those that have, in the order of their ends
	forgotten []engine.Digest // of the present epoch, ended and no longer kept; ascending
	alerts    []*alert        // ascending by number
	linkages  uint64          // number of the last linkage
	linkage   *LinkageState   // that one, or nil
	evidence  []Evidence
}

// tableState is one version of a table. It does not change.
type tableState struct {
	record       Record
	sum          engine.Digest // of the record
	registration engine.Registration
	digest       engine.Digest // RegistrationDigest
}

// NewState returns the state before the first entry. n may be without names; sizes are those
// of its parameters.
func NewState(n *Network, sizes Sizes) *State {
	return &State{id: n.ID(), sizes: sizes, network: *n.Nameless(), members: newMembership(n, sizes.Departments),
		people: newPeople(nil, nil, nil), rights: newRights(nil, nil, nil, nil), history: newHistory(nil), queries: map[engine.Digest]*QueryState{}}
}

// Apply applies an entry in its place. An error is a *Refusal. One without a Fault left the
// state as it was: the entry does not stand on the ledger. Otherwise the entry has the number
// Applied, and a refused one had no effect but to end what its author deviated in.
func (s *State) Apply(at Place, e Entry) error {
	r := s.apply(&Record{Number: s.number + 1, Block: at.Block, Time: at.Time, Entry: e})
	if r != nil && r.Fault == nil {
		return r
	}
	s.number++
	s.prune()
	if r != nil {
		return r
	}
	return nil
}

// ErrNotNext says that a record is not the next one of the ledger that this state follows, or
// that this state would not have ordered it: one of the two is not of this network.
var ErrNotNext = errors.New("the record does not continue the ledger")

// Order applies the next record. refused is the *Refusal of an entry that was ordered because
// it convicts its author. An error wraps ErrNotNext: nothing may follow.
func (s *State) Order(r Record) (refused error, err error) {
	if r.Number != s.number+1 {
		return nil, fmt.Errorf("%w: record %d comes after %d", ErrNotNext, r.Number, s.number)
	}
	refused = s.Apply(Place{Block: r.Block, Time: r.Time}, r.Entry)
	if s.number != r.Number {
		return nil, fmt.Errorf("%w: record %d is refused: %w", ErrNotNext, r.Number, refused)
	}
	return refused, nil
}

// leap applies a record of a certificate, whose records are a ledger's with gaps between them:
// what stands in the gaps has no part in the outcome, nor do epochs before the one that is opened, nor
// the key that an analyst had before.
func (s *State) leap(r *Record) error {
	s.number, s.gaps = r.Number-1, true
	if body, err := r.Entry.Open(); err == nil {
		switch b := body.(type) {
		case *EpochOpen:
			if b.Number > 0 {
				s.opened = b.Number - 1
			}
		case *Vouch:
			if (b.Replaces != Key{}) && s.people.inForce(b.Replaces) == nil { // vouched for in a gap
				s.people = s.people.with(newPerson(r, &Vouch{Person: b.Replaces, First: b.First}))
			}
		}
	}
	return s.Apply(Place{Block: r.Block, Time: r.Time}, r.Entry)
}

// apply is Apply but for the number.
func (s *State) apply(r *Record) *Refusal {
	e := &r.Entry
	if err := e.checkShape(); err != nil { // no record of it could be read
		return refuse("malformed", "%v", err)
	}
	if err := e.Verify(s.id); err != nil {
		return refuse("bad-signature", "%v", err)
	}
	if s.members.hasRetired(e.Author) {
		return refuse("stranger", "the author has left the network")
	}
	if e.Kind == KindPublish && !s.IsValidator(e.Author) { // its conditions are compiled when it is opened
		if refusal := s.mayDecide(r, policy.Key{}); refusal != nil {
			return refusal
		}
	}
	body, err := e.Open()
	if err != nil {
		refusal := refuse("malformed", "%v", err)
		if s.IsValidator(e.Author) && !s.convicted(e.Author, FaultGarbage, engine.Digest{}) {
			refusal.Fault = s.fault(e.Author, FaultGarbage, "signed an entry that does not decode", e.Digest())
			s.convict(r, refusal.Fault, trialOf{}, *r)
		}
		return refusal
	}
	switch b := body.(type) {
	case *Ask:
		return s.ask(r, b)
	case *Act:
		return s.act(r, b)
	case *Request:
		return s.request(r, b)
	case *Alert:
		return s.raise(r, b)
	case *Publish:
		return s.publish(r, b)
	case *Grant:
		return s.grant(r, b)
	case *Decline:
		return s.decline(r, b)
	case *Rescind:
		return s.rescind(r, b)
	case *Done, *Accuse, *Withdraw: // the analyst's, too
		return s.applyToQuery(r, body)
	}
	if !s.IsValidator(e.Author) {
		return refuse("stranger", "the author is not a member of this network")
	}
	switch b := body.(type) {
	case *Join:
		return s.members.join(r, b)
	case *Vote:
		return s.vote(r, b)
	case *Register:
		return s.register(r, b)
	case *EpochOpen:
		return s.openEpoch(r, b)
	case *KeyCommit:
		return s.commitKey(r, b)
	case *KeyAttest:
		return s.attestKey(r, b)
	case *EpochAbort:
		return s.abortEpoch(r, b)
	case *Judge:
		return s.judge(r, b)
	case *Vouch:
		return s.vouch(r, b)
	case *Revoke:
		return s.revoke(r, b)
	case *LinkageOpen:
		return s.openLinkage(r, b)
	case *LinkageCommit:
		return s.link(r, b.Linkage, b)
	case *LinkageReveal:
		return s.link(r, b.Linkage, b)
	case *LinkageClose:
		return s.link(r, b.Linkage, b)
	case *Draw:
		return s.link(r, b.Linkage, b)
	case *Spine:
		return s.link(r, b.Linkage, b)
	}
	return s.applyToQuery(r, body)
}

func refuse(code, format string, args ...any) *Refusal {
	return &Refusal{Code: code, Sentence: fmt.Sprintf(format, args...)}
}

// fault is somebody's deviation. The detail is part of the state, so it is the same text at
// every validator: never a library's error.
func (s *State) fault(k Key, kind FaultKind, detail string, evidence engine.Digest) *Fault {
	return &Fault{Department: s.NameOf(k), Key: k, Kind: kind, Detail: detail, Evidence: evidence}
}

// ID is the network's id.
func (s *State) ID() engine.Digest { return s.id }

// Applied is the number of the last entry that was ordered.
func (s *State) Applied() uint64 { return s.number }

// vote counts a vote and does what follows from a change that takes effect.
func (s *State) vote(r *Record, b *Vote) *Refusal {
	if k := b.Change.fresh(); s.people.knows(k) && !b.Withdraw {
		return refuse("duplicate", "a person has or had the key %s", k)
	}
	votes, refusal := s.members.vote(r, b)
	if refusal != nil || votes == nil {
		return refusal
	}
	for _, id := range s.open {
		for i := range votes {
			q := s.queries[id]
			q.Transcript = extend(q.Transcript, &votes[i])
		}
	}
	if c := &b.Change; c.Action != ActionAdd {
		s.people = s.people.forget(func(k Key) bool { return k == c.Key })
	}
	if c := &b.Change; c.Role == RoleDepartment && c.Action != ActionAdd {
		s.dismiss(removal(c, s.NameOf(c.Key)))
	}
	// Two thirds may be fewer now.
	for _, id := range slices.Clone(s.open) {
		s.progress(s.queries[id])
	}
	return nil
}

// dismiss drops the tables and the persons of a department that has left, and ends the epochs of which it was a
// member, with their queries.
func (s *State) dismiss(f *Fault) {
	s.tables = slices.DeleteFunc(slices.Clone(s.tables), func(t *tableState) bool { return t.record.Entry.Author == f.Key })
	for _, ep := range s.epochs {
		if ep.Phase != EpochAborted && ep.member(f.Key) >= 0 {
			s.closeEpoch(ep, f)
		}
	}
	s.disown(f)
	s.rights = s.rights.without(f.Key)
	if l := s.linkage; l != nil && l.Phase != LinkageClosed && l.IsMember(f.Key) {
		s.linkage = l.close(Key{}, "a member has left the network: "+f.Department)
	}
}

func (s *State) register(r *Record, b *Register) *Refusal {
	seat := s.members.seat(r.Entry.Author)
	switch {
	case seat.role != RoleDepartment || seat.name == "":
		return refuse("stranger", "the author is not a department that has joined")
	case b.Registration.Department != seat.name:
		return refuse("not-owner", "a registration for department %q by %q", b.Registration.Department, seat.name)
	}
	t := newTable(r, b)
	i, found := slices.BinarySearchFunc(s.tables, t, compareTables)
	if found {
		if old := s.tables[i].registration.Version; b.Registration.Version <= old {
			return refuse("duplicate", "version %d of table %q is registered", old, b.Registration.Table)
		}
	}
	tables := put(s.tables, t, compareTables)
	if refusal := s.crowded(tables, seat); refusal != nil {
		return refusal
	}
	if found {
		s.reclassed(s.tables[i], t)
	}
	s.tables = tables
	return nil
}

// crowded refuses a catalogue in which a department has more than its share, of tables or of bytes,
// so that none keeps the others from registering, and the state within MaxStateBytes. Another
// version of a table takes the place of the one before; a version that a query still uses counts
// until the query is forgotten. Who has more than its share since members came may go on with less.
func (s *State) crowded(tables []*tableState, of *seat) *Refusal {
	queries := s.byNumber()
	bytesOf := func(kept []*tableState) (own, all int) {
		for _, t := range kept {
			all += len(t.record.Entry.Body)
			if t.record.Entry.Author == of.key {
				own += len(t.record.Entry.Body)
			}
		}
		return own, all
	}
	own := 0
	for _, t := range tables {
		if t.record.Entry.Author == of.key {
			own++
		}
	}
	if own > MaxTables {
		return refuse("too-many", "department %q has %d tables in the catalogue: it may have no more", of.name, MaxTables)
	}
	bytes, all := bytesOf(keptTables(tables, queries))
	before, _ := bytesOf(keptTables(s.tables, queries))
	if share := MaxCatalogueBytes / s.members.departments(); bytes > max(share, before) || all > MaxCatalogueBytes {
		return refuse("too-many", "the tables of department %q would take %d bytes in the catalogue, and its share is %d: fewer columns, or fewer distinct values",
			of.name, bytes, share)
	}
	return nil
}

func newTable(r *Record, b *Register) *tableState {
	return &tableState{record: *r, sum: r.Digest(), registration: b.Registration, digest: RegistrationDigest(b.Registration)}
}

func compareTables(a, b *tableState) int {
	x, y := a.registration, b.registration
	if c := bytes.Compare([]byte(x.Table), []byte(y.Table)); c != 0 {
		return c
	}
	return bytes.Compare([]byte(x.Department), []byte(y.Department))
}

// RegistrationDigest names one version of one table, as an Ask does.
func RegistrationDigest(r engine.Registration) engine.Digest {
	return engine.Hash("parley registration 1", engine.Marshal(r))
}

// Catalogue is the current version of every table.
func (s *State) Catalogue() engine.Catalogue {
	c := make(engine.Catalogue, len(s.tables))
	for i, t := range s.tables {
		c[i] = t.registration
	}
	return c
}

// table is a department's in force, or nil.
func (s *State) table(department, name string) *tableState {
	of := &tableState{registration: engine.Registration{Department: department, Table: name}}
	if i, found := slices.BinarySearchFunc(s.tables, of, compareTables); found {
		return s.tables[i]
	}
	return nil
}

// tableByDigest is the version in force that has a digest, of one of the departments, or nil.
func (s *State) tableByDigest(departments []string, digest engine.Digest) *tableState {
	for _, t := range s.tables {
		if t.digest == digest && slices.Contains(departments, t.registration.Department) {
			return t
		}
	}
	return nil
}

// prune forgets what nobody can need any more: of ended queries and epochs only the last are
// kept, and of the present epoch's queries the ids, which cannot be asked again.
func (s *State) prune() {
	for len(s.ended) > KeepEnded {
		i := slices.IndexFunc(s.ended, func(id engine.Digest) bool { return !s.restsOn(id) })
		if i < 0 {
			break
		}
		id := s.ended[i]
		s.ended = slices.Delete(slices.Clone(s.ended), i, i+1)
		if s.queries[id].Epoch.ID == s.present {
			i, _ := slices.BinarySearchFunc(s.forgotten, id, engine.Digest.Compare)
			s.forgotten = slices.Insert(slices.Clone(s.forgotten), i, id)
		}
		delete(s.queries, id)
	}
	if s.present == (engine.Digest{}) {
		s.forgotten = nil
	}
	if len(s.epochs) <= KeepEpochs {
		return
	}
	used := map[engine.Digest]bool{s.present: true}
	for _, q := range s.queries {
		used[q.Epoch.ID] = true
	}
	old := s.epochs[:len(s.epochs)-KeepEpochs]
	kept := slices.DeleteFunc(slices.Clone(old), func(e *EpochState) bool { return !used[e.ID] })
	s.epochs = append(kept, s.epochs[len(old):]...)
}

// Clone is an independent copy. Cost: the queries and epochs that are kept, not their records.
func (s *State) Clone() *State {
	c := *s
	c.members = s.members.clone()
	c.tables, c.forgotten, c.evidence, c.alerts = share(s.tables), share(s.forgotten), share(s.evidence), share(s.alerts)
	c.open, c.ended = slices.Clone(s.open), slices.Clone(s.ended)
	c.epochs = make([]*EpochState, len(s.epochs))
	of := make(map[engine.Digest]*EpochState, len(s.epochs))
	for i, e := range s.epochs {
		c.epochs[i] = e.clone()
		of[e.ID] = c.epochs[i]
	}
	c.queries = make(map[engine.Digest]*QueryState, len(s.queries))
	for id, q := range s.queries {
		c.queries[id] = q.clone(of[q.Epoch.ID])
	}
	return &c
}
