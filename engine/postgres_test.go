//go:build postgres

package engine

import (
	"context"
	"errors"
	"fmt"
	"math/big"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// PostgreSQL's own refusals (errcodes.txt).
const (
	numericOutOfRange = "22003"
	divisionByZero    = "22012"
)

// dial opens the database of PARLEY_POSTGRES_DSN. The tests make a temporary
// table in it and leave nothing.
func dial(t *testing.T) *pgx.Conn {
	dsn := os.Getenv("PARLEY_POSTGRES_DSN")
	if dsn == "" {
		t.Skip("PARLEY_POSTGRES_DSN is not set")
	}
	config, err := pgx.ParseConfig(dsn)
	if err != nil {
		t.Fatal(err)
	}
	config.RuntimeParams["timezone"] = "UTC"
	config.DefaultQueryExecMode = pgx.QueryExecModeSimpleProtocol // answers as text
	conn, err := pgx.ConnectConfig(context.Background(), config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close(context.Background()) })
	return conn
}

// fill makes the pooled table. The database has the locale C.UTF-8: text sorts by bytes, and letters
// have their capitals.
func (t *refTable) fill(tb testing.TB, conn *pgx.Conn) {
	var columns, rows []string
	for _, c := range t.columns {
		kind := map[Kind]string{Null: "bigint", Integer: "bigint", Text: "text", Boolean: "boolean", Date: "date",
			Timestamp: "timestamp", TimestampTZ: "timestamptz", Time: "time",
			Decimal: fmt.Sprintf("numeric(38,%d)", c.scale)}[c.kind]
		columns = append(columns, fmt.Sprintf("%q %s", c.name, kind))
	}
	for d, part := range t.parts {
		for _, r := range part {
			var values []string
			for c, v := range r {
				text := "NULL"
				if v != nil {
					text = quoted(t.datum(d, c, v).String())
				}
				values = append(values, text)
			}
			rows = append(rows, "("+strings.Join(values, ", ")+")")
		}
	}
	sql := "DROP TABLE IF EXISTS things; CREATE TEMP TABLE things (" + strings.Join(columns, ", ") + ");"
	if len(rows) > 0 {
		sql += "INSERT INTO things VALUES " + strings.Join(rows, ", ")
	}
	if _, err := conn.Exec(context.Background(), sql); err != nil {
		tb.Fatal(err)
	}
}

// ask returns PostgreSQL's answer as text, NULL as "<null>", booleans as true and
// false.
func ask(conn *pgx.Conn, sql string, kinds []Kind) (answer []string, err error) {
	rows, err := conn.Query(context.Background(), sql)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var line []string
		for i, raw := range rows.RawValues() {
			switch {
			case raw == nil:
				line = append(line, "<null>")
			case i < len(kinds) && kinds[i] == Boolean:
				line = append(line, strconv.FormatBool(string(raw) == "t"))
			default:
				line = append(line, string(raw))
			}
		}
		answer = append(answer, strings.Join(line, " | "))
	}
	return answer, rows.Err()
}

// roundsOr is how many tables a test takes: what PARLEY_POSTGRES_ROUNDS says, or its own number.
func roundsOr(own int) int {
	if n, err := strconv.Atoi(os.Getenv("PARLEY_POSTGRES_ROUNDS")); err == nil {
		return n
	}
	return own
}

// both asks a question of the table here and of PostgreSQL.
func both(t *testing.T, conn *pgx.Conn, table *refTable, sql string, packing Packing) (got *Result, want []string, err, wantErr error) {
	cat, departments := table.catalogue()
	p, err := NewPlan(sql, cat, departments, packing)
	var kinds []Kind
	if err == nil {
		if got, err = table.sealed(t, p); got != nil {
			kinds = got.Kinds
		}
	}
	want, wantErr = ask(conn, sql, kinds)
	return got, want, err, wantErr
}

