package ledger

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"

	dbm "github.com/cometbft/cometbft-db"
	"github.com/syndtr/goleveldb/leveldb"
	"github.com/syndtr/goleveldb/leveldb/filter"
	"github.com/syndtr/goleveldb/leveldb/iterator"
	"github.com/syndtr/goleveldb/leveldb/opt"
	"github.com/syndtr/goleveldb/leveldb/storage"
	"github.com/syndtr/goleveldb/leveldb/util"

	"parley/node/disk"
)

// Sizes of the store's caches, for all of a ledger's tables together.
const (
	storeWriteBuffer = 1 << 20
	storeBlockCache  = 2 << 20
	storeOpenFiles   = 64
)

// Parts of the store: CometBFT's databases and our index.
const (
	partBlocks   = 'b'
	partState    = 's'
	partEvidence = 'e'
	partIndex    = 'i'
)

var (
	errStoreClosed = errors.New("the ledger's store is closed")
	errKeyEmpty    = errors.New("an empty key")
	errValueNil    = errors.New("a nil value")
	errBatchClosed = errors.New("a batch that was written or closed")
)

// store is one goleveldb in which CometBFT's databases and the index are
// parts, so that a ledger has one set of files and one cache.
//
// CometBFT closes its databases when it stops, while its reactors may still
// read them, and it panics when a read fails. So a part's Close does nothing;
// store.Close, which comes later, waits for operations under way, and after it
// reads find nothing and writes fail.
type store struct {
	mu     sync.RWMutex // held for reading by each operation
	db     *leveldb.DB  // nil once closed
	folder storage.Storage
}

// openStore opens or makes the store in dir, and takes its lock.
func openStore(dir string) (*store, error) {
	if err := os.MkdirAll(dir, disk.DirMode); err != nil {
		return nil, fmt.Errorf("making the folder %s: %w", dir, err)
	}
	files, err := storage.OpenFile(dir, false)
	if errors.Is(err, syscall.EAGAIN) {
		return nil, fmt.Errorf("another node is running from %s", filepath.Dir(dir))
	}
	if err != nil {
		return nil, fmt.Errorf("opening the store %s: %w", dir, err)
	}
	folder := privateFiles{files, dir}
	if err := folder.tighten(); err != nil {
		files.Close()
		return nil, err
	}
	options := &opt.Options{
		WriteBuffer:            storeWriteBuffer,
		BlockCacheCapacity:     storeBlockCache,
		OpenFilesCacheCapacity: storeOpenFiles,
		Filter:                 filter.NewBloomFilter(10),
	}
	db, err := leveldb.Open(folder, options)
	if err != nil {
		files.Close()
		return nil, fmt.Errorf("opening the store %s: %w", dir, err)
	}
	return &store{db: db, folder: files}, nil
}

// Close waits for what is under way and closes the files.
func (s *store) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.db == nil {
		return nil
	}
	err := s.db.Close()
	s.db = nil
	return errors.Join(err, s.folder.Close())
}

// logFile is consensus' write-ahead log, in its folder: the file that is
// written to. Beside it are the full ones: wal.000, wal.001 and so on.
const (
	logFolder = "wal"
	logFile   = "wal"
)

// logTrim removes what no restart reads of consensus' write-ahead log. CometBFT
// goes on in a new file after some 10 MB and keeps 1 GiB of them, and reads only
// what comes after the last block's end.
type logTrim struct {
	dir  string
	keep uint64 // number of the newest full file at the last block
	log  *slog.Logger
}

// Block is told of each committed block, whose end stands in the log by then:
// in the newest full file, or in the one that is written to. Files go one block
// later, since the first block after a start may come out of the log itself.
func (t *logTrim) Block() {
	entries, err := os.ReadDir(t.dir)
	if err != nil {
		t.log.Warn("the write-ahead log is not trimmed", "error", err.Error())
		return
	}
	keep := t.keep
	for _, e := range entries {
		number, full := strings.CutPrefix(e.Name(), logFile+".")
		n, err := strconv.ParseUint(number, 10, 63)
		if !full || err != nil {
			continue
		}
		t.keep = max(t.keep, n)
		if n < keep {
			if err := os.Remove(filepath.Join(t.dir, e.Name())); err != nil {
				t.log.Warn("the write-ahead log is not trimmed", "error", err.Error())
			}
		}
	}
}

// part is the database under a prefix.
func (s *store) part(prefix byte) part { return part{s, prefix} }

// privateFiles makes all of goleveldb's files readable by their owner only,
// and keeps no text log.
type privateFiles struct {
	storage.Storage
	dir string
}

func (p privateFiles) Log(string) {}

func (p privateFiles) Create(fd storage.FileDesc) (storage.Writer, error) {
	w, err := p.Storage.Create(fd)
	if err != nil {
		return nil, err
	}
	if err := os.Chmod(filepath.Join(p.dir, fd.String()), disk.FileMode); err != nil {
		w.Close()
		return nil, err
	}
	return w, nil
}

func (p privateFiles) SetMeta(fd storage.FileDesc) error {
	if err := p.Storage.SetMeta(fd); err != nil {
		return err
	}
	for _, name := range []string{"CURRENT", "CURRENT.bak"} {
		if err := os.Chmod(filepath.Join(p.dir, name), disk.FileMode); err != nil && !os.IsNotExist(err) {
			return err
		}
	}
	return nil
}

