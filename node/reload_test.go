package node_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/xuri/excelize/v2"

	"parley/datasets"
	"parley/engine"
	"parley/node"
	"parley/node/client"
	"parley/node/config"
	"parley/node/failure"
	"parley/node/nodetest"
	"parley/node/nodetest/testnet"
	"parley/protocols"
)

// fromFile starts the first department from a node.toml, which edit writes anew, and gives the
// channel on which it is told to reload.
func fromFile(n *testnet.Network) (edit func(change func(*config.File)), reload chan<- os.Signal) {
	n.T.Helper()
	member := n.Nodes[0]
	path := filepath.Join(member.Config.Dir, config.NodeFile)
	edit = func(change func(*config.File)) {
		n.T.Helper()
		f := config.File{Name: member.Config.Name, Dir: ".", Listen: member.Config.Listen, Peers: member.Config.Peers, Auditors: member.Config.Auditors,
			Parameters: "light", Alone: member.Config.Alone, Tables: []config.FileTable{{Name: "people", Files: []string{"people.csv"}, Declared: member.Config.Tables[0].Declared, About: member.Config.Tables[0].About}}}
		if change != nil {
			change(&f)
		}
		text, err := config.Text(f)
		nodetest.Check(n.T, err)
		nodetest.Check(n.T, os.WriteFile(path, text, 0o600))
	}
	edit(nil)
	var err error
	member.Config, err = config.Load(path)
	nodetest.Check(n.T, err)
	signals := make(chan os.Signal)
	before := n.Options
	n.Options = func(department int, o *node.Options) {
		if before != nil {
			before(department, o)
		}
		if department == 0 {
			o.Reload = signals
		}
	}
	return edit, signals
}

// last is the last line of a node's log that holds a text, once there is one after a mark.
func last(n *testnet.Network, mark int, text string) string {
	n.T.Helper()
	var found string
	n.Eventually("the log says "+text, func() bool {
		for line := range strings.Lines(n.Nodes[0].Log.String()[mark:]) {
			if strings.Contains(line, text) {
				found = line
				return true
			}
		}
		return false
	})
	return found
}

