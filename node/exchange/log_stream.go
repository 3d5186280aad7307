package exchange

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/protocol"

	"parley/circuits"
	"parley/engine"
	"parley/node/peers"
	"parley/protocols"
)

// The log protocol (README section 3): what a node shows of its replica of the
// ledger, and entries that it passes on. Persons append their own questions,
// answers, accusations, requests and decisions only.
const (
	logProtocol protocol.ID = "/parley/log/2"

	// followBatch is how many bytes of records go together.
	followBatch = 256 << 10
	// logFrame bounds a frame of records: one batch, or one long record.
	logFrame = protocols.MaxRecordBytes + followBatch + 1024
	// logHeartbeat is how often a follower hears from a log that is idle.
	logHeartbeat = 5 * time.Second
	// logSilence is after how long without a heartbeat a follower asks anew.
	logSilence = 3 * logHeartbeat
	// FollowPause and followLastPause bound the pause before following anew.
	FollowPause     = 100 * time.Millisecond
	FollowLastPause = 5 * time.Second
)

// personEntries are what persons may append, under their own name: the referee knows who may say what.
var personEntries = []protocols.EntryKind{protocols.KindAsk, protocols.KindDone, protocols.KindAccuse, protocols.KindWithdraw,
	protocols.KindRequest, protocols.KindPublish, protocols.KindGrant, protocols.KindDecline, protocols.KindRescind, protocols.KindAlert}

type logOp uint8

const (
	logAppend logOp = iota + 1
	logFollow
	logBase
	logReceipt
	logExtent
	logBlocks
)

// logRequest is the first frame of a stream.
type logRequest struct {
	_     struct{} `cbor:",toarray"`
	Op    logOp
	Entry []byte // append, receipt: protocols.Entry
	After uint64 // follow: the number that is already known; blocks: the height
	To    uint64 // blocks: the last one
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
	Signed  []int64 // of each, when its block was signed: milliseconds since 1970
}

// logBytes says how long what follows in frames of blobChunk is: a state; or
// holds a receipt.
type logBytes struct {
	_       struct{} `cbor:",toarray"`
	Size    uint64
	Receipt []byte
}

// ServeLog answers log streams.
func ServeLog(t *peers.Host, l Log) {
	t.Handle(logProtocol, peers.Person, func(ctx context.Context, s *peers.Stream) error {
		b, err := s.Receive(protocols.MaxEntryBytes+1024, peers.AnswerTimeout)
		if err != nil {
			return err
		}
		var q logRequest
		if err := engine.Unmarshal(b, &q); err != nil {
			return &peers.Fault{Peer: s.Peer, Reason: "sent a malformed log request"}
		}
		switch q.Op {
		case logAppend:
			return serveAppend(ctx, t, s, l, q.Entry)
		case logFollow:
			return serveFollow(ctx, s, l, q.After)
		case logBase:
			return serveBase(ctx, s, l)
		case logReceipt:
			return serveReceipt(ctx, s, l, q.Entry)
		case logExtent, logBlocks:
			if b, ok := l.(blockLog); ok {
				return serveBlocks(s, b, q)
			}
		}
		return &peers.Fault{Peer: s.Peer, Reason: "asked for an unknown log operation"}
	})
}

func serveAppend(ctx context.Context, t *peers.Host, s *peers.Stream, l Log, raw []byte) error {
	e, err := protocols.ParseEntry(raw)
	if err != nil {
		return s.SendValue(logReply{Code: "malformed", Sentence: "the entry does not decode"})
	}
	if s.Role == peers.Person {
		key, err := peers.KeyOfID(s.Peer)
		if err != nil || e.Author != key || !slices.Contains(personEntries, e.Kind) {
			return s.SendValue(logReply{Code: "forbidden", Sentence: "a person appends its own questions, answers, accusations, requests and decisions only"})
		}
	}
	ctx, cancel := context.WithTimeout(ctx, peers.AnswerTimeout)
	defer cancel()
	err = l.Append(ctx, e)
	var refusal *protocols.Refusal
	switch {
	case err == nil:
		return s.SendValue(logReply{})
	case errors.As(err, &refusal):
		return s.SendValue(logReply{Code: refusal.Code, Sentence: refusal.Sentence})
	}
	t.Log.Warn("an entry could not be ordered yet", "kind", e.Kind.String(), "error", err.Error())
	return s.SendValue(logReply{Retry: true, Code: "unavailable", Sentence: "the ledger does not go on: too few of its validators can be reached"})
}

// serveFollow sends batches as they come, and an empty one when none does.
func serveFollow(ctx context.Context, s *peers.Stream, l Log, after uint64) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	batches, ended := make(chan logFrames), make(chan error, 1)
	go func() {
		ended <- l.Follow(ctx, after, func(records []protocols.Record) error {
			for _, frames := range framesOf(records, l.Signed) {
				select {
				case batches <- frames:
				case <-ctx.Done():
					return ctx.Err()
				}
			}
			return nil
		})
	}()
	heartbeat := time.NewTicker(logHeartbeat)
	defer heartbeat.Stop()
	for {
		var frames logFrames
		select {
		case frames = <-batches:
		case <-heartbeat.C:
		case err := <-ended:
			return err
		}
		if err := s.SendValue(frames); err != nil {
			return err
		}
	}
}

