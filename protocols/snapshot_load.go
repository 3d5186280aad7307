package protocols

import (
	"errors"
	"fmt"
	"slices"

	"parley/engine"
)

// errSnapshot is of a state that no entries lead to.
var errSnapshot = errors.New("an epoch or a query is in no state that its records lead to")

// loadEpoch rebuilds an epoch from its records.
func (s *State) loadEpoch(w *epochWire) (*EpochState, error) {
	if len(w.Records) == 0 || len(w.Members) == 0 || len(w.Members) > MaxDepartments {
		return nil, errSnapshot
	}
	body, err := w.Records[0].Entry.Open()
	if err != nil {
		return nil, err
	}
	opening, ok := body.(*EpochOpen)
	if !ok || !slices.Equal(opening.Members, memberKeys(w.Members)) || !slices.IsSortedFunc(w.Members, compareMembers) ||
		opening.ID != epochID(s.id, opening.Beacon, opening.Number) {
		return nil, errSnapshot
	}
	e := newEpochState(&w.Records[0], opening, w.Members, w.Base)
	for i := 1; i < len(w.Records); i++ {
		if err := s.reform(e, &w.Records[i]); err != nil {
			return nil, err
		}
	}
	if e.Transcript != w.Transcript || w.Phase != e.Phase && w.Phase != EpochAborted {
		return nil, errSnapshot
	}
	e.Phase, e.Fault, e.Exhausted, e.ending = w.Phase, w.Fault, w.Exhausted, w.Ending
	if w.Ending == nil {
		if e.Phase == EpochAborted && e.Fault == nil {
			return nil, errSnapshot
		}
		return e, e.verdicts.load(&w.Verdicts)
	}
	body, err = w.Ending.Entry.Open()
	if err != nil {
		return nil, err
	}
	abort, ok := body.(*EpochAbort)
	if !ok || e.Phase != EpochAborted || e.member(abort.Culprit) < 0 {
		return nil, errSnapshot
	}
	e.Abort, e.Aborter = abort, w.Ending.Entry.Author
	return e, e.verdicts.load(&w.Verdicts)
}

// reform repeats a record of a formation.
func (s *State) reform(e *EpochState, r *Record) error {
	body, err := r.Entry.Open()
	if err != nil {
		return err
	}
	i := e.member(r.Entry.Author)
	switch b := body.(type) {
	case *KeyCommit:
		if i >= 0 && e.Phase == EpochCommitting && e.commits[i] == 0 && b.Epoch == e.ID && r.Number > 0 {
			e.commit(s.id, r, b, i)
			return nil
		}
	case *KeyAttest:
		if i >= 0 && e.Phase == EpochAttesting && e.attested[i] == 0 && b.Epoch == e.ID && b.Digest == e.Digest && r.Number > 0 {
			e.attest(r, i)
			return nil
		}
	}
	return errSnapshot
}

// load rebuilds the words about an accused blob.
func (v *verdicts) load(w *verdictsWire) error {
	for i := range w.Judgments {
		body, err := w.Judgments[i].Entry.Open()
		if err != nil {
			return err
		}
		b, ok := body.(*Judge)
		if !ok {
			return errSnapshot
		}
		if author := w.Judgments[i].Entry.Author; b.Guilty {
			v.Guilty = append(v.Guilty, author)
		} else {
			v.Innocent = append(v.Innocent, author)
		}
	}
	v.Judgments, v.Decided = w.Judgments, w.Decided
	return nil
}

// loadQuery rebuilds a query from its records.
func (s *State) loadQuery(w *queryWire, epochs map[engine.Digest]*EpochState, tables map[uint64]*tableState, vouches map[uint64]*person, of *ruled) (*QueryState, error) {
	ep := epochs[w.Epoch]
	if len(w.Records) == 0 || ep == nil || ep.Digest == (engine.Digest{}) {
		return nil, errSnapshot
	}
	body, err := w.Records[0].Entry.Open()
	if err != nil {
		return nil, err
	}
	ask, ok := body.(*Ask)
	if !ok || ask.Epoch != ep.Digest || len(w.Tables) != len(ask.Registrations) || w.Records[0].Number == 0 {
		return nil, errSnapshot
	}
	vouch := vouches[w.Vouch]
	if vouch == nil || vouch.body.Person != w.Records[0].Entry.Author || !vouch.body.covers(seconds(&w.Records[0])) ||
		!slices.Contains(vouch.body.Roles, PersonAnalyst) {
		return nil, errSnapshot
	}
	var used []*tableState
	for i, number := range w.Tables {
		t := tables[number]
		if t == nil || t.digest != ask.Registrations[i] || ask.Linked == nil && t.registration.Department != ask.Departments[i%len(ask.Departments)] {
			return nil, errSnapshot
		}
		used = append(used, t)
	}
	if !ask.fits(used) || ask.Linked != nil && s.sizes.Slots > 0 && int64(ask.Ciphertexts) != ask.Linked.shares(s.sizes.Slots) {
		return nil, errSnapshot
	}
	q := newQueryState(QueryID(s.id, w.Records[0].Entry.Author, ask), &w.Records[0], ask, ep, used)
	if q == nil {
		return nil, errSnapshot
	}
	if q.ruling, err = of.ruling(w, used, ask); err != nil {
		return nil, err
	}
	var refused *Refusal
	if q.screen, refused = s.screenOf(&w.Records[0], ask, &q.ruling); refused != nil {
		return nil, errSnapshot
	}
	q.vouch, q.asker, q.records = vouch, vouch.asker(s), w.Records
	q.sum = extend(q.sum, &w.Records[0])
	for i := 1; i < len(w.Records); i++ {
		if err := q.repeat(&w.Records[i]); err != nil {
			return nil, err
		}
	}
	q.Transcript, q.complaints, q.expirers, q.Missing = w.Transcript, w.Complaints, w.Expirers, w.Missing
	q.Phase, q.Reached, q.Fault, q.Done, q.ending = w.Phase, w.Reached, w.Fault, w.Done, w.Ending
	if q.sum != w.Sum || !q.plausible() {
		return nil, errSnapshot
	}
	if err := q.loadEnd(s.sizes); err != nil {
		return nil, fmt.Errorf("query: %w", err)
	}
	return q, q.verdicts.load(&w.Verdicts)
}

