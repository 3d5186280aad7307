package exchange

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"slices"
	"time"

	"parley/engine"
	"parley/node/ledger"
	"parley/protocols"
)

// Log is the network's one ordered history, as a node and an analyst's client
// use it: a node's own replica of the ledger (LocalLog), or at a client what
// its node shows (RemoteLog).
//
// Privacy and correctness hold whatever a log does: machines check all that
// they read, and the worst that it can do is to stop them.
type Log interface {
	// Append has an entry ordered. nil: it stands on the ledger, now or since
	// before, so that sending the same entry again does no harm. A
	// *protocols.Refusal: it never will. Any other error: unknown, try again.
	Append(ctx context.Context, e protocols.Entry) error

	// Base is a state to begin with, the caller's own; Follow continues it.
	Base(ctx context.Context) (*protocols.State, error)

	// Follow gives the records after a number to deliver, in order, as they
	// become known. It returns ctx's error at ctx's end, and deliver's own.
	Follow(ctx context.Context, after uint64, deliver func([]protocols.Record) error) error

	// Signed is when the block of a record that was followed was signed, for
	// people to read; the zero time where that is not known.
	Signed(number uint64) time.Time

	// Receipt shows that a block of the ledger holds an ordered entry.
	Receipt(ctx context.Context, e protocols.Entry) ([]byte, error)
}

// LocalLog is the log at a validator: its own replica of the ledger.
type LocalLog struct{ *ledger.Ledger }

// Append implements Log.
func (r LocalLog) Append(ctx context.Context, e protocols.Entry) error {
	return refusalOf(r.Ledger.Append(ctx, e.Marshal()))
}

func refusalOf(err error) error {
	var refused *ledger.Refused
	if errors.As(err, &refused) {
		return &protocols.Refusal{Code: refused.Code, Sentence: refused.Sentence}
	}
	return err
}

// Base implements Log.
func (r LocalLog) Base(context.Context) (*protocols.State, error) {
	s, _ := r.Snapshot()
	return s.(Referee).State, nil
}

// Follow implements Log.
func (r LocalLog) Follow(ctx context.Context, after uint64, deliver func([]protocols.Record) error) error {
	return r.Ledger.Follow(ctx, after, func(batch []ledger.Record) error {
		records := make([]protocols.Record, len(batch))
		for i := range batch {
			var err error
			if records[i], err = RecordOf(&batch[i]); err != nil {
				return err
			}
		}
		return deliver(records)
	})
}

func RecordOf(r *ledger.Record) (protocols.Record, error) {
	e, err := protocols.ParseEntry(r.Tx)
	if err != nil {
		return protocols.Record{}, fmt.Errorf("record %d of the ledger: %w", r.Number, err)
	}
	return protocols.Record{Number: r.Number, Block: r.Block, Time: r.Time.UnixMilli(), Entry: e}, nil
}

// Receipt implements Log.
func (r LocalLog) Receipt(ctx context.Context, e protocols.Entry) ([]byte, error) {
	return r.Ledger.Receipt(ctx, ledger.Hash(e.Marshal()))
}

// Referee is protocols.State as the machine that the ledger replicates.
type Referee struct{ *protocols.State }

// Clone implements ledger.State.
func (r Referee) Clone() ledger.State { return Referee{r.State.Clone()} }

// Apply implements ledger.State: what the referee takes stands on the ledger,
// and what convicts its author.
func (r Referee) Apply(at ledger.Place, tx []byte) ledger.Result {
	e, err := protocols.ParseEntry(tx)
	if err != nil {
		return ledger.Result{Code: "malformed", Sentence: "the entry does not decode"}
	}
	err = r.State.Apply(protocols.Place{Block: at.Block, Time: at.Time.UnixMilli()}, e)
	if err == nil {
		return ledger.Result{Ordered: true, Number: r.Applied()}
	}
	var refusal *protocols.Refusal
	if !errors.As(err, &refusal) {
		return ledger.Result{Code: "malformed", Sentence: err.Error()}
	}
	out := ledger.Result{Code: refusal.Code, Sentence: refusal.Sentence}
	if refusal.Fault != nil {
		out.Ordered, out.Number = true, r.Applied()
	}
	return out
}

// Hash implements ledger.State.
func (r Referee) Hash() []byte {
	d := r.Digest()
	return d[:]
}

// Validators implements ledger.State.
func (r Referee) Validators() []ed25519.PublicKey { return LedgerKeys(r.State.Validators()) }

func LedgerKeys(keys []protocols.Key) []ed25519.PublicKey {
	out := make([]ed25519.PublicKey, len(keys))
	for i, k := range keys {
		out[i] = slices.Clone(k[:])
	}
	return out
}

// LedgerConfig is the part of a ledger's configuration that follows from the
// network alone.
func LedgerConfig(dir string, n *protocols.Network, sizes protocols.Sizes) ledger.Config {
	return ledger.Config{
		Dir: dir, Network: n.ID(), Validators: LedgerKeys(n.Validators()),
		Genesis: Referee{protocols.NewState(n, sizes)}, Author: authorOf,
		Decode: func(b []byte) (ledger.State, error) {
			s, err := protocols.ParseState(n, sizes, b)
			return Referee{s}, err
		},
	}
}

// authorOf is ledger.Config.Author: who the entry says wrote it. Whether that is
// true the referee checks before it counts.
func authorOf(tx []byte) string {
	e, err := protocols.ParseEntry(tx)
	if err != nil {
		return ""
	}
	return e.Author.String()
}

// CheckReceipt is protocols.ReceiptChecker by the ledger's rules.
func CheckReceipt(network engine.Digest, validators []protocols.Key, tx, receipt []byte) (protocols.Anchoring, error) {
	a, err := ledger.CheckReceipt(network, LedgerKeys(validators), tx, receipt)
	return protocols.Anchoring{Block: a.Block, Time: a.Time}, err
}
