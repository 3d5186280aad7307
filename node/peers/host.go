// Package peers is the network as a node and a client meet it: who one is (an ed25519 key), whom
// one talks to (an allow-list that follows the ledger), and framed, bounded streams to them over
// libp2p (node/README.md sections 1 and 2).
//
// It imports engine, for the canonical encoding, and disk, for the file of a key. Every room that
// speaks to another machine imports it.
package peers

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p"
	"github.com/libp2p/go-libp2p/core/control"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/peerstore"
	"github.com/libp2p/go-libp2p/core/protocol"
	"github.com/libp2p/go-libp2p/gologshim"
	rcmgr "github.com/libp2p/go-libp2p/p2p/host/resource-manager"
	"github.com/libp2p/go-libp2p/p2p/net/connmgr"
	"github.com/libp2p/go-libp2p/p2p/net/swarm"
	"github.com/libp2p/go-libp2p/p2p/security/noise"
	"github.com/libp2p/go-libp2p/p2p/transport/tcp"
	"github.com/multiformats/go-multiaddr"
)

// Limits of the transport. Peers are all on the allow-list, so that these hold
// against a faulty member or person, not against the internet.
const (
	maxPeers             = 384                           // on the allow-list: 128 members, and MaxPersons
	maxConnectionsPeer   = 4                             // simultaneous dials from both ends leave two for a moment
	maxConnections       = maxPeers * maxConnectionsPeer // so that persons leave the members theirs
	maxStreamsPeer       = 64
	maxStreams           = 2048
	maxTransportMemory   = 128 << 20 // yamux windows and buffers, all peers together
	maxPeerMemory        = 24 << 20
	DialTimeout          = 10 * time.Second
	firstRedial          = 200 * time.Millisecond
	lastRedial           = 15 * time.Second
	settled              = 2 * time.Second // a connection lasts at least as long with a peer that lets this node in
	handlerCloseDeadline = 5 * time.Second

	// MaxPersons bounds the persons on the allow-list: as many as one department may vouch for.
	MaxPersons = 256
)

// libp2p logs to standard error by itself what is returned as an error anyway.
// Whoever sets its own variable wants to see it.
func init() {
	if os.Getenv("GOLOG_LOG_LEVEL") == "" {
		gologshim.SetDefaultHandler(slog.DiscardHandler)
	}
}

// Role is what a peer may do here: each next one all that the one before it may.
type Role uint8

const (
	Stranger Role = iota // is cut off
	Leaving              // voted out; still a validator for a block or two, and nothing else
	Person               // may ask a node and read its ledger, and say what the ledger takes from it
	Member               // a department or an auditor
)

func (r Role) String() string {
	return [...]string{"stranger", "leaving", "person", "member"}[min(int(r), 3)]
}

// Roles is the allow-list, and libp2p's connection gater: a peer that is not
// on it is cut off as soon as the handshake shows who it is, before any
// stream. The members on it follow the ledger (admit, expel). Safe for
// concurrent use.
type Roles struct {
	mu sync.RWMutex
	m  map[peer.ID]Role
}

// NewRoles makes an allow-list of m, which is the list's own from then on; nil is nobody.
func NewRoles(m map[peer.ID]Role) *Roles {
	if m == nil {
		m = map[peer.ID]Role{}
	}
	return &Roles{m: m}
}

// Of is a peer's role.
func (r *Roles) Of(p peer.ID) Role {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return r.m[p]
}

// Set gives a peer its role; stranger takes it off the list. It reports
// whether that changed anything, and false when the list is full.
func (r *Roles) Set(p peer.ID, as Role) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	old, listed := r.m[p]
	switch {
	case old == as, !listed && len(r.m) >= maxPeers:
		return false
	case as == Stranger:
		delete(r.m, p)
	default:
		r.m[p] = as
	}
	return true
}

// With lists the peers of some roles.
func (r *Roles) With(as ...Role) []peer.ID {
	r.mu.RLock()
	defer r.mu.RUnlock()
	var out []peer.ID
	for p, have := range r.m {
		if slices.Contains(as, have) {
			out = append(out, p)
		}
	}
	slices.Sort(out)
	return out
}

func (r *Roles) size() int {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return len(r.m)
}

// InterceptPeerDial, like the four after it, implements libp2p's gater.
func (r *Roles) InterceptPeerDial(p peer.ID) bool                        { return r.Of(p) != Stranger }
func (r *Roles) InterceptAddrDial(p peer.ID, _ multiaddr.Multiaddr) bool { return r.Of(p) != Stranger }