// TestReload: what a running node takes from a node.toml that is read again, what it refuses, and
// that an error changes nothing.
func TestReload(t *testing.T) {
	if testing.Short() {
		t.Skip("a network that is asked several times")
	}
	t.Parallel()
	n := testnet.New(t, 1)
	edit, signal := fromFile(n)
	guest := nodetest.Identity(t)
	edit(func(f *config.File) { f.Analysts = []string{guest.Peer()} })
	n.Nodes[0].Config.Analysts = []string{guest.Peer()}
	n.StartAll()
	log := func() int { return len(n.Nodes[0].Log.String()) }
	reload := func(says ...string) {
		t.Helper()
		mark := log()
		signal <- syscall.SIGHUP
		line := last(n, mark, "reloaded")
		for _, want := range says {
			if !strings.Contains(line, want) {
				t.Errorf("the log says %s\nwant %s", line, want)
			}
		}
	}
	version := func(want uint64) {
		t.Helper()
		n.Eventually("the table has its version", func() bool {
			r := n.Report(0)
			return len(r.Tables) == 1 && r.Tables[0].Version == want && !r.Tables[0].Pending && r.Healthy
		})
	}
	c := n.Dial(0)
	old := testnet.ResultText(n.MustAnswer(c))
	if r := n.Report(0); len(r.Tables) != 1 || r.Tables[0].Rows != 7 || r.Tables[0].Columns != 3 || !slices.Equal(r.Analysts, []string{guest.Peer()}) || changed(r) != "" {
		t.Errorf("%+v", r)
	}

	// A file that changes is noticed; answers stay those of the rows as registered.
	people := filepath.Join(n.Nodes[0].Config.Dir, "people.csv")
	testnet.WriteCSV(t, people, 1)
	mark := log()
	if w := changed(n.Report(0)); !strings.Contains(w, "people.csv changed on 2") || !strings.Contains(w, "SIGHUP") {
		t.Errorf("warned of %q", w)
	}
	last(n, mark, "a table's file has changed")
	if got := testnet.ResultText(n.MustAnswer(c)); got != old {
		t.Errorf("answer %s, want that of the registered rows, %s", got, old)
	}
	version(1)
	reload("people has 7 rows and is registered as a new version")
	version(2)
	fresh, err := n.Ask(c, 30*time.Second)
	nodetest.Check(t, err)
	if got := testnet.ResultText(fresh); got == old || changed(n.Report(0)) != "" {
		t.Errorf("answer %s; warned of %q", got, changed(n.Report(0)))
	}
	// One that was only touched is read again, and stays.
	now := time.Now().Add(time.Hour)
	nodetest.Check(t, os.Chtimes(people, now, now))
	reload("has the same rows")
	version(2)
	reload("changed=nothing")

	// Errors change nothing, and have their place.
	for name, c := range map[string]struct {
		change func(*config.File)
		says   []string
	}{
		"an unknown value": {func(f *config.File) { f.Role = "king"; f.Analysts = nil }, []string{"node.toml:", "role = "}},
		"a wrong analyst":  {func(f *config.File) { f.Analysts = []string{guest.Peer(), "nobody"}; f.Tables = nil }, []string{"node.toml:", "analysts: entry 2"}},
		"a wrong file":     {func(f *config.File) { f.Analysts = nil; f.Tables[0].Columns = []string{"shoe"} }, []string{"node.toml:", "shoe"}},
		"a wrong column":   {func(f *config.File) { f.Analysts = nil; f.Tables[0].Declared = []config.FileColumn{{Name: "shoe"}} }, []string{"node.toml:", "shoe", "is declared and not there"}},
		"the shadow mode":  {func(f *config.File) { f.Shadow = true }, []string{"node.toml:", "shadow cannot change while the node runs", "restart the node"}},
		"a fixed key": {func(f *config.File) { f.Analysts, f.Listen, f.Metrics = nil, nodetest.Loopback, "127.0.0.1:0" },
			[]string{"node.toml:3", "listen, metrics cannot change while the node runs", "restart the node"}},
	} {
		t.Run(name, func(t *testing.T) {
			edit(c.change)
			reload(append(c.says, "not reloaded, and nothing has changed")...)
			if r := n.Report(0); len(r.Analysts) != 1 || len(r.Tables) != 1 || !strings.Contains(strings.Join(r.Warnings, "\n"), "was not reloaded on 2") {
				t.Errorf("%+v", r)
			}
		})
	}

	// Who is listed is let in, though nobody vouches for it, and not answered. Who is not listed any more is cut off, but for the
	// persons of departments.
	before := n.DialAs(0, guest)
	if _, err := before.Ask(t.Context(), testnet.WageQuestion, testnet.Asking(client.AskOptions{})); err == nil || !strings.Contains(err.Error(), "no department vouches for") {
		t.Errorf("a person for whom nobody vouches: %v", err)
	}
	edit(func(f *config.File) { f.Analysts, f.Deadline = []string{n.Analyst.Peer()}, "20s" })
	reload("analysts lists "+guest.Peer()+" no more", "analysts lists "+n.Analyst.Peer(), "deadline 20s in place of 0s")
	if _, err := n.Connect(0, guest); err == nil || !strings.Contains(err.Error(), "does not talk to") {
		t.Errorf("who is not listed any more: %v", err)
	}
	n.Eventually("the connection ends of who is not listed any more", func() bool {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err := before.Catalogue(ctx)
		return err != nil
	})
	edit(nil)
	reload("analysts lists " + n.Analyst.Peer() + " no more")
	mustAnswerAs(n, c, testnet.ResultText(fresh))

	// A table that is taken away is not answered from, though the ledger lists it.
	edit(func(f *config.File) { f.Tables = nil })
	reload("table people is gone")
	if _, err := n.Ask(c, 10*time.Second); err == nil || !strings.Contains(err.Error(), "does not have this table any more") {
		t.Errorf("of a table that is gone: %v", err)
	}
	edit(nil)
	reload("table people is new, with 7 rows")
	version(2)
	mustAnswerAs(n, c, testnet.ResultText(fresh))

	// What is declared of a column is registered, just as the files with the node's salt are described.
	edit(func(f *config.File) {
		f.Tables[0].Declared = []config.FileColumn{{Name: "wage", Unit: "EUR", Min: 0, Max: 200000}}
	})
	reload("people has 7 rows and is registered as a new version")
	version(3)
	cfg, err := config.Load(filepath.Join(n.Nodes[0].Config.Dir, config.NodeFile))
	nodetest.Check(t, err)
	o := cfg.Tables[0].Reading()
	o.Salt, err = os.ReadFile(filepath.Join(cfg.Dir, "salt"))
	nodetest.Check(t, err)
	described, err := datasets.Describe(t.Context(), "people", cfg.Tables[0].Files, o)
	nodetest.Check(t, err)
	described.Tell(cfg.About(cfg.Tables[0]))
	catalogue, err := n.Dial(0).Catalogue(t.Context())
	nodetest.Check(t, err)
	if want := described.Registration(cfg.Name, 3); len(catalogue) != 1 || !bytes.Equal(engine.Marshal(catalogue[0]), engine.Marshal(want)) ||
		!slices.ContainsFunc(want.Columns, func(c engine.Column) bool { return c.Unit == "EUR" && c.Min.Sign() == 0 }) {
		t.Errorf("%+v\nwant %+v", catalogue, want)
	}
}

