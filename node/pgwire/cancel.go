package pgwire

import (
	"crypto/rand"
	"crypto/subtle"
	"encoding/binary"
	"net"
	"net/netip"

	"parley/node/login"
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
	key := login.Place(addressOf(from).Addr())
	if len(body) < 4+shortKey || len(body) != 4+longKey && s.cancels.Spent(key, s.limits.CancelsPerAddress) {
		s.count.cancelsRefused.Add(1)
		return
	}
	process, secret := binary.BigEndian.Uint32(body), body[4:]
	s.mu.Lock()
	l := s.sessions[process]
	s.mu.Unlock()
	if l == nil || subtle.ConstantTimeCompare(l.key, secret) != 1 {
		s.count.cancelsRefused.Add(1)
		if s.cancels.Take(key, s.limits.CancelsPerAddress) {
			s.log.Warn("a request to cancel has the wrong secret", "from", key, "session", process)
		}
		return
	}
	s.count.cancels.Add(1)
	l.conn.interrupt(ErrCancelled)
}

// addressOf is a connection's other end; none where it is not of TCP.
func addressOf(a net.Addr) netip.AddrPort {
	if tcp, ok := a.(*net.TCPAddr); ok {
		return tcp.AddrPort()
	}
	return netip.AddrPort{}
}
