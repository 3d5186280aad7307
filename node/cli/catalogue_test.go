package cli

import (
	"bytes"
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

// TestDescribePersons: describe holds the limit of rows of a person against the rows of a configured table, and shows it.
func TestDescribePersons(t *testing.T) {
	const config = "name = \"n\"\ndir = \"d\"\nlisten = \"/ip4/127.0.0.1/tcp/0\"\nparameters = \"light\"\npeers = []\nanalysts = []\n[[table]]\nname = \"t\"\nfiles = [\"t.csv\"]\nkey = [\"id\"]\nrows_per_person = "
	t.Chdir(nodetest.WriteFiles(t, map[string]string{"three.toml": config + "3\n", "two.toml": config + "2\n", "t.csv": "id,x\nann,1\nann,2\nann,3\nbob,4\n"}))
	describe := func(file string, more ...string) (status int, out, errs bytes.Buffer) {
		status = Main(append([]string{"describe", "--config", file, "t"}, more...), strings.NewReader(""), &out, &errs)
		return status, out, errs
	}
	if status, out, errs := describe("three.toml"); status != 0 || !strings.Contains(out.String(), "key          id: 3 rows with a key that another row has too\npersons      have 3 rows each at most") {
		t.Errorf("%d: %s%s", status, out.String(), errs.String())
	}
	if status, out, _ := describe("three.toml", "--json"); status != 0 || !strings.Contains(out.String(), `"rowsPerPerson": 3`) {
		t.Error(out.String())
	}
	status, out, errs := describe("two.toml")
	if status == 0 || out.Len() > 0 || !strings.Contains(errs.String(), "a key stands in 3 rows, and rows_per_person is 2") || strings.Contains(errs.String(), "ann") {
		t.Errorf("%d: %s%s", status, out.String(), errs.String())
	}
}
