package audit

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"time"

	"parley/engine"
	"parley/engine/policy"
	"parley/node/peers"
	"parley/protocols"
)

// The kinds of a trail's lines.
const (
	LinePolicy     = "policy"
	LineCeiling    = "ceiling" // a unit's, for the departments below it
	LineDraws      = "draws"   // a steward said for how many ids other departments may draw tokens
	LineSpine      = "spine"   // a department published the tokens of a table
	LineRequest    = "request"
	LineGrant      = "grant"
	LineDecline    = "decline"
	LineRescission = "rescission"
	LineQuestion   = "question"
	LineProducts   = "multiplication" // a department multiplied what others sent, encrypted, by what it has of persons
	LineRelease    = "release"        // a department commits to its decryption shares
	LineAnswer     = "answer"
	LineScreening  = "screening" // it is asked what of an answer is shown
	LineCounts     = "counts"    // a department commits to its shares of a screening, which its contributors alone have
	LineVerdict    = "verdict"   // they have signed what is shown
	LineRefusal    = "refusal"
	LineWithdrawal = "withdrawal"
	LineExpiry     = "expiry"
	LineFailure    = "failure"
)

// The outcomes of questions, grants and requests.
const (
	OutcomeOpen      = "open"
	OutcomeAnswered  = "answered"
	OutcomeScreened  = "screened"
	OutcomeRefused   = "refused"
	OutcomeWithdrawn = "withdrawn"
	OutcomeExpired   = "expired"
	OutcomeFailed    = "failed"
	OutcomeInForce   = "in force"
	OutcomeUsedUp    = "used up"
	OutcomeTakenBack = "taken back"
	OutcomeEnded     = "ended"
	OutcomeGranted   = "granted"
	OutcomePartly    = "partly granted"
	OutcomeDeclined  = "declined"
)

// Line is one line of a trail (README section 13.5). Its field names are part of the interface.
type Line struct {
	Time        time.Time    `json:"time"`
	Number      uint64       `json:"number"` // of the record that did it
	Block       uint64       `json:"block"`
	Kind        string       `json:"kind"`
	Person      string       `json:"person,omitempty"`     // who did it, by name; empty: a department's node
	Department  string       `json:"department,omitempty"` // the person's, or whose node; empty: all together
	Peer        string       `json:"peer,omitempty"`
	Table       string       `json:"table"`
	Rows        []string     `json:"rows"` // departments whose rows it is about
	Columns     []LineColumn `json:"columns"`
	Functions   []string     `json:"functions,omitempty"`
	Purposes    []string     `json:"purposes"` // of a policy or a grant that allows any: none
	Bases       []string     `json:"bases,omitempty"`
	Request     string       `json:"request,omitempty"` // id
	Grants      []string     `json:"grants,omitempty"`  // ids: of a question those that it takes uses of
	Query       string       `json:"query,omitempty"`
	Screening   string       `json:"screening,omitempty"` // the query that a question rests on: what of its answer is shown
	Withheld    int          `json:"withheld,omitempty"`  // of the plan's cells those that are not shown
	Epsilon     string       `json:"epsilon,omitempty"`   // what a question takes of each budget, given back if it ends before anybody can have shared
	Delta       string       `json:"delta,omitempty"`     // for which
	Round       int          `json:"round,omitempty"`
	Version     uint64       `json:"version,omitempty"` // of a policy
	Outcome     string       `json:"outcome,omitempty"`
	Cells       int          `json:"cells,omitempty"`       // of the plan
	Ciphertexts int          `json:"ciphertexts,omitempty"` // that carry them; of a join across departments shares in which they are released, or a department's products
	Released    bool         `json:"released,omitempty"`    // of a question: a decryption share stands on the ledger, whatever the outcome
	Code        string       `json:"code,omitempty"`        // of a refusal
	Sentence    string       `json:"sentence,omitempty"`    // of a refusal, or the reason that was given
	Chinese     string       `json:"-"`                     // the sentence, of those that are told in both languages
	Disclosure  []string     `json:"disclosure,omitempty"`  // of a policy: what answers may show, each rule as a policy writes it
	Text        string       `json:"text,omitempty"`        // the question, the names of a policy's rules, the class of a ceiling, what may be drawn, or a spine's length

	analyst    protocols.Key // first key of who asks, or may
	anyColumn  bool          // which columns is not known
	anyPurpose bool
}

// LineColumn is a column in a role.
type LineColumn struct {
	Column string `json:"column"` // "*": all
	Role   string `json:"role"`
}

