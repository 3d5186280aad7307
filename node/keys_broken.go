package node

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"parley/node/disk"
)

// brokenName is the file in a node's folder that says that its network's proving
// keys are broken.
const brokenName = "broken-keys"

// breakKeys ends the node because of a proving key that is broken: not one query,
// since a key that fails on some cells would tell, by which answers failed, about
// the department's rows. It stays so over restarts. The sentence, the file and
// the log are the same whatever was asked.
func (n *node) breakKeys(cause error) error {
	err := fmt.Errorf("%w; this node answers nothing any more, since which answers fail would tell about its rows: found the network "+
		"anew with other keys (if only this machine was at fault, remove %s)", cause, filepath.Join(n.cfg.Dir, brokenName))
	n.log.Error("the proving keys are broken", "error", err.Error())
	if e := disk.WriteFile(filepath.Join(n.cfg.Dir, brokenName), []byte(err.Error()+"\n")); e != nil {
		return errors.Join(err, e)
	}
	return err
}

// checkBroken is the error that ended an earlier life of the node.
func (n *node) checkBroken() error {
	said, err := os.ReadFile(filepath.Join(n.cfg.Dir, brokenName))
	switch {
	case errors.Is(err, os.ErrNotExist):
		return nil
	case err != nil:
		return err
	}
	return fmt.Errorf("this node ended for good: %.1000s", said)
}
