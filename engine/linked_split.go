package engine

import (
	"maps"
	"math"
	"math/big"
	"slices"
)

// splitter takes the moments of a plan apart into numbers of each side.
type splitter struct {
	*binder
	linked  *Linked
	vectors [2]map[string]int // by canonical encoding
	where   [2][]*Expr        // conjuncts of WHERE by side
	totals  [2][][]Bound      // by side, vector and department: the sum over all persons
	regs    [2][]Registration // by side, with the schema's names
	home    int               // the side of what reads neither
	terms   int
}

// What an expression reads: 0 or 1 is one of the sides.
const (
	neither   = -1
	bothSides = 2
)

// side is what an expression over rows reads.
func (p *Plan) side(e *Expr) int {
	side := neither
	columnsOf(e, func(c int) {
		if at := p.Join.Columns[c].Table; side == neither {
			side = at
		} else if side != at {
			side = bothSides
		}
	})
	return side
}

// notBilinear refuses what is no sum of products of a number of either side.
func notBilinear(position int, what string) *Error {
	return hinted(refuse(CodeUnsupported, position, "%s: across departments only sums of products are computed, of numbers that each table gives by itself", what),
		"each condition and each factor of a product is about columns of one of the two tables")
}

// split fills in the vectors and targets of a plan whose tables are joined across departments. README section 20.
func (b *binder) split() error {
	s := splitter{binder: b, linked: b.plan.Join.Linked}
	for side := range s.linked.Sides {
		s.vectors[side] = map[string]int{}
		s.regs[side] = b.plan.Join.side(side, b.plan.Schema.Columns)
	}
	if semi := s.linked.Semi; semi != nil {
		s.home, s.where[semi.Side] = 1-semi.Side, conjuncts(semi.Filter)
	}
	for g, group := range b.plan.Groups {
		side := s.sideOf(group.Expr)
		if side == bothSides {
			offset, _ := locateIn(b.groupNodes[g].ProtoReflect(), 0)
			return notBilinear(b.at(offset), "an entry of GROUP BY reads columns of both tables")
		}
		s.linked.Sides[side].Groups = append(s.linked.Sides[side].Groups, g)
	}
	for i, part := range conjuncts(b.plan.Filter) {
		position := b.conditionsAt[0]
		if len(b.conditionsAt) == len(conjuncts(b.plan.Filter)) {
			position = b.conditionsAt[i]
		}
		if err := s.condition(&s.where, part, position); err != nil {
			return err
		}
	}
	for m := range b.plan.Moments {
		t, err := s.target(&b.plan.Moments[m], b.positions[m])
		if err != nil {
			return err
		}
		at := slices.IndexFunc(s.linked.Targets, t.equal)
		if at < 0 {
			at, s.linked.Targets = len(s.linked.Targets), append(s.linked.Targets, t)
			s.terms += len(t.Terms)
		}
		if s.linked.Moments = append(s.linked.Moments, at); s.terms > MaxProducts {
			return refuse(CodeLimit, b.positions[m], "the question takes more than %d products of vectors", MaxProducts)
		}
	}
	if sides := &s.linked.Sides; sides[1].width() < sides[0].width() {
		s.linked.Multiplier = 1
	}
	return s.limits()
}

// limits refuses what would take too long whatever the spine.
func (s *splitter) limits() error {
	p := s.plan
	for side := range s.linked.Sides {
		if n := len(s.linked.Sides[side].Vectors) * s.linked.Groups(p, side); n > MaxVectors {
			return hinted(refuse(CodeLimit, 0, "the departments of table %s would each have %d numbers of a person; at most %d are allowed",
				quote(p.Join.Tables[side].Name), n, MaxVectors), "ask for fewer groups or fewer aggregates")
		}
	}
	if n := p.groupCount() * s.terms; n > MaxProducts {
		return hinted(refuse(CodeLimit, 0, "the question takes %d products of vectors; at most %d are allowed", n, MaxProducts),
			"ask for fewer groups or fewer aggregates")
	}
	return nil
}

// conjuncts are the parts of a conjunction, which is true where all of them are, though others be NULL.
func conjuncts(filter *Expr) (out []*Expr) {
	switch {
	case filter == nil:
		return nil
	case filter.Op != OpAnd:
		return []*Expr{filter}
	}
	for _, part := range filter.Args {
		out = append(out, conjuncts(part)...)
	}
	return out
}

// sideOf is the side of an expression, or bothSides.
func (s *splitter) sideOf(e *Expr) int {
	if side := s.plan.side(e); side != neither {
		return side
	}
	return s.home
}

// condition adds a condition to those of the side that it is about.
func (s *splitter) condition(of *[2][]*Expr, e *Expr, position int) error {
	side := s.sideOf(e)
	if side == bothSides {
		return notBilinear(position, "a condition reads columns of both tables ("+s.plan.describe(e)+")")
	}
	of[side] = append(of[side], e)
	return nil
}

