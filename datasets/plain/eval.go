package plain

import (
	"fmt"
	"math/big"
	"strings"

	pg "github.com/pganalyze/pg_query_go/v6"

	"parley/datasets/files"
	"parley/engine"
)

// eval evaluates an expression over one group, in exact rationals.
func (q *query) eval(node *pg.Node, row *group) (value, error) {
	switch n := node.GetNode().(type) {
	case *pg.Node_FuncCall:
		return row.calls[n.FuncCall], nil
	case *pg.Node_ColumnRef:
		at := q.column(n.ColumnRef)
		for i, g := range q.groups {
			if g == at {
				return row.groups[i], nil
			}
		}
		return value{}, fmt.Errorf("plain SQL: a column that is not in GROUP BY")
	case *pg.Node_AConst:
		return literal(n.AConst)
	case *pg.Node_TypeCast:
		return q.evalCast(n.TypeCast, row)
	case *pg.Node_AExpr:
		return q.evalOperator(n.AExpr, row)
	case *pg.Node_BoolExpr:
		return q.evalLogic(n.BoolExpr, row)
	case *pg.Node_NullTest:
		v, err := q.eval(n.NullTest.Arg, row)
		return truth(v.IsNull() == (n.NullTest.Nulltesttype == pg.NullTestType_IS_NULL)), err
	case *pg.Node_BooleanTest:
		v, err := q.eval(n.BooleanTest.Arg, row)
		return booleanTest(n.BooleanTest.Booltesttype, v), err
	}
	return value{}, fmt.Errorf("plain SQL: an expression over aggregates that is not supported: %T", node.GetNode())
}

func truth(b bool) value { return value{Datum: engine.NewBoolean(b)} }

func booleanTest(test pg.BoolTestType, v value) value {
	isTrue, isFalse := !v.IsNull() && v.Bool, !v.IsNull() && !v.Bool
	switch test {
	case pg.BoolTestType_IS_TRUE:
		return truth(isTrue)
	case pg.BoolTestType_IS_NOT_TRUE:
		return truth(!isTrue)
	case pg.BoolTestType_IS_FALSE:
		return truth(isFalse)
	case pg.BoolTestType_IS_NOT_FALSE:
		return truth(!isFalse)
	case pg.BoolTestType_IS_UNKNOWN:
		return truth(v.IsNull())
	}
	return truth(!v.IsNull())
}

func literal(c *pg.A_Const) (value, error) {
	switch v := c.Val.(type) {
	case nil:
		if c.Isnull {
			return value{}, nil
		}
		return number(engine.NewInteger(0)), nil
	case *pg.A_Const_Ival:
		return number(engine.NewInteger(int64(v.Ival.GetIval()))), nil
	case *pg.A_Const_Fval:
		text := v.Fval.GetFval()
		whole, fraction, point := strings.Cut(text, ".")
		n, ok := new(big.Int).SetString(whole+fraction, 10)
		if !ok || len(n.String()) > files.MaxDigits || len(fraction) > files.MaxDigits {
			return value{}, fmt.Errorf("plain SQL: the number %s", text)
		}
		if !point && n.IsInt64() {
			return number(engine.NewInteger(n.Int64())), nil
		}
		return number(engine.NewDecimal(n, len(fraction))), nil
	case *pg.A_Const_Boolval:
		return truth(v.Boolval.GetBoolval()), nil
	case *pg.A_Const_Sval:
		return value{Datum: engine.NewText(v.Sval.GetSval()), literal: true}, nil
	}
	return value{}, fmt.Errorf("plain SQL: a constant that is not supported")
}

func (q *query) evalCast(cast *pg.TypeCast, row *group) (value, error) {
	v, err := q.eval(cast.Arg, row)
	if err != nil || v.IsNull() {
		return v, err
	}
	kind := castKind(cast)
	switch {
	case v.literal:
		d, err := engine.ParseDatum(kind, v.Text)
		if err != nil {
			return v, err
		}
		if d.Number != nil && d.Kind != engine.Date {
			return number(d), nil
		}
		return value{Datum: d}, nil
	case v.Kind == engine.Integer && kind == engine.Decimal:
		v.Kind = engine.Decimal
	case v.Kind != kind:
		return v, fmt.Errorf("plain SQL: a cast of %s to %s", v.Kind, castName(cast))
	}
	return v, nil
}

func castKind(cast *pg.TypeCast) engine.Kind {
	switch castName(cast) {
	case "numeric":
		return engine.Decimal
	case "int2", "int4", "int8":
		return engine.Integer
	case "date":
		return engine.Date
	case "bool":
		return engine.Boolean
	}
	return engine.Text
}

