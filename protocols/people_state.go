package protocols

import (
	"errors"
	"slices"
	"sync"

	"parley/engine"
)

// people are all persons for whom departments vouch, and the keys that ended. A value of it never
// changes: a change makes another. So copies of a state share it, and its digest is computed once.
type people struct {
	persons []*person // ascending by key
	former  []Former  // ascending by key
	acts    []acted   // ascending by key
	digest  func() engine.Digest
}

// acted is the turn of the last Act of an author: an operator in force, or a member.
type acted struct {
	_    struct{} `cbor:",toarray"`
	By   Key
	Turn uint64
}

// person is a vouch that is in force, expired or not. It does not change.
type person struct {
	record Record
	sum    engine.Digest // of the record
	body   Vouch
}

func newPerson(r *Record, b *Vouch) *person {
	return &person{record: *r, sum: r.Digest(), body: *b}
}

// by is the department that vouches.
func (p *person) by() Key { return p.record.Entry.Author }

func newPeople(persons []*person, former []Former, acts []acted) *people {
	p := &people{persons: persons, former: former, acts: acts}
	p.digest = sync.OnceValue(func() engine.Digest {
		sums := make([]engine.Digest, len(persons))
		for i, x := range persons {
			sums[i] = x.sum
		}
		return engine.Hash("parley people 1", engine.Marshal(sums), engine.Marshal(former), engine.Marshal(acts))
	})
	return p
}

func (p *people) at(k Key) (int, bool) {
	return slices.BinarySearchFunc(p.persons, k, func(x *person, k Key) int { return compareKeys(x.body.Person, k) })
}

// inForce is a key's person, or nil.
func (p *people) inForce(k Key) *person {
	if i, found := p.at(k); found {
		return p.persons[i]
	}
	return nil
}

// ended is a key that was a person's and is no more, or nil.
func (p *people) ended(k Key) *Former {
	i, found := slices.BinarySearchFunc(p.former, k, func(f Former, k Key) int { return compareKeys(f.Key, k) })
	if !found {
		return nil
	}
	return &p.former[i]
}

// knows reports whether a key is or was a person's.
func (p *people) knows(k Key) bool { return p.inForce(k) != nil || p.ended(k) != nil }

// with is the same with a person, in the place of the one before under this key.
func (p *people) with(x *person) *people {
	return newPeople(put(p.persons, x, comparePersons), p.former, p.acts)
}

// acted is where an author's last act is, or would be.
func (p *people) acted(author Key) (int, bool) {
	return slices.BinarySearchFunc(p.acts, author, func(a acted, k Key) int { return compareKeys(a.By, k) })
}

// act is the same with an author's last act.
func (p *people) act(author Key, turn uint64) *people {
	acts := put(p.acts, acted{By: author, Turn: turn}, func(a, b acted) int { return compareKeys(a.By, b.By) })
	return newPeople(p.persons, p.former, acts)
}

// forget is the same without what is kept of authors who act no more.
func (p *people) forget(gone func(Key) bool) *people {
	if !slices.ContainsFunc(p.acts, func(a acted) bool { return gone(a.By) }) {
		return p
	}
	return newPeople(p.persons, p.former, slices.DeleteFunc(slices.Clone(p.acts), func(a acted) bool { return gone(a.By) }))
}

// without is the same without the persons of a department, whose keys are free again.
func (p *people) without(department Key) *people {
	if !slices.ContainsFunc(p.persons, func(x *person) bool { return x.by() == department }) {
		return p
	}
	p = p.forget(func(k Key) bool { x := p.inForce(k); return x != nil && x.by() == department })
	persons := slices.DeleteFunc(slices.Clone(p.persons), func(x *person) bool { return x.by() == department })
	return newPeople(persons, p.former, p.acts)
}

// end is the same with a person's key ended by a record.
func (p *people) end(x *person, r *Record, successor Key, reason string) *people {
	p = p.forget(func(k Key) bool { return k == x.body.Person })
	i, _ := p.at(x.body.Person)
	persons := slices.Delete(slices.Clone(p.persons), i, i+1)
	f := Former{Key: x.body.Person, First: x.body.First, Name: x.body.Name, By: x.by(), Successor: successor, Reason: reason, Number: r.Number, Time: r.Time}
	return newPeople(persons, put(p.former, f, compareFormers), p.acts)
}

func comparePersons(a, b *person) int { return compareKeys(a.body.Person, b.body.Person) }

func compareFormers(a, b Former) int { return compareKeys(a.Key, b.Key) }

// keptVouches are the records of the persons in force, of the analysts of queries and of those who
// decided what is kept, ascending.
func keptVouches(p *people, queries []*QueryState, decisions []*decided) []Record {
	var kept []Record
	for _, x := range p.persons {
		kept = append(kept, x.record)
	}
	for _, q := range queries {
		kept = append(kept, q.vouch.record)
	}
	for _, d := range decisions {
		kept = append(kept, d.by.record)
	}
	slices.SortFunc(kept, func(a, b Record) int { return compareNumbers(a.Number, b.Number) })
	return slices.CompactFunc(kept, func(a, b Record) bool { return a.Number == b.Number })
}

// loadPeople rebuilds the persons from a snapshot. vouches are all of its vouches, by number: also
// those of queries, which may be of persons that ended since.
func (s *State) loadPeople(w *stateWire) (vouches map[uint64]*person, err error) {
	vouches = map[uint64]*person{}
	for i := range w.Vouches {
		r := &w.Vouches[i]
		body, err := r.Entry.Open()
		if err != nil {
			return nil, err
		}
		b, ok := body.(*Vouch)
		if !ok || r.Number == 0 || vouches[r.Number] != nil {
			return nil, errors.New("among the vouches is none, or one twice")
		}
		vouches[r.Number] = newPerson(r, b)
	}
	var persons []*person
	for _, number := range w.People {
		x := vouches[number]
		if x == nil || !s.hasTables(x.by()) || len(persons) > 0 && compareKeys(persons[len(persons)-1].body.Person, x.body.Person) >= 0 {
			return nil, errors.New("the persons are not ascending, or lack a vouch or a department")
		}
		persons = append(persons, x)
	}
	for i := 1; i < len(w.Former); i++ {
		if compareFormers(w.Former[i-1], w.Former[i]) >= 0 {
			return nil, errors.New("the former persons are not ascending")
		}
	}
	s.people = newPeople(persons, w.Former, w.Acts)
	for i, a := range w.Acts {
		if i > 0 && compareKeys(w.Acts[i-1].By, a.By) >= 0 || s.people.inForce(a.By) == nil && !s.IsValidator(a.By) {
			return nil, errors.New("the acts are not ascending, or of nobody who acts")
		}
	}
	for _, x := range persons {
		if s.people.ended(x.body.Person) != nil {
			return nil, errors.New("a person is in force and ended")
		}
	}
	return vouches, nil
}