// InterceptAccept lets any address try: who it is shows in the handshake. The
// resource manager bounds how many try at once.
func (r *Roles) InterceptAccept(network.ConnMultiaddrs) bool { return true }

func (r *Roles) InterceptSecured(_ network.Direction, p peer.ID, _ network.ConnMultiaddrs) bool {
	return r.Of(p) != Stranger
}

func (r *Roles) InterceptUpgraded(network.Conn) (bool, control.DisconnectReason) { return true, 0 }

// Observer sees each byte string that streams carry, as it is before it is encrypted.
type Observer func(peer, protocol string, outgoing bool, payload []byte)

// Host is a libp2p host that speaks to the peers on its allow-list only.
// TCP and Noise, nothing else: no relay, no discovery, no QUIC (whose buffers
// would take half of a node's memory).
type Host struct {
	Libp2p  host.Host // for what brings streams of its own, as the ledger does
	Roles   *Roles
	Log     *slog.Logger
	observe Observer

	ctx    context.Context // of the handlers and dialers
	cancel context.CancelFunc
	wg     sync.WaitGroup

	started time.Time
	mu      sync.Mutex
	lost    map[peer.ID]time.Time // when the last connection to a listed peer ended
}

// NewHost starts a host. An empty listen address makes one that only
// dials, as persons' clients do. A node adds where libp2p's figures go.
func NewHost(id Identity, listen string, allow *Roles, log *slog.Logger, o Observer, more ...libp2p.Option) (*Host, error) {
	if allow == nil {
		allow = NewRoles(nil) // nobody
	}
	if n := allow.size(); n > maxPeers {
		return nil, fmt.Errorf("%d peers are over the limit of %d", n, maxPeers)
	}
	key, err := id.libp2p()
	if err != nil {
		return nil, err
	}
	limits, err := resourceManager()
	if err != nil {
		return nil, fmt.Errorf("setting the transport's limits: %w", err)
	}
	connections, err := connmgr.NewConnManager(maxConnections, maxConnections*2)
	if err != nil {
		return nil, err
	}
	options := []libp2p.Option{
		libp2p.Identity(key),
		libp2p.NoTransports,
		// Without reuse of ports a second node on the same one is told so.
		libp2p.Transport(tcp.NewTCPTransport, tcp.DisableReuseport(), tcp.WithConnectionTimeout(DialTimeout)),
		libp2p.Security(noise.ID, noise.New),
		libp2p.ConnectionGater(allow),
		libp2p.ResourceManager(limits),
		libp2p.ConnectionManager(connections),
		libp2p.DisableRelay(),
		libp2p.DisableIdentifyAddressDiscovery(),
		libp2p.ForceReachabilityPrivate(),
		libp2p.Ping(false),
		libp2p.UserAgent("parley"),
		libp2p.WithDialTimeout(DialTimeout),
	}
	if options = append(options, more...); len(more) == 0 {
		options = append(options, libp2p.DisableMetrics())
	}
	if listen == "" {
		options = append(options, libp2p.NoListenAddrs)
	} else {
		options = append(options, libp2p.ListenAddrStrings(listen))
	}
	h, err := libp2p.New(options...)
	if err != nil {
		return nil, explainListen(listen, err)
	}
	t := &Host{Libp2p: h, Roles: allow, Log: log, observe: o, started: time.Now(), lost: map[peer.ID]time.Time{}}
	t.ctx, t.cancel = context.WithCancel(context.Background())
	h.Network().Notify(&network.NotifyBundle{DisconnectedF: t.noteLost})
	return t, nil
}

// noteLost notes since when a peer is not connected.
func (t *Host) noteLost(_ network.Network, c network.Conn) {
	p := c.RemotePeer()
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.Connected(p) {
		return // by another connection
	}
	if t.Roles.Of(p) == Stranger {
		delete(t.lost, p)
		return
	}
	t.lost[p] = time.Now()
}

