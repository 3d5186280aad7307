package layout

import "parley/engine"

// Months are the English names of months in three letters.
var Months = [...]string{"jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"}

// ParseDate reads an ISO date, YYYY-MM-DD of years 0001 to 9999, as days since
// 1970-01-01 in the proleptic Gregorian calendar.
func ParseDate(text []byte) (int32, bool) {
	if len(text) != 10 || text[4] != '-' || text[7] != '-' {
		return 0, false
	}
	if DigitRun(text[:4]) != 4 || DigitRun(text[5:7]) != 2 || DigitRun(text[8:]) != 2 {
		return 0, false
	}
	year, _ := Number(text[:4])
	month, _ := Number(text[5:7])
	day, _ := Number(text[8:])
	return DaysOf(year, month, day)
}

// firstDay and lastDay are the dates that there are, 0001-01-01 to 9999-12-31.
const firstDay, lastDay = engine.MinDate, engine.MaxDate

// DaysOf gives a date that exists as days since 1970-01-01.
func DaysOf(year, month, day int) (int32, bool) {
	if year < 1 || year > 9999 || month < 1 || month > 12 || day < 1 {
		return 0, false
	}
	last := monthDays[month-1]
	if month == 2 && year%4 == 0 && (year%100 != 0 || year%400 == 0) {
		last = 29
	}
	if day > last {
		return 0, false
	}
	// Years begin in March here, so that a leap day is a year's last.
	month -= 3
	if month < 0 {
		month, year = month+12, year-1
	}
	century, inCentury := year/100, year%100
	return int32(century*146_097/4 + inCentury*1461/4 + (month*153+2)/5 + day - 1 - 719_468), true
}

var monthDays = [...]int{31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31}

// SecondsPerDay is what a date is worth in seconds: leap seconds are not counted.
const SecondsPerDay = 24 * 60 * 60

// DigitRun is how many digits a text begins with.
func DigitRun(b []byte) int {
	n := 0
	for n < len(b) && b[n] >= '0' && b[n] <= '9' {
		n++
	}
	return n
}

// Number is the number of a few digits, at most 9, and of nothing else.
func Number(digits []byte) (int, bool) {
	if len(digits) == 0 || DigitRun(digits) != len(digits) {
		return 0, false
	}
	n := 0
	for _, c := range digits {
		n = n*10 + int(c-'0')
	}
	return n, true
}

// ParseTimestamp reads an ISO timestamp, YYYY-MM-DD, a space or T, HH:MM or HH:MM:SS with up to six
// places, and perhaps Z or an offset, as microseconds since 1970-01-01 00:00, in UTC where it has one.
func ParseTimestamp(text []byte) (micros int64, zoned, ok bool) {
	if len(text) < 16 || text[10] != ' ' && text[10] != 'T' {
		return 0, false, false
	}
	days, ok := ParseDate(text[:10])
	if !ok {
		return 0, false, false
	}
	var m moment
	rest, ok := takeClock(text[11:], &m)
	if ok && len(rest) > 0 {
		zoned = rest[0] == 'Z' || rest[0] == '+' || rest[0] == '-'
		rest, ok = takeZone(rest, &m)
		ok = ok && zoned && len(rest) == 0
	}
	const day = SecondsPerDay * 1_000_000
	micros = int64(days)*day + m.clock() - int64(m.offset)*60_000_000
	return micros, zoned, ok && micros >= engine.MinTimestamp && micros <= engine.MaxTimestamp
}

// ParseTime reads HH:MM or HH:MM:SS with up to six places, below 24:00, as microseconds since midnight.
func ParseTime(text []byte) (micros int64, ok bool) {
	var m moment
	rest, ok := takeClock(text, &m)
	return m.clock(), ok && len(rest) == 0
}

// takeClock reads HH:MM or HH:MM:SS with up to six places off the start.
func takeClock(text []byte, m *moment) (rest []byte, ok bool) {
	var l Layout
	if rest, ok = l.take("HH", text, m); !ok || len(rest) == 0 || rest[0] != ':' {
		return rest, false
	}
	if rest, ok = l.take("MM", rest[1:], m); !ok || len(rest) == 0 || rest[0] != ':' {
		return rest, ok
	}
	return l.take("SS", rest[1:], m)
}
