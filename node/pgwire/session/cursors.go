package session

import (
	"context"
	"strconv"

	pg "github.com/pganalyze/pg_query_go/v6"

	"parley/node/pgwire"
)

// cursor is a result that FETCH gives in parts. It was whole when it was declared: a question is asked once.
type cursor struct {
	columns []pgwire.Column
	rows    []pgwire.Row
	bytes   int
	at      int // 1-based row that it stands on; 0 is before the first, one more than there are is behind the last
	hold    bool
	forward bool // NO SCROLL
	block   bool // declared in the block that is open
}

// The options of DECLARE, as the parser has them.
const (
	optionBinary   = 1
	optionNoScroll = 4
	optionHold     = 32
)

// cursorBytes is what cursors of all sessions hold.
var cursorBytes = pgwire.NewAllowance(MaxCursorBytesOverall, MaxCursorBytesPerUser)

// keepCursor opens a cursor, unless those of the session or of all sessions hold too much then.
func (s *session) keepCursor(name string, c *cursor) error {
	sum := c.bytes
	for _, other := range s.cursors {
		sum += other.bytes
	}
	if sum > MaxCursorBytes {
		return hinted(refuse("54000", "the cursors that are open hold more than %d bytes together", MaxCursorBytes), "CLOSE those that are not needed any more")
	}
	if !cursorBytes.Take(s.login.User, c.bytes) {
		return hinted(refuse("53400", "the cursors of your sessions, or of all, hold more than they may together"), "CLOSE those that are not needed any more, ask for the rows without a cursor, or try again.")
	}
	s.cursors[name] = c
	return nil
}

// dropCursor closes a cursor, if there is one of that name.
func (s *session) dropCursor(name string) {
	if c := s.cursors[name]; c != nil {
		cursorBytes.Give(s.login.User, c.bytes)
		delete(s.cursors, name)
	}
}

func (s *session) dropCursors() {
	for name := range s.cursors {
		s.dropCursor(name)
	}
}

// closeCursors closes those that end with a unit; of one that is rolled back also the held ones that it declared.
func (s *session) closeCursors(back bool) {
	for name, c := range s.cursors {
		if !c.hold || back && c.block {
			s.dropCursor(name)
		}
		c.block = false
	}
}

// declaring prepares DECLARE.
func (s *session) declaring(ctx context.Context, src source, d *pg.DeclareCursorStmt, declared []uint32) (*statement, error) {
	if d.Options&optionBinary != 0 {
		return nil, hinted(refuse("0A000", "binary cursors are not supported"), "a client that wants binary values asks for them when it binds")
	}
	within, node, err := src.inner(pg.Token_FOR)
	if err != nil {
		return nil, err
	}
	q, err := s.query(ctx, within, node, declared)
	if err != nil {
		return nil, s.refusal(err)
	}
	name, hold, forward := d.Portalname, d.Options&optionHold != 0, d.Options&optionNoScroll != 0
	return &statement{s: s, src: within, parameters: q.parameters(), run: func(ctx context.Context, arguments []pgwire.Value) (*pgwire.Result, error) {
		switch {
		case !hold && !s.inUnit():
			return nil, refuse("25P01", "DECLARE CURSOR can only be used in transaction blocks")
		case s.cursors[name] != nil:
			return nil, refuse("42P03", "cursor \"%s\" already exists", name)
		case len(s.cursors) >= MaxCursors:
			return nil, hinted(refuse("54000", "at most %d cursors are open at once", MaxCursors), "CLOSE those that are not needed any more")
		}
		rows, err := q.run(ctx, arguments)
		if err != nil {
			return nil, err
		}
		result, err := s.result(q, rows)
		if err != nil {
			return nil, err
		}
		c := &cursor{columns: result.Columns, rows: rows, bytes: sizeOf(rows), hold: hold, forward: forward, block: s.State() != pgwire.Idle}
		if err := s.keepCursor(name, c); err != nil {
			return nil, err
		}
		return &pgwire.Result{Tag: "DECLARE CURSOR"}, nil
	}}, nil
}

// fetching prepares FETCH and MOVE.
func (s *session) fetching(f *pg.FetchStmt) (*statement, error) {
	if s.cursors[f.Portalname] == nil {
		return nil, noCursor(f.Portalname)
	}
	out := &statement{s: s, untimed: true, columns: func() []pgwire.Column {
		if c := s.cursors[f.Portalname]; c != nil && !f.Ismove {
			return c.columns
		}
		return nil
	}}
	out.run = func(context.Context, []pgwire.Value) (*pgwire.Result, error) {
		c := s.cursors[f.Portalname]
		if c == nil {
			return nil, noCursor(f.Portalname)
		}
		rows, err := c.move(f.Direction, f.HowMany)
		if err != nil {
			return nil, err
		}
		if f.Ismove {
			return &pgwire.Result{Tag: "MOVE " + strconv.Itoa(len(rows))}, nil
		}
		return &pgwire.Result{Columns: c.columns, Rows: rows, Tag: "FETCH"}, nil
	}
	return out, nil
}

func noCursor(name string) error { return refuse("34000", "cursor \"%s\" does not exist", name) }

// move moves the cursor as PostgreSQL does, and gives the rows that it passes.
func (c *cursor) move(direction pg.FetchDirection, n int64) ([]pgwire.Row, error) {
	last := int64(len(c.rows))
	now := int64(c.at)
	switch direction {
	case pg.FetchDirection_FETCH_BACKWARD:
		direction, n = pg.FetchDirection_FETCH_FORWARD, -n
	case pg.FetchDirection_FETCH_ABSOLUTE:
		target := n
		if n < 0 {
			target = last + 1 + max(n, -last-1)
		}
		return c.to(target)
	case pg.FetchDirection_FETCH_RELATIVE:
		return c.to(now + min(max(n, -now), last+1-now))
	}
	switch {
	case n == 0:
		return c.to(now)
	case n < 0 && c.forward:
		return nil, errForward()
	case n < 0:
		n = max(n, -now) // −FETCH_ALL is the least number but one
		var rows []pgwire.Row
		for i := now - 1; i >= max(1, now+n); i-- {
			rows = append(rows, c.rows[i-1])
		}
		c.at = int(now + n)
		return rows, nil
	}
	end := now + min(n, last+1-now)
	c.at = int(end)
	if now >= last {
		return nil, nil
	}
	return c.rows[now:min(end, last)], nil
}

// to moves to a row, and gives it if there is one.
func (c *cursor) to(target int64) ([]pgwire.Row, error) {
	last := int64(len(c.rows))
	target = min(max(target, 0), last+1)
	if c.forward && target < int64(c.at) {
		return nil, errForward()
	}
	c.at = int(target)
	if target < 1 || target > last {
		return nil, nil
	}
	return c.rows[target-1 : target], nil
}

func errForward() error {
	return hinted(refuse("55000", "cursor can only scan forward"), "Declare it with SCROLL option to enable backward scan.")
}

// closing prepares CLOSE.
func (s *session) closing(c *pg.ClosePortalStmt) *statement {
	if c.Portalname == "" {
		return s.tagged("CLOSE CURSOR ALL", func(context.Context) error { s.dropCursors(); return nil })
	}
	return s.tagged("CLOSE CURSOR", func(context.Context) error {
		if s.cursors[c.Portalname] == nil {
			return noCursor(c.Portalname)
		}
		s.dropCursor(c.Portalname)
		return nil
	})
}
