package main

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

// heavy runs the stories that start departments: they make proving keys once and take minutes.
var heavy = flag.Bool("heavy", false, "also run the stories that need proving keys")

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"parley": main})
}

// TestScripts runs the user stories in testdata/script, each against the real command.
func TestScripts(t *testing.T) {
	cache, err := os.UserCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	shared, err := filepath.Abs("../shared/data")
	if err != nil {
		t.Fatal(err)
	}
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script",
		Setup: func(env *testscript.Env) error {
			env.Setenv("XDG_CACHE_HOME", cache) // development keys are made once, not once a story
			env.Setenv("SHARED", shared)
			return nil
		},
		Condition: func(name string) (bool, error) {
			switch name {
			case "heavy":
				return *heavy, nil
			case "shared":
				_, err := os.Stat(shared)
				return err == nil, nil
			}
			return false, fmt.Errorf("no condition %q", name)
		},
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){
			"exits": exits, "json": checkJSON, "mode": checkMode, "split": split, "noprocess": noProcess,
			"bytes": writeBytes,
		},
	})
}

// exits runs a command and checks its exit status: exits 2 parley ...
func exits(ts *testscript.TestScript, neg bool, args []string) {
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	got := 0
	if err := ts.Exec(args[1], args[2:]...); err != nil {
		var exit *exec.ExitError
		if !errors.As(err, &exit) {
			ts.Fatalf("%v", err)
		}
		got = exit.ExitCode()
	}
	if got != want {
		ts.Fatalf("exit status %d, want %d", got, want)
	}
}

// checkJSON checks that standard output is one JSON object, and a value in it: json error.code column. A value of *
// asks only that it is there, - that it is not.
func checkJSON(ts *testscript.TestScript, neg bool, args []string) {
	decoder := json.NewDecoder(strings.NewReader(ts.ReadFile("stdout")))
	var object map[string]any
	ts.Check(decoder.Decode(&object))
	if _, err := decoder.Token(); err != io.EOF {
		ts.Fatalf("more than one JSON value on standard output")
	}
	for len(args) > 1 {
		got, found := lookUp(object, strings.Split(args[0], "."))
		want := args[1]
		switch {
		case want == "-" && !found, want == "*" && found, found && got == want:
		default:
			ts.Fatalf("%s is %q (found: %v), want %q", args[0], got, found, want)
		}
		args = args[2:]
	}
}

func lookUp(v any, path []string) (string, bool) {
	for _, key := range path {
		switch at := v.(type) {
		case map[string]any:
			value, found := at[key]
			if !found {
				return "", false
			}
			v = value
		case []any:
			i, err := strconv.Atoi(key)
			if err != nil || i < 0 || i >= len(at) {
				return "", false
			}
			v = at[i]
		default:
			return "", false
		}
	}
	if text, ok := v.(string); ok {
		return text, true
	}
	text, err := json.Marshal(v)
	return string(text), err == nil
}

// checkMode checks a file's permissions: mode 0600 FILE.
func checkMode(ts *testscript.TestScript, neg bool, args []string) {
	info, err := os.Stat(ts.MkAbs(args[1]))
	ts.Check(err)
	if got := fmt.Sprintf("%04o", info.Mode().Perm()); got != args[0] {
		ts.Fatalf("%s has mode %s, want %s", args[1], got, args[0])
	}
}

// split writes the lines of a CSV file into one file for each value of a column: split FILE COLUMN.
func split(ts *testscript.TestScript, neg bool, args []string) {
	lines := strings.Split(strings.TrimSpace(ts.ReadFile(args[0])), "\n")
	column := -1
	for i, name := range strings.Split(lines[0], ",") {
		if name == args[1] {
			column = i
		}
	}
	if column < 0 {
		ts.Fatalf("no column %q", args[1])
	}
	parts := map[string][]string{}
	for _, line := range lines[1:] {
		value := strings.Split(line, ",")[column]
		parts[value] = append(parts[value], line)
	}
	for value, rows := range parts {
		text := strings.Join(append([]string{lines[0]}, rows...), "\n") + "\n"
		ts.Check(os.WriteFile(ts.MkAbs(value+".csv"), []byte(text), 0o644))
	}
}

// writeBytes writes a file that a story cannot hold as text: bytes FILE HEX.
func writeBytes(ts *testscript.TestScript, neg bool, args []string) {
	content, err := hex.DecodeString(args[1])
	ts.Check(err)
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), content, 0o644))
}

// noProcess checks that no process is left whose command line names the story's folder.
func noProcess(ts *testscript.TestScript, neg bool, args []string) {
	lines, err := filepath.Glob("/proc/[0-9]*/cmdline")
	ts.Check(err)
	work := ts.Getenv("WORK")
	for _, file := range lines {
		if text, err := os.ReadFile(file); err == nil && strings.Contains(string(text), work) &&
			strings.Contains(string(text), "--supervised") {
			ts.Fatalf("still running: %s", strings.ReplaceAll(string(text), "\x00", " "))
		}
	}
}
