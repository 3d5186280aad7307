package datasets

import (
	"context"
	"fmt"
	"math/big"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"

	"parley/datasets/files"
	"parley/engine"
)

// stream computes the cells row by row with the engine's own evaluation and
// integers of any size: for plans whose numbers pass 126 bits, and as the
// check of the SQL that does the rest (README, section 6.3).
func (a *aggregation) stream(ctx context.Context) ([]*big.Int, error) {
	cells := a.zeros()
	for _, batch := range a.table.batches {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if err := a.streamBatch(batch, cells); err != nil {
			return nil, err
		}
	}
	return cells, nil
}

func (a *aggregation) streamBatch(batch arrow.Record, cells []*big.Int) error {
	row, group := 0, 0
	stored := func(column int) engine.Datum {
		if column < 0 { // where a search's range starts in this group
			return a.plan.Start(-1-column, group)
		}
		from := a.columns[column]
		return from.datum(batch.Column(from.index), row)
	}
	moments := len(a.moments)
	for ; row < int(batch.NumRows()); row++ {
		var failed error
		value := a.scoresOf(stored, &failed)
		pass, err := holds(a.plan.Filter, value)
		if err != nil {
			return err
		}
		if !pass {
			continue
		}
		group = 0
		for i, g := range a.plan.Groups {
			v, err := g.Expr.Eval(value)
			if err != nil {
				return err
			}
			if group, err = a.extend(group, i, v.String(), v.IsNull()); err != nil {
				return err
			}
		}
		for m, moment := range a.moments {
			if err := addMoment(cells[group*moments+m], moment, value); err != nil {
				return err
			}
		}
		if failed != nil {
			return failed
		}
	}
	return nil
}

// addMoment adds one row to a cell.
func addMoment(cell *big.Int, m engine.Moment, value func(int) engine.Datum) error {
	pass, err := holds(m.Filter, value)
	if err != nil || !pass {
		return err
	}
	switch m.Op {
	case engine.CountRows:
		cell.Add(cell, one)
		return nil
	case engine.Present:
		cell.Set(one)
		return nil
	}
	if m.Expr == nil {
		return fmt.Errorf("datasets: a moment without an expression")
	}
	v, err := m.Expr.Eval(value)
	switch {
	case err != nil:
		return err
	case v.IsNull():
	case m.Op == engine.CountNonNull:
		cell.Add(cell, one)
	case m.Op == engine.Sum && v.Number != nil:
		cell.Add(cell, v.Number)
	default:
		return fmt.Errorf("datasets: moment operation %d over %s", m.Op, v.Kind)
	}
	return nil
}

var one = big.NewInt(1)

// holds reports whether a filter, possibly none, is true: neither false nor NULL.
func holds(filter *engine.Expr, value func(int) engine.Datum) (bool, error) {
	if filter == nil {
		return true, nil
	}
	v, err := filter.Eval(value)
	return err == nil && v.Kind == engine.Boolean && v.Bool, err
}

// datum is one value of a column at the schema's kind and scale.
func (s sourceOf) datum(values arrow.Array, row int) engine.Datum {
	if values.IsNull(row) {
		return engine.Datum{}
	}
	var n *big.Int
	switch v := values.(type) {
	case *array.String:
		return engine.NewText(v.Value(row))
	case *array.Boolean:
		return engine.NewBoolean(v.Value(row))
	case *array.Date32:
		return engine.NewDate(int64(v.Value(row)))
	case *array.Int64:
		n = big.NewInt(v.Value(row))
	case *array.Decimal128:
		n = v.Value(row).BigInt()
	default:
		return engine.Datum{}
	}
	if places := s.scale - s.own.scale; places > 0 {
		n.Mul(n, files.PowerOfTen(places))
	}
	return engine.Datum{Kind: s.kind, Number: n, Scale: s.scale}
}
