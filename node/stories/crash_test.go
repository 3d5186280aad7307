package stories

import (
	"flag"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"parley/node/nodetest"
)

var (
	kills = flag.Int("kills", 20, "how often TestKillMinusNine kills a node; TestKillMinusNineJoined does a third as often")
	seed  = flag.Uint64("seed", 0, "of TestKillMinusNine; 0 draws one")
)

// TestKillMinusNine kills a random node, the auditor among them, at a random moment of a query
// and starts it again: every query is answered, and rightly, or ends in time; nobody makes a
// second share, no transition is lost or doubled, and all have the same state at the same block.
// The seed is printed and can be given.
func TestKillMinusNine(t *testing.T) {
	binary := parley(t)
	if *seed == 0 {
		*seed = uint64(time.Now().UnixNano())
	}
	t.Logf("seed %d", *seed)
	random := rand.New(rand.NewPCG(*seed, 1))
	d := deploy(t, binary, setup{table: "people", files: hospitals(t)})
	d.startAll()
	begun := time.Now()
	if answer, status, errs := d.query(d.departments[0], incomeSQL); status != 0 || rowsOf(answer) != incomeRows {
		t.Fatalf("before any kill: status %d, %q\n%s", status, rowsOf(answer), errs)
	}
	usual := time.Since(begun) // a kill comes before so long: the fastest question so far
	const deadline = 2 * time.Minute
	answered, during, slowest := 1, 0, time.Duration(0)
	for round := range *kills {
		victim := d.nodes[random.IntN(len(d.nodes))]
		through := d.nodes[(slices.Index(d.nodes, victim)+1+random.IntN(len(d.nodes)-1))%len(d.nodes)]
		moment := time.Duration(random.Int64N(int64(usual)))
		back := make(chan struct{})
		go func() {
			defer close(back)
			time.Sleep(moment)
			victim.kill()
			time.Sleep(300 * time.Millisecond)
			d.start(victim)
		}()
		begun := time.Now()
		answer, status, errs := d.query(through, incomeSQL, "--deadline", deadline.String(), "--wait", deadline.String())
		took := time.Since(begun)
		if moment < took {
			during++
		}
		<-back
		d.await(victim)
		switch {
		case status == 0 && rowsOf(answer) == incomeRows:
			answered, slowest, usual = answered+1, max(slowest, took), min(usual, took)
		case status == 0:
			t.Fatalf("round %d: a wrong answer: %q", round, rowsOf(answer))
		default:
			t.Logf("round %d: %s was killed after %s, no answer: %+v\n%s", round, victim.name, moment, answer.Error, errs)
		}
		if took > deadline+10*time.Second {
			t.Errorf("round %d: the question ended after %s, its deadline was %s", round, took, deadline)
		}
		t.Logf("round %d: %s killed after %.1f s, asked through %s, %.1f s", round, victim.name, moment.Seconds(), through.name, took.Seconds())
	}
	h := d.history()
	if got := h.once(t, len(d.departments), len(d.nodes)); got != answered {
		t.Errorf("%d queries were answered, the ledger has %d", answered, got)
	}
	if answered < *kills+1 {
		t.Errorf("%d of %d queries were lost though the killed node came back at once", *kills+1-answered, *kills+1)
	}
	d.noSecondShare()
	at := d.agree()
	if at.Evidence != 0 {
		t.Errorf("%d deviations are on record, and nobody lied", at.Evidence)
	}
	t.Logf("%d kills, %d of them during the question: %d queries answered, the fastest in %.1f s, the slowest in %.1f s; all at block %d, %d entries, state %s",
		*kills, during, answered, usual.Seconds(), slowest.Seconds(), at.Ledger.Block, at.Ledger.Entries, at.Ledger.State)
}

// resumeIn is how soon a ledger that lost its quorum, and has an entry waiting, goes on once it is back.
const resumeIn = 10 * time.Second

// TestNodesDown: without the auditor queries go on. With another one down nothing is
// committed and nothing wrong is answered; with three again the ledger goes on soon, and with
// four the next question is answered.
func TestNodesDown(t *testing.T) {
	binary := parley(t)
	d := deploy(t, binary, setup{table: "people", files: hospitals(t)})
	d.startAll()
	right := func(when string, through *nodeProcess) {
		t.Helper()
		begun := time.Now()
		answer, status, errs := d.query(through, incomeSQL, "--wait", "1m")
		if status != 0 || rowsOf(answer) != incomeRows {
			t.Fatalf("%s: status %d, %q, %+v\n%s", when, status, rowsOf(answer), answer.Error, errs)
		}
		t.Logf("%s: answered in %.1f s", when, time.Since(begun).Seconds())
	}
	east, north, west := d.departments[0], d.departments[1], d.departments[2]
	right("all four up", east)
	d.auditor.kill()
	right("the auditor down", east)
	right("the auditor down, again", north)

	west.kill()
	eventually(t, "two notice that the quorum is lost, and have what was committed before", 30*time.Second, func() bool {
		a, b := d.mustStatus(east).Ledger, d.mustStatus(north).Ledger
		return !a.Quorum && !b.Quorum && a.Block == b.Block && a.Entries == b.Entries && a.State == b.State
	})
	before := d.mustStatus(east)
	answer, status, _ := d.query(east, incomeSQL, "--deadline", "10s")
	if status == 0 || answer.Error == nil {
		t.Fatalf("two of four down, and there is an answer: %q", rowsOf(answer))
	}
	t.Logf("two of four down: %s: %s", answer.Error.Code, answer.Error.Message)
	// Something has to wait for a block, and no question is sent while a contributor is down.
	vote := d.command(east.user, east.at, east.dir, "vote", "--config", east.config(), "add", "--role", "auditor", nodetest.Identity(t).Peer())
	if out, err := vote.CombinedOutput(); err == nil {
		t.Errorf("two of four down, and a vote is ordered: %s", out)
	}
	for _, p := range []*nodeProcess{east, north} {
		after := d.mustStatus(p)
		if after.Ledger.Block != before.Ledger.Block || after.Ledger.Entries != before.Ledger.Entries || after.Ledger.State != before.Ledger.State {
			t.Errorf("%s committed block %d without a quorum, after block %d", p.name, after.Ledger.Block, before.Ledger.Block)
		}
		if after.Healthy {
			t.Errorf("%s calls itself healthy", p.name)
		}
	}

	begun := time.Now()
	d.start(d.auditor)
	connected := eventually(t, "a quorum is connected", 3*time.Minute, func() bool { return d.mustStatus(east).Ledger.Quorum })
	eventually(t, "a block", time.Minute, func() bool { return d.mustStatus(east).Ledger.Block > before.Ledger.Block })
	resumed := time.Since(begun)
	t.Logf("the third of four was started again: connected after %.1f s, the next block after %.1f s", connected.Seconds(), resumed.Seconds())
	if resumed-connected > resumeIn {
		t.Errorf("the ledger went on %s after the quorum's return", resumed-connected)
	}
	d.start(west)
	d.await(west)
	right("all four up again", west)
	h := d.history()
	h.once(t, len(d.departments), len(d.nodes))
	d.noSecondShare()
}
