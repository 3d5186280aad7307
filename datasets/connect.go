package datasets

import (
	"context"
	"errors"
	"fmt"

	"parley/datasets/dialect"
	"parley/datasets/files"
	"parley/datasets/published"
	"parley/datasets/served"
	"parley/engine"
)

// Connect describes a table that stays in a database of the department's own, which aggregates it
// (README, section 10). Nothing but what is registered and the cells of questions leaves the database.
// The rows may change there at any time: Aggregate then fails with ErrRegistration. What is declared of
// columns is checked by what the database says of them: their names, bounds, codes and units (section 11).
func Connect(ctx context.Context, name string, o served.Options, declared ...Declaration) (*Table, error) {
	all, err := compileAll(declared)
	if err != nil {
		return nil, err
	}
	there, err := served.Open(ctx, name, o)
	if err != nil {
		return nil, err
	}
	t, err := connected(name, there, all)
	if err != nil {
		return nil, errors.Join(err, there.Close())
	}
	return t, nil
}

// connected puts what is declared of the columns into their description.
func connected(name string, there *served.Table, declared map[string]*declaration) (*Table, error) {
	r := there.Registration("", 0)
	t := &Table{name: name, rows: r.Rows, digest: r.Digest, declared: declared, served: there,
		notes: there.Notes(), aside: there.Aside(), left: there.Left()}
	var names []string
	var known []files.Column
	for _, c := range r.Columns {
		names, known = append(names, c.Name), append(known, files.Column{Name: c.Name})
	}
	if err := (&loader{declared: declared}).checkDeclared("", names, known); err != nil {
		return nil, err
	}
	for i, c := range there.Columns() {
		d := declared[c.Name]
		found := published.Found{Column: r.Columns[i], Values: r.Rows}
		found.Values, found.Rows = there.Counts(i)
		for _, n := range found.Rows {
			if n == 1 {
				found.Alone++
			}
		}
		if d != nil {
			if err := d.serve(&found.Column); err != nil {
				return nil, err
			}
		}
		read, err := d.settled(column{kind: c.Kind, scale: c.Scale})
		if err == nil {
			err = t.publish(c.Name, found, read)
		}
		if err != nil {
			return nil, err
		}
		t.columns = append(t.columns, column{name: found.Name, kind: c.Kind, scale: c.Scale})
	}
	return t, nil
}

// Changed says that a table's database has other rows than were registered, by an error that wraps
// ErrRegistration; another error says that it could not be asked. Tables of files do not change.
func (t *Table) Changed(ctx context.Context) error {
	if t.served == nil {
		return nil
	}
	return t.served.Changed(ctx)
}

// Drift says how a table's database had other rows than were registered when it was last asked; nothing
// if it had those.
func (t *Table) Drift() string {
	if t.served == nil {
		return ""
	}
	return t.served.Drift()
}

// servedPlace is where the rows of a table are that stays in a database.
func (t *Table) servedPlace() (place, error) {
	p := place{dialect: t.served.Dialect(), from: t.served.From(), witness: t.served.Witness(),
		snapshot: func(ctx context.Context, witnessed bool, f func(queryFunc) error) error {
			return t.served.Snapshot(ctx, witnessed, func(asking *served.Asking) error {
				return f(func(ctx context.Context, statement string, witnessed bool) ([][]any, error) {
					if witnessed {
						return asking.Witnessed(ctx, statement)
					}
					return asking.Rows(ctx, statement)
				})
			})
		}}
	for i, c := range t.served.Columns() {
		own := dialect.Column{SQL: c.SQL, Kind: c.Kind, Scale: c.Scale, Bare: c.Bare}
		if d := t.found[i]; d.HasDictionary {
			own.Dictionary = []engine.Datum{}
			for _, text := range d.Dictionary {
				v, err := engine.ParseDatum(c.Kind, text)
				if err != nil {
					return p, err
				}
				own.Dictionary = append(own.Dictionary, v)
			}
		}
		p.columns = append(p.columns, own)
	}
	return p, nil
}

// elsewhere refuses a question that the database of a table does not compute as the engine would.
func (t *Table) elsewhere(err error) error {
	if t.served == nil || !errors.Is(err, dialect.ErrBeyond) {
		return err
	}
	return &engine.Error{Code: engine.CodeUnsupported, Message: fmt.Sprintf("table %s is aggregated by its department's database: %v", files.Shown(t.name), err),
		Hint: "ask without that, or have the department give the table as a file"}
}
