package ledger

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"

	"parley/engine"
	"parley/node/disk"
)

// snapshot is a state and the place after which it is the state. Its file is
// SHA-256 of the encoding, then the encoding.
type snapshot struct {
	_     struct{} `cbor:",toarray"`
	Block uint64
	Time  instant
	State []byte
}

// snapshotSuffix ends the names of snapshots' files; before it stands the
// height.
const snapshotSuffix = ".state"

// snapshots is a folder with the states after some blocks, the last few of
// them. Safe for concurrent use.
type snapshots struct {
	dir    string
	decode func([]byte) (State, error)
	mu     sync.Mutex
}

func openSnapshots(dir string, decode func([]byte) (State, error)) (*snapshots, error) {
	if err := os.MkdirAll(dir, disk.DirMode); err != nil {
		return nil, fmt.Errorf("making the folder %s: %w", dir, err)
	}
	return &snapshots{dir: dir, decode: decode}, disk.RemoveTemporary(dir)
}

func (s *snapshots) path(height uint64) string {
	return filepath.Join(s.dir, strconv.FormatUint(height, 10)+snapshotSuffix)
}

// Heights lists what is there, ascending.
func (s *snapshots) Heights() []uint64 {
	entries, _ := os.ReadDir(s.dir)
	var out []uint64
	for _, e := range entries {
		name, ok := strings.CutSuffix(e.Name(), snapshotSuffix)
		if h, err := strconv.ParseUint(name, 10, 63); ok && err == nil && strconv.FormatUint(h, 10) == name {
			out = append(out, h)
		}
	}
	slices.Sort(out)
	return out
}

// Oldest is the height of the oldest snapshot, 0 without any.
func (s *snapshots) Oldest() uint64 {
	if h := s.Heights(); len(h) > 0 {
		return h[0]
	}
	return 0
}

// Save writes a snapshot durably, and removes all but the last few.
func (s *snapshots) Save(a at) error {
	if a.Block == 0 {
		return nil
	}
	return s.put(a.Block, engine.Marshal(snapshot{Block: a.Block, Time: instantOf(a.Time), State: a.Marshal()}))
}

func (s *snapshots) put(height uint64, encoded []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	digest := sha256.Sum256(encoded)
	if err := disk.WriteFile(s.path(height), append(digest[:], encoded...)); err != nil {
		return err
	}
	heights := s.Heights()
	for _, old := range heights[:max(0, len(heights)-maxSnapshots)] {
		if err := os.Remove(s.path(old)); err != nil {
			return err
		}
	}
	return nil
}

// Read returns an encoded snapshot, checked against its digest.
func (s *snapshots) Read(height uint64) ([]byte, error) {
	b, err := os.ReadFile(s.path(height))
	if err != nil {
		return nil, err
	}
	if len(b) < sha256.Size {
		return nil, errors.New("the file is cut short")
	}
	digest, encoded := b[:sha256.Size], b[sha256.Size:]
	if got := sha256.Sum256(encoded); !bytes.Equal(got[:], digest) {
		return nil, errors.New("the file's bytes changed")
	}
	return encoded, nil
}

// Size is the length of an encoded snapshot.
func (s *snapshots) Size(height uint64) (uint64, error) {
	info, err := os.Stat(s.path(height))
	if err != nil {
		return 0, err
	}
	return uint64(max(0, info.Size()-sha256.Size)), nil
}

// Chunk reads a part of an encoded snapshot for a peer, which will check the
// whole.
func (s *snapshots) Chunk(height, from uint64) ([]byte, error) {
	size, err := s.Size(height)
	if err != nil || from > size {
		return nil, errors.Join(err, errors.New("no such part of a snapshot"))
	}
	f, err := os.Open(s.path(height))
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b := make([]byte, min(size-from, snapshotChunk))
	_, err = f.ReadAt(b, int64(from)+sha256.Size)
	return b, err
}

// parse decodes a snapshot strictly.
func (s *snapshots) parse(encoded []byte) (at, error) {
	var snap snapshot
	if err := engine.Unmarshal(encoded, &snap); err != nil {
		return at{}, err
	}
	if snap.Block == 0 || snap.Block > maxHeight || snap.Time.Nanos >= 1e9 || snap.Time.Seconds < 0 || snap.Time.Seconds > maxSeconds {
		return at{}, errors.New("a snapshot of no block")
	}
	state, err := s.decode(snap.State)
	if err != nil {
		return at{}, err
	}
	return at{state, Place{Block: snap.Block, Time: snap.Time.time()}}, nil
}

// Latest is the last snapshot up to a height that can be read; with none, a
// zero Place and no State. Blocks after it are replayed.
func (s *snapshots) Latest(most uint64) (at, []error) {
	var problems []error
	heights := s.Heights()
	slices.Reverse(heights)
	for _, h := range heights {
		if h > most {
			continue
		}
		encoded, err := s.Read(h)
		if err == nil {
			var a at
			if a, err = s.parse(encoded); err == nil && a.Block == h {
				return a, problems
			}
			if err == nil {
				err = fmt.Errorf("it is of block %d", a.Block)
			}
		}
		problems = append(problems, fmt.Errorf("snapshot of block %d: %w", h, err))
	}
	return at{}, problems
}
