package node

import (
	"cmp"
	"context"
	"fmt"
	"strings"
	"time"

	"parley/engine"
	"parley/node/failure"
	"parley/node/peers"
	"parley/protocols"
)

// ledgerQuery is one question as the ledger's history has it (README section
// 13). Its field names are part of the interface.
type ledgerQuery struct {
	ID          string     `json:"query"`
	Number      uint64     `json:"number"` // of its first record
	Block       uint64     `json:"block"`
	Time        time.Time  `json:"time"`
	State       string     `json:"state"`            // done, refused, accused, failed, expired; or where it stands
	Reason      string     `json:"reason,omitempty"` // of an end without an answer
	Released    bool       `json:"released"`         // a decryption share stands on the ledger, whatever the end
	Analyst     string     `json:"analyst"`          // peer id
	Table       string     `json:"table"`
	Departments []string   `json:"departments"` // that contribute
	Keys        []seatJSON `json:"keys"`        // theirs
	SQL         string     `json:"sql"`
	Certificate string     `json:"certificate,omitempty"` // digest, as the analyst's word has it
	Ended       *time.Time `json:"ended,omitempty"`

	id engine.Digest
}

// ledgerHistory is what a ledger tells up to now.
type ledgerHistory struct {
	Queries []*ledgerQuery
	Events  []ledgerEvent // if they were asked for
	Records uint64

	src  ledgerSource
	pin  *protocols.Network // or nil
	open map[engine.Digest]*ledgerQuery
	keep func(ledgerEvent) bool
}

// readHistory reads a source's whole history, and compares keys with the pinned
// description if there is one. keep says which events stay; nil: none.
func readHistory(ctx context.Context, src ledgerSource, pin *protocols.Network, keep func(ledgerEvent) bool) (*ledgerHistory, error) {
	h := &ledgerHistory{src: src, pin: pin, open: map[engine.Digest]*ledgerQuery{}, keep: keep}
	return h, wholeHistory(ctx, src, h.take)
}

func (h *ledgerHistory) take(s *protocols.State, r *protocols.Record, refused error) error {
	h.Records = r.Number
	at := timeOf(h.src, r)
	if h.keep != nil {
		e := eventOf(s, r, refused)
		if e.Time = at; h.keep(e) {
			h.Events = append(h.Events, e)
		}
	}
	body, err := r.Entry.Open()
	if ask, ok := body.(*protocols.Ask); err == nil && ok && refused == nil {
		id := protocols.QueryID(s.ID(), r.Entry.Author, ask)
		q := &ledgerQuery{ID: id.String(), id: id, Number: r.Number, Block: r.Block, Time: at,
			Analyst: peers.PeerOf(r.Entry.Author), Departments: ask.Departments, SQL: ask.SQL}
		if state := s.Query(id); state != nil && len(state.Registrations) > 0 {
			q.Table = state.Registrations[0].Table
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
		q.Released = state.Released()
		if q.State = state.Phase.String(); state.Phase.Ended() {
			q.Ended, q.Reason = &at, endOf(s, state)
			if state.Phase == protocols.PhaseDone {
				q.Certificate = state.Certificate.String()
			}
			delete(h.open, id)
		}
	}
	return nil
}

// standing is the state as a list shows it: what was released stays so, whatever the end.
func (q *ledgerQuery) standing() string {
	if q.Released {
		return "released, " + q.State
	}
	return q.State
}

// keysOf are the contributors' seats.
func (h *ledgerHistory) keysOf(s *protocols.State, q *protocols.QueryState) []seatJSON {
	var seats []protocols.Seat
	for _, m := range q.Contributors {
		if seat := s.SeatOf(m.Key); seat != nil {
			seats = append(seats, *seat)
		}
	}
	if h.pin != nil {
		h.pin.Unpinned(seats)
	}
	return seatsOf(seats, nil)
}

// endOf is why a query ended without an answer.
func endOf(s *protocols.State, q *protocols.QueryState) string {
	switch q.Phase {
	case protocols.PhaseRefused:
		return fmt.Sprintf("%s (%s): %s", authorName(s, q.Refuser), q.Refusal.Code, q.Refusal.Sentence)
	case protocols.PhaseAccused:
		return fmt.Sprintf("%s accuses %s (%s)", authorName(s, q.Accuser), authorName(s, q.Accusation.Department), q.Accusation.Fault)
	case protocols.PhaseFailed:
		return q.Fault.Error()
	case protocols.PhaseExpired:
		if len(q.Missing) > 0 {
			return "waiting for " + strings.Join(q.Missing, ", ")
		}
		return "waiting for the analyst"
	}
	return ""
}

// find is the query that an argument names: its digest or the beginning of it,
// or "last".
func (h *ledgerHistory) find(name string) (*ledgerQuery, error) {
	if name == "last" && len(h.Queries) > 0 {
		return h.Queries[len(h.Queries)-1], nil
	}
	var found []*ledgerQuery
	for _, q := range h.Queries {
		if strings.HasPrefix(q.ID, strings.ToLower(name)) {
			found = append(found, q)
		}
	}
	switch len(found) {
	case 1:
		return found[0], nil
	case 0:
		return nil, failure.Refused("unknown-query", "parley ledger list names them", "the ledger holds no query %q", name)
	}
	return nil, failure.Refused("ambiguous", "write more of it", "%d queries begin with %q", len(found), name)
}

// ledgerFilter is what `search` looks for; empty fields match all.
type ledgerFilter struct {
	Table, Department, Analyst, Text string
	Since, Until                     time.Time
}

func (f ledgerFilter) within(t time.Time) bool {
	return (f.Since.IsZero() || !t.Before(f.Since)) && (f.Until.IsZero() || t.Before(f.Until))
}

func containsFold(text, part string) bool {
	return strings.Contains(strings.ToLower(text), strings.ToLower(part))
}

// matches tells whether a question is looked for. An analyst may be named by
// the end of its peer id, as lists show it.
func (f ledgerFilter) matches(q *ledgerQuery) bool {
	contributes := f.Department == ""
	for _, d := range q.Departments {
		contributes = contributes || d == f.Department
	}
	return contributes && (f.Table == "" || q.Table == f.Table) && strings.HasSuffix(q.Analyst, strings.TrimPrefix(f.Analyst, "…")) &&
		(containsFold(q.SQL, f.Text) || containsFold(q.Reason, f.Text) || strings.HasPrefix(q.ID, f.Text)) && f.within(q.Time)
}

// matchesEvent tells whether an entry is: by its author, where a department or
// an analyst is asked for.
func (f ledgerFilter) matchesEvent(e ledgerEvent) bool {
	return (f.Department == "" || e.Author == f.Department) && (f.Table == "" || e.Table == f.Table) &&
		(f.Analyst == "" || e.Author == e.Peer && strings.HasSuffix(e.Peer, strings.TrimPrefix(f.Analyst, "…"))) &&
		(containsFold(e.What, f.Text) || containsFold(e.Refused, f.Text) || strings.HasPrefix(e.Query, f.Text)) && f.within(e.Time)
}

// parseWhen reads a point in time: RFC 3339, a day (its beginning, UTC), or how
// long ago.
func parseWhen(flag, text string, now time.Time) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	for _, layout := range []string{time.RFC3339, "2006-01-02 15:04:05", "2006-01-02 15:04", time.DateOnly} {
		if t, err := time.ParseInLocation(layout, text, time.UTC); err == nil {
			return t, nil
		}
	}
	if d, err := time.ParseDuration(text); err == nil && d > 0 {
		return now.Add(-d), nil
	}
	return time.Time{}, failure.Usage("flag", `for example 2026-03-31, 2026-03-31T09:00:00Z, or 24h for "a day ago"`,
		"--%s %q is not a time", flag, text)
}

