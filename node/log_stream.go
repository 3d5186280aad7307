package node

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/protocol"

	"parley/engine"
	"parley/protocols"
)

// The log protocol (README section 3): append one entry, or follow from a
// height. Members may append any entry (the referee judges it), analysts their
// own questions, receipts and accusations.
const (
	logProtocol protocol.ID = "/parley/log/1"

	// logFrame bounds a frame of records: one batch, or one long record.
	logFrame = protocols.MaxRecordBytes + followBatch + 1024
	// logHeartbeat is how often a follower hears from a log that is idle.
	logHeartbeat = 5 * time.Second
	// logSilence is after how long without a heartbeat a follower dials anew.
	logSilence = 3 * logHeartbeat
	// followPause and followLastPause bound the pause before following anew.
	followPause     = 100 * time.Millisecond
	followLastPause = 5 * time.Second
)

// analystEntries are what analysts may append, under their own name.
var analystEntries = []protocols.EntryKind{protocols.KindAsk, protocols.KindDone, protocols.KindAccuse}

type logOp uint8

const (
	logAppend logOp = iota + 1
	logFollow
)

// logRequest is the first frame of a stream.
type logRequest struct {
	_     struct{} `cbor:",toarray"`
	Op    logOp
	Entry []byte // append: protocols.Entry
	After uint64 // follow: the height that is already known
}

// logReply answers an append. Both empty: the entry is ordered.
type logReply struct {
	_        struct{} `cbor:",toarray"`
	Code     string
	Sentence string
	Retry    bool // not refused, but not known to be ordered either
}

// logFrames is a batch of encoded records; none is a heartbeat.
type logFrames struct {
	_       struct{} `cbor:",toarray"`
	Records [][]byte
}

// serveLog answers log streams: records from the store that is for the peer,
// appends through the log.
func serveLog(t *transport, storeFor func(peer.ID) *logStore, l Log) {
	t.Handle(logProtocol, analyst, func(ctx context.Context, s *stream) error {
		b, err := s.Receive(logFrame, answerTimeout)
		if err != nil {
			return err
		}
		var q logRequest
		if err := engine.Unmarshal(b, &q); err != nil {
			return &faultError{s.peer, "sent a malformed log request"}
		}
		switch q.Op {
		case logAppend:
			return serveAppend(ctx, t, s, l, q.Entry)
		case logFollow:
			return serveFollow(ctx, s, storeFor(s.peer), q.After)
		}
		return &faultError{s.peer, "asked for an unknown log operation"}
	})
}

func serveAppend(ctx context.Context, t *transport, s *stream, l Log, raw []byte) error {
	e, err := protocols.ParseEntry(raw)
	if err != nil {
		return s.SendValue(logReply{Code: "malformed", Sentence: "the entry does not decode"})
	}
	if s.role == analyst {
		key, err := keyOfPeer(s.peer)
		if err != nil || e.Author != key || !slices.Contains(analystEntries, e.Kind) {
			return s.SendValue(logReply{Code: "forbidden", Sentence: "an analyst appends its own questions, receipts and accusations only"})
		}
	}
	ctx, cancel := context.WithTimeout(ctx, answerTimeout)
	defer cancel()
	err = l.Append(ctx, e)
	var refusal *protocols.Refusal
	switch {
	case err == nil:
		return s.SendValue(logReply{})
	case errors.As(err, &refusal):
		return s.SendValue(logReply{Code: refusal.Code, Sentence: refusal.Sentence})
	}
	t.log.Warn("an entry could not be ordered yet", "kind", e.Kind.String(), "error", err.Error())
	return s.SendValue(logReply{Retry: true, Code: "unavailable", Sentence: "the log's keeper cannot be reached"})
}

func serveFollow(ctx context.Context, s *stream, store *logStore, after uint64) error {
	for {
		wait, cancel := context.WithTimeout(ctx, logHeartbeat)
		err := store.Wait(wait, after)
		cancel()
		if ctx.Err() != nil {
			return ctx.Err()
		}
		var frames logFrames
		if err == nil {
			if frames.Records, err = store.Batch(after); err != nil {
				return err
			}
		} else if !errors.Is(err, context.DeadlineExceeded) {
			return err // the log has failed: nothing more will come
		}
		if err := s.SendValue(frames); err != nil {
			return err
		}
		after += uint64(len(frames.Records))
	}
}

