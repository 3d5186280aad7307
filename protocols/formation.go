package protocols

import (
	"errors"
	"fmt"

	"parley/circuits"
	"parley/engine"
	"parley/protocols/mhe"
)

// ErrJournal says that the journal is not the one that this department's entries on the ledger
// were made with: lost, rolled back or another's. The department must leave the epoch
// (EpochAbort naming itself) and never work from that journal again.
var ErrJournal = errors.New("the journal does not belong to what is on the ledger")

// Formation is one validator's part in making an epoch (README section 3.2): a member's key
// share, committed to before any is shown, the check of all others', its attestation. Who is no
// member, an auditor or a department that joined later, checks all key shares, and has the epoch
// without a secret. The outcome is Answered when the epoch is formed, Failed when the formation
// was aborted.
type Formation struct {
	desk
	id     engine.Digest
	own    *JournalRecord // JournalKeyShare
	making bool
	past   map[engine.Digest]map[engine.Digest]uint32 // epoch digest, query: admitted before a restart
	shares *board[circuits.Poly]
	proof  *trial
	epoch  *Epoch
}

// NewFormation makes the machine of the epoch that the ledger opened under id, from the
// party's whole journal. It also serves to load a formed epoch after a restart: it then
// fetches and verifies all key shares again.
func NewFormation(d *Department, id engine.Digest, journal []JournalRecord) (*Formation, error) {
	if err := d.check(); err != nil {
		return nil, err
	}
	f := &Formation{desk: newDesk(d.Key, d.Keys, d.Verifying, d.State), id: id, past: map[engine.Digest]map[engine.Digest]uint32{}}
	s := f.state()
	if s == nil {
		return nil, fmt.Errorf("no epoch %s was opened", id)
	}
	if f.keys == nil && s.member(f.self) >= 0 {
		return nil, errors.New("a member of the epoch needs the proving keys")
	}
	for i := range journal {
		r := &journal[i]
		switch {
		case r.Query != (engine.Digest{}):
			if r.Ciphertexts > 0 {
				if f.past[r.Epoch] == nil {
					f.past[r.Epoch] = map[engine.Digest]uint32{}
				}
				f.past[r.Epoch][r.Query] = r.Ciphertexts
			}
		case r.Epoch == id:
			if err := f.restore(r); err != nil {
				return nil, err
			}
			if r.Kind == JournalKeyShare {
				if len(r.Blobs) != 1 {
					return nil, fmt.Errorf("%w: it holds %d key shares of one epoch", ErrJournal, len(r.Blobs))
				}
				f.own = r
			}
		}
	}
	return f, nil
}

// Epoch is the formed epoch, once the outcome is Answered.
func (f *Formation) Epoch() *Epoch { return f.epoch }

// Step implements Machine.
func (f *Formation) Step(e Event) (Ready, error) {
	if f.state() == nil {
		return f.forgotten()
	}
	return f.step(e, f.advance, f.expire)
}

func (f *Formation) state() *EpochState { return f.referee.EpochByID(f.id) }

func (f *Formation) expire() error {
	missing := f.state().Missing()
	if awaited := f.shares.awaited(); len(awaited) > 0 {
		missing = awaited // the others may well wait for the same key shares
	}
	f.finish(Outcome{Status: Expired, Code: "expired", Departments: missing, Sentence: "the epoch was not formed in time"})
	return nil
}

func (f *Formation) advance() error {
	s := f.state()
	own := s.member(f.self)
	if own < 0 {
		return f.watch(s)
	}
	if f.own == nil && s.commits[own] != 0 || f.own != nil && s.commits[own] != 0 && BlobDigest(f.own.Blobs[0]) != s.Commits[own] {
		return fmt.Errorf("%w: the epoch's key share is not in it", ErrJournal)
	}
	switch s.Phase {
	case EpochCommitting:
		f.commit(s, own)
	case EpochAttesting, EpochFormed:
		return f.check(s, own)
	case EpochAborted:
		f.abort(s)
	}
	return nil
}

func (f *Formation) commit(s *EpochState, own int) {
	if f.own != nil {
		if s.commits[own] == 0 {
			f.send(KindKeyCommit)
		}
		return
	}
	if f.making {
		return
	}
	f.making = true
	crs, binding := epochCRS(f.params, f.network, s), keyShareBinding(f.network, f.id, f.self)
	f.work("proving", func() func() {
		secret, blob, err := mhe.NewKeyShare(f.keys, binding, crs)
		return func() { f.made(secret, blob, err) }
	})
}

func (f *Formation) made(secret mhe.SecretKey, blob []byte, err error) {
	if err == nil && f.own == nil {
		var raw []byte
		if raw, err = secret.MarshalBinary(); err == nil {
			f.own = &JournalRecord{Kind: JournalKeyShare, Epoch: f.id, Secret: raw, Blobs: [][]byte{blob}}
			f.hold(blob)
			f.journal(*f.own, f.sign(&KeyCommit{Epoch: f.id, Blob: BlobDigest(blob)}))
			return
		}
	}
	if err != nil && !f.breaks(err) {
		f.finish(Outcome{Status: Refused, Code: "internal", Sentence: "the key share could not be made: " + err.Error()})
	}
}

// watch is the part of who is no member.
func (f *Formation) watch(s *EpochState) error {
	switch s.Phase {
	case EpochAttesting, EpochFormed:
		all := f.verify(s)
		if bad := f.shares.failure; bad != nil && s.Phase == EpochFormed {
			f.fail(bad.fault)
		}
		if all && s.Phase == EpochFormed {
			return f.form(s, -1)
		}
	case EpochAborted:
		f.abort(s)
	}
	return nil
}

