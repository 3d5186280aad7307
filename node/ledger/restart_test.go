package ledger

import (
	"bufio"
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"parley/node/disk"
)

// openFiles counts this process's files; -1 where the system does not tell.
func openFiles() int {
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return -1
	}
	return len(entries)
}

// walGoroutines are what CometBFT leaves behind each time: its log's head file
// is closed without ending the routines that close and reopen it.
const walGoroutines = 2

// TestReopen: a folder is opened and closed three times in one process, with
// metrics; nothing is lost and nothing leaks.
func TestReopen(t *testing.T) {
	b := newBench(t, 1)
	registry := prometheus.NewRegistry()
	b.adjust = func(c *Config) { c.Metrics = registry }
	goroutines, files := 0, 0
	for i := range 4 {
		b.start(0)
		b.mustAppend(0, fmt.Sprint("note ", i))
		if got := b.nodes[0].ledger.Status().Records; got != uint64(i+1) {
			t.Fatalf("%d records", got)
		}
		figures, err := registry.Gather()
		if err != nil || len(figures) < 8 {
			t.Fatalf("%d figures, %v", len(figures), err)
		}
		b.stop(0)
		for deadline := time.Now().Add(30 * time.Second); i > 0 && runtime.NumGoroutine() > goroutines+i*walGoroutines; time.Sleep(20 * time.Millisecond) {
			if time.Now().After(deadline) {
				stacks := make([]byte, 1<<20)
				t.Fatalf("%d goroutines, %d after the first time\n%s", runtime.NumGoroutine(), goroutines, stacks[:runtime.Stack(stacks, true)])
			}
		}
		if i == 0 {
			goroutines, files = settled(t, runtime.NumGoroutine), settled(t, openFiles)
		} else if got := openFiles(); got > files {
			t.Errorf("%d files open, %d after the first time", got, files)
		}
	}
	checkPrivate(t, b.nodes[0].dir)
}

// settled is a number once it has not changed for a while.
func settled(t *testing.T, of func() int) int {
	t.Helper()
	last, since := of(), time.Now()
	eventually(t, "a number that does not change", 30*time.Second, func() bool {
		if now := of(); now != last {
			last, since = now, time.Now()
		}
		return time.Since(since) > 300*time.Millisecond
	})
	return last
}

// checkPrivate: all that a ledger wrote is its user's alone.
func checkPrivate(t *testing.T, dir string) {
	t.Helper()
	filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		info, _ := e.Info()
		if err != nil || info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s: %v, %v", path, info.Mode(), err)
		}
		return nil
	})
}

// TestReplay: after a crash the state is that of the blocks since the last
// stored one, with the same hash; records are there once.
func TestReplay(t *testing.T) {
	b := newBench(t, 1)
	b.adjust = func(c *Config) { c.SnapshotEvery = 7 }
	b.start(0)
	for i := range 12 {
		b.mustAppend(0, fmt.Sprint("note ", i))
	}
	app := b.nodes[0].ledger.app
	b.stop(0)
	hash, place := app.Last().Hash(), app.Last().Place
	// As if the process had been killed: no state from the end.
	if err := os.Remove(app.snapshots.path(place.Block)); err != nil {
		t.Fatal(err)
	}
	b.start(0)
	last := b.nodes[0].ledger.app.Last()
	if !bytes.Equal(last.Hash(), hash) || last.Block < place.Block {
		t.Errorf("block %d, %x; want %d, %x", last.Block, last.Hash(), place.Block, hash)
	}
	if got := b.records(0, 12); len(got) != 12 {
		t.Errorf("%d records", len(got))
	}
	b.mustAppend(0, "note after")
	b.stop(0)

	// Every stored state spoilt: the whole chain is replayed.
	files, _ := filepath.Glob(filepath.Join(b.nodes[0].dir, "snapshots", "*"))
	for _, f := range files {
		text, _ := os.ReadFile(f)
		text[len(text)-1] ^= 1
		os.WriteFile(f, text, disk.FileMode)
	}
	b.start(0)
	if got := b.nodes[0].ledger.Status().Records; got != 13 {
		t.Errorf("%d records", got)
	}
}

