package served

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"time"
)

// leaving is an engine with a table of three rows and one column, all NULL, until it is gone.
type leaving struct {
	liar
	gone bool
}

func (l *leaving) Connect(context.Context) (driver.Conn, error) { return l, nil }

func (l *leaving) QueryContext(_ context.Context, statement string, _ []driver.NamedValue) (driver.Rows, error) {
	if l.gone {
		return nil, &net.OpError{Op: "read", Err: io.ErrUnexpectedEOF}
	}
	r := &row{names: make([]string, columnsIn(statement))}
	switch {
	case strings.HasSuffix(statement, "LIMIT 0"):
		r.names = []string{"b"}
	case statement == postgres.versionQuery:
		r.values = []driver.Value{"15.2"}
	case strings.Contains(statement, "SELECT 1\n"): // the version
		r.values = []driver.Value{"1"}
	case strings.Contains(statement, "min("), strings.HasPrefix(statement, `SELECT count("b")`):
		r.values = []driver.Value{int64(0), "", "", int64(0)}
	case strings.HasPrefix(statement, "SELECT count(*) FROM"):
		r.values = []driver.Value{int64(3)}
	}
	return r, nil
}

// row is an answer of one row, or of none.
type row struct {
	names  []string
	values []driver.Value
}

func (r *row) Columns() []string                     { return r.names }
func (r *row) Close() error                          { return nil }
func (r *row) ColumnTypeDatabaseTypeName(int) string { return "BOOL" }
func (r *row) Next(into []driver.Value) error {
	if r.values == nil {
		return io.EOF
	}
	copy(into, r.values)
	r.values = nil
	return nil
}

// TestEngineGone: an engine that goes away behind the registration has the question refused as one that cannot be asked,
// and not as a table that has changed; nothing is computed. When it is back, it is asked again.
func TestEngineGone(t *testing.T) {
	l := &leaving{}
	here := *postgres
	here.open = func(*place, time.Duration) (*sql.DB, error) { return sql.OpenDB(l), nil }
	products["leaving"] = &here
	defer delete(products, "leaving")
	table, err := Open(context.Background(), "t", Options{Source: "leaving://a@b/c", Table: "t", VersionQuery: "SELECT 1"})
	if err != nil {
		t.Fatal(err)
	}
	defer table.Close()
	for _, gone := range []bool{false, true, false} {
		l.gone = gone
		asked := false
		err := table.Snapshot(context.Background(), false, func(*Asking) error { asked = true; return nil })
		if gone && (err == nil || errors.Is(err, ErrChanged) || !strings.Contains(err.Error(), "the engine cannot be asked")) || !gone && err != nil {
			t.Errorf("gone: %v: %v", gone, err)
		}
		if asked == gone || table.Drift() != "" {
			t.Errorf("gone: %v: asked: %v, drift: %q", gone, asked, table.Drift())
		}
	}
}
