//go:build postgres

package datasets

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"maps"
	"math/big"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	_ "github.com/ClickHouse/clickhouse-go/v2"
	_ "github.com/go-sql-driver/mysql"
	_ "github.com/jackc/pgx/v5/stdlib"

	"parley/datasets/dialect"
	"parley/datasets/rehearsal"
	"parley/engine"
)

// testServer is a database that a test copies tables into.
type testServer struct {
	dialect   *dialect.Dialect
	driver    string
	dsn       string
	decimal   string // the type of a decimal of some places
	kinds     map[engine.Kind]string
	text, day string // of a column, as its dialect has them
	session   string
	create    string // a table of some name and columns
}

var (
	testPostgres = testServer{dialect.PostgreSQL, "pgx", os.Getenv("PARLEY_POSTGRES_DSN"), "numeric(38,%d)", map[engine.Kind]string{
		engine.Null: "integer", engine.Integer: "bigint", engine.Text: "text", engine.Boolean: "boolean", engine.Date: "date"},
		`(%s COLLATE "C")`, "(%s - DATE '1970-01-01')", "SELECT 1", "CREATE TEMPORARY TABLE %s (%s)"}
	testMariaDB = testServer{dialect.MySQL, "mysql", os.Getenv("PARLEY_MARIADB_DSN"), "decimal(38,%d)", map[engine.Kind]string{
		engine.Null: "int", engine.Integer: "bigint", engine.Text: "text CHARACTER SET utf8mb4", engine.Boolean: "boolean", engine.Date: "date"},
		"(%s COLLATE utf8mb4_nopad_bin)", "DATEDIFF(%s, '1970-01-01')",
		"SET sql_mode = 'ANSI_QUOTES,NO_BACKSLASH_ESCAPES,STRICT_ALL_TABLES', NAMES utf8mb4 COLLATE utf8mb4_nopad_bin", "CREATE TEMPORARY TABLE %s (%s)"}
	testClickHouse = testServer{dialect.ClickHouse, "clickhouse", "", "Nullable(Decimal(38, %d))", map[engine.Kind]string{
		engine.Null: "Nullable(Int32)", engine.Integer: "Nullable(Int64)", engine.Text: "Nullable(String)", engine.Boolean: "Nullable(Bool)", engine.Date: "Nullable(Date32)"},
		"%s", "toInt32(%s)", "SELECT 1", "CREATE OR REPLACE TABLE %s (%s) ENGINE = Memory"}
)

// beyondDate32 finds days that a Date32 of ClickHouse cannot be.
var beyondDate32 = regexp.MustCompile(`\b(?:0\d|1[0-8]|2[3-9]|[3-9]\d)\d\d(-\d\d-\d\d)\b`)

// TestPostgresDialects has databases aggregate what the engine evaluates row by row: every cell.
func TestPostgresDialects(t *testing.T) {
	t.Run("PostgreSQL", func(t *testing.T) { testDialect(t, testPostgres, 1000) })
	t.Run("MariaDB", func(t *testing.T) { testDialect(t, testMariaDB, 1000) })
	t.Run("ClickHouse", func(t *testing.T) { testDialect(t, testClickHouse, 1000) })
}

