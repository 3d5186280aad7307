// Package nodetest is what tests of several rooms of node share: identities and hosts on loopback.
// It imports peers and failure; tests alone import it.
package nodetest

import (
	"bytes"
	"encoding/json"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"parley/node/peers"
	"parley/protocols"
)

// Loopback is an address with a free port.
const Loopback = "/ip4/127.0.0.1/tcp/0"

// Quiet is a log that nobody reads.
var Quiet = slog.New(slog.NewTextHandler(io.Discard, nil))

// Identity draws a key without a file.
func Identity(t *testing.T) peers.Identity {
	t.Helper()
	id, err := peers.CreateIdentity(filepath.Join(t.TempDir(), "key"))
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// Host starts a host on loopback that closes with the test.
func Host(t *testing.T, id peers.Identity, allow *peers.Roles, o peers.Observer) *peers.Host {
	t.Helper()
	h, err := peers.NewHost(id, Loopback, allow, Quiet, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := h.Close(); err != nil {
			t.Error(err)
		}
	})
	return h
}

// Knows tells a host where another one listens.
func Knows(a, b *peers.Host) {
	a.Libp2p.Peerstore().AddAddrs(b.Libp2p.ID(), b.Libp2p.Addrs(), time.Hour)
}

// WriteFiles writes files, by their names, into a new folder, which it returns.
func WriteFiles(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// Check ends a test on an error.
func Check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// Into reads the JSON that a command wrote, and empties out.
func Into(t *testing.T, out *bytes.Buffer, v any) {
	t.Helper()
	if err := json.Unmarshal(out.Bytes(), v); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	out.Reset()
}

// StepFunc is a machine that is one function.
type StepFunc func(protocols.Event) (protocols.Ready, error)

func (f StepFunc) Step(e protocols.Event) (protocols.Ready, error) { return f(e) }
