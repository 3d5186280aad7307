package node

import (
	"bytes"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"parley/engine"
	"parley/node/client"
	"parley/node/config"
	"parley/node/nodetest"
	"parley/node/peers"
	"parley/protocols"
)

// keysDir is shared by all tests of a run: keys are made once.
var keysDir = sync.OnceValue(func() string {
	dir := filepath.Join(os.TempDir(), fmt.Sprintf("parley-test-keys-%d", os.Getuid()))
	return dir
})

// testNetwork is departments in this process, over real TCP on loopback.
type testNetwork struct {
	t       *testing.T
	analyst peers.Identity
	nodes   []*testNode
	options func(department int, o *Options)
	cache   string // of the analyst; keysDir if empty
	// departments come first among the nodes, then auditors.
	departments int
}

type testNode struct {
	cfg    config.Config
	id     peers.Identity
	ready  chan Status
	done   chan error
	cancel context.CancelFunc
	log    *syncBuffer
}

type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *syncBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *syncBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

// newTestNetwork configures departments with a table of some rows each; rows
// may be nil. Nothing is started yet.
func newTestNetwork(t *testing.T, departments int) *testNetwork {
	t.Helper()
	n := &testNetwork{t: t, analyst: nodetest.Identity(t), departments: departments}
	for i := range departments {
		dir := t.TempDir()
		id, err := peers.CreateIdentity(filepath.Join(dir, "identity.key"))
		if err != nil {
			t.Fatal(err)
		}
		file := filepath.Join(dir, "people.csv")
		writeCSV(t, file, i)
		n.nodes = append(n.nodes, &testNode{id: id, log: &syncBuffer{}, cfg: config.Config{
			Name: string(rune('a' + i)), Dir: dir, Listen: nodetest.Loopback, Analysts: []string{n.analyst.Peer()}, Parameters: "tiny", Alone: departments == 1,
			Tables: []config.Table{{Name: "people", Files: []string{file}}},
		}})
	}
	ports := freeAddresses(t, departments)
	for i, node := range n.nodes {
		node.cfg.Listen = ports[i]
		for j, other := range n.nodes {
			if i != j {
				node.cfg.Peers = append(node.cfg.Peers, ports[j]+"/p2p/"+other.id.Peer())
			}
		}
	}
	return n
}

// addAuditor adds a validator that holds no rows. Before anything is started.
func (n *testNetwork) addAuditor() {
	n.t.Helper()
	dir := n.t.TempDir()
	id, err := peers.CreateIdentity(filepath.Join(dir, "identity.key"))
	if err != nil {
		n.t.Fatal(err)
	}
	listen := freeAddresses(n.t, 1)[0]
	auditor := &testNode{id: id, log: &syncBuffer{}, cfg: config.Config{Name: fmt.Sprintf("auditor%d", len(n.nodes)), Dir: dir, Listen: listen,
		Analysts: []string{n.analyst.Peer()}, Parameters: "tiny", Auditor: true}}
	for _, node := range n.nodes {
		node.cfg.Auditors = append(node.cfg.Auditors, listen+"/p2p/"+id.Peer())
		address := node.cfg.Listen + "/p2p/" + node.id.Peer()
		if node.cfg.Auditor {
			auditor.cfg.Auditors = append(auditor.cfg.Auditors, address)
		} else {
			auditor.cfg.Peers = append(auditor.cfg.Peers, address)
		}
	}
	n.nodes = append(n.nodes, auditor)
}

// rowsOf are a department's people: sex, age, wage.
func rowsOf(department int) [][]string {
	rows := [][]string{{"sex", "age", "wage"}}
	for k := range 7 {
		sex := "f"
		if (k+department)%3 == 0 {
			sex = "m"
		}
		rows = append(rows, []string{sex, fmt.Sprint(20 + 7*k + department), fmt.Sprintf("%d.%02d", 90000+1000*k, department)})
	}
	return rows
}

func writeCSV(t *testing.T, path string, department int) {
	t.Helper()
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := csv.NewWriter(f).WriteAll(rowsOf(department)); err != nil {
		t.Fatal(err)
	}
}

func freeAddresses(t *testing.T, count int) []string {
	t.Helper()
	var out []string
	for range count {
		h, err := peers.NewHost(nodetest.Identity(t), nodetest.Loopback, peers.NewRoles(nil), nodetest.Quiet, nil)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, h.Libp2p.Addrs()[0].String())
		defer h.Close()
	}
	return out
}

func (n *testNetwork) start(department int) *testNode {
	n.t.Helper()
	node := n.nodes[department]
	node.ready, node.done = make(chan Status, 1), make(chan error, 1)
	ctx, cancel := context.WithCancel(context.Background())
	node.cancel = cancel
	o, done := n.optionsOf(department), node.done
	go func() { done <- Run(ctx, node.cfg, o) }()
	n.t.Cleanup(func() { n.stop(department) })
	return node
}

