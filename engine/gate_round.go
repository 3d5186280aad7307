package engine

import (
	"math"
	"math/big"
	"slices"
)

// exactly64 is the Most of a figure that is the count itself.
const exactly64 = math.MaxInt64

// Adds reports whether a plan adds up anything: whether it has other moments than counts of rows and presences.
func (p *Plan) Adds() bool {
	return slices.ContainsFunc(p.Moments, func(m Moment) bool { return m.Op != CountRows && m.Op != CountNonNull && m.Op != Present })
}

// mayRound refuses a plan that rules which round do not admit: one whose sums would tell what was rounded, as
// sum(x + 1) − sum(x) does, and a round of a question, of which the next follows from what was rounded.
func (p *Plan) mayRound(d Disclosure) error {
	switch {
	case d.Base == 0:
		return nil
	case d.Noisy() || p.Noise != nil:
		return refuse(CodePolicy, 0, "counts are rounded to %d, and carry no noise besides", d.Base)
	case p.Adds():
		return hinted(refuse(CodePolicy, 0, "counts are rounded to %d, and a sum would undo it", d.Base), "ask for counts")
	case IsRound(p.SQL):
		return hinted(refuse(CodePolicy, 0, "counts are rounded to %d, and the question takes several rounds", d.Base),
			"ask for the counts of values or ranges")
	}
	out := *p
	out.Rules = d
	return out.roundBy(0) // whether there is room for it: who contributes does not matter
}

// roundedTo is the multiple of a base that a count is nearest to; of two the larger.
func roundedTo(n *big.Int, base int64) *big.Int {
	b := big.NewInt(base)
	out := new(big.Int).Add(n, big.NewInt(base/2))
	return out.Mul(out.Quo(out, b), b)
}

// Rounded is, on a screening's plan, what the answer shows where counts are rounded: for each cell of the answer's plan, by the
// screening's own cells and the verdict, 0 where it is withheld, a count's nearest multiple of the base, and of a
// presence 1 where that is not 0. README section 18.10.
func (p *Plan) Rounded(cells []*big.Int, verdict []byte) ([]*big.Int, error) {
	if err := p.checkFigures(cells); err != nil {
		return nil, err
	}
	s := p.Screen
	switch {
	case s.Rules.Base == 0:
		return nil, refuse(CodePolicy, 0, "no rule rounds counts")
	case len(verdict) != s.answer.CellCount():
		return nil, refuse(CodeCells, 0, "the verdict is over %d cells, the plan has %d", len(verdict), s.answer.CellCount())
	}
	out := make([]*big.Int, len(verdict))
	for i := range out {
		g, m := i/len(s.answer.Moments), i%len(s.answer.Moments)
		if out[i] = new(big.Int); verdict[i] != 0 {
			continue
		}
		out[i] = roundedTo(p.ofGroup(cells, g)[s.figures[s.supports.count[m]].count], s.Rules.Base)
		if s.answer.Moments[m].Op == Present {
			out[i] = big.NewInt(int64(out[i].Sign()))
		}
	}
	return out, nil
}

// Rounds reports whether the plan is of an answer whose counts are rounded: then nothing is aggregated for it.
func (p *Plan) Rounds() bool { return p.Screen == nil && p.Rules.Base > 0 }

// roundBy gives the bounds and the layout under which one department contributes the rounded counts of all, and each of the
// others 0.
func (p *Plan) roundBy(recipient int) error {
	if recipient < 0 || recipient >= len(p.Departments) {
		return refuse(CodeDepartments, 0, "the plan has no department number %d", recipient)
	}
	p.Recipient, p.Moments = recipient, slices.Clone(p.Moments)
	rows := new(big.Int)
	for _, r := range p.Registrations {
		rows.Add(rows, big.NewInt(r.Rows))
	}
	for m := range p.Moments {
		most := roundedTo(rows, p.Rules.Base)
		if p.Moments[m].Op == Present {
			most = big.NewInt(int64(most.Sign()))
		}
		p.Moments[m].Bounds = make([]Bound, len(p.Departments))
		for d := range p.Departments {
			p.Moments[m].Bounds[d] = Bound{Lo: new(big.Int), Hi: new(big.Int)}
		}
		p.Moments[m].Bounds[recipient].Hi = most
	}
	return p.pack(p.Layout.Packing)
}

// Contributed are the cells that a department contributes to an answer whose counts are rounded: the recipient those that Rounded
// gives, the others 0.
func (p *Plan) Contributed(dep int, rounded []*big.Int) []*big.Int {
	if dep == p.Recipient {
		return rounded
	}
	out := make([]*big.Int, len(rounded))
	for i := range out {
		out[i] = new(big.Int)
	}
	return out
}

// checkRounded refuses cells of an answer of which one that is shown is not rounded.
func (p *Plan) checkRounded(cells []*big.Int) error {
	if !p.Rounds() {
		return nil
	}
	for i, c := range cells {
		switch m := i % len(p.Moments); {
		case p.Moments[m].Op == Present && c.Cmp(big.NewInt(1)) <= 0:
		case p.Moments[m].Op == Present || roundedTo(c, p.Rules.Base).Cmp(c) != 0:
			return refuse(CodeCells, 0, "cell %d is %s, which is not rounded to %d", i, c, p.Rules.Base)
		}
	}
	return nil
}
