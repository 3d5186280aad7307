package machine

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"parley/protocols"
)

const (
	resendPause     = 100 * time.Millisecond
	resendLastPause = 5 * time.Second
)

// Outbox hands entries to the log one after the other, each as the same bytes
// until the log has ordered or refused it: an order that other departments
// lean on (a table is registered before its owner's key is committed to).
type Outbox struct {
	log    *slog.Logger
	append func(context.Context, protocols.Entry) error

	mu      sync.Mutex
	queue   []outgoing
	arrived chan struct{} // has room for one
	unsent  int           // in the queue, or being delivered
	emptied chan struct{} // closed when unsent falls to 0; nil at 0
}

type outgoing struct {
	entry   protocols.Entry
	refused func(error) // may be nil
}

// NewOutbox makes an empty one; append is the log's, and an error of it that is no
// *protocols.Refusal has it tried again.
func NewOutbox(log *slog.Logger, append func(context.Context, protocols.Entry) error) *Outbox {
	return &Outbox{log: log, append: append, arrived: make(chan struct{}, 1)}
}

// Send queues an entry. refused, if not nil, is told when the log never will
// take it; it must not block.
func (o *Outbox) Send(e protocols.Entry, refused func(error)) {
	o.mu.Lock()
	if o.unsent++; o.emptied == nil {
		o.emptied = make(chan struct{})
	}
	o.queue = append(o.queue, outgoing{e, refused})
	o.mu.Unlock()
	select {
	case o.arrived <- struct{}{}:
	default:
	}
}

// Run sends until ctx ends.
func (o *Outbox) Run(ctx context.Context) {
	for {
		o.mu.Lock()
		var next *outgoing
		if len(o.queue) > 0 {
			next = &o.queue[0]
			o.queue = o.queue[1:]
		}
		o.mu.Unlock()
		if next != nil {
			o.deliver(ctx, *next)
			o.delivered()
			continue
		}
		select {
		case <-o.arrived:
		case <-ctx.Done():
			return
		}
	}
}

func (o *Outbox) delivered() {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.unsent--; o.unsent == 0 {
		close(o.emptied)
		o.emptied = nil
	}
}

// Flush waits until nothing is left to send, or for ctx.
func (o *Outbox) Flush(ctx context.Context) {
	o.mu.Lock()
	emptied := o.emptied
	o.mu.Unlock()
	if emptied == nil {
		return
	}
	select {
	case <-emptied:
	case <-ctx.Done():
	}
}

func (o *Outbox) deliver(ctx context.Context, out outgoing) {
	for pause := resendPause; ctx.Err() == nil; pause = min(2*pause, resendLastPause) {
		err := o.append(ctx, out.entry)
		var refusal *protocols.Refusal
		switch {
		case err == nil:
			o.log.Debug("ordered", "entry", out.entry.Kind.String())
			return
		case errors.As(err, &refusal):
			o.log.Debug("the log does not take an entry", "entry", out.entry.Kind.String(), "code", refusal.Code, "reason", refusal.Sentence)
			if out.refused != nil {
				out.refused(err)
			}
			return
		}
		o.log.Debug("an entry is not ordered yet", "entry", out.entry.Kind.String(), "error", err.Error())
		select {
		case <-ctx.Done():
		case <-time.After(pause):
		}
	}
}
