package node

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/protocol"

	"parley/circuits"
	"parley/engine"
	"parley/node/disk"
)

// The keys protocol (README section 6): development keys, from who made them
// to who works with them. Ceremony keys will come from the ledger.
const (
	keysProtocol protocol.ID = "/parley/keys/2"
	// keyFileLimit bounds one file; the largest, the default set's proving key
	// of the decryption share, takes about 90 MB.
	keyFileLimit = 1 << 29
)

// keysRequest asks for what the network was founded with (no name), for the
// list of files ("*"), or for one of them.
type keysRequest struct {
	_    struct{} `cbor:",toarray"`
	Name string
}

type keysReply struct {
	_        struct{} `cbor:",toarray"`
	Founding founding
	Files    []keyFile
}

// serveKeys answers from the folder that the keys were loaded from.
func serveKeys(t *transport, keys heldKeys, nonce engine.Digest) {
	founded := founding{Nonce: nonce, Verifying: keys.verifying.MarshalBinary()}
	list := sync.OnceValues(func() ([]keyFile, error) { return keyFiles(keys) })
	t.Handle(keysProtocol, analyst, func(_ context.Context, s *stream) error {
		var q keysRequest
		if err := s.ReceiveValue(&q, answerTimeout); err != nil {
			return err
		}
		if q.Name == "" {
			return s.SendValue(keysReply{Founding: founded})
		}
		files, err := list()
		if err != nil {
			return err
		}
		if q.Name == "*" {
			return s.SendValue(keysReply{Founding: founded, Files: files})
		}
		if !slices.ContainsFunc(files, func(f keyFile) bool { return f.Name == q.Name }) {
			return &faultError{s.peer, "asked for a file that is no key"}
		}
		in, err := os.Open(filepath.Join(keys.dir, q.Name))
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

// keysFrom is the source that a peer is.
func keysFrom(t *transport, from peer.ID) *keySource {
	ask := func(ctx context.Context, name string) (keysReply, error) {
		var reply keysReply
		s, err := t.Open(ctx, from, keysProtocol)
		if err != nil {
			return reply, err
		}
		defer s.Abort()
		if err := s.SendValue(keysRequest{Name: name}); err != nil {
			return reply, err
		}
		return reply, s.ReceiveValue(&reply, keysTimeout)
	}
	return &keySource{
		founding: func(ctx context.Context) (founding, error) {
			reply, err := ask(ctx, "")
			if err == nil && reply.Founding.Nonce == (engine.Digest{}) {
				err = &faultError{from, "founded the network without a nonce"}
			}
			return reply.Founding, err
		},
		fetch: func(ctx context.Context, into string) error {
			reply, err := ask(ctx, "*")
			if err != nil {
				return err
			}
			if len(reply.Files) > 2*len(circuits.Statements) {
				return errors.New("more files than there are keys")
			}
			for _, f := range reply.Files {
				if err := fetchKeyFile(ctx, t, from, f, into); err != nil {
					return err
				}
			}
			return nil
		},
	}
}

// keysTimeout leaves time to hash the files for the first time.
const keysTimeout = time.Minute

// fetchKeyFile writes one file through a temporary one.
func fetchKeyFile(ctx context.Context, t *transport, from peer.ID, f keyFile, into string) error {
	if err := f.check(); err != nil {
		return err
	}
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
			err = &faultError{from, "sent an empty piece of a key"}
			break
		}
		left -= uint64(len(chunk))
		h.Write(chunk)
		_, err = out.Write(chunk)
	}
	if err == nil {
		err = out.Sync()
	}
	if e := out.Close(); err == nil {
		err = e
	}
	if err == nil && [32]byte(h.Sum(nil)) != f.Digest {
		err = fmt.Errorf("%s arrived damaged", f.Name)
	}
	if err == nil {
		err = os.Rename(out.Name(), filepath.Join(into, f.Name))
	}
	return disk.Explain(err)
}
