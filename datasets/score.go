package datasets

import (
	"context"
	"database/sql/driver"
	"encoding/hex"
	"errors"
	"fmt"
	"math/big"
	"sync"

	"github.com/duckdb/duckdb-go/v2"

	"parley/engine"
)

// Scores: functions of a row that the engine alone computes (engine/README.md, sections
// 13 and 14). Each becomes one more column of the rows, after those of the plan's schema,
// so that both ways of aggregating compute it once for a row, by the same code
// (README, section 6.4).

// hoisted are the scores that take a microsecond and stand in many moments at once. The others
// are computed where they stand, so that conditions around them hold.
var hoisted = map[engine.Op]bool{engine.OpLogistic: true, engine.OpSlope: true, engine.OpSoftplus: true, engine.OpBucket: true}

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
	case e.IsScore() && hoisted[e.Op]:
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
		score, err := x.expression(e)
		if err != nil {
			return "", err
		}
		list += ", " + score + " AS " + columnName(len(a.table.columns)+i)
	}
	return "(SELECT " + list + " FROM " + rowsTable + ")", nil
}

// score writes a call of the engine.
func (x translator) score(e *engine.Expr, integer string) (string, error) {
	argument, err := x.write(e.Args[0], integer)
	if err != nil {
		return "", err
	}
	if e.Args[0].Kind != engine.Text {
		argument = "CAST(" + argument + " AS HUGEINT)"
	}
	call := fmt.Sprintf("%s(%s, '%s')", scoreName(e.Args[0].Kind, e.Kind), argument, hex.EncodeToString(engine.Marshal(scoreHead(e))))
	switch {
	case len(call) > maxExpression:
		return "", errGoPath
	case hoisted[e.Op] || e.Kind == engine.Text || e.Kind == engine.Boolean:
		return call, nil
	}
	return "CAST(" + call + " AS " + sqlType(e.Kind, integer) + ")", nil
}

// scoreName is the name of Score in DuckDB for an argument and a result of some kinds.
func scoreName(argument, result engine.Kind) string {
	return "parley_score_" + shapeOf(argument) + "_" + shapeOf(result)
}

// shapeOf is how a score's argument or result goes through DuckDB.
func shapeOf(kind engine.Kind) string {
	switch kind {
	case engine.Text:
		return "text"
	case engine.Boolean:
		return "truth"
	}
	return "number"
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
type scoreFunction struct{ argument, result duckdb.Type }

// registerScores makes the functions known to a store.
func (s *store) registerScores(ctx context.Context) error {
	conn, err := s.db.Conn(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	results := map[engine.Kind]duckdb.Type{engine.Decimal: duckdb.TYPE_HUGEINT, engine.Text: duckdb.TYPE_VARCHAR, engine.Boolean: duckdb.TYPE_BOOLEAN}
	for kind, result := range results {
		for _, of := range []engine.Kind{engine.Decimal, engine.Text, engine.Boolean} {
			argument := results[of]
			if of == engine.Boolean { // as 0 and 1
				argument = duckdb.TYPE_HUGEINT
			}
			if err := duckdb.RegisterScalarUDF(conn, scoreName(of, kind), &scoreFunction{argument, result}); err != nil {
				return err
			}
		}
	}
	return nil
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
	return duckdb.ScalarFuncConfig{InputTypeInfos: []duckdb.TypeInfo{info(f.argument), info(duckdb.TYPE_VARCHAR)}, ResultTypeInfo: info(f.result)}
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
			return context.WithValue(ctx, scoreKey{}, &scoring{e: &e, known: map[any]any{}}), nil
		},
		RowContextExecutor: func(ctx context.Context, values []driver.Value) (any, error) {
			s, ok := ctx.Value(scoreKey{}).(*scoring)
			if !ok {
				return nil, errNoScore
			}
			return s.of(values[0])
		},
	}
}

// maxRemembered is how many results of one score a statement keeps, each of an argument of at
// most engine.MaxDictionaryText bytes: those of a dictionary, some megabytes.
const maxRemembered = engine.MaxDictionary

// scoring is one score in one statement, whose threads share what it remembers.
type scoring struct {
	e     *engine.Expr
	mu    sync.RWMutex
	known map[any]any
}

func (s *scoring) of(v driver.Value) (any, error) {
	key := remembered(v)
	if hoisted[s.e.Op] || key == nil {
		return s.compute(v)
	}
	s.mu.RLock()
	out, ok := s.known[key]
	s.mu.RUnlock()
	if ok {
		return out, nil
	}
	out, err := s.compute(v)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.known) < maxRemembered {
		s.known[key] = out
	}
	return out, nil
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
	}
	return nil
}

func (s *scoring) compute(v driver.Value) (any, error) {
	d, err := s.e.Score(scoreArgument(s.e, v))
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

// scoreArgument is a value of DuckDB as the argument of a score.
func scoreArgument(e *engine.Expr, v driver.Value) engine.Datum {
	switch v := v.(type) {
	case string:
		return engine.NewText(v)
	case *big.Int:
		return datum(column{kind: e.Args[0].Kind, scale: e.Args[0].Scale}, v)
	}
	return engine.Datum{}
}
