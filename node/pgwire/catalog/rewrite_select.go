package catalog

import (
	"fmt"
	"slices"
	"strings"

	pg "github.com/pganalyze/pg_query_go/v6"
)

// selected is a query that was written out: its columns are c1, c2 … in the private database, whatever they are called.
type selected struct {
	sql    string
	fields []field
}

// settle gives columns of which nothing says the type the type text.
func (s *selected) settle() {
	for i := range s.fields {
		if s.fields[i].oid == oidUnknown {
			s.fields[i].oid = oidText
		}
	}
}

// query writes a SELECT, VALUES or set operation.
func (b *binder) query(st *pg.SelectStmt, outer *scope) (selected, error) {
	if err := b.enter(); err != nil {
		return selected{}, err
	}
	defer b.leave()
	switch {
	case st.IntoClause != nil:
		return selected{}, b.unsupported(-1, "SELECT INTO")
	case len(st.LockingClause) > 0:
		return selected{}, b.unsupported(-1, "a locking clause")
	case len(st.WindowClause) > 0:
		return selected{}, b.unsupported(-1, "a WINDOW clause")
	case st.GroupDistinct:
		return selected{}, b.unsupported(-1, "GROUP BY DISTINCT")
	case st.LimitOption == pg.LimitOption_LIMIT_OPTION_WITH_TIES:
		return selected{}, b.unsupported(-1, "WITH TIES")
	}
	depth := len(b.with)
	defer func() { b.with = b.with[:depth] }()
	head, err := b.withClause(st.WithClause, outer)
	if err != nil {
		return selected{}, err
	}
	var out selected
	switch {
	case st.Op != pg.SetOperation_SETOP_NONE && st.Op != pg.SetOperation_SET_OPERATION_UNDEFINED:
		out, err = b.setOperation(st, outer)
	case len(st.ValuesLists) > 0:
		out, err = b.valuesLists(st, outer)
	default:
		out, err = b.plain(st, outer)
	}
	if err != nil {
		return selected{}, err
	}
	out.sql, err = b.write(head, out.sql)
	return out, err
}

// withClause writes WITH and brings its queries into sight.
func (b *binder) withClause(w *pg.WithClause, outer *scope) (string, error) {
	if w == nil {
		return "", nil
	}
	var parts []string
	for _, node := range w.Ctes {
		cte := node.GetCommonTableExpr()
		body := cte.GetCtequery().GetSelectStmt()
		if body == nil || cte.SearchClause != nil || cte.CycleClause != nil {
			return "", b.unsupported(w.Location, "this WITH clause")
		}
		made := &withQuery{name: cte.Ctename, alias: b.fresh("q")}
		var text string
		if w.Recursive && body.Op == pg.SetOperation_SETOP_UNION && body.WithClause == nil {
			var err error
			if text, err = b.recursive(made, cte, body, outer); err != nil {
				return "", err
			}
		} else {
			q, err := b.query(body, outer)
			if err != nil {
				return "", err
			}
			q.settle()
			if made.fields, err = b.named(q.fields, words(cte.Aliascolnames), cte.Location); err != nil {
				return "", err
			}
			b.with = append(b.with, made)
			text = q.sql
		}
		parts = append(parts, made.alias+"("+strings.Join(columnNames(len(made.fields)), ", ")+") AS ("+text+")")
	}
	word := "WITH "
	if w.Recursive {
		word = "WITH RECURSIVE "
	}
	return b.write(word, strings.Join(parts, ", "), " ")
}

