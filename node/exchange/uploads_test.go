package exchange

import (
	"context"
	"encoding/binary"
	"errors"
	"maps"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"

	"parley/engine"
	"parley/node/nodetest"
	"parley/node/peers"
	"parley/protocols"
)

// uploads is a node's store with two analysts, and what the ledger needs.
type uploads struct {
	t      *testing.T
	x      *Blobs
	needed map[engine.Digest]bool
	a, b   peer.ID
}

func newUploads(t *testing.T) *uploads {
	u := &uploads{t: t, needed: map[engine.Digest]bool{}, a: nodetest.Identity(t).ID(), b: nodetest.Identity(t).ID()}
	u.x = NewBlobs(testBlobs(t), nil, peers.Identity{}, engine.Digest{})
	u.x.SetNeeded(func() map[engine.Digest]bool { return maps.Clone(u.needed) })
	return u
}

func keyBlob(i int) []byte { return binary.BigEndian.AppendUint32(nil, uint32(i)) }

func keyDigest(i int) engine.Digest { return protocols.BlobDigest(keyBlob(i)) }

// upload of an analyst; tells whether it was taken.
func (u *uploads) upload(who peer.ID, i int) bool {
	u.t.Helper()
	taken, err := u.x.lend(who, keyDigest(i), keyBlob(i))
	if err != nil {
		u.t.Fatal(err)
	}
	return taken
}

// flood uploads so many others.
func (u *uploads) flood(who peer.ID, count int) (taken int) {
	u.t.Helper()
	for i := range count {
		if u.upload(who, 1000+i) {
			taken++
		}
	}
	return taken
}

func (u *uploads) held(i int) bool {
	_, err := u.x.store.Get(keyDigest(i))
	return err == nil
}

// TestUploads: an analyst's uploads push out nothing but its own, and of these none that
// somebody waits for.
func TestUploads(t *testing.T) {
	const many = uploadsAnalyst + 1
	for what, test := range map[string]struct {
		do   func(u *uploads)
		held map[int]bool
	}{
		"seventeen push out the own oldest": {func(u *uploads) { u.upload(u.a, 1); u.flood(u.a, uploadsAnalyst) }, map[int]bool{1: false, 1000: true}},
		"sixteen push out nothing":          {func(u *uploads) { u.upload(u.a, 1); u.flood(u.a, uploadsAnalyst-1) }, map[int]bool{1: true, 1000: true}},
		"an open question names it":         {func(u *uploads) { u.upload(u.a, 1); u.needed[keyDigest(1)] = true; u.flood(u.a, 3*many) }, map[int]bool{1: true}},
		"the second is not named": {func(u *uploads) {
			u.upload(u.a, 1)
			u.upload(u.a, 2)
			u.needed[keyDigest(1)] = true
			u.flood(u.a, uploadsAnalyst-1)
		}, map[int]bool{1: true, 2: false}},
		"another analyst's":            {func(u *uploads) { u.upload(u.b, 1); u.flood(u.a, 3*many) }, map[int]bool{1: true}},
		"both uploaded it, it first":   {func(u *uploads) { u.upload(u.a, 1); u.upload(u.b, 1); u.flood(u.a, 3*many) }, map[int]bool{1: true}},
		"both uploaded it, it last":    {func(u *uploads) { u.upload(u.b, 1); u.upload(u.a, 1); u.flood(u.a, 3*many) }, map[int]bool{1: true}},
		"both uploaded it, both flood": {func(u *uploads) { u.upload(u.b, 1); u.upload(u.a, 1); u.flood(u.a, many); u.flood(u.b, many) }, map[int]bool{1: false}},
		"the node holds it already":    {func(u *uploads) { u.x.store.Put(keyBlob(1)); u.upload(u.a, 1); u.flood(u.a, 3*many) }, map[int]bool{1: true}},
		"the node publishes it later":  {func(u *uploads) { u.upload(u.a, 1); u.x.store.Put(keyBlob(1)); u.flood(u.a, 3*many) }, map[int]bool{1: true}},
		"a machine took it up":         {func(u *uploads) { u.upload(u.a, 1); fetchHere(u, 1); u.flood(u.a, 3*many) }, map[int]bool{1: true}},
		"uploaded twice counts once":   {func(u *uploads) { u.upload(u.a, 1); u.upload(u.a, 1); u.flood(u.a, uploadsAnalyst-1) }, map[int]bool{1: true}},
		"uploaded twice by one, once by another": {func(u *uploads) {
			u.upload(u.a, 1)
			u.upload(u.a, 1)
			u.upload(u.b, 1)
			u.flood(u.a, many)
			u.flood(u.b, many)
		}, map[int]bool{1: false}},
		"dropped by retention, then again": {func(u *uploads) {
			u.upload(u.a, 1)
			u.x.store.Drop(keyDigest(1))
			u.upload(u.b, 1)
			u.flood(u.a, 3*many)
		}, map[int]bool{1: true}},
		"the ledger is not open yet": {func(u *uploads) { u.x.needed = nil; u.upload(u.a, 1); u.flood(u.a, 3*many) }, map[int]bool{1: true, 1000: true}},
	} {
		t.Run(what, func(t *testing.T) {
			u := newUploads(t)
			test.do(u)
			for i, want := range test.held {
				if u.held(i) != want {
					t.Errorf("blob %d: held %v", i, !want)
				}
			}
			if n := len(u.x.store.held); n > 2*uploadsAnalyst+2 {
				t.Errorf("%d blobs lie here", n)
			}
		})
	}
}

