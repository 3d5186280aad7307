package datasets

import (
	"context"
	"errors"
	"fmt"
	"math/big"
	"slices"

	"parley/datasets/calls"
	"parley/datasets/dialect"
	"parley/datasets/files"
	"parley/engine"
	"parley/engine/cellkey"
)

// What the engine alone computes: each operation that DuckDB has in no form of its own (forms) is
// called there as a function, by the engine's own code. The scores among them
// (engine/README.md, sections 13 and 14), which take a microsecond and stand in many moments at
// once, become columns of the rows, after those of the plan's schema, so that both ways of
// aggregating compute them once for a row. The others are computed where they stand, so that
// conditions around them hold (README, section 6.4).

// hoistScores replaces the scores in the plan's moments by columns of their own, where the engine can be
// called, or the database computes them in steps.
func (a *aggregation) hoistScores() {
	places := map[string]*engine.Expr{}
	for i, m := range a.plan.Moments {
		m.Expr, m.Filter = a.hoist(m.Expr, places), a.hoist(m.Filter, places)
		a.moments[i] = m
	}
}

// hoist gives e with columns in the place of its scores.
func (a *aggregation) hoist(e *engine.Expr, places map[string]*engine.Expr) *engine.Expr {
	switch {
	case e == nil:
		return nil
	case e.IsScore() && (a.place.calls || a.isStep(e)):
		key := string(engine.Marshal(e))
		if places[key] == nil {
			places[key] = &engine.Expr{Op: engine.OpColumn, Column: len(a.columns), Kind: e.Kind, Scale: e.Scale, Nullable: true, Min: e.Min, Max: e.Max}
			own := column{kind: e.Kind, scale: e.Scale}
			a.columns = append(a.columns, sourceOf{index: len(a.table.columns) + len(a.scores), own: own, kind: e.Kind, scale: e.Scale})
			a.scores = append(a.scores, e)
		}
		return places[key]
	}
	out, changed := *e, false
	out.Args = make([]*engine.Expr, len(e.Args))
	for i, arg := range e.Args {
		out.Args[i] = a.hoist(arg, places)
		changed = changed || out.Args[i] != arg
	}
	if !changed {
		return e
	}
	return &out
}

// isStep reports whether a score becomes a column in a department's own database: what is tabulated there
// (README, section 10.4) need not.
func (a *aggregation) isStep(e *engine.Expr) bool {
	if !a.place.dialect.HasScore(e.Op) {
		return false
	}
	_, err := a.writer().Expression(e)
	return err != nil
}

// scoreColumn is the column of a score.
func (a *aggregation) scoreColumn(i int) string {
	if a.place.calls {
		return scoreName(i)
	}
	return dialect.ScoreName(i)
}

// from is what is selected from: the rows, with the scores if there are any.
func (a *aggregation) from() (string, error) {
	rows := a.place.from
	if a.records != nil {
		rows = a.records.From(rows)
	}
	if len(a.scores) == 0 {
		return rows, nil
	}
	w := a.writer()
	if !a.place.calls {
		return a.inSteps(w)
	}
	list := "*"
	for i, e := range a.scores {
		score, err := w.Expression(e)
		if err != nil {
			return "", err
		}
		list += ", " + score + " AS " + scoreName(i)
	}
	return "(SELECT " + list + " FROM " + rows + ")", nil
}

// inSteps has the database compute scores, of no more rows than the plan asks for.
func (a *aggregation) inSteps(w dialect.Writer) (string, error) {
	from := a.place.from
	if a.plan.Filter != nil {
		condition, err := w.Expression(a.plan.Filter)
		if err != nil {
			return "", err
		}
		from = "(SELECT * FROM " + from + " WHERE " + condition + ") AS parley_rows"
	}
	return w.Scores(from, a.scores)
}

// scoresOf gives the columns of one row, those of its scores computed when they are
// first asked for.
func (a *aggregation) scoresOf(value func(int) engine.Datum, failed *error) func(int) engine.Datum {
	known := make([]*engine.Datum, len(a.scores))
	first := len(a.columns) - len(a.scores)
	return func(column int) engine.Datum {
		if column < first {
			return value(column)
		}
		if known[column-first] == nil {
			d, err := a.scores[column-first].Eval(value)
			if err != nil {
				*failed = err
			}
			known[column-first] = &d
		}
		return *known[column-first]
	}
}

// CellKeys is Aggregate with, for each cell, the noise of a department's key: of so many rows at most, in either direction (README,
// section 6.7). A table without a declared key has none, and one that stays in a database neither, since that would have to be given
// the key: both are refused.
func (t *Table) CellKeys(ctx context.Context, p *engine.Plan, department string, key *cellkey.Key, rows int64) (cells, noise []*big.Int, err error) {
	problem := ""
	switch {
	case key == nil:
		return nil, nil, errors.New("datasets: noise without a key")
	case t.served != nil:
		problem = "stays in its database, which is not given the key of the noise"
	case len(t.key) == 0:
		problem = "declares no key by which its rows are told apart"
	}
	if problem != "" {
		return nil, nil, &engine.Error{Code: engine.CodePolicy, Message: fmt.Sprintf("by the departments' rules cells carry noise, and table %s of %s %s", files.Shown(t.name), files.Shown(department), problem)}
	}
	tally := cellkey.NewTally(p)
	all, err := t.aggregate(ctx, tally.Plan, department, t.records(key))
	if err != nil {
		return nil, nil, err
	}
	cells, noise = tally.Split(key, slices.Index(p.Departments, department), rows, all)
	return cells, noise, nil
}

// records are those of a table with a declared key.
func (t *Table) records(key *cellkey.Key) *calls.Records {
	r := &calls.Records{Of: key.Recorder(t.name, t.key)}
	where := t.place()
	for _, name := range t.key {
		at := t.find(name)
		r.Key = append(r.Key, calls.KeyColumn{Place: at, Column: where.columns[at]})
	}
	return r
}