// TestPostgres compares every printed digit of random queries with PostgreSQL's.
func TestPostgres(t *testing.T) {
	conn := dial(t)
	rounds := roundsOr(2000)
	compared, skipped, rows := 0, 0, 0
	for seed := range rounds {
		r := rand.New(rand.NewPCG(uint64(seed), 2))
		table := newTable(r)
		table.fill(t, conn)
		for range 5 {
			q := generator{r, table}.query()
			got, want, err, wantErr := both(t, conn, table, q.sql, testPackings[seed%len(testPackings)])
			var refused *Error
			var pgErr *pgconn.PgError
			switch {
			case errors.As(wantErr, &pgErr) && err == nil &&
				(strings.HasPrefix(pgErr.Message, "integer ") || strings.HasPrefix(pgErr.Message, "smallint ")):
				t.Fatalf("seed %d: %s\nhas an answer, PostgreSQL %v", seed, q.sql, wantErr)
			case errors.As(wantErr, &pgErr) && pgErr.Code == numericOutOfRange: // bigint overflows there, never here
				skipped++
				continue
			case errors.As(err, &refused) && refused.Code == CodeOverflow:
				skipped++
				continue
			case errors.As(err, &refused) && refused.Code == CodeDivision && refused.Position > 0: // refused before it runs
				skipped++
				continue
			case errors.As(err, &refused) && refused.Code == CodeDivision && errors.As(wantErr, &pgErr) && pgErr.Code == divisionByZero:
				continue
			case q.limit >= 0 && (err == nil) != (wantErr == nil) && (errors.As(wantErr, &pgErr) && pgErr.Code == divisionByZero ||
				errors.As(err, &refused) && refused.Code == CodeDivision):
				skipped++ // in a row that LIMIT cuts: who evaluates it differs
				continue
			case err != nil || wantErr != nil:
				t.Fatalf("seed %d: %s\nengine %v\nPostgreSQL %v", seed, q.sql, err, wantErr)
			}
			compared++
			rows += len(want)
			if a, b := strings.Join(printed(got), "\n"), strings.Join(want, "\n"); a != b {
				t.Fatalf("seed %d: %s\nengine\n%s\nPostgreSQL\n%s", seed, q.sql, a, b)
			}
		}
	}
	t.Logf("%d queries with %d rows agree, %d skipped", compared, rows, skipped)
	if compared < rounds {
		t.Fatalf("only %d queries were compared", compared)
	}
}

// TestPostgresAnswers asks PostgreSQL the questions of testdata/answers.txt.
func TestPostgresAnswers(t *testing.T) {
	conn := dial(t)
	table := fixture()
	table.fill(t, conn)
	for _, c := range readCases(t, "answers.txt") {
		p, err := planCase(c)
		if err != nil {
			t.Fatal(err)
		}
		got, err := table.sealed(t, p)
		if err != nil {
			continue
		}
		want, err := ask(conn, c.input, got.Kinds)
		var pgErr *pgconn.PgError
		if errors.As(err, &pgErr) && pgErr.Code == numericOutOfRange {
			continue
		}
		if err != nil {
			t.Fatalf("%s: %v", c.input, err)
		}
		if len(want) != len(got.Rows) {
			t.Errorf("%s: %d rows, PostgreSQL %d", c.input, len(got.Rows), len(want))
			continue
		}
		for i, line := range want {
			for j, text := range strings.Split(line, " | ") {
				if !sameAsPostgres(got.Rows[i][j], got.Kinds[j], "", text) {
					t.Errorf("%s\nengine\n%s\nPostgreSQL\n%s", c.input, strings.Join(printed(got), "\n"), strings.Join(want, "\n"))
				}
			}
		}
	}
}

// TestPostgresNumeric compares division and multiplication at the edges of their
// rules for scales.
func TestPostgresNumeric(t *testing.T) {
	conn := dial(t)
	r := rand.New(rand.NewPCG(7, 7))
	number := func() Datum {
		digits := big.NewInt(r.Int64N(20000))
		if r.IntN(2) == 0 {
			digits.Mul(digits, pow10(r.IntN(30)))
		}
		if r.IntN(2) == 0 {
			digits.Neg(digits)
		}
		return NewDecimal(digits, r.IntN(25))
	}
	for i := range 20000 {
		a, b := number(), number()
		if b.Number.Sign() == 0 {
			continue
		}
		op := []struct {
			op   Op
			sign string
		}{{OpDivide, "/"}, {OpModulo, "%"}, {OpMultiply, "*"}, {OpSubtract, "-"}}[i%4]
		got, _ := compute(&Expr{Op: op.op, Kind: Decimal}, value{Datum: a, exact: rational(a)}, value{Datum: b, exact: rational(b)})
		sql := fmt.Sprintf("SELECT %s::numeric %s %s::numeric", quoted(fixedDecimal(a.Number, a.Scale)),
			op.sign, quoted(fixedDecimal(b.Number, b.Scale)))
		want, err := ask(conn, sql, nil)
		if err != nil {
			t.Fatal(err)
		}
		if text := fixedDecimal(got.Number, got.Scale); text != want[0] {
			t.Fatalf("%s is %s, PostgreSQL %s", sql, text, want[0])
		}
	}
}
