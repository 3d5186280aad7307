package session

import (
	"context"
	"fmt"
	"strings"
	"sync"

	pg "github.com/pganalyze/pg_query_go/v6"

	"parley/engine"
	"parley/node/door"
	"parley/node/pgwire"
	"parley/node/pgwire/catalog"
)

// records is what answers statements about the catalogue: a *catalog.Catalog is one.
type records interface {
	Has(schema, name string) bool
	Prepare(ctx context.Context, sql string, tree *pg.Node, declared []uint32, s catalog.Session) (*lookup, error)
}

// finder gives the present catalogue, which stays until it is released.
type finder func(ctx context.Context) (of records, release func(), err error)

// lookup is a statement over a catalogue that was prepared.
type lookup struct {
	parameters []uint32
	columns    []pgwire.Column
	run        func(ctx context.Context, arguments []pgwire.Value, s catalog.Session) ([]pgwire.Row, error)
}

// Catalogs keeps one catalogue a desk, made anew when what the person sees changes. Safe for concurrent use.
type Catalogs struct {
	mu    sync.Mutex
	desks map[key]*shelf
}

// key is whose catalogue it is: it shows the user's and the database's name.
type key struct {
	desk           *door.Desk
	user, database string
}

// shelf is the catalogue of one person.
type shelf struct {
	mu      sync.Mutex // held while it is made, so that it is made once
	present *shared
}

// shared is a catalogue that statements use: it is closed once it is replaced, and nobody uses it.
type shared struct {
	*catalog.Catalog
	version uint64

	mu       sync.Mutex
	users    int
	replaced bool
}

// Prepare is the catalogue's.
func (c *shared) Prepare(ctx context.Context, sql string, tree *pg.Node, declared []uint32, s catalog.Session) (*lookup, error) {
	q, err := c.Catalog.Prepare(ctx, sql, tree, declared, s)
	if err != nil {
		return nil, err
	}
	return &lookup{parameters: q.Parameters, columns: q.Columns, run: q.Run}, nil
}

func (c *shared) take() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.users++
}

func (c *shared) release() { c.drop(func() { c.users-- }) }

// replace says that another takes its place.
func (c *shared) replace() { c.drop(func() { c.replaced = true }) }

func (c *shared) drop(change func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if change(); c.replaced && c.users == 0 {
		c.Catalog.Close() // a private database in memory: nothing is lost
	}
}

// of gives the present catalogue of a desk.
func (c *Catalogs) of(d *door.Desk, l pgwire.Login) finder {
	return func(ctx context.Context) (records, func(), error) {
		c.mu.Lock()
		if c.desks == nil {
			c.desks = map[key]*shelf{}
		}
		k := key{d, l.User, l.Database}
		on := c.desks[k]
		var least *shelf
		if on == nil {
			if len(c.desks) >= maxCatalogs {
				least = c.forget()
			}
			on = &shelf{}
			c.desks[k] = on
		}
		c.mu.Unlock()
		if least != nil {
			go least.clear() // its catalogue may be in the making, which others need not wait for
		}
		present, err := on.get(ctx, d, l)
		if err != nil {
			return nil, nil, err
		}
		return present, present.release, nil
	}
}

// maxCatalogs is how many are kept: one a person and spelling of the database's name.
const maxCatalogs = 32

// forget drops one, which is made again when it is needed, and gives it, to be cleared; c.mu is held.
func (c *Catalogs) forget() *shelf {
	for k, on := range c.desks {
		delete(c.desks, k)
		return on
	}
	return nil
}

// Close closes all of them, once nobody uses them any more.
func (c *Catalogs) Close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, on := range c.desks {
		on.clear()
	}
	clear(c.desks)
}

func (on *shelf) clear() {
	on.mu.Lock()
	defer on.mu.Unlock()
	if on.present != nil {
		on.present.replace()
		on.present = nil
	}
}

