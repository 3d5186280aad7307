package engine

import (
	"fmt"
	"strconv"
	"strings"
)

var opSigns = map[Op]string{
	OpAdd: "+", OpSubtract: "-", OpMultiply: "*", OpDivide: "/", OpModulo: "%",
	OpEqual: "=", OpNotEqual: "<>", OpLess: "<", OpLessEqual: "<=", OpGreater: ">", OpGreaterEq: ">=",
	OpLike: "LIKE", OpConcat: "||", OpQuotient: "/", OpMatch: "~", OpAnd: "AND", OpOr: "OR",
}

// scoreNames are how a step's row scores are written: μ is the probability that its
// coefficients give to y being 1.
var scoreNames = map[Op]string{OpLogistic: "μ", OpSlope: "μ(1−μ)", OpSoftplus: "−ln P(y)"}

// describe writes an expression for people to read, with every parenthesis.
func (p *Plan) describe(e *Expr) string {
	args := make([]string, len(e.Args))
	for i, a := range e.Args {
		args[i] = p.describe(a)
		if len(a.Args) > 0 && a.Op != OpRescale {
			args[i] = "(" + args[i] + ")"
		}
	}
	switch e.Op {
	case OpConstant:
		return literal(e.Value)
	case OpColumn:
		return p.Schema.Columns[e.Column].Name
	case OpStart:
		return fmt.Sprintf("the group's start %d", e.Column+1)
	case OpGroup:
		return p.describe(p.Groups[e.Column].Expr)
	case OpFunction, OpFigure:
		return e.Value.Text + p.describeArguments(e.Args)
	case OpGrouping:
		return "grouping" + p.describeArguments(e.Args)
	case OpWindow:
		return p.describeWindow(e)
	case OpCount, OpSum, OpMoment:
		return p.describeMoment(e.Column)
	case OpAverage:
		return p.describeMoment(e.Column) + " / " + p.describeMoment(e.Count)
	case OpNegate:
		return "-" + args[0]
	case OpRescale: // the same number
		return args[0]
	case OpNot:
		return "NOT " + args[0]
	case OpIsNull:
		return args[0] + " IS NULL"
	case OpIsTrue:
		return args[0] + " IS TRUE"
	case OpIsFalse:
		return args[0] + " IS FALSE"
	case OpTruth:
		return "[" + args[0] + "]"
	case OpLogistic, OpSlope, OpSoftplus:
		return scoreNames[e.Op] // of the one linear predictor that a plan has
	case OpBucket:
		return "bucket(" + p.describe(e.Args[0]) + ")"
	case OpCase:
		return describeCase(args)
	case OpRetype, OpReduce, OpTruncate, OpPart, OpFormat, OpString, OpUpper, OpLower, OpSubstring, OpLength, OpAbs, OpWidth, OpCoalesce, OpGreatest, OpLeast,
		OpLn, OpExp, OpSqrt, OpShift, OpTrim:
		return p.describeRow(e)
	case OpIn:
		return args[0] + " IN (" + strings.Join(args[1:], ", ") + ")"
	}
	return strings.Join(args, " "+opSigns[e.Op]+" ")
}

func describeCase(args []string) string {
	out := "CASE"
	for i := 0; i+1 < len(args); i += 2 {
		out += " WHEN " + args[i] + " THEN " + args[i+1]
	}
	return out + " ELSE " + args[len(args)-1] + " END"
}

// rowNames are how operations over rows are called.
var rowNames = map[Op]string{
	OpCoalesce: "coalesce", OpUpper: "upper", OpLower: "lower", OpSubstring: "substr", OpLength: "length", OpGreatest: "greatest", OpLeast: "least", OpAbs: "abs", OpWidth: "width_bucket",
	OpLn: "ln", OpExp: "exp", OpSqrt: "sqrt",
}

// describeRow writes an operation over rows as its call.
func (p *Plan) describeRow(e *Expr) string {
	args := make([]string, len(e.Args))
	for i, a := range e.Args {
		args[i] = p.describe(a)
	}
	switch e.Op {
	case OpRetype, OpString:
		return "CAST(" + args[0] + " AS " + e.Kind.String() + ")"
	case OpReduce:
		return fmt.Sprintf("%s(%s, %d)", e.Args[1].Value.Text, args[0], e.Scale)
	case OpPart:
		return "extract(" + e.Args[1].Value.Text + " from " + args[0] + ")"
	case OpTruncate:
		return "date_trunc(" + args[1] + ", " + args[0] + ")"
	case OpFormat:
		return "to_char(" + strings.Join(args, ", ") + ")"
	case OpShift:
		by := fmt.Sprintf("%s months %s days", args[1], args[2])
		if micros := e.Args[3].Value.Number; micros.Sign() != 0 {
			by += " " + shortDecimal(micros, microsecondPlaces) + " seconds"
		}
		return args[0] + " + INTERVAL '" + by + "'"
	case OpTrim:
		return "trim(" + e.Args[1].Value.Text + " " + args[2] + " from " + args[0] + ")"
	case OpSubstring:
		if n := e.Args[1].Value.Number; n.IsInt64() && n.Int64() == 1 {
			return "left(" + args[0] + ", " + args[2] + ")"
		}
	}
	return rowNames[e.Op] + "(" + strings.Join(args, ", ") + ")"
}

