package protocols

import (
	"cmp"
	"errors"
	"fmt"
	"slices"

	"parley/engine"
	"parley/protocols/mhe"
)

// The codes with which a department's machine refuses a query, besides those of engine.
const (
	CodePlanMismatch       = "plan-mismatch"       // the question's plan is not what its SQL gives
	CodeEpochExhausted     = "epoch-exhausted"     // the epoch's ciphertexts are used up
	CodeAnalystKey         = "analyst-key"         // the analyst's key does not verify
	CodeAnalystUnavailable = "analyst-unavailable" // the analyst does not serve its key
	CodeAggregation        = "aggregation"         // the table could not be aggregated
	CodeInternal           = "internal"            // a proof could not be made
	CodeForked             = "forked-ledger"       // the ledger names other contributions than a share was made for
)

// Query is one department's part in one query (README section 3.3), from its admission to its
// end. Every check that input privacy rests on is made here, before anything leaves: the
// plan, the analyst, the epoch and its limit before Admit; all contributions before a share.
// A share is made once: it is journaled before it is sent, and a journaled one always wins.
type Query struct {
	examiner
	d     *Department
	epoch *Epoch
	id    engine.Digest

	contribution *JournalRecord
	share        *JournalRecord

	keyReady    bool // to which it is re-encrypted
	keyBusy     bool
	aggregating bool
	withheld    bool // in shadow mode: the operator has been told
	making      int  // jobs of contributions or shares that run
	made        [][]byte

	products [][]byte // that this department has committed to
	joins    joins
	gate     gate     // of a screening
	rounding rounding // of an answer that rests on one
}

// NewQuery makes the machine of a query that is on the ledger, from the department's whole
// journal and its formed epoch.
func NewQuery(d *Department, e *Epoch, id engine.Digest, journal []JournalRecord) (*Query, error) {
	if err := d.check(); err != nil {
		return nil, err
	}
	q := &Query{examiner: examiner{desk: newDesk(d.Key, d.Keys, d.Verifying, d.State), serves: true}, d: d, epoch: e, id: id}
	s := q.state()
	switch {
	case s == nil:
		return nil, fmt.Errorf("no query %s was asked", id)
	case e == nil || e.own < 0 || e.Digest != s.Ask.Epoch:
		return nil, errors.New("the query needs the department's own epoch under which it was asked")
	}
	q.gate.given = map[engine.Digest]bool{}
	q.joins = joins{made: map[int][]byte{}, before: map[int][]byte{}}
	q.serves = !q.withholds() // what is verified may be its own
	for i := range journal {
		r := &journal[i]
		if r.Kind == JournalVector || r.Kind == JournalProduct {
			if s.Ask.Linked != nil {
				q.restorePart(r)
			}
			continue
		}
		if r.Query == s.Ask.Screen && r.Query != (engine.Digest{}) {
			if err := q.rounding.restore(r); err != nil {
				return nil, err
			}
		}
		if r.Query != id {
			continue
		}
		if err := q.restore(r); err != nil {
			return nil, err
		}
		if r.Kind == JournalContribute || r.Kind == JournalShare {
			if len(r.Blobs) != int(s.Ask.Ciphertexts) {
				return nil, fmt.Errorf("%w: it holds %d blobs of a query of %d ciphertexts", ErrJournal, len(r.Blobs), s.Ask.Ciphertexts)
			}
		}
		switch r.Kind {
		case JournalContribute:
			q.contribution = r
		case JournalShare:
			q.share = r
		case JournalEntry:
			if e, err := ParseEntry(r.Entry); err == nil && e.Kind == KindAdmit && len(r.Secret) > 0 {
				q.gate.secret = r.Secret
			}
		}
	}
	return q, q.restoreParts()
}

// Step implements Machine.
func (q *Query) Step(e Event) (Ready, error) {
	if q.state() == nil {
		return q.forgotten()
	}
	switch e := e.(type) {
	case Cells:
		return q.step(e, func() error { q.cells(e); return q.advance() }, q.expire)
	case Entries:
		return q.step(e, func() error { q.persons(e); return q.advance() }, q.expire)
	}
	return q.step(e, q.advance, q.expire)
}

func (q *Query) state() *QueryState { return q.referee.Query(q.id) }

