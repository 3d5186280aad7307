package engine

import (
	"fmt"
	"math/big"
	"strings"
	"time"
)

// MicrosPerDay is the length of a day, without leap seconds, as PostgreSQL counts.
const MicrosPerDay = secondsPerDay * microsPerSecond

const microsPerSecond = 1_000_000

// The first and the last moment of a Timestamp and a TimestampTZ, in microseconds since 1970-01-01
// 00:00: the beginning of MinDate and the end of MaxDate.
const (
	MinTimestamp = MinDate * MicrosPerDay
	MaxTimestamp = (MaxDate+1)*MicrosPerDay - 1
)

// NewTimestamp returns a Timestamp from microseconds since 1970-01-01 00:00.
func NewTimestamp(micros int64) Datum { return newTemporal(Timestamp, micros) }

// NewTimestampTZ returns a TimestampTZ from microseconds since 1970-01-01 00:00 UTC.
func NewTimestampTZ(micros int64) Datum { return newTemporal(TimestampTZ, micros) }

// NewTime returns a Time from microseconds since midnight.
func NewTime(micros int64) Datum { return newTemporal(Time, micros) }

func newTemporal(kind Kind, n int64) Datum { return Datum{Kind: kind, Number: big.NewInt(n)} }

// daily reports whether values of the kind lie on a day.
func (k Kind) daily() bool { return k == Date || k == Timestamp || k == TimestampTZ }

// clocked reports whether values of the kind are counted in microseconds.
func (k Kind) clocked() bool { return k == Timestamp || k == TimestampTZ || k == Time }

// temporal reports whether values of the kind are dates, timestamps or times of day.
func (k Kind) temporal() bool { return k.daily() || k.clocked() }

// dayAndClock is the day that a number of microseconds lies on, and how many of them are past midnight.
func dayAndClock(micros int64) (day, clock int64) {
	day = floorDiv(micros, MicrosPerDay)
	return day, micros - day*MicrosPerDay
}

// instant is a date, a timestamp or a time of day (of 1970-01-01) as a calendar takes it apart.
func (d Datum) instant() time.Time {
	if d.Kind == Date {
		return dayOf(d.Number.Int64())
	}
	return time.UnixMicro(d.Number.Int64()).UTC()
}

// timestampText writes a timestamp or a time of day as PostgreSQL does, in the time zone UTC.
func (d Datum) timestampText() string {
	day, clock := dayAndClock(d.Number.Int64())
	seconds := clock / microsPerSecond
	text := fmt.Sprintf("%02d:%02d:%02d", seconds/3600, seconds/60%60, seconds%60)
	if part := clock % microsPerSecond; part != 0 {
		text += strings.TrimRight(fmt.Sprintf(".%06d", part), "0")
	}
	switch d.Kind {
	case Timestamp:
		return FormatDate(day) + " " + text
	case TimestampTZ:
		return FormatDate(day) + " " + text + "+00"
	}
	return text
}

// parseTimestamp reads YYYY-MM-DD[( |T)HH:MM[:SS[.ffffff]]], of a TimestampTZ with Z or an offset from
// UTC behind it, without which it is in UTC; of a Time HH:MM[:SS[.ffffff]].
func parseTimestamp(kind Kind, text string) (Datum, error) {
	rest, days := text, int64(0)
	if kind != Time {
		var err error
		if days, err = parseDate(text[:min(len(text), len(time.DateOnly))]); err != nil {
			return Datum{}, fmt.Errorf("not a timestamp written YYYY-MM-DD HH:MM:SS")
		}
		if rest = text[len(time.DateOnly):]; rest == "" {
			return newTemporal(kind, days*MicrosPerDay), nil
		}
		if rest[0] != ' ' && rest[0] != 'T' {
			return Datum{}, fmt.Errorf("not a timestamp written YYYY-MM-DD HH:MM:SS")
		}
		rest = rest[1:]
	}
	clock, zone, ok := parseClock(rest)
	if !ok {
		return Datum{}, fmt.Errorf("not a time of day written HH:MM:SS, from 00:00:00 to 23:59:59.999999")
	}
	offset := int64(0)
	if zone != "" {
		if offset, ok = parseZone(zone); !ok {
			return Datum{}, fmt.Errorf("not a time zone written Z or +08:00")
		}
		if kind != TimestampTZ {
			return Datum{}, fmt.Errorf("a %s has no time zone", kind)
		}
	}
	out := newTemporal(kind, days*MicrosPerDay+clock-offset)
	if !inKind(kind, out.Number) {
		return Datum{}, fmt.Errorf("before the year 1 or after the year 9999")
	}
	return out, nil
}