// literal writes a value as a question would, but for characters that are not a terminal's
// business.
func literal(v Datum) string {
	text := v.String()
	switch {
	case v.Kind != Text && !v.Kind.temporal():
		return text
	case strings.ContainsFunc(text, IsControl):
		return strconv.Quote(text)
	}
	return "'" + strings.ReplaceAll(text, "'", "''") + "'"
}

// describeWindow writes a window function.
func (p *Plan) describeWindow(e *Expr) string {
	w := p.Windows[e.Column]
	list := func(from, to int) string {
		var out []string
		for i := from; i < to; i++ {
			text := p.describe(e.Args[i])
			if i >= w.Arguments+w.Partition && w.Order[i-w.Arguments-w.Partition].Descending {
				text += " DESC"
			}
			out = append(out, text)
		}
		return strings.Join(out, ", ")
	}
	behind := w.Arguments + w.Partition
	var over []string
	if w.Partition > 0 {
		over = append(over, "PARTITION BY "+list(w.Arguments, behind))
	}
	if len(w.Order) > 0 {
		over = append(over, "ORDER BY "+list(behind, len(e.Args)))
	}
	return w.Function + "(" + list(0, w.Arguments) + ") OVER (" + strings.Join(over, " ") + ")"
}

// describeMoment writes what a moment adds up.
func (p *Plan) describeMoment(m int) string {
	moment := p.Moments[m]
	text := "count(*)"
	switch moment.Op {
	case CountNonNull:
		text = "count(" + p.describe(moment.Expr) + ")"
	case CountKeys:
		text = "count(DISTINCT " + p.describe(moment.Expr) + ")"
	case Present:
		text = "whether there are rows"
	case Sum:
		text = "sum(" + p.describe(moment.Expr) + ")"
	case Weigh:
		text = "what of sum(" + p.describe(moment.Expr) + ") its largest rows leave"
	}
	if moment.Filter != nil {
		text += " FILTER (WHERE " + p.describe(moment.Filter) + ")"
	}
	if moment.Within > 0 {
		whole := p.Moments[moment.Within-1]
		whole.Within, whole.Most, whole.Below = 0, 0, 0
		text = "the other rows of " + (&Plan{Schema: p.Schema, Moments: []Moment{whole}}).describeMoment(0) + " than those of " + text
	}
	switch {
	case moment.Below > 0 && p.veils(m) > 0:
		return fmt.Sprintf("whether %s is above 0 and, with noise, below %d", text, p.aboveFloor(m))
	case moment.Below > 0:
		return fmt.Sprintf("whether %s is above 0 and below %d", text, moment.Below)
	case moment.Most > 0 && p.veils(m) > 0 && p.Screen.Rules.Floor > 1:
		return fmt.Sprintf("%s, with noise, at most %d, none below %d", text, moment.Most, p.aboveFloor(m))
	case moment.Most > 0 && p.veils(m) > 0:
		return fmt.Sprintf("%s, with noise, from 1 where there are any to %d", text, moment.Most)
	case moment.Most > 0 && p.Screen != nil && p.Screen.Rules.Floor > 1:
		return fmt.Sprintf("%s, at most %d, none below %d", text, moment.Most, p.Screen.Rules.Floor)
	case moment.Most > 0:
		return fmt.Sprintf("%s, at most %d", text, moment.Most)
	}
	return text
}

// maxDescribed is how many arguments of a statistic are written out.
const maxDescribed = 12

// describeArguments writes what a statistic is finished from: its constants and its
// cells, of many the first and the last.
func (p *Plan) describeArguments(args []*Expr) string {
	var parts []string
	for i, a := range args {
		switch {
		case i < maxDescribed/2, i >= len(args)-maxDescribed/2, len(args) <= maxDescribed:
			parts = append(parts, p.describe(a))
		case i == maxDescribed/2:
			parts = append(parts, "...")
		}
	}
	return "(" + strings.Join(parts, ", ") + ")"
}

// Plural writes a number of things: "1 row", "2 rows", "3 queries".
func Plural[N int | int64](n N, noun string) string {
	stem, y := strings.CutSuffix(noun, "y")
	switch {
	case n == 1:
		return "1 " + noun
	case y && !strings.ContainsAny(stem[max(0, len(stem)-1):], "aeiou"):
		return fmt.Sprintf("%d %sies", n, stem)
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
