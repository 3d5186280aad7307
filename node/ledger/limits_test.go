package ledger

import (
	"bytes"
	"crypto/sha256"
	"math"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"

	"parley/engine"
)

// Compile-time: what one limit promises, the others leave room for.
const (
	_ uint = MaxBlock - MaxBlock/8 - MaxTx - maxHeadBytes - 1<<20 // a longest transaction beside evidence
	_ uint = engine.MaxEncodedBytes - MaxState - maxSnapshotFrame // a longest state in a snapshot
	_ uint = MaxReceipt - maxHeadBytes - maxPath*64               // a longest head and path in a receipt
	_ uint = mempoolBytes - MaxTx
	_ uint = maxAnswer - snapshotChunk - 64
	_ uint = maxAnswer - maxHandovers*maxHeadBytes - 1<<20
)

// longestHead is a head with the votes of as many validators as there may be.
func longestHead() head {
	hash := bytes.Repeat([]byte{1}, sha256.Size)
	p := parts{Total: math.MaxUint32, Hash: hash}
	at := instant{Seconds: maxSeconds, Nanos: 999_999_999}
	h := head{BlockVersion: math.MaxUint64, AppVersion: math.MaxUint64, Height: maxHeight, Time: at, LastBlock: hash, LastParts: p, LastCommit: hash, Data: hash,
		Validators: hash, NextValidators: hash, Consensus: hash, App: hash, Results: hash, Evidence: hash, Proposer: make([]byte, addressBytes), Round: maxRound, Parts: p}
	for i := range uint32(maxValidators) {
		h.Votes = append(h.Votes, vote{Validator: i, Time: at, Signature: make([]byte, signatureBytes)})
	}
	return h
}

// TestLongestReceipt: as many validators as there may be, and as deep a tree, fit a receipt.
func TestLongestReceipt(t *testing.T) {
	r := receipt{Version: receiptVersion, Head: longestHead()}
	for range maxPath {
		r.Path = append(r.Path, step{Left: true, Hash: make([]byte, sha256.Size)})
	}
	b := engine.Marshal(r)
	if len(b) > MaxReceipt || len(engine.Marshal(r.Head)) > maxHeadBytes {
		t.Errorf("%d bytes in a receipt, %d in a head", len(b), len(engine.Marshal(r.Head)))
	}
	if got, err := parseReceipt(b); err != nil || len(got.Head.Votes) != maxValidators {
		t.Errorf("%v", err)
	}
	if _, err := parseReceipt(append(b, make([]byte, MaxReceipt)...)); err == nil {
		t.Error("a longer one is read")
	}
}

// TestSnapshotFrame: what a snapshot adds to the longest state leaves it one message.
func TestSnapshotFrame(t *testing.T) {
	empty := len(engine.Marshal(snapshot{Block: maxHeight, Time: instant{Seconds: maxSeconds, Nanos: 999_999_999}}))
	if frame := empty + 4; frame > maxSnapshotFrame || MaxState+frame > engine.MaxEncodedBytes {
		t.Errorf("a frame of %d bytes", frame)
	}
}

// heavy is a state of many bytes.
type heavy struct {
	*toy
	weight []byte
}

type heavyEncoding struct {
	_      struct{} `cbor:",toarray"`
	Toy    []byte
	Weight []byte
}

func (h heavy) Clone() State { return heavy{h.toy.Clone().(*toy), h.weight} }
func (h heavy) Marshal() []byte {
	return engine.Marshal(heavyEncoding{Toy: h.toy.Marshal(), Weight: h.weight})
}

func parseHeavy(b []byte) (State, error) {
	var e heavyEncoding
	if err := engine.Unmarshal(b, &e); err != nil {
		return nil, err
	}
	s, err := parseToy(e.Toy)
	if err != nil {
		return nil, err
	}
	return heavy{s.(*toy), e.Weight}, nil
}

// TestHeavyState: whoever comes anew takes a state from a peer that is larger than any one answer,
// and larger than what was once allowed on the way though not at the ends.
func TestHeavyState(t *testing.T) {
	if testing.Short() {
		t.Skip("a state of 65 MiB")
	}
	b := newBench(t, 1)
	weight := bytes.Repeat([]byte("heavy "), 65<<20/6)
	b.adjust = func(c *Config) {
		c.Genesis, c.Decode, c.SnapshotEvery = heavy{newToy(b.genesis), weight}, parseHeavy, 3
	}
	b.start(0)
	late := b.add()
	b.mustAppend(0, "note 1")
	b.mustAppend(0, "note 2")
	eventually(t, "a snapshot", 20*time.Second, func() bool { return len(b.nodes[0].ledger.app.snapshots.Heights()) > 0 })
	b.mustAppend(0, "note 3")
	late.host = newHost(t, late.key, late.listen)
	defer late.host.Close()
	if err := late.host.Connect(t.Context(), peer.AddrInfo{ID: b.nodes[0].host.ID(), Addrs: b.nodes[0].host.Addrs()}); err != nil { // joining does not dial
		t.Fatal(err)
	}
	c := b.config(1)
	c.StateSync, c.Trust = true, trustedOf(t, b.nodes[0].ledger, 2)
	l, err := Open(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if s, place := l.Snapshot(); place.Block == 0 || l.Status().Missing == 0 || !bytes.Equal(s.(heavy).weight, weight) {
		t.Errorf("block %d, %d records missing: it did not come from a snapshot", place.Block, l.Status().Missing)
	}
}
