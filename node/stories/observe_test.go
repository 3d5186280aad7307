package stories

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"parley/circuits"
	"parley/engine"
	"parley/node/peers"
	"parley/protocols"
)

// nodeStatus is what the tests read of `parley node status --json`.
type nodeStatus struct {
	Healthy  bool `json:"healthy"`
	Ready    bool `json:"ready"`
	Open     int  `json:"openQueries"`
	Evidence int  `json:"evidence"`
	Ledger   struct {
		Block     uint64 `json:"block"`
		Entries   uint64 `json:"entries"`
		State     string `json:"state"`
		Connected int    `json:"connected"`
		Quorum    bool   `json:"quorum"`
	} `json:"ledger"`
}

// status asks a running node as its operator would.
func (d *deployment) status(p *nodeProcess) (nodeStatus, error) {
	out, err := d.command(p.user, p.at, p.dir, "node", "status", "--json", "--config", p.config()).Output()
	var s nodeStatus
	if json.Unmarshal(out, &s) != nil || s.Ledger.State == "" {
		return s, fmt.Errorf("the status of %s: %w: %s", p.name, err, out)
	}
	return s, nil
}

func (d *deployment) mustStatus(p *nodeProcess) nodeStatus {
	d.t.Helper()
	s, err := d.status(p)
	if err != nil {
		d.t.Fatalf("%v\n%s", err, p.log)
	}
	return s
}

// eventually waits until something holds, and tells how long that took.
func eventually(t *testing.T, what string, within time.Duration, holds func() bool) time.Duration {
	t.Helper()
	start := time.Now()
	for !holds() {
		if time.Since(start) > within {
			t.Fatalf("not within %s: %s", within, what)
		}
		time.Sleep(100 * time.Millisecond)
	}
	return time.Since(start)
}

// agree waits until all nodes stand at the same block, whose state must then be the same
// everywhere, and returns that.
func (d *deployment) agree() nodeStatus {
	d.t.Helper()
	var at nodeStatus
	eventually(d.t, "all nodes at one block", time.Minute, func() bool {
		all := make([]nodeStatus, len(d.nodes))
		for i, p := range d.nodes {
			var err error
			if all[i], err = d.status(p); err != nil || all[i].Ledger.Block != all[0].Ledger.Block {
				return false
			}
		}
		for i, s := range all {
			if s.Ledger.State != all[0].Ledger.State || s.Ledger.Entries != all[0].Ledger.Entries {
				d.t.Fatalf("at block %d %s has state %s and %d entries, %s has %s and %d", s.Ledger.Block, d.nodes[i].name,
					s.Ledger.State, s.Ledger.Entries, d.nodes[0].name, all[0].Ledger.State, all[0].Ledger.Entries)
			}
		}
		at = all[0]
		return true
	})
	return at
}

// networkOf reads the network's description from a node's folder.
func (d *deployment) networkOf(p *nodeProcess) *protocols.Network {
	d.t.Helper()
	raw, err := os.ReadFile(filepath.Join(p.dir, "data", "network.json"))
	if err != nil {
		d.t.Fatal(err)
	}
	n, err := protocols.ParseNetwork(raw)
	if err != nil {
		d.t.Fatal(err)
	}
	return n
}

// history is a network's ledger, replayed by the test itself.
type history struct {
	state   *protocols.State
	records []protocols.Record
}

// history reads the ledger of each node over libp2p and replays it: all have the same records,
// byte for byte, and the state that follows is the one that they say they have. Call it after
// agree, while nothing is asked.
func (d *deployment) history() history {
	d.t.Helper()
	at := d.agree()
	n := d.networkOf(d.departments[0])
	params, err := circuits.Named(n.Parameters)
	if err != nil {
		d.t.Fatal(err)
	}
	analyst := dialer(d.t, d.analystKey())
	h := history{state: protocols.NewState(n, protocols.SizesOf(params))}
	var first [][]byte
	for i, p := range d.nodes {
		raw := analyst.records(p.address, at.Ledger.Entries)
		if i == 0 {
			first = raw
		}
		if !slices.EqualFunc(raw, first, bytes.Equal) {
			d.t.Fatalf("%s and %s hold different records", p.name, d.nodes[0].name)
		}
	}
	for _, raw := range first {
		r, err := protocols.ParseRecord(raw)
		if err != nil {
			d.t.Fatal(err)
		}
		refused, err := h.state.Order(r)
		if err != nil {
			d.t.Fatal(err)
		}
		if refused != nil {
			d.t.Errorf("record %d convicts its author: %v", r.Number, refused)
		}
		h.records = append(h.records, r)
	}
	if got := h.state.Digest(); fmt.Sprintf("%x", got[:]) != at.Ledger.State {
		d.t.Fatalf("the replayed state is %x, the nodes say %s", got[:], at.Ledger.State)
	}
	return h
}

// once fails if anybody admitted, contributed, attested or shared twice in one query, or if a
// department lacks a step of one that was answered. It counts the answered ones.
func (h history) once(t *testing.T, departments, members int) (answered int) {
	t.Helper()
	steps := map[engine.Digest]map[string]int{}
	note := func(query engine.Digest, r *protocols.Record) {
		if steps[query] == nil {
			steps[query] = map[string]int{}
		}
		step := r.Entry.Kind.String()
		steps[query][step]++
		key := step + " of " + peers.PeerOf(r.Entry.Author)
		if steps[query][key]++; steps[query][key] > 1 {
			t.Errorf("query %s: a second %s", query, key)
		}
	}
	for i := range h.records {
		r := &h.records[i]
		body, err := r.Entry.Open()
		if err != nil {
			t.Fatal(err)
		}
		switch b := body.(type) {
		case *protocols.Admit:
			note(b.Query, r)
		case *protocols.Contribute:
			note(b.Query, r)
		case *protocols.Attest:
			note(b.Query, r)
		case *protocols.ShareCommit:
			note(b.Query, r)
		case *protocols.Done:
			note(b.Query, r)
		}
	}
	for _, query := range slices.SortedFunc(maps.Keys(steps), func(a, b engine.Digest) int { return bytes.Compare(a[:], b[:]) }) {
		s := steps[query]
		if s["done"] == 0 {
			continue
		}
		answered++
		if s["admit"] != departments || s["contribute"] != departments || s["share"] != departments || s["attest"] < departments || s["attest"] > members {
			t.Errorf("query %s was answered after %v", query, s)
		}
	}
	return answered
}

// noSecondShare fails if a node says that one was asked of it or made.
func (d *deployment) noSecondShare() {
	d.t.Helper()
	for _, p := range d.nodes {
		if text := p.log.String(); strings.Contains(text, "second") && strings.Contains(text, "share") {
			d.t.Errorf("%s logs a second share:\n%s", p.name, text)
		}
	}
}