func testDialect(t *testing.T, server testServer, least int) {
	conn := server.connect(t)
	there, beyond := 0, map[string]int{}
	for seed := range uint64(12) {
		s := rehearsal.NewSample(seed)
		s.Statistics, s.Rows = true, seed%2 == 1
		tables, places := map[string]*Table{}, map[string]place{}
		for style := range 3 {
			name := fmt.Sprintf("d%d", style)
			text := s.Table(style, s.IntN(120))
			if server.driver == "clickhouse" {
				text = beyondDate32.ReplaceAllString(text, "2200$1")
			}
			tables[name] = openText(t, text)
			places[name] = server.copied(t, conn, fmt.Sprintf("%s_%d", name, seed), tables[name])
		}
		for range 40 {
			question := s.Question()
			p, err := plan(t, question, tables)
			if refusal := (*engine.Error)(nil); errors.As(err, &refusal) {
				continue
			} else if err != nil {
				t.Fatalf("%s: %v", question, err)
			}
			for name, table := range tables {
				got, want, err := atBoth(t, p, name, table, places[name])
				switch {
				case errors.Is(err, dialect.ErrBeyond):
					beyond[strings.TrimSuffix(err.Error(), ": "+dialect.ErrBeyond.Error())]++
				case err != nil:
					t.Fatalf("%s: %v", question, err)
				default:
					there++
					compareCells(t, question, got, want)
				}
			}
		}
	}
	t.Logf("%d there", there)
	for _, why := range slices.Sorted(maps.Keys(beyond)) {
		t.Logf("%d: %s", beyond[why], why)
	}
	if there < least {
		t.Error("hardly any question was aggregated there")
	}
}

// atBoth computes a plan's cells at a place and row by row.
func atBoth(t *testing.T, p *engine.Plan, department string, table *Table, where place) (got, want []*big.Int, err error) {
	t.Helper()
	a, err := table.aggregation(p, department)
	if err != nil {
		t.Fatal(err)
	}
	if want, err = a.stream(context.Background()); err != nil {
		t.Fatal(err)
	}
	if a, err = table.aggregationAt(p, department, where); err != nil {
		t.Fatal(err)
	}
	got, err = a.compute(context.Background())
	return got, want, err
}

// TestPostgresEveryDay compares the fields and periods of dates that databases have with the engine's.
func TestPostgresEveryDay(t *testing.T) {
	for name, server := range map[string]testServer{"PostgreSQL": testPostgres, "MariaDB": testMariaDB, "ClickHouse": testClickHouse} {
		t.Run(name, func(t *testing.T) {
			conn := server.connect(t)
			var rows strings.Builder
			rows.WriteString("day\n")
			for _, year := range []int{10, 11, 99, 100, 101, 999, 1000, 1001, 1582, 1899, 1900, 1901, 1969, 1970, 1999, 2000, 2001, 2019, 2020, 2021, 2024, 9999} {
				if server.driver == "clickhouse" && (year < 1900 || year > 2299) {
					continue // it has no such dates
				}
				for _, day := range []string{"01-01", "01-03", "01-04", "02-28", "03-01", "06-30", "07-01", "12-28", "12-31"} {
					fmt.Fprintf(&rows, "%04d-%s\n", year, day)
				}
			}
			table := openText(t, rows.String())
			where := server.copied(t, conn, "days", table)
			var list []string
			for _, field := range server.dialect.Parts() {
				list = append(list, "sum(EXTRACT("+field+" FROM day) * EXTRACT(day FROM day))")
			}
			for _, period := range server.dialect.Periods() {
				list = append(list, "sum(EXTRACT(year FROM date_trunc('"+period+"', day)) * 400 + EXTRACT(doy FROM date_trunc('"+period+"', day)))")
			}
			p, err := plan(t, "SELECT day, "+strings.Join(list, ", ")+" FROM t GROUP BY day", map[string]*Table{"a": table})
			if err != nil {
				t.Fatal(err)
			}
			got, want, err := atBoth(t, p, "a", table, where)
			if err != nil {
				t.Fatal(err)
			}
			compareCells(t, "every day", got, want)
		})
	}
}

