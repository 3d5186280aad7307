package stories

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// segment is an Ethernet of the test's own: a network namespace for each party, and one with
// two bridges, to either of which a party's cable leads. A party that is moved to the other
// bridge is cut off as by a broken line: nothing is closed, nothing arrives.
type segment struct {
	t    *testing.T
	name string
}

// newSegment skips the test where namespaces cannot be made.
func newSegment(t *testing.T, parties int) *segment {
	t.Helper()
	if _, err := exec.LookPath("ip"); err != nil {
		t.Skip("there is no ip command")
	}
	s := &segment{t, fmt.Sprintf("parley%d", os.Getpid())}
	t.Cleanup(func() {
		for i := range parties {
			_ = exec.Command("ip", "netns", "del", s.of(i).namespace).Run()
		}
		_ = exec.Command("ip", "netns", "del", s.hub()).Run()
	})
	try := func(args ...string) {
		t.Helper()
		if out, err := exec.Command("ip", args...).CombinedOutput(); err != nil {
			t.Skipf("cannot make network namespaces here: ip %s: %v: %s", strings.Join(args, " "), err, out)
		}
	}
	try("netns", "add", s.hub())
	for _, bridge := range []string{"main", "other"} {
		try("-n", s.hub(), "link", "add", bridge, "type", "bridge")
		try("-n", s.hub(), "link", "set", bridge, "up")
	}
	for i := range parties {
		at := s.of(i)
		try("netns", "add", at.namespace)
		try("-n", s.hub(), "link", "add", cable(i), "type", "veth", "peer", "name", "eth0", "netns", at.namespace)
		try("-n", s.hub(), "link", "set", cable(i), "up")
		try("-n", at.namespace, "addr", "add", at.ip+"/24", "dev", "eth0")
		try("-n", at.namespace, "link", "set", "eth0", "up")
		try("-n", at.namespace, "link", "set", "lo", "up")
		s.plug("main", i)
	}
	return s
}

func (s *segment) hub() string { return s.name + "hub" }

// of is where a party is; the addresses are those reserved for tests of networks (RFC 2544).
func (s *segment) of(i int) place {
	return place{ip: fmt.Sprintf("198.18.0.%d", 10+i), namespace: fmt.Sprintf("%s-%d", s.name, i)}
}

func cable(i int) string { return fmt.Sprintf("cable%d", i) }

// plug leads parties' cables to a bridge.
func (s *segment) plug(bridge string, parties ...int) {
	s.t.Helper()
	for _, i := range parties {
		if out, err := exec.Command("ip", "-n", s.hub(), "link", "set", cable(i), "master", bridge).CombinedOutput(); err != nil {
			s.t.Fatalf("%v: %s", err, out)
		}
	}
}

// TestPartition cuts nodes off from the others with real network namespaces. Whoever is in the
// minority commits nothing; a majority goes on; with two on either side nobody does. Healed, all
// have the same state again.
func TestPartition(t *testing.T) {
	binary := parley(t)
	const east, west, auditor, analyst = 0, 2, 3, 4
	wires := newSegment(t, 5)
	d := deploy(t, binary, setup{table: "people", files: hospitals(t), place: wires.of})
	d.startAll()
	right := func(when string) {
		t.Helper()
		begun := time.Now()
		answer, status, errs := d.query(d.nodes[east], incomeSQL, "--wait", "1m")
		if status != 0 || rowsOf(answer) != incomeRows {
			t.Fatalf("%s: status %d, %q, %+v\n%s", when, status, rowsOf(answer), answer.Error, errs)
		}
		t.Logf("%s: answered in %.1f s", when, time.Since(begun).Seconds())
	}
	wrong := func(when string, at place, through int) {
		t.Helper()
		answer, status, _ := d.queryFrom(at, d.nodes[through], incomeSQL, "--deadline", "10s")
		if status == 0 || len(answer.Rows) > 0 {
			t.Errorf("%s: answered %q", when, rowsOf(answer))
		}
	}
	heal := func(when string) {
		t.Helper()
		before := d.mustStatus(d.nodes[east]).Ledger.Block
		begun := time.Now()
		wires.plug("main", west, auditor)
		took := eventually(t, "a block after healing", 2*time.Minute, func() bool { return d.mustStatus(d.nodes[east]).Ledger.Block > before })
		at := d.agree()
		t.Logf("%s, healed: the next block after %.1f s, all at block %d with state %.12s… after %.1f s",
			when, took.Seconds(), at.Ledger.Block, at.Ledger.State, time.Since(begun).Seconds())
	}
	right("whole")

	wires.plug("other", auditor)
	alone := d.settled(auditor)
	right("without the auditor")
	d.stands(auditor, alone)
	heal("without the auditor")

	wires.plug("other", west)
	alone = d.settled(west)
	before := d.mustStatus(d.nodes[east])
	wrong("without a department", wires.of(analyst), east)
	if after := d.mustStatus(d.nodes[east]); after.Ledger.Entries <= before.Ledger.Entries {
		t.Errorf("three of four ordered nothing: %d entries before and after", after.Ledger.Entries)
	}
	wrong("in the minority", wires.of(west), west)
	d.stands(west, alone)
	heal("without a department")
	right("whole again")

	wires.plug("other", west, auditor)
	alone = d.settled(west)
	before = d.settled(east)
	wrong("one half", wires.of(analyst), east)
	wrong("the other half", wires.of(west), west)
	d.stands(east, before)
	d.stands(west, alone)
	heal("two and two")
	right("whole at the end")
	d.noSecondShare()
	if at := d.agree(); at.Evidence != 0 {
		t.Errorf("%d deviations are on record, and nobody lied", at.Evidence)
	}
}

// settled is a node's status once what was under way when the line broke has ended: no block came
// for a while, which is long for what is under way.
func (d *deployment) settled(node int) nodeStatus {
	d.t.Helper()
	last, since := d.mustStatus(d.nodes[node]), time.Now()
	eventually(d.t, d.nodes[node].name+" stands", time.Minute, func() bool {
		if now := d.mustStatus(d.nodes[node]); now.Ledger.Block != last.Ledger.Block {
			last, since = now, time.Now()
		}
		return time.Since(since) > 2*time.Second
	})
	return last
}

// stands fails if a node has committed anything since.
func (d *deployment) stands(node int, since nodeStatus) {
	d.t.Helper()
	now := d.mustStatus(d.nodes[node])
	if now.Ledger.Block != since.Ledger.Block || now.Ledger.State != since.Ledger.State {
		d.t.Errorf("%s went from block %d to %d without a quorum", d.nodes[node].name, since.Ledger.Block, now.Ledger.Block)
	}
}
