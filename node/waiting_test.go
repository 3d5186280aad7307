package node_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"parley/node"
	"parley/node/config"
	"parley/node/nodetest/testnet"
	"parley/node/render"
)

// without takes a node out of what the others' configurations list: it comes later.
func without(n *testnet.Network, late int) {
	for i, member := range n.Nodes {
		if i != late {
			member.Config.Peers = slices.DeleteFunc(member.Config.Peers, func(p string) bool { return strings.HasSuffix(p, n.Nodes[late].Identity.Peer()) })
		}
	}
	n.Departments--
}

// waits starts a node that does not get in: until it is stopped its door is open, and says why.
func waits(n *testnet.Network, i int, reasons ...string) {
	n.T.Helper()
	member := n.Nodes[i]
	_, genesisBefore := os.Stat(filepath.Join(member.Config.Dir, config.GenesisFile))
	member.Log = &testnet.Log{}
	n.Start(i)
	says := func(text string) bool {
		return !slices.ContainsFunc(reasons, func(r string) bool { return !strings.Contains(text, r) })
	}
	n.Eventually(member.Config.Name+" says "+reasons[0], func() bool {
		select {
		case err := <-member.Done:
			member.Cancel = nil
			n.T.Fatalf("%s ended: %v\n%s", member.Config.Name, err, member.Log)
		default:
		}
		if _, err := os.Stat(filepath.Join(member.Config.Dir, config.ControlFile)); err != nil {
			return false
		}
		r := n.Report(i)
		return r.Starting && !r.Healthy && r.Peer == member.Identity.Peer() && says(r.Reason) && says(strings.Join(strings.Fields(render.Status(r)), " "))
	})
	for line := range strings.Lines(render.Status(n.Report(i))) {
		if len(line) > 81 && strings.Contains(line[10:], " ") {
			n.T.Errorf("%d columns: %s", len(line)-1, line)
		}
	}
	told := func() (lines []string) {
		for line := range strings.Lines(member.Log.String()) {
			if !strings.Contains(line, "level=DEBUG") {
				lines = append(lines, line)
			}
		}
		return lines
	}
	n.Eventually(member.Config.Name+" logs it", func() bool {
		return slices.ContainsFunc(told(), func(line string) bool { return says(strings.ReplaceAll(line, `\"`, `"`)) })
	})
	if lines := told(); len(lines) > 8 {
		n.T.Errorf("it is not quiet: %s", strings.Join(lines, ""))
	}
	if err := n.Cast(node.VoteRequest{Action: "add", Role: config.RoleDepartment, Peer: member.Identity.Peer()}, i, new(node.VoteReply)); err == nil {
		n.T.Error("a node that is in no network has voted")
	}
	n.Stop(i)
	if _, err := os.Stat(filepath.Join(member.Config.Dir, config.GenesisFile)); err == nil && genesisBefore != nil && member.Config.Genesis == "" {
		n.T.Error("it has founded a network, or stays in one that it was told")
	}
}

// A node that comes to a network says what it lacks, the vote or the genesis, and with it the command by
// which members vote; it founds no network of its own meanwhile, whether or not its key is the lowest.
func TestNotVotedIn(t *testing.T) {
	if testing.Short() {
		t.Skip("a department starts five times")
	}
	for _, name := range []string{"lowest key", "another key"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			n := testnet.New(t, 3)
			late := n.First()
			if name != "lowest key" {
				late = (late + 1) % 3
			}
			without(n, late)
			old := []int{(late + 1) % 3, (late + 2) % 3}
			for _, i := range old {
				n.Start(i)
			}
			for _, i := range old {
				n.WaitReady(i)
			}
			member := n.Nodes[late]
			command := "parley vote --config node.toml add --role department " + member.Identity.Peer()
			waits(n, late, "2 members cut this node off, and it founds no network without them", command, "genesis.json")
			genesis := filepath.Join(n.Nodes[old[0]].Config.Dir, config.GenesisFile)
			if name == "lowest key" {
				member.Config.Genesis, member.Config.Trust = genesis, n.Trust(old[0], old[1])
				waits(n, late, "this node has not been voted into the network: 2 members cut this node off", "(2 of the 2 that founded it)", command)
				member.Config.Genesis, member.Config.Trust = "", ""
			}
			n.Vote(node.VoteRequest{Action: "add", Role: config.RoleDepartment, Peer: member.Identity.Peer()}, old...)
			waits(n, late, "was founded before", "genesis and trust in node.toml")
			if name == "lowest key" {
				member.Config.Genesis, member.Config.Trust = genesis, n.Trust(old[0], old[1])
				n.Start(late)
				n.WaitReady(late)
			}
		})
	}
}
