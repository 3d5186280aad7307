package liar_test

import (
	"go/build/constraint"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestNoOrdinaryBuildLinksLiars: only test files and files that need the tag liar import this
// package.
func TestNoOrdinaryBuildLinksLiars(t *testing.T) {
	seen := 0
	err := filepath.WalkDir("../..", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		f, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		seen++
		for _, spec := range f.Imports {
			if spec.Path.Value == `"parley/protocols/liar"` && !needsTag(t, path) {
				t.Errorf("%s imports the liars and is in ordinary builds", path)
			}
		}
		return nil
	})
	if err != nil || seen < 10 {
		t.Fatalf("%d files read: %v", seen, err)
	}
}

// needsTag reports whether a file's build constraint fails without the tag.
func needsTag(t *testing.T, path string) bool {
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(raw)) {
		if expr, err := constraint.Parse(strings.TrimSpace(line)); err == nil {
			return !expr.Eval(func(tag string) bool { return tag != "liar" })
		}
	}
	return false
}
