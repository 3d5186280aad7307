// Package api is the JSON door: what a person sees, asks and has been answered, over HTTPS, described by openapi.json. Behind it is the
// person's Desk of package door, as behind all doors (README.md).
package api

import (
	"context"
	"crypto/tls"
	_ "embed"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"parley/engine"
	"parley/node/audit"
	"parley/node/client"
	"parley/node/door"
	"parley/node/login"
	"parley/node/render"
)

// Desk is where a person asks: a *door.Desk is one.
type Desk interface {
	Standing() *client.QueryError
	Catalogue(ctx context.Context) (engine.Catalogue, error)
	Explained(ctx context.Context, sql string, o client.AskOptions) (*door.Explained, error)
	Ask(ctx context.Context, sql string, o client.AskOptions) (*client.Answer, error)
	Answers() []door.Kept
	Certificate(query string) ([]byte, error)
	Rights() ([]render.Grant, []render.Request)
	Events(keep func(*audit.Event) bool) []audit.Event
	State() door.NetworkState
	Verify(certificate []byte) (render.Verdict, error)
}

// People are those who may log in.
type People interface {
	login.People
	// Peer is whom a name stands for, by peer id.
	Peer(name string) (string, bool)
	// Desk is that of a person by peer id.
	Desk(peer string) (Desk, bool)
}

// Options are a server's.
type Options struct {
	Certificate tls.Certificate // with its Leaf: its names are those by which the door may be called
	Guard       *login.Guard    // that of the process: all doors count wrong passwords together
	Purpose     string          // of questions that say none
	Log         *slog.Logger    // nil: none
	Now         func() time.Time
}

// Server is the door. Serve has it take up connections.
type Server struct {
	people People
	o      Options
	hosts  map[string]bool
	tokens *login.Tokens
	routes http.Handler

	work      context.Context // of questions, which go on when a request has ended
	stop      context.CancelFunc
	asking    sync.WaitGroup
	verifying chan struct{}

	mu       sync.Mutex
	accounts map[string]*account
	ending   bool
}

//go:embed openapi.json
var document []byte

// New makes a server of people.
func New(people People, o Options) (*Server, error) {
	if o.Certificate.Leaf == nil || o.Guard == nil {
		return nil, errors.New("the door needs a certificate with its leaf, and a guard")
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	s := &Server{people: people, o: o, hosts: map[string]bool{}, tokens: login.NewTokens(0, o.Now), accounts: map[string]*account{},
		verifying: make(chan struct{}, MaxVerifications)}
	for _, name := range o.Certificate.Leaf.DNSNames {
		s.hosts[name] = true
	}
	for _, ip := range o.Certificate.Leaf.IPAddresses {
		s.hosts[ip.String()] = true
	}
	s.work, s.stop = context.WithCancel(context.Background())
	mux := http.NewServeMux()
	for _, r := range s.table() {
		mux.Handle(r.method+" "+r.path, s.served(r))
	}
	mux.Handle("/", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.fail(w, r, refuse(http.StatusNotFound, "not-found", "there is nothing here", "GET /v1/openapi.json describes what there is"))
	}))
	s.routes = s.guarded(mux)
	return s, nil
}

// Serve takes up connections until ctx ends. Then no new ones are, and what runs has a while to end; questions are withdrawn.
func (s *Server) Serve(ctx context.Context, l net.Listener) error {
	server := &http.Server{
		Handler: s.routes, ReadHeaderTimeout: headerTime, IdleTimeout: idleTime, MaxHeaderBytes: MaxHeaderBytes,
		ErrorLog: slog.NewLogLogger(s.o.Log.Handler(), slog.LevelDebug),
		TLSConfig: &tls.Config{Certificates: []tls.Certificate{s.o.Certificate}, MinVersion: tls.VersionTLS12, NextProtos: []string{"h2", "http/1.1"},
			ClientAuth: tls.RequestClientCert, SessionTicketsDisabled: true}, // who logs in by which certificate is the guard's to say
		BaseContext: func(net.Listener) context.Context { return s.work },
	}
	done := make(chan error, 1)
	go func() {
		done <- server.ServeTLS(door.Bounded(l, MaxConnections), "", "")
	}()
	var err error
	select {
	case err = <-done:
	case <-ctx.Done():
	}
	s.mu.Lock()
	s.ending = true
	s.mu.Unlock()
	s.stop()
	closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), endTime)
	defer cancel()
	if server.Shutdown(closing) != nil {
		server.Close()
	}
	s.asking.Wait()
	if errors.Is(err, http.ErrServerClosed) {
		err = nil
	}
	return err
}

