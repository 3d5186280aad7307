package datasets

import (
	"context"
	"database/sql/driver"
	"encoding/hex"
	"errors"
	"fmt"
	"math/big"

	"github.com/duckdb/duckdb-go/v2"

	"parley/engine"
)

// Scores: functions of a row that the engine alone computes (engine/README.md, sections
// 13 and 14). Each becomes one more column of the rows, after those of the plan's schema,
// so that both ways of aggregating compute it once for a row, by the same code
// (README, section 6.4).

// The names of Score in DuckDB, of an integer and of a text.
const (
	scoreNumber = "parley_score_number"
	scoreText   = "parley_score_text"
)

// hoistScores replaces the scores in the plan's moments by columns of their own.
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
	case e.IsScore():
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

// rows is the table to select from: with the scores, if there are any.
func (a *aggregation) rows() (string, error) {
	if len(a.scores) == 0 {
		return rowsTable, nil
	}
	x := translator{columns: a.columns}
	list := "*"
	for i, e := range a.scores {
		argument, err := x.expression(e.Args[0])
		if err != nil {
			return "", err
		}
		function := scoreText
		if e.Args[0].Kind != engine.Text {
			function, argument = scoreNumber, "CAST("+argument+" AS HUGEINT)"
		}
		list += fmt.Sprintf(", %s(%s, '%s') AS %s", function, argument, hex.EncodeToString(engine.Marshal(scoreHead(e))), columnName(len(a.table.columns)+i))
	}
	return "(SELECT " + list + " FROM " + rowsTable + ")", nil
}

// scoreHead is a score without what its argument is made of.
func scoreHead(e *engine.Expr) *engine.Expr {
	head := *e
	head.Args = append([]*engine.Expr{{Op: engine.OpColumn, Kind: e.Args[0].Kind, Scale: e.Args[0].Scale}}, e.Args[1:]...)
	return &head
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

// scoreFunction is Score as a function of DuckDB: of a value and of a constant, the hex
// digits of a scoreHead.
type scoreFunction struct{ argument duckdb.Type }

// registerScores makes the functions known to a store.
func (s *store) registerScores(ctx context.Context) error {
	conn, err := s.db.Conn(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	if err := duckdb.RegisterScalarUDF(conn, scoreNumber, &scoreFunction{duckdb.TYPE_HUGEINT}); err != nil {
		return err
	}
	return duckdb.RegisterScalarUDF(conn, scoreText, &scoreFunction{duckdb.TYPE_VARCHAR})
}

// Config implements duckdb.ScalarFunc.
func (f *scoreFunction) Config() duckdb.ScalarFuncConfig {
	info := func(t duckdb.Type) duckdb.TypeInfo {
		out, err := duckdb.NewTypeInfo(t)
		if err != nil {
			panic("datasets: a plain type of DuckDB: " + err.Error())
		}
		return out
	}
	return duckdb.ScalarFuncConfig{InputTypeInfos: []duckdb.TypeInfo{info(f.argument), info(duckdb.TYPE_VARCHAR)}, ResultTypeInfo: info(duckdb.TYPE_HUGEINT)}
}

// scoreKey is where the decoded score lies in the context of a statement.
type scoreKey struct{}

var errNoScore = errors.New("datasets: a score without its description")

// Executor implements duckdb.ScalarFunc: the constant is decoded once for a statement.
func (f *scoreFunction) Executor() duckdb.ScalarFuncExecutor {
	return duckdb.ScalarFuncExecutor{
		ScalarBinder: func(ctx context.Context, args []duckdb.ScalarUDFArg) (context.Context, error) {
			if len(args) != 2 || !args[1].Foldable {
				return nil, errNoScore
			}
			text, _ := args[1].Value.(string)
			raw, err := hex.DecodeString(text)
			if err != nil {
				return nil, errNoScore
			}
			var e engine.Expr
			if err := engine.Unmarshal(raw, &e); err != nil {
				return nil, err
			}
			if !e.IsScore() {
				return nil, errNoScore
			}
			return context.WithValue(ctx, scoreKey{}, &e), nil
		},
		RowContextExecutor: func(ctx context.Context, values []driver.Value) (any, error) {
			e, ok := ctx.Value(scoreKey{}).(*engine.Expr)
			if !ok {
				return nil, errNoScore
			}
			d, err := e.Score(scoreArgument(e, values[0]))
			if err != nil || d.IsNull() {
				return nil, err
			}
			return d.Number, nil
		},
	}
}

// scoreArgument is a value of DuckDB as the argument of a score.
func scoreArgument(e *engine.Expr, v driver.Value) engine.Datum {
	switch v := v.(type) {
	case string:
		return engine.NewText(v)
	case *big.Int:
		return engine.Datum{Kind: e.Args[0].Kind, Number: v, Scale: e.Args[0].Scale}
	}
	return engine.Datum{}
}
