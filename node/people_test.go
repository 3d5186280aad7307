package node_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"parley/node"
	"parley/node/audit"
	"parley/node/client"
	"parley/node/config"
	"parley/node/nodetest"
	"parley/node/nodetest/testnet"
	"parley/node/peers"
	"parley/node/render"
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
	const voucher = 0
	n.Nodes[1].Config.Analysts = []string{first.Peer(), second.Peer()} // it tells them why they are refused
	n.StartAll()
	old := n.Dial(voucher)
	if _, err := n.People(voucher, node.PeopleRequest{Do: node.PeopleRotate, Person: "analyst 1", To: second.Peer()}); err != nil {
		t.Fatal(err)
	}
	cut := func(who peers.Identity, c *client.Client) {
		t.Helper()
		n.Eventually("a person is cut off", func() bool {
			_, err := n.Connect(voucher, who)
			return err != nil && strings.Contains(err.Error(), "does not talk to "+who.Peer())
		})
		n.Eventually("its connections end", func() bool {
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			_, err := c.Catalogue(ctx)
			return err != nil
		})
	}
	cut(first, old)
	refused := func(code, says string) {
		t.Helper()
		n.Eventually("a question is refused", func() bool {
			c, err := n.Connect(1-voucher, n.Analyst)
			nodetest.Check(t, err)
			defer c.Close()
			_, err = c.Ask(context.Background(), "SELECT count(*) FROM people", testnet.Asking(client.AskOptions{Deadline: time.Minute}))
			var q *client.QueryError
			return errors.As(err, &q) && q.Code == code && strings.Contains(q.Sentence+q.Hint, says)
		})
	}
	refused(protocols.CodeNotVouched, "another key took the place")
	n.Analyst = second
	n.MustAnswer(n.Dial(1 - voucher))
	fresh := n.Dial(voucher)

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

	if status := render.Status(n.Report(voucher)); !strings.Contains(status, "person    analyst 1: analyst until 20") {
		t.Errorf("the status names no person:\n%s", status)
	}
	if r, err := n.People(voucher, node.PeopleRequest{Do: node.PeopleRevoke, Person: "analyst 1", Reason: "left"}); err != nil || r.State != "revoked" || r.Reason != "left" {
		t.Fatalf("%+v, %v", r, err)
	}
	refused(protocols.CodeNotVouched, "revoked the analyst: left")
	cut(second, fresh)
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
	// A vouch that ends with time cuts its person off, though the ledger says nothing new.
	fresh = n.Dial(voucher)
	for lasts := 3 * time.Second; ; lasts *= 2 { // on a busy machine one may be over before it is ordered
		_, err := n.People(voucher, node.PeopleRequest{Do: node.PeopleAdd, Person: "Wu", Until: time.Now().Add(lasts)})
		if err == nil {
			break
		} else if !strings.Contains(err.Error(), "too-late") || lasts > time.Minute {
			t.Fatal(err)
		}
	}
	cut(n.Analyst, fresh)
}

// TestOperators: what an operator does through a node's door stands on the ledger before it is done. Once the
// department vouches for operators, the node does nothing without the word of one, and that word is good for
// one request, once, at one node.
func TestOperators(t *testing.T) {
	if testing.Short() {
		t.Skip("a whole network")
	}
	n := testnet.New(t, 2)
	n.StartAll()
	ctx, dir := context.Background(), n.Nodes[0].Config.Dir
	key := func(name string) (string, peers.Identity) {
		path := filepath.Join(t.TempDir(), name)
		id, err := peers.CreateIdentity(path)
		nodetest.Check(t, err)
		return path, id
	}
	zhao, operator := key("zhao.key")
	wu, observer := key("wu.key")
	people := func(as string, q node.PeopleRequest) error {
		var r node.PersonReport
		return node.Operate(ctx, dir, as, "/people", q.Text(), q, &r)
	}
	says := func(err error, text string) {
		t.Helper()
		if err == nil && text != "" || err != nil && (text == "" || !strings.Contains(err.Error(), text)) {
			t.Errorf("%v, want %q", err, text)
		}
	}
	add := func(id peers.Identity, name, role string) node.PeopleRequest {
		return node.PeopleRequest{Do: node.PeopleAdd, Person: id.Peer(), Name: name, Roles: []string{role}}
	}
	says(people("", add(observer, "Wu", "observer")), "")
	says(people(wu, add(operator, "Zhao", "operator")), "does not vouch for Wu as an operator")
	says(people("", add(operator, "Zhao", "operator")), "")
	says(people("", add(observer, "Wu", "steward")), "does nothing without the word of one: --as")
	says(people(wu, add(observer, "Wu", "steward")), "does not vouch for Wu as an operator")
	says(people(zhao, add(observer, "Wu", "steward")), "")
	remove := node.VoteRequest{Action: "remove", Role: config.RoleDepartment, Peer: n.Nodes[1].Identity.Peer()}
	var vote node.VoteReply
	says(n.Cast(remove, 0, &vote), "does nothing without the word of one")
	says(node.Operate(ctx, dir, zhao, "/vote", "reload", remove, &vote), "signed something else")
	says(node.Operate(ctx, dir, zhao, "/vote", remove.Text(), remove, &vote), "")
	var reload node.ReloadReply
	says(node.Operate(ctx, dir, "", "/reload", "reload", nil, &reload), "does nothing without the word of one")
	says(node.Operate(ctx, dir, zhao, "/reload", "reload", nil, &reload), "")
	says(node.Operate(ctx, n.Nodes[1].Config.Dir, zhao, "/reload", "reload", nil, &reload), "neither the node nor a person of its department")
	says(node.Operate(ctx, n.Nodes[1].Config.Dir, "", "/reload", "reload", nil, &reload), "") // it vouches for none

	// Acts that come at once are said one after the other, each with a turn of its own: by an operator, and by the node itself.
	said := make(chan error, 4)
	for i := range cap(said) {
		dir, as := n.Nodes[i%2].Config.Dir, []string{zhao, ""}[i%2]
		q := add(nodetest.Identity(t), fmt.Sprint("Sun ", i), "observer")
		go func() {
			var reply node.PersonReport
			said <- node.Operate(ctx, dir, as, "/people", q.Text(), q, &reply)
		}()
	}
	for range cap(said) {
		says(<-said, "")
	}

	src, err := audit.Dial(ctx, n.Address(1), n.Analyst, nodetest.Tiny)
	nodetest.Check(t, err)
	defer src.Close()
	h, err := audit.ReadHistory(ctx, src, nil, func(e audit.Event) bool { return e.Kind == "act" })
	nodetest.Check(t, err)
	var told []string
	for _, e := range h.Events {
		told = append(told, cmp.Or(e.Person, e.Author)+" "+e.What)
	}
	for _, want := range []string{"a acts on its node: people add " + operator.Peer() + " named Zhao as operator",
		"Zhao of a acts on the node of a: people add " + observer.Peer() + " named Wu as steward",
		"Zhao of a acts on the node of a: " + remove.Text(), "Zhao of a acts on the node of a: reload", "b acts on its node: reload"} {
		if !slices.Contains(told, want) {
			t.Errorf("the ledger does not tell: %s\n%s", want, strings.Join(told, "\n"))
		}
	}
}
