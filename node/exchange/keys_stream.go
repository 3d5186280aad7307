package exchange

import (
	"context"
	"crypto/sha256"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/protocol"

	"parley/circuits"
	"parley/engine"
	"parley/node/disk"
	"parley/node/peers"
)

// The keys protocol (README section 6): development keys, from who made them
// to who works with them. Ceremony keys will come from the ledger.
const keysProtocol protocol.ID = "/parley/keys/3"

// keysRequest asks for what the network was founded with (no name), or for the
// file of a proving half.
type keysRequest struct {
	_    struct{} `cbor:",toarray"`
	Name string
}

// ServeKeys answers from the folder that the keys were loaded from.
func ServeKeys(t *peers.Host, keys HeldKeys, founded Founding) {
	var files []circuits.KeyFile
	if keys.Keys != nil {
		files = keys.Files()
	}
	t.Handle(keysProtocol, peers.Person, func(_ context.Context, s *peers.Stream) error {
		var q keysRequest
		if err := s.ReceiveValue(&q, peers.AnswerTimeout); err != nil {
			return err
		}
		if q.Name == "" {
			return s.SendValue(founded)
		}
		if keys.Keys == nil {
			return errors.New("an auditor holds no proving keys")
		}
		if !slices.ContainsFunc(files, func(f circuits.KeyFile) bool { return f.Name == q.Name }) {
			return &peers.Fault{Peer: s.Peer, Reason: "asked for a file that is no key"}
		}
		in, err := os.Open(filepath.Join(keys.Dir, q.Name))
		if err != nil {
			return err
		}
		defer in.Close()
		chunk := make([]byte, blobChunk)
		for {
			n, err := io.ReadFull(in, chunk)
			if n > 0 {
				if err := s.Send(chunk[:n]); err != nil {
					return err
				}
			}
			if err == io.EOF || err == io.ErrUnexpectedEOF {
				return nil
			}
			if err != nil {
				return err
			}
		}
	})
}

// KeysFrom is the source that a peer is.
func KeysFrom(t *peers.Host, from peer.ID) *KeySource {
	return &KeySource{
		Founding: func(ctx context.Context) (Founding, error) {
			var founded Founding
			s, err := t.Open(ctx, from, keysProtocol)
			if err != nil {
				return founded, err
			}
			defer s.Abort()
			if err := s.SendValue(keysRequest{}); err != nil {
				return founded, err
			}
			err = s.ReceiveValue(&founded, keysTimeout)
			if err == nil && founded.Nonce == (engine.Digest{}) {
				err = &peers.Fault{Peer: from, Reason: "founded the network without a nonce"}
			}
			return founded, err
		},
		Fetch: func(ctx context.Context, files []KeyFile, into string) error {
			for _, f := range files {
				if err := fetchKeyFile(ctx, t, from, f, into); err != nil {
					return err
				}
			}
			return nil
		},
	}
}

// keysTimeout is for an answer, and for a piece of a file.
const keysTimeout = time.Minute

// fetchKeyFile writes one file through a temporary one, if it is the one with the
// digest wanted.
func fetchKeyFile(ctx context.Context, t *peers.Host, from peer.ID, f KeyFile, into string) error {
	s, err := t.Open(ctx, from, keysProtocol)
	if err != nil {
		return err
	}
	defer s.Abort()
	if err := s.SendValue(keysRequest{Name: f.Name}); err != nil {
		return err
	}
	out, err := os.CreateTemp(into, disk.TemporaryPrefix+"*")
	if err != nil {
		return disk.Explain(err)
	}
	defer os.Remove(out.Name())
	h := sha256.New()
	for left := f.Size; left > 0 && err == nil; {
		var chunk []byte
		if chunk, err = s.Receive(int(min(blobChunk, left)), keysTimeout); err != nil {
			break
		}
		if len(chunk) == 0 {
			err = &peers.Fault{Peer: from, Reason: "sent an empty piece of a key"}
			break
		}
		left -= int64(len(chunk))
		h.Write(chunk)
		_, err = out.Write(chunk)
	}
	if err == nil {
		err = out.Sync()
	}
	if e := out.Close(); err == nil {
		err = e
	}
	if err == nil && engine.Digest(h.Sum(nil)) != f.Digest {
		err = &peers.Fault{Peer: from, Reason: "served another proving key than the network's"}
	}
	if err == nil {
		err = os.Rename(out.Name(), filepath.Join(into, f.Name))
	}
	return disk.Explain(err)
}
