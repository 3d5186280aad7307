package pgwire

import (
	"crypto/rand"
	"crypto/subtle"
	"encoding/binary"
	"hash/maphash"
	"net"
	"net/netip"
	"sync"
	"time"
)

// Lengths of the secret by which a session's statements are cancelled, in bytes: of the protocol until 3.2, and from there on.
const shortKey, longKey = 4, 32

// newKey is the secret of a session.
func newKey(version uint32) []byte {
	key := make([]byte, shortKey)
	if version >= version32 {
		key = make([]byte, longKey)
	}
	rand.Read(key) // never fails (crypto/rand)
	return key
}

// heed does what a CancelRequest asks for where it knows the session's secret. It is never answered. Whoever has sent too
// many wrong secrets is not heard for a second; the long ones, which nobody guesses, are.
func (s *Server) heed(from net.Addr, body []byte) {
	key := place(addressOf(from).Addr())
	if len(body) < 4+shortKey || len(body) != 4+longKey && s.cancels.spent(key, s.limits.CancelsPerAddress) {
		s.count.cancelsRefused.Add(1)
		return
	}
	process, secret := binary.BigEndian.Uint32(body), body[4:]
	s.mu.Lock()
	l := s.sessions[process]
	s.mu.Unlock()
	if l == nil || subtle.ConstantTimeCompare(l.key, secret) != 1 {
		s.count.cancelsRefused.Add(1)
		if s.cancels.take(key, s.limits.CancelsPerAddress) {
			s.log.Warn("a request to cancel has the wrong secret", "from", key, "session", process)
		}
		return
	}
	s.count.cancels.Add(1)
	l.conn.interrupt(ErrCancelled)
}

// userAt is a user as somebody from a place says it.
type userAt struct {
	user  string
	place string
}

// place is where a connection comes from, as far as limits tell places apart: all of a loopback is one, and so is
// what an IPv6 network gives to one of its customers.
func place(a netip.Addr) string {
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

func loopback(a netip.Addr) bool { return place(a) == "loopback" }

// addressOf is a connection's other end; none where it is not of TCP.
func addressOf(a net.Addr) netip.AddrPort {
	if tcp, ok := a.(*net.TCPAddr); ok {
		return tcp.AddrPort()
	}
	return netip.AddrPort{}
}

// counted is how many counters a budget has. Names that strangers make up share them, so that they cost no memory.
const counted = 4096

// budget counts events of a kind by key, within windows of time.
type budget[K comparable] struct {
	window time.Duration
	seed   maphash.Seed // so that nobody chooses whose counter to share

	mu    sync.Mutex
	cells [counted]struct {
		window int64
		events int32
	}
}

func newBudget[K comparable](window time.Duration) *budget[K] {
	return &budget[K]{window: window, seed: maphash.MakeSeed()}
}

// events is the counter of a key in the present window.
func (b *budget[K]) events(key K) *int32 {
	cell := &b.cells[maphash.Comparable(b.seed, key)%counted]
	if now := time.Now().UnixNano() / int64(b.window); cell.window != now {
		cell.window, cell.events = now, 0
	}
	return &cell.events
}

// take counts an event, unless there were as many as the limit.
func (b *budget[K]) take(key K, limit int) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	n := b.events(key)
	if int(*n) >= limit {
		return false
	}
	*n++
	return true
}

// spent reports whether take would refuse.
func (b *budget[K]) spent(key K, limit int) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return int(*b.events(key)) >= limit
}
