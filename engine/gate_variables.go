package engine

import (
	"fmt"
	"math/big"
	"slices"
	"strings"
)

// variable is a number that sums add up, over some of a group's rows: the rules about its largest rows are held to it. README
// section 18.11.
type variable struct {
	expr       *Expr
	key        string   // of what it is, but for constant factors and summands
	conditions []*Expr  // that its rows meet
	terms      []string // the keys of the products that it is a sum of
	moments    []int    // that tell it
	rows       int      // the support of the rows in which it is not 0, where a floor is in force
}

// MaxVariables bounds the variables of a question, MaxAlike of these the ones that differ in their rows alone, MaxSummands the products that one is taken
// apart to.
const (
	MaxVariables = 2048
	MaxAlike     = 512
	MaxSummands  = 64
)

// variables are those of a plan's sums.
type variables struct {
	supports *supports
	list     []*variable
	places   map[string]int // by key and conditions
	seen     map[string]bool
	terms    []map[string]bool
	err      error
}

// variablesOf finds what the plan's sums add up, with what follows from two of them over rows of which one leaves some out.
func (s *supports) variablesOf() ([]*variable, []map[string]bool, error) {
	v := &variables{supports: s, places: map[string]int{}, seen: map[string]bool{}}
	for m, moment := range s.plan.Moments {
		v.terms = append(v.terms, map[string]bool{})
		if moment.Op == Sum {
			v.add(m, moment.Expr, append(s.conditionsOf(m), valued(moment.Expr, nil)...))
		}
	}
	v.between()
	return v.list, v.terms, v.err
}

// summand is a product of numbers that no product or sum is seen in, with a constant factor; of none it is a constant.
type summand struct {
	factor *big.Int
	of     []*Expr
	key    string
}

// keep adds a variable, each once.
func (v *variables) keep(m int, e *Expr, key string, terms []string, conditions []*Expr) {
	conditions = slices.DeleteFunc(v.supports.flat(conditions), func(c *Expr) bool { return c.Op == OpConstant && c.Value.Bool })
	if v.err != nil || e.Min == nil { // nil: no row has a value
		return
	}
	place := key + "\x00" + v.supports.key(conditions)
	at, known := v.places[place]
	if !known {
		if at = len(v.list); at == MaxVariables {
			v.err = tooManyVariables()
			return
		}
		v.places[place] = at
		v.list = append(v.list, &variable{expr: e, key: key, conditions: conditions, terms: terms})
	}
	if x := v.list[at]; !slices.Contains(x.moments, m) {
		x.moments = append(x.moments, m)
	}
	for _, t := range terms {
		v.terms[m][t] = true
	}
}

func tooManyVariables() error {
	return hinted(refuse(CodeLimit, 0, "the rules look at more than %d numbers that are added up", MaxVariables), "ask for fewer sums at once")
}

// add adds what a sum of an expression over some rows tells: itself, itself without what is constant, which the number of rows tells, each of the
// products that it is a sum of, and what stands within these.
func (v *variables) add(m int, e *Expr, conditions []*Expr) {
	seen := fmt.Sprint(m, " ") + v.supports.keyOf(e) + "\x00" + v.supports.key(v.supports.flat(conditions))
	if v.err != nil || e.counts() || v.seen[seen] {
		return
	}
	v.seen[seen] = true
	if len(v.seen) > 2*MaxVariables {
		v.err = tooManyVariables()
		return
	}
	all, ok := v.summands(e)
	if !ok {
		v.err = hinted(refuse(CodeLimit, 0, "the rules look at what a sum adds up, and that is a sum of more than %d products", MaxSummands), "ask for them one by one")
		return
	}
	var terms []string
	constant := new(big.Int)
	for _, t := range all {
		if len(t.of) == 0 {
			constant = t.factor
		} else {
			terms = append(terms, t.key)
		}
	}
	if len(terms) == 0 {
		return
	}
	if len(terms) > 1 || constant.Sign() != 0 {
		v.keep(m, e, "whole "+v.supports.keyOf(e), terms, conditions)
	}
	if len(terms) > 1 && constant.Sign() != 0 {
		c := constantExpr(Datum{Kind: e.Kind, Number: constant, Scale: e.Scale})
		e = v.derived(&Expr{Op: OpSubtract, Args: []*Expr{e, c}, Kind: e.Kind, Scale: e.Scale})
	}
	if len(terms) > 1 {
		v.keep(m, e, proportional(all), terms, conditions)
	}
	for _, t := range all {
		if len(t.of) == 0 || v.err != nil {
			continue
		}
		if product := v.product(t.of); !product.counts() {
			v.keep(m, product, t.key, []string{t.key}, conditions)
		}
		v.byClass(m, t.of, conditions)
		for i, of := range t.of {
			if i == 0 || !of.equal(t.of[i-1]) {
				v.inside(m, t.of, of, conditions)
			}
		}
	}
}

