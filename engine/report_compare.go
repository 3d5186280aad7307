package engine

import "math/big"

var ttestColumns = []reportColumn{{"method", Text}, {"difference", Float}, {"std_error", Float}, {"t", Float}, {"df", Float},
	{"p", Float}, {"ci_lo", Float}, {"ci_hi", Float}}

var notTwoGroups = "it compares two groups that have rows"

// bindTTest asks for n, Σy and Σy² of each value of g.
func (rb *reportBinder) bindTTest() error {
	if err := rb.arguments(2, 2, "ttest(y, g)"); err != nil {
		return err
	}
	y, err := rb.number(0)
	if err != nil {
		return err
	}
	key, err := rb.key(1)
	if err != nil {
		return err
	}
	rows := rb.complete(y)
	for i := range key.Values {
		for _, factors := range [][]*Expr{nil, factorsOf(y), append(factorsOf(y), factorsOf(y)...)} {
			if err := rb.add(rows, factors, condition{key.Column, i}); err != nil {
				return err
			}
		}
	}
	return nil
}

// sample is one group of a comparison.
type sample struct {
	name    string
	n, mean *big.Rat
	squares *big.Rat // about the mean
}

func finishTTest(c reportCells) (reportTable, error) {
	var samples []sample
	n := new(big.Rat)
	for i, v := range c.report.Keys[0].Values {
		count := c.at(1 + 3*i)
		if count.Sign() == 0 {
			continue
		}
		y, square := c.at(2+3*i), c.at(3+3*i)
		n.Add(n, count)
		samples = append(samples, sample{v.String(), count, new(big.Rat).Quo(y, count), centred(count, y, y, square).exact})
	}
	table := reportTable{figures: []figure{{"n", wholeOf(n)}, c.missing(n)}}
	for _, s := range samples {
		deviation := undefined(oneRow)
		if df := less(s.n, 1); df.Sign() > 0 {
			deviation = root(df.Quo(s.squares, df))
		}
		table.figures = append(table.figures, figure{"n " + s.name, wholeOf(s.n)}, figure{"mean " + s.name, double(s.mean)},
			figure{"sd " + s.name, deviation})
	}
	if len(samples) != 2 {
		table.rows = [][]value{undefinedRow("welch", len(ttestColumns), notTwoGroups), undefinedRow("pooled", len(ttestColumns), notTwoGroups)}
		return table, nil
	}
	table.rows = [][]value{welch(samples[0], samples[1]), pooled(samples[0], samples[1])}
	return table, nil
}

func undefinedRow(first string, columns int, reason string) []value {
	row := []value{word(first)}
	for len(row) < columns {
		row = append(row, undefined(reason))
	}
	return row
}

// welch compares two means without taking their variances to be equal; its degrees of
// freedom are Welch's and Satterthwaite's.
func welch(a, b sample) []value {
	var parts [2]*big.Rat // s²/n
	down := new(big.Rat)
	for i, s := range []sample{a, b} {
		df := less(s.n, 1)
		if df.Sign() <= 0 {
			return undefinedRow("welch", len(ttestColumns), "a group has a single row")
		}
		parts[i] = new(big.Rat).Quo(s.squares, new(big.Rat).Mul(s.n, df))
		square := new(big.Rat).Mul(parts[i], parts[i])
		down.Add(down, square.Quo(square, df))
	}
	sum := new(big.Rat).Add(parts[0], parts[1])
	if sum.Sign() == 0 {
		return undefinedRow("welch", len(ttestColumns), noTwist)
	}
	df := new(big.Rat).Mul(sum, sum)
	return comparison("welch", a, b, sum, df.Quo(df, down))
}

// pooled is Student's test: the variances are taken to be equal.
func pooled(a, b sample) []value {
	df := less(new(big.Rat).Add(a.n, b.n), 2)
	if df.Sign() <= 0 {
		return undefinedRow("pooled", len(ttestColumns), noFreedom)
	}
	v := new(big.Rat).Add(a.squares, b.squares)
	v.Quo(v, df)
	if v.Sign() == 0 {
		return undefinedRow("pooled", len(ttestColumns), noTwist)
	}
	v.Mul(v, new(big.Rat).Add(new(big.Rat).Inv(a.n), new(big.Rat).Inv(b.n)))
	return comparison("pooled", a, b, v, df)
}

