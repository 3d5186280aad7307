package engine

import (
	"io"
	"math/big"
	"slices"
	"strings"

	"parley/engine/privacy"
)

// gaussianNoise is by moment, of variance 0 where no neighbour changes it. The question's ρ is divided evenly among the
// others. Each department's own noise alone is enough for it, σ² = Δ²/(2ρ), unless the rules name honest ones and the moment takes
// one limb: of several, carries between them are released beside the sum, and follow from each department's cell. README section 18.6.
func (p *Plan) gaussianNoise(d Disclosure) []MomentNoise {
	out, squares, changed := make([]MomentNoise, len(p.Moments)), make([]*big.Int, len(p.Moments)), int64(0)
	for m := range p.Moments {
		if squares[m] = p.squaredSensitivity(m); squares[m].Sign() > 0 {
			changed++
		}
	}
	rho, honest := d.Rho(), min(max(d.Honest, 1), int64(len(p.Departments)))
	slack := changed * privacy.Slack(p.changedCells()) // each moment bears its own, so that whichever are summed, ρ is enough
	for m, square := range squares {
		own := new(big.Rat).SetFrac(new(big.Int).Mul(square, new(big.Int).Mul(big.NewInt(changed), big.NewInt(privacy.Nano))), big.NewInt(2*rho))
		out[m] = newMomentNoise(own, 1)
		if share := privacy.Share(own, honest, rho, slack); share.Cmp(own) < 0 {
			if n := newMomentNoise(share, honest); p.inOneLimb(m, n.Width) {
				out[m] = n
			}
		}
	}
	return out
}

// newMomentNoise is the noise of a variance, which may be 0, of so many departments that together make up what is charged.
func newMomentNoise(variance *big.Rat, honest int64) MomentNoise {
	n := MomentNoise{Width: new(big.Int), Numerator: variance.Num(), Denominator: variance.Denom(), Honest: honest}
	if variance.Sign() > 0 {
		n.Width.Sqrt(new(big.Int).Quo(variance.Num(), variance.Denom()))
		n.Width.Add(n.Width, big.NewInt(1)).Mul(n.Width, big.NewInt(deviations))
		if honest > 1 {
			n.Width.Mul(n.Width, big.NewInt(summedTimes))
		}
	}
	return n
}

// widened are the ranges of a moment's cells that are wider by so much on either side, by department.
func (p *Plan) widened(m int, width *big.Int) (out []Bound) {
	for _, r := range p.Registrations {
		bound := momentBound(&p.Moments[m], r, p.Schema)
		bound.Lo.Sub(bound.Lo, width)
		bound.Hi = new(big.Int).Add(bound.Hi, width)
		out = append(out, bound)
	}
	return out
}

// inOneLimb says whether a moment takes one limb with ranges that are wider by so much.
func (p *Plan) inOneLimb(m int, width *big.Int) bool {
	return !slices.ContainsFunc(p.widened(m, width), func(b Bound) bool {
		return new(big.Int).Sub(b.Hi, b.Lo).BitLen() > p.Layout.Packing.LimbBits
	})
}

// squaredSensitivity is the square of the most that the cells of a moment change by, as a vector over the groups, when the
// rows of one person in one department's table, or one row where no limit of rows is declared, have other values within the
// bounds of its columns. The number of rows is public, so none is added or left out. A row leaves one group and comes to another, or
// changes what it adds in one; R rows change R times as much at most.
func (p *Plan) squaredSensitivity(m int) *big.Int {
	lo, hi := new(big.Int), new(big.Int)
	if moment := &p.Moments[m]; moment.Op == CountRows && moment.Filter == nil && p.Filter == nil && len(p.Groups) == 0 {
		return lo // all rows of the table, whose number is public
	}
	for _, r := range p.Registrations {
		s := rowSpan(&p.Moments[m], r, p.Schema)
		lo, hi = minimum(lo, s.lo), maximum(hi, s.hi)
	}
	square := new(big.Int).Sub(hi, lo)
	square.Mul(square, square)
	if p.groupCount() > 1 {
		most := maximum(hi, new(big.Int).Neg(lo))
		most.Mul(most, most)
		square = maximum(square, most.Lsh(most, 1))
	}
	rows := big.NewInt(p.rowsPerPerson())
	return square.Mul(square, rows.Mul(rows, rows))
}

