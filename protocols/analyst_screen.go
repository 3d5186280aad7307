package protocols

import (
	"errors"

	"parley/engine"
)

// asksFor is what a question asks the departments for of its plan (QueryState.within).
func (m *Analyst) asksFor(plan *engine.Plan) (*engine.Plan, error) {
	switch {
	case m.a.Screening:
		before, err := earlier(&m.ask)
		if err != nil {
			return nil, err
		}
		return screening(plan, m.a.Rules, uint32(m.a.Round), before)
	case m.a.Screen == engine.Digest{}:
		return noisy(plan, m.a.Rules, uint32(m.a.Round))
	}
	before := m.referee.Query(m.a.Screen)
	if before == nil || before.Verdict() == nil {
		return nil, errors.New("the answer rests on a screening that has not ended")
	}
	plan, err := noisy(plan, m.a.Rules, uint32(m.a.Round))
	if err != nil {
		return nil, err
	}
	return plan.Withhold(m.a.Rules, before.Verdict(), before.receiver())
}

// screen asks for a screening and waits for its verdict. Its counts are not for the analyst, who has nothing to verify of it
// but the contributors' signatures, which the referee does.
func (m *Analyst) screen(s *QueryState) {
	if m.own == nil {
		m.id = QueryID(m.network, m.self, &m.ask)
		m.own = &JournalRecord{Kind: JournalAnalystKey, Epoch: m.ask.Epoch, Query: m.id}
		m.journal(*m.own, m.sign(&m.ask))
	}
	switch {
	case s == nil:
		m.send(KindAsk)
		m.checkRefused()
	case s.Phase == PhaseDone:
		if why := s.RefusedByHistory(); why != "" {
			m.finish(Outcome{Status: Refused, Code: engine.CodeHistory, Sentence: why, Screening: m.id})
			return
		}
		m.finish(Outcome{Status: Answered, Screening: m.id, Verdict: s.Verdict(), Recipient: s.receiver()})
	case s.Phase == PhaseAccused:
		m.fail(wordOf(m.referee, s))
	case s.Phase.Ended():
		m.finish(outcomeOf(m.referee, s))
	}
}
