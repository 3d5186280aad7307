package engine

import (
	"errors"
	"math/big"
	"slices"
	"strings"

	pg "github.com/pganalyze/pg_query_go/v6"
)

var arithmeticOps = map[string]Op{"+": OpAdd, "-": OpSubtract, "*": OpMultiply, "/": OpDivide, "%": OpModulo}

var comparisonOps = map[string]Op{
	"=": OpEqual, "<>": OpNotEqual, "<": OpLess, "<=": OpLessEqual, ">": OpGreater, ">=": OpGreaterEq,
}

// bindOperator types an operator: arithmetic, comparison, BETWEEN, IN or LIKE.
func (b *binder) bindOperator(e *pg.A_Expr, in place) (*Expr, error) {
	position := b.at(e.Location)
	if len(e.Name) != 1 {
		return nil, refuse(CodeUnsupported, position, "OPERATOR is not supported: write the operator itself")
	}
	name := e.Name[0].GetString_().GetSval()
	op, arithmetic := arithmeticOps[name]
	arithmetic = arithmetic && e.Kind == pg.A_Expr_Kind_AEXPR_OP
	switch e.Kind {
	case pg.A_Expr_Kind_AEXPR_OP:
		comparison, known := comparisonOps[name]
		switch {
		case arithmetic && e.Lexpr == nil:
			return b.bindSign(op, e.Rexpr, in, position)
		case arithmetic:
			return b.bindArithmetic(op, e, in, position)
		case known && e.Lexpr != nil:
			left, right, err := b.bindPair(e.Lexpr, e.Rexpr, in)
			if err != nil {
				return nil, err
			}
			return b.written(b.compare(comparison, left, right, in, position))
		case name == "^" && e.Lexpr != nil:
			left, right, err := b.bindPair(e.Lexpr, e.Rexpr, in)
			if err != nil {
				return nil, err
			}
			return rowFunctions["power"].typed(b, rowCall{name: "power", args: []*Expr{left, right}, in: in, position: position})
		case name == "||" && e.Lexpr != nil:
			return b.bindJoined(e, in, position)
		case strings.Contains(name, "~") && e.Lexpr != nil:
			return b.bindMatch(e, name, in, position)
		}
	case pg.A_Expr_Kind_AEXPR_IN:
		return b.bindIn(e, name == "<>", in, position)
	case pg.A_Expr_Kind_AEXPR_LIKE:
		return b.bindLike(e, name == "!~~", in, position)
	case pg.A_Expr_Kind_AEXPR_BETWEEN, pg.A_Expr_Kind_AEXPR_NOT_BETWEEN:
		return b.bindBetween(e, e.Kind == pg.A_Expr_Kind_AEXPR_NOT_BETWEEN, in, position)
	case pg.A_Expr_Kind_AEXPR_BETWEEN_SYM, pg.A_Expr_Kind_AEXPR_NOT_BETWEEN_SYM:
		return b.bindBetweenSymmetric(e, e.Kind == pg.A_Expr_Kind_AEXPR_NOT_BETWEEN_SYM, in, position)
	case pg.A_Expr_Kind_AEXPR_ILIKE:
		return b.bindLike(e, name == "!~~*", in, position)
	case pg.A_Expr_Kind_AEXPR_NULLIF:
		return b.bindNullIf(e, in, position)
	case pg.A_Expr_Kind_AEXPR_DISTINCT, pg.A_Expr_Kind_AEXPR_NOT_DISTINCT:
		return b.bindDistinctFrom(e, e.Kind == pg.A_Expr_Kind_AEXPR_DISTINCT, in, position)
	case pg.A_Expr_Kind_AEXPR_SIMILAR:
		return b.bindSimilar(e, name == "!~", in, position)
	case pg.A_Expr_Kind_AEXPR_OP_ANY, pg.A_Expr_Kind_AEXPR_OP_ALL:
		return b.bindAny(e, name, in, position)
	}
	return nil, hinted(refuse(CodeUnsupported, position, "the operator %s is not supported", name),
		"the operators are + - * / %% || = <> < <= > >= ~ BETWEEN IN LIKE ILIKE AND OR NOT")
}

