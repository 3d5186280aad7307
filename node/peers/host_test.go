package peers_test

import (
	"context"
	"errors"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/protocol"
	"github.com/multiformats/go-multiaddr"

	"parley/node/nodetest"
	"parley/node/peers"
)

const echoProtocol protocol.ID = "/parley/test-echo/1"

func echo(_ context.Context, s *peers.Stream) error {
	b, err := s.Receive(100, time.Second)
	if err != nil {
		return err
	}
	return s.Send(b)
}

// A stranger gets no stream, whoever dials; an analyst none of a member's.
func TestStrangerIsRefused(t *testing.T) {
	server, friend, other := nodetest.Identity(t), nodetest.Identity(t), nodetest.Identity(t)
	stranger := nodetest.Identity(t)
	s := nodetest.Host(t, server, peers.NewRoles(map[peer.ID]peers.Role{friend.ID(): peers.Member, other.ID(): peers.Person}), nil)
	s.Handle(echoProtocol, peers.Member, echo)
	all := peers.NewRoles(map[peer.ID]peers.Role{server.ID(): peers.Member, friend.ID(): peers.Member, stranger.ID(): peers.Member, other.ID(): peers.Member})
	ask := func(id peers.Identity) error {
		h := nodetest.Host(t, id, all, nil)
		nodetest.Knows(h, s)
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		c, err := h.Open(ctx, s.Libp2p.ID(), echoProtocol)
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
	if s.Connected(stranger.ID()) {
		t.Error("a stranger stays connected")
	}
	if err := ask(other); err == nil {
		t.Error("an analyst was served what is for members")
	}
	h := nodetest.Host(t, nodetest.Identity(t), all, nil)
	nodetest.Knows(s, h)
	if _, err := s.Open(context.Background(), h.Libp2p.ID(), echoProtocol); err == nil {
		t.Error("the host dialled a stranger")
	}
}

func TestFrameLimits(t *testing.T) {
	a, b := nodetest.Identity(t), nodetest.Identity(t)
	allow := peers.NewRoles(map[peer.ID]peers.Role{a.ID(): peers.Member, b.ID(): peers.Member})
	var mu sync.Mutex
	var seen []string
	s := nodetest.Host(t, a, allow, func(peer, _ string, outgoing bool, p []byte) {
		mu.Lock()
		defer mu.Unlock()
		seen = append(seen, string(p))
	})
	got := make(chan error, 1)
	s.Handle(echoProtocol, peers.Member, func(ctx context.Context, c *peers.Stream) error {
		err := echo(ctx, c)
		got <- err
		return err
	})
	c := nodetest.Host(t, b, allow, nil)
	nodetest.Knows(c, s)
	call := func(payload []byte) ([]byte, error) {
		st, err := c.Open(context.Background(), s.Libp2p.ID(), echoProtocol)
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
	var fault *peers.Fault
	if served := <-got; err == nil || !errors.As(served, &fault) || fault.Peer != c.Libp2p.ID() {
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
	a, b := nodetest.Identity(t), nodetest.Identity(t)
	allow := peers.NewRoles(map[peer.ID]peers.Role{a.ID(): peers.Member, b.ID(): peers.Member})
	s := nodetest.Host(t, a, allow, nil)
	s.Handle(echoProtocol, peers.Member, func(ctx context.Context, c *peers.Stream) error { <-ctx.Done(); return ctx.Err() })
	c := nodetest.Host(t, b, allow, nil)
	nodetest.Knows(c, s)
	ctx, cancel := context.WithCancel(context.Background())
	st, err := c.Open(ctx, s.Libp2p.ID(), echoProtocol)
	if err != nil {
		t.Fatal(err)
	}
	start := time.Now()
	if _, err := st.Receive(100, 200*time.Millisecond); err == nil || time.Since(start) > 20*time.Second {
		t.Errorf("waited %v for a silent peer: %v", time.Since(start), err)
	}
	st, err = c.Open(ctx, s.Libp2p.ID(), echoProtocol)
	if err != nil {
		t.Fatal(err)
	}
	time.AfterFunc(100*time.Millisecond, cancel)
	if _, err := st.Receive(100, time.Minute); err == nil || time.Since(start) > 40*time.Second {
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
	_, err = peers.NewHost(nodetest.Identity(t), address, peers.NewRoles(nil), nodetest.Quiet, nil)
	if err == nil || !strings.Contains(err.Error(), address) || !strings.Contains(err.Error(), "in use") {
		t.Errorf("%v", err)
	}
	// Two nodes, too: the transport must not share the port.
	first := nodetest.Host(t, nodetest.Identity(t), nil, nil)
	address = first.Libp2p.Addrs()[0].String()
	if _, err = peers.NewHost(nodetest.Identity(t), address, peers.NewRoles(nil), nodetest.Quiet, nil); err == nil || !strings.Contains(err.Error(), "in use") {
		t.Errorf("two nodes on %s: %v", address, err)
	}
	if _, err = peers.NewHost(nodetest.Identity(t), "/ip4/203.0.113.7/tcp/0", nil, nodetest.Quiet, nil); err == nil || !strings.Contains(err.Error(), "no such address") {
		t.Errorf("%v", err)
	}
}

// A peer that comes back is found again, also when it was away from the start.
func TestKeepReconnects(t *testing.T) {
	a, b := nodetest.Identity(t), nodetest.Identity(t)
	allow := peers.NewRoles(map[peer.ID]peers.Role{a.ID(): peers.Member, b.ID(): peers.Member})
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
	s := nodetest.Host(t, a, allow, nil)
	changes := make(chan bool, 100)
	s.Keep(peer.AddrInfo{ID: b.ID(), Addrs: []multiaddr.Multiaddr{dial}}, func(up bool, _ error) { changes <- up })
	until := func(want bool) {
		t.Helper()
		for deadline := time.After(time.Minute); ; {
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
		c, err := peers.NewHost(b, address, allow, nodetest.Quiet, nil)
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

// Who is not on a peer's list is told so, and dials it ever more seldom; once it is on the list it
// stays connected.
func TestKeepIsCutOff(t *testing.T) {
	if testing.Short() {
		t.Skip("takes seconds of a clock")
	}
	t.Parallel()
	member, stranger := nodetest.Identity(t), nodetest.Identity(t)
	s := nodetest.Host(t, member, nil, nil)
	c := nodetest.Host(t, stranger, peers.NewRoles(map[peer.ID]peers.Role{member.ID(): peers.Member}), nil)
	cuts, begun := make(chan time.Time, 100), time.Now()
	c.Keep(peer.AddrInfo{ID: member.ID(), Addrs: s.Libp2p.Addrs()}, func(_ bool, err error) {
		if errors.Is(err, peers.ErrCutOff) {
			cuts <- time.Now()
		}
	})
	for i, least := range []time.Duration{0, 200 * time.Millisecond, 600 * time.Millisecond} {
		select {
		case at := <-cuts:
			if at.Sub(begun) < least {
				t.Errorf("it was cut off for the %d. time after %v: it redials at once", i+1, at.Sub(begun))
			}
		case <-time.After(time.Minute):
			t.Fatal("it is not told that it is cut off")
		}
	}
	s.Roles.Set(stranger.ID(), peers.Member)
	for deadline := time.Now().Add(time.Minute); !s.Connected(stranger.ID()); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("a member stays cut off")
		}
	}
}
