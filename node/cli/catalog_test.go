package cli

import (
	"bytes"
	"os"
	"strings"
	"testing"
	"time"

	"parley/datasets/published"
	"parley/node"
	"parley/node/config"
	"parley/node/nodetest"
	"parley/node/nodetest/testnet"
	"parley/node/render"
)

// TestCatalog: what departments say of their tables is found, shown under their hierarchy, and its versions with what each
// changed; a column of which nothing is declared is private, whoever looks.
func TestCatalog(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("a network of two departments")
	}
	n := testnet.New(t, 2)
	for i, place := range [][]string{{"江苏", "南京"}, {"江苏"}} {
		cfg := &n.Nodes[i].Config
		cfg.Place = place
		most := int64(5)
		cfg.Tables[0].About = config.About{Title: "人口登记", Owner: "Civil Affairs", Sensitivity: "general-3", Class: "on-condition", Key: []string{"sex"}, RowsPerPerson: &most}
	}
	declared := n.Nodes[1].Config.Tables[0].Declared
	n.Nodes[1].Config.Tables[0].Declared = []config.FileColumn{{Name: "wage", Title: "Monthly wage", Class: "none"}}
	look := make(chan time.Time)
	n.Options = func(i int, o *node.Options) {
		if i == 1 {
			o.Hooks.Look = look
		}
	}
	n.StartAll()
	c, out := auditCommand()
	run := func(json bool, args ...string) (string, error) {
		out.Reset()
		cmd := c.catalogCommand()
		cmd.SilenceErrors, cmd.SilenceUsage = true, true
		if args = append(args, "--node", n.Address(0), "--identity", n.AnalystFile()); json {
			args = append(args, "--json")
		}
		c.json = false
		cmd.SetArgs(args)
		err := cmd.ExecuteContext(t.Context())
		return out.String(), err
	}
	tree, err := run(false, "search")
	nodetest.Check(t, err)
	if want := "江苏\n  b\n    people; 人口登记; 7 rows; version 1; general-3; on-condition\n  南京\n    a\n      people; 人口登记; 7 rows; version 1; general-3; on-condition\n(2 tables)\n"; tree != want {
		t.Errorf("%s\nwant\n%s", tree, want)
	}
	for words, found := range map[string]int{"civil": 2, "人口 南京": 1, "MONTHLY": 1, "nothing such": 0} {
		text, err := run(true, append([]string{"search"}, strings.Fields(words)...)...)
		nodetest.Check(t, err)
		var listed struct{ Tables []render.Entry }
		nodetest.Into(t, bytes.NewBufferString(text), &listed)
		if len(listed.Tables) != found {
			t.Errorf("%s: %+v", words, listed)
		}
	}
	shown, err := run(false, "show", "people", "--department", "b")
	nodetest.Check(t, err)
	for _, part := range []string{"owner        Civil Affairs", "shared by a grant, as far as the policy allows", "place        江苏\n", "| private", "wage: Monthly wage; none", "persons      have 5 rows each at most"} {
		if !strings.Contains(shown, part) {
			t.Errorf("no %q in\n%s", part, shown)
		}
	}
	if _, err := run(false, "show", "peple"); err == nil || !strings.Contains(err.Error(), "has no table peple") {
		t.Error(err)
	}

	// A restart with other declarations and rows is a new version, which history tells.
	n.Stop(1)
	n.Nodes[1].Config.Tables[0].Declared = declared
	n.Start(1)
	n.WaitReady(1)
	n.Stop(1)
	testnet.WriteCSV(t, n.Nodes[1].Config.Tables[0].Files[0], 6)
	n.Start(1)
	n.Eventually("the second version is there", func() bool {
		text, err := run(true, "history", "people")
		return err == nil && strings.Contains(text, `"version": 3`)
	})
	told, err := run(false, "history", "people", "--department", "b")
	nodetest.Check(t, err)
	for _, part := range []string{"people of b, version 1: 7 rows", "version 2: 7 rows", "version 3: 7 rows", "other content in as many rows", `column "sex" is declared`, "(3 versions)"} {
		if !strings.Contains(told, part) {
			t.Errorf("no %q in\n%s", part, told)
		}
	}
	quality, err := run(false, "quality", "people")
	nodetest.Check(t, err)
	for _, part := range []string{"table        people of a, version 1, 7 rows\nkey          sex: 7 rows with a key that another row has too\npersons      have 5 rows each at most", "before       version 2, 7 rows", " sex    |       0 |"} {
		if !strings.Contains(quality, part) {
			t.Errorf("no %q in\n%s", part, quality)
		}
	}
	if strings.Contains(quality, "moved") {
		t.Errorf("values are told to everybody:\n%s", quality)
	}

	// What moved only the department's own folder knows.
	sheet := func(folder int, args ...string) (reports []render.Report, text string) {
		t.Helper()
		args = append([]string{"quality", "people", "--own", n.Nodes[folder].Config.Dir}, args...)
		text, err := run(true, args...)
		nodetest.Check(t, err)
		var read struct{ Reports []render.Report }
		nodetest.Into(t, bytes.NewBufferString(text), &read)
		text, err = run(false, args...)
		nodetest.Check(t, err)
		return read.Reports, text
	}
	reports, text := sheet(1)
	if len(reports) != 2 || reports[0].Own != nil || len(reports[1].Own) == 0 {
		t.Fatalf("%+v", reports)
	}
	sex := reports[1].Own[0] // of departments 1 and 6, 2 and 3 of 7 are men
	if sex.Column != "sex" || sex.Distance != 143 || len(sex.Moves) != 2 || sex.Moves[0] != (published.Move{Value: "f", Before: 5, Now: 4}) {
		t.Errorf("%+v", sex)
	}
	for _, part := range []string{"how their shares moved since version 2; the department alone knows", " sex    | 14.3 % | f ", "| 5 (71.4 %) | 4 (57.1 %)"} {
		if !strings.Contains(text, part) {
			t.Errorf("no %q in\n%s", part, text)
		}
	}
	if reports, text := sheet(0); reports[0].Own != nil || reports[1].Own != nil || strings.Contains(text, "moved") {
		t.Errorf("another's folder knows: %+v\n%s", reports, text)
	}

	// A source that changes is shown beside its table.
	at := time.Now().Add(time.Hour)
	nodetest.Check(t, os.Chtimes(n.Nodes[1].Config.Tables[0].Files[0], at, at))
	n.Eventually("the catalogue has it", func() bool {
		look <- time.Now()
		text, err := run(false, "show", "people", "--department", "b")
		return err == nil && strings.Contains(text, "source       changed since, as its department says: 2")
	})
	for command, part := range map[string]string{"search": "; source changed\n", "history people": "    its source has changed since: 2"} {
		if text, err := run(false, strings.Fields(command)...); err != nil || strings.Count(text, part) != 1 {
			t.Errorf("%v: not once %q in\n%s", err, part, text)
		}
	}
}
