package session

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"parley/engine"
	"parley/node/pgwire/catalog"
)

// sentence is an error that a client is told whole, beside a message of its own.
type sentence string

func (s sentence) Error() string { return string(s) }

func detail(format string, args ...any) error { return sentence(fmt.Sprintf(format, args...)) }

func sorted[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

// line takes a text of one line.
func line(most int) func(string) (string, error) {
	return func(value string) (string, error) {
		if fault := engine.LineFault(value, most); fault != "" {
			return "", detail("The value %s.", fault)
		}
		return value, nil
	}
}

// oneOf takes one of several words.
func oneOf(words ...string) func(string) (string, error) {
	return func(value string) (string, error) {
		if value = strings.ToLower(strings.TrimSpace(value)); slices.Contains(words, value) {
			return value, nil
		}
		return "", detail("Available values: %s.", strings.Join(words, ", "))
	}
}

// mustBe takes one truth value.
func mustBe(only string) func(string) (string, error) {
	return func(value string) (string, error) {
		if value, err := boolean(value); err != nil || value == only {
			return value, err
		}
		return "", detail("It is always %s.", only)
	}
}

// boolean takes a truth value in PostgreSQL's spellings: words, or unique beginnings of them.
func boolean(value string) (string, error) {
	truth, err := parseBool(value)
	if err != nil {
		return "", err
	}
	if truth {
		return "on", nil
	}
	return "off", nil
}

func parseBool(value string) (bool, error) {
	v := strings.ToLower(strings.TrimSpace(value))
	for _, word := range []string{"true", "yes", "on", "1"} {
		if v == word || v != "" && word[0] != 'o' && strings.HasPrefix(word, v) {
			return true, nil
		}
	}
	for _, word := range []string{"false", "no", "off", "0"} {
		if v == word || v != "" && (word[0] != 'o' || len(v) > 1) && strings.HasPrefix(word, v) {
			return false, nil
		}
	}
	return false, detail("A truth value is on or off, true or false, yes or no, 1 or 0.")
}

func integer(least, most int) func(string) (string, error) {
	return func(value string) (string, error) {
		n, err := strconv.Atoi(strings.TrimSpace(value))
		if err != nil || n < least || n > most {
			return "", detail("It is a whole number from %d to %d.", least, most)
		}
		return strconv.Itoa(n), nil
	}
}

// units are PostgreSQL's units of time.
var units = map[string]time.Duration{"us": time.Microsecond, "ms": time.Millisecond, "s": time.Second, "min": time.Minute, "h": time.Hour, "d": 24 * time.Hour}

// maxDuration is the longest time of a setting: PostgreSQL's, about 24 days.
const maxDuration = (1<<31 - 1) * time.Millisecond

// parseDuration reads a time: a number with a unit, or of milliseconds.
func parseDuration(value string) (time.Duration, error) {
	value = strings.TrimSpace(value)
	digits := strings.TrimRight(value, "abcdefghijklmnopqrstuvwxyz ")
	unit := strings.TrimSpace(value[len(digits):])
	of, ok := units[cmp.Or(unit, "ms")]
	n, err := strconv.ParseFloat(digits, 64)
	if !ok || err != nil || strings.ContainsAny(digits, "xXpPnNiI_") {
		return 0, detail(`A time is a number with a unit, as in '30s' or '5min'; valid units are "us", "ms", "s", "min", "h", and "d"; without one it is of milliseconds.`)
	}
	if n < 0 || n*float64(of) > float64(maxDuration) {
		return 0, detail("A time is from 0 to %d ms.", maxDuration.Milliseconds())
	}
	return time.Duration(n * float64(of)), nil
}

// duration takes a time, as PostgreSQL shows it: in the largest unit that is whole.
func duration(value string) (string, error) {
	d, err := parseDuration(value)
	if err != nil {
		return "", err
	}
	d = d.Round(time.Millisecond)
	for _, unit := range []string{"d", "h", "min", "s", "ms"} {
		if of := units[unit]; d != 0 && d%of == 0 {
			return strconv.FormatInt(int64(d/of), 10) + unit, nil
		}
	}
	return "0", nil
}

// encoding takes UTF8 in all its spellings.
func encoding(value string) (string, error) {
	name := strings.ToUpper(strings.Trim(strings.TrimSpace(value), `'"`))
	switch strings.NewReplacer("-", "", "_", "", " ", "").Replace(name) {
	case "UTF8", "UNICODE":
		return "UTF8", nil
	}
	return "", detail("Text is sent in UTF8: set client_encoding to UTF8.")
}

func messages(value string) (string, error) {
	value = strings.ToLower(strings.TrimSpace(value))
	if value == "info" || severities[strings.ToUpper(value)] == 0 {
		return "", detail("Available values: debug5, debug4, debug3, debug2, debug1, log, notice, warning, error.")
	}
	return value, nil
}

// dateStyle takes ISO with any order, which is kept for clients to see: dates are read year first.
func dateStyle(value string) (string, error) {
	order := "MDY"
	for _, word := range strings.FieldsFunc(value, func(r rune) bool { return r == ',' || r == ' ' }) {
		switch strings.ToUpper(strings.Trim(word, `'"`)) {
		case "ISO", "DEFAULT":
		case "MDY", "US", "NONEURO", "NONEUROPEAN":
			order = "MDY"
		case "DMY", "EURO", "EUROPEAN":
			order = "DMY"
		case "YMD":
			order = "YMD"
		default:
			return "", detail("Dates are written in ISO's form alone: set DateStyle to ISO.")
		}
	}
	return "ISO, " + order, nil
}

func isolation(value string) (string, error) {
	return oneOf("serializable", "repeatable read", "read committed", "read uncommitted")(value)
}

// zone takes a time zone's name, which the embedded list does not have to know: it changes nothing.
func zone(value string) (string, error) {
	value = strings.Trim(strings.TrimSpace(value), `'"`)
	if isUTC(value) {
		return "UTC", nil
	}
	if value == "" || engine.LineFault(value, 64) != "" {
		return "", detail("Times are written in UTC: set TimeZone to UTC.")
	}
	return value, nil
}

func isUTC(value string) bool {
	switch strings.ToLower(value) {
	case "utc", "gmt", "etc/utc", "etc/gmt", "etc/universal", "etc/zulu", "zulu", "universal", "uct", "etc/uct", "greenwich", "z", "default", "0", "+0", "+00", "-0", "+00:00", "00:00", "gmt0", "gmt+0", "gmt-0", "utc0":
		return true
	}
	return false
}

// all are the settings for pg_settings.
func (s *session) all() []catalog.Setting {
	out := make([]catalog.Setting, 0, len(known))
	for _, name := range sorted(known) {
		of, context := known[name], "user"
		if of.fixed {
			context = "internal"
		}
		out = append(out, catalog.Setting{Name: of.name, Value: s.settings[name], Context: context, Description: of.about})
	}
	return out
}