// repeat takes a record of a query again.
func (q *QueryState) repeat(r *Record) error {
	body, err := r.Entry.Open()
	if err != nil {
		return err
	}
	if r.Number == 0 || queryOf(body) != q.ID {
		return errSnapshot
	}
	member, blobs, want := q.Epoch.member(r.Entry.Author), 0, 0
	switch b := body.(type) {
	case *Admit:
		if receives := q.receives(r.Entry.Author); (b.Key != engine.Digest{}) != receives || (b.Opening != engine.Digest{}) != receives {
			return errSnapshot
		}
	case *Contribute:
		member, blobs, want = q.giver(r.Entry.Author, q.encrypts), len(b.Blobs), q.ciphertexts(SubjectContribution)
	case *Multiply:
		member, blobs, want = q.giver(r.Entry.Author, q.multiplies), len(b.Blobs), q.ciphertexts(SubjectProduct)
	case *ShareCommit:
		blobs, want = len(b.Blobs), q.ciphertexts(SubjectShare)
	case *Screen:
		member = q.contributor(r.Entry.Author)
		if !q.Ask.Screening || (len(b.Packed) > 0) != q.receives(r.Entry.Author) {
			return errSnapshot
		}
	case *Attest:
		if q.hasAttested(r.Entry.Author) {
			return errSnapshot
		}
		member = 0 // any validator
	default:
		return errSnapshot
	}
	if member < 0 || blobs != want {
		return errSnapshot
	}
	q.sum = extend(q.sum, r)
	q.remember(r, body)
	return nil
}

// plausible reports whether the records are there that the phase needs, and derives what follows.
func (q *QueryState) plausible() bool {
	if q.Reached < PhaseAdmitting || q.Reached > PhaseShared || q.Phase < PhaseAdmitting || q.Phase > PhaseWithdrawn ||
		!q.Phase.Ended() && q.Phase != q.Reached || q.Reached == PhaseMultiplying && q.Ask.Linked == nil {
		return false
	}
	for p := PhaseAdmitting; p < q.Reached; p++ {
		if q.waits(p) {
			return false
		}
	}
	if q.Reached >= PhaseAttesting {
		q.Contributions = contributionsDigest(q.ID, q.Contributed, q.Multiplied)
	}
	return true
}

// loadEnd takes what ended the query.
func (q *QueryState) loadEnd(sizes Sizes) error {
	end := q.ending
	if q.Phase == PhaseDone {
		end = q.Done
	}
	if (q.Done != nil) != (q.Phase == PhaseDone) || (q.Fault != nil) != (q.Phase == PhaseFailed) ||
		(q.ending != nil) != (q.Phase == PhaseRefused || q.Phase == PhaseAccused || q.Phase == PhaseWithdrawn) {
		return errSnapshot
	}
	if end == nil {
		return nil
	}
	body, err := end.Entry.Open()
	if err != nil {
		return err
	}
	if queryOf(body) != q.ID {
		return errSnapshot
	}
	switch b := body.(type) {
	case *Done:
		q.Certificate = b.Certificate
		if q.Phase == PhaseDone && q.Reached == PhaseShared && !q.Ask.Screening {
			return nil
		}
	case *Screen:
		if q.Phase == PhaseDone && q.Reached == PhaseShared && q.agreed() {
			return nil
		}
	case *Refuse:
		q.Refuser, q.Refusal = end.Entry.Author, b
		if q.Phase == PhaseRefused && !q.Released() {
			return nil
		}
	case *Withdraw:
		if q.Phase == PhaseWithdrawn && q.Reached < PhaseSharing && end.Entry.Author == q.Author {
			return nil
		}
	case *Accuse:
		q.Accuser, q.Accusation = end.Entry.Author, b
		blob, _, ok := q.committed(b.Subject, b.Department, b.Index, sizes)
		if ok && blob == b.Blob && q.Phase == PhaseAccused {
			return nil
		}
	}
	return errSnapshot
}
