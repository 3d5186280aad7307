package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"parley/engine"
	"parley/node"
	"parley/node/audit"
	"parley/node/config"
	"parley/node/disk"
	"parley/node/exchange"
	"parley/node/failure"
	"parley/node/nodetest"
	"parley/node/nodetest/testnet"
	"parley/node/render"
	"parley/protocols"
	"parley/protocols/liar"
)

// auditCommand is the command with its output caught.
func auditCommand() (*command, *bytes.Buffer) {
	var out bytes.Buffer
	return &command{out: &out, errs: io.Discard, progress: render.NewProgress(io.Discard), parameters: nodetest.Tiny, json: true}, &out
}

// An auditor reads a running network's ledger, exports it and checks the file;
// then the same from a stopped node's folder.
func TestAuditor(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("a network of four nodes")
	}
	n := testnet.New(t, 3)
	n.AddAuditor()
	n.StartAll()
	n.Answers(testnet.WageQuestion, "SELECT count(*) FROM people")
	c, out := auditCommand()
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Minute)
	defer cancel()
	live := sourceFlags{nodes: []string{n.Address(1)}, identity: n.AnalystFile()}

	first := readLive(n, ctx, c, out, live)
	dir := t.TempDir()
	var wrote audit.Exported
	auditor := sourceFlags{nodes: []string{n.Address(3)}, identity: live.identity} // which holds no shares and no analyst's keys
	nodetest.Check(t, c.exportTo(ctx, auditor, filepath.Join(dir, "live")))
	nodetest.Into(t, out, &wrote)
	if len(wrote.Missing) != 0 || wrote.Blobs != 3+2*(1+3+3) || wrote.Transactions < 30 {
		t.Errorf("export: %+v", wrote)
	}
	id := n.ID()
	checkExports(n, c, out, filepath.Join(dir, "live"), id, 0)

	head, err := audit.CompareHeads(ctx, []string{n.Address(0), n.Address(2)}, n.Analyst, audit.Pins{Genesis: id}, 0)
	if err != nil || head.Block == 0 || len(head.Validators) != 4 || !head.Pinned {
		t.Errorf("%+v, %v", head, err)
	}
	var block audit.Found
	nodetest.Check(t, c.showLedger(ctx, live, head.Hash[:16]))
	if nodetest.Into(t, out, &block); block.Is != fmt.Sprintf("block %d", head.Block) || block.Digest != head.Hash {
		t.Errorf("the block of %+v: %+v", head, block)
	}
	if _, err := audit.CompareHeads(ctx, []string{n.Address(0), n.Address(2)}, n.Analyst, audit.Pins{Genesis: engine.Digest{1}}, 0); err == nil {
		t.Error("another network's id is taken")
	}
	err = c.listLedger(ctx, sourceFlags{dir: n.Nodes[1].Config.Dir}, audit.Filter{}, false)
	if failure := failure.Of(err); failure.Code != "running" {
		t.Errorf("a running node's folder: %v", err)
	}

	readStopped(n, ctx, c, out, first)

	// The folder is none the worse for it.
	n.Start(2)
	n.WaitReady(2)
	n.Answers("SELECT count(*) FROM people WHERE age > 40")
}

