package ledger

import (
	"context"
	"slices"
	"sync"

	"github.com/cometbft/cometbft/mempool"
)

// early holds transactions that came before the block which makes them valid.
//
// A node answers a block as soon as it has it, and CometBFT gossips the answer
// to peers that may be a block behind, whose state refuses it. CometBFT would
// not send it again: it would wait, with the peer as proposer, for a heartbeat.
// So what the state refuses is tried again after each of the next few blocks.
type early struct {
	poke chan struct{}

	mu      sync.Mutex
	waiting []earlyTx
	bytes   int
}

type earlyTx struct {
	hash  [32]byte
	tx    []byte
	since uint64 // height when it came
}

func newEarly() *early { return &early{poke: make(chan struct{}, 1)} }

// Add keeps a refused transaction, if there is room.
func (e *early) Add(hash [32]byte, tx []byte, height uint64) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if len(e.waiting) >= earlyTxs || e.bytes+len(tx) > earlyBytes || e.find(hash) >= 0 {
		return
	}
	e.waiting = append(e.waiting, earlyTx{hash, slices.Clone(tx), height})
	e.bytes += len(tx)
}

// Remove forgets one that is valid now.
func (e *early) Remove(hash [32]byte) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if i := e.find(hash); i >= 0 {
		e.bytes -= len(e.waiting[i].tx)
		e.waiting = slices.Delete(e.waiting, i, i+1)
	}
}

func (e *early) find(hash [32]byte) int {
	return slices.IndexFunc(e.waiting, func(t earlyTx) bool { return t.hash == hash })
}

// Block forgets those that no block helped, and has the others tried again.
func (e *early) Block(height uint64) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.waiting = slices.DeleteFunc(e.waiting, func(t earlyTx) bool {
		if t.since+earlyBlocks >= height {
			return false
		}
		e.bytes -= len(t.tx)
		return true
	})
	if len(e.waiting) > 0 {
		select {
		case e.poke <- struct{}{}:
		default:
		}
	}
}

// Run tries again after each block, until ctx ends.
func (e *early) Run(ctx context.Context, pool mempool.Mempool) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-e.poke:
		}
		e.mu.Lock()
		again := slices.Clone(e.waiting)
		e.mu.Unlock()
		for _, t := range again {
			pool.CheckTx(t.tx, nil, mempool.TxInfo{}) // refused or full: the next block tries again
		}
	}
}
