package engine

import (
	"strings"
	"testing"
	"time"
)

// TestTimestampTexts reads what people write of timestamps and times of day, and refuses the rest.
func TestTimestampTexts(t *testing.T) {
	for _, c := range []struct {
		kind       Kind
		text, want string // "": refused
	}{
		{Timestamp, "2020-01-01", "2020-01-01 00:00:00"},
		{Timestamp, "2020-01-01T12:30", "2020-01-01 12:30:00"},
		{Timestamp, "1969-12-31 23:59:59.999999", "1969-12-31 23:59:59.999999"},
		{Timestamp, "0001-01-01 00:00:00.5", "0001-01-01 00:00:00.5"},
		{Timestamp, "9999-12-31 23:59:59.250", "9999-12-31 23:59:59.25"},
		{Timestamp, "2020-01-01 12:30:00+00", ""},
		{Timestamp, "2020-01-01 24:00:00", ""},
		{Timestamp, "2020-01-01 12:30:60", ""},
		{Timestamp, "2020-01-01 12:30:00.1234567", ""},
		{Timestamp, "2020-01-01 12:30:00.", ""},
		{Timestamp, "2020-02-30 12:30:00", ""},
		{Timestamp, "2020-01-01 1:30", ""},
		{Timestamp, "2020-01-01_12:30", ""},
		{Timestamp, "2020-01-01 ", ""},
		{Timestamp, "0000-01-01 12:30:00", ""},
		{TimestampTZ, "2020-01-01 12:30", "2020-01-01 12:30:00+00"},
		{TimestampTZ, "2020-01-01T12:30:00.5Z", "2020-01-01 12:30:00.5+00"},
		{TimestampTZ, "2020-01-01 02:30:00+08", "2019-12-31 18:30:00+00"},
		{TimestampTZ, "2020-01-01 02:30:00-0530", "2020-01-01 08:00:00+00"},
		{TimestampTZ, "2020-01-01 02:30:00+05:45", "2019-12-31 20:45:00+00"},
		{TimestampTZ, "0001-01-01 02:00:00+08", ""},
		{TimestampTZ, "9999-12-31 23:00:00-02", ""},
		{TimestampTZ, "2020-01-01 02:30:00+16", ""},
		{TimestampTZ, "2020-01-01 02:30:00+8", ""},
		{TimestampTZ, "2020-01-01 02:30:00 UTC", ""},
		{Time, "12:30", "12:30:00"},
		{Time, "00:00:00.000001", "00:00:00.000001"},
		{Time, "23:59:59.999999", "23:59:59.999999"},
		{Time, "24:00:00", ""},
		{Time, "12:30:00Z", ""},
		{Time, "12", ""},
		{Time, "", ""},
	} {
		d, err := parseDatum(c.kind, c.text)
		if c.want == "" {
			if err == nil {
				t.Errorf("%s %q is read as %s", c.kind, c.text, d)
			}
			continue
		}
		if err != nil || d.String() != c.want {
			t.Errorf("%s %q is %s, %v, not %s", c.kind, c.text, d, err, c.want)
		}
		if again, err := ParseDatum(c.kind, c.want); err != nil || again.Compare(d) != 0 {
			t.Errorf("%s %q: %v", c.kind, c.want, err)
		}
		if _, err := ParseDatum(c.kind, c.text); (err == nil) != (c.text == c.want) {
			t.Errorf("%s %q as canonical text: %v", c.kind, c.text, err)
		}
	}
}

// FuzzTimestamp: what is read is within the kind's range, and its text is read as the same, in the
// order of the values.
func FuzzTimestamp(f *testing.F) {
	f.Add("2020-01-01 12:30:00.5", "2020-01-01 12:30:00")
	f.Add("0001-01-01T00:00+15:59", "9999-12-31 23:59:59.999999-15:59")
	f.Add("12:30", "12:30:00.000001")
	f.Fuzz(func(t *testing.T, one, other string) {
		for _, kind := range []Kind{Timestamp, TimestampTZ, Time} {
			a, err := parseDatum(kind, one)
			if err != nil {
				continue
			}
			if again, err := ParseDatum(kind, a.String()); err != nil || again.Compare(a) != 0 || !inKind(kind, a.Number) {
				t.Fatalf("%s %q is %s: %v", kind, one, a, err)
			}
			if b, err := parseDatum(kind, other); err == nil && strings.Compare(a.String(), b.String()) != a.Compare(b) {
				t.Fatalf("%s and %s sort otherwise than their texts", a, b)
			}
		}
	})
}

// TestClockParts compares the parts of timestamps with Go's calendar, before 1970 too.
func TestClockParts(t *testing.T) {
	for _, text := range []string{"2020-02-29 23:59:59.999999", "1969-12-31 23:59:59.000001", "0001-01-01 00:00:00", "1582-10-10 12:34:56.7"} {
		x, err := parseDatum(Timestamp, text)
		if err != nil {
			t.Fatal(err)
		}
		at := time.UnixMicro(x.Number.Int64()).UTC()
		for field, want := range map[string]int{"hour": at.Hour(), "minute": at.Minute(), "second": at.Second()*1_000_000 + at.Nanosecond()/1000,
			"microseconds": at.Second()*1_000_000 + at.Nanosecond()/1000} {
			if got := clocks[field].part(x.Number.Int64()); got != int64(want) {
				t.Errorf("%s of %s is %d, not %d", field, text, got, want)
			}
		}
		for field, unit := range map[string]time.Duration{"hour": time.Hour, "minute": time.Minute, "second": time.Second, "milliseconds": time.Millisecond} {
			begin := newTemporal(Timestamp, clocks[field].begin(x.Number.Int64()))
			if want := at.Truncate(unit).UnixMicro(); begin.Number.Int64() != want {
				t.Errorf("the %s of %s begins %s", field, text, begin)
			}
		}
	}
}
