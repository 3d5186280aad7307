package flight

import (
	"context"
	"encoding/base64"
	"errors"
	"net/netip"
	"strings"
	"sync"

	"github.com/apache/arrow/go/v17/arrow/flight"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/peer"
	"google.golang.org/grpc/status"

	"parley/node/login"
)

// person is somebody who has logged in.
type person struct {
	peer  string
	desk  Desk
	token string // by which the call came; "": by a certificate
	*account
}

// account is what is kept of a person between calls.
type account struct {
	mu       sync.Mutex
	calls    int
	runs     []*run // the oldest first
	prepared []*prepared
	options  map[string]values // of sessions, by token
}

type personKey struct{}

// caller is who calls.
func caller(ctx context.Context) *person { return ctx.Value(personKey{}).(*person) }

var (
	errLogin   = status.Error(codes.Unauthenticated, "log in: a name and password by Handshake, a token, or a certificate")
	errTooMany = status.Error(codes.ResourceExhausted, "too many calls of yours are being served: wait until some of them have ended")
)

// enter lets in who shows a token or a certificate of a person who may use the door, and counts the call.
func (s *Server) enter(ctx context.Context) (context.Context, func(), error) {
	id, token, err := s.shown(ctx)
	if err != nil {
		return nil, nil, s.told(ctx, "login", err)
	}
	desk, ok := s.people.Asking(id)
	if !ok {
		s.tokens.EndAll(id)
		return nil, nil, errLogin
	}
	if refused := desk.Standing(); refused != nil { // revoked meanwhile
		s.tokens.EndAll(id)
		return nil, nil, s.told(ctx, "login", refused)
	}
	p := &person{peer: id, desk: desk, token: token, account: s.account(id)}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.calls >= MaxCalls {
		return nil, nil, errTooMany
	}
	p.calls++
	return context.WithValue(ctx, personKey{}, p), func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.calls--
	}, nil
}

// shown is the peer id of who calls.
func (s *Server) shown(ctx context.Context) (id, token string, err error) {
	headers := metadata.ValueFromIncomingContext(ctx, "authorization")
	if len(headers) == 0 {
		id, err = s.certified(ctx)
		return id, "", err
	}
	scheme, token, _ := strings.Cut(headers[0], " ")
	if len(headers) != 1 || !strings.EqualFold(scheme, "Bearer") {
		return "", "", errLogin
	}
	id, err = s.tokens.Person(token)
	return id, token, err
}

// certified is the person of the connection's certificate, which names it itself.
func (s *Server) certified(ctx context.Context) (string, error) {
	from, ok := peer.FromContext(ctx)
	if !ok {
		return "", errLogin
	}
	secured, ok := from.AuthInfo.(credentials.TLSInfo)
	if !ok || len(secured.State.PeerCertificates) != 1 {
		return "", errLogin
	}
	name := secured.State.PeerCertificates[0].Subject.CommonName
	if !s.o.Guard.Certificate(name, &secured.State, s.o.Now()) {
		return "", errLogin
	}
	id, ok := s.people.Peer(name)
	if !ok {
		return "", errLogin
	}
	return id, nil
}

// account is that of a person.
func (s *Server) account(id string) *account {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.accounts[id] == nil {
		s.accounts[id] = &account{options: map[string]values{}}
	}
	return s.accounts[id]
}

// handshaking is Arrow's server, but that its own handshake looks at no password.
type handshaking struct {
	flight.FlightServer
	s *Server
}

// Handshake takes the name and password of the header `authorization: Basic`, whose base64 clients pad or do not, and gives a token in the
// header `authorization: Bearer`. Messages do not matter: some clients send none, some an empty one.
func (h *handshaking) Handshake(stream flight.FlightService_HandshakeServer) error {
	ctx, cancel := context.WithTimeout(stream.Context(), loginTime)
	defer cancel()
	name, password, ok := basic(metadata.ValueFromIncomingContext(ctx, "authorization"))
	if !ok {
		return errLogin
	}
	from := netip.IPv4Unspecified() // counted as one place, which is not the loopback
	if p, ok := peer.FromContext(ctx); ok {
		if at, err := netip.ParseAddrPort(p.Addr.String()); err == nil {
			from = at.Addr()
		}
	}
	if err := h.s.o.Guard.Password(ctx, name, password, from); err != nil {
		if errors.Is(err, login.ErrWrong) {
			h.s.o.Log.Warn("a login failed", "from", login.Place(from))
		}
		return err
	}
	id, ok := h.s.people.Peer(name)
	if !ok {
		return login.ErrWrong
	}
	desk, ok := h.s.people.Asking(id)
	if !ok {
		return login.ErrWrong
	}
	if refused := desk.Standing(); refused != nil {
		return refused
	}
	token, _ := h.s.tokens.Issue(id)
	if err := stream.SendHeader(metadata.Pairs("authorization", "Bearer "+token)); err != nil {
		return err
	}
	return stream.Send(&flight.HandshakeResponse{Payload: []byte(token)})
}

// basic reads a header of name and password.
func basic(headers []string) (name, password string, ok bool) {
	if len(headers) != 1 {
		return "", "", false
	}
	scheme, encoded, _ := strings.Cut(headers[0], " ")
	if !strings.EqualFold(scheme, "Basic") {
		return "", "", false
	}
	raw, err := base64.RawStdEncoding.Strict().DecodeString(strings.TrimRight(encoded, "="))
	if err != nil {
		return "", "", false
	}
	return strings.Cut(string(raw), ":")
}
