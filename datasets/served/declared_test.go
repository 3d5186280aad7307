//go:build postgres

package served_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"parley/datasets"
	"parley/datasets/published"
	"parley/datasets/served"
	"parley/engine"
)

// TestServedDeclared: names, units, bounds and codes are declared of a table in a database as of files, and what
// its rows contradict is refused.
func TestServedDeclared(t *testing.T) {
	for _, s := range servers(t) {
		fill(t, s)
		connect := func(declared ...datasets.Declaration) (*datasets.Table, error) {
			table, err := datasets.Connect(context.Background(), "t", served.Options{Source: s.source, Table: "t"}, declared...)
			if err == nil {
				t.Cleanup(func() { table.Close() })
			}
			return table, err
		}
		table, err := connect(datasets.Declaration{Name: "k", As: "key", Codes: []datasets.Code{{Value: "4", Label: ""}, {Value: "1", Label: "one"}, {Value: "2", Label: "two"}, {Value: "3", Label: "three"}}},
			datasets.Declaration{Name: "d", Terms: published.Terms{Unit: "EUR"}, Min: "-5", Max: "1000.5"},
			datasets.Declaration{Name: "day", Min: "0001-01-01", Terms: published.Terms{Bounds: published.Measured}})
		if err != nil {
			t.Fatalf("%s: %v", s.name, err)
		}
		r := table.Registration("north", 1)
		if err := r.Validate(); err != nil {
			t.Error(err)
		}
		text := func(c engine.Column) string {
			return fmt.Sprintf("%s %s %v..%v %q %q", c.Name, c.Unit, c.Min, c.Max, c.Dictionary, c.Labels)
		}
		if got, want := text(r.Columns[0]), `key  1..4 ["1" "2" "3" "4"] ["one" "two" "three" ""]`; got != want {
			t.Errorf("%s: %s, want %s", s.name, got, want)
		}
		if got, want := text(r.Columns[3]), `d EUR -500..100050 [] []`; got != want {
			t.Errorf("%s: %s, want %s", s.name, got, want)
		}
		p, err := engine.NewPlan("SELECT key, count(*), sum(d) FROM t WHERE d < 500 GROUP BY key", engine.Catalogue{r}, []string{"north"},
			engine.Packing{LimbBits: 20, LimbsPerCiphertext: 3072, MaxCiphertexts: 4, MaxDepartments: 15})
		if err != nil {
			t.Fatal(err)
		}
		if cells, err := table.Aggregate(context.Background(), p, "north"); err != nil || len(cells) == 0 {
			t.Errorf("%s: %v %v", s.name, cells, err)
		}
		for want, d := range map[string]datasets.Declaration{
			`column "k": its value "3" is none of the declared codes`:     {Name: "k", Codes: []datasets.Code{{Value: "1"}, {Value: "2"}}},
			`column "d": its value 100 is beyond the declared`:            {Name: "d", Min: "-99", Max: "99"},
			`column "d": its value -0.01 is beyond the declared`:          {Name: "d", Min: "0", Max: "1000"},
			`column "kk": is declared and not there`:                      {Name: "kk"},
			`column "d": is called "d" in the table, as column "k" is`:    {Name: "k", As: "d"},
			`column "k": codes: "x" is not an integer`:                    {Name: "k", Codes: []datasets.Code{{Value: "x"}}},
			`column "day": more than half of its values stand in one row`: {Name: "day", Terms: published.Terms{Dictionary: true}},
		} {
			if _, err := connect(d); err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%s: %v, want %s", s.name, err, want)
			}
		}
		checkOutside(t, s.name, connect)
	}
}

// checkOutside: values outside of the codes are counted where they are declared so, and how often each value stands there
// is what the rows say.
func checkOutside(t *testing.T, name string, connect func(...datasets.Declaration) (*datasets.Table, error)) {
	t.Helper()
	var want []string
	counts := map[string]int64{}
	all, err := connect(datasets.Declaration{Name: "k", Codes: []datasets.Code{{Value: "1"}, {Value: "2"}, {Value: "3"}}})
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	for i, v := range all.Distributions()[0].Values {
		counts[v] = all.Distributions()[0].Rows[i]
		want = append(want, v)
	}
	q := all.Registration("north", 1)
	if len(want) != 3 || counts["1"]+counts["2"]+counts["3"]+q.Quality.Columns[0].Missing != q.Rows || q.Quality.Columns[0].Outside != 0 {
		t.Errorf("%s: %v of %+v", name, counts, q.Quality)
	}
	some, err := connect(datasets.Declaration{Name: "k", Codes: []datasets.Code{{Value: "1", Label: "one"}, {Value: "4"}}, Terms: published.Terms{Dictionary: true, Outside: published.Count, Drift: true}})
	if counts["2"] < 2 && counts["3"] < 2 {
		if err == nil {
			t.Errorf("%s: values are published that stand in one row alone", name)
		}
		return
	}
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	r := some.Registration("north", 1)
	if c := r.Columns[0]; r.Validate() != nil || strings.Join(c.Dictionary, " ") != "1 2 3 4" || strings.Join(c.Labels, "|") != "one|||" || r.Quality.Columns[0].Outside != counts["2"]+counts["3"] {
		t.Errorf("%s: %v %+v %+v, of %v", name, r.Validate(), c, r.Quality, counts)
	}
	if d := some.Distributions(); len(d) != 1 || !d[0].Told || d[0].Column != "k" {
		t.Errorf("%s: %+v", name, d)
	}
}
