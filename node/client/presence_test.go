package client

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"parley/protocols"
)

// TestPatience: a question ends when somebody has been away for too long and it has waited for as
// long as it may; whoever comes back and leaves again is waited for anew.
func TestPatience(t *testing.T) {
	start := time.Unix(1_700_000_000, 0)
	at := func(seconds int) time.Time { return start.Add(time.Duration(seconds) * time.Second) }
	gone := func(seconds int) []Absent {
		return []Absent{{Name: "north", For: time.Duration(seconds) * time.Second}}
	}
	p := patience{}
	if p.over(at(0), nil, time.Second) || p.over(at(0), gone(0), time.Second) || !p.over(at(0), gone(120), time.Second) {
		t.Error("without waiting")
	}
	p = patience{wait: time.Minute}
	for _, c := range []struct {
		at   int
		away []Absent
		over bool
	}{
		{0, gone(3600), false}, {59, gone(3659), false}, {60, gone(3660), true},
		{61, nil, false}, {62, gone(1), false}, {121, gone(60), false}, {122, gone(61), true},
	} {
		if got := p.over(at(c.at), c.away, absentDuring); got != c.over {
			t.Errorf("after %d s, %v: %v", c.at, c.away, got)
		}
	}
	if !p.changed(gone(1)) || p.changed(gone(2)) || !p.changed(nil) {
		t.Error("who is missing is told when it changes")
	}
	for d, want := range map[time.Duration]string{0: "1 s", 3500 * time.Millisecond: "3 s", 2 * time.Minute: "2 min", 5 * time.Hour: "5 h", 80 * time.Hour: "3 days"} {
		if got := ago(d); got != want {
			t.Errorf("%v is %q, want %q", d, got, want)
		}
	}
}

// TestAbsence: each of those who are away is named once, with how long.
func TestAbsence(t *testing.T) {
	e := absence([]Absent{{Name: "north", For: 2 * time.Minute}, {Name: "south", For: 3 * time.Second}})
	var told strings.Builder
	e.Failure().Write(&told)
	want := "parley: north has not been connected for 2 min, south for 3 s\n" +
		"  hint: ask again when their nodes run, or let the question wait for them (--wait)\n"
	if told.String() != want {
		t.Errorf("%s\nwant\n%s", told.String(), want)
	}
}

// TestNotVouched: an analyst for whom nobody vouches is told what to have run.
func TestNotVouched(t *testing.T) {
	o := protocols.Outcome{Code: protocols.CodeNotVouched, Sentence: "no", Departments: []string{"north"}}
	if e := unanswered(o, "12D3KooW"); !strings.Contains(e.Hint, "parley people add --config node.toml --name NAME --role analyst 12D3KooW") || e.Sentence != o.Sentence {
		t.Errorf("%+v", e)
	}
	o.Code = protocols.CodeAggregation
	if e := unanswered(o, "12D3KooW"); e.Hint != "" {
		t.Errorf("a hint for another refusal: %+v", e)
	}
}

// TestGivenUp: what became of a question that was given up is its error, by whom it was given up.
func TestGivenUp(t *testing.T) {
	away := absence([]Absent{{Name: "north", For: 12 * time.Second}})
	stopped := &QueryError{cause: context.Canceled}
	for _, c := range []struct {
		given     *QueryError
		o         *protocols.Outcome // nil: the ledger said nothing in time
		code, say string
	}{
		{stopped, &protocols.Outcome{Status: protocols.Withdrawn, Code: "withdrawn", Sentence: "it was withdrawn"}, "withdrawn", "it was withdrawn"},
		{stopped, &protocols.Outcome{Status: protocols.Refused, Code: "too-late", Sentence: "too late"}, "too-late", "too late"},
		{stopped, nil, "not-withdrawn", "the question could not be withdrawn in time: it ends with its deadline"},
		{away, &protocols.Outcome{Status: protocols.Withdrawn, Code: "withdrawn", Sentence: "it was withdrawn"}, "unavailable",
			"north has not been connected for 12 s; it was withdrawn"},
	} {
		a := &asking{given: c.given}
		got := a.standing()
		if c.o != nil {
			got = a.withdrawn(c.o)
		}
		if got == nil || got.Code != c.code || got.Sentence != c.say || errors.Is(got, context.Canceled) != (c.given == stopped) {
			t.Errorf("%+v, want %s: %s", got, c.code, c.say)
		}
	}
	if (&asking{given: stopped}).withdrawn(&protocols.Outcome{Status: protocols.Answered}) != nil {
		t.Error("an answer that came first is one")
	}
}
