package node_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"parley/node/client"
	"parley/node/nodetest/testnet"
)

// With one of three validators down nothing is ordered, also of a question that the other two
// answer: the analyst is told at once who is missing; with it back, the next question is answered.
func TestLostQuorum(t *testing.T) {
	if testing.Short() {
		t.Skip("takes seconds of waiting")
	}
	n := testnet.New(t, 3)
	n.StartAll()
	c := n.Dial(0)
	n.MustAnswer(c)
	n.Stop(2)
	n.Logged(0, `msg="not connected any more" department=c`)
	start := time.Now()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	_, err := c.Ask(ctx, testnet.WageQuestion, testnet.Asking(client.AskOptions{Departments: []string{"a", "b"}, Deadline: 30 * time.Second}))
	var q *client.QueryError
	if !errors.As(err, &q) {
		t.Fatalf("without a quorum: %v", err)
	}
	t.Logf("after %v: %s (%s) %v", time.Since(start).Round(time.Millisecond), q.Sentence, q.Code, q.Departments)
	if q.Code != "unavailable" || !strings.HasPrefix(q.Sentence, "c has not been connected for ") || !slices.Equal(q.Departments, []string{"c"}) {
		t.Errorf("it is not said that the ledger waits for c")
	}
	if r := n.Report(0); r.Healthy || r.Ledger.Quorum || r.Ledger.Connected != 2 {
		t.Errorf("%+v", r.Ledger)
	}
	n.Start(2)
	n.WaitReady(2)
	n.MustAnswer(c)
}