// TestRestoredSigner: without the record of what was signed last, or with one
// from a backup, a validator does not start.
func TestRestoredSigner(t *testing.T) {
	b := newBench(t, 1)
	b.start(0)
	b.mustAppend(0, "note")
	path := filepath.Join(b.nodes[0].dir, signerFile)
	b.stop(0)
	old, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	b.start(0)
	b.mustAppend(0, "note more") // the block that was under way may be the old one's last
	b.mustAppend(0, "note still more")
	b.stop(0)
	reopen := func() error {
		b.nodes[0].host = newHost(t, b.nodes[0].key, b.nodes[0].listen)
		defer b.nodes[0].host.Close()
		l, err := Open(t.Context(), b.config(0))
		if err == nil {
			l.Close()
		}
		return err
	}
	new, _ := os.ReadFile(path)
	os.WriteFile(path, old, disk.FileMode)
	if err := reopen(); err == nil || !strings.Contains(err.Error(), "backup") {
		t.Errorf("with an old record: %v", err)
	}
	os.Remove(path)
	if err := reopen(); err == nil || !strings.Contains(err.Error(), "missing") {
		t.Errorf("without a record: %v", err)
	}
	os.WriteFile(path, new, disk.FileMode)
	if err := reopen(); err != nil {
		t.Errorf("with its own record: %v", err)
	}
	b.network[0] ^= 1
	if err := reopen(); err == nil || !strings.Contains(err.Error(), "another network") {
		t.Errorf("another network: %v", err)
	}
}

// TestKilled kills a process with a validator in it, again and again, while it
// orders: what was acknowledged is there, once, and the folder always opens.
func TestKilled(t *testing.T) {
	if dir := os.Getenv("LEDGER_KILLED"); dir != "" {
		b := newBench(t, 1)
		b.network = [32]byte{7}
		b.nodes[0].dir = dir
		b.adjust = func(c *Config) { c.SnapshotEvery = 5 }
		l := b.start(0)
		for i := l.Status().Records; ; i++ {
			b.mustAppend(0, fmt.Sprint("note ", i))
			fmt.Println("ordered", i)
		}
	}
	if testing.Short() {
		t.Skip("takes four seconds")
	}
	t.Parallel()
	dir, acknowledged := filepath.Join(t.TempDir(), "node"), -1
	for round := range 6 {
		cmd := exec.Command(os.Args[0], "-test.run", "^TestKilled$")
		cmd.Env = append(os.Environ(), "LEDGER_KILLED="+dir)
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		hung := time.AfterFunc(time.Minute, func() { cmd.Process.Kill() })
		seen := 0
		for lines := bufio.NewScanner(out); lines.Scan(); {
			var n int
			if _, err := fmt.Sscanf(lines.Text(), "ordered %d", &n); err == nil {
				acknowledged = max(acknowledged, n)
				if seen++; seen == 3+round { // and at some moment of the next one
					time.AfterFunc(time.Duration(7*round)*time.Millisecond, func() { cmd.Process.Kill() })
				}
			}
		}
		hung.Stop()
		cmd.Wait()
	}
	b := newBench(t, 1)
	b.network, b.nodes[0].dir = [32]byte{7}, dir
	b.start(0)
	if acknowledged < 10 {
		t.Fatalf("%d transactions are no test", acknowledged+1)
	}
	for i, r := range b.records(0, acknowledged+1) {
		if want := fmt.Sprint("note ", i); string(r.Tx) != want || r.Number != uint64(i+1) {
			t.Fatalf("record %d: %+v", i, r)
		}
	}
	t.Logf("%d transactions, killed 6 times", acknowledged+1)
}
