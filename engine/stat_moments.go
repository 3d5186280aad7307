package engine

import (
	"math/big"

	pg "github.com/pganalyze/pg_query_go/v6"
)

// statistic is an aggregate that the analyst finishes from sums of products. README
// section 10.
type statistic struct {
	arguments int
	kind      Kind
	// powers lists the moments: the exponent of each argument. The first is all
	// zeros, the number of rows where every argument has a value.
	powers [][2]int
	finish func(m []value) value
}

// The powers of the statistics: what they add up of x, of x with the first argument as y,
// or of both.
var (
	powers2 = [][2]int{{0, 0}, {1, 0}, {2, 0}}
	powers3 = [][2]int{{0, 0}, {1, 0}, {2, 0}, {3, 0}}
	powers4 = [][2]int{{0, 0}, {1, 0}, {2, 0}, {3, 0}, {4, 0}}

	ofN   = [][2]int{{0, 0}}
	ofX   = [][2]int{{0, 0}, {0, 1}}
	ofY   = [][2]int{{0, 0}, {1, 0}}
	ofXX  = [][2]int{{0, 0}, {0, 1}, {0, 2}}
	ofYX  = [][2]int{{0, 0}, {1, 0}, {0, 1}, {1, 1}}
	ofAll = [][2]int{{0, 0}, {1, 0}, {0, 1}, {2, 0}, {1, 1}, {0, 2}}
)

// summed makes the entry of a statistic.
func summed(arguments int, kind Kind, powers [][2]int, finish func(m []value) value) function {
	s := statistic{arguments, kind, powers, finish}
	return function{bind: s.bind, finish: s.finished, learns: listed, sums: &s}
}

// bind types a call of a statistic.
func (s statistic) bind(b *binder, name string, call *pg.FuncCall, in place, position int) (*Expr, error) {
	if len(call.Args) != s.arguments || call.AggStar || call.AggWithinGroup || call.AggDistinct {
		return nil, refuse(CodeUnsupported, position, "%s takes %s", name, Plural(s.arguments, "argument"))
	}
	filter, err := b.bindFilter(call.AggFilter, "FILTER", in)
	if err != nil {
		return nil, err
	}
	args := make([]*Expr, s.arguments)
	for i, node := range call.Args {
		if args[i], err = b.bindNumber(name, node, in.depth, position); err != nil {
			return nil, err
		}
	}
	out := &Expr{Op: OpFunction, Value: NewText(name), Kind: s.kind, Nullable: name != "regr_count"}
	rows := completeRows(filter, args...)
	for _, powers := range s.powers {
		var factors []*Expr
		for i, arg := range args {
			for range powers[i] {
				factors = append(factors, factorsOf(arg)...)
			}
		}
		cell, err := b.cell(CountRows, rows, factors, nil, position)
		if err != nil {
			return nil, err
		}
		out.Args = append(out.Args, cell)
	}
	return out, nil
}

// finished checks that there is a cell for each of the powers.
func (s statistic) finished(args []value) (value, bool) {
	if len(args) != len(s.powers) {
		return value{}, false
	}
	return s.finish(args), true
}

// bindNumber types an argument of a statistic: numbers that are not NULL throughout.
func (b *binder) bindNumber(name string, node *pg.Node, depth, position int) (*Expr, error) {
	e, err := b.bind(node, place{name: name, argument: true, depth: depth})
	if err != nil {
		return nil, err
	}
	if e.Op == OpConstant && e.Kind == Null && !e.Value.IsNull() {
		return nil, b.noNumber(name, &Expr{Kind: Text}, position)
	}
	if e, err = b.coerce(e, Integer, position); err != nil {
		return nil, err
	}
	switch {
	case !e.Kind.numeric():
		return nil, b.noNumber(name, e, position)
	case hasNull(e):
		return nil, refuse(CodeType, position, "%s of NULL is not supported: name a column", name)
	}
	return e, nil
}

// hasNull reports whether the literal NULL stands in an expression.
func hasNull(e *Expr) bool {
	switch {
	case e.Op == OpConstant:
		return e.Value.IsNull()
	case e.results() != nil: // it is what CASE gives where nothing holds
		return false
	}
	for _, a := range e.Args {
		if hasNull(a) {
			return true
		}
	}
	return false
}

