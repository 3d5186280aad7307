package catalog

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"os"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	pg "github.com/pganalyze/pg_query_go/v6"

	"parley/node/pgwire"
)

// small is a network with one table, and one of the door's own.
func small() Visible {
	return Visible{Database: "parley", User: "anna", Tables: []Table{
		{Schema: "public", Name: "stays", Rows: -1, Key: []string{"id"}, Comment: "stays in days",
			Columns: []Column{{Name: "id", Type: oidInt8, Modifier: -1, NotNull: true}, {Name: "days", Type: oidInt8, Modifier: -1, Comment: "in days"}}},
		{Schema: "parley", Name: "answers", View: true, Rows: -1, Columns: []Column{{Name: "note", Type: oidText, Modifier: -1}, {Name: "at", Type: oidTimestamptz, Modifier: -1},
			{Name: "amount", Type: oidNumeric, Modifier: -1}, {Name: "flag", Type: oidBool, Modifier: -1}, {Name: "raw", Type: oidBytea, Modifier: -1}}},
	}}
}

func ownRows(context.Context, string) ([]pgwire.Row, error) {
	v := func(s string) pgwire.Value { return pgwire.Value(s) }
	return []pgwire.Row{{v("it's"), v("2026-12-01 02:00:00+01"), v("2.5"), v("t"), v(`\x0aff`)}, {v("less"), nil, v("1"), v("f"), nil}}, nil
}

