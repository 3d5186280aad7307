package protocols

import (
	"bytes"
	"fmt"
	"slices"

	"parley/engine"
)

// State is the referee: what follows from the ordered entries alone (README section 4). It is
// deterministic, without clock, randomness or I/O: all replicas that apply the same entries
// agree on it and on every refusal. Proofs about blobs are not its business; the machines
// check those. Not safe for concurrent use.
type State struct {
	id      engine.Digest
	sizes   Sizes
	network Network // names are filled in by Join entries
	height  uint64

	joined  []Member // ascending by name
	joins   map[Key]joinRecord
	tables  []*tableState // ascending by (table, department)
	epochs  []*EpochState // in the order of opening
	queries map[engine.Digest]*QueryState
	open    []engine.Digest // queries that have not ended, in the order of their Ask entries
}

type joinRecord struct {
	name   string
	height uint64
	digest engine.Digest // of the entry
}

type tableState struct {
	registration engine.Registration
	digest       engine.Digest
	height       uint64
}

// NewState returns the state before the first entry. n may be without names; sizes are those
// of its parameters.
func NewState(n *Network, sizes Sizes) *State {
	s := &State{id: n.ID(), sizes: sizes, network: *n, joins: map[Key]joinRecord{}, queries: map[engine.Digest]*QueryState{}}
	s.network.Departments = slices.Clone(n.Departments)
	for i := range s.network.Departments {
		s.network.Departments[i].Name = ""
	}
	return s
}

// Apply applies the entry at a height. An error is a *Refusal; the entry then had no effect
// but, when Refusal.Fault is set, to end what its author deviated in.
func (s *State) Apply(height uint64, e Entry) error {
	s.height = height
	if err := e.Verify(s.id); err != nil {
		return refuse("bad-signature", "%v", err)
	}
	if e.Kind != KindJoin {
		if err := e.Head.Verify(s.id, s.network.Keeper); err != nil {
			return refuse("bad-head", "%v", err)
		}
		if e.Head.Height >= height {
			return refuse("bad-head", "the author has seen height %d before height %d", e.Head.Height, height)
		}
	}
	body, err := e.Open()
	if err != nil {
		r := refuse("malformed", "%v", err)
		if s.isMember(e.Author) {
			r.Fault = s.fault(e.Author, FaultGarbage, err.Error(), e.Digest())
		}
		return r
	}
	if r := s.apply(height, &e, body); r != nil {
		return r
	}
	return nil
}

func (s *State) apply(height uint64, e *Entry, body Body) *Refusal {
	switch b := body.(type) {
	case *Join:
		return s.join(height, e, b)
	case *Register:
		return s.register(height, e, b)
	case *EpochOpen:
		return s.openEpoch(height, e, b)
	case *KeyCommit:
		return s.commitKey(height, e, b)
	case *KeyAttest:
		return s.attestKey(height, e, b)
	case *EpochAbort:
		return s.abortEpoch(e, b)
	case *Ask:
		return s.ask(height, e, b)
	}
	return s.applyToQuery(height, e, body)
}

func refuse(code, format string, args ...any) *Refusal {
	return &Refusal{Code: code, Sentence: fmt.Sprintf(format, args...)}
}

func (s *State) isMember(k Key) bool {
	return slices.ContainsFunc(s.network.Departments, func(m Member) bool { return m.Key == k })
}

func (s *State) fault(k Key, kind FaultKind, detail string, evidence engine.Digest) *Fault {
	return &Fault{Department: s.NameOf(k), Key: k, Kind: kind, Detail: detail, Evidence: evidence}
}

// NameOf is a department's name, or the hex of the key of whoever has not joined.
func (s *State) NameOf(k Key) string {
	if j, ok := s.joins[k]; ok {
		return j.name
	}
	return k.String()
}

// ID is the network's id.
func (s *State) ID() engine.Digest { return s.id }

// Applied is the height of the last entry applied.
func (s *State) Applied() uint64 { return s.height }

// Keeper is the key of the log's keeper.
func (s *State) Keeper() Key { return s.network.Keeper }

func (s *State) join(height uint64, e *Entry, b *Join) *Refusal {
	if !s.isMember(e.Author) {
		return refuse("stranger", "the author is not a department of this network")
	}
	if _, ok := s.joins[e.Author]; ok {
		return refuse("duplicate", "the department has joined before")
	}
	m := Member{Name: b.Name, Key: e.Author}
	i, taken := slices.BinarySearchFunc(s.joined, m, func(a, b Member) int { return bytes.Compare([]byte(a.Name), []byte(b.Name)) })
	if taken {
		return refuse("name-taken", "another department is called %q", b.Name)
	}
	s.joined = slices.Insert(s.joined, i, m)
	s.joins[e.Author] = joinRecord{name: b.Name, height: height, digest: e.Digest()}
	for i := range s.network.Departments {
		if s.network.Departments[i].Key == e.Author {
			s.network.Departments[i].Name = b.Name
		}
	}
	return nil
}

func (s *State) register(height uint64, e *Entry, b *Register) *Refusal {
	j, ok := s.joins[e.Author]
	if !ok {
		return refuse("stranger", "the author has not joined")
	}
	if b.Registration.Department != j.name {
		return refuse("not-owner", "a registration for department %q by %q", b.Registration.Department, j.name)
	}
	t := &tableState{registration: b.Registration, digest: RegistrationDigest(b.Registration), height: height}
	i, found := slices.BinarySearchFunc(s.tables, t, compareTables)
	if !found {
		if len(s.tables) >= engine.MaxRegistrations {
			return refuse("too-many", "the catalogue holds %d tables", engine.MaxRegistrations)
		}
		s.tables = slices.Insert(s.tables, i, t)
		return nil
	}
	if old := s.tables[i].registration.Version; b.Registration.Version <= old {
		return refuse("duplicate", "version %d of table %q is registered", old, b.Registration.Table)
	}
	s.tables[i] = t
	return nil
}

func compareTables(a, b *tableState) int {
	x, y := a.registration, b.registration
	if c := bytes.Compare([]byte(x.Table), []byte(y.Table)); c != 0 {
		return c
	}
	return bytes.Compare([]byte(x.Department), []byte(y.Department))
}

// RegistrationDigest names one version of one table.
func RegistrationDigest(r engine.Registration) engine.Digest {
	return engine.Hash("parley registration 1", engine.Marshal(r))
}

// Joined lists the departments that have joined, ascending by name.
func (s *State) Joined() []Member { return slices.Clone(s.joined) }

// HasJoined tells whether a department's Join entry is on the log.
func (s *State) HasJoined(k Key) bool { _, ok := s.joins[k]; return ok }

// Network is the network with its names, once all departments have joined.
func (s *State) Network() (*Network, bool) {
	if len(s.joined) != len(s.network.Departments) {
		return nil, false
	}
	n := s.network
	n.Departments = slices.Clone(n.Departments)
	n.Normalize()
	return &n, true
}

// Catalogue is the current version of every table.
func (s *State) Catalogue() engine.Catalogue {
	c := make(engine.Catalogue, len(s.tables))
	for i, t := range s.tables {
		c[i] = t.registration
	}
	return c
}

func (s *State) tableByDigest(department string, digest engine.Digest) *tableState {
	for _, t := range s.tables {
		if t.digest == digest && t.registration.Department == department {
			return t
		}
	}
	return nil
}
