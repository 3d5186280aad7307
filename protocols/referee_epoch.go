package protocols

import (
	"slices"

	"parley/engine"
)

// beacon is fixed by who has joined.
func (s *State) beacon(joined []Member) engine.Digest {
	digests := make([]engine.Digest, len(joined))
	for i, m := range joined {
		digests[i] = s.members.seat(m.Key).join
	}
	return engine.Hash("parley beacon 1", s.id[:], engine.Marshal(digests))
}

// NextEpoch is the body of the entry that opens the epoch that is needed, or nil. One is needed
// when there is none to ask under, when that one is used up, or when its members are not the
// departments that have joined. The first waits for all departments to join.
func (s *State) NextEpoch() *EpochOpen {
	joined := s.members.joined(RoleDepartment)
	present := s.Epoch()
	switch {
	case len(joined) == 0 || s.Forming() != nil:
		return nil
	case present != nil && s.takesQuestions(present) && slices.Equal(memberKeys(present.Members), memberKeys(joined)):
		return nil
	case s.opened == 0 && slices.ContainsFunc(s.members.seats, func(m seat) bool { return m.role == RoleDepartment && m.name == "" }):
		return nil
	}
	b := &EpochOpen{Number: s.opened + 1, Beacon: s.beacon(joined), Members: memberKeys(joined)}
	b.ID = epochID(s.id, b.Beacon, b.Number)
	return b
}

// NeedsEpoch tells that a department should open an epoch.
func (s *State) NeedsEpoch() bool { return s.NextEpoch() != nil }

