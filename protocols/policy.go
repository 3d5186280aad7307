package protocols

import (
	"fmt"
	"slices"

	"parley/engine"
	"parley/engine/policy"
)

// CodePolicy is the code of the refusal of a question that the departments' policies and grants do not
// allow, or for which none stands.
const CodePolicy = engine.CodePolicy

// Denied is the error of a question that what it was asked under does not allow.
type Denied struct{ Decision policy.Decision }

// Error says all that is missing.
func (d *Denied) Error() string { return d.Decision.Text(policy.English) }

// Decide decides about a query over its plan, by what it was asked under: its contributors' policies
// and the classes that they declared, the grants that it names, who asks, for what, and when. Whoever
// plans the query decides, and all decide alike. The error is a *Denied, or tells of grants that the
// question names and does not need.
func (q *QueryState) Decide(plan *engine.Plan) error {
	f, err := policy.FactsOf(plan, q.Ask.Question)
	if err != nil {
		return err
	}
	c := policy.Context{Time: q.records[0].Time / 1000, Asker: q.asker, Purpose: q.Ask.Purpose, Basis: q.Ask.Basis}
	for _, p := range q.ruling.policies {
		c.Documents = append(c.Documents, p.document)
	}
	for i, g := range q.ruling.grants {
		c.Grants = append(c.Grants, policy.Held{Grant: g.grant, Used: q.ruling.charges[i].Used})
	}
	for _, t := range q.tables {
		c.Classes = append(c.Classes, t.classes())
	}
	d := policy.Decide(&f, &c)
	if !d.Allowed {
		return &Denied{Decision: d}
	}
	if !slices.EqualFunc(d.Charges, q.Ask.Grants, func(c policy.Charge, id engine.Digest) bool { return c.Grant == id }) {
		return &engine.Error{Code: CodePolicy, Message: fmt.Sprintf("the question names %d grants, and takes uses of others, or of fewer: %d", len(q.Ask.Grants), len(d.Charges))}
	}
	return nil
}

// checkCurrent refuses a plan, of a department that contributes, over another version of its table than
// the ledger's.
func checkCurrent(ledger *State, query *QueryState, plan *engine.Plan, department Key) error {
	if query.contributor(department) < 0 {
		return nil
	}
	var own engine.Registration
	if t := ledger.table(ledger.NameOf(department), plan.Table); t != nil {
		own = t.registration
	}
	return plan.Current(own)
}