// readLive lists, searches and shows what a running node holds, and returns the
// first query.
func readLive(n *testnet.Network, ctx context.Context, c *command, out *bytes.Buffer, live sourceFlags) string {
	t := n.T
	t.Helper()
	var listed struct{ Queries []audit.Query }
	nodetest.Check(t, c.listLedger(ctx, live, audit.Filter{}, false))
	nodetest.Into(t, out, &listed)
	if len(listed.Queries) != 2 || listed.Queries[0].State != "done" || !listed.Queries[0].Released || listed.Queries[0].Table != "people" ||
		listed.Queries[0].Analyst != n.Analyst.Peer() || len(listed.Queries[0].Certificate) != 64 || len(listed.Queries[0].Departments) != 3 {
		t.Errorf("list: %+v", listed)
	}
	first := listed.Queries[0].ID
	nodetest.Check(t, c.listLedger(ctx, live, audit.Filter{Table: "people", Department: "b", Analyst: n.Analyst.Peer(), Text: "AVG("}, false))
	nodetest.Into(t, out, &listed)
	if len(listed.Queries) != 1 || listed.Queries[0].ID != first {
		t.Errorf("search: %+v", listed)
	}
	for _, f := range []audit.Filter{{Table: "none"}, {Department: "x"}, {Analyst: "…00000000"}, {Since: time.Now().Add(time.Hour)}, {Until: time.Unix(0, 0)}} {
		nodetest.Check(t, c.listLedger(ctx, live, f, false))
		nodetest.Into(t, out, &listed)
		if len(listed.Queries) != 0 {
			t.Errorf("%+v finds %+v", f, listed)
		}
	}
	if err := c.listLedger(ctx, live, audit.Filter{Analyst: n.Analyst.Peer()[len(n.Analyst.Peer())-7:]}, false); err == nil {
		t.Error("an analyst is named by fewer than 8 characters, which may be many peers' end")
	}
	var entries struct{ Entries []audit.Event }
	nodetest.Check(t, c.listLedger(ctx, live, audit.Filter{Department: "a"}, true))
	nodetest.Into(t, out, &entries)
	if len(entries.Entries) < 8 || entries.Entries[0].Author != "a" {
		t.Errorf("entries of a: %+v", entries)
	}

	var shown struct {
		Query, Plan, Certificate string
		Entries                  []audit.Event
	}
	nodetest.Check(t, c.showLedger(ctx, live, first[:8]))
	nodetest.Into(t, out, &shown)
	kinds := map[string]int{}
	for _, e := range shown.Entries {
		kinds[e.Kind]++
	}
	if shown.Query != first || kinds["ask"] != 1 || kinds["admit"] != 3 || kinds["contribute"] != 3 || kinds["attest"] < 3 || kinds["share"] != 3 || kinds["done"] != 1 {
		t.Errorf("show: %+v", kinds)
	}
	c.json = false
	nodetest.Check(t, c.showLedger(ctx, live, "last"))
	if text := out.String(); !strings.Contains(text, "SELECT count(*)") || !strings.Contains(text, "commits to 1 decryption share") {
		t.Error(text)
	}
	out.Reset()
	c.json = true
	for _, name := range []string{shown.Plan, shown.Certificate[:12]} {
		var again struct{ Query string }
		nodetest.Check(t, c.showLedger(ctx, live, name))
		nodetest.Into(t, out, &again)
		if again.Query != first {
			t.Errorf("%s shows %s, want %s", name, again.Query, first)
		}
	}
	if err := c.showLedger(ctx, live, "no such query"); err == nil {
		t.Error("a query that is not there is shown")
	}
	return first
}

// readStopped does so with the folder of a node that has stopped.
func readStopped(n *testnet.Network, ctx context.Context, c *command, out *bytes.Buffer, first string) {
	t := n.T
	t.Helper()
	var listed struct{ Queries []audit.Query }
	path := filepath.Join(t.TempDir(), "stopped")
	n.Stop(2)
	stopped := sourceFlags{dir: n.Nodes[2].Config.Dir}
	nodetest.Check(t, c.listLedger(ctx, stopped, audit.Filter{}, false))
	nodetest.Into(t, out, &listed)
	if len(listed.Queries) != 2 || listed.Queries[0].ID != first {
		t.Errorf("list of a folder: %+v", listed)
	}
	nodetest.Check(t, c.exportTo(ctx, stopped, path))
	out.Reset()
	checkExports(n, c, out, path, n.ID(), 2*2) // a node does not keep the others' decryption shares
	if err := c.followLedger(ctx, stopped, false); failure.Of(err).Code != "stopped" {
		t.Errorf("following a stopped node: %v", err)
	}
}

