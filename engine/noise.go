package engine

import (
	"cmp"
	"fmt"
	"math/big"
	"slices"
)

// The kinds of noise.
const (
	NoiseGaussian = "discrete gaussian" // of a question under differential privacy
	NoiseCellKey  = "cell key"          // which follows from the cell's rows: Disclosure.Perturbed
)

// Noise is what each department adds to its cells before they are encrypted. README section 18.6.
type Noise struct {
	_       struct{}   `cbor:",toarray"`
	Kind    string     // NoiseGaussian or NoiseCellKey
	Rules   Disclosure // that demand it
	Moments []MomentNoise
}

// MomentNoise is the noise of one department's cells of a moment.
type MomentNoise struct {
	_ struct{} `cbor:",toarray"`
	// Width is by how much the cell's range is wider on either side; 0: there is no noise. What would be beyond is
	// brought to the range's end.
	Width *big.Int
	// Numerator over Denominator is the variance.
	Numerator, Denominator *big.Int
	// Honest is how many departments' noise together is charged, under differential privacy; 1: each one's own is.
	Honest int64
}

// Variance is that of one department's noise.
func (n *MomentNoise) Variance() *big.Rat { return new(big.Rat).SetFrac(n.Numerator, n.Denominator) }

// deviations is how many standard deviations the range of a cell is wider on either side: what is brought to its end
// then is about one cell in 10^15. What several departments' noise is charged by together must not leave it: there it is
// summedTimes as many, and beyond is one cell in 10^125.
const (
	deviations  = 8
	summedTimes = 3
)

// Noisy says whether the rules demand that cells carry noise.
func (d Disclosure) Noisy() bool { return d.Epsilon > 0 || d.Perturbed > 0 }

// Noisy is the plan with the noise that rules demand: the range of each cell is wider by it, and all else follows. It is
// the plan itself where they demand none. It is refused with CodePolicy where noise would leave nothing of what is asked.
// README section 18.6.
func (p *Plan) Noisy(d Disclosure) (*Plan, error) {
	switch {
	case !d.Noisy():
		return p, nil
	case p.Screen != nil || p.Rules != (Disclosure{}) || p.Noise != nil:
		return nil, refuse(CodePolicy, 0, "noise is added to a question's own plan")
	}
	if err := d.Conflict(); err != nil { // with two kinds of noise, one would be left out
		return nil, refuse(CodePolicy, 0, "%s", err)
	}
	if err := cmp.Or(p.mayJoin(d), p.takesNoise()); err != nil {
		return nil, err
	}
	out := *p
	out.Noise = &Noise{Kind: NoiseGaussian, Rules: d}
	if d.Perturbed > 0 {
		out.Noise.Kind = NoiseCellKey
		if err := p.keysDeclared(); err != nil {
			return nil, err
		}
		for m := range p.Moments {
			out.Noise.Moments = append(out.Noise.Moments, p.cellKeyNoise(m, d.Perturbed))
		}
	} else {
		out.Noise.Moments = p.gaussianNoise(d)
	}
	out.Moments = slices.Clone(p.Moments)
	for m := range out.Moments {
		out.Moments[m].Bounds = p.widened(m, out.Noise.Moments[m].Width)
		for d, bound := range out.Moments[m].Bounds {
			if bits := new(big.Int).Sub(bound.Hi, bound.Lo).BitLen(); bits > MaxCellBits {
				return nil, refuse(CodeOverflow, 0, "with its noise, %s of %s is %d bits wide; at most %d are allowed",
					p.describeMoment(m), p.Departments[d], bits, MaxCellBits)
			}
		}
	}
	if err := out.pack(p.Layout.Packing); err != nil {
		return nil, err
	}
	return &out, nil
}

func minimum(a, b *big.Int) *big.Int {
	if a.Cmp(b) < 0 {
		return new(big.Int).Set(a)
	}
	return new(big.Int).Set(b)
}

func maximum(a, b *big.Int) *big.Int {
	if a.Cmp(b) > 0 {
		return new(big.Int).Set(a)
	}
	return new(big.Int).Set(b)
}