func (b *binder) bindPair(left, right *pg.Node, in place) (l, r *Expr, err error) {
	if l, err = b.bind(left, in); err != nil {
		return nil, nil, err
	}
	r, err = b.bind(right, in)
	return l, r, err
}

// bindSign types unary plus and minus.
func (b *binder) bindSign(op Op, node *pg.Node, in place, position int) (*Expr, error) {
	arg, err := b.bind(node, in)
	if err != nil {
		return nil, err
	}
	if arg, err = b.number(arg, Integer, position); err != nil {
		return nil, err
	}
	switch {
	case op == OpAdd:
		return arg, nil
	case op != OpSubtract:
		return nil, refuse(CodeUnsupported, position, "this operator stands between two operands: write both")
	case arg.Op == OpConstant && !arg.Value.IsNull():
		negated := arg.Value
		negated.Number = new(big.Int).Neg(negated.Number)
		e, err := (&Expr{Op: OpConstant, Value: negated, Kind: arg.Kind, Scale: arg.Scale}).derive(nil, position)
		if err != nil || arg.Kind != Integer {
			return e, err
		}
		return b.ofWidth(e, arg.width(), in, position)
	}
	e, err := b.derive(&Expr{Op: OpNegate, Args: []*Expr{arg}, Kind: arg.Kind, Scale: arg.Scale}, in, position)
	if err != nil {
		return nil, err
	}
	return b.arithmeticWidth(e, in, position)
}

// number coerces to the kind if there is none yet, and refuses what is no number.
func (b *binder) number(e *Expr, kind Kind, position int) (*Expr, error) {
	e, err := b.coerce(e, kind, position)
	if err != nil {
		return nil, err
	}
	if !e.Kind.numeric() {
		refused := refuse(CodeType, position, "arithmetic takes integers and decimals, not %s", e.Kind.article())
		if e.Kind == Boolean {
			return nil, hinted(refused, "%s", b.booleanHint(e))
		}
		return nil, refused
	}
	return e, nil
}

// bindArithmetic types + - * / %.
func (b *binder) bindArithmetic(op Op, e *pg.A_Expr, in place, position int) (*Expr, error) {
	if op == OpAdd || op == OpSubtract {
		if by, found, err := b.bindInterval(e.Rexpr); found || err != nil {
			left, bad := b.bind(e.Lexpr, in)
			if err = errors.Join(err, bad); err != nil {
				return nil, err
			}
			return b.bindShift(left, by, op, in, position)
		}
	}
	left, right, err := b.bindPair(e.Lexpr, e.Rexpr, in)
	if err != nil {
		return nil, err
	}
	if days, err := b.bindDays(op, left, right, in, position); days != nil || err != nil {
		return days, err
	}
	wanted := Integer
	if left.Kind.fractional() || right.Kind.fractional() {
		wanted = Decimal
	}
	if left, err = b.number(left, wanted, position); err != nil {
		return nil, err
	}
	if right, err = b.number(right, wanted, position); err != nil {
		return nil, err
	}
	out := &Expr{Op: op, Kind: Integer}
	if left.Kind == Decimal || right.Kind == Decimal {
		out.Kind = Decimal
	}
	if left.Kind == Float || right.Kind == Float {
		out.Kind = Float
	}
	if out.Kind == Float && op == OpModulo {
		return nil, refuse(CodeType, position, "there is no remainder of a double precision, as in PostgreSQL")
	}
	if op == OpDivide || op == OpModulo {
		if err := b.divisor(right, in, position); err != nil {
			return nil, err
		}
		switch {
		case in.cells || out.Kind == Integer:
		case op == OpDivide:
			return b.rowQuotient(left, right, in, position)
		default:
			out.Scale = max(left.Scale, right.Scale)
			left, right = align(left, Decimal, out.Scale), align(right, Decimal, out.Scale)
		}
	}
	if !in.cells {
		switch op {
		case OpMultiply:
			out.Scale = left.Scale + right.Scale
		case OpAdd, OpSubtract:
			out.Scale = max(left.Scale, right.Scale)
			left, right = align(left, out.Kind, out.Scale), align(right, out.Kind, out.Scale)
		}
		if out.Scale > MaxExprScale {
			return nil, refuse(CodeOverflow, position,
				"values with %d decimal places can arise here; at most %d are allowed", out.Scale, MaxExprScale)
		}
	}
	out.Args = []*Expr{left, right}
	if out, err = b.derive(out, in, position); err != nil {
		return nil, err
	}
	return b.arithmeticWidth(out, in, position)
}

