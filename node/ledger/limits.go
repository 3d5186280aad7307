package ledger

import (
	"time"

	"parley/engine"
)

// Limits. What a peer sends beyond them is refused.
const (
	// MaxTx is the longest transaction, in bytes.
	MaxTx = engine.MaxTransactionBytes
	// MaxBlock is the longest block, in bytes.
	MaxBlock = 8 << 20
	// MaxWaiting is how many transactions of one author may wait for a block.
	MaxWaiting = 200
	// MaxReceipt is the longest receipt, in bytes.
	MaxReceipt = engine.MaxReceiptBytes
	// MaxState is the longest encoding of a state, in bytes.
	MaxState = engine.MaxStateBytes

	mempoolTxs   = 2000     // transactions that wait for a block
	mempoolBytes = 32 << 20 // of them together
	mempoolSeen  = 10_000   // hashes of transactions remembered

	earlyTxs    = 256     // refused transactions that are tried again
	earlyBytes  = 8 << 20 // of them together
	earlyBlocks = 3       // after so many blocks they are forgotten

	maxPeers         = 256 // that may speak consensus
	maxStreamsPeer   = 4   // consensus streams of one peer: one, and those that are ending
	lightStreamsPeer = 4   // requests of one peer that are answered at once
	peerRate         = 20 << 20
	packetBytes      = 16 << 10

	maxHeadBytes     = 32 << 10
	maxHandovers     = 64                                            // in one answer
	maxSnapshots     = 2                                             // kept on disk
	maxSnapshotFrame = engine.MaxEncodedBytes - engine.MaxStateBytes // what a snapshot's encoding adds to the state's
	snapshotChunk    = 256 << 10
	followRecords    = 512
	followBytes      = 1 << 20
	maxPath          = 24 // levels of a block's tree
	maxHeight        = 1 << 62
	maxRound         = 1 << 30
	maxSeconds       = 1 << 40
	addressBytes     = 20
	signatureBytes   = 64
)

// Times that are not Timing's.
const (
	dialTimeout   = 10 * time.Second
	firstRedial   = 200 * time.Millisecond
	lastRedial    = 3 * time.Second
	reconcileTick = time.Second
	appendRetry   = time.Second // an unanswered Append looks again
	lightTimeout  = 10 * time.Second
)

// appVersion stands in every header; it changes with the rules of this package.
const appVersion = 1
