package node

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"parley/engine"
	"parley/node/machine"
	"parley/protocols"
)

const (
	// epochPause is how long the departments wait before they open an epoch after
	// one that failed; it doubles up to epochLastPause.
	epochPause     = time.Second
	epochLastPause = 2 * time.Minute
	// epochTurn is how long a department leaves the opening of an epoch to the
	// one before it.
	epochTurn = 5 * time.Second
)

// committee is an epoch at this node, being formed or formed.
type committee struct {
	id      engine.Digest
	running *machine.Running // the formation; nil once it is over
	epoch   *protocols.Epoch // once formed
}

// duties are the entries that a node writes by itself, and what it has done
// about them since it started.
type duties struct {
	atHead     bool   // the ledger is, since the start
	awaits     uint64 // the number of the last record there
	joined     bool
	keyed      bool              // its folder has the key of the noise, or no policy in force needs it
	registered map[string]uint64 // the version that was sent
	kept       map[string]uint64 // the version whose distributions are kept
	tables     bool              // all stand on the log as they are
	refused    string            // why the ledger did not take one of them
	opened     uint64            // the last epoch number opened here
	failed     bool              // the last formation
	failure    string            // why, a sentence
	pause      time.Duration
	waiting    bool
	ready      bool
	swept      time.Time // blobs, the last time
	seated     time.Time // when it last was a member
	met        time.Time // when a member was last connected
	leaving    bool      // somebody was voted out, and is looked after
	announcing bool      // what has become of tables' sources
	validator  bool      // this node's key is among the members'
	people     bool      // the ledger said something of a person, or of a member, that has not been followed
	leftOut    int       // persons for whom there is no room
}

// dueEntries sends a member's Join, and a department's registrations and its
// opening of an epoch.
func (n *node) dueEntries(ctx context.Context) error {
	d := &n.duty
	if !d.validator {
		return nil // came to a network that has not voted it in yet
	}
	if !n.replica.HasJoined(n.id.Key()) {
		if !d.joined {
			if err := n.firstNoiseKey(); err != nil {
				return err
			}
			d.joined = true
			n.say(&protocols.Join{Name: n.cfg.Name, Nonce: nonce()}, "joining the network")
		}
		return nil
	}
	if name := n.replica.NameOf(n.id.Key()); name != n.cfg.Name {
		return n.cfg.Fault("name", fmt.Errorf("name: this identity joined the network as %q, and a department keeps its name; the configuration says %q", name, n.cfg.Name))
	}
	if !d.keyed {
		if err := n.checkNoiseKey(); err != nil {
			return err
		}
		d.keyed = true
	}
	n.dueRegistrations()
	if !n.cfg.Auditor && n.replica.NeedsEpoch() {
		n.openEpoch(ctx)
	}
	return nil
}

// dueRegistrations registers the tables that are new, or not as the log has
// them.
func (n *node) dueRegistrations() {
	if n.duty.tables {
		return
	}
	if n.duty.registered == nil {
		n.duty.registered = map[string]uint64{}
	}
	known := n.registered()
	n.duty.tables = true
	for _, t := range n.tables.all() {
		old := known[t.name] // version 0 if there is none
		if old.Version > 0 && t.serves(old) {
			n.keepVersion(t, old)
			continue
		}
		n.duty.tables = false
		// One that an earlier life sent may have overtaken this one's: then again.
		if n.duty.registered[t.name] <= old.Version {
			n.duty.registered[t.name] = old.Version + 1
			body := &protocols.Register{Registration: n.nextVersion(t, old), Nonce: nonce()}
			n.sayOr(body, fmt.Sprintf("registering the table %s", t.name), n.tableRefused)
		}
	}
}

// tableRefused stops a node whose tables the ledger does not take, but not one that has answered
// already: its earlier version goes on, and the status says why.
func (n *node) tableRefused(err error) {
	n.transport.Go(func(context.Context) {
		n.wake(func() error {
			if !n.duty.ready {
				return err
			}
			n.log.Error("the ledger does not take a table: the version before stays", "error", err.Error())
			n.duty.refused = err.Error()
			n.refreshView()
			return nil
		})
	})
}

