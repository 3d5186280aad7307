package exchange

import (
	"context"
	"fmt"
	"slices"
	"sync"

	"github.com/libp2p/go-libp2p/core/peer"

	"parley/engine"
	"parley/node/peers"
	"parley/protocols"
)

// confidedLimit is how many blobs a query has to confide: a share a ciphertext, and the secret of its key.
const confidedLimit = protocols.MaxCiphertexts + 1

// confided are the blobs that this node gives to a few alone (README section 5): a screening's. They are in memory only,
// and nothing of the store's comes to them or theirs to the store.
type confided struct {
	mu      sync.Mutex
	of      map[engine.Digest][]confidence // by query
	changed chan struct{}                  // closed and replaced with each that is added
}

type confidence struct {
	digest engine.Digest
	data   []byte
	to     []peer.ID
}

func newConfided() confided {
	return confided{of: map[engine.Digest][]confidence{}, changed: make(chan struct{})}
}

// Confide serves blobs of a query to those whom each is for, until Forsake. What is confided again stays as it was.
func (x *Blobs) Confide(query engine.Digest, list []protocols.Confidence) error {
	c := &x.confided
	c.mu.Lock()
	defer c.mu.Unlock()
	held := c.of[query]
	for _, b := range list {
		digest := protocols.BlobDigest(b.Blob)
		if slices.ContainsFunc(held, func(h confidence) bool { return h.digest == digest }) {
			continue
		}
		if len(held) == confidedLimit || len(b.Blob) > BlobLimit {
			return fmt.Errorf("a query confides at most %d blobs of %d bytes each", confidedLimit, BlobLimit)
		}
		to := make([]peer.ID, len(b.To))
		for i, key := range b.To {
			to[i] = peers.IDOf(key)
		}
		held = append(held, confidence{digest, b.Blob, to})
	}
	c.of[query] = held
	close(c.changed)
	c.changed = make(chan struct{})
	return nil
}

// Forsake drops what was confided of a query, which has ended.
func (x *Blobs) Forsake(query engine.Digest) {
	x.confided.mu.Lock()
	defer x.confided.mu.Unlock()
	delete(x.confided.of, query)
}

// find is a blob that is confided to a peer; nil where there is none, or none for it. changed is closed when there is more.
func (c *confided) find(digest engine.Digest, to peer.ID) (data []byte, changed <-chan struct{}) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, held := range c.of {
		for _, b := range held {
			if b.digest == digest && slices.Contains(b.to, to) {
				return b.data, nil
			}
		}
	}
	return nil, c.changed
}

// await is find, once there is one; nil if there is none before ctx ends. Whom a blob is not for waits as long as for one
// that does not exist.
func (c *confided) await(ctx context.Context, digest engine.Digest, to peer.ID) []byte {
	for {
		data, changed := c.find(digest, to)
		if data != nil {
			return data
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return nil
		}
	}
}
