package protocols

import (
	"encoding/binary"
	"slices"

	"parley/engine"
)

// EpochPhase is where an epoch stands on the log.
type EpochPhase uint8

// The phases of an epoch.
const (
	EpochCommitting EpochPhase = iota + 1 // waiting for all KeyCommit entries
	EpochAttesting                        // waiting for all KeyAttest entries
	EpochFormed
	EpochAborted
)

// EpochState is an epoch as the log tells it. Read only.
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
	Fault   *Fault // when EpochAborted by what the log itself shows
	// Exhausted says that a member refused a query because the epoch's ciphertexts are used up.
	Exhausted bool

	opened            uint64 // heights
	commits, attested []uint64
}

// member is the index of a member, or -1.
func (e *EpochState) member(k Key) int {
	return slices.IndexFunc(e.Members, func(m Member) bool { return m.Key == k })
}

// EpochID names an epoch. Nothing in it is anybody's choice but the number.
func EpochID(network, beacon engine.Digest, number uint64) engine.Digest {
	return engine.Hash("parley epoch id 1", network[:], beacon[:], binary.BigEndian.AppendUint64(nil, number))
}

// epochSeed is what the epoch's common reference string is expanded from.
func epochSeed(network, id, beacon engine.Digest) []byte {
	return keySeed("parley epoch", network[:], id[:], beacon[:])
}

// EpochDigest names a formed epoch with everything that its collective key follows from:
// network (and with it the parameters), id, the seed of the common reference string, the
// members and all key share blobs.
func EpochDigest(network engine.Digest, e *EpochState) engine.Digest {
	members := make([]Key, len(e.Members))
	for i, m := range e.Members {
		members[i] = m.Key
	}
	return engine.Hash("parley epoch 1", network[:], e.ID[:], epochSeed(network, e.ID, e.Beacon),
		engine.Marshal(members), engine.Marshal(e.Commits))
}

// beacon is fixed once all have joined.
func (s *State) beacon() engine.Digest {
	digests := make([]engine.Digest, len(s.joined))
	for i, m := range s.joined {
		digests[i] = s.joins[m.Key].digest
	}
	return engine.Hash("parley beacon 1", s.id[:], engine.Marshal(digests))
}

// NextEpoch is the body of the entry with which the keeper opens the next epoch, or nil while
// a department has not joined or a formation is running.
func (s *State) NextEpoch() *EpochOpen {
	if len(s.joined) != len(s.network.Departments) || s.Forming() != nil {
		return nil
	}
	b := &EpochOpen{Number: 1, Beacon: s.beacon()}
	if len(s.epochs) > 0 {
		b.Number = s.epochs[len(s.epochs)-1].Number + 1
	}
	for _, m := range s.joined {
		b.Members = append(b.Members, m.Key)
	}
	b.ID = EpochID(s.id, b.Beacon, b.Number)
	return b
}

// NeedsEpoch tells that the keeper should open an epoch: there is none to ask under.
func (s *State) NeedsEpoch() bool {
	e := s.Epoch()
	return (e == nil || e.Exhausted) && s.NextEpoch() != nil
}

// Forming is the epoch that is being formed, or nil.
func (s *State) Forming() *EpochState {
	if len(s.epochs) == 0 {
		return nil
	}
	if e := s.epochs[len(s.epochs)-1]; e.Phase < EpochFormed {
		return e
	}
	return nil
}

// Epoch is the last epoch that was formed, unless it was aborted since: the one to ask under.
// Or nil. An epoch before it never comes back: its secrets may be erased.
func (s *State) Epoch() *EpochState {
	for _, e := range slices.Backward(s.epochs) {
		switch {
		case e.Phase == EpochFormed:
			return e
		case !slices.Contains(e.attested, 0):
			return nil
		}
	}
	return nil
}

// EpochByID is any epoch, or nil.
func (s *State) EpochByID(id engine.Digest) *EpochState {
	for _, e := range slices.Backward(s.epochs) {
		if e.ID == id {
			return e
		}
	}
	return nil
}

// EpochByDigest is any epoch that all committed to, or nil.
func (s *State) EpochByDigest(digest engine.Digest) *EpochState {
	for _, e := range slices.Backward(s.epochs) {
		if e.Phase >= EpochAttesting && e.Digest == digest {
			return e
		}
	}
	return nil
}

func (s *State) openEpoch(height uint64, e *Entry, b *EpochOpen) *Refusal {
	if e.Author != s.network.Keeper {
		return refuse("not-keeper", "only the log's keeper opens an epoch")
	}
	next := s.NextEpoch()
	switch {
	case next == nil:
		return refuse("too-early", "a department has not joined, or a formation is running")
	case b.Number < next.Number:
		return refuse("duplicate", "epoch %d was opened before", b.Number)
	case b.Beacon != next.Beacon || b.ID != EpochID(s.id, next.Beacon, b.Number) || !slices.Equal(b.Members, next.Members):
		return refuse("wrong-epoch", "the epoch's id, beacon or members do not follow from the log")
	}
	n := len(s.joined)
	s.epochs = append(s.epochs, &EpochState{ID: b.ID, Number: b.Number, Members: slices.Clone(s.joined), Beacon: b.Beacon,
		Phase: EpochCommitting, Commits: make([]engine.Digest, n), opened: height,
		commits: make([]uint64, n), attested: make([]uint64, n)})
	return nil
}

