package dialect

import (
	"fmt"
	"maps"
	"math/big"
	"slices"

	"parley/datasets/files"
	"parley/engine"
)

// julianEpoch is the Julian day of 1970-01-01.
const julianEpoch = 2440588

func writePart(w Writer, e *engine.Expr, args []string, n width) (string, error) {
	field := e.Args[1].Value.Text
	if part := w.Dialect.parts[field]; part != nil && w.Dialect.holds(e.Args[0]) {
		return repeated("CAST("+part(w.Dialect.date(args[0]))+" AS "+n.name+")", args[0])
	}
	switch field {
	case "epoch":
		return fmt.Sprintf("(CAST(%s AS %s) * %d)", args[0], n.name, files.SecondsPerDay), nil
	case "julian":
		return fmt.Sprintf("(CAST(%s AS %s) + %d)", args[0], n.name, julianEpoch), nil
	}
	return "", nil
}

func writeTruncate(w Writer, e *engine.Expr, args []string, _ width) (string, error) {
	field := e.Args[1].Value.Text
	if field == "day" {
		return args[0], nil
	}
	if truncation := w.Dialect.truncations[field]; truncation != nil && w.Dialect.holds(e.Args[0]) {
		return repeated(w.Dialect.dayNumber(truncation(w.Dialect.date(args[0]))), args[0])
	}
	return "", nil
}

// holds reports whether each day that e can be is a DATE.
func (d *Dialect) holds(e *engine.Expr) bool {
	if d.firstDay == d.lastDay || e.Min == nil {
		return true
	}
	return e.Min.Cmp(big.NewInt(d.firstDay)) >= 0 && e.Max.Cmp(big.NewInt(d.lastDay)) <= 0
}

// Parts are the fields of a date that the dialect has a form of its own for, and Periods those that a
// date is truncated to; the rest is left to the engine.
func (d *Dialect) Parts() []string   { return slices.Sorted(maps.Keys(d.parts)) }
func (d *Dialect) Periods() []string { return slices.Sorted(maps.Keys(d.truncations)) }
