package main

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"
)

// TestReadDemo takes the first question of a demo all of whose answers are right, and no other demo's.
func TestReadDemo(t *testing.T) {
	q, err := readDemo([]byte(`{"ledger": [], "queries": [
		{"sql": "SELECT 1", "expected": [["1", null]], "equal": true, "verified": true},
		{"sql": "SELECT 2", "expected": [["2"]], "equal": true, "verified": true}]}`))
	if err != nil || q.SQL != "SELECT 1" || len(q.Expected) != 1 || *q.Expected[0][0] != "1" || q.Expected[0][1] != nil {
		t.Fatalf("%+v %v", q, err)
	}
	for _, bad := range []string{
		``, `[]`, `{}`, `{"queries": []}`,
		`{"queries": [{"sql": "SELECT 1", "error": {"code": "process"}}]}`,
		`{"queries": [{"sql": "SELECT 1", "equal": true, "verified": true}]}`,
		`{"queries": [{"sql": "SELECT 1", "expected": [["1"]], "equal": false, "verified": true}]}`,
		`{"queries": [{"sql": "SELECT 1", "expected": [["1"]], "equal": true, "verified": true},
			{"sql": "SELECT 2", "expected": [["1"]], "equal": true, "verified": false}]}`,
	} {
		if q, err := readDemo([]byte(bad)); err == nil {
			t.Errorf("%s gives %+v", bad, q)
		}
	}
}

// TestAnswerCheck: only an answer that is equal, and verified by pinned keys, counts.
func TestAnswerCheck(t *testing.T) {
	one := "1"
	q := asked{"SELECT 1, NULL", rows{{&one, nil}}}
	if err := q.check([]byte(`{"rows": [["1", null]], "verified": true, "pinned": true}`)); err != nil {
		t.Error(err)
	}
	for _, bad := range []string{
		`{"rows": [["1", "null"]], "verified": true, "pinned": true}`,
		`{"rows": [["1"]], "verified": true, "pinned": true}`,
		`{"rows": [["1", null], ["1", null]], "verified": true, "pinned": true}`,
		`{"rows": [["1", null]], "verified": false, "pinned": true}`,
		`{"rows": [["1", null]], "verified": true}`,
		`{"verified": true, "pinned": true}`,
		`no JSON`,
	} {
		if q.check([]byte(bad)) == nil {
			t.Errorf("%s is taken for right", bad)
		}
	}
}

// script writes a program that stands for parley.
func script(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"+text), 0o700); err != nil {
		t.Fatal(err)
	}
}

// TestNodeProcess: a node is followed until it listens, has formed its epoch and ends with its standard input;
// one that ends before is an error that says why.
func TestNodeProcess(t *testing.T) {
	ctx := t.Context()
	dir := t.TempDir()
	program := filepath.Join(dir, "parley")
	script(t, program, `echo '{"status": {"ready": false, "address": "here"}}'
echo no JSON
echo '{"status": {"ready": true, "address": "here"}}'
echo '{"status": {"ready": true, "address": "here"}}'
cat >/dev/null`)
	p, err := startNode(ctx, program, dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, done := range []chan struct{}{p.listening, p.ready} {
		if err := p.await(ctx, "status", done); err != nil {
			t.Fatal(err)
		}
	}
	if p.address != "here" {
		t.Errorf("address %q", p.address)
	}
	if runtime.GOOS == "linux" {
		if _, err := (nodes{p}).processorSeconds(); err != nil {
			t.Error(err)
		}
	}
	nodes{p}.stop()
	if _, err := (nodes{p}).processorSeconds(); err == nil {
		t.Error("a node that has ended has figures")
	}
	for text, want := range map[string]string{
		`echo '{"error": {"message": "a port in use"}}'; exit 1`: "a port in use",
		`echo first >&2; echo last >&2; exit 4`:                  `exit status 4; its log ends with "last"`,
	} {
		script(t, program, text)
		p, err := startNode(ctx, program, dir)
		if err != nil {
			t.Fatal(err)
		}
		if err := p.await(ctx, "status", p.ready); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
}

// TestProcessSeconds: what this process has used, as the system itself counts it.
func TestProcessSeconds(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("/proc is Linux's")
	}
	for begun := time.Now(); processorSeconds() < 0.05 && time.Since(begun) < time.Minute; {
	}
	least := processorSeconds()
	got, err := processSeconds(os.Getpid())
	if most := processorSeconds(); err != nil || got < least-0.03 || got > most+0.03 {
		t.Errorf("%v %v, want %v to %v", got, err, least, most)
	}
	if _, err := processSeconds(-1); err == nil {
		t.Error("no such process, and no error")
	}
}

// TestSides checks an older commit out beside a working copy, builds both, and leaves no worktree behind, also when
// the run was interrupted. A commit that cannot be driven is named.
func TestSides(t *testing.T) {
	if testing.Short() {
		t.Skip("builds programs")
	}
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("git is not here: ", err)
	}
	here := t.TempDir()
	git := func(args ...string) string {
		t.Helper()
		out, err := output(command(t.Context(), here, "git", append([]string{"-c", "user.name=t", "-c", "user.email=t@example.org"}, args...)...))
		if err != nil {
			t.Fatal(err)
		}
		return strings.TrimSpace(out)
	}
	write := func(name, text string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(here, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	git("init", "--quiet")
	write("go.mod", "module older\n\ngo 1.26\n")
	write("main.go", "package main\n\nimport \"os\"\n\nfunc main() { println(\"unknown command\"); os.Exit(2) }\n")
	git("add", ".")
	git("commit", "--quiet", "--message", "older")
	first := git("rev-parse", "HEAD")
	write("main.go", "package main\n\nfunc main() { print() }\n")

	ctx, interrupt := context.WithCancel(t.Context())
	dir := t.TempDir()
	sides, remove, err := newSides(ctx, here, dir, first[:8])
	if err != nil {
		t.Fatal(err)
	}
	old, own := sides[older], sides[newer]
	if old.Commit != first || old.Changed || own.Commit != first || !own.Changed {
		t.Errorf("old %+v, new %+v", old, own)
	}
	for i, s := range sides {
		if err := s.build(ctx, filepath.Join(dir, string(rune('a'+i))), false); err != nil {
			t.Fatal(err)
		}
	}
	_, _, err = own.call(ctx, "verify")
	if err != nil {
		t.Error(err)
	}
	if _, _, err = old.call(ctx, "verify"); err == nil || !strings.Contains(err.Error(), first[:12]+": parley verify: exit status 2: unknown command") {
		t.Errorf("an old commit that cannot be driven: %v", err)
	}
	interrupt()
	if err := remove(); err != nil {
		t.Error(err)
	}
	if left := git("worktree", "list", "--porcelain"); strings.Count(left, "worktree ") != 1 {
		t.Error(left)
	}
	for _, commit := range []string{"none", "--help", first + "^"} {
		_, remove, err := newSides(t.Context(), here, t.TempDir(), commit)
		if err == nil {
			t.Errorf("%q is a commit", commit)
		}
		if err := remove(); err != nil {
			t.Error(err)
		}
	}
}
