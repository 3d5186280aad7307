package node

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"parley/node/config"
)

// without takes a node out of what the others' configurations list: it comes later.
func (n *testNetwork) without(late int) {
	for i, node := range n.nodes {
		if i != late {
			node.cfg.Peers = slices.DeleteFunc(node.cfg.Peers, func(p string) bool { return strings.HasSuffix(p, n.nodes[late].id.Peer()) })
		}
	}
	n.departments--
}

// waits starts a node that does not get in: until it is stopped its door is open, and says why.
func (n *testNetwork) waits(i int, reasons ...string) {
	n.t.Helper()
	node := n.nodes[i]
	_, genesisBefore := os.Stat(filepath.Join(node.cfg.Dir, config.GenesisFile))
	node.log = &syncBuffer{}
	n.start(i)
	says := func(text string) bool {
		return !slices.ContainsFunc(reasons, func(r string) bool { return !strings.Contains(text, r) })
	}
	n.eventually(node.cfg.Name+" says "+reasons[0], func() bool {
		select {
		case err := <-node.done:
			node.cancel = nil
			n.t.Fatalf("%s ended: %v\n%s", node.cfg.Name, err, node.log)
		default:
		}
		if _, err := os.Stat(filepath.Join(node.cfg.Dir, config.ControlFile)); err != nil {
			return false
		}
		r := n.report(i)
		return r.Starting && !r.Healthy && r.Peer == node.id.Peer() && says(r.Reason) && says(strings.Join(strings.Fields(statusText(r)), " "))
	})
	for line := range strings.Lines(statusText(n.report(i))) {
		if len(line) > 81 && strings.Contains(line[10:], " ") {
			n.t.Errorf("%d columns: %s", len(line)-1, line)
		}
	}
	told := func() (lines []string) {
		for line := range strings.Lines(node.log.String()) {
			if !strings.Contains(line, "level=DEBUG") {
				lines = append(lines, line)
			}
		}
		return lines
	}
	n.eventually(node.cfg.Name+" logs it", func() bool {
		return slices.ContainsFunc(told(), func(line string) bool { return says(strings.ReplaceAll(line, `\"`, `"`)) })
	})
	if lines := told(); len(lines) > 8 {
		n.t.Errorf("it is not quiet: %s", strings.Join(lines, ""))
	}
	if err := n.cast(voteRequest{Action: "add", Role: config.RoleDepartment, Peer: node.id.Peer()}, i, new(voteReply)); err == nil {
		n.t.Error("a node that is in no network has voted")
	}
	n.stop(i)
	if _, err := os.Stat(filepath.Join(node.cfg.Dir, config.GenesisFile)); err == nil && genesisBefore != nil && node.cfg.Genesis == "" {
		n.t.Error("it has founded a network, or stays in one that it was told")
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
			n := newTestNetwork(t, 3)
			late := n.first()
			if name != "lowest key" {
				late = (late + 1) % 3
			}
			n.without(late)
			old := []int{(late + 1) % 3, (late + 2) % 3}
			for _, i := range old {
				n.start(i)
			}
			for _, i := range old {
				n.waitReady(i)
			}
			node := n.nodes[late]
			command := "parley vote --config node.toml add --role department " + node.id.Peer()
			n.waits(late, "2 members cut this node off, and it founds no network without them", command, "genesis.json")
			genesis := filepath.Join(n.nodes[old[0]].cfg.Dir, config.GenesisFile)
			if name == "lowest key" {
				node.cfg.Genesis, node.cfg.Trust = genesis, n.trust(old[0], old[1])
				n.waits(late, "this node has not been voted into the network: 2 members cut this node off", "(2 of the 2 that founded it)", command)
				node.cfg.Genesis, node.cfg.Trust = "", ""
			}
			n.vote(voteRequest{Action: "add", Role: config.RoleDepartment, Peer: node.id.Peer()}, old...)
			n.waits(late, "was founded before", "genesis and trust in node.toml")
			if name == "lowest key" {
				node.cfg.Genesis, node.cfg.Trust = genesis, n.trust(old[0], old[1])
				n.start(late)
				n.waitReady(late)
			}
		})
	}
}
