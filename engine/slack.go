package engine

import (
	"math/big"
	"slices"
)

// Slack says what a moment of the Op Weigh is: by how much what is not among the largest rows outweighs them. Of the numbers |x| of the rows it is
//
//	Total·Σ|x| − Largest·(the Rows largest of them) − First·(the largest)
//
// in thousandths of the expression's units. Where the departments' slacks add up to 0 or more, so does the slack of their rows together, or is more:
// sums add up, and the largest rows of all are at most those of each. README section 18.11.
type Slack struct{ Total, Largest, First, Rows int64 }

// dominanceSlack is of dominance: the n largest rows are at most the share of the sum.
func dominanceSlack(n, perMille int64) Slack {
	return Slack{Total: perMille, Largest: PerMille, Rows: n}
}

// ratioSlack is of the p-ratio: the sum without its two largest rows is at least the share of the largest.
func ratioSlack(perMille int64) Slack {
	return Slack{Total: PerMille, Largest: PerMille, First: perMille, Rows: 2}
}

// worst is how far below 0 the slack of numbers of at most 1 can be: where there are none but the largest.
func (s Slack) worst() int64 {
	return max((s.Largest-s.Total)*s.Rows, 0) + s.First
}

// Weights is what a plan's slacks are made of, while rows are gone through one by one.
type Weights struct {
	plan *Plan
	of   map[int]*weights // by cell
}

type weights struct {
	total   big.Int
	largest []*big.Int // descending
}

// NewWeights is of no rows.
func NewWeights(p *Plan) *Weights { return &Weights{p, map[int]*weights{}} }

// slack is that of a cell.
func (w *Weights) slack(cell int) Slack { return w.plan.Moments[cell%len(w.plan.Moments)].Slack }

// Add adds a row's number, without its sign, to a cell.
func (w *Weights) Add(cell int, x *big.Int) {
	of, x := w.of[cell], new(big.Int).Abs(x)
	if of == nil {
		of = new(weights)
		w.of[cell] = of
	}
	of.total.Add(&of.total, x)
	at, _ := slices.BinarySearchFunc(of.largest, x, func(a, b *big.Int) int { return b.Cmp(a) })
	if rows := int(w.slack(cell).Rows); at < rows {
		of.largest = slices.Insert(of.largest, at, x)
		of.largest = of.largest[:min(rows, len(of.largest))]
	}
}

// Finish sets the cells that are slacks of some rows; those of none are 0.
func (w *Weights) Finish(cells []*big.Int) {
	for cell, of := range w.of {
		s := w.slack(cell)
		out := new(big.Int).Mul(&of.total, big.NewInt(s.Total))
		for i, x := range of.largest {
			weight := s.Largest
			if i == 0 {
				weight += s.First
			}
			out.Sub(out, new(big.Int).Mul(x, big.NewInt(weight)))
		}
		cells[cell] = out
	}
}

// slackSteps is in how many steps the worst slack is told. More of them tell more and pass hardly more cells (README section 18.11).
const slackSteps = 16

// slackMost is a department's highest figure: beyond the worst, as many steps as make up for the worst of all others. So nothing finer of large cells
// is told, and no verdict is another one for it.
func slackMost(departments int) int64 { return slackSteps * int64(max(departments, 2)) }

// slackFigure is what a department contributes of a slack: steps above the worst, rounded down.
func (m *Moment) slackFigure(slack *big.Int, departments int) *big.Int {
	steps := new(big.Int).Div(slack, m.unit) // towards minus infinity
	if steps.Add(steps, big.NewInt(slackSteps)); steps.Cmp(big.NewInt(slackMost(departments))) > 0 {
		return big.NewInt(slackMost(departments))
	}
	return steps
}

// slackUnit is a step, in the units of a slack, of numbers of at most so much.
func slackUnit(s Slack, most *big.Int) *big.Int {
	out := new(big.Int).Mul(most, big.NewInt(s.worst()))
	out.Add(out, big.NewInt(slackSteps-1)).Quo(out, big.NewInt(slackSteps))
	return maximum(out, big.NewInt(1))
}