// framesOf packs records into frames of about followBatch bytes.
func framesOf(records []protocols.Record, signed func(uint64) time.Time) []logFrames {
	var out []logFrames
	size := followBatch
	for i := range records {
		encoded := records[i].Marshal()
		if size += len(encoded); size > followBatch {
			out, size = append(out, logFrames{}), len(encoded)
		}
		last := &out[len(out)-1]
		last.Records = append(last.Records, encoded)
		last.Signed = append(last.Signed, signed(records[i].Number).UnixMilli())
	}
	return out
}

func serveBase(ctx context.Context, s *peers.Stream, l Log) error {
	state, err := l.Base(ctx)
	if err != nil {
		return err
	}
	data := state.Marshal()
	if err := s.SendValue(logBytes{Size: uint64(len(data))}); err != nil {
		return err
	}
	return sendChunks(s, data)
}

func serveReceipt(ctx context.Context, s *peers.Stream, l Log, raw []byte) error {
	e, err := protocols.ParseEntry(raw)
	if err != nil {
		return &peers.Fault{Peer: s.Peer, Reason: "asked for the receipt of what is no entry"}
	}
	ctx, cancel := context.WithTimeout(ctx, peers.AnswerTimeout)
	defer cancel()
	receipt, err := l.Receipt(ctx, e)
	if err != nil {
		return err
	}
	return s.SendValue(logBytes{Receipt: receipt})
}

// RemoteLog is what a node shows to an analyst's client.
type RemoteLog struct {
	Transport *peers.Host
	Node      peer.ID
	Network   *protocols.Network
	Params    circuits.Params

	mu     sync.Mutex
	signed map[uint64]int64
}

// signedKept bounds how many records' times a client remembers.
const signedKept = 1 << 14

// Signed implements Log. It is the node's word.
func (l *RemoteLog) Signed(number uint64) time.Time {
	l.mu.Lock()
	defer l.mu.Unlock()
	if at, ok := l.signed[number]; ok {
		return time.UnixMilli(at).UTC()
	}
	return time.Time{}
}

func (l *RemoteLog) remember(number uint64, signed int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.signed == nil || len(l.signed) >= signedKept {
		l.signed = map[uint64]int64{}
	}
	l.signed[number] = signed
}

// Append implements Log.
func (l *RemoteLog) Append(ctx context.Context, e protocols.Entry) error {
	s, err := l.open(ctx, logRequest{Op: logAppend, Entry: e.Marshal()})
	if err != nil {
		return err
	}
	defer s.Abort()
	var reply logReply
	// The node itself may wait as long for the ledger.
	if err := s.ReceiveValue(&reply, 2*peers.AnswerTimeout); err != nil {
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

// Base implements Log. Nothing in the state is believed: who works with it
// checks what it takes from it.
func (l *RemoteLog) Base(ctx context.Context) (*protocols.State, error) {
	s, err := l.open(ctx, logRequest{Op: logBase})
	if err != nil {
		return nil, err
	}
	defer s.Abort()
	var header logBytes
	if err := s.ReceiveValue(&header, peers.AnswerTimeout); err != nil {
		return nil, err
	}
	if header.Size > protocols.MaxStateBytes {
		return nil, &peers.Fault{Peer: l.Node, Reason: fmt.Sprintf("shows a state of %d bytes, the limit is %d", header.Size, protocols.MaxStateBytes)}
	}
	data, err := receiveChunks(s, header.Size)
	if err != nil {
		return nil, err
	}
	s.Close()
	return protocols.ParseState(l.Network, protocols.SizesOf(l.Params), data)
}

// Follow implements Log: it returns when the stream fails, too.
func (l *RemoteLog) Follow(ctx context.Context, after uint64, deliver func([]protocols.Record) error) error {
	s, err := l.open(ctx, logRequest{Op: logFollow, After: after})
	if err != nil {
		return err
	}
	defer s.Abort()
	for {
		b, err := s.Receive(logFrame, logSilence)
		if err != nil {
			return err
		}
		var frames logFrames
		if err := engine.Unmarshal(b, &frames); err != nil {
			return &peers.Fault{Peer: s.Peer, Reason: "sent malformed log records: " + err.Error()}
		}
		if len(frames.Signed) != len(frames.Records) {
			return &peers.Fault{Peer: s.Peer, Reason: "sent log records without their times"}
		}
		records := make([]protocols.Record, len(frames.Records))
		for i, raw := range frames.Records {
			if records[i], err = protocols.ParseRecord(raw); err != nil {
				return &peers.Fault{Peer: s.Peer, Reason: "sent a malformed log record: " + err.Error()}
			}
			l.remember(records[i].Number, frames.Signed[i])
		}
		if len(records) == 0 {
			continue
		}
		if err := deliver(records); err != nil {
			return err
		}
	}
}

// Receipt implements Log.
func (l *RemoteLog) Receipt(ctx context.Context, e protocols.Entry) ([]byte, error) {
	s, err := l.open(ctx, logRequest{Op: logReceipt, Entry: e.Marshal()})
	if err != nil {
		return nil, err
	}
	defer s.Abort()
	var reply logBytes
	if err := s.ReceiveValue(&reply, 2*peers.AnswerTimeout); err != nil {
		return nil, err
	}
	s.Close()
	return reply.Receipt, nil
}

func (l *RemoteLog) open(ctx context.Context, q logRequest) (*peers.Stream, error) {
	s, err := l.Transport.Open(ctx, l.Node, logProtocol)
	if err != nil {
		return nil, err
	}
	if err := s.SendValue(q); err != nil {
		s.Abort()
		return nil, err
	}
	return s, nil
}
