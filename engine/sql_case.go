package engine

import (
	"math/big"

	pg "github.com/pganalyze/pg_query_go/v6"
)

// bindCase types CASE, with or without an operand.
func (b *binder) bindCase(e *pg.CaseExpr, in place) (*Expr, error) {
	position := b.at(e.Location)
	out := &Expr{Op: OpCase}
	var values []*Expr
	var conditions []*Expr
	for _, arm := range e.Args {
		when := arm.GetCaseWhen()
		if when == nil {
			return nil, b.unsupported(arm)
		}
		var condition *Expr
		var err error
		if e.Arg != nil {
			var left, right *Expr
			if left, right, err = b.bindPair(e.Arg, when.Expr, in); err == nil {
				condition, err = b.written(b.compare(OpEqual, left, right, in, position))
			}
		} else {
			condition, err = b.bindCondition(when.Expr, in.named("CASE"))
		}
		if err != nil {
			return nil, err
		}
		value, err := b.bind(when.Result, in)
		if err != nil {
			return nil, err
		}
		conditions, values = append(conditions, condition), append(values, value)
	}
	otherwise := &Expr{Op: OpConstant, Nullable: true}
	if e.Defresult != nil {
		var err error
		if otherwise, err = b.bind(e.Defresult, in); err != nil {
			return nil, err
		}
	}
	values = append(values, otherwise)
	if err := b.match(values, "CASE", in, position); err != nil {
		return nil, err
	}
	for i, c := range conditions {
		out.Args = append(out.Args, c, values[i])
	}
	out.Args = append(out.Args, values[len(values)-1])
	return b.ofResults(out, in, position)
}

// named is the same place by another name.
func (in place) named(name string) place {
	in.name = name
	return in
}

// match gives the values of one form a common kind, and over rows a common scale.
func (b *binder) match(values []*Expr, form string, in place, position int) error {
	if err := b.unify(values, in, position); err != nil {
		if e, ok := err.(*Error); ok && e.Code == CodeType {
			return refuse(CodeType, position, "the values of %s are of different types: %s", form, e.Message)
		}
		return err
	}
	return nil
}

// ofResults completes a form that takes the value of one of its results.
func (b *binder) ofResults(out *Expr, in place, position int) (*Expr, error) {
	results := out.results()
	out.Kind, out.Scale = results[0].Kind, results[0].Scale
	for _, r := range results { // over cells integers, decimals and floats stand side by side
		if r.Kind == Float || r.Kind == Decimal && out.Kind == Integer {
			out.Kind = r.Kind
		}
	}
	if out.Kind == Integer {
		for _, r := range results {
			if !(r.Op == OpConstant && r.Value.IsNull()) {
				out.bits = max(out.bits, r.width())
			}
		}
	}
	return b.rowExpr(out, in, position)
}

// bindCoalesce types COALESCE.
func (b *binder) bindCoalesce(e *pg.CoalesceExpr, in place) (*Expr, error) {
	args, err := b.bindAll(e.Args, "COALESCE", in, b.at(e.Location))
	if err != nil {
		return nil, err
	}
	return b.ofResults(&Expr{Op: OpCoalesce, Args: args}, in, b.at(e.Location))
}

func (b *binder) bindAll(nodes []*pg.Node, form string, in place, position int) ([]*Expr, error) {
	var args []*Expr
	for _, node := range nodes {
		e, err := b.bind(node, in)
		if err != nil {
			return nil, err
		}
		args = append(args, e)
	}
	return args, b.match(args, form, in, position)
}

// bindNullIf types NULLIF(x, y): NULL where they are equal, else x.
func (b *binder) bindNullIf(e *pg.A_Expr, in place, position int) (*Expr, error) {
	left, right, err := b.bindPair(e.Lexpr, e.Rexpr, in)
	if err != nil {
		return nil, err
	}
	if left, err = b.coerce(left, Text, position); err != nil {
		return nil, err
	}
	same, err := b.written(b.compare(OpEqual, left, right, in, position))
	if err != nil {
		return nil, err
	}
	null := &Expr{Op: OpConstant, Kind: left.Kind, Scale: left.Scale, Nullable: true}
	return b.ofResults(&Expr{Op: OpCase, Args: []*Expr{same, null, left}}, in, position)
}

// bindExtreme types GREATEST and LEAST, which leave NULLs out.
func (b *binder) bindExtreme(e *pg.MinMaxExpr, in place) (*Expr, error) {
	position := b.at(e.Location)
	op, form := OpGreatest, "GREATEST"
	if e.Op == pg.MinMaxOp_IS_LEAST {
		op, form = OpLeast, "LEAST"
	}
	args, err := b.bindAll(e.Args, form, in, position)
	if err != nil {
		return nil, err
	}
	if err := b.misleading(args, true, position); err != nil {
		return nil, err
	}
	return b.ofResults(&Expr{Op: op, Args: args}, in, position)
}

