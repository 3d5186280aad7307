package ledger

import (
	"context"
	"crypto/ed25519"
	"fmt"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"
)

// stalledHeartbeats is how many heartbeats may pass without a block, while more
// than two thirds of the validators are connected, before consensus is said to
// stand still: since a transaction waits, or a block is due though none does.
const stalledHeartbeats = 4

// watchTick is how often the watchdog looks.
const watchTick = time.Second

// Status is how a ledger stands.
type Status struct {
	// Block is the height of the last block, Time its header's time, and
	// Committed when it was committed here (zero: none since Open).
	Block     uint64
	Time      time.Time
	Committed time.Time
	// Records counts ordered transactions; those up to Missing are not here.
	Records, Missing uint64
	// Waiting is how many transactions wait in the mempool.
	Waiting int
	// Peers are connected, in consensus.
	Peers []peer.ID
	// CatchingUp: blocks are being fetched; the node does not vote.
	CatchingUp bool
	// AtHead: the node has caught up since Open. Head is the highest block that it
	// knows of, Heard how many validators told theirs, this node included if it votes.
	AtHead bool
	Head   uint64
	Heard  int
	// Validators vote on the next block but one; Voting: this node is one.
	Validators []ed25519.PublicKey
	Voting     bool
	// Connected is how many of them are, this node included if it votes; Quorum
	// reports whether they are more than two thirds.
	Connected int
	Quorum    bool
	// Halted is nil, or why no block comes though it should: what Config.Halted
	// was told.
	Halted error
}

// watch notices what CometBFT does not report: that consensus died, or stands
// still.
type watch struct {
	ledger  *Ledger
	metrics *metrics

	mu        sync.Mutex
	used      time.Time // when a transaction was ordered last, or when the ledger was opened
	committed time.Time // when the last block was
	moved     time.Time // the last time there was a block, or no reason for one
	empty     time.Time // the last time that no transaction waited
	failed    error     // for good
	stalled   error     // for now
}

func newWatch(l *Ledger) *watch {
	now := time.Now()
	w := &watch{ledger: l, used: now, moved: now, empty: now}
	w.metrics = newMetrics(l)
	return w
}

// Block is told of each committed block, and says how long the next one may be
// waited for. CometBFT calls it where it reads that later, for each height anew.
func (w *watch) Block(_ Place, txs int) {
	w.mu.Lock()
	w.committed = time.Now()
	w.moved, w.stalled = w.committed, nil
	if txs > 0 {
		w.used = w.committed
	}
	w.ledger.comet.Consensus.CreateEmptyBlocksInterval = w.ledger.config.Timing.pause(w.committed.Sub(w.used))
	w.mu.Unlock()
	if w.ledger.node != nil { // not while blocks are replayed, which goes on from the log's end
		w.ledger.trim.Block()
	}
	w.metrics.block(txs)
	w.ledger.tunnel.Poke() // the block may have changed the members
}

// Failed is told, once, that consensus has died.
func (w *watch) Failed(err error) {
	w.mu.Lock()
	first := w.failed == nil
	if first {
		w.failed = err
	}
	w.mu.Unlock()
	if first {
		w.report(err)
	}
}

func (w *watch) report(err error) {
	w.ledger.log.Error("the ledger stands still", "error", err.Error())
	if w.ledger.config.Halted != nil {
		w.ledger.config.Halted(err)
	}
}

func (w *watch) halted() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.failed != nil {
		return w.failed
	}
	return w.stalled
}

// Run looks at the height until ctx ends.
func (w *watch) Run(ctx context.Context) {
	tick := time.NewTicker(watchTick)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			w.look()
		}
	}
}

func (w *watch) look() {
	s := w.ledger.Status()
	w.mu.Lock()
	if !s.Quorum {
		w.moved = time.Now()
	}
	if s.Waiting == 0 {
		w.empty = time.Now()
	}
	stalled := w.stalled == nil && w.failed == nil && w.late(time.Now())
	var err error
	if stalled {
		quiet := time.Since(w.moved)
		err = fmt.Errorf("no block for %s though %d of %d validators are connected", quiet.Round(time.Second), s.Connected, len(s.Validators))
		w.stalled = err
	}
	w.mu.Unlock()
	if stalled {
		w.report(err)
	}
}

// late reports whether a block should have come: for a transaction that waits,
// or because the longest pause is over. The present pause tells less: the others
// may have opened earlier, and so think the ledger idle when this node does not.
func (w *watch) late(now time.Time) bool {
	t, quiet := w.ledger.config.Timing, now.Sub(w.moved)
	return min(quiet, now.Sub(w.empty)) > stalledHeartbeats*t.Heartbeat ||
		quiet > t.pause(t.Idle)+(stalledHeartbeats-1)*t.Heartbeat
}

func (w *watch) Close() { w.metrics.Close() }

// Status tells how the ledger stands. Cheap enough to be asked every second.
func (l *Ledger) Status() Status {
	last := l.app.Last()
	records, missing, _ := l.index.Watch()
	s := Status{
		Block: last.Block, Time: last.Time, Records: records, Missing: missing,
		Waiting: l.node.Mempool().Size(), CatchingUp: l.catchingUp(),
		Validators: keysOf(validatorSet(last.Validators())), Halted: l.watch.halted(),
	}
	l.watch.mu.Lock()
	s.Committed = l.watch.committed
	l.watch.mu.Unlock()
	connected := map[string]bool{l.config.Host.ID().String(): true}
	for _, p := range l.tunnel.peers() {
		if l.node.Switch().Peers().Has(switchPeer(p)) {
			s.Peers = append(s.Peers, p)
			connected[p.String()] = true
		}
	}
	validators := peersOf(s.Validators)
	for _, id := range validators {
		if connected[id.String()] {
			s.Connected++
			s.Voting = s.Voting || id == l.config.Host.ID()
		}
	}
	s.Heard, s.Head = l.catchup.heard(validators, l.config.Host.ID())
	s.Head = max(s.Head, s.Block)
	select {
	case <-l.catchup.at:
		s.AtHead = true
	default:
	}
	s.Quorum = 3*s.Connected > 2*len(s.Validators)
	return s
}

// peersOf names keys as libp2p peers.
func peersOf(keys []ed25519.PublicKey) (peers []peer.ID) {
	for _, k := range keys {
		if id, err := peerID(k); err == nil {
			peers = append(peers, id)
		}
	}
	return peers
}
