package datasets

import (
	"context"
	"database/sql/driver"
	"fmt"
	"math/big"
	"strconv"
	"strings"
	"time"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/duckdb/duckdb-go/v2"
	pg "github.com/pganalyze/pg_query_go/v6"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"parley/engine"
)

// Plain answers a query by plain SQL over the rows of all tables pooled in one
// DuckDB table. It is for the demo and for tests, where pooling is allowed, as
// the figure to compare an answer with. It gives the same columns, rows, order
// and texts as the engine's Finish, or an error.
//
// Independent of planning, layout and Aggregate: the rows lie in one table, with
// DuckDB's own DECIMAL, DATE and BOOLEAN; WHERE, FILTER, GROUP BY and the
// arguments of aggregates run in DuckDB from the query's own text, and its sums
// and counts are taken as they come. HAVING, ORDER BY, LIMIT, quotients and their
// printing are this package's own code (README, section 7). Shared: the parser
// pg_query, the readers of files, and engine.Datum with its texts.
//
// Limits: sums and products beyond DuckDB's 38 digits, scientific notation in
// the query, and columns whose names differ only in case are errors.
func Plain(ctx context.Context, tables []*Table, sql string) (*engine.Result, error) {
	q, err := parsePlain(sql)
	if err != nil {
		return nil, err
	}
	if q.columns, err = pooledColumns(tables); err != nil {
		return nil, err
	}
	if err := q.findGroups(); err != nil {
		return nil, err
	}
	statement, err := q.statement()
	if err != nil {
		return nil, err
	}
	s, err := pool(ctx, tables, q.columns)
	if err != nil {
		return nil, err
	}
	defer s.close()
	rows, err := s.query(ctx, statement)
	if err != nil {
		return nil, fmt.Errorf("plain SQL: %w", err)
	}
	return q.finish(rows)
}

// plainQuery is one query of Plain.
type plainQuery struct {
	stmt    *pg.SelectStmt
	version int32 // of the parser's tree
	columns []column
	groups  []int // columns of GROUP BY
	calls   []*pg.FuncCall
	aliases map[string]*pg.Node // outputs by their name
}

func parsePlain(sql string) (*plainQuery, error) {
	tree, err := pg.Parse(sql)
	if err != nil {
		return nil, fmt.Errorf("plain SQL: %w", err)
	}
	if len(tree.Stmts) != 1 || tree.Stmts[0].Stmt.GetSelectStmt() == nil {
		return nil, fmt.Errorf("plain SQL: one SELECT is wanted")
	}
	stmt := tree.Stmts[0].Stmt.GetSelectStmt()
	if len(stmt.FromClause) != 1 || stmt.FromClause[0].GetRangeVar() == nil {
		return nil, fmt.Errorf("plain SQL: one table is wanted")
	}
	return &plainQuery{stmt: stmt, version: tree.Version}, nil
}

// pooledColumns unifies the columns of the tables.
func pooledColumns(tables []*Table) ([]column, error) {
	if len(tables) == 0 {
		return nil, fmt.Errorf("plain SQL: no tables")
	}
	out := append([]column(nil), tables[0].columns...)
	for i := range out {
		for _, t := range tables[1:] {
			at := t.find(out[i].name)
			if at < 0 || len(t.columns) != len(out) {
				return nil, fmt.Errorf("plain SQL: the tables have different columns")
			}
			switch c := t.columns[at]; {
			case c.kind == engine.Null || c.kind == out[i].kind && c.scale <= out[i].scale:
			case out[i].kind == engine.Null || c.kind == out[i].kind || c.kind == engine.Decimal && out[i].kind == engine.Integer:
				out[i] = c
			case c.kind == engine.Integer && out[i].kind == engine.Decimal:
			default:
				return nil, fmt.Errorf("plain SQL: column %s is %s and %s", shown(c.name), out[i].kind, c.kind)
			}
		}
	}
	return out, nil
}

