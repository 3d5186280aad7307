package engine

import (
	"math/big"
	"strconv"
	"strings"

	pg "github.com/pganalyze/pg_query_go/v6"
	"google.golang.org/protobuf/proto"
)

// compound is a question made of several: the SELECTs of a UNION ALL, one after the other, or
// scalar subqueries, whose answers are literals of the one that comes last. README section 12.
type compound struct {
	arguments compoundArguments
	parts     []part
	at        int
	results   []*Result
	// outer is a question with scalar subqueries, whose text is made when their answers are
	// known; nil of a UNION ALL.
	outer *pg.SelectStmt
	plan  *Plan         // LIMIT and OFFSET of a UNION ALL, as Plan.cut reads them
	order []searchOrder // of a UNION ALL, by its columns
}

type compoundArguments struct {
	catalogue   Catalogue
	departments []string
	packing     Packing
}

// part is one SELECT of a compound.
type part struct {
	sql       string
	procedure procedure // nil when one round is enough
	explained []ExplainedRound
	columns   []string
	kinds     []Kind
}

// maxParts bounds the SELECTs of a question.
const maxParts = 16

// newCompound reads a question as a compound; nil without an error when it is none.
func newCompound(sql string, cat Catalogue, departments []string, p Packing) (*compound, error) {
	stmt, _, err := parseQuestion(sql)
	if err != nil {
		return nil, nil // NewPlan says so too
	}
	c := &compound{arguments: compoundArguments{cat, departments, p}}
	switch {
	case stmt.Op != pg.SetOperation_SETOP_NONE:
		return c, c.unite(text(sql), stmt)
	case hasSubquery(stmt):
		return c, c.subqueries(text(sql), stmt)
	}
	return nil, nil
}

// subqueryOf is the scalar subquery that a node is; nil if it is none.
func subqueryOf(n *pg.Node) *pg.SelectStmt {
	if link := n.GetSubLink(); link != nil && link.SubLinkType == pg.SubLinkType_EXPR_SUBLINK {
		return link.Subselect.GetSelectStmt()
	}
	return nil
}

// selectedBy is the query of a scalar subquery, or of IN.
func selectedBy(n *pg.Node) *pg.SelectStmt {
	if link := n.GetSubLink(); link != nil && link.SubLinkType == pg.SubLinkType_ANY_SUBLINK {
		return link.Subselect.GetSelectStmt()
	}
	return subqueryOf(n)
}

func hasSubquery(stmt *pg.SelectStmt) bool { return found(stmt, subqueryOf) }

// found reports whether a statement has a query of a kind.
func found(stmt *pg.SelectStmt, of func(*pg.Node) *pg.SelectStmt) bool {
	found := false
	rewrite(stmt.ProtoReflect(), func(n *pg.Node) bool {
		found = found || of(n) != nil
		return found
	})
	return found
}

// addPart plans one SELECT as far as it can be planned now.
func (c *compound) addPart(t text, stmt *pg.SelectStmt) (part, error) {
	sql, err := deparsed(stmt)
	if err != nil {
		return part{}, err
	}
	a := c.arguments
	p := part{sql: sql}
	b, err := bindQuestion(sql, a.catalogue, a.departments, a.packing)
	if err == nil && b.fit == nil {
		var plan *Plan
		if plan, err = b.packed(a.packing, false); err == nil {
			for _, o := range plan.Outputs {
				kind := o.Expr.Kind
				if o.Expr.Op == OpConstant && o.Expr.Value.IsNull() {
					kind = Null // NULL stands in any column
				}
				p.columns, p.kinds = append(p.columns, o.Name), append(p.kinds, kind)
			}
			if plan.Report != nil {
				err = refuse(CodeUnsupported, 0, "%s returns rows: it cannot be a part of a question", plan.Report.Function)
			}
			p.explained = []ExplainedRound{{plan.CellCount(), plan.Ciphertexts(), plan.told()}}
		}
	} else if err == nil {
		err = refuse(CodeUnsupported, 0, "a regression of several rounds cannot be a part of a question: ask it by itself")
	}
	if err == nil {
		return p, nil
	}
	search, refused := newSearch(sql, a.catalogue, a.departments, a.packing)
	if refused == nil && search == nil {
		refused = err
	}
	if refused != nil { // places are those of the part's own text
		offset, _ := locateIn(stmt.ProtoReflect(), 0)
		if e, ok := refused.(*Error); ok {
			moved := *e
			moved.Position = t.at(offset)
			refused = &moved
		}
		return part{}, refused
	}
	for _, o := range search.outputs {
		p.columns, p.kinds = append(p.columns, o.name), append(p.kinds, o.kind)
	}
	p.procedure, p.explained = search, search.explain()
	return p, nil
}

