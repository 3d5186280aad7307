package node

import (
	"context"
	"errors"
	"slices"
	"time"

	"parley/engine"
	"parley/node/config"
	"parley/node/disk"
	"parley/node/exchange"
	"parley/node/machine"
	"parley/node/peers"
	"parley/node/shadow"
	"parley/protocols"
)

// graceOf is how long before a query's deadline the members stop by
// themselves and say what they still can; half of it later they say that the
// query has expired, so that what they said before is on the ledger first.
func graceOf(deadline time.Duration) time.Duration { return min(2*time.Second, deadline/5) }

// liveQuery is a query that has not ended, or not for long.
type liveQuery struct {
	id      engine.Digest
	started bool
	running *machine.Running // nil before its epoch is loaded, and once it is over
	timers  []*time.Timer
}

// dueQueries starts a machine for each open query, gives each what is new on
// the log, and clears up after those that have ended.
func (n *node) dueQueries(ctx context.Context) error {
	for _, id := range n.replica.Open() {
		q := n.queries[id]
		if q == nil {
			q = &liveQuery{id: id}
			n.queries[id] = q
			n.setDeadline(ctx, q)
		}
		if err := n.startQuery(ctx, q); err != nil {
			return err
		}
	}
	for _, q := range n.queries {
		if q.running != nil {
			if err := n.step(ctx, q.running, protocols.Ordered{}); err != nil {
				return err
			}
		}
		if s := n.replica.Query(q.id); q.running == nil && (s == nil || s.Phase.Ended()) {
			if err := n.endQuery(q); err != nil {
				return err
			}
		}
	}
	n.sweep(time.Now())
	return n.journal.EraseQueries(n.replica.QueryOver)
}

// startQuery builds the query's machine, once its epoch is there.
func (n *node) startQuery(ctx context.Context, q *liveQuery) error {
	s := n.replica.Query(q.id)
	c := n.epochs[s.Epoch.ID]
	if q.started || c == nil || c.epoch == nil || n.linker.Unplaced(n.replica, s) {
		return nil
	}
	q.started = true
	r := &machine.Running{Query: q.id, Watch: n.watches.New(q.id)}
	r.Context, r.Stop = context.WithCancel(ctx)
	records, err := n.journalOf(s)
	if err != nil {
		r.Stop()
		return err
	}
	var m protocols.Machine
	if s.Epoch.IsMember(n.id.Key()) {
		m, err = protocols.NewQuery(n.department, c.epoch, q.id, records)
	} else {
		m, err = protocols.NewAudit(n.department, c.epoch, q.id, records)
	}
	if err != nil {
		r.Stop()
		n.log.Error("a query cannot be taken up", "query", q.id.String(), "error", err.Error())
		if errors.Is(err, protocols.ErrJournal) {
			return n.leaveEpoch(r, err)
		}
		return nil
	}
	r.Machine = n.o.wrap(m, n.department)
	q.running = r
	n.transport.Go(func(context.Context) { n.changedFiles() })
	n.log.Info("query", "query", q.id.String(), "analyst", peers.PeerOf(s.Author), "sql", s.Ask.SQL)
	return n.step(ctx, r, protocols.Started{})
}

// journalOf are the records that a query's machine is built from: its own, and those of the screening that it rests on. The vectors of its
// epoch are in that.
func (n *node) journalOf(s *protocols.QueryState) ([]protocols.JournalRecord, error) {
	records, err := n.journal.Query(s.ID)
	if err != nil || s.Screen() == nil {
		return records, err
	}
	opened, err := n.journal.Kept(s.Ask.Screen)
	return append(records, opened...), err
}

// shareVectors steps the questions that may wait for a vector that another one's machine was making: that has made some, or is over.
func (n *node) shareVectors(ctx context.Context) error {
	for n.vectors {
		n.vectors = false
		for _, q := range n.queries {
			if s := n.replica.Query(q.id); q.running == nil || s == nil || s.Ask.Linked == nil || s.Phase != protocols.PhaseContributing {
				continue
			}
			if err := n.step(ctx, q.running, protocols.Ordered{}); err != nil {
				return err
			}
		}
	}
	return nil
}

