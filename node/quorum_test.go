package node_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"parley/node/client"
	"parley/node/nodetest/testnet"
)

// With one of three validators down nothing is ordered: the analyst is told so
// by its deadline, and who is missing; with it back, the next question is
// answered.
func TestLostQuorum(t *testing.T) {
	if testing.Short() {
		t.Skip("takes seconds of waiting")
	}
	n := testnet.New(t, 3)
	n.StartAll()
	c := n.Dial(0)
	n.MustAnswer(c)
	n.Stop(2)
	start := time.Now()
	_, err := n.Ask(c, 3*time.Second)
	var q *client.QueryError
	if !errors.As(err, &q) {
		t.Fatalf("without a quorum: %v", err)
	}
	t.Logf("after %v: %s (%s) %v", time.Since(start).Round(time.Millisecond), q.Sentence, q.Code, q.Departments)
	if !strings.Contains(q.Sentence, "ledger") || len(q.Departments) != 1 || q.Departments[0] != "c" {
		t.Errorf("it is not said that the ledger stands still for c")
	}
	if r := n.Report(0); r.Healthy || r.Ledger.Quorum || r.Ledger.Connected != 2 {
		t.Errorf("%+v", r.Ledger)
	}
	n.Start(2)
	n.WaitReady(2)
	n.MustAnswer(c)
}
