package audit

import (
	"maps"
	"slices"
	"strings"
	"time"

	"parley/engine"
	"parley/engine/policy"
	"parley/protocols"
)

// follow looks which questions have ended.
func (t *Trail) follow(s *protocols.State, r *protocols.Record, at time.Time) {
	t.open = slices.DeleteFunc(t.open, func(o *openQuestion) bool {
		q := s.Query(o.id)
		if q == nil || !q.Phase.Ended() {
			return q == nil
		}
		l := t.copy(t.line(s, r, at, ""), o.line)
		l.end(s, q)
		o.line.Outcome = l.Outcome
		if l.Kind == LineAnswer || l.Kind == LineVerdict {
			l.Cells = o.line.Cells
		}
		return true
	})
}

// end says how a question ended.
func (l *Line) end(s *protocols.State, q *protocols.QueryState) {
	l.Sentence = endOf(s, q)
	switch q.Phase {
	case protocols.PhaseDone:
		if l.Kind, l.Outcome = LineAnswer, OutcomeAnswered; q.Ask.Screening { // by the last of the contributors
			l.Kind, l.Outcome, l.Person, l.Department, l.Peer = LineVerdict, OutcomeScreened, "", "", ""
			if l.Sentence != "" { // for the sake of an earlier answer
				l.Chinese = q.RefusedByHistoryIn(policy.Chinese)
				l.Kind, l.Outcome, l.Code = LineRefusal, OutcomeRefused, engine.CodeHistory
			}
		}
	case protocols.PhaseRefused:
		l.Kind, l.Outcome, l.Code, l.Sentence = LineRefusal, OutcomeRefused, q.Refusal.Code, q.Refusal.Sentence
	case protocols.PhaseWithdrawn:
		l.Kind, l.Outcome, l.Sentence = LineWithdrawal, OutcomeWithdrawn, ""
	case protocols.PhaseExpired: // by the word of more than two thirds
		if len(q.Missing) > 0 {
			l.Chinese = "等待" + strings.Join(q.Missing, "、")
		}
		l.Kind, l.Outcome, l.Code, l.Person, l.Department, l.Peer = LineExpiry, OutcomeExpired, "expired", "", "", ""
	case protocols.PhaseAccused:
		l.Kind, l.Outcome, l.Code = LineFailure, OutcomeFailed, string(q.Accusation.Fault)
	default:
		l.Kind, l.Outcome, l.Code = LineFailure, OutcomeFailed, string(q.Fault.Kind)
		if q.Fault.Kind == protocols.FaultDecided || q.Fault.Kind == protocols.FaultRevoked { // somebody decided while it waited
			l.Kind, l.Outcome, l.Sentence = LineRefusal, OutcomeRefused, q.Fault.Detail
		}
	}
}

// finish says what became of grants and requests by a time, or by the last record's.
func (t *Trail) finish(s *protocols.State, until time.Time) {
	now := t.Time.Unix()
	if !until.IsZero() {
		now = until.Unix()
	}
	for _, g := range s.Grants() {
		if l := t.grants[g.ID]; l != nil && l.Outcome == OutcomeInForce && g.Used >= g.Grant.Terms.Uses {
			l.Outcome = OutcomeUsedUp
		}
	}
	for l, end := range t.ends {
		if end <= now && (l.Outcome == OutcomeInForce || l.Outcome == OutcomeOpen) {
			l.Outcome = OutcomeEnded
		}
	}
	present, gone := s.Seats()
	t.departments = nil
	for _, seat := range slices.Concat(present, gone) {
		t.departments = append(t.departments, seat.Name)
	}
	for _, c := range t.ceilings {
		c.line.Rows = append([]string{}, slices.Sorted(maps.Keys(t.below[c.unit]))...)
	}
	t.answerRequests()
}

// answerRequests says of each request how its departments answered.
func (t *Trail) answerRequests() {
	granted, declined := map[string]int{}, map[string]int{}
	for _, l := range t.Lines {
		switch l.Kind {
		case LineGrant:
			granted[l.Request]++
		case LineDecline:
			declined[l.Request]++
		}
	}
	for _, l := range t.requests {
		yes, no := granted[l.Request], declined[l.Request]
		switch {
		case yes == len(l.Rows):
			l.Outcome = OutcomeGranted
		case yes > 0:
			l.Outcome = OutcomePartly
		case no == len(l.Rows):
			l.Outcome = OutcomeDeclined
		}
	}
}