func opened(t testing.TB) *Catalog {
	c, err := Open(context.Background(), small(), ownRows)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

func session() Session {
	return Session{Process: 7, SearchPath: []string{"public"}, Setting: func(name string) (string, bool) { return "on", name == "known" },
		All: func() []Setting { return []Setting{{Name: "known", Value: "on", Context: "user"}} }}
}

// prepare prepares one statement.
func prepare(ctx context.Context, c *Catalog, sql string, declared ...uint32) (*Query, error) {
	tree, err := pg.Parse(sql)
	if err != nil {
		return nil, err
	}
	return c.Prepare(ctx, sql, tree.Stmts[0].Stmt, declared, session())
}

// asked prepares and runs one statement.
func asked(ctx context.Context, c *Catalog, sql string, declared []uint32, arguments ...string) (*Query, []pgwire.Row, error) {
	q, err := prepare(ctx, c, sql, declared...)
	if err != nil {
		return nil, nil, err
	}
	values := []pgwire.Value{}
	for _, a := range arguments {
		values = append(values, pgwire.Value(a))
	}
	rows, err := q.Run(ctx, values, session())
	return q, rows, err
}

// TestAnswers: what testdata/answers.txt says.
func TestAnswers(t *testing.T) {
	raw, err := os.ReadFile("testdata/answers.txt")
	if err != nil {
		t.Fatal(err)
	}
	c := opened(t)
	for _, block := range strings.Split(strings.TrimSpace(string(raw)), "\n\n") {
		lines := strings.Split(block, "\n")
		if strings.HasPrefix(lines[0], "--") {
			lines = lines[1:]
		}
		q, rows, err := asked(context.Background(), c, lines[0], nil)
		if err != nil {
			t.Errorf("%s: %v", lines[0], err)
			continue
		}
		var head []string
		for _, column := range q.Columns {
			head = append(head, fmt.Sprint(column.Name, " ", column.Type))
		}
		got := []string{strings.Join(head, "|")}
		for _, row := range rows {
			var cells []string
			for _, v := range row {
				if v == nil {
					cells = append(cells, "NULL")
				} else {
					cells = append(cells, string(v))
				}
			}
			got = append(got, strings.Join(cells, "|"))
		}
		if want := strings.Join(lines[1:], "\n"); strings.Join(got, "\n") != want {
			t.Errorf("%s\ngot\n%s\nwant\n%s", lines[0], strings.Join(got, "\n"), want)
		}
	}
}

// TestRefusals: the private database's own catalogue, files and functions cannot be named, and what is refused is refused where it stands.
func TestRefusals(t *testing.T) {
	c := opened(t)
	for _, one := range []struct {
		sql, code string
		position  int
	}{
		{"SELECT * FROM duckdb_tables", "42P01", 15},
		{"SELECT * FROM sqlite_master", "42P01", 15},
		{"SELECT * FROM t1", "42P01", 15},
		{"SELECT * FROM temp.main.o3", "0A000", 15},
		{"SELECT * FROM main.t1", "42P01", 15},
		{"SELECT * FROM information_schema.nothing", "42P01", 15},
		{"SELECT * FROM '/etc/passwd'", "42601", 0},
		{`SELECT * FROM "/etc/passwd"`, "42P01", 15},
		{"SELECT * FROM read_text('/etc/passwd')", "42883", 15},
		{"SELECT * FROM duckdb_settings()", "42883", 15},
		{"SELECT getenv('HOME')", "42883", 8},
		{"SELECT cat_user(1)", "42883", 8},
		{"SELECT repeat('x', 1000000000)", "42883", 8},
		{"SELECT pg_read_file('/etc/passwd')", "42501", 8},
		{"SELECT set_config('search_path', 'x', false)", "42501", 8},
		{"SELECT c1 FROM pg_class", "42703", 8},
		{"SELECT 'ä', nothing FROM pg_class", "42703", 13},
		{"SELECT pg_class.nothing FROM pg_class", "42703", 8},
		{"SELECT x.oid FROM pg_class", "42P01", 8},
		{"SELECT oid FROM pg_class, pg_type", "42702", 8},
		{"SELECT 1 WHERE 1 = 'a'", "22P02", 20},
		{"SELECT 1 = 'a'::text", "42883", 10},
		{"SELECT 1 @@ 2", "42883", 10},
		{"SELECT 1::nothing", "42704", 11},
		{"SELECT 'nothing'::regclass", "42P01", 8},
		{"SELECT relname::regclass FROM pg_namespace, pg_class LIMIT 1", "", 0},
		{"SELECT nspname::regclass FROM pg_namespace", "42P01", 0},
		{"SELECT 1 / 0", "22012", 0},
		{"SELECT * INTO x FROM pg_class", "0A000", 0},
		{"SELECT * FROM pg_class FOR UPDATE", "0A000", 0},
		{"SELECT current_setting('unknown')", "42704", 0},
		{"SELECT relname, count(*) FROM pg_class", "42803", 0},
	} {
		_, _, err := asked(context.Background(), c, one.sql, nil)
		var refused *pgwire.Error
		switch {
		case one.code == "42601" || one.code == "":
			if one.code == "42601" && err == nil {
				t.Errorf("%s passes", one.sql)
			}
		case !errors.As(err, &refused) || refused.Code != one.code || refused.Position != one.position:
			t.Errorf("%s: %v at %v, want %s at %d", one.sql, err, refused, one.code, one.position)
		}
	}
}

// TestParameters: types come from what is declared, else from the other side, and values are read strictly.
func TestParameters(t *testing.T) {
	c := opened(t)
	q, rows, err := asked(context.Background(), c, "SELECT relname FROM pg_class WHERE oid = $1 AND relname LIKE $2 AND relnamespace = ANY ($3) LIMIT $4", nil, "1259", "pg%", "{11}", "1")
	if err != nil || len(rows) != 1 || string(rows[0][0]) != "pg_class" || fmt.Sprint(q.Parameters) != "[26 25 1028 20]" {
		t.Fatal(q, rows, err)
	}
	if q, rows, err = asked(context.Background(), c, "SELECT $1, $2", []uint32{oidInt2, 0}, "5", "'; DROP TABLE t1; --"); err != nil ||
		fmt.Sprint(q.Parameters) != "[21 25]" || string(rows[0][1]) != "'; DROP TABLE t1; --" {
		t.Fatal(q, rows, err)
	}
	for _, bad := range [][2]string{{"SELECT $1::int4", "1; SELECT 2"}, {"SELECT $1::oid", "x"}, {"SELECT $1::int2", "40000"}, {"SELECT $1::bool", "maybe"},
		{"SELECT $1::int4[]", "{1"}, {"SELECT $1::date", "yesterday"}, {"SELECT $1::bytea", "zz"}, {"SELECT $1::text", "a\x00b"}, {"SELECT $1::float8", "1e5)"}} {
		if _, _, err := asked(context.Background(), c, bad[0], nil, bad[1]); err == nil {
			t.Errorf("%s takes %q", bad[0], bad[1])
		}
	}
	if _, _, err := asked(context.Background(), c, "SELECT $1", nil); err == nil {
		t.Error("a parameter without a value passes")
	}
	if _, _, err := asked(context.Background(), c, "SELECT $2000", nil); err == nil {
		t.Error("parameter 2000 passes")
	}
}

// TestRepeatedParameter: a value is written into each place of its parameter, up to what a statement may have.
func TestRepeatedParameter(t *testing.T) {
	c := opened(t)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	_, _, err := asked(context.Background(), c, "SELECT 1 FROM pg_class WHERE relname::text IN ($1"+strings.Repeat(", $1", 9000)+")", nil, strings.Repeat("x", 60_000))
	runtime.ReadMemStats(&after)
	var refused *pgwire.Error
	if !errors.As(err, &refused) || refused.Code != "54001" {
		t.Fatal(err)
	}
	if made := after.TotalAlloc - before.TotalAlloc; made > 256<<20 {
		t.Errorf("the statement allocates %d MiB", made>>20)
	}
}

// hostile are statements that would take all time and memory there is.
func hostile() map[string]string {
	doubling := "WITH q0 AS (SELECT 'aaaaaaaaaaaaaaaa' AS a)"
	for i := range 50 {
		doubling += fmt.Sprintf(", q%d AS (SELECT a || a AS a FROM q%d)", i+1, i)
	}
	arrays := "WITH q0 AS (SELECT ARRAY['a','b'] AS a)"
	for i := range 50 {
		arrays += fmt.Sprintf(", q%d AS (SELECT a || a AS a FROM q%d)", i+1, i)
	}
	wide := "WITH q AS (SELECT '" + strings.Repeat("w", 60_000) + "' AS a) "
	return map[string]string{
		"cross join":        "SELECT count(*) FROM pg_proc a, pg_proc b, pg_proc c, pg_proc d WHERE a.oid + b.oid + c.oid + d.oid = 7",
		"recursion":         "WITH RECURSIVE t(n) AS (SELECT 1::int8 UNION ALL SELECT n + 1 FROM t) SELECT count(*) FROM t",
		"wide recursion":    "WITH RECURSIVE t(n) AS (SELECT 'a' UNION ALL SELECT n || n FROM t) SELECT max(length(n)) FROM t",
		"doubling":          doubling + " SELECT length(a) FROM q50",
		"doubling arrays":   arrays + " SELECT array_length(a, 1) FROM q50",
		"string_agg":        "SELECT length(string_agg(a.prosrc || b.prosrc, ',')) FROM pg_proc a, pg_proc b, pg_proc c",
		"array_agg":         "SELECT array_length(array_agg(a.oid), 1) FROM pg_proc a, pg_proc b, pg_proc c",
		"array of subquery": "SELECT array_length(ARRAY(SELECT a.oid FROM pg_proc a, pg_proc b, pg_proc c), 1)",
		"series":            "SELECT count(*) FROM pg_proc p, generate_series(1, 100000 - p.pronargs) g, generate_series(1, 100000 - p.pronargs) h",
		"series of all":     "SELECT count(*) FROM generate_series(1, 10000000000000)",
		"wide columns":      wide + "SELECT " + strings.Repeat("upper(q.a || p.proname), ", 250) + "1 FROM q, pg_proc p",
		"wide arrays":       wide + "SELECT array_length(ARRAY[" + strings.Repeat("q.a, ", 900) + "q.a || p.proname], 1) FROM q, pg_proc p",
		"replace":           wide + "SELECT replace(a, 'w', a) FROM q",
		"sorting":           wide + "SELECT q.a || p.proname FROM q, pg_proc p, pg_proc r ORDER BY 1",
		"result":            "SELECT a.proname FROM pg_proc a, pg_proc b",
		"constants":         "SELECT '" + strings.Repeat("x", 1<<20) + "'",
		"nesting":           "SELECT " + strings.Repeat("(1 + ", 400) + "1" + strings.Repeat(")", 400),
		"nested queries":    "SELECT * FROM " + strings.Repeat("(SELECT * FROM ", 200) + "pg_class" + strings.Repeat(") AS x", 200),
		"unions":            "SELECT 1" + strings.Repeat(" UNION ALL SELECT 1", 3000),
		"list":              "SELECT 1 IN (" + strings.Repeat("1, ", 200_000) + "1)",
		"relations":         "SELECT 1 FROM pg_class" + strings.Repeat(", pg_class", 200),
		"copies of a text":  "SELECT array_upper(" + strings.Repeat("array_remove(", 40) + "ARRAY[1]" + strings.Repeat(", 1)", 40) + ", 1)",
	}
}

// TestHostileStatements: each is refused in time, within memory, and others are answered meanwhile and afterwards.
func TestHostileStatements(t *testing.T) {
	c := opened(t)
	var before runtime.MemStats
	runtime.ReadMemStats(&before)
	start := resident(t)
	for name, sql := range hostile() {
		begun := time.Now()
		_, rows, err := asked(context.Background(), c, sql, nil)
		took := time.Since(begun)
		var refused *pgwire.Error
		if !errors.As(err, &refused) {
			t.Errorf("%s: %d rows, %v", name, len(rows), err)
		} else {
			t.Logf("%s: %s %s after %s, resident %d MiB", name, refused.Code, refused.Message, took.Round(time.Millisecond), resident(t)>>20)
		}
		if took > MaxTime+30*time.Second { // a machine may be busy; an end that never comes is what this finds
			t.Errorf("%s takes %s", name, took)
		}
		if _, rows, err := asked(context.Background(), c, "SELECT 1", nil); err != nil || len(rows) != 1 {
			t.Fatalf("after %s: %v", name, err)
		}
	}
	if grown := resident(t) - start; grown > 1<<30 {
		t.Errorf("resident memory has grown by %d MiB", grown>>20)
	}
}

// resident is the memory that the process has, in bytes.
func resident(t testing.TB) int64 {
	raw, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		t.Skip(err)
	}
	var all, pages int64
	fmt.Sscan(string(raw), &all, &pages)
	return pages * int64(os.Getpagesize())
}

