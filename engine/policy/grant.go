package policy

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"parley/engine"
)

// Subject is which questions a grant or a request is about: exactly one, with its contributors and
// their tables as they were (Asked), or all of one form (Form). With neither it is about every
// question within the terms.
type Subject struct {
	_ struct{} `cbor:",toarray"`
	// Asked is Facts.Asked of the one question.
	Asked engine.Digest
	// Form is a question with $1, $2, ... in the place of literals (engine.Parameters).
	Form       string
	Parameters []Parameter // for $1, $2, ..., one each
	// Contributors are the departments, ascending, whose rows alone such questions are about; empty:
	// whichever. Of one question Asked decides, and they are told so that whoever reads a request can
	// see that Asked is of the question that it shows (Shows).
	Contributors []string
}

// Parameter says which literals may stand for one of a form's.
type Parameter struct {
	_ struct{} `cbor:",toarray"`
	// Values are literals as SQL writes them, ascending.
	Values []string
	// Range allows whole numbers from Low to High without sign.
	Range     bool
	Low, High int64
}

// Shows reports whether a request is of the question that it shows to people: of a form, or of just this
// text over the tables of these departments as they are registered. Nobody but who reads it checks that.
func (r *Request) Shows(registered engine.Catalogue) bool {
	if !r.Subject.Once() {
		return r.Subject.Form != ""
	}
	tables, err := engine.TablesOf(r.Question, registered)
	if err != nil || !slices.Contains(tables, r.Table) {
		return false
	}
	var of []Contributor
	for _, table := range tables {
		for _, name := range r.Subject.Contributors {
			for _, t := range registered {
				if t.Department == name && t.Table == table {
					of = append(of, contributorOf(&t))
				}
			}
		}
	}
	return len(of) == len(tables)*len(r.Subject.Contributors) && r.Subject.Asked == askedOf(engine.QuestionDigest(r.Question), of)
}

// Once reports whether the subject is one question.
func (s *Subject) Once() bool { return s.Asked != engine.Digest{} }

// Validate checks a subject that comes from others.
func (s *Subject) Validate() error {
	switch {
	case s.Once() && (s.Form != "" || len(s.Parameters) > 0):
		return errors.New("a grant is of one question or of one form, not of both")
	case slices.Contains(s.Contributors, Any):
		return errors.New("contributors: leave them out where all will do")
	case s.Form == "" && len(s.Parameters) > 0:
		return errors.New("parameters belong to a form")
	case validList("contributors", s.Contributors, engine.MaxRegistrations, engine.MaxNameBytes) != nil:
		return validList("contributors", s.Contributors, engine.MaxRegistrations, engine.MaxNameBytes)
	case s.Form == "":
		return nil
	case len(s.Parameters) > engine.MaxParameters:
		return fmt.Errorf("a form has at most %d parameters", engine.MaxParameters)
	}
	for i, p := range s.Parameters {
		if err := p.validate(); err != nil {
			return fmt.Errorf("parameter $%d: %w", i+1, err)
		}
	}
	// The form is one of itself, with the number 1 for each parameter.
	if n, ok := formParameters(s.Form); !ok || n != len(s.Parameters) {
		return errors.New("the form is no SQL text whose parameters are $1 to $n, with values for each")
	}
	return nil
}

// formParameters counts a form's parameters.
func formParameters(form string) (int, bool) {
	for n := engine.MaxParameters; n >= 0; n-- {
		if n > 0 && !strings.Contains(form, "$"+strconv.Itoa(n)) {
			continue
		}
		question := form
		for i := n; i > 0; i-- {
			question = strings.ReplaceAll(question, "$"+strconv.Itoa(i), " 1 ")
		}
		values, ok := engine.Parameters(form, question)
		return n, ok && len(values) == n
	}
	return 0, false
}

func (p *Parameter) validate() error {
	switch {
	case p.Range && len(p.Values) > 0:
		return errors.New("a list of values or a range, not both")
	case p.Range && (p.Low < 0 || p.High < p.Low):
		return errors.New("a range goes from a number that is not negative to one that is not below it")
	case !p.Range && (p.Low != 0 || p.High != 0):
		return errors.New("the ends of a range without a range")
	case !p.Range && len(p.Values) == 0:
		return errors.New("no value is allowed")
	}
	return validList("values", p.Values, MaxParameterTexts, MaxTextBytes)
}

// allows reports whether a literal may stand for the parameter.
func (p *Parameter) allows(literal string) bool {
	if !p.Range {
		_, ok := slices.BinarySearch(p.Values, literal)
		return ok
	}
	n, err := strconv.ParseInt(literal, 10, 64)
	return err == nil && p.Low <= n && n <= p.High && strconv.FormatInt(n, 10) == literal
}

