package engine

import (
	"fmt"
	"math/big"
	"slices"
)

// value is a result of evaluation: over rows its exact part is nil; over cells a
// number carries the exact rational beside what PostgreSQL would hold.
type value struct {
	Datum
	exact *big.Rat
	// digits is how many significant digits of exact are right; 0 means all.
	digits int
	// infinite is the sign of a Float beyond all bounds; its exact is nil.
	infinite int
	// reason says why a statistic is NULL.
	reason string
}

// compare orders two values of one kind, numbers by their exact part.
func (v value) compare(o value) int {
	if v.exact != nil && o.exact != nil {
		return v.exact.Cmp(o.exact)
	}
	return v.Datum.Compare(o.Datum)
}

// domain is what differs between rows and cells.
type domain interface {
	leaf(e *Expr) (value, error)                     // columns, groups and cells, constants
	arithmetic(e *Expr, args []value) (value, error) // of arguments that are not NULL
	function(e *Expr, args []value) (value, error)
}

// evaluate is the semantics of Expr, the same over rows and over cells.
func evaluate(e *Expr, d domain) (value, error) {
	switch e.Op {
	case OpConstant, OpColumn, OpStart, OpGroup, OpCount, OpSum, OpAverage, OpMoment, OpWindow, OpGrouping:
		return d.leaf(e)
	case OpAnd:
		return connect(e, d, false)
	case OpOr:
		return connect(e, d, true)
	case OpIn:
		return evaluateIn(e, d)
	case OpCase:
		return evaluateCase(e, d)
	case OpCoalesce:
		return evaluateCoalesce(e, d)
	case OpGreatest, OpLeast:
		return evaluateBest(e, d)
	}
	args := make([]value, len(e.Args))
	null := false
	for i, arg := range e.Args {
		var err error
		if args[i], err = evaluate(arg, d); err != nil {
			return value{}, err
		}
		null = null || args[i].IsNull()
	}
	if len(args) == 0 {
		return value{}, fmt.Errorf("operation %d has no arguments", e.Op)
	}
	switch e.Op {
	case OpFunction:
		return d.function(e, args)
	case OpIsNull:
		return truthValue(args[0].IsNull()), nil
	case OpIsTrue:
		return truthValue(args[0].Kind == Boolean && args[0].Bool), nil
	case OpIsFalse:
		return truthValue(args[0].Kind == Boolean && !args[0].Bool), nil
	}
	if null {
		return value{}, nil
	}
	if e.Op.isScore() {
		v, err := e.score(args[0].Datum)
		return value{Datum: v}, err
	}
	if e.Op == OpFigure {
		f, known := figureFunctions[e.Value.Text]
		if !known {
			return value{}, fmt.Errorf("there is no function %s of figures", quote(e.Value.Text))
		}
		if slices.ContainsFunc(args, func(a value) bool { return a.infinite != 0 }) && e.Value.Text != "text" {
			return undefined("it is a function of infinity"), nil
		}
		return f(e.Kind, args), nil
	}
	if e.Op.isRow() {
		return rowValue(e, d, args)
	}
	switch e.Op {
	case OpNot:
		return truthValue(!args[0].Bool), nil
	case OpTruth:
		return value{Datum: NewInteger(truthNumber(args[0].Bool))}, nil
	case OpNegate, OpRescale, OpAdd, OpSubtract, OpMultiply, OpDivide, OpModulo:
		return d.arithmetic(e, args)
	case OpLike:
		return truthValue(like(args[0].Text, args[1].Text)), nil
	}
	order := args[0].compare(args[len(args)-1])
	switch e.Op {
	case OpEqual:
		return truthValue(order == 0), nil
	case OpNotEqual:
		return truthValue(order != 0), nil
	case OpLess:
		return truthValue(order < 0), nil
	case OpLessEqual:
		return truthValue(order <= 0), nil
	case OpGreater:
		return truthValue(order > 0), nil
	case OpGreaterEq:
		return truthValue(order >= 0), nil
	}
	return value{}, fmt.Errorf("unknown operation %d", e.Op)
}

func truthValue(b bool) value { return value{Datum: NewBoolean(b)} }

func truthNumber(b bool) int64 {
	if b {
		return 1
	}
	return 0
}

// connect is AND and OR: decided by the first argument that equals decisive, NULL
// if one is NULL otherwise. Arguments after the decision are not evaluated.
func connect(e *Expr, d domain, decisive bool) (value, error) {
	null := false
	for _, arg := range e.Args {
		v, err := evaluate(arg, d)
		switch {
		case err != nil:
			return value{}, err
		case v.IsNull():
			null = true
		case v.Bool == decisive:
			return truthValue(decisive), nil
		}
	}
	if null {
		return value{}, nil
	}
	return truthValue(!decisive), nil
}