// recursive writes a query that may read itself: the first arm gives its columns.
func (b *binder) recursive(made *withQuery, cte *pg.CommonTableExpr, body *pg.SelectStmt, outer *scope) (string, error) {
	if len(body.SortClause) > 0 || body.LimitCount != nil || body.LimitOffset != nil {
		return "", b.unsupported(cte.Location, "ORDER BY or LIMIT in a recursive query")
	}
	first, err := b.query(body.Larg, outer)
	if err != nil {
		return "", err
	}
	first.settle()
	if made.fields, err = b.named(first.fields, words(cte.Aliascolnames), cte.Location); err != nil {
		return "", err
	}
	b.with = append(b.with, made)
	again, err := b.query(body.Rarg, outer)
	if err != nil {
		return "", err
	}
	if len(again.fields) != len(first.fields) {
		return "", b.fail("42601", cte.Location, "each UNION query must have the same number of columns")
	}
	word := " UNION "
	if body.All {
		word = " UNION ALL "
	}
	return b.write("(", b.arm(first, first.fields), ")", word, "(", b.arm(again, first.fields), ")")
}

// named renames columns by an alias' list.
func (b *binder) named(fields []field, names []string, location int32) ([]field, error) {
	if len(names) > len(fields) {
		return nil, b.fail("42P10", location, "there are %d columns available but %d columns specified", len(fields), len(names))
	}
	out := slices.Clone(fields)
	for i, name := range names {
		out[i].name = name
	}
	return out, nil
}

func columnNames(n int) []string {
	out := make([]string, n)
	for i := range out {
		out[i] = fmt.Sprintf("c%d", i+1)
	}
	return out
}

// arm writes an arm of a set operation so that its columns have the types wanted.
func (b *binder) arm(q selected, want []field) string {
	var parts []string
	same := true
	for i, f := range q.fields {
		name := fmt.Sprintf("c%d", i+1)
		if stored(f.oid) != stored(want[i].oid) {
			same = false
			name = fmt.Sprintf("CAST(%s AS %s) AS %s", name, stored(want[i].oid), name)
		}
		parts = append(parts, name)
	}
	if same {
		return q.sql
	}
	return "SELECT " + strings.Join(parts, ", ") + " FROM (" + q.sql + ") AS " + b.fresh("r")
}

func (b *binder) setOperation(st *pg.SelectStmt, outer *scope) (selected, error) {
	left, err := b.query(st.Larg, outer)
	if err != nil {
		return selected{}, err
	}
	right, err := b.query(st.Rarg, outer)
	if err != nil {
		return selected{}, err
	}
	word := map[pg.SetOperation]string{pg.SetOperation_SETOP_UNION: "UNION", pg.SetOperation_SETOP_INTERSECT: "INTERSECT", pg.SetOperation_SETOP_EXCEPT: "EXCEPT"}[st.Op]
	if word == "" {
		return selected{}, b.unsupported(-1, "this set operation")
	}
	if len(left.fields) != len(right.fields) {
		return selected{}, b.fail("42601", -1, "each %s query must have the same number of columns", word)
	}
	fields := slices.Clone(left.fields)
	for i := range fields {
		oid, ok := merged(left.fields[i].oid, right.fields[i].oid)
		if !ok {
			return selected{}, b.fail("42804", -1, "%s types %s and %s cannot be matched", word, typeText(left.fields[i].oid), typeText(right.fields[i].oid))
		}
		if left.fields[i].mod != right.fields[i].mod || oid != left.fields[i].oid {
			fields[i].mod = -1
		}
		fields[i].oid = oid
	}
	if st.All {
		word += " ALL"
	}
	out := selected{fields: fields}
	tail, err := b.tail(st, &scope{outer: outer}, out, nil)
	if err != nil {
		return selected{}, err
	}
	out.sql, err = b.write("(", b.arm(left, fields), ") ", word, " (", b.arm(right, fields), ")", tail)
	return out, err
}

