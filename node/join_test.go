package node_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"parley/engine"
	"parley/engine/policy"
	"parley/node/client"
	"parley/node/config"
	"parley/node/nodetest"
	"parley/node/nodetest/testnet"
	"parley/protocols"
)

// joinTables are a department's tables beside people; the third department has no residents.
func joinTables(t *testing.T, n *testnet.Network) {
	for i, tables := range []map[string]string{
		{"residents": "id,sex\n1,f\n2,m\n2,m\n3,f\n,f\n", "benefits": "id,paid\n1,10.50\n1,5.25\n2,7\n9,100\n,50\n"},
		{"residents": "id,sex\n11,f\n12,m\n13,f\n", "benefits": "id,paid\n11,1\n11,2\n13,3\n14,4\n"},
		{"benefits": "id,paid\n21,1\n21,1\n"},
	} {
		for _, name := range []string{"benefits", "residents"} {
			if tables[name] == "" {
				continue
			}
			file := filepath.Join(n.Nodes[i].Config.Dir, name+".csv")
			nodetest.Check(t, os.WriteFile(file, []byte(tables[name]), 0o600))
			table := config.Table{Name: name, Files: []string{file}, About: config.About{Key: []string{"id"}, Colocated: true}}
			n.Nodes[i].Config.Tables = append(n.Nodes[i].Config.Tables, testnet.Open(t, table))
		}
	}
}

const joined = "SELECT sex, count(*), sum(paid) FROM residents JOIN benefits USING (id) GROUP BY sex ORDER BY sex"

// TestNetworkJoins: departments that hold both tables join them, each its own, and the answer is that of the pooled tables, with a
// certificate over the registrations of both; the policies of both tables decide; and where counts are screened, it is persons that are.
func TestNetworkJoins(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("a network of three nodes")
	}
	n := testnet.New(t, 3)
	joinTables(t, n)
	n.StartAll()
	c := n.Dial(2)
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	pinned, err := testnet.Present(ctx, c)
	nodetest.Check(t, err)
	a, err := c.Ask(ctx, joined, testnet.Asking(client.AskOptions{Pinned: pinned}))
	if err != nil {
		t.Fatalf("%v\n%s", err, n.Logs())
	}
	// f: 1 has two benefits, 11 two, 13 one; m: 2 stands in two rows, with one benefit.
	if got, want := testnet.ResultText(a), "f 5 21.75 | m 2 14 | "; got != want {
		t.Errorf("answer %s, want %s", got, want)
	}
	if !a.Verdict.Verified || !slices.Equal(a.Plan.Departments, []string{"a", "b"}) || !slices.Equal(a.NotAsked, []string{"c"}) {
		t.Errorf("verified %t, of %v, not asked %v", a.Verdict.Verified, a.Plan.Departments, a.NotAsked)
	}
	tampered(t, a, pinned)
	x, err := c.Explain(ctx, joined, testnet.Asking(client.AskOptions{}))
	if err != nil || x.First.Plan != a.Plan.Digest() || !strings.Contains(x.String(), "Not asked, since it takes all the tables to join them: c") || !strings.Contains(x.String(), "residents: 3 rows, version 1") {
		t.Errorf("%v: explained as\n%s", err, x.String())
	}

	var q *client.QueryError
	if _, err := c.Ask(ctx, joined, testnet.Asking(client.AskOptions{Departments: []string{"b", "c"}})); !errors.As(err, &q) || q.Code != engine.CodeTable {
		t.Errorf("a department without one of the tables: %v", err)
	}
	policies := func(change func(d *policy.Document)) {
		t.Helper()
		d := testnet.OpenPolicy("b", "residents")
		c.View(func(s *protocols.State) { d.Version = s.Policy("b", "residents").Version + 1 })
		change(&d)
		nodetest.Check(t, testnet.Publish(t.Context(), n.DialAs(1, n.Steward(1)), d))
		n.Eventually("the client has the policy", func() (held bool) {
			c.View(func(s *protocols.State) { held = s.Policy("b", "residents").Version == d.Version })
			return held
		})
	}
	policies(func(d *policy.Document) { d.Rules[0].Terms.Join = nil })
	_, err = c.Ask(ctx, joined, testnet.Asking(client.AskOptions{}))
	if !errors.As(err, &q) || q.Decision == nil || len(q.Decision.Missing) != 1 || q.Decision.Missing[0].Table != "residents" || q.Decision.Missing[0].Role != policy.Join {
		t.Errorf("a policy that lets nobody join: %v", err)
	}
	policies(func(d *policy.Document) { d.Disclosure = engine.Disclosure{Count: 2, Perturbed: 3} })
	_, err = c.Ask(ctx, joined, testnet.Asking(client.AskOptions{}))
	if !errors.As(err, &q) || q.Decision == nil || len(q.Decision.Missing) != 1 || q.Decision.Missing[0].Reason != policy.NoJoins {
		t.Errorf("a policy with noise: %v", err)
	}
	policies(func(d *policy.Document) { d.Disclosure = engine.Disclosure{Count: 2, History: 30} })
	a, err = c.Ask(ctx, joined, testnet.Asking(client.AskOptions{Pinned: pinned}))
	if err != nil {
		t.Fatalf("%v\n%s", err, n.Logs())
	}
	if got := testnet.ResultText(a); got != "f 5 21.75 | " || len(a.Result.Withheld) != 1 || !a.Verdict.Verified {
		t.Errorf("of one man with two rows the answer is %s, withheld %v", got, a.Result.Withheld)
	}
	_, err = c.Ask(ctx, strings.Replace(joined, "GROUP BY", "WHERE id <> 13 GROUP BY", 1), testnet.Asking(client.AskOptions{}))
	if !errors.As(err, &q) || q.Code != engine.CodeHistory {
		t.Errorf("of all persons but one: %v", err)
	}
}

// tampered holds that a certificate of a join does not hold with another registration of one of its tables, or without it.
func tampered(t *testing.T, a *client.Answer, pinned *protocols.Network) {
	t.Helper()
	whole, err := protocols.ParseCertificate(a.Certificate)
	nodetest.Check(t, err)
	forged := 0
	for i, r := range whole.Records {
		body, err := r.Entry.Open()
		register, is := body.(*protocols.Register)
		if err != nil || !is {
			continue
		}
		forged++
		other := *register
		other.Registration.Rows++
		for _, records := range [][]protocols.Record{slices.Delete(slices.Clone(whole.Records), i, i+1),
			slices.Replace(slices.Clone(whole.Records), i, i+1, protocols.Record{Number: r.Number, Block: r.Block, Time: r.Time, Entry: protocols.Entry{
				Author: r.Entry.Author, Kind: r.Entry.Kind, Body: engine.Marshal(&other), Signature: r.Entry.Signature}})} {
			c := *whole
			c.Records = records
			if v, err := client.Verify(c.Marshal(), pinned, nil); err == nil && v.Verified {
				t.Errorf("record %d, of table %s, is forged, and the certificate holds", i, register.Registration.Table)
			}
		}
	}
	if forged != 4 {
		t.Errorf("%d registrations are in the certificate, of two tables of two departments", forged)
	}
}
