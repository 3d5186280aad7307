// Package catalog answers what clients ask about the tables there are, as PostgreSQL would, from a private database of its own.
package catalog

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"time"

	pg "github.com/pganalyze/pg_query_go/v6"
	"google.golang.org/protobuf/proto"

	"parley/node/pgwire"
)

// Version is what version() tells. Clients look for the number in it.
const Version = "PostgreSQL 15.18 (Parley)"

// Table is a table or view that a person sees.
type Table struct {
	Schema  string // "public" of tables that departments hold, "parley" of the door's own
	Name    string
	View    bool
	Comment string
	Columns []Column
	// Key are the columns by which its rows differ, shown as a primary key; empty where none is declared.
	Key []string
	// Rows is how many there are by what is published; −1 where nothing is.
	Rows int64
}

// Column is one of its columns.
type Column struct {
	Name     string
	Type     uint32 // OID
	Modifier int32  // −1 is none
	NotNull  bool
	Comment  string
}

// Visible is what one person sees of a network: all that a Catalog shows.
type Visible struct {
	Database string
	User     string
	Tables   []Table
}

// Session is what a statement's functions tell of the session that runs it.
type Session struct {
	Process    uint32
	SearchPath []string
	// Setting gives the value of a setting as SHOW does.
	Setting func(name string) (string, bool)
	// All are all settings with their descriptions, for pg_settings.
	All func() []Setting
}

// Setting is a row of pg_settings.
type Setting struct{ Name, Value, Context, Description string }

// Source gives the rows of a table of the schema parley, in the order of its columns, when a statement reads it. Text form; nil is NULL.
type Source func(ctx context.Context, table string) ([]pgwire.Row, error)

// Catalog answers statements about what there is, and about the door's own tables, from a private database. Safe for concurrent use.
type Catalog struct {
	database, user string
	tables         map[string]*table // by "schema.name", functions by "name()"
	facts          *facts
	rows           Source
	db             *sql.DB
	turns          chan struct{}
	limits         limits
}

// limits are those of one statement, which tests make smaller.
type limits struct {
	time        time.Duration
	rows, bytes int
}

// Open makes the catalogue of what a person sees.
func Open(ctx context.Context, v Visible, rows Source) (*Catalog, error) {
	all := relations(v)
	c := &Catalog{database: v.Database, user: v.User, tables: map[string]*table{}, facts: newFacts(all, v), rows: rows,
		turns: make(chan struct{}, maxConnections), limits: limits{MaxTime, MaxRows, MaxResultBytes}}
	var err error
	if c.db, err = sandbox(); err != nil {
		return nil, err
	}
	if err := c.fill(ctx, append(all, rowFunctions()...), v); err != nil {
		c.db.Close()
		return nil, err
	}
	return c, nil
}

// Close releases its database.
func (c *Catalog) Close() error { return c.db.Close() }

// Has reports whether a relation is the catalogue's to answer: it is one of pg_catalog, information_schema or parley. schema may be "".
func (c *Catalog) Has(schema, name string) bool {
	if schema != "" {
		return c.tables[schema+"."+name] != nil || schema == "pg_catalog" || schema == "information_schema" || schema == "parley"
	}
	for _, s := range []string{"pg_catalog", "information_schema", "parley"} {
		if c.tables[s+"."+name] != nil {
			return true
		}
	}
	return false
}

// Query is a statement over the catalogue that was prepared.
type Query struct {
	Parameters []uint32
	Columns    []pgwire.Column

	c   *Catalog
	sql string // its tree, which takes some hundred times as much, is made again when it runs
}

