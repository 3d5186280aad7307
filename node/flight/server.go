// Package flight is the Flight SQL door: questions and their answers over Arrow's protocol. Behind it is the person's Desk of package door,
// as behind all doors (README.md).
package flight

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"runtime/debug"
	"strings"
	"sync"
	"time"

	"github.com/apache/arrow/go/v17/arrow/flight"
	"github.com/apache/arrow/go/v17/arrow/flight/flightsql"
	"github.com/apache/arrow/go/v17/arrow/memory"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/status"

	"parley/engine"
	"parley/node/client"
	"parley/node/door"
	"parley/node/login"
)

// Desk is where a person asks: a *door.Desk is one.
type Desk interface {
	Standing() *client.QueryError
	Catalogue(ctx context.Context) (engine.Catalogue, error)
	Plan(ctx context.Context, sql string) ([]door.Column, error)
	Explain(ctx context.Context, sql string, o client.AskOptions) ([]string, error)
	Rows(ctx context.Context, table string) ([][]*string, error)
	Ask(ctx context.Context, sql string, o client.AskOptions) (*client.Answer, error)
}

// People are those who may log in.
type People interface {
	login.People
	// Peer is whom a name stands for, by peer id.
	Peer(name string) (string, bool)
	// Asking is the desk of a person by peer id.
	Asking(peer string) (Desk, bool)
}

// Options are a server's.
type Options struct {
	Certificate tls.Certificate
	Guard       *login.Guard // that of the process: all doors count wrong passwords together
	Purpose     string       // of questions that say none
	Log         *slog.Logger // nil: none
	Now         func() time.Time
}

// Server is the door. Serve has it take up connections.
type Server struct {
	flightsql.BaseServer
	people People
	o      Options
	tokens *login.Tokens
	grpc   *grpc.Server

	work   context.Context // of questions that go on when a call has ended
	stop   context.CancelFunc
	asking sync.WaitGroup

	mu       sync.Mutex
	accounts map[string]*account
	held     int64 // bytes of all answers that can be fetched
	ending   bool
}

// New makes a server of people.
func New(people People, o Options) (*Server, error) {
	if len(o.Certificate.Certificate) == 0 || o.Guard == nil {
		return nil, errors.New("the door needs a certificate and a guard")
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	s := &Server{people: people, o: o, tokens: login.NewTokens(0, o.Now), accounts: map[string]*account{}}
	s.Alloc = memory.DefaultAllocator // otherwise set by the first call, and by others at the same time
	if err := s.describe(); err != nil {
		return nil, err
	}
	s.work, s.stop = context.WithCancel(context.Background())
	secured := credentials.NewTLS(&tls.Config{Certificates: []tls.Certificate{o.Certificate}, MinVersion: tls.VersionTLS12,
		ClientAuth: tls.RequestClientCert, SessionTicketsDisabled: true}) // who logs in by which certificate is the guard's to say
	s.grpc = grpc.NewServer(grpc.Creds(secured), grpc.MaxRecvMsgSize(MaxMessageBytes), grpc.MaxHeaderListSize(MaxHeaderBytes),
		grpc.MaxConcurrentStreams(MaxStreams), grpc.ConnectionTimeout(handshakeTime),
		grpc.KeepaliveParams(keepalive.ServerParameters{MaxConnectionIdle: idleTime, Time: time.Minute, Timeout: 20 * time.Second}),
		grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{MinTime: pingTime, PermitWithoutStream: true}),
		grpc.UnaryInterceptor(s.unary), grpc.StreamInterceptor(s.stream))
	flight.RegisterFlightServiceServer(s.grpc, &handshaking{flightsql.NewFlightServer(s), s})
	return s, nil
}

// Serve takes up connections until ctx ends. Then no new ones are, and what runs has a while to end; questions are withdrawn.
func (s *Server) Serve(ctx context.Context, l net.Listener) error {
	done := make(chan error, 1)
	go func() { done <- s.grpc.Serve(door.Bounded(l, MaxConnections)) }()
	var err error
	select {
	case err = <-done:
	case <-ctx.Done():
	}
	s.mu.Lock()
	s.ending = true
	s.mu.Unlock()
	s.stop()
	ended := make(chan struct{})
	go func() { s.grpc.GracefulStop(); close(ended) }()
	select {
	case <-ended:
	case <-time.After(endTime):
		s.grpc.Stop()
		<-ended
	}
	s.asking.Wait()
	return err
}

// unary serves a call of one message, to who may call.
func (s *Server) unary(ctx context.Context, request any, info *grpc.UnaryServerInfo, next grpc.UnaryHandler) (out any, err error) {
	defer s.caught(info.FullMethod, &err)
	ctx, leave, err := s.enter(ctx)
	if err != nil {
		return nil, err
	}
	defer leave()
	out, err = next(ctx, request)
	return out, s.told(ctx, info.FullMethod, err)
}

// stream serves any other. A handshake is how somebody logs in.
func (s *Server) stream(srv any, stream grpc.ServerStream, info *grpc.StreamServerInfo, next grpc.StreamHandler) (err error) {
	defer s.caught(info.FullMethod, &err)
	if strings.HasSuffix(info.FullMethod, "/Handshake") {
		return s.told(stream.Context(), info.FullMethod, next(srv, stream))
	}
	ctx, leave, err := s.enter(stream.Context())
	if err != nil {
		return err
	}
	defer leave()
	return s.told(ctx, info.FullMethod, next(srv, &within{stream, ctx}))
}

// within is a stream with another context.
type within struct {
	grpc.ServerStream
	ctx context.Context
}

func (w *within) Context() context.Context { return w.ctx }

// caught makes a panic the end of its call alone.
func (s *Server) caught(method string, err *error) {
	if r := recover(); r != nil {
		s.o.Log.Error("a call ends by a fault of the door", "method", method, "panic", r, "stack", string(debug.Stack()))
		*err = status.Error(codes.Internal, "internal error")
	}
}
