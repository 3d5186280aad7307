package ledger

import (
	"errors"
	"fmt"
	"testing"
	"time"
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
	if took := time.Since(begun); took > 10*time.Second {
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