// counts reports whether a number is −1, 0 or 1: then its rows weigh alike, and its sum is of counts.
func (e *Expr) counts() bool {
	return e.Kind == Integer && e.Min != nil && e.Min.CmpAbs(big.NewInt(1)) <= 0 && e.Max.CmpAbs(big.NewInt(1)) <= 0
}

// inside adds what a factor of a product that is neither a product nor a sum is made of: of a CASE each result, where it is taken, else each
// number that it is computed from, as of abs(x + 1000) that is x.
func (v *variables) inside(m int, product []*Expr, of *Expr, conditions []*Expr) {
	within := func(part *Expr, more ...*Expr) {
		if part.Op == OpConstant && part.Value.IsNull() {
			return
		}
		var factors []*Expr
		for _, f := range product {
			if f.equal(of) {
				f = part
			}
			factors = append(factors, f)
		}
		if v.err == nil {
			v.add(m, v.product(factors), slices.Concat(conditions, more))
		}
	}
	switch {
	case of.Op == OpCase:
		for result, more := range of.branches() {
			within(result, more...)
		}
	case of.Op == OpCoalesce:
		var before []*Expr
		for _, a := range of.Args {
			within(a, before...)
			before = append(before, &Expr{Op: OpIsNull, Args: []*Expr{a}, Kind: Boolean})
		}
	case of.Op.isScore(): // of the row's number alone, which others weigh
		if a := of.Args[0]; of.Op != OpBucket {
			v.add(m, a, conditions)
		}
	default:
		for _, a := range of.Args {
			if a.Kind.numeric() && a.Op != OpConstant {
				within(a)
			}
		}
		for a, more := range of.taken() {
			within(a, more...)
		}
	}
}

// summands takes a number apart to products; false where there are too many. Equal ones are one, those that add up to nothing are none; in the order of their keys.
func (v *variables) summands(e *Expr) (out []summand, ok bool) {
	linear := e.Kind.numeric()
	for _, a := range e.Args {
		linear = linear && a.Kind.numeric() // of dates, the difference is what counts
	}
	times := func(list []summand, factor *big.Int) []summand {
		for i := range list {
			list[i].factor = new(big.Int).Mul(list[i].factor, factor)
		}
		return list
	}
	var parts [2][]summand
	if linear && (e.Op == OpNegate || e.Op == OpRescale || e.Op == OpAdd || e.Op == OpSubtract || e.Op == OpMultiply) {
		for i, a := range e.Args {
			if parts[i], ok = v.summands(a); !ok {
				return nil, false
			}
		}
		switch e.Op {
		case OpNegate:
			return times(parts[0], big.NewInt(-1)), true
		case OpRescale:
			return times(parts[0], pow10(e.Scale-e.Args[0].Scale)), true
		case OpSubtract:
			parts[1] = times(parts[1], big.NewInt(-1))
			fallthrough
		case OpAdd:
			return united(append(parts[0], parts[1]...))
		}
		if len(parts[0])*len(parts[1]) > MaxSummands*MaxSummands {
			return nil, false
		}
		for _, a := range parts[0] {
			for _, b := range parts[1] {
				out = append(out, v.summand(new(big.Int).Mul(a.factor, b.factor), slices.Concat(a.of, b.of)))
			}
		}
		return united(out)
	}
	if e.Op == OpConstant && e.Value.Number != nil {
		return united([]summand{v.summand(e.Value.Number, nil)})
	}
	return []summand{v.summand(big.NewInt(1), []*Expr{e})}, true
}

// summand is a product, its factors in the order of their keys.
func (v *variables) summand(factor *big.Int, of []*Expr) summand {
	slices.SortStableFunc(of, func(a, b *Expr) int { return strings.Compare(v.supports.keyOf(a), v.supports.keyOf(b)) })
	var key strings.Builder
	for _, e := range of {
		key.WriteString(v.supports.keyOf(e))
	}
	return summand{factor, of, key.String()}
}

func united(all []summand) (out []summand, ok bool) {
	slices.SortStableFunc(all, func(a, b summand) int { return strings.Compare(a.key, b.key) })
	for _, s := range all {
		if n := len(out); n > 0 && out[n-1].key == s.key {
			out[n-1].factor = new(big.Int).Add(out[n-1].factor, s.factor)
			continue
		}
		out = append(out, s)
	}
	out = slices.DeleteFunc(out, func(s summand) bool { return s.factor.Sign() == 0 })
	return out, len(out) <= MaxSummands
}

// proportional is the key of a sum of products, whatever number it is multiplied by and constant is added.
func proportional(all []summand) string {
	var divisor *big.Int
	for _, s := range all {
		switch {
		case len(s.of) == 0:
		case divisor == nil: // the first is above 0
			divisor = new(big.Int).Set(s.factor)
		default:
			sign := divisor.Sign()
			divisor = new(big.Int).GCD(nil, nil, new(big.Int).Abs(divisor), new(big.Int).Abs(s.factor))
			divisor.Mul(divisor, big.NewInt(int64(sign)))
		}
	}
	var key strings.Builder
	for _, s := range all {
		if len(s.of) > 0 {
			key.WriteString(new(big.Int).Quo(s.factor, divisor).String() + " " + s.key + "\x00")
		}
	}
	return key.String()
}

