package audit

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"time"

	"parley/circuits"
	"parley/engine"
	"parley/node/exchange"
	"parley/node/failure"
	"parley/node/ledger"
	"parley/protocols"
)

// replay follows blocks from the genesis. It checks them as ledger.CheckBlocks
// says, and tells of each block, then of each of its records with the state
// just after it.
type replay struct {
	network *protocols.Network
	State   *protocols.State
	Block   func(ledger.CheckedBlock) error
	Record  func(r *protocols.Record, refused error) error
}

// NewReplay begins at the genesis; its caller sets Block and Record.
func NewReplay(n *protocols.Network, sizes protocols.Sizes) *replay {
	return &replay{network: n, State: protocols.NewState(n, sizes)}
}

// asked is what a query of the state asks.
func (p *replay) asked(query engine.Digest) *protocols.Ask {
	if q := p.State.Query(query); q != nil {
		return &q.Ask
	}
	return nil
}

// Run returns how many blocks there were.
func (p *replay) Run(blocks iter.Seq2[ledger.Block, error]) (uint64, error) {
	genesis := exchange.Referee{State: p.State.Clone()}
	return ledger.CheckBlocks(p.network.ID(), exchange.LedgerKeys(p.network.Validators()), genesis, blocks, func(b ledger.CheckedBlock) error {
		if err := p.Block(b); err != nil {
			return err
		}
		for i := range b.Records {
			r, err := exchange.RecordOf(&b.Records[i])
			if err != nil {
				return err
			}
			refused, err := p.State.Order(r)
			if err != nil {
				return err
			}
			if err := p.Record(&r, refused); err != nil {
				return err
			}
		}
		return nil
	})
}

// Exported is what an export holds.
type Exported struct {
	Path         string    `json:"path"`
	Bytes        int64     `json:"bytes"`
	Genesis      string    `json:"genesis"`
	Blocks       uint64    `json:"blocks"`
	Time         time.Time `json:"time"` // of the last block
	Transactions uint64    `json:"transactions"`
	Blobs        int       `json:"blobs"`
	Missing      []string  `json:"missing"` // digests of blobs that could not be had
}

// Export writes what a source holds to w, and checks the blocks on the
// way: a node that shows a false one is told so here.
func Export(ctx context.Context, w io.Writer, src Source, params circuits.Params, progress func(done, total uint64)) (*Exported, error) {
	network := src.Network().Nameless()
	extent, err := src.Extent(ctx)
	if err != nil {
		return nil, err
	}
	switch {
	case extent.LastBlock == 0:
		return nil, failure.Refused("empty", "", "the ledger holds no block yet")
	case extent.FirstBlock > 1:
		return nil, failure.Refused("pruned", "ask a node that keeps all blocks: one without retain in its node.toml, there from the beginning",
			"the blocks before block %d are not here: a ledger is exported from its first block, and this node has pruned it or joined later", extent.FirstBlock)
	}
	out := &Exported{Genesis: network.ID().String(), Missing: []string{}}
	x, err := newExportWriter(w)
	if err == nil {
		err = x.Frame(frameGenesis, engine.Marshal(network))
	}
	if err != nil {
		return nil, err
	}
	p := NewReplay(network, protocols.SizesOf(params))
	var pulled ledger.Block
	p.Block = func(b ledger.CheckedBlock) error {
		out.Time, out.Transactions = b.Time, out.Transactions+uint64(len(b.Records))
		progress(b.Height, extent.LastBlock)
		err := x.Frame(frameBlock, pulled.Bytes)
		if err == nil && b.Height == extent.LastBlock {
			err = x.Frame(frameSeal, pulled.Seal)
		}
		return err
	}
	written := map[engine.Digest]bool{}
	p.Record = func(r *protocols.Record, refused error) error {
		for _, b := range exchange.BlobsNamedBy(protocols.SizesOf(params), p.asked, r, refused) {
			if written[b.Digest] { // a vector serves all questions of its epoch
				continue
			}
			missing := len(out.Missing)
			if err := exportBlob(ctx, x, src, b, out); err != nil {
				return err
			}
			written[b.Digest] = len(out.Missing) == missing
		}
		return nil
	}
	if out.Blocks, err = p.Run(remember(src.Blocks(ctx, 1, extent.LastBlock), extent.LastBlock, &pulled)); err != nil {
		return nil, err
	}
	if out.Blocks != extent.LastBlock {
		return nil, fmt.Errorf("%d of %d blocks came", out.Blocks, extent.LastBlock)
	}
	if err = x.Frame(frameEnd, nil); err == nil {
		err = x.w.Flush()
	}
	out.Bytes = x.bytes
	return out, err
}

// remember keeps the last block that was pulled; only the last of all has its
// seal.
func remember(blocks iter.Seq2[ledger.Block, error], last uint64, into *ledger.Block) iter.Seq2[ledger.Block, error] {
	return func(yield func(ledger.Block, error) bool) {
		for b, err := range blocks {
			if b.Height != last {
				b.Seal = nil
			}
			*into = b
			if !yield(b, err) {
				return
			}
		}
	}
}

func exportBlob(ctx context.Context, x *exportWriter, src Source, b exchange.NamedBlob, out *Exported) error {
	data, err := src.Blob(ctx, b)
	switch {
	case err == nil && len(data) == b.Size && protocols.BlobDigest(data) == b.Digest:
		out.Blobs++
		return x.Frame(frameBlob, data)
	case err == nil || errors.Is(err, exchange.ErrNoBlob):
		out.Missing = append(out.Missing, b.Digest.String())
		return x.Frame(frameGone, nil)
	}
	return err
}
