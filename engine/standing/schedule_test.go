package standing

import (
	"testing"
	"time"
)

func scheduled(t *testing.T, lines string) *Schedule {
	t.Helper()
	q, err := Parse("test.toml", []byte("name = \"x\"\nsql = \"SELECT 1\"\npurpose = \"p\"\n"+lines))
	if err != nil {
		t.Fatal(err)
	}
	return &q.Schedule
}

// TestSchedule holds which slots are before and after a time.
func TestSchedule(t *testing.T) {
	for _, c := range []struct{ lines, now, last, next string }{
		{`every = "24h"`, "2026-03-01T10:00:00Z", "2026-03-01T00:00:00Z", "2026-03-02T00:00:00Z"},
		{`every = "24h"`, "2026-03-01T00:00:00Z", "2026-03-01T00:00:00Z", "2026-03-02T00:00:00Z"},
		{"every = \"24h\"\nzone = \"+08:00\"", "2026-03-01T10:00:00Z", "2026-02-28T16:00:00Z", "2026-03-01T16:00:00Z"},
		{`every = "15m"`, "2026-03-01T10:16:59Z", "2026-03-01T10:15:00Z", "2026-03-01T10:30:00Z"},
		{"at = [\"08:30\", \"20:00\"]\nzone = \"+08:00\"", "2026-03-01T00:29:59Z", "2026-02-28T12:00:00Z", "2026-03-01T00:30:00Z"},
		{"at = [\"08:30\", \"20:00\"]\nzone = \"+08:00\"", "2026-03-01T00:30:00Z", "2026-03-01T00:30:00Z", "2026-03-01T12:00:00Z"},
		{"at = \"08:30\"\nweekdays = [\"monday\"]\nzone = \"+08:00\"", "2026-03-01T10:00:00Z", "2026-02-23T00:30:00Z", "2026-03-02T00:30:00Z"},
		{"at = \"00:30\"\nweekdays = [\"monday\"]\nzone = \"+08:00\"", "2026-03-01T10:00:00Z", "2026-02-22T16:30:00Z", "2026-03-01T16:30:00Z"},
		{"at = \"08:00\"\ndays = [31]\nzone = \"+00:00\"", "2026-03-01T10:00:00Z", "2026-01-31T08:00:00Z", "2026-03-31T08:00:00Z"},
		{"at = \"08:00\"\ndays = [13]\nweekdays = [\"friday\"]\nzone = \"+00:00\"", "2026-04-01T00:00:00Z", "2026-03-13T08:00:00Z", "2026-11-13T08:00:00Z"},
		{`every = "24h"`, "1969-12-31T10:00:00Z", "1969-12-31T00:00:00Z", "1970-01-01T00:00:00Z"},
	} {
		s := scheduled(t, c.lines)
		now, err := time.Parse(time.RFC3339, c.now)
		if err != nil {
			t.Fatal(err)
		}
		last, next := s.Last(now).Format(time.RFC3339), s.Next(now).Format(time.RFC3339)
		if last != c.last || next != c.next {
			t.Errorf("%s at %s: last %s, next %s, want %s, %s", s, c.now, last, next, c.last, c.next)
		}
	}
}

// TestDue: once for each slot, once for all that were missed, at once if never, and not before a clock that was
// set back has come to where it was.
func TestDue(t *testing.T) {
	s := scheduled(t, "at = \"08:30\"\nzone = \"+08:00\"")
	now := time.Date(2026, 3, 1, 10, 0, 0, 0, time.UTC)
	first, due := s.Due(time.Time{}, now)
	if !due {
		t.Fatal("a question that was never asked is not due")
	}
	for _, later := range []time.Duration{0, time.Second, 14 * time.Hour} {
		if slot, due := s.Due(first, now.Add(later)); due {
			t.Errorf("due again after %s, for %s", later, slot)
		}
	}
	slot, due := s.Due(first, now.Add(100*time.Hour))
	if !due || slot.Sub(first) != 96*time.Hour {
		t.Errorf("after four days it is asked for %s", slot)
	}
	if _, due := s.Due(slot, now.Add(100*time.Hour)); due {
		t.Error("missed slots are asked for twice")
	}
	if _, due := s.Due(slot, now); due {
		t.Error("due at a time before")
	}
}

// checkSlots: the last slot is not after a time, the next one is, and nothing is between them.
func checkSlots(t *testing.T, s *Schedule, seconds int64) {
	now := time.Unix(seconds, 0).UTC()
	last, next := s.Last(now), s.Next(now)
	if last.IsZero() || next.IsZero() || last.After(now) || !next.After(now) {
		t.Fatalf("%s at %s: last %s, next %s", s, now, last, next)
	}
	if got := s.Next(last.Add(-time.Second)); !got.Equal(last) {
		t.Fatalf("%s: after a second before %s comes %s", s, last, got)
	}
	if got := s.Last(next.Add(-time.Second)); !got.Equal(last) {
		t.Fatalf("%s: before %s comes %s, not %s", s, next, got, last)
	}
	if slot, due := s.Due(last, now); due {
		t.Fatalf("%s: %s is asked for again, as %s", s, last, slot)
	}
}

func FuzzSchedule(f *testing.F) {
	f.Add(int64(0), uint16(510), uint16(1200), uint8(0b10), uint32(0), int16(480), int64(1_700_000_000))
	f.Add(int64(90), uint16(0), uint16(0), uint8(0), uint32(0), int16(-210), int64(-5))
	f.Add(int64(0), uint16(510), uint16(1439), uint8(0), uint32(1<<30), int16(0), int64(1_709_164_800))
	f.Fuzz(func(t *testing.T, every int64, a, b uint16, weekdays uint8, days uint32, zone int16, now int64) {
		s := &Schedule{Zone: int(zone) % (14 * 60)}
		if every > 0 {
			s.Every = time.Duration(every%int64(MaxEvery/time.Second)+1) * time.Second
		} else {
			x, y := int(a)%1440, int(b)%1440
			if s.At = []int{min(x, y), max(x, y)}; x == y {
				s.At = s.At[:1]
			}
			for i := range 7 {
				if weekdays>>i&1 == 1 {
					s.Weekdays = append(s.Weekdays, time.Weekday(i))
				}
			}
			for i := range 31 {
				if days>>i&1 == 1 {
					s.Days = append(s.Days, i+1)
				}
			}
		}
		checkSlots(t, s, now%(200*366*day))
	})
}
