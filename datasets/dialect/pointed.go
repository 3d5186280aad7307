package dialect

import (
	"slices"
	"strings"

	"parley/engine"
)

// pointed writes a number as it is, with its places behind the point, of operations that keep it exact;
// false for others.
func (w Writer) pointed(e *engine.Expr) (string, bool) {
	if !numeric(e.Kind) {
		return "", false
	}
	var args []string
	for i, a := range e.Args {
		if e.Op == engine.OpCase && i%2 == 0 && i < len(e.Args)-1 {
			condition, err := w.Expression(a)
			if err != nil {
				return "", false
			}
			args = append(args, condition)
			continue
		}
		arg, ok := w.pointed(a)
		if !ok {
			return "", false
		}
		args = append(args, arg)
	}
	const decimal = "NUMERIC"
	switch e.Op {
	case engine.OpColumn:
		c, err := w.at(e)
		switch {
		case err != nil:
			return "", false
		case c.Kind == engine.Null:
			return "CAST(NULL AS " + decimal + ")", true
		case c.Bare != "" && c.BareScale == 0:
			return c.Bare, true
		case numeric(c.Kind) && c.Scale == 0:
			return "CAST(" + c.SQL + " AS " + decimal + ")", true
		}
	case engine.OpConstant:
		if e.Value.IsNull() {
			return "CAST(NULL AS " + decimal + ")", true
		}
		if e.Value.Number == nil {
			return "", false
		}
		value := engine.Datum{Kind: engine.Decimal, Number: e.Value.Number, Scale: e.Scale}
		return "CAST('" + value.String() + "' AS " + decimal + ")", true
	case engine.OpRescale:
		return args[0], true
	case engine.OpNegate:
		return "(-" + args[0] + ")", true
	case engine.OpAdd, engine.OpSubtract, engine.OpMultiply:
		operator := map[engine.Op]string{engine.OpAdd: " + ", engine.OpSubtract: " - ", engine.OpMultiply: " * "}[e.Op]
		return "(" + strings.Join(args, operator) + ")", true
	case engine.OpQuotient:
		return divided(e, args), true
	case engine.OpCoalesce:
		return "coalesce(" + strings.Join(args, ", ") + ")", true
	case engine.OpCase:
		if out, err := writeCase(w, e, args, width{}); err == nil {
			return out, true
		}
	}
	return "", false
}

// hasBare reports whether e is of a column that has places behind the point, or is a quotient, which has.
func (w Writer) hasBare(e *engine.Expr) bool {
	if e.Op == engine.OpColumn {
		c, err := w.at(e)
		return err == nil && c.Bare != ""
	}
	return e.Op == engine.OpQuotient || slices.ContainsFunc(e.Args, w.hasBare)
}
