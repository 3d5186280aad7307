// Package duck opens an embedded DuckDB that reaches nothing outside of it but what its caller's
// settings leave it, fills a table from Arrow's batches and reads what a SELECT gives. It knows
// nothing of departments or questions: datasets and datasets/plain say what stands in the tables.
package duck

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"fmt"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/duckdb/duckdb-go/v2"
)

// Threads is how many threads each DuckDB has.
const Threads = 2

// Open starts a DuckDB that fetches and loads no extensions, applies settings, which name its folder
// and memory and switch off access to files and the network, and locks its configuration: nothing that
// it runs later changes any of that. Closing it closes all.
func Open(settings ...string) (*sql.DB, error) {
	connector, err := duckdb.NewConnector("", nil)
	if err != nil {
		return nil, fmt.Errorf("starting DuckDB: %w", err)
	}
	db := sql.OpenDB(connector) // which closes the connector
	first := []string{
		"SET autoinstall_known_extensions = false",
		"SET autoload_known_extensions = false",
		"SET allow_community_extensions = false",
		fmt.Sprintf("SET threads = %d", Threads),
	}
	for _, setting := range append(append(first, settings...), "SET lock_configuration = true") {
		if _, err := db.Exec(setting); err != nil {
			db.Close()
			return nil, fmt.Errorf("setting up DuckDB: %w", err)
		}
	}
	return db, nil
}

// Column is a column of one batch: its array, and its values as DuckDB's appender takes them. Read
// is not asked where the array is NULL.
type Column struct {
	Array arrow.Array
	Read  func(row int) driver.Value
}

// Append adds batches to a table. columns gives those of a batch in the table's order.
func Append(ctx context.Context, db *sql.DB, table string, batches []arrow.Record, columns func(batch arrow.Record) []Column) error {
	conn, err := db.Conn(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	return conn.Raw(func(raw any) error {
		appender, err := duckdb.NewAppenderFromConn(raw.(driver.Conn), "", table)
		if err != nil {
			return err
		}
		for _, batch := range batches {
			if err := appendBatch(ctx, appender, int(batch.NumRows()), columns(batch)); err != nil {
				appender.Close()
				return err
			}
		}
		return appender.Close()
	})
}

func appendBatch(ctx context.Context, appender *duckdb.Appender, rows int, columns []Column) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	row := make([]driver.Value, len(columns))
	for r := range rows {
		for i, c := range columns {
			if row[i] = nil; !c.Array.IsNull(r) {
				row[i] = c.Read(r)
			}
		}
		if err := appender.AppendRow(row...); err != nil {
			return err
		}
	}
	return nil
}

// Select runs a SELECT and gives its rows as values of the driver.
func Select(ctx context.Context, db *sql.DB, statement string) ([][]any, error) {
	rows, err := db.QueryContext(ctx, statement)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	names, err := rows.Columns()
	if err != nil {
		return nil, err
	}
	var out [][]any
	for rows.Next() {
		row, targets := make([]any, len(names)), make([]any, len(names))
		for i := range row {
			targets[i] = &row[i]
		}
		if err := rows.Scan(targets...); err != nil {
			return nil, err
		}
		out = append(out, row)
	}
	return out, rows.Err()
}