// divisor refuses division by zero and, over rows, by what may be zero: there a row could
// otherwise end the query.
func (b *binder) divisor(e *Expr, in place, position int) error {
	constant := e.Op == OpConstant && !e.Value.IsNull()
	switch {
	case constant && e.Value.Number.Sign() == 0:
		return refuse(CodeDivision, position, "division by zero")
	case in.cells || constant || nonZero(e) || e.Min == nil:
		return nil
	}
	return hinted(refuse(CodeDivision, position, "%s may be 0 in some row, and one such row would end the query", b.plan.describe(e)),
		"write NULLIF(..., 0): the quotient is NULL there")
}

// holds reports whether an operation stands in an expression.
func holds(e *Expr, op Op) bool {
	return e.Op == op || slices.ContainsFunc(e.Args, func(a *Expr) bool { return holds(a, op) })
}

// rowQuotient types the division of decimals of a row.
func (b *binder) rowQuotient(left, right *Expr, in place, position int) (*Expr, error) {
	if holds(left, OpQuotient) || holds(right, OpQuotient) {
		return nil, hinted(refuse(CodeUnsupported, position, "a quotient of a quotient is not supported: PostgreSQL rounds each by its own size"),
			"write a / (b * c) for a / b / c")
	}
	if left.Op == OpConstant && right.Op == OpConstant && !left.Value.IsNull() && !right.Value.IsNull() {
		q := divide(left.Value, right.Value) // with the places that it has there
		return (&Expr{Op: OpConstant, Value: q, Kind: Decimal, Scale: q.Scale}).derive(nil, position)
	}
	most := big.NewInt(1)
	if right.Min != nil {
		most = hull(new(big.Int).Abs(right.Min), new(big.Int).Abs(right.Max)).hi
	}
	out := &Expr{Op: OpQuotient, Args: []*Expr{left, right}, Kind: Decimal, Scale: quotientScale(left.Scale, right.Scale, most)}
	return b.rowExpr(out, in, position)
}

// align brings a number over rows to a kind and a scale that is not smaller.
func align(e *Expr, kind Kind, scale int) *Expr {
	if e.Kind == kind && e.Scale == scale {
		return e
	}
	out := &Expr{Op: OpRescale, Args: []*Expr{e}, Kind: kind, Scale: scale, Nullable: e.Nullable}
	if e.Op == OpConstant {
		out.Op, out.Args = OpConstant, nil
		if !e.Value.IsNull() {
			out.Value = Datum{Kind: kind, Number: rescale(e.Value.Number, scale-e.Scale), Scale: scale}
		}
	}
	if e.Min != nil {
		out.Min, out.Max = rescale(e.Min, scale-e.Scale), rescale(e.Max, scale-e.Scale)
	}
	return out
}

// unify gives operands of a comparison one kind and, over rows, one scale.
func (b *binder) unify(operands []*Expr, in place, position int) error {
	kind, scale := Null, 0
	for _, e := range operands {
		if kind == Null || kind == Integer && e.Kind.fractional() || kind == Decimal && e.Kind == Float || kind.daily() && e.Kind.daily() && e.Kind > kind {
			kind = e.Kind
		}
	}
	for i, e := range operands {
		wanted := kind
		if kind == Null {
			wanted = Text
		}
		e, err := b.coerce(e, wanted, position)
		if err != nil {
			return err
		}
		if e.Kind != wanted && e.Kind.daily() && wanted.daily() {
			if e, err = b.retype(e, wanted, in, position); err != nil {
				return err
			}
		}
		if e.Kind != wanted && !(e.Kind.numeric() && wanted.numeric()) {
			return hinted(refuse(CodeType, position, "%s cannot be compared with %s", wanted.article(), e.Kind.article()),
				"%s", comparisonHint(wanted, e.Kind))
		}
		operands[i], scale = e, max(scale, e.Scale)
	}
	if !kind.numeric() || in.cells {
		return nil
	}
	if scale > MaxExprScale {
		return refuse(CodeOverflow, position, "values with %d decimal places are compared here; at most %d are allowed", scale, MaxExprScale)
	}
	for i, e := range operands {
		operands[i] = align(e, kind, scale)
	}
	return nil
}