// told is what a round's cells tell, in one text.
func (p *Plan) told() string {
	var parts []string
	for _, d := range p.disclosures(English) {
		if !strings.HasPrefix(d.Who, "every department") || strings.Contains(d.What, "dictionaries") {
			parts = append(parts, d.Who+": "+d.What)
		}
	}
	for _, g := range p.Groups {
		parts = append(parts, "grouped by "+p.describe(g.Expr))
	}
	if p.Filter != nil {
		parts = append(parts, "of the rows where "+p.describe(p.Filter))
	}
	return strings.Join(parts, "; ")
}

// unite reads a UNION ALL.
func (c *compound) unite(t text, stmt *pg.SelectStmt) error {
	if err := t.only(stmt, "larg", "rarg", "all", "op", "sort_clause", "limit_offset", "limit_count", "limit_option"); err != nil {
		return err
	}
	selects, err := t.united(stmt, nil)
	if err != nil {
		return err
	}
	first := ""
	for _, s := range selects {
		table, err := c.table(t, s)
		if err != nil {
			return err
		}
		if first == "" {
			first = table
		}
		if table != first {
			return hinted(refuse(CodeUnsupported, t.keyword(fieldKeywords["larg"]), "the SELECTs of a UNION ALL ask the same tables"), "ask each by itself")
		}
		p, err := c.addPart(t, s)
		if err != nil {
			return err
		}
		c.parts = append(c.parts, p)
	}
	if err := c.matchColumns(t); err != nil {
		return err
	}
	return c.bindRest(t, stmt)
}

// table is the one that a SELECT asks.
func (c *compound) table(t text, stmt *pg.SelectStmt) (string, error) {
	b := &binder{text: t, plan: &Plan{}}
	err := b.bindTables(stmt, c.arguments.catalogue)
	return b.plan.Table, err
}

// united flattens a UNION ALL to its SELECTs.
func (t text) united(stmt *pg.SelectStmt, out []*pg.SelectStmt) ([]*pg.SelectStmt, error) {
	if stmt.Op == pg.SetOperation_SETOP_NONE {
		if out = append(out, stmt); len(out) > maxParts {
			return nil, refuse(CodeLimit, 0, "a question has at most %d SELECTs", maxParts)
		}
		return out, nil
	}
	if stmt.Op != pg.SetOperation_SETOP_UNION || !stmt.All {
		return nil, hinted(refuse(CodeUnsupported, t.keyword(fieldKeywords["larg"]), "UNION, INTERSECT and EXCEPT are not supported, but UNION ALL is"),
			"ask each SELECT by itself")
	}
	for _, side := range []*pg.SelectStmt{stmt.Larg, stmt.Rarg} {
		if side.Op != pg.SetOperation_SETOP_NONE {
			if err := t.only(side, "larg", "rarg", "all", "op", "limit_option"); err != nil {
				return nil, err
			}
		}
	}
	out, err := t.united(stmt.Larg, out)
	if err != nil {
		return nil, err
	}
	return t.united(stmt.Rarg, out)
}

// matchColumns gives the columns of a UNION ALL their kinds: integers and decimals are decimals.
func (c *compound) matchColumns(t text) error {
	first := &c.parts[0]
	for _, p := range c.parts[1:] {
		if len(p.kinds) != len(first.kinds) {
			return refuse(CodeUnsupported, t.keyword(fieldKeywords["larg"]), "each UNION query must have the same number of columns")
		}
		for i, kind := range p.kinds {
			if of := &first.kinds[i]; *of == Integer && kind == Decimal || *of == Null {
				*of = kind
			} else if kind != *of && kind != Null && !(kind == Integer && *of == Decimal) {
				return refuse(CodeType, t.keyword(fieldKeywords["larg"]), "column %s of a UNION ALL is %s in one SELECT and %s in another",
					quote(first.columns[i]), of.article(), kind.article())
			}
		}
	}
	return nil
}

