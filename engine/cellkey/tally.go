package cellkey

import (
	"io"
	"math/big"

	"parley/engine"
)

// Tally is what a department aggregates for the noise of a plan's cells beside the cells: for each addend of its moments, the sums
// of the record keys' limbs, each times what the row adds, and how many rows add something.
type Tally struct {
	// Plan has the moments of the question's plan and then, for each addend, the sums, Limbs of them, and the count. Limb i of a record key is read as the column
	// of index Column+i, behind the schema's. It is never asked of anybody.
	Plan    *engine.Plan
	Column  int
	asked   *engine.Plan
	addends []*engine.Expr // what is added, nil for a count
	terms   [][]term       // by moment
}

// term is a multiple of an addend.
type term struct {
	factor *big.Int
	addend int
}

// NewTally is that of a plan.
func NewTally(p *engine.Plan) *Tally {
	out := *p
	t := &Tally{Plan: &out, Column: len(p.Schema.Columns), asked: p, terms: make([][]term, len(p.Moments))}
	out.Moments = append([]engine.Moment(nil), p.Moments...)
	places := map[string]int{}
	for m := range p.Moments {
		filter := rowsOf(&p.Moments[m])
		for _, a := range p.Moments[m].Addends() {
			if a.Expr != nil && a.Expr.Min == nil { // no row has a value
				continue
			}
			key := string(engine.Marshal(filter)) + string(engine.Marshal(a.Expr))
			at, known := places[key]
			if !known {
				at, places[key] = len(t.addends), len(t.addends)
				t.addends = append(t.addends, a.Expr)
				for i := range Limbs {
					out.Moments = append(out.Moments, engine.Moment{Op: engine.Sum, Expr: t.times(a.Expr, i), Filter: filter})
				}
				out.Moments = append(out.Moments, engine.Moment{Op: engine.CountRows, Filter: adding(filter, a.Expr)})
			}
			t.terms[m] = append(t.terms[m], term{a.Factor, at})
		}
	}
	return t
}

// rowsOf is the condition of the rows that are added up to a moment's cells: those that pass its FILTER and have a value.
func rowsOf(m *engine.Moment) *engine.Expr {
	if m.Expr == nil || !m.Expr.Nullable {
		return m.Filter
	}
	missing := &engine.Expr{Op: engine.OpIsNull, Args: []*engine.Expr{m.Expr}, Kind: engine.Boolean}
	return both(m.Filter, &engine.Expr{Op: engine.OpNot, Args: []*engine.Expr{missing}, Kind: engine.Boolean})
}

// adding is the condition of those rows in which an addend is not 0.
func adding(filter, e *engine.Expr) *engine.Expr {
	if e == nil {
		return filter
	}
	zero := &engine.Expr{Op: engine.OpConstant, Value: engine.Datum{Kind: e.Kind, Number: new(big.Int), Scale: e.Scale}, Kind: e.Kind, Scale: e.Scale, Min: new(big.Int), Max: new(big.Int)}
	return both(filter, &engine.Expr{Op: engine.OpNotEqual, Args: []*engine.Expr{e, zero}, Kind: engine.Boolean, Nullable: e.Nullable})
}

// both is that two conditions hold, the first of which may be nil.
func both(a, b *engine.Expr) *engine.Expr {
	if a == nil {
		return b
	}
	return &engine.Expr{Op: engine.OpAnd, Args: []*engine.Expr{a, b}, Kind: engine.Boolean, Nullable: a.Nullable || b.Nullable}
}

// times is limb i of a row's record key, times what the row adds.
func (t *Tally) times(e *engine.Expr, i int) *engine.Expr {
	most := big.NewInt(1<<32 - 1)
	limb := &engine.Expr{Op: engine.OpColumn, Column: t.Column + i, Kind: engine.Integer, Min: new(big.Int), Max: most}
	if e == nil {
		return limb
	}
	out := &engine.Expr{Op: engine.OpMultiply, Args: []*engine.Expr{e, limb}, Kind: engine.Decimal, Scale: e.Scale, Nullable: e.Nullable, Min: new(big.Int), Max: new(big.Int)}
	if e.Min.Sign() < 0 {
		out.Min.Mul(e.Min, most)
	}
	if e.Max.Sign() > 0 {
		out.Max.Mul(e.Max, most)
	}
	return out
}

// Split gives of the cells of t.Plan those of the question's plan, and the noise of each: that of department dep, of so many
// rows at most.
func (t *Tally) Split(k *Key, dep int, rows int64, all []*big.Int) (cells, noise []*big.Int) {
	most := make([]*big.Int, len(t.addends))
	for i, e := range t.addends {
		most[i] = t.asked.Magnitude(dep, e)
	}
	moments, each := len(t.asked.Moments), len(t.Plan.Moments)
	for from := 0; from+each <= len(all); from += each {
		group := all[from : from+each]
		cells = append(cells, group[:moments]...)
		for m := range moments {
			total := new(big.Int)
			for _, a := range t.terms[m] {
				sums := t.sums(group, a.addend)
				if whole := t.asked.Moments[m].Within; whole > 0 { // of a screening: what a part leaves of it
					sums = t.sums(group, t.terms[whole-1][0].addend).less(sums)
				}
				one := k.Noise(sums, most[a.addend], rows)
				total.Add(total, one.Mul(one, a.factor))
			}
			noise = append(noise, total)
		}
	}
	return cells, noise
}

// sums are those of an addend among a group's cells.
func (t *Tally) sums(group []*big.Int, addend int) Sums {
	at := len(t.asked.Moments) + (Limbs+1)*addend
	return Sums{[Limbs]*big.Int(group[at : at+Limbs]), group[at+Limbs]}
}

// less are the sums of the rows that others leave of these.
func (s Sums) less(o Sums) Sums {
	out := Sums{Rows: new(big.Int).Sub(s.Rows, o.Rows)}
	for i := range out.Keys {
		out.Keys[i] = new(big.Int).Sub(s.Keys[i], o.Keys[i])
	}
	return out
}

// Drawn is noise like that of a department whose key and rows nobody knows: each cell that is not 0 has some from randomness, as a rehearsal over
// made-up rows shows. It is never a department's.
func Drawn(p *engine.Plan, dep int, random io.Reader) engine.NoiseSource {
	return func(_, moment int, cell *big.Int) (*big.Int, error) {
		total := new(big.Int)
		if cell.Sign() == 0 {
			return total, nil
		}
		for _, a := range p.Moments[moment].Addends() {
			var secret [KeyBytes]byte
			if _, err := io.ReadFull(random, secret[:]); err != nil {
				return nil, err
			}
			one := (&Key{secret}).Noise(Sums{[Limbs]*big.Int{one, one, one, one}, one}, p.Magnitude(dep, a.Expr), p.Noise.Rules.Perturbed)
			total.Add(total, one.Mul(one, a.Factor))
		}
		return total, nil
	}
}
