package datasets

import (
	"parley/datasets/dialect"
	"parley/engine"
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
	if len(a.scores) == 0 {
		return a.place.from, nil
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
	return "(SELECT " + list + " FROM " + a.place.from + ")", nil
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
