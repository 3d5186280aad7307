package engine

import "slices"

// Current checks that a plan is over the registration that a department serves now (own) of one of its tables, byte
// for byte. An *Error with CodePolicy says what differs, which reveals nothing of any row. README
// section 7.
func (p *Plan) Current(own Registration) error {
	if !slices.Contains(p.Departments, own.Department) {
		return refuse(CodePolicy, 0, "department %s is not asked to contribute", quote(own.Department))
	}
	tables := p.Catalogue()
	switch i := tables.find(own.Table, own.Department); {
	case i < 0:
		return refuse(CodePolicy, 0, "the plan is about table %s, not %s", quote(p.Table), quote(own.Table))
	case !equalRegistration(tables[i], own):
		return hinted(refuse(CodePolicy, 0, "table %s of department %s has changed: the plan has version %d, the department version %d",
			quote(own.Table), quote(own.Department), tables[i].Version, own.Version), "ask again")
	}
	return nil
}
