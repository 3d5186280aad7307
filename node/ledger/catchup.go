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
	// catchupAgain is how long an answer stands before a node that is not at the head asks again.
	catchupAgain = time.Second
	// signPause is how often a validator that may not vote yet looks whether it may, and signLate
	// after how long it says so.
	signPause = 10 * time.Millisecond
	signLate  = 5 * time.Second
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

	mu       sync.Mutex
	asking   map[peer.ID]bool
	heights  map[peer.ID]uint64 // of who answered since Open; shown to be right where they are above this node's
	answered map[peer.ID]time.Time
	highest  uint64 // among the first answers
}

func newCatchup() *catchup {
	return &catchup{at: make(chan struct{}), asking: map[peer.ID]bool{}, heights: map[peer.ID]uint64{}, answered: map[peer.ID]time.Time{}}
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

// past returns once it is known whether the block of a height was ordered before Open: nil if
// of those who vote on it more than two thirds, with this node, had no such block when they were
// asked; errOrdered if so many showed one that they are no longer to be found, or Config.Trust is
// not below it. It asks again while it waits. Close ends it.
func (l *Ledger) past(height int64) error {
	tick := time.NewTicker(signPause)
	defer tick.Stop()
	for late := time.After(signLate); ; {
		select {
		case <-l.catchup.at:
			return nil
		default:
		}
		validators := l.votersAt(height)
		below, shown := l.catchup.count(validators, l.config.Host.ID(), uint64(height))
		switch ordered, known := orderedBefore(below, shown, len(validators)); {
		case ordered, uint64(height) <= l.config.Trust.Block:
			return errOrdered
		case known:
			return nil
		}
		select {
		case <-l.ctx.Done():
			return l.ctx.Err()
		case <-l.catchup.at:
		case <-late:
			l.log.Warn("this validator does not vote yet: it waits for others to say which block they are at",
				"block", height, "said", below+shown, "validators", len(validators))
		case <-tick.C:
		}
	}
}

// orderedBefore judges whether a block was ordered, by how many of its validators had none and how
// many showed one. More than two thirds without it cannot be, with the more than two thirds that
// signed the block after it; so only a last block can be mistaken for one that was not ordered. One
// that a few show alone is not enough to withhold a vote: they may keep it to themselves.
func orderedBefore(below, shown, validators int) (ordered, known bool) {
	switch {
	case 3*below > 2*validators:
		return false, true
	case 3*(validators-shown) <= 2*validators:
		return true, true
	}
	return false, false
}

// votersAt are the validators that vote on the block of a height.
func (l *Ledger) votersAt(height int64) []peer.ID {
	if set, err := l.states.LoadValidators(height); err == nil {
		return peersOf(keysOf(set))
	}
	return peersOf(keysOf(validatorSet(l.app.Last().Validators())))
}

// askHeight asks a member in the background, unless it is asked already, or has answered
// within catchupAgain.
func (l *Ledger) askHeight(ctx context.Context, p peer.ID) {
	c := l.catchup
	c.mu.Lock()
	skip := c.asking[p] || time.Since(c.answered[p]) < catchupAgain || l.config.Host.Network().Connectedness(p) != network.Connected
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
		if _, again := c.heights[p]; !again {
			c.highest = max(c.highest, height)
		}
		c.heights[p], c.answered[p] = max(c.heights[p], height), time.Now()
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
	below, shown := c.count(validators, own, 0)
	c.mu.Lock()
	defer c.mu.Unlock()
	return below + shown, c.highest
}

// count counts, of validators, those that had no block of a height when they answered last, this
// node among them, and those that showed one.
func (c *catchup) count(validators []peer.ID, own peer.ID, height uint64) (below, shown int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, p := range validators {
		switch at, ok := c.heights[p]; {
		case p == own || ok && at < height:
			below++
		case ok:
			shown++
		}
	}
	return below, shown
}
