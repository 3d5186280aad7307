package protocols

import (
	"slices"

	"parley/engine"
)

// Membership is who belongs to a network at present. Names are empty before the Join.
type Membership struct {
	Version     uint64   `json:"version"`     // from 1; each change that takes effect adds one
	Block       uint64   `json:"block"`       // of the last change that took effect; 0: as founded
	Departments []Member `json:"departments"` // ascending by name, then key
	Auditors    []Member `json:"auditors"`
}

// membership follows from the network's description, the Joins and the votes that took effect,
// and from nothing else: so a snapshot holds those records, and ParseState replays them.
type membership struct {
	network    engine.Digest
	most       int // departments that the parameters allow
	version    uint64
	seats      []seat // ascending by key
	retired    []Member
	gone       []Seat // whom votes removed
	chapters   []chapter
	pending    []vote // about changes of this version, ascending
	sets       []validatorSet
	transcript engine.Digest
}

// seat is a present member.
type seat struct {
	key      Key
	role     Role
	name     string        // once joined
	reserved string        // the only name that it may join under, if not empty
	join     engine.Digest // digest of its Join entry
	steps    []Step        // by which its key came here; a slice is never changed
}

// vote is a validator's last Vote about a change. One that withdraws is kept until the version
// changes: without it the vote before could be said again by others.
type vote struct {
	record Record
	body   Vote
}

// chapter is a Join, or the votes that made a change, in their order. It took effect with its
// last record.
type chapter struct{ records []Record }

// at is the number of the record with which the chapter took effect.
func (c *chapter) at() uint64 { return c.records[len(c.records)-1].Number }

// validatorSet votes from a block on.
type validatorSet struct {
	from uint64
	keys []Key
}

// effectBlocks is how many blocks after the one that decides a change the validators change:
// the ledger has asked them by then to vote on the block in between.
const effectBlocks = 2

func newMembership(n *Network, most int) membership {
	m := membership{network: n.ID(), most: most, version: 1}
	for _, d := range n.Departments {
		m.seats = append(m.seats, seat{key: d.Key, role: RoleDepartment})
	}
	for _, a := range n.Auditors {
		m.seats = append(m.seats, seat{key: a.Key, role: RoleAuditor})
	}
	slices.SortFunc(m.seats, func(a, b seat) int { return compareKeys(a.key, b.key) })
	m.transcript = firstTranscript(m.network)
	m.sets = []validatorSet{{keys: m.keys()}}
	return m
}

func (m *membership) clone() membership {
	c := *m
	c.seats = slices.Clone(m.seats)
	c.retired, c.chapters, c.sets = share(m.retired), share(m.chapters), share(m.sets)
	c.pending, c.gone = share(m.pending), share(m.gone)
	return c
}

func (m *membership) keys() []Key {
	keys := make([]Key, len(m.seats))
	for i := range m.seats {
		keys[i] = m.seats[i].key
	}
	return keys
}

// departments counts the seats of departments.
func (m *membership) departments() (n int) {
	for _, other := range m.seats {
		if other.role == RoleDepartment {
			n++
		}
	}
	return n
}

// seat is the seat of a key, or nil.
func (m *membership) seat(k Key) *seat {
	i, found := slices.BinarySearchFunc(m.seats, k, func(s seat, k Key) int { return compareKeys(s.key, k) })
	if !found {
		return nil
	}
	return &m.seats[i]
}

func (m *membership) hasRetired(k Key) bool {
	return slices.ContainsFunc(m.retired, func(r Member) bool { return r.Key == k })
}

// joined lists the members of a role that have joined, ascending by name.
func (m *membership) joined(role Role) []Member {
	var out []Member
	for _, s := range m.seats {
		if s.role == role && s.name != "" {
			out = append(out, Member{Name: s.name, Key: s.key})
		}
	}
	slices.SortFunc(out, compareMembers)
	return out
}