var (
	noRows  = "no row has a value"
	oneRow  = "it takes at least two rows with values"
	noTwist = "the values are all the same"
)

// centred is Σ(x−x̄)(y−ȳ) from n, Σx, Σy and Σxy.
func centred(n, x, y, xy *big.Rat) value {
	if n.Sign() == 0 {
		return undefined(noRows)
	}
	mean := new(big.Rat).Mul(x, y)
	return double(mean.Sub(xy, mean.Quo(mean, n)))
}

// mean is Σx over n.
func mean(n, x *big.Rat) value {
	if n.Sign() == 0 {
		return undefined(noRows)
	}
	return double(new(big.Rat).Quo(x, n))
}

// variance is PostgreSQL's numeric_stddev_internal (src/backend/utils/adt/numeric.c),
// whose rounded digits are the text, beside the exact value. m holds n, Σx, Σx².
func variance(m []value, sample, deviation bool) value {
	n := m[0].Number
	if n.Sign() <= 0 {
		return undefined(noRows)
	}
	one := big.NewInt(1)
	if sample && n.Cmp(one) <= 0 {
		return undefined(oneRow)
	}
	// n·Σx² − (Σx)², in units of 10^−2·scale.
	numerator := NewDecimal(new(big.Int).Mul(n, rescale(m[2].Number, 2*m[1].Scale-m[2].Scale)), 2*m[1].Scale)
	numerator.Number.Sub(numerator.Number, new(big.Int).Mul(m[1].Number, m[1].Number))
	other := n
	if sample {
		other = new(big.Int).Sub(n, one)
	}
	denominator := Datum{Kind: Integer, Number: new(big.Int).Mul(n, other)}
	if numerator.Number.Sign() < 0 {
		return undefined(contradiction)
	}
	if numerator.Number.Sign() == 0 {
		return value{Datum: NewDecimal(new(big.Int), 0), exact: new(big.Rat)}
	}
	out := value{Datum: divide(numerator, denominator), exact: rational(numerator)}
	out.exact.Quo(out.exact, rational(denominator))
	if !deviation {
		return out
	}
	exact := root(out.exact)
	return value{Datum: rootAt(out.Datum), exact: exact.exact, digits: exact.digits}
}

// rootAt is PostgreSQL's sqrt_var: the root of d, rounded to d's own scale.
func rootAt(d Datum) Datum { // √(v·10^−s) = √(v·10^s)·10^−s
	return NewDecimal(nearestRoot(rescale(d.Number, d.Scale)), d.Scale)
}

// nearestRoot is the integer nearest to √n.
func nearestRoot(n *big.Int) *big.Int {
	r, _ := integerRoot(n)
	// Up when n is beyond (r + ½)².
	if rest := new(big.Int).Mul(r, r); rest.Sub(n, rest).Cmp(r) > 0 {
		r.Add(r, big.NewInt(1))
	}
	return r
}

// covariance from n, Σy, Σx, Σxy; divided by n − lost.
func covariance(m []value, lost int64) value {
	s := centred(m[0].exact, m[1].exact, m[2].exact, m[3].exact)
	below := less(m[0].exact, lost)
	if below.Sign() <= 0 {
		if lost > 0 {
			return undefined(oneRow)
		}
		return undefined(noRows)
	}
	return over(s, double(below))
}

// pairSums are the centred sums of two variables.
type pairSums struct {
	n, y, x       *big.Rat
	syy, sxy, sxx value
}

// paired takes n, Σy, Σx, Σy², Σxy, Σx².
func paired(m []value) pairSums {
	n, y, x := m[0].exact, m[1].exact, m[2].exact
	return pairSums{n, y, x, centred(n, y, y, m[3].exact), centred(n, x, y, m[4].exact), centred(n, x, x, m[5].exact)}
}

func (s pairSums) slope() value {
	if s.n.Sign() == 0 {
		return undefined(noRows)
	}
	if s.sxx.exact.Sign() == 0 {
		return undefined(noTwist)
	}
	if s.sxx.exact.Sign() < 0 {
		return undefined(contradiction)
	}
	return over(s.sxy, s.sxx)
}

func (s pairSums) intercept() value {
	slope := s.slope()
	return added(mean(s.n, s.y), negative(multiplied(slope, mean(s.n, s.x))))
}

