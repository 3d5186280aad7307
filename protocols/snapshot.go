package protocols

import (
	"cmp"
	"errors"
	"fmt"
	"slices"

	"parley/engine"
)

// stateWire is the encoding of a State, and, without its records (brief), what its digest
// covers: the transcripts and sums stand for them.
type stateWire struct {
	_         struct{} `cbor:",toarray"`
	Version   uint64
	Network   engine.Digest
	Number    uint64
	History   []Record // Joins and votes that took effect, ascending
	Pending   []Record // votes, ascending
	Tables    []Record // registrations in force and those that a kept query uses, ascending
	InForce   []uint64 // numbers, in the catalogue's order
	Vouches   []Record // of the persons in force, of the kept queries' analysts and of who decided, ascending
	People    []uint64 // numbers, ascending by key
	Former    []Former // ascending by key
	Acts      []acted  // ascending by key
	Decisions []Record // policies, grants and requests in force, and those that a kept query was asked under, ascending
	Rights    rightsWire
	Prints    []footprint // ascending
	Epochs    []epochWire
	Present   engine.Digest
	Opened    uint64
	Queries   []queryWire // ascending by number of the Ask
	Ended     []engine.Digest
	Forgotten []engine.Digest
	Alerts    []alertWire // ascending
	Linkages  uint64
	Linkage   *linkageWire
	Evidence  []Evidence
	Sums      []engine.Digest // brief: of history, people, rights, footprints, the linkage, the queries' vouches and what they were asked under, tables and evidence
}

type epochWire struct {
	_          struct{} `cbor:",toarray"`
	Records    []Record
	Members    []Member
	Base       engine.Digest // the membership's transcript at the opening
	Transcript engine.Digest
	Phase      EpochPhase
	Ending     *Record
	Fault      *Fault
	Exhausted  bool
	Verdicts   verdictsWire
}

type queryWire struct {
	_          struct{} `cbor:",toarray"`
	Records    []Record
	Epoch      engine.Digest // id
	Tables     []uint64      // numbers of the registrations, by contributor
	Vouch      uint64        // number of the analyst's
	Policies   []uint64      // numbers, by contributor
	Ceilings   []uint64      // numbers, ascending
	Charges    []charge
	Spending   []spending // by contributor
	Transcript engine.Digest
	Sum        engine.Digest // of Records
	Phase      Phase
	Reached    Phase
	Done       *Record
	Ending     *Record // Refuse, Accuse or Withdraw
	Fault      *Fault
	Missing    []string
	Complaints []complaint
	Expirers   []Key
	Verdicts   verdictsWire
}

type verdictsWire struct {
	_         struct{} `cbor:",toarray"`
	Judgments []Record
	Decided   bool
}

// Marshal is the canonical encoding of the whole state: a snapshot, from which whoever trusts
// its Digest goes on, certifies and votes. About 300 bytes a record that is kept.
func (s *State) Marshal() []byte { return engine.Marshal(s.wire(false)) }

// Digest names the state: the ledger's application hash. It covers what Marshal encodes, the
// records by their running hashes.
func (s *State) Digest() engine.Digest {
	return engine.Hash("parley state 2", engine.Marshal(s.wire(true)))
}

func (s *State) wire(brief bool) *stateWire {
	w := &stateWire{Version: Version, Network: s.id, Number: s.number, Present: s.present,
		Opened: s.opened, Ended: s.ended, Forgotten: s.forgotten, Linkages: s.linkages}
	for i := range s.members.pending {
		w.Pending = append(w.Pending, s.members.pending[i].record)
	}
	for _, t := range s.tables {
		w.InForce = append(w.InForce, t.record.Number)
	}
	for _, e := range s.epochs {
		w.Epochs = append(w.Epochs, e.wire(brief))
	}
	queries := s.byNumber()
	for _, q := range queries {
		w.Queries = append(w.Queries, q.wire(brief))
	}
	tables := keptTables(s.tables, queries)
	if !brief {
		w.History, w.Evidence, w.Linkage = s.members.history(), s.evidence, s.linkage.wire()
		decisions := keptDecisions(s.rights, queries)
		w.Vouches, w.Former, w.Acts = keptVouches(s.people, queries, decisions), s.people.former, s.people.acts
		w.Rights, w.Prints = s.rights.wire(), s.history.prints
		for _, d := range decisions {
			w.Decisions = append(w.Decisions, d.record)
		}
		for _, p := range s.people.persons {
			w.People = append(w.People, p.record.Number)
		}
		for _, t := range tables {
			w.Tables = append(w.Tables, t.record)
		}
		for _, a := range s.alerts {
			w.Alerts = append(w.Alerts, alertWire{Record: a.record, Of: a.asked})
		}
		return w
	}
	w.Sums = append(w.Sums, s.members.transcript, s.people.digest(), s.rights.digest(), s.history.digest())
	if s.linkage != nil {
		w.Sums = append(w.Sums, s.linkage.digest())
	}
	for _, q := range queries {
		w.Sums = append(w.Sums, q.vouch.sum)
		for _, d := range q.ruling.decisions() {
			w.Sums = append(w.Sums, d.sum)
		}
	}
	for _, t := range tables {
		w.Sums = append(w.Sums, t.sum)
	}
	for _, a := range s.alerts {
		w.Sums = append(w.Sums, a.sum)
	}
	for i := range s.evidence {
		w.Sums = append(w.Sums, s.evidence[i].sum)
	}
	return w
}

