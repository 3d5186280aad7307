package engine

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	pg "github.com/pganalyze/pg_query_go/v6"
)

// ordinal reads an integer literal, the position of an output.
func ordinal(node *pg.Node) (value int, ok bool) {
	c := node.GetAConst()
	if c == nil || c.Isnull {
		return 0, false
	}
	if c.Val == nil {
		return 0, true
	}
	i, ok := c.Val.(*pg.A_Const_Ival)
	if !ok {
		return 0, false
	}
	return int(i.Ival.GetIval()), true
}

// target returns the select list's entry with the number, counted from one.
func (b *binder) target(targets []*pg.Node, number int, clause string, position int) (*pg.Node, error) {
	if number < 1 || number > len(targets) {
		return nil, refuse(CodeColumn, position, "%s %d: the select list has %s", clause, number, Plural(len(targets), "column"))
	}
	return targets[number-1].GetResTarget().GetVal(), nil
}

// ungrouped says what to do with a column that cannot be grouped by.
func (p *Plan) ungrouped(c Column) string {
	if c.Kind.numeric() {
		return fmt.Sprintf("only declared columns of at most %d different values have one; histogram(%s, lo, hi, bins) counts by ranges",
			MaxDictionary, p.identifier(c))
	}
	few := fmt.Sprintf("only declared columns of at most %d different values have one", MaxDictionary)
	switch {
	case c.Kind == Time:
		return few + fmt.Sprintf("; EXTRACT(hour FROM %s) is one", p.identifier(c))
	case c.Kind.clocked():
		return few + fmt.Sprintf("; date_trunc('month', %s) can be grouped by", p.identifier(c))
	}
	return few
}

// bindOutputs binds the select list.
func (b *binder) bindOutputs(targets []*pg.Node) error {
	if len(targets) == 0 || len(targets) > MaxOutputs {
		return refuse(CodeLimit, 0, "the select list has %d columns; 1 to %d are allowed", len(targets), MaxOutputs)
	}
	for i, node := range targets {
		target := node.GetResTarget()
		if target == nil {
			return b.unsupported(node)
		}
		if err := b.only(target, "name", "val", "location"); err != nil {
			return err
		}
		if call := target.Val.GetFuncCall(); call != nil && functions[functionName(call)].report != nil {
			if target.Name != "" {
				return refuse(CodeUnsupported, b.at(target.Location),
					"%s returns rows with columns of their own names: it takes no alias", functionName(call))
			}
			if err := b.bindReport(call, i); err != nil {
				return err
			}
			continue
		}
		e, err := b.bind(target.Val, place{name: "the select list", cells: true, windows: true})
		if err != nil {
			return err
		}
		if e.Op == OpConstant {
			if e, err = b.coerce(e, Text, b.at(target.Location)); err != nil {
				return err
			}
		}
		name := target.Name
		if name == "" {
			name = b.defaultName(target.Val)
		}
		b.plan.Outputs = append(b.plan.Outputs, Output{Name: name, Expr: e})
	}
	return b.reportAlone()
}

// reportAlone refuses outputs other than group columns beside a call that returns rows.
func (b *binder) reportAlone() error {
	r := b.plan.Report
	if r == nil {
		return nil
	}
	if len(b.plan.Sets) > 0 || b.plan.Distinct {
		return refuse(CodeUnsupported, 0, "%s returns rows: it takes no ROLLUP, CUBE, GROUPING SETS or DISTINCT", r.Function)
	}
	for _, o := range b.plan.Outputs {
		if o.Expr.Op != OpGroup {
			return hinted(refuse(CodeUnsupported, 0, "%s returns rows: %s cannot stand beside it", r.Function, quote(o.Name)),
				"it stands alone in the select list, beside the columns of GROUP BY")
		}
	}
	return nil
}

// unnamed is what PostgreSQL calls an output for which it has no name.
const unnamed = "?column?"

// defaultName is the name that PostgreSQL gives to an output without alias, but
// that a column keeps the case of its own name.
func (b *binder) defaultName(node *pg.Node) string {
	name, _ := b.nameOf(node)
	return name
}

// nameOf gives an expression's name, and whether it is a name of its own: that of a type or of a
// form gives way to one inside.
func (b *binder) nameOf(node *pg.Node) (name string, own bool) {
	switch n := node.GetNode().(type) {
	case *pg.Node_ColumnRef:
		if column, err := b.column(n.ColumnRef); err == nil {
			return b.names[column], true
		}
	case *pg.Node_FuncCall:
		return strings.TrimPrefix(functionName(n.FuncCall), parserSchema), true
	case *pg.Node_GroupingFunc:
		return "grouping", true
	case *pg.Node_CoalesceExpr:
		return "coalesce", true
	case *pg.Node_MinMaxExpr:
		if n.MinMaxExpr.Op == pg.MinMaxOp_IS_LEAST {
			return "least", true
		}
		return "greatest", true
	case *pg.Node_AExpr:
		if n.AExpr.Kind == pg.A_Expr_Kind_AEXPR_NULLIF {
			return "nullif", true
		}
	case *pg.Node_CaseExpr:
		if name, own := b.nameOf(n.CaseExpr.Defresult); own {
			return name, true
		}
		return "case", false
	case *pg.Node_TypeCast:
		if name, own := b.nameOf(n.TypeCast.Arg); own {
			return name, true
		}
		names := n.TypeCast.TypeName.Names
		return names[len(names)-1].GetString_().GetSval(), false
	case *pg.Node_AConst:
		if _, ok := n.AConst.Val.(*pg.A_Const_Boolval); ok {
			return "bool", false
		}
	}
	return unnamed, false
}

