package engine

import (
	"cmp"
	"slices"
	"strings"

	pg "github.com/pganalyze/pg_query_go/v6"
)

// ColumnUse is what a plan does with one column, as departments see it in what they are asked to
// compute. README section 17.
type ColumnUse struct {
	// Column is its name; "" stands for the rows themselves, which every plan counts. Where tables are joined, Table is
	// whose it is, "" of the rows, and else "".
	Table, Column string
	// Filter: WHERE chooses rows by it.
	Filter bool
	// Group: rows are told apart by it, and each part has cells of its own: GROUP BY, a FILTER, a
	// condition within an aggregate, a dummy of a regression, the bins of a histogram, the buckets
	// of a search or a sketch, the values that a statistic of order counts.
	Group bool
	// Aggregate: it is counted, or added up as it is or in products.
	Aggregate bool
	// Join: rows of two tables are matched by it.
	Join bool
	// Levels is how many values, NULL aside, the groups or the keys of a report have that are made of it; 0
	// where none are. What conditions of moments tell apart has none.
	Levels int
	// Functions are those whose cells it reaches, ascending, as FunctionNames spells them.
	Functions []string
}

// What Uses calls a cell that no function of the question shows, and a sum of more products than
// its function makes, which the question writes itself.
const (
	functionPresence = "presence"
	functionProducts = "products"
)

// Uses says what the plan does with the rows, first, and with each column that departments read,
// ascending. It follows from the plan's groups, filters and moments, never from its text; what
// HAVING, ORDER BY and windows need are moments too.
func (p *Plan) Uses() []ColumnUse {
	u := uses{plan: p, columns: map[int]*ColumnUse{}}
	names := p.momentFunctions()
	for _, where := range p.wheres() {
		columnsOf(where, func(c int) { u.of(c).Filter = true })
	}
	for _, g := range p.Groups {
		columnsOf(g.Expr, func(c int) { u.told(c, g.Values) })
	}
	if p.Report != nil {
		for _, k := range p.Report.Keys {
			u.told(k.Column, k.Values)
		}
	}
	for m := range p.Moments {
		u.moment(&p.Moments[m], names[m])
	}
	if p.Join != nil {
		for _, key := range p.Join.Keys {
			for _, c := range key {
				u.of(c).Join = true
			}
		}
	}
	rows := ColumnUse{Aggregate: true}
	for _, n := range names {
		rows.name(n)
	}
	return append([]ColumnUse{rows}, sortedUses(u.columns)...)
}

// Uses says what all rounds of a question do together, as far as that is known before its first
// step: those of each SELECT of a UNION ALL and of each scalar subquery. Later rounds of a search or a
// fit use the columns of the first as it does. It plans each SELECT once more.
func (s *Session) Uses() ([]ColumnUse, error) {
	plans, err := s.plans()
	if err != nil {
		return nil, err
	}
	all := map[[2]string]*ColumnUse{}
	for _, p := range plans {
		for _, u := range p.Uses() {
			at := [2]string{u.Table, u.Column}
			known := all[at]
			if known == nil {
				all[at] = &u
				continue
			}
			known.Filter, known.Group, known.Aggregate = known.Filter || u.Filter, known.Group || u.Group, known.Aggregate || u.Aggregate
			known.Join = known.Join || u.Join
			known.Levels = max(known.Levels, u.Levels)
			known.name(u.Functions)
		}
	}
	return sortedUses(all), nil
}

// Adds reports whether any of a question's rounds adds up anything (Plan.Adds).
func (s *Session) Adds() (bool, error) {
	plans, err := s.plans()
	return slices.ContainsFunc(plans, (*Plan).Adds), err
}

// plans are one of each step that a question takes, before its first round: a round that repeats another one's with other
// values is none of its own.
func (s *Session) plans() (out []*Plan, err error) {
	if s.plan == nil {
		return nil, refuse(CodeCells, 0, "the question is answered")
	}
	c, several := s.procedure.(*compound)
	if !several {
		return []*Plan{s.plan}, nil
	}
	for _, part := range c.parts {
		sql := part.sql
		if part.procedure != nil {
			sql = part.procedure.statement()
		}
		p, err := NewPlan(sql, s.catalogue, s.departments, s.packing)
		if err != nil {
			return nil, err
		}
		out = append(out, p)
	}
	return out, nil
}

func sortedUses[K comparable](uses map[K]*ColumnUse) (out []ColumnUse) {
	for _, u := range uses {
		out = append(out, *u)
	}
	slices.SortFunc(out, func(a, b ColumnUse) int {
		return cmp.Or(strings.Compare(a.Table, b.Table), strings.Compare(a.Column, b.Column))
	})
	return out
}