// majority reports whether more than two thirds of the present validators are in keys.
func (m *membership) majority(keys []Key) bool {
	n := 0
	for _, s := range m.seats {
		if slices.Contains(keys, s.key) {
			n++
		}
	}
	return 3*n > 2*len(m.seats)
}

// records counts those of the history and the pending votes.
func (m *membership) records() int {
	n := len(m.pending)
	for _, c := range m.chapters {
		n += len(c.records)
	}
	return n
}

func (m *membership) join(r *Record, b *Join) *Refusal {
	s := m.seat(r.Entry.Author)
	switch {
	case s == nil:
		return refuse("stranger", "the author is not a member of this network")
	case s.name != "":
		return refuse("duplicate", "the member has joined before")
	case s.reserved != "" && s.reserved != b.Name:
		return refuse("wrong-name", "the member joins as %q", s.reserved)
	case m.records() >= MaxHistory:
		return refuse("too-many", "the network's history holds %d records", MaxHistory)
	}
	for _, other := range m.seats {
		if other.key != s.key && (other.name == b.Name || other.reserved == b.Name) {
			return refuse("name-taken", "another member is called %q", b.Name)
		}
	}
	if s.reserved == "" && slices.ContainsFunc(m.retired, func(r Member) bool { return r.Name == b.Name }) {
		return refuse("name-taken", "%q was a member that left: only a vote gives its name to another", b.Name)
	}
	s.name, s.join = b.Name, r.Entry.Digest()
	m.close([]Record{*r})
	return nil
}

// close ends a chapter.
func (m *membership) close(records []Record) {
	m.chapters = append(m.chapters, chapter{records})
	for i := range records {
		m.transcript = extend(m.transcript, &records[i])
	}
}

// vote counts a vote, or takes one back. It returns the votes of the change that takes effect with
// it, or nil.
func (m *membership) vote(r *Record, b *Vote) ([]Record, *Refusal) {
	if refusal := m.say(r, b); refusal != nil {
		return nil, refusal
	}
	votes := m.standing(&b.Change)
	if !m.carried(&b.Change, votes) {
		return nil, nil
	}
	m.pending = nil
	m.close(votes)
	m.change(&b.Change, r.Block)
	return votes, nil
}

// say makes a vote its author's last about its change.
func (m *membership) say(r *Record, b *Vote) *Refusal {
	if m.seat(r.Entry.Author) == nil {
		return refuse("stranger", "the author is not a member of this network")
	}
	if b.Change.Version != m.version {
		return refuse("stale-membership", "the vote is about version %d of the membership, the present is %d", b.Change.Version, m.version)
	}
	i := m.lastVote(r.Entry.Author, &b.Change)
	stands := i >= 0 && !m.pending[i].body.Withdraw
	switch {
	case stands && !b.Withdraw:
		return refuse("duplicate", "the validator has voted for this change")
	case i >= 0 && b.Turn <= m.pending[i].body.Turn:
		return refuse("duplicate", "the validator has said this before")
	case b.Withdraw && !stands:
		return refuse("unknown-vote", "the validator has no vote for this change that stands")
	}
	if !b.Withdraw {
		if refusal := m.possible(&b.Change); refusal != nil {
			return refusal
		}
	}
	if i < 0 {
		return m.append(r, b)
	}
	m.pending = append(slices.Delete(slices.Clone(m.pending), i, i+1), vote{*r, *b})
	return nil
}

// append takes an author's first vote about a change, or in a snapshot its last, within the limits.
func (m *membership) append(r *Record, b *Vote) *Refusal {
	own := 0
	for i := range m.pending {
		if m.pending[i].record.Entry.Author == r.Entry.Author {
			own++
		}
	}
	if own >= MaxVotes || m.records() >= MaxHistory {
		return refuse("too-many", "too many votes are open: %d of this validator", own)
	}
	m.pending = append(m.pending, vote{*r, *b})
	return nil
}

