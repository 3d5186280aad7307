package protocols

import (
	"parley/engine"
)

// NewQuestion plans a question over a whole catalogue, whether it takes one round or several:
// over the departments given, or all that hold the question's table. The error is an
// *engine.Error. The plans depend on the contributors' registrations of that one table only.
func NewQuestion(sql string, all engine.Catalogue, departments []string, p engine.Packing) (*engine.Session, error) {
	if len(departments) == 0 && len(all) > 0 {
		table, err := engine.TableOf(sql, all)
		if err != nil {
			return nil, err
		}
		for _, r := range all {
			if r.Table == table {
				departments = append(departments, r.Department)
			}
		}
	}
	return engine.NewSession(sql, all, departments, p)
}
