package ledger

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"sync"
	"time"

	cmted25519 "github.com/cometbft/cometbft/crypto/ed25519"
	"github.com/cometbft/cometbft/p2p"
	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/protocol"
)

// consensusProtocol carries CometBFT's own transport, byte for byte.
const consensusProtocol protocol.ID = "/parley/consensus/1"

// punishment is how long a peer that presented another's key is not listened to.
const punishment = time.Minute

// tunnel carries CometBFT's connections through libp2p streams.
//
// CometBFT listens on a loopback port. A stream from a peer that may speak is
// joined to a connection to that port; to reach a peer, a port is opened for
// one connection, CometBFT is told to dial it, and the connection is joined to
// a stream. Each loopback address is remembered with the peer at its other end,
// so that a connection which the tunnel did not make is refused before any
// handshake, and one on which the key is not the stream's peer's, after it.
type tunnel struct {
	host  host.Host
	peers func() []peer.ID
	log   *slog.Logger
	own   p2p.ID

	ctx    context.Context
	cancel context.CancelFunc
	wg     sync.WaitGroup
	poke   chan struct{} // something changed: look at the peers now

	mu       sync.Mutex
	listener string // CometBFT's
	sw       p2p.Switcher
	allowed  map[peer.ID]p2p.ID
	routes   map[string]peer.ID // loopback address → who is at the other end
	streams  map[peer.ID]map[network.Stream]bool
	dials    map[peer.ID]*redial
	punished map[peer.ID]time.Time
}

// redial is the pause before a peer is dialled again.
type redial struct {
	running bool
	pause   time.Duration
	next    time.Time
}

// nodeID is CometBFT's name for a libp2p peer: of the same key.
func nodeID(id peer.ID) (p2p.ID, error) {
	key, err := id.ExtractPublicKey()
	if err != nil {
		return "", err
	}
	raw, err := key.Raw()
	if err != nil || len(raw) != ed25519.PublicKeySize {
		return "", fmt.Errorf("%s has no ed25519 key", id)
	}
	return p2p.PubKeyToID(cmted25519.PubKey(raw)), nil
}

func newTunnel(h host.Host, own p2p.ID, peers func() []peer.ID, log *slog.Logger) *tunnel {
	t := &tunnel{
		host: h, peers: peers, log: log, own: own,
		poke:   make(chan struct{}, 1),
		routes: map[string]peer.ID{}, streams: map[peer.ID]map[network.Stream]bool{},
		dials: map[peer.ID]*redial{}, punished: map[peer.ID]time.Time{},
	}
	t.ctx, t.cancel = context.WithCancel(context.Background())
	t.refresh()
	return t
}

// Start serves and dials, once CometBFT listens.
func (t *tunnel) Start(listener string, sw p2p.Switcher) {
	t.mu.Lock()
	t.listener, t.sw = listener, sw
	t.mu.Unlock()
	t.host.SetStreamHandler(consensusProtocol, t.serve)
	t.wg.Add(1)
	go t.run()
}

// Close cuts every stream and waits until nothing of the tunnel runs.
func (t *tunnel) Close() {
	t.host.RemoveStreamHandler(consensusProtocol)
	t.cancel()
	t.mu.Lock()
	for p := range t.streams {
		t.cut(p)
	}
	t.mu.Unlock()
	t.wg.Wait()
}

// Poke has the list of peers looked at now: those that left it are cut off.
func (t *tunnel) Poke() {
	select {
	case t.poke <- struct{}{}:
	default:
	}
}

func (t *tunnel) run() {
	defer t.wg.Done()
	watch := &network.NotifyBundle{ConnectedF: func(_ network.Network, c network.Conn) {
		t.mu.Lock()
		if d := t.dials[c.RemotePeer()]; d != nil {
			d.next, d.pause = time.Time{}, firstRedial
		}
		t.mu.Unlock()
		t.Poke()
	}}
	t.host.Network().Notify(watch)
	defer t.host.Network().StopNotify(watch)
	tick := time.NewTicker(reconcileTick)
	defer tick.Stop()
	for {
		t.refresh()
		t.dialMissing()
		select {
		case <-t.ctx.Done():
			return
		case <-t.poke:
		case <-tick.C:
		}
	}
}

