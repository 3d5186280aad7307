package engine

import (
	"fmt"
	"math/big"
	"slices"
	"strings"

	pg "github.com/pganalyze/pg_query_go/v6"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// bindGroups binds GROUP BY: columns and expressions over a row, by themselves, by an alias or
// by their place in the select list.
func (b *binder) bindGroups(stmt *pg.SelectStmt) error {
	sets, err := b.groupingSets(stmt.GroupClause)
	if err != nil {
		return err
	}
	var indices [][]int
	for _, set := range sets {
		held := []int{}
		for _, node := range set {
			offset, _ := locateIn(node.ProtoReflect(), 0)
			group, err := b.bindGroup(node, stmt.TargetList, b.at(offset))
			if err != nil {
				return err
			}
			if !slices.Contains(held, group) {
				held = append(held, group)
			}
		}
		slices.Sort(held)
		indices = append(indices, held)
	}
	if len(sets) > 1 || len(stmt.GroupClause) > 0 && len(indices[0]) == 0 {
		b.plan.Sets = indices
	}
	rows := 0
	for _, set := range b.plan.Sets {
		n := 1
		for _, g := range set {
			n *= len(b.plan.Groups[g].Values)
		}
		if rows += n; rows > MaxGroups {
			return refuse(CodeLimit, b.keyword([]pg.Token{pg.Token_GROUP_P}), "the sets of GROUP BY make more than %d groups together", MaxGroups)
		}
	}
	return nil
}

// bindGroup binds one entry and gives its index among the groups.
func (b *binder) bindGroup(node *pg.Node, targets []*pg.Node, position int) (int, error) {
	node, err := b.groupNode(node, targets, position)
	if err != nil {
		return 0, err
	}
	e, err := b.bind(node, place{name: "GROUP BY"})
	if err != nil {
		return 0, err
	}
	return b.addGroup(e, node, position)
}

// bindDistinctRows binds SELECT DISTINCT. Without GROUP BY and aggregates it is a GROUP BY of the
// select list.
func (b *binder) bindDistinctRows(stmt *pg.SelectStmt) error {
	if len(stmt.DistinctClause) == 0 {
		return nil
	}
	if stmt.DistinctClause[0].GetNode() != nil {
		return hinted(refuse(CodeUnsupported, b.keyword([]pg.Token{pg.Token_DISTINCT}), "DISTINCT ON is not supported"), "rows are never shown: use GROUP BY")
	}
	b.plan.Distinct = true
	if len(stmt.GroupClause) > 0 || stmt.HavingClause != nil || slices.ContainsFunc(stmt.TargetList, aggregated) {
		return nil
	}
	for i := range stmt.TargetList {
		number := &pg.A_Const{Val: &pg.A_Const_Ival{Ival: &pg.Integer{Ival: int32(i + 1)}}, Location: -1}
		stmt.GroupClause = append(stmt.GroupClause, &pg.Node{Node: &pg.Node_AConst{AConst: number}})
	}
	return nil
}

// aggregated reports whether a call of an aggregate or of a function that returns rows stands in a
// part of a text.
func aggregated(node *pg.Node) bool {
	found := false
	walk(node.ProtoReflect(), func(m protoreflect.Message) {
		if call, ok := m.Interface().(*pg.FuncCall); ok {
			_, callable := functions[functionName(call)]
			found = found || callable || call.Over != nil
		}
	})
	return found
}

// walk visits a node and all below it. The depth of the tree is that of the parser's, which the
// number of tokens bounds.
func walk(m protoreflect.Message, visit func(protoreflect.Message)) {
	visit(m)
	below(m, func(child protoreflect.Message) { walk(child, visit) })
}

// groupNode resolves one entry as PostgreSQL does: a column's name goes before an
// alias.
func (b *binder) groupNode(node *pg.Node, targets []*pg.Node, position int) (*pg.Node, error) {
	if number, ok := ordinal(node); ok {
		return b.target(targets, number, "GROUP BY", position)
	}
	if node.GetAConst() != nil {
		return nil, refuse(CodeUnsupported, position, "GROUP BY takes a column, an expression or the number of an output")
	}
	if ref := node.GetColumnRef(); ref != nil && len(ref.Fields) == 1 {
		name := ref.Fields[0].GetString_().GetSval()
		if lookup(name, b.namesIn(b.in)) == -1 {
			for _, t := range targets {
				if t.GetResTarget().GetName() == name && name != "" {
					return t.GetResTarget().GetVal(), nil
				}
			}
		}
	}
	return node, nil
}

// addGroup makes the values of an expression groups; one that is named twice counts once. It gives
// the index among the groups.
func (b *binder) addGroup(e *Expr, node *pg.Node, position int) (int, error) {
	if e.Kind == Null {
		e.Kind = Text
	}
	at := slices.IndexFunc(b.plan.Groups, func(g GroupColumn) bool { return g.Expr.equal(e) })
	if at >= 0 {
		return at, nil
	}
	if len(b.plan.Groups) == MaxGroupColumns {
		return 0, refuse(CodeLimit, position, "GROUP BY takes at most %d columns", MaxGroupColumns)
	}
	values, err := b.groupValues(e, position)
	if err != nil {
		return 0, err
	}
	b.plan.Groups = append(b.plan.Groups, GroupColumn{Expr: e, Values: values})
	if told := b.toldApart(); told > MaxDictionary && b.bare(e) >= 0 {
		return 0, b.tooFine(e, told, position)
	}
	b.groupNodes = append(b.groupNodes, node)
	if groups := b.plan.groupCount(); groups > MaxGroups {
		return 0, refuse(CodeLimit, position, "the columns of GROUP BY make %d groups; at most %d are allowed", groups, MaxGroups)
	}
	return len(b.plan.Groups) - 1, nil
}

// groupValues lists what an expression can be.
func (b *binder) groupValues(e *Expr, position int) ([]Datum, error) {
	if e.Op == OpColumn {
		if c := b.plan.Schema.Columns[e.Column]; !c.HasDictionary {
			return nil, hinted(refuse(CodeType, position, "column %s has no dictionary, so it cannot be grouped by", quote(c.Name)),
				"%s", joined(b.plan.ungrouped(c), b.dictionaryWanted(e.Column)))
		}
	}
	values, ok := b.listed(e)
	if !ok {
		return nil, b.unlisted(e, position)
	}
	return values, nil
}

// toldApart is how many groups are made by the keys that read a column without a dictionary: so many
// of its values the question tells apart.
func (b *binder) toldApart() int {
	n := 1
	for _, g := range b.plan.Groups {
		if b.bare(g.Expr) >= 0 {
			n = min(n*len(g.Values), MaxGroups+1)
		}
	}
	return n
}

// tooFine refuses to tell so many values of a column without a dictionary apart.
func (b *binder) tooFine(e *Expr, told, position int) error {
	return hinted(refuse(CodeLimit, position, "the question would tell up to %d values of column %s apart; at most %d are allowed",
		told, quote(b.plan.Schema.Columns[b.bare(e)].Name), MaxDictionary), "group by wider ranges")
}

// bare is a column without a dictionary that an expression reads; −1 if there is none.
func (b *binder) bare(e *Expr) int {
	bare := -1
	columnsOf(e, func(c int) {
		if !b.plan.Schema.Columns[c].HasDictionary {
			bare = c
		}
	})
	return bare
}

// unlisted refuses an expression whose values cannot be told before the question is asked.
func (b *binder) unlisted(e *Expr, position int) error {
	refused := refuse(CodeType, position, "the values of this expression cannot be listed before it is asked, so it cannot be grouped by")
	if bare := b.bare(e); bare >= 0 {
		c := b.plan.Schema.Columns[bare]
		if c.Kind == Text {
			return hinted(refused, "column %s has no dictionary: %s; a CASE with values of its own can be grouped by", quote(c.Name),
				joined(b.plan.ungrouped(c), b.dictionaryWanted(bare)))
		}
		wider := "width_bucket(%s, lo, hi, bins)"
		switch {
		case c.Kind == Time:
			wider = "EXTRACT(hour FROM %s)"
		case c.Kind.clocked():
			wider = "date_trunc('day', %s)"
		}
		ranges := fmt.Sprintf("at most %d values can be told apart: group by wider ranges, as in "+wider, MaxDictionary, b.plan.identifier(c))
		return hinted(refused, "%s", joined(ranges, b.boundsWanted(bare)))
	}
	return hinted(refused, "group by fewer columns, or by wider ranges")
}

// maxListed is how many values of a part of an expression are gone through to list those of the
// whole: 179 years of days.
const maxListed = 1 << 16

// maxListedBytes is how much text a question's lists may hold, all together.
const maxListedBytes = MaxDictionary * MaxDictionaryText

// maxEvaluated is how many values a question's lists may be computed of, all together.
const maxEvaluated = 1 << 18

// listed gives what an expression over rows can be, given the contributors' columns, ascending,
// NULL last; false when that cannot be told, or is too much. It may list values that no row has.
// README section 15.
func (b *binder) listed(e *Expr) ([]Datum, bool) {
	switch {
	case e.Op == OpConstant:
		return []Datum{e.Value}, true
	case e.Op == OpColumn && b.plan.Schema.Columns[e.Column].HasDictionary:
		return withNull(b.values(e.Column), e.Nullable || len(b.values(e.Column)) == 0), true
	case e.Op == OpColumn:
		return e.counted(maxListed)
	case e.results() != nil:
		if values, ok := b.listedResults(e); ok {
			return values, true
		}
	default:
		if values, ok := b.listedByArguments(e); ok {
			return values, true
		}
	}
	if e.Kind == Boolean {
		return withNull([]Datum{NewBoolean(false), NewBoolean(true)}, e.Nullable), true
	}
	if e.Kind.temporal() && (e.Op == OpRetype || e.Op == OpTruncate) { // its days, hours, ... are listed as a date's days
		return e.counted(maxListed)
	}
	return e.counted(MaxDictionary)
}

// listedResults unites the values of a CASE or COALESCE.
func (b *binder) listedResults(e *Expr) ([]Datum, bool) {
	var out []Datum
	for _, r := range e.results() {
		values, ok := b.listed(r)
		if !ok {
			return nil, false
		}
		out = append(out, values...)
	}
	return ascending(out, e.Nullable), len(out) <= maxListed
}

// listedByArguments computes the operation of all the values that its arguments can have together.
func (b *binder) listedByArguments(e *Expr) ([]Datum, bool) {
	args := make([][]Datum, len(e.Args))
	combinations := 1
	for i, a := range e.Args {
		var ok bool
		if args[i], ok = b.listed(a); !ok {
			return nil, false
		}
		if combinations *= max(1, len(args[i])); combinations > maxListed {
			return nil, false
		}
	}
	if b.evaluated += combinations; b.evaluated > maxEvaluated {
		return nil, false
	}
	one := *e
	one.Args = make([]*Expr, len(e.Args))
	out := make([]Datum, 0, combinations)
	for n := range combinations {
		for i, a := range e.Args {
			v := args[i][n%len(args[i])]
			one.Args[i] = &Expr{Op: OpConstant, Value: v, Kind: a.Kind, Scale: a.Scale}
			n /= len(args[i])
		}
		v, err := one.Eval(nil)
		b.listedBytes += len(v.Text)
		if err != nil || len(v.Text) > MaxDictionaryText || b.listedBytes > maxListedBytes {
			return nil, false
		}
		out = append(out, v)
	}
	return ascending(out, e.Nullable), true
}

// counted lists all numbers within an expression's bounds, at most so many: of a truncated timestamp
// each hour, minute, ...
func (e *Expr) counted(most int64) ([]Datum, bool) {
	if e.Min == nil {
		return []Datum{{}}, e.Kind == Null
	}
	unit := big.NewInt(1)
	if e.Op == OpTruncate && e.Args[0].Kind.clocked() {
		unit = big.NewInt(clocks[e.Args[1].Value.Text].Unit)
	}
	n := new(big.Int).Sub(e.Max, e.Min)
	if n.Quo(n, unit); !n.IsInt64() || n.Int64() >= most {
		return nil, false
	}
	out := make([]Datum, 0, n.Int64()+1)
	for v := e.Min; v.Cmp(e.Max) <= 0; v = new(big.Int).Add(v, unit) {
		out = append(out, Datum{Kind: e.Kind, Number: v, Scale: e.Scale})
	}
	return withNull(out, e.Nullable), true
}

// ascending sorts values and leaves one of equal ones; NULL, if it can be, comes last.
func ascending(values []Datum, nullable bool) []Datum {
	values = slices.DeleteFunc(values, Datum.IsNull)
	slices.SortFunc(values, Datum.Compare)
	values = slices.CompactFunc(values, func(a, b Datum) bool { return a.Compare(b) == 0 })
	return withNull(values, nullable || len(values) == 0)
}

func withNull(values []Datum, null bool) []Datum {
	if null {
		return append(slices.Clip(values), Datum{})
	}
	return values
}

// grouped finds the group that an expression over cells is, −1 if it is none: PostgreSQL takes
// each part of the select list, HAVING and ORDER BY that equals an entry of GROUP BY for that.
func (b *binder) grouped(node *pg.Node, depth int) int {
	form := node.ProtoReflect().WhichOneof(node.ProtoReflect().Descriptor().Oneofs().Get(0))
	if !slices.ContainsFunc(b.groupNodes, func(n *pg.Node) bool {
		return form == n.ProtoReflect().WhichOneof(n.ProtoReflect().Descriptor().Oneofs().Get(0))
	}) {
		return -1
	}
	nodes, written := b.nodes, len(b.plan.written)
	e, err := b.bind(node, place{name: "GROUP BY", depth: depth})
	b.nodes, b.plan.written = nodes, b.plan.written[:written]
	if err != nil {
		return -1
	}
	if e.Kind == Null {
		e.Kind = Text
	}
	return slices.IndexFunc(b.plan.Groups, func(g GroupColumn) bool { return g.Expr.equal(e) })
}

// ofGroup is the value of a group's key, over cells.
func (b *binder) ofGroup(g int) *Expr {
	e := b.plan.Groups[g].Expr
	out := &Expr{Op: OpGroup, Column: g, Kind: e.Kind, Scale: e.Scale, Nullable: e.Nullable || len(b.plan.Sets) > 0}
	if e.Kind == Integer {
		out.bits = e.width()
	}
	return out
}

// groupText writes an entry of GROUP BY as SQL.
func (b *binder) groupText(g int) (string, error) {
	if at := b.plan.Groups[g].column(); at >= 0 {
		return b.plan.inSQL(at, quoteIdentifier), nil
	}
	target := &pg.Node{Node: &pg.Node_ResTarget{ResTarget: &pg.ResTarget{Val: b.groupNodes[g]}}}
	out, err := deparsed(&pg.SelectStmt{TargetList: []*pg.Node{target}, LimitOption: pg.LimitOption_LIMIT_OPTION_DEFAULT,
		Op: pg.SetOperation_SETOP_NONE})
	return strings.TrimPrefix(out, "SELECT "), err
}
