package node

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"parley/node/audit"
	"parley/node/client"
	"parley/node/exchange"
	"parley/node/failure"
	"parley/node/ledger"
	"parley/node/nodetest"
	"parley/node/peers"
	"parley/protocols"
)

// verifier verifies against a pinned description in a file.
func (n *testNetwork) verifier(path string) *protocols.Verifier {
	n.t.Helper()
	pin, err := readNetwork(path)
	check(n.t, err)
	return &protocols.Verifier{Pinned: pin, Receipts: exchange.CheckReceipt, Parameters: nodetest.Tiny}
}

// checkRotated looks, through every command, at a network in which department b
// handed its place over.
func (n *testNetwork) checkRotated(founding *protocols.Verifier, before, after *client.Answer, old, fresh string) {
	t := n.t
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	c, out := auditCommand()
	live := sourceFlags{nodes: []string{n.address(0)}, identity: n.analystFile()}
	dir := t.TempDir()
	later, early := filepath.Join(dir, "later.json"), filepath.Join(dir, "early.json")

	v, err := founding.Verify(after.Certificate)
	if err != nil || v.Verified || v.Pinned || !v.OtherKeys || verdictStatus(v, founding.Pinned) != error(exitStatus(failure.StatusNotPinned)) {
		t.Fatalf("%+v %v", v, err)
	}
	shown := verdictOf(v)
	if b := shown.Members[1]; shown.Pinned || b.Name != "b" || b.Peer != fresh || b.Pinned || b.Standing != "rotated" || b.Block == 0 || b.Before != old || !shown.Members[0].Pinned {
		t.Errorf("%+v", shown.Members)
	}
	block := shown.Members[1].Block
	mark := fmt.Sprintf("NOT the pinned key: rotated in block %d from %s", block, old)
	if text := verdictText(v); !strings.Contains(text, "departments  a, b ("+mark+")\n") || !strings.Contains(text, "b "+fresh+": "+mark) {
		t.Errorf("%s", text)
	}

	// The description to pin from then on, and the one before.
	var described describedJSON
	check(t, c.describeNetwork(ctx, live, block-1, early))
	into(t, out, &described)
	if text, _ := os.ReadFile(early); !bytes.Equal(text, founding.Pinned.JSON()) || described.Version != 1 || described.At != block-1 {
		t.Errorf("%+v\n%s", described, text)
	}
	check(t, c.describeNetwork(ctx, live, 0, later))
	into(t, out, &described)
	if described.Version != 2 || described.Block != block || described.Members[1].Standing != "rotated" {
		t.Errorf("%+v", described)
	}
	if err := c.describeNetwork(ctx, live, 1<<40, later); failure.Of(err).Code != "block" {
		t.Errorf("a block that is not there yet: %v", err)
	}
	pinned := n.verifier(later)
	if v, err := pinned.Verify(after.Certificate); err != nil || !v.Verified || verdictStatus(v, pinned.Pinned) != nil || !strings.Contains(verdictText(v), "pinned; rotated in block") {
		t.Errorf("%+v %v", v, err)
	}
	if v, err := pinned.Verify(before.Certificate); err != nil || v.Verified || !v.OtherKeys || !strings.Contains(verdictText(v), "b (NOT the pinned key)") {
		t.Errorf("the first key's certificate: %+v %v", v, err)
	}
	wrong := filepath.Join(dir, "wrong.json")
	forged := *pinned.Pinned
	membership := *forged.Later
	membership.Departments = []protocols.Member{membership.Departments[0], {Name: "b", Key: protocols.Key{1}}}
	forged.Later = &membership
	check(t, os.WriteFile(wrong, forged.JSON(), 0o600))

	// The whole ledger.
	export := filepath.Join(dir, "export")
	check(t, c.exportTo(ctx, live, export))
	out.Reset()
	id := founding.Pinned.ID().String()
	for _, tc := range []struct {
		genesis, network string
		status           int
	}{{"", early, failure.StatusNotPinned}, {id, "", failure.StatusNotPinned}, {"", later, 0}, {id, later, 0}, {"", wrong, failure.StatusRefused}, {"", "", failure.StatusNotPinned}} {
		err := c.checkFile(export, tc.genesis, tc.network, false)
		var got audit.Checked
		into(t, out, &got)
		others := tc.status == failure.StatusNotPinned && tc.genesis+tc.network != ""
		if statusOf(err) != tc.status || got.Verified != (tc.status == 0) || got.Pinned != (tc.status == 0) || others != (len(got.OtherKeys) == 1) ||
			others && got.OtherKeys[0] != fmt.Sprintf("b (rotated in block %d)", block) {
			t.Errorf("%+v: %v, %+v", tc, err, got)
		}
		if text := checkedText(&got); others && (!strings.Contains(text, "NOT verified: self-consistent, but not by the pinned keys: b (rotated") || !strings.Contains(text, mark)) {
			t.Errorf("%s", text)
		}
	}

	// The light client, lists, and the node itself.
	nodes := []string{n.address(0), n.address(2)}
	for pin, same := range map[*protocols.Network]bool{founding.Pinned: false, pinned.Pinned: true} {
		head, err := compareHeads(ctx, nodes, n.analyst, audit.Pins{Network: pin}, 0)
		if err != nil || head.Pinned != same || len(head.OtherKeys) == 0 != same || !same && head.OtherKeys[0] != (validatorJSON{fresh, block}) ||
			!same && !strings.Contains(headText(head), fmt.Sprintf("%s (NOT pinned: voted in in block %d)", fresh, block)) {
			t.Errorf("%+v %v", head, err)
		}
	}
	for path, same := range map[string]bool{early: false, later: true} {
		live.network = path
		var listed struct{ Queries []*audit.Query }
		check(t, c.listLedger(ctx, live, audit.Filter{}, false))
		into(t, out, &listed)
		last := listed.Queries[len(listed.Queries)-1]
		if b := last.Keys[1]; b.Peer != fresh || b.Pinned != same || b.Standing != "rotated" || listed.Queries[0].Keys[1].Peer != old || listed.Queries[0].Keys[1].Pinned == same {
			t.Errorf("%+v", last)
		}
		if text := queriesGrid(listed.Queries, true).String(); strings.Contains(text, "a, b ("+mark+")") == same {
			t.Errorf("%s", text)
		}
	}
	report := n.report(0)
	if m := report.Members[1]; m.Peer != fresh || m.Standing != fmt.Sprintf("rotated in block %d from %s", block, old) || !strings.Contains(statusText(report), m.Standing) {
		t.Errorf("%+v", m)
	}
}

