package engine

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math"
	"math/big"
	"math/bits"
	"slices"

	pg "github.com/pganalyze/pg_query_go/v6"
)

// What count(DISTINCT x) becomes: of a column with a dictionary, and of one without. README
// section 14.
const (
	countDistinct  = "count distinct"
	sketchFunction = "count distinct estimate"
	// What sum(DISTINCT x) and avg(DISTINCT x) become.
	sumDistinct     = "sum distinct"
	averageDistinct = "avg distinct"
)

// shownName is a function as a question writes it.
func shownName(name string) string {
	if name == countDistinct || name == sketchFunction {
		return "count(DISTINCT ...)"
	}
	if name == sumDistinct || name == averageDistinct {
		return name[:3] + "(DISTINCT ...)"
	}
	return name
}

// The buckets of a sketch: a power of two, so that half a value for each bucket, if
// all rows have different ones, when the tables are small, and two when they are large
// and the sketch looks at a part of the values.
const (
	leastBuckets = 32
	mostBuckets  = 2048
	mostLoad     = 2
)

// sketchSize is how many buckets there are for so many rows, and one in how many values
// is looked at.
func sketchSize(rows int64) (buckets, oneIn int64) {
	for buckets = leastBuckets; buckets < mostBuckets && buckets < 2*rows; {
		buckets *= 2
	}
	return buckets, max(1, (rows+mostLoad*buckets-1)/(mostLoad*buckets))
}

// bindDistinct types count(DISTINCT x): exact of a column with a dictionary, else an
// estimate.
func (b *binder) bindDistinct(call *pg.FuncCall, in place, position int) (*Expr, error) {
	if len(call.Args) == 1 && call.Args[0].GetColumnRef() != nil && len(call.AggOrder) == 0 && !call.AggWithinGroup {
		if l := b.plan.Linked(); l != nil {
			if column, err := b.columnOf(call.Args[0].GetColumnRef(), b.in); err == nil && slices.Contains(b.plan.Join.Keys[0], column) {
				return b.bindPersons(call, in, position)
			}
		}
		column, err := b.column(call.Args[0].GetColumnRef())
		if err != nil {
			return nil, err
		}
		if !b.plan.Schema.Columns[column].HasDictionary {
			return b.bindSketch(column, call, in, position)
		}
	}
	return functions[countDistinct].bind(b, countDistinct, call, in, position)
}

// bindSketch asks, for each bucket, for the departments that have a value in it.
func (b *binder) bindSketch(column int, call *pg.FuncCall, in place, position int) (*Expr, error) {
	filter, err := b.bindFilter(call.AggFilter, "FILTER", in)
	if err != nil {
		return nil, err
	}
	x, err := b.columnExpr(column)
	if err != nil {
		return nil, err
	}
	table, name := b.plan.source(column)
	rows := int64(0) // of that table: what it is joined with adds no values
	for _, r := range b.plan.Catalogue() {
		if r.Table == table {
			rows += r.Rows
		}
	}
	buckets, oneIn := sketchSize(rows)
	// The salt is the same for all questions about the column, so that they all look
	// at the same part of the values: other questions test no other guesses.
	salt := Hash("parley distinct 1", []byte(table), []byte(name))
	bucket, err := (&Expr{Op: OpBucket, Kind: Integer, Nullable: true, Args: []*Expr{x,
		{Op: OpConstant, Value: NewText(salt.String()), Kind: Text}, constantExpr(NewInteger(oneIn)),
		constantExpr(NewInteger(buckets))}}).derive(b.plan.Schema.Columns, position)
	if err != nil {
		return nil, err
	}
	out := &Expr{Op: OpFunction, Value: NewText(sketchFunction), Kind: Integer, Nullable: true, Args: []*Expr{constantExpr(NewInteger(oneIn))}}
	for i := range buckets {
		is := &Expr{Op: OpEqual, Args: []*Expr{bucket, constantExpr(NewInteger(i))}, Kind: Boolean, Nullable: true}
		cell, err := b.aggregate(&Expr{Op: OpMoment, Kind: Integer}, Moment{Op: Present, Filter: conjunction(filter, []*Expr{is})}, position)
		if err != nil {
			return nil, err
		}
		out.Args = append(out.Args, cell)
	}
	return out, nil
}

// bucket hashes the canonical text of a value. README section 14.
func (e *Expr) bucket(x Datum) (Datum, error) {
	if len(e.Args) != 4 || e.Args[2].Value.Number == nil || e.Args[3].Value.Number == nil ||
		e.Args[2].Value.Number.Sign() <= 0 || e.Args[3].Value.Number.Sign() <= 0 {
		return Datum{}, fmt.Errorf("a bucket without its parameters")
	}
	// One in k is kept by the hash's size, so that a smaller part is part of a larger one.
	digest := sha256.Sum256([]byte(e.Args[1].Value.Text + x.String()))
	if over, _ := bits.Mul64(binary.BigEndian.Uint64(digest[:]), e.Args[2].Value.Number.Uint64()); over != 0 {
		return Datum{}, nil
	}
	at := binary.BigEndian.Uint64(digest[8:]) % e.Args[3].Value.Number.Uint64()
	return Datum{Kind: Integer, Number: new(big.Int).SetUint64(at)}, nil
}