func comparisonHint(a, b Kind) string {
	switch {
	case a == Boolean && b == Integer, a == Integer && b == Boolean:
		return "0 and 1 are integers: write = 1"
	case a == Date || b == Date:
		return "a date is written '2020-11-01'"
	case a.daily() || b.daily():
		return "a timestamp is written '2020-11-01 12:30:00'"
	case a == Time || b == Time:
		return "a time is written '12:30:00'"
	case a == Text || b == Text:
		return "text is written in single quotes"
	}
	return ""
}

// compare makes a comparison.
func (b *binder) compare(op Op, left, right *Expr, in place, position int) (*Expr, error) {
	operands := []*Expr{left, right}
	if err := b.misleading(operands, op != OpEqual && op != OpNotEqual, position); err != nil {
		return nil, err
	}
	if err := b.unify(operands, in, position); err != nil {
		return nil, err
	}
	return b.derive(&Expr{Op: op, Args: operands, Kind: Boolean}, in, position)
}

// written remembers a comparison that stands in the text, for Plan.Notes.
func (b *binder) written(e *Expr, err error) (*Expr, error) {
	if err == nil {
		b.plan.written = append(b.plan.written, e)
	}
	return e, err
}

// not negates when wanted.
func (b *binder) not(e *Expr, wanted bool) *Expr {
	if !wanted {
		return e
	}
	return &Expr{Op: OpNot, Args: []*Expr{e}, Kind: Boolean, Nullable: e.Nullable}
}

// bindBetween types x BETWEEN a AND b as x >= a AND x <= b.
func (b *binder) bindBetween(e *pg.A_Expr, negated bool, in place, position int) (*Expr, error) {
	ends := e.Rexpr.GetList().GetItems()
	if len(ends) != 2 {
		return nil, refuse(CodeUnsupported, position, "BETWEEN takes two ends")
	}
	var parts []*Expr
	for i, op := range []Op{OpGreaterEq, OpLessEqual} {
		left, right, err := b.bindPair(e.Lexpr, ends[i], in)
		if err != nil {
			return nil, err
		}
		part, err := b.written(b.compare(op, left, right, in, position))
		if err != nil {
			return nil, err
		}
		parts = append(parts, part)
	}
	both, err := b.derive(&Expr{Op: OpAnd, Args: parts, Kind: Boolean}, in, position)
	if err != nil {
		return nil, err
	}
	return b.not(both, negated), nil
}

// bindIn types x IN (a, b, ...).
func (b *binder) bindIn(e *pg.A_Expr, negated bool, in place, position int) (*Expr, error) {
	left, err := b.bind(e.Lexpr, in)
	if err != nil {
		return nil, err
	}
	operands := []*Expr{left}
	for _, item := range e.Rexpr.GetList().GetItems() {
		operand, err := b.bind(item, in)
		if err != nil {
			return nil, err
		}
		operands = append(operands, operand)
	}
	if len(operands) < 2 {
		return nil, b.unsupported(e.Rexpr)
	}
	if err := b.misleading(operands, false, position); err != nil {
		return nil, err
	}
	if err := b.unify(operands, in, position); err != nil {
		return nil, err
	}
	out, err := b.written(b.derive(&Expr{Op: OpIn, Args: operands, Kind: Boolean}, in, position))
	if err != nil {
		return nil, err
	}
	return b.not(out, negated), nil
}