// route is what a request does.
type route struct {
	method, path string
	open         bool // to everybody
	stream       bool // it ends when the client leaves
	upload       bool // its body is a certificate
	do           func(w http.ResponseWriter, r *http.Request, p *person) error
}

// table lists all routes. openapi.json describes each of them (TestDocument).
func (s *Server) table() []route {
	return []route{
		{method: "GET", path: "/v1/openapi.json", open: true, do: s.describe},
		{method: "POST", path: "/v1/sessions", open: true, do: s.logIn},
		{method: "DELETE", path: "/v1/sessions/current", do: s.logOut},
		{method: "GET", path: "/v1/status", do: s.status},
		{method: "GET", path: "/v1/catalogue", do: s.catalogue},
		{method: "POST", path: "/v1/explain", do: s.explain},
		{method: "POST", path: "/v1/questions", do: s.ask},
		{method: "GET", path: "/v1/questions", do: s.questions},
		{method: "GET", path: "/v1/questions/{id}", do: s.question},
		{method: "DELETE", path: "/v1/questions/{id}", do: s.withdraw},
		{method: "GET", path: "/v1/questions/{id}/events", stream: true, do: s.follow},
		{method: "GET", path: "/v1/answers", do: s.answers},
		{method: "GET", path: "/v1/answers/{query}/certificate", do: s.certificate},
		{method: "GET", path: "/v1/grants", do: s.grants},
		{method: "GET", path: "/v1/ledger", do: s.ledger},
		{method: "POST", path: "/v1/verify", upload: true, do: s.verify},
	}
}

// served is a route with who asks, and within the limits of that person.
func (s *Server) served(o route) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		limit, within := int64(MaxBodyBytes), bodyTime
		control := http.NewResponseController(w)
		if o.open {
			control.SetReadDeadline(time.Now().Add(within))
			r.Body = http.MaxBytesReader(w, r.Body, limit)
			if err := o.do(w, r, nil); err != nil {
				s.fail(w, r, err)
			}
			return
		}
		p, err := s.who(r)
		if err != nil {
			s.fail(w, r, err)
			return
		}
		leave, ok := p.enter(o.stream)
		if !ok {
			s.fail(w, r, errTooMany)
			return
		}
		defer leave()
		if o.upload {
			limit, within = maxCertificateBytes, uploadTime
		}
		control.SetReadDeadline(time.Now().Add(within))
		r.Body = &timed{http.MaxBytesReader(w, r.Body, limit), control}
		if o.stream {
			control.SetReadDeadline(time.Time{}) // otherwise it would end the stream
		}
		if err := o.do(w, r, p); err != nil {
			s.fail(w, r, err)
		}
	})
}

// timed is a body that has to arrive in time. Once it has, the time does not count any more: for net/http a deadline that passes
// while a request is served is a client that is gone.
type timed struct {
	io.ReadCloser
	control *http.ResponseController
}

func (t *timed) Read(b []byte) (int, error) {
	n, err := t.ReadCloser.Read(b)
	if err == io.EOF {
		t.control.SetReadDeadline(time.Time{})
	}
	return n, err
}

func (s *Server) describe(w http.ResponseWriter, _ *http.Request, _ *person) error {
	w.Header().Set("Content-Type", "application/json")
	http.NewResponseController(w).SetWriteDeadline(time.Now().Add(writeTime))
	w.Write(document)
	return nil
}

// soon is by when a client has to have taken what is written now.
func (s *Server) soon() time.Time { return time.Now().Add(writeTime) }
