package engine

import (
	"math/big"
	"slices"
)

func lorenzColumns(c reportCells) []reportColumn {
	return []reportColumn{c.keyColumn(0), {"population", Float}, {"total", Float}, {"mean", Float},
		{"population_share", Float}, {"total_share", Float}}
}

// bindLorenz asks for each value of g for its population, the number of rows or Σw,
// and Σx.
func (rb *reportBinder) bindLorenz() error {
	if err := rb.arguments(2, 3, "lorenz(x, g) or lorenz(x, g, population)"); err != nil {
		return err
	}
	x, err := rb.number(0)
	if err != nil {
		return err
	}
	key, err := rb.key(1)
	if err != nil {
		return err
	}
	rows := rb.complete(x)
	var population []*Expr
	if len(rb.call.Args) == 3 {
		w, err := rb.number(2)
		if err != nil {
			return err
		}
		population, rows = factorsOf(w), rb.complete(x, w)
	}
	if err := rb.count(rows); err != nil {
		return err
	}
	for i := range key.Values {
		if err := rb.add(rows, population, condition{key.Column, i}); err != nil {
			return err
		}
		if err := rb.add(rows, factorsOf(x), condition{key.Column, i}); err != nil {
			return err
		}
	}
	return nil
}

// share is a group of a Lorenz curve.
type share struct {
	name              Datum
	population, total *big.Rat
}

// finishLorenz orders the groups by their mean and adds up; Gini's coefficient is that
// of the groups' means, as from grouped data.
func finishLorenz(c reportCells) (reportTable, error) {
	var shares []share
	population, total := new(big.Rat), new(big.Rat)
	problem := ""
	for i, v := range c.report.Keys[0].Values {
		s := share{v, c.at(2 + 2*i), c.at(3 + 2*i)}
		if s.population.Sign() < 0 || s.total.Sign() < 0 {
			problem = "a group has a negative population or total"
		}
		if s.population.Sign() == 0 {
			if s.total.Sign() != 0 {
				problem = "a group has a total but no population"
			}
			continue
		}
		shares = append(shares, s)
		population.Add(population, s.population)
		total.Add(total, s.total)
	}
	if total.Sign() == 0 && problem == "" {
		problem = "the total is zero"
	}
	table := reportTable{figures: []figure{{"n", whole(c.raw(1))}, c.missing(c.at(1))}}
	if problem != "" {
		table.figures = append(table.figures, figure{"gini", undefined(problem)})
		return table, nil
	}
	mean := func(s share) *big.Rat { return new(big.Rat).Quo(s.total, s.population) }
	slices.SortStableFunc(shares, func(a, b share) int { return mean(a).Cmp(mean(b)) })
	cumulative, cumulativePopulation, area := new(big.Rat), new(big.Rat), new(big.Rat)
	for _, s := range shares {
		before := new(big.Rat).Quo(cumulative, total)
		cumulative.Add(cumulative, s.total)
		cumulativePopulation.Add(cumulativePopulation, s.population)
		after := new(big.Rat).Quo(cumulative, total)
		width := new(big.Rat).Quo(s.population, population)
		area.Add(area, width.Mul(width, before.Add(before, after))) // twice the trapezium
		table.rows = append(table.rows, []value{valueOf(s.name), double(s.population), double(s.total), double(mean(s)),
			double(new(big.Rat).Quo(cumulativePopulation, population)), double(after)})
	}
	table.figures = append(table.figures, figure{"gini", double(area.Sub(big.NewRat(1, 1), area))})
	return table, nil
}

func ratesColumns(c reportCells) []reportColumn {
	return []reportColumn{c.keyColumn(0), {"events", Float}, {"population", Float}, {"rate", Float}, {"weight", Float}}
}

const ratesForm = "rates(events, population, stratum, ARRAY[weight, ...]), " +
	"a weight for each value of stratum in ascending order"

// bindRates asks for each stratum for Σevents and Σpopulation.
func (rb *reportBinder) bindRates() error {
	if err := rb.arguments(4, 4, ratesForm); err != nil {
		return err
	}
	events, err := rb.number(0)
	if err != nil {
		return err
	}
	population, err := rb.number(1)
	if err != nil {
		return err
	}
	key, err := rb.key(2)
	if err != nil {
		return err
	}
	if rb.report.Constants, err = rb.constants(rb.call.Args[3], Decimal); err != nil {
		return err
	}
	if len(rb.report.Constants) != len(key.Values) {
		return refuse(CodeType, rb.position, "%d weights are given for %d values of %s", len(rb.report.Constants), len(key.Values),
			quote(rb.plan.Schema.Columns[key.Column].Name))
	}
	sum := new(big.Rat)
	for _, w := range rb.report.Constants {
		if w.Number.Sign() < 0 {
			return refuse(CodeType, rb.position, "the weight %s is negative", w)
		}
		sum.Add(sum, rational(w))
	}
	if sum.Sign() == 0 {
		return refuse(CodeType, rb.position, "all weights are zero")
	}
	rows := rb.complete(events, population)
	if err := rb.count(rows); err != nil {
		return err
	}
	for i := range key.Values {
		for _, e := range []*Expr{events, population} {
			if err := rb.add(rows, factorsOf(e), condition{key.Column, i}); err != nil {
				return err
			}
		}
	}
	return nil
}

