package ledger

import (
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
)

func (b *bench) atHead(i int) Status {
	b.t.Helper()
	select {
	case <-b.nodes[i].ledger.AtHead():
	case <-time.After(2 * time.Minute):
		b.t.Fatalf("node %d is not at the head: %+v", i, b.nodes[i].ledger.Status())
	}
	return b.nodes[i].ledger.Status()
}

// notYet fails if a node says that it has caught up, for as long as would be
// enough to.
func (b *bench) notYet(i int, why string) {
	b.t.Helper()
	select {
	case <-b.nodes[i].ledger.AtHead():
		b.t.Fatalf("%s: node %d is at the head: %+v", why, i, b.nodes[i].ledger.Status())
	case <-time.After(20 * catchupPause):
	}
}

// lose stops a node and removes its folder.
func (b *bench) lose(i int) {
	b.t.Helper()
	b.stop(i)
	if err := os.RemoveAll(b.nodes[i].dir); err != nil {
		b.t.Fatal(err)
	}
}

// TestAtHead: a node says that it has caught up when it has all that was
// ordered before it started, whether it kept its folder or lost it, and whether
// the others can go on without it or not.
func TestAtHead(t *testing.T) {
	if testing.Short() {
		t.Skip("networks of one, three and four that start several times")
	}
	for _, validators := range []int{1, 3, 4} {
		t.Run(fmt.Sprint(validators, " validators"), func(t *testing.T) {
			t.Parallel()
			b := newBench(t, validators)
			b.startAll()
			for i := range validators {
				b.atHead(i)
			}
			last := validators - 1
			all := func(when string) {
				t.Helper()
				if s := b.atHead(last); s.Records < uint64(b.notes) || s.Heard*3 <= 2*validators || s.Head < s.Block {
					t.Errorf("%s: %d of %d records at the head: %+v", when, s.Records, b.notes, s)
				}
			}
			b.more(5)
			b.stop(last)
			if validators == 4 {
				b.more(5) // while it is away
			}
			b.start(last)
			all("after a restart")
			if validators == 1 {
				return
			}
			b.lose(last)
			b.start(last)
			all("with nothing")
		})
	}
}

// TestNoHeadWithoutQuorum: a node that hears from too few, or from nobody, is
// at no head; when enough are there it is.
func TestNoHeadWithoutQuorum(t *testing.T) {
	if testing.Short() {
		t.Skip("waits that nothing happens")
	}
	t.Parallel()
	b := newBench(t, 4)
	b.startAll()
	b.mustAppend(0, "note")
	for i := range 4 {
		b.atHead(i)
		b.stop(i)
	}
	b.start(0)
	b.notYet(0, "alone")
	b.start(1)
	b.notYet(0, "with one more")
	if s := b.nodes[0].ledger.Status(); s.AtHead || s.Heard > 2 || s.Quorum {
		t.Errorf("%+v", s)
	}
	b.start(2)
	b.atHead(0)
	b.atHead(1)
	b.start(3)
	b.atHead(3)
}

// TestHeightMustBeShown: a validator that names a height that it cannot show
// holds nobody up, and counts as silent.
func TestHeightMustBeShown(t *testing.T) {
	if testing.Short() {
		t.Skip("four validators, one of which restarts")
	}
	t.Parallel()
	b := newBench(t, 4)
	b.startAll()
	b.mustAppend(0, "note")
	b.stop(3)
	asked := make(chan struct{}, 100)
	for _, claim := range []uint64{1 << 40, 1<<64 - 1} {
		b.nodes[0].host.SetStreamHandler(lightProtocol, func(s network.Stream) {
			var q question
			if readFrame(s, maxQuestion, &q) == nil && q.Kind == askLatest {
				writeFrame(s, answer{Latest: claim})
				asked <- struct{}{}
			}
			s.Close()
		})
		b.start(3)
		<-asked
		if s := b.atHead(3); s.Head > 1000 || s.Heard != 3 || s.Records != 1 {
			t.Errorf("%+v", s)
		}
		b.lose(3)
	}
}
