package exchange

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"

	"parley/engine"
	"parley/node/disk"
	"parley/protocols"
)

// BlobLimit bounds one blob: a contribution at the default parameters takes
// 393,412 bytes, and no set of parameters comes near this.
const BlobLimit = 16 << 20

// ErrNoBlob is a digest that the store does not hold.
var ErrNoBlob = errors.New("no such blob")

// Store keeps ciphertexts and key shares in a folder, each in a file
// named by its digest. What is in the store may be served to every peer on
// the allow-list: a node's own blobs enter it only when its protocol machine
// publishes them. Files appear whole or not at all; what a peer sent is
// checked against its digest before it enters, and again when it is read.
//
// What an analyst uploaded is lent until the node has a use of its own for it:
// who lent it may take it back, and of several the last one.
type Store struct {
	dir     string
	mu      sync.Mutex
	held    map[engine.Digest]int64     // size in bytes
	lent    map[engine.Digest][]peer.ID // by whom; of those in held
	changed chan struct{}               // closed and replaced on each Put
}

// OpenStore opens or makes the store in dir.
func OpenStore(dir string) (*Store, error) {
	if err := disk.MakeDir(dir); err != nil {
		return nil, err
	}
	if err := disk.RemoveTemporary(dir); err != nil {
		return nil, fmt.Errorf("clearing %s: %w", dir, err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", dir, err)
	}
	b := &Store{dir: dir, held: map[engine.Digest]int64{}, lent: map[engine.Digest][]peer.ID{}, changed: make(chan struct{})}
	for _, e := range entries {
		var d engine.Digest
		info, err := e.Info()
		if err != nil || !info.Mode().IsRegular() || d.UnmarshalText([]byte(e.Name())) != nil {
			continue // not ours
		}
		b.held[d] = info.Size()
	}
	return b, nil
}

func (b *Store) path(d engine.Digest) string { return filepath.Join(b.dir, d.String()) }

// Put stores a blob durably under its own digest, which it returns. It is the
// node's own from then on, also if it was lent.
func (b *Store) Put(data []byte) (engine.Digest, error) { return b.put(data, "") }

// Lend is Put for what an analyst uploads. A blob that is the node's own stays so.
func (b *Store) Lend(data []byte, who peer.ID) (engine.Digest, error) { return b.put(data, who) }

func (b *Store) put(data []byte, who peer.ID) (engine.Digest, error) {
	d := protocols.BlobDigest(data)
	if len(data) > BlobLimit {
		return d, fmt.Errorf("a blob of %d bytes is over the limit of %d", len(data), BlobLimit)
	}
	b.mu.Lock()
	have := b.owned(d, who)
	b.mu.Unlock()
	if have {
		return d, nil
	}
	if err := disk.WriteFile(b.path(d), data); err != nil {
		return d, err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.owned(d, who) { // another was faster
		return d, nil
	}
	b.held[d] = int64(len(data))
	if who != "" {
		b.lent[d] = []peer.ID{who}
	}
	close(b.changed)
	b.changed = make(chan struct{})
	return d, nil
}

// owned notes who stores a blob again, nobody being the node, and tells whether it is held.
func (b *Store) owned(d engine.Digest, who peer.ID) bool {
	_, have := b.held[d]
	lenders := b.lent[d]
	switch {
	case who == "":
		delete(b.lent, d)
	case len(lenders) > 0 && !slices.Contains(lenders, who):
		b.lent[d] = append(lenders, who)
	}
	return have
}

// Keep makes a blob the node's own, if it is held.
func (b *Store) Keep(d engine.Digest) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.lent, d)
}

// Lent tells whether a blob is held for analysts only, this one among them.
func (b *Store) Lent(d engine.Digest, who peer.ID) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Contains(b.lent[d], who)
}

// Return takes back what an analyst lent; with the last one it is dropped.
func (b *Store) Return(d engine.Digest, who peer.ID) {
	b.mu.Lock()
	defer b.mu.Unlock()
	lenders := b.lent[d]
	i := slices.Index(lenders, who)
	switch {
	case i < 0: // the node's own, or gone
	case len(lenders) == 1:
		b.drop(d)
	default:
		b.lent[d] = slices.Delete(lenders, i, i+1)
	}
}

// Size is a held blob's size in bytes.
func (b *Store) Size(d engine.Digest) (int64, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	n, ok := b.held[d]
	return n, ok
}

// Get reads a blob. A file that was damaged on the disk is dropped, and
// reported as missing: it can be fetched again, or published again.
func (b *Store) Get(d engine.Digest) ([]byte, error) {
	if _, ok := b.Size(d); !ok {
		return nil, ErrNoBlob
	}
	data, err := os.ReadFile(b.path(d))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("reading a blob: %w", err)
	}
	if err != nil || protocols.BlobDigest(data) != d {
		b.Drop(d)
		return nil, ErrNoBlob
	}
	return data, nil
}

// Wait returns when the blob is held, or with ctx's error.
func (b *Store) Wait(ctx context.Context, d engine.Digest) error {
	for {
		b.mu.Lock()
		_, ok := b.held[d]
		changed := b.changed
		b.mu.Unlock()
		if ok {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// Total is how many blobs are held, and their size in bytes.
func (b *Store) Total() (count int, bytes int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, size := range b.held {
		bytes += size
	}
	return len(b.held), bytes
}

// Drop removes a blob; one that is not held is no error.
func (b *Store) Drop(d engine.Digest) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.drop(d)
}

// drop removes the file under the lock: whoever stores the blob anew comes after.
func (b *Store) drop(d engine.Digest) {
	delete(b.held, d)
	delete(b.lent, d)
	os.Remove(b.path(d))
}

// Expire drops the blobs that wanted does not name and that were stored before
// a time.
func (b *Store) Expire(before time.Time, wanted func(engine.Digest) bool) {
	b.mu.Lock()
	held := slices.Collect(maps.Keys(b.held))
	b.mu.Unlock()
	for _, d := range held {
		if wanted(d) {
			continue
		}
		if info, err := os.Stat(b.path(d)); err == nil && info.ModTime().Before(before) {
			b.Drop(d)
		}
	}
}