// finishRates is direct standardisation: Σ w·(events/population) over Σw, with the
// variance Σ w²·events/population² of Poisson counts.
func finishRates(c reportCells) (reportTable, error) {
	var table reportTable
	weights, standard, variance := new(big.Rat), new(big.Rat), new(big.Rat)
	events, population := new(big.Rat), new(big.Rat)
	problem := ""
	for i, v := range c.report.Keys[0].Values {
		w, d, n := rational(c.report.Constants[i]), c.at(2+2*i), c.at(3+2*i)
		weights.Add(weights, w)
		events.Add(events, d)
		population.Add(population, n)
		rate := undefined("the stratum has no population")
		if n.Sign() > 0 {
			rate = double(new(big.Rat).Quo(d, n))
			weighted := new(big.Rat).Mul(w, rate.exact)
			standard.Add(standard, weighted)
			variance.Add(variance, new(big.Rat).Quo(new(big.Rat).Mul(w, weighted), n))
		} else if w.Sign() > 0 {
			problem = "the stratum " + v.String() + " has a weight but no population"
		}
		table.rows = append(table.rows, []value{valueOf(v), double(d), double(n), rate, double(w)})
	}
	crude, rate, deviation := undefined("there is no population"), undefined(problem), undefined(problem)
	if population.Sign() > 0 {
		crude = double(new(big.Rat).Quo(events, population))
	}
	if problem == "" {
		rate = double(standard.Quo(standard, weights))
		if deviation = undefined("there are negative events"); variance.Sign() >= 0 {
			deviation = root(variance.Quo(variance, weights.Mul(weights, weights)))
		}
	}
	lo, hi := interval(rate, deviation, normalQuantile())
	table.figures = []figure{{"n", whole(c.raw(1))}, c.missing(c.at(1)), {"crude_rate", crude}, {"standardised_rate", rate},
		{"std_error", deviation}, {"ci_lo", lo}, {"ci_hi", hi}}
	return table, nil
}

var ratioColumns = []reportColumn{{"ratio", Float}, {"std_error", Float}, {"ci_lo", Float}, {"ci_hi", Float}}

// bindRatio asks for n, Σy, Σx, Σy², Σxy and Σx² over the complete rows.
func (rb *reportBinder) bindRatio() error {
	if err := rb.arguments(2, 2, "ratio(y, x)"); err != nil {
		return err
	}
	y, err := rb.number(0)
	if err != nil {
		return err
	}
	x, err := rb.number(1)
	if err != nil {
		return err
	}
	rows := rb.complete(y, x)
	for _, powers := range ofAll {
		var factors []*Expr
		for range powers[0] {
			factors = append(factors, factorsOf(y)...)
		}
		for range powers[1] {
			factors = append(factors, factorsOf(x)...)
		}
		if err := rb.add(rows, factors); err != nil {
			return err
		}
	}
	return nil
}

// finishRatio is Σy/Σx with the standard error of the delta method: the square root of
// n/(n−1)·Σ(y − r·x)² over Σx.
func finishRatio(c reportCells) (reportTable, error) {
	n, y, x := c.at(1), c.at(2), c.at(3)
	r := over(double(y), double(x))
	switch {
	case n.Sign() == 0:
		r = undefined(noRows)
	case x.Sign() == 0:
		r = undefined("the sum below is zero")
	}
	deviation := r
	if !r.IsNull() {
		deviation = undefined(oneRow)
		if n.Cmp(big.NewRat(1, 1)) > 0 {
			cross := new(big.Rat).Mul(big.NewRat(-2, 1), new(big.Rat).Mul(r.exact, c.at(5)))
			squares := new(big.Rat).Mul(new(big.Rat).Mul(r.exact, r.exact), c.at(6))
			squares.Add(squares, cross).Add(squares, c.at(4))
			squares.Mul(squares, new(big.Rat).Quo(n, less(n, 1)))
			deviation = root(squares.Quo(squares, new(big.Rat).Mul(x, x)))
		}
	}
	lo, hi := interval(r, deviation, normalQuantile())
	return reportTable{[][]value{{r, deviation, lo, hi}},
		[]figure{{"n", wholeOf(n)}, c.missing(n), {"numerator", double(y)}, {"denominator", double(x)}}}, nil
}

var describeColumns = []reportColumn{{"n", Integer}, {"mean", Float}, {"std_error", Float}, {"ci_lo", Float}, {"ci_hi", Float},
	{"sd", Float}, {"skewness", Float}, {"kurtosis", Float}}

// bindDescribe asks for n, Σx, Σx², Σx³ and Σx⁴.
func (rb *reportBinder) bindDescribe() error {
	if err := rb.arguments(1, 1, "describe(x)"); err != nil {
		return err
	}
	x, err := rb.number(0)
	if err != nil {
		return err
	}
	var factors []*Expr
	for range 5 {
		if err := rb.add(rb.complete(x), factors); err != nil {
			return err
		}
		factors = append(factors, factorsOf(x)...)
	}
	return nil
}

func finishDescribe(c reportCells) (reportTable, error) {
	var m []value
	for i := range 5 {
		m = append(m, double(c.at(1+i)))
	}
	n := m[0].exact
	average, deviation, se := mean(n, m[1].exact), undefined(oneRow), undefined(oneRow)
	quantile := se
	if df := less(n, 1); df.Sign() > 0 {
		variance := new(big.Rat).Quo(centred(n, m[1].exact, m[1].exact, m[2].exact).exact, df)
		deviation, se, quantile = root(variance), root(new(big.Rat).Quo(variance, n)), studentQuantile(df)
	}
	lo, hi := interval(average, se, quantile)
	return reportTable{[][]value{{wholeOf(n), average, se, lo, hi, deviation, skewness(m[:4], true), kurtosis(m, true)}},
		[]figure{{"n", wholeOf(n)}, c.missing(n)}}, nil
}
