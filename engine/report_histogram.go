package engine

import (
	"math/big"

	pg "github.com/pganalyze/pg_query_go/v6"
)

// maxBins is how many bins a histogram may have.
const maxBins = 4096

const histogramForm = "histogram(x, lo, hi, bins) or histogram(x, ARRAY[edge, ...])"

// bindHistogram asks for the number of values, then for that of each bin.
func (rb *reportBinder) bindHistogram() error {
	if n := len(rb.call.Args); n != 2 && n != 4 {
		return refuse(CodeUnsupported, rb.position, "histogram is written %s", histogramForm)
	}
	x, err := rb.bind(rb.call.Args[0], place{name: "histogram", argument: true})
	if err != nil {
		return err
	}
	if !x.Kind.temporal() || len(rb.call.Args) != 2 {
		if x, err = rb.number(0); err != nil {
			return err
		}
	}
	if len(rb.call.Args) == 2 {
		err = rb.bindEdges(x.Kind)
	} else {
		err = rb.bindRange()
	}
	if err != nil {
		return err
	}
	if err := rb.count(rb.complete(x)); err != nil {
		return err
	}
	edges := rb.report.edges()
	for i := range edges[1:] {
		low, err := rb.beyond(OpGreaterEq, x, edges[i])
		if err != nil {
			return err
		}
		op := OpLess
		if i == len(edges)-2 {
			op = OpLessEqual
		}
		high, err := rb.beyond(op, x, edges[i+1])
		if err != nil {
			return err
		}
		if err := rb.count(rowSet{filter: conjunction(rb.filter, []*Expr{low, high})}); err != nil {
			return err
		}
	}
	return nil
}

// bindRange reads lo, hi and the number of bins.
func (rb *reportBinder) bindRange() error {
	for i := range 3 {
		v, err := rb.constant(rb.call.Args[1+i], Decimal)
		if err != nil {
			return err
		}
		rb.report.Constants = append(rb.report.Constants, v)
	}
	lo, hi, bins := rational(rb.report.Constants[0]), rational(rb.report.Constants[1]), rational(rb.report.Constants[2])
	switch {
	case lo.Cmp(hi) >= 0:
		return refuse(CodeType, rb.position,
			"the lower end %s of histogram is not below the upper end %s", rb.report.Constants[0], rb.report.Constants[1])
	case !bins.IsInt() || bins.Sign() <= 0:
		return refuse(CodeType, rb.position, "the number of bins is %s: it must be a positive whole number", rb.report.Constants[2])
	case bins.Cmp(big.NewRat(maxBins, 1)) > 0:
		return refuse(CodeLimit, rb.position, "histogram takes at most %d bins", maxBins)
	}
	rb.report.Names = []string{"range"}
	return nil
}

// bindEdges reads an array of ascending edges.
func (rb *reportBinder) bindEdges(kind Kind) error {
	edges, err := rb.constants(rb.call.Args[1], kind)
	if err != nil {
		return err
	}
	if len(edges) < 2 {
		return refuse(CodeType, rb.position, "bins need at least two edges")
	}
	if len(edges) > maxBins+1 {
		return refuse(CodeLimit, rb.position, "histogram takes at most %d bins", maxBins)
	}
	for i := range edges[1:] {
		if edges[i].Compare(edges[i+1]) >= 0 {
			return refuse(CodeType, rb.position, "the bins overlap: edge %d is %s and the next %s", i+1, edges[i], edges[i+1])
		}
	}
	rb.report.Constants, rb.report.Names = edges, []string{"edges"}
	return nil
}

// constants reads ARRAY[...] of literals.
func (rb *reportBinder) constants(node *pg.Node, kind Kind) ([]Datum, error) {
	array := node.GetAArrayExpr()
	if array == nil {
		return nil, refuse(CodeUnsupported, rb.position, "%s takes a list written ARRAY[...] here", rb.report.Function)
	}
	if !kind.temporal() {
		kind = Decimal
	}
	var out []Datum
	for _, element := range array.Elements {
		v, err := rb.constant(element, kind)
		if err != nil {
			return nil, err
		}
		out = append(out, v)
	}
	return out, nil
}

