package render

import (
	"strings"
	"testing"
	"time"

	"parley/node"
	"parley/node/build"
	"parley/node/nodetest"
)

// TestStatus: what `node status` prints, whole, within 80 columns but where a word is longer.
func TestStatus(t *testing.T) {
	const id = "12D3KooWGuuqq4Gfw8vXsfTioGLrfmBd4PnoTgZgLniuUW7z4MKb"
	when := time.Date(2026, 11, 29, 8, 0, 0, 0, time.UTC)
	whole := node.Report{
		Status: node.Status{Ready: true, Name: "north", Peer: id, Address: "/ip4/127.0.0.1/tcp/41543/p2p/" + id, Network: strings.Repeat("ab", 32)},
		Build:  build.Info{Commit: strings.Repeat("1f", 20), Time: when, Go: "go1.26.8"}, Role: "department", Healthy: true, Uptime: 3723,
		Caveat: "made with development keys: whoever made them can forge proofs, and read what they hide",
		Warnings: []string{"not for private data: the parameters light are for trying out",
			"/data/people.csv changed on 2026-11-29 08:01:02 UTC, after it was read: answers are over the rows as they were; SIGHUP or a restart registers them anew"},
		Ledger:   node.LedgerReport{Block: 1041, Time: when, Entries: 120, State: strings.Repeat("cd", 32), Validators: 4, Connected: 3, Quorum: true},
		Epoch:    2,
		Open:     1,
		Evidence: 1,
		Tables: []node.TableReport{{Name: "people", Rows: 1204331, Columns: 12, Version: 2, Pending: true, Policy: 3, Rules: 2, Class: "on-condition"}, {Name: "stays", Rows: 1, Columns: 1, Version: 1, Policy: 1, Rules: 1, Class: "unconditional"},
			{Name: "new", Rows: 7, Columns: 3}},
		Analysts: []string{id},
		Members: []node.MemberReport{{Name: "north", Peer: id, Role: "department", Connected: true}, {Peer: id, Role: "department"},
			{Name: "aud\u202eitor", Peer: id, Role: "auditor", Connected: true, Standing: "rotated in block 40 from " + id}},
		Votes: []node.ChangeReport{{Action: "add", Role: "department", Peer: id, By: []node.CastReport{{Name: "north", Peer: id, Block: 1000}}, Need: 3}},
		Disk:  node.DiskReport{Ledger: 12_345_678, Journal: 40_000, Blobs: 9_000_000, Free: 120_000_000_000, Size: 500_000_000_000}, Blobs: 12, BlobBytes: 9_000_000,
		Memory: 210_000_000,
	}
	ill := whole
	ill.Healthy, ill.Reason = false, "1 of the ledger's 4 validators are connected, more than two thirds are needed: waiting for south, west, "+id
	ill.Ledger.Block, ill.Epoch, ill.Build = 0, 0, build.Info{Go: "go1.26.8"}
	starting := node.Report{Status: node.Status{Name: "north", Address: "/ip4/127.0.0.1/tcp/41543/p2p/" + id}, Role: "department", Starting: true, Uptime: 61,
		Reason: "the network is not founded yet: 1 of its 3 members are here, and more than two thirds are needed: waiting for " + id}
	for name, r := range map[string]node.Report{"status": whole, "status-ill": ill, "status-starting": starting} {
		nodetest.Golden(t, name, Status(r), id)
	}
}
