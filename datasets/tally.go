package datasets

import (
	"math/big"
	"slices"

	"parley/datasets/dialect"
	"parley/engine"
)

// tallyMoments is from how many moments on, that differ only in the values that some
// columns must have, one GROUP BY over those columns is asked instead of a FILTER each.
const tallyMoments = 4

// tally is moments that one SELECT computes, grouped by columns: those whose FILTER is
// the same condition and that the columns have certain values (README, section 6.2).
type tally struct {
	columns []int        // of the plan's schema
	rest    *engine.Expr // what else FILTER asks; nil for nothing
	parts   []engine.Moment
	// places finds by the columns' values, as canonical texts, and the number of the
	// part the moment.
	places map[string]int
	size   int
}

// tallies takes apart the moments: those for one statement with FILTERs, and the rest
// by tallies, in a fixed order.
func (a *aggregation) tallies() (single []int, batches []*tally) {
	byKey := map[string]*tally{}
	member := make([]*tally, len(a.moments))
	for i, m := range a.moments {
		columns, values, rest := dialect.Indicators(m.Filter)
		if len(columns) == 0 || a.twins[i] != i {
			continue
		}
		key := string(engine.Marshal(columns)) + string(engine.Marshal(rest))
		b := byKey[key]
		if b == nil {
			b = &tally{columns: columns, rest: rest, places: map[string]int{}}
			byKey[key] = b
			batches = append(batches, b)
		}
		part := slices.IndexFunc(b.parts, func(p engine.Moment) bool {
			return p.Op == m.Op && slices.Equal(engine.Marshal(p.Expr), engine.Marshal(m.Expr))
		})
		if part < 0 {
			part = len(b.parts)
			b.parts = append(b.parts, engine.Moment{Op: m.Op, Expr: m.Expr})
		}
		b.places[spot(part, values)] = i
		b.size++
		member[i] = b
	}
	for i := range a.moments {
		if a.twins[i] == i && (member[i] == nil || member[i].size < tallyMoments) {
			single = append(single, i)
		}
	}
	return single, slices.DeleteFunc(batches, func(b *tally) bool { return b.size < tallyMoments })
}

// spot is the key of a moment in a tally.
func spot(part int, values []string) string {
	return string(engine.Marshal(part)) + string(engine.Marshal(values))
}

// tallyStep is the SELECT of a tally: the group columns, its own, its parts.
func (a *aggregation) tallyStep(b *tally) (step, error) {
	w := a.writer()
	var keys, parts []string
	var places []int
	for _, c := range b.columns {
		keys = append(keys, w.KeyOf(w.Columns[c]))
	}
	for _, m := range b.parts {
		part, k, err := w.Moment(m, a.table.rows)
		if err != nil {
			return step{}, err
		}
		parts, places = append(parts, part), append(places, k)
	}
	statement, err := a.selection(w, keys, parts, b.rest)
	return step{statement, len(keys) + len(parts), false, func(cells []*big.Int, group int, row []any) error {
		values := make([]string, len(b.columns))
		for i, c := range b.columns {
			text, null, err := keyText(a.columns[c].own, row[i])
			if err != nil || null {
				return err
			}
			values[i] = text
		}
		for part := range b.parts {
			m, ok := b.places[spot(part, values)]
			if !ok {
				continue
			}
			v, err := a.cell(row[len(b.columns)+part], places[part])
			if err != nil {
				return err
			}
			cells[group*len(a.moments)+m] = v
		}
		return nil
	}}, err
}
