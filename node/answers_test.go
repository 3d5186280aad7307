package node_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"parley/engine"
	"parley/node/client"
	"parley/node/nodetest/testnet"
)

// Three departments answer an analyst, with the figures of the pooled rows.
func TestNetworkAnswers(t *testing.T) {
	t.Parallel()
	n := testnet.New(t, 3)
	n.StartAll()
	c := n.Dial(1)
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	var steps []string
	pinned, err := testnet.Present(ctx, c)
	if err != nil {
		t.Fatal(err)
	}
	a, err := c.Ask(ctx, testnet.WageQuestion, testnet.Asking(client.AskOptions{Pinned: pinned, Progress: func(s client.Step) { steps = append(steps, fmt.Sprint(s.Name, s.Department, s.Done, s.Total)) }}))
	if err != nil {
		t.Fatalf("%v\n%s", err, n.Logs())
	}
	if got, want := testnet.ResultText(a), testnet.Pooled(3); got != want {
		t.Errorf("answer %s, want %s", got, want)
	}
	if !a.Verdict.Verified || !a.Verdict.ValueShown || !a.Verdict.DevelopmentKeys {
		t.Errorf("verdict %+v", a.Verdict)
	}
	if len(a.Departments) != 3 || a.Departments[0].Status != "contributed" || a.Departments[0].Peer != n.Nodes[0].Identity.Peer() {
		t.Errorf("departments %+v", a.Departments)
	}
	if a.Seconds.Encryption <= 0 || a.Seconds.ReEncryption <= 0 || a.Seconds.Verifying <= 0 || a.Seconds.Total <= 0 || a.CPUSeconds <= 0 {
		t.Errorf("seconds %+v, cpu %v", a.Seconds, a.CPUSeconds)
	}
	t.Log(a.Seconds, a.CPUSeconds, steps)
	if x, err := c.Explain(ctx, testnet.WageQuestion, testnet.Asking(client.AskOptions{})); err != nil || x.First.Plan != a.Plan.Digest() || len(x.Rounds) != 1 {
		t.Errorf("explained as %+v, %v", x, err)
	}
	var q *client.QueryError
	if _, err := c.Explain(ctx, "SELECT count(*) FROM nobody", testnet.Asking(client.AskOptions{})); !errors.As(err, &q) || q.Code != engine.CodeTable || q.Position == 0 {
		t.Errorf("an unknown table is explained: %#v", err)
	}
}
