//go:build postgres

package catalog

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	pg "github.com/pganalyze/pg_query_go/v6"

	"parley/node/pgwire"
)

// server makes the tables of example in a database of the server that PARLEY_POSTGRES_DSN names, and opens it as the same
// person. All of it is gone when the test ends.
func server(t *testing.T) *pgconn.PgConn {
	t.Helper()
	dsn := os.Getenv("PARLEY_POSTGRES_DSN")
	if dsn == "" {
		t.Skip("PARLEY_POSTGRES_DSN is not set")
	}
	v, ctx := example(), context.Background()
	root := connect(t, dsn, "", "")
	// Who may read everything needs no grants, which would be shown where the catalogue shows none.
	run(t, root, `CREATE ROLE `+owner+` NOLOGIN; CREATE ROLE `+v.User+` LOGIN; GRANT pg_read_all_data TO `+v.User)
	run(t, root, `CREATE DATABASE `+v.Database+` OWNER `+owner)
	t.Cleanup(func() {
		run(t, root, `DROP DATABASE `+v.Database+` WITH (FORCE)`)
		run(t, root, `DROP ROLE `+v.User+`; DROP ROLE `+owner)
		root.Close(ctx)
	})
	tables, err := os.ReadFile("testdata/example.sql")
	if err != nil {
		t.Fatal(err)
	}
	maker := connect(t, dsn, "", v.Database)
	run(t, maker, string(tables))
	maker.Close(ctx)
	c := connect(t, dsn, v.User, v.Database)
	t.Cleanup(func() { c.Close(ctx) })
	return c
}