// bindLike types x LIKE 'pattern'.
func (b *binder) bindLike(e *pg.A_Expr, negated bool, in place, position int) (*Expr, error) {
	left, right, err := b.patternOf(e.Lexpr, e.Rexpr, "LIKE", in, position)
	if err != nil {
		return nil, err
	}
	if !right.Value.IsNull() && !completePattern(right.Value.Text) {
		return nil, refuse(CodeSyntax, position, "the pattern of LIKE ends in a backslash that escapes nothing")
	}
	if e.Kind == pg.A_Expr_Kind_AEXPR_ILIKE {
		if left, err = b.rowExpr(&Expr{Op: OpLower, Args: []*Expr{left}, Kind: Text}, in, position); err != nil {
			return nil, err
		}
		if right, err = b.rowExpr(&Expr{Op: OpLower, Args: []*Expr{right}, Kind: Text}, in, position); err != nil {
			return nil, err
		}
	}
	out, err := b.written(b.derive(&Expr{Op: OpLike, Args: []*Expr{left, right}, Kind: Boolean}, in, position))
	if err != nil {
		return nil, err
	}
	return b.not(out, negated), nil
}

// truth coerces to a boolean.
func (b *binder) truth(e *Expr, position int, where string) (*Expr, error) {
	e, err := b.coerce(e, Boolean, position)
	if err != nil {
		return nil, err
	}
	if e.Kind != Boolean {
		return nil, hinted(refuse(CodeType, position, "%s takes a condition, not %s", where, e.Kind.article()),
			"%s", comparisonHint(Boolean, e.Kind))
	}
	return e, nil
}

// bindLogic types AND, OR and NOT.
func (b *binder) bindLogic(e *pg.BoolExpr, in place) (*Expr, error) {
	ops := map[pg.BoolExprType]Op{pg.BoolExprType_AND_EXPR: OpAnd, pg.BoolExprType_OR_EXPR: OpOr, pg.BoolExprType_NOT_EXPR: OpNot}
	names := map[Op]string{OpAnd: "AND", OpOr: "OR", OpNot: "NOT"}
	position := b.at(e.Location)
	op, ok := ops[e.Boolop]
	if !ok {
		return nil, refuse(CodeUnsupported, position, "this condition is not supported: write it with comparisons, AND, OR and NOT")
	}
	out := &Expr{Op: op, Kind: Boolean}
	for _, node := range e.Args {
		arg, err := b.bind(node, in)
		if err != nil {
			return nil, err
		}
		if arg, err = b.truth(arg, position, names[op]); err != nil {
			return nil, err
		}
		out.Args = append(out.Args, arg)
	}
	return b.derive(out, in, position)
}

// bindNullTest types IS NULL and IS NOT NULL.
func (b *binder) bindNullTest(e *pg.NullTest, in place) (*Expr, error) {
	arg, err := b.bind(e.Arg, in)
	if err != nil {
		return nil, err
	}
	out := &Expr{Op: OpIsNull, Args: []*Expr{arg}, Kind: Boolean}
	return b.not(out, e.Nulltesttype == pg.NullTestType_IS_NOT_NULL), nil
}

// bindBooleanTest types IS [NOT] TRUE, FALSE and UNKNOWN.
func (b *binder) bindBooleanTest(e *pg.BooleanTest, in place) (*Expr, error) {
	tests := map[pg.BoolTestType]struct {
		op      Op
		negated bool
	}{
		pg.BoolTestType_IS_TRUE: {OpIsTrue, false}, pg.BoolTestType_IS_NOT_TRUE: {OpIsTrue, true},
		pg.BoolTestType_IS_FALSE: {OpIsFalse, false}, pg.BoolTestType_IS_NOT_FALSE: {OpIsFalse, true},
		pg.BoolTestType_IS_UNKNOWN: {OpIsNull, false}, pg.BoolTestType_IS_NOT_UNKNOWN: {OpIsNull, true},
	}
	test, ok := tests[e.Booltesttype]
	position := b.at(e.Location)
	if !ok {
		return nil, refuse(CodeUnsupported, position, "this condition is not supported: write it with comparisons, AND, OR and NOT")
	}
	arg, err := b.bind(e.Arg, in)
	if err != nil {
		return nil, err
	}
	if arg, err = b.truth(arg, position, "IS TRUE"); err != nil {
		return nil, err
	}
	return b.not(&Expr{Op: test.op, Args: []*Expr{arg}, Kind: Boolean}, test.negated), nil
}