// say sends an entry of the node's own; a refusal stops the node.
func (n *node) say(body protocols.Body, doing string) { n.sayOr(body, doing, n.fail) }

// sayOr is say with another end to a refusal.
func (n *node) sayOr(body protocols.Body, doing string, refused func(error)) {
	e := protocols.Sign(n.network.ID(), n.id.Private(), body)
	if len(e.Marshal()) > protocols.MaxEntryBytes {
		refused(fmt.Errorf("%s: it takes %d bytes on the log, over the limit of %d: fewer columns, or fewer distinct values", doing, len(e.Marshal()), protocols.MaxEntryBytes))
		return
	}
	n.outbox.Send(e, func(err error) {
		var refusal *protocols.Refusal
		if errors.As(err, &refusal) && refusal.Code == "duplicate" {
			return // said before a restart
		}
		refused(fmt.Errorf("%s was refused: %w", doing, err))
	})
}

// openEpoch opens the next epoch. The first department does so at once, the
// others in their turn should it be down; and all after a pause if the last
// formation failed.
func (n *node) openEpoch(ctx context.Context) {
	d := &n.duty
	next := n.replica.NextEpoch()
	if next == nil || next.Number <= d.opened || d.waiting {
		return
	}
	open := func() error {
		d.waiting = false
		if next := n.replica.NextEpoch(); next != nil && n.replica.NeedsEpoch() && next.Number > d.opened {
			d.opened = next.Number
			n.outbox.Send(protocols.Sign(n.network.ID(), n.id.Private(), next), nil)
		}
		return nil
	}
	pause := epochTurn * time.Duration(max(0, slices.Index(next.Members, n.id.Key())))
	if d.failed {
		d.pause = min(max(2*d.pause, epochPause), epochLastPause)
		pause += d.pause
	}
	if pause == 0 {
		_ = open() // never fails
		return
	}
	d.waiting = true
	n.transport.Go(func(closing context.Context) {
		select {
		case <-time.After(pause):
			n.wake(open)
		case <-ctx.Done():
		case <-closing.Done():
		}
	})
}

// dueEpochs runs the formation of the epoch that is being formed, and of those
// that are formed and needed: after a restart the same machine loads them.
func (n *node) dueEpochs(ctx context.Context) error {
	needed := n.neededEpochs()
	for _, s := range needed {
		c := n.epochs[s.ID]
		if c == nil {
			c = &committee{id: s.ID}
			n.epochs[s.ID] = c
			if err := n.startFormation(ctx, c); err != nil {
				return err
			}
		} else if c.running != nil {
			if err := n.step(ctx, c.running, protocols.Ordered{}); err != nil {
				return err
			}
		}
	}
	for _, c := range slices.Collect(maps.Values(n.epochs)) {
		// One that was aborted still finds out who is to blame.
		if c.running != nil && !slices.Contains(needed, n.replica.EpochByID(c.id)) {
			if err := n.step(ctx, c.running, protocols.Ordered{}); err != nil {
				return err
			}
		}
	}
	return n.dropEpochs()
}

// neededEpochs are the epochs that are forming, that questions are asked
// under, and that open queries were asked under.
func (n *node) neededEpochs() []*protocols.EpochState {
	var out []*protocols.EpochState
	add := func(s *protocols.EpochState) {
		for _, have := range out {
			if s == nil || have.ID == s.ID {
				return
			}
		}
		if s != nil {
			out = append(out, s)
		}
	}
	add(n.replica.Forming())
	add(n.replica.Epoch())
	for _, id := range n.replica.Open() {
		add(n.replica.Query(id).Epoch)
	}
	return out
}

func (n *node) startFormation(ctx context.Context, c *committee) error {
	m, err := protocols.NewFormation(n.department, c.id, n.journal.Epochs())
	r := &machine.Running{Query: c.id, Watch: machine.NewStopwatch()}
	r.Context, r.Stop = context.WithCancel(ctx)
	if errors.Is(err, protocols.ErrJournal) {
		r.Stop()
		return n.leaveEpoch(r, err)
	}
	if err != nil {
		r.Stop()
		return fmt.Errorf("epoch %s: %w", c.id, err)
	}
	r.Machine = formation{n.o.wrap(m, n.department), m}
	c.running = r
	n.log.Info("forming an epoch", "epoch", c.id.String())
	if n.o.Progress != nil && !n.duty.ready {
		n.o.Progress("forming an epoch: proving and checking key shares", 0, 0)
	}
	return n.step(ctx, r, protocols.Started{})
}

