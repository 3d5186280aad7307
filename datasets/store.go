package datasets

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"sync"

	"github.com/duckdb/duckdb-go/v2"

	"parley/datasets/calls"
	"parley/datasets/duck"
	"parley/datasets/files"
	"parley/engine"
)

// store is rows and an embedded DuckDB that runs SELECTs over them. What does not fit
// into its memory goes to a folder of its own, if it has one; extensions and any
// other access to files or the network are switched off, and its configuration is
// locked (README, section 6.1).
type store struct {
	room duck.Room
	rows *duck.Held // nil: in files that DuckDB reads
	db   *sql.DB    // nil: not open yet

	mu sync.RWMutex // held while the rows are read
}

// rowsTable is the one relation in a store.
const rowsTable = "rows"

// rowsFunction is what rowsTable is a view of.
const rowsFunction = "stored_rows"

// openStore makes a store without rows, which removes its folder when it is closed. settings come before its own.
func openStore(room duck.Room, settings ...string) (*store, error) {
	s := &store{room: room}
	if err := s.open(context.Background(), settings...); err != nil {
		return nil, errors.Join(err, s.close())
	}
	return s, nil
}

// open starts DuckDB, which has the memory that the rows leave.
func (s *store) open(ctx context.Context, settings ...string) (err error) {
	room := s.room
	if s.rows != nil {
		memory, file := s.rows.Bytes()
		room.Memory, room.Disk = max(room.Memory-memory, room.Memory/4), room.Disk-file
	}
	if s.db, err = duck.Open(append(settings, room.Settings()...)...); err != nil {
		return err
	}
	s.db.SetMaxOpenConns(duck.Threads)
	if err := calls.Register(ctx, s.db); err != nil {
		return fmt.Errorf("setting up DuckDB: %w", err)
	}
	if s.rows == nil {
		return nil
	}
	if err := s.rows.Register(ctx, s.db, rowsFunction); err != nil {
		return fmt.Errorf("setting up DuckDB: %w", err)
	}
	_, err = s.db.ExecContext(ctx, "CREATE VIEW "+rowsTable+" AS SELECT * FROM "+rowsFunction+"()")
	return err
}

// close waits for those who read.
func (s *store) close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	var err error
	if s.db != nil {
		err = s.db.Close()
	}
	if s.rows != nil {
		err = errors.Join(err, s.rows.Close())
	}
	return errors.Join(err, s.room.Remove())
}

// store makes the table's store, which is to be filled; column i is named c<i>, so that no name of a file
// ever is part of SQL.
func (l *loader) store(o Options) error {
	room, err := duck.NewRoom(o.Spill, o.room)
	if err != nil {
		return err
	}
	var columns []duck.Column
	for i, b := range l.builders {
		columns = append(columns, duck.Column{Name: columnName(i), Type: b.storeType()})
	}
	l.table.store = &store{room: room, rows: duck.NewHeld(columns, room.OfRows())}
	return nil
}

// opened opens the store once all rows are in it.
func (l *loader) opened(ctx context.Context) error {
	s := l.table.store
	if err := s.rows.Done(); err != nil {
		return s.room.Overfull(l.table.name, err)
	}
	memory, file := s.rows.Bytes()
	l.table.size = memory + file
	if err := s.open(ctx); err != nil {
		return fmt.Errorf("loading table %s: %w", files.Shown(l.table.name), s.room.Plain(l.table.name, err))
	}
	return nil
}

func columnName(i int) string { return fmt.Sprintf("c%d", i) }

// scoreName is the column of a score, beside those of the rows.
func scoreName(i int) string { return fmt.Sprintf("s%d", i) }

// storeType is the column's type in DuckDB: scaled integers, dates as days, timestamps and times of day as
// microseconds.
func (c column) storeType() duckdb.Type {
	switch {
	case c.wide:
		return duckdb.TYPE_HUGEINT
	case numeric(c.kind), clockForms[c.kind] != 0:
		return duckdb.TYPE_BIGINT
	case c.kind == engine.Text:
		return duckdb.TYPE_VARCHAR
	case c.kind == engine.Boolean:
		return duckdb.TYPE_BOOLEAN
	}
	return duckdb.TYPE_INTEGER // dates, and columns of NULLs
}

// reading lets f read the rows where they are.
func (t *Table) reading(ctx context.Context, f func(*store) error) error {
	switch {
	case t.lying != nil:
		return t.lying.read(ctx, f)
	case t.store != nil:
		t.store.mu.RLock()
		defer t.store.mu.RUnlock()
		return f(t.store)
	}
	return fmt.Errorf("datasets: table %s was only described", files.Shown(t.name))
}

// Each gives the rows in order, with the columns of the registration: nil, bool, string, and numbers and dates as
// int32, int64 or *big.Int, scaled. The table was opened from files.
func (t *Table) Each(ctx context.Context, visit func(row []any) error) error {
	p := t.place()
	var list []string
	for _, c := range p.columns {
		list = append(list, c.SQL)
	}
	return t.reading(ctx, func(s *store) error {
		return duck.Each(ctx, s.db, "SELECT "+strings.Join(list, ", ")+" FROM "+p.from, visit)
	})
}

// snapshot lets f run SELECTs over the rows.
func (t *Table) snapshot(ctx context.Context, _ bool, f func(queryFunc) error) error {
	return t.reading(ctx, func(s *store) error {
		return f(func(ctx context.Context, statement string, _ bool) ([][]any, error) {
			rows, err := s.query(ctx, statement)
			return pointed(rows), s.room.Plain(t.name, err)
		})
	})
}

// query runs one SELECT over a table.
func (t *Table) query(ctx context.Context, statement string) (rows [][]any, err error) {
	err = t.snapshot(ctx, false, func(query queryFunc) error {
		rows, err = query(ctx, statement, false)
		return err
	})
	return rows, err
}

// query runs a SELECT and gives its rows as values of the driver.
func (s *store) query(ctx context.Context, statement string) ([][]any, error) {
	return duck.Select(ctx, s.db, statement)
}
