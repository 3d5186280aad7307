package engine

import (
	"math/big"
	"slices"
)

// What hides rows in a sum: a factor that is 0 for some, and an operation that is another number for them. README section 18.11.

// byClass adds what is left of a product without factors that have few values, over the rows that each value chooses: sum(x) and sum(x * flag) tell x for either.
func (v *variables) byClass(m int, product, conditions []*Expr) {
	hold := slices.Clone(conditions)
	if v.supports.plan.Filter != nil {
		hold = append(hold, v.supports.plan.Filter)
	}
	for _, alike := range gather(product, sameColumn) {
		rest := slices.DeleteFunc(slices.Clone(product), func(f *Expr) bool { return slices.Contains(alike, f) })
		if len(rest) == 0 || v.err != nil {
			continue
		}
		classes, ok := v.supports.classesOf(alike, v.supports.flat(hold))
		if !ok {
			continue
		}
		for _, c := range classes.conditions {
			more := slices.Clone(conditions)
			if c != nil {
				more = append(more, c)
			}
			v.add(m, v.product(rest), more)
		}
	}
}

// taken are the numbers of which an operation makes another one, each with conditions under which that follows the number: abs(x - 1000 * flag), greatest(x, 1000 * flag) and
// width_bucket(x + 1000 * flag, ...) tell x of some rows alone.
func (e *Expr) taken() func(yield func(*Expr, []*Expr) bool) {
	compared := func(op Op, a, b *Expr) *Expr {
		return &Expr{Op: op, Args: []*Expr{a, b}, Kind: Boolean, Nullable: a.Nullable || b.Nullable}
	}
	constant := func(like *Expr, n *big.Int) *Expr {
		return constantExpr(Datum{Kind: like.Kind, Number: n, Scale: like.Scale})
	}
	return func(yield func(*Expr, []*Expr) bool) {
		switch e.Op {
		case OpAbs:
			x := e.Args[0]
			zero := constant(x, new(big.Int))
			_ = yield(x, []*Expr{compared(OpLess, x, zero)}) && yield(x, []*Expr{compared(OpGreater, x, zero)})
		case OpGreatest, OpLeast:
			better := map[Op]Op{OpGreatest: OpGreater, OpLeast: OpLess}[e.Op]
			for i, a := range e.Args {
				var conditions []*Expr
				for j, b := range e.Args {
					if i != j {
						conditions = append(conditions, negated(isTrue(compared(better, b, a))))
					}
				}
				if !yield(a, conditions) {
					return
				}
			}
		case OpWidth:
			x, ends := e.Args[0], hull(e.Args[1].Value.Number, e.Args[2].Value.Number)
			yield(x, []*Expr{compared(OpGreaterEq, x, constant(x, ends.lo)), compared(OpLessEqual, x, constant(x, ends.hi))})
		}
	}
}
