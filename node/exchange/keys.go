package exchange

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"

	"parley/circuits"
	"parley/engine"
	"parley/node/disk"
	"parley/node/peers"
	"parley/protocols"
)

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

// Parameters is the parameter set of a name, unless it is for tests only.
func Parameters(name string) (circuits.Params, error) {
	p, err := circuits.Named(name)
	if err == nil && p.Insecure() {
		return circuits.Params{}, errors.New("the parameters are for tests only: no node starts with them")
	}
	return p, err
}

// DevelopKeys finds or makes the development keys of a parameter set in dir, those
// of joins across departments among them for a network that answers joins.
// Processes that share dir take turns: two that made keys at once would each
// end up with their own.
// The keys are checked, once for all who share dir.
func DevelopKeys(ctx context.Context, p circuits.Params, joins bool, dir string, progress circuits.Progress) (*circuits.Keys, error) {
	develop := circuits.Develop
	if joins {
		develop = circuits.DevelopJoined
	}
	return checkedKeys(ctx, dir, progress, func() (*circuits.Keys, error) { return develop(ctx, p, dir, progress) })
}

// checkedKeys finds keys in dir and checks them, in the turn of this process. In
// a folder where others could put files, the mark of a checked key, and the keys
// themselves, could be theirs.
func checkedKeys(ctx context.Context, dir string, progress circuits.Progress, find func() (*circuits.Keys, error)) (*circuits.Keys, error) {
	if err := disk.MakePrivate(dir); err != nil {
		if errors.Is(err, disk.ErrPublic) {
			err = fmt.Errorf("%w: keys are kept where only their user can write; set HOME or XDG_CACHE_HOME to such a folder; parley node and parley query also take --cache", err)
		}
		return nil, err
	}
	unlock, err := lockKeys(ctx, filepath.Join(dir, "lock"), progress)
	if err != nil {
		return nil, err
	}
	defer unlock()
	keys, err := find()
	if err == nil {
		err = keys.Check(ctx, progress)
	}
	if err != nil {
		return nil, disk.Explain(err)
	}
	return keys, nil
}

func lockKeys(ctx context.Context, path string, progress circuits.Progress) (unlock func(), err error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, disk.FileMode)
	if err != nil {
		return nil, fmt.Errorf("development keys: %w", disk.Explain(err))
	}
	for {
		err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		if err == nil {
			return func() { f.Close() }, nil // and with it the lock
		}
		if !errors.Is(err, unix.EWOULDBLOCK) {
			f.Close()
			return nil, fmt.Errorf("development keys: locking %s: %w", path, err)
		}
		if progress != nil {
			progress("waiting for another process that makes the keys", 0, 0)
		}
		select {
		case <-ctx.Done():
			f.Close()
			return nil, ctx.Err()
		case <-time.After(peers.RetryPause):
		}
	}
}

// KeySource is whoever has the network's keys: a member for a
// department, its node for an analyst.
type KeySource struct {
	Founding func(ctx context.Context) (Founding, error) // which keys they are
	// Fetch writes the files of the proving halves, which the caller names with
	// their sizes and digests; the source has no say in what they are.
	Fetch func(ctx context.Context, files []KeyFile, into string) error
}

// KeyFile is a file that is wanted.
type KeyFile struct {
	circuits.KeyFile
	Digest engine.Digest
}

// Founding is what the first department decides when a network is founded: all
// of a genesis that does not stand in each node's configuration.
type Founding struct {
	_         struct{} `cbor:",toarray"`
	Nonce     engine.Digest
	Verifying []byte          // Network.VerifyingKeys
	Proving   []engine.Digest // Network.ProvingKeys
}

// FoundingOf is what a network was founded with.
func FoundingOf(n *protocols.Network) Founding {
	return Founding{Nonce: n.Nonce, Verifying: n.VerifyingKeys, Proving: n.ProvingKeys}
}

// Joins reports whether the network answers joins across departments
// (protocols.Network.Joins).
func (f *Founding) Joins() bool { return (&protocols.Network{ProvingKeys: f.Proving}).Joins() }

// SetKeys takes the keys that were made for the founding.
func (f *Founding) SetKeys(keys *circuits.Keys) {
	f.Verifying = keys.Verifying().MarshalBinary()
	for _, digest := range keys.Proving() {
		f.Proving = append(f.Proving, digest)
	}
}

// HeldKeys are keys with the folder that they are in; an auditor holds the
// verifying half only.
type HeldKeys struct {
	*circuits.Keys
	VerifyingKeys *circuits.VerifyingKeys
	Dir           string
}

// NetworkKeys returns the keys that a network was founded with, checked: those
// in the cache if they are the same, else the source's, kept in a folder of the
// cache of their own.
func NetworkKeys(ctx context.Context, p circuits.Params, cache string, want Founding, source *KeySource, progress circuits.Progress) (HeldKeys, error) {
	vk, err := circuits.ParseVerifyingKeys(p, want.Verifying)
	if err != nil {
		return HeldKeys{}, fmt.Errorf("the network's verifying keys: %w", err)
	}
	var digests [][32]byte
	for _, digest := range want.Proving {
		digests = append(digests, digest)
	}
	load := func(dir string) (HeldKeys, error) {
		keys, err := checkedKeys(ctx, dir, progress, func() (*circuits.Keys, error) { return circuits.Load(p, dir, vk, digests) })
		return HeldKeys{keys, vk, dir}, err
	}
	own := filepath.Join(cache, engine.Hash("parley keys folder", engine.Marshal(want.Verifying), engine.Marshal(want.Proving)).String()[:32])
	for _, dir := range []string{cache, own} {
		if held, err := load(dir); !errors.Is(err, os.ErrNotExist) {
			return held, err
		}
	}
	if source == nil {
		return HeldKeys{}, fmt.Errorf("the network's development keys are not in %s any more", cache)
	}
	if progress != nil {
		progress("fetching the network's development keys", 0, 0)
	}
	files, err := vk.ProvingFiles()
	if err != nil {
		return HeldKeys{}, err
	}
	var wanted []KeyFile
	for i, f := range files {
		wanted = append(wanted, KeyFile{f, want.Proving[i]})
	}
	if err := source.Fetch(ctx, wanted, own); err != nil {
		return HeldKeys{}, fmt.Errorf("fetching the development keys: %w", err)
	}
	return load(own)
}
