package ledger

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/cometbft/cometbft/mempool"
)

// TestOne: a network of one validator orders, refuses, convicts, and follows.
func TestOne(t *testing.T) {
	b := newBench(t, 1)
	b.startAll()
	begun := time.Now()
	for i := range 5 {
		b.mustAppend(0, fmt.Sprint("note ", i))
	}
	t.Logf("5 transactions in %s", time.Since(begun))
	b.mustAppend(0, "note 3") // again: no harm
	var refused *Refused
	if err := b.append(0, "gibberish"); !errors.As(err, &refused) || refused.Code != "nonsense" || refused.Ordered {
		t.Fatalf("%v", err)
	}
	for range 2 {
		if err := b.append(0, "lie 1"); !errors.As(err, &refused) || refused.Code != "lie" || !refused.Ordered {
			t.Fatalf("%v", err)
		}
	}
	for i, r := range b.records(0, 6) {
		if want := fmt.Sprint("note ", i); r.Number != uint64(i+1) || (i < 5) != (string(r.Tx) == want) || r.Block < 2 {
			t.Errorf("record %d: %+v", i, r)
		}
	}
	if s := b.nodes[0].ledger.Status(); s.Records != 6 || !s.Voting || !s.Quorum || s.Halted != nil {
		t.Errorf("%+v", s)
	}
}

// TestFour: four validators order the same; one may stop; with two stopped
// nothing is ordered, and what waits is, when one returns.
func TestFour(t *testing.T) {
	if testing.Short() {
		t.Skip("four validators, stopped and started")
	}
	t.Parallel()
	b := newBench(t, 4)
	b.startAll()
	begun := time.Now()
	b.mustAppend(0, "note first")
	t.Logf("the first transaction after %s", time.Since(begun))
	begun = time.Now()
	for i := range 8 {
		b.mustAppend(i%4, fmt.Sprint("note ", i))
	}
	t.Logf("8 more in %s", time.Since(begun))
	b.stop(3)
	begun = time.Now()
	b.mustAppend(0, "note with three")
	t.Logf("one with three of four in %s", time.Since(begun))
	b.stop(2)
	late := make(chan error)
	go func() { late <- b.append(1, "note with two") }()
	select {
	case err := <-late:
		t.Fatalf("two of four ordered: %v", err)
	case <-time.After(1500 * time.Millisecond):
	}
	begun = time.Now()
	b.start(3)
	if err := <-late; err != nil {
		t.Fatal(err)
	}
	t.Logf("ordered %s after the third returned", time.Since(begun))
	if took := time.Since(begun); took > 30*time.Second {
		t.Errorf("the quorum's return took %s", took)
	}
	b.start(2)
	want := b.records(0, 11)
	for i := range 4 {
		for j, r := range b.records(i, 11) {
			if string(r.Tx) != string(want[j].Tx) || r.Block != want[j].Block || !r.Time.Equal(want[j].Time) || r.Number != uint64(j+1) {
				t.Errorf("node %d, record %d: %+v, not %+v", i, j, r, want[j])
			}
		}
	}
}

// TestAnswers: four nodes answer each other's blocks at once, each with a
// transaction that is valid only after the block. Peers that are a block behind
// refuse it at first; nobody waits for a heartbeat.
func TestAnswers(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("takes four seconds")
	}
	b := newBench(t, 4)
	b.adjust = func(c *Config) { c.Timing.Heartbeat = time.Minute }
	b.startAll()
	const answers = 30
	var wg sync.WaitGroup
	for i := range 4 {
		wg.Go(func() {
			ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
			defer cancel()
			err := b.nodes[i].ledger.Follow(ctx, 0, func(records []Record) error {
				for _, r := range records {
					if r.Number >= answers {
						return errEnough
					}
					if r.Number%4 == uint64(i) {
						if err := b.nodes[i].ledger.Append(ctx, fmt.Append(nil, "next ", r.Number)); err != nil {
							return fmt.Errorf("the answer to record %d: %w", r.Number, err)
						}
					}
				}
				return nil
			})
			if err != errEnough {
				t.Errorf("node %d: %v", i, err)
			}
		})
	}
	begun := time.Now()
	b.mustAppend(0, "note that starts it")
	wg.Wait()
	t.Logf("%d answers in %s", answers, time.Since(begun))
}

// TestAuthors: one author does not fill the mempool.
func TestAuthors(t *testing.T) {
	t.Parallel()
	b := newBench(t, 2)
	b.adjust = func(c *Config) { c.Author = func(tx []byte) string { return string(tx[:6]) } }
	b.start(0) // no quorum: nothing is ordered
	pool := b.nodes[0].ledger.node.Mempool()
	for i := range MaxWaiting + 50 {
		pool.CheckTx(fmt.Append(nil, "note a", i), nil, mempool.TxInfo{})
	}
	pool.CheckTx([]byte("note b"), nil, mempool.TxInfo{})
	if n := pool.Size(); n != MaxWaiting+1 {
		t.Errorf("%d transactions wait", n)
	}
}

// TestEarly: a transaction that comes before the block that makes it valid is
// ordered after it, though nobody sends it again.
func TestEarly(t *testing.T) {
	b := newBench(t, 1)
	b.adjust = func(c *Config) { c.Timing.Heartbeat = time.Hour }
	l := b.start(0)
	for _, tx := range []string{"next 1", "next 7", "nonsense"} {
		l.node.Mempool().CheckTx([]byte(tx), nil, mempool.TxInfo{})
	}
	if n := l.node.Mempool().Size(); n != 0 {
		t.Fatalf("%d transactions wait", n)
	}
	b.mustAppend(0, "note")
	if got := b.records(0, 2); string(got[1].Tx) != "next 1" {
		t.Errorf("%+v", got[1])
	}
	for i := range earlyBlocks {
		b.mustAppend(0, fmt.Sprint("note ", i))
	}
	eventually(t, "those that no block helps are forgotten", 5*time.Second, func() bool {
		l.app.early.mu.Lock()
		defer l.app.early.mu.Unlock()
		return len(l.app.early.waiting) == 0 && l.app.early.bytes == 0
	})
}
