package engine

import (
	"fmt"
	"math/big"
	"slices"
	"strconv"
	"strings"
	"time"
)

// dayOf is the time at which a day begins, in UTC.
func dayOf(days int64) time.Time { return time.Unix(days*secondsPerDay, 0).UTC() }

// civil is a calendar's day as days since 1970-01-01.
func civil(year int, month time.Month, dayOfMonth int) int64 {
	return time.Date(year, month, dayOfMonth, 0, 0, 0, 0, time.UTC).Unix() / secondsPerDay
}

// period is a field of EXTRACT and date_trunc.
type period struct {
	part func(days int64) int64 // nil: date_trunc only
	// begin is the first day of the period that holds a day; nil: EXTRACT only.
	begin func(days int64) int64
	// most is the greatest part; 0 where the part grows with the day.
	most int64
}

func yearOf(days int64) int64 { return int64(dayOf(days).Year()) }

// years makes a period of some years, of which the first begins with the year first.
func years(many, first int, part func(days int64) int64) period {
	return period{part: part, begin: func(days int64) int64 {
		y := dayOf(days).Year()
		return civil(y-((y-first)%many+many)%many, 1, 1)
	}}
}

// periods by the names that PostgreSQL gives to fields. Weeks are ISO 8601's.
var periods = map[string]period{
	"day": {part: func(d int64) int64 { return int64(dayOf(d).Day()) }, begin: func(d int64) int64 { return d }, most: 31},
	"week": {part: func(d int64) int64 { _, w := dayOf(d).ISOWeek(); return int64(w) },
		begin: func(d int64) int64 { return d - weekday(d) + 1 }, most: 53},
	"month": {part: func(d int64) int64 { return int64(dayOf(d).Month()) },
		begin: func(d int64) int64 { t := dayOf(d); return civil(t.Year(), t.Month(), 1) }, most: 12},
	"quarter": {part: func(d int64) int64 { return int64(dayOf(d).Month()-1)/3 + 1 },
		begin: func(d int64) int64 { t := dayOf(d); return civil(t.Year(), (t.Month()-1)/3*3+1, 1) }, most: 4},
	"year":       years(1, 1, yearOf),
	"decade":     years(10, 0, func(d int64) int64 { return yearOf(d) / 10 }),
	"century":    years(100, 1, func(d int64) int64 { return (yearOf(d) + 99) / 100 }),
	"millennium": years(1000, 1, func(d int64) int64 { return (yearOf(d) + 999) / 1000 }),
	"dow":        {part: func(d int64) int64 { return weekday(d) % 7 }, most: 6},
	"isodow":     {part: weekday, most: 7},
	"doy":        {part: func(d int64) int64 { return int64(dayOf(d).YearDay()) }, most: 366},
	"isoyear":    {part: func(d int64) int64 { y, _ := dayOf(d).ISOWeek(); return int64(y) }},
	"epoch":      {part: func(d int64) int64 { return d * secondsPerDay }},
	"julian":     {part: func(d int64) int64 { return d + 2440588 }},
}

// microsecondPlaces is the scale of the seconds of a timestamp in PostgreSQL.
const microsecondPlaces = 6

// weekday is 1 for Monday to 7 for Sunday.
func weekday(days int64) int64 { return ((days+3)%7+7)%7 + 1 }

// ofTemporal is the value of OpPart, OpTruncate or OpFormat.
func (e *Expr) ofTemporal(x Datum, what string) (Datum, error) {
	if e.Op == OpFormat {
		pattern, err := datePattern(what)
		if err != nil {
			return Datum{}, err
		}
		var out strings.Builder
		for _, p := range pattern.parts {
			out.WriteString(p(x.instant()))
		}
		return NewText(out.String()), nil
	}
	p, daily := periods[what]
	c, clocked := clocks[what]
	n := x.Number.Int64()
	switch {
	case x.Kind.clocked() && clocked && e.Op == OpPart:
		return NewDecimal(big.NewInt(c.part(n)), e.Scale), nil
	case x.Kind.clocked() && clocked && c.Unit != 0:
		return newTemporal(e.Kind, c.begin(n)), nil
	case x.Kind == Date && daily && e.Op == OpPart && p.part != nil:
		return NewDecimal(big.NewInt(p.part(n)), e.Scale), nil
	case x.Kind == Date && daily && e.Op == OpTruncate && p.begin != nil:
		return newTemporal(e.Kind, p.begin(n)*MicrosPerDay), nil
	}
	return Datum{}, fmt.Errorf("a %s has no field %s", x.Kind, quote(what))
}