// comparison is a row of a t-test from the variance of the difference.
func comparison(method string, a, b sample, variance, df *big.Rat) []value {
	difference, se := double(new(big.Rat).Sub(a.mean, b.mean)), root(variance)
	t := over(difference, se)
	lo, hi := interval(difference, se, studentQuantile(df))
	return []value{word(method), difference, se, t, double(df), studentTail(t, df), lo, hi}
}

func mannWhitneyColumns(c reportCells) []reportColumn {
	return []reportColumn{c.keyColumn(1), {"n", Integer}, {"rank_sum", Float}, {"mean_rank", Float}, {"u", Float}}
}

// bindMannWhitney counts each value of x in each group.
func (rb *reportBinder) bindMannWhitney() error {
	if err := rb.arguments(2, 2, "mannwhitney(x, g)"); err != nil {
		return err
	}
	return rb.bindPairs()
}

// finishMannWhitney ranks the values, ties at their mean rank, and tests by the normal
// approximation with the corrections for ties and continuity.
func finishMannWhitney(c reportCells) (reportTable, error) {
	byValue, byGroup, n := c.margins()
	groups := len(byGroup)
	ranks, ties, below := zeros(groups), new(big.Rat), new(big.Rat)
	for i, count := range byValue {
		// The ranks below+1 ... below+count, at their mean.
		rank := new(big.Rat).Add(count, big.NewRat(1, 1))
		rank.Mul(rank, big.NewRat(1, 2)).Add(rank, below)
		for j := range ranks {
			ranks[j].Add(ranks[j], new(big.Rat).Mul(rank, c.at(1+i*groups+j)))
		}
		below.Add(below, count)
		cube := new(big.Rat).Mul(count, count)
		ties.Add(ties, cube.Mul(less(cube, 1), count))
	}
	table := reportTable{figures: []figure{{"n", wholeOf(n)}, c.missing(n)}}
	var us, ns []*big.Rat
	for j, count := range byGroup {
		if count.Sign() == 0 {
			continue
		}
		u := new(big.Rat).Mul(count, new(big.Rat).Add(count, big.NewRat(1, 1)))
		u.Sub(ranks[j], u.Mul(u, big.NewRat(1, 2)))
		us, ns = append(us, u), append(ns, count)
		table.rows = append(table.rows, []value{valueOf(c.report.Keys[1].Values[j]), wholeOf(count), double(ranks[j]),
			double(new(big.Rat).Quo(ranks[j], count)), double(u)})
	}
	z, effect := undefined(notTwoGroups), undefined(notTwoGroups)
	if len(ns) == 2 {
		z, effect = rankTest(us[0], ns[0], ns[1], n, ties)
	}
	table.figures = append(table.figures, figure{"z", z}, figure{"p", rankTail(z)}, figure{"auc", effect})
	return table, nil
}

// rankTest is z of U of the first group, and U over the number of pairs.
func rankTest(u, n1, n2, n, ties *big.Rat) (z, effect value) {
	pairs := new(big.Rat).Mul(n1, n2)
	effect = double(new(big.Rat).Quo(u, pairs))
	// n1·n2/12 · ((n+1) − Σ(t³−t)/(n(n−1)))
	variance := new(big.Rat).Mul(n, less(n, 1))
	if variance.Sign() <= 0 {
		return undefined(contradiction), effect
	}
	variance.Quo(ties, variance)
	variance.Sub(new(big.Rat).Add(n, big.NewRat(1, 1)), variance)
	variance.Mul(variance, pairs).Mul(variance, big.NewRat(1, 12))
	if variance.Sign() <= 0 {
		return undefined(noTwist), effect
	}
	gap := new(big.Rat).Sub(u, new(big.Rat).Mul(pairs, big.NewRat(1, 2)))
	sign := gap.Sign()
	if gap.Abs(gap).Sub(gap, big.NewRat(1, 2)); gap.Sign() < 0 {
		gap.SetInt64(0)
	}
	gap.Mul(gap, big.NewRat(int64(sign), 1))
	return over(double(gap), root(variance)), effect
}

func rankTail(z value) value {
	if z.IsNull() {
		return z
	}
	return normalTail(z)
}