// get gives the present one, which it makes where there is none of the desk's present version.
func (on *shelf) get(ctx context.Context, d *door.Desk, l pgwire.Login) (*shared, error) {
	on.mu.Lock()
	defer on.mu.Unlock()
	version := d.Version() // before what it is of: a change in between is then seen by the next
	if on.present != nil && on.present.version == version {
		on.present.take()
		return on.present, nil
	}
	shown, err := d.Catalogue(ctx)
	if err != nil {
		return nil, err
	}
	visible, err := visibleOf(shown, l)
	if err != nil {
		return nil, err
	}
	made, err := catalog.Open(ctx, visible, sourceOf(d))
	if err != nil {
		return nil, err
	}
	if on.present != nil {
		on.present.replace()
	}
	on.present = &shared{Catalog: made, version: version}
	on.present.take()
	return on.present, nil
}

// sourceOf gives the rows of the door's own tables.
func sourceOf(d *door.Desk) catalog.Source {
	return func(ctx context.Context, table string) ([]pgwire.Row, error) {
		rows, err := d.Rows(ctx, table)
		if err != nil {
			return nil, err
		}
		out := make([]pgwire.Row, len(rows))
		for i, row := range rows {
			out[i] = valuesOf(row)
		}
		return out, nil
	}
}

// visibleOf is what a catalogue shows: the tables of departments in public, the door's own in parley.
func visibleOf(shown engine.Catalogue, l pgwire.Login) (catalog.Visible, error) {
	v := catalog.Visible{Database: l.Database, User: l.User}
	for from := 0; from < len(shown); {
		to := from + 1
		for to < len(shown) && shown[to].Table == shown[from].Table {
			to++
		}
		v.Tables = append(v.Tables, tableOf(shown[from:to]))
		from = to
	}
	for _, t := range door.Tables() {
		own := catalog.Table{Schema: "parley", Name: t.Name, View: true, Comment: t.Comment, Rows: -1}
		for _, column := range columnsOf(t.Columns) {
			own.Columns = append(own.Columns, catalog.Column{Name: column.Name, Type: column.Type, Modifier: column.Modifier})
		}
		for i, c := range t.Columns {
			own.Columns[i].Comment = c.Comment
		}
		v.Tables = append(v.Tables, own)
	}
	return v, nil
}

// tableOf is one table as its departments hold it together. Where they disagree about it, which refuses questions over all of them, it is the first one's.
func tableOf(registrations []engine.Registration) catalog.Table {
	t := catalog.Table{Schema: "public", Name: registrations[0].Table}
	schema, err := engine.Merge(registrations)
	if err != nil {
		schema = engine.Schema{Table: t.Name, Columns: registrations[0].Columns}
	}
	var departments []string
	for _, r := range registrations {
		departments = append(departments, r.Department)
		t.Rows += r.Rows
	}
	t.Comment = commentOf(registrations[0], departments)
	if err != nil {
		t.Comment += "; departments disagree about its columns: " + err.Error()
	}
	for _, c := range schema.Columns {
		t.Columns = append(t.Columns, catalog.Column{Name: c.Name, Type: oidOf(c.Kind), Modifier: modifierOf(c.Kind, c.Scale), NotNull: !c.Nullable, Comment: meaning(c)})
	}
	return t
}

// maxCodes is how many codes a comment lists.
const maxCodes = 50

// meaning is a column's comment: its title, unit and codes.
func meaning(c engine.Column) string {
	var parts []string
	if c.Title != "" {
		parts = append(parts, c.Title)
	}
	if c.Unit != "" {
		parts = append(parts, "unit: "+c.Unit)
	}
	if c.Item != "" {
		parts = append(parts, "data item: "+c.Item)
	}
	if len(c.Labels) > 0 {
		var codes []string
		for i, code := range c.Dictionary {
			if i == maxCodes {
				codes = append(codes, fmt.Sprintf("and %d more", len(c.Dictionary)-i))
				break
			}
			if c.Labels[i] != "" {
				code += " = " + c.Labels[i]
			}
			codes = append(codes, code)
		}
		parts = append(parts, "codes: "+strings.Join(codes, ", "))
	}
	return strings.Join(parts, "; ")
}