func connect(t *testing.T, dsn, user, database string) *pgconn.PgConn {
	t.Helper()
	config, err := pgx.ParseConfig(dsn)
	if err != nil {
		t.Fatal(err)
	}
	if user != "" {
		config.User = user
	}
	if database != "" {
		config.Database = database
	}
	c, err := pgconn.ConnectConfig(context.Background(), &config.Config)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func run(t *testing.T, c *pgconn.PgConn, sql string) {
	t.Helper()
	if _, err := c.Exec(context.Background(), sql).ReadAll(); err != nil {
		t.Fatal(err)
	}
}

// told is what a statement gives: columns with the OIDs of their types, and rows in text form.
type told struct {
	columns []string
	rows    []string
	err     error
}

// ask asks a server, whose first role is the owner here.
func ask(c *pgconn.PgConn, sql string) (a told) {
	reader := c.ExecParams(context.Background(), sql, nil, nil, nil, nil)
	result := reader.Read()
	if result.Err != nil {
		return told{err: result.Err}
	}
	for _, f := range reader.FieldDescriptions() { // which result has of rows alone
		a.columns = append(a.columns, fmt.Sprint(f.Name, " ", f.DataTypeOID))
	}
	for _, row := range result.Rows {
		a.rows = append(a.rows, strings.ReplaceAll(written(row), `"postgres"`, strconv.Quote(owner)))
	}
	return a
}

// answer asks the catalogue.
func answer(c *Catalog, sql string) told {
	tree, err := pg.Parse(sql)
	if err != nil {
		return told{err: err}
	}
	ctx, s := context.Background(), exampleSession()
	query, err := c.Prepare(ctx, sql, tree.Stmts[0].Stmt, nil, s)
	if err != nil {
		return told{err: err}
	}
	var a told
	for _, column := range query.Columns {
		a.columns = append(a.columns, fmt.Sprint(column.Name, " ", column.Type))
	}
	rows, err := query.Run(ctx, nil, s)
	if err != nil {
		return told{err: err}
	}
	for _, row := range rows {
		values := make([][]byte, len(row))
		for i, value := range row {
			values[i] = value
		}
		a.rows = append(a.rows, written(values))
	}
	return a
}

// exampleSession is a session with the settings that clients read.
func exampleSession() Session {
	settings := map[string]string{"server_version": "15.18", "server_version_num": "150018", "search_path": `"$user", public`,
		"standard_conforming_strings": "on", "transaction_isolation": "read committed", "max_index_keys": "32", "TimeZone": "Etc/UTC"}
	return Session{
		Process: 1, SearchPath: []string{"public"},
		Setting: func(name string) (string, bool) { value, found := settings[name]; return value, found },
		All: func() (all []Setting) {
			for name, value := range settings {
				all = append(all, Setting{Name: name, Value: value, Context: "user"})
			}
			return all
		},
	}
}

// written is a row on one line.
func written(row [][]byte) string {
	parts := make([]string, len(row))
	for i, value := range row {
		parts[i] = "NULL"
		if value != nil {
			parts[i] = strconv.Quote(string(value))
		}
	}
	return strings.Join(parts, " ")
}

// names are OIDs of objects that are made by somebody, as placeholders: they differ from server to server.
type names map[string]string

const namesSQL = `
	SELECT c.oid, '{class ' || nspname || '.' || relname || '}' FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace WHERE c.oid >= 12000
	UNION ALL SELECT t.oid, '{type ' || nspname || '.' || typname || '}' FROM pg_type t JOIN pg_namespace n ON n.oid = typnamespace WHERE t.oid >= 10000
	UNION ALL SELECT oid, '{schema ' || nspname || '}' FROM pg_namespace WHERE oid >= 12000
	UNION ALL SELECT oid, '{role ' || rolname || '}' FROM pg_roles WHERE rolname = 'analyst'
	UNION ALL SELECT oid, '10' FROM pg_roles WHERE rolname = 'parley' -- which here owns what the server's first role does, too
	UNION ALL SELECT oid, '{database ' || datname || '}' FROM pg_database WHERE datname = 'health'
	UNION ALL SELECT oid, '{constraint ' || conname || '}' FROM pg_constraint WHERE oid >= 16384`

// serverNames are those of a server.
func serverNames(t *testing.T, c *pgconn.PgConn) names {
	t.Helper()
	found := names{}
	result := c.ExecParams(context.Background(), namesSQL, nil, nil, nil, nil).Read()
	if result.Err != nil {
		t.Fatal(result.Err)
	}
	for _, row := range result.Rows {
		found[string(row[0])] = string(row[1])
	}
	return found
}

// ownNames are those of the catalogue's rows.
func ownNames(v Visible) names {
	found := names{}
	schemaOf := map[any]any{}
	for _, s := range schemas {
		schemaOf[s.oid] = s.name
		if s.oid >= 12000 {
			found[fmt.Sprint(s.oid)] = "{schema " + s.name + "}"
		}
	}
	for _, r := range relations(v) {
		for _, row := range r.rows {
			switch r.name {
			case "pg_class":
				if row[0].(uint32) >= 12000 {
					found[fmt.Sprint(row[0])] = fmt.Sprintf("{class %v.%v}", schemaOf[row[2]], row[1])
				}
			case "pg_type":
				if row[0].(uint32) >= 10000 {
					found[fmt.Sprint(row[0])] = fmt.Sprintf("{type %v.%v}", schemaOf[row[2]], row[1])
				}
			case "pg_constraint":
				found[fmt.Sprint(row[0])] = fmt.Sprintf("{constraint %v}", row[1])
			case "pg_database":
				found[fmt.Sprint(row[0])] = fmt.Sprintf("{database %v}", row[1])
			case "pg_roles":
				if row[0] == owner {
					continue
				}
				found[fmt.Sprint(row[12])] = fmt.Sprintf("{role %v}", row[0])
			}
		}
	}
	return found
}

var number = regexp.MustCompile(`\b\d{5,}\b`)

// out puts placeholders for OIDs, in place of which in puts OIDs.
func (n names) out(a told, sortRows bool) told {
	for i, row := range a.rows {
		a.rows[i] = number.ReplaceAllStringFunc(row, func(digits string) string {
			if name, found := n[digits]; found {
				return name
			}
			return digits
		})
	}
	if sortRows {
		slices.Sort(a.rows)
	}
	return a
}

func (n names) in(sql string) string {
	for oid, name := range n {
		if name[0] == '{' {
			sql = strings.ReplaceAll(sql, name, oid)
		}
	}
	return sql
}

// recorded are the statements that clients sent to a PostgreSQL server about its catalogue, by client: each file of testdata/clients holds those of one, ended
// by lines of a semicolon. OIDs of what is not on every server are placeholders.
func recorded(t *testing.T) map[string][]string {
	t.Helper()
	files, err := filepath.Glob("testdata/clients/*.sql")
	if err != nil || len(files) == 0 {
		t.Fatal("no recorded statements: ", err)
	}
	statements := map[string][]string{}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		client := strings.TrimSuffix(filepath.Base(file), ".sql")
		for one := range strings.SplitSeq(string(text), "\n;\n") {
			if one != "" {
				statements[client] = append(statements[client], one)
			}
		}
	}
	return statements
}

