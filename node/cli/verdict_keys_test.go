package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"parley/node"
	"parley/node/audit"
	"parley/node/client"
	"parley/node/config"
	"parley/node/exchange"
	"parley/node/failure"
	"parley/node/ledger"
	"parley/node/nodetest"
	"parley/node/nodetest/testnet"
	"parley/node/peers"
	"parley/node/render"
	"parley/protocols"
)

// verifier verifies against a pinned description in a file.
func verifier(n *testnet.Network, path string) *protocols.Verifier {
	n.T.Helper()
	pin, err := readNetwork(path)
	nodetest.Check(n.T, err)
	return &protocols.Verifier{Pinned: pin, Receipts: exchange.CheckReceipt, Parameters: nodetest.Tiny}
}

// checkRotated looks, through every command, at a network in which department b
// handed its place over.
func checkRotated(n *testnet.Network, founding *protocols.Verifier, before, after *client.Answer, old, fresh string) {
	t := n.T
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	c, out := auditCommand()
	live := sourceFlags{nodes: []string{n.Address(0)}, identity: n.AnalystFile()}
	dir := t.TempDir()
	later, early := filepath.Join(dir, "later.json"), filepath.Join(dir, "early.json")

	v, err := founding.Verify(after.Certificate)
	if err != nil || v.Verified || v.Pinned || !v.OtherKeys || render.VerdictStatus(v, founding.Pinned) != failure.StatusNotPinned {
		t.Fatalf("%+v %v", v, err)
	}
	shown := render.VerdictOf(v)
	if b := shown.Members[1]; shown.Pinned || b.Name != "b" || b.Peer != fresh || b.Pinned || b.Standing != "rotated" || b.Block == 0 || b.Before != old || !shown.Members[0].Pinned {
		t.Errorf("%+v", shown.Members)
	}
	block := shown.Members[1].Block
	mark := fmt.Sprintf("NOT the pinned key: rotated in block %d from %s", block, old)
	if text := unfolded(render.VerdictText(v, false)); !strings.Contains(text, "departments a, b ("+mark+")") || !strings.Contains(text, "b "+fresh+": "+mark) {
		t.Errorf("%s", text)
	}

	// The description to pin from then on, and the one before.
	var described describedJSON
	nodetest.Check(t, c.describeNetwork(ctx, live, block-1, early))
	nodetest.Into(t, out, &described)
	if text, _ := os.ReadFile(early); !bytes.Equal(text, founding.Pinned.JSON()) || described.Version != 1 || described.At != block-1 {
		t.Errorf("%+v\n%s", described, text)
	}
	nodetest.Check(t, c.describeNetwork(ctx, live, 0, later))
	nodetest.Into(t, out, &described)
	if described.Version != 2 || described.Block != block || described.Members[1].Standing != "rotated" {
		t.Errorf("%+v", described)
	}
	if err := c.describeNetwork(ctx, live, 1<<40, later); failure.Of(err).Code != "block" {
		t.Errorf("a block that is not there yet: %v", err)
	}
	pinned := verifier(n, later)
	if v, err := pinned.Verify(after.Certificate); err != nil || !v.Verified || render.VerdictStatus(v, pinned.Pinned) != failure.StatusAnswered || !strings.Contains(unfolded(render.VerdictText(v, false)), "pinned; rotated in block") {
		t.Errorf("%+v %v", v, err)
	}
	if v, err := pinned.Verify(before.Certificate); err != nil || v.Verified || !v.OtherKeys || !strings.Contains(unfolded(render.VerdictText(v, false)), "b (NOT the pinned key)") {
		t.Errorf("the first key's certificate: %+v %v", v, err)
	}
	wrong := filepath.Join(dir, "wrong.json")
	forged := *pinned.Pinned
	membership := *forged.Later
	membership.Departments = []protocols.Member{membership.Departments[0], {Name: "b", Key: protocols.Key{1}}}
	forged.Later = &membership
	nodetest.Check(t, os.WriteFile(wrong, forged.JSON(), 0o600))

	// The whole ledger.
	export := filepath.Join(dir, "export")
	nodetest.Check(t, c.exportTo(ctx, live, export))
	out.Reset()
	id := founding.Pinned.ID().String()
	for _, tc := range []struct {
		genesis, network string
		status           int
	}{{"", early, failure.StatusNotPinned}, {id, "", failure.StatusNotPinned}, {"", later, 0}, {id, later, 0}, {"", wrong, failure.StatusRefused}, {"", "", failure.StatusNotPinned}} {
		err := c.checkFile(export, tc.genesis, tc.network, false)
		var got audit.Checked
		nodetest.Into(t, out, &got)
		others := tc.status == failure.StatusNotPinned && tc.genesis+tc.network != ""
		if exitOf(err) != tc.status || got.Verified != (tc.status == 0) || got.Pinned != (tc.status == 0) || others != (len(got.OtherKeys) == 1) ||
			others && got.OtherKeys[0] != fmt.Sprintf("b (rotated in block %d)", block) {
			t.Errorf("%+v: %v, %+v", tc, err, got)
		}
		if text := unfolded(checkedText(&got)); others && (!strings.Contains(text, "NOT verified: self-consistent, but not by the pinned keys: b (rotated") || !strings.Contains(text, mark)) {
			t.Errorf("%s", text)
		}
	}

	// The light client, lists, and the node itself.
	nodes := []string{n.Address(0), n.Address(2)}
	for pin, same := range map[*protocols.Network]bool{founding.Pinned: false, pinned.Pinned: true} {
		head, err := audit.CompareHeads(ctx, nodes, n.Analyst, audit.Pins{Network: pin}, 0)
		if err != nil || head.Pinned != same || len(head.OtherKeys) == 0 != same || !same && head.OtherKeys[0] != (audit.NewValidator{Peer: fresh, Block: block}) ||
			!same && !strings.Contains(unfolded(headText(head)), fmt.Sprintf("%s (NOT pinned: voted in in block %d)", fresh, block)) {
			t.Errorf("%+v %v", head, err)
		}
	}
	for path, same := range map[string]bool{early: false, later: true} {
		live.network = path
		var listed struct{ Queries []*audit.Query }
		nodetest.Check(t, c.listLedger(ctx, live, audit.Filter{}, false))
		nodetest.Into(t, out, &listed)
		last := listed.Queries[len(listed.Queries)-1]
		if b := last.Keys[1]; b.Peer != fresh || b.Pinned != same || b.Standing != "rotated" || listed.Queries[0].Keys[1].Peer != old || listed.Queries[0].Keys[1].Pinned == same {
			t.Errorf("%+v", last)
		}
		if text := unfolded(render.Queries(listed.Queries, true)); strings.Contains(text, "a, b ("+mark+")") == same {
			t.Errorf("%s", text)
		}
	}
	report := n.Report(0)
	if m := report.Members[1]; m.Peer != fresh || m.Standing != fmt.Sprintf("rotated in block %d from %s", block, old) || !strings.Contains(unfolded(render.Status(report)), m.Standing) {
		t.Errorf("%+v", m)
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
		var h audit.Head
		h.Compare(tc.pins, founding, tc.got)
		if h.Pinned != tc.pinned || len(h.OtherKeys) != tc.others || len(h.Validators) != len(tc.got.Validators) {
			t.Errorf("%s: %+v", name, h)
		}
	}
}