// advance does what the query's phase asks of this department.
func (q *Query) advance() error {
	s := q.state()
	if err := q.checkJournal(s); err != nil {
		return err
	}
	if q.shadows(s) {
		q.shadow(s)
		return nil
	}
	q.publishGateKey(s)
	switch s.Phase {
	case PhaseAdmitting:
		q.admit(s)
	case PhaseContributing:
		q.contribute(s)
	case PhaseMultiplying:
		q.multiply(s)
	case PhaseAttesting:
		q.attest(s)
	case PhaseSharing:
		q.shareOut(s)
	case PhaseShared:
		q.serve(s)
		if s.Ask.Screening {
			q.openCounts(s)
		}
	default:
		q.end(s)
	}
	return nil
}

// checkJournal compares the ledger with the journal. What this department signed and no longer
// remembers was made with a journal that is gone.
func (q *Query) checkJournal(s *QueryState) error {
	member, contributor := s.Epoch.member(q.self), s.contributor(q.self)
	missing := s.admitted[member] != 0 && !q.has(KindAdmit) ||
		s.attested[member] != 0 && !q.has(KindAttest) ||
		s.share[member] != 0 && (q.share == nil || !q.named(q.share.Blobs, s.Shared[member])) ||
		contributor >= 0 && s.screened[contributor] != 0 && !q.has(KindScreen) ||
		contributor >= 0 && s.multiplied[contributor] != 0 && !q.named(q.products, s.Multiplied[contributor]) ||
		contributor >= 0 && s.contributed[contributor] != 0 &&
			(q.contribution == nil || !q.named(q.contribution.Blobs, s.Contributed[contributor]))
	if missing {
		return fmt.Errorf("%w: an entry of query %s is not in it", ErrJournal, q.id)
	}
	return nil
}

// named is sameBlobs of own blobs.
func (d *desk) named(blobs [][]byte, digests []engine.Digest) bool {
	return slices.Equal(d.namesOf(blobs), digests)
}

func sameBlobs(blobs [][]byte, digests []engine.Digest) bool {
	return slices.Equal(blobDigests(blobs), digests)
}

func blobDigests(blobs [][]byte) []engine.Digest {
	out := make([]engine.Digest, len(blobs))
	for i, blob := range blobs {
		out[i] = BlobDigest(blob)
	}
	return out
}

// prepare recomputes the plan and verifies the analyst's key; true once both are there. A
// question that fails here is refused.
func (q *Query) prepare(s *QueryState) bool {
	if q.dossier == nil {
		d, err := newDossier(q.vk, q.network, s, nil)
		if err == nil && s.Phase == PhaseAdmitting {
			err = cmp.Or(checkCurrent(q.referee, s, d.plan, q.self), q.mayAnswer(s))
		}
		if err != nil {
			q.refuseFor(CodePlanMismatch, err)
			return false
		}
		d.epoch = q.epoch
		q.dossier = d
	}
	return s.Ask.Screening || q.hasKey(s)
}

// hasKey fetches and verifies the key to which the query is re-encrypted, its analyst's or the one that a screening's
// recipient gave with its Admit; true once it is there. The dossier is there by then.
func (q *Query) hasKey(s *QueryState) bool {
	if !q.keyReady && !q.keyBusy {
		q.keyBusy = q.fetchKey(s, func(key mhe.PublicKey, err error) { q.keyChecked(s, key, err) })
	}
	return q.keyReady
}

func (q *Query) keyChecked(s *QueryState, key mhe.PublicKey, err error) {
	q.keyBusy = false
	switch {
	case err != nil && s.Ask.Screening:
		q.refuse(CodeGateKey, q.referee.NameOf(s.recipient())+" gave a key for the screening that does not verify")
		return
	case err != nil:
		q.refuse(CodeAnalystKey, err.Error())
		return
	}
	q.keyReady, q.dossier.analyst = true, key
	if s.Ask.Screening {
		q.publish(q.blobs[s.GateKey]) // others may fetch it from here
	}
}

// refuse ends the query for everybody; once somebody has shared, it ends this department's part
// alone, and says nothing: the ledger would not take it.
func (q *Query) refuse(code, text string) {
	switch {
	case q.has(KindShare):
	case q.state().Released():
		q.finish(Outcome{Status: Refused, Code: code, Sentence: sentence(text), Departments: []string{q.referee.NameOf(q.self)}})
	default:
		q.post(&Refuse{Query: q.id, Code: code, Sentence: sentence(text)}, JournalRecord{Query: q.id, Epoch: q.epoch.Digest})
	}
}

