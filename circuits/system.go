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
// Wires: 1, the public inputs (two halves of the digest, γ, the value, the factors), the secret
// inputs (those of the first commitment: digits, multiplicities, a mask; those of the second: the
// quotient by Z^M+1, a mask), β, α, and what the solver computes.
type system struct {
	shape *shape
	r1cs  *cs.R1CS

	digitWires    [][][]int // [short][coefficient][digit]
	countWires    [][]int   // [table][entry]: how often the entry is looked up
	tupleWires    [][]int   // [table of fours][tuple]: the same
	quotientWires []int
	maskWires     [2]int
}

// digestInputs is how many public inputs carry the statement's digest: two 128-bit halves.
const digestInputs = 2

// publicWires are the public inputs that follow the digest.
type publicWires struct {
	gamma, value int
	factors      [][]int // [short in a product][class]
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
	sys.constrainRelations(b, public)
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
		row := make([]int, s.params.Classes())
		for class := range row {
			row[class] = b.r1cs.AddPublicVariable("factor")
		}
		public.factors = append(public.factors, row)
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
func (sys *system) constrainRelations(b *builder, public publicWires) {
	total := sys.constrainTerms(b)
	sums := map[table]constraint.LinearExpression{}
	offsets := map[table]int64{}
	for f, short := range sys.shape.factors() {
		sh := &sys.shape.shorts[short]
		offsets[sh.tables[0]] = sh.offset.Int64()
		for class := range sys.shape.params.Classes() {
			value, sum := sys.constrainFours(b, short, class)
			sums[sh.tables[0]] = append(sums[sh.tables[0]], sum...)
			total = append(total, b.product(value, b.wire(public.factors[f][class])))
		}
	}
	for k, t := range sys.shape.tableList(true) {
		sum := sums[t]
		for tuple, count := range sys.tupleWires[k] {
			sum = append(sum, b.fraction(count, b.minusTuple(t, tuple, offsets[t])))
		}
		b.add(sum, b.constant(1), nil)
	}
	quotient := make([]constraint.LinearExpression, len(sys.quotientWires))
	for j, w := range sys.quotientWires {
		quotient[j] = b.wire(w)
	}
	total = append(total, b.product(b.horner(quotient, b.at(1)), b.cyclotomic))
	b.add(total, b.constant(1), b.wire(public.value))
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

// constrainFours evaluates one class of a short in a product at ζ. Every four coefficients make
// an intermediate value, which is looked up among the tuples at γ: its value there is the one that
// the evaluation goes on with. It returns the value and the inverses for the table's sum.
func (sys *system) constrainFours(b *builder, short, class int) (value, sum constraint.LinearExpression) {
	offset := sys.shape.shorts[short].offset.Int64()
	coefficients := make([]constraint.LinearExpression, sys.shape.params.perClass())
	for m := range coefficients {
		coefficients[m] = constraint.LinearExpression{b.term(offset, 0), b.term(1, sys.digitWires[short][class+sys.shape.params.Classes()*m][0])}
	}
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
		constant := new(big.Int)
		var expression constraint.LinearExpression
		for _, p := range l.parts {
			r := &sys.shape.relations[p.relation]
			place := (l.class + sys.shape.params.Classes()*m - r.start) / r.step
			for _, t := range r.terms {
				sh, factor := &sys.shape.shorts[t.short], new(big.Int).Mul(p.weight, t.factor)
				constant.Add(constant, new(big.Int).Mul(factor, sh.offset))
				for d, wire := range sys.digitWires[t.short][place] {
					expression = append(expression, b.bigTerm(new(big.Int).Lsh(factor, uint(sh.shifts[d])), wire))
				}
			}
		}
		if constant.Sign() != 0 {
			expression = append(constraint.LinearExpression{b.bigTerm(constant, 0)}, expression...)
		}
		out[m] = expression
	}
	return out
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
