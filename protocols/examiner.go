package protocols

import (
	"parley/protocols/mhe"
)

// examiner is what all have who check a query's contributions themselves: its members, other
// validators and its analyst.
type examiner struct {
	desk
	serves        bool // the contributions that it verified: an analyst, whom nobody asks, does not
	dossier       *dossier
	contributions *board[mhe.Ciphertext]
	proof         *trial
}

// examine fetches and verifies all contributions; true once the sums are there. The dossier has
// its epoch by then.
func (x *examiner) examine(s *QueryState) bool {
	if x.contributions == nil {
		x.contributions = newBoard(&x.desk, SizesOf(x.params).Contribution, s.Contributors, s.Contributed,
			memberKeys(s.Epoch.Members), x.dossier.checkContribution)
		x.contributions.serves = x.serves
	}
	all := x.contributions.advance()
	if x.contributions.failure != nil || !all {
		return false
	}
	if x.dossier.sums == nil {
		x.dossier.seal(x.contributions.values)
	}
	return true
}

// failed is the contribution that does not verify, or nil.
func (x *examiner) failed() *failure {
	if x.contributions == nil {
		return nil
	}
	return x.contributions.failure
}

// try finds out whether the accused or the accuser lied (README section 7): nil until that is
// known. What was verified here before needs no second look; otherwise the accuser has to show
// the blob. ready has what the check of the accused blob needs, or gets it.
func (x *examiner) try(s *QueryState, ready func() bool) *Fault {
	a := s.Accusation
	accuser := falseAccusation(x.referee, s)
	contribution := a.Subject == SubjectContribution
	switch bad := x.failed(); {
	case s.Accuser == x.self:
		return accusedFault(x.referee, s)
	case contribution && x.contributions.verified(a.Department, a.Index, a.Blob):
		return accuser
	case contribution && bad != nil && bad.fault.Key == a.Department && bad.index == int(a.Index):
		return bad.fault
	case !ready():
		return nil
	}
	if x.proof == nil {
		x.proof = newAccusationTrial(&x.desk, x.dossier, s)
	}
	fault, ok := x.proof.advance()
	if ok && fault == nil {
		fault = accuser
	}
	return fault
}

// judged tells the ledger what was found about the accused blob, and ends.
func (x *examiner) judged(s *QueryState, fault *Fault) {
	x.word(&Judge{Case: s.ID, Blob: s.Accusation.Blob, Guilty: fault.Kind != FaultFalseAccusation}, s.judged(x.self),
		JournalRecord{Query: s.ID, Epoch: s.Ask.Epoch})
	x.fail(fault)
}

// accuse ends the query with an accusation.
func (x *examiner) accuse(s *QueryState, subject Subject, bad *failure) {
	x.convict(&Accuse{Query: s.ID, Department: bad.fault.Key, Fault: bad.fault.Kind, Subject: subject, Index: uint32(bad.index),
		Blob: bad.digest, Sentence: sentence(bad.fault.Detail), Served: marshalServed(bad.served)}, bad,
		JournalRecord{Query: s.ID, Epoch: s.Ask.Epoch})
}

// complain says, at the deadline, that a contribution is not served, and by whom.
func (x *examiner) complain(s *QueryState) []string {
	owner, index := x.contributions.waiting()
	if s.Phase != PhaseAttesting || x.has(KindAttest) || x.has(KindAccuse) || owner < 0 {
		return nil
	}
	m := s.Contributors[owner]
	x.accuse(s, SubjectContribution, &failure{index: index, digest: s.Contributed[owner][index],
		fault: &Fault{Department: m.Name, Key: m.Key, Kind: FaultUnavailable, Detail: "did not serve its contribution"}})
	return x.contributions.awaited() // the others may well wait for the same blobs
}

// fetchKey asks for the key to which a query is re-encrypted, the analyst's or that of a screening's recipient, and has it
// checked; the check's result is told once, with the key.
func (x *examiner) fetchKey(s *QueryState, checked func(mhe.PublicKey, error)) (busy bool) {
	owner, digest := s.Author, s.Ask.AnalystKey
	check := func(blob []byte) (mhe.PublicKey, error) {
		return checkAnalystKey(x.vk, x.network, s.Author, &s.Ask, blob)
	}
	if s.Ask.Screening {
		owner, digest = s.recipient(), s.GateKey
		check = func(blob []byte) (mhe.PublicKey, error) { return checkGateKey(x.vk, x.network, s, blob) }
	}
	blob := x.blobs[digest]
	if blob == nil {
		// The analyst gave it to whichever node it asks through, perhaps an auditor.
		x.want(digest, SizesOf(x.params).KeyShare, append([]Key{owner}, x.referee.Validators()...)...)
		return false
	}
	x.work("verifying", func() func() {
		key, err := check(blob)
		return func() { checked(key, err) }
	})
	return true
}
