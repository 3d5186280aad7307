package engine

import pg "github.com/pganalyze/pg_query_go/v6"

// bindCount types count(*), count(x) and count(DISTINCT x).
func (b *binder) bindCount(name string, call *pg.FuncCall, in place, position int) (*Expr, error) {
	if call.AggDistinct {
		return b.bindDistinct(call, in, position)
	}
	filter, err := b.bindFilter(call.AggFilter, "FILTER", in)
	if err != nil {
		return nil, err
	}
	count := &Expr{Op: OpCount, Kind: Integer}
	if call.AggStar {
		return b.aggregate(count, Moment{Op: CountRows, Filter: filter}, position)
	}
	arg, err := b.oneArgument(name, call, in, position)
	if err != nil {
		return nil, err
	}
	if arg.Op == OpColumn { // a column without values counts as sum and avg count it
		if arg, err = b.coerce(arg, Integer, position); err != nil {
			return nil, err
		}
	}
	return b.aggregate(count, Moment{Op: CountNonNull, Expr: arg, Filter: filter}, position)
}

// oneArgument binds the only argument of an aggregate.
func (b *binder) oneArgument(name string, call *pg.FuncCall, in place, position int) (*Expr, error) {
	if len(call.Args) != 1 {
		return nil, refuse(CodeUnsupported, position, "%s takes one argument", name)
	}
	return b.bind(call.Args[0], place{name: name, argument: true, depth: in.depth})
}

// bindSum types sum and avg, which share their two moments.
func (b *binder) bindSum(name string, call *pg.FuncCall, in place, position int) (*Expr, error) {
	if call.AggDistinct {
		distinct := map[string]string{"sum": sumDistinct, "avg": averageDistinct}[name]
		e, err := functions[distinct].bind(b, distinct, call, in, position)
		if err == nil && !e.Args[0].Kind.numeric() && !e.Args[0].Value.IsNull() {
			err = b.noNumber(name, e.Args[0], position)
		}
		return e, err
	}
	filter, err := b.bindFilter(call.AggFilter, "FILTER", in)
	if err != nil {
		return nil, err
	}
	arg, err := b.oneArgument(name, call, in, position)
	if err != nil {
		return nil, err
	}
	if arg.Op == OpConstant && arg.Kind == Null && !arg.Value.IsNull() {
		return nil, b.noNumber(name, &Expr{Kind: Text}, position)
	}
	if arg, err = b.coerce(arg, Integer, position); err != nil {
		return nil, err
	}
	if !arg.Kind.numeric() {
		return nil, b.noNumber(name, arg, position)
	}
	sum, err := b.aggregate(&Expr{Op: OpSum, Kind: Decimal, Nullable: true},
		Moment{Op: Sum, Expr: arg, Filter: filter, Scale: arg.Scale}, position)
	if err != nil {
		return nil, err
	}
	count, err := b.aggregate(&Expr{Op: OpCount, Kind: Integer}, Moment{Op: CountNonNull, Expr: arg, Filter: filter}, position)
	if err != nil {
		return nil, err
	}
	sum.Count, sum.Scale = count.Column, arg.Scale
	switch {
	case name == "avg":
		sum.Op, sum.Scale = OpAverage, 0
	case arg.width() < 64 && arg.Kind == Integer: // PostgreSQL's sum of these is a bigint, of bigints a numeric
		sum.Kind = Integer
	}
	return sum, nil
}
