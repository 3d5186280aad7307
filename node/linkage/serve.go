package linkage

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"time"

	"github.com/libp2p/go-libp2p/core/protocol"

	"parley/engine"
	"parley/node/peers"
	"parley/protocols"
	"parley/protocols/linkage"
)

// The linkage protocol (node/README.md, section 15): a member evaluates a batch that stands on the ledger, or shows a block of its
// spine to whom it admits.
const (
	linkageProtocol protocol.ID = "/parley/linkage/1"
	// evaluateTimeout is how long a member may take to evaluate a batch, others' before it included.
	evaluateTimeout = 10 * time.Minute
	// helpsPerBatch bounds how often a department is helped with one batch at once: as often as it may lose the answer. From then on it is helped
	// once in helpPause, so that no batch is lost for ever.
	helpsPerBatch = 16
	helpPause     = 10 * time.Minute
	// asksAtOnce bounds the members that are asked at a time, and with them the answers in memory.
	asksAtOnce = 4
	// blockTimeout is how long a department may take to show a block of its spine.
	blockTimeout = 5 * time.Minute
	// chunk is how many bytes of a block are in a frame.
	chunk = 256 << 10
)

type op uint8

const (
	opEvaluate op = iota + 1
	opBlock
)

// request is the first frame of a stream.
type request struct {
	_       struct{} `cbor:",toarray"`
	Op      op
	Linkage engine.Digest
	Number  uint32        // of a batch
	Points  []byte        // of it
	Block   engine.Digest // asked for
}

// reply answers: a code, or the answer to a batch, or how many bytes of a block follow.
type reply struct {
	_      struct{} `cbor:",toarray"`
	Code   string
	Answer []byte
	Size   uint32
}

// Codes of refusals besides the referee's.
const (
	codeBusy   = "busy"      // another request of the same department is being answered
	codeTimes  = "too-often" // it was helped with this batch as often as may be
	codeLost   = "lost"      // the share, or the block, is not here
	codeDenied = "not-admitted"
)

// Serve begins to answer other members.
func (l *Linker) Serve() { l.o.Host.Handle(linkageProtocol, peers.Member, l.serve) }

func (l *Linker) serve(ctx context.Context, s *peers.Stream) error {
	var q request
	if err := s.ReceiveValue(&q, peers.AnswerTimeout); err != nil {
		return err
	}
	from, err := peers.KeyOfID(s.Peer)
	if err != nil {
		return err
	}
	if !l.serving.enter(from) {
		return s.SendValue(reply{Code: codeBusy})
	}
	defer l.serving.leave(from)
	switch q.Op {
	case opEvaluate:
		return l.serveEvaluate(ctx, s, from, &q)
	case opBlock:
		return l.serveBlock(s, from, &q)
	}
	return &peers.Fault{Peer: s.Peer, Reason: "asked for an unknown operation of a linkage"}
}

// enter lets one request of each department in.
func (s *serving) enter(from protocols.Key) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.busy[from] {
		return false
	}
	s.busy[from] = true
	return true
}

func (s *serving) leave(from protocols.Key) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.busy, from)
}

// help counts an evaluation of a batch, and refuses one too many.
func (s *serving) help(from protocols.Key, of engine.Digest, number uint32) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	// Only the last KeepDraws batches are helped with (State.MayEvaluate): so many are kept of a department, and asking for them in turns gains nothing.
	maps.DeleteFunc(s.helped, func(h helping, _ helped) bool {
		return h.from == from && (h.linkage != of || int64(h.number)+protocols.KeepDraws <= int64(number))
	})
	which := helping{from, of, number}
	h := s.helped[which]
	if h.times >= helpsPerBatch && time.Since(h.last) < helpPause {
		return false
	}
	s.helped[which] = helped{h.times + 1, time.Now()}
	return true
}

// serveEvaluate multiplies another's points by this member's share, if this member's own ledger has the batch and its own steward allows it.
func (l *Linker) serveEvaluate(ctx context.Context, s *peers.Stream, from protocols.Key, q *request) error {
	answer, code, err := l.evaluate(ctx, from, q)
	if errors.Is(err, linkage.ErrMalformed) {
		return &peers.Fault{Peer: s.Peer, Reason: "sent points that are none"}
	}
	if err != nil {
		return err
	}
	return s.SendValue(reply{Code: code, Answer: answer})
}

func (l *Linker) evaluate(ctx context.Context, from protocols.Key, q *request) (answer []byte, code string, err error) {
	ids := len(q.Points) / linkage.PointSize
	if len(q.Points)%linkage.PointSize != 0 || ids == 0 || ids > linkage.MaxBatch {
		return nil, "", linkage.ErrMalformed
	}
	if refusal := l.o.State().MayEvaluate(l.o.Self, from, q.Linkage, q.Number, ids, linkage.BatchDigest(q.Points)); refusal != nil {
		return nil, refusal.Code, nil
	}
	key := l.serving.share(q.Linkage)
	if key == nil {
		return nil, codeLost, nil
	}
	if from != l.o.Self && !l.serving.help(from, q.Linkage, q.Number) {
		return nil, codeTimes, nil
	}
	ctx, cancel := context.WithTimeout(ctx, evaluateTimeout)
	defer cancel()
	select {
	case l.serving.slot <- struct{}{}:
	case <-ctx.Done():
		return nil, "", ctx.Err()
	}
	defer func() { <-l.serving.slot }()
	answer, err = l.o.Evaluate(key, q.Points)
	return answer, "", err
}

