// Package calls lets the embedded DuckDB call the engine for what it has in no form of its own, by functions
// that dialect.CallName names.
//
// ../README.md is its specification; section numbers in comments refer to it.
package calls

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"encoding/hex"
	"errors"
	"math/big"
	"sync"

	"github.com/duckdb/duckdb-go/v2"

	"parley/datasets/dialect"
	"parley/datasets/duck"
	"parley/engine"
)

// engineCall is a call of the engine as a function of DuckDB: of the hex digits of an expression
// over columns 0, 1, ..., which are constant, and of their values.
type engineCall struct{ result duckdb.Type }

// Register makes the functions known to a DuckDB.
func Register(ctx context.Context, db *sql.DB) error {
	conn, err := db.Conn(ctx)
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
	return duckdb.RegisterScalarUDF(conn, recordKey, recordCall{})
}

// Config implements duckdb.ScalarFunc.
func (f *engineCall) Config() duckdb.ScalarFuncConfig {
	return duckdb.ScalarFuncConfig{InputTypeInfos: []duckdb.TypeInfo{plainType(duckdb.TYPE_VARCHAR)},
		VariadicTypeInfo: plainType(duckdb.TYPE_ANY), ResultTypeInfo: plainType(f.result)}
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
					c.columns = append(c.columns, *a)
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
	columns []engine.Expr // what of a column is known: its kind and scale
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
	d, err := c.e.Eval(func(at int) engine.Datum { return DatumOf(c.columns[at].Kind, c.columns[at].Scale, values[at]) })
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

// DatumOf is a value of DuckDB as that of a column of a kind and scale.
func DatumOf(kind engine.Kind, scale int, v driver.Value) engine.Datum {
	switch v := v.(type) {
	case string:
		return engine.NewText(v)
	case bool:
		return engine.NewBoolean(v)
	}
	n, ok := duck.Integer(v)
	if !ok {
		return engine.Datum{}
	}
	return engine.Datum{Kind: kind, Number: n, Scale: scale}
}
