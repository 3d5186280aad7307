package datasets

import (
	"context"
	"errors"
	"fmt"
	"math/big"
	"strings"
	"sync"
	"testing"

	"parley/datasets/rehearsal"
	"parley/engine"
)

func TestAggregateCells(t *testing.T) {
	tables := map[string]*Table{
		"a": openText(t, "g,x,ok\nu,1.5,true\nu,,true\n,2,false\n"),
		"b": openText(t, "x,ok,g\n3,,v\n-4,true,u\n"), // integers, in another order
		"c": openText(t, "g,x,ok\n,,\n"),              // nothing but NULL
	}
	sql := "SELECT g, count(*), count(x), sum(x), count(*) FILTER (WHERE ok) FROM t GROUP BY g ORDER BY g"
	p, err := plan(t, sql, tables)
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{ // groups u, v, NULL
		"a": "[2 1 15 2 0 0 0 0 1 1 20 0]",
		"b": "[1 1 -40 1 1 1 30 0 0 0 0 0]",
		"c": "[0 0 0 0 0 0 0 0 1 0 0 0]",
	} {
		cells, err := tables[name].Aggregate(context.Background(), p, name)
		if err != nil || fmt.Sprint(cells) != want {
			t.Errorf("%s: %v %v, want %s", name, cells, err, want)
		}
	}
	wantRows(t, ask(t, sql, tables), "u|3|2|-2.5|3", "v|1|1|3|0", "NULL|2|1|2|0")
}

// TestAggregateNeedsItsRegistration: a plan made for another table, version of
// its rows, or department is refused.
func TestAggregateNeedsItsRegistration(t *testing.T) {
	mine, other := openText(t, "g,x\nu,1\nv,2\n"), openText(t, "g,x\nu,2\nv,1\n")
	p, err := plan(t, "SELECT g, sum(x) FROM t GROUP BY g", map[string]*Table{"a": mine, "b": other})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := mine.Aggregate(context.Background(), p, "a"); err != nil {
		t.Error(err)
	}
	for name, try := range map[string]func() (*Table, *engine.Plan, string){
		"another table":      func() (*Table, *engine.Plan, string) { return mine, p, "b" },
		"another department": func() (*Table, *engine.Plan, string) { return mine, p, "z" },
		"another bound": func() (*Table, *engine.Plan, string) {
			changed := *p
			changed.Registrations = append([]engine.Registration(nil), p.Registrations...)
			r := changed.Registrations[0]
			r.Columns = append([]engine.Column(nil), r.Columns...)
			r.Columns[1].Max = big.NewInt(3)
			changed.Registrations[0] = r
			return mine, &changed, "a"
		},
		"a value outside the dictionary": func() (*Table, *engine.Plan, string) {
			changed := *p
			changed.Groups = []engine.GroupColumn{{Expr: p.Groups[0].Expr, Values: []engine.Datum{engine.NewText("u")}}}
			return mine, &changed, "a"
		},
		"a value that an expression has not": func() (*Table, *engine.Plan, string) {
			changed, err := plan(t, "SELECT upper(g), sum(x) FROM t GROUP BY 1", map[string]*Table{"a": mine, "b": other})
			if err != nil {
				t.Fatal(err)
			}
			changed.Groups[0].Values = []engine.Datum{engine.NewText("U")}
			if a, err := mine.aggregation(changed, "a", nil); err != nil {
				t.Error(err)
			} else if _, err := a.stream(context.Background()); !errors.Is(err, ErrRegistration) {
				t.Errorf("in Go: %v", err)
			}
			return mine, changed, "a"
		},
	} {
		table, plan, department := try()
		if cells, err := table.Aggregate(context.Background(), plan, department); !errors.Is(err, ErrRegistration) {
			t.Errorf("%s: %v %v", name, cells, err)
		}
	}
}

// TestWideSums go beyond DuckDB's 128 bits on the way.
func TestWideSums(t *testing.T) {
	big19 := "9223372036854775807"
	tables := map[string]*Table{"a": openText(t, "x,y\n"+strings.Repeat(big19+",1\n-"+big19+",2\n", 2)), "b": openText(t, "x,y\n5,3\n")}
	wantRows(t, ask(t, "SELECT count(*) FROM t WHERE x * x * x * x > 0 AND x * 1000000000000000000000000000 < 0", tables), "2")
	wantRows(t, ask(t, "SELECT sum(x), sum(x * y) FROM t", tables), "5|"+new(big.Int).Add(bigInt("-18446744073709551614"), big.NewInt(15)).String())
}

func TestAggregateConcurrently(t *testing.T) {
	table := openText(t, rehearsal.NewSample(1).Table(0, 300))
	tables := map[string]*Table{"a": table}
	p, err := plan(t, "SELECT k, sum(i), avg(d) FROM t WHERE s <> 'a' GROUP BY k", tables)
	if err != nil {
		t.Fatal(err)
	}
	want, err := table.Aggregate(context.Background(), p, "a")
	if err != nil {
		t.Fatal(err)
	}
	var wait sync.WaitGroup
	for range 8 {
		wait.Go(func() {
			got, err := table.Aggregate(context.Background(), p, "a")
			if err != nil || fmt.Sprint(got) != fmt.Sprint(want) {
				t.Errorf("%v %v", got, err)
			}
		})
	}
	wait.Wait()
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := table.Aggregate(ctx, p, "a"); err == nil {
		t.Error("a cancelled aggregation gave cells")
	}
}

// TestQuotedNames: names and values that look like SQL are names and values.
func TestQuotedNames(t *testing.T) {
	tables := map[string]*Table{"a": openText(t, "\"x\"\"; DROP TABLE rows; --\",v\n'; DROP TABLE rows; --,1\nother,2\n")}
	sql := `SELECT "x""; DROP TABLE rows; --", sum(v) FROM t WHERE "x""; DROP TABLE rows; --" = '''; DROP TABLE rows; --' GROUP BY 1`
	wantRows(t, ask(t, sql, tables), "'; DROP TABLE rows; --|1")
	wantRows(t, ask(t, "SELECT sum(v) FROM t", tables), "3")
}
