// Package layout reads dates, timestamps and times of day: in ISO 8601, and in spellings that are declared.
// It knows nothing of files.
//
// ../README.md is its specification; section numbers in comments refer to it.
package layout

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"parley/engine"
)

// A Layout is a declared spelling of dates, timestamps or times of day (README, section 2.5).
// It reads what it says and nothing else. It is immutable and safe for concurrent use.
type Layout struct {
	parts               []layoutPart
	dated, timed, zoned bool
	whole               bool // seconds end with their digits: a fraction has its own field, or a point follows
	pivot               int  // yy: the first of the hundred years that two digits mean
}

// layoutPart is a field, or literal text where field is "".
type layoutPart struct {
	field   string
	literal string
}

// layoutFields are the fields, longer ones before those that they begin with, and what each
// is about; a layout has one of a kind at most.
var layoutFields = []struct{ spelling, kind string }{
	{"yyyy", "year"}, {"yy", "year"}, {"y", "year"}, {"mon", "month"}, {"mm", "month"}, {"m", "month"},
	{"dd", "day"}, {"d", "day"}, {"HH", "hour"}, {"H", "hour"}, {"hh", "hour"}, {"h", "hour"},
	{"MM", "minute"}, {"M", "minute"}, {"SS", "second"}, {"S", "second"}, {"f", "fraction"},
	{"am", "am"}, {"z", "zone"}, {"T", ""},
}

// Fields lists the fields, for an error.
const Fields = "y or yy(1950), m, mm or mon, d or dd; H or HH, or h or hh with am; M or MM; S or SS; f; z"

// maxLayout is the length of the longest format.
const maxLayout = 64

// Parse reads a format as people write it: d/m/y, yyyymmdd, y年m月d日 H:M:S. The error
// says what is wrong with it, in plain words.
func Parse(format string) (*Layout, error) {
	if len(format) > maxLayout || !utf8.ValidString(format) || strings.ContainsFunc(format, engine.IsControl) {
		return nil, fmt.Errorf("the format %s is longer than %d bytes or has a control character", strconv.QuoteToGraphic(format), maxLayout)
	}
	refuse := func(problem string, args ...any) (*Layout, error) {
		return nil, fmt.Errorf("the format %s "+problem, append([]any{strconv.QuoteToGraphic(format)}, args...)...)
	}
	l := &Layout{}
	has := map[string]string{}
	for rest := format; rest != ""; {
		part, kind, size, problem := nextPart(rest)
		if problem != "" {
			return refuse("%s", problem)
		}
		rest = rest[size:]
		if part.field == "yy" {
			first, after, ok := pivotYear(rest)
			if !ok {
				return refuse("has years of two digits: say which are meant, yy(1950) for 1950 to 2049")
			}
			l.pivot, rest = first, after
		}
		if part.field != "" {
			if has[kind] != "" {
				return refuse("has the %s twice (Months are m, minutes are M)", kind)
			}
			has[kind] = part.field
			if n := len(l.parts); n > 0 && digitsFollow(l.parts[n-1].field, part.field) {
				return refuse("has %s right before %s: where one ends cannot be told (write mm, dd, HH, MM, SS)", l.parts[n-1].field, part.field)
			}
		}
		if n := len(l.parts); part.literal == "." && n > 0 && strings.HasPrefix(l.parts[n-1].field, "S") {
			l.whole = true
		}
		l.parts = append(l.parts, part)
	}
	l.dated, l.timed = has["year"]+has["month"]+has["day"] != "", has["hour"]+has["minute"]+has["second"]+has["fraction"]+has["am"] != ""
	l.zoned, l.whole = has["zone"] != "", l.whole || has["fraction"] != ""
	half := has["hour"] != "" && has["hour"][0] == 'h'
	switch {
	case !l.dated && !l.timed:
		return refuse("has no field: the fields are %s", Fields)
	case l.dated && (has["year"] == "" || has["month"] == "" || has["day"] == ""):
		return refuse("needs year, month and day: y, m and d (minutes are M)")
	case l.timed && (has["hour"] == "" || has["minute"] == ""):
		return refuse("needs hour and minute: H and M (Months are m)")
	case has["fraction"] != "" && has["second"] == "":
		return refuse("has a fraction without seconds")
	case half != (has["am"] != ""):
		return refuse("needs h together with am: hours of 24 are H")
	case l.zoned && !(l.dated && l.timed):
		return refuse("has a zone without a date and a time")
	}
	return l, nil
}