// computed refuses an expression over columns of both tables.
func (s *splitter) computed(e *Expr, position int) error {
	return notBilinear(position, "what is added up is computed from columns of both tables by other than +, - and * ("+s.plan.describe(e)+")")
}

// needs are what must have a value for an expression to have one.
func needs(e *Expr) (out []*Expr) {
	if !e.Nullable {
		return nil
	}
	if e.Op.strict() {
		for _, a := range e.Args {
			out = append(out, needs(a)...)
		}
	}
	if len(out) == 0 { // a column, a form, a constant NULL
		return []*Expr{e}
	}
	return out
}

func hasValue(e *Expr) *Expr {
	missing := &Expr{Op: OpIsNull, Args: []*Expr{e}, Kind: Boolean}
	return &Expr{Op: OpNot, Args: []*Expr{missing}, Kind: Boolean}
}

// target takes one moment apart.
func (s *splitter) target(m *Moment, position int) (Target, error) {
	when := [2][]*Expr{slices.Clone(s.where[0]), slices.Clone(s.where[1])}
	for _, part := range conjuncts(m.Filter) {
		if err := s.condition(&when, part, position); err != nil {
			return Target{}, err
		}
	}
	products, op := []monomial{{factor: big.NewInt(1)}}, CountRows
	switch m.Op {
	case CountNonNull, Sum:
		for _, e := range needs(m.Expr) {
			side := s.sideOf(e)
			if side == bothSides {
				return Target{}, s.computed(e, position)
			}
			when[side] = append(when[side], hasValue(e))
		}
		if m.Op == Sum {
			var err error
			if products, err = s.expand(m.Expr, position); err != nil {
				return Target{}, err
			}
		}
	case CountKeys:
		op = Present
	case CountRows:
	default:
		return Target{}, notBilinear(position, "whether a value occurs is no sum over rows that match")
	}
	return s.combine(products, when, op, position)
}

// combine makes a target of products over rows under conditions. op is what stands for no factor.
func (s *splitter) combine(products []monomial, when [2][]*Expr, op MomentOp, position int) (Target, error) {
	t := Target{Range: Bound{Lo: new(big.Int), Hi: new(big.Int)}}
	for _, p := range products {
		term := Term{Factor: p.factor}
		for side := range term.Vectors {
			v, err := s.vector(side, s.linked.asked(side, op), p.factors[side], when[side], position)
			if err != nil {
				return Target{}, err
			}
			term.Vectors[side] = v
		}
		if at := slices.IndexFunc(t.Terms, func(o Term) bool { return o.Vectors == term.Vectors }); at >= 0 {
			t.Terms[at].Factor = new(big.Int).Add(t.Terms[at].Factor, term.Factor)
			continue
		}
		t.Terms = append(t.Terms, term)
	}
	t.Terms = slices.DeleteFunc(t.Terms, func(term Term) bool { return term.Factor.Sign() == 0 })
	for _, term := range t.Terms {
		r := s.reach(term)
		t.Range = Bound{Lo: new(big.Int).Add(t.Range.Lo, r.lo), Hi: new(big.Int).Add(t.Range.Hi, r.hi)}
	}
	if width := new(big.Int).Sub(t.Range.Hi, t.Range.Lo).BitLen(); width > MaxCellBits {
		return Target{}, hinted(refuse(CodeOverflow, position, "this is %d bits wide; at most %d are allowed", width, MaxCellBits), "sum something with smaller bounds")
	}
	return t, nil
}

// vector finds or adds a side's vector: what the factors multiply to in rows that meet all conditions; without factors what op says.
func (s *splitter) vector(side int, op MomentOp, factors, when []*Expr, position int) (int, error) {
	v := Vector{Op: op}
	if len(factors) > 0 {
		e, err := s.product(factors, position)
		if err != nil {
			return 0, err
		}
		v.Op, v.Expr = Sum, e
	}
	v.Filter = filterOf(v.Expr, when)
	key := string(Marshal(v))
	if at, known := s.vectors[side][key]; known {
		return at, nil
	}
	of := &s.linked.Sides[side]
	if len(of.Vectors) >= MaxVectors {
		return 0, refuse(CodeLimit, position, "each department of table %s would have more than %d numbers of a person", quote(s.plan.Join.Tables[side].Name), MaxVectors)
	}
	var totals []Bound
	for _, r := range s.regs[side] {
		moment := Moment{Op: v.Op, Expr: v.Expr}
		total := moment
		if total.Op == Present { // of all persons
			total.Op = CountRows
		}
		totals = append(totals, momentBound(&total, r, s.plan.Schema))
		r.Rows = mostOfPerson(&r)
		v.Bounds = append(v.Bounds, momentBound(&moment, r, s.plan.Schema))
	}
	s.vectors[side][key] = len(of.Vectors)
	of.Vectors, s.totals[side] = append(of.Vectors, v), append(s.totals[side], totals)
	return len(of.Vectors) - 1, nil
}

