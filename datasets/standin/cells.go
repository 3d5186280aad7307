package standin

import (
	"context"
	"fmt"
	"math/big"
	"slices"

	"parley/engine"
)

// checkEvery is after how many rows the context is looked at.
const checkEvery = 64

// Cells are the department's cells of a plan over the stand-in, as datasets.Table.Aggregate would compute them over its
// rows: by the engine's own evaluation, row by row.
func (t *Table) Cells(ctx context.Context, p *engine.Plan) ([]*big.Int, error) {
	a := newTally(t, p)
	for row := range t.rows {
		if row%checkEvery == 0 && ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if err := a.add(row); err != nil {
			return nil, err
		}
	}
	a.weights.Finish(a.cells)
	return a.cells, nil
}

// tally is a plan's cells in the making.
type tally struct {
	plan   *engine.Plan
	values [][]engine.Datum // by the plan's columns; nil: not read yet
	read   func(column int) []engine.Datum
	groups []map[string]int // of each key, its values' places by their texts
	nulls  []int            // of each key, the place of NULL, or −1
	tests  [][]test         // of each moment
	terms  []*engine.Expr   // that tests compare
	cells  []*big.Int
	// weights are of the cells that are slacks.
	weights *engine.Weights

	row, group int
	known      []*engine.Datum // the terms' values in this row
}

// test is a condition without which a moment's filter is not true: that a term, which many filters have, compares to
// a constant. Thousands of filters, of a histogram's ranges or a dictionary's values, are decided by a few terms.
type test struct {
	term     int
	op       engine.Op
	constant engine.Datum
}

func newTally(t *Table, p *engine.Plan) *tally {
	a := &tally{plan: p, values: make([][]engine.Datum, len(p.Schema.Columns)), cells: make([]*big.Int, p.CellCount()), weights: engine.NewWeights(p)}
	a.read = func(column int) []engine.Datum {
		i := slices.IndexFunc(t.registration.Columns, func(c engine.Column) bool { return c.Name == p.Schema.Columns[column].Name })
		return t.Column(i) // a plan's departments have the same columns
	}
	for i := range a.cells {
		a.cells[i] = new(big.Int)
	}
	for _, g := range p.Groups {
		places, null := map[string]int{}, -1
		for i, v := range g.Values {
			if v.IsNull() {
				null = i
			} else {
				places[v.String()] = i
			}
		}
		a.groups, a.nulls = append(a.groups, places), append(a.nulls, null)
	}
	known := map[string]int{}
	for _, m := range p.Moments {
		a.tests = append(a.tests, a.testsOf(m.Filter, known))
	}
	a.known = make([]*engine.Datum, len(a.terms))
	return a
}

// testsOf are the tests of a filter; known are the terms by their encodings.
func (a *tally) testsOf(filter *engine.Expr, known map[string]int) (tests []test) {
	switch {
	case filter == nil:
	case filter.Op == engine.OpAnd:
		for _, part := range filter.Args {
			tests = append(tests, a.testsOf(part, known)...)
		}
	case filter.Op >= engine.OpEqual && filter.Op <= engine.OpGreaterEq && filter.Op != engine.OpNotEqual &&
		filter.Args[1].Op == engine.OpConstant && !filter.Args[1].Value.IsNull():
		key := string(engine.Marshal(filter.Args[0]))
		at, ok := known[key]
		if !ok {
			at = len(a.terms)
			known[key] = at
			a.terms = append(a.terms, filter.Args[0])
		}
		tests = append(tests, test{at, filter.Op, filter.Args[1].Value})
	}
	return tests
}

// add adds a row to its group's cells.
func (a *tally) add(row int) error {
	a.row, a.group = row, 0
	clear(a.known)
	pass, err := a.holds(a.plan.Filter)
	if err != nil || !pass {
		return err
	}
	group := 0
	for i, g := range a.plan.Groups {
		v, err := g.Expr.Eval(a.value)
		if err != nil {
			return err
		}
		at, ok := a.groups[i][v.String()]
		if v.IsNull() {
			at, ok = a.nulls[i], a.nulls[i] >= 0
		}
		if !ok {
			return fmt.Errorf("a made-up row is in no group of the plan")
		}
		group = group*len(g.Values) + at
	}
	a.group = group
	for m := range a.plan.Moments {
		if err := a.moment(m); err != nil {
			return err
		}
	}
	return nil
}

// moment adds the row to one cell.
func (a *tally) moment(at int) error {
	m, cell := &a.plan.Moments[at], a.cells[a.group*len(a.plan.Moments)+at]
	for _, t := range a.tests[at] {
		if pass, err := a.passes(t); err != nil || !pass {
			return err
		}
	}
	pass, err := a.holds(m.Filter)
	switch {
	case err != nil || !pass:
		return err
	case m.Op == engine.CountRows:
		cell.Add(cell, one)
		return nil
	case m.Op == engine.Present:
		cell.Set(one)
		return nil
	}
	v, err := m.Expr.Eval(a.value)
	switch {
	case err != nil || v.IsNull():
	case m.Op == engine.CountNonNull:
		cell.Add(cell, one)
	case m.Op == engine.Weigh:
		a.weights.Add(a.group*len(a.plan.Moments)+at, v.Number)
	default:
		cell.Add(cell, v.Number)
	}
	return err
}

var one = big.NewInt(1)

// passes reports whether a test may be true in this row.
func (a *tally) passes(t test) (bool, error) {
	if a.known[t.term] == nil {
		v, err := a.terms[t.term].Eval(a.value)
		if err != nil {
			return false, err
		}
		a.known[t.term] = &v
	}
	v := *a.known[t.term]
	if v.IsNull() {
		return false, nil
	}
	order := v.Compare(t.constant)
	switch t.op {
	case engine.OpEqual:
		return order == 0, nil
	case engine.OpLess:
		return order < 0, nil
	case engine.OpLessEqual:
		return order <= 0, nil
	case engine.OpGreater:
		return order > 0, nil
	}
	return order >= 0, nil
}

// holds reports whether a filter, possibly none, is true in this row.
func (a *tally) holds(filter *engine.Expr) (bool, error) {
	if filter == nil {
		return true, nil
	}
	v, err := filter.Eval(a.value)
	return err == nil && v.Bool, err
}

// value is this row's value of a column, or where a search's range starts in its group.
func (a *tally) value(column int) engine.Datum {
	if column < 0 {
		return a.plan.Start(-1-column, a.group)
	}
	if a.values[column] == nil {
		a.values[column] = a.read(column)
	}
	return a.values[column][a.row]
}