// parseClock reads HH:MM[:SS[.ffffff]] at the start of a text, as microseconds.
func parseClock(text string) (micros int64, rest string, ok bool) {
	hour, rest, ok := twoDigits(text, 23)
	if !ok || !strings.HasPrefix(rest, ":") {
		return 0, "", false
	}
	minute, rest, ok := twoDigits(rest[1:], 59)
	if !ok {
		return 0, "", false
	}
	micros = (hour*60 + minute) * 60 * microsPerSecond
	if !strings.HasPrefix(rest, ":") {
		return micros, rest, true
	}
	second, rest, ok := twoDigits(rest[1:], 59)
	if !ok {
		return 0, "", false
	}
	micros += second * microsPerSecond
	fraction, found := strings.CutPrefix(rest, ".")
	if !found {
		return micros, rest, true
	}
	rest = strings.TrimLeft(fraction, "0123456789")
	fraction = fraction[:len(fraction)-len(rest)]
	if len(fraction) == 0 || len(fraction) > microsecondPlaces {
		return 0, "", false
	}
	unit := int64(microsPerSecond)
	for _, c := range fraction {
		unit /= 10
		micros += int64(c-'0') * unit
	}
	return micros, rest, true
}

// parseZone reads Z or an offset from UTC, +HH, +HHMM or +HH:MM, as microseconds.
func parseZone(text string) (offset int64, ok bool) {
	if text == "Z" {
		return 0, true
	}
	hour, rest, ok := twoDigits(text[1:], 15)
	if !ok || text[0] != '+' && text[0] != '-' {
		return 0, false
	}
	minute := int64(0)
	if rest != "" {
		if minute, rest, ok = twoDigits(strings.TrimPrefix(rest, ":"), 59); !ok || rest != "" {
			return 0, false
		}
	}
	offset = (hour*60 + minute) * 60 * microsPerSecond
	if text[0] == '-' {
		offset = -offset
	}
	return offset, true
}

// twoDigits reads a number of two digits, at most so large.
func twoDigits(text string, most int64) (n int64, rest string, ok bool) {
	if len(text) < 2 || text[0] < '0' || text[0] > '9' || text[1] < '0' || text[1] > '9' {
		return 0, "", false
	}
	n = int64(text[0]-'0')*10 + int64(text[1]-'0')
	return n, text[2:], n <= most
}

// retyped is a date, a timestamp or a time of day as another of them: a date's timestamp is its
// midnight.
func retyped(x Datum, kind Kind) Datum {
	n := x.Number.Int64()
	switch {
	case x.Kind == Date && kind != Date:
		n *= MicrosPerDay
	case kind == Date && x.Kind != Date:
		n, _ = dayAndClock(n)
	case kind == Time:
		_, n = dayAndClock(n)
	}
	return newTemporal(kind, n)
}

// retypedSpan is the range of OpRetype.
func (e *Expr) retypedSpan(s span) span {
	from := e.Args[0].Kind
	if !inKind(from, s.lo) || !inKind(from, s.hi) {
		return span{}
	}
	lo, hi := Datum{Kind: from, Number: s.lo}, Datum{Kind: from, Number: s.hi}
	if e.Kind == Time && from != Time && retyped(lo, Date).Compare(retyped(hi, Date)) != 0 {
		return span{new(big.Int), big.NewInt(MicrosPerDay - 1)}
	}
	return span{retyped(lo, e.Kind).Number, retyped(hi, e.Kind).Number}
}

// Clock is a field of a moment counted in microseconds: EXTRACT gives (x mod Of) / Per, of x itself
// where Of is 0, in units of 10^-places, and date_trunc the last multiple of Unit.
type Clock struct {
	Unit, Of, Per int64
	places        int
}

const (
	microsPerMinute = 60 * microsPerSecond
	microsPerHour   = 60 * microsPerMinute
)

// clocks are the fields of a time of day by PostgreSQL's names, and the epoch, with PostgreSQL's
// decimal places.
var clocks = map[string]Clock{
	"hour":         {Unit: microsPerHour, Of: MicrosPerDay, Per: microsPerHour},
	"minute":       {Unit: microsPerMinute, Of: microsPerHour, Per: microsPerMinute},
	"second":       {Unit: microsPerSecond, Of: microsPerMinute, Per: 1, places: microsecondPlaces},
	"milliseconds": {Unit: 1000, Of: microsPerMinute, Per: 1, places: 3},
	"microseconds": {Unit: 1, Of: microsPerMinute, Per: 1},
	"epoch":        {Per: 1, places: microsecondPlaces},
}

// ClockOf is the field of a moment counted in microseconds that OpPart or OpTruncate names.
func ClockOf(field string) (Clock, bool) {
	c, ok := clocks[field]
	return c, ok
}

// part is the field's value, in units of 10^-places.
func (c Clock) part(micros int64) int64 {
	if c.Of != 0 {
		micros -= floorDiv(micros, c.Of) * c.Of
	}
	return floorDiv(micros, c.Per)
}

// begin is when the hour, minute, ... began.
func (c Clock) begin(micros int64) int64 { return floorDiv(micros, c.Unit) * c.Unit }

// clockSpan is the range of OpPart and OpTruncate over what is counted in microseconds.
func (e *Expr) clockSpan(s span) span {
	c, known := clocks[e.Args[1].Value.Text]
	switch {
	case !known || !s.lo.IsInt64() || !s.hi.IsInt64():
		return span{}
	case e.Op == OpPart && c.Of != 0:
		return span{new(big.Int), big.NewInt(c.Of/c.Per - 1)}
	}
	end := c.part
	if e.Op == OpTruncate {
		end = c.begin
	}
	return span{big.NewInt(end(s.lo.Int64())), big.NewInt(end(s.hi.Int64()))}
}
