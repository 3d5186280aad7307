package engine

import (
	"fmt"
	"math/big"
	"strings"
)

// regression is least squares from the products of all pairs of terms.
type regression struct {
	names     []string
	intercept bool
	n         *big.Rat
	first     int // the first cell of the triangle
	cells     reportCells

	estimates []*big.Rat
	inverse   []*big.Rat // the diagonal of (XᵀX)⁻¹
	df        *big.Rat   // n − terms
	regDF     *big.Rat
	totalSS   *big.Rat
	resSS     *big.Rat
}

// index is the cell of the pair of variables i ≤ j, the dependent one last.
func (f *regression) index(i, j int) int {
	if i > j {
		i, j = j, i
	}
	q := len(f.names) + 1
	return f.first + i*q - i*(i-1)/2 + j - i
}

func (f *regression) product(i, j int) *big.Rat { return f.cells.at(f.index(i, j)) }

// solve finds the coefficients; otherwise it says which terms are at fault.
func (f *regression) solve() (problem string) {
	p := len(f.names)
	f.df = new(big.Rat).Sub(f.n, big.NewRat(int64(p), 1))
	if f.df.Sign() < 0 {
		return fmt.Sprintf("%s cannot determine %s", Plural(f.n.Num().Int64(), "complete row"), Plural(p, "term"))
	}
	// In units of the terms' own scales all products are integers.
	matrix := make([][]*big.Int, p)
	for i := range matrix {
		row := make([]*big.Int, 2*p+1)
		for j := range p {
			row[j] = f.cells.raw(f.index(i, j))
			row[p+1+j] = new(big.Int)
		}
		row[p] = f.cells.raw(f.index(i, p))
		row[p+1+i].SetInt64(1)
		matrix[i] = row
	}
	determinant, column, on := eliminate(matrix, p)
	if column >= 0 {
		return f.dependence(column, on)
	}
	f.estimates, f.inverse = make([]*big.Rat, p), make([]*big.Rat, p)
	for i, row := range matrix {
		unit := f.scale(i)
		f.estimates[i] = new(big.Rat).SetFrac(row[p], determinant)
		f.estimates[i].Mul(f.estimates[i], new(big.Rat).SetFrac(pow10(unit), pow10(f.scale(p))))
		f.inverse[i] = new(big.Rat).SetFrac(row[p+1+i], determinant)
		f.inverse[i].Mul(f.inverse[i], new(big.Rat).SetInt(pow10(2*unit)))
	}
	f.sums(p)
	return ""
}

// scale is the number of decimal places of a variable.
func (f *regression) scale(i int) int {
	if m := f.cells.report.Cells[f.index(i, i)]; m >= 0 {
		return f.cells.plan.Moments[m].Scale / 2
	}
	return 0
}

// sums are the sums of squares: about the mean with an intercept, about zero without.
func (f *regression) sums(p int) {
	f.totalSS, f.regDF = f.product(p, p), big.NewRat(int64(p), 1)
	explained := new(big.Rat)
	for i, b := range f.estimates {
		explained.Add(explained, new(big.Rat).Mul(b, f.product(i, p)))
	}
	f.resSS = new(big.Rat).Sub(f.totalSS, explained)
	if f.intercept {
		y := f.product(0, p)
		mean := new(big.Rat).Mul(y, y)
		f.totalSS.Sub(f.totalSS, mean.Quo(mean, f.n))
		f.regDF.Sub(f.regDF, big.NewRat(1, 1))
	}
}

