package ledger

import (
	"crypto/ed25519"
	"time"
)

// State is the deterministic machine that the ledger replicates: the same
// transactions at the same places give the same Hash everywhere. No clock, no
// randomness, no order of maps, no floats. One goroutine uses a State at a
// time.
type State interface {
	// Clone is an independent copy.
	Clone() State
	// Apply orders a transaction, if it may be. One that stands on the ledger
	// already is never Ordered again. It must not panic whatever tx holds.
	Apply(at Place, tx []byte) Result
	// Applied counts the transactions that were ordered: the next one's Number
	// is one more. Part of what Hash covers.
	Applied() uint64
	// Hash is 32 bytes that cover everything in it.
	Hash() []byte
	// Marshal is the whole state in its one encoding, at most MaxState bytes;
	// Config.Decode reads it.
	Marshal() []byte
	// Validators are the keys that vote, from two blocks on: at least one, at
	// most 128, each once, in any order.
	Validators() []ed25519.PublicKey
}

// Place is where a transaction stands.
type Place struct {
	// Block is the block's height.
	Block uint64
	// Time is the block header's: when the block before it was signed, up to a
	// Timing.Idle earlier than the transactions came.
	Time time.Time
}

// Result is what became of a transaction.
type Result struct {
	// Code is empty if it was taken, else why not; Sentence says it in words.
	Code, Sentence string
	// Ordered: it stands in a block, since it was taken, or since it convicts
	// its author.
	Ordered bool
	// Number is its number if it is ordered.
	Number uint64
}

// Refused is a transaction that the ledger does not take.
type Refused struct {
	Code, Sentence string
	// Ordered: it stands on the ledger nevertheless.
	Ordered bool
}

func (r *Refused) Error() string { return r.Sentence }
