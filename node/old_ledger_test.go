package node_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"parley/node/config"
	"parley/node/journal"
	"parley/node/nodetest/testnet"
)

// journaled are the numbers of the epochs in a stopped department's journal.
func journaled(n *testnet.Network, department int) map[uint64]int {
	n.T.Helper()
	j, err := journal.Open(filepath.Join(n.Nodes[department].Config.Dir, "journal"))
	if err != nil {
		n.T.Fatal(err)
	}
	defer j.Close()
	if left, _ := filepath.Glob(filepath.Join(n.Nodes[department].Config.Dir, "journal", "query-*")); len(left) > 0 {
		n.T.Errorf("%d queries' journals are left", len(left))
	}
	out := map[uint64]int{}
	for _, r := range j.Epochs() {
		out[r.Number]++
	}
	return out
}

// copyLedger copies a stopped department's ledger, but for what it signed
// last, which never comes from a copy.
func copyLedger(t *testing.T, from, to string) {
	t.Helper()
	const signed = "priv_validator_state.json"
	last, err := os.ReadFile(filepath.Join(to, signed))
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	if err := os.RemoveAll(to); err != nil {
		t.Fatal(err)
	}
	if err := os.CopyFS(to, os.DirFS(from)); err != nil {
		t.Fatal(err)
	}
	filepath.WalkDir(to, func(path string, e os.DirEntry, err error) error {
		mode := os.FileMode(0o600)
		if err == nil && e.IsDir() {
			mode = 0o700
		}
		return os.Chmod(path, mode)
	})
	if last != nil {
		if err := os.WriteFile(filepath.Join(to, signed), last, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// A department comes back with a ledger that is older than its journal, with
// none, or with a snapshot that came after it, and meanwhile its epoch goes on,
// or was left by another. What is in use is kept and goes on; what has ended is
// erased; nobody is convicted of anything.
func TestLedgerOlderThanJournal(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("a network of which a department starts six times")
	}
	n := testnet.New(t, 2)
	n.AddAuditor()
	n.AddAuditor() // three of four go on without the department
	n.StartAll()
	other := n.First()
	victim := 1 - other
	member := n.Nodes[victim]
	ledgerDir, old := filepath.Join(member.Config.Dir, "ledger"), filepath.Join(t.TempDir(), "old")
	c := n.Dial(2) // an auditor, which stays
	// rest stops the department once its journals of questions are gone.
	rest := func() {
		t.Helper()
		n.Eventually("the journals of ended questions are gone", func() bool {
			left, _ := filepath.Glob(filepath.Join(member.Config.Dir, "journal", "query-*"))
			return len(left) == 0
		})
		n.Stop(victim)
	}
	n.MustAnswer(c)
	rest()
	copyLedger(t, ledgerDir, old)
	n.Start(victim)
	n.WaitReady(victim)
	n.MustAnswer(c)

	epoch := uint64(1)
	// leftBy has the other department lose its journal, and with it the epoch, while this one is away.
	leftBy := func() {
		t.Helper()
		n.Lose(other, "journal")
		n.Start(other)
		n.Eventually("the epoch is left", func() bool {
			return testnet.StateAt(c).Epoch() == nil
		})
		epoch++
	}
	for _, test := range []struct {
		name string
		back func()
	}{
		{"an old ledger, and the epoch goes on", func() { copyLedger(t, old, ledgerDir) }},
		{"the epoch was left meanwhile", leftBy},
		{"an old ledger, and the epoch after it was left", func() { copyLedger(t, old, ledgerDir); leftBy() }},
		{"no ledger, and the epoch was left", func() { leftBy(); n.Lose(victim, "ledger") }},
		{"a snapshot, and the epoch goes on", func() {
			n.Lose(victim, "ledger")
			member.Config.Genesis, member.Config.Trust = filepath.Join(n.Nodes[other].Config.Dir, config.GenesisFile), n.Trust(other, 3)
		}},
	} {
		rest() // nothing, but the first time
		before := journaled(n, victim)
		test.back()
		n.Start(victim)
		n.WaitReady(victim)
		n.Formed(epoch, other, victim, 2, 3)
		n.MustAnswer(c)
		rest()
		after := journaled(n, victim)
		if got, version, evidence := n.Standing(c, member.Config.Name); got != epoch || version != 1 || evidence != 0 {
			t.Fatalf("%s: epoch %d, want %d, table version %d, %d deviations\n%s", test.name, got, epoch, version, evidence, member.Log)
		}
		if len(before) != 1 || len(after) != 1 || after[epoch] == 0 {
			t.Errorf("%s: journaled of epochs before %v, after %v", test.name, before, after)
		}
	}
	if !strings.Contains(member.Log.String(), "joined from a snapshot") {
		t.Error("it did not join from a snapshot: this is no test of it")
	}
}