// queriesGrid shows questions one a line.
func queriesGrid(queries []*ledgerQuery, pinned bool) grid {
	g := grid{Head: []string{"time", "block", "query", "state", "analyst", "table", "departments", "certificate"}, Right: []bool{false, true}}
	for _, q := range queries {
		cells := []string{q.Time.Format("2006-01-02 15:04:05"), fmt.Sprint(q.Block), shortDigest(q.ID), q.standing(),
			"…" + q.Analyst[max(0, len(q.Analyst)-8):], q.Table, strings.Join(markedNames(q.Departments, q.Keys, pinned), ", "), cmp.Or(shortDigest(q.Certificate), "-")}
		row := make([]*string, len(cells))
		for i := range cells {
			row[i] = &cells[i]
		}
		g.Rows = append(g.Rows, row)
	}
	return g
}

// eventsGrid shows entries one a line.
func eventsGrid(events []ledgerEvent) grid {
	g := grid{Head: []string{"number", "time", "block", "author", "entry", "what"}, Right: []bool{true, false, true}}
	for _, e := range events {
		cells := eventCells(e)
		row := make([]*string, len(cells))
		for i := range cells {
			row[i] = &cells[i]
		}
		g.Rows = append(g.Rows, row)
	}
	return g
}

func eventCells(e ledgerEvent) []string {
	return []string{fmt.Sprint(e.Number), e.Time.Format("2006-01-02 15:04:05"), fmt.Sprint(e.Block), shortAuthor(e), e.Kind,
		shorten(failure.Printable(e.what()), timelineWidth)}
}

// queryText is a question's whole history.
func queryText(q *ledgerQuery, events []ledgerEvent, pinned bool) string {
	var b strings.Builder
	b.WriteString(failure.PrintableLines(q.SQL) + "\n\n")
	line := func(name, format string, args ...any) {
		fmt.Fprintf(&b, "%-12s %s\n", name, failure.Printable(fmt.Sprintf(format, args...)))
	}
	line("query", "%s", q.ID)
	line("state", "%s", strings.TrimSuffix(q.standing()+": "+q.Reason, ": "))
	line("analyst", "%s", q.Analyst)
	line("table", "%s of %s", q.Table, strings.Join(markedNames(q.Departments, q.Keys, pinned), ", "))
	b.WriteString(seatLines("keys", q.Keys, pinned))
	if q.Certificate != "" {
		line("certificate", "%s", q.Certificate)
	}
	b.WriteString("\n" + timeline(events))
	return b.String()
}