// takesQuestions reports whether the present epoch is not used up.
func (s *State) takesQuestions(e *EpochState) bool {
	asked := len(s.forgotten)
	for _, q := range s.queries {
		if q.Epoch == e {
			asked++
		}
	}
	return !e.Exhausted && asked < MaxAsked
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

// Epoch is the last epoch that was formed, unless it has ended since: the one to ask under. Or
// nil. An epoch before it never comes back: its secrets may be erased.
func (s *State) Epoch() *EpochState {
	if s.present == (engine.Digest{}) {
		return nil
	}
	return s.EpochByID(s.present)
}

// EpochByID is an epoch that is kept, or nil.
func (s *State) EpochByID(id engine.Digest) *EpochState {
	for _, e := range slices.Backward(s.epochs) {
		if e.ID == id {
			return e
		}
	}
	return nil
}

// epochByDigest is an epoch that all committed to and that is kept, or nil.
func (s *State) epochByDigest(digest engine.Digest) *EpochState {
	for _, e := range slices.Backward(s.epochs) {
		if e.Digest != (engine.Digest{}) && e.Digest == digest {
			return e
		}
	}
	return nil
}

func (s *State) openEpoch(r *Record, b *EpochOpen) *Refusal {
	seat := s.members.seat(r.Entry.Author)
	next := s.NextEpoch()
	switch {
	case seat.role != RoleDepartment || seat.name == "":
		return refuse("stranger", "the author is not a department that has joined")
	case b.Number <= s.opened:
		return refuse("duplicate", "epoch %d was opened before", b.Number)
	case next == nil:
		return refuse("too-early", "a department has not joined, a formation is running, or no epoch is needed")
	case b.Number != next.Number || b.Beacon != next.Beacon || b.ID != next.ID || !slices.Equal(b.Members, next.Members):
		return refuse("wrong-epoch", "the epoch's number, id, beacon or members do not follow from the ledger")
	}
	s.opened = b.Number
	s.epochs = append(slices.Clip(s.epochs), newEpochState(r, b, s.members.joined(RoleDepartment), s.members.transcript))
	return nil
}

func (s *State) commitKey(r *Record, b *KeyCommit) *Refusal {
	ep, i, refusal := s.epochMember(r, b.Epoch)
	if refusal != nil {
		return refusal
	}
	if ep.commits[i] != 0 {
		if ep.Commits[i] == b.Blob {
			return refuse("duplicate", "the key share is committed to")
		}
		return s.failEpoch(ep, r, FaultSecond, "commits to a second key share", ep.recordsOf(KindKeyCommit, r.Entry.Author)...)
	}
	if ep.Phase != EpochCommitting {
		return refuse("too-late", "the formation does not wait for key shares")
	}
	ep.commit(s.id, r, b, i)
	return nil
}

// commit notes a member's commitment; with the last one the epoch has its digest.
func (e *EpochState) commit(network engine.Digest, r *Record, b *KeyCommit, member int) {
	e.note(r)
	e.Commits[member], e.commits[member] = b.Blob, r.Number
	if !slices.Contains(e.commits, 0) {
		e.Phase = EpochAttesting
		e.Digest = epochDigest(network, e)
	}
}

func (s *State) attestKey(r *Record, b *KeyAttest) *Refusal {
	ep, i, refusal := s.epochMember(r, b.Epoch)
	if refusal != nil {
		return refusal
	}
	switch {
	case ep.attested[i] != 0 && b.Digest == ep.Digest:
		return refuse("duplicate", "the key shares are attested")
	case ep.Phase == EpochAborted:
		return refuse("ended", "the formation was aborted")
	case ep.Phase != EpochAttesting:
		return refuse("too-early", "the formation does not wait for attestations")
	case b.Digest != ep.Digest:
		return s.failEpoch(ep, r, FaultWrongDigest, "attests another epoch than the ledger's", ep.recordsOf(KindKeyCommit)...)
	}
	ep.attest(r, i)
	if ep.Phase == EpochFormed {
		s.present, s.forgotten = ep.ID, nil
	}
	return nil
}

// attest notes a member's attestation; with the last one the epoch is formed.
func (e *EpochState) attest(r *Record, member int) {
	e.note(r)
	e.attested[member] = r.Number
	if !slices.Contains(e.attested, 0) {
		e.Phase = EpochFormed
	}
}

// recordsOf are the formation's records of a kind, of these authors or of all.
func (e *EpochState) recordsOf(kind EntryKind, authors ...Key) []Record {
	return recordsOf(e.records, kind, authors)
}

func recordsOf(records []Record, kind EntryKind, authors []Key) []Record {
	var out []Record
	for _, r := range records {
		if r.Entry.Kind == kind && (len(authors) == 0 || slices.Contains(authors, r.Entry.Author)) {
			out = append(out, r)
		}
	}
	return out
}

func (s *State) abortEpoch(r *Record, b *EpochAbort) *Refusal {
	ep, _, refusal := s.epochMember(r, b.Epoch)
	if refusal != nil {
		return refusal
	}
	accused := ep.member(b.Culprit)
	switch {
	case ep.Phase == EpochAborted:
		return refuse("duplicate", "the epoch is aborted")
	case accused < 0:
		return refuse("stranger", "the accused is not a member of the epoch")
	case b.Culprit == r.Entry.Author: // who lost its secret or its journal leaves
		return s.endEpoch(ep, r, b)
	case ep.Phase != EpochAttesting:
		return refuse("too-late", "only a formation whose key shares are committed to can be aborted by others")
	case b.Blob != ep.Commits[accused]:
		return s.failEpoch(ep, r, FaultFalseAccusation, "accuses over another key share than the ledger's",
			ep.recordsOf(KindKeyCommit, b.Culprit)...)
	case len(b.Served) > 0:
		f := s.judgeServed(b.Served, b.Culprit, b.Blob, b.Fault, s.sizes.KeyShare)
		if f == nil {
			return s.failEpoch(ep, r, FaultFalseAccusation, "accuses with evidence that shows nothing")
		}
		s.closeEpoch(ep, f)
		s.convict(r, f, trialOf{epoch: ep.ID}, *r)
		return nil
	}
	return s.endEpoch(ep, r, b)
}

// endEpoch aborts an epoch on a member's word.
func (s *State) endEpoch(ep *EpochState, r *Record, b *EpochAbort) *Refusal {
	ep.Abort, ep.Aborter, ep.ending = b, r.Entry.Author, r
	s.closeEpoch(ep, s.fault(b.Culprit, FaultUnavailable, "left the epoch", engine.Digest{}))
	ep.Fault = nil // the word is not decided
	return nil
}

// closeEpoch aborts an epoch, formed or not, and ends its open queries.
func (s *State) closeEpoch(ep *EpochState, f *Fault) {
	ep.Phase, ep.Fault = EpochAborted, f
	if s.present == ep.ID {
		s.present, s.forgotten = engine.Digest{}, nil
	}
	for _, id := range slices.Clone(s.open) {
		if q := s.queries[id]; q.Epoch == ep {
			s.fail(q, f)
		}
	}
}

// failEpoch ends a formation in which the entry's author signed what no honest member signs,
// which r and the records before it show. A formed epoch goes on.
func (s *State) failEpoch(ep *EpochState, r *Record, kind FaultKind, detail string, before ...Record) *Refusal {
	if s.convicted(r.Entry.Author, kind, ep.ID) {
		return refuse("duplicate", "the deviation is known")
	}
	f := s.fault(r.Entry.Author, kind, detail, r.Entry.Digest())
	if ep.Phase < EpochFormed {
		s.closeEpoch(ep, f)
	}
	s.convict(r, f, trialOf{epoch: ep.ID}, append(before, *r)...)
	return &Refusal{Code: string(kind), Sentence: f.Error(), Fault: f}
}

func (s *State) epochMember(r *Record, id engine.Digest) (*EpochState, int, *Refusal) {
	ep := s.EpochByID(id)
	if ep == nil {
		return nil, 0, refuse("unknown-epoch", "no epoch %s was opened", id)
	}
	i := ep.member(r.Entry.Author)
	if i < 0 {
		return nil, 0, refuse("stranger", "the author is not a member of the epoch")
	}
	return ep, i, nil
}
