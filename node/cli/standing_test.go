package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"parley/engine/policy"
	"parley/node/audit"
	"parley/node/cli/standing"
	"parley/node/config"
	"parley/node/nodetest"
	"parley/node/nodetest/testnet"
	"parley/protocols"
)

const standingFile = `name = "older persons"
sql = "SELECT sex, count(*) AS n FROM people WHERE age > $1 GROUP BY sex"
values = ["20"]
purpose = "a test of the network"
every = "1s"
[[alert]]
column = "n"
above = LIMIT
where = { sex = "f" }
`

// watch is a network of two departments with a standing question of its analyst's.
type watch struct {
	t    *testing.T
	n    *testnet.Network
	c    *command
	out  *bytes.Buffer
	errs bytes.Buffer
	file string
	dir  string
}

// run runs a command, and gives what it prints.
func (w *watch) run(asJSON bool, args ...string) (string, error) {
	w.t.Helper()
	w.out.Reset()
	w.errs.Reset()
	w.c.json, w.c.csv = false, false
	args = append(args, "--node", w.n.Address(0), "--identity", w.n.AnalystFile())
	if asJSON {
		args = append(args, "--json")
	}
	for _, cmd := range standing.Commands(w.c.standing()) {
		if cmd.Name() == args[0] {
			cmd.SilenceErrors, cmd.SilenceUsage = true, true
			cmd.SetArgs(args[1:])
			ctx, cancel := context.WithTimeout(w.t.Context(), 3*time.Minute)
			defer cancel()
			err := cmd.ExecuteContext(ctx)
			return w.out.String(), err
		}
	}
	w.t.Fatalf("no command %s", args[0])
	return "", nil
}

func (w *watch) ask() (string, error) {
	w.t.Helper()
	time.Sleep(1100 * time.Millisecond) // the next slot has begun, however fast the last run was
	return w.run(true, "standing", "run", "--once", "--dir", w.dir, "--network", filepath.Join(w.n.Nodes[0].Config.Dir, config.NetworkFile), w.file)
}

func (w *watch) threshold(limit string) {
	w.t.Helper()
	nodetest.Check(w.t, os.WriteFile(w.file, []byte(strings.Replace(standingFile, "LIMIT", limit, 1)), 0o600))
}

// grant has each department's steward grant the question's form to the analyst, for so many uses.
func (w *watch) grant(uses int64) {
	w.t.Helper()
	for i := range w.n.Departments {
		c := w.n.DialAs(i, w.n.Steward(i))
		defer c.Close()
		all := []string{policy.Any}
		nodetest.Check(w.t, c.Say(w.t.Context(), func(s *protocols.State) (protocols.Body, error) {
			return &protocols.Grant{Under: s.Person(c.Key()).Number, Grant: policy.Grant{Department: w.n.Nodes[i].Config.Name, Table: "people",
				Person: policy.Key(w.n.Analyst.Key()), Subject: policy.Subject{Form: "SELECT sex, count(*) AS n FROM people WHERE age > $1 GROUP BY sex",
					Parameters: []policy.Parameter{{Range: true, High: 100}}},
				Terms: policy.Terms{Filter: all, Group: all, Aggregate: all, Functions: all, Purposes: []string{testnet.Purpose}, Uses: uses, Until: time.Now().Add(24 * time.Hour).Unix()}}}, nil
		}))
	}
}

