// Package testnet is whole networks in one process: real hosts over TCP on loopback, a real ledger,
// the tiny parameter set. Tests alone import it.
package testnet

import (
	"bytes"
	"context"
	"encoding/csv"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"parley/datasets"
	"parley/engine"
	"parley/node"
	"parley/node/client"
	"parley/node/config"
	"parley/node/nodetest"
	"parley/node/peers"
	"parley/protocols"
	"parley/protocols/mhe/tiny"
)

// KeysDir is shared by all tests of a run: keys are made once.
var KeysDir = sync.OnceValue(func() string {
	dir := filepath.Join(os.TempDir(), fmt.Sprintf("parley-test-keys-%d", os.Getuid()))
	return dir
})

// Network is departments in this process, over real TCP on loopback.
type Network struct {
	T       *testing.T
	Analyst peers.Identity
	Nodes   []*Department
	Options func(department int, o *node.Options)
	Cache   string // of the analyst; keysDir if empty
	// Departments come first among the nodes, then auditors.
	Departments int
	// Closed has no department publish a policy, so that none answers anybody.
	Closed   bool
	vouched  map[string]protocols.PersonRole // by peer id
	stewards map[int]peers.Identity
	opened   map[string]bool // departments and tables that have a policy
}

type Department struct {
	Config   config.Config
	Identity peers.Identity
	Ready    chan node.Status
	Done     chan error
	Cancel   context.CancelFunc
	Log      *Log
	up       bool // WaitReady has seen it ready
}

type Log struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *Log) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *Log) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

// New configures departments with a table of some rows each; rows
// may be nil. Nothing is started yet.
func New(t *testing.T, departments int) *Network {
	t.Helper()
	n := &Network{T: t, Analyst: nodetest.Identity(t), Departments: departments}
	for i := range departments {
		dir := t.TempDir()
		id, err := peers.CreateIdentity(filepath.Join(dir, "identity.key"))
		if err != nil {
			t.Fatal(err)
		}
		file := filepath.Join(dir, "people.csv")
		WriteCSV(t, file, i)
		n.Nodes = append(n.Nodes, &Department{Identity: id, Log: &Log{}, Config: config.Config{
			Name: string(rune('a' + i)), Dir: dir, Listen: nodetest.Loopback, Parameters: "tiny", Alone: departments == 1,
			Tables: []config.Table{Open(t, config.Table{Name: "people", Files: []string{file}})},
		}})
	}
	ports := FreeAddresses(t, departments)
	for i, node := range n.Nodes {
		node.Config.Listen = ports[i]
		for j, other := range n.Nodes {
			if i != j {
				node.Config.Peers = append(node.Config.Peers, ports[j]+"/p2p/"+other.Identity.Peer())
			}
		}
	}
	return n
}

// Join makes the network one that answers joins across departments. Before anything is started.
func (n *Network) Join() {
	for _, node := range n.Nodes {
		node.Config.Parameters, node.Config.Joins = tiny.Joined().Name(), true
	}
}

// Open declares all of a table that can be, as parley try does, and that it is shared with whoever states a purpose:
// without that the others may count its rows and no more, or not even that.
func Open(t testing.TB, table config.Table) config.Table {
	t.Helper()
	read, err := datasets.Describe(t.Context(), table.Name, table.Files, table.Reading())
	if err != nil {
		t.Fatal(err)
	}
	defer read.Close()
	table.Declare(read.Everything())
	table.Class = engine.ClassUnconditional.String()
	return table
}

// AddAuditor adds a validator that holds no rows. Before anything is started.
func (n *Network) AddAuditor() {
	n.T.Helper()
	dir := n.T.TempDir()
	id, err := peers.CreateIdentity(filepath.Join(dir, "identity.key"))
	if err != nil {
		n.T.Fatal(err)
	}
	listen := FreeAddresses(n.T, 1)[0]
	auditor := &Department{Identity: id, Log: &Log{}, Config: config.Config{Name: fmt.Sprintf("auditor%d", len(n.Nodes)), Dir: dir, Listen: listen, Parameters: "tiny", Auditor: true}}
	for _, node := range n.Nodes {
		node.Config.Alone = false
		node.Config.Auditors = append(node.Config.Auditors, listen+"/p2p/"+id.Peer())
		address := node.Config.Listen + "/p2p/" + node.Identity.Peer()
		if node.Config.Auditor {
			auditor.Config.Auditors = append(auditor.Config.Auditors, address)
		} else {
			auditor.Config.Peers = append(auditor.Config.Peers, address)
		}
	}
	n.Nodes = append(n.Nodes, auditor)
}