// TestReloadDuringQuestion: a question that was admitted over a version is answered over it, though
// another one has come meanwhile.
func TestReloadDuringQuestion(t *testing.T) {
	if testing.Short() {
		t.Skip("a network that is asked twice")
	}
	t.Parallel()
	n := testnet.New(t, 1)
	var hold atomic.Bool
	held := make(chan struct{}, 1)
	n.Options = func(_ int, o *node.Options) {
		o.Hooks.Machine = func(m protocols.Machine, _ *protocols.Department) protocols.Machine {
			var plan *engine.Plan
			return nodetest.StepFunc(func(e protocols.Event) (protocols.Ready, error) {
				ready, err := m.Step(e)
				if hold.Load() && ready.Aggregate != nil {
					plan, ready.Aggregate = ready.Aggregate, nil
					held <- struct{}{}
				} else if !hold.Load() && plan != nil {
					plan, ready.Aggregate = nil, plan
				}
				return ready, err
			})
		}
	}
	_, signal := fromFile(n)
	n.StartAll()
	c, d := n.Dial(0), n.Dial(0)
	old := testnet.ResultText(n.MustAnswer(c))
	hold.Store(true)
	answer := make(chan string, 1)
	go func() {
		a, err := n.Ask(c, 50*time.Second)
		if err != nil {
			answer <- err.Error()
			return
		}
		answer <- testnet.ResultText(a)
	}()
	<-held
	testnet.WriteCSV(t, filepath.Join(n.Nodes[0].Config.Dir, "people.csv"), 1)
	signal <- syscall.SIGHUP
	n.Eventually("the second version", func() bool { r := n.Report(0); return r.Tables[0].Version == 2 && r.Healthy })
	hold.Store(false)
	fresh, err := n.Ask(d, 30*time.Second) // whose records step the other's machine, too
	nodetest.Check(t, err)
	if got := <-answer; got != old || testnet.ResultText(fresh) == old {
		t.Errorf("the earlier question is answered with %s, want %s; the later one with %s", got, old, testnet.ResultText(fresh))
	}
	n.Logged(0, "an earlier version of a table is not needed any more")
}

