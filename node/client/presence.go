package client

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"parley/node/exchange"
	"parley/protocols"
)

const (
	// lookEvery is how often a client asks its node who is not connected.
	lookEvery = 400 * time.Millisecond
	// lookTimeout is how long such a look may take.
	lookTimeout = 3 * time.Second
	// absentBefore is how long a department must have been away for a question not to be asked of it.
	absentBefore = time.Second
	// absentDuring is how long one may be away while a question runs: a node that is started again is
	// back sooner.
	absentDuring = 10 * time.Second
	// countEvery is how often the departments' proofs are counted.
	countEvery = time.Second
	// withdrawLimit is how long a client waits for its question's withdrawal to be ordered.
	withdrawLimit = 5 * time.Second
)

// Absent is a member of the network that the asked node is not connected to, by its own word, or
// that node itself.
type Absent struct {
	Name string
	For  time.Duration
}

// String says since when, as people do.
func (a Absent) String() string { return fmt.Sprintf("%s, not connected for %s", a.Name, ago(a.For)) }

// ago is a length of time in its largest unit, and at least a second.
func ago(d time.Duration) string {
	switch {
	case d < time.Minute:
		return fmt.Sprintf("%d s", max(d/time.Second, 1))
	case d < time.Hour:
		return fmt.Sprintf("%d min", d/time.Minute)
	case d < 48*time.Hour:
		return fmt.Sprintf("%d h", d/time.Hour)
	}
	return fmt.Sprintf("%d days", d/(24*time.Hour))
}

// look is what was learnt of the connections at one time.
type look struct {
	absent map[protocols.Key]time.Duration
	node   time.Duration // how long the asked node is not connected itself; 0 while it is
}

// lookAround asks the node whom it is not connected to. A node that does not answer, and is
// connected, has told nothing.
func (c *Client) lookAround(ctx context.Context) look {
	ctx, cancel := context.WithTimeout(ctx, lookTimeout)
	defer cancel()
	said, err := exchange.AskAbsent(ctx, c.transport, c.node)
	l := look{absent: map[protocols.Key]time.Duration{}, node: c.transport.Away(c.node)}
	if err != nil || len(said.List) > protocols.MaxDepartments+protocols.MaxAuditors {
		return l
	}
	const most = uint64(time.Duration(1<<63-1) / time.Millisecond)
	for _, a := range said.List {
		l.absent[a.Key] = time.Duration(min(a.Ms, most)) * time.Millisecond
	}
	return l
}

// missing are those of the absent that a question waits for: whom its machine needs, and where the
// others are no more than two thirds of the validators, all of them. Longest away first.
func (c *Client) missing(l look, needed []protocols.Key) []Absent {
	if l.node > 0 {
		return []Absent{{Name: "the node that was asked", For: l.node}}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	validators, away := c.replica.Validators(), 0
	for _, k := range validators {
		if l.absent[k] > 0 {
			away++
		}
	}
	quorum := 3*(len(validators)-away) > 2*len(validators)
	var out []Absent
	for _, k := range validators {
		if d := l.absent[k]; d > 0 && (!quorum || slices.Contains(needed, k)) {
			out = append(out, Absent{Name: c.replica.NameOf(k), For: d})
		}
	}
	slices.SortFunc(out, func(a, b Absent) int { return int(b.For/time.Second - a.For/time.Second) })
	return out
}

// patience is how long a question waits for those who are not connected.
type patience struct {
	wait  time.Duration // AskOptions.Wait
	since time.Time     // when somebody was first missing; zero while nobody is
	told  string        // who is
}

// over takes note of who is missing at a time, and reports whether that is too much: somebody has
// been away for so long, and the question has waited for as long as it may.
func (p *patience) over(now time.Time, missing []Absent, allowed time.Duration) bool {
	if len(missing) == 0 {
		p.since = time.Time{}
		return false
	}
	if p.since.IsZero() {
		p.since = now
	}
	return missing[0].For >= allowed && now.Sub(p.since) >= p.wait
}

// changed reports whether others are missing than were told of last.
func (p *patience) changed(missing []Absent) bool {
	told := p.told
	p.told = strings.Join(namesOf(missing), "\x00")
	return p.told != told
}

func namesOf(missing []Absent) []string {
	var names []string
	for _, m := range missing {
		names = append(names, m.Name)
	}
	return names
}

// absence is the error of a question that waits for them no longer.
func absence(missing []Absent) *QueryError {
	var said []string
	for i, m := range missing {
		if i == 0 {
			said = append(said, fmt.Sprintf("%s has not been connected for %s", m.Name, ago(m.For)))
		} else {
			said = append(said, fmt.Sprintf("%s for %s", m.Name, ago(m.For)))
		}
	}
	hint := "ask again when its node runs, or let the question wait for it (--wait)"
	if len(missing) > 1 {
		hint = "ask again when their nodes run, or let the question wait for them (--wait)"
	}
	return &QueryError{Code: "unavailable", Sentence: strings.Join(said, ", "), Departments: namesOf(missing), Hint: hint}
}

// awaitMembers returns once all are connected whom a question needs, or says who is not.
func (a *asking) awaitMembers(ctx context.Context) error {
	c := a.c
	for {
		c.mu.Lock()
		var needed []protocols.Key
		if e := c.replica.Epoch(); e != nil {
			for _, m := range e.Members {
				needed = append(needed, m.Key)
			}
		}
		c.mu.Unlock()
		missing := c.missing(c.lookAround(ctx), needed)
		if a.patience.over(time.Now(), missing, absentBefore) {
			return absence(missing)
		}
		a.tellMissing(missing)
		if len(missing) == 0 {
			return nil
		}
		select {
		case <-time.After(lookEvery):
		case <-ctx.Done():
			return &QueryError{Code: "withdrawn", Sentence: "nothing was asked", cause: ctx.Err()}
		case <-c.transport.Closing().Done():
			return unavailable("the client was closed")
		}
	}
}

func (a *asking) tellMissing(missing []Absent) {
	if a.patience.changed(missing) {
		a.tell(Step{Name: StepWaiting, Absent: missing})
	}
}

// watchPeers looks around, and counts proofs, until the question is over.
func (a *asking) watchPeers(ctx context.Context) {
	every := func(pause time.Duration, do func()) {
		a.watching.Add(1)
		go func() {
			defer a.watching.Done()
			for ctx.Err() == nil {
				do()
				select {
				case <-time.After(pause):
				case <-ctx.Done():
				}
			}
		}()
	}
	every(lookEvery, func() {
		select {
		case a.looks <- a.c.lookAround(ctx):
		case <-ctx.Done():
		}
	})
	if a.o.Progress == nil {
		return
	}
	every(countEvery, func() {
		if said, err := a.c.reports(ctx, a.query()); err == nil {
			select {
			case a.counts <- said:
			case <-ctx.Done():
			}
		}
	})
}

// judge is what a look at the connections means for a question that runs: nil, or why it ends.
func (a *asking) judge(l look) *QueryError {
	a.c.mu.Lock()
	needed := a.machine.Needs()
	a.c.mu.Unlock()
	missing := a.c.missing(l, needed)
	a.tellMissing(missing)
	if !a.patience.over(time.Now(), missing, absentDuring) {
		return nil
	}
	return absence(missing)
}
