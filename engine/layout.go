package engine

import (
	"math/big"
	"math/bits"
	"slices"
)

// maxLimbSumBits is the width that the sum of a limb over all departments may
// have, so that it stays an int64 with room to spare.
const maxLimbSumBits = 62

// validate checks a packing, which comes from a parameter set: a mistake in it is
// the caller's, but still answered with an error.
func (p Packing) validate() error {
	switch {
	case p.LimbBits < 1 || p.LimbsPerCiphertext < 1 || p.MaxCiphertexts < 1 || p.MaxDepartments < 1:
		return refuse(CodeLimit, 0, "the parameter set has a packing with a size below one")
	case p.LimbBits+bits.Len(uint(p.MaxDepartments)) > maxLimbSumBits:
		return refuse(CodeLimit, 0, "limbs of %d bits of %d departments do not add up in %d bits",
			p.LimbBits, p.MaxDepartments, maxLimbSumBits)
	}
	return nil
}

// pack rounds the bounds of the plan's moments and makes its layout. README
// section 5.
func (p *Plan) pack(packing Packing) error {
	layout := Layout{Packing: packing}
	for m := range p.Moments {
		limbs := 1
		for _, bound := range p.Moments[m].Bounds {
			width := new(big.Int).Sub(bound.Hi, bound.Lo).BitLen()
			limbs = max(limbs, (width+packing.LimbBits-1)/packing.LimbBits)
		}
		for d, bound := range p.Moments[m].Bounds {
			p.Moments[m].Bounds[d].Hi = roundUp(bound, packing.LimbBits)
		}
		layout.Limbs = append(layout.Limbs, limbs)
		if p.Screen != nil {
			layout.Offsets = append(layout.Offsets, layout.place(p.figureBits(m), limbs))
			continue
		}
		layout.Offsets = append(layout.Offsets, layout.SlotsPerGroup)
		layout.SlotsPerGroup += limbs
	}
	slots := p.groupCount() * layout.SlotsPerGroup
	layout.Ciphertexts = (slots + packing.LimbsPerCiphertext - 1) / packing.LimbsPerCiphertext
	if layout.Ciphertexts > packing.MaxCiphertexts {
		return hinted(refuse(CodeLimit, 0, "%d groups of %d limbs need %d ciphertexts; at most %d are allowed",
			p.groupCount(), layout.SlotsPerGroup, layout.Ciphertexts, packing.MaxCiphertexts),
			"ask for fewer groups or fewer aggregates")
	}
	p.Layout = layout
	return nil
}

// roundUp returns the largest value that limbs with exact highest limb can carry
// for the bound: Hi itself when one limb is enough.
func roundUp(bound Bound, limbBits int) *big.Int {
	width := new(big.Int).Sub(bound.Hi, bound.Lo)
	limbs := (width.BitLen() + limbBits - 1) / limbBits
	if limbs <= 1 {
		return bound.Hi
	}
	low := uint((limbs - 1) * limbBits)
	top := new(big.Int).Rsh(width, low)
	top.Add(top, big.NewInt(1)).Lsh(top, low).Sub(top, big.NewInt(1))
	return top.Add(top, bound.Lo)
}

// groupCount returns the number of groups, those that turn out empty included: the
// product of the group columns' values, 1 without GROUP BY.
func (p *Plan) groupCount() int {
	groups := 1
	for _, g := range p.Groups {
		groups *= len(g.Values)
	}
	return groups
}

// CellCount returns the number of cells that each department contributes:
// groupCount times the number of moments. The cell of group g and moment m has the
// index g·len(Moments)+m. A group's index counts through the values of the group
// columns with the last column fastest.
func (p *Plan) CellCount() int { return p.groupCount() * len(p.Moments) }

// Ciphertexts returns the number of ciphertexts that each department contributes.
func (p *Plan) Ciphertexts() int { return p.Layout.Ciphertexts }

// empty returns zeros, one for each limb slot of every ciphertext.
func (p *Plan) empty() [][]int64 {
	slots := make([][]int64, p.Layout.Ciphertexts)
	for c := range slots {
		slots[c] = make([]int64, p.Layout.Packing.LimbsPerCiphertext)
	}
	return slots
}

// slot returns where limb i of a cell lives.
func (p *Plan) slot(group, moment, i int) (ciphertext, limb int) {
	s := group*p.Layout.SlotsPerGroup + p.Layout.Offsets[moment] + i
	return s / p.Layout.Packing.LimbsPerCiphertext, s % p.Layout.Packing.LimbsPerCiphertext
}

// split writes the value, which is not negative and fits, into limbs, low first.
func split(value *big.Int, limbBits int, limbs []int64) {
	rest := new(big.Int).Set(value)
	mask := new(big.Int).SetUint64(1<<limbBits - 1)
	low := new(big.Int)
	for i := range limbs {
		limbs[i] = low.And(rest, mask).Int64()
		rest.Rsh(rest, uint(limbBits))
	}
}

