package machine

import (
	"sync"

	"parley/engine"
)

// watchesKept bounds how many queries' times are remembered.
const watchesKept = 256

// Watches are the times of a node's last queries. The zero value has none; safe for concurrent use.
type Watches struct {
	mu    sync.Mutex
	of    map[engine.Digest]*Stopwatch
	order []engine.Digest
}

// New starts a query's stopwatch and forgets the oldest.
func (w *Watches) New(query engine.Digest) *Stopwatch {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.of == nil {
		w.of = map[engine.Digest]*Stopwatch{}
	}
	watch := NewStopwatch()
	w.of[query] = watch
	w.order = append(w.order, query)
	if len(w.order) > watchesKept {
		delete(w.of, w.order[0])
		w.order = w.order[1:]
	}
	return watch
}

// Report is a query's time until now; false: of none that is remembered.
func (w *Watches) Report(query engine.Digest) (Report, bool) {
	w.mu.Lock()
	watch := w.of[query]
	w.mu.Unlock()
	if watch == nil {
		return Report{}, false
	}
	return watch.Report(), true
}

// Stop ends a query's stopwatch, if there is one.
func (w *Watches) Stop(query engine.Digest) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if watch := w.of[query]; watch != nil {
		watch.Stop()
	}
}
