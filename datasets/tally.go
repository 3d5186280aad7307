package datasets

import (
	"fmt"
	"math/big"

	"parley/datasets/calls"
	"parley/datasets/dialect"
	"parley/datasets/files"
	"parley/engine"
)

// tallyStep is the SELECT of a tally: the group columns, its own, its parts.
func (a *aggregation) tallyStep(b *dialect.Tally) (step, error) {
	w := a.writer()
	var keys, parts []string
	var places []int
	for _, c := range b.Columns {
		keys = append(keys, w.KeyOf(w.Columns[c]))
	}
	for _, m := range b.Parts {
		part, k, err := w.Moment(m, a.table.rows)
		if err != nil {
			return step{}, err
		}
		parts, places = append(parts, part), append(places, k)
	}
	statement, err := a.selection(w, keys, parts, b.Rest)
	return step{statement, len(keys) + len(parts), false, func(cells []*big.Int, group int, row []any) error {
		values := make([]string, len(b.Columns))
		for i, c := range b.Columns {
			text, null, err := keyText(a.columns[c].own, row[i])
			if err != nil || null {
				return err
			}
			values[i] = text
		}
		for part := range b.Parts {
			m, ok := b.Find(part, values)
			if !ok {
				continue
			}
			v, err := a.cell(row[len(b.Columns)+part], places[part])
			if err != nil {
				return err
			}
			cells[group*len(a.moments)+m] = v
		}
		return nil
	}}, err
}

// rangesStep is the SELECT of the group columns, the expression and its count, whose rows are added to
// the cells.
func (a *aggregation) rangesStep(r *dialect.Ranges) (step, error) {
	w := a.writer()
	value, err := w.Expression(r.X)
	if err != nil {
		return step{}, err
	}
	statement, err := a.selection(w, []string{value}, []string{"count(*)"}, r.Rest, value+" IS NOT NULL")
	return step{statement, 2, false, func(cells []*big.Int, group int, values []any) error {
		v, err := a.cell(values[0], 0)
		if err != nil {
			return err
		}
		n, err := a.cell(values[1], 0)
		if err != nil {
			return err
		}
		if r.Start != nil {
			v = new(big.Int).Sub(v, a.startOf(r.Start, group))
		}
		if m := r.Find(v); m >= 0 {
			cell := cells[group*len(a.moments)+m]
			cell.Add(cell, n)
		}
		return nil
	}}, err
}

// startOf is the value of OpStart in a group, in units of the expression's scale.
func (a *aggregation) startOf(e *engine.Expr, group int) *big.Int {
	d := a.plan.Start(e.Column, group)
	if d.Number == nil {
		return new(big.Int)
	}
	return new(big.Int).Mul(d.Number, files.PowerOfTen(e.Scale-d.Scale))
}

// patternStep is the SELECT of patterns: the group columns, which conditions hold, the parts.
func (a *aggregation) patternStep(b *dialect.Patterns) (step, error) {
	w := a.writer()
	keys, err := b.Keys(w)
	if err != nil {
		return step{}, err
	}
	var parts []string
	var places []int
	for _, m := range b.Parts {
		part, k, err := w.Moment(m, a.table.rows)
		if err != nil {
			return step{}, err
		}
		parts, places = append(parts, part), append(places, k)
	}
	statement, err := a.selection(w, keys, parts, nil)
	return step{statement, len(keys) + len(parts), false, func(cells []*big.Int, group int, row []any) error {
		values := make([]*big.Int, len(parts))
		for i := range parts {
			if values[i], err = a.cell(row[len(keys)+i], places[i]); err != nil {
				return err
			}
		}
		for k := range keys {
			bits, ok := calls.Whole(row[k])
			if !ok {
				return fmt.Errorf("datasets: conditions came back as %T", row[k])
			}
			b.Deal(k, bits, values, cells[group*len(a.moments):(group+1)*len(a.moments)])
		}
		return nil
	}}, err
}