// product is that of numbers.
func (v *variables) product(of []*Expr) *Expr {
	out := of[0]
	for _, f := range of[1:] {
		kind := Integer
		if out.Kind == Decimal || f.Kind == Decimal {
			kind = Decimal
		}
		out = v.derived(&Expr{Op: OpMultiply, Args: []*Expr{out, f}, Kind: kind, Scale: out.Scale + f.Scale})
	}
	return out
}

func (v *variables) derived(e *Expr) *Expr {
	out, err := e.derive(v.supports.plan.Schema.Columns, 0)
	if err != nil {
		v.err = err
		return e
	}
	return out
}

// between adds what sums of one variable tell together: of two, of which the rows do not exclude each other, their difference, which is a sum over the rows that
// are in one and not in the other; of a whole and parts of it that exclude each other, the rows that are in none. What is a part, and what excludes what, is told by
// the values of columns too, as for a history.
func (v *variables) between() {
	sets := []asked{{}}
	if filter := v.supports.plan.Filter; filter != nil {
		sets[0].conditions = v.supports.flat([]*Expr{filter})
	}
	for _, x := range v.list {
		sets = append(sets, asked{conditions: x.conditions})
	}
	x, where := newExclusion(v.supports, sets), sets[0].conditions
	apart := func(a, b *variable) bool { return x.none(slices.Concat(where, a.conditions, b.conditions)) }
	within := func(a, b *variable) bool { return x.none(slices.Concat(where, a.conditions), b.conditions) }
	pairs, tooMany := 0, hinted(refuse(CodeLimit, 0, "more than %d pairs of sums may tell of each other's rows", MaxPairs), "ask for fewer sums with conditions at once")
	for _, alike := range gather(v.list, func(a, b *variable) bool { return a.key == b.key }) {
		if len(alike) > MaxAlike {
			v.err = tooMany
		}
		for i, a := range alike {
			if v.err != nil {
				return
			}
			var parts [][]*variable // of a, sorted so that those of one list exclude each other
			for j, b := range alike {
				if j < i && !apart(a, b) {
					v.tell(inOne(a.conditions, b.conditions), a, b)
					if pairs++; pairs > MaxPairs {
						v.err = tooMany
					}
				}
				if i == j || !within(b, a) || within(a, b) { // equal sets leave nothing
					continue
				}
				at := slices.IndexFunc(parts, func(list []*variable) bool {
					return !slices.ContainsFunc(list, func(y *variable) bool { return !apart(y, b) })
				})
				if at < 0 {
					at, parts = len(parts), append(parts, nil)
				}
				parts[at] = append(parts[at], b)
			}
			v.inNone(a, parts)
		}
	}
}

// inNone adds what is left of a whole beside parts, of which those of one list exclude each other.
func (v *variables) inNone(whole *variable, parts [][]*variable) {
	for _, list := range parts {
		if len(list) < 2 {
			continue
		}
		rest := whole.conditions
		for _, b := range list {
			rest = append(slices.Clip(rest), notAll(difference(b.conditions, rest)))
		}
		v.tell(rest, append(list, whole)...)
	}
}

// tell lets the moments of variables tell what they have in common over other rows.
func (v *variables) tell(rows []*Expr, of ...*variable) {
	for _, x := range of {
		for _, m := range x.moments {
			v.keep(m, x.expr, x.key, x.terms, rows)
		}
	}
}

// inOne are the rows that meet one of two lists of conditions and not the other.
func inOne(a, b []*Expr) []*Expr {
	onlyA, onlyB := difference(a, b), difference(b, a)
	both := slices.DeleteFunc(slices.Clone(a), func(c *Expr) bool { return slices.Contains(onlyA, c) })
	switch {
	case len(onlyA) == 0:
		return append(both, notAll(onlyB))
	case len(onlyB) == 0:
		return append(both, notAll(onlyA))
	}
	or := &Expr{Op: OpOr, Kind: Boolean, Nullable: true, Args: []*Expr{
		conjunction(nil, append(slices.Clone(onlyA), notAll(onlyB))), conjunction(nil, append(slices.Clone(onlyB), notAll(onlyA)))}}
	return append(both, or)
}

// difference are the conditions that are not among others.
func difference(conditions, others []*Expr) []*Expr {
	return slices.DeleteFunc(slices.Clone(conditions), func(c *Expr) bool { return slices.Contains(others, c) })
}

// notAll is that not all of some conditions hold.
func notAll(conditions []*Expr) *Expr {
	return negated(&Expr{Op: OpIsTrue, Args: []*Expr{conjunction(nil, conditions)}, Kind: Boolean})
}