// tighten takes everybody else's rights away, whatever the umask was.
func (p privateFiles) tighten() error {
	entries, err := os.ReadDir(p.dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if err := os.Chmod(filepath.Join(p.dir, e.Name()), disk.FileMode); err != nil && !os.IsNotExist(err) {
			return err
		}
	}
	return nil
}

// part implements CometBFT's database interface over the store's keys that
// start with a byte. Safe for concurrent use.
type part struct {
	store  *store
	prefix byte
}

var _ dbm.DB = part{}

func (p part) key(k []byte) []byte { return append([]byte{p.prefix}, k...) }

// span is the store's keys for [start, end) of the part; nil is open.
func (p part) span(start, end []byte) *util.Range {
	r := &util.Range{Start: p.key(start), Limit: []byte{p.prefix + 1}}
	if end != nil {
		r.Limit = p.key(end)
	}
	return r
}

func (p part) Get(k []byte) ([]byte, error) {
	if len(k) == 0 {
		return nil, errKeyEmpty
	}
	p.store.mu.RLock()
	defer p.store.mu.RUnlock()
	if p.store.db == nil {
		return nil, nil
	}
	v, err := p.store.db.Get(p.key(k), nil)
	if errors.Is(err, leveldb.ErrNotFound) {
		return nil, nil
	}
	return v, err
}

func (p part) Has(k []byte) (bool, error) {
	v, err := p.Get(k)
	return v != nil, err
}

func (p part) Set(k, v []byte) error     { return p.set(k, v, false) }
func (p part) SetSync(k, v []byte) error { return p.set(k, v, true) }

func (p part) set(k, v []byte, sync bool) error {
	b := p.NewBatch().(*batch)
	if err := b.Set(k, v); err != nil {
		return err
	}
	return b.write(sync)
}

func (p part) Delete(k []byte) error     { return p.remove(k, false) }
func (p part) DeleteSync(k []byte) error { return p.remove(k, true) }

func (p part) remove(k []byte, sync bool) error {
	b := p.NewBatch().(*batch)
	if err := b.Delete(k); err != nil {
		return err
	}
	return b.write(sync)
}

func (p part) Iterator(start, end []byte) (dbm.Iterator, error) {
	return p.iterate(start, end, false)
}

func (p part) ReverseIterator(start, end []byte) (dbm.Iterator, error) {
	return p.iterate(start, end, true)
}

func (p part) iterate(start, end []byte, reverse bool) (dbm.Iterator, error) {
	if (start != nil && len(start) == 0) || (end != nil && len(end) == 0) {
		return nil, errKeyEmpty
	}
	p.store.mu.RLock()
	defer p.store.mu.RUnlock()
	it := &cursor{source: iterator.NewEmptyIterator(nil), start: start, end: end, reverse: reverse}
	if p.store.db != nil {
		it.source = p.store.db.NewIterator(p.span(start, end), nil)
	}
	if reverse {
		it.source.Last()
	} else {
		it.source.First()
	}
	return it, nil
}

// Close does nothing: see store.
func (p part) Close() error             { return nil }
func (p part) Print() error             { return nil }
func (p part) Stats() map[string]string { return nil }

func (p part) Compact(start, end []byte) error {
	p.store.mu.RLock()
	defer p.store.mu.RUnlock()
	if p.store.db == nil {
		return errStoreClosed
	}
	return p.store.db.CompactRange(*p.span(start, end))
}

func (p part) NewBatch() dbm.Batch { return &batch{part: p, pending: new(leveldb.Batch)} }

// batch is written at once or not at all.
type batch struct {
	part    part
	pending *leveldb.Batch // nil once written or closed
}

func (b *batch) Set(k, v []byte) error {
	switch {
	case len(k) == 0:
		return errKeyEmpty
	case v == nil:
		return errValueNil
	case b.pending == nil:
		return errBatchClosed
	}
	b.pending.Put(b.part.key(k), v)
	return nil
}

func (b *batch) Delete(k []byte) error {
	switch {
	case len(k) == 0:
		return errKeyEmpty
	case b.pending == nil:
		return errBatchClosed
	}
	b.pending.Delete(b.part.key(k))
	return nil
}

func (b *batch) Write() error     { return b.write(false) }
func (b *batch) WriteSync() error { return b.write(true) }

func (b *batch) write(sync bool) error {
	if b.pending == nil {
		return errBatchClosed
	}
	s := b.part.store
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.db == nil {
		return errStoreClosed
	}
	if err := s.db.Write(b.pending, &opt.WriteOptions{Sync: sync}); err != nil {
		return err
	}
	b.pending = nil
	return nil
}

func (b *batch) Close() error {
	b.pending = nil
	return nil
}

// cursor walks a snapshot of a part. Keys and values are valid until the next
// step.
type cursor struct {
	source     iterator.Iterator
	start, end []byte
	reverse    bool
}

func (c *cursor) Domain() ([]byte, []byte) { return c.start, c.end }
func (c *cursor) Valid() bool              { return c.source.Valid() }
func (c *cursor) Key() []byte              { return c.source.Key()[1:] }
func (c *cursor) Value() []byte            { return c.source.Value() }
func (c *cursor) Error() error             { return c.source.Error() }

func (c *cursor) Next() {
	if c.reverse {
		c.source.Prev()
	} else {
		c.source.Next()
	}
}

func (c *cursor) Close() error {
	c.source.Release()
	return nil
}