// reader reports whether a peer may read: one that may speak, or another that
// readers names.
func (t *tunnel) reader(p peer.ID, readers func(peer.ID) bool) bool {
	t.mu.Lock()
	_, ok := t.allowed[p]
	t.mu.Unlock()
	if !ok {
		t.refresh()
		t.mu.Lock()
		_, ok = t.allowed[p]
		t.mu.Unlock()
	}
	return ok || (readers != nil && readers(p))
}

// refresh reads who may speak, and cuts off who may no longer.
func (t *tunnel) refresh() {
	list := t.peers()
	allowed := make(map[peer.ID]p2p.ID, len(list))
	for _, p := range list {
		if id, err := nodeID(p); err == nil && id != t.own && len(allowed) < maxPeers {
			allowed[p] = id
		}
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.allowed = allowed
	for p := range t.streams {
		if _, ok := allowed[p]; !ok {
			t.log.Info("a peer that may no longer speak consensus is cut off", "peer", p.String())
			t.cut(p)
		}
	}
	for p := range t.dials {
		if _, ok := allowed[p]; !ok && !t.dials[p].running {
			delete(t.dials, p)
		}
	}
	for p, until := range t.punished {
		if time.Now().After(until) {
			delete(t.punished, p)
		}
	}
}

// cut resets a peer's streams. With the lock held.
func (t *tunnel) cut(p peer.ID) {
	for s := range t.streams[p] {
		s.Reset()
	}
}

// enter registers a stream if its peer may speak and has few others.
func (t *tunnel) enter(s network.Stream) bool {
	p := s.Conn().RemotePeer()
	t.mu.Lock()
	defer t.mu.Unlock()
	_, ok := t.allowed[p]
	if !ok || t.ctx.Err() != nil || len(t.streams[p]) >= maxStreamsPeer || !t.punished[p].IsZero() {
		return false
	}
	if t.streams[p] == nil {
		t.streams[p] = map[network.Stream]bool{}
	}
	t.streams[p][s] = true
	t.wg.Add(1)
	return true
}

func (t *tunnel) leave(s network.Stream) {
	p := s.Conn().RemotePeer()
	t.mu.Lock()
	delete(t.streams[p], s)
	if len(t.streams[p]) == 0 {
		delete(t.streams, p)
	}
	t.mu.Unlock()
	s.Reset()
	t.Poke()
	t.wg.Done()
}

// serve joins a peer's stream to CometBFT's listener.
func (t *tunnel) serve(s network.Stream) {
	p := s.Conn().RemotePeer()
	t.mu.Lock()
	_, known := t.allowed[p]
	t.mu.Unlock()
	if !known {
		t.refresh() // it may have been added a moment ago
	}
	if !t.enter(s) {
		s.Reset()
		return
	}
	defer t.leave(s)
	// CometBFT's filter asks about the address as soon as it accepts; it waits
	// for the lock.
	t.mu.Lock()
	c, err := net.DialTimeout("tcp4", t.listener, dialTimeout)
	if err == nil {
		t.routes[c.LocalAddr().String()] = p
	}
	t.mu.Unlock()
	if err != nil {
		return
	}
	defer t.forget(c.LocalAddr().String())
	join(c, s)
}

func (t *tunnel) forget(address string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.routes, address)
}

// dialMissing dials the peers without a connection. Of two peers the one with
// the lower id dials, so that they never hold two connections.
func (t *tunnel) dialMissing() {
	t.mu.Lock()
	defer t.mu.Unlock()
	for p, id := range t.allowed {
		if t.own > id || t.sw.IsDialingOrExistingAddress(&p2p.NetAddress{ID: id}) || !t.punished[p].IsZero() {
			continue
		}
		d := t.dials[p]
		if d == nil {
			d = &redial{pause: firstRedial}
			t.dials[p] = d
		}
		if d.running || time.Now().Before(d.next) {
			continue
		}
		d.running = true
		t.wg.Add(1)
		go func() {
			defer t.wg.Done()
			err := t.dial(p, id)
			t.mu.Lock()
			d.running = false
			if err == nil {
				d.pause = firstRedial
			} else {
				d.pause = min(2*d.pause, lastRedial)
			}
			// Up to half as long again, so that nodes do not dial in step.
			d.next = time.Now().Add(d.pause + rand.N(d.pause/2))
			wait := time.Until(d.next)
			t.mu.Unlock()
			if err != nil && t.ctx.Err() == nil {
				t.log.Debug("consensus with a peer is not up", "peer", p.String(), "error", err.Error())
				time.AfterFunc(wait, t.Poke)
			}
		}()
	}
}

