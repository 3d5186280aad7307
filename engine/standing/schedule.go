package standing

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Schedule says when a question is asked: every so often, or at times of a day. Its times are slots: for
// each one a question is asked once at most.
type Schedule struct {
	Every    time.Duration // zero: At
	At       []int         // minutes of a day, ascending
	Weekdays []time.Weekday
	Days     []int // of a month, from 1; with Weekdays: both
	Zone     int   // minutes from UTC
}

// lookback is how far apart two slots of a schedule by days are at most, in days: of the 31st, on a
// given weekday, several years.
const lookback = 366 * 12

const day = 24 * 60 * 60

// Last is the last slot that is not after a time, and Next the first one after it; the zero time where
// there is none, which no schedule that Parse takes lacks.
func (s *Schedule) Last(now time.Time) time.Time { return s.find(now, -1) }

// Next is as Last says.
func (s *Schedule) Next(now time.Time) time.Time { return s.find(now, 1) }

func (s *Schedule) find(now time.Time, step int64) time.Time {
	local := now.Unix() + int64(s.Zone)*60
	if s.Every > 0 {
		every := int64(s.Every / time.Second)
		slot := floor(local, every) * every
		if step > 0 {
			slot += every
		}
		return s.utc(slot)
	}
	times := slices.Clone(s.At)
	if step < 0 {
		slices.Reverse(times)
	}
	today := floor(local, day)
	for d := today; d != today+step*lookback; d += step {
		if !s.on(d) {
			continue
		}
		for _, minute := range times {
			if slot := d*day + int64(minute)*60; step < 0 && slot <= local || step > 0 && slot > local {
				return s.utc(slot)
			}
		}
	}
	return time.Time{}
}

// on reports whether a day, counted from 1970, has slots.
func (s *Schedule) on(d int64) bool {
	t := time.Unix(d*day, 0).UTC()
	return (len(s.Weekdays) == 0 || slices.Contains(s.Weekdays, t.Weekday())) && (len(s.Days) == 0 || slices.Contains(s.Days, t.Day()))
}

func (s *Schedule) utc(local int64) time.Time { return time.Unix(local-int64(s.Zone)*60, 0).UTC() }

func floor(a, b int64) int64 {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}

// Due decides whether a question is to be asked now, and for which slot: the last one, if none as late
// was asked for. Slots that were missed are asked for once, together; a question that was never asked is
// due. done is the last slot that it was asked for; the zero time: none.
func (s *Schedule) Due(done, now time.Time) (slot time.Time, due bool) {
	slot = s.Last(now)
	return slot, !slot.IsZero() && slot.After(done)
}

// String is the schedule in words.
func (s *Schedule) String() string {
	zone := fmt.Sprintf("UTC%s%02d:%02d", map[bool]string{true: "-", false: "+"}[s.Zone < 0], abs(s.Zone)/60, abs(s.Zone)%60)
	if s.Every > 0 {
		return fmt.Sprintf("every %s from midnight, %s", shortly(s.Every), zone)
	}
	var times, days []string
	for _, m := range s.At {
		times = append(times, fmt.Sprintf("%02d:%02d", m/60, m%60))
	}
	text := "at " + strings.Join(times, ", ")
	for _, w := range s.Weekdays {
		days = append(days, weekdays[w])
	}
	if days != nil {
		text += " on " + strings.Join(days, ", ")
	}
	days = nil
	for _, d := range s.Days {
		days = append(days, fmt.Sprint(d))
	}
	if days != nil {
		text += " on day " + strings.Join(days, ", ") + " of the month"
	}
	return text + ", " + zone
}

// shortly is a duration without the units that are zero.
func shortly(d time.Duration) string {
	text := d.String()
	if short, ok := strings.CutSuffix(text, "m0s"); ok {
		text = short + "m"
	}
	if short, ok := strings.CutSuffix(text, "h0m"); ok {
		text = short + "h"
	}
	return text
}

func abs(n int) int { return max(n, -n) }
