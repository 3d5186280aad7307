package datasets

import (
	"context"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"strconv"
	"strings"

	"parley/datasets/calls"
	"parley/datasets/dialect"
	"parley/datasets/duck"
	"parley/datasets/files"
	"parley/datasets/served"
	"parley/datasets/summary"
	"parley/engine"
	"parley/engine/cellkey"
)

// ErrRegistration is in the chain of an error of Aggregate when the table is not
// the one that the plan was made for: another digest, row count or description.
var ErrRegistration = served.ErrChanged

// Aggregate computes the department's cells of a plan over this table: exact
// integers, one for each cell, cell group·len(p.Moments)+moment, 0 in groups
// without rows.
//
// It first requires that the plan's registration of the department is this
// table's own; otherwise the error wraps ErrRegistration. A SELECT in the embedded
// DuckDB computes the cells, and one more for each set of columns whose values they count; plans
// with numbers beyond 126 bits are computed over the rows in Go, some fifty times
// slower (README, section 6). A table that stays in a database of the department is aggregated there, and what that cannot
// compute as the engine does is refused (README, section 10). The cells are the department's secret.
func (t *Table) Aggregate(ctx context.Context, p *engine.Plan, department string) ([]*big.Int, error) {
	return t.aggregate(ctx, p, department, nil)
}

// aggregate is Aggregate of a plan that may read record keys.
func (t *Table) aggregate(ctx context.Context, p *engine.Plan, department string, r *calls.Records) ([]*big.Int, error) {
	a, err := t.aggregation(p, department, r)
	if err != nil {
		return nil, err
	}
	if r != nil {
		ctx = r.With(ctx)
	}
	cells, err := a.compute(ctx)
	if errors.Is(err, dialect.ErrBeyond) && (t.store != nil || t.lying != nil) {
		return a.stream(ctx)
	}
	return cells, t.elsewhere(err)
}

