package layout

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"parley/engine"
)

// write spells a moment as the layout says: the inverse of reading, for tests.
func (l *Layout) write(r *rand.Rand, m moment) string {
	var b strings.Builder
	for _, p := range l.parts {
		number := map[string]int{"y": m.year, "d": m.day, "m": m.month, "H": m.hour, "M": m.minute, "S": m.second}
		switch p.field {
		case "":
			b.WriteString(p.literal)
		case "yyyy", "y":
			fmt.Fprintf(&b, "%04d", m.year)
		case "yy":
			fmt.Fprintf(&b, "%02d", m.year%100)
		case "mm", "dd", "HH", "MM", "SS":
			fmt.Fprintf(&b, "%02d", number[p.field[:1]])
		case "m", "d", "H", "M", "S":
			fmt.Fprintf(&b, "%0*d", 1+r.IntN(2), number[p.field])
		case "h", "hh":
			fmt.Fprintf(&b, "%0*d", len(p.field), (m.hour+11)%12+1)
		case "am":
			b.WriteString([]string{"am", "PM"}[m.hour/12])
		case "f":
			fmt.Fprintf(&b, "%06d", m.micros)
		case "mon":
			name := time.Month(m.month).String()
			b.WriteString([]string{name, name[:3], strings.ToUpper(name)}[r.IntN(3)])
		case "z":
			sign := "+"
			if m.offset < 0 {
				sign = "-"
			}
			fmt.Fprintf(&b, "%s%02d:%02d", sign, max(m.offset, -m.offset)/60, max(m.offset, -m.offset)%60)
		}
		if strings.HasPrefix(p.field, "S") && !l.whole && m.micros > 0 {
			fmt.Fprintf(&b, ".%06d", m.micros)
		}
	}
	return b.String()
}

var layoutSamples = []string{"d/m/y", "m/d/y", "d.m.y", "y-m-d", "y年m月d日", "yyyymmdd", "d mon y", "mon d, y", "dd-mon-yy(1950)", "d/m/yy(2001)",
	"y-m-d H:M:S", "y-m-dTHH:MM:SSz", "yyyymmddHHMMSS", "m/d/y h:MM:SS am", "d.m.y, H'h'M", "y年m月d日 H时M分S秒", "d.m.y H:M:S,f", "H:M", "HHMM", "h:M am", "H:M:S.f"}

// TestLayouts: what a layout writes, it reads as the same moment.
func TestLayouts(t *testing.T) {
	r := rand.New(rand.NewPCG(12, 1))
	for _, format := range layoutSamples {
		l, err := Parse(format)
		if err != nil {
			t.Fatal(err)
		}
		for range 300 {
			at := time.UnixMicro(r.Int64N(253402300800000000+62135596800000000) - 62135596800000000).UTC() // the years 1 to 9999
			if l.pivot > 0 {
				at = time.Date(l.pivot+r.IntN(100), at.Month(), 1, at.Hour(), at.Minute(), at.Second(), at.Nanosecond(), time.UTC).AddDate(0, 0, r.IntN(28))
			}
			m := moment{year: at.Year(), month: int(at.Month()), day: at.Day()}
			if l.timed {
				m.hour, m.minute = at.Hour(), at.Minute()
			}
			if strings.ContainsRune(format, 'S') {
				m.second, m.micros = at.Second(), at.Nanosecond()/1000
			}
			if l.zoned && at.Year() > 1 && at.Year() < 9999 {
				m.offset = r.IntN(2*15*60) - 15*60
			}
			text := l.write(r, m)
			want := time.Date(m.year, time.Month(m.month), m.day, m.hour, m.minute-m.offset, m.second, m.micros*1000, time.UTC)
			switch {
			case !l.dated:
				if got, ok := l.Time([]byte(text)); !ok || got != m.clock() {
					t.Fatalf("%s: %q is %d, %v", format, text, got, ok)
				}
				continue
			case !l.timed:
				if got, ok := l.Date([]byte(text)); !ok || int64(got)*SecondsPerDay != want.Unix() {
					t.Fatalf("%s: %q is day %d, %v, want %v", format, text, got, ok, want)
				}
			}
			if got, zoned, ok := l.Timestamp([]byte(text)); !ok || zoned != l.zoned || got != want.UnixMicro() {
				t.Fatalf("%s: %q is %v, %v, want %v", format, text, time.UnixMicro(got).UTC(), ok, want)
			}
		}
	}
}

