package protocols

import (
	"errors"
	"fmt"
	"slices"

	"parley/engine"
	"parley/engine/policy"
)

// Publish puts a department's policy for one of its tables in force. Its author is a steward of that
// department, as are those of Grant, Decline and Rescind. Under is the number of the record in which
// the department vouches for the author now: a certificate holds that record too.
type Publish struct {
	_        struct{} `cbor:",toarray"`
	Document policy.Document
	Under    uint64
}

// Request asks departments for a grant. Its author is the person who would ask the question.
type Request struct {
	_       struct{} `cbor:",toarray"`
	Request policy.Request
}

// Grant lets a person ask, on terms.
type Grant struct {
	_     struct{} `cbor:",toarray"`
	Grant policy.Grant
	Under uint64 // as in Publish
}

// Decline refuses a request for the author's department.
type Decline struct {
	_       struct{}      `cbor:",toarray"`
	Request engine.Digest // policy.Request.ID
	Reason  string
	Under   uint64 // as in Publish
}

// Rescind takes a grant back, for good.
type Rescind struct {
	_      struct{}      `cbor:",toarray"`
	Grant  engine.Digest // policy.Grant.ID
	Reason string
	Under  uint64 // as in Publish
}

// Kind implements Body.
func (*Publish) Kind() EntryKind { return KindPublish }

// Kind implements Body.
func (*Request) Kind() EntryKind { return KindRequest }

// Kind implements Body.
func (*Grant) Kind() EntryKind { return KindGrant }

// Kind implements Body.
func (*Decline) Kind() EntryKind { return KindDecline }

// Kind implements Body.
func (*Rescind) Kind() EntryKind { return KindRescind }

func (b *Publish) check() error { return errors.Join(b.Document.Validate(), checkUnder(b.Under)) }

// check leaves what depends on the time to the referee.
func (b *Request) check() error { return b.Request.Validate(0) }

func (b *Grant) check() error {
	return errors.Join(b.Grant.Validate(max(0, b.Grant.Terms.Until-1)), checkUnder(b.Under))
}

func (b *Decline) check() error {
	return errors.Join(checkLine("a reason", b.Reason, MaxReason), checkUnder(b.Under))
}

func (b *Rescind) check() error {
	return errors.Join(checkLine("a reason", b.Reason, MaxReason), checkUnder(b.Under))
}

func checkUnder(number uint64) error {
	if number == 0 {
		return errors.New("a decision names the record under which its author is a steward")
	}
	return nil
}

// PolicyRecord is a policy in force.
type PolicyRecord struct {
	Document policy.Document
	By       Key    // the steward's key
	Name     string // the steward's
	Number   uint64 // of its record
	Time     int64  // of the record's block, in milliseconds since 1970 (UTC)
}

// GrantRecord is a grant that has not ended, or has been taken back before its end.
type GrantRecord struct {
	ID      engine.Digest
	Grant   policy.Grant
	By      Key
	Name    string
	Number  uint64
	Time    int64
	Used    int64   // questions that took a use of it
	Rescind *Ending // nil: it stands
}

// Ending is how a grant was taken back.
type Ending struct {
	_      struct{} `cbor:",toarray"`
	Number uint64   // of the record
	Time   int64    // of its block, in milliseconds since 1970 (UTC)
	By     Key
	Reason string
}

// RequestRecord is a request for a grant that has not ended.
type RequestRecord struct {
	ID      engine.Digest
	Person  Key // the first key of the one who asks for it
	Name    string
	Request policy.Request
	Number  uint64
	Time    int64
	Answers []Answer // by department
}

// Open are the departments that have not answered.
func (r *RequestRecord) Open() []string {
	return slices.DeleteFunc(slices.Clone(r.Request.Departments), func(name string) bool {
		return slices.ContainsFunc(r.Answers, func(a Answer) bool { return a.Department == name })
	})
}

// Answer is what a department decided on a request.
type Answer struct {
	_          struct{} `cbor:",toarray"`
	Department string
	Grant      engine.Digest // zero: it declined
	Reason     string        // of that
	Number     uint64        // of the record
	Time       int64         // of its block, in milliseconds since 1970 (UTC)
	By         Key
}

// Policies are the policies in force, by table and department.
func (s *State) Policies() []PolicyRecord {
	out := make([]PolicyRecord, len(s.rights.policies))
	for i, p := range s.rights.policies {
		out[i] = PolicyRecord{Document: p.document, By: p.by.body.Person, Name: p.by.body.Name, Number: p.record.Number, Time: p.record.Time}
	}
	return out
}

// Policy is the policy that a department has for a table, or nil.
func (s *State) Policy(department, table string) *policy.Document {
	if p := s.rights.policy(department, table); p != nil {
		d := p.document
		return &d
	}
	return nil
}

// Grants are the grants that have not ended, and those taken back before their end, in the order in
// which they were given.
func (s *State) Grants() []GrantRecord {
	out := make([]GrantRecord, len(s.rights.grants))
	for i, g := range s.rights.grants {
		out[i] = GrantRecord{ID: g.id, Grant: g.grant, By: g.by.body.Person, Name: g.by.body.Name, Number: g.record.Number,
			Time: g.record.Time, Used: g.used, Rescind: g.ending}
	}
	slices.SortFunc(out, func(a, b GrantRecord) int { return compareNumbers(a.Number, b.Number) })
	return out
}

