package engine

import "math/big"

// maxBuckets is how many ranges one round of a search may count.
const maxBuckets = 8000

const bucketsForm = "buckets(x, lo, width, bins[, lo, width, bins ...])"

// bindBuckets asks for the number of values, then for that of each bucket: the rounds
// of a search over counts (Session). README section 13.
func (rb *reportBinder) bindBuckets() error {
	if n := len(rb.call.Args); n < 4 || n%3 != 1 {
		return refuse(CodeUnsupported, rb.position, "buckets is written %s", bucketsForm)
	}
	x, err := rb.number(0)
	if err != nil {
		return err
	}
	for _, arg := range rb.call.Args[1:] {
		v, err := rb.constant(arg, Decimal)
		if err != nil {
			return err
		}
		rb.report.Constants = append(rb.report.Constants, v)
	}
	total := new(big.Rat)
	for i := 0; i < len(rb.report.Constants); i += 3 {
		width, bins := rational(rb.report.Constants[i+1]), rational(rb.report.Constants[i+2])
		if width.Sign() <= 0 || !bins.IsInt() || bins.Sign() <= 0 {
			return refuse(CodeType, rb.position, "the width of buckets and their number must be positive, the number whole")
		}
		if total.Add(total, bins); total.Cmp(big.NewRat(maxBuckets, 1)) > 0 {
			return refuse(CodeLimit, rb.position, "buckets takes at most %d buckets", maxBuckets)
		}
	}
	if err := rb.count(rb.complete(x)); err != nil {
		return err
	}
	for _, edges := range rb.report.bucketEdges() {
		for i := range edges[1:] {
			low, err := rb.beyond(OpGreaterEq, x, edges[i])
			if err != nil {
				return err
			}
			high, err := rb.beyond(OpLess, x, edges[i+1])
			if err != nil {
				return err
			}
			if err := rb.count(rowSet{filter: conjunction(rb.filter, []*Expr{low, high})}); err != nil {
				return err
			}
		}
	}
	return nil
}

// bucketEdges are the edges of each range of buckets.
func (r *Report) bucketEdges() [][]*big.Rat {
	var out [][]*big.Rat
	for i := 0; i < len(r.Constants); i += 3 {
		lo, width := rational(r.Constants[i]), rational(r.Constants[i+1])
		var edges []*big.Rat
		for k := range rational(r.Constants[i+2]).Num().Int64() + 1 {
			edge := new(big.Rat).Mul(width, new(big.Rat).SetInt64(k))
			edges = append(edges, edge.Add(edge, lo))
		}
		out = append(out, edges)
	}
	return out
}

var bucketsColumns = []reportColumn{{"lo", Decimal}, {"hi", Decimal}, {"n", Integer}}

// finishBuckets lists the buckets.
func finishBuckets(c reportCells) (reportTable, error) {
	edge := func(x *big.Rat) value {
		places, _ := x.FloatPrec()
		return value{Datum: NewDecimal(decimalPlaces(x, places), places), exact: x}
	}
	var table reportTable
	cell := 2
	for _, edges := range c.report.bucketEdges() {
		for i := range edges[1:] {
			table.rows = append(table.rows, []value{edge(edges[i]), edge(edges[i+1]), whole(c.raw(cell))})
			cell++
		}
	}
	table.figures = []figure{{"n", whole(c.raw(1))}, c.missing(c.at(1))}
	return table, nil
}
