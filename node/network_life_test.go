package node_test

import (
	"context"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"parley/circuits"
	"parley/engine"
	"parley/node"
	"parley/node/client"
	"parley/node/config"
	"parley/node/disk"
	"parley/node/nodetest"
	"parley/node/nodetest/testnet"
	"parley/protocols"
)

// The same folders, the same epoch, the same tables: all of it again after a
// stop, in this process, and nothing left running: no other test runs beside it.
func TestRestart(t *testing.T) {
	if testing.Short() {
		t.Skip("a network that starts three times")
	}
	before := runtime.NumGoroutine()
	n := testnet.New(t, 2)
	n.StartAll()
	c := n.Dial(0)
	first := n.MustAnswer(c)
	for i := range n.Nodes {
		n.Stop(i)
	}
	c.Close()
	n.StartAll()
	c = n.Dial(1)
	second := n.MustAnswer(c)
	state := testnet.StateAt(c)
	epochs, version := state.Epoch().Number, state.Catalogue()[0].Version
	a, b := state.Query(first.Query), state.Query(second.Query)
	if epochs != 1 || version != 1 {
		t.Errorf("after a restart: epoch %d, table version %d", epochs, version)
	}
	if a == nil || b == nil || a.Phase != protocols.PhaseDone || a.Epoch.ID != b.Epoch.ID {
		t.Errorf("the log holds %+v and %+v", a, b)
	}
	// A changed table is a new version.
	n.Stop(0)
	testnet.WriteCSV(t, n.Nodes[0].Config.Tables[0].Files[0], 1)
	n.Start(0)
	n.WaitReady(0)
	c.Close()
	c = n.Dial(0)
	catalogue, err := c.Catalogue(context.Background())
	if err != nil || catalogue[0].Version != 2 || catalogue[1].Version != 1 {
		t.Errorf("after one table changed: %v, %v", catalogue, err)
	}
	for i := range n.Nodes {
		n.Stop(i)
	}
	c.Close()
	// CometBFT leaves two goroutines behind for each write-ahead log that was
	// open; here there were five.
	before += 2 * 5
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		if runtime.NumGoroutine() <= before+2 {
			return
		}
	}
	stacks := make([]byte, 1<<20)
	t.Errorf("%d goroutines before, %d after\n%s", before, runtime.NumGoroutine(), stacks[:runtime.Stack(stacks, true)])
}

// One department alone is a network too.
func TestOneDepartment(t *testing.T) {
	if testing.Short() {
		t.Skip("a whole network")
	}
	t.Parallel()
	n := testnet.New(t, 1)
	n.StartAll()
	n.MustAnswer(n.Dial(0))
	n.Stop(0)
	n.Start(0)
	n.WaitReady(0)
	n.MustAnswer(n.Dial(0))
}

// A department that is down, and one that hangs, end the query by name within
// its deadline; the next query is answered.
func TestMissingDepartment(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("takes seconds of waiting")
	}
	n := testnet.New(t, 3)
	n.AddAuditor() // with one of three validators down, nothing would be ordered
	absent := 1
	hang := hanging(n, absent)
	n.StartAll()
	c := n.Dial(0)
	name := n.Nodes[absent].Config.Name
	expect := func(what, code string) {
		t.Helper()
		start := time.Now()
		_, err := n.Ask(c, 3*time.Second)
		var q *client.QueryError
		if !errors.As(err, &q) || q.Code != code || !slices.Equal(q.Departments, []string{name}) {
			t.Fatalf("%s: %#v, want an end that names %s\n%s", what, err, name, n.Logs())
		}
		if d := time.Since(start); d > 20*time.Second { // of a deadline of 3 s
			t.Errorf("%s: the query took %v to expire", what, d)
		}
	}
	hang.Store(true)
	expect("hanging", "expired")
	hang.Store(false)
	n.MustAnswer(n.Dial(3)) // through the auditor, whom the departments get the analyst's key from
	n.Stop(absent)
	expect("down", "unavailable")
	n.Start(absent)
	n.WaitReady(absent)
	n.MustAnswer(c)
}

