package catalog

import (
	"context"

	pg "github.com/pganalyze/pg_query_go/v6"

	"parley/node/pgwire"
)

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
type Catalog struct{}

// Open makes the catalogue of what a person sees.
func Open(ctx context.Context, v Visible, rows Source) (*Catalog, error) { panic("to be written") }

// Close releases its database.
func (c *Catalog) Close() error { panic("to be written") }

// Has reports whether a relation is the catalogue's to answer: it is one of pg_catalog, information_schema or parley. schema may be "".
func (c *Catalog) Has(schema, name string) bool { panic("to be written") }

// Query is a statement over the catalogue that was prepared.
type Query struct {
	Parameters []uint32
	Columns    []pgwire.Column
}

// Prepare rewrites and types a SELECT or VALUES (the tree may be changed). declared are the parameters' OIDs as far as they are known, 0 where not.
// Errors are *pgwire.Error, with the position in sql.
func (c *Catalog) Prepare(ctx context.Context, sql string, tree *pg.Node, declared []uint32, s Session) (*Query, error) {
	panic("to be written")
}

// Run runs it.
func (q *Query) Run(ctx context.Context, arguments []pgwire.Value, s Session) ([]pgwire.Row, error) {
	panic("to be written")
}
