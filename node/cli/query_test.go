package cli

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"parley/node"
	"parley/node/audit"
	"parley/node/config"
	"parley/node/disk"
	"parley/node/failure"
	"parley/node/nodetest"
	"parley/node/nodetest/testnet"
	"parley/node/render"
	"parley/protocols"
)

// told is what the tests read of query --json.
type told struct {
	Rows  [][]string
	Error struct{ Code, Message, Hint string }
}

// TestQueryLooksFirst: with the description of another network, or a certificate's file that cannot
// be written, nothing is asked, and the error says what to do.
func TestQueryLooksFirst(t *testing.T) {
	t.Parallel()
	n := testnet.New(t, 1)
	n.StartAll()
	right := filepath.Join(n.Nodes[0].Config.Dir, config.NetworkFile)
	text, err := os.ReadFile(right)
	nodetest.Check(t, err)
	pinned, err := protocols.ParseNetwork(text)
	nodetest.Check(t, err)
	other := *pinned
	other.Nonce[0] ^= 1
	dir := nodetest.WriteFiles(t, map[string]string{"other.json": string(other.JSON()), "kept": "old", "none.json": "{}"})
	in := func(name string) string { return filepath.Join(dir, name) }
	query := func(network, certificate string) (status int, got told) {
		var out, errs bytes.Buffer
		c := &command{out: &out, errs: &errs, progress: render.NewProgress(&errs), parameters: nodetest.Tiny}
		status = c.run([]string{"query", "--json", "--node", n.Address(0), "--identity", n.AnalystFile(), "--cache", testnet.KeysDir(), "--purpose", testnet.Purpose,
			"--network", network, "--certificate", certificate, "SELECT count(*) FROM people"})
		nodetest.Into(t, &out, &got)
		return status, got
	}
	before := n.Report(0).Ledger.Entries
	type refused struct {
		network, certificate, code string
		status                     int
	}
	cases := []refused{
		{in("other.json"), in("kept"), "network", failure.StatusRefused},
		{in("none.json"), in("kept"), "network", failure.StatusUsage},
		{right, in("no/such/folder"), "certificate", failure.StatusUsage},
		{right, in("kept/file"), "certificate", failure.StatusUsage},
		{right, dir, "certificate", failure.StatusUsage},
	}
	if runtime.GOOS == "linux" { // where a folder takes no file, not even root's
		cases = append(cases, refused{right, "/proc/certificate", "write", failure.StatusRefused})
	}
	for _, tc := range cases {
		status, got := query(tc.network, tc.certificate)
		if status != tc.status || got.Error.Code != tc.code || got.Error.Message == "" || got.Error.Hint == "" {
			t.Errorf("%+v: status %d, %+v", tc, status, got.Error)
		}
		if after := n.Report(0).Ledger.Entries; after != before {
			t.Errorf("%+v: %d entries became %d", tc, before, after)
		}
	}
	if old, err := os.ReadFile(in("kept")); err != nil || string(old) != "old" {
		t.Errorf("the certificate that was there: %q, %v", old, err)
	}
	if status, got := query(right, in("kept")); status != failure.StatusAnswered || len(got.Rows) != 1 || got.Rows[0][0] != "7" {
		t.Errorf("status %d, %+v", status, got)
	}
	if after := n.Report(0).Ledger.Entries; after == before {
		t.Error("an answer, and no entry on the ledger")
	}
}

// TestInterruptWithdraws: Ctrl-C of a query that waits for a department that is stopped withdraws the
// question on the ledger, where show has it so; the next question is answered.
func TestInterruptWithdraws(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("a network of four nodes and a process")
	}
	n := testnet.New(t, 2)
	n.AddAuditor()
	n.AddAuditor() // three of four order entries while a department is stopped
	const stopped = 1
	var hang atomic.Bool
	n.Options = func(department int, o *node.Options) {
		o.Hooks.Machine = func(m protocols.Machine, _ *protocols.Department) protocols.Machine {
			return nodetest.StepFunc(func(e protocols.Event) (protocols.Ready, error) {
				if department == stopped && hang.Load() { // until it is stopped, so that the question is not answered before
					return protocols.Ready{}, nil
				}
				return m.Step(e)
			})
		}
	}
	n.StartAll()
	hang.Store(true)
	self, err := os.Executable()
	nodetest.Check(t, err)
	log, err := os.OpenFile(filepath.Join(t.TempDir(), "log"), os.O_RDWR|os.O_CREATE, disk.FileMode)
	nodetest.Check(t, err)
	defer log.Close()
	var out bytes.Buffer
	asking := exec.Command(self, "query", "--json", "--node", n.Address(0), "--identity", n.AnalystFile(), "--cache", testnet.KeysDir(), "--purpose", testnet.Purpose,
		"--wait", "5m", "--deadline", "5m", testnet.WageQuestion)
	asking.Env = append(os.Environ(), asCommand+"="+tiny)
	asking.Stdout, asking.Stderr = &out, log
	nodetest.Check(t, asking.Start())
	t.Cleanup(func() { _ = asking.Process.Kill() }) // it has ended, unless the test has failed
	said := func() string {
		text, err := os.ReadFile(log.Name())
		nodetest.Check(t, err)
		return string(text)
	}
	reader := n.Dial(2)
	n.Eventually("the question is on the ledger", func() bool { return len(testnet.StateAt(reader).Open()) == 1 })
	n.Stop(stopped)
	name := n.Nodes[stopped].Config.Name
	n.Eventually("the query waits for "+name, func() bool { return strings.Contains(said(), fmt.Sprintf("waiting for %s, not connected", name)) })

	nodetest.Check(t, asking.Process.Signal(os.Interrupt))
	ended := make(chan error, 1)
	go func() { ended <- asking.Wait() }()
	select {
	case <-ended:
	case <-time.After(3 * time.Minute):
		t.Fatalf("an interrupt does not end it\n%s", said())
	}
	var got told
	if err := json.Unmarshal(out.Bytes(), &got); err != nil || asking.ProcessState.ExitCode() != failure.StatusRefused || got.Error.Code != "withdrawn" {
		t.Fatalf("status %d, %+v, %v\n%s", asking.ProcessState.ExitCode(), got, err, said())
	}
	c, shown := auditCommand()
	live := sourceFlags{nodes: []string{n.Address(0)}, identity: n.AnalystFile()}
	nodetest.Check(t, c.showLedger(t.Context(), live, "last"))
	var query struct {
		State    string
		Released bool
		Entries  []audit.Event
	}
	nodetest.Into(t, shown, &query)
	if last := len(query.Entries) - 1; query.State != "withdrawn" || query.Released || last < 0 || query.Entries[last].Kind != "withdraw" {
		t.Errorf("%+v", query)
	}

	hang.Store(false)
	n.Start(stopped)
	n.WaitReady(stopped)
	n.Answers(testnet.WageQuestion)
}