// filterOf is the conjunction of conditions in canonical order, each once, without those that something has a value which others, or the
// sum of an expression that is NULL without it, say already.
func filterOf(summed *Expr, when []*Expr) *Expr {
	var said []*Expr
	if summed != nil {
		said = needs(summed)
	}
	for _, e := range when { // true, so it has a value itself
		said = append(said, needs(e)...)
	}
	encoded := map[string]*Expr{}
	for _, e := range when {
		if !slices.ContainsFunc(said, func(known *Expr) bool { return hasValue(known).equal(e) }) {
			encoded[string(Marshal(e))] = e
		}
	}
	var out []*Expr
	for _, key := range slices.Sorted(maps.Keys(encoded)) {
		out = append(out, encoded[key])
	}
	return conjunction(nil, out)
}

// reach is the range of a term. It is bounded in three ways: by how many persons can stand on both sides, and from
// either side by its rows, each of which meets a number of the other.
func (s *splitter) reach(t Term) span {
	var each [2]span // of a person's number, over all departments of the side
	var rows [2]*big.Int
	var bounded [2]bool // by the rows of the side
	for side, v := range t.Vectors {
		each[side], rows[side] = span{new(big.Int), new(big.Int)}, new(big.Int)
		of := &s.linked.Sides[side].Vectors[v]
		for d, b := range of.Bounds {
			each[side] = span{new(big.Int).Add(each[side].lo, b.Lo), new(big.Int).Add(each[side].hi, b.Hi)}
			rows[side].Add(rows[side], big.NewInt(s.regs[side][d].Rows))
		}
		if bounded[side] = of.Op != Absent; !bounded[side] {
			rows[side].SetInt64(math.MaxInt64) // persons that it knows nothing of
		}
	}
	of := product(each[0], each[1])
	persons := minimum(rows[0], rows[1])
	out := span{new(big.Int).Mul(of.lo, persons), new(big.Int).Mul(of.hi, persons)}
	for side, v := range t.Vectors {
		if !bounded[side] {
			continue
		}
		sum := span{new(big.Int), new(big.Int)}
		for _, b := range s.totals[side][v] {
			of := product(span{b.Lo, b.Hi}, each[1-side])
			sum = span{sum.lo.Add(sum.lo, of.lo), sum.hi.Add(sum.hi, of.hi)}
		}
		out = span{maximum(out.lo, sum.lo), minimum(out.hi, sum.hi)}
	}
	if t.Factor.Sign() < 0 {
		out.lo, out.hi = out.hi, out.lo
	}
	return span{new(big.Int).Mul(out.lo, t.Factor), new(big.Int).Mul(out.hi, t.Factor)}
}

// monomial is a product of factors, each of which reads one side, and a number.
type monomial struct {
	factor  *big.Int
	factors [2][]*Expr
}

func (a monomial) times(b monomial) monomial {
	out := monomial{factor: new(big.Int).Mul(a.factor, b.factor)}
	for side := range out.factors {
		out.factors[side] = slices.Concat(a.factors[side], b.factors[side])
	}
	return out
}

// expand writes an expression as a sum of products. Constant factors go out of them, so that the numbers of a person are small.
func (s *splitter) expand(e *Expr, position int) ([]monomial, error) {
	side := s.sideOf(e)
	switch {
	case e.Op == OpConstant && e.Value.Number == nil: // NULL: there are no such rows
		return nil, nil
	case e.Op == OpConstant:
		return []monomial{{factor: e.Value.Number}}, nil
	case e.Op == OpNegate:
		return s.scaled(e.Args[0], big.NewInt(-1), position)
	case e.Op == OpRescale:
		return s.scaled(e.Args[0], pow10(e.Scale-e.Args[0].Scale), position)
	case e.Op == OpMultiply:
		return s.multiplied(e, position)
	case side == bothSides && (e.Op == OpAdd || e.Op == OpSubtract):
		left, err := s.expand(e.Args[0], position)
		if err != nil {
			return nil, err
		}
		sign := int64(1)
		if e.Op == OpSubtract {
			sign = -1
		}
		right, err := s.scaled(e.Args[1], big.NewInt(sign), position)
		return slices.Concat(left, right), err
	case side == bothSides:
		return nil, s.computed(e, position)
	}
	out := monomial{factor: big.NewInt(1)}
	out.factors[side] = []*Expr{e}
	return []monomial{out}, nil
}

func (s *splitter) scaled(e *Expr, by *big.Int, position int) ([]monomial, error) {
	out, err := s.expand(e, position)
	for i := range out {
		out[i].factor = new(big.Int).Mul(out[i].factor, by)
	}
	return out, err
}

// multiplied expands a product.
func (s *splitter) multiplied(e *Expr, position int) (out []monomial, err error) {
	left, err := s.expand(e.Args[0], position)
	if err != nil {
		return nil, err
	}
	right, err := s.expand(e.Args[1], position)
	if err != nil {
		return nil, err
	}
	if len(left)*len(right) > MaxExpanded {
		return nil, refuse(CodeLimit, position, "this multiplies out to more than %d products", MaxExpanded)
	}
	for _, a := range left {
		for _, b := range right {
			out = append(out, a.times(b))
		}
	}
	return out, nil
}
