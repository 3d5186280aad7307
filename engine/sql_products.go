package engine

import (
	"bytes"
	"slices"
)

// condition is what a row must meet for an indicator to be 1: a column with a
// dictionary has the value.
type condition struct {
	column int
	value  int // index into the merged dictionary
}

func compareConditions(a, b condition) int {
	if a.column != b.column {
		return a.column - b.column
	}
	return a.value - b.value
}

// factorsOf takes a product of expressions over rows apart.
func factorsOf(e *Expr) []*Expr {
	if e.Op != OpMultiply {
		return []*Expr{e}
	}
	return append(factorsOf(e.Args[0]), factorsOf(e.Args[1])...)
}

// sortFactors brings the factors of a product to their canonical order.
func sortFactors(factors []*Expr) []*Expr {
	if len(factors) < 2 {
		return factors
	}
	keys := make(map[*Expr][]byte, len(factors))
	for _, f := range factors {
		keys[f] = Marshal(f)
	}
	out := slices.Clone(factors)
	slices.SortStableFunc(out, func(a, b *Expr) int { return bytes.Compare(keys[a], keys[b]) })
	return out
}

// product multiplies expressions over rows in canonical order, equal ones as powers,
// so that even powers are known not to be negative.
func (b *binder) product(factors []*Expr, position int) (*Expr, error) {
	factors = sortFactors(factors)
	var out *Expr
	for i := 0; i < len(factors); {
		j := i + 1
		for j < len(factors) && factors[j].equal(factors[i]) {
			j++
		}
		part, err := b.power(factors[i], j-i, position)
		if err != nil {
			return nil, err
		}
		if out == nil {
			out = part
		} else if out, err = b.multiply(out, part, position); err != nil {
			return nil, err
		}
		i = j
	}
	return out, nil
}

// power is x^k, k positive: by squares.
func (b *binder) power(x *Expr, k, position int) (*Expr, error) {
	if k == 1 {
		return x, nil
	}
	if k%2 == 0 {
		half, err := b.power(x, k/2, position)
		if err != nil {
			return nil, err
		}
		return b.multiply(half, half, position)
	}
	rest, err := b.power(x, k-1, position)
	if err != nil {
		return nil, err
	}
	return b.multiply(x, rest, position)
}

func (b *binder) multiply(x, y *Expr, position int) (*Expr, error) {
	out := &Expr{Op: OpMultiply, Args: []*Expr{x, y}, Kind: Integer, Scale: x.Scale + y.Scale}
	if x.Kind == Decimal || y.Kind == Decimal {
		out.Kind = Decimal
	}
	if out.Scale > MaxExprScale {
		return nil, refuse(CodeOverflow, position,
			"values with %d decimal places can arise here; at most %d are allowed", out.Scale, MaxExprScale)
	}
	return out.derive(b.plan.Schema.Columns, position)
}

// rowSet is the rows that a statistic runs over: those that pass FILTER and where
// none of the columns is NULL.
type rowSet struct {
	filter   *Expr   // nil: all rows
	complete []*Expr // columns that must have a value, ascending, and then forms (requirements)
}

// completeRows are the rows where all expressions have values.
func completeRows(filter *Expr, expressions ...*Expr) rowSet {
	s := rowSet{filter: filter}
	for _, e := range expressions {
		s.complete = append(s.complete, requirements(e)...)
	}
	return s.sorted()
}

// requiredColumn is a column as one of the requirements.
func (b *binder) requiredColumn(column int) *Expr {
	c := b.plan.Schema.Columns[column]
	return &Expr{Op: OpColumn, Column: column, Kind: c.Kind, Scale: c.Scale, Nullable: c.Nullable}
}

// requirements are what must have a value for an expression over rows to have one: columns, and
// forms that do not have one exactly where their columns have.
func requirements(e *Expr) (out []*Expr) {
	switch {
	case e.Op == OpColumn, !e.Op.strict() && e.Nullable:
		return []*Expr{e}
	case !e.Op.strict():
		return nil
	}
	for _, a := range e.Args {
		out = append(out, requirements(a)...)
	}
	return out
}

func (s rowSet) sorted() rowSet {
	slices.SortFunc(s.complete, compareRequirements)
	s.complete = slices.CompactFunc(s.complete, func(a, b *Expr) bool { return compareRequirements(a, b) == 0 })
	return s
}

func compareRequirements(a, b *Expr) int {
	switch {
	case a.Op == OpColumn && b.Op == OpColumn:
		return a.Column - b.Column
	case a.Op != OpColumn && b.Op != OpColumn:
		return bytes.Compare(Marshal(a), Marshal(b))
	case a.Op == OpColumn:
		return -1
	}
	return 1
}