// Limbs encodes one department's cells, one for each cell of the plan: limbs by
// ciphertext and slot, unused slots zero. dep is the index into Departments. A cell
// outside its bound is refused with CodeOverflow, naming the cell; that means the
// table does not match its registration. Of a screening cells are the counts that its figures are made of; a
// cell that is withheld is 0, whatever is given.
func (p *Plan) Limbs(dep int, cells []*big.Int) ([][]int64, error) {
	if dep < 0 || dep >= len(p.Departments) {
		return nil, refuse(CodeDepartments, 0, "the plan has no department number %d", dep)
	}
	if err := p.notLimbs(); err != nil {
		return nil, err
	}
	if len(cells) != p.CellCount() {
		return nil, refuse(CodeCells, 0, "%d cells given, the plan has %d", len(cells), p.CellCount())
	}
	out := p.empty()
	limbs := make([]int64, slices.Max(p.Layout.Limbs))
	shifted := new(big.Int)
	for i := range cells {
		group, m := i/len(p.Moments), i%len(p.Moments)
		if p.withheld(group, m) != 0 {
			continue
		}
		bound := p.Moments[m].Bounds[dep]
		cell := p.figure(cells[i-m:i-m+len(p.Moments)], m)
		if cell == nil || cell.Cmp(bound.Lo) < 0 || cell.Cmp(bound.Hi) > 0 {
			return nil, p.outside(i, dep, bound)
		}
		split(shifted.Sub(cell, bound.Lo), p.Layout.Packing.LimbBits, limbs[:p.Layout.Limbs[m]])
		for j, limb := range limbs[:p.Layout.Limbs[m]] {
			c, s := p.slot(group, m, j)
			out[c][s] += limb << p.Layout.field(m).shift
		}
	}
	return out, nil
}

// limbTops returns the inclusive upper bounds of the limbs of a moment for one
// department; the lower bounds are zero.
func (p *Plan) limbTops(dep, moment int) []int64 {
	bound := p.Moments[moment].Bounds[dep]
	tops := make([]int64, p.Layout.Limbs[moment])
	// A width that needs several limbs was rounded, so that the limbs below its
	// highest are all ones: each limb of the width is that limb's own bound.
	split(new(big.Int).Sub(bound.Hi, bound.Lo), p.Layout.Packing.LimbBits, tops)
	return tops
}

// Bounds returns the inclusive range of every limb of one department, by
// ciphertext and slot: 0 to 0 where there is no limb. dep is an index into
// Departments; another value gives nil.
func (p *Plan) Bounds(dep int) (lo, hi [][]int64) {
	if dep < 0 || dep >= len(p.Departments) || p.Linked() != nil {
		return nil, nil
	}
	lo, hi = p.empty(), p.empty()
	for m := range p.Moments {
		tops := p.limbTops(dep, m)
		for group := range p.groupCount() {
			if p.withheld(group, m) != 0 {
				continue
			}
			for j, top := range tops {
				c, s := p.slot(group, m, j)
				hi[c][s] += top << p.Layout.field(m).shift
			}
		}
	}
	return lo, hi
}

// Pool sums the cells of all departments, in their order, as their ciphertexts would be: by their limbs.
// For whoever has them in the clear: a rehearsal, tests. The errors are those of Limbs and Cells.
func (p *Plan) Pool(cells [][]*big.Int) ([]*big.Int, error) {
	sum := p.empty()
	for dep := range cells {
		limbs, err := p.Limbs(dep, cells[dep])
		if err != nil {
			return nil, err
		}
		for c := range limbs {
			for s := range limbs[c] {
				sum[c][s] += limbs[c][s]
			}
		}
	}
	return p.Cells(sum)
}

// Cells decodes the sums of all departments' limbs, by ciphertext and slot, into
// the sums of their cells. A limb outside the sum of its bounds, one in an unused
// slot included, is refused with CodeOverflow.
func (p *Plan) Cells(limbSums [][]int64) ([]*big.Int, error) {
	if err := p.notLimbs(); err != nil {
		return nil, err
	}
	if len(limbSums) != p.Layout.Ciphertexts {
		return nil, refuse(CodeCells, 0, "%d ciphertexts given, the plan has %d", len(limbSums), p.Layout.Ciphertexts)
	}
	top := p.empty()
	base, most := make([]*big.Int, len(p.Moments)), make([]*big.Int, len(p.Moments))
	for m := range p.Moments {
		base[m], most[m] = new(big.Int), p.most(m)
		for d := range p.Departments {
			base[m].Add(base[m], p.Moments[m].Bounds[d].Lo)
		}
	}
	for d := range p.Departments {
		_, hi := p.Bounds(d)
		for c := range hi {
			for s := range hi[c] {
				top[c][s] += hi[c][s]
			}
		}
	}
	for c := range limbSums {
		if len(limbSums[c]) != len(top[c]) {
			return nil, refuse(CodeCells, 0, "ciphertext %d has %d limbs, not %d", c, len(limbSums[c]), len(top[c]))
		}
		for s, limb := range limbSums[c] {
			if limb < 0 || limb > top[c][s] {
				return nil, refuse(CodeOverflow, 0, "limb %d of ciphertext %d is outside the sum of its bounds", s, c)
			}
		}
	}
	cells := make([]*big.Int, p.CellCount())
	part := new(big.Int)
	for i := range cells {
		group, m := i/len(p.Moments), i%len(p.Moments)
		if cells[i] = new(big.Int); p.withheld(group, m) != 0 {
			continue
		}
		if f := p.Layout.field(m); f.bits > 0 {
			c, s := p.slot(group, m, 0)
			cells[i] = f.of(limbSums[c][s], most[m])
			continue
		}
		cells[i].Set(base[m])
		for j := range p.Layout.Limbs[m] {
			c, s := p.slot(group, m, j)
			part.SetInt64(limbSums[c][s])
			cells[i].Add(cells[i], part.Lsh(part, uint(j*p.Layout.Packing.LimbBits)))
		}
	}
	return cells, nil
}