var everything = flag.Bool("everything", false, "stop a node at each step of a question, not at a sample of them")

// A node that stops at any step of a query takes it up
// again: one contribution, one share, the right answer.
func TestStopsAtEachStep(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("takes seconds of waiting")
	}
	n := testnet.New(t, 2)
	var steps, stopAt atomic.Int64
	stopped := make(chan int, 1)
	n.Options = func(department int, o *node.Options) {
		o.Hooks.Machine = func(m protocols.Machine, _ *protocols.Department) protocols.Machine {
			if _, ok := m.(*protocols.Query); !ok {
				return m
			}
			return nodetest.StepFunc(func(e protocols.Event) (protocols.Ready, error) {
				ready, err := m.Step(e)
				if at := stopAt.Load(); at > 0 && int(at)%2 == department && steps.Add(1) == at {
					n.Nodes[department].Cancel()
					stopped <- department
				}
				return ready, err
			})
		}
	}
	n.StartAll()
	c := n.Dial(0)
	d := n.Dial(1)
	stride := int64(3) // odd, so that both departments have their turns
	if *everything {
		stride = 1
	}
	for at := int64(1); at <= 14; at += stride {
		steps.Store(0)
		stopAt.Store(at)
		client := c
		if at%2 == 0 {
			client = d // to the one that stays
		}
		restarted := make(chan bool)
		go func() {
			select {
			case department := <-stopped:
				<-n.Nodes[department].Done
				n.Nodes[department].Cancel = nil
				n.Start(department)
				restarted <- true
			case <-time.After(time.Minute):
				restarted <- false
			}
		}()
		a := n.MustAnswer(client)
		stopAt.Store(0)
		if !<-restarted {
			t.Fatalf("no node has a step %d", at)
		}
		n.OnlyOnce(client, a.Query)
	}
}

// A node whose journal is gone must not go on under the same epoch: it leaves,
// and all form a new one, with new keys.
func TestLostJournal(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("takes seconds of waiting")
	}
	n := testnet.New(t, 2)
	n.StartAll()
	first := n.MustAnswer(n.Dial(0))
	n.Stop(1)
	if err := os.RemoveAll(filepath.Join(n.Nodes[1].Config.Dir, "journal")); err != nil {
		t.Fatal(err)
	}
	n.Start(1)
	n.WaitReady(1)
	c := n.Dial(1)
	second := n.MustAnswer(c)
	state := testnet.StateAt(c)
	a, b := state.Query(first.Query).Epoch, state.Query(second.Query).Epoch
	if a.Number != 1 || b.Number != 2 || a.Phase != protocols.EpochAborted || a.Commits[0] == b.Commits[0] {
		t.Errorf("epochs %d and %d, the first is in phase %d", a.Number, b.Number, a.Phase)
	}
}

// What only a query needed is gone when it has ended; the epoch's secret stays
// in its journal, and all files are the owner's alone.
func TestFilesOnDisk(t *testing.T) {
	if testing.Short() {
		t.Skip("a whole network")
	}
	t.Parallel()
	n := testnet.New(t, 2)
	n.StartAll()
	n.MustAnswer(n.Dial(0))
	for _, member := range n.Nodes {
		n.Eventually("the query's journal is gone", func() bool {
			left, _ := filepath.Glob(filepath.Join(member.Config.Dir, "journal", "query-*"))
			return len(left) == 0
		})
		network, err := os.ReadFile(filepath.Join(member.Config.Dir, "network.json"))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := protocols.ParseNetwork(network); err != nil {
			t.Errorf("network.json: %v", err)
		}
		filepath.Walk(member.Config.Dir, func(path string, info os.FileInfo, err error) error {
			if errors.Is(err, os.ErrNotExist) {
				return nil // a running node replaces some of its files
			}
			if err != nil {
				t.Error(err)
				return nil
			}
			if info.Mode().Perm()&0o077 != 0 && !strings.HasSuffix(path, ".csv") && path != member.Config.Dir {
				t.Errorf("%s has mode %v", path, info.Mode())
			}
			if strings.Contains(path, disk.TemporaryPrefix) {
				t.Errorf("left behind: %s", path)
			}
			return nil
		})
	}
}

