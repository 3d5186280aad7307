package engine

import (
	"math"
	"math/big"
)

// fitAccuracy is how far a fit's figures may be from those at the maximum of the
// likelihood. README section 13 derives it.
type fitAccuracy struct {
	estimate *big.Rat // of any estimate, in its standard errors
	relative *big.Rat // of any standard error, as a part of it
	loss     *big.Rat // of the loss
}

// upperRoot is at least √x, and above it by less than one part in 10^30.
func upperRoot(x *big.Rat) *big.Rat {
	r := root(x)
	if r.digits == 0 {
		return r.exact
	}
	return new(big.Rat).Mul(r.exact, new(big.Rat).Add(big.NewRat(1, 1), rounding(30)))
}

// accuracy bounds the errors of the last step; false when the scores are too coarse for
// the bounds to hold.
func (f *fit) accuracy(s *fitStep) (a fitAccuracy, ok bool) {
	product := func(a, b *big.Rat) *big.Rat { return new(big.Rat).Mul(a, b) }
	sum := func(a, b *big.Rat) *big.Rat { return new(big.Rat).Add(a, b) }
	d, lambda := f.change(s), upperRoot(s.decrement)
	leverage := new(big.Rat) // K: no row's linear predictor has a larger standard error
	for i, t := range f.terms {
		leverage.Add(leverage, product(t.reach, upperRoot(s.variance[i])))
	}
	coarse := product(product(s.n, big.NewRat(scoreError, scoreUnit)), leverage) // δnK
	curvature := product(coarse, leverage)                                       // δnK²
	rest := sum(product(lambda, d), product(coarse, sum(big.NewRat(1, 1), product(leverage, lambda))))
	a.estimate = sum(rest, rest)
	reach := product(leverage, a.estimate)
	a.relative = sum(sum(d, reach), curvature)
	a.loss = sum(product(s.n, big.NewRat(scoreError, scoreUnit)), product(s.decrement, sum(d, curvature)))
	a.loss = sum(a.loss, sum(product(coarse, lambda), product(a.estimate, a.estimate)))
	return a, curvature.Cmp(big.NewRat(1, 4)) <= 0 && reach.Cmp(big.NewRat(3, 4)) <= 0
}

// certified is x, known up to an error: rounded to a decimal place whose unit is no larger,
// so that what is printed is off by at most one and a half times the error.
func certified(x, err *big.Rat) value {
	if err.Sign() == 0 {
		return double(x)
	}
	places := min(carriedDigits, int(math.Ceil(-math.Log10(near(err)))))
	rounded := decimalPlaces(x, places)
	if places < 0 {
		return double(new(big.Rat).SetInt(rescale(rounded, -places)))
	}
	v := double(new(big.Rat).SetFrac(rounded, pow10(places)))
	v.digits = max(1, len(new(big.Int).Abs(rounded).String()))
	return v
}

// finish makes the answer of the last step.
func (f *fit) finish(s *fitStep) (*Result, error) {
	a, ok := f.accuracy(s)
	if !ok {
		return nil, refuse(CodeOverflow, 0, "the row scores, which are right to 10^-%d, are too "+
			"coarse for this fit: its rows are too many or its terms too nearly dependent", scorePlaces)
	}
	out := &Result{Rows: [][]Value{}, Model: []Figure{}}
	out.Columns, out.Kinds = f.columns()
	for i, t := range f.terms {
		estimate := new(big.Rat).SetFrac(f.coefficients[i], pow10(t.places))
		estimate.Add(estimate, s.step[i])
		var line []Value
		for _, v := range f.row(t.name, estimate, s.variance[i], a) {
			line = append(line, v.print(false))
			if v.reason != "" {
				out.Notes = append(out.Notes, Note{i, out.Columns[len(line)-1], v.reason})
			}
		}
		out.Rows = append(out.Rows, line)
	}
	for _, m := range f.figures(s, a) {
		out.Model = append(out.Model, Figure{Group: nil, Name: m.name, Value: m.value.print(false), Reason: m.value.reason})
	}
	return out, nil
}

// row is a term's estimate, standard error, z and p, each as far as it is right.
func (f *fit) row(name string, estimate, variance *big.Rat, a fitAccuracy) []value {
	se := upperRoot(variance)
	z := new(big.Rat).Quo(estimate, se)
	size := new(big.Rat).Abs(z)
	wrong := new(big.Rat).Mul(size, a.relative)
	wrong.Add(wrong, a.estimate).Add(wrong, wrong)
	p := normalTail(double(z))
	// A relative change of the tail is at most (|z|+1) times that of z.
	size.Add(size, big.NewRat(1, 1)).Mul(size, wrong)
	if digits := int(-math.Log10(near(size) + 1e-300)); p.digits > 0 && digits < p.digits {
		p = tail(near(p.exact), max(digits, 1))
	}
	return []value{word(name), certified(estimate, new(big.Rat).Mul(a.estimate, se)),
		certified(se, new(big.Rat).Mul(a.relative, se)), certified(z, wrong), p}
}

// figures are the model's.
func (f *fit) figures(s *fitStep, a fitAccuracy) []figure {
	two := big.NewRat(2, 1)
	loss := new(big.Rat).Sub(s.loss, new(big.Rat).Quo(s.decrement, two)) // at the estimates
	twice := new(big.Rat).Mul(a.loss, two)
	deviance := new(big.Rat).Mul(loss, two)
	terms := big.NewRat(int64(len(f.terms)), 1)
	free, null := f.nullDeviance(s)
	ratio, ratioTail := undefined("there is no regressor"), undefined("there is no regressor")
	if free > 0 {
		ratio = certified(new(big.Rat).Sub(null.exact, deviance),
			new(big.Rat).Add(twice, new(big.Rat).Mul(null.exact, rounding(distributionDigits-1))))
		ratioTail = chiSquaredTail(ratio, free)
	}
	out := []figure{
		{"n", wholeOf(s.n)}, {"left_out", wholeOf(s.leftOut)}, {"iterations", whole(big.NewInt(int64(f.round + 1)))},
		{"log_likelihood", certified(new(big.Rat).Neg(loss), a.loss)}, {"deviance", certified(deviance, twice)},
		{"null_deviance", null}, {"lr_chi2", ratio}, {"lr_df", whole(big.NewInt(free))}, {"lr_p", ratioTail},
		{"aic", certified(terms.Add(terms, loss).Mul(terms, two), twice)},
		{"converged", value{Datum: NewBoolean(true)}},
		{"error_bound", above(a.estimate)}, {"std_error_bound", above(a.relative)}, {"z_crit", normalQuantile()},
	}
	return out
}

// above bounds what is printed with an error of x, in two digits.
func above(x *big.Rat) value {
	x = new(big.Rat).Mul(x, big.NewRat(3, 2))
	v := tail(near(x)*1.05, 2)
	if v.exact.Cmp(x) < 0 {
		return double(x)
	}
	return v
}

// nullDeviance is that of the model without regressors, and how many regressors there
// are: with an intercept the share of events, without one 1/2 for each row.
func (f *fit) nullDeviance(s *fitStep) (regressors int64, null value) {
	n := near(s.n)
	if f.nullEvents == nil {
		return int64(len(f.terms)), tail(2*n*math.Ln2, distributionDigits)
	}
	events := near(f.nullEvents)
	return int64(len(f.terms) - 1), tail(-2*(events*math.Log(events/n)+(n-events)*math.Log1p(-events/n)), distributionDigits)
}
