package node_test

import (
	"context"
	"errors"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"parley/engine"
	"parley/node"
	"parley/node/client"
	"parley/node/nodetest"
	"parley/node/nodetest/testnet"
	"parley/protocols"
)

// hanging lets a department's machines do nothing while it is set.
func hanging(n *testnet.Network, department int) *atomic.Bool {
	hang := new(atomic.Bool)
	n.Options = func(d int, o *node.Options) {
		if d != department {
			return
		}
		o.Hooks.Machine = func(m protocols.Machine, _ *protocols.Department) protocols.Machine {
			return nodetest.StepFunc(func(e protocols.Event) (protocols.Ready, error) {
				if hang.Load() {
					return protocols.Ready{}, nil
				}
				return m.Step(e)
			})
		}
	}
	return hang
}

// whileWaiting are the steps of a question that waits for somebody.
func whileWaiting(tell func([]client.Absent)) client.AskOptions {
	return testnet.Asking(client.AskOptions{Deadline: time.Minute, Progress: func(s client.Step) {
		if s.Name == client.StepWaiting {
			tell(s.Absent)
		}
	}})
}

// TestStoppedDepartment: a department that is stopped is named at once, before anything is asked of
// the others; a question that waits for it is answered when it is back; one that it leaves is
// withdrawn.
func TestStoppedDepartment(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("a network of which a department stops twice")
	}
	n := testnet.New(t, 3)
	n.AddAuditor() // with one of three validators down, nothing would be ordered
	const absent = 1
	name := n.Nodes[absent].Config.Name
	hang := hanging(n, absent)
	n.StartAll()
	c := n.Dial(0)
	n.MustAnswer(c)
	n.Stop(absent)

	before := testnet.StateAt(c).Applied()
	start := time.Now()
	_, err := n.Ask(c, 30*time.Second)
	var q *client.QueryError
	if !errors.As(err, &q) || q.Code != "unavailable" || !slices.Equal(q.Departments, []string{name}) || q.Hint == "" {
		t.Fatalf("%#v, want an error that names %s\n%s", err, name, n.Logs())
	}
	t.Logf("after %v: %s", time.Since(start), q.Sentence)
	if d := time.Since(start); d > 20*time.Second { // of a deadline of 30 s
		t.Errorf("named after %v", d)
	}
	if after := testnet.StateAt(c).Applied(); after != before {
		t.Errorf("%d entries for a question that was not asked", after-before)
	}

	started := false
	o := whileWaiting(func(missing []client.Absent) {
		if len(missing) == 1 && missing[0].Name == name && missing[0].For > 0 && !started {
			started = true
			go n.Start(absent)
		}
	})
	o.Wait = time.Minute
	a, err := c.Ask(context.Background(), testnet.WageQuestion, o)
	if err != nil || !started || testnet.ResultText(a) != testnet.Pooled(3) {
		t.Fatalf("waited %v: %v\n%s", started, err, n.Logs())
	}
	n.WaitReady(absent)

	hang.Store(true)
	var stopped, named time.Time
	o = whileWaiting(func(missing []client.Absent) {
		if len(missing) == 1 && named.IsZero() {
			named = time.Now()
		}
	})
	tell := o.Progress
	o.Progress = func(s client.Step) {
		if tell(s); s.Name == "admitted" && stopped.IsZero() {
			n.Stop(absent)
			stopped = time.Now()
		}
	}
	_, err = c.Ask(context.Background(), testnet.WageQuestion, o)
	if !errors.As(err, &q) || q.Code != "unavailable" || !slices.Equal(q.Departments, []string{name}) {
		t.Fatalf("%#v, want an error that names %s\n%s", err, name, n.Logs())
	}
	if d := named.Sub(stopped); named.IsZero() || d > 20*time.Second {
		t.Errorf("named %v after it stopped", d)
	}
	if open := testnet.StateAt(c).Open(); len(open) != 0 {
		t.Errorf("%d questions are open: %s", len(open), q.Sentence)
	}
	t.Log(q.Sentence)
}

// TestCancelWithdraws: a question whose context ends is withdrawn on the ledger, every department
// stops working on it, and the next one is answered.
func TestCancelWithdraws(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("a network")
	}
	n := testnet.New(t, 2)
	hang := hanging(n, 1)
	n.StartAll()
	c := n.Dial(0)
	hang.Store(true)
	var asked engine.Digest
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	_, err := c.Ask(ctx, testnet.WageQuestion, testnet.Asking(client.AskOptions{Progress: func(s client.Step) {
		if s.Name == "admitted" {
			c.View(func(s *protocols.State) { asked = s.Open()[0] })
			cancel()
		}
	}}))
	var q *client.QueryError
	if !errors.As(err, &q) || q.Code != "withdrawn" || !errors.Is(err, context.Canceled) {
		t.Fatalf("%#v\n%s", err, n.Logs())
	}
	c.View(func(s *protocols.State) {
		if len(s.Open()) != 0 {
			t.Error("the question is open")
		}
		if q := s.Query(asked); q == nil || q.Phase != protocols.PhaseWithdrawn {
			t.Errorf("it is %+v", q)
		}
	})
	hang.Store(false)
	n.MustAnswer(c)
}

// TestProofsAreCounted: the steps of a question tell how many of its proofs are made, by
// department.
func TestProofsAreCounted(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("a network")
	}
	n := testnet.New(t, 2)
	counted := make(chan struct{}) // the other department's proofs
	n.Options = func(department int, o *node.Options) {
		if department == 1 {
			o.Hooks.Machine = func(m protocols.Machine, _ *protocols.Department) protocols.Machine {
				return nodetest.StepFunc(func(e protocols.Event) (protocols.Ready, error) {
					if _, ok := e.(protocols.Cells); ok {
						<-counted
					}
					return m.Step(e)
				})
			}
		}
	}
	n.StartAll()
	c := n.Dial(0)
	var steps []client.Step
	a, err := c.Ask(context.Background(), "SELECT age + 0, sum(wage), count(*) FROM people GROUP BY age + 0", testnet.Asking(client.AskOptions{Progress: func(s client.Step) {
		if s.Name != client.StepProving {
			return
		}
		if steps = append(steps, s); s.Proofs[0].Done == s.Proofs[0].Total/2 && s.Proofs[1].Done == 0 {
			select {
			case <-counted:
			default:
				close(counted)
			}
		}
	}}))
	if err != nil {
		t.Fatal(err)
	}
	if len(steps) == 0 {
		t.Fatal("no proofs were counted")
	}
	t.Logf("%+v", steps)
	last := 0
	for _, s := range steps {
		done, total := 0, 0
		for _, p := range s.Proofs {
			done, total = done+p.Done, total+p.Total
			if p.Done < 0 || p.Done > p.Total || p.Total != 2*a.Plan.Ciphertexts() {
				t.Errorf("%+v of %d ciphertexts", p, a.Plan.Ciphertexts())
			}
		}
		if s.Done != done || s.Total != total || len(s.Proofs) != 2 || s.Done < last {
			t.Errorf("%+v after %d", s, last)
		}
		last = s.Done
	}
}