func TestRefusedStarts(t *testing.T) {
	n := testnet.New(t, 2)
	cases := map[string]struct {
		change func(*config.Config)
		want   string
	}{
		"name":       {func(c *config.Config) { c.Name = "" }, "name"},
		"peers":      {func(c *config.Config) { c.Peers = []string{"/ip4/127.0.0.1/tcp/1"} }, "peers: entry 1"},
		"self":       {func(c *config.Config) { c.Auditors = []string{"/p2p/" + n.Nodes[0].Identity.Peer()} }, "own identity"},
		"analyst":    {func(c *config.Config) { c.Analysts = []string{"nobody"} }, "analysts: entry 1"},
		"both":       {func(c *config.Config) { c.Analysts = []string{n.Nodes[1].Identity.Peer()} }, "is a department"},
		"identity":   {func(c *config.Config) { c.Identity = filepath.Join(c.Dir, "none") }, "parley init"},
		"table":      {func(c *config.Config) { c.Tables[0].Files = []string{filepath.Join(c.Dir, "none.csv")} }, "none.csv"},
		"listen":     {func(c *config.Config) { c.Listen = "localhost:80" }, "localhost:80"},
		"no listen":  {func(c *config.Config) { c.Listen = "" }, "listen"},
		"parameters": {func(c *config.Config) { c.Parameters = "huge" }, "parameters"},
	}
	for name, test := range cases {
		t.Run(name, func(t *testing.T) {
			cfg := n.Nodes[0].Config
			cfg.Tables = slices.Clone(cfg.Tables)
			test.change(&cfg)
			o := node.Options{CacheDir: testnet.KeysDir()}
			if name != "parameters" {
				o.Hooks.Parameters = nodetest.Tiny
			}
			ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
			defer cancel()
			if err := node.Run(ctx, cfg, o); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("%v, want something about %q", err, test.want)
			}
		})
	}
	n.Start(0)
	n.Logged(0, "msg=listening") // and so has its folder
	cfg := n.Nodes[0].Config
	cfg.Listen = nodetest.Loopback
	if err := node.Run(context.Background(), cfg, node.Options{CacheDir: testnet.KeysDir(), Hooks: node.Hooks{Parameters: nodetest.Tiny}}); err == nil || !strings.Contains(err.Error(), "another node is running from "+cfg.Dir) {
		t.Errorf("two nodes over one folder: %v", err)
	}
}

// A stranger is told at once that the node does not talk to it.
func TestStrangerAnalyst(t *testing.T) {
	t.Parallel()
	n := testnet.New(t, 2)
	n.StartAll()
	start := time.Now()
	_, err := client.Dial(context.Background(), n.Nodes[0].Config.Listen+"/p2p/"+n.Nodes[0].Identity.Peer(), nodetest.Identity(t), client.Options{Parameters: nodetest.Tiny})
	if err == nil || !strings.Contains(err.Error(), "does a department vouch for this identity?") || time.Since(start) > 9*time.Second {
		t.Errorf("after %v: %v", time.Since(start), err)
	}
	_, err = client.Dial(context.Background(), testnet.FreeAddresses(t, 1)[0]+"/p2p/"+n.Nodes[0].Identity.Peer(), n.Analyst, client.Options{})
	if err == nil || !strings.Contains(err.Error(), "no node answers") {
		t.Errorf("%v", err)
	}
	c := n.Dial(0)
	for sql, code := range map[string]string{
		"SELECT count(*) FROM people WHERE shoe = 1": engine.CodeColumn,
		"SELECT count(*) FROM persons":               engine.CodeTable,
		"SELECT name FROM people":                    "",
		"SELEC":                                      engine.CodeSyntax,
	} {
		_, err := c.Ask(context.Background(), sql, testnet.Asking(client.AskOptions{}))
		var q *client.QueryError
		if !errors.As(err, &q) || code != "" && q.Code != code {
			t.Errorf("%s: %#v", sql, err)
		}
	}
	if _, err := c.Ask(context.Background(), testnet.WageQuestion, testnet.Asking(client.AskOptions{Departments: []string{"a", "z"}})); err == nil {
		t.Error("a department that there is not was asked")
	}
	a, err := c.Ask(context.Background(), testnet.WageQuestion, testnet.Asking(client.AskOptions{Departments: []string{"a"}, NoOpening: true}))
	if err != nil {
		t.Fatalf("%v\n%s", err, n.Logs())
	}
	if a.Verdict.ValueShown || a.Departments[1].Status != "shared" || testnet.ResultText(a) != testnet.Pooled(1) {
		t.Errorf("%+v %+v %s", a.Verdict, a.Departments, testnet.ResultText(a))
	}
}

