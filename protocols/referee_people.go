package protocols

import (
	"fmt"
	"slices"
	"time"
)

// CodeNotVouched is the code of the refusal of a question whose author is no person who may ask now.
const CodeNotVouched = "not-vouched"

// hasTables reports whether a key is a department's that has joined.
func (s *State) hasTables(k Key) bool {
	seat := s.members.seat(k)
	return seat != nil && seat.role == RoleDepartment && seat.name != ""
}

func (s *State) vouch(r *Record, b *Vouch) *Refusal {
	author := r.Entry.Author
	known, old := s.people.inForce(b.Person), s.people.inForce(b.Replaces)
	switch replaces := b.Replaces != (Key{}); {
	case !s.hasTables(author):
		return refuse("stranger", "the author is not a department that has joined")
	case s.IsValidator(b.Person):
		return refuse("duplicate", "a member of the network has the key %s", b.Person)
	case s.people.ended(b.Person) != nil || s.members.hasRetired(b.Person):
		return refuse("retired", "the key %s was in use before: a person who comes back has a new one", b.Person)
	case known != nil && known.by() != author:
		return refuse("not-owner", "department %s vouches for the key %s", s.NameOf(known.by()), b.Person)
	case known != nil && replaces:
		return refuse("duplicate", "the key %s is a person's, and so no successor", b.Person)
	case known != nil && b.Turn <= known.body.Turn:
		return refuse("duplicate", "the department has said something newer of the person")
	case replaces && s.people.ended(b.Replaces) != nil:
		return refuse("retired", "the key %s was revoked or replaced before", b.Replaces)
	case replaces && old == nil:
		return refuse("unknown-person", "no department vouches for the key %s", b.Replaces)
	case replaces && old.by() != author:
		return refuse("not-owner", "department %s vouches for the key %s", s.NameOf(old.by()), b.Replaces)
	case b.First != s.firstOf(b):
		return refuse("not-owner", "the first key of the person is another one")
	case b.Until <= seconds(r):
		return refuse("too-late", "the vouch would have ended before it began")
	}
	if refusal := s.peopled(b, author); refusal != nil && !s.gaps {
		return refusal
	}
	if known == nil && old != nil {
		s.people = s.people.end(old, r, b.Person, "")
		s.endQuestions(b.Replaces, s.unvouched(b.Replaces, author, "another key took the place of the analyst's"))
	}
	s.people = s.people.with(newPerson(r, b))
	return nil
}

// firstOf is the first key of the person that a vouch is about. Where the key took another's place in a gap of a certificate's records, the vouch alone
// says so.
func (s *State) firstOf(b *Vouch) Key {
	known, old := s.people.inForce(b.Person), s.people.inForce(b.Replaces)
	switch {
	case known == nil && old != nil:
		return old.body.First
	case known == nil && s.gaps:
		return b.First
	}
	return s.FirstOf(b.Person)
}

// FirstOf is the first key of the person who has a key, also if the department that said that it took an earlier one's place vouches no more.
func (s *State) FirstOf(k Key) Key {
	if p := s.people.inForce(k); p != nil {
		return p.body.First
	}
	for i := range s.people.former {
		if f := &s.people.former[i]; f.Successor == k {
			return f.First
		}
	}
	return k
}

// seconds is the time of a record's block.
func seconds(r *Record) int64 { return r.Time / 1000 }

// peopled refuses a vouch under a name that another person of the department has, and more persons
// or keys than a department or a network may have. A revocation is always possible.
func (s *State) peopled(b *Vouch, author Key) *Refusal {
	persons, keys := 0, 0
	for _, p := range s.people.persons {
		if p.by() != author || p.body.Person == b.Person {
			continue
		}
		keys++
		if p.body.Person == b.Replaces {
			continue
		}
		persons++
		if p.body.Name == b.Name {
			return refuse("name-taken", "another person of the department is called %q", b.Name)
		}
	}
	for i := range s.people.former {
		if s.people.former[i].By == author {
			keys++
		}
	}
	all := len(s.people.persons) + len(s.people.former)
	switch {
	case persons >= MaxPeople:
		return refuse("too-many", "the department vouches for %d persons: it may vouch for no more", persons)
	case s.people.inForce(b.Person) == nil && (keys >= MaxPersonKeys || all >= MaxPersonKeys*MaxDepartments):
		return refuse("too-many", "the department has vouched for %d keys, all together for %d: there is room for no more", keys, all)
	}
	return nil
}