// daySpan is the range of OpPart and OpTruncate over days.
func (e *Expr) daySpan(days span) span {
	p := periods[e.Args[1].Value.Text]
	if e.Op == OpPart && p.most > 0 {
		return span{new(big.Int), big.NewInt(p.most)}
	}
	end, unit := p.begin, int64(MicrosPerDay)
	if e.Op == OpPart {
		end, unit = p.part, 1
	}
	if end == nil || !days.lo.IsInt64() || !days.hi.IsInt64() {
		return span{}
	}
	return span{big.NewInt(end(days.lo.Int64()) * unit), big.NewInt(end(days.hi.Int64()) * unit)}
}

// datePart writes a part of a date.
type datePart func(time.Time) string

// dateWord is a part of a pattern of to_char.
type dateWord struct {
	word  string
	write func(t time.Time, fill bool) string
}

// dateWords are the parts of a date, longest first where one begins with another.
var dateWords = []dateWord{
	{"YYYY", func(t time.Time, fill bool) string { return digits(t.Year(), 4, fill) }},
	{"IYYY", func(t time.Time, fill bool) string { y, _ := t.ISOWeek(); return digits(y, 4, fill) }},
	{"YY", func(t time.Time, fill bool) string { return digits(t.Year()%100, 2, fill) }},
	{"MM", func(t time.Time, fill bool) string { return digits(int(t.Month()), 2, fill) }},
	{"MONTH", func(t time.Time, fill bool) string { return padded(asciiUpper(t.Month().String()), fill) }},
	{"Month", func(t time.Time, fill bool) string { return padded(t.Month().String(), fill) }},
	{"month", func(t time.Time, fill bool) string { return padded(lower(t.Month().String()), fill) }},
	{"MON", func(t time.Time, _ bool) string { return asciiUpper(t.Month().String()[:3]) }},
	{"Mon", func(t time.Time, _ bool) string { return t.Month().String()[:3] }},
	{"mon", func(t time.Time, _ bool) string { return lower(t.Month().String()[:3]) }},
	{"DDD", func(t time.Time, fill bool) string { return digits(t.YearDay(), 3, fill) }},
	{"DD", func(t time.Time, fill bool) string { return digits(t.Day(), 2, fill) }},
	{"DAY", func(t time.Time, fill bool) string { return padded(asciiUpper(t.Weekday().String()), fill) }},
	{"Day", func(t time.Time, fill bool) string { return padded(t.Weekday().String(), fill) }},
	{"day", func(t time.Time, fill bool) string { return padded(lower(t.Weekday().String()), fill) }},
	{"DY", func(t time.Time, _ bool) string { return asciiUpper(t.Weekday().String()[:3]) }},
	{"Dy", func(t time.Time, _ bool) string { return t.Weekday().String()[:3] }},
	{"dy", func(t time.Time, _ bool) string { return lower(t.Weekday().String()[:3]) }},
	{"IDDD", func(t time.Time, fill bool) string {
		_, w := t.ISOWeek()
		return digits(w*7-6+int(t.Weekday()+6)%7, 3, fill)
	}},
	{"ID", func(t time.Time, _ bool) string { return strconv.Itoa(int(t.Weekday()+6)%7 + 1) }},
	{"IW", func(t time.Time, fill bool) string { _, w := t.ISOWeek(); return digits(w, 2, fill) }},
	{"WW", func(t time.Time, fill bool) string { return digits((t.YearDay()-1)/7+1, 2, fill) }},
	{"D", func(t time.Time, _ bool) string { return strconv.Itoa(int(t.Weekday()) + 1) }},
	{"Q", func(t time.Time, _ bool) string { return strconv.Itoa(int(t.Month()-1)/3 + 1) }},
}

