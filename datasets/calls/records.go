package calls

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"math"
	"math/big"
	"strings"
	"sync"

	"github.com/duckdb/duckdb-go/v2"

	"parley/datasets/dialect"
	"parley/engine"
	"parley/engine/cellkey"
)

// Records is how the record keys of a table's rows are computed, of which each limb is a column behind those of the plan's schema.
type Records struct {
	Of  *cellkey.Recorder
	Key []KeyColumn // in the order that Of was given
}

// KeyColumn is a column of a table's key, and which of the table's it is.
type KeyColumn struct {
	Place int
	dialect.Column
}

// Limb is the column of a limb, where the rows are.
func Limb(i int) dialect.Column {
	return dialect.Column{SQL: fmt.Sprintf("k%d", i), Kind: engine.Integer}
}

// From is what is selected from, with the limbs.
func (r *Records) From(rows string) string {
	var key []string
	for _, c := range r.Key {
		key = append(key, c.SQL)
	}
	list := "*"
	for i := range cellkey.Limbs {
		list += fmt.Sprintf(", CAST((record >> %d) & %d AS BIGINT) AS %s", 32*(cellkey.Limbs-1-i), uint32(math.MaxUint32), Limb(i).SQL)
	}
	return "(SELECT " + list + " FROM (SELECT *, " + recordKey + "(" + strings.Join(key, ", ") + ") AS record FROM " + rows + "))"
}

// of is the record key of a row, of the values of its key's columns.
func (r *Records) of(values []driver.Value) [cellkey.Limbs]uint32 {
	data := make([]engine.Datum, len(values))
	for i, v := range values {
		data[i] = DatumOf(r.Key[i].Kind, r.Key[i].Scale, v)
	}
	return r.Of.Record(data)
}

// InRow are the limbs of a row with all the table's columns, computed when one of them is first asked for; nil without Records.
func (r *Records) InRow(row []any) func(limb int) engine.Datum {
	if r == nil {
		return nil
	}
	limbs := sync.OnceValue(func() [cellkey.Limbs]uint32 {
		values := make([]driver.Value, len(r.Key))
		for i, c := range r.Key {
			values[i] = row[c.Place]
		}
		return r.of(values)
	})
	return func(i int) engine.Datum { return engine.NewInteger(int64(limbs()[i])) }
}

// recordKey is the function that gives a row's record key, of 128 bits, of the values of its key's columns.
const recordKey = "record_key"

// recordsKey is where Records lie in the context of a statement: a secret stands in no SQL, and nothing keeps it.
type recordsKey struct{}

// With lets the statements of a context compute record keys.
func (r *Records) With(ctx context.Context) context.Context {
	return context.WithValue(ctx, recordsKey{}, r)
}

var errNoRecords = errors.New("datasets: record keys without a department's key")

// recordCall is the function.
type recordCall struct{}

// Config implements duckdb.ScalarFunc: NULL is a value like others.
func (recordCall) Config() duckdb.ScalarFuncConfig {
	return duckdb.ScalarFuncConfig{VariadicTypeInfo: plainType(duckdb.TYPE_ANY), ResultTypeInfo: plainType(duckdb.TYPE_UHUGEINT), SpecialNullHandling: true}
}

// Executor implements duckdb.ScalarFunc.
func (recordCall) Executor() duckdb.ScalarFuncExecutor {
	return duckdb.ScalarFuncExecutor{RowContextExecutor: func(ctx context.Context, values []driver.Value) (any, error) {
		r, ok := ctx.Value(recordsKey{}).(*Records)
		if !ok || len(values) != len(r.Key) {
			return nil, errNoRecords
		}
		out := new(big.Int)
		for _, limb := range r.of(values) {
			out.Lsh(out, 32).Or(out, big.NewInt(int64(limb)))
		}
		return out, nil
	}}
}

func plainType(t duckdb.Type) duckdb.TypeInfo {
	out, err := duckdb.NewTypeInfo(t)
	if err != nil {
		panic("datasets: a plain type of DuckDB: " + err.Error())
	}
	return out
}
