package circuits

import (
	"fmt"
	"math/big"
	"math/bits"

	"github.com/consensys/gnark/constraint"
	cs "github.com/consensys/gnark/constraint/bn254"
	"github.com/consensys/gnark/constraint/solver"
	fcs "github.com/consensys/gnark/frontend/cs"
)

// system is a shape compiled to rank-1 constraints. It is built constraint by constraint
// rather than through a circuit front end, because the choice of side matters: the challenges,
// the small committed digits and one tuple in four of them stand on the right, so the
// multi-exponentiation in G2 has small scalars, and every secret input is committed, so nothing
// can be chosen after the challenge that it is tested at.
//
// Wires: 1, the public inputs (two halves of the digest, γ, the value, the factors, those of the slots,
// lo), the secret inputs (those of the first commitment: digits, multiplicities, a mask; those of the
// second: the quotient by Z^M+1, the rest of the slots, a mask), β, α, and what the solver computes.
type system struct {
	shape *shape
	r1cs  *cs.R1CS

	digitWires    [][][]int // [short][coefficient][digit]
	countWires    [][]int   // [table][entry]: how often the entry is looked up
	tupleWires    [][]int   // [table of fours][tuple]: the same
	quotientWires []int
	restWires     []int // of the slots: coefficients 1, 2, …; none where there are no slots
	maskWires     [2]int
}

// digestInputs is how many public inputs carry the statement's digest: two 128-bit halves.
const digestInputs = 2

// publicWires are the public inputs that follow the digest.
type publicWires struct {
	gamma, value int
	factors      []int
	slotValue    int
	slotFactors  []int
	lo           int
}

func compile(s *shape) (*system, error) {
	if err := s.checkWrap(); err != nil {
		return nil, fmt.Errorf("compile %v: %w", s.statement, err)
	}
	b := &builder{r1cs: cs.NewR1CS(0)}
	b.blueprint = b.r1cs.AddBlueprint(&constraint.BlueprintGenericR1C{})
	b.r1cs.AddPublicVariable("1")
	sys := &system{shape: s, r1cs: b.r1cs}
	public := sys.declare(b)
	if err := sys.commit(b); err != nil {
		return nil, fmt.Errorf("compile %v: %w", s.statement, err)
	}
	b.gamma = b.wire(public.gamma)
	sys.constrainTables(b)
	b.derive(s.params.Classes(), s.params.perClass())
	sys.constrainSlots(b, public, sys.constrainRelations(b, public))
	sys.constrainMasked(b, public.lo)
	return sys, nil
}

// declare allocates all inputs.
func (sys *system) declare(b *builder) publicWires {
	s := sys.shape
	for range digestInputs {
		b.r1cs.AddPublicVariable("digest")
	}
	public := publicWires{gamma: b.r1cs.AddPublicVariable("gamma"), value: b.r1cs.AddPublicVariable("value")}
	for range s.factors() {
		public.factors = append(public.factors, b.r1cs.AddPublicVariable("factor"))
	}
	if s.slots != nil {
		public.slotValue = b.r1cs.AddPublicVariable("value of the slots")
		for range s.slotFactors() {
			public.slotFactors = append(public.slotFactors, b.r1cs.AddPublicVariable("factor of the slots"))
		}
	}
	if s.aboveLo() {
		public.lo = b.r1cs.AddPublicVariable("lo")
	}
	for _, sh := range s.shorts {
		wires := make([][]int, sh.length)
		for j := range wires {
			wires[j] = b.secrets("digit", len(sh.tables))
		}
		sys.digitWires = append(sys.digitWires, wires)
	}
	for _, t := range s.tableList(false) {
		sys.countWires = append(sys.countWires, b.secrets("count", int(t)))
	}
	for _, t := range s.tableList(true) {
		sys.tupleWires = append(sys.tupleWires, b.secrets("tuple count", t.tuples()))
	}
	sys.maskWires[0] = b.secrets("mask", 1)[0]
	sys.quotientWires = b.secrets("quotient", s.params.perClass())
	if s.slots != nil {
		sys.restWires = b.secrets("rest", 2*s.params.perClass()-1)
	}
	sys.maskWires[1] = b.secrets("mask", 1)[0]
	return public
}

