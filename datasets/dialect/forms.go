package dialect

import (
	"fmt"
	"math/big"
	"slices"
	"strings"

	"parley/datasets/files"
	"parley/engine"
)

// form is how an operation is written, given its arguments. "" without an error says that there is no
// form for just these.
type form struct {
	least int // arguments
	write func(w Writer, e *engine.Expr, args []string, n width) (string, error)
	// between is the most bits of what is computed on the way, given those of the arguments; nil:
	// of nothing beyond the arguments and the result.
	between func(e *engine.Expr, args []int) int
}

// forms lists the operations that are written here, as most dialects write them.
var forms = map[engine.Op]form{
	engine.OpAdd: sum("+"), engine.OpSubtract: sum("-"), engine.OpMultiply: infix("*"),
	engine.OpDivide: {least: 2, write: writeDivide}, engine.OpModulo: {least: 2, write: writeModulo},
	engine.OpEqual: infix("="), engine.OpNotEqual: infix("<>"), engine.OpLess: infix("<"),
	engine.OpLessEqual: infix("<="), engine.OpGreater: infix(">"), engine.OpGreaterEq: infix(">="),
	engine.OpConcat:   infix("||"),
	engine.OpAnd:      joined("(", " AND ", ")"),
	engine.OpOr:       joined("(", " OR ", ")"),
	engine.OpCoalesce: joined("coalesce(", ", ", ")"),
	engine.OpGreatest: joined("greatest(", ", ", ")"), // which leave NULLs out
	engine.OpLeast:    joined("least(", ", ", ")"),
	engine.OpNegate:   around("(-%s)"),
	engine.OpNot:      around("(NOT %s)"),
	engine.OpIsNull:   around("(%s IS NULL)"),
	engine.OpIsTrue:   around("(%s IS TRUE)"),
	engine.OpIsFalse:  around("(%s IS FALSE)"),
	engine.OpAbs:      around("abs(%s)"),
	engine.OpRetype:   {least: 1, write: writeRetype, between: bitsOfClock},
	engine.OpIn:       {least: 2, write: writeIn},
	engine.OpLike:     {least: 2, write: writeLike},
	engine.OpTruth:    {least: 1, write: writeTruth},
	engine.OpRescale:  {least: 1, write: writeRescale},
	engine.OpCase:     {least: 1, write: writeCase},
	engine.OpPart:     {least: 2, write: writePart, between: bitsOfClock},
	engine.OpTruncate: {least: 2, write: writeTruncate, between: bitsOfClock},
	engine.OpReduce:   {least: 2, write: writeReduce, between: bitsOfReduce},
	engine.OpWidth:    {least: 4, write: writeWidth, between: bitsOfWidth},
}

// infix is an operator between two arguments in both languages.
func infix(operator string) form {
	return form{least: 2, write: func(_ Writer, _ *engine.Expr, args []string, _ width) (string, error) {
		return "(" + args[0] + " " + operator + " " + args[1] + ")", nil
	}}
}

// sum adds or subtracts. Days have a type of their own, and a number of days is a number like others.
func sum(operator string) form {
	return form{least: 2, write: func(w Writer, e *engine.Expr, args []string, n width) (string, error) {
		left := args[0]
		if w.typeOf(e.Args[0].Kind, n) != n.name {
			left = "CAST(" + left + " AS " + n.name + ")"
		}
		return "(" + left + " " + operator + " " + args[1] + ")", nil
	}}
}

// joined writes all arguments.
func joined(before, between, behind string) form {
	return form{least: 1, write: func(_ Writer, _ *engine.Expr, args []string, _ width) (string, error) {
		return before + strings.Join(args, between) + behind, nil
	}}
}

// around writes one argument.
func around(text string) form {
	return form{least: 1, write: func(_ Writer, _ *engine.Expr, args []string, _ width) (string, error) {
		return formatted(text)(args[0]), nil
	}}
}

// withoutNull is greatest or least of a database whose function is NULL when an argument is: each is
// replaced by the next that is not.
func withoutNull(function string) form {
	return form{least: 1, write: func(_ Writer, _ *engine.Expr, args []string, _ width) (string, error) {
		if len(args) == 1 {
			return args[0], nil
		}
		size := 0
		for _, a := range args {
			size += len(args) * len(a)
		}
		if size > maxLookup {
			return "", beyond("the greatest or least of %d expressions", len(args))
		}
		filled := make([]string, len(args))
		for i := range args {
			filled[i] = "coalesce(" + strings.Join(slices.Concat(args[i:], args[:i]), ", ") + ")"
		}
		return repeated(function+"("+strings.Join(filled, ", ")+")", args...)
	}}
}

func writeDivide(_ Writer, _ *engine.Expr, args []string, n width) (string, error) {
	return n.divide(args[0], args[1]), nil
}

func writeModulo(_ Writer, _ *engine.Expr, args []string, n width) (string, error) {
	return n.modulo(args[0], args[1]), nil
}

func writeIn(_ Writer, _ *engine.Expr, args []string, _ width) (string, error) {
	return "(" + args[0] + " IN (" + strings.Join(args[1:], ", ") + "))", nil
}

func writeLike(_ Writer, _ *engine.Expr, args []string, _ width) (string, error) {
	return "(" + args[0] + " LIKE " + args[1] + ` ESCAPE '\')`, nil
}

func writeTruth(_ Writer, _ *engine.Expr, args []string, n width) (string, error) {
	truth := fmt.Sprintf("(CASE WHEN %[1]s THEN %[2]s WHEN NOT %[1]s THEN %[3]s END)", args[0], number(one, n.name), number(zero, n.name))
	return repeated(truth, args[0])
}

func writeRescale(_ Writer, e *engine.Expr, args []string, n width) (string, error) {
	return scaledUp(args[0], e.Scale-e.Args[0].Scale, n)
}

func writeCase(_ Writer, _ *engine.Expr, args []string, _ width) (string, error) {
	var out strings.Builder
	last := len(args) - 1
	if last%2 != 0 {
		return "", fmt.Errorf("datasets: a CASE without a value otherwise")
	}
	if last == 0 {
		return args[0], nil
	}
	out.WriteString("(CASE")
	for i := 0; i < last; i += 2 {
		out.WriteString(" WHEN " + args[i] + " THEN " + args[i+1])
	}
	return out.String() + " ELSE " + args[last] + " END)", nil
}

// substringBy counts characters from the text's first: before it there are none, which databases say
// each in its way.
func substringBy(function string) form {
	return form{least: 3, write: func(_ Writer, e *engine.Expr, args []string, _ width) (string, error) {
		from, length := e.Args[1].Value.Number, e.Args[2].Value.Number
		if from == nil || length == nil {
			return "", nil
		}
		if from.Sign() <= 0 {
			from, length = one, new(big.Int).Add(length, new(big.Int).Sub(from, one))
		}
		most := big.NewInt(files.MaxFieldBytes)
		if length.Sign() <= 0 || from.Cmp(most) > 0 {
			return "", nil
		}
		if length.Cmp(most) > 0 {
			length = most
		}
		return "(" + function + "(" + args[0] + ", " + from.String() + ", " + length.String() + "))", nil
	}}
}

// maxRepeated bounds the text in bytes of an argument that a form writes more than once: nested
// ones would grow without it.
const maxRepeated = 1 << 12

// repeated gives a text in which arguments stand more than once, if they are short enough.
func repeated(out string, args ...string) (string, error) {
	for _, a := range args {
		if len(a) > maxRepeated {
			return "", beyond("an expression of more than %d bytes that has to be written twice", maxRepeated)
		}
	}
	return out, nil
}
