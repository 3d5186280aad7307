package session

import (
	"errors"
	"fmt"
	"math/big"
	"regexp"
	"strconv"
	"strings"
	"time"

	"parley/engine"
	"parley/node/pgwire"
)

// placeholder is a value of the kind, with which a question is planned before it has its own.
func (k slotKind) placeholder() string {
	switch engine.Kind(k) {
	case engine.Integer, engine.Decimal:
		return "1"
	case engine.Boolean:
		return "TRUE"
	case engine.Date:
		return "'2000-01-01'"
	case engine.Timestamp:
		return "'2000-01-01 00:00:00'"
	case engine.TimestampTZ:
		return "'2000-01-01 00:00:00+00'"
	case engine.Time:
		return "'00:00:00'"
	}
	return "''"
}

// literal writes a value, of a type that was declared or inferred, as a constant of SQL. It never holds more than one constant: numbers are
// written anew from what was read, and texts are quoted.
func (k slotKind) literal(oid uint32, v pgwire.Value) (string, error) {
	if v == nil {
		return "NULL", nil
	}
	text := string(v)
	if strings.IndexByte(text, 0) >= 0 {
		return "", errors.New("a text has no NUL character")
	}
	var out string
	var err error
	switch engine.Kind(k) {
	case engine.Integer:
		return integerLiteral(text)
	case engine.Decimal:
		return decimalLiteral(text)
	case engine.Boolean:
		return booleanLiteral(text)
	case engine.Date:
		out, err = dateText(oid, text)
	case engine.Timestamp, engine.TimestampTZ:
		out, err = momentText(engine.Kind(k) == engine.TimestampTZ, text)
	case engine.Time:
		out, err = clockText(text)
	default:
		if oid == oidBool { // of a text column a client's truth value would be compared with its words
			return "", errors.New("a truth value stands where a text is compared")
		}
		out = text
	}
	if err != nil {
		return "", err
	}
	return quoted(out), nil
}

// quoted is a text as a constant: standard_conforming_strings is always on.
func quoted(text string) string { return "'" + strings.ReplaceAll(text, "'", "''") + "'" }

// numberDigits is how many digits a number may have, without its exponent and with it.
const numberDigits = 1000

var number = regexp.MustCompile(`^[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]{1,4})?$`)

// parseNumber reads a number exactly.
func parseNumber(text string) (*big.Rat, error) {
	text = strings.TrimSpace(text)
	if len(text) > numberDigits || !number.MatchString(text) {
		return nil, fmt.Errorf("%s is not a number that a question can have", short(text))
	}
	if _, exponent, ok := strings.Cut(strings.ToLower(text), "e"); ok {
		if n, err := strconv.Atoi(exponent); err != nil || n > numberDigits || n < -numberDigits {
			return nil, fmt.Errorf("%s is out of range", short(text))
		}
	}
	r, ok := new(big.Rat).SetString(text)
	if !ok {
		return nil, fmt.Errorf("%s is not a number", short(text))
	}
	return r, nil
}

// short is the beginning of a value, for a refusal.
func short(text string) string {
	if len(text) > 64 {
		return strconv.Quote(strings.ToValidUTF8(text[:64], "")) + "…"
	}
	return strconv.Quote(text)
}

func integerLiteral(text string) (string, error) {
	r, err := parseNumber(text)
	if err != nil {
		return "", err
	}
	if !r.IsInt() { // a column of whole numbers may be compared with 1.5
		return decimalLiteral(text)
	}
	return signed(r.Num().String()), nil
}

func decimalLiteral(text string) (string, error) {
	r, err := parseNumber(text)
	if err != nil {
		return "", err
	}
	digits, exact := r.FloatPrec()
	if !exact || digits > numberDigits {
		return "", fmt.Errorf("%s is out of range", short(text))
	}
	return signed(r.FloatString(digits)), nil
}

// signed puts a negative number in brackets, lest a sign before it makes a comment.
func signed(n string) string {
	if strings.HasPrefix(n, "-") {
		return "(" + n + ")"
	}
	return n
}

func booleanLiteral(text string) (string, error) {
	truth, err := parseBool(text)
	if err != nil {
		return "", fmt.Errorf("%s is not a truth value", short(text))
	}
	if truth {
		return "TRUE", nil
	}
	return "FALSE", nil
}

// moment is what clients send for dates and times: a date, then perhaps a time of the day, then perhaps a zone's distance from UTC.
var moment = regexp.MustCompile(`^([0-9]{4})-([0-9]{2})-([0-9]{2})(?:[ tT]+([0-9]{2}):([0-9]{2})(?::([0-9]{2})(?:\.([0-9]{1,9}))?)?)? *(?:([zZ]|UTC)|([+-])([0-9]{2})(?::?([0-9]{2})(?::?([0-9]{2}))?)?)?$`)

