package ledger

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/cometbft/cometbft/mempool"
)

// ErrClosed ends what runs when the ledger closes.
var ErrClosed = errors.New("the ledger is closed")

// ErrMissing is a record from before the snapshot that this node joined with.
var ErrMissing = errors.New("the ledger's records from before this node joined are not here")

// Append has a transaction ordered. nil: it stands on the ledger and was taken,
// now or before, so that appending it again does no harm. *Refused: the state
// after the last block does not take it. Any other error, ctx's among them: not
// known; the transaction may still be ordered. While the node is catching up or
// the mempool is full it waits.
func (l *Ledger) Append(ctx context.Context, tx []byte) error {
	if len(tx) == 0 || len(tx) > MaxTx {
		return &Refused{Code: "size", Sentence: fmt.Sprintf("a transaction of %d bytes; at most %d are allowed", len(tx), MaxTx)}
	}
	hash, begun, waited := Hash(tx), time.Now(), false
	for {
		_, _, changed := l.index.Watch()
		switch done, err := l.ordered(hash); {
		case err != nil || done:
			if waited { // not one that stood there already
				l.watch.metrics.appends.Observe(time.Since(begun).Seconds())
			}
			return err
		case l.catchingUp(): // what is refused now may be right in a moment
		default:
			if r := l.app.Trial(tx); !r.Ordered {
				// It may have been ordered between the two looks.
				if done, err := l.ordered(hash); err != nil || done {
					return err
				}
				return &Refused{Code: r.Code, Sentence: r.Sentence}
			}
			if err := l.submit(tx); err != nil {
				return err
			}
		}
		waited = true
		select {
		case <-changed:
		case <-time.After(appendRetry):
		case <-ctx.Done():
			return fmt.Errorf("waiting for a block: %w", ctx.Err())
		case <-l.ctx.Done():
			return ErrClosed
		}
	}
}

// ordered reports whether a transaction stands on the ledger; a *Refused if it
// stands there to convict its author.
func (l *Ledger) ordered(hash [32]byte) (bool, error) {
	r, err := l.index.Find(hash)
	if err != nil || r == nil {
		return false, err
	}
	if r.Code != "" {
		return true, &Refused{Code: r.Code, Sentence: r.Sentence, Ordered: true}
	}
	return true, nil
}

// submit puts a transaction into the mempool, if it has room and the
// transactions before it there leave it valid; if not, there is a next time.
func (l *Ledger) submit(tx []byte) error {
	err := l.node.Mempool().CheckTx(tx, nil, mempool.TxInfo{})
	var full mempool.ErrMempoolIsFull
	switch {
	case err == nil, errors.Is(err, mempool.ErrTxInCache), errors.As(err, &full), errors.Is(err, mempool.ErrRecheckFull):
		return nil
	}
	return fmt.Errorf("the mempool does not take the transaction: %w", err)
}

// catchingUp reports whether the node is still fetching blocks.
func (l *Ledger) catchingUp() bool { return l.node.ConsensusReactor().WaitSync() }

// Follow gives the records after a number to deliver, in order and in batches,
// as blocks bring them; each is durable before. It returns ctx's error,
// deliver's own, ErrClosed, or ErrMissing if the records are from before this
// node's snapshot (start from Snapshot instead).
func (l *Ledger) Follow(ctx context.Context, after uint64, deliver func([]Record) error) error {
	for {
		last, base, changed := l.index.Watch()
		if after < base {
			return fmt.Errorf("records %d to %d: %w", after+1, base, ErrMissing)
		}
		for after < last {
			var records []Record
			for size := 0; after < last && len(records) < followRecords && size < followBytes; after++ {
				r, err := l.index.Record(after + 1)
				if err != nil {
					return err
				}
				if r == nil {
					if l.ctx.Err() != nil {
						return ErrClosed
					}
					return fmt.Errorf("record %d is missing in the index", after+1)
				}
				records = append(records, *r)
				size += len(r.Tx)
			}
			if err := ctx.Err(); err != nil {
				return err
			}
			if err := deliver(records); err != nil {
				return err
			}
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		case <-l.ctx.Done():
			return ErrClosed
		}
	}
}

// Signed is when the block of a record was signed (Record.Signed), or the zero
// time if that is not known here.
func (l *Ledger) Signed(number uint64) time.Time {
	r, err := l.index.Record(number)
	if err != nil || r == nil {
		return time.Time{}
	}
	return r.Signed
}

// Snapshot returns a copy of the state after the last block, and where it is
// the state after (the zero Place before the first block).
func (l *Ledger) Snapshot() (State, Place) {
	last := l.app.Last()
	return last.Clone(), last.Place
}

// Receipt returns the receipt of an ordered transaction (see CheckReceipt),
// waiting for it to be ordered until ctx ends. Some 1.2 kB with 4 validators.
// ErrMissing: this node joined after it was ordered.
func (l *Ledger) Receipt(ctx context.Context, hash [32]byte) ([]byte, error) {
	for {
		_, base, changed := l.index.Watch()
		b, err := l.index.Receipt(hash)
		if err != nil || b != nil {
			return b, err
		}
		select {
		case <-changed:
		case <-ctx.Done():
			if base > 0 {
				return nil, fmt.Errorf("%w (or the transaction was never ordered)", ErrMissing)
			}
			return nil, ctx.Err()
		case <-l.ctx.Done():
			return nil, ErrClosed
		}
	}
}