// bindRest reads ORDER BY, LIMIT and OFFSET of a UNION ALL.
func (c *compound) bindRest(t text, stmt *pg.SelectStmt) error {
	s := &search{}
	for i, name := range c.parts[0].columns {
		s.outputs = append(s.outputs, searchOutput{name: name, kind: c.parts[0].kinds[i]})
	}
	b := &binder{text: t, plan: &Plan{}}
	if err := s.bindRest(b, stmt); err != nil {
		return err
	}
	c.plan, c.order = b.plan, s.order
	return nil
}

// subqueries takes the scalar subqueries of a question for parts of their own.
func (c *compound) subqueries(t text, stmt *pg.SelectStmt) error {
	c.outer = proto.Clone(stmt).(*pg.SelectStmt)
	var refused error
	rewrite(c.outer.ProtoReflect(), func(n *pg.Node) bool {
		inner := subqueryOf(n)
		if inner == nil || refused != nil {
			return refused != nil
		}
		if refused = c.subquery(t, inner); refused == nil {
			n.Node = placeholder(len(c.parts) - 1)
		}
		return true
	})
	if refused != nil {
		return refused
	}
	// The whole is planned with values that answers may have, so that it is refused before anything
	// is asked.
	trial := make([]*Result, len(c.parts))
	for i, p := range c.parts {
		text := trialText(p.kinds[0])
		trial[i] = &Result{Kinds: p.kinds, Rows: [][]Value{{{Text: &text, Exact: &text}}}}
	}
	last, err := c.last(t, trial)
	if err != nil {
		return err
	}
	c.parts = append(c.parts, last)
	return nil
}

// trialText is a figure that a subquery's answer may have.
func trialText(k Kind) string {
	if k.numeric() {
		return "1"
	}
	return map[Kind]string{Date: "2000-01-01", Timestamp: "2000-01-01 00:00:00", TimestampTZ: "2000-01-01 00:00:00+00", Time: "00:00:00", Boolean: "true", Text: "x"}[k]
}

// subquery adds one scalar subquery: of one column, and of one row, since it has no groups.
func (c *compound) subquery(t text, inner *pg.SelectStmt) error {
	offset, _ := locateIn(inner.ProtoReflect(), 0)
	position := t.at(offset)
	switch {
	case hasSubquery(inner):
		return refuse(CodeUnsupported, position, "a subquery inside a subquery is not supported: ask it first, and write its answer here")
	case inner.Op != pg.SetOperation_SETOP_NONE || len(inner.GroupClause) > 0 || len(inner.TargetList) != 1:
		return hinted(refuse(CodeUnsupported, position, "a subquery here gives one figure: it has one column, and no GROUP BY"), "ask it first, and write its answer here")
	case len(c.parts) == maxParts:
		return refuse(CodeLimit, position, "a question has at most %d subqueries", maxParts)
	}
	table, err := c.table(t, inner)
	if err != nil {
		return err
	}
	if outer, err := c.table(t, c.outer); err == nil && outer != table {
		return hinted(refuse(CodeUnsupported, position, "a subquery asks the table that the question asks"), "ask it first, and write its answer here")
	}
	p, err := c.addPart(t, inner)
	if err != nil {
		return err
	}
	for i := range p.explained {
		p.explained[i].Learns += "; and every department learns the subquery's figure, which stands in the question of a later round"
	}
	c.parts = append(c.parts, p)
	return nil
}

// placeholderName is a column that no table has, with the number of a subquery.
const placeholderName = "\x00"

func placeholder(i int) *pg.Node_ColumnRef {
	name := &pg.Node{Node: &pg.Node_String_{String_: &pg.String{Sval: placeholderName + strconv.Itoa(i)}}}
	return &pg.Node_ColumnRef{ColumnRef: &pg.ColumnRef{Fields: []*pg.Node{name}, Location: -1}}
}

// last plans the question with its subqueries' figures.
func (c *compound) last(t text, results []*Result) (part, error) {
	stmt := proto.Clone(c.outer).(*pg.SelectStmt)
	rewrite(stmt.ProtoReflect(), func(n *pg.Node) bool {
		ref := n.GetColumnRef()
		if ref == nil || len(ref.Fields) != 1 {
			return false
		}
		name, found := strings.CutPrefix(ref.Fields[0].GetString_().GetSval(), placeholderName)
		if !found {
			return false
		}
		i, _ := strconv.Atoi(name)
		n.Node = literalNode(results[i])
		return true
	})
	return c.addPart(t, stmt)
}

