package disk

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// Private refuses a folder in which, or in place of which, another user could put files: it and
// every folder above it, by the path given and by the one that its links lead to, must be this
// user's or root's, and nobody else may write to them; above, a sticky folder like /tmp will do,
// for what is in it is checked as well. Root is trusted. Call it after the folder was made.
func Private(dir string) error {
	given, err := filepath.Abs(dir)
	if err != nil {
		return err
	}
	real, err := filepath.EvalSymlinks(given)
	if err != nil {
		return err
	}
	for _, path := range []string{given, real} {
		for at := path; ; at = filepath.Dir(at) {
			if why := exposed(at, at == real); why != "" {
				return fmt.Errorf("the folder %s is refused, since %s", dir, why)
			}
			if at == filepath.Dir(at) {
				break
			}
		}
	}
	return nil
}

// exposed says why others could change what is at a path, or nothing. A link is as safe as the
// folder that it is in, if its owner is.
func exposed(path string, itself bool) string {
	info, err := os.Lstat(path)
	if err != nil {
		return err.Error()
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return fmt.Sprintf("it cannot be told whose %s is", path)
	}
	self := os.Geteuid()
	if owner := int(stat.Uid); owner != self && (owner != 0 || itself) {
		return fmt.Sprintf("%s belongs to another user (%d, and this is %d)", path, owner, self)
	}
	link, sticky := info.Mode()&fs.ModeSymlink != 0, info.Mode()&fs.ModeSticky != 0
	if !link && info.Mode().Perm()&0o022 != 0 && (itself || !sticky) {
		return fmt.Sprintf("others can write to %s (mode %04o; mend it with: chmod go-w %s)", path, info.Mode().Perm(), quoted(path))
	}
	return ""
}

// quoted is a path as a shell takes it.
func quoted(path string) string { return "'" + strings.ReplaceAll(path, "'", `'\''`) + "'" }

// ErrPublic is what MakePrivate says of a folder that is not this user's alone.
var ErrPublic = errors.New("not this user's alone")

// MakePrivate makes a folder that is this user's alone, or finds that an existing one is.
func MakePrivate(dir string) error {
	if err := MakeDir(dir); err != nil {
		return err
	}
	if err := Private(dir); err != nil {
		return fmt.Errorf("%w: %w", ErrPublic, err)
	}
	return nil
}
