package node

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"

	"parley/engine"
	"parley/protocols"
)

const (
	// stopLimit is how long a stopping node waits for a proof in the making.
	stopLimit = 4 * time.Second
	// retention is how long after a query's end its blobs are still served:
	// others may be checking an accusation.
	retention = 10 * time.Minute
	// watchesKept bounds how many queries' times are remembered.
	watchesKept = 256
)

// loop is the one goroutine that reads the log and steps the machines. Its
// order of events is the log's and the work's; everything else waits its turn
// in a channel.
func (n *node) loop(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer n.finishWork()
	defer cancel()
	n.loopCtx = ctx
	records := make(chan []protocols.Record)
	broken := make(chan error, 1)
	known := n.ledger.Height()
	n.transport.Go(func(closing context.Context) {
		stop := context.AfterFunc(closing, cancel)
		defer stop()
		broken <- n.ledger.Follow(ctx, 0, func(batch []protocols.Record) error {
			select {
			case records <- batch:
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		})
	})
	if known == 0 {
		if err := n.advance(ctx); err != nil {
			return err
		}
	}
	for {
		var err error
		select {
		case batch := <-records:
			if n.broken != nil {
				continue
			}
			if err = n.order(batch); err != nil {
				err = n.logBroken(ctx, err)
			} else if n.replica.Height() >= known {
				err = n.advance(ctx)
			}
		case a := <-n.answers:
			err = n.step(ctx, a.to, a.event)
		case query := <-n.deadlines:
			err = n.deadline(ctx, query)
		case do := <-n.wakes:
			err = do()
		case failure := <-broken:
			err = n.logBroken(ctx, failure)
		case <-ctx.Done():
			return ctx.Err()
		}
		if err != nil {
			return err
		}
	}
}

// finishWork waits for what runs in the background, within stopLimit.
func (n *node) finishWork() {
	done := make(chan struct{})
	go func() { n.work.busy.Wait(); close(done) }()
	select {
	case <-done:
	case <-time.After(stopLimit):
		n.log.Warn("stopping before a proof is finished; it is dropped")
	}
}

// order takes records into the replica. The log checked the chain already, so
// that an error is a fault that its check does not see.
func (n *node) order(batch []protocols.Record) error {
	for _, r := range batch {
		refused, err := n.replica.Order(r)
		if err != nil {
			return err
		}
		if refused != nil {
			n.log.Warn("the log holds an entry that has no effect", "height", r.Height, "entry", r.Entry.Kind.String(), "reason", refused.Error())
		} else {
			n.log.Debug("on the log", "height", r.Height, "entry", r.Entry.Kind.String(), "author", n.replica.NameOf(r.Entry.Author))
		}
	}
	return nil
}

// advance does what the log now asks for: the department's own duties, epochs,
// queries, in this order.
func (n *node) advance(ctx context.Context) error {
	if err := n.dueEntries(ctx); err != nil {
		return err
	}
	if err := n.dueEpochs(ctx); err != nil {
		return err
	}
	if err := n.dueQueries(ctx); err != nil {
		return err
	}
	n.becomeReady()
	n.heads.Set(n.replica.Head(), len(n.replica.Open()) > 0)
	n.refreshView()
	return nil
}

func (n *node) refreshView() {
	old := n.view.Load()
	v := &view{network: old.network, height: n.replica.Height(), status: old.status}
	if named, ok := n.replica.State.Network(); ok && v.network == n.network {
		v.network = named
		if err := writeFile(filepath.Join(n.cfg.Dir, "network.json"), named.JSON()); err != nil {
			n.fail(err)
		}
	}
	n.view.Store(v)
}

// logBroken tells every machine that the log has failed. The node stays up, so
// that its operator and its analysts can be told.
func (n *node) logBroken(ctx context.Context, err error) error {
	var fault *protocols.Fault
	if !errors.As(err, &fault) {
		return fmt.Errorf("the log: %w", err)
	}
	named := *fault
	named.Department = n.replica.NameOf(fault.Key)
	fault = &named
	n.broken = fault
	n.log.Error("the log has failed: no query can be answered any more", "fault", fault.Error())
	for _, q := range n.queries {
		if q.running != nil {
			if err := n.step(ctx, q.running, protocols.Broken{Fault: fault}); err != nil {
				return err
			}
		}
	}
	for _, c := range n.epochs {
		if c.running != nil {
			if err := n.step(ctx, c.running, protocols.Broken{Fault: fault}); err != nil {
				return err
			}
		}
	}
	return nil
}

// step gives a machine one event and takes note of its outcome.
func (n *node) step(ctx context.Context, r *running, e protocols.Event) error {
	if r.ctx.Err() != nil {
		return nil // it is over
	}
	outcome, err := n.work.Step(r, e)
	var world *worldError
	switch {
	case errors.As(err, &world):
		return world.error
	case errors.Is(err, protocols.ErrJournal):
		r.stop()
		return n.leaveEpoch(r, err)
	case err != nil:
		r.stop()
		n.log.Error("a machine stopped", "of", r.query.String(), "error", err.Error())
	}
	if outcome == nil && err == nil {
		return nil
	}
	if q := n.queries[r.query]; q != nil && q.running == r {
		n.queryOver(q, outcome)
	}
	for _, c := range n.epochs {
		if c.running == r {
			return n.epochOver(ctx, c, outcome)
		}
	}
	return nil
}

// publish makes blobs available to the others.
func (n *node) publish(blobs [][]byte) error {
	for _, b := range blobs {
		if b == nil {
			continue
		}
		if _, err := n.blobs.Put(b); err != nil {
			return err
		}
	}
	return nil
}

// fetch gets a blob from whoever may have it and can be reached.
func (n *node) fetch(ctx context.Context, want protocols.Want) (protocols.Blob, error) {
	return n.exchange.Fetch(ctx, want, func() []peer.ID {
		var peers []peer.ID
		for _, key := range want.Sources {
			p := peerID(key)
			if n.transport.Connected(p) && n.members.roles.of(p) == member {
				peers = append(peers, p)
			}
		}
		return peers
	})
}

// aggregate runs a plan over the department's own rows.
func (n *node) aggregate(ctx context.Context, p *engine.Plan) protocols.Cells {
	for _, t := range n.tables {
		if t.name != p.Table {
			continue
		}
		cells, err := t.data.Aggregate(ctx, p, n.cfg.Name)
		if err == nil {
			return protocols.Cells{Cells: cells}
		}
		if ctx.Err() == nil {
			n.log.Error("aggregating failed", "table", t.name, "error", err.Error())
		}
		var refusal *engine.Error
		if errors.As(err, &refusal) {
			return protocols.Cells{Err: refusal}
		}
	}
	return protocols.Cells{Err: errors.New("the department could not aggregate its table")}
}
