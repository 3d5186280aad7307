package cli

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"parley/node/nodetest"
)

// TestExplainTellsLimits: what no ledger would take is told by explain, which starts nothing, and
// not by nodes that fail.
func TestExplainTellsLimits(t *testing.T) {
	var wide strings.Builder // a registration of some 5 MB: a column's values are its dictionary
	for i := range 4001 {
		cell := fmt.Sprintf("%04d%s", i, strings.Repeat("x", 420))
		if i == 0 {
			cell = "c"
		}
		fmt.Fprintf(&wide, "%s1,%s2,%s3\n", cell, cell, cell)
		if i > 0 { // values that stand in one row alone get no dictionary
			fmt.Fprintf(&wide, "%s1,%s2,%s3\n", cell, cell, cell)
		}
	}
	t.Chdir(nodetest.WriteFiles(t, map[string]string{"a.csv": "c1,c2,c3\n1,2,3\n", "b.csv": "c1,c2,c3\n1,2,3\n", "wide.csv": wide.String()}))
	tables := func(n int) (args []string) {
		for i := range n {
			args = append(args, "--table", fmt.Sprintf("t%d=a.csv,b.csv", i))
		}
		return args
	}
	for _, c := range []struct {
		what string
		args []string
		says string
	}{
		{"a registration over the limit", []string{"--table", "t0=wide.csv"}, "over the limit of 4193792"},
		{"too many tables", tables(65), "it may have 64"},
		{"one of two tables over the limit", append(tables(1), "--table", "u=wide.csv,a.csv"), "over the limit of 4193792"},
		{"a table's name with a control", []string{"--table", "t\x01t=a.csv,b.csv"}, "control"},
		{"what is taken", tables(2), ""},
	} {
		t.Run(c.what, func(t *testing.T) {
			var out, errs bytes.Buffer
			status := Main(append(append([]string{"explain", "--json", "--header", "yes"}, c.args...), "SELECT count(*) FROM t0"), nil, &out, &errs)
			var told struct {
				Error *struct{ Code, Message, Department string }
			}
			if err := json.Unmarshal(out.Bytes(), &told); err != nil {
				t.Fatalf("%v: %s %s", err, out.String(), errs.String())
			}
			switch {
			case c.says == "" && (status != 0 || told.Error != nil):
				t.Errorf("status %d: %+v", status, told.Error)
			case c.says != "" && (status == 0 || told.Error == nil || !strings.Contains(told.Error.Message, c.says)):
				t.Errorf("status %d: %+v %s", status, told.Error, errs.String())
			}
		})
	}
}
