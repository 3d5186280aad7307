package dialect

import (
	"fmt"
	"math/big"

	"parley/datasets/files"
	"parley/engine"
)

var zero, one = new(big.Int), big.NewInt(1)

// writeReduce divides by a power of ten; before that it moves the dividend so far that the
// division, which truncates, rounds as it is asked to.
func writeReduce(_ Writer, e *engine.Expr, args []string, n width) (string, error) {
	places := e.Args[0].Scale - e.Scale
	if places <= 0 {
		return scaledUp(args[0], -places, n)
	}
	unit := files.PowerOfTen(places)
	less, half := new(big.Int).Sub(unit, one), new(big.Int).Rsh(unit, 1)
	below, above := zero, zero // what is added to dividends below and above 0
	switch e.Args[1].Value.Text {
	case "trunc":
	case "floor":
		below = new(big.Int).Neg(less)
	case "ceil":
		above = less
	case "round":
		below = new(big.Int).Neg(half)
		above = half
	default:
		return "", nil
	}
	x := args[0]
	switch x0 := e.Args[0]; {
	case x0.Min == nil || below.Cmp(above) == 0:
	case x0.Min.Sign() >= 0:
		x = "(" + x + " + " + number(above, n.name) + ")"
	case x0.Max.Sign() <= 0:
		x = "(" + x + " + " + number(below, n.name) + ")"
	default:
		if x0.Op != engine.OpQuotient || len(x) > maxLookup/4 { // in a quotient is no other, so it may be long
			if _, err := repeated("", x); err != nil {
				return "", err
			}
		}
		x = fmt.Sprintf("(%[1]s + CASE WHEN %[1]s < 0 THEN %[2]s ELSE %[3]s END)", x, number(below, n.name), number(above, n.name))
	}
	return n.divide(x, number(unit, n.name)), nil
}

func bitsOfReduce(e *engine.Expr, args []int) int {
	unit := files.PowerOfTen(max(e.Args[0].Scale-e.Scale, 0)).BitLen()
	return max(args[0], unit) + 1
}

// writeWidth numbers the bins from 1.
func writeWidth(_ Writer, e *engine.Expr, args []string, n width) (string, error) {
	lo, hi := e.Args[1].Value.Number, e.Args[2].Value.Number
	if lo == nil || hi == nil || lo.Cmp(hi) == 0 {
		return "", nil
	}
	below, from, to := args[0]+" < "+args[1], args[0]+" - "+args[1], args[2]+" - "+args[1]
	beyond := args[0] + " >= " + args[2]
	if lo.Cmp(hi) > 0 { // downwards
		below, from, to = args[0]+" > "+args[1], args[1]+" - "+args[0], args[1]+" - "+args[2]
		beyond = args[0] + " <= " + args[2]
	}
	bin := n.divide("(("+from+") * "+args[3]+")", "("+to+")")
	return repeated(fmt.Sprintf("(CASE WHEN %s THEN %s WHEN %s THEN %s + 1 ELSE %s + 1 END)",
		below, number(zero, n.name), beyond, args[3], bin), args[0])
}

// bitsOfWidth are those of a distance times the number of bins.
func bitsOfWidth(_ *engine.Expr, args []int) int { return max(args[0], args[1], args[2]) + 1 + args[3] }