// commit makes the two challenges (eprint 2022/1072): β is bound to the digest and the first
// group of secret inputs, α to both, to β, and to the second group. The masks make the
// commitments hiding; each stands in a constraint so that it has a base.
func (sys *system) commit(b *builder) error {
	first := b.r1cs.GetNbPublicVariables()
	bound := []int{1, 2}
	for i, to := range []*constraint.LinearExpression{&b.beta, &b.alpha} {
		mask := b.wire(sys.maskWires[i])
		b.add(mask, b.constant(1), mask)
		inputs := []constraint.LinearExpression{b.constant(int64(i))}
		for _, w := range bound {
			inputs = append(inputs, b.wire(w))
		}
		var committed []int
		for ; first <= sys.maskWires[i]; first++ {
			committed = append(committed, first)
			inputs = append(inputs, b.wire(first))
		}
		placeholder := fcs.Bsb22CommitmentComputePlaceholder
		out, err := b.r1cs.AddSolverHint(placeholder, solver.GetHintID(placeholder), inputs, 1)
		if err != nil {
			return err
		}
		if err := b.r1cs.AddCommitment(constraint.Groth16Commitment{
			PublicAndCommitmentCommitted: append([]int(nil), bound...),
			NbPublicCommitted:            digestInputs,
			PrivateCommitted:             committed,
			CommitmentIndex:              out[0],
		}); err != nil {
			return err
		}
		*to = b.wire(out[0])
		bound = append(bound, out[0])
	}
	return nil
}

// constrainTables proves by logarithmic derivatives (eprint 2022/1530) that every digit lies
// in its table: Σ 1/(α − digit) = Σ count_t/(α − t), one constraint a digit and one an entry.
// The counts are committed before α; counts chosen afterwards would let any digit through.
func (sys *system) constrainTables(b *builder) {
	for k, t := range sys.shape.tableList(false) {
		var sum constraint.LinearExpression
		for i, sh := range sys.shape.shorts {
			for d := range sh.tables {
				if sh.tables[d] != t || sh.byFours {
					continue
				}
				for _, coefficient := range sys.digitWires[i] {
					sum = append(sum, b.inverse(constraint.LinearExpression{b.alpha[0], b.term(-1, coefficient[d])}))
				}
			}
		}
		for entry, count := range sys.countWires[k] {
			sum = append(sum, b.fraction(count, b.minus(b.alpha, int64(entry))))
		}
		b.add(sum, b.constant(1), nil)
	}
}

// constrainRelations proves all identities as one of polynomials in Z, at ζ = α^classes, each line
// of them weighted by a power of β. Modulo Z^M+1 over the field the quotient by Z^M+1 vanishes, so
// it needs no range; what remains is bounded, hence an identity over the integers (README section 3).
// It returns what the classes of the shorts in products are at ζ.
func (sys *system) constrainRelations(b *builder, public publicWires) map[factor]constraint.LinearExpression {
	total := sys.constrainTerms(b)
	values := map[factor]constraint.LinearExpression{}
	sums := map[table]constraint.LinearExpression{}
	offsets := map[table]int64{}
	for i, f := range sys.shape.factors() {
		sh := &sys.shape.shorts[f.short]
		coefficients := sys.classCoefficients(b, f, public.lo)
		if sh.byFours {
			value, sum := b.fours(coefficients)
			t := sh.tables[0]
			values[f], sums[t], offsets[t] = value, append(sums[t], sum...), sh.offset.Int64()
		} else {
			values[f] = b.horner(coefficients, b.at(1))
		}
		total = append(total, b.product(values[f], b.wire(public.factors[i])))
	}
	for k, t := range sys.shape.tableList(true) {
		sum := sums[t]
		for tuple, count := range sys.tupleWires[k] {
			sum = append(sum, b.fraction(count, b.minusTuple(t, tuple, offsets[t])))
		}
		b.add(sum, b.constant(1), nil)
	}
	total = append(total, b.product(b.horner(b.wires(sys.quotientWires), b.at(1)), b.cyclotomic))
	b.add(total, b.constant(1), b.wire(public.value))
	return values
}

// constrainSlots proves the slots, weighted with powers of β, at coefficient 0 modulo Z^M+1 of class 0.
// All other coefficients of that class are free, so this is an identity of its own, in which no line
// stands: Σ value·factor = Σ_m rest_m·ζ^m, m < 2M, where rest_0 − rest_M is what the slots say
// (README section 11).
func (sys *system) constrainSlots(b *builder, public publicWires, values map[factor]constraint.LinearExpression) {
	slots := sys.shape.slots
	if slots == nil {
		return
	}
	terms := make([]constraint.LinearExpression, slots.count)
	for k := range terms {
		terms[k] = sys.sumOfTerms(b, []placed{{slots.terms, k, one}})
	}
	rest := append([]constraint.LinearExpression{b.wire(public.slotValue)}, b.wires(sys.restWires)...)
	rest[0] = append(rest[0], rest[sys.shape.params.perClass()]...)
	for _, t := range b.horner(terms, b.beta) {
		rest[0] = append(rest[0], b.negate(t))
	}
	var total constraint.LinearExpression
	for i, f := range sys.shape.slotFactors() {
		total = append(total, b.product(values[f], b.wire(public.slotFactors[i])))
	}
	b.add(total, b.constant(1), b.horner(rest, b.at(1)))
}

