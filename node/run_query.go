package node

import (
	"context"
	"sync"
	"time"

	"parley/engine"
	"parley/node/peers"
	"parley/protocols"
)

// This file runs a query. A protocols.Machine decides what is due; here it is
// done, in the order that DESIGN section 3 draws and README section 6 fixes.
// Forming an epoch, and the analyst's side of a query, run the same way.

// effects are what a machine's wishes do to the world: a node's (node.go)
// touch its disk and its peers, a client's (client_ask.go) its node.
type effects struct {
	persist   func([]protocols.JournalRecord) error
	publish   func([][]byte) error
	send      func(protocols.Entry)
	fetch     func(context.Context, protocols.Want) (protocols.Blob, error)
	aggregate func(context.Context, *engine.Plan) protocols.Cells
	receipt   func(context.Context, engine.Digest) ([]byte, error)

	// proofs has one place: proving takes all processors and most of the
	// memory already. checks has one for each processor.
	proofs, checks chan struct{}

	// answers takes what was done back to the goroutine that steps.
	answers chan<- answer
	failed  func(error) // the world failed: a full disk
	busy    sync.WaitGroup
}

// answer is an event for a machine that runs.
type answer struct {
	to    *running
	event protocols.Event
}

// running is a machine with its time.
type running struct {
	query   engine.Digest // or the epoch
	machine protocols.Machine
	ctx     context.Context // ends with the machine
	stop    context.CancelFunc
	watch   *stopwatch
}

// Step gives the machine one event and has done what it then wants. It
// returns the outcome once there is one; nothing follows after that.
func (w *effects) Step(q *running, e protocols.Event) (*protocols.Outcome, error) {
	ready, err := q.machine.Step(e)
	if err != nil {
		return nil, err
	}
	if err := w.perform(q, ready); err != nil {
		return nil, &worldError{err}
	}
	if ready.Outcome != nil {
		q.stop()
	}
	return ready.Outcome, nil
}

// worldError marks what a machine's wishes met in the world, a full disk say,
// as opposed to a machine's own error.
type worldError struct{ error }

func (e *worldError) Unwrap() error { return e.error }

// perform is the life of a query, a line a step.
func (w *effects) perform(q *running, ready protocols.Ready) error {
	// Once: admissions, contributions and shares are on the disk before they are anywhere else.
	if err := w.persist(ready.Persist); err != nil {
		return err
	}
	// Contribution, Share: whose digests all have committed to may be fetched by the others.
	if err := w.publish(ready.Publish); err != nil {
		return err
	}
	// Admitted, contributed, all verified by all, shared: said on the log, and
	// said to the end, also by a machine that is over.
	for _, e := range ready.Send {
		w.send(e)
	}
	// Rows to cells: each department's own aggregates.
	if ready.Aggregate != nil {
		w.begin(q, "aggregation", nil, func() protocols.Event { return w.aggregate(q.ctx, ready.Aggregate) })
	}
	// Encrypt and prove; verify all; re-encrypt to the analyst's key and prove; decrypt.
	for _, job := range ready.Work {
		w.begin(q, job.Name, w.seats(job.Name), job.Run)
	}
	// The others' ciphertexts, and the analyst's key.
	for _, want := range ready.Fetch {
		w.begin(q, "", nil, func() protocols.Event { return w.blob(q.ctx, want) })
	}
	// The block that the outcome stands in.
	if ready.Receipt != (engine.Digest{}) {
		w.begin(q, "", nil, func() protocols.Event { return w.fetchReceipt(q.ctx, ready.Receipt) })
	}
	return nil
}

// seats says what a job has to wait for.
func (w *effects) seats(step string) chan struct{} {
	if step == stepVerifying || step == stepDecryption {
		return w.checks
	}
	return w.proofs
}

// begin does something in the background and answers with its event. Whatever
// is under way when the machine ends is dropped.
func (w *effects) begin(q *running, step string, seats chan struct{}, do func() protocols.Event) {
	w.busy.Add(1)
	go func() {
		defer w.busy.Done()
		if seats != nil {
			select {
			case seats <- struct{}{}:
				defer func() { <-seats }()
			case <-q.ctx.Done():
				return
			}
		}
		start := time.Now()
		event := do()
		q.watch.Add(step, time.Since(start))
		if event == nil {
			return
		}
		select {
		case w.answers <- answer{q, event}:
		case <-q.ctx.Done():
		}
	}()
}

// blob fetches; no answer if the machine ended first.
func (w *effects) blob(ctx context.Context, want protocols.Want) protocols.Event {
	b, err := w.fetch(ctx, want)
	if err != nil {
		if ctx.Err() == nil {
			w.failed(err)
		}
		return nil
	}
	return b
}

// fetchReceipt asks until there is one, or the machine ended.
func (w *effects) fetchReceipt(ctx context.Context, e engine.Digest) protocols.Event {
	var receipt []byte
	err := peers.Retry(ctx, func() (err error) {
		receipt, err = w.receipt(ctx, e)
		return err
	})
	if err != nil {
		return nil
	}
	return protocols.Receipt{Bytes: receipt}
}