// TestReloadRefused: a table that the ledger does not take after a reload, since those that were taken out of node.toml still
// stand there, is said in the log and the status; the tables before go on answering, and setting it back mends it.
func TestReloadRefused(t *testing.T) {
	if testing.Short() {
		t.Skip("a network with as many tables as a department may have")
	}
	t.Parallel()
	n := testnet.New(t, 1)
	edit, signal := fromFile(n)
	full := func(f *config.File) {
		for i := range protocols.MaxTables - 1 {
			f.Tables = append(f.Tables, config.FileTable{Name: fmt.Sprintf("t%d", i), Files: []string{"one.csv"}, About: config.About{Class: "unconditional"}})
		}
	}
	nodetest.Check(t, os.WriteFile(filepath.Join(n.Nodes[0].Config.Dir, "one.csv"), []byte("x\n1\n"), 0o600))
	edit(full)
	var err error
	n.Nodes[0].Config, err = config.Load(n.Nodes[0].Config.Path)
	nodetest.Check(t, err)
	n.StartAll()
	c := n.Dial(0)
	old := testnet.ResultText(n.MustAnswer(c))

	edit(func(f *config.File) {
		full(f)
		f.Tables[len(f.Tables)-1].Name = "extra"
	})
	mark := len(n.Nodes[0].Log.String())
	signal <- syscall.SIGHUP
	last(n, mark, "table extra is new")
	line := last(n, mark, "the ledger does not take a table")
	if !strings.Contains(line, "registering the table extra was refused") || !strings.Contains(line, "it may have no more") {
		t.Errorf("the log says %s", line)
	}
	if r := n.Report(0); r.Healthy || !strings.Contains(r.Reason, "the version before is answered from; change the table or its columns, and reload") {
		t.Errorf("the status says %v, %q", r.Healthy, r.Reason)
	}
	mustAnswerAs(n, c, old)

	edit(full)
	if w := strings.Join(n.Report(0).Warnings, "\n"); !strings.Contains(w, "parley node reload has the node read it") {
		t.Errorf("warned of %q", w)
	}
	// Through the operator's door this time, which says what the log says.
	door := func() (r node.ReloadReply) {
		nodetest.Check(t, node.CallControl(t.Context(), n.Nodes[0].Config.Dir, "POST", "/reload", nil, &r))
		return r
	}
	if r := door(); r.Error != "" || len(r.Changed) != 2 || !strings.Contains(r.Changed[0]+r.Changed[1], "table extra is gone") {
		t.Errorf("%+v", r)
	}
	if r := door(); r.Error != "" || len(r.Changed) != 0 || r.Reading {
		t.Errorf("a second time: %+v", r)
	}
	edit(func(f *config.File) { full(f); f.Role = "king" })
	if r := door(); !strings.Contains(r.Error, "node.toml:") || !strings.Contains(r.Error, "role = ") || r.Changed != nil {
		t.Errorf("of an error: %+v", r)
	}
	edit(full)
	if r := door(); r.Error != "" {
		t.Errorf("mended: %+v", r)
	}
	n.Eventually("the node is healthy again", func() bool { r := n.Report(0); return r.Healthy && r.Reason == "" })
	mustAnswerAs(n, c, old)
}

// TestDeclaredLater: of a table without declarations rows are counted, and what else is asked is refused with the line to
// write and whose; once it stands in node.toml, a reload answers.
func TestDeclaredLater(t *testing.T) {
	t.Parallel()
	n := testnet.New(t, 1)
	edit, reload := fromFile(n)
	declared := n.Nodes[0].Config.Tables[0].Declared
	n.Nodes[0].Config.Tables[0].Declared = nil
	n.StartAll()
	c := n.Dial(0)
	ask := func(sql string) (*client.Answer, error) {
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
		defer cancel()
		return c.Ask(ctx, sql, testnet.Asking(client.AskOptions{}))
	}
	if _, err := ask("SELECT count(*), count(wage) FROM people WHERE sex = 'f' AND age > 30"); err != nil {
		t.Error(err)
	}
	for sql, line := range map[string]string{"SELECT sum(wage) FROM people": `name = "wage", bounds = "measured"`, "SELECT count(*) FROM people GROUP BY sex": `name = "sex", dictionary = true`,
		"SELECT median(age) FROM people": `name = "age", bounds = "measured"`} {
		if _, err := ask(sql); err == nil || !strings.Contains(failure.Of(err).Hint, `a can declare it in node.toml, below [[table]] name = "people": [[table.column]] `+line) {
			t.Errorf("%s: %v", sql, err)
		}
	}
	edit(func(f *config.File) { f.Tables[0].Declared = declared })
	mark := len(n.Nodes[0].Log.String())
	reload <- os.Interrupt
	last(n, mark, "table people has 7 rows and is registered as a new version")
	n.Eventually("it is answered", func() bool {
		answer, err := ask("SELECT sex, sum(wage) FROM people GROUP BY sex")
		return err == nil && len(answer.Result.Rows) == 2
	})
}

