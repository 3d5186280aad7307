package engine

import (
	"math/big"

	pg "github.com/pganalyze/pg_query_go/v6"
)

// castKinds are the types of CAST.
var castKinds = map[string]Kind{
	"date": Date, "numeric": Decimal, "text": Text, "bool": Boolean,
	"int2": Integer, "int4": Integer, "int8": Integer, "varchar": Text, "float8": Float, "timestamp": Timestamp, "timestamptz": TimestampTZ, "time": Time,
}

// castBits are the widths of the integer types among them, and integerNames what
// PostgreSQL calls those.
var (
	castBits     = map[string]int{"int2": 16, "int4": 32, "int8": 64}
	integerNames = map[int]string{16: "smallint", 32: "integer", 64: "bigint"}
)

// bindCast types CAST, :: and DATE '...': of literals, of integers to another width,
// and of any number to numeric.
func (b *binder) bindCast(cast *pg.TypeCast, in place) (*Expr, error) {
	if err := b.only(cast.TypeName, "names", "typmods", "typemod", "location"); err != nil {
		return nil, err
	}
	name := castName(cast)
	kind, ok := castKinds[name]
	if !ok {
		return nil, hinted(refuse(CodeUnsupported, b.at(cast.TypeName.Location), "CAST to %s is not supported", typeName(name)),
			"the types are smallint, integer, bigint, numeric, text, boolean, date, timestamp, timestamptz and time")
	}
	arg, err := b.bind(cast.Arg, in)
	if err != nil {
		return nil, err
	}
	position := b.at(cast.TypeName.Location)
	if in.cells && arg.Op != OpConstant && arg.Kind != Null {
		if out, err := b.figureCast(arg, kind, cast, in, position); out != nil || err != nil {
			return b.ofCast(out, castBits[name], err)
		}
	}
	if len(cast.TypeName.Typmods) > 0 {
		return b.rowTypmods(arg, kind, cast, in, position)
	}
	switch {
	case arg.Kind == Null && kind != Float:
		if arg, err = b.coerce(arg, kind, position); err != nil || kind != Integer {
			return arg, err
		}
		return b.ofWidth(arg, castBits[name], in, position)
	case arg.Kind == Integer && kind == Integer:
		return b.ofWidth(arg, castBits[name], in, position)
	case arg.Kind == kind:
		return arg, nil
	case kind == Text:
		return b.asText(arg, in, position)
	case arg.Kind == Boolean && name == "int4" && !in.cells:
		return b.rowExpr(&Expr{Op: OpTruth, Args: []*Expr{arg}, Kind: Integer, bits: 32}, in, position)
	case arg.Kind.daily() && kind.daily(), arg.Kind.daily() && arg.Kind != Date && kind == Time:
		return b.retype(arg, kind, in, position)
	case arg.Kind == Decimal && kind == Integer && !in.cells:
		whole, err := b.toScale(arg, 0, roundHalf, in, position)
		if err != nil {
			return nil, err
		}
		whole = &Expr{Op: OpReduce, Args: []*Expr{whole, literalText(roundTrunc)}, Kind: Integer}
		if whole, err = b.rowExpr(whole, in, position); err != nil {
			return nil, err
		}
		return b.ofWidth(whole, castBits[name], in, position)
	case arg.Kind == Integer && kind == Decimal && arg.Op == OpConstant:
		return align(arg, Decimal, 0), nil
	case arg.Kind == Integer && kind == Decimal:
		return b.derive(&Expr{Op: OpRescale, Args: []*Expr{arg}, Kind: Decimal}, in, position)
	}
	refused := refuse(CodeType, position, "%s cannot be cast to %s", arg.Kind.article(), typeName(name))
	switch {
	case arg.Kind == Boolean:
		return nil, hinted(refused, "%s", b.booleanHint(arg))
	case arg.Kind.fractional() && kind == Integer:
		return nil, hinted(refused, "leave out the cast: figures are exact, round them in the answer")
	}
	return nil, hinted(refused, "a literal can be cast, a number to numeric, and an integer to an integer type")
}

// castName is the name of a cast's type, without pg_catalog.
func castName(cast *pg.TypeCast) string {
	names := cast.TypeName.GetNames()
	if len(names) == 0 {
		return ""
	}
	return names[len(names)-1].GetString_().GetSval()
}

// ofCast gives a figure the width of the integer type that it was cast to.
func (b *binder) ofCast(e *Expr, bits int, err error) (*Expr, error) {
	if err != nil || e.Kind != Integer {
		return e, err
	}
	typed := *e
	typed.bits = bits
	return &typed, nil
}

