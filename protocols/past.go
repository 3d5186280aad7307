package protocols

import (
	"slices"

	"parley/engine"
)

// What is over stays over: each answer of this file is true of every state that follows the one
// that gives it. So a replica that lost its ledger, or has an older one, may ask at any time; what
// it has not seen yet is not over.

// EpochOver reports whether the state has seen an epoch's end: it was aborted, or superseded and no
// query under it is open. ref is its id or its digest. Of one that the state does not know the
// number tells, from 1, that it was opened and forgotten; 0 is not known, and not over.
func (s *State) EpochOver(ref engine.Digest, number uint64) bool {
	e := s.epoch(ref)
	if e == nil {
		// Those that are kept are known: another one under this number is no sign of an end.
		return number > 0 && number < s.opened && !slices.ContainsFunc(s.epochs, func(e *EpochState) bool { return e.Number == number })
	}
	if e.Phase != EpochFormed {
		return e.Phase == EpochAborted
	}
	return e.ID != s.present && !slices.ContainsFunc(s.open, func(id engine.Digest) bool { return s.queries[id].Epoch == e })
}

// QueryOver reports whether the state has seen a query's end: its own, kept or forgotten, or that
// of the epoch under which it was asked (EpochOver). A screening whose answer's counts are rounded, or that joins tables by persons, is
// not over before that is: its contributors make the answer of what they opened, or of the persons whom they counted. (Should that be forgotten first, it is not over until it is forgotten itself.)
func (s *State) QueryOver(id, epoch engine.Digest, number uint64) bool {
	if q := s.queries[id]; q != nil {
		return q.Phase.Ended() && !s.awaitsAnswer(q)
	}
	if _, forgotten := slices.BinarySearchFunc(s.forgotten, id, engine.Digest.Compare); forgotten {
		return true
	}
	return s.EpochOver(epoch, number)
}

// awaitsAnswer reports whether an answer is made of what contributors keep of an ended screening, or still can be: of its counts if the
// answer's are rounded, of the persons whom it counted if tables are joined by these.
func (s *State) awaitsAnswer(q *QueryState) bool {
	kept := q.Ask.Linked != nil || slices.ContainsFunc(q.ruling.policies, func(p *policyState) bool { return p.document.Disclosure.Base > 0 })
	if !q.Ask.Screening || q.Phase != PhaseDone || !kept {
		return false
	}
	if _, refused := engine.EarlierOf(q.Verdict()); refused { // by the history: no answer is asked for
		return false
	}
	asked := false
	for _, answer := range s.queries {
		if answer.Ask.Screen == q.ID {
			if asked = true; answer.Phase.Ended() {
				return false
			}
		}
	}
	return asked || q.Epoch.ID == s.present
}

// HasLeft reports whether a key was a member's and is no more: it never comes back.
func (s *State) HasLeft(k Key) bool { return s.members.hasRetired(k) }

// epoch is an epoch that is kept, by its id or its digest, or nil.
func (s *State) epoch(ref engine.Digest) *EpochState {
	if e := s.EpochByID(ref); e != nil {
		return e
	}
	return s.epochByDigest(ref)
}
