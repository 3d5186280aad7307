package node

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"parley/engine"
	"parley/node/audit"
	"parley/node/config"
	"parley/node/machine"
	"parley/node/nodetest"
	"parley/node/quality"
	"parley/protocols"
)

// driftingTable is one whose database may have other rows.
type driftingTable struct {
	fixedTable
	drift *string
}

func (d driftingTable) Drift() string { return *d.drift }

// TestNewsIsDueOnce: a changed source is due to be told once a version, also behind a restart, and at most once an hour that
// it is as it was, or is not again; nothing is due before the ledger is read, or of a table that is to be registered anew.
func TestNewsIsDueOnce(t *testing.T) {
	id := nodetest.Identity(t)
	network := &protocols.Network{Version: protocols.Version, Name: "one", Parameters: "tiny", Development: true, VerifyingKeys: []byte{1}, ProvingKeys: []engine.Digest{{1}, {2}, {3}},
		Departments: []protocols.Member{{Key: id.Key()}}}
	state := protocols.NewState(network, protocols.Sizes{KeyShare: 1, Contribution: 1, Share: 1})
	number := uint64(0)
	order := func(body protocols.Body) {
		t.Helper()
		number++
		nodetest.Check(t, state.Apply(protocols.Place{Block: number}, protocols.Sign(network.ID(), id.Private(), body)))
	}
	order(&protocols.Join{Name: "a"})
	drift, dir := "", t.TempDir()
	file := filepath.Join(t.TempDir(), "people.csv")
	nodetest.Check(t, os.WriteFile(file, []byte("x\n1\n"), 0o600))
	box := machine.NewOutbox(nodetest.Quiet, func(context.Context, protocols.Entry) error { return nil })
	start := func() *node {
		n := &node{cfg: config.Config{Name: "a", Dir: dir}, news: map[string]*quality.Source{}, id: id, network: network, replica: state, log: nodetest.Quiet, outbox: box,
			tables: shelf{present: []*table{
				{name: "files", data: driftingTable{fixedTable{"files", 5}, new(string)}, files: stampsOf([]string{file})},
				{name: "served", data: driftingTable{fixedTable{"served", 6}, &drift}},
			}}}
		n.duty.validator, n.duty.atHead = true, true
		return n
	}
	n := start()
	now := time.Now().Add(-100 * time.Hour)
	due := func(what string, want ...audit.SourceNews) {
		t.Helper()
		if got := n.dueNews(now); !slices.Equal(got, want) {
			t.Errorf("%s: %+v, want %+v", what, got, want)
		}
		for _, news := range want { // it is said
			n.keepNews(news, now)
		}
		if again := n.dueNews(now); len(again) > 0 {
			t.Errorf("%s: said, and due again: %+v", what, again)
		}
	}
	changed := func(table string, version uint64) audit.SourceNews {
		return audit.SourceNews{Table: table, Version: version, Changed: true}
	}
	again := func(table string, version uint64) audit.SourceNews {
		return audit.SourceNews{Table: table, Version: version}
	}
	register := func(version uint64) {
		for name, rows := range map[string]int64{"files": 5, "served": 6} {
			order(&protocols.Register{Registration: fixedTable{name, rows}.Registration("a", version), Nonce: [32]byte{byte(version)}})
		}
		n.duty.tables = false
		n.dueRegistrations()
	}
	drift = "of rows"
	due("before anything is registered")
	register(1)
	n.duty.atHead = false
	due("before the ledger is read")
	n.duty.atHead = true
	due("the database has other rows", changed("served", 1))
	drift = "of more rows"
	due("and others still")
	n = start()
	n.dueRegistrations()
	due("behind a restart")

	touched := time.Now().Add(time.Hour)
	nodetest.Check(t, os.Chtimes(file, touched, touched))
	n.tables.present[0].files[0].info = nil
	due("a file changes", changed("files", 1))
	drift = ""
	due("it is as it was, within the hour")
	now = now.Add(announceEvery)
	due("the hour is over", again("served", 1))
	drift = "of rows"
	due("it changes within the hour")
	now = now.Add(announceEvery - time.Second)
	due("nearly an hour")
	now = now.Add(time.Second)
	due("an hour", changed("served", 1))
	drift = ""
	now = now.Add(-50 * time.Hour)
	due("the clock was set back", again("served", 1))

	n.duty.tables = false
	drift = "of rows"
	due("a version is to be registered")
	register(2)
	due("of the next version at once", changed("files", 2), changed("served", 2))

	n.cfg.Dir = filepath.Join(dir, "lost") // and with it what was said
	n.news = map[string]*quality.Source{}
	due("the folder is lost", changed("files", 2), changed("served", 2))
}

// TestHeardNews: what the ledger holds of this node is not said again, whoever else says the same.
func TestHeardNews(t *testing.T) {
	own, other := nodetest.Identity(t), nodetest.Identity(t)
	network := &protocols.Network{Version: protocols.Version, Name: "two", Parameters: "tiny", Development: true, VerifyingKeys: []byte{1}, ProvingKeys: []engine.Digest{{1}, {2}, {3}},
		Departments: []protocols.Member{{Key: own.Key()}, {Key: other.Key()}}}
	state := protocols.NewState(network, protocols.Sizes{KeyShare: 1, Contribution: 1, Share: 1})
	number := uint64(0)
	n := &node{cfg: config.Config{Name: "a", Dir: t.TempDir()}, news: map[string]*quality.Source{}, id: own, network: network, replica: state, log: nodetest.Quiet}
	say := func(as string, body protocols.Body) {
		t.Helper()
		key := own.Private()
		if as == "b" {
			key = other.Private()
		}
		e := protocols.Sign(network.ID(), key, body)
		number++
		nodetest.Check(t, state.Apply(protocols.Place{Block: number}, e))
		n.heardNews(&protocols.Record{Number: number, Time: time.Now().UnixMilli(), Entry: e})
	}
	for _, name := range []string{"a", "b"} {
		say(name, &protocols.Join{Name: name})
		say(name, &protocols.Register{Registration: fixedTable{"people", 5}.Registration(name, 1)})
	}
	text := audit.SourceNews{Table: "people", Version: 1, Changed: true}.String()
	say("b", &protocols.Act{Node: other.Key(), What: text})
	say("a", &protocols.Act{Node: own.Key(), What: "reload"})
	if n.lastNews("people") != nil {
		t.Error("another's news, or another act, is taken for its own")
	}
	say("a", &protocols.Act{Node: own.Key(), What: text, Turn: 1})
	if last := n.lastNews("people"); last == nil || last.Version != 1 || !last.Changed {
		t.Errorf("%+v", last)
	}
	if k, err := quality.Of(n.cfg.Dir, "people"); err != nil || k.Source == nil {
		t.Errorf("it is not kept: %v %+v", err, k)
	}
}
