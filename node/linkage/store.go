package linkage

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"parley/engine"
	"parley/node/disk"
	"parley/protocols"
	"parley/protocols/linkage"
)

// store is the department's folder of linkages: one folder each, of which only the present one's is kept.
//
//	key        the share
//	seed       what blinds follow from, and the names of ids in the files of tokens
//	batch      the ids of the batch in the making: what it is made again from after a crash
//	tokens-N   handle and token of each id of batch N
//	block-D    a block of a spine, the department's own or another's
//
// Beside them, whatever becomes of linkages:
//
//	accepted     what keys are called under in the next
//	accepted-D   which of a table's keys were on the version of a spine that was accepted last (accept.go)
type store struct{ root string }

// handle is what an id is called in the files of tokens.
type handle [16]byte

// batch is one in the making.
type batch struct {
	_      struct{} `cbor:",toarray"`
	Number uint32
	IDs    []string
}

// open makes the folder, and clears what a crash left half-written in it: a key, say, or the ids of a batch.
func (s *store) open() error {
	if err := disk.MakeDir(s.root); err != nil {
		return err
	}
	entries, err := os.ReadDir(s.root)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if e.IsDir() {
			if err := disk.RemoveTemporary(filepath.Join(s.root, e.Name())); err != nil {
				return err
			}
		}
	}
	return disk.RemoveTemporary(s.root)
}

func (s *store) dir(of engine.Digest) string { return filepath.Join(s.root, of.String()) }

func (s *store) path(of engine.Digest, name string) string { return filepath.Join(s.dir(of), name) }

// retire removes what is of other linkages than the present one, and of that too if it is closed: secrets first, which are overwritten.
func (s *store) retire(present engine.Digest, closed bool) error {
	entries, err := os.ReadDir(s.root)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if !e.IsDir() || e.Name() == present.String() && !closed { // what was accepted outlives a linkage
			continue
		}
		for _, secret := range []string{"key", "seed"} {
			if err := overwrite(filepath.Join(s.root, e.Name(), secret)); err != nil {
				return err
			}
		}
		if err := os.RemoveAll(filepath.Join(s.root, e.Name())); err != nil {
			return err
		}
	}
	return nil
}

// overwrite puts zeros in the place of a secret, as far as the file system lets one.
func overwrite(path string) error {
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	} else if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if _, err := f.Write(make([]byte, info.Size())); err != nil {
		return err
	}
	return f.Sync()
}

// read is a file's content, nil if there is none.
func (s *store) read(of engine.Digest, name string, limit int64) ([]byte, error) {
	path := s.path(of, name)
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err == nil && info.Size() > limit {
		err = fmt.Errorf("%s has %d bytes, over the limit of %d", path, info.Size(), limit)
	}
	if err != nil {
		return nil, err
	}
	return os.ReadFile(path)
}

func (s *store) write(of engine.Digest, name string, data []byte) error {
	if err := disk.MakeDir(s.dir(of)); err != nil {
		return err
	}
	return disk.WriteFile(s.path(of, name), data)
}

