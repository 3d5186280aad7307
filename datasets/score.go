package datasets

import (
	"context"
	"database/sql/driver"
	"encoding/hex"
	"errors"
	"math/big"
	"sync"

	"github.com/duckdb/duckdb-go/v2"

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
// called.
func (a *aggregation) hoistScores() {
	if !a.place.calls {
		return
	}
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
	case e.IsScore():
		key := string(engine.Marshal(e))
		if places[key] == nil {
			places[key] = &engine.Expr{Op: engine.OpColumn, Column: len(a.columns), Kind: e.Kind, Scale: e.Scale, Nullable: true, Min: e.Min, Max: e.Max}
			own := column{kind: e.Kind, scale: e.Scale}
			a.columns = append(a.columns, sourceOf{index: a.own + len(a.scores), own: own, kind: e.Kind, scale: e.Scale})
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

// from is what is selected from: the rows, with the scores if there are any.
func (a *aggregation) from() (string, error) {
	if len(a.scores) == 0 {
		return a.place.from, nil
	}
	w := a.writer()
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

// engineCall is a call of the engine as a function of DuckDB: of the hex digits of an expression
// over columns 0, 1, ..., which are constant, and of their values.
type engineCall struct{ result duckdb.Type }

// registerCalls makes the functions known to a store.
func (s *store) registerCalls(ctx context.Context) error {
	conn, err := s.db.Conn(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	for kind, result := range map[engine.Kind]duckdb.Type{engine.Decimal: duckdb.TYPE_HUGEINT,
		engine.Text: duckdb.TYPE_VARCHAR, engine.Boolean: duckdb.TYPE_BOOLEAN} {
		if err := duckdb.RegisterScalarUDF(conn, dialect.CallName(kind), &engineCall{result}); err != nil {
			return err
		}
	}
	return nil
}

// Config implements duckdb.ScalarFunc.
func (f *engineCall) Config() duckdb.ScalarFuncConfig {
	info := func(t duckdb.Type) duckdb.TypeInfo {
		out, err := duckdb.NewTypeInfo(t)
		if err != nil {
			panic("datasets: a plain type of DuckDB: " + err.Error())
		}
		return out
	}
	return duckdb.ScalarFuncConfig{InputTypeInfos: []duckdb.TypeInfo{info(duckdb.TYPE_VARCHAR)},
		VariadicTypeInfo: info(duckdb.TYPE_ANY), ResultTypeInfo: info(f.result)}
}

// callKey is where the decoded expression lies in the context of a statement.
type callKey struct{}

var errNoCall = errors.New("datasets: a call of the engine without its description")

// Executor implements duckdb.ScalarFunc: the constant is decoded once for a statement.
func (f *engineCall) Executor() duckdb.ScalarFuncExecutor {
	return duckdb.ScalarFuncExecutor{
		ScalarBinder: func(ctx context.Context, args []duckdb.ScalarUDFArg) (context.Context, error) {
			if len(args) < 2 || !args[0].Foldable {
				return nil, errNoCall
			}
			text, _ := args[0].Value.(string)
			raw, err := hex.DecodeString(text)
			if err != nil {
				return nil, errNoCall
			}
			c := &calling{known: map[any]any{}}
			if err := engine.Unmarshal(raw, &c.e); err != nil {
				return nil, err
			}
			for _, a := range c.e.Args {
				if a.Op == engine.OpColumn {
					c.columns = append(c.columns, column{kind: a.Kind, scale: a.Scale})
				}
			}
			if len(c.columns) != len(args)-1 {
				return nil, errNoCall
			}
			return context.WithValue(ctx, callKey{}, c), nil
		},
		RowContextExecutor: func(ctx context.Context, values []driver.Value) (any, error) {
			c, ok := ctx.Value(callKey{}).(*calling)
			if !ok || len(values) != len(c.columns)+1 {
				return nil, errNoCall
			}
			return c.of(values[1:])
		},
	}
}

// maxRemembered is how many results of one call a statement keeps, each of an argument of at
// most engine.MaxDictionaryText bytes: those of a dictionary, some megabytes.
const maxRemembered = engine.MaxDictionary

// calling is one call in one statement, whose threads share what it remembers.
type calling struct {
	e       engine.Expr
	columns []column
	mu      sync.RWMutex
	known   map[any]any
}

func (c *calling) of(values []driver.Value) (any, error) {
	if len(values) != 1 || c.e.IsScore() {
		return c.compute(values)
	}
	key := remembered(values[0])
	if key == nil {
		return c.compute(values)
	}
	c.mu.RLock()
	out, ok := c.known[key]
	full := len(c.known) >= maxRemembered
	c.mu.RUnlock()
	if ok {
		return out, nil
	}
	out, err := c.compute(values)
	if err == nil && !full {
		c.mu.Lock()
		c.known[key] = out
		c.mu.Unlock()
	}
	return out, err
}

// remembered is what a result is kept by; nil for an argument that is too large.
func remembered(v driver.Value) any {
	switch v := v.(type) {
	case string:
		if len(v) <= engine.MaxDictionaryText {
			return v
		}
	case *big.Int:
		if v.IsInt64() {
			return v.Int64()
		}
	case int32, int64, bool:
		return v
	}
	return nil
}

func (c *calling) compute(values []driver.Value) (any, error) {
	d, err := c.e.Eval(func(at int) engine.Datum { return c.columns[at].value(values[at]) })
	if err != nil {
		return nil, err
	}
	switch d.Kind {
	case engine.Null:
		return nil, nil
	case engine.Text:
		return d.Text, nil
	case engine.Boolean:
		return d.Bool, nil
	}
	return d.Number, nil
}

// value is a value of DuckDB in a column.
func (c column) value(v driver.Value) engine.Datum {
	switch v := v.(type) {
	case string:
		return engine.NewText(v)
	case bool:
		return engine.NewBoolean(v)
	}
	n, ok := bigValue(v)
	if !ok {
		return engine.Datum{}
	}
	return datum(c, n)
}