func (b *binder) valuesLists(st *pg.SelectStmt, outer *scope) (selected, error) {
	var rows [][]expr
	var fields []field
	for i, list := range st.ValuesLists {
		items := list.GetList().GetItems()
		if i > 0 && len(items) != len(fields) {
			return selected{}, b.fail("42601", -1, "VALUES lists must all be the same length")
		}
		var row []expr
		for k, item := range items {
			e, err := b.expr(item, &scope{outer: outer})
			if err != nil {
				return selected{}, err
			}
			if i == 0 {
				fields = append(fields, field{name: fmt.Sprintf("column%d", k+1), oid: e.oid, mod: -1})
			} else {
				oid, ok := merged(fields[k].oid, e.oid)
				if !ok {
					return selected{}, b.fail("42804", location(item), "VALUES types %s and %s cannot be matched", typeText(fields[k].oid), typeText(e.oid))
				}
				fields[k].oid = oid
			}
			row = append(row, e)
		}
		rows = append(rows, row)
	}
	if len(fields) == 0 {
		return selected{}, b.unsupported(-1, "VALUES without columns")
	}
	out := selected{fields: fields}
	out.settle()
	var lines []string
	for _, row := range rows {
		var cells []string
		for k, e := range row {
			e, err := b.coerce(e, out.fields[k].oid, -1)
			if err != nil {
				return selected{}, err
			}
			cells = append(cells, e.sql)
		}
		lines = append(lines, "("+strings.Join(cells, ", ")+")")
	}
	tail, err := b.tail(st, &scope{outer: outer}, out, nil)
	if err != nil {
		return selected{}, err
	}
	out.sql, err = b.write("SELECT * FROM (VALUES ", strings.Join(lines, ", "), ") AS ", b.fresh("r"), "(", strings.Join(columnNames(len(fields)), ", "), ")", tail)
	return out, err
}

// plain writes a SELECT with its own targets.
func (b *binder) plain(st *pg.SelectStmt, outer *scope) (selected, error) {
	s := &scope{outer: outer}
	var from []string
	for _, node := range st.FromClause {
		text, sources, err := b.from(node, s)
		if err != nil {
			return selected{}, err
		}
		if err := b.add(s, sources, node); err != nil {
			return selected{}, err
		}
		from = append(from, text)
	}
	var out selected
	var exprs []expr
	for _, node := range st.TargetList {
		fields, more, err := b.target(node.GetResTarget(), s)
		if err != nil {
			return selected{}, err
		}
		out.fields, exprs = append(out.fields, fields...), append(exprs, more...)
		if len(exprs) > maxColumns {
			return selected{}, b.fail("54011", -1, "target lists can have at most %d entries in statements about the catalogue", maxColumns)
		}
	}
	var text strings.Builder
	text.WriteString("SELECT ")
	if err := b.distinct(&text, st, s, out, exprs); err != nil {
		return selected{}, err
	}
	for i, e := range exprs {
		if i > 0 {
			text.WriteString(", ")
		}
		fmt.Fprintf(&text, "%s AS c%d", e.sql, i+1)
	}
	if len(exprs) == 0 {
		text.WriteString("1")
	}
	if len(from) > 0 {
		text.WriteString(" FROM " + strings.Join(from, ", "))
	}
	if st.WhereClause != nil {
		where, err := b.condition(st.WhereClause, s, "WHERE")
		if err != nil {
			return selected{}, err
		}
		text.WriteString(" WHERE " + where)
	}
	group, err := b.groups(st.GroupClause, s, out, exprs)
	if err != nil {
		return selected{}, err
	}
	text.WriteString(group)
	if st.HavingClause != nil {
		having, err := b.condition(st.HavingClause, s, "HAVING")
		if err != nil {
			return selected{}, err
		}
		text.WriteString(" HAVING " + having)
	}
	tail, err := b.tail(st, s, out, exprs)
	if err != nil {
		return selected{}, err
	}
	out.sql, err = b.write(text.String(), tail)
	return out, err
}

func (b *binder) condition(node *pg.Node, s *scope, what string) (string, error) {
	e, err := b.expr(node, s)
	if err != nil {
		return "", err
	}
	if e.oid != oidBool && e.oid != oidUnknown {
		return "", b.fail("42804", location(node), "argument of %s must be type boolean, not type %s", what, typeText(e.oid))
	}
	e, err = b.coerce(e, oidBool, location(node))
	return e.sql, err
}

