package node

import (
	"context"
	"errors"
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
	"parley/node/client"
	"parley/node/config"
	"parley/node/disk"
	"parley/node/nodetest"
	"parley/protocols"
)

func (n *testNetwork) ask(c *client.Client, deadline time.Duration) (*client.Answer, error) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	pinned, err := present(ctx, c)
	if err != nil {
		return nil, err
	}
	return c.Ask(ctx, wageQuestion, client.AskOptions{Deadline: deadline, Pinned: pinned})
}

func (n *testNetwork) mustAnswer(c *client.Client) *client.Answer {
	n.t.Helper()
	a, err := n.ask(c, 30*time.Second)
	if err != nil {
		n.t.Fatalf("%v\n%s", err, n.logs())
	}
	if got, want := resultText(a), pooled(n.departments); got != want {
		n.t.Fatalf("answer %s, want %s", got, want)
	}
	return a
}

// The same folders, the same epoch, the same tables: all of it again after a
// stop, in this process, and nothing left running: no other test runs beside it.
func TestRestart(t *testing.T) {
	if testing.Short() {
		t.Skip("a network that starts three times")
	}
	before := runtime.NumGoroutine()
	n := newTestNetwork(t, 2)
	n.startAll()
	c := n.dial(0)
	first := n.mustAnswer(c)
	for i := range n.nodes {
		n.stop(i)
	}
	c.Close()
	n.startAll()
	c = n.dial(1)
	second := n.mustAnswer(c)
	state := stateAt(c)
	epochs, version := state.Epoch().Number, state.Catalogue()[0].Version
	a, b := state.Query(first.Query), state.Query(second.Query)
	if epochs != 1 || version != 1 {
		t.Errorf("after a restart: epoch %d, table version %d", epochs, version)
	}
	if a == nil || b == nil || a.Phase != protocols.PhaseDone || a.Epoch.ID != b.Epoch.ID {
		t.Errorf("the log holds %+v and %+v", a, b)
	}
	// A changed table is a new version.
	n.stop(0)
	writeCSV(t, n.nodes[0].cfg.Tables[0].Files[0], 1)
	n.start(0)
	n.waitReady(0)
	c.Close()
	c = n.dial(0)
	catalogue, err := c.Catalogue(context.Background())
	if err != nil || catalogue[0].Version != 2 || catalogue[1].Version != 1 {
		t.Errorf("after one table changed: %v, %v", catalogue, err)
	}
	for i := range n.nodes {
		n.stop(i)
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
	t.Parallel()
	n := newTestNetwork(t, 1)
	n.startAll()
	n.mustAnswer(n.dial(0))
	n.stop(0)
	n.start(0)
	n.waitReady(0)
	n.mustAnswer(n.dial(0))
}

// A department that is down, and one that hangs, end the query by name within
// its deadline; the next query is answered.
func TestMissingDepartment(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("takes seconds of waiting")
	}
	n := newTestNetwork(t, 3)
	n.addAuditor() // with one of three validators down, nothing would be ordered
	var hang atomic.Bool
	absent := 1
	n.options = func(department int, o *Options) {
		if department == absent {
			o.Hooks.Machine = func(m protocols.Machine, _ *protocols.Department) protocols.Machine {
				return stepFunc(func(e protocols.Event) (protocols.Ready, error) {
					if hang.Load() {
						return protocols.Ready{}, nil
					}
					return m.Step(e)
				})
			}
		}
	}
	n.startAll()
	c := n.dial(0)
	name := n.nodes[absent].cfg.Name
	expect := func(what, code string) {
		t.Helper()
		start := time.Now()
		_, err := n.ask(c, 3*time.Second)
		var q *client.QueryError
		if !errors.As(err, &q) || q.Code != code || !slices.Equal(q.Departments, []string{name}) {
			t.Fatalf("%s: %#v, want an end that names %s\n%s", what, err, name, n.logs())
		}
		if d := time.Since(start); d > 20*time.Second { // of a deadline of 3 s
			t.Errorf("%s: the query took %v to expire", what, d)
		}
	}
	hang.Store(true)
	expect("hanging", "expired")
	hang.Store(false)
	n.mustAnswer(n.dial(3)) // through the auditor, whom the departments get the analyst's key from
	n.stop(absent)
	expect("down", "unavailable")
	n.start(absent)
	n.waitReady(absent)
	n.mustAnswer(c)
}

