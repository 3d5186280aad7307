package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// side is one of the two commits: its sources and what was built of them.
type side struct {
	Commit  string `json:"commit"`
	Changed bool   `json:"uncommittedChanges"` // of this working copy, which are measured too
	source  string
	program string
	bench   string // "" unless its circuits are asked for
}

// commitOf is the commit that a working copy is of, and whether it has changes that are not committed.
func commitOf(ctx context.Context, here string) (commit string, changed bool, err error) {
	if commit, err = output(command(ctx, here, "git", "rev-parse", "HEAD")); err != nil {
		return "", false, err
	}
	changes, err := output(command(ctx, here, "git", "status", "--porcelain"))
	return strings.TrimSpace(commit), strings.TrimSpace(changes) != "", err
}

// newSides checks the older commit out into dir, beside the working copy around here. What is
// returned removes the worktree again, also after an error.
func newSides(ctx context.Context, here, dir, commit string) (sides [2]*side, remove func() error, err error) {
	remove = func() error { return nil }
	git := func(ctx context.Context, args ...string) (string, error) {
		out, err := output(command(ctx, here, "git", args...))
		return strings.TrimSpace(out), err
	}
	root, err := git(ctx, "rev-parse", "--show-toplevel")
	if err != nil {
		return sides, remove, err
	}
	old := &side{source: filepath.Join(dir, "source")}
	if old.Commit, err = git(ctx, "rev-parse", "--verify", "--quiet", "--end-of-options", commit+"^{commit}"); err != nil {
		return sides, remove, fmt.Errorf("-against %s is no commit of this repository: %w", commit, err)
	}
	own := &side{source: root}
	if own.Commit, own.Changed, err = commitOf(ctx, here); err != nil {
		return sides, remove, err
	}
	remove = func() error { // ctx may have ended
		_, err := git(context.WithoutCancel(ctx), "worktree", "remove", "--force", old.source)
		return err
	}
	if _, err = git(ctx, "worktree", "add", "--detach", old.source, old.Commit); err != nil {
		if _, there := os.Stat(old.source); there != nil {
			remove = func() error { return nil }
		}
		return sides, remove, err
	}
	return [2]*side{older: old, newer: own}, remove, nil
}

// build makes a side's binaries in dir, from its sources and by its go.mod, both sides' in the same way.
func (s *side) build(ctx context.Context, dir string, circuits bool) error {
	target := func(name, folder string) (string, error) {
		path := filepath.Join(dir, name)
		fmt.Fprintf(os.Stderr, "building %s of %s\n", name, s)
		_, err := output(command(ctx, s.source, "go", "build", "-buildvcs=false", "-o", path, folder))
		return path, err
	}
	var err error
	if s.program, err = target("parley", "."); err == nil && circuits {
		s.bench, err = target("bench", "./bench")
	}
	if err != nil {
		return fmt.Errorf("%s cannot be built: %w", s, err)
	}
	return nil
}

// String names it in sentences.
func (s *side) String() string {
	if s.Changed {
		return fmt.Sprintf("%.12s with uncommitted changes", s.Commit)
	}
	return fmt.Sprintf("%.12s", s.Commit)
}

// output runs a command and returns its standard output. The error ends with what it said last.
func output(cmd *exec.Cmd) (string, error) {
	var out, errs bytes.Buffer
	cmd.Stdout = &out
	if cmd.Stderr == nil {
		cmd.Stderr = &errs
	} else {
		cmd.Stderr = io.MultiWriter(cmd.Stderr, &errs)
	}
	if err := cmd.Run(); err != nil {
		name := filepath.Base(cmd.Path)
		if len(cmd.Args) > 1 {
			name += " " + cmd.Args[1]
		}
		return "", fmt.Errorf("%s: %w: %s", name, err, lastLine(errs.Bytes()))
	}
	return out.String(), nil
}

// call runs the side's program to its end, and measures that process from outside.
func (s *side) call(ctx context.Context, args ...string) (string, cost, error) {
	cmd := command(ctx, "", s.program, args...)
	begun := time.Now()
	out, err := output(cmd)
	took := cost{Wall: time.Since(begun).Seconds()}
	if err != nil {
		return "", took, s.undriven(err)
	}
	took.CPU = (cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()).Seconds()
	return out, took, nil
}

// undriven says of an error that it may be the command line's.
func (s *side) undriven(err error) error {
	return fmt.Errorf("%s: %w (what is measured must know the demo, node, query and verify commands, "+
		"and answer in JSON, as this working copy does)", s, err)
}

// asked is a question, and its right answer.
type asked struct {
	SQL      string
	Expected rows
}

// rows are an answer's, as printed; nil is NULL.
type rows [][]*string

func (r rows) equal(other rows) bool {
	a, errA := json.Marshal(r)
	b, errB := json.Marshal(other)
	return errA == nil && errB == nil && bytes.Equal(a, b)
}

// demo has the side make its keys if they are not cached, a network in dir, and its answers to the
// demo's questions, which it compares with plain SQL over the pooled rows. It returns the first question.
func (s *side) demo(ctx context.Context, parameters, dir string, persons int) (asked, error) {
	cmd := command(ctx, "", s.program, "demo", "--json", "--parameters", parameters, "--dir", dir, "--persons", fmt.Sprint(persons))
	cmd.Stderr = os.Stderr // where the keys are counted
	out, err := output(cmd)
	if err != nil {
		return asked{}, s.undriven(err)
	}
	q, err := readDemo([]byte(out))
	if err != nil {
		return asked{}, s.undriven(err)
	}
	return q, nil
}

func readDemo(out []byte) (asked, error) {
	var demo struct {
		Queries []struct {
			SQL             string
			Expected        rows
			Equal, Verified bool
		}
	}
	if err := json.Unmarshal(out, &demo); err != nil {
		return asked{}, fmt.Errorf("the demo's JSON: %w", err)
	}
	if len(demo.Queries) == 0 {
		return asked{}, errors.New("the demo's JSON has no question")
	}
	for _, q := range demo.Queries {
		if !q.Equal || !q.Verified || len(q.Expected) == 0 {
			return asked{}, fmt.Errorf("%q: equal %t, verified %t, %d rows expected", q.SQL, q.Equal, q.Verified, len(q.Expected))
		}
	}
	return asked{demo.Queries[0].SQL, demo.Queries[0].Expected}, nil
}

// check compares an answer to the question, as `parley query --json` gives it, with the right one.
func (a asked) check(out []byte) error {
	var answer struct {
		Rows             rows
		Verified, Pinned bool
	}
	if err := json.Unmarshal(out, &answer); err != nil {
		return fmt.Errorf("the answer's JSON: %w", err)
	}
	if equal := answer.Rows.equal(a.Expected); !equal || !answer.Verified || !answer.Pinned {
		return fmt.Errorf("%q: equal %t, verified %t, by pinned keys %t", a.SQL, equal, answer.Verified, answer.Pinned)
	}
	return nil
}
