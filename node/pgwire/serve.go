package pgwire

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"

	"github.com/jackc/pgx/v5/pgproto3"
)

// Bounds on what a session can make the door keep.
const (
	// maxStatements and maxStatementBytes bound the prepared statements of a session, and their texts together.
	maxStatements, maxStatementBytes = 1_000, 4 << 20
	// maxPortals bounds the portals of a session.
	maxPortals = 100
	// maxParameters bounds those of a statement.
	maxParameters = 4_096
	// maxHeld, maxHeldPerUser and maxHeldOverall bound what portals hold, arguments and rows that were not asked for yet: of a
	// session, of a user's and of all sessions of this process. The latter two count results that are being read, too.
	maxHeld, maxHeldPerUser, maxHeldOverall = 64 << 20, 192 << 20, 512 << 20
	// flushBytes is how much is written at once, about.
	flushBytes = 64 << 10
)

// overall is what portals of all sessions hold, and results while clients read them.
var overall = NewAllowance(maxHeldOverall, maxHeldPerUser)

// talk is the protocol of one session, after its login.
type talk struct {
	ctx context.Context
	c   *conn
	s   Session

	statements map[string]*prepared // "" is the unnamed one
	texts      int                  // bytes of their texts
	portals    map[string]*portal
	held       int  // bytes that portals hold
	skipping   bool // an error was answered: what comes up to the next Sync is not looked at

	unsent int // bytes that wait to be written, about
	values results
}

// serve answers a client's messages until it leaves, its connection breaks (an error) or it breaks the protocol (08P01, an error).
func serve(ctx context.Context, c *conn, s Session) error {
	t := &talk{ctx: ctx, c: c, s: s, statements: map[string]*prepared{}, portals: map[string]*portal{}}
	defer t.dropPortals()
	if err := t.ready(); err != nil {
		return err
	}
	for {
		m, err := c.backend.Receive()
		if err != nil {
			return t.unreadable(err)
		}
		if _, leaves := m.(*pgproto3.Terminate); leaves {
			return nil
		}
		if err := t.answer(m); err != nil {
			return err
		}
	}
}

// unreadable tells a client that what it sent cannot be read, unless nothing was: a stream whose messages are not
// understood is not read any further.
func (t *talk) unreadable(err error) error {
	var network net.Error
	if t.c.isEnding() || errors.Is(err, io.ErrUnexpectedEOF) || errors.As(err, &network) || t.c.broken != nil {
		return err
	}
	told := &Error{Code: "08P01", Message: "invalid message"}
	var long *pgproto3.ExceededMaxBodyLenErr
	if errors.As(err, &long) {
		told = &Error{Code: "08P01", Message: fmt.Sprintf("a message of %d bytes is longer than the %d that are read", long.ActualBodyLen, long.MaxExpectedBodyLen)}
	}
	t.c.fatal(told)
	return err
}

// answer answers a message. An error ends the session.
func (t *talk) answer(m pgproto3.FrontendMessage) error {
	if _, ok := m.(*pgproto3.Sync); ok {
		t.skipping = false
		return t.synced()
	}
	if t.skipping {
		return nil
	}
	switch m := m.(type) {
	case *pgproto3.Query:
		return t.query(m.String)
	case *pgproto3.FunctionCall:
		if err := t.fail(&Error{Code: "0A000", Message: "function calls by message are not supported", Hint: "Use SELECT."}, 0); err != nil {
			return err
		}
		return t.synced()
	case *pgproto3.CopyData, *pgproto3.CopyDone, *pgproto3.CopyFail:
		return nil // a client may still be sending what it began to before it was refused
	case *pgproto3.Flush:
		return t.flush()
	}
	var err error
	offset := 0
	switch m := m.(type) {
	case *pgproto3.Parse:
		offset, err = t.parse(m)
	case *pgproto3.Bind:
		err = t.bind(m)
	case *pgproto3.Describe:
		offset, err = t.describe(m)
	case *pgproto3.Execute:
		offset, err = t.execute(m)
	case *pgproto3.Close:
		err = t.close(m)
	default:
		told := &Error{Code: "08P01", Message: fmt.Sprintf("a message of kind %T is not expected here", m)}
		t.c.fatal(told)
		return told
	}
	if err != nil {
		t.skipping = true
		return t.fail(err, offset)
	}
	return nil
}

// synced ends what was sent so far: portals end with a transaction, be it that of this unit alone.
func (t *talk) synced() error {
	t.s.Sync()
	if t.s.State() == Idle {
		t.dropPortals()
	}
	return t.ready()
}

// ready tells the client that it may ask.
func (t *talk) ready() error {
	t.c.backend.Send(&pgproto3.ReadyForQuery{TxStatus: byte(t.s.State())})
	return t.flush()
}

// lost is an error that ends the session: the client cannot be told anything any more.
type lost struct{ error }

// fail tells the client of an error of a statement that begins offset characters into its text, and the session as well. It returns
// an error only where the client cannot be told.
func (t *talk) fail(err error, offset int) error {
	if gone, ok := err.(lost); ok {
		return gone.error
	}
	var told *Error
	if !errors.As(err, &told) {
		t.c.log.Error("a statement failed", "error", err)
		told = &Error{Code: "XX000", Message: "internal error"}
	}
	before := t.s.State()
	t.s.Failed()
	if t.s.State() == Idle {
		t.dropPortals()
	} else if before != Aborted {
		for _, p := range t.portals {
			t.empty(p)
		}
	}
	t.c.backend.Send(errorResponse("ERROR", told, offset))
	return t.flush()
}

// send sends a message, in time with those that wait.
func (t *talk) send(m pgproto3.BackendMessage) error {
	t.c.backend.Send(m)
	if t.unsent += weight(m); t.unsent < flushBytes {
		return nil
	}
	if err := t.flush(); err != nil {
		return lost{err}
	}
	return nil
}

// flush writes what waits.
func (t *talk) flush() error {
	t.unsent = 0
	return t.c.backend.Flush()
}

// weight is about the length of a message in bytes.
func weight(m pgproto3.BackendMessage) int {
	n := 32
	switch m := m.(type) {
	case *pgproto3.DataRow:
		for _, v := range m.Values {
			n += 4 + len(v)
		}
	case *pgproto3.CopyData:
		n += len(m.Data)
	case *pgproto3.RowDescription:
		for _, f := range m.Fields {
			n += 19 + len(f.Name)
		}
	case *pgproto3.ParameterDescription:
		n += 4 * len(m.ParameterOIDs)
	}
	return n
}

// during calls f with a context that ends with the client's wish, and gives f's error, or why the context ended where f
// refuses nothing itself.
func (t *talk) during(f func(context.Context) error) error {
	ctx, done := t.c.running(t.ctx)
	defer done()
	err := f(ctx)
	if err == nil {
		return nil
	}
	cause := context.Cause(ctx)
	if cause == ErrGone {
		return lost{ErrGone}
	}
	var told, why *Error
	if errors.As(err, &told) || !errors.As(cause, &why) {
		return err
	}
	if !errors.Is(err, context.Canceled) {
		t.c.log.Warn("a statement that was cancelled failed", "error", err)
	}
	return why
}