// differing are the statements known to be answered otherwise, with the reason: lines "client number: reason" of testdata/differences.txt.
func differing(t *testing.T) map[string]string {
	t.Helper()
	f, err := os.Open("testdata/differences.txt")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	known := map[string]string{}
	for lines := bufio.NewScanner(f); lines.Scan(); {
		which, why, found := strings.Cut(lines.Text(), ": ")
		if !found || why == "" || known[which] != "" {
			t.Fatalf("testdata/differences.txt: %q", lines.Text())
		}
		known[which] = why
	}
	return known
}

// difference says in what two answers differ; "" if in nothing.
func difference(want, got told) string {
	if got.err != nil {
		return "refused: " + got.err.Error()
	}
	if !slices.Equal(want.columns, got.columns) {
		return fmt.Sprintf("columns %q, not %q", got.columns, want.columns)
	}
	if slices.Equal(want.rows, got.rows) {
		return ""
	}
	for i := range max(len(want.rows), len(got.rows)) {
		switch {
		case i >= len(want.rows):
			return fmt.Sprintf("%d rows, not %d: more %s", len(got.rows), len(want.rows), got.rows[i])
		case i >= len(got.rows):
			return fmt.Sprintf("%d rows, not %d: missing %s", len(got.rows), len(want.rows), want.rows[i])
		case want.rows[i] != got.rows[i]:
			return fmt.Sprintf("%d rows and %d, row %d is %s, not %s", len(got.rows), len(want.rows), i, got.rows[i], want.rows[i])
		}
	}
	return ""
}

// TestPostgresCatalogue: what clients ask is answered as by PostgreSQL, or else it is listed with the reason.
func TestPostgresCatalogue(t *testing.T) {
	c := server(t)
	v := example()
	for i := range v.Tables {
		v.Tables[i].Rows = -1 // the server has not counted them either
	}
	own, err := Open(context.Background(), v, func(context.Context, string) ([]pgwire.Row, error) { return nil, nil })
	if err != nil {
		t.Fatal(err)
	}
	defer own.Close()
	theirs, ours := serverNames(t, c), ownNames(v)
	known := differing(t)
	asked, same := 0, 0
	statements := recorded(t)
	clients := make([]string, 0, len(statements))
	for client := range statements {
		clients = append(clients, client)
	}
	slices.Sort(clients)
	for _, client := range clients {
		before, equal := asked, same
		for i, sql := range statements[client] {
			which := fmt.Sprintf("%s %d", client, i+1)
			unordered := !strings.Contains(strings.ToLower(sql), "order by")
			want := theirs.out(ask(c, theirs.in(sql)), unordered)
			if want.err != nil {
				t.Errorf("%s: PostgreSQL refuses it: %v", which, want.err)
				continue
			}
			asked++
			d := difference(want, ours.out(answer(own, ours.in(sql)), unordered))
			switch {
			case d == "" && known[which] != "":
				t.Errorf("%s is answered alike: strike it from testdata/differences.txt", which)
			case d != "" && known[which] == "":
				t.Errorf("%s: %s\n%s", which, d, sql)
			}
			if d == "" {
				same++
			}
			delete(known, which)
		}
		t.Logf("%s: %d of %d", client, same-equal, asked-before)
	}
	for which := range known {
		t.Errorf("testdata/differences.txt lists %s, which there is not", which)
	}
	t.Logf("%d of %d statements are answered as PostgreSQL answers them", same, asked)
}

