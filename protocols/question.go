package protocols

import (
	"fmt"
	"slices"
	"strings"

	"parley/engine"
)

// NewQuestion plans a question over a whole catalogue, whether it takes one round or several:
// over the departments given, or all that hold the question's tables, each of them. The error is an
// *engine.Error. The plans depend on the contributors' registrations of those tables only.
func NewQuestion(sql string, all engine.Catalogue, departments []string, p engine.Packing) (*engine.Session, error) {
	var some []string
	if len(departments) == 0 && len(all) > 0 {
		tables, err := engine.TablesOf(sql, all)
		if err != nil {
			return nil, err
		}
		if departments, some = Holders(all, tables); len(departments) == 0 {
			if plan, err := engine.NewLinkedPlan(sql, all, some, p); err == nil {
				return nil, plan.Answerable()
			}
			return nil, &engine.Error{Code: engine.CodeTable, Message: "no department holds all the tables " + quotedNames(tables) + ", so none can join them",
				Hint: fmt.Sprintf("%s hold one or more of them", strings.Join(some, ", "))}
		}
	}
	session, err := engine.NewSession(sql, all, departments, p)
	if err == nil {
		session.Partial(some)
	}
	return session, err
}

// NewLinkedQuestion plans a join across departments, which is explained and not answered yet: over the departments given, or all that
// hold one of the tables. The error is an *engine.Error.
func NewLinkedQuestion(sql string, all engine.Catalogue, departments []string, p engine.Packing) (*engine.Plan, error) {
	if len(departments) == 0 {
		tables, err := engine.TablesOf(sql, all)
		if err != nil {
			return nil, err
		}
		whole, some := Holders(all, tables)
		departments = append(whole, some...)
	}
	return engine.NewLinkedPlan(sql, all, departments, p)
}

// Holders are the departments that hold all of some tables, and those that hold only some of them.
func Holders(all engine.Catalogue, tables []string) (whole, some []string) {
	held := map[string]int{}
	for _, r := range all {
		if slices.Contains(tables, r.Table) {
			held[r.Department]++
		}
	}
	for name, n := range held {
		if n == len(tables) {
			whole = append(whole, name)
		} else {
			some = append(some, name)
		}
	}
	slices.Sort(whole)
	slices.Sort(some)
	return whole, some
}

func quotedNames(names []string) string {
	var out []string
	for _, n := range names {
		out = append(out, `"`+n+`"`)
	}
	return strings.Join(out, " and ")
}
