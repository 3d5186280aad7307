package datasets

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"math/big"
	"strings"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"

	"parley/datasets/dialect"
	"parley/datasets/duck"
	"parley/datasets/files"
	"parley/engine"
)

// store is an embedded DuckDB that holds rows and runs SELECTs. What does not fit
// into its memory goes to a folder of its own, if it has one; extensions and any
// other access to files or the network are switched off, and its configuration is
// locked (README, section 6.1).
type store struct {
	db   *sql.DB
	room storeRoom
}

// rowsTable is the name of the one table in a store.
const rowsTable = "rows"

// storeColumn is one column of rowsTable.
type storeColumn struct{ name, sqlType string }

// openStore makes an empty store, which removes its folder when it is closed.
func openStore(room storeRoom) (*store, error) {
	db, err := duck.Open(room.settings()...)
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(duck.Threads)
	s := &store{db: db, room: room}
	if err := s.registerCalls(context.Background()); err != nil {
		s.close()
		return nil, fmt.Errorf("setting up DuckDB: %w", err)
	}
	return s, nil
}

func (s *store) close() error {
	err := s.db.Close()
	if e := s.room.remove(); err == nil {
		err = e
	}
	return err
}

// newStore loads a table; column i is named c<i>, so that no name of a file
// ever is part of SQL.
func newStore(ctx context.Context, t *Table, o Options) (*store, error) {
	room, err := newRoom(o)
	if err != nil {
		return nil, err
	}
	if err := room.check(t); err != nil {
		return nil, errors.Join(err, room.remove())
	}
	s, err := openStore(room)
	if err != nil {
		return nil, errors.Join(err, room.remove())
	}
	var columns []storeColumn
	for i, c := range t.columns {
		columns = append(columns, storeColumn{columnName(i), c.storeType()})
	}
	err = s.create(ctx, columns)
	if err == nil {
		err = s.load(ctx, t)
	}
	if err != nil {
		s.close()
		return nil, fmt.Errorf("loading table %s: %w", files.Shown(t.name), room.plain(t.name, err))
	}
	return s, nil
}

func columnName(i int) string { return fmt.Sprintf("c%d", i) }

// storeType is the column's type in DuckDB: scaled integers, dates as days.
func (c column) storeType() string {
	switch {
	case c.wide:
		return "HUGEINT"
	case numeric(c.kind):
		return "BIGINT"
	case c.kind == engine.Text:
		return "VARCHAR"
	case c.kind == engine.Boolean:
		return "BOOLEAN"
	}
	return "INTEGER" // dates, and columns of NULLs
}

// create makes rowsTable.
func (s *store) create(ctx context.Context, columns []storeColumn) error {
	parts := make([]string, len(columns))
	for i, c := range columns {
		parts[i] = dialect.QuoteName(c.name) + " " + c.sqlType
	}
	_, err := s.db.ExecContext(ctx, "CREATE TABLE "+rowsTable+" ("+strings.Join(parts, ", ")+")")
	return err
}

// load appends a table's batches to rowsTable.
func (s *store) load(ctx context.Context, t *Table) error {
	var garbage collector
	return duck.Append(ctx, s.db, rowsTable, t.batches, func(batch arrow.Record) []duck.Column {
		garbage.loaded(batch.Columns())
		columns := make([]duck.Column, batch.NumCols())
		for i, a := range batch.Columns() {
			columns[i] = duck.Column{Array: a, Read: values(a)}
		}
		return columns
	})
}

// values reads a stored array as DuckDB's appender takes it.
func values(a arrow.Array) func(row int) driver.Value {
	switch a := a.(type) {
	case *array.Int64:
		return func(row int) driver.Value { return a.Value(row) }
	case *array.Decimal128:
		return func(row int) driver.Value { return a.Value(row).BigInt() }
	case *array.String:
		return func(row int) driver.Value { return a.Value(row) }
	case *array.Boolean:
		return func(row int) driver.Value { return a.Value(row) }
	case *array.Date32:
		return func(row int) driver.Value { return int32(a.Value(row)) }
	}
	return func(int) driver.Value { return nil }
}

// query runs a SELECT over a table.
func (t *Table) query(ctx context.Context, statement string) ([][]any, error) {
	if t.store == nil {
		return nil, fmt.Errorf("datasets: table %s was only described", files.Shown(t.name))
	}
	rows, err := t.store.query(ctx, statement)
	return rows, t.store.room.plain(t.name, err)
}

// query runs a SELECT and gives its rows as values of the driver.
func (s *store) query(ctx context.Context, statement string) ([][]any, error) {
	return duck.Select(ctx, s.db, statement)
}

// bigValue takes an integer of the driver.
func bigValue(v any) (*big.Int, bool) {
	switch v := v.(type) {
	case int32:
		return big.NewInt(int64(v)), true
	case int64:
		return big.NewInt(v), true
	case *big.Int:
		return v, true
	}
	return nil, false
}
