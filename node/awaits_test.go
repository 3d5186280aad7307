package node_test

import (
	"strings"
	"sync/atomic"
	"testing"

	"parley/node"
	"parley/node/exchange"
	"parley/node/ledger"
	"parley/node/nodetest"
	"parley/node/nodetest/testnet"
	"parley/protocols"
)

// What a node waits for stands in its status: who is not connected, whose key
// share a formation lacks, and nothing once it is ready.
func TestSaysWhatItWaitsFor(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("a network that comes up in steps")
	}
	n := testnet.New(t, 2)
	first := n.First()
	other := n.Nodes[1-first]
	var hang atomic.Bool
	hang.Store(true)
	making := make(chan string, 1) // what the first department's status says while it makes keys
	n.Options = func(department int, o *node.Options) {
		if department == first {
			o.Progress = func(step string, _, _ int) {
				var r node.Report
				if strings.HasSuffix(step, "keys, tiny") && node.CallControl(t.Context(), n.Nodes[first].Config.Dir, "GET", "/status", nil, &r) == nil {
					select {
					case making <- r.Reason:
					default:
					}
				}
			}
			return
		}
		o.Hooks.Machine = func(m protocols.Machine, _ *protocols.Department) protocols.Machine {
			return nodetest.StepFunc(func(e protocols.Event) (protocols.Ready, error) {
				if hang.Load() {
					return protocols.Ready{}, nil
				}
				return m.Step(e)
			})
		}
	}
	says := func(parts ...string) {
		t.Helper()
		last := ""
		n.Eventually("the status says "+strings.Join(parts, ", "), func() bool {
			var r node.Report
			if err := node.CallControl(t.Context(), n.Nodes[first].Config.Dir, "GET", "/status", nil, &r); err != nil {
				return false // not open yet
			}
			if r.Reason != last {
				last = r.Reason
				t.Log(last)
			}
			for _, part := range parts {
				if !strings.Contains(r.Reason, part) {
					return false
				}
			}
			return !r.Healthy
		})
	}
	n.Start(first)
	if got := <-making; !strings.HasPrefix(got, "making the keys of the network's proofs") {
		t.Errorf("while it makes keys: %q", got)
	}
	says("the network is not founded yet: 1 of its 2 members are here", "waiting for "+other.Identity.Peer())
	n.Start(1 - first)
	says("epoch 1 is being formed: waiting for " + other.Config.Name)
	n.Stop(1 - first)
	says("1 of the ledger's 2 validators are connected", "waiting for "+other.Config.Name)
	hang.Store(false)
	n.Start(1 - first)
	n.WaitReady(first)
	n.WaitReady(1 - first)
	for i := range n.Nodes {
		if r := n.Report(i); !r.Healthy || r.Reason != "" || r.Ledger.CatchingUp {
			t.Errorf("%+v", r)
		}
	}
}

func TestSaysHowFarItIs(t *testing.T) {
	validators := exchange.LedgerKeys(make([]protocols.Key, 4))
	for want, s := range map[string]ledger.Status{
		"2 of its 4 validators have told": {Validators: validators, Heard: 2, Block: 7, Head: 7},
		"block 7 of 90":                   {Validators: validators, Heard: 3, Block: 7, Head: 90},
	} {
		if got := node.CatchingUp(s); !strings.Contains(got, want) {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
