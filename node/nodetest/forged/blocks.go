package forged

import (
	"context"
	"iter"
	"path/filepath"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"

	"parley/circuits"
	"parley/node/exchange"
	"parley/node/ledger"
	"parley/node/nodetest"
	"parley/node/peers"
	"parley/protocols"
)

// blocks is a real ledger of one validator.
type blocks struct {
	ctx context.Context
	*ledger.Ledger
}

// Open makes the ledger one of real blocks, which its only department signs. Before any entry.
func (l *Ledger) Open(t *testing.T) {
	t.Helper()
	key := Key(l.departments[0])
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	t.Cleanup(cancel)
	c := exchange.LedgerConfig(filepath.Join(t.TempDir(), "ledger"), l.network, protocols.SizesOf(l.params))
	c.Key, c.Host, c.Peers = key, nodetest.Host(t, peers.IdentityOf(key), nil, nil).Libp2p, func() []peer.ID { return nil }
	opened, err := ledger.Open(ctx, c)
	nodetest.Check(t, err)
	t.Cleanup(func() { nodetest.Check(t, opened.Close()) })
	l.blocks, l.Now = &blocks{ctx, opened}, time.Now()
}

// append has an entry ordered, and gives the state after it.
func (b *blocks) append(e protocols.Entry) (*protocols.State, error) {
	log := exchange.LocalLog{Ledger: b.Ledger}
	if err := log.Append(b.ctx, e); err != nil {
		return nil, err
	}
	return log.Base(b.ctx)
}

// Source reads the blocks, as audit.Source. It holds no blob.
func (l *Ledger) Source() *Source { return &Source{exchange.LocalLog{Ledger: l.blocks.Ledger}, l} }

// Source is a ledger of real blocks.
type Source struct {
	exchange.LocalLog
	of *Ledger
}

// Network implements audit.Source, as do the next ones.
func (s *Source) Network() *protocols.Network { return s.of.network }

// Params are the network's.
func (s *Source) Params() circuits.Params { return s.of.params }

// Live tells that nothing more comes.
func (s *Source) Live() bool { return false }

// Extent is all of it.
func (s *Source) Extent(context.Context) (exchange.Extent, error) {
	return exchange.ExtentOf(s.Ledger), nil
}

// Blocks are the ledger's.
func (s *Source) Blocks(_ context.Context, from, to uint64) iter.Seq2[ledger.Block, error] {
	return s.Ledger.Blocks(from, to)
}

// Blob is nowhere.
func (s *Source) Blob(context.Context, exchange.NamedBlob) ([]byte, error) {
	return nil, exchange.ErrNoBlob
}

// Close leaves the ledger open for its test.
func (s *Source) Close() error { return nil }
