// Package plain answers a query by plain SQL over the pooled rows of several departments: the figure
// to compare a sealed answer with. It is for the demo and for tests, where pooling is allowed, and a
// test holds that nothing of a node links it. datasets/README.md, section 7, is its specification.
//
// Independent of planning, layout and datasets' Aggregate: the rows lie in one table, with DuckDB's
// own DECIMAL, DATE and BOOLEAN; WHERE, FILTER, GROUP BY and the arguments of aggregates run in
// DuckDB from the query's own text, and its sums and counts are taken as they come. HAVING, ORDER
// BY, LIMIT, quotients and their printing are this package's own code. Shared: the parser pg_query,
// the readers of files, and engine.Datum with its texts.
//
// Limits: sums and products beyond DuckDB's 38 digits, scientific notation in the query, and
// columns whose names differ only in case are errors.
package plain

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	pg "github.com/pganalyze/pg_query_go/v6"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"parley/datasets"
	"parley/datasets/duck"
	"parley/engine"
)

// Answer answers a query by plain SQL over the rows of all tables pooled in one DuckDB table, or in
// two where the query joins two USING columns, which the tables' names then tell apart. It gives the same columns, rows, order and texts as the engine's Finish, or an error. Cost: all
// rows once more, in at most duck.MaxStoreBytes of memory.
func Answer(ctx context.Context, tables []*datasets.Table, sql string) (*engine.Result, error) {
	q, err := parse(sql)
	if err != nil {
		return nil, err
	}
	parts := []part{{tables: tables}}
	if q.join != nil {
		parts, err = q.parts(tables)
	}
	if err == nil {
		err = q.columnsOf(parts)
	}
	if err != nil {
		return nil, err
	}
	if err := q.findGroups(); err != nil {
		return nil, err
	}
	statement, err := q.statement()
	if err != nil {
		return nil, err
	}
	db, err := q.pool(ctx, parts)
	if err != nil {
		return nil, err
	}
	defer db.Close()
	rows, err := duck.Select(ctx, db, statement)
	if err != nil {
		return nil, fmt.Errorf("plain SQL: %w", err)
	}
	return q.finish(rows)
}

// query is one that is being answered.
type query struct {
	stmt    *pg.SelectStmt
	version int32 // of the parser's tree
	join    *join // nil: one table
	columns []column
	groups  []int // columns of GROUP BY
	calls   []*pg.FuncCall
	aliases map[string]*pg.Node // outputs by their name
}

func parse(sql string) (*query, error) {
	tree, err := pg.Parse(sql)
	if err != nil {
		return nil, fmt.Errorf("plain SQL: %w", err)
	}
	if len(tree.Stmts) != 1 || tree.Stmts[0].Stmt.GetSelectStmt() == nil {
		return nil, fmt.Errorf("plain SQL: one SELECT is wanted")
	}
	stmt := tree.Stmts[0].Stmt.GetSelectStmt()
	q := &query{stmt: stmt, version: tree.Version}
	if len(stmt.FromClause) == 1 && stmt.FromClause[0].GetJoinExpr() != nil {
		q.join, err = joinOf(stmt.FromClause[0].GetJoinExpr())
		return q, err
	}
	if len(stmt.FromClause) != 1 || stmt.FromClause[0].GetRangeVar() == nil {
		return nil, fmt.Errorf("plain SQL: one table is wanted, or two that are joined")
	}
	return q, nil
}

// column finds a column as SQL names it: exactly, else in any case, else as the
// parser cut it.
func (q *query) column(ref *pg.ColumnRef) int {
	if len(ref.GetFields()) == 0 {
		return -1
	}
	name := ref.Fields[len(ref.Fields)-1].GetString_().GetSval()
	for _, same := range []func(string) bool{
		func(c string) bool { return c == name },
		func(c string) bool { return engine.SameName(c, name) },
		func(c string) bool { return len(name) > 59 && strings.HasPrefix(c, name) },
	} {
		for i, c := range q.columns {
			if same(c.name) {
				return i
			}
		}
	}
	return -1
}

// findGroups resolves GROUP BY: columns, aliases of columns, and numbers.
func (q *query) findGroups() error {
	q.aliases = map[string]*pg.Node{}
	for _, target := range q.stmt.TargetList {
		if t := target.GetResTarget(); t.GetName() != "" {
			q.aliases[t.Name] = t.Val
		}
	}
	for _, node := range q.stmt.GroupClause {
		if n, ok := wholeNumber(node); ok {
			if n < 1 || n > int64(len(q.stmt.TargetList)) {
				return fmt.Errorf("plain SQL: GROUP BY %d", n)
			}
			node = q.stmt.TargetList[n-1].GetResTarget().GetVal()
		}
		at := q.column(node.GetColumnRef())
		if at < 0 && node.GetColumnRef() != nil && len(node.GetColumnRef().Fields) == 1 {
			at = q.column(q.aliases[node.GetColumnRef().Fields[0].GetString_().GetSval()].GetColumnRef())
		}
		if at < 0 {
			return fmt.Errorf("plain SQL: GROUP BY takes columns")
		}
		if !slices.Contains(q.groups, at) {
			q.groups = append(q.groups, at)
		}
	}
	return nil
}