// appendRemote hands an entry to a peer.
func appendRemote(ctx context.Context, t *transport, to peer.ID, e protocols.Entry) error {
	s, err := t.Open(ctx, to, logProtocol)
	if err != nil {
		return err
	}
	defer s.Abort()
	if err := s.SendValue(logRequest{Op: logAppend, Entry: e.Marshal()}); err != nil {
		return err
	}
	var reply logReply
	// The peer itself may wait as long for the keeper.
	if err := s.ReceiveValue(&reply, 2*answerTimeout); err != nil {
		return err
	}
	s.Close()
	switch {
	case reply.Retry:
		return fmt.Errorf("%s: %s", reply.Code, reply.Sentence)
	case reply.Code != "":
		return &protocols.Refusal{Code: reply.Code, Sentence: reply.Sentence}
	}
	return nil
}

// followRemote delivers records from a peer, undecoded and unchecked, until
// the stream fails, deliver does, or ctx ends.
func followRemote(ctx context.Context, t *transport, from peer.ID, after uint64, deliver func([]protocols.Record) error) error {
	s, err := t.Open(ctx, from, logProtocol)
	if err != nil {
		return err
	}
	defer s.Abort()
	if err := s.SendValue(logRequest{Op: logFollow, After: after}); err != nil {
		return err
	}
	for {
		b, err := s.Receive(logFrame, logSilence)
		if err != nil {
			return err
		}
		var frames logFrames
		if err := engine.Unmarshal(b, &frames); err != nil {
			return &faultError{s.peer, "sent malformed log records: " + err.Error()}
		}
		records := make([]protocols.Record, len(frames.Records))
		for i, raw := range frames.Records {
			if records[i], err = protocols.ParseRecord(raw); err != nil {
				return &faultError{s.peer, "sent a malformed log record: " + err.Error()}
			}
		}
		if len(records) == 0 {
			continue
		}
		if err := deliver(records); err != nil {
			return err
		}
	}
}

// followedLog is a member's durable replica of the keeper's log.
type followedLog struct {
	*logStore
	transport *transport
	keeper    peer.ID
	chain     *protocols.Chain
	log       *slog.Logger
	cancel    context.CancelFunc
	wg        sync.WaitGroup
}

// openFollowedLog opens the replica at path and starts following.
func openFollowedLog(path string, n *protocols.Network, t *transport, log *slog.Logger) (*followedLog, error) {
	l := &followedLog{transport: t, keeper: peerID(n.Keeper), chain: protocols.NewChain(n), log: log}
	store, err := openLogStore(path, l.chain.Append)
	if err != nil {
		return nil, err
	}
	l.logStore = store
	ctx, cancel := context.WithCancel(context.Background())
	l.cancel = cancel
	l.wg.Add(1)
	go func() {
		defer l.wg.Done()
		l.follow(ctx)
	}()
	return l, nil
}

func (l *followedLog) follow(ctx context.Context) {
	pause := followPause
	for ctx.Err() == nil {
		before := l.Height()
		err := followRemote(ctx, l.transport, l.keeper, before, l.take)
		var fault *protocols.Fault
		var disk *storeError
		switch {
		case errors.As(err, &fault):
			l.log.Error("the log's keeper deviates; nothing more is read from it", "fault", fault.Error())
			l.Fail(fault)
			return
		case errors.As(err, &disk):
			l.Fail(disk.error)
			return
		case ctx.Err() == nil:
			l.log.Debug("following the log was interrupted", "error", err.Error())
		}
		if l.Height() > before {
			pause = followPause
		}
		select {
		case <-ctx.Done():
		case <-time.After(pause):
		}
		pause = min(2*pause, followLastPause)
	}
}

// storeError is a failure of this node's own disk.
type storeError struct{ error }

func (e *storeError) Unwrap() error { return e.error }

// take checks records and makes them durable.
func (l *followedLog) take(records []protocols.Record) error {
	fresh := records[:0]
	var fault error
	for _, r := range records {
		known := r.Height <= l.chain.Height()
		if fault = l.chain.Append(r); fault != nil {
			break
		}
		if !known {
			fresh = append(fresh, r)
		}
	}
	if len(fresh) > 0 {
		if err := l.logStore.Append(fresh); err != nil {
			return &storeError{err}
		}
	}
	return fault
}

// Append sends the entry to the keeper.
func (l *followedLog) Append(ctx context.Context, e protocols.Entry) error {
	return appendRemote(ctx, l.transport, l.keeper, e)
}

func (l *followedLog) Close() error {
	l.cancel()
	l.wg.Wait()
	return l.file.Close()
}