// TestMarks: what stands beside a name, for each way to it.
func TestMarks(t *testing.T) {
	key := func(b byte) protocols.Key { return protocols.Key{b} }
	seat := func(pinned bool, left uint64, steps ...protocols.Step) audit.Seat {
		return audit.SeatOf(protocols.Seat{Name: "x", Role: protocols.RoleDepartment, Key: key(1), Steps: steps, Left: left, Pinned: pinned})
	}
	from := " from " + peers.PeerOf(key(2))
	for _, tc := range []struct {
		seat     audit.Seat
		compared bool
		want     string
	}{
		{seat(true, 0), true, ""},
		{seat(false, 0), false, ""},
		{seat(false, 0), true, "NOT the pinned key"},
		{seat(true, 7), true, "removed in block 7"},
		{seat(true, 0, protocols.Step{How: protocols.Rotated, Block: 3, Before: key(2)}), true, "rotated in block 3" + from},
		{seat(false, 0, protocols.Step{How: protocols.Rotated, Block: 3, Before: key(2)}), true, "NOT the pinned key: rotated in block 3" + from},
		{seat(false, 0, protocols.Step{How: protocols.Seized, Block: 3, Before: key(2)}), false, "seized in block 3" + from},
		{seat(false, 0, protocols.Step{How: protocols.Seized, Block: 3, Before: key(2)}, protocols.Step{How: protocols.Rotated, Block: 9, Before: key(4)}), true, "NOT the pinned key: seized in block 3" + from},
		{seat(false, 0, protocols.Step{How: protocols.Replaced, Block: 5, Before: key(2)}), true, "NOT the pinned key: replaced in block 5" + from},
		{seat(false, 0, protocols.Step{How: protocols.Added, Block: 5}), true, "NOT the pinned key: added in block 5"},
		{seat(false, 8, protocols.Step{How: protocols.Added, Block: 5}), true, "NOT the pinned key: added in block 5; removed in block 8"},
	} {
		if got := seatMark(tc.seat, tc.compared); got != tc.want {
			t.Errorf("%q, want %q", got, tc.want)
		}
		if lines := seatLines("keys", []audit.Seat{tc.seat}, tc.compared); strings.Contains(lines, tc.want) != (tc.want != "" || lines == "") {
			t.Errorf("%q", lines)
		}
	}
	e := audit.Event{Author: "x", Peer: peers.PeerOf(key(1)), Seat: "seized in block 3" + from}
	if got := shortAuthor(e); !strings.HasPrefix(got, "x (seized …") {
		t.Error(got)
	}
}

// TestHeadMarks: the light client's validators against each kind of pin.
func TestHeadMarks(t *testing.T) {
	founding := &protocols.Network{Departments: []protocols.Member{{Key: protocols.Key{1}}, {Key: protocols.Key{2}}}}
	later := *founding
	later.Later = &protocols.Membership{Departments: []protocols.Member{{Key: protocols.Key{1}}, {Key: protocols.Key{3}}}}
	one, two, three := protocols.Key{1}, protocols.Key{2}, protocols.Key{3}
	block := func(since uint64, keys ...protocols.Key) ledger.LightBlock {
		out := ledger.LightBlock{}
		for i, k := range keys {
			out.Validators = append(out.Validators, k[:])
			out.Since = append(out.Since, since*uint64(i))
		}
		return out
	}
	for name, tc := range map[string]struct {
		pins   audit.Pins
		got    ledger.LightBlock
		pinned bool
		others int
	}{
		"founders, by id":            {audit.Pins{Genesis: [32]byte{1}}, block(0, one, two), true, 0},
		"founders, by description":   {audit.Pins{Network: founding}, block(0, one, two), true, 0},
		"nothing pinned":             {audit.Pins{}, block(0, one, two), false, 0},
		"another, nothing pinned":    {audit.Pins{}, block(7, one, three), false, 1},
		"another, by id":             {audit.Pins{Genesis: [32]byte{1}}, block(7, one, three), false, 1},
		"another, by description":    {audit.Pins{Network: founding}, block(7, one, three), false, 1},
		"another, pinned later":      {audit.Pins{Network: &later}, block(7, one, three), true, 0},
		"one fewer":                  {audit.Pins{Network: founding}, block(0, one), true, 0},
		"a founder, pinned is later": {audit.Pins{Network: &later}, block(0, one, two), false, 1},
	} {
		var h headJSON
		h.compare(tc.pins, founding, tc.got)
		if h.Pinned != tc.pinned || len(h.OtherKeys) != tc.others || len(h.Validators) != len(tc.got.Validators) {
			t.Errorf("%s: %+v", name, h)
		}
	}
}