func wholeNumber(node *pg.Node) (int64, bool) {
	c := node.GetAConst()
	if c == nil || c.Isnull {
		return 0, false
	}
	switch v := c.Val.(type) {
	case nil:
		return 0, true
	case *pg.A_Const_Ival:
		return int64(v.Ival.GetIval()), true
	case *pg.A_Const_Fval:
		n, err := strconv.ParseInt(v.Fval.GetFval(), 10, 64)
		return n, err == nil
	}
	return 0, false
}

// statement writes the SELECT for DuckDB: the group columns, then for each
// aggregate call a number and a count. Its WHERE, FILTERs and arguments are the
// query's own.
func (q *query) statement() (string, error) {
	out := &pg.SelectStmt{Op: pg.SetOperation_SETOP_NONE, LimitOption: pg.LimitOption_LIMIT_OPTION_DEFAULT,
		WhereClause: q.forDuckDB(q.stmt.WhereClause)}
	table := pg.MakeSimpleRangeVar(rowsTable, 0)
	if from := q.stmt.FromClause[0].GetRangeVar(); from != nil {
		if table.Alias = from.Alias; table.Alias == nil {
			table.Alias = &pg.Alias{Aliasname: from.Relname}
		}
	}
	out.FromClause = []*pg.Node{{Node: &pg.Node_RangeVar{RangeVar: table}}}
	for _, g := range q.groups {
		ref := pg.MakeColumnRefNode([]*pg.Node{pg.MakeStrNode(q.columns[g].name)}, 0)
		out.TargetList = append(out.TargetList, pg.MakeResTargetNodeWithVal(ref, 0))
		out.GroupClause = append(out.GroupClause, ref)
	}
	for _, call := range q.findCalls() {
		for _, function := range []string{functionOf(call), "count"} {
			if function == "avg" {
				function = "sum"
			}
			part := proto.Clone(call).(*pg.FuncCall)
			part.Funcname = []*pg.Node{pg.MakeStrNode(function)}
			node := q.forDuckDB(&pg.Node{Node: &pg.Node_FuncCall{FuncCall: part}})
			out.TargetList = append(out.TargetList, pg.MakeResTargetNodeWithVal(node, 0))
		}
	}
	if len(out.TargetList) == 0 {
		return "", fmt.Errorf("plain SQL: nothing is asked for")
	}
	statement := &pg.Node{Node: &pg.Node_SelectStmt{SelectStmt: out}}
	return pg.Deparse(&pg.ParseResult{Version: q.version, Stmts: []*pg.RawStmt{{Stmt: statement}}})
}

func functionOf(call *pg.FuncCall) string {
	if len(call.Funcname) == 0 {
		return ""
	}
	return call.Funcname[len(call.Funcname)-1].GetString_().GetSval()
}

// findCalls lists the aggregate calls of the select list, HAVING and ORDER BY.
func (q *query) findCalls() []*pg.FuncCall {
	clauses := append([]*pg.Node{q.stmt.HavingClause}, q.stmt.TargetList...)
	for _, clause := range append(clauses, q.stmt.SortClause...) {
		eachNode(clause, func(n *pg.Node) {
			if call := n.GetFuncCall(); call != nil {
				q.calls = append(q.calls, call)
			}
		})
	}
	return q.calls
}

// forDuckDB is a copy of an expression with the two dialects' differences
// settled: LIKE has PostgreSQL's escape, columns have their exact names, and a
// cast to numeric, which changes no value, is dropped.
func (q *query) forDuckDB(node *pg.Node) *pg.Node {
	if node == nil {
		return nil
	}
	node = proto.Clone(node).(*pg.Node)
	eachNode(node, func(n *pg.Node) {
		for cast := n.GetTypeCast(); cast != nil && castName(cast) == "numeric"; cast = n.GetTypeCast() {
			n.Node = cast.Arg.Node
		}
		if e := n.GetAExpr(); e != nil && e.Kind == pg.A_Expr_Kind_AEXPR_LIKE && len(e.Name) == 1 {
			function := "like_escape"
			if e.Name[0].GetString_().GetSval() == "!~~" {
				function = "not_like_escape"
			}
			n.Node = pg.MakeFuncCallNode([]*pg.Node{pg.MakeStrNode(function)},
				[]*pg.Node{e.Lexpr, e.Rexpr, pg.MakeAConstStrNode(`\`, 0)}, 0).Node
		}
		if ref := n.GetColumnRef(); ref != nil {
			if at := q.column(ref); at >= 0 {
				ref.Fields[len(ref.Fields)-1] = pg.MakeStrNode(q.columns[at].name)
				if q.join != nil { // names are of one table alone
					ref.Fields = ref.Fields[len(ref.Fields)-1:]
				}
			}
		}
	})
	return node
}

func castName(cast *pg.TypeCast) string {
	names := cast.GetTypeName().GetNames()
	if len(names) == 0 {
		return ""
	}
	return names[len(names)-1].GetString_().GetSval()
}

// eachNode visits a tree, parents first.
func eachNode(node *pg.Node, visit func(*pg.Node)) {
	if node != nil {
		eachMessage(node.ProtoReflect(), visit)
	}
}

func eachMessage(m protoreflect.Message, visit func(*pg.Node)) {
	if node, ok := m.Interface().(*pg.Node); ok {
		visit(node)
	}
	m.Range(func(field protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		switch {
		case field.Kind() != protoreflect.MessageKind:
		case field.IsList():
			for i := range v.List().Len() {
				eachMessage(v.List().Get(i).Message(), visit)
			}
		default:
			eachMessage(v.Message(), visit)
		}
		return true
	})
}
