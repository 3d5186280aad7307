package engine

import (
	"math/big"
	"strconv"
	"strings"
	"time"

	pg "github.com/pganalyze/pg_query_go/v6"
)

// lapse is an interval, a literal of whole months, days and microseconds.
type lapse struct{ months, days, micros int64 }

// maxInterval bounds the months, the days and the days of microseconds of an interval: 9,999 years.
const maxInterval = 9999 * 366

// intervalUnits are the words of an interval, in the singular.
var intervalUnits = map[string]lapse{
	"day": {days: 1}, "week": {days: 7}, "month": {months: 1}, "mon": {months: 1}, "year": {months: 12},
	"decade": {months: 120}, "century": {months: 1200}, "y": {months: 12}, "w": {days: 7}, "d": {days: 1},
	"hour": {micros: microsPerHour}, "hr": {micros: microsPerHour}, "h": {micros: microsPerHour},
	"minute": {micros: microsPerMinute}, "min": {micros: microsPerMinute}, "m": {micros: microsPerMinute},
	"second": {micros: microsPerSecond}, "sec": {micros: microsPerSecond}, "s": {micros: microsPerSecond},
	"millisecond": {micros: 1000}, "ms": {micros: 1000}, "microsecond": {micros: 1}, "us": {micros: 1},
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
		out.micros += n * unit.micros
	}
	whole := out.micros / MicrosPerDay
	if len(words) == 0 || max(out.months, -out.months, out.days, -out.days, whole, -whole) > maxInterval {
		return lapse{}, true, badInterval(position, literal.Sval)
	}
	return out, true, nil
}

func badInterval(position int, text string) error {
	return hinted(refuse(CodeUnsupported, position, "the interval %s is not supported", quote(text)),
		"an interval is made of whole years, months, weeks, days, hours, minutes, seconds and milliseconds, as in '1 year 3 months' and '90 minutes'")
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
func lapseOf(args []Datum) lapse {
	return lapse{args[1].Number.Int64(), args[2].Number.Int64(), args[3].Number.Int64()}
}

// after is when an interval after a date, a timestamp or a time of day ends, in microseconds: of a
// time of day on whatever day.
func (l lapse) after(x Datum) *big.Int {
	n := x.Number.Int64()
	day, clock := n, int64(0)
	if x.Kind != Date {
		day, clock = dayAndClock(n)
	}
	if x.Kind == Time {
		_, clock = dayAndClock(clock + l.micros)
		return big.NewInt(clock)
	}
	out := new(big.Int).Mul(big.NewInt(shifted(day, l)), big.NewInt(MicrosPerDay))
	return out.Add(out, big.NewInt(clock+l.micros))
}

// shiftSpan is the range of OpShift. Days that become the same last day of a month may change their
// order by the clock, so that months move whole days.
func (e *Expr) shiftSpan(s span) span {
	from := e.Args[0].Kind
	if !inKind(from, s.lo) || !inKind(from, s.hi) {
		return span{}
	}
	if from == Time {
		return span{new(big.Int), big.NewInt(MicrosPerDay - 1)}
	}
	by := lapse{e.Args[1].Value.Number.Int64(), e.Args[2].Value.Number.Int64(), e.Args[3].Value.Number.Int64()}
	lo, hi := s.lo.Int64(), s.hi.Int64()
	if from != Date && by.months != 0 {
		lo, hi = floorDiv(lo, MicrosPerDay)*MicrosPerDay, floorDiv(hi, MicrosPerDay)*MicrosPerDay+MicrosPerDay-1
	}
	return span{by.after(newTemporal(from, lo)), by.after(newTemporal(from, hi))}
}

func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}

// bindShift types date ± interval and timestamp ± interval, timestamps, and time ± interval.
func (b *binder) bindShift(x *Expr, by lapse, op Op, in place, position int) (*Expr, error) {
	x, err := b.coerce(x, Date, position)
	if err != nil {
		return nil, err
	}
	if !x.Kind.temporal() {
		return nil, refuse(CodeType, position, "an interval is added to a date, a timestamp or a time, not to %s", x.Kind.article())
	}
	if op == OpSubtract {
		by = lapse{-by.months, -by.days, -by.micros}
	}
	out := &Expr{Op: OpShift, Args: []*Expr{x}, Kind: x.Kind}
	for _, n := range []int64{by.months, by.days, by.micros} {
		out.Args = append(out.Args, integer(big.NewInt(n)))
	}
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
	if e.Min != nil && !(inKind(e.Kind, e.Min) && inKind(e.Kind, e.Max)) {
		return refuse(CodeOverflow, position, "dates before the year 1 or after the year 9999 can arise here")
	}
	return nil
}

