package protocols

import (
	"parley/engine"
)

// follow verifies contributions and shares as they are committed to, and opens the answer.
func (m *Analyst) follow(s *QueryState) {
	if s.Phase < PhaseAttesting {
		return
	}
	if !m.examine(s) {
		m.blame(m.failed())
		return
	}
	if s.Phase < PhaseShared {
		return
	}
	if m.shares == nil {
		m.shares = newShareBoard(&m.desk, m.dossier, s)
	}
	if !m.shares.advance() {
		m.blame(m.shares.failed(SubjectShare))
		return
	}
	if !m.opening {
		m.opening = true
		d, secret, shares := m.dossier, m.secret, m.shares.values
		m.work("decryption", func() func() {
			result, err := d.open(secret, shares)
			return func() { m.opened(result, err) }
		})
	}
	if m.result != nil {
		m.certifyAnswer(s)
	}
}

// join fills what a question says that joins tables by persons. base is the question's plan, before anything is counted or withheld.
func (m *Analyst) join(base, plan *engine.Plan, members int) error {
	of := plan.Linked()
	spine, err := m.referee.SpineOf(plan)
	if err != nil {
		return err
	}
	l := &Linked{Spine: SpineDigest(spine.By, &spine.Spine), Department: spine.Department, Table: spine.Table, Version: spine.Version,
		Positions: uint32(spine.Positions()), Encrypted: plan.Join.Tables[1-of.Multiplier].Name}
	var before *joint
	if q := m.referee.Query(m.a.Screen); q != nil {
		if !l.same(q.Ask.Linked) {
			return &engine.Error{Code: CodeStaleSpine, Message: "the spine is another one than when the persons were counted", Hint: "ask again"}
		}
		d, err := newDossier(m.vk, m.network, q, base)
		if err != nil {
			return err
		}
		before = d.joint
	}
	j, err := newJoint(m.params, plan, l, members, before)
	if err != nil {
		return err
	}
	if err := j.releasable(m.params); err != nil {
		return err
	}
	l.Vectors, l.Products, l.Targets = uint32(len(j.vectors)*j.chunks), uint32(len(j.products)), uint32(len(j.targets))
	m.ask.Linked, m.ask.Ciphertexts = l, uint32(j.shares(m.params))
	return nil
}

// blame ends the query with the name of whom a blob convicts, and shows the others.
func (m *Analyst) blame(bad *failure) {
	if bad == nil {
		return
	}
	if !m.state().Phase.Ended() {
		m.accuse(m.state(), bad)
	}
	m.fail(bad.fault)
}

func (m *Analyst) opened(result *engine.Result, err error) {
	if err != nil {
		// Every proof verified, and yet: the proofs' setup or this program is at fault.
		m.finish(Outcome{Status: Refused, Code: CodeInternal, Sentence: "the verified shares do not decrypt: " + err.Error()})
		return
	}
	m.result = result
}

// certifyAnswer makes the certificate, says Done, and once that stands on the ledger asks for its
// receipt. A vote that takes effect in between belongs into the certificate: it is made again,
// and said again, with the transcript that the ledger now has.
func (m *Analyst) certifyAnswer(s *QueryState) {
	if m.answer == nil || s.Phase == PhaseShared && m.said().Transcript != s.Transcript {
		m.beside = nil
		cert, err := m.certify(s)
		if err != nil {
			m.finish(Outcome{Status: Refused, Code: CodeInternal, Sentence: "the certificate could not be made: " + err.Error()})
			return
		}
		m.answer = cert
		done := &Done{Query: m.id, Certificate: cert.Digest(), Transcript: s.Transcript}
		if said := m.said(); s.Phase == PhaseShared && (said.Transcript != done.Transcript || said.Certificate != done.Certificate) {
			m.journal(JournalRecord{Epoch: m.ask.Epoch, Query: m.id}, m.sign(done))
			m.sent[KindDone] = false
		}
	}
	switch {
	case s.Phase == PhaseShared:
		m.send(KindDone)
	case m.receipt:
	case s.Certificate != m.answer.Digest():
		m.finish(Outcome{Status: Refused, Code: CodeInternal, Result: m.result,
			Sentence: "the certificate on the ledger is another one: the analyst's key is used twice"})
	default:
		m.receipt = true
		m.ready.Receipt = s.Done.Entry.Digest()
	}
}