// checkExports checks a good export with each kind of pin.
func checkExports(n *testnet.Network, c *command, out *bytes.Buffer, path string, id engine.Digest, missing int) {
	n.T.Helper()
	network := filepath.Join(n.Nodes[0].Config.Dir, config.NetworkFile)
	for _, pin := range []struct {
		genesis, network string
		status           int
	}{{id.String(), "", 0}, {"", network, 0}, {id.String(), network, 0}, {"", "", failure.StatusNotPinned}, {strings.Repeat("0", 63) + "1", "", failure.StatusRefused}} {
		if missing > 0 {
			if err := c.checkFile(path, pin.genesis, pin.network, true); err != exitStatus(failure.StatusRefused) {
				n.T.Fatalf("complete though it is not: %v", err)
			}
			out.Reset()
		}
		err := c.checkFile(path, pin.genesis, pin.network, missing == 0)
		var got audit.Checked
		nodetest.Into(n.T, out, &got)
		want := fmt.Sprint(exitStatus(pin.status))
		if pin.status == 0 {
			want = "<nil>"
		}
		if fmt.Sprint(err) != want {
			n.T.Fatalf("%+v: %v, %+v", pin, err, got)
		}
		if pin.status == failure.StatusRefused {
			continue
		}
		if got.Verified != (pin.status == 0) || got.Proofs != got.Blobs || got.Proofs < 3+2*7-missing || got.Answered < 2 || got.Epochs != 1 ||
			len(got.Missing) != missing || len(got.Unchecked)+len(got.Deviations)+len(got.Evidence) != 0 || got.Signatures == 0 {
			n.T.Fatalf("%+v", got)
		}
	}
}

// What a department was convicted of stands in the export, and is verified
// again.
func TestAuditorOfLies(t *testing.T) {
	if testing.Short() {
		t.Skip("a network of its own")
	}
	n := testnet.New(t, 3)
	n.AddAuditor()
	n.Options = func(department int, o *node.Options) {
		if department == 1 {
			o.Hooks.Machine = func(m protocols.Machine, d *protocols.Department) protocols.Machine {
				return liar.Wrap(m, d, liar.BadProof)
			}
		}
	}
	n.StartAll()
	if a, err := n.Ask(n.Dial(0), 20*time.Second); err == nil {
		t.Fatalf("an answer: %s", testnet.ResultText(a))
	}
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Minute)
	defer cancel()
	src, err := audit.Dial(ctx, n.Address(0), n.Analyst, nodetest.Tiny)
	nodetest.Check(t, err)
	defer src.Close()
	for {
		var file bytes.Buffer
		_, err = audit.Export(ctx, &file, src, src.Params(), func(uint64, uint64) {})
		nodetest.Check(t, err)
		got := checkBytes(t, file.Bytes(), audit.Pins{Genesis: n.ID()})
		if !got.Verified {
			t.Fatalf("%+v", got)
		}
		if other := checkBytes(t, file.Bytes(), audit.Pins{Genesis: engine.Digest{1}}); other.Verified ||
			!strings.HasPrefix(other.Reason, "the ledger is another network's, "+n.ID().String()+"; pinned is 01") {
			t.Errorf("pinned to another network: %+v", other)
		}
		if len(got.Evidence) == 0 { // the validators still judge
			time.Sleep(200 * time.Millisecond)
			continue
		}
		if e := got.Evidence[0]; len(got.Evidence) != 1 || e.Department != "b" || e.Kind != string(protocols.FaultBadProof) || e.Proof != "verified" ||
			len(got.Deviations) != 1 || got.Answered != 0 || got.Queries != 1 {
			t.Errorf("%+v\n%s", got, n.Logs())
		}
		break
	}
	h, err := audit.ReadHistory(ctx, src, nil, nil)
	if err != nil || len(h.Queries) != 1 || h.Queries[0].State != "accused" || !strings.Contains(h.Queries[0].Reason, "accuses b (bad-proof)") {
		t.Errorf("%+v, %v", h, err)
	}
	showAccused(t, ctx, src)
}

// showAccused finds an accused blob: it is shown as what its department committed to, with who
// accused it of it and who judged.
func showAccused(t *testing.T, ctx context.Context, src audit.Source) {
	t.Helper()
	var accused engine.Digest
	err := src.Follow(ctx, 0, func(records []protocols.Record) error {
		for i := range records {
			if body, _ := records[i].Entry.Open(); records[i].Entry.Kind == protocols.KindAccuse {
				accused = body.(*protocols.Accuse).Blob
				return io.EOF
			}
		}
		return nil
	})
	if err != io.EOF {
		t.Fatal(err)
	}
	f, err := audit.Find(ctx, src, nil, accused.String()[:8])
	nodetest.Check(t, err)
	kinds := map[string]int{}
	for _, e := range f.Entries {
		kinds[e.Kind]++
	}
	if f.Department != "b" || !strings.HasPrefix(f.Is, "contribution 1 of ") || len(f.Queries) != 1 || kinds["contribute"] != 1 || kinds["accuse"] == 0 || kinds["judge"] == 0 {
		t.Errorf("%s: %+v", accused, f)
	}
}

