package nodetest

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"parley/node/failure"
)

var update = flag.Bool("update", false, "rewrite testdata with what is printed")

// Golden compares what is printed with testdata/NAME.txt, and holds its lines to 80 columns. Only
// one that has a word with one of those values, and no more than a name before it, may be wider, and
// a row of a Markdown table.
func Golden(t *testing.T, name, got string, unbreakable ...string) {
	t.Helper()
	path := filepath.Join("testdata", name+".txt")
	if *update {
		Check(t, os.MkdirAll("testdata", 0o755))
		Check(t, os.WriteFile(path, []byte(got), 0o644))
	}
	want, err := os.ReadFile(path)
	if err != nil || got != string(want) {
		t.Errorf("%s: %v\n%s\nwant\n%s", name, err, got, want)
	}
	Narrow(t, name, got, unbreakable...)
}

// Narrow holds a text's lines to 80 columns, as Golden does.
func Narrow(t *testing.T, name, text string, unbreakable ...string) {
	t.Helper()
	const columns, label = 80, 14
	for line := range strings.Lines(text) {
		line = strings.TrimSuffix(line, "\n")
		if strings.HasPrefix(line, "| ") {
			continue
		}
		rest := line
		for _, word := range strings.Fields(line) {
			for _, value := range unbreakable {
				if strings.Contains(word, value) {
					rest = strings.Replace(rest, word, "", 1)
				}
			}
		}
		if failure.DisplayWidth(line) > columns && failure.DisplayWidth(rest) > label {
			t.Errorf("%s: %d columns: %s", name, failure.DisplayWidth(line), line)
		}
	}
}