func (s testServer) connect(t *testing.T) *sql.Conn {
	t.Helper()
	if s.driver == "clickhouse" {
		s.dsn = rehearsal.ClickHouse(t)
	}
	if s.dsn == "" {
		t.Skip("there is no " + s.dialect.Name + " to ask")
	}
	db, err := sql.Open(s.driver, s.dsn)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	conn, err := db.Conn(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := conn.ExecContext(context.Background(), s.session); err != nil {
		t.Fatal(err)
	}
	return conn
}

// copied copies a table into a temporary one.
func (s testServer) copied(t *testing.T, conn *sql.Conn, name string, table *Table) place {
	t.Helper()
	p := place{dialect: s.dialect, from: name, snapshot: func(_ context.Context, f func(queryFunc) error) error {
		return f(func(ctx context.Context, statement string) ([][]any, error) { return askServer(ctx, conn, statement) })
	}}
	var columns, rows []string
	for i, c := range table.columns {
		own := dialect.Column{SQL: columnName(i), Kind: c.kind, Scale: c.scale}
		kind := s.kinds[c.kind]
		switch c.kind {
		case engine.Decimal:
			kind = fmt.Sprintf(s.decimal, c.scale)
			own.Bare = own.SQL
			own.SQL = "(" + own.SQL + " * 1" + strings.Repeat("0", c.scale) + ")"
		case engine.Text:
			own.SQL = fmt.Sprintf(s.text, own.SQL)
		case engine.Date:
			own.SQL = fmt.Sprintf(s.day, own.SQL)
		}
		own.Dictionary = dictionaryOf(t, table.described[i])
		p.columns = append(p.columns, own)
		columns = append(columns, columnName(i)+" "+kind)
	}
	if err := table.Each(context.Background(), func(row []any) error {
		var values []string
		for i, c := range table.columns {
			value := "NULL"
			d := sourceOf{own: c, kind: c.kind, scale: c.scale}.datum(row[i])
			switch d.Kind {
			case engine.Null:
			case engine.Boolean:
				value = d.String()
			default:
				value = dialect.QuoteText(d.String())
			}
			values = append(values, value)
		}
		rows = append(rows, "("+strings.Join(values, ", ")+")")
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	s.exec(t, conn, fmt.Sprintf(s.create, name, strings.Join(columns, ", ")))
	if len(rows) > 0 {
		s.exec(t, conn, fmt.Sprintf("INSERT INTO %s VALUES %s", name, strings.Join(rows, ", ")))
	}
	return p
}

func (s testServer) exec(t *testing.T, conn *sql.Conn, statement string) {
	t.Helper()
	if _, err := conn.ExecContext(context.Background(), statement); err != nil {
		t.Fatalf("%v in %s", err, statement)
	}
}

func dictionaryOf(t *testing.T, c engine.Column) []engine.Datum {
	t.Helper()
	if !c.HasDictionary {
		return nil
	}
	out := []engine.Datum{}
	for _, text := range c.Dictionary {
		v, err := engine.ParseDatum(c.Kind, text)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, v)
	}
	return out
}

// askServer gives the rows of a SELECT as a place does.
func askServer(ctx context.Context, conn *sql.Conn, statement string) ([][]any, error) {
	rows, err := conn.QueryContext(ctx, statement)
	if err != nil {
		return nil, fmt.Errorf("%w in %s", err, statement)
	}
	defer rows.Close()
	types, err := rows.ColumnTypes()
	if err != nil {
		return nil, err
	}
	var out [][]any
	for rows.Next() {
		row, targets := make([]any, len(types)), make([]any, len(types))
		for i := range row {
			targets[i] = &row[i]
		}
		if err := rows.Scan(targets...); err != nil {
			return nil, err
		}
		for i, v := range row {
			row[i] = serverValue(v, types[i].DatabaseTypeName())
		}
		out = append(out, row)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("%w in %s", err, statement)
	}
	return out, nil
}

func serverValue(v any, kind string) any {
	switch r := reflect.ValueOf(v); {
	case r.CanInt():
		return r.Int()
	case r.CanUint():
		return new(big.Int).SetUint64(r.Uint())
	}
	switch v := v.(type) {
	case big.Int:
		return &v
	}
	text, ok := v.(string)
	if raw, is := v.([]byte); is {
		text, ok = string(raw), true
	}
	if !ok || !regexp.MustCompile("NUMERIC|DECIMAL|INT|Decimal").MatchString(kind) {
		if ok {
			return text
		}
		return v
	}
	whole, fraction, _ := strings.Cut(text, ".")
	n, _ := new(big.Int).SetString(whole+fraction, 10)
	return dialect.Decimal{Value: n, Scale: len(fraction)}
}