// sketch is an estimate of how many different values there are, from how many of the
// buckets are empty (Whang, Vander-Zanden and Taylor 1990), of one in oneIn values.
type sketch struct{ buckets, empty, oneIn float64 }

// sketchOf reads a call's arguments.
func sketchOf(args []value) sketch {
	s := sketch{buckets: float64(len(args) - 1), oneIn: near(args[0].exact)}
	for _, a := range args[1:] {
		if a.Number.Sign() <= 0 {
			s.empty++
		}
	}
	return s
}

var saturated = "every bucket is taken: there are too many values for the sketch"

// sampled is the estimated number of values that were looked at.
func (s sketch) sampled() float64 {
	if s.empty == s.buckets {
		return 0
	}
	return math.Log(s.empty/s.buckets) / math.Log1p(-1/s.buckets)
}

// estimate is the number of different values.
func (s sketch) estimate() value {
	if s.empty == 0 {
		return undefined(saturated)
	}
	return tail(s.oneIn*s.sampled(), distributionDigits)
}

// deviation is its standard error, of collisions and of sampling.
func (s sketch) deviation() value {
	if s.empty == 0 {
		return undefined(saturated)
	}
	n := s.sampled()
	collisions := s.oneIn * s.oneIn * s.buckets * max(0, s.buckets/s.empty-n/s.buckets-1)
	return tail(math.Sqrt(collisions+s.oneIn*n*(s.oneIn-1)), distributionDigits)
}

// noneSampled is how many values of which none was looked at are possible, for each that
// is not: with more the probability of that is below 1/40.
const noneSampled = 3.7

// interval is the 95 % confidence interval: not below the taken buckets, which are
// different values for certain.
func (s sketch) interval() (lo, hi value) {
	lo, hi = interval(s.estimate(), s.deviation(), normalQuantile())
	if s.empty == 0 {
		return lo, hi
	}
	if taken := double(new(big.Rat).SetFloat64(s.buckets - s.empty)); lo.exact.Cmp(taken.exact) < 0 {
		lo = taken
	}
	if s.empty == s.buckets && s.oneIn > 1 {
		hi = tail(noneSampled*s.oneIn, distributionDigits)
	}
	return lo, hi
}

// count is the estimate as an integer, which is what count gives.
func (s sketch) count() value {
	v := s.estimate()
	if v.IsNull() {
		return v
	}
	return whole(decimalPlaces(v.exact, 0))
}

// addSketches adds to an answer the figures of each estimate in one of its rows.
func (p *Plan) addSketches(row candidate, result *Result) (err error) {
	group := row.printed()
	seen := map[string]int{}
	for _, o := range p.Outputs {
		eachFunction(o.Expr, func(e *Expr) {
			if e.Value.Text != sketchFunction || err != nil || row.reason(e) != 0 {
				return
			}
			args := make([]value, len(e.Args))
			for i, a := range e.Args {
				if args[i], err = evaluate(a, row.group); err != nil {
					return
				}
			}
			name := o.Name
			if seen[name]++; seen[name] > 1 { // figures are told apart by name
				name = fmt.Sprintf("%s_%d", name, seen[name])
			}
			s := sketchOf(args)
			lo, hi := s.interval()
			for _, f := range []figure{{"estimate", s.estimate()}, {"std_error", s.deviation()}, {"ci_lo", lo}, {"ci_hi", hi},
				{"buckets", whole(big.NewInt(int64(s.buckets)))}, {"one_in", whole(big.NewInt(int64(s.oneIn)))}} {
				result.Model = append(result.Model, Figure{Group: group, Name: name + "." + f.name,
					Value: f.value.print(false), Reason: f.value.reason})
			}
		})
	}
	return err
}

// finishSketch is the estimate from a call's arguments.
func finishSketch(args []value) (value, bool) {
	if len(args) < 2 {
		return value{}, false
	}
	return sketchOf(args).count(), true
}

// sketchLearns says what the buckets of an estimate reveal.
func sketchLearns(_ Language, e *Expr) string {
	buckets, oneIn := len(e.Args)-1, e.Args[0].Value.Number
	which := "all values"
	if oneIn.Cmp(big.NewInt(1)) > 0 {
		which = fmt.Sprintf("one in %s of the values", oneIn)
	}
	return fmt.Sprintf("which is an estimate, in how many departments each of %d buckets is taken, to which a public hash deals %s: "+
		"of a value that somebody guesses, and that is among these, an empty bucket proves that no department has it in the rows counted, "+
		"and a taken one makes it likelier", buckets, which)
}