// TestStandingQuestion: under a standing grant of two uses a question is asked twice; its second answer passes a threshold,
// and the alert stands on the ledger, is listed, and told to one department's command; the third run is refused, since the
// grants are used up, and says so.
func TestStandingQuestion(t *testing.T) {
	if testing.Short() {
		t.Skip("a network of two departments")
	}
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	n := testnet.New(t, 2)
	for i := range n.Nodes {
		n.Nodes[i].Config.Tables[0].Class = "on-condition"
	}
	told, script := filepath.Join(t.TempDir(), "told"), filepath.Join(t.TempDir(), "notify")
	nodetest.Check(t, os.WriteFile(script, []byte("#!/bin/sh\ncat >> \"$1\"\n"), 0o700))
	n.Nodes[1].Config.Alerts = &config.Alerts{Command: []string{script, told}, Timeout: config.DefaultAlertTimeout}
	n.StartAll()
	c, out := auditCommand()
	w := &watch{t: t, n: n, c: c, out: out, file: filepath.Join(t.TempDir(), "older.toml"), dir: filepath.Join(t.TempDir(), "standing")}
	c.errs = &w.errs
	w.threshold("1000")

	if text, err := w.run(false, "standing", "check", w.file); err != nil || !strings.Contains(text, "on-condition") && !strings.Contains(text, "grant") {
		t.Errorf("before it is granted: %v\n%s", err, text)
	}
	w.grant(2)
	n.Eventually("the node that is asked shows both grants", func() bool {
		text, err := w.run(false, "standing", "check", w.file)
		nodetest.Check(t, err)
		return strings.Count(text, "2 uses left") == 2 && strings.Contains(text, "n above 1000 where sex = f")
	})
	first, err := w.ask()
	if err != nil || !strings.Contains(first, `"answered"`) || strings.Contains(first, `"raised"`) {
		t.Fatalf("%v\n%s\n%s\n%s", err, first, &w.errs, n.Logs())
	}
	w.threshold("1")
	second, err := w.ask()
	if err != nil || !strings.Contains(second, "sex f: ") {
		t.Fatalf("%v\n%s\n%s", err, second, &w.errs)
	}
	var runs struct {
		Runs []struct{ Query, Certificate string }
	}
	nodetest.Check(t, json.Unmarshal([]byte(second), &runs))
	if _, err := os.Stat(runs.Runs[0].Certificate); err != nil {
		t.Error(err)
	}

	_, err = w.ask()
	if err == nil || !strings.Contains(err.Error(), "refused") || !strings.Contains(err.Error(), "use") {
		t.Errorf("the third run: %v", err)
	}
	if text, err := w.run(false, "standing", "check", w.file); err != nil || strings.Contains(text, "left") {
		t.Errorf("%v\n%s", err, text)
	}
	w.alerts(runs.Runs[0].Query)
	n.Eventually("the command is told", func() bool {
		text, err := os.ReadFile(told)
		var a audit.Alert
		return err == nil && json.Unmarshal(text, &a) == nil && a.Query == runs.Runs[0].Query && a.Rule == "n above 1 where sex = f"
	})
	n.Eventually("its report says so", func() bool { r := n.Report(1).Alerts; return r != nil && r.Delivered == 1 && r.Waiting == 0 })
}

// alerts holds what is listed of the one alert, about this query.
func (w *watch) alerts(query string) {
	w.t.Helper()
	text, err := w.run(true, "alerts")
	nodetest.Check(w.t, err)
	var listed struct{ Alerts []audit.Alert }
	nodetest.Check(w.t, json.Unmarshal([]byte(text), &listed))
	if len(listed.Alerts) != 1 {
		w.t.Fatal(text)
	}
	a := listed.Alerts[0]
	if a.Query != query || a.Table != "people" || a.Purpose != testnet.Purpose || a.Name != "older persons" || a.Analyst == "" ||
		a.Peer != w.n.Analyst.Peer() || a.Department == "" || time.Since(a.Time) > time.Hour || !strings.HasPrefix(a.Found, "sex f: ") {
		w.t.Errorf("%+v", a)
	}
	for _, c := range []struct {
		args []string
		has  string
	}{
		{[]string{"alerts"}, "n above 1 where sex = f"},
		{[]string{"alerts", "--table", "other"}, "(0 rows)"},
		{[]string{"alerts", "--since", time.Now().Add(time.Hour).UTC().Format(time.RFC3339)}, "(0 rows)"},
		{[]string{"alerts", "--lang", "zh"}, "规则"},
		{[]string{"alerts", "--csv"}, "time,analyst,department,table,purpose,name,rule,found,query,entry\r\n"},
	} {
		if text, err := w.run(false, c.args...); err != nil || !strings.Contains(text, c.has) {
			w.t.Errorf("%s: %v\n%s", c.args, err, text)
		}
	}
}
