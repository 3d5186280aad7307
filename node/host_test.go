package node

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/protocol"
	"github.com/multiformats/go-multiaddr"
)

const loopback = "/ip4/127.0.0.1/tcp/0"

var quiet = slog.New(slog.NewTextHandler(io.Discard, nil))

// testIdentity draws a key without a file.
func testIdentity(t *testing.T) Identity {
	t.Helper()
	id, err := CreateIdentity(filepath.Join(t.TempDir(), "key"))
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// testTransport starts a host on loopback that closes with the test.
func testTransport(t *testing.T, id Identity, allow *roles, o observer) *transport {
	t.Helper()
	h, err := newTransport(id, loopback, allow, quiet, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := h.Close(); err != nil {
			t.Error(err)
		}
	})
	return h
}

// knows tells a host where another one listens.
func knows(a, b *transport) {
	a.host.Peerstore().AddAddrs(b.host.ID(), b.host.Addrs(), time.Hour)
}

const echoProtocol protocol.ID = "/parley/test-echo/1"

func echo(_ context.Context, s *stream) error {
	b, err := s.Receive(100, time.Second)
	if err != nil {
		return err
	}
	return s.Send(b)
}

// A stranger gets no stream, whoever dials; an analyst none of a member's.
func TestStrangerIsRefused(t *testing.T) {
	server, friend, other := testIdentity(t), testIdentity(t), testIdentity(t)
	stranger := testIdentity(t)
	s := testTransport(t, server, newRoles(map[peer.ID]role{friend.peerID(): member, other.peerID(): analyst}), nil)
	s.Handle(echoProtocol, member, echo)
	all := newRoles(map[peer.ID]role{server.peerID(): member, friend.peerID(): member, stranger.peerID(): member, other.peerID(): member})
	ask := func(id Identity) error {
		h := testTransport(t, id, all, nil)
		knows(h, s)
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		c, err := h.Open(ctx, s.host.ID(), echoProtocol)
		if err != nil {
			return err
		}
		defer c.Abort()
		if err := c.Send([]byte("hello")); err != nil {
			return err
		}
		b, err := c.Receive(100, 2*time.Second)
		if err == nil && string(b) != "hello" {
			t.Errorf("echo of hello: %q", b)
		}
		return err
	}
	if err := ask(friend); err != nil {
		t.Errorf("a member was refused: %v", err)
	}
	if err := ask(stranger); err == nil {
		t.Error("a stranger was served")
	}
	if s.Connected(stranger.peerID()) {
		t.Error("a stranger stays connected")
	}
	if err := ask(other); err == nil {
		t.Error("an analyst was served what is for members")
	}
	h := testTransport(t, testIdentity(t), all, nil)
	knows(s, h)
	if _, err := s.Open(context.Background(), h.host.ID(), echoProtocol); err == nil {
		t.Error("the host dialled a stranger")
	}
}

func TestFrameLimits(t *testing.T) {
	a, b := testIdentity(t), testIdentity(t)
	allow := newRoles(map[peer.ID]role{a.peerID(): member, b.peerID(): member})
	var mu sync.Mutex
	var seen []string
	s := testTransport(t, a, allow, func(peer, _ string, outgoing bool, p []byte) {
		mu.Lock()
		defer mu.Unlock()
		seen = append(seen, string(p))
	})
	got := make(chan error, 1)
	s.Handle(echoProtocol, member, func(ctx context.Context, c *stream) error {
		err := echo(ctx, c)
		got <- err
		return err
	})
	c := testTransport(t, b, allow, nil)
	knows(c, s)
	call := func(payload []byte) ([]byte, error) {
		st, err := c.Open(context.Background(), s.host.ID(), echoProtocol)
		if err != nil {
			t.Fatal(err)
		}
		defer st.Abort()
		if err := st.Send(payload); err != nil {
			return nil, err
		}
		return st.Receive(100, 5*time.Second)
	}
	if _, err := call(make([]byte, 100)); err != nil || <-got != nil {
		t.Errorf("a frame at the limit: %v", err)
	}
	_, err := call(make([]byte, 101))
	var fault *faultError
	if served := <-got; err == nil || !errors.As(served, &fault) || fault.Peer != c.host.ID() {
		t.Errorf("a frame over the limit: %v, and the server says %v", err, served)
	}
	mu.Lock()
	defer mu.Unlock()
	if len(seen) != 2 || len(seen[0]) != 100 {
		t.Errorf("observed %d payloads", len(seen))
	}
}