func (s pairSums) correlation() value {
	if s.n.Sign() == 0 {
		return undefined(noRows)
	}
	if s.sxx.exact.Sign() == 0 || s.syy.exact.Sign() == 0 {
		return undefined(noTwist)
	}
	if s.sxx.exact.Sign() < 0 || s.syy.exact.Sign() < 0 {
		return undefined(contradiction)
	}
	square := over(multiplied(s.sxy, s.sxy), multiplied(s.sxx, s.syy))
	r := root(square.exact)
	if s.sxy.exact.Sign() < 0 {
		r = negative(r)
	}
	return r
}

// determination is 1 when y is constant, as in PostgreSQL.
func (s pairSums) determination() value {
	switch {
	case s.n.Sign() == 0:
		return undefined(noRows)
	case s.sxx.exact.Sign() == 0:
		return undefined(noTwist)
	case s.sxx.exact.Sign() < 0 || s.syy.exact.Sign() < 0:
		return undefined(contradiction)
	case s.syy.exact.Sign() == 0:
		return double(big.NewRat(1, 1))
	}
	return over(multiplied(s.sxy, s.sxy), multiplied(s.sxx, s.syy))
}

// centralMoments are Σ(x−x̄)^k for k = 2, 3, 4 from n, Σx, Σx², ...
func centralMoments(m []value) (n *big.Rat, central [5]*big.Rat) {
	n = m[0].exact
	mean := new(big.Rat).Quo(m[1].exact, n)
	binomials := [5][]int64{2: {1, 2, 1}, 3: {1, 3, 3, 1}, 4: {1, 4, 6, 4, 1}}
	for k := 2; k < len(m); k++ {
		sum, power := new(big.Rat), big.NewRat(1, 1) // (−x̄)^j
		for j := 0; j <= k; j++ {
			term := new(big.Rat).Mul(m[k-j].exact, power)
			sum.Add(sum, term.Mul(term, big.NewRat(binomials[k][j], 1)))
			power.Mul(power, new(big.Rat).Neg(mean))
		}
		central[k] = sum
	}
	return n, central
}

// skewness is m3/m2^(3/2), for a sample times √(n(n−1))/(n−2).
func skewness(m []value, sample bool) value {
	if m[0].exact.Sign() == 0 {
		return undefined(noRows)
	}
	n, c := centralMoments(m)
	if sample && n.Cmp(big.NewRat(3, 1)) < 0 {
		return undefined("it takes at least three rows with values")
	}
	if c[2].Sign() == 0 {
		return undefined(noTwist)
	}
	// The square: n·c3²/c2³, times n(n−1)/(n−2)².
	square := new(big.Rat).Mul(c[3], c[3])
	square.Mul(square, n)
	cube := new(big.Rat).Mul(c[2], c[2])
	square.Quo(square, cube.Mul(cube, c[2]))
	if sample {
		two := less(n, 2)
		square.Mul(square, n).Mul(square, less(n, 1))
		square.Quo(square, two.Mul(two, two))
	}
	r := root(square)
	if c[3].Sign() < 0 {
		r = negative(r)
	}
	return r
}

// kurtosis is the excess m4/m2² − 3, for a sample the unbiased G2.
func kurtosis(m []value, sample bool) value {
	if m[0].exact.Sign() == 0 {
		return undefined(noRows)
	}
	n, c := centralMoments(m)
	if sample && n.Cmp(big.NewRat(4, 1)) < 0 {
		return undefined("it takes at least four rows with values")
	}
	if c[2].Sign() == 0 {
		return undefined(noTwist)
	}
	ratio := new(big.Rat).Mul(c[2], c[2])
	ratio.Quo(c[4], ratio).Mul(ratio, n) // m4/m2²
	excess := new(big.Rat).Sub(ratio, big.NewRat(3, 1))
	if !sample {
		return double(excess)
	}
	// (n−1)/((n−2)(n−3)) · ((n+1)·excess + 6)
	excess.Mul(excess, less(n, -1)).Add(excess, big.NewRat(6, 1)).Mul(excess, less(n, 1))
	return double(excess.Quo(excess, new(big.Rat).Mul(less(n, 2), less(n, 3))))
}
