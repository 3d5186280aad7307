package session

import (
	"context"

	pg "github.com/pganalyze/pg_query_go/v6"

	"parley/node/pgwire"
)

// prepared is a statement of PREPARE.
type prepared struct {
	statement *statement
	query     query // nil of what is no SELECT
	bytes     int
}

// typeOIDs are the types that PREPARE may name for parameters.
var typeOIDs = map[string]uint32{"int2": oidInt2, "smallint": oidInt2, "int4": oidInt4, "integer": oidInt4, "int": oidInt4, "int8": oidInt8, "bigint": oidInt8,
	"numeric": oidNumeric, "decimal": oidNumeric, "float4": oidFloat4, "float8": oidFloat8, "text": oidText, "varchar": oidVarchar, "bpchar": oidBpchar, "name": oidName,
	"bool": oidBool, "boolean": oidBool, "date": oidDate, "timestamp": oidTimestamp, "timestamptz": oidTimestampTZ, "time": oidTime, "oid": oidOID, "unknown": 0}

// preparing prepares PREPARE.
func (s *session) preparing(ctx context.Context, src source, p *pg.PrepareStmt) (*statement, error) {
	within, node, err := src.inner(pg.Token_AS)
	if err != nil {
		return nil, err
	}
	if node.GetSelectStmt() == nil {
		return nil, unwritable(node)
	}
	if len(p.Argtypes) > MaxParameters {
		return nil, refuse("54000", "a statement has at most %d parameters", MaxParameters)
	}
	declared := make([]uint32, len(p.Argtypes))
	for i, t := range p.Argtypes {
		names := t.GetTypeName().GetNames()
		oid, ok := uint32(0), false
		if len(names) > 0 && len(t.GetTypeName().GetArrayBounds()) == 0 {
			oid, ok = typeOIDs[names[len(names)-1].GetString_().GetSval()]
		}
		if !ok {
			return nil, at(refuse("42704", "parameters of this type are not supported"), src.at(t.GetTypeName().GetLocation()))
		}
		declared[i] = oid
	}
	q, err := s.query(ctx, within, node, declared)
	if err != nil {
		return nil, s.refusal(err)
	}
	out := &prepared{query: q, bytes: len(src.sql)}
	out.statement = &statement{s: s, src: within, parameters: q.parameters(), columns: q.columns}
	name := p.Name
	return s.tagged("PREPARE", func(context.Context) error {
		if s.prepared[name] != nil {
			return refuse("42P05", "prepared statement \"%s\" already exists", name)
		}
		sum := out.bytes
		for _, other := range s.prepared {
			sum += other.bytes
		}
		if len(s.prepared) >= MaxPrepared || sum > MaxPreparedBytes {
			return hinted(refuse("54000", "at most %d prepared statements of %d bytes together are kept", MaxPrepared, MaxPreparedBytes), "DEALLOCATE those that are not needed any more")
		}
		s.prepared[name] = out
		return nil
	}), nil
}

// executing prepares EXECUTE.
func (s *session) executing(e *pg.ExecuteStmt) (*statement, error) {
	arguments, err := argumentsOf(e.Params)
	if err != nil {
		return nil, err
	}
	out := &statement{s: s, columns: func() []pgwire.Column {
		if p := s.prepared[e.Name]; p != nil {
			return p.query.columns()
		}
		return nil
	}}
	out.run = func(ctx context.Context, _ []pgwire.Value) (*pgwire.Result, error) {
		p, err := s.preparedFor(e.Name, arguments)
		if err != nil {
			return nil, err
		}
		rows, err := p.query.run(ctx, arguments)
		if err != nil {
			return nil, s.refusal(unplaced(err))
		}
		return s.result(p.query, rows)
	}
	return out, nil
}

// unplaced is a refusal without its position, which is of another text than the one that runs.
func unplaced(err error) error {
	if q, ok := asQueryError(err); ok {
		moved := *q
		moved.Position = 0
		return &moved
	}
	if e, ok := err.(*pgwire.Error); ok && e.Position > 0 {
		return at(&pgwire.Error{Code: e.Code, Message: e.Message, Detail: e.Detail, Hint: e.Hint}, 0)
	}
	return err
}

// preparedFor finds what EXECUTE runs.
func (s *session) preparedFor(name string, arguments []pgwire.Value) (*prepared, error) {
	p := s.prepared[name]
	if p == nil {
		return nil, refuse("26000", "prepared statement \"%s\" does not exist", name)
	}
	if want := len(p.statement.parameters); want != len(arguments) {
		e := refuse("42601", "wrong number of parameters for prepared statement \"%s\"", name)
		e.Detail = "Expected " + plural(want) + " but got " + plural(len(arguments)) + "."
		return nil, e
	}
	return p, nil
}

// argumentsOf are the values of EXECUTE: constants.
func argumentsOf(nodes []*pg.Node) ([]pgwire.Value, error) {
	out := make([]pgwire.Value, len(nodes))
	for i, n := range nodes {
		text, null, err := constant(n)
		if err != nil {
			return nil, err
		}
		if !null {
			out[i] = append(pgwire.Value{}, text...)
		}
	}
	return out, nil
}

// deallocating prepares DEALLOCATE.
func (s *session) deallocating(d *pg.DeallocateStmt) *statement {
	out := s.tagged("DEALLOCATE", nil)
	out.run = func(context.Context, []pgwire.Value) (*pgwire.Result, error) {
		if d.Isall || d.Name == "" {
			clear(s.prepared)
			return &pgwire.Result{Tag: "DEALLOCATE ALL", Deallocate: &pgwire.Deallocate{All: true}}, nil
		}
		_, found := s.prepared[d.Name]
		delete(s.prepared, d.Name)
		return &pgwire.Result{Tag: "DEALLOCATE", Deallocate: &pgwire.Deallocate{Name: d.Name, Found: found}}, nil
	}
	return out
}

// discarding prepares DISCARD.
func (s *session) discarding(d *pg.DiscardStmt) *statement {
	if d.Target != pg.DiscardMode_DISCARD_ALL {
		tag := map[pg.DiscardMode]string{pg.DiscardMode_DISCARD_PLANS: "DISCARD PLANS", pg.DiscardMode_DISCARD_SEQUENCES: "DISCARD SEQUENCES", pg.DiscardMode_DISCARD_TEMP: "DISCARD TEMP"}[d.Target]
		return s.tagged(tag, func(context.Context) error { return nil })
	}
	out := s.tagged("DISCARD ALL", nil)
	out.run = func(context.Context, []pgwire.Value) (*pgwire.Result, error) {
		if s.inUnit() {
			return nil, refuse("25001", "DISCARD ALL cannot run inside a transaction block")
		}
		s.dropCursors()
		clear(s.prepared)
		s.resetAll()
		return &pgwire.Result{Tag: "DISCARD ALL", Deallocate: &pgwire.Deallocate{All: true}}, nil
	}
	return out
}