// bindDays types date − date, date ± days, days + date and date + time; nil if the operands are no
// such.
func (b *binder) bindDays(op Op, left, right *Expr, in place, position int) (*Expr, error) {
	switch {
	case !left.Kind.temporal() && !right.Kind.temporal():
		return nil, nil
	case op == OpAdd && left.Kind == Time && right.Kind == Date:
		return b.bindDays(op, right, left, in, position)
	case op == OpAdd && left.Kind == Date && right.Kind == Time:
		midnight, err := b.retype(left, Timestamp, in, position)
		if err != nil {
			return nil, err
		}
		return b.rowExpr(&Expr{Op: OpAdd, Args: []*Expr{midnight, right}, Kind: Timestamp}, in, position)
	case op == OpSubtract && left.Kind.temporal() && right.Kind.temporal() && (left.Kind != Date || right.Kind != Date):
		return nil, hinted(refuse(CodeUnsupported, position, "a difference of %s and %s is an interval, which is not supported", left.Kind.article(), right.Kind.article()),
			"write EXTRACT(epoch FROM a - b) for seconds, or CAST(a AS date) - CAST(b AS date) for days")
	case left.Kind != Date && right.Kind != Date:
		return nil, hinted(refuse(CodeUnsupported, position, "%s and %s cannot be reckoned with each other", left.Kind.article(), right.Kind.article()),
			"add an interval, as in ... + INTERVAL '90 minutes'; CAST(... AS date) makes a date of a timestamp")
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
		"there are date - date, date + days and date - days, date + time, and date + INTERVAL '1 month'")
}

// retype makes a date, a timestamp or a time of day another of them.
func (b *binder) retype(e *Expr, kind Kind, in place, position int) (*Expr, error) {
	if e.Kind == kind {
		return e, nil
	}
	return b.rowExpr(&Expr{Op: OpRetype, Args: []*Expr{e}, Kind: kind}, in, position)
}

// bindElapsed types EXTRACT(epoch FROM a - b), the seconds between two timestamps or times of day,
// which by themselves have no difference; nil if a call is none.
func (b *binder) bindElapsed(c rowCall, args []*pg.Node) (*Expr, error) {
	minus := args[1].GetAExpr()
	if lower(args[0].GetAConst().GetSval().GetSval()) != "epoch" || minus == nil || minus.Lexpr == nil ||
		minus.Kind != pg.A_Expr_Kind_AEXPR_OP || len(minus.Name) != 1 || minus.Name[0].GetString_().GetSval() != "-" {
		return nil, nil
	}
	if _, interval, err := b.bindInterval(minus.Rexpr); interval || err != nil {
		return nil, err
	}
	left, right, err := b.bindPair(minus.Lexpr, minus.Rexpr, c.in)
	if err != nil {
		return nil, err
	}
	if !left.Kind.clocked() && !right.Kind.clocked() {
		days, err := b.bindDays(OpSubtract, left, right, c.in, b.at(minus.Location))
		if err == nil && days == nil {
			err = refuse(CodeType, c.position, "%s takes a date, a timestamp or a time", c.name)
		}
		if err != nil {
			return nil, err
		}
		c.args = []*Expr{literalText("epoch"), days}
		return b.ofDate(c, OpPart, Decimal, 1)
	}
	moments := []*Expr{left, right}
	if err := b.unify(moments, c.in, c.position); err != nil {
		return nil, err
	}
	for i, e := range moments {
		seconds := &Expr{Op: OpPart, Args: []*Expr{e, literalText("epoch")}, Kind: Decimal, Scale: microsecondPlaces}
		if moments[i], err = b.rowExpr(seconds, c.in, c.position); err != nil {
			return nil, err
		}
	}
	out := &Expr{Op: OpSubtract, Args: moments, Kind: Decimal, Scale: microsecondPlaces}
	if c.in.cells {
		out.Scale = 0
	}
	return b.derive(out, c.in, c.position)
}