// Away is how long a peer has not been connected, since this host started at most; 0 while it is.
// A process that ends is noticed at once. A machine or a network that falls silent is noticed when
// libp2p gives its connection up, after half a minute or more.
func (t *Host) Away(p peer.ID) time.Duration {
	if t.Connected(p) {
		return 0
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	since, ok := t.lost[p]
	if !ok {
		since = t.started
	}
	return max(time.Since(since), 1)
}

func resourceManager() (network.ResourceManager, error) {
	limits := rcmgr.PartialLimitConfig{
		System: rcmgr.ResourceLimits{
			Conns: maxConnections, ConnsInbound: maxConnections, ConnsOutbound: maxConnections, FD: maxConnections,
			Streams: maxStreams, StreamsInbound: maxStreams, StreamsOutbound: maxStreams,
			Memory: maxTransportMemory,
		},
		PeerDefault: rcmgr.ResourceLimits{
			Conns: maxConnectionsPeer, ConnsInbound: maxConnectionsPeer, ConnsOutbound: maxConnectionsPeer, FD: maxConnectionsPeer,
			Streams: maxStreamsPeer, StreamsInbound: maxStreamsPeer, StreamsOutbound: maxStreamsPeer,
			Memory: maxPeerMemory,
		},
		ProtocolPeerDefault: rcmgr.ResourceLimits{
			Streams: maxStreamsPeer, StreamsInbound: maxStreamsPeer, StreamsOutbound: maxStreamsPeer,
			Memory: maxPeerMemory,
		},
	}.Build(rcmgr.DefaultLimits.Scale(maxTransportMemory, maxConnections))
	// Several departments may sit behind one address.
	return rcmgr.NewResourceManager(rcmgr.NewFixedLimiter(limits), rcmgr.WithMetricsDisabled(),
		rcmgr.WithLimitPerSubnet(
			[]rcmgr.ConnLimitPerSubnet{{PrefixLength: 32, ConnCount: maxPeers}},
			[]rcmgr.ConnLimitPerSubnet{{PrefixLength: 56, ConnCount: maxPeers}}))
}

// explainListen says which address could not be had, and why.
func explainListen(listen string, err error) error {
	text := err.Error()
	switch {
	case strings.Contains(text, "address already in use"):
		return fmt.Errorf("cannot listen on %s: the port is in use", listen)
	case strings.Contains(text, "permission denied"):
		return fmt.Errorf("cannot listen on %s: permission denied (ports below 1024 need privileges)", listen)
	case strings.Contains(text, "cannot assign requested address"):
		return fmt.Errorf("cannot listen on %s: this machine has no such address", listen)
	}
	return fmt.Errorf("cannot listen on %s: %w", listen, err)
}

// Addresses are the multiaddrs to dial, each ending in /p2p/ID. A wildcard
// address is resolved to the interfaces'.
func (t *Host) Addresses() []string {
	listening, err := t.Libp2p.Network().InterfaceListenAddresses()
	if err != nil {
		listening = t.Libp2p.Network().ListenAddresses()
	}
	out := make([]string, 0, len(listening))
	for _, a := range listening {
		out = append(out, a.String()+"/p2p/"+t.Libp2p.ID().String())
	}
	return out
}

// Handle serves a protocol to peers of at least the given role. The handler's
// stream is closed when it returns nil, reset when it returns an error, and
// its context ends with the transport.
func (t *Host) Handle(id protocol.ID, least Role, handler func(context.Context, *Stream) error) {
	t.Libp2p.SetStreamHandler(id, func(raw network.Stream) {
		from := raw.Conn().RemotePeer()
		if t.Roles.Of(from) < least || t.ctx.Err() != nil {
			raw.Reset()
			return
		}
		t.wg.Add(1)
		defer t.wg.Done()
		ctx, cancel := context.WithCancel(t.ctx)
		defer cancel()
		s := t.wrap(ctx, raw)
		err := handler(ctx, s)
		if err != nil {
			s.Abort()
			if ctx.Err() == nil && !errors.Is(err, ErrEnded) {
				t.Log.Debug("stream failed", "protocol", string(id), "peer", from.String(), "error", err.Error())
			}
			return
		}
		s.Close()
	})
}

// Open starts a stream to a peer that is connected or whose address is known.
func (t *Host) Open(ctx context.Context, p peer.ID, id protocol.ID) (*Stream, error) {
	dial, cancel := context.WithTimeout(ctx, DialTimeout)
	defer cancel()
	raw, err := t.Libp2p.NewStream(dial, p, id)
	if err != nil {
		return nil, fmt.Errorf("reaching %s: %w", p, DialCause(err))
	}
	return t.wrap(ctx, raw), nil
}

// Remember keeps the addresses that a person gave for a peer. What Connect is given libp2p forgets:
// for those that the peer lists itself, which is none while it shuts down, and not the one that leads
// to it through another's.
func (t *Host) Remember(info peer.AddrInfo) {
	t.Libp2p.Peerstore().AddAddrs(info.ID, info.Addrs, peerstore.PermanentAddrTTL)
}

// RetryPause is how often something is tried that only somebody else can bring about.
const RetryPause = 200 * time.Millisecond

// Retry calls do until it succeeds or ctx ends, and returns its last error. A
// node whose handlers are not up yet, or which has just cut a stranger, says
// the same.
func Retry(ctx context.Context, do func() error) error {
	for {
		err := do()
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(RetryPause):
		}
	}
}