// refuseFor refuses with the error's own code, or with this one if it has none. Of what a question lacks
// a department says what it lacks of its own.
func (q *Query) refuseFor(code string, err error) {
	var e *engine.Error
	var denied *Denied
	if errors.As(err, &denied) {
		if e = denied.Decision.Refusal(q.referee.NameOf(q.self)); e == nil {
			e = &engine.Error{Code: CodePolicy, Message: "the policies of other departments do not allow the question"}
		}
		err = e
	}
	if errors.As(err, &e) {
		code = e.Code
	}
	q.refuse(code, err.Error())
}

func (q *Query) admit(s *QueryState) {
	if q.resend(KindRefuse) || q.resend(KindAdmit) || !q.prepare(s) {
		return
	}
	if !s.Ask.Screening { // others may fetch the analyst's key from here, should the analyst be slow
		q.publish(q.blobs[s.Ask.AnalystKey])
	}
	takes := q.dossier.charge()
	if err := q.epoch.charge(q.params, q.id, takes); err != nil {
		q.refuse(CodeEpochExhausted, err.Error())
		return
	}
	if s.receives(q.self) {
		q.makeGateKey(s)
		return
	}
	q.post(&Admit{Query: q.id, Epoch: q.epoch.Digest},
		JournalRecord{Query: q.id, Epoch: q.epoch.Digest, Ciphertexts: takes})
}

// resend sends the journaled entry of a kind, if there is one.
func (q *Query) resend(kind EntryKind) bool {
	if q.has(kind) {
		q.send(kind)
	}
	return q.has(kind)
}

func (q *Query) contribute(s *QueryState) {
	if s.contributor(q.self) < 0 || q.resend(KindRefuse) || q.resend(KindContribute) || !q.prepare(s) {
		return
	}
	if s.Ask.Linked != nil {
		q.contributeVectors(s)
		return
	}
	if q.aggregating {
		return
	}
	q.aggregating = true
	if q.dossier.plan.Rounds() {
		q.contributeRounded(s)
		return
	}
	q.ready.Aggregate = q.dossier.plan
}

// cells encrypts what the local aggregation found, one job a ciphertext. The randomness is
// drawn in the job, and there is one job for each index: aggregating is set once, and not at
// all when the journal holds a contribution.
func (q *Query) cells(c Cells) {
	s := q.state()
	if q.withholds() {
		q.withhold(s, c)
		return
	}
	if !q.aggregating || q.made != nil || s.Phase != PhaseContributing || q.dossier.plan.Rounds() {
		return
	}
	if c.Err != nil {
		q.refuse(CodeAggregation, c.Err.Error())
		return
	}
	own := s.contributor(q.self)
	limbs, err := q.dossier.plan.Limbs(own, c.Cells)
	if err != nil {
		q.refuse(CodeAggregation, err.Error())
		return
	}
	d := q.dossier
	q.make("encryption", func(index int) (*mhe.Draft, error) {
		return mhe.DraftContribution(q.params, d.contributionBinding(own, index), q.epoch.Key, limbs[index], d.lo[own][index], d.hi[own][index])
	}, q.contributed)
}

// make drafts and then proves one message an index, each in a job, and hands over when all
// are there; the first error refuses.
func (q *Query) make(name string, draft func(index int) (*mhe.Draft, error), all func()) {
	q.made = make([][]byte, q.dossier.ciphertexts())
	q.making = len(q.made)
	for index := range q.made {
		q.work(name, func() func() {
			message, err := draft(index)
			return func() {
				if err != nil {
					q.refuse(CodeInternal, "a message could not be made: "+err.Error())
					return
				}
				q.prove(message, index, all)
			}
		})
	}
}

func (q *Query) prove(message *mhe.Draft, index int, all func()) {
	q.work("proving", func() func() {
		blob, err := message.Prove(q.keys)
		return func() {
			if q.breaks(err) {
				return
			}
			if err != nil {
				q.refuse(CodeInternal, "a proof could not be made: "+err.Error())
				return
			}
			q.made[index] = blob
			if q.making--; q.making == 0 {
				all()
			}
		}
	})
}

