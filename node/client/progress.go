package client

import (
	"context"
	"fmt"
	"slices"
	"time"

	"parley/engine"
	"parley/node/exchange"
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
	protocols.KindMultiply: "multiplied", protocols.KindAttest: "attested", protocols.KindShare: "shared", protocols.KindScreen: "screened",
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
	case *protocols.Multiply:
		query = b.Query
	case *protocols.Attest:
		query = b.Query
	case *protocols.ShareCommit:
		query = b.Query
	case *protocols.Screen:
		query = b.Query
	}
	t, s := c.asked[query], c.replica.Query(query)
	if t == nil || s == nil {
		return
	}
	t.done[e.Kind]++
	step := Step{Name: name, Department: c.replica.NameOf(e.Author), Done: t.done[e.Kind], Total: len(s.Epoch.Members)}
	contribute, multiply := s.Givers()
	step.Multiplies = multiply > 0
	switch e.Kind {
	case protocols.KindAsk:
		step.Department, step.Total = "", 1
	case protocols.KindContribute:
		step.Total = contribute
	case protocols.KindMultiply:
		step.Total = multiply
	case protocols.KindScreen:
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

// query is the question's id; zero before it has one.
func (a *asking) query() engine.Digest {
	a.c.mu.Lock()
	defer a.c.mu.Unlock()
	return a.machine.Query()
}

// reports asks all departments for their part in a query.
func (c *Client) reports(ctx context.Context, query engine.Digest) (exchange.Reports, error) {
	ctx, cancel := context.WithTimeout(ctx, exchange.ReportTimeout+time.Second)
	defer cancel()
	return exchange.AskReports(ctx, c.transport, c.node, query)
}

// count tells how many proofs are made, as far as that is news. What stands on the ledger counts,
// and of what does not the departments' word.
func (a *asking) count(said exchange.Reports) {
	a.c.mu.Lock()
	s := a.c.replica.Query(a.machine.Query())
	if s == nil {
		a.c.mu.Unlock()
		return
	}
	step := Step{Name: StepProving, Proofs: proofsOf(s, said)}
	a.c.mu.Unlock()
	for _, p := range step.Proofs {
		step.Done, step.Total = step.Done+p.Done, step.Total+p.Total
	}
	if now := fmt.Sprint(step.Proofs); now != a.proofs {
		a.proofs = now
		a.tell(step)
	}
}

// proofsOf are the members' proofs of a query: one a ciphertext for a contribution, one a product, one for a
// share.
func proofsOf(s *protocols.QueryState, said exchange.Reports) []Proofs {
	var out []Proofs
	for i, m := range s.Epoch.Members {
		ciphertexts, products := s.Gives(m.Key)
		p := Proofs{Department: m.Name, Total: ciphertexts + products + int(s.Ask.Ciphertexts)}
		if at := slices.IndexFunc(s.Contributors, func(c protocols.Member) bool { return c.Key == m.Key }); at >= 0 {
			if s.Contributed[at] != nil {
				p.Done = ciphertexts
			}
			if s.Multiplied[at] != nil {
				p.Done += products
			}
		}
		for _, r := range said.List {
			if r.Key == m.Key {
				p.Done = max(p.Done, int(min(r.Report.Proofs, uint64(p.Total))))
			}
		}
		if s.Shared[i] != nil {
			p.Done = p.Total
		}
		out = append(out, p)
	}
	return out
}

func (a *asking) tell(s Step) {
	if a.o.Progress != nil {
		s.Elapsed, s.Screening = time.Since(a.start), a.screening
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