// Trail is what a ledger tells of who may ask what, who asked, and what became of it. Everything in it
// is recomputed from the records: columns and roles from a question's SQL and the tables as they were.
type Trail struct {
	Network string
	Records uint64
	Block   uint64    // of the last record
	Time    time.Time // of that
	Lines   []*Line   // in the order of the ledger

	packing     engine.Packing
	open        []*openQuestion
	requests    map[engine.Digest]*Line
	grants      map[engine.Digest]*Line
	ends        map[*Line]int64                   // grants and requests, in seconds since 1970
	firsts      map[protocols.Key]protocols.Key   // of persons' keys
	persons     map[protocols.Key]map[string]bool // names, by first key
	tables      map[string]map[string]bool        // columns of all versions
	departments []string                          // present and gone
	ceilings    []*ceiling
	below       map[string]map[string]bool // departments with tables, by the units above them
}

// openQuestion is a question whose end has not come.
type openQuestion struct {
	id   engine.Digest
	line *Line
}

// ceiling is a line of what a unit says to those below it.
type ceiling struct {
	unit string
	line *Line
}

// forget drops the lines before the last ones. What comes later about a request or a grant that is dropped says less of it.
func (t *Trail) forget(most int) {
	drop := len(t.Lines) - most
	if drop <= 0 {
		return
	}
	gone := map[*Line]bool{}
	for _, l := range t.Lines[:drop] {
		gone[l] = true
		delete(t.ends, l)
	}
	ours := func(_ engine.Digest, l *Line) bool { return gone[l] }
	maps.DeleteFunc(t.requests, ours)
	maps.DeleteFunc(t.grants, ours)
	t.ceilings = slices.DeleteFunc(t.ceilings, func(c *ceiling) bool { return gone[c.line] })
	t.Lines = slices.Clone(t.Lines[drop:])
}

// ReadTrail reads a source's whole history, or what of it was signed before a time. Cost: planning each
// question once, beside what reading costs.
func ReadTrail(ctx context.Context, src Records, until time.Time) (*Trail, error) {
	t := newTrail(src.Network().ID().String(), protocols.Packing(src.Params()))
	var last *protocols.State
	err := wholeHistory(ctx, before{src, until}, func(s *protocols.State, r *protocols.Record, refused error) error {
		last = s
		t.take(s, r, refused, TimeOf(src, r))
		return nil
	})
	if err != nil && !errors.Is(err, errBefore) {
		return nil, err
	}
	if last != nil {
		t.finish(last, until)
	}
	return t, nil
}

// before is a ledger as it was before a time; a zero time: all of it.
type before struct {
	Records
	until time.Time
}

var errBefore = errors.New("what comes later is not wanted")

// Follow implements Records.
func (b before) Follow(ctx context.Context, after uint64, deliver func([]protocols.Record) error) error {
	return b.Records.Follow(ctx, after, func(records []protocols.Record) error {
		late := slices.IndexFunc(records, func(r protocols.Record) bool { return !b.until.IsZero() && !TimeOf(b.Records, &r).Before(b.until) })
		if late < 0 {
			return deliver(records)
		}
		if err := deliver(records[:late]); err != nil {
			return err
		}
		return errBefore
	})
}

func newTrail(network string, p engine.Packing) *Trail {
	return &Trail{Network: network, Lines: []*Line{}, packing: p, requests: map[engine.Digest]*Line{}, grants: map[engine.Digest]*Line{}, ends: map[*Line]int64{},
		firsts: map[protocols.Key]protocols.Key{}, persons: map[protocols.Key]map[string]bool{}, tables: map[string]map[string]bool{}, below: map[string]map[string]bool{}}
}

// take adds what a record did; the state is the one just after it.
func (t *Trail) take(s *protocols.State, r *protocols.Record, refused error, at time.Time) {
	t.Records, t.Block, t.Time = r.Number, r.Block, at
	if body, err := r.Entry.Open(); err == nil && refused == nil { // what is refused had no effect but to end questions
		t.read(s, r, body, at)
	}
	t.follow(s, r, at)
}