// rowTypmods types a cast of a number of a row to numeric(p, s), which must hold all its values.
func (b *binder) rowTypmods(e *Expr, kind Kind, cast *pg.TypeCast, in place, position int) (*Expr, error) {
	if kind != Decimal {
		return nil, refuse(CodeUnsupported, position, "%s", fieldReasons["typmods"])
	}
	precision, scale, err := b.typmods(cast.TypeName)
	if err != nil {
		return nil, err
	}
	if e, err = b.number(e, Decimal, position); err != nil {
		return nil, err
	}
	if e, err = b.toScale(e, scale, roundHalf, in, position); err != nil {
		return nil, err
	}
	if e.Min != nil && max(len(new(big.Int).Abs(e.Min).String()), len(new(big.Int).Abs(e.Max).String())) > precision {
		return nil, hinted(refuse(CodeOverflow, position, "values from %s to %s can arise here, which numeric(%d, %d) does not hold",
			fixedDecimal(e.Min, e.Scale), fixedDecimal(e.Max, e.Scale), precision, scale), "write a larger precision")
	}
	return e, nil
}

// typeNames are PostgreSQL's own names of types that people call otherwise.
var typeNames = map[string]string{
	"int2": "smallint", "int4": "integer", "int8": "bigint", "float4": "real", "float8": "double precision",
	"bool": "boolean", "bpchar": "char", "varbit": "bit varying", "timestamptz": "timestamp with time zone",
	"timetz": "time with time zone",
}

func typeName(name string) string {
	if known, ok := typeNames[name]; ok {
		return known
	}
	return name
}

// width is the number of bits of PostgreSQL's type of an Integer: what CAST or
// arithmetic gave it, 32 of a literal that fits, otherwise 64, as all columns have.
func (e *Expr) width() int {
	switch {
	case e.bits != 0:
		return e.bits
	case e.Op == OpConstant && !e.Value.IsNull() && fitsBits(e.Value.Number, 32):
		return 32
	}
	return 64
}

func fitsBits(v *big.Int, bits int) bool {
	return v.IsInt64() && v.Int64()>>(bits-1) == v.Int64()>>63
}

// ofWidth gives an Integer PostgreSQL's type of so many bits. Where a value may lie
// beyond it, PostgreSQL would end the query at the first such row ("integer out of
// range"), and here the question is refused.
func (b *binder) ofWidth(e *Expr, bits int, in place, position int) (*Expr, error) {
	typed := *e
	typed.bits = bits
	if bits == 64 {
		return &typed, nil
	}
	s := span{e.Min, e.Max}
	if in.cells {
		var known bool
		if s, known = b.cellSpan(e); !known {
			return nil, hinted(refuse(CodeUnsupported, position, "it cannot be told beforehand whether this fits %s", integerNames[bits]),
				"leave out the cast")
		}
	}
	if !s.none() && !(fitsBits(s.lo, bits) && fitsBits(s.hi, bits)) {
		return nil, hinted(refuse(CodeOverflow, position, "%s out of range: values from %s to %s can arise here", integerNames[bits], s.lo, s.hi),
			"cast to bigint or numeric, or leave out the cast")
	}
	return &typed, nil
}

// arithmeticWidth types a result of + - * / % and signs as PostgreSQL does, by the
// wider operand.
func (b *binder) arithmeticWidth(e *Expr, in place, position int) (*Expr, error) {
	if e.Kind != Integer {
		return e, nil
	}
	bits := 0
	for _, a := range e.Args {
		bits = max(bits, a.width())
	}
	return b.ofWidth(e, bits, in, position)
}

// cellSpan bounds an Integer over cells; false when it has no bounds that are known
// before the answer.
func (b *binder) cellSpan(e *Expr) (span, bool) {
	rows := b.plan.mostRows()
	switch e.Op {
	case OpConstant:
		return e.combine(nil), true
	case OpGroup:
		g := b.plan.Groups[e.Column].Expr
		return span{g.Min, g.Max}, true
	case OpCount:
		return span{new(big.Int), rows}, true
	case OpSum:
		m := b.plan.Moments[e.Column]
		if m.Expr == nil || m.Expr.Min == nil {
			return span{new(big.Int), new(big.Int)}, true
		}
		return hullWithZero(new(big.Int).Mul(rows, m.Expr.Min), new(big.Int).Mul(rows, m.Expr.Max)), true
	case OpNegate, OpAdd, OpSubtract, OpMultiply, OpDivide, OpModulo:
		args := make([]span, len(e.Args))
		for i, a := range e.Args {
			var known bool
			if args[i], known = b.cellSpan(a); !known {
				return span{}, false
			}
		}
		if (e.Op == OpDivide || e.Op == OpModulo) && !args[0].none() { // no further from zero than the dividend
			return hullWithZero(args[0].lo, args[0].hi, new(big.Int).Neg(args[0].lo), new(big.Int).Neg(args[0].hi)), true
		}
		return e.combine(args), true
	}
	return span{}, false
}

func hullWithZero(values ...*big.Int) span { return hull(append(values, new(big.Int))...) }
