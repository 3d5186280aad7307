package protocols

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"parley/engine"
)

// NewQuestion plans a question over a whole catalogue, whether it takes one round or several:
// over the departments given, or all that hold the question's tables, each of them. The error is an
// *engine.Error. The plans depend on the contributors' registrations of those tables only. A join across departments is refused.
func NewQuestion(sql string, all engine.Catalogue, departments []string, p engine.Packing) (*engine.Session, error) {
	return newQuestion(sql, all, departments, p, engine.NewSession)
}

// NewLinkedQuestion plans what NewQuestion plans, and joins across departments, for networks that answer these (Network.Joins): over the
// departments given, or all that hold one of the tables.
func NewLinkedQuestion(sql string, all engine.Catalogue, departments []string, p engine.Packing) (*engine.Session, error) {
	return newQuestion(sql, all, departments, p, engine.NewLinkedSession)
}

func newQuestion(sql string, all engine.Catalogue, departments []string, p engine.Packing,
	plan func(string, engine.Catalogue, []string, engine.Packing) (*engine.Session, error)) (*engine.Session, error) {
	if len(departments) > 0 || len(all) == 0 {
		return plan(sql, all, departments, p)
	}
	tables, err := engine.TablesOf(sql, all)
	if err != nil {
		return nil, err
	}
	whole, some := Holders(all, tables)
	if len(some) > 0 && placed(all, tables) {
		session, err := plan(sql, all, slices.Sorted(slices.Values(slices.Concat(whole, some))), p)
		if err == nil || len(whole) == 0 || unanswered(err) {
			return session, err
		}
	}
	if len(whole) == 0 {
		return nil, &engine.Error{Code: engine.CodeTable, Message: "no department holds all the tables " + quotedNames(tables) + ", so none can join them",
			Hint: fmt.Sprintf("%s hold one or more of them; across departments tables are joined by their persons' keys, on one spine (node.toml: key, spine, of; parley try: --key COLUMN --spine TABLE)",
				strings.Join(some, ", "))}
	}
	session, err := plan(sql, all, whole, p)
	if err == nil {
		session.Partial(some)
	}
	return session, err
}

// placed reports whether some department declares that the keys of one of the tables are on a spine.
func placed(all engine.Catalogue, tables []string) bool {
	return slices.ContainsFunc(all, func(r engine.Registration) bool { return r.Linkage.Declared() && slices.Contains(tables, r.Table) })
}

func unanswered(err error) bool {
	var e *engine.Error
	return errors.As(err, &e) && e.Code == engine.CodeUnanswered
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
