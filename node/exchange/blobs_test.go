package exchange

import (
	"bytes"
	"context"
	"errors"
	"os"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"

	"parley/engine"
	"parley/node/disk"
	"parley/node/nodetest"
	"parley/node/peers"
	"parley/protocols"
)

func testBlobs(t *testing.T) *Store {
	t.Helper()
	b, err := OpenStore(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestBlobStore(t *testing.T) {
	b := testBlobs(t)
	data := bytes.Repeat([]byte("ciphertext"), 10_000)
	d, err := b.Put(data)
	if err != nil {
		t.Fatal(err)
	}
	if again, err := b.Put(data); err != nil || again != d {
		t.Errorf("%v %v", again, err)
	}
	if _, err := b.Put(make([]byte, BlobLimit+1)); err == nil {
		t.Error("a blob over the limit was stored")
	}
	os.WriteFile(b.dir+"/"+disk.TemporaryPrefix+"1", []byte("half"), 0o600)
	os.WriteFile(b.dir+"/notes.txt", []byte("not ours"), 0o600)
	again, err := OpenStore(b.dir)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := again.Get(d); err != nil || !bytes.Equal(got, data) {
		t.Errorf("after reopening: %v", err)
	}
	if entries, _ := os.ReadDir(b.dir); len(entries) != 2 {
		t.Errorf("the folder holds %v", entries)
	}
	// Damage on the disk is noticed, and the blob can come again.
	changed := bytes.Clone(data)
	changed[77] ^= 4
	os.WriteFile(b.path(d), changed, 0o600)
	if _, err := again.Get(d); err != ErrNoBlob {
		t.Errorf("a damaged blob: %v", err)
	}
	if _, err := again.Put(data); err != nil {
		t.Error(err)
	}
	again.Expire(time.Now().Add(-time.Hour), func(engine.Digest) bool { return false })
	if _, err := again.Get(d); err != nil {
		t.Errorf("a blob within its retention: %v", err)
	}
	again.Expire(time.Now().Add(time.Hour), func(engine.Digest) bool { return true })
	if _, err := again.Get(d); err != nil {
		t.Errorf("a blob that is wanted: %v", err)
	}
	again.Expire(time.Now().Add(time.Hour), func(engine.Digest) bool { return false })
	if _, err := again.Get(d); err != ErrNoBlob {
		t.Errorf("a dropped blob: %v", err)
	}
}

// exchanges makes an owner, another member and an analyst, connected.
func exchanges(t *testing.T) (owner, other, client *Blobs) {
	a, b, c := nodetest.Identity(t), nodetest.Identity(t), nodetest.Identity(t)
	allow := peers.NewRoles(map[peer.ID]peers.Role{a.ID(): peers.Member, b.ID(): peers.Member, c.ID(): peers.Person})
	ta, tb, tc := nodetest.Host(t, a, allow, nil), nodetest.Host(t, b, allow, nil), nodetest.Host(t, c, peers.NewRoles(map[peer.ID]peers.Role{a.ID(): peers.Member, b.ID(): peers.Member}), nil)
	for _, pair := range [][2]*peers.Host{{ta, tb}, {tb, ta}, {tc, ta}, {tc, tb}} {
		nodetest.Knows(pair[0], pair[1])
	}
	network := engine.Hash("test")
	owner, other = NewBlobs(testBlobs(t), ta, a, network), NewBlobs(testBlobs(t), tb, b, network)
	client = NewBlobs(nil, tc, c, network)
	owner.Serve()
	other.Serve()
	return owner, other, client
}

func from(x *Blobs) func() []peer.ID {
	return func() []peer.ID { return []peer.ID{x.transport.Libp2p.ID()} }
}

func TestBlobFetch(t *testing.T) {
	owner, other, client := exchanges(t)
	data := bytes.Repeat([]byte{1, 2, 3, 4, 5}, 80_000)
	want := protocols.Want{Digest: protocols.BlobDigest(data), Size: len(data), Sources: []protocols.Key{owner.id.Key()}}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()

	// Not published yet: whoever asks waits, and has it as soon as it is.
	published := make(chan error, 1)
	time.AfterFunc(300*time.Millisecond, func() { _, err := owner.store.Put(data); published <- err })
	got, err := other.Fetch(ctx, want, from(owner))
	if err != nil || !bytes.Equal(got.Bytes, data) || <-published != nil {
		t.Fatalf("%v", err)
	}
	// The analyst's node passes the owner's on.
	secret := []byte("another blob")
	if _, err := owner.store.Put(secret); err != nil {
		t.Fatal(err)
	}
	relayed := protocols.Want{Digest: protocols.BlobDigest(secret), Size: len(secret), Sources: []protocols.Key{owner.id.Key()}}
	if got, err := client.Fetch(ctx, relayed, from(other)); err != nil || !bytes.Equal(got.Bytes, secret) {
		t.Errorf("%v", err)
	}
	// A question's key goes the other way, from analysts only.
	other.KeySize = len("key")
	other.SetNeeded(func() map[engine.Digest]bool { return nil })
	if err := client.Upload(ctx, other.transport.Libp2p.ID(), []byte("key")); err != nil {
		t.Error(err)
	}
	if _, err := other.store.Get(protocols.BlobDigest([]byte("key"))); err != nil {
		t.Error(err)
	}
	if err := owner.Upload(ctx, other.transport.Libp2p.ID(), []byte("junk")); err == nil {
		t.Error("a member put a blob into another one's store")
	}
	for i := range 2 * uploadsAnalyst {
		if err := client.Upload(ctx, other.transport.Libp2p.ID(), []byte{byte(i), 0, 0}); err != nil {
			t.Fatal(err)
		}
	}
	if n := len(other.store.held); n > uploadsAnalyst+2 {
		t.Errorf("an analyst filled the store with %d blobs", n)
	}
}

// What an owner signs wrongly convicts it, also through a relay; what nobody
// signed counts as nothing.
func TestBlobLies(t *testing.T) {
	for name, lie := range map[string]func([]byte) []byte{
		string(protocols.FaultOversized):    func(b []byte) []byte { return append(bytes.Clone(b), 0) },
		string(protocols.FaultEquivocation): func(b []byte) []byte { b = bytes.Clone(b); b[0] ^= 1; return b },
	} {
		t.Run(name, func(t *testing.T) {
			owner, other, client := exchanges(t)
			data := make([]byte, 200_000)
			if _, err := owner.store.Put(data); err != nil {
				t.Fatal(err)
			}
			owner.Forge = func(_ peer.ID, _ engine.Digest, b []byte) []byte { return lie(b) }
			want := protocols.Want{Digest: protocols.BlobDigest(data), Size: len(data), Sources: []protocols.Key{owner.id.Key()}}
			ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
			defer cancel()
			for who, fetch := range map[string]func() (protocols.Blob, error){
				"member":  func() (protocols.Blob, error) { return other.Fetch(ctx, want, from(owner)) },
				"analyst": func() (protocols.Blob, error) { return client.Fetch(ctx, want, from(other)) },
			} {
				got, err := fetch()
				if err != nil || got.Lie == nil || got.Bytes != nil {
					t.Fatalf("%s: %+v, %v", who, got, err)
				}
				if got.Lie.Server != owner.id.Key() || string(got.Lie.Fault(want.Size)) != name || got.Lie.Verify(owner.network) != nil {
					t.Errorf("%s: %+v", who, got.Lie)
				}
			}
			if _, held := other.store.Size(want.Digest); held {
				t.Error("a lie was stored")
			}
		})
	}
}

// Bytes that do not match their signed header, headers of other networks, and
// silence are refused in time, and never stored.
func TestBlobGarbage(t *testing.T) {
	owner, other, _ := exchanges(t)
	data := []byte("what was committed to")
	want := protocols.Want{Digest: protocols.BlobDigest(data), Size: len(data), Sources: []protocols.Key{owner.id.Key()}}
	honest := protocols.SignServed(owner.network, owner.id.Private(), want.Digest, data)
	foreign := protocols.SignServed(engine.Hash("another network"), owner.id.Private(), want.Digest, data)
	stranger := protocols.SignServed(owner.network, nodetest.Identity(t).Private(), want.Digest, data)
	other2 := protocols.SignServed(owner.network, owner.id.Private(), engine.Hash("another blob"), data)
	send := func(status blobStatus, served []byte, chunks ...[]byte) func(context.Context, *peers.Stream) error {
		return func(_ context.Context, s *peers.Stream) error {
			if _, err := s.Receive(peers.MessageLimit, time.Second); err != nil {
				return err
			}
			if err := s.SendValue(blobReply{Status: status, Served: served}); err != nil {
				return err
			}
			for _, c := range chunks {
				if err := s.Send(c); err != nil {
					return err
				}
			}
			return nil
		}
	}
	for name, handler := range map[string]func(context.Context, *peers.Stream) error{
		"other bytes":      send(blobFound, honest.Marshal(), []byte("what was commitTed to")),
		"too few":          send(blobFound, honest.Marshal(), data[:5]),
		"long chunk":       send(blobFound, honest.Marshal(), append(bytes.Clone(data), 'x')),
		"empty chunks":     send(blobFound, honest.Marshal(), nil, nil, nil),
		"other network":    send(blobFound, foreign.Marshal(), data),
		"stranger":         send(blobFound, stranger.Marshal(), data),
		"other blob":       send(blobFound, other2.Marshal(), data),
		"no header":        send(blobFound, nil, data),
		"lie that is none": send(blobLie, honest.Marshal()),
		"garbage":          func(_ context.Context, s *peers.Stream) error { return s.Send([]byte{0xff, 1, 2}) },
		"huge frame":       nil, // which no stream of ours sends
	} {
		t.Run(name, func(t *testing.T) {
			owner.transport.Handle(blobProtocol, peers.Member, handler)
			if handler == nil {
				owner.transport.Libp2p.SetStreamHandler(blobProtocol, func(raw network.Stream) {
					raw.Write([]byte{0xff, 0xff, 0xff, 0xff, 1})
					raw.Close()
				})
			}
			ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
			defer cancel()
			q := blobRequest{Op: blobGet, Digest: want.Digest, Size: uint64(want.Size), Owner: owner.id.Key()}
			got, lie, err := other.fetchOnce(ctx, q, owner.transport.Libp2p.ID())
			if err == nil || lie != nil || got != nil || errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("%q %v %v", got, lie, err)
			}
			if _, held := other.store.Size(want.Digest); held {
				t.Error("garbage was stored")
			}
		})
	}
}