// nextPart takes a field or a literal off the start of a format.
func nextPart(rest string) (part layoutPart, kind string, size int, problem string) {
	letter := rest[0]|0x20 >= 'a' && rest[0]|0x20 <= 'z'
	for _, f := range layoutFields {
		if strings.HasPrefix(rest, f.spelling) {
			if f.kind == "" {
				return layoutPart{literal: f.spelling}, "", len(f.spelling), ""
			}
			return layoutPart{field: f.spelling}, f.kind, len(f.spelling), ""
		}
	}
	switch {
	case letter:
		return part, "", 0, fmt.Sprintf("has the letter %c: the fields are %s; other words stand in single quotes", rest[0], Fields)
	case rest[0] >= '0' && rest[0] <= '9':
		return part, "", 0, "has a digit, which could be part of a number beside it"
	case rest[0] == '\'':
		literal, _, closed := strings.Cut(rest[1:], "'")
		if !closed || literal == "" || strings.ContainsAny(literal, "0123456789") {
			return part, "", 0, "has a quotation mark that is not closed, or nothing or a digit in it"
		}
		return layoutPart{literal: literal}, "", len(literal) + 2, ""
	}
	r, size := utf8.DecodeRuneInString(rest)
	return layoutPart{literal: string(r)}, "", size, ""
}

// pivotYear takes (1950) off the start.
func pivotYear(rest string) (year int, after string, ok bool) {
	if len(rest) < 6 || rest[0] != '(' || rest[5] != ')' {
		return 0, rest, false
	}
	year, ok = Number([]byte(rest[1:5]))
	return year, rest[6:], ok && year >= 1 && year <= 9900
}

// digitsFollow reports whether field has no width of its own and digits come right behind it.
func digitsFollow(field, next string) bool {
	open := field == "m" || field == "d" || field == "H" || field == "h" || field == "M" || field == "S" || field == "f"
	return open && next != "mon" && next != "am" && next != "z"
}

// Dated and Timed say what the layout spells: a date, a time of day or, with both, a
// timestamp. Zoned says that its values bear a zone.
func (l *Layout) Dated() bool { return l.dated }
func (l *Layout) Timed() bool { return l.timed }
func (l *Layout) Zoned() bool { return l.zoned }

// moment is what a value says.
type moment struct {
	year, month, day, hour, minute, second, micros int
	afternoon                                      byte // 'a' or 'p'
	offset                                         int  // minutes east of UTC
}

// Date reads a date as days since 1970-01-01. Where the layout has a time of day, that
// is midnight, without a zone.
func (l *Layout) Date(text []byte) (days int32, ok bool) {
	m, ok := l.read(text)
	if !ok || !l.dated || l.zoned || m.clock() != 0 {
		return 0, false
	}
	return DaysOf(m.year, m.month, m.day)
}

// Timestamp reads a date with or without a time of day, midnight, as microseconds since
// 1970-01-01 00:00, in UTC where the layout has a zone.
func (l *Layout) Timestamp(text []byte) (micros int64, zoned bool, ok bool) {
	m, ok := l.read(text)
	if !ok || !l.dated {
		return 0, false, false
	}
	days, ok := DaysOf(m.year, m.month, m.day)
	const day = SecondsPerDay * 1_000_000
	micros = int64(days)*day + m.clock() - int64(m.offset)*60_000_000
	if !ok || micros < firstDay*day || micros >= (lastDay+1)*day { // a zone may lead out of the years
		return 0, false, false
	}
	return micros, l.zoned, true
}

// Time reads a time of day as microseconds since midnight.
func (l *Layout) Time(text []byte) (micros int64, ok bool) {
	m, ok := l.read(text)
	return m.clock(), ok && !l.dated
}

// clock is the time of day in microseconds.
func (m moment) clock() int64 {
	return int64((m.hour*60+m.minute)*60+m.second)*1_000_000 + int64(m.micros)
}