// formation is the machine with what it makes.
type formation struct {
	protocols.Machine
	made *protocols.Formation
}

func (n *node) epochOver(ctx context.Context, c *committee, outcome *protocols.Outcome) error {
	made := c.running.Machine.(formation).made
	c.running = nil
	if outcome == nil {
		return nil
	}
	n.duty.failure = outcome.Sentence
	if n.duty.failed = outcome.Status != protocols.Answered; n.duty.failed {
		n.log.Error("an epoch was not formed", "epoch", c.id.String(), "reason", outcome.Sentence, "departments", outcome.Departments, "fault", faultText(outcome.Fault))
		if n.o.Unformed != nil {
			n.o.Unformed(outcome.Sentence, outcome.Departments)
		}
		return nil
	}
	c.epoch = made.Epoch()
	if err := n.journal.Vectors(c.epoch.Digest, c.epoch.Restore); err != nil {
		return err
	}
	n.log.Info("epoch formed", "epoch", c.id.String(), "departments", len(c.epoch.Members))
	n.duty.pause = 0
	// Queries that were asked before a restart wait for it.
	return n.advance(ctx)
}

// becomeReady tells the caller, once, that queries are answered.
func (n *node) becomeReady() {
	if n.duty.ready || n.awaited() != "" {
		return
	}
	n.duty.ready = true
	v := *n.view.Load()
	v.status = n.status(true)
	n.view.Store(&v)
	n.refreshView() // whoever is told may look at once
	n.log.Info("ready", "address", v.status.Address)
	for _, why := range closedTables(n.view.Load().tables) {
		n.log.Warn("a table is closed", "why", why)
	}
	if n.o.Ready != nil {
		n.o.Ready(v.status)
	}
}

// dropEpochs erases the secrets of epochs that have ended.
func (n *node) dropEpochs() error {
	keep := map[engine.Digest]bool{}
	for _, s := range n.neededEpochs() {
		keep[s.ID] = true
	}
	for id, c := range n.epochs {
		if keep[id] {
			continue
		}
		if c.running != nil {
			if s := n.replica.EpochByID(id); s != nil && s.Phase == protocols.EpochAborted && c.running.Context.Err() == nil {
				continue // it is finding out who is to blame
			}
			c.running.Stop()
		}
		if c.epoch != nil {
			c.epoch.Erase()
		}
		delete(n.epochs, id)
	}
	return n.journal.EraseEpochs(n.replica.EpochOver)
}

// leaveEpoch says that this node cannot work under an epoch any more: its
// journal is not the one that its word was given with.
func (n *node) leaveEpoch(r *machine.Running, cause error) error {
	s := n.replica.EpochByID(r.Query)
	if s == nil {
		if q := n.replica.Query(r.Query); q != nil {
			s = q.Epoch
		}
	}
	if s == nil {
		return cause
	}
	n.log.Error("leaving the epoch: the journal was lost, or came from a backup", "epoch", s.ID.String(), "error", cause.Error())
	n.outbox.Send(protocols.Sign(n.network.ID(), n.id.Private(), &protocols.EpochAbort{Epoch: s.ID,
		Culprit: n.id.Key(), Fault: protocols.FaultUnavailable, Sentence: "the department lost its journal"}), nil)
	for _, c := range n.epochs {
		if c.id == s.ID {
			if c.running != nil {
				c.running.Stop()
				c.running = nil
			}
			c.epoch = nil
		}
	}
	for _, q := range n.queries {
		if of := n.replica.Query(q.id); q.running != nil && of != nil && of.Epoch.ID == s.ID {
			q.running.Stop()
			q.running = nil
		}
	}
	return nil
}

func faultText(f *protocols.Fault) string {
	if f == nil {
		return ""
	}
	return f.Error()
}

func nonce() (b [32]byte) {
	rand.Read(b[:]) // never fails (crypto/rand)
	return b
}
