package engine

import "slices"

// Admit is a department's decision whether to take part in a query, as far as it
// follows from the plan: its own registration in the plan must be the one that its
// node now serves (own), and the analyst's key must be among those listed in its
// configuration. The caller has recomputed the plan. nil admits; an *Error with
// CodePolicy says why not, which reveals nothing of any row. README section 7.
func Admit(p *Plan, analyst [32]byte, listed [][32]byte, own Registration) error {
	i := slices.Index(p.Departments, own.Department)
	switch {
	case !slices.Contains(listed, analyst):
		return hinted(refuse(CodePolicy, 0, "department %s does not list this analyst", quote(own.Department)),
			"ask its operator to add the key to analysts in node.toml")
	case i < 0:
		return refuse(CodePolicy, 0, "department %s is not asked to contribute", quote(own.Department))
	case p.Registrations[i].Table != own.Table:
		return refuse(CodePolicy, 0, "the plan is about table %s, not %s", quote(p.Registrations[i].Table), quote(own.Table))
	case !equalRegistration(p.Registrations[i], own):
		return hinted(refuse(CodePolicy, 0, "table %s of department %s has changed: the plan has version %d, the department version %d",
			quote(own.Table), quote(own.Department), p.Registrations[i].Version, own.Version), "ask again")
	}
	return nil
}
