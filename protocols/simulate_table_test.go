package protocols_test

import (
	"fmt"
	"math/big"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"parley/engine"
)

// person is a row of the simulated tables.
type person struct {
	sex  string
	age  int64
	chol *int64 // NULL
}

// The columns, in their order.
const (
	columnSex = iota
	columnAge
	columnChol
)

func (p person) datum(column int) engine.Datum {
	switch column {
	case columnSex:
		return engine.NewText(p.sex)
	case columnAge:
		return engine.NewInteger(p.age)
	}
	if p.chol == nil {
		return engine.Datum{}
	}
	return engine.NewInteger(*p.chol)
}

func randomRows(rng *rand.Rand, n int) []person {
	rows := make([]person, n)
	for i := range rows {
		rows[i] = person{sex: []string{"F", "M"}[rng.IntN(2)], age: 40 + rng.Int64N(8)}
		if chol := rng.Int64N(500) - 100; rng.IntN(4) > 0 {
			rows[i].chol = &chol
		}
	}
	return rows
}

func registration(department, table string, version uint64, rows []person) engine.Registration {
	r := engine.Registration{Department: department, Table: table, Version: version, Rows: int64(len(rows)),
		Digest: engine.Hash("test rows", fmt.Append(nil, rows)), About: engine.About{Class: engine.ClassUnconditional}}
	for c, name := range []string{"sex", "age", "chol"} {
		column := engine.Column{Name: name, Kind: engine.Integer, HasDictionary: c != columnChol}
		if c == columnSex {
			column.Kind = engine.Text
		}
		var values []engine.Datum
		for _, row := range rows {
			if v := row.datum(c); v.IsNull() {
				column.Nullable = true
			} else {
				values = append(values, v)
			}
		}
		slices.SortFunc(values, engine.Datum.Compare)
		if len(values) > 0 && column.Kind == engine.Integer {
			column.Min, column.Max = values[0].Number, values[len(values)-1].Number
		}
		for _, v := range values {
			if column.HasDictionary {
				column.Dictionary = append(column.Dictionary, v.String())
			}
		}
		column.Dictionary = slices.Compact(column.Dictionary)
		r.Columns = append(r.Columns, column)
	}
	return r
}

// aggregate is one department's local aggregation.
func aggregate(t testing.TB, p *engine.Plan, rows []person) []*big.Int {
	return aggregateWith(t, p, rows, nil)
}

// aggregateWith is aggregate of a plan that reads further columns of a row, by its index, behind the table's.
func aggregateWith(t testing.TB, p *engine.Plan, rows []person, further func(row, column int) engine.Datum) []*big.Int {
	cells := make([]*big.Int, p.CellCount())
	for i := range cells {
		cells[i] = new(big.Int)
	}
	at, index, weights := 0, 0, engine.NewWeights(p)
	eval := func(e *engine.Expr, row person) engine.Datum {
		v, err := e.Eval(func(column int) engine.Datum {
			if column < 0 {
				return p.Start(-1-column, at)
			}
			if column > columnChol {
				return further(index, column-columnChol-1)
			}
			return row.datum(column)
		})
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	passes := func(e *engine.Expr, row person) bool { return e == nil || eval(e, row).Bool }
	for i, row := range rows {
		if index = i; !passes(p.Filter, row) {
			continue
		}
		group := 0
		for _, g := range p.Groups {
			i := slices.IndexFunc(g.Values, func(v engine.Datum) bool { return v.Compare(row.datum(g.Expr.Column)) == 0 })
			group = group*len(g.Values) + i
		}
		at = group
		for m, moment := range p.Moments {
			cell := cells[group*len(p.Moments)+m]
			switch {
			case !passes(moment.Filter, row):
			case moment.Op == engine.CountRows:
				cell.Add(cell, big.NewInt(1))
			case eval(moment.Expr, row).IsNull():
			case moment.Op == engine.Sum:
				cell.Add(cell, eval(moment.Expr, row).Number)
			case moment.Op == engine.Weigh:
				weights.Add(group*len(p.Moments)+m, eval(moment.Expr, row).Number)
			default:
				cell.Add(cell, big.NewInt(1))
			}
		}
	}
	weights.Finish(cells)
	return cells
}

// question is one of the simulated questions, with the plain computation of its answer.
type question struct {
	sql   string
	of    string // the question of which sql is a round
	round int
	plain func(rows []person) [][]string
}

var bySex = question{
	sql: "SELECT sex, count(*), count(chol), sum(chol) FROM heart WHERE age >= 43 GROUP BY sex ORDER BY sex",
	plain: func(rows []person) [][]string {
		return group(rows, func(p person) string { return p.sex }, func(p person) bool { return p.age >= 43 })
	},
}

// byAge needs more than one ciphertext at the tiny set.
var byAge = question{
	sql: "SELECT age, count(*), count(chol), sum(chol) FROM heart GROUP BY age ORDER BY age",
	plain: func(rows []person) [][]string {
		return group(rows, func(p person) string { return fmt.Sprint(p.age) }, func(person) bool { return true })
	},
}

func group(rows []person, key func(person) string, keep func(person) bool) [][]string {
	type sums struct{ rows, values, total int64 }
	groups := map[string]*sums{}
	var keys []string
	for _, p := range rows {
		if !keep(p) {
			continue
		}
		k := key(p)
		if groups[k] == nil {
			groups[k] = &sums{}
			keys = append(keys, k)
		}
		groups[k].rows++
		if p.chol != nil {
			groups[k].values++
			groups[k].total += *p.chol
		}
	}
	slices.Sort(keys)
	var out [][]string
	for _, k := range keys {
		total := "NULL"
		if groups[k].values > 0 {
			total = fmt.Sprint(groups[k].total)
		}
		out = append(out, []string{k, fmt.Sprint(groups[k].rows), fmt.Sprint(groups[k].values), total})
	}
	return out
}

func printed(r *engine.Result) string {
	if r == nil {
		return "no result"
	}
	var b strings.Builder
	for _, row := range r.Rows {
		for _, v := range row {
			if v.Exact == nil {
				b.WriteString("NULL ")
			} else {
				b.WriteString(*v.Exact + " ")
			}
		}
		b.WriteString("\n")
	}
	return b.String()
}

func printedPlain(rows [][]string) string {
	var b strings.Builder
	for _, row := range rows {
		b.WriteString(strings.Join(row, " ") + " \n")
	}
	return b.String()
}