// check verifies all key shares, this department's own included, and attests.
func (f *Formation) check(s *EpochState, own int) error {
	if f.own == nil {
		return fmt.Errorf("%w: the epoch's key share is not in it", ErrJournal)
	}
	f.publish(f.own.Blobs[0])
	all := f.verify(s)
	if bad := f.shares.failure; bad != nil {
		f.accuse(s, bad)
		return nil
	}
	if !all {
		return nil
	}
	if s.Phase == EpochAttesting {
		if s.attested[own] == 0 {
			f.post(&KeyAttest{Epoch: f.id, Digest: s.Digest}, JournalRecord{Epoch: f.id})
		}
		return nil
	}
	return f.form(s, own)
}

// verify fetches and verifies all key shares; true once all are verified.
func (f *Formation) verify(s *EpochState) bool {
	if f.shares == nil {
		crs := epochCRS(f.params, f.network, s)
		vk, network := f.vk, f.network
		f.shares = newBoard(&f.desk, SizesOf(f.params).KeyShare, s.Members, column(s.Commits), memberKeys(s.Members),
			func(owner, _ int, blob []byte) (circuits.Poly, *Fault) {
				return checkKeyShare(vk, crs, network, s, owner, blob)
			})
		f.shares.serves = true
		f.shares.settled = func() bool { s := f.state(); return s.Phase == EpochFormed || !s.IsMember(f.self) }
	}
	return f.shares.advance()
}

func (f *Formation) accuse(s *EpochState, bad *failure) {
	if s.Phase == EpochAttesting {
		f.convict(&EpochAbort{Epoch: f.id, Culprit: bad.fault.Key, Fault: bad.fault.Kind, Blob: bad.digest,
			Sentence: sentence(bad.fault.Detail), Served: marshalServed(bad.served)}, bad, JournalRecord{Epoch: f.id})
		return
	}
	f.fail(bad.fault) // formed, so this department attested what does not verify now
}

// form builds the epoch from the verified shares and the journaled secret.
func (f *Formation) form(s *EpochState, own int) error {
	var shares []circuits.Poly
	for _, row := range f.shares.values {
		shares = append(shares, row[0])
	}
	e, err := newEpoch(f.params, f.network, s, shares)
	if err != nil {
		return err
	}
	if own < 0 {
		f.epoch = e
		f.finish(Outcome{Status: Answered})
		return nil
	}
	if e.secret, err = mhe.ParseSecretKey(f.params, f.own.Secret); err != nil {
		return fmt.Errorf("%w: %w", ErrJournal, err)
	}
	if err := mhe.CheckOpening(f.params, e.secret, mhe.PublicKey{A: e.CRS, P: shares[own]}); err != nil {
		return fmt.Errorf("%w: the epoch's secret does not match its key share", ErrJournal)
	}
	e.own = own
	for query, ciphertexts := range f.past[e.Digest] {
		e.count(query, ciphertexts)
	}
	f.epoch = e
	f.finish(Outcome{Status: Answered})
	return nil
}

// abort finds out who is to blame for a formation that was aborted.
func (f *Formation) abort(s *EpochState) {
	if s.Fault != nil {
		f.fail(s.Fault)
		return
	}
	f.publish(f.shown...)
	a := s.Abort
	culprit := &Fault{Department: f.referee.NameOf(a.Culprit), Key: a.Culprit, Kind: a.Fault, Detail: a.Sentence, Evidence: a.Blob}
	accuser := &Fault{Department: f.referee.NameOf(s.Aborter), Key: s.Aborter, Kind: FaultFalseAccusation,
		Detail: "the accused key share verifies", Evidence: a.Blob}
	switch {
	case s.Aborter == a.Culprit || s.Aborter == f.self && a.Fault == FaultUnavailable:
		f.fail(culprit)
		return
	case s.Aborter == f.self:
		f.judged(s, true, culprit)
		return
	case a.Fault == FaultUnavailable:
		culprit.Reporter = accuser.Department
		f.fail(culprit)
		return
	case f.shares.verified(a.Culprit, 0, a.Blob):
		f.judged(s, false, accuser)
		return
	}
	if f.proof == nil {
		member, crs, vk, network := s.member(a.Culprit), epochCRS(f.params, f.network, s), f.vk, f.network
		f.proof = newTrial(&f.desk, a.Blob, SizesOf(f.params).KeyShare, []Key{s.Aborter, a.Culprit}, memberKeys(s.Members),
			func(blob []byte) *Fault {
				_, fault := checkKeyShare(vk, crs, network, s, member, blob)
				return fault
			})
	}
	if fault, ok := f.proof.advance(); ok {
		if fault == nil {
			fault = accuser
		}
		f.judged(s, fault != accuser, fault)
	}
}

// judged tells the ledger what was found about the accused key share, and ends.
func (f *Formation) judged(s *EpochState, guilty bool, fault *Fault) {
	f.word(&Judge{Case: f.id, Blob: s.Abort.Blob, Guilty: guilty}, s.verdicts.by(f.self), JournalRecord{Epoch: f.id})
	f.fail(fault)
}

// column makes a table with one blob an owner.
func column(digests []engine.Digest) [][]engine.Digest {
	rows := make([][]engine.Digest, len(digests))
	for i, d := range digests {
		rows[i] = []engine.Digest{d}
	}
	return rows
}
