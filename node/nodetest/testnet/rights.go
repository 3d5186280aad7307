package testnet

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"parley/engine"
	"parley/engine/policy"
	"parley/engine/policy/open"
	"parley/node"
	"parley/node/client"
	"parley/node/nodetest"
	"parley/node/peers"
	"parley/protocols"
)

// Purpose is what the questions of tests are asked for.
const Purpose = "a test of the network"

// Asking is a question's options, with a purpose if they have none.
func Asking(o client.AskOptions) client.AskOptions {
	if o.Purpose == "" {
		o.Purpose = Purpose
	}
	return o
}

// OpenPolicy is the policy under which a department answers whatever a vouched analyst asks for a purpose.
func OpenPolicy(department, table string) policy.Document { return open.Policy(department, table) }

// Steward is the identity of a department's.
func (n *Network) Steward(department int) peers.Identity {
	n.T.Helper()
	if _, known := n.stewards[department]; !known {
		if n.stewards == nil {
			n.stewards = map[int]peers.Identity{}
		}
		n.stewards[department] = nodetest.Identity(n.T)
	}
	return n.stewards[department]
}

// Vouch has a department vouch for the analyst of the network, unless one does: real networks'
// operators do it by parley people add.
func (n *Network) Vouch(department int) {
	n.T.Helper()
	n.run(n.vouch(department, n.Analyst, protocols.PersonAnalyst))
	n.awaitAll()
}

// vouch is the work of having a department vouch for a person; nil: it is done.
func (n *Network) vouch(department int, id peers.Identity, role protocols.PersonRole) func() error {
	if n.vouched == nil {
		n.vouched = map[string]protocols.PersonRole{}
	}
	if _, done := n.vouched[id.Peer()]; done {
		return nil
	}
	n.vouched[id.Peer()] = role
	number := 0
	for _, have := range n.vouched {
		if have == role {
			number++
		}
	}
	q := node.PeopleRequest{Do: node.PeopleAdd, Person: id.Peer(), Name: fmt.Sprint(role, " ", number), Roles: []string{string(role)}}
	return func() error {
		if _, err := n.People(department, q); err != nil {
			return fmt.Errorf("%s vouches: %w", n.Nodes[department].Config.Name, err)
		}
		return nil
	}
}

// open has departments vouch for a steward each, and one of them for the analyst, and publish an open policy for each of their
// tables, and waits until all nodes that are up have seen it.
func (n *Network) open(departments ...int) {
	n.T.Helper()
	var work []func() error
	for _, i := range departments {
		if n.Nodes[i].Config.Auditor {
			continue
		}
		analyst, steward := n.vouch(i, n.Analyst, protocols.PersonAnalyst), n.vouch(i, n.Steward(i), protocols.PersonSteward)
		publish := n.opening(i)
		work = append(work, analyst, func() error {
			for _, do := range []func() error{steward, publish} {
				if do == nil {
					continue
				}
				if err := do(); err != nil {
					return err
				}
			}
			return nil
		})
	}
	n.run(work...)
	n.awaitAll()
}

// Rotated is to be called when a department has another identity: its persons and policies went with the one before.
func (n *Network) Rotated(department int) {
	n.T.Helper()
	delete(n.vouched, n.Steward(department).Peer())
	for _, table := range n.Nodes[department].Config.Tables {
		delete(n.opened, n.Nodes[department].Config.Name+"/"+table.Name)
	}
}

// opening is the work of publishing policies for a department's tables that have none; nil: all have.
func (n *Network) opening(department int) func() error {
	c := n.Nodes[department].Config
	var policies []policy.Document
	for _, table := range c.Tables {
		if id := c.Name + "/" + table.Name; !n.Closed && !n.opened[id] {
			if n.opened == nil {
				n.opened = map[string]bool{}
			}
			n.opened[id] = true
			policies = append(policies, OpenPolicy(c.Name, table.Name))
		}
	}
	if policies == nil {
		return nil
	}
	steward := n.Steward(department)
	return func() error {
		ctx, cancel := context.WithTimeout(context.Background(), 3*time.Minute)
		defer cancel()
		c, err := n.Connect(department, steward)
		if err != nil {
			return err
		}
		defer c.Close()
		said := make([]error, len(policies))
		var all sync.WaitGroup
		for i := range policies {
			all.Go(func() { said[i] = Publish(ctx, c, policies[i]) })
		}
		all.Wait()
		return errors.Join(said...)
	}
}

// Publish puts a policy in force as a department's steward, who is the client's.
func Publish(ctx context.Context, c *client.Client, d policy.Document) error {
	return c.Say(ctx, func(s *protocols.State) (protocols.Body, error) {
		p := s.Person(c.Key())
		if p == nil {
			return nil, errors.New("nobody vouches for the steward")
		}
		return &protocols.Publish{Document: d, Under: p.Number}, nil
	})
}

// AwaitRules waits until a client has so many policies whose rules of what answers may show are those that are meant.
func (n *Network) AwaitRules(c *client.Client, policies int, meant func(engine.Disclosure) bool) {
	n.T.Helper()
	n.Eventually("the client has the policies", func() bool {
		have := 0
		for _, p := range StateAt(c).Policies() {
			if meant(p.Document.Disclosure) {
				have++
			}
		}
		return have == policies
	})
}

// run does all at once.
func (n *Network) run(work ...func() error) {
	n.T.Helper()
	errs := make([]error, len(work))
	var all sync.WaitGroup
	for i, do := range work {
		if do != nil {
			all.Go(func() { errs[i] = do() })
		}
	}
	all.Wait()
	if err := errors.Join(errs...); err != nil {
		n.T.Fatalf("%v\n%s", err, n.Logs())
	}
}

// awaitAll waits until each node that is up has followed the ledger as far as any of them has it.
func (n *Network) awaitAll() {
	n.T.Helper()
	var most uint64
	for i, running := range n.Nodes {
		if running.up {
			most = max(most, n.Report(i).Ledger.Entries)
		}
	}
	for i, running := range n.Nodes {
		if running.up {
			n.Eventually(fmt.Sprintf("%s has followed %d entries", running.Config.Name, most), func() bool { return n.Report(i).Ledger.Followed >= most })
		}
	}
}
