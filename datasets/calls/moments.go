package calls

import (
	"fmt"
	"math/big"

	"parley/engine"
)

// Adder adds rows to cells, by the engine's own evaluation. Its zero value has met none.
type Adder struct {
	keys map[int]map[string]bool // by cell of a moment of keys, those that it has counted
}

// Add adds one row to a cell of a moment, or to what a slack is made of at the end, if the row passes the moment's filter.
func (a *Adder) Add(cells []*big.Int, at int, m engine.Moment, value func(int) engine.Datum, weigh func(x *big.Int)) error {
	pass, err := Holds(m.Filter, value)
	if err != nil || !pass {
		return err
	}
	cell := cells[at]
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
	case m.Op == engine.CountNonNull, m.Op == engine.CountKeys && a.meets(at, v.String()):
		cell.Add(cell, one)
	case m.Op == engine.CountKeys:
	case m.Op == engine.Sum && v.Number != nil:
		cell.Add(cell, v.Number)
	case m.Op == engine.Weigh && v.Number != nil:
		weigh(v.Number)
	default:
		return fmt.Errorf("datasets: moment operation %d over %s", m.Op, v.Kind)
	}
	return nil
}

// meets reports whether a cell has not met a key before.
func (a *Adder) meets(cell int, key string) bool {
	if a.keys == nil {
		a.keys = map[int]map[string]bool{}
	}
	if a.keys[cell] == nil {
		a.keys[cell] = map[string]bool{}
	}
	known := a.keys[cell][key]
	a.keys[cell][key] = true
	return !known
}

var one = big.NewInt(1)

// Holds reports whether a filter, possibly none, is true: neither false nor NULL.
func Holds(filter *engine.Expr, value func(int) engine.Datum) (bool, error) {
	if filter == nil {
		return true, nil
	}
	v, err := filter.Eval(value)
	return err == nil && v.Kind == engine.Boolean && v.Bool, err
}
