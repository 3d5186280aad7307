package protocols

import (
	"fmt"
	"slices"
	"strings"

	"parley/engine"
	"parley/engine/policy"
)

// CodePolicy is the code of the refusal of a question that the departments' policies and grants do not
// allow, or for which none stands.
const CodePolicy = engine.CodePolicy

// Denied is the error of a question that what it was asked under does not allow.
type Denied struct{ Decision policy.Decision }

// Error says all that is missing, in one line.
func (d *Denied) Error() string {
	var said []string
	for i := range d.Decision.Missing {
		m := &d.Decision.Missing[i]
		if text := m.Sentence(policy.English); m.Department != "" {
			said = append(said, m.Department+": "+text)
		} else {
			said = append(said, text)
		}
	}
	return "the departments' policies do not allow the question: " + strings.Join(said, "; ")
}

// Decide decides about a query over its plan, by what it was asked under: its contributors' policies
// and the classes that they declared, the grants that it names, who asks, for what, and when. Whoever
// plans the query decides, and all decide alike. The plan is the question's, before anything is withheld. It gives the
// rules that the answer is held to. The error is a *Denied, or tells of grants that the
// question names and does not need.
func (q *QueryState) Decide(plan *engine.Plan) (engine.Disclosure, error) {
	d, err := q.decision(plan)
	if err != nil {
		return engine.Disclosure{}, err
	}
	if !d.Allowed {
		return engine.Disclosure{}, &Denied{Decision: d}
	}
	if !slices.EqualFunc(d.Charges, q.Ask.Grants, func(c policy.Charge, id engine.Digest) bool { return c.Grant == id }) {
		return engine.Disclosure{}, &engine.Error{Code: CodePolicy, Message: fmt.Sprintf("the question names %d grants, and takes uses of others, or of fewer: %d", len(q.Ask.Grants), len(d.Charges))}
	}
	return d.Rules, nil
}

// Base recomputes the plan of the answer from the question's SQL and its contributors' tables as they were, before anything
// is withheld: the one that policies decide by. Cost: that of planning.
func (q *QueryState) Base(p engine.Packing) (*engine.Plan, error) { return planOf(q, p) }

func (q *QueryState) decision(plan *engine.Plan) (policy.Decision, error) {
	f, err := policy.FactsOf(plan, q.Ask.Question)
	if err != nil {
		return policy.Decision{}, err
	}
	return policy.Decide(&f, q.context()), nil
}

// context is what a question is decided by, beside its plan.
func (q *QueryState) context() *policy.Context {
	c := policy.Context{Time: q.records[0].Time / 1000, Asker: q.asker, Purpose: q.Ask.Purpose, Basis: q.Ask.Basis}
	for _, p := range q.ruling.policies {
		c.Documents = append(c.Documents, p.document)
	}
	for i, g := range q.ruling.grants {
		c.Grants = append(c.Grants, policy.Held{Grant: g.grant, Used: q.ruling.charges[i].Used})
	}
	for i, t := range q.tables {
		c.Spent = append(c.Spent, policy.Spent{Department: t.registration.Department, Rho: q.ruling.spending[i].Spent})
		c.Classes = append(c.Classes, t.classes(q.ruling.ceilings))
	}
	return &c
}

// checkCurrent refuses a plan, of a department that contributes, over another version of its table than
// the ledger's.
func checkCurrent(ledger *State, query *QueryState, plan *engine.Plan, department Key) error {
	if query.contributor(department) < 0 {
		return nil
	}
	for _, name := range plan.Tables() {
		asked := func(r engine.Registration) bool { return r.Department == ledger.NameOf(department) && r.Table == name }
		if plan.Linked() != nil && !slices.ContainsFunc(plan.Catalogue(), asked) {
			continue // it holds the other one
		}
		var own engine.Registration
		if t := ledger.table(ledger.NameOf(department), name); t != nil {
			own = t.registration
		}
		if err := plan.Current(own); err != nil {
			return err
		}
	}
	return nil
}

// Kept are the questions that the state still holds, ascending by number: the open ones, and the last that ended.
func (s *State) Kept() []*QueryState { return s.byNumber() }

// Reconsider decides about a question as if the departments of these documents had had them as their policies for its
// table; of the others, and without any, by what it was asked under. Time, grants and classes are those of the Ask.
// Of several rounds it is the first that decides for all. Cost: that of planning the question.
func (q *QueryState) Reconsider(p engine.Packing, documents ...policy.Document) (policy.Decision, error) {
	f, err := q.facts(p)
	if err != nil {
		return policy.Decision{}, err
	}
	c := q.context()
	for i := range c.Documents {
		for _, d := range documents {
			if d.Department == c.Documents[i].Department && d.Table == c.Documents[i].Table {
				c.Documents[i] = d
			}
		}
	}
	return policy.Decide(f, c), nil
}

// facts are those of the question as a person asks it: of all its rounds.
func (q *QueryState) facts(p engine.Packing) (*policy.Facts, error) {
	a, tables := &q.Ask, q.Registrations
	if a.Round == 0 {
		plan, err := planOf(q, p)
		if err != nil {
			return nil, err
		}
		f, err := policy.FactsOf(plan, "")
		return &f, err
	}
	session, err := engine.NewSession(a.Question, tables, a.Departments, p)
	if err != nil {
		return nil, err
	}
	f, err := policy.FactsOfQuestion(session, a.Question)
	return &f, err
}
