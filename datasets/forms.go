package datasets

import (
	"fmt"
	"math/big"
	"strings"

	"parley/datasets/files"
	"parley/engine"
)

// sqlForm is how an operation is written in DuckDB's SQL, given its arguments.
type sqlForm struct {
	least int // arguments
	write func(e *engine.Expr, args []string, integer string) (string, error)
	// between is the most bits of what is computed on the way, given those of the arguments; nil:
	// of nothing beyond the arguments and the result.
	between func(e *engine.Expr, args []int) int
}

// forms lists the operations that are written here. DuckDB's // truncates toward zero on
// integers, as PostgreSQL's /.
var forms = map[engine.Op]sqlForm{
	engine.OpAdd: sum("+"), engine.OpSubtract: sum("-"), engine.OpMultiply: infix("*"),
	engine.OpDivide: infix("//"), engine.OpModulo: infix("%"),
	engine.OpEqual: infix("="), engine.OpNotEqual: infix("<>"), engine.OpLess: infix("<"),
	engine.OpLessEqual: infix("<="), engine.OpGreater: infix(">"), engine.OpGreaterEq: infix(">="),
	engine.OpConcat:   infix("||"),
	engine.OpAnd:      joined("(", " AND ", ")"),
	engine.OpOr:       joined("(", " OR ", ")"),
	engine.OpCoalesce: joined("coalesce(", ", ", ")"),
	engine.OpGreatest: joined("greatest(", ", ", ")"), // which leave NULLs out
	engine.OpLeast:    joined("least(", ", ", ")"),
	engine.OpNegate:   around("(-", ")"),
	engine.OpNot:      around("(NOT ", ")"),
	engine.OpIsNull:   around("(", " IS NULL)"),
	engine.OpIsTrue:   around("(", " IS NOT DISTINCT FROM true)"),
	engine.OpIsFalse:  around("(", " IS NOT DISTINCT FROM false)"),
	engine.OpAbs:      around("abs(", ")"),
	engine.OpRetype:   around("", ""), // both kinds are days
	engine.OpIn:       {least: 2, write: writeIn},
	engine.OpLike:     {least: 2, write: writeLike},
	engine.OpTruth:    {least: 1, write: writeTruth},
	engine.OpRescale:  {least: 1, write: writeRescale},
	engine.OpCase:     {least: 1, write: writeCase},
	engine.OpPart:     {least: 2, write: writePart},
	engine.OpTruncate: {least: 2, write: writeTruncate},
	engine.OpReduce:   {least: 2, write: writeReduce, between: bitsOfReduce},
	engine.OpWidth:    {least: 4, write: writeWidth, between: bitsOfWidth},
}

// infix is an operator between two arguments in both languages.
func infix(operator string) sqlForm {
	return sqlForm{least: 2, write: func(_ *engine.Expr, args []string, _ string) (string, error) {
		return "(" + args[0] + " " + operator + " " + args[1] + ")", nil
	}}
}

// sum adds or subtracts. Days are 32 bits wide, and a number of days a number like others.
func sum(operator string) sqlForm {
	return sqlForm{least: 2, write: func(e *engine.Expr, args []string, integer string) (string, error) {
		left := args[0]
		if sqlType(e.Args[0].Kind, integer) != integer {
			left = "CAST(" + left + " AS " + integer + ")"
		}
		return "(" + left + " " + operator + " " + args[1] + ")", nil
	}}
}

// joined writes all arguments.
func joined(before, between, behind string) sqlForm {
	return sqlForm{least: 1, write: func(_ *engine.Expr, args []string, _ string) (string, error) {
		return before + strings.Join(args, between) + behind, nil
	}}
}

// around writes one argument.
func around(before, behind string) sqlForm {
	return sqlForm{least: 1, write: func(_ *engine.Expr, args []string, _ string) (string, error) {
		return before + args[0] + behind, nil
	}}
}

func writeIn(_ *engine.Expr, args []string, _ string) (string, error) {
	return "(" + args[0] + " IN (" + strings.Join(args[1:], ", ") + "))", nil
}

func writeLike(_ *engine.Expr, args []string, _ string) (string, error) {
	return "(" + args[0] + " LIKE " + args[1] + ` ESCAPE '\')`, nil
}

func writeTruth(_ *engine.Expr, args []string, integer string) (string, error) {
	return "CAST(" + args[0] + " AS " + integer + ")", nil
}

func writeRescale(e *engine.Expr, args []string, integer string) (string, error) {
	return scaledUp(args[0], e.Scale-e.Args[0].Scale, integer)
}

