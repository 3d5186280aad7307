package catalog

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/duckdb/duckdb-go/v2"
	pg "github.com/pganalyze/pg_query_go/v6"

	"parley/datasets/duck"
	"parley/node/pgwire"
)

// Bounds on what one statement may cost.
const (
	// MaxTime is how long a statement may run, its wait for a connection included.
	MaxTime = 5 * time.Second
	// MaxRows and MaxResultBytes bound a result.
	MaxRows        = 100_000
	MaxResultBytes = 8 << 20
	// MaxOwnBytes bounds the rows of a table of the schema parley that a statement reads.
	MaxOwnBytes = 64 << 20
	// maxConnections is how many statements of one catalogue run at once; others wait.
	maxConnections = 2
	// maxMemory is what the private database may take, for all that runs at once.
	maxMemory = "96MB"
	// maxDepth bounds how deeply expressions and queries stand inside each other.
	maxDepth = 120
	// maxNodes bounds the expressions and queries of a statement.
	maxNodes = 10_000
	// maxTree bounds the tree of a statement, in bytes of its encoding.
	maxTree = 2 << 20
	// maxSources bounds the relations, subqueries and functions in the FROM clauses of a statement.
	maxSources = 64
	// maxPrinted bounds the text that the private database is given, in bytes.
	maxPrinted = 512 << 10
	// maxParameters is the greatest number of a parameter: PostgreSQL's own bound is 65,535, and no statement about the catalogue needs as many.
	maxParameters = 1_000
	// maxString bounds a text that an operator or function makes, in bytes.
	maxString = 256 << 10
	// maxConstant bounds a text that a statement has in it or is given.
	maxConstant = 64 << 10
	// maxMade bounds the bytes of all texts and arrays that a statement makes on its way, since the private database
	// counts them against its memory only where it keeps them.
	maxMade = 64 << 20
	// maxColumns bounds the columns of a query.
	maxColumns = 300
	// maxSeries bounds the members of a series or of an array that is written out.
	maxSeries = 100_000
)

// sandbox opens the private database: in memory, with no way to files, the network or extensions, and with its settings locked.
func sandbox() (*sql.DB, error) {
	db, err := duck.Open("SET threads = 1", "SET temp_directory = ''", "SET enable_external_access = false", "SET memory_limit = '"+maxMemory+"'")
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(maxConnections)
	db.SetMaxIdleConns(maxConnections)
	return db, nil
}

// table is a relation as statements read it.
type table struct {
	fields  []field
	class   uint32 // OID of the relation; 0 of a function
	private string // how the private database reads it
	// own tables are loaded when a statement reads them, into the temporary table of this name.
	own   bool
	name  string
	title string
}

// fill makes the tables of the private database.
func (c *Catalog) fill(ctx context.Context, all []relation, v Visible) error {
	if err := register(ctx, c.db, natives(c.facts, c.user)); err != nil {
		return err
	}
	for i, r := range all {
		key := r.schema + "." + r.name
		if r.schema == "" {
			key = r.name + "()"
		}
		t := &table{private: fmt.Sprintf("t%d", i), class: c.facts.find("pg_class", r.schema, r.name, nil), title: r.name}
		var columns []string
		for k, col := range r.columns {
			t.fields = append(t.fields, field{name: col.name, oid: col.oid, mod: -1})
			columns = append(columns, fmt.Sprintf("c%d %s", k+1, stored(col.oid)))
		}
		c.tables[key] = t
		if key == "pg_catalog.pg_settings" {
			t.loaded(i)
			continue
		}
		if _, err := c.db.ExecContext(ctx, "CREATE TABLE "+t.private+" ("+strings.Join(columns, ", ")+")"); err != nil {
			return err
		}
		if err := c.append(ctx, t.private, r.rows); err != nil {
			return fmt.Errorf("%s: %w", key, err)
		}
	}
	for i, made := range v.Tables {
		if made.Schema != "parley" {
			continue
		}
		t := &table{class: c.facts.find("pg_class", made.Schema, made.Name, nil), title: made.Name}
		for _, col := range made.Columns {
			t.fields = append(t.fields, field{name: col.Name, oid: col.Type, mod: col.Modifier})
		}
		t.loaded(len(all) + i)
		c.tables["parley."+made.Name] = t
	}
	return nil
}

func (c *Catalog) append(ctx context.Context, name string, rows [][]any) error {
	return duck.Append(ctx, c.db, name, func(add func([]driver.Value) error) error {
		for _, row := range rows {
			values := make([]driver.Value, len(row))
			for i, v := range row {
				switch v := v.(type) {
				case uint32:
					values[i] = int64(v)
				case []uint32:
					list := make([]int64, len(v))
					for k, oid := range v {
						list[k] = int64(oid)
					}
					values[i] = list
				default:
					values[i] = v
				}
			}
			if err := add(values); err != nil {
				return err
			}
		}
		return nil
	})
}

