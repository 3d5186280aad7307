package engine

import (
	"math/big"
	"slices"
)

// Window is a window function over the groups of the answer, which the analyst computes after
// HAVING. Its OpWindow holds in Args its arguments, then what it partitions by, then its keys of
// order. README section 16.
type Window struct {
	_         struct{} `cbor:",toarray"`
	Function  string
	Arguments int           // of Args
	Partition int           // of Args, behind the arguments
	Order     []WindowOrder // for the rest of Args
	// Rows says that Start and End count rows before (negative) and after the present one, nil for
	// all; otherwise the frame is the whole partition, or with an order all rows up to the last peer.
	Rows       bool
	Start, End *int64
}

// WindowOrder is how a key of a window orders.
type WindowOrder struct {
	_          struct{} `cbor:",toarray"`
	Descending bool
	NullsFirst bool
}

// windowFunction computes one window function: a value for row i of its frame's partition.
type windowFunction struct {
	least, most int
	// kind is of the result; nil: that of the first argument.
	kind    func(arguments []*Expr) Kind
	ordered bool // it needs ORDER BY to mean something
	compute func(w *windowRows, i int) value
}

// windowRows are the rows of one partition, in its order.
type windowRows struct {
	args  [][]value // by row
	peers []int     // by row, which set of peers it belongs to, from 0
	first []int     // by set of peers, its first row
	frame func(i int) (from, to int)
	// What has been added up of the rows from to to.
	started  bool
	from, to int
	acc      value
	n        int
}

func (w *windowRows) lastPeer(i int) int {
	if p := w.peers[i] + 1; p < len(w.first) {
		return w.first[p] - 1
	}
	return len(w.args) - 1
}

// windowFunctions by name. Kinds follow PostgreSQL.
var windowFunctions = map[string]windowFunction{
	"row_number": {0, 0, always(Integer), true, func(_ *windowRows, i int) value { return whole(big.NewInt(int64(i + 1))) }},
	"rank":       {0, 0, always(Integer), true, func(w *windowRows, i int) value { return whole(big.NewInt(int64(w.first[w.peers[i]] + 1))) }},
	"dense_rank": {0, 0, always(Integer), true, func(w *windowRows, i int) value { return whole(big.NewInt(int64(w.peers[i] + 1))) }},
	"percent_rank": {0, 0, always(Float), true, func(w *windowRows, i int) value {
		return double(big.NewRat(int64(w.first[w.peers[i]]), int64(max(1, len(w.args)-1))))
	}},
	"cume_dist": {0, 0, always(Float), true, func(w *windowRows, i int) value {
		return double(big.NewRat(int64(w.lastPeer(i)+1), int64(len(w.args))))
	}},
	"ntile":       {1, 1, always(Integer), true, ntile},
	"lag":         {1, 3, nil, true, func(w *windowRows, i int) value { return w.neighbour(i, -1) }},
	"lead":        {1, 3, nil, true, func(w *windowRows, i int) value { return w.neighbour(i, 1) }},
	"first_value": {1, 1, nil, true, func(w *windowRows, i int) value { return w.inFrame(i, false) }},
	"last_value":  {1, 1, nil, true, func(w *windowRows, i int) value { return w.inFrame(i, true) }},
	"count": {0, 1, always(Integer), false, func(w *windowRows, i int) value {
		w.accumulate(i, func(args []value) {
			if len(args) == 0 || !args[0].IsNull() {
				w.n++
			}
		})
		return whole(big.NewInt(int64(w.n)))
	}},
	"sum": {1, 1, sumKind, false, func(w *windowRows, i int) value { w.accumulate(i, w.add); return w.acc }},
	"avg": {1, 1, averageKind, false, func(w *windowRows, i int) value {
		w.accumulate(i, w.add)
		if w.n == 0 || w.acc.infinite != 0 {
			return w.acc
		}
		total, by := w.acc, whole(big.NewInt(int64(w.n)))
		if total.Kind == Float {
			return over(total, by)
		}
		return value{Datum: divide(total.Datum, by.Datum), exact: new(big.Rat).Quo(total.exact, by.exact), digits: total.digits}
	}},
	"min": {1, 1, nil, false, func(w *windowRows, i int) value { return w.extreme(i, -1) }},
	"max": {1, 1, nil, false, func(w *windowRows, i int) value { return w.extreme(i, 1) }},
}

func always(k Kind) func([]*Expr) Kind { return func([]*Expr) Kind { return k } }

// sumKind is of a sum: numeric, but of integers below 64 bits bigint, of a double precision that.
func sumKind(arguments []*Expr) Kind {
	x := arguments[0]
	switch {
	case x.Kind == Float:
		return Float
	case x.Kind == Integer && x.width() < 64:
		return Integer
	}
	return Decimal
}

func averageKind(arguments []*Expr) Kind {
	if arguments[0].Kind == Float {
		return Float
	}
	return Decimal
}

// accumulate adds the rows of the frame of row i: those that are new where the frame only grows, so
// that running totals cost no more than their rows.
func (w *windowRows) accumulate(i int, add func(args []value)) {
	from, to := w.frame(i)
	from, to = max(from, 0), min(to, len(w.args)-1)
	next := from
	if w.started && from == w.from && to >= w.to {
		next = w.to + 1
	} else {
		w.acc, w.n = value{}, 0
	}
	for j := next; j <= to; j++ {
		add(w.args[j])
	}
	w.started, w.from, w.to = true, from, to
}

// add adds one row's value to the sum; NULL counts for nothing.
func (w *windowRows) add(args []value) {
	v := args[0]
	switch {
	case v.IsNull():
		return
	case w.n == 0:
		if w.acc = v; v.Kind == Integer {
			w.acc.Kind = Decimal
		}
	case w.acc.exact == nil || v.exact == nil:
		w.acc = infinite(max(w.acc.infinite, v.infinite))
	default:
		w.acc, _ = compute(&Expr{Op: OpAdd, Kind: w.acc.Kind}, w.acc, v)
	}
	w.n++
}

