package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"parley/node/client"
	"parley/node/ledger/loopback"
	"parley/node/peers"
	"parley/protocols"
)

// ledgerFigures are the ledger's own costs (README section 3).
type ledgerFigures struct {
	Commits   []commitLatency `json:"commits"`
	Questions []ledgerShare   `json:"questions"`
	Nodes     []nodeCost      `json:"nodes"`
	IdleFor   float64         `json:"idleSeconds"`
}

// commitLatency is the time from appending a transaction until it is ordered, in milliseconds.
// Busy: each is appended when the one before is ordered. Paced: after a pause, in which the
// ledger has come to rest, as in a query.
type commitLatency struct {
	Validators   int     `json:"validators"`
	BusyP50      float64 `json:"busyP50Ms"`
	BusyP95      float64 `json:"busyP95Ms"`
	PacedP50     float64 `json:"pacedP50Ms"`
	PacedP95     float64 `json:"pacedP95Ms"`
	ReceiptBytes int     `json:"receiptBytes"`
}

// ledgerShare is what one question cost on the ledger.
type ledgerShare struct {
	SQL  string  `json:"sql"`
	Wall float64 `json:"wallSeconds"`
	// Waited is how long entries that came through the node with the longest such time were
	// under way until they were ordered: an upper bound of what the ledger adds to the question,
	// since a part of it passes while others still prove.
	Waited           float64 `json:"waitedSeconds"`
	Transactions     int     `json:"transactions"`
	TransactionBytes int     `json:"transactionBytes"`
	ReceiptBytes     int     `json:"receiptBytes"`
}

// nodeCost is one process's.
type nodeCost struct {
	Name     string  `json:"name"`
	MemoryMB float64 `json:"peakMemoryMB"`
	IdleCPU  float64 `json:"idlePercentOfACore"`
}

const (
	commitPause   = 150 * time.Millisecond
	askRepeats    = 3 // of the question whose time on the ledger is measured
	ledgerAsk     = "SELECT sex, count(*) AS persons, avg(age) AS mean_age FROM register GROUP BY sex ORDER BY sex"
	demoDeadline  = 10 * time.Minute
	transactionOf = 1000 // bytes, in commit latencies
)

// commitLatencies measures validators in this process, over libp2p on the loopback interface.
func commitLatencies(ctx context.Context, counts []int, rounds int) ([]commitLatency, error) {
	var out []commitLatency
	for _, n := range counts {
		fmt.Fprintf(os.Stderr, "ledger: commits of %d validators\n", n)
		l, err := commitLatencyOf(ctx, n, rounds)
		if err != nil {
			return nil, fmt.Errorf("%d validators: %w", n, err)
		}
		out = append(out, l)
	}
	return out, nil
}

func commitLatencyOf(ctx context.Context, n, rounds int) (l commitLatency, err error) {
	w, err := loopback.Start(ctx, n)
	if err != nil {
		return l, err
	}
	defer func() { _ = w.Close() }()
	number := 0
	next := func() ([]byte, error) {
		tx := make([]byte, transactionOf)
		number++
		copy(tx, strconv.Itoa(number))
		return tx, w.Append(ctx, number%n, tx)
	}
	series := func(pause time.Duration) (p50, p95 float64, err error) {
		var took []float64
		for range rounds {
			time.Sleep(pause)
			begun := time.Now()
			if _, err := next(); err != nil {
				return 0, 0, err
			}
			took = append(took, float64(time.Since(begun).Microseconds())/1000)
		}
		slices.Sort(took)
		return took[len(took)/2], took[len(took)*95/100], nil
	}
	tx, err := next() // all are connected then
	if err != nil {
		return l, err
	}
	l.Validators = n
	if l.BusyP50, l.BusyP95, err = series(0); err != nil {
		return l, err
	}
	if l.PacedP50, l.PacedP95, err = series(commitPause); err != nil {
		return l, err
	}
	receipt, err := w.Receipt(ctx, 0, tx)
	l.ReceiptBytes = len(receipt)
	return l, err
}