// persist keeps records in the journal, and notes whether vectors are among them.
func (n *node) persist(records []protocols.JournalRecord) error {
	n.vectors = n.vectors || slices.ContainsFunc(records, func(r protocols.JournalRecord) bool { return r.Kind == protocols.JournalVector })
	return n.journal.Append(records)
}

// setDeadline starts the node's own clock for a query: after a restart, anew.
func (n *node) setDeadline(ctx context.Context, q *liveQuery) {
	limit := time.Duration(n.replica.Query(q.id).Ask.DeadlineSeconds) * time.Second
	if n.cfg.Deadline > 0 {
		limit = min(limit, n.cfg.Deadline)
	}
	tell := func() {
		select {
		case n.deadlines <- q.id:
		case <-ctx.Done():
		}
	}
	grace := graceOf(limit)
	q.timers = []*time.Timer{time.AfterFunc(limit-grace, tell), time.AfterFunc(limit-grace/2, tell)}
}

// deadline ends this node's part in a query; told a second time, the node says
// that the query has expired.
func (n *node) deadline(ctx context.Context, id engine.Digest) error {
	q := n.queries[id]
	if q == nil {
		return nil
	}
	if len(q.timers) > 0 {
		q.timers = q.timers[1:]
	}
	if q.running != nil {
		if err := n.step(ctx, q.running, protocols.Deadline{}); err != nil {
			return err
		}
	}
	if s := n.replica.Query(id); len(q.timers) == 0 && s != nil && !s.Phase.Ended() {
		n.outbox.Send(protocols.Sign(n.network.ID(), n.id.Private(), &protocols.Expire{Query: id}), nil)
	}
	return nil
}

// withhold writes down what this department, in shadow mode, would have sent of a query. Where that fails it is
// said; the query is refused all the same.
func (n *node) withhold(query engine.Digest, w *protocols.Withheld) {
	r := shadow.RecordOf(time.Now(), n.replica, query, w, n.cfg.ShadowValues)
	n.log.Info("shadow mode: this question would have sent", "query", r.Query, "analyst", r.Analyst, "table", r.Table, "purpose", r.Purpose,
		"groups", r.Groups, "cells", r.Cells, "ciphertexts", r.Ciphertexts, "contributionBytes", r.Contribution, "shareBytes", r.Shares)
	if err := shadow.Append(n.cfg.Dir, r); err != nil {
		n.log.Error("what a question would have sent is not written down", "query", r.Query, "error", disk.Explain(err).Error())
	}
}

// queryOver notes a machine's outcome; nil is a machine that failed.
func (n *node) queryOver(q *liveQuery, outcome *protocols.Outcome) {
	q.running, n.vectors = nil, true
	n.watches.Stop(q.id)
	if outcome == nil {
		return
	}
	n.outcomes.WithLabelValues(outcome.Status.String()).Inc()
	level := n.log.Info
	if outcome.Status == protocols.Failed {
		level = n.log.Error
	}
	level("query over", "query", q.id.String(), "status", outcome.Status.String(), "code", outcome.Code,
		"reason", outcome.Sentence, "departments", outcome.Departments, "fault", faultText(outcome.Fault))
}

// endQuery erases what only this query needed, once the ledger has ended it
// and the machine is over. Its blobs stay for those who check.
func (n *node) endQuery(q *liveQuery) error {
	for _, t := range q.timers {
		t.Stop()
	}
	n.watches.Stop(q.id)
	n.exchange.Forsake(q.id)
	delete(n.queries, q.id)
	if s := n.replica.Query(q.id); s != nil && !n.replica.QueryOver(q.id, s.Ask.Epoch, s.Epoch.Number) {
		return n.journal.LeaveQuery(q.id)
	}
	return n.journal.EndQuery(q.id)
}

// sweep removes now and then, and after a start, the blobs that nothing needs
// and that are older than the retention.
func (n *node) sweep(now time.Time) {
	if now.Sub(n.duty.swept) < sweepEvery {
		return
	}
	n.duty.swept = now
	blobs := exchange.NeededBlobs(n.replica)
	for _, s := range n.neededEpochs() {
		for _, d := range s.Commits {
			blobs[d] = true
		}
	}
	keep := n.cfg.Retention
	if keep == 0 {
		keep = config.DefaultRetention
	}
	n.blobs.Expire(now.Add(-keep), func(d engine.Digest) bool { return blobs[d] })
}
