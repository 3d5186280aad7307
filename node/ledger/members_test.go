package ledger

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	cmted25519 "github.com/cometbft/cometbft/crypto/ed25519"
	"github.com/cometbft/cometbft/libs/protoio"
	cmtp2p "github.com/cometbft/cometbft/p2p"
	cmtconn "github.com/cometbft/cometbft/p2p/conn"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/peerstore"
	"github.com/libp2p/go-libp2p/core/protocol"

	"parley/engine"
)

// TestMembers: a node is added and votes; it joined from a snapshot, with the
// proposers' turns that all others have; another is removed and is cut off; the
// chain of validators leads a light client through both.
func TestMembers(t *testing.T) {
	b := newBench(t, 3)
	b.adjust = func(c *Config) { c.SnapshotEvery = 5; c.Retain = 8 }
	b.startAll()
	for i := range 12 {
		b.mustAppend(i%3, fmt.Sprint("note ", i))
	}
	fourth := b.add()
	b.mustAppend(0, fmt.Sprintf("add %x", fourth.public))
	b.mustAppend(1, "note after the vote")
	b.mustAppend(2, "note for a handover")

	b.adjust = func(c *Config) { c.SnapshotEvery = 5; c.StateSync = true }
	joined := b.start(3)
	status := joined.Status()
	if status.Missing == 0 || status.Block == 0 {
		t.Fatalf("it did not join from a snapshot: %+v", status)
	}
	eventually(t, "the new validator catches up", 20*time.Second, func() bool { s := joined.Status(); return !s.CatchingUp && s.Voting })
	if err := joined.Follow(t.Context(), 0, nil); !errors.Is(err, ErrMissing) {
		t.Errorf("records from before: %v", err)
	}
	b.mustAppend(3, "note by the new one")
	samePace(t, b)

	// Three of four vote now: without one of the old, the new one is needed.
	b.stop(0)
	b.mustAppend(1, "note with the new one")
	b.start(0)
	b.mustAppend(0, "note of all")
	eventually(t, "all are connected", 10*time.Second, func() bool { return len(b.nodes[1].ledger.Status().Peers) == 3 })

	b.mustAppend(1, fmt.Sprintf("remove %x", b.nodes[2].public))
	b.allow(2, false)
	b.mustAppend(1, "note without the third")
	eventually(t, "the removed one is cut off", 5*time.Second, func() bool {
		s := b.nodes[1].ledger.Status()
		return len(s.Peers) == 2 && len(s.Validators) == 3 && !slices.Contains(s.Peers, b.id(2))
	})
	block := b.nodes[2].ledger.Status().Block
	b.mustAppend(3, "note that it does not see")
	time.Sleep(300 * time.Millisecond)
	if got := b.nodes[2].ledger.Status().Block; got > block+1 {
		t.Errorf("the removed one still hears of blocks: %d, then %d", block, got)
	}
	light(t, b)
}

// samePace: the joined node computed the same turns of proposers as the others.
func samePace(t *testing.T, b *bench) {
	t.Helper()
	eventually(t, "one height", 5*time.Second, func() bool {
		s, _ := b.nodes[0].ledger.states.Load()
		j, _ := b.nodes[3].ledger.states.Load()
		if s.LastBlockHeight != j.LastBlockHeight {
			return false
		}
		if !samePriorities(s.Validators, j.Validators) || !samePriorities(s.NextValidators, j.NextValidators) {
			t.Fatalf("at block %d: %v, not %v", s.LastBlockHeight, j.Validators, s.Validators)
		}
		w, err := newWalker(b.network, b.genesis)
		if err != nil {
			t.Fatal(err)
		}
		list, err := b.nodes[0].ledger.index.Handovers(1, uint64(s.LastBlockHeight), 10)
		if err != nil || len(list) != 1 {
			t.Fatalf("%d handovers, %v", len(list), err)
		}
		var h handover
		if err := engine.Unmarshal(list[0], &h); err != nil {
			t.Fatal(err)
		}
		if err := w.Pass(&h); err != nil {
			t.Fatal(err)
		}
		if at := w.at(uint64(s.LastBlockHeight) + 1); !samePriorities(at, s.Validators) {
			t.Fatalf("the walker computes %v, not %v", at, s.Validators)
		}
		return true
	})
}

