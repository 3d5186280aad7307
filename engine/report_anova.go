package engine

import "math/big"

var anovaColumns = []reportColumn{{"source", Text}, {"ss", Float}, {"df", Integer}, {"ms", Float}}

// bindAnova asks for Σy² over the complete rows, then for each value of g for the
// number of rows and Σy.
func (rb *reportBinder) bindAnova() error {
	if err := rb.arguments(2, 2, "anova(y, g)"); err != nil {
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
	return rb.addByValue(y, key)
}

// addByValue asks for Σy² and, for each value of a key, for n and Σy.
func (rb *reportBinder) addByValue(y *Expr, key KeyColumn) error {
	rows := rb.complete(y)
	if err := rb.add(rows, append(factorsOf(y), factorsOf(y)...)); err != nil {
		return err
	}
	for i := range key.Values {
		if err := rb.add(rows, nil, condition{key.Column, i}); err != nil {
			return err
		}
		if err := rb.add(rows, factorsOf(y), condition{key.Column, i}); err != nil {
			return err
		}
	}
	return nil
}

// finishAnova splits the sum of squares about the mean.
func finishAnova(c reportCells) (reportTable, error) {
	n, y, means, groups := new(big.Rat), new(big.Rat), new(big.Rat), int64(0)
	for i := range c.report.Keys[0].Values {
		count, sum := c.at(2+2*i), c.at(3+2*i)
		if count.Sign() == 0 {
			continue
		}
		groups++
		n.Add(n, count)
		y.Add(y, sum)
		means.Add(means, new(big.Rat).Quo(new(big.Rat).Mul(sum, sum), count))
	}
	table := reportTable{figures: []figure{{"n", wholeOf(n)}, c.missing(n), {"groups", whole(big.NewInt(groups))}}}
	if n.Sign() == 0 {
		table.rows = [][]value{{word("between"), undefined(noRows), undefined(noRows), undefined(noRows)},
			{word("within"), undefined(noRows), undefined(noRows), undefined(noRows)}}
		for _, name := range []string{"f", "p", "r2", "residual_sd"} {
			table.figures = append(table.figures, figure{name, undefined(noRows)})
		}
		return table, nil
	}
	betweenDF := big.NewRat(groups-1, 1)
	withinDF := new(big.Rat).Sub(n, big.NewRat(groups, 1))
	between := double(new(big.Rat).Sub(means, new(big.Rat).Quo(new(big.Rat).Mul(y, y), n)))
	within := double(new(big.Rat).Sub(c.at(1), means))
	betweenMS, withinMS := meanSquare(between, betweenDF, "there is only one group"), meanSquare(within, withinDF, noFreedom)
	f := over(betweenMS, withinMS)
	deviation := withinMS
	if !withinMS.IsNull() {
		deviation = root(withinMS.exact)
	}
	table.rows = [][]value{{word("between"), between, wholeOf(betweenDF), betweenMS}, {word("within"), within, wholeOf(withinDF), withinMS}}
	table.figures = append(table.figures, figure{"f", f}, figure{"p", fisherTail(f, betweenDF, withinDF)},
		figure{"r2", over(between, added(between, within))}, figure{"residual_sd", deviation})
	return table, nil
}

func meanSquare(ss value, df *big.Rat, reason string) value {
	if df.Sign() <= 0 {
		return undefined(reason)
	}
	return over(ss, double(df))
}