// Requests are the requests that have not ended, in the order in which they were made.
func (s *State) Requests() []RequestRecord {
	out := make([]RequestRecord, len(s.rights.requests))
	for i, r := range s.rights.requests {
		out[i] = RequestRecord{ID: r.id, Person: r.by.body.First, Name: r.by.body.Name, Request: r.request, Number: r.record.Number,
			Time: r.record.Time, Answers: slices.Clone(r.answers)}
	}
	slices.SortFunc(out, func(a, b RequestRecord) int { return compareNumbers(a.Number, b.Number) })
	return out
}

// Consider decides about a question of a person's, as all departments would now: at is the time of the
// next block, in seconds. Of a, the question as it is to be asked, texts, round, screening, purpose and basis count.
// What Ask.Grants is to hold are the Charges. Cost: a pass over the policies and grants of the table.
func (s *State) Consider(asker Key, at int64, f *policy.Facts, a Ask) policy.Decision {
	c := policy.Context{Time: at, Asker: s.asker(asker), Purpose: a.Purpose, Basis: a.Basis}
	tables := f.Tables()
	for _, p := range s.rights.policies {
		if slices.Contains(tables, p.document.Table) {
			c.Documents = append(c.Documents, p.document)
		}
	}
	a.Departments, a.Registrations = nil, nil
	for _, k := range f.Contributors {
		a.Departments = append(a.Departments, k.Department)
	}
	for _, name := range tables {
		for _, department := range a.Departments {
			t := s.table(department, name)
			if t == nil {
				continue
			}
			a.Registrations = append(a.Registrations, t.digest)
			c.Classes = append(c.Classes, t.classes(s.rights.ceilings([]*tableState{t})))
			of := account{Department: department, Table: name, Person: Key(c.Asker.First), Purpose: a.Purpose}
			c.Spent = append(c.Spent, policy.Spent{Department: department, Rho: s.rights.spent(of)})
		}
	}
	use := useOf(Key(c.Asker.First), &a)
	for _, g := range s.rights.grants {
		if slices.Contains(tables, g.grant.Table) && g.grant.Person == c.Asker.First {
			_, taken := g.goesOn(use, &a)
			c.Grants = append(c.Grants, policy.Held{Grant: g.grant, Used: g.used - 1 + taken, Revoked: g.ending != nil})
		}
	}
	return policy.Decide(f, &c)
}

// asker is a person as decisions see it.
func (s *State) asker(k Key) policy.Asker {
	if p := s.people.inForce(k); p != nil {
		return p.asker(s)
	}
	if f := s.people.ended(k); f != nil {
		return policy.Asker{Key: policy.Key(k), First: policy.Key(f.First), Vouched: true, Department: s.NameOf(f.By), Revoked: true}
	}
	return policy.Asker{Key: policy.Key(k), First: policy.Key(k)}
}

func (p *person) asker(s *State) policy.Asker {
	b := &p.body
	return policy.Asker{Key: policy.Key(b.Person), First: policy.Key(b.First), Vouched: true, Department: s.NameOf(p.by()), Place: b.Place,
		Roles: RoleNames(b.Roles), From: b.From, Until: b.Until}
}

// classes are what is declared of a table, under what the units above its department say.
func (t *tableState) classes(above []*policyState) policy.TableClasses {
	ceilings := policy.Ceilings(t.registration.About.Place, func(unit string) *policy.Document {
		for _, p := range above {
			if p.document.Department == unit {
				return &p.document
			}
		}
		return nil
	})
	return policy.TableClasses{Department: t.registration.Department, Table: t.registration.Table,
		Classes: policy.ClassesOf(t.registration, engine.ClassUnsaid, ceilings)}
}

// Classes are what a department's table is shared as now, under what the units above it say.
func (s *State) Classes(department, table string) policy.Classes {
	if t := s.table(department, table); t != nil {
		return t.classes(s.rights.ceilings([]*tableState{t})).Classes
	}
	return policy.Classes{}
}

// CheckDecision tells what the referee would refuse of a steward's decision, a request or an alert now,
// before it is signed: at is the time of the next block, in seconds.
func (s *State) CheckDecision(author Key, body Body, at int64) error {
	if err := body.check(); err != nil {
		return fmt.Errorf("%s: %w", body.Kind(), err)
	}
	c := s.Clone()
	r := &Record{Number: s.number + 1, Time: at * 1000, Entry: Entry{Kind: body.Kind(), Author: author, Body: engine.Marshal(body)}}
	var refusal *Refusal
	switch b := body.(type) {
	case *Publish:
		refusal = c.publish(r, b)
	case *Request:
		refusal = c.request(r, b)
	case *Grant:
		refusal = c.grant(r, b)
	case *Decline:
		refusal = c.decline(r, b)
	case *Rescind:
		refusal = c.rescind(r, b)
	case *Alert:
		refusal = c.raise(r, b)
	default:
		return fmt.Errorf("%s is no decision", body.Kind())
	}
	if refusal != nil {
		return refusal
	}
	return nil
}
