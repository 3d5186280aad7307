// Package open is the policy that allows everybody who is vouched for as an analyst every question
// about a table: what a demonstration prints, and what tests of other things use. Nothing else may
// import it, which TestOpenPolicy of the root holds.
package open

import "parley/engine/policy"

// Policy is that of a department for one of its tables.
func Policy(department, table string) policy.Document {
	all := []string{policy.Any}
	return policy.Document{Department: department, Table: table, Version: 1, Rules: []policy.Rule{{Name: "open", Who: []string{"anyone"},
		Terms: policy.Terms{Filter: all, Group: all, Aggregate: all, Join: all, Functions: all}}}}
}
