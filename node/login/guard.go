package login

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/netip"
	"sync"
	"time"

	"parley/node/scram"
)

const (
	// MinSecret is the least length of a guard's secret, in bytes.
	MinSecret = 16
	// MaxNameBytes bounds a name that logs in.
	MaxNameBytes = 128
	// maxCertificateBytes bounds a client's certificate.
	maxCertificateBytes = 16 << 10
	// MaxChecks is how many passwords are being checked or wait for it; one more is refused at once, since each costs some hundredths of
	// a second of a processor.
	MaxChecks = 64
)

// The reasons why somebody is not let in. None tells whether the name exists.
var (
	ErrWrong = errors.New("the name or the password is wrong")
	ErrTired = errors.New("too many logins have failed: try again in a minute")
	ErrBusy  = errors.New("too many passwords are being checked: try again in a moment")
)

// People is who may log in.
type People interface {
	// Verifier is what is kept of a name's password; false of a name that is unknown or has none.
	Verifier(name string) (scram.Verifier, bool)
	// Certified reports whether a certificate is one by which the person of that name logs in. That the client holds its key, and when it
	// is in force, is checked already, and nothing else.
	Certified(name string, c *x509.Certificate) bool
}

// Limits are how many passwords may be wrong a minute before none is looked at until the minute is over. Certificates are looked at all
// the same.
type Limits struct {
	FailuresPerUser int // of one name from one place
	// FailuresPerAddress is that of all names from one place, unless that is the loopback address, where one user of a machine would
	// lock out the others.
	FailuresPerAddress int
}

// DefaultLimits are those of a door that is not told otherwise.
func DefaultLimits() Limits { return Limits{FailuresPerUser: 10, FailuresPerAddress: 60} }

// userAt is a name as somebody from a place says it.
type userAt struct{ user, place string }

// Guard checks passwords. Safe for concurrent use; all doors of a process share one, so that no door gives guesses that another refuses.
type Guard struct {
	people    People
	secret    []byte // of what is looked at for names that are not there
	limits    Limits
	users     *Budget[userAt]
	addresses *Budget[string]
	proving   sync.Mutex
	checking  chan struct{} // holds one: passwords are derived from in turn, of which each keeps a processor busy for a while
	room      chan struct{}
}

// NewGuard makes one. secret is random, of MinSecret bytes at least, and stays the same between starts: what nobody's password is checked
// against is made of it, and would else show who is known. now is the clock, nil is time.Now.
func NewGuard(people People, secret []byte, limits Limits, now func() time.Time) (*Guard, error) {
	switch {
	case len(secret) < MinSecret:
		return nil, fmt.Errorf("the doors' secret has %d bytes and needs %d", len(secret), MinSecret)
	case limits.FailuresPerUser <= 0 || limits.FailuresPerAddress <= 0:
		return nil, errors.New("a limit of wrong passwords is not set")
	}
	return &Guard{people: people, secret: secret, limits: limits, users: NewBudget[userAt](time.Minute, now), addresses: NewBudget[string](time.Minute, now),
		checking: make(chan struct{}, 1), room: make(chan struct{}, MaxChecks)}, nil
}

// Password checks a password. It costs the same whether or not the name exists. The error is one of those above, or ctx's.
func (g *Guard) Password(ctx context.Context, name, password string, from netip.Addr) error {
	if g.Tired(name, from) {
		return ErrTired
	}
	select {
	case g.room <- struct{}{}:
		defer func() { <-g.room }()
	default:
		return ErrBusy
	}
	select {
	case g.checking <- struct{}{}:
		defer func() { <-g.checking }()
	case <-ctx.Done():
		return ctx.Err()
	}
	right := g.Verifier(name).Matches(password) // what scram.New would refuse costs as much as what is merely wrong
	return g.Proof(name, from, func() error {
		if !right {
			return ErrWrong
		}
		return nil
	})
}

// Proof has look look at a proof that somebody knows a name's password (Verifier), which must be quick: one at a time, so that of many
// at once no more are told of than of many in turn. An error of look's is returned, and counts as a wrong password; the other is ErrTired.
func (g *Guard) Proof(name string, from netip.Addr, look func() error) error {
	g.proving.Lock()
	defer g.proving.Unlock()
	if g.Tired(name, from) { // by now
		return ErrTired
	}
	err := look()
	if err != nil {
		g.users.Take(userAt{name, Place(from)}, g.limits.FailuresPerUser)
		if !Loopback(from) {
			g.addresses.Take(Place(from), g.limits.FailuresPerAddress)
		}
	}
	return err
}

// Verifier is what a name's password is checked against. Of a name that nobody has, or that has no password, it is made up, and no
// password is right.
func (g *Guard) Verifier(name string) scram.Verifier {
	made := scram.Fake(g.secret, name) // either way, since it takes time
	if name == "" || len(name) > MaxNameBytes {
		return made
	}
	if verifier, known := g.people.Verifier(name); known {
		return verifier
	}
	return made
}

// Tired reports whether no password of a name from a place is looked at, right or wrong.
func (g *Guard) Tired(name string, from netip.Addr) bool {
	return g.users.Spent(userAt{name, Place(from)}, g.limits.FailuresPerUser) || !Loopback(from) && g.addresses.Spent(Place(from), g.limits.FailuresPerAddress)
}

// Certificate reports whether a connection's certificate is that of a name.
func (g *Guard) Certificate(name string, state *tls.ConnectionState, now time.Time) bool {
	if state == nil || name == "" || len(name) > MaxNameBytes || len(state.PeerCertificates) != 1 {
		return false
	}
	c := state.PeerCertificates[0]
	return len(c.Raw) <= maxCertificateBytes && !now.Before(c.NotBefore) && !now.After(c.NotAfter) && g.people.Certified(name, c)
}

// Place is where a connection comes from, as far as limits tell places apart: all of a loopback is one, and so is
// what an IPv6 network gives to one of its customers.
func Place(a netip.Addr) string {
	a = a.Unmap()
	if a.IsLoopback() || !a.IsValid() {
		return "loopback"
	}
	if a.Is6() {
		if p, err := a.WithZone("").Prefix(64); err == nil {
			return p.String()
		}
	}
	return a.String()
}

// Loopback reports whether a connection comes from this machine.
func Loopback(a netip.Addr) bool { return Place(a) == "loopback" }
