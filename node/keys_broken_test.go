package node

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"parley/circuits"
	"parley/engine"
	"parley/node/config"
	"parley/node/machine"
	"parley/node/nodetest"
	"parley/protocols"
)

// TestBrokenKeyEndsTheNode: one that finds its proving keys broken stops, and
// stays stopped; what it says, logs and writes does not tell which query it was
// at.
func TestBrokenKeyEndsTheNode(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	said := map[string]bool{}
	for _, query := range []engine.Digest{{1}, {2}, {3}} {
		nodetest.Check(t, os.RemoveAll(filepath.Join(dir, brokenName)))
		var log bytes.Buffer
		n := &node{cfg: config.Config{Dir: dir}, work: machine.Effects{}, log: slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{
			ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
				if a.Key == slog.TimeKey {
					return slog.Attr{}
				}
				return a
			}}))}
		if err := n.checkBroken(); err != nil {
			t.Fatal(err)
		}
		ctx, stop := context.WithCancel(t.Context())
		r := &machine.Running{Query: query, Context: ctx, Stop: stop, Machine: nodetest.StepFunc(func(protocols.Event) (protocols.Ready, error) {
			return protocols.Ready{}, fmt.Errorf("%w: a proof of the contribution does not verify", circuits.ErrBrokenKey)
		})}
		err := n.step(ctx, r, protocols.Deadline{})
		stop()
		if !errors.Is(err, circuits.ErrBrokenKey) || strings.Contains(err.Error(), "\n") || !strings.Contains(err.Error(), "found the network anew") {
			t.Fatalf("the node went on, or says little: %v", err)
		}
		file := filepath.Join(dir, brokenName)
		text, readErr := os.ReadFile(file)
		nodetest.Check(t, readErr)
		if again := n.checkBroken(); again == nil || !strings.Contains(again.Error(), file) || !strings.Contains(again.Error(), "found the network anew") {
			t.Errorf("the next start: %v", again)
		}
		if again := n.openKeys(t.Context()); again == nil || !strings.Contains(again.Error(), "ended for good") {
			t.Errorf("keys are opened again: %v", again)
		}
		said[err.Error()+"|"+string(text)+"|"+log.String()] = true
	}
	if len(said) != 1 {
		t.Errorf("which query it was can be told: %v", said)
	}
	nodetest.Check(t, os.Remove(filepath.Join(dir, brokenName)))
	nodetest.Check(t, os.Mkdir(filepath.Join(dir, brokenName), 0o700))
	if (&node{cfg: config.Config{Dir: dir}}).checkBroken() == nil {
		t.Error("a mark that cannot be read counts as none")
	}
}
