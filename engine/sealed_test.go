package engine

import (
	"fmt"
	"math/big"
	"slices"
	"testing"
)

// This file is the departments' side of the reference: what they register and what
// they contribute for a plan.

// register describes one department's part as datasets would.
func (t *refTable) register(d int) Registration {
	r := Registration{Department: fmt.Sprintf("d%d", d), Table: "things", Version: 1, Rows: int64(len(t.parts[d]))}
	for c, col := range t.columns {
		out := Column{Name: col.name, Kind: col.kind, Scale: col.scale}
		if c == colMixed && t.mixed[d] {
			out.Kind, out.Scale = Integer, 0
		}
		if c == colVoid && t.void[d] {
			out.Kind = Null
		}
		var values []Datum
		for _, x := range t.parts[d] {
			if x[c] == nil {
				out.Nullable = true
				continue
			}
			values = append(values, t.datum(d, c, x[c]))
		}
		slices.SortFunc(values, Datum.Compare)
		if len(values) == 0 && out.Kind.bounded() { // without bounds it would be undeclared
			if col.grouped && c != colMixed && slices.ContainsFunc(slices.Concat(t.parts...), func(x row) bool { return x[c] != nil }) {
				out.Kind, out.Scale = Null, 0
			} else if out.Min, out.Max = new(big.Int), new(big.Int); col.grouped {
				out.Dictionary, out.Labels = []string{Datum{Kind: out.Kind, Number: out.Min, Scale: out.Scale}.String()}, []string{""}
			}
		}
		if len(values) > 0 && out.Kind.bounded() {
			out.Min, out.Max = values[0].Number, values[len(values)-1].Number
		}
		if out.HasDictionary = col.grouped; col.grouped {
			for _, v := range values {
				out.Dictionary = append(out.Dictionary, v.String())
			}
			out.Dictionary = slices.Compact(out.Dictionary)
		}
		r.Columns = append(r.Columns, out)
	}
	if d%2 == 1 {
		slices.Reverse(r.Columns) // the order is each department's own
	}
	return r
}

// datum turns a reference value into what a department's table holds.
func (t *refTable) datum(d, c int, v cell) Datum {
	kind, scale := t.columns[c].kind, t.columns[c].scale
	if c == colMixed && t.mixed[d] {
		kind, scale = Integer, 0
	}
	switch x := v.(type) {
	case *big.Rat:
		scaled := new(big.Rat).Mul(x, new(big.Rat).SetInt(pow10(scale)))
		return Datum{Kind: kind, Number: new(big.Int).Set(scaled.Num()), Scale: scale}
	case string:
		return NewText(x)
	case bool:
		return NewBoolean(x)
	case day:
		return NewDate(int64(x))
	case Datum:
		return x
	}
	return Datum{}
}

// contribute computes one department's cells by Eval.
func (t *refTable) contribute(tb testing.TB, p *Plan, d int) []*big.Int {
	cells := make([]*big.Int, p.CellCount())
	for i := range cells {
		cells[i] = new(big.Int)
	}
	weights := NewWeights(p)
	for _, r := range t.parts[d] {
		group := 0
		get := func(c int) Datum {
			if c < 0 {
				return p.Start(-1-c, group)
			}
			return t.datum(d, c, r[c])
		}
		passes := func(e *Expr) bool {
			if e == nil {
				return true
			}
			v, err := e.Eval(get)
			if err != nil {
				tb.Fatal(err)
			}
			return !v.IsNull() && v.Bool
		}
		if !passes(p.Filter) {
			continue
		}
		for _, g := range p.Groups {
			key, err := g.Expr.Eval(get)
			if err != nil {
				tb.Fatal(err)
			}
			i := slices.IndexFunc(g.Values, func(v Datum) bool { return v.Compare(key) == 0 })
			if i < 0 {
				tb.Fatalf("%s: the group %s is not listed", p.SQL, key)
			}
			group = group*len(g.Values) + i
		}
		for m, moment := range p.Moments {
			if !passes(moment.Filter) {
				continue
			}
			cell := cells[group*len(p.Moments)+m]
			switch moment.Op {
			case CountRows:
				cell.Add(cell, big.NewInt(1))
			case Present:
				cell.SetInt64(1)
			case CountNonNull, Sum, Weigh:
				v, err := moment.Expr.Eval(get)
				if err != nil {
					tb.Fatal(err)
				}
				if v.IsNull() {
					continue
				}
				if moment.Expr.Min != nil && (v.Number.Cmp(moment.Expr.Min) < 0 || v.Number.Cmp(moment.Expr.Max) > 0) {
					tb.Fatalf("%s: %s outside %s to %s", p.describeMoment(m), v, moment.Expr.Min, moment.Expr.Max)
				}
				switch moment.Op {
				case Sum:
					cell.Add(cell, v.Number)
				case Weigh:
					weights.Add(group*len(p.Moments)+m, v.Number)
				default:
					cell.Add(cell, big.NewInt(1))
				}
			}
		}
	}
	weights.Finish(cells)
	return cells
}

// sealed runs a plan the long way round: cells, limbs, sums of limbs, cells, answer.
func (t *refTable) sealed(tb testing.TB, p *Plan) (*Result, error) {
	sums := p.empty()
	for d := range p.Departments {
		limbs, err := p.Limbs(d, t.contribute(tb, p, d))
		if err != nil {
			tb.Fatal(err)
		}
		lo, hi := p.Bounds(d)
		for c := range limbs {
			for s, v := range limbs[c] {
				if v < lo[c][s] || v > hi[c][s] {
					tb.Fatalf("limb %d of ciphertext %d is %d, outside %d to %d", s, c, v, lo[c][s], hi[c][s])
				}
				sums[c][s] += v
			}
		}
	}
	cells, err := p.Cells(sums)
	if err != nil {
		tb.Fatal(err)
	}
	return p.Finish(cells)
}

// catalogue registers all parts.
func (t *refTable) catalogue() (cat Catalogue, departments []string) {
	for d := range t.parts {
		cat = append(cat, t.register(d))
		departments = append(departments, cat[d].Department)
	}
	return cat, departments
}

var testPackings = []Packing{
	{LimbBits: 20, LimbsPerCiphertext: 3072, MaxCiphertexts: 1 << 20, MaxDepartments: 15},
	{LimbBits: 38, LimbsPerCiphertext: 4096, MaxCiphertexts: 1 << 20, MaxDepartments: 64},
	{LimbBits: 5, LimbsPerCiphertext: 7, MaxCiphertexts: 1 << 20, MaxDepartments: 7},
}