// constrainMasked has α = α·ι at every coefficient, with ι a bit: α is zero where ι is.
func (sys *system) constrainMasked(b *builder, lo int) {
	for _, m := range sys.shape.masked {
		for j := range sys.digitWires[m.by] {
			alpha := sys.coefficient(b, m.short, j, lo)
			b.add(alpha, sys.coefficient(b, m.by, j, lo), alpha)
		}
	}
}

// minusTuple is γ − Σ c_i·ζ^i for the tuple's coefficients c_i, its digits plus the offset.
func (b *builder) minusTuple(t table, tuple int, offset int64) constraint.LinearExpression {
	out := constraint.LinearExpression{b.gamma[0]}
	for i := range fours {
		wire := 0
		if i > 0 {
			wire = b.zeta[i].WireID()
		}
		if c := int64(tuple%int(t)) + offset; c != 0 {
			out = append(out, b.term(-c, wire))
		}
		tuple /= int(t)
	}
	return out
}

// constrainTerms evaluates the terms with constant factors: each line by Horner's rule in ζ, the
// lines by Horner's rule in β.
func (sys *system) constrainTerms(b *builder) constraint.LinearExpression {
	lines := sys.shape.lines()
	var total constraint.LinearExpression
	for l := len(lines) - 1; l >= 0; l-- {
		value := b.horner(sys.combination(lines[l], b), b.at(1))
		if total != nil {
			value = b.step(total, b.beta, value)
		}
		total = value
	}
	return total
}

// classCoefficients are the coefficients of one class of a short in a product.
func (sys *system) classCoefficients(b *builder, f factor, lo int) []constraint.LinearExpression {
	out := make([]constraint.LinearExpression, sys.shape.params.perClass())
	for m := range out {
		out[m] = sys.coefficient(b, f.short, (f.class+sys.shape.params.Classes()*m)/sys.shape.shorts[f.short].step, lo)
	}
	return out
}

// coefficient is one coefficient of a short, with lo where it has that.
func (sys *system) coefficient(b *builder, short, place, lo int) constraint.LinearExpression {
	sh := &sys.shape.shorts[short]
	var e constraint.LinearExpression
	if sh.offset.Sign() != 0 {
		e = append(e, b.bigTerm(sh.offset, 0))
	}
	if sh.aboveLo {
		e = append(e, b.term(1, lo))
	}
	for d, wire := range sys.digitWires[short][place] {
		e = append(e, b.bigTerm(new(big.Int).Lsh(one, uint(sh.shifts[d])), wire))
	}
	return e
}

// fours evaluates a polynomial at ζ. Every four coefficients make an intermediate value, which is
// looked up among the tuples at γ: its value there is the one that the evaluation goes on with. It
// returns the value and the inverses for the table's sum.
func (b *builder) fours(coefficients []constraint.LinearExpression) (value, sum constraint.LinearExpression) {
	tuples := make([]constraint.LinearExpression, len(coefficients)/fours)
	for i := range tuples {
		tuples[i] = b.horner(coefficients[fours*i:fours*(i+1)], b.at(1))
		sum = append(sum, b.inverse(constraint.LinearExpression{b.gamma[0], b.negate(tuples[i][0])}))
	}
	return b.horner(tuples, b.at(fours)), sum
}

// combination lists, per coefficient of a line, the terms with constant factors of all its parts.
func (sys *system) combination(l line, b *builder) []constraint.LinearExpression {
	out := make([]constraint.LinearExpression, sys.shape.params.perClass())
	for m := range out {
		var parts []placed
		for _, p := range l.parts {
			r := &sys.shape.relations[p.relation]
			parts = append(parts, placed{r.terms, (l.class + sys.shape.params.Classes()*m - r.start) / r.step, p.weight})
		}
		out[m] = sys.sumOfTerms(b, parts)
	}
	return out
}

// placed are terms at one place of their shorts, with a weight.
type placed struct {
	terms  []term
	place  int
	weight *big.Int
}

func (sys *system) sumOfTerms(b *builder, parts []placed) constraint.LinearExpression {
	constant := new(big.Int)
	var expression constraint.LinearExpression
	for _, p := range parts {
		for _, t := range p.terms {
			sh, factor := &sys.shape.shorts[t.short], new(big.Int).Mul(p.weight, t.factor)
			constant.Add(constant, new(big.Int).Mul(factor, sh.offset))
			for d, wire := range sys.digitWires[t.short][p.place] {
				expression = append(expression, b.bigTerm(new(big.Int).Lsh(factor, uint(sh.shifts[d])), wire))
			}
		}
	}
	if constant.Sign() != 0 {
		expression = append(constraint.LinearExpression{b.bigTerm(constant, 0)}, expression...)
	}
	return expression
}

