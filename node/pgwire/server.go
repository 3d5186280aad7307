package pgwire

import (
	"container/list"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/time/rate"

	"parley/node/login"
	"parley/node/scram"
)

// Options are how a door is set up.
type Options struct {
	// Certificate is what the door shows, and what clients bind their proofs to.
	Certificate tls.Certificate
	// Guard says who may log in. It is that of the process: all doors count wrong passwords together.
	Guard  *login.Guard
	Log    *slog.Logger
	Limits Limits // none: DefaultLimits
}

// Server is a door that speaks PostgreSQL's protocol. Safe for concurrent use.
type Server struct {
	backend Backend
	tls     *tls.Config
	channel []byte // what clients bind to; nil: they cannot
	guard   *login.Guard
	log     *slog.Logger
	limits  Limits

	cancels *login.Budget[string]
	pace    *rate.Limiter // of connections
	count   counters

	mu        sync.Mutex
	strangers *list.List // of *stranger, the oldest first
	sessions  map[uint32]*live
	perUser   map[string]int
	last      uint32 // number of a session
	ending    bool
}

// stranger is a connection that has not logged in.
type stranger struct {
	raw   net.Conn
	place string
	entry *list.Element // in Server.strangers; nil once it is out of it
}

// live is a session.
type live struct {
	conn *conn
	raw  net.Conn
	user string
	key  []byte
}

type counters struct {
	logins, failed, refused, displaced, cancels, cancelsRefused atomic.Uint64
}

// Status is what a door has done since it began, and is doing.
type Status struct {
	Sessions  int `json:"sessions"`  // now
	Strangers int `json:"strangers"` // now: connections that have not logged in

	Logins         uint64 `json:"logins"`
	Failed         uint64 `json:"failed"`    // wrong passwords
	Refused        uint64 `json:"refused"`   // turned away for another reason that they were told
	Displaced      uint64 `json:"displaced"` // strangers that gave way to others
	Cancels        uint64 `json:"cancels"`
	CancelsRefused uint64 `json:"cancels_refused"`
}

// New makes a door. It fails where the certificate cannot be used or there is no guard.
func New(b Backend, o Options) (*Server, error) {
	if o.Guard == nil {
		return nil, errors.New("the door has no guard")
	}
	if len(o.Certificate.Certificate) == 0 || o.Certificate.PrivateKey == nil {
		return nil, errors.New("the door has no certificate to show")
	}
	leaf, err := x509.ParseCertificate(o.Certificate.Certificate[0])
	if err != nil {
		return nil, fmt.Errorf("the door's certificate: %w", err)
	}
	if o.Limits == (Limits{}) {
		o.Limits = DefaultLimits()
	}
	for name, limit := range o.Limits.all() {
		if limit <= 0 {
			return nil, fmt.Errorf("the door's limit %s is not set", name)
		}
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return &Server{
		backend: b, tls: tlsConfig(o.Certificate), channel: scram.EndPoint(leaf), guard: o.Guard, log: o.Log, limits: o.Limits,
		cancels: login.NewBudget[string](time.Second, nil),
		pace:    rate.NewLimiter(rate.Limit(o.Limits.ConnectionsPerSecond), o.Limits.ConnectionsPerSecond), strangers: list.New(), sessions: map[uint32]*live{}, perUser: map[string]int{},
	}, nil
}

// Status counts.
func (s *Server) Status() Status {
	s.mu.Lock()
	defer s.mu.Unlock()
	return Status{
		Sessions: len(s.sessions), Strangers: s.strangers.Len(),
		Logins: s.count.logins.Load(), Failed: s.count.failed.Load(), Refused: s.count.refused.Load(),
		Displaced: s.count.displaced.Load(), Cancels: s.count.cancels.Load(), CancelsRefused: s.count.cancelsRefused.Load(),
	}
}

// Serve takes up connections until the context ends; then it tells idle sessions so (57P01), gives statements that run
// Limits.EndTime, and returns nil when all have ended. A listener that fails ends the door likewise, with its error. It may
// be called for several listeners with the same context.
func (s *Server) Serve(ctx context.Context, l net.Listener) error {
	sessions, cut := context.WithCancel(context.WithoutCancel(ctx))
	defer cut()
	stop := context.AfterFunc(ctx, func() { l.Close() })
	defer stop()
	var serving sync.WaitGroup
	err := s.accept(ctx, l, func(raw net.Conn) {
		serving.Go(func() { s.handle(sessions, raw) })
	})
	l.Close()
	s.end(&serving, cut)
	return err
}

// accept takes up connections.
func (s *Server) accept(ctx context.Context, l net.Listener, take func(net.Conn)) error {
	for {
		if s.pace.Wait(ctx) != nil {
			return nil
		}
		raw, err := l.Accept()
		switch {
		case ctx.Err() != nil:
			if err == nil {
				raw.Close()
			}
			return nil
		case errors.Is(err, syscall.EMFILE) || errors.Is(err, syscall.ENFILE) || errors.Is(err, syscall.ENOBUFS) || errors.Is(err, syscall.ECONNABORTED):
			s.log.Error("no connection is taken up", "error", err)
			time.Sleep(100 * time.Millisecond)
		case err != nil:
			return err
		default:
			take(raw)
		}
	}
}

// handle sees a connection from its first byte to its last.
func (s *Server) handle(ctx context.Context, raw net.Conn) {
	defer raw.Close()
	defer func() {
		if r := recover(); r != nil { // one client's message ends no other's session
			s.log.Error("a connection ends by a fault of the door", "panic", r, "stack", string(debug.Stack()))
		}
	}()
	remote := addressOf(raw.RemoteAddr())
	who := s.admit(raw, login.Place(remote.Addr()))
	if who == nil {
		return
	}
	defer s.forget(who)
	late := time.AfterFunc(s.limits.LoginTime, func() { raw.Close() })
	defer late.Stop()

	wire := &timed{Conn: raw, limit: s.limits.WriteTime}
	secured, first, err := s.secure(wire)
	by := ""
	if err == nil {
		by, err = s.authenticate(secured, first, remote.Addr())
	}
	if err != nil {
		s.refuse(wire, secured, err)
		return
	}
	late.Stop()
	if !s.forget(who) {
		return
	}
	c, key, err := s.enter(first, secured, raw)
	if err != nil {
		s.refuse(wire, secured, err)
		return
	}
	defer s.leave(c.process)
	c.log.Info("a session begins", "by", by, "from", remote.String())
	began := time.Now()
	err = s.attend(ctx, c, first, remote, key)
	if errors.Is(err, os.ErrDeadlineExceeded) && !c.isEnding() {
		c.log.Warn("a client does not read what it is sent")
	}
	c.log.Info("a session ends", "took", time.Since(began).Round(time.Millisecond).String(), "error", err)
}

// refuse tells a connection why it is not served, where that can be told.
func (s *Server) refuse(plain net.Conn, secured *tls.Conn, err error) {
	var told *Error
	if !errors.As(err, &told) {
		if !errors.Is(err, errDone) {
			s.log.Debug("a connection ends before its login", "error", err)
		}
		return
	}
	s.count.refused.Add(1)
	to := plain
	if secured != nil {
		to = secured
		defer secured.Close()
	}
	send(to, errorResponse("FATAL", told, 0)) // the connection ends, whether or not that arrives
}
