package node_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"parley/engine"
	"parley/engine/policy"
	"parley/node"
	"parley/node/client"
	"parley/node/config"
	"parley/node/nodetest"
	"parley/node/nodetest/testnet"
	"parley/protocols"
	"parley/protocols/linkage"
)

// joinedTable is a department's table of a network that joins, whose first column names persons.
type joinedTable struct {
	department int
	name       string
	about      config.About
	rows       [][]string // the header first
}

// joinedTables are a register of 44 persons, which is the spine, benefits of two departments, and jobs at one of them, whose operator holds the
// spine to more than it has of them. Persons have several rows; keys are written in several ways, some are NULL, no id, or not on the spine.
func joinedTables() []joinedTable {
	register := joinedTable{0, "register", config.About{Spine: true}, [][]string{{"person_id", "region"}}}
	for i := range 44 {
		register.rows = append(register.rows, []string{number(i), []string{"north", "south"}[i%2]})
	}
	benefits := func(department, from, to int) joinedTable {
		t := joinedTable{department, "benefits", config.About{Of: "register", OfDepartment: "a"}, [][]string{{"person_id", "kind", "amount"}}}
		for i := from; i < to; i++ {
			kind := []string{"rent", "child"}[i/2%2]
			t.rows = append(t.rows, []string{number(i), kind, fmt.Sprint(i*7%40 - 9)})
			if i%3 == 0 {
				t.rows = append(t.rows, []string{" " + strings.ToLower(number(i)), kind, fmt.Sprint(i % 5)})
			}
		}
		return joinedTable{t.department, t.name, t.about, append(t.rows, []string{"", "rent", "31"}, []string{"  ", "child", "-8"}, []string{"nobody", "rent", "17"})}
	}
	jobs := joinedTable{2, "jobs", config.About{Of: "register", OfDepartment: "a", LeastPlaced: new(int64(90))}, [][]string{{"person_id", "wage"}}}
	for i := range 40 {
		jobs.rows = append(jobs.rows, []string{number(20 + i), fmt.Sprint(i)})
	}
	return []joinedTable{register, benefits(1, 0, 30), benefits(2, 14, 50), jobs}
}

// joinedNetwork is three departments that answer joins, with those tables and none besides, and no policies yet.
func joinedNetwork(t *testing.T, tables []joinedTable) *testnet.Network {
	n := testnet.New(t, 3)
	n.Join()
	n.Closed = true
	for i := range n.Nodes {
		n.Nodes[i].Config.Tables = nil
	}
	for _, of := range tables {
		c := &n.Nodes[of.department].Config
		file := filepath.Join(c.Dir, of.name+".csv")
		var text strings.Builder
		for _, row := range of.rows {
			text.WriteString(strings.Join(row, ",") + "\n")
		}
		nodetest.Check(t, os.WriteFile(file, []byte(text.String()), 0o600))
		table := testnet.Open(t, config.Table{Name: of.name, Files: []string{file}, Header: "yes"})
		of.about.Class, of.about.Key = table.Class, []string{"person_id"}
		table.About = of.about
		c.Tables = append(c.Tables, table)
	}
	return n
}

// pooledJoin is the question's answer over the pooled rows, by two loops.
func pooledJoin(tables []joinedTable) string {
	type sums struct{ count, amount int }
	groups := map[string]*sums{}
	for _, b := range tables {
		for _, row := range b.rows[1:] {
			id, ok := linkage.Canonical(row[0])
			if b.name != "benefits" || !ok {
				continue
			}
			for _, person := range tables[0].rows[1:] {
				if canonical, _ := linkage.Canonical(person[0]); canonical != id {
					continue
				}
				key := person[1] + " " + row[1]
				if groups[key] == nil {
					groups[key] = &sums{}
				}
				var amount int
				fmt.Sscan(row[2], &amount)
				groups[key].count, groups[key].amount = groups[key].count+1, groups[key].amount+amount
			}
		}
	}
	var out string
	for _, key := range []string{"north child", "north rent", "south child", "south rent"} {
		out += fmt.Sprintf("%s %d %d | ", key, groups[key].count, groups[key].amount)
	}
	return out
}

const joinedByRegion = "SELECT region, kind, count(*), sum(amount) FROM benefits JOIN register USING (person_id) GROUP BY region, kind ORDER BY region, kind"

// parts counts what a department's machines keep of vectors and products, and has them stop for good once so many were kept.
type parts struct {
	mu    sync.Mutex
	seen  map[string]int // by kind, name and index
	stop  int            // 0: never
	ended chan struct{}
}

