// Package open is the policy that allows everybody who is vouched for as an analyst every question
// about a table: what a demonstration prints, and what tests of other things use. Nothing else may
// import it, which TestOpenPolicy of the root holds.
package open

import (
	"maps"
	"slices"

	"parley/engine/policy"
)

// Policy is that of a department for one of its tables.
func Policy(department, table string) policy.Document {
	all := []string{policy.Any}
	return policy.Document{Department: department, Table: table, Version: 1, Rules: []policy.Rule{{Name: "open", Who: []string{"anyone"},
		Terms: policy.Terms{Filter: all, Group: all, Aggregate: all, Join: all, Functions: all}}}}
}

// Linked is Policy of a table whose persons other departments know too: it admits departments to the spine that is made of the table, if one
// is, and no answer to a join across departments shows fewer persons than count; 0: than usual.
func Linked(department, table string, count int64, admitted []string) policy.Document {
	d := Policy(department, table)
	d.Disclosure.Count, d.Membership = count, admitted
	return d
}

// Draws lets each department of ids draw tokens for so many ids from this one.
func Draws(department string, ids map[string]int64) policy.Document {
	d := policy.Document{Department: department, Version: 1}
	for _, name := range slices.Sorted(maps.Keys(ids)) {
		if name != department && ids[name] > 0 {
			d.Draws = append(d.Draws, policy.Draw{Department: name, IDs: ids[name]})
		}
	}
	return d
}
