package testnet

import (
	"bytes"
	"context"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"parley/engine"
	"parley/node"
	"parley/node/audit"
	"parley/node/client"
	"parley/node/config"
	"parley/node/disk"
	"parley/node/nodetest"
	"parley/protocols"
)

// Vote has nodes vote through their operators' doors, and returns the last
// one's reply.
func (n *Network) Vote(q node.VoteRequest, voters ...int) (reply node.VoteReply) {
	n.T.Helper()
	for _, i := range voters {
		reply = node.VoteReply{}
		if err := n.Cast(q, i, &reply); err != nil {
			n.T.Fatalf("%s votes: %v\n%s", n.Nodes[i].Config.Name, err, n.Nodes[i].Log)
		}
	}
	return reply
}

// Cast has one node vote, and gives what its door answered.
func (n *Network) Cast(q node.VoteRequest, voter int, reply *node.VoteReply) error {
	n.T.Helper()
	body, err := json.Marshal(q)
	if err != nil {
		n.T.Fatal(err)
	}
	return node.CallControl(context.Background(), n.Nodes[voter].Config.Dir, http.MethodPost, "/vote", bytes.NewReader(body), reply)
}

// People has a department say something of a person, through its operator's door; all nodes that are up know it then.
func (n *Network) People(department int, q node.PeopleRequest) (reply node.PersonReport, err error) {
	body, err := json.Marshal(q)
	if err != nil {
		return reply, err
	}
	if err := node.CallControl(context.Background(), n.Nodes[department].Config.Dir, http.MethodPost, "/people", bytes.NewReader(body), &reply); err != nil {
		return reply, err
	}
	n.awaitAll()
	return reply, nil
}

// Report asks a node's door how it is.
func (n *Network) Report(i int) (r node.Report) {
	n.T.Helper()
	r, err := n.report(i)
	if err != nil {
		n.T.Fatal(err)
	}
	return r
}

func (n *Network) report(i int) (r node.Report, err error) {
	return r, node.CallControl(context.Background(), n.Nodes[i].Config.Dir, http.MethodGet, "/status", nil, &r)
}

// Trust is a block that two nodes show alike, as a newcomer's operator is told.
func (n *Network) Trust(a, b int) string {
	n.T.Helper()
	head, err := audit.CompareHeads(context.Background(), []string{n.Address(a), n.Address(b)}, n.Analyst, audit.Pins{}, 0)
	if err != nil {
		n.T.Fatal(err)
	}
	return fmt.Sprint(head.Block, ":", head.Hash)
}

// Eventually waits for something to become true.
func (n *Network) Eventually(what string, done func() bool) {
	n.T.Helper()
	for deadline := time.Now().Add(3 * time.Minute); !done(); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(deadline) {
			n.T.Fatalf("not in three minutes: %s\n%s", what, n.Logs())
		}
	}
}

// Logged waits until a node's log, of all its lives, holds a text.
func (n *Network) Logged(i int, text string) {
	n.T.Helper()
	n.Eventually(n.Nodes[i].Config.Name+" logs "+text, func() bool { return strings.Contains(n.Nodes[i].Log.String(), text) })
}

// Formed waits until nodes have an epoch and answer under it.
func (n *Network) Formed(epoch uint64, nodes ...int) {
	n.T.Helper()
	for _, i := range nodes {
		n.Eventually(fmt.Sprintf("%s has epoch %d", n.Nodes[i].Config.Name, epoch), func() bool {
			r := n.Report(i)
			return r.Epoch == epoch && r.Healthy
		})
	}
}

// Address is what a node is dialled by.
func (n *Network) Address(department int) string {
	node := n.Nodes[department]
	return node.Config.Listen + "/p2p/" + node.Identity.Peer()
}

// AnalystFile writes the analyst's identity for commands.
func (n *Network) AnalystFile() string {
	n.T.Helper()
	path := filepath.Join(n.T.TempDir(), "analyst.key")
	der, err := x509.MarshalPKCS8PrivateKey(n.Analyst.Private())
	nodetest.Check(n.T, err)
	nodetest.Check(n.T, os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), disk.FileMode))
	return path
}

func (n *Network) ID() engine.Digest {
	n.T.Helper()
	text, err := os.ReadFile(filepath.Join(n.Nodes[0].Config.Dir, config.GenesisFile))
	nodetest.Check(n.T, err)
	network, err := protocols.ParseGenesis(text)
	nodetest.Check(n.T, err)
	return network.ID()
}

// Lose stops a department and removes parts of its folder; all but what it has
// from outside if none is named.
func (n *Network) Lose(department int, parts ...string) {
	n.T.Helper()
	n.Stop(department)
	dir := n.Nodes[department].Config.Dir
	if len(parts) == 0 {
		entries, err := os.ReadDir(dir)
		if err != nil {
			n.T.Fatal(err)
		}
		for _, e := range entries {
			if name := e.Name(); name != "identity.key" && name != "people.csv" {
				parts = append(parts, name)
			}
		}
	}
	for _, part := range parts {
		if err := os.RemoveAll(filepath.Join(dir, part)); err != nil {
			n.T.Fatal(err)
		}
	}
}

// Standing is the epoch to ask under, a department's version of its table, and
// how many deviations are on record.
func (n *Network) Standing(c *client.Client, department string) (epoch, version uint64, evidence int) {
	state := StateAt(c)
	for _, r := range state.Catalogue() {
		if r.Department == department {
			version = r.Version
		}
	}
	if e := state.Epoch(); e != nil {
		epoch = e.Number
	}
	return epoch, version, len(state.Evidence())
}

// First is the department with the lowest key: it makes the keys.
func (n *Network) First() int {
	lowest := 0
	for i := range n.Departments {
		a, b := n.Nodes[i].Identity.Key(), n.Nodes[lowest].Identity.Key()
		if slices.Compare(a[:], b[:]) < 0 {
			lowest = i
		}
	}
	return lowest
}