func (q *query) evalLogic(e *pg.BoolExpr, row *group) (value, error) {
	decisive := e.Boolop == pg.BoolExprType_OR_EXPR
	null := false
	for _, arg := range e.Args {
		v, err := q.eval(arg, row)
		switch {
		case err != nil:
			return v, err
		case v.IsNull():
			null = true
		case e.Boolop == pg.BoolExprType_NOT_EXPR:
			return truth(!v.Bool), nil
		case v.Bool == decisive:
			return truth(decisive), nil
		}
	}
	if null {
		return value{}, nil
	}
	return truth(!decisive), nil
}

func (q *query) evalOperator(e *pg.A_Expr, row *group) (value, error) {
	sign := ""
	if len(e.Name) > 0 {
		sign = e.Name[0].GetString_().GetSval()
	}
	var left value
	var err error
	if e.Lexpr != nil {
		if left, err = q.eval(e.Lexpr, row); err != nil {
			return left, err
		}
	}
	if list := e.Rexpr.GetList(); list != nil {
		var items []value
		for _, item := range list.Items {
			v, err := q.eval(item, row)
			if err != nil {
				return v, err
			}
			items = append(items, v)
		}
		return listOperator(e.Kind, sign, left, items)
	}
	right, err := q.eval(e.Rexpr, row)
	switch {
	case err != nil:
		return right, err
	case e.Kind == pg.A_Expr_Kind_AEXPR_OP && e.Lexpr == nil:
		return signed(sign, right)
	case e.Kind == pg.A_Expr_Kind_AEXPR_OP && strings.Contains("+-*/%", sign):
		return arithmetic(sign, left, right)
	case e.Kind == pg.A_Expr_Kind_AEXPR_OP:
		return compared(sign, left, right)
	}
	return left, fmt.Errorf("plain SQL: the operator %s over aggregates", sign)
}

// listOperator is BETWEEN and IN.
func listOperator(kind pg.A_Expr_Kind, sign string, left value, items []value) (value, error) {
	negated := kind == pg.A_Expr_Kind_AEXPR_NOT_BETWEEN || kind == pg.A_Expr_Kind_AEXPR_IN && sign == "<>"
	signs := make([]string, len(items))
	decisive := kind == pg.A_Expr_Kind_AEXPR_IN // what ends the search
	for i := range signs {
		signs[i] = "="
	}
	if !decisive {
		if len(items) != 2 {
			return left, fmt.Errorf("plain SQL: BETWEEN with %d bounds", len(items))
		}
		signs[0], signs[1] = ">=", "<="
	}
	null := false
	for i, item := range items {
		v, err := compared(signs[i], left, item)
		switch {
		case err != nil:
			return v, err
		case v.IsNull():
			null = true
		case v.Bool == decisive:
			return truth(decisive != negated), nil
		}
	}
	if null {
		return value{}, nil
	}
	return truth(decisive == negated), nil
}

func compared(sign string, a, b value) (value, error) {
	if a.IsNull() || b.IsNull() {
		return value{}, nil
	}
	var err error
	if a.literal && !b.literal {
		a, err = a.as(b.Kind)
	} else if b.literal && !a.literal {
		b, err = b.as(a.Kind)
	}
	if err != nil {
		return a, err
	}
	order := orderOf(a, b)
	switch sign {
	case "=":
		return truth(order == 0), nil
	case "<>":
		return truth(order != 0), nil
	case "<":
		return truth(order < 0), nil
	case "<=":
		return truth(order <= 0), nil
	case ">":
		return truth(order > 0), nil
	case ">=":
		return truth(order >= 0), nil
	}
	return a, fmt.Errorf("plain SQL: the operator %s", sign)
}

// as reads a string constant as a value of another kind.
func (v value) as(kind engine.Kind) (value, error) {
	d, err := engine.ParseDatum(kind, v.Text)
	if err == nil && (kind == engine.Integer || kind == engine.Decimal) {
		return number(d), nil
	}
	return value{Datum: d}, err
}

func signed(sign string, v value) (value, error) {
	if v.IsNull() || sign == "+" {
		return v, nil
	}
	if v.exact == nil {
		return v, fmt.Errorf("plain SQL: minus of %s", v.Kind)
	}
	v.Number, v.exact = new(big.Int).Neg(v.Number), new(big.Rat).Neg(v.exact)
	return v, nil
}

