package cli

import (
	"strings"
	"testing"

	"parley/node/nodetest"
	"parley/node/nodetest/testnet"
	"parley/node/render"
)

// TestTablesOfANetwork: what an analyst may ask about, from a node.
func TestTablesOfANetwork(t *testing.T) {
	if testing.Short() {
		t.Skip("a network of two departments")
	}
	n := testnet.New(t, 2)
	n.StartAll()
	c, out := auditCommand()
	f := askerFlags{n.Address(0), n.AnalystFile()}
	nodetest.Check(t, c.listTables(t.Context(), f))
	var listed struct{ Tables []render.Table }
	nodetest.Into(t, out, &listed)
	if len(listed.Tables) != 1 || listed.Tables[0].Table != "people" || len(listed.Tables[0].Departments) != 2 || listed.Tables[0].Departments[1] != (render.Holder{Name: "b", Rows: 7, Version: 1}) {
		t.Fatalf("%+v", listed)
	}
	if sex := listed.Tables[0].Columns[0]; sex.Name != "sex" || sex.Type != "text" || len(sex.Values) != 2 || sex.Values[0] != "f" {
		t.Errorf("%+v", sex)
	}
	if age := listed.Tables[0].Columns[1]; age.Smallest != "20" || age.Largest != "63" || age.Nullable {
		t.Errorf("%+v", age)
	}
	c.json = false
	nodetest.Check(t, c.listTables(t.Context(), f))
	if text := out.String(); !strings.Contains(text, "a 7 rows, b 7 rows") || !strings.Contains(text, "f, m") {
		t.Error(text)
	}
	for _, missing := range []askerFlags{{"", f.identity}, {f.node, ""}} {
		if c.listTables(t.Context(), missing) == nil {
			t.Errorf("%+v is taken", missing)
		}
	}
}