// A peer that opens a stream and says nothing, or answers nothing, holds
// nobody up for longer than the deadline.
func TestSilentPeer(t *testing.T) {
	a, b := testIdentity(t), testIdentity(t)
	allow := newRoles(map[peer.ID]role{a.peerID(): member, b.peerID(): member})
	s := testTransport(t, a, allow, nil)
	s.Handle(echoProtocol, member, func(ctx context.Context, c *stream) error { <-ctx.Done(); return ctx.Err() })
	c := testTransport(t, b, allow, nil)
	knows(c, s)
	ctx, cancel := context.WithCancel(context.Background())
	st, err := c.Open(ctx, s.host.ID(), echoProtocol)
	if err != nil {
		t.Fatal(err)
	}
	start := time.Now()
	if _, err := st.Receive(100, 200*time.Millisecond); err == nil || time.Since(start) > 5*time.Second {
		t.Errorf("waited %v for a silent peer: %v", time.Since(start), err)
	}
	st, err = c.Open(ctx, s.host.ID(), echoProtocol)
	if err != nil {
		t.Fatal(err)
	}
	time.AfterFunc(100*time.Millisecond, cancel)
	if _, err := st.Receive(100, time.Minute); err == nil || time.Since(start) > 10*time.Second {
		t.Errorf("a cancelled context did not end the wait: %v", err)
	}
}

func TestPortInUse(t *testing.T) {
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, port, _ := net.SplitHostPort(l.Addr().String())
	address := "/ip4/127.0.0.1/tcp/" + port
	_, err = newTransport(testIdentity(t), address, newRoles(nil), quiet, nil)
	if err == nil || !strings.Contains(err.Error(), address) || !strings.Contains(err.Error(), "in use") {
		t.Errorf("%v", err)
	}
	// Two nodes, too: the transport must not share the port.
	first := testTransport(t, testIdentity(t), nil, nil)
	address = first.host.Addrs()[0].String()
	if _, err = newTransport(testIdentity(t), address, newRoles(nil), quiet, nil); err == nil || !strings.Contains(err.Error(), "in use") {
		t.Errorf("two nodes on %s: %v", address, err)
	}
	if _, err = newTransport(testIdentity(t), "/ip4/203.0.113.7/tcp/0", nil, quiet, nil); err == nil || !strings.Contains(err.Error(), "no such address") {
		t.Errorf("%v", err)
	}
}

// A peer that comes back is found again, also when it was away from the start.
func TestKeepReconnects(t *testing.T) {
	a, b := testIdentity(t), testIdentity(t)
	allow := newRoles(map[peer.ID]role{a.peerID(): member, b.peerID(): member})
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_, port, _ := net.SplitHostPort(l.Addr().String())
	l.Close()
	address := "/ip4/127.0.0.1/tcp/" + port
	dial, err := multiaddr.NewMultiaddr(address)
	if err != nil {
		t.Fatal(err)
	}
	s := testTransport(t, a, allow, nil)
	changes := make(chan bool, 100)
	s.Keep(peer.AddrInfo{ID: b.peerID(), Addrs: []multiaddr.Multiaddr{dial}}, func(up bool, _ error) { changes <- up })
	until := func(want bool) {
		t.Helper()
		for deadline := time.After(10 * time.Second); ; {
			select {
			case up := <-changes:
				if up == want {
					return
				}
			case <-deadline:
				t.Fatalf("connected never became %v", want)
			}
		}
	}
	until(false)
	for range 2 {
		c, err := newTransport(b, address, allow, quiet, nil)
		if err != nil {
			t.Fatal(err)
		}
		until(true)
		if err := c.Close(); err != nil {
			t.Error(err)
		}
		until(false)
	}
}
