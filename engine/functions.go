package engine

import (
	"maps"
	"math/big"

	pg "github.com/pganalyze/pg_query_go/v6"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// function is all that the engine knows of one SQL function: how a call becomes cells, how
// the answer follows from them, and what they reveal. A new function is an entry in this file,
// what the entry points to in a file of its room (stat_ or report_), and a row in the README's
// table.
type function struct {
	// An aggregate gives one value for each group and stands in expressions. Without bind it
	// cannot be called by its own name: another function's call becomes it.
	bind    func(b *binder, name string, call *pg.FuncCall, in place, position int) (*Expr, error)
	clauses []protoreflect.Name // fields of the call that it takes beside FILTER
	// finish gives the value from the arguments that bind made; false if they are others. It is
	// nil where cells are the value by themselves.
	finish func(args []value) (value, bool)
	sums   *statistic      // of those from sums of products, whose exact value may be p/q
	order  *orderStatistic // of those over the values of a column

	report *reportFunction // of those that return rows

	ordered bool // depends on the order of a column's values
	// learns says what the cells of a call tell the analyst that the list of cells does not say;
	// "" for nothing. A function that returns rows is given nil.
	learns func(l Language, call *Expr) string
}

// functions by name. Names with a space are what a call of another function becomes.
var functions map[string]function

// The entries lead to the binder, and the binder looks calls up in them: Go takes such a
// circle in init only.
func init() {
	functions = aggregates()
	maps.Copy(functions, reports())
}

// listed is of a function whose cells the explanation lists one by one.
func listed(Language, *Expr) string { return "" }

func says(what string) func(Language, *Expr) string {
	return func(l Language, _ *Expr) string { return l.text(what) }
}

// aggregates are the functions that give one value. README section 10. Those of two
// arguments take (y, x), as PostgreSQL's do.
func aggregates() map[string]function {
	return map[string]function{
		"count": {bind: (*binder).bindCount, clauses: []protoreflect.Name{"agg_distinct"}, learns: listed},
		"sum":   {bind: (*binder).bindSum, clauses: []protoreflect.Name{"agg_distinct"}, learns: listed},
		"avg":   {bind: (*binder).bindSum, clauses: []protoreflect.Name{"agg_distinct"}, learns: listed},

		"var_pop":      summed(1, Decimal, powers2, func(m []value) value { return variance(m, false, false) }),
		"var_samp":     summed(1, Decimal, powers2, func(m []value) value { return variance(m, true, false) }),
		"variance":     summed(1, Decimal, powers2, func(m []value) value { return variance(m, true, false) }),
		"stddev_pop":   summed(1, Decimal, powers2, func(m []value) value { return variance(m, false, true) }),
		"stddev_samp":  summed(1, Decimal, powers2, func(m []value) value { return variance(m, true, true) }),
		"stddev":       summed(1, Decimal, powers2, func(m []value) value { return variance(m, true, true) }),
		"skewness":     summed(1, Float, powers3, func(m []value) value { return skewness(m, true) }),
		"skewness_pop": summed(1, Float, powers3, func(m []value) value { return skewness(m, false) }),
		"kurtosis":     summed(1, Float, powers4, func(m []value) value { return kurtosis(m, true) }),
		"kurtosis_pop": summed(1, Float, powers4, func(m []value) value { return kurtosis(m, false) }),

		"covar_pop":      summed(2, Float, ofYX, func(m []value) value { return covariance(m, 0) }),
		"covar_samp":     summed(2, Float, ofYX, func(m []value) value { return covariance(m, 1) }),
		"corr":           summed(2, Float, ofAll, func(m []value) value { return paired(m).correlation() }),
		"regr_count":     summed(2, Integer, ofN, func(m []value) value { return m[0] }),
		"regr_avgx":      summed(2, Float, ofX, func(m []value) value { return mean(m[0].exact, m[1].exact) }),
		"regr_avgy":      summed(2, Float, ofY, func(m []value) value { return mean(m[0].exact, m[1].exact) }),
		"regr_sxx":       summed(2, Float, ofXX, func(m []value) value { return centred(m[0].exact, m[1].exact, m[1].exact, m[2].exact) }),
		"regr_syy":       summed(2, Float, powers2, func(m []value) value { return centred(m[0].exact, m[1].exact, m[1].exact, m[2].exact) }),
		"regr_sxy":       summed(2, Float, ofYX, func(m []value) value { return centred(m[0].exact, m[1].exact, m[2].exact, m[3].exact) }),
		"regr_slope":     summed(2, Float, ofAll, func(m []value) value { return paired(m).slope() }),
		"regr_intercept": summed(2, Float, ofAll, func(m []value) value { return paired(m).intercept() }),
		"regr_r2":        summed(2, Float, ofAll, func(m []value) value { return paired(m).determination() }),

		"median": tallied(orderStatistic{numbers: true, searched: true, cell: CountRows,
			pick: func(_ *big.Rat, t tally) value { return t.continuous(big.NewRat(1, 2)) }}),
		"percentile_cont": tallied(orderStatistic{within: true, fraction: true, numbers: true, searched: true, cell: CountRows,
			pick: func(f *big.Rat, t tally) value { return t.continuous(f) }}),
		"percentile_disc": tallied(orderStatistic{within: true, fraction: true, searched: true, ordered: true, cell: CountRows,
			pick: func(f *big.Rat, t tally) value { return t.discrete(f) }}),
		"percentile_cont" + arrayOf: severally(orderStatistic{within: true, fraction: true, numbers: true, cell: CountRows,
			pick: func(f *big.Rat, t tally) value { return t.continuous(f) }}),
		"percentile_disc" + arrayOf: severally(orderStatistic{within: true, fraction: true, ordered: true, cell: CountRows,
			pick: func(f *big.Rat, t tally) value { return t.discrete(f) }}),
		"mode": tallied(orderStatistic{within: true, searched: true, cell: CountRows,
			pick: func(_ *big.Rat, t tally) value { return t.mode() }}),
		"min": tallied(orderStatistic{searched: true, ordered: true, cell: Present,
			pick: func(_ *big.Rat, t tally) value { return t.extreme(false) }}),
		"max": tallied(orderStatistic{searched: true, ordered: true, cell: Present,
			pick: func(_ *big.Rat, t tally) value { return t.extreme(true) }}),
		countDistinct: tallied(orderStatistic{count: true, cell: Present,
			pick: func(_ *big.Rat, t tally) value { return t.distinct() }}),
		sumDistinct: tallied(orderStatistic{decimal: true, cell: Present,
			pick: func(_ *big.Rat, t tally) value { return t.sum() }}),
		averageDistinct: tallied(orderStatistic{decimal: true, cell: Present,
			pick: func(_ *big.Rat, t tally) value { return t.average() }}),
		"bool_or":      someBoolean(false),
		"bool_and":     someBoolean(true),
		"every":        someBoolean(true),
		sketchFunction: {finish: finishSketch, learns: sketchLearns},
	}
}

// reports are the functions that return rows. README section 11.
func reports() map[string]function {
	const (
		ofTerms = "the number of complete rows, and the sum of the product of each pair of the terms"
		ofStep  = "the number of complete rows, and, at the coefficients in the question, " +
			"for each pair of terms the sum of their product weighted with μ(1−μ), for each term its sum weighted with y−μ, " +
			"and the likelihood; μ is the probability that the coefficients give to y"
		ofTimes      = "how many rows end at each time, in each group, and how many of them by the event"
		coefficients = "the coefficients, which are in the question"
	)
	linreg := reportFunction{bind: (*reportBinder).bindLinreg, columns: fixed(linregColumns...), finish: finishLinreg, terms: true}
	fit := reportFunction{bind: (*reportBinder).bindLogreg, columns: fixed(logregColumns...),
		finish: finishLogreg, terms: true, question: coefficients}
	step := reportFunction{bind: (*reportBinder).bindLogregStep, columns: fixed(logregStepColumns...),
		finish: finishLogregStep, terms: true, question: coefficients}
	return map[string]function{
		"linreg":       {report: &linreg, learns: says(ofTerms + ", the intercept and the dependent variable")},
		"linreg0":      {report: &linreg, learns: says(ofTerms + " and the dependent variable")},
		"logreg":       {report: &fit, learns: says(ofStep)},
		"logreg0":      {report: &fit, learns: says(ofStep)},
		"logreg_step":  {report: &step, learns: says(ofStep)},
		"logreg0_step": {report: &step, learns: says(ofStep)},
		"anova": {report: &reportFunction{bind: (*reportBinder).bindAnova, columns: fixed(anovaColumns...), finish: finishAnova},
			learns: says("the number of rows and the sum of y of each group, and the sum of all squares")},
		"histogram": {report: &reportFunction{bind: (*reportBinder).bindHistogram, columns: histogramColumns, finish: finishHistogram},
			learns: says("the number of values in each bin, and of all")},
		"crosstab": {report: &reportFunction{bind: (*reportBinder).bindCrosstab, columns: crosstabColumns, finish: finishCrosstab},
			learns: says("the number of rows of each pair of values")},
		"ttest": {report: &reportFunction{bind: (*reportBinder).bindTTest, columns: fixed(ttestColumns...), finish: finishTTest},
			learns: says("the number of rows, the sum of y and that of its squares of each group")},
		"mannwhitney": {report: &reportFunction{bind: (*reportBinder).bindMannWhitney, columns: mannWhitneyColumns, finish: finishMannWhitney},
			ordered: true, learns: says("the whole distribution of x in each group: how many rows have each value")},
		"survival": {report: &reportFunction{bind: (*reportBinder).bindSurvival, columns: survivalColumns, finish: finishSurvival},
			learns: says(ofTimes)},
		"logrank": {report: &reportFunction{bind: (*reportBinder).bindLogrank, columns: logrankColumns, finish: finishLogrank},
			learns: says(ofTimes)},
		"lorenz": {report: &reportFunction{bind: (*reportBinder).bindLorenz, columns: lorenzColumns, finish: finishLorenz},
			learns: says("the population and the total of each group")},
		"rates": {report: &reportFunction{bind: (*reportBinder).bindRates, columns: ratesColumns, finish: finishRates},
			learns: says("the events and the population of each stratum")},
		"ratio": {report: &reportFunction{bind: (*reportBinder).bindRatio, columns: fixed(ratioColumns...), finish: finishRatio},
			learns: says("the sums of y, x, their squares and their product over the complete rows")},
		"buckets": {report: &reportFunction{bind: (*reportBinder).bindBuckets, columns: bucketsColumns, finish: finishBuckets},
			learns: says("the number of values in each bucket, and of all")},
		"describe": {report: &reportFunction{bind: (*reportBinder).bindDescribe, columns: fixed(describeColumns...), finish: finishDescribe},
			learns: says("the sums of the first four powers of x")},
	}
}

// function finishes a call of an aggregate for one group.
func (g group) function(e *Expr, args []value) (value, error) {
	if f := functions[e.Value.Text]; f.finish != nil {
		if v, ok := f.finish(args); ok {
			if reason := g.noiseReason(e, args, v); reason != "" {
				return undefined(reason), nil
			}
			return v, nil
		}
	}
	return value{}, refuse(CodeCells, 0, "the plan has an unknown function %s", quote(e.Value.Text))
}
