package node

import (
	"strings"
	"sync/atomic"
	"testing"

	"parley/node/exchange"
	"parley/node/ledger"
	"parley/protocols"
)

// What a node waits for stands in its status: who is not connected, whose key
// share a formation lacks, and nothing once it is ready.
func TestSaysWhatItWaitsFor(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("a network that comes up in steps")
	}
	n := newTestNetwork(t, 2)
	first := n.first()
	other := n.nodes[1-first]
	var hang atomic.Bool
	hang.Store(true)
	n.options = func(department int, o *Options) {
		if department == first {
			return
		}
		o.Hooks.Machine = func(m protocols.Machine, _ *protocols.Department) protocols.Machine {
			return stepFunc(func(e protocols.Event) (protocols.Ready, error) {
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
		n.eventually("the status says "+strings.Join(parts, ", "), func() bool {
			var r nodeReport
			if err := callControl(t.Context(), n.nodes[first].cfg.Dir, "GET", "/status", nil, &r); err != nil {
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
	n.start(first)
	says("1 of the ledger's 2 validators are connected", "waiting for "+other.id.Peer())
	n.start(1 - first)
	says("epoch 1 is being formed: waiting for " + other.cfg.Name)
	n.stop(1 - first)
	says("1 of the ledger's 2 validators are connected", "waiting for "+other.cfg.Name)
	hang.Store(false)
	n.start(1 - first)
	n.waitReady(first)
	n.waitReady(1 - first)
	for i := range n.nodes {
		if r := n.report(i); !r.Healthy || r.Reason != "" || r.Ledger.CatchingUp {
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
		if got := catchingUp(s); !strings.Contains(got, want) {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