func (s *State) byNumber() []*QueryState {
	queries := make([]*QueryState, 0, len(s.queries))
	for _, q := range s.queries {
		queries = append(queries, q)
	}
	slices.SortFunc(queries, func(a, b *QueryState) int { return compareNumbers(a.Number, b.Number) })
	return queries
}

func compareNumbers(a, b uint64) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

// keptTables are the registrations that a state holds, ascending by number: those in force, and
// those that its queries use.
func keptTables(inForce []*tableState, queries []*QueryState) []*tableState {
	tables := slices.Clone(inForce)
	for _, q := range queries {
		tables = append(tables, q.tables...)
	}
	slices.SortFunc(tables, func(a, b *tableState) int { return compareNumbers(a.record.Number, b.record.Number) })
	return slices.CompactFunc(tables, func(a, b *tableState) bool { return a.record.Number == b.record.Number })
}

// history are the records of all chapters, ascending by number.
func (m *membership) history() []Record {
	var records []Record
	for _, c := range m.chapters {
		records = append(records, c.records...)
	}
	slices.SortFunc(records, func(a, b Record) int { return compareNumbers(a.Number, b.Number) })
	return records
}

func (e *EpochState) wire(brief bool) epochWire {
	w := epochWire{Records: e.records, Members: e.Members, Base: e.base, Transcript: e.Transcript, Phase: e.Phase,
		Ending: e.ending, Fault: e.Fault, Exhausted: e.Exhausted, Verdicts: e.verdicts.wire()}
	if brief {
		w.Records = nil
	}
	return w
}

func (q *QueryState) wire(brief bool) queryWire {
	w := queryWire{Records: q.records, Epoch: q.Epoch.ID, Vouch: q.vouch.record.Number, Transcript: q.Transcript, Sum: q.sum, Phase: q.Phase, Reached: q.Reached,
		Done: q.Done, Ending: q.ending, Fault: q.Fault, Missing: q.Missing, Complaints: q.complaints, Expirers: q.expirers,
		Verdicts: q.verdicts.wire(), Charges: q.ruling.charges, Spending: q.ruling.spending}
	for _, p := range q.ruling.policies {
		w.Policies = append(w.Policies, p.record.Number)
	}
	for _, p := range q.ruling.ceilings {
		w.Ceilings = append(w.Ceilings, p.record.Number)
	}
	for _, t := range q.tables {
		w.Tables = append(w.Tables, t.record.Number)
	}
	if brief {
		w.Records = nil
	}
	return w
}

func (v *verdicts) wire() verdictsWire {
	return verdictsWire{Judgments: v.Judgments, Decided: v.Decided}
}

// ParseState decodes a snapshot of this network. It takes what Marshal makes of some state and
// nothing else, and never panics, now or later; but whether it is the ledger's state only its
// Digest tells: compare it with one that the validators signed. n may be without names.
func ParseState(n *Network, sizes Sizes, b []byte) (*State, error) {
	var w stateWire
	if len(b) > MaxStateBytes {
		return nil, fmt.Errorf("state of %d bytes, limit %d", len(b), MaxStateBytes)
	}
	if err := engine.Unmarshal(b, &w); err != nil {
		return nil, fmt.Errorf("state: %w", err)
	}
	s := NewState(n, sizes)
	if w.Version != Version || w.Network != s.id || len(w.Sums) != 0 {
		return nil, errors.New("state: it is of another version or network")
	}
	s.number, s.opened, s.present, s.linkages = w.Number, w.Opened, w.Present, w.Linkages
	s.ended, s.forgotten, s.evidence = w.Ended, w.Forgotten, w.Evidence
	for i := range s.evidence {
		s.evidence[i].seal()
	}
	var err error
	if s.linkage, err = s.loadLinkage(w.Linkage); err != nil {
		return nil, fmt.Errorf("state: %w", err)
	}
	if err := cmp.Or(s.load(&w), s.loadAlerts(w.Alerts)); err != nil {
		return nil, fmt.Errorf("state: %w", err)
	}
	if again := s.Marshal(); string(again) != string(b) {
		return nil, errors.New("state: it is not what its records give")
	}
	return s, nil
}