func (t *Trail) read(s *protocols.State, r *protocols.Record, body protocols.Body, at time.Time) {
	switch b := body.(type) {
	case *protocols.Register:
		t.register(b)
	case *protocols.Vouch:
		t.firsts[b.Person] = b.First
		if t.persons[b.First] == nil {
			t.persons[b.First] = map[string]bool{}
		}
		t.persons[b.First][b.Name] = true
		t.persons[b.First][b.Name+" of "+s.NameOf(r.Entry.Author)] = true
	case *protocols.Publish:
		if b.Document.Table == "" {
			if b.Document.Below != engine.ClassUnsaid {
				t.ceiling(t.line(s, r, at, LineCeiling), &b.Document)
			}
			if len(b.Document.Draws) > 0 {
				l := t.line(s, r, at, LineDraws)
				l.Version, l.Text = b.Document.Version, b.Document.DrawsText()
			}
			break
		}
		t.policy(t.line(s, r, at, LinePolicy), &b.Document)
	case *protocols.Spine:
		l := t.line(s, r, at, LineSpine)
		l.Table, l.Rows, l.Version, l.Text = b.Table, []string{l.Department}, b.Version, engine.Plural(b.Positions(), "position")
	case *protocols.Request:
		t.request(t.line(s, r, at, LineRequest), b, t.first(r.Entry.Author))
	case *protocols.Grant:
		t.grant(t.line(s, r, at, LineGrant), &b.Grant)
	case *protocols.Decline:
		if asked := t.requests[b.Request]; asked != nil {
			l := t.copy(t.line(s, r, at, LineDecline), asked)
			l.Rows, l.Sentence = []string{l.Department}, b.Reason
		}
	case *protocols.Rescind:
		if given := t.grants[b.Grant]; given != nil {
			l := t.copy(t.line(s, r, at, LineRescission), given)
			l.Sentence, given.Outcome = b.Reason, OutcomeTakenBack
		}
	case *protocols.Ask:
		t.ask(s, r, b, at)
	case *protocols.Multiply:
		for _, q := range t.open {
			if q.id == b.Query {
				l := t.copy(t.line(s, r, at, LineProducts), q.line)
				l.Ciphertexts = len(b.Blobs)
			}
		}
	case *protocols.ShareCommit:
		for _, q := range t.open {
			if q.id == b.Query {
				q.line.Released = true
				kind := LineRelease
				if q.line.Kind == LineScreening {
					kind = LineCounts
				}
				l := t.copy(t.line(s, r, at, kind), q.line)
				l.Cells, l.Ciphertexts = q.line.Cells, len(b.Blobs)
			}
		}
	}
}

func (t *Trail) register(b *protocols.Register) {
	columns := t.tables[b.Registration.Table]
	if columns == nil {
		columns = map[string]bool{}
		t.tables[b.Registration.Table] = columns
	}
	for _, c := range b.Registration.Columns {
		columns[c.Name] = true
	}
	for _, unit := range b.Registration.About.Place {
		if t.below[unit] == nil {
			t.below[unit] = map[string]bool{}
		}
		t.below[unit][b.Registration.Department] = true
	}
}

// first is the key under which a person was vouched for first.
func (t *Trail) first(k protocols.Key) protocols.Key {
	if first, known := t.firsts[k]; known {
		return first
	}
	return k
}

// line begins a line by a record's author.
func (t *Trail) line(s *protocols.State, r *protocols.Record, at time.Time, kind string) *Line {
	author := r.Entry.Author
	l := &Line{Time: at, Number: r.Number, Block: r.Block, Kind: kind, Peer: peers.PeerOf(author), Rows: []string{}, Columns: []LineColumn{}, Purposes: []string{}}
	if p := s.Person(author); p != nil {
		l.Person, l.Department = p.Name, p.Department
	} else if f := s.Former(author); f != nil {
		l.Person, l.Department = f.Name, s.NameOf(f.By)
	} else {
		l.Department = AuthorName(s, author)
	}
	t.Lines = append(t.Lines, l)
	return l
}

// copy is about the same as another line.
func (t *Trail) copy(l, of *Line) *Line {
	l.Table, l.Rows, l.Columns, l.Functions, l.Purposes, l.Bases = of.Table, of.Rows, of.Columns, of.Functions, of.Purposes, of.Bases
	l.Request, l.Grants, l.Query, l.Round, l.Screening, l.Withheld = of.Request, of.Grants, of.Query, of.Round, of.Screening, of.Withheld
	l.Epsilon, l.Delta = of.Epsilon, of.Delta
	l.analyst, l.anyColumn, l.anyPurpose = of.analyst, of.anyColumn, of.anyPurpose
	return l
}

func (t *Trail) policy(l *Line, d *policy.Document) {
	l.Table, l.Rows, l.Version = d.Table, []string{d.Department}, d.Version
	var names []string
	for i := range d.Rules {
		rule := &d.Rules[i]
		names = append(names, rule.Name)
		l.allow(&rule.Terms)
	}
	if len(d.Membership) > 0 {
		names = append(names, "membership shown to "+strings.Join(d.Membership, ", "))
	}
	l.Text = strings.Join(names, "; ")
	for _, rule := range d.Disclosure.Rules() {
		l.Disclosure = append(l.Disclosure, rule.Name+" = "+rule.Written())
	}
}

