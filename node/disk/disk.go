// Package disk writes what a node and its ledger keep: durably, whole or not at
// all, and for their own user only, whatever the umask says.
package disk

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// Modes of folders and files.
const (
	DirMode  = 0o700
	FileMode = 0o600
)

// TemporaryPrefix marks a file that is being written. After a crash such
// files are garbage; a store removes them when it is opened.
const TemporaryPrefix = ".writing-"

// explained is an error with a sentence for the operator.
type explained struct {
	sentence string
	cause    error
}

func (e *explained) Error() string { return e.sentence + ": " + e.cause.Error() }
func (e *explained) Unwrap() error { return e.cause }

// Explain turns a full disk or quota into a sentence, once. The error stays
// inside for errors.Is.
func Explain(err error) error {
	var already *explained
	switch {
	case err == nil, errors.As(err, &already):
		return err
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return &explained{"no space left on the disk (nothing half-written remains)", err}
	case errors.Is(err, syscall.EROFS):
		return &explained{"the disk is read-only", err}
	}
	return err
}

// Fault is the error if this machine's disk is at fault, else nil.
func Fault(err error) error {
	for _, cause := range []error{syscall.ENOSPC, syscall.EDQUOT, syscall.EROFS, syscall.EIO} {
		if errors.Is(err, cause) {
			return err
		}
	}
	return nil
}

// WriteFile replaces path by data so that, whenever the power goes, the file
// is either the old one or the new one.
func WriteFile(path string, data []byte) error {
	return StreamFile(path, func(w io.Writer) error {
		_, err := w.Write(data)
		return err
	})
}

// StreamFile is WriteFile of what write writes. Its error leaves the old file.
func StreamFile(path string, write func(io.Writer) error) error {
	dir := filepath.Dir(path)
	f, err := os.CreateTemp(dir, TemporaryPrefix+"*") // mode 0600
	if err != nil {
		return fmt.Errorf("writing %s: %w", path, Explain(err))
	}
	if err = write(f); err == nil {
		err = f.Sync()
	}
	if e := f.Close(); err == nil {
		err = e
	}
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err == nil {
		err = SyncDir(dir)
	}
	if err != nil {
		os.Remove(f.Name())
		return fmt.Errorf("writing %s: %w", path, Explain(err))
	}
	return nil
}

// SyncDir makes a creation, renaming or removal in dir durable.
func SyncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	err = d.Sync()
	if e := d.Close(); err == nil {
		err = e
	}
	return err
}

// MakeDir makes a private folder, or checks that an existing one is a folder.
func MakeDir(path string) error {
	if err := os.MkdirAll(path, DirMode); err != nil {
		return fmt.Errorf("making the folder %s: %w", path, Explain(err))
	}
	return nil
}

// RemoveTemporary clears what a crash left half-written in dir.
func RemoveTemporary(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), TemporaryPrefix) {
			if err := os.Remove(filepath.Join(dir, e.Name())); err != nil {
				return err
			}
		}
	}
	return nil
}

// Usage is what a folder takes on the disk, in bytes. What goes away meanwhile does not count.
func Usage(dir string) (bytes int64) {
	_ = filepath.WalkDir(dir, func(_ string, e fs.DirEntry, err error) error {
		if err != nil {
			return nil
		}
		if info, err := e.Info(); err == nil {
			if stat, ok := info.Sys().(*syscall.Stat_t); ok {
				bytes += stat.Blocks * statBlock
			}
		}
		return nil
	})
	return bytes
}

// statBlock is the unit of stat's st_blocks, whatever the file system's blocks are.
const statBlock = 512

// Free is what is left for this user on the disk that holds path, and the size of that disk, in
// bytes; zeros if it cannot be told.
func Free(path string) (free, size uint64) {
	var s unix.Statfs_t
	if unix.Statfs(path, &s) != nil || s.Bsize <= 0 {
		return 0, 0
	}
	return s.Bavail * uint64(s.Bsize), s.Blocks * uint64(s.Bsize)
}
