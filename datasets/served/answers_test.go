package served

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"parley/datasets/files"
	"parley/engine"
)

// liar is an engine whose answers are drawn from bytes: mostly of the columns that were asked for, of any values.
type liar struct{ bytes []byte }

func (l *liar) next(below int) int {
	if len(l.bytes) == 0 {
		return 0
	}
	b := l.bytes[0]
	l.bytes = l.bytes[1:]
	return int(b) % below
}

func (l *liar) Connect(context.Context) (driver.Conn, error) { return l, nil }
func (l *liar) Driver() driver.Driver                        { return nil }
func (l *liar) Prepare(string) (driver.Stmt, error)          { return nil, errors.New("it prepares none") }
func (l *liar) Begin() (driver.Tx, error)                    { return nil, errors.New("it begins none") }
func (l *liar) Close() error                                 { return nil }
func (l *liar) ExecContext(context.Context, string, []driver.NamedValue) (driver.Result, error) {
	return driver.RowsAffected(0), nil
}

func (l *liar) QueryContext(_ context.Context, statement string, _ []driver.NamedValue) (driver.Rows, error) {
	r := &lies{liar: l, rows: 1, measured: strings.Contains(statement, "min(")}
	switch {
	case strings.HasSuffix(statement, "LIMIT 0"):
		r.names, r.rows = []string{"k", "d", "s", "at", "b"}, 0
	case l.next(16) == 1:
		r.names = make([]string, l.next(4))
	default:
		r.names = make([]string, columnsIn(statement))
	}
	if r.rows > 0 {
		r.rows = []int{1, 1, 1, 0, 2, 3, 1, 1}[l.next(8)]
	}
	return r, nil
}

// columnsIn counts those of a SELECT.
func columnsIn(statement string) int {
	n, depth := 1, 0
	for i, c := range statement {
		switch {
		case c == '(':
			depth++
		case c == ')':
			depth--
		case c == ',' && depth == 0:
			n++
		case depth == 0 && strings.HasPrefix(statement[i:], " FROM "):
			return n
		}
	}
	return n
}

type lies struct {
	liar  *liar
	names []string
	rows  int
	// measured: values, least, greatest, places or times of each column
	measured bool
}

var lyingTypes = []string{"INT8", "NUMERIC", "TEXT", "TIMESTAMP", "BOOL", "DATE", "FLOAT8", "17", "x\x1b[2J"}

func (r *lies) Columns() []string { return slices.Clone(r.names) }
func (r *lies) Close() error      { return nil }
func (r *lies) ColumnTypeDatabaseTypeName(i int) string {
	if len(r.names) == 5 && r.names[0] == "k" && r.liar.next(8) != 1 {
		return lyingTypes[i]
	}
	return lyingTypes[r.liar.next(len(lyingTypes))]
}

func (r *lies) Next(into []driver.Value) error {
	if r.rows--; r.rows < 0 {
		return io.EOF
	}
	for i := range into {
		if r.measured && r.liar.next(4) == 0 {
			into[i] = []driver.Value{int64(3), "5", "7.5", int64(3)}[i%4]
			continue
		}
		into[i] = []driver.Value{int64(3), "12.50", nil, "x", "e", "2020-01-01", []byte("UTF8"), true, int64(-1), int64(1) << 62, 1.5, strings.Repeat("9", 5000),
			"\xff", "a\x00", strings.Repeat("x", 2000), time.Unix(0, 0), "15.2"}[r.liar.next(17)]
	}
	return nil
}

// asked has a liar described, and asked as an aggregation does.
func asked(t *testing.T, answers []byte, o Options) {
	l := &liar{bytes: answers}
	lying := *postgres
	lying.open = func(*place, time.Duration) (*sql.DB, error) { return sql.OpenDB(l), nil }
	products["liar"] = &lying
	defer delete(products, "liar")
	o.Source, o.Table = "liar://a@b/c", "t"
	table, err := Open(context.Background(), "t", o)
	if err == nil {
		defer table.Close()
		r := table.Registration("north", 1)
		for _, c := range r.Columns {
			if len(slices.Compact(slices.Clone(c.Dictionary))) != len(c.Dictionary) || c.Scale < 0 || c.Scale > files.MaxScale {
				t.Errorf("a column of %d places with the values %.300q", c.Scale, c.Dictionary)
			}
		}
		engine.Marshal(r)
		err = table.Snapshot(context.Background(), true, func(a *Asking) error {
			if witness := table.Witness(); witness != nil {
				_, err := a.Witnessed(context.Background(), "SELECT 1, "+strings.Join(witness, ", ")+" FROM t")
				return err
			}
			_, err := a.Rows(context.Background(), "SELECT 1 FROM t")
			return err
		})
	}
	if err != nil && strings.ContainsAny(err.Error(), "\x00\x1b") {
		t.Errorf("%q", err)
	}
}

// TestLyingEngine: an engine that answers otherwise than it was asked is refused or described, and never ends the node.
func TestLyingEngine(t *testing.T) {
	answers := make([]byte, 256)
	for seed := range 800 {
		for i := range answers {
			answers[i] = byte((seed*7919 + i*i*31 + i*seed) >> (seed % 5))
			if i < seed%200 { // honest for a while
				answers[i] = 0
			}
		}
		asked(t, slices.Clone(answers), []Options{{}, {Version: "k"}, {VersionQuery: "SELECT 1"}}[seed%3])
	}
}

// FuzzAnswers: no answers of an engine make what reads them panic.
func FuzzAnswers(f *testing.F) {
	f.Add([]byte{}, false)
	f.Add([]byte{0, 0, 0, 0, 6, 0, 1, 1, 0, 7}, true)
	f.Fuzz(func(t *testing.T, answers []byte, version bool) {
		asked(t, answers, Options{Version: map[bool]string{true: "k"}[version]})
	})
}
