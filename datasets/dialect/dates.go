package dialect

import (
	"fmt"
	"maps"
	"math/big"
	"math/bits"
	"slices"

	"parley/datasets/layout"
	"parley/engine"
)

// julianEpoch is the Julian day of 1970-01-01.
const julianEpoch = 2440588

func writePart(w Writer, e *engine.Expr, args []string, n width) (string, error) {
	field := e.Args[1].Value.Text
	if clocked(e.Args[0].Kind) {
		return clockPart(e, field, args[0], n)
	}
	if part := w.Dialect.parts[field]; part != nil && w.Dialect.holds(e.Args[0]) {
		return repeated("CAST("+part(w.Dialect.date(args[0]))+" AS "+n.name+")", args[0])
	}
	switch field {
	case "epoch":
		return fmt.Sprintf("(CAST(%s AS %s) * %d)", args[0], n.name, layout.SecondsPerDay), nil
	case "julian":
		return fmt.Sprintf("(CAST(%s AS %s) + %d)", args[0], n.name, julianEpoch), nil
	}
	return "", nil
}

// writeTruncate gives microseconds, of a date too.
func writeTruncate(w Writer, e *engine.Expr, args []string, n width) (string, error) {
	field := e.Args[1].Value.Text
	if clocked(e.Args[0].Kind) {
		c, known := engine.ClockOf(field)
		if !known || c.Unit == 0 {
			return "", nil
		}
		from, shift := sinceFirst(e.Args[0].Kind, args[0], n)
		unit := number(big.NewInt(c.Unit), n.name)
		return "(" + n.divide(from, unit) + " * " + unit + " - " + shift + ")", nil
	}
	if field == "day" {
		return midnight(args[0], n), nil
	}
	if truncation := w.Dialect.truncations[field]; truncation != nil && w.Dialect.holds(e.Args[0]) {
		return repeated(midnight(w.Dialect.dayNumber(truncation(w.Dialect.date(args[0]))), n), args[0])
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

// clocked reports whether values of a kind are counted in microseconds.
func clocked(k engine.Kind) bool {
	return k == engine.Timestamp || k == engine.TimestampTZ || k == engine.Time
}

// midnight is the microseconds of a number of days.
func midnight(days string, n width) string {
	return "(CAST(" + days + " AS " + n.name + ") * " + number(big.NewInt(engine.MicrosPerDay), n.name) + ")"
}

// sinceFirst counts a timestamp from the first that there is, so that it is not negative: quotients are
// truncated toward zero. The days before 1970-01-01 are whole, so that what the clock shows stays.
func sinceFirst(kind engine.Kind, x string, n width) (from, shift string) {
	if kind == engine.Time {
		return x, number(zero, n.name)
	}
	shift = number(big.NewInt(-engine.MinTimestamp), n.name)
	return "(" + x + " + " + shift + ")", shift
}

// bitsOfClock are those of what sinceFirst gives.
func bitsOfClock(e *engine.Expr, _ []int) int {
	if !clocked(e.Args[0].Kind) && !clocked(e.Kind) {
		return 0
	}
	return bits.Len64(engine.MaxTimestamp - engine.MinTimestamp)
}

// clockPart is a field of a timestamp or a time of day, in units of its last place.
func clockPart(e *engine.Expr, field, x string, n width) (string, error) {
	c, known := engine.ClockOf(field)
	switch {
	case !known:
		return "", nil
	case c.Of == 0:
		return x, nil
	}
	from, _ := sinceFirst(e.Args[0].Kind, x, n)
	within := n.modulo(from, number(big.NewInt(c.Of), n.name))
	if c.Per == 1 {
		return within, nil
	}
	return n.divide(within, number(big.NewInt(c.Per), n.name)), nil
}

// writeRetype makes a date a timestamp, at midnight, or the other way round, or a timestamp a time of
// day.
func writeRetype(w Writer, e *engine.Expr, args []string, n width) (string, error) {
	x, from := args[0], e.Args[0].Kind
	perDay := number(big.NewInt(engine.MicrosPerDay), n.name)
	switch {
	case from == engine.Date && clocked(e.Kind):
		return midnight(x, n), nil
	case e.Kind == engine.Date && clocked(from):
		since, _ := sinceFirst(from, x, n)
		return "CAST(" + n.divide(since, perDay) + " - " + number(big.NewInt(-engine.MinDate), n.name) + " AS " + w.Dialect.days + ")", nil
	case e.Kind == engine.Time && from != engine.Time:
		since, _ := sinceFirst(from, x, n)
		return n.modulo(since, perDay), nil
	}
	return x, nil
}

// Parts are the fields of a date that the dialect has a form of its own for, and Periods those that a
// date is truncated to; the rest is left to the engine.
func (d *Dialect) Parts() []string   { return slices.Sorted(maps.Keys(d.parts)) }
func (d *Dialect) Periods() []string { return slices.Sorted(maps.Keys(d.truncations)) }
