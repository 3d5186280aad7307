package ledger

import (
	"sync"

	"github.com/libp2p/go-libp2p/core/peer"
)

// turnstile lets a few at a time of each peer in, and waits for all to leave.
type turnstile struct {
	each int

	mu     sync.Mutex
	inside map[peer.ID]int
	closed bool
	wg     sync.WaitGroup
}

func newTurnstile(each int) *turnstile {
	return &turnstile{each: each, inside: map[peer.ID]int{}}
}

func (t *turnstile) enter(p peer.ID) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed || t.inside[p] >= t.each {
		return false
	}
	t.inside[p]++
	t.wg.Add(1)
	return true
}

func (t *turnstile) leave(p peer.ID) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.inside[p]--; t.inside[p] == 0 {
		delete(t.inside, p)
	}
	t.wg.Done()
}

// Close lets nobody in any more and waits for those inside.
func (t *turnstile) Close() {
	t.mu.Lock()
	t.closed = true
	t.mu.Unlock()
	t.wg.Wait()
}
