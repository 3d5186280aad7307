package node

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
	"github.com/pelletier/go-toml/v2"

	"parley/circuits"
	"parley/node/disk"
	"parley/node/exchange"
	"parley/node/failure"
	"parley/node/ledger"
	"parley/node/peers"
	"parley/protocols"
)

func quietLog() *slog.Logger { return slog.New(slog.DiscardHandler) }

// archive is the ledger in a stopped node's folder, held by the folder's lock.
// It is opened under an identity made for the purpose, which no validator has
// and nobody is reachable by: nothing is signed and no block comes.
type archive struct {
	exchange.LocalLog
	network   *protocols.Network
	params    circuits.Params
	blobs     []string // folders
	transport *peers.Host
	unlock    func()
}

// openArchive opens the ledger in a node's data folder. disk.ErrLocked: its node
// is running. blobs are further folders to look for blobs in.
func openArchive(ctx context.Context, data string, network *protocols.Network, parameters func(string) (circuits.Params, error), blobs ...string) (_ *archive, err error) {
	folder := filepath.Join(data, "ledger")
	if _, err := os.Stat(folder); err != nil {
		return nil, failure.Refused("dir", "has its node run?", "there is no ledger in %s", data)
	}
	a := &archive{network: network.Nameless(), blobs: append([]string{filepath.Join(data, "blobs")}, blobs...), unlock: func() {}}
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

func (a *archive) Network() *protocols.Network { return a.network }
func (a *archive) Params() circuits.Params     { return a.params }
func (a *archive) Live() bool                  { return false }

// Extent implements ledgerSource.
func (a *archive) Extent(context.Context) (exchange.Extent, error) {
	return exchange.ExtentOf(a.Ledger), nil
}

// Blocks implements ledgerSource.
func (a *archive) Blocks(_ context.Context, from, to uint64) iter.Seq2[ledger.Block, error] {
	return a.Ledger.Blocks(from, to)
}

// Blob implements ledgerSource.
func (a *archive) Blob(_ context.Context, b exchange.NamedBlob) ([]byte, error) {
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

// Close implements ledgerSource.
func (a *archive) Close() error {
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

// nodeFolder is where one node keeps its things.
type nodeFolder struct {
	config configFile // zero: only the data folder is known
	base   string     // what its relative paths are from
	data   string
}

// nodeFolders finds the nodes of a folder: a node's own, with node.toml or with
// what it stores; or one with such folders in it, as demo makes, and its
// analyst's key.
func nodeFolders(dir string) (nodes []nodeFolder, analyst string, err error) {
	if info, err := os.Stat(dir); err != nil {
		return nil, "", failure.Unreadable("dir", dir, err)
	} else if !info.IsDir() {
		return nil, "", failure.Usage("dir", "", "%s is not a folder", dir)
	}
	if n, ok, err := oneNodeFolder(dir); ok || err != nil {
		return []nodeFolder{n}, "", err
	}
	entries, err := os.ReadDir(dir) // sorted
	if err != nil {
		return nil, "", failure.Unreadable("dir", dir, err)
	}
	for _, e := range entries {
		path := filepath.Join(dir, e.Name())
		if _, err := os.Stat(filepath.Join(path, configName)); err != nil {
			continue
		}
		n, _, err := oneNodeFolder(path)
		if err != nil {
			return nil, "", err
		}
		nodes = append(nodes, n)
	}
	if len(nodes) == 0 {
		return nil, "", failure.Usage("dir", "it is the folder of a demo, or the one that holds a node.toml", "%s is no node's folder", dir)
	}
	analyst = filepath.Join(dir, analystName)
	if _, err := os.Stat(analyst); err != nil {
		analyst = ""
	}
	return nodes, analyst, nil
}

// oneNodeFolder reads a node.toml for what concerns its folders only: its
// tables may be elsewhere by now.
func oneNodeFolder(dir string) (n nodeFolder, ok bool, err error) {
	base, err := filepath.Abs(dir)
	if err != nil {
		return n, false, err
	}
	path := filepath.Join(dir, configName)
	text, err := readLimited(path, maxConfigBytes)
	var missing *failure.Failure
	switch {
	case errors.As(err, &missing) && errors.Is(missing.Cause, fs.ErrNotExist):
		if _, err := os.Stat(filepath.Join(dir, genesisName)); err != nil {
			return n, false, nil
		}
		return nodeFolder{base: base, data: base}, true, nil
	case err != nil:
		return n, false, err
	}
	if err := toml.Unmarshal(text, &n.config); err != nil {
		return n, false, configFailure(path, err)
	}
	n.base, n.data = base, resolvePath(base, n.config.Dir)
	return n, true, nil
}

// network is the description that the node was started with.
func (n nodeFolder) network() (*protocols.Network, error) {
	paths := []string{filepath.Join(n.data, genesisName)}
	if n.config.Genesis != "" {
		paths = append(paths, resolvePath(n.base, n.config.Genesis))
	}
	var failed error
	for _, path := range paths {
		text, err := readLimited(path, maxNetworkBytes)
		if err != nil {
			failed = err
			continue
		}
		network, err := protocols.ParseGenesis(text)
		if err != nil {
			return nil, failure.Usage("network", "", "%s is no network's description: %s", path, err)
		}
		return network, nil
	}
	return nil, failed
}

// address is where the node listens when it runs, if that can be told.
func (n nodeFolder) address() (string, error) {
	identity := filepath.Join(n.data, identityName)
	if n.config.Identity != "" {
		identity = resolvePath(n.base, n.config.Identity)
	}
	id, err := peers.LoadIdentity(identity)
	if err != nil {
		return "", err
	}
	return n.config.Listen + "/p2p/" + id.Peer(), nil
}
