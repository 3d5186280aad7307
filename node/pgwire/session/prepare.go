package session

import (
	"context"
	"strings"

	pg "github.com/pganalyze/pg_query_go/v6"

	"parley/node/pgwire"
)

// query is a SELECT that was prepared: a question, a statement about the catalogue, or one of the few calls that the session answers itself.
type query interface {
	parameters() []uint32
	columns() []pgwire.Column
	run(ctx context.Context, arguments []pgwire.Value) ([]pgwire.Row, error)
	// explain is what EXPLAIN says of it.
	explain(ctx context.Context, arguments []pgwire.Value) ([]string, error)
}

// Prepare finds what a statement takes and gives.
func (s *session) Prepare(ctx context.Context, t pgwire.Text, declared []uint32) (pgwire.Statement, error) {
	if err := s.standing(); err != nil {
		return nil, err
	}
	if len(declared) > MaxParameters {
		return nil, refuse("54000", "a statement has at most %d parameters", MaxParameters)
	}
	src := source{sql: t.SQL}
	node, err := src.one()
	if err != nil {
		return nil, err
	}
	transaction := node.GetTransactionStmt()
	if s.block.state == pgwire.Aborted && (transaction == nil || !ending(transaction.Kind)) {
		return nil, errAborted()
	}
	out, err := s.classify(ctx, src, node, declared)
	if err != nil {
		return nil, s.refusal(err)
	}
	if out.src.sql == "" {
		out.src = src
	}
	return out, nil
}

func ending(kind pg.TransactionStmtKind) bool {
	switch kind {
	case pg.TransactionStmtKind_TRANS_STMT_COMMIT, pg.TransactionStmtKind_TRANS_STMT_ROLLBACK, pg.TransactionStmtKind_TRANS_STMT_ROLLBACK_TO:
		return true
	}
	return false
}

// classify finds who answers a statement.
func (s *session) classify(ctx context.Context, src source, node *pg.Node, declared []uint32) (*statement, error) {
	switch n := node.Node.(type) {
	case *pg.Node_SelectStmt:
		return s.selecting(ctx, src, node, declared)
	case *pg.Node_TransactionStmt:
		return s.transaction(n.TransactionStmt)
	case *pg.Node_VariableSetStmt:
		return s.setting(n.VariableSetStmt)
	case *pg.Node_VariableShowStmt:
		return s.showing(n.VariableShowStmt)
	case *pg.Node_ExplainStmt:
		return s.explaining(ctx, src, n.ExplainStmt, declared)
	case *pg.Node_CopyStmt:
		return s.copying(ctx, src, n.CopyStmt)
	case *pg.Node_DeclareCursorStmt:
		return s.declaring(ctx, src, n.DeclareCursorStmt, declared)
	case *pg.Node_FetchStmt:
		return s.fetching(n.FetchStmt)
	case *pg.Node_ClosePortalStmt:
		return s.closing(n.ClosePortalStmt), nil
	case *pg.Node_PrepareStmt:
		return s.preparing(ctx, src, n.PrepareStmt)
	case *pg.Node_ExecuteStmt:
		return s.executing(n.ExecuteStmt)
	case *pg.Node_DeallocateStmt:
		return s.deallocating(n.DeallocateStmt), nil
	case *pg.Node_DiscardStmt:
		return s.discarding(n.DiscardStmt), nil
	case *pg.Node_UnlistenStmt:
		return s.tagged("UNLISTEN", func(context.Context) error { return nil }), nil
	case *pg.Node_ListenStmt:
		return nil, hinted(refuse("0A000", "LISTEN is not supported"), "nothing is ever notified here; parley.ledger has what happens on the network")
	case *pg.Node_NotifyStmt:
		return nil, hinted(refuse("0A000", "NOTIFY is not supported"), "sessions do not talk to each other here")
	case *pg.Node_LockStmt:
		return nil, hinted(refuse("0A000", "LOCK TABLE is not supported"), "nothing is changed here, so nothing needs to be locked")
	}
	return nil, unwritable(node)
}

