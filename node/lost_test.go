package node

import (
	"os"
	"path/filepath"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"parley/node/client"
	"parley/node/config"
	"parley/protocols"
)

// lose stops a department and removes parts of its folder; all but what it has
// from outside if none is named.
func (n *testNetwork) lose(department int, parts ...string) {
	n.t.Helper()
	n.stop(department)
	dir := n.nodes[department].cfg.Dir
	if len(parts) == 0 {
		entries, err := os.ReadDir(dir)
		if err != nil {
			n.t.Fatal(err)
		}
		for _, e := range entries {
			if name := e.Name(); name != "identity.key" && name != "people.csv" {
				parts = append(parts, name)
			}
		}
	}
	for _, part := range parts {
		if err := os.RemoveAll(filepath.Join(dir, part)); err != nil {
			n.t.Fatal(err)
		}
	}
}

// standing is the epoch to ask under, a department's version of its table, and
// how many deviations are on record.
func (n *testNetwork) standing(c *client.Client, department string) (epoch, version uint64, evidence int) {
	state := stateAt(c)
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

// A department that lost its ledger, and kept its journal, goes on where it
// was: nothing in the journal is erased before the ledger shows its end, and
// nothing is made a second time. It is stopped in the middle of a question,
// after what a step has journaled, and with no question open.
func TestLedgerLost(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("a network of which a department starts five times")
	}
	n := newTestNetwork(t, 2)
	const victim = 1
	var stopAfter atomic.Int64 // a kind of journal record
	stopped := make(chan struct{}, 1)
	n.options = func(department int, o *Options) {
		if department != victim {
			return
		}
		o.Hooks.Machine = func(m protocols.Machine, _ *protocols.Department) protocols.Machine {
			if _, ok := m.(*protocols.Query); !ok {
				return m
			}
			done := false // what it journaled is on the disk
			return stepFunc(func(e protocols.Event) (protocols.Ready, error) {
				if done && stopAfter.Swap(0) > 0 {
					n.nodes[department].cancel()
					stopped <- struct{}{}
				}
				ready, err := m.Step(e)
				done = done || slices.ContainsFunc(ready.Persist, func(r protocols.JournalRecord) bool { return int64(r.Kind) == stopAfter.Load() })
				return ready, err
			})
		}
	}
	n.startAll()
	c := n.dial(0)
	n.mustAnswer(c)
	for _, kind := range []protocols.JournalKind{0, protocols.JournalEntry, protocols.JournalContribute, protocols.JournalShare} {
		if kind == 0 { // no question is open
			n.lose(victim, "ledger")
			n.start(victim)
			n.waitReady(victim)
			n.mustAnswer(c)
		} else {
			stopAfter.Store(int64(kind))
			restarted := make(chan struct{})
			go func() {
				defer close(restarted)
				<-stopped
				<-n.nodes[victim].done
				n.nodes[victim].cancel = nil
				n.lose(victim, "ledger")
				n.start(victim)
			}()
			a := n.mustAnswer(c)
			<-restarted
			n.waitReady(victim)
			n.onlyOnce(c, a.Query)
		}
		if epoch, version, evidence := n.standing(c, "b"); epoch != 1 || version != 1 || evidence != 0 {
			t.Fatalf("after record %d: epoch %d, table version %d, %d deviations\n%s", kind, epoch, version, evidence, n.nodes[victim].log)
		}
	}
	// What has ended is erased all the same.
	n.eventually("the journals of ended questions are gone", func() bool {
		left, _ := filepath.Glob(filepath.Join(n.nodes[victim].cfg.Dir, "journal", "query-*"))
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
	n := newTestNetwork(t, 2)
	n.startAll()
	victim := 1 - n.first()
	name := n.nodes[victim].cfg.Name
	keeper := n.dial(n.first())
	n.mustAnswer(keeper)
	for i, lose := range []func(){
		func() { n.lose(victim) },
		func() { // and its rows have changed
			n.lose(victim)
			writeCSV(t, n.nodes[victim].cfg.Tables[0].Files[0], victim+1)
		},
		func() { // and it joins by a snapshot
			n.nodes[victim].cfg.Trust = n.trust(n.first(), victim)
			n.lose(victim)
			writeCSV(t, n.nodes[victim].cfg.Tables[0].Files[0], victim)
			n.nodes[victim].cfg.Genesis = filepath.Join(n.nodes[n.first()].cfg.Dir, config.GenesisFile)
		},
	} {
		lose()
		begun := time.Now()
		n.start(victim)
		n.waitReady(victim)
		epoch, version, evidence := uint64(0), uint64(0), 0
		n.eventually("the keeper has heard", func() bool {
			epoch, version, evidence = n.standing(keeper, name)
			return epoch == uint64(i+2)
		})
		if version != uint64(i+2) || evidence != 0 {
			t.Fatalf("life %d: epoch %d, table version %d, %d deviations\n%s", i+2, epoch, version, evidence, n.nodes[victim].log)
		}
		t.Logf("life %d is ready after %.1f s", i+2, time.Since(begun).Seconds())
	}
	n.mustAnswer(n.dial(victim))
}
