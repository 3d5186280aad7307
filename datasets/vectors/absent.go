package vectors

import (
	"fmt"
	"slices"

	"parley/engine"
)

// absences are the moments of a plan that ask who has no row, and of each whether a row without a key has been met, because of which nobody has
// none. asked is the plan with what a table is asked instead, which is who has one.
func absences(p *engine.Plan) (nobody map[int]bool, asked *engine.Plan) {
	nobody = map[int]bool{}
	for m, moment := range p.Moments {
		if moment.Op == engine.Absent {
			nobody[m] = false
		}
	}
	if len(nobody) == 0 {
		return nobody, p
	}
	of := *p
	of.Moments = slices.Clone(p.Moments)
	for m := range nobody {
		of.Moments[m].Op = engine.Present
	}
	return nobody, &of
}

// without turns moments from who has a row to who has none. All positions are held then.
func (v *Vectors) without(nobody map[int]bool) error {
	if len(nobody) == 0 {
		return nil
	}
	if v.Groups() != 1 {
		return fmt.Errorf("datasets: who has no row is asked in %d groups", v.Groups())
	}
	if v.Positions > MaxBytes/(8*(1+v.Moments())) {
		return &engine.Error{Code: engine.CodeLimit, Message: fmt.Sprintf("who of %d persons has no row takes more than %d bytes", v.Positions, MaxBytes), Hint: "ask who has one"}
	}
	at := make([]uint32, v.Positions)
	for i := range at {
		at[i] = uint32(i)
	}
	for m, held := range v.values {
		values := make([]int64, v.Positions)
		for i, value := range held {
			values[v.at[i]] = value
		}
		if none, absent := nobody[m]; absent {
			for i := range values {
				if values[i] = 1 - values[i]; none {
					values[i] = 0
				}
			}
		}
		v.values[m] = values
	}
	v.at, v.groups = at, []int{0, len(at)}
	return nil
}
