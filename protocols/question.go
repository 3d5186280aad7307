package protocols

import (
	"parley/engine"
)

// NewQuestion is PlanQuestion for a question that may take several rounds: its session,
// over the departments given or all that hold the question's table. The error is
// PlanQuestion's, an *engine.Error.
func NewQuestion(sql string, all engine.Catalogue, departments []string, p engine.Packing) (*engine.Session, error) {
	plan, err := PlanQuestion(sql, all, departments, p)
	switch {
	case err == nil:
		return engine.NewSession(sql, all, plan.Departments, p)
	case len(departments) > 0:
		return engine.NewSession(sql, all, departments, p)
	}
	for start := 0; start < len(all); {
		end := start
		var holders []string
		for ; end < len(all) && all[end].Table == all[start].Table; end++ {
			holders = append(holders, all[end].Department)
		}
		s, refused := engine.NewSession(sql, all, holders, p)
		if refused == nil && s.Plan().Table == all[start].Table {
			return s, nil
		}
		start = end
	}
	return nil, err
}