// read takes a whole value apart. Spaces around it do not count.
func (l *Layout) read(text []byte) (m moment, ok bool) {
	text = bytes.Trim(text, " \t")
	for _, p := range l.parts {
		if p.field == "" {
			if len(text) < len(p.literal) || string(text[:len(p.literal)]) != p.literal {
				return moment{}, false
			}
			text = text[len(p.literal):]
			continue
		}
		if text, ok = l.take(p.field, text, &m); !ok {
			return moment{}, false
		}
	}
	if m.afternoon != 0 {
		if m.hour %= 12; m.afternoon == 'p' {
			m.hour += 12
		}
	}
	return m, len(text) == 0
}

// take reads one field off the start of a value.
func (l *Layout) take(field string, text []byte, m *moment) (rest []byte, ok bool) {
	number := func(least, most, from, to int, into *int) ([]byte, bool) {
		n := min(DigitRun(text), most)
		v, ok := Number(text[:n])
		*into = v
		return text[n:], ok && n >= least && v >= from && v <= to
	}
	switch field {
	case "yyyy", "y":
		return number(4, 4, 1, 9999, &m.year)
	case "yy":
		if rest, ok = number(2, 2, 0, 99, &m.year); ok {
			m.year = l.pivot + (m.year-l.pivot%100+100)%100
		}
		return rest, ok && m.year <= 9999
	case "mm", "m":
		return number(len(field), 2, 1, 12, &m.month)
	case "dd", "d":
		return number(len(field), 2, 1, 31, &m.day)
	case "HH", "H":
		return number(len(field), 2, 0, 23, &m.hour)
	case "hh", "h":
		return number(len(field), 2, 1, 12, &m.hour)
	case "MM", "M":
		return number(len(field), 2, 0, 59, &m.minute)
	case "SS", "S":
		rest, ok = number(len(field), 2, 0, 59, &m.second)
		if ok && !l.whole && len(rest) > 1 && rest[0] == '.' && DigitRun(rest[1:]) > 0 {
			return takeFraction(rest[1:], m)
		}
		return rest, ok
	case "f":
		return takeFraction(text, m)
	case "mon":
		return takeMonth(text, m)
	case "am":
		if len(text) < 2 || text[1]|0x20 != 'm' || text[0]|0x20 != 'a' && text[0]|0x20 != 'p' {
			return text, false
		}
		m.afternoon = text[0] | 0x20
		return text[2:], true
	}
	return takeZone(text, m)
}

// takeFraction reads one to six digits of a second.
func takeFraction(text []byte, m *moment) ([]byte, bool) {
	n := DigitRun(text)
	v, ok := Number(text[:min(n, 6)])
	for range 6 - min(n, 6) {
		v *= 10
	}
	m.micros = v
	return text[n:], ok && n <= 6
}

// takeMonth reads the English name of a month, or its first three letters, in any case.
func takeMonth(text []byte, m *moment) ([]byte, bool) {
	n := 0
	for n < len(text) && text[n]|0x20 >= 'a' && text[n]|0x20 <= 'z' {
		n++
	}
	for i, short := range Months {
		if bytes.EqualFold(text[:n], []byte(short)) || bytes.EqualFold(text[:n], []byte(time.Month(i+1).String())) {
			m.month = i + 1
			return text[n:], true
		}
	}
	return text, false
}

// takeZone reads Z, UTC, GMT, +08, +0800 and +08:00, up to 15:59 as PostgreSQL has it.
func takeZone(text []byte, m *moment) ([]byte, bool) {
	for _, word := range []string{"UTC", "GMT", "Z"} {
		if len(text) >= len(word) && bytes.EqualFold(text[:len(word)], []byte(word)) {
			return text[len(word):], true
		}
	}
	if len(text) < 3 || text[0] != '+' && text[0] != '-' {
		return text, false
	}
	hours, ok := Number(text[1:3])
	rest, minutes := text[3:], 0
	digits := rest
	if len(digits) > 0 && digits[0] == ':' {
		digits = digits[1:]
	}
	if len(digits) >= 2 && DigitRun(digits) >= 2 {
		minutes, _ = Number(digits[:2])
		rest = digits[2:]
	}
	if m.offset = hours*60 + minutes; text[0] == '-' {
		m.offset = -m.offset
	}
	return rest, ok && hours <= 15 && minutes <= 59
}