// columnExpr reads a column, as bindColumn types it.
func (b *binder) columnExpr(column int) (*Expr, error) {
	c := b.plan.Schema.Columns[column]
	return (&Expr{Op: OpColumn, Column: column, Kind: c.Kind, Scale: c.Scale}).derive(b.plan.Schema.Columns, 0)
}

// values returns a column's merged dictionary at its own scale, NULL left out.
func (b *binder) values(column int) []Datum {
	if known, ok := b.dictionaries[column]; ok {
		return known
	}
	c := b.plan.Schema.Columns[column]
	values := c.values()
	for i := range values {
		values[i].Number = rescaled(values[i], c.Scale)
		values[i].Scale = c.Scale
	}
	if b.dictionaries == nil {
		b.dictionaries = map[int][]Datum{}
	}
	b.dictionaries[column] = values
	return values
}

// cell asks for a moment over a set of rows: the sum of the product of the factors,
// or without any the number of rows, where all conditions hold. Its FILTER names each
// column once, in a fixed order, and no column whose NULL already makes the product
// NULL, so that equal cells are found.
func (b *binder) cell(op MomentOp, rows rowSet, factors []*Expr, when []condition, position int) (*Expr, error) {
	m := Moment{Op: op}
	var covered []*Expr
	if len(factors) > 0 {
		e, err := b.product(factors, position)
		if err != nil {
			return nil, err
		}
		m.Op, m.Expr, m.Scale = Sum, e, e.Scale
		covered = requirements(e)
	}
	conjuncts, err := b.indicators(when)
	if err != nil {
		return nil, err
	}
	for _, w := range when {
		covered = append(covered, &Expr{Op: OpColumn, Column: w.column}) // compared by its number alone
	}
	var present []*Expr
	for _, e := range rows.complete {
		same := func(o *Expr) bool { return compareRequirements(e, o) == 0 }
		if !e.Nullable || slices.ContainsFunc(covered, same) {
			continue
		}
		if e.Op == OpColumn { // of its own kind, and not shared
			if e, err = b.columnExpr(e.Column); err != nil {
				return nil, err
			}
		}
		present = append(present, e)
	}
	if m.Op == CountRows && len(present) == 1 && len(conjuncts) == 0 {
		if present[0].Kind == Null {
			present[0].Kind = Integer
		}
		m.Op, m.Expr, present = CountNonNull, present[0], nil
	}
	for _, e := range present {
		missing := &Expr{Op: OpIsNull, Args: []*Expr{e}, Kind: Boolean}
		conjuncts = append(conjuncts, &Expr{Op: OpNot, Args: []*Expr{missing}, Kind: Boolean})
	}
	m.Filter = conjunction(rows.filter, conjuncts)
	out := &Expr{Op: OpMoment, Kind: Integer}
	if m.Op == Sum {
		out.Kind = Decimal
	}
	return b.aggregate(out, m, position)
}

// indicators are the conditions as expressions over rows.
func (b *binder) indicators(when []condition) ([]*Expr, error) {
	var out []*Expr
	for _, w := range slices.SortedFunc(slices.Values(when), compareConditions) {
		left, err := b.columnExpr(w.column)
		if err != nil {
			return nil, err
		}
		v := b.values(w.column)[w.value]
		right, err := (&Expr{Op: OpConstant, Value: v, Kind: v.Kind, Scale: v.Scale}).derive(nil, 0)
		if err != nil {
			return nil, err
		}
		out = append(out, &Expr{Op: OpEqual, Args: []*Expr{left, right}, Kind: Boolean, Nullable: left.Nullable})
	}
	return out, nil
}

// conjunction joins a filter, possibly none, and conditions.
func conjunction(filter *Expr, conjuncts []*Expr) *Expr {
	var all []*Expr
	if filter != nil {
		all = append(all, filter)
	}
	all = append(all, conjuncts...)
	switch len(all) {
	case 0:
		return nil
	case 1:
		return all[0]
	}
	out := &Expr{Op: OpAnd, Args: all, Kind: Boolean}
	for _, e := range all {
		out.Nullable = out.Nullable || e.Nullable
	}
	return out
}

// canonical is the moment with the factors of its product in canonical order: what
// equal moments share.
func (b *binder) canonical(m Moment) Moment {
	if m.Op != Sum || m.Expr.Op != OpMultiply {
		return m
	}
	if e, err := b.product(factorsOf(m.Expr), 0); err == nil {
		m.Expr = e
	}
	return m
}