// Expel takes a peer off the allow-list and cuts its connections, with all
// streams on them.
func (t *Host) Expel(p peer.ID) {
	if t.Roles.Set(p, Stranger) {
		if err := t.Libp2p.Network().ClosePeer(p); err != nil {
			t.Log.Warn("cutting off a peer", "peer", p.String(), "error", err.Error())
		}
	}
}

// ErrCutOff is of a peer that ends each connection as soon as it knows who dials.
var ErrCutOff = errors.New("the peer cuts this node off: it is not on its list")

// Keep connects to a peer now and whenever the connection is lost, with
// growing pauses, until the transport closes. changed is told of each change,
// and with ErrCutOff of each connection that did not last; it must not block.
func (t *Host) Keep(info peer.AddrInfo, changed func(connected bool, err error)) {
	t.Go(func(context.Context) {
		lost := make(chan struct{}, 1)
		watch := &network.NotifyBundle{DisconnectedF: func(_ network.Network, c network.Conn) {
			if c.RemotePeer() == info.ID {
				select {
				case lost <- struct{}{}:
				default:
				}
			}
		}}
		t.Libp2p.Network().Notify(watch)
		defer t.Libp2p.Network().StopNotify(watch)
		pause, up, since := firstRedial, false, time.Now()
		for {
			err := t.connect(info)
			switch {
			case err == nil && !up:
				up, since = true, time.Now()
				changed(true, nil)
			case err != nil && (t.ctx.Err() != nil || t.Roles.Of(info.ID) == Stranger):
				return // closing, or expelled since
			case err != nil:
				up = false
				changed(false, err)
			}
			for up && t.Connected(info.ID) {
				select {
				case <-t.ctx.Done():
					return
				case <-lost:
				case <-time.After(lastRedial):
				}
			}
			if up && time.Since(since) >= settled {
				pause, since = firstRedial, time.Now()
				continue
			}
			if up {
				up = false
				changed(false, ErrCutOff)
			}
			// Up to half as long again, so that restarted nodes do not dial each
			// other in step.
			select {
			case <-t.ctx.Done():
				return
			case <-time.After(pause + rand.N(pause/2)):
			}
			pause = min(2*pause, lastRedial)
		}
	})
}

func (t *Host) connect(info peer.AddrInfo) error {
	if t.Libp2p.Network().Connectedness(info.ID) == network.Connected {
		return nil
	}
	if len(info.Addrs) == 0 {
		return fmt.Errorf("waiting for %s to dial", info.ID)
	}
	if s, ok := t.Libp2p.Network().(*swarm.Swarm); ok {
		s.Backoff().Clear(info.ID) // the pauses are ours
	}
	ctx, cancel := context.WithTimeout(t.ctx, DialTimeout)
	defer cancel()
	if err := t.Libp2p.Connect(ctx, info); err != nil {
		return fmt.Errorf("reaching %s: %w", info.ID, DialCause(err))
	}
	return nil
}

// Closing is a context that ends when the host closes.
func (t *Host) Closing() context.Context { return t.ctx }

// Connected tells whether a connection to p stands.
func (t *Host) Connected(p peer.ID) bool {
	return t.Libp2p.Network().Connectedness(p) == network.Connected
}

// Go runs something until the transport closes, which waits for it. Callable
// only from what Close waits for, or before Close.
func (t *Host) Go(run func(context.Context)) {
	t.wg.Add(1)
	go func() {
		defer t.wg.Done()
		run(t.ctx)
	}()
}

// Close cuts all streams and connections and waits for the handlers.
func (t *Host) Close() error {
	t.cancel()
	err := t.Libp2p.Close()
	done := make(chan struct{})
	go func() { t.wg.Wait(); close(done) }()
	select {
	case <-done:
	case <-time.After(handlerCloseDeadline):
		return errors.Join(err, errors.New("a stream's handler did not stop"))
	}
	return err
}

// DialCause drops libp2p's list of every address tried, and keeps the
// last cause.
func DialCause(err error) error {
	var dial *swarm.DialError
	if errors.As(err, &dial) {
		if n := len(dial.DialErrors); n > 0 {
			return fmt.Errorf("%s: %w", dial.DialErrors[n-1].Address, dial.DialErrors[n-1].Cause)
		}
		if dial.Cause != nil {
			return dial.Cause
		}
	}
	return err
}
