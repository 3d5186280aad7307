package ledger

import (
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p"
	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/peerstore"
	"github.com/libp2p/go-libp2p/p2p/security/noise"
	"github.com/libp2p/go-libp2p/p2p/transport/tcp"
)

// testTiming is fast.
var testTiming = Timing{
	Propose: 500 * time.Millisecond, Vote: 200 * time.Millisecond, Commit: 10 * time.Millisecond,
	Gossip: 5 * time.Millisecond, Heartbeat: 2 * time.Second,
}

// bench is some validators in one process, over real libp2p hosts.
type bench struct {
	t       testing.TB
	network [32]byte
	genesis []ed25519.PublicKey
	nodes   []*member
	adjust  func(*Config)
	notes   int // that more has ordered

	mu      sync.Mutex
	members map[peer.ID]bool
}

type member struct {
	key    ed25519.PrivateKey
	public ed25519.PublicKey
	dir    string
	listen string
	host   host.Host
	ledger *Ledger
}

// keyOf is a key from a seed, so that names are the same in every run.
func keyOf(i int) ed25519.PrivateKey {
	seed := sha256.Sum256([]byte("validator " + strconv.Itoa(i)))
	return ed25519.NewKeyFromSeed(seed[:])
}

// newBench makes n validators of one genesis, not started.
func newBench(t testing.TB, n int) *bench {
	b := &bench{t: t, network: sha256.Sum256([]byte(t.Name())), members: map[peer.ID]bool{}}
	for range n {
		m := b.add()
		b.genesis = append(b.genesis, m.public)
	}
	t.Cleanup(func() {
		for i := range b.nodes {
			b.stop(i)
		}
	})
	return b
}

// add makes one more node, a member of the network but not of the genesis.
func (b *bench) add() *member {
	i := len(b.nodes)
	m := &member{key: keyOf(i), listen: "/ip4/127.0.0.1/tcp/0", dir: filepath.Join(b.t.TempDir(), fmt.Sprint("node", i))}
	m.public = m.key.Public().(ed25519.PublicKey)
	b.nodes = append(b.nodes, m)
	b.allow(i, true)
	return m
}

func (b *bench) id(i int) peer.ID {
	id, err := peerID(b.nodes[i].public)
	if err != nil {
		b.t.Fatal(err)
	}
	return id
}

func (b *bench) allow(i int, yes bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.members[b.id(i)] = yes
}

func (b *bench) peers() []peer.ID {
	b.mu.Lock()
	defer b.mu.Unlock()
	var out []peer.ID
	for p, yes := range b.members {
		if yes {
			out = append(out, p)
		}
	}
	return out
}

func newHost(t testing.TB, key ed25519.PrivateKey, listen string) host.Host {
	t.Helper()
	k, err := crypto.UnmarshalEd25519PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	h, err := libp2p.New(libp2p.Identity(k), libp2p.ListenAddrStrings(listen), libp2p.NoTransports,
		libp2p.Transport(tcp.NewTCPTransport, tcp.DisableReuseport()), libp2p.Security(noise.ID, noise.New),
		libp2p.DisableRelay(), libp2p.DisableMetrics(), libp2p.ForceReachabilityPrivate(), libp2p.Ping(false),
		libp2p.DisableIdentifyAddressDiscovery())
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// start opens a node's host and ledger.
func (b *bench) start(i int) *Ledger {
	b.t.Helper()
	m := b.nodes[i]
	m.host = newHost(b.t, m.key, m.listen)
	m.listen = m.host.Addrs()[0].String()
	for j, other := range b.nodes {
		if j == i || other.host == nil {
			continue
		}
		m.host.Peerstore().AddAddrs(other.host.ID(), other.host.Addrs(), peerstore.PermanentAddrTTL)
		other.host.Peerstore().AddAddrs(m.host.ID(), m.host.Addrs(), peerstore.PermanentAddrTTL)
	}
	c := b.config(i)
	for j, other := range b.nodes {
		if c.StateSync && j != i && other.host != nil { // joining does not dial
			if err := m.host.Connect(context.Background(), peer.AddrInfo{ID: other.host.ID()}); err != nil {
				b.t.Fatal(err)
			}
		}
	}
	l, err := Open(context.Background(), c)
	if err != nil {
		b.t.Fatalf("node %d: %v", i, err)
	}
	m.ledger = l
	return l
}

func (b *bench) config(i int) Config {
	m := b.nodes[i]
	c := Config{
		Dir: m.dir, Network: b.network, Validators: b.genesis, Genesis: newToy(b.genesis), Decode: parseToy,
		Author: toyAuthor, Key: m.key, Host: m.host, Peers: b.peers, Timing: testTiming,
	}
	if level := os.Getenv("LEDGER_LOG"); level != "" {
		var l slog.Level
		l.UnmarshalText([]byte(level))
		c.Log = slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: l})).With("node", i)
	}
	if b.adjust != nil {
		b.adjust(&c)
	}
	return c
}

func (b *bench) startAll() {
	b.t.Helper()
	for i := range b.nodes {
		b.start(i)
	}
}

func (b *bench) stop(i int) {
	m := b.nodes[i]
	if m.ledger != nil {
		if err := m.ledger.Close(); err != nil {
			b.t.Errorf("closing node %d: %v", i, err)
		}
		m.ledger = nil
	}
	if m.host != nil {
		m.host.Close()
	}
}

func (b *bench) append(i int, tx string) error {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	return b.nodes[i].ledger.Append(ctx, []byte(tx))
}

func (b *bench) mustAppend(i int, tx string) {
	b.t.Helper()
	if err := b.append(i, tx); err != nil {
		b.t.Fatalf("appending %q through node %d: %v", tx, i, err)
	}
}

// more orders notes, each another, through the first node.
func (b *bench) more(n int) {
	b.t.Helper()
	for range n {
		b.mustAppend(0, fmt.Sprint("note ", b.notes))
		b.notes++
	}
}

// eventually waits until something holds.
func eventually(t testing.TB, what string, within time.Duration, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(within); !holds(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not within %s: %s", within, what)
		}
	}
}

// records reads n records from a node, from the first.
func (b *bench) records(i, n int) []Record {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	var out []Record
	err := b.nodes[i].ledger.Follow(ctx, 0, func(r []Record) error {
		out = append(out, r...)
		if len(out) >= n {
			return errEnough
		}
		return nil
	})
	if err != errEnough {
		b.t.Fatalf("node %d: %d of %d records: %v", i, len(out), n, err)
	}
	return out
}

var errEnough = fmt.Errorf("enough")
