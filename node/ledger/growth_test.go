package ledger

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"
)

// idleDay is what a day may add to the disk of a node that nobody asks, in a network of four: a
// tenth of what it was with a block each 15 s.
const idleDay = 5_600_000

// TestIdleGrowth: what empty blocks add to the disk, at the pace of a ledger that is not in use.
func TestIdleGrowth(t *testing.T) {
	if testing.Short() {
		t.Skip("takes seconds of a clock")
	}
	b := newBench(t, 4)
	b.adjust = func(c *Config) { c.Timing.Heartbeat = 50 * time.Millisecond }
	b.startAll()
	b.mustAppend(0, "note")
	m := b.nodes[0]
	after := func(blocks uint64) (block, log, store float64) {
		first := m.ledger.Status().Block
		eventually(t, "blocks", time.Minute, func() bool { return m.ledger.Status().Block >= first+blocks })
		return float64(m.ledger.Status().Block), folderBytes(t, filepath.Join(m.dir, logFolder)), folderBytes(t, filepath.Join(m.dir, "store"))
	}
	block, log, store := after(3) // the note's own
	lastBlock, lastLog, lastStore := after(20)
	inLog, inStore := (lastLog-log)/(lastBlock-block), (lastStore-store)/(lastBlock-block)
	perDay := float64(24*time.Hour) / float64(DefaultTiming.pause(24*time.Hour))
	t.Logf("an empty block adds %.0f bytes to the write-ahead log and %.0f to the store; %.0f such blocks a day", inLog, inStore, perDay)
	if day := (inLog + inStore) * perDay; inLog <= 0 || inStore <= 0 || day > idleDay {
		t.Errorf("%.0f bytes a day, at most %d are allowed", day, idleDay)
	}
}

func folderBytes(t testing.TB, dir string) (sum float64) {
	t.Helper()
	files, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if info, err := f.Info(); err == nil { // it may be gone by now
			sum += float64(info.Size())
		}
	}
	return sum
}

// TestIdlePace: a ledger that nobody uses makes blocks less often, and as often as before once it is used.
func TestIdlePace(t *testing.T) {
	if testing.Short() {
		t.Skip("takes six seconds")
	}
	t.Parallel()
	const idle = time.Second
	b := newBench(t, 1)
	b.adjust = func(c *Config) { c.Timing.Heartbeat, c.Timing.Idle = 50*time.Millisecond, idle }
	l := b.start(0)
	between := func(h uint64) time.Duration { // the commits of a block and of the one before
		return l.app.blocks.LoadBlockMeta(int64(h) + 1).Header.Time.Sub(l.app.blocks.LoadBlockMeta(int64(h)).Header.Time)
	}
	for round := range 2 {
		b.mustAppend(0, fmt.Sprint("note ", round)) // and does not wait for the next block
		first := l.Status().Block
		if eventually(t, "heartbeats", time.Minute, func() bool { return l.Status().Block >= first+5 }); between(first+3) >= idle {
			t.Errorf("%s between two blocks of a ledger in use", between(first+3))
		}
		eventually(t, "a long pause", time.Minute, func() bool {
			last := l.Status().Block
			return last > first+5 && between(last-1) >= idle
		})
	}
}

// TestIdleRestart: where all validators are needed and the next heartbeat is an hour away, a
// transaction that came while one of them was down is ordered once it is back.
func TestIdleRestart(t *testing.T) {
	if testing.Short() {
		t.Skip("takes seconds of a clock")
	}
	b := newBench(t, 3)
	b.adjust = func(c *Config) { c.Timing.Heartbeat, c.Timing.Idle = time.Second, time.Hour }
	b.startAll()
	b.mustAppend(0, "note")
	b.rest()
	b.stop(2)
	done := make(chan error, 1)
	go func() { done <- b.append(0, "note while one is down") }()
	eventually(t, "a transaction that waits", time.Minute, func() bool { return b.nodes[0].ledger.Status().Waiting == 1 })
	b.start(2)
	if err := <-done; err != nil {
		t.Fatal(err)
	}
}

// rest has all nodes find that their ledger was not used for two hours, and see a block after that.
func (b *bench) rest() {
	b.t.Helper()
	var highest uint64
	for _, m := range b.nodes {
		w := m.ledger.watch
		w.mu.Lock()
		w.used = time.Now().Add(-2 * time.Hour)
		w.mu.Unlock()
		highest = max(highest, m.ledger.Status().Block)
	}
	for _, m := range b.nodes {
		eventually(b.t, "a last heartbeat", time.Minute, func() bool { return m.ledger.Status().Block > highest })
	}
}

// TestLate: a ledger that is not in use may be quiet for long, but not while a transaction waits.
func TestLate(t *testing.T) {
	begun := time.Now()
	w := &watch{ledger: &Ledger{config: Config{Timing: DefaultTiming}}, moved: begun, empty: begun}
	const waits = stalledHeartbeats * 15 * time.Second
	for _, c := range []struct {
		after, empty time.Duration
		late         bool
	}{
		{after: waits + time.Second, empty: waits + time.Second},
		{after: waits, empty: 0},
		{after: waits + time.Second, empty: 0, late: true},
		{after: 8 * time.Minute, empty: 8*time.Minute - waits - time.Second, late: true},
		{after: 10 * time.Minute, empty: 10 * time.Minute},
		{after: 11 * time.Minute, empty: 11 * time.Minute, late: true},
	} {
		if w.empty = begun.Add(c.empty); w.late(begun.Add(c.after)) != c.late {
			t.Errorf("no block for %s, the last %s of it with a transaction that waits: late is %v", c.after, c.after-c.empty, !c.late)
		}
	}
}

// TestLogTrim: of the write-ahead log's full files those go that no restart reads, and the ledger
// opens with what is left.
func TestLogTrim(t *testing.T) {
	b := newBench(t, 1)
	dir := filepath.Join(b.nodes[0].dir, logFolder)
	names := func() (out []string) {
		entries, err := os.ReadDir(dir)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range entries {
			out = append(out, e.Name())
		}
		return out
	}
	for i := range 3 { // as CometBFT does after 10 MB
		b.start(0)
		b.more(1)
		b.stop(0)
		if err := os.Rename(filepath.Join(dir, logFile), filepath.Join(dir, fmt.Sprintf("%s.%03d", logFile, 5+i))); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, logFile+".CORRUPTED"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	b.start(0)
	b.more(2)
	want := []string{"wal", "wal.007", "wal.CORRUPTED"}
	eventually(t, fmt.Sprintf("only %q in the log's folder", want), time.Minute, func() bool { return slices.Equal(names(), want) })
	b.stop(0)
	b.start(0)
	b.more(1)
}
