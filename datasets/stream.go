package datasets

import (
	"context"
	"math/big"

	"parley/datasets/calls"
	"parley/datasets/files"
	"parley/engine"
)

// stream computes the cells row by row with the engine's own evaluation and
// integers of any size: for plans whose numbers pass 126 bits, and as the
// check of the SQL that does the rest (README, section 6.3).
func (a *aggregation) stream(ctx context.Context) ([]*big.Int, error) {
	cells, weights := a.zeros(), engine.NewWeights(a.plan)
	err := a.table.Each(ctx, func(row []any) error { return a.streamRow(row, cells, weights) })
	if err != nil {
		return nil, err
	}
	weights.Finish(cells)
	return cells, nil
}

// streamRow adds a row to its group's cells.
func (a *aggregation) streamRow(row []any, cells []*big.Int, weights *engine.Weights) error {
	group, value, failed, err := a.inGo(row)
	if err != nil || group < 0 {
		return err
	}
	for m, moment := range a.moments {
		i := group*len(a.moments) + m
		if err := a.adder.Add(cells, i, moment, value, func(x *big.Int) { weights.Add(i, x) }); err != nil {
			return err
		}
	}
	return *failed
}

// inGo gives a row's values, and the group that it belongs to, −1 if it does not pass the plan's filter. A score of the row that cannot
// be computed, once it is asked for, is the failure.
func (a *aggregation) inGo(row []any) (group int, value func(int) engine.Datum, failed *error, err error) {
	limb, failed := a.records.InRow(row), new(error)
	value = a.scoresOf(func(column int) engine.Datum {
		if column < 0 { // where a search's range starts in this group
			return a.plan.Start(-1-column, group)
		}
		from := a.columns[column]
		if from.index < 0 {
			return limb(-1 - from.index)
		}
		return from.datum(row[from.index])
	}, failed)
	if pass, err := calls.Holds(a.plan.Filter, value); err != nil || !pass {
		return -1, nil, nil, err
	}
	for i, g := range a.plan.Groups {
		v, err := g.Expr.Eval(value)
		if err != nil {
			return 0, nil, nil, err
		}
		if group, err = a.extend(group, i, v.String(), v.IsNull()); err != nil {
			return 0, nil, nil, err
		}
	}
	return group, value, failed, nil
}

// datum is one value of a column, as it came from the store, at the schema's kind and scale.
func (s sourceOf) datum(value any) engine.Datum {
	d := calls.DatumOf(s.own.kind, s.own.scale, value)
	if places := s.scale - s.own.scale; d.Number != nil && numeric(s.kind) {
		if places > 0 {
			d.Number = new(big.Int).Mul(d.Number, files.PowerOfTen(places))
		}
		d.Kind, d.Scale = s.kind, s.scale
	}
	return d
}
