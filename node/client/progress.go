package client

import (
	"time"

	"parley/engine"
	"parley/protocols"
)

// tally counts who has done what in one question, for AskOptions.Progress.
type tally struct {
	query engine.Digest
	steps []Step // not yet told
	done  map[protocols.EntryKind]int
}

// stepNames are the steps that entries show.
var stepNames = map[protocols.EntryKind]string{
	protocols.KindAsk: "asked", protocols.KindAdmit: "admitted", protocols.KindContribute: "contributed",
	protocols.KindAttest: "attested", protocols.KindShare: "shared",
}

// count notes an entry of a question that is asked from here; c.mu is held.
func (c *Client) count(e *protocols.Entry, refused error) {
	name, ok := stepNames[e.Kind]
	if !ok || refused != nil || len(c.asked) == 0 {
		return
	}
	body, err := e.Open()
	if err != nil {
		return
	}
	var query engine.Digest
	switch b := body.(type) {
	case *protocols.Ask:
		query = protocols.QueryID(c.replica.ID(), e.Author, b)
	case *protocols.Admit:
		query = b.Query
	case *protocols.Contribute:
		query = b.Query
	case *protocols.Attest:
		query = b.Query
	case *protocols.ShareCommit:
		query = b.Query
	}
	t, s := c.asked[query], c.replica.Query(query)
	if t == nil || s == nil {
		return
	}
	t.done[e.Kind]++
	step := Step{Name: name, Department: c.replica.NameOf(e.Author), Done: t.done[e.Kind], Total: len(s.Epoch.Members)}
	switch e.Kind {
	case protocols.KindAsk:
		step.Department, step.Total = "", 1
	case protocols.KindContribute:
		step.Total = len(s.Contributors)
	}
	t.steps = append(t.steps, step)
}

// startTally starts counting once the question has its id; c.mu is held.
func (a *asking) startTally() {
	if id := a.machine.Query(); a.tally == nil && id != (engine.Digest{}) {
		a.tally = &tally{query: id, done: map[protocols.EntryKind]int{}}
		a.c.asked[id] = a.tally
	}
}

// report tells of the steps since the last time, and whether the question is
// on the log now.
func (a *asking) report() (asked bool) {
	c := a.c
	c.mu.Lock()
	var steps []Step
	if a.tally != nil {
		steps, a.tally.steps = a.tally.steps, nil
	}
	c.mu.Unlock()
	for _, s := range steps {
		asked = asked || s.Name == stepNames[protocols.KindAsk]
		a.tell(s)
	}
	return asked
}

func (a *asking) tell(s Step) {
	if a.o.Progress != nil {
		s.Elapsed = time.Since(a.start)
		a.o.Progress(s)
	}
}

func (c *Client) forget(t *tally) {
	if t == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.asked, t.query)
}
