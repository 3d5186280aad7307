package protocols

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"parley/engine"
)

// PersonRole is what a department vouches that a person does for it.
type PersonRole string

// The roles of persons.
const (
	PersonAnalyst  PersonRole = "analyst"  // asks
	PersonAuditor  PersonRole = "auditor"  // checks
	PersonObserver PersonRole = "observer" // sees, and changes nothing
	PersonOperator PersonRole = "operator" // runs the department's node
	PersonSteward  PersonRole = "steward"  // decides who may ask what of its tables
)

// PersonRoles are all roles, ascending.
func PersonRoles() []PersonRole {
	return []PersonRole{PersonAnalyst, PersonAuditor, PersonObserver, PersonOperator, PersonSteward}
}

// RoleNames are roles as texts.
func RoleNames(roles []PersonRole) []string {
	names := make([]string, len(roles))
	for i, role := range roles {
		names[i] = string(role)
	}
	return names
}

// Vouch is a department's word for a person of its own: who holds a key, and what it may do, for how
// long. A later one about the same key takes its place.
type Vouch struct {
	_        struct{} `cbor:",toarray"`
	Person   Key
	Name     string       // of no other person of the department
	Roles    []PersonRole // ascending
	From     int64        // in seconds since 1970 (UTC), compared with the time of blocks
	Until    int64        // the first second at which it holds no more
	Replaces Key          // the person's key until now, which ends with this; zero: none
	First    Key          // the one under which a department vouched for the person first: Person, where it is that
	Place    string       // where the department stands in the hierarchy, "Jiangsu/Nanjing", by its own word; may be empty
	Turn     uint64       // higher than in the last word about this key, so that none is said again by others
}

// Revoke takes a department's word for a person back, for good: the key never comes back.
type Revoke struct {
	_      struct{} `cbor:",toarray"`
	Person Key
	Reason string
	Turn   uint64 // as in Vouch
}

// Act says what an operator has a node do, before the node does it: a vote, a vouch, a reload. Its author is a
// person for whom the node's department vouches as an operator, or the node itself. It has no other effect.
type Act struct {
	_    struct{} `cbor:",toarray"`
	Node Key      // the member's whose node it is
	What string   // as the operator's command has it
	Turn uint64   // higher than in the author's last Act, so that none is said again by others
}

// Kind implements Body.
func (*Act) Kind() EntryKind { return KindAct }

// Kind implements Body.
func (*Vouch) Kind() EntryKind { return KindVouch }

// Kind implements Body.
func (*Revoke) Kind() EntryKind { return KindRevoke }

func (b *Vouch) check() error {
	if err := checkName(b.Name); err != nil {
		return fmt.Errorf("person: %w", err)
	}
	if len(b.Roles) == 0 {
		return errors.New("a person without a role")
	}
	for i, role := range b.Roles {
		if !slices.Contains(PersonRoles(), role) {
			return fmt.Errorf("a person's role %q is unknown", string(role))
		}
		if i > 0 && b.Roles[i-1] >= role {
			return errors.New("a person's roles are not ascending and distinct")
		}
	}
	switch {
	case b.From < 0 || b.Until <= b.From:
		return fmt.Errorf("a vouch from %d until %d is of no time", b.From, b.Until)
	case b.Until-b.From > MaxVouchSeconds:
		return fmt.Errorf("a vouch of %d seconds, limit %d", b.Until-b.From, MaxVouchSeconds)
	case b.First == Key{} || b.First == b.Person && b.Replaces != Key{}:
		return errors.New("a person has a first key, which stays through rotations")
	case b.Person == Key{} || b.Person == b.Replaces:
		return errors.New("a person has a key, and another one than before if it replaces it")
	}
	if len(b.Place) > MaxPlaceBytes {
		return fmt.Errorf("the department's place has %d bytes, limit %d", len(b.Place), MaxPlaceBytes)
	}
	if _, err := engine.ParsePlace(b.Place); err != nil {
		return fmt.Errorf("the department's place %w", err)
	}
	return nil
}

func (b *Revoke) check() error { return checkLine("a reason", b.Reason, MaxReason) }
func (b *Act) check() error    { return checkLine("an act", b.What, MaxActText) }