// bindWidth types width_bucket(x, lo, hi, bins).
func (b *binder) bindWidth(c rowCall) (*Expr, error) {
	x, err := b.number(c.args[0], Decimal, c.position)
	if err != nil {
		return nil, err
	}
	bounds := []*Expr{x}
	for i := 1; i <= 2; i++ {
		e, err := b.constantOf(c, i, Decimal)
		if err != nil {
			return nil, err
		}
		bounds = append(bounds, e)
	}
	bins, err := b.constantOf(c, 3, Integer)
	if err != nil {
		return nil, err
	}
	if n := bins.Value.Number; n.Sign() <= 0 || n.Cmp(big.NewInt(MaxGroups)) > 0 {
		return nil, refuse(CodeType, c.position, "width_bucket takes from 1 to %d bins", MaxGroups)
	}
	if c.in.cells {
		return nil, refuse(CodeUnsupported, c.position, "width_bucket is a function of a row: it stands in GROUP BY, in conditions and in aggregates")
	}
	if err := b.unify(bounds, c.in, c.position); err != nil {
		return nil, err
	}
	if bounds[1].Value.Number.Cmp(bounds[2].Value.Number) == 0 {
		return nil, refuse(CodeType, c.position, "lower bound cannot equal upper bound")
	}
	return b.rowExpr(&Expr{Op: OpWidth, Args: append(bounds, bins), Kind: Integer, bits: 32}, c.in, c.position)
}

// reduced types round, trunc, floor and ceil, of numbers of a row.
func (b *binder) reduced(c rowCall, how string) (*Expr, error) {
	x, err := b.number(c.args[0], Decimal, c.position)
	if err != nil {
		return nil, err
	}
	places := 0
	if len(c.args) == 2 {
		n, err := b.constantOf(c, 1, Integer)
		if err != nil {
			return nil, err
		}
		if !n.Value.Number.IsInt64() || n.Value.Number.Int64() < 0 || n.Value.Number.Int64() > MaxScale {
			return nil, refuse(CodeUnsupported, c.position, "%s takes from 0 to %d decimal places", c.name, MaxScale)
		}
		places = int(n.Value.Number.Int64())
	}
	return b.toScale(x, places, how, c.in, c.position)
}

// toScale brings a number of a row to so many places, rounded if it has more.
func (b *binder) toScale(x *Expr, places int, how string, in place, position int) (*Expr, error) {
	if x.Scale <= places {
		return align(x, Decimal, places), nil
	}
	return b.rowExpr(&Expr{Op: OpReduce, Args: []*Expr{x, literalText(how)}, Kind: Decimal, Scale: places}, in, position)
}

// bindAbs types abs(x).
func (b *binder) bindAbs(c rowCall) (*Expr, error) {
	x, err := b.number(c.args[0], Decimal, c.position)
	if err != nil {
		return nil, err
	}
	return b.rowExpr(&Expr{Op: OpAbs, Args: []*Expr{x}, Kind: x.Kind, Scale: x.Scale, bits: x.width()}, c.in, c.position)
}

// bindSignOf types sign(x): −1, 0 or 1, as a numeric.
func (b *binder) bindSignOf(c rowCall) (*Expr, error) {
	x, err := b.number(c.args[0], Decimal, c.position)
	if err != nil {
		return nil, err
	}
	zero, out := align(integer(new(big.Int)), x.Kind, x.Scale), &Expr{Op: OpCase}
	for i, op := range []Op{OpLess, OpEqual, OpGreater} {
		is, err := b.derive(&Expr{Op: op, Args: []*Expr{x, zero}, Kind: Boolean}, c.in, c.position)
		if err != nil {
			return nil, err
		}
		out.Args = append(out.Args, is, align(integer(big.NewInt(int64(i-1))), Decimal, 0))
	}
	out.Args = append(out.Args, &Expr{Op: OpConstant, Kind: Decimal, Nullable: true})
	return b.ofResults(out, c.in, c.position)
}

// transcendental types ln, exp and sqrt of a number of a row, where every row has one.
func (b *binder) transcendental(c rowCall, op Op) (*Expr, error) {
	x, err := b.number(c.args[0], Decimal, c.position)
	if err != nil {
		return nil, err
	}
	below := x.Min != nil && (x.Min.Sign() < 0 || op == OpLn && x.Min.Sign() == 0)
	if op != OpExp && below && !(op == OpLn && x.Min.Sign() == 0 && nonZero(x)) {
		return nil, hinted(refuse(CodeType, c.position, "%s of a number that may be %s in some row, and one such row would end the query",
			c.name, fixedDecimal(x.Min, x.Scale)), "write CASE WHEN ... THEN %s(greatest(..., 1)) END, or NULLIF(..., 0) for numbers from 0 on", c.name)
	}
	if op == OpExp && x.Max != nil && x.Max.Cmp(rescale(big.NewInt(mostExponent), x.Scale)) > 0 {
		return nil, refuse(CodeOverflow, c.position, "exp of a number that may be %s: at most %d is allowed", fixedDecimal(x.Max, x.Scale), mostExponent)
	}
	return b.rowExpr(&Expr{Op: op, Args: []*Expr{x}, Kind: Decimal, Scale: functionPlaces}, c.in, c.position)
}