// Grant is a contract: a department lets a person ask, on terms. Its steward signs it.
type Grant struct {
	_          struct{} `cbor:",toarray"`
	Department string   // whose rows
	Table      string
	Version    uint64 // of the table; 0: whichever is registered
	Person     Key    // who may ask: Asker.First
	Subject    Subject
	Terms      Terms
	Request    engine.Digest // that it answers; zero if none was made
	Turn       uint64        // tells grants apart that say the same
}

// ID names a grant.
func (g *Grant) ID() engine.Digest { return engine.Hash("parley grant 1", engine.Marshal(g)) }

// Validate checks a grant by itself; given is the block's time at which it is given.
func (g *Grant) Validate(given int64) error {
	for _, n := range []string{g.Department, g.Table} {
		if err := validText(n, engine.MaxNameBytes); err != nil {
			return err
		}
	}
	if n := len(engine.Marshal(g)); n > MaxGrantBytes {
		return fmt.Errorf("a grant has %d bytes; at most %d are allowed", n, MaxGrantBytes)
	}
	if err := g.Subject.Validate(); err != nil {
		return err
	}
	if err := g.Terms.Validate(); err != nil {
		return err
	}
	switch {
	case g.Terms.Uses < 1:
		return errors.New("a grant says how often it may be used")
	case g.Terms.Until <= given:
		return errors.New("a grant ends after it was given")
	case g.Terms.Until-given > MaxGrantSeconds:
		return errors.New("a grant lasts five years at most")
	case len(g.Terms.Purposes) == 0:
		return errors.New("a grant names the purposes that it is for")
	}
	return nil
}

// Held is a grant as the ledger has it now.
type Held struct {
	Grant Grant
	// Used is how many other questions were admitted under it.
	Used    int64
	Revoked bool
}

// Request asks departments for a grant. Its author is the person who would ask the question.
type Request struct {
	_           struct{} `cbor:",toarray"`
	Departments []string // that are asked, ascending
	Table       string
	Question    string // that the person would ask, for the stewards to read; of a standing request its form
	Subject     Subject
	Terms       Terms
	Due         int64 // by when an answer is wished, in unix time; 0: no date
}

// ID names a request of a person's.
func (r *Request) ID(person Key) engine.Digest {
	return engine.Hash("parley request 1", person[:], engine.Marshal(r))
}

// Validate checks a request by itself; made is the block's time at which it is made.
func (r *Request) Validate(made int64) error {
	if err := validList("departments", r.Departments, engine.MaxRegistrations, engine.MaxNameBytes); err != nil {
		return err
	}
	if len(r.Departments) == 0 || r.Departments[0] == Any {
		return errors.New("a request names the departments that it asks")
	}
	if err := validText(r.Table, engine.MaxNameBytes); err != nil {
		return err
	}
	if len(r.Question) > engine.MaxSQLBytes {
		return fmt.Errorf("the question has %d bytes; at most %d are allowed", len(r.Question), engine.MaxSQLBytes)
	}
	if n := len(engine.Marshal(r)); n > MaxGrantBytes {
		return fmt.Errorf("a request has %d bytes; at most %d are allowed", n, MaxGrantBytes)
	}
	if err := r.Subject.Validate(); err != nil {
		return err
	}
	switch {
	case r.Subject.Form != "" && r.Subject.Form != r.Question:
		return errors.New("the question of a standing request is its form")
	case r.Due < 0 || r.Due != 0 && r.Due <= made:
		return errors.New("the date by which an answer is wished is over")
	case len(r.Terms.Purposes) != 1 || r.Terms.Uses < 1 || r.Terms.Until <= made:
		return errors.New("a request states one purpose, a number of uses and an end")
	}
	return r.Terms.Validate()
}

// Grant is what a department gives that grants a request as it stands.
func (r *Request) Grant(department string, version uint64, person Key) Grant {
	return Grant{Department: department, Table: r.Table, Version: version, Person: person,
		Subject: r.Subject, Terms: r.Terms, Request: r.ID(person)}
}

// MayDecide says whether a person may publish a policy, give, refuse or revoke a grant for a
// department: its valid stewards may, and nobody on a request of their own. The requester is the
// person who made the request, as Grant.Person names one; zero where there is no request.
func MayDecide(decider *Asker, department string, requester Key, time int64) *Missing {
	m := decider.missing(time, "steward")
	switch {
	case m != nil:
	case decider.Department != department:
		m = &Missing{Reason: NotYourDepartment, Detail: decider.Department}
	case requester != Key{} && requester == decider.person():
		m = &Missing{Reason: OwnRequest}
	default:
		return nil
	}
	m.Department = department
	return m
}

// Replaces says whether a document may follow the one that its department has for the table; nil: it
// has none. Versions follow each other, so that none is published twice or skipped.
func (d *Document) Replaces(old *Document) bool {
	if old == nil {
		return d.Version == 1
	}
	return d.Department == old.Department && d.Table == old.Table && d.Version == old.Version+1
}
