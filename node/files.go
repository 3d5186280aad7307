package node

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// Everything that a node stores is its own user's: the folder 0700, the files
// 0600, whatever the umask says.
const (
	dirMode  = 0o700
	fileMode = 0o600
)

// temporaryPrefix marks a file that is being written. After a crash such
// files are garbage; a store removes them when it is opened.
const temporaryPrefix = ".writing-"

// explainDisk turns a full disk or quota into a sentence. The error stays
// inside for errors.Is.
func explainDisk(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return fmt.Errorf("no space left on the disk (nothing half-written remains): %w", err)
	case errors.Is(err, syscall.EROFS):
		return fmt.Errorf("the disk is read-only: %w", err)
	}
	return err
}

// onDisk is the error if this machine's disk is at fault, else nil.
func onDisk(err error) error {
	for _, cause := range []error{syscall.ENOSPC, syscall.EDQUOT, syscall.EROFS, syscall.EIO} {
		if errors.Is(err, cause) {
			return err
		}
	}
	return nil
}

// writeFile replaces path by data so that, whenever the power goes, the file
// is either the old one or the new one.
func writeFile(path string, data []byte) error {
	return streamFile(path, func(w io.Writer) error {
		_, err := w.Write(data)
		return err
	})
}

// streamFile is writeFile of what write writes. Its error leaves the old file.
func streamFile(path string, write func(io.Writer) error) error {
	dir := filepath.Dir(path)
	f, err := os.CreateTemp(dir, temporaryPrefix+"*") // mode 0600
	if err != nil {
		return fmt.Errorf("writing %s: %w", path, explainDisk(err))
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
		err = syncDir(dir)
	}
	if err != nil {
		os.Remove(f.Name())
		return fmt.Errorf("writing %s: %w", path, explainDisk(err))
	}
	return nil
}

// syncDir makes a creation, renaming or removal in dir durable.
func syncDir(dir string) error {
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

// makeDir makes a private folder, or checks that an existing one is a folder.
func makeDir(path string) error {
	if err := os.MkdirAll(path, dirMode); err != nil {
		return fmt.Errorf("making the folder %s: %w", path, explainDisk(err))
	}
	return nil
}

// removeTemporary clears what a crash left half-written in dir.
func removeTemporary(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), temporaryPrefix) {
			if err := os.Remove(filepath.Join(dir, e.Name())); err != nil {
				return err
			}
		}
	}
	return nil
}

// errRunning is a folder that another process holds.
var errRunning = errors.New("another node is running")

// lockDir takes dir for this process until the returned function is called:
// two nodes over one journal could each make a share for the same query. The
// kernel drops the lock when the process dies, however it dies.
func lockDir(dir string) (unlock func(), err error) {
	path := filepath.Join(dir, "lock")
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, fileMode)
	if err != nil {
		return nil, fmt.Errorf("locking %s: %w", dir, explainDisk(err))
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		f.Close()
		if errors.Is(err, unix.EWOULDBLOCK) {
			return nil, fmt.Errorf("%w from %s", errRunning, dir)
		}
		return nil, fmt.Errorf("locking %s: %w", dir, err)
	}
	return func() { f.Close() }, nil
}
