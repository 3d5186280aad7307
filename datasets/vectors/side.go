package vectors

import (
	"bytes"
	"errors"
	"fmt"
	"math/big"
	"slices"

	"parley/engine"
)

// Side is what a plan that joins tables across departments asks of those of one of its sides, as a plan of the side's own table (engine/README.md,
// section 20): its moments are the side's vectors, and bounded by what one person adds. What all vectors ask of a row is its WHERE.
// key is the column that names persons.
func Side(p *engine.Plan, side int) (own *engine.Plan, key string, err error) {
	l := p.Linked()
	if l == nil || side < 0 || side >= len(l.Sides) {
		return nil, "", errors.New("datasets: not a side of a plan that joins tables across departments")
	}
	s, table := l.Sides[side], p.Join.Tables[side].Name
	own = &engine.Plan{SQL: p.SQL, Table: table, Departments: s.Departments, Schema: engine.Schema{Table: table}}
	places := map[int]int{} // of the side's columns in its own schema
	for i, c := range p.Schema.Columns {
		if p.Join.Columns[i].Table == side {
			places[i], c.Name = len(own.Schema.Columns), p.Join.Columns[i].Name
			own.Schema.Columns = append(own.Schema.Columns, c)
		}
	}
	for _, d := range s.Departments {
		at := slices.IndexFunc(p.Join.Catalogue, func(r engine.Registration) bool { return r.Department == d && r.Table == table })
		if at < 0 {
			return nil, "", fmt.Errorf("datasets: the plan has no registration of table %q of %q", table, d)
		}
		own.Registrations = append(own.Registrations, p.Join.Catalogue[at])
	}
	if _, known := places[s.Key]; !known {
		return nil, "", errors.New("datasets: the key of a side is a column of the other")
	}
	for _, g := range s.Groups {
		e, err := moved(p.Groups[g].Expr, places)
		if err != nil {
			return nil, "", err
		}
		own.Groups = append(own.Groups, engine.GroupColumn{Expr: e, Values: p.Groups[g].Values})
	}
	own.Filter, err = moved(together(everywhere(s.Vectors)), places)
	for _, v := range s.Vectors {
		m := engine.Moment{Op: v.Op, Bounds: v.Bounds}
		var errs [2]error
		m.Expr, errs[0] = moved(v.Expr, places)
		m.Filter, errs[1] = moved(together(without(conjuncts(v.Filter), everywhere(s.Vectors))), places)
		err = errors.Join(err, errs[0], errs[1])
		own.Moments = append(own.Moments, m)
	}
	return own, p.Join.Columns[s.Key].Name, err
}

// moved is an expression over the side's own schema.
func moved(e *engine.Expr, places map[int]int) (*engine.Expr, error) {
	if e == nil {
		return nil, nil
	}
	out := *e
	if e.Op == engine.OpColumn {
		at, known := places[e.Column]
		if !known {
			return nil, errors.New("datasets: a number of one side is of a column of the other")
		}
		out.Column = at
	}
	out.Args = make([]*engine.Expr, len(e.Args))
	for i, a := range e.Args {
		var err error
		if out.Args[i], err = moved(a, places); err != nil {
			return nil, err
		}
	}
	return &out, nil
}

// conjuncts are the conditions that a filter is made of.
func conjuncts(filter *engine.Expr) []*engine.Expr {
	switch {
	case filter == nil:
		return nil
	case filter.Op == engine.OpAnd:
		return filter.Args
	}
	return []*engine.Expr{filter}
}

// together is the filter of conditions.
func together(conditions []*engine.Expr) *engine.Expr {
	switch len(conditions) {
	case 0:
		return nil
	case 1:
		return conditions[0]
	}
	return &engine.Expr{Op: engine.OpAnd, Kind: engine.Boolean, Nullable: true, Args: conditions}
}

// everywhere are the conditions that all vectors have.
func everywhere(all []engine.Vector) (out []*engine.Expr) {
	for i, v := range all {
		if i == 0 {
			out = conjuncts(v.Filter)
		} else {
			out = without(out, without(out, conjuncts(v.Filter)))
		}
	}
	return out
}

// without are the conditions that are not among others.
func without(conditions, others []*engine.Expr) (out []*engine.Expr) {
	for _, e := range conditions {
		encoded := engine.Marshal(e)
		if !slices.ContainsFunc(others, func(o *engine.Expr) bool { return bytes.Equal(engine.Marshal(o), encoded) }) {
			out = append(out, e)
		}
	}
	return out
}

// Opened are the numbers that a plan joined across departments opens, from the pooled vectors of both sides: for tests and rehearsals, where
// somebody knows all of them.
func Opened(p *engine.Plan, sides [2]*Vectors) ([]*big.Int, error) {
	l := p.Linked()
	if l == nil {
		return nil, errors.New("datasets: not a plan that joins tables across departments")
	}
	groups := 1
	for _, g := range p.Groups {
		groups *= len(g.Values)
	}
	for i, v := range sides {
		if v.Groups() != l.Groups(p, i) || v.Moments() != len(l.Sides[i].Vectors) || v.Positions != sides[0].Positions {
			return nil, errors.New("datasets: vectors of another plan or spine")
		}
	}
	var out []*big.Int
	for group := range groups {
		for _, t := range l.Targets {
			sum := new(big.Int)
			for _, term := range t.Terms {
				product := Inner(sides[0], l.Group(p, 0, group), term.Vectors[0], sides[1], l.Group(p, 1, group), term.Vectors[1])
				sum.Add(sum, product.Mul(product, term.Factor))
			}
			out = append(out, sum)
		}
	}
	return out, nil
}