func (n *testNetwork) optionsOf(department int) Options {
	node := n.nodes[department]
	o := Options{CacheDir: keysDir(), Logger: slog.New(slog.NewTextHandler(node.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
		Ready: func(s Status) { node.ready <- s }, Hooks: Hooks{Parameters: nodetest.Tiny}}
	if n.options != nil {
		n.options(department, &o)
	}
	return o
}

func (n *testNetwork) stop(department int) {
	node := n.nodes[department]
	if node.cancel == nil {
		return
	}
	node.cancel()
	node.cancel = nil
	select {
	case err := <-node.done:
		if err != nil {
			n.t.Errorf("department %s: %v", node.cfg.Name, err)
		}
	case <-time.After(20 * time.Second):
		n.t.Errorf("department %s does not stop", node.cfg.Name)
	}
}

func (n *testNetwork) startAll() {
	n.t.Helper()
	for i := range n.nodes {
		n.start(i)
	}
	for i := range n.nodes {
		n.waitReady(i)
	}
}

func (n *testNetwork) waitReady(department int) Status {
	n.t.Helper()
	node := n.nodes[department]
	select {
	case s := <-node.ready:
		return s
	case err := <-node.done:
		node.cancel = nil
		n.t.Fatalf("department %s ended: %v\n%s", node.cfg.Name, err, node.log)
	case <-time.After(time.Minute):
		n.t.Fatalf("department %s is not ready\n%s", node.cfg.Name, node.log)
	}
	return Status{}
}

func (n *testNetwork) dial(department int) *client.Client {
	n.t.Helper()
	node := n.nodes[department]
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	cache := n.cache
	if cache == "" {
		cache = keysDir()
	}
	c, err := client.Dial(ctx, node.cfg.Listen+"/p2p/"+node.id.Peer(), n.analyst, client.Options{CacheDir: cache, Parameters: nodetest.Tiny})
	if err != nil {
		n.t.Fatalf("%v\n%s", err, node.log)
	}
	n.t.Cleanup(func() {
		if err := c.Close(); err != nil {
			n.t.Error(err)
		}
	})
	return c
}

// present describes the network as its node shows it now.
func present(ctx context.Context, c *client.Client) (*protocols.Network, error) {
	founding, err := c.Network(ctx)
	if err != nil {
		return nil, err
	}
	if n, err := stateAt(c).Described(math.MaxUint64); err == nil {
		return n, nil
	}
	return &founding, nil // a department was voted in whose name nobody knows yet
}

func (n *testNetwork) logs() string {
	var out string
	for _, node := range n.nodes {
		out += "--- " + node.cfg.Name + "\n" + node.log.String()
	}
	return out
}

const wageQuestion = "SELECT sex, count(*), sum(wage), avg(age) FROM people WHERE age >= 30 GROUP BY sex ORDER BY sex"

// Three departments answer an analyst, with the figures of the pooled rows.
func TestNetworkAnswers(t *testing.T) {
	t.Parallel()
	n := newTestNetwork(t, 3)
	n.startAll()
	c := n.dial(1)
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	var steps []string
	pinned, err := present(ctx, c)
	if err != nil {
		t.Fatal(err)
	}
	a, err := c.Ask(ctx, wageQuestion, client.AskOptions{Pinned: pinned, Progress: func(s client.Step) { steps = append(steps, fmt.Sprint(s.Name, s.Department, s.Done, s.Total)) }})
	if err != nil {
		t.Fatalf("%v\n%s", err, n.logs())
	}
	if got, want := resultText(a), pooled(3); got != want {
		t.Errorf("answer %s, want %s", got, want)
	}
	if !a.Verdict.Verified || !a.Verdict.ValueShown || !a.Verdict.DevelopmentKeys {
		t.Errorf("verdict %+v", a.Verdict)
	}
	if len(a.Departments) != 3 || a.Departments[0].Status != "contributed" || a.Departments[0].Peer != n.nodes[0].id.Peer() {
		t.Errorf("departments %+v", a.Departments)
	}
	if a.Seconds.Encryption <= 0 || a.Seconds.ReEncryption <= 0 || a.Seconds.Verifying <= 0 || a.Seconds.Total <= 0 || a.CPUSeconds <= 0 {
		t.Errorf("seconds %+v, cpu %v", a.Seconds, a.CPUSeconds)
	}
	t.Log(a.Seconds, a.CPUSeconds, steps)
	if x, err := c.Explain(ctx, wageQuestion, client.AskOptions{}); err != nil || x.First.Plan != a.Plan.Digest() || len(x.Rounds) != 1 {
		t.Errorf("explained as %+v, %v", x, err)
	}
	var q *client.QueryError
	if _, err := c.Explain(ctx, "SELECT count(*) FROM nobody", client.AskOptions{}); !errors.As(err, &q) || q.Code != engine.CodeTable || q.Position == 0 {
		t.Errorf("an unknown table is explained: %#v", err)
	}
}

// stateAt is the ledger's state as a client has it.
func stateAt(c *client.Client) (state *protocols.State) {
	c.View(func(s *protocols.State) { state = s.Clone() })
	return state
}