// RowsOf are a department's people: sex, age, wage.
func RowsOf(department int) [][]string {
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

func WriteCSV(t *testing.T, path string, department int) {
	t.Helper()
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := csv.NewWriter(f).WriteAll(RowsOf(department)); err != nil {
		t.Fatal(err)
	}
}

// FreeAddresses are addresses at which nobody listens.
func FreeAddresses(t *testing.T, count int) []string {
	t.Helper()
	ports, err := peers.FreePorts(count)
	nodetest.Check(t, err)
	out := make([]string, count)
	for i, port := range ports {
		out[i] = fmt.Sprintf("/ip4/127.0.0.1/tcp/%d", port)
	}
	return out
}

func (n *Network) Start(department int) *Department {
	n.T.Helper()
	running := n.Nodes[department]
	running.Ready, running.Done = make(chan node.Status, 1), make(chan error, 1)
	ctx, cancel := context.WithCancel(context.Background())
	running.Cancel = cancel
	o, done := n.OptionsOf(department), running.Done
	go func() { done <- node.Run(ctx, running.Config, o) }()
	n.T.Cleanup(func() { n.Stop(department) })
	return running
}

// OptionsOf are those that a node of the test is started with.
func (n *Network) OptionsOf(department int) node.Options {
	running := n.Nodes[department]
	o := node.Options{CacheDir: KeysDir(), Logger: slog.New(slog.NewTextHandler(running.Log, &slog.HandlerOptions{Level: slog.LevelDebug})),
		Ready: func(s node.Status) { running.Ready <- s }, Hooks: node.Hooks{Parameters: nodetest.Tiny}}
	if n.Options != nil {
		n.Options(department, &o)
	}
	return o
}

func (n *Network) Stop(department int) {
	node := n.Nodes[department]
	if node.Cancel == nil {
		return
	}
	node.Cancel()
	node.Cancel, node.up = nil, false
	select {
	case err := <-node.Done:
		if err != nil {
			n.T.Errorf("department %s: %v", node.Config.Name, err)
		}
	case <-time.After(20 * time.Second):
		n.T.Errorf("department %s does not stop", node.Config.Name)
	}
}

func (n *Network) StartAll() {
	n.T.Helper()
	for i := range n.Nodes {
		n.Start(i)
	}
	all := make([]int, len(n.Nodes))
	for i := range n.Nodes {
		n.awaitReady(i)
		all[i] = i
	}
	n.open(all...)
}

// WaitReady waits until a node is ready, and answers the analyst of the network.
func (n *Network) WaitReady(department int) node.Status {
	n.T.Helper()
	s := n.awaitReady(department)
	n.open(department)
	return s
}

func (n *Network) awaitReady(department int) node.Status {
	n.T.Helper()
	running := n.Nodes[department]
	select {
	case s := <-running.Ready:
		running.up = true
		return s
	case err := <-running.Done:
		running.Cancel = nil
		n.T.Fatalf("department %s ended: %v\n%s", running.Config.Name, err, running.Log)
	case <-time.After(3 * time.Minute):
		n.T.Fatalf("department %s is not ready\n%s", running.Config.Name, running.Log)
	}
	return node.Status{}
}

// Dial connects the analyst to a node.
func (n *Network) Dial(department int) *client.Client {
	n.T.Helper()
	return n.DialAs(department, n.Analyst)
}

// DialAs connects a person to a node.
func (n *Network) DialAs(department int, person peers.Identity) *client.Client {
	n.T.Helper()
	c, err := n.Connect(department, person)
	if err != nil {
		n.T.Fatalf("%v\n%s", err, n.Nodes[department].Log)
	}
	n.T.Cleanup(func() {
		if err := c.Close(); err != nil {
			n.T.Error(err)
		}
	})
	return c
}

// Connect connects a person to a node, which may not let it in.
func (n *Network) Connect(department int, person peers.Identity) (*client.Client, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	cache := n.Cache
	if cache == "" {
		cache = KeysDir()
	}
	return client.Dial(ctx, n.Address(department), person, client.Options{CacheDir: cache, Parameters: nodetest.Tiny})
}

func (n *Network) Logs() string {
	var out string
	for _, node := range n.Nodes {
		out += "--- " + node.Config.Name + "\n" + node.Log.String()
	}
	return out
}