// target writes an entry of the select list; a star gives several.
func (b *binder) target(t *pg.ResTarget, s *scope) ([]field, []expr, error) {
	if ref := t.GetVal().GetColumnRef(); ref != nil && len(ref.Fields) > 0 && ref.Fields[len(ref.Fields)-1].GetAStar() != nil {
		return b.star(ref, s)
	}
	if len(t.GetIndirection()) > 0 {
		return nil, nil, b.unsupported(t.Location, "an indirection of a column's name")
	}
	e, err := b.expr(t.GetVal(), s)
	if err != nil {
		return nil, nil, err
	}
	if e.parameter > 0 {
		if e, err = b.coerce(e, oidText, t.Location); err != nil {
			return nil, nil, err
		}
	}
	name := t.Name
	if name == "" {
		name, _ = figure(t.Val)
		if name == "" {
			name = "?column?"
		}
	}
	return []field{{name: name, oid: e.oid, mod: e.mod, element: e.element}}, []expr{e}, nil
}

func (b *binder) star(ref *pg.ColumnRef, s *scope) ([]field, []expr, error) {
	table := ""
	if names := words(ref.Fields); len(names) > 0 {
		table = names[len(names)-1]
	}
	var fields []field
	var exprs []expr
	found := false
	for at := s; at != nil && !found; at = at.outer {
		for _, from := range at.sources {
			if table != "" && from.name != table {
				continue
			}
			found = true
			for _, f := range from.fields {
				if table == "" && from.merged[f.name] {
					continue
				}
				fields = append(fields, field{name: f.name, oid: f.oid, mod: f.mod, element: f.element})
				exprs = append(exprs, expr{sql: f.sql, oid: f.oid, mod: f.mod, element: f.element})
			}
		}
		if table == "" {
			break
		}
	}
	switch {
	case !found && table != "":
		return nil, nil, b.fail("42P01", ref.Location, "missing FROM-clause entry for table \"%s\"", table)
	case !found:
		return nil, nil, b.fail("42601", ref.Location, "SELECT * with no tables specified is not valid")
	}
	return fields, exprs, nil
}

func (b *binder) distinct(text *strings.Builder, st *pg.SelectStmt, s *scope, out selected, exprs []expr) error {
	if len(st.DistinctClause) == 0 {
		return nil
	}
	var on []string
	for _, node := range st.DistinctClause {
		if node.GetNode() == nil {
			continue
		}
		key, err := b.key(node, s, out, exprs, true)
		if err != nil {
			return err
		}
		on = append(on, key)
	}
	text.WriteString("DISTINCT ")
	if len(on) > 0 {
		text.WriteString("ON (" + strings.Join(on, ", ") + ") ")
	}
	return nil
}

func (b *binder) groups(nodes []*pg.Node, s *scope, out selected, exprs []expr) (string, error) {
	var keys []string
	for _, node := range nodes {
		if node.GetGroupingSet() != nil {
			return "", b.unsupported(-1, "a grouping set")
		}
		key, err := b.key(node, s, out, exprs, false)
		if err != nil {
			return "", err
		}
		keys = append(keys, key)
	}
	if len(keys) == 0 {
		return "", nil
	}
	return " GROUP BY " + strings.Join(keys, ", "), nil
}

