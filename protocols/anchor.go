package protocols

import (
	"errors"
	"fmt"
	"time"

	"parley/engine"
)

// Anchor shows that a certificate's Done stands on the ledger, and with it, by its transcript,
// every record of the certificate in its place.
type Anchor struct {
	_       struct{} `cbor:",toarray"`
	Block   uint64   // that holds the Done
	Entry   Entry    // the Done
	Receipt []byte   // the ledger's, for the encoded Entry
}

// Anchoring is what a receipt shows.
type Anchoring struct {
	Block uint64
	Time  time.Time // of the block
}

// ReceiptChecker checks, offline, that a transaction (an encoded Entry) stands in a block of a
// network's ledger that more than two thirds of these validators signed. It takes exactly one
// network, set and transaction for a receipt, and does not panic on any bytes.
type ReceiptChecker func(network engine.Digest, validators []Key, tx, receipt []byte) (Anchoring, error)

// anchored reports whether the certificate has an anchor; Verify, whether it is right.
func (c *Certificate) anchored() bool { return len(c.Anchor.Receipt) > 0 }

// check checks the receipt against those that voted on the anchor's block.
func (a *Anchor) check(receipts ReceiptChecker, network engine.Digest, validators []Key) (Anchoring, error) {
	if len(a.Receipt) == 0 || len(a.Receipt) > MaxReceiptBytes {
		return Anchoring{}, fmt.Errorf("receipt of %d bytes, allowed 1 to %d", len(a.Receipt), MaxReceiptBytes)
	}
	at, err := receipts(network, validators, a.Entry.Marshal(), a.Receipt)
	if err != nil {
		return Anchoring{}, fmt.Errorf("receipt: %w", err)
	}
	if at.Block != a.Block {
		return Anchoring{}, fmt.Errorf("receipt: it is of block %d, the anchor names %d", at.Block, a.Block)
	}
	return at, nil
}

// checkAnchor has the referee take the Done after the certificate's last record, and checks its
// receipt: the transcript in it is the one that these records give.
func (c *Certificate) checkAnchor(receipts ReceiptChecker, st *State, q *QueryState) (Anchoring, error) {
	last := c.Records[len(c.Records)-1]
	if c.Anchor.Block < last.Block {
		return Anchoring{}, errors.New("anchor: its block is before the last record's")
	}
	if c.Anchor.Entry.Kind != KindDone {
		return Anchoring{}, fmt.Errorf("anchor: it is a %s entry, not a done", c.Anchor.Entry.Kind)
	}
	if err := st.Apply(Place{Block: c.Anchor.Block, Time: last.Time}, c.Anchor.Entry); err != nil {
		return Anchoring{}, fmt.Errorf("anchor: %w", err)
	}
	if q.Phase != PhaseDone || q.Certificate != c.Digest() {
		return Anchoring{}, errors.New("anchor: this is not, byte for byte, the certificate that the analyst named on the ledger")
	}
	return c.Anchor.check(receipts, st.ID(), st.ValidatorsAt(c.Anchor.Block))
}