// arithmetic computes twice: on the digits that PostgreSQL would hold, and
// exactly.
func arithmetic(sign string, a, b value) (value, error) {
	if a.IsNull() || b.IsNull() {
		return value{}, nil
	}
	if a.exact == nil || b.exact == nil {
		return a, fmt.Errorf("plain SQL: %s of %s and %s", sign, a.Kind, b.Kind)
	}
	out := value{exact: new(big.Rat), quotient: a.quotient || b.quotient}
	out.Kind = engine.Decimal
	if a.Kind == engine.Integer && b.Kind == engine.Integer {
		out.Kind = engine.Integer
	}
	out.Scale = max(a.Scale, b.Scale)
	x := new(big.Int).Mul(a.Number, files.PowerOfTen(out.Scale-a.Scale))
	y := new(big.Int).Mul(b.Number, files.PowerOfTen(out.Scale-b.Scale))
	switch sign {
	case "+":
		out.Number, out.exact = x.Add(x, y), out.exact.Add(a.exact, b.exact)
		return out, nil
	case "-":
		out.Number, out.exact = x.Sub(x, y), out.exact.Sub(a.exact, b.exact)
		return out, nil
	case "*":
		out.Number, out.Scale = new(big.Int).Mul(a.Number, b.Number), a.Scale+b.Scale
		out.exact.Mul(a.exact, b.exact)
		return out, nil
	}
	if y.Sign() == 0 || b.exact.Sign() == 0 {
		return a, fmt.Errorf("plain SQL: division by zero")
	}
	whole := new(big.Rat).Quo(a.exact, b.exact)
	whole.SetInt(new(big.Int).Quo(whole.Num(), whole.Denom())) // truncated
	switch {
	case sign == "%":
		out.Number = x.Rem(x, y)
		out.exact.Sub(a.exact, whole.Mul(whole, b.exact))
		return out, nil
	case out.Kind == engine.Integer:
		out.Number, out.exact = x.Quo(x, y), whole
		return out, nil
	}
	return divided(a, b), nil
}

// kindOf is the kind of an output, which is known before there is any row.
func (q *query) kindOf(node *pg.Node) engine.Kind {
	switch n := node.GetNode().(type) {
	case *pg.Node_FuncCall:
		return callKind(n.FuncCall)
	case *pg.Node_ColumnRef:
		if at := q.column(n.ColumnRef); at >= 0 {
			return q.columns[at].kind
		}
	case *pg.Node_AConst:
		v, _ := literal(n.AConst)
		if v.Kind == engine.Null {
			return engine.Text
		}
		return v.Kind
	case *pg.Node_TypeCast:
		return castKind(n.TypeCast)
	case *pg.Node_AExpr:
		sign := ""
		if len(n.AExpr.Name) > 0 {
			sign = n.AExpr.Name[0].GetString_().GetSval()
		}
		if n.AExpr.Kind != pg.A_Expr_Kind_AEXPR_OP || !strings.Contains("+-*/%", sign) {
			return engine.Boolean
		}
		if n.AExpr.Lexpr != nil && q.kindOf(n.AExpr.Lexpr) == engine.Decimal || q.kindOf(n.AExpr.Rexpr) == engine.Decimal {
			return engine.Decimal
		}
		return engine.Integer
	}
	return engine.Boolean
}

// callKind is the kind of an aggregate: a sum of bigint is numeric in
// PostgreSQL, a sum of shorter integers is bigint.
func callKind(call *pg.FuncCall) engine.Kind {
	if functionOf(call) == "count" {
		return engine.Integer
	}
	if functionOf(call) == "avg" || len(call.Args) == 0 {
		return engine.Decimal
	}
	if shortInteger(call.Args[0]) {
		return engine.Integer
	}
	return engine.Decimal
}

// shortInteger reports whether PostgreSQL takes an expression for an integer of at
// most 32 bits: made of literals that fit and of casts. Columns have 64.
func shortInteger(node *pg.Node) bool {
	switch n := node.GetNode().(type) {
	case *pg.Node_AConst:
		_, small := n.AConst.Val.(*pg.A_Const_Ival)
		return small || n.AConst.Val == nil && !n.AConst.Isnull
	case *pg.Node_TypeCast:
		name := castName(n.TypeCast)
		return name == "int2" || name == "int4"
	case *pg.Node_AExpr:
		return (n.AExpr.Lexpr == nil || shortInteger(n.AExpr.Lexpr)) && shortInteger(n.AExpr.Rexpr)
	}
	return false
}