// TestLayoutStrict: a value of another spelling, or one that does not exist, is not read.
func TestLayoutStrict(t *testing.T) {
	for format, values := range map[string][]string{
		"d/m/y":         {"31/12/99", "2020/1/5", "30/2/2020", "29/2/1900", "0/1/2020", "1/13/2020", "1/1/0000", "1/1/2020x", "1 /1/2020", "１/1/2020", "", "001/1/2020"},
		"yyyymmdd":      {"2020015", "202001055", "20201301"},
		"d mon y":       {"5 Janu 2020", "5 1 2020", "5 Mai 2020"},
		"d/m/yy(1950)":  {"5/1/1950", "5/1/5"},
		"y-m-d H:M:S":   {"2020-01-05", "2020-01-05 24:00:00", "2020-01-05 10:60:00", "2020-01-05 10:00:60", "2020-01-05 10:00:00.1234567", "2020-01-05 10:00:00.", "2020-01-05  10:00:00"},
		"y-m-d H:M:S,f": {"2020-01-05 10:00:00", "2020-01-05 10:00:00.5"},
		"h:M am":        {"0:10 am", "13:10 am", "1:10", "1:10 xm"},
		"y-m-d H:Mz":    {"2020-01-05 10:00", "2020-01-05 10:00+16", "2020-01-05 10:00+8", "0001-01-01 10:00+15", "9999-12-31 23:00-15", "2020-01-05 10:00+08:0"},
	} {
		l, err := Parse(format)
		if (err != nil) != (values == nil) {
			t.Fatalf("%s: %v", format, err)
		}
		for _, v := range values {
			_, _, stamp := l.Timestamp([]byte(v))
			_, date := l.Date([]byte(v))
			if _, clock := l.Time([]byte(v)); stamp || date || clock {
				t.Errorf("%s reads %q", format, v)
			}
		}
	}
	midnight, _ := Parse("d.m.y H:M:S")
	if days, ok := midnight.Date([]byte(" 2.1.1970 00:00:00 ")); !ok || days != 1 {
		t.Error("midnight is a date")
	}
	if _, ok := midnight.Date([]byte("2.1.1970 00:00:01")); ok {
		t.Error("a second past midnight is no date")
	}
}

// TestLayoutRefusals: a format that does not say one thing is refused with what to do.
func TestLayoutRefusals(t *testing.T) {
	for format, want := range map[string]string{
		"":                      "no field",
		"d/m/yy":                "yy(1950)",
		"d/m/yy(50)":            "yy(1950)",
		"yyyy-MM-dd":            "needs year, month and day",
		"yyyy-mm-dd HH:mm":      "the month twice",
		"ymd":                   "right before",
		"H:S":                   "hour and minute",
		"h:M":                   "together with am",
		"H:M am":                "together with am",
		"H:M f":                 "without seconds",
		"y-m-d z":               "without a date and a time",
		"y-m-d 2":               "a digit",
		"y-m-d q":               "the letter q",
		"y-m-d 'x":              "not closed",
		"y-m-d\n":               "control character",
		strings.Repeat("y", 99): "longer than",
	} {
		if _, err := Parse(format); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", format, err, want)
		}
	}
}

// FuzzLayout: any format and value are read or refused; a date that is read exists.
func FuzzLayout(f *testing.F) {
	for _, format := range layoutSamples {
		f.Add(format, "05/01/2020 10:00:00.5+08:00")
	}
	f.Add("dd mon yyyyTHH:MM:SSz", "05 january 2020T10:00:00.123456Z")
	f.Fuzz(func(t *testing.T, format, value string) {
		l, err := Parse(format)
		if err != nil {
			return
		}
		const day = SecondsPerDay * 1_000_000
		micros, zoned, ok := l.Timestamp([]byte(value))
		if ok && (micros < firstDay*day || micros >= (lastDay+1)*day || zoned != l.Zoned()) {
			t.Fatalf("%q as %q: %d", value, format, micros)
		}
		if days, is := l.Date([]byte(value)); is && (!ok || int64(days)*day != micros) {
			t.Fatalf("%q as %q: day %d and %d, %v", value, format, days, micros, ok)
		}
		if clock, is := l.Time([]byte(value)); is && (ok || clock < 0 || clock >= day) {
			t.Fatalf("%q as %q: time %d", value, format, clock)
		}
	})
}

// FuzzISO: a timestamp or a time of day that is read as ISO is within the years and the day, and the
// engine's text of it is read as the same.
func FuzzISO(f *testing.F) {
	for _, seed := range []string{"2020-01-01 12:30", "2020-01-01T12:30:00.5Z", "0001-01-01 00:00:00-15:59", "9999-12-31 23:59:59.999999+0800", "23:59:59.999999", "24:00", "12:30:00.1234567"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		if micros, zoned, ok := ParseTimestamp(text); ok {
			d := engine.NewTimestamp(micros)
			if zoned {
				d = engine.NewTimestampTZ(micros)
			}
			again, also, ok := ParseTimestamp([]byte(d.String()))
			if !ok || also != zoned || again != micros || micros < engine.MinTimestamp || micros > engine.MaxTimestamp {
				t.Fatalf("%q is %s, which is read as %d", text, d, again)
			}
		}
		if micros, ok := ParseTime(text); ok {
			if again, ok := ParseTime([]byte(engine.NewTime(micros).String())); !ok || again != micros || micros < 0 || micros >= engine.MicrosPerDay {
				t.Fatalf("%q is %d, which is read as %d", text, micros, again)
			}
		}
	})
}
