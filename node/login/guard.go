package login

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"hash/maphash"
	"net/netip"
	"sync"
	"time"

	"parley/node/scram"
)

const (
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
	// Verifier is what is kept of a name's password.
	Verifier(name string) (scram.Verifier, bool)
	// Certified reports whether a certificate shows that who holds it is the person of that name.
	Certified(name string, c *x509.Certificate) bool
}

// Limits bound wrong passwords within a minute, as they do at the PostgreSQL door.
type Limits struct {
	FailuresPerUser    int // of one name from one place
	FailuresPerAddress int // of all names from one place other than the loopback
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
	users     *budget[userAt]
	addresses *budget[string]
	checking  chan struct{} // holds one: of many at once no more are looked at than of many in turn
	room      chan struct{}
}

// NewGuard makes one. secret is random and stays the same between starts (scram.Fake); now is the clock, nil is time.Now.
func NewGuard(people People, secret []byte, limits Limits, now func() time.Time) *Guard {
	if now == nil {
		now = time.Now
	}
	return &Guard{people: people, secret: secret, limits: limits, users: newBudget[userAt](time.Minute, now), addresses: newBudget[string](time.Minute, now),
		checking: make(chan struct{}, 1), room: make(chan struct{}, MaxChecks)}
}

// Password checks a password. It costs the same whether or not the name exists. The error is one of those above, or ctx's.
func (g *Guard) Password(ctx context.Context, name, password string, from netip.Addr) error {
	who := userAt{name, Place(from)}
	if g.tired(who, from) {
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
	if g.tired(who, from) { // by now
		return ErrTired
	}
	if g.matches(name, password) {
		return nil
	}
	g.users.take(who, g.limits.FailuresPerUser)
	if !Loopback(from) {
		g.addresses.take(who.place, g.limits.FailuresPerAddress)
	}
	return ErrWrong
}

// matches looks at a password. What scram.New would refuse costs as much as what is merely wrong.
func (g *Guard) matches(name, password string) bool {
	verifier, known := scram.Verifier{}, false
	if name != "" && len(name) <= MaxNameBytes {
		verifier, known = g.people.Verifier(name)
	}
	if !known {
		verifier = scram.Fake(g.secret, name)
	}
	return verifier.Matches(password)
}

// tired reports whether passwords of a name from a place are not looked at.
func (g *Guard) tired(who userAt, from netip.Addr) bool {
	return g.users.spent(who, g.limits.FailuresPerUser) || !Loopback(from) && g.addresses.spent(who.place, g.limits.FailuresPerAddress)
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

// counted is how many counters a budget has. Names that strangers make up share them, so that they cost no memory.
const counted = 4096

// budget counts events by key, within windows of time.
type budget[K comparable] struct {
	window time.Duration
	now    func() time.Time
	seed   maphash.Seed // so that nobody chooses whose counter to share

	mu    sync.Mutex
	cells [counted]struct {
		window int64
		events int32
	}
}

func newBudget[K comparable](window time.Duration, now func() time.Time) *budget[K] {
	return &budget[K]{window: window, now: now, seed: maphash.MakeSeed()}
}

// events is the counter of a key in the present window; b.mu is held.
func (b *budget[K]) events(key K) *int32 {
	cell := &b.cells[maphash.Comparable(b.seed, key)%counted]
	if now := b.now().UnixNano() / int64(b.window); cell.window != now {
		cell.window, cell.events = now, 0
	}
	return &cell.events
}

// take counts an event, up to the limit.
func (b *budget[K]) take(key K, limit int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if n := b.events(key); int(*n) < limit {
		*n++
	}
}

// spent reports whether there were as many as the limit.
func (b *budget[K]) spent(key K, limit int) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return int(*b.events(key)) >= limit
}
