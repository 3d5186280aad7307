package engine

import (
	"maps"
	"slices"

	pg "github.com/pganalyze/pg_query_go/v6"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// inlined is a question whose FROM names a table itself: a query in WITH or in FROM that chooses
// rows and columns of one table is put in its place. What it computes for each row stands for its
// name, and its condition is joined to the question's. changed reports whether there was one.
func (t text) inlined(stmt *pg.SelectStmt) (out *pg.SelectStmt, changed bool, err error) {
	return t.inline(stmt, map[string]*pg.SelectStmt{}, 0)
}

// maxInlined is how deep queries in FROM may be nested.
const maxInlined = 16

// inline puts the queries of WITH, and those that are known by then, in their places.
func (t text) inline(stmt *pg.SelectStmt, known map[string]*pg.SelectStmt, depth int) (*pg.SelectStmt, bool, error) {
	if depth > maxInlined {
		return nil, false, refuse(CodeLimit, 0, "queries in FROM are nested more than %d deep", maxInlined)
	}
	changed := false
	if with := stmt.WithClause; with != nil {
		if with.Recursive {
			return nil, false, refuse(CodeUnsupported, t.keyword([]pg.Token{pg.Token_RECURSIVE}), "WITH RECURSIVE is not supported: a question counts and adds up rows once")
		}
		names := maps.Clone(known)
		for _, node := range with.Ctes {
			cte := node.GetCommonTableExpr()
			query := cte.GetCtequery().GetSelectStmt()
			if query == nil || len(cte.Aliascolnames) > 0 {
				return nil, false, refuse(CodeUnsupported, t.at(cte.GetLocation()), "a query in WITH is a SELECT without a list of column names")
			}
			inner, _, err := t.inline(query, names, depth+1)
			if err != nil {
				return nil, false, err
			}
			names[cte.Ctename] = inner
		}
		stmt = proto.Clone(stmt).(*pg.SelectStmt)
		stmt.WithClause, known, changed = nil, names, true
	}
	if stmt.Op != pg.SetOperation_SETOP_NONE {
		return t.inlineSet(stmt, known, changed, depth)
	}
	stmt, within, err := t.inlineSubqueries(stmt, known, depth)
	if err != nil {
		return nil, false, err
	}
	changed = changed || within
	if len(stmt.FromClause) != 1 {
		return stmt, changed, nil
	}
	if j := stmt.FromClause[0].GetJoinExpr(); j != nil {
		return stmt, changed, t.joinsNone(j, known)
	}
	inner, alias, err := t.queryOf(stmt.FromClause[0], known, depth)
	if inner == nil || err != nil {
		return stmt, changed, err
	}
	out, err := t.put(stmt, inner, alias)
	return out, true, err
}

// joinsNone refuses a join with a query of WITH or FROM: tables alone are joined.
func (t text) joinsNone(j *pg.JoinExpr, known map[string]*pg.SelectStmt) (err error) {
	rewrite(j.ProtoReflect(), func(n *pg.Node) bool {
		table := n.GetRangeVar()
		_, query := known[table.GetRelname()]
		if offset, _ := locateIn(n.ProtoReflect(), 0); err == nil && (n.GetRangeSubselect() != nil || query && table.Schemaname == "") {
			err = hinted(refuse(CodeUnsupported, t.at(offset), "a query in FROM or WITH is not joined, but tables are"), joinForm)
		}
		return err != nil
	})
	return err
}

// inlineSet does it for both sides of a UNION.
func (t text) inlineSet(stmt *pg.SelectStmt, known map[string]*pg.SelectStmt, changed bool, depth int) (*pg.SelectStmt, bool, error) {
	left, a, err := t.inline(stmt.Larg, known, depth+1)
	if err != nil {
		return nil, false, err
	}
	right, b, err := t.inline(stmt.Rarg, known, depth+1)
	if err != nil || !a && !b {
		return stmt, changed, err
	}
	out := proto.Clone(stmt).(*pg.SelectStmt)
	out.Larg, out.Rarg = left, right
	return out, true, nil
}

// inlineSubqueries does it for the scalar subqueries of a question, which know the same queries.
func (t text) inlineSubqueries(stmt *pg.SelectStmt, known map[string]*pg.SelectStmt, depth int) (out *pg.SelectStmt, changed bool, err error) {
	if !found(stmt, selectedBy) { // as of most questions: nothing is copied
		return stmt, false, nil
	}
	out = proto.Clone(stmt).(*pg.SelectStmt)
	rewrite(out.ProtoReflect(), func(n *pg.Node) bool {
		if n.GetRangeSubselect() != nil || err != nil { // has been, or will be
			return true
		}
		inner := selectedBy(n)
		if inner == nil {
			return false
		}
		var put *pg.SelectStmt
		var within bool
		if put, within, err = t.inline(inner, known, depth+1); err == nil && within {
			n.GetSubLink().Subselect = &pg.Node{Node: &pg.Node_SelectStmt{SelectStmt: put}}
			changed = true
		}
		return true
	})
	if !changed {
		out = stmt
	}
	return out, changed, err
}

// queryOf is the query that an entry of FROM stands for, its own FROM resolved; nil if it names a
// table.
func (t text) queryOf(node *pg.Node, known map[string]*pg.SelectStmt, depth int) (inner *pg.SelectStmt, alias string, err error) {
	if table := node.GetRangeVar(); table != nil {
		query, found := known[table.Relname]
		if !found || table.Schemaname != "" {
			return nil, "", nil
		}
		if alias = table.Relname; table.Alias != nil {
			alias = table.Alias.Aliasname
		}
		return query, alias, nil
	}
	sub := node.GetRangeSubselect()
	if sub == nil || sub.Lateral || sub.Subquery.GetSelectStmt() == nil {
		return nil, "", nil
	}
	inner, _, err = t.inline(sub.Subquery.GetSelectStmt(), known, depth+1)
	return inner, sub.GetAlias().GetAliasname(), err
}

// put replaces the entry of FROM by the table that the inner query asks.
func (t text) put(outer, inner *pg.SelectStmt, alias string) (*pg.SelectStmt, error) {
	if err := t.onlyRows(inner); err != nil {
		return nil, err
	}
	columns, all, err := t.columnsOf(inner, alias)
	if err != nil {
		return nil, err
	}
	out := proto.Clone(outer).(*pg.SelectStmt)
	out.FromClause = []*pg.Node{proto.Clone(inner.FromClause[0]).(*pg.Node)}
	if table := out.FromClause[0].GetRangeVar(); table != nil {
		table.Alias = nil
	}
	for _, node := range out.TargetList { // a column keeps the name that it has in the inner query
		target := node.GetResTarget()
		if ref := target.GetVal().GetColumnRef(); ref != nil && target.Name == "" && len(ref.Fields) > 0 {
			target.Name = ref.Fields[len(ref.Fields)-1].GetString_().GetSval()
		}
	}
	outputs := map[string]bool{}
	for _, node := range out.TargetList {
		outputs[node.GetResTarget().GetName()] = true
	}
	var refused error
	nodes := countNodes(out.ProtoReflect())
	var replace func(n *pg.Node) bool
	replace = func(n *pg.Node) bool {
		if sort := n.GetSortBy(); sort != nil { // an output's name goes before a column's
			ref := sort.Node.GetColumnRef()
			if ref != nil && len(ref.Fields) == 1 && outputs[ref.Fields[0].GetString_().GetSval()] {
				return true
			}
			key := sort.Node.GetColumnRef() != nil
			rewrite(sort.Node.ProtoReflect(), replace)
			if key && sort.Node.GetAConst() != nil && refused == nil {
				refused = refuse(CodeUnsupported, t.at(sort.Location), "ORDER BY a literal orders nothing")
			}
			return true
		}
		ref := n.GetColumnRef()
		if ref == nil || len(ref.Fields) == 0 || len(ref.Fields) > 2 {
			if link := n.GetSubLink(); link.GetTestexpr() != nil {
				rewrite(link.Testexpr.ProtoReflect(), replace)
			}
			return n.GetSubLink() != nil // which has columns of its own
		}
		name := ref.Fields[len(ref.Fields)-1].GetString_().GetSval()
		if len(ref.Fields) == 2 && ref.Fields[0].GetString_().GetSval() != alias || name == "" {
			return false
		}
		switch e, found := columns[name]; {
		case found && nodes > MaxNodes:
			refused = refuse(CodeLimit, t.at(ref.Location), "the query has more than %d operands and operators", MaxNodes)
		case found:
			nodes += countNodes(e.ProtoReflect())
			n.Node = proto.Clone(e).(*pg.Node).Node
		case all:
			ref.Fields = ref.Fields[len(ref.Fields)-1:]
		case refused == nil && !outputs[name]:
			refused = refuse(CodeColumn, t.at(ref.Location), "the query %s has no column %s", quote(alias), quote(name))
		}
		return true
	}
	rewrite(out.ProtoReflect(), replace)
	for i, node := range out.GroupClause {
		if node.GetAConst() != nil && outer.GroupClause[i].GetAConst() == nil && refused == nil {
			refused = refuse(CodeUnsupported, t.at(node.GetAConst().GetLocation()), "GROUP BY a literal of the inner query groups nothing")
		}
	}
	if inner.WhereClause != nil {
		where := moved(inner, inner.WhereClause)
		if out.WhereClause != nil {
			both := &pg.BoolExpr{Boolop: pg.BoolExprType_AND_EXPR, Args: []*pg.Node{where, out.WhereClause}}
			where = &pg.Node{Node: &pg.Node_BoolExpr{BoolExpr: both}}
		}
		out.WhereClause = where
	}
	return out, refused
}

// columnsOf are what the columns of a query in FROM stand for, by their names; all reports whether
// it has those of its table too.
func (t text) columnsOf(inner *pg.SelectStmt, alias string) (columns map[string]*pg.Node, all bool, err error) {
	columns = map[string]*pg.Node{}
	for _, node := range inner.TargetList {
		target := node.GetResTarget()
		ref := target.GetVal().GetColumnRef()
		if ref != nil && ref.Fields[len(ref.Fields)-1].GetAStar() != nil {
			all = true
			continue
		}
		name := target.GetName()
		if name == "" && ref != nil {
			name = ref.Fields[len(ref.Fields)-1].GetString_().GetSval()
		}
		if _, twice := columns[name]; twice {
			return nil, false, refuse(CodeColumn, t.at(target.GetLocation()), "several columns of the query %s are called %s", quote(alias), quote(name))
		}
		if name != "" {
			columns[name] = moved(inner, target.GetVal())
		}
	}
	return columns, all, nil
}

// moved is a copy of an expression of an inner query for the outer one: the table has no name there, but those of a join keep theirs.
func moved(inner *pg.SelectStmt, node *pg.Node) *pg.Node {
	out := proto.Clone(node).(*pg.Node)
	if inner.FromClause[0].GetJoinExpr() != nil {
		return out
	}
	rewrite(out.ProtoReflect(), func(n *pg.Node) bool {
		if ref := n.GetColumnRef(); ref != nil && len(ref.Fields) == 2 {
			ref.Fields = ref.Fields[1:]
		}
		return false
	})
	return out
}

// onlyRows refuses a query in FROM that is more than a choice of rows and columns of a table.
func (t text) onlyRows(inner *pg.SelectStmt) error {
	err := t.only(inner, "target_list", "from_clause", "where_clause", "limit_option", "op")
	if err == nil && !slices.ContainsFunc(inner.TargetList, aggregated) && len(inner.FromClause) == 1 {
		return nil
	}
	offset, _ := locateIn(inner.ProtoReflect(), 0)
	return hinted(refuse(CodeUnsupported, t.at(offset), "a query in FROM or WITH chooses rows and columns: it groups, orders and adds up nothing"),
		"group and add up in the outer query; totals over its groups are window functions, as in sum(count(*)) OVER ()")
}

// rewrite calls change for every node below a message; it goes no deeper where change says so.
func rewrite(m protoreflect.Message, change func(*pg.Node) bool) {
	if n, ok := m.Interface().(*pg.Node); ok && change(n) {
		return
	}
	below(m, func(child protoreflect.Message) { rewrite(child, change) })
}

// below visits the messages in a message's fields, in the order of the fields: Range has none that
// is the same in all builds.
func below(m protoreflect.Message, visit func(protoreflect.Message)) {
	fields := m.Descriptor().Fields()
	for i := range fields.Len() {
		field := fields.Get(i)
		switch {
		case field.Kind() != protoreflect.MessageKind || !m.Has(field):
		case field.IsList():
			list := m.Get(field).List()
			for j := range list.Len() {
				visit(list.Get(j).Message())
			}
		default:
			visit(m.Get(field).Message())
		}
	}
}

// countNodes is how many nodes there are in a part of a tree.
func countNodes(m protoreflect.Message) int {
	n := 0
	walk(m, func(x protoreflect.Message) {
		if _, ok := x.Interface().(*pg.Node); ok {
			n++
		}
	})
	return n
}

// parserVersion is the version of PostgreSQL whose tree pg_query_go v6 reads and writes.
const parserVersion = 170007

// deparsed is a statement as SQL.
func deparsed(stmt *pg.SelectStmt) (string, error) {
	node := &pg.Node{Node: &pg.Node_SelectStmt{SelectStmt: stmt}}
	out, err := pg.Deparse(&pg.ParseResult{Version: parserVersion, Stmts: []*pg.RawStmt{{Stmt: node}}})
	if err != nil {
		return "", refuse(CodeUnsupported, 0, "this form cannot be written anew: %s", err)
	}
	return out, nil
}
