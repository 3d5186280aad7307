package cli

import (
	"bytes"
	"strings"
	"testing"

	"parley/node/config"
	"parley/node/nodetest"
	"parley/node/nodetest/testnet"
	"parley/node/render"
)

// TestCatalog: what departments say of their tables is found, shown under their hierarchy, and its versions with what each
// changed; a column of which nothing is declared is private, whoever looks.
func TestCatalog(t *testing.T) {
	if testing.Short() {
		t.Skip("a network of two departments")
	}
	n := testnet.New(t, 2)
	for i, place := range [][]string{{"江苏", "南京"}, {"江苏"}} {
		cfg := &n.Nodes[i].Config
		cfg.Place = place
		cfg.Tables[0].About = config.About{Title: "人口登记", Owner: "Civil Affairs", Sensitivity: "general-3", Class: "on-condition", Key: []string{"sex"}}
	}
	declared := n.Nodes[1].Config.Tables[0].Declared
	n.Nodes[1].Config.Tables[0].Declared = []config.FileColumn{{Name: "wage", Title: "Monthly wage", Class: "none"}}
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
	for _, part := range []string{"owner        Civil Affairs", "shared by a grant, as far as the policy allows", "place        江苏\n", "| private", "wage: Monthly wage; none"} {
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
	testnet.WriteCSV(t, n.Nodes[1].Config.Tables[0].Files[0], 5)
	n.Start(1)
	n.Eventually("the second version is there", func() bool {
		text, err := run(true, "history", "people")
		return err == nil && strings.Contains(text, `"version": 2`)
	})
	told, err := run(false, "history", "people", "--department", "b")
	nodetest.Check(t, err)
	for _, part := range []string{"people of b, version 1: 7 rows", "version 2: 7 rows", "other content in as many rows", `column "sex" is declared`, "(2 versions)"} {
		if !strings.Contains(told, part) {
			t.Errorf("no %q in\n%s", part, told)
		}
	}
	quality, err := run(false, "quality", "people")
	nodetest.Check(t, err)
	for _, part := range []string{"table        people of a, version 1, 7 rows\nkey          sex: 7 rows with a key that another row has too", "before       version 1, 7 rows", " sex    |       0 |"} {
		if !strings.Contains(quality, part) {
			t.Errorf("no %q in\n%s", part, quality)
		}
	}
}
