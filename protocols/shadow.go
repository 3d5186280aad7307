package protocols

import (
	"math/big"

	"parley/engine"
)

// CodeShadow is the code of the refusal of a question that a department in shadow mode would have answered.
const CodeShadow = "shadow"

// shadowed is what the analyst of such a question is told.
const shadowed = "the department is in shadow mode: it works out what it would have sent, and sends nothing"

// Withheld is what a department in shadow mode would have sent of a question (README section 3.3). It is for
// its operator alone.
type Withheld struct {
	Plan         *engine.Plan
	Cells        []*big.Int // the department's secret
	Ciphertexts  int        // of its contribution, and as many shares
	Contribution int64      // bytes of the blobs
	Shares       int64
}

// withholds reports whether nothing of this department's may leave for the query: it is one of those who are
// asked for their rows, and in shadow mode. What the others contribute it helps to decrypt, as ever.
func (q *Query) withholds() bool { return q.d.Shadow && q.state().contributor(q.self) >= 0 }

// shadows reports whether shadow is due. That another department in shadow mode has refused first keeps this one
// from nothing: its operator is told as well.
func (q *Query) shadows(s *QueryState) bool {
	return q.withholds() && (!s.Phase.Ended() ||
		s.Phase == PhaseRefused && s.Refusal.Code == CodeShadow && !q.withheld && !q.has(KindRefuse) && !q.has(KindAdmit))
}

// shadow takes the place of all that a department does in a query: it checks the question as if to admit it,
// aggregates, and refuses. It never admits, so that no department contributes, and never sends anything that an
// earlier life of the machine, in earnest, has journaled.
func (q *Query) shadow(s *QueryState) {
	switch {
	case q.resend(KindRefuse):
	case !s.Phase.Ended() && (s.Phase != PhaseAdmitting || q.has(KindAdmit)):
		q.refuse(CodeShadow, shadowed)
	case s.Ask.Linked != nil: // what it would have sent is not worked out
		q.refuse(CodeShadow, shadowed)
	case !q.prepare(s) || q.aggregating:
	case q.dossier.plan.Rounds(): // it is made of the screening, which was told
		q.refuse(CodeShadow, shadowed)
	default:
		q.publish(q.blobs[s.Ask.AnalystKey]) // as admit does
		if err := q.epoch.afford(q.params, q.id, s.Ask.Ciphertexts); err != nil {
			q.refuse(CodeEpochExhausted, err.Error())
			return
		}
		q.aggregating = true
		q.ready.Aggregate = q.dossier.plan
	}
}

// withhold says what would have been sent, and refuses.
func (q *Query) withhold(s *QueryState, c Cells) {
	if !q.aggregating || q.withheld {
		return
	}
	q.withheld = true
	err := c.Err
	if err == nil {
		_, err = q.dossier.plan.Limbs(s.contributor(q.self), c.Cells)
	}
	if err != nil {
		q.refuse(CodeAggregation, err.Error())
		return
	}
	n, sizes := q.dossier.ciphertexts(), SizesOf(q.params)
	q.ready.Withheld = &Withheld{Plan: q.dossier.plan, Cells: c.Cells, Ciphertexts: n,
		Contribution: int64(n) * int64(sizes.Contribution), Shares: int64(n) * int64(sizes.Share)}
	q.refuse(CodeShadow, shadowed)
}