func digits(n, width int, fill bool) string {
	if !fill {
		return strconv.Itoa(n)
	}
	return fmt.Sprintf("%0*d", width, n)
}

// clockWords are the parts of a time of day, coarsest first, by the Clock that each is a part of.
var clockWords = []struct {
	clock string
	words []dateWord
}{
	{"hour", []dateWord{
		{"HH24", func(t time.Time, fill bool) string { return digits(t.Hour(), 2, fill) }},
		{"HH12", halfDay}, {"HH", halfDay},
		{"AM", func(t time.Time, _ bool) string { return t.Format("PM") }},
		{"PM", func(t time.Time, _ bool) string { return t.Format("PM") }},
		{"am", func(t time.Time, _ bool) string { return t.Format("pm") }},
		{"pm", func(t time.Time, _ bool) string { return t.Format("pm") }},
	}},
	{"minute", []dateWord{{"MI", func(t time.Time, fill bool) string { return digits(t.Minute(), 2, fill) }}}},
	{"second", []dateWord{
		{"SSSSS", pastMidnight}, {"SSSS", pastMidnight},
		{"SS", func(t time.Time, fill bool) string { return digits(t.Second(), 2, fill) }},
	}},
	{"milliseconds", []dateWord{{"MS", func(t time.Time, _ bool) string { return digits(t.Nanosecond()/1_000_000, 3, true) }}}},
	{"microseconds", []dateWord{{"US", func(t time.Time, _ bool) string { return digits(t.Nanosecond()/1000, 6, true) }}}},
}

func halfDay(t time.Time, fill bool) string { return digits((t.Hour()+11)%12+1, 2, fill) }

func pastMidnight(t time.Time, _ bool) string {
	return strconv.Itoa(t.Hour()*3600 + t.Minute()*60 + t.Second())
}

// padded fills the name of a month or a day to the nine letters of the longest.
func padded(name string, fill bool) string {
	if !fill {
		return name
	}
	return fmt.Sprintf("%-9s", name)
}

// maxDatePattern bounds a pattern of to_char.
const maxDatePattern = 64

// pattern is one of to_char.
type pattern struct {
	parts []datePart
	daily bool // whether a part is of a date
	clock int  // the finest of clockWords that it has a part of; -1: none
}

// word reads one of dateWords or clockWords at the start of a text.
func (p *pattern) word(rest string, fill bool) (after string, found bool) {
	add := func(w dateWord) bool {
		if after, found = strings.CutPrefix(rest, w.word); found {
			p.parts = append(p.parts, func(t time.Time) string { return w.write(t, fill) })
		}
		return found
	}
	for i, c := range clockWords {
		if slices.ContainsFunc(c.words, add) {
			p.clock = max(p.clock, i)
			return after, true
		}
	}
	if slices.ContainsFunc(dateWords, add) {
		p.daily = true
		return after, true
	}
	return rest, false
}

// datePattern reads a pattern of to_char. Letters that are no part of it are refused, so that
// no part that PostgreSQL has is printed as it is written; they may stand in double quotes.
func datePattern(written string) (pattern, error) {
	out := pattern{clock: -1}
	if len(written) > maxDatePattern {
		return out, fmt.Errorf("a pattern has at most %d characters", maxDatePattern)
	}
	text := func(s string) { out.parts = append(out.parts, func(time.Time) string { return s }) }
	for rest := written; rest != ""; {
		fill := !strings.HasPrefix(rest, "FM")
		if !fill {
			rest = rest[2:]
		}
		if quoted, found := strings.CutPrefix(rest, `"`); found && fill {
			word, behind, closed := strings.Cut(quoted, `"`)
			if !closed || strings.Contains(word, `\`) {
				return out, fmt.Errorf("a quotation mark is not closed")
			}
			text(word)
			rest = behind
			continue
		}
		if after, found := out.word(rest, fill); found {
			rest = after
			continue
		}
		if rest == "" || !fill || isLetter(rest[0]) || rest[0] == '\\' {
			return out, fmt.Errorf("%s is not one of the patterns of dates and times", quote(rest))
		}
		text(rest[:1])
		rest = rest[1:]
	}
	return out, nil
}

func isLetter(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' }
