package layout

import (
	"time"
	_ "time/tzdata" // so that a zone is the same on a machine that has no tables of them

	"parley/engine"
)

// Zone finds a time zone by its IANA name.
func Zone(name string) (*time.Location, bool) {
	zone, err := time.LoadLocation(name)
	return zone, err == nil && name != "" && name != "Local"
}

// InUTC takes a local time, in microseconds as if its clock were UTC's, to UTC. The fault says why that is not one
// moment: clocks that are put forward skip local times, and those that are put back show them twice.
func InUTC(local int64, zone *time.Location) (micros int64, fault string) {
	const around = 2 * engine.MicrosPerDay // more than any offset
	found := 0
	for at := time.UnixMicro(local - around).In(zone); ; {
		_, offset := at.Zone()
		start, end := at.ZoneBounds()
		moment := time.UnixMicro(local - int64(offset)*1_000_000)
		if (start.IsZero() || !moment.Before(start)) && (end.IsZero() || moment.Before(end)) {
			micros = moment.UnixMicro()
			found++
		}
		if end.IsZero() || end.UnixMicro() > local+around {
			break
		}
		at = end
	}
	switch {
	case found == 0:
		return 0, "is skipped in " + zone.String() + ", where clocks were put forward"
	case found > 1:
		return 0, "comes twice in " + zone.String() + ", where clocks were put back"
	case micros < engine.MinTimestamp || micros > engine.MaxTimestamp:
		return 0, "is outside the years 0001 to 9999 in UTC"
	}
	return micros, ""
}
