package engine

import (
	"slices"

	pg "github.com/pganalyze/pg_query_go/v6"
)

// maxSets bounds the grouping sets of a question: a CUBE of eight columns.
const maxSets = 256

// groupingSets expands GROUP BY to sets of entries: one without ROLLUP, CUBE and GROUPING SETS.
// Each entry of the clause multiplies the sets.
func (b *binder) groupingSets(clause []*pg.Node) ([][]*pg.Node, error) {
	sets := [][]*pg.Node{nil}
	for _, node := range clause {
		alternatives, err := b.alternatives(node)
		if err != nil {
			return nil, err
		}
		var product [][]*pg.Node
		for _, s := range sets {
			for _, a := range alternatives {
				product = append(product, append(slices.Clone(s), a...))
			}
		}
		if sets = product; len(sets) > maxSets {
			offset, _ := locateIn(node.ProtoReflect(), 0)
			return nil, refuse(CodeLimit, b.at(offset), "GROUP BY makes %d sets; at most %d are allowed", len(sets), maxSets)
		}
	}
	return sets, nil
}

// alternatives are the sets that one entry of GROUP BY stands for.
func (b *binder) alternatives(node *pg.Node) ([][]*pg.Node, error) {
	g := node.GetGroupingSet()
	if g == nil {
		return [][]*pg.Node{entriesOf(node)}, nil
	}
	switch g.Kind {
	case pg.GroupingSetKind_GROUPING_SET_EMPTY:
		return [][]*pg.Node{nil}, nil
	case pg.GroupingSetKind_GROUPING_SET_ROLLUP:
		var out [][]*pg.Node
		for n := len(g.Content); n >= 0; n-- {
			var set []*pg.Node
			for _, entry := range g.Content[:n] {
				set = append(set, entriesOf(entry)...)
			}
			out = append(out, set)
		}
		return out, nil
	case pg.GroupingSetKind_GROUPING_SET_CUBE:
		if len(g.Content) > 8 {
			return nil, refuse(CodeLimit, b.at(g.Location), "CUBE takes at most 8 columns")
		}
		var out [][]*pg.Node
		for left := range 1 << len(g.Content) {
			var set []*pg.Node
			for i, entry := range g.Content {
				if left>>(len(g.Content)-1-i)&1 == 0 {
					set = append(set, entriesOf(entry)...)
				}
			}
			out = append(out, set)
		}
		return out, nil
	case pg.GroupingSetKind_GROUPING_SET_SETS:
		var out [][]*pg.Node
		for _, entry := range g.Content {
			sets, err := b.alternatives(entry)
			if err != nil {
				return nil, err
			}
			if out = append(out, sets...); len(out) > maxSets {
				return nil, refuse(CodeLimit, b.at(g.Location), "GROUP BY makes more than %d sets", maxSets)
			}
		}
		return out, nil
	}
	return nil, b.unsupported(node)
}

// entriesOf are the entries of a list in parentheses, or the one that a node is.
func entriesOf(node *pg.Node) []*pg.Node {
	if row := node.GetRowExpr(); row != nil && row.RowFormat == pg.CoercionForm_COERCE_IMPLICIT_CAST {
		return row.Args
	}
	return []*pg.Node{node}
}

// bindGroupingFunc types grouping(x, ...): a bit for each entry, 1 where the row's set does not
// hold it.
func (b *binder) bindGroupingFunc(e *pg.GroupingFunc, in place) (*Expr, error) {
	position := b.at(e.Location)
	if !in.cells {
		return nil, refuse(CodeUnsupported, position, "grouping stands in the select list, HAVING or ORDER BY")
	}
	if len(e.Args) > 31 {
		return nil, refuse(CodeLimit, position, "grouping takes at most 31 entries")
	}
	out := &Expr{Op: OpGrouping, Kind: Integer, bits: 32}
	for _, node := range e.Args {
		arg, err := b.bind(node, in)
		if err != nil {
			return nil, err
		}
		if arg.Op != OpGroup {
			return nil, refuse(CodeUnsupported, position, "the arguments of grouping must be entries of GROUP BY")
		}
		out.Args = append(out.Args, arg)
	}
	b.aggregates = true
	return out, nil
}