func (s *State) revoke(r *Record, b *Revoke) *Refusal {
	author, known := r.Entry.Author, s.people.inForce(b.Person)
	switch {
	case known == nil && s.people.ended(b.Person) != nil:
		return refuse("duplicate", "the key %s was revoked or replaced before", b.Person)
	case known == nil:
		return refuse("unknown-person", "no department vouches for the key %s", b.Person)
	case known.by() != author:
		return refuse("not-owner", "department %s vouches for the key %s", s.NameOf(known.by()), b.Person)
	case b.Turn <= known.body.Turn:
		return refuse("duplicate", "the department has said something newer of the person")
	}
	s.people = s.people.end(known, r, Key{}, b.Reason)
	s.rights = s.rights.withoutRequests(known.body.First)
	s.endQuestions(b.Person, s.unvouched(b.Person, author, "it revoked the analyst: "+b.Reason))
	return nil
}

// unvouched is why questions end of an analyst for whom a department vouches no more.
func (s *State) unvouched(person, department Key, detail string) *Fault {
	return &Fault{Department: s.NameOf(department), Key: person, Kind: FaultRevoked, Detail: detail}
}

// endQuestions ends the open questions of an analyst, but for those in which departments may have
// shared: those go on, since what is shared cannot be taken back.
func (s *State) endQuestions(analyst Key, f *Fault) {
	s.endWaiting(f, func(q *QueryState) bool { return q.Author == analyst })
}

// disown drops the persons of a department that has left. Their keys are free: nothing that the
// department signed counts any more, and another may vouch for them.
func (s *State) disown(f *Fault) {
	for _, p := range s.people.persons {
		if p.by() == f.Key {
			s.endQuestions(p.body.Person, s.unvouched(p.body.Person, f.Key, f.Detail))
		}
	}
	s.people = s.people.without(f.Key)
}

// act takes an operator's word, or a node's, of what the node is about to do.
func (s *State) act(r *Record, b *Act) *Refusal {
	author := r.Entry.Author
	p := s.people.inForce(author)
	switch i, found := s.people.acted(author); {
	case !s.IsValidator(b.Node):
		return refuse("unknown-member", "no member of the network has the key %s", b.Node)
	case author != b.Node && (p == nil || p.by() != b.Node):
		return refuse("stranger", "the author is neither the node nor a person of its department")
	case author != b.Node && (!p.body.covers(seconds(r)) || !slices.Contains(p.body.Roles, PersonOperator)):
		return refuse(CodeNotVouched, "department %s does not vouch for %s as an operator at this time", s.NameOf(b.Node), p.body.Name)
	case found && b.Turn <= s.people.acts[i].Turn:
		return refuse("duplicate", "the author has said something newer of what it does")
	}
	s.people = s.people.act(author, b.Turn)
	return nil
}

// mayAsk is the vouch under which a key may ask in a record's block.
func (s *State) mayAsk(r *Record) (*person, *Refusal) {
	analyst, at := r.Entry.Author, seconds(r)
	p := s.people.inForce(analyst)
	if p == nil {
		f := s.people.ended(analyst)
		switch {
		case f == nil:
			return nil, refuse(CodeNotVouched, "no department vouches for the analyst %s", analyst)
		case f.Successor != Key{}:
			return nil, refuse(CodeNotVouched, "another key took the place of the analyst's, by the word of department %s", s.NameOf(f.By))
		}
		return nil, refuse(CodeNotVouched, "department %s revoked the analyst: %s", s.NameOf(f.By), f.Reason)
	}
	who := fmt.Sprintf("department %s vouches for %s", s.NameOf(p.by()), p.body.Name)
	switch {
	case at < p.body.From:
		return nil, refuse(CodeNotVouched, "%s from %s on, which is later", who, stamp(p.body.From))
	case at >= p.body.Until:
		return nil, refuse(CodeNotVouched, "%s until %s, which has passed", who, stamp(p.body.Until))
	case !slices.Contains(p.body.Roles, PersonAnalyst):
		return nil, refuse(CodeNotVouched, "%s, but not as an analyst", who)
	}
	return p, nil
}

// MayAsk tells why a key may not ask in a block of this time, in seconds; nil: it may.
func (s *State) MayAsk(author Key, at int64) *Refusal {
	_, refusal := s.mayAsk(&Record{Time: at * 1000, Entry: Entry{Author: author}})
	return refusal
}

// stamp is a time as refusals say it.
func stamp(seconds int64) string {
	return time.Unix(seconds, 0).UTC().Format("2006-01-02 15:04:05 UTC")
}