// TestCancel: a statement ends with its context, running or waiting.
func TestCancel(t *testing.T) {
	c := opened(t)
	ctx, cancel := context.WithTimeout(context.Background(), 300*time.Millisecond)
	defer cancel()
	var wg sync.WaitGroup
	for range 2 * maxConnections {
		wg.Go(func() {
			begun := time.Now()
			_, _, err := asked(ctx, c, hostile()["cross join"], nil)
			var refused *pgwire.Error
			if !errors.As(err, &refused) || refused.Code != "57014" || time.Since(begun) > 3*time.Second {
				t.Errorf("%v after %s", err, time.Since(begun))
			}
		})
	}
	wg.Wait()
}

// TestPreparedKeepNoTree: what a statement costs while it is only prepared is its text, and little else.
func TestPreparedKeepNoTree(t *testing.T) {
	c := opened(t)
	const statements = 200
	sql := "SELECT " + strings.Repeat("relname || 'a', ", 150) + "1 FROM pg_class"
	kept := make([]*Query, 0, statements)
	heap := func() int64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return int64(m.HeapAlloc)
	}
	before := heap()
	for range statements {
		q, err := prepare(context.Background(), c, sql)
		if err != nil {
			t.Fatal(err)
		}
		kept = append(kept, q)
	}
	if each := (heap() - before) / statements; each > 40<<10 {
		t.Errorf("a statement of %d bytes keeps %d", len(sql), each)
	}
	for range 2 {
		if rows, err := kept[0].Run(context.Background(), nil, session()); err != nil || len(rows) == 0 {
			t.Errorf("it gives %d rows: %v", len(rows), err)
		}
	}
}