// builder adds constraints L·R = O.
type builder struct {
	r1cs      *cs.R1CS
	blueprint constraint.BlueprintID

	alpha, beta, gamma constraint.LinearExpression
	zeta               [fours + 1]constraint.Term // powers of ζ, from the first
	cyclotomic         constraint.LinearExpression
}

func (b *builder) secrets(name string, n int) []int {
	wires := make([]int, n)
	for i := range wires {
		wires[i] = b.r1cs.AddSecretVariable(name)
	}
	return wires
}

func (b *builder) bigTerm(coefficient *big.Int, wire int) constraint.Term {
	return b.r1cs.MakeTerm(b.r1cs.FromInterface(coefficient), wire)
}

func (b *builder) term(coefficient int64, wire int) constraint.Term {
	return b.r1cs.MakeTerm(b.r1cs.FromInterface(coefficient), wire)
}

func (b *builder) wire(w int) constraint.LinearExpression {
	return constraint.LinearExpression{b.term(1, w)}
}

func (b *builder) wires(list []int) []constraint.LinearExpression {
	out := make([]constraint.LinearExpression, len(list))
	for i, w := range list {
		out[i] = b.wire(w)
	}
	return out
}

func (b *builder) constant(v int64) constraint.LinearExpression {
	return constraint.LinearExpression{b.term(v, 0)}
}

// at is a power of ζ.
func (b *builder) at(power int) constraint.LinearExpression {
	return constraint.LinearExpression{b.zeta[power]}
}

func (b *builder) minus(e constraint.LinearExpression, v int64) constraint.LinearExpression {
	if v == 0 {
		return e
	}
	return constraint.LinearExpression{e[0], b.term(-v, 0)}
}

func (b *builder) negate(t constraint.Term) constraint.Term {
	return b.r1cs.MakeTerm(b.r1cs.Neg(b.r1cs.GetCoefficient(t.CoeffID())), t.WireID())
}

func (b *builder) add(l, r, o constraint.LinearExpression) {
	b.r1cs.AddR1C(constraint.R1C{L: l, R: r, O: o}, b.blueprint)
}

// inverse is 1/e.
func (b *builder) inverse(e constraint.LinearExpression) constraint.Term {
	out := b.r1cs.AddInternalVariable()
	b.add(b.wire(out), e, b.constant(1))
	return b.term(1, out)
}

// fraction is −count/e.
func (b *builder) fraction(count int, e constraint.LinearExpression) constraint.Term {
	out := b.r1cs.AddInternalVariable()
	b.add(b.wire(out), e, b.wire(count))
	return b.term(-1, out)
}

// product is l·r.
func (b *builder) product(l, r constraint.LinearExpression) constraint.Term {
	out := b.r1cs.AddInternalVariable()
	b.add(l, r, b.wire(out))
	return b.term(1, out)
}

// step is l·r + e.
func (b *builder) step(l, r, e constraint.LinearExpression) constraint.LinearExpression {
	out := b.r1cs.AddInternalVariable()
	o := b.wire(out)
	for _, t := range e {
		o = append(o, b.negate(t))
	}
	b.add(l, r, o)
	return b.wire(out)
}

// horner evaluates at a point the polynomial whose coefficients are linear expressions: one
// constraint a coefficient, the accumulators on the left.
func (b *builder) horner(coefficients []constraint.LinearExpression, point constraint.LinearExpression) constraint.LinearExpression {
	last := len(coefficients) - 1
	accumulator := coefficients[last]
	for j := last - 1; j >= 0; j-- {
		accumulator = b.step(accumulator, point, coefficients[j])
	}
	return accumulator
}

// derive computes ζ = α^classes, its powers, and ζ^m + 1, by repeated squaring; classes and m are
// powers of two.
func (b *builder) derive(classes, m int) {
	zeta := b.alpha
	for range bits.TrailingZeros(uint(classes)) {
		zeta = constraint.LinearExpression{b.product(zeta, zeta)}
	}
	b.zeta[1] = zeta[0]
	for i := 2; i <= fours; i++ {
		b.zeta[i] = b.product(b.at(i-1), zeta)
	}
	power := zeta
	for range bits.TrailingZeros(uint(m)) {
		power = constraint.LinearExpression{b.product(power, power)}
	}
	b.cyclotomic = constraint.LinearExpression{power[0], b.term(1, 0)}
}
