package node

import (
	"context"
	"crypto/sha256"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"parley/engine"
	"parley/node/ledger"
	"parley/protocols"
)

// TestAuthorsOfNode: in the mempool of a real node no member takes more room
// than ledger.MaxWaiting entries, whoever says them, and leaves room to others.
func TestAuthorsOfNode(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("two departments, and 250 entries")
	}
	n := newTestNetwork(t, 2)
	var running atomic.Pointer[node]
	n.options = func(i int, o *Options) {
		if i == 0 {
			o.hooks.transport = func(n *node) error { running.Store(n); return nil }
		}
	}
	n.startAll()
	n.stop(1) // one of two: nothing is ordered any more
	n.eventually("the ledger rests", func() bool {
		s := running.Load().ledger.Status()
		return !s.Quorum && s.Waiting == 0
	})
	me, l := n.nodes[0], running.Load().ledger
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	say := func(id Identity, body protocols.Body) {
		e := protocols.Sign(running.Load().network.ID(), id.private, body)
		go l.Append(ctx, e.Marshal())
	}
	for v := range uint64(ledger.MaxWaiting + 50) {
		before := l.Status().Waiting
		say(me.id, &protocols.Register{Registration: smallTable(me.cfg.Name, v+1)})
		for range 40 { // in order: each is valid after the one before
			if before >= ledger.MaxWaiting || l.Status().Waiting > before {
				break
			}
			time.Sleep(5 * time.Millisecond)
		}
	}
	time.Sleep(50 * time.Millisecond)
	if got := l.Status().Waiting; got != ledger.MaxWaiting {
		t.Errorf("%d entries of one member wait, %d may", got, ledger.MaxWaiting)
	}
	say(n.nodes[1].id, &protocols.Register{Registration: smallTable(n.nodes[1].cfg.Name, 1)})
	n.eventually("another member's entry finds room", func() bool { return l.Status().Waiting == ledger.MaxWaiting+1 })
}

// smallTable is a registration without content.
func smallTable(department string, version uint64) engine.Registration {
	return engine.Registration{Department: department, Table: "small", Version: version, Rows: 1, Digest: sha256.Sum256([]byte(fmt.Sprint(version))),
		Columns: []engine.Column{{Name: "c", Kind: engine.Text}}}
}

// TestAuthorOf: what does not read as an entry has no author, and what does has
// the one that it names.
func TestAuthorOf(t *testing.T) {
	id := testIdentity(t)
	e := protocols.Sign(engine.Digest{1}, id.private, &protocols.Join{Name: "a"})
	if got := authorOf(e.Marshal()); got != protocols.Key(id.Key()).String() {
		t.Errorf("author %q", got)
	}
	for _, tx := range [][]byte{nil, {}, {0x80}, []byte("note"), e.Marshal()[1:], append(e.Marshal(), 0), make([]byte, ledger.MaxTx+1)} {
		if got := authorOf(tx); got != "" {
			t.Errorf("%d bytes: author %q", len(tx), got)
		}
	}
}

// TestTrustedBlock: whoever comes to a network names a block of it, and nobody
// else does.
func TestTrustedBlock(t *testing.T) {
	hash := strings.Repeat("0a", 32)
	for trust, want := range map[string]string{
		"":                             "needs a block",
		"7":                            "is not a block's height",
		"7:":                           "is not a block's height",
		":" + hash:                     "is not a block's height",
		"0:" + hash:                    "is not a block's height",
		"-1:" + hash:                   "is not a block's height",
		"7:" + hash[2:]:                "is not a block's height",
		"7:" + hash + "00":             "is not a block's height",
		"7:" + hash[2:] + "zz":         "is not a block's height",
		"7: " + hash:                   "is not a block's height",
		"x:" + hash:                    "is not a block's height",
		"99999999999999999999:" + hash: "is not a block's height",
		"7:" + hash:                    "",
	} {
		got, err := trustedBlock(Config{Genesis: "genesis.json", Trust: trust})
		switch {
		case want == "" && (err != nil || got.Block != 7 || got.Hash[0] != 0x0a):
			t.Errorf("%q: %v %v", trust, got, err)
		case want != "" && (err == nil || !strings.Contains(err.Error(), want)):
			t.Errorf("%q: %v", trust, err)
		}
	}
	if _, err := trustedBlock(Config{Trust: "7:" + hash}); err == nil {
		t.Error("trust without a network to come to")
	}
	if got, err := trustedBlock(Config{}); err != nil || got != (ledger.Trusted{}) {
		t.Errorf("%v %v", got, err)
	}
}
