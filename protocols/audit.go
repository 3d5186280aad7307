package protocols

import (
	"errors"
	"fmt"

	"parley/engine"
	"parley/protocols/mhe"
)

// Audit is the part in one query of a validator that is no member of its epoch: an auditor, or
// a department that joined later (README section 3.5). It holds no rows and no share of the
// key. It checks the plan, fetches and verifies all contributions, keeps them for others, and
// attests or accuses; it judges accusations. Its outcome is Answered when the query is done.
type Audit struct {
	examiner
	epoch        *Epoch
	id           engine.Digest
	analystBusy  bool
	analystReady bool
	analystBad   bool
}

// NewAudit makes the machine of a query that is on the ledger, from the party's whole journal
// and the epoch that its Formation verified.
func NewAudit(d *Department, e *Epoch, id engine.Digest, journal []JournalRecord) (*Audit, error) {
	if err := d.check(); err != nil {
		return nil, err
	}
	a := &Audit{examiner: examiner{desk: newDesk(d.Key, d.Keys, d.Verifying, d.State), serves: true}, epoch: e, id: id}
	s := a.state()
	switch {
	case s == nil:
		return nil, fmt.Errorf("no query %s was asked", id)
	case e == nil || e.Digest != s.Ask.Epoch:
		return nil, errors.New("the query needs the epoch under which it was asked")
	case s.Epoch.IsMember(a.self):
		return nil, errors.New("a member of the epoch takes part in its queries")
	}
	for i := range journal {
		if journal[i].Query == id {
			if err := a.restore(&journal[i]); err != nil {
				return nil, err
			}
		}
	}
	return a, nil
}

// Step implements Machine.
func (a *Audit) Step(e Event) (Ready, error) {
	if a.state() == nil {
		return a.forgotten()
	}
	return a.step(e, a.advance, a.expire)
}

func (a *Audit) state() *QueryState { return a.referee.Query(a.id) }

func (a *Audit) advance() error {
	s := a.state()
	if s.hasAttested(a.self) && !a.has(KindAttest) {
		return fmt.Errorf("%w: an entry of query %s is not in it", ErrJournal, a.id)
	}
	switch {
	case s.Phase == PhaseAccused:
		a.publish(a.shown...)
		a.judge(s)
	case s.Phase.Ended():
		a.finish(outcomeOf(a.referee, s))
	case s.Phase >= PhaseAttesting:
		a.attest(s)
	}
	return nil
}

// open recomputes the plan. What its members should have refused is not attested, either.
func (a *Audit) open(s *QueryState) bool {
	if a.dossier != nil {
		return true
	}
	d, err := newDossier(a.vk, a.network, s, nil)
	if err != nil {
		a.finish(refusalFor(err))
		return false
	}
	d.epoch = a.epoch
	a.dossier = d
	return true
}

// refusalFor is the outcome of a question whose plan is another, or is not allowed: with the error's own code, if it
// has one.
func refusalFor(err error) Outcome {
	var denied *Denied
	var e *engine.Error
	switch {
	case errors.As(err, &denied):
		return Outcome{Status: Refused, Code: CodePolicy, Sentence: sentence(denied.Error())}
	case errors.As(err, &e):
		return Outcome{Status: Refused, Code: e.Code, Sentence: sentence(err.Error())}
	}
	return Outcome{Status: Refused, Code: CodePlanMismatch, Sentence: sentence(err.Error())}
}

// attest verifies the contributions, also when others were quicker: it serves them from then on.
func (a *Audit) attest(s *QueryState) {
	if a.has(KindAccuse) {
		a.send(KindAccuse)
		a.publish(a.shown...)
		return
	}
	switch {
	case !a.open(s):
	case a.examine(s):
		if s.Phase == PhaseAttesting {
			a.post(&Attest{Query: a.id, Contributions: s.Contributions}, JournalRecord{Query: a.id, Epoch: s.Ask.Epoch})
		}
	case a.failed() != nil:
		a.accuse(s, a.failed())
	}
}

// judge finds out who lied, and says so.
func (a *Audit) judge(s *QueryState) {
	ready := func() bool {
		return a.open(s) && a.readyFor(s) && (s.Accusation.Subject != SubjectShare || a.analystKey(s))
	}
	if fault := a.try(s, ready); fault != nil {
		a.judged(s, fault)
	}
}

// analystKey is what shares are verified against; of a screening the key that its recipient gave.
func (a *Audit) analystKey(s *QueryState) bool {
	if !a.analystBusy && !a.analystReady && !a.analystBad {
		a.analystBusy = a.fetchKey(s, func(key mhe.PublicKey, err error) {
			a.analystBusy, a.analystReady, a.analystBad = false, err == nil, err != nil
			a.dossier.analyst = key
		})
	}
	return a.analystReady
}

// expire is the party's own deadline: it says what it still can, and does no more.
func (a *Audit) expire() error {
	s := a.state()
	if s.Phase == PhaseAccused {
		a.fail(wordOf(a.referee, s))
		return nil
	}
	names := a.complain(s)
	if names == nil {
		names = a.referee.missing(a.id)
	}
	a.finish(Outcome{Status: Expired, Code: "expired", Departments: names, Sentence: expiredSentence(names)})
	return nil
}
