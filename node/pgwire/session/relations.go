package session

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	pg "github.com/pganalyze/pg_query_go/v6"
	"google.golang.org/protobuf/reflect/protoreflect"

	"parley/engine"
	"parley/node/client"
	"parley/node/pgwire"
)

// reading is what a SELECT reads: the first relation of each kind.
type reading struct {
	held    *pg.RangeVar // departments hold it
	own     *pg.RangeVar // the catalogue's
	unknown *pg.RangeVar
	names   []string // of the tables that the person sees
}

// relations sorts the relations that a SELECT names.
func (s *session) relations(ctx context.Context, src source, node *pg.Node) (*reading, error) {
	var named []*pg.RangeVar
	named = ranges(node.ProtoReflect(), nil, named)
	out := &reading{}
	if len(named) == 0 {
		return out, nil
	}
	shown, err := s.desk.Catalogue(ctx)
	if err != nil {
		return nil, err
	}
	for _, r := range shown {
		if !slices.Contains(out.names, r.Table) {
			out.names = append(out.names, r.Table)
		}
	}
	records, release, err := s.find(ctx)
	if err != nil {
		return nil, err
	}
	defer release()
	for _, v := range named {
		into := &out.unknown
		switch s.kindOf(v, out.names, records) {
		case held:
			into = &out.held
		case own:
			into = &out.own
		}
		if *into == nil {
			*into = v
		}
	}
	return out, nil
}

type relationKind int

const (
	unknown relationKind = iota
	held
	own
)

// kindOf finds a relation as PostgreSQL does: in its schema; else in pg_catalog, all of whose relations have names that begin with pg_, and then
// along the search path.
func (s *session) kindOf(v *pg.RangeVar, tables []string, records records) relationKind {
	if v.Catalogname != "" && v.Catalogname != s.login.Database {
		return unknown
	}
	isHeld := func(schema string) bool {
		return schema == "public" && slices.ContainsFunc(tables, func(name string) bool { return sameTable(v.Relname, name) })
	}
	if v.Schemaname != "" {
		switch {
		case isHeld(v.Schemaname):
			return held
		case records.Has(v.Schemaname, v.Relname):
			return own // also one that its schema does not have, which the catalogue refuses
		}
		return unknown
	}
	has := records.Has("", v.Relname)
	if has && strings.HasPrefix(v.Relname, "pg_") {
		return own
	}
	for _, schema := range s.path() {
		switch {
		case isHeld(schema):
			return held
		case has && schema != "public" && records.Has(schema, v.Relname):
			return own
		}
	}
	return unknown
}

// identifierBytes is where PostgreSQL's lexer cuts a name.
const identifierBytes = 63

// sameTable compares a name as the parser gives it with a table's: it may have been cut, and folded.
func sameTable(given, table string) bool {
	if len(table) > identifierBytes && len(given) <= identifierBytes {
		end := identifierBytes
		for end > 0 && !utf8.RuneStart(table[end]) {
			end--
		}
		table = table[:end]
	}
	return engine.SameName(given, table)
}

// ranges collects the relations that a tree names, those left out that WITH defines. Its depth is that of the tree.
func ranges(m protoreflect.Message, defined []string, out []*pg.RangeVar) []*pg.RangeVar {
	switch n := m.Interface().(type) {
	case *pg.RangeVar:
		if n.Schemaname != "" || !slices.Contains(defined, n.Relname) {
			out = append(out, n)
		}
		return out
	case *pg.SelectStmt:
		if n.WithClause != nil {
			for _, node := range n.WithClause.Ctes { // one sees those before it; of WITH RECURSIVE itself and all
				cte := node.GetCommonTableExpr()
				seen := defined
				if n.WithClause.Recursive {
					seen = append(slices.Clone(defined), names(n.WithClause)...)
				}
				if q := cte.GetCtequery(); q != nil {
					out = ranges(q.ProtoReflect(), seen, out)
				}
				defined = append(slices.Clone(defined), cte.GetCtename())
			}
		}
	case *pg.WithClause:
		return out // done with its SELECT
	}
	fields := m.Descriptor().Fields()
	for i := range fields.Len() { // in the order of the text, nearly, so that the first that is unknown is the first in it
		field := fields.Get(i)
		if field.Kind() != protoreflect.MessageKind || !m.Has(field) {
			continue
		}
		if !field.IsList() {
			out = ranges(m.Get(field).Message(), defined, out)
			continue
		}
		list := m.Get(field).List()
		for j := range list.Len() {
			out = ranges(list.Get(j).Message(), defined, out)
		}
	}
	return out
}

