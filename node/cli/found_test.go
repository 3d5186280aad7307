package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"parley/engine"
	"parley/node/audit"
	"parley/node/cli/rights"
	"parley/node/config"
	"parley/node/failure"
	"parley/node/nodetest"
	"parley/node/nodetest/testnet"
	"parley/node/render"
	"parley/protocols"
)

// digestText is how digests are printed: whole, or their beginning as lists show it.
var digestText = regexp.MustCompile(`\b[0-9a-f]{12,64}\b`)

// digestsIn are the digests of a text, the whole ones in place of their beginnings.
func digestsIn(text string) []string {
	all := digestText.FindAllString(text, -1)
	slices.Sort(all)
	all = slices.Compact(all)
	var out []string
	for i, d := range all {
		if beginning := i+1 < len(all) && strings.HasPrefix(all[i+1], d); !beginning && strings.ContainsAny(d, "abcdef") { // else a number, perhaps
			out = append(out, d)
		}
	}
	return out
}

// TestShowTakesWhatIsPrinted: show knows every digest that the commands, a node's log and its files
// print, by its beginning too, and says what it is and where it stands.
func TestShowTakesWhatIsPrinted(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("a network, and a fit's rounds")
	}
	n := testnet.New(t, 1)
	n.AddAuditor()
	n.StartAll()
	const fit = "SELECT logreg(sex = 'f', age) FROM people"
	printed := printedOf(n, testnet.WageQuestion, testnet.WageQuestion, fit)

	c, out := auditCommand()
	src, pinned, err := c.source(t.Context(), sourceFlags{dir: n.Nodes[0].Config.Dir, network: filepath.Join(n.Nodes[0].Config.Dir, config.NetworkFile)})
	nodetest.Check(t, err)
	defer src.Close()
	kinds := map[string]bool{}
	for _, digest := range append(digestsIn(printed), unprintedOf(t, src)...) {
		if kind := checkShown(t, c, out, src, pinned, digest); kind != "" {
			kinds[kind] = true
			continue
		}
		for line := range strings.Lines(printed) {
			if strings.Contains(line, digest) {
				t.Errorf("%s is printed in %.300s", digest, line)
			}
		}
	}
	for _, kind := range []string{"query", "plan", "certificate", "certificate of # rounds", "epoch", "block #", "state of the ledger after block #", "contribution # of #",
		"decryption share # of #", "key share of an epoch", "the analyst's key for a question", "registration of a table", "content of a table", "entry (ask)",
		"entry (join)", "a member's key", "this network: its id and the ledger's genesis", "founding nonce of this network", "proving keys of this network", "all contributions to a question"} {
		if !kinds[kind] {
			t.Errorf("nothing was shown as %q", kind)
		}
	}
	for name, code := range map[string]string{strings.Repeat("ab", 32): "unknown-digest", "abababab": "unknown-digest", "0123456": "digest",
		"no such digest": "digest", strings.Repeat("0", 65): "digest"} {
		if f := failure.Of(c.show(t.Context(), src, pinned, name)); f.Code != code || f.Hint == "" {
			t.Errorf("%s: %+v", name, f)
		}
	}
}

// checkShown shows a digest by its beginning, in JSON and for people, and returns what it is, with
// # for numbers.
func checkShown(t *testing.T, c *command, out *bytes.Buffer, src audit.Source, pinned *protocols.Network, digest string) string {
	t.Helper()
	var shown struct {
		Digest, Is, Department, Query, Epoch string
		Queries                              []string
		Block                                uint64
		Entries                              []audit.Event
	}
	c.json = true
	if err := c.show(t.Context(), src, pinned, strings.ToUpper(digest[:8])); err != nil {
		t.Error(err)
		return ""
	}
	nodetest.Into(t, out, &shown)
	if !strings.HasPrefix(shown.Digest, digest) || shown.Is == "" {
		t.Errorf("%s shows %+v", digest, shown)
	}
	c.json = false
	nodetest.Check(t, c.show(t.Context(), src, pinned, digest))
	text := out.String()
	out.Reset()
	if lines := strings.Split(text, "\n"); !strings.Contains(text, shown.Digest) || !strings.Contains(unfolded(text), shown.Is) && shown.Digest != shown.Query || len(lines[0]) > 80 && shown.Query == "" {
		t.Errorf("%s: %s", digest, text)
	}
	kind := regexp.MustCompile("[0-9]+").ReplaceAllString(shown.Is, "#")
	ofNetwork := strings.HasSuffix(kind, "network") || strings.Contains(kind, "genesis")
	if !ofNetwork && (shown.Block == 0 && kind != "state of the ledger after block #" || !strings.HasPrefix(kind, "state") && !strings.HasPrefix(kind, "block") && len(shown.Entries) == 0) {
		t.Errorf("%s is in no block, or has no entries: %+v", digest, shown)
	}
	switch {
	case strings.HasPrefix(kind, "contribution"), strings.HasPrefix(kind, "decryption"):
		if len(shown.Queries) != 1 || shown.Department != "a" || shown.Epoch == "" || !strings.Contains(text, "query        "+shown.Queries[0]+"\nstate        released, done\n") {
			t.Errorf("%s: %+v\n%s", digest, shown, text)
		}
	case strings.HasPrefix(kind, "key share"), strings.HasSuffix(kind, "of a table"):
		if shown.Department != "a" || strings.HasPrefix(kind, "key") != (shown.Epoch != "") {
			t.Errorf("%s: %+v", digest, shown)
		}
	case kind == "epoch":
		if shown.Epoch == "" || shown.Department != "" || len(shown.Entries) < 3 || shown.Entries[0].Kind != "epoch-open" {
			t.Errorf("%s: %+v", digest, shown)
		}
	case kind == "plan":
		if len(shown.Queries) != 2 && shown.Query == "" { // one was asked twice
			t.Errorf("%s: %+v", digest, shown)
		}
	}
	return kind
}

