package node

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

	"parley/engine"
	"parley/node/disk"
	"parley/protocols"
)

// BlobLimit bounds one blob: a contribution at the default parameters takes
// 393,412 bytes, and no set of parameters comes near this.
const BlobLimit = 16 << 20

// errNoBlob is a digest that the store does not hold.
var errNoBlob = errors.New("no such blob")

// blobStore keeps ciphertexts and key shares in a folder, each in a file
// named by its digest. What is in the store may be served to every peer on
// the allow-list: a node's own blobs enter it only when its protocol machine
// publishes them. Files appear whole or not at all; what a peer sent is
// checked against its digest before it enters, and again when it is read.
type blobStore struct {
	dir     string
	mu      sync.Mutex
	held    map[engine.Digest]int64 // size in bytes
	changed chan struct{}           // closed and replaced on each Put
}

// openBlobs opens or makes the store in dir.
func openBlobs(dir string) (*blobStore, error) {
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
	b := &blobStore{dir: dir, held: map[engine.Digest]int64{}, changed: make(chan struct{})}
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

func (b *blobStore) path(d engine.Digest) string { return filepath.Join(b.dir, d.String()) }

// Put stores a blob durably under its own digest, which it returns.
func (b *blobStore) Put(data []byte) (engine.Digest, error) {
	d := protocols.BlobDigest(data)
	if len(data) > BlobLimit {
		return d, fmt.Errorf("a blob of %d bytes is over the limit of %d", len(data), BlobLimit)
	}
	b.mu.Lock()
	_, have := b.held[d]
	b.mu.Unlock()
	if have {
		return d, nil
	}
	if err := disk.WriteFile(b.path(d), data); err != nil {
		return d, err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.held[d] = int64(len(data))
	close(b.changed)
	b.changed = make(chan struct{})
	return d, nil
}

// Size is a held blob's size in bytes.
func (b *blobStore) Size(d engine.Digest) (int64, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	n, ok := b.held[d]
	return n, ok
}

// Get reads a blob. A file that was damaged on the disk is dropped, and
// reported as missing: it can be fetched again, or published again.
func (b *blobStore) Get(d engine.Digest) ([]byte, error) {
	if _, ok := b.Size(d); !ok {
		return nil, errNoBlob
	}
	data, err := os.ReadFile(b.path(d))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("reading a blob: %w", err)
	}
	if err != nil || protocols.BlobDigest(data) != d {
		b.Drop(d)
		return nil, errNoBlob
	}
	return data, nil
}

// Wait returns when the blob is held, or with ctx's error.
func (b *blobStore) Wait(ctx context.Context, d engine.Digest) error {
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
func (b *blobStore) Total() (count int, bytes int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, size := range b.held {
		bytes += size
	}
	return len(b.held), bytes
}

// Drop removes a blob; one that is not held is no error.
func (b *blobStore) Drop(d engine.Digest) {
	b.mu.Lock()
	delete(b.held, d)
	b.mu.Unlock()
	os.Remove(b.path(d))
}

// Expire drops the blobs that wanted does not name and that were stored before
// a time.
func (b *blobStore) Expire(before time.Time, wanted func(engine.Digest) bool) {
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