func writeCase(_ *engine.Expr, args []string, _ string) (string, error) {
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

// dateOf makes a DATE of a number of days.
func dateOf(days string) string { return "(DATE '1970-01-01' + CAST(" + days + " AS INTEGER))" }

// dateParts are the fields that DuckDB's date_part has as the engine, and dateTruncations those
// that its date_trunc has: TestEveryDay compares them. Its centuries begin with a year 0.
var (
	dateParts = map[string]bool{"day": true, "week": true, "month": true, "quarter": true, "year": true, "decade": true,
		"century": true, "millennium": true, "dow": true, "isodow": true, "doy": true, "isoyear": true}
	dateTruncations = map[string]bool{"week": true, "month": true, "quarter": true, "year": true, "decade": true}
	longTruncations = map[string]int{"century": 100, "millennium": 1000}
)

func writePart(e *engine.Expr, args []string, integer string) (string, error) {
	switch field := e.Args[1].Value.Text; {
	case dateParts[field]:
		return "CAST(date_part('" + field + "', " + dateOf(args[0]) + ") AS " + integer + ")", nil
	case field == "epoch":
		return fmt.Sprintf("(CAST(%s AS %s) * %d)", args[0], integer, files.SecondsPerDay), nil
	case field == "julian":
		return fmt.Sprintf("(CAST(%s AS %s) + %d)", args[0], integer, julianEpoch), nil
	}
	return "", errGoPath
}

// julianEpoch is the Julian day of 1970-01-01.
const julianEpoch = 2440588

func writeTruncate(e *engine.Expr, args []string, _ string) (string, error) {
	field := e.Args[1].Value.Text
	var begin string
	switch years := longTruncations[field]; {
	case field == "day":
		return args[0], nil
	case dateTruncations[field]:
		begin = "CAST(date_trunc('" + field + "', " + dateOf(args[0]) + ") AS DATE)"
	case years > 0:
		begin = fmt.Sprintf("make_date((date_part('%s', %s) - 1) * %d + 1, 1, 1)", field, dateOf(args[0]), years)
	default:
		return "", errGoPath
	}
	return "CAST(" + begin + " - DATE '1970-01-01' AS INTEGER)", nil
}

// maxRepeated bounds the text in bytes of an argument that a form writes more than once: nested
// ones would grow without it. Beyond it the rows are gone through in Go.
const maxRepeated = 1 << 12

// writeReduce divides by a power of ten; before that it moves the dividend so far that the
// division, which truncates, rounds as it is asked to.
func writeReduce(e *engine.Expr, args []string, integer string) (string, error) {
	places := e.Args[0].Scale - e.Scale
	if places <= 0 {
		return scaledUp(args[0], -places, integer)
	}
	unit := files.PowerOfTen(places)
	less, half := new(big.Int).Sub(unit, one), new(big.Int).Rsh(unit, 1)
	below, above := new(big.Int), new(big.Int) // what is added to dividends below and above 0
	switch e.Args[1].Value.Text {
	case "trunc":
	case "floor":
		below.Neg(less)
	case "ceil":
		above = less
	case "round":
		below.Neg(half)
		above = half
	default:
		return "", errGoPath
	}
	number := func(n *big.Int) string { return "CAST('" + n.String() + "' AS " + integer + ")" }
	x := args[0]
	switch x0 := e.Args[0]; {
	case x0.Min == nil || below.Cmp(above) == 0:
	case x0.Min.Sign() >= 0:
		x = "(" + x + " + " + number(above) + ")"
	case x0.Max.Sign() <= 0:
		x = "(" + x + " + " + number(below) + ")"
	case len(x) > maxRepeated:
		return "", errGoPath
	default:
		x = fmt.Sprintf("(%[1]s + CASE WHEN %[1]s < 0 THEN %[2]s ELSE %[3]s END)", x, number(below), number(above))
	}
	return "(" + x + " // " + number(unit) + ")", nil
}

func bitsOfReduce(e *engine.Expr, args []int) int {
	unit := files.PowerOfTen(max(e.Args[0].Scale-e.Scale, 0)).BitLen()
	return max(args[0], unit) + 1
}

// writeWidth numbers the bins from 1.
func writeWidth(e *engine.Expr, args []string, integer string) (string, error) {
	lo, hi := e.Args[1].Value.Number, e.Args[2].Value.Number
	if lo == nil || hi == nil || lo.Cmp(hi) == 0 || len(args[0]) > maxRepeated {
		return "", errGoPath
	}
	below, from, to := args[0]+" < "+args[1], args[0]+" - "+args[1], args[2]+" - "+args[1]
	beyond := args[0] + " >= " + args[2]
	if lo.Cmp(hi) > 0 { // downwards
		below, from, to = args[0]+" > "+args[1], args[1]+" - "+args[0], args[1]+" - "+args[2]
		beyond = args[0] + " <= " + args[2]
	}
	return fmt.Sprintf("(CASE WHEN %[1]s THEN CAST(0 AS %[2]s) WHEN %[3]s THEN %[4]s + 1 ELSE ((%[5]s) * %[4]s) // (%[6]s) + 1 END)",
		below, integer, beyond, args[3], from, to), nil
}

// bitsOfWidth are those of a distance times the number of bins.
func bitsOfWidth(_ *engine.Expr, args []int) int { return max(args[0], args[1], args[2]) + 1 + args[3] }