// A department's identity is replaced by a vote: it goes on under its name with
// another key, its tables stay registered, and the old key is a stranger's.
func TestRotate(t *testing.T) {
	if testing.Short() {
		t.Skip("a second life of a department")
	}
	n := testnet.New(t, 2)
	n.AddAuditor()
	n.StartAll()
	before := n.MustAnswer(n.Dial(0))
	founding := verifier(n, filepath.Join(n.Nodes[0].Config.Dir, config.NetworkFile))
	if v, err := founding.Verify(before.Certificate); err != nil || !v.Verified {
		t.Fatalf("%+v %v", v, err)
	}
	old := n.Nodes[1]
	dir := t.TempDir()
	id, err := peers.CreateIdentity(filepath.Join(dir, "identity.key"))
	if err != nil {
		t.Fatal(err)
	}
	rotate := node.VoteRequest{Action: "rotate", Role: config.RoleDepartment, Peer: old.Identity.Peer(), To: id.Peer()}
	if r := n.Vote(rotate, 0, 2); r.Done || r.Votes != 2 || r.Need != 3 || !r.Handover {
		t.Fatalf("two of three votes: %+v", r)
	}
	if r := n.Vote(rotate, 1); !r.Done {
		t.Fatalf("three votes: %+v", r)
	}
	select {
	case err := <-old.Done:
		old.Cancel = nil
		if !errors.Is(err, node.ErrExpelled) {
			t.Errorf("the old identity ended with %v", err)
		}
	case <-time.After(time.Minute):
		t.Fatalf("the old identity runs on\n%s", n.Logs())
	}
	// Without the ledger that tells it so, it says what it can see, and is quiet.
	n.Lose(1, "ledger")
	old.Log = &testnet.Log{}
	n.Start(1)
	n.Logged(1, "2 members cut this node off, "+old.Identity.Peer()+". It may have been voted out")
	if r := n.Report(1); r.Healthy || !strings.Contains(r.Reason, "It may have been voted out") {
		t.Errorf("%+v", r)
	}
	n.Stop(1)
	fresh := *old
	fresh.Identity, fresh.Config.Dir, fresh.Log = id, dir, &testnet.Log{}
	fresh.Config.Genesis, fresh.Config.Trust = filepath.Join(n.Nodes[0].Config.Dir, config.GenesisFile), n.Trust(0, 2)
	n.Nodes[1] = &fresh
	n.Rotated(1)
	n.Start(1)
	n.WaitReady(1)
	a := n.MustAnswer(n.Dial(1))
	if a.Departments[1].Name != fresh.Config.Name || a.Departments[1].Peer != id.Peer() || !a.Verdict.Verified {
		t.Errorf("%+v %+v", a.Departments, a.Verdict)
	}
	checkRotated(n, founding, before, a, old.Identity.Peer(), id.Peer())
}

// exitOf is the exit status of a command that ended with err.
func exitOf(err error) int {
	if status, ok := err.(exitStatus); ok {
		return int(status)
	}
	return failure.StatusAnswered
}
