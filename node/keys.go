package node

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"

	"parley/circuits"
)

// keysPause is how often a process looks whether another one has finished
// making the keys.
const keysPause = 100 * time.Millisecond

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
	if err := makeDir(dir); err != nil {
		return nil, err
	}
	path := filepath.Join(dir, "lock")
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, fileMode)
	if err != nil {
		return nil, fmt.Errorf("development keys: %w", explainDisk(err))
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
		return nil, explainDisk(err)
	}
	return keys, nil
}
