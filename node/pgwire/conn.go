package pgwire

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"os"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgproto3"
)

// Why the context of a statement ended: context.Cause gives these.
var (
	// ErrCancelled: the client asked for it, by CancelRequest. In PostgreSQL's words, which clients look for.
	ErrCancelled = &Error{Code: "57014", Message: "canceling statement due to user request"}
	// ErrEnding: the door ends.
	ErrEnding = &Error{Code: "57P01", Message: "the door is closing"}
	// ErrGone: the client is gone, and nobody will read the result.
	ErrGone = &Error{Code: "08006", Message: "the client is gone"}
)

// conn is one client's connection after its handshake. Its goroutine reads and writes; other goroutines cancel and end.
type conn struct {
	net.Conn // TLS. A write that the client does not take within Limits.WriteTime fails
	backend  *pgproto3.Backend
	log      *slog.Logger // names the session and its user
	user     string       // as it logged in
	process  uint32       // as BackendKeyData and pg_backend_pid say

	ahead  []byte // what was read while a statement ran
	broken error  // how that reading ended

	mu     sync.Mutex
	cancel context.CancelCauseFunc // of the statement that runs; nil when none does
	ending bool
}

// newConn takes a connection over from the handshake.
func newConn(secured net.Conn, process uint32, log *slog.Logger) *conn {
	c := &conn{Conn: secured, process: process, log: log}
	c.backend = pgproto3.NewBackend(c, c)
	c.backend.SetMaxBodyLen(maxMessageBytes)
	return c
}

// Read gives what was read ahead first.
func (c *conn) Read(p []byte) (int, error) {
	if len(c.ahead) > 0 {
		n := copy(p, c.ahead)
		if c.ahead = c.ahead[n:]; len(c.ahead) == 0 {
			c.ahead = nil
		}
		return n, nil
	}
	if c.broken != nil {
		return 0, c.broken
	}
	return c.Conn.Read(p)
}

// SetReadDeadline holds unless the door ends: then nothing more is read.
func (c *conn) SetReadDeadline(t time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ending {
		return nil
	}
	return c.Conn.SetReadDeadline(t)
}

// running gives the context of a statement, which ends early when the client cancels it (ErrCancelled), is gone (ErrGone)
// or the door ends (ErrEnding). Nothing may be read between the call and that of done, which is due at the statement's end.
func (c *conn) running(ctx context.Context) (_ context.Context, done func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	c.mu.Lock()
	c.cancel = cancel
	c.mu.Unlock()
	stop := c.watch(cancel)
	return ctx, func() {
		c.mu.Lock()
		c.cancel = nil
		c.mu.Unlock()
		stop()
		cancel(nil)
	}
}

// watch reads ahead, up to a bound, to notice that the client is gone.
func (c *conn) watch(cancel context.CancelCauseFunc) (stop func()) {
	ended := make(chan struct{})
	timer := time.AfterFunc(watchAfter, func() {
		defer close(ended)
		buffer := make([]byte, 4<<10)
		for len(c.ahead) < maxReadAhead && c.broken == nil {
			n, err := c.Conn.Read(buffer[:min(len(buffer), maxReadAhead-len(c.ahead))])
			c.ahead = append(c.ahead, buffer[:n]...)
			if errors.Is(err, os.ErrDeadlineExceeded) {
				return
			}
			if err != nil {
				c.broken = err
				cancel(ErrGone)
			}
		}
	})
	return func() {
		if timer.Stop() {
			return
		}
		c.SetReadDeadline(time.Unix(1, 0))
		<-ended
		c.SetReadDeadline(time.Time{})
	}
}

// interrupt cancels the statement that runs, if one does.
func (c *conn) interrupt(why *Error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.cancel != nil {
		c.cancel(why)
	}
}

// end lets nothing more be read, so that the session ends with the statement that runs.
func (c *conn) end() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ending = true
	c.Conn.SetReadDeadline(time.Unix(1, 0))
}

// isEnding reports whether end was called.
func (c *conn) isEnding() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.ending
}

// fatal tells the client why its connection ends.
func (c *conn) fatal(e *Error) error {
	c.backend.Send(errorResponse("FATAL", e, 0))
	return c.backend.Flush()
}

// errorResponse is an error as a message. offset is added to its position: the characters before the statement.
func errorResponse(severity string, e *Error, offset int) *pgproto3.ErrorResponse {
	m := &pgproto3.ErrorResponse{
		Severity: severity, SeverityUnlocalized: severity,
		Code: e.Code, Message: e.Message, Detail: e.Detail, Hint: e.Hint,
	}
	if e.Position > 0 {
		m.Position = int32(min(e.Position+offset, 1<<31-1))
	}
	return m
}

// noticeResponse is a notice as a message.
func noticeResponse(n Notice) *pgproto3.NoticeResponse {
	code := n.Code
	if code == "" {
		code = "00000"
		if n.Severity == "WARNING" {
			code = "01000"
		}
	}
	return &pgproto3.NoticeResponse{
		Severity: n.Severity, SeverityUnlocalized: n.Severity,
		Code: code, Message: n.Message, Detail: n.Detail, Hint: n.Hint,
	}
}

// sender is the door's Listener: what a session says goes into the connection's stream, notices at once.
type sender struct{ c *conn }

func (s sender) Notice(n Notice) {
	s.c.backend.Send(noticeResponse(n))
	s.c.backend.Flush() // one that fails fails again at the next message
}

func (s sender) Parameter(name, value string) {
	s.c.backend.Send(&pgproto3.ParameterStatus{Name: name, Value: value})
}