// printedOf asks questions and returns all that is printed of a network, which it stops.
func printedOf(n *testnet.Network, questions ...string) string {
	t := n.T
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	var out bytes.Buffer
	c := &command{out: &out, errs: &out, progress: render.NewProgress(io.Discard), parameters: nodetest.Tiny}
	dir := n.Nodes[0].Config.Dir
	network, analyst := filepath.Join(dir, config.NetworkFile), n.AnalystFile()
	asker := askerFlags{node: n.Address(0), identity: analyst}
	live := sourceFlags{nodes: []string{n.Address(0)}, identity: analyst}
	both := func(what string, run func() error) {
		t.Helper()
		for _, c.json = range []bool{false, true} {
			if err := run(); err != nil {
				t.Fatalf("%s: %v", what, err)
			}
		}
	}
	for i, sql := range questions {
		c.json = i%2 == 0
		nodetest.Check(t, c.query(ctx, sql, queryFlags{askerFlags: asker, Question: rights.Question{Purpose: testnet.Purpose}, network: network, cache: testnet.KeysDir(), deadline: time.Minute}))
	}
	both("explain", func() error { return c.explain(ctx, questions[0], explainFlags{node: asker.node, identity: analyst}) })
	both("tables", func() error { return c.listTables(ctx, asker) })
	both("list", func() error { return c.listLedger(ctx, live, audit.Filter{}, false) })
	both("list --all", func() error { return c.listLedger(ctx, live, audit.Filter{}, true) })
	both("show", func() error { return c.showLedger(ctx, live, "last") })
	pair := sourceFlags{nodes: []string{n.Address(0), n.Address(1)}, identity: analyst, network: network}
	both("head", func() error { return c.head(ctx, pair, "", 0) })
	report := n.Report(0)
	raw, err := json.Marshal(report)
	nodetest.Check(t, err)
	fmt.Fprintf(&out, "%s\n%s\n", raw, render.Status(report))
	for i := range n.Nodes {
		n.Stop(i)
	}
	nodetest.Check(t, os.Rename(filepath.Join(dir, "blobs"), filepath.Join(dir, "gone"))) // so that exports name what they lack
	export := filepath.Join(t.TempDir(), "export")
	both("export", func() error { return c.exportTo(ctx, sourceFlags{dir: dir}, export) })
	both("check", func() error { return c.checkFile(export, "", network, false) })
	for line := range strings.Lines(n.Nodes[0].Log.String()) {
		if !strings.Contains(line, "level=DEBUG") {
			out.WriteString(line)
		}
	}
	description, err := os.ReadFile(network)
	nodetest.Check(t, err)
	return out.String() + string(description)
}

// unprintedOf are digests of a ledger's entries that no command prints, but that certificates hold.
func unprintedOf(t *testing.T, src audit.Source) (out []string) {
	t.Helper()
	err := src.Follow(t.Context(), 0, func(records []protocols.Record) error {
		for i := range records {
			body, err := records[i].Entry.Open()
			nodetest.Check(t, err)
			var d engine.Digest
			switch b := body.(type) {
			case *protocols.Register:
				d = protocols.RegistrationDigest(b.Registration)
			case *protocols.KeyAttest:
				d = b.Digest
			case *protocols.Attest:
				d = b.Contributions
			default:
				continue
			}
			out = append(out, d.String())
		}
		return io.EOF
	})
	if err != io.EOF {
		t.Fatal(err)
	}
	return out
}

// TestListAllNamesTables: an entry that registers a table says which, whose, its version and rows.
func TestListAllNamesTables(t *testing.T) {
	n := testnet.New(t, 1)
	n.StartAll()
	c, out := auditCommand()
	live := sourceFlags{nodes: []string{n.Address(0)}, identity: n.AnalystFile()}
	nodetest.Check(t, c.listLedger(t.Context(), live, audit.Filter{Table: "people"}, true))
	var listed struct{ Entries []audit.Event }
	nodetest.Into(t, out, &listed)
	if len(listed.Entries) != 2 || listed.Entries[1].Kind != protocols.KindPublish.String() || listed.Entries[0].Author != "a" || listed.Entries[0].Table != "people" || listed.Entries[0].Version != 1 || listed.Entries[0].Rows != 7 {
		t.Errorf("%+v", listed)
	}
	c.json = false
	nodetest.Check(t, c.listLedger(t.Context(), live, audit.Filter{}, true))
	if !strings.Contains(unfolded(out.String()), " a registers table people, version 1: 7 rows, 3 columns ") {
		t.Error(out)
	}
}
