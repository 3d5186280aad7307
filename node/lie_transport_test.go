//go:build liar

package node_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"parley/engine"
	"parley/node"
	"parley/node/client"
	"parley/node/nodetest/testnet"
	"parley/protocols/liar"
)

// Every lie, told by real nodes over real streams: no wrong answer, the liar's
// name where it can be told.
func TestLies(t *testing.T) {
	for _, kind := range liar.Kinds() {
		t.Run(string(kind), func(t *testing.T) { testLie(t, kind) })
	}
}

func testLie(t *testing.T, kind liar.Kind) {
	n := testnet.New(t, 3)
	n.AddAuditor()
	who := (n.First() + 1) % 3
	n.Options = func(department int, o *node.Options) {
		if department != who {
			return
		}
		node.Lie(kind, o)
	}
	for i := range n.Nodes {
		n.Start(i)
	}
	if kind == liar.BadKeyShare {
		for i, member := range n.Nodes {
			if i != who {
				n.Eventually(member.Config.Name+" names the liar", func() bool {
					return containsAll(member.Log.String(), "an epoch was not formed", n.Nodes[who].Config.Name)
				})
			}
		}
		return
	}
	for i := range n.Nodes {
		n.WaitReady(i)
	}
	honest, question := (who+1)%3, testnet.WageQuestion
	if kind.Screening() {
		rules, sql := engine.Disclosure{Count: 6}, testnet.WageQuestion // that of the men is withheld
		if kind.Rounding() {
			rules, sql = engine.Disclosure{Base: 5}, bySex
		}
		ruleCounts(n, rules)
		question = sql
	}
	c := n.Dial(honest)          // once: a node talks to a person over a few connections only
	deadline := 20 * time.Second // so that no honest department is late on a busy machine, and named for it
	if kind == liar.Hang {
		deadline = 6 * time.Second
	}
	ask := func() (*client.Answer, error) {
		ctx, cancel := context.WithTimeout(context.Background(), deadline+time.Minute)
		defer cancel()
		pinned, err := testnet.Present(ctx, c)
		if err != nil {
			return nil, err
		}
		return c.Ask(ctx, question, testnet.Asking(client.AskOptions{Deadline: deadline, Pinned: pinned}))
	}
	a, err := ask()
	depends := kind.Rounding() || slices.Contains([]liar.Kind{liar.BadGateKey, liar.WrongSecret, liar.NoSecret}, kind)
	for tries := 0; err == nil && tries < 30 && depends; tries++ {
		a, err = ask() // until the liar is a screening's recipient, or is not
	}
	if err == nil && kind == liar.PaddedCounts && testnet.ResultText(a) == testnet.Pooled(3) {
		return // nobody can find it: what has too few rows is shown
	}
	if err == nil && kind == liar.Equivocation && testnet.ResultText(a) == testnet.Pooled(3) {
		t.Logf("the lie was told to nobody who needed it")
		return
	}
	var q *client.QueryError
	if err == nil || !errors.As(err, &q) {
		t.Fatalf("answered %v, %v\n%s", a, err, n.Logs())
	}
	t.Logf("%s: %s %v", kind, q.Sentence, q.Departments)
	if name := n.Nodes[who].Config.Name; !slices.Contains(q.Departments, name) && !strings.Contains(q.Sentence, name) {
		t.Errorf("%v does not name %s\n%s", q.Departments, n.Nodes[who].Config.Name, n.Logs())
	}
}

// ruleCounts has every department's policy hold answers to rules.
func ruleCounts(n *testnet.Network, rules engine.Disclosure) {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	for i, m := range n.Nodes {
		if m.Config.Auditor {
			continue
		}
		c, err := n.Connect(i, n.Steward(i))
		if err != nil {
			n.T.Fatal(err)
		}
		d := testnet.OpenPolicy(m.Config.Name, "people")
		d.Version, d.Disclosure = 2, rules
		if err := testnet.Publish(ctx, c, d); err != nil {
			n.T.Fatal(err)
		}
		c.Close()
	}
}

func containsAll(text string, parts ...string) bool {
	return !slices.ContainsFunc(parts, func(p string) bool { return !strings.Contains(text, p) })
}
