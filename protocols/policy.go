package protocols

import (
	"slices"

	"parley/engine"
)

// Policy is a department's decision whether it takes part in a query, as far as that follows from
// what everybody may know: the question, its plan and the ledger. Its methods are pure: they keep
// nothing, read no clock and change nothing that they are given. nil admits; an *engine.Error says
// why not, with a code and a sentence that go to the analyst and reveal nothing of any row.
//
// A department without a policy takes part in no query. What a plan must be whatever the policy
// says, the machine checks itself (README section 3.3).
type Policy interface {
	// Hear decides about an analyst, before anything is computed for it.
	Hear(ledger *State, analyst Key) error
	// Admit decides about a query of an analyst who is heard. The plan is the department's own,
	// recomputed. It is asked before Admit is said, of members that contribute and of those that
	// only share the key.
	Admit(ledger *State, query *QueryState, plan *engine.Plan) error
}

// Listed is the policy that admits every plan of the analysts in it, and nobody else's.
type Listed []Key

// Hear implements Policy.
func (l Listed) Hear(_ *State, analyst Key) error {
	if !slices.Contains(l, analyst) {
		return notHeard()
	}
	return nil
}

// Admit implements Policy.
func (l Listed) Admit(ledger *State, query *QueryState, _ *engine.Plan) error {
	return l.Hear(ledger, query.Author)
}

func notHeard() *engine.Error {
	return &engine.Error{Code: CodeNotListed, Message: "this department does not answer this analyst"}
}

// hear is what a department's policy says of an analyst.
func hear(p Policy, ledger *State, analyst Key) error {
	if p == nil {
		return notHeard()
	}
	return p.Hear(ledger, analyst)
}

// admit is a department's decision over a recomputed plan: its policy's, and before it, for one
// that contributes, that the plan is over its table as the ledger has it now.
func admit(p Policy, ledger *State, query *QueryState, plan *engine.Plan, department Key) error {
	if p == nil {
		return notHeard()
	}
	if query.contributor(department) >= 0 {
		var own engine.Registration
		for _, r := range ledger.Catalogue() {
			if r.Table == plan.Table && r.Department == ledger.NameOf(department) {
				own = r
			}
		}
		if err := plan.Current(own); err != nil {
			return err
		}
	}
	return p.Admit(ledger, query, plan)
}