// fetchHere has a machine ask for a blob that is here.
func fetchHere(u *uploads, i int) {
	u.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	w := protocols.Want{Digest: keyDigest(i), Size: len(keyBlob(i))}
	if _, err := u.x.Fetch(ctx, w, func() []peer.ID { return nil }); err != nil {
		u.t.Fatal(err)
	}
}

// TestUploadsAllNeeded: where all of an analyst's uploads are needed, the next one is refused.
func TestUploadsAllNeeded(t *testing.T) {
	u := newUploads(t)
	for i := range uploadsAnalyst {
		u.needed[keyDigest(1000+i)] = true
	}
	if got := u.flood(u.a, uploadsAnalyst+5); got != uploadsAnalyst {
		t.Errorf("%d uploads were taken", got)
	}
	if !u.upload(u.b, 1) {
		t.Error("another analyst's is refused")
	}
	delete(u.needed, keyDigest(1003))
	if !u.upload(u.a, 2) || u.held(1003) || !u.held(1000) {
		t.Error("the one that is not needed any more did not make room")
	}
}

// TestUploadSize: an analyst uploads its key, which has one length, what the ledger waits for, which it
// shows with an accusation, and nothing else.
func TestUploadSize(t *testing.T) {
	_, other, client := exchanges(t)
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	to := other.transport.Libp2p.ID()
	if client.Upload(ctx, to, make([]byte, 40)) == nil {
		t.Error("a node that does not know the length takes a key")
	}
	other.KeySize = 40
	for size, ok := range map[int]bool{0: false, 1: false, 39: false, 40: true, 41: false, 80: false, 1 << 20: false} {
		if err := client.Upload(ctx, to, make([]byte, size)); (err == nil) != ok {
			t.Errorf("%d bytes: %v", size, err)
		}
	}
	shown := []byte("a contribution that does not verify, of another length")
	if err := client.Upload(ctx, to, shown); !errors.Is(err, ErrNotTaken) {
		t.Errorf("what the ledger does not name: %v", err)
	}
	other.SetNeeded(func() map[engine.Digest]bool { return map[engine.Digest]bool{protocols.BlobDigest(shown): true} })
	if err := client.Upload(ctx, to, shown); err != nil {
		t.Errorf("what the ledger waits for: %v", err)
	}
	if err := client.Upload(ctx, to, shown[1:]); !errors.Is(err, ErrNotTaken) {
		t.Errorf("another: %v", err)
	}
}
