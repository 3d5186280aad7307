package node_test

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"parley/engine"
	"parley/node"
	"parley/node/audit"
	"parley/node/client"
	"parley/node/config"
	"parley/node/nodetest"
	"parley/node/nodetest/testnet"
	"parley/node/quality"
	"parley/protocols"
)

// writeShares writes a table of people of whom so many in a hundred are men.
func writeShares(t *testing.T, path string, men int) {
	t.Helper()
	var b strings.Builder
	b.WriteString("sex,age,wage\n")
	for i := range 2 * engine.MinDriftValues {
		sex := "f"
		if i%100 < men {
			sex = "m"
		}
		fmt.Fprintf(&b, "%s,%d,%d\n", sex, 20+i%50, 90000+i)
	}
	nodetest.Check(t, os.WriteFile(path, []byte(b.String()), 0o600))
}

// TestSourceIsAnnounced: that a table's source has changed stands on the ledger, once, however often the node looks and
// also behind a restart, and for everybody to read; the next version says how far the values of a column moved, of one that
// is declared so and of no other, and is answered over like others.
func TestSourceIsAnnounced(t *testing.T) {
	if testing.Short() {
		t.Skip("a network of three nodes, of which one starts three times")
	}
	t.Parallel()
	n := testnet.New(t, 2)
	n.AddAuditor()
	look := make(chan time.Time)
	n.Options = func(i int, o *node.Options) {
		if i == 0 {
			o.Hooks.Look = look
		}
	}
	own := &n.Nodes[0].Config
	people := own.Tables[0].Files[0]
	writeShares(t, people, 10)
	own.Tables[0].Declared = []config.FileColumn{{Name: "sex", Dictionary: true, Drift: true}, {Name: "age", Dictionary: true}, {Name: "wage", Min: 0, Max: 1000000}}
	n.StartAll()
	looks := func() {
		t.Helper()
		for range 4 { // a look is over when the next is taken
			select {
			case look <- time.Now():
			case <-time.After(time.Minute):
				t.Fatal("the node does not look")
			}
		}
	}
	// registrations are read off another node than the one that speaks, as soon as it has so many.
	registrations := func(i, count int) (all []audit.Registered) {
		t.Helper()
		n.Eventually("the registrations are there", func() bool {
			src, err := audit.Dial(t.Context(), n.Address(i), n.Analyst, nodetest.Tiny)
			if err != nil {
				return false
			}
			defer src.Close()
			read, err := audit.ReadRegistrations(t.Context(), src)
			all = nil
			for _, r := range read {
				if r.Department == "a" {
					all = append(all, r)
				}
			}
			return err == nil && len(all) == count
		})
		return all
	}
	changed := func(version int) bool { return registrations(2, version)[version-1].SourceChanged() != nil }
	// known waits till the others know. What does not stand on the ledger in time is said again at the next look.
	known := func(version int) {
		t.Helper()
		n.Eventually("the others know", func() bool { looks(); return changed(version) })
		n.Eventually("the node knows what it has said", func() bool {
			k, err := quality.Of(own.Dir, "people")
			return err == nil && k.Source != nil && k.Source.Version == uint64(version)
		})
	}
	touch := func(hours time.Duration) {
		t.Helper()
		at := time.Now().Add(hours * time.Hour)
		nodetest.Check(t, os.Chtimes(people, at, at))
	}
	looks()
	if changed(1) {
		t.Error("a source is said to have changed that has not")
	}
	touch(1)
	known(1)
	touch(2)
	looks()
	n.Stop(0)
	n.Start(0)
	n.WaitReady(0)
	looks()
	touch(3)
	looks()

	// The next version.
	n.Stop(0)
	writeShares(t, people, 35)
	n.Start(0)
	n.WaitReady(0)
	looks()
	all := registrations(1, 2)
	if all[1].SourceChanged() != nil || all[0].SourceChanged() == nil || len(all[0].Source) != 1 {
		t.Fatalf("%+v", all)
	}
	for _, q := range all[1].Quality.Columns {
		if told := q.Drift != nil; told != (q.Name == "sex") || told && *q.Drift != 25 {
			t.Errorf("%+v", q)
		}
	}
	for _, q := range all[0].Quality.Columns {
		if q.Drift != nil {
			t.Errorf("of a first version: %+v", q)
		}
	}
	c := n.Dial(1)
	n.Eventually("it is asked", func() bool {
		a, err := c.Ask(t.Context(), "SELECT sex, count(*) FROM people GROUP BY sex", testnet.Asking(client.AskOptions{Deadline: 30 * time.Second}))
		if err == nil && testnet.ResultText(a) != "f 1305 | m 702 | " {
			t.Errorf("answered %s", testnet.ResultText(a))
		}
		return err == nil
	})
	touch(4)
	known(2)
	looks()

	// No look, touch or restart has written more than the two.
	said := map[string]int{}
	src, err := audit.Dial(t.Context(), n.Address(1), n.Analyst, nodetest.Tiny)
	nodetest.Check(t, err)
	defer src.Close()
	extent, err := src.Extent(t.Context())
	nodetest.Check(t, err)
	enough := fmt.Errorf("enough")
	if err := src.Follow(t.Context(), 0, func(records []protocols.Record) error {
		for _, r := range records {
			if body, err := r.Entry.Open(); err == nil && r.Entry.Kind == protocols.KindAct {
				said[body.(*protocols.Act).What]++
			}
			if r.Number >= extent.Records {
				return enough
			}
		}
		return nil
	}); err != enough {
		t.Fatal(err)
	}
	for version := uint64(1); version <= 2; version++ {
		if text := (audit.SourceNews{Table: "people", Version: version, Changed: true}).String(); said[text] != 1 {
			t.Errorf("%q is said %d times: %v", text, said[text], said)
		}
	}
}
