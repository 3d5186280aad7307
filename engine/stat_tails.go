package engine

import (
	"math"
	"math/big"

	"gonum.org/v1/gonum/mathext"
	"gonum.org/v1/gonum/stat/distuv"
)

// Tails of distributions, by gonum in float64 and printed to tailDigits: the
// only figures that are not computed from exact integers to the last step. README
// section 6.

// near is the float64 next to x.
func near(x *big.Rat) float64 {
	f, _ := x.Float64()
	return f
}

// studentTail is the probability that |T| with df degrees of freedom is at least |t|.
func studentTail(t value, df *big.Rat) value {
	switch {
	case t.infinite != 0:
		return double(new(big.Rat))
	case t.IsNull():
		return t
	case t.exact.Sign() == 0:
		return double(big.NewRat(1, 1))
	}
	square := new(big.Rat).Mul(t.exact, t.exact)
	x := new(big.Rat).Quo(df, square.Add(square, df))
	return tail(mathext.RegIncBeta(near(df)/2, 0.5, near(x)), tailDigits(df))
}

// fisherTail is the probability that F with d1 and d2 degrees of freedom is at least f.
func fisherTail(f value, d1, d2 *big.Rat) value {
	switch {
	case f.infinite != 0:
		return double(new(big.Rat))
	case f.IsNull():
		return f
	case f.exact.Sign() <= 0:
		return double(big.NewRat(1, 1))
	}
	x := new(big.Rat).Mul(d1, f.exact)
	x.Quo(d2, x.Add(x, d2))
	return tail(mathext.RegIncBeta(near(d2)/2, near(d1)/2, near(x)), tailDigits(new(big.Rat).Add(d1, d2)))
}

// chiSquaredTail is the probability that χ² with df degrees of freedom is at least x.
func chiSquaredTail(x value, df int64) value {
	switch {
	case x.IsNull():
		return x
	case df < 1:
		return undefined("there are no degrees of freedom")
	case x.exact.Sign() <= 0:
		return double(big.NewRat(1, 1))
	}
	return tail(mathext.GammaIncRegComp(float64(df)/2, near(x.exact)/2), tailDigits(big.NewRat(df, 1)))
}

// normalTail is the probability that a standard normal |Z| is at least |z|.
func normalTail(z value) value {
	if z.IsNull() || z.infinite != 0 {
		return undefined("its standard error is zero")
	}
	return tail(math.Erfc(math.Abs(near(z.exact))/math.Sqrt2), distributionDigits)
}

// The quantile of 95 % confidence intervals.
const upperQuantile = 0.975

// studentQuantile is the t that |T| stays below with probability 95 %.
func studentQuantile(df *big.Rat) value {
	return tail(distuv.StudentsT{Mu: 0, Sigma: 1, Nu: near(df)}.Quantile(upperQuantile), tailDigits(df))
}

// normalQuantile is the same for a standard normal.
func normalQuantile() value {
	return tail(distuv.UnitNormal.Quantile(upperQuantile), distributionDigits)
}

// interval is a 95 % confidence interval around an estimate.
func interval(estimate, deviation, quantile value) (lo, hi value) {
	if deviation.infinite != 0 {
		deviation = undefined("its standard error is infinite")
	}
	half := multiplied(deviation, quantile)
	return added(estimate, negative(half)), added(estimate, half)
}
