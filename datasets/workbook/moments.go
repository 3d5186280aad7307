package workbook

import (
	"math"
	"strconv"
	"strings"
	"time"
)

// shown is what a number's format shows of it.
type shown uint8

const (
	shownDate shown = 1 << iota
	shownTime
	shownSpan // a duration, [h]:mm
)

// formatShows tells what a format of numbers shows.
func formatShows(id int, code string) shown {
	switch {
	case code != "":
	case id >= 14 && id <= 17, id >= 27 && id <= 31, id == 36, id >= 50 && id <= 54, id >= 57 && id <= 58:
		return shownDate
	case id >= 18 && id <= 21, id == 45, id == 47, id >= 32 && id <= 35, id == 55, id == 56:
		return shownTime
	case id == 22:
		return shownDate | shownTime
	case id == 46:
		return shownSpan
	}
	var plain strings.Builder // without quoted text, escapes, colours and conditions
	for i := 0; i < len(code); i++ {
		switch c := code[i]; c {
		case '"':
			if end := strings.IndexByte(code[i+1:], '"'); end >= 0 {
				i += end + 1
			}
		case '\\', '_', '*':
			i++
		case '[':
			end := strings.IndexByte(code[i:], ']')
			if end < 0 {
				continue
			}
			if strings.Trim(strings.ToLower(code[i+1:i+end]), "hms") == "" && end > 1 {
				return shownSpan
			}
			i += end
		case ';': // what is behind it is for other values
			i = len(code)
		default:
			plain.WriteByte(c | 0x20)
		}
	}
	letters := plain.String()
	if strings.Contains(letters, "general") {
		return 0
	}
	var s shown
	if strings.ContainsAny(letters, "yd") {
		s |= shownDate
	}
	if strings.ContainsAny(letters, "hs") {
		s |= shownTime
	}
	if s == 0 && strings.Contains(letters, "m") {
		s = shownDate
	}
	return s
}

const milliseconds = 24 * 60 * 60 * 1000

// moment gives a number that is shown as a date or a time of day as ISO 8601 has it, to the
// millisecond, as Excel has them.
func moment(v float64, s shown, from1904 bool) (string, *Fault) {
	const last = 2958466 // the day behind 9999-12-31
	if v < 0 || v >= last || math.IsNaN(v) {
		return "", faultf("is it a number? Then format it as one", "a date outside of the years 1900 to 9999")
	}
	total := int64(math.RoundToEven(v * milliseconds))
	days, clock := total/milliseconds, total%milliseconds
	at := time.UnixMilli(clock).UTC()
	spelled := at.Format("15:04:05.999")
	switch {
	case s == shownSpan && days > 0:
		return "", faultf("format it as a number, of days", "a duration of a day or more")
	case s&shownDate == 0 && days == 0:
		return spelled, nil
	case from1904:
		days += 1462
	case days == 0:
		return "", faultf("Excel shows it as 1900-01-00", "a date before 1900-01-01")
	case days == 60:
		return "", faultf("Excel alone has this day: 1900 was no leap year", "the date 1900-02-29, which does not exist")
	case days < 60:
		days++
	}
	date := time.Date(1899, 12, 30, 0, 0, 0, 0, time.UTC).AddDate(0, 0, int(days))
	if date.Year() > 9999 {
		return "", faultf("", "a date outside of the years 1900 to 9999")
	}
	if s&shownTime == 0 && clock == 0 {
		return date.Format("2006-01-02"), nil
	}
	return date.Format("2006-01-02") + " " + spelled, nil
}

// number gives the shortest decimal of the double that a cell stores.
func number(raw string) (float64, string, bool) {
	v, err := strconv.ParseFloat(raw, 64)
	if err != nil || math.IsInf(v, 0) || math.IsNaN(v) || strings.ContainsAny(raw, "xX_pP") {
		return 0, "", false
	}
	if size := math.Abs(v); size != 0 && (size < 1e-6 || size >= 1e21) {
		return v, strconv.FormatFloat(v, 'e', -1, 64), true
	}
	return v, strconv.FormatFloat(v+0, 'f', -1, 64), true // +0: no -0
}