// TestChangedFileIsNoticed: a table's file that changes, or is gone, is said in the log, once, when the files are looked at next,
// without a question or a look at the status.
func TestChangedFileIsNoticed(t *testing.T) {
	t.Parallel()
	n := testnet.New(t, 1)
	look := make(chan time.Time)
	n.Options = func(_ int, o *node.Options) { o.Hooks.Look = look }
	book := filepath.Join(t.TempDir(), "pay.xlsx")
	writeBook(t, book, 1)
	n.Nodes[0].Config.Tables = append(n.Nodes[0].Config.Tables, testnet.Open(t, config.Table{Name: "pay", Files: []string{book}}))
	n.Start(0)
	const changed = "a table's file has changed"
	said := func(times int, text string) {
		t.Helper()
		for range 3 { // the third is taken when the second has been looked at
			look <- time.Now()
		}
		if log := n.Nodes[0].Log.String(); strings.Count(log, changed) != times || !strings.Contains(log, text) {
			t.Errorf("not %d times, or without %q:\n%s", times, text, log)
		}
	}
	// A look may be under way: a file that is written in two steps could be seen at both.
	replace := func(path string, write func(path string)) {
		t.Helper()
		made := filepath.Join(t.TempDir(), filepath.Base(path))
		write(made)
		nodetest.Check(t, os.Rename(made, path))
	}
	said(0, "")
	people := n.Nodes[0].Config.Tables[0].Files[0]
	replace(people, func(path string) { testnet.WriteCSV(t, path, 1) })
	said(1, "people.csv changed on 2")
	nodetest.Check(t, os.Remove(people))
	said(2, "people.csv cannot be read any more")
	replace(book, func(path string) { writeBook(t, path, 2) })
	said(3, "pay.xlsx changed on 2")
}

// writeBook writes a workbook with a column.
func writeBook(t *testing.T, path string, rows int) {
	t.Helper()
	f := excelize.NewFile()
	defer f.Close()
	nodetest.Check(t, f.SetCellValue("Sheet1", "A1", "pay"))
	for i := range rows {
		nodetest.Check(t, f.SetCellValue("Sheet1", fmt.Sprintf("A%d", i+2), 100+i))
	}
	nodetest.Check(t, f.SaveAs(path))
}

// changed is what a report says of files.
func changed(r node.Report) string {
	for _, w := range r.Warnings {
		if strings.Contains(w, ".csv") {
			return w
		}
	}
	return ""
}

func mustAnswerAs(n *testnet.Network, c *client.Client, want string) {
	n.T.Helper()
	a, err := n.Ask(c, 30*time.Second)
	nodetest.Check(n.T, err)
	if got := testnet.ResultText(a); got != want {
		n.T.Errorf("answer %s, want %s", got, want)
	}
}

// TestSaysWhyItStops: each end of a node is a line in its log, with what to do about an error.
func TestSaysWhyItStops(t *testing.T) {
	t.Parallel()
	n := testnet.New(t, 1)
	member := n.Start(0)
	n.Logged(0, "msg=listening")
	epochs := filepath.Join(member.Config.Dir, "journal", "epochs")
	n.Eventually("the door and the journal", func() bool {
		_, door := os.Stat(filepath.Join(member.Config.Dir, config.ControlFile))
		_, journal := os.Stat(epochs)
		return door == nil && journal == nil
	})
	n.Stop(0)
	n.Logged(0, `msg="the node stops" why="context canceled"`)
	if strings.Contains(member.Log.String(), "did not stop in order") {
		t.Error("an end in order is told as none")
	}
	// A run that was killed leaves its door's file.
	nodetest.Check(t, os.WriteFile(filepath.Join(member.Config.Dir, config.ControlFile), nil, 0o600))
	ctx, cancel := context.WithCancelCause(t.Context())
	o := n.OptionsOf(0)
	done := make(chan error, 1)
	go func() { done <- node.Run(ctx, member.Config, o) }()
	n.Logged(0, "the run before did not stop in order")
	cancel(errors.New("the tide came in"))
	nodetest.Check(t, <-done)
	n.Logged(0, `why="the tide came in"`)
	// An error says what to do.
	nodetest.Check(t, os.WriteFile(epochs, []byte("parley records 2\nand what nobody wrote"), 0o600))
	if err := node.Run(t.Context(), member.Config, o); err == nil {
		t.Error("a node runs with a journal that is damaged")
	}
	n.Logged(0, `do="move the folder journal away`)
}