// unwritable refuses what would change something.
func unwritable(node *pg.Node) error {
	reflected := node.ProtoReflect()
	field := reflected.WhichOneof(reflected.Descriptor().Oneofs().ByName("node"))
	if field == nil {
		return refuse("42601", "this is no statement")
	}
	name := string(field.Message().Name())
	return hinted(refuse("25006", "cannot execute %s: nothing can be written here", command(name)),
		"Departments register their tables at their own nodes; whoever asks reads what they answer, and changes nothing.")
}

// command is a statement's name as PostgreSQL writes it, of the name of its node: CreateTableAsStmt is CREATE TABLE AS.
func command(node string) string {
	if known, ok := commands[node]; ok {
		return known
	}
	var b strings.Builder
	for i, r := range strings.TrimSuffix(node, "Stmt") {
		if i > 0 && r >= 'A' && r <= 'Z' {
			b.WriteByte(' ')
		}
		b.WriteRune(r)
	}
	return strings.ToUpper(b.String())
}

var commands = map[string]string{"CreateStmt": "CREATE TABLE", "ViewStmt": "CREATE VIEW", "IndexStmt": "CREATE INDEX", "RenameStmt": "ALTER", "CreateSeqStmt": "CREATE SEQUENCE",
	"CompositeTypeStmt": "CREATE TYPE", "CreateFunctionStmt": "CREATE FUNCTION", "CreatedbStmt": "CREATE DATABASE", "DropdbStmt": "DROP DATABASE", "VacuumStmt": "VACUUM",
	"CheckPointStmt": "CHECKPOINT", "CreateRoleStmt": "CREATE ROLE", "RefreshMatViewStmt": "REFRESH MATERIALIZED VIEW", "CreateTrigStmt": "CREATE TRIGGER", "DefineStmt": "CREATE"}

// selecting prepares a SELECT.
func (s *session) selecting(ctx context.Context, src source, node *pg.Node, declared []uint32) (*statement, error) {
	q, err := s.query(ctx, src, node, declared)
	if err != nil {
		return nil, err
	}
	out := &statement{s: s, parameters: q.parameters(), columns: q.columns}
	out.run = func(ctx context.Context, arguments []pgwire.Value) (*pgwire.Result, error) {
		rows, err := q.run(ctx, arguments)
		if err != nil {
			return nil, err
		}
		return s.result(q, rows)
	}
	return out, nil
}

// result bounds what a query gave.
func (s *session) result(q query, rows []pgwire.Row) (*pgwire.Result, error) {
	if sizeOf(rows) > MaxResultBytes {
		return nil, hinted(refuse("54000", "the result has more than %d bytes", MaxResultBytes), "ask for fewer rows or columns")
	}
	columns := q.columns()
	if columns == nil {
		columns = []pgwire.Column{} // SELECT without a list has rows without columns
	}
	return &pgwire.Result{Columns: columns, Rows: rows, Tag: "SELECT"}, nil
}

// sizeOf is what rows take, about.
func sizeOf(rows []pgwire.Row) int {
	size := 0
	for _, row := range rows {
		size += 24 + 24*len(row)
		for _, v := range row {
			size += len(v)
		}
	}
	return size
}

// query finds who answers a SELECT: the tables that it reads say so.
func (s *session) query(ctx context.Context, src source, node *pg.Node, declared []uint32) (query, error) {
	if into := node.GetSelectStmt().GetIntoClause(); into != nil {
		return nil, hinted(refuse("25006", "cannot execute SELECT INTO: nothing can be written here"), "leave out INTO: the answer is kept in parley.answers")
	}
	if q, err := s.call(src, node, declared); q != nil || err != nil {
		return q, err
	}
	read, err := s.relations(ctx, src, node)
	if err != nil {
		return nil, err
	}
	switch {
	case read.unknown != nil:
		return s.unknown(ctx, src, node, read, declared)
	case read.held != nil && read.own != nil:
		return nil, at(hinted(refuse("0A000", "departments' tables and the door's own cannot be read by one statement"),
			"ask the departments first, and read the catalogue with a statement of its own"), src.at(read.own.Location))
	case read.held != nil:
		return s.question(ctx, src, node, declared)
	}
	return s.record(ctx, src, node, declared)
}