// literalNode is the figure of a scalar subquery as a literal: NULL where there is no row.
func literalNode(r *Result) *pg.Node_TypeCast {
	constant := &pg.A_Const{Isnull: true, Location: -1}
	if len(r.Rows) > 0 && r.Rows[0][0].Text != nil {
		constant = &pg.A_Const{Val: &pg.A_Const_Sval{Sval: &pg.String{Sval: *r.Rows[0][0].Text}}, Location: -1}
	}
	name := map[Kind]string{Integer: "int8", Decimal: "numeric", Float: "numeric", Text: "text", Boolean: "bool", Date: "date",
		Timestamp: "timestamp", TimestampTZ: "timestamptz", Time: "time", Null: "text"}[r.Kinds[0]]
	names := []*pg.Node{{Node: &pg.Node_String_{String_: &pg.String{Sval: name}}}}
	return &pg.Node_TypeCast{TypeCast: &pg.TypeCast{Arg: &pg.Node{Node: &pg.Node_AConst{AConst: constant}},
		TypeName: &pg.TypeName{Names: names, Typemod: -1, Location: -1}, Location: -1}}
}

func (c *compound) statement() string {
	p := c.parts[c.at]
	if p.procedure != nil {
		return p.procedure.statement()
	}
	return p.sql
}

func (c *compound) step(round *Result) (done bool, err error) {
	if p := c.parts[c.at].procedure; p != nil {
		if done, err := p.step(round); !done || err != nil {
			return false, err
		}
		if round, err = p.answer(); err != nil {
			return false, err
		}
	}
	if c.outer != nil && c.at < len(c.parts)-1 && len(round.Withheld) > 0 {
		return false, refuse(CodeWithheld, 0, "the question cannot be asked: the figure of subquery %d is withheld by the rule %s",
			c.at+1, round.Withheld[0].Rule)
	}
	c.results = append(c.results, round)
	if c.at++; c.at == len(c.parts) {
		return true, nil
	}
	if c.outer != nil && c.at == len(c.parts)-1 {
		c.parts[c.at], err = c.last("", c.results)
	}
	return false, err
}

// columns are the last part's where the others are subqueries; else those of the first, which matchColumns made those of all.
func (c *compound) columns() ([]string, []Kind) {
	p := &c.parts[0]
	if c.outer != nil {
		p = &c.parts[len(c.parts)-1]
	}
	return p.columns, p.kinds
}

// answer is the last part's where the others are subqueries; else the rows of all.
func (c *compound) answer() (*Result, error) {
	if c.outer != nil {
		return c.results[len(c.results)-1], nil
	}
	var rows [][]Value
	var keys [][]value
	out := &Result{Columns: c.parts[0].columns, Kinds: c.parts[0].kinds, Rows: [][]Value{}}
	notes := map[int][]Note{}
	for _, r := range c.results {
		for _, n := range r.Notes {
			notes[len(rows)+n.Row] = append(notes[len(rows)+n.Row], n)
		}
		for _, row := range r.Rows {
			var key []value
			for _, o := range c.order {
				key = append(key, readValue(out.Kinds[o.output], row[o.output]))
			}
			rows, keys = append(rows, row), append(keys, key)
		}
		out.Model = append(out.Model, r.Model...)
		out.Withheld = append(out.Withheld, r.Withheld...)
	}
	for _, r := range c.plan.sorted(c.order, keys) {
		for _, n := range notes[r] {
			n.Row = len(out.Rows)
			out.Notes = append(out.Notes, n)
		}
		out.Rows = append(out.Rows, rows[r])
	}
	return out, nil
}

// readValue is a value of an answer as ORDER BY compares it.
func readValue(kind Kind, v Value) value {
	if v.Exact == nil {
		return value{}
	}
	if kind.numeric() {
		if exact, ok := new(big.Rat).SetString(*v.Exact); ok {
			return double(exact)
		}
	}
	d, err := parseDatum(kind, *v.Exact)
	if err != nil {
		return value{Datum: NewText(*v.Exact)}
	}
	return value{Datum: d}
}

func (c *compound) explain() []ExplainedRound {
	var out []ExplainedRound
	for _, p := range c.parts {
		out = append(out, p.explained...)
	}
	return out
}
