package layout

import (
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"parley/engine"
)

// TestLocalTimes: a local time is one moment or refused. It goes through every hour around the changes of
// clocks, and through random moments, forth and back.
func TestLocalTimes(t *testing.T) {
	local := func(text string) int64 {
		at, err := time.Parse(time.DateTime, text)
		if err != nil {
			t.Fatal(err)
		}
		return at.UnixMicro()
	}
	for _, c := range []struct{ zone, local, want string }{
		{"Europe/Berlin", "2020-03-29 01:59:59", "2020-03-29 00:59:59+00"},
		{"Europe/Berlin", "2020-03-29 02:00:00", "is skipped in Europe/Berlin"},
		{"Europe/Berlin", "2020-03-29 02:59:59", "is skipped"},
		{"Europe/Berlin", "2020-03-29 03:00:00", "2020-03-29 01:00:00+00"},
		{"Europe/Berlin", "2020-10-25 01:59:59", "2020-10-24 23:59:59+00"},
		{"Europe/Berlin", "2020-10-25 02:00:00", "comes twice in Europe/Berlin"},
		{"Europe/Berlin", "2020-10-25 02:59:59", "comes twice"},
		{"Europe/Berlin", "2020-10-25 03:00:00", "2020-10-25 02:00:00+00"},
		{"Asia/Shanghai", "2020-01-31 08:00:00", "2020-01-31 00:00:00+00"},
		{"Asia/Shanghai", "1988-07-01 09:00:00", "1988-07-01 00:00:00+00"}, // summer time of China
		{"Pacific/Apia", "2011-12-30 12:00:00", "is skipped"},              // a day that Samoa left out
		{"Australia/Lord_Howe", "2020-10-04 02:15:00", "is skipped"},       // half an hour
		{"UTC", "0001-01-01 00:00:00", "0001-01-01 00:00:00+00"},
		{"Asia/Tokyo", "0001-01-01 00:00:00", "outside the years"},
		{"America/New_York", "9999-12-31 23:00:00", "outside the years"},
	} {
		zone, ok := Zone(c.zone)
		if !ok {
			t.Fatal(c.zone)
		}
		micros, fault := InUTC(local(c.local), zone)
		if fault == "" {
			fault = engine.NewTimestampTZ(micros).String()
		}
		if !strings.Contains(fault, c.want) {
			t.Errorf("%s %s: %s, want %s", c.local, c.zone, fault, c.want)
		}
	}
	for _, name := range []string{"", "Local", "Europe/Nowhere", "../etc/passwd", "/etc/localtime"} {
		if zone, ok := Zone(name); ok {
			t.Errorf("%q is the zone %s", name, zone)
		}
	}
	r := rand.New(rand.NewPCG(7, 12))
	for _, name := range []string{"Europe/Berlin", "America/St_Johns", "Asia/Kathmandu", "Africa/Casablanca", "Asia/Shanghai"} {
		zone, _ := Zone(name)
		for range 2000 {
			moment := time.Unix(r.Int64N(4_000_000_000)-2_000_000_000, 0).In(zone)
			_, offset := moment.Zone()
			switch micros, fault := InUTC(moment.UnixMicro()+int64(offset)*1_000_000, zone); {
			case fault == "" && micros != moment.UnixMicro(), strings.Contains(fault, "skipped"):
				t.Fatalf("%s: %v, %s", moment, time.UnixMicro(micros).In(zone), fault)
			}
		}
	}
}