// lastVote is the index of an author's vote about a change, or -1.
func (m *membership) lastVote(author Key, c *Change) int {
	return slices.IndexFunc(m.pending, func(v vote) bool { return v.record.Entry.Author == author && v.body.Change == *c })
}

// standing are the votes for a change, ascending, without those that were withdrawn.
func (m *membership) standing(c *Change) (votes []Record) {
	for i := range m.pending {
		if v := &m.pending[i]; v.body.Change == *c && !v.body.Withdraw {
			votes = append(votes, v.record)
		}
	}
	return votes
}

// carried reports whether votes put a change in force.
func (m *membership) carried(c *Change, votes []Record) bool {
	voters := make([]Key, len(votes))
	for i := range votes {
		voters[i] = votes[i].Entry.Author
	}
	return m.majority(voters) && (c.Action != ActionRotate || slices.Contains(voters, c.Key))
}

// possible refuses a change that cannot be made.
func (m *membership) possible(c *Change) *Refusal {
	s, departments, auditors := m.seat(c.Key), 0, 0
	for _, other := range m.seats {
		if c.Name != "" && (other.name == c.Name || other.reserved == c.Name) {
			return refuse("name-taken", "another member is called %q", c.Name)
		}
		if other.role == RoleDepartment {
			departments++
		} else {
			auditors++
		}
	}
	fresh := c.fresh()
	switch {
	case c.Action != ActionAdd && (s == nil || s.role != c.Role):
		return refuse("unknown-member", "no %s has the key %s", c.Role, c.Key)
	case c.Action == ActionRemove && c.Role == RoleDepartment && departments == 1:
		return refuse("last-department", "a network has at least one department")
	case c.Action == ActionRemove:
		return nil
	case m.seat(fresh) != nil:
		return refuse("duplicate", "a member has the key %s", fresh)
	case m.hasRetired(fresh):
		return refuse("retired", "the key %s was in use before, and what it signed could be said again", fresh)
	case c.Action == ActionAdd && c.Role == RoleDepartment && departments >= m.most:
		return refuse("too-many", "the network has %d departments, and its parameters allow %d: with one more it would form no epoch", departments, m.most)
	case c.Action == ActionAdd && c.Role == RoleAuditor && auditors >= MaxAuditors:
		return refuse("too-many", "the network has %d auditors: it may have no more", auditors)
	}
	return nil
}

// change carries out a possible change that was decided in a block.
func (m *membership) change(c *Change, block uint64) {
	next := seat{key: c.Key, role: c.Role, reserved: c.Name, steps: m.steps(c, block)}
	if c.Action == ActionRemove {
		left := m.seat(c.Key).public()
		left.Left = block
		m.gone = append(m.gone, left)
	}
	if c.Action != ActionAdd {
		i := slices.IndexFunc(m.seats, func(s seat) bool { return s.key == c.Key })
		old := m.seats[i]
		m.seats = slices.Delete(m.seats, i, i+1)
		m.retired = append(m.retired, Member{Name: old.name, Key: old.key})
		next.key, next.reserved = c.NewKey, old.name
		if old.name == "" {
			next.reserved = old.reserved
		}
	}
	if c.Action != ActionRemove {
		i, _ := slices.BinarySearchFunc(m.seats, next.key, func(s seat, k Key) int { return compareKeys(s.key, k) })
		m.seats = slices.Insert(m.seats, i, next)
	}
	m.version++
	set := validatorSet{from: block + effectBlocks, keys: m.keys()}
	if last := m.sets[len(m.sets)-1]; last.from == set.from {
		m.sets = slices.Clip(m.sets[:len(m.sets)-1])
	}
	m.sets = append(m.sets, set)
}

