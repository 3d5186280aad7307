// Command report reads what `go test -json` writes, prints what `go test` would print without it, and appends how
// each test ended to the file that it is given: how, package, name, reason and seconds, with tabs between. The machine's own
// paths are left out of what it prints.
package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
)

// event is a line of `go test -json`; see `go doc test2json`.
type event struct {
	Action, Package, Test, Output string
	Elapsed                       float64
}

func main() {
	if err := report(os.Stdin, os.Stdout, os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, "report:", err)
		os.Exit(1)
	}
}

func report(in io.Reader, out io.Writer, path string) error {
	ended, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer ended.Close()
	paths := withoutPaths()
	said := map[string]*bytes.Buffer{} // by tests that have not ended
	lines := bufio.NewReader(in)
	for {
		line, err := lines.ReadString('\n')
		var e event
		switch {
		case line == "":
		case json.Unmarshal([]byte(line), &e) != nil:
			fmt.Fprint(out, paths.Replace(line)) // not from a test: a compiler's complaint
		case e.Action == "build-output" || e.Action == "output" && e.Test == "" && e.Output != "PASS\n":
			fmt.Fprint(out, paths.Replace(e.Output))
		case e.Test == "":
		default:
			if err := e.test(out, ended, said, paths); err != nil {
				return err
			}
		}
		if err == io.EOF {
			break
		}
		if err != nil {
			return err
		}
	}
	for _, rest := range said { // tests that were cut off
		fmt.Fprint(out, paths.Replace(rest.String()))
	}
	return ended.Close()
}

// test keeps what a test says until it has ended, and prints it if it failed.
func (e *event) test(out, ended io.Writer, said map[string]*bytes.Buffer, paths *strings.Replacer) error {
	key := e.Package + " " + e.Test
	if said[key] == nil {
		said[key] = &bytes.Buffer{}
	}
	reason := ""
	switch e.Action {
	case "output":
		if !strings.HasPrefix(e.Output, "=== ") {
			said[key].WriteString(e.Output)
		}
		return nil
	case "fail":
		fmt.Fprint(out, paths.Replace(said[key].String()))
	case "skip":
		reason = skipped(said[key].String())
	case "pass":
	default: // run, pause, cont
		return nil
	}
	delete(said, key)
	_, err := fmt.Fprintf(ended, "%s\t%s\t%s\t%s\t%.1f\n", e.Action, e.Package, e.Test, paths.Replace(reason), e.Elapsed)
	return err
}

// skipped is why a test was skipped: the last thing that it said.
func skipped(said string) string {
	reason := ""
	for line := range strings.Lines(said) {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "--- ") {
			reason = line
		}
	}
	if _, after, found := strings.Cut(reason, ".go:"); found {
		_, reason, _ = strings.Cut(after, ": ")
	}
	return reason
}

// withoutPaths replaces the folders of this machine.
func withoutPaths() *strings.Replacer {
	var pairs []string
	if dir, err := os.Getwd(); err == nil {
		pairs = append(pairs, dir+"/", "", dir, ".")
	}
	if home, err := os.UserHomeDir(); err == nil && home != "/" {
		pairs = append(pairs, home, "~")
	}
	return strings.NewReplacer(append(pairs, os.TempDir(), "$TMPDIR")...)
}
