package protocols

import (
	"encoding/binary"
	"slices"

	"parley/engine"
)

// EpochPhase is where an epoch stands on the ledger.
type EpochPhase uint8

// The phases of an epoch.
const (
	EpochCommitting EpochPhase = iota + 1 // waiting for all KeyCommit entries
	EpochAttesting                        // waiting for all KeyAttest entries
	EpochFormed
	EpochAborted
)

// EpochState is an epoch as the ledger tells it. Read only.
type EpochState struct {
	ID      engine.Digest
	Number  uint64
	Members []Member // ascending by name
	Beacon  engine.Digest
	Phase   EpochPhase
	Commits []engine.Digest // key share blobs, by member; zero until committed
	Digest  engine.Digest   // from EpochAttesting on
	Abort   *EpochAbort     // when EpochAborted by an entry
	Aborter Key
	Fault   *Fault // when EpochAborted by what the ledger itself shows
	// Exhausted says that a member refused a query because the epoch's ciphertexts are used up.
	Exhausted bool
	// Transcript runs over the membership up to the opening, and over the formation.
	Transcript engine.Digest

	records           []Record // opening, commitments, attestations
	base              engine.Digest
	commits, attested []uint64 // numbers of the records, by member; 0 is not yet
	ending            *Record  // of Abort
	verdicts          verdicts
}

// newEpochState is an epoch with its opening.
func newEpochState(r *Record, b *EpochOpen, members []Member, membership engine.Digest) *EpochState {
	n := len(members)
	e := &EpochState{ID: b.ID, Number: b.Number, Members: members, Beacon: b.Beacon, Phase: EpochCommitting,
		Commits: make([]engine.Digest, n), base: membership, Transcript: epochTranscript(membership),
		commits: make([]uint64, n), attested: make([]uint64, n)}
	e.note(r)
	return e
}

// note adds a record to the epoch's formation.
func (e *EpochState) note(r *Record) {
	e.records = append(e.records, *r)
	e.Transcript = extend(e.Transcript, r)
}

func (e *EpochState) clone() *EpochState {
	c := *e
	c.Commits, c.commits, c.attested = slices.Clone(e.Commits), slices.Clone(e.commits), slices.Clone(e.attested)
	c.records, c.verdicts = share(e.records), e.verdicts.clone()
	return &c
}

// IsMember reports whether a key is a member's.
func (e *EpochState) IsMember(k Key) bool { return e.member(k) >= 0 }

// member is the index of a member, or -1.
func (e *EpochState) member(k Key) int {
	return slices.IndexFunc(e.Members, func(m Member) bool { return m.Key == k })
}

// Missing are the names of those whose entry the formation waits for, ascending.
func (e *EpochState) Missing() []string {
	var names []string
	for i, m := range e.Members {
		if e.Phase == EpochCommitting && e.commits[i] == 0 || e.Phase == EpochAttesting && e.attested[i] == 0 {
			names = append(names, m.Name)
		}
	}
	return names
}

// epochID names an epoch. Nothing in it is anybody's choice but the number.
func epochID(network, beacon engine.Digest, number uint64) engine.Digest {
	return engine.Hash("parley epoch id 1", network[:], beacon[:], binary.BigEndian.AppendUint64(nil, number))
}

// epochSeed is what the epoch's common reference string is expanded from.
func epochSeed(network, id, beacon engine.Digest) []byte {
	return keySeed("parley epoch", network[:], id[:], beacon[:])
}

// keySeed is the seed of a public random element: a tag and what it belongs to.
func keySeed(tag string, parts ...[]byte) []byte {
	seed := []byte(tag)
	for _, part := range parts {
		seed = binary.BigEndian.AppendUint32(seed, uint32(len(part)))
		seed = append(seed, part...)
	}
	return seed
}

// epochDigest names a formed epoch with everything that its collective key follows from:
// network (and with it the parameters), id, the seed of the common reference string, the
// members and all key share blobs.
func epochDigest(network engine.Digest, e *EpochState) engine.Digest {
	members := make([]Key, len(e.Members))
	for i, m := range e.Members {
		members[i] = m.Key
	}
	return engine.Hash("parley epoch 1", network[:], e.ID[:], epochSeed(network, e.ID, e.Beacon),
		engine.Marshal(members), engine.Marshal(e.Commits))
}
