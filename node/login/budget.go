package login

import (
	"hash/maphash"
	"sync"
	"time"
)

// counted is how many counters a budget has. Names that strangers make up share them, so that they cost no memory.
const counted = 4096

// Budget counts events by key, within windows of time. Safe for concurrent use.
type Budget[K comparable] struct {
	window time.Duration
	now    func() time.Time
	seed   maphash.Seed // so that nobody chooses whose counter to share

	mu    sync.Mutex
	cells [counted]struct {
		window int64
		events int32
	}
}

// NewBudget makes one in which nothing has happened; now is the clock, nil is time.Now.
func NewBudget[K comparable](window time.Duration, now func() time.Time) *Budget[K] {
	if now == nil {
		now = time.Now
	}
	return &Budget[K]{window: window, now: now, seed: maphash.MakeSeed()}
}

// events is the counter of a key in the present window; b.mu is held.
func (b *Budget[K]) events(key K) *int32 {
	cell := &b.cells[maphash.Comparable(b.seed, key)%counted]
	if now := b.now().UnixNano() / int64(b.window); cell.window != now {
		cell.window, cell.events = now, 0
	}
	return &cell.events
}

// Take counts an event, unless there were as many as the limit.
func (b *Budget[K]) Take(key K, limit int) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	n := b.events(key)
	if int(*n) >= limit {
		return false
	}
	*n++
	return true
}

// Spent reports whether Take would refuse.
func (b *Budget[K]) Spent(key K, limit int) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return int(*b.events(key)) >= limit
}
