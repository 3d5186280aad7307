// Package loopback is a ledger of some validators in one process, each with a
// libp2p host of its own on this machine's loopback interface: for figures of
// consensus alone, without what departments do besides. Its state takes every
// transaction once.
package loopback

import (
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/libp2p/go-libp2p"
	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/peerstore"
	"github.com/libp2p/go-libp2p/p2p/security/noise"
	"github.com/libp2p/go-libp2p/p2p/transport/tcp"

	"parley/node/ledger"
)

// Network is running validators. Append and Receipt of one are safe while
// others work.
type Network struct {
	dir     string
	hosts   []host.Host
	ledgers []*ledger.Ledger
}

// Start runs n validators with ledger.DefaultTiming over a temporary folder.
func Start(ctx context.Context, n int) (*Network, error) {
	dir, err := os.MkdirTemp("", "parley-loopback-")
	if err != nil {
		return nil, err
	}
	w := &Network{dir: dir}
	if err := w.start(ctx, n); err != nil {
		return nil, errors.Join(err, w.Close())
	}
	return w, nil
}

func (w *Network) start(ctx context.Context, n int) error {
	var keys []ed25519.PrivateKey
	var public []ed25519.PublicKey
	var ids []peer.ID
	for range n {
		p, k, err := ed25519.GenerateKey(nil)
		if err != nil {
			return err
		}
		h, err := newHost(k)
		if err != nil {
			return err
		}
		keys, public, ids, w.hosts = append(keys, k), append(public, p), append(ids, h.ID()), append(w.hosts, h)
	}
	for i, h := range w.hosts {
		for _, other := range w.hosts {
			h.Peerstore().AddAddrs(other.ID(), other.Addrs(), peerstore.PermanentAddrTTL)
		}
		l, err := ledger.Open(ctx, ledger.Config{Dir: filepath.Join(w.dir, fmt.Sprint(i)), Network: sha256.Sum256([]byte(w.dir)),
			Validators: public, Genesis: &tally{validators: public}, Decode: noDecode, Author: oneAuthor, Key: keys[i], Host: h,
			Peers: func() []peer.ID { return ids }})
		if err != nil {
			return err
		}
		w.ledgers = append(w.ledgers, l)
	}
	return nil
}

func newHost(key ed25519.PrivateKey) (host.Host, error) {
	k, err := crypto.UnmarshalEd25519PrivateKey(key)
	if err != nil {
		return nil, err
	}
	return libp2p.New(libp2p.Identity(k), libp2p.ListenAddrStrings("/ip4/127.0.0.1/tcp/0"), libp2p.NoTransports,
		libp2p.Transport(tcp.NewTCPTransport, tcp.DisableReuseport()), libp2p.Security(noise.ID, noise.New),
		libp2p.DisableRelay(), libp2p.DisableMetrics(), libp2p.ForceReachabilityPrivate(), libp2p.Ping(false))
}

// Append has a transaction ordered through validator i (see ledger.Append).
func (w *Network) Append(ctx context.Context, i int, tx []byte) error {
	return w.ledgers[i].Append(ctx, tx)
}

// Receipt is validator i's of an ordered transaction (see ledger.Receipt).
func (w *Network) Receipt(ctx context.Context, i int, tx []byte) ([]byte, error) {
	return w.ledgers[i].Receipt(ctx, ledger.Hash(tx))
}

// Close stops all validators and removes their files.
func (w *Network) Close() error {
	var errs []error
	for _, l := range w.ledgers {
		errs = append(errs, l.Close())
	}
	for _, h := range w.hosts {
		errs = append(errs, h.Close())
	}
	return errors.Join(append(errs, os.RemoveAll(w.dir))...)
}

// tally counts transactions and remembers which they were.
type tally struct {
	seen       [][32]byte
	validators []ed25519.PublicKey
}

// Clone implements ledger.State.
func (t *tally) Clone() ledger.State { return &tally{slices.Clone(t.seen), t.validators} }

// Apply implements ledger.State.
func (t *tally) Apply(_ ledger.Place, tx []byte) ledger.Result {
	if h := ledger.Hash(tx); !slices.Contains(t.seen, h) {
		t.seen = append(t.seen, h)
		return ledger.Result{Ordered: true, Number: t.Applied()}
	}
	return ledger.Result{Code: "duplicate", Sentence: "this stands on the ledger"}
}

// Applied implements ledger.State.
func (t *tally) Applied() uint64 { return uint64(len(t.seen)) }

// Hash implements ledger.State.
func (t *tally) Hash() []byte {
	h := sha256.Sum256(t.Marshal())
	return h[:]
}

// Marshal implements ledger.State.
func (t *tally) Marshal() []byte {
	b := binary.BigEndian.AppendUint64(nil, t.Applied())
	for _, h := range t.seen {
		b = append(b, h[:]...)
	}
	return b
}

// Validators implements ledger.State.
func (t *tally) Validators() []ed25519.PublicKey { return t.validators }

// oneAuthor: all transactions are the bench's own.
func oneAuthor([]byte) string { return "bench" }

// noDecode is never asked: nothing is opened a second time.
func noDecode([]byte) (ledger.State, error) { return nil, errors.New("a tally is not read back") }
