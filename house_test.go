package main

import (
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// maxLines is where a file has become two.
const maxLines = 600

// goFiles lists the project's Go files by folder.
func goFiles(t *testing.T) map[string][]string {
	t.Helper()
	files := map[string][]string{}
	err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && path != "." && strings.HasPrefix(d.Name(), ".") {
			return filepath.SkipDir
		}
		if strings.HasSuffix(path, ".go") {
			folder, _, _ := strings.Cut(filepath.ToSlash(path), "/")
			if !strings.Contains(filepath.ToSlash(path), "/") {
				folder = "."
			}
			files[folder] = append(files[folder], path)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// TestImports holds the direction of imports: engine, protocols, circuits and datasets know
// nothing of node; circuits nothing of protocols; only node speaks to the network; nobody
// imports bench.
func TestImports(t *testing.T) {
	forbidden := map[string][]string{
		"engine":    {"parley/"},
		"circuits":  {"parley/protocols", "parley/engine", "parley/datasets", "parley/node"},
		"protocols": {"parley/node", "parley/datasets"},
		"datasets":  {"parley/node", "parley/protocols", "parley/circuits"},
	}
	network := []string{"github.com/libp2p/", "github.com/multiformats/", "github.com/cometbft/"}
	for folder, paths := range goFiles(t) {
		for _, path := range paths {
			f, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ImportsOnly)
			if err != nil {
				t.Fatal(err)
			}
			for _, spec := range f.Imports {
				name, err := strconv.Unquote(spec.Path.Value)
				if err != nil {
					t.Fatal(err)
				}
				bad := append([]string{"parley/bench"}, forbidden[folder]...)
				if folder != "node" && folder != "." {
					bad = append(bad, network...)
				}
				for _, prefix := range bad {
					if strings.HasPrefix(name, prefix) && !strings.HasPrefix(name, "parley/"+folder) {
						t.Errorf("%s imports %s", path, name)
					}
				}
			}
		}
	}
}

// TestLayout: each folder has its specification, names say what a thing is, and no file has
// grown past what one reads in a sitting.
func TestLayout(t *testing.T) {
	for _, folder := range []string{"engine", "protocols", "node", "circuits", "datasets", "bench"} {
		if _, err := os.Stat(filepath.Join(folder, "README.md")); err != nil {
			t.Errorf("%s has no specification: %v", folder, err)
		}
	}
	for _, paths := range goFiles(t) {
		for _, path := range paths {
			for _, word := range []string{"utils", "common", "manager", "helpers", "misc"} {
				if strings.Contains(strings.ToLower(filepath.Base(path)), word) {
					t.Errorf("%s: %q says nothing", path, word)
				}
			}
			text, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if n := strings.Count(string(text), "\n"); n > maxLines {
				t.Errorf("%s has %d lines", path, n)
			}
		}
	}
}