func (s *State) commitKey(height uint64, e *Entry, b *KeyCommit) *Refusal {
	ep, i, r := s.epochMember(e, b.Epoch)
	if r != nil {
		return r
	}
	if ep.commits[i] != 0 {
		if ep.Commits[i] == b.Blob {
			return refuse("duplicate", "the key share is committed to")
		}
		return s.failEpoch(ep, s.fault(e.Author, FaultSecond, "a second key share", e.Digest()))
	}
	if ep.Phase != EpochCommitting {
		return refuse("too-late", "the formation does not wait for key shares")
	}
	ep.Commits[i], ep.commits[i] = b.Blob, height
	if !slices.Contains(ep.commits, 0) {
		ep.Phase = EpochAttesting
		ep.Digest = EpochDigest(s.id, ep)
	}
	return nil
}

func (s *State) attestKey(height uint64, e *Entry, b *KeyAttest) *Refusal {
	ep, i, r := s.epochMember(e, b.Epoch)
	if r != nil {
		return r
	}
	switch {
	case ep.attested[i] != 0 && b.Digest == ep.Digest:
		return refuse("duplicate", "the key shares are attested")
	case ep.Phase != EpochAttesting:
		return refuse("too-early", "the formation does not wait for attestations")
	case b.Digest != ep.Digest:
		return s.failEpoch(ep, s.fault(e.Author, FaultWrongDigest, "attests another epoch than the log's", e.Digest()))
	}
	ep.attested[i] = height
	if !slices.Contains(ep.attested, 0) {
		ep.Phase = EpochFormed
	}
	return nil
}

func (s *State) abortEpoch(e *Entry, b *EpochAbort) *Refusal {
	ep, _, r := s.epochMember(e, b.Epoch)
	if r != nil {
		return r
	}
	accused := ep.member(b.Culprit)
	switch {
	case ep.Phase == EpochAborted:
		return refuse("duplicate", "the epoch is aborted")
	case accused < 0:
		return refuse("stranger", "the accused is not a member of the epoch")
	case b.Culprit == e.Author: // who lost its secret or its journal leaves
		return s.endEpoch(ep, b, e.Author)
	case ep.Phase != EpochAttesting:
		return refuse("too-late", "only a formation whose key shares are committed to can be aborted by others")
	case b.Blob != ep.Commits[accused]:
		return s.failEpoch(ep, s.fault(e.Author, FaultFalseAccusation, "accuses over another key share than the log's", e.Digest()))
	case len(b.Served) > 0:
		if f := s.judgeServed(b.Served, b.Culprit, b.Blob, b.Fault, s.sizes.KeyShare); f != nil {
			ep.Phase, ep.Fault = EpochAborted, f
			return nil
		}
		return s.failEpoch(ep, s.fault(e.Author, FaultFalseAccusation, "the evidence shows nothing", e.Digest()))
	}
	return s.endEpoch(ep, b, e.Author)
}

func (s *State) endEpoch(ep *EpochState, b *EpochAbort, author Key) *Refusal {
	ep.Phase, ep.Abort, ep.Aborter = EpochAborted, b, author
	for _, id := range slices.Clone(s.open) {
		if q := s.queries[id]; q.Ask.Epoch == ep.Digest {
			s.fail(q, s.fault(b.Culprit, FaultUnavailable, "left the epoch: "+b.Sentence, engine.Digest{}))
		}
	}
	return nil
}

// failEpoch ends a formation in which somebody signed what no honest member signs.
func (s *State) failEpoch(ep *EpochState, f *Fault) *Refusal {
	if ep.Phase < EpochFormed {
		ep.Phase, ep.Fault = EpochAborted, f
	}
	return &Refusal{Code: string(f.Kind), Sentence: f.Error(), Fault: f}
}

func (s *State) epochMember(e *Entry, id engine.Digest) (*EpochState, int, *Refusal) {
	ep := s.EpochByID(id)
	if ep == nil {
		return nil, 0, refuse("unknown-epoch", "no epoch %s was opened", id)
	}
	i := ep.member(e.Author)
	if i < 0 {
		return nil, 0, refuse("stranger", "the author is not a member of the epoch")
	}
	return ep, i, nil
}

// judgeServed checks evidence that a server signed a lie about a blob of the given size: it
// returns the server's fault, or nil if the evidence shows nothing.
func (s *State) judgeServed(evidence []byte, server Key, blob engine.Digest, kind FaultKind, size int) *Fault {
	served, err := ParseServed(evidence)
	if err != nil || served.Server != server || served.Requested != blob || served.Verify(s.id) != nil || served.Fault(size) != kind {
		return nil
	}
	return s.fault(server, kind, "its own signature shows it", blob)
}
