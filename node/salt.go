package node

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"parley/engine/cellkey"
	"parley/node/disk"
)

// saltFile and noiseFile are a department's secrets in its folder, both drawn at the first start.
const saltFile, noiseFile = "salt", "noise.key"

// loadSalt reads a department's salt, or draws it at the first start, and before it the key of the noise: a folder with a salt has had one,
// and another key would give further noise for the same cells.
func loadSalt(dir string) ([]byte, error) {
	path := filepath.Join(dir, saltFile)
	salt, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		if _, err := os.Lstat(filepath.Join(dir, noiseFile)); errors.Is(err, fs.ErrNotExist) {
			if _, err := drawn(filepath.Join(dir, noiseFile), cellkey.KeyBytes); err != nil {
				return nil, err
			}
		}
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

// loadNoiseKey reads the key of a department's noise, which is never made anew: without it no cell is perturbed, and none that
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
