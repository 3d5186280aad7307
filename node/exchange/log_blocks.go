package exchange

import (
	"context"
	"errors"
	"fmt"
	"iter"

	"parley/engine"
	"parley/node/ledger"
	"parley/node/peers"
	"parley/protocols"
)

// Blocks on the log protocol (README section 3): for an export. A stream
// carries a batch of them; the next one is asked for anew, so that a reader may
// take its time between batches.
const (
	// blocksBatch is how many bytes of blocks go together, and blocksCount how
	// many blocks.
	blocksBatch = 1 << 20
	blocksCount = 512
	// SealLimit bounds the signatures of a block.
	SealLimit = 64 << 10
	// blockFrameLimit bounds a block with its signatures.
	blockFrameLimit = ledger.MaxBlock + SealLimit + 64
)

// blockLog is a log that holds the ledger's blocks.
type blockLog interface {
	Extent() (first, last uint64)
	Blocks(from, to uint64) iter.Seq2[ledger.Block, error]
	Status() ledger.Status
}

// Extent is what somebody holds of a ledger: blocks from the first to the
// last, and records but for those up to Missing.
type Extent struct {
	_          struct{} `cbor:",toarray"`
	FirstBlock uint64
	LastBlock  uint64
	Records    uint64
	Missing    uint64
}

// blockFrame is a block; Seal only of the last one that was asked for.
type blockFrame struct {
	_      struct{} `cbor:",toarray"`
	Height uint64
	Bytes  []byte
	Seal   []byte
}

// ExtentOf is what a log with blocks holds.
func ExtentOf(l blockLog) Extent {
	first, last := l.Extent()
	s := l.Status()
	return Extent{FirstBlock: first, LastBlock: last, Records: s.Records, Missing: s.Missing}
}

func serveBlocks(s *peers.Stream, l blockLog, q logRequest) error {
	e := ExtentOf(l)
	if q.Op == logExtent {
		return s.SendValue(e)
	}
	if q.After < e.FirstBlock || q.To > e.LastBlock || q.To < q.After {
		return fmt.Errorf("blocks %d to %d are not here", q.After, q.To)
	}
	size, count := 0, 0
	for b, err := range l.Blocks(q.After, q.To) {
		if err != nil {
			return err
		}
		if b.Height != q.To {
			b.Seal = nil
		}
		if err := s.SendValue(blockFrame{Height: b.Height, Bytes: b.Bytes, Seal: b.Seal}); err != nil {
			return err
		}
		size += len(b.Bytes)
		if count++; size >= blocksBatch || count >= blocksCount {
			return nil
		}
	}
	return nil
}

// Extent asks what the node holds.
func (l *RemoteLog) Extent(ctx context.Context) (Extent, error) {
	var e Extent
	s, err := l.open(ctx, logRequest{Op: logExtent})
	if err != nil {
		return e, err
	}
	defer s.Abort()
	if err := s.ReceiveValue(&e, peers.AnswerTimeout); err != nil {
		return e, err
	}
	s.Close()
	return e, nil
}

// Blocks fetches blocks, batch by batch. Nothing in them is believed.
func (l *RemoteLog) Blocks(ctx context.Context, from, to uint64) iter.Seq2[ledger.Block, error] {
	return func(yield func(ledger.Block, error) bool) {
		for from <= to {
			batch, err := l.blocks(ctx, from, to)
			if err != nil {
				yield(ledger.Block{}, err)
				return
			}
			for _, b := range batch {
				if !yield(b, nil) {
					return
				}
			}
			from += uint64(len(batch))
		}
	}
}

// blocks fetches one batch: at least one block.
func (l *RemoteLog) blocks(ctx context.Context, from, to uint64) ([]ledger.Block, error) {
	s, err := l.open(ctx, logRequest{Op: logBlocks, After: from, To: to})
	if err != nil {
		return nil, err
	}
	defer s.Abort()
	var out []ledger.Block
	for size := 0; from <= to && size < blocksBatch && len(out) < blocksCount; from++ {
		raw, err := s.Receive(blockFrameLimit, peers.AnswerTimeout)
		if errors.Is(err, peers.ErrEnded) && len(out) > 0 {
			return out, nil
		}
		if err != nil {
			return nil, fmt.Errorf("block %d: %w", from, err)
		}
		var f blockFrame
		if err := engine.Unmarshal(raw, &f); err != nil || f.Height != from {
			return nil, &peers.Fault{Peer: s.Peer, Reason: fmt.Sprintf("sent something else than block %d", from)}
		}
		out = append(out, ledger.Block{Height: f.Height, Bytes: f.Bytes, Seal: f.Seal})
		size += len(f.Bytes)
	}
	s.Close()
	return out, nil
}

// NamedBlob is a blob that an ordered entry commits to.
type NamedBlob struct {
	Digest engine.Digest
	Size   int
	Owner  protocols.Key
}

// BlobsNamedBy lists the blobs that a record's entry commits to and that are for all to see, in its order. An entry that
// was refused commits to none, and the shares of a query that is a screening are for its contributors alone. asked gives what
// a query asks that is one, or that joins across departments; nil of any other.
func BlobsNamedBy(sizes protocols.Sizes, asked func(query engine.Digest) *protocols.Ask, r *protocols.Record, refused error) []NamedBlob {
	if refused != nil {
		return nil
	}
	body, err := r.Entry.Open()
	if err != nil {
		return nil
	}
	var digests []engine.Digest
	size := func(int) int { return sizes.KeyShare }
	switch b := body.(type) {
	case *protocols.KeyCommit:
		digests = []engine.Digest{b.Blob}
	case *protocols.Ask:
		if !b.Screening {
			digests = []engine.Digest{b.AnalystKey}
		}
	case *protocols.Admit:
		if b.Key != (engine.Digest{}) {
			digests = []engine.Digest{b.Key}
		}
	case *protocols.Contribute:
		digests, size = b.Blobs, func(int) int { return sizes.Contribution }
	case *protocols.Multiply:
		digests, size = b.Blobs, func(int) int { return sizes.Product }
	case *protocols.ShareCommit:
		switch ask := asked(b.Query); {
		case ask != nil && ask.Screening:
		case ask != nil && ask.Linked != nil && ask.Linked.Targets > 0:
			digests, size = b.Blobs, func(i int) int { return sizes.Released(ask.Linked.Targets, uint32(i)) }
		default:
			digests, size = b.Blobs, func(int) int { return sizes.Share }
		}
	}
	out := make([]NamedBlob, len(digests))
	for i, d := range digests {
		out[i] = NamedBlob{Digest: d, Size: size(i), Owner: r.Entry.Author}
	}
	return out
}
