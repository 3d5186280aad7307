package datasets

import (
	"context"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"strconv"
	"strings"

	"parley/datasets/files"
	"parley/engine"
)

// ErrRegistration is in the chain of an error of Aggregate when the table is not
// the one that the plan was made for: another digest, row count or description.
var ErrRegistration = errors.New("the table is not as it was registered")

// Aggregate computes the department's cells of a plan over this table: exact
// integers, one for each cell, cell group·len(p.Moments)+moment, 0 in groups
// without rows.
//
// It first requires that the plan's registration of the department is this
// table's own; otherwise the error wraps ErrRegistration. A SELECT in the embedded
// DuckDB computes the cells, and one more for each set of columns whose values they count; plans
// with numbers beyond 126 bits are computed over the record batches in Go, some fifty times
// slower (README, section 6). The cells are the department's secret.
func (t *Table) Aggregate(ctx context.Context, p *engine.Plan, department string) ([]*big.Int, error) {
	a, err := t.aggregation(p, department)
	if err != nil {
		return nil, err
	}
	cells, err := a.compute(ctx)
	if errors.Is(err, errGoPath) {
		return a.stream(ctx)
	}
	return cells, err
}

// compute runs the plan's statements in DuckDB; errGoPath, before any of them, when
// its integers do not suffice.
func (a *aggregation) compute(ctx context.Context) ([]*big.Int, error) {
	single, batches := a.tallies()
	single, spans := a.rangesOf(single)
	statement, err := a.statement(single)
	if err != nil {
		return nil, err
	}
	statements := make([]string, len(batches))
	for i, b := range batches {
		if statements[i], err = a.tallyStatement(b); err != nil {
			return nil, err
		}
	}
	counts := make([]string, len(spans))
	for i, r := range spans {
		if counts[i], err = a.rangesStatement(r); err != nil {
			return nil, err
		}
	}
	cells := a.zeros()
	for i, r := range spans {
		if err := a.runRanges(ctx, r, counts[i], cells); err != nil {
			return nil, err
		}
	}
	if err := a.run(ctx, statement, single, cells); err != nil {
		return nil, err
	}
	for i, b := range batches {
		if err := a.runTally(ctx, b, statements[i], cells); err != nil {
			return nil, err
		}
	}
	return cells, nil
}

// aggregation is one plan over one table.
type aggregation struct {
	table   *Table
	plan    *engine.Plan
	columns []sourceOf       // of the plan's schema, then of scores
	groups  []map[string]int // for each key of GROUP BY: canonical text to the index among its values
	nulls   []int            // for each key of GROUP BY: the index of NULL, or −1
	moments []engine.Moment  // the plan's, with columns for scores
	scores  []*engine.Expr   // the last of columns
}

func (t *Table) aggregation(p *engine.Plan, department string) (*aggregation, error) {
	at := slices.Index(p.Departments, department)
	if at < 0 || at >= len(p.Registrations) {
		return nil, fmt.Errorf("department %s is not one of the plan's: %w", files.Shown(department), ErrRegistration)
	}
	registered := p.Registrations[at]
	own := t.Registration(department, registered.Version)
	switch {
	case registered.Digest != own.Digest || registered.Rows != own.Rows:
		return nil, fmt.Errorf("table %s has digest %s and %d rows, the plan's registration %s and %d: %w",
			files.Shown(t.name), own.Digest, own.Rows, registered.Digest, registered.Rows, ErrRegistration)
	case !slices.Equal(engine.Marshal(registered), engine.Marshal(own)):
		return nil, fmt.Errorf("table %s is described otherwise in the plan's registration: %w", files.Shown(t.name), ErrRegistration)
	}
	columns, err := t.sources(p.Schema)
	if err != nil {
		return nil, err
	}
	a := &aggregation{table: t, plan: p, columns: columns, moments: make([]engine.Moment, len(p.Moments))}
	a.hoistScores()
	for _, g := range p.Groups {
		if g.Expr == nil {
			return nil, fmt.Errorf("datasets: a group without an expression")
		}
		index, null := make(map[string]int, len(g.Values)), -1
		for i, v := range g.Values {
			if v.IsNull() {
				null = i
			} else {
				index[v.String()] = i
			}
		}
		a.groups, a.nulls = append(a.groups, index), append(a.nulls, null)
	}
	return a, nil
}

// statement writes the SELECT of some of the moments: the group columns, then a column
// for each of them. errGoPath when DuckDB's integers do not suffice.
func (a *aggregation) statement(moments []int) (string, error) {
	x := translator{columns: a.columns}
	var parts []string
	for _, m := range moments {
		part, err := a.moment(x, a.moments[m])
		if err != nil {
			return "", err
		}
		parts = append(parts, part)
	}
	return a.selection(x, nil, parts, nil)
}

// selection writes a SELECT of the groups' columns, of other keys, and of what is computed for each
// of their values, over the rows that pass the plan's filter, another one if there is one, and
// conditions.
func (a *aggregation) selection(x translator, others, parts []string, filter *engine.Expr, conditions ...string) (string, error) {
	from, err := a.rows()
	if err != nil {
		return "", err
	}
	var keys []string
	for _, g := range a.plan.Groups {
		key, err := x.key(g.Expr)
		if err != nil {
			return "", err
		}
		keys = append(keys, key)
	}
	keys = append(keys, others...)
	for _, f := range []*engine.Expr{a.plan.Filter, filter} {
		if f == nil {
			continue
		}
		condition, err := x.expression(f)
		if err != nil {
			return "", err
		}
		conditions = append(conditions, condition)
	}
	out := "SELECT " + strings.Join(append(slices.Clone(keys), parts...), ", ") + " FROM " + from
	if len(conditions) > 0 {
		out += " WHERE " + strings.Join(conditions, " AND ")
	}
	for i := range keys { // not ALL, by which constants make one group of no rows
		keys[i] = strconv.Itoa(i + 1)
	}
	if len(keys) > 0 {
		out += " GROUP BY " + strings.Join(keys, ", ")
	}
	return out, nil
}

