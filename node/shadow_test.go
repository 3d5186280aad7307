package node_test

import (
	"bytes"
	"context"
	"errors"
	"math/big"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"parley/engine"
	"parley/node"
	"parley/node/client"
	"parley/node/config"
	"parley/node/nodetest"
	"parley/node/nodetest/testnet"
	"parley/node/shadow"
	"parley/protocols"
)

// sent records the blobs that each department's node serves, by their sizes.
type sent struct {
	mu    sync.Mutex
	of    map[int]map[uint64]int
	sizes protocols.Sizes
}

func (s *sent) observe(department int) func(string, string, bool, []byte) {
	return func(_, protocol string, outgoing bool, payload []byte) {
		var reply struct {
			_      struct{} `cbor:",toarray"`
			Status uint8
			Served []byte
		}
		if !outgoing || !strings.Contains(protocol, "/blob/") || engine.Unmarshal(payload, &reply) != nil {
			return
		}
		if served, err := protocols.ParseServed(reply.Served); err == nil {
			s.mu.Lock()
			defer s.mu.Unlock()
			if s.of[department] == nil {
				s.of[department] = map[uint64]int{}
			}
			s.of[department][served.Size]++
		}
	}
}

// parts are how many contributions and shares a department has served.
func (s *sent) parts(department int) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.of[department][uint64(s.sizes.Contribution)] + s.of[department][uint64(s.sizes.Share)]
}

// TestShadowMode: a department in shadow mode refuses, before anybody contributes, what asks for its rows; it serves no
// contribution and no share, its cells are in no message, log or file, and its operator reads what it would have sent. With
// shadow_values its own file alone has the cells. Without shadow mode, after a restart, it answers.
func TestShadowMode(t *testing.T) {
	if testing.Short() {
		t.Skip("a network of its own")
	}
	t.Parallel()
	n := testnet.New(t, 3)
	var w wire
	params, err := nodetest.Tiny("tiny")
	nodetest.Check(t, err)
	sizes := protocols.SizesOf(params)
	blobs := &sent{of: map[int]map[uint64]int{}, sizes: sizes}
	n.Options = func(department int, o *node.Options) {
		count := blobs.observe(department)
		o.Observe = func(peer, protocol string, outgoing bool, payload []byte) {
			w.observe(peer, protocol, outgoing, payload)
			count(peer, protocol, outgoing, payload)
		}
	}
	cell := shadowed(n)
	n.Nodes[0].Config.Shadow = true
	n.StartAll()
	c := n.Dial(1)
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	const sql = "SELECT sex, sum(wage) FROM people GROUP BY sex"
	refused := func() {
		t.Helper()
		_, err := c.Ask(ctx, sql, testnet.Asking(client.AskOptions{Deadline: 30 * time.Second, Wait: 30 * time.Second}))
		var q *client.QueryError
		if !errors.As(err, &q) || q.Code != protocols.CodeShadow || !slices.Equal(q.Departments, []string{"a"}) || !strings.Contains(q.Sentence, "shadow mode") {
			t.Fatalf("%v\n%s", err, n.Logs())
		}
	}
	refused()
	for i := range n.Nodes {
		if made := blobs.parts(i); made != 0 {
			t.Errorf("department %d has served %d contributions and shares", i, made)
		}
	}
	dir := n.Nodes[0].Config.Dir
	records, damaged, err := shadow.Read(dir)
	if err != nil || damaged != 0 || len(records) != 1 {
		t.Fatalf("%v, %d damaged: %+v", err, damaged, records)
	}
	r := records[0]
	if r.SQL != sql || r.Analyst != n.Analyst.Peer() || !strings.HasPrefix(r.Name, "analyst") || r.Purpose != testnet.Purpose || r.Table != "people" ||
		!slices.Equal(r.Departments, []string{"a", "b", "c"}) || r.Groups != 2 || r.Cells != 4 || r.Ciphertexts < 1 ||
		r.Contribution != int64(r.Ciphertexts*sizes.Contribution) || r.Shares != int64(r.Ciphertexts*sizes.Share) || r.Values != nil {
		t.Errorf("%+v", r)
	}
	if info, err := os.Stat(filepath.Join(dir, shadow.File)); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v: %v", info.Mode(), err)
	}
	if report := n.Report(0); !report.Shadow || !report.Healthy || n.Report(1).Shadow {
		t.Errorf("%+v", report)
	}
	n.Logged(0, "shadow mode")
	holdsNot := func(v *big.Int) {
		t.Helper()
		for how, pattern := range spellings(v) {
			if w.holds(pattern) || bytes.Contains([]byte(n.Logs()), pattern) {
				t.Errorf("%s is on the wire or in a log (%s)", v, how)
			}
		}
	}
	holdsNot(cell)
	folderHolds(t, dir, map[string][]byte{"text": []byte(cell.String())})

	// What the others hold is answered with its help.
	_, err = c.Ask(ctx, sql, testnet.Asking(client.AskOptions{Departments: []string{"b", "c"}, Deadline: 3 * time.Minute, Wait: 2 * time.Minute}))
	if err != nil {
		t.Fatalf("%v\n%s", err, n.Logs())
	}
	if blobs.parts(1) == 0 {
		t.Error("contributions are not counted")
	}

	restart := func(change func(*config.Config)) {
		t.Helper()
		n.Stop(0)
		change(&n.Nodes[0].Config)
		n.Start(0)
		n.WaitReady(0)
	}
	restart(func(c *config.Config) { c.ShadowValues = true })
	refused()
	if records, _, err = shadow.Read(dir); err != nil || len(records) != 2 || !slices.Contains(records[1].Values, cell.String()) {
		t.Errorf("%v: %+v", err, records)
	}
	holdsNot(cell)
	for _, other := range n.Nodes[1:] {
		folderHolds(t, other.Config.Dir, spellings(cell))
	}
	restart(func(c *config.Config) { c.Shadow, c.ShadowValues = false, false })
	a, err := c.Ask(ctx, sql, testnet.Asking(client.AskOptions{Deadline: 3 * time.Minute, Wait: 2 * time.Minute}))
	if err != nil || len(a.Result.Rows) != 2 {
		t.Fatalf("%v\n%s", err, n.Logs())
	}
}

// shadowed gives the departments tables in which a cell of the first is unmistakable.
func shadowed(n *testnet.Network) *big.Int {
	sum := new(big.Int)
	for i, member := range n.Nodes {
		text := "sex,wage\n"
		for k := range 5 {
			wage := big.NewInt(int64(100_123_456_789_012 + 10_007_003_001*(7*i+k*k*3)))
			text += "f," + wage.String() + "\nm,3\n"
			if i == 0 {
				sum.Add(sum, wage)
			}
		}
		table := config.Table{Name: "people", Files: member.Config.Tables[0].Files}
		nodetest.Check(n.T, os.WriteFile(table.Files[0], []byte(text), 0o600))
		member.Config.Tables[0] = testnet.Open(n.T, table)
	}
	return sum
}
