package engine

import pg "github.com/pganalyze/pg_query_go/v6"

// someBoolean makes the entry of bool_or and bool_and: from whether there are rows where the
// condition is true, and whether there are some where it is false. README section 10.
func someBoolean(all bool) function {
	return function{
		bind: (*binder).bindBoolean,
		finish: func(args []value) (value, bool) {
			if len(args) != 2 {
				return value{}, false
			}
			hold, fail := args[0].Number.Sign() > 0, args[1].Number.Sign() > 0
			switch {
			case !hold && !fail:
				return undefined(noRows), true
			case all:
				return truthValue(!fail), true
			}
			return truthValue(hold), true
		},
		learns: says("in how many departments there are rows where it is true, and where it is false"),
	}
}

// bindBoolean types bool_or, bool_and and every.
func (b *binder) bindBoolean(name string, call *pg.FuncCall, in place, position int) (*Expr, error) {
	filter, err := b.bindFilter(call.AggFilter, "FILTER", in)
	if err != nil {
		return nil, err
	}
	if len(call.Args) != 1 || call.AggStar {
		return nil, refuse(CodeUnsupported, position, "%s takes one condition", name)
	}
	e, err := b.bindCondition(call.Args[0], place{name: name, argument: true, depth: in.depth})
	if err != nil {
		return nil, err
	}
	b.aggregates = true
	out := &Expr{Op: OpFunction, Value: NewText(name), Kind: Boolean, Nullable: true}
	for _, is := range []*Expr{e, {Op: OpIsFalse, Args: []*Expr{e}, Kind: Boolean}} {
		cell, err := b.cell(Present, rowSet{filter: conjunction(filter, []*Expr{is})}, nil, nil, position)
		if err != nil {
			return nil, err
		}
		out.Args = append(out.Args, cell)
	}
	return out, nil
}
