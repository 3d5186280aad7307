package node_test

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"parley/engine/policy"
	"parley/node"
	"parley/node/config"
	"parley/node/linkage"
	"parley/node/nodetest"
	"parley/node/nodetest/testnet"
	"parley/protocols"
)

// persons gives a department a table of persons by number, named by person_id.
func persons(n *testnet.Network, department int, name string, about config.About, ids ...string) {
	n.T.Helper()
	c := &n.Nodes[department].Config
	file := filepath.Join(c.Dir, name+".csv")
	text := "person_id,income\n"
	for i, id := range ids {
		text += fmt.Sprintf("%s,%d\n", id, 1000+i)
	}
	nodetest.Check(n.T, os.WriteFile(file, []byte(text), 0o600))
	about.Key = []string{"person_id"}
	table := testnet.Open(n.T, config.Table{Name: name, Files: []string{file}, Header: "yes"})
	about.Class = table.Class
	table.About = about
	c.Tables = append(c.Tables, table)
}

func number(i int) string { return fmt.Sprintf("32010119900101%03dX", i) }

func numbers(from, to int) (ids []string) {
	for i := from; i < to; i++ {
		ids = append(ids, number(i))
	}
	return ids
}

// linked is how far a department is, by its operator's door.
func linked(n *testnet.Network, department int) (r linkage.Report) {
	n.T.Helper()
	nodetest.Check(n.T, node.CallControl(context.Background(), n.Nodes[department].Config.Dir, http.MethodGet, "/linkage", nil, &r))
	return r
}

// TestLinkageOfNetwork: departments whose tables are about the same persons form a linkage on a real ledger, draw as much as each
// other's stewards allow, and one publishes its register; the other that it admits learns which of its own persons are there, over a restart too. Who is
// not admitted learns nothing, and each department's numbers are its own operator's.
func TestLinkageOfNetwork(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("a network of three nodes")
	}
	n := testnet.New(t, 3)
	persons(n, 0, "register", config.About{Spine: true}, numbers(0, 40)...)
	persons(n, 1, "tax", config.About{Of: "register", OfDepartment: "a"}, append(numbers(30, 60), " "+strings.ToLower(number(7)))...)
	persons(n, 2, "welfare", config.About{Of: "register", OfDepartment: "a"}, numbers(35, 38)...)
	n.StartAll()
	n.Eventually("the linkage is formed, and nobody may draw", func() bool {
		r := linked(n, 1)
		return r.State == "formed" && r.Allowed == 0 && strings.Contains(r.Waits, "allows no tokens")
	})
	publish := func(department int, d policy.Document) {
		d.Department, d.Version = n.Nodes[department].Config.Name, d.Version+1
		nodetest.Check(t, testnet.Publish(t.Context(), n.DialAs(department, n.Steward(department)), d))
	}
	for i := range n.Nodes {
		var draws []policy.Draw
		for j, other := range n.Nodes {
			if i != j {
				draws = append(draws, policy.Draw{Department: other.Config.Name, IDs: 45})
			}
		}
		publish(i, policy.Document{Draws: draws})
	}
	n.Eventually("c has its tokens, and is not admitted", func() bool {
		r := linked(n, 2)
		return len(r.Tables) == 1 && strings.Contains(r.Tables[0].State, "does not admit") && r.Tables[0].Tokens == 3
	})
	n.Stop(1) // wherever it is
	n.Start(1)
	admitting := testnet.OpenPolicy("a", "register")
	admitting.Version, admitting.Membership = 1, []string{"b"}
	publish(0, admitting)
	n.Eventually("b has placed its persons", func() bool {
		var r linkage.Report
		err := node.CallControl(context.Background(), n.Nodes[1].Config.Dir, http.MethodGet, "/linkage", nil, &r)
		return err == nil && len(r.Tables) == 1 && r.Tables[0].State == "placed"
	})
	r := linked(n, 1)
	if of := r.Tables[0]; of.Keys != 31 || of.Placed != 11 || of.Unplaced != 20 || of.Positions != 40 || of.Version != 1 || r.Drawn != 31 || r.Allowed != 45 || r.Number != 1 {
		t.Errorf("%+v", r)
	}
	if of := linked(n, 0).Tables[0]; of.State != "published" || of.Positions != 40 {
		t.Errorf("%+v", of)
	}
	if of := linked(n, 2).Tables[0]; of.Department != "a" || of.Placed+of.Unplaced+of.Positions != 0 || !strings.Contains(of.State, "does not admit") {
		t.Errorf("who is not admitted: %+v", of)
	}
	link := testnet.StateAt(n.Dial(2)).Linkage()
	if link == nil || link.Phase != protocols.LinkageFormed || len(link.Spines()) != 1 || link.Spines()[0].Department != "a" {
		t.Errorf("%+v", link)
	}
	for i := range n.Nodes {
		if log := n.Nodes[i].Log.String(); strings.Contains(log, "32010119900101") {
			t.Errorf("%s logs a person's number", n.Nodes[i].Config.Name)
		}
	}
}