// TestPrepareTakesTurns: a statement is not even rewritten while as many as may be are, and does not wait longer than it may run.
func TestPrepareTakesTurns(t *testing.T) {
	c := opened(t)
	q, err := prepare(context.Background(), c, "SELECT 1")
	if err != nil {
		t.Fatal(err)
	}
	for range maxConnections {
		leave, err := c.turn(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		defer leave()
	}
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	var refused *pgwire.Error
	if _, err := prepare(ctx, c, "SELECT 1"); !errors.As(err, &refused) || refused.Code != "57014" {
		t.Errorf("it is prepared out of turn: %v", err)
	}
	if _, err := q.Run(ctx, nil, session()); !errors.As(err, &refused) || refused.Code != "57014" {
		t.Errorf("it runs out of turn: %v", err)
	}
}

// TestFaultyFunction: a function that fails as it must not ends its statement, and nothing else.
func TestFaultyFunction(t *testing.T) {
	c := opened(t)
	faulty := native{name: "cat_faulty", takes: "i", gives: 'i', run: func(in []driver.Value) (any, error) { return int64(1) / (in[0].(int64) - 1), nil }}
	if err := register(context.Background(), c.db, []native{faulty}); err != nil {
		t.Fatal(err)
	}
	ctx := context.WithValue(context.Background(), budgetKey{}, &budget{})
	for range 3 {
		if _, err := c.db.ExecContext(ctx, "SELECT cat_faulty(1)"); err == nil || !strings.Contains(err.Error(), "function cat_faulty") {
			t.Fatalf("it says %v", err)
		}
	}
	if _, rows, err := asked(context.Background(), c, "SELECT 1", nil); err != nil || len(rows) != 1 {
		t.Errorf("afterwards: %v", err)
	}
}

// TestConcurrentOwn: statements that read the door's own tables at once do not disturb each other, and leave nothing behind.
func TestConcurrentOwn(t *testing.T) {
	c := opened(t)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 10 {
				if _, rows, err := asked(context.Background(), c, "SELECT a.note, s.setting FROM parley.answers a, pg_settings s", nil); err != nil || len(rows) != 2 {
					t.Error(len(rows), err)
				}
			}
		})
	}
	wg.Wait()
	left, err := c.db.Query("SELECT count(*) FROM duckdb_tables() WHERE temporary")
	if err != nil {
		t.Fatal(err)
	}
	defer left.Close()
	for n := 0; left.Next(); {
		if left.Scan(&n); n != 0 {
			t.Errorf("%d temporary tables are left", n)
		}
	}
}