func (s *State) load(w *stateWire) error {
	if err := s.members.load(w.History, w.Pending); err != nil {
		return err
	}
	tables, err := loadTables(w.Tables)
	if err != nil {
		return err
	}
	for _, number := range w.InForce {
		t := tables[number]
		if t == nil || len(s.tables) > 0 && compareTables(s.tables[len(s.tables)-1], t) >= 0 {
			return errors.New("the catalogue is not ascending, or lacks a registration")
		}
		s.tables = append(s.tables, t)
	}
	vouches, err := s.loadPeople(w)
	if err != nil {
		return err
	}
	ruled, err := s.loadRights(w, vouches)
	if err != nil {
		return err
	}
	s.history = newHistory(w.Prints)
	if err := s.history.check(); err != nil {
		return err
	}
	epochs := map[engine.Digest]*EpochState{}
	for i := range w.Epochs {
		e, err := s.loadEpoch(&w.Epochs[i])
		if err != nil {
			return err
		}
		if epochs[e.ID] != nil || i+1 < len(w.Epochs) && e.Phase < EpochFormed {
			return errors.New("epochs repeat, or are formed at the same time")
		}
		epochs[e.ID] = e
		s.epochs = append(s.epochs, e)
	}
	if e := epochs[s.present]; s.present != (engine.Digest{}) && (e == nil || e.Phase != EpochFormed) {
		return errors.New("the present epoch is not formed")
	}
	for i := range w.Queries {
		q, err := s.loadQuery(&w.Queries[i], epochs, tables, vouches, ruled)
		if err != nil {
			return err
		}
		if s.queries[q.ID] != nil {
			return errors.New("a query is there twice")
		}
		s.queries[q.ID] = q
		if !q.Phase.Ended() {
			s.open = append(s.open, q.ID)
		}
	}
	return s.checkLists()
}

// checkLists holds what the lists of ids promise.
func (s *State) checkLists() error {
	seen := map[engine.Digest]bool{}
	for _, id := range s.ended {
		if q := s.queries[id]; q == nil || !q.Phase.Ended() || seen[id] {
			return errors.New("the ended queries are not those that are kept")
		}
		seen[id] = true
	}
	ascending := func(a, b engine.Digest) int {
		if c := a.Compare(b); c != 0 {
			return c
		}
		return 1 // not strictly
	}
	switch {
	case len(s.ended)+len(s.open) != len(s.queries) || len(s.ended) > KeepEnded || len(s.open) > MaxPending:
		return errors.New("the ended queries are not those that are kept")
	case !slices.IsSortedFunc(s.forgotten, ascending) && len(s.forgotten) > 0:
		return errors.New("the forgotten queries are not ascending")
	case len(s.evidence) > MaxEvidence:
		return fmt.Errorf("%d evidences, limit %d", len(s.evidence), MaxEvidence)
	}
	return nil
}

// load replays the membership's records, and takes the votes that are open as they stand: what was
// possible when one was cast may not be any more.
func (m *membership) load(history, pending []Record) error {
	err := eachAscending(history, func(r *Record, body Body) (refusal *Refusal) {
		switch b := body.(type) {
		case *Join:
			refusal = m.join(r, b)
		case *Vote:
			_, refusal = m.vote(r, b)
		default:
			refusal = refuse("malformed", "the membership follows from Joins and votes only")
		}
		return refusal
	})
	if err != nil {
		return err
	}
	return eachAscending(pending, func(r *Record, body Body) *Refusal {
		b, ok := body.(*Vote)
		if !ok || m.seat(r.Entry.Author) == nil || b.Change.Version != m.version || m.lastVote(r.Entry.Author, &b.Change) >= 0 {
			return refuse("malformed", "an open vote is none, or no member's, or of another version, or there twice")
		}
		if refusal := m.append(r, b); refusal != nil {
			return refusal
		}
		if m.carried(&b.Change, m.standing(&b.Change)) {
			return refuse("malformed", "the open votes put a change in force")
		}
		return nil
	})
}

// eachAscending opens records, which are ascending by number.
func eachAscending(records []Record, take func(*Record, Body) *Refusal) error {
	last := uint64(0)
	for i := range records {
		r := &records[i]
		if r.Number <= last {
			return errors.New("the membership's records are not ascending")
		}
		last = r.Number
		body, err := r.Entry.Open()
		if err != nil {
			return err
		}
		if refusal := take(r, body); refusal != nil {
			return fmt.Errorf("membership: %w", refusal)
		}
	}
	return nil
}

func loadTables(records []Record) (map[uint64]*tableState, error) {
	tables := map[uint64]*tableState{}
	for i := range records {
		body, err := records[i].Entry.Open()
		if err != nil {
			return nil, err
		}
		b, ok := body.(*Register)
		if !ok || tables[records[i].Number] != nil {
			return nil, errors.New("the catalogue holds what is no registration, or one twice")
		}
		tables[records[i].Number] = newTable(&records[i], b)
	}
	return tables, nil
}
