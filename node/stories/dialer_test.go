package stories

import (
	"context"
	"crypto/ed25519"
	"crypto/x509"
	"encoding/binary"
	"encoding/pem"
	"fmt"
	"io"
	"os"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p"
	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/protocol"
	"github.com/libp2p/go-libp2p/p2p/security/noise"
	"github.com/libp2p/go-libp2p/p2p/transport/tcp"

	"parley/engine"
)

// The wire protocols (node/README.md section 3), as somebody who did not write them would
// speak them.
const (
	logWire       protocol.ID = "/parley/log/2"
	blobWire      protocol.ID = "/parley/blob/1"
	infoWire      protocol.ID = "/parley/info/1"
	keysWire      protocol.ID = "/parley/keys/3"
	consensusWire protocol.ID = "/parley/consensus/1"
	lightWire     protocol.ID = "/parley/light/1"

	wireTimeout = 30 * time.Second
)

// logRequestWire asks a log stream; Op 1 appends, 2 follows.
type logRequestWire struct {
	_     struct{} `cbor:",toarray"`
	Op    uint8
	Entry []byte
	After uint64
	To    uint64
}

type logFramesWire struct {
	_       struct{} `cbor:",toarray"`
	Records [][]byte
	Signed  []int64
}

// blobRequestWire asks a blob stream; Op 1 gets, 2 puts.
type blobRequestWire struct {
	_      struct{} `cbor:",toarray"`
	Op     uint8
	Digest engine.Digest
	Size   uint64
	Owner  [32]byte
	WaitMs uint32
}

// libp2pPeer is a libp2p host of the test's own.
type libp2pPeer struct {
	t    *testing.T
	host host.Host
}

// dialer is a host with an identity that parley made; a path of "" draws a key.
func dialer(t *testing.T, identity string) *libp2pPeer {
	t.Helper()
	_, private, err := ed25519.GenerateKey(nil)
	if err == nil && identity != "" {
		private, err = readIdentity(identity)
	}
	if err != nil {
		t.Fatal(err)
	}
	key, err := crypto.UnmarshalEd25519PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	h, err := libp2p.New(libp2p.Identity(key), libp2p.NoListenAddrs, libp2p.NoTransports,
		libp2p.Transport(tcp.NewTCPTransport, tcp.DisableReuseport()), libp2p.Security(noise.ID, noise.New),
		libp2p.ResourceManager(&network.NullResourceManager{}), libp2p.DisableRelay(), libp2p.DisableMetrics(),
		libp2p.ForceReachabilityPrivate(), libp2p.Ping(false))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = h.Close() })
	return &libp2pPeer{t, h}
}

func readIdentity(path string) (ed25519.PrivateKey, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	block, _ := pem.Decode(text)
	if block == nil {
		return nil, fmt.Errorf("%s is no PEM file", path)
	}
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, err
	}
	return key.(ed25519.PrivateKey), nil
}

// open connects to a node, if it is not yet connected, and opens a stream.
func (p *libp2pPeer) open(ctx context.Context, address string, id protocol.ID) (network.Stream, error) {
	info, err := peer.AddrInfoFromString(address)
	if err != nil {
		return nil, err
	}
	if err := p.host.Connect(ctx, *info); err != nil {
		return nil, err
	}
	s, err := p.host.NewStream(ctx, info.ID, id)
	if err != nil {
		return nil, err
	}
	return s, s.SetDeadline(time.Now().Add(wireTimeout))
}

func sendFrame(w io.Writer, payload []byte) error {
	_, err := w.Write(append(binary.BigEndian.AppendUint32(nil, uint32(len(payload))), payload...))
	return err
}

func receiveFrame(r io.Reader) ([]byte, error) {
	var header [4]byte
	if _, err := io.ReadFull(r, header[:]); err != nil {
		return nil, err
	}
	payload := make([]byte, binary.BigEndian.Uint32(header[:]))
	_, err := io.ReadFull(r, payload)
	return payload, err
}

// ask opens a stream, sends one value and receives one frame.
func (p *libp2pPeer) ask(ctx context.Context, address string, id protocol.ID, request any) ([]byte, error) {
	s, err := p.open(ctx, address, id)
	if err != nil {
		return nil, err
	}
	defer func() { _ = s.Reset() }()
	if err := sendFrame(s, engine.Marshal(request)); err != nil {
		return nil, err
	}
	return receiveFrame(s)
}

// records reads a node's ledger from the first record to the last.
func (p *libp2pPeer) records(address string, last uint64) [][]byte {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), wireTimeout)
	defer cancel()
	s, err := p.open(ctx, address, logWire)
	if err != nil {
		p.t.Fatal(err)
	}
	defer func() { _ = s.Reset() }()
	if err := sendFrame(s, engine.Marshal(logRequestWire{Op: 2})); err != nil {
		p.t.Fatal(err)
	}
	var out [][]byte
	for uint64(len(out)) < last {
		raw, err := receiveFrame(s)
		if err != nil {
			p.t.Fatalf("%d of %d records: %v", len(out), last, err)
		}
		var frames logFramesWire
		if err := engine.Unmarshal(raw, &frames); err != nil {
			p.t.Fatal(err)
		}
		out = append(out, frames.Records...)
	}
	return out
}
