package engine

import (
	"fmt"
	"math/big"
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

// ofDay is the value of OpPart, OpTruncate or OpFormat for a day.
func (e *Expr) ofDay(days int64, what string) (Datum, error) {
	if e.Op == OpFormat {
		parts, err := datePattern(what)
		if err != nil {
			return Datum{}, err
		}
		var out strings.Builder
		for _, p := range parts {
			out.WriteString(p(dayOf(days)))
		}
		return NewText(out.String()), nil
	}
	p, ok := periods[what]
	switch {
	case ok && e.Op == OpPart && p.part != nil:
		return NewDecimal(rescale(big.NewInt(p.part(days)), e.Scale), e.Scale), nil
	case ok && e.Op == OpTruncate && p.begin != nil:
		return Datum{Kind: e.Kind, Number: big.NewInt(p.begin(days))}, nil
	}
	return Datum{}, fmt.Errorf("a date has no field %s", quote(what))
}

// daySpan is the range of OpPart and OpTruncate over days.
func (e *Expr) daySpan(days span) span {
	p := periods[e.Args[1].Value.Text]
	if e.Op == OpPart && p.most > 0 {
		return span{new(big.Int), big.NewInt(p.most)}
	}
	end := p.begin
	if e.Op == OpPart {
		end = p.part
	}
	if end == nil || !days.lo.IsInt64() || !days.hi.IsInt64() {
		return span{}
	}
	return span{rescale(big.NewInt(end(days.lo.Int64())), e.Scale), rescale(big.NewInt(end(days.hi.Int64())), e.Scale)}
}

// datePart writes a part of a date.
type datePart func(time.Time) string

// dateWords are the parts of a pattern of to_char, longest first where one begins with another.
var dateWords = []struct {
	word  string
	write func(t time.Time, fill bool) string
}{
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

// padded fills the name of a month or a day to the nine letters of the longest.
func padded(name string, fill bool) string {
	if !fill {
		return name
	}
	return fmt.Sprintf("%-9s", name)
}

// maxDatePattern bounds a pattern of to_char.
const maxDatePattern = 64

// datePattern reads a pattern of to_char. Letters that are no part of it are refused, so that
// no part that PostgreSQL has is printed as it is written; they may stand in double quotes.
func datePattern(pattern string) ([]datePart, error) {
	if len(pattern) > maxDatePattern {
		return nil, fmt.Errorf("a pattern has at most %d characters", maxDatePattern)
	}
	var parts []datePart
	text := func(s string) { parts = append(parts, func(time.Time) string { return s }) }
	for rest := pattern; rest != ""; {
		fill := !strings.HasPrefix(rest, "FM")
		if !fill {
			rest = rest[2:]
		}
		if quoted, found := strings.CutPrefix(rest, `"`); found && fill {
			word, behind, closed := strings.Cut(quoted, `"`)
			if !closed || strings.Contains(word, `\`) {
				return nil, fmt.Errorf("a quotation mark is not closed")
			}
			text(word)
			rest = behind
			continue
		}
		word := ""
		for _, w := range dateWords {
			if after, found := strings.CutPrefix(rest, w.word); found {
				parts = append(parts, func(t time.Time) string { return w.write(t, fill) })
				word, rest = w.word, after
				break
			}
		}
		if word != "" {
			continue
		}
		if rest == "" || !fill || isLetter(rest[0]) || rest[0] == '\\' {
			return nil, fmt.Errorf("%s is not one of the patterns of dates", quote(rest))
		}
		text(rest[:1])
		rest = rest[1:]
	}
	return parts, nil
}

func isLetter(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' }
