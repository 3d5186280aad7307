package node_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"parley/circuits"
	"parley/engine"
	"parley/node"
	"parley/node/config"
	"parley/node/nodetest"
	"parley/node/nodetest/testnet"
	"parley/protocols"
)

// Two nodes that were told different founding nonces never make a network:
// both say what differs, and neither takes the other's.
func TestTwoNonces(t *testing.T) {
	if testing.Short() {
		t.Skip("starts two nodes")
	}
	t.Parallel()
	n := testnet.New(t, 2)
	first, other := 0, 1
	if a, b := n.Nodes[0].Identity.Key(), n.Nodes[1].Identity.Key(); bytes.Compare(a[:], b[:]) > 0 {
		first, other = 1, 0
	}
	genesis := func(i int) []byte {
		text, _ := os.ReadFile(filepath.Join(n.Nodes[i].Config.Dir, config.GenesisFile))
		return text
	}
	n.Start(first)
	n.Start(other)
	n.Eventually("a genesis", func() bool { return genesis(first) != nil && genesis(other) != nil })
	n.Lose(other, "ledger")
	told, err := protocols.ParseGenesis(genesis(first))
	nodetest.Check(t, err)
	lie := *told
	lie.Nonce = engine.Digest{7}
	nodetest.Check(t, os.WriteFile(filepath.Join(n.Nodes[other].Config.Dir, config.GenesisFile), lie.JSON(), 0o600))
	n.Start(other)
	for _, i := range []int{first, other} {
		n.Eventually("a node that says why", func() bool {
			if _, err := os.Stat(filepath.Join(n.Nodes[i].Config.Dir, config.ControlFile)); err != nil {
				return false
			}
			r := n.Report(i)
			return !r.Ready && strings.Contains(r.Reason, "founding nonces: ") &&
				strings.Contains(r.Reason, told.Nonce.String()) && strings.Contains(r.Reason, lie.Nonce.String()) &&
				strings.Contains(r.Reason, n.Nodes[first].Identity.Peer())
		})
	}
	if !bytes.Equal(genesis(first), told.JSON()) || !bytes.Equal(genesis(other), lie.JSON()) {
		t.Error("a node took another founding nonce")
	}
}

// TestJoinsIsDecidedAtTheFounding: a network is founded with the keys of joins where all say so, a node whose node.toml says
// otherwise does not start, at its first start or later, and says why.
func TestJoinsIsDecidedAtTheFounding(t *testing.T) {
	if testing.Short() {
		t.Skip("starts two nodes")
	}
	t.Parallel()
	n := testnet.New(t, 2)
	n.Join()
	first, other := n.First(), 1-n.First()
	refused := func(i int, want string) {
		t.Helper()
		select {
		case err := <-n.Start(i).Done:
			n.Nodes[i].Cancel = nil
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%v, want %q", err, want)
			}
		case <-time.After(time.Minute):
			t.Fatalf("a node starts whose node.toml says otherwise\n%s", n.Logs())
		}
	}
	n.Start(first)
	n.Nodes[other].Config.Joins = false
	refused(other, "joins is not set, and the network of the first department, "+n.Nodes[first].Identity.Peer())
	n.Nodes[other].Config.Joins = true
	n.Start(other)
	var founded *protocols.Network
	n.Eventually("a genesis", func() bool {
		text, err := os.ReadFile(filepath.Join(n.Nodes[other].Config.Dir, config.GenesisFile))
		if err == nil {
			founded, err = protocols.ParseGenesis(text)
			nodetest.Check(t, err)
		}
		return err == nil
	})
	if !founded.Joins() {
		t.Errorf("founded with %d proving keys", len(founded.ProvingKeys))
	}
	n.Stop(other)
	n.Nodes[other].Config.Joins = false
	refused(other, "joins is not set")
	plain := *founded
	plain.ProvingKeys = plain.ProvingKeys[:len(circuits.Statements)]
	nodetest.Check(t, os.WriteFile(filepath.Join(n.Nodes[other].Config.Dir, config.GenesisFile), plain.JSON(), 0o600))
	n.Nodes[other].Config.Joins = true
	refused(other, "joins = true, and the network")
	nodetest.Check(t, os.Remove(filepath.Join(n.Nodes[other].Config.Dir, config.GenesisFile)))
	n.Nodes[other].Config.Parameters, n.Nodes[other].Config.Joins = "joined", false
	refused(other, `parameters = "joined" are for a network that answers joins`)
}

// TestDifference: each way in which two nodes are not of one network is said
// as what it is.
func TestDifference(t *testing.T) {
	ours := &protocols.Network{Version: protocols.Version, Name: "parley", Nonce: engine.Digest{1}, Parameters: "light", Development: true, VerifyingKeys: []byte{1}, ProvingKeys: []engine.Digest{{1}, {2}, {3}},
		Departments: []protocols.Member{{Key: protocols.Key{1}}, {Key: protocols.Key{2}}}, Auditors: []protocols.Member{{Key: protocols.Key{3}}}}
	if why := node.Difference(ours, ours); why != "" {
		t.Error(why)
	}
	for want, change := range map[string]func(n *protocols.Network){
		"versions":          func(n *protocols.Network) { n.Version-- },
		"parameters: light": func(n *protocols.Network) { n.Parameters = strings.Repeat("x", 1000) },
		"founding nonces":   func(n *protocols.Network) { n.Nonce[0] = 9 },
		"the proofs' keys":  func(n *protocols.Network) { n.VerifyingKeys = []byte{2} },
		"peers":             func(n *protocols.Network) { n.Auditors = nil; n.Nonce = engine.Digest{2} },
		"departments and aud": func(n *protocols.Network) {
			n.Departments, n.Auditors = n.Departments[:1], append(n.Auditors, n.Departments[1])
		},
		"their descriptions": func(n *protocols.Network) { n.Name = "x" },
	} {
		theirs := *ours
		change(&theirs)
		if why := node.Difference(ours, &theirs); !strings.Contains(why, want) || len(why) > 500 {
			t.Errorf("%q, want %q", why, want)
		}
	}
}