// first is the department with the lowest key: it makes the keys.
func (n *testNetwork) first() int {
	lowest := 0
	for i := range n.departments {
		a, b := n.nodes[i].id.Key(), n.nodes[lowest].id.Key()
		if slices.Compare(a[:], b[:]) < 0 {
			lowest = i
		}
	}
	return lowest
}

type stepFunc func(protocols.Event) (protocols.Ready, error)

func (f stepFunc) Step(e protocols.Event) (protocols.Ready, error) { return f(e) }

// A node that stops at any step of a query takes it up
// again: one contribution, one share, the right answer.
func TestStopsAtEachStep(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("takes seconds of waiting")
	}
	n := newTestNetwork(t, 2)
	var steps, stopAt atomic.Int64
	stopped := make(chan int, 1)
	n.options = func(department int, o *Options) {
		o.Hooks.Machine = func(m protocols.Machine, _ *protocols.Department) protocols.Machine {
			if _, ok := m.(*protocols.Query); !ok {
				return m
			}
			return stepFunc(func(e protocols.Event) (protocols.Ready, error) {
				ready, err := m.Step(e)
				if at := stopAt.Load(); at > 0 && int(at)%2 == department && steps.Add(1) == at {
					n.nodes[department].cancel()
					stopped <- department
				}
				return ready, err
			})
		}
	}
	n.startAll()
	c := n.dial(0)
	d := n.dial(1)
	for at := int64(1); at <= 14; at++ {
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
				<-n.nodes[department].done
				n.nodes[department].cancel = nil
				n.start(department)
				restarted <- true
			case <-time.After(time.Minute):
				restarted <- false
			}
		}()
		a := n.mustAnswer(client)
		stopAt.Store(0)
		if !<-restarted {
			t.Fatalf("no node has a step %d", at)
		}
		n.onlyOnce(client, a.Query)
	}
}

// A node whose journal is gone must not go on under the same epoch: it leaves,
// and all form a new one, with new keys.
func TestLostJournal(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("takes seconds of waiting")
	}
	n := newTestNetwork(t, 2)
	n.startAll()
	first := n.mustAnswer(n.dial(0))
	n.stop(1)
	if err := os.RemoveAll(filepath.Join(n.nodes[1].cfg.Dir, "journal")); err != nil {
		t.Fatal(err)
	}
	n.start(1)
	n.waitReady(1)
	c := n.dial(1)
	second := n.mustAnswer(c)
	state := stateAt(c)
	a, b := state.Query(first.Query).Epoch, state.Query(second.Query).Epoch
	if a.Number != 1 || b.Number != 2 || a.Phase != protocols.EpochAborted || a.Commits[0] == b.Commits[0] {
		t.Errorf("epochs %d and %d, the first is in phase %d", a.Number, b.Number, a.Phase)
	}
}

// onlyOnce fails if the log holds two contributions or shares of anybody.
func (n *testNetwork) onlyOnce(c *client.Client, query engine.Digest) {
	n.t.Helper()
	seen := map[[2]string]int{}
	for _, r := range stateAt(c).Query(query).Records() {
		switch r.Entry.Kind {
		case protocols.KindContribute:
			seen[[2]string{"contribute", r.Entry.Author.String()}]++
		case protocols.KindShare:
			seen[[2]string{"share", r.Entry.Author.String()}]++
		}
	}
	if len(seen) != 2*n.departments {
		n.t.Errorf("the log holds %v", seen)
	}
	for what, count := range seen {
		if count != 1 {
			n.t.Errorf("%s: %d entries", what, count)
		}
	}
}

