package engine

import (
	"math/big"

	pg "github.com/pganalyze/pg_query_go/v6"
)

// maxBuckets is how many ranges one round of a search may count in each group.
const maxBuckets = 8000

const bucketsForm = "buckets(x, lo, width, bins[, lo, width, bins ...]), with GROUP BY also with ARRAY[lo, ...] for lo, one for each group"

// byGroup marks, in the names of a report, that its ranges start elsewhere in each group.
const byGroup = "by group"

// bindBuckets asks for the number of values, then for that of each bucket: the rounds
// of a search over counts (Session). README section 12.
func (rb *reportBinder) bindBuckets() error {
	if n := len(rb.call.Args); n < 4 || n%3 != 1 {
		return refuse(CodeUnsupported, rb.position, "buckets is written %s", bucketsForm)
	}
	x, err := rb.bind(rb.call.Args[0], place{name: "buckets", argument: true})
	if err != nil {
		return err
	}
	if !x.Kind.temporal() {
		if x, err = rb.number(0); err != nil {
			return err
		}
	}
	if err := rb.bindBucketRanges(rb.call.Args[1:], x.Kind); err != nil {
		return err
	}
	if err := rb.count(rb.complete(x)); err != nil {
		return err
	}
	for r, edges := range rb.report.bucketEdges() {
		from, start := x, rb.report.start(r, 0)
		if rb.report.startsByGroup() {
			if from, err = rb.fromStart(x, r); err != nil {
				return err
			}
		} else {
			for _, e := range edges {
				e.Add(e, new(big.Rat).SetFrac(start.Number, pow10(start.Scale)))
			}
		}
		for i := range edges[1:] {
			low, err := rb.beyond(OpGreaterEq, from, edges[i])
			if err != nil {
				return err
			}
			high, err := rb.beyond(OpLess, from, edges[i+1])
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

// bindBucketRanges reads the ranges: for each its width, the number of its buckets, and
// where it starts, in every group alike or in each elsewhere.
func (rb *reportBinder) bindBucketRanges(args []*pg.Node, kind Kind) error {
	place, groups := "everywhere", 1
	if args[0].GetAArrayExpr() != nil {
		place, groups = byGroup, rb.plan.groupCount()
	}
	startKind, total := Decimal, new(big.Rat)
	if kind.temporal() {
		startKind = kind
	}
	for i := 0; i < len(args); i += 3 {
		rb.report.Names = append(rb.report.Names, place)
		starts := []*pg.Node{args[i]}
		if place == byGroup {
			if starts = args[i].GetAArrayExpr().GetElements(); len(starts) != groups {
				return refuse(CodeType, rb.position, "a range of buckets starts in %s, and there are %d: every lo is a list of them, or none is",
					Plural(len(starts), "group"), groups)
			}
		}
		nodes := append([]*pg.Node{args[i+1], args[i+2]}, starts...)
		for j, node := range nodes {
			want := startKind
			if j < 2 {
				want = Decimal
			}
			v, err := rb.constant(node, want)
			if err != nil {
				return err
			}
			rb.report.Constants = append(rb.report.Constants, v)
		}
		last := rb.report.Constants[len(rb.report.Constants)-len(nodes):]
		width, bins := rational(last[0]), rational(last[1])
		if width.Sign() <= 0 || !bins.IsInt() || bins.Sign() <= 0 || kind.temporal() && !new(big.Rat).Mul(width, widthUnit(kind)).IsInt() {
			return refuse(CodeType, rb.position, "the width of buckets and their number must be positive, the number whole, and days and microseconds as well")
		}
		if total.Add(total, bins); total.Cmp(big.NewRat(maxBuckets, 1)) > 0 {
			return refuse(CodeLimit, rb.position, "buckets takes at most %d buckets", maxBuckets)
		}
	}
	return nil
}

// widthUnit is how many units of a kind's numbers a width counts: of timestamps and times of day it
// is in seconds.
func widthUnit(kind Kind) *big.Rat {
	if kind.clocked() {
		return big.NewRat(microsPerSecond, 1)
	}
	return big.NewRat(1, 1)
}

// fromStart is x from where a range starts in the row's group.
func (rb *reportBinder) fromStart(x *Expr, r int) (*Expr, error) {
	start := &Expr{Op: OpStart, Column: r, Kind: x.Kind, Scale: x.Scale}
	for g := range rb.plan.groupCount() {
		start.Scale = max(start.Scale, rb.report.start(r, g).Scale)
	}
	if !x.Kind.temporal() {
		start.Kind = Decimal
		x = align(x, Decimal, start.Scale)
	}
	for g := range rb.plan.groupCount() {
		ends := []*big.Int{rescaled(rb.report.start(r, g), start.Scale)}
		if g > 0 {
			ends = append(ends, start.Min, start.Max)
		}
		s := hull(ends...)
		start.Min, start.Max = s.lo, s.hi
	}
	return (&Expr{Op: OpSubtract, Args: []*Expr{x, start}, Kind: Decimal, Scale: start.Scale}).derive(rb.plan.Schema.Columns, rb.position)
}

// startsByGroup reports whether ranges start elsewhere in each group.
func (r *Report) startsByGroup() bool { return len(r.Names) > 0 && r.Names[0] == byGroup }

// rangeConstants is the constants of a range: its width, its number of buckets, and where
// it starts, once or in each group.
func (r *Report) rangeConstants(i int) []Datum {
	size := len(r.Constants) / len(r.Names)
	return r.Constants[i*size : (i+1)*size]
}

// start is where a range starts in a group.
func (r *Report) start(i, group int) Datum {
	if !r.startsByGroup() {
		group = 0
	}
	return r.rangeConstants(i)[2+group]
}

// Start is the start of range r of a search in a group, what OpStart stands for: both
// are indices; others than the plan has give NULL.
func (p *Plan) Start(r, group int) Datum {
	if p.Screen != nil {
		p = p.Screen.answer
	}
	if p.Report == nil || !p.Report.startsByGroup() || r < 0 || r >= len(p.Report.Names) || group < 0 || group >= p.groupCount() {
		return Datum{}
	}
	return p.Report.start(r, group)
}

// bucketEdges are the edges of each range's buckets, from the range's start.
func (r *Report) bucketEdges() [][]*big.Rat {
	out := make([][]*big.Rat, len(r.Names))
	for i := range out {
		constants := r.rangeConstants(i)
		width := new(big.Rat).Mul(rational(constants[0]), widthUnit(r.start(i, 0).Kind))
		for k := range rational(constants[1]).Num().Int64() + 1 {
			out[i] = append(out[i], new(big.Rat).Mul(width, new(big.Rat).SetInt64(k)))
		}
	}
	return out
}

func bucketsColumns(c reportCells) []reportColumn {
	kind := Decimal
	if start := c.report.start(0, 0); start.Kind.temporal() {
		kind = start.Kind
	}
	return []reportColumn{{"lo", kind}, {"hi", kind}, {"n", Integer}}
}

// finishBuckets lists the buckets.
func finishBuckets(c reportCells) (reportTable, error) {
	edge := func(start Datum, x *big.Rat) value {
		x = new(big.Rat).Add(x, new(big.Rat).SetFrac(start.Number, pow10(start.Scale)))
		if start.Kind.temporal() {
			return value{Datum: Datum{Kind: start.Kind, Number: x.Num()}}
		}
		places, _ := x.FloatPrec()
		return value{Datum: NewDecimal(decimalPlaces(x, places), places), exact: x}
	}
	var table reportTable
	cell := 2
	for r, edges := range c.report.bucketEdges() {
		start := c.report.start(r, c.group)
		for i := range edges[1:] {
			table.rows = append(table.rows, []value{edge(start, edges[i]), edge(start, edges[i+1]), whole(c.raw(cell))})
			cell++
		}
	}
	table.figures = []figure{{"n", whole(c.raw(1))}, c.missing(c.at(1))}
	return table, nil
}