// shortSource is a source that does not hold all of its ledger.
type shortSource struct {
	audit.Source
	extent exchange.Extent
}

func (s shortSource) Extent(context.Context) (exchange.Extent, error) { return s.extent, nil }

// Entries as they come; and nodes that cannot tell the whole history say so.
func TestFollowLedger(t *testing.T) {
	n := testnet.New(t, 1)
	n.StartAll()
	live := sourceFlags{nodes: []string{n.Address(0)}, identity: n.AnalystFile()}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	var out testnet.Log
	c := &command{out: &out, errs: io.Discard, progress: render.NewProgress(io.Discard), parameters: nodetest.Tiny, json: true}
	done := make(chan error, 1)
	go func() { done <- c.followLedger(ctx, live, true) }()
	await := func(text string) {
		t.Helper()
		for until := time.Now().Add(20 * time.Second); !strings.Contains(out.String(), text); time.Sleep(20 * time.Millisecond) {
			if time.Now().After(until) {
				t.Fatalf("no %q in %s", text, out.String())
			}
		}
	}
	await(`"kind":"key-attest"`)
	n.Answers("SELECT count(*) FROM people")
	await(`"kind":"done"`)
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	for i, line := range lines {
		var e audit.Event
		if err := json.Unmarshal([]byte(line), &e); err != nil || e.Number != uint64(i+1) {
			t.Errorf("%v: %s", err, line)
		}
	}

	limit, stop := context.WithTimeout(context.Background(), 3*time.Minute)
	defer stop()
	src, err := audit.Dial(limit, n.Address(0), n.Analyst, nodetest.Tiny)
	nodetest.Check(t, err)
	defer src.Close()
	pruned := shortSource{src, exchange.Extent{FirstBlock: 3, LastBlock: 9, Records: 5}}
	if _, err := audit.Export(limit, io.Discard, pruned, src.Params(), func(uint64, uint64) {}); failure.Of(err).Code != "pruned" {
		t.Errorf("an export without the first block: %v", err)
	}
	joined := shortSource{src, exchange.Extent{FirstBlock: 3, LastBlock: 9, Records: 5, Missing: 2}}
	if _, err := audit.ReadHistory(limit, joined, nil, nil); failure.Of(err).Code != "incomplete" {
		t.Errorf("a history without its beginning: %v", err)
	}
	wrong := sourceFlags{nodes: live.nodes, identity: live.identity, network: filepath.Join(t.TempDir(), "other.json")}
	text, err := os.ReadFile(filepath.Join(n.Nodes[0].Config.Dir, config.NetworkFile))
	nodetest.Check(t, err)
	nodetest.Check(t, os.WriteFile(wrong.network, bytes.Replace(text, []byte(`"name": "parley"`), []byte(`"name": "other"`), 1), disk.FileMode))
	if err := c.listLedger(limit, wrong, audit.Filter{}, false); failure.Of(err).Code != "network" {
		t.Errorf("another network is listed: %v", err)
	}
}

func TestParseWhen(t *testing.T) {
	now := time.Date(2026, 5, 6, 7, 8, 9, 0, time.UTC)
	for text, want := range map[string]time.Time{
		"":                          {},
		"2026-03-31":                time.Date(2026, 3, 31, 0, 0, 0, 0, time.UTC),
		"2026-03-31 10:20:30 UTC":   time.Date(2026, 3, 31, 10, 20, 30, 0, time.UTC),
		"2026-03-31 10:20":          time.Date(2026, 3, 31, 10, 20, 0, 0, time.UTC),
		"2026-03-31T10:20:30+08:00": time.Date(2026, 3, 31, 2, 20, 30, 0, time.UTC),
		"24h":                       now.Add(-24 * time.Hour),
	} {
		if got, err := parseWhen("since", text, now); err != nil || !got.Equal(want) {
			t.Errorf("%q: %v, %v", text, got, err)
		}
	}
	for _, text := range []string{"yesterday", "-3h", "2026-13-01", "0"} {
		if _, err := parseWhen("since", text, now); err == nil {
			t.Errorf("%q is a time", text)
		}
	}
}
