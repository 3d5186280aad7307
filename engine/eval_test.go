package engine

import (
	"math/big"
	"strings"
	"testing"
)

// TestEvalRefuses: a row that does not hold what was registered ends evaluation
// with an error, never with a wrong number or a panic.
func TestEvalRefuses(t *testing.T) {
	integer := &Expr{Op: OpColumn, Kind: Integer}
	decimal := &Expr{Op: OpColumn, Kind: Decimal, Scale: 2}
	for name, c := range map[string]struct {
		e    *Expr
		d    Datum
		want string // the value, or what the error says
	}{
		"an integer as a decimal": {decimal, NewInteger(3), "3"},
		"a smaller scale":         {decimal, NewDecimal(big.NewInt(15), 1), "1.5"},
		"NULL":                    {decimal, Datum{}, "NULL"},
		"a larger scale":          {decimal, NewDecimal(big.NewInt(15), 3), "3 decimal places"},
		"a decimal as integer":    {integer, NewDecimal(big.NewInt(15), 0), "holds a decimal"},
		"text as integer":         {integer, NewText("1"), "holds a text"},
		"a cell":                  {&Expr{Op: OpSum}, Datum{}, "over cells"},
		"no arguments":            {&Expr{Op: OpNegate}, Datum{}, "no arguments"},
		"unknown":                 {&Expr{Op: 63, Args: []*Expr{integer, integer}}, NewInteger(1), "unknown operation"},
		"zero": {&Expr{Op: OpDivide, Kind: Integer, Args: []*Expr{integer, integer}}, NewInteger(0),
			"division by zero"},
	} {
		v, err := c.e.Eval(func(int) Datum { return c.d })
		got := v.String()
		if err != nil {
			got = err.Error()
		}
		if !strings.Contains(got, c.want) {
			t.Errorf("%s: %s, not %s", name, got, c.want)
		}
	}
}
