package dialect

import (
	"fmt"
	"math/big"
	"strings"

	"parley/datasets/files"
	"parley/engine"
)

// A quotient of decimals has as many places as PostgreSQL's numeric gives it (select_div_scale in numeric.c):
// significantDigits, counted in groups of groupDigits digits from the point, and no fewer than either operand has.
const (
	significantDigits = 16
	groupDigits       = 4
	groupUnit         = 10_000
)

// nativeQuotient has PostgreSQL divide.
func nativeQuotient(_ Writer, e *engine.Expr, args []string, n width) (string, error) {
	var operands [2]string
	for i := range operands {
		if operands[i] = "CAST(" + args[i] + " AS NUMERIC)"; e.Args[i].Scale > 0 {
			operands[i] += " * CAST('0." + strings.Repeat("0", e.Args[i].Scale-1) + "1' AS NUMERIC)"
		}
	}
	return "CAST(trunc(" + divided(e, operands[:]) + " * " + number(files.PowerOfTen(e.Scale), "NUMERIC") + ") AS " + n.name + ")", nil
}

// divided writes PostgreSQL's quotient of numbers, each with just the places that it has in the engine.
func divided(e *engine.Expr, args []string) string {
	return fmt.Sprintf("(round(%s, %d) / round(%s, %d))", args[0], e.Args[0].Scale, args[1], e.Args[1].Scale)
}

// writeQuotient divides integers: by how far their first groups of digits are apart follows how many places the quotient
// is rounded to, half away from zero.
func writeQuotient(w Writer, e *engine.Expr, args []string, n width) (string, error) {
	q := quotient{e: e}
	var ok bool
	if q.a, ok = magnitudeOf(e.Args[0]); ok {
		q.b, ok = magnitudeOf(e.Args[1])
	}
	if !ok || e.Min == nil { // nothing but NULL
		return "CAST(NULL AS " + n.name + ")", nil
	}
	q.split()
	wide, err := w.widthOf(max(q.bits(), widest(e)))
	if err != nil {
		if len(columnsOf(e, nil)) < 2 { // which may have a dictionary
			return "", nil
		}
		return "", err
	}
	q.n = wide
	sign := ""
	for i, operand := range []*magnitude{&q.a, &q.b} {
		x := args[i]
		if wide.name != n.name {
			x = "CAST(" + x + " AS " + wide.name + ")"
		}
		if operand.sql = x; operand.negative {
			if operand.sql, err = w.absolute(x, wide); err != nil {
				return "", err
			}
			sign += " * (CASE WHEN " + x + " < 0 THEN " + number(big.NewInt(-1), wide.name) + " ELSE " + number(one, wide.name) + " END)"
		}
	}
	if _, err := repeated("", q.a.sql, q.b.sql); err != nil {
		return "", err
	}
	out, size := q.write()
	if *w.listed += size; size > maxLookup || *w.listed > maxLookups {
		return "", beyond("quotients are more than %d bytes of %s's SQL, or all in a question more than %d", maxLookup, w.Dialect.Name, maxLookups)
	}
	if sign != "" {
		out = "(" + out + sign + ")"
	}
	if wide.name != n.name {
		out = "CAST(" + out + " AS " + n.name + ")"
	}
	return out, nil
}

// absolute writes x without its sign.
func (w Writer) absolute(x string, n width) (string, error) {
	f, ok := w.Dialect.forms[engine.OpAbs]
	if !ok {
		f = forms[engine.OpAbs]
	}
	return f.write(w, nil, []string{x}, n)
}

// magnitude is an operand without its sign: an integer in units of 10^-scale, between bounds that are not 0.
type magnitude struct {
	least, most *big.Int
	scale       int
	negative    bool // it may be
	sql         string
}

// magnitudeOf gives the bounds of an operand; false: it has no value but NULL.
func magnitudeOf(e *engine.Expr) (magnitude, bool) {
	if e.Min == nil || e.Max == nil {
		return magnitude{}, false
	}
	m := magnitude{least: new(big.Int).Abs(e.Min), most: new(big.Int).Abs(e.Max), scale: e.Scale, negative: e.Min.Sign() < 0}
	if m.least.Cmp(m.most) > 0 {
		m.least, m.most = m.most, m.least
	}
	if e.Min.Sign() != e.Max.Sign() || m.least.Sign() == 0 { // 0 divided by anything is 0
		m.least = one
	}
	if m.most.Sign() == 0 {
		m.most = one
	}
	return m, true
}

// pad is how many digits a number lacks behind the point to have whole groups there.
func (m magnitude) pad() int { return (groupDigits - m.scale%groupDigits) % groupDigits }

// groups is how many groups of digits a magnitude has, from the first that is not 0.
func (m magnitude) groups(v *big.Int) int {
	return (len(v.String()) + m.pad() + groupDigits - 1) / groupDigits
}

