// Package machine runs the machines of protocols: it does what they wish for, in the order that they
// ask for it (node/README.md section 8), hands entries to the log until they are ordered, and takes
// the time of each step.
//
// It imports protocols, engine, and peers for a pause between two tries; a node runs its part of a
// query by it, and a client the analyst's.
package machine

import (
	"context"
	"sync"
	"time"

	"parley/engine"
	"parley/node/peers"
	"parley/protocols"
)

// Effects are what a machine's wishes do to the world: a node's touch its disk
// and its peers, a client's its node. A protocols.Machine decides what is due,
// here it is done: a query's, the forming of an epoch's, and the analyst's.
type Effects struct {
	Persist   func([]protocols.JournalRecord) error
	Publish   func([][]byte) error
	Confide   func(query engine.Digest, c []protocols.Confidence) error // a department's
	Send      func(protocols.Entry)
	Fetch     func(context.Context, protocols.Want) (protocols.Blob, error)
	Aggregate func(context.Context, *engine.Plan) protocols.Cells
	Persons   func(context.Context, *protocols.Persons) protocols.Entries // a department's
	Receipt   func(context.Context, engine.Digest) ([]byte, error)
	Withheld  func(query engine.Digest, w *protocols.Withheld) // of a department in shadow mode

	// Proofs has one place: proving takes all processors and most of the
	// memory already. Checks has one for each processor.
	Proofs, Checks chan struct{}

	// Answers takes what was done back to the goroutine that steps.
	Answers chan<- Delivery
	Failed  func(error) // the world failed: a full disk
	busy    sync.WaitGroup
}

// Delivery is an event for a machine that runs.
type Delivery struct {
	To    *Running
	Event protocols.Event
}

// Running is a machine with its time. It is over once its context has ended.
type Running struct {
	Query   engine.Digest // or the epoch
	Machine protocols.Machine
	Context context.Context // ends with the machine
	Stop    context.CancelFunc
	Watch   *Stopwatch
}

// Step gives the machine one event and has done what it then wants. It
// returns the outcome once there is one; nothing follows after that.
func (w *Effects) Step(q *Running, e protocols.Event) (*protocols.Outcome, error) {
	ready, err := q.Machine.Step(e)
	if err != nil {
		return nil, err
	}
	if err := w.perform(q, ready); err != nil {
		return nil, &WorldError{err}
	}
	if ready.Outcome != nil {
		q.Stop()
	}
	return ready.Outcome, nil
}

// WorldError marks what a machine's wishes met in the world, a full disk say,
// as opposed to a machine's own error.
type WorldError struct{ error }

// Unwrap is what the world said.
func (e *WorldError) Unwrap() error { return e.error }

// Wait returns when nothing that was begun is under way any more.
func (w *Effects) Wait() { w.busy.Wait() }

// perform is the life of a query, a line a step.
func (w *Effects) perform(q *Running, ready protocols.Ready) error {
	// Once: admissions, contributions and shares are on the disk before they are anywhere else.
	if err := w.Persist(ready.Persist); err != nil {
		return err
	}
	// What a department in shadow mode would have sent is written down before it refuses.
	if ready.Withheld != nil {
		w.Withheld(q.Query, ready.Withheld)
	}
	// Contribution, Share: whose digests all have committed to may be fetched by the others.
	if err := w.Publish(ready.Publish); err != nil {
		return err
	}
	// A screening's shares, and the secret that opens them: for its contributors alone.
	if len(ready.Confide) > 0 {
		if err := w.Confide(q.Query, ready.Confide); err != nil {
			return err
		}
	}
	// Admitted, contributed, all verified by all, shared: said on the log, and
	// said to the end, also by a machine that is over.
	for _, e := range ready.Send {
		w.Send(e)
	}
	// Rows to cells: each department's own aggregates.
	if ready.Aggregate != nil {
		w.begin(q, "aggregation", nil, func() protocols.Event { return w.Aggregate(q.Context, ready.Aggregate) })
	}
	// Rows to a number of each person, for joins across departments.
	for _, ask := range ready.Persons {
		w.begin(q, "aggregation", nil, func() protocols.Event { return w.Persons(q.Context, ask) })
	}
	// Encrypt and prove; verify all; re-encrypt to the analyst's key and prove; decrypt.
	for _, job := range ready.Work {
		w.begin(q, job.Name, w.seats(job.Name), job.Run)
	}
	// The others' ciphertexts, and the analyst's key.
	for _, want := range ready.Fetch {
		w.begin(q, "", nil, func() protocols.Event { return w.blob(q.Context, want) })
	}
	// The block that the outcome stands in.
	if ready.Receipt != (engine.Digest{}) {
		w.begin(q, "", nil, func() protocols.Event { return w.fetchReceipt(q.Context, ready.Receipt) })
	}
	return nil
}

// seats says what a job has to wait for.
func (w *Effects) seats(step string) chan struct{} {
	if step == stepVerifying || step == stepDecryption {
		return w.Checks
	}
	return w.Proofs
}

// begin does something in the background and answers with its event. Whatever
// is under way when the machine ends is dropped.
func (w *Effects) begin(q *Running, step string, seats chan struct{}, do func() protocols.Event) {
	w.busy.Add(1)
	go func() {
		defer w.busy.Done()
		if seats != nil {
			select {
			case seats <- struct{}{}:
				defer func() { <-seats }()
			case <-q.Context.Done():
				return
			}
		}
		start := time.Now()
		event := do()
		q.Watch.Add(step, time.Since(start))
		if event == nil {
			return
		}
		select {
		case w.Answers <- Delivery{q, event}:
		case <-q.Context.Done():
		}
	}()
}

// blob fetches; no answer if the machine ended first.
func (w *Effects) blob(ctx context.Context, want protocols.Want) protocols.Event {
	b, err := w.Fetch(ctx, want)
	if err != nil {
		if ctx.Err() == nil {
			w.Failed(err)
		}
		return nil
	}
	return b
}

// fetchReceipt asks until there is one, or the machine ended.
func (w *Effects) fetchReceipt(ctx context.Context, e engine.Digest) protocols.Event {
	var receipt []byte
	err := peers.Retry(ctx, func() (err error) {
		receipt, err = w.Receipt(ctx, e)
		return err
	})
	if err != nil {
		return nil
	}
	return protocols.Receipt{Bytes: receipt}
}
