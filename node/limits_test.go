package node_test

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"parley/engine"
	"parley/node"
	"parley/node/audit"
	"parley/node/config"
	"parley/node/ledger"
	"parley/node/nodetest"
	"parley/node/nodetest/testnet"
	"parley/node/peers"
	"parley/protocols"
)

// hold gives the node that a department runs, once it is started.
func hold(n *testnet.Network, department int) *atomic.Pointer[node.Inside] {
	running := &atomic.Pointer[node.Inside]{}
	n.Options = func(i int, o *node.Options) {
		if i == department {
			node.Hold(o, running)
		}
	}
	return running
}

// TestAuthorsOfNode: in the mempool of a real node no member takes more room
// than ledger.MaxWaiting entries, whoever says them, and leaves room to others.
func TestAuthorsOfNode(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("two departments, and 250 entries")
	}
	n := testnet.New(t, 2)
	running := hold(n, 0)
	n.StartAll()
	n.Stop(1) // one of two: nothing is ordered any more
	n.Eventually("the ledger rests", func() bool {
		s := running.Load().Ledger().Status()
		return !s.Quorum && s.Waiting == 0
	})
	me, l := n.Nodes[0], running.Load().Ledger()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	say := func(id peers.Identity, body protocols.Body) {
		e := protocols.Sign(running.Load().Network().ID(), id.Private(), body)
		go l.Append(ctx, e.Marshal())
	}
	for v := range uint64(ledger.MaxWaiting + 50) {
		before := l.Status().Waiting
		say(me.Identity, &protocols.Register{Registration: smallTable(me.Config.Name, v+1)})
		for deadline := time.Now().Add(30 * time.Second); before < ledger.MaxWaiting && l.Status().Waiting <= before; time.Sleep(5 * time.Millisecond) {
			if time.Now().After(deadline) { // in order: each is valid after the one before
				t.Fatalf("entry %d does not wait", v)
			}
		}
	}
	time.Sleep(50 * time.Millisecond)
	if got := l.Status().Waiting; got != ledger.MaxWaiting {
		t.Errorf("%d entries of one member wait, %d may", got, ledger.MaxWaiting)
	}
	say(n.Nodes[1].Identity, &protocols.Register{Registration: smallTable(n.Nodes[1].Config.Name, 1)})
	n.Eventually("another member's entry finds room", func() bool { return l.Status().Waiting == ledger.MaxWaiting+1 })
}

// smallTable is a registration without content.
func smallTable(department string, version uint64) engine.Registration {
	return engine.Registration{Department: department, Table: "small", Version: version, Rows: 1, Digest: sha256.Sum256([]byte(fmt.Sprint(version))),
		Columns: []engine.Column{{Name: "c", Kind: engine.Text}}}
}

// One name, one value: an entry is a transaction, the referee's state the ledger's, and its receipt
// a certificate's.
const (
	_ uint = ledger.MaxTx - protocols.MaxEntryBytes
	_ uint = protocols.MaxEntryBytes - ledger.MaxTx
	_ uint = ledger.MaxState - protocols.MaxStateBytes
	_ uint = protocols.MaxStateBytes - ledger.MaxState
	_ uint = ledger.MaxReceipt - protocols.MaxReceiptBytes
	_ uint = protocols.MaxReceiptBytes - ledger.MaxReceipt
	_ uint = peers.MessageLimit - protocols.MaxReceiptBytes - 1024
	_ uint = engine.MaxRegistrations - protocols.MaxTables*protocols.MaxDepartments
	_ uint = ledger.MaxWaiting - 2*protocols.MaxPending - protocols.MaxVotes // what an honest member may have to say at once
)

// longestEntry is a registration whose entry may not be a byte longer.
func longestEntry(t *testing.T, n *protocols.Network, id peers.Identity, department string) protocols.Entry {
	t.Helper()
	r := smallTable(department, 1)
	r.Rows = engine.MaxDictionary
	column := func(name string, values, length int) engine.Column {
		c := engine.Column{Name: name, Kind: engine.Text, HasDictionary: true}
		for i := range values {
			c.Dictionary = append(c.Dictionary, fmt.Sprintf("%04d%s", i, strings.Repeat("x", length-4)))
		}
		return c
	}
	r.Columns = []engine.Column{column("wide", 4000, engine.MaxDictionaryText), column("rest", 80, 1000), column("last", 1, 300)}
	size := func() int { return len(engine.Marshal(&protocols.Register{Registration: r})) }
	const most = protocols.MaxEntryBytes - 512
	for size() > most {
		r.Columns[1].Dictionary = r.Columns[1].Dictionary[1:]
	}
	for size() < most-600 { // which the last value has room for
		r.Columns[1].Dictionary = append(r.Columns[1].Dictionary, fmt.Sprintf("%04d%s", len(r.Columns[1].Dictionary), strings.Repeat("x", 496)))
	}
	for last := &r.Columns[2].Dictionary[0]; size() < most; {
		if len(*last) >= engine.MaxDictionaryText {
			r.Columns[0].Name += "e"
			continue
		}
		*last += "x"
	}
	e := protocols.Sign(n.ID(), id.Private(), &protocols.Register{Registration: r})
	if len(e.Body) != most {
		t.Fatalf("a body of %d bytes, not %d", len(e.Body), most)
	}
	return e
}

// TestLongestEntry: the longest entry that the referee reads goes through the mempool of one node,
// a block of all, and the log that a client follows at another.
func TestLongestEntry(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("two departments, and an entry of 4 MiB")
	}
	n := testnet.New(t, 2)
	running := hold(n, 0)
	n.StartAll()
	l := running.Load()
	e := longestEntry(t, l.Network(), n.Nodes[0].Identity, n.Nodes[0].Config.Name)
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	if err := l.History().Append(ctx, e); err != nil {
		t.Fatalf("%v\n%s", err, n.Logs())
	}
	src, err := audit.Dial(ctx, n.Address(1), n.Analyst, nodetest.Tiny)
	if err != nil {
		t.Fatal(err)
	}
	defer src.Close()
	found := errors.New("found")
	err = src.Follow(ctx, 0, func(records []protocols.Record) error {
		for i := range records {
			if records[i].Entry.Digest() == e.Digest() {
				return found
			}
		}
		return nil
	})
	if !errors.Is(err, found) {
		t.Errorf("another node's log: %v", err)
	}
	if s, err := src.Base(ctx); err != nil || len(s.Catalogue()) != 3 {
		t.Errorf("another node's state: %v", err)
	}
	longer := protocols.Sign(l.Network().ID(), n.Nodes[0].Identity.Private(), &protocols.Register{Registration: smallTable("a", 9)})
	longer.Body = make([]byte, protocols.MaxEntryBytes)
	var refused *protocols.Refusal
	if err := l.History().Append(ctx, longer); !errors.As(err, &refused) {
		t.Errorf("a longer one: %v", err)
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
		got, err := config.TrustedBlock(config.Config{Genesis: "genesis.json", Trust: trust})
		switch {
		case want == "" && (err != nil || got.Block != 7 || got.Hash[0] != 0x0a):
			t.Errorf("%q: %v %v", trust, got, err)
		case want != "" && (err == nil || !strings.Contains(err.Error(), want)):
			t.Errorf("%q: %v", trust, err)
		}
	}
	if _, err := config.TrustedBlock(config.Config{Trust: "7:" + hash}); err == nil {
		t.Error("trust without a network to come to")
	}
	if got, err := config.TrustedBlock(config.Config{}); err != nil || got != (ledger.Trusted{}) {
		t.Errorf("%v %v", got, err)
	}
}