// uses collects what Uses says.
type uses struct {
	plan    *Plan
	columns map[int]*ColumnUse
}

func (u uses) of(column int) *ColumnUse {
	use := u.columns[column]
	if use == nil {
		use = &ColumnUse{Column: u.plan.Schema.Columns[column].Name}
		if u.plan.Join != nil {
			use.Table, use.Column = u.plan.source(column)
		}
		u.columns[column] = use
	}
	return use
}

// told marks a column by whose values rows are told apart.
func (u uses) told(column int, values []Datum) {
	n := 0
	for _, v := range values {
		if v.Kind != Null {
			n++
		}
	}
	use := u.of(column)
	use.Group, use.Levels = true, max(use.Levels, n)
}

func (c *ColumnUse) name(functions []string) {
	for _, f := range functions {
		if at, known := slices.BinarySearch(c.Functions, f); !known {
			c.Functions = slices.Insert(c.Functions, at, f)
		}
	}
}

// moment adds what one moment does.
func (u uses) moment(m *Moment, functions []string) {
	u.added(m.Expr, true, functions)
	u.apart(m.Filter, functions)
}

// added marks the columns of an expression that is added up or counted. By + - * and constants
// alone a sum says no more of a column than its sums of products. Anything else can be made the
// indicator of a value, as |x-36| + |x-38| - 2|x-37| is of 37, and tells rows apart.
func (u uses) added(e *Expr, polynomial bool, functions []string) {
	if e == nil {
		return
	}
	switch e.Op {
	case OpColumn:
		use := u.of(e.Column)
		use.Aggregate, use.Group = true, use.Group || !polynomial
		use.name(functions)
	case OpNegate, OpAdd, OpSubtract, OpMultiply, OpRescale:
	default:
		polynomial = false
	}
	for _, a := range e.Args {
		u.added(a, polynomial, functions)
	}
}

// apart marks the columns of a moment's condition: the rows that pass it have a cell beside the
// cell of all. That a value is there says what its count says.
func (u uses) apart(filter *Expr, functions []string) {
	switch {
	case filter == nil:
	case filter.Op == OpAnd:
		for _, a := range filter.Args {
			u.apart(a, functions)
		}
	case filter.Op == OpNot && filter.Args[0].Op == OpIsNull:
		u.added(filter.Args[0].Args[0], true, functions)
	default:
		columnsOf(filter, func(c int) {
			u.of(c).Group = true
			u.of(c).name(functions)
		})
	}
}

// momentFunctions are by moment the functions that its cells belong to. What belongs to none has
// the name of what is added up; the count of a group's rows, which every plan has, has none then.
func (p *Plan) momentFunctions() [][]string {
	names := make([][]string, len(p.Moments))
	var walk func(e *Expr, function string)
	add := func(m int, function string) {
		if !slices.Contains(names[m], function) {
			names[m] = append(names[m], function)
		}
	}
	walk = func(e *Expr, function string) {
		if e == nil {
			return
		}
		switch e.Op {
		case OpCount:
			add(e.Column, "count")
		case OpSum:
			add(e.Column, "sum")
			add(e.Count, "sum")
		case OpAverage:
			add(e.Column, "avg")
			add(e.Count, "avg")
		case OpMoment:
			if function != "" {
				add(e.Column, function)
			}
		case OpFunction:
			function = spelled(e.Value.Text)
		}
		for _, a := range e.Args {
			walk(a, function)
		}
	}
	for _, o := range p.Outputs {
		walk(o.Expr, "")
	}
	walk(p.Having, "")
	for _, o := range p.Order {
		walk(o.Expr, "")
	}
	if p.Report != nil {
		for _, m := range p.Report.Cells {
			if m >= 0 {
				add(m, spelled(p.Report.Function))
			}
		}
	}
	for m := range p.Moments {
		names[m] = p.Moments[m].named(names[m], m == 0)
	}
	return names
}

// named completes the functions of a moment.
func (m *Moment) named(functions []string, rows bool) []string {
	if m.Op == Sum {
		degree := m.Expr.degree()
		if len(functions) == 0 && degree > 1 || slices.ContainsFunc(functions, func(f string) bool { return degree > ownDegree(f) }) {
			functions = append(functions, functionProducts)
		}
	}
	if len(functions) > 0 || rows {
		return functions
	}
	switch m.Op {
	case Sum:
		return []string{"sum"}
	case Present:
		return []string{functionPresence}
	}
	return []string{"count"}
}

