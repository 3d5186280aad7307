package node_test

import (
	"path/filepath"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"parley/node"
	"parley/node/config"
	"parley/node/nodetest"
	"parley/node/nodetest/testnet"
	"parley/protocols"
)

// A department that lost its ledger, and kept its journal, goes on where it
// was: nothing in the journal is erased before the ledger shows its end, and
// nothing is made a second time. It is stopped in the middle of a question,
// after what a step has journaled, and with no question open.
func TestLedgerLost(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("a network of which a department starts five times")
	}
	n := testnet.New(t, 2)
	const victim = 1
	var stopAfter atomic.Int64 // a kind of journal record
	stopped := make(chan struct{}, 1)
	n.Options = func(department int, o *node.Options) {
		if department != victim {
			return
		}
		o.Hooks.Machine = func(m protocols.Machine, _ *protocols.Department) protocols.Machine {
			if _, ok := m.(*protocols.Query); !ok {
				return m
			}
			done := false // what it journaled is on the disk
			return nodetest.StepFunc(func(e protocols.Event) (protocols.Ready, error) {
				if done && stopAfter.Swap(0) > 0 {
					n.Nodes[department].Cancel()
					stopped <- struct{}{}
				}
				ready, err := m.Step(e)
				done = done || slices.ContainsFunc(ready.Persist, func(r protocols.JournalRecord) bool { return int64(r.Kind) == stopAfter.Load() })
				return ready, err
			})
		}
	}
	n.StartAll()
	c := n.Dial(0)
	n.MustAnswer(c)
	for _, kind := range []protocols.JournalKind{0, protocols.JournalEntry, protocols.JournalContribute, protocols.JournalShare} {
		if kind == 0 { // no question is open
			n.Lose(victim, "ledger")
			n.Start(victim)
			n.WaitReady(victim)
			n.MustAnswer(c)
		} else {
			stopAfter.Store(int64(kind))
			restarted := make(chan struct{})
			go func() {
				defer close(restarted)
				<-stopped
				<-n.Nodes[victim].Done
				n.Nodes[victim].Cancel = nil
				n.Lose(victim, "ledger")
				n.Start(victim)
			}()
			a := n.MustAnswer(c)
			<-restarted
			n.WaitReady(victim)
			n.OnlyOnce(c, a.Query)
		}
		if epoch, version, evidence := n.Standing(c, "b"); epoch != 1 || version != 1 || evidence != 0 {
			t.Fatalf("after record %d: epoch %d, table version %d, %d deviations\n%s", kind, epoch, version, evidence, n.Nodes[victim].Log)
		}
	}
	// What has ended is erased all the same.
	n.Eventually("the journals of ended questions are gone", func() bool {
		left, _ := filepath.Glob(filepath.Join(n.Nodes[victim].Config.Dir, "journal", "query-*"))
		return len(left) == 0
	})
}

// A department that lost its whole folder is ready at its first start: it
// registers its tables anew when it knows what stands on the ledger, leaves the
// epoch whose secret is gone, and convicts itself of nothing.
func TestFolderLost(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("a network of which a department starts four times")
	}
	n := testnet.New(t, 2)
	n.StartAll()
	victim := 1 - n.First()
	name := n.Nodes[victim].Config.Name
	keeper := n.Dial(n.First())
	n.MustAnswer(keeper)
	for i, lose := range []func(){
		func() { n.Lose(victim) },
		func() { // and its rows have changed
			n.Lose(victim)
			testnet.WriteCSV(t, n.Nodes[victim].Config.Tables[0].Files[0], victim+1)
		},
		func() { // and it joins by a snapshot
			n.Nodes[victim].Config.Trust = n.Trust(n.First(), victim)
			n.Lose(victim)
			testnet.WriteCSV(t, n.Nodes[victim].Config.Tables[0].Files[0], victim)
			n.Nodes[victim].Config.Genesis = filepath.Join(n.Nodes[n.First()].Config.Dir, config.GenesisFile)
		},
	} {
		lose()
		begun := time.Now()
		n.Start(victim)
		n.WaitReady(victim)
		epoch, version, evidence := uint64(0), uint64(0), 0
		n.Eventually("the keeper has heard", func() bool {
			epoch, version, evidence = n.Standing(keeper, name)
			return epoch == uint64(i+2)
		})
		if version != uint64(i+2) || evidence != 0 {
			t.Fatalf("life %d: epoch %d, table version %d, %d deviations\n%s", i+2, epoch, version, evidence, n.Nodes[victim].Log)
		}
		t.Logf("life %d is ready after %.1f s", i+2, time.Since(begun).Seconds())
	}
	n.MustAnswer(n.Dial(victim))
}
