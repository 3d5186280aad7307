package api

import (
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"time"

	"parley/engine/policy"
	"parley/node/login"
	"parley/protocols"
)

// maxCertificateBytes bounds a certificate that is to be verified.
const maxCertificateBytes = protocols.MaxCertificateBytes

// Session is a login that lasts a while.
type Session struct {
	Token  string    `json:"token"` // for the header Authorization: Bearer
	Ends   time.Time `json:"ends"`
	Person string    `json:"person"` // peer id
}

// person is somebody who has logged in, as far as this door keeps account of it.
type person struct {
	peer  string
	desk  Desk
	token string // by which the request came

	*account
}

// account is kept of a person between requests.
type account struct {
	mu        sync.Mutex
	requests  int
	streams   int
	verifying bool
	questions []*question // the oldest first
	keys      map[string]*key
}

// enter counts a request; false where there are too many of the person.
func (a *account) enter(stream bool) (leave func(), ok bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	n, most := &a.requests, MaxRequests
	if stream {
		n, most = &a.streams, MaxStreams
	}
	if *n >= most {
		return nil, false
	}
	*n++
	return func() {
		a.mu.Lock()
		defer a.mu.Unlock()
		*n--
	}, true
}

// guarded keeps out what no program of this door's users sends: calls by other names, which a page elsewhere could have made this
// machine's (DNS rebinding), and calls from pages of other origins. There is nothing that a browser sends along by itself: passwords and
// certificates count at POST /v1/sessions alone, and no cookie is set.
func (s *Server) guarded(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Cache-Control", "no-store")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Referrer-Policy", "no-referrer")
		switch {
		case r.TLS == nil:
			s.fail(w, r, refuse(http.StatusForbidden, "tls", "this door speaks over TLS alone", ""))
		case !s.hosts[hostOf(r.Host)]:
			s.fail(w, r, refuse(http.StatusMisdirectedRequest, "host", "this door is not called by that name", "use a name that its certificate has"))
		case !sameOrigin(r):
			s.fail(w, r, refuse(http.StatusForbidden, "origin", "this door answers no pages of other origins", ""))
		default:
			next.ServeHTTP(w, r)
		}
	})
}

// hostOf is a Host header without its port.
func hostOf(host string) string {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	host = strings.TrimSuffix(strings.TrimPrefix(host, "["), "]")
	if ip, err := netip.ParseAddr(host); err == nil {
		return ip.String()
	}
	return strings.ToLower(host)
}

// sameOrigin reports whether a browser says that a page of this very origin asks, or its user; programs that are no browser say nothing.
func sameOrigin(r *http.Request) bool {
	if site := r.Header.Get("Sec-Fetch-Site"); site != "" && site != "same-origin" && site != "none" {
		return false
	}
	values := r.Header.Values("Origin")
	if len(values) == 0 {
		return true
	}
	origin, err := url.Parse(values[0])
	return len(values) == 1 && err == nil && origin.Scheme == "https" && origin.Host != "" && strings.EqualFold(origin.Host, r.Host)
}

// who is the person whose token a request has, and who may still use the door.
func (s *Server) who(r *http.Request) (*person, error) {
	values := r.Header.Values("Authorization")
	if len(values) != 1 {
		return nil, login.ErrToken
	}
	scheme, token, _ := strings.Cut(values[0], " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return nil, login.ErrToken
	}
	peer, err := s.tokens.Person(token)
	if err != nil {
		return nil, err
	}
	desk, ok := s.people.Desk(peer)
	if !ok {
		s.tokens.EndAll(peer)
		return nil, login.ErrToken
	}
	if refused := desk.Standing(); refused != nil { // revoked meanwhile
		s.tokens.EndAll(peer)
		p, _ := problemOf(refused, policy.English)
		p.Status = http.StatusForbidden
		return nil, p
	}
	return &person{peer: peer, desk: desk, token: token, account: s.account(peer)}, nil
}

// account is that of a person.
func (s *Server) account(peer string) *account {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.accounts[peer] == nil {
		s.accounts[peer] = &account{keys: map[string]*key{}}
	}
	return s.accounts[peer]
}

// logIn gives a token for a password (Basic) or the certificate of the connection.
func (s *Server) logIn(w http.ResponseWriter, r *http.Request, _ *person) error {
	if err := empty(r); err != nil {
		return err
	}
	peer, err := s.proved(r)
	if err != nil {
		return err
	}
	desk, ok := s.people.Desk(peer)
	if !ok {
		return login.ErrWrong
	}
	if refused := desk.Standing(); refused != nil {
		p, _ := problemOf(refused, policy.English)
		p.Status = http.StatusForbidden
		return p
	}
	token, ends := s.tokens.Issue(peer)
	write(w, http.StatusCreated, Session{Token: token, Ends: ends.UTC(), Person: peer})
	return nil
}

// proved is the peer id of who shows that it is somebody. The password is looked at where one is sent; else the certificate, which
// names its person itself.
func (s *Server) proved(r *http.Request) (peer string, err error) {
	from := remote(r)
	if len(r.Header.Values("Authorization")) > 0 {
		name, password, ok := r.BasicAuth()
		if !ok || len(r.Header.Values("Authorization")) != 1 {
			return "", login.ErrWrong
		}
		if err := s.o.Guard.Password(r.Context(), name, password, from); err != nil {
			s.o.Log.Warn("a login failed", "from", login.Place(from), "error", err.Error())
			return "", err
		}
		if peer, ok = s.people.Peer(name); !ok {
			return "", login.ErrWrong
		}
		return peer, nil
	}
	if r.TLS == nil || len(r.TLS.PeerCertificates) != 1 {
		return "", login.ErrWrong
	}
	name := r.TLS.PeerCertificates[0].Subject.CommonName
	if !s.o.Guard.Certificate(name, r.TLS, s.o.Now()) {
		return "", login.ErrWrong
	}
	peer, ok := s.people.Peer(name)
	if !ok {
		return "", login.ErrWrong
	}
	return peer, nil
}

// remote is where a request comes from. No header counts: whoever is before this door could say anything.
func remote(r *http.Request) netip.Addr {
	if at, err := netip.ParseAddrPort(r.RemoteAddr); err == nil {
		return at.Addr()
	}
	return netip.IPv4Unspecified() // counted as one place, which is not the loopback
}

// logOut ends the token by which it is asked.
func (s *Server) logOut(w http.ResponseWriter, _ *http.Request, p *person) error {
	s.tokens.End(p.token)
	w.WriteHeader(http.StatusNoContent)
	return nil
}
