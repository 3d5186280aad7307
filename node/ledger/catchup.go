package ledger

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
)

const (
	// catchupPause is how often a node that is not at the head looks again.
	catchupPause = 100 * time.Millisecond
	// catchupTimeout bounds one question to a peer about its height.
	catchupTimeout = 3 * time.Second
	// signPause is how often a validator that may not vote yet looks whether it may.
	signPause = 10 * time.Millisecond
)

// errOrdered is why nothing is signed in a block that was ordered before Open.
var errOrdered = errors.New("the block was ordered before this node started: what it signed there is not known")

// catchup finds out when this node is at the ledger's head: when consensus runs
// here, and the state is that of a block not lower than the last one of each of
// so many validators that with this node they are more than two thirds of those
// of the state. A block has as many signatures, and whoever signs one has the
// block before it; so what was ordered before Open is in the state then, but
// for what only nodes that do not answer have. Below a quorum there is no head:
// nothing can be ordered there either.
//
// CometBFT's own word is not enough: a validator without which there is no
// quorum, one of three say, stops fetching blocks at once, at whatever height.
type catchup struct {
	at chan struct{} // closed at the head

	mu      sync.Mutex
	asking  map[peer.ID]bool
	heights map[peer.ID]uint64 // of who answered since Open; shown to be right where they are above this node's
	highest uint64
}

func newCatchup() *catchup {
	return &catchup{at: make(chan struct{}), asking: map[peer.ID]bool{}, heights: map[peer.ID]uint64{}}
}

// AtHead is closed once this node has caught up after Open (README section 7).
func (l *Ledger) AtHead() <-chan struct{} { return l.catchup.at }

// runCatchup looks until this node is at the head, or ctx ends.
func (l *Ledger) runCatchup(ctx context.Context) {
	for {
		s := l.Status()
		if !s.CatchingUp && 3*s.Heard > 2*len(s.Validators) && s.Block >= max(s.Head, l.config.Trust.Block) {
			close(l.catchup.at)
			l.log.Info("the ledger has caught up", "block", s.Block)
			return
		}
		for _, p := range l.config.Peers() { // on an old state also who came later
			if p != l.config.Host.ID() {
				l.askHeight(ctx, p)
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(catchupPause):
		}
	}
}

// past waits until it is known whether the block of a height was ordered before
// Open: errOrdered if somebody shows so, nil if so many validators show no such
// block that with this node they are more than two thirds. Without either
// nothing can be ordered with this node's vote, nor fetched. Close ends it.
func (l *Ledger) past(height int64) error {
	tick := time.NewTicker(signPause)
	defer tick.Stop()
	for {
		select {
		case <-l.catchup.at:
			return nil
		default:
		}
		validators := l.app.Last().Validators()
		heard, highest := l.catchup.heard(peersOf(validators), l.config.Host.ID())
		switch {
		case uint64(height) <= max(highest, l.config.Trust.Block):
			return errOrdered
		case 3*heard > 2*len(validators):
			return nil
		}
		select {
		case <-l.ctx.Done():
			return l.ctx.Err()
		case <-l.catchup.at:
		case <-tick.C:
		}
	}
}

// askHeight asks a member in the background, unless it has answered, or is
// asked already.
func (l *Ledger) askHeight(ctx context.Context, p peer.ID) {
	c := l.catchup
	c.mu.Lock()
	_, answered := c.heights[p]
	skip := answered || c.asking[p] || l.config.Host.Network().Connectedness(p) != network.Connected
	if !skip {
		c.asking[p] = true
	}
	c.mu.Unlock()
	if skip {
		return
	}
	l.wg.Go(func() {
		ctx, cancel := context.WithTimeout(network.WithNoDial(ctx, "its height is asked of who is connected"), catchupTimeout)
		defer cancel()
		height, err := l.shownHeight(ctx, p)
		c.mu.Lock()
		defer c.mu.Unlock()
		delete(c.asking, p)
		if err != nil {
			l.log.Debug("a member does not tell its height", "peer", p.String(), "error", err.Error())
			return
		}
		c.heights[p], c.highest = height, max(c.highest, height)
	})
}

// shownHeight is the height of a peer's last block. One above this node's must
// be shown by its signatures, so that nobody holds a node up with a number.
func (l *Ledger) shownHeight(ctx context.Context, p peer.ID) (uint64, error) {
	a, err := ask(ctx, l.config.Host, p, question{Kind: askLatest})
	if err != nil || a.Latest <= l.app.Last().Block {
		return a.Latest, err
	}
	if a.Latest > maxHeight {
		return 0, fmt.Errorf("%s says that it is at block %d", p, a.Latest)
	}
	w, err := newWalker(l.config.Network, l.config.Validators)
	if err != nil {
		return 0, err
	}
	_, _, err = fetchWalk(ctx, l.config.Host, p, w, []uint64{a.Latest})
	return a.Latest, err
}

// heard counts the validators that have answered, and this node if it is one.
func (c *catchup) heard(validators []peer.ID, own peer.ID) (heard int, highest uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, p := range validators {
		if _, ok := c.heights[p]; ok || p == own {
			heard++
		}
	}
	return heard, c.highest
}