// extreme is the least (−1) or the greatest value of the frame.
func (w *windowRows) extreme(i, sign int) value {
	w.accumulate(i, func(args []value) {
		if v := args[0]; !v.IsNull() && (w.acc.IsNull() || v.compare(w.acc) == sign) {
			w.acc = v
		}
	})
	return w.acc
}

func (w *windowRows) inFrame(i int, last bool) value {
	from, to := w.frame(i)
	from, to = max(from, 0), min(to, len(w.args)-1)
	switch {
	case from > to:
		return value{}
	case last:
		return w.args[to][0]
	}
	return w.args[from][0]
}

// neighbour is lag (−1) or lead (1).
func (w *windowRows) neighbour(i, sign int) value {
	args, by := w.args[i], int64(1)
	if len(args) > 1 {
		if args[1].IsNull() {
			return value{}
		}
		by = MaxGroups * int64(args[1].Number.Sign()) // as far as any row is
		if n := args[1].Number; n.CmpAbs(big.NewInt(MaxGroups)) < 0 {
			by = n.Int64()
		}
	}
	if at := i + sign*int(by); at >= 0 && at < len(w.args) {
		return w.args[at][0]
	}
	if len(args) > 2 {
		return args[2]
	}
	return value{}
}

// ntile deals the rows to so many buckets, the first of which have one more where it does not come out.
func ntile(w *windowRows, i int) value {
	n := w.args[0][0] // of the partition's first row, as in PostgreSQL
	if n.IsNull() || n.Number.Sign() <= 0 {
		return undefined("ntile takes a number above 0")
	}
	rows := int64(len(w.args))
	buckets := MaxGroups + int64(1)
	if n.Number.IsInt64() {
		buckets = min(buckets, n.Number.Int64())
	}
	size, larger := rows/buckets, rows%buckets
	at := int64(i)
	if at < larger*(size+1) {
		return whole(big.NewInt(at/(size+1) + 1))
	}
	return whole(big.NewInt((at-larger*(size+1))/max(size, 1) + larger + 1))
}

// fillWindows computes the window functions of all groups that are kept.
func (p *Plan) fillWindows(all []candidate) error {
	for i := range all {
		all[i].windows = make([]value, len(p.Windows))
	}
	for n := range p.Windows {
		call := p.windowCall(n)
		if call == nil {
			return refuse(CodeCells, 0, "the plan has a window that nothing shows")
		}
		if len(all) > 0 && all[0].reason(call) != 0 {
			continue // withheld in all rows
		}
		if err := p.Windows[n].fill(call, n, all); err != nil {
			return err
		}
	}
	return nil
}

// windowCall finds the expression of a window.
func (p *Plan) windowCall(n int) *Expr {
	var find func(e *Expr) *Expr
	find = func(e *Expr) *Expr {
		if e.Op == OpWindow && e.Column == n {
			return e
		}
		for _, a := range e.Args {
			if found := find(a); found != nil {
				return found
			}
		}
		return nil
	}
	for _, o := range p.Outputs {
		if e := find(o.Expr); e != nil {
			return e
		}
	}
	for _, o := range p.Order {
		if e := find(o.Expr); e != nil {
			return e
		}
	}
	return nil
}

// windowRow is a group as a window sees it.
type windowRow struct {
	candidate int
	args      []value
	keys      []value // what it partitions by, then the keys of order
}

// fill computes one window function for every group.
func (w Window) fill(call *Expr, n int, all []candidate) error {
	rows := make([]windowRow, len(all))
	for i, c := range all {
		rows[i].candidate = i
		for j, a := range call.Args {
			v, err := evaluate(a, c.group)
			if err != nil {
				return err
			}
			if j < w.Arguments {
				rows[i].args = append(rows[i].args, v)
			} else {
				rows[i].keys = append(rows[i].keys, v)
			}
		}
	}
	slices.SortStableFunc(rows, func(a, b windowRow) int { return w.compare(a, b, len(call.Args)-w.Arguments) })
	for from := 0; from < len(rows); {
		to := from + 1
		for to < len(rows) && w.compare(rows[from], rows[to], w.Partition) == 0 {
			to++
		}
		w.fillPartition(rows[from:to], n, all)
		from = to
	}
	return nil
}

// compare orders by the first keys: what it partitions by, and then as ORDER BY says.
func (w Window) compare(a, b windowRow, keys int) int {
	for k := range keys {
		order := WindowOrder{}
		if k >= w.Partition {
			order = w.Order[k-w.Partition]
		}
		if c := orderValues(a.keys[k], b.keys[k], order.Descending, order.NullsFirst); c != 0 {
			return c
		}
	}
	return 0
}

func (w Window) fillPartition(rows []windowRow, n int, all []candidate) {
	r := &windowRows{}
	for i, row := range rows {
		if i == 0 || w.compare(rows[i-1], row, w.Partition+len(w.Order)) != 0 {
			r.first = append(r.first, i)
		}
		r.args, r.peers = append(r.args, row.args), append(r.peers, len(r.first)-1)
	}
	r.frame = func(i int) (from, to int) {
		if !w.Rows {
			return 0, r.lastPeer(i) // without an order all are peers
		}
		from, to = 0, len(rows)-1
		if w.Start != nil {
			from = i + int(*w.Start)
		}
		if w.End != nil {
			to = i + int(*w.End)
		}
		return from, to
	}
	f := windowFunctions[w.Function]
	for i, row := range rows {
		all[row.candidate].windows[n] = f.compute(r, i)
	}
}
