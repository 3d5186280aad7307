package node

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"parley/node/disk"
)

// loadSalt reads a department's salt, or draws it at the first start.
func loadSalt(path string) ([]byte, error) {
	salt, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		salt = make([]byte, saltBytes)
		if _, err := rand.Read(salt); err != nil {
			return nil, fmt.Errorf("drawing a salt: %w", err)
		}
		return salt, disk.WriteFile(path, salt)
	}
	if err != nil {
		return nil, fmt.Errorf("reading the salt: %w", err)
	}
	if len(salt) != saltBytes {
		return nil, fmt.Errorf("%s has %d bytes, not %d: it is damaged; a table's digest cannot be made again without it", path, len(salt), saltBytes)
	}
	return salt, nil
}
