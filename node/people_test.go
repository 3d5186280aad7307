package node_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"parley/node"
	"parley/node/client"
	"parley/node/nodetest"
	"parley/node/nodetest/testnet"
	"parley/protocols"
)

// TestPeopleOfNetwork: departments vouch for persons through their operators' doors. Who is revoked asks
// no more, through whichever node, and the person's new key does; nobody speaks for another
// department's person, and who has no vouch is told what to run.
func TestPeopleOfNetwork(t *testing.T) {
	if testing.Short() {
		t.Skip("a whole network")
	}
	n := testnet.New(t, 2)
	first, second := n.Analyst, nodetest.Identity(t)
	for _, d := range n.Nodes {
		d.Config.Analysts = append(d.Config.Analysts, second.Peer())
	}
	n.StartAll()
	voucher := 0 // whichever was ready first
	if _, err := n.People(0, node.PeopleRequest{Do: node.PeopleRotate, Person: "analyst 1", To: second.Peer()}); err != nil {
		voucher = 1
		if _, err := n.People(1, node.PeopleRequest{Do: node.PeopleRotate, Person: "analyst 1", To: second.Peer()}); err != nil {
			t.Fatal(err)
		}
	}
	refused := func(code, says string) {
		t.Helper()
		n.Eventually("a question is refused", func() bool {
			_, err := n.Dial(1-voucher).Ask(context.Background(), "SELECT count(*) FROM people", client.AskOptions{Deadline: time.Minute})
			var q *client.QueryError
			return errors.As(err, &q) && q.Code == code && strings.Contains(q.Sentence+q.Hint, says)
		})
	}
	refused(protocols.CodeNotVouched, "another key took the place")
	n.Analyst = second
	n.MustAnswer(n.Dial(1 - voucher))

	for _, c := range []struct {
		what, says string
		by         int
		q          node.PeopleRequest
	}{
		{"another department's person", "not-owner", 1 - voucher, node.PeopleRequest{Do: node.PeopleAdd, Person: second.Peer(), Name: "x", Roles: []string{"analyst"}}},
		{"a node's key", "duplicate", voucher, node.PeopleRequest{Do: node.PeopleAdd, Person: n.Nodes[1].Identity.Peer(), Name: "x", Roles: []string{"analyst"}}},
		{"a key from before", "retired", voucher, node.PeopleRequest{Do: node.PeopleAdd, Person: first.Peer(), Name: "x", Roles: []string{"analyst"}}},
		{"no role", "no role yet", voucher, node.PeopleRequest{Do: node.PeopleAdd, Person: nodetest.Identity(t).Peer(), Name: "x"}},
		{"an unknown role", `"king" is unknown`, voucher, node.PeopleRequest{Do: node.PeopleAdd, Person: nodetest.Identity(t).Peer(), Name: "x", Roles: []string{"king"}}},
		{"no name", "no name yet", voucher, node.PeopleRequest{Do: node.PeopleAdd, Person: nodetest.Identity(t).Peer(), Roles: []string{"analyst"}}},
		{"nobody", "no peer id and no name", voucher, node.PeopleRequest{Do: node.PeopleRevoke, Person: "nobody", Reason: "left"}},
		{"no reason", "a reason is", voucher, node.PeopleRequest{Do: node.PeopleRevoke, Person: second.Peer()}},
		{"for too long", "limit", voucher, node.PeopleRequest{Do: node.PeopleAdd, Person: second.Peer(), Until: time.Now().AddDate(6, 0, 0)}},
	} {
		if _, err := n.People(c.by, c.q); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v", c.what, err)
		}
	}

	if r, err := n.People(voucher, node.PeopleRequest{Do: node.PeopleRevoke, Person: "analyst 1", Reason: "left"}); err != nil || r.State != "revoked" || r.Reason != "left" {
		t.Fatalf("%+v, %v", r, err)
	}
	refused(protocols.CodeNotVouched, "revoked the analyst: left")
	n.Analyst = nodetest.Identity(t) // listed nowhere, and vouched for nowhere
	stranger := n.Analyst.Peer()
	if r, err := n.People(voucher, node.PeopleRequest{Do: node.PeopleAdd, Person: stranger, Name: "Wu", Roles: []string{"steward", "observer", "steward"}}); err != nil ||
		r.State != "valid" || strings.Join(r.Roles, " ") != "observer steward" || r.Until.Before(time.Now().AddDate(0, 11, 0)) {
		t.Fatalf("%+v, %v", r, err)
	}
	if r, err := n.People(voucher, node.PeopleRequest{Do: node.PeopleAdd, Person: "Wu", Until: time.Now().Add(time.Hour)}); err != nil || r.Until.After(time.Now().Add(2*time.Hour)) ||
		strings.Join(r.Roles, " ") != "observer steward" {
		t.Fatalf("renewed: %+v, %v", r, err)
	}
}
