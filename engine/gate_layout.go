package engine

import "math/big"

// field is the place of a figure in a limb that it shares with others of its group: its lowest bit, and how many
// bits the departments' sum of it takes. No bits: the limb is its own.
type field struct{ shift, bits int }

// place finds room for a figure of so many bits beside the group's figures before it, and gives the limb's offset. A figure that needs
// more than one limb, or a limb whole, has its own.
func (l *Layout) place(bits, limbs int) (offset int) {
	last := field{bits: l.Packing.LimbBits}
	if n := len(l.fields); n > 0 && l.fields[n-1].bits > 0 {
		last = l.fields[n-1]
	}
	switch used := last.shift + last.bits; {
	case limbs > 1 || bits > l.Packing.LimbBits:
		l.fields = append(l.fields, field{})
	case used+bits <= l.Packing.LimbBits:
		l.fields = append(l.fields, field{used, bits})
		return l.SlotsPerGroup - 1
	default:
		l.fields = append(l.fields, field{0, bits})
		limbs = 1
	}
	offset = l.SlotsPerGroup
	l.SlotsPerGroup += limbs
	return offset
}

// field is that of a moment; the zero one but of a screening.
func (l *Layout) field(m int) field {
	if l.fields == nil {
		return field{}
	}
	return l.fields[m]
}

// figureBits is the width of the sum of all departments' figures.
func (p *Plan) figureBits(m int) int { return max(1, p.most(m).BitLen()) }

// most is what the departments' figures add up to at most.
func (p *Plan) most(m int) *big.Int {
	sum := new(big.Int)
	for _, bound := range p.Moments[m].Bounds {
		sum.Add(sum, bound.Hi)
	}
	return sum
}

// of is what of a limb's sum is one figure's. A department can say more of one figure, at the cost of its neighbours, than
// the figure's own bound: no more than of all of them honestly, and it counts as the most that the figure can be.
func (f field) of(limb int64, most *big.Int) *big.Int {
	n := big.NewInt(limb >> f.shift & (1<<f.bits - 1))
	if n.Cmp(most) > 0 {
		return most
	}
	return n
}