// compute runs the plan's statements where the rows are, all over one state of them; an ErrBeyond, before
// any of them, when what is there does not compute as the engine does.
func (a *aggregation) compute(ctx context.Context) ([]*big.Int, error) {
	single, batches := dialect.Tallies(a.moments, a.twins)
	single, spans := dialect.RangesOf(a.moments, single)
	var many *dialect.Patterns
	if a.place.calls { // a department's own database plans by itself
		single, many = dialect.PatternsOf(a.moments, single)
	}
	first, err := a.singleStep(single)
	if err != nil {
		return nil, err
	}
	steps := []step{first}
	if many != nil {
		s, err := a.patternStep(many)
		if err != nil {
			return nil, err
		}
		steps = append(steps, s)
	}
	for _, r := range spans {
		s, err := a.rangesStep(r)
		if err != nil {
			return nil, err
		}
		steps = append(steps, s)
	}
	for _, b := range batches {
		s, err := a.tallyStep(b)
		if err != nil {
			return nil, err
		}
		steps = append(steps, s)
	}
	cells := a.zeros()
	err = a.place.snapshot(ctx, first.witnessed, func(query queryFunc) error {
		for _, s := range steps {
			if err := a.run(ctx, query, s, cells); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	for i := range cells {
		if m := i % len(a.twins); a.twins[m] != m {
			cells[i] = cells[i-m+a.twins[m]]
		}
	}
	return cells, nil
}

// step is one statement and what its rows do to the cells: each begins with the group's keys, and has
// so many values behind them.
type step struct {
	statement string
	values    int
	witnessed bool // it carries the place's witness
	take      func(cells []*big.Int, group int, values []any) error
}

// run executes a step.
func (a *aggregation) run(ctx context.Context, query queryFunc, s step, cells []*big.Int) error {
	rows, err := query(ctx, s.statement, s.witnessed)
	if err != nil {
		return fmt.Errorf("aggregating table %s: %w", files.Shown(a.table.name), err)
	}
	for _, row := range rows {
		if len(row) != len(a.groups)+s.values {
			return fmt.Errorf("datasets: %d columns came back from %s", len(row), a.place.dialect.Name)
		}
		group, err := a.groupOf(row)
		if err != nil {
			return err
		}
		if err := s.take(cells, group, row[len(a.groups):]); err != nil {
			return err
		}
	}
	return nil
}

// cell is a moment's value as it comes back, times 10^places.
func (a *aggregation) cell(value any, places int) (*big.Int, error) {
	if v, ok := value.(dialect.Decimal); ok {
		value, places = v.Value, places-v.Scale
	}
	v, ok := duck.Integer(value)
	if !ok {
		return nil, fmt.Errorf("datasets: %s gave a moment as %T", a.place.dialect.Name, value)
	}
	if v, ok = calls.Shifted(v, places); !ok {
		return nil, fmt.Errorf("a sum over table %s has more decimal places than its columns: %w", files.Shown(a.table.name), ErrRegistration)
	}
	return v, nil
}

// aggregation is one plan over one table.
type aggregation struct {
	place   place
	table   *Table
	plan    *engine.Plan
	columns []sourceOf       // of the plan's schema, then of scores
	groups  []map[string]int // for each key of GROUP BY: canonical text to the index among its values
	nulls   []int            // for each key of GROUP BY: the index of NULL, or −1
	moments []engine.Moment  // the plan's, with columns for scores
	scores  []*engine.Expr   // the last of columns
	twins   []int            // by moment, the one whose statement computes it
	records *calls.Records   // nil: no moment reads record keys
	adder   calls.Adder      // where rows are read one by one
}

func (t *Table) aggregation(p *engine.Plan, department string, r *calls.Records) (*aggregation, error) {
	where, err := t.where()
	if err != nil {
		return nil, err
	}
	at := slices.Index(p.Departments, department)
	if at < 0 || at >= len(p.Registrations) {
		return nil, fmt.Errorf("department %s is not one of the plan's: %w", files.Shown(department), ErrRegistration)
	}
	if p.Join != nil {
		return nil, fmt.Errorf("the plan joins tables, and is asked of %s alone: %w", files.Shown(t.name), ErrRegistration)
	}
	if err := t.isRegistered(p.Registrations[at]); err != nil {
		return nil, err
	}
	return t.aggregationAt(where, p, r)
}

// isRegistered is an ErrRegistration unless a registration is this table's own.
func (t *Table) isRegistered(registered engine.Registration) error {
	own := t.Registration(registered.Department, registered.Version)
	switch {
	case registered.Digest != own.Digest || registered.Rows != own.Rows:
		return fmt.Errorf("table %s has digest %s and %d rows, the plan's registration %s and %d: %w",
			files.Shown(t.name), own.Digest, own.Rows, registered.Digest, registered.Rows, ErrRegistration)
	case !slices.Equal(engine.Marshal(registered.WithoutDrift()), engine.Marshal(own)):
		return fmt.Errorf("table %s is described otherwise in the plan's registration: %w", files.Shown(t.name), ErrRegistration)
	}
	return nil
}

// aggregationAt is that of a plan over the rows at a place.
func (t *Table) aggregationAt(where place, p *engine.Plan, r *calls.Records) (*aggregation, error) {
	columns, err := t.sources(p.Schema)
	if err != nil {
		return nil, err
	}
	for i := 0; r != nil && i < cellkey.Limbs; i++ {
		columns = append(columns, sourceOf{index: -1 - i, own: column{kind: engine.Integer}, kind: engine.Integer})
	}
	a := &aggregation{place: where, table: t, plan: p, columns: columns,
		moments: slices.Clone(p.Moments), records: r}
	a.hoistScores()
	a.twins = dialect.Twins(a.moments)
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

// writer writes expressions over the plan's schema where the rows are.
func (a *aggregation) writer() dialect.Writer {
	var columns []dialect.Column
	for _, c := range a.columns {
		switch {
		case c.index < 0:
			columns = append(columns, calls.Limb(-1-c.index))
		case c.index < len(a.table.columns):
			columns = append(columns, a.place.columns[c.index])
		default:
			columns = append(columns, dialect.Column{SQL: a.scoreColumn(c.index - len(a.table.columns)), Kind: c.own.kind, Scale: c.own.scale})
		}
	}
	return dialect.NewWriter(a.place.dialect, columns)
}

// singleStep is the SELECT of some of the moments: the group columns, then a column for each of them.
func (a *aggregation) singleStep(moments []int) (step, error) {
	w := a.writer()
	var parts []string
	var places []int
	for _, m := range moments {
		part, k, err := w.Moment(a.moments[m], a.table.rows)
		if err != nil {
			return step{}, err
		}
		parts, places = append(parts, part), append(places, k)
	}
	witnessed := a.plan.Filter == nil && len(a.place.witness) > 0
	if witnessed {
		parts = append(parts, a.place.witness...)
	}
	statement, err := a.selection(w, nil, parts, nil)
	return step{statement, len(moments), witnessed, func(cells []*big.Int, group int, values []any) error {
		for i, m := range moments {
			v, err := a.cell(values[i], places[i])
			if err != nil {
				return err
			}
			cells[group*len(a.moments)+m] = v
		}
		return nil
	}}, err
}

// selection writes a SELECT of the groups' columns, of other keys, and of what is computed for each
// of their values, over the rows that pass the plan's filter, another one if there is one, and
// conditions.
func (a *aggregation) selection(w dialect.Writer, others, parts []string, filter *engine.Expr, conditions ...string) (string, error) {
	from, err := a.from()
	if err != nil {
		return "", err
	}
	var keys []string
	for _, g := range a.plan.Groups {
		key, err := w.Key(g.Expr)
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
		condition, err := w.Expression(f)
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
	return a.place.dialect.Statement(out)
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
		if of.kind == engine.Text {
			return v, false, nil
		}
	case bool:
		return engine.NewBoolean(v).String(), false, nil
	}
	if n, ok := calls.Whole(value); ok && of.kind != engine.Text {
		return summary.Datum(of.kind, of.scale, n).String(), false, nil
	}
	return "", false, fmt.Errorf("datasets: a group came back as %T", value)
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