// Prepare rewrites and types a SELECT or VALUES, whose tree (it may be changed) is that of sql. declared are the parameters' OIDs as far as they are
// known, 0 where not. Errors are *pgwire.Error, with the position in sql. It waits its turn, as Run does.
func (c *Catalog) Prepare(ctx context.Context, sql string, tree *pg.Node, declared []uint32, s Session) (*Query, error) {
	st := tree.GetSelectStmt()
	if st == nil {
		return nil, &pgwire.Error{Code: "0A000", Message: "only SELECT and VALUES are answered from the catalogue"}
	}
	if len(declared) > maxParameters {
		return nil, &pgwire.Error{Code: "54000", Message: fmt.Sprintf("a statement about the catalogue has at most %d parameters", maxParameters)}
	}
	ctx, cancel := context.WithTimeoutCause(ctx, c.limits.time, errTooLong)
	defer cancel()
	leave, err := c.turn(ctx)
	if err != nil {
		return nil, err
	}
	defer leave()
	q := &Query{c: c, sql: sql, Parameters: slices.Clone(declared)}
	b := q.binder(ctx, s)
	out, err := b.statement(st)
	if err != nil {
		return nil, err
	}
	q.Parameters = b.types
	for i, oid := range q.Parameters {
		if oid == 0 || oid == oidUnknown {
			q.Parameters[i] = oidText
		}
	}
	q.Columns = columnsOf(out)
	return q, nil
}

func (q *Query) binder(ctx context.Context, s Session) *binder {
	return &binder{c: q.c, ctx: ctx, session: s, sql: q.sql, types: slices.Clone(q.Parameters), own: map[string]*table{}, now: time.Now().UTC()}
}

// statement writes a whole statement.
func (b *binder) statement(st *pg.SelectStmt) (selected, error) {
	if proto.Size(st) > maxTree {
		return selected{}, b.fail("54001", -1, "the statement is too long for the catalogue")
	}
	out, err := b.query(st, nil)
	out.settle()
	return out, err
}

func columnsOf(out selected) []pgwire.Column {
	columns := []pgwire.Column{}
	for _, f := range out.fields {
		columns = append(columns, pgwire.Column{Name: f.name, Type: f.oid, Modifier: f.mod})
	}
	return columns
}

// Run runs it.
func (q *Query) Run(ctx context.Context, arguments []pgwire.Value, s Session) ([]pgwire.Row, error) {
	if len(arguments) != len(q.Parameters) {
		return nil, &pgwire.Error{Code: "08P01", Message: fmt.Sprintf("the statement has %d parameters, and %d values were given", len(q.Parameters), len(arguments))}
	}
	ctx, cancel := context.WithTimeoutCause(ctx, q.c.limits.time, errTooLong)
	defer cancel()
	leave, err := q.c.turn(ctx)
	if err != nil {
		return nil, err
	}
	defer leave()
	parsed, err := pg.Parse(q.sql)
	if err != nil {
		return nil, fmt.Errorf("catalog: a statement that was prepared is not read any more: %w", err)
	}
	b := q.binder(ctx, s)
	b.running, b.values = true, arguments
	out, err := b.statement(parsed.Stmts[0].Stmt.GetSelectStmt())
	if err != nil {
		return nil, err
	}
	rows, err := q.c.run(ctx, out, b)
	if err != nil {
		return nil, refusalOf(ctx, err)
	}
	return rows, nil
}

// turn waits until fewer statements than maxConnections are rewritten or run, so that one session's take no more of the processors than that.
func (c *Catalog) turn(ctx context.Context) (leave func(), err error) {
	select {
	case c.turns <- struct{}{}:
		return func() { <-c.turns }, nil
	case <-ctx.Done():
		return nil, canceled(ctx)
	}
}

// relation is a table of the catalogue: the columns that PostgreSQL 15 gives it, in its order and with its types, and the rows.
type relation struct {
	schema, name string
	columns      []column
	// rows hold, in the order of columns, nil for NULL and otherwise by the type of the column: bool; int16, int32 and
	// int64 for int2, int4 and int8; uint32 for oid, xid, regproc and the other aliases of oid; float32 and float64; string for
	// text, varchar, name, "char", pg_node_tree, inet, timestamptz and whatever else has a text form alone; []int16
	// for int2vector and int2[]; []uint32 for oidvector and oid[]; []string for text[], name[] and "char"[].
	rows [][]any
}

// column is a column of a relation.
type column struct {
	name string
	oid  uint32 // of its type
}