// Membership is who belongs to the network at present.
func (s *State) Membership() Membership {
	out := Membership{Version: s.members.version}
	if s.members.version > 1 {
		out.Block = s.members.sets[len(s.members.sets)-1].from - effectBlocks
	}
	for _, seat := range s.members.seats {
		m := Member{Name: seat.name, Key: seat.key}
		if seat.role == RoleDepartment {
			out.Departments = append(out.Departments, m)
		} else {
			out.Auditors = append(out.Auditors, m)
		}
	}
	slices.SortFunc(out.Departments, compareMembers)
	slices.SortFunc(out.Auditors, compareMembers)
	return out
}

// Validators are the present members' keys, ascending: who votes from two blocks on.
func (s *State) Validators() []Key { return s.members.keys() }

// ValidatorsAt are the keys that vote on a block, ascending: a change that is decided in one
// block is in force two blocks later. It knows the blocks up to the one after the last that
// was applied.
func (s *State) ValidatorsAt(block uint64) []Key {
	sets := s.members.sets
	for i := len(sets) - 1; i > 0; i-- {
		if sets[i].from <= block {
			return slices.Clone(sets[i].keys)
		}
	}
	return slices.Clone(sets[0].keys)
}

// IsValidator reports whether a key is a present member's.
func (s *State) IsValidator(k Key) bool { return s.members.seat(k) != nil }

// NameOf is a member's name, also of one that has left, or the hex of the key of whoever has
// not joined.
func (s *State) NameOf(k Key) string {
	if seat := s.members.seat(k); seat != nil && seat.name != "" {
		return seat.name
	}
	for _, r := range s.members.retired {
		if r.Key == k && r.Name != "" {
			return r.Name
		}
	}
	return k.String()
}

// Joined lists the departments that have joined and not left, ascending by name.
func (s *State) Joined() []Member { return s.members.joined(RoleDepartment) }

// HasJoined reports whether a present member's Join entry is on the ledger.
func (s *State) HasJoined(k Key) bool {
	seat := s.members.seat(k)
	return seat != nil && seat.name != ""
}

// Network is the founding description with its names, once all departments have joined that
// are not removed: what a verifier pins. It does not change any more. Who was removed before it
// had joined is named by its key. Auditors are without names: they may join at any time.
func (s *State) Network() (*Network, bool) {
	n := s.network
	n.Departments, n.Auditors = slices.Clone(n.Departments), slices.Clone(n.Auditors)
	for i := range n.Departments {
		if k := n.Departments[i].Key; s.HasJoined(k) || s.members.hasRetired(k) {
			n.Departments[i].Name = s.NameOf(k)
		} else {
			return nil, false
		}
	}
	n.Normalize()
	return &n, true
}

// Pending is a change of the membership that is voted for and not in force.
type Pending struct {
	Change Change
	Votes  []Record // those that stand, ascending
	Need   int      // how many put it in force; of a rotation the old key's own has to be among them
}

// Pending are the changes that have a vote, in the order of their oldest one.
func (s *State) Pending() (out []Pending) {
	for i := range s.members.pending {
		c := s.members.pending[i].body.Change
		if s.members.pending[i].body.Withdraw || slices.ContainsFunc(out, func(p Pending) bool { return p.Change == c }) {
			continue
		}
		out = append(out, Pending{Change: c, Votes: s.members.standing(&c), Need: 2*len(s.members.seats)/3 + 1})
	}
	return out
}

// NextVote is what a validator has to sign to vote for a change, or to withdraw its vote.
func (s *State) NextVote(author Key, c Change, withdraw bool) *Vote {
	v := &Vote{Change: c, Withdraw: withdraw}
	if i := s.members.lastVote(author, &c); i >= 0 {
		v.Turn = s.members.pending[i].body.Turn + 1
	}
	return v
}

// removal is the fault of a department that a vote took out of the network.
func removal(c *Change, name string) *Fault {
	detail := "a vote removed it from the network"
	switch c.Action {
	case ActionRotate:
		detail = "it handed its place over to another key, by a vote"
	case ActionSeize:
		detail = "a vote seized its place for another key"
	}
	return &Fault{Department: name, Key: c.Key, Kind: FaultRemoved, Detail: detail}
}