func (q *Query) contributed() {
	s := q.state()
	if q.contribution != nil || s.Phase != PhaseContributing {
		return // the query has ended meanwhile: nothing was journaled, so nothing leaves
	}
	q.contribution = &JournalRecord{Kind: JournalContribute, Query: q.id, Epoch: q.epoch.Digest, Blobs: q.made}
	q.made = nil
	q.hold(q.contribution.Blobs...)
	q.journal(*q.contribution, q.sign(&Contribute{Query: q.id, Epoch: q.epoch.Digest, Blobs: blobDigests(q.contribution.Blobs)}))
}

// verify fetches and verifies all contributions; true once the sums are there. It serves the
// own ones, which all have committed to by now, and those that it verified.
func (q *Query) verify(s *QueryState) bool {
	q.publishOwn()
	if !q.prepare(s) {
		return false
	}
	return q.examine(s) && q.recomputes(s)
}

func (q *Query) attest(s *QueryState) {
	if q.resend(KindRefuse) || q.resend(KindAttest) || q.resend(KindAccuse) {
		q.publishOwn()
		q.publish(q.shown...)
		return
	}
	switch {
	case q.verify(s) && q.hasKey(s):
		q.post(&Attest{Query: q.id, Contributions: s.Contributions}, JournalRecord{Query: q.id, Epoch: q.epoch.Digest})
	case q.failed() != nil:
		q.accuse(s, q.failed())
	case q.rounding.other != "":
		q.refuse(CodeRounding, q.rounding.other)
	}
}

func (q *Query) publishOwn() {
	s := q.state()
	if q.withholds() {
		return
	}
	if q.contribution != nil {
		q.publish(q.contribution.Blobs...)
	}
	if s.Reached > PhaseMultiplying { // all have committed to theirs
		q.publish(q.products...)
	}
	q.publish(q.joins.again...)
}

// shareOut makes this department's decryption shares. All members attested, this one too; it
// still sums only what this machine has verified itself.
func (q *Query) shareOut(s *QueryState) {
	q.publishOwn()
	if q.share != nil {
		q.reshare(s)
		return
	}
	if q.resend(KindRefuse) || !q.verify(s) || q.made != nil {
		if q.failed() != nil {
			q.accuse(s, q.failed())
		} else if q.rounding.other != "" {
			q.refuse(CodeRounding, q.rounding.other)
		}
		return
	}
	if !q.hasKey(s) {
		return
	}
	d, own := q.dossier, q.epoch.own
	q.make("re-encryption", func(index int) (*mhe.Draft, error) {
		if d.joint != nil {
			from, to := d.released(index)
			return mhe.DraftRelease(q.params, d.releaseBinding(own, index), q.epoch.secret, d.keyShareOf(own), d.slots[from:to], d.analyst)
		}
		return mhe.DraftDecryptionShare(q.params, d.shareBinding(own, index), q.epoch.secret, d.keyShareOf(own), d.sums[index], d.analyst)
	}, q.shared)
}

// shared journals the shares of all indices in one record. Until then nobody has seen any.
func (q *Query) shared() {
	s := q.state()
	if q.share != nil || s.Phase != PhaseSharing {
		return
	}
	q.share = &JournalRecord{Kind: JournalShare, Query: q.id, Epoch: q.epoch.Digest, Contributions: s.Contributions, Blobs: q.made}
	q.made = nil
	q.hold(q.share.Blobs...)
	q.journal(*q.share, q.sign(&ShareCommit{Query: q.id, Epoch: q.epoch.Digest, Blobs: blobDigests(q.share.Blobs)}))
}

// reshare sends the journaled share again, and nothing else ever. A ledger that now names other
// contributions is not the one that the share was made for: more than a third of the validators
// are faulty, or this is another ledger.
func (q *Query) reshare(s *QueryState) {
	if q.share.Contributions != s.Contributions {
		q.finish(Outcome{Status: Refused, Code: CodeForked,
			Sentence: "the ledger names other contributions than those that this department's share was made for"})
		return
	}
	if q.state().Ask.Screening {
		q.confide(q.state(), q.share.Blobs...)
	} else {
		q.publish(q.share.Blobs...)
	}
	q.send(KindShare)
}

// serve keeps own blobs available until the analyst has its answer.
func (q *Query) serve(s *QueryState) {
	q.publishOwn()
	q.reshare(s)
}
