package render

import (
	"math/big"
	"strings"
	"testing"

	"parley/engine"
	"parley/node/audit"
	"parley/node/nodetest"
)

func text(s string) *string { return &s }

func TestGridIsAlignedAndShowsNull(t *testing.T) {
	g := Grid{
		Head:  []string{"city", "count", "avg(工资)"},
		Right: []bool{false, true, true},
		Rows: [][]*string{
			{text("南京"), text("12"), text("3.50")},
			{text("Wuxi\x1b[31m\nx"), text("-1234567"), nil},
			{nil, text("0"), text("")},
		},
	}
	want := strings.Join([]string{
		` city              |    count | avg(工资)`,
		`-------------------+----------+-----------`,
		` 南京              |       12 |      3.50`,
		` Wuxi\u001b[31m\nx | -1234567 |    (null)`,
		` (null)            |        0 |`,
		`(3 rows)`,
		``,
	}, "\n")
	if got := g.String(); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	one := Grid{Head: []string{"count"}, Rows: [][]*string{{text("1")}}}
	if got := one.String(); !strings.HasSuffix(got, "(1 row)\n") {
		t.Errorf("one row ends in %q", got)
	}
}

func TestBeside(t *testing.T) {
	left, right := []string{" a", "---", " 1"}, []string{" b"}
	got := strings.Join(Beside(40, []string{"ours", "plain SQL"}, left, right), "\n")
	want := "ours    plain SQL\n a       b\n---\n 1"
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	got = strings.Join(Beside(10, []string{"ours", "plain SQL"}, left, right), "\n")
	want = "ours\n a\n---\n 1\n\nplain SQL\n b"
	if got != want {
		t.Errorf("too wide: got\n%s\nwant\n%s", got, want)
	}
}

// What was released is listed as released, whatever the end, and what was not is not.
func TestReleasedIsListed(t *testing.T) {
	for _, state := range []string{"done", "refused", "accused", "failed", "expired", "sharing"} {
		for _, released := range []bool{false, true} {
			q := &audit.Query{ID: "ab", State: state, Released: released, Reason: "why"}
			want := state
			if released {
				want = "released, " + state
			}
			list, show := Queries([]*audit.Query{q}, false), Query(q, nil, false)
			if !strings.Contains(list, "  "+want+"\n") || !strings.Contains(show, " "+want+": why\n") {
				t.Errorf("%s, released %v:\n%s\n%s", state, released, list, show)
			}
		}
	}
}

// TestSchema: what `try`, `explain` and `tables` show of a table, within 80 columns.
func TestSchema(t *testing.T) {
	column := func(name string, kind engine.Kind, low, high int64) engine.Column {
		return engine.Column{Name: name, Kind: kind, Min: big.NewInt(low), Max: big.NewInt(high)}
	}
	income, ward := column("taxable_income", engine.Decimal, 586, 131880880), engine.Column{Name: "ward", Kind: engine.Text, HasDictionary: true,
		Dictionary: []string{"Cardiology", "Intensive care", "Oncology", "Surge\u202ery", "内科"}}
	income.Scale, income.Unit, ward.Nullable = 2, "CNY", true
	year := column("year", engine.Integer, 2019, 2020)
	year.HasDictionary, year.Dictionary = true, []string{"2019", "2020"}
	sex := engine.Column{Name: "sex", Kind: engine.Text, HasDictionary: true, Dictionary: []string{"1", "2", "9"}, Labels: []string{"male", "female", ""}}
	columns := []engine.Column{column("person_id", engine.Integer, 1000000004, 3000009999), year, income, ward, sex}
	var registrations []engine.Registration
	for _, name := range []string{"nanjing-tax", "suzhou-tax", "wuxi-tax", "a department with a long name"} {
		registrations = append(registrations, engine.Registration{Department: name, Table: "tax", Rows: 8914, Columns: columns})
	}
	nodetest.Golden(t, "schema", Schema(registrations, engine.Schema{Table: "tax", Columns: columns})+"\n")
}
