package session

import (
	"context"
	"strconv"
	"strings"

	pg "github.com/pganalyze/pg_query_go/v6"

	"parley/engine"
	"parley/node/pgwire"
)

func plural(n int) string { return engine.Plural(n, "parameter") }

// explaining prepares EXPLAIN: what the question would compute, who would learn what, and what departments decide. It asks nothing.
func (s *session) explaining(ctx context.Context, src source, e *pg.ExplainStmt, declared []uint32) (*statement, error) {
	for _, node := range e.Options {
		if err := explainOption(node.GetDefElem()); err != nil {
			return nil, at(err, src.at(node.GetDefElem().GetLocation()))
		}
	}
	if e.Query.GetSelectStmt() == nil && e.Query.GetExecuteStmt() == nil {
		return nil, unwritable(e.Query)
	}
	within, node, err := src.inner(pg.Token_EXPLAIN)
	if err != nil {
		return nil, err
	}
	columns := []pgwire.Column{{Name: "QUERY PLAN", Type: oidText, Modifier: -1}}
	out := &statement{s: s, src: within, columns: func() []pgwire.Column { return columns }}
	var explain func(ctx context.Context, arguments []pgwire.Value) ([]string, error)
	switch n := node.Node.(type) {
	case *pg.Node_SelectStmt:
		q, err := s.query(ctx, within, node, declared)
		if err != nil {
			return nil, s.refusal(err)
		}
		out.parameters, explain = q.parameters(), q.explain
	case *pg.Node_ExecuteStmt:
		given, err := argumentsOf(n.ExecuteStmt.Params)
		if err != nil {
			return nil, err
		}
		explain = func(ctx context.Context, _ []pgwire.Value) ([]string, error) {
			p, err := s.preparedFor(n.ExecuteStmt.Name, given)
			if err != nil {
				return nil, err
			}
			lines, err := p.query.explain(ctx, given)
			if err != nil {
				return nil, unplaced(err)
			}
			return lines, nil
		}
	default:
		return nil, unwritable(node)
	}
	out.run = func(ctx context.Context, arguments []pgwire.Value) (*pgwire.Result, error) {
		lines, err := explain(ctx, arguments)
		if err != nil {
			return nil, err
		}
		rows := make([]pgwire.Row, len(lines))
		for i, line := range lines {
			rows[i] = pgwire.Row{append(pgwire.Value{}, line...)}
		}
		if sizeOf(rows) > MaxResultBytes {
			return nil, refuse("54000", "the explanation has more than %d bytes", MaxResultBytes)
		}
		return &pgwire.Result{Columns: columns, Rows: rows, Tag: "EXPLAIN"}, nil
	}
	return out, nil
}

// explainOption takes those that change nothing, and refuses those that would ask, or that ask for another form.
func explainOption(d *pg.DefElem) *pgwire.Error {
	name, value := strings.ToLower(d.GetDefname()), optionText(d)
	if name == "format" {
		if strings.EqualFold(value, "text") {
			return nil
		}
		return hinted(refuse("0A000", "EXPLAIN has no format %s", strconv.Quote(value)), "FORMAT TEXT is the only one; parley explain --json gives another")
	}
	on, err := parseBool(value)
	if err != nil {
		return refuse("22023", "%s requires a Boolean value", name)
	}
	switch name {
	case "analyze":
		if on {
			return hinted(refuse("0A000", "EXPLAIN ANALYZE is not supported: it would ask the question"), "EXPLAIN alone asks nothing; ask the question itself to see what it takes")
		}
	case "verbose", "costs", "settings", "generic_plan", "buffers", "wal", "timing", "summary":
	default:
		return refuse("42601", "unrecognized EXPLAIN option \"%s\"", name)
	}
	return nil
}

// optionText is the value of an option; one without a value is on.
func optionText(d *pg.DefElem) string {
	if d.GetArg() == nil {
		return "true"
	}
	text, _, err := constant(d.GetArg())
	if err != nil {
		return ""
	}
	return text
}
