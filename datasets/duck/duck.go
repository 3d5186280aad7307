// Package duck opens an embedded DuckDB that reaches nothing outside of it but what its caller's
// settings leave it, fills tables and reads what a SELECT gives. It knows
// nothing of departments or questions: datasets and datasets/plain say what stands in the tables.
package duck

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"fmt"
	"math/big"
	"slices"

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

// Append adds rows to a table, of values as the driver takes them: each gives them one by one, nil for NULL.
func Append(ctx context.Context, db *sql.DB, table string, each func(add func(row []driver.Value) error) error) error {
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
		err = each(func(row []driver.Value) error { return appender.AppendRow(row...) })
		if closing := appender.Close(); err == nil {
			err = closing
		}
		return err
	})
}

// Select runs a SELECT and gives its rows as values of the driver.
func Select(ctx context.Context, db *sql.DB, statement string) ([][]any, error) {
	var out [][]any
	err := Each(ctx, db, statement, func(row []any) error {
		out = append(out, slices.Clone(row))
		return nil
	})
	return out, err
}

// Each runs a SELECT and visits its rows, values of the driver, one after the other. The row is valid during the visit.
func Each(ctx context.Context, db *sql.DB, statement string, visit func(row []any) error) error {
	rows, err := db.QueryContext(ctx, statement)
	if err != nil {
		return err
	}
	defer rows.Close()
	names, err := rows.Columns()
	if err != nil {
		return err
	}
	row, targets := make([]any, len(names)), make([]any, len(names))
	for i := range row {
		targets[i] = &row[i]
	}
	for rows.Next() {
		if err := rows.Scan(targets...); err != nil {
			return err
		}
		if err := visit(row); err != nil {
			return err
		}
	}
	return rows.Err()
}

// Integer takes an integer of the driver.
func Integer(v any) (*big.Int, bool) {
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

// SizeText is a number of bytes for people.
func SizeText(bytes int64) string {
	for _, unit := range []struct {
		name string
		size int64
	}{{"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}} {
		if bytes >= unit.size {
			return fmt.Sprintf("%.4g %s", float64(bytes)/float64(unit.size), unit.name)
		}
	}
	return fmt.Sprintf("%d bytes", bytes)
}