// serveBlock shows a block of a spine of this department's, as the ledger has it now, to whom the table's policy admits.
func (l *Linker) serveBlock(s *peers.Stream, from protocols.Key, q *request) error {
	size, code, err := l.blockFor(from, q)
	if err != nil {
		return err
	}
	if err := s.SendValue(reply{Code: code, Size: uint32(size)}); err != nil || code != "" {
		return err
	}
	f, err := os.Open(l.store.path(q.Linkage, blockName(q.Block)))
	if err != nil {
		return err
	}
	defer f.Close()
	part := make([]byte, chunk)
	for ; size > 0; size -= len(part) { // who reads slowly holds a part of it in memory
		part = part[:min(chunk, size)]
		if _, err := io.ReadFull(f, part); err != nil {
			return err
		}
		if err := s.Send(part); err != nil {
			return err
		}
	}
	return nil
}

// blockFor is the length of a block that a department may be shown, after its digest is compared.
func (l *Linker) blockFor(from protocols.Key, q *request) (size int, code string, err error) {
	state := l.o.State()
	link := state.Linkage()
	if link == nil || link.ID != q.Linkage || link.Phase != protocols.LinkageFormed {
		return 0, codeDenied, nil
	}
	for _, spine := range link.Spines() {
		listed := slices.ContainsFunc(spine.Blocks, func(b protocols.SpineBlock) bool { return b.Blob == q.Block })
		if !listed || spine.By != l.o.Self || !state.Admitted(&spine, from) {
			continue
		}
		l.serving.block.Lock()
		defer l.serving.block.Unlock()
		block, err := l.store.block(link.ID, q.Block)
		if block == nil {
			return 0, codeLost, err
		}
		return len(block), "", nil
	}
	return 0, codeDenied, nil
}

// RefusedError is a member that does not help, by its own word.
type RefusedError struct{ Member, Code string }

func (e *RefusedError) Error() string { return fmt.Sprintf("%s refuses: %s", e.Member, e.Code) }

// ask sends a request to a member, and gives its reply and the stream that what follows comes on.
func (l *Linker) ask(ctx context.Context, of protocols.Member, q request, timeout time.Duration) (*peers.Stream, *reply, error) {
	s, err := l.o.Host.Open(ctx, peers.IDOf(of.Key), linkageProtocol)
	if err != nil {
		return nil, nil, err
	}
	var r reply
	b := []byte(nil)
	if err = s.SendValue(q); err == nil {
		if b, err = s.Receive(peers.MessageLimit, timeout); err == nil {
			err = engine.Unmarshal(b, &r)
		}
	}
	if err == nil && r.Code != "" {
		err = &RefusedError{of.Name, shown(r.Code)}
	}
	if err != nil {
		s.Abort()
		return nil, nil, fmt.Errorf("%s: %w", of.Name, err)
	}
	return s, &r, nil
}

// shown is another's code as it may be logged.
func shown(code string) string {
	if len(code) > protocols.MaxCode || engine.LineFault(code, protocols.MaxCode) != "" {
		return "without a reason"
	}
	return code
}

// askEvaluate asks a member for its share of a batch's evaluation.
func (l *Linker) askEvaluate(ctx context.Context, of protocols.Member, q request) ([]byte, error) {
	if of.Key == l.o.Self {
		answer, code, err := l.evaluate(ctx, l.o.Self, &q)
		if code != "" {
			err = &RefusedError{of.Name, code}
		}
		return answer, err
	}
	s, r, err := l.ask(ctx, of, q, evaluateTimeout)
	if err != nil {
		return nil, err
	}
	s.Close()
	return r.Answer, nil
}

// askBlock gets a block of a spine from its department. What is not of that digest is as if it had not answered.
func (l *Linker) askBlock(ctx context.Context, of protocols.Member, id engine.Digest, block protocols.SpineBlock) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, blockTimeout) // the department's part waits meanwhile, its word towards another linkage too
	defer cancel()
	s, r, err := l.ask(ctx, of, request{Op: opBlock, Linkage: id, Block: block.Blob}, peers.AnswerTimeout)
	if err != nil {
		return nil, err
	}
	defer s.Abort()
	if int64(r.Size) != int64(block.Count)*linkage.TokenSize {
		return nil, fmt.Errorf("%s: a block of %d bytes for %d tokens", of.Name, r.Size, block.Count)
	}
	out := make([]byte, 0, r.Size)
	for len(out) < int(r.Size) {
		size := min(chunk, int(r.Size)-len(out))
		part, err := s.Receive(size, peers.AnswerTimeout)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", of.Name, err)
		}
		if len(part) != size {
			return nil, fmt.Errorf("%s: a part of a block of %d bytes, and not %d", of.Name, len(part), size)
		}
		out = append(out, part...)
	}
	if protocols.BlobDigest(out) != block.Blob {
		return nil, fmt.Errorf("%s: another block than the ledger's", of.Name)
	}
	return out, linkage.CheckBlock(out, int(block.Count))
}