// said is the journaled Done; the zero one if there is none.
func (m *Analyst) said() Done {
	e := m.entries[KindDone]
	if body, err := e.Open(); err == nil {
		if done, ok := body.(*Done); ok {
			return *done
		}
	}
	return Done{}
}

// anchor takes the receipt of the Done, and ends if it is right. Another one is asked for again.
func (m *Analyst) anchor(receipt []byte) error {
	s := m.state()
	if !m.receipt || m.answer == nil || s == nil || s.Done == nil {
		return nil
	}
	cert := *m.answer
	cert.Anchor = Anchor{Block: s.Done.Block, Entry: s.Done.Entry, Receipt: receipt}
	if _, err := cert.Anchor.check(m.a.Receipts, m.network, m.referee.ValidatorsAt(s.Done.Block)); err != nil {
		m.ready.Receipt = s.Done.Entry.Digest()
		return nil
	}
	m.finish(Outcome{Status: Answered, Result: m.result, Certificate: &cert, Attached: m.beside})
	return nil
}

// judge checks an accusation by another party as departments do.
func (m *Analyst) judge(s *QueryState) {
	ready := func() bool { return m.readyFor(s) }
	if fault := m.try(s, ready); fault != nil {
		m.fail(fault)
	} else if bad := m.failed(); bad != nil {
		m.fail(bad.fault)
	}
}

// takeBack withdraws the question, and reports whether that is all there is to do for now. A
// question that was sent and is not on the ledger yet is waited for.
func (m *Analyst) takeBack(s *QueryState) bool {
	switch {
	case m.own == nil, m.a.Plan != nil && !m.sent[KindAsk]: // nobody was asked, in this life or another
		m.finish(withdrawn())
		return true
	case s == nil || s.Phase.Ended():
		return false
	case s.Phase >= PhaseSharing:
		m.finish(Outcome{Status: Refused, Code: "too-late",
			Sentence: "the question cannot be withdrawn any more: the departments are sharing the answer"})
		return true
	}
	m.post(&Withdraw{Query: m.id}, JournalRecord{Query: m.id, Epoch: m.ask.Epoch})
	return true
}

// expire is the client's own deadline, a little later than the departments'.
func (m *Analyst) expire() error {
	s := m.state()
	switch {
	case s == nil:
		m.silent()
		return nil
	case s.Phase == PhaseAccused:
		m.fail(wordOf(m.referee, s))
		return nil
	case s.Phase.Ended() && s.Phase != PhaseDone:
		m.end(s)
		return nil
	case m.answer != nil:
		m.finish(Outcome{Status: Expired, Code: "unanchored", Result: m.result, Certificate: m.answer, Attached: m.beside,
			Sentence: "the answer is there, but no receipt of the ledger for its certificate came in time"})
		return nil
	}
	names := m.referee.missing(m.id)
	if owner, index := m.shares.waiting(); owner >= 0 {
		k := s.Epoch.Members[owner]
		m.accuse(s, &failure{subject: SubjectShare, index: index, digest: s.Shared[owner][index],
			fault: &Fault{Department: k.Name, Key: k.Key, Kind: FaultUnavailable, Detail: "did not serve its share"}})
		names = append(names, k.Name)
	}
	m.finish(Outcome{Status: Expired, Code: "expired", Departments: names, Sentence: expiredSentence(names)})
	return nil
}

// silent is the outcome when the question never came onto the ledger.
func (m *Analyst) silent() {
	if owner, _ := m.keyShares.waiting(); m.epoch == nil && owner >= 0 {
		name := m.epochState.Members[owner].Name
		m.finish(Outcome{Status: Expired, Code: "expired", Departments: []string{name}, Sentence: name + " did not serve its key share"})
		return
	}
	m.finish(Outcome{Status: Expired, Code: "expired", Sentence: "the ledger did not take the question in time"})
}
