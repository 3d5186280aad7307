package protocols

import (
	"fmt"
	"slices"
)

// expire is this department's own deadline: it says what it still can, and does no more.
func (q *Query) expire() error {
	s := q.state()
	if s.Phase.Ended() {
		q.end(s)
		if q.over {
			return nil
		}
	}
	names := q.referee.missing(q.id) // ascending
	own := q.referee.NameOf(q.self)
	mine := slices.Contains(names, own)
	names = slices.DeleteFunc(names, func(name string) bool { return name == own })
	switch {
	case s.Phase == PhaseAdmitting && !s.Ask.Screening && !q.keyReady && !q.has(KindAdmit) && !q.has(KindRefuse):
		q.refuse(CodeAnalystUnavailable, "the analyst did not serve its key")
		q.finish(Outcome{Status: Refused, Code: CodeAnalystUnavailable, Departments: []string{own}, Sentence: "the analyst did not serve its key"})
		return nil
	case s.Phase == PhaseAccused:
		q.fail(wordOf(q.referee, s))
		return nil
	}
	if awaited := q.complain(s); awaited != nil {
		names = awaited
	}
	if awaited := q.complainOfGate(s); awaited != nil {
		names = awaited
	}
	if mine && len(names) == 0 {
		names = []string{own}
	}
	q.finish(Outcome{Status: Expired, Code: "expired", Departments: names, Sentence: expiredSentence(names)})
	return nil
}

func expiredSentence(names []string) string {
	if len(names) == 0 {
		return "the query was not finished before its deadline"
	}
	return fmt.Sprintf("the query expired waiting for %s", list(names))
}

func list(names []string) string {
	text := ""
	for i, name := range names {
		switch {
		case i > 0 && i == len(names)-1:
			text += " and "
		case i > 0:
			text += ", "
		}
		text += name
	}
	return text
}

// end turns the ledger's end of the query into the outcome.
func (q *Query) end(s *QueryState) {
	if liar := q.distrusts(s); liar != nil {
		q.fail(liar)
		return
	}
	if s.Phase != PhaseAccused {
		q.finish(outcomeOf(q.referee, s))
		return
	}
	q.publishOwn()
	q.publish(q.shown...)
	q.judge(s)
}

// outcomeOf is what an ended query's state says, but for accusations.
func outcomeOf(st *State, s *QueryState) Outcome {
	switch s.Phase {
	case PhaseDone:
		return Outcome{Status: Answered}
	case PhaseRefused:
		name := st.NameOf(s.Refuser)
		return Outcome{Status: Refused, Code: s.Refusal.Code, Sentence: fmt.Sprintf("%s refuses: %s", name, s.Refusal.Sentence),
			Departments: []string{name}}
	case PhaseFailed:
		o := Outcome{Status: Failed, Code: string(s.Fault.Kind), Fault: s.Fault, Departments: []string{s.Fault.Department}, Sentence: s.Fault.sentence()}
		if s.Fault.Kind == FaultVerdicts {
			o.Departments = append(o.Departments, s.Fault.Reporter)
		}
		return o
	case PhaseWithdrawn:
		return withdrawn()
	}
	return Outcome{Status: Expired, Code: "expired", Departments: s.Missing, Sentence: expiredSentence(s.Missing)}
}

func withdrawn() Outcome {
	return Outcome{Status: Withdrawn, Code: "withdrawn", Sentence: "the question was withdrawn"}
}

// judge finds out who lied, and says so.
func (q *Query) judge(s *QueryState) {
	ready := func() bool {
		return q.prepare(s) && q.readyFor(s) && (s.Accusation.Subject != SubjectShare || q.recomputes(s) && q.hasKey(s))
	}
	if fault := q.try(s, ready); fault != nil {
		q.judged(s, fault)
	}
}

func newAccusationTrial(d *desk, x *dossier, s *QueryState) *trial {
	a := s.Accusation
	_, size, _ := s.committed(a.Subject, a.Department, a.Index, SizesOf(d.params))
	check := func(blob []byte) (fault *Fault) {
		switch a.Subject {
		case SubjectShare:
			_, fault = x.checkShare(s.Epoch.member(a.Department), int(a.Index), blob)
		case SubjectProduct:
			_, fault = x.checkProduct(s.contributor(a.Department), int(a.Index), blob)
		default:
			_, fault = x.checkContribution(s.contributor(a.Department), int(a.Index), blob)
		}
		return fault
	}
	return newTrial(d, a.Blob, size, []Key{s.Accuser, a.Department}, memberKeys(s.Epoch.Members), check)
}

func accusedFault(st *State, s *QueryState) *Fault {
	a := s.Accusation
	return &Fault{Department: st.NameOf(a.Department), Key: a.Department, Kind: a.Fault, Detail: a.Sentence, Evidence: a.Blob}
}

func falseAccusation(st *State, s *QueryState) *Fault {
	return &Fault{Department: st.NameOf(s.Accuser), Key: s.Accuser, Kind: FaultFalseAccusation,
		Detail: fmt.Sprintf("the accused blob of %s verifies", st.NameOf(s.Accusation.Department)), Evidence: s.Accusation.Blob}
}

// wordOf is an accusation that could not be checked in time: both names, and nothing decided.
func wordOf(st *State, s *QueryState) *Fault {
	f := accusedFault(st, s)
	f.Reporter = st.NameOf(s.Accuser)
	return f
}
