package engine

import (
	"errors"
	"slices"
	"strconv"
	"strings"

	pg "github.com/pganalyze/pg_query_go/v6"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// binder turns the parser's tree into expressions of a plan.
type binder struct {
	text
	plan    *Plan
	from    []fromTable
	names   []string // of the schema's columns, each as its table has it
	in      scope    // what may be named
	beside  scope    // what the other side of a semi-join may name
	semi    *membership
	nodes   int
	moments map[string]int // by canonical encoding
	// positions says where in the text each moment was first asked for.
	positions    []int
	dictionaries map[int][]Datum // of columns, merged
	aggregates   bool            // the query has some
	catalogue    Catalogue       // for hints alone
	fit          *fit            // the question is one that takes several steps
	evaluated    int             // values of expressions, to list what groups there are
	listedBytes  int             // of text in those lists
	groupNodes   []*pg.Node      // of the plan's groups
	windowKeys   []string        // of the plan's windows, by encoding
	conditionsAt []int           // where the conjuncts of WHERE stand
}

// place is where an expression stands, which decides what it may hold.
type place struct {
	name     string // as an error calls it
	cells    bool   // over cells, at the analyst; otherwise over rows, at the departments
	argument bool   // inside an aggregate
	windows  bool   // where window functions may stand
	depth    int
}

// bind types one node. README section 2 lists what is allowed where.
func (b *binder) bind(node *pg.Node, in place) (*Expr, error) {
	b.nodes++
	in.depth++
	if b.nodes > MaxNodes {
		return nil, refuse(CodeLimit, 0, "the query has more than %d operands and operators", MaxNodes)
	}
	if in.depth > MaxDepth {
		return nil, refuse(CodeLimit, 0, "an expression is nested more than %d deep", MaxDepth)
	}
	if in.cells && node.GetColumnRef() == nil {
		if g := b.grouped(node, in.depth); g >= 0 {
			return b.ofGroup(g), nil
		}
	}
	switch n := node.GetNode().(type) {
	case *pg.Node_ColumnRef:
		return b.bindColumn(n.ColumnRef, in)
	case *pg.Node_AConst:
		return b.bindConstant(n.AConst)
	case *pg.Node_AExpr:
		return b.bindOperator(n.AExpr, in)
	case *pg.Node_TypeCast:
		return b.bindCast(n.TypeCast, in)
	case *pg.Node_FuncCall:
		return b.bindCall(n.FuncCall, in)
	case *pg.Node_CaseExpr:
		return b.bindCase(n.CaseExpr, in)
	case *pg.Node_CoalesceExpr:
		return b.bindCoalesce(n.CoalesceExpr, in)
	case *pg.Node_MinMaxExpr:
		return b.bindExtreme(n.MinMaxExpr, in)
	case *pg.Node_GroupingFunc:
		return b.bindGroupingFunc(n.GroupingFunc, in)
	case *pg.Node_BoolExpr:
		return b.bindLogic(n.BoolExpr, in)
	case *pg.Node_NullTest:
		return b.bindNullTest(n.NullTest, in)
	case *pg.Node_BooleanTest:
		return b.bindBooleanTest(n.BooleanTest, in)
	case *pg.Node_SubLink:
		return nil, b.subquery(node)
	}
	return nil, b.unsupported(node)
}

// bindColumn finds a column. Over cells it must be one that is grouped by.
func (b *binder) bindColumn(ref *pg.ColumnRef, in place) (*Expr, error) {
	column, err := b.column(ref)
	if err != nil {
		return nil, err
	}
	c := b.plan.Schema.Columns[column]
	if !in.cells {
		return (&Expr{Op: OpColumn, Column: column, Kind: c.Kind, Scale: c.Scale}).derive(b.plan.Schema.Columns, b.at(ref.Location))
	}
	if g := slices.IndexFunc(b.plan.Groups, func(g GroupColumn) bool { return g.column() == column }); g >= 0 {
		return b.ofGroup(g), nil
	}
	hint := aggregatesWanted
	if c.HasDictionary {
		hint = "add it to GROUP BY, or " + hint
	}
	return nil, hinted(refuse(CodeUnsupported, b.at(ref.Location),
		"column %s must be in GROUP BY or inside an aggregate: rows are never shown", quote(c.Name)), "%s", hint)
}

// column resolves a column reference to an index into the schema.
func (b *binder) column(ref *pg.ColumnRef) (int, error) {
	column, err := b.columnOf(ref, b.in)
	if err != nil {
		return 0, b.besides(ref, err)
	}
	return column, b.oneKind(column, b.at(ref.Location))
}

// columnOf does it among some of the tables.
func (b *binder) columnOf(ref *pg.ColumnRef, in scope) (int, error) {
	if err := b.only(ref, "fields", "location"); err != nil {
		return 0, err
	}
	position := b.at(ref.Location)
	var parts []string
	for _, field := range ref.Fields {
		s := field.GetString_()
		if s == nil {
			return 0, reasoned(position, nodeReasons["A_Star"])
		}
		parts = append(parts, s.Sval)
	}
	if len(parts) == 0 || len(parts) > 2 {
		return 0, refuse(CodeUnsupported, position, "a column is named by itself or after its table")
	}
	if len(parts) == 2 {
		aliases := make([]string, len(in.tables))
		for i, t := range in.tables {
			aliases[i] = b.from[t].alias
		}
		at := lookup(parts[0], aliases)
		if at < 0 {
			return 0, hinted(refuse(CodeTable, position, "there is no table or alias %s in FROM", quote(parts[0])), "did you mean %s?", strings.Join(quoteAll(aliases), " or "))
		}
		in = b.scopeOf(in.tables[at])
	}
	return b.columnAmong(parts[len(parts)-1], in, position)
}

// scopeOf is what one table of FROM lets be named.
func (b *binder) scopeOf(table int) scope {
	return scope{tables: []int{table}, visible: b.from[table].columns}
}

// namesIn are the names of what may be named by itself.
func (b *binder) namesIn(in scope) []string {
	names := make([]string, len(in.visible))
	for i, c := range in.visible {
		names[i] = b.names[c]
	}
	return names
}

// columnAmong finds a column by its name among those of a table, or of several.
func (b *binder) columnAmong(name string, in scope, position int) (int, error) {
	names := b.namesIn(in)
	at := lookup(name, names)
	if at >= 0 {
		return in.visible[at], nil
	}
	var tables []string
	for _, t := range in.tables {
		tables = append(tables, quote(b.from[t].name))
	}
	switch several := len(tables) > 1; {
	case at == -2 && several:
		return 0, hinted(refuse(CodeColumn, position, "column reference %s is ambiguous", quote(name)), "write its table before it, as in %s", b.qualified(name))
	case at == -2:
		return 0, hinted(refuse(CodeColumn, position, "several columns of table %s are called %s but for upper and lower case", tables[0], quote(name)),
			"write the exact name in double quotes")
	case several:
		return 0, hinted(refuse(CodeColumn, position, "none of the tables %s has a column %s", strings.Join(tables, ", "), quote(name)), "%s", b.columnHint(name, names))
	}
	return 0, hinted(refuse(CodeColumn, position, "table %s has no column %s", tables[0], quote(name)), "%s", b.columnHint(name, names))
}

// qualified is a column of the name with its table before it.
func (b *binder) qualified(name string) string {
	for i, n := range b.names {
		if SameName(n, name) {
			return b.plan.inSQL(i, identifier)
		}
	}
	return identifier(name)
}

// bindConstant types a literal. A string and NULL keep the kind Null until the
// context gives them one (coerce).
func (b *binder) bindConstant(c *pg.A_Const) (*Expr, error) {
	position := b.at(c.Location)
	constant := func(d Datum) (*Expr, error) {
		kind := d.Kind
		if kind == Text {
			kind = Null
		}
		return (&Expr{Op: OpConstant, Value: d, Kind: kind, Scale: d.Scale}).derive(nil, position)
	}
	switch v := c.Val.(type) {
	case nil:
		if !c.Isnull { // an integer zero has no populated field
			return constant(NewInteger(0))
		}
		return constant(Datum{})
	case *pg.A_Const_Ival:
		return constant(NewInteger(int64(v.Ival.GetIval())))
	case *pg.A_Const_Fval:
		unscaled, scale, err := parseNumber(v.Fval.GetFval())
		if err != nil {
			return nil, refuse(CodeLimit, position, "%s: %s", v.Fval.GetFval(), err)
		}
		if !strings.ContainsAny(v.Fval.GetFval(), ".eE") && unscaled.IsInt64() {
			return constant(Datum{Kind: Integer, Number: unscaled})
		}
		return constant(NewDecimal(unscaled, scale))
	case *pg.A_Const_Boolval:
		return constant(NewBoolean(v.Boolval.GetBoolval()))
	case *pg.A_Const_Sval:
		return constant(NewText(v.Sval.GetSval()))
	}
	return nil, refuse(CodeUnsupported, position, "bit strings are not supported: write a number")
}

// derive completes an expression: over rows with its range, over cells as it is.
func (b *binder) derive(e *Expr, in place, position int) (*Expr, error) {
	if !in.cells {
		return e.derive(b.plan.Schema.Columns, position)
	}
	if err := e.measured(position); err != nil {
		return nil, err
	}
	for _, a := range e.Args {
		e.Nullable = e.Nullable || a.Nullable
	}
	return e, nil
}

// coerce gives an expression of kind Null (a string literal, NULL, a column without
// values) the kind that its context wants. Other expressions pass as they are.
func (b *binder) coerce(e *Expr, kind Kind, position int) (*Expr, error) {
	if e.Kind != Null || kind == Null {
		return e, nil
	}
	if kind == Float { // a literal is exact
		kind = Decimal
	}
	typed := *e
	typed.Kind = kind
	if e.Op != OpConstant || e.Value.IsNull() {
		return &typed, nil
	}
	literal := e.Value.Text
	value, err := readLiteral(kind, literal)
	if err != nil {
		return nil, refuse(CodeType, position, "%s is not %s: %s", strconv.Quote(literal), kind.article(), err)
	}
	typed.Value, typed.Scale = value, value.Scale
	return typed.derive(nil, position)
}

var errNotBoolean = errors.New("true and false are the booleans")

// readLiteral reads a string literal as a value of the kind, a little more
// generously than canonical text.
func readLiteral(kind Kind, literal string) (Datum, error) {
	if kind == Boolean {
		switch lower(literal) {
		case "t", "true":
			return NewBoolean(true), nil
		case "f", "false":
			return NewBoolean(false), nil
		}
		return Datum{}, errNotBoolean
	}
	return parseDatum(kind, literal)
}

// parserSchema is what the parser puts before functions that have a syntax of their own, such
// as EXTRACT.
const parserSchema = "pg_catalog."

// bindCall types a call of an aggregate.
func (b *binder) bindCall(call *pg.FuncCall, in place) (*Expr, error) {
	position := b.at(call.Location)
	name := functionName(call)
	if call.Over != nil {
		return b.bindWindow(call, in)
	}
	if row, known := rowFunctions[strings.TrimPrefix(name, parserSchema)]; known {
		return b.bindRowCall(row, call, in)
	}
	f, found := callable(name)
	switch {
	case name == parserSchema+"like_escape":
		return nil, refuse(CodeUnsupported, position, "LIKE with ESCAPE is not supported: the backslash escapes")
	case name == parserSchema+"timezone":
		return nil, hinted(refuse(CodeUnsupported, position, "AT TIME ZONE is not supported"), "%s", meant["timezone"])
	case f.report != nil:
		return nil, hinted(refuse(CodeUnsupported, position, "%s returns rows", name),
			"it stands alone in the select list, beside the columns of GROUP BY")
	case !found || f.bind == nil:
		name = strings.TrimPrefix(name, parserSchema)
		return nil, hinted(refuse(CodeUnsupported, position, "there is no function %s", quote(name)), "%s", b.functionHint(name))
	case in.argument:
		return nil, refuse(CodeUnsupported, position, "an aggregate inside an aggregate is not supported: combine them side by side, as in sum(x) / count(*)")
	case !in.cells && in.name == "GROUP BY":
		return nil, refuse(CodeUnsupported, position, "aggregates cannot stand in GROUP BY: each row goes to a group before anything is added up")
	case !in.cells:
		return nil, hinted(refuse(CodeUnsupported, position, "an aggregate cannot stand in %s", in.name),
			"conditions on aggregates go to HAVING")
	}
	fields := []protoreflect.Name{"funcname", "args", "agg_filter", "agg_star", "funcformat", "location"}
	if err := b.only(call, append(fields, f.clauses...)...); err != nil {
		return nil, err
	}
	return f.bind(b, name, call, in, position)
}

func functionName(call *pg.FuncCall) string {
	var parts []string
	for _, part := range call.Funcname {
		parts = append(parts, part.GetString_().GetSval())
	}
	return strings.Join(parts, ".")
}

// aggregate points an expression at its moment, an equal one if there is one.
func (b *binder) aggregate(e *Expr, m Moment, position int) (*Expr, error) {
	b.aggregates = true
	if m.Op == Sum {
		if err := b.summable(m.Expr, position); err != nil {
			return nil, err
		}
	}
	m = m.reduced()
	key := string(Marshal(b.canonical(m)))
	index, ok := b.moments[key]
	if !ok {
		index = len(b.plan.Moments)
		if index >= MaxMoments {
			return nil, refuse(CodeLimit, position, "the query has more than %d different sums and counts", MaxMoments)
		}
		b.plan.Moments = append(b.plan.Moments, m)
		b.moments[key] = index
		b.positions = append(b.positions, position)
	}
	e.Column = index
	return e, nil
}

// reduced brings a count of non-NULLs to the simplest count with the same value, so
// that equal cells are found: a product is NULL exactly when one of its nullable
// columns is.
func (m Moment) reduced() Moment {
	if m.Op != CountNonNull {
		return m
	}
	if !m.Expr.Nullable {
		return Moment{Op: CountRows, Filter: m.Filter}
	}
	var only *Expr
	if !onlyNullable(m.Expr, &only) || only == nil {
		return m
	}
	return Moment{Op: CountNonNull, Expr: only, Filter: m.Filter}
}

// onlyNullable finds the one nullable leaf of an expression; false if there are
// several different ones.
func onlyNullable(e *Expr, only **Expr) bool {
	if !e.Op.strict() {
		return !e.Nullable
	}
	if len(e.Args) == 0 {
		if e.Nullable && *only == nil {
			*only = e
		}
		return !e.Nullable || (*only).equal(e)
	}
	for _, a := range e.Args {
		if !onlyNullable(a, only) {
			return false
		}
	}
	return true
}
