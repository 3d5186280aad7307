package config

import (
	"os"
	"path/filepath"
	"testing"
)

// FuzzConfig: no node.toml makes a node panic.
func FuzzConfig(f *testing.F) {
	f.Add([]byte("name = \"n\"\ndir = \"d\"\n[[table]]\nname = \"t\"\nfiles = [\"*.csv\"]\n"))
	f.Add([]byte("nmae = 1"))
	f.Fuzz(func(t *testing.T, b []byte) {
		path := filepath.Join(t.TempDir(), "node.toml")
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
		_, _ = Load(path)
	})
}