// loaded makes it a table whose rows are loaded as texts, and read as what they are.
func (t *table) loaded(number int) {
	t.own, t.name = true, fmt.Sprintf("o%d", number)
	var parts []string
	for i, f := range t.fields {
		c := fmt.Sprintf("c%d", i+1)
		switch f.oid {
		case oidBytea:
			parts = append(parts, "unhex(substr("+c+", 3)) AS "+c)
		default:
			parts = append(parts, "CAST("+c+" AS "+stored(f.oid)+") AS "+c)
		}
	}
	t.private = "(SELECT " + strings.Join(parts, ", ") + " FROM temp.main." + t.name + ")"
}

// load fills the temporary table of one connection.
func (c *Catalog) load(ctx context.Context, conn *sql.Conn, t *table, s Session) error {
	var rows []pgwire.Row
	var err error
	if t.title == "pg_settings" {
		rows = settingRows(t, s)
	} else if rows, err = c.rows(ctx, t.title); err != nil {
		return err
	}
	var columns []string
	for i := range t.fields {
		columns = append(columns, fmt.Sprintf("c%d VARCHAR", i+1))
	}
	if _, err := conn.ExecContext(ctx, "CREATE OR REPLACE TEMP TABLE "+t.name+" ("+strings.Join(columns, ", ")+")"); err != nil {
		return err
	}
	size := 0
	return conn.Raw(func(raw any) error {
		appender, err := duckdb.NewAppender(raw.(driver.Conn), "temp", "main", t.name)
		if err != nil {
			return err
		}
		for _, row := range rows {
			values := make([]driver.Value, len(t.fields))
			if len(row) != len(values) {
				appender.Close()
				return fmt.Errorf("table %s gave a row of %d values", t.title, len(row))
			}
			for i, v := range row {
				if v == nil {
					continue
				}
				if size += len(v); size > MaxOwnBytes {
					appender.Close()
					return &pgwire.Error{Code: "54000", Message: fmt.Sprintf("table \"%s\" holds more than the %d MiB that a statement reads", t.title, MaxOwnBytes>>20)}
				}
				text := string(v)
				if f := t.fields[i]; f.oid == oidTimestamptz || f.oid == oidTimestamp {
					at, ok := timeText(text)
					if !ok {
						appender.Close()
						return fmt.Errorf("table %s gave a time in a form that is not read", t.title)
					}
					text = at.UTC().Format("2006-01-02 15:04:05.999999")
				}
				values[i] = text
			}
			if err := appender.AppendRow(values...); err != nil {
				appender.Close()
				return err
			}
		}
		return appender.Close()
	})
}

// settingRows are the rows of pg_settings in a session.
func settingRows(t *table, s Session) []pgwire.Row {
	if s.All == nil {
		return nil
	}
	var rows []pgwire.Row
	for _, one := range s.All() {
		cells := map[string]string{"name": one.Name, "setting": one.Value, "context": one.Context, "short_desc": one.Description, "vartype": "string",
			"source": "default", "boot_val": one.Value, "reset_val": one.Value, "pending_restart": "f", "category": "Parley"}
		row := make(pgwire.Row, len(t.fields))
		for i, f := range t.fields {
			if text, ok := cells[f.name]; ok {
				row[i] = pgwire.Value(text)
			}
		}
		rows = append(rows, row)
	}
	return rows
}

// run runs a statement that was written for the private database.
func (c *Catalog) run(ctx context.Context, out selected, b *binder) (rows []pgwire.Row, err error) {
	conn, err := c.db.Conn(ctx)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	ctx = context.WithValue(ctx, budgetKey{}, &budget{})
	for _, t := range b.own {
		if err := c.load(ctx, conn, t, b.session); err != nil {
			return nil, err
		}
		defer func() {
			// What one statement read is not there for the next. Dropping it cannot be left to a context that has ended.
			if _, dropped := conn.ExecContext(context.WithoutCancel(ctx), "DROP TABLE IF EXISTS temp.main."+t.name); err == nil {
				err = dropped
			}
		}()
	}
	found, err := conn.QueryContext(ctx, out.sql)
	if err != nil {
		return nil, err
	}
	defer found.Close()
	path := effective(b.session.SearchPath)
	row, targets := make([]any, max(len(out.fields), 1)), make([]any, max(len(out.fields), 1))
	for i := range row {
		targets[i] = &row[i]
	}
	size := 0
	for found.Next() {
		if err := found.Scan(targets...); err != nil {
			return nil, err
		}
		made := make(pgwire.Row, len(out.fields))
		for i, f := range out.fields {
			text, ok, err := c.text(row[i], f.oid, path)
			if err != nil {
				return nil, err
			}
			if ok {
				made[i] = pgwire.Value(text)
				size += len(text)
			}
		}
		rows = append(rows, made)
		if size += 24 * len(made); len(rows) > c.limits.rows || size > c.limits.bytes {
			return nil, &pgwire.Error{Code: "54000", Message: fmt.Sprintf("the result is larger than %d rows or %d bytes", c.limits.rows, c.limits.bytes), Hint: "Ask for fewer rows with LIMIT."}
		}
	}
	return rows, found.Err()
}

