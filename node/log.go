package node

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"parley/circuits"
	"parley/engine"
	"parley/protocols"
)

// Log is the network's one ordered history, as a node uses it. Here it is the
// keeper's signed hash chain (keptLog) and its replicas (followedLog); a
// Byzantine ledger takes their place behind this interface.
//
// Privacy and correctness hold whatever a log does: machines check all that
// they read, and the worst that it can do is to stop them.
type Log interface {
	// Append has an entry ordered. nil: it stands on the log, now or since
	// before, so that sending the same entry again does no harm. A
	// *protocols.Refusal: it never will. Any other error: unknown, try again.
	Append(ctx context.Context, e protocols.Entry) error

	// Height is how many records are stored here.
	Height() uint64

	// Follow gives the records after a height to deliver, in order, as they
	// become known; each is checked and durable before it is delivered. It
	// returns ctx's error at ctx's end, deliver's own error, or a
	// *protocols.Fault when the log itself deviates.
	Follow(ctx context.Context, after uint64, deliver func([]protocols.Record) error) error

	// Close stops it; what is stored stays.
	Close() error
}

// followBatch is how many bytes of records are delivered together.
const followBatch = 256 << 10

// logStore is the durable part: the file `log`, one record of it per record.
// Safe for concurrent use; records are appended by one goroutine.
type logStore struct {
	file    *recordFile
	mu      sync.Mutex
	changed chan struct{} // closed and replaced on each append
	failed  error         // the log's own fault; nothing is appended after it
}

// openLogStore opens the file at path and gives each record that it holds to
// replay.
func openLogStore(path string, replay func(protocols.Record) error) (*logStore, error) {
	file, err := openRecords(path, func(payload []byte) error {
		r, err := protocols.ParseRecord(payload)
		if err != nil {
			return err
		}
		return replay(r)
	})
	if err != nil {
		return nil, err
	}
	return &logStore{file: file, changed: make(chan struct{})}, nil
}

func (s *logStore) Height() uint64 { return uint64(s.file.Count()) }

// Append stores records durably, then wakes whoever follows.
func (s *logStore) Append(records []protocols.Record) error {
	payloads := make([][]byte, len(records))
	for i := range records {
		payloads[i] = records[i].Marshal()
	}
	if err := s.file.AppendAll(payloads); err != nil {
		return err
	}
	s.wake(nil)
	return nil
}

// Fail ends every Follow, once it has delivered what is stored.
func (s *logStore) Fail(err error) { s.wake(err) }

func (s *logStore) wake(failed error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.failed == nil {
		s.failed = failed
	}
	close(s.changed)
	s.changed = make(chan struct{})
}

// Wait returns when a record above a height is stored.
func (s *logStore) Wait(ctx context.Context, after uint64) error {
	for {
		s.mu.Lock()
		changed, failed := s.changed, s.failed
		s.mu.Unlock()
		if s.Height() > after {
			return nil
		}
		if failed != nil {
			return failed
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// Batch reads encoded records after a height, at least one, until they take
// followBatch bytes.
func (s *logStore) Batch(after uint64) ([][]byte, error) {
	var out [][]byte
	for size := 0; size < followBatch && after < s.Height(); after++ {
		payload, err := s.file.Read(int(after))
		if err != nil {
			return nil, err
		}
		out = append(out, payload)
		size += len(payload)
	}
	return out, nil
}

func (s *logStore) Follow(ctx context.Context, after uint64, deliver func([]protocols.Record) error) error {
	for {
		if err := s.Wait(ctx, after); err != nil {
			return err
		}
		payloads, err := s.Batch(after)
		if err != nil {
			return err
		}
		records := make([]protocols.Record, len(payloads))
		for i, p := range payloads {
			if records[i], err = protocols.ParseRecord(p); err != nil {
				return fmt.Errorf("%s: record %d: %w", s.file.path, after+uint64(i)+1, err)
			}
		}
		if err := deliver(records); err != nil {
			return err
		}
		after += uint64(len(records))
	}
}

// errLogLost is a keeper whose file is older than what it has signed.
var errLogLost = errors.New("an entry's author has seen more of this log than its file holds: the log was restored from a backup, or lost records. A keeper with an older log forks it; this network has to be made anew")

// keptLog is the log at its keeper: it asks the referee, signs and stores.
type keptLog struct {
	*logStore
	key Identity

	mu      sync.Mutex
	replica *protocols.Replica
	ordered map[engine.Digest]struct{} // entries by digest
	broken  error                      // what was applied and could not be stored
}

func openKeptLog(path string, n *protocols.Network, p circuits.Params, key Identity) (*keptLog, error) {
	l := &keptLog{key: key, replica: protocols.NewReplica(n, p), ordered: map[engine.Digest]struct{}{}}
	store, err := openLogStore(path, func(r protocols.Record) error {
		l.ordered[r.Entry.Digest()] = struct{}{}
		_, err := l.replica.Order(r)
		return err
	})
	if err != nil {
		return nil, err
	}
	l.logStore = store
	return l, nil
}

// Append asks the referee first, so that the log holds only what has an
// effect: entries that it takes, and those that convict their author.
func (l *keptLog) Append(ctx context.Context, e protocols.Entry) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	digest := e.Digest()
	if _, ok := l.ordered[digest]; ok {
		return nil
	}
	if l.broken != nil {
		return l.broken
	}
	chain := l.replica.Chain
	if chain.Ahead(e.Head) || chain.Check(e.Head) != nil {
		l.broken = errLogLost
		l.Fail(errLogLost)
		return errLogLost
	}
	r := chain.Next(l.key.private, e)
	refused := l.replica.State.Apply(r.Height, e)
	var refusal *protocols.Refusal
	if refused != nil && !(errors.As(refused, &refusal) && refusal.Fault != nil) {
		return refused
	}
	// From here on the state holds what the file does not: a failure to
	// store it stops the keeper until it is restarted from the file.
	if err := l.logStore.Append([]protocols.Record{r}); err != nil {
		l.broken = err
		l.Fail(err)
		return err
	}
	if err := chain.Append(r); err != nil {
		l.broken = err
		l.Fail(err)
		return err
	}
	l.ordered[digest] = struct{}{}
	return refused
}

func (l *keptLog) Close() error { return l.file.Close() }
