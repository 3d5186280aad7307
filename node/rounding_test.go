package node_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
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

// stopsInAnswers lets a department's machines do nothing more while an answer that rests on a screening is open, while it is set.
func stopsInAnswers(n *testnet.Network, department int) *atomic.Bool {
	armed := new(atomic.Bool)
	n.Options = func(d int, o *node.Options) {
		if d != department {
			return
		}
		o.Hooks.Machine = func(m protocols.Machine, of *protocols.Department) protocols.Machine {
			return nodetest.StepFunc(func(e protocols.Event) (protocols.Ready, error) {
				for _, id := range of.State.Open() {
					if armed.Load() && of.State.Query(id).Screen() != nil {
						return protocols.Ready{}, nil
					}
				}
				return m.Step(e)
			})
		}
	}
	return armed
}

// queryFiles are the files of queries in a department's journal.
func queryFiles(n *testnet.Network, department int) (files []string) {
	n.T.Helper()
	entries, err := os.ReadDir(filepath.Join(n.Nodes[department].Config.Dir, "journal"))
	nodetest.Check(n.T, err)
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), "query-") {
			files = append(files, e.Name())
		}
	}
	return files
}

// counted is bySex over the pooled rows, by a loop, as ONS 10-5 shows it.
func counted() string {
	pooled := map[string]int{}
	for d := range 3 {
		for _, r := range testnet.RowsOf(d)[1:] {
			pooled[r[0]]++
		}
	}
	text := ""
	for _, sex := range []string{"f", "m"} {
		if n := pooled[sex]; n >= 10 {
			text += fmt.Sprintf("%s %d | ", sex, (n+2)/5*5)
		}
	}
	return text
}

// TestRoundedOfNetwork: by ONS 10-5 three departments answer with rounded counts over the pooled rows, and refuse sums and rounds in
// words; and a contributor that was stopped between the screening and the answer, and started again, contributes what it opened. When
// the answer is over no journal has that any more.
func TestRoundedOfNetwork(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("a network of three nodes, of which one stops")
	}
	n := testnet.New(t, 3)
	const stopped = 1
	armed := stopsInAnswers(n, stopped)
	n.StartAll()
	for i, name := range []string{"a", "b", "c"} {
		d := testnet.OpenPolicy(name, "people")
		d.Version = 2
		d.Disclosure, _ = engine.Preset("ons-10-5")
		nodetest.Check(t, testnet.Publish(t.Context(), n.DialAs(i, n.Steward(i)), d))
	}
	c := n.Dial(0)
	n.AwaitRules(c, 3, func(d engine.Disclosure) bool { return d.Base == 5 })
	ask := func(sql string) (*client.Answer, error) {
		return c.Ask(context.Background(), sql, testnet.Asking(client.AskOptions{Deadline: 3 * time.Minute, Wait: 2 * time.Minute}))
	}
	want := counted()
	for _, sql := range []string{bySex, "SELECT sex, count(age) FROM people WHERE age > 0 GROUP BY sex"} {
		got, err := ask(sql)
		nodetest.Check(t, err)
		if text := testnet.ResultText(got); text != want || want == "" || got.Result.Rounded != 5 || !got.Plan.Rounds() || len(got.Result.Withheld) == 0 {
			t.Errorf("%s: %s, not %s, rounded to %d", sql, text, want, got.Result.Rounded)
		}
	}
	for sql, says := range map[string]string{
		"SELECT sex, sum(age) FROM people GROUP BY sex": "a sum would undo it",
		"SELECT median(wage) FROM people":               "several rounds",
	} {
		if _, err := ask(sql); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v", sql, err)
		}
	}

	armed.Store(true)
	type answered struct {
		*client.Answer
		error
	}
	ended := make(chan answered, 1)
	go func() {
		a, err := ask(bySex)
		ended <- answered{a, err}
	}()
	n.Eventually("an answer waits for the contributor that does nothing", func() bool {
		s := testnet.StateAt(c)
		open := s.Open()
		return len(open) == 1 && s.Query(open[0]).Screen() != nil && s.Query(open[0]).Phase == protocols.PhaseAdmitting
	})
	if len(queryFiles(n, stopped)) == 0 {
		t.Error("the journal has nothing of the screening")
	}
	n.Stop(stopped)
	armed.Store(false)
	n.Start(stopped)
	n.WaitReady(stopped)
	got := <-ended
	nodetest.Check(t, got.error)
	if text := testnet.ResultText(got.Answer); text != want {
		t.Errorf("%s, not %s", text, want)
	}
	n.OnlyOnce(c, got.Query)
	for i := range n.Nodes {
		n.Eventually("the journals have nothing of it any more", func() bool { return len(queryFiles(n, i)) == 0 })
	}
}
