package engine

import (
	"fmt"
	"math/big"
	"slices"
	"strings"

	pg "github.com/pganalyze/pg_query_go/v6"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// orderStatistic is an aggregate that the analyst finishes from what each value of a
// column's dictionary counts. README section 10.
type orderStatistic struct {
	within   bool     // written with WITHIN GROUP (ORDER BY column)
	fraction bool     // takes a fraction between 0 and 1
	numbers  bool     // of numbers only, with a double precision as its result
	count    bool     // gives an integer
	decimal  bool     // gives a numeric
	searched bool     // of a column without a dictionary it is searched in several rounds
	ordered  bool     // depends on the order of the values
	cell     MomentOp // of each value
	pick     func(fraction *big.Rat, t tally) value
}

// tallied makes the entry of an order statistic.
func tallied(s orderStatistic) function {
	return function{bind: s.bind, clauses: []protoreflect.Name{"agg_within_group", "agg_order"}, finish: s.finished,
		learns: s.learns, order: &s, ordered: s.ordered}
}

// severally makes the entry of an order statistic of several fractions, which a call with an array
// becomes.
func severally(s orderStatistic) function {
	f := tallied(s)
	f.finish = s.finishedArray
	return f
}

// bind types a call: of a column with a dictionary, one cell a value.
func (s orderStatistic) bind(b *binder, name string, call *pg.FuncCall, in place, position int) (*Expr, error) {
	if s.within != call.AggWithinGroup {
		if s.within {
			return nil, refuse(CodeUnsupported, position, "%s is written %s", name, s.written(name))
		}
		return nil, refuse(CodeUnsupported, position, "%s takes no WITHIN GROUP: write %s(column)", name, name)
	}
	filter, err := b.bindFilter(call.AggFilter, "FILTER", in)
	if err != nil {
		return nil, err
	}
	out := &Expr{Op: OpFunction, Value: NewText(name), Nullable: !s.count}
	args := call.Args
	if s.fraction {
		if len(args) != 1 {
			return nil, refuse(CodeUnsupported, position, "%s is written %s", name, s.written(name))
		}
		var fraction *Expr
		if array := args[0].GetAArrayExpr(); array != nil {
			out.Value = NewText(name + arrayOf)
			fraction, err = b.bindFractions(name, array, position)
		} else {
			fraction, err = b.bindFraction(name, args[0], position)
		}
		if err != nil {
			return nil, err
		}
		out.Args, args = append(out.Args, fraction), args[1:]
	}
	if s.within {
		if len(args) != 0 {
			return nil, refuse(CodeUnsupported, position, "%s is written %s", name, s.written(name))
		}
		if args, err = b.withinGroup(name, call, position); err != nil {
			return nil, err
		}
	} else if len(call.AggOrder) > 0 {
		return nil, refuse(CodeUnsupported, position, "%s", fieldReasons["agg_order"])
	}
	if len(args) != 1 || call.AggStar {
		return nil, refuse(CodeUnsupported, position, "%s takes one column", shownName(name))
	}
	x, values, err := b.listedArgument(name, args[0], in.depth, position)
	if err != nil {
		return nil, err
	}
	if s.numbers && !x.Kind.numeric() && x.Kind != Null {
		return nil, b.noNumber(name, x, position)
	}
	if x.Kind == Boolean && (name == "min" || name == "max") {
		return nil, refuse(CodeType, position, "%s of a boolean is not supported, as in PostgreSQL: "+countWhere, name)
	}
	switch {
	case s.count:
		out.Kind = Integer
	case s.numbers:
		out.Kind = Float
	case s.decimal:
		out.Kind = Decimal
	default:
		out.Kind, out.Scale = x.Kind, x.Scale
	}
	if out.Value.Text != name { // an array is written as text
		out.Kind, out.Scale = Text, 0
	}
	b.aggregates = true // also over a column without any value, which has no cell
	return out, b.tallyCells(out, x, values, s.cell, filter, position)
}

// arrayOf is behind the name of a percentile of several fractions.
const arrayOf = " array"

// bindFractions reads ARRAY[0.25, 0.5]: its fractions as one text.
func (b *binder) bindFractions(name string, array *pg.A_ArrayExpr, position int) (*Expr, error) {
	var fractions []string
	for _, node := range array.Elements {
		e, err := b.bindFraction(name, node, position)
		if err != nil {
			return nil, err
		}
		fractions = append(fractions, e.Value.String())
	}
	if len(fractions) == 0 || len(fractions) > maxFractions {
		return nil, refuse(CodeUnsupported, position, "%s takes an array of 1 to %d fractions", name, maxFractions)
	}
	return literalText(strings.Join(fractions, " ")), nil
}

const maxFractions = 100

// finishedArray makes the tally of a call with several fractions, and writes what each picks as an
// array of PostgreSQL.
func (s orderStatistic) finishedArray(args []value) (value, bool) {
	var out []string
	for _, text := range strings.Split(args[0].Text, " ") {
		f, ok := new(big.Rat).SetString(text)
		if !ok {
			return value{}, false
		}
		v, ok := s.finished(append([]value{{Datum: NewText(text), exact: f}}, args[1:]...))
		if !ok || v.IsNull() {
			return v, ok
		}
		element := *v.print(false).Text
		if v.Kind == Boolean {
			element = element[:1]
		} else if element == "" || lower(element) == "null" || strings.ContainsAny(element, "{},\"\\ \t\n\v\f\r") {
			element = `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(element) + `"`
		}
		out = append(out, element)
	}
	return word("{" + strings.Join(out, ",") + "}"), true
}

// listedArgument binds an argument whose values are counted one by one: a column with a dictionary,
// or an expression whose values can be listed as those of GROUP BY.
func (b *binder) listedArgument(name string, node *pg.Node, depth, position int) (*Expr, []Datum, error) {
	e, err := b.bind(node, place{name: name, argument: true, depth: depth})
	if err != nil {
		return nil, nil, err
	}
	if e.Op == OpColumn {
		column, err := b.dictionaryOf(name, e, position)
		if err != nil {
			return nil, nil, err
		}
		return e, b.values(column), nil
	}
	if hasNull(e) || e.Op == OpConstant {
		return nil, nil, refuse(CodeType, position, "%s of a literal is not supported: name a column", shownName(name))
	}
	values, err := b.groupValues(e, position)
	if err != nil {
		return nil, nil, err
	}
	if b.bare(e) >= 0 && len(values)*b.toldApart() > MaxDictionary {
		return nil, nil, b.tooFine(e, len(values)*b.toldApart(), position)
	}
	if values = slices.DeleteFunc(values, Datum.IsNull); len(values) > MaxDictionary {
		return nil, nil, refuse(CodeLimit, position, "%s would count %d values; at most %d are allowed", shownName(name), len(values), MaxDictionary)
	}
	return e, values, nil
}

// tallyCells adds to a call, for each value of an expression, the value and its cell.
func (b *binder) tallyCells(out, x *Expr, values []Datum, op MomentOp, filter *Expr, position int) error {
	for i, v := range values {
		constant, err := (&Expr{Op: OpConstant, Value: v, Kind: v.Kind, Scale: v.Scale}).derive(nil, position)
		if err != nil {
			return err
		}
		rows, when := rowSet{filter: filter}, []condition(nil)
		if x.Op == OpColumn {
			when = []condition{{x.Column, i}}
		} else {
			is := &Expr{Op: OpEqual, Args: []*Expr{x, constant}, Kind: Boolean, Nullable: x.Nullable}
			rows.filter = conjunction(filter, []*Expr{is})
		}
		cell, err := b.cell(op, rows, nil, when, position)
		if err != nil {
			return err
		}
		out.Args = append(out.Args, constant, cell)
	}
	if len(out.Args) == 0 {
		out.Args = append(out.Args, &Expr{Op: OpConstant, Nullable: true})
	}
	return nil
}

// written is how a call is written.
func (s orderStatistic) written(name string) string {
	if s.fraction {
		return name + "(0.5) WITHIN GROUP (ORDER BY column)"
	}
	return name + "() WITHIN GROUP (ORDER BY column)"
}

// withinGroup is the one ascending key of WITHIN GROUP.
func (b *binder) withinGroup(name string, call *pg.FuncCall, position int) ([]*pg.Node, error) {
	if len(call.AggOrder) != 1 || call.AggOrder[0].GetSortBy() == nil {
		return nil, refuse(CodeUnsupported, position, "%s orders by one column", name)
	}
	key := call.AggOrder[0].GetSortBy()
	if err := b.only(key, "node", "sortby_dir", "sortby_nulls", "location"); err != nil {
		return nil, err
	}
	if key.SortbyDir == pg.SortByDir_SORTBY_DESC {
		return nil, refuse(CodeUnsupported, position, "%s orders ascending: leave out DESC", name)
	}
	return []*pg.Node{key.Node}, nil
}

// bindFraction reads a literal between 0 and 1.
func (b *binder) bindFraction(name string, node *pg.Node, position int) (*Expr, error) {
	e, err := b.bind(node, place{name: name})
	if err != nil {
		return nil, err
	}
	if e, err = b.coerce(e, Decimal, position); err != nil {
		return nil, err
	}
	if e.Op != OpConstant || e.Value.IsNull() || !e.Kind.numeric() {
		return nil, refuse(CodeUnsupported, position, "the fraction of %s must be a number", name)
	}
	if f := rational(e.Value); f.Sign() < 0 || f.Cmp(big.NewRat(1, 1)) > 0 {
		return nil, refuse(CodeType, position, "the fraction of %s is %s: it must be between 0 and 1", name, e.Value)
	}
	return e, nil
}

// dictionaryColumn binds an argument that must be a column with a dictionary.
func (b *binder) dictionaryColumn(name string, node *pg.Node, depth, position int) (int, error) {
	e, err := b.bind(node, place{name: name, argument: true, depth: depth})
	if err != nil {
		return 0, err
	}
	if e.Op != OpColumn {
		return 0, refuse(CodeUnsupported, position, "%s takes a column, not an expression", shownName(name))
	}
	return b.dictionaryOf(name, e, position)
}

// dictionaryOf is the number of a column that must have a dictionary.
func (b *binder) dictionaryOf(name string, e *Expr, position int) (int, error) {
	c := b.plan.Schema.Columns[e.Column]
	if c.Resembles != Null && functions[name].ordered {
		return 0, c.unlike(position)
	}
	if !c.HasDictionary {
		hint := fmt.Sprintf("declared columns of at most %d distinct values have one", MaxDictionary)
		if s := functions[name].order; s != nil && s.searched && c.Kind != Text {
			hint += "; a number or a date is searched in several rounds where nothing but such " +
				"figures of this one column stands beside columns of GROUP BY"
		}
		if c.Undeclared() {
			hint = joined(hint, b.boundsWanted(e.Column))
		} else {
			hint = joined(hint, b.dictionaryWanted(e.Column))
		}
		return 0, hinted(refuse(CodeType, position,
			"column %s has no dictionary, so %s cannot count its values in one round", quote(c.Name), shownName(name)), "%s", hint)
	}
	return e.Column, nil
}

// tally is the values of a column in ascending order with their counts.
type tally struct {
	values []Datum
	counts []*big.Int
}

// learns says what the cells are: a presence or a number of rows for each value.
func (s orderStatistic) learns(l Language, call *Expr) string {
	values := 0
	for _, a := range call.Args {
		if a.Op == OpMoment {
			values++
		}
	}
	if s.cell == Present {
		return l.say("in how many departments each of %s occurs", plural(l, values, "value"))
	}
	return l.say("the whole distribution: how many rows have each of %s", plural(l, values, "value"))
}

// finished makes the tally of a call's arguments and picks.
func (s orderStatistic) finished(args []value) (value, bool) {
	fraction := new(big.Rat)
	if s.fraction {
		fraction, args = args[0].exact, args[1:]
	}
	var t tally
	for i := 0; i+1 < len(args); i += 2 {
		if args[i+1].Number.Sign() > 0 {
			t.values, t.counts = append(t.values, args[i].Datum), append(t.counts, args[i+1].Number)
		}
	}
	if len(t.values) == 0 && !s.count {
		return undefined(noRows), true
	}
	return s.pick(fraction, t), true
}

// total is the number of values counted.
func (t tally) total() *big.Int {
	n := new(big.Int)
	for _, c := range t.counts {
		n.Add(n, c)
	}
	return n
}

// at is the value with the rank, counted from 0.
func (t tally) at(rank *big.Int) Datum {
	below := new(big.Int)
	for i, c := range t.counts {
		if below.Add(below, c); rank.Cmp(below) < 0 {
			return t.values[i]
		}
	}
	return t.values[len(t.values)-1]
}

// continuous interpolates between the values around rank f·(n−1): type 7 of Hyndman
// and Fan (1996), PostgreSQL's percentile_cont.
func (t tally) continuous(f *big.Rat) value {
	n := t.total()
	rank := new(big.Rat).SetInt(n.Sub(n, big.NewInt(1)))
	rank.Mul(rank, f)
	low := new(big.Int).Quo(rank.Num(), rank.Denom())
	rest := new(big.Rat).Sub(rank, new(big.Rat).SetInt(low))
	x := rational(t.at(low))
	if rest.Sign() != 0 {
		y := rational(t.at(new(big.Int).Add(low, big.NewInt(1))))
		y.Sub(y, x)
		x.Add(x, rest.Mul(rest, y))
	}
	return double(x)
}

// discrete is the first value at or above the fraction f of all.
func (t tally) discrete(f *big.Rat) value {
	return valueOf(t.at(discreteRank(f, t.total())))
}

// discreteRank is the rank, from 0, of the value that percentile_disc gives of n.
func discreteRank(f *big.Rat, n *big.Int) *big.Int {
	rank := new(big.Rat).Mul(f, new(big.Rat).SetInt(n))
	up := new(big.Int).Add(rank.Num(), rank.Denom())
	up.Sub(up, big.NewInt(1)).Quo(up, rank.Denom()) // ⌈f·n⌉
	if up.Sign() > 0 {
		up.Sub(up, big.NewInt(1))
	}
	return up
}

// mode is the most frequent value, of several the first.
func (t tally) mode() value {
	best := 0
	for i, c := range t.counts {
		if c.Cmp(t.counts[best]) > 0 {
			best = i
		}
	}
	return valueOf(t.values[best])
}

func (t tally) extreme(last bool) value {
	if last {
		return valueOf(t.values[len(t.values)-1])
	}
	return valueOf(t.values[0])
}

// sum adds up the different values.
func (t tally) sum() value {
	var out value
	for i, v := range t.values {
		x := valueOf(v)
		if x.Kind = Decimal; i == 0 {
			out = x
			continue
		}
		out, _ = compute(&Expr{Op: OpAdd, Kind: Decimal}, out, x)
	}
	return out
}

// average is the mean of the different values.
func (t tally) average() value {
	total, n := t.sum(), whole(big.NewInt(int64(len(t.values))))
	return value{Datum: divide(total.Datum, n.Datum), exact: new(big.Rat).Quo(total.exact, n.exact)}
}

func (t tally) distinct() value { return whole(big.NewInt(int64(len(t.values)))) }

// valueOf is a value of a column.
func valueOf(d Datum) value {
	if d.Kind.numeric() {
		return value{Datum: d, exact: rational(d)}
	}
	return value{Datum: d}
}
