package datasets

import (
	"context"
	"errors"
	"fmt"
	"math/big"
	"path/filepath"
	"slices"
	"strings"

	"parley/datasets/dialect"
	"parley/datasets/duck"
	"parley/datasets/files"
	"parley/engine"
)

// Joined tables (README, section 14): a DuckDB of its own for each question, in which the joined table is a view of what the
// tables hold. Nothing is copied but what a join takes.

// maxJoinBytes is the memory that it has. What does not fit goes to files where the tables have a folder.
const maxJoinBytes = duck.MaxStoreBytes / 2

// AggregateJoined is Aggregate of a plan that joins tables, of the department's tables of these names, in the order of p.Join.Tables. One
// that stays in a database is refused.
func AggregateJoined(ctx context.Context, p *engine.Plan, department string, tables []*Table) (cells []*big.Int, err error) {
	if p.Join == nil || len(tables) != len(p.Join.Tables) {
		return nil, errors.New("datasets: not the tables of the join")
	}
	at := slices.Index(p.Departments, department)
	if at < 0 || at >= len(p.Registrations) {
		return nil, fmt.Errorf("department %s is not one of the plan's: %w", files.Shown(department), ErrRegistration)
	}
	for i, t := range tables {
		if t.served != nil {
			return nil, &engine.Error{Code: engine.CodeUnsupported, Message: fmt.Sprintf("table %s of %s stays in its database, and tables there are not joined", files.Shown(t.name), files.Shown(department)),
				Hint: "the department can give the table as a file"}
		}
		r := slices.IndexFunc(p.Join.Catalogue, func(r engine.Registration) bool {
			return r.Table == p.Join.Tables[i].Name && r.Department == department
		})
		if r < 0 || t.name != p.Join.Tables[i].Name {
			return nil, fmt.Errorf("table %s is not one of the plan's: %w", files.Shown(t.name), ErrRegistration)
		}
		if err := t.isRegistered(p.Join.Catalogue[r]); err != nil {
			return nil, err
		}
	}
	err = holdAll(tables, func() error {
		joined, err := joinTables(ctx, p, tables, p.Registrations[at].Rows)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, joined.Close()) }()
		a, err := joined.aggregationAt(joined.place(), p, nil)
		if err != nil {
			return err
		}
		if cells, err = a.compute(ctx); errors.Is(err, dialect.ErrBeyond) {
			cells, err = a.stream(ctx)
		}
		return err
	})
	return cells, err
}

// holdAll lets f read the rows of all tables.
func holdAll(tables []*Table, f func() error) error {
	if len(tables) == 0 {
		return f()
	}
	switch first, rest := tables[0], tables[1:]; {
	case first.lying != nil:
		return first.lying.hold(func() error { return holdAll(rest, f) })
	case first.store != nil:
		first.store.mu.RLock()
		defer first.store.mu.RUnlock()
		return holdAll(rest, f)
	}
	return fmt.Errorf("datasets: table %s was only described", files.Shown(tables[0].name))
}

// joinTables makes the joined table, which has at most so many rows.
func joinTables(ctx context.Context, p *engine.Plan, tables []*Table, rows int64) (*Table, error) {
	joined := &Table{name: p.Table, rows: rows}
	var columns []dialect.Column // as the view has them
	var list []string
	for i, c := range p.Join.Columns {
		own := tables[c.Table].find(c.Name)
		if own < 0 {
			return nil, fmt.Errorf("table %s has no column %s: %w", files.Shown(tables[c.Table].name), files.Shown(c.Name), ErrRegistration)
		}
		from := tables[c.Table].columns[own]
		sql := fmt.Sprintf("t%d.%s", c.Table, columnName(own))
		joined.columns = append(joined.columns, column{name: p.Schema.Columns[i].Name, kind: from.kind, scale: from.scale, wide: from.wide, stored: i})
		columns = append(columns, dialect.Column{SQL: sql, Kind: from.kind, Scale: from.scale})
		list = append(list, sql+" AS "+columnName(i))
	}
	conditions, err := dialect.NewWriter(dialect.DuckDB, columns).Joins(p)
	if err != nil {
		return nil, err
	}
	if joined.store, err = openJoin(tables); err != nil {
		return nil, err
	}
	var from []string
	for i, t := range tables {
		source, err := joined.store.attach(ctx, t, i)
		if err != nil {
			return nil, errors.Join(err, joined.Close())
		}
		from = append(from, source)
	}
	_, err = joined.store.db.ExecContext(ctx, "CREATE VIEW "+rowsTable+" AS SELECT "+strings.Join(list, ", ")+" FROM "+strings.Join(from, ", ")+
		" WHERE "+strings.Join(conditions, " AND "))
	if err != nil {
		return nil, errors.Join(fmt.Errorf("joining tables: %w", err), joined.Close())
	}
	return joined, nil
}

// openJoin opens a store for tables, with a folder beside theirs.
func openJoin(tables []*Table) (*store, error) {
	var paths []string
	folder := ""
	for _, t := range tables {
		var room duck.Room
		if t.lying != nil {
			paths, room = append(paths, t.lying.paths()...), t.lying.room
		} else {
			room = t.store.room
		}
		if room.Folder != "" {
			folder = filepath.Dir(room.Folder)
		}
	}
	room, err := duck.NewRoom(folder, duck.Room{Memory: maxJoinBytes, Disk: duck.MaxSpillBytes})
	if err != nil {
		return nil, err
	}
	if len(paths) == 0 {
		return openStore(room)
	}
	return openStore(room, readingFiles(paths)...)
}

// attach makes the rows of a table known to a store. It gives what is selected from, with the columns as the table's own place has them.
func (s *store) attach(ctx context.Context, t *Table, i int) (string, error) {
	where := t.place()
	if t.store != nil {
		name := fmt.Sprintf("%s_%d", rowsFunction, i)
		if err := t.store.rows.Register(ctx, s.db, name); err != nil {
			return "", fmt.Errorf("setting up DuckDB: %w", err)
		}
		where.from = name + "()"
	}
	var list []string
	for k, c := range where.columns {
		list = append(list, c.SQL+" AS "+columnName(k))
	}
	return fmt.Sprintf("(SELECT %s FROM %s) AS t%d", strings.Join(list, ", "), where.from, i), nil
}