func (a *aggregation) moment(x translator, m engine.Moment) (string, error) {
	argument := "*"
	if m.Op != engine.CountRows && m.Op != engine.Present {
		if m.Expr == nil {
			return "", fmt.Errorf("datasets: a moment without an expression")
		}
		var err error
		if argument, err = x.expression(m.Expr); err != nil {
			return "", err
		}
	}
	var out string
	switch m.Op {
	case engine.CountRows, engine.CountNonNull, engine.Present:
		out = "count(" + argument + ")"
	case engine.Sum:
		rows := big.NewInt(a.table.rows)
		if widest(m.Expr)+rows.BitLen() > wideBits {
			return "", errGoPath
		}
		out = "coalesce(sum(" + argument + "), 0)"
	default:
		return "", fmt.Errorf("datasets: moment operation %d", m.Op)
	}
	present := func(count string) string {
		if m.Op == engine.Present {
			return "CAST(" + count + " > 0 AS BIGINT)"
		}
		return count
	}
	if m.Filter == nil {
		return present(out), nil
	}
	filter, err := x.expression(m.Filter)
	if err != nil {
		return "", err
	}
	if m.Op == engine.Sum {
		return "coalesce(sum(" + argument + ") FILTER (WHERE " + filter + "), 0)", nil
	}
	return present(out + " FILTER (WHERE " + filter + ")"), nil
}

// run executes the statement of some of the moments and puts its rows into cells.
func (a *aggregation) run(ctx context.Context, statement string, moments []int, cells []*big.Int) error {
	rows, err := a.table.query(ctx, statement)
	if err != nil {
		return fmt.Errorf("aggregating table %s: %w", files.Shown(a.table.name), err)
	}
	for _, row := range rows {
		if len(row) != len(a.groups)+len(moments) {
			return fmt.Errorf("datasets: %d columns came back from DuckDB", len(row))
		}
		group, err := a.groupOf(row)
		if err != nil {
			return err
		}
		for i, m := range moments {
			v, ok := bigValue(row[len(a.groups)+i])
			if !ok {
				return fmt.Errorf("datasets: DuckDB gave a moment as %T", row[len(a.groups)+i])
			}
			cells[group*len(a.moments)+m] = v
		}
	}
	return nil
}

// groupOf is the index of the group that the first values of a row name.
func (a *aggregation) groupOf(row []any) (int, error) {
	group := 0
	for i, g := range a.plan.Groups {
		key, null, err := keyText(a.valuesOf(g.Expr), row[i])
		if err != nil {
			return 0, err
		}
		if group, err = a.extend(group, i, key, null); err != nil {
			return 0, err
		}
	}
	return group, nil
}

func (a *aggregation) zeros() []*big.Int {
	cells := make([]*big.Int, a.plan.CellCount())
	for i := range cells {
		cells[i] = new(big.Int)
	}
	return cells
}

// key writes what DuckDB groups by: a column as the table has it, whatever its scale in the
// schema.
func (x translator) key(e *engine.Expr) (string, error) {
	if e.Op != engine.OpColumn {
		return x.expression(e)
	}
	if e.Column < 0 || e.Column >= len(x.columns) {
		return "", fmt.Errorf("datasets: the schema has no column %d", e.Column)
	}
	return columnName(x.columns[e.Column].index), nil
}

// valuesOf is what the values of a key are.
func (a *aggregation) valuesOf(e *engine.Expr) column {
	if e.Op == engine.OpColumn {
		return a.columns[e.Column].own
	}
	return column{kind: e.Kind, scale: e.Scale}
}

// keyText is the canonical text of a value that DuckDB grouped by.
func keyText(of column, value any) (key string, null bool, err error) {
	switch v := value.(type) {
	case nil:
		return "", true, nil
	case string:
		return v, false, nil
	case bool:
		return engine.NewBoolean(v).String(), false, nil
	}
	if n, ok := bigValue(value); ok {
		return datum(of, n).String(), false, nil
	}
	return "", false, fmt.Errorf("datasets: DuckDB gave a group as %T", value)
}

// extend adds the next key to a group's index: mixed radix, the last key fastest. A value that
// the plan does not list means that the rows are not those that were registered.
func (a *aggregation) extend(group, i int, key string, null bool) (int, error) {
	at, ok := a.groups[i][key]
	if null {
		at, ok = a.nulls[i], a.nulls[i] >= 0
	}
	if !ok {
		if e := a.plan.Groups[i].Expr; e.Op == engine.OpColumn {
			return 0, fmt.Errorf("a value of column %s is not in its registered dictionary: %w",
				files.Shown(a.plan.Schema.Columns[e.Column].Name), ErrRegistration)
		}
		return 0, fmt.Errorf("expression %d of GROUP BY has a value that does not follow from the registered columns: %w", i+1, ErrRegistration)
	}
	return group*len(a.plan.Groups[i].Values) + at, nil
}