// runLedger measures the ledger under questions, and idle, in the demo's network: three
// departments and an auditor, as processes.
func runLedger(ctx context.Context, persons int, idle time.Duration) (*ledgerFigures, error) {
	out := &ledgerFigures{IdleFor: idle.Seconds()}
	dir, err := os.MkdirTemp("", "parley-bench-")
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	d, err := keepDemo(ctx, dir, persons)
	if err != nil {
		return nil, err
	}
	defer d.stop()
	for range askRepeats {
		q, err := d.ask(ctx, ledgerAsk)
		if err != nil {
			return nil, err
		}
		out.Questions = append(out.Questions, q)
	}
	fmt.Fprintf(os.Stderr, "ledger: an idle network for %s\n", idle)
	before := d.processorSeconds()
	select {
	case <-time.After(idle):
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	after := d.processorSeconds()
	for _, name := range slices.Sorted(maps.Keys(d.nodes)) {
		out.Nodes = append(out.Nodes, nodeCost{Name: name, MemoryMB: peakMemory(d.nodes[name].PID),
			IdleCPU: 100 * (after[name] - before[name]) / idle.Seconds()})
	}
	return out, nil
}

// keptDemo is a demo that stays up after its questions.
type keptDemo struct {
	dir   string
	cmd   *exec.Cmd
	nodes map[string]runningNode
}

type runningNode struct {
	PID     int    `json:"pid"`
	Address string `json:"address"`
	door    struct{ Address, Token string }
}

func keepDemo(ctx context.Context, dir string, persons int) (*keptDemo, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	d := &keptDemo{dir: dir, nodes: map[string]runningNode{}}
	d.cmd = exec.CommandContext(ctx, self, "demo", "--json", "--keep", "--dir", dir, "--persons", strconv.Itoa(persons))
	var out bytes.Buffer
	d.cmd.Stderr = os.Stderr
	stdout, err := d.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := d.cmd.Start(); err != nil {
		return nil, err
	}
	answered := make(chan error, 1)
	go func() {
		var all json.RawMessage
		answered <- json.NewDecoder(io.TeeReader(stdout, &out)).Decode(&all)
		_, _ = io.Copy(io.Discard, stdout)
	}()
	select {
	case err = <-answered:
	case <-time.After(demoDeadline):
		err = fmt.Errorf("the demo did not end in %s", demoDeadline)
	}
	if err == nil {
		err = d.find()
	}
	if err != nil {
		d.stop()
		return nil, err
	}
	return d, nil
}

// find reads where the nodes' doors are, which only this user can.
func (d *keptDemo) find() error {
	doors, err := filepath.Glob(filepath.Join(d.dir, "*", "data", "control.json"))
	if err != nil {
		return err
	}
	for _, path := range doors {
		var n runningNode
		raw, err := os.ReadFile(path)
		if err == nil {
			err = json.Unmarshal(raw, &n.door)
		}
		if err == nil {
			raw, err = n.get("/status")
		}
		if err == nil {
			err = json.Unmarshal(raw, &n)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		d.nodes[filepath.Base(filepath.Dir(filepath.Dir(path)))] = n
	}
	if len(d.nodes) < 2 {
		return fmt.Errorf("the demo has %d nodes", len(d.nodes))
	}
	return nil
}

func (n *runningNode) get(path string) ([]byte, error) {
	q, err := http.NewRequest(http.MethodGet, "http://"+n.door.Address+path, nil)
	if err != nil {
		return nil, err
	}
	q.Header.Set("Authorization", "Bearer "+n.door.Token)
	reply, err := http.DefaultClient.Do(q)
	if err != nil {
		return nil, err
	}
	defer func() { _ = reply.Body.Close() }()
	return io.ReadAll(reply.Body)
}

// appendSeconds is how long a node's entries have waited to be ordered since it started.
func (n *runningNode) appendSeconds() (float64, error) {
	text, err := n.get("/metrics")
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(text)) {
		if value, ok := strings.CutPrefix(line, "parley_ledger_append_seconds_sum "); ok {
			return strconv.ParseFloat(strings.TrimSpace(value), 64)
		}
	}
	return 0, fmt.Errorf("the node has no figure of its entries' time")
}

func (d *keptDemo) waits() (map[string]float64, error) {
	out := map[string]float64{}
	for name, n := range d.nodes {
		var err error
		if out[name], err = n.appendSeconds(); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// ask asks one question as the demo's analyst, and reads what it cost on the ledger.
func (d *keptDemo) ask(ctx context.Context, sql string) (ledgerShare, error) {
	q := ledgerShare{SQL: sql}
	id, err := peers.LoadIdentity(filepath.Join(d.dir, "analyst.key"))
	if err != nil {
		return q, err
	}
	first := d.nodes[slices.Min(slices.Collect(maps.Keys(d.nodes)))]
	analyst, err := client.Dial(ctx, first.Address, id, client.Options{})
	if err != nil {
		return q, err
	}
	defer func() { _ = analyst.Close() }()
	before, err := d.waits()
	if err != nil {
		return q, err
	}
	answer, err := analyst.Ask(ctx, sql, client.AskOptions{Purpose: "measurement"})
	if err != nil {
		return q, err
	}
	after, err := d.waits()
	if err != nil {
		return q, err
	}
	q.Wall = answer.Seconds.Total
	for name := range after {
		q.Waited = max(q.Waited, after[name]-before[name])
	}
	return q, q.measure(answer.Certificate)
}

// measure counts the question's transactions in its certificate.
func (q *ledgerShare) measure(certificate []byte) error {
	c, err := protocols.ParseCertificate(certificate)
	if err != nil {
		return err
	}
	entries := []protocols.Entry{c.Anchor.Entry}
	for _, r := range c.Records {
		switch r.Entry.Kind {
		case protocols.KindAsk, protocols.KindAdmit, protocols.KindContribute, protocols.KindAttest, protocols.KindShare:
			entries = append(entries, r.Entry)
		}
	}
	for _, e := range entries {
		q.Transactions++
		q.TransactionBytes += len(e.Marshal())
	}
	q.ReceiptBytes = len(c.Anchor.Receipt)
	return nil
}

// processorSeconds is each node's user and system time so far.
func (d *keptDemo) processorSeconds() map[string]float64 {
	out := map[string]float64{}
	for name, n := range d.nodes {
		if seconds, err := processSeconds(n.PID); err == nil {
			out[name] = seconds
		}
	}
	return out
}

func (d *keptDemo) stop() {
	_ = d.cmd.Process.Signal(os.Interrupt)
	_ = d.cmd.Wait()
}
