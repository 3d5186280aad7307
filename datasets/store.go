package datasets

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"

	"parley/datasets/calls"
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

// openStore makes an empty store, which removes its folder when it is closed. settings come before its own.
func openStore(room storeRoom, settings ...string) (*store, error) {
	db, err := duck.Open(append(settings, room.settings()...)...)
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(duck.Threads)
	s := &store{db: db, room: room}
	if err := calls.Register(context.Background(), s.db); err != nil {
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

// store opens the table's store and begins to fill it; column i is named c<i>, so that no name of a file
// ever is part of SQL.
func (l *loader) store(ctx context.Context, o Options) error {
	room, err := newRoom(o)
	if err != nil {
		return err
	}
	s, err := openStore(room)
	if err != nil {
		return errors.Join(err, room.remove())
	}
	var columns []storeColumn
	for i, b := range l.builders {
		columns = append(columns, storeColumn{columnName(i), b.storeType()})
	}
	var filler *duck.Filler
	if err = s.create(ctx, columns); err == nil {
		filler, err = duck.NewFiller(ctx, s.db, rowsTable)
	}
	if err != nil {
		s.close()
		return fmt.Errorf("loading table %s: %w", files.Shown(l.table.name), room.plain(l.table.name, err))
	}
	l.table.store, l.feed = s, newFeed(filler, room, l.table.name)
	return nil
}

func columnName(i int) string { return fmt.Sprintf("c%d", i) }

// scoreName is the column of a score, beside those of the rows.
func scoreName(i int) string { return fmt.Sprintf("s%d", i) }

// storeType is the column's type in DuckDB: scaled integers, dates as days, timestamps and times of day as
// microseconds.
func (c column) storeType() string {
	switch {
	case c.wide:
		return "HUGEINT"
	case numeric(c.kind), clockForms[c.kind] != 0:
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

// reading lets f read the rows where they are.
func (t *Table) reading(ctx context.Context, f func(*store) error) error {
	switch {
	case t.lying != nil:
		return t.lying.read(ctx, f)
	case t.store != nil:
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
			return pointed(rows), s.room.plain(t.name, err)
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
