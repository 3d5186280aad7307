package catalog

import (
	"context"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	pg "github.com/pganalyze/pg_query_go/v6"

	"parley/node/pgwire"
)

// binder reads a statement's tree and writes another statement for the private database, in which every name is one of
// its own: nothing that a client wrote gets there but values. It gives every expression PostgreSQL's type.
type binder struct {
	c       *Catalog
	ctx     context.Context
	session Session
	sql     string

	types   []uint32       // of the parameters, 0 where nothing says it yet
	values  []pgwire.Value // of the parameters, where the statement is to be run
	running bool

	depth, nodes, sources, names int
	printed                      int
	with                         []*withQuery      // the WITH queries that are in sight, the nearest last
	own                          map[string]*table // that have to be loaded
	now                          time.Time
}

// withQuery is a query of a WITH clause.
type withQuery struct {
	name, alias string
	fields      []field
}

// field is a column that a name may mean.
type field struct {
	name string
	oid  uint32
	mod  int32
	sql  string // how it is written
	// element is that of the pairs of _pg_expandarray; 0 of all else.
	element uint32
}

// source is an entry of a FROM clause.
type source struct {
	name   string // "" where it can be reached by its columns alone
	fields []field
	class  uint32          // OID of the relation; 0 of others
	merged map[string]bool // columns that USING has merged into those of the join
}

// scope is what names may mean at one place.
type scope struct {
	sources []*source
	outer   *scope
}

// expr is an expression that was written out.
type expr struct {
	sql     string
	oid     uint32
	mod     int32
	literal *string // what a constant is, in text form
	at      int32   // where it stands, from 1; 0: nowhere
	null    bool    // the constant NULL
	// parameter is the number of a parameter whose type nothing says yet.
	parameter int
	element   uint32 // of the pairs of _pg_expandarray
	many      bool   // it gives a set
}

func (b *binder) fail(code string, location int32, format string, args ...any) *pgwire.Error {
	e := &pgwire.Error{Code: code, Message: fmt.Sprintf(format, args...)}
	if location >= 0 && int(location) <= len(b.sql) && b.sql != "" {
		e.Position = utf8.RuneCountInString(b.sql[:location]) + 1
	}
	return e
}

// unsupported refuses what PostgreSQL may well know.
func (b *binder) unsupported(location int32, what string) *pgwire.Error {
	e := b.fail("0A000", location, "%s is not supported in statements about the catalogue", what)
	e.Hint = "Tables of departments are asked about by questions of their own."
	return e
}

// enter counts a node on the way down; leave is called on the way back.
func (b *binder) enter() error {
	b.depth++
	b.nodes++
	if b.depth > maxDepth {
		return b.fail("54001", -1, "the statement is nested too deeply: the catalogue reads at most %d levels", maxDepth)
	}
	if b.nodes > maxNodes {
		return b.fail("54001", -1, "the statement is too long: the catalogue reads at most %d expressions", maxNodes)
	}
	if b.nodes%256 == 0 {
		if b.ctx.Err() != nil {
			return canceled(b.ctx)
		}
	}
	return nil
}

func (b *binder) leave() { b.depth-- }

// write makes a text of parts, unless it becomes too long.
func (b *binder) write(parts ...string) (string, error) {
	n := 0
	for _, part := range parts {
		n += len(part)
	}
	if n > maxPrinted {
		return "", b.fail("54001", -1, "the statement is too long for the catalogue")
	}
	b.printed += n
	if b.printed > 64*maxPrinted {
		return "", b.fail("54001", -1, "the statement is too long for the catalogue")
	}
	return strings.Join(parts, ""), nil
}

// fresh makes a name that is used nowhere else in the statement.
func (b *binder) fresh(prefix string) string {
	b.names++
	return fmt.Sprintf("%s%d", prefix, b.names)
}

// words are the strings of a list of names.
func words(nodes []*pg.Node) []string {
	var out []string
	for _, n := range nodes {
		if s := n.GetString_(); s != nil {
			out = append(out, s.Sval)
		}
	}
	return out
}

// column finds what a name means.
func (b *binder) column(s *scope, ref *pg.ColumnRef) (expr, error) {
	fields := words(ref.Fields)
	if len(fields) != len(ref.Fields) || len(fields) == 0 {
		return expr{}, b.unsupported(ref.Location, "\"*\" as an expression")
	}
	name := fields[len(fields)-1]
	table := ""
	if len(fields) > 1 {
		table = fields[len(fields)-2] // schema and database before it say no more
	}
	known := false
	for at := s; at != nil; at = at.outer {
		var found []expr
		for _, from := range at.sources {
			if table != "" && from.name != table {
				continue
			}
			known = true
			if table == "" && from.merged[name] {
				continue
			}
			for _, c := range from.fields {
				if c.name == name {
					found = append(found, expr{sql: c.sql, oid: c.oid, mod: c.mod, element: c.element})
				}
			}
			if len(found) == 0 && name == "tableoid" && from.class != 0 {
				found = append(found, expr{sql: fmt.Sprint(from.class), oid: oidOid, mod: -1})
			}
			if table != "" {
				break
			}
		}
		if len(found) > 1 {
			return expr{}, b.fail("42702", ref.Location, "column reference \"%s\" is ambiguous", name)
		}
		if len(found) == 1 {
			return found[0], nil
		}
		if table != "" && known {
			break
		}
	}
	switch {
	case table != "" && !known:
		return expr{}, b.fail("42P01", ref.Location, "missing FROM-clause entry for table \"%s\"", table)
	case table != "":
		return expr{}, b.fail("42703", ref.Location, "column %s.%s does not exist", table, name)
	}
	return expr{}, b.fail("42703", ref.Location, "column \"%s\" does not exist", name)
}

// relation finds a relation of the catalogue by the search path.
func (b *binder) relation(v *pg.RangeVar) (*table, error) {
	if v.Catalogname != "" && v.Catalogname != b.c.database {
		return nil, b.fail("0A000", v.Location, "cross-database references are not implemented: \"%s.%s.%s\"", v.Catalogname, v.Schemaname, v.Relname)
	}
	for _, schema := range b.schemas(v.Schemaname) {
		if t := b.c.tables[schema+"."+v.Relname]; t != nil {
			return t, nil
		}
	}
	name := v.Relname
	if v.Schemaname != "" {
		name = v.Schemaname + "." + name
	}
	return nil, b.fail("42P01", v.Location, "relation \"%s\" does not exist", name)
}

// schemas are those in which a name is looked for, in order.
func (b *binder) schemas(named string) []string {
	if named != "" {
		return []string{named}
	}
	return effective(b.session.SearchPath)
}

// effective is a search path with the catalogue, which comes first where the path does not name it.
func effective(path []string) []string {
	for _, s := range path {
		if s == "pg_catalog" {
			return path
		}
	}
	return append([]string{"pg_catalog"}, path...)
}
