package plain

import (
	"fmt"
	"math/big"
	"slices"
	"strings"
	"time"

	"github.com/duckdb/duckdb-go/v2"
	pg "github.com/pganalyze/pg_query_go/v6"

	"parley/datasets/files"
	"parley/datasets/layout"
	"parley/engine"
)

// value is what PostgreSQL would hold, and beside a
// number its exact value.
type value struct {
	engine.Datum
	exact    *big.Rat
	quotient bool // a division is in it: its exact text is p/q
	literal  bool // a string constant, whose kind the other operand decides
}

// group is one group.
type group struct {
	groups  []value
	calls   map[*pg.FuncCall]value
	outputs []value
	keys    []value
}

// finish makes the answer from DuckDB's rows: group columns, then two numbers
// for each aggregate call.
func (q *query) finish(rows [][]any) (*engine.Result, error) {
	var kept []*group
	for _, raw := range rows {
		row, err := q.read(raw)
		if err != nil {
			return nil, err
		}
		if q.stmt.HavingClause != nil {
			pass, err := q.eval(q.stmt.HavingClause, row)
			if err != nil {
				return nil, err
			}
			if pass.Kind != engine.Boolean || !pass.Bool {
				continue
			}
		}
		if err := q.compute(row); err != nil {
			return nil, err
		}
		kept = append(kept, row)
	}
	slices.SortStableFunc(kept, func(a, b *group) int { return compareValues(a.groups, b.groups, nil) })
	slices.SortStableFunc(kept, func(a, b *group) int { return compareValues(a.keys, b.keys, q.stmt.SortClause) })
	if n, ok := wholeNumber(q.stmt.LimitOffset); ok {
		kept = kept[min(n, int64(len(kept))):]
	}
	if n, ok := wholeNumber(q.stmt.LimitCount); ok {
		kept = kept[:min(n, int64(len(kept)))]
	}
	return q.result(kept), nil
}

// read takes one row of DuckDB.
func (q *query) read(raw []any) (*group, error) {
	if len(raw) != len(q.groups)+2*len(q.calls) {
		return nil, fmt.Errorf("plain SQL: %d columns came back", len(raw))
	}
	row := &group{calls: map[*pg.FuncCall]value{}}
	for i, g := range q.groups {
		v, err := readValue(raw[i])
		if err != nil {
			return nil, err
		}
		if v.Kind == engine.Decimal || v.Kind == engine.Integer {
			v.Kind = q.columns[g].kind
		}
		row.groups = append(row.groups, v)
	}
	for i, call := range q.calls {
		v, err := readValue(raw[len(q.groups)+2*i])
		if err != nil {
			return nil, err
		}
		n, err := readValue(raw[len(q.groups)+2*i+1])
		if err != nil {
			return nil, err
		}
		switch functionOf(call) {
		case "count":
		case "sum", "avg":
			if !v.IsNull() {
				v.Kind = callKind(call)
			}
			if functionOf(call) == "avg" && !v.IsNull() {
				v = divided(v, n)
			}
		default:
			return nil, fmt.Errorf("plain SQL: the function %s", functionOf(call))
		}
		row.calls[call] = v
	}
	return row, nil
}

// readValue takes a value of the driver.
func readValue(raw any) (value, error) {
	switch v := raw.(type) {
	case nil:
		return value{}, nil
	case string:
		return value{Datum: engine.NewText(v)}, nil
	case bool:
		return value{Datum: engine.NewBoolean(v)}, nil
	case time.Time:
		return value{Datum: engine.NewDate(v.Unix() / layout.SecondsPerDay)}, nil
	case duckdb.Decimal:
		return number(engine.NewDecimal(v.Value, int(v.Scale))), nil
	case int32:
		return number(engine.NewInteger(int64(v))), nil
	case int64:
		return number(engine.NewInteger(v)), nil
	case *big.Int:
		return number(engine.Datum{Kind: engine.Integer, Number: v}), nil
	}
	return value{}, fmt.Errorf("plain SQL: DuckDB computed a %T, which is not exact", raw)
}

func number(d engine.Datum) value {
	return value{Datum: d, exact: new(big.Rat).SetFrac(d.Number, files.PowerOfTen(d.Scale))}
}

// divided is a/b as PostgreSQL's numeric gives it (numeric.c, select_div_scale):
// at least 16 significant digits, counted in base 10,000, and no fewer decimal
// places than either operand; rounded half away from zero.
func divided(a, b value) value {
	weightA, firstA := baseTenThousand(a.Datum)
	weightB, firstB := baseTenThousand(b.Datum)
	weight := weightA - weightB
	if firstA <= firstB {
		weight--
	}
	scale := min(max(16-4*weight, a.Scale, b.Scale, 0), 1000)
	exact := new(big.Rat).Quo(a.exact, b.exact)
	shown := new(big.Rat).Quo(number(a.Datum).exact, number(b.Datum).exact)
	text := shown.FloatString(scale) // rounds half away from zero
	unscaled, _ := new(big.Int).SetString(strings.Replace(text, ".", "", 1), 10)
	return value{Datum: engine.NewDecimal(unscaled, scale), exact: exact, quotient: true}
}