// key writes an entry of ORDER BY, GROUP BY or DISTINCT ON: a number and, where names of the result come
// first, its names mean its columns. The entry is written as the column's expression, or as its
// number where there is none, as in set operations.
func (b *binder) key(node *pg.Node, s *scope, out selected, exprs []expr, resultFirst bool) (string, error) {
	at := func(i int) string {
		if exprs != nil && !resultFirst {
			return exprs[i].sql
		}
		return fmt.Sprint(i + 1)
	}
	if c := node.GetAConst(); c != nil {
		if c.GetIval() == nil || c.Isnull {
			return "", b.fail("42601", c.Location, "non-integer constant in ORDER BY, GROUP BY or DISTINCT ON")
		}
		n := int(c.GetIval().Ival)
		if n < 1 || n > len(out.fields) {
			return "", b.fail("42P10", c.Location, "position %d is not in select list", n)
		}
		return at(n - 1), nil
	}
	if ref := node.GetColumnRef(); ref != nil && len(ref.Fields) == 1 {
		if names := words(ref.Fields); len(names) == 1 {
			matches := -1
			for i, f := range out.fields {
				if f.name != names[0] {
					continue
				}
				if matches >= 0 && (exprs == nil || exprs[i].sql != exprs[matches].sql) {
					if resultFirst {
						return "", b.fail("42702", ref.Location, "ORDER BY \"%s\" is ambiguous", names[0])
					}
					continue
				}
				if matches < 0 {
					matches = i
				}
			}
			if matches >= 0 {
				if resultFirst {
					return at(matches), nil
				}
				if e, err := b.column(s, ref); err == nil {
					return e.sql, nil
				}
				return at(matches), nil
			}
		}
	}
	if exprs == nil && resultFirst && len(s.sources) == 0 {
		return "", b.fail("0A000", location(node), "an ORDER BY of a set operation takes names and numbers of its columns only")
	}
	e, err := b.expr(node, s)
	if err != nil {
		return "", err
	}
	if e, err = b.coerce(e, e.oid, location(node)); err != nil {
		return "", err
	}
	if resultFirst {
		for i := range exprs {
			if exprs[i].sql == e.sql {
				return at(i), nil
			}
		}
	}
	return e.sql, nil
}

// tail writes ORDER BY, LIMIT and OFFSET.
func (b *binder) tail(st *pg.SelectStmt, s *scope, out selected, exprs []expr) (string, error) {
	var text strings.Builder
	order, err := b.order(st.SortClause, func(node *pg.Node) (string, error) { return b.key(node, s, out, exprs, true) })
	if err != nil {
		return "", err
	}
	text.WriteString(order)
	for _, bound := range []struct {
		word string
		node *pg.Node
	}{{" LIMIT ", st.LimitCount}, {" OFFSET ", st.LimitOffset}} {
		if bound.node == nil || bound.node.GetAConst().GetIsnull() {
			continue
		}
		e, err := b.expr(bound.node, &scope{})
		if err != nil {
			return "", err
		}
		if e.parameter == 0 && e.literal == nil && bound.node.GetAConst() == nil {
			return "", b.unsupported(location(bound.node), "a computed LIMIT or OFFSET")
		}
		if e, err = b.coerce(e, oidInt8, location(bound.node)); err != nil {
			return "", err
		}
		text.WriteString(bound.word + e.sql)
	}
	return text.String(), nil
}

func (b *binder) order(nodes []*pg.Node, key func(*pg.Node) (string, error)) (string, error) {
	var keys []string
	for _, node := range nodes {
		by := node.GetSortBy()
		if len(by.GetUseOp()) > 0 {
			return "", b.unsupported(by.Location, "ORDER BY USING")
		}
		text, err := key(by.GetNode())
		if err != nil {
			return "", err
		}
		switch down := by.SortbyDir == pg.SortByDir_SORTBY_DESC; {
		case down && by.SortbyNulls == pg.SortByNulls_SORTBY_NULLS_LAST:
			text += " DESC NULLS LAST"
		case down:
			text += " DESC NULLS FIRST"
		case by.SortbyNulls == pg.SortByNulls_SORTBY_NULLS_FIRST:
			text += " ASC NULLS FIRST"
		default:
			text += " ASC NULLS LAST"
		}
		keys = append(keys, text)
	}
	if len(keys) == 0 {
		return "", nil
	}
	return " ORDER BY " + strings.Join(keys, ", "), nil
}