// What only a query needed is gone when it has ended; the epoch's secret stays
// in its journal, and all files are the owner's alone.
func TestFilesOnDisk(t *testing.T) {
	t.Parallel()
	n := newTestNetwork(t, 2)
	n.startAll()
	n.mustAnswer(n.dial(0))
	for _, node := range n.nodes {
		n.eventually("the query's journal is gone", func() bool {
			left, _ := filepath.Glob(filepath.Join(node.cfg.Dir, "journal", "query-*"))
			return len(left) == 0
		})
		network, err := os.ReadFile(filepath.Join(node.cfg.Dir, "network.json"))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := protocols.ParseNetwork(network); err != nil {
			t.Errorf("network.json: %v", err)
		}
		filepath.Walk(node.cfg.Dir, func(path string, info os.FileInfo, err error) error {
			if errors.Is(err, os.ErrNotExist) {
				return nil // a running node replaces some of its files
			}
			if err != nil {
				t.Error(err)
				return nil
			}
			if info.Mode().Perm()&0o077 != 0 && !strings.HasSuffix(path, ".csv") && path != node.cfg.Dir {
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
	n := newTestNetwork(t, 2)
	cases := map[string]struct {
		change func(*config.Config)
		want   string
	}{
		"name":       {func(c *config.Config) { c.Name = "" }, "name"},
		"peers":      {func(c *config.Config) { c.Peers = []string{"/ip4/127.0.0.1/tcp/1"} }, "peers: entry 1"},
		"self":       {func(c *config.Config) { c.Peers = []string{"/p2p/" + n.nodes[0].id.Peer()} }, "own identity"},
		"analyst":    {func(c *config.Config) { c.Analysts = []string{"nobody"} }, "analysts: entry 1"},
		"both":       {func(c *config.Config) { c.Analysts = []string{n.nodes[1].id.Peer()} }, "is a department"},
		"identity":   {func(c *config.Config) { c.Identity = filepath.Join(c.Dir, "none") }, "parley init"},
		"table":      {func(c *config.Config) { c.Tables[0].Files = []string{filepath.Join(c.Dir, "none.csv")} }, "none.csv"},
		"listen":     {func(c *config.Config) { c.Listen = "localhost:80" }, "localhost:80"},
		"no listen":  {func(c *config.Config) { c.Listen = "" }, "listen"},
		"parameters": {func(c *config.Config) { c.Parameters = "huge" }, "parameters"},
	}
	for name, test := range cases {
		t.Run(name, func(t *testing.T) {
			cfg := n.nodes[0].cfg
			cfg.Tables = slices.Clone(cfg.Tables)
			test.change(&cfg)
			o := Options{CacheDir: keysDir()}
			if name != "parameters" {
				o.Hooks.Parameters = nodetest.Tiny
			}
			ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
			defer cancel()
			if err := Run(ctx, cfg, o); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("%v, want something about %q", err, test.want)
			}
		})
	}
	n.start(0)
	n.logged(0, "msg=listening") // and so has its folder
	cfg := n.nodes[0].cfg
	cfg.Listen = nodetest.Loopback
	if err := Run(context.Background(), cfg, Options{CacheDir: keysDir(), Hooks: Hooks{Parameters: nodetest.Tiny}}); err == nil || !strings.Contains(err.Error(), "another node is running from "+cfg.Dir) {
		t.Errorf("two nodes over one folder: %v", err)
	}
}

// A stranger is told at once that the node does not talk to it.
func TestStrangerAnalyst(t *testing.T) {
	t.Parallel()
	n := newTestNetwork(t, 2)
	n.startAll()
	start := time.Now()
	_, err := client.Dial(context.Background(), n.nodes[0].cfg.Listen+"/p2p/"+n.nodes[0].id.Peer(), nodetest.Identity(t), client.Options{Parameters: nodetest.Tiny})
	if err == nil || !strings.Contains(err.Error(), "list of analysts") || time.Since(start) > 9*time.Second {
		t.Errorf("after %v: %v", time.Since(start), err)
	}
	_, err = client.Dial(context.Background(), freeAddresses(t, 1)[0]+"/p2p/"+n.nodes[0].id.Peer(), n.analyst, client.Options{})
	if err == nil || !strings.Contains(err.Error(), "no node answers") {
		t.Errorf("%v", err)
	}
	c := n.dial(0)
	for sql, code := range map[string]string{
		"SELECT count(*) FROM people WHERE shoe = 1": engine.CodeColumn,
		"SELECT count(*) FROM persons":               engine.CodeTable,
		"SELECT name FROM people":                    "",
		"SELEC":                                      engine.CodeSyntax,
	} {
		_, err := c.Ask(context.Background(), sql, client.AskOptions{})
		var q *client.QueryError
		if !errors.As(err, &q) || code != "" && q.Code != code {
			t.Errorf("%s: %#v", sql, err)
		}
	}
	if _, err := c.Ask(context.Background(), wageQuestion, client.AskOptions{Departments: []string{"a", "z"}}); err == nil {
		t.Error("a department that there is not was asked")
	}
	a, err := c.Ask(context.Background(), wageQuestion, client.AskOptions{Departments: []string{"a"}, NoOpening: true})
	if err != nil {
		t.Fatalf("%v\n%s", err, n.logs())
	}
	if a.Verdict.ValueShown || a.Departments[1].Status != "shared" || resultText(a) != pooled(1) {
		t.Errorf("%+v %+v %s", a.Verdict, a.Departments, resultText(a))
	}
}

// Departments and analysts on machines of their own, or users of one: the
// first makes the keys, the others fetch them, and remember which they are.
func TestKeysAreFetched(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("takes seconds of waiting")
	}
	n := newTestNetwork(t, 2)
	caches := []string{t.TempDir(), t.TempDir()}
	n.options = func(department int, o *Options) { o.CacheDir = caches[department] }
	n.cache = t.TempDir()
	n.startAll()
	n.mustAnswer(n.dial(0))
	other := 1 - n.first()
	if found, _ := filepath.Glob(filepath.Join(caches[other], "*", "*.proving")); len(found) != len(circuits.Statements) {
		t.Errorf("fetched %v", found)
	}
	// Later starts do not wait for the first.
	for i := range n.nodes {
		n.stop(i)
	}
	n.start(other)
	n.logged(other, "msg=ledger ")
	n.start(n.first())
	n.waitReady(other)
	// A cache that was emptied is filled again, one with other keys stays.
	n.stop(other)
	fresh, err := nodetest.Tiny("")
	if err != nil {
		t.Fatal(err)
	}
	caches[other] = t.TempDir()
	if _, err := circuits.Develop(context.Background(), fresh, caches[other], nil); err != nil {
		t.Fatal(err)
	}
	n.start(other)
	n.waitReady(other)
	n.waitReady(n.first())
	n.mustAnswer(n.dial(other))
}

// A full disk ends the node with a sentence, and nothing is lost: with room
// again it goes on where it was.
func TestNodeDiskFull(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("takes seconds of waiting")
	}
	n := newTestNetwork(t, 2)
	small := t.TempDir()
	if err := unix.Mount("tmpfs", small, "tmpfs", 0, "size=512k"); err != nil {
		t.Skip("cannot mount a small file system here: ", err)
	}
	t.Cleanup(func() { unix.Unmount(small, unix.MNT_DETACH) }) // after the nodes have stopped
	node := n.nodes[1]
	node.cfg.Identity = filepath.Join(node.cfg.Dir, "identity.key")
	node.cfg.Dir = small
	n.startAll()
	c := n.dial(0)
	n.mustAnswer(c)
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
	if _, err := n.ask(c, 3*time.Second); err == nil {
		t.Error("a department without a disk took part")
	}
	select {
	case err := <-node.done:
		if err == nil || !strings.Contains(err.Error(), "no space left on the disk") {
			t.Errorf("%v", err)
		}
		node.cancel = nil
	case <-time.After(time.Minute):
		t.Fatalf("the node goes on without a disk\n%s", node.log)
	}
	os.Remove(filler)
	n.start(1)
	n.waitReady(1)
	n.mustAnswer(c)
}