func evaluateIn(e *Expr, d domain) (value, error) {
	left, err := evaluate(e.Args[0], d)
	if err != nil || left.IsNull() {
		return value{}, err
	}
	null := false
	for _, arg := range e.Args[1:] {
		right, err := evaluate(arg, d)
		switch {
		case err != nil:
			return value{}, err
		case right.IsNull():
			null = true
		case left.compare(right) == 0:
			return truthValue(true), nil
		}
	}
	if null {
		return value{}, nil
	}
	return truthValue(false), nil
}

// rows is the domain of one row.
type rows struct {
	column func(int) Datum
}

// Eval evaluates an expression over one row: it is the specification of what every
// other evaluation must give. row returns the value of Schema.Columns[column] with
// the department's own kind and scale: an Integer or a Decimal of smaller scale
// where the schema has a Decimal, and NULL anywhere; of column −1−r, Plan.Start of
// range r in the row's group, where the plan has such. The result is exact at any
// width, with e's Kind and Scale, or NULL. The error means that a row's value does
// not have its column's kind.
func (e *Expr) Eval(row func(column int) Datum) (Datum, error) {
	v, err := evaluate(e, rows{row})
	return v.Datum, err
}

func (r rows) leaf(e *Expr) (value, error) {
	switch e.Op {
	case OpConstant:
		return value{Datum: e.Value}, nil
	case OpColumn, OpStart:
		at := e.Column
		if e.Op == OpStart {
			at = -1 - at
		}
		d := r.column(at)
		switch {
		case d.IsNull():
			return value{}, nil
		case d.Kind != e.Kind && !(d.Kind == Integer && e.Kind == Decimal):
			return value{}, fmt.Errorf("column %d holds a %s where a %s is registered", e.Column, d.Kind, e.Kind)
		case d.Scale > e.Scale:
			return value{}, fmt.Errorf("column %d holds a value with %d decimal places where %d are registered", e.Column, d.Scale, e.Scale)
		}
		d.Number = rescaled(d, e.Scale)
		d.Kind, d.Scale = e.Kind, e.Scale
		return value{Datum: d}, nil
	}
	return value{}, fmt.Errorf("operation %d stands over cells, not over rows", e.Op)
}

func (r rows) arithmetic(e *Expr, args []value) (value, error) {
	out, a := new(big.Int), args[0].Number
	b := args[len(args)-1].Number
	switch e.Op {
	case OpNegate:
		out.Neg(a)
	case OpRescale:
		out.Set(rescale(a, e.Scale-e.Args[0].Scale))
	case OpAdd:
		out.Add(a, b)
	case OpSubtract:
		out.Sub(a, b)
	case OpMultiply:
		out.Mul(a, b)
	default:
		if b.Sign() == 0 {
			return value{}, fmt.Errorf("division by zero")
		}
		if e.Op == OpDivide {
			out.Quo(a, b)
		} else {
			out.Rem(a, b)
		}
	}
	return value{Datum: Datum{Kind: e.Kind, Number: out, Scale: e.Scale}}, nil
}

func (r rows) function(e *Expr, _ []value) (value, error) {
	return value{}, fmt.Errorf("operation %d stands over cells, not over rows", e.Op)
}

// like matches PostgreSQL's LIKE: % is any run of characters, _ one character, a
// backslash makes the next character ordinary. It backtracks to the last % only, so
// its cost is at most the product of the lengths.
func like(s, pattern string) bool {
	text, parts := []rune(s), patternParts(pattern)
	i, j := 0, 0
	restartText, restartPattern := 0, -1
	for i < len(text) {
		switch {
		case j < len(parts) && parts[j].run:
			j++
			restartText, restartPattern = i, j
		case j < len(parts) && (parts[j].any || parts[j].char == text[i]):
			i++
			j++
		case restartPattern >= 0:
			restartText++
			i, j = restartText, restartPattern
		default:
			return false
		}
	}
	for j < len(parts) && parts[j].run {
		j++
	}
	return j == len(parts)
}

// patternPart is one element of a LIKE pattern.
type patternPart struct {
	run, any bool
	char     rune
}

func patternParts(pattern string) []patternPart {
	var parts []patternPart
	escaped := false
	for _, r := range pattern {
		switch {
		case escaped:
			parts, escaped = append(parts, patternPart{char: r}), false
		case r == '\\':
			escaped = true
		default:
			parts = append(parts, patternPart{run: r == '%', any: r == '_', char: r})
		}
	}
	return parts
}

// completePattern reports whether a pattern does not end in an escape of nothing.
func completePattern(pattern string) bool {
	escaped := false
	for _, r := range pattern {
		escaped = !escaped && r == '\\'
	}
	return !escaped
}
