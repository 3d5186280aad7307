package audit

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"io/fs"
	"iter"
	"log/slog"
	"os"
	"path/filepath"

	"github.com/libp2p/go-libp2p/core/peer"

	"parley/circuits"
	"parley/node/disk"
	"parley/node/exchange"
	"parley/node/failure"
	"parley/node/ledger"
	"parley/node/peers"
	"parley/protocols"
)

func quietLog() *slog.Logger { return slog.New(slog.DiscardHandler) }

// Archive is the ledger in a stopped node's folder, held by the folder's lock.
// It is opened under an identity made for the purpose, which no validator has
// and nobody is reachable by: nothing is signed and no block comes.
type Archive struct {
	exchange.LocalLog
	network   *protocols.Network
	params    circuits.Params
	blobs     []string // folders
	transport *peers.Host
	unlock    func()
}

// OpenArchive opens the ledger in a node's data folder. disk.ErrLocked: its node
// is running. blobs are further folders to look for blobs in.
func OpenArchive(ctx context.Context, data string, network *protocols.Network, parameters func(string) (circuits.Params, error), blobs ...string) (_ *Archive, err error) {
	folder := filepath.Join(data, "ledger")
	if _, err := os.Stat(folder); err != nil {
		return nil, failure.Refused("dir", "has its node run?", "there is no ledger in %s", data)
	}
	a := &Archive{network: network.Nameless(), blobs: append([]string{filepath.Join(data, "blobs")}, blobs...), unlock: func() {}}
	defer func() {
		if err != nil {
			a.Close()
		}
	}()
	if a.unlock, err = disk.Lock(data); err != nil {
		a.unlock = func() {}
		return nil, err
	}
	if a.params, err = parameters(network.Parameters); err != nil {
		return nil, err
	}
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, err
	}
	if a.transport, err = peers.NewHost(peers.IdentityOf(key), "", nil, quietLog(), nil); err != nil {
		return nil, err
	}
	c := exchange.LedgerConfig(folder, a.network, protocols.SizesOf(a.params))
	c.Key, c.Host, c.Peers = key, a.transport.Libp2p, func() []peer.ID { return nil }
	a.Ledger, err = ledger.Open(ctx, c)
	return a, err
}

func (a *Archive) Network() *protocols.Network { return a.network }
func (a *Archive) Params() circuits.Params     { return a.params }
func (a *Archive) Live() bool                  { return false }

// Extent implements Source.
func (a *Archive) Extent(context.Context) (exchange.Extent, error) {
	return exchange.ExtentOf(a.Ledger), nil
}

// Blocks implements Source.
func (a *Archive) Blocks(_ context.Context, from, to uint64) iter.Seq2[ledger.Block, error] {
	return a.Ledger.Blocks(from, to)
}

// Blob implements Source.
func (a *Archive) Blob(_ context.Context, b exchange.NamedBlob) ([]byte, error) {
	for _, folder := range a.blobs {
		data, err := os.ReadFile(filepath.Join(folder, b.Digest.String()))
		switch {
		case err == nil && protocols.BlobDigest(data) == b.Digest:
			return data, nil
		case err != nil && !errors.Is(err, fs.ErrNotExist):
			return nil, err
		}
	}
	return nil, exchange.ErrNoBlob
}

// Close implements Source.
func (a *Archive) Close() error {
	var errs []error
	if a.Ledger != nil {
		errs = append(errs, a.Ledger.Close())
	}
	if a.transport != nil {
		errs = append(errs, a.transport.Close())
	}
	a.unlock()
	return errors.Join(errs...)
}