// takesNoise refuses what noise would leave nothing of: what asks whether there are rows, and what no error is known of.
func (p *Plan) takesNoise() error {
	if p.Report != nil {
		return noNoise(p.Report.Function)
	}
	for _, m := range p.Moments {
		if m.Op == Present {
			return noNoise("whether there are rows, as of min, max and count(DISTINCT ...)")
		}
	}
	var wrong error
	var visit func(e *Expr)
	visit = func(e *Expr) {
		if e == nil {
			return
		}
		if e.Op == OpFunction && functions[e.Value.Text].sums == nil && wrong == nil {
			wrong = noNoise(shownName(e.Value.Text))
		}
		for _, a := range e.Args {
			visit(a)
		}
	}
	for _, o := range p.Outputs {
		visit(o.Expr)
	}
	for _, o := range p.Order {
		visit(o.Expr)
	}
	visit(p.Having)
	return wrong
}

func noNoise(what string) error {
	return hinted(refuse(CodePolicy, 0, "by the departments' rules cells carry noise, with which %s is not answered", what),
		"counts, sums, averages and what follows from them are, by GROUP BY and FILTER too")
}

// NoiseSource gives the noise of one of a department's own cells, whose exact value it may look at.
type NoiseSource func(group, moment int, cell *big.Int) (*big.Int, error)

// AddNoise is what a department contributes for its cells: themselves where the plan has no noise, and else each with that
// of the source, within the range that is proven; of a screening the figures. What is withheld has none. dep is the index into Departments. A cell outside of
// the range that the registration gives is refused with CodeOverflow, as by Limbs. A source that gives none is an error.
func (p *Plan) AddNoise(dep int, cells []*big.Int, source NoiseSource) ([]*big.Int, error) {
	switch {
	case p.Noise == nil:
		return cells, nil
	case dep < 0 || dep >= len(p.Departments):
		return nil, refuse(CodeDepartments, 0, "the plan has no department number %d", dep)
	case len(cells) != p.CellCount():
		return nil, refuse(CodeCells, 0, "%d cells given, the plan has %d", len(cells), p.CellCount())
	case source == nil:
		return nil, refuse(CodePolicy, 0, "the plan's cells carry noise, and there is none to add")
	}
	if p.Screen != nil {
		return p.veiled(dep, cells, source)
	}
	exact := make([]Bound, len(p.Moments))
	for m := range exact {
		exact[m] = momentBound(&p.Moments[m], p.Registrations[dep], p.Schema)
	}
	out := make([]*big.Int, len(cells))
	for i, cell := range cells {
		group, m := i/len(p.Moments), i%len(p.Moments)
		switch {
		case p.withheld(group, m) != 0:
			out[i] = new(big.Int)
			continue
		case cell == nil || cell.Cmp(exact[m].Lo) < 0 || cell.Cmp(exact[m].Hi) > 0:
			return nil, p.outside(i, dep, exact[m])
		case p.Noise.Moments[m].Width.Sign() == 0:
			out[i] = cell
			continue
		}
		noise, err := noiseOf(source, group, m, cell)
		if err != nil {
			return nil, err
		}
		bound := p.Moments[m].Bounds[dep]
		out[i] = minimum(maximum(new(big.Int).Add(cell, noise), bound.Lo), bound.Hi)
	}
	return out, nil
}

// noiseOf is what a source gives, which has to give something.
func noiseOf(source NoiseSource, group, moment int, cell *big.Int) (*big.Int, error) {
	noise, err := source(group, moment, cell)
	switch {
	case err != nil:
		return nil, fmt.Errorf("the noise of a cell: %w", err)
	case noise == nil:
		return nil, refuse(CodePolicy, 0, "the plan's cells carry noise, and one has none")
	}
	return noise, nil
}

// outside refuses a cell that the table's registration does not allow.
func (p *Plan) outside(cell, dep int, bound Bound) error {
	return refuse(CodeOverflow, 0, "cell %d (group %d, %s) of %s is outside the bound %s to %s that its registration gives",
		cell, cell/len(p.Moments), p.describeMoment(cell%len(p.Moments)), p.Departments[dep], bound.Lo, bound.Hi)
}