// ownDegree is how many arguments a function multiplies by itself, of columns: what is above that
// the question wrote.
func ownDegree(function string) int {
	f := functions[function]
	most := 2
	switch {
	case function == "sum" || function == "avg":
		most = 1
	case f.sums != nil:
		most = 0
		for _, powers := range f.sums.powers {
			most = max(most, powers[0]+powers[1])
		}
	case function == "describe":
		most = 4
	case function == "logreg" || function == "logreg0":
		most = 3 // two terms, and the weight that the linear predictor gives
	}
	return most
}

// degree is how many columns are multiplied in a summand at most.
func (e *Expr) degree() int {
	n := 0
	for _, a := range e.Args {
		if d := a.degree(); e.Op == OpMultiply {
			n += d
		} else {
			n = max(n, d)
		}
	}
	if e.Op == OpColumn {
		return 1
	}
	return n
}

// spelled is a function's name in ColumnUse: an array of fractions, an estimate and a step of a
// fit go by the name of what was asked.
func spelled(name string) string {
	switch name {
	case sketchFunction:
		return countDistinct
	case "logreg_step", "logreg0_step":
		return strings.TrimSuffix(name, "_step")
	}
	return strings.TrimSuffix(name, arrayOf)
}

// FunctionNames lists the names that ColumnUse.Functions may hold, ascending: the SQL functions,
// "count distinct", "sum distinct" and "avg distinct" of count(DISTINCT x) and its like, "products"
// of a sum that multiplies columns, and "presence" of whether there is a row.
func FunctionNames() []string {
	names := []string{functionPresence, functionProducts}
	for name := range functions {
		names = append(names, spelled(name))
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// Question is the digest of the question that a plan belongs to: its own text's, or that of the
// question of whose rounds it is one.
func (p *Plan) Question() (Digest, error) {
	rest, round := strings.CutPrefix(p.SQL, roundMark)
	if !round {
		return QuestionDigest(p.SQL), nil
	}
	var d Digest
	text, _, found := strings.Cut(rest, " ")
	if err := d.UnmarshalText([]byte(text)); err != nil || !found {
		return d, refuse(CodeSyntax, 0, "the text says that it is of a question, and not of which")
	}
	return d, nil
}

// Parameters compares a question with a form, a text with $1, $2, ... in the place of literals, and
// gives the literals as the question writes them; false if it is no question of this form. Both are
// read as PostgreSQL's lexer reads them: spaces, comments and the case of A to Z in names without
// quotes do not count, and a parameter stands for one literal, everywhere the same. Its cost is that
// of the lexer.
func Parameters(form, question string) (values []string, ok bool) {
	if len(form) > MaxSQLBytes || len(question) > MaxSQLBytes || strings.Contains(form+question, "\x00") {
		return nil, false
	}
	ours, err := pg.Scan(form)
	if err != nil {
		return nil, false
	}
	theirs, err := pg.Scan(question)
	if err != nil {
		return nil, false
	}
	written, asked := spoken(ours.Tokens), spoken(theirs.Tokens)
	if len(written) != len(asked) || len(written) > MaxTokens {
		return nil, false
	}
	for i, w := range written {
		a := asked[i]
		said, text := form[w.Start:w.End], question[a.Start:a.End]
		switch {
		case w.Token == pg.Token_PARAM:
			if !isLiteral(a.Token) {
				return nil, false
			}
			n, known := parameterNumber(said)
			if !known {
				return nil, false
			}
			for len(values) < n {
				values = append(values, "")
			}
			if values[n-1] != "" && values[n-1] != text {
				return nil, false
			}
			values[n-1] = text
		case w.Token != a.Token:
			return nil, false
		case said != text && (w.Token != pg.Token_IDENT && w.KeywordKind == pg.KeywordKind_NO_KEYWORD ||
			strings.Contains(said+text, `"`) || lower(said) != lower(text)):
			return nil, false
		}
	}
	return values, !slices.Contains(values, "")
}

// MaxParameters bounds the parameters of a form.
const MaxParameters = 16

// parameterNumber reads $1 to $16.
func parameterNumber(text string) (int, bool) {
	n := 0
	for _, c := range strings.TrimPrefix(text, "$") {
		if c < '0' || c > '9' || n > MaxParameters {
			return 0, false
		}
		n = 10*n + int(c-'0')
	}
	return n, n >= 1 && n <= MaxParameters
}

func isLiteral(t pg.Token) bool {
	return t == pg.Token_ICONST || t == pg.Token_FCONST || t == pg.Token_SCONST
}

// spoken leaves out comments.
func spoken(tokens []*pg.ScanToken) []*pg.ScanToken {
	return slices.DeleteFunc(tokens, func(t *pg.ScanToken) bool {
		return t.Token == pg.Token_C_COMMENT || t.Token == pg.Token_SQL_COMMENT
	})
}