// pool makes the table of all rows. Decimals get the least width that holds
// them, which leaves room for products.
func pool(ctx context.Context, tables []*Table, columns []column) (*store, error) {
	s, err := openStore(storeRoom{memory: MaxStoreBytes}, "SET integer_division = true")
	if err != nil {
		return nil, err
	}
	var types []storeColumn
	for _, c := range columns {
		types = append(types, storeColumn{c.name, pooledType(c, tables)})
	}
	err = s.create(ctx, types)
	for _, t := range tables {
		if err != nil {
			break
		}
		order := make([]int, len(columns))
		for i, c := range columns {
			order[i] = t.find(c.name)
		}
		batches := make([]arrow.Record, len(t.batches))
		for b, batch := range t.batches {
			batches[b] = reorder(batch, order)
		}
		err = s.load(ctx, batches, func(i int) valueReader { return pooledValues(t.columns[order[i]], columns[i]) })
	}
	if err != nil {
		s.close()
		return nil, fmt.Errorf("plain SQL: %w", err)
	}
	return s, nil
}

func reorder(batch arrow.Record, order []int) arrow.Record {
	fields, arrays := make([]arrow.Field, len(order)), make([]arrow.Array, len(order))
	for i, at := range order {
		fields[i], arrays[i] = batch.Schema().Field(at), batch.Column(at)
	}
	return array.NewRecord(arrow.NewSchema(fields, nil), arrays, batch.NumRows())
}

// pooledType is the type of a pooled column in DuckDB.
func pooledType(c column, tables []*Table) string {
	digits := 1
	for _, t := range tables {
		own := t.described[t.find(c.name)]
		for _, bound := range []*big.Int{own.Min, own.Max} {
			if bound != nil {
				digits = max(digits, len(new(big.Int).Abs(bound).String())+c.scale-own.Scale)
			}
		}
	}
	switch c.kind {
	case engine.Integer:
		if digits <= 9 { // products stay within 64 bits
			return "BIGINT"
		}
		return "HUGEINT"
	case engine.Decimal:
		return fmt.Sprintf("DECIMAL(%d, %d)", min(max(digits, c.scale+1), MaxDigits), c.scale)
	case engine.Date:
		return "DATE"
	}
	return c.storeType()
}

// pooledValues reads a table's column for the pooled one.
func pooledValues(own, to column) valueReader {
	return func(a arrow.Array) func(int) driver.Value {
		read := own.values(a)
		switch to.kind {
		case engine.Decimal:
			factor := powerOfTen(to.scale - own.scale)
			return func(row int) driver.Value {
				n, ok := bigValue(read(row))
				if !ok {
					return nil
				}
				return duckdb.Decimal{Width: MaxDigits, Scale: uint8(to.scale), Value: new(big.Int).Mul(n, factor)}
			}
		case engine.Date:
			return func(row int) driver.Value {
				days, ok := read(row).(int32)
				if !ok {
					return nil
				}
				return time.Unix(int64(days)*secondsPerDay, 0).UTC()
			}
		}
		return read
	}
}

// column finds a column as SQL names it: exactly, else in any case, else as the
// parser cut it.
func (q *plainQuery) column(ref *pg.ColumnRef) int {
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
func (q *plainQuery) findGroups() error {
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
		if !contains(q.groups, at) {
			q.groups = append(q.groups, at)
		}
	}
	return nil
}

func contains(list []int, v int) bool {
	for _, x := range list {
		if x == v {
			return true
		}
	}
	return false
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
func (q *plainQuery) statement() (string, error) {
	from := q.stmt.FromClause[0].GetRangeVar()
	alias := from.Alias
	if alias == nil {
		alias = &pg.Alias{Aliasname: from.Relname}
	}
	out := &pg.SelectStmt{Op: pg.SetOperation_SETOP_NONE, LimitOption: pg.LimitOption_LIMIT_OPTION_DEFAULT,
		WhereClause: q.forDuckDB(q.stmt.WhereClause)}
	table := pg.MakeSimpleRangeVar(rowsTable, 0)
	table.Alias = alias
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
func (q *plainQuery) findCalls() []*pg.FuncCall {
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
func (q *plainQuery) forDuckDB(node *pg.Node) *pg.Node {
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
