package audit

import (
	"context"
	"sync"
	"time"

	"parley/protocols"
)

// Chronicle follows a ledger and keeps what its last entries say, so that whoever asks again and again does not read it again and
// again. Safe for concurrent use. Memory: that of one state, and of as many entries and lines as it keeps.
type Chronicle struct {
	most int

	mu     sync.Mutex
	state  *protocols.State
	events []Event
	trail  *Trail
	first  uint64 // number of the first entry that it has read; 0: none yet
}

// NewChronicle keeps so many entries, and as many lines of the trail, at most twice as many for a while.
func NewChronicle(most int) *Chronicle { return &Chronicle{most: most} }

// Follow reads a ledger until ctx ends, from its first entry or, where the source began later, from there, through lost
// connections. The error is of a source that shows no history of the network, or does not answer at the beginning.
func (c *Chronicle) Follow(ctx context.Context, src Source) error {
	extent, err := src.Extent(ctx)
	if err != nil {
		return err
	}
	s := protocols.NewState(src.Network(), protocols.SizesOf(src.Params()))
	if extent.Missing > 0 {
		if s, err = src.Base(ctx); err != nil {
			return err
		}
	}
	c.mu.Lock()
	c.state, c.events, c.first, c.trail = s, nil, 0, newTrail(src.Network().ID().String(), protocols.Packing(src.Params()))
	c.mu.Unlock()
	var refused error
	take := func(records []protocols.Record) error {
		refused = c.take(src, records)
		return refused
	}
	return keepUp(ctx, src, s, take, func(error) error { return refused })
}

// take adds records.
func (c *Chronicle) take(src Source, records []protocols.Record) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	err := orderAll(c.state, records, func(s *protocols.State, r *protocols.Record, refused error) error {
		if c.first == 0 {
			c.first = r.Number
		}
		e := EventOf(s, r, refused)
		e.Time = TimeOf(src, r)
		c.events = append(c.events, e)
		c.trail.take(s, r, refused, e.Time)
		return nil
	})
	if len(c.events) > 2*c.most {
		c.events = append([]Event{}, c.events[len(c.events)-c.most:]...)
	}
	if len(c.trail.Lines) > 2*c.most {
		c.trail.forget(c.most)
	}
	return err
}

// Read is how many entries it has read so far, by the number of the last one.
func (c *Chronicle) Read() uint64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.state == nil {
		return 0
	}
	return c.state.Applied()
}

// Events are the last entries that keep says, in their order.
func (c *Chronicle) Events(keep func(*Event) bool) (out []Event) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for i := max(0, len(c.events)-c.most); i < len(c.events); i++ {
		if keep(&c.events[i]) {
			out = append(out, c.events[i])
		}
	}
	return out
}

// Lines are the last lines of the trail that keep says, in the ledger's order, each with the outcome that it has by now.
func (c *Chronicle) Lines(now time.Time, keep func(*Line) bool) (out []Line) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.trail == nil {
		return nil
	}
	c.trail.finish(c.state, now)
	for _, l := range c.trail.Lines[max(0, len(c.trail.Lines)-c.most):] {
		if keep(l) {
			out = append(out, *l)
		}
	}
	return out
}