// sortBy reads a key of ORDER BY. NULLs come last in ascending order and first in descending,
// unless it says otherwise.
func (b *binder) sortBy(node *pg.Node) (sort *pg.SortBy, descending, nullsFirst bool, err error) {
	if sort = node.GetSortBy(); sort == nil {
		return nil, false, false, b.unsupported(node)
	}
	descending = sort.SortbyDir == pg.SortByDir_SORTBY_DESC
	nullsFirst = sort.SortbyNulls == pg.SortByNulls_SORTBY_NULLS_FIRST ||
		sort.SortbyNulls == pg.SortByNulls_SORTBY_NULLS_DEFAULT && descending
	return sort, descending, nullsFirst, b.only(sort, "node", "sortby_dir", "sortby_nulls", "location")
}

// bindOrder binds ORDER BY: an output by its number or its name, else an
// expression.
func (b *binder) bindOrder(stmt *pg.SelectStmt) error {
	for _, node := range stmt.SortClause {
		sort, descending, nullsFirst, err := b.sortBy(node)
		if err != nil {
			return err
		}
		e, err := b.orderKey(sort.Node, stmt.TargetList)
		if err != nil {
			return err
		}
		if shown := func(o Output) bool { return o.Expr.equal(e) }; b.plan.Distinct && !slices.ContainsFunc(b.plan.Outputs, shown) {
			return refuse(CodeUnsupported, b.at(sort.Location), "for SELECT DISTINCT, ORDER BY expressions must appear in select list")
		}
		b.plan.Order = append(b.plan.Order, Order{Expr: e, Descending: descending, NullsFirst: nullsFirst})
	}
	return nil
}

func (b *binder) orderKey(node *pg.Node, targets []*pg.Node) (*Expr, error) {
	offset, _ := locateIn(node.ProtoReflect(), 0)
	position := b.at(offset)
	if number, ok := ordinal(node); ok {
		if _, err := b.target(targets, number, "ORDER BY", position); err != nil {
			return nil, err
		}
		if r := b.plan.Report; r != nil {
			if number-1 == r.Place {
				return nil, refuse(CodeUnsupported, position, "the rows of %s come in their own order", r.Function)
			}
			if number-1 > r.Place {
				number--
			}
		}
		return b.plan.Outputs[number-1].Expr, nil
	}
	if node.GetAConst() != nil {
		return nil, refuse(CodeUnsupported, position, "ORDER BY takes a column, an aggregate or the number of an output")
	}
	if ref := node.GetColumnRef(); ref != nil && len(ref.Fields) == 1 {
		found, err := b.outputByName(ref.Fields[0].GetString_().GetSval(), position)
		if found != nil || err != nil {
			return found, err
		}
	}
	return b.bind(node, place{name: "ORDER BY", cells: true, windows: true})
}

// outputByName finds an output; nil if there is none. Two different ones of one
// name are refused.
func (b *binder) outputByName(name string, position int) (found *Expr, err error) {
	for _, o := range b.plan.Outputs {
		if o.Name != name {
			continue
		}
		if found != nil && !found.equal(o.Expr) {
			return nil, refuse(CodeColumn, position, "ORDER BY %s: several outputs have this name", quote(name))
		}
		found = o.Expr
	}
	return found, nil
}

// bindLimit binds LIMIT and OFFSET, which are literals.
func (b *binder) bindLimit(stmt *pg.SelectStmt) error {
	if stmt.LimitOption == pg.LimitOption_LIMIT_OPTION_WITH_TIES {
		return refuse(CodeUnsupported, 0, "FETCH FIRST WITH TIES is not supported: write LIMIT")
	}
	limit, err := b.rowCount(stmt.LimitCount, "LIMIT")
	if err != nil {
		return err
	}
	if b.plan.Report != nil && (stmt.LimitCount != nil || stmt.LimitOffset != nil) {
		return refuse(CodeUnsupported, 0, "LIMIT and OFFSET do not cut the rows of %s", b.plan.Report.Function)
	}
	b.plan.Limit = limit
	offset, err := b.rowCount(stmt.LimitOffset, "OFFSET")
	if offset != nil {
		b.plan.Offset = *offset
	}
	return err
}

// rowCount reads a number of rows; nil for none and for NULL, which is LIMIT ALL.
func (b *binder) rowCount(node *pg.Node, clause string) (*int64, error) {
	if node == nil || node.GetAConst().GetIsnull() {
		return nil, nil
	}
	value, ok := ordinal(node)
	count := int64(value)
	if f := node.GetAConst().GetFval(); !ok && f != nil {
		parsed, err := strconv.ParseInt(f.GetFval(), 10, 64)
		count, ok = parsed, err == nil
	}
	if !ok || count < 0 {
		offset, _ := locateIn(node.ProtoReflect(), 0)
		return nil, refuse(CodeUnsupported, b.at(offset), "%s takes a whole number that is not negative", clause)
	}
	return &count, nil
}
