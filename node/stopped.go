package node

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"

	"parley/circuits"
	"parley/node/config"
	"parley/node/disk"
	"parley/node/failure"
	"parley/node/journal"
)

// stopped logs why the node ends by itself, and what its operator does about it, and gives both to
// whoever runs it.
func (n *node) stopped(err error) error {
	f := *failure.Of(err)
	f.Cause = err
	if f.Hint == "" {
		f.Hint = remedy(err, f.Code)
	}
	n.log.Error("the node stops", "why", f.Error(), "do", f.Hint)
	return &f
}

// remedy is what an operator does about an error that ended a node.
func remedy(err error, code string) string {
	switch {
	case errors.Is(err, ErrExpelled):
		return "to take part again a node needs a new folder, and a vote of the members: parley vote add"
	case errors.Is(err, circuits.ErrBrokenKey):
		return "the network has to be founded anew with other keys"
	case errors.Is(err, disk.ErrLocked):
		return "stop the other one first: one folder, one node"
	case errors.Is(err, journal.ErrCorrupt):
		return "move the folder journal away (never restore one from a backup): the node then leaves its epoch, and another is formed"
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return "make room on the disk, and start the node again: it goes on where it was"
	case disk.Fault(err) != nil:
		return "mend the disk, and start the node again: it goes on where it was"
	case code == "config":
		return "mend it there, and start the node again"
	case code == "data":
		return "mend the file, or how node.toml says it is read, and start the node again"
	}
	return "start the node again; if it ends so again, the lines before this one say more"
}

// killed tells the log of a run before this one that did not end in order: only a run that ends so
// leaves its door's file.
func (n *node) killed() {
	if info, err := os.Stat(filepath.Join(n.cfg.Dir, config.ControlFile)); err == nil {
		n.log.Warn("the run before did not stop in order: it was killed, the machine stopped, or memory ran out", "started", info.ModTime().UTC())
	}
}
