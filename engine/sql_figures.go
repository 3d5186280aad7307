package engine

import (
	"math/big"

	pg "github.com/pganalyze/pg_query_go/v6"
)

// figure types a function of a group's figures; its kind follows from those of its arguments.
func (b *binder) figure(name string, args []*Expr, kind Kind, in place, position int) (*Expr, error) {
	out := &Expr{Op: OpFigure, Value: NewText(name), Args: args, Kind: kind}
	out, err := b.derive(out, in, position)
	if err == nil && name != "abs" && name != "numeric" {
		out.Nullable = true
	}
	return out, err
}

// figureCall types a function of numbers where it stands over cells: of integers and double
// precisions it is a double precision, of numerics a numeric, as in PostgreSQL.
func (b *binder) figureCall(c rowCall, name string) (*Expr, error) {
	x, err := b.number(c.args[0], Decimal, c.position)
	if err != nil {
		return nil, err
	}
	kind := Float
	if x.Kind == Decimal {
		kind = Decimal
	}
	args := []*Expr{x}
	switch {
	case name == "abs":
		kind = x.Kind
	case name == "power":
		y, err := b.number(c.args[1], Decimal, c.position)
		if err != nil {
			return nil, err
		}
		if y.Kind == Decimal && kind != Decimal && x.Kind != Float {
			kind = Decimal
		}
		if y.Kind == Float {
			kind = Float
		}
		if kind == Decimal && !(y.Op == OpConstant && y.Value.Number != nil && rational(y.Value).IsInt()) {
			return nil, hinted(refuse(CodeUnsupported, c.position, "a numeric to a power that is not a whole literal is not supported"),
				"CAST(... AS double precision) makes a double precision of the base")
		}
		args = append(args, y)
	case len(c.args) == 2: // round and trunc to some places
		places, err := b.constantOf(c, 1, Integer)
		if err != nil {
			return nil, err
		}
		if n := places.Value.Number; !n.IsInt64() || n.Int64() < -MaxScale || n.Int64() > MaxScale {
			return nil, refuse(CodeUnsupported, c.position, "%s takes from %d to %d decimal places", c.name, -MaxScale, MaxScale)
		}
		if x.Kind == Float {
			return nil, hinted(refuse(CodeType, c.position, "%s to some places takes a numeric, as in PostgreSQL, not a double precision", c.name),
				"write %s(CAST(... AS numeric), %s)", c.name, places.Value)
		}
		kind, args = Decimal, append(args, places)
	}
	return b.figure(name, args, kind, c.in, c.position)
}

// bindPower refuses power(x, y) and x ^ y of numbers of a row.
func (b *binder) bindPower(c rowCall) (*Expr, error) {
	return nil, hinted(refuse(CodeUnsupported, c.position, "a power of numbers of a row is not supported"), "write x * x")
}

// figureCast types a cast of a group's figure.
func (b *binder) figureCast(e *Expr, kind Kind, cast *pg.TypeCast, in place, position int) (*Expr, error) {
	name := map[Kind]string{Float: "double", Decimal: "numeric", Integer: "integer", Text: "text"}[kind]
	if name == "" || !e.Kind.numeric() || kind == Integer && e.Kind == Integer {
		return nil, nil
	}
	out := e
	if kind != e.Kind {
		var err error
		if out, err = b.figure(name, []*Expr{e}, kind, in, position); err != nil {
			return nil, err
		}
	}
	if bits := castBits[castName(cast)]; kind == Integer {
		limit := new(big.Int).Lsh(big.NewInt(1), uint(bits-1))
		return b.figure("fits", []*Expr{out, integer(limit)}, Integer, in, position)
	}
	if kind != Decimal || len(cast.TypeName.Typmods) == 0 {
		return out, nil
	}
	precision, scale, err := b.typmods(cast.TypeName)
	if err != nil {
		return nil, err
	}
	most := new(big.Int).Sub(pow10(precision), big.NewInt(1))
	limit := &Expr{Op: OpConstant, Value: NewDecimal(most, scale), Kind: Decimal, Scale: scale}
	places := integer(big.NewInt(int64(scale)))
	if out, err = b.figure(roundHalf, []*Expr{out, places}, Decimal, in, position); err != nil {
		return nil, err
	}
	return b.figure("within", []*Expr{out, limit}, Decimal, in, position)
}

// typmods reads numeric(precision, scale).
func (b *binder) typmods(t *pg.TypeName) (precision, scale int, err error) {
	position := b.at(t.Location)
	for i, node := range t.Typmods {
		n, ok := ordinal(node)
		if !ok || i > 1 || n < 0 || n > maxPrecision || i == 0 && n == 0 {
			return 0, 0, refuse(CodeUnsupported, position, "numeric takes a precision from 1 to %d and a scale", maxPrecision)
		}
		if i == 0 {
			precision = n
		} else {
			scale = n
		}
	}
	if scale > precision {
		return 0, 0, refuse(CodeUnsupported, position, "numeric takes a scale that is not above its precision")
	}
	return precision, scale, nil
}

// maxPrecision is the most digits of numeric(p, s).
const maxPrecision = 64
