package audit

import (
	"context"
	"fmt"
	"strings"
	"time"

	"parley/engine"
	"parley/node/failure"
	"parley/node/peers"
	"parley/protocols"
)

// Query is one question as the ledger's history has it (README section
// 13). Its field names are part of the interface.
type Query struct {
	ID          string     `json:"query"`
	Number      uint64     `json:"number"` // of its first record
	Block       uint64     `json:"block"`
	Time        time.Time  `json:"time"`
	State       string     `json:"state"`            // done, screened, refused, accused, failed, expired, withdrawn; or where it stands
	Reason      string     `json:"reason,omitempty"` // of an end without an answer
	Released    bool       `json:"released"`         // a decryption share stands on the ledger, whatever the end; of a screening its contributors alone have it
	Analyst     string     `json:"analyst"`          // peer id
	Person      string     `json:"person,omitempty"` // the analyst by name and department, as its question was asked
	Table       string     `json:"table"`
	Departments []string   `json:"departments"` // that contribute
	Keys        []Seat     `json:"keys"`        // theirs
	SQL         string     `json:"sql"`
	Question    string     `json:"question,omitempty"` // the analyst's own text, of which SQL is a round
	Round       int        `json:"round,omitempty"`    // of it, from 1
	Purpose     string     `json:"purpose"`
	Basis       string     `json:"basis,omitempty"`       // the legal basis
	Grants      []string   `json:"grants,omitempty"`      // digests of those of which it took a use
	Plan        string     `json:"plan"`                  // digest
	Certificate string     `json:"certificate,omitempty"` // digest, as the analyst's word has it
	Screening   bool       `json:"screening,omitempty"`   // it asks for the counts that the departments' rules go by, for their eyes alone
	Signed      []string   `json:"signed,omitempty"`      // of a screening: departments that have signed what the answer shows
	Screen      string     `json:"screen,omitempty"`      // the screening that an answer rests on: a query's id
	Linked      *Linked    `json:"linked,omitempty"`      // of a join across departments
	Ended       *time.Time `json:"ended,omitempty"`

	id, certificate engine.Digest
}

// Linked is how a question joins tables across departments, by persons.
type Linked struct {
	Spine      string   `json:"spine"` // the table of whose keys it is
	Of         string   `json:"of"`    // and its department
	Version    uint64   `json:"version"`
	Positions  int      `json:"positions"`
	Encrypted  string   `json:"encrypted"`            // the table of which encrypted numbers are sent
	Multiplied []string `json:"multiplied,omitempty"` // of a query on a ledger, departments that have multiplied them
}

// LinkedOf is how a question joins; nil of any other.
func LinkedOf(l *protocols.Linked) *Linked {
	if l == nil {
		return nil
	}
	return &Linked{Spine: l.Table, Of: l.Department, Version: l.Version, Positions: int(l.Positions), Encrypted: l.Encrypted}
}

// multiplied are the departments that have committed to products for a query.
func multiplied(q *protocols.QueryState) (names []string) {
	for i, products := range q.Multiplied {
		if products != nil {
			names = append(names, q.Contributors[i].Name)
		}
	}
	return names
}

// History is what a ledger tells up to now.
type History struct {
	Queries []*Query
	Events  []Event // if they were asked for
	Records uint64

	src  Source
	pin  *protocols.Network // or nil
	open map[engine.Digest]*Query
	keep func(Event) bool
}

// ReadHistory reads a source's whole history, and compares keys with the pinned
// description if there is one. keep says which events stay; nil: none.
func ReadHistory(ctx context.Context, src Source, pin *protocols.Network, keep func(Event) bool) (*History, error) {
	h := newHistory(src, pin, keep)
	return h, wholeHistory(ctx, src, h.take)
}

func newHistory(src Source, pin *protocols.Network, keep func(Event) bool) *History {
	return &History{src: src, pin: pin, open: map[engine.Digest]*Query{}, keep: keep}
}

func (h *History) take(s *protocols.State, r *protocols.Record, refused error) error {
	h.Records = r.Number
	at := TimeOf(h.src, r)
	if h.keep != nil {
		e := EventOf(s, r, refused)
		if e.Time = at; h.keep(e) {
			h.Events = append(h.Events, e)
		}
	}
	body, err := r.Entry.Open()
	if ask, ok := body.(*protocols.Ask); err == nil && ok && refused == nil {
		id := protocols.QueryID(s.ID(), r.Entry.Author, ask)
		q := &Query{ID: id.String(), id: id, Number: r.Number, Block: r.Block, Time: at,
			Analyst: peers.PeerOf(r.Entry.Author), Person: PersonOf(s, r.Entry.Author), Departments: ask.Departments, SQL: ask.SQL,
			Question: ask.Question, Round: int(ask.Round), Purpose: ask.Purpose, Basis: ask.Basis, Plan: ask.Plan.String()}
		if q.Screening = ask.Screening; ask.Screen != (engine.Digest{}) {
			q.Screen = ask.Screen.String()
		}
		for _, g := range ask.Grants {
			q.Grants = append(q.Grants, g.String())
		}
		if state := s.Query(id); state != nil {
			q.Table = state.Table()
			q.Keys = h.keysOf(s, state)
		}
		h.Queries = append(h.Queries, q)
		h.open[id] = q
	}
	for id, q := range h.open { // few are open at a time
		state := s.Query(id)
		if state == nil {
			delete(h.open, id)
			continue
		}
		q.Released, q.Signed, q.Linked = state.Released(), signersOf(state), LinkedOf(state.Ask.Linked)
		if q.Linked != nil {
			q.Linked.Multiplied = multiplied(state)
		}
		if q.State = state.Phase.String(); state.Phase.Ended() {
			q.Ended, q.Reason = &at, endOf(s, state)
			switch {
			case state.RefusedByHistory() != "":
				q.State = protocols.PhaseRefused.String()
			case state.Phase == protocols.PhaseDone && q.Screening:
				q.State = screened
			case state.Phase == protocols.PhaseDone:
				q.Certificate, q.certificate = state.Certificate.String(), state.Certificate
			}
			delete(h.open, id)
		}
	}
	return nil
}

