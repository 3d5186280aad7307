package protocols

import (
	"fmt"

	"parley/engine"
)

// Place is where the ledger has put an entry.
type Place struct {
	Block uint64 // its height
	Time  int64  // of the block's header, in milliseconds since 1970 (UTC)
}

// Record is one ordered entry in its place.
type Record struct {
	_      struct{} `cbor:",toarray"`
	Number uint64   // counts the ordered entries of the ledger, from 1
	Block  uint64
	Time   int64 // as in Place
	Entry  Entry
}

// Marshal returns the canonical encoding.
func (r *Record) Marshal() []byte { return engine.Marshal(r) }

// Digest identifies the entry and its place.
func (r *Record) Digest() engine.Digest { return engine.Hash("parley record 2", r.Marshal()) }

// ParseRecord decodes a record and checks its shape, not its signature.
func ParseRecord(b []byte) (Record, error) {
	var r Record
	if len(b) > MaxRecordBytes {
		return Record{}, fmt.Errorf("record of %d bytes, limit %d", len(b), MaxRecordBytes)
	}
	if err := engine.Unmarshal(b, &r); err != nil {
		return Record{}, fmt.Errorf("record: %w", err)
	}
	if r.Number == 0 {
		return Record{}, fmt.Errorf("record without a number")
	}
	return r, r.Entry.checkShape()
}

// A transcript is a running hash over records (README section 6.1). The membership's runs over
// Joins and the votes that took effect, an epoch's starts from that and runs over its formation,
// a query's starts from both, its analyst's vouch, the registrations in use and what it is asked under, and runs over what happens to it.

func firstTranscript(network engine.Digest) engine.Digest {
	return engine.Hash("parley transcript membership 2", network[:])
}

func epochTranscript(membership engine.Digest) engine.Digest {
	return engine.Hash("parley transcript epoch 2", membership[:])
}

func queryTranscript(epoch, membership engine.Digest, vouch *person, tables []*tableState, under *ruling, screen *QueryState) engine.Digest {
	parts := [][]byte{epoch[:], membership[:], vouch.sum[:]}
	for _, t := range tables {
		parts = append(parts, t.sum[:])
	}
	for _, d := range under.decisions() {
		parts = append(parts, d.sum[:])
	}
	if screen != nil {
		parts = append(parts, screen.Transcript[:])
	}
	return engine.Hash("parley transcript query 2", parts...)
}

// extend runs a transcript over one more record.
func extend(transcript engine.Digest, r *Record) engine.Digest {
	digest := r.Digest()
	return engine.Hash("parley transcript 2", transcript[:], digest[:])
}

// share is a slice that two states hold, of which neither changes what is in it: both may
// append.
func share[T any](s []T) []T { return s[:len(s):len(s)] }
