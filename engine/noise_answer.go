package engine

import (
	"math/big"
	"slices"

	"parley/engine/privacy"
)

// Why a value is NULL in an answer whose cells carry noise.
const (
	noiseRows     = "with its noise, the number of rows that it is of is not above 0"
	noiseNegative = "with its noise, what it is the root of, or is divided by, is not above 0"
	noiseDivisor  = "with its noise, what it is divided by is 0"
	noiseDate     = "with its noise, the date is before the year 1 or after the year 9999"
)

// errorDigits is how many digits a standard error is written with.
const errorDigits = 3

// addNoisy tells the answer which columns carry noise.
func (p *Plan) addNoisy(result *Result) {
	if p.Noise == nil {
		return
	}
	result.Privacy = p.privacy()
	for _, o := range p.Outputs {
		if slices.ContainsFunc(p.momentsOf(o.Expr), func(m int) bool { return p.Noise.Moments[m].Numerator.Sign() > 0 }) {
			result.Noise = append(result.Noise, NoisyColumn{o.Name, p.Noise.Kind, len(p.Departments), p.Noise.Rules.Perturbed})
		}
	}
}

// noised says whether any cell carries noise. None does, whatever the rules demand, where all that is asked for is how many rows a table has.
func (p *Plan) noised() bool {
	return p.Noise != nil && slices.ContainsFunc(p.Noise.Moments, func(n MomentNoise) bool { return n.Numerator.Sign() > 0 })
}

// Price is what a question with noise of differential privacy takes of each budget, as decimals: ε, for δ. "" where it has none. p may be nil.
func (p *Plan) Price() (epsilon, delta string) {
	if p == nil || p.Noise == nil || p.Noise.Rules.Epsilon == 0 {
		return "", ""
	}
	return privacy.Decimal(p.Noise.Rules.Epsilon, privacy.Micro), privacy.Decimal(p.Noise.Rules.Delta, privacy.Pico)
}

// momentsOf are the moments that an expression over cells reads, ascending; what a window function reads of other rows too.
func (p *Plan) momentsOf(e *Expr) (out []int) {
	switch e.Op {
	case OpCount, OpMoment:
		out = []int{e.Column}
	case OpSum, OpAverage:
		out = []int{e.Column, e.Count}
	}
	for _, a := range e.Args {
		out = append(out, p.momentsOf(a)...)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// overRows says whether a window function stands in an expression.
func overRows(e *Expr) bool { return e.Op == OpWindow || slices.ContainsFunc(e.Args, overRows) }

// standardError is what the noise of the group's cells makes of a value, to first order: each cell is moved by its standard
// deviation. nil where there is none, where the value is no number, and of a window function, whose rows share cells.
func (g group) standardError(e *Expr, v value) *string {
	p := g.plan
	if p.Noise == nil || v.IsNull() || v.exact == nil || !e.Kind.numeric() && e.Kind != Float || overRows(e) {
		return nil
	}
	total := new(big.Rat)
	for _, m := range p.momentsOf(e) {
		variance := p.Noise.Moments[m].Variance()
		if variance.Sign() == 0 {
			continue
		}
		variance.Mul(variance, big.NewRat(int64(len(p.Departments))*int64(g.parts), 1))
		step := new(big.Int).Sqrt(new(big.Int).Quo(variance.Num(), variance.Denom()))
		step = maximum(step, big.NewInt(1))
		moved := g
		moved.cells = slices.Clone(g.cells)
		moved.cells[m] = new(big.Int).Add(g.cells[m], step)
		other, err := evaluate(e, moved)
		if err != nil || other.exact == nil {
			return nil
		}
		slope := new(big.Rat).Sub(other.exact, v.exact)
		slope.Quo(slope, new(big.Rat).SetInt(step))
		total.Add(total, variance.Mul(variance, slope.Mul(slope, slope)))
	}
	if total.Sign() == 0 {
		return nil
	}
	text := significant(root(total).exact, errorDigits)
	return &text
}

// momentError is the standard error that the noise of all departments gives a moment's cells, in the units of its values; "" where
// it has none. Of a row that unites cells it is larger.
func (p *Plan) momentError(m int) string {
	if p.Noise == nil || p.Noise.Moments[m].Numerator.Sign() == 0 {
		return ""
	}
	variance := p.Noise.Moments[m].Variance()
	variance.Mul(variance, big.NewRat(int64(len(p.Departments)), 1))
	unit := new(big.Rat).SetInt(pow10(2 * p.Moments[m].Scale))
	return significant(root(variance.Quo(variance, unit)).exact, errorDigits)
}

// outputError is the standard error of a count or a sum; "" of what is made of several cells, whose error depends on them.
func (p *Plan) outputError(e *Expr) string {
	if e.Op == OpCount || e.Op == OpSum {
		return p.momentError(e.Column)
	}
	return ""
}

// noiseReason is why a function of cells with noise is NULL; "" where it is not, or there is no noise.
func (g group) noiseReason(e *Expr, args []value, v value) string {
	switch f := functions[e.Value.Text]; {
	case g.plan.Noise == nil || f.sums == nil:
	case len(f.sums.powers) > 1 && args[0].Number.Sign() <= 0:
		return noiseRows
	case v.reason == contradiction:
		return noiseNegative
	}
	return ""
}