// TestPostgresFacts: the tables of facts are a server's.
func TestPostgresFacts(t *testing.T) {
	c := server(t)
	for _, f := range relationFacts {
		sql := fmt.Sprintf(`SELECT string_agg(attname || ' ' || b.typname || CASE WHEN attnotnull THEN '!' ELSE '' END, ', ' ORDER BY attnum)
			FROM pg_attribute JOIN pg_type t ON t.oid = atttypid JOIN pg_type b ON b.oid = CASE WHEN t.typbasetype = 0 THEN t.oid ELSE t.typbasetype END
			WHERE attrelid = '%s.%s'::regclass AND attnum > 0`, f.schema, f.name)
		if got := ask(c, sql); got.err != nil || got.rows[0] != strconv.Quote(f.columns) {
			t.Errorf("%s.%s: %v", f.schema, f.name, got)
		}
	}
	for _, one := range []struct{ relation, columns, where string }{
		{"pg_type", "*", "typnamespace = 11 AND oid < 10000 AND typtype <> 'c' AND (typelem = 0 OR (SELECT typtype FROM pg_type e WHERE e.oid = r.typelem) <> 'c')"},
		{"pg_proc", "oid proname pronamespace proowner prolang provariadic prokind proisstrict proretset provolatile proparallel pronargs prorettype proargtypes", "oid = ANY($1)"},
		{"pg_am", "*", "oid < 10000"},
		{"pg_opclass", "*", "opcmethod = 403 AND opcdefault"},
		{"pg_opfamily", "*", "oid = ANY($1)"},
		{"pg_range", "*", "true"},
		{"pg_collation", "*", "oid = ANY($1)"},
		{"pg_language", "oid lanname lanispl lanpltrusted", "oid < 10000"},
		{"pg_tablespace", "*", "true"},
	} {
		compareFacts(t, c, one.relation, one.columns, one.where)
	}
}

// compareFacts compares columns of a relation's rows that everybody has with those of a server. $1 in where are their OIDs.
func compareFacts(t *testing.T, c *pgconn.PgConn, relation, columns, where string) {
	t.Helper()
	r := relationOf(t, fixed().relations, "pg_catalog", relation)
	var ours, oids, selected []string
	var chosen []int
	for i, column := range r.columns {
		if columns != "*" && !slices.Contains(strings.Fields(columns), column.name) {
			continue
		}
		chosen = append(chosen, i)
		text := column.name + "::text"
		if column.oid == oidRegproc {
			text = column.name + "::oid::text"
		}
		selected = append(selected, text)
	}
	for _, row := range r.rows {
		if oid, is := row[0].(uint32); is {
			if oid >= 10000 && relation == "pg_type" {
				continue // of a row of a relation
			}
			if relation == "pg_type" && (row[6] == "c" || row[7] == "A" && typesKnown()[oid].name == "") {
				continue
			}
			oids = append(oids, fmt.Sprint(oid))
		}
		values := make([][]byte, len(chosen))
		for i, at := range chosen {
			if row[at] != nil {
				values[i] = []byte(plainText(row[at]))
			}
		}
		ours = append(ours, written(values))
	}
	where = strings.ReplaceAll(where, "$1", "'{"+strings.Join(oids, ",")+"}'")
	got := ask(c, "SELECT "+strings.Join(selected, ", ")+" FROM pg_catalog."+relation+" r WHERE "+where)
	if got.err != nil {
		t.Fatal(got.err)
	}
	slices.Sort(ours)
	slices.Sort(got.rows)
	if !slices.Equal(ours, got.rows) {
		t.Errorf("%s: %s", relation, difference(got, told{columns: got.columns, rows: ours}))
	}
}

// plainText is a value in text form.
func plainText(value any) string {
	switch value := value.(type) {
	case []uint32:
		return strings.Trim(fmt.Sprint(value), "[]")
	case bool:
		return strconv.FormatBool(value)
	}
	return fmt.Sprint(value)
}