// TestSandboxLocked: even a statement that got around the rewriting reaches no file and changes no setting.
func TestSandboxLocked(t *testing.T) {
	c := opened(t)
	for _, sql := range []string{"SELECT * FROM read_text('/etc/hostname')", "SET enable_external_access = true", "SET memory_limit = '9GB'", "ATTACH '/tmp/x.db'",
		"COPY t0 TO '/tmp/x.csv'", "INSTALL httpfs", "LOAD httpfs", "SET lock_configuration = false"} {
		if _, err := c.db.Exec(sql); err == nil {
			t.Errorf("%s passes", sql)
		}
	}
}

// FuzzPrepare: whatever parses is refused or written, and what is written names nothing of the private database's own.
func FuzzPrepare(f *testing.F) {
	raw, err := os.ReadFile("testdata/answers.txt")
	if err != nil {
		f.Fatal(err)
	}
	for _, block := range strings.Split(string(raw), "\n\n") {
		lines := strings.Split(block, "\n")
		f.Add(lines[0])
	}
	f.Add("SELECT * FROM duckdb_tables()")
	c := opened(f)
	f.Fuzz(func(t *testing.T, sql string) {
		if len(sql) > 4096 {
			return
		}
		tree, err := pg.Parse(sql)
		if err != nil || len(tree.Stmts) != 1 || tree.Stmts[0].Stmt.GetSelectStmt() == nil {
			return
		}
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		q, err := c.Prepare(ctx, sql, tree.Stmts[0].Stmt, nil, session())
		var refused *pgwire.Error
		if err != nil {
			if !errors.As(err, &refused) {
				t.Fatalf("%T: %v", err, err)
			}
			return
		}
		arguments := make([]pgwire.Value, len(q.Parameters))
		if _, err := q.Run(ctx, arguments, session()); err != nil && !errors.As(err, &refused) {
			t.Fatalf("%T: %v", err, err)
		}
		if refused != nil && strings.HasPrefix(refused.Detail, "Parser Error") {
			t.Fatalf("what was written does not parse: %s", sql)
		}
	})
}

// BenchmarkPsqlDescribe is one of psql's statements for \d.
func BenchmarkPsqlDescribe(b *testing.B) {
	c := opened(b)
	b.ReportMetric(float64(resident(b)>>20), "MiB")
	for b.Loop() {
		_, _, err := asked(context.Background(), c, `SELECT n.nspname, c.relname, pg_catalog.pg_get_userbyid(c.relowner) FROM pg_catalog.pg_class c
			LEFT JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind IN ('r','p','v','m','S','f','') AND n.nspname !~ '^pg_toast'
			AND n.nspname <> 'information_schema' AND pg_catalog.pg_table_is_visible(c.oid) ORDER BY 1,2`, nil)
		if err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkOpen is the making of a catalogue.
func BenchmarkOpen(b *testing.B) {
	for b.Loop() {
		c, err := Open(context.Background(), small(), ownRows)
		if err != nil {
			b.Fatal(err)
		}
		c.Close()
	}
}
