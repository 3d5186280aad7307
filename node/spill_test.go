package node

import (
	"os"
	"path/filepath"
	"testing"

	"parley/node/config"
)

// TestSpillFolder: the folder for rows that do not fit into memory is its owner's alone, and nothing of an earlier
// run is left in it.
func TestSpillFolder(t *testing.T) {
	dir, elsewhere := t.TempDir(), t.TempDir()
	kept := filepath.Join(elsewhere, "kept")
	if err := os.WriteFile(kept, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, before := range map[string]func(path string) error{
		"none":         func(string) error { return nil },
		"of a crash":   func(path string) error { return os.MkdirAll(filepath.Join(path, "table-1", "duckdb"), 0o755) },
		"a file":       func(path string) error { return os.WriteFile(path, []byte("x"), 0o644) },
		"a link":       func(path string) error { return os.Symlink(elsewhere, path) },
		"open to all":  func(path string) error { return os.Mkdir(path, 0o777) },
		"a broken end": func(path string) error { return os.Symlink(filepath.Join(elsewhere, "absent"), path) },
	} {
		path := filepath.Join(dir, spillName)
		if err := os.RemoveAll(path); err != nil {
			t.Fatal(err)
		}
		if err := before(path); err != nil {
			t.Fatal(err)
		}
		n := &node{cfg: config.Config{Dir: dir}}
		got, err := n.makeSpill()
		if err != nil || got != path {
			t.Fatalf("%s: %s, %v", name, got, err)
		}
		info, err := os.Lstat(path)
		entries, _ := os.ReadDir(path)
		if err != nil || !info.IsDir() || info.Mode().Perm() != 0o700 || len(entries) > 0 {
			t.Errorf("%s: %v, %v, %d entries", name, err, info.Mode(), len(entries))
		}
	}
	if _, err := os.Stat(kept); err != nil {
		t.Errorf("what a link pointed to is gone: %v", err)
	}
}
