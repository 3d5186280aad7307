package node

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"parley/engine/cellkey"
	"parley/node/disk"
	"parley/node/failure"
	"parley/protocols"
)

// saltFile and noiseFile are a department's secrets in its folder, drawn at the first start, and before it first joins.
const saltFile, noiseFile = "salt", "noise.key"

// loadSalt reads a department's salt, or draws it at the first start.
func loadSalt(dir string) ([]byte, error) {
	path := filepath.Join(dir, saltFile)
	salt, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return drawn(path, saltBytes)
	}
	if err != nil {
		return nil, fmt.Errorf("reading the salt: %w", err)
	}
	if len(salt) != saltBytes {
		return nil, fmt.Errorf("%s has %d bytes, not %d: it is damaged; a table's digest cannot be made again without it", path, len(salt), saltBytes)
	}
	return salt, nil
}

// drawn makes a file of so many random bytes.
func drawn(path string, n int) ([]byte, error) {
	secret := make([]byte, n)
	if _, err := rand.Read(secret); err != nil {
		return nil, fmt.Errorf("drawing %s: %w", filepath.Base(path), err)
	}
	return secret, disk.WriteFile(path, secret)
}

// openNoiseKey draws another key of the noise, where the operator says that the department's is lost for good.
func (n *node) openNoiseKey(context.Context) error {
	if !n.o.NewNoiseKey {
		return nil
	}
	if noiseKeyIn(n.cfg.Dir) {
		return failure.Usage("noise-key", "start the node without --new-noise-key",
			"%s is there: another one would give what was answered before further noise, and both can be averaged", filepath.Join(n.cfg.Dir, noiseFile))
	}
	n.log.Warn("a new key of the noise: what was answered before has other noise from now on, and both can be averaged")
	return drawNoiseKey(n.cfg.Dir)
}

// firstNoiseKey draws the key of a department's noise before it joins for the first time. A department that the ledger knows by its name has had
// one, whatever has become of its folder.
func (n *node) firstNoiseKey() error {
	known := slices.ContainsFunc(n.replica.Policies(), func(p protocols.PolicyRecord) bool { return p.Document.Department == n.cfg.Name })
	if n.cfg.Auditor || known || len(n.registered()) > 0 || noiseKeyIn(n.cfg.Dir) {
		return nil
	}
	return drawNoiseKey(n.cfg.Dir)
}

// checkNoiseKey refuses to go on without the key of the noise, where a policy in force demands its noise of one of the tables.
func (n *node) checkNoiseKey() error {
	for _, p := range n.replica.Policies() {
		if p.Document.Disclosure.Perturbed == 0 {
			continue
		}
		for _, t := range n.tables.all() {
			if t.name != p.Document.Table || len(t.read.Key) == 0 {
				continue
			}
			if _, err := loadNoiseKey(n.cfg.Dir); err != nil {
				return failure.Refused("noise-key", "put noise.key back from the backup. If there is none, parley node --new-noise-key draws another: what was answered before then has "+
					"further noise, and both can be averaged", "%s has the table %s perturbed, and this folder has not the key of its noise: %s", p.Document.Department, t.name, err)
			}
		}
	}
	return nil
}

// noiseKeyIn reports whether a folder has something by the name of the key; what cannot be looked at is there.
func noiseKeyIn(dir string) bool {
	_, err := os.Lstat(filepath.Join(dir, noiseFile))
	return !errors.Is(err, fs.ErrNotExist)
}

func drawNoiseKey(dir string) error {
	_, err := drawn(filepath.Join(dir, noiseFile), cellkey.KeyBytes)
	return err
}

// loadNoiseKey reads the key of a department's noise, which is not made anew but by the operator's word: without it no cell is perturbed, and none that
// has to be leaves.
func loadNoiseKey(dir string) (*cellkey.Key, error) {
	path := filepath.Join(dir, noiseFile)
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("the key of the noise: %w; it comes from a backup", err)
	}
	if info.Mode().Perm()&0o077 != 0 {
		return nil, fmt.Errorf("the key of the noise: others can read %s (mode %04o; mend it with: chmod 600 %s)", path, info.Mode().Perm(), path)
	}
	raw, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("the key of the noise: %w", err)
	}
	key, err := cellkey.New(raw)
	if err != nil {
		return nil, fmt.Errorf("%s is damaged: %w", path, err)
	}
	return key, nil
}
