package engine

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"
)

// visits is a table of timestamps and times of day without dictionaries, over three weeks, dealt to
// three departments; and all its timestamps.
func visits(rows int) (*refTable, []time.Time) {
	r := rand.New(rand.NewPCG(3, 12))
	t := &refTable{columns: []refColumn{
		{name: "k", sql: "k", kind: Integer, grouped: true},
		{name: "at", sql: "at", kind: Timestamp},
		{name: "sent", sql: "sent", kind: TimestampTZ},
		{name: "clock", sql: "clock", kind: Time},
		{name: "day", sql: "day", kind: Date},
	}, parts: make([][]row, 3), mixed: make([]bool, 3), void: make([]bool, 3)}
	var all []time.Time
	for i := range rows {
		micros := 18_300*MicrosPerDay + r.Int64N(21*MicrosPerDay)
		all = append(all, time.UnixMicro(micros).UTC())
		t.parts[i%3] = append(t.parts[i%3], row{rat(int64(i % 2)), NewTimestamp(micros), NewTimestampTZ(micros), retyped(NewTimestamp(micros), Time), day(micros / MicrosPerDay)})
	}
	slices.SortFunc(all, time.Time.Compare)
	return t, all
}

// TestClockGroups: timestamps without a dictionary are grouped by their days, hours and what a pattern
// shows of them.
func TestClockGroups(t *testing.T) {
	table, all := visits(300)
	for _, c := range []struct{ key, layout string }{
		{"date_trunc('day', at)", "2006-01-02 00:00:00"},
		{"date_trunc('hour', sent)", "2006-01-02 15:00:00+00"},
		{"at::date", "2006-01-02"},
		{"to_char(at, 'YYYY-MM-DD HH24')", "2006-01-02 15"},
		{"to_char(sent, 'HH24:MI')", "15:04"},
		{"to_char(clock, 'HH12 AM')", "03 PM"},
		{"EXTRACT(hour FROM at)", "15"},
	} {
		count, order := map[string]int{}, []string{}
		for _, at := range all {
			key := at.Format(c.layout)
			if strings.HasPrefix(c.key, "EXTRACT") {
				key = fmt.Sprint(at.Hour())
			}
			if count[key]++; count[key] == 1 {
				order = append(order, key)
			}
		}
		slices.Sort(order)
		got, rounds := play(t, table, "SELECT "+c.key+", count(*) FROM things GROUP BY 1 ORDER BY "+c.key)
		var lines []string
		for _, line := range printed(got) {
			key, n, _ := strings.Cut(line, " | ")
			if fmt.Sprint(count[key]) != n {
				t.Errorf("%s: %s has %s, not %d", c.key, key, n, count[key])
			}
			lines = append(lines, key)
		}
		if slices.Sort(lines); rounds != 1 || !slices.Equal(lines, order) {
			t.Errorf("%s: %v, not %v", c.key, lines, order)
		}
	}
}

// TestClockSearch finds the least, the greatest and the middle of timestamps and times of day to the
// microsecond, and counts them by edges.
func TestClockSearch(t *testing.T) {
	if testing.Short() {
		t.Skip("searches of several rounds")
	}
	table, all := visits(60)
	for _, c := range []struct {
		column, layout string
		order          func(a, b time.Time) int
	}{
		{"at", "2006-01-02 15:04:05.999999", time.Time.Compare},
		{"clock", "15:04:05.999999", func(a, b time.Time) int {
			return strings.Compare(a.Format("15:04:05.000000"), b.Format("15:04:05.000000"))
		}},
	} {
		sorted := slices.SortedFunc(slices.Values(all), c.order)
		sql := fmt.Sprintf("SELECT min(%[1]s), percentile_disc(0.5) WITHIN GROUP (ORDER BY %[1]s), max(%[1]s) FROM things", c.column)
		got, rounds := play(t, table, sql)
		want := strings.Join([]string{sorted[0].Format(c.layout), sorted[29].Format(c.layout), sorted[59].Format(c.layout)}, " | ")
		if lines := printed(got); len(lines) != 1 || lines[0] != want || rounds < 3 {
			t.Errorf("%s in %d rounds: %v, not %s", c.column, rounds, lines, want)
		}
	}
	got, _ := play(t, table, "SELECT histogram(at, ARRAY['2020-02-08', '2020-02-15 12:00', TIMESTAMP '2020-03-01']) FROM things")
	first := 0
	for _, at := range all {
		if at.Before(time.Date(2020, 2, 15, 12, 0, 0, 0, time.UTC)) {
			first++
		}
	}
	want := fmt.Sprintf("2020-02-08 00:00:00 | 2020-02-15 12:00:00 | %d\n2020-02-15 12:00:00 | 2020-03-01 00:00:00 | %d", first, 60-first)
	if lines := strings.Join(printed(got), "\n"); lines != want {
		t.Errorf("%s\nnot\n%s", lines, want)
	}
}

