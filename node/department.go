package node

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"

	"parley/circuits"
	"parley/node/audit"
	"parley/node/config"
	"parley/node/disk"
	"parley/node/failure"
	"parley/node/ledger"
	"parley/node/machine"
	"parley/node/notify"
	"parley/node/peers"
	"parley/protocols"
)

const (
	// stopLimit is how long a stopping node waits for a proof in the making.
	stopLimit = 4 * time.Second
	// leavingPause is how often a node looks whether one that was voted out is
	// still needed for a block.
	leavingPause = 200 * time.Millisecond
	// leavingLimit is how long one that was voted out waits for the others to cut
	// it off.
	leavingLimit = 10 * time.Second
	// sweepEvery is how often blobs that nobody needs any more are looked for.
	sweepEvery = 10 * time.Minute
)

// loop is the one goroutine that reads the ledger and steps the machines. Its
// order of events is the ledger's and the work's; everything else waits its
// turn in a channel.
func (n *node) loop(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer n.finishWork()
	defer cancel()
	records := make(chan []protocols.Record)
	ended := make(chan error, 1)
	known := n.replica.Applied()
	n.transport.Go(func(closing context.Context) {
		stop := context.AfterFunc(closing, cancel)
		defer stop()
		ended <- n.history.Follow(ctx, known, func(batch []protocols.Record) error {
			select {
			case records <- batch:
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		})
	})
	n.duty.people = true
	if err := n.advance(ctx); err != nil {
		return err
	}
	for _, follow := range []func(context.Context){n.followReloads, n.watchFiles} {
		n.transport.Go(func(closing context.Context) {
			stop := context.AfterFunc(closing, cancel)
			defer stop()
			follow(ctx)
		})
	}
	atHead := n.ledger.AtHead()
	for {
		var err error
		select {
		case <-atHead:
			atHead = nil
			state, _ := n.ledger.Snapshot()
			n.duty.atHead, n.duty.awaits = true, state.Applied()
			err = n.advance(ctx)
		case batch := <-records:
			if err = n.order(batch); err == nil {
				err = n.advance(ctx)
			}
		case a := <-n.answers:
			err = n.step(ctx, a.To, a.Event)
		case query := <-n.deadlines:
			err = n.deadline(ctx, query)
		case do := <-n.wakes:
			err = do()
		case <-n.admit.C:
			n.followPeople()
			n.refreshView()
		case err = <-ended:
			err = fmt.Errorf("the ledger: %w", err)
		case halt := <-n.halted:
			if errors.Is(halt, ledger.ErrStopped) {
				err = fmt.Errorf("the ledger: %w", disk.Explain(halt))
				break
			}
			// It may go on; till then the operator and the analysts can be told.
			n.log.Error("the ledger stands still", "error", halt.Error())
		case <-ctx.Done():
			return ctx.Err()
		}
		if err == nil {
			err = n.shareVectors(ctx)
		}
		if err != nil {
			return err
		}
	}
}

// finishWork waits for what runs in the background, within stopLimit.
func (n *node) finishWork() {
	done := make(chan struct{})
	go func() { n.work.Wait(); close(done) }()
	select {
	case <-done:
	case <-time.After(stopLimit):
		n.log.Warn("stopping before a proof is finished; it is dropped")
	}
}

// order takes records into the replica. The ledger's validators have judged
// them by the same rules, so that an error is this node's own.
func (n *node) order(batch []protocols.Record) error {
	for _, r := range batch {
		refused, err := n.replica.Order(r)
		if err != nil {
			return err
		}
		if refused != nil {
			n.log.Warn("an entry convicts its author", "number", r.Number, "entry", r.Entry.Kind.String(), "reason", refused.Error())
		} else {
			n.log.Debug("on the ledger", "number", r.Number, "block", r.Block, "entry", r.Entry.Kind.String(), "author", n.replica.NameOf(r.Entry.Author))
		}
		switch r.Entry.Kind {
		case protocols.KindVote, protocols.KindVouch, protocols.KindRevoke:
			n.duty.people = true
		case protocols.KindAct:
			if refused == nil {
				n.heardNews(&r)
			}
		}
		if refused != nil || !n.caughtUp() {
			continue
		}
		switch r.Entry.Kind {
		case protocols.KindVote:
			n.tellVote(&r)
		case protocols.KindVouch, protocols.KindRevoke:
			n.tellPerson(&r)
		case protocols.KindPublish, protocols.KindRequest, protocols.KindGrant, protocols.KindDecline, protocols.KindRescind:
			e := audit.EventOf(n.replica, &r, nil)
			n.log.Info("a person says something of who may ask", "who", e.Person, "what", e.What, "block", r.Block)
		}
	}
	return nil
}

// advance does what the log now asks for: the department's own duties, epochs,
// queries, in this order. None of it before the log has been read up to the
// head: what the replica does not know yet, this node may well have said.
func (n *node) advance(ctx context.Context) error {
	if n.followMembers() {
		return ErrExpelled
	}
	if n.duty.people {
		n.followPeople()
	}
	if !n.caughtUp() {
		n.refreshView()
		return nil
	}
	if err := n.dueEntries(ctx); err != nil {
		return err
	}
	if err := n.dueEpochs(ctx); err != nil {
		return err
	}
	if err := n.dueQueries(ctx); err != nil {
		return err
	}
	n.retireTables()
	if n.linker != nil {
		n.linker.Wake()
	}
	if err := n.offerAlerts(); err != nil {
		return err
	}
	n.becomeReady()
	n.refreshView()
	return nil
}

// caughtUp tells whether the replica holds all that was ordered before the
// node started.
func (n *node) caughtUp() bool {
	return n.duty.atHead && n.replica.Applied() >= n.duty.awaits
}

func (n *node) refreshView() {
	old := n.view.Load()
	v := &view{network: old.network, height: n.replica.Applied(), status: old.status,
		members: viewMembers(n.replica), votes: viewVotes(n.replica), people: n.ownPeople(), awaits: n.awaited(), open: len(n.replica.Open()), evidence: len(n.replica.Evidence()), tables: n.viewTables(), leftOut: n.duty.leftOut}
	for _, key := range n.founding.analysts {
		v.analysts = append(v.analysts, peers.PeerOf(key))
	}
	if e := n.replica.Epoch(); e != nil {
		v.epoch = e.Number
	}
	if v.network == n.network { // without names yet
		if named, ok := n.replica.Network(); ok {
			v.network = named
			if err := disk.WriteFile(filepath.Join(n.cfg.Dir, config.NetworkFile), named.JSON()); err != nil {
				n.fail(err)
			}
		}
	}
	n.view.Store(v)
}

// ErrExpelled ends a node that the others have voted out.
var ErrExpelled = failure.Refused("voted-out", "its key never comes back: parley init makes a new identity, for which members vote",
	"the members of the network have voted this node's key out: it takes no part any more")

// followMembers admits to the allow-list whom the ledger's members have voted
// in, and cuts off whom they have voted out: at once from everything but
// consensus, where its vote still counts for the next block, and in a network of
// two or three is needed, and then wholly. It reports whether that is this node
// itself, once the others have let it go: till then they may need its last vote.
func (n *node) followMembers() (expelled bool) {
	roles := map[peer.ID]peers.Role{}
	for _, key := range n.replica.ValidatorsAt(n.ledger.Status().Block + 1) {
		roles[peers.IDOf(key)] = peers.Leaving
	}
	for _, key := range n.replica.Validators() {
		roles[peers.IDOf(key)] = peers.Member
	}
	own := roles[n.id.ID()]
	delete(roles, n.id.ID())
	now := time.Now()
	if own == peers.Member || n.connectedMembers() > 0 {
		n.duty.met = now
	}
	if n.duty.validator = own == peers.Member; own == peers.Member {
		n.duty.seated = now
	}
	out := own != peers.Member && (!n.duty.seated.IsZero() || n.replica.HasLeft(n.id.Key()))
	someLeave := out
	for p, as := range roles {
		someLeave = someLeave || as == peers.Leaving
		if n.transport.Roles.Set(p, as) {
			n.log.Info("the membership has changed", "peer", p.String(), "role", as.String())
		}
	}
	for _, p := range n.transport.Roles.With(peers.Member, peers.Leaving) {
		// On an old ledger who came later is not a member yet.
		if _, present := roles[p]; !present && (n.caughtUp() || n.hasLeft(p)) {
			n.log.Warn("a member was voted out: cutting it off", "peer", p.String())
			n.transport.Expel(p)
		}
	}
	if someLeave && !n.duty.leaving {
		n.duty.leaving = true
		n.transport.Go(func(closing context.Context) {
			select {
			case <-time.After(leavingPause):
				n.wake(func() error {
					n.duty.leaving = false
					if n.followMembers() {
						return ErrExpelled
					}
					return nil
				})
			case <-closing.Done():
			}
		})
	}
	return out && (now.Sub(n.duty.met) > leavingPause || own == peers.Stranger && now.Sub(n.duty.seated) > leavingLimit)
}

// hasLeft tells whether the log shows that a peer was voted out.
func (n *node) hasLeft(p peer.ID) bool {
	key, err := peers.KeyOfID(p)
	return err != nil || n.replica.HasLeft(key)
}

// step gives a machine one event and takes note of its outcome.
func (n *node) step(ctx context.Context, r *machine.Running, e protocols.Event) error {
	if r.Context.Err() != nil {
		return nil // it is over
	}
	outcome, err := n.work.Step(r, e)
	var world *machine.WorldError
	switch {
	case errors.As(err, &world):
		return world.Unwrap()
	case errors.Is(err, circuits.ErrBrokenKey):
		return n.breakKeys(err)
	case errors.Is(err, protocols.ErrJournal):
		r.Stop()
		return n.leaveEpoch(r, err)
	case err != nil:
		r.Stop()
		n.log.Error("a machine stopped", "of", r.Query.String(), "error", err.Error())
	}
	if outcome == nil && err == nil {
		return nil
	}
	if q := n.queries[r.Query]; q != nil && q.running == r {
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
		var reachable []peer.ID
		for _, key := range want.Sources {
			p := peers.IDOf(key)
			if n.transport.Connected(p) && n.founding.roles.Of(p) == peers.Member {
				reachable = append(reachable, p)
			}
		}
		return reachable
	})
}

// openAlerts makes what tells the operator's command, or web service, of alerts (README section 14).
func (n *node) openAlerts() (err error) {
	if n.cfg.Alerts == nil {
		return nil
	}
	if n.notifier, err = notify.New(*n.cfg.Alerts, n.cfg.Dir, n.log); err != nil {
		return err
	}
	n.transport.Go(func(ctx context.Context) {
		if err := n.notifier.Run(ctx); err != nil {
			n.fail(err)
		}
	})
	return nil
}

// offerAlerts tells of the alerts on the ledger, which the node has read up to its head.
func (n *node) offerAlerts() error {
	last := n.replica.LastAlert()
	if n.notifier == nil || n.offered && last == n.alerted {
		return nil
	}
	n.offered, n.alerted = true, last
	return n.notifier.Offer(audit.AlertsOf(n.replica), n.replica.Applied())
}
