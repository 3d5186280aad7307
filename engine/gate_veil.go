package engine

import "math/big"

// Under the rule Veiled, what a department says of its number of rows in a screening carries the noise that the answer's count has, and is
// never less than one row, so that whether there are any stays exact. README section 18.12.

// manySets is more sets than are ever added up.
const manySets = 1 << 30

// enough is from what sum of the departments' figures on so many sets are taken to have at least some rows together. Noise makes it more: by so
// much that fewer rows pass, however they lie, once in 1,600 at most (TestExcess).
func (s *Screening) enough(rows, sets int64) int64 {
	d := s.Rules
	if !d.Veiled || rows <= 1 {
		return rows
	}
	// Of fewer rows, only so many figures have any.
	parts := min(sets*int64(len(s.answer.Departments)), (rows-1)/max(1, d.Floor))
	return rows + excess(parts, d.Perturbed)
}

// Enough is from what sum of the departments' numbers on, which carry noise, the rule count lets a cell pass; 0 where they carry none. p is the plan of an
// answer, and may be nil.
func (p *Plan) Enough() int64 {
	if p == nil || !p.Rules.Veiled {
		return 0
	}
	return (&Screening{Rules: p.Rules, answer: p}).enough(p.Rules.Count, 1)
}

// excess is what so many figures say beyond their rows: the mean of that, and four standard deviations, but never more than all of it. Of one row or the floor
// a figure says as much as its noise is above 0, of more rows less: that is noise/6 in the mean, with a variance of (noise² + 1)/18.
func excess(figures, noise int64) int64 {
	if figures == 0 {
		return 0
	}
	root := big.NewInt(32 * figures * (noise*noise + 1)) // (6·4)² / 18
	root.Sub(root, big.NewInt(1)).Sqrt(root)
	return min(figures*noise, (figures*noise+root.Int64()+1+5)/6) // rounded up
}

// veil gives a screening the noise of its figures. Those that only tell whether there are rows have none, but where a floor decides that.
func (p *Plan) veil(d Disclosure) {
	p.Noise = &Noise{Kind: NoiseCellKey, Rules: d}
	for m := range p.Moments {
		noise := MomentNoise{Width: new(big.Int), Numerator: new(big.Int), Denominator: big.NewInt(1)}
		if p.Moments[m].Most > 1 || d.Floor > 1 {
			noise = p.cellKeyNoise(m, d.Perturbed)
		}
		p.Noise.Moments = append(p.Noise.Moments, noise)
	}
}

// veils is of how many rows the noise of a figure is at most.
func (p *Plan) veils(m int) int64 {
	if p.Noise == nil {
		return 0
	}
	return p.Noise.Moments[m].Width.Int64()
}

// aboveFloor is from what number, with its noise, a department's rows are not below the floor. It is so much higher that fewer rows never pass.
// What is compared has noise, since each contributor can set a floor, and would find the number by some of these.
func (p *Plan) aboveFloor(m int) int64 { return max(1, p.Screen.Rules.Floor) + p.veils(m) }

// veiled are a department's figures with noise, of its counts.
func (p *Plan) veiled(dep int, cells []*big.Int, source NoiseSource) ([]*big.Int, error) {
	rows := Bound{Lo: new(big.Int), Hi: big.NewInt(p.Registrations[dep].Rows)}
	out := make([]*big.Int, len(cells))
	for i := range cells {
		group, m := i/len(p.Moments), i%len(p.Moments)
		n := p.counted(p.ofGroup(cells, group), m)
		if n == nil || n.Cmp(rows.Lo) < 0 || n.Cmp(rows.Hi) > 0 {
			return nil, p.outside(i, dep, rows)
		}
		noise := new(big.Int)
		if p.veils(m) > 0 {
			var err error
			if noise, err = noiseOf(source, group, m, n); err != nil {
				return nil, err
			}
		}
		out[i] = p.made(m, n, noise)
	}
	return out, nil
}
