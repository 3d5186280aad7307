package ledger

import (
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/peerstore"

	"parley/engine"
	"parley/node/disk"
)

// TestMembers: a node is added and votes; it joined from a snapshot, with the
// proposers' turns that all others have; another is removed and is cut off; the
// chain of validators leads a light client through both.
func TestMembers(t *testing.T) {
	if testing.Short() {
		t.Skip("validators that come and go")
	}
	t.Parallel()
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

	if first, _ := b.nodes[0].ledger.Extent(); first < 2 {
		t.Errorf("blocks from %d on are kept", first)
	}
	if _, err := b.nodes[0].ledger.Receipt(t.Context(), Hash([]byte("note 0"))); err != nil {
		t.Errorf("the receipt from a pruned block: %v", err)
	}
	spoil(t, b.nodes[0])
	trusted := trustedOf(t, b.nodes[0].ledger, 3)
	b.adjust = func(c *Config) { c.SnapshotEvery = 5; c.StateSync = true; c.Trust = trusted }
	joined := b.start(3)
	status := joined.Status()
	if status.Missing == 0 || status.Block == 0 {
		t.Fatalf("it did not join from a snapshot: %+v", status)
	}
	eventually(t, "the new validator catches up", 60*time.Second, func() bool { s := joined.Status(); return !s.CatchingUp && s.Voting })
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
	eventually(t, "all are connected", 30*time.Second, func() bool { return len(b.nodes[1].ledger.Status().Peers) == 3 })

	b.mustAppend(1, fmt.Sprintf("remove %x", b.nodes[2].public))
	b.allow(2, false)
	b.mustAppend(1, "note without the third")
	eventually(t, "the removed one is cut off", 30*time.Second, func() bool {
		s := b.nodes[1].ledger.Status()
		return len(s.Peers) == 2 && len(s.Validators) == 3 && !slices.Contains(s.Peers, b.id(2))
	})
	block := b.nodes[2].ledger.Status().Block
	for i := range 4 { // a block each at least
		b.mustAppend(3, fmt.Sprint("note that it does not see ", i))
	}
	if got := b.nodes[2].ledger.Status().Block; got > block+1 {
		t.Errorf("the removed one still hears of blocks: %d, then %d", block, got)
	}
	light(t, b)
}

// spoil changes a byte in the states that a node offers to who joins.
func spoil(t *testing.T, m *member) {
	t.Helper()
	for _, h := range m.ledger.app.snapshots.Heights() {
		path := m.ledger.app.snapshots.path(h)
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		text[len(text)-1] ^= 1
		if err := os.WriteFile(path, text, disk.FileMode); err != nil {
			t.Fatal(err)
		}
	}
}

// samePace: the joined node computed the same turns of proposers as the others.
func samePace(t *testing.T, b *bench) {
	t.Helper()
	eventually(t, "one height", 30*time.Second, func() bool {
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
		for at := range list[0] { // no byte of a handover can change unnoticed
			changed, forged := slices.Clone(list[0]), handover{}
			changed[at] ^= 1
			w, _ := newWalker(b.network, b.genesis)
			if engine.Unmarshal(changed, &forged) == nil && w.Pass(&forged) == nil {
				t.Fatalf("byte %d of a handover flipped and it passes", at)
			}
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
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
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