// checkLine takes a text of one line.
func checkLine(what, text string, limit int) error {
	if text == "" || engine.LineFault(text, limit) != "" {
		return fmt.Errorf("%s is 1 to %d bytes of UTF-8 without control characters", what, limit)
	}
	return nil
}

// covers reports whether the vouch holds at a time, in seconds.
func (b *Vouch) covers(seconds int64) bool { return b.From <= seconds && seconds < b.Until }

// Person is somebody for whom a department vouches.
type Person struct {
	Key        Key
	First      Key // the one under which the person was vouched for first: it stays through rotations
	Name       string
	Department string // its name
	By         Key    // its key
	Place      string // of that department, by its own word
	Roles      []PersonRole
	From       int64 // in seconds since 1970 (UTC)
	Until      int64 // the first second after
	Turn       uint64
	Number     uint64 // of the record that says so
}

// Is reports whether the person has a role.
func (p *Person) Is(role PersonRole) bool { return slices.Contains(p.Roles, role) }

// ValidAt reports whether the vouch holds at a time, in seconds.
func (p *Person) ValidAt(seconds int64) bool { return p.From <= seconds && seconds < p.Until }

// Former is a person's key that ended. It never comes back.
type Former struct {
	_         struct{} `cbor:",toarray"`
	Key       Key
	First     Key // as in Person
	Name      string
	By        Key    // the department's
	Successor Key    // that took its place; zero: it was revoked
	Reason    string // of the revocation
	Number    uint64 // of the record that ended it
	Time      int64  // of its block, in milliseconds since 1970 (UTC)
}

// Person is whoever a department vouches for under a key, whether valid now or not, or nil.
func (s *State) Person(k Key) *Person {
	p := s.people.inForce(k)
	if p == nil {
		return nil
	}
	b := &p.body
	return &Person{Key: k, First: b.First, Name: b.Name, Department: s.NameOf(p.by()), By: p.by(), Place: b.Place, Roles: slices.Clone(b.Roles),
		From: b.From, Until: b.Until, Turn: b.Turn, Number: p.record.Number}
}

// PersonAt is the person of a key whose vouch holds at a time, in seconds since 1970: a block's,
// never a clock's. Or nil.
func (s *State) PersonAt(k Key, seconds int64) *Person {
	if p := s.Person(k); p != nil && p.ValidAt(seconds) {
		return p
	}
	return nil
}

// People are the persons that are not revoked or replaced, by department and name. Some may be
// expired, or not valid yet.
func (s *State) People() []Person {
	out := make([]Person, 0, len(s.people.persons))
	for _, p := range s.people.persons {
		out = append(out, *s.Person(p.body.Person))
	}
	slices.SortFunc(out, func(a, b Person) int {
		if c := strings.Compare(a.Department, b.Department); c != 0 {
			return c
		}
		return strings.Compare(a.Name, b.Name)
	})
	return out
}

// Former is a key that was a person's and is no more, or nil.
func (s *State) Former(k Key) *Former {
	f := s.people.ended(k)
	if f == nil {
		return nil
	}
	out := *f
	return &out
}

// Formers are the keys of persons that were revoked or replaced, in the order in which they ended.
func (s *State) Formers() []Former {
	out := slices.Clone(s.people.former)
	slices.SortStableFunc(out, func(a, b Former) int { return compareNumbers(a.Number, b.Number) })
	return out
}

// Operators are the persons who may act on a member's node at a time, in seconds: none of an auditor's.
func (s *State) Operators(node Key, at int64) (out []Person) {
	for _, p := range s.people.persons {
		if p.by() == node && p.body.covers(at) && slices.Contains(p.body.Roles, PersonOperator) {
			out = append(out, *s.Person(p.body.Person))
		}
	}
	return out
}

// NextAct is the turn of an author's next Act.
func (s *State) NextAct(author Key) uint64 {
	if i, found := s.people.acted(author); found {
		return s.people.acts[i].Turn + 1
	}
	return 0
}

// NextTurn is the turn of a department's next word about a key.
func (s *State) NextTurn(k Key) uint64 {
	if p := s.people.inForce(k); p != nil {
		return p.body.Turn + 1
	}
	return 0
}