// Departments and analysts on machines of their own, or users of one: the
// first makes the keys, the others fetch them, and remember which they are.
func TestKeysAreFetched(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("takes seconds of waiting")
	}
	n := testnet.New(t, 2)
	caches := []string{t.TempDir(), t.TempDir()}
	n.Options = func(department int, o *node.Options) { o.CacheDir = caches[department] }
	n.Cache = t.TempDir()
	n.StartAll()
	n.MustAnswer(n.Dial(0))
	other := 1 - n.First()
	if found, _ := filepath.Glob(filepath.Join(caches[other], "*", "*.proving")); len(found) != len(circuits.Statements) {
		t.Errorf("fetched %v", found)
	}
	// Later starts do not wait for the first.
	for i := range n.Nodes {
		n.Stop(i)
	}
	n.Start(other)
	n.Logged(other, "msg=ledger ")
	n.Start(n.First())
	n.WaitReady(other)
	// A cache that was emptied is filled again, one with other keys stays.
	n.Stop(other)
	fresh, err := nodetest.Tiny("")
	if err != nil {
		t.Fatal(err)
	}
	caches[other] = t.TempDir()
	if _, err := circuits.Develop(context.Background(), fresh, caches[other], nil); err != nil {
		t.Fatal(err)
	}
	n.Start(other)
	n.WaitReady(other)
	n.WaitReady(n.First())
	n.MustAnswer(n.Dial(other))
}

// A full disk ends the node with a sentence, and nothing is lost: with room
// again it goes on where it was.
func TestNodeDiskFull(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("takes seconds of waiting")
	}
	n := testnet.New(t, 2)
	small := t.TempDir()
	if err := unix.Mount("tmpfs", small, "tmpfs", 0, "size=512k"); err != nil {
		t.Skip("cannot mount a small file system here: ", err)
	}
	t.Cleanup(func() { unix.Unmount(small, unix.MNT_DETACH) }) // after the nodes have stopped
	member := n.Nodes[1]
	member.Config.Identity = filepath.Join(member.Config.Dir, "identity.key")
	member.Config.Dir = small
	n.StartAll()
	c := n.Dial(0)
	n.MustAnswer(c)
	filler := filepath.Join(small, "filler")
	f, err := os.Create(filler)
	if err != nil {
		t.Fatal(err)
	}
	for block := make([]byte, 1024); ; {
		if _, err := f.Write(block); err != nil {
			break
		}
	}
	f.Close()
	if _, err := n.Ask(c, 3*time.Second); err == nil {
		t.Error("a department without a disk took part")
	}
	select {
	case err := <-member.Done:
		if err == nil || !strings.Contains(err.Error(), "no space left on the disk") {
			t.Errorf("%v", err)
		}
		member.Cancel = nil
	case <-time.After(time.Minute):
		t.Fatalf("the node goes on without a disk\n%s", member.Log)
	}
	os.Remove(filler)
	n.Start(1)
	n.WaitReady(1)
	n.MustAnswer(c)
}
