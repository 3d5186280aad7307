package node

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"parley/circuits"
	"parley/engine"
	"parley/node/disk"
)

// keysPause is how often a process looks whether another one has finished
// making the keys, and a node whether the first department has.
const keysPause = 200 * time.Millisecond

// DefaultCacheDir is where development keys are kept: parley/keys in the
// user's cache folder, or in the folder for temporary files where there is
// none.
func DefaultCacheDir() string {
	base, err := os.UserCacheDir()
	if err != nil {
		base = filepath.Join(os.TempDir(), fmt.Sprintf("parley-%d", os.Getuid()))
	}
	return filepath.Join(base, "parley", "keys")
}

// developKeys finds or makes the development keys of a parameter set in dir.
// Processes that share dir take turns: two that made keys at once would each
// end up with their own.
func developKeys(ctx context.Context, p circuits.Params, dir string, progress circuits.Progress) (*circuits.Keys, error) {
	if err := disk.MakeDir(dir); err != nil {
		return nil, err
	}
	path := filepath.Join(dir, "lock")
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, disk.FileMode)
	if err != nil {
		return nil, fmt.Errorf("development keys: %w", disk.Explain(err))
	}
	defer f.Close() // and with it the lock
	for {
		err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		if err == nil {
			break
		}
		if !errors.Is(err, unix.EWOULDBLOCK) {
			return nil, fmt.Errorf("development keys: locking %s: %w", path, err)
		}
		if progress != nil {
			progress("waiting for another process that makes the keys", 0, 0)
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(keysPause):
		}
	}
	keys, err := circuits.Develop(ctx, p, dir, progress)
	if err != nil {
		return nil, disk.Explain(err)
	}
	return keys, nil
}

// keySource is whoever has the network's keys: a member for a
// department, its node for an analyst.
type keySource struct {
	founding func(ctx context.Context) (founding, error)  // which keys they are
	fetch    func(ctx context.Context, into string) error // all files of them
}

// founding is what the first department decides when a network is founded: all
// of a genesis that does not stand in each node's configuration.
type founding struct {
	_         struct{} `cbor:",toarray"`
	Nonce     engine.Digest
	Verifying []byte
}

// heldKeys are keys with the folder that they are in; an auditor holds the
// verifying half only.
type heldKeys struct {
	*circuits.Keys
	verifying *circuits.VerifyingKeys
	dir       string
}

// networkKeys returns the keys that a network uses, known by the encoding of
// their verifying half: those in the cache if they are the same, else the
// source's, kept in a folder of the cache of their own.
func networkKeys(ctx context.Context, p circuits.Params, cache string, want []byte, source *keySource, progress circuits.Progress) (heldKeys, error) {
	vk, err := circuits.ParseVerifyingKeys(p, want)
	if err != nil {
		return heldKeys{}, fmt.Errorf("the network's verifying keys: %w", err)
	}
	own := filepath.Join(cache, engine.Digest(vk.Digest()).String()[:32])
	dir := cache
	if len(keyNames(want, cache)) == 0 {
		dir = own
	}
	if len(keyNames(want, dir)) == 0 {
		if source == nil {
			return heldKeys{}, fmt.Errorf("the network's development keys are not in %s any more", cache)
		}
		if progress != nil {
			progress("fetching the network's development keys", 0, 0)
		}
		if err := disk.MakeDir(own); err != nil {
			return heldKeys{}, err
		}
		if err := source.fetch(ctx, own); err != nil {
			return heldKeys{}, fmt.Errorf("fetching the development keys: %w", err)
		}
		if len(keyNames(want, own)) == 0 {
			return heldKeys{}, errors.New("the development keys that were served are not the network's")
		}
	}
	keys, err := developKeys(ctx, p, dir, nil)
	if err != nil {
		return heldKeys{}, err
	}
	if !bytes.Equal(keys.Verifying().MarshalBinary(), want) {
		return heldKeys{}, errors.New("the network's keys are for other circuits than this program's: the nodes run different versions")
	}
	return heldKeys{keys, keys.Verifying(), dir}, nil
}

// keyNames lists the files in dir that hold the keys with this verifying half:
// first the proving keys, then the verifying ones, whose presence says that
// all is there. None if any is missing.
func keyNames(verifying []byte, dir string) []string {
	found, err := filepath.Glob(filepath.Join(dir, "*.verifying"))
	if err != nil {
		return nil
	}
	var names []string
	for _, path := range found {
		raw, err := os.ReadFile(path)
		if err != nil || len(raw) == 0 || !bytes.Contains(verifying, raw) {
			continue // another parameter set's, or other keys for it
		}
		stem := strings.TrimSuffix(filepath.Base(path), "verifying")
		if _, err := os.Stat(filepath.Join(dir, stem+"proving")); err == nil {
			names = append(names, stem+"proving", stem+"verifying")
		}
	}
	if len(names) != 2*len(circuits.Statements) {
		return nil
	}
	slices.SortFunc(names, func(a, b string) int {
		return cmp.Or(strings.Compare(filepath.Ext(a), filepath.Ext(b)), strings.Compare(a, b))
	})
	return names
}

// keyFile is one file of a set of development keys.
type keyFile struct {
	_      struct{} `cbor:",toarray"`
	Name   string
	Size   uint64
	Digest [32]byte // SHA-256
}

// check refuses names that are not those of keys, and sizes beyond reason.
func (f *keyFile) check() error {
	stem, kind, ok := strings.Cut(f.Name, ".")
	if !ok || len(stem) != 32 || strings.Trim(stem, "0123456789abcdef") != "" || kind != "proving" && kind != "verifying" {
		return fmt.Errorf("%q is not the name of a key", f.Name)
	}
	if f.Size > keyFileLimit {
		return fmt.Errorf("a key of %d bytes is over the limit of %d", f.Size, keyFileLimit)
	}
	return nil
}

// keyFiles describes the files of keys, for whoever fetches them.
func keyFiles(keys heldKeys) ([]keyFile, error) {
	if keys.Keys == nil {
		return nil, errors.New("an auditor holds no proving keys")
	}
	var files []keyFile
	for _, name := range keyNames(keys.verifying.MarshalBinary(), keys.dir) {
		f, err := describeKeyFile(filepath.Join(keys.dir, name))
		if err != nil {
			return nil, err
		}
		files = append(files, f)
	}
	if files == nil {
		return nil, fmt.Errorf("%s does not hold the keys any more", keys.dir)
	}
	return files, nil
}

func describeKeyFile(path string) (keyFile, error) {
	in, err := os.Open(path)
	if err != nil {
		return keyFile{}, err
	}
	defer in.Close()
	h := sha256.New()
	size, err := io.Copy(h, in)
	return keyFile{Name: filepath.Base(path), Size: uint64(size), Digest: [32]byte(h.Sum(nil))}, err
}
