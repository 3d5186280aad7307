package ledger

import (
	"context"
	"crypto/ed25519"
	"strings"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"
)

// trustedOf is a block of a ledger, as an operator may know it from elsewhere.
func trustedOf(t *testing.T, l *Ledger, block uint64) Trusted {
	t.Helper()
	var meta = l.app.blocks.LoadBlockMeta(int64(block))
	if meta == nil {
		first, last := l.Extent()
		t.Fatalf("block %d is not here, but %d to %d", block, first, last)
	}
	return Trusted{Block: block, Hash: [32]byte(meta.BlockID.Hash)}
}

// TestRequired: a ledger does not open without what it would be unsafe without,
// and says what is missing.
func TestRequired(t *testing.T) {
	b := newBench(t, 1)
	host := newHost(t, b.nodes[0].key, b.nodes[0].listen)
	defer host.Close()
	for what, spoil := range map[string]func(*Config){
		"lacks Dir":        func(c *Config) { c.Dir = "" },
		"lacks Network":    func(c *Config) { c.Network = [32]byte{} },
		"lacks Validators": func(c *Config) { c.Validators = nil },
		"lacks Genesis":    func(c *Config) { c.Genesis = nil },
		"lacks Decode":     func(c *Config) { c.Decode = nil },
		"lacks Author":     func(c *Config) { c.Author = nil },
		"lacks Key":        func(c *Config) { c.Key = nil },
		"lacks Key ":       func(c *Config) { c.Key = ed25519.PrivateKey("short") },
		"lacks Host":       func(c *Config) { c.Host = nil },
		"lacks Peers":      func(c *Config) { c.Peers = nil },
		"lacks Trust":      func(c *Config) { c.StateSync = true },
		"height and its hash": func(c *Config) {
			c.StateSync, c.Trust = true, Trusted{Block: 5}
		},
		"height and its hash ": func(c *Config) { c.Trust = Trusted{Hash: [32]byte{1}} },
		" height and its hash": func(c *Config) { c.Trust = Trusted{Block: 1 << 63, Hash: [32]byte{1}} },
	} {
		b.nodes[0].host = host
		c := b.config(0)
		spoil(&c)
		l, err := openSoon(c)
		if l != nil {
			l.Close()
		}
		if err == nil || !strings.Contains(err.Error(), strings.TrimSpace(what)) {
			t.Errorf("%s: %v", what, err)
		}
	}
}

// openSoon is Open, for a Config of which it is not known that it is refused.
func openSoon(c Config) (l *Ledger, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	return Open(ctx, c)
}

// TestTrust: whoever comes anew takes no ledger without the block that its
// operator knows, from a snapshot or block by block; and a folder with another
// block is not opened.
func TestTrust(t *testing.T) {
	if testing.Short() {
		t.Skip("two validators, and a third that joins three times")
	}
	b := newBench(t, 2)
	b.adjust = func(c *Config) { c.SnapshotEvery = 4 }
	b.startAll()
	for _, tx := range []string{"note 1", "note 2", "note 3", "note 4"} {
		b.mustAppend(0, tx)
	}
	right := trustedOf(t, b.nodes[0].ledger, 3)
	wrong := right
	wrong.Hash[0] ^= 1
	late := b.add()
	late.host = newHost(t, late.key, late.listen)
	defer late.host.Close()
	for i, m := range b.nodes[:2] {
		late.host.Peerstore().AddAddrs(m.host.ID(), m.host.Addrs(), time.Hour)
		m.host.Peerstore().AddAddrs(late.host.ID(), late.host.Addrs(), time.Hour)
		if err := late.host.Connect(t.Context(), peer.AddrInfo{ID: m.host.ID()}); err != nil { // joining does not dial
			t.Fatal(err)
		}
		eventually(t, "a snapshot", 10*time.Second, func() bool { return len(b.nodes[i].ledger.app.snapshots.Heights()) > 0 })
	}
	b.adjust = func(c *Config) { c.StateSync, c.Trust = true, wrong }
	if l, err := openSoon(b.config(2)); err == nil || !strings.Contains(err.Error(), "not the one that is trusted") {
		if l != nil {
			l.Close()
		}
		t.Errorf("from a snapshot of another ledger: %v", err)
	}
	b.adjust = func(c *Config) { c.StateSync, c.Trust = true, right }
	l, err := openSoon(b.config(2))
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Close(); err != nil {
		t.Error(err)
	}

	b.stop(1)
	b.nodes[1].host = newHost(t, b.nodes[1].key, b.nodes[1].listen)
	b.adjust = func(c *Config) { c.Trust = wrong }
	if l, err := openSoon(b.config(1)); err == nil || !strings.Contains(err.Error(), "another ledger") {
		if l != nil {
			l.Close()
		}
		t.Errorf("over a folder with another block: %v", err)
	}
}

// TestTrustedBlock: the application takes no other block at the trusted height,
// whoever proposes or decides it.
func TestTrustedBlock(t *testing.T) {
	hash := [32]byte{7}
	for _, c := range []struct {
		trust  Trusted
		height uint64
		hash   []byte
		ok     bool
	}{
		{Trusted{}, 5, hash[:], true},
		{Trusted{}, 0, nil, true},
		{Trusted{5, hash}, 5, hash[:], true},
		{Trusted{5, hash}, 4, nil, true},
		{Trusted{5, hash}, 6, []byte{1}, true},
		{Trusted{5, hash}, 5, nil, false},
		{Trusted{5, hash}, 5, hash[:31], false},
		{Trusted{5, hash}, 5, append(hash[:], 0), false},
		{Trusted{5, hash}, 5, make([]byte, 32), false},
	} {
		a := &app{trust: c.trust}
		if err := a.trusts(c.height, c.hash); (err == nil) != c.ok {
			t.Errorf("%+v: %v", c, err)
		}
	}
}