// TestClockRefusals: what is not supported of timestamps and times of day is refused at its place, with
// what to write.
func TestClockRefusals(t *testing.T) {
	table, _ := visits(9)
	cat, departments := table.catalogue()
	for sql, want := range map[string]string{
		"SELECT count(*) FROM things WHERE at - sent > 5":                             "is an interval, which is not supported",
		"SELECT sum(clock - clock) FROM things":                                       "is an interval, which is not supported",
		"SELECT count(*) FROM things WHERE at + 1 > '2020-01-01'":                     "INTERVAL '90 minutes'",
		"SELECT count(*) FROM things WHERE at > '2020-01-01 10:00+02'":                "a timestamp has no time zone",
		"SELECT count(*) FROM things WHERE at > '2020-01-01 24:00'":                   "from 00:00:00 to 23:59:59.999999",
		"SELECT count(*) FROM things WHERE clock > at":                                "cannot be compared",
		"SELECT count(*) FROM things WHERE clock = 5":                                 "a time is written '12:30:00'",
		"SELECT sent AT TIME ZONE 'Asia/Shanghai', count(*) FROM things GROUP BY 1":   "AT TIME ZONE is not supported",
		"SELECT sum(at) FROM things":                                                  "a timestamp can be counted, grouped by and compared",
		"SELECT at, count(*) FROM things GROUP BY at":                                 "date_trunc('month', at) can be grouped by",
		"SELECT clock, count(*) FROM things GROUP BY clock":                           "EXTRACT(hour FROM clock)",
		"SELECT date_trunc('second', at), count(*) FROM things GROUP BY 1":            "group by wider ranges, as in date_trunc('day', at)",
		"SELECT date_trunc('hour', clock), count(*) FROM things GROUP BY 1":           "write EXTRACT(hour FROM ...)",
		"SELECT sum(EXTRACT(day FROM clock)) FROM things":                             "the fields are epoch, hour, microseconds, milliseconds, minute, second",
		"SELECT sum(EXTRACT(hour FROM day)) FROM things":                              "extract has no field \"hour\" of a date",
		"SELECT sum(EXTRACT(timezone FROM sent)) FROM things":                         "the fields are century, day",
		"SELECT to_char(clock, 'YYYY'), count(*) FROM things GROUP BY 1":              "a time has no day",
		"SELECT to_char(at, 'HH24:MI TZ'), count(*) FROM things GROUP BY 1":           "is not one of the patterns of dates and times",
		"SELECT count(*) FROM things WHERE day::time > '10:00'":                       "cannot be cast to time",
		"SELECT count(*) FROM things WHERE at + INTERVAL '1.5 hours' > '2020-01-01'":  "is not supported",
		"SELECT count(*) FROM things WHERE at + INTERVAL '9000 years' > '2020-01-01'": "after the year 9999",
		"SELECT median(at) FROM things":                                               "has no dictionary, so median cannot count",
	} {
		_, err := NewSession(sql, cat, departments, testPackings[0])
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s\n%v, want %s", sql, err, want)
		}
	}
}
