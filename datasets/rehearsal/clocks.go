package rehearsal

import "fmt"

// Timestamps and times of day, of a Sample that has Clocks: columns at, sent (with a time zone) and clock.

const clockHeader = ",at,sent,clock"

// clockFields are the values of a row.
func (s Sample) clockFields() []string {
	day := s.pick("2020-02-29", "1969-12-31", "1970-01-01", "0001-01-02", "9999-12-30", "1582-10-10", fmt.Sprintf("20%02d-%02d-%02d", s.IntN(30), 1+s.IntN(12), 1+s.IntN(28)))
	clock := s.pick("00:00", "12:30:00.25", "23:59:59.999999", "11:59:59", fmt.Sprintf("%02d:%02d:%02d.%06d", s.IntN(24), s.IntN(60), s.IntN(60), s.IntN(1_000_000)))
	return []string{day + s.pick(" ", "T") + clock, day + " " + clock + s.pick("Z", "+00", "+08:00", "-0330"), clock}
}

// stamp is an expression that is a timestamp, with a time zone or without.
func (s Sample) stamp(depth int) string {
	if depth == 0 {
		return s.pick("at", "at", "sent", "sent", "TIMESTAMP '2011-11-11 11:11:11.5'", "(day + clock)", "TIMESTAMPTZ '2020-02-29 01:00+03'")
	}
	switch s.IntN(6) {
	case 0:
		return s.either(s.pick("COALESCE", "GREATEST", "LEAST"), s.stamp(depth-1), s.stamp(0))
	case 1:
		return s.choice(s.stamp(depth-1), s.stamp(0))
	case 2:
		return "(" + s.pick("at", "day", "(day + clock)") + s.pick(" + INTERVAL '90 minutes'", " - INTERVAL '1 hour 1 ms'", " + INTERVAL '1 hour'") + ")"
	case 3:
		return "CAST(" + s.stamp(depth-1) + " AS " + s.pick("timestamp", "timestamptz") + ")"
	}
	return "date_trunc('" + s.pick("hour", "minute", "second", "milliseconds", "microseconds", "day", "month", "decade") + "', " + s.stamp(depth-1) + ")"
}

// clock is an expression that is a time of day.
func (s Sample) clock(depth int) string {
	if depth == 0 {
		return s.pick("clock", "clock", "TIME '06:30'")
	}
	switch s.IntN(3) {
	case 0:
		return "CAST(" + s.stamp(depth-1) + " AS time)"
	case 1:
		return "(" + s.clock(depth-1) + s.pick(" + INTERVAL '25 hours'", " - INTERVAL '1 minute'") + ")"
	}
	return s.either(s.pick("COALESCE", "GREATEST", "LEAST"), s.clock(depth-1), s.clock(0))
}

func (s Sample) clockNumber() string {
	switch s.IntN(4) {
	case 0:
		return "extract(" + s.pick("hour", "minute", "second", "milliseconds", "microseconds", "epoch") + " FROM " + s.clock(1) + ")"
	case 1:
		return "extract(epoch FROM " + s.pick("at - sent", "at - day", "clock - TIME '12:00'") + ")"
	}
	return "extract(" + s.pick("hour", "minute", "second", "milliseconds", "microseconds", "epoch", "year", "doy", "isodow", "century") + " FROM " + s.stamp(2) + ")"
}

func (s Sample) clockText() string {
	return s.pick("to_char("+s.stamp(1)+", '"+s.pick("YYYY-MM-DD HH24:MI:SS.US", "HH12 AM", "SSSS", "Mon YYYY")+"')", "CAST("+s.stamp(1)+" AS text)", "CAST("+s.clock(1)+" AS text)")
}

func (s Sample) clockCondition() string {
	compare := s.pick(" = ", " <> ", " < ", " <= ", " > ", " >= ")
	return s.pick(s.stamp(2)+compare+s.stamp(1), s.clock(2)+compare+s.clock(1), "at"+compare+"'2015-06-01'", "at"+compare+"day",
		"sent BETWEEN '1970-01-01' AND '2020-02-29 12:30Z'", "clock IN ('00:00', '12:30:00.25')", "CAST(at AS date)"+compare+"DATE '2010-01-01'")
}

// clockKey is an expression to group by.
func (s Sample) clockKey() string {
	return s.pick("at", "sent", "clock", "CAST(at AS date)", "date_trunc('hour', sent)", "date_trunc('century', at)", "extract(hour FROM at)", "extract(minute FROM clock)",
		"to_char(clock, 'HH24:MI')", "to_char(at, 'HH12 PM')", "to_char(sent, 'YYYY')", "CAST(date_trunc('minute', at) AS time)")
}

// clocked is one of some calls over these columns, or another where there are none.
func (s Sample) clocked(calls ...string) string {
	if !s.Clocks {
		return "describe(i)"
	}
	return s.pick(calls...)
}
