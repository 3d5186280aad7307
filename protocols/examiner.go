package protocols

import (
	"parley/engine"
	"parley/protocols/mhe"
)

// examiner is what all have who check a query's contributions themselves: its members, other
// validators and its analyst.
type examiner struct {
	desk
	serves  bool // the contributions that it verified: an analyst, whom nobody asks, does not
	dossier *dossier
	examination
	counted examination // of the screening that an answer rests on which joins tables by persons
	proof   *trial
}

// examination is what is verified of one query.
type examination struct {
	contributions, products *board[mhe.Ciphertext]
}

// examine fetches and verifies all contributions, and all products; true once the sums are there. The dossier has
// its epoch by then.
func (x *examiner) examine(s *QueryState) bool {
	return x.examineVectors() && (s.Ask.Linked == nil || x.examination.multiplied(x, x.dossier))
}

// examineVectors is examine before departments have multiplied. Of an answer that joins tables by persons all of its screening is verified
// as well: what is multiplied goes by the persons that were counted.
func (x *examiner) examineVectors() bool {
	d := x.dossier
	if d.before != nil {
		d.before.epoch = d.epoch
		if !x.counted.contributed(x, d.before) || !x.counted.multiplied(x, d.before) {
			return false
		}
	}
	if !x.examination.contributed(x, d) {
		return false
	}
	if x.serves && d.joint != nil { // from now on whoever runs this machine has them for the others
		x.drop(d.query.Contributors, d.query.Contributed)
		if d.before != nil {
			x.drop(d.before.query.Contributors, d.before.query.Contributed)
		}
	}
	return true
}

// contributed verifies a query's contributions.
func (e *examination) contributed(x *examiner, d *dossier) bool {
	if e.contributions == nil {
		e.contributions = x.boardOf(d, SizesOf(x.params).Contribution, d.query.Contributed, d.checkContribution)
		if d.joint != nil {
			e.contributions.keep = d.keepVector
		}
	}
	if !e.contributions.advance() || e.contributions.failure != nil {
		return false
	}
	if d.joint == nil && d.sums == nil {
		d.seal(e.contributions.values)
	}
	return true
}

// multiplied verifies a query's products, once its contributions are.
func (e *examination) multiplied(x *examiner, d *dossier) bool {
	if e.products == nil {
		e.products = x.boardOf(d, SizesOf(x.params).Product, d.query.Multiplied, d.checkProduct)
	}
	if !e.products.advance() || e.products.failure != nil {
		return false
	}
	if d.slots == nil {
		x.broken = d.sealProducts(e.products.values)
	}
	return x.broken == nil
}

func (x *examiner) boardOf(d *dossier, size int, digests [][]engine.Digest, check func(int, int, []byte) (mhe.Ciphertext, *Fault)) *board[mhe.Ciphertext] {
	s := d.query
	b := newBoard(&x.desk, size, s.Contributors, digests, memberKeys(s.Epoch.Members), check)
	b.serves = x.serves
	if d != x.dossier { // of a screening, which all have verified before
		b.settled = func() bool { return true }
	}
	return b
}

// failed is a blob of the query that does not verify, or nil.
func (x *examiner) failed() *failure {
	if bad := x.contributions.failed(SubjectContribution); bad != nil {
		return bad
	}
	return x.products.failed(SubjectProduct)
}

// readyFor has verified what an accused blob is checked against: of a product the vectors, of a share the contributions and products.
func (x *examiner) readyFor(s *QueryState) bool {
	switch s.Accusation.Subject {
	case SubjectShare:
		return x.examine(s)
	case SubjectProduct:
		return x.examineVectors()
	}
	return true
}

// try finds out whether the accused or the accuser lied (README section 7): nil until that is
// known. What was verified here before needs no second look; otherwise the accuser has to show
// the blob. ready has what the check of the accused blob needs, or gets it.
func (x *examiner) try(s *QueryState, ready func() bool) *Fault {
	a := s.Accusation
	accuser := falseAccusation(x.referee, s)
	contribution, product := a.Subject == SubjectContribution, a.Subject == SubjectProduct
	switch bad := x.failed(); {
	case s.Accuser == x.self:
		return accusedFault(x.referee, s)
	case contribution && x.contributions.verified(a.Department, a.Index, a.Blob), product && x.products.verified(a.Department, a.Index, a.Blob):
		return accuser
	case bad != nil && bad.subject == a.Subject && bad.fault.Key == a.Department && bad.index == int(a.Index):
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
func (x *examiner) accuse(s *QueryState, bad *failure) {
	x.convict(&Accuse{Query: s.ID, Department: bad.fault.Key, Fault: bad.fault.Kind, Subject: bad.subject, Index: uint32(bad.index),
		Blob: bad.digest, Sentence: sentence(bad.fault.Detail), Served: marshalServed(bad.served)}, bad,
		JournalRecord{Query: s.ID, Epoch: s.Ask.Epoch})
}

// complain says, at the deadline, that a contribution or a product is not served, and by whom. It returns all of whom blobs are missing.
func (x *examiner) complain(s *QueryState) []string {
	if s.Phase != PhaseAttesting && s.Phase != PhaseMultiplying || x.has(KindAttest) || x.has(KindAccuse) {
		return nil
	}
	said := &failure{subject: SubjectContribution}
	waits, digests := x.contributions, s.Contributed
	owner, index := waits.waiting()
	if owner < 0 {
		said.subject, waits, digests = SubjectProduct, x.products, s.Multiplied
		owner, index = waits.waiting()
	}
	if owner < 0 { // of its screening's the ledger takes no complaint: all have verified them, and the screening is over
		return append(x.counted.contributions.awaited(), x.counted.products.awaited()...)
	}
	m := s.Contributors[owner]
	said.index, said.digest = index, digests[owner][index]
	said.fault = &Fault{Department: m.Name, Key: m.Key, Kind: FaultUnavailable, Detail: "did not serve its contribution"}
	x.accuse(s, said)
	return waits.awaited() // the others may well wait for the same blobs
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
