package ledger

import (
	"context"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// TestConsensusDies: CometBFT swallows a panic in the state and says that it
// runs; the ledger says that it does not.
func TestConsensusDies(t *testing.T) {
	b := newBench(t, 1)
	halted := make(chan error, 1)
	b.adjust = func(c *Config) {
		// Append tries it, the mempool checks it, and consensus meets the panic.
		c.Genesis.(*toy).fuse = new(atomic.Int32)
		c.Halted = func(err error) { halted <- err }
	}
	l := b.start(0)
	b.mustAppend(0, "note")
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	go l.Append(ctx, []byte("boom"))
	select {
	case err := <-halted:
		if l.Status().Halted == nil || !strings.Contains(err.Error(), "boom") {
			t.Errorf("%v, status %+v", err, l.Status())
		}
	case <-time.After(time.Minute):
		t.Fatal("nobody was told")
	}
}

// TestStandsStill: a height that does not move though a quorum is connected is
// reported, and is not while there is no quorum.
func TestStandsStill(t *testing.T) {
	b := newBench(t, 1)
	told := make(chan error, 1)
	b.adjust = func(c *Config) {
		c.Timing.Heartbeat = time.Hour // no block comes of itself
		c.Halted = func(err error) { told <- err }
	}
	l := b.start(0)
	b.mustAppend(0, "note")
	l.watch.mu.Lock()
	l.watch.moved = time.Now().Add(-stalledHeartbeats*time.Hour - time.Minute)
	l.watch.mu.Unlock()
	l.watch.look()
	select {
	case <-told:
	default:
		t.Fatal("nobody was told")
	}
	if l.Status().Halted == nil {
		t.Error("the status says nothing")
	}
	b.mustAppend(0, "note again") // which may return before the watch is told of its block
	eventually(t, "another block ends it", 10*time.Second, func() bool { return l.Status().Halted == nil })
}