// parseMoment reads one. zoned tells whether it names a zone.
func parseMoment(text string) (local time.Time, offset time.Duration, zoned bool, err error) {
	m := moment.FindStringSubmatch(strings.TrimSpace(text))
	if m == nil {
		return time.Time{}, 0, false, fmt.Errorf("%s is not a date or time in ISO's form, as in 2026-12-31 or 2026-12-31 23:59:59+00", short(text))
	}
	n := func(i int) int { v, _ := strconv.Atoi(m[i]); return v }
	nanos, _ := strconv.Atoi((m[7] + "000000000")[:9])
	local = time.Date(n(1), time.Month(n(2)), n(3), n(4), n(5), n(6), nanos, time.UTC)
	midnight := n(4) == 24 && n(5) == 0 && n(6) == 0 && nanos == 0
	if n(1) == 0 || n(2) < 1 || n(2) > 12 || n(3) < 1 || time.Date(n(1), time.Month(n(2)), n(3), 0, 0, 0, 0, time.UTC).Day() != n(3) ||
		n(4) > 23 && !midnight || n(5) > 59 || n(6) > 59 || n(10) > 15 || n(11) > 59 || n(12) > 59 {
		return time.Time{}, 0, false, fmt.Errorf("%s is out of range", short(text))
	}
	offset = time.Duration(n(10))*time.Hour + time.Duration(n(11))*time.Minute + time.Duration(n(12))*time.Second
	if m[9] == "-" {
		offset = -offset
	}
	return local, offset, m[8] != "" || m[9] != "", nil
}

// dateText reads a date. As in PostgreSQL a time of the day and a zone behind it are ignored, unless the client declared the value to be a
// moment: then it has to be the beginning of a day in UTC, as nothing else equals a date.
func dateText(oid uint32, text string) (string, error) {
	local, offset, _, err := parseMoment(text)
	if err != nil {
		return "", err
	}
	if oid == oidTimestamp || oid == oidTimestampTZ {
		if oid == oidTimestampTZ {
			local = local.Add(-offset)
		}
		if local.Truncate(24*time.Hour) != local {
			return "", fmt.Errorf("%s is not the beginning of a day in UTC, and is compared with a date", short(text))
		}
	}
	if y := local.Year(); y < 1 || y > 9999 {
		return "", fmt.Errorf("%s is out of range", short(text))
	}
	return local.Format("2006-01-02"), nil
}

// momentText reads a moment, to the microsecond: of a clock without zone as it is, else in UTC.
func momentText(zone bool, text string) (string, error) {
	local, offset, _, err := parseMoment(text)
	if err != nil {
		return "", err
	}
	if zone {
		local = local.Add(-offset)
	}
	local = local.Round(time.Microsecond)
	if y := local.Year(); y < 1 || y > 9999 {
		return "", fmt.Errorf("%s is out of range", short(text))
	}
	out := local.Format("2006-01-02 15:04:05.999999")
	if zone {
		out += "+00"
	}
	return out, nil
}

var clock = regexp.MustCompile(`^([0-9]{2}):([0-9]{2})(?::([0-9]{2})(?:\.[0-9]{1,6})?)?$`)

// clockText reads a time of the day.
func clockText(text string) (string, error) {
	text = strings.TrimSpace(text)
	m := clock.FindStringSubmatch(text)
	if m == nil || m[1] > "23" || m[2] > "59" || m[3] > "59" {
		return "", fmt.Errorf("%s is not a time of the day, as in 23:59:59", short(text))
	}
	return text, nil
}

// list writes a list of values, in PostgreSQL's text form of an array, as constants.
func (k slotKind) list(text string) (string, error) {
	values, err := parseArray(text)
	if err != nil {
		return "", err
	}
	if len(values) == 0 {
		return "", errors.New("the list has no values: nothing equals any of them")
	}
	out := make([]string, len(values))
	for i, v := range values {
		if out[i], err = k.literal(oidText, v); err != nil {
			return "", err
		}
	}
	return "ARRAY[" + strings.Join(out, ",") + "]", nil
}

// parseArray reads an array of one dimension: {1,NULL,"a \"b\""}.
func parseArray(text string) ([]pgwire.Value, error) {
	bad := fmt.Errorf("%s is not a list of values, as in {1,2}", short(text))
	inside, ok := strings.CutPrefix(strings.TrimSpace(text), "{")
	if !ok || !strings.HasSuffix(inside, "}") {
		return nil, bad
	}
	if inside = inside[:len(inside)-1]; strings.TrimSpace(inside) == "" {
		return nil, nil
	}
	var out []pgwire.Value
	for {
		if len(out) == MaxList {
			return nil, fmt.Errorf("the list has more than %d values", MaxList)
		}
		v, rest, ok := element(strings.TrimLeft(inside, " "))
		if !ok {
			return nil, bad
		}
		out = append(out, v)
		if rest = strings.TrimLeft(rest, " "); rest == "" {
			return out, nil
		}
		if inside, ok = strings.CutPrefix(rest, ","); !ok {
			return nil, bad
		}
	}
}

// element reads the first value of what stands between the braces.
func element(s string) (v pgwire.Value, rest string, ok bool) {
	if !strings.HasPrefix(s, `"`) {
		end := strings.IndexByte(s, ',')
		if end < 0 {
			end = len(s)
		}
		word := strings.TrimRight(s[:end], " ")
		switch {
		case word == "" || strings.ContainsAny(word, `{}"\`):
			return nil, "", false
		case strings.EqualFold(word, "NULL"):
			return nil, s[end:], true
		}
		return pgwire.Value(word), s[end:], true
	}
	v = pgwire.Value{}
	for i := 1; i < len(s); i++ {
		switch s[i] {
		case '"':
			return v, s[i+1:], true
		case '\\':
			if i++; i == len(s) {
				return nil, "", false
			}
		}
		v = append(v, s[i])
	}
	return nil, "", false
}
