package engine

import (
	"math/big"
	"strconv"
	"strings"
	"time"

	pg "github.com/pganalyze/pg_query_go/v6"
)

// lapse is an interval, a literal of whole months and days.
type lapse struct{ months, days int64 }

// maxInterval bounds the months and the days of an interval: 9,999 years.
const maxInterval = 9999 * 366

// intervalUnits are the words of an interval, in the singular.
var intervalUnits = map[string]lapse{
	"day": {days: 1}, "week": {days: 7}, "month": {months: 1}, "mon": {months: 1}, "year": {months: 12},
	"decade": {months: 120}, "century": {months: 1200}, "y": {months: 12}, "w": {days: 7}, "d": {days: 1},
}

// bindInterval reads INTERVAL '1 year 3 months'; false if a node is none.
func (b *binder) bindInterval(node *pg.Node) (lapse, bool, error) {
	cast := node.GetTypeCast()
	names := cast.GetTypeName().GetNames()
	if len(names) == 0 || names[len(names)-1].GetString_().GetSval() != "interval" {
		return lapse{}, false, nil
	}
	position := b.at(cast.TypeName.Location)
	literal := cast.Arg.GetAConst().GetSval()
	if literal == nil || len(cast.TypeName.Typmods) > 0 {
		return lapse{}, true, hinted(refuse(CodeUnsupported, position, "this interval is not supported"), "write INTERVAL '3 months'")
	}
	var out lapse
	words := strings.FieldsFunc(lower(literal.Sval), func(r rune) bool { return r == ' ' })
	for i := 0; i < len(words); i += 2 {
		n, err := strconv.ParseInt(words[i], 10, 32)
		if err != nil || i+1 == len(words) {
			return lapse{}, true, badInterval(position, literal.Sval)
		}
		unit, known := intervalUnits[words[i+1]]
		if !known {
			unit, known = intervalUnits[strings.TrimSuffix(words[i+1], "s")]
		}
		if !known {
			return lapse{}, true, badInterval(position, literal.Sval)
		}
		out.months += n * unit.months
		out.days += n * unit.days
	}
	if len(words) == 0 || max(out.months, -out.months, out.days, -out.days) > maxInterval {
		return lapse{}, true, badInterval(position, literal.Sval)
	}
	return out, true, nil
}

func badInterval(position int, text string) error {
	return hinted(refuse(CodeUnsupported, position, "the interval %s is not supported", quote(text)),
		"an interval is made of whole years, months, weeks and days, as in '1 year 3 months'")
}

// shifted is the day so many months later, at the latest the month's last day, and then so many
// days later.
func shifted(days int64, by lapse) int64 {
	t := dayOf(days)
	month := int64(t.Year())*12 + int64(t.Month()) - 1 + by.months
	year, m := int(floorDiv(month, 12)), month-floorDiv(month, 12)*12
	last := civil(year, time.Month(m+2), 0)
	first := civil(year, time.Month(m+1), 1)
	return min(first+int64(t.Day())-1, last) + by.days
}

// lapseOf reads the arguments of OpShift.
func lapseOf(args []Datum) lapse { return lapse{args[1].Number.Int64(), args[2].Number.Int64()} }

func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}

// bindShift types date ± interval, a timestamp.
func (b *binder) bindShift(x *Expr, by lapse, op Op, in place, position int) (*Expr, error) {
	x, err := b.coerce(x, Date, position)
	if err != nil {
		return nil, err
	}
	if !x.Kind.daily() {
		return nil, refuse(CodeType, position, "an interval is added to a date, not to %s", x.Kind.article())
	}
	if op == OpSubtract {
		by = lapse{-by.months, -by.days}
	}
	out := &Expr{Op: OpShift, Args: []*Expr{x, integer(big.NewInt(by.months)), integer(big.NewInt(by.days))}, Kind: max(x.Kind, Timestamp)}
	if x.Kind == Date {
		out.Kind = Timestamp
	}
	if out, err = b.rowExpr(out, in, position); err != nil {
		return nil, err
	}
	return out, b.withinDates(out, position)
}

// withinDates refuses what may be beyond the dates that there are.
func (b *binder) withinDates(e *Expr, position int) error {
	if e.Min != nil && (e.Min.Cmp(big.NewInt(MinDate)) < 0 || e.Max.Cmp(big.NewInt(MaxDate)) > 0) {
		return refuse(CodeOverflow, position, "dates before the year 1 or after the year 9999 can arise here")
	}
	return nil
}

// bindDays types date − date, date ± days and days + date; nil if the operands are no such.
func (b *binder) bindDays(op Op, left, right *Expr, in place, position int) (*Expr, error) {
	switch {
	case left.Kind != Date && right.Kind != Date:
		if left.Kind.daily() || right.Kind.daily() {
			return nil, hinted(refuse(CodeUnsupported, position, "arithmetic with a timestamp is not supported"), "CAST(... AS date) makes a date of it")
		}
		return nil, nil
	case op == OpSubtract && left.Kind == Date && (right.Kind == Date || right.Kind == Null):
		right, err := b.coerce(right, Date, position)
		if err != nil {
			return nil, err
		}
		return b.rowExpr(&Expr{Op: OpSubtract, Args: []*Expr{left, right}, Kind: Integer, bits: 32}, in, position)
	case left.Kind == Null && right.Kind == Date && op == OpSubtract:
		left, err := b.coerce(left, Date, position)
		if err != nil {
			return nil, err
		}
		return b.rowExpr(&Expr{Op: OpSubtract, Args: []*Expr{left, right}, Kind: Integer, bits: 32}, in, position)
	case (op == OpAdd || op == OpSubtract) && left.Kind == Date && right.Kind == Integer, op == OpAdd && left.Kind == Integer && right.Kind == Date:
		out, err := b.rowExpr(&Expr{Op: op, Args: []*Expr{left, right}, Kind: Date}, in, position)
		if err != nil {
			return nil, err
		}
		return out, b.withinDates(out, position)
	}
	return nil, hinted(refuse(CodeType, position, "%s and %s cannot be reckoned with each other so", left.Kind.article(), right.Kind.article()),
		"there are date - date, date + days and date - days, and date + INTERVAL '1 month'")
}