// eliminate brings [A | ...] to determinant·[I | A⁻¹...] by fraction-free elimination
// (Bareiss 1968, both ways), rows in order: A is a Gram matrix, so a pivot is zero
// exactly when its column is a combination of those before. Then it returns that
// column and the multiples of the others.
func eliminate(rows [][]*big.Int, p int) (determinant *big.Int, column int, on []*big.Rat) {
	last := big.NewInt(1)
	left, right := new(big.Int), new(big.Int)
	for k := range p {
		pivot := rows[k][k]
		if pivot.Sign() == 0 {
			for i := range k {
				on = append(on, new(big.Rat).SetFrac(rows[i][k], last))
			}
			return nil, k, on
		}
		for i, row := range rows {
			if i == k {
				continue
			}
			factor := row[k]
			for j := range row {
				if row[j].Sign() == 0 && (factor.Sign() == 0 || rows[k][j].Sign() == 0) {
					continue
				}
				left.Mul(pivot, row[j])
				right.Mul(factor, rows[k][j])
				row[j] = new(big.Int).Quo(left.Sub(left, right), last)
			}
		}
		last = pivot
	}
	return last, -1, nil
}

// dependence says which terms a term is a combination of.
func (f *regression) dependence(column int, on []*big.Rat) string {
	var parts []string
	for i, b := range on {
		if b.Sign() == 0 {
			continue
		}
		b = new(big.Rat).Mul(b, new(big.Rat).SetFrac(pow10(f.scale(i)), pow10(f.scale(column))))
		multiple := ""
		if b.Cmp(big.NewRat(1, 1)) != 0 {
			multiple = b.RatString() + "·"
		}
		name := f.names[i]
		if multiple != "" && (strings.Contains(name, " + ") || strings.Contains(name, " - ")) {
			name = "(" + name + ")"
		}
		parts = append(parts, multiple+name)
	}
	if len(parts) == 0 {
		return fmt.Sprintf("the design is singular: %s is 0 in every row", f.names[column])
	}
	return fmt.Sprintf("the design is singular: %s = %s in every row", f.names[column], strings.Join(parts, " + "))
}

var noFreedom = "no degrees of freedom are left"

// residual is the residual mean square.
func (f *regression) residual() value {
	if f.df.Sign() == 0 {
		return undefined(noFreedom)
	}
	return double(new(big.Rat).Quo(f.resSS, f.df))
}

func (f *regression) standardError(i int) value {
	v := multiplied(f.residual(), double(f.inverse[i]))
	if v.IsNull() {
		return v
	}
	return root(v.exact)
}

// critical is the t of 95 % confidence intervals.
func (f *regression) critical() value {
	if f.df.Sign() == 0 {
		return undefined(noFreedom)
	}
	return studentQuantile(f.df)
}

// figures are the model's.
func (f *regression) figures() []figure {
	regSS := new(big.Rat).Sub(f.totalSS, f.resSS)
	residual := f.residual()
	r2 := undefined("y does not vary")
	if f.totalSS.Sign() != 0 {
		r2 = double(new(big.Rat).Quo(regSS, f.totalSS))
	}
	fStatistic := undefined("there is no regressor")
	if f.regDF.Sign() > 0 {
		fStatistic = over(double(new(big.Rat).Quo(regSS, f.regDF)), residual)
	}
	deviation := residual
	if !residual.IsNull() {
		deviation = root(residual.exact)
	}
	return []figure{
		{"df", wholeOf(f.df)}, {"r2", r2}, {"adj_r2", f.adjusted(r2)},
		{"f", fStatistic}, {"f_p", fisherTail(fStatistic, f.regDF, f.df)},
		{"residual_sd", deviation}, {"reg_ss", double(regSS)}, {"res_ss", double(f.resSS)},
		{"reg_df", wholeOf(f.regDF)}, {"t_crit", f.critical()},
	}
}

// adjusted is 1 − (1 − R²)·(n − 1)/df, with n for n − 1 where there is no intercept.
func (f *regression) adjusted(r2 value) value {
	if r2.IsNull() {
		return r2
	}
	if f.df.Sign() == 0 {
		return undefined(noFreedom)
	}
	one := big.NewRat(1, 1)
	free := new(big.Rat).Set(f.n)
	if f.intercept {
		free.Sub(free, one)
	}
	out := new(big.Rat).Sub(one, r2.exact)
	out.Mul(out, free.Quo(free, f.df))
	return double(out.Sub(one, out))
}