func (p *parts) machine(m protocols.Machine) protocols.Machine {
	stopped := false
	return nodetest.StepFunc(func(e protocols.Event) (protocols.Ready, error) {
		if stopped {
			return protocols.Ready{}, nil
		}
		ready, err := m.Step(e)
		p.mu.Lock()
		defer p.mu.Unlock()
		for _, r := range ready.Persist {
			if r.Kind == protocols.JournalVector || r.Kind == protocols.JournalProduct {
				p.seen[fmt.Sprint(r.Kind, r.Query, r.Index)]++
				if len(p.seen) == p.stop {
					stopped = true
					close(p.ended)
				}
			}
		}
		if stopped { // what it has kept is on the disk, and nothing that follows from it is done
			ready = protocols.Ready{Persist: ready.Persist}
		}
		return ready, err
	})
}

// TestJoinOfNetwork: three departments whose persons one register lists answer a question over the tables of all, as plain SQL over the pooled rows would, while one of them
// is stopped in the middle and started again; asked again nobody makes a vector anew. A department whose limits hold the spine refuses in words,
// and so do those that the spine's department does not admit any more.
func TestJoinOfNetwork(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("a network of three nodes that joins tables")
	}
	tables := joinedTables()
	n := joinedNetwork(t, tables)
	const late = 2
	kept := &parts{seen: map[string]int{}, stop: 3, ended: make(chan struct{})}
	n.Options = func(d int, o *node.Options) {
		if d == late {
			o.Hooks.Machine = func(m protocols.Machine, _ *protocols.Department) protocols.Machine { return kept.machine(m) }
		}
	}
	n.StartAll()
	publish := func(department int, d policy.Document) {
		d.Department = n.Nodes[department].Config.Name
		nodetest.Check(t, testnet.Publish(t.Context(), n.DialAs(department, n.Steward(department)), d))
	}
	for i := range n.Nodes {
		draws := policy.Document{Version: 1}
		for j, other := range n.Nodes {
			if i != j {
				draws.Draws = append(draws.Draws, policy.Draw{Department: other.Config.Name, IDs: 100})
			}
		}
		publish(i, draws)
	}
	policies := func(version uint64, admitted ...string) {
		for _, of := range tables {
			if d := testnet.OpenPolicy("", of.name); version == 1 || of.name == "register" {
				d.Version, d.Disclosure.Count = version, 2
				if of.name == "register" {
					d.Membership = admitted
				}
				publish(of.department, d)
			}
		}
	}
	policies(1, "b", "c")
	n.Eventually("all have placed their persons", func() bool {
		placed := 0
		for i := range n.Nodes {
			for _, of := range linked(n, i).Tables {
				if of.State == "placed" || of.State == "published" {
					placed++
				}
			}
		}
		return placed == len(tables)
	})
	c := n.Dial(0)
	ask := func(sql string) (*client.Answer, error) {
		pinned, err := testnet.Present(t.Context(), c)
		nodetest.Check(t, err)
		return c.Ask(t.Context(), sql, testnet.Asking(client.AskOptions{Deadline: 4 * time.Minute, Pinned: pinned}))
	}
	again := make(chan struct{})
	go func() {
		defer close(again)
		<-kept.ended
		n.Stop(late)
		n.Start(late)
	}()
	var contributed [][][]engine.Digest
	for range 2 {
		a, err := ask(joinedByRegion)
		if err != nil {
			t.Fatalf("%v\n%s", err, n.Logs())
		}
		if got, want := testnet.ResultText(a), pooledJoin(tables); got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
		if !a.Verdict.Verified {
			t.Errorf("%+v", a.Verdict)
		}
		select {
		case <-kept.ended:
			<-again
		default:
			t.Fatal("nobody was stopped in the middle")
		}
		contributed = append(contributed, testnet.StateAt(c).Query(a.Query).Contributed)
	}
	if len(contributed[0]) == 0 || !slices.EqualFunc(contributed[0], contributed[1], slices.Equal) {
		t.Error("vectors are others when a question is asked again")
	}
	kept.mu.Lock()
	for part, times := range kept.seen {
		if times > 1 {
			t.Errorf("%s was made %d times", part, times)
		}
	}
	kept.mu.Unlock()
	if _, err := ask("SELECT count(*) FROM jobs JOIN register USING (person_id)"); err == nil || !strings.Contains(err.Error(), "does not answer on this version of the spine") {
		t.Errorf("a table whose limits hold the spine: %v", err)
	}
	policies(2)
	n.Eventually("the policy that admits nobody", func() bool {
		spine := testnet.StateAt(c).Linkage().Spine("a", "register")
		return spine != nil && !testnet.StateAt(c).Admitted(spine, n.Nodes[1].Identity.Key())
	})
	if _, err := ask(joinedByRegion); err == nil || !strings.Contains(err.Error(), "may not know which persons stand on the spine") {
		t.Errorf("departments that are not admitted: %v", err)
	}
	for i := range n.Nodes {
		if log := n.Nodes[i].Log.String(); strings.Contains(log, "32010119900101") {
			t.Errorf("%s logs a person's number", n.Nodes[i].Config.Name)
		}
	}
}
