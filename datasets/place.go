package datasets

import (
	"context"
	"fmt"

	"parley/datasets/dialect"
	"parley/datasets/files"
	"parley/engine"
)

// place is where the rows of a table are and how they are asked for there: the embedded DuckDB, files
// that it reads where they lie, or a department's own database.
type place struct {
	dialect *dialect.Dialect
	from    string           // what stands behind FROM
	columns []dialect.Column // for each column of the table
	calls   bool             // what has no form there is computed by the engine, called from there
	// witness are columns that a statement over all rows may carry, by which the table is seen to be the registered one.
	witness []string
	// snapshot gives the rows of SELECTs that all see one state of the table, which is the registered
	// one; ErrRegistration is in the chain of its error if it is not. One of them carries the witness, if that is said.
	snapshot func(ctx context.Context, witnessed bool, f func(query queryFunc) error) error
}

// queryFunc runs a SELECT and gives its rows: nil, bool, string, int64, *big.Int or dialect.Decimal.
// A statement that carries the place's witness behind its own columns says so, and its rows come without.
type queryFunc func(ctx context.Context, statement string, witnessed bool) ([][]any, error)

// place is where the table's rows are.
func (t *Table) place() place {
	p := place{dialect: dialect.DuckDB, from: rowsTable, calls: true, snapshot: t.snapshot}
	if t.lying != nil {
		p.from = t.lying.from
	}
	for _, c := range t.columns {
		own := dialect.Column{SQL: columnName(c.stored), Kind: c.kind, Scale: c.scale}
		if c.there.SQL != "" {
			own = c.there
			own.Kind = c.kind // of NULLs, perhaps
		}
		p.columns = append(p.columns, own)
	}
	return p
}

// where is where the table's rows are, in a database too.
func (t *Table) where() (place, error) {
	if t.served != nil {
		return t.servedPlace()
	}
	return t.place(), nil
}

// sourceOf is where a column of the schema comes from in this table.
type sourceOf struct {
	index int // among the table's columns; below 0: -1 less a limb of the row's record key
	own   column
	kind  engine.Kind // in the schema
	scale int
}

// sources finds the schema's columns in the table, by name.
func (t *Table) sources(schema engine.Schema) ([]sourceOf, error) {
	out := make([]sourceOf, len(schema.Columns))
	for i, c := range schema.Columns {
		at := t.find(c.Name)
		if at < 0 {
			return nil, &files.Error{Message: fmt.Sprintf("table %s has no column %s", files.Shown(t.name), files.Shown(c.Name))}
		}
		own := t.columns[at]
		if c.Mixed && namesPersons(own.kind) { // which no expression reads
			c.Kind = own.kind
		}
		fits := own.kind == engine.Null || own.kind == c.Kind || own.kind == engine.Integer && c.Kind == engine.Decimal
		if !fits || own.scale > c.Scale {
			return nil, &files.Error{Message: fmt.Sprintf("column %s of table %s is not as the plan says", files.Shown(c.Name), files.Shown(t.name))}
		}
		out[i] = sourceOf{index: at, own: own, kind: c.Kind, scale: c.Scale}
	}
	return out, nil
}