func (s *store) remove(of engine.Digest, name string) error {
	if err := os.Remove(s.path(of, name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// key is the department's share of a linkage, nil if there is none.
func (s *store) key(c linkage.Context, self protocols.Key) (*linkage.Key, error) {
	b, err := s.read(c.Linkage, "key", linkage.KeySize)
	if b == nil || err != nil {
		return nil, err
	}
	key, err := linkage.ParseKey(c, self, b)
	if err != nil {
		return nil, fmt.Errorf("%s is damaged: %w", s.path(c.Linkage, "key"), err)
	}
	return key, nil
}

func (s *store) keepKey(of engine.Digest, key *linkage.Key) error {
	return s.write(of, "key", key.Marshal())
}

// seed is the department's seed of a linkage, which is drawn when there is none.
func (s *store) seed(of engine.Digest) (seed linkage.Seed, err error) {
	b, err := s.read(of, "seed", linkage.SeedSize)
	if err != nil {
		return seed, err
	}
	if len(b) == linkage.SeedSize {
		return linkage.Seed(b), nil
	}
	if b != nil {
		return seed, fmt.Errorf("%s is damaged", s.path(of, "seed"))
	}
	seed = linkage.NewSeed()
	return seed, s.write(of, "seed", seed[:])
}

// handleOf is what an id is called under a seed.
func handleOf(seed linkage.Seed, id string) handle {
	mac := hmac.New(sha256.New, seed[:])
	mac.Write([]byte("parley linkage handle 1"))
	mac.Write([]byte(id))
	return handle(mac.Sum(nil)[:len(handle{})])
}

// maxBatchBytes bounds the file of a batch: all ids at their longest.
const maxBatchBytes = linkage.MaxBatch*(linkage.MaxID+4) + 64

// batch is the one in the making, nil if there is none.
func (s *store) batch(of engine.Digest) (*batch, error) {
	b, err := s.read(of, "batch", maxBatchBytes)
	if b == nil || err != nil {
		return nil, err
	}
	var out batch
	if err := engine.Unmarshal(b, &out); err != nil || out.Number == 0 || len(out.IDs) == 0 || len(out.IDs) > linkage.MaxBatch {
		return nil, fmt.Errorf("%s is damaged", s.path(of, "batch"))
	}
	return &out, nil
}

func (s *store) keepBatch(of engine.Digest, b *batch) error {
	return s.write(of, "batch", engine.Marshal(b))
}

const tokenRecord = len(handle{}) + linkage.TokenSize

func tokensName(number uint32) string { return fmt.Sprintf("tokens-%d", number) }

// keepTokens writes a batch's tokens, and then forgets its ids.
func (s *store) keepTokens(of engine.Digest, number uint32, handles []handle, tokens []linkage.Token) error {
	data := make([]byte, 0, tokenRecord*len(tokens)+sha256.Size)
	for i := range tokens {
		data = append(append(data, handles[i][:]...), tokens[i][:]...)
	}
	sum := sha256.Sum256(data)
	if err := s.write(of, tokensName(number), append(data, sum[:]...)); err != nil {
		return err
	}
	return s.remove(of, "batch")
}

// hasTokens reports whether a batch's tokens are kept.
func (s *store) hasTokens(of engine.Digest, number uint32) bool {
	_, err := os.Stat(s.path(of, tokensName(number)))
	return err == nil
}

// tokens reads those of all batches.
func (s *store) tokens(of engine.Digest) (map[handle]linkage.Token, error) {
	out := map[handle]linkage.Token{}
	entries, err := os.ReadDir(s.dir(of))
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		if !strings.HasPrefix(e.Name(), "tokens-") {
			continue
		}
		b, err := s.read(of, e.Name(), int64(tokenRecord*linkage.MaxBatch+sha256.Size))
		if err != nil {
			return nil, err
		}
		end := len(b) - sha256.Size
		if end < 0 || end%tokenRecord != 0 {
			return nil, fmt.Errorf("%s is damaged", s.path(of, e.Name()))
		}
		if sum := sha256.Sum256(b[:end]); !bytes.Equal(sum[:], b[end:]) {
			return nil, fmt.Errorf("%s is damaged", s.path(of, e.Name()))
		}
		for ; end > 0; end -= tokenRecord {
			r := b[end-tokenRecord : end]
			out[handle(r)] = linkage.Token(r[len(handle{}):])
		}
	}
	return out, nil
}

// dropBlocks removes the blocks that none of the spines has: whoever publishes version after version would fill others' disks.
func (s *store) dropBlocks(of engine.Digest, spines []protocols.SpineRecord) error {
	listed := map[string]bool{}
	for _, spine := range spines {
		for _, b := range spine.Blocks {
			listed[blockName(b.Blob)] = true
		}
	}
	entries, err := os.ReadDir(s.dir(of))
	if err != nil {
		return err
	}
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), "block-") && !listed[e.Name()] {
			if err := s.remove(of, e.Name()); err != nil {
				return err
			}
		}
	}
	return nil
}

func blockName(digest engine.Digest) string { return "block-" + digest.String() }

// block is a block of a spine, nil if it is not here. Reading checks the digest again.
func (s *store) block(of, digest engine.Digest) ([]byte, error) {
	b, err := s.read(of, blockName(digest), linkage.TokenSize*linkage.MaxBlock)
	if b == nil || err != nil {
		return nil, err
	}
	if protocols.BlobDigest(b) != digest {
		return nil, s.remove(of, blockName(digest)) // damaged: had again
	}
	return b, nil
}

func (s *store) keepBlock(of engine.Digest, b []byte) (engine.Digest, error) {
	digest := protocols.BlobDigest(b)
	return digest, s.write(of, blockName(digest), b)
}