// ceiling is about all tables below the unit: finish says whose.
func (t *Trail) ceiling(l *Line, d *policy.Document) {
	l.Version, l.Text, l.anyColumn, l.anyPurpose = d.Version, d.Below.String(), true, true
	t.ceilings = append(t.ceilings, &ceiling{d.Department, l})
}

// allow adds what terms name.
func (l *Line) allow(terms *policy.Terms) {
	for _, role := range []struct {
		name  policy.Role
		names []string
	}{{policy.Filter, terms.Filter}, {policy.Group, terms.Group}, {policy.Aggregate, terms.Aggregate}, {policy.Join, terms.Join}} {
		for _, name := range role.names {
			if c := (LineColumn{name, string(role.name)}); !slices.Contains(l.Columns, c) {
				l.Columns = append(l.Columns, c)
			}
		}
	}
	add := func(list *[]string, more []string) {
		*list = append(*list, more...)
		slices.Sort(*list)
		*list = slices.Compact(*list)
	}
	add(&l.Functions, terms.Functions)
	add(&l.Purposes, terms.Purposes)
	add(&l.Bases, terms.Bases)
	l.anyPurpose = l.anyPurpose || len(terms.Purposes) == 0
}

func (t *Trail) request(l *Line, b *protocols.Request, by protocols.Key) {
	q := &b.Request
	l.Table, l.Rows, l.Text, l.analyst, l.Outcome = q.Table, q.Departments, q.Question, by, OutcomeOpen
	l.allow(&q.Terms)
	id := q.ID(policy.Key(by))
	l.Request, t.requests[id], t.ends[l] = id.String(), l, q.Terms.Until
}

func (t *Trail) grant(l *Line, g *policy.Grant) {
	l.Table, l.Rows, l.Text, l.analyst, l.Outcome = g.Table, []string{g.Department}, g.Subject.Form, protocols.Key(g.Person), OutcomeInForce
	l.allow(&g.Terms)
	id := g.ID()
	l.Grants, t.grants[id], t.ends[l] = []string{id.String()}, l, g.Terms.Until
	if g.Request != (engine.Digest{}) {
		l.Request = g.Request.String()
	}
}

func (t *Trail) ask(s *protocols.State, r *protocols.Record, b *protocols.Ask, at time.Time) {
	id := protocols.QueryID(s.ID(), r.Entry.Author, b)
	q := s.Query(id)
	if q == nil {
		return
	}
	l := t.line(s, r, at, LineQuestion)
	switch {
	case b.Screening:
		l.Kind = LineScreening
	case b.Screen != engine.Digest{}:
		l.Screening = b.Screen.String()
	}
	l.Rows, l.Text, l.Round, l.Query, l.Outcome, l.analyst = b.Departments, b.SQL, int(b.Round), id.String(), OutcomeOpen, t.first(r.Entry.Author)
	if l.Purposes = []string{b.Purpose}; b.Basis != "" {
		l.Bases = []string{b.Basis}
	}
	for _, g := range b.Grants {
		l.Grants = append(l.Grants, g.String())
	}
	if b.Round > 0 {
		l.Text = b.Question
	}
	l.Table = q.Table()
	l.facts(q, t.packing)
	t.open = append(t.open, &openQuestion{id, l})
}

// facts recomputes what a question does. Of one that cannot be planned, which nobody answers, every column
// may be meant.
func (l *Line) facts(q *protocols.QueryState, p engine.Packing) {
	var plan *engine.Plan
	var f policy.Facts // of the question, whether it is asked for its answer or for what of that is shown
	base, err := q.Base(p)
	if err == nil {
		plan, err = q.Claimed(base)
	}
	if err == nil {
		f, err = policy.FactsOf(base, q.Ask.Question)
	}
	if err != nil {
		l.anyColumn, l.Sentence = true, err.Error()
		return
	}
	for _, u := range f.Uses {
		if u.Column != "" {
			l.Columns = append(l.Columns, LineColumn{u.Column, string(u.Role)})
		}
	}
	for _, reason := range plan.Withheld {
		if reason != 0 {
			l.Withheld++
		}
	}
	l.Epsilon, l.Delta = plan.Price()
	l.Functions, l.Cells, l.Ciphertexts = f.Functions, plan.CellCount()-l.Withheld, plan.Ciphertexts()
	if q.Ask.Linked != nil {
		l.Ciphertexts = int(q.Ask.Ciphertexts)
	}
}
