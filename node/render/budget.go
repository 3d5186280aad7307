package render

import (
	"fmt"

	"parley/engine"
	"parley/engine/policy"
	"parley/engine/privacy"
	"parley/node/failure"
	"parley/protocols"
)

// Budget is what a person's questions cost of a department's budget of differential privacy, as --json prints it.
type Budget struct {
	Department string `json:"department"`
	Table      string `json:"table"`
	Person     string `json:"person"` // the first key, as policies name it
	Name       string `json:"name"`
	Of         string `json:"of"` // the person's department; "" where none vouches for it any more
	Purpose    string `json:"purpose"`
	Rho        string `json:"rho"`     // of zCDP
	Epsilon    string `json:"epsilon"` // what that is, for delta
	Most       string `json:"budget"`  // by the policy in force; "" where it has none
	Delta      string `json:"delta"`
	Left       int64  `json:"left"` // questions at the price of the policy in force
}

// BudgetOf is an account as the ledger's state has it.
func BudgetOf(s *protocols.State, b protocols.Budget) Budget {
	out := Budget{Department: b.Department, Table: b.Table, Person: policy.Key(b.Person).String(), Purpose: b.Purpose, Rho: privacy.Decimal(b.Rho, privacy.Nano),
		Epsilon: privacy.Decimal(b.Epsilon, privacy.Micro), Left: b.Left}
	out.Name, out.Of = PersonOf(s, b.Person)
	if b.Most > 0 {
		out.Most, out.Delta = privacy.Decimal(b.Most, privacy.Micro), privacy.Decimal(b.Delta, privacy.Pico)
	}
	return out
}

// Budgets lists accounts for people.
func Budgets(budgets []Budget) string {
	var b Page
	for _, g := range budgets {
		b.put("", failure.Printable(fmt.Sprintf("%s's budget for %s%s", g.Department, g.Name, ofDepartment(g.Of))))
		b.row("table", "%s", g.Table)
		b.row("purpose", "%s", g.Purpose)
		if g.Most == "" {
			b.row("spent", "ρ = %s; the policy in force has no budget", g.Rho)
			continue
		}
		b.row("spent", "ε = %s of %s, for δ = %s (ρ = %s)", g.Epsilon, g.Most, g.Delta, g.Rho)
		b.row("left", "%s at the price of the policy in force; several cost less than the sum of what each costs", engine.Plural(g.Left, "question"))
	}
	return b.String() + "(" + engine.Plural(len(budgets), "account") + ")\n"
}