// rowsPerPerson is how many rows a person has at most in a contributor's table, of those that declare a limit; 1 if none does.
func (p *Plan) rowsPerPerson() int64 {
	most := int64(1)
	for _, r := range p.Registrations {
		most = max(most, r.Quality.RowsPerPerson)
	}
	return most
}

// changedCells is how many cells of a moment a neighbour changes at most.
func (p *Plan) changedCells() int64 { return min(2*p.rowsPerPerson(), int64(p.groupCount())) }

// GaussianNoise draws from randomness the noise that the plan says.
func (p *Plan) GaussianNoise(random io.Reader) NoiseSource {
	return func(_, moment int, _ *big.Int) (*big.Int, error) {
		if p.Noise == nil || p.Noise.Kind != NoiseGaussian {
			return nil, refuse(CodePolicy, 0, "the plan's cells carry no gaussian noise")
		}
		return privacy.Gaussian(random, p.Noise.Moments[moment].Variance())
	}
}

// What differential privacy protects.
const (
	UnitPerson = "person" // all rows of one person in one department's table
	UnitRow    = "row"    // one row
)

// Privacy is what the noise of an answer protects under differential privacy, and on whom that rests. README section 18.7.
type Privacy struct {
	Unit string `json:"unit"` // UnitPerson, or UnitRow where a contributor declares no limit of rows
	// RowsPerPerson is up to how many rows of a person are protected together at the contributors that declare a limit; 0: none does.
	RowsPerPerson int64    `json:"rowsPerPerson,omitempty"`
	ByRow         []string `json:"byRow,omitempty"` // the contributors that declare none
	// Honest is how many of Departments must add their noise and keep it from the analyst; 1: each one's own is enough for its rows.
	Honest      int64 `json:"honest"`
	Departments int   `json:"departments"`
}

// privacy is what the plan's noise protects; nil where no cell carries any under differential privacy.
func (p *Plan) privacy() *Privacy {
	if !p.noised() || p.Noise.Kind != NoiseGaussian {
		return nil
	}
	out := &Privacy{Unit: UnitPerson, Honest: 1, Departments: len(p.Departments)}
	for _, r := range p.Registrations {
		if r.Quality.RowsPerPerson == 0 {
			out.Unit, out.ByRow = UnitRow, append(out.ByRow, r.Department)
		}
		out.RowsPerPerson = max(out.RowsPerPerson, r.Quality.RowsPerPerson)
	}
	for _, m := range p.Noise.Moments {
		out.Honest = max(out.Honest, m.Honest)
	}
	return out
}

// In says it for people: a sentence without its end.
func (x *Privacy) In(l Language) string {
	what := l.text("it protects what one row holds; a person with several rows in a department is protected so much less")
	persons := l.say("all rows of a person in a department together, up to %d", x.RowsPerPerson)
	switch {
	case x.Unit == UnitPerson:
		what = l.say("per person: it protects %s", persons)
	case x.RowsPerPerson > 0:
		what = l.say("it protects %s, and at %s, where no limit of rows is declared, what one row holds", persons, strings.Join(x.ByRow, ", "))
	}
	if x.Honest == 1 {
		return l.say("%s; each department's own noise is enough for that", what)
	}
	return l.say("%s, as long as %d of the %d departments add theirs and do not work with the analyst", what, x.Honest, x.Departments)
}

// Cost says what that takes of accuracy: a sentence without its end; "" where noise is that of single rows, by each department alone.
func (x *Privacy) Cost(l Language) string {
	var parts []string
	if x.RowsPerPerson > 1 {
		parts = append(parts, l.say("%d times what one row would take, since a person may have so many", x.RowsPerPerson))
	}
	if x.Honest > 1 {
		parts = append(parts, l.say("down to 1/√%d of what it is where each department's own noise has to be enough", x.Honest))
	}
	if len(parts) == 0 {
		return ""
	}
	return l.say("the error is %s", strings.Join(parts, l.text(", and ")))
}