// screened is the state of a screening that has come to its verdict: nobody was given an answer.
const screened = "screened"

// signersOf are the contributors of a screening that have signed what the answer shows.
func signersOf(q *protocols.QueryState) (names []string) {
	for i, verdict := range q.Verdicts {
		if verdict != (engine.Digest{}) {
			names = append(names, q.Contributors[i].Name)
		}
	}
	return names
}

// Asked is what the analyst wrote: of a round the question, with which round it is.
func (q *Query) Asked() string {
	if q.Round == 0 {
		return q.SQL
	}
	return fmt.Sprintf("%s (round %d)", q.Question, q.Round)
}

// Standing is the state as a list shows it: what was released stays so, whatever the end.
func (q *Query) Standing() string {
	switch {
	case q.Screening && q.Released && q.State != screened:
		return "screening, released to the departments, " + q.State
	case q.Screening:
		return "screening, " + q.State
	case q.Released:
		return "released, " + q.State
	}
	return q.State
}

// keysOf are the contributors' seats.
func (h *History) keysOf(s *protocols.State, q *protocols.QueryState) []Seat {
	var seats []protocols.Seat
	for _, m := range q.Contributors {
		if seat := s.SeatOf(m.Key); seat != nil {
			seats = append(seats, *seat)
		}
	}
	if h.pin != nil {
		h.pin.Unpinned(seats)
	}
	return SeatsOf(seats, nil)
}

// endOf is why a query ended without an answer.
func endOf(s *protocols.State, q *protocols.QueryState) string {
	switch q.Phase {
	case protocols.PhaseDone:
		return q.RefusedByHistory()
	case protocols.PhaseRefused:
		return fmt.Sprintf("%s (%s): %s", AuthorName(s, q.Refuser), q.Refusal.Code, q.Refusal.Sentence)
	case protocols.PhaseAccused:
		return fmt.Sprintf("%s accuses %s (%s)", AuthorName(s, q.Accuser), AuthorName(s, q.Accusation.Department), q.Accusation.Fault)
	case protocols.PhaseFailed:
		return q.Fault.Error()
	case protocols.PhaseWithdrawn:
		return "by the analyst"
	case protocols.PhaseExpired:
		if len(q.Missing) > 0 {
			return "waiting for " + strings.Join(q.Missing, ", ")
		}
		return "waiting for the analyst"
	}
	return ""
}

// Filter is what `search` looks for; empty fields match all.
type Filter struct {
	Table, Department, Analyst, Text string
	Since, Until                     time.Time
}

func (f Filter) within(t time.Time) bool {
	return (f.Since.IsZero() || !t.Before(f.Since)) && (f.Until.IsZero() || t.Before(f.Until))
}

func containsFold(text, part string) bool {
	return strings.Contains(strings.ToLower(text), strings.ToLower(part))
}

// Check refuses a filter that by its analyst matches nothing, whoever asked.
func (f Filter) Check() error {
	if end := strings.TrimPrefix(f.Analyst, "…"); f.Analyst != "" && len(end) < leastEnd {
		return failure.Usage("analyst", "", "an analyst is named by a peer id or its last %d characters or more, not by %s", leastEnd, failure.Printable(end))
	}
	return nil
}

// names tells whether an analyst is looked for, by its peer id.
func (f Filter) names(peer string) bool { return f.Analyst == "" || endsIn(peer, f.Analyst) }

// endsIn tells whether a text is a peer id's end, as lists show it: leastEnd characters or more, since a few are many peers'.
func endsIn(peer, text string) bool {
	end := strings.TrimPrefix(text, "…")
	return len(end) >= leastEnd && strings.HasSuffix(peer, end)
}

// Matches tells whether a question is looked for.
func (f Filter) Matches(q *Query) bool {
	contributes := f.Department == ""
	for _, d := range q.Departments {
		contributes = contributes || d == f.Department
	}
	return contributes && (f.Table == "" || q.Table == f.Table) && f.names(q.Analyst) &&
		(containsFold(q.SQL, f.Text) || containsFold(q.Question, f.Text) || containsFold(q.Reason, f.Text) || strings.HasPrefix(q.ID, f.Text)) && f.within(q.Time)
}

// MatchesEvent tells whether an entry is: by its author, where a department or
// an analyst is asked for.
func (f Filter) MatchesEvent(e Event) bool {
	return (f.Department == "" || e.Author == f.Department) && (f.Table == "" || e.Table == f.Table) &&
		(f.Analyst == "" || e.Author == e.Peer && f.names(e.Peer)) &&
		(containsFold(e.What, f.Text) || containsFold(e.Refused, f.Text) || strings.HasPrefix(e.Query, f.Text)) && f.within(e.Time)
}