// constant reads a literal, possibly with a sign.
func (rb *reportBinder) constant(node *pg.Node, kind Kind) (Datum, error) {
	e, err := rb.bind(node, place{name: rb.report.Function, argument: true})
	if err != nil {
		return Datum{}, err
	}
	if e, err = rb.coerce(e, kind, rb.position); err != nil {
		return Datum{}, err
	}
	if e.Op == OpConstant && e.Kind.daily() && kind.daily() && e.Kind < kind {
		if e, err = rb.retype(e, kind, place{name: rb.report.Function}, rb.position); err != nil {
			return Datum{}, err
		}
	}
	if e.Op != OpConstant || e.Value.IsNull() || e.Kind != kind && !(e.Kind.numeric() && kind.numeric()) {
		return Datum{}, refuse(CodeType, rb.position, "%s takes constants here", rb.report.Function)
	}
	return e.Value, nil
}

// beyond compares x with an edge p/q, as x·q with p where it is not a decimal.
func (rb *reportBinder) beyond(op Op, x *Expr, edge *big.Rat) (*Expr, error) {
	value := Datum{Kind: x.Kind, Number: edge.Num()}
	if !x.Kind.temporal() {
		places, exact := edge.FloatPrec()
		value = NewDecimal(decimalPlaces(edge, places), places)
		if !exact {
			value = NewDecimal(edge.Num(), 0)
			factor, err := (&Expr{Op: OpConstant, Kind: Integer, Value: Datum{Kind: Integer, Number: edge.Denom()}}).derive(nil, rb.position)
			if err != nil {
				return nil, err
			}
			if x, err = rb.multiply(factor, x, rb.position); err != nil {
				return nil, err
			}
		}
	}
	constant, err := (&Expr{Op: OpConstant, Value: value, Kind: value.Kind, Scale: value.Scale}).derive(nil, rb.position)
	if err != nil {
		return nil, err
	}
	return rb.compare(op, x, constant, place{name: "histogram"}, rb.position)
}

// edges are a histogram's, ascending.
func (r *Report) edges() []*big.Rat {
	var out []*big.Rat
	if r.Names[0] == "edges" {
		for _, v := range r.Constants {
			out = append(out, rational(v))
		}
		return out
	}
	lo, hi := rational(r.Constants[0]), rational(r.Constants[1])
	bins := rational(r.Constants[2]).Num().Int64()
	width := new(big.Rat).Sub(hi, lo)
	for i := range bins + 1 {
		edge := new(big.Rat).Mul(width, big.NewRat(i, bins))
		out = append(out, edge.Add(edge, lo))
	}
	return out
}

func histogramColumns(c reportCells) []reportColumn {
	kind := Float
	if of := c.report.Constants[0].Kind; of.temporal() {
		kind = of
	}
	return []reportColumn{{"lo", kind}, {"hi", kind}, {"n", Integer}}
}

// finishHistogram lists the bins; what lies outside of them is a figure.
func finishHistogram(c reportCells) (reportTable, error) {
	edge := func(x *big.Rat) value {
		if of := c.report.Constants[0].Kind; of.temporal() {
			return value{Datum: Datum{Kind: of, Number: x.Num()}}
		}
		if places, exact := x.FloatPrec(); exact {
			return value{Datum: NewDecimal(decimalPlaces(x, places), places), exact: x}
		}
		return double(x)
	}
	var table reportTable
	edges, outside := c.report.edges(), new(big.Int).Set(c.raw(1))
	for i := range edges[1:] {
		n := c.raw(2 + i)
		outside.Sub(outside, n)
		table.rows = append(table.rows, []value{edge(edges[i]), edge(edges[i+1]), whole(n)})
	}
	table.figures = []figure{{"n", whole(c.raw(1))}, c.missing(c.at(1)), {"outside", whole(outside)}}
	return table, nil
}
