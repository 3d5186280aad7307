package protocols

import (
	"fmt"
	"slices"
	"strings"
)

// Standing is how a key came to its seat in the network.
type Standing string

// The standings, from what needs the least to be believed to what needs the most.
const (
	Founder  Standing = "founder"  // in the founding description
	Rotated  Standing = "rotated"  // the key before handed over: its own vote is among those that made it
	Added    Standing = "added"    // by a vote
	Replaced Standing = "replaced" // by a vote, under the name of a member that a vote had removed
	Seized   Standing = "seized"   // by a vote, in place of a key that did not hand over
)

var standings = []Standing{Founder, Rotated, Added, Replaced, Seized}

// Step is a change by which a seat came to where it is.
type Step struct {
	How    Standing
	Block  uint64 // of the vote with which it took effect
	Before Key    // the key that had the name before; zero: Added
}

// Seat is a member of a network, and how it came to be one.
type Seat struct {
	Name   string // that it joined under, or has to; empty: none yet
	Role   Role
	Key    Key
	Steps  []Step // in their order; none: a founder
	Left   uint64 // block of the vote that removed it; 0: it is a member
	Pinned bool   // a verdict's: the pinned description names this key under this name
}

// Standing is the worst of its steps: who handed a seized seat on sits on a seized seat. The
// block is that step's, 0 of a founder.
func (s *Seat) Standing() (Standing, uint64) {
	worst := Step{How: Founder}
	for _, step := range s.Steps {
		if slices.Index(standings, step.How) > slices.Index(standings, worst.How) {
			worst = step
		}
	}
	return worst.How, worst.Block
}

// String says who it is and how it came to its seat.
func (s *Seat) String() string {
	who := s.Name
	if who == "" {
		who = fmt.Sprintf("%s %s", s.Role, s.Key)
	}
	if how, block := s.Standing(); how != Founder {
		who += fmt.Sprintf(" (%s in block %d)", how, block)
	}
	return who
}

// SeatOf is the seat of a key: a member's, or of one that a vote removed; nil: neither.
func (s *State) SeatOf(k Key) *Seat {
	if seat := s.members.seat(k); seat != nil {
		public := seat.public()
		return &public
	}
	for _, seat := range s.members.gone {
		if seat.Key == k {
			return &seat
		}
	}
	return nil
}

// Seats are the members, departments first, each ascending by name and key, and whom votes removed.
// It follows from the Joins and votes alone.
func (s *State) Seats() (present, gone []Seat) { return s.members.public() }

// SeatsAt are those at the end of a block. Cost: opens every Join and vote up to it.
func (s *State) SeatsAt(block uint64) (present, gone []Seat) {
	m := newMembership(&s.network, s.sizes.Departments)
	for _, c := range s.members.chapters {
		last := &c.records[len(c.records)-1]
		if last.Block > block {
			break
		}
		body, err := last.Entry.Open()
		if err != nil {
			panic("protocols: a chapter that does not decode: " + err.Error()) // the referee took it
		}
		switch b := body.(type) {
		case *Join:
			m.seat(last.Entry.Author).name = b.Name
		case *Vote:
			m.change(&b.Change, last.Block)
		}
	}
	return m.public()
}

func (m *membership) public() (present, gone []Seat) {
	for i := range m.seats {
		present = append(present, m.seats[i].public())
	}
	slices.SortFunc(present, compareSeats)
	return present, slices.Clone(m.gone)
}

func (s *seat) public() Seat {
	out := Seat{Name: s.name, Role: s.role, Key: s.key, Steps: s.steps}
	if s.name == "" {
		out.Name = s.reserved
	}
	return out
}

// steps are those of the seat that a change gives to a key.
func (m *membership) steps(c *Change, block uint64) []Step {
	switch c.Action {
	case ActionRotate:
		return append(slices.Clone(m.seat(c.Key).steps), Step{Rotated, block, c.Key})
	case ActionSeize:
		return append(slices.Clone(m.seat(c.Key).steps), Step{Seized, block, c.Key})
	}
	step := Step{How: Added, Block: block}
	for _, r := range m.retired {
		if c.Name != "" && r.Name == c.Name {
			step.How, step.Before = Replaced, r.Key // the last of that name
		}
	}
	return []Step{step}
}

func compareSeats(a, b Seat) int {
	if c := strings.Compare(string(b.Role), string(a.Role)); c != 0 { // departments first
		return c
	}
	return compareMembers(Member{Name: a.Name, Key: a.Key}, Member{Name: b.Name, Key: b.Key})
}

// Described is the description to pin for the network as it was at the end of a block: the
// founding one, and who belonged to it then, if a vote had changed that. It is the same for all
// blocks between two changes. It fails while a founder or a department then is without a name.
func (s *State) Described(block uint64) (*Network, error) {
	n, ok := s.Network()
	if !ok {
		return nil, fmt.Errorf("not all founding departments have joined")
	}
	later := Membership{Version: 1}
	for _, c := range s.members.chapters {
		if at := c.records[len(c.records)-1]; at.Block <= block && at.Entry.Kind == KindVote {
			later.Version, later.Block = later.Version+1, at.Block
		}
	}
	if later.Version == 1 {
		return n, nil
	}
	present, _ := s.SeatsAt(block)
	for _, seat := range present {
		switch {
		case seat.Role == RoleAuditor:
			later.Auditors = append(later.Auditors, Member{Key: seat.Key})
		case seat.Name == "":
			return nil, fmt.Errorf("the department %s has not joined by block %d: its name is not known", seat.Key, block)
		default:
			later.Departments = append(later.Departments, Member{Name: seat.Name, Key: seat.Key})
		}
	}
	slices.SortFunc(later.Auditors, compareMembers) // without their names
	n.Later = &later
	return n, nil
}

// Unpinned marks the seats that the description names, and lists the others as Seat.String does,
// with the key that is pinned in their place.
func (n *Network) Unpinned(seats []Seat) []string {
	var strangers []string
	for i := range seats {
		seat := &seats[i]
		if seat.Pinned = n.pins(seat.Role, Member{Name: seat.Name, Key: seat.Key}); !seat.Pinned {
			strangers = append(strangers, seat.String())
		}
	}
	return strangers
}