// weight is the place of the first of so many groups: 0 right before the point.
func (m magnitude) weight(groups int) int { return groups - 1 - (m.scale+m.pad())/groupDigits }

// key writes a number that tells the first group of digits and its weight: weight * groupUnit + group.
func (m magnitude) key(n width) string {
	var out strings.Builder
	last := m.groups(m.most)
	for j := m.groups(m.least); j <= last; j++ {
		first, exponent := m.sql, groupDigits*(j-1)-m.pad()
		switch {
		case exponent > 0:
			first = n.divide(first, number(files.PowerOfTen(exponent), n.name))
		case exponent < 0:
			first = "(" + first + " * " + number(files.PowerOfTen(-exponent), n.name) + ")"
		}
		if j < last {
			out.WriteString(" WHEN " + m.sql + " < " + number(files.PowerOfTen(groupDigits*j-m.pad()), n.name) + " THEN ")
		} else if out.Len() > 0 {
			out.WriteString(" ELSE ")
		}
		if weight := m.weight(j); weight != 0 {
			first = "(" + first + " + " + number(big.NewInt(int64(weight*groupUnit)), n.name) + ")"
		}
		out.WriteString(first)
	}
	if m.groups(m.least) == last {
		return out.String()
	}
	return "(CASE" + out.String() + " END)"
}

// quotient is one that is being written.
type quotient struct {
	e     *engine.Expr
	a, b  magnitude
	n     width
	cases []quotientCase
}

// quotientCase are quotients that begin so many groups before the point, in the last case so many or fewer, and the places
// that they are rounded to.
type quotientCase struct{ apart, places int }

// split lists how far apart the operands may be, ascending.
func (q *quotient) split() {
	least := q.a.weight(q.a.groups(q.a.least)) - q.b.weight(q.b.groups(q.b.most)) - 1
	most := q.a.weight(q.a.groups(q.a.most)) - q.b.weight(q.b.groups(q.b.least))
	for apart := least; apart <= most; apart++ {
		c := quotientCase{apart, max(significantDigits-groupDigits*apart, q.a.scale, q.b.scale)}
		if k := len(q.cases) - 1; k >= 0 && q.cases[k].places == c.places {
			q.cases[k] = c
			continue
		}
		q.cases = append(q.cases, c)
	}
}

// shifts are the powers of ten that the operands are multiplied by for a quotient of so many places.
func (q *quotient) shifts(c quotientCase) (a, b int) {
	by := c.places + q.b.scale - q.a.scale
	return max(by, 0), max(-by, 0)
}

// bits is the most of what is computed on the way. The dividend is at most twice the divisor times what the quotient can be.
func (q *quotient) bits() int {
	most := 0
	for _, c := range q.cases {
		a, b := q.shifts(c)
		divisor := q.b.most.BitLen() + files.PowerOfTen(b).BitLen()
		dividend := min(q.a.most.BitLen()+files.PowerOfTen(a).BitLen(),
			divisor+files.PowerOfTen(max(0, c.places+groupDigits*(c.apart+1))).BitLen()+1)
		most = max(most, max(dividend, divisor)+2)
	}
	return most
}

// write gives the quotient of the magnitudes, and how many bytes it has; nothing where these are too many.
func (q *quotient) write() (text string, size int) {
	// The first group of the dividend must be the greater one, or the quotient begins a group later.
	from := number(big.NewInt(int64(-q.cases[0].apart*groupUnit-1)), q.n.name)
	apart := q.n.divide("("+q.a.key(q.n)+" - "+q.b.key(q.n)+" + "+from+")", number(big.NewInt(groupUnit), q.n.name))
	if size = len(apart) + len(q.cases)*(2*len(q.a.sql)+4*len(q.b.sql)); size > maxLookup {
		return "", size
	}
	var out strings.Builder
	for i, c := range q.cases {
		byA, byB := q.shifts(c)
		a, b := times(q.a.sql, byA, q.n), times(q.b.sql, byB, q.n)
		two := number(big.NewInt(2), q.n.name)
		value := times(q.n.divide("("+a+" * "+two+" + "+b+")", "("+b+" * "+two+")"), q.e.Scale-c.places, q.n)
		switch {
		case len(q.cases) == 1:
			return value, len(value)
		case i == len(q.cases)-1:
			out.WriteString(" ELSE " + value)
		default:
			out.WriteString(" WHEN " + number(big.NewInt(int64(i)), q.n.name) + " THEN " + value)
		}
	}
	out.WriteString(" END)")
	return "(CASE " + apart + out.String(), len(apart) + out.Len()
}

// times writes x times a power of ten.
func times(x string, places int, n width) string {
	if places <= 0 {
		return x
	}
	return "(" + x + " * " + number(files.PowerOfTen(places), n.name) + ")"
}
