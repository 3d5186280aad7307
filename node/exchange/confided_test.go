package exchange

import (
	"bytes"
	"context"
	"os"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"

	"parley/engine"
	"parley/node/nodetest"
	"parley/node/peers"
	"parley/protocols"
)

// onDisk is what the files of a store hold, together.
func onDisk(t *testing.T, x *Blobs) []byte {
	t.Helper()
	var all []byte
	entries, err := os.ReadDir(x.store.dir)
	nodetest.Check(t, err)
	for _, e := range entries {
		data, err := os.ReadFile(x.store.dir + "/" + e.Name())
		nodetest.Check(t, err)
		all = append(all, data...)
	}
	return all
}

// TestConfided: what is confided to a query's contributors is given to them, from memory, and to nobody else by any way:
// not to a member that is none of them, a person, a person through a contributor, a person or member that names it as an
// ordinary blob, or a stranger. Nothing of it is in any store, and with the query it is gone.
func TestConfided(t *testing.T) {
	ids := map[string]peers.Identity{}
	roles := map[peer.ID]peers.Role{}
	for name, role := range map[string]peers.Role{"owner": peers.Member, "contributor": peers.Member, "auditor": peers.Member, "analyst": peers.Person} {
		ids[name] = nodetest.Identity(t)
		roles[ids[name].ID()] = role
	}
	ids["stranger"] = nodetest.Identity(t)
	xs := map[string]*Blobs{}
	for name, id := range ids {
		store := testBlobs(t)
		if name == "analyst" || name == "stranger" {
			store = nil
		}
		xs[name] = NewBlobs(store, nodetest.Host(t, id, peers.NewRoles(roles), nil), id, engine.Hash("test"))
		if store != nil {
			xs[name].Serve()
		}
	}
	for _, a := range xs {
		for _, b := range xs {
			if a != b {
				nodetest.Knows(a.transport, b.transport)
			}
		}
	}
	owner, query := xs["owner"], engine.Hash("a screening")
	secret, share := bytes.Repeat([]byte("secret "), 300), bytes.Repeat([]byte("share "), 60_000)
	to := []protocols.Key{ids["contributor"].Key(), ids["owner"].Key()}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()

	// Who waits for it gets it when it is confided.
	want := func(data []byte) protocols.Want {
		return protocols.Want{Digest: protocols.BlobDigest(data), Size: len(data), Sources: []protocols.Key{ids["owner"].Key()}, Confided: true}
	}
	confided := make(chan error, 1)
	time.AfterFunc(200*time.Millisecond, func() {
		confided <- owner.Confide(query, []protocols.Confidence{{Blob: secret, To: to}, {Blob: share, To: to}})
	})
	for _, data := range [][]byte{secret, share} {
		got, err := xs["contributor"].Fetch(ctx, want(data), from(owner))
		if err != nil || !bytes.Equal(got.Bytes, data) {
			t.Fatal(err)
		}
	}
	nodetest.Check(t, <-confided)

	get := func(who, of string, op blobOp, waitMs uint32) error {
		q := blobRequest{Op: op, Digest: protocols.BlobDigest(secret), Size: uint64(len(secret)), Owner: ids["owner"].Key(), WaitMs: waitMs}
		_, _, err := xs[who].fetchOnce(ctx, q, ids[of].ID())
		return err
	}
	for _, c := range []struct {
		who, of string
		op      blobOp
	}{
		{"auditor", "owner", blobConfided}, {"analyst", "owner", blobConfided},
		{"auditor", "owner", blobGet}, {"analyst", "owner", blobGet}, {"contributor", "owner", blobGet},
		// Through a contributor, that has the right to it, and which passes on what it does not hold.
		{"analyst", "contributor", blobGet}, {"analyst", "contributor", blobConfided}, {"auditor", "contributor", blobConfided},
	} {
		for _, waitMs := range []uint32{0, 300} {
			if err := get(c.who, c.of, c.op, waitMs); err != ErrNoBlob {
				t.Errorf("%s of %s, operation %d: %v", c.who, c.of, c.op, err)
			}
		}
	}
	if err := get("stranger", "owner", blobConfided, 0); err == nil || err == ErrNoBlob {
		t.Errorf("a stranger was answered: %v", err)
	}
	for _, name := range []string{"owner", "contributor", "auditor"} {
		if held := onDisk(t, xs[name]); bytes.Contains(held, secret[:7]) || bytes.Contains(held, share[:6]) {
			t.Errorf("what is confided is in the store of %s", name)
		}
	}
	// What is published is no confidence.
	open := []byte("everybody's")
	if _, err := owner.store.Put(open); err != nil {
		t.Fatal(err)
	}
	q := blobRequest{Op: blobConfided, Digest: protocols.BlobDigest(open), Size: uint64(len(open)), Owner: ids["owner"].Key()}
	if _, _, err := xs["contributor"].fetchOnce(ctx, q, ids["owner"].ID()); err != ErrNoBlob {
		t.Errorf("a published blob as a confided one: %v", err)
	}

	owner.Forsake(query)
	if err := get("contributor", "owner", blobConfided, 0); err != ErrNoBlob {
		t.Errorf("after the query's end: %v", err)
	}
	if len(owner.confided.of) != 0 {
		t.Error("something is left of an ended query")
	}
}

// TestConfidedLimit: a query confides as much as it can have, and the same again costs nothing.
func TestConfidedLimit(t *testing.T) {
	x := &Blobs{confided: newConfided()}
	query, to := engine.Hash("q"), []protocols.Key{{1}}
	for i := range confidedLimit {
		nodetest.Check(t, x.Confide(query, []protocols.Confidence{{Blob: []byte{byte(i), byte(i >> 8)}, To: to}}))
	}
	if err := x.Confide(query, []protocols.Confidence{{Blob: []byte{0, 0}, To: to}}); err != nil {
		t.Errorf("the same again: %v", err)
	}
	if err := x.Confide(query, []protocols.Confidence{{Blob: []byte("one more"), To: to}}); err == nil {
		t.Error("a query confided more than it has")
	}
	if err := x.Confide(engine.Hash("other"), []protocols.Confidence{{Blob: make([]byte, BlobLimit+1), To: to}}); err == nil {
		t.Error("a blob over the limit")
	}
}
