package plain

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"fmt"
	"math/big"
	"strings"
	"time"

	"github.com/duckdb/duckdb-go/v2"

	"parley/datasets"
	"parley/datasets/duck"
	"parley/datasets/files"
	"parley/datasets/layout"
	"parley/engine"
)

// rowsTable is the name of the pooled table in DuckDB.
const rowsTable = "rows"

// column is a column of the pooled table, as SQL types it.
type column struct {
	name  string
	kind  engine.Kind
	scale int
}

// described are the columns of a table, with their bounds.
func described(t *datasets.Table) []engine.Column { return t.Registration("", 0).Columns }

// find gives the index of a column by its exact name, or −1.
func find(columns []engine.Column, name string) int {
	for i, c := range columns {
		if c.Name == name {
			return i
		}
	}
	return -1
}

// pooledColumns unifies the columns of the tables.
func pooledColumns(tables []*datasets.Table) ([]column, error) {
	if len(tables) == 0 {
		return nil, fmt.Errorf("plain SQL: no tables")
	}
	var out []column
	for _, c := range described(tables[0]) {
		out = append(out, column{c.Name, c.Kind, c.Scale})
	}
	for _, t := range tables[1:] {
		own := described(t)
		for i := range out {
			at := find(own, out[i].name)
			if at < 0 || len(own) != len(out) {
				return nil, fmt.Errorf("plain SQL: the tables have different columns")
			}
			switch c := own[at]; {
			case c.Kind == engine.Null || c.Kind == out[i].kind && c.Scale <= out[i].scale:
			case out[i].kind == engine.Null || c.Kind == out[i].kind || c.Kind == engine.Decimal && out[i].kind == engine.Integer:
				out[i] = column{c.Name, c.Kind, c.Scale}
			case c.Kind == engine.Integer && out[i].kind == engine.Decimal:
			default:
				return nil, fmt.Errorf("plain SQL: column %q is %s and %s", c.Name, out[i].kind, c.Kind)
			}
		}
	}
	return out, nil
}

// part is one table of FROM: the departments' tables of its name.
type part struct {
	tables  []*datasets.Table
	columns []column
}

// pool makes the table of all rows, or of each part and then the view that joins them.
func (q *query) pool(ctx context.Context, parts []part) (*sql.DB, error) {
	db, err := openPool()
	if err != nil {
		return nil, fmt.Errorf("plain SQL: %w", err)
	}
	for i, p := range parts {
		name := rowsTable
		if q.join != nil {
			name = sides[i]
		}
		if err == nil {
			err = p.pool(ctx, db, name)
		}
	}
	if err == nil && q.join != nil {
		_, err = db.ExecContext(ctx, q.join.view())
	}
	if err != nil {
		db.Close()
		return nil, fmt.Errorf("plain SQL: %w", err)
	}
	return db, nil
}

// pool makes the table of all rows of one name. Decimals get the least width that holds
// them, which leaves room for products.
func (p part) pool(ctx context.Context, db *sql.DB, name string) error {
	types := make([]string, len(p.columns))
	for i, c := range p.columns {
		types[i] = quoted(c.name) + " " + pooledType(c, p.tables)
	}
	_, err := db.ExecContext(ctx, "CREATE TABLE "+name+" ("+strings.Join(types, ", ")+")")
	for _, t := range p.tables {
		if err == nil {
			err = load(ctx, db, name, t, p.columns)
		}
	}
	return err
}

func quoted(name string) string { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` }

// openPool opens a DuckDB that reaches nothing outside of its memory, because it runs the text of
// questions.
func openPool() (*sql.DB, error) {
	return duck.Open(
		"SET temp_directory = ''",
		"SET enable_external_access = false",
		fmt.Sprintf("SET memory_limit = '%dB'", duck.MaxStoreBytes),
		"SET integer_division = true",
	)
}

// pooledType is the type of a pooled column in DuckDB.
func pooledType(c column, tables []*datasets.Table) string {
	digits := 1
	for _, t := range tables {
		columns := described(t)
		own := columns[find(columns, c.name)]
		if own.Min == nil || own.Max == nil { // its bounds are not published
			digits = files.MaxDigits
			break
		}
		for _, bound := range []*big.Int{own.Min, own.Max} {
			if bound != nil {
				digits = max(digits, len(new(big.Int).Abs(bound).String())+c.scale-own.Scale)
			}
		}
	}
	switch c.kind {
	case engine.Integer:
		if digits <= 9 { // products stay within 64 bits
			return "BIGINT"
		}
		return "HUGEINT"
	case engine.Timestamp, engine.TimestampTZ, engine.Time:
		return "BIGINT" // microseconds
	case engine.Decimal:
		return fmt.Sprintf("DECIMAL(%d, %d)", min(max(digits, c.scale+1), files.MaxDigits), c.scale)
	case engine.Date:
		return "DATE"
	case engine.Text:
		return "VARCHAR"
	case engine.Boolean:
		return "BOOLEAN"
	}
	return "INTEGER" // NULLs
}

// load appends a table's rows to a pooled one.
func load(ctx context.Context, db *sql.DB, into string, t *datasets.Table, columns []column) error {
	own := described(t)
	places := make([]int, len(columns))
	for i, c := range columns {
		places[i] = find(own, c.name)
	}
	return duck.Append(ctx, db, into, func(add func([]driver.Value) error) error {
		row := make([]driver.Value, len(columns))
		return t.Each(ctx, func(values []any) error {
			for i, c := range columns {
				row[i] = pooled(values[places[i]], c, own[places[i]])
			}
			return add(row)
		})
	})
}

// pooled is a value of a table's column for the pooled one.
func pooled(value any, to column, from engine.Column) driver.Value {
	var n *big.Int
	switch v := value.(type) {
	case int32:
		n = big.NewInt(int64(v))
	case int64:
		n = big.NewInt(v)
	case *big.Int:
		n = v
	default:
		return value // NULL, text, a boolean
	}
	switch to.kind {
	case engine.Integer, engine.Timestamp, engine.TimestampTZ, engine.Time:
		return value
	case engine.Date:
		return time.Unix(n.Int64()*layout.SecondsPerDay, 0).UTC()
	case engine.Decimal:
		n = new(big.Int).Mul(n, files.PowerOfTen(to.scale-from.Scale))
		return duckdb.Decimal{Width: files.MaxDigits, Scale: uint8(to.scale), Value: n}
	}
	return n
}