// dial opens a stream to a peer and has CometBFT connect through it.
func (t *tunnel) dial(p peer.ID, id p2p.ID) error {
	ctx, cancel := context.WithTimeout(t.ctx, dialTimeout)
	defer cancel()
	s, err := t.host.NewStream(ctx, p, consensusProtocol)
	if err != nil {
		return err
	}
	if !t.enter(s) {
		s.Reset()
		return errors.New("it may no longer speak")
	}
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.leave(s)
		return err
	}
	address := l.Addr().(*net.TCPAddr)
	t.mu.Lock()
	t.routes[address.String()] = p
	t.mu.Unlock()
	go func() { // enter has counted it
		defer t.leave(s)
		defer t.forget(address.String())
		l.(*net.TCPListener).SetDeadline(time.Now().Add(dialTimeout))
		c, err := l.Accept() // one connection; another stranger's finds the port closed
		l.Close()
		if err == nil {
			join(c, s)
		}
	}()
	return t.sw.DialPeerWithAddress(&p2p.NetAddress{ID: id, IP: address.IP, Port: uint16(address.Port)})
}

// join copies both ways until either end closes, then closes both.
func join(c net.Conn, s network.Stream) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		io.CopyBuffer(c, struct{ io.Reader }{s}, make([]byte, packetBytes))
		c.Close()
		s.Reset()
	}()
	io.CopyBuffer(s, struct{ io.Reader }{c}, make([]byte, packetBytes))
	c.Close()
	s.Reset()
	<-done
}

// admit answers CometBFT's filters: of a connection by its address, before any
// handshake, and of a peer by its id, after it.
func (t *tunnel) admit(kind, arg string) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if kind == "addr" {
		if _, ok := t.routes[arg]; !ok {
			return errors.New("no peer is behind this address")
		}
		return nil
	}
	for _, p := range t.routes {
		if t.allowed[p] == p2p.ID(arg) {
			return nil
		}
	}
	return errors.New("no stream of this peer")
}

// match checks that the key presented on a connection is the stream's peer's.
func (t *tunnel) match(id p2p.ID, address *p2p.NetAddress) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	p, ok := t.routes[address.DialString()]
	if !ok {
		return errors.New("the stream has ended")
	}
	if t.allowed[p] != id {
		t.log.Warn("a peer presented another's key", "peer", p.String(), "key", string(id))
		t.punished[p] = time.Now().Add(punishment)
		t.cut(p)
		return errors.New("the key is not the stream's peer's")
	}
	return nil
}

// guard is a CometBFT reactor without channels that lets a peer start only if
// its key is that of the libp2p peer behind its connection.
type guard struct {
	p2p.BaseReactor
	tunnel *tunnel
}

func newGuard(t *tunnel) *guard {
	g := &guard{tunnel: t}
	g.BaseReactor = *p2p.NewBaseReactor("Guard", g)
	return g
}

func (g *guard) InitPeer(p p2p.Peer) p2p.Peer {
	if err := g.tunnel.match(p.ID(), p.SocketAddr()); err != nil {
		return refusedPeer{p, err}
	}
	return p
}

// refusedPeer does not start, so that CometBFT drops it before a byte of it is
// read by a reactor.
type refusedPeer struct {
	p2p.Peer
	reason error
}

func (r refusedPeer) Start() error { return r.reason }

// peerID is the libp2p peer of a validator's key.
func peerID(key ed25519.PublicKey) (peer.ID, error) {
	k, err := crypto.UnmarshalEd25519PublicKey(key)
	if err != nil {
		return "", err
	}
	return peer.IDFromPublicKey(k)
}