// light: a light client that is no member verifies the last block through two
// nodes, if they let it read.
func light(t *testing.T, b *bench) {
	t.Helper()
	reader := newHost(t, keyOf(77), "/ip4/127.0.0.1/tcp/0")
	defer reader.Close()
	for _, m := range b.nodes {
		reader.Peerstore().AddAddrs(m.host.ID(), m.host.Addrs(), peerstore.PermanentAddrTTL)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	two := []peer.ID{b.id(1), b.id(3)}
	if _, err := Light(ctx, reader, b.network, b.genesis, two, 0); err == nil {
		t.Error("a stranger reads")
	}
	for _, i := range []int{1, 3} {
		b.nodes[i].ledger.config.Readers = func(p peer.ID) bool { return p == reader.ID() }
	}
	got, err := Light(ctx, reader, b.network, b.genesis, two, 0)
	if err != nil {
		t.Fatal(err)
	}
	if len(got.Validators) != 3 || got.Block < 20 {
		t.Errorf("%+v", got)
	}
	other := slices.Clone(b.genesis)
	other[0] = keyOf(50).Public().(ed25519.PublicKey)
	if _, err := Light(ctx, reader, b.network, other, two, 0); err == nil || !strings.Contains(err.Error(), "another set") {
		t.Errorf("with another genesis: %v", err)
	}
	if _, err := Light(ctx, reader, sha256.Sum256(nil), b.genesis, two, 0); err == nil {
		t.Error("another network's blocks verify")
	}
}

// TestStranger: who is not on the list gets no consensus stream and no answer;
// who connects to CometBFT's loopback port by itself is refused before the
// handshake; a member that presents another's key is refused after it.
func TestStranger(t *testing.T) {
	b := newBench(t, 2)
	b.startAll()
	b.mustAppend(0, "note")
	target := b.nodes[0]
	stranger := newHost(t, keyOf(66), "/ip4/127.0.0.1/tcp/0")
	defer stranger.Close()
	stranger.Peerstore().AddAddrs(target.host.ID(), target.host.Addrs(), peerstore.PermanentAddrTTL)
	for _, id := range []protocol.ID{consensusProtocol, lightProtocol} {
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		s, err := stranger.NewStream(ctx, target.host.ID(), id)
		if err == nil {
			s.Write([]byte{0, 0, 0, 4, 0x83, 1, 0, 0}) // what is the latest block?
			s.SetReadDeadline(time.Now().Add(2 * time.Second))
			if n, err := s.Read(make([]byte, 1)); n > 0 || err == nil {
				t.Errorf("%s: a stranger reads", id)
			}
		}
		cancel()
	}

	direct, err := net.Dial("tcp", target.ledger.tunnel.listener)
	if err != nil {
		t.Fatal(err)
	}
	defer direct.Close()
	direct.SetReadDeadline(time.Now().Add(3 * time.Second))
	if n, err := direct.Read(make([]byte, 1)); n > 0 || err == nil {
		t.Error("a connection that is nobody's is spoken to")
	}

	// Node 1 stops, and its host presents a third key over its stream.
	if err := b.nodes[1].ledger.Close(); err != nil {
		t.Fatal(err)
	}
	b.nodes[1].ledger = nil
	third := b.add()
	b.nodes = b.nodes[:2]
	target.ledger.tunnel.Poke()
	eventually(t, "the stream of the stopped node ends", 5*time.Second, func() bool { return len(target.ledger.Status().Peers) == 0 })
	s, err := b.nodes[1].host.NewStream(t.Context(), target.host.ID(), consensusProtocol)
	if err != nil {
		t.Fatal(err)
	}
	near, far := net.Pipe()
	go func() { io.Copy(s, near); s.Reset() }()
	go func() { io.Copy(near, s); near.Close() }()
	far.SetDeadline(time.Now().Add(4 * time.Second))
	// The handshake itself succeeds: who it is shows only in it.
	secret, err := cmtconn.MakeSecretConnection(far, cmted25519.PrivKey(third.key))
	if err != nil {
		t.Fatal(err)
	}
	info := target.ledger.node.NodeInfo().(cmtp2p.DefaultNodeInfo)
	info.DefaultNodeID = cmtp2p.PubKeyToID(cmted25519.PrivKey(third.key).PubKey())
	if _, err := protoio.NewDelimitedWriter(secret).WriteMsg(info.ToProto()); err != nil {
		t.Fatal(err)
	}
	io.Copy(io.Discard, secret) // until it is refused
	if n := target.ledger.node.Switch().Peers().Size(); n != 0 {
		t.Errorf("%d peers", n)
	}

	// Had the third a stream of its own, its key on another's would show too.
	tunnel := target.ledger.tunnel
	address := &cmtp2p.NetAddress{ID: info.DefaultNodeID, IP: net.IPv4(127, 0, 0, 1), Port: 9}
	if err := tunnel.match(info.DefaultNodeID, address); err == nil {
		t.Error("an address that is nobody's")
	}
	tunnel.mu.Lock()
	tunnel.routes[address.DialString()] = b.id(1)
	tunnel.mu.Unlock()
	if err := tunnel.match(tunnel.allowed[b.id(1)], address); err != nil {
		t.Errorf("its own key: %v", err)
	}
	if err := tunnel.match(info.DefaultNodeID, address); err == nil {
		t.Error("another's key is let in")
	}
	again, err := b.nodes[1].host.NewStream(t.Context(), target.host.ID(), consensusProtocol)
	if err == nil {
		again.SetReadDeadline(time.Now().Add(2 * time.Second))
		if n, err := again.Read(make([]byte, 1)); n > 0 || err == nil {
			t.Error("who presented another's key is heard again at once")
		}
	}
}

// TestExport: an export of the whole chain stands the check; with one byte
// changed, or a block left out, doubled or exchanged, the check says where.
func TestExport(t *testing.T) {
	b := newBench(t, 2)
	b.startAll()
	for i := range 4 {
		b.mustAppend(i%2, fmt.Sprint("note ", i))
	}
	third := keyOf(5).Public().(ed25519.PublicKey)
	b.append(0, "lie 1")
	b.mustAppend(0, fmt.Sprintf("add %x", third))
	b.mustAppend(1, fmt.Sprintf("remove %x", third))
	first, last := b.nodes[0].ledger.Extent()
	var blocks []Block
	for block, err := range b.nodes[0].ledger.Blocks(first, last) {
		if err != nil {
			t.Fatal(err)
		}
		blocks = append(blocks, block)
	}
	var records, signatures int
	check := func(blocks []Block) (uint64, error) {
		records, signatures = 0, 0
		return CheckBlocks(b.network, b.genesis, newToy(b.genesis), func(yield func(Block, error) bool) {
			for _, b := range blocks {
				if !yield(b, nil) {
					return
				}
			}
		}, func(c CheckedBlock) error {
			records, signatures = records+len(c.Records), signatures+c.Signatures
			return nil
		})
	}
	n, err := check(blocks)
	if err != nil || n != last || records != 7 || signatures < int(2*last) {
		t.Fatalf("%d blocks, %d records, %d signatures: %v", n, records, signatures, err)
	}
	where := func(what string, blocks []Block, height uint64) {
		t.Helper()
		var at *BlockError
		if n, err := check(blocks); !errors.As(err, &at) || at.Height != height || n != height-1 && n != height {
			t.Errorf("%s: after %d blocks: %v", what, n, err)
		}
	}
	tampered := 0
	for i := range blocks {
		for at := 0; at < len(blocks[i].Bytes); at += 23 {
			changed := slices.Clone(blocks)
			changed[i].Bytes = bytes.Clone(blocks[i].Bytes)
			changed[i].Bytes[at] ^= 0x40
			where(fmt.Sprintf("byte %d of block %d", at, i+1), changed, uint64(i+1))
			tampered++
		}
		changed := slices.Clone(blocks)
		changed[i].Seal = bytes.Clone(blocks[i].Seal)
		changed[i].Seal[len(changed[i].Seal)/2] ^= 1
		where(fmt.Sprintf("the seal of block %d", i+1), changed, uint64(i+1))
	}
	t.Logf("%d blocks, %d bytes changed", last, tampered)
	where("a block left out", slices.Delete(slices.Clone(blocks), 2, 3), 3)
	where("two blocks exchanged", append(slices.Clone(blocks[:1]), blocks[2], blocks[1]), 2)
	unsealed := slices.Clone(blocks)
	unsealed[len(blocks)-1].Seal = nil
	where("no seal on the last block", unsealed, last)
	other := slices.Clone(b.genesis)
	other[1] = third
	if _, err := CheckBlocks(b.network, other, newToy(other), func(yield func(Block, error) bool) { yield(blocks[0], nil) }, nil); err == nil {
		t.Error("another genesis stands the check")
	}
}

// TestConsensusDies: CometBFT swallows a panic in the state and says that it
// runs; the ledger says that it does not.
func TestConsensusDies(t *testing.T) {
	b := newBench(t, 1)
	halted := make(chan error, 1)
	b.adjust = func(c *Config) {
		// Append tries it, the mempool checks it, and consensus meets the panic.
		c.Genesis.(*toy).fuse = new(atomic.Int32)
		c.Halted = func(err error) { halted <- err }
	}
	l := b.start(0)
	b.mustAppend(0, "note")
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	go l.Append(ctx, []byte("boom"))
	select {
	case err := <-halted:
		if l.Status().Halted == nil || !strings.Contains(err.Error(), "boom") {
			t.Errorf("%v, status %+v", err, l.Status())
		}
	case <-time.After(10 * time.Second):
		t.Fatal("nobody was told")
	}
}

// TestStandsStill: a height that does not move though a quorum is connected is
// reported, and is not while there is no quorum.
func TestStandsStill(t *testing.T) {
	b := newBench(t, 1)
	told := make(chan error, 1)
	b.adjust = func(c *Config) {
		c.Timing.Heartbeat = time.Hour // no block comes of itself
		c.Halted = func(err error) { told <- err }
	}
	l := b.start(0)
	b.mustAppend(0, "note")
	l.watch.mu.Lock()
	l.watch.moved = time.Now().Add(-stalledHeartbeats*time.Hour - time.Minute)
	l.watch.mu.Unlock()
	l.watch.look()
	select {
	case <-told:
	default:
		t.Fatal("nobody was told")
	}
	if l.Status().Halted == nil {
		t.Error("the status says nothing")
	}
	b.mustAppend(0, "note again")
	if err := l.Status().Halted; err != nil {
		t.Errorf("after another block: %v", err)
	}
}
