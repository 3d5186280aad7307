package engine

import "math/big"

// Addend is a part of what a row adds to a cell: Factor times the value of Expr, in units of the moment's scale, or
// Factor itself where Expr is nil. README section 18.8.
type Addend struct {
	Factor *big.Int
	Expr   *Expr
}

// Addends takes apart what a row adds to the moment's cells: a count's 1, and the summands of a sum, each once, with their constant factors.
// What adds up to nothing is left out.
func (m *Moment) Addends() []Addend {
	if m.Op != Sum {
		return []Addend{{big.NewInt(1), nil}}
	}
	var all []Addend
	places := map[string]int{}
	m.Expr.addends(big.NewInt(1), func(factor *big.Int, e *Expr) {
		key := ""
		if e != nil {
			key = string(Marshal(e))
		}
		at, known := places[key]
		if !known {
			at, places[key] = len(all), len(all)
			all = append(all, Addend{new(big.Int), e})
		}
		all[at].Factor.Add(all[at].Factor, factor)
	})
	out := all[:0]
	for _, a := range all {
		if a.Factor.Sign() != 0 {
			out = append(out, a)
		}
	}
	return out
}

// addends gives the summands of factor times a number.
func (e *Expr) addends(factor *big.Int, add func(*big.Int, *Expr)) {
	linear := e.Kind.numeric()
	for _, a := range e.Args {
		linear = linear && a.Kind.numeric() // of dates, the difference is what counts
	}
	if linear {
		switch e.Op {
		case OpConstant:
			add(new(big.Int).Mul(factor, e.Value.Number), nil)
			return
		case OpNegate:
			e.Args[0].addends(new(big.Int).Neg(factor), add)
			return
		case OpRescale:
			e.Args[0].addends(rescale(factor, e.Scale-e.Args[0].Scale), add)
			return
		case OpAdd:
			e.Args[0].addends(factor, add)
			e.Args[1].addends(factor, add)
			return
		case OpSubtract:
			e.Args[0].addends(factor, add)
			e.Args[1].addends(new(big.Int).Neg(factor), add)
			return
		case OpMultiply:
			for i, a := range e.Args {
				if a.Op == OpConstant {
					e.Args[1-i].addends(new(big.Int).Mul(factor, a.Value.Number), add)
					return
				}
			}
		}
	}
	add(factor, e)
}

// Magnitude is the most, below or above 0, that a number is in a row of one of the plan's departments, by the bounds of its columns; 1 of a
// count, whose Expr is nil.
func (p *Plan) Magnitude(dep int, e *Expr) *big.Int {
	if e == nil {
		return big.NewInt(1)
	}
	s := rowSpan(&Moment{Op: Sum, Expr: e}, p.Registrations[dep], p.Schema)
	return maximum(s.hi, new(big.Int).Neg(s.lo))
}

// keysDeclared refuses what cannot have cell-key noise: a table whose rows nothing tells apart over its versions.
func (p *Plan) keysDeclared() error {
	for _, r := range p.Registrations {
		if len(r.Quality.Key) == 0 {
			return hinted(refuse(CodePolicy, 0, "by the departments' rules cells carry noise that follows from their rows, and table %s of %s declares no key by which its rows are told apart",
				quote(r.Table), quote(r.Department)), "the department declares one by key = [...] of the table in its node.toml")
		}
	}
	return nil
}

// cellKeyNoise is the noise of a department's cells of a moment: of each addend, so many times the most that it is in any contributor's row.
func (p *Plan) cellKeyNoise(m int, rows int64) MomentNoise {
	width, variance := new(big.Int), new(big.Rat)
	for _, a := range p.Moments[m].Addends() {
		most := new(big.Int)
		for dep := range p.Registrations {
			most = maximum(most, p.Magnitude(dep, a.Expr))
		}
		half := most.Mul(most, big.NewInt(rows))
		width.Add(width, new(big.Int).Mul(half, new(big.Int).Abs(a.Factor)))
		square := new(big.Rat).SetInt(new(big.Int).Mul(a.Factor, a.Factor))
		variance.Add(variance, square.Mul(square, CellKeyVariance(half)))
	}
	return MomentNoise{Width: width, Numerator: variance.Num(), Denominator: variance.Denom(), Honest: 1}
}

// CellKeyVariance is that of a noise that is at most half in either direction, with a twelfth of rounding. That of a cell
// may be less, down to a quarter, where half is no power of two times the number of rows.
func CellKeyVariance(half *big.Int) *big.Rat {
	if half.Sign() == 0 {
		return new(big.Rat)
	}
	out := new(big.Rat).SetFrac(new(big.Int).Mul(half, half), big.NewInt(6))
	return out.Add(out, big.NewRat(1, 12))
}
