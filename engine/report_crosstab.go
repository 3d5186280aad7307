package engine

import "math/big"

// maxTableCells is how many cells a table of two columns may have.
const maxTableCells = 4096

func crosstabColumns(c reportCells) []reportColumn {
	return []reportColumn{c.keyColumn(0), c.keyColumn(1), {"n", Integer}, {"expected", Float}, {"residual", Float}}
}

// bindCrosstab asks for the number of rows of each pair of values.
func (rb *reportBinder) bindCrosstab() error {
	if err := rb.arguments(2, 2, "crosstab(a, b)"); err != nil {
		return err
	}
	return rb.bindPairs()
}

// bindPairs makes the first two arguments keys and counts each pair of their values,
// the second fastest.
func (rb *reportBinder) bindPairs() error {
	a, err := rb.key(0)
	if err != nil {
		return err
	}
	b, err := rb.key(1)
	if err != nil {
		return err
	}
	if n := len(a.Values) * len(b.Values); n > maxTableCells {
		return refuse(CodeLimit, rb.position, "the two columns make %d pairs of values; at most %d are allowed", n, maxTableCells)
	}
	rows := rb.complete()
	for i := range a.Values {
		for j := range b.Values {
			if err := rb.add(rows, nil, condition{a.Column, i}, condition{b.Column, j}); err != nil {
				return err
			}
		}
	}
	return nil
}

// margins are the sums of a table's rows and columns.
func (c reportCells) margins() (rows, columns []*big.Rat, n *big.Rat) {
	width := len(c.report.Keys[1].Values)
	rows, columns, n = zeros(len(c.report.Keys[0].Values)), zeros(width), new(big.Rat)
	for i := range rows {
		for j := range columns {
			x := c.at(1 + i*width + j)
			rows[i].Add(rows[i], x)
			columns[j].Add(columns[j], x)
			n.Add(n, x)
		}
	}
	return rows, columns, n
}

func zeros(n int) []*big.Rat {
	out := make([]*big.Rat, n)
	for i := range out {
		out[i] = new(big.Rat)
	}
	return out
}

// finishCrosstab compares the table with independence: Pearson's χ², Cramér's V.
// Values that do not occur are left out.
func finishCrosstab(c reportCells) (reportTable, error) {
	rows, columns, n := c.margins()
	chi := new(big.Rat)
	var table reportTable
	var r, k int64
	for j := range columns {
		if columns[j].Sign() > 0 {
			k++
		}
	}
	for i := range rows {
		if rows[i].Sign() <= 0 || n.Sign() <= 0 {
			continue
		}
		r++
		for j := range columns {
			if columns[j].Sign() <= 0 {
				continue
			}
			x := c.at(1 + i*len(columns) + j)
			expected := new(big.Rat).Mul(rows[i], columns[j])
			expected.Quo(expected, n)
			gap := new(big.Rat).Sub(x, expected)
			square := new(big.Rat).Mul(gap, gap)
			square.Quo(square, expected)
			chi.Add(chi, square)
			residual := root(square)
			if gap.Sign() < 0 {
				residual = negative(residual)
			}
			table.rows = append(table.rows, []value{valueOf(c.report.Keys[0].Values[i]), valueOf(c.report.Keys[1].Values[j]),
				wholeOf(x), double(expected), residual})
		}
	}
	x, v, df := double(chi), undefined("one of the columns has a single value"), max(0, r-1)*max(0, k-1)
	if n.Sign() == 0 {
		v = undefined(noRows)
	}
	if least := min(r, k) - 1; least > 0 && n.Sign() > 0 {
		v = root(new(big.Rat).Quo(chi, new(big.Rat).Mul(n, big.NewRat(least, 1))))
	} else {
		x = v
	}
	table.figures = []figure{{"n", wholeOf(n)}, c.missing(n), {"chi2", x}, {"df", whole(big.NewInt(df))},
		{"p", chiSquaredTail(x, df)}, {"cramers_v", v}}
	return table, nil
}