// errTooLong is why a statement's context ends when its time is over.
var errTooLong = errors.New("the statement's time is over")

func canceled(ctx context.Context) *pgwire.Error {
	if errors.Is(context.Cause(ctx), errTooLong) {
		return &pgwire.Error{Code: "57014", Message: fmt.Sprintf("canceling statement: the catalogue answers within %s", MaxTime)}
	}
	return &pgwire.Error{Code: "57014", Message: "canceling statement due to user request"}
}

var refusedBy = regexp.MustCompile(mark + "([0-9A-Z]{5}):([^" + mark + "]*)" + mark)

// refusalOf is what a client is told of an error. What the private database says of itself is not passed on.
func refusalOf(ctx context.Context, err error) *pgwire.Error {
	var known *pgwire.Error
	if errors.As(err, &known) {
		return known
	}
	if ctx.Err() != nil {
		return canceled(ctx)
	}
	text := err.Error()
	if m := refusedBy.FindStringSubmatch(text); m != nil {
		return &pgwire.Error{Code: m[1], Message: m[2]}
	}
	for _, one := range []struct{ part, code, message string }{
		{"Out of Memory", "53200", "the statement needs more memory than the catalogue gives"},
		{"Out of Range", "22003", "value out of range"},
		{"Conversion Error", "22P02", "a value cannot be read as the type that it is cast to"},
		{"Overflow", "22003", "value out of range"},
		{"GROUP BY", "42803", "a column must appear in the GROUP BY clause or be used in an aggregate function"},
		{"More than one row returned by a subquery", "21000", "more than one row returned by a subquery used as an expression"},
		{"aggregate", "42803", "aggregate functions are not allowed here"},
		{"expression depth", "54001", "the statement is nested too deeply"},
	} {
		if strings.Contains(text, one.part) {
			return &pgwire.Error{Code: one.code, Message: one.message}
		}
	}
	return &pgwire.Error{Code: "0A000", Message: "the catalogue cannot answer this statement", Detail: kindOf(err)}
}

// kindOf is the kind of an error of the private database, without its text, which tells how statements are written for it.
func kindOf(err error) string {
	var of *duckdb.Error
	if errors.As(err, &of) {
		kind, _, _ := strings.Cut(of.Msg, ":")
		return kind
	}
	return ""
}

// rowFunctions are the functions in FROM that give rows of a table of their own. Keywords are those of the parser.
var rowFunctions = sync.OnceValue(func() []relation {
	words := relation{name: "pg_get_keywords", columns: []column{{"word", oidText}, {"catcode", oidChar}, {"barelabel", oidBool}, {"catdesc", oidText}, {"baredesc", oidText}}}
	for _, token := range pg.Token_name {
		word := strings.ToLower(strings.TrimSuffix(token, "_P"))
		scanned, err := pg.Scan(word)
		if err != nil || len(scanned.Tokens) != 1 {
			continue
		}
		kinds := map[pg.KeywordKind][2]string{pg.KeywordKind_UNRESERVED_KEYWORD: {"U", "unreserved"}, pg.KeywordKind_COL_NAME_KEYWORD: {"C", "unreserved (cannot be function or type name)"},
			pg.KeywordKind_TYPE_FUNC_NAME_KEYWORD: {"T", "reserved (can be function or type name)"}, pg.KeywordKind_RESERVED_KEYWORD: {"R", "reserved"}}
		kind, ok := kinds[scanned.Tokens[0].KeywordKind]
		if !ok {
			continue
		}
		_, err = pg.Parse("SELECT 1 " + word)
		label := map[bool]string{true: "can be bare label", false: "requires AS"}[err == nil]
		words.rows = append(words.rows, []any{word, kind[0], err == nil, kind[1], label})
	}
	slices.SortFunc(words.rows, func(x, y []any) int { return strings.Compare(x[0].(string), y[0].(string)) })
	zones := relation{name: "pg_timezone_names", columns: []column{{"name", oidText}, {"abbrev", oidText}, {"utc_offset", oidText}, {"is_dst", oidBool}},
		rows: [][]any{{"UTC", "UTC", "00:00:00", false}}}
	return []relation{words, zones}
})