func names(w *pg.WithClause) (out []string) {
	for _, node := range w.Ctes {
		out = append(out, node.GetCommonTableExpr().GetCtename())
	}
	return out
}

// unknown is a statement over a table that the person does not see. The desk has the word: it may say which grants are missing. A
// table that it does not know either is refused with the names of those that the person sees.
func (s *session) unknown(ctx context.Context, src source, node *pg.Node, read *reading, declared []uint32) (query, error) {
	v := read.unknown
	if read.own == nil && (v.Schemaname == "" && slices.Contains(s.path(), "public") || v.Schemaname == "public") {
		q, err := s.question(ctx, src, node, declared)
		var refused *client.QueryError
		if err == nil || !errors.As(err, &refused) || refused.Code != engine.CodeTable && refused.Code != engine.CodeUnsupported && refused.Code != engine.CodeSyntax {
			return q, err
		}
	}
	name := v.Relname
	if v.Schemaname != "" {
		name = v.Schemaname + "." + name
	}
	e := at(refuse("42P01", "relation \"%s\" does not exist", name), src.at(v.Location))
	near := engine.Nearest(v.Relname, read.names)
	switch {
	case near != "":
		return nil, hinted(e, "Did you mean %s?", strconv.Quote(near))
	case len(read.names) == 0:
		return nil, hinted(e, "No grant and no policy shows you a table of a department yet.")
	}
	shown, more := read.names, ""
	if len(shown) > MaxNames {
		shown, more = shown[:MaxNames], ", …"
	}
	return nil, hinted(e, "Tables that you may ask about: %s%s. parley.catalogue has their columns.", strings.Join(shown, ", "), more)
}

// record prepares a statement about the catalogue.
func (s *session) record(ctx context.Context, src source, node *pg.Node, declared []uint32) (query, error) {
	r := &record{s: s, src: src, declared: declared}
	release, err := r.renew(ctx, node)
	if err != nil {
		return nil, err
	}
	release()
	return r, nil
}

// record is a statement about the catalogue.
type record struct {
	s        *session
	src      source
	declared []uint32
	of       records // over which it was prepared
	lookup   *lookup
}

// renew prepares it over the present catalogue, where that is another than before. tree is its tree, if it was parsed just now.
func (r *record) renew(ctx context.Context, tree *pg.Node) (release func(), err error) {
	present, release, err := r.s.find(ctx)
	if err != nil || present == r.of {
		return release, err
	}
	if tree == nil {
		if tree, err = r.src.one(); err != nil {
			release()
			return nil, err
		}
	}
	found, err := present.Prepare(ctx, r.src.sql, tree, r.declared, r.s.about())
	if err != nil {
		release()
		return nil, r.src.shift(err)
	}
	r.of, r.lookup = present, found
	return release, nil
}

func (r *record) parameters() []uint32     { return r.lookup.parameters }
func (r *record) columns() []pgwire.Column { return r.lookup.columns }

func (r *record) run(ctx context.Context, arguments []pgwire.Value) ([]pgwire.Row, error) {
	release, err := r.renew(ctx, nil)
	if err != nil {
		return nil, err
	}
	defer release()
	if len(arguments) != len(r.lookup.parameters) {
		return nil, refuse("0A000", "the catalogue changed since the statement was prepared: prepare it again")
	}
	rows, err := r.lookup.run(ctx, arguments, r.s.about())
	return rows, r.src.shift(err)
}

func (r *record) explain(context.Context, []pgwire.Value) ([]string, error) {
	return []string{"Catalogue: the door answers this itself, from what you are shown. No department is asked."}, nil
}