// baseTenThousand gives the weight and the value of the first digit of a number
// in base 10,000.
func baseTenThousand(d engine.Datum) (weight, first int) {
	rest := new(big.Rat).Abs(number(d).exact)
	if rest.Sign() == 0 {
		return 0, 0
	}
	base := new(big.Rat).SetInt64(10000)
	for rest.Cmp(base) >= 0 {
		rest.Quo(rest, base)
		weight++
	}
	for rest.Cmp(new(big.Rat).SetInt64(1)) < 0 {
		rest.Mul(rest, base)
		weight--
	}
	return weight, int(new(big.Int).Quo(rest.Num(), rest.Denom()).Int64())
}

// compute evaluates the select list and the keys of ORDER BY.
func (q *query) compute(row *group) error {
	for _, target := range q.stmt.TargetList {
		v, err := q.eval(target.GetResTarget().GetVal(), row)
		if err != nil {
			return err
		}
		row.outputs = append(row.outputs, v)
	}
	for _, sort := range q.stmt.SortClause {
		node := sort.GetSortBy().GetNode()
		if n, ok := wholeNumber(node); ok && n >= 1 && n <= int64(len(row.outputs)) {
			row.keys = append(row.keys, row.outputs[n-1])
			continue
		}
		if ref := node.GetColumnRef(); ref != nil && len(ref.Fields) == 1 {
			if named := q.aliases[ref.Fields[0].GetString_().GetSval()]; named != nil {
				node = named
			}
		}
		v, err := q.eval(node, row)
		if err != nil {
			return err
		}
		row.keys = append(row.keys, v)
	}
	return nil
}

// compareValues orders rows by the clauses of ORDER BY, or ascending without.
// NULL counts as larger than everything.
func compareValues(a, b []value, clauses []*pg.Node) int {
	for i := range a {
		descending, nullsFirst := false, false
		if clauses != nil {
			by := clauses[i].GetSortBy()
			descending = by.GetSortbyDir() == pg.SortByDir_SORTBY_DESC
			nullsFirst = descending
			switch by.GetSortbyNulls() {
			case pg.SortByNulls_SORTBY_NULLS_FIRST:
				nullsFirst = true
			case pg.SortByNulls_SORTBY_NULLS_LAST:
				nullsFirst = false
			}
		}
		order := 0
		switch {
		case a[i].IsNull() && b[i].IsNull():
		case a[i].IsNull() == nullsFirst && a[i].IsNull() != b[i].IsNull():
			order = -1
		case a[i].IsNull() != b[i].IsNull():
			order = 1
		default:
			if order = orderOf(a[i], b[i]); descending {
				order = -order
			}
		}
		if order != 0 {
			return order
		}
	}
	return 0
}

func orderOf(a, b value) int {
	if a.exact != nil && b.exact != nil {
		return a.exact.Cmp(b.exact)
	}
	return a.Compare(b.Datum)
}

// result prints the rows.
func (q *query) result(rows []*group) *engine.Result {
	out := &engine.Result{Rows: make([][]engine.Value, len(rows))}
	for _, target := range q.stmt.TargetList {
		t := target.GetResTarget()
		out.Columns = append(out.Columns, q.outputName(t.GetName(), t.GetVal()))
		out.Kinds = append(out.Kinds, q.kindOf(t.GetVal()))
	}
	for r, row := range rows {
		out.Rows[r] = make([]engine.Value, len(row.outputs))
		for i, v := range row.outputs {
			out.Rows[r][i] = v.print()
		}
	}
	return out
}

// print gives both texts of a value.
func (v value) print() engine.Value {
	if v.IsNull() {
		return engine.Value{}
	}
	text := v.Datum.String()
	shortest := text
	if v.exact != nil {
		text = new(big.Rat).SetFrac(v.Number, files.PowerOfTen(v.Scale)).FloatString(v.Scale)
		if v.quotient {
			shortest = v.exact.RatString()
		}
	}
	return engine.Value{Text: &text, Exact: &shortest}
}

// outputName is the name that PostgreSQL gives to an output.
func (q *query) outputName(alias string, node *pg.Node) string {
	switch {
	case alias != "":
		return alias
	case node.GetColumnRef() != nil:
		if at := q.column(node.GetColumnRef()); at >= 0 {
			return q.columns[at].name
		}
	case node.GetFuncCall() != nil:
		return functionOf(node.GetFuncCall())
	case node.GetTypeCast() != nil:
		if name := q.outputName("", node.GetTypeCast().Arg); name != "?column?" {
			return name
		}
		return castName(node.GetTypeCast())
	case node.GetAConst().GetBoolval() != nil:
		return "bool"
	}
	return "?column?"
}
