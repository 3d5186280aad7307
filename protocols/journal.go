package protocols

import (
	"fmt"

	"parley/engine"
)

// JournalKind tells what a journal record stores.
type JournalKind uint8

// The journal records (README section 5).
const (
	JournalKeyShare   JournalKind = iota + 1 // own epoch secret, key share blob and KeyCommit entry
	JournalAnalystKey                        // analyst: secret, blob and Ask entry
	JournalContribute                        // all contribution blobs of a query and the Contribute entry
	JournalShare                             // all share blobs of a query and the Share entry
	JournalEntry                             // any other entry
	JournalVector                            // a ciphertext of a vector; Query is the vector's digest
	JournalProduct                           // a product, and as its secret what others of its author go by
	lastJournalKind   = JournalProduct
)

// JournalRecord is what must survive a crash, stored before anything that follows from it
// leaves. It holds secrets: mode 0600, never in a backup (a restored node leaves the epoch),
// never in a log.
type JournalRecord struct {
	_     struct{} `cbor:",toarray"`
	Kind  JournalKind
	Epoch engine.Digest // id for JournalKeyShare and formation entries, else digest
	// Number is the epoch's: it tells, when the ledger has gone on so far that no state knows the
	// epoch any more, that it has ended (State.EpochOver).
	Number uint64
	Query  engine.Digest
	// Contributions are, of a share, the contributions that it opens (their digest: README section 1).
	Contributions engine.Digest
	Ciphertexts   uint32 // of an Admit: what it counts against the epoch's limit
	Index         uint32 // of a ciphertext of a vector or of a product, which it is
	Secret        []byte
	Blobs         [][]byte
	Entry         []byte // Entry.Marshal
}

// Marshal returns the canonical encoding.
func (r *JournalRecord) Marshal() []byte { return engine.Marshal(r) }

// String names the record without its secret.
func (r JournalRecord) String() string {
	return fmt.Sprintf("journal record %d of epoch %s query %s", r.Kind, r.Epoch, r.Query)
}

// GoString is String.
func (r JournalRecord) GoString() string { return r.String() }

// ParseJournalRecord decodes a record.
func ParseJournalRecord(b []byte) (JournalRecord, error) {
	var r JournalRecord
	if len(b) > MaxJournalRecord {
		return JournalRecord{}, fmt.Errorf("journal record of %d bytes, limit %d", len(b), MaxJournalRecord)
	}
	if err := engine.Unmarshal(b, &r); err != nil {
		return JournalRecord{}, fmt.Errorf("journal record: %w", err)
	}
	if r.Kind == 0 || r.Kind > lastJournalKind {
		return JournalRecord{}, fmt.Errorf("journal record of unknown kind %d", r.Kind)
	}
	return r, nil
}
