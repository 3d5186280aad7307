package node_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"parley/node"
	"parley/node/client"
	"parley/node/config"
	"parley/node/nodetest/testnet"
)

// wire records every byte string that crosses between the processes' streams,
// before the transport encrypts it: what a department could read at best.
type wire struct {
	mu    sync.Mutex
	seen  [][]byte
	total int
}

func (w *wire) observe(_, _ string, _ bool, payload []byte) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.seen = append(w.seen, bytes.Clone(payload))
	w.total += len(payload)
}

func (w *wire) holds(pattern []byte) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, p := range w.seen {
		if bytes.Contains(p, pattern) {
			return true
		}
	}
	return false
}

// spellings are the ways in which a number could stand in a message: text, and
// binary in either order.
func spellings(v *big.Int) map[string][]byte {
	big64 := binary.BigEndian.AppendUint64(nil, v.Uint64())
	little := binary.LittleEndian.AppendUint64(nil, v.Uint64())
	return map[string][]byte{
		"text":          []byte(v.String()),
		"big endian":    bytes.TrimLeft(big64, "\x00"),
		"little endian": bytes.TrimRight(little, "\x00"),
	}
}

// No cell of any department, and no row, is on the wire, in a log, or in the
// folder of another department.
func TestWireHoldsNoCell(t *testing.T) {
	if testing.Short() {
		t.Skip("a network of its own")
	}
	t.Parallel()
	n := testnet.New(t, 3)
	var w wire
	n.Options = func(_ int, o *node.Options) { o.Observe = w.observe }
	// Wages whose sums, of each department and of all, are unmistakable: six
	// bytes or twelve digits.
	var cells, rows []*big.Int
	total := new(big.Int)
	for i, member := range n.Nodes {
		text := "sex,wage\nf,1\nf,999999999999999\n" // the bounds are public
		sum := big.NewInt(1 + 999999999999999)
		for k := range 3 {
			wage := big.NewInt(int64(100_123_456_789_012 + 10_007_003_001*(7*i+k*k*3)))
			text += fmt.Sprintf("f,%d\n", wage)
			rows = append(rows, wage)
			sum.Add(sum, wage)
		}
		// A column with few values has a dictionary, which is public: make
		// this one too long for it.
		for k := range 4200 {
			wage := big.NewInt(int64(500_000_000_000_003 + 1_000_003*(k+5000*i)))
			text += fmt.Sprintf("m,%d\n", wage)
		}
		cells = append(cells, sum)
		total.Add(total, sum)
		table := config.Table{Name: "people", Files: member.Config.Tables[0].Files}
		if err := os.WriteFile(table.Files[0], []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		member.Config.Tables[0] = testnet.Open(t, table)
	}
	n.StartAll()
	c := n.Dial(0)
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	a, err := c.Ask(ctx, "SELECT sum(wage) FROM people WHERE sex = 'f'", testnet.Asking(client.AskOptions{Deadline: 3 * time.Minute}))
	if err != nil {
		t.Fatalf("%v\n%s", err, n.Logs())
	}
	if got := testnet.ResultText(a); got != total.String()+" | " {
		t.Fatalf("answer %s, want %s", got, total)
	}
	// The recording works: it holds what is public.
	if !w.holds([]byte("people")) || !w.holds(spellings(big.NewInt(999999999999999))["big endian"]) || w.total < 10_000 {
		t.Fatalf("the recording of %d bytes misses what is public", w.total)
	}
	logs := []byte(n.Logs())
	for _, v := range append(append(cells, rows...), total) {
		for how, pattern := range spellings(v) {
			if w.holds(pattern) {
				t.Errorf("%s is on the wire (%s)", v, how)
			}
			if bytes.Contains(logs, pattern) {
				t.Errorf("%s is in a log (%s)", v, how)
			}
		}
	}
	for i, member := range n.Nodes {
		for j, sum := range cells {
			if i != j {
				folderHolds(t, member.Config.Dir, spellings(sum))
			}
		}
		folderHolds(t, member.Config.Dir, spellings(total))
	}
}

func folderHolds(t *testing.T, dir string, patterns map[string][]byte) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() {
			return err
		}
		data, err := os.ReadFile(path)
		if errors.Is(err, fs.ErrNotExist) {
			return nil // a running node replaces some of its files
		}
		for how, pattern := range patterns {
			if bytes.Contains(data, pattern) {
				t.Errorf("%s holds a cell (%s)", path, how)
			}
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}
