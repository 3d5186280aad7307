package engine

import (
	"math/big"
	"slices"
)

// united are the groups of each of the plan's sets, from those of all its columns: the cells of
// groups that differ in other columns alone are added up, which needs nothing of the departments.
// README section 16.
func (p *Plan) united(groups []group) []group {
	if len(p.Sets) == 0 {
		return groups
	}
	var out []group
	for s, set := range p.Sets {
		places := map[string]int{}
		from := len(out)
		for _, g := range groups {
			values := make([]Datum, len(g.values))
			for _, column := range set {
				values[column] = g.values[column]
			}
			key := string(Marshal(values))
			at, known := places[key]
			if !known {
				at = len(out) - from
				places[key] = at
				out = append(out, group{plan: p, index: g.index, set: s, values: values, cells: slices.Clone(g.cells),
					reasons: slices.Clone(g.reasons), shown: g.shown, parts: 1})
				continue
			}
			out[from+at].join(g)
			for m, cell := range g.cells {
				out[from+at].cells[m] = new(big.Int).Add(out[from+at].cells[m], cell)
			}
		}
	}
	return out
}

// has reports whether a group's set holds a column of GROUP BY.
func (g group) has(column int) bool {
	return len(g.plan.Sets) == 0 || slices.Contains(g.plan.Sets[g.set], column)
}

// grouping is the value of OpGrouping.
func (g group) grouping(e *Expr) value {
	bits := int64(0)
	for _, a := range e.Args {
		bits <<= 1
		if !g.has(a.Column) {
			bits |= 1
		}
	}
	return whole(big.NewInt(bits))
}
