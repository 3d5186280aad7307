package policy

import (
	"errors"
	"fmt"

	"parley/engine"
	"parley/engine/privacy"
)

// Cost is what a question takes of a department's budget of differential privacy for a person, a table and a purpose. ρ is in
// units of 10^-9.
type Cost struct {
	_          struct{} `cbor:",toarray"`
	Department string
	Price      int64 // ρ of this question
	Spent      int64 // ρ of the others
	Budget     int64 // ε of all, in units of 10^-6
	Delta      int64 // in units of 10^-12
}

// Fits says whether the budget has room for the question.
func (c *Cost) Fits() bool { return c.Price <= privacy.Rho(c.Budget, c.Delta)-c.Spent }

// Before, With and Most are the ε of what is spent without the question and with it, and of the budget, as decimals.
func (c *Cost) Before() string { return epsilonText(privacy.Epsilon(c.Spent, c.Delta)) }

// With is as Before says.
func (c *Cost) With() string { return epsilonText(privacy.Epsilon(c.Spent+c.Price, c.Delta)) }

// Most is as Before says.
func (c *Cost) Most() string { return epsilonText(c.Budget) }

// Left is how many questions at this price the budget still has room for.
func (c *Cost) Left() int64 {
	return max(0, privacy.Rho(c.Budget, c.Delta)-c.Spent) / max(1, c.Price)
}

func epsilonText(micro int64) string { return privacy.Decimal(micro, privacy.Micro) }

// ofBudget is what a department's budget has against the question. What it costs is the same for all departments: they add noise
// by the strictest of their rules.
func (d *decider) ofBudget(department string, rules *engine.Disclosure) []Missing {
	if rules.Budget == 0 {
		return nil
	}
	c := Cost{Department: department, Price: d.noise.Rho(), Budget: rules.Budget, Delta: rules.Delta}
	for _, s := range d.context.Spent {
		if s.Department == department {
			c.Spent = max(c.Spent, s.Rho)
		}
	}
	d.out.Costs = append(d.out.Costs, c)
	if c.Fits() {
		return nil
	}
	return []Missing{{Reason: BudgetSpent, Detail: fmt.Sprintf("%s, %s, %s", c.Before(), c.With(), c.Most())}}
}

// budgeted checks what a rule needs in a policy with a budget: there is one for each purpose, and no rule by exact counts. The error
// begins with a setting.
func (d *Document) budgeted(r *Rule) error {
	switch {
	case d.Disclosure.Budget == 0:
	case len(r.Terms.Purposes) == 0:
		return errors.New("purposes are missing: with epsilon there is a budget for each, and any purpose would be another budget")
	case r.Terms.Cohort > 0:
		return errors.New("cohort and epsilon exclude each other: what exact counts decide is not differentially private")
	}
	return nil
}
